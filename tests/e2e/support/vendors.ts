import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const folder = fileURLToPath(new URL('../../frameworks/vendors/', import.meta.url));

/** Kind and name, as in the configuration. */
type Item = [kind: 'cookie' | 'localStorage' | 'sessionStorage' | 'indexedDB' | 'pixel', name: string];

/** Declared by its file in www/services: what that file says of storage is held against the real library. */
const READY_MADE = 'ready made';

/**
 * The vendors whose client library from npm is started by `tests/frameworks/vendors/<id>.js`, and what that library was
 * seen to keep on the device, which is what an owner has to declare if no ready-made service does.
 */
export const VENDORS: Record<string, Item[] | typeof READY_MADE> = {
  amplitude: READY_MADE,
  bugsnag: [['localStorage', 'bugsnag-anonymous-id']],
  countly: [['localStorage', 'slackwater/cly_*'], ['cookie', 'slackwater/cly_*']],
  faro: [['sessionStorage', 'com.grafana.faro.*']],
  jitsu: [['cookie', '__eventn_*']],
  mixpanel: READY_MADE,
  openpanel: [['pixel', '/openpanel/track']],
  rudderstack: READY_MADE,
  segment: READY_MADE,
  sentry: READY_MADE,
  snowplow: READY_MADE,
  vercel: [['pixel', '/vercel/script.js']],
};

/** The owner's own declarations, of the vendors without a ready-made service. */
export const declarations = () => Object.fromEntries(Object.entries(VENDORS).flatMap(([id, items]) => items == READY_MADE ? [] : [[id, {
  name: id, provider: `${id} Inc.`, purpose: 'purpose.statistics', countries: ['US'], safeguard: 'SCC', policy: `https://${id}.example/privacy`,
  items: items.map(([kind, name]) => ({ kind, name, duration: 'P1Y', thirdParty: true })),
}]]));

/**
 * Each starter with its library as one classic script that talks to `sink` in place of the vendor, and says in
 * `window.began` that it ran.
 */
export async function bundles(sink: string) {
  const { outputFiles } = await build({
    entryPoints: Object.keys(VENDORS).map((id) => `${folder}${id}.js`),
    outdir: '/', bundle: true, minify: true, write: false, format: 'iife', target: 'es2022', logLevel: 'error',
    define: { SINK: JSON.stringify(sink), 'process.env.NODE_ENV': '"production"' },
  });
  return outputFiles.map(({ path, text }) => {
    const id = path.slice(1, -3);
    return [id, `(window.began ||= []).push(${JSON.stringify(id)});\n${text}`] as const;
  });
}

/** All vendors at once: the first part of the path says which. Logs before it answers, and agrees to everything. */
export async function startVendors() {
  const log: string[] = [];
  const server = createServer((request, response) => {
    const [, id] = new URL(request.url!, 'http://vendors').pathname.split('/');
    if (request.method != 'OPTIONS') log.push(id!);
    request.resume();
    request.once('end', () => response.writeHead(200, {
      'content-type': request.url!.endsWith('.js') ? 'text/javascript' : 'application/json',
      'access-control-allow-origin': request.headers.origin ?? '*',
      'access-control-allow-credentials': 'true',
      'access-control-allow-headers': request.headers['access-control-request-headers'] ?? '*',
      'access-control-allow-methods': 'GET, POST, OPTIONS',
    }).end(request.url!.endsWith('.js') ? '' : '{}'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    log,
    /** Which vendors were told something. */
    told: () => [...new Set(log)].toSorted(),
    close: () => new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    }),
  };
}
