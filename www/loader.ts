// The loader: the one script that runs before anything else on the page (T5). It holds the gates and nothing more:
// every rule lives in the Rust core, so what is here only looks words up (ARCHITECTURE.md, "Loader, glue and engine").
// It is written for its size after compression. Its globals are bare names, so that a test can run the bundle as the
// body of a function which takes them as arguments.
import { FORMAT, KEY } from './generated/wire';

/** What is open on this page, until when (ms since 1970), and for which page key. Written by `core::gate`. */
export interface Gate {
  key: string;
  until: number;
  open: string[];
  services: string[];
  signals: unknown[][];
}

/** What the loader hands to the glue's `start`. */
export interface Boot {
  /** URL of the folder the loader came from, with the closing slash. */
  base: string;
  /** `askfirst.wasm`, already under way. */
  wasm: Promise<Response>;
  /** The configuration's text. */
  config: Promise<string>;
  /** The language tag of `data-locale`, which goes before that of the page. */
  wanted: string | undefined;
  /** The page key a gate must carry to be valid on the next visit. */
  key: string;
  /** Whether a stored gate was good, and has been opened. */
  opened: boolean;
  /** Sets the gate; what has become open is released, in document order. What ran has run. */
  open(gate: Pick<Gate, 'open' | 'services'>): void;
  /** Calls `report` once for each gated element that is not released, now and whenever one appears. */
  seen(report: (el: Element) => void): void;
  /** What the page pushed to `window.askfirst` before the engine came. */
  queue: unknown[][];
}

const win = window as any;
const doc = document;
const tag = doc.currentScript as HTMLScriptElement;
const data = tag.dataset;
const queue = (win.askfirst = win.askfirst || []);
const inline = () => doc.getElementById(KEY + '-config')?.textContent;

let gate: { open: Set<string>; services: Set<string> } | undefined;
let key: string | undefined;
let report: ((el: Element) => void) | undefined;
let policy: { createScriptURL(url: string): string } | undefined;
let turn: Promise<unknown> = Promise.resolve();
let progress: number;

const fail = (error: unknown) => console.error('askfirst: failed, everything shut stays shut', error);

// G3: every category named must be open; a tag that names none is shut.
const isOpen = ({ category, service }: DOMStringMap) =>
  gate && category!.trim().split(/[\s,]+/).every((name) => gate!.open.has(name)) && (service == null || gate.services.has(service));

const run = (el: any) => new Promise<unknown>((resolve) => {
  const { dataset } = el;
  const settle = () => resolve(progress = Date.now());
  // Taken out of the page, or no longer open, while it waited for its turn.
  if (!el.isConnected || !isOpen(dataset)) return resolve((el.askfirst = 1));
  if (el.tagName == 'SCRIPT') {
    // What `innerHTML` made counts as started and never runs: it needs a copy. Any other script stays the element it is.
    if (!el.async) {
      const copy: any = doc.createElement('script');
      for (const { name, value } of el.attributes) copy.setAttribute(name, value);
      for (const name of ['text', 'nonce', 'onload', 'onerror']) copy[name] = el[name];
      copy.askfirst = 2;
      el.replaceWith(copy);
      el = copy;
    }
    el.removeAttribute('type');
  }
  for (const name of ['type', 'src', 'srcset', 'href', 'poster', 'data']) {
    const value = dataset[name];
    if (value != null) el.setAttribute(name, policy ? policy.createScriptURL(value) : value);
  }
  el.addEventListener('load', settle);
  el.addEventListener('error', settle);
  if (el.src) setTimeout(resolve, Math.max(1e3, progress + 1e4 - Date.now()));
  else resolve(0);
  // A script starts, and a video looks at its source, on insertion.
  if (el.tagName[0] == 'S') el.parentNode.insertBefore(el, el.nextSibling);
});

