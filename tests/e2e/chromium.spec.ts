import { readFile } from 'node:fs/promises';
import { expect, test } from '@playwright/test';

/** What is of one kind among the processes of the browser. */
const processes = async (browser: any, type: string): Promise<{ id: number }[]> => {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  return processInfo.filter((one: any) => one.type == type);
};

test('Chromium leaves out all that Playwright leaves out, though it obeys the last list alone', async ({ browser }) => {
  const [own] = await processes(browser, 'browser');
  const args = (await readFile(`/proc/${own!.id}/cmdline`, 'utf8')).split('\0');
  const lists = args.filter((arg) => arg.startsWith('--disable-features=')).map((arg) => arg.slice('--disable-features='.length).split(','));

  expect(lists.length, "Playwright's own list and the last").toBeGreaterThanOrEqual(2);
  expect(lists.at(-1)).toEqual(expect.arrayContaining(lists.flat()));
});

test('a page is one process, and none is started for the browser’s own windows', async ({ browser, page }) => {
  await page.goto('data:text/html,<p>a page');
  await page.locator('p').waitFor();

  await expect(async () => expect(await processes(browser, 'renderer')).toHaveLength(1)).toPass();
});
