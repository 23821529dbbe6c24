// The pages /askfirst/me/ and /askfirst/verify/ in each language of the banner: every word of them, right to left where it is
// written so, whole on a phone (A5, B12). That no language lacks a key is checked by the build (`xtask/words.mjs`).
import { readdirSync, readFileSync } from 'node:fs';
import type { Page } from '@playwright/test';
import { axe } from './support/axe.ts';
import { Product } from './support/product.ts';
import { delivered, expect, part, test as base, visit } from './support/visit.ts';

const FOLDER = new URL('../../www/pages/', import.meta.url);
const read = (path: string | URL): Record<string, string> => JSON.parse(readFileSync(path, 'utf8'));
const PAGES = Object.fromEntries(readdirSync(FOLDER).map((name) => [name.replace('.json', ''), read(new URL(name, FOLDER))]));
const RTL = ['ar', 'fa', 'he'];
const EVIDENCE = JSON.parse(readFileSync(new URL('../vectors/log-evidence.json', import.meta.url), 'utf8'));

// One server and one record for all languages of a worker: nothing is changed there.
const test = base.extend<{}, { kept: { product: Product; id: string; secret: string } }>({
  kept: [async ({ browser }, use) => {
    const product = await Product.start();
    const page = await browser.newPage();
    await visit(page, product.front.origin);
    await part(page, 'accept').click();
    await delivered(page);
    const { record: { record_id: id }, secret } = await page.evaluate(() => (window as any).askfirst.receipt());
    await page.close();
    await use({ product, id, secret });
    await product.stop();
  }, { scope: 'worker' }],
});

/** Words that stand on the page as they do in English, though it is another language's. */
const leftovers = (page: Page, english: string[]) => page.locator('body').innerText().then((text) => english.filter((words) => text.includes(words)));
/** What is cut off or leaves the window. */
const clipped = (page: Page) => page.evaluate(() => [...document.querySelectorAll<HTMLElement>('main, main *')].filter((one) => {
  const { left, right, width } = one.getBoundingClientRect();
  // A select shows as much of the language as fits; what is for screen readers alone is one pixel wide.
  return width > 1 && !one.closest('select') && (left < -1 || right > innerWidth + 1 || (getComputedStyle(one).display != 'inline' && one.clientWidth && one.scrollWidth > one.clientWidth + 1 && one.localName != 'textarea' && one.localName != 'input'));
}).map((one) => `${one.localName}: ${one.textContent!.slice(0, 60)}`));

/** Words of headings and buttons that are broken over two lines. Chinese, Japanese and Thai have no spaces. */
const broken = (page: Page) => page.locator('h1, h2, h3, button, label, summary').evaluateAll((all) => all.flatMap((one) => {
  const text = [...one.childNodes].find((node) => node.nodeType == Node.TEXT_NODE && node.textContent!.trim());
  return [...(text?.textContent ?? '').matchAll(/\S+/g)].filter((word) => {
    const range = document.createRange();
    range.setStart(text!, word.index);
    range.setEnd(text!, word.index + word[0].length);
    return new Set([...range.getClientRects()].map(({ top }) => Math.round(top))).size > 1;
  }).map(([word]) => word);
}));

const STATIC = (page: 'me' | 'verify') => Object.keys(PAGES['en']!).filter((key) => key.startsWith(`${page}.`));

