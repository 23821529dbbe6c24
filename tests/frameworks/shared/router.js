// The router that all the small apps share: History API, one number per rendering. What a rendering puts on the page
// carries that number in its addresses, so that the log of the third parties says which rendering asked how often.

/** The third parties. */
export const SINK = document.documentElement.dataset.sink;
export const ARTICLES = [1, 2, 3];

const base = import.meta.env.BASE_URL;
const listeners = new Set();
let renderings = 0;

const read = () => {
  const [name, id] = location.pathname.slice(base.length).split("/");
  renderings += 1;
  return { n: renderings, name: name || "list", id: Number(id) || 0 };
};

let current = read();

export const route = () => current;

/** Calls `listener` with each new route; returns what ends that. */
export const follow = (listener) => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};

const change = () => {
  current = read();
  const tell = () => listeners.forEach((listener) => listener(current));
  // With `?transitions` every navigation is a view transition, whose callback renders.
  if (new URLSearchParams(location.search).has("transitions")) document.startViewTransition(tell);
  else tell();
};

export const href = (path) => base + path + location.search;

addEventListener("popstate", change);
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-to]");
  if (!link) return;
  event.preventDefault();
  history.pushState(null, "", link.href);
  change();
});

/** The addresses of a rendering's tags. */
export const pixel = (n) => `${SINK}/pixel/${n}.gif`;
export const frame = (n) => `${SINK}/frame/${n}`;
export const script = (n, what = "script") => `${SINK}/${what}/${n}.js`;

/** A gated script as a component inserts one from its own code when it is mounted; returns what takes it away. */
export const insertScript = (parent, n) => {
  window.inserted = (window.inserted ?? 0) + 1;
  const tag = document.createElement("script");
  tag.type = "text/plain";
  tag.dataset.category = "analytical";
  tag.dataset.service = "plausible";
  tag.dataset.src = script(n, "effect");
  parent.append(tag);
  return () => tag.remove();
};

/** Where one can go. `kept` and `reuse` show what frameworks do with elements they keep. */
export const LINKS = ["", ...ARTICLES.map((id) => `article/${id}`), "kept", ...ARTICLES.map((id) => `reuse/${id}`)];
