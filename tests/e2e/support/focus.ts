import type { Page } from '@playwright/test';

/** The part of the interface that has the focus, or the id of the page's element that has it. */
export const focused = (page: Page) => page.evaluate(() => {
  let element = document.activeElement;
  if (element?.shadowRoot) element = element.shadowRoot.activeElement;
  return element?.getAttribute('part') || element?.id || element?.localName;
});

/** Presses a key until `name` has the focus; answers how often. */
export async function tabTo(page: Page, name: string, most = 40, key = 'Tab') {
  for (let presses = 1; presses <= most; presses += 1) {
    await page.keyboard.press(key);
    if ((await focused(page)) == name) return presses;
  }
  throw new Error(`${name} is not reached by ${most} times ${key}; the focus is on ${await focused(page)}`);
}
