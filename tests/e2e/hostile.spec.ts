// Pages whose styles, markup or scripts are hostile to whatever else stands on them (FIELD 7, 11, 69). On each of them the
// interface is, pixel for pixel, what it is on a page of no styles, and works by keyboard and by mouse in silence.
import { writeFile } from 'node:fs/promises';
import type { Page } from '@playwright/test';
import { expect, part, started, state } from './support/visit.ts';
import { tabTo } from './support/focus.ts';
import { MINI, mini } from './support/mini.ts';
import type { Product } from './support/product.ts';
import { test as base } from './support/shared.ts';

const WINDOW = { width: 1200, height: 800 };

interface Hostile {
  /** The page as it is sent; `mini` unless said. */
  html?: (sink: string) => string;
  type?: string;
  css?: string;
  /** Markup in the head, before the loader. */
  before?: string;
  body?: string;
  /** Whether the loader's tag has whole addresses. */
  whole?: boolean;
  /** What a script of the page does once the banner is there. */
  then?: () => void;
}

const style = (css: string): Hostile => ({ css });
const LONG = '<p style="height: 3000px">Long</p>';

const PAGES: Record<string, Hostile> = {
  'unsets everything': style('* { all: unset } *::before, *::after { all: unset }'),
  'sets everything to its initial value, with force': style('* { all: initial !important }'),
  'inherits everything, with force': style('* { all: inherit !important } html { color: #fefefe; font: 60px fantasy }'),
  'reverts everything, with force': style('* { all: revert !important }'),
  'starts from initial values': style('html, body { all: initial }'),
  'hides what it does not know': style('body > :not(main) { display: none }'),
  'hides what it does not know, with force': style('body > :not(main) { display: none !important; visibility: hidden !important; opacity: 0 !important }'),
  'hides custom elements that nobody has defined': style(':not(:defined) { display: none; visibility: hidden }'),
  'makes everything a block of its own size': style('* { display: block !important; position: static !important; width: 50px !important; height: 20px !important; overflow: hidden !important; margin: 30px !important }'),
  'has rules of force for every button': style('button, a, input, h2, [popover], dialog, section { background: gold !important; color: gold !important; padding: 60px !important; font-size: 40px !important; border: 9px solid !important; display: none !important; float: right !important }'),
  'forces every inherited property': style(`* { color: red !important; font: italic 40px/3 fantasy !important; -webkit-text-fill-color: red !important; -webkit-text-stroke: 2px red !important;
    text-shadow: 2px 2px red !important; word-break: break-all !important; hyphens: auto !important; letter-spacing: 9px !important; word-spacing: 40px !important; text-transform: uppercase !important;
    text-align: right !important; text-indent: 50px !important; white-space: pre !important; line-height: 4 !important; font-variant: small-caps !important; font-stretch: condensed !important;
    visibility: hidden !important; pointer-events: none !important; user-select: none !important; cursor: wait !important; list-style: disc inside !important; quotes: "x" "y" !important; tab-size: 40 !important;
    text-orientation: upright !important; text-emphasis: dot red !important; font-kerning: none !important; text-rendering: geometricPrecision !important; font-feature-settings: "smcp" !important;
    scrollbar-color: red blue !important; caret-color: red !important; accent-color: red !important; hanging-punctuation: first !important; text-wrap: nowrap !important; text-underline-offset: 9px !important }`),
  'is written from top to bottom': style('html { writing-mode: vertical-rl }'),
  'is written from top to bottom, with force': style('* { writing-mode: vertical-rl !important }'),
  'turns everything round': style('* { direction: rtl !important; unicode-bidi: bidi-override !important }'),
  'lies under a layer of the highest z-index': { css: '#over { position: fixed; inset: 0; z-index: 2147483647; background: red }', body: '<div id="over"></div>' },
  'transforms its body': style('body { transform: translateX(-3000px) scale(.2) rotate(20deg) }'),
  'transforms its root': style('html { transform: scale(.5); perspective: 100px }'),
  'filters its body': style('body { filter: blur(9px) invert(1); opacity: .02; mix-blend-mode: difference; will-change: transform }'),
  'filters its root': style('html { filter: grayscale(1) invert(1); will-change: filter }'),
  'contains its body': style('body { contain: strict; block-size: 40px; overflow: clip; clip-path: inset(0 0 100% 0); isolation: isolate }'),
  'contains its root': style('html { contain: layout paint style; container-type: inline-size; will-change: transform }'),
  'renders late what is out of sight': { css: 'body > * { content-visibility: auto; contain-intrinsic-size: 1px 500px }', body: LONG },
  'has a root font of 62.5 %': style('html { font-size: 62.5% } body { font-size: 1.6rem }'),
  'has a root font of 3 px': style('html { font-size: 3px; line-height: 0 } body { font-size: 0 }'),
  'has a huge root font': style('html { font-size: 80px !important; line-height: 5 }'),
  'does not scroll': { css: 'html, body { overflow: hidden; block-size: 100%; position: fixed; inset: 0; margin: 0; touch-action: none; overscroll-behavior: none }', body: LONG },
  'scrolls in its body': { css: 'html { overflow: hidden; block-size: 100% } body { block-size: 100%; overflow: auto; scroll-snap-type: y mandatory }', body: LONG },
  'lays its body out as a grid': style('body { display: grid; grid-template: 1fr / 50px 50px; place-items: end; gap: 99px; block-size: 100vh; margin: 0 } body > * { order: -1; align-self: stretch }'),
  'lays its body out as a row': style('body { display: flex; flex-wrap: wrap; column-gap: 30%; align-items: center } body > * { flex: 1 0 100px; min-width: 0; max-width: 80px }'),
  'lays its body out in columns': { css: 'body { columns: 4; column-fill: auto; block-size: 90vh; overflow: hidden }', body: LONG },
  'has wide scroll bars of its own': { css: '::-webkit-scrollbar { inline-size: 40px; background: red } html { scrollbar-gutter: stable both-edges; scrollbar-color: red blue } *::-webkit-scrollbar { width: 60px }', body: LONG },
  'lets nothing be pressed': style('html { pointer-events: none; user-select: none; cursor: none } main { pointer-events: auto }'),
  'animates everything': style('@keyframes away { to { opacity: 0; translate: 0 100vh } } * { animation: away .1s forwards !important; transition: all 9s !important }'),
  'wants one colour scheme': style('html, body { color-scheme: only light; forced-color-adjust: none; print-color-adjust: economy }'),
  'has no document type': { html: (sink) => mini(sink).replace('<!doctype html>', '') },
  'has a document type of the last century': { html: (sink) => mini(sink).replace('<!doctype html>', '<!DOCTYPE html PUBLIC "-//W3C//DTD HTML 4.01 Transitional//EN">') },
  'is XHTML': {
    type: 'application/xhtml+xml',
    html: (sink) => `<?xml version="1.0" encoding="utf-8"?><!DOCTYPE html><html xmlns="http://www.w3.org/1999/xhtml" lang="en" xml:lang="en"><head><title>Small</title>
<link rel="icon" href="data:,"/><meta name="viewport" content="width=device-width"/><script src="/askfirst/askfirst.js" data-config="/askfirst.json"></script></head><body><main><h1>Small page</h1></main>
<img data-category="marketing" data-service="tidemark-pixel" data-src="${sink}/px/page.gif" alt=""/></body></html>`,
  },
  'has its base elsewhere': { before: '<base href="https://elsewhere.example/deep/" target="_blank">', whole: true },
  'puts a new body in the place of its body': {
    then() {
      const body = document.createElement('body');
      body.append(document.createElement('main'));
      document.body = body;
    },
  },
  'empties its body': { then: () => document.body.replaceChildren() },
  'writes itself anew': {
    then() {
      document.open();
      document.write('<!doctype html><html lang="en"><head><title>New</title></head><body><main><h1>New</h1></main></body></html>');
      document.close();
    },
  },
  'has opened a dialog of its own and closes it': {
    body: '<dialog id="news">News</dialog>',
    then() {
      const dialog = document.getElementById('news') as HTMLDialogElement;
      dialog.showModal();
      dialog.close();
    },
  },
};

