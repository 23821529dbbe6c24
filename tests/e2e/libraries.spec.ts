import type { Page } from '@playwright/test';
import { CHOICE_ALONE, NOTHING, delivered, device, expect, part, rest, started, state, test, visit } from './support/visit.ts';
import type { Product } from './support/product.ts';

const PAGES = ['/', '/articles/meander-belt/', '/articles/slack-water/', '/contact/', '/privacy/', '/nl/', '/film/'];

/** What every page tells third parties once everything is granted: each library reports exactly once. */
const ONCE = {
  plausible: 1,
  posthog: 1,
  matomo: 1,
  'matomo script': 1,
  'google-ads': 1,
  'google-ads script': 1,
  'tidemark-script': 1,
  'tidemark-image': 1,
};
const FILM = { ...ONCE, 'video frame': 1 };

/** What the libraries leave on the device, by the kinds that the notice declares. */
const DECLARED = /^(ph_|_pk_id\.|_pk_ses\.|_gcl_au$|_mkt_id$|_mkt_topics$)/;

const accept = async (page: Page) => {
  await part(page, 'accept').click();
  await expect(part(page, 'banner')).toHaveCount(0);
};

/** Waits until the third parties were told `expected`, and a while longer in which nothing may be added. */
async function told(page: Page, product: Product, expected: Record<string, number>) {
  await expect.poll(() => product.reached(), { timeout: 10_000 }).toEqual(expected);
  await rest(page, 600);
  expect(product.reached()).toEqual(expected);
}

/** Everything that could make a careless library start: time, scrolling, moving, leaving. */
async function linger(page: Page) {
  await page.mouse.move(200, 200);
  await page.mouse.wheel(0, 1500);
  await page.keyboard.press('End');
  await rest(page, 1600);
  await page.mouse.wheel(0, -1500);
  await page.evaluate(() => {
    for (const type of ['visibilitychange', 'freeze']) document.dispatchEvent(new Event(type));
    for (const type of ['pagehide', 'beforeunload', 'blur']) dispatchEvent(new Event(type));
  });
  await rest(page, 1600);
}

test('before any choice no third party is asked for anything, and nothing at all is kept (G1)', async ({ page, product }) => {
  await visit(page, `${product.origin}/film/`);
  await expect(part(page, 'banner')).toBeVisible();
  await linger(page);
  expect(await device(page)).toEqual(NOTHING);
  for (const path of PAGES) {
    await visit(page, product.origin + path);
    expect(await device(page)).toEqual(NOTHING);
  }
  // A page that is left for good sends nothing on its way out either.
  await page.goto('about:blank');
  await rest(page, 500);
  expect(product.sink.log).toEqual([]);
});

test('after a refusal no third party is asked for anything, here, after a reload and on other pages (G1, P2)', async ({ page, product }) => {
  await visit(page, `${product.origin}/film/`);
  await part(page, 'reject').click();
  await delivered(page);
  await linger(page);
  expect(await device(page)).toEqual(CHOICE_ALONE);
  await page.reload();
  await started(page);
  await rest(page, 500);
  for (const path of PAGES) {
    await visit(page, product.origin + path);
    await expect(part(page, 'banner')).toHaveCount(0);
    await expect(part(page, 'reopen')).toBeVisible();
    expect(await device(page)).toEqual(CHOICE_ALONE);
  }
  await page.goto('about:blank');
  await rest(page, 500);
  expect(product.sink.log).toEqual([]);
});

test('what is marked "!marketing" runs after a refusal, and not before it', async ({ page, product }) => {
  await visit(page, `${product.origin}/`);
  await rest(page, 500);
  await expect(page.locator('[data-ad]')).toHaveAttribute('data-ad', 'empty');
  await part(page, 'reject').click();
  await expect(page.locator('[data-ad]')).toHaveAttribute('data-ad', 'house');
  await visit(page, `${product.origin}/privacy/`);
  await expect(page.locator('[data-ad]')).toHaveAttribute('data-ad', 'house');
});

