// Platforms and vendors with a consent API of their own, beside those of signals.spec.ts: stand-ins that take exactly what
// the real client takes, and throw at anything else (REQUIREMENTS 4, FIELD 59).
import type { Page } from '@playwright/test';
import type { Product } from './support/product.ts';
import { expect, part, started, test } from './support/visit.ts';
import { serveMini } from './support/mini.ts';

const PREFERENCES = { title: { en: 'Preferences' }, text: { en: 'Remembers how you like the site to look and behave.' } };

/** The small page with a stand-in, and the ready-made services `functional` and `marketing` that speak to it. */
async function open(page: Page, product: Product, standIn: string, { functional = [], analytical = [], marketing = [] }: Record<string, string[]>) {
  await product.configure((config) => {
    delete config.records;
    config.services = { 'tidemark-pixel': config.services['tidemark-pixel'] };
    config.categories = {
      functional: { services: functional }, analytical: { services: analytical }, preferences: PREFERENCES,
      marketing: { services: [...marketing, 'tidemark-pixel'] },
    };
  });
  await page.goto(serveMini(product.front, product.sink.url, { before: `<script nonce="x">window.told = [];\n${standIn}</script>` }));
  await started(page);
}

const told = (page: Page): Promise<unknown[]> => page.evaluate(() => (window as any).told);
const answer = (page: Page, choice: Record<string, boolean>) => page.evaluate((choice) => {
  (window as any).told.length = 0;
  (window as any).askfirst.save(choice);
}, choice);
/** Something typed keeps the page, which would otherwise load anew after a withdrawal. */
const typeSomething = (page: Page) => page.evaluate(() => void (document.body.appendChild(document.createElement('input')).value = 'typed'));

/**
 * WordPress: what assets/js/wp-consent-api.js of the plugin WP Consent API 2.0 does by its documentation. A category's cookie
 * says allow or deny; a change is told once; without a consent type everything is allowed.
 */
const WORDPRESS = `
window.wp_consent_type = 'optin';
const cookie = (category) => (document.cookie.split('; ').find((pair) => pair.startsWith('wp_consent_' + category + '=')) || '=').split('=')[1];
window.wp_has_consent = (category) => !window.wp_consent_type || cookie(category) == 'allow';
window.wp_set_consent = (category, value) => {
  if (!['functional', 'preferences', 'statistics-anonymous', 'statistics', 'marketing'].includes(category) || !['allow', 'deny'].includes(value)) throw new Error(category + ' ' + value);
  const before = cookie(category);
  document.cookie = 'wp_consent_' + category + '=' + value + ';path=/';
  if (before != value) document.dispatchEvent(new CustomEvent('wp_listen_for_consent_change', { detail: { [category]: value } }));
};
document.addEventListener('wp_listen_for_consent_change', ({ detail }) => told.push(detail));`;

test('WordPress plugins are told of each category once, and ask for it on the next page (FIELD 59)', async ({ page, product }) => {
  await open(page, product, WORDPRESS, { functional: ['wordpress-consent'] });
  const allowed = () => page.evaluate(() => ['functional', 'preferences', 'statistics', 'statistics-anonymous', 'marketing'].filter((name) => (window as any).wp_has_consent(name)));
  expect(await allowed()).toEqual([]);
  await answer(page, { analytical: true, preferences: false, marketing: false });
  await expect.poll(() => told(page)).toEqual([
    { functional: 'allow' }, { preferences: 'deny' }, { statistics: 'allow' }, { 'statistics-anonymous': 'allow' }, { marketing: 'deny' },
  ]);
  expect(await allowed()).toEqual(['functional', 'statistics', 'statistics-anonymous']);
  await page.reload();
  await started(page);
  expect(await allowed()).toEqual(['functional', 'statistics', 'statistics-anonymous']);
  expect(await told(page), 'nothing has changed').toEqual([]);
  await typeSomething(page);
  await page.evaluate(() => (window as any).askfirst.withdraw());
  await expect.poll(() => told(page)).toEqual([{ statistics: 'deny' }, { 'statistics-anonymous': 'deny' }]);
  expect(await allowed()).toEqual(['functional']);
});

/** Shopify: what consent-tracking-api.js takes: an object of these four, and at most a function beside it. */
const SHOPIFY = `
window.Shopify = { customerPrivacy: { setTrackingConsent(consent, callback) {
  if (typeof consent != 'object' || !Object.keys(consent).length) throw TypeError('consent');
  for (const [key, value] of Object.entries(consent)) if (!['marketing', 'analytics', 'preferences', 'sale_of_data'].includes(key) || typeof value != 'boolean') throw TypeError(key);
  if (callback !== undefined && typeof callback != 'function') throw TypeError('callback');
  told.push(consent);
} } };`;

