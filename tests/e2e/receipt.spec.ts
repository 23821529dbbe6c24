import type { Page } from '@playwright/test';
import { delivered, expect, part, rest, state, test, visit } from './support/visit.ts';

/** The page's own configuration with the public key of its log. */
const trust = async (product: any, key?: string) => {
  key ??= await product.vkey();
  await product.configure((config: any) => (config.records.key = key));
};

/** What the page was told of records, in order. */
const listen = (page: Page) => page.evaluate(() => {
  const told: string[] = ((window as any).told = []);
  for (const name of ['recorded', 'error']) addEventListener(`askfirst:${name}`, ({ detail }: any) => told.push(detail.code ?? name));
});
const told = (page: Page) => page.evaluate(() => (window as any).told as string[]);

/** Changes what the server answers to a record on its way to the page. */
const forge = (page: Page, change: (receipt: string) => string) => page.route('**/v1/records', async (route) => {
  const response = await route.fetch();
  await route.fulfill({ response, body: change(await response.text()) });
});

/** Accepts on a page that does not take what comes for a receipt of its log. */
const disbelieves = async (page: Page, product: any, console: any) => {
  console.expect(LINE);
  await visit(page, product.front.origin);
  await listen(page);
  await part(page, 'accept').click();
  await expect.poll(() => told(page)).toContain('receipt');
  expect((await state(page)).recorded).toBe(false);
};

const LINE = /^askfirst: the receipt does not hold: /;

test('a page with the key of its log checks the receipt before it says that the record is there (R8)', async ({ page, product }) => {
  await trust(product);
  await visit(page, product.front.origin);
  await listen(page);
  const order: string[] = [];
  page.on('requestfinished', (request) => /verify\.wasm/.test(request.url()) && order.push('checked'));
  page.on('console', (message) => message.text() == 'recorded' && order.push('recorded'));
  await page.evaluate(() => addEventListener('askfirst:recorded', () => console.log('recorded')));
  await part(page, 'accept').click();
  await delivered(page);
  expect(await told(page)).toEqual(['recorded']);
  await expect.poll(() => order).toEqual(['checked', 'recorded']);
  expect((await state(page)).recorded).toBe(true);
});

test('a page without a key fetches nothing for it', async ({ page, product }) => {
  const asked: string[] = [];
  page.on('request', (request) => asked.push(request.url()));
  await visit(page, product.front.origin);
  await part(page, 'accept').click();
  await delivered(page);
  expect(asked.filter((url) => /verify|receipt/.test(url))).toEqual([]);
});

for (const [what, change] of Object.entries({
  'with another time': (receipt: string) => receipt.replace(/"received_at":"2\d\d\d/, '"received_at":"2001'),
  'without a proof': (receipt: string) => JSON.stringify({ ...JSON.parse(receipt), log: undefined }),
  'of nonsense': () => 'stored, promise',
})) {
  test(`a receipt ${what} is none: the record stays in the outbox until a good one comes`, async ({ page, product, console }) => {
    await trust(product);
    console.expect(LINE);
    await visit(page, product.front.origin);
    await listen(page);
    await forge(page, change);
    await part(page, 'accept').click();
    await expect.poll(() => told(page)).toContain('receipt');
    await rest(page);
    expect(await told(page)).not.toContain('recorded');
    expect(await state(page)).toMatchObject({ recorded: false, pending: 1, granted: ['analytical', 'marketing'] });
    await page.unrouteAll({ behavior: 'wait' });
    await expect.poll(() => told(page), { timeout: 15_000 }).toContain('recorded');
    expect(await state(page)).toMatchObject({ recorded: true, pending: 0 });
    expect((await product.figures()).records, 'it is one record all the same').toBe(1);
  });
}

test('a log that somebody else signs is not believed', async ({ page, product, console }) => {
  const other = (await product.askfirst('keygen', 'other.key', '--site', product.front.origin)).stdout.trim();
  await trust(product, other);
  await disbelieves(page, product, console);
  // The owner hears of it before any visitor does.
  const config = await product.config();
  await product.configure((config: any) => (config.site = product.front.origin));
  const check = await product.askfirst('check', 'askfirst.json', '--database', 'records.sqlite');
  expect(check.code).toBe(1);
  expect(check.stderr).toContain(`"key": "${await product.vkey()}"`);
  expect(config.records.key).toBe(other);
});

test('while keys change, each of those that are named is believed', async ({ page, product }) => {
  const next = (await product.askfirst('keygen', 'next.key', '--site', product.front.origin)).stdout.trim();
  await trust(product, `${next} ${await product.vkey()}`);
  await visit(page, product.front.origin);
  await part(page, 'accept').click();
  await delivered(page);
  expect((await state(page)).recorded).toBe(true);
});

// PROOF test 16 in the page: the log's key is replaced, and a page with an old configuration believes until the old one goes.
test('a page goes on believing its log while the key is replaced, and afterwards by the new one', async ({ page, product, console }) => {
  const rotate = async (...step: string[]) => {
    await product.down();
    const { code, stdout, stderr } = await product.askfirst('keys', 'rotate-log', '--database', 'records.sqlite', ...step);
    expect(code, stderr).toBe(0);
    await product.up();
    // The server has a log for each site.
    const lines = stdout.split('\n').filter((line) => line.includes('"key": "') && line.includes(new URL(product.front.origin).host));
    return /"key": "(.*)"/.exec(lines[0]!)![1]!;
  };
  const answer = async () => {
    await visit(page, product.front.origin);
    await part(page, 'accept').click();
    await delivered(page);
    expect((await state(page)).recorded).toBe(true);
    await page.evaluate(() => localStorage.clear());
    await page.context().clearCookies();
    // Else it asks for the check of its configuration while the server is down.
    await page.goto('about:blank');
  };
  const old = await product.vkey();
  await trust(product, old);
  await answer();
  const both = await rotate();
  expect(both.split(' ')).toHaveLength(2);
  // A page that was loaded before, or is cached, has the old key alone.
  await answer();
  await trust(product, both);
  await answer();
  expect(await rotate('--finish')).toBe(both.split(' ')[1]);
  await answer();
  await trust(product, old);
  await disbelieves(page, product, console);
});

test('`askfirst check` prints the line that is missing', async ({ product }) => {
  const key = (await product.askfirst('keygen', 'records.sqlite.key', '--site', product.origin)).stdout.trim();
  const check = await product.askfirst('check', 'askfirst.json', '--database', 'records.sqlite');
  expect(check).toMatchObject({ code: 0 });
  expect(check.stderr).toContain(`  "key": "${key}"`);
  await trust(product, key);
  expect(await product.askfirst('check', 'askfirst.json', '--database', 'records.sqlite')).toMatchObject({ code: 0, stderr: '' });
});
