import { readFile } from 'node:fs/promises';
import type { Page } from '@playwright/test';
import { axe } from './support/axe.ts';
import type { Product } from './support/product.ts';
import { delivered, expect, NOT_FOUND, part, state, test, visit } from './support/visit.ts';

const MISSING = /^Nothing is stored for this number and secret\./;

/** Accepts all; gives the receipt that the visitor can save. */
const accept = async (page: Page, product: Product) => {
  await visit(page, product.front.origin);
  await part(page, 'accept').click();
  await delivered(page);
  const receipt = await page.evaluate(() => (window as any).askfirst.receipt());
  return { receipt, id: receipt.record.record_id as string, secret: receipt.secret as string };
};

/** Agrees to one purpose, then to both. */
const twice = async (page: Page, product: Product) => {
  await visit(page, product.front.origin);
  const answers = [];
  for (const choice of [{ analytical: true, marketing: false }, { marketing: true }]) {
    await page.evaluate((choice) => (window as any).askfirst.save(choice), choice);
    await delivered(page);
    const { record, secret } = await page.evaluate(() => (window as any).askfirst.receipt());
    answers.push({ id: record.record_id as string, secret: secret as string });
  }
  return answers as [(typeof answers)[0], (typeof answers)[0]];
};

const me = (product: Product, { id, secret }: { id: string; secret: string }) => `${product.front.origin}/askfirst/me/#${id}:${secret}`;
const title = (page: Page) => page.getByRole('heading', { name: 'What you answered' });

test('the secret opens the record from the fragment, and no address that is sent or kept has it (S4)', async ({ page, product }) => {
  const opens = await accept(page, product);
  const requests: string[] = [];
  page.on('request', (request) => requests.push(request.url() + (request.headers()['referer'] ?? '')));
  await page.goto(me(product, opens));
  await expect(title(page)).toBeFocused();
  await expect(page.getByText('You accepted everything that was asked.')).toBeVisible();
  await expect(page.getByText(/^Agreed: Marketing \(marketing\)$/)).toBeVisible();
  await expect(page.getByText(`Record number: ${opens.id}`)).toBeVisible();
  await page.getByText('What was shown to you: the first question').click();
  await expect(page.getByText('We use cookies only with your consent')).toBeVisible();
  expect(page.url()).toBe(`${product.front.origin}/askfirst/me/`);
  expect(requests.filter((url) => url.includes(opens.secret) || url.includes('referer'))).toEqual([]);
  expect(await page.evaluate(() => JSON.stringify({ ...sessionStorage }) + history.length)).not.toContain(opens.secret);
  await page.reload();
  await expect(title(page), 'nothing is kept').toBeHidden();
});

test('the receipt that was saved opens it too; another file does not', async ({ page, product }) => {
  const opens = await accept(page, product);
  await page.goto(`${product.front.origin}/askfirst/me/`);
  const file = (text: string) => ({ name: 'askfirst-receipt.json', mimeType: 'application/json', buffer: Buffer.from(text) });
  await page.getByLabel('Your receipt').setInputFiles(file('{"record":{"record_id":"x"}}'));
  await expect(page.getByText('This file is not a receipt with its secret.')).toBeVisible();
  await page.getByLabel('Your receipt').setInputFiles(file(JSON.stringify(opens.receipt)));
  await expect(title(page)).toBeFocused();
});

test('everything can be taken along, in each form', async ({ page, product }) => {
  const opens = await accept(page, product);
  await page.goto(me(product, opens));
  for (const [button, name, has] of [
    ['Everything stored (JSON)', `consent-${opens.id}.json`, '"receipt"'],
    ['ISO/IEC TS 27560 (JSON-LD)', `consent-${opens.id}.jsonld`, 'dpv:ConsentRecord'],
    ['Consent receipt (Kantara)', `consent-${opens.id}.kantara.json`, 'KI-CR-v1.1.0'],
    ['Evidence pack', `consent-${opens.id}.evidence.json`, 'urn:askfirst:evidence:1'],
  ] as const) {
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: button }).click()]);
    expect(download.suggestedFilename()).toBe(name);
    expect(await readFile(await download.path(), 'utf8')).toContain(has);
    await expect(page.getByText(`Saved as ${name}.`)).toBeFocused();
  }
});

