// What a page's own visitors feel of us: first and largest contentful paint, layout shift and blocked time of a host page
// with and without the tag, in one Chromium, runs alternating, cold cache, over a phone's line (line.mjs) and on a processor
// four times slower (issue 5). `npm run bench host`; RUNS=15 for more runs.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { brotliCompressSync, constants, crc32, deflateSync } from 'node:zlib';
import { median, open, served, visit } from './line.mjs';

const root = new URL('..', import.meta.url);
const runs = Number(process.env.RUNS ?? 9);
const types = { js: 'text/javascript', mjs: 'text/javascript', wasm: 'application/wasm', json: 'application/json' };
const config = JSON.stringify({
  version: '1',
  controller: { name: 'Example B.V.', contact: 'privacy@example.com', policy: '/privacy' },
  categories: { analytical: { services: ['plausible'] }, marketing: { services: ['youtube'] } },
});
// A page as sites have them: a style sheet of 8 kB, a script of its own of 20 kB, and a picture of 60 kB that is its largest
// paint, all three as big on the line, since nothing compresses what is drawn by lot.
let lot = 1;
const draw = (below) => (lot = (lot * 48271) % 2147483647) % below;
const word = () => draw(2 ** 30).toString(36);
const many = (count, make) => Array.from({ length: count }, make).join('\n');
const style = 'body{font:18px/1.5 sans-serif;max-width:40em;margin:auto}img{width:100%;aspect-ratio:3/2}' + many(650, () => `.${word()} .${word()}{margin:${draw(99)}px ${draw(99)}px;color:#${(draw(0xfff) + 0x1000).toString(16).slice(1)}}`);
const script = `document.title += [${many(2600, () => `'${word()}${word()}',`)}].length`;
/** A PNG of black and white noise, as large as it is shown: what is enlarged counts less as a largest paint. */
function noise(width, height) {
  const chunk = (type, data) => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const [size, check] = [Buffer.alloc(4), Buffer.alloc(4)];
    size.writeUInt32BE(data.length);
    check.writeUInt32BE(crc32(body));
    return Buffer.concat([size, body, check]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width);
  header.writeUInt32BE(height, 4);
  header[8] = 1;
  const row = 1 + width / 8;
  const rows = Buffer.from(Array.from({ length: height * row }, (_, at) => (at % row ? draw(256) : 0)));
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), chunk('IHDR', header), chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))]);
}
const page = (head) => `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Page</title><link rel="icon" href="data:,">${head}<link rel="stylesheet" href="/page.css"><script src="/page.js" defer></script><body><h1>A page</h1><img src="/picture.png" alt="">${'<p>Some words that the visitor came for.</p>'.repeat(40)}`;
// `again` is the page without the tag once more: how far it differs from itself is the run's own noise. `empty` has a script
// in the tag's place that does nothing and is as big on the line: what any script there costs. `defer` is the tag with `defer`.
const sides = {
  without: page(''),
  again: page(''),
  empty: page('<script src="/empty.js"></script>'),
  with: page('<script src="/dist/askfirst.js" data-config="/askfirst.json"></script>'),
  defer: page('<script src="/dist/askfirst.js" data-config="/askfirst.json" defer></script>'),
};
const weight = brotliCompressSync(readFileSync(new URL('dist/askfirst.js', root)), { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }).length;
const nothing = `//${Buffer.from(Array.from({ length: weight }, () => draw(256))).toString('base64')}`;
const files = {
  '/empty.js': ['text/javascript', nothing],
  '/page.css': ['text/css', style],
  '/page.js': ['text/javascript', script],
  '/picture.png': ['image/png', noise(840, 560)],
  '/askfirst.json': ['application/json', config],
  ...Object.fromEntries(Object.entries(sides).map(([name, html]) => [`/${name}`, ['text/html; charset=utf-8', html]])),
};

const line = await open((pathname) => {
  const local = new URL(pathname.slice(1), root);
  return files[pathname] ?? (/^\/dist\/[\w./-]+$/.test(pathname) && !pathname.includes('..') && existsSync(local) && [types[pathname.split('.').pop()], readFileSync(local)]);
});

async function look(name) {
  const { context, tab } = await visit(line.browser, { width: 1280, height: 900 });
  await tab.addInitScript(() => {
    window.seen = { fcp: 0, lcp: 0, largest: '', shift: 0, blocked: 0 };
    const watch = (type, fn) => new PerformanceObserver((list) => list.getEntries().forEach(fn)).observe({ type, buffered: true });
    watch('paint', ({ name, startTime }) => name === 'first-contentful-paint' && (window.seen.fcp = startTime));
    watch('largest-contentful-paint', ({ startTime, element }) => Object.assign(window.seen, { lcp: startTime, largest: element?.localName ?? '' }));
    watch('layout-shift', ({ value }) => (window.seen.shift += value));
    watch('longtask', ({ duration }) => (window.seen.blocked += Math.max(0, duration - 50)));
  });
  await tab.goto(`${line.origin}/${name}`, { waitUntil: 'load' });
  if (/with$|defer/.test(name)) await tab.waitForFunction(() => document.querySelector('askfirst-ui')?.shadowRoot.querySelector('[part=banner]'), undefined, { timeout: 30_000 });
  // What comes after the banner counts too.
  await tab.waitForTimeout(1500);
  const seen = await tab.evaluate('window.seen');
  await context.close();
  return seen;
}

const results = Object.fromEntries(Object.keys(sides).map((name) => [name, []]));
const turns = Object.keys(sides);
for (let run = 0; run <= runs; run += 1) {
  // Each side is first, second and last equally often.
  turns.push(turns.shift());
  for (const name of turns) {
    const seen = await look(name);
    // The first round warms the browser up.
    if (run) results[name].push(seen);
  }
  process.stderr.write('.');
}
await line.close();

const figures = { fcp: 'first paint ms', lcp: 'largest paint ms', blocked: 'blocked ms', shift: 'layout shift' };
const summary = {};
console.log(`\n\nA host page without and with the tag: median (least to most) of ${runs} runs, ${served}, slow 4G, 4x CPU\n`);
for (const [key, label] of Object.entries(figures)) {
  const digits = key === 'shift' ? 4 : 0;
  const cells = Object.entries(results).map(([name, list]) => {
    const values = list.map((seen) => seen[key]);
    const spread = [median(values), Math.min(...values), Math.max(...values)];
    (summary[name] ??= {})[key] = spread;
    const [middle, least, most] = spread.map((value) => value.toFixed(digits));
    return `${middle} (${least} to ${most})`.padStart(28);
  });
  console.log(label.padEnd(18) + cells.join(''));
}
console.log(`largest paint: ${[...new Set(results.with.map(({ largest }) => largest || 'ours'))].join(', ')} with, ${[...new Set(results.without.map(({ largest }) => largest))].join(', ')} without`);
mkdirSync(new URL('results', import.meta.url), { recursive: true });
writeFileSync(new URL('results/host.json', import.meta.url), JSON.stringify({ runs, summary, results }, null, 1));