/** What the page shows where a part of the interface stands, but for the corners and edges, which the page shines through. */
async function picture(page: Page, name: string) {
  const { x, y, width, height } = (await part(page, name).boundingBox())!;
  const clip = { x: Math.round(x) + 12, y: Math.round(y) + 12, width: Math.round(width) - 24, height: Math.round(height) - 24 };
  return page.screenshot({ clip, animations: 'disabled' });
}

/** How many pixels of two pictures differ so much that somebody could see it; all of them if the sizes do. */
async function differing(page: Page, one: Buffer, other: Buffer) {
  if (one.equals(other)) return 0;
  return page.evaluate(async (images) => {
    const [a, b] = await Promise.all(images.map(async (image) => {
      const bytes = Uint8Array.from(atob(image), (char) => char.charCodeAt(0));
      const bitmap = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
      const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d')!;
      context.drawImage(bitmap, 0, 0);
      return context.getImageData(0, 0, bitmap.width, bitmap.height);
    }));
    if (a!.width != b!.width || a!.height != b!.height) return a!.width * a!.height;
    const seen = new Set<number>();
    // Where a curve is smoothed, the same shape differs by a few levels from drawing to drawing.
    a!.data.forEach((level, at) => Math.abs(level - b!.data[at]!) > 40 && seen.add(at >> 2));
    return seen.size;
  }, [one, other].map((image) => image.toString('base64')));
}

