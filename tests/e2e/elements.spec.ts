import { expect, rest, test } from './support/test.ts';
import { page as html, serve, stored } from './support/gate.ts';
import { CATEGORY, KINDS, SITE, WAYS, type Kind, type Way } from './support/cases.ts';

const engine = (page: any) => page.waitForFunction(() => (window as any).go);
const go = (page: any, open = [CATEGORY]) => page.evaluate((open: string[]) => (window as any).go(open), open);

/** What a released case looks like beside what it should look like: the markup's own attributes and those restored. */
const attributes = (page: any, markup: string): Promise<{ actual: string[]; expected: string[] }> => page.evaluate((markup: string) => {
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

async function run(page: any, site: any, sink: any, kind: Kind, way: Way) {
  const label = `${kind.name} by ${way.name}`;
  const markup = kind.markup(sink.origin);
  const inPage = way.page?.(markup) ?? '';
  await serve(site, html(SITE, way.insert ? `${inPage}<div id="box"></div>` : `<div id="box">${inPage}</div>`));
  sink.log.length = 0;
  await page.goto(site.origin);
  await engine(page);
  const insert = () => page.evaluate(([code, markup]: string[]) => new Function('markup', 'box', code!)(markup, document.getElementById('box')), [way.insert, markup]);
  const move = () => page.evaluate((code: string) => new Function('box', code)(document.getElementById('box')), way.move);
  if (way.late) await go(page);
  if (way.insert) await insert();
  if (way.move) await move();
  if (!way.late && !way.returning) {
    await rest(page, 60);
    expect(sink.log, `${label}: before the choice`).toEqual([]);
    await go(page);
  }
  const asked = () => (kind.ordered ? [...sink.log] : sink.log.toSorted());
  const asks = kind.ordered ? kind.asks : kind.asks.toSorted();
  await expect.poll(() => sink.log.length, { message: `${label}: after the choice` }).toBeGreaterThanOrEqual(asks.length);
  if (way.move && !kind.reloads) await move();
  await rest(page, 60);
  expect(asked(), `${label}: after the choice`).toEqual(asks);
  const { actual, expected } = await attributes(page, markup);
  expect(actual, `${label}: attributes`).toEqual(expected);
}

for (const way of WAYS) {
  test(`every kind of element by ${way.name}: nothing before the choice, once after it, attributes kept (FIELD 16-25)`, async ({ page, site, sink }) => {
    test.setTimeout(90_000);
    if (way.returning) {
      await serve(site, html(''));
      await page.goto(site.origin);
      await page.evaluate((value) => localStorage.setItem('askfirst', value), stored([CATEGORY]));
    }
    for (const kind of KINDS) {
      if (!kind.not?.[way.name]) await run(page, site, sink, kind, way);
    }
  });
}
