import { readdir, readFile } from 'node:fs/promises';
import type { Page } from '@playwright/test';
import type { Product } from './support/product.ts';
import { delivered, expect, test, visit } from './support/visit.ts';

const dsar = (product: Product, ...args: string[]) => product.askfirst('dsar', '--database', 'records.sqlite', ...args);

/** Agrees to one purpose, then to both: two records of one browser, and no page that starts anew. */
const twoAnswers = async (page: Page, product: Product) => {
  await visit(page, product.front.origin);
  await page.evaluate(() => (window as any).askfirst.save({ analytical: true, marketing: false }));
  await delivered(page);
  await page.evaluate(() => (window as any).askfirst.save({ marketing: true }));
  await delivered(page);
  return page.evaluate(() => (window as any).askfirst.receipt().record as { record_id: string; subject: string; prev: string });
};

/** Every byte of every file of the server. */
const everything = async (product: Product) => {
  const names = (await readdir(product.dir)).filter((name) => name.startsWith('records.sqlite'));
  return Buffer.concat(await Promise.all(names.map((name) => readFile(`${product.dir}/${name}`))));
};

test('a request is answered with all records of the person and nobody else\'s, and erased (S4, S5, PROOF tests 17 and 21)', async ({ page, product, visitor }) => {
  const mine = await twoAnswers(page, product);
  const other = await (await visitor()).newPage();
  const theirs = await twoAnswers(other, product);

  const found = await dsar(product, 'find', '--record', mine.record_id);
  expect(found.stderr).toBe('');
  expect(found.stdout.split('\n').filter(Boolean).map((line) => line.slice(0, 36)), 'also the one before').toEqual([mine.prev, mine.record_id]);
  const opened = await dsar(product, 'open', 'access', '--record', mine.record_id, '--received', '2026-01-31');
  expect(opened.stdout).toMatch(/^ +1  overdue +answer by 2026-02-28  access \(Art\. 15\)  received 2026-01-31  record /);
  expect((await dsar(product, 'list')).code, 'for a job that watches').toBe(1);

  expect((await dsar(product, 'export', '1', '--out', 'export.json')).code).toBe(0);
  const exported = await readFile(`${product.dir}/export.json`, 'utf8');
  const lines = exported.trim().split('\n').map((line) => JSON.parse(line));
  expect(lines.map((line) => line.record.record_id)).toEqual([mine.prev, mine.record_id]);
  expect(exported).not.toContain(theirs.subject);
  expect((await dsar(product, 'export', '1', '--out', 'export.json')).code, 'nothing is overwritten').toBe(2);
  expect((await dsar(product, 'export', '1', '--format', 'evidence', '--out', 'packs.json')).code).toBe(0);
  const packs = await product.askfirst('verify', '--key', await product.vkey(), 'packs.json');
  expect(packs.stdout.match(/Everything holds\./g), packs.stdout).toHaveLength(2);
  expect((await dsar(product, 'close', '1', '--outcome', 'granted')).stdout).toContain('closed late');

  expect((await dsar(product, 'open', 'erasure', '--subject', mine.subject)).code).toBe(0);
  await Promise.all([page, other].map((open) => open.goto('about:blank')));
  await product.down();
  const erased = await dsar(product, 'erase', '2', '--erasure', 'erase');
  expect(erased.stdout.match(/  The record was erased\./gm), erased.stderr).toHaveLength(2);
  expect((await dsar(product, 'close', '2', '--outcome', 'granted')).stdout).toMatch(/^ +2  closed  /);
  await product.up();
  expect((await dsar(product, 'find', '--record', mine.record_id)).code).toBe(1);
  expect((await dsar(product, 'find', '--record', theirs.record_id)).stdout.split('\n')).toHaveLength(3);
  // Neither the records nor the register keep the pseudonym; the other person's is the control of the search.
  const bytes = await everything(product);
  const forms = (subject: string) => [subject, Buffer.from(subject, 'base64url')].map((form) => bytes.includes(form));
  expect(forms(mine.subject)).toEqual([false, false]);
  expect(forms(theirs.subject)).toContain(true);
  expect((await product.askfirst('audit', '--database', 'records.sqlite')).code).toBe(0);
});

test('time can be taken once, within the first month, with a reason that the person is told (Art. 12(3))', async ({ product }) => {
  const today = new Date().toISOString().slice(0, 10);
  expect((await dsar(product, 'open', 'portability')).stdout).toContain('no record named');
  expect((await dsar(product, 'open', 'objection', '--received', '2026-01-01')).code).toBe(0);
  expect((await dsar(product, 'extend', '1')).stderr).toContain('--reason');
  expect((await dsar(product, 'extend', '1', '--reason', 'twelve requests at once')).stdout).toContain('(extended)');
  expect((await dsar(product, 'extend', '1', '--reason', 'again')).stderr).toContain('it can be only once');
  expect((await dsar(product, 'extend', '2', '--reason', 'late')).stderr).toContain('the person had to be told by 2026-02-01');
  const [urgent, later] = (await dsar(product, 'list', '--json')).stdout.trim().split('\n').map((line) => JSON.parse(line));
  expect(urgent).toMatchObject({ number: 2, standing: 'overdue', last_day: '2026-02-01' });
  expect(later).toMatchObject({ number: 1, standing: 'open', received: today, extension: 'twelve requests at once' });
  expect((await dsar(product, 'close', '2', '--outcome', 'refused')).stderr).toContain('--reason');
  expect((await dsar(product, 'close', '2', '--outcome', 'refused', '--reason', 'not about us')).code).toBe(0);
  expect((await dsar(product, 'close', '2', '--outcome', 'granted')).stderr).toContain('was closed on');
  expect((await dsar(product, 'list')).code).toBe(0);
  expect((await dsar(product, 'open', 'access', '--received', '2999-01-01')).code).toBe(2);
});

test('a record that is held for a claim is restricted, not erased, and the answer says so', async ({ page, product }) => {
  const mine = await twoAnswers(page, product);
  await page.goto('about:blank');
  await product.down();
  await product.askfirst('hold', '--database', 'records.sqlite', '--record', mine.record_id);
  await dsar(product, 'open', 'erasure', '--record', mine.record_id);
  const said = (await dsar(product, 'erase', '1')).stdout;
  expect(said).toMatch(new RegExp(`${mine.prev}  The record was not erased but restricted: it is kept as proof .* until \\d{4}-\\d\\d-\\d\\d at the latest\\)`));
  expect(said).toMatch(new RegExp(`${mine.record_id}  The record was not erased but restricted: it is kept for a legal claim .*Art\\. 17\\(3\\)\\(e\\)`));
  expect(said).toContain('The person must be told of what was not erased, and why (Art. 12(4)).');
  expect((await dsar(product, 'find', '--record', mine.record_id)).stdout.match(/  restricted$/gm)).toHaveLength(2);
  const log = (await product.askfirst('access', '--database', 'records.sqlite')).stdout;
  expect(log.match(/"action":"erase"/g), 'every use is noted (S7)').toHaveLength(2);
});
