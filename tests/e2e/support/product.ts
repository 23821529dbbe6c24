import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startSink } from '../../../www/demo/sink.mjs';
import { startFront, type Front } from './front.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const from = (name: string, fallback: string) => resolve(root, process.env[name] ?? fallback);
const run = promisify(execFile);

export const BIN = from('ASKFIRST_BIN', join(process.env['CARGO_TARGET_DIR'] ?? 'target', 'debug/askfirst'));
export const DIST = from('ASKFIRST_DIST', 'dist');
const DEMO = from('ASKFIRST_DEMO', 'dist-demo');
/** The sink's address in a demo that was built without another. */
const SINK = 'http://127.0.0.1:4401';

/** One request that reached a third party. */
export interface Arrived {
  kind: string;
  service: string | null;
  what: string;
  path: string;
}

/** The whole product as it is run by an owner: the server with its database, the demo site, the third parties. */
export class Product {
  readonly dir: string;
  /** The server's own origin. */
  readonly origin: string;
  /** The proxy before it; the same site. */
  readonly front: Front;
  readonly sink: { url: string; log: Arrived[]; close(): Promise<void> };
  private server: ChildProcess | undefined;
  /** Further options of `askfirst serve`, from its next start on. */
  options: string[] = [];
  /** What the server said on standard error. */
  said = '';

  private constructor(dir: string, origin: string, front: Front, sink: Product['sink']) {
    this.dir = dir;
    this.origin = origin;
    this.front = front;
    this.sink = sink;
  }

  static async start() {
    for (const [name, path] of Object.entries({ ASKFIRST_BIN: BIN, ASKFIRST_DIST: DIST, ASKFIRST_DEMO: DEMO })) {
      if (!existsSync(path)) throw new Error(`${name}: ${path} is missing; \`cargo xtask test e2e\` makes it`);
    }
    const dir = await mkdtemp(join(tmpdir(), 'askfirst-e2e-'));
    const sink = await startSink({ port: 0 });
    const origin = `http://127.0.0.1:${await freePort()}`;
    const front = await startFront((path) => origin + path);
    const product = new Product(dir, origin, front, sink as unknown as Product['sink']);
    await product.layOut();
    await product.up();
    return product;
  }

  /** Starts the server, with the database it had. */
  async up() {
    const { host } = new URL(this.origin);
    const child = spawn(BIN, [
      'serve', '--listen', host, '--origin', this.origin, '--origin', this.front.origin, '--origin', `http://localhost:${this.front.port}`,
      '--config', this.path('askfirst.json'), '--dist', DIST, '--static', this.path('site'), '--database', this.path('records.sqlite'), ...this.options,
    ], { stdio: ['ignore', 'ignore', 'pipe'] });
    this.server = child;
    child.stderr!.on('data', (text) => (this.said += text));
    for (const end = Date.now() + 15_000; Date.now() < end;) {
      if (child.exitCode != null) break;
      const answer = await fetch(`${this.origin}/healthz`).catch(() => undefined);
      if (answer?.ok) return;
      await new Promise((go) => setTimeout(go, 10));
    }
    throw new Error(`the server does not answer: ${this.said}`);
  }

  /** Stops the server as a service manager would. */
  async down() {
    const child = this.server;
    this.server = undefined;
    if (!child || child.exitCode != null) return;
    const ended = new Promise((go) => child.once('exit', go));
    child.kill('SIGTERM');
    await ended;
  }

  /** Changes the owner's configuration and starts the server anew with it. */
  async configure(change: (config: any) => void) {
    const config = await this.config();
    change(config);
    await writeFile(this.path('askfirst.json'), JSON.stringify(config));
    await this.front.waitFor(this.down().then(() => this.up()));
  }

  async config(): Promise<any> {
    return JSON.parse(await readFile(this.path('askfirst.json'), 'utf8'));
  }

  /** Has records erased for who asks, where the default keeps them as proof (S5). */
  async erases() {
    this.options.push('--erasure', 'erase');
    await this.front.waitFor(this.down().then(() => this.up()));
  }

  /** What the owner can show about a record. */
  async evidence(id: string): Promise<any> {
    const { stdout } = await run(BIN, ['export', '--database', this.path('records.sqlite'), '--record', id]);
    return JSON.parse(stdout);
  }

  /** The same in sentences. */
  async sentences(id: string): Promise<string> {
    const { stdout } = await run(BIN, ['export', '--database', this.path('records.sqlite'), '--record', id, '--text']);
    return stdout;
  }

  /** The program, at the owner's console. */
  async askfirst(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
    return run(BIN, args, { cwd: this.dir }).then((done) => ({ code: 0, ...done }), ({ code, stdout, stderr }) => ({ code, stdout, stderr }));
  }

  /** The public key of the log of the pages behind the proxy. */
  async vkey() {
    return (await this.askfirst('keygen', 'records.sqlite.key', '--site', this.front.origin)).stdout.trim();
  }

  /** Figures of the server since it was started. */
  async figures() {
    const text = await (await fetch(`${this.origin}/metrics`)).text();
    const figure = (name: string) => Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)![1]);
    return {
      records: figure('askfirst_records_accepted_total'),
      repeated: figure('askfirst_records_repeated_total'),
      counts: figure('askfirst_refusals_counted_total'),
    };
  }

  /** Every byte of the database, the log of its writes included. */
  async stored() {
    const files = (await readdir(this.dir)).filter((name) => name.startsWith('records.sqlite'));
    return Buffer.concat(await Promise.all(files.map((name) => readFile(this.path(name)))));
  }

  /** How often each third party was told something, and what else it was asked for. */
  reached() {
    const tally: Record<string, number> = {};
    for (const { kind, what } of this.sink.log) {
      if (what == 'preflight') continue;
      const name = what == 'report' ? kind : `${kind} ${what}`;
      tally[name] = (tally[name] ?? 0) + 1;
    }
    return tally;
  }

  /** Forgets what the third parties were told. */
  forget() {
    this.sink.log.length = 0;
  }

  async stop() {
    await this.down();
    await Promise.all([this.front.close(), this.sink.close()]);
    await rm(this.dir, { recursive: true, force: true });
  }

  path(name: string) {
    return join(this.dir, name);
  }

  /** The built demo, told where the sink of this test is. */
  private async layOut() {
    await cp(DEMO, this.path('site'), { recursive: true });
    const names = await readdir(this.path('site'), { recursive: true });
    await Promise.all(names.filter((name) => /\.(html|m?js)$/.test(name)).map(async (name) => {
      const text = await readFile(this.path(`site/${name}`), 'utf8');
      if (text.includes(SINK)) await writeFile(this.path(`site/${name}`), text.replaceAll(SINK, this.sink.url));
    }));
    const config = JSON.parse(await readFile(join(DEMO, 'askfirst.json'), 'utf8'));
    await writeFile(this.path('askfirst.json'), JSON.stringify({ ...config, site: this.origin }));
  }
}

// Below the range from which the kernel takes ports for outgoing connections: between looking and listening nobody else
// gets one. Each worker has a thousand of its own; two checkouts that test at once on one machine start from different
// TEST_PORTS.
let nextPort = Number(process.env.TEST_PORTS ?? 21_000) + 1_000 * Number(process.env.TEST_PARALLEL_INDEX ?? 0);

export async function freePort(): Promise<number> {
  const port = (nextPort += 1);
  const server = createServer();
  const free = await new Promise<boolean>((answer) => {
    server.once('error', () => answer(false));
    server.listen(port, '127.0.0.1', () => answer(true));
  });
  if (!free) return freePort();
  await new Promise((go) => server.close(go));
  return port;
}
