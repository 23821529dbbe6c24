import type { BrowserContext, Page } from '@playwright/test';
import { serveMini } from './support/mini.ts';
import { delivered, expect, part, started, test, visit } from './support/visit.ts';

/** No script can write a cookie: what is there, the server has set. */
const serverOnly = (context: BrowserContext) => context.addInitScript(() => {
  const { get } = Object.getOwnPropertyDescriptor(Document.prototype, 'cookie')!;
  Object.defineProperty(Document.prototype, 'cookie', { configurable: true, get, set() {} });
});

const cookie = async (context: BrowserContext) => {
  const found = (await context.cookies()).find(({ name }) => name == 'askfirst');
  return found && { ...found, choice: JSON.parse(decodeURIComponent(found.value)).choice };
};

/** What Safari does to a site that was not used for seven days. */
const forget = (page: Page) => page.evaluate(() => localStorage.clear());

for (const refusals of ['aggregate', 'none'] as const) {
  test(`a refusal is remembered where all that scripts wrote is forgotten, with refusals ${refusals} (P3, FIELD 40)`, async ({ page, context, product }) => {
    await product.configure((config) => Object.assign(config.records, { cookie: true, refusals }));
    await serverOnly(context);
    await visit(page, product.origin + '/');
    await part(page, 'reject').click();
    await expect.poll(() => cookie(context)).toBeTruthy();
    const kept = (await cookie(context))!;
    expect(kept).toMatchObject({ httpOnly: false, sameSite: 'Lax', path: '/' });
    // P1: a refusal has no identifier, here neither.
    expect(kept.choice.proof).toBeNull();
    await forget(page);
    await page.reload();
    await started(page);
    await expect(part(page, 'banner')).toHaveCount(0);
    expect(await page.evaluate(() => (window as any).askfirst.has('analytical'))).toBe(false);
    expect(product.reached()).toEqual({});
  });
}

test('the choice goes to the site itself, whatever the page calls its base (P3)', async ({ page, context, product }) => {
  await product.configure((config) => (config.records.cookie = true));
  const asked: string[] = [];
  page.on('request', (request) => asked.push(request.url()));
  await page.goto(serveMini(product.front, product.sink.url));
  await started(page);
  await page.evaluate(() => {
    const base = document.createElement('base');
    base.href = 'http://elsewhere.localhost/deep/';
    document.head.prepend(base);
  });
  await part(page, 'reject').click();
  await expect.poll(() => asked.find((url) => url.endsWith('/choice'))).toBe(product.front.origin + '/askfirst/v1/choice');
  await expect.poll(() => cookie(context)).toBeTruthy();
});

test('a consent is remembered from the cookie of the server, and its withdrawal too (P3)', async ({ page, context, product }) => {
  await product.configure((config) => (config.records.cookie = true));
  await serverOnly(context);
  await visit(page, product.origin + '/');
  await part(page, 'accept').click();
  await delivered(page);
  await expect.poll(async () => (await cookie(context))?.choice.decisions.every((said: any) => said.granted)).toBe(true);
  // The holder's secret never leaves the browser (S4).
  expect((await cookie(context))!.choice.proof.secret ?? null).toBeNull();
  await forget(page);
  await page.reload();
  await started(page);
  await expect(part(page, 'banner')).toHaveCount(0);
  expect(await page.evaluate(() => (window as any).askfirst.has('analytical'))).toBe(true);

  await page.evaluate(() => (window as any).askfirst.withdraw());
  await expect.poll(async () => (await cookie(context))?.choice.decisions.some((said: any) => said.granted)).toBe(false);
  await started(page);
  await forget(page);
  await page.reload();
  await started(page);
  expect(await page.evaluate(() => (window as any).askfirst.has('analytical'))).toBe(false);
});

test('a site that does not ask for it sends its cookie nowhere', async ({ page, product }) => {
  await visit(page, product.front.origin + '/');
  const asked: string[] = [];
  page.on('request', (request) => asked.push(new URL(request.url()).pathname));
  await part(page, 'accept').click();
  await delivered(page);
  expect(asked.filter((path) => path.endsWith('/choice') || path.endsWith('askfirst-choice.mjs'))).toEqual([]);
});
