// `records.challenge`: the server's word for a record before it is sent (docs/proof.md, issue 4).
import type { Page, Request } from '@playwright/test';
import type { Product } from './support/product.ts';
import { delivered, expect, part, rest, test, visit } from './support/visit.ts';

/** The configuration of the pages behind the proxy, with the key that the page checks its receipts with. One that names no
 * site is that of every site of the server. */
const asking = async (product: Product, named = true) => {
  const key = await product.vkey();
  await product.configure((config: any) => {
    config.site = named ? product.front.origin : undefined;
    Object.assign(config.records, { challenge: true, key });
  });
};

/** What was asked for that has to do with it, in order. */
const watch = (page: Page) => {
  const asked: Request[] = [];
  page.on('request', (request) => /challenge|v1\/records/.test(request.url()) && asked.push(request));
  return asked;
};
const names = (asked: Request[]) => asked.map((request) => new URL(request.url()).pathname.split('/').at(-1)!);

/** Accepts as a person does, and answers what the owner can show about it. */
const accept = async (page: Page, product: Product) => {
  await rest(page, 600);
  await part(page, 'accept').click();
  await delivered(page);
  const id = await page.evaluate(() => (window as any).askfirst.receipt().record.record_id as string);
  return product.sentences(id);
};

for (const named of [true, false]) test(`a page asks for a challenge after the choice, and the record that it sends with it is fresh: ${named ? 'of the site that the configuration names' : 'of any site of the server'}`, async ({ page, product }) => {
  await asking(product, named);
  const asked = watch(page);
  await visit(page, product.front.origin);
  await rest(page, 600);
  expect(names(asked), 'nothing before the visitor has decided').toEqual([]);
  const said = await accept(page, product);
  expect(names(asked)).toEqual(['askfirst-challenge.mjs', 'challenge', 'records']);
  const [, challenge, record] = asked;
  expect(Object.keys(JSON.parse(challenge.postData()!)).toSorted(), 'no identifier').toEqual(['digest', 'site']);
  expect((await challenge.allHeaders()).cookie).toBeUndefined();
  expect(record.headers()['askfirst-challenge']).toMatch(/^\d{13}\.[\w-]{43}$/);
  expect(record.postData(), 'it is no part of the record').not.toContain('challenge');
  expect(said).toContain("The page answered the server's challenge for this very record in time.");
  expect(said).toContain('Evidence grade A:');
});

test('a forged challenge is stored as what it is, and the page has its receipt', async ({ page, product }) => {
  await asking(product);
  await page.route('**/v1/challenge', (route) => route.fulfill({ json: { challenge: `${Date.now()}.${'A'.repeat(43)}` } }));
  await visit(page, product.front.origin);
  expect(await accept(page, product)).toContain('a challenge that the server never gave for this record');
});

test('a server that gives none, or no answer, holds up no record', async ({ page, product, console }) => {
  await asking(product);
  console.expect(/Failed to load resource|net::ERR/);
  await page.route('**/v1/challenge', (route) => route.abort());
  await visit(page, product.front.origin);
  expect(await accept(page, product)).toContain('without the challenge that the pages of this site ask');
});

test('a refusal that is only counted asks for none, nor does a page that was not told to', async ({ page, product }) => {
  const asked = watch(page);
  await visit(page, product.front.origin);
  await accept(page, product);
  expect(names(asked)).toEqual(['records']);
  await page.context().clearCookies();
  await page.evaluate(() => localStorage.clear());
  await product.configure((config: any) => Object.assign(config, { site: product.front.origin, records: { ...config.records, challenge: true, refusals: 'aggregate' } }));
  asked.length = 0;
  await visit(page, product.front.origin);
  await part(page, 'reject').click();
  await expect.poll(async () => (await product.figures()).counts).toBe(1);
  expect(names(asked)).not.toContain('challenge');
});
