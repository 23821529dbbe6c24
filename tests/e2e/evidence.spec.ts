import { createHash } from 'node:crypto';
import { delivered, expect, part, state, test, visit } from './support/visit.ts';

/** What the record of this page's answer says of the press. */
const ui = async (product: any, page: any) => {
  await delivered(page);
  return (await product.evidence((await state(page)).recordId)).record.ui;
};

test('a record says that a person pressed, with what, after how long, and that both buttons were alike (PROOF 1.3)', async ({ page, product }) => {
  await visit(page, product.front.origin);
  await expect(part(page, 'accept')).toBeVisible();
  await page.waitForTimeout(700);
  await part(page, 'accept').click();
  const { dwell_ms, ...rest } = await ui(product, page);
  expect(rest).toEqual({ first_layer_equal_choice: true, input: 'pointer', trusted_event: true });
  expect(dwell_ms % 100).toBe(0);
  expect(dwell_ms).toBeGreaterThanOrEqual(600);
  expect(dwell_ms).toBeLessThan(20_000);
  expect(await product.sentences((await state(page)).recordId)).toMatch(/Evidence grade A:\n(  \+ .*\n){4}/);
});

test('the keyboard counts as a person', async ({ page, product }) => {
  await visit(page, product.front.origin);
  await part(page, 'accept').focus();
  await page.keyboard.press('Enter');
  expect(await ui(product, page)).toMatchObject({ input: 'keyboard', trusted_event: true });
});

test('a click by a program in the page is taken and said to be one; the evidence is graded lower', async ({ page, product }) => {
  await visit(page, product.front.origin);
  await part(page, 'accept').evaluate((button: HTMLElement) => button.click());
  expect(await ui(product, page)).toMatchObject({ input: 'agent', trusted_event: false });
  expect((await product.evidence((await state(page)).recordId)).record.event.method).toBe('accept_all');
  expect(await product.sentences((await state(page)).recordId)).toContain('Evidence grade C:\n  - A program in the page pressed the control, not a person.');
});

test('a refusal by a program in the page counts like any other, and its record is no worse for it', async ({ page, product }) => {
  await product.configure((config: any) => (config.records.refusals = 'pseudonymous'));
  await visit(page, product.front.origin);
  await part(page, 'reject').evaluate((button: HTMLElement) => button.click());
  expect(await ui(product, page)).toMatchObject({ input: 'agent', trusted_event: false });
  expect((await state(page)).refused).toEqual(['analytical', 'marketing']);
  expect(await product.sentences((await state(page)).recordId)).toContain('Evidence grade A:');
});

test('the record of a withdrawal says what could not be deleted, by the names that are declared (G5)', async ({ page, product }) => {
  await product.configure((config: any) => {
    config.services['tidemark-pixel'].items = [{ name: '_tide_*', kind: 'cookie', duration: 'P1M', thirdParty: false }, { name: 'theirs', kind: 'cookie', duration: 'P1M', thirdParty: true }];
  });
  await visit(page, product.front.origin);
  await part(page, 'accept').click();
  await delivered(page);
  await page.evaluate(() => {
    // A cookie jar that does not let go of one name stands for a server that sets it anew.
    const { get, set } = Object.getOwnPropertyDescriptor(Document.prototype, 'cookie')!;
    Object.defineProperty(document, 'cookie', { get() { return `${get!.call(document)}; _tide_4711=1`; }, set(text) { set!.call(document, text); } });
    document.body.appendChild(document.createElement('input')).value = 'typed';
    (window as any).askfirst.withdraw();
  });
  await expect.poll(() => product.front.posted.length).toBe(2);
  await delivered(page);
  const { record_id, left } = JSON.parse(product.front.posted[1]!.body);
  expect(left.items).toEqual(expect.arrayContaining([{ kind: 'cookie', name: '_tide_*', why: 'server' }, { kind: 'cookie', name: 'theirs', why: 'foreign' }]));
  expect(product.front.posted[1]!.body).not.toContain('4711');
  expect((await product.evidence(record_id)).holds).toEqual({ record: true, notice: true });
  expect(await product.sentences(record_id)).toContain('Still on the device afterwards: cookie “_tide_*”; only a server can delete it.');
});

