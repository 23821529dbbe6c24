// What a first visit does without until its banner is there: everything that follows a decision. Loaded right after the
// banner, with the second part of the engine; on a returning visit before the start. There is no rule here.
import { call as ours, init } from 'askfirst-more-wasm';
import css from './dialog.css';
import { furnish } from './dialog';
import { EVENTS, KEY } from './generated/wire';
import type { Boot } from './loader';
import { isSampled } from './sampled';
import { absolute, type Interface } from './ui';

/** Asks the engine (`Engine::call`). */
export type Ask = (...request: unknown[]) => any;

/** What the glue hands over. */
export interface Page {
  /** URL of the folder of the product. */
  base: string;
  version: string;
  /** What the page pushed to `window.askfirst` so far. */
  queue: unknown[][];
  lang: () => string;
  /** The actions that the engine calls, by name. */
  table: Record<string, (detail: any) => unknown>;
  /** The last detail of each event. */
  last: Map<string, Detail>;
  freeze: (value: any) => any;
  attempt: <T>(fn: () => T) => T | undefined;
  quietly: <T>(fn: () => T) => T | undefined;
  /** The values of our cookies, raw. */
  own: () => string[];
  file: (path: string) => Promise<string>;
  lazy: (part: string) => Promise<any>;
  /** The text of the configuration. */
  config: string;
  /** The sentences about it. */
  lines: () => Promise<string>;
  open: Boot[7];
  watch: Boot[8];
  /** Makes the consent calls that wait for a function. */
  flush: () => void;
  gate: () => Parameters<Boot[7]>[0];
}

type Detail = Record<string, unknown>;
type Listener = (detail: Detail) => void;

const doc = document;
const gated = () => [...doc.querySelectorAll('[data-category]')];

/** Whether the markup keeps a tag shut. */
const isInert = (el: any) => !!(el.localName == 'template' ? el.content.firstChild
  : /^s(cript|tyle)$/.test(el.localName) ? el.type == 'text/plain' : !el.matches('[src],[href],[srcset],[poster],[data],[srcdoc]'));

let call = ours;
const ask: Ask = (...request) => JSON.parse(call(JSON.stringify(request)));
const wake = () => ask('wake');

/** The shadow roots that the page has named. One that has left the page is forgotten; its component names it again. */
const roots = new Set<ShadowRoot>();

