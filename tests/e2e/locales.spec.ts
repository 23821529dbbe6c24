import { readdirSync } from 'node:fs';
import type { Page } from '@playwright/test';
import { expect, part, started, test as base } from './support/visit.ts';
import { serveMini } from './support/mini.ts';
import { Product } from './support/product.ts';

const LOCALES = readdirSync(new URL('../../www/locales', import.meta.url)).map((name) => name.replace('.json', ''));

// One server for all languages of a worker: nothing is posted here.
const test = base.extend<{}, { shared: Product }>({
  shared: [async ({}, use) => {
    const product = await Product.start();
    await use(product);
    await product.stop();
  }, { scope: 'worker' }],
});

/** The name of a text in place of the text. */
const NAME = /\b(banner|category|change|dialog|dnt|duration|gpc|item|kind|own|purpose|reopen|safeguard)\.\w/;

/** Elements of a part whose text is cut off or that stand outside it, as `tag.class: text`. */
const clipped = (page: Page, name: string) => page.locator(`askfirst-ui [part~="${name}"]`).evaluate((root) => {
  const frame = root.getBoundingClientRect();
  const wrong: string[] = [];
  for (const element of [root, ...root.querySelectorAll<HTMLElement>('*')]) {
    const { scrollWidth, clientWidth, tagName, className } = element as HTMLElement;
    const box = element.getBoundingClientRect();
    const inline = getComputedStyle(element).display == 'inline';
    const hidden = box.width == 0 || box.height == 0;
    const outside = box.left < frame.left - 1 || box.right > frame.right + 1;
    if (!hidden && (outside || (!inline && clientWidth > 0 && scrollWidth > clientWidth + 1))) {
      wrong.push(`${tagName}.${className}: ${element.textContent!.slice(0, 60)}`);
    }
  }
  return wrong;
});

const size = (page: Page, name: string) => part(page, name).evaluate((element) => {
  const { width, height } = element.getBoundingClientRect();
  const { fontSize, fontWeight, color, backgroundColor } = getComputedStyle(element);
  return { width: Math.round(width), height: Math.round(height), fontSize, fontWeight, color, backgroundColor };
});

for (const locale of LOCALES) {
  test(`${locale}: nothing is cut off at 320 px, the two buttons are alike, the words are marked as theirs (A5, B4, B12)`, async ({ page, shared }) => {
    await page.setViewportSize({ width: 320, height: 700 });
    await page.emulateMedia({ reducedMotion: 'reduce' });
    await page.goto(serveMini(shared.front, shared.sink.url, { html: `lang="${locale}"` }));
    await started(page);
    await expect(part(page, 'banner')).toBeVisible();
    const host = page.locator('askfirst-ui');
    await expect(host).toHaveAttribute('lang', locale);
    await expect(host).toHaveAttribute('dir', ['ar', 'fa', 'he'].includes(locale) ? 'rtl' : 'ltr');
    expect(await clipped(page, 'banner')).toEqual([]);
    expect(await size(page, 'reject')).toEqual(await size(page, 'accept'));
    const { height } = (await part(page, 'banner').boundingBox())!;
    expect(height, 'leaves half the screen to the page').toBeLessThanOrEqual(351);
    await part(page, 'customise').click();
    await expect(part(page, 'dialog')).toBeVisible();
    await part(page, 'dialog').locator('details').evaluateAll((all) => all.forEach((details) => ((details as HTMLDetailsElement).open = true)));
    expect(await clipped(page, 'dialog')).toEqual([]);
    // Each word was in the file that it was looked for in.
    for (const name of ['banner', 'dialog']) await expect(part(page, name)).not.toContainText(NAME);
    expect(await size(page, 'dialog-reject')).toEqual(await size(page, 'dialog-accept'));
  });
}
