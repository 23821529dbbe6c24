import type { Page } from '@playwright/test';
import { NOTHING, NO_ANSWER, NOT_FOUND, SHUT, delivered, device, expect, part, rest, settled, started, state, test } from './support/visit.ts';
import { ran, serveMini, works } from './support/mini.ts';
import type { Product } from './support/product.ts';

/** Nothing that waits for a grant has run, and no third party knows of the visit. */
async function shut(page: Page, product: Product) {
  await settled(page, product);
  expect(product.sink.log).toEqual([]);
  expect((await ran(page)).filter((name) => name != '!marketing')).toEqual([]);
  expect(await page.locator('img[data-category]').getAttribute('src')).toBe(null);
  await works(page);
}

/** Nothing was decided either: the visitor is still asked. */
async function undecided(page: Page, product: Product) {
  await shut(page, product);
  expect(await state(page)).toMatchObject({ decided: false, granted: [], refused: [], asked: ['analytical', 'marketing'] });
  await expect(part(page, 'banner')).toBeVisible();
  expect(product.front.posted).toEqual([]);
  expect(await device(page)).toEqual(NOTHING);
}

const open = async (page: Page, product: Product, options = {}) => {
  const url = serveMini(product.front, product.sink.url, { body: '<p style="height: 4000px">Long</p>', ...options });
  await page.goto(url);
  await started(page);
  await expect(part(page, 'banner')).toBeVisible();
  return url;
};

/** Every act of a visitor that is not an answer (B1). */
const acts: Record<string, (page: Page, product: Product) => Promise<unknown>> = {
  scrolling: async (page) => {
    await page.mouse.move(300, 100);
    await page.mouse.wheel(0, 3000);
    await page.keyboard.press('PageDown');
    await page.keyboard.press('End');
  },
  'Escape on the banner': async (page) => {
    await page.keyboard.press('Escape');
    await part(page, 'accept').focus();
    await page.keyboard.press('Escape');
  },
  'Escape in the dialog': async (page) => {
    await part(page, 'customise').click();
    await part(page, 'switch-marketing').check();
    await page.keyboard.press('Escape');
    await expect(part(page, 'dialog')).toHaveCount(0);
  },
  'closing the dialog': async (page) => {
    await part(page, 'customise').click();
    await part(page, 'switch-marketing').check();
    await part(page, 'close').click();
    await expect(part(page, 'dialog')).toHaveCount(0);
  },
  'a click on the page': async (page) => {
    await page.locator('h1').click();
    await page.mouse.click(5, 5);
  },
  'a click on the backdrop': async (page, product) => {
    await part(page, 'customise').click();
    await part(page, 'switch-marketing').check();
    await page.mouse.click(5, 5);
    await settled(page, product);
    if (await part(page, 'dialog').count()) await page.keyboard.press('Escape');
  },
  'a click on the words of the banner': async (page) => {
    await part(page, 'banner').locator('h2').click();
    await part(page, 'banner').locator('li').first().click();
  },
  'typing and keys of the page': async (page) => {
    for (const key of ['Enter', 'Space', 'y', 'ArrowDown']) await page.keyboard.press(key);
  },
  navigation: async (page, product) => {
    await page.goto(`${product.front.origin}/mini/?next=1`);
    await started(page);
    await page.goBack();
    await started(page);
    await page.reload();
    await started(page);
  },
};

for (const [name, act] of Object.entries(acts)) {
  test(`${name} grants nothing (B1)`, async ({ page, product }) => {
    await open(page, product);
    await act(page, product);
    await undecided(page, product);
  });
}

test('waiting grants nothing, however long (B1)', async ({ page, product }) => {
  await page.clock.install();
  await open(page, product);
  await page.clock.fastForward('48:00:00');
  await page.clock.runFor(5_000);
  await page.clock.fastForward(90 * 86_400_000);
  await page.clock.runFor(5_000);
  await page.clock.resume();
  await undecided(page, product);
});

for (const driven of [true, false]) {
  test(`navigator.webdriver = ${driven} changes nothing`, async ({ page, product }) => {
    await page.addInitScript((value) => Object.defineProperty(Navigator.prototype, 'webdriver', { get: () => value }), driven);
    await open(page, product);
    await undecided(page, product);
    await part(page, 'accept').click();
    await expect.poll(() => ran(page)).toEqual(['analytical', 'marketing']);
    await delivered(page);
  });
}

