// The files of deploy/ that docs/safari.md names, run by the programs they are written for, before the real server.
import { request as ask, type IncomingMessage } from 'node:http';
import { readFile, writeFile } from 'node:fs/promises';
import { brotliDecompressSync } from 'node:zlib';
import { forget, serverOnly, setCookie } from './support/safari.ts';
import { DIST, type Product } from './support/product.ts';
import { caddy, cloudflare, netlify, nginx, type Proxy } from './support/proxies.ts';
import { delivered, expect, part, started, state, test as base, visit } from './support/visit.ts';

const KINDS = { nginx, Caddy: caddy, Netlify: netlify, Cloudflare: cloudflare };

const test = base.extend<{ before: (start: (product: Product) => Promise<Proxy>, options?: string[]) => Promise<Proxy> }>({
  /** Puts a proxy before the product, which then is told of it. */
  before: async ({ product, context }, use) => {
    const running: Proxy[] = [];
    await use(async (start, options = []) => {
      const proxy = await start(product);
      running.push(proxy);
      product.options = ['--origin', proxy.origin, ...options];
      await product.configure((config) => (config.records.cookie = true));
      await writeFile(product.path('site/askfirst.json'), JSON.stringify(await product.config()));
      return proxy;
    });
    await Promise.all(context.pages().map((page) => page.close()));
    await Promise.all(running.map((proxy) => proxy.stop()));
  },
});

// Two browsers and two servers each, on a machine that may be busy.
test.describe.configure({ timeout: 60_000 });

interface Asked { method?: string; headers?: Record<string, string>; body?: string; from?: string }

/** One request from an address of this machine, and what came back. */
const fetched = (url: string, { method = 'GET', headers, body, from }: Asked = {}) => new Promise<{ status: number; headers: IncomingMessage['headers']; body: Buffer }>((done, fail) => {
  const request = ask(url, { method, headers, localAddress: from, agent: false }, (answer) => {
    const chunks: Buffer[] = [];
    answer.on('data', (chunk) => chunks.push(chunk));
    answer.on('end', () => done({ status: answer.statusCode!, headers: answer.headers, body: Buffer.concat(chunks) }));
  });
  request.once('error', fail);
  request.end(body);
});

for (const [name, start] of Object.entries(KINDS)) {
  test(`${name}: a refusal's cookie is the server's, a consent's record arrives, and both hold on the next page (P3, FIELD 40)`, async ({ page, context, product, visitor, before }) => {
    const { origin } = await before(start);
    await serverOnly(context);
    await visit(page, `${origin}/`);
    await part(page, 'reject').click();
    await expect.poll(() => setCookie(context)).toMatchObject({ httpOnly: false, sameSite: 'Lax', path: '/', domain: '127.0.0.1' });
    await forget(page);
    await page.reload();
    await started(page);
    await expect(part(page, 'banner')).toHaveCount(0);
    expect(await page.evaluate(() => (window as any).askfirst.has('analytical'))).toBe(false);

    const other = await visitor();
    await serverOnly(other);
    const tab = await other.newPage();
    await visit(tab, `${origin}/`);
    await part(tab, 'accept').click();
    await expect.poll(async () => (await setCookie(other))?.choice.decisions.every((said: any) => said.granted)).toBe(true);
    await delivered(tab);
    expect((await product.evidence((await state(tab)).recordId)).record.site).toBe(origin);
    await forget(tab);
    await tab.reload();
    await started(tab);
    expect(await tab.evaluate(() => (window as any).askfirst.has('analytical'))).toBe(true);
  });

  test(`${name}: files, answers and refusals come through as the server gives them`, async ({ product, before }) => {
    const { origin } = await before(start);
    const told = ['content-type', 'content-encoding', 'cache-control', 'vary', 'x-content-type-options', 'cross-origin-resource-policy'];
    const said = (headers: IncomingMessage['headers']) => Object.fromEntries(told.map((key) => [key, headers[key]]));
    for (const file of ['askfirst.js', 'askfirst.wasm', 'locales/nl.json']) {
      const [here, there] = await Promise.all([origin, product.origin].map((at) => fetched(`${at}/askfirst/${file}`, { headers: { 'accept-encoding': 'br' } })));
      expect(here!.status).toBe(200);
      expect(said(here!.headers)).toEqual(said(there!.headers));
      expect(brotliDecompressSync(here!.body).equals(await readFile(`${DIST}/${file}`)), file).toBe(true);
    }
    const stranger = { method: 'POST', headers: { 'content-type': 'application/json', origin: 'https://elsewhere.example' }, body: '{}' };
    for (const [path, asked] of Object.entries<Asked>({ 'v1/records': stranger, 'v1/choice': stranger, 'v1/nothing': {} })) {
      const [here, there] = await Promise.all([origin, product.origin].map((at) => fetched(`${at}/askfirst/${path}`, asked)));
      expect([here!.status, here!.body.toString()]).toEqual([there!.status, there!.body.toString()]);
      expect(here!.status).toBeGreaterThan(400);
    }
    const own = { method: 'POST', headers: { 'content-type': 'application/json', origin }, body: `"${'x'.repeat(20_000)}"` };
    expect((await fetched(`${origin}/askfirst/v1/records`, own)).status, 'too large').toBe(413);
  });
}

