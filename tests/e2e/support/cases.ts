// What can be gated and how it can get on a page, as data: `tests/e2e/elements.spec.ts` runs every kind by every way in
// Chromium; another runner can do the same, since this file needs nothing from the one that reads it.

/** The gated category of every case. */
export const CATEGORY = 'analytical';
const C = `data-category="${CATEGORY}"`;
const S = `type="text/plain" ${C}`;

/** One kind of gated markup. */
export interface Kind {
  name: string;
  /** The markup, for a third party at `s`. */
  markup: (s: string) => string;
  /** What the third party is asked for after consent, each once. */
  asks: string[];
  /** Whether it is asked in this order. */
  ordered?: boolean;
  /** What may be asked for after consent, at the browser's own time. */
  maybe?: string[];
  /** The platform itself loads it anew when it is moved: everywhere, or in this browser. */
  reloads?: boolean | 'Firefox';
  /** What is impossible (docs/blocking.md), by way, browser or `browser by way`, and why. */
  not?: Record<string, string>;
}

/** Whether this kind can take this way in this browser. */
export const isPossible = (kind: Kind, way: Way, browser: string) =>
  ![way.name, browser, `${browser} by ${way.name}`].some((name) => kind.not?.[name]);

/** A script that asks the third party for a picture: that it has run is in the log of the server, not of the page. */
const ask = (s: string, name: string) => `new Image().src = \`${s}/${name}.svg\`;`;
const js = (s: string, name: string) => `${s}/${name}.js?code=${encodeURIComponent(ask(s, name))}`;

/** Firefox reads ahead and asks for the pictures in a template of the HTML, whoever the loader is and whenever it comes. */
const AHEAD = Object.fromEntries(
  ['parser', 'parser on a returning visit', 'parser under a deferred loader', 'parser under a deferred loader on a returning visit', 'clone of a template']
    .map((way) => [`Firefox by ${way}`, 'it reads ahead and asks for the pictures in a template of the HTML']),
);

