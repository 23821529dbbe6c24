// Elements that load something: made into gated ones (DESIGN §2) while their host is shut.
import { accessor, constructor, method } from './natives';
import type { Rule, Rules } from './rules';

/** The attributes by which each element loads something. */
export const LOADS: Record<string, string[]> = {
  script: ['src'], iframe: ['src'], frame: ['src'], img: ['src', 'srcset'], link: ['href'], embed: ['src'], object: ['data'],
  video: ['src', 'poster'], audio: ['src'], source: ['src', 'srcset'], track: ['src'], input: ['src'], image: ['href', 'xlink:href'],
};
/** Types that mean what no type means: a classic script. */
export const isClassic = (type: string) => /^\s*(text|application)\/(x-)?(java|ecma|j|live)script[\d.]*\s*$/i.test(type);

const SELECTOR = Object.keys(LOADS).join();

const proto = Element.prototype;
const NativeAudio = Audio;
const { getAttribute, setAttribute, removeAttribute, hasAttribute, querySelectorAll } = proto;
const call = (fn: (...args: any[]) => any, el: Element, ...args: unknown[]) => Reflect.apply(fn, el, args);

/** What a held element was told: by attribute, in the form it was told (Trusted Types). */
interface Held {
  values: Map<string, unknown>;
  /** Whether the marks on it are ours. */
  ours: boolean;
}

export interface Elements {
  /** Holds what is to be held in a subtree that is about to become part of the page. */
  inspect(node: unknown): void;
  /** The rule that keeps an attribute's value shut. */
  ruleFor(attribute: string, value: unknown): Rule | undefined;
  /** Scripts that came by `innerHTML` and its kind: they never run, and must not be made to. */
  spent: WeakSet<Element>;
}

