// The choice that a visitor has made under another consent manager (FIELD 81): taken over once, with its own time, marked,
// and only where it is beyond doubt.
import type { Page } from '@playwright/test';
import { build } from 'esbuild';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { delivered, device, expect, part, started, state, test } from './support/visit.ts';
import { serveMini, ran } from './support/mini.ts';
import type { Product } from './support/product.ts';

const require = createRequire(import.meta.url);
const DAY = 86_400_000;
/** Whole seconds, a month ago: what a record can hold. */
const AT = Math.floor((Date.now() - 30 * DAY) / 1000) * 1000;
const iso = (at: number) => new Date(at).toISOString();
const instant = (at: number) => iso(at).replace('.000', '');
const encoded = (value: unknown) => encodeURIComponent(JSON.stringify(value));

interface Left { cookies?: Record<string, string>; local?: Record<string, unknown>; map?: Record<string, string> }

/** What each product writes when statistics are agreed to and marketing is not. */
const YES_AND_NO: Record<string, (at: number) => Left> = {
  'orestbida 2': (at) => ({ cookies: { cc_cookie: encoded({ categories: ['necessary', 'analytics'], level: ['necessary', 'analytics'], revision: 0, data: null, rfc_cookie: false, consent_date: iso(at), consent_uuid: 'u', last_consent_update: iso(at) }) } }),
  'orestbida 3': (at) => ({ cookies: { cc_cookie: encoded({ categories: ['necessary', 'analytics'], revision: 0, data: null, consentTimestamp: iso(at - DAY), consentId: 'u', services: {}, languageCode: 'en', lastConsentTimestamp: iso(at), expirationTime: Date.now() + DAY }) } }),
  cookiebot: (at) => ({ cookies: { CookieConsent: `{stamp:%27x==%27%2Cnecessary:true%2Cpreferences:false%2Cstatistics:true%2Cmarketing:false%2Cmethod:%27explicit%27%2Cver:1%2Cutc:${at}%2Cregion:%27nl%27}` } }),
  onetrust: (at) => ({ cookies: { OptanonConsent: `isGpcEnabled=0&datestamp=Sun&version=202510.1.0&consentId=u&interactionCount=1&landingPath=NotLandingPage&groups=C0001%3A1%2CC0002%3A1%2CC0003%3A0%2CC0004%3A0&AwaitingReconsent=false`, OptanonAlertBoxClosed: iso(at) } }),
  usercentrics: (at) => ({
    map: { HkocEodjb7: 'analytical', 'ko1w5PpFl': 'marketing' },
    local: { uc_user_interaction: 'true', uc_settings: { services: [['HkocEodjb7', true], ['ko1w5PpFl', false]].map(([id, status]) => ({ id, status, history: [{ action: 'onInitialPageLoad', status: false, timestamp: at - DAY, type: 'implicit' }, { action: 'onUpdateServices', status, timestamp: at, type: 'explicit' }] })) } },
  }),
  iubenda: (at) => ({ cookies: { '_iub_cs-12345678': encoded({ timestamp: iso(at), version: '1.85.0', purposes: { 1: true, 2: false, 3: false, 4: true, 5: false }, id: 12345678, cons: { rand: 'r' } }) } }),
  c15t: (at) => ({ cookies: { c15t: `c.necessary:1,c.measurement:1,i.t:${at},i.y:custom` } }),
};

const open = async (page: Page, product: Product, name: string, { cookies = {}, local = {}, map = {} }: Left) => {
  await product.configure((config) => (config.dialects = { [name.split(' ')[0]!]: map }));
  const url = serveMini(product.front, product.sink.url);
  await page.context().addCookies(Object.entries(cookies).map(([name, value]) => ({ name, value, url })));
  await page.addInitScript((entries) => {
    if (!localStorage.askfirst) for (const [key, value] of entries) localStorage.setItem(key, typeof value == 'string' ? value : JSON.stringify(value));
  }, Object.entries(local));
  await page.goto(url);
  await started(page);
};

for (const [name, left] of Object.entries(YES_AND_NO)) {
  test(`a choice made under ${name} is taken over with its own time, and marked (FIELD 81)`, async ({ page, product }) => {
    await open(page, product, name, left(AT));
    expect(await state(page)).toMatchObject({ granted: ['analytical'], refused: ['marketing'], asked: [], at: instant(AT) });
    await expect(part(page, 'banner')).toHaveCount(0);
    expect((await ran(page)).toSorted()).toEqual(['!marketing', 'analytical']);
    await delivered(page);
    const { record, grade } = await product.evidence((await state(page)).recordId);
    expect(record.event).toMatchObject({ method: 'migrated', at: instant(AT) });
    expect(JSON.stringify(grade ?? 'C')).toContain('C');
    // Its validity counts from then: half a calendar year.
    const ends = new Date(AT);
    ends.setUTCMonth(ends.getUTCMonth() + 6);
    expect(Math.abs(Date.parse(record.event.valid_until) - ends.getTime())).toBeLessThan(4 * DAY);
    // Once: what is decided here counts from now on.
    await Promise.all([page.waitForEvent('load'), page.evaluate(() => void setTimeout(() => (window as any).askfirst.withdraw()))]);
    await page.goto(page.url());
    await started(page);
    expect((await state(page)).granted).toEqual([]);
  });
}

