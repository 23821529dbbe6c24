import type { Page } from '@playwright/test';
import { device, expect, NOT_FOUND, part, started, test } from './support/visit.ts';
import { serveMini } from './support/mini.ts';

const KEPT = [
  { name: 'plain', kind: 'cookie' }, { name: 'parent_*', kind: 'cookie' }, { name: 'path', kind: 'cookie' },
  { name: '__Host-prefixed', kind: 'cookie' }, { name: 'partitioned', kind: 'cookie' },
  { name: 'local.*', kind: 'localStorage' }, { name: 'session', kind: 'sessionStorage' },
  { name: 'database*', kind: 'indexedDB' }, { name: 'cache-v*', kind: 'cacheStorage' }, { name: '/vendor-*.js', kind: 'serviceWorker' },
];

/** The small page on a host with parents, its pixel keeping all that can be kept. */
async function open(page: Page, product: any, more: object[] = []) {
  await product.configure((config: any) => {
    delete config.records;
    for (const service of Object.values<any>(config.services)) for (const item of service.items ?? []) item.thirdParty = false;
    config.services['tidemark-pixel'].items = [...KEPT, ...more].map((item) => ({ duration: 'P1M', thirdParty: false, ...item }));
  });
  product.front.answers.set('/vendor-worker.js', { type: 'text/javascript', body: 'self.onfetch = null;' });
  serveMini(product.front, product.sink.url);
  product.front.answers.set('/mini/deep/er/', product.front.answers.get('/mini/'));
  await page.goto(`http://www.shop.localhost:${product.front.port}/mini/deep/er/`);
  await started(page);
  await part(page, 'accept').click();
  await page.evaluate(async () => {
    document.cookie = 'plain=1';
    document.cookie = 'plain=2; path=/';
    for (const domain of ['www.shop.localhost', 'shop.localhost']) document.cookie = `parent_${domain.length}=1; path=/mini; domain=${domain}`;
    document.cookie = 'path=1; path=/mini/deep/';
    document.cookie = '__Host-prefixed=1; path=/; secure';
    document.cookie = 'partitioned=1; path=/; secure; partitioned';
    localStorage['local.1'] = sessionStorage.session = 1;
    await new Promise<void>((go) => {
      const request = indexedDB.open('database1');
      request.onsuccess = () => {
        request.result.close();
        go();
      };
    });
    await (await caches.open('cache-v1')).put('/x', new Response('x'));
    await caches.open('own');
    await navigator.serviceWorker.register('/vendor-worker.js', { scope: '/vendor/' });
  });
}

/** Withdraws by script; what the event says could not be deleted. */
const withdraw = (page: Page): Promise<any[]> => page.evaluate(() => new Promise((tell) => {
  // Something typed keeps the page, which would otherwise load anew.
  document.body.appendChild(document.createElement('input')).value = 'typed';
  (window as any).askfirst.on('withdraw', ({ left }: any) => tell(left));
  (window as any).askfirst.withdraw();
}));

const workers = (page: Page) => page.evaluate(async () => (await navigator.serviceWorker.getRegistrations()).length);

test('a withdrawal deletes declared cookies on every host and path, plain, prefixed and partitioned, and every storage (G5, FIELD 30-32)', async ({ page, product }) => {
  await open(page, product);
  const before = await device(page);
  expect(before.cookies).toEqual(['__Host-prefixed', 'askfirst', 'parent_14', 'parent_18', 'partitioned', 'path', 'plain']);
  expect(before).toMatchObject({ local: ['askfirst', 'local.1'], session: ['session'], databases: ['database1'], caches: ['cache-v1', 'own'] });
  expect(await workers(page)).toBe(1);
  expect(await withdraw(page)).toEqual([]);
  // What nobody declared stays.
  expect(await device(page)).toEqual({ cookies: ['askfirst'], local: ['askfirst'], session: [], databases: [], caches: ['own'] });
  expect(await workers(page)).toBe(0);
});