export const KINDS: Kind[] = [
  { name: 'script', markup: (s) => `<script ${S} data-src="${js(s, 'a')}" crossorigin="anonymous" referrerpolicy="no-referrer" class="k" data-own="1"></script>`, asks: ['a.js', 'a.svg'] },
  { name: 'script with src', markup: (s) => `<script ${S} src="${js(s, 'a')}" defer></script>`, asks: ['a.js', 'a.svg'] },
  { name: 'script that is async', markup: (s) => `<script ${S} data-src="${js(s, 'a')}" async></script>`, asks: ['a.js', 'a.svg'] },
  { name: 'script inline', markup: (s) => `<script ${S} id="inline">${ask(s, 'inline')}</script>`, asks: ['inline.svg'] },
  { name: 'scripts in order', markup: (s) => `<script ${S} data-src="${js(s, '1')}&delay=150"></script><script ${S}>${ask(s, '2')}</script><script ${S} data-src="${js(s, '3')}"></script>`, asks: ['1.js', '3.js', '1.svg', '2.svg', '3.svg'] },
  { name: 'script with data-type of JavaScript', markup: (s) => `<script ${S} data-type="text/javascript" data-src="${js(s, 'a')}"></script>`, asks: ['a.js', 'a.svg'] },
  { name: 'module', markup: (s) => `<script ${S} data-type="module" data-src="${js(s, 'm')}"></script>`, asks: ['m.js', 'm.svg'] },
  { name: 'module inline', markup: (s) => `<script ${S} data-type="module">import '${js(s, 'd')}';</script>`, asks: ['d.js', 'd.svg'] },
  { name: 'import map', markup: (s) => `<script ${S} data-type="importmap">{"imports":{"dependency":"${js(s, 'mapped')}"}}</script><script ${S} data-type="module">import 'dependency';</script>`, asks: ['mapped.js', 'mapped.svg'], not: { Firefox: 'it takes no import map once it has loaded a module, and the loader has loaded one' } },
  { name: 'speculation rules', markup: () => `<script ${S} data-type="speculationrules">{"prefetch":[{"source":"list","urls":["/"]}]}</script>`, asks: [] },
  { name: 'data as JSON', markup: (s) => `<script ${S} data-type="application/json" id="data">{"name":"json"}</script><script ${S}>new Image().src = '${s}/' + JSON.parse(document.getElementById('data').textContent).name + '.svg';</script>`, asks: ['json.svg'], not: { 'shadow root': 'the document finds no id in it' } },
  { name: 'iframe', markup: (s) => `<iframe ${C} data-src="${s}/frame.html" title="t" allow="fullscreen" loading="eager"></iframe>`, asks: ['frame.html'], reloads: true },
  { name: 'iframe with srcdoc', markup: (s) => `<iframe ${C} data-srcdoc="&lt;img src='${s}/srcdoc.svg'>" title="t"></iframe>`, asks: ['srcdoc.svg'], reloads: true },
  { name: 'img', markup: (s) => `<img ${C} data-src="${s}/i.svg" alt="" width="2" height="2">`, asks: ['i.svg'] },
  { name: 'img with srcset and sizes', markup: (s) => `<img ${C} data-src="${s}/never.svg" data-srcset="${s}/small.svg 100w, ${s}/large.svg 4000w" data-sizes="10px" alt="">`, asks: ['small.svg'] },
  { name: 'picture', markup: (s) => `<picture><source ${C} data-srcset="${s}/source.svg"><img ${C} data-src="${s}/never.svg" alt=""></picture>`, asks: ['source.svg'] },
  { name: 'video with poster', markup: (s) => `<video ${C} preload="auto" muted data-src="${s}/v.wav" data-poster="${s}/poster.svg"></video>`, asks: ['v.wav', 'poster.svg'], reloads: 'Firefox' },
  { name: 'video with sources', markup: (s) => `<video preload="auto" muted><source ${C} data-src="${s}/1.mp4" type="video/mp4"><source ${C} data-src="${s}/2.mp4" type="video/mp4"></video>`, asks: ['1.mp4', '2.mp4'], ordered: true },
  { name: 'audio', markup: (s) => `<audio ${C} preload="auto" data-src="${s}/a.wav"></audio>`, asks: ['a.wav'] },
  { name: 'track', markup: (s) => `<video crossorigin src="data:video/mp4,"><track default kind="subtitles" srclang="en" ${C} data-src="${s}/t.vtt"></video>`, asks: ['t.vtt'] , not: { Firefox: 'it gives a default track without an address up, and asks for it when subtitles are chosen' } },
  { name: 'object', markup: (s) => `<object ${C} type="text/html" data-data="${s}/o.html"></object>`, asks: ['o.html'], reloads: true },
  { name: 'embed', markup: (s) => `<embed ${C} type="text/html" data-src="${s}/e.html">`, asks: ['e.html'], reloads: true },
  { name: 'style sheet', markup: (s) => `<link rel="stylesheet" ${C} data-href="${s}/s.css">`, asks: ['s.css'], reloads: true },
  { name: 'background of a style sheet', markup: (s) => `<link rel="stylesheet" ${C} data-href="${s}/s.css?code=${encodeURIComponent('div,p,body{background:url(background.svg)}')}"><div>1</div>`, asks: ['s.css', 'background.svg'], ordered: true, reloads: true },
  { name: 'style', markup: (s) => `<style ${S}>div,p{background:url(${s}/style.svg)}</style><div>1</div>`, asks: ['style.svg'], reloads: true },
  { name: 'preload', markup: (s) => `<link rel="preload" as="image" ${C} data-href="${s}/p.svg">`, asks: ['p.svg'], reloads: true },
  // After the choice no log can judge these two: a headless Chromium opens no connection ahead and asks for no icon, gated
  // or not; Firefox asks for the icon when it has time.
  { name: 'preconnect', markup: (s) => `<link rel="preconnect" ${C} data-href="${s}">`, asks: [] },
  { name: 'icon', markup: (s) => `<link rel="icon" ${C} data-href="${s}/icon.svg">`, asks: [], maybe: ['icon.svg'] },
  { name: 'image in SVG', markup: (s) => `<svg width="9" height="9"><image ${C} width="9" height="9" data-href="${s}/svg.svg"/></svg>`, asks: ['svg.svg'] },
  { name: 'custom element that watches its address', markup: (s) => `<watching-element ${C} data-src="${s}/watching.svg"></watching-element>`, asks: ['watching.svg'] },
  { name: 'custom element that reads its address when inserted', markup: (s) => `<reading-element ${C} data-src="${s}/reading.svg"></reading-element>`, asks: ['reading.svg'], reloads: true },
  { name: 'custom element that is defined later', markup: (s) => `<late-element ${C} data-src="${s}/late.svg"></late-element><script ${S}>customElements.get('late-element') || customElements.define('late-element', class extends reading {});</script>`, asks: ['late.svg'], reloads: true },
  { name: 'template', markup: (s) => `<template ${C}><p><img src="${s}/inner.svg" alt=""><script ${S}>${ask(s, 'script')}</script></p></template>`, asks: ['inner.svg', 'script.svg'], not: AHEAD },
  { name: 'template with marked content', markup: (s) => `<template ${C}><p><img ${C} data-src="${s}/inner.svg" alt=""><script ${S}>${ask(s, 'script')}</script></p></template>`, asks: ['inner.svg', 'script.svg'] },
];