test('buttons that the page has made unequal are measured as such', async ({ page, product }) => {
  await visit(page, product.front.origin);
  // A style sheet of the page can't do it (B4); a script can, the shadow root is open.
  await part(page, 'reject').evaluate((button: HTMLElement) => button.style.setProperty('opacity', '0.3', 'important'));
  await part(page, 'accept').click();
  expect(await ui(product, page)).toMatchObject({ first_layer_equal_choice: false });
  expect(await product.sentences((await state(page)).recordId)).toContain('- Accepting and rejecting were measured to differ in size or look.');
});

test('a style sheet of the page can\'t make them unequal (B4)', async ({ page, product }) => {
  await visit(page, product.front.origin);
  await page.addStyleTag({ content: 'askfirst-ui::part(reject) { font-size: 8px; background: none; opacity: 0.3 }' });
  await part(page, 'accept').click();
  expect(await ui(product, page)).toMatchObject({ first_layer_equal_choice: true });
});

test('in the dialog there is no first layer to measure, and the time is the dialog\'s', async ({ page, product }) => {
  await visit(page, product.front.origin);
  await page.waitForTimeout(4_000);
  await part(page, 'reject').click();
  await part(page, 'reopen').click();
  await part(page, 'dialog-accept').click();
  const said = await ui(product, page);
  expect(said).toEqual({ dwell_ms: said.dwell_ms, input: 'pointer', trusted_event: true });
  expect(said.dwell_ms).toBeLessThan(4_000);
});

test('a clock that the page has replaced does not spoil the record', async ({ page, product }) => {
  await page.addInitScript(() => {
    let now = 1e6;
    performance.now = () => (now -= 5000);
  });
  await visit(page, product.front.origin);
  await part(page, 'accept').click();
  expect(await ui(product, page)).toMatchObject({ dwell_ms: 0, trusted_event: true });
});

test('a call by the page\'s own code says nothing of a press', async ({ page, product }) => {
  await visit(page, product.front.origin);
  await page.evaluate(() => (window as any).askfirst.accept());
  expect(await ui(product, page)).toBeUndefined();
  expect(await product.sentences((await state(page)).recordId)).toContain('Evidence grade C:');
});

test('what drew the banner is named by the record, by a file, by the manifest of the files, and by the log before the record (R4)', async ({ page, product }) => {
  await visit(page, product.front.origin);
  await part(page, 'accept').click();
  await delivered(page);
  const { record } = await product.evidence((await state(page)).recordId);
  const file = async (path: string) => Buffer.from(await (await fetch(`${product.origin}${path}`)).arrayBuffer());
  const glue = await file('/askfirst/askfirst.mjs');
  expect(glue.toString()).toContain(record.notice.ui);
  const manifest = await file('/askfirst/manifest.json');
  expect(JSON.parse(manifest.toString()).files['askfirst.mjs'].sha384).toBe(`sha384-${createHash('sha384').update(glue).digest('base64')}`);
  const log = `/askfirst/v1/logs/${new URL(product.front.origin).host}`;
  const [, size] = (await file(`${log}/checkpoint`)).toString().split('\n');
  const entries = (await file(`${log}/tile/entries/000.p/${size}`)).toString('latin1');
  const word = `interface:sha256-${createHash('sha256').update(manifest).digest('base64url')}`;
  expect(entries).toContain(word);
  // The record's entry is its two commitments behind the byte 1, 65 bytes long.
  const first = entries.indexOf('\x00\x41\x01');
  expect(first, 'the record comes after it').toBeGreaterThan(entries.indexOf(word));
});
