// The second layer of the interface, the preferences, and the control that reopens them; loaded right after the banner.
import { attempt, focus, type Interface } from './ui';

const DIALOG = '[part=dialog]';
const REOPEN = '[part=reopen]';

/** Gives the interface its second layer. */
export const furnish = (ui: Interface, css: string) => {
  const { root, find, add, focused, lift, press } = ui;
  ui.wear(css);
  /** What had focus before the dialog opened (A2). */
  let invoker: Element | null = null;
  /** What got the focus back when the dialog closed. */
  let returned: Element | null = null;
  /** The invoker went away with the banner; the re-open control takes its place. */
  let orphaned = false;

  const openModal = (dialog: HTMLElement) => (dialog as HTMLDialogElement).showModal();

  const closeDialog = () => {
    const dialog = find(DIALOG) as HTMLDialogElement | null;
    if (!dialog) return;
    dialog.close();
    // Once it is out of the tree, the `close` event that the browser has queued reaches nobody.
    dialog.remove();
    returned = invoker;
    invoker = null;
    if (returned?.isConnected) focus(returned);
    else if (returned) orphaned = !focus(find(REOPEN));
  };

  // Escape and Android's back gesture close the dialog natively. That decides nothing (B1). The event doesn't bubble.
  const close = () => press('close');
  root.addEventListener('close', close, true);

  // What refuses for visitors by itself (autoconsent's heuristics) sees the page's own tree, not a shadow root, and there a
  // `button` with such words in something `fixed`. It finds these, which nobody sees, hears or reaches: a press of them is
  // one of the banner's own button, by an agent.
  const { banner } = ui;
  add(['div', { class: 'status agent', 'aria-hidden': 'true' }, ['slot', {}]]);
  const tell = () => {
    const reject = find('[part=reject]');
    root.host.textContent = '';
    if (!reject) return;
    const twin = add(['button', { type: 'button', tabindex: '-1' }, reject.textContent!]);
    twin.onclick = () => reject.click();
    root.host.append(find('#banner-title')!.textContent!, twin);
  };
  tell();

  Object.assign(ui, {
    banner(tree) {
      banner(tree);
      tell();
    },
    /** The preferences, with the focus on their title (A2); closed, it returns to what opened them. */
    dialog(tree) {
      if (!tree) return closeDialog();
      // A dialog that replaces another keeps the first one's invoker.
      const other = find(DIALOG);
      if (other) other.remove();
      else invoker = focused();
      const dialog = add(tree);
      openModal(dialog);
      focus(dialog.querySelector('[tabindex]'));
    },
    /** The control that reopens the preferences. */
    reopen(tree) {
      // The button stands in a landmark that was made for it.
      find(REOPEN)?.parentElement!.remove();
      if (!tree) return;
      lift(add(tree));
      if (orphaned) orphaned = !focus(find(REOPEN));
    },
    leave() {
      // A choice in the dialog closes it first and the banner next.
      if (returned && returned == root.activeElement) orphaned = true;
    },
    back() {
      // Taken by `document.open()`, as those of `ui.ts`.
      root.addEventListener('close', close, true);
      const dialog = find('dialog');
      dialog?.removeAttribute('open');
      if (dialog) attempt(() => openModal(dialog));
    },
  } satisfies Partial<Interface>);
};
