import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { delivered, expect, part, started, state, test } from './support/visit.ts';
import { serveMini } from './support/mini.ts';
import type { Front } from './support/front.ts';
import { DIST } from './support/product.ts';

/** Keeps a part of the engine or its words back until it is released. */
async function hold(front: Front, name: string) {
  const file = await readFile(join(DIST, name));
  let release = () => {};
  const released = new Promise<void>((go) => (release = go));
  front.answers.set(`/askfirst/${name}`, (_request, response) => {
    void released.then(() => response.writeHead(200, { 'content-type': name.endsWith('.json') ? 'application/json' : 'application/wasm' }).end(file));
  });
  return release;
}

test('the locale and the ready-made services are under way while the wasm is (DESIGN 4)', async ({ page, product }) => {
  await product.configure((config) => {
    // Matomo is in the catalogue too, but this owner declares it: their word counts.
    config.categories = { analytical: { services: ['matomo', 'plausible'] }, marketing: { services: ['youtube', 'tidemark-pixel'] } };
    config.services = { matomo: config.services.matomo, 'tidemark-pixel': config.services['tidemark-pixel'] };
  });
  const release = await hold(product.front, 'askfirst.wasm');
  const asked: string[] = [];
  page.on('request', (request) => asked.push(new URL(request.url()).pathname));
  await page.goto(serveMini(product.front, product.sink.url, { html: 'lang="nl-BE"' }));
  const early = ['/askfirst/locales/nl.json', '/askfirst/services/plausible.json', '/askfirst/services/youtube.json'];
  await expect.poll(() => early.filter((path) => asked.includes(path))).toEqual(early);
  await expect(part(page, 'banner')).toHaveCount(0);
  release();
  await expect(part(page, 'banner')).toBeVisible();
  await started(page);
  // Nothing that was hinted at is asked for twice, and a service that is declared is no file. The words of the second
  // layer come with what decides.
  expect(asked.filter((path) => /locales|services/.test(path)).toSorted()).toEqual([...early, '/askfirst/locales/more/nl.json'].toSorted());
});

test('the engine overrules a hint: the language is the one it plans', async ({ page, product }) => {
  await product.configure((config) => void (config.locale = 'fr'));
  await page.goto(serveMini(product.front, product.sink.url, { html: 'lang="tlh"' }));
  await expect(part(page, 'banner')).toBeVisible();
  expect(await page.locator('askfirst-ui').getAttribute('lang')).toBe('fr');
});

test('the page goes first: its style sheet is asked for before anything of ours but the loader, the engine last and as of low importance', async ({ page, product }) => {
  const head = '<link rel="stylesheet" href="/own.css">';
  product.front.answers.set('/own.css', { type: 'text/css', body: 'h1 { color: teal }' });
  const asked: [string, string][] = [];
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('Network.enable');
  cdp.on('Network.requestWillBeSent', ({ request }) => asked.push([new URL(request.url).pathname, request.initialPriority]));
  await page.goto(serveMini(product.front, product.sink.url, { head }));
  await expect(part(page, 'banner')).toBeVisible();
  const order = (name: string) => asked.findIndex(([path]) => path == name);
  const ours = ['/askfirst.json', '/askfirst/askfirst.mjs', '/askfirst/askfirst.wasm'];
  expect(ours.map(order)).toEqual([...ours].map(order).toSorted((a, b) => a - b));
  expect(order('/own.css')).toBeGreaterThan(-1);
  expect(order('/own.css')).toBeLessThan(order(ours[0]!));
  expect(asked[order('/askfirst/askfirst.wasm')]![1]).toBe('Low');
});