const scan = () => doc.querySelectorAll('[data-category]').forEach((el: any) => {
  const { dataset } = el;
  const { src = el.src, type } = dataset;
  const script = el.tagName == 'SCRIPT';
  const parsing = doc.readyState == 'loading';
  if (report && !el.askfirst) {
    el.askfirst = 1;
    report(el);
  }
  // `async` is false while the parser still reads a script, and for what `innerHTML` made, which must be the page's own.
  if (el.askfirst == 2 || !isOpen(dataset) || (script && (el.type != 'text/plain' ||
    (parsing ? !el.async || el.defer || type : !el.async && el.nonce != tag.nonce)))) return;
  el.askfirst = 2;
  // A frame in a task of its own: Chromium never navigates it when its address is set while the parser's mutations are
  // being told.
  if (el.tagName == 'IFRAME') setTimeout(() => run(el));
  else if (!script || (src && el.hasAttribute('async'))) run(el).catch(fail);
  else {
    if (src) {
      const link: any = doc.createElement('link');
      link.rel = type ? 'modulepreload' : 'preload';
      link.as = 'script';
      for (const name of ['crossOrigin', 'integrity', 'referrerPolicy', 'nonce']) link[name] = el[name];
      link.href = src;
      doc.head.append(link);
    }
    // Several scripts of one dead host share the ten seconds: the time runs from the last sign of life.
    progress = Date.now();
    turn = turn.then(() => run(el)).catch(fail);
  }
});

const open: Boot['open'] = (value) => {
  gate = { open: new Set(value.open), services: new Set(value.services) };
  scan();
};

const boot = () => {
  const base = new URL('.', tag.src).href;
  const get = (url: string, cache?: RequestCache) => fetch(url, { cache }).then((response) => {
    if (!response.ok) throw url;
    return response;
  });
  const wasm = get(base + 'askfirst.wasm');
  // A changed policy must be seen at once, so the configuration is always asked for again.
  const config = data.config ? get(data.config, 'no-cache').then((response) => response.text()) : Promise.resolve(inline() ?? Promise.reject('no data-config'));
  Promise.all([
    import(base + 'askfirst.mjs').then((glue) => glue.start({
      base, wasm, config, wanted: data.locale, key, opened: !!gate, open, queue,
      seen(callback) {
        report = callback;
        scan();
      },
    } as Boot)),
    wasm, config,
  ]).catch((error) => {
    gate = undefined;
    fail(error);
  });
};

const begin = () => {
  let hash: any = data.config;
  if (!hash) for (const letter of inline() || '') hash = (Math.imul(hash, 31) + letter.codePointAt(0)!) | 0;
  key = [FORMAT, hash, data.version, (navigator as any).globalPrivacyControl ? 1 : 0].join('|');
  // G9: whatever is not plainly a valid gate for this page is no gate. Copies that differ are for the engine to judge.
  try {
    const read = (copy: any) => copy && ((copy = JSON.parse(copy)), JSON.stringify([copy.format, copy.gate]));
    let own;
    try {
      own = localStorage[KEY];
    } catch {}
    const mirror = read(decodeURIComponent(/(^|; )askfirst=([^;]+)|$/.exec(doc.cookie)![2] || ''));
    own = read(own) || mirror;
    const [format, stored] = own == (mirror || own) && JSON.parse(own);
    if (format === FORMAT && stored.key === key && stored.until > Date.now()) {
      for (const args of stored.signals) win.gtag?.(...args);
      open(stored);
      if (win.requestIdleCallback) return win.requestIdleCallback(boot, { timeout: 2e3 });
      return setTimeout(boot, 200);
    }
  } catch {}
  boot();
};

// The queue answers `has` until the engine's object replaces it, which has it too: a second copy of the tag must not
// release anything twice.
if (queue.has) console.warn('askfirst: loaded twice');
else {
  queue.has = () => false;
  if ('google' in data) {
    const layer = (win.dataLayer = win.dataLayer || []);
    const gtag = (win.gtag = win.gtag || function () { layer.push(arguments); });
    const denied = 'denied';
    gtag('consent', 'default', {
      ad_storage: denied,
      ad_user_data: denied,
      ad_personalization: denied,
      analytics_storage: denied,
      functionality_storage: denied,
      personalization_storage: denied,
      security_storage: 'granted',
      wait_for_update: 500,
    });
    gtag('set', 'ads_data_redaction', true);
  }
  try {
    policy = win.trustedTypes.createPolicy(KEY, { createScriptURL: (url: string) => url });
  } catch {}
  new MutationObserver(scan).observe(doc, { childList: true, subtree: true });
  if (data.config || inline() != null || doc.readyState != 'loading') begin();
  doc.addEventListener('DOMContentLoaded', () => (key ? scan() : begin()));
}
