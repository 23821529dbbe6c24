import { readFileSync } from 'node:fs';
import type { Page } from '@playwright/test';
import { expect, part, started, test } from './support/visit.ts';
import { serveMini } from './support/mini.ts';

const THEMES: Record<string, unknown> = JSON.parse(readFileSync(new URL('../../www/themes.json', import.meta.url), 'utf8'));

/** Contrast of two colours as `rgb(…)` (WCAG 2.2, "contrast ratio"). */
function contrast(a: string, b: string) {
  const luminance = (colour: string) => {
    const [r, g, b] = colour.match(/[\d.]+/g)!.slice(0, 3).map((part) => {
      const value = Number(part) / 255;
      return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
  };
  const [low, high] = [luminance(a), luminance(b)].toSorted((x, y) => x - y);
  return (high! + 0.05) / (low! + 0.05);
}

/** How a part of the interface really looks. */
const look = (page: Page, name: string, selector = '') => page.locator(`askfirst-ui [part~="${name}"] ${selector}`).first().evaluate((element) => {
  const { color, backgroundColor, borderTopColor, fontSize, fontWeight, fontFamily, textDecorationLine, boxShadow, opacity, visibility, filter, order } = getComputedStyle(element);
  const { width, height } = element.getBoundingClientRect();
  return { color, backgroundColor, borderTopColor, fontSize, fontWeight, fontFamily, textDecorationLine, boxShadow, opacity, visibility, filter, order, width, height };
});

for (const theme of Object.keys(THEMES)) {
  for (const colorScheme of ['light', 'dark'] as const) {
    test(`theme ${theme}, ${colorScheme}: legible, and the two buttons are alike (B4, L03, L38, A5)`, async ({ page, product }) => {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      const before = `<link rel="stylesheet" href="/askfirst/themes/${theme}.css">`;
      await page.goto(serveMini(product.front, product.sink.url, { before }));
      await started(page);
      await expect(part(page, 'banner')).toBeVisible();
      const [banner, soft, accept, reject, customise] = await Promise.all([
        look(page, 'banner'), look(page, 'banner', 'p'), look(page, 'accept'), look(page, 'reject'), look(page, 'customise'),
      ]);
      const background = banner!.backgroundColor;
      const own = await page.evaluate(() => getComputedStyle(document.querySelector('askfirst-ui')!).getPropertyValue('--askfirst-radius'));
      expect(own, 'the theme is there').not.toBe('');
      expect(contrast(banner!.color, background)).toBeGreaterThanOrEqual(7);
      expect(contrast(soft!.color, background)).toBeGreaterThanOrEqual(4.5);
      expect(contrast(accept!.color, accept!.backgroundColor)).toBeGreaterThanOrEqual(4.5);
      expect(contrast(accept!.backgroundColor, background)).toBeGreaterThanOrEqual(3);
      expect(contrast(customise!.borderTopColor, background)).toBeGreaterThanOrEqual(3);
      expect(reject).toEqual(accept);
      await part(page, 'reject').focus();
      const outline = await part(page, 'reject').evaluate((element) => getComputedStyle(element).outlineColor);
      expect(contrast(outline, background)).toBeGreaterThanOrEqual(3);
    });
  }
}

test('no rule of the page for one of the parts makes the buttons differ (B4)', async ({ page, product }) => {
  await page.emulateMedia({ reducedMotion: 'reduce' });
  const unfair = 'font-weight:900!important;font-size:2em;inline-size:20em;padding:2em;background:gold!important;color:red;opacity:.2;scale:.5;translate:0 50vh;order:9;visibility:hidden;display:none;filter:blur(3px);box-shadow:0 0 9px red;border:9px solid red';
  const before = `<style>askfirst-ui::part(reject){${unfair}}askfirst-ui::part(dialog-reject){${unfair}}</style>`;
  await page.goto(serveMini(product.front, product.sink.url, { before }));
  await started(page);
  await expect(part(page, 'banner')).toBeVisible();
  expect(await look(page, 'reject')).toEqual(await look(page, 'accept'));
  await part(page, 'customise').click();
  await expect(part(page, 'dialog-reject')).toBeVisible();
  expect(await look(page, 'dialog-reject')).toEqual(await look(page, 'dialog-accept'));
});