async function open(page: Page, { shared }: { shared: Product }, { html, type = 'text/html', css = '', before = '', body = '', whole, then }: Hostile) {
  await page.setViewportSize(WINDOW);
  await page.emulateMedia({ reducedMotion: 'reduce' });
  const styles = css && `<style>${css}</style>`;
  shared.front.answers.set('/mini.js', { type: 'text/javascript', body: '' });
  const text = html?.(shared.sink.url) ?? mini(shared.sink.url, { before: before + styles, body });
  const own = /"(?=\/(askfirst|mini))/g;
  shared.front.answers.set(MINI, { type, body: whole ? text.replace(own, `"${shared.front.origin}`) : text });
  await page.goto(shared.front.origin + MINI);
  await started(page);
  await expect(part(page, 'banner')).toBeVisible();
  if (then) {
    await page.evaluate(then);
    await expect(part(page, 'banner')).toBeVisible();
  }
}

/** Opens the dialog by the keyboard; answers after how many steps. */
async function openDialog(page: Page) {
  await tabTo(page, 'customise', 12);
  await page.keyboard.press('Enter');
  await expect(part(page, 'dialog')).toBeVisible();
}

// The measure: banner, dialog and control on a page that has no styles.
const test = base.extend<{}, { clean: Record<string, Buffer> }>({
  clean: [async ({ browser, shared }, use) => {
    const page = await browser.newPage();
    await open(page, { shared }, {});
    const banner = await picture(page, 'banner');
    await openDialog(page);
    const dialog = await picture(page, 'dialog');
    await part(page, 'dialog-reject').click();
    await page.mouse.move(600, 300);
    const reopen = await picture(page, 'reopen');
    await page.close();
    await use({ banner, dialog, reopen });
  }, { scope: 'worker' }],
});

