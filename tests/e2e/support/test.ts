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

export { expect };
