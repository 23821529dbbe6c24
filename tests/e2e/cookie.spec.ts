import { serveMini } from './support/mini.ts';
import { forget, serverOnly, setCookie } from './support/safari.ts';
import { delivered, expect, part, started, test, visit } from './support/visit.ts';

for (const refusals of ['aggregate', 'none'] as const) {
  test(`a refusal is remembered where all that scripts wrote is forgotten, with refusals ${refusals} (P3, FIELD 40)`, async ({ page, context, product }) => {
    await product.configure((config) => Object.assign(config.records, { cookie: true, refusals }));
    await serverOnly(context);
    await visit(page, product.origin + '/');
    await part(page, 'reject').click();
    await expect.poll(() => setCookie(context)).toBeTruthy();
    const kept = (await setCookie(context))!;
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
  await expect.poll(() => setCookie(context)).toBeTruthy();
});

test('a consent is remembered from the cookie of the server, and its withdrawal too (P3)', async ({ page, context, product }) => {
  await product.configure((config) => (config.records.cookie = true));
  await serverOnly(context);
  await visit(page, product.origin + '/');
  await part(page, 'accept').click();
  await delivered(page);
  await expect.poll(async () => (await setCookie(context))?.choice.decisions.every((said: any) => said.granted)).toBe(true);
  // The holder's secret never leaves the browser (S4).
  expect((await setCookie(context))!.choice.proof.secret ?? null).toBeNull();
  await forget(page);
  await page.reload();
  await started(page);
  await expect(part(page, 'banner')).toHaveCount(0);
  expect(await page.evaluate(() => (window as any).askfirst.has('analytical'))).toBe(true);

  const anew = page.waitForEvent('load');
  await page.evaluate(() => void setTimeout(() => (window as any).askfirst.withdraw()));
  await expect.poll(async () => (await setCookie(context))?.choice.decisions.some((said: any) => said.granted)).toBe(false);
  await anew;
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