for (const [name, start] of Object.entries({ nginx, Caddy: caddy })) {
  test(`${name}: each visitor's network has its own limit, and nobody chooses his address (S8)`, async ({ product, before }) => {
    // The visitors are on this machine too; the proxy alone is trusted.
    const { origin } = await before(start, ['--trusted-proxy', '127.0.0.1/32', '--rate-per-network', '1', '--burst-per-network', '5']);
    let forged = 0;
    const tries = async (at: string, from: string, times: number) => {
      const statuses = [];
      for (let tried = 0; tried < times; tried += 1) {
        forged += 1;
        const headers = { 'content-type': 'application/json', origin, 'x-forwarded-for': `198.51.${forged}.7` };
        statuses.push((await fetched(`${at}/askfirst/v1/choice`, { method: 'POST', headers, body: '"no choice"', from })).status);
      }
      return statuses;
    };
    expect(await tries(origin, '127.0.1.9', 30)).toContain(429);
    expect(await tries(origin, '127.0.2.9', 1)).toEqual([422]);
    // Not through the proxy: nobody else may say who somebody is.
    expect(await tries(product.origin, '127.0.3.9', 30)).toContain(429);
  });
}

test('nginx: the map of docs/blocking.md gives the policy by the cookie, once there is a choice (FIELD 18)', async ({ product, before }) => {
  const docs = await readFile(new URL('../../docs/blocking.md', import.meta.url), 'utf8');
  const [, example] = /```nginx\n([^`]*\$askfirst_csp[^`]*)```/.exec(docs)!;
  let policies = 0;
  const lines = example!.replaceAll('…', () => `script-src 'nonce-${(policies += 1)}'`);
  const { origin } = await before((product) => nginx(product, { http: lines }));
  const policy = async (cookie: string) => (await fetched(`${origin}/`, { headers: { cookie } })).headers['content-security-policy'];
  const [first, second] = [...lines.matchAll(/"(default-src[^"]*)"/g)].map(([, text]) => text);
  const stored = encodeURIComponent('{"choice":null}');
  expect([await policy(''), await policy('other=1'), await policy('askfirst='), await policy('my_askfirst=%7B')]).toEqual([first, first, first, first]);
  expect([await policy(`askfirst=${stored}`), await policy(`other=1; askfirst=${stored}`)]).toEqual([second, second]);
});

test('nginx: what goes to the records server is in no access log (S2)', async ({ product, before }) => {
  const { origin } = await before(nginx);
  expect((await fetched(`${origin}/askfirst/askfirst.js`)).status).toBe(200);
  expect((await fetched(`${origin}/askfirst/v1/nothing`)).status).toBe(404);
  expect((await fetched(`${origin}/logged`)).status).toBe(404);
  const log = () => readFile(product.path('nginx/access.log'), 'utf8');
  await expect.poll(log).toContain('GET /logged');
  expect(await log()).not.toContain('/askfirst/');
});
