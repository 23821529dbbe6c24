// What a withdrawal could not delete, as the visitor sees it: a list at the top of the dialog, and a button that leads to it
// (G5, FIELD 30). Nobody who withdraws has asked for another dialog. Part of the module that deletes.
import type { Left } from './clear';
import { HOST } from './generated/wire';
import { element } from './ui';
import { laterWords } from './words';

/** How long after a withdrawal, in ms, the page that it has reloaded still offers the list by itself. */
const RECENT = 30e3;

/** Above the control that reopens the dialog, which looks alike. */
const PLACE = '.reopen .hint{inset-block-end:max(4em,env(safe-area-inset-bottom) + 3.25em)}';
let placed: CSSStyleSheet | undefined;
/** The button that leads to the list. */
let hint: HTMLElement | undefined;

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

/** The words, those of the list too. */
const words = () => laterWords(document.querySelector<HTMLElement>(HOST)!.lang, ask);

const show = async () => {
  const dialog = parts()?.querySelector('dialog');
  const said = await words();
  if (!dialog?.isConnected || !known.size || dialog.querySelector('[part=left]')) return;
  const list = element(['section', { class: 'state', part: 'left' },
    ['h3', { tabindex: '-1' }, said['left.title']!],
    ['p', {}, said['left.text']!],
    ['ul', {}, ...[...known.values()].map(({ name, why }) => ['li', {}, ['code', {}, name], ' – ' + said['left.' + why]!] as any)],
  ]);
  dialog.querySelector('.body')!.prepend(list);
  return list.querySelector('h3');
};

/** Takes the button away: the list has been seen, or is true no more. */
const settle = () => void (hint?.parentElement?.matches('[part=left-hint]') ? hint.parentElement : hint)?.remove();

/** Puts the list into the dialog that is open, if there is anything to list. */
export const list = () => {
  settle();
  if (known.size) show().catch(() => {});
};

/** Says in the live region that something was left, and offers the list beside the control that reopens the dialog. */
const offer = async () => {
  const root = parts();
  // A site's own interface has the event, and no dialog.
  if (!known.size || leaving || !root?.querySelector('.status[role=status]')) return;
  const title = (await words())['left.title']!;
  // The page may have come to another choice meanwhile, or show the list already.
  if (!known.size || leaving || hint?.isConnected || root.querySelector('dialog')) return;
  const status = root.querySelector('.status[role=status]')!;
  status.textContent = `${status.textContent} ${title}`.trim();
  if (!placed) (placed = new CSSStyleSheet()).replaceSync(PLACE);
  if (!root.adoptedStyleSheets.includes(placed)) root.adoptedStyleSheets = [...root.adoptedStyleSheets, placed];
  hint = element(['button', { type: 'button', class: 'hint', part: 'left-open' }, title]);
  hint.onclick = () => {
    settle();
    askfirst().preferences();
    show().then((heading) => heading?.focus({ preventScroll: true })).catch(() => {});
  };
  const control = root.querySelector('.reopen');
  if (control) return control.prepend(hint);
  // The site has a control of its own somewhere in the page.
  const place = element(['section', { class: 'reopen', part: 'left-hint', popover: 'manual' }]);
  place.append(hint);
  root.append(place);
  place.showPopover?.();
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
  if (reloaded) offer().catch(() => {});
};

addEventListener('askfirst:change', () => {
  if (!cleared) {
    known = new Map();
    settle();
  }
  cleared = false;
});
// After the dialog of the withdrawal has closed, and unless the page loads anew. Where a signal of the browser or another
// tab may have withdrawn, nobody waits for an answer here: the dialog has the list when it is opened.
addEventListener('askfirst:withdraw', ({ detail: { state } }: any) => !state.gpc && !state.dnt && navigator.userActivation?.isActive && setTimeout(() => offer().catch(() => {})));
