import assert from 'node:assert/strict';
import { test } from 'node:test';
import { config, gate, gated, key, mirror, value, visit } from './page.mjs';

const throwing = new Proxy({}, { get() { throw new DOMException('denied', 'SecurityError'); } });

test('the page key names format, configuration, version and GPC', async () => {
  for (const [attributes, gpc, expected] of [
    [{ config }, undefined, '1|/askfirst.json||0'],
    [{ config, version: '7' }, undefined, '1|/askfirst.json|7|0'],
    [{ config, version: '7' }, true, '1|/askfirst.json|7|1'],
  ]) {
    assert.equal((await visit({ attributes, gpc }).booted).key, expected);
  }
});

test('an inline configuration is part of the page key by its text', async () => {
  const page = (text) => visit({ attributes: {}, html: `<script type="application/json" id="askfirst-config">${text}</script>` }).booted;
  const [a, same, b] = [await page('{"a":1}'), await page('{"a":1}'), await page('{"a":2}')];
  assert.match(a.key, /^1\|-?\d+\|\|0$/);
  assert.equal(a.key, same.key);
  assert.notEqual(a.key, b.key);
  assert.equal(a.config, undefined);
});

test('an inline configuration further down is waited for, shut until then', async () => {
  const text = '<script type="application/json" id="askfirst-config">{}</script>';
  const { key } = await visit({ attributes: {}, html: text }).booted;
  const page = visit({ attributes: {}, readyState: 'loading', own: value({ key }) });
  assert.equal(page.open, false);
  assert.deepEqual(page.fetched, []);
  page.document.body.insertAdjacentHTML('beforeend', text);
  page.document.dispatchEvent(new page.window.Event('DOMContentLoaded'));
  assert.equal(page.open, true);
});

for (const [name, options] of Object.entries({
  'in localStorage': { own: value() },
  'in both': { own: value(), cookie: mirror() },
  'beside a cookie of another name': { own: value(), before: (window) => { window.document.cookie = `ourfirst=${encodeURIComponent(value({ open: [] }))}`; } },
})) {
  test(`a valid gate ${name} opens at once and the engine waits for idle`, () => {
    const until = Date.now() + 60_000;
    const fix = (text) => text && JSON.stringify({ ...JSON.parse(text), gate: { ...JSON.parse(text).gate, until } });
    const page = visit({ ...options, own: fix(options.own), cookie: fix(options.cookie) });
    assert.equal(page.open, true);
    assert.deepEqual(page.fetched, []);
    assert.equal(page.idle.length, 1);
    page.idle[0]();
    assert.equal(page.fetched.length, 2);
  });
}

test('a template is opened when all of it has been read, however the page arrives', () => {
  const page = visit({ html: '<template data-category="analytical"><b>one</b></template>', own: value(), readyState: 'loading' });
  const shown = () => [...page.document.querySelectorAll('b')].map((element) => element.textContent);
  assert.deepEqual(shown(), []);
  page.document.querySelector('template').content.append(Object.assign(page.document.createElement('b'), { textContent: 'two' }));
  page.document.dispatchEvent(new page.window.Event('DOMContentLoaded'));
  assert.deepEqual(shown(), ['one', 'two']);
});

const shut = {
  'nothing stored': {},
  'an empty text': { own: '' },
  'no JSON': { own: '{"format":1,' },
  'a JSON scalar': { own: 'true' },
  'null': { own: 'null' },
  'a list': { own: '[1]' },
  'no gate': { own: '{"format":1}' },
  'a gate that is null': { own: '{"format":1,"gate":null}' },
  'an older format': { own: value({}, 0) },
  'a newer format': { own: value({}, 2) },
  'a format that is a text': { own: value({}, '1') },
  'another configuration': { own: value({ key: '1|/other.json||0' }) },
  'another version of the policy': { own: value(), attributes: { config, version: '2' } },
  'a GPC bit that was not there': { own: value(), gpc: true },
  'an expired gate': { own: value({ until: Date.now() - 1 }) },
  'a gate without an end': { own: value({ until: undefined }) },
  'an end that is a word': { own: value({ until: 'never' }) },
  'services that are a number': { own: value({ services: 7 }) },
  'signals that are missing': { own: value({ signals: undefined }) },
  'a corrupt cookie beside a valid localStorage': { own: value(), cookie: '{"format":1,' },
  'a corrupt localStorage beside a valid cookie': { own: 'x', cookie: mirror() },
  'a cookie with another gate': { own: value({ until: 4e12 }), cookie: mirror({ until: 4e12, open: ['analytical', 'marketing'] }) },
  'a cookie with a gate that localStorage no longer has': { own: '{"format":1}', cookie: mirror() },
  'a gate that the cookie no longer has': { own: value(), cookie: '{"format":1}' },
  'a cookie of another format': { own: value(), cookie: mirror({}, 2) },
  'a cookie alone, which another host of the domain may have written': { cookie: mirror() },
  'a cookie while localStorage throws': { cookie: mirror(), storage: throwing },
  'a cookie of another name': { before: (window) => { window.document.cookie = `myaskfirst=${encodeURIComponent(mirror())}`; } },
  'a cookie that cannot be decoded': { before: (window) => { window.document.cookie = 'askfirst=%E0%A4%A'; } },
  'storage that throws': { own: value(), storage: throwing },
};
for (const [name, options] of Object.entries(shut)) {
  test(`G9: ${name} opens nothing and the engine loads at once`, async () => {
    const page = visit(options);
    assert.equal(page.open, false);
    assert.equal(page.fetched.length, 2);
    await page.booted;
    assert.deepEqual(page.lines, []);
  });
}