test('what cannot be deleted is told with why: another site has it, or it is in use and tried again (G5)', async ({ page, product }) => {
  await open(page, product, [{ name: 'theirs', kind: 'cookie', thirdParty: true }]);
  await page.evaluate(() => new Promise<void>((go) => {
    const request = indexedDB.open('database-in-use');
    request.onsuccess = () => {
      (window as any).held = request.result;
      go();
    };
  }));
  expect(await withdraw(page)).toEqual(expect.arrayContaining([
    { kind: 'cookie', name: 'theirs', why: 'foreign' },
    { kind: 'indexedDB', name: 'database-in-use', why: 'later' },
  ]));
  // The next start finds it free.
  await page.goto(`http://www.shop.localhost:${product.front.port}/mini/`);
  await started(page);
  await expect.poll(async () => (await device(page)).databases).toEqual([]);
});

test('a cookie that a server sets is not seen, and said to be the server\'s when it can be seen and stays (G5)', async ({ page, product }) => {
  await open(page, product);
  await page.context().addCookies([{ name: 'plain', value: '3', domain: 'www.shop.localhost', path: '/mini/deep/er/est', httpOnly: true }]);
  // A cookie jar that does not let go of one name stands for a server that sets it anew.
  await page.evaluate(() => {
    const { get, set } = Object.getOwnPropertyDescriptor(Document.prototype, 'cookie')!;
    Object.defineProperty(document, 'cookie', { get() { return `${get!.call(document)}; path=server`; }, set(text) { set!.call(document, text); } });
  });
  expect(await withdraw(page)).toEqual([{ kind: 'cookie', name: 'path', why: 'server' }]);
});

test('a withdrawal without the module that deletes is still told and stored; the rest is tried again', async ({ page, product, console }) => {
  console.expect(NOT_FOUND);
  await open(page, product);
  product.front.lose('/askfirst/askfirst-clear.mjs');
  // Without that module nobody can tell whether a form holds something, and what has run must stop.
  const reloaded = page.waitForEvent('load');
  const left = await withdraw(page);
  await reloaded;
  expect(left.every(({ why }) => why == 'later')).toBe(true);
  expect(left.map(({ name }) => name)).toEqual(expect.arrayContaining(KEPT.map(({ name }) => name)));
  product.front.answers.delete('/askfirst/askfirst-clear.mjs');
  await page.goto(`http://www.shop.localhost:${product.front.port}/mini/deep/er/`);
  await started(page);
  await expect.poll(() => device(page)).toEqual({ cookies: ['askfirst'], local: ['askfirst'], session: [], databases: [], caches: ['own'] });
});

const list = (page: Page) => part(page, 'left').locator('li');

/** The button that leads to the list. */
const hint = (page: Page) => part(page, 'left-open');

test('what a withdrawal could not delete is offered without a dialog that nobody asked for, and listed there with why, in the owner\'s words if there are any (G5)', async ({ page, product }) => {
  await product.configure((config: any) => (config.texts = { en: { 'left.foreign': 'Ask that site.' } }));
  await open(page, product, [{ name: 'theirs', kind: 'cookie', thirdParty: true }, { name: 'shared', kind: 'cookie', thirdParty: true }]);
  await page.evaluate(() => {
    document.cookie = 'shared=1; path=/';
    const { get, set } = Object.getOwnPropertyDescriptor(Document.prototype, 'cookie')!;
    Object.defineProperty(document, 'cookie', { get() { return `${get!.call(document)}; path=server`; }, set(text) { set!.call(document, text); } });
  });
  const left = await withdraw(page);
  // `shared` stood here, and was deleted here.
  expect(left).toEqual(expect.arrayContaining([{ kind: 'cookie', name: 'path', why: 'server' }, { kind: 'cookie', name: 'theirs', why: 'foreign' }]));
  expect(left).toHaveLength(2);
  await expect(hint(page)).toHaveText('What could not be deleted');
  await expect(page.locator('askfirst-ui .status[role=status]')).toHaveText('What could not be deleted');
  await expect(part(page, 'dialog')).toHaveCount(0);
  // It covers nothing: the control below it is still there to be pressed.
  const [above, below] = await Promise.all([hint(page), part(page, 'reopen')].map((button) => button.boundingBox()));
  expect(above!.y + above!.height).toBeLessThanOrEqual(below!.y);
  expect(above!.height).toBeGreaterThanOrEqual(24);
  await hint(page).click();
  await expect(list(page)).toHaveText(['theirs – Ask that site.', 'path – Only a server can delete it.']);
  await expect(part(page, 'left').locator('h3')).toBeFocused();
  await expect(hint(page)).toHaveCount(0);
  // It is there whenever the dialog is opened, until the choice says otherwise.
  await part(page, 'close').click();
  await expect(hint(page)).toHaveCount(0);
  await part(page, 'reopen').click();
  await expect(list(page)).toHaveCount(2);
  await part(page, 'dialog-accept').click();
  await part(page, 'reopen').click();
  await expect(part(page, 'dialog')).toBeVisible();
  await expect(part(page, 'left')).toHaveCount(0);
});

