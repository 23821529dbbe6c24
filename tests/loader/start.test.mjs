import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { config, visit } from './page.mjs';

test('entries pushed before the loader are kept and handed on', async () => {
  const page = visit({ before: (window) => { window.askfirst = [['on', 'change', 1]]; } });
  page.window.askfirst.push(['on', 'ready', 2]);
  assert.deepEqual([...(await page.booted).queue], [['on', 'change', 1], ['on', 'ready', 2]]);
});

test('Consent Mode: everything is denied before anything else can run (T5)', () => {
  const page = visit({ attributes: { config, google: '' } });
  const { dataLayer } = page.window;
  assert.equal(Object.prototype.toString.call(dataLayer[0]), '[object Arguments]');
  assert.deepEqual(dataLayer.map((entry) => [...entry]), [
    ['consent', 'default', {
      ad_storage: 'denied',
      ad_user_data: 'denied',
      ad_personalization: 'denied',
      analytics_storage: 'denied',
      functionality_storage: 'denied',
      personalization_storage: 'denied',
      security_storage: 'granted',
      wait_for_update: 500,
    }],
    ['set', 'ads_data_redaction', true],
  ]);
});

test('Consent Mode: the default comes before the stored update, and the page keeps its own gtag and dataLayer', async () => {
  const { gate, value } = await import('./page.mjs');
  const first = visit({ attributes: { config, google: '' }, own: value() });
  assert.deepEqual(first.window.dataLayer.map(([name, what]) => [name, what]), [['consent', 'default'], ['set', 'ads_data_redaction'], ['consent', 'update']]);
  const calls = [];
  const page = visit({ attributes: { config, google: '' }, before: (window) => {
    window.dataLayer = ['kept'];
    window.gtag = (...args) => calls.push(args[0]);
  } });
  assert.deepEqual(page.window.dataLayer, ['kept']);
  assert.deepEqual(calls, ['consent', 'set']);
  assert.ok(gate().until > Date.now());
});

test('without data-google there is no dataLayer and no gtag', () => {
  const { window } = visit();
  assert.equal(window.dataLayer, undefined);
  assert.equal(window.gtag, undefined);
});

test('the loader fetches the engine and the configuration at once, and hands on which language the tag asks for', async () => {
  for (const locale of [undefined, 'nl-NL']) {
    const page = visit({ attributes: locale === undefined ? { config } : { config, locale } });
    assert.equal((await page.booted).data.locale, locale);
    assert.deepEqual(page.fetched.map(([name]) => name).toSorted(), ['/askfirst.json', 'askfirst.wasm']);
  }
});

test('the configuration is always asked for again, the files beside the loader are not', async () => {
  const page = visit();
  await page.booted;
  assert.deepEqual(Object.fromEntries(page.fetched), { 'askfirst.wasm': undefined, '/askfirst.json': 'no-cache' });
});

test('the engine, the biggest file, is asked for last and gives way to what the page itself needs', async () => {
  const page = visit();
  await page.booted;
  assert.deepEqual(page.fetched.map(([name, , priority]) => [name, priority]), [['/askfirst.json', undefined], ['askfirst.wasm', 'low']]);
});

const failures = {
  'the wasm cannot be fetched': { answers: { 'askfirst.wasm': 0 } },
  'the configuration cannot be fetched': { answers: { 'askfirst.json': 0 } },
  'nothing can be fetched': { answers: { 'askfirst.wasm': 0, 'askfirst.json': 0 }, missingGlue: true },
  'the glue is missing': { missingGlue: true },
  'the glue rejects': { glue: () => Promise.reject(new Error('no')) },
  'the glue throws': { glue: () => { throw new Error('no'); } },
  'there is no configuration, which the glue finds out': { attributes: {}, glue: ({ config }) => (config ? undefined : Promise.reject(new Error('no data-config'))) },
};
for (const [name, options] of Object.entries(failures)) {
  test(`one line in the console, and all stays shut, when ${name} (G9)`, async () => {
    const unhandled = [];
    const note = (error) => unhandled.push(error);
    process.on('unhandledRejection', note);
    const page = visit(options);
    await sleep(50);
    process.off('unhandledRejection', note);
    assert.equal(page.lines.length, 1);
    assert.match(page.lines[0][0], /^askfirst: .*stays shut/);
    assert.equal(page.open, false);
    assert.deepEqual(unhandled, []);
  });
}

test('after a failure a stored gate opens nothing more', async () => {
  const { gated, value } = await import('./page.mjs');
  const page = visit({ html: '', own: value(), answers: { 'askfirst.wasm': 0 } });
  page.idle[0]();
  await sleep(50);
  page.document.body.insertAdjacentHTML('beforeend', gated);
  await sleep(10);
  assert.equal(page.lines.length, 1);
  assert.equal(page.open, false);
});

test('a second copy of the tag only warns', async () => {
  const page = visit();
  await page.booted;
  page.run();
  assert.deepEqual(page.lines, [['askfirst: loaded twice']]);
  assert.equal(page.fetched.length, 2);
});
