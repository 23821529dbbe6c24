// The JavaScript side of `cargo xtask build`: esbuild and everything that is minified as text.
// Called as: node xtask/bundle.mjs '{"out": …, "wasm": …, "bindings": …, "moreWasm": …, "moreBindings": …, "checkWasm": …, "checkBindings": …, "verifyWasm": …, "verifyBindings": …,
// "plain": {"": …, "check-": …, "verify-": …}, "version": …}'; prints the files it wrote and the sources that are not there, as JSON.

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { build, transform } from 'esbuild';
import { parts } from './parts.mjs';
import { wrongWords } from './words.mjs';

const { out, wasm, bindings, moreWasm, moreBindings, checkWasm, checkBindings, verifyWasm, verifyBindings, plain, version } = JSON.parse(process.argv[2]);
const written = [];
const missing = [];

/** Every engine with reference types in wasm can run it. */
const shared = {
  bundle: true,
  minify: true,
  target: 'es2021',
  charset: 'utf8',
  legalComments: 'none',
  logLevel: 'warning',
  // The glue asks for something the engine doesn't export.
  logOverride: { 'import-is-undefined': 'error' },
  write: false,
};

function write(name, content) {
  const path = join(out, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  written.push(name);
}

async function bundled(entry, options) {
  const result = await build({ ...shared, entryPoints: [entry], ...options });
  return result.outputFiles[0].contents;
}

/** The text of a style sheet, minified, as `import css from './ui.css'`. */
const cssAsText = {
  name: 'css-as-text',
  setup(plugin) {
    plugin.onLoad({ filter: /\.css$/ }, async ({ path }) => ({ contents: await minifiedCss(path), loader: 'text' }));
  },
};

async function minifiedCss(path) {
  const { code } = await transform(readFileSync(path, 'utf8'), {
    loader: 'css',
    minify: true,
    charset: 'utf8',
    // Nesting and `light-dark()` are left as written: the sheet says itself what it needs.
    target: 'esnext',
  });
  return code.trim();
}

/** Identifies the interface a visitor saw: the engine that builds it and the style sheets that lay it out. */
async function interfaceDigest() {
  const hash = createHash('sha256').update(readFileSync(wasm)).update(readFileSync(moreWasm));
  // The same engine where WebAssembly is refused: it draws the same.
  hash.update(await bundled(plain[''], { format: 'esm' }));
  for (const sheet of ['ui', 'dialog']) hash.update(await minifiedCss(`www/${sheet}.css`));
  return `sha256-${hash.digest('base64url')}`;
}

function jsonFolder(folder) {
  const names = existsSync(`www/${folder}`) ? readdirSync(`www/${folder}`).filter((name) => name.endsWith('.json')) : [];
  if (names.length === 0) missing.push(`www/${folder}/*.json`);
  for (const name of names.sort()) {
    let value;
    try {
      value = JSON.parse(readFileSync(`www/${folder}/${name}`, 'utf8'));
    } catch (error) {
      throw new Error(`www/${folder}/${name} is not JSON: ${error.message}`);
    }
    const files = folder == 'locales' ? parts(value) : { [folder]: value };
    for (const [path, part] of Object.entries(files)) write(`${path}/${name}`, JSON.stringify(part));
  }
}

/** A style sheet per ready-made theme, for one `<link>` on the site's own page. [light, dark] where a colour has two. */
function themes() {
  const pairs = (theme, choose) => Object.entries(theme).filter(([key]) => key !== 'about').map(([key, value]) => `--askfirst-${key}:${choose(value)}`).join(';');
  const one = (scheme) => (value) => (Array.isArray(value) ? value[scheme] : value);
  const both = (value) => (Array.isArray(value) ? `light-dark(${value})` : value);
  for (const [name, theme] of Object.entries(JSON.parse(readFileSync('www/themes.json', 'utf8')))) {
    write(`themes/${name}.css`, `/* Askfirst theme: ${theme.about} */
askfirst-ui{${pairs(theme, one(0))}}
@supports (color:light-dark(red,red)){askfirst-ui{${pairs(theme, both)}}}
`);
  }
}

function copied(name) {
  if (existsSync(`www/${name}`)) write(name, readFileSync(`www/${name}`));
  else missing.push(`www/${name}`);
}

/** Words of the interface that the pages have too. */
const LENT = ['reopen', 'receipt.time', 'receipt.received', 'receipt.until', 'receipt.granted', 'receipt.refused', 'dialog.record', 'dialog.authority'];

/** The words of the pages, complete in each language of the banner; gives the languages and their own names. */
function pageWords() {
  const read = (path) => JSON.parse(readFileSync(path, 'utf8'));
  const english = read('www/pages/en.json');
  const names = readdirSync('www/pages').sort();
  const without = readdirSync('www/locales').filter((name) => !names.includes(name));
  if (without.length) throw new Error(`www/pages has no ${without.join(', ')}`);
  for (const name of names) {
    const words = read(`www/pages/${name}`);
    const wrong = wrongWords(english, words);
    if (wrong.length) throw new Error(`www/pages/${name}: ${wrong.join('; ')}`);
    const locale = read(`www/locales/${name}`);
    write(`pages/${name}`, JSON.stringify({ ...words, ...Object.fromEntries(LENT.map((key) => [key, locale[key]])) }));
  }
  return Object.fromEntries(names.map((name) => [name.replace('.json', ''), read(`www/pages/${name}`)['language.own']]));
}

/** A page with its English words in place. */
function page(name) {
  const words = { ...JSON.parse(readFileSync('www/pages/en.json', 'utf8')) };
  const { reopen } = JSON.parse(readFileSync('www/locales/en.json', 'utf8'));
  const html = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('{settings}', reopen).replace(/`([^`]+)`/g, '<code>$1</code>').replace(/\*\*([^*]+)\*\*/g, '<strong>$1</strong>');
  write(name, readFileSync(`www/${name}`, 'utf8').replace(/(data-t="([\w.]+)"[^>]*>)(?=<\/)/g, (_, start, key) => {
    if (!words[key]) throw new Error(`www/${name}: no words for ${key}`);
    return start + html(words[key]);
  }));
}

/** The check of evidence: as a module for the page's receipt, and the page `verify/` that takes a file. */
async function verifier() {
  const alias = { 'askfirst-verify-wasm': verifyBindings };
  const define = { __PAGES__: JSON.stringify(pageWords()), __ENGLISH__: readFileSync(join(out, 'pages/en.json'), 'utf8') };
  write('askfirst-verify.wasm', readFileSync(verifyWasm));
  write('askfirst-verify.mjs', await bundled('www/verify.ts', { format: 'esm', alias }));
  write('verify/verify.js', await bundled('www/verify/page.ts', { format: 'esm', alias, define }));
  write('verify/verify.css', await minifiedCss('www/verify/page.css'));
  page('verify/index.html');
  copied('verify/evidence.schema.json');
  // The visitor's own record, in the look of the page above.
  write('me/me.js', await bundled('www/me/page.ts', { format: 'esm', alias, define }));
  write('me/me.css', await minifiedCss('www/me/page.css'));
  page('me/index.html');
}

try {
  const define = { __UI__: JSON.stringify(await interfaceDigest()), __VERSION__: JSON.stringify(version) };
  write('askfirst.wasm', readFileSync(wasm));
  if (existsSync('www/loader.ts')) write('askfirst.js', await bundled('www/loader.ts', { format: 'iife', define, tsconfigRaw: {} }));
  else missing.push('www/loader.ts');
  if (existsSync('www/glue.ts')) {
    const options = { format: 'esm', define, alias: { 'askfirst-wasm': bindings }, plugins: [cssAsText] };
    write('askfirst.mjs', await bundled('www/glue.ts', options));
  } else missing.push('www/glue.ts');
  write('askfirst-more.wasm', readFileSync(moreWasm));
  write('askfirst-more.mjs', await bundled('www/more.ts', { format: 'esm', alias: { 'askfirst-more-wasm': moreBindings }, plugins: [cssAsText] }));
  // For where WebAssembly is refused (`www/refused.ts`).
  for (const [part, bindings] of Object.entries(plain)) write(`askfirst-${part}plain.mjs`, await bundled(bindings, { format: 'esm' }));
  for (const part of ['challenge', 'choice', 'clear', 'embeds', 'import', 'kept', 'receipt', 'switches']) write(`askfirst-${part}.mjs`, await bundled(`www/${part}.ts`, { format: 'esm', plugins: [cssAsText] }));
  write('askfirst-check.wasm', readFileSync(checkWasm));
  write('askfirst-check.mjs', await bundled('www/check.ts', { format: 'esm', alias: { 'askfirst-check-wasm': checkBindings } }));
  await verifier();
  // Only pages that name them load these.
  for (const name of ['block', 'audit', 'dialects']) {
    if (existsSync(`www/${name}.ts`)) write(`askfirst-${name}.js`, await bundled(`www/${name}.ts`, { format: 'iife', define }));
  }
  write('askfirst-declaration.mjs', await bundled('www/declaration.ts', { format: 'esm', alias: { 'askfirst-check-wasm': checkBindings } }));
  jsonFolder('locales');
  jsonFolder('services');
  themes();
  copied('askfirst.schema.json');
  copied('askfirst.d.ts');
  console.log(JSON.stringify({ written, missing }));
} catch (error) {
  // esbuild has already shown its own messages with file and line.
  if (!error.errors) console.error(error.message);
  process.exit(1);
}
