import { build } from 'esbuild';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { JSDOM } from 'jsdom';

const entry = fileURLToPath(new URL('../../www/loader.ts', import.meta.url));
const bundle = (await build({ entryPoints: [entry], bundle: true, minify: true, format: 'iife', target: 'es2020', tsconfigRaw: {}, write: false })).outputFiles[0].text;

// The loader's globals, as the arguments of one function (what it imports comes from the folder in the tag's `src`).
const globals = ['window', 'document', 'navigator', 'localStorage', 'fetch', 'console', 'setTimeout', 'MutationObserver', 'Event', 'customElements'];
const load = new Function(...globals, bundle);

const folder = await mkdtemp(join(tmpdir(), 'askfirst-loader-'));
process.on('exit', () => rm(folder, { recursive: true, force: true }));
const started = (globalThis.askfirstStarted = new WeakMap());
await writeFile(join(folder, 'askfirst.mjs'), `export const start = (...given) => globalThis.askfirstStarted.get(given[6])?.(given);`);

export const config = '/askfirst.json';
/** The page key of a page with `data-config` and nothing else. */
export const key = `1|${config}||0`;
export const gate = (over = {}) => ({ key, until: Date.now() + 60_000, open: ['analytical'], services: ['plausible'], signals: [['gtag', 'consent', 'update', { ad_storage: 'granted' }]], ...over });
export const value = (over = {}, format = 1) => JSON.stringify({ format, gate: gate(over) });
/** The same as the cookie holds it. */
export const mirror = (over = {}, format = 1) => value({ ...over, signals: [] }, format);
export const gated = '<img id="gated" data-category="analytical" data-src="data:,">';

/** Runs the loader on a page; what it did is in what comes back. */
export function visit({
  html = gated, lang = 'en', attributes = { config }, own, cookie, storage, gpc, before = () => {}, answers = {}, glue = () => {}, missingGlue = false, readyState,
} = {}) {
  const dom = new JSDOM(`<!doctype html><html lang="${lang}"><head></head><body>${html}</body></html>`, { url: 'https://site.example/page/' });
  const { window } = dom;
  const { document } = window;
  const lines = [];
  const fetched = [];
  const idle = [];
  let boot;
  let resolveBoot;
  const booted = new Promise((resolve) => (resolveBoot = resolve));
  const tag = document.createElement('script');
  tag.src = pathToFileURL(join(folder, missingGlue ? 'none/askfirst.js' : 'askfirst.js')).href;
  for (const [name, text] of Object.entries(attributes)) tag.dataset[name] = text;
  Object.defineProperty(document, 'currentScript', { value: tag });
  if (readyState) Object.defineProperty(document, 'readyState', { get: () => readyState, configurable: true });
  if (cookie !== undefined) document.cookie = `askfirst=${encodeURIComponent(cookie)}; path=/`;
  if (own !== undefined) window.localStorage.setItem('askfirst', own);
  // Who gives it little time is called at once.
  window.requestIdleCallback = (callback, { timeout }) => (timeout < 100 ? callback() : idle.push(callback));
  before(window);
  const fetch = async (url, init) => {
    fetched.push([url.replace(/^file:.*\//, ''), init?.cache, init?.priority]);
    const name = url.split('/').pop();
    if (name in answers) throw new TypeError(`no answer for ${name}`);
    return { ok: true, text: async () => name };
  };
  const localStorage = storage ?? window.localStorage;
  // All visits share one glue module; the queue tells whose boot it is.
  const take = async ([base, wasm, config, data, key, opened, queue, open, watch, signal, waiting]) => {
    boot = { base, wasm, config, data, key, opened, queue, open, watch, signal, waiting };
    resolveBoot(boot);
    await glue(boot);
  };
  const console = { error: (...line) => lines.push(line), warn: (...line) => lines.push(line) };
  const run = () => load(window, document, { globalPrivacyControl: gpc }, localStorage, fetch, console, window.setTimeout.bind(window), window.MutationObserver, window.Event, window.customElements);
  run();
  started.set(window.askfirst, take);
  return {
    window, document, lines, fetched, idle, booted, run, tag,
    get boot() { return boot; },
    get open() { return document.getElementById('gated').hasAttribute('src'); },
  };
}
