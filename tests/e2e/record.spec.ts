import type { Page } from '@playwright/test';
import { NO_ANSWER, delivered, device, expect, part, rest, started, state, test, visit } from './support/visit.ts';
import { serveMini } from './support/mini.ts';
import type { Product } from './support/product.ts';

/** Every key that a record has, and no other (R2). */
const RECORD = ['client', 'decisions', 'event', 'holder', 'jurisdiction', 'notice', 'prev', 'record_id', 'schema', 'signals', 'site', 'subject', 'ui'];
const COUNT = ['day', 'lang', 'layer', 'method', 'notice', 'schema', 'site'];
const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/;

const receipt = (page: Page): Promise<any> => page.evaluate(() => (window as any).askfirst.receipt());

/** A page whose posts can be looked at. */
async function open(page: Page, product: Product) {
  const url = serveMini(product.front, product.sink.url);
  await page.goto(url);
  await started(page);
  return url;
}

/** Every word of an element of the shadow root: its texts in their order, and the names that only some can hear. */
const words = (page: Page, name: string): Promise<string[]> => part(page, name).first().evaluate((element) => {
  const out: string[] = [];
  const read = (node: Node) => {
    if (node.nodeType == Node.TEXT_NODE) out.push(node.textContent!.trim());
    if (!(node instanceof Element)) return;
    for (const attribute of ['aria-label', 'title', 'href']) if (node.hasAttribute(attribute)) out.push(`${attribute}=${node.getAttribute(attribute)}`);
    node.childNodes.forEach(read);
  };
  read(element);
  return out.filter(Boolean);
});

/** The same of a tree in a notice: `["tag", {attributes}, content…]`. The page says where its links lead in full, and
 * countries by their names (ARCHITECTURE.md). */
function noticed(tree: any, page: URL, lang: string): string[] {
  if (typeof tree == 'string') return [tree.trim()].filter(Boolean);
  const [, attributes, ...content] = tree;
  const full = (name: string) => (name == 'href' ? new URL(attributes[name], page).href : attributes[name]);
  const named = ['aria-label', 'title', 'href'].filter((name) => name in attributes).map((name) => `${name}=${full(name)}`);
  const within = content.flatMap((part: any) => noticed(part, page, lang));
  const names = new Intl.DisplayNames([lang], { type: 'region' });
  if ('data-countries' in attributes) return [...named, within[0]!.split(', ').map((code: string) => names.of(code)).join(', ')];
  return [...named, ...within];
}

for (const [lang, path] of [['en', '/'], ['nl', '/nl/']] as const) {
  test(`a grant leaves a record with exactly the words that were on the screen, in ${lang} (R1, R3)`, async ({ page, product }) => {
    await visit(page, product.origin + path);
    const banner = await words(page, 'banner');
    await part(page, 'customise').click();
    const dialog = await words(page, 'dialog');
    await part(page, 'close').click();
    expect(banner.length).toBeGreaterThan(10);
    expect(dialog.length).toBeGreaterThan(100);
    await part(page, 'accept').click();
    await delivered(page);
    const reopen = await words(page, 'reopen');

    const { recordId } = await state(page);
    const { record, secret } = await receipt(page);
    expect(record.record_id).toBe(recordId);
    // The holder sees it by the secret, the owner by the command; both the same.
    const asked = await fetch(`${product.origin}/askfirst/v1/records/${recordId}`, { headers: { authorization: `Bearer ${secret}` } });
    expect(asked.status).toBe(200);
    const held: any = await asked.json();
    const shown = await product.evidence(recordId);
    expect(shown).toEqual(held);
    expect(held.record).toEqual(record);
    expect(held.holds).toEqual({ record: true, notice: true });
    expect(held.record).toMatchObject({
      site: product.origin,
      prev: null,
      jurisdiction: 'NL',
      notice: { lang, version: '2026-11-22' },
      event: { state: 'given', type: 'expressed', method: 'accept_all', layer: 'first' },
      signals: { gpc: false },
    });
    expect(held.record.decisions.map(({ purpose, granted }: any) => [purpose, granted])).toEqual([['analytical', true], ['marketing', true]]);
    // The server's clock is the evidence (R6).
    expect(Math.abs(Date.parse(held.receipt.received_at) - Date.now())).toBeLessThan(60_000);

    const notice: any = await (await fetch(`${product.origin}/askfirst/v1/notices/${held.record.notice.digest}`)).json();
    expect(notice).toEqual(held.notice);
    const shownIn = (tree: any) => noticed(tree, new URL(product.origin + path), lang);
    expect(banner).toEqual(shownIn(notice.shown.banner));
    expect(reopen).toEqual(shownIn(notice.shown.reopen).slice(0, reopen.length));
    // The notice has the sentences for both signals as well, neither of which this browser sends.
    const said = shownIn(notice.shown.dialog).filter((text) => !/Global Privacy Control|Do Not Track/.test(text));
    expect(dialog).toEqual(said);
  });
}

