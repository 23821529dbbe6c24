import type { Page } from '@playwright/test';
import { axe } from './support/axe.ts';
import { delivered, expect, part, rest, started, state, test } from './support/visit.ts';
import { serveMini, works } from './support/mini.ts';
import type { Product } from './support/product.ts';
import { FORMS, place } from './support/place.ts';

const WINDOWS = { desktop: { width: 1280, height: 800 }, tablet: { width: 900, height: 700 }, phone: { width: 390, height: 740 } };

async function open(page: Page, product: Product, options = {}) {
  await page.goto(serveMini(product.front, product.sink.url, options));
  await started(page);
}

const box = async (page: Page, name: string) => (await part(page, name).boundingBox())!;

for (const form of FORMS) {
  test(`layout ${form}: in its place, inside the window, the page in use, the two buttons alike (A1, A5, B4, B10, B17)`, async ({ page, product }) => {
    test.setTimeout(60_000);
    await product.configure((config) => {
      config.layout = form;
      delete config.records;
    });
    await page.emulateMedia({ reducedMotion: 'reduce' });
    await open(page, product, { body: '<p style="height: 3000px">Long</p>' });
    await expect(part(page, 'banner')).toBeVisible();
    for (const [device, viewport] of Object.entries(WINDOWS)) {
      await page.setViewportSize(viewport);
      await page.evaluate(() => scrollTo(0, 0));
      const banner = await box(page, 'banner');
      expect(banner.x, device).toBeGreaterThanOrEqual(0);
      expect(banner.y, device).toBeGreaterThanOrEqual(0);
      expect(banner.x + banner.width, device).toBeLessThanOrEqual(viewport.width);
      expect(banner.y + banner.height, device).toBeLessThanOrEqual(viewport.height);
      // On a phone every form is the sheet at the bottom, of at most half the window.
      if (device == 'phone') {
        expect(banner.height).toBeLessThanOrEqual(viewport.height / 2);
        expect(Math.round(banner.y + banner.height)).toBe(viewport.height);
      } else expect(place(form, banner, viewport), `${device}: ${JSON.stringify(banner)}`).toBe(true);

      const [accept, reject] = await Promise.all([box(page, 'accept'), box(page, 'reject')]);
      expect(Math.abs(accept.width - reject.width), device).toBeLessThanOrEqual(1);
      expect(Math.abs(accept.height - reject.height), device).toBeLessThanOrEqual(1);
      for (const button of [accept, reject]) {
        expect(button.y + button.height, `${device}: in sight without scrolling`).toBeLessThanOrEqual(banner.y + banner.height);
      }

      // Nothing lies over the page beside the banner: it scrolls, and its button works where it isn't covered.
      const free = await page.evaluate(({ x, y, width, height }) => {
        const spots = [[2, 2], [innerWidth - 2, innerHeight - 2], [2, innerHeight - 2], [innerWidth / 2, 2]] as const;
        return spots.filter(([left, top]) => left < x || left > x + width || top < y || top > y + height)
          .map(([left, top]) => document.elementFromPoint(left, top)?.localName);
      }, banner);
      expect(free.length, device).toBeGreaterThan(0);
      expect(free.filter((name) => name == 'askfirst-ui' || !name), device).toEqual([]);
      const covered = await page.evaluate(({ x, y, width, height }) => {
        const own = document.getElementById('own')!.getBoundingClientRect();
        return own.right > x && own.left < x + width && own.bottom > y && own.top < y + height;
      }, banner);
      if (!covered) await works(page);
      const [x, y] = free.length && banner.y > 60 ? [viewport.width / 2, 30] : [viewport.width / 2, viewport.height - 30];
      await page.mouse.move(x, y);
      await page.mouse.wheel(0, 400);
      await expect.poll(() => page.evaluate(() => scrollY), device).toBeGreaterThan(200);

      const { violations } = await axe(page).include('askfirst-ui').analyze();
      expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(', ')}`), device).toEqual([]);
    }
  });
}

test('under a form at the top, what gets the focus is scrolled clear of it (WCAG 2.4.11)', async ({ page, product }) => {
  await product.configure((config) => {
    config.layout = 'bar-top';
    delete config.records;
  });
  await page.emulateMedia({ reducedMotion: 'reduce' });
  await open(page, product, { body: '<p style="height: 1500px">Long</p><button id="low">Low</button><p style="height: 1500px">Long</p>' });
  await expect(part(page, 'banner')).toBeVisible();
  await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
  await page.evaluate(() => document.getElementById('low')!.scrollIntoView({ block: 'start' }));
  const [banner, low] = [await box(page, 'banner'), (await page.locator('#low').boundingBox())!];
  expect(low.y).toBeGreaterThanOrEqual(banner.y + banner.height);
});

test('from right to left a box stands on the other side', async ({ page, product }) => {
  await product.configure((config) => {
    config.layout = 'box-end';
    delete config.records;
  });
  await open(page, product, { html: 'lang="ar" dir="rtl"' });
  await expect(part(page, 'banner')).toBeVisible();
  const banner = await box(page, 'banner');
  expect(banner.x).toBeLessThan(page.viewportSize()!.width - banner.x - banner.width);
});

test('headless: nothing is drawn, and everything else works as ever', async ({ page, product, console }) => {
  console.expect(/^askfirst: .*\nwarning L02 at \$\.layout: draws nothing/);
  await product.configure((config) => (config.layout = 'none'));
  await open(page, product, { body: '<a id="settings" href="#" data-askfirst="preferences">Settings</a>' });
  await page.locator('#settings').click();
  await page.evaluate(() => (window as any).askfirst.open());
  await rest(page);
  await expect(page.locator('askfirst-ui')).toHaveCount(0);
  expect(await state(page)).toMatchObject({ decided: false, asked: ['analytical', 'marketing'] });
  await page.evaluate(() => (window as any).askfirst.save({ analytical: true, marketing: false }));
  await expect.poll(() => page.evaluate(() => (window as any).ran)).toEqual(['analytical', '!marketing']);
  await delivered(page);
  const evidence = await product.evidence((await state(page)).recordId);
  expect(JSON.stringify(evidence)).toContain('"layer":"page"');
  await expect(page.locator('askfirst-ui')).toHaveCount(0);
  // It comes when there is time for it.
  await expect.poll(() => console.ours()).toHaveLength(1);
});

test('on a quiet page the banner comes only when it is called for, and nothing opens before (B10)', async ({ page, product }) => {
  await product.configure((config) => (config.quiet = ['/mini']));
  await open(page, product);
  await rest(page);
  await expect(part(page, 'banner')).toHaveCount(0);
  await expect(part(page, 'reopen')).toBeVisible();
  expect(await page.evaluate(() => (window as any).ran ?? [])).toEqual([]);
  expect(product.sink.log).toEqual([]);
  await page.evaluate(() => (window as any).askfirst.open());
  await expect(part(page, 'banner')).toBeVisible();
  await part(page, 'accept').click();
  await expect(part(page, 'banner')).toHaveCount(0);
  await delivered(page);
  // Where the visitor was is nobody's business (S2).
  const { recordId } = await state(page);
  const { record } = await product.evidence(recordId);
  expect(record).toBeTruthy();
  expect(JSON.stringify(record)).not.toContain('mini');
});
