// What the visitor sees first: one host element with an open shadow root, and in it what `core::view` describes. The
// second layer is in `dialog.ts`.
//
// No rule lives here: what is shown comes from the engine as a tree, and a press leaves as the name of an action.
// These mechanics are TypeScript because that is 4.0 kB smaller (brotli, whole product, measured with the same behaviour
// in Rust): there they need some sixty web-sys imports, each with a wrapper in the wasm and another one in the bindings.
import { HOST, RTL } from './generated/wire';

/** `["tag", {attributes}, content…]`, as in the notice. Text only ever becomes text nodes (T2). */
export type Tree = [tag: string, attributes: Record<string, string>, ...content: (string | Tree)[]];

/** What is measured of a press (`core::record::Interaction`). */
export type Interaction = { input: string; dwell_ms: number; first_layer_equal_choice?: boolean; trusted_event: boolean };
/** What was pressed, the switches as they stand, [category or :service, on], and how it was pressed. */
export type Act = (action: string, switches: [string, boolean][], interaction?: Interaction) => void;

const BANNER = '[part=banner]';

/** How long a screen reader gets to notice the empty live region before it is filled, in milliseconds. */
const NOTICE = 100;
/** After so many removals in quick succession, something in the page insists; fighting on would freeze it. */
const PATIENCE = 20;
/** Removals further apart than this, in milliseconds, are not a fight. */
const TRUCE = 1e3;

/** What the configuration calls `/privacy` is that of this site, wherever the `<base>` of a page points. */
export const absolute = (url: string) => {
  try {
    return new URL(url, location.href).href;
  } catch {
    // `about:srcdoc` has no path; such a page takes its parent's.
    return url;
  }
};

export const element = ([tag, attributes, ...content]: Tree) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, name == 'href' ? absolute(value) : value);
  made.append(...content.map((child) => (typeof child == 'string' ? child : element(child))) as Node[]);
  return made;
};

/** A constructed style sheet, which no Content Security Policy forbids; none where the browser has none. */
const sheet = (css: string) => {
  try {
    const made = new CSSStyleSheet();
    made.replaceSync(css);
    return made;
  } catch {}
};

/** Whether it worked. */
export const attempt = (fn: () => void) => {
  try {
    fn();
    return true;
  } catch {
    return false;
  }
};

/** The interface, and what its second layer (`dialog.ts`) is built with. */
export interface Interface {
  root: ShadowRoot;
  /** Adds a style sheet. */
  wear: (css: string) => void;
  find: (selector: string) => HTMLElement | null;
  add: (tree: Tree) => HTMLElement;
  /** The focused element, if it is not merely the page. */
  focused: () => Element | null;
  /** Puts a part into the top layer. */
  lift: (made: HTMLElement) => HTMLElement;
  press: (action: string, interaction?: Interaction) => void;
  banner: (tree?: Tree | null) => void;
  /** Moves the focus to the first layer. */
  focus: () => void;
  dialog?: (tree?: Tree | null) => void;
  reopen?: (tree?: Tree | null) => void;
  /** The first layer goes. */
  leave?: () => void;
  /** The host is in the page again. */
  back?: () => void;
}

/** Focuses without scrolling the page; tells whether there was something to focus. */
export const focus = (target: Element | null | undefined) => {
  (target as HTMLElement | undefined)?.focus({ preventScroll: true });
  return !!target;
};

