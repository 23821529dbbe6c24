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
interface Runs { evaluate(fn: (open: string) => Promise<void>, open: string): Promise<unknown> }

/**
 * Waits for what comes later than a request that is under way now: three requests of the page to the same server, one after
 * the other, each begun from a task of its own. The server's log is then the judge, however slow the machine is; that they
 * have come shows that it would have been told.
 */
export async function settled(page: Runs, sink: Sink) {
  const before = sink.canaries.length;
  await page.evaluate(async (open) => {
    for (const n of [1, 2, 3]) {
      await new Promise((go) => setTimeout(go));
      await fetch(`${open}/canary/${n}`);
    }
  }, sink.open);
  expect(sink.canaries.length - before, 'the log has what came last').toBeGreaterThanOrEqual(3);
}

export { expect };
