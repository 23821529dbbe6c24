// The glue: starts the engine, makes `window.askfirst`, and does for the engine what is shorter in JavaScript: events,
// timers, posting, cookies, deleting. There is no rule here (ARCHITECTURE.md, "Loader, glue and engine").
import init, * as engine from 'askfirst-wasm';
import css from './ui.css';
import { ACTIONS, EVENTS, KEY, LOCALES } from './generated/wire';
import type { Boot } from './loader';
import { absolute, mount, type Tree } from './ui';

declare const __UI__: string;
declare const __VERSION__: string;

type Detail = Record<string, unknown>;
type Listener = (detail: Detail) => void;

const doc = document;
const listeners = new Map<string, Set<Listener>>();
const last = new Map<string, Detail>();

/** A listener of the page that throws must not stop the next one, nor the engine. */
const attempt = <T>(fn: () => T): T | undefined => {
  try {
    return fn();
  } catch (error) {
    console.error('askfirst:', error);
  }
};

/** Where storage is refused there is none. */
const quietly = <T>(fn: () => T): T | undefined => {
  try {
    return fn();
  } catch {}
};

const freeze = (value: any): any => {
  if (value && typeof value == 'object') Object.values(Object.freeze(value)).forEach(freeze);
  return value;
};

const ask = (...request: unknown[]) => JSON.parse(engine.call(JSON.stringify(request)));
const wake = () => ask('wake');

/** The other tabs, which the `storage` event does not reach where localStorage is refused (G10). */
let tabs: BroadcastChannel | undefined;
const listen = () => quietly(() => {
  tabs = new BroadcastChannel(KEY);
  tabs.onmessage = wake;
});
/** The page is being left: requests that end now have been cut off, which is no answer. */
let left = false;
addEventListener('pagehide', () => {
  left = true;
  // An open channel keeps the page out of the back/forward cache.
  tabs = tabs?.close() as undefined;
});
addEventListener('pageshow', ({ persisted }) => {
  left = false;
  if (persisted) listen();
});
/** What the engine has opened. */
let gate: Parameters<Boot[7]>[0];
/** The choice as it was last written. */
let told = '';

const emit = (name: string, detail: Detail) => {
  freeze(detail);
  last.set(name, detail);
  // For a tag manager, on the page of the choice and on every later one; also when all is refused (FIELD 53).
  if (/^(change|ready)$/.test(name) && detail.decided) ((window as any).dataLayer ||= []).push({ event: 'askfirst_update', askfirst: detail });
  dispatchEvent(new CustomEvent('askfirst:' + name, { detail }));
  for (const fn of [...(listeners.get(name) || [])]) attempt(() => fn(detail));
};

// The audit is a file of its own; what it finds is told like the rest.
addEventListener('askfirst:leak', ({ detail }: any) => {
  last.set('leak', detail);
  for (const fn of [...(listeners.get('leak') || [])]) attempt(() => fn(detail));
});

/** Every readable cookie as [name, raw value]. */
const cookies = () => (quietly(() => doc.cookie) || '').split('; ').filter((pair) => pair.includes('=')).map((pair) => {
  const end = pair.indexOf('=');
  return [pair.slice(0, end), pair.slice(end + 1)] as const;
});

const bake = (cookie: string) => quietly(() => (doc.cookie = cookie));
const own = () => cookies().filter(([name]) => name == KEY);

/** The shadow roots that the page has named. One that has left the page is forgotten; its component names it again. */
const roots = new Set<ShadowRoot>();

const gated = () => [...doc.querySelectorAll('[data-category]')];

/** Whether the markup keeps a tag shut. */
const isInert = (el: any) => !!(el.localName == 'template' ? el.content.firstChild
  : /^s(cript|tyle)$/.test(el.localName) ? el.type == 'text/plain' : !el.matches('[src],[href],[srcset],[poster],[data],[srcdoc]'));

type Interface = ReturnType<typeof mount>;
let ui: Interface | undefined;