test('clicks made by a script on the banner are recorded as what was pressed, and a bare API call as a script (B1)', async ({ page, product }) => {
  await open(page, product);
  await page.evaluate(() => (window as any).askfirst.accept());
  await delivered(page);
  const { record } = await product.evidence((await state(page)).recordId);
  expect(record.event).toMatchObject({ method: 'api', layer: 'page' });
});

const gpc = (page: Page, on: boolean) => page.context().addInitScript((value) =>
  Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', { get: () => value, configurable: true }), on);

test('Global Privacy Control refuses nothing to others and grants nothing; the visitor is told, and an explicit yes stands and is recorded as such (G11, FIELD 57)', async ({ page, product }) => {
  await gpc(page, true);
  await open(page, product);
  await expect(part(page, 'banner')).toContainText('Global Privacy Control');
  await undecided(page, product);
  expect((await state(page)).gpc).toBe(true);
  await part(page, 'accept').click();
  await expect.poll(() => ran(page)).toEqual(['analytical', 'marketing']);
  await delivered(page);
  const { record, holds } = await product.evidence((await state(page)).recordId);
  expect(record.signals).toEqual({ gpc: true });
  expect(holds).toEqual({ record: true, notice: true });
  await page.reload();
  await started(page);
  expect((await state(page)).granted).toEqual(['analytical', 'marketing']);
  await expect.poll(() => ran(page)).toEqual(['analytical', 'marketing']);
});

test('Do Not Track is an objection like it, with a note of its own, unless the owner ignores it (G11, FIELD 58)', async ({ page, product }) => {
  const url = await open(page, product);
  await part(page, 'accept').click();
  await delivered(page);
  await page.context().addInitScript(() => Object.defineProperty(Navigator.prototype, 'doNotTrack', { get: () => '1', configurable: true }));
  product.forget();
  await page.goto(`${url}?again`);
  await started(page);
  expect(await state(page)).toMatchObject({ granted: ['analytical'], refused: ['marketing'], dnt: true, gpc: false });
  await settled(page, product);
  expect(product.sink.log, 'the loader has shut it before any code came').toEqual([]);
  await delivered(page);
  const { record } = await product.evidence((await state(page)).recordId);
  expect(record.event.method).toBe('signal');
  expect(record.signals).toEqual({ dnt: true, gpc: false });
  await part(page, 'reopen').click();
  await expect(part(page, 'dialog')).toContainText('Do Not Track');
  // An explicit yes stands.
  await part(page, 'dialog-accept').click();
  await page.goto(`${url}?yes`);
  await started(page);
  expect((await state(page)).granted).toEqual(['analytical', 'marketing']);

  await page.goto('about:blank');
  await product.configure((config) => (config.dnt = 'ignore'));
  await page.goto(`${url}?ignored`);
  await started(page);
  expect(await state(page)).toMatchObject({ granted: ['analytical', 'marketing'], dnt: false });
});

test('Global Privacy Control that is switched on after a grant takes marketing back before anything of it runs (G11, FIELD 57)', async ({ page, product }) => {
  const url = await open(page, product);
  await part(page, 'accept').click();
  await delivered(page);
  await gpc(page, true);
  product.forget();
  await page.goto(`${url}?again`);
  await started(page);
  expect(await state(page)).toMatchObject({ granted: ['analytical'], refused: ['marketing'], gpc: true });
  await settled(page, product);
  expect(product.sink.log).toEqual([]);
  await expect.poll(() => ran(page)).toEqual(['analytical', '!marketing']);
  await delivered(page);
  const { record } = await product.evidence((await state(page)).recordId);
  expect(record.event).toMatchObject({ method: 'signal', state: 'changed' });
});

test('while the server is down records wait, and come exactly once when it is back, on a later page (R7)', async ({ page, product, console }) => {
  console.expect(NO_ANSWER);
  const url = await open(page, product);
  await product.down();
  // The pages come from the proxy's own store; the files of the product stay in reach.
  await part(page, 'accept').click();
  await expect.poll(() => ran(page)).toEqual(['analytical', 'marketing']);
  await expect.poll(() => console.lines, 'the first try has failed').not.toEqual([]);
  expect(await state(page)).toMatchObject({ granted: ['analytical', 'marketing'], recorded: false, pending: 1 });
  const { recordId } = await state(page);
  await works(page);
  await product.up();
  await page.goto(`${url}?later`);
  await started(page);
  await expect.poll(() => state(page), { timeout: 10_000 }).toMatchObject({ recorded: true, pending: 0, recordId });
  await page.reload();
  await started(page);
  await rest(page, 500);
  // A page that is left sends once more, and hears no answer: the next one repeats it, and the server knows the id.
  expect(await product.figures()).toMatchObject({ records: 1, counts: 0 });
  expect((await product.evidence(recordId)).holds).toEqual({ record: true, notice: true });
});

test('a refusal while the server is down shuts as well, and is counted once (R7)', async ({ page, product, console }) => {
  console.expect(NO_ANSWER);
  const url = await open(page, product);
  await product.down();
  await part(page, 'reject').click();
  await shut(page, product);
  expect(await state(page)).toMatchObject({ granted: [], pending: 1 });
  await page.goto('about:blank');
  await product.up();
  await page.goto(`${url}?later`);
  await started(page);
  await delivered(page);
  expect(await product.figures()).toEqual({ records: 0, repeated: 0, counts: 1 });
});

/** A file is missing on the visit after a grant. */
const returning = (path: string) =>
  test(`without ${path} a stored grant opens what it may, but nothing new is granted (G9)`, async ({ page, product, console }) => {
    const url = await open(page, product);
    await part(page, 'customise').click();
    await part(page, 'switch-analytical').check();
    await part(page, 'save').click();
    await delivered(page);
    product.front.lose(path);
    console.expect(NOT_FOUND, SHUT);
    await page.goto(`${url}?again`);
    await expect.poll(() => console.ours(), { timeout: 8_000 }).toHaveLength(1);
    expect(await ran(page)).not.toContain('marketing');
    expect(product.sink.log).toEqual([]);
    await works(page);
  });

/** Files that can be missing. Each time one line of ours says so (G9). */
for (const path of ['/askfirst.json', '/askfirst/askfirst.wasm', '/askfirst/askfirst.mjs', '/askfirst/locales/en.json']) {
  test(`without ${path} nothing opens, one line says so and the page works (G9)`, async ({ page, product, console }) => {
    console.expect(NOT_FOUND, SHUT);
    const url = serveMini(product.front, product.sink.url);
    product.front.lose(path);
    await page.goto(url);
    await expect.poll(() => console.ours()).toHaveLength(1);
    await shut(page, product);
    expect(console.ours()).toHaveLength(1);
    expect(console.ours()[0]).toContain(path.slice(path.lastIndexOf('/') + 1));
    expect(await device(page)).toEqual(NOTHING);
    expect(await page.evaluate(() => (window as any).askfirst.has('analytical'))).toBe(false);
  });

  returning(path);
}

/** What decides comes after the banner, in files of its own. Each time one of them is missing, one line of ours says so. */
const WAITS = /^askfirst: nothing can be decided yet/;
for (const path of ['/askfirst/askfirst-more.wasm', '/askfirst/askfirst-more.mjs', '/askfirst/locales/more/en.json']) {
  test(`without ${path} a press grants nothing; the next one, when the file is there, decides once (G9)`, async ({ page, product, console }) => {
    console.expect(NOT_FOUND, WAITS);
    const url = serveMini(product.front, product.sink.url);
    product.front.lose(path);
    await page.goto(url);
    await expect(part(page, 'banner')).toBeVisible();
    await expect.poll(() => console.ours()).toHaveLength(1);
    await part(page, 'accept').click();
    await expect.poll(() => console.ours()).toHaveLength(2);
    await shut(page, product);
    expect(await device(page)).toEqual(NOTHING);
    expect(product.front.posted).toEqual([]);
    expect(await page.evaluate(() => (window as any).askfirst.has('analytical'))).toBe(false);
    await expect(part(page, 'banner')).toBeVisible();

    product.front.answers.delete(path);
    await part(page, 'reject').click();
    await started(page);
    await expect(part(page, 'banner')).toHaveCount(0);
    // The press that could not be carried out is not carried out any more.
    expect(await state(page)).toMatchObject({ granted: [], refused: ['analytical', 'marketing'] });
    await delivered(page);
    expect(product.front.posted).toHaveLength(1);
    expect(console.ours()).toHaveLength(2);
  });

  returning(path);
}

test('words that are a page of the site grant nothing either; the next press, when they are there, decides once (G9)', async ({ page, product, console }) => {
  console.expect(WAITS);
  const path = '/askfirst/locales/more/en.json';
  const url = serveMini(product.front, product.sink.url);
  product.front.answers.set(path, { type: 'text/html', body: '<!doctype html><title>Not found</title>' });
  await page.goto(url);
  await expect.poll(() => console.ours()).toHaveLength(1);
  await part(page, 'customise').click();
  await expect.poll(() => console.ours()).toHaveLength(2);
  await shut(page, product);
  await expect(part(page, 'dialog')).toHaveCount(0);
  await expect(part(page, 'banner')).toBeVisible();
  product.front.answers.delete(path);
  await part(page, 'accept').click();
  await started(page);
  await delivered(page);
  expect(product.front.posted).toHaveLength(1);
  // What was connected is connected once.
  expect(await page.evaluate(() => (window as any).dataLayer.filter(({ event }: any) => event == 'askfirst_update'))).toHaveLength(1);
});

/** A configuration that can't be used: what the console must name. */
const configs: Record<string, [string, RegExp]> = {
  'with a pre-ticked category': [
    JSON.stringify({ version: '1', controller: { name: 'E', contact: 'a@example.com', policy: '/p' }, categories: { functional: {}, marketing: { default: true } } }),
    /error L01 at \$\.categories\.marketing\.default: ./,
  ],
  'with an unknown key': [
    JSON.stringify({ version: '1', controler: {}, controller: { name: 'E', contact: 'a@example.com', policy: '/p' }, categories: { functional: {}, analytical: {} } }),
    /error \w+ at \$\.controler/,
  ],
  'without a controller': [JSON.stringify({ version: '1', categories: { functional: {}, analytical: {} } }), /error L09 at \$(\.controller)?/],
  'that is not JSON': ['{ "version": ', /error json at \$/],
  'that is a page of the site': ['<!doctype html><title>Not found</title>', /error json at \$/],
  'that is empty': ['', /error json at \$/],
};

for (const [name, [body, line]] of Object.entries(configs)) {
  test(`a configuration ${name} opens nothing, and the console names path and code (G9)`, async ({ page, product, console }) => {
    console.expect(SHUT);
    const url = serveMini(product.front, product.sink.url);
    product.front.answers.set('/askfirst.json', { type: 'application/json', body });
    await page.goto(url);
    await expect.poll(() => console.ours()).toHaveLength(1);
    expect(console.ours()[0]).toMatch(line);
    await shut(page, product);
    await expect(page.locator('askfirst-ui')).toHaveCount(0);
    expect(await device(page)).toEqual(NOTHING);
  });
}

test('a policy that refuses WebAssembly opens nothing, also where its plain form is missing (T1, G9)', async ({ page, product, console }) => {
  console.expect(SHUT, /^violation script-src wasm-eval/, NOT_FOUND);
  const url = serveMini(product.front, product.sink.url);
  product.front.headers.set('content-security-policy', "script-src 'nonce-x' 'self'");
  product.front.lose('/askfirst/askfirst-plain.mjs');
  await page.goto(url);
  await expect.poll(() => console.ours()).toHaveLength(1);
  await shut(page, product);
  expect(await device(page)).toEqual(NOTHING);
});

test('a WebAssembly file that is damaged opens nothing (G9)', async ({ page, product, console }) => {
  console.expect(SHUT);
  const url = serveMini(product.front, product.sink.url);
  product.front.answers.set('/askfirst/askfirst.wasm', { type: 'application/wasm', body: 'damaged' });
  await page.goto(url);
  await expect.poll(() => console.ours()).toHaveLength(1);
  await shut(page, product);
});

const deny = (page: Page, names: string[]) => page.context().addInitScript((denied) => {
  for (const name of denied) {
    Object.defineProperty(window, name, { get() { throw new DOMException('The operation is insecure.', 'SecurityError'); } });
  }
}, names);

test('with localStorage refused it asks, keeps the choice in the cookie and goes by it (P5)', async ({ page, product }) => {
  await deny(page, ['localStorage', 'sessionStorage']);
  const url = await open(page, product);
  await shut(page, product);
  await part(page, 'accept').click();
  await expect.poll(() => ran(page)).toEqual(['analytical', 'marketing']);
  await delivered(page);
  await page.goto(`${url}?again`);
  await started(page);
  await expect.poll(() => ran(page)).toEqual(['analytical', 'marketing']);
  expect((await state(page)).granted).toEqual(['analytical', 'marketing']);
  await expect(part(page, 'banner')).toHaveCount(0);
});

test('with all storage refused it asks on each page, keeps a choice for that page and grants nothing by itself (P5)', async ({ page, product }) => {
  await product.configure((config) => delete config.records);
  serveMini(product.front, product.sink.url);
  product.front.answers.set('/outer/', {
    type: 'text/html',
    body: '<!doctype html><title>Outer</title><link rel="icon" href="data:,"><iframe sandbox="allow-scripts" src="/mini/" width="900" height="700"></iframe>',
  });
  const inner = async () => {
    await page.goto(`${product.front.origin}/outer/`);
    const frame = page.frames()[1]!;
    await expect(frame.locator('[part=banner]')).toBeVisible();
    return frame;
  };
  const granted = async (frame: any) => {
    await frame.waitForFunction(() => (window as any).askfirst.state);
    return frame.evaluate(() => (window as any).askfirst.state().granted);
  };

  let frame = await inner();
  expect(await granted(frame)).toEqual([]);
  expect(product.sink.log).toEqual([]);
  await frame.locator('#own').click();
  await expect(frame.locator('#out')).toHaveText('works');
  await frame.locator('[part=accept]').click();
  await expect.poll(() => granted(frame)).toEqual(['analytical', 'marketing']);
  await expect.poll(() => product.reached()).toEqual({ 'tidemark-image': 1 });
  product.forget();

  frame = await inner();
  expect(await granted(frame)).toEqual([]);
  await frame.locator('[part=reject]').click();
  await expect(frame.locator('[part=banner]')).toHaveCount(0);
  expect(await granted(frame)).toEqual([]);
  await settled(page, product);
  expect(product.sink.log).toEqual([]);
});

/** A value as the product stores it after a grant, for each way to spoil it. */
async function grant(page: Page, product: Product) {
  const url = await open(page, product);
  await part(page, 'accept').click();
  await delivered(page);
  await expect.poll(() => product.reached()).toEqual({ 'tidemark-image': 1 });
  const value = await page.evaluate(() => localStorage.askfirst as string);
  product.forget();
  product.front.posted.length = 0;
  return { url, value };
}

/** Puts `value` in both places, as if it had been there. */
const plant = (page: Page, value: string) => page.evaluate((text) => {
  localStorage.askfirst = text;
  document.cookie = `askfirst=${encodeURIComponent(text)}; path=/`;
}, value);

const spoil: Record<string, (stored: any) => unknown> = {
  'that is cut off': (stored) => JSON.stringify(stored).slice(0, -20),
  'that is not JSON': () => 'analytical=true',
  'that is a list': () => '[]',
  'that is null': () => 'null',
  'that is nested beyond reason': () => '['.repeat(20_000),
  'of a newer format': (stored) => ({ ...stored, format: 2 }),
  'whose format is a text': (stored) => ({ ...stored, format: '1' }),
  'with a gate for another key and no choice': (stored) => ({ ...stored, choice: null, gate: { ...stored.gate, key: '1|/other.json||0' } }),
  'with an endless gate and no choice': (stored) => ({ ...stored, choice: null, gate: { ...stored.gate, key: '?', until: 4e12 } }),
  'whose choice has ended': (stored) => {
    const ended = Date.now() - 1000;
    for (const decision of stored.choice.decisions) decision.until = ended;
    return { ...stored, gate: { ...stored.gate, until: ended } };
  },
  'that is dated in the future': (stored) => ({ ...stored, gate: { ...stored.gate, key: '?' }, choice: { ...stored.choice, at: Date.now() + 3 * 86_400_000 } }),
  'whose purposes were other ones': (stored) => {
    for (const decision of stored.choice.decisions) decision.v = 1;
    return { ...stored, gate: { ...stored.gate, key: '?' } };
  },
  'with "granted" as a text': (stored) => {
    for (const decision of stored.choice.decisions) decision.granted = 'true';
    return { ...stored, gate: { ...stored.gate, key: '?' } };
  },
};

for (const [name, change] of Object.entries(spoil)) {
  test(`a stored value ${name} grants nothing (G9)`, async ({ page, product }) => {
    const { url, value } = await grant(page, product);
    const spoiled = change(JSON.parse(value));
    await plant(page, typeof spoiled == 'string' ? spoiled : JSON.stringify(spoiled));
    await page.goto(`${url}?again`);
    await started(page);
    await shut(page, product);
    expect(await state(page)).toMatchObject({ granted: [], asked: ['analytical', 'marketing'] });
    await expect(part(page, 'banner')).toBeVisible();
    expect(product.front.posted).toEqual([]);
  });
}

test('a grant of another configuration on the same site opens nothing before it was checked (G9)', async ({ page, product }) => {
  const { value } = await grant(page, product);
  const other = JSON.parse(value);
  expect(other.gate.key).toContain('/askfirst.json');
  const url = serveMini(product.front, product.sink.url, { tag: 'data-config="/other.json"' });
  const config = await product.config();
  config.controller.name = 'Somebody Else Ltd';
  delete config.records;
  product.front.answers.set('/other.json', { type: 'application/json', body: JSON.stringify(config) });
  await page.goto(`${url}?other`);
  await started(page);
  await shut(page, product);
  expect((await state(page)).asked).toEqual(['analytical', 'marketing']);
});