for (const [name, over] of Object.entries({ 'in one text': { open: 'functional analytical' }, missing: { open: undefined }, 'a list of lists': { open: [['analytical']] } })) {
  test(`G9: categories that are ${name} open nothing`, () => {
    assert.equal(visit({ own: value(over) }).open, false);
  });
}

test('the engine is told whether a stored gate has been opened', async () => {
  const page = visit({ own: value() });
  page.idle[0]();
  assert.equal((await page.booted).opened, true);
  assert.equal((await visit().booted).opened, false);
});

test('stored signals are sent before anything opens, each as one argument list', () => {
  const calls = [];
  const page = visit({
    own: value(),
    before: (window) => { window.gtag = (...args) => calls.push([args, window.document.getElementById('gated').hasAttribute('src')]); },
  });
  assert.deepEqual(calls, [[['consent', 'update', { ad_storage: 'granted' }], false]]);
  assert.equal(page.window.dataLayer, undefined);
});

test('without gtag the stored signals are skipped and the page opens', () => {
  const page = visit({ own: value() });
  assert.equal(page.open, true);
  assert.equal(page.window.gtag, undefined);
});

/** The calls of a returning visit with these signals, on a page that `before` has prepared. */
const sent = (signals, before = () => {}) => visit({ own: value({ signals }), before });

test('a stored call goes to the function that its dotted path names, with its own arguments (FIELD 54, 59)', () => {
  const calls = [];
  sent([['clarity', 'consentv2', { ad_Storage: 'denied' }], ['zaraz.consent.setAll', true]], (window) => {
    window.clarity = (...args) => calls.push(['clarity', ...args]);
    window.zaraz = { consent: { all: 1, setAll(on) { calls.push(['zaraz', on, this.all]); } } };
  });
  assert.deepEqual(calls, [['clarity', 'consentv2', { ad_Storage: 'denied' }], ['zaraz', true, 1]]);
});

test('a queue is made where there is none yet, and used where there is one', () => {
  const made = sent([['uetq.push', 'consent', 'update', { ad_storage: 'denied' }], ['_paq.push', ['forgetConsentGiven']]]);
  assert.deepEqual([...made.window.uetq], ['consent', 'update', { ad_storage: 'denied' }]);
  assert.deepEqual([...made.window._paq], [['forgetConsentGiven']]);
  const kept = sent([['uetq.push', 1]], (window) => { window.uetq = [0]; });
  assert.deepEqual(kept.window.uetq, [0, 1]);
});

test('a call without its function waits and changes nothing on the page', async () => {
  const call = ['fbq', 'consent', 'grant'];
  const page = sent([call, ['Shopify.customerPrivacy.setTrackingConsent', {}]]);
  assert.equal(page.open, true);
  assert.equal('fbq' in page.window || 'Shopify' in page.window, false);
  page.idle[0]();
  const { waiting, signal } = await page.booted;
  assert.deepEqual(waiting.map(([path]) => path), ['fbq', 'Shopify.customerPrivacy.setTrackingConsent']);
  const calls = [];
  page.window.fbq = (...args) => calls.push(args);
  waiting.splice(0).forEach(signal);
  assert.deepEqual(calls, [['consent', 'grant']]);
  assert.equal(waiting.length, 1);
});