test('it is checked in the page: with a key that was kept, with the published one, and with none', async ({ page, product }) => {
  const opens = await accept(page, product);
  await page.goto(me(product, opens));
  await page.getByRole('button', { name: 'Check', exact: true }).click();
  await expect(page.getByText('Nothing false was found, but this is not proven yet.')).toBeVisible();
  await page.getByRole('button', { name: 'Use the published key' }).click();
  await expect(page.getByLabel('Public key of the log')).toHaveValue(await product.vkey());
  await page.getByRole('button', { name: 'Check', exact: true }).click();
  await expect(page.getByText('Everything holds.')).toBeVisible();
  const other = await product.askfirst('keygen', 'other.key', '--site', product.front.origin);
  await page.getByLabel('Public key of the log').fill(other.stdout.trim());
  await page.getByRole('button', { name: 'Check', exact: true }).click();
  await expect(page.getByText('This does NOT hold.')).toBeVisible();
});

test('erasing takes two presses and says what came of it; afterwards there is nothing (S5)', async ({ page, product, console }) => {
  await product.erases();
  const opens = await accept(page, product);
  await page.goto(me(product, opens));
  await page.getByRole('button', { name: 'Erase this record' }).click();
  await page.getByRole('button', { name: 'No, keep it' }).click();
  await expect(page.getByRole('button', { name: 'Erase this record' })).toBeFocused();
  expect((await product.evidence(opens.id)).holds.record).toBe(true);
  await page.keyboard.press('Enter');
  await expect(page.getByRole('button', { name: 'Yes, erase it for good' })).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page.getByText('The record was erased.')).toBeFocused();
  await expect(title(page)).toBeHidden();
  console.expect(NOT_FOUND);
  await page.goto(me(product, opens));
  await expect(page.getByText(MISSING)).toBeVisible();
  expect((await product.askfirst('audit', '--database', 'records.sqlite')).code).toBe(0);
});

test('the secret leads to every answer of the same browser, and each can be seen and erased (S4, PROOF test 21)', async ({ page, product }) => {
  await product.erases();
  const [first, second] = await twice(page, product);
  await page.goto(me(product, second));
  const way = ({ id }: { id: string }) => page.getByRole('button', { name: `Record number: ${id}` });
  await expect(page.getByRole('listitem').filter({ has: way(first) })).toContainText('Time of your choice: ');
  await expect(way(second), 'the one that is shown').toHaveCount(0);
  await way(first).click();
  await expect(title(page)).toBeFocused();
  await expect(page.getByText(/^Refused: Marketing \(marketing\)$/)).toBeVisible();
  await way(second).click();
  await expect(page.getByText(/^Agreed: Marketing \(marketing\)$/), 'and back').toBeVisible();

  const erase = async () => {
    await page.getByRole('button', { name: 'Erase this record' }).click();
    await page.getByRole('button', { name: 'Yes, erase it for good' }).click();
    await expect(page.getByText(/^The record was erased\./)).toBeFocused();
  };
  await erase();
  await expect(page.getByText(/^Refused: Marketing \(marketing\)$/), 'what is left is shown').toBeVisible();
  await expect(way(second)).toHaveCount(0);
  await erase();
  await expect(title(page)).toBeHidden();
  for (const { id, secret } of [first, second]) {
    const gone = await fetch(`${product.origin}/askfirst/v1/records/${id}`, { headers: { authorization: `Bearer ${secret}` } });
    expect(gone.status).toBe(404);
  }
});

test('a record that is held for a legal claim is restricted, and the page says why (GDPR Art. 17(3)(e), 18)', async ({ page, product }) => {
  const opens = await accept(page, product);
  await page.goto('about:blank');
  await product.down();
  expect((await product.askfirst('hold', '--database', 'records.sqlite', '--record', opens.id)).code).toBe(0);
  await product.up();
  await page.goto(me(product, opens));
  await page.getByRole('button', { name: 'Erase this record' }).click();
  await page.getByRole('button', { name: 'Yes, erase it for good' }).click();
  await expect(page.getByText(/^The record was not erased but restricted: .* GDPR Art\. 17\(3\)\(e\) and 18\(2\)\. You can lodge a complaint/)).toBeFocused();
  await expect(title(page)).toBeVisible();
});