/** What the engine calls, by name. What an action returns goes back as JSON. */
const actions = (base: string, lazy: (part: string) => Promise<any>, open: Boot[7], watch: Boot[8], signal: Boot[9], flush: () => void, lang: string, records?: { endpoint: string; key?: string; cookie?: boolean }): Record<string, (detail: any) => unknown> => ({
  world: () => ({
    now: Date.now(),
    random: quietly(() => [...crypto.getRandomValues(new Uint8Array(64))]),
    gpc: !!(navigator as any).globalPrivacyControl,
    dnt: navigator.doNotTrack == '1',
    path: quietly(() => decodeURI(location.pathname)),
    site: location.origin,
    local: !!quietly(() => localStorage),
    cookies: own().map(([, value]) => quietly(() => decodeURIComponent(value))).filter((text) => text != null),
  }),
  emit: ([name, detail]) => emit(name, detail),
  show([part, tree]: [keyof Interface, Tree | null]) {
    // Whoever looks at the preferences may withdraw in a moment.
    if (part == 'dialog' && tree) lazy('switches').then(({ connect }) => connect(lazy, ask)).catch(() => {});
    quietly(() => ((ui ||= mount(css, lang, (...pressed) => ask('act', ...pressed)))[part](tree), true))
      || console.warn('askfirst: the browser refused the interface; what is shut stays shut');
  },
  open(value) {
    open((gate = value));
    for (const root of roots) root.isConnected ? watch(root) : roots.delete(root);
    // Inline tags have run by then.
    setTimeout(flush);
  },
  signal,
  later: (ms) => setTimeout(wake, Math.min(ms, 2 ** 31 - 1)),
  warn: (line) => console.warn('askfirst: ' + line),
  /** Whether the browser has kept the cookie; `left` is its life in ms, at most the 400 days that Chrome gives (P4). */
  mirror([text, left]) {
    // Told when it is written.
    if (told != (told = text)) setTimeout(() => tabs?.postMessage(0));
    const value = encodeURIComponent(text);
    const age = Math.max(0, Math.min(left / 1e3 | 0, 400 * 86400));
    const cookie = `${KEY}=${value}; path=/; samesite=lax${location.protocol == 'https:' ? '; secure' : ''}; max-age=${age}`;
    // Beyond the longest cookie that browsers keep (RFC 6265 §6.1) an older mirror would contradict localStorage.
    const fits = cookie.length <= 4000;
    const kept = () => own().some(([, kept]) => kept == value);
    const write = () => {
      bake(cookie);
      // Safari soon forgets what a script has written, not what the server has set (P3).
      if (records?.cookie) lazy('choice').then(({ keep }) => keep(records.endpoint, text)).catch(() => {});
    };
    if (!fits || own().length > 1) void lazy('clear').then(({ expire }) => (expire(KEY), fits && write()), () => {});
    else if (records?.cookie && kept()) return true;
    if (!fits) return false;
    write();
    return kept();
  },
  /** Deletes what is declared for refused purposes; the engine waits for the outcome of a withdrawal. */
  clear: ([tell, ...targets]) => void lazy('clear').then(
    ({ clear }) => clear(targets, tell),
    // The next start tries again.
    () => targets.map(([kind, name]: string[]) => ({ kind, name, why: 'later' })),
  ).then((left) => tell && ask('cleared', left)),
  /** The categories of the tags that have been released on this page and can't be stopped, and `:service`. */
  ran: () => gated().filter((el) => !isInert(el) && !el.matches('link,img')).flatMap((el: any) => [...el.dataset.category.split(/[\s,]+/), ':' + el.dataset.service]),
  reload: () => void lazy('clear').then(({ reload }) => reload(), () => location.reload()),
  download: (text) => void lazy('receipt').then(({ download }) => download(text)),
  // R7: the body is stored already; `keepalive` lets the first send outlive the page. As text/plain it needs no
  // preflight.
  async post([url, body]) {
    let status = 0;
    let wait = 0;
    let text = '';
    try {
      const answer = await fetch(absolute(url), {
        method: 'POST', body, keepalive: true, credentials: 'omit', headers: { 'content-type': 'text/plain' },
      });
      wait = Math.ceil(Number(answer.headers.get('retry-after')));
      text = await answer.text();
      // A count has no receipt.
      status = records?.key && answer.status < 202 ? await lazy('receipt').then(({ check }) => check(base, body, text, records.key, answer.status, emit)) : answer.status;
    } catch {
      // No answer; the outbox keeps the record.
      if (left) return;
    }
    ask('answered', body, status, wait > 0 && wait < 2 ** 31 ? wait : null, text);
  },
});

