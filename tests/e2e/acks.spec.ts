import type { Page } from '@playwright/test';
import { delivered, expect, part, rest, settled, started, state, test } from './support/visit.ts';
import { ran, serveMini } from './support/mini.ts';
import type { Product } from './support/product.ts';

const RECORDS = '/askfirst/v1/records';
/** What the browser says about an answer that is none. */
const FAILED = /^Failed to load resource: the server responded with a status of \d+/;
const WAITS = /^askfirst: the server has not confirmed the record; what was granted stays shut until it does$/;
const UNKEPT = /^askfirst: the browser keeps nothing, so what was granted stays shut$/;

/** A page of an owner who opens nothing before that. */
async function open(page: Page, product: Product, require_ack: 'persisted' | 'acked', more: object = {}) {
  await product.configure((config) => Object.assign(config.records, { require_ack }, more));
  const url = serveMini(product.front, product.sink.url);
  await page.goto(url);
  await started(page);
  return url;
}

/** The real server's answer to what was just posted. */
async function onward(product: Product) {
  const { body, headers } = product.front.posted.at(-1)!;
  return fetch(product.origin + RECORDS, { method: 'POST', body, headers: { origin: headers.origin!, 'content-type': 'text/plain' } });
}

/** Third parties that were reached, and what ran. */
const reached = async (page: Page, product: Product) => [...await ran(page), ...product.sink.log.map(({ path }) => path)];
const ALL = ['analytical', 'marketing', '/px/page.gif'];

test('with "acked" nothing runs before the server\'s receipt, all of it right after, and at once on the next visit (PROOF 2.5, 29)', async ({ page, product }) => {
  const url = await open(page, product, 'acked');
  let answer = () => {};
  const held = new Promise<void>((go) => (answer = go));
  product.front.answers.set(RECORDS, async (_, response) => {
    const stored = await onward(product);
    await held;
    response.writeHead(stored.status, { 'content-type': 'application/json' }).end(await stored.text());
  });
  await part(page, 'accept').click();
  await expect(part(page, 'banner')).toHaveCount(0);
  await settled(page, product);
  expect(await reached(page, product)).toEqual([]);
  expect(await state(page)).toMatchObject({ decided: true, granted: [], refused: [], asked: [], waiting: ['analytical', 'marketing'], pending: 1, recorded: false });
  expect(await page.evaluate(() => (window as any).askfirst.has('marketing'))).toBe(false);
  // The switches show what was answered, not what is open.
  await part(page, 'reopen').click();
  await expect(part(page, 'switch-marketing')).toBeChecked();
  await part(page, 'close').click();
  answer();
  await expect.poll(() => reached(page, product)).toEqual(ALL);
  expect(await state(page)).toMatchObject({ granted: ['analytical', 'marketing'], pending: 0, recorded: true });
  expect(await state(page)).not.toHaveProperty('waiting');

  product.sink.log.length = 0;
  await page.goto(url);
  await started(page);
  await expect.poll(() => reached(page, product)).toEqual(ALL);
  expect(product.front.posted).toHaveLength(1);
});

test('with "acked" a server that fails keeps everything shut, says so once, and opens when it answers again', async ({ page, product, console }) => {
  console.expect(FAILED, WAITS);
  await open(page, product, 'acked');
  product.front.answers.set(RECORDS, { type: 'application/json', status: 503, body: '{}', headers: { 'retry-after': '1' } });
  await part(page, 'accept').click();
  await expect.poll(() => product.front.posted.length, { timeout: 8_000 }).toBeGreaterThan(1);
  expect(await reached(page, product)).toEqual([]);
  expect(console.lines.filter((line) => WAITS.test(line))).toHaveLength(1);
  // A page that answers in its place is no receipt.
  product.front.answers.set(RECORDS, { type: 'text/html', body: '<!doctype html><title>Start</title>' });
  const tries = product.front.posted.length;
  await expect.poll(() => product.front.posted.length, { timeout: 10_000 }).toBeGreaterThan(tries);
  await settled(page, product);
  expect(await reached(page, product)).toEqual([]);
  product.front.answers.delete(RECORDS);
  await expect.poll(() => reached(page, product), { timeout: 20_000 }).toEqual(ALL);
  expect((await product.figures()).records).toBe(1);
});