/** Markup that every page has before the case: the custom elements of the site itself. */
export const SITE = `<script>
class reading extends HTMLElement { connectedCallback() { if (this.getAttribute('src')) new Image().src = this.getAttribute('src'); } }
customElements.define('reading-element', reading);
customElements.define('watching-element', class extends HTMLElement {
  static observedAttributes = ['src'];
  attributeChangedCallback(name, before, now) { new Image().src = now; }
});
</script>`;

/** One way in which markup gets on a page. */
export interface Way {
  name: string;
  /** The page's own markup, when the way is in the page from the beginning. */
  page?: (markup: string) => string;
  /** The body of a function `(markup, box)` that the page calls after it has loaded. */
  insert?: string;
  /** Whether it is inserted when the choice has been made already. */
  late?: boolean;
  /** Whether the choice was made on an earlier visit. */
  returning?: boolean;
  /** More attributes of the loader's own tag. */
  tag?: string;
  /** Runs before the choice, and after it where the platform does not load anew what is moved. */
  move?: string;
}

const text = (markup: string) => JSON.stringify(markup).replaceAll('<', '\\x3c');
const build = `
  const rebuild = (node) => {
    if (node.nodeType != 1) return document.importNode(node);
    const made = document.createElementNS(node.namespaceURI, node.localName);
    for (const { name, value } of node.attributes) made.setAttribute(name, value);
    if (node.content) made.content.append(document.importNode(node.content, true));
    for (const child of node.childNodes) made.append(rebuild(child));
    return made;
  };
  const parsed = new DOMParser().parseFromString('<body>' + markup, 'text/html').body;
  for (const child of parsed.childNodes) box.append(rebuild(child));`;

export const WAYS: Way[] = [
  { name: 'parser', page: (markup) => markup },
  { name: 'parser on a returning visit', page: (markup) => markup, returning: true },
  { name: 'parser under a deferred loader', page: (markup) => markup, tag: 'defer' },
  { name: 'parser under a deferred loader on a returning visit', page: (markup) => markup, tag: 'defer', returning: true },
  { name: 'document.write', page: (markup) => `<script>document.write(${text(markup)})</script>` },
  { name: 'document.write on a returning visit', page: (markup) => `<script>document.write(${text(markup)})</script>`, returning: true },
  { name: 'createElement', insert: build },
  { name: 'createElement after the choice', insert: build, late: true },
  { name: 'innerHTML', insert: 'box.innerHTML = markup;' },
  { name: 'innerHTML after the choice', insert: 'box.innerHTML = markup;', late: true },
  { name: 'insertAdjacentHTML', insert: `box.insertAdjacentHTML('beforeend', markup);` },
  { name: 'contextual fragment', insert: 'box.append(document.createRange().createContextualFragment(markup));' },
  { name: 'clone of a template', page: (markup) => `<template id="source">${markup}</template>`, insert: `box.append(document.getElementById('source').content.cloneNode(true));` },
  { name: 'clone of what stood in the page', insert: `box.innerHTML = markup; const copy = box.cloneNode(true); box.replaceWith(copy);` },
  { name: 'move', insert: build, move: 'const other = document.body.appendChild(document.createElement("section")); other.append(...document.getElementById("box").childNodes); other.prepend(other.lastChild); box.append(...other.childNodes);' },
  { name: 'shadow root', insert: `const root = box.attachShadow({ mode: 'open' }); root.innerHTML = markup; window.scan(root);` },
];
