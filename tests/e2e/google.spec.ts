// Google Consent Mode beyond basic mode: tags that load before the choice, and regions (REQUIREMENTS 4.1, L25, FIELD 53).
import type { Page } from '@playwright/test';
import { expect, part, rest, started, test } from './support/visit.ts';
import type { Product } from './support/product.ts';

const L25 = /warning L25 at <script src="https:\/\/www\.googletagmanager\.com\/gtag\/js\?id=G-1">: it loads before the choice/;
const TAG = 'https://www.googletagmanager.com/gtag/js?id=G-1';

/** A page with an unmarked Google tag after the loader, which is `loader`; the tag tells what it finds when it runs. */
async function open(page: Page, product: Product, loader: string, head = '') {
  await product.configure((config) => delete config.records);
  await page.route('https://www.googletagmanager.com/**', (route) => route.fulfill({
    contentType: 'text/javascript', body: 'window.found = [...dataLayer].map((entry) => [...entry].slice(0, 2).join(" "));',
  }));
  product.front.answers.set('/google/', { type: 'text/html', body: `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Google</title><link rel="icon" href="data:,">
<script src="/askfirst/askfirst.js" data-config="/askfirst.json" ${loader}></script>
${head}<script src="${TAG}"></script></head><body><h1>Google</h1></body></html>` });
  await page.goto(product.front.origin + '/google/');
  await started(page);
}

const layer = (page: Page) => page.evaluate(() => ((window as any).dataLayer as ArrayLike<any>[]).map((entry) => (entry[0] ? [...(entry as any)] : [(entry as any).event])));

test('a Google tag that loads before the choice is objected to on the developer’s machine (L25)', async ({ page, product, console }) => {
  console.expect(L25);
  await open(page, product, 'data-google');
  await expect.poll(() => console.lines.some((line) => L25.test(line))).toBe(true);
});

test('advanced mode, acknowledged: the tag finds the default before anything, hears the choice, and on the next page both (FIELD 53)', async ({ page, product, console }) => {
  await open(page, product, 'data-google="advanced"');
  expect(await page.evaluate(() => (window as any).found)).toEqual(['consent default', 'set ads_data_redaction']);
  await part(page, 'reject').click();
  await expect.poll(async () => (await layer(page)).map(([command, what]) => `${command} ${what ?? ''}`.trim())).toEqual(['consent default', 'set ads_data_redaction', 'consent update', 'askfirst_update']);
  expect(Object.entries((await layer(page))[2]![2]).filter(([, value]) => value != 'denied')).toEqual([['security_storage', 'granted']]);
  await page.reload();
  await started(page);
  expect(await page.evaluate(() => (window as any).found)).toEqual(['consent default', 'set ads_data_redaction', 'consent update']);
  await rest(page, 1500);
  expect(console.lines.filter((line) => line.includes('L25'))).toEqual([]);
});

test('a default of the page for its own region stands beside ours, before the tag; ours has none and stays denied (GCM)', async ({ page, product }) => {
  await open(page, product, 'data-google="advanced"', `<script>gtag('consent', 'default', { analytics_storage: 'granted', region: ['US-CA'] });</script>`);
  expect(await page.evaluate(() => (window as any).found)).toEqual(['consent default', 'set ads_data_redaction', 'consent default']);
  const [ours, , theirs] = await layer(page);
  expect(ours![2]).toMatchObject({ analytics_storage: 'denied', ad_storage: 'denied', wait_for_update: 500 });
  expect(ours![2]).not.toHaveProperty('region');
  expect(theirs![2]).toEqual({ analytics_storage: 'granted', region: ['US-CA'] });
  // Nothing is said about the choice before there is one: an update would undo the region's default.
  await rest(page);
  expect((await layer(page)).filter(([, what]) => what == 'update')).toEqual([]);
});