for (const path of ['eval', 'Function', 'setTimeout', 'alert', 'document.write', 'location.assign', 'gtag.constructor', 'gtag.call', 'history.pushState', 'fetch']) {
  test(`what the browser itself can do is no consent API: ${path}`, () => {
    let ran = 0;
    const page = sent([[path, 'window.evil = 1', '', '/evil']], (window) => {
      // jsdom's own functions are written in JavaScript; the browser's are not.
      const native = (name) => new Proxy(Function.prototype.bind.call(() => { ran += 1; }), { get: (target, key) => (key === Symbol.toPrimitive || key === 'toString' ? () => `function ${name}() { [native code] }` : Reflect.get(target, key)) });
      window.gtag = () => {};
      for (const name of ['eval', 'Function', 'setTimeout', 'alert', 'fetch']) window[name] = native(name);
      window.document.write = native('write');
      window.history.pushState = native('pushState');
    });
    assert.equal(ran, 0);
    assert.equal(page.window.evil, undefined);
    assert.equal(page.window.location.pathname, '/page/');
  });
}

test('a smaller gate later opens less', async () => {
  const boot = await visit().booted;
  const page = visit({ html: '<img id="gated" data-category="analytical" data-service="plausible" data-src="data:,">' });
  await page.booted;
  page.boot.open(gate({ services: [] }));
  assert.equal(page.open, false);
  page.boot.open(gate());
  assert.equal(page.open, true);
  assert.equal(boot.key, key);
});

test('the loader writes no storage and no cookie, and adds no global of its own but the queue', async () => {
  const page = visit({ html: gated, before: (window) => { window.known = new Set(Object.keys(window)); } });
  await page.booted;
  assert.equal(page.window.localStorage.length, 0);
  assert.equal(page.document.cookie, '');
  assert.deepEqual(Object.keys(page.window).filter((name) => !page.window.known.has(name) && name != 'known'), ['askfirst']);
});

// What a media element is at (HTML, `networkState`: EMPTY 0, IDLE 1, LOADING 2, NO_SOURCE 3) when one of its sources is
// opened, and whether it has to begin anew to take that one.
const media = (state) => {
  let loads = 0;
  const page = visit({
    html: '<video><source id="gated" data-category="analytical" data-src="data:,"></video>', own: value(),
    before: ({ document }) => Object.entries({ currentSrc: '', readyState: 0, load: () => (loads += 1), ...state })
      .forEach(([name, value]) => Object.defineProperty(document.querySelector('video'), name, { value, writable: true })),
  });
  return { page, get loads() { return loads; } };
};
const currentSrc = 'https://site.example/1';
for (const [what, loads, state] of [
  ['at nothing', 1, { networkState: 0 }],
  ['behind its last source', 1, { networkState: 3 }],
  ['behind its last source, which could not be played', 1, { networkState: 3, currentSrc }],
  ['loading one', 0, { networkState: 2, currentSrc }],
  ['playing one', 0, { networkState: 1, currentSrc, readyState: 4 }],
  ['playing a stream, which has no address', 0, { networkState: 2, readyState: 4 }],
]) {
  test(`a source of a media element that is ${what}: ${loads ? 'it begins anew' : 'it goes on'}`, () => {
    const video = media(state);
    assert.equal(video.page.open, true);
    assert.equal(video.loads, loads);
  });
}

test('a source waits until its media element has given up what was shut', async () => {
  const video = media({ networkState: 2 });
  const turn = () => new Promise((go) => setTimeout(go, 20));
  await turn();
  assert.deepEqual([video.page.open, video.loads], [false, 0]);
  video.page.document.querySelector('video').networkState = 3;
  await turn();
  assert.deepEqual([video.page.open, video.loads], [true, 1]);
});

test('a script in a media element that is giving up what was shut keeps no other script waiting', async () => {
  const script = '<script type="text/plain" data-category="analytical"></script>';
  let run = 0;
  visit({
    html: `<video>${script}</video>${script}`, own: value(),
    before: ({ document, MutationObserver }) => {
      Object.entries({ currentSrc: '', readyState: 0, networkState: 2 })
        .forEach(([name, value]) => Object.defineProperty(document.querySelector('video'), name, { value }));
      new MutationObserver((records) => (run += records.flatMap(({ addedNodes }) => [...addedNodes]).filter(({ type }) => type == '').length))
        .observe(document.body, { childList: true, subtree: true });
    },
  });
  await new Promise((go) => setTimeout(go, 20));
  assert.equal(run, 2);
});