const host = (table: ReturnType<typeof actions>) => ({
  // It never throws: the engine must not be left in the middle of an event.
  call: (name: string, detail: string) => attempt(() => JSON.stringify(table[name]!(JSON.parse(detail)))) ?? '',
});

const api = (ready: Promise<unknown>, watch: Boot[8]) => {
  const askfirst = {
    version: __VERSION__,
    ready,
    has: (id: string) => !!ask('has', id),
    state: () => freeze(ask('state')),
    on(name: string, fn: Listener) {
      if (!EVENTS.includes(name as any)) throw new TypeError(`askfirst: no event "${name}"; there are ${EVENTS.join(', ')}`);
      if (!listeners.has(name)) listeners.set(name, new Set());
      listeners.get(name)!.add(fn);
      // A listener that comes late gets the last state.
      if (last.has(name)) attempt(() => fn(last.get(name)!));
    },
    off: (name: string, fn: Listener) => void listeners.get(name)?.delete(fn),
    open: () => void ask('open'),
    preferences: () => void ask('preferences'),
    accept: () => void ask('accept'),
    reject: () => void ask('reject'),
    // Only a real `true` grants: "no" would be truthy.
    save: (...answers: Record<string, boolean>[]) => void ask('save', answers.flatMap((said, at) => Object.entries(said).map(([id, on]) => [(at ? ':' : '') + id, on === true]))),
    withdraw: () => void ask('withdraw'),
    receipt: () => freeze(ask('receipt')),
    scan(root: ShadowRoot) {
      roots.add(root);
      watch(root);
    },
    /** Takes what the queue took: `['on', 'change', fn]`. */
    push(...entries: unknown[][]) {
      for (const [name, ...args] of entries) attempt(() => (askfirst as any)[name as string](...args));
    },
  };
  return askfirst;
};

