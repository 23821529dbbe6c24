import { readdirSync } from 'node:fs';
import type { Page } from '@playwright/test';
import { delivered, expect, part, started, test as base } from './support/visit.ts';
import { serveMini } from './support/mini.ts';
import { Product } from './support/product.ts';

const LOCALES = readdirSync(new URL('../../www/locales', import.meta.url)).map((name) => name.replace('.json', ''));

// One server for all languages of a worker.
const test = base.extend<{}, { shared: Product }>({
  shared: [async ({}, use) => {
    const product = await Product.start();
    await product.configure((config) => config.categories.marketing.services.push('vimeo'));
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

  test(`${locale}: nothing is cut off at 320 px in a placeholder, the declaration, the settings after a choice and the question after a change (A5, B9, B15, B16)`, async ({ page, shared }) => {
    await page.setViewportSize({ width: 320, height: 700 });
    await page.emulateMedia({ reducedMotion: 'reduce' });
    const body = `<iframe id="film" title="Film" width="260" height="300" data-category="marketing" data-service="vimeo" data-src="${shared.sink.url}/film.html"></iframe><askfirst-declaration></askfirst-declaration>`;
    const url = serveMini(shared.front, shared.sink.url, { html: `lang="${locale}"`, body });
    await page.goto(url);
    await started(page);

    const film = page.frameLocator('#film');
    await expect(film.getByRole('button')).toHaveCount(2);
    const wide = (all: HTMLElement[]) => all.filter((one) => getComputedStyle(one).display != 'inline' && one.scrollWidth > one.clientWidth + 1).map((one) => `${one.localName}: ${one.textContent!.slice(0, 60)}`);
    expect(await film.locator('html, body, body *').evaluateAll(wide), 'placeholder').toEqual([]);

    const declaration = page.locator('askfirst-declaration');
    await expect(declaration.locator('table').first()).toBeAttached();
    await declaration.locator('details').evaluateAll((all) => all.forEach((details) => ((details as HTMLDetailsElement).open = true)));
    // A table may scroll in its own frame (WCAG 1.4.10); the page may not, and no word is cut off.
    expect(await declaration.locator('h2, h3, h4, p, dt, dd, li, button, caption, summary').evaluateAll(wide), 'declaration').toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth), 'declaration').toBeLessThanOrEqual(320);

    await part(page, 'accept').click();
    await delivered(page);
    await part(page, 'reopen').click();
    await expect(part(page, 'erase')).toBeAttached();
    await part(page, 'dialog').locator('details').evaluateAll((all) => all.forEach((details) => ((details as HTMLDetailsElement).open = true)));
    expect(await clipped(page, 'dialog'), 'after a choice').toEqual([]);
    await part(page, 'close').click();

    const config = await shared.config();
    config.categories.marketing.services.push('spotify');
    shared.front.answers.set('/askfirst.json', { type: 'application/json', body: JSON.stringify(config) });
    await page.reload();
    await started(page);
    await expect(part(page, 'banner').locator('.change')).toContainText('Spotify');
    expect(await clipped(page, 'banner'), 'after a change').toEqual([]);
    expect(await size(page, 'reject'), 'after a change').toEqual(await size(page, 'accept'));
    shared.front.answers.delete('/askfirst.json');
  });
}