test('after a grant each library reports exactly once a page, also on the pages that the loader opens (G2)', async ({ page, product }) => {
  await visit(page, `${product.origin}/`);
  await accept(page);
  await told(page, product, ONCE);
  expect(await page.evaluate(() => document.querySelector('[data-ad]')!.getAttribute('data-ad'))).toBe('targeted');
  for (const path of ['/articles/meander-belt/', '/nl/', '/film/']) {
    product.forget();
    await visit(page, product.origin + path);
    await told(page, product, path == '/film/' ? FILM : ONCE);
  }
  product.forget();
  await page.reload();
  await started(page);
  await told(page, product, FILM);
});

test('a grant on the film page loads the frame once, in place (FIELD 25)', async ({ page, product }) => {
  await visit(page, `${product.origin}/film/`);
  expect(page.frames().slice(1).map((frame) => frame.url())).toEqual(['about:blank']);
  await accept(page);
  await told(page, product, FILM);
  await expect(page.frameLocator('iframe[data-service=video]').locator('svg')).toBeVisible();
});

test('a grant of analytics alone opens analytics alone (B8, G3)', async ({ page, product }) => {
  await visit(page, `${product.origin}/film/`);
  await part(page, 'customise').click();
  await part(page, 'switch-analytical').check();
  await part(page, 'save').click();
  await told(page, product, { plausible: 1, posthog: 1, matomo: 1, 'matomo script': 1 });
  expect((await device(page)).cookies.filter((name) => /^_mkt|^_gcl/.test(name))).toEqual([]);
  product.forget();
  await visit(page, `${product.origin}/film/`);
  await told(page, product, { plausible: 1, posthog: 1, matomo: 1, 'matomo script': 1 });
});

const layer = (page: Page): Promise<any[][]> =>
  page.evaluate(() => ((window as any).dataLayer as ArrayLike<unknown>[]).filter((entry) => entry.length).map((entry) => JSON.parse(JSON.stringify(Array.from(entry)))));
/** What the tag manager's own triggers can go by: the grants and refusals that each event carries. */
const updates = (page: Page): Promise<any[]> => page.evaluate(() => ((window as any).dataLayer as any[]).filter(({ event }) => event == 'askfirst_update')
  .map(({ askfirst }) => [askfirst.granted, askfirst.refused]));
const commands = (entries: any[][]) => entries.map(([name, what]) => (name == 'consent' ? `consent ${what}` : name));

test('the dataLayer says "default denied" first, and "update" after the choice and before any tag (T5, GCM)', async ({ page, product }) => {
  await visit(page, `${product.origin}/`);
  const before = await layer(page);
  expect(commands(before)).toEqual(['consent default', 'set']);
  expect(await updates(page)).toEqual([]);
  expect(before[0]![2]).toMatchObject({
    ad_storage: 'denied', ad_user_data: 'denied', ad_personalization: 'denied', analytics_storage: 'denied', security_storage: 'granted',
  });
  await accept(page);
  await told(page, product, ONCE);
  const after = await layer(page);
  expect(commands(after)).toEqual(['consent default', 'set', 'consent update', 'js', 'config']);
  expect(await updates(page)).toEqual([[['analytical', 'marketing'], []]]);
  expect(after[2]![2]).toMatchObject({ ad_storage: 'granted', ad_user_data: 'granted', ad_personalization: 'granted', analytics_storage: 'granted' });
  await visit(page, `${product.origin}/privacy/`);
  await rest(page, 600);
  const next = await layer(page);
  expect(commands(next)).toEqual(['consent default', 'set', 'consent update', 'js', 'config']);
  expect(next[2]).toEqual(after[2]);
});

test('a refusal too is told to the dataLayer, on the next page as well (FIELD 53)', async ({ page, product }) => {
  await visit(page, `${product.origin}/`);
  await part(page, 'reject').click();
  const denied = { ad_storage: 'denied', ad_user_data: 'denied', ad_personalization: 'denied', analytics_storage: 'denied' };
  expect(commands(await layer(page))).toEqual(['consent default', 'set', 'consent update']);
  expect((await layer(page))[2]![2]).toMatchObject(denied);
  const refused = [[[], ['analytical', 'marketing']]];
  expect(await updates(page)).toEqual(refused);
  await visit(page, `${product.origin}/privacy/`);
  expect(await updates(page)).toEqual(refused);
  expect(commands(await layer(page))).toEqual(['consent default', 'set', 'consent update']);
  expect((await layer(page))[2]![2]).toMatchObject(denied);
});

