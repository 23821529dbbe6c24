import type { Page } from '@playwright/test';
import { CHOICE_ALONE, delivered, device, expect, part, rest, settled, started, state, test, visit } from './support/visit.ts';
import { MINI, ran, serveMini } from './support/mini.ts';
import type { Product } from './support/product.ts';

async function open(page: Page, product: Product, options = {}) {
  const url = serveMini(product.front, product.sink.url, options);
  await page.goto(url);
  await started(page);
  return url;
}

/** What the page's two stores say. */
const kept = (page: Page): Promise<{ local: any; cookie: any }> => page.evaluate(() => {
  const cookie = /(?:^|; )askfirst=([^;]+)/.exec(document.cookie)?.[1];
  return { local: JSON.parse(localStorage.askfirst ?? 'null'), cookie: JSON.parse(cookie ? decodeURIComponent(cookie) : 'null') };
});

for (const [name, answer, granted, refused] of [
  ['a grant', 'accept', ['analytical', 'marketing'], []],
  ['a refusal', 'reject', [], ['analytical', 'marketing']],
] as const) {
  test(`${name} is kept over a reload and asked about no more, also when one store was emptied (P2, P5)`, async ({ page, product }) => {
    const url = await open(page, product);
    await part(page, answer).click();
    await delivered(page);
    const check = async () => {
      await page.goto(`${url}?again=${Math.random()}`);
      await started(page);
      expect(await state(page)).toMatchObject({ decided: true, granted, refused, asked: [] });
      await expect(part(page, 'banner')).toHaveCount(0);
      await expect(part(page, 'reopen')).toBeVisible();
    };
    await check();
    expect(await device(page)).toEqual(CHOICE_ALONE);
    const { cookie } = await kept(page);
    const cookies = await page.context().cookies();
    await page.context().clearCookies();
    await check();
    await page.context().addCookies(cookies);
    await page.evaluate(() => localStorage.clear());
    await check();
    // The mirror carries neither the way to the record nor what is still to be sent.
    expect(JSON.stringify(cookie)).not.toMatch(/"secret":"|outbox/);
  });
}

test('the cookie lives as long as the choice, for the whole site and for it alone (P4)', async ({ page, product }) => {
  await open(page, product);
  await part(page, 'reject').click();
  const [cookie] = await page.context().cookies();
  expect(cookie).toMatchObject({ name: 'askfirst', path: '/', sameSite: 'Lax', httpOnly: false, domain: '127.0.0.1' });
  const until = (await kept(page)).local.choice.decisions[0].until / 1000;
  expect(Math.abs(cookie!.expires - until)).toBeLessThan(120);
  expect(cookie!.name.length + cookie!.value.length).toBeLessThan(4000);
});

/** Writes one store as if the visitor had answered at `at`. */
async function rewrite(page: Page, where: 'local' | 'cookie', granted: boolean, at: number) {
  const value = (await kept(page)).local;
  value.choice.at = at;
  value.choice.proof = null;
  value.gate = null;
  for (const decision of value.choice.decisions) decision.granted = granted;
  await page.evaluate(([where, text]) => {
    if (where == 'local') localStorage.askfirst = text;
    else document.cookie = `askfirst=${encodeURIComponent(text!)}; path=/; samesite=lax; max-age=9999`;
  }, [where, JSON.stringify(value)]);
}

for (const [name, local, cookie, granted] of [
  ['the newer cookie grants', [false, 3], [true, 1], true],
  ['the newer cookie refuses', [true, 3], [false, 1], false],
  ['the newer localStorage refuses', [false, 1], [true, 3], false],
  ['the newer localStorage grants', [true, 1], [false, 3], true],
  ['both are of one moment, and one refuses', [true, 1], [false, 1], false],
] as [string, [boolean, number], [boolean, number], boolean][]) {
  test(`of two stores that disagree the newer one counts, the stricter in doubt: ${name} (P5)`, async ({ page, product }) => {
    await product.configure((config) => delete config.records);
    const url = await open(page, product);
    await part(page, 'accept').click();
    const at = (days: number) => (Math.floor(Date.now() / 86_400_000) - days) * 86_400_000;
    await rewrite(page, 'cookie', cookie[0], at(cookie[1]));
    await rewrite(page, 'local', local[0], at(local[1]));
    await page.goto(`${url}?again`);
    await started(page);
    expect((await state(page)).granted).toEqual(granted ? ['analytical', 'marketing'] : []);
    if (!granted) await settled(page, product);
    await expect.poll(async () => (await ran(page)).includes('marketing')).toBe(granted);
  });
}

/** Opens the page as if it were that moment; time goes on from there. */
const at = async (page: Page, url: string, moment: string) => {
  await page.clock.setSystemTime(moment);
  await page.goto(`${url}?${moment}`);
  await started(page);
};

for (const answer of ['reject', 'accept'] as const) {
  test(`whoever pressed ${answer} is asked again after six months of the calendar and not before (B14, P7)`, async ({ page, product }) => {
    await product.configure((config) => delete config.records);
    const url = serveMini(product.front, product.sink.url);
    await page.clock.install({ time: '2026-08-31T10:00:00Z' });
    await page.clock.resume();
    await at(page, url, '2026-08-31T10:00:00Z');
    await part(page, answer).click();
    const granted = answer == 'accept' ? ['analytical', 'marketing'] : [];
    // August has 31 days, February has not: the end of February is six months later.
    for (const moment of ['2026-09-01T00:00:00Z', '2027-01-15T12:00:00Z', '2027-02-27T23:59:00Z']) {
      await at(page, url, moment);
      await expect(part(page, 'banner')).toHaveCount(0);
      expect((await state(page)).granted).toEqual(granted);
    }
    product.forget();
    await at(page, url, '2027-03-01T10:00:01Z');
    await expect(part(page, 'banner')).toBeVisible();
    expect((await state(page)).granted).toEqual([]);
    await settled(page, product);
    expect(product.sink.log).toEqual([]);
  });
}

test('a refusal of 1 March is not asked about again on 31 August, and may be on 1 September (B14)', async ({ page, product }) => {
  await product.configure((config) => delete config.records);
  const url = serveMini(product.front, product.sink.url);
  await page.clock.install({ time: '2026-03-01T12:00:00Z' });
  await page.clock.resume();
  await at(page, url, '2026-03-01T12:00:00Z');
  await part(page, 'reject').click();
  await at(page, url, '2026-08-31T23:59:00Z');
  await expect(part(page, 'banner')).toHaveCount(0);
  await at(page, url, '2026-09-01T12:00:01Z');
  await expect(part(page, 'banner')).toBeVisible();
});

const vendor = (config: any) => {
  config.services.newcomer = {
    name: 'Newcomer', provider: 'Newcomer Ltd', purpose: { en: 'Shows more advertisements.', nl: 'Toont meer advertenties.', de: 'Zeigt mehr Anzeigen.', fr: 'Montre plus de publicités.' },
    countries: ['IE'], policy: 'https://newcomer.example/privacy',
    items: [{ name: '_new', kind: 'cookie', duration: 'P30D', thirdParty: false }],
  };
  config.categories.marketing.services.push('newcomer');
};

test('a vendor that joins marketing is asked about alone; analytics goes on, and says so on the page (B15)', async ({ page, product }) => {
  await visit(page, `${product.origin}/`);
  await part(page, 'accept').click();
  await delivered(page);
  const first = (await state(page)).recordId;
  // Nothing of the page is under way while the server it came from is away.
  await page.goto('about:blank');
  await product.configure(vendor);
  await visit(page, `${product.origin}/privacy/`);
  await rest(page, 600);
  product.forget();
  await visit(page, `${product.origin}/film/`);
  expect(await state(page)).toMatchObject({ decided: true, granted: ['analytical'], asked: ['marketing'], refused: [] });
  const banner = part(page, 'banner');
  await expect(banner).toContainText('Something has changed');
  await expect(banner.locator('.purposes li')).toHaveCount(1);
  await expect(banner.locator('.purposes')).toContainText('Marketing');
  await expect(banner.locator('.change')).toHaveText('New: Newcomer');
  await part(page, 'customise').click();
  await expect(part(page, 'dialog').locator('.category', { has: page.locator('[part=switch-marketing]') }).locator('.change')).toHaveText('New: Newcomer');
  await expect(part(page, 'dialog').locator('.change')).toHaveCount(1);
  await part(page, 'close').click();
  const analytics = { plausible: 1, posthog: 1, matomo: 1, 'matomo script': 1 };
  await expect.poll(() => product.reached()).toEqual(analytics);
  await rest(page, 600);
  expect(product.reached()).toEqual(analytics);

  // A no to the change leaves the rest as it is.
  await part(page, 'reject').click();
  await delivered(page);
  expect(await state(page)).toMatchObject({ granted: ['analytical'], refused: ['marketing'], asked: [] });
  const { record } = await product.evidence((await state(page)).recordId);
  expect(record).toMatchObject({ prev: first, event: { state: 'changed', method: 'reject_all', layer: 'first' } });
});

test('tags of a vendor that joined stay shut from the first page on, before the engine has come (B15)', async ({ page, product }) => {
  const url = await open(page, product);
  await part(page, 'accept').click();
  await delivered(page);
  await product.configure(vendor);
  serveMini(product.front, product.sink.url, {
    head: '<script type="text/plain" data-category="marketing" data-service="newcomer">window.newcomer = 1</script>',
  });
  await page.goto(`${url}?joined`);
  await started(page);
  await settled(page, product);
  expect(await page.evaluate(() => 'newcomer' in window)).toBe(false);
  await part(page, 'accept').click();
  await expect.poll(() => page.evaluate(() => 'newcomer' in window)).toBe(true);
});

test('with data-version on the tag nothing of a changed purpose runs again, not even on the first page (B15)', async ({ page, product }) => {
  const url = await open(page, product, { tag: 'data-config="/askfirst.json" data-version="1"' });
  await part(page, 'accept').click();
  await delivered(page);
  await product.configure(vendor);
  product.forget();
  serveMini(product.front, product.sink.url, { tag: 'data-config="/askfirst.json" data-version="2"' });
  await page.goto(`${url}?changed`);
  await started(page);
  await expect.poll(() => ran(page)).toEqual(['analytical']);
  await settled(page, product);
  expect(await ran(page)).toEqual(['analytical']);
  expect(product.sink.log).toEqual([]);
});

test('a category that is added is asked about alone, with the words for a change (B15)', async ({ page, product }) => {
  await open(page, product);
  await part(page, 'accept').click();
  await delivered(page);
  await product.configure((config) => (config.categories.preferences = {}));
  await page.reload();
  await started(page);
  expect(await state(page)).toMatchObject({ decided: true, granted: ['analytical', 'marketing'], asked: ['preferences'] });
  await expect(part(page, 'banner')).toContainText('Something has changed');
  await expect(part(page, 'banner').locator('.purposes li')).toHaveCount(1);
  await expect.poll(() => ran(page)).toEqual(['analytical', 'marketing']);
  await part(page, 'accept').click();
  await delivered(page);
  expect((await state(page)).granted.toSorted()).toEqual(['analytical', 'marketing', 'preferences']);
});

test('a mere change of words asks nothing again (B14)', async ({ page, product }) => {
  await open(page, product);
  await part(page, 'accept').click();
  await delivered(page);
  const before = (await state(page)).recordId;
  await product.configure((config) => {
    config.version = '2027-01-01';
    config.texts = { en: { 'banner.title': 'May we?' } };
    config.services.plausible.purpose.en = 'Counts pages, in other words.';
  });
  await page.reload();
  await started(page);
  expect(await state(page)).toMatchObject({ granted: ['analytical', 'marketing'], asked: [], recordId: before });
  await expect(part(page, 'banner')).toHaveCount(0);
});

test('a vendor that leaves is no reason to ask again', async ({ page, product }) => {
  const url = await open(page, product);
  await part(page, 'reject').click();
  await delivered(page);
  await product.configure((config) => config.categories.marketing.services.pop());
  await page.goto(`${url}?left`);
  await started(page);
  await expect(part(page, 'banner')).toHaveCount(0);
});

test('a second tab follows a withdrawal within a second (G10)', async ({ page, product, context }) => {
  const url = await open(page, product);
  await part(page, 'accept').click();
  await delivered(page);
  const other = await context.newPage();
  await other.goto(url);
  await started(other);
  await expect.poll(() => ran(other)).toEqual(['analytical', 'marketing']);
  await other.evaluate(() => {
    (window as any).same = true;
    addEventListener('pagehide', () => (sessionStorage['left'] = Date.now()));
  });
  product.forget();
  await page.evaluate(() => void setTimeout(() => {
    sessionStorage['withdrawn'] = Date.now();
    (window as any).askfirst.withdraw();
  }));
  // What ran there must stop: the page starts anew.
  await expect.poll(() => other.evaluate(() => 'same' in window).catch(() => true)).toBe(false);
  await started(other);
  // By the tabs' own clock: how long a busy machine takes to load the page anew is not what is measured.
  const noted = async (tab: Page, name: string) => Number(await tab.evaluate((name) => sessionStorage.getItem(name), name).catch(() => null));
  await expect.poll(() => noted(page, 'withdrawn')).toBeGreaterThan(0);
  await expect.poll(() => noted(other, 'left')).toBeGreaterThan(0);
  expect(await noted(other, 'left') - await noted(page, 'withdrawn')).toBeLessThan(1000);
  expect((await state(other)).granted).toEqual([]);
  await expect.poll(() => ran(other)).toEqual(['!marketing']);
  await settled(other, product);
  expect(await ran(other)).toEqual(['!marketing']);
  expect(product.sink.log).toEqual([]);
});

test('a second tab follows a grant and takes its own banner away (G10)', async ({ page, product, context }) => {
  const url = await open(page, product);
  const other = await context.newPage();
  await other.goto(url);
  await started(other);
  await expect(part(other, 'banner')).toBeVisible();
  await part(page, 'accept').click();
  await expect(part(other, 'banner')).toHaveCount(0);
  await expect.poll(() => ran(other)).toEqual(['analytical', 'marketing']);
  await delivered(page);
  expect((await product.figures()).records).toBe(1);
});

test('consent of one site is not seen on another (P6)', async ({ page, product }) => {
  await open(page, product);
  await part(page, 'accept').click();
  await delivered(page);
  await page.goto(`http://localhost:${product.front.port}${MINI}`);
  await started(page);
  expect((await state(page)).granted).toEqual([]);
  await expect(part(page, 'banner')).toBeVisible();
});

test('another answer in the dialog is kept per purpose (B8)', async ({ page, product }) => {
  const url = await open(page, product);
  await part(page, 'customise').click();
  await part(page, 'switch-marketing').check();
  await part(page, 'save').click();
  expect(await state(page)).toMatchObject({ granted: ['marketing'], refused: ['analytical'] });
  await page.goto(`${url}?again`);
  await started(page);
  await part(page, 'reopen').click();
  await expect(part(page, 'switch-marketing')).toBeChecked();
  await expect(part(page, 'switch-analytical')).not.toBeChecked();
  await expect(part(page, 'switch-functional')).toBeDisabled();
  await expect(part(page, 'dialog')).toContainText(new Intl.DateTimeFormat('en-US', { dateStyle: 'long', timeZone: 'UTC' }).format());
});