test('the page that a withdrawal has reloaded offers the list; whoever has never agreed sees none (G5)', async ({ page, product }) => {
  await open(page, product, [{ name: 'theirs', kind: 'cookie', thirdParty: true }]);
  await page.evaluate(() => void setTimeout(() => (window as any).askfirst.withdraw()));
  await expect(hint(page)).toBeVisible();
  await part(page, 'reopen').click();
  await expect(list(page)).toHaveText(['theirs – It belongs to another website.']);
  await expect(hint(page)).toHaveCount(0);
  expect(await page.evaluate(() => performance.getEntriesByType('navigation').map((entry: any) => entry.type))).toEqual(['reload']);

  await page.context().clearCookies();
  await page.evaluate(() => localStorage.clear());
  await page.goto(page.url());
  await started(page);
  await part(page, 'reject').click();
  await page.reload();
  await started(page);
  await part(page, 'reopen').click();
  await expect(part(page, 'dialog')).toBeVisible();
  await page.waitForTimeout(300);
  await expect(part(page, 'left')).toHaveCount(0);
});

test('a site with a control of its own has the button too, by itself (G5)', async ({ page, product }) => {
  await product.configure((config: any) => (config.reopen = '#own'));
  await open(page, product, [{ name: 'theirs', kind: 'cookie', thirdParty: true }]);
  await withdraw(page);
  await expect(part(page, 'reopen')).toHaveCount(0);
  await expect(part(page, 'dialog')).toHaveCount(0);
  await hint(page).click();
  await expect(list(page)).toHaveText(['theirs – It belongs to another website.']);
  await part(page, 'close').click();
  await expect(part(page, 'left-hint')).toHaveCount(0);
});

for (const [declares, kind] of [['that it stops by itself', 'navigate'], ['nothing', 'reload']] as const) {
  test(`the page of a withdrawn tag that declares ${declares}: ${kind} (FIELD 28, G5)`, async ({ page, product }) => {
    await product.configure((config: any) => delete config.records);
    const tag = `<script type="text/plain" data-category="analytical" ${kind == 'navigate' ? 'data-reload="no"' : ''}>window.ran = true;</script>`;
    product.front.answers.set('/stops/', { type: 'text/html', body: `<!doctype html><html lang="en"><head><title>Stops</title><link rel="icon" href="data:,"><script src="/askfirst/askfirst.js" data-config="/askfirst.json"></script></head><body>${tag}</body></html>` });
    await page.goto(product.front.origin + '/stops/');
    await started(page);
    await part(page, 'accept').click();
    await expect.poll(() => page.evaluate(() => (window as any).ran)).toBe(true);
    const reloaded = kind == 'reload' ? page.waitForEvent('load') : page.waitForTimeout(1500);
    await page.evaluate(() => void setTimeout(() => (window as any).askfirst.withdraw()));
    await reloaded;
    await started(page);
    expect(await page.evaluate(() => performance.getEntriesByType('navigation').map((entry: any) => entry.type))).toEqual([kind]);
    expect(await page.evaluate(() => (window as any).askfirst.has('analytical'))).toBe(false);
  });
}
