import { build } from 'esbuild';
import { fileURLToPath } from 'node:url';
import { serve } from './gate.ts';
import type { Site } from './site.ts';

const bundles = new Map<string, Promise<string>>();

/** A file that pages name if they want it, as it is shipped: `askfirst-<name>.js`. */
export function optional(name: string) {
  const entry = fileURLToPath(new URL(`../../../www/${name}.ts`, import.meta.url));
  if (!bundles.has(name)) {
    bundles.set(name, build({ entryPoints: [entry], bundle: true, minify: true, format: 'iife', target: 'es2020', charset: 'utf8', write: false })
      .then((result) => result.outputFiles[0].text));
  }
  return bundles.get(name)!;
}

interface Page {
  /** The file before the loader, and its attributes. */
  name: string;
  attributes: string;
  head?: string;
  body?: string;
  nonce?: string;
  headers?: Record<string, string>;
}

/** A page with such a file before the loader, on a site whose gate a test opens by `go`. */
export async function servePage(site: Site, { name, attributes, head = '', body = '', nonce = '', headers }: Page) {
  const once = nonce && `nonce="${nonce}"`;
  await serve(site, `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>t</title>
<script src="/askfirst/askfirst-${name}.js" ${attributes} ${once}></script>
<script src="/askfirst/askfirst.js" data-config="/askfirst.json" ${once}></script>
${head}</head><body>${body}<p>end</p></body></html>`, headers);
  site.answers.set(`/askfirst/askfirst-${name}.js`, { type: 'text/javascript', body: await optional(name) });
}
