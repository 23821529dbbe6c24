import type { Page } from '@playwright/test';
import type { Product } from './support/product.ts';
import { expect, rest, test } from './support/test.ts';
import { page as html, serve } from './support/gate.ts';
import { NOT_FOUND, part, SHUT, started, test as product } from './support/visit.ts';
import { serveMini } from './support/mini.ts';

test('in a real browser a consent call reaches stubs, queues and nothing of the browser itself (FIELD 54, 59)', async ({ page, site }) => {
  await serve(site, html('<script>window.calls = []; window.clarity = (...args) => calls.push(args);</script>'));
  await page.goto(site.origin);
  await page.waitForFunction(() => (window as any).go);
  const before = page.url();
  const outcome = await page.evaluate(() => {
    const { signal, waiting } = window as any;
    for (const path of ['eval', 'Function', 'setTimeout', 'document.write', 'document.open', 'location.assign', 'location.replace', 'clarity.constructor', 'clarity.call', 'history.pushState', 'open', 'fetch', 'Function.prototype.call']) {
      signal([path, 'window.evil = 1; /evil', '', '/evil']);
    }
    signal(['clarity', 'consentv2', { analytics_Storage: 'denied' }]);
    signal(['uetq.push', 'consent', 'update', { ad_storage: 'denied' }]);
    signal(['ttq.revokeConsent']);
    const { calls, uetq, ttq, evil } = window as any;
    return { calls, uetq, ttq, evil, waiting };
  });
  await rest(page, 200);
  expect(outcome).toEqual({
    calls: [['consentv2', { analytics_Storage: 'denied' }]],
    uetq: ['consent', 'update', { ad_storage: 'denied' }],
    ttq: undefined, evil: undefined,
    waiting: [['ttq.revokeConsent']],
  });
  expect(page.url()).toBe(before);
  expect(await page.evaluate(() => (window as any).evil)).toBeUndefined();
});

for (const [name, brings] of Object.entries({
  'an inline tag': (call: string) => `<script type="text/plain" data-category="analytical" nonce="x">${call}</script>`,
  'a tag of a third party': (call: string, sink: string) => `<script type="text/plain" data-category="analytical" nonce="x" data-src="${sink}/late-gtag.js"></script>`,
})) {
  product(`a call whose function ${name} brings is made when it is there, once`, async ({ page, product }) => {
    const code = 'window.gtag = (...args) => (window.told ||= []).push(args.slice(0, 2).join(" "));';
    product.front.answers.set('/late-gtag.js', { type: 'text/javascript', body: code });
    await page.goto(serveMini(product.front, product.sink.url, { body: brings(code, product.front.origin) }));
    await started(page);
    await part(page, 'accept').click();
    await expect.poll(() => page.evaluate(() => (window as any).told)).toEqual(['consent update']);
    // On the next page the loader sends it before the tag is there; the engine makes up for it.
    await page.reload();
    await expect.poll(() => page.evaluate(() => (window as any).told)).toEqual(['consent update']);
  });
}

/** Stubs as vendors give them, all writing what they are told into one list, in the order in which they are told. */
const STUBS = `<script nonce="x">
window.told = [];
const queue = (name, write) => (window[name] = Object.assign([], { push: (...said) => told.push(write(...said)) }));
queue('dataLayer', (said) => (said.event ? ['dataLayer', said.event] : ['gtag', ...said]));
for (const name of ['uetq', '_paq']) queue(name, (...said) => [name + '.push', ...said]);
for (const name of ['clarity', 'fbq']) window[name] = (...said) => told.push([name, ...said]);
window.ttq = { grantConsent: () => told.push(['ttq.grantConsent']), revokeConsent: () => told.push(['ttq.revokeConsent']) };
</script>`;
const TAGS = ['analytical', 'marketing'].map((name) => `<script type="text/plain" data-category="${name}" nonce="x">told.push(['tag', '${name}']);</script>`).join('');

const word = (granted: boolean) => (granted ? 'granted' : 'denied');
const google = (analytical: boolean, marketing: boolean) => ['gtag', 'consent', 'update', {
  ad_storage: word(marketing), ad_user_data: word(marketing), ad_personalization: word(marketing), analytics_storage: word(analytical),
  functionality_storage: 'denied', personalization_storage: 'denied', security_storage: 'granted',
}];
const clarity = (analytical: boolean, marketing: boolean) => ['clarity', 'consentv2', { ad_Storage: word(marketing), analytics_Storage: word(analytical) }];
const uet = (marketing: boolean) => ['uetq.push', 'consent', 'update', { ad_storage: word(marketing) }];
const paq = (...methods: string[]) => methods.map((method) => ['_paq.push', [method]]);
const MATOMO = paq('setConsentGiven', 'setCookieConsentGiven');
const DEFAULT = [
  ['gtag', 'consent', 'default', {
    ad_storage: 'denied', ad_user_data: 'denied', ad_personalization: 'denied', analytics_storage: 'denied',
    functionality_storage: 'denied', personalization_storage: 'denied', security_storage: 'granted', wait_for_update: 500,
  }],
  ['gtag', 'set', 'ads_data_redaction', true],
];
const GRANTED = [google(true, true), clarity(true, true), uet(true), ...MATOMO, ['fbq', 'consent', 'grant'], ['ttq.grantConsent']];
const REFUSED = [google(false, false), clarity(false, false), uet(false)];
const REVOKED = [...paq('forgetConsentGiven', 'forgetCookieConsentGiven'), ['fbq', 'consent', 'revoke'], ['ttq.revokeConsent']];

