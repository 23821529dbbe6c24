import { test as base, expect, type Page } from '@playwright/test';
import { startSink, startSite, type Sink, type Site } from './site.ts';

/** Everything the page complained about: console lines above `log`, uncaught errors, policy violations. */
export type Complaints = string[];

export const test = base.extend<{ site: Site; sink: Sink; complaints: Complaints }>({
  site: async ({}, use) => {
    const site = await startSite();
    await use(site);
    await site.close();
  },
  sink: async ({}, use) => {
    const sink = await startSink();
    await use(sink);
    await sink.close();
  },
  complaints: async ({ page }, use) => {
    const complaints: Complaints = [];
    page.on('console', (message) => {
      if (['error', 'warning', 'assert'].includes(message.type())) complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(`uncaught ${error}`));
    await page.addInitScript(() => {
      addEventListener('securitypolicyviolation', (event) => console.error(`violation ${event.violatedDirective} ${event.blockedURI}`));
    });
    await use(complaints);
  },
});

/** A page that works says nothing. */
export const expectSilence = (complaints: Complaints) => expect(complaints).toEqual([]);

/** Lets what is under way come to rest, without guessing how long one thing takes. */
export const rest = (page: Page, ms = 400) => page.waitForTimeout(ms);

/** Where a script runs: a page of Playwright's, or one of another engine. */
interface Runs { evaluate(fn: (urls: string[]) => Promise<void>, urls: string[]): Promise<unknown> }

/** The page asks for these, one after the other, each from a task of its own: later than all that is under way now. */
export const askLater = (page: Runs, ...urls: string[]) => page.evaluate(async (urls) => {
  for (const url of urls) {
    await new Promise((go) => setTimeout(go));
    await fetch(url, { cache: 'no-store' });
  }
}, urls);

/**
 * Waits for what comes later than a request that is under way now: three more to the same server. The server's log is then
 * the judge, however slow the machine is; that they have come shows that it would have been told.
 */
export async function settled(page: Runs, sink: Sink) {
  const before = sink.canaries.length;
  await askLater(page, ...[1, 2, 3].map((n) => `${sink.open}/canary/${n}`));
  expect(sink.canaries.length - before, 'the log has what came last').toBeGreaterThanOrEqual(3);
}

export { expect };
