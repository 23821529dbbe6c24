import { build } from 'esbuild';
import { fileURLToPath } from 'node:url';
import type { Site } from './site.ts';

const entry = fileURLToPath(new URL('../../../www/loader.ts', import.meta.url));
let bundle: Promise<string> | undefined;

/** The loader as it is shipped. */
export const loader = () =>
  (bundle ??= build({ entryPoints: [entry], bundle: true, minify: true, format: 'iife', target: 'es2020', charset: 'utf8', tsconfigRaw: {}, write: false })
    .then((result) => result.outputFiles[0].text));

/** A glue that reads all it was given, and opens what the test asks for by `go(categories, services)`. */
const glue = `export async function start(base, wasm, config, data, key, opened, queue, open, scan, signal, waiting) {
  for (const answer of [await wasm, await config]) if (!answer.ok) throw new Error(answer.url + ' is missing');
  Object.assign(window, { signal, waiting, started: performance.now() });
  const roots = [];
  window.scan = (root) => {
    roots.push(root);
    scan(root);
  };
  window.go = (names, services = []) => {
    open({ key, until: Date.now() + 1e6, open: names, services, signals: [] });
    roots.forEach(scan);
  };
}`;

const json = (body: string) => ({ type: 'application/json', body });

/** Puts the product's files in their folder, and `html` at `/`. */
export async function serve(site: Site, html: string, headers: Record<string, string> = {}) {
  site.answers.set('/askfirst/askfirst.js', { type: 'text/javascript', body: await loader() });
  site.answers.set('/askfirst/askfirst.mjs', { type: 'text/javascript', body: glue });
  site.answers.set('/askfirst/askfirst.wasm', { type: 'application/wasm', body: '' });
  site.answers.set('/askfirst.json', json('{}'));
  site.answers.set('/favicon.ico', { type: 'image/x-icon', body: '' });
  site.answers.set('/', { type: 'text/html', body: html, headers });
}

/** A page with the loader first in its head. */
export const page = (head: string, body = '', attributes = '') => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>t</title>
<script src="/askfirst/askfirst.js" data-config="/askfirst.json" ${attributes}></script>
${head}
</head><body>
${body}
<p>end</p></body></html>`;

/** A stored value whose gate is valid on the pages above. */
export const stored = (open: string[], services: string[] = [], over: object = {}) => JSON.stringify({
  format: 1,
  gate: { key: '1|/askfirst.json||0', until: 4e12, open, services, signals: [], ...over },
});
