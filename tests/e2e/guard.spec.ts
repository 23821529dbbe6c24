// The optional files with the whole product: the real engine says what is open, the sink's log what has left the page.
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { BIN, type Product } from './support/product.ts';
import { expect, part, rest, started, test } from './support/visit.ts';

const run = promisify(execFile);

interface Options { before?: string; body?: string }

/** A page on which the optional files stand before the loader. */
function serve(product: Product, { before = '', body = '' }: Options) {
  const html = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Guarded</title><link rel="icon" href="data:,">
${before}<script src="/askfirst/askfirst.js" data-config="/askfirst.json" nonce="x"></script></head><body><main><h1>Page</h1></main>${body}</body></html>`;
  product.front.answers.set('/guarded/', { type: 'text/html', body: html });
  return product.front.origin + '/guarded/';
}

const block = (product: Product) => `<script src="/askfirst/askfirst-block.js" data-block="${new URL(product.sink.url).host}=marketing:tidemark-pixel" nonce="x"></script>`;
const arrived = (product: Product) => product.sink.log.map(({ path }) => path).filter((path) => path.includes('guard'));
const pixel = (product: Product) => `<script nonce="x">{ const i = new Image(); i.src = '${product.sink.url}/px/guard.gif'; window.beacon = () => navigator.sendBeacon('${product.sink.url}/px/guard-beacon.gif', ''); }</script>`;

test('a refusal keeps listed hosts shut, consent opens them once, and a withdrawal shuts them again (FIELD 18, 27, 28)', async ({ page, product, console }) => {
  console.expect(/^askfirst: <img> to .* held: no consent for tidemark-pixel \(marketing\)$/, /^askfirst: sendBeacon to .* refused/);
  const beacon = () => page.evaluate(() => (window as any).beacon());
  await page.goto(serve(product, { before: block(product), body: pixel(product) }));
  await started(page);
  await part(page, 'reject').click();
  await rest(page);
  expect(await beacon()).toBe(false);
  expect(arrived(product)).toEqual([]);
  await page.evaluate(() => (window as any).askfirst.save({ marketing: true }));
  await expect.poll(() => arrived(product)).toEqual(['/px/guard.gif']);
  expect(await beacon()).toBe(true);
  await expect.poll(() => arrived(product).length).toBe(2);
  product.forget();
  // Who has agreed finds them open on the next page, before the engine has started.
  await page.reload();
  expect(await beacon()).toBe(true);
  await expect.poll(() => arrived(product).toSorted()).toEqual(['/px/guard-beacon.gif', '/px/guard.gif']);
  await started(page);
  await page.evaluate(() => (window as any).askfirst.withdraw());
  await rest(page);
  await started(page);
  product.forget();
  expect(await beacon()).toBe(false);
  await rest(page);
  expect(arrived(product)).toEqual([]);
});

/** The policies that `askfirst check` gives for the configuration with the sink among the hosts of a service. */
async function policies(product: Product) {
  const config = await product.config();
  config.services['tidemark-pixel'].hosts = [new URL(product.sink.url).host];
  const file = join(product.dir, 'policy.json');
  await writeFile(file, JSON.stringify(config));
  const { stdout } = await run(BIN, ['check', file, '--json']);
  const [{ csp, block }] = JSON.parse(stdout);
  return { ...csp, block, host: config.services['tidemark-pixel'].hosts[0] } as { before: string; full: string; block: string; host: string };
}

test('the policy for before consent stops what no script can see, and the product works under it', async ({ page, product, console }) => {
  const { before, full, block: entries, host } = await policies(product);
  expect(entries).toBe(`${host}=marketing:tidemark-pixel`);
  console.expect(/^violation img-src/, /^violation frame-src/, /^Loading the image .* violates/, /^Framing .* violates/);
  const image = `<img src="http://${host}/px/guard.gif" alt=""><iframe src="http://${host}/px/guard.html" title="t"></iframe>`;
  product.front.headers.set('content-security-policy', before.replace('NONCE', 'x'));
  await page.goto(serve(product, { body: image }));
  await started(page);
  await part(page, 'accept').click();
  await expect.poll(() => page.evaluate(() => (window as any).askfirst.state().recorded), { timeout: 15_000 }).toBe(true);
  expect(arrived(product)).toEqual([]);
  // The full one lets declared hosts through.
  product.front.headers.set('content-security-policy', full.replace('NONCE', 'x'));
  await page.goto(serve(product, { body: image }));
  await expect.poll(() => arrived(product).toSorted()).toEqual(['/px/guard.gif', '/px/guard.html']);
});

test('the audit is silent on a page that waits for consent, and names what does not wait (FIELD §5, 6)', async ({ page, product, console }) => {
  const { host } = await policies(product);
  await product.configure((config) => (config.services['tidemark-pixel'].hosts = [host]));
  await page.addInitScript(() => {
    (window as any).leaks = [];
    addEventListener('askfirst:leak', ({ detail }) => (window as any).leaks.push(detail));
  });
  const leaks = () => page.evaluate(() => (window as any).leaks);
  const audit = '<script src="/askfirst/askfirst-audit.js" nonce="x"></script>';
  await page.goto(serve(product, {
    before: audit,
    body: `<img data-category="marketing" data-service="tidemark-pixel" data-src="http://${host}/px/guard.gif" alt="">`,
  }));
  await started(page);
  await part(page, 'accept').click();
  await expect.poll(() => arrived(product)).toEqual(['/px/guard.gif']);
  await rest(page, 2500);
  expect(await leaks()).toEqual([]);

  await page.context().clearCookies();
  await page.evaluate(() => localStorage.clear());
  console.expect(/^askfirst: leak: request/, /^askfirst: leak: cookie/);
  await page.goto(serve(product, { before: audit, body: `<img src="http://${host}/px/guard.gif" alt=""><script nonce="x">document.cookie = '_mkt_id=1';</script>` }));
  await started(page);
  await part(page, 'reject').click();
  await expect.poll(async () => (await leaks()).length).toBe(2);
  expect((await leaks()).map(({ what, host, name, category, service }: any) => [what, host ?? name, category, service]).toSorted()).toEqual([
    ['cookie', '_mkt_id', 'marketing', 'tidemark-pixel'], ['request', host, 'marketing', 'tidemark-pixel'],
  ]);
});
