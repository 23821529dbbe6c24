// Placeholders for embedded frames that are shut (G7): who would show what, and two ways to see it. Loaded only when a
// page has such a frame.
//
// A frame without an address holds an empty document of the page itself. The placeholder is drawn in that document, so
// it has the frame's own box (no layout shift), its place in the tab order and its name, no style of the page reaches
// it, and nothing is asked of the provider, not even a picture.
import css from './embeds.css';
import { HOST } from './generated/wire';
import type { Boot } from './loader';
import { absolute, element, type Tree } from './ui';

/** What the placeholder says of a service; from the configuration, by `Engine::call`. */
interface Service {
  name: string;
  provider: string;
  purpose: Tree;
  policy: string | null;
}

const PROPERTIES = ['accent', 'accent-text', 'background', 'text', 'text-soft', 'border', 'control', 'focus', 'radius', 'font'];

/** A frame smaller than this, in CSS pixels, shows nothing to anybody: nothing could be read in it. */
const READABLE = [120, 60] as const;

/** The service as which a frame is opened for this time only. No configuration has it: an id has no `~`. */
const ONCE = '~once';

/**
 * Draws the placeholder of one shut frame. Frames whose document the page may not touch (`sandbox`) stay empty. `file`
 * fetches one of the product's, `ask` calls the engine, `open` hands the loader a gate, `gate` is the one it has.
 */
export async function placeholder(
  frame: HTMLIFrameElement, lang: string, file: (path: string) => Promise<string>,
  ask: (...request: unknown[]) => any, open: Boot[7], gate: () => Parameters<Boot[7]>[0],
) {
  const { service: id } = frame.dataset;
  const service: Service | null = id ? ask('service', id) : null;
  if (!service) return;
  // The owner's own words stand above the bundled ones.
  const words: Record<string, string> = { ...JSON.parse(await file(`locales/later/${lang}.json`)), ...ask('words') };
  const say = (key: string) => words[key]!.replace(/\{(\w+)\}/g, (all, name: 'name' | 'provider') => service[name] ?? all);

  const draw = () => {
    const doc = frame.contentDocument;
    const view = frame.contentWindow as (Window & typeof globalThis) | null;
    if (frame.matches('[src],[srcdoc]')) return sizes.disconnect();
    if (!doc?.body || !view || doc.body.firstChild || frame.clientWidth < READABLE[0] || frame.clientHeight < READABLE[1]) return;
    const add = <K extends keyof HTMLElementTagNameMap>(parent: Element, tag: K, text = '') => {
      const made = doc.createElement(tag);
      made.textContent = text;
      parent.append(made);
      return made;
    };
    const sheet = new view.CSSStyleSheet();
    sheet.replaceSync(css);
    doc.adoptedStyleSheets = [sheet];
    doc.title = say('embed.title');
    const root = doc.documentElement;
    root.lang = lang;
    const host = document.querySelector<HTMLElement>(HOST);
    if (host) {
      root.dir = host.dir;
      const look = getComputedStyle(host);
      for (const name of PROPERTIES) root.style.setProperty(`--askfirst-${name}`, look.getPropertyValue(`--askfirst-${name}`));
      root.style.colorScheme = look.colorScheme;
    }
    const box = add(doc.body, 'article');
    add(box, 'h1', say('embed.title'));
    box.append(doc.adoptNode(element(service.purpose)));
    add(box, 'p', say('embed.text'));
    const actions = add(box, 'div');
    const once = add(actions, 'button', say('embed.once'));
    const always = add(actions, 'button', say('embed.always'));
    if (service.policy) {
      const link = add(add(box, 'p'), 'a', say('item.policy'));
      link.href = absolute(service.policy);
      link.target = '_blank';
      link.rel = 'noopener noreferrer';
    }
    // This frame and this time only: nothing is stored. The loader opens it, since it has the Trusted Types policy.
    once.onclick = () => {
      frame.dataset.service = ONCE;
      const { open: tokens, services } = gate();
      open({ open: [...tokens, ...frame.dataset.category!.split(/[\s,]+/).map((token) => `${token}:${ONCE}`)], services: [...services, ONCE] });
      frame.focus();
    };
    always.onclick = ({ isTrusted }) => {
      ask('save', [[':' + id, true]], isTrusted);
      frame.focus();
    };
  };
  // Firefox puts a second empty document in the place of the first, and so does every browser when the frame is moved.
  frame.addEventListener('load', draw);
  // A frame that was hidden gets its size later. The first call comes at once.
  const sizes = new ResizeObserver(draw);
  sizes.observe(frame);
}
