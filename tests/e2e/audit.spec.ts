// askfirst-audit.js: what happened on a page and the choice did not allow (FIELD §5, 6).
import { expect, rest, settled, test } from './support/test.ts';
import { stored } from './support/gate.ts';
import { serveMini } from './support/mini.ts';
import { servePage } from './support/optional.ts';
import { started, test as product } from './support/visit.ts';
import type { Sink, Site } from './support/site.ts';

const host = (origin: string) => new URL(origin).host;
const service = (hosts: string[], items: [string, string][]) => ({ name: 'S', provider: 'S Ltd', purpose: 'p', countries: ['IE'], hosts, items: items.map(([kind, name]) => ({ kind, name })) });

interface Setting { attributes?: string; head?: string; body?: string; headers?: Record<string, string> }

/** A site with a counter whose host is the sink, a pixel without hosts, and a cookie of its own. */
async function serve(site: Site, counter: string, { attributes = '', ...page }: Setting) {
  await servePage(site, { name: 'audit', attributes, ...page });
  site.answers.set('/askfirst.json', {
    type: 'application/json',
    body: JSON.stringify({
      categories: { functional: { services: ['shop'] }, analytical: { services: ['counter'] }, marketing: { services: ['pixel'] } },
      services: {
        shop: service([], [['cookie', 'basket'], ['localStorage', 'theme']]),
        counter: service([counter], [['cookie', '_c_*']]),
      },
    }),
  });
  site.answers.set('/askfirst/services/pixel.json', { type: 'application/json', body: JSON.stringify(service(['*.pixel.test'], [['localStorage', 'px']])) });
}

/** A host that nobody has declared: what is sent there is reported when all before it has been judged. */
const undeclared = (sink: Sink) => new URL(sink.open).host;

/**
 * Opens a page, and waits until all that happens on it has been looked at: until what comes last of each sort, a request and
 * a name that nobody has declared, is reported. Requests are told in their order, names all in one look.
 */
async function leaks(page: any, url: string, sink: Sink, during?: () => Promise<unknown>): Promise<any[]> {
  await opened(page, url);
  await during?.();
  return reported(page, sink);
}

async function opened(page: any, url: string) {
  await page.addInitScript(() => {
    (window as any).leaks = [];
    addEventListener('askfirst:leak', ({ detail }) => (window as any).leaks.push(detail));
  });
  await page.goto(url);
  await page.waitForFunction(() => (window as any).go);
  await page.evaluate(() => {
    (window as any).askfirst.ready = true;
    dispatchEvent(new CustomEvent('askfirst:ready'));
  });
}

async function reported(page: any, sink: Sink): Promise<any[]> {
  await settled(page, sink);
  await page.evaluate(() => (sessionStorage.canary = '1'));
  const all = (): Promise<any[]> => page.evaluate(() => (window as any).leaks);
  const isLast = (leak: any) => leak.host == undeclared(sink) || leak.name == 'canary';
  await expect.poll(async () => (await all()).filter(isLast).length, { message: 'what came last is reported', timeout: 15_000 }).toBe(2);
  return (await all()).filter((leak) => !isLast(leak));
}

test('a page that leaks is told what, where to, by whom and against which category', async ({ page, site, sink }) => {
  // No number: a port that has it would look like a leak.
  const visitor = 'visitor-q7x';
  site.answers.set('/tracker.js', { type: 'text/javascript', body: `document.cookie = '_c_1234=${visitor}; path=/'; localStorage.setItem('px', '${visitor}'); sessionStorage.mystery12345 = 1;` });
  await serve(site, host(sink.origin), { body: `<img src="${sink.origin}/i.gif?id=${visitor}"><script src="/tracker.js?v=1"></script><script>document.cookie = 'undeclared=1'</script>` });
  const found = await leaks(page, site.origin, sink);
  expect(found.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))).toEqual([
    { what: 'cookie', name: '_c_*', initiator: `${site.origin}/tracker.js`, category: 'analytical', service: 'counter' },
    { what: 'cookie', name: 'undeclared', initiator: 'inline', category: null, service: null },
    { what: 'localStorage', name: 'px', initiator: `${site.origin}/tracker.js`, category: 'marketing', service: 'pixel' },
    { what: 'request', host: host(sink.origin), initiator: 'img', category: 'analytical', service: 'counter' },
    { what: 'sessionStorage', name: '*', initiator: null, category: null, service: null },
  ]);
  expect(JSON.stringify(found), 'no id of a visitor').not.toContain(visitor);
});

test('a page that does as it was told is not reported', async ({ page, site, sink, complaints }) => {
  await serve(site, host(sink.origin), {
    body: `<img src="/askfirst/none.gif"><img data-category="analytical" data-service="counter" data-src="${sink.origin}/i.gif">
      <script>document.cookie = 'basket=1'; localStorage.theme = 'dark'; document.cookie = '_c_1=; max-age=0'; document.cookie = '_c_2=x; expires=Thu, 01 Jan 1970 00:00:00 GMT'; localStorage.setItem('askfirst', '{}');</script>`,
  });
  expect(await leaks(page, site.origin, sink, async () => {
    await page.evaluate(() => (window as any).go(['functional', 'analytical'], ['shop', 'counter']));
    await page.evaluate(() => (document.cookie = '_c_3=x'));
  })).toEqual([]);
  expect(sink.log).toEqual(['i.gif']);
  const said = complaints.filter((line) => line.startsWith('askfirst'));
  expect(said.filter((line) => !line.includes(undeclared(sink)) && !line.includes('canary'))).toEqual([]);
});