/** Starts the engine; called once, by the loader. Rejects when anything is missing or wrong: then nothing was opened. */
export async function start(...[base, wasm, remote, data, key, opened, queue, open, watch, signal, waiting]: Boot): Promise<void> {
  try {
    const good = (request: Promise<Response>) => request.then((answer) => {
      if (!answer.ok) throw new Error(answer.url + ' is missing');
      return answer;
    });
    const text = (request: Promise<Response>) => good(request).then((answer) => answer.text());
    const files: Record<string, Promise<string>> = {};
    const file = (path: string) => (files[path] ||= text(fetch(base + path)));
    /** What will be wanted by all appearances is under way while the engine, the biggest file, still is. */
    const hint = (path: string) => void file(path).catch(() => {});
    const page = (data.locale || doc.documentElement.lang).toLowerCase();
    hint(`locales/${[page, page.split('-')[0]!, 'en'].find((tag) => tag && LOCALES.includes(tag))}.json`);
    const once = (name: string) => new Promise((go) => doc.addEventListener(name, go, { once: true }));
    // No banner and no record for a page that nobody sees yet (G10).
    if ((doc as any).prerendering) await once('prerenderingchange');
    const inline = doc.getElementById(KEY + '-config');
    const written = remote ? text(remote) : inline ? Promise.resolve(inline.textContent!) : Promise.reject('no data-config');
    const [config] = await Promise.all([written.then((config) => {
      // The ids that stand in lists of services and are not declared further down, without reading the JSON: the engine
      // says which are really wanted.
      for (const [, list] of config.matchAll(/"services"\s*:\s*\[([\s\w",-]*)/g)) {
        for (const id of list!.match(/[\w-]+/g) || []) RegExp(`"${id}"\\s*:`).test(config) || hint(`services/${id}.json`);
      }
      return config;
    }), init({ module_or_path: good(wasm) })]);
    const [lang, ...wanted] = engine.plan(JSON.stringify([config, page])).split(' ');
    const [locale, ...declared] = await Promise.all([
      file(`locales/${lang}.json`),
      // A name that is not in the catalogue is reported by the parser, with a suggestion.
      ...wanted.map((id) => file(`services/${id}.json`).catch(() => '')),
    ]);
    const services = Object.fromEntries(wanted.map((id, at) => [id, declared[at]]));
    if (!doc.body) await once('DOMContentLoaded');

    /** A part that a page needs only sometimes. */
    const lazy = (part: string) => import(`${base}askfirst-${part}.mjs`);
    // The sentences about the configuration are a module of their own, which visitors never load.
    const lines = async () => (await lazy('check')).check(base, config, services);
    const flush = () => waiting.splice(0).forEach((call) => attempt(() => signal(call)));
    // A site that has moved: what was chosen under another product (FIELD 81).
    const isMoved = /"dialects"\s*:/.test(config) && !own().length && quietly(() => localStorage[KEY]) == null;
    const imported = isMoved && await lazy('import').then(({ find }) => find(JSON.parse(config))).catch(() => {});
    let done: (state: unknown) => void;
    const askfirst = api(new Promise((resolve) => (done = resolve)), watch);
    (window as any).askfirst = askfirst;
    const why = engine.start(host(actions(base, lazy, open, watch, signal, flush, lang!, quietly(() => JSON.parse(config).records))), JSON.stringify({
      config, locale, lang, services, key, opened, imported, ui: __UI__, client: 'askfirst/' + __VERSION__,
    }));
    if (why) throw new Error(why.startsWith('error') ? 'the configuration has errors:\n' + await lines().catch(() => why) : why);
    done!(askfirst.state());
    askfirst.push(...(queue as unknown[][]));

    // Each gated element that has not been released is reported once, soon after it has appeared.
    const reported = new WeakSet();
    let looking = 0;
    const look = () => {
      looking = 0;
      for (const el of gated() as any[]) if (el.askfirst != 2 && !reported.has(el)) {
        reported.add(el);
        ask('seen', el.localName, isInert(el), el.dataset.category, el.dataset.service);
        // What stands in the place of a shut frame (G7).
        if (el.localName == 'iframe') lazy('embeds').then(({ placeholder }) => placeholder(el, lang, file, ask, open, () => gate)).catch(() => {});
      }
    };
    look();
    new MutationObserver(() => (looking ||= setTimeout(look, 200))).observe(doc, { childList: true, subtree: true });
    // A framework that keeps an element gives it another address: what was released is released with that one (FIELD 69).
    new MutationObserver((records) => {
      for (const { target } of records as any) if (target.askfirst == 2 && target.localName != 'script') target.askfirst = 0;
      watch(doc);
    }).observe(doc, { subtree: true, attributeFilter: ['data-src', 'data-srcset', 'data-href', 'data-poster', 'data-data'] });
    // A tag has loaded: it may have brought the function for which a consent call waits.
    doc.addEventListener('load', flush, true);

    doc.addEventListener('click', (event) => {
      const target = (event.composedPath()[0] as Element)?.closest?.('[data-askfirst]');
      const action = target?.getAttribute('data-askfirst');
      if (!target || !ACTIONS.includes(action as any)) return;
      event.preventDefault();
      ask(action, event.isTrusted);
    });
    listen();
    // Another tab, the back button, a network that is there again.
    for (const name of ['storage', 'online', 'pageshow']) addEventListener(name, wake);
    doc.addEventListener('visibilitychange', wake);
    const audit = /"audit"\s*:\s*"(\w+)/.exec(config)?.[1];
    if (audit && (audit != 'sampled' || Math.random() < 0.01)) import(base + 'askfirst-audit.js').catch(() => {});
    if (doc.querySelector(KEY + '-declaration')) import(base + 'askfirst-declaration.mjs').catch(() => {});
    // Whoever develops the site sees the warnings too.
    if (/^(localhost|127\..*|\[::1])$|\.localhost$/.test(location.hostname)) {
      setTimeout(() => lines().then((text) => text && console.warn('askfirst: the configuration:\n' + text)).catch(() => {}), 1e3);
    }
  } catch (error) {
    emit('error', { code: 'start', message: String(error) });
    throw error;
  }
}