/** `window.askfirst`: there when everything it can be asked is. */
const api = (ready: Promise<unknown>, listeners: Map<string, Set<Listener>>, { version, last, attempt, freeze, watch }: Page) => {
  const askfirst = {
    version,
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

/** Completes engine, actions and interface. `offer` comes right before `ready` is told, `follow` behind it. Without a
 * `wasm`, `first` is the engine in one piece (`refused.ts`). An engine that has started with the first layer's words gets
 * `more`, the others, before it can be asked anything. */
export async function connect(page: Page, first: any, wasm: Response | true, more: string) {
  const { base, table, last, quietly, attempt, own, file, lazy, lines, open, watch, flush, gate } = page;
  if (wasm === true) ({ call } = first);
  else await init(first, wasm);
  if (ask('texts', more) === false) throw new Error('the words of the preferences can’t be read');

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
    // What waits for nothing but a network goes once more; it stays in the outbox until somebody has heard the answer.
    ask('online');
    // An open channel keeps the page out of the back/forward cache.
    tabs = tabs?.close() as undefined;
  });
  addEventListener('pageshow', ({ persisted }) => {
    left = false;
    if (persisted) listen(), ask('restored');
  });
  /** The choice as it was last written. */
  let told = '';
  const bake = (cookie: string) => quietly(() => (doc.cookie = cookie));

  const listeners = new Map<string, Set<Listener>>();
  // The audit is a file of its own; what it finds is told like the rest.
  addEventListener('askfirst:leak', ({ detail }: any) => {
    last.set('leak', detail);
    for (const fn of [...(listeners.get('leak') || [])]) attempt(() => fn(detail));
  });
  let done: (state: unknown) => void;
  const askfirst = api(new Promise((resolve) => (done = resolve)), listeners, page);
  /** Puts the object in the place of the queue. */
  const offer = () => ((window as any).askfirst = askfirst);

  const { emit, open: release, show } = table;
  const tell = (name: string, detail: Detail) => table.emit!([name, detail]);
  const records: { endpoint: string; key?: string; challenge?: boolean; cookie?: boolean } | undefined = quietly(() => JSON.parse(page.config).records);
  Object.assign(table, {
    emit([name, detail]: [string, Detail]) {
      // For a tag manager, on the page of the choice and on every later one; also when all is refused (FIELD 53).
      if (name == 'error' && detail.message) console.warn('askfirst: ' + detail.message);
      if (/^(change|ready)$/.test(name) && detail.decided) ((window as any).dataLayer ||= []).push({ event: 'askfirst_update', askfirst: page.freeze(detail) });
      emit!([name, detail]);
      for (const fn of [...(listeners.get(name) || [])]) attempt(() => fn(last.get(name)!));
    },
    open(value: unknown) {
      release!(value);
      for (const root of roots) root.isConnected ? watch(root) : roots.delete(root);
    },
    show([part, tree]: [string, unknown]) {
      // Whoever looks at the preferences may withdraw in a moment.
      if (part == 'dialog' && tree) lazy('switches').then(({ connect }) => connect(lazy, ask)).catch(() => {});
      show!([part, tree]);
    },
    later: (ms: number) => setTimeout(wake, Math.min(ms, 2 ** 31 - 1)),
    /** Whether the browser has kept the cookie; `left` is its life in ms, at most the 400 days that Chrome gives (P4). */
    mirror([text, left]: [string, number]) {
      // Told when it is written.
      if (told != (told = text)) setTimeout(() => tabs?.postMessage(0));
      const value = encodeURIComponent(text);
      const age = Math.max(0, Math.min(left / 1e3 | 0, 400 * 86400));
      const cookie = `${KEY}=${value}; path=/; samesite=lax${location.protocol == 'https:' ? '; secure' : ''}; max-age=${age}`;
      // Beyond the longest cookie that browsers keep (RFC 6265 §6.1) an older mirror would contradict localStorage.
      const fits = cookie.length <= 4000;
      const kept = () => own().includes(value);
      const write = () => {
        bake(cookie);
        // Safari soon forgets what a script has written, not what the server has set (P3).
        if (records?.cookie) lazy('choice').then(({ keep }) => keep(absolute(records.endpoint), text)).catch(() => {});
      };
      if (!fits || own().length > 1) void lazy('clear').then(({ expire }: any) => (expire(KEY), fits && write()), () => {});
      else if (records?.cookie && kept()) return true;
      if (!fits) return false;
      write();
      return kept();
    },
    /** Deletes what is declared for refused purposes; the engine waits for the outcome of a withdrawal. */
    clear: ([tell, ...targets]: [boolean, ...[string, string][]]) => void lazy('clear').then(
      ({ clear }: any) => clear(targets, tell, ask),
      // The next start tries again.
      () => targets.map(([kind, name]) => ({ kind, name, why: 'later' })),
    ).then((left: unknown) => tell && ask('cleared', left)),
    /** The categories of the tags that have been released on this page and can't be stopped, and `:service`. One that says
     * `data-reload="no"` stops by itself. */
    ran: () => gated().filter((el) => !isInert(el) && !el.matches('link,img,[data-reload=no]')).flatMap((el: any) => [...el.dataset.category.split(/[\s,]+/), ':' + el.dataset.service]),
    reload: () => void lazy('clear').then(({ reload }: any) => reload(), () => location.reload()),
    download: (text: string) => void lazy('receipt').then(({ download }: any) => download(text)),
    // R7: the body is stored already; `keepalive` lets the first send outlive the page. As text/plain it needs no
    // preflight.
    async post([url, body]: [string, string]) {
      let status = 0;
      let wait = 0;
      let text = '';
      const word = records?.challenge && !left && await Promise.race([
        // A record goes rather without than not at all.
        new Promise<void>((gone) => addEventListener('pagehide', () => gone())),
        lazy('challenge').then(({ challenge }) => challenge(absolute(url), body)).catch(() => {}),
      ]);
      try {
        const answer = await fetch(absolute(url), {
          method: 'POST', body, keepalive: true, credentials: 'omit',
          headers: { 'content-type': 'text/plain', ...word && { 'askfirst-challenge': word } },
        });
        wait = Math.ceil(Number(answer.headers.get('retry-after')));
        text = await answer.text();
        // A count has no receipt.
        status = records?.key && answer.status < 202 ? await lazy('receipt').then(({ check }) => check(base, body, text, records.key, answer.status, tell)) : answer.status;
      } catch {
        // No answer; the outbox keeps the record.
        if (left) return;
      }
      ask('answered', body, status, wait > 0 && wait < 2 ** 31 ? wait : null, text);
    },
  });

  /** What goes on for as long as the page lives. */
  const follow = () => {
    done(askfirst.state());
    askfirst.push(...page.queue);
    // Each gated element that has not been released is reported once, soon after it has appeared.
    const reported = new WeakSet();
    let looking = 0;
    const look = () => {
      looking = 0;
      for (const el of gated() as any[]) if (el.askfirst != 2 && !reported.has(el)) {
        reported.add(el);
        ask('seen', el.localName, isInert(el), el.dataset.category, el.dataset.service);
        // What stands in the place of a shut frame (G7).
        if (el.localName == 'iframe') lazy('embeds').then(({ placeholder }) => placeholder(el, page.lang(), file, ask, open, gate)).catch(() => {});
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

    listen();
    // Another tab, the back button, a network that is there again.
    for (const name of ['storage', 'pageshow']) addEventListener(name, wake);
    addEventListener('online', () => ask('online'));
    doc.addEventListener('visibilitychange', () => (doc.hidden ? ask('online') : wake()));
    if (isSampled(/"audit"\s*:\s*"?(\w+)/.exec(page.config)?.[1])) import(base + 'askfirst-audit.js').catch(() => {});
    if (doc.querySelector(KEY + '-declaration')) import(base + 'askfirst-declaration.mjs').catch(() => {});
    // Whoever develops the site sees the warnings too.
    if (/^(localhost|127\..*|\[::1])$|\.localhost$/.test(location.hostname)) {
      setTimeout(() => lines().then((text) => text && console.warn('askfirst: the configuration:\n' + text)).catch(() => {}), 1e3);
    }
    // Another tab may have been faster than this part.
    if (!last.get('ready')!.decided && quietly(() => KEY in localStorage)) wake();
  };
  const asked = page.lang();
  /** All words of the language, for an engine that starts with both parts; `more` is those of what the page was taken for. */
  const words = async () => {
    const lang = page.lang();
    const texts = [await file(`locales/${lang}.json`), lang == asked ? more : await file(`locales/more/${lang}.json`)];
    return JSON.stringify(Object.assign({}, ...texts.map((text) => JSON.parse(text))));
  };
  return { ask, offer, follow, words, furnish: (ui: Interface) => furnish(ui, css) };
}
