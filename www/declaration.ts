// `<askfirst-declaration level="2">`: everything the site declares, where the owner explains it (P49). Its own module, by
// one tag on that page: <script type="module" src="/askfirst/askfirst-declaration.mjs"></script>; where the loader is on
// the page, the glue fetches it. The tables stand in the page itself and not in a shadow root: they follow its styles,
// its headings have their place in its outline, and they are printed and searched like the rest.
import init, * as compiled from 'askfirst-check-wasm';
import { KEY } from './generated/wire';
import { isRefused } from './refused';
import { localise } from './said';
import { element, type Tree } from './ui';

const NAME = KEY + '-declaration';
const base = new URL('.', import.meta.url).href;

/** No more than makes a table of it; `:where()` gives way to every rule of the page. */
const STYLE = `:where(${NAME}){display:block}:where(${NAME} [role=region]){overflow-x:auto}
:where(${NAME} table){border-collapse:collapse;inline-size:100%}
:where(${NAME} :is(th,td)){padding:.4em .6em;text-align:start;vertical-align:top;border-block-end:1px solid color-mix(in srgb,currentColor 25%,transparent)}
:where(${NAME} tbody td:first-child:last-child){padding-block-end:.8em}
:where(${NAME} dl){margin:0}:where(${NAME} dl div){display:flex;flex-wrap:wrap;gap:0 .5em}:where(${NAME} dt)::after{content:":"}
:where(${NAME} dd){margin:0}:where(${NAME} code){overflow-wrap:anywhere}
@media print{:where(${NAME} button){display:none}:where(${NAME} [role=region]){overflow:visible}:where(${NAME} tr){break-inside:avoid}}`;

const text = async (url: string, options?: RequestInit) => {
  const answer = await fetch(url, options);
  if (!answer.ok) throw new Error(answer.url + ' is missing');
  return answer.text();
};
const file = (path: string) => text(base + path);

let ready: Promise<typeof compiled> | undefined;
/** Once for all elements of the page: the bindings hold one module. */
const start = () => (ready ||= isRefused() ? import(base + 'askfirst-check-plain.mjs')
  : init({ module_or_path: fetch(base + 'askfirst-check.wasm') }).then(() => compiled));

/** The configuration of the page's loader: one source for the banner and for this. */
const config = (loader: HTMLElement | null) => {
  const inline = document.getElementById(KEY + '-config');
  if (loader?.dataset.config) return text(loader.dataset.config, { cache: 'no-cache' });
  if (inline) return Promise.resolve(inline.textContent!);
  throw new Error('no data-config');
};

class Declaration extends HTMLElement {
  static observedAttributes = ['level', 'lang'];

  private drawing = 0;

  connectedCallback() {
    void this.draw();
  }

  attributeChangedCallback() {
    if (this.isConnected) void this.draw();
  }

  private async draw() {
    const turn = (this.drawing += 1);
    // An element of the page's markup comes with its attributes, each of which calls.
    await Promise.resolve();
    if (turn != this.drawing) return;
    try {
      const loader = document.querySelector<HTMLElement>('script[data-config]');
      const page = (this.lang || loader?.dataset.locale || this.closest<HTMLElement>('[lang]')?.lang || '').toLowerCase();
      const [written, checker] = await Promise.all([config(loader), start()]);
      const [lang, ...wanted] = checker.plan(written, page).split(' ') as [string, ...string[]];
      const [first, more, later, ...declared] = await Promise.all([
        file(`locales/${lang}.json`),
        file(`locales/more/${lang}.json`),
        file(`locales/later/${lang}.json`),
        // What is not in the catalogue is an error of the configuration.
        ...wanted.map((id) => file(`services/${id}.json`).catch(() => '')),
      ]);
      const services = Object.fromEntries(wanted.map((id, at) => [id, declared[at]]));
      const level = Number(this.getAttribute('level')) || 2;
      const tree: Tree | null = JSON.parse(checker.declaration(written, services, lang, JSON.stringify({ ...JSON.parse(first!), ...JSON.parse(more!) }), later!, level));
      if (!tree) throw new Error('the configuration has errors:\n' + checker.check(written, services));
      // Another call has come in between, or the element has gone.
      if (turn != this.drawing || !this.isConnected) return;
      const drawn = element(tree);
      localise(drawn, lang);
      this.replaceChildren(drawn);
    } catch (error) {
      console.error('askfirst:', error);
    }
  }
}

if (!customElements.get(NAME)) {
  try {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  } catch {
    // A browser without constructable sheets shows plain tables.
  }
  customElements.define(NAME, Declaration);
}