test('nor is one whose visitor has agreed on an earlier page', async ({ page, site, sink }) => {
  await page.addInitScript((value) => localStorage.setItem('askfirst', value), stored(['functional', 'analytical'], ['shop', 'counter']));
  await serve(site, host(sink.origin), { head: `<script>document.cookie = '_c_1=1'; new Image().src = '${sink.origin}/i.gif';</script>` });
  expect(await leaks(page, site.origin, sink)).toEqual([]);
  expect(sink.log).toEqual(['i.gif']);
});

test('what goes on after a withdrawal is a leak', async ({ page, site, sink }) => {
  await serve(site, host(sink.origin), {});
  const found = await leaks(page, site.origin, sink, async () => {
    await page.evaluate(() => (window as any).go(['analytical'], ['counter']));
    await rest(page, 300);
    await page.evaluate((S) => fetch(S + '/allowed'), sink.origin);
    await page.evaluate(() => {
      (window as any).go([], []);
      dispatchEvent(new CustomEvent('askfirst:withdraw'));
    });
    await rest(page, 500);
    expect(await page.evaluate(() => (window as any).leaks)).toEqual([]);
    await page.evaluate((S) => void navigator.sendBeacon(S + '/leak'), sink.origin);
  });
  expect(found).toEqual([{ what: 'request', host: host(sink.origin), initiator: 'beacon', category: 'analytical', service: 'counter' }]);
});

test('a host that nobody has declared is reported without a category', async ({ page, site, sink }) => {
  await serve(site, 'counter.test', { body: `<script>fetch('${sink.open}/x')</script>` });
  await opened(page, site.origin);
  await expect.poll(() => page.evaluate(() => (window as any).leaks), { timeout: 15_000 })
    .toEqual([{ what: 'request', host: undeclared(sink), initiator: 'fetch', category: null, service: null }]);
});

test('what a report-only policy sees is compared too', async ({ page, site, sink }) => {
  const { origin } = new URL(sink.origin);
  await serve(site, host(origin), {
    headers: { 'content-security-policy-report-only': `connect-src 'self'` },
    body: `<script>{ const socket = new WebSocket('${origin.replace('http', 'ws')}/s'); }</script>`,
  });
  expect(await leaks(page, site.origin, sink)).toEqual([{ what: 'request', host: host(origin), initiator: `${site.origin}/`, category: 'analytical', service: 'counter' }]);
});

test('a page outside the sample is left alone', async ({ page, site, sink, context }) => {
  const body = `<img src="${sink.origin}/i.gif"><script>document.cookie = 'undeclared=1'</script>`;
  await serve(site, host(sink.origin), { attributes: 'data-sample="0"', body });
  await opened(page, site.origin);
  expect(sink.log).toEqual(['i.gif']);
  // One that is looked at, opened later, has said everything.
  await serve(site, host(sink.origin), { attributes: 'data-sample="1"', body });
  const other = await context.newPage();
  expect(await leaks(other, site.origin, sink)).toHaveLength(2);
  expect(await page.evaluate(() => (window as any).leaks)).toEqual([]);
});

product('leaks are heard by askfirst.on and counted at the server once, when the page is left, by name alone (FIELD §5, 6)', async ({ page, product, console }) => {
  console.expect(/^askfirst: leak: cookie undeclared/, /^askfirst: leak: localStorage \*: not declared/);
  await product.configure((config) => (config.audit = true));
  product.front.answers.set('/askfirst/v1/leaks', (_, response) => response.writeHead(204).end());
  const bodies = () => product.front.posted.map(({ body }) => JSON.parse(body)).filter((body) => body.leaks);
  const url = serveMini(product.front, product.sink.url, { before: `<script nonce="x">
    (window.askfirst = window.askfirst || []).push(['on', 'leak', (leak) => (window.heard ||= []).push(leak)]);
    document.cookie = 'undeclared=visitor-77; path=/'; localStorage.setItem('visitor12345678', '77');</script>` });
  await page.goto(url);
  await started(page);
  await expect.poll(() => page.evaluate(() => (window as any).heard?.map(({ name }: any) => name)), { timeout: 8000 }).toEqual(['undeclared', '*']);
  expect(bodies(), 'not before the page is left').toEqual([]);
  await page.goto(`${url}?next`);
  await expect.poll(bodies).toEqual([{
    v: 1, site: product.front.origin,
    leaks: [{ kind: 'cookie', name: 'undeclared', category: 'undeclared', count: 1 }, { kind: 'storage', name: '*', category: 'undeclared', count: 1 }],
  }]);
});

for (const [dice, looked] of [[0.0099, true], [0.01, false], [0.5, false]] as const) {
  product(`"audit": "sampled" looks at one page in a hundred: at ${dice} ${looked ? 'it does' : 'nothing is loaded for it'} (FIELD §5, 6)`, async ({ page, product, console }) => {
    if (looked) console.expect(/^askfirst: leak: cookie undeclared/);
    await page.addInitScript((dice) => {
      Math.random = () => dice;
      addEventListener('askfirst:leak', ({ detail }: any) => ((window as any).heard ||= []).push(detail.name));
    }, dice);
    await product.configure((config) => Object.assign(config, { audit: 'sampled', records: undefined }));
    const asked: string[] = [];
    page.on('request', (request) => asked.push(new URL(request.url()).pathname));
    await page.goto(serveMini(product.front, product.sink.url, { before: `<script nonce="x">document.cookie = 'undeclared=1; path=/';</script>` }));
    await started(page);
    if (looked) await expect.poll(() => page.evaluate(() => (window as any).heard), { timeout: 8000 }).toEqual(['undeclared']);
    else await page.waitForTimeout(1500);
    expect(asked.includes('/askfirst/askfirst-audit.js')).toBe(looked);
  });
}