test('a wrong secret opens nothing, the right one also erases (S4, S5)', async ({ page, product }) => {
  await product.erases();
  await open(page, product);
  await part(page, 'accept').click();
  await delivered(page);
  const { record, secret } = await receipt(page);
  const url = `${product.origin}/askfirst/v1/records/${record.record_id}`;
  const ask = (method: string, bearer: string) => fetch(url, { method, headers: { authorization: `Bearer ${bearer}` } });
  expect((await ask('GET', `${secret.slice(0, -1)}?`)).status).toBe(404);
  expect((await fetch(url)).status).toBe(401);
  expect((await ask('DELETE', secret)).status).toBe(200);
  expect((await ask('GET', secret)).status).toBe(404);
});

test('askfirst:recorded comes once, and only after the receipt', async ({ page, product }) => {
  await open(page, product);
  let answer = () => {};
  const held = new Promise<void>((go) => (answer = go));
  product.front.answers.set('/askfirst/v1/records', async (request, response) => {
    const { body } = product.front.posted.at(-1)!;
    await held;
    const onward = await fetch(`${product.origin}${request.url}`, { method: 'POST', body, headers: { origin: request.headers.origin!, 'content-type': 'text/plain' } });
    response.writeHead(onward.status, { 'content-type': 'application/json' }).end(await onward.text());
  });
  await page.evaluate(() => {
    const seen: string[] = ((window as any).seen = []);
    for (const name of ['change', 'recorded', 'error']) addEventListener(`askfirst:${name}`, (event: any) => {
      seen.push(name);
      if (name == 'recorded') (window as any).recorded = event.detail;
    });
  });
  const seen = () => page.evaluate(() => (window as any).seen);
  await part(page, 'accept').click();
  await rest(page, 500);
  expect(await seen()).toEqual(['change']);
  expect(await state(page)).toMatchObject({ recorded: false, pending: 1 });
  answer();
  await expect.poll(seen).toEqual(['change', 'recorded']);
  await rest(page);
  expect(await seen()).toEqual(['change', 'recorded']);
  const { recordId, recorded } = await state(page);
  expect(recorded).toBe(true);
  const detail: any = await page.evaluate(() => (window as any).recorded);
  expect(detail.record_id).toBe(recordId);
  expect(detail).toEqual((await product.evidence(recordId)).receipt);
  // Not again on the next page.
  await page.reload();
  await started(page);
  await rest(page, 500);
  expect(product.front.posted).toHaveLength(1);
});

test('what is posted is small, plain, without cookies, address, browser or path (R2, R7)', async ({ page, product }) => {
  await open(page, product);
  await part(page, 'accept').click();
  await delivered(page);
  expect(product.front.posted).toHaveLength(1);
  const [{ body, headers }] = product.front.posted;
  expect(Buffer.byteLength(body!)).toBeLessThanOrEqual(4096);
  expect(headers['content-type']).toBe('text/plain');
  expect(headers.cookie).toBe(undefined);
  const record = JSON.parse(body!);
  expect(Object.keys(record).toSorted()).toEqual(RECORD);
  expect(record.site).toBe(product.front.origin);
  const agent = await page.evaluate(() => navigator.userAgent);
  const { secret } = await receipt(page);
  for (const text of [agent, 'Mozilla', 'Chrome', '/mini', '127.0.0.1"', secret]) expect(body).not.toContain(text);
  // Nor does the server put any of it beside the record.
  const bytes = await product.stored();
  expect(bytes.includes(record.record_id)).toBe(true);
  for (const text of [agent, '/mini', secret]) expect(bytes.includes(text), text).toBe(false);
  expect(product.said).not.toContain(record.record_id);
  expect(product.said).not.toContain(record.subject);
});

test('by default a refusal is a count without any identifier (P1, R10)', async ({ page, product }) => {
  await open(page, product);
  await part(page, 'reject').click();
  await delivered(page);
  expect(product.front.posted).toHaveLength(1);
  const count = JSON.parse(product.front.posted[0]!.body);
  expect(Object.keys(count).toSorted()).toEqual(COUNT);
  expect(count).toMatchObject({ site: product.front.origin, lang: 'en', method: 'reject_all', layer: 'first', day: new Date().toISOString().slice(0, 10) });
  expect(product.front.posted[0]!.body).not.toMatch(UUID);
  expect(await product.figures()).toEqual({ records: 0, repeated: 0, counts: 1 });
  const stored = await page.evaluate(() => localStorage.askfirst as string);
  expect(stored).not.toMatch(UUID);
  expect(JSON.parse(stored).choice.proof).toBe(null);
  expect(await state(page)).toMatchObject({ recordId: null, recorded: false });
  expect((await receipt(page)).record).toBe(null);
  // The same refusal once more is no other refusal.
  await page.evaluate(() => (window as any).askfirst.reject());
  await rest(page, 500);
  expect(await product.figures()).toEqual({ records: 0, repeated: 0, counts: 1 });
});