test('Shopify is told which of its four uses are allowed, at each choice and on each page (FIELD 59)', async ({ page, product }) => {
  await open(page, product, SHOPIFY, { functional: ['shopify-privacy'] });
  expect(await told(page)).toEqual([]);
  await answer(page, { analytical: true, preferences: false, marketing: false });
  const analytical = { analytics: true, marketing: false, preferences: false, sale_of_data: false };
  await expect.poll(() => told(page)).toEqual([analytical]);
  await page.reload();
  await started(page);
  expect(await told(page)).toEqual([analytical]);
  await answer(page, { analytical: true, preferences: true, marketing: true });
  await expect.poll(() => told(page)).toEqual([{ analytics: true, marketing: true, preferences: true, sale_of_data: true }]);
  await typeSomething(page);
  await answer(page, { analytical: false, preferences: false, marketing: false });
  await expect.poll(() => told(page)).toEqual([{ analytics: false, marketing: false, preferences: false, sale_of_data: false }]);
});

/** Zaraz: `zaraz.consent` is there once its API has loaded, and its methods belong to their object. */
const ZARAZ = `
window.zaraz = { consent: {
  set(preferences) { if (this != zaraz.consent || Object.values(preferences).some((value) => typeof value != 'boolean')) throw TypeError('set'); told.push(['set', preferences]); },
  sendQueuedEvents(...rest) { if (this != zaraz.consent || rest.length) throw TypeError('sendQueuedEvents'); told.push(['sendQueuedEvents']); },
} };`;

test('Zaraz is told before what waits in it is sent (FIELD 59)', async ({ page, product }) => {
  await open(page, product, ZARAZ, { functional: ['cloudflare-zaraz'] });
  expect(await told(page)).toEqual([]);
  await answer(page, { analytical: true, preferences: false, marketing: false });
  await expect.poll(() => told(page)).toEqual([['set', { analytics: true, marketing: false }], ['sendQueuedEvents']]);
  await page.reload();
  await started(page);
  expect(await told(page)).toEqual([['set', { analytics: true, marketing: false }], ['sendQueuedEvents']]);
});

/** Queues and functions of vendors, as their base code makes them: each said once, in order. */
const VENDORS = `
const fn = (path) => { const names = path.split('.'); const last = names.pop(); let at = window; for (const name of names) at = at[name] ||= {}; at[last] = (...said) => void told.push([path, ...said]); };
window._hsp = { push: (said) => told.push(['_hsp.push', ...said]) };
window.optimizely = { push: (said) => told.push(['optimizely.push', said]) };
for (const path of ['pintrk', 'rdt', 'zE', 'Intercom', 'posthog.opt_in_capturing', 'posthog.opt_out_capturing', 'mixpanel.opt_in_tracking', 'mixpanel.opt_out_tracking', 'amplitude.setOptOut']) fn(path);`;

const hubspot = (analytics: boolean, advertisement: boolean) => ['_hsp.push', 'setHubSpotConsent', { analytics, advertisement, functionality: false }];
const GRANTED = [
  hubspot(true, true), ['amplitude.setOptOut', false], ['mixpanel.opt_in_tracking'], ['optimizely.push', { type: 'optOut', isOptOut: false }],
  ['posthog.opt_in_capturing', { captureEventName: false }], ['pintrk', 'setconsent', true], ['rdt', 'enableFirstPartyCookies'], ['zE', 'messenger:set', 'cookies', 'all'],
];
const REVOKED = [
  ['amplitude.setOptOut', true], ['mixpanel.opt_out_tracking'], ['optimizely.push', { type: 'optOut', isOptOut: true }], ['posthog.opt_out_capturing'],
  ['_hsp.push', 'revokeCookieConsent'], ['Intercom', 'shutdown'], ['pintrk', 'setconsent', false], ['rdt', 'disableFirstPartyCookies'], ['zE', 'messenger:set', 'cookies', 'none'],
];

test('HubSpot, Pinterest, Reddit, Zendesk, Intercom and the clients of analytics are told by their own calls (FIELD 59)', async ({ page, product }) => {
  await open(page, product, VENDORS, {
    analytical: ['amplitude', 'mixpanel', 'optimizely', 'posthog'], marketing: ['hubspot', 'intercom', 'pinterest-tag', 'reddit-pixel', 'zendesk'],
  });
  expect(await told(page)).toEqual([]);
  await answer(page, { analytical: true, preferences: false, marketing: true });
  await expect.poll(() => told(page)).toEqual(GRANTED);
  await page.reload();
  await started(page);
  expect(await told(page)).toEqual(GRANTED);
  await typeSomething(page);
  await answer(page, { analytical: false, preferences: false, marketing: false });
  await expect.poll(() => told(page)).toEqual([...REVOKED, hubspot(false, false)]);
  await page.reload();
  await started(page);
  expect(await told(page)).toEqual([hubspot(false, false)]);
});

test('none of them is told anything before a choice, also when a visitor only looks (G1)', async ({ page, product }) => {
  await open(page, product, WORDPRESS + SHOPIFY + ZARAZ, { functional: ['wordpress-consent', 'shopify-privacy', 'cloudflare-zaraz'] });
  await page.evaluate(() => (window as any).askfirst.preferences());
  await expect(part(page, 'dialog')).toBeVisible();
  expect(await told(page)).toEqual([]);
  expect((await page.context().cookies()).map(({ name }) => name)).toEqual([]);
});