test('nothing of what decides is asked for before the banner has been painted', async ({ page, product }) => {
  await page.addInitScript(() => {
    const look = () => {
      if (document.querySelector('askfirst-ui')?.shadowRoot?.querySelector('[part=banner]')) (window as any).painting = performance.now();
      else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  });
  await page.goto(serveMini(product.front, product.sink.url));
  await started(page);
  const [painting, asked] = await page.evaluate(() => [(window as any).painting as number, performance.getEntriesByType('resource').filter(({ name }) => /askfirst-more|locales\/more/.test(name)).map(({ startTime }) => startTime)] as const);
  expect(asked).toHaveLength(3);
  for (const time of asked) expect(time).toBeGreaterThan(painting);
});

test('a press does not wait for the paint', async ({ page, product }) => {
  await page.addInitScript(() => {
    const real = window.requestAnimationFrame;
    window.requestAnimationFrame = () => 0;
    Object.assign(window, { paintAgain: () => (window.requestAnimationFrame = real) });
  });
  const asked: string[] = [];
  page.on('request', (request) => request.url().includes('askfirst-more') && asked.push(request.url()));
  await page.goto(serveMini(product.front, product.sink.url), { waitUntil: 'networkidle' });
  await expect(part(page, 'banner')).toBeVisible();
  expect(asked).toEqual([]);
  await part(page, 'reject').click();
  // The waiting of the test itself goes by frames.
  await page.evaluate(() => (window as any).paintAgain());
  await started(page);
  await expect(part(page, 'banner')).toHaveCount(0);
  await delivered(page);
  expect(product.front.posted).toHaveLength(1);
  expect(asked).toHaveLength(2);
});

for (const late of ['askfirst-more.wasm', 'locales/more/en.json']) test(`the banner is there before ${late}; presses made meanwhile are carried out once, the last one, for the whole notice (B3, R1)`, async ({ page, product }) => {
  const release = await hold(product.front, late);
  await page.goto(serveMini(product.front, product.sink.url));
  await expect(part(page, 'banner')).toBeVisible();
  for (const name of ['reject', 'accept', 'accept']) await part(page, name).click();
  expect(await page.evaluate(() => localStorage.length)).toBe(0);
  expect(product.front.posted).toEqual([]);
  release();
  await started(page);
  await expect(part(page, 'banner')).toHaveCount(0);
  await delivered(page);
  expect(product.front.posted).toHaveLength(1);
  expect((await state(page)).granted).toEqual(['analytical', 'marketing']);
  // The server has registered what its own configuration shows in all languages; what was shown here is one of them.
  const { notice, holds } = await product.evidence((await state(page)).recordId);
  expect(holds).toEqual({ record: true, notice: true });
  const words = JSON.parse(await readFile(new URL('../../www/locales/en.json', import.meta.url), 'utf8'));
  for (const key of ['banner.title', 'category.functional.text', 'change.accept', 'dialog.save']) expect(JSON.stringify(notice)).toContain(words[key]);
});

test('a press on the preferences before their words are there opens them when they are', async ({ page, product }) => {
  const release = await hold(product.front, 'locales/more/nl.json');
  await page.goto(serveMini(product.front, product.sink.url, { html: 'lang="nl"' }));
  await part(page, 'customise').click();
  await expect(part(page, 'dialog')).toHaveCount(0);
  release();
  await expect(part(page, 'save')).toHaveText('Keuze opslaan');
  await expect(part(page, 'dialog')).not.toContainText(/\b(banner|category|dialog|duration|item|kind|purpose|safeguard)\.\w/);
});

test('a first layer with words of the second waits for them: nobody reads the name of a text', async ({ page, product }) => {
  await product.configure((config) => {
    config.categories.analytical.title = 'purpose.testing';
    config.texts = { en: { 'dialog.save': 'Keep it' } };
  });
  await page.goto(serveMini(product.front, product.sink.url));
  await expect(part(page, 'banner')).toContainText('Shows visitors different versions of a page and compares the results.');
  await started(page);
  await part(page, 'customise').click();
  await expect(part(page, 'save')).toHaveText('Keep it');
});

test('what the page asks of the queue before that is carried out in its order', async ({ page, product }) => {
  const release = await hold(product.front, 'askfirst-more.wasm');
  await page.goto(serveMini(product.front, product.sink.url));
  await expect(part(page, 'banner')).toBeVisible();
  await page.evaluate(() => {
    const { askfirst } = window as any;
    askfirst.push(['save', { analytical: true }]);
    askfirst.push(['save', { marketing: false }]);
  });
  release();
  await started(page);
  await expect.poll(() => state(page)).toMatchObject({ granted: ['analytical'], refused: ['marketing'] });
});

test('whoever hears askfirst:ready can call window.askfirst at once, on a first visit and on the next one', async ({ page, product }) => {
  const release = await hold(product.front, 'askfirst-more.wasm');
  await page.addInitScript(() => addEventListener('askfirst:ready', ({ detail }: any) => {
    const { askfirst } = window as any;
    (window as any).heard = [...((window as any).heard ?? []), [askfirst.has('functional'), askfirst.has('analytical'), detail.decided]];
  }));
  const heard = () => page.evaluate(() => (window as any).heard ?? []);
  await page.goto(serveMini(product.front, product.sink.url));
  await expect(part(page, 'banner')).toBeVisible();
  expect(await heard()).toEqual([]);
  release();
  await expect.poll(heard).toEqual([[true, false, false]]);
  await part(page, 'accept').click();
  await page.reload();
  await expect.poll(heard).toEqual([[true, true, true]]);
});

test('a first visit for which the first part is not enough begins anew with both, and tells nothing twice', async ({ page, product }) => {
  await product.configure((config) => void (config.quiet = ['/mini/']));
  const html = '<script nonce="x">window.heard = []; for (const name of ["ready", "shown", "error"]) addEventListener("askfirst:" + name, () => heard.push(name));</script>';
  await page.goto(serveMini(product.front, product.sink.url, { before: html }));
  await started(page);
  await expect(part(page, 'reopen')).toBeVisible();
  await expect(part(page, 'banner')).toHaveCount(0);
  expect(await page.evaluate(() => (window as any).heard)).toEqual(['ready']);
});
