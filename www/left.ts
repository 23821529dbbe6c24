// What a withdrawal could not delete, as the visitor sees it: a list at the top of the dialog, which opens for it (G5,
// FIELD 30). Part of the module that deletes.
import type { Left } from './clear';
import { HOST } from './generated/wire';
import { element } from './ui';
import { laterWords } from './words';

/** How long after a withdrawal, in ms, the page that it has reloaded still opens the list by itself. */
const RECENT = 30e3;

const parts = (): ShadowRoot | null | undefined => document.querySelector(HOST)?.shadowRoot;
const askfirst = (): any => (window as any).askfirst;
/** Asks the engine. */
let ask: (...request: unknown[]) => any;

/** By kind and name; nothing that is tried again. */
let known = new Map<string, Left>();
/** Whether something was deleted since the choice last changed. */
let cleared = false;
/** The page is about to load anew. */
let leaving = false;
export const leave = () => (leaving = true);

/** Whether this page is the one that a withdrawal has just reloaded. */
const isReloaded = () => (performance.getEntriesByType('navigation')[0] as PerformanceNavigationTiming | undefined)?.type == 'reload'
  && Date.now() - Date.parse(askfirst()?.state?.()?.at) < RECENT;

const show = async () => {
  const dialog = parts()?.querySelector('dialog');
  const { lang } = document.querySelector<HTMLElement>(HOST)!;
  const words = await laterWords(lang, ask);
  if (!dialog?.isConnected || !known.size || dialog.querySelector('[part=left]')) return;
  const list = element(['section', { class: 'state', part: 'left' },
    ['h3', { tabindex: '-1' }, words['left.title']!],
    ['p', {}, words['left.text']!],
    ['ul', {}, ...[...known.values()].map(({ name, why }) => ['li', {}, ['code', {}, name], ' – ' + words['left.' + why]!] as any)],
  ]);
  dialog.querySelector('.body')!.prepend(list);
  return list.querySelector('h3');
};

/** Puts the list into the dialog that is open, if there is anything to list. */
export const list = () => void (known.size && show().catch(() => {}));

const open = () => {
  if (!known.size || leaving) return;
  askfirst().preferences();
  // A site's own interface has no dialog.
  if (parts()?.querySelector('dialog')) show().then((title) => title?.focus({ preventScroll: true })).catch(() => {});
};

/** Takes over what a deletion has left: of a withdrawal, or of the start of a page. */
export const keep = (left: Left[], withdrawal: boolean, engine: typeof ask) => {
  ask = engine;
  cleared = true;
  const reloaded = !withdrawal && isReloaded();
  if (!withdrawal) known = new Map();
  for (const one of left) {
    // Whoever has always refused has nothing at other sites for which this one could speak.
    if (one.why == 'server' || (one.why == 'foreign' && (withdrawal || reloaded))) known.set(`${one.kind} ${one.name}`, one);
  }
  if (reloaded) open();
};

addEventListener('askfirst:change', () => {
  if (!cleared) known = new Map();
  cleared = false;
});
// After the dialog of the withdrawal has closed, and unless the page loads anew. Where a signal of the browser may have
// withdrawn, nobody has asked for a dialog: it has the list when it is opened.
addEventListener('askfirst:withdraw', ({ detail: { state } }: any) => !state.gpc && !state.dnt && navigator.userActivation?.isActive && setTimeout(open));