for (const [name, hostile] of Object.entries(PAGES)) {
  test(`a page that ${name}: the same banner, dialog and control, by keyboard and mouse (FIELD 7, T2)`, async ({ page, shared, clean }, info) => {
    const same = async (what: string) => {
      const shown = await picture(page, what);
      const unlike = await differing(page, shown, clean[what]!);
      if (unlike) await Promise.all(Object.entries({ here: shown, clean: clean[what]! }).map(([where, image]) => writeFile(info.outputPath(`${what}-${where}.png`), image)));
      expect.soft(unlike, `pixels of the ${what} that are unlike those on a clean page`).toBe(0);
    };
    await open(page, { shared }, hostile);
    await expect(part(page, 'banner')).toBeInViewport({ ratio: 1 });
    await same('banner');
    const policy = await part(page, 'banner').locator('a').first().evaluate((link: any) => link.href);
    expect(policy).toBe(`${shared.front.origin}/privacy/`);
    // The language decides among the shapes of a Chinese character, the quotation marks and the hyphens.
    expect(await part(page, 'banner').evaluate((element) => getComputedStyle(element).getPropertyValue('-webkit-locale'))).toBe('"en"');

    await openDialog(page);
    await expect(part(page, 'dialog')).toBeInViewport({ ratio: 1 });
    await same('dialog');
    await page.keyboard.press('Escape');
    await expect(part(page, 'dialog')).toHaveCount(0);
    expect(await state(page)).toMatchObject({ decided: false });
    await tabTo(page, 'reject', 12, 'Shift+Tab');
    await page.keyboard.press('Enter');
    await expect(part(page, 'banner')).toHaveCount(0);
    expect(await state(page)).toMatchObject({ granted: [], refused: ['analytical', 'marketing'] });

    await page.mouse.move(600, 300);
    await same('reopen');
    await part(page, 'reopen').click();
    await part(page, 'switch-analytical').click();
    await part(page, 'save').click();
    await expect(part(page, 'dialog')).toHaveCount(0);
    expect(await state(page)).toMatchObject({ granted: ['analytical'], refused: ['marketing'] });
  });
}

test('a page in a frame of 300 pixels asks in that frame (issue: frames)', async ({ page, shared }) => {
  await page.emulateMedia({ reducedMotion: 'reduce' });
  shared.front.answers.set(MINI, { type: 'text/html', body: mini(shared.sink.url) });
  shared.front.answers.set('/frames/', { type: 'text/html', body: `<!doctype html><html lang="en"><title>Frames</title><link rel="icon" href="data:,"><iframe title="Small" width="300" height="250" src="${MINI}"></iframe></html>` });
  await page.goto(`${shared.front.origin}/frames/`);
  const frame = page.frameLocator('iframe');
  for (const name of ['banner', 'reject', 'accept']) await expect(frame.locator(`askfirst-ui [part=${name}]`)).toBeInViewport({ ratio: 1 });
  await frame.locator('askfirst-ui [part=reject]').click();
  await expect(frame.locator('askfirst-ui [part=banner]')).toHaveCount(0);
  await expect(frame.locator('askfirst-ui [part=reopen]')).toBeInViewport({ ratio: 1 });
});

test('a page that is a set of frames asks above them (issue: frames)', async ({ page, shared }) => {
  await page.emulateMedia({ reducedMotion: 'reduce' });
  shared.front.answers.set('/frames/', { type: 'text/html', body: '<!doctype html><title>Frame</title><link rel="icon" href="data:,"><p>Frame' });
  shared.front.answers.set(MINI, {
    type: 'text/html',
    body: '<html lang="en"><head><title>Frames</title><link rel="icon" href="data:,"><script src="/askfirst/askfirst.js" data-config="/askfirst.json"></script></head><frameset cols="*,*"><frame src="/frames/"><frame src="/frames/"></frameset></html>',
  });
  await page.goto(shared.front.origin + MINI);
  await started(page);
  await expect(part(page, 'banner')).toBeInViewport({ ratio: 1 });
  await part(page, 'reject').click();
  await expect(part(page, 'banner')).toHaveCount(0);
  expect(await state(page)).toMatchObject({ refused: ['analytical', 'marketing'] });
});
