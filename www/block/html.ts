// Markup that scripts hand to the parser. It is parsed where nothing loads, looked through, and moved into the page; what
// the parser of the page takes itself (`document.write`) is rewritten as text.
import { isClassic, LOADS, type Elements } from './elements';
import { accessor, method } from './natives';
import type { Rules } from './rules';

const TEXT_ONLY = 'script|style|textarea|title|xmp|noembed|noframes|iframe|noscript';
const ATTRIBUTES = `(?:"[^"]*"|'[^']*'|[^'">])*`;
/** Comments, elements whose content is text, and every other start tag of an element that loads something. */
const TAGS = new RegExp(`<!--[^]*?-->|<(${TEXT_ONLY})\\b(${ATTRIBUTES})>[^]*?(?=</\\1\\s*>|$)|<(${Object.keys(LOADS).join('|')})\\b(${ATTRIBUTES})>`, 'gi');
const ATTRIBUTE = /([^\s"'>/=]+)(\s*=\s*)("[^"]*"|'[^']*'|[^\s"'>]+)/g;

export function installHtml(rules: Rules, { inspect, ruleFor, spent }: Elements) {
  const inert = document.implementation.createHTMLDocument('');
  const range = inert.createRange();
  const { createContextualFragment } = Range.prototype;
  const innerHTML = Object.getOwnPropertyDescriptor(Element.prototype, 'innerHTML')!;
  const { append, prepend, before, after, replaceWith, replaceChildren } = Element.prototype;
  const { setHTMLUnsafe } = Element.prototype as any;
  const { replaceChildren: replaceInFragment } = DocumentFragment.prototype;

  /** What `fill` makes of a context element outside the page, held where it is to be held. */
  const parsed = (context: any, fill: (el: Element) => void): DocumentFragment => {
    const el = inert.createElementNS(context.namespaceURI, context.localName);
    fill(el);
    const from: any = el.localName == 'template' ? (el as HTMLTemplateElement).content : el;
    const fragment = inert.createDocumentFragment();
    fragment.append(...from.childNodes);
    settle(fragment, true);
    return fragment;
  };

  const settle = (fragment: DocumentFragment, never: boolean) => {
    // Outside the page scripting is off, so the parser has looked into these.
    for (const el of fragment.querySelectorAll('noscript')) el.textContent = el.innerHTML;
    if (never) for (const el of fragment.querySelectorAll('script')) spent.add(el);
    inspect(fragment);
    for (const { content } of fragment.querySelectorAll('template')) inspect(content);
    // Trees that the markup itself declares; a closed one shows nobody what is in it.
    for (const { shadowRoot } of fragment.querySelectorAll('*')) if (shadowRoot) settle(shadowRoot, never);
  };

  const put = (fn: (...nodes: any[]) => void, at: any, fragment: DocumentFragment) => void Reflect.apply(fn, at, [fragment]);
  const isElement = (node: any) => node?.nodeType == 1;
  const target = (el: any) => (el.localName == 'template' && el.content) || el;

  for (const owner of [Element.prototype, ShadowRoot.prototype]) {
    accessor(owner, 'innerHTML', (self, [value], native) => {
      if (!rules.concerns(String(value))) return native(value);
      const fragment = parsed(self.host || self, (el) => innerHTML.set!.call(el, value));
      const to = target(self);
      put(to.nodeType == 1 ? replaceChildren : replaceInFragment, to, fragment);
    });
    method(owner, 'setHTMLUnsafe', (self, args, native) => {
      if (!rules.concerns(String(args[0]))) return native(...args);
      const fragment = parsed(self.host || self, (el) => Reflect.apply(setHTMLUnsafe, el, args));
      const to = target(self);
      put(to.nodeType == 1 ? replaceChildren : replaceInFragment, to, fragment);
    });
  }
  accessor(Element.prototype, 'outerHTML', (self, [value], native) => {
    if (!isElement(self.parentNode) || !rules.concerns(String(value))) return native(value);
    put(replaceWith, self, parsed(self.parentNode, (el) => innerHTML.set!.call(el, value)));
  });
  const places: Record<string, (...nodes: any[]) => void> = { beforebegin: before, afterbegin: prepend, beforeend: append, afterend: after };
  method(Element.prototype, 'insertAdjacentHTML', (self, args, native) => {
    const place = places[String(args[0]).toLowerCase()];
    const context = place == before || place == after ? self.parentNode : self;
    if (!place || !isElement(context) || !rules.concerns(String(args[1]))) return native(...args);
    const fragment = parsed(context, (el) => innerHTML.set!.call(el, args[1]));
    put(place, self, fragment);
  });
  method(Range.prototype, 'createContextualFragment', (self: Range, args, native) => {
    if (!rules.concerns(String(args[0]))) return native(...args);
    const start = self.startContainer;
    const context: any = isElement(start) ? start : start.parentElement;
    const el = context ? inert.createElementNS(context.namespaceURI, context.localName) : inert.body;
    range.selectNodeContents(el);
    const fragment: DocumentFragment = Reflect.apply(createContextualFragment, range, args);
    // These scripts do run when they are put in the page.
    settle(fragment, false);
    return document.adoptNode(fragment);
  });

  let policy: { createHTML(text: string): string } | undefined;
  /** Text for the parser of the page, as the page's Trusted Types want it. */
  const trusted = (text: string, original: unknown) => {
    const types = (window as any).trustedTypes;
    if (!types?.isHTML(original)) return text;
    return (policy ||= types.createPolicy('askfirst-block', { createHTML: (html: string) => html }) as { createHTML(text: string): string }).createHTML(text);
  };

  const rewritten = (text: string) => text.replace(TAGS, (whole, textOnly, outer, plain, inner) => {
    const name = (textOnly || plain || '').toLowerCase();
    const attributes: string = outer ?? inner;
    const names = LOADS[name];
    if (!names) return whole;
    let marks = '';
    const changed = attributes.replace(ATTRIBUTE, (attribute, key: string, equals, quoted: string) => {
      const lower = key.toLowerCase();
      const value = /^["']/.test(quoted) ? quoted.slice(1, -1) : quoted;
      const rule = names.includes(lower) && ruleFor(lower, value);
      if (!rule) return attribute;
      if (!marks) rules.note(`<${name}>`, lower == 'srcset' ? value.split(' ')[0] : value, rule, 'held');
      marks = ` data-category="${rule.category}"${rule.service ? ` data-service="${rule.service}"` : ''}`;
      return 'data-' + lower.replace('xlink:', '') + equals + quoted;
    });
    if (!marks) return whole;
    const typed = name == 'script' ? changed.replace(/(^|\s)type\s*=\s*("[^"]*"|'[^']*'|[^\s"'>]+)/i, (_, space, type) =>
      isClassic(type.replace(/["']/g, '')) ? space : `${space}data-type=${type}`) : changed;
    const start = `<${name}${marks}${name == 'script' ? ' type="text/plain"' : ''}${typed}>`;
    return start + whole.slice(1 + name.length + attributes.length + 1);
  });

  for (const name of ['write', 'writeln']) {
    method(Document.prototype, name, (_, args, native) => {
      const text = args.map(String).join('');
      const changed = rules.concerns(text) ? rewritten(text) : text;
      if (changed == text) return native(...args);
      let markup;
      try {
        markup = trusted(changed, args[0]);
      } catch {
        console.warn('askfirst: document.write refused: it names a host without consent, and trusted-types does not allow askfirst-block');
        return;
      }
      return native(markup);
    });
  }
}