/** What is not taken over, and what is left to be asked then. */
const DOUBTFUL: Record<string, [name: string, left: Left, asked: string[]]> = {
  'one that has ended': ['cookiebot', YES_AND_NO.cookiebot!(Date.now() - 400 * DAY), ['analytical', 'marketing']],
  'one from the future': ['iubenda', YES_AND_NO.iubenda!(Date.now() + 2 * DAY), ['analytical', 'marketing']],
  'one that was assumed': ['cookiebot', { cookies: { CookieConsent: `{stamp:%27x%27%2Cstatistics:true%2Cmarketing:true%2Cmethod:%27implied%27%2Cutc:${AT}}` } }, ['analytical', 'marketing']],
  'one that is not what the product writes': ['orestbida', { cookies: { cc_cookie: '%7Bbroken' } }, ['analytical', 'marketing']],
  'one without any time': ['orestbida', { cookies: { cc_cookie: encoded({ categories: ['analytics', 'marketing'] }) } }, ['analytical', 'marketing']],
  'one of which the visitor only saw the banner': ['onetrust', { cookies: { OptanonConsent: 'groups=C0002%3A1%2CC0004%3A1&interactionCount=0' } }, ['analytical', 'marketing']],
  'a grant of a product that keeps no time': ['klaro', { map: { matomo: 'analytical', pixel: 'marketing' }, cookies: { klaro: encoded({ matomo: true, pixel: true }) } }, ['analytical', 'marketing']],
  'half of what the owner says a category consists of': ['iubenda', { ...YES_AND_NO.iubenda!(AT), map: { 4: 'analytical', 9: 'analytical' } }, ['marketing']],
};

for (const [what, [name, left, asked]] of Object.entries(DOUBTFUL)) {
  test(`${what} is asked again (FIELD 81)`, async ({ page, product }) => {
    await open(page, product, name, left);
    expect(await state(page)).toMatchObject({ granted: [], asked });
    await expect(part(page, 'banner')).toBeVisible();
    expect((await ran(page)).filter((name) => name != '!marketing')).toEqual([]);
  });
}

for (const [name, cookies] of Object.entries({
  klaro: { klaro: encoded({ matomo: false, pixel: false }) },
  cookieyes: { 'cookieyes-consent': 'consentid:x,consent:no,action:yes,necessary:yes,functional:no,analytics:no,performance:no,advertisement:no,other:no,lastRenewedDate:1690000000000' },
  probo: { probo_consent: encoded({ v: 1, vid: 'v', action: 'REJECT_ALL', data: { analytics: false, marketing: false } }) },
})) {
  test(`a no said under ${name}, which keeps no time, is taken over as of today, without any identifier (FIELD 81, P1)`, async ({ page, product }) => {
    await open(page, product, name, { cookies, map: name == 'klaro' ? { matomo: 'analytical', pixel: 'marketing' } : {} });
    expect(await state(page)).toMatchObject({ granted: [], refused: ['analytical', 'marketing'], asked: [], recordId: null });
    await expect(part(page, 'banner')).toHaveCount(0);
    expect(await ran(page)).toEqual(['!marketing']);
  });
}

