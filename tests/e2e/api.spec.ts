import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { DIST } from './support/product.ts';
import { NO_RECORDS, SHUT, delivered, device, expect, part, rest, started, state, test } from './support/visit.ts';
import { ran, serveMini } from './support/mini.ts';
import { TYPES, startFolder } from './support/folder.ts';
import type { Product } from './support/product.ts';

async function open(page: Page, product: Product, options = {}) {
  const url = serveMini(product.front, product.sink.url, options);
  await page.goto(url);
  await started(page);
  return url;
}

/** The members of an interface in `askfirst.d.ts`, as shipped: name and the rest of the declaration. */
async function declared(name: string): Promise<Record<string, string>> {
  const text = (await readFile(join(DIST, 'askfirst.d.ts'), 'utf8')).replace(/\/\*\*[\s\S]*?\*\//g, '');
  const body = new RegExp(`interface ${name} \\{\\n([\\s\\S]*?)\\n\\}`).exec(text)![1]!;
  const members = [...body.matchAll(/^ {2}(?:readonly )?(\w+)(?:<[^>]*>)?([(:].*);$/gm)];
  return Object.fromEntries(members.map(([, member, rest]) => [member, rest!]));
}

/** Whether a value is what a declared type says. */
function fits(value: unknown, type: string): boolean {
  if (type.includes('|')) return type.split('|').some((one) => fits(value, one.trim()));
  if (/\[\]$/.test(type)) return Array.isArray(value) && value.every((item) => fits(item, type.replace(/^readonly /, '').slice(0, -2)));
  if (type == 'null') return value === null;
  return typeof value == type;
}

test('window.askfirst has exactly the members of askfirst.d.ts', async ({ page, product }) => {
  await open(page, product);
  const members = await declared('Askfirst');
  expect(Object.keys(members).length).toBeGreaterThan(10);
  const real = await page.evaluate(() => Object.fromEntries(Object.entries((window as any).askfirst).map(([name, value]) => [name, typeof value])));
  expect(Object.keys(real).toSorted()).toEqual(Object.keys(members).toSorted());
  for (const [name, rest] of Object.entries(members)) {
    const kind = rest.startsWith('(') ? 'function' : rest == ': string' ? 'string' : 'object';
    expect(real[name], name).toBe(kind);
  }
  const { version } = JSON.parse(await readFile(join(DIST, 'manifest.json'), 'utf8'));
  expect(await page.evaluate(() => (window as any).askfirst.version)).toBe(version);
});

test('the state and every detail are as declared, plain and frozen', async ({ page, product }) => {
  const names = Object.keys(await declared('AskfirstEvents'));
  expect(names).toEqual(['ready', 'shown', 'change', 'withdraw', 'recorded', 'error', 'leak']);
  await page.addInitScript((names) => {
    const details: any = ((window as any).details = {});
    for (const name of names) addEventListener(`askfirst:${name}`, (event: any) => ((details[name] ||= []).push(event.detail)));
  }, names);
  await open(page, product);
  await page.evaluate(() => (window as any).askfirst.accept());
  await delivered(page);
  // Analytics stays, so the page is not reloaded under our eyes; nothing of marketing is of a kind that would run on.
  const form = `<form><input id="field"></form>`;
  await page.evaluate((html) => document.querySelector('main')!.insertAdjacentHTML('beforeend', html), form);
  await page.locator('#field').fill('kept');
  await page.evaluate(() => (window as any).askfirst.save({ marketing: false, analyticl: true }));
  await delivered(page);
  const members = await declared('AskfirstState');
  const check = (value: any) => {
    expect(Object.keys(value).toSorted()).toEqual(Object.keys(members).toSorted());
    for (const [name, type] of Object.entries(members)) expect(fits(value[name], type.slice(2)), `${name} is ${JSON.stringify(value[name])}, not ${type}`).toBe(true);
  };
  const details: any = await page.evaluate(() => (window as any).details);
  expect(Object.keys(details).toSorted()).toEqual(['change', 'error', 'ready', 'recorded', 'shown', 'withdraw']);
  for (const name of ['ready', 'shown', 'change']) details[name].forEach(check);
  check(details.withdraw[0].state);
  expect(details.withdraw).toMatchObject([{ withdrawn: ['marketing'], left: expect.arrayContaining([{ kind: 'cookie', name: '_gcl_au', why: 'foreign' }]) }]);
  expect(details.error).toEqual([{ code: 'unknown_category', category: 'analyticl' }]);
  check(await state(page));
  expect(await page.evaluate(() => {
    const frozen = (value: any): boolean => !value || typeof value != 'object' || (Object.isFrozen(value) && Object.values(value).every(frozen));
    const { askfirst, details } = window as any;
    return [askfirst.state(), askfirst.receipt(), ...Object.values(details).flat()].every(frozen);
  })).toBe(true);
});

test('what is pushed before the start is answered, in its order, and late listeners hear the last detail (FIELD 73)', async ({ page, product }) => {
  await open(page, product, {
    before: `<script>window.heard = []; window.askfirst = window.askfirst || [];
      askfirst.push(['on', 'ready', (state) => heard.push(['ready', state.decided])]);
      askfirst.push(['on', 'change', (state) => heard.push(['change', state.granted.length])]);</script>`,
    head: `<script>askfirst.push(['on', 'shown', (state) => heard.push(['shown', state.asked.length])]);
      heard.push(['has', askfirst.has('analytical')]);</script>`,
  });
  const heard = () => page.evaluate(() => (window as any).heard);
  expect(await heard()).toEqual([['has', false], ['ready', false], ['shown', 2]]);
  await part(page, 'accept').click();
  expect((await heard()).slice(3)).toEqual([['change', 2]]);
  await page.evaluate(() => {
    const { askfirst, heard } = window as any;
    askfirst.on('change', (state: any) => heard.push(['late', state.granted.length]));
    askfirst.push(['on', 'ready', () => heard.push(['later'])]);
  });
  expect((await heard()).slice(4)).toEqual([['late', 2], ['later']]);
  expect(await page.evaluate(async () => (await (window as any).askfirst.ready).decided)).toBe(false);
});

test('a listener can leave, and one that throws stops nobody', async ({ page, product, console }) => {
  console.expect(/^askfirst: .*Error: of the page/);
  await open(page, product);
  await page.evaluate(() => {
    const { askfirst } = window as any;
    const heard: string[] = ((window as any).heard = []);
    const gone = () => heard.push('gone');
    askfirst.on('change', () => { throw new Error('of the page'); });
    askfirst.on('change', gone);
    askfirst.on('change', () => heard.push('second'));
    askfirst.off('change', gone);
  });
  await part(page, 'accept').click();
  expect(await page.evaluate(() => (window as any).heard)).toEqual(['second']);
  await expect(part(page, 'banner')).toHaveCount(0);
  await expect.poll(() => ran(page)).toEqual(['analytical', 'marketing']);
  await delivered(page);
});

test('has() knows the aliases, and nothing it was not told (DESIGN §2)', async ({ page, product }) => {
  await open(page, product);
  const has = (...ids: string[]) => page.evaluate((names) => names.map((name) => (window as any).askfirst.has(name)), ids);
  expect(await has('functional', 'necessary', 'essential', 'analytical', 'marketing')).toEqual([true, true, true, false, false]);
  await page.evaluate(() => (window as any).askfirst.save({ statistics: true }));
  expect(await has('analytical', 'analytics', 'statistics', 'performance')).toEqual([true, true, true, true]);
  expect(await has('marketing', 'ads', 'advertising', 'targeting', 'nothing', '', '__proto__')).toEqual(Array(7).fill(false));
  await delivered(page);
});

test('save() takes true alone for a yes, and leaves alone what it does not name', async ({ page, product }) => {
  await open(page, product);
  await page.evaluate(() => (window as any).askfirst.save({ analytical: 'yes', marketing: 1 }));
  expect(await state(page)).toMatchObject({ granted: [], refused: ['analytical', 'marketing'] });
  await page.evaluate(() => (window as any).askfirst.save({ analytical: true }));
  expect(await state(page)).toMatchObject({ granted: ['analytical'], refused: ['marketing'] });
  await page.evaluate(() => (window as any).askfirst.save({}));
  expect(await state(page)).toMatchObject({ granted: ['analytical'], refused: ['marketing'] });
  await delivered(page);
});

test('an event that does not exist is refused at once', async ({ page, product }) => {
  await open(page, product);
  const error = await page.evaluate(() => {
    try {
      (window as any).askfirst.on('changed', () => {});
    } catch (error) {
      return String(error);
    }
  });
  expect(error).toMatch(/TypeError: askfirst: no event "changed"; there are ready, shown, change/);
});

test('data-askfirst makes any element of the page a control, also a later one (DESIGN §2)', async ({ page, product }) => {
  await open(page, product, {
    body: ['accept', 'reject', 'preferences', 'withdraw'].map((name) => `<p><a href="#${name}" data-askfirst="${name}" id="${name}"><b>${name}</b></a></p>`).join(''),
  });
  const url = page.url();
  await page.locator('#preferences b').click();
  await expect(part(page, 'dialog')).toBeVisible();
  await part(page, 'close').click();
  await page.locator('#reject').click();
  expect(await state(page)).toMatchObject({ granted: [], refused: ['analytical', 'marketing'] });
  await page.locator('#accept').click();
  expect(await state(page)).toMatchObject({ granted: ['analytical', 'marketing'] });
  await delivered(page);
  const { record } = await product.evidence((await state(page)).recordId);
  expect(record.event).toMatchObject({ method: 'accept_all', layer: 'page' });
  expect(page.url()).toBe(url);
  const reloaded = page.waitForEvent('load');
  await page.locator('#withdraw').click();
  await reloaded;
  await started(page);
  expect((await state(page)).granted).toEqual([]);
  await page.evaluate(() => document.querySelector('main')!.insertAdjacentHTML('afterbegin', '<button id="late" data-askfirst="preferences">Late</button>'));
  await page.locator('#late').click();
  await expect(part(page, 'dialog')).toBeVisible();
  await delivered(page);
});

test('a script that presses a control of the page is recorded as a script', async ({ page, product }) => {
  await open(page, product, { body: '<button data-askfirst="accept" id="accept">Accept</button>' });
  await page.evaluate(() => document.getElementById('accept')!.click());
  await delivered(page);
  expect((await product.evidence((await state(page)).recordId)).record.event).toMatchObject({ method: 'api', layer: 'page' });
});

test('open() and preferences() show the interface and decide nothing', async ({ page, product }) => {
  await open(page, product);
  await page.evaluate(() => (window as any).askfirst.open());
  expect(await page.evaluate(() => document.querySelector('askfirst-ui')!.shadowRoot!.activeElement?.getAttribute('part'))).toBe('banner');
  await page.evaluate(() => (window as any).askfirst.preferences());
  await expect(part(page, 'dialog')).toBeVisible();
  expect((await state(page)).decided).toBe(false);
  await part(page, 'close').click();
  await part(page, 'reject').click();
  await page.evaluate(() => (window as any).askfirst.open());
  await expect(part(page, 'dialog')).toBeVisible();
  await delivered(page);
});

test('every part has its public name (DESIGN §2)', async ({ page, product }) => {
  await open(page, product);
  for (const name of ['banner', 'accept', 'reject', 'customise']) {
    await expect(part(page, name)).toHaveCount(1);
    await expect(part(page, name)).toBeVisible();
  }
  await part(page, 'customise').click();
  for (const name of ['dialog', 'dialog-accept', 'dialog-reject', 'save', 'close', 'switch-functional', 'switch-analytical', 'switch-marketing']) {
    await expect(part(page, name)).toHaveCount(1);
    await expect(part(page, name)).toBeVisible();
  }
  await part(page, 'dialog-reject').click();
  await expect(part(page, 'reopen')).toBeVisible();
  expect(await page.evaluate(() => document.querySelector('askfirst-ui')!.shadowRoot!.mode)).toBe('open');
  await delivered(page);
});

test('the parts can be themed from outside with ::part() and custom properties (FIELD 9)', async ({ page, product }) => {
  await open(page, product, {
    head: '<style>askfirst-ui { --askfirst-accent: rgb(120, 20, 60) } askfirst-ui::part(banner) { border-radius: 3px }</style>',
  });
  const look = (name: string, property: string) => part(page, name).evaluate((element, property) => getComputedStyle(element).getPropertyValue(property), property);
  expect(await look('banner', 'border-radius')).toBe('3px');
  expect([await look('accept', 'background-color'), await look('reject', 'background-color')]).toEqual(Array(2).fill('rgb(120, 20, 60)'));
});

const FIVE_LINES = `{ "version": "2026-11-22",
  "controller": { "name": "Example B.V.", "contact": "privacy@example.com", "policy": "/privacy" },
  "categories": { "functional": {}, "analytical": { "services": ["plausible"] }, "marketing": { "services": ["youtube"] } } }`;
const GATED = `<script type="text/plain" data-category="analytical" data-service="plausible">(window.ran ||= []).push('analytical')</script>
  <script type="text/plain" data-category="ads" data-service="youtube">(window.ran ||= []).push('marketing')</script>`;
const plain = (loader: string, html = 'lang="en"') => `<!doctype html><html ${html}><head><meta charset="utf-8"><title>Static</title><link rel="icon" href="data:,">${loader}</head><body>${GATED}</body></html>`;

test('five lines and a folder of files are enough, without any server of ours; that there are no records is said, and stops nothing', async ({ page, console }) => {
  const host = await startFolder(DIST, {
    '/': plain('<script src="/askfirst/askfirst.js" data-config="/askfirst.json"></script>'),
    '/askfirst.json': FIVE_LINES,
  });
  await page.goto(host.origin);
  await started(page);
  await expect(part(page, 'banner')).toContainText('Example B.V.');
  expect(await ran(page)).toEqual([]);
  await part(page, 'accept').click();
  await expect.poll(() => ran(page)).toEqual(['analytical', 'marketing']);
  expect(await state(page)).toMatchObject({ granted: ['analytical', 'marketing'], recordId: null, recorded: false, pending: 0 });
  await page.reload();
  await started(page);
  await expect.poll(() => ran(page)).toEqual(['analytical', 'marketing']);
  expect((await device(page)).local).toEqual(['askfirst']);
  await page.evaluate(() => (window as any).askfirst.preferences());
  await expect(part(page, 'dialog')).toContainText('Plausible');
  await expect(part(page, 'dialog')).toContainText('YouTube');
  await expect.poll(() => console.lines.filter((line) => NO_RECORDS.test(line)).length, { timeout: 8_000 }).toBeGreaterThan(0);
  await host.close();
});

test('the files may lie on another origin, on a host that has no type for WebAssembly', async ({ page }) => {
  const { '.wasm': _, ...types } = TYPES;
  const files = await startFolder(DIST, {}, types);
  const host = await startFolder('/nowhere', {
    '/': plain(`<script src="${files.origin}/askfirst/askfirst.js" data-config="/askfirst.json"></script>`),
    '/askfirst.json': FIVE_LINES,
  });
  await page.goto(host.origin);
  await started(page);
  await part(page, 'accept').click();
  await expect.poll(() => ran(page)).toEqual(['analytical', 'marketing']);
  await page.reload();
  await started(page);
  await expect.poll(() => ran(page)).toEqual(['analytical', 'marketing']);
  await Promise.all([host.close(), files.close()]);
});

for (const where of ['before', 'after'] as const) {
  test(`a configuration inside the page works, ${where} the loader`, async ({ page }) => {
    const inline = `<script type="application/json" id="askfirst-config">${FIVE_LINES}</script>`;
    const loader = '<script src="/askfirst/askfirst.js"></script>';
    const host = await startFolder(DIST, { '/': plain(where == 'before' ? inline + loader : loader + inline) });
    await page.goto(host.origin);
    await started(page);
    await part(page, 'accept').click();
    await expect.poll(() => ran(page)).toEqual(['analytical', 'marketing']);
    await page.reload();
    await started(page);
    await expect.poll(() => ran(page)).toEqual(['analytical', 'marketing']);
    await host.close();
  });
}

test('without any configuration nothing opens, and one line says so (G9)', async ({ page, console }) => {
  console.expect(SHUT);
  const host = await startFolder(DIST, { '/': plain('<script src="/askfirst/askfirst.js"></script>') });
  await page.goto(host.origin);
  await expect.poll(() => console.ours()).toHaveLength(1);
  expect(console.ours()[0]).toContain('data-config');
  expect(await ran(page)).toEqual([]);
  await host.close();
});

for (const [html, tag, lang, title] of [
  ['lang="en"', '', 'en', 'We use cookies only with your consent'],
  ['lang="nl"', '', 'nl', ''],
  ['lang="nl-BE"', '', 'nl', ''],
  ['lang="DE-at"', '', 'de', ''],
  ['lang="fr"', '', 'fr', ''],
  ['lang="xx"', '', 'en', ''],
  ['', '', 'en', ''],
  ['lang="en"', 'data-locale="fr"', 'fr', ''],
] as const) {
  test(`the words are ${lang} for <html ${html}>${tag && ` with ${tag}`} (B12)`, async ({ page, product }) => {
    await open(page, product, { html, tag: `data-config="/askfirst.json" ${tag}` });
    const words: Record<string, string> = {};
    for (const folder of ['locales', 'locales/more']) Object.assign(words, JSON.parse(await readFile(join(DIST, folder, `${lang}.json`), 'utf8')));
    expect((await state(page)).lang).toBe(lang);
    await expect(part(page, 'banner').locator('h2')).toHaveText(title || words['banner.title']);
    for (const [name, key] of [['accept', 'banner.accept'], ['reject', 'banner.reject'], ['customise', 'banner.customise']]) {
      await expect(part(page, name!)).toHaveText(words[key!]);
    }
    await expect(page.locator('askfirst-ui')).toHaveAttribute('lang', lang);
    await part(page, 'customise').click();
    await expect(part(page, 'save')).toHaveText(words['dialog.save']);
    await expect(part(page, 'dialog')).toContainText(words['category.marketing.text']);
  });
}

test('a gated tag that is wrongly marked is reported once, by name (FIELD complaint 4)', async ({ page, product, console }) => {
  console.expect(/^askfirst: a script with data-category runs at once/, /^askfirst: img: no category "marketign"/, /^askfirst: iframe: no service "vimo"/);
  await open(page, product, {
    head: '<script data-category="analytical">window.early = 1</script>',
    body: '<img data-category="marketign" data-src="/x.gif" alt=""><iframe data-category="marketing" data-service="vimo" data-src="/y" title="y"></iframe>',
  });
  await part(page, 'accept').click();
  await rest(page);
  expect(console.ours()).toHaveLength(3);
  expect(await page.locator('img[data-category=marketign]').getAttribute('src')).toBe(null);
  expect(await page.locator('iframe[data-service=vimo]').getAttribute('src')).toBe(null);
  await delivered(page);
});