test('with "acked" and the log\'s key a receipt that does not hold opens nothing', async ({ page, product, console }) => {
  console.expect(/^askfirst: the receipt does not hold:/, WAITS);
  await open(page, product, 'acked', { key: await product.vkey() });
  product.front.answers.set(RECORDS, async (_, response) => {
    const stored = await onward(product);
    response.writeHead(stored.status, { 'content-type': 'application/json' }).end((await stored.text()).replace(/"received_at":"2\d\d\d/, '"received_at":"2001'));
  });
  await part(page, 'accept').click();
  await expect.poll(() => console.lines.some((line) => WAITS.test(line))).toBe(true);
  expect(await reached(page, product)).toEqual([]);
  product.front.answers.delete(RECORDS);
  await page.evaluate(() => dispatchEvent(new Event('online')));
  await expect.poll(() => reached(page, product), { timeout: 15_000 }).toEqual(ALL);
});

test('with "acked" a withdrawal waits for nobody', async ({ page, product, console }) => {
  console.expect(FAILED);
  await open(page, product, 'acked');
  await part(page, 'accept').click();
  await expect.poll(() => ran(page)).toEqual(['analytical', 'marketing']);
  product.front.answers.set(RECORDS, { type: 'application/json', status: 500, body: '{}' });
  await page.evaluate(() => void setTimeout(() => (window as any).askfirst.withdraw()));
  await expect.poll(() => ran(page).catch(() => [])).toEqual(['!marketing']);
  await started(page);
  expect(await state(page)).toMatchObject({ granted: [], refused: ['analytical', 'marketing'] });
});

for (const [name, refuse, opens] of [
  ['neither localStorage nor the cookie', ['localStorage', 'cookie'], false],
  ['no localStorage, but the cookie', ['localStorage'], true],
] as const) {
  test(`with "persisted" a browser that keeps ${name} ${opens ? 'opens' : 'opens nothing'} (PROOF 2.5, 29)`, async ({ page, product, console }) => {
    if (!opens) console.expect(UNKEPT);
    await page.addInitScript((refused) => {
      if (refused.includes('localStorage')) Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); };
      if (refused.includes('cookie')) Object.defineProperty(Document.prototype, 'cookie', { get: () => '', set() {} });
    }, [...refuse] as string[]);
    await open(page, product, 'persisted');
    await part(page, 'accept').click();
    await expect(part(page, 'banner')).toHaveCount(0);
    await delivered(page);
    if (!opens) await settled(page, product);
    await expect.poll(() => ran(page)).toEqual(opens ? ['analytical', 'marketing'] : []);
    expect((await state(page)).granted).toEqual(opens ? ['analytical', 'marketing'] : []);
  });
}

test('a record that is refused for good is kept, told and not repeated; the next one says so (PROOF 2.2)', async ({ page, product, console }) => {
  console.expect(FAILED, /^askfirst: the server refuses a record for good/);
  await product.configure((config) => (config.records.require_ack = 'none'));
  const url = serveMini(product.front, product.sink.url);
  await page.goto(url);
  await started(page);
  await page.evaluate(() => addEventListener('askfirst:error', ({ detail }: any) => ((window as any).told = detail)));
  product.front.answers.set(RECORDS, { type: 'application/json', status: 422, body: '{"error":{"code":"invalid","path":"$.client"}}' });
  await part(page, 'accept').click();
  await delivered(page);
  expect(await page.evaluate(() => (window as any).told)).toMatchObject({ code: 'record_refused', status: 422, answer: { error: { path: '$.client' } } });
  expect(await state(page)).toMatchObject({ undelivered: 1, recorded: false, pending: 0 });
  const poison = product.front.posted[0]!.body;
  expect(await page.evaluate(() => JSON.parse(localStorage.askfirst).outbox.letter)).toBe(poison);
  product.front.answers.delete(RECORDS);
  await page.reload();
  await started(page);
  await rest(page);
  expect(product.front.posted).toHaveLength(1);

  await page.evaluate(() => (window as any).askfirst.save({ marketing: true }));
  await delivered(page);
  const { recordId } = await state(page);
  expect((await product.evidence(recordId)).record).toMatchObject({ undelivered: 1, event: { state: 'renewed' } });
  expect(await product.sentences(recordId)).toContain('1 earlier record of this browser never arrived');
});