test('with "none" a refusal tells the server nothing (R10)', async ({ page, product }) => {
  await product.configure((config) => (config.records.refusals = 'none'));
  await open(page, product);
  await part(page, 'reject').click();
  await rest(page, 800);
  await page.reload();
  await started(page);
  await rest(page, 500);
  expect(product.front.posted).toEqual([]);
  expect((await state(page)).refused).toEqual(['analytical', 'marketing']);
});

test('with "pseudonymous" a refusal is a record (R10)', async ({ page, product }) => {
  await product.configure((config) => (config.records.refusals = 'pseudonymous'));
  await open(page, product);
  await part(page, 'reject').click();
  await delivered(page);
  const { record, holds } = await product.evidence((await state(page)).recordId);
  expect(record.event).toMatchObject({ state: 'refused', method: 'reject_all', layer: 'first' });
  expect(record.decisions.map(({ granted }: any) => granted)).toEqual([false, false]);
  expect(holds).toEqual({ record: true, notice: true });
});

test('a grant, a change and a withdrawal are three records, each naming the one before (R5)', async ({ page, product }) => {
  await open(page, product);
  await part(page, 'accept').click();
  await delivered(page);
  const first = (await state(page)).recordId;
  await part(page, 'reopen').click();
  await part(page, 'switch-marketing').uncheck();
  const reloaded = page.waitForEvent('load');
  await part(page, 'save').click();
  await reloaded;
  await started(page);
  await delivered(page);
  const second = (await state(page)).recordId;
  await part(page, 'reopen').click();
  const anew = page.waitForEvent('load');
  await part(page, 'withdraw').click();
  await anew;
  await started(page);
  await delivered(page);
  const bodies = product.front.posted.map(({ body }) => JSON.parse(body));
  const chain = [...new Map(bodies.map((body) => [body.record_id, body])).values()];
  expect(chain.map(({ event }) => event.state)).toEqual(['given', 'changed', 'withdrawn']);
  expect(chain.map(({ record_id }) => record_id).slice(0, 2)).toEqual([first, second]);
  expect(chain.map(({ prev }) => prev)).toEqual([null, first, second]);
  expect(new Set(chain.map(({ subject }) => subject)).size).toBe(1);
  expect(chain[1].event).toMatchObject({ method: 'save', layer: 'preferences' });
  expect(chain[2].event).toMatchObject({ method: 'withdraw', layer: 'preferences' });
  for (const { record_id } of chain) {
    const { record, holds } = await product.evidence(record_id);
    expect(record.record_id).toBe(record_id);
    expect(holds).toEqual({ record: true, notice: true });
  }
  expect((await product.figures()).records).toBe(3);
});

test('a full withdrawal ends the pseudonym: what comes after it starts another (R2)', async ({ page, product }) => {
  await open(page, product);
  await part(page, 'accept').click();
  await delivered(page);
  const anew = page.waitForEvent('load');
  await page.evaluate(() => void setTimeout(() => (window as any).askfirst.withdraw()));
  await anew;
  await started(page);
  await delivered(page);
  await page.evaluate(() => (window as any).askfirst.accept());
  await delivered(page);
  // A record may come twice, and a later one before an earlier.
  const records = product.front.posted.map(({ body }) => JSON.parse(body)).toSorted((one, other) => one.event.at < other.event.at ? -1 : 1);
  const given = records[0].subject;
  const again = records.at(-1).subject;
  const withdrawn = records.find(({ event }) => event.state == 'withdrawn')?.subject;
  expect(withdrawn).toBe(given);
  expect(again).not.toBe(given);
});

test('two browsers keep the same bytes after a refusal (P1)', async ({ product, visitor }) => {
  const kept: unknown[] = [];
  for (const timezoneId of ['Europe/Amsterdam', 'Pacific/Auckland']) {
    const context = await visitor({ timezoneId, viewport: kept.length ? { width: 400, height: 800 } : { width: 1200, height: 900 } });
    const page = await context.newPage();
    await open(page, product);
    await part(page, 'reject').click();
    await delivered(page);
    kept.push([await page.evaluate(() => localStorage.askfirst), await page.evaluate(() => document.cookie)]);
    await rest(page, 1100);
  }
  expect(kept[1]).toEqual(kept[0]);
});

