// The glue: starts the engine, makes `window.askfirst`, and does for the engine what is shorter in JavaScript. There is no
// rule here (ARCHITECTURE.md, "Loader, glue and engine"). What a first visit does without until its banner is there is in
// `more.ts`, beside the second part of the engine.
import initialise, { again, plan, shared, start as begin } from 'askfirst-wasm';
import css from './ui.css';
import { ACTIONS, KEY, LOCALES } from './generated/wire';
import type { Boot } from './loader';
import type * as More from './more';
import { isRefused } from './refused';
import { mount, type Interface, type Tree } from './ui';

declare const __UI__: string;
declare const __VERSION__: string;

type Detail = Record<string, unknown>;

const doc = document;
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

/** Asks the engine; there once both of its parts are, and nothing is decided before. */
let ask: More.Ask | undefined;
/** What was asked before. */
let waiting: unknown[][] = [];
/** Fetches the second part, unless it is under way. */
let load: (() => void) | undefined;

/** Asks without waiting for an answer. */
const request = (...asked: unknown[]) => {
  if (ask) return void ask(...asked);
  // Of several presses while nothing seems to happen the last one is meant.
  if (asked[0] == 'act') waiting = waiting.filter(([name]) => name != 'act');
  waiting.push(asked);
  load?.();
};

/** What the engine has opened. */
let gate: Parameters<Boot[7]>[0];

const emit = (name: string, detail: Detail) => {
  last.set(name, freeze(detail));
  // Whoever hears `ready` may call `window.askfirst` at once: it waits for what answers.
  if (ask || name != 'ready') dispatchEvent(new CustomEvent('askfirst:' + name, { detail }));
};

/** The values of our cookies, raw. There can be several. */
const own = () => (quietly(() => doc.cookie) || '').split('; ').filter((pair) => pair.startsWith(KEY + '=')).map((pair) => pair.slice(KEY.length + 1));
const kept = () => !!quietly(() => KEY in localStorage);

let ui: Interface | undefined;
/** Completes the interface. */
let furnish: ((ui: Interface) => void) | undefined;

/** An action that the engine calls; what it returns goes back as JSON. */
type Actions = Record<string, (detail: any) => unknown>;

/** What the engine calls, by name, on a first visit. */
const actions = (open: Boot[7], signal: Boot[9], flush: () => void, lang: () => string): Actions => ({
  world: () => ({
    now: Date.now(),
    random: quietly(() => [...crypto.getRandomValues(new Uint8Array(64))]),
    gpc: !!(navigator as any).globalPrivacyControl,
    dnt: navigator.doNotTrack == '1',
    path: quietly(() => decodeURI(location.pathname)),
    site: location.origin,
    local: !!quietly(() => localStorage),
    kept: kept(),
    cookies: own().map((value) => quietly(() => decodeURIComponent(value))).filter((text) => text != null),
  }),
  emit: (event: Parameters<typeof emit>) => emit(...event),
  show([part, tree]: [string, Tree | null]) {
    quietly(() => {
      if (!ui) {
        ui = mount(css, lang(), (...pressed) => request('act', ...pressed));
        furnish?.(ui);
      }
      (ui as any)[part]?.(tree);
      return true;
    }) || console.warn('askfirst: the browser refused the interface; what is shut stays shut');
  },
  open(value) {
    open((gate = value));
    // Inline tags have run by then.
    setTimeout(flush);
  },
  signal,
});

