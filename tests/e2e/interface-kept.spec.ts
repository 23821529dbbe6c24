// What visitors find when they open the dialog again: how they stand, and what they can do with their records (B16, S4, S5).
import type { Download, Page } from '@playwright/test';
import { axe } from './support/axe.ts';
import { delivered, expect, NOT_FOUND, part, started, state, test } from './support/visit.ts';
import { serveMini } from './support/mini.ts';
import type { Product } from './support/product.ts';

const API = '/askfirst/v1/records';

async function agreed(page: Page, product: Product, lang = 'en') {
  await page.goto(serveMini(product.front, product.sink.url, { html: `lang="${lang}"` }));
  await started(page);
  await part(page, 'accept').click();
  await delivered(page);
}

async function reopen(page: Page) {
  await part(page, 'reopen').click();
  await expect(part(page, 'erase')).toBeAttached();
}

const text = async (download: Download) => {
  const chunks: Buffer[] = [];
  for await (const chunk of await download.createReadStream()) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
};

/** Agrees to one purpose, and later to another: two records, one behind the other. Answers the first one's number. */
async function agreedTwice(page: Page, product: Product, lang = 'en') {
  await page.goto(serveMini(product.front, product.sink.url, { html: `lang="${lang}"` }));
  await started(page);
  await part(page, 'customise').click();
  await part(page, 'switch-analytical').check();
  await part(page, 'save').click();
  await delivered(page);
  const first = (await state(page)).recordId;
  await reopen(page);
  await part(page, 'switch-marketing').check();
  await part(page, 'save').click();
  await delivered(page);
  await reopen(page);
  return first;
}

const status = (page: Page) => part(page, 'dialog').getByRole('status');
/** What the server still has of a record. */
const held = (page: Page, product: Product, id: string, secret: string) =>
  page.request.get(`${product.origin}${API}/${id}`, { headers: { authorization: `Bearer ${secret}` } });
const receipt = (page: Page): Promise<any> => page.evaluate(() => (window as any).askfirst.receipt());

for (const [lang, day] of [['en', /[A-Z][a-z]+ \d{1,2}, \d{4}\u2069 \(UTC\)/], ['nl', /\d{1,2} [a-z]+ \d{4}\u2069 \(UTC\)/], ['de', /\d{1,2}\. [A-ZÄ][a-zä]+ \d{4}\u2069 \(UTC\)/]] as const) {
  test(`the choice is dated and the countries are named in the reader's language: ${lang} (B16)`, async ({ page, product }) => {
    await agreed(page, product, lang);
    await reopen(page);
    await expect(part(page, 'dialog').locator('[data-day]')).toHaveText(day);
    await expect(part(page, 'dialog').locator('.record')).toContainText((await state(page)).recordId);
    const places = await part(page, 'dialog').locator('[data-countries]').allTextContents();
    const name = { en: 'Estonia, Germany', nl: 'Estland, Duitsland', de: 'Estland, Deutschland' }[lang];
    expect(places).toContain(name);
    expect(places.filter((place) => /\b[A-Z]{2}\b/.test(place))).toEqual([]);
  });
}

test('the receipt is printed by itself, with everything that it says (B16)', async ({ page, product }) => {
  await page.addInitScript(() => {
    window.print = () => {
      const printed = document.documentElement;
      (top as any).printed = [printed.lang, printed.dir, document.title, printed.innerText, window === top];
      dispatchEvent(new Event('afterprint'));
    };
  });
  await agreedTwice(page, product, 'nl');
  await part(page, 'print').click();
  await expect.poll(() => page.evaluate(() => (window as any).printed?.length)).toBe(5);
  const [lang, dir, title, words, whole] = await page.evaluate(() => (window as any).printed);
  expect([lang, dir, whole]).toEqual(['nl', 'ltr', false]);
  const { record } = await receipt(page);
  const labels = JSON.parse(await (await page.request.get(`${product.origin}/askfirst/locales/nl.json`)).text());
  for (const fact of [title, record.record_id, record.notice.digest, record.notice.version, record.site, labels['category.analytical.title'], labels['category.marketing.title'], 'UTC']) {
    expect(words).toContain(fact);
  }
  expect(words).not.toContain((await receipt(page)).secret);
  await expect(page.locator('askfirst-ui iframe')).toHaveCount(0);
});

test('everything the server has is downloaded, the records before it too (S4, GDPR Art. 20)', async ({ page, product }) => {
  const first = await agreedTwice(page, product);
  const download = page.waitForEvent('download');
  await part(page, 'export').click();
  expect((await download).suggestedFilename()).toBe('askfirst-records.json');
  const records = JSON.parse(await text(await download));
  expect(records.map(({ record }: any) => record.record_id)).toEqual([(await state(page)).recordId, first]);
  expect(records[1].record.event.state).toBe('given');
  for (const { notice, holds } of records) expect([holds.record, holds.notice, notice.schema]).toEqual([true, true, 'urn:askfirst:notice:1']);
});