test('a record that is kept as proof is said to be, and until when (S5)', async ({ page, product }) => {
  const opens = await accept(page, product);
  await page.goto(me(product, opens));
  await page.getByRole('button', { name: 'Erase this record' }).click();
  await page.getByRole('button', { name: 'Yes, erase it for good' }).click();
  const until = new Date(Date.now() + 3.5 * 365 * 864e5).getFullYear();
  await expect(page.getByText(new RegExp(`^The record was not erased but restricted: .*GDPR Art\\. 17\\(3\\)\\(e\\) and 18\\(2\\), with Art\\. 7\\(1\\)\\. .* It will be erased on .*${until} at the latest\\.$`))).toBeFocused();
  await expect(title(page)).toBeVisible();
});

test('a consent under a notice that was declared faulty is said not to count, and is asked for again (issue 4)', async ({ page, product }) => {
  const opens = await accept(page, product);
  await page.goto('about:blank');
  await product.down();
  const { digest } = (await product.evidence(opens.id)).record.notice;
  const said = await product.askfirst('invalidate', '--database', 'records.sqlite', '--notice', digest, '--reason', 'One recipient was missing.');
  expect(said.code, said.stderr).toBe(0);
  await product.up();
  await page.goto(me(product, opens));
  await expect(page.getByText(/^It does not count: the notice was declared faulty at .* \(One recipient was missing\.\)\.$/)).toBeVisible();
  await visit(page, product.front.origin);
  expect((await state(page)).granted, 'the page does not know of it by itself').toEqual(['analytical', 'marketing']);
  await product.configure((config) => (config.again = '2026-11-28'));
  await visit(page, product.front.origin);
  await expect(part(page, 'accept')).toBeVisible();
  expect((await state(page)).granted).toEqual([]);
  await part(page, 'accept').click();
  await delivered(page);
  await visit(page, product.front.origin);
  await expect(part(page, 'accept')).toBeHidden();
  expect((await state(page)).granted).toEqual(['analytical', 'marketing']);
});

test('a wrong secret looks like a number that nobody has (PROOF test 21)', async ({ page, product, console }) => {
  console.expect(NOT_FOUND);
  const { id, secret } = await accept(page, product);
  const seen: string[] = [];
  for (const one of [{ id, secret: `${secret}x` }, { id: id.replace(/^./, (c) => (c == '0' ? '1' : '0')), secret }, { id, secret: '?' }]) {
    await page.goto('about:blank');
    const answered = page.waitForResponse(/v1\/records/);
    await page.goto(me(product, one));
    await expect(page.getByText(MISSING)).toBeVisible();
    const response = await answered;
    // Their bodies are compared in crates/server/tests/server/holder.rs.
    const { date, ...headers } = response.headers();
    seen.push(JSON.stringify([response.status(), headers, await page.locator('main').innerText()]));
  }
  expect(new Set(seen).size).toBe(1);
});

for (const colorScheme of ['light', 'dark'] as const) {
  test(`it is accessible and fits a phone, in ${colorScheme} colours`, async ({ page, product }) => {
    const [first, opens] = await twice(page, product);
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width: 320, height: 700 });
    await page.goto(me(product, opens));
    await expect(page.getByRole('button', { name: `Record number: ${first.id}` })).toBeVisible();
    await page.getByText('Type it instead').click();
    await page.getByRole('button', { name: 'Check', exact: true }).click();
    await expect(page.getByRole('article')).toBeVisible();
    await page.getByRole('button', { name: 'Erase this record' }).click();
    const { violations } = await axe(page).analyze();
    expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(320);
    const small = await page.evaluate(() => [...document.querySelectorAll<HTMLElement>('button:not([hidden]), summary, input')].filter((e) => e.offsetHeight && e.offsetHeight < 24).map((e) => e.outerHTML));
    expect(small, 'targets (WCAG 2.5.8)').toEqual([]);
  });
}
