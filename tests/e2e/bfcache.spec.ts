import { delivered, expect, part, settled, started, state, test } from './support/visit.ts';
import { ran, serveMini } from './support/mini.ts';

// Playwright's Chromium has it switched off.
test.use({ launchOptions: async ({ launchOptions }, use) => use({ ...launchOptions, ignoreDefaultArgs: ['--disable-back-forward-cache'] }) });

test('a page that comes back from the back/forward cache tells the truth (G10)', async ({ page, product }) => {
  const url = serveMini(product.front, product.sink.url);
  const plain = `${product.front.origin}/plain/`;
  product.front.answers.set('/plain/', { type: 'text/html', body: '<!doctype html><title>Plain</title><link rel="icon" href="data:,"><p>Plain</p>' });
  await page.goto(url);
  await started(page);
  await part(page, 'accept').click();
  await delivered(page);
  await expect.poll(() => ran(page)).toEqual(['analytical', 'marketing']);
  await page.evaluate(() => void ((window as any).same = true));
  await page.goto(plain);

  // Meanwhile, in another tab.
  const other = await page.context().newPage();
  await other.goto(`${url}?other`);
  await started(other);
  const anew = other.waitForEvent('load');
  await other.evaluate(() => void setTimeout(() => (window as any).askfirst.withdraw()));
  await anew;
  await started(other);
  await other.close();
  product.forget();

  await page.evaluate(() => history.back());
  // What ran before stands in the cached page, so it starts anew and runs nothing.
  await expect.poll(() => page.evaluate(() => 'same' in window).catch(() => true)).toBe(false);
  // A page that was not in the cache would have been fetched by going back, not by a reload of ours.
  const how = () => page.evaluate(() => (performance.getEntriesByType('navigation')[0] as PerformanceNavigationTiming).type);
  await expect.poll(() => how().catch(() => ''), 'the page was in the cache').toBe('reload');
  await started(page);
  expect(await state(page)).toMatchObject({ granted: [], refused: ['analytical', 'marketing'] });
  await expect.poll(() => ran(page)).toEqual(['!marketing']);
  await settled(page, product);
  expect(await ran(page)).toEqual(['!marketing']);
  expect(product.sink.log).toEqual([]);
});

test('a banner in a page that comes back is gone when the choice was made elsewhere (G10)', async ({ page, product }) => {
  const url = serveMini(product.front, product.sink.url);
  await page.goto(url);
  await started(page);
  await expect(part(page, 'banner')).toBeVisible();
  await page.evaluate(() => addEventListener('pageshow', (event) => ((window as any).persisted = event.persisted)));
  await page.goto(`${url}?next`);
  await started(page);
  await part(page, 'reject').click();
  await delivered(page);
  await page.evaluate(() => history.back());
  await expect.poll(() => page.evaluate(() => (window as any).persisted).catch(() => undefined), { message: 'the page was in the cache' }).toBe(true);
  await expect(part(page, 'banner')).toHaveCount(0);
  expect(await state(page)).toMatchObject({ refused: ['analytical', 'marketing'] });
});
