// The switches of the dialog among each other, loaded when it opens. Without this file each still says what it decides.
import { HOST } from './generated/wire';

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

/** Begins with the dialog that is open; fetches what a withdrawal in it will need, and lists what the last one has left. */
export function connect(lazy: (part: string) => Promise<any>) {
  lazy('clear').then(({ list }) => list()).catch(() => {});
  for (const category of document.querySelector(HOST)!.shadowRoot!.querySelectorAll<HTMLElement>('.category')) {
    follow(category);
    category.onchange = ({ target }) => follow(category, target);
  }
}
