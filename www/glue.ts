// The glue: starts the engine, makes `window.askfirst`, and does for the engine what is shorter in JavaScript: events,
// timers, posting. There is no rule here (ARCHITECTURE.md, "Loader, glue and engine").
import init, * as engine from 'askfirst-wasm';
import css from './ui.css';
import { ACTIONS, EVENTS } from './generated/wire';
import type { Boot } from './loader';

declare const __UI__: string;
declare const __VERSION__: string;

type Detail = Record<string, unknown>;
type Listener = (detail: Detail) => void;

const listeners = new Map<string, Set<Listener>>();
const last = new Map<string, Detail>();

/** A listener of the page that throws must not stop the next one, nor the engine. */
const call = (fn: () => unknown) => {
  try {
    fn();
  } catch (error) {
    console.error('askfirst: a listener failed', error);
  }
};

const freeze = (value: any): any => {
  if (value && typeof value == 'object') Object.values(Object.freeze(value)).forEach(freeze);
  return value;
};

const emit = (name: string, detail: Detail) => {
  freeze(detail);
  last.set(name, detail);
  dispatchEvent(new CustomEvent('askfirst:' + name, { detail }));
  for (const fn of [...(listeners.get(name) || [])]) call(() => fn(detail));
};

const host = (boot: Boot) => ({
  emit,
  open: boot.open,
  signal: (args: unknown[]) => (window as any).gtag?.(...args),
  later: (ms: number) => setTimeout(engine.wake, Math.min(ms, 2 ** 31 - 1)),
  warn: (line: string) => console.warn('askfirst: ' + line),
  dropDatabase: (name: string) => indexedDB.deleteDatabase(name),
  download(name: string, text: string) {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([text], { type: 'application/json' }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1e3);
  },
  // R7: the body is stored already; `keepalive` lets the first send outlive the page. As text/plain it needs no
  // preflight.
  async post(url: string, body: string) {
    let status = 0;
    let wait: number | undefined;
    let text = '';
    try {
      const answer = await fetch(url, {
        method: 'POST', body, keepalive: true, credentials: 'omit', headers: { 'content-type': 'text/plain' },
      });
      ({ status } = answer);
      wait = Number(answer.headers.get('retry-after')) || undefined;
      text = await answer.text();
    } catch {
      // No answer; the outbox keeps the record.
    }
    engine.answered(body, status, wait, text);
  },
});

const api = (ready: Promise<unknown>) => {
  const askfirst = {
    version: __VERSION__,
    ready,
    has: engine.has,
    state: () => freeze(engine.state()),
    on(name: string, fn: Listener) {
      if (!EVENTS.includes(name as any)) throw new TypeError(`askfirst: no event "${name}"; there are ${EVENTS.join(', ')}`);
      if (!listeners.has(name)) listeners.set(name, new Set());
      listeners.get(name)!.add(fn);
      // A listener that comes late gets the last state.
      if (last.has(name)) call(() => fn(last.get(name)!));
    },
    off: (name: string, fn: Listener) => void listeners.get(name)?.delete(fn),
    open: () => engine.command('open', false),
    preferences: () => engine.command('preferences', false),
    accept: () => engine.command('accept', false),
    reject: () => engine.command('reject', false),
    save: (answers: Record<string, boolean>) => engine.command('save', false, answers),
    withdraw: () => engine.command('withdraw', false),
    receipt: () => freeze(engine.receipt()),
    /** Takes what the queue took: `['on', 'change', fn]`. */
    push(...entries: unknown[][]) {
      for (const [name, ...args] of entries) call(() => (askfirst as any)[name as string](...args));
    },
  };
  return askfirst;
};

/** Starts the engine; called once, by the loader. Rejects when anything is missing or wrong: then nothing was opened. */
export async function start(boot: Boot): Promise<void> {
  try {
    // No banner and no record for a page that nobody sees yet (G10).
    if ((document as any).prerendering) await new Promise((go) => document.addEventListener('prerenderingchange', go, { once: true }));
    const [config] = await Promise.all([boot.config, init({ module_or_path: boot.wasm })]);
    const page = (boot.wanted || '').toLowerCase();
    const { lang, services } = engine.plan(config, page);
    const text = async (path: string) => {
      const answer = await fetch(boot.base + path);
      if (!answer.ok) throw new Error(path + ' is missing');
      return answer.text();
    };
    const [locale, ...declared] = await Promise.all([
      lang == boot.lang ? boot.locale : text(`locales/${lang}.json`),
      // A name that is not in the catalogue is reported by the parser, with a suggestion.
      ...services.map(async (id: string) => [id, await text(`services/${encodeURIComponent(id)}.json`).catch(() => '')]),
    ]);
    if (!document.body) await new Promise((go) => document.addEventListener('DOMContentLoaded', go, { once: true }));

    let done: (state: unknown) => void;
    const askfirst = api(new Promise((resolve) => (done = resolve)));
    (window as any).askfirst = askfirst;
    engine.start(host(boot), {
      config, locale, lang, services: declared, css, key: boot.key, opened: boot.opened, ui: __UI__,
      client: 'askfirst/' + __VERSION__,
    });
    done!(askfirst.state());
    askfirst.push(...(boot.queue as unknown[][]));
    boot.seen(engine.seen);

    document.addEventListener('click', (event) => {
      const target = (event.composedPath()[0] as Element)?.closest?.('[data-askfirst]');
      const action = target?.getAttribute('data-askfirst');
      if (!target || !ACTIONS.includes(action as any)) return;
      event.preventDefault();
      engine.command(action!, event.isTrusted);
    });
    // Another tab, the back button, a network that is there again.
    addEventListener('storage', engine.wake);
    addEventListener('online', engine.wake);
    addEventListener('pageshow', engine.wake);
    document.addEventListener('visibilitychange', engine.wake);
  } catch (error) {
    emit('error', { code: 'start', message: String(error) });
    throw error;
  }
}
