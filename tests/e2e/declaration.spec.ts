import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Page } from '@playwright/test';
import { axe } from './support/axe.ts';
import { DIST, type Product } from './support/product.ts';
import { expect, part, started, test } from './support/visit.ts';
import { serveMini } from './support/mini.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const BIN = resolve(root, process.env.ASKFIRST_BIN ?? join(process.env.CARGO_TARGET_DIR ?? 'target', 'debug/askfirst'));
const declaration = (page: Page) => page.locator('askfirst-declaration');
const filled = (page: Page) => expect(declaration(page).locator('table').first()).toBeAttached();

/** What the command writes for the configuration that the site has at the moment. */
async function written(product: Product, ...options: string[]) {
  const folder = await mkdtemp(join(tmpdir(), 'askfirst-declaration-'));
  try {
    await writeFile(join(folder, 'askfirst.json'), JSON.stringify(await product.config()));
    const { stdout } = await promisify(execFile)(BIN, ['declaration', join(folder, 'askfirst.json'), '--dist', DIST, ...options]);
    return stdout;
  } finally {
    await rm(folder, { recursive: true });
  }
}

for (const lang of ['en', 'nl', 'ar']) {
  test(`the page and the command declare the same, element by element: ${lang} (P49, B9)`, async ({ page, product }) => {
    await page.goto(serveMini(product.front, product.sink.url, { html: `lang="${lang}"`, body: '<askfirst-declaration level="3"></askfirst-declaration>' }));
    await filled(page);
    const html = await written(product, '--lang', lang, '--level', '3');
    // Both as the browser reads them; the command's ends with a line feed, and no order of attributes means anything. The
    // browser names the countries, of which the command has the codes, and has whole addresses.
    const { shown, said, equal } = await declaration(page).evaluate((element, html) => {
      const parsed = new DOMParser().parseFromString(html.trim(), 'text/html').body;
      const names = new Intl.DisplayNames([element.querySelector('section')!.lang], { type: 'region' });
      for (const codes of parsed.querySelectorAll('[data-countries]')) codes.textContent = codes.textContent!.split(', ').map((code) => names.of(code)).join(', ');
      for (const link of parsed.querySelectorAll('a')) link.setAttribute('href', new URL(link.getAttribute('href')!, location.href).href);
      return { shown: element.textContent!, said: parsed.textContent!, equal: element.firstChild!.isEqualNode(parsed.firstChild) };
    }, html);
    expect(shown).toBe(said);
    expect(shown).toContain({ en: 'Estonia, Germany', nl: 'Estland, Duitsland', ar: 'إستونيا, ألمانيا' }[lang]);
    expect(equal).toBe(true);
    for (const { name, provider } of Object.values((await product.config()).services) as any[]) {
      expect(said).toContain(name);
      expect(said).toContain(provider);
    }
    const direction = await declaration(page).locator('section').evaluate((element) => getComputedStyle(element).direction);
    expect(direction).toBe(lang == 'ar' ? 'rtl' : 'ltr');
  });
}

test('it fits into the page: headings at their level, tables that axe finds nothing wrong with, no wider than a phone (A5)', async ({ page, product }) => {
  await page.setViewportSize({ width: 320, height: 740 });
  // The banner is not what this is about.
  await product.configure((config) => (config.quiet = ['/mini']));
  await page.goto(serveMini(product.front, product.sink.url, { body: '<h2>Privacy</h2><askfirst-declaration level="3"></askfirst-declaration>' }));
  await filled(page);
  const levels = await declaration(page).locator('h1,h2,h3,h4,h5,h6').evaluateAll((all) => all.map(({ localName }) => localName));
  expect(levels[0]).toBe('h3');
  expect(new Set(levels.slice(1))).toEqual(new Set(['h4']));
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(320);
  const { violations } = await axe(page).include('askfirst-declaration').analyze();
  expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(', ')}`)).toEqual([]);
  await page.emulateMedia({ media: 'print' });
  await expect(declaration(page).locator('button')).toBeHidden();
  await expect(declaration(page).locator('table').first()).toBeVisible();
});

test('its button opens the preferences (B7)', async ({ page, product }) => {
  await page.goto(serveMini(product.front, product.sink.url, { body: '<askfirst-declaration></askfirst-declaration>' }));
  await started(page);
  await filled(page);
  await declaration(page).locator('button').evaluate((button: HTMLElement) => button.click());
  await expect(part(page, 'dialog')).toBeVisible();
});

test('without the loader, by its own tag: the configuration stands in the page, another language can be chosen', async ({ page, product }) => {
  product.front.answers.set('/policy/', {
    type: 'text/html',
    body: `<!doctype html><html lang="nl"><head><meta charset="utf-8"><title>Policy</title><link rel="icon" href="data:,">
<script type="application/json" id="askfirst-config">${JSON.stringify(await product.config())}</script>
<script type="module" src="/askfirst/askfirst-declaration.mjs"></script></head><body><h1>Policy</h1><askfirst-declaration></askfirst-declaration></body></html>`,
  });
  await page.goto(`${product.front.origin}/policy/`);
  await filled(page);
  await expect(declaration(page).locator('section')).toHaveAttribute('lang', 'nl');
  await declaration(page).evaluate((element: HTMLElement) => (element.lang = 'de'));
  await expect(declaration(page).locator('section')).toHaveAttribute('lang', 'de');
  expect(await page.evaluate(() => [localStorage.length, document.cookie])).toEqual([0, '']);
});

test('a text of the configuration never becomes markup (T2)', async ({ page, product }) => {
  const evil = '<img src=x onerror=alert(1)>';
  await product.configure((config) => ((Object.values(config.services)[0] as any).provider = evil));
  await page.goto(serveMini(product.front, product.sink.url, { body: '<askfirst-declaration></askfirst-declaration>' }));
  await filled(page);
  await expect(declaration(page)).toContainText(evil);
  await expect(declaration(page).locator('img')).toHaveCount(0);
});
