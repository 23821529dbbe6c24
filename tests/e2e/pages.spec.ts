// The pages /askfirst/me/ and /askfirst/verify/ in each language that they have: every word of them, right to left where it is
// written so, whole on a phone (A5, B12). That no language lacks a key is checked by the build (`xtask/bundle.mjs`).
import { readdirSync, readFileSync } from 'node:fs';
import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { delivered, expect, part, test, visit } from './support/visit.ts';

const FOLDER = new URL('../../www/pages/', import.meta.url);
const read = (path: string | URL): Record<string, string> => JSON.parse(readFileSync(path, 'utf8'));
const PAGES = Object.fromEntries(readdirSync(FOLDER).map((name) => [name.replace('.json', ''), read(new URL(name, FOLDER))]));
const RTL = ['ar', 'fa', 'he'];
const EVIDENCE = JSON.parse(readFileSync(new URL('../vectors/log-evidence.json', import.meta.url), 'utf8'));

/** Words that stand on the page as they do in English, though it is another language's. */
const leftovers = (page: Page, english: string[]) => page.locator('body').innerText().then((text) => english.filter((words) => text.includes(words)));
/** What is cut off or leaves the window. */
const clipped = (page: Page) => page.evaluate(() => [...document.querySelectorAll<HTMLElement>('main, main *')].filter((one) => {
  const { left, right, width } = one.getBoundingClientRect();
  // A select shows as much of the language as fits; what is for screen readers alone is one pixel wide.
  return width > 1 && !one.closest('select') && (left < -1 || right > innerWidth + 1 || (getComputedStyle(one).display != 'inline' && one.clientWidth && one.scrollWidth > one.clientWidth + 1 && one.localName != 'textarea' && one.localName != 'input'));
}).map((one) => `${one.localName}: ${one.textContent!.slice(0, 60)}`));

const STATIC = (page: 'me' | 'verify') => Object.keys(PAGES['en']!).filter((key) => key.startsWith(`${page}.`));

test('each language says every word of both pages, in its direction, whole at 320 px', async ({ page, product }) => {
  test.setTimeout(20_000 + 12_000 * Object.keys(PAGES).length);
  await page.setViewportSize({ width: 320, height: 700 });
  await visit(page, product.front.origin);
  await part(page, 'accept').click();
  await delivered(page);
  const { record: { record_id: id }, secret } = await page.evaluate(() => (window as any).askfirst.receipt());
  for (const [lang, words] of Object.entries(PAGES)) {
    const dir = RTL.includes(lang) ? 'rtl' : 'ltr';
    const english = (name: 'me' | 'verify') => (lang == 'en' ? [] : STATIC(name).map((key) => PAGES['en']![key]!).filter((text) => text.length > 12 && !/[{`*]/.test(text)));
    const own = read(new URL(`../locales/${lang}.json`, FOLDER));
    // Seen to the end: opened, checked, about to be erased.
    await page.goto('about:blank');
    await page.goto(`${product.front.origin}/askfirst/me/?lang=${lang}#${id}:${secret}`);
    await expect(page.getByRole('heading', { name: words['me.answered']! }), lang).toBeFocused();
    await expect(page.locator('html')).toHaveAttribute('lang', lang);
    await expect(page.locator('html')).toHaveAttribute('dir', dir);
    await expect(page).toHaveTitle(words['me.title']!);
    await expect(page.locator('#said')).toContainText(words['me.how.accept_all']!);
    await expect(page.locator('#said')).toContainText(`${own['receipt.granted']}: `);
    await page.getByText(words['me.type']!).click();
    await page.getByRole('button', { name: words['me.check.do']!, exact: true }).click();
    await expect(page.getByRole('article')).toContainText(words['outcome.unproven']!);
    await page.getByRole('button', { name: words['me.erase.do']! }).click();
    await expect(page.getByRole('button', { name: words['me.erase.yes']! })).toBeFocused();
    expect(await leftovers(page, english('me')), `${lang}: English`).toEqual([]);
    expect(await clipped(page), `${lang}: me`).toEqual([]);

    await page.goto(`${product.front.origin}/askfirst/verify/?lang=${lang}`);
    await expect(page.getByRole('heading', { name: words['verify.title']! }), lang).toBeVisible();
    await page.locator('#file').setInputFiles({ name: 'evidence.json', mimeType: 'application/json', buffer: Buffer.from(EVIDENCE.cases[0].text) });
    await expect(page.getByRole('article')).toContainText(words['outcome.unproven']!);
    // The sentences of the check are marked as the English that they are.
    await expect(page.getByRole('article').locator('li .text').first()).toHaveAttribute('lang', 'en');
    expect(await leftovers(page, english('verify')), `${lang}: English`).toEqual([]);
    expect(await clipped(page), `${lang}: verify`).toEqual([]);
    if (RTL.includes(lang)) {
      const { violations } = await new AxeBuilder({ page }).analyze();
      expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]), lang).toEqual([]);
    }
  }
});

test('the language is the browser’s, the one that the site’s page was in, or the one that is chosen', async ({ visitor, product }) => {
  const page = await (await visitor({ locale: 'de-AT' })).newPage();
  await page.goto(`${product.front.origin}/askfirst/verify/`);
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(PAGES['de']!['verify.title']!);
  await page.locator('#language').selectOption('ar');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(PAGES['ar']!['verify.title']!);
  await page.reload();
  await expect(page.locator('html')).toHaveAttribute('dir', 'rtl');
  const other = await (await visitor({ locale: 'cy-GB' })).newPage();
  await other.goto(`${product.front.origin}/askfirst/me/`);
  await expect(other.getByRole('heading', { level: 1 }), 'a language that the page has not').toHaveText(PAGES['en']!['me.title']!);
  await expect(other.locator('html')).toHaveAttribute('lang', 'en');
});
