import { readFileSync } from 'node:fs';
import { expect, expectSilence, test as base } from './support/test.ts';
import { DIST } from './support/product.ts';
import { startFolder, TYPES } from './support/folder.ts';

interface Vectors {
  vkey: string;
  cases: { name: string; trusted: boolean; outcome: 'holds' | 'unproven' | 'fails'; problem: string | null; text: string }[];
  receipt: { record: string; receipt: string; outcome: string };
}

const vectors: Vectors = JSON.parse(readFileSync(new URL('../vectors/log-evidence.json', import.meta.url), 'utf8'));
const SENTENCES = { holds: 'Everything holds.', unproven: 'Nothing false was found, but this is not proven yet.', fails: 'This does NOT hold.' };
const pack = vectors.cases[0]!;

const test = base.extend<{ url: string }>({
  url: async ({}, use) => {
    const folder = await startFolder(DIST, {}, { ...TYPES, '.css': 'text/css' });
    await use(`${folder.origin}/askfirst/verify/index.html`);
    await folder.close();
  },
});

const file = (text: string) => ({ name: 'evidence.json', mimeType: 'application/json', buffer: Buffer.from(text) });

test('the page gives the verdict of the command line on every vector, with the network off (PROOF test 12)', async ({ page, url, complaints, context }) => {
  const requests: string[] = [];
  page.on('request', (request) => requests.push(`${request.method()} ${new URL(request.url()).pathname}`));
  const wasm = page.waitForResponse(/askfirst-verify\.wasm$/);
  await page.goto(url);
  await (await wasm).finished();
  await context.setOffline(true);
  const loaded = requests.length;
  for (const one of vectors.cases) {
    await page.getByLabel('Public key of the log').fill(one.trusted ? vectors.vkey : '');
    await page.getByLabel('Evidence file', { exact: true }).setInputFiles(file(one.text));
    const verdicts = page.getByRole('article').getByRole('heading', { level: 2 });
    await expect(verdicts.filter({ hasText: SENTENCES[one.outcome] }), one.name).toHaveCount(1);
    if (one.problem) await expect(page.getByText(one.problem), one.name).toBeVisible();
  }
  expect(requests.slice(loaded), 'nothing is sent').toEqual([]);
  expect(requests.every((request) => request.startsWith('GET '))).toBe(true);
  expectSilence(complaints);
});

test('a key that is filled in after the file is taken at once', async ({ page, url }) => {
  await page.goto(url);
  await page.getByLabel('Evidence file', { exact: true }).setInputFiles(file(pack.text));
  await expect(page.getByRole('heading', { name: SENTENCES.unproven })).toBeVisible();
  await page.getByLabel('Public key of the log').fill(vectors.vkey);
  await expect(page.getByRole('heading', { name: SENTENCES.holds })).toBeVisible();
  await page.getByLabel('Public key of the log').fill('nonsense');
  await expect(page.getByText('“nonsense” is not the public key of a log.')).toBeVisible();
});

test('it works with the keyboard, and the verdict gets the focus', async ({ page, url }) => {
  await page.goto(url);
  await page.keyboard.press('Tab');
  await expect(page.getByLabel('Language')).toBeFocused();
  await page.keyboard.press('Tab');
  await page.keyboard.insertText(vectors.vkey);
  await page.keyboard.press('Tab');
  await expect(page.getByLabel('Evidence file', { exact: true })).toBeFocused();
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await page.keyboard.press('Tab');
  await page.keyboard.insertText(pack.text);
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { name: SENTENCES.holds })).toBeFocused();
  const steps = page.getByRole('article').getByRole('listitem');
  await expect(steps.filter({ hasText: /^✓Holds: The record is entry 44 of the log/ })).toHaveCount(1);
});

test('a dropped file is checked, and what a false one says is not shown', async ({ page, url }) => {
  await page.goto(url);
  const drop = (text: string) => page.evaluate((text) => {
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File([text], 'evidence.json'));
    document.body.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }));
  }, text);
  await drop(pack.text);
  await expect(page.getByText('agreed   Statistiek (analytical)')).toBeVisible();
  await drop(pack.text.replace('"granted":false', '"granted":true'));
  await expect(page.getByRole('heading', { name: SENTENCES.fails })).toBeVisible();
  await expect(page.getByText('Statistiek')).toHaveCount(0);
});

test('what a file says can not become markup (T2)', async ({ page, url, complaints }) => {
  await page.goto(url);
  const hostile = '{"schema":"urn:askfirst:evidence:1","<img src=x onerror=console.error(1)>":1}';
  await page.getByLabel('Evidence file', { exact: true }).setInputFiles(file(hostile));
  await expect(page.getByText('<img src=x onerror=console.error(1)>')).toBeVisible();
  await expect(page.locator('img')).toHaveCount(0);
  expectSilence(complaints);
});

test('a sentence in brackets is not drawn as a button', async ({ page, url }) => {
  const { text } = vectors.cases.find(({ name }) => name === 'words that look like a button')!;
  await page.goto(url);
  await page.getByLabel('Evidence file', { exact: true }).setInputFiles(file(text));
  await page.locator('details', { hasText: 'banner' }).getByText('banner').click();
  await expect(page.locator('.shown .button')).toHaveText(['Alles weigeren', 'Alles accepteren']);
  await expect(page.getByText('\\[ Alles weigeren \\] kan ook later')).toBeVisible();
});

test('a page checks its receipt', async ({ page, url }) => {
  await page.goto(url);
  const told = await page.evaluate(async ({ receipt, vkey }) => {
    const verifier = await import(new URL('../askfirst-verify.mjs', location.href).href);
    const base = new URL('../', location.href).href;
    const outcome = async (record: string) => (await verifier.verifyReceipt(base, record, receipt.receipt, vkey)).outcome;
    return [await outcome(receipt.record), await outcome(receipt.record.replace('true', 'false'))];
  }, vectors);
  expect(told).toEqual(['holds', 'fails']);
});
