// What a withdrawal deletes, in a module of its own: only who has refused or withdraws needs it (G5, FIELD 30-32).
// Everything is read again afterwards; what is still there is told, with why.
import { keep, leave } from './left';
import { isMeant } from './pattern';

/** What a refused purpose declares: its kind, its name, where `*` stands for any characters, and whether another site keeps it. */
export type Target = [kind: string, name: string, foreign: boolean];

/** What could not be deleted: `server` only a server can, `foreign` only the other site, `later` is in use and tried again. */
export interface Left {
  kind: string;
  name: string;
  why: 'server' | 'foreign' | 'later';
}

interface Store {
  /** The names of all that is there, `undefined` where the browser does not tell. */
  names(): Promise<(string | undefined)[]> | (string | undefined)[] | undefined;
  remove(name: string): unknown;
}

/** How long something that is in use is waited for, in ms. */
const PATIENCE = 500;

const patient = (work: unknown) => Promise.race([work, new Promise((go) => setTimeout(go, PATIENCE))]);

/**
 * Expires a cookie on this host and every parent domain (the browser itself refuses a public suffix, so each is simply
 * tried), for the root and every ancestor of the path. `Secure` is needed for prefixed names, `Partitioned` for the copy
 * that a browser keeps per top-level site.
 */
export const expire = (name: string) => {
  const { hostname, pathname } = location;
  const paths = new Set(['/', pathname]);
  [...pathname].forEach((letter, at) => letter == '/' && paths.add(pathname.slice(0, at) || '/').add(pathname.slice(0, at + 1)));
  for (let rest = hostname, domain = ''; ; domain = '; domain=' + rest, rest = rest.replace(/^[^.]*\.?/, '')) {
    for (const path of paths) for (const kind of ['', '; secure', '; secure; partitioned']) {
      document.cookie = `${name}=; max-age=0; path=${path}${domain}${kind}`;
    }
    if (!rest.includes('.')) break;
  }
};

const web = (kind: 'localStorage' | 'sessionStorage'): Store => ({
  names: () => Object.keys(window[kind]),
  remove: (name) => window[kind].removeItem(name),
});

const workers = async () => [...(await navigator.serviceWorker.getRegistrations())].map((registration) => {
  const { scriptURL } = (registration.active || registration.waiting || registration.installing)!;
  return { registration, name: new URL(scriptURL).pathname };
});

const stores: Record<string, Store> = {
  cookie: {
    names: () => document.cookie.split('; ').map((pair) => pair.split('=')[0]).filter((name) => name),
    remove: expire,
  },
  localStorage: web('localStorage'),
  sessionStorage: web('sessionStorage'),
  indexedDB: {
    names: async () => (await indexedDB.databases()).map(({ name }) => name),
    remove: (name) => new Promise((go) => {
      const request = indexedDB.deleteDatabase(name);
      request.onsuccess = request.onerror = go;
    }),
  },
  cacheStorage: { names: () => caches.keys(), remove: (name) => caches.delete(name) },
  /** By the path of their script. */
  serviceWorker: {
    names: async () => (await workers()).map(({ name }) => name),
    remove: async (name) => Promise.all((await workers()).filter((worker) => worker.name == name).map(({ registration }) => registration.unregister())),
  },
};

const found = async (kind: string, name: string) => {
  try {
    return ((await patient(stores[kind]!.names())) as string[]).filter((other) => other != null && isMeant(name, other));
  } catch {
    // Refused storage is empty; where databases can't be listed, one is deleted as it is declared.
    return kind == 'indexedDB' && !name.includes('*') && !('databases' in indexedDB) ? [name] : [];
  }
};

export { list } from './left';

/** Deletes what is meant, for a withdrawal or at the start of a page, and tells what is left. `ask` calls the engine. Never
 * rejects. */
export const clear = async (targets: Target[], withdrawal: boolean, ask: (...request: unknown[]) => any): Promise<Left[]> => {
  const left: Left[] = [];
  // Cookies and keys go at once, in the order of the declaration; nothing waits for a database that is in use.
  await Promise.all(targets.map(async ([kind, name, foreign]) => {
    if (!stores[kind]) return;
    const here = await found(kind, name);
    for (const other of here) await patient(Promise.resolve(other).then(stores[kind]!.remove)).catch(() => {});
    // What stood on this site was its own copy, whoever else has one.
    if (foreign && kind == 'cookie' && !here.length) left.push({ kind, name, why: 'foreign' });
    else if (kind != 'indexedDB' || 'databases' in indexedDB) {
      for (const other of await found(kind, name)) left.push({ kind, name: other, why: kind == 'cookie' ? 'server' : 'later' });
    }
  }));
  keep(left, withdrawal, ask);
  return left;
};

/** Loads the page anew, so that what has run stops; not while a form holds something that would be lost. */
export const reload = () => {
  const fields = [...document.querySelectorAll<HTMLInputElement>('input,textarea')];
  const typed = fields.some((el) => el.type != 'hidden' && (el.value != el.defaultValue || el.checked != el.defaultChecked));
  if (typed) return;
  leave();
  location.reload();
};