export function installElements(rules: Rules): Elements {
  const held = new Map<any, Held>();
  const spent = new WeakSet<Element>();

  const ruleFor = (attribute: string, value: unknown) => {
    if (!attribute.endsWith('srcset')) return rules.shut(value);
    for (const [url] of String(value).matchAll(/[^\s,]\S*/g)) {
      const rule = rules.shut(url);
      if (rule) return rule;
    }
  };

  /** The attribute that the loader reads; it knows no name spaces. */
  const twin = (attribute: string) => 'data-' + attribute.replace('xlink:', '');

  const hold = (el: any, attribute: string, value: unknown, rule: Rule, what = 'held') => {
    const known = held.get(el);
    const ours = known ? known.ours : !call(hasAttribute, el, 'data-category');
    const values = known?.values || new Map();
    held.set(el, { values: values.set(attribute, value), ours });
    // The loader has released it before.
    if (el.askfirst == 2) el.askfirst = 0;
    if (ours) {
      call(setAttribute, el, 'data-category', rule.category);
      if (rule.service) call(setAttribute, el, 'data-service', rule.service);
    }
    call(setAttribute, el, twin(attribute), String(value));
    if (el.localName == 'script') shutType(el, call(getAttribute, el, 'type'));
    call(removeAttribute, el, attribute);
    if (!known) rules.note(`<${el.localName}>`, attribute.endsWith('srcset') ? /[^\s,]\S*/.exec(String(value))![0] : value, rule, what);
  };

  const shutType = (el: any, type: string | null) => {
    if (type && !isClassic(type) && type != 'text/plain') call(setAttribute, el, 'data-type', type);
    call(setAttribute, el, 'type', 'text/plain');
  };

  /** Forgets one held attribute; with the last of them the element is the page's own again. */
  const letGo = (el: any, attribute: string) => {
    const known = held.get(el);
    if (!known?.values.delete(attribute)) return;
    call(removeAttribute, el, twin(attribute));
    if (known.values.size) return;
    held.delete(el);
    for (const name of known.ours ? ['data-category', 'data-service'] : []) call(removeAttribute, el, name);
    if (el.localName == 'script') openType(el);
  };

  const openType = (el: any) => {
    const type = call(getAttribute, el, 'data-type');
    if (type) call(setAttribute, el, 'type', type);
    else call(removeAttribute, el, 'type');
    call(removeAttribute, el, 'data-type');
  };

  /** The loader, or this file in its place, gives an element what it was kept from. */
  const isRelease = (el: any, attribute: string, value: unknown) =>
    el.askfirst == 2 && call(getAttribute, el, twin(attribute)) == String(value);

  /** Whether a gated tag of the owner's stays inert whatever its address is. */
  const isInert = (el: any) =>
    el.localName == 'script' && !held.has(el) && call(getAttribute, el, 'type') == 'text/plain' && call(hasAttribute, el, 'data-category');

  /** Sets an attribute by `native`, or holds its value. */
  const assign = (el: any, attribute: string, value: unknown, native: () => unknown) => {
    if (!isRelease(el, attribute, value) && !isInert(el) && !spent.has(el)) {
      const rule = ruleFor(attribute, value);
      if (rule) return hold(el, attribute, value, rule);
      if (el.askfirst != 2) letGo(el, attribute);
    }
    if (el.askfirst == 2) held.delete(el);
    return native();
  };

  const loads = (el: any, attribute: string) => LOADS[el?.localName]?.includes(attribute);

  const inspectOne = (el: any, what?: string) => {
    if (spent.has(el) || el.askfirst == 2) return;
    for (const attribute of LOADS[el.localName] || []) {
      const value = call(getAttribute, el, attribute);
      const rule = value && !isInert(el) && ruleFor(attribute, value);
      if (rule) hold(el, attribute, value, rule, what);
    }
    if (el.localName == 'script' && held.has(el)) shutType(el, call(getAttribute, el, 'type'));
  };

  const inspect = (node: any) => {
    if (node?.nodeType == 1) inspectOne(node);
    else if (node?.nodeType != 11) return;
    if (node.firstElementChild) Reflect.apply(node.nodeType == 1 ? querySelectorAll : DocumentFragment.prototype.querySelectorAll, node, [SELECTOR]).forEach((el: Element) => inspectOne(el));
  };

  for (const [owner, names] of [
    ['Script', 'src'], ['IFrame', 'src'], ['Frame', 'src'], ['Image', 'src srcset'], ['Link', 'href'], ['Embed', 'src'], ['Object', 'data'],
    ['Media', 'src'], ['Video', 'poster'], ['Source', 'src srcset'], ['Track', 'src'], ['Input', 'src'],
  ]) {
    for (const name of names!.split(' ')) {
      accessor((window as any)[`HTML${owner}Element`]?.prototype, name,
        (el, [value], native) => void assign(el, name, value, () => native(value)),
        (el, _, native) => {
          const value = held.get(el)?.values.get(name);
          return value == null ? native() : name == 'srcset' ? String(value) : new URL(String(value), document.baseURI).href;
        });
    }
  }
  accessor(HTMLScriptElement.prototype, 'type', (el, [value], native) => void (held.has(el) ? shutType(el, String(value)) : native(value)));

  method(proto, 'setAttribute', (el, args, native) => {
    const name = String(args[0]).toLowerCase();
    if (args.length < 2) return native(...args);
    if (loads(el, name)) return void assign(el, name, args[1], () => native(...args));
    if (name == 'type' && el.askfirst != 2 && held.has(el)) return void shutType(el, String(args[1]));
    return native(...args);
  });
  method(proto, 'setAttributeNS', (el, args, native) => {
    const name = String(args[1]).toLowerCase();
    return args.length > 2 && loads(el, name) ? void assign(el, name, args[2], () => native(...args)) : native(...args);
  });
  for (const name of ['setAttributeNode', 'setAttributeNodeNS']) {
    method(proto, name, (el, args, native) => {
      const attribute = String(args[0]?.name);
      return loads(el, attribute) ? assign(el, attribute, args[0].value, () => native(...args)) ?? null : native(...args);
    });
  }
  method(proto, 'removeAttribute', (el, args, native) => {
    if (el?.askfirst != 2 && held.has(el)) letGo(el, String(args[0]).toLowerCase());
    return native(...args);
  });
  // It sets the address by itself.
  constructor('Audio', ([url], newTarget) => {
    const rule = rules.shut(url);
    if (url == null || !rule) return;
    const el = Reflect.construct(NativeAudio, [], newTarget);
    hold(el, 'src', url, rule);
    return el;
  });

  // Whatever way an element was made, most start on insertion. What is built up outside the page is looked at once, when
  // it gets there.
  const inserting = (owner: any, names: string, isLive = (self: any) => self?.isConnected) => {
    for (const name of names.split(' ')) {
      method(owner, name, (self, args, native) => {
        if (isLive(self)) args.forEach(inspect);
        return native(...args);
      });
    }
  };
  inserting(Node.prototype, 'appendChild insertBefore replaceChild');
  for (const owner of [proto, Document.prototype, DocumentFragment.prototype]) inserting(owner, 'append prepend replaceChildren moveBefore');
  for (const owner of [proto, CharacterData.prototype, DocumentType.prototype]) inserting(owner, 'before after replaceWith');
  inserting(proto, 'insertAdjacentElement');
  inserting(Range.prototype, 'insertNode surroundContents', (range) => range?.startContainer?.isConnected);

  // Scripts of the page's own HTML can be kept from running, though the browser may have asked for them by now.
  const parser = new MutationObserver((records) => {
    for (const { addedNodes } of records) for (const node of addedNodes) {
      if ((node as Element).localName == 'script' && !held.has(node)) inspectOne(node, 'kept from running; it stands in the HTML, so it may have been requested,');
    }
  });
  parser.observe(document, { childList: true, subtree: true });

  /** What the loader does not take: pixels outside the page, shadow trees, scripts it must not trust by their look. */
  const release = () => {
    for (const [el, { values }] of held) {
      if ([...values].some((value) => ruleFor(...value))) continue;
      const parsing = document.readyState == 'loading' && el.getRootNode() == document;
      // The loader's, now or later.
      if (el.askfirst == 2 || parsing || (!el.isConnected && el.localName != 'img')) {
        if (el.askfirst == 2) held.delete(el);
        continue;
      }
      held.delete(el);
      el.askfirst = 2;
      if (el.localName == 'script') openType(el);
      for (const [attribute, value] of values) call(setAttribute, el, attribute, value);
    }
  };
  rules.onOpen(() => setTimeout(release));
  addEventListener('load', () => setTimeout(release));
  document.addEventListener('DOMContentLoaded', () => {
    parser.disconnect();
    setTimeout(release);
  });

  return { inspect, ruleFor, spent };
}
