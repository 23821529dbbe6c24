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

/** What the loader hands to the glue's `start`, in this order: names would cost as much as what they name. */
export type Boot = [
  /** URL of the folder the loader came from, with the closing slash. */
  base: string,
  /** `askfirst.wasm`, already under way. */
  wasm: Promise<Response>,
  /** The configuration, already under way, or nothing where it stands in the page. */
  config: Promise<Response> | '' | undefined,
  /** The `data-` attributes of the loader's tag. */
  data: DOMStringMap,
  /** The page key a gate must carry to be valid on the next visit. */
  key: string,
  /** Whether a stored gate was good, and has been opened. */
  opened: boolean,
  /** What the page pushed to `window.askfirst` before the engine came. */
  queue: unknown[][],
  /** Sets the gate; what has become open is released, in document order. What ran has run. */
  open: (gate: Pick<Gate, 'open' | 'services'>) => void,
  /** Releases what is open in a document or a shadow root, and what is put in it from now on. */
  watch: (root: Document | ShadowRoot) => void,
  /** Sends a call to a consent API, `[path, ...arguments]`; where nothing has that name yet, it goes to `waiting`. */
  signal: (call: unknown[]) => void,
  /** The calls for which no tag has brought the function yet. */
  waiting: unknown[][],
];

const win = window as any;
const doc = document;
const tag = doc.currentScript as HTMLScriptElement;
const data = tag.dataset;
const queue = (win.askfirst ||= []);
const inline = () => doc.getElementById(KEY + '-config');

let gate: { open: Set<string>; services: Set<string> } | undefined;
let key: string | undefined;
/** Until the whole page has been read. */
let parsing = true;
const same = (text: string) => text;
let policy = { createScriptURL: same, createHTML: same };
let turn: Promise<unknown> = Promise.resolve();
let progress: number;

/** `done` is what its caller has done before it: as an argument it is shorter than as a statement. */
const fail: (error: unknown, done?: unknown) => void = (error) => console.error('askfirst: all stays shut', error);

// G3: every category named must be open, or the tag's service in it; a tag that names none is shut.
const isOpen = ({ category, service }: DOMStringMap) =>
  gate && category!.match(/[^\s,]+/g)?.every((name) => gate!.open.has(name) || gate!.open.has(name + ':' + service)) && (service == null || gate.services.has(service));

/** Consent calls whose function no tag has brought yet. */
const waiting: unknown[][] = [];

const signal: Boot[9] = (call) => {
  const [path, ...args]: any[] = call;
  const parts = path.split('.');
  const name = parts.pop();
  let at = win;
  for (const part of parts) at = name == 'push' ? (at[part] ||= []) : at?.[part];
  if (!at?.[name]) waiting.push(call);
  // What the browser itself can do is no consent API: a stored call must not become any code of its author's choice.
  else if (name == 'push' || !/native code/.test(at[name])) at[name](...args);
};

// What a gated element keeps back. A candidate list goes before the address it would overrule, so that one is fetched.
const names = 'srcset,sizes,src,srcdoc,href,poster,data'.split(',');

const run = (el: any, spent: boolean) => new Promise((resolve: any) => {
  const { dataset, localName, parentNode } = el;
  const script = localName == 'script';
  const { type } = dataset;
  // Taken out of the page, or no longer open, while it waited for its turn.
  if (!el.isConnected || !isOpen(dataset)) return resolve((el.askfirst = 0));
  // A media element that is LOADING nothing is giving up its shut sources, one after the other. It would go on behind one
  // that is opened now, and Firefox does so even after `load()`. A script waits for none: others wait for it.
  if (!(script || parentNode.currentSrc || parentNode.readyState) && parentNode.networkState == 2) return setTimeout(run, 0, el);
  for (const name of names) dataset[name] == null || el.setAttribute(name, policy[name == 'srcdoc' ? 'createHTML' : 'createScriptURL'](dataset[name]));
  // Firefox loads a track only when the property is set.
  if (el.track) el.src = el.src;
  let start = el;
  if (script && spent) {
    // What `innerHTML` made counts as started and never runs: a copy runs for it. The element itself stays, since a
    // framework that made it so (React does) will want to take it away; it is told what the copy is told. The copy goes
    // when it has run, or it would stay behind then (FIELD 69).
    start = doc.createElement('script');
    for (const name of el.getAttributeNames()) start.setAttribute(name, el.getAttribute(name));
    for (const name of ['text', 'nonce']) start[name] = el[name];
    start.onload = start.onerror = (event: Event) => start.remove(el.dispatchEvent(new Event(event.type)));
    start.askfirst = 2;
  }
  if (type) start.setAttribute('type', type);
  else if (el.type == 'text/plain') start.removeAttribute('type');
  const settle = () => resolve(progress = Date.now());
  if (el.src && script) {
    el.addEventListener('error', settle);
    el.addEventListener('load', settle);
    setTimeout(resolve, Math.max(1e3, progress + 1e4 - Date.now()));
  } else resolve();
  const defined: any = customElements.get(localName);
  // Each source is tried once, so all must be tried anew, but for what plays or is under way: EMPTY is 0, NO_SOURCE 3. A
  // picture has neither a state nor `load()`.
  if (localName == 'source') parentNode.networkState % 3 || parentNode.load?.();
  else if (localName == 'template') el.after(el.content);
  // A script or a style sheet starts on insertion, and a custom element that watches no attribute reads it there.
  else if (script || localName == 'style' || (defined && !defined.observedAttributes?.some((name: string) => name in dataset))) {
    el.before(start);
    start == el || el.src || start.remove();
  }
});

