// Where WebAssembly is refused, by a policy or by the browser, the same engine runs as JavaScript (T1, DESIGN §5).
import type { Page } from '@playwright/test';
import type { Product } from './support/product.ts';
import { ran, serveMini, works } from './support/mini.ts';
import { delivered, expect, part, started, state, test } from './support/visit.ts';

const VIOLATION = /^violation script-src wasm-eval/;

/** The browser itself has no WebAssembly. */
const without = (page: Page) => page.addInitScript(() => delete (globalThis as any).WebAssembly);

const REFUSALS: Record<string, (page: Page, product: Product) => Promise<void> | void> = {
  'by a policy': (_, product) => void product.front.headers.set('content-security-policy', "script-src 'nonce-x' 'self'"),
  'by the browser': (page) => without(page),
};

for (const [how, refuse] of Object.entries(REFUSALS)) {
  test(`with WebAssembly refused ${how} a visitor is asked all the same, and nothing runs before the answer`, async ({ page, product, console }) => {
    // Signatures are checked without WebAssembly.
    test.slow();
    if (how == 'by a policy') console.expect(VIOLATION);
    // With the key of the log the page checks its receipt, in JavaScript too.
    const key = await product.vkey();
    await product.configure((config: any) => (config.records.key = key));
    await refuse(page, product);
    await page.goto(serveMini(product.front, product.sink.url));
    await expect(part(page, 'banner')).toBeVisible();
    await works(page);
    expect(await ran(page)).toEqual([]);
    expect(product.sink.log).toEqual([]);
    await part(page, 'accept').click();
    await delivered(page);
    await expect.poll(() => ran(page)).toEqual(['analytical', 'marketing']);
    expect(await state(page)).toMatchObject({ granted: ['analytical', 'marketing'], recorded: true, pending: 0 });

    await page.reload();
    await expect.poll(() => ran(page), 'a returning visit').toEqual(['analytical', 'marketing']);
    await started(page);
    await page.evaluate(() => void setTimeout(() => (window as any).askfirst.withdraw()));
    // The page loads anew.
    await expect.poll(() => state(page).then(({ granted }) => granted, () => null)).toEqual([]);
    await expect.poll(async () => (await product.figures()).records).toBe(2);
  });
}

test('the dialog and the declaration are the same in JavaScript as in WebAssembly', async ({ page, product, context }) => {
  const body = '<askfirst-declaration></askfirst-declaration>';
  const read = async (page: Page) => {
    await page.goto(serveMini(product.front, product.sink.url, { body }));
    await part(page, 'customise').click();
    await expect(part(page, 'dialog')).toBeVisible();
    await expect(page.locator('askfirst-declaration')).toContainText('_pk_');
    return [await part(page, 'dialog').innerText(), await page.locator('askfirst-declaration').innerText()];
  };
  const compiled = await read(page);
  const other = await context.newPage();
  await without(other);
  expect(await read(other)).toEqual(compiled);
});

test('the sentences about a faulty configuration come in JavaScript too, and nothing opens', async ({ page, product, console }) => {
  console.expect(/^askfirst: all stays shut/);
  await without(page);
  const url = serveMini(product.front, product.sink.url);
  const config = JSON.stringify({ version: '1', controller: {}, categories: { marketing: { default: true } } });
  product.front.answers.set('/askfirst.json', { type: 'application/json', body: config });
  await page.goto(url);
  await expect.poll(() => console.ours().join()).toContain('$.categories.marketing.default');
  await works(page);
  await expect(page.locator('askfirst-ui')).toHaveCount(0);
  expect(await ran(page)).toEqual([]);
});
