// Records servers side by side, alternating in one run: SQLite and PostgreSQL, plain and sealed, @c15t/backend on both, and
// the endpoint that does everything but store.
//
//   node bench/compare.mjs [--seconds 5] [--rounds 3] [--connections 256] [--only discard,sqlite,sealed,postgres,postgres-sealed,c15t-sqlite,c15t-postgres]
//
// Needs wrk and, for PostgreSQL, Debian's package `postgresql` (`cargo xtask bench` installs both). c15t is installed from npm
// into bench/peers, better-sqlite3 is compiled there: `.npmrc` lets no package download a program. Prints a table, writes
// bench/results/compare.json, and fails below the goals of issue 4. Quote it from an idle machine only.

import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { cpus, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { build, load, median, ownScript, peak, root, save, script, shared, start } from './load.mjs';

const NAMES = ['discard', 'sqlite', 'sealed', 'postgres', 'postgres-sealed', 'c15t-sqlite', 'c15t-postgres'];
const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    rounds: { type: 'string', default: '3' },
    // Full load, with a p99 still below its goal: who comes together shares a commit, and with it a flush of the disk.
    connections: { type: 'string', default: '256' },
    only: { type: 'string', default: NAMES.join(',') },
  },
});
const [seconds, rounds, connections] = [values.seconds, values.rounds, values.connections].map(Number);
const wanted = values.only.split(',').filter((name) => name !== 'discard');
const PEERS = join(root, 'bench/peers');
/** What each may take of the discard endpoint's rate, at least, and how it is to compare with c15t on the same engine. */
const GOALS = { sqlite: 0.6, sealed: 0.6, postgres: 0.35, 'postgres-sealed': 0.35 };
const TIMES_C15T = 50;
const MOST_P99 = 50;
const MOST_MEGABYTES = 128;

/** Installs the peers and compiles SQLite for Node; the header files stand beside Node's own program. */
function peers() {
  const quiet = { cwd: PEERS, stdio: ['ignore', 'ignore', 'inherit'] };
  if (!existsSync(join(PEERS, 'node_modules/@c15t/backend'))) execFileSync('npm', ['ci', '--loglevel=error'], quiet);
  const folder = join(PEERS, 'node_modules/better-sqlite3');
  if (existsSync(join(folder, 'build/Release/better_sqlite3.node')) || !wanted.includes('c15t-sqlite')) return;
  const node = dirname(dirname(process.execPath));
  if (!existsSync(join(node, 'include/node/node.h'))) throw new Error(`${node}/include/node is missing; leave c15t-sqlite out with --only`);
  const gyp = join(execFileSync('npm', ['root', '-g'], { encoding: 'utf8' }).trim(), 'npm/node_modules/node-gyp/bin/node-gyp.js');
  execFileSync(process.execPath, [gyp, 'rebuild', '--release', `--nodedir=${node}`, '--loglevel=error'], { ...quiet, cwd: folder });
}

