// What a page's own visitors feel of us: first and largest contentful paint, layout shift and blocked time of a host page
// with and without the tag, in one Chromium, runs alternating, cold cache, slow 4G and a four times slower processor
// (issue 5). `npm run bench host`; RUNS=15 for more runs.
import { chromium } from '@playwright/test';
import { createServer } from 'node:http';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { brotliCompressSync, constants } from 'node:zlib';

const root = new URL('..', import.meta.url);
const runs = Number(process.env.RUNS ?? 9);
const types = { js: 'text/javascript', mjs: 'text/javascript', wasm: 'application/wasm', json: 'application/json' };
const config = JSON.stringify({
  version: '1',
  controller: { name: 'Example B.V.', contact: 'privacy@example.com', policy: '/privacy' },
  categories: { analytical: { services: ['plausible'] }, marketing: { services: ['youtube'] } },
});
// A page as sites have them: a style sheet, a script of its own, and a large picture that is its largest paint.
const style = `body{font:18px/1.5 sans-serif;max-width:40em;margin:auto}img{width:100%;aspect-ratio:3/2}/*${'.'.repeat(8000)}*/`;
const script = `document.title += '!';/*${'.'.repeat(20_000)}*/`;
// A picture of about 60 kB that no compression makes smaller.
const noise = Array.from({ length: 3000 }, (_, i) => `<rect x="${(i * 7919) % 600}" y="${(i * 104729) % 400}" width="9" height="9" fill="#${((i * 2654435761) >>> 8 & 0xffffff).toString(16).padStart(6, '0')}"/>`).join('');
const picture = `<svg xmlns="http://www.w3.org/2000/svg" width="600" height="400">${noise}</svg>`;
const page = (head) => `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Page</title><link rel="icon" href="data:,">${head}<link rel="stylesheet" href="/page.css"><script src="/page.js" defer></script><body><h1>A page</h1><img src="/picture.svg" alt="">${'<p>Some words that the visitor came for.</p>'.repeat(40)}`;
const sides = {
  without: page(''),
  with: page('<script src="/dist/askfirst.js" data-config="/askfirst.json"></script>'),
};
const files = {
  '/page.css': ['text/css', style],
  '/page.js': ['text/javascript', script],
  '/picture.svg': ['image/svg+xml', picture],
  '/askfirst.json': ['application/json', config],
  ...Object.fromEntries(Object.entries(sides).map(([name, html]) => [`/${name}`, ['text/html; charset=utf-8', html]])),
};

const packed = new Map();
const server = createServer((request, response) => {
  const { pathname } = new URL(request.url, 'http://page');
  if (!packed.has(pathname)) {
    const local = new URL(pathname.slice(1), root);
    const known = files[pathname] ?? (/^\/dist\/[\w./-]+$/.test(pathname) && !pathname.includes('..') && existsSync(local) && [types[pathname.split('.').pop()], readFileSync(local)]);
    packed.set(pathname, known && { type: known[0], body: brotliCompressSync(known[1], { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }) });
  }
  const known = packed.get(pathname);
  if (!known) return response.writeHead(404).end();
  response.writeHead(200, { 'content-type': known.type, 'content-encoding': 'br', 'content-length': known.body.length, 'cache-control': 'no-store' }).end(known.body);
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const origin = `http://127.0.0.1:${server.address().port}`;
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run', '--disable-gpu'] });

async function visit(name) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const tab = await context.newPage();
  const cdp = await context.newCDPSession(tab);
  await cdp.send('Network.enable');
  await cdp.send('Network.emulateNetworkConditions', { offline: false, latency: 150, downloadThroughput: 200_000, uploadThroughput: 94_000 });
  await cdp.send('Emulation.setCPUThrottlingRate', { rate: 4 });
  await tab.addInitScript(() => {
    window.seen = { fcp: 0, lcp: 0, largest: '', shift: 0, blocked: 0 };
    const watch = (type, fn) => new PerformanceObserver((list) => list.getEntries().forEach(fn)).observe({ type, buffered: true });
    watch('paint', ({ name, startTime }) => name === 'first-contentful-paint' && (window.seen.fcp = startTime));
    watch('largest-contentful-paint', ({ startTime, element }) => Object.assign(window.seen, { lcp: startTime, largest: element?.localName ?? '' }));
    watch('layout-shift', ({ value }) => (window.seen.shift += value));
    watch('longtask', ({ duration }) => (window.seen.blocked += Math.max(0, duration - 50)));
  });
  await tab.goto(`${origin}/${name}`, { waitUntil: 'load' });
  if (name === 'with') await tab.waitForFunction(() => document.querySelector('askfirst-ui')?.shadowRoot.querySelector('[part=banner]'), undefined, { timeout: 30_000 });
  // What comes after the banner counts too.
  await tab.waitForTimeout(1500);
  const seen = await tab.evaluate('window.seen');
  await context.close();
  return seen;
}

const results = { without: [], with: [] };
for (let run = 0; run <= runs; run += 1) {
  // Each side goes first in every second round.
  for (const name of run % 2 ? ['with', 'without'] : ['without', 'with']) {
    const seen = await visit(name);
    // The first round warms the browser up.
    if (run) results[name].push(seen);
  }
  process.stderr.write('.');
}
await browser.close();
server.close();

const sorted = (list) => [...list].sort((a, b) => a - b);
const figures = { fcp: 'first paint ms', lcp: 'largest paint ms', blocked: 'blocked ms', shift: 'layout shift' };
const summary = {};
console.log(`\n\nA host page without and with the tag: median (least to most) of ${runs} runs, slow 4G, 4x CPU\n`);
for (const [key, label] of Object.entries(figures)) {
  const digits = key === 'shift' ? 4 : 0;
  const cells = Object.entries(results).map(([name, list]) => {
    const values = sorted(list.map((seen) => seen[key]));
    const spread = [values[values.length >> 1], values[0], values.at(-1)];
    (summary[name] ??= {})[key] = spread;
    const [median, least, most] = spread.map((value) => value.toFixed(digits));
    return `${median} (${least} to ${most})`.padStart(28);
  });
  console.log(label.padEnd(18) + cells.join(''));
}
console.log(`largest paint: ${[...new Set(results.with.map(({ largest }) => largest || 'ours'))].join(', ')} with, ${[...new Set(results.without.map(({ largest }) => largest))].join(', ')} without`);
mkdirSync(new URL('results', import.meta.url), { recursive: true });
writeFileSync(new URL('results/host.json', import.meta.url), JSON.stringify({ runs, summary, results }, null, 1));