test('offline a record waits and is delivered as soon as there is a network (R7, PROOF test 29)', async ({ page, product, console }) => {
  console.expect(NO_ANSWER);
  await open(page, product);
  await page.context().setOffline(true);
  await part(page, 'accept').click();
  await rest(page, 700);
  expect(await state(page)).toMatchObject({ granted: ['analytical', 'marketing'], recorded: false, pending: 1 });
  expect(product.front.posted).toEqual([]);
  const kept = await page.evaluate(() => JSON.parse(localStorage.askfirst).outbox.entries.length);
  expect(kept).toBe(1);
  await page.context().setOffline(false);
  await expect.poll(() => state(page), { timeout: 5_000 }).toMatchObject({ recorded: true, pending: 0 });
  expect(await product.figures()).toEqual({ records: 1, repeated: 0, counts: 0 });
});

for (const [name, leave] of Object.entries({
  'the tab is closed': async (page: Page) => page.close(),
  'the page is left': async (page: Page) => void (await page.goto('about:blank')),
})) {
  test(`a record is not lost when ${name} right after the click, and is one row (R7)`, async ({ page, product, context }) => {
    const url = await open(page, product);
    await part(page, 'accept').click();
    await leave(page);
    const next = await context.newPage();
    await next.goto(url);
    await started(next);
    await expect.poll(() => state(next)).toMatchObject({ recorded: true, pending: 0 });
    const { recordId } = await state(next);
    expect((await product.figures()).records).toBe(1);
    expect((await product.evidence(recordId)).receipt.seq).toBe(1);
  });
}

test('a refusal whose page is left before the answer came is counted once (R10)', async ({ page, product }) => {
  const url = await open(page, product);
  product.front.answers.set('/askfirst/v1/records', async (request, response) => {
    const { body } = product.front.posted.at(-1)!;
    const onward = await fetch(`${product.origin}${request.url}`, { method: 'POST', body, headers: { origin: request.headers.origin!, 'content-type': 'text/plain' } });
    setTimeout(() => response.writeHead(onward.status, { 'content-type': 'application/json' }).end('{"counted":true}'), 400);
  });
  await part(page, 'reject').click();
  await expect.poll(() => product.front.posted.length).toBe(1);
  await page.goto(`${url}?next`);
  await started(page);
  await delivered(page);
  expect((await product.figures()).counts).toBe(1);
});

test('a record that names a notice the server does not know waits for it (R3)', async ({ page, product, console }) => {
  console.expect(/^Failed to load resource: the server responded with a status of \d+/);
  const config = await product.config();
  const url = serveMini(product.front, product.sink.url, { tag: 'data-config="/next.json"' });
  const change = (next: any) => (next.version = '2026-11-23');
  change(config);
  product.front.answers.set('/next.json', { type: 'application/json', body: JSON.stringify(config) });
  await page.goto(url);
  await started(page);
  await part(page, 'accept').click();
  await expect.poll(() => product.front.posted.length).toBeGreaterThan(0);
  await rest(page);
  expect(await state(page)).toMatchObject({ granted: ['analytical', 'marketing'], recorded: false, pending: 1 });
  expect((await product.figures()).records).toBe(0);
  // The owner deploys the configuration to the server as well.
  await product.configure(change);
  // The server has asked to be left in peace for five minutes.
  await page.clock.setSystemTime(Date.now() + 6 * 60_000);
  await page.reload();
  await started(page);
  await expect.poll(() => state(page)).toMatchObject({ recorded: true, pending: 0 });
  expect((await product.figures()).records).toBe(1);
});

test('the receipt can be saved as a file, and says what the server says (B16, R8)', async ({ page, product }) => {
  await open(page, product);
  await part(page, 'accept').click();
  await delivered(page);
  await part(page, 'reopen').click();
  await expect(part(page, 'dialog')).toContainText((await state(page)).recordId);
  const download = page.waitForEvent('download');
  await part(page, 'receipt').click();
  const chunks: Buffer[] = [];
  for await (const chunk of await (await download).createReadStream()) chunks.push(chunk);
  const saved = JSON.parse(Buffer.concat(chunks).toString());
  expect((await download).suggestedFilename()).toBe('askfirst-receipt.json');
  const { record, receipt } = await product.evidence(saved.record.record_id);
  expect(saved.record).toEqual(record);
  expect(saved.receipt).toEqual(receipt);
  expect((await device(page)).local).toContain('askfirst');
});