/** Puts the empty host in the page. `css` is the style sheet of the shadow root, `lang` is that of the words. */
export const mount = (css: string, lang: string, act: Act): Interface => {
  const host = document.createElement(HOST);
  host.lang = lang;
  host.dir = RTL.includes(lang) ? 'rtl' : 'ltr';
  // Open, so that privacy extensions and tests reach the buttons.
  const root = host.attachShadow({ mode: 'open' });
  // `all: initial` takes the language too, which decides among the shapes of a Chinese character.
  css += `*{-webkit-locale:"${lang}"!important}`;
  const wear = (css: string) => {
    const style = sheet(css);
    if (style) root.adoptedStyleSheets = [...root.adoptedStyleSheets, style];
    else root.append(element(['style', {}, css]));
  };
  wear(css);
  // The live region, there from the beginning so that its filling is announced (WCAG 4.1.3).
  const status = element(['div', { role: 'status', class: 'status' }]);
  root.append(status);

  let announcement: ReturnType<typeof setTimeout>;
  let removals = 0;
  let removed = 0;
  /** Keeps focused elements of the page clear of the banner (WCAG 2.4.11), which is at most half as high as the
   * window; measuring it would force a layout at start-up. */
  const clearance = sheet(':root{scroll-padding-bottom:50vh}');

  const find = (selector: string) => root.querySelector<HTMLElement>(selector);

  const add = (tree: Tree) => {
    const made: any = element(tree);
    root.append(made);
    made.since = performance.now();
    return made as HTMLElement;
  };

  /** Into the top layer, where neither `z-index` nor `transform`, `contain` or `filter` of the page matters. */
  const lift = (made: HTMLElement) => {
    made.setAttribute('popover', 'manual');
    // A browser without popovers: `position: fixed` and a high `z-index` have to do.
    if (!attempt(() => made.showPopover())) made.removeAttribute('popover');
    return made;
  };

  const keepClear = (on: boolean) => {
    if (!clearance) return;
    const others = document.adoptedStyleSheets.filter((other) => other != clearance);
    document.adoptedStyleSheets = on ? [...others, clearance] : others;
  };

  /** Where the page ends, no scrolling brings an element out from under the banner: whoever goes by keyboard gets more
   * page there, and the banner's real height kept clear. Nothing moves for anybody else. */
  const makeRoom = ({ key }: KeyboardEvent) => {
    const banner = find(BANNER);
    if (key != 'Tab' || !banner) return;
    const { top, bottom, height } = banner.getBoundingClientRect();
    const [side, end] = top < innerHeight - bottom ? ['top', 'before'] : ['bottom', 'after'];
    clearance?.replaceSync(`:root{scroll-padding-${side}:${height + 40}px}:root::${end}{content:"";display:block;height:${height + 40}px}`);
  };
  addEventListener('keydown', makeRoom, true);

  /** The focused element, looked up in the shadow root when the page only sees the host. */
  const focused = () => {
    const found = root.activeElement || document.activeElement;
    return found != document.body ? found : null;
  };

  const hideBanner = () => {
    clearTimeout(announcement);
    status.textContent = '';
    ui.leave?.();
    find(BANNER)?.remove();
    keepClear(false);
  };

  /** Makes the host the last child of the body there is now, if it is not in it, and watches that body. Frameworks
   * that rebuild the body take it out; it comes back. */
  function attach() {
    const { documentElement, body } = document;
    // Observing a node twice is the same as once.
    for (const parent of [document, documentElement, body]) if (parent) watch.observe(parent, { childList: true });
    if (!body || host.parentNode == body) return;
    const now = Date.now();
    removals = now - removed < TRUCE ? removals + 1 : 0;
    removed = now;
    if (removals > PATIENCE) return;
    // A snapshot of the page (Turbo) may hold an empty copy.
    for (const copy of body.querySelectorAll(HOST)) copy.remove();
    body.append(host);
    // `document.open()` takes the listeners of every node (HTML, "document open steps"); one more time is none otherwise.
    root.addEventListener('click', click);
    // Removal takes popovers and dialogs out of the top layer; this puts them back.
    for (const part of root.querySelectorAll<HTMLElement>('[popover]')) attempt(() => part.showPopover());
    ui.back?.();
  }

  /** Size and look of a button on the first layer; halves of a pixel are the browser's. Nothing without that layer. */
  const look = (name: string) => {
    const button = find(`${BANNER} [part=${name}]`);
    if (!button) return;
    const { width, height } = button.getBoundingClientRect();
    const { font, color, background, opacity, visibility } = getComputedStyle(button);
    return [Math.round(width), Math.round(height), font, color, background, opacity, visibility] + '';
  };

  const press = (action: string, interaction?: Interaction) => {
    const inputs = [...root.querySelectorAll<HTMLInputElement>('[data-category-id]')];
    if (action == 'close') ui.dialog?.();
    act(action, inputs.map((input) => [input.dataset.categoryId!, input.checked]), interaction);
  };
  const click = ({ target, isTrusted, detail }: any) => {
    const control = target.closest('[data-action]');
    const layer: any = [...root.children].find((child) => child.contains(target));
    const rejecting = look('reject');
    if (control) press(control.getAttribute('data-action')!, {
      // The keyboard clicks nothing in particular.
      input: isTrusted ? detail ? 'pointer' : 'keyboard' : 'agent',
      // No more exact than it may be kept (R2), whatever the page has made of its clock.
      dwell_ms: Math.min(Math.max((performance.now() - layer.since) / 100 + 0.5 | 0, 0), 6e3) * 100,
      trusted_event: isTrusted,
      // B3.
      first_layer_equal_choice: rejecting && rejecting == look('accept'),
    } as Interaction);
  };
  const watch = new MutationObserver(attach);
  // Each shows a part of the interface, or takes it away when there is no tree.
  const ui: Interface = {
    root,
    wear,
    find,
    add,
    focused,
    lift,
    press,
    /** The first layer, without taking the focus from the page. */
    banner(tree?: Tree | null) {
      hideBanner();
      if (!tree) return;
      const banner = lift(add(tree));
      // On a phone every form is the sheet at the bottom.
      if (/top/.test(banner.className)) clearance?.replaceSync(':root{scroll-padding-bottom:50vh}@media(min-width:40em){:root{scroll-padding:50vh 0 0}}');
      keepClear(true);
      // While nothing is focused, lets the next Tab go to the banner, which otherwise stands at the end of the page.
      if (!focused()) {
        focus(banner);
        banner.blur();
      }
      const title = find('#banner-title')!.textContent;
      announcement = setTimeout(() => (status.textContent = title), NOTICE);
    },
    /** Moves the focus to the first layer. */
    focus: () => void focus(find(BANNER)),
  };
  attach();
  return ui;
};
