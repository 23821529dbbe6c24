// The client libraries that vendors publish on npm, as their users start them, against a server that stands in for every
// vendor (G1, G2, G5). Its log is the judge. Four more are on the demo site: libraries.spec.ts.
import type { Page } from '@playwright/test';
import { bundles, declarations, startVendors, VENDORS } from './support/vendors.ts';
import { CHOICE_ALONE, NOTHING, device, expect, part, rest, started, test as base, visit } from './support/visit.ts';

const ALL = Object.keys(VENDORS);
const PAGE = '/vendors/';

const test = base.extend<{ vendors: Awaited<ReturnType<typeof startVendors>>; site: string }>({
  vendors: async ({}, use) => {
    const vendors = await startVendors();
    await use(vendors);
    await vendors.close();
  },
  /** A page with every vendor's script behind the gate; answers its address. */
  site: async ({ product, vendors }, use) => {
    const { records, ...config } = await product.config();
    const own = { ...config, services: declarations(), categories: { functional: {}, analytical: { services: ALL } } };
    product.front.answers.set('/askfirst.json', { type: 'application/json', body: JSON.stringify(own) });
    for (const [id, body] of await bundles(vendors.origin)) product.front.answers.set(`${PAGE}${id}.js`, { type: 'text/javascript', body });
    const tags = ALL.map((id) => `<script type="text/plain" data-category="analytical" data-service="${id}" data-src="${PAGE}${id}.js"></script>`);
    product.front.answers.set(PAGE, { type: 'text/html', body: `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Vendors</title><link rel="icon" href="data:,">
<script src="/askfirst/askfirst.js" data-config="/askfirst.json"></script>
${tags.join('\n')}
</head><body><h1>Vendors</h1></body></html>` });
    await use(product.front.origin + PAGE);
  },
});

const began = (page: Page): Promise<string[]> => page.evaluate(() => (window as any).began ?? []);

/** What makes careless libraries start or send: time, scrolling, leaving. */
async function linger(page: Page) {
  await page.mouse.wheel(0, 500);
  await page.evaluate(() => {
    document.dispatchEvent(new Event('visibilitychange'));
    for (const type of ['pagehide', 'beforeunload', 'blur']) dispatchEvent(new Event(type));
  });
  await rest(page, 500);
}

test('twelve vendors: before the choice, and after a refusal here and after a reload, nobody is told anything and nothing is kept', async ({ page, vendors, site }) => {
  await visit(page, site);
  await expect(part(page, 'banner')).toBeVisible();
  await linger(page);
  expect(await device(page)).toEqual(NOTHING);
  await part(page, 'reject').click();
  await linger(page);
  expect(await device(page)).toEqual(CHOICE_ALONE);
  await page.reload();
  await started(page);
  await linger(page);
  expect(await device(page)).toEqual(CHOICE_ALONE);
  expect(await began(page)).toEqual([]);
  await page.goto('about:blank');
  expect(vendors.log).toEqual([]);
});

test('twelve vendors: after a grant each starts once a page and reports; after a withdrawal and a reload none does, and nothing is left', async ({ page, vendors, site }) => {
  await visit(page, site);
  await part(page, 'accept').click();
  await expect.poll(() => vendors.told(), { timeout: 10_000 }).toEqual(ALL);
  expect((await began(page)).toSorted()).toEqual(ALL);

  vendors.log.length = 0;
  await visit(page, site);
  await expect.poll(() => vendors.told(), { timeout: 10_000 }).toEqual(ALL);
  expect((await began(page)).toSorted()).toEqual(ALL);
  await linger(page);
  const kept = await device(page);
  expect(kept.cookies.length).toBeGreaterThan(6);
  expect(kept.databases.length).toBeGreaterThan(0);

  const reloaded = page.waitForEvent('load');
  await page.evaluate(() => void setTimeout(() => (window as any).askfirst.withdraw()));
  await reloaded;
  await started(page);
  // What was under way when the page was left may still have arrived.
  await rest(page, 200);
  vendors.log.length = 0;
  await linger(page);
  await visit(page, site);
  await linger(page);
  expect(await began(page)).toEqual([]);
  expect(vendors.log).toEqual([]);
  expect(await device(page)).toEqual(CHOICE_ALONE);
});

/**
 * A tag that reads the dataLayer as Google's does: what it finds when it starts, then what is pushed. A `config` sends a
 * hit with the consent state of that moment.
 */
const consumer = (sink: string) => `
const state = {};
window.hits = [];
const take = (entry) => {
  // Plain objects are events for a tag manager.
  if (!('length' in entry)) return;
  const [command, what, values] = entry;
  if (command == 'consent') for (const [name, value] of Object.entries(values)) state[name] = value;
  if (command != 'config' && command != 'event') return;
  const hit = ['ad_storage', 'ad_user_data', 'ad_personalization', 'analytics_storage'].map((name) => state[name] ?? 'unset').join();
  hits.push(command + ' ' + hit);
  new Image().src = '${sink}/gtag/' + encodeURIComponent(hit);
};
const push = dataLayer.push;
dataLayer.push = (...entries) => (entries.forEach(take), push.apply(dataLayer, entries));
[...dataLayer].forEach(take);`;

test('Google: the default stands before any tag, the update after the choice and before the tag, and again on the next page (GCM, T5)', async ({ page, product, vendors }) => {
  const config = await product.config();
  delete config.records;
  product.front.answers.set('/askfirst.json', { type: 'application/json', body: JSON.stringify(config) });
  product.front.answers.set('/gtag.js', { type: 'text/javascript', body: consumer(vendors.origin) });
  // The page's own measuring code stands where Google says; what loads the tag is gated.
  product.front.answers.set('/google/', { type: 'text/html', body: `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Google</title><link rel="icon" href="data:,">
<script src="/askfirst/askfirst.js" data-config="/askfirst.json" data-google></script>
<script>gtag('js', new Date()); gtag('config', 'G-1');</script>
<script type="text/plain" data-category="analytical" data-src="/gtag.js"></script>
</head><body><h1>Google</h1></body></html>` });
  const commands = () => page.evaluate(() => ((window as any).dataLayer as ArrayLike<any>[]).map((entry) => (entry[0] == 'consent' ? `consent ${entry[1]}` : entry[0] ?? (entry as any).event)));
  const hits = () => page.evaluate(() => (window as any).hits ?? []);
  const url = `${product.front.origin}/google/`;

  await visit(page, url);
  expect(await commands()).toEqual(['consent default', 'set', 'js', 'config']);
  expect(vendors.log).toEqual([]);

  await part(page, 'customise').click();
  await part(page, 'switch-analytical').check();
  await part(page, 'save').click();
  await expect.poll(() => vendors.log.length).toBe(1);
  expect(await commands()).toEqual(['consent default', 'set', 'js', 'config', 'consent update', 'askfirst_update']);
  // The `config` came before the choice: Google's tag waits for the update, ours for the gate, so it is read after both.
  await page.evaluate(() => (window as any).gtag('event', 'scroll'));
  const last = 'denied,denied,denied,granted';
  expect((await hits()).at(-1)).toBe(`event ${last}`);

  await visit(page, url);
  await expect.poll(hits).toEqual([`config ${last}`]);
  expect(await commands()).toEqual(['consent default', 'set', 'consent update', 'js', 'config', 'askfirst_update']);
});