/** Starts the engine; called once, by the loader. Rejects when anything is missing or wrong: then nothing was opened. */
export async function start(...[base, wasm, remote, data, key, opened, queue, open, watch, signal, uncalled]: Boot): Promise<void> {
  try {
    const good = async (request: Promise<Response>) => {
      const answer = await request;
      if (!answer.ok) throw new Error(answer.url + ' is missing');
      return answer;
    };
    const text = async (request: Promise<Response>) => (await good(request)).text();
    const files: Record<string, Promise<string>> = {};
    const file = (path: string) => (files[path] ||= text(fetch(base + path)));
    /** What will be wanted by all appearances is under way while the engine, the biggest file, still is. */
    const hint = (path: string) => void file(path).catch(() => {});
    /** A part that a page needs only sometimes; some browsers never ask again for one that was missing. */
    const lazy = (part: string, again?: number): Promise<any> => import(`${base}askfirst-${part}.mjs${again ? '?' + again : ''}`);
    let tries = 0;
    const refused = isRefused();
    let engine: { plan: typeof plan; start: typeof begin } = { plan, start: begin };
    const page = (data.locale || doc.documentElement.lang).toLowerCase();
    /** The language: at first the one that the engine will name by all appearances. */
    let lang = [page, page.split('-')[0]!, 'en'].find((tag) => tag && LOCALES.includes(tag))!;
    hint(`locales/${lang}.json`);
    /** What a first visit does without until its banner is there: glue, engine, and the words of all but the first layer. */
    const fetchMore = () => Promise.all([lazy('more', tries++), refused || good(fetch(base + 'askfirst-more.wasm')), text(fetch(`${base}locales/more/${lang}.json`))] as const);
    const once = (name: string) => new Promise((go) => doc.addEventListener(name, go, { once: true }));
    // No banner and no record for a page that nobody sees yet (G10).
    if ((doc as any).prerendering) await once('prerenderingchange');
    // With a choice to go by there is more to do than to ask.
    let whole = refused || kept() || own()[0] != null;
    const more = whole ? fetchMore() : undefined;
    const inline = doc.getElementById(KEY + '-config');
    const written = remote ? text(remote) : inline ? Promise.resolve(inline.textContent!) : Promise.reject('no data-config');
    const [config] = await Promise.all([written.then((config) => {
      // The ids that stand in lists of services and are not declared further down, without reading the JSON: the engine
      // says which are really wanted.
      for (const [, list] of config.matchAll(/"services"\s*:\s*\[([\s\w",-]*)/g)) {
        for (const id of list!.match(/[\w-]+/g) || []) RegExp(`"${id}"\\s*:`).test(config) || hint(`services/${id}.json`);
      }
      return config;
    }), refused ? lazy('plain').then((all) => (engine = all)) : initialise(wasm), more]);

    let services: Record<string, string>;
    const flush = () => uncalled.splice(0).forEach((call) => attempt(() => signal(call)));
    const table = actions(open, signal, flush, () => lang);
    // The sentences about the configuration are a module of their own, which visitors never load.
    const lines = async () => (await lazy('check')).check(base, config, services);
    let connected: Awaited<ReturnType<typeof More.connect>> | undefined;
    const complete = async ([{ connect }, wasm, words]: Awaited<ReturnType<typeof fetchMore>>) => {
      connected = await connect({ base, version: __VERSION__, queue, lang: () => lang, table, last, freeze, attempt, quietly, own, file, lazy, lines, config, open, watch, flush, gate: () => gate }, refused ? engine : shared(), wasm, words);
      ({ ask, furnish } = connected!);
      if (ui) furnish(ui);
    };

    /** What the engine wants to be done, until it is sure that the first part is enough. */
    let held: [string, any][] | undefined;
    // It never throws but for that: the engine must not be left in the middle of an event.
    const call = (name: string, detail: string) => {
      if (!held || name == 'world') return attempt(() => JSON.stringify((table as any)[name](JSON.parse(detail)))) ?? '';
      if (!table[name]) throw new WebAssembly.RuntimeError(name);
      held.push([name, detail]);
      return '';
    };
    /** Of a site that has moved: what was chosen under another product (FIELD 81). */
    let imported: unknown;
    const run = async () => {
      const [planned, ...wanted] = engine.plan(JSON.stringify([config, page])).split(' ');
      const [locale, ...declared] = await Promise.all([
        (lang = planned!, connected ? connected.words() : file(`locales/${lang}.json`)),
        // A name that is not in the catalogue is reported by the parser, with a suggestion.
        ...wanted.map((id) => file(`services/${id}.json`).catch(() => '')),
      ]);
      services = Object.fromEntries(wanted.map((id, at) => [id, declared[at]!]));
      if (!doc.body) await once('DOMContentLoaded');
      connected?.offer();
      return engine.start({ call }, JSON.stringify({
        config, locale, lang, services, key, opened, imported, ui: __UI__, client: 'askfirst/' + __VERSION__,
      }));
    };
    if (!whole && /"dialects"\s*:/.test(config)) {
      imported = await lazy('import').then(({ find }) => find(JSON.parse(config))).catch(() => {});
      whole = !!imported;
    }
    if (whole) await complete(await (more || fetchMore()));
    else held = [];
    const why = await run().catch(async (error) => {
      if (!(held && error instanceof WebAssembly.RuntimeError)) throw error;
      // What the first part has not got is in the second: from the beginning, with both, as if nothing had been. Nothing
      // has been, but for what the engine itself remembers.
      held = undefined;
      whole = true;
      const parts = await fetchMore();
      await again();
      await complete(parts);
      return run();
    });
    if (why) throw new Error(why.startsWith('error') ? 'the configuration has errors:\n' + await lines().catch(() => why) : why);
    // The page has its turn in between: no task that it feels.
    await new Promise((go) => setTimeout(go));
    const wanted = held || [];
    held = undefined;
    for (const [name, detail] of wanted) call(name, detail);
    const ready = () => {
      connected!.offer();
      if (!whole) emit('ready', last.get('ready')!);
      connected!.follow();
      for (const asked of waiting.splice(0)) ask!(...asked);
    };
    const fetchRest = () => {
      load = undefined;
      fetchMore().then(complete).then(ready).catch((error) => {
        load = fetchRest;
        console.error('askfirst: nothing can be decided yet, the next press tries again', error);
      });
    };
    doc.addEventListener('click', (event) => {
      const action = (event.composedPath()[0] as Element)?.closest?.('[data-askfirst]')?.getAttribute('data-askfirst');
      if (!ACTIONS.includes(action as any)) return;
      event.preventDefault();
      request(action, event.isTrusted);
    });
    if (whole) return ready();
    load = fetchRest;
    // When the banner has been painted; a press doesn't wait for that. A page that nobody sees paints nothing.
    requestAnimationFrame(() => setTimeout(() => load?.()));
  } catch (error) {
    emit('error', { code: 'start', message: String(error) });
    throw error;
  }
}