/** A PostgreSQL of its own with everything that makes it durable left on; how to reach it, and how to end it. */
async function postgres(folder) {
  const versions = existsSync('/usr/lib/postgresql') ? readdirSync('/usr/lib/postgresql').sort((a, b) => b - a) : [];
  const bin = versions.map((version) => `/usr/lib/postgresql/${version}/bin`).find((bin) => existsSync(join(bin, 'initdb'))) ?? '';
  const data = join(folder, 'data');
  // PostgreSQL refuses to run as root.
  const user = process.getuid() === 0 ? ['setpriv', '--reuid', 'postgres', '--regid', 'postgres', '--clear-groups', '--'] : ['env'];
  const run = (name, ...args) => execFileSync(user[0], [...user.slice(1), join(bin, name), ...args], { cwd: folder, stdio: 'ignore' });
  if (process.getuid() === 0) execFileSync('chown', ['postgres', folder]);
  run('initdb', '-D', data, '-A', 'trust', '-U', 'askfirst', '-E', 'UTF8');
  const listener = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => listener.once('listening', resolve));
  const { port } = listener.address();
  await new Promise((resolve) => listener.close(resolve));
  const settings = { port, listen_addresses: '127.0.0.1', unix_socket_directories: folder, shared_buffers: '256MB', min_wal_size: '1GB', max_connections: 100 };
  const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const child = spawn(user[0], [...user.slice(1), join(bin, 'postgres'), '-D', data, ...args], { cwd: folder, stdio: 'ignore' });
  const psql = (sql) => run('psql', '-h', '127.0.0.1', '-p', String(port), '-U', 'askfirst', 'postgres', '-qc', sql);
  for (let tries = 0; ; tries += 1) {
    try {
      psql('SELECT 1');
      break;
    } catch (error) {
      if (tries > 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
  // One that has run for a while has the files of its write-ahead log; a new one makes each when it is first needed.
  psql("CREATE TABLE ran AS SELECT repeat('x', 1900) FROM generate_series(1, 450000)");
  for (const sql of ['CHECKPOINT', 'DROP TABLE ran', 'CHECKPOINT']) psql(sql);
  let made = 0;
  const database = () => {
    made += 1;
    psql(`CREATE DATABASE bench_${made}`);
    return `postgres://askfirst@127.0.0.1:${port}/bench_${made}`;
  };
  const end = () => new Promise((resolve) => (child.once('exit', resolve), child.kill('SIGINT')));
  return { pid: child.pid, database, end };
}

const folder = mkdtempSync(join(process.env.ASKFIRST_BENCH_DIR ?? tmpdir(), 'askfirst-compare-'));
chmodSync(folder, 0o755);
const ends = [];
try {
  const binary = build();
  if (wanted.some((name) => name.startsWith('c15t'))) peers();
  // Each kind has a PostgreSQL of its own: what another has left to be written would be counted as its work.
  const sides = {};
  for (const name of wanted) {
    const own = join(folder, name);
    execFileSync('mkdir', ['-m', '755', own]);
    const engine = name.includes('postgres') ? await postgres(own) : null;
    if (engine) ends.unshift(engine.end);
    const database = engine?.database() ?? `sqlite:${join(own, 'records.sqlite')}`;
    const args = name.startsWith('c15t') ? [join(PEERS, 'c15t.mjs'), database] : [database, ...(name.includes('sealed') ? ['--sealed'] : [])];
    const server = await start(name.startsWith('c15t') ? process.execPath : binary, args, { cwd: own });
    ends.unshift(server.end);
    const lua = join(own, 'records.lua');
    const text = name.startsWith('c15t')
      ? script({ ...server, type: 'application/json', subjects: 'sub_%08x%08x%05x' })
      : ownScript(server);
    writeFileSync(lua, text);
    const path = server.path ?? '/askfirst/v1/records';
    sides[name] = { address: server.address, path, lua, pids: [server.pid, ...(engine ? [engine.pid] : [])], server: server.pid };
    if (!sides.discard && !name.startsWith('c15t')) sides.discard = { ...sides[name], path: '/discard', pids: [server.pid] };
  }
  const names = NAMES.filter((name) => sides[name]);
  const runs = Object.fromEntries(names.map((name) => [name, []]));
  for (const name of names) load({ ...sides[name], seconds: 2, connections });
  for (let round = 0; round < rounds; round += 1) {
    for (const name of names) runs[name].push(load({ ...sides[name], seconds, connections }));
  }
  const of = (name, key) => median(runs[name].map((run) => run[key]));
  const ratio = (name, other) => (runs[other] ? median(runs[name].map((run, round) => run.rate / runs[other][round].rate)) : NaN);
  const rows = {};
  for (const name of names) {
    const engine = name.includes('postgres') ? 'postgres' : 'sqlite';
    rows[name] = {
      rate: of(name, 'rate'),
      p50: of(name, 'p50'),
      p99: of(name, 'p99'),
      cpu: of(name, 'cpu'),
      peak: peak(sides[name].server),
      shared: shared(sides[name].pids),
      ofDiscard: ratio(name, 'discard'),
      timesC15t: ratio(name, `c15t-${engine}`),
    };
  }
  const shown = (n, digits) => (Number.isFinite(n) ? n.toFixed(digits) : '–');
  console.log(`\n${connections} connections, ${rounds} × ${seconds} s each in turn, ${cpus().length} × ${cpus()[0].model}; CPU and PSS with the database's processes`);
  console.table(
    Object.fromEntries(
      Object.entries(rows).map(([name, row]) => [
        name,
        {
          'records/s': Math.round(row.rate),
          'p50 ms': shown(row.p50, 2),
          'p99 ms': shown(row.p99, 1),
          'CPU µs each': shown(row.cpu, 1),
          'server MB, peak': shown(row.peak, 0),
          'PSS MB': shown(row.shared, 0),
          'of discard': shown(row.ofDiscard, 3),
          'times c15t': shown(row.timesC15t, 0),
        },
      ]),
    ),
  );
  const sizes = Object.fromEntries(['sqlite', 'sealed'].filter((name) => sides[name]).map((name) => [name, statSync(join(folder, name, 'records.sqlite')).size]));
  save('compare', { machine: `${cpus().length} × ${cpus()[0].model}`, connections, seconds, rounds, rows, sizes, runs });
  const missed = [];
  for (const [name, least] of Object.entries(GOALS).filter(([name]) => rows[name] && rows.discard)) {
    const { ofDiscard, timesC15t, p99, peak } = rows[name];
    if (ofDiscard < least) missed.push(`${name}: ${ofDiscard.toFixed(2)} of discard, asked ${least}`);
    if (timesC15t < TIMES_C15T) missed.push(`${name}: ${timesC15t.toFixed(0)} times c15t, asked ${TIMES_C15T}`);
    if (p99 > MOST_P99) missed.push(`${name}: p99 ${p99.toFixed(0)} ms, asked ${MOST_P99}`);
    if (peak > MOST_MEGABYTES) missed.push(`${name}: ${peak.toFixed(0)} MB, asked ${MOST_MEGABYTES}`);
  }
  if (missed.length) {
    console.error(`below the goals: ${missed.join('; ')}`);
    process.exitCode = 1;
  }
} finally {
  for (const end of ends) await end();
  rmSync(folder, { recursive: true, force: true });
}
