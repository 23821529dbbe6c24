// The dialog once it stands: its switches among each other, what it says in the reader's own way, and what else can be
// done in it. Loaded when it opens. Without this file each switch still says what it decides.
import { HOST } from './generated/wire';
import { localise } from './said';
import { laterWords } from './words';

/** Keeps the switch of a category in step with those of its services. While they differ it looks so, and what describes
 * it says how many are on: a `switch` can't be `mixed` to a screen reader. */
const follow = (category: Element, changed?: EventTarget | null) => {
  const [all, ...each] = category.querySelectorAll<HTMLInputElement>('.switch');
  if (!all || !each[0]) return;
  if (changed == all) for (const one of each) one.checked = all.checked;
  const on = each.filter((one) => one.checked).length;
  // All of its services alike are the category; until then what has no service of its own stays as it was.
  if (changed && on % each.length == 0) all.checked = !!on;
  all.indeterminate = on != (all.checked ? each.length : 0);
  category.querySelector('[id^=count]')!.textContent = all.indeterminate ? `${on}/${each.length}` : '';
};

/** Lets the first layer's own announcement, if there is one, go first; in milliseconds. */
const AFTER = 300;
let waiting = false;

/** A decision closes the dialog; that it was taken is told in words (WCAG 4.1.3). */
const confirm = (host: HTMLElement, ask: (...request: unknown[]) => any) => {
  if (waiting) return;
  waiting = true;
  addEventListener('askfirst:change', () => {
    waiting = false;
    const status = host.shadowRoot!.querySelector('.status')!;
    laterWords(host.lang, ask).then((words) => setTimeout(() => (status.textContent ||= words['dialog.saved']!), AFTER), () => {});
  }, { once: true });
};

/** Begins with the dialog that is open; fetches what a withdrawal in it will need, and lists what the last one has left. */
export function connect(lazy: (part: string) => Promise<any>, ask: (...request: unknown[]) => any) {
  lazy('clear').then(({ list }) => list()).catch(() => {});
  const host = document.querySelector<HTMLElement>(HOST)!;
  const root = host.shadowRoot!;
  localise(root, host.lang);
  confirm(host, ask);
  for (const category of root.querySelectorAll<HTMLElement>('.category')) {
    follow(category);
    category.onchange = ({ target }) => follow(category, target);
  }
  // Without it the receipt can be saved and consent withdrawn.
  if (root.querySelector('[data-records]')) lazy('kept').then(({ offer }) => offer(root, ask)).catch(() => {});
}
