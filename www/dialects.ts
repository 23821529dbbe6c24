// askfirst-dialects.js: pages marked up for another consent manager (FIELD §4, 2). The marks of the products that
// `data-dialects` names are rewritten to ours, before the loader looks at them. Nothing here opens anything: what has no
// counterpart stays shut and is named in the console.
//
// `data-map="Google Analytics=analytical:google-analytics; maps=marketing"` says what a name of theirs means here.

interface Dialect {
  /** The elements that it marks. */
  selector: string;
  /** The name or names under which an element is shut. */
  names(el: HTMLElement): string[];
  /** Their name for a category, and ours. */
  categories?: Record<string, string>;
  /** The attribute, other than `data-src`, that keeps an address. */
  source?: string;
  /** The attribute that names the service. */
  vendor?: string;
}

const tag = document.currentScript as HTMLScriptElement;
const list = (text: string | null | undefined) => (text || '').split(/[\s,]+/).filter(Boolean);
const attribute = (name: string) => (el: HTMLElement) => list(el.getAttribute(name));

// What others call functional or preferences needs consent there, so it is never our exempt `functional` (G4): it is the
// category `preferences`, shut where the owner has none.
const CATEGORIES: Record<string, string> = {
  necessary: 'functional', essential: 'functional', 'strictly-necessary': 'functional',
  functional: 'preferences', functionality: 'preferences', experience: 'preferences', preferences: 'preferences',
  analytics: 'analytical', statistics: 'analytical', measurement: 'analytical', performance: 'analytical', analytical: 'analytical',
  marketing: 'marketing', advertisement: 'marketing', advertising: 'marketing', targeting: 'marketing', ads: 'marketing',
};

/** Services have names of the owner's; only `data-map` can say what they mean. */
const byName = (name: string): Dialect => ({ selector: `[${name}]`, names: (el) => [el.getAttribute(name)!.trim()], categories: {} });

const DIALECTS: Record<string, Dialect> = {
  orestbida: { selector: '[data-cookiecategory]', names: attribute('data-cookiecategory') },
  cookiebot: { selector: '[data-cookieconsent]', names: attribute('data-cookieconsent'), source: 'data-cookieblock-src' },
  // Many things have a `data-name`.
  klaro: { ...byName('data-name'), selector: 'script[type="text/plain"][data-name],[data-name][data-src],[data-name][data-href]' },
  onetrust: {
    selector: '[class*="optanon-category-"]',
    names: (el) => [...el.classList].flatMap((name) => /^optanon-category-(.+)/.exec(name)?.[1]!.split('-') || []),
    categories: { C0001: 'functional', C0002: 'analytical', C0003: 'preferences', C0004: 'marketing', C0005: 'marketing' },
  },
  usercentrics: byName('data-usercentrics'),
  cookieyes: { selector: '[data-cookieyes]', names: (el) => list(el.getAttribute('data-cookieyes')).map((name) => name.replace(/^cookieyes-/, '')) },
  iubenda: {
    selector: '._iub_cs_activate,._iub_cs_activate-inline',
    // Without purposes it waits for consent to everything.
    names: (el) => list(el.getAttribute('data-iub-purposes') || '4,5'),
    categories: { 1: 'functional', 2: 'preferences', 3: 'preferences', 4: 'analytical', 5: 'marketing' },
    source: 'data-suppressedsrc',
  },
  c15t: { selector: '[data-c15t-category]', names: attribute('data-c15t-category'), vendor: 'data-c15t-vendor' },
  probo: { selector: '[data-cookie-consent]', names: attribute('data-cookie-consent') },
};

/** Buttons: [attribute, their value, ours]. */
const ACTIONS: Record<string, [string, Record<string, string>]> = {
  orestbida: ['data-cc', {
    'show-preferencesModal': 'preferences', 'show-consentModal': 'preferences', 'c-settings': 'preferences', 'accept-all': 'accept', 'accept-necessary': 'reject',
  }],
  c15t: ['data-c15t-action', { accept: 'accept', reject: 'reject', customize: 'preferences', banner: 'preferences' }],
};

/** What the owner says a name means: [category, service]. */
const map = new Map((tag.dataset.map || '').split(';').filter((entry) => entry.includes('=')).map((entry) => {
  const end = entry.lastIndexOf('=');
  const [category, service] = entry.slice(end + 1).trim().split(':');
  return [entry.slice(0, end).trim(), [category!, service]] as const;
}));

const LOADING = 'script,iframe,img,video,audio,source,object,embed,link,style,template';
const CLASSIC = /^(text|application)\/(x-)?(java|ecma)script$/i;
const said = new Set<string>();
const say = (line: string) => said.has(line) || (said.add(line), console.warn('askfirst: ' + line));

const done = new WeakSet<Element>();

function rewrite(id: string, dialect: Dialect, el: HTMLElement) {
  if (done.has(el) || el.hasAttribute('data-category') || !el.matches(LOADING)) return;
  done.add(el);
  const known = dialect.categories || CATEGORIES;
  let service = (dialect.vendor && el.getAttribute(dialect.vendor)) || undefined;
  const categories = dialect.names(el).map((name) => {
    const mapped = map.get(name);
    service ||= mapped?.[1];
    const category = mapped?.[0] || known[name] || (dialect.categories ? undefined : known[name.toLowerCase()]);
    if (!category) say(`data-dialects: nothing says what "${name}" of ${id} means; its tags stay shut (data-map)`);
    // No category can have this id.
    return category || '?';
  });
  if (el.localName == 'script' && el.getAttribute('type') != 'text/plain') {
    const type = el.getAttribute('type');
    if (type && !CLASSIC.test(type)) el.dataset.type = type;
    el.setAttribute('type', 'text/plain');
    say(`data-dialects: a script of ${id} has no type="text/plain": it is kept from running, but may have been requested`);
  }
  if (CLASSIC.test(el.dataset.type || '')) delete el.dataset.type;
  const source = dialect.source && (el.getAttribute(dialect.source) || el.getAttribute(dialect.source.replace(/^data-/, '')));
  if (source) {
    el.dataset.src = source;
    // A stand-in of theirs, such as about:blank.
    el.removeAttribute('src');
  }
  if (service) el.dataset.service = service;
  el.dataset.category = categories.join(' ') || '?';
}

const chosen = list(tag.dataset.dialects).filter((id) => {
  if (!DIALECTS[id]) say(`data-dialects: there is no "${id}"; there are ${Object.keys(DIALECTS).join(', ')}`);
  return DIALECTS[id];
});

const each = (root: ParentNode, selector: string, run: (el: HTMLElement) => void) => {
  if ((root as Element).matches?.(selector)) run(root as HTMLElement);
  root.querySelectorAll<HTMLElement>(selector).forEach(run);
};

function scan(root: ParentNode) {
  for (const id of chosen) {
    each(root, DIALECTS[id]!.selector, (el) => rewrite(id, DIALECTS[id]!, el));
    const [name, actions] = ACTIONS[id] || [];
    if (name) each(root, `[${name}]`, (el) => {
      const action = actions![el.getAttribute(name)!];
      if (action && !el.dataset.askfirst) el.dataset.askfirst = action;
    });
  }
}

if (chosen.length) {
  scan(document);
  // Registered before the loader's, so told before it.
  new MutationObserver((records) => {
    for (const { addedNodes } of records) for (const node of addedNodes) if (node.nodeType == 1) scan(node as Element);
  }).observe(document, { childList: true, subtree: true });
}
