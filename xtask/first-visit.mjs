// Makes first visits with a traced module and prints, as JSON, the places of the functions that ran until the banner was
// there (`xtask/src/split.rs`): node xtask/first-visit.mjs TRACED.wasm BINDINGS.js
import { existsSync, readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { parts } from './parts.mjs';

const [wasm, bindings] = process.argv.slice(2);
const ran = new Set();

// What the bindings hand to the module, and the trace beside it.
const { instantiate } = WebAssembly;
WebAssembly.instantiate = (bytes, imports) => instantiate(bytes, { ...imports, trace: { ran: (place) => ran.add(place) } });
globalThis.Window = class {};
globalThis.window = globalThis.self = Object.assign(Object.create(Window.prototype), { localStorage: { getItem: () => null } });

const read = (path) => readFileSync(path, 'utf8');
const demo = JSON.parse(read('www/demo/askfirst.json'));
const small = {
  version: '1',
  controller: { name: 'Example B.V.', contact: 'privacy@example.com', policy: '/privacy' },
  categories: { analytical: { services: ['plausible'] }, marketing: { services: ['youtube'] } },
};
const visits = [small, demo];

let visit = 0;
for (const config of visits) {
  // A module of its own each time.
  const engine = await import(`${pathToFileURL(bindings)}?${visit++}`);
  await engine.default({ module_or_path: new Response(readFileSync(wasm)) });
  const text = JSON.stringify(config);
  const [lang, ...wanted] = engine.plan(JSON.stringify([text, 'en'])).split(' ');
  const services = Object.fromEntries(wanted.map((id) => [id, existsSync(`www/services/${id}.json`) ? read(`www/services/${id}.json`) : '']));
  const shown = [];
  const world = { now: Date.now(), random: [...crypto.getRandomValues(new Uint8Array(64))], gpc: false, path: '/', site: 'https://example.com', local: true, kept: false, cookies: [] };
  const host = {
    call(name, detail) {
      shown.push(name + detail);
      return name == 'world' ? JSON.stringify(world) : '';
    },
  };
  const why = engine.start(host, JSON.stringify({ config: text, locale: JSON.stringify(parts(JSON.parse(read(`www/locales/${lang}.json`))).locales), lang, services, key: 'key', opened: false, ui: 'ui', client: 'client' }));
  if (why || !shown.some((line) => line.startsWith('show["banner",["'))) throw new Error(`a first visit shows no banner: ${why || shown.join('\n')}`);
}
console.log(JSON.stringify([...ran].sort((a, b) => a - b)));
