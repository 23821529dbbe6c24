// From navigation to a visible banner: ours next to vanilla-cookieconsent, in one Chromium, runs alternating, cold cache,
// over a phone's line (line.mjs) and on a processor four times slower. Medians and ratios; the machine's own noise hits both
// sides alike. `npm run bench page`; RUNS=15 for more runs.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { median, open, served, visit } from './line.mjs';

const root = new URL('..', import.meta.url);
const file = (path) => readFileSync(new URL(path, root));
const runs = Number(process.env.RUNS ?? 9);
const types = { js: 'text/javascript', mjs: 'text/javascript', wasm: 'application/wasm', json: 'application/json', css: 'text/css' };

const config = JSON.stringify({
  version: '1',
  controller: { name: 'Example B.V.', contact: 'privacy@example.com', policy: '/privacy' },
  categories: { analytical: { services: ['plausible'] }, marketing: { services: ['youtube'] } },
});
const content = '<h1>A page</h1>' + '<p>Some words that the visitor came for.</p>'.repeat(40);
const page = (head) => `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Page</title><link rel="icon" href="data:,">${head}<body>${content}`;

// vanilla-cookieconsent with the same words to say: two categories, a preferences dialog, equal buttons.
const peer = `<link rel="stylesheet" href="/peer/cookieconsent.css"><script type="module">
import * as CookieConsent from '/peer/cookieconsent.esm.js';
CookieConsent.run({ hideFromBots: false,
  categories: { necessary: { enabled: true, readOnly: true }, analytics: {}, ads: {} },
  guiOptions: { consentModal: { equalWeightButtons: true } },
  language: { default: 'en', translations: { en: {
    consentModal: { title: 'We use cookies only with your consent', description: 'Example B.V. would like to store and read data on your device. You can change your choice at any time.', acceptAllBtn: 'Accept all', acceptNecessaryBtn: 'Reject all', showPreferencesBtn: 'Cookie settings', footer: '<a href="/privacy">Privacy policy</a>' },
    preferencesModal: { title: 'Cookie settings', acceptAllBtn: 'Accept all', acceptNecessaryBtn: 'Reject all', savePreferencesBtn: 'Save', closeIconLabel: 'Close', sections: [
      { title: 'Necessary', description: 'Always on.', linkedCategory: 'necessary' },
      { title: 'Statistics', description: 'Counting visits.', linkedCategory: 'analytics' },
      { title: 'Marketing', description: 'Showing adverts and videos.', linkedCategory: 'ads' } ] },
  } } },
});
</script>`;
const pages = {
  '/askfirst': page('<script src="/dist/askfirst.js" data-config="/askfirst.json"></script>'),
  '/vanilla': page(peer),
};
const sides = {
  askfirst: { path: '/askfirst', banner: () => document.querySelector('askfirst-ui')?.shadowRoot?.querySelector('[part=banner]') },
  vanilla: { path: '/vanilla', banner: () => document.querySelector('#cc-main .cm--visible, #cc-main .cm') },
};

const line = await open((pathname) => {
  if (pages[pathname]) return ['text/html; charset=utf-8', pages[pathname]];
  if (pathname === '/askfirst.json') return ['application/json', config];
  const path = pathname.replace(/^\/peer\//, '/node_modules/vanilla-cookieconsent/dist/').slice(1);
  if (pathname.includes('..') || !/^(dist|node_modules\/vanilla-cookieconsent)\//.test(path) || !existsSync(new URL(path, root))) return;
  return [types[path.split('.').pop()], file(path)];
});

async function look({ path, banner }) {
  const { context, tab, cdp } = await visit(line.browser, { width: 390, height: 844 });
  await cdp.send('Performance.enable');
  let bytes = 0;
  const urls = new Map();
  cdp.on('Network.requestWillBeSent', ({ requestId, request }) => urls.set(requestId, request.url));
  cdp.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    if (new URL(urls.get(requestId) ?? line.origin).pathname !== path) bytes += encodedDataLength;
  });
  await tab.addInitScript(`{
    const banner = ${banner};
    const look = () => {
      const found = banner();
      if (found && found.getBoundingClientRect().height > 40 && getComputedStyle(found).visibility === 'visible') window.seenAt = performance.now();
      else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  }`);
  await tab.goto(line.origin + path);
  await tab.waitForFunction('window.seenAt', undefined, { timeout: 30_000 });
  const visible = await tab.evaluate('window.seenAt');
  const scripted = async () => (await cdp.send('Performance.getMetrics')).metrics.find(({ name }) => name === 'ScriptDuration').value * 1000;
  const until = { visible, bytes, script: await scripted() };
  // What comes after the banner, so that a press can be answered at once.
  await tab.waitForTimeout(2500);
  const whole = { total: bytes, scripts: await scripted() };
  await context.close();
  return { ...until, ...whole };
}

const results = { askfirst: [], vanilla: [] };
for (let run = 0; run <= runs; run += 1) {
  for (const [name, side] of Object.entries(sides)) {
    const result = await look(side);
    // The first round warms the browser up.
    if (run) results[name].push(result);
  }
  process.stderr.write('.');
}
await line.close();

const summary = Object.fromEntries(Object.entries(results).map(([name, list]) => [name, Object.fromEntries(['visible', 'bytes', 'script', 'total', 'scripts'].map((key) => [key, Math.round(median(list.map((result) => result[key])))]))]));
console.log(`\n\nFrom navigation to a visible banner, median of ${runs} runs, ${served}, slow 4G, 4x CPU\n`);
console.log('                          visible ms   bytes until then   script ms   bytes in all   script ms in all');
const row = (name, cells) => console.log(name.padEnd(26) + cells.map((cell, at) => String(cell).padStart([10, 19, 12, 15, 19][at])).join(''));
const keys = ['visible', 'bytes', 'script', 'total', 'scripts'];
for (const [name, figures] of Object.entries(summary)) row(name, keys.map((key) => figures[key]));
const ratio = (key) => (summary.askfirst[key] / summary.vanilla[key]).toFixed(2);
row('askfirst : vanilla', keys.map(ratio));
mkdirSync(new URL('results', import.meta.url), { recursive: true });
writeFileSync(new URL('results/page.json', import.meta.url), JSON.stringify({ runs, summary, results }, null, 1));
