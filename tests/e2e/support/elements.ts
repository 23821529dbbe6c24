import { expect } from '@playwright/test';
import { CATEGORY, SITE, type Kind, type Way } from './cases.ts';
import { until, type Engine } from './engines.ts';
import { page as html, serve } from './gate.ts';
import type { Sink, Site } from './site.ts';
import { settled } from './test.ts';

/** What a case needs of a browser; Playwright's and the others give it alike. */
export type Browser = Pick<Engine, 'goto' | 'evaluate'>;

let cases = 0;

const go = (browser: Browser) => browser.evaluate((open: string[]) => (window as any).go(open), [CATEGORY]);
const call = (browser: Browser, code: string, markup = '') => browser.evaluate(
  (code: string, markup: string) => void new Function('markup', 'box', code)(markup, document.getElementById('box')), code, markup,
);

/** What a released case looks like beside what it should look like: the markup's own attributes and those restored. */
const attributes = (browser: Browser, markup: string) => browser.evaluate((markup: string) => {
  const list = (el: Element, change = (_: Map<string, string>) => {}) => {
    const all = new Map([...el.attributes].map(({ name, value }) => [name, value]));
    change(all);
    return `${el.localName} ${JSON.stringify([...all].sort())}`;
  };
  const parsed = new DOMParser().parseFromString('<body>' + markup, 'text/html').body;
  // What a template holds comes out of it.
  const parts: ParentNode[] = [parsed, ...[...parsed.querySelectorAll('template')].map(({ content }) => content)];
  const expected = parts.flatMap((part) => [...part.querySelectorAll('[data-category]')]).map((el) => list(el, (all) => {
    if (all.get('type') == 'text/plain') all.delete('type');
    for (const name of ['type', 'src', 'srcset', 'sizes', 'srcdoc', 'href', 'poster', 'data']) {
      if (all.has('data-' + name)) all.set(name, all.get('data-' + name)!);
    }
  }));
  const box = document.getElementById('box')!;
  // What `innerHTML` has made keeps its place and its inert type; the copy that ran for it is gone (FIELD 69).
  const actual = [...(box.shadowRoot ?? box).querySelectorAll('[data-category]')].map((el) => list(el, (all) => {
    if (all.get('type') != 'text/plain') return;
    all.delete('type');
    if (all.has('data-type')) all.set('type', all.get('data-type')!);
  }));
  return { actual: actual.sort(), expected: expected.sort() };
}, markup);

/**
 * One kind of gated markup that gets on a page by one way: nothing is asked before the choice, everything once after it,
 * in order, and the attributes are equal. The log of the third party's server is the judge.
 */
export async function check(name: string, browser: Browser, site: Site, sink: Sink, kind: Kind, way: Way) {
  const label = `${kind.name} by ${way.name}`;
  // What a case before this one still asks for is not this one's.
  const folder = `case-${(cases += 1)}/`;
  const markup = kind.markup(`${sink.origin}/${folder.slice(0, -1)}`);
  const asked = () => sink.log.filter((path) => path.startsWith(folder)).map((path) => path.slice(folder.length)).filter((path) => !kind.maybe?.includes(path));
  const inPage = way.page?.(markup) ?? '';
  await serve(site, html(SITE, way.insert ? `${inPage}<div id="box"></div>` : `<div id="box">${inPage}</div>`, way.tag));
  await browser.goto(site.origin);
  await until(`${label}: the loader's engine`, () => browser.evaluate(() => !!(window as any).go));
  if (way.late) await go(browser);
  if (way.insert) await call(browser, way.insert, markup);
  if (way.move) await call(browser, way.move);
  if (!way.late && !way.returning) {
    await settled(browser, sink);
    expect(sink.log.filter((path) => path.startsWith(folder)), `${label}: before the choice`).toEqual([]);
    await go(browser);
  }
  await expect.poll(() => asked().length, { message: `${label}: after the choice`, intervals: [20] }).toBeGreaterThanOrEqual(kind.asks.length);
  if (way.move && kind.reloads != true && kind.reloads != name) await call(browser, way.move);
  await settled(browser, sink);
  const sorted = (paths: string[]) => (kind.ordered ? paths : paths.toSorted());
  expect(sorted(asked()), `${label}: after the choice`).toEqual(sorted(kind.asks));
  const { actual, expected } = await attributes(browser, markup);
  expect(actual, `${label}: attributes`).toEqual(expected);
}