test('records are erased by keyboard alone: asked once, told what became of it, and the choice stays (S4, S5, WCAG 4.1.3)', async ({ page, product }) => {
  await product.erases();
  await agreed(page, product);
  await part(page, 'reopen').focus();
  await page.keyboard.press('Enter');
  await expect(part(page, 'erase')).toBeAttached();
  const { secret } = await receipt(page);
  const { recordId } = await state(page);
  const question = part(page, 'dialog').locator('.erase');
  await expect(question.locator('p')).toBeHidden();
  await question.locator('summary').focus();
  await page.keyboard.press('Enter');
  await expect(question.locator('p')).toContainText('Your present choice on this device stays as it is');
  expect((await held(page, product, recordId, secret)).status(), 'the question erases nothing').toBe(200);
  const { violations } = await axe(page).include('askfirst-ui').analyze();
  expect(violations.map(({ id }) => id)).toEqual([]);
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await expect(status(page)).toHaveText('Your records have been deleted.');
  await expect(status(page)).toBeFocused();
  expect((await held(page, product, recordId, secret)).status()).toBe(404);
  for (const gone of ['receipt', 'print', 'export', 'erase']) await expect(part(page, gone)).toHaveCount(0);
  await expect(part(page, 'withdraw')).toBeVisible();
  await expect(part(page, 'dialog')).not.toContainText(recordId);
  expect(await state(page)).toMatchObject({ granted: ['analytical', 'marketing'], recordId: null, pending: 0 });
  expect(await page.evaluate(() => localStorage.askfirst)).not.toContain(secret);
});

test('records that are kept as proof are told to be, and can still be seen (S5, GDPR Art. 17(3)(e), 18)', async ({ page, product }) => {
  await agreed(page, product);
  await reopen(page);
  const { secret } = await receipt(page);
  const { recordId } = await state(page);
  await part(page, 'dialog').locator('.erase summary').click();
  await part(page, 'erase').click();
  await expect(status(page)).toHaveText('Your records have been locked: they are kept only as evidence, and deleted when the period for that has ended.');
  await expect(part(page, 'export')).toBeVisible();
  expect((await (await held(page, product, recordId, secret)).json()).restricted).toMatch(/^\d{4}-/);
  expect((await state(page)).recordId).toBe(recordId);
});

test('a server that does not answer is told in words, and nothing is lost', async ({ page, product, console }) => {
  await product.erases();
  console.expect(NOT_FOUND);
  await agreed(page, product);
  const { recordId } = await state(page);
  await reopen(page);
  product.front.lose(`${API}/${recordId}`);
  await part(page, 'dialog').locator('.erase summary').click();
  await part(page, 'erase').click();
  await expect(status(page)).toHaveText('That did not work. Please try again later.');
  expect((await state(page)).recordId).toBe(recordId);
  product.front.answers.delete(`${API}/${recordId}`);
  await part(page, 'erase').click();
  await expect(status(page)).toHaveText('Your records have been deleted.');
});

test("the owner's own words stand in the lazy parts too", async ({ page, product }) => {
  await product.configure((config) => (config.texts = { en: { ...config.texts?.en, 'dialog.erase': 'Forget what I chose' } }));
  await agreed(page, product);
  await reopen(page);
  await expect(part(page, 'erase')).toHaveText('Forget what I chose');
});

test('that a choice was saved in the dialog is announced (WCAG 4.1.3)', async ({ page, product }) => {
  await page.goto(serveMini(product.front, product.sink.url));
  await started(page);
  await part(page, 'customise').click();
  const status = page.locator('askfirst-ui .status[role=status]');
  await part(page, 'switch-analytical').check();
  await part(page, 'save').click();
  await expect(status).toHaveText('Your choice has been saved.');
  await delivered(page);
});

test("the record's number leads to the visitor's own page, and no request carries the secret (S4)", async ({ page, product }) => {
  await agreed(page, product);
  await reopen(page);
  const { secret } = await receipt(page);
  const { recordId } = await state(page);
  const asked: string[] = [];
  page.context().on('request', (request) => asked.push(request.url()));
  const opened = page.waitForEvent('popup');
  await part(page, 'dialog').locator('.record a').click();
  const own = await opened;
  await expect(own.locator('body')).toContainText(recordId);
  expect(new URL(own.url()).pathname).toBe('/askfirst/me/');
  expect(asked.filter((url) => url.split('#')[0]!.includes(secret))).toEqual([]);
});
