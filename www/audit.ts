// askfirst-audit.js: compares what really happened on a page with the choice, and reports the difference as `askfirst:leak`
// (FIELD §5, 6). It prevents nothing; askfirst-block.js and a Content Security Policy do. It knows no visitor: a report
// holds a host or a name, never an address, a value or a path. Where records are kept, the counts of a page are sent there
// once, when it is left. It is a tag of its own, or the glue loads it where the configuration says `"audit"`.
import { accessor, method } from './block/natives';
import { hostPattern, matching, Rules, type Rule } from './block/rules';
import { KEY, MOST } from './generated/wire';
import { isMeant } from './pattern';
import { isSampled } from './sampled';

interface Item { name: string; kind: string }
interface Service { id: string; category: string; hosts: string[]; items: Item[] }
type What = 'request' | 'cookie' | 'localStorage' | 'sessionStorage';

/** Our own tag, or that of the loader, beside which we were loaded. */
const tag = (document.currentScript || document.querySelector('script[src$="/askfirst.js"]')) as HTMLScriptElement;
const wasAsked = !!document.currentScript;
/** How long, in ms, opening and closing take effect: what starts then is on neither side. */
const MARGIN = 200;
/** How often names are looked at, in ms; what a script writes is seen when it does. */
const LOOK = 1000;

const quietly = <T>(fn: () => T): T | undefined => {
  try {
    return fn();
  } catch {}
};

const text = async (url: string) => {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(url + ' is missing');
  return answer.text();
};

/** The services of the configuration, each with its category; our own hosts; where counts go; how much is looked at. */
const declared = async (): Promise<[services: Service[], own: string[], counts: string | undefined, audit: string | true | undefined]> => {
  const stated = () => tag.dataset.config || document.querySelector<HTMLElement>('script[src][data-config]')?.dataset.config;
  if (!stated() && document.readyState == 'loading') await new Promise((go) => document.addEventListener('DOMContentLoaded', go));
  const from = stated();
  const config = JSON.parse(from ? await text(from) : document.getElementById(KEY + '-config')!.textContent!);
  const base = new URL('.', tag.src).href;
  const ids = Object.entries<any>(config.categories || {}).flatMap(([category, { services = [] }]) => services.map((id: string) => [id, category]));
  const services = ids.map(async ([id, category]): Promise<Service> => {
    const { hosts = [], items = [] } = config.services?.[id] || await text(`${base}services/${id}.json`).then(JSON.parse, () => ({}));
    return { id, category, hosts, items };
  });
  const endpoint = new URL(config.records?.endpoint || base, location.href);
  return [await Promise.all(services), [new URL(base).hostname, endpoint.hostname], config.records && new URL('leaks', endpoint).href, config.audit];
};

