import type { Page } from '@playwright/test';
import { axe } from './support/axe.ts';
import { delivered, expect, part, rest, started, state, test, visit } from './support/visit.ts';
import { focused, tabTo } from './support/focus.ts';
import { ran, serveMini, works } from './support/mini.ts';
import type { Product } from './support/product.ts';

const PHONE = { width: 360, height: 740 };
const DESKTOP = { width: 1280, height: 800 };

async function open(page: Page, product: Product, options = {}) {
  const url = serveMini(product.front, product.sink.url, options);
  await page.goto(url);
  await started(page);
  await expect(part(page, 'banner')).toBeVisible();
  return url;
}

test('by keyboard alone: the banner comes first, refusing is as near as accepting (A5, B3)', async ({ page, product }) => {
  await open(page, product);
  await tabTo(page, 'reject', 6);
  await tabTo(page, 'accept', 1);
  await tabTo(page, 'customise', 1);
  await page.keyboard.press('Shift+Tab');
  await page.keyboard.press('Shift+Tab');
  expect(await focused(page)).toBe('reject');
  await page.keyboard.press('Enter');
  await expect(part(page, 'banner')).toHaveCount(0);
  expect(await state(page)).toMatchObject({ granted: [], refused: ['analytical', 'marketing'] });
  await delivered(page);
});

test('by keyboard alone: the dialog takes the focus, keeps it, saves a switch and gives the focus back (A2, A3)', async ({ page, product }) => {
  await open(page, product);
  await part(page, 'reject').click();
  await delivered(page);
  await tabTo(page, 'reopen');
  await page.keyboard.press('Enter');
  await expect(part(page, 'dialog')).toBeVisible();
  expect(await focused(page)).toBe('dialog-title');
  await tabTo(page, 'switch-analytical');
  const label = await part(page, 'switch-analytical').evaluate((element: any) => element.labels[0].textContent);
  await page.keyboard.press('Space');
  await expect(part(page, 'switch-analytical')).toBeChecked();
  expect(await part(page, 'switch-analytical').evaluate((element: any) => element.labels[0].textContent)).toBe(label);
  // Round and round it stays inside; the page behind can't be reached.
  for (let presses = 0; presses < 30; presses += 1) {
    await page.keyboard.press('Tab');
    expect(await focused(page)).not.toBe('own');
    expect(await focused(page)).not.toBe('reopen');
  }
  await tabTo(page, 'save');
  await page.keyboard.press('Space');
  await expect(part(page, 'dialog')).toHaveCount(0);
  expect(await focused(page)).toBe('reopen');
  expect(await state(page)).toMatchObject({ granted: ['analytical'], refused: ['marketing'] });
  await delivered(page);
});

test('Escape closes the dialog and gives the focus back to what opened it, in the banner and in the page (A2)', async ({ page, product }) => {
  await open(page, product, { body: '<button id="settings" data-askfirst="preferences">Settings</button>' });
  await part(page, 'customise').focus();
  await page.keyboard.press('Enter');
  await expect(part(page, 'dialog')).toBeVisible();
  await page.keyboard.press('Escape');
  expect(await focused(page)).toBe('customise');
  await page.locator('#settings').focus();
  await page.keyboard.press('Enter');
  await expect(part(page, 'dialog')).toBeVisible();
  await page.keyboard.press('Escape');
  expect(await focused(page)).toBe('settings');
});

test('the banner takes neither the focus nor the page: it is not modal, and the page stays in use (A1, B10, B17)', async ({ page, product }) => {
  await open(page, product, { body: '<p style="height: 3000px">Long</p>' });
  expect(await focused(page)).toBe('body');
  await works(page);
  const banner = part(page, 'banner');
  expect(await banner.getAttribute('aria-modal')).toBe(null);
  await page.mouse.move(300, 50);
  await page.mouse.wheel(0, 600);
  await expect.poll(() => page.evaluate(() => scrollY)).toBeGreaterThan(300);
  expect(await page.locator('main').evaluate((element) => element.closest('[inert]'))).toBe(null);
  const box = (await banner.boundingBox())!;
  expect(box.height).toBeLessThanOrEqual(DESKTOP.height / 2);
});