const ways: Record<string, (page: Page) => Promise<number>> = {
  'the button in the dialog': async (page) => {
    await part(page, 'reopen').click();
    await part(page, 'withdraw').click();
    return 2;
  },
  'an element of the page': async (page) => {
    await page.evaluate(() => document.querySelector('main')!.insertAdjacentHTML('afterbegin', '<button data-askfirst="withdraw" id="out">Withdraw</button>'));
    await page.locator('#out').click();
    return 1;
  },
  'the JavaScript interface': async (page) => {
    await page.evaluate(() => (window as any).askfirst.withdraw());
    return 0;
  },
};

for (const [name, withdraw] of Object.entries(ways)) {
  test(`after a withdrawal by ${name} nothing runs and nothing declared is left, on any path (G5, B7)`, async ({ page, product }) => {
    const clicksToAccept = 1;
    const home = `${product.origin}/articles/meander-belt/`;
    await visit(page, home);
    await accept(page);
    await told(page, product, ONCE);
    expect((await device(page)).cookies.filter((cookie) => DECLARED.test(cookie)).length).toBeGreaterThan(3);
    // As libraries leave them: on the folder of the page, on the page itself, on another page.
    await page.context().addCookies(['/articles', '/articles/meander-belt/', '/film'].map((path) => (
      { name: '_pk_id.14.demo', value: 'x', domain: '127.0.0.1', path })));
    await page.evaluate(() => sessionStorage.setItem('ph_tab', '1'));
    await delivered(page);
    product.forget();

    const reloaded = page.waitForEvent('load');
    const clicks = await withdraw(page);
    expect(clicks).toBeLessThanOrEqual(clicksToAccept + 1);
    await reloaded;
    await started(page);
    await delivered(page);
    await rest(page, 1500);
    expect(product.reached()).toEqual({});
    expect(await state(page)).toMatchObject({ decided: true, granted: [], refused: ['analytical', 'marketing'] });
    await visit(page, `${product.origin}/film/`);
    await rest(page, 600);
    expect(product.reached()).toEqual({});
    expect(await device(page)).toEqual(CHOICE_ALONE);
    // Nothing but the choice: nothing on the device identifies who withdrew (P1).
    expect((await state(page)).recordId).toBe(null);
  });
}

test('a withdrawal clears cookies of every parent domain (FIELD 32)', async ({ page, product }) => {
  await product.configure((config) => delete config.records);
  const home = `http://www.shop.localhost:${product.front.port}/articles/meander-belt/`;
  await visit(page, home);
  await accept(page);
  await told(page, product, ONCE);
  const domains = await page.evaluate(() => {
    for (const domain of ['www.shop.localhost', 'shop.localhost']) document.cookie = `_pk_id.9.x=1; path=/articles; domain=${domain}`;
    return document.cookie.match(/_pk_id\.9\.x/g)?.length;
  });
  expect(domains).toBe(2);
  const left = page.evaluate(() => new Promise((tell) => (window as any).askfirst.on('withdraw', (detail: any) => tell(detail.left))));
  const reloaded = page.waitForEvent('load');
  await page.evaluate(() => void setTimeout(() => (window as any).askfirst.withdraw()));
  // What is declared as another site's can't be deleted from here, and nothing else may be left.
  expect((await left as any[]).filter(({ why }) => why != 'foreign')).toEqual([]);
  await reloaded;
  await started(page);
  expect((await page.context().cookies()).map(({ name }) => name)).toEqual(['askfirst']);
});

test('a page with a half-written letter is not reloaded by a withdrawal, and is told what to expect', async ({ page, product }) => {
  await visit(page, `${product.origin}/contact/`);
  await accept(page);
  await told(page, product, ONCE);
  await page.locator('#letter').fill('Dear editors');
  await page.evaluate(() => ((window as any).same = true));
  await page.evaluate(() => (window as any).askfirst.withdraw());
  await rest(page, 800);
  expect(await page.evaluate(() => (window as any).same)).toBe(true);
  await expect(page.locator('#letter')).toHaveValue('Dear editors');
  expect((await state(page)).granted).toEqual([]);
});