/** The last script in the call that is not ours, without what may tell visitors apart. */
const caller = () => {
  for (const [url] of (new Error().stack || '').matchAll(/https?:\/\/[^\s)]+?(?=:\d+:\d+)/g)) {
    if (url == tag.src) continue;
    const { origin, pathname } = new URL(url);
    return url.split(/[?#]/)[0] == location.href.split(/[?#]/)[0] ? 'inline' : origin + pathname;
  }
  return null;
};

/** How often each thing was seen on this page, as the server counts it: no visitor, no page, no time (R2). */
const counts = new Map<string, { kind: string; name: string; category: string; count: number }>();
const count = (kind: string, name: string, category = 'undeclared') => {
  const key = [kind, name, category].join(' ');
  const known = counts.get(key);
  if (known) known.count = Math.min(known.count + 1, MOST.count);
  else if (counts.size < MOST.leaks) counts.set(key, { category, count: 1, kind, name: name.replace(/[^\w.:*$[\]|~!-]/g, '*').slice(0, MOST.name) });
};
const post = (url: string) => {
  const body = JSON.stringify({ leaks: [...counts.values()], site: location.origin, v: 1 });
  if (counts.size) void fetch(url, { method: 'POST', body, keepalive: true, credentials: 'omit', headers: { 'content-type': 'text/plain' } }).catch(() => {});
};

/** An undeclared name may hold an id. */
const masked = (name: string) => name.replace(/(?=[a-z]*\d)[a-z\d]{6,}|\d{3,}/gi, '*').slice(0, 100);

const ALWAYS = /^(functional|necessary|essential)$/;

/** Something that happened: a request's address or a name, by whom, and when (ms since the page began). */
type Seen = [what: What, name: string, initiator: string | null, at: number, policy?: boolean];

/** Starts comparing; gives what judges one thing that was seen. */
function audit(services: Service[], own: string[], to: string | undefined): (...seen: Seen) => void {
  const rules = services.flatMap(({ id, category, hosts }) => hosts.map((host): Rule => ({ ...hostPattern(host), category, service: id })));
  // What is open is asked once for each service, whatever it has hosts for.
  const marks = new Map(services.map(({ id, category }): [string, Rule] => [id, { matches: () => false, hint: '', category, service: id }]));
  const gate = new Rules([...marks.values()]);

  /** When each service was last opened or closed; before its first change it is as it was found. */
  const since = new Map<string, { open: boolean; at: number }>();
  const isAllowed = (id: string, at = performance.now()) => {
    const mark = marks.get(id)!;
    if (ALWAYS.test(mark.category)) return true;
    const open = gate.isOpen(mark);
    const known = since.get(id);
    if (known?.open != open) since.set(id, { open, at: known ? performance.now() : -Infinity });
    const { at: changed } = since.get(id)!;
    return open ? at >= changed - MARGIN : at < changed + MARGIN;
  };
  const look = () => services.forEach(({ id }) => isAllowed(id));
  gate.onOpen(look);

  const said = new Set<string>();
  const report = (what: What, name: string, initiator: string | null, service?: Service, policy?: boolean) => {
    const kind = what == 'request' ? (policy ? 'csp' : what) : what == 'cookie' ? what : 'storage';
    const again = said.has([what, name, service?.id].join());
    // Names are looked at again and again; that one is still there is nothing new.
    if (!again || what == 'request') count(kind, name, service?.category);
    const key = [what, name, service?.id].join();
    if (said.has(key)) return;
    said.add(key);
    const detail = Object.freeze({
      what, [what == 'request' ? 'host' : 'name']: name, initiator, category: service?.category ?? null, service: service?.id ?? null,
    });
    console.warn(`askfirst: leak: ${what} ${name}: ${service ? `no consent for ${service.id} (${service.category})` : 'not declared'}`);
    dispatchEvent(new CustomEvent('askfirst:leak', { detail }));
  };

  const isOurs = (hostname: string) => [location.hostname, ...own].some((ours) => hostname == ours || hostname.endsWith('.' + ours) || ours.endsWith('.' + hostname));
  const request = (address: string, initiator: string | null, at: number, policy?: boolean) => quietly(() => {
    const url = new URL(address, location.href);
    if (!/^(http|ws)s?:$/.test(url.protocol)) return;
    const found = matching(rules, url).map(({ service }) => services.find(({ id }) => id == service)!);
    if (found.some(({ id }) => isAllowed(id, at))) return;
    if (found[0] || (url.origin != location.origin && !isOurs(url.hostname))) report('request', url.host, initiator, found[0], policy);
  });

  const name = (...[what, written, initiator, at]: Seen) => {
    if (written == KEY) return;
    const found = services.filter(({ items }) => items.some((item) => item.kind == what && isMeant(item.name, written)));
    if (found.some(({ id }) => isAllowed(id, at))) return;
    const pattern = found[0]?.items.find((item) => item.kind == what && isMeant(item.name, written))!.name;
    report(what, pattern ?? masked(written), initiator, found[0]);
  };
  const names = () => {
    for (const pair of (quietly(() => document.cookie) || '').split('; ')) if (pair) name('cookie', pair.split('=')[0]!, null, performance.now());
    for (const kind of ['localStorage', 'sessionStorage'] as const) for (const key of quietly(() => Object.keys(window[kind])) || []) name(kind, key, null, performance.now());
  };

  // Tells what has been seen so far in a task of its own: the loader has looked at the probes by then.
  new PerformanceObserver((entries) => {
    for (const { name: url, startTime, initiatorType } of entries.getEntries() as PerformanceResourceTiming[]) request(url, initiatorType, startTime);
  }).observe({ type: 'resource', buffered: true });
  // The engine clears what is refused when it starts, and after a withdrawal; what is there later has stayed or come.
  const ready = () => setTimeout(() => {
    // By now the choice is known, and what follows from it has been done.
    if (to) addEventListener('pagehide', () => (names(), post(to)), { once: true });
    names();
    setInterval(() => {
      look();
      if (!document.hidden) names();
    }, LOOK);
    addEventListener('pagehide', names);
  }, LOOK);
  if ((window as any).askfirst?.ready) ready();
  else addEventListener('askfirst:ready', ready, { once: true });
  for (const event of ['change', 'withdraw']) addEventListener('askfirst:' + event, look);
  return (what, ...seen) => (what == 'request' ? request(...seen) : name(what, ...seen));
}

const started = Symbol.for('askfirst-audit');
if (!(document as any)[started] && Math.random() < Number((wasAsked ? tag.dataset.sample : undefined) ?? 1)) {
  (document as any)[started] = true;
  /** What was seen before it could be judged. */
  const early: Seen[] = [];
  let judge: (...seen: Seen) => void = (...seen) => void early.push(seen);
  const tell = (what: What, name: string, initiator: string | null) => judge(what, name, initiator, performance.now());

  accessor(Document.prototype, 'cookie', (_, [value], native) => {
    native(value);
    const [pair, ...attributes] = String(value).split(';');
    const written = pair!.split('=')[0]!.trim();
    // An end in the past deletes.
    if (written && !/max-age\s*=\s*(0|-)|expires\s*=[^;]*\b(19|200)\d/i.test(attributes.join(';'))) tell('cookie', written, caller());
  });
  method(Storage.prototype, 'setItem', (storage, args, native) => {
    native(...args);
    quietly(() => tell(storage == window.sessionStorage ? 'sessionStorage' : 'localStorage', String(args[0]), caller()));
  });
  document.addEventListener('securitypolicyviolation', ({ disposition, blockedURI, sourceFile, effectiveDirective }) => {
    // What was enforced has not happened.
    if (disposition == 'report' && blockedURI.includes(':')) judge('request', blockedURI, sourceFile?.split(/[?#]/)[0] || effectiveDirective, performance.now(), true);
  });
  declared().then(([services, own, to, share]) => {
    if (wasAsked && tag.dataset.sample == null && share && !isSampled(share)) return;
    const judged = audit(services, own, to);
    // The loader looks at the probes when this task is over.
    setTimeout(() => {
      for (const seen of early) judged(...seen);
      judge = judged;
    });
  }).catch((error) => console.error('askfirst: the audit can not read the configuration', error));
}
