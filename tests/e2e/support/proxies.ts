import { spawn } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseAllRedirects } from '@netlify/redirect-parser';
import redirector from 'netlify-redirector';
import workerd from 'workerd';
import { startFront } from './front.ts';
import { freePort, type Product } from './product.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const recommended = (name: string) => readFile(`${root}deploy/${name}`, 'utf8');

/** What stands before the records server, and is the site for the visitor's browser. */
export interface Proxy {
  origin: string;
  stop(): Promise<void>;
}

/** The text of a file of `deploy/` with what an owner changes in it; each of these must be there. */
async function adapted(name: string, changes: Record<string, string>) {
  return Object.entries(changes).reduce((text, [theirs, ours]) => {
    if (!text.includes(theirs)) throw new Error(`deploy/${name} does not say ${theirs}`);
    return text.replaceAll(theirs, ours);
  }, await recommended(name));
}

/** Runs a program until `stop`, and waits until it answers. */
async function run(origin: string, program: string, args: string[], env: Record<string, string> = {}): Promise<Proxy> {
  let said = '';
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
  const ended = new Promise<void>((go) => child.once('exit', () => go()).once('error', (error) => go(void (said += error))));
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (said += text));
  for (let tries = 0; tries < 100 && child.exitCode == null && child.pid; tries += 1) {
    const answer = await fetch(`${origin}/askfirst/v1/records`).catch(() => undefined);
    if (answer) return { origin, stop: () => (child.kill('SIGTERM'), ended) };
    await new Promise((go) => setTimeout(go, 50));
  }
  child.kill('SIGKILL');
  throw new Error(`${program} does not answer: ${said}`);
}

const TYPES = 'types { text/html html; text/css css; text/javascript js mjs; application/json json; image/svg+xml svg; }';

/** The `server` block of a site, and around it what a distribution has in its own nginx.conf. */
export async function nginx(product: Product, { http = '' } = {}): Promise<Proxy> {
  const port = await freePort();
  const dir = product.path('nginx');
  await mkdir(dir);
  const temporary = ['client_body', 'proxy', 'fastcgi', 'scgi', 'uwsgi'].map((name) => `${name}_temp_path ${dir}/${name};`).join(' ');
  const location = await adapted('nginx.conf', { 'http://127.0.0.1:4400': product.origin });
  await writeFile(`${dir}/nginx.conf`, `
daemon off; pid ${dir}/pid; error_log stderr; worker_processes 1;
# Whoever runs the tests; nginx has a word to say about it when that is not root.
${process.getuid!() == 0 ? 'user root;' : ''}
events {}
http { ${TYPES} access_log ${dir}/access.log; ${temporary} ${http}
  server { listen 127.0.0.1:${port}; root ${product.path('site')};
${location}
  }
}`);
  return run(`http://127.0.0.1:${port}`, 'nginx', ['-c', `${dir}/nginx.conf`]);
}

export async function caddy(product: Product): Promise<Proxy> {
  const origin = `http://127.0.0.1:${await freePort()}`;
  const dir = product.path('caddy');
  await mkdir(dir);
  const text = await adapted('Caddyfile', { 'www.example.nl': origin, '127.0.0.1:4400': new URL(product.origin).host, '/srv/www': product.path('site') });
  await writeFile(`${dir}/Caddyfile`, `{\n\tadmin off\n\tdefault_bind 127.0.0.1\n}\n${text}`);
  return run(origin, 'caddy', ['run', '--adapter', 'caddyfile', '--config', `${dir}/Caddyfile`], { HOME: dir, XDG_DATA_HOME: dir, XDG_CONFIG_HOME: dir });
}

/** Where the records server is in the files for hosts that are elsewhere. */
const ELSEWHERE = 'https://records.example.nl';

/** A host of static sites that answers by the rules of `netlify.toml`: read by Netlify's parser, matched by its engine. */
export async function netlify(product: Product): Promise<Proxy> {
  const { redirects, errors } = await parseAllRedirects({ redirectsFiles: [], netlifyConfigPath: `${root}deploy/netlify.toml`, configRedirects: [], minimal: false });
  if (errors.length) throw new Error(String(errors));
  const rules = await redirector.parseJSON(JSON.stringify(redirects), {});
  const front = await startFront((path) => {
    const rule = rules.match({ scheme: 'https', host: 'www.example.nl', path, query: '', getHeader: () => '', getCookie: () => '' });
    // Another status would send the browser away, to another site.
    if (rule && rule.status != 200) throw new Error(`${path}: status ${rule.status}`);
    return rule ? rule.to.replace(ELSEWHERE, product.origin) : product.origin + path;
  });
  return { origin: front.origin, stop: front.close };
}

/** The Worker in Cloudflare's own runtime, on its route; the rest of the site is elsewhere, as with Cloudflare. */
export async function cloudflare(product: Product): Promise<Proxy> {
  const worker = `http://127.0.0.1:${await freePort()}`;
  const dir = product.path('workerd');
  await mkdir(dir);
  await writeFile(`${dir}/worker.js`, await recommended('cloudflare-worker.js'));
  // What the Worker asks for of `records.example.nl` goes to the server of this test, and nothing else can be asked for.
  await writeFile(`${dir}/config.capnp`, `
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (modules = [(name = "worker.js", esModule = embed "worker.js")], compatibilityDate = "2026-01-01", globalOutbound = "records")),
    (name = "records", external = (address = "${new URL(product.origin).host}", http = ())),
  ],
  sockets = [(name = "http", address = "${new URL(worker).host}", http = (), service = "main")],
);`);
  const running = await run(worker, workerd.default, ['serve', `${dir}/config.capnp`]);
  const front = await startFront((path) => (path.startsWith('/askfirst/v1/') ? worker : product.origin) + path);
  return { origin: front.origin, stop: async () => void (await Promise.all([front.close(), running.stop()])) };
}