/** The words do not depend on the colours: every language in one scheme, the longest and the default in the other. */
const languages = (colorScheme: string) => (colorScheme == 'light' ? ['nl', 'de', 'fr', 'en'] : ['de', 'en']);

/** Violations with the elements they are about, for a message that can be read. */
async function audit(page: Page) {
  const { violations } = await axe(page).include('askfirst-ui').analyze();
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.flat().join(' ')).join(', ')}`);
}

for (const colorScheme of ['light', 'dark'] as const) {
  for (const [device, viewport] of [['phone', PHONE], ['desktop', DESKTOP]] as const) {
    test.describe(() => {
      test.use({ colorScheme, viewport, reducedMotion: 'reduce' });

      test(`axe finds nothing wrong: ${colorScheme}, ${device} (A1, A5)`, async ({ page, product }) => {
        // Every look at the page takes a second, on a busy machine several.
        test.slow();
        await product.configure((config) => delete config.records);
        for (const lang of languages(colorScheme)) {
          await open(page, product, { html: `lang="${lang}"` });
          expect(await audit(page), lang).toEqual([]);
        }
        await part(page, 'customise').click();
        expect(await audit(page)).toEqual([]);
        // With every list of services open, and with a choice, a record and a withdrawal to show.
        await part(page, 'dialog').locator('details').evaluateAll((all) => all.forEach((one: any) => (one.open = true)));
        expect(await audit(page)).toEqual([]);
        await part(page, 'dialog-accept').click();
        await expect(part(page, 'reopen')).toBeVisible();
        expect(await audit(page)).toEqual([]);
        await part(page, 'reopen').click();
        expect(await audit(page)).toEqual([]);
      });
    });
  }
}

/** How a button looks to the eye. */
const look = (page: Page, name: string) => part(page, name).evaluate((element) => {
  const style = getComputedStyle(element);
  const { width, height } = element.getBoundingClientRect();
  return {
    size: [Math.round(width), Math.round(height)],
    ...Object.fromEntries(['font-family', 'font-size', 'font-weight', 'font-style', 'letter-spacing', 'text-transform', 'color', 'background-color', 'background-image',
      'border-top-color', 'border-top-width', 'border-top-style', 'border-top-left-radius', 'box-shadow', 'opacity', 'padding', 'text-decoration-line', 'filter', 'outline-style']
      .map((property) => [property, style.getPropertyValue(property)])),
  };
});

for (const colorScheme of ['light', 'dark'] as const) {
  for (const [device, viewport] of [['phone', PHONE], ['desktop', DESKTOP]] as const) {
    test.describe(() => {
      test.use({ colorScheme, viewport });

      test(`accepting and refusing look the same in each language: ${colorScheme}, ${device} (B3, B4)`, async ({ page, product }) => {
        for (const lang of languages(colorScheme)) {
          await open(page, product, { html: `lang="${lang}"` });
          await page.mouse.move(0, 0);
          expect(await look(page, 'accept'), lang).toEqual(await look(page, 'reject'));
          expect(await part(page, 'reject').evaluate((element) => element.tagName)).toBe('BUTTON');
          await part(page, 'customise').click();
          await page.mouse.move(0, 0);
          expect(await look(page, 'dialog-accept'), lang).toEqual(await look(page, 'dialog-reject'));
          for (const name of ['switch-analytical', 'switch-marketing']) await expect(part(page, name)).not.toBeChecked();
        }
      });
    });
  }
}

test('the banner moves nothing on the page, neither when it comes nor when it goes (layout shift 0)', async ({ page, product }) => {
  await page.addInitScript(() => {
    (window as any).shifts = [];
    new PerformanceObserver((list) => {
      for (const { value, sources } of list.getEntries() as any[]) (window as any).shifts.push([value, ...sources.map(({ node }: any) => node?.outerHTML.slice(0, 80))]);
    }).observe({ type: 'layout-shift', buffered: true });
  });
  await open(page, product, { body: '<p>Words of the page. </p>'.repeat(60) });
  const place = () => page.evaluate(() => [...document.querySelectorAll('main *')].map((element) => element.getBoundingClientRect().toJSON()));
  const before = await place();
  await rest(page, 200);
  await part(page, 'reject').click();
  await rest(page, 200);
  expect(await place()).toEqual(before);
  expect(await page.evaluate(() => (window as any).shifts)).toEqual([]);
  await delivered(page);
});

const STRICT = "default-src 'none'; script-src 'nonce-x' 'strict-dynamic' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data: SINK; connect-src 'self'; base-uri 'none'; form-action 'none'";

for (const [name, policy] of Object.entries({
  'a strict policy': STRICT,
  'a strict policy without strict-dynamic': STRICT.replace("'nonce-x' 'strict-dynamic'", "'self' 'nonce-x'"),
  'Trusted Types': `${STRICT}; require-trusted-types-for 'script'; trusted-types askfirst`,
})) {
  test(`everything works under ${name}, without one violation (T1, T2, T3)`, async ({ page, product }) => {
    product.front.headers.set('content-security-policy', policy.replace('SINK', product.sink.url));
    const url = await open(page, product);
    // The style sheet has arrived, not just the words.
    expect(await part(page, 'banner').evaluate((element) => getComputedStyle(element).position)).toBe('fixed');
    await part(page, 'customise').click();
    await part(page, 'switch-marketing').check();
    await part(page, 'dialog-accept').click();
    await expect.poll(() => ran(page)).toEqual(['analytical', 'marketing']);
    await expect.poll(() => product.reached()).toEqual({ 'tidemark-image': 1 });
    await delivered(page);
    expect((await product.figures()).records).toBe(1);
    await page.goto(`${url}?again`);
    await started(page);
    await expect.poll(() => ran(page)).toEqual(['analytical', 'marketing']);
    await part(page, 'reopen').click();
    await part(page, 'withdraw').click();
    await rest(page, 600);
    await started(page);
    expect((await state(page)).granted).toEqual([]);
    await delivered(page);
  });
}

const HOSTILE = `* { all: revert !important; }
  button, dialog, section, input, h2, p { display: none !important; color: red !important; font-size: 40px !important; }
  div, [popover] { visibility: hidden !important; }
  body > * { opacity: 1; transform: none; }
  html { font-size: 3px; } body { font: 60px fantasy; color: #fffffe; line-height: 5; letter-spacing: 1em; text-align: right; direction: rtl; pointer-events: auto; }`;

test('hostile styles of the page do not reach in (FIELD 7)', async ({ page, product }) => {
  await open(page, product);
  const names = ['banner', 'accept', 'reject', 'customise'] as const;
  const looks = async () => Promise.all(names.map((name) => look(page, name)));
  const before = await looks();
  product.front.answers.set('/hostile.css', { type: 'text/css', body: HOSTILE });
  await open(page, product, { head: '<link rel="stylesheet" href="/hostile.css">' });
  for (const name of names) await expect(part(page, name)).toBeVisible();
  expect(await looks()).toEqual(before);
  await part(page, 'customise').click();
  await expect(part(page, 'save')).toBeVisible();
  await part(page, 'dialog-reject').click();
  await expect(part(page, 'reopen')).toBeVisible();
  await delivered(page);
});

test('a page that removes the interface, or its whole body, gets it back, once (FIELD 69)', async ({ page, product }) => {
  await open(page, product);
  const hosts = () => page.locator('askfirst-ui').count();
  await page.evaluate(() => document.querySelector('askfirst-ui')!.remove());
  await expect(part(page, 'banner')).toBeVisible();
  expect(await hosts()).toBe(1);
  await page.evaluate(() => (document.body.innerHTML = '<main><h1>Another page of an application</h1></main>'));
  await expect(part(page, 'banner')).toBeVisible();
  await page.evaluate(() => {
    const body = document.createElement('body');
    body.innerHTML = '<askfirst-ui></askfirst-ui><h1>Restored from a snapshot</h1>';
    document.body.replaceWith(body);
  });
  await expect(part(page, 'banner')).toBeVisible();
  expect(await hosts()).toBe(1);
  await part(page, 'reject').click();
  expect(await state(page)).toMatchObject({ refused: ['analytical', 'marketing'] });
  await page.evaluate(() => document.querySelector('askfirst-ui')!.remove());
  await expect(part(page, 'reopen')).toBeVisible();
  await delivered(page);
});

test('the way back to the settings is on every page, and a second one on the page itself (B6, B7)', async ({ page, product }) => {
  await visit(page, `${product.origin}/`);
  await expect(part(page, 'banner')).toContainText('withdraw');
  await part(page, 'reject').click();
  for (const path of ['/articles/meander-belt/', '/film/', '/contact/', '/privacy/', '/nl/']) {
    await visit(page, product.origin + path);
    await expect(part(page, 'reopen')).toBeInViewport();
    await expect(page.locator('[data-askfirst=preferences]').first()).toBeAttached();
    const box = (await part(page, 'reopen').boundingBox())!;
    expect(Math.min(box.width, box.height)).toBeGreaterThanOrEqual(24);
  }
});

test('nothing of it is printed', async ({ page, product }) => {
  await open(page, product);
  await page.emulateMedia({ media: 'print' });
  await expect(part(page, 'banner')).toBeHidden();
  await page.emulateMedia({ media: 'screen' });
  await part(page, 'reject').click();
  await page.emulateMedia({ media: 'print' });
  await expect(part(page, 'reopen')).toBeHidden();
  await delivered(page);
});

/** What sticks out of its box, of the window or of the words' own line. */
const clipped = (page: Page, name: string) => part(page, name).evaluate((root) => {
  const out: string[] = [];
  const wide = document.documentElement.clientWidth;
  for (const element of [root, ...root.querySelectorAll('*')]) {
    const box = element.getBoundingClientRect();
    if (!box.width) continue;
    const what = `${element.tagName}.${element.className} ${element.getAttribute('part') ?? ''}`.trim();
    if (box.left < -1 || box.right > wide + 1) out.push(`${what} leaves the window: ${box.left} to ${box.right} of ${wide}`);
    if (element.scrollWidth > element.clientWidth + 1 && getComputedStyle(element).display != 'inline') out.push(`${what} is wider than its box`);
  }
  return out;
});

/** Every control can be brought into the window and pressed there. */
async function reachable(page: Page, names: string[]) {
  for (const name of names) {
    await part(page, name).scrollIntoViewIfNeeded();
    await expect(part(page, name)).toBeInViewport({ ratio: 0.99 });
    expect(await part(page, name).evaluate((element) => {
      const { left, top, width, height } = element.getBoundingClientRect();
      const root = element.getRootNode() as ShadowRoot;
      const hit = root.elementFromPoint(left + width / 2, top + height / 2);
      return hit == element || element.contains(hit);
    }), `${name} is covered`).toBe(true);
  }
}

for (const [name, viewport] of Object.entries({
  '320 pixels wide': { width: 320, height: 568 },
  'zoomed in to 400 %': { width: 320, height: 200 },
  'a phone on its side': { width: 740, height: 360 },
})) {
  test.describe(() => {
    test.use({ viewport });

    test(`${name} nothing is cut off and every control is in reach, in each language (A5, A6)`, async ({ page, product }) => {
      // Four languages, both layers.
      test.setTimeout(90_000);
      for (const lang of ['de', 'fr', 'nl', 'en']) {
        await open(page, product, { html: `lang="${lang}"` });
        expect(await clipped(page, 'banner'), lang).toEqual([]);
        await reachable(page, ['reject', 'accept', 'customise']);
        await part(page, 'customise').click();
        await part(page, 'dialog').locator('details').evaluateAll((all) => all.forEach((one: any) => (one.open = true)));
        expect(await clipped(page, 'dialog'), lang).toEqual([]);
        await reachable(page, ['close', 'switch-analytical', 'switch-marketing', 'dialog-reject', 'dialog-accept', 'save']);
      }
    });
  });
}