const consider = (el: any) => {
  const { dataset, localName } = el;
  const { src = el.src, type } = dataset;
  const script = localName == 'script';
  const module = type == 'module';
  el.askfirst ||= parsing;
  // What `innerHTML` made, and its clones, count as started and never run. `async` tells, but not of clones and not where
  // there is the attribute; so only what the parser itself has read is sure to be good.
  const spent = !el.askfirst || !el.async;
  // A template may still be read: what the parser puts in it later would stay there.
  // `async` is false, too, while the parser still reads a script; what has the attribute has been read when something
  // stands after it. What is spent must be the page's own.
  if (el.askfirst > 1 || !isOpen(dataset) || (parsing && el.content) || (script && (el.type != 'text/plain' ||
    (parsing ? module || el.defer || !el.async || !el.nextSibling : spent && el.nonce != tag.nonce)))) return;
  el.askfirst = 2;
  // A frame in a task of its own: Chromium never navigates it when its address is set while the parser's mutations are
  // being told.
  if (localName == 'iframe') setTimeout(run, 0, el);
  // An import map must be there before the first module is asked for.
  else if (!script || type == 'importmap' || (src && el.hasAttribute('async'))) run(el, spent).catch(fail);
  else {
    if (src) {
      const link: any = doc.createElement('link');
      link.as = 'script';
      link.rel = module ? 'modulepreload' : 'preload';
      for (const name of ['referrerPolicy', 'integrity', 'crossOrigin', 'nonce']) link[name] = el[name];
      link.href = src;
      // A page that lives long would gather one for every tag that it renders.
      link.onload = link.onerror = link.remove;
      doc.head.append(link);
    }
    // Several scripts of one dead host share the ten seconds: the time runs from the last sign of life.
    progress = Date.now();
    turn = turn.then(() => run(el, spent)).catch(fail);
  }
};

const gated = '[data-category]';
const scan = (root: ParentNode) => root.querySelectorAll(gated).forEach(consider);

// Only what has been added is looked at. While the parser reads, what it has finished since is not told.
const observer = new MutationObserver((records) => {
  if (parsing) scan(doc);
  for (const record of records) for (const node of record.addedNodes as Iterable<any>) if (node.matches) {
    if (node.matches(gated)) consider(node);
    scan(node);
  }
});

const watch: Boot[8] = (root) => {
  observer.observe(root, { subtree: true, childList: true });
  scan(root);
};

const open: Boot[7] = (value) => {
  gate = { services: new Set(value.services), open: new Set(value.open) };
  scan(doc);
};

const boot = () => {
  const base = new URL('.', tag.src).href;
  // A changed policy must be seen at once, so the configuration is always asked for again.
  const config = data.config && fetch(data.config, { cache: 'no-cache' });
  // Before the biggest file, which so is still under way when the glue asks for what it finds that it needs.
  const glue = import(base + 'askfirst.mjs');
  const wasm = fetch(base + 'askfirst.wasm', { priority: 'low' });
  Promise.all([
    wasm, config,
    glue.then((glue) => glue.start(base, wasm, config, data, key, !!gate, queue, open, watch, signal, waiting)),
  ]).catch((error) => fail(error, (gate = 0 as any)));
};

const begin = () => {
  let hash: any = data.config;
  if (!hash) for (const letter of inline()?.textContent || '') hash = (~~hash * 31 + letter.codePointAt(0)!) | 0;
  key = [FORMAT, hash, data.version, +!!((navigator as any).doNotTrack == 1 || (navigator as any).globalPrivacyControl)].join('|');
  // G9: whatever is not plainly a valid gate for this page is no gate. Only localStorage counts here, since other hosts of
  // the domain can write our cookies. They leave out the signals; one that says otherwise is for the engine to judge.
  // What is asked for now would keep the page's first paint waiting: starting a request takes a slow phone ten milliseconds.
  // While the page waits for its style sheet there is time.
  try {
    const { format, gate: stored } = JSON.parse(localStorage[KEY] || 0);
    if (format === FORMAT && stored.key === key && stored.until > Date.now() && (!/\baskfirst=/.test(doc.cookie) ||
      doc.cookie.includes(encodeURIComponent(JSON.stringify({ format, gate: { ...stored, signals: [] } }).slice(1, -1))))) {
      stored.signals.forEach(signal);
      open(stored);
    }
  } catch {}
  // Where nobody tells when the browser is idle, after what is under way.
  (win.requestIdleCallback || setTimeout)(boot, { timeout: gate ? 2e3 : 99 });
};

// The queue answers `has` until the engine's object replaces it, which has it too: a second copy of the tag must not
// release anything twice.
if (queue.has) console.warn('askfirst: loaded twice');
else {
  queue.has = () => false;
  if ('google' in data) {
    const layer = (win.dataLayer ||= []);
    const gtag = (win.gtag ||= function () { layer.push(arguments); });
    const denied = 'denied';
    // In the order that compresses best, as what else may stand in any order here.
    gtag('consent', 'default', {
      functionality_storage: denied,
      ad_storage: denied,
      security_storage: 'granted',
      personalization_storage: denied,
      ad_personalization: denied,
      analytics_storage: denied,
      ad_user_data: denied,
      wait_for_update: 500,
    });
    gtag('set', 'ads_data_redaction', true);
  }
  try {
    policy = win.trustedTypes.createPolicy(KEY, policy);
  } catch {}
  watch(doc);
  parsing = doc.readyState == 'loading';
  if (data.config || inline() || !parsing) begin();
  doc.addEventListener('DOMContentLoaded', () => {
    scan(doc);
    parsing = false;
    if (key) scan(doc);
    else begin();
  });
}
