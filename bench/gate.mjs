// From the click to the start of the last tag: 2,000 gated tags that stand in the page and 500 that are inserted afterwards,
// next to the same tags that a plain script inserts at the click, without any gate. One Chromium, runs alternating; medians
// and their ratio. `npm run bench gate`; RUNS=15 for more runs.
import { chromium } from '@playwright/test';
import { createServer } from 'node:http';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';

const root = new URL('..', import.meta.url);
const runs = Number(process.env.RUNS ?? 7);
const STANDING = 2000;
const LATE = 500;
const types = { js: 'text/javascript', mjs: 'text/javascript', wasm: 'application/wasm', json: 'application/json', css: 'text/css' };
const config = JSON.stringify({
  version: '1',
  controller: { name: 'Example B.V.', contact: 'privacy@example.com', policy: '/privacy' },
  categories: { analytical: {} },
});

// Half of the tags are inline, a quarter is fetched, a quarter are images, in turn. Each notes when it starts.
const tag = (n, gate) => {
  const script = gate ? 'script type="text/plain" data-category="analytical"' : 'script';
  if (n % 4 < 2) return `<${script}>note()</script>`;
  if (n % 4 < 3) return `<${script} ${gate ? 'data-' : ''}src="/note.js?${n}"></script>`;
  return `<img alt="" onload="note()" ${gate ? 'data-category="analytical" data-' : ''}src="/dot.svg?${n}">`;
};
const list = (from, count, gate) => Array.from({ length: count }, (_, n) => tag(from + n, gate));

// Both sides insert the late ones alike, one in a task, as the scripts of a page do. Scripts keep their order.
const common = `
window.starts = 0;
const note = () => { starts += 1; if (starts == ${STANDING + LATE}) window.took = performance.now() - clicked; };
const build = (html) => {
  const parsed = new DOMParser().parseFromString('<body>' + html, 'text/html').body.firstChild;
  const made = document.createElement(parsed.localName);
  for (const { name, value } of parsed.attributes) made.setAttribute(name, value);
  made.async = false;
  made.text = parsed.textContent;
  return made;
};
const insertLate = async (tags) => {
  for (const html of tags) {
    document.body.append(build(html));
    await new Promise((go) => { const { port1, port2 } = new MessageChannel(); port1.onmessage = go; port2.postMessage(0); });
  }
};`;
const page = (head, body) => `<!doctype html><html lang="en"><meta charset="utf-8"><title>Page</title><link rel="icon" href="data:,">${head}<body>${body}`;
const text = (value) => JSON.stringify(value).replaceAll('<', '\\x3c');
const pages = {
  '/gated': page(
    `<script src="/dist/askfirst.js" data-config="/askfirst.json"></script><script>${common}
window.go = () => { window.clicked = performance.now(); askfirst.accept(); insertLate(${text(list(STANDING, LATE, true))}); };</script>`,
    list(0, STANDING, true).join('\n')),
  '/plain': page(
    `<script>${common}
window.go = () => { window.clicked = performance.now(); document.body.append(...${text(list(0, STANDING, false))}.map(build)); insertLate(${text(list(STANDING, LATE, false))}); };</script>`, ''),
};

const server = createServer((request, response) => {
  const { pathname } = new URL(request.url, 'http://page');
  const send = (type, body) => response.writeHead(200, { 'content-type': type, 'cache-control': 'no-store' }).end(body);
  if (pages[pathname]) return send('text/html; charset=utf-8', pages[pathname]);
  if (pathname === '/askfirst.json') return send('application/json', config);
  if (pathname === '/note.js') return send('text/javascript', 'note()');
  if (pathname === '/dot.svg') return send('image/svg+xml', '<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>');
  const path = pathname.slice(1);
  if (pathname.includes('..') || !path.startsWith('dist/') || !existsSync(new URL(path, root))) return response.writeHead(404).end();
  send(types[path.split('.').pop()], readFileSync(new URL(path, root)));
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const origin = `http://127.0.0.1:${server.address().port}`;
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run', '--disable-gpu'] });

async function visit(path) {
  const context = await browser.newContext();
  const tab = await context.newPage();
  await tab.goto(origin + path);
  if (path == '/gated') await tab.evaluate('(async () => { while (!askfirst.ready) await new Promise((go) => setTimeout(go, 20)); await askfirst.ready; })()');
  await tab.waitForTimeout(500);
  if (await tab.evaluate('starts')) throw new Error('something started before the click');
  await tab.evaluate('void go()');
  await tab.waitForFunction('window.took', undefined, { timeout: 120_000 });
  await tab.waitForTimeout(200);
  const [took, starts] = await tab.evaluate('[took, starts]');
  if (starts != STANDING + LATE) throw new Error(`${starts} starts`);
  await context.close();
  return took;
}

const results = { gated: [], plain: [] };
for (let run = 0; run <= runs; run += 1) {
  for (const name of Object.keys(results)) {
    const took = await visit('/' + name);
    // The first round warms the browser up.
    if (run) results[name].push(took);
  }
  process.stderr.write('.');
}
await browser.close();
server.close();

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
const [gated, plain] = [median(results.gated), median(results.plain)];
console.log(`\n\nFrom the click to the start of the last of ${STANDING} tags in the page and ${LATE} inserted later, median of ${runs} runs\n`);
console.log(`gated      ${Math.round(gated)} ms\nno gate    ${Math.round(plain)} ms\nratio      ${(gated / plain).toFixed(2)} (aim: at most 1.2)`);
mkdirSync(new URL('results', import.meta.url), { recursive: true });
writeFileSync(new URL('results/gate.json', import.meta.url), JSON.stringify({ runs, gated, plain, ratio: gated / plain, results }, null, 1));
