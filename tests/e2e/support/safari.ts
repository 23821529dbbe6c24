import type { BrowserContext, Page } from '@playwright/test';

/** No script can write a cookie: what is there, the server has set. */
export const serverOnly = (context: BrowserContext) => context.addInitScript(() => {
  const { get } = Object.getOwnPropertyDescriptor(Document.prototype, 'cookie')!;
  Object.defineProperty(Document.prototype, 'cookie', { configurable: true, get, set() {} });
});

/** The choice's cookie with what it says, once there is one. */
export const setCookie = async (context: BrowserContext) => {
  const found = (await context.cookies()).find(({ name }) => name == 'askfirst');
  return found && { ...found, choice: JSON.parse(decodeURIComponent(found.value)).choice };
};

/** What Safari does to a site that was not used for seven days. */
export const forget = (page: Page) => page.evaluate(() => localStorage.clear());
