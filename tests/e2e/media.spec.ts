import { CATEGORY } from './support/cases.ts';
import { type Browser } from './support/elements.ts';
import { ENGINES, until } from './support/engines.ts';
import { test } from './support/firefox.ts';
import { page as html, serve } from './support/gate.ts';
import type { Sink, Site } from './support/site.ts';
import { expect, settled } from './support/test.ts';

// Which of its sources a media element takes is the browser's to say (HTML, "resource selection algorithm"): it tries one
// after the other, each once, and what has been tried without an address is tried again only after `load()`.

const OTHER = 'marketing';
const shut = (src: string, category = CATEGORY) => `<source data-category="${category}" data-src="${src}">`;
const go = (browser: Browser, ...open: string[]) => browser.evaluate((open: string[]) => (window as any).go(open), open);
/** networkState: EMPTY 0, IDLE 1, LOADING 2, NO_SOURCE 3. */
const state = (browser: Browser) => browser.evaluate(() => document.querySelector('video')!.networkState);
const playing = (browser: Browser) => browser.evaluate(() => {
  const { currentSrc, readyState } = document.querySelector('video')!;
  return readyState > 1 && currentSrc.split('/').pop();
});

async function sources(browser: Browser, site: Site, sink: Sink) {
  const visit = async (markup: string) => {
    // No name twice: Firefox keeps what it has of one.
    sink.log.length = 0;
    await serve(site, html('', `<video preload="auto" muted>${markup}</video>
      <script>window.emptied = 0; document.querySelector('video').onemptied = () => emptied += 1;</script>`));
    await browser.goto(site.origin);
    await until('the glue', () => browser.evaluate(() => !!(window as any).go));
  };
  const at = (name: string) => `${sink.origin}/${name}`;

  // Opened while the browser is giving up the first: Firefox has the rest of that under way, and went on from the first,
  // opened and begun with, to the second.
  await visit(shut(at('1.wav')) + shut(at('2.wav')));
  await until('both given up', async () => await state(browser) == 3);
  await browser.evaluate((open: string) => {
    document.querySelector('source')!.addEventListener('error', () => (window as any).go([open]), { once: true });
    document.querySelector('video')!.load();
  }, CATEGORY);
  expect(await until('the first to be played', () => playing(browser))).toBe('1.wav');
  await settled(browser, sink);
  expect(sink.log).toEqual(['1.wav']);

  // What is opened when the one before it has been tried in vain.
  await visit(shut(at('1.mp4')) + shut(at('2.wav'), OTHER));
  await go(browser, CATEGORY);
  await until('the first to be asked for', () => sink.log.length);
  await until('the first to have failed', async () => await state(browser) == 3);
  await go(browser, CATEGORY, OTHER);
  expect(await until('the second to be played', () => playing(browser))).toBe('2.wav');

  // What plays is left alone, whatever is opened before or behind it.
  await visit(shut(at('3.wav')) + `<source src="${at('4.wav')}">` + shut(at('5.wav')));
  expect(await until('the one that is open', () => playing(browser))).toBe('4.wav');
  const before = await browser.evaluate(() => (window as any).emptied);
  await go(browser, CATEGORY);
  await settled(browser, sink);
  expect(sink.log).toEqual(['4.wav']);
  expect(await browser.evaluate(() => (window as any).emptied)).toBe(before);
}

const chosen = 'of the sources of a film the first that can be played is, whenever they are opened (FIELD 25)';

test(`Chromium: ${chosen}`, async ({ page, site, sink }) => {
  const browser = { goto: async (url: string) => void await page.goto(url), evaluate: (fn: any, ...args: any[]) => page.evaluate(`(${fn})(...${JSON.stringify(args)})`) as any };
  await sources(browser, site, sink);
});

test(`Firefox: ${chosen}`, ({ firefox, site, sink }) => sources(firefox, site, sink));

test(`WebKit: ${chosen}`, async ({ site, sink }) => {
  const webkit = await ENGINES.webkit();
  await sources(webkit, site, sink).finally(() => webkit.close());
});