test('marketing agreed to under another product is asked again from whoever objects by a signal (G11)', async ({ page, product }) => {
  await page.addInitScript(() => Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', { get: () => true }));
  await open(page, product, 'orestbida 3', { cookies: { cc_cookie: encoded({ categories: ['analytics', 'marketing'], consentTimestamp: iso(AT) }) } });
  expect(await state(page)).toMatchObject({ granted: ['analytical'], refused: [], asked: ['marketing'] });
});

test('nothing is read where the configuration names no product, nor its file fetched (T5)', async ({ page, product }) => {
  const asked: string[] = [];
  page.on('request', (request) => asked.push(request.url()));
  const url = serveMini(product.front, product.sink.url);
  await page.context().addCookies([{ name: 'cc_cookie', value: YES_AND_NO['orestbida 3']!(AT).cookies!.cc_cookie!, url }]);
  await page.goto(url);
  await started(page);
  await expect(part(page, 'banner')).toBeVisible();
  expect(asked.filter((url) => url.includes('import'))).toEqual([]);
});

/** The real libraries as one classic script each, which agrees to statistics and refuses the rest. */
const LIBRARIES: Record<string, () => Promise<string>> = {
  'orestbida 2': async () => `${await readFile(require.resolve('vanilla-cookieconsent-2/dist/cookieconsent.js'), 'utf8')};
    const cc = initCookieConsent();
    cc.run({ current_lang: 'en', autorun: false, hide_from_bots: false, languages: { en: { consent_modal: { title: 't', description: 'd', primary_btn: { text: 'a', role: 'accept_all' } }, settings_modal: { title: 't', save_settings_btn: 's', accept_all_btn: 'a', blocks: ['necessary', 'analytics', 'marketing'].map((value) => ({ title: value, description: 'd', toggle: { value, enabled: value == 'necessary', readonly: value == 'necessary' } })) } } } });
    cc.accept(['necessary', 'analytics']);`,
  'orestbida 3': async () => `${await readFile(require.resolve('vanilla-cookieconsent/dist/cookieconsent.umd.js'), 'utf8')};
    CookieConsent.run({ autoShow: false, categories: { necessary: { readOnly: true, enabled: true }, analytics: {}, marketing: {} }, language: { default: 'en', translations: { en: { consentModal: { title: 't' }, preferencesModal: { sections: [] } } } } })
      .then(() => CookieConsent.acceptCategory(['analytics'])).then(() => window.done = true);`,
  c15t: async () => {
    const code = `import { saveConsentToStorage } from 'c15t';
      saveConsentToStorage({ consents: { necessary: true, measurement: true, marketing: false, functionality: false, experience: false }, consentInfo: { time: Date.now(), subjectId: 's' } });`;
    const { outputFiles } = await build({ stdin: { contents: code, resolveDir: process.cwd() }, bundle: true, format: 'iife', write: false });
    return outputFiles[0]!.text;
  },
};

for (const [name, library] of Object.entries(LIBRARIES)) {
  test(`what the library of ${name} from npm writes itself is understood (FIELD 81)`, async ({ page, product }) => {
    await product.configure((config) => (config.dialects = { [name.split(' ')[0]!]: {} }));
    const url = serveMini(product.front, product.sink.url);
    product.front.answers.set('/before/', { type: 'text/html', body: '<!doctype html><title>before</title><link rel="icon" href="data:,"><body>' });
    await page.goto(product.front.origin + '/before/');
    const before = Math.floor(Date.now() / 1000) * 1000;
    await page.addScriptTag({ content: await library() });
    const kept = () => page.evaluate(() => decodeURIComponent(document.cookie) + JSON.stringify(localStorage));
    await expect.poll(kept, 'the agreement, as the library writes it').toMatch(/analytics|measurement/);
    await page.goto(url);
    await started(page);
    const { granted, refused, at } = await state(page);
    expect({ granted, refused }).toEqual({ granted: ['analytical'], refused: ['marketing'] });
    expect(Date.parse(at)).toBeGreaterThanOrEqual(before);
    await delivered(page);
    expect((await product.evidence((await state(page)).recordId)).record.event.method).toBe('migrated');
  });
}

/** klaro, which asks about services, with an answer to each. */
const klaro = async (answers: Record<string, boolean>) => `${await readFile(require.resolve('klaro/dist/klaro-no-css.js'), 'utf8')};
  const settings = { elementID: 'k', translations: { zz: { privacyPolicyUrl: '/p' } }, services: [{ name: 'matomo', purposes: ['analytics'] }, { name: 'pixel', purposes: ['marketing'] }] };
  const manager = klaro.getManager(settings);
  for (const [name, answer] of ${JSON.stringify(Object.entries(answers))}) manager.updateConsent(name, answer);
  manager.saveAndApplyConsents();`;

for (const [what, answers, expected] of [
  ['refused', { matomo: false, pixel: false }, { granted: [], refused: ['analytical', 'marketing'], asked: [] }],
  ['agreed to in part', { matomo: true, pixel: false }, { granted: [], refused: ['marketing'], asked: ['analytical'] }],
] as const) {
  test(`what the library of klaro from npm writes itself is understood: ${what} (FIELD 81)`, async ({ page, product }) => {
    await product.configure((config) => (config.dialects = { klaro: { matomo: 'analytical', pixel: 'marketing' } }));
    const url = serveMini(product.front, product.sink.url);
    product.front.answers.set('/before/', { type: 'text/html', body: '<!doctype html><title>before</title><link rel="icon" href="data:,"><body>' });
    await page.goto(product.front.origin + '/before/');
    await page.addScriptTag({ content: await klaro(answers) });
    expect((await device(page)).cookies).toEqual(['klaro']);
    await page.goto(url);
    await started(page);
    expect(await state(page)).toMatchObject(expected);
  });
}