for (const [lang, words] of Object.entries(PAGES)) {
  test(`${lang}: every word of both pages, in its direction, whole at 320 px`, async ({ page, kept: { product, id, secret } }, info) => {
    const dir = RTL.includes(lang) ? 'rtl' : 'ltr';
    const english = (name: 'me' | 'verify') => (lang == 'en' ? [] : STATIC(name).map((key) => PAGES['en']![key]!).filter((text) => text.length > 12 && !/[{`*]/.test(text)));
    const own = read(new URL(`../locales/${lang}.json`, FOLDER));
    const fetched: string[] = [];
    page.on('request', (request) => request.url().includes('/pages/') && fetched.push(new URL(request.url()).pathname));
    await page.setViewportSize({ width: 320, height: 700 });
    // Seen to the end: opened, checked, about to be erased.
    await page.goto(`${product.front.origin}/askfirst/me/?lang=${lang}#${id}:${secret}`);
    await expect(page.getByRole('heading', { name: words['me.answered']!, exact: true })).toBeFocused();
    await expect(page.locator('html')).toHaveAttribute('lang', lang);
    await expect(page.locator('html')).toHaveAttribute('dir', dir);
    await expect(page).toHaveTitle(words['me.title']!);
    await expect(page.locator('#said')).toContainText(words['me.how.accept_all']!);
    await expect(page.locator('#said')).toContainText(`${own['receipt.granted']}: `);
    await page.locator('summary', { hasText: words['me.type']! }).click();
    await page.locator('#check', { hasText: words['me.check.do']! }).click();
    await expect(page.getByRole('article')).toContainText(words['outcome.unproven']!);
    await page.getByRole('button', { name: words['me.erase.do']!, exact: true }).click();
    await expect(page.getByRole('button', { name: words['me.erase.yes']!, exact: true })).toBeFocused();
    expect(await leftovers(page, english('me')), 'English').toEqual([]);
    expect(await clipped(page), 'me').toEqual([]);
    if (!['ja', 'th', 'zh', 'zh-hant'].includes(lang)) expect(await broken(page), 'me').toEqual([]);
    if (process.env['ASKFIRST_SHOTS']) await page.screenshot({ path: `${process.env['ASKFIRST_SHOTS']}/me-${lang}.png`, fullPage: true });

    await page.goto(`${product.front.origin}/askfirst/verify/?lang=${lang}`);
    await expect(page.getByRole('heading', { name: words['verify.title']!, exact: true })).toBeVisible();
    await page.locator('#file').setInputFiles({ name: 'evidence.json', mimeType: 'application/json', buffer: Buffer.from(EVIDENCE.cases[0].text) });
    await expect(page.getByRole('article')).toContainText(words['outcome.unproven']!);
    // The sentences of the check are marked as the English that they are.
    await expect(page.getByRole('article').locator('li .text').first()).toHaveAttribute('lang', 'en');
    expect(await leftovers(page, english('verify')), 'English').toEqual([]);
    expect(await clipped(page), 'verify').toEqual([]);
    if (!['ja', 'th', 'zh', 'zh-hant'].includes(lang)) expect(await broken(page), 'verify').toEqual([]);
    if (process.env['ASKFIRST_SHOTS']) await page.screenshot({ path: `${process.env['ASKFIRST_SHOTS']}/verify-${lang}.png`, fullPage: true });
    // Each page loads the words of its own language and of no other.
    expect(fetched).toEqual(Array(2).fill(`/askfirst/pages/${lang}.json`));
    if (RTL.includes(lang)) {
      const { violations } = await axe(page).analyze();
      expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]), lang).toEqual([]);
    }
  });
}

test('the list names each language by its own name, in the order of the alphabet', async ({ page, kept: { product } }) => {
  await page.goto(`${product.front.origin}/askfirst/verify/?lang=en`);
  await expect(page.locator('#language option')).toHaveCount(Object.keys(PAGES).length);
  const list = await page.locator('#language option').evaluateAll((options) => options.map((option) => ({ tag: (option as HTMLOptionElement).value, name: option.textContent!, lang: (option as HTMLElement).lang })));
  expect(list.map(({ lang }) => lang)).toEqual(list.map(({ tag }) => tag));
  expect(list.map(({ tag }) => tag).toSorted()).toEqual(Object.keys(PAGES).toSorted());
  expect(list.filter(({ tag, name }) => name != PAGES[tag]!['language.own'])).toEqual([]);
  const order = await page.evaluate((names) => names.toSorted((one, other) => one.localeCompare(other)), list.map(({ name }) => name));
  expect(list.map(({ name }) => name)).toEqual(order);
});

test('a key that the file on the server lacks is said in English, the others stay', async ({ page, kept: { product } }) => {
  const { 'verify.lead': _, ...older } = PAGES['nl']!;
  await page.route('**/askfirst/pages/nl.json', (route) => route.fulfill({ json: older }));
  await page.goto(`${product.front.origin}/askfirst/verify/?lang=nl`);
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(PAGES['nl']!['verify.title']!);
  await expect(page.locator('.lead')).toHaveText(PAGES['en']!['verify.lead']!);
});

test('the language is the browser’s, the one that the site’s page was in, or the one that is chosen', async ({ visitor, kept: { product } }) => {
  const page = await (await visitor({ locale: 'de-AT' })).newPage();
  await page.goto(`${product.front.origin}/askfirst/verify/`);
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(PAGES['de']!['verify.title']!);
  await page.locator('#language').selectOption('ar');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(PAGES['ar']!['verify.title']!);
  await page.reload();
  await expect(page.locator('html')).toHaveAttribute('dir', 'rtl');
  for (const [locale, lang] of [['zh-TW', 'zh-hant'], ['zh-CN', 'zh'], ['nn-NO', 'nb'], ['cy-GB', 'cy'], ['fa-IR', 'fa']] as const) {
    const own = await (await visitor({ locale })).newPage();
    await own.goto(`${product.front.origin}/askfirst/me/`);
    await expect(own.getByRole('heading', { level: 1 }), locale).toHaveText(PAGES[lang]!['me.title']!);
  }
  const other = await (await visitor({ locale: 'eo' })).newPage();
  await other.goto(`${product.front.origin}/askfirst/me/`);
  await expect(other.getByRole('heading', { level: 1 }), 'a language that the page has not').toHaveText(PAGES['en']!['me.title']!);
  await expect(other.locator('html')).toHaveAttribute('lang', 'en');
});