/** The small page with those stubs and the ready-made services that speak to them. */
async function vendors(product: Product) {
  await product.configure((config) => {
    delete config.records;
    config.services = { 'tidemark-pixel': config.services['tidemark-pixel'] };
    config.categories.analytical.services = ['microsoft-clarity', 'matomo'];
    config.categories.marketing.services = ['microsoft-advertising', 'meta-pixel', 'tiktok-pixel', 'tidemark-pixel'];
  });
  return serveMini(product.front, product.sink.url, { before: STUBS, tag: 'data-config="/askfirst.json" data-google', body: TAGS });
}

/** What the vendors have been told since the page began, and the tags that ran. */
const told = (page: Page): Promise<any[]> => page.evaluate(() => (window as any).told);
const forget = (page: Page) => page.evaluate(() => void ((window as any).told.length = 0));
const calls = async (page: Page) => (await told(page)).filter(([name]) => name != 'tag' && name != 'dataLayer');
const ranTags = async (page: Page) => (await told(page)).filter(([name]) => name == 'tag').map(([, name]) => name);

/** Every vendor heard it before any gated tag ran. */
async function expectToldFirst(page: Page) {
  const names = (await told(page)).map(([name]) => name);
  expect(names.findLastIndex((name) => name != 'tag' && name != 'dataLayer')).toBeLessThan(names.indexOf('tag'));
}

product('vendors hear the default before anything, the grant before their tags, and the same on the next page (REQUIREMENTS 4, FIELD 53, 54)', async ({ page, product }) => {
  await page.goto(await vendors(product));
  await started(page);
  expect(await told(page)).toEqual(DEFAULT);
  await part(page, 'accept').click();
  await expect.poll(() => ranTags(page)).toEqual(['analytical', 'marketing']);
  expect(await calls(page)).toEqual([...DEFAULT, ...GRANTED]);
  await expectToldFirst(page);

  await page.reload();
  await expect.poll(() => ranTags(page)).toEqual(['analytical', 'marketing']);
  await expectToldFirst(page);
  await started(page);
  await rest(page);
  expect(await calls(page), 'the loader has told them, the engine does not say it again').toEqual([...DEFAULT, ...GRANTED]);
});

product('no TCF and no GPP interface is pretended to, before a choice and after it: that takes a registered id (FIELD 55, 56)', async ({ page, product }) => {
  await page.goto(await vendors(product));
  await started(page);
  const claimed = () => page.evaluate(() => [...['__tcfapi', '__gpp', '__uspapi'].filter((name) => name in window), ...[...document.querySelectorAll('iframe')].map(({ name }) => name).filter(Boolean)]);
  expect(await claimed()).toEqual([]);
  await part(page, 'accept').click();
  await expect.poll(() => ranTags(page)).toEqual(['analytical', 'marketing']);
  expect(await claimed()).toEqual([]);
});

product('a refusal is told too, at once and on the next page, and revokes nothing that was never given', async ({ page, product }) => {
  await page.goto(await vendors(product));
  await started(page);
  await part(page, 'reject').click();
  await expect.poll(() => calls(page)).toEqual([...DEFAULT, ...REFUSED]);
  await page.reload();
  await started(page);
  await rest(page);
  expect(await told(page)).toEqual([...DEFAULT, ...REFUSED, ['dataLayer', 'askfirst_update']]);
});

product('a withdrawal is revoked first, here and in the other tab, and only told as refused from then on (FIELD 59)', async ({ page, context, product }) => {
  const url = await vendors(product);
  await page.goto(url);
  await started(page);
  await part(page, 'accept').click();
  await expect.poll(() => ranTags(page)).toEqual(['analytical', 'marketing']);
  const other = await context.newPage();
  await other.goto(url);
  await started(other);
  for (const tab of [page, other]) {
    await forget(tab);
    // Something typed keeps the page, which would otherwise load anew.
    await tab.evaluate(() => void (document.body.appendChild(document.createElement('input')).value = 'typed'));
  }
  await page.evaluate(() => (window as any).askfirst.withdraw());
  for (const tab of [page, other]) await expect.poll(() => calls(tab)).toEqual([...REVOKED, ...REFUSED]);
  await page.reload();
  await started(page);
  await rest(page);
  expect(await calls(page)).toEqual([...DEFAULT, ...REFUSED]);
});

product('the calls of many vendors fit beside the choice: the cookie leaves them out and the next page still opens at once', async ({ page, context, console, product }) => {
  console.expect(NOT_FOUND, SHUT);
  const url = await vendors(product);
  await page.goto(url);
  await started(page);
  await part(page, 'accept').click();
  await expect.poll(() => ranTags(page)).toEqual(['analytical', 'marketing']);
  const cookie = decodeURIComponent((await context.cookies()).find(({ name }) => name == 'askfirst')!.value);
  expect(JSON.parse(cookie).gate.signals).toEqual([]);
  // Without the engine: what opens now is opened by the loader.
  product.front.lose('/askfirst/askfirst.mjs');
  await page.reload();
  await expect.poll(() => ranTags(page)).toEqual(['analytical', 'marketing']);
  await expect.poll(() => console.ours()).toEqual([expect.stringMatching(SHUT)]);
});
