// Refusing is as easy as accepting, measured: the same box, type, colours and border side by side, in every theme and form and
// in every language (B3, B4), and no more clicks to refuse or to withdraw than to accept (B7).
import { readdirSync, readFileSync } from 'node:fs';
import type { Page } from '@playwright/test';
import { expect, part, rest, started, state } from './support/visit.ts';
import { serveMini } from './support/mini.ts';
import type { Product } from './support/product.ts';
import { test } from './support/shared.ts';

const LOCALES = readdirSync(new URL('../../www/locales', import.meta.url)).map((name) => name.replace('.json', ''));
const THEMES = ['', ...Object.keys(JSON.parse(readFileSync(new URL('../../www/themes.json', import.meta.url), 'utf8')))];
const LAYOUTS = ['card', 'bar', 'bar-top', 'box', 'box-end', 'box-top', 'box-top-end', 'centre'];
const WINDOWS = [{ width: 320, height: 640 }, { width: 720, height: 700 }, { width: 1280, height: 800 }];

/** Everything about the two buttons that the eye compares, from the browser itself; a string for each that is unlike. */
const unlike = (page: Page, [refusing, accepting]: [string, string]) => page.evaluate(([refusing, accepting]) => {
  const root = document.querySelector('askfirst-ui')!.shadowRoot!;
  const [refuse, accept] = [refusing, accepting].map((name) => root.querySelector<HTMLElement>(`[part=${name}]`)!);
  const wrong: string[] = [];
  const say = (what: string, one: unknown, other: unknown) => void (String(one) != String(other) && wrong.push(`${what}: refusing ${one}, accepting ${other}`));
  if (refuse!.localName != 'button' || accept!.localName != 'button') wrong.push('not two buttons');
  if (refuse!.parentElement != accept!.parentElement) wrong.push('not side by side in the document');
  const [a, b] = [refuse!, accept!].map((element) => element.getBoundingClientRect());
  for (const side of ['width', 'height'] as const) if (Math.abs(a![side] - b![side]) > 0.5) say(side, a![side], b![side]);
  if (Math.abs(a!.left - b!.left) > 0.5 && Math.abs(a!.top - b!.top) > 0.5) wrong.push('neither beside nor above each other');
  if (Math.min(a!.width, a!.height) < 24) wrong.push(`smaller than 24 px: ${a!.width} × ${a!.height}`);
  const [one, other] = [refuse!, accept!].map((element) => getComputedStyle(element));
  // All of it: what a style sheet can say of one of them and not of the other.
  for (const property of one!) {
    if (/^(inline-size|block-size|width|height|perspective-origin|transform-origin|-webkit-)/.test(property)) continue;
    say(property, one!.getPropertyValue(property), other!.getPropertyValue(property));
  }
  // Each label in its own box, in one piece.
  for (const element of [refuse!, accept!]) {
    if (element.scrollWidth > element.clientWidth || element.scrollHeight > element.clientHeight) wrong.push(`cut off: ${element.textContent}`);
  }
  return wrong;
}, [refusing, accepting] as const);

const BANNER: [string, string] = ['reject', 'accept'];
const DIALOG: [string, string] = ['dialog-reject', 'dialog-accept'];

async function open(page: Page, { front, sink }: Product, options = {}) {
  await page.emulateMedia({ reducedMotion: 'reduce' });
  await page.goto(serveMini(front, sink.url, options));
  await started(page);
  await expect(part(page, 'banner')).toBeVisible();
  await page.mouse.move(1, 1);
}

for (const layout of LAYOUTS) {
  test(`${layout}: the two buttons are one look in every theme, by day and by night (B4)`, async ({ page, shared }) => {
    test.setTimeout(90_000);
    const config = { ...await shared.config(), layout };
    shared.front.answers.set('/askfirst.json', { type: 'application/json', body: JSON.stringify(config) });
    await open(page, shared);
    const theme = (name: string) => page.evaluate(async (name) => {
      document.getElementById('theme')?.remove();
      if (!name) return;
      const link = document.createElement('link');
      Object.assign(link, { id: 'theme', rel: 'stylesheet', href: `/askfirst/themes/${name}.css` });
      await new Promise((go) => {
        link.onload = go;
        document.head.append(link);
      });
    }, name);
    for (const layer of [BANNER, DIALOG]) {
      if (layer == DIALOG) await part(page, 'customise').click();
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
        for (const name of THEMES) {
          await theme(name);
          for (const viewport of WINDOWS) {
            await page.setViewportSize(viewport);
            expect(await unlike(page, layer), `${layer[0]}, ${name}, ${colorScheme}, ${viewport.width}`).toEqual([]);
          }
        }
      }
    }
    shared.front.answers.delete('/askfirst.json');
  });
}

test(`in each of the ${LOCALES.length} languages the two buttons are alike, on every width and however long the words (B4)`, async ({ page, shared }) => {
  test.setTimeout(240_000);
  for (const locale of LOCALES) {
    await open(page, shared, { html: `lang="${locale}"` });
    for (const layer of [BANNER, DIALOG]) {
      if (layer == DIALOG) await part(page, 'customise').click();
      for (const viewport of WINDOWS) {
        await page.setViewportSize(viewport);
        expect(await unlike(page, layer), `${locale}, ${layer[0]}, ${viewport.width}`).toEqual([]);
      }
    }
  }
});

test('as many clicks to refuse as to accept, and one more at most to withdraw (B3, B7)', async ({ page, shared }) => {
  let clicks = 0;
  const press = async (name: string) => {
    await part(page, name).click();
    clicks += 1;
  };
  const counted = () => [clicks, (clicks = 0)][0]!;

  await open(page, shared);
  await press('reject');
  expect((await state(page)).refused).toEqual(['analytical', 'marketing']);
  const toRefuse = counted();

  await page.context().clearCookies();
  await page.evaluate(() => localStorage.clear());
  await open(page, shared);
  await press('accept');
  expect((await state(page)).granted).toEqual(['analytical', 'marketing']);
  const toAccept = counted();

  // From a page on which nothing of it is open.
  await page.reload();
  await started(page);
  await press('reopen');
  await press('dialog-reject');
  await rest(page);
  await started(page);
  expect((await state(page)).granted).toEqual([]);
  const toWithdraw = counted();

  expect(toRefuse).toBe(toAccept);
  expect(toWithdraw).toBeLessThanOrEqual(toAccept + 1);
});

test('a larger or moved button does not pass for an equal one (B4)', async ({ page, shared }) => {
  await open(page, shared);
  await page.evaluate(() => {
    const accept = document.querySelector('askfirst-ui')!.shadowRoot!.querySelector<HTMLElement>('[part=accept]')!;
    accept.style.setProperty('font-size', '18px', 'important');
    accept.style.setProperty('order', '-1', 'important');
  });
  const wrong = (await unlike(page, BANNER)).join('\n');
  expect(wrong).toContain('font-size');
  expect(wrong).toContain('order');
});
