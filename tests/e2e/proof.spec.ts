import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Page } from '@playwright/test';
import { BIN, type Product } from './support/product.ts';
import { delivered, expect, part, rest, state, test as base, visit } from './support/visit.ts';

/** A folder in which nothing is but what a test puts there, for a command that may look at nothing else. */
const test = base.extend<{ elsewhere: { path: string; verify(...args: string[]): Promise<{ code: number; said: string }> } }>({
  elsewhere: async ({}, use) => {
    const path = await mkdtemp(join(tmpdir(), 'askfirst-auditor-'));
    await use({
      path,
      verify: (...args) => promisify(execFile)(BIN, ['verify', ...args], { cwd: path, env: {} })
        .then(({ stdout }) => ({ code: 0, said: stdout }), ({ code, stdout, stderr }) => ({ code, said: stdout + stderr })),
    });
    await rm(path, { recursive: true });
  },
});

/** Accepts all, and answers the record's id with what opens it. */
const accept = async (page: Page, product: Product) => {
  await visit(page, product.front.origin);
  // Whoever answers sooner cannot have read it (grade B).
  await rest(page, 600);
  await part(page, 'accept').click();
  await delivered(page);
  const { record_id, secret } = await page.evaluate(() => {
    const { record, secret } = (window as any).askfirst.receipt();
    return { record_id: record.record_id, secret };
  });
  return { id: record_id as string, secret: secret as string };
};

const pack = async (product: Product, id: string) => (await product.askfirst('export', '--database', 'records.sqlite', '--evidence', id)).stdout;

test('accept → receipt checked → pack → verified elsewhere → one letter → withdrawn → erased → the log verifies (issue 4)', async ({ page, product, elsewhere }) => {
  const key = await product.vkey();
  await product.configure((config: any) => (config.records.key = key));
  const { id, secret } = await accept(page, product);
  expect((await state(page)).recorded, 'the page has checked the receipt').toBe(true);

  const text = await pack(product, id);
  await writeFile(join(elsewhere.path, 'pack.json'), text);
  const good = await elsewhere.verify('--key', key, 'pack.json');
  expect(good.said).toContain('Everything holds.');
  expect(good.said).toContain('We use cookies only with your consent');
  expect(good.said).toContain('Evidence grade A:');
  expect(good.code).toBe(0);

  // Each of these is one letter of the file (PROOF test 12).
  for (const [was, is, problem] of [
    ['"granted":true,"purpose":"analytical"', '"granted":true,"purpose":"analyticam"', 'The record, what the server noted with it, or its salt is not what the log committed to.'],
    ['We use cookies only with your consent', 'We use cookies only with your content', 'The notice is not the one that was shown: the record names another digest.'],
    ['"received_at":"2', '"received_at":"3', 'The record, what the server noted with it, or its salt is not what the log committed to.'],
    ['/askfirst/log', '/askfirst/lag', 'A key in the file is malformed.'],
  ] as const) {
    expect(text).toContain(was);
    await writeFile(join(elsewhere.path, 'forged.json'), text.replace(was, is));
    const forged = await elsewhere.verify('--key', key, 'forged.json');
    expect(forged.code, is).toBe(1);
    expect(forged.said).toContain(problem);
  }

  await part(page, 'reopen').click();
  await part(page, 'withdraw').click();
  await expect.poll(async () => (await product.figures()).records).toBe(2);
  expect((await elsewhere.verify('--key', key, 'pack.json')).code, 'what was lawful stays proven (R5)').toBe(0);

  await product.erases();
  const url = `${product.origin}/askfirst/v1/records/${id}`;
  const erased = await fetch(url, { method: 'DELETE', headers: { authorization: `Bearer ${secret}` } });
  expect(await erased.json()).toMatchObject({ erased: true });
  await writeFile(join(elsewhere.path, 'hole.json'), await pack(product, id));
  const hole = await elsewhere.verify('--key', key, 'hole.json');
  expect(hole.said).toMatch(/The record's content was erased on \d{4}-\d\d-\d\d \(holder\)/);
  expect(hole.code).toBe(0);
  expect(await readFile(join(elsewhere.path, 'hole.json'), 'utf8')).not.toContain('analytical');
  const audit = await product.askfirst('audit', '--database', 'records.sqlite');
  expect(audit.code, audit.stderr).toBe(0);
  expect(audit.stdout).toContain('2 records, 1 erased: every tree is the one that was signed');
});

test('a page for a lawyer shows the words as they were shown, asks for nothing, and is itself evidence', async ({ page, product, elsewhere, visitor }) => {
  const { id } = await accept(page, product);
  const file = join(elsewhere.path, 'evidence.html');
  expect((await product.askfirst('export', '--database', 'records.sqlite', '--evidence', id, '--html', file)).code).toBe(0);
  const lawyer = await (await visitor({ offline: true, javaScriptEnabled: false })).newPage();
  await lawyer.goto(`file://${file}`);
  await expect(lawyer.getByRole('heading', { name: 'Evidence of consent' })).toBeVisible();
  const first = lawyer.locator('.stage [part=banner]').first();
  await expect(first.getByRole('button', { name: 'Reject all' })).toBeVisible();
  await expect(first.getByRole('heading')).toHaveText('We use cookies only with your consent');
  // Drawn with the style of the interface, not as bare text (B4).
  const look = (name: string) => first.locator(`[part=${name}]`).evaluate((button) => getComputedStyle(button).backgroundColor);
  expect(await look('accept')).toBe(await look('reject'));
  expect(await look('accept')).not.toBe('rgba(0, 0, 0, 0)');
  await expect(lawyer.getByText('Evidence grade A:')).toBeVisible();
  const key = await product.vkey();
  const good = await elsewhere.verify('--key', key, file);
  expect(good.said).toContain('The pack was taken out of a page; the sentences of the page itself were not looked at.');
  expect(good.code, good.said).toBe(0);
  const text = await readFile(file, 'utf8');
  await writeFile(file, text.replaceAll('"granted":true', '"granted":false'));
  expect((await elsewhere.verify('--key', key, file)).code).toBe(1);
});

test('pictures of the notice are taken by an installed Chromium, and without one a sentence says so', async ({ page, product, elsewhere }) => {
  const { id } = await accept(page, product);
  const folder = join(elsewhere.path, 'pictures');
  const none = await promisify(execFile)(BIN, ['export', '--database', 'records.sqlite', '--evidence', id, '--png', folder], { cwd: product.dir, env: {} }).catch((error) => error);
  expect(none).toMatchObject({ code: 2 });
  expect(none.stderr).toContain('pictures need an installed Chromium or Chrome');
  const done = await product.askfirst('export', '--database', 'records.sqlite', '--evidence', id, '--png', folder);
  expect(done.code, done.stderr).toBe(0);
  expect((await readdir(folder)).toSorted()).toEqual(['banner-desk.png', 'banner-phone.png', 'dialog-desk.png', 'dialog-phone.png']);
  const png = await readFile(join(folder, 'banner-phone.png'));
  expect(png.subarray(1, 4).toString()).toBe('PNG');
  expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([390, 844]);
});
