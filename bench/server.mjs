// Load run of the records server: durable records against an endpoint that does the same work and keeps nothing.
//
//   node bench/server.mjs [--seconds 8] [--pairs 3] [--connections 64] [--sealed]
//
// With --sealed bodies are stored under keys, as with `askfirst serve --master-key`.
//
// Needs wrk (Debian package `wrk`). Both kinds of run alternate in one process, because only their ratio can be compared
// between machines. Prints a table and writes bench/results/server.json. Fails below half of the discard rate or above
// 100 MB.

import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '8' },
    pairs: { type: 'string', default: '3' },
    connections: { type: 'string', default: '64' },
    sealed: { type: 'boolean', default: false },
  },
});
const [seconds, pairs, connections] = [values.seconds, values.pairs, values.connections].map(Number);
const LEAST_RATIO = 0.5;
const MOST_MEGABYTES = 100;

const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

function build() {
  const target = process.env.CARGO_TARGET_DIR ?? join(root, 'target');
  execFileSync('cargo', ['build', '--release', '--quiet', '-p', 'askfirst-server', '--example', 'bench-server'], {
    cwd: root,
    stdio: 'inherit',
  });
  return join(target, 'release/examples/bench-server');
}

// Every request has an id and a subject of its own; the rest is the record the server itself has made.
function script({ site, body }) {
  const record = JSON.parse(body);
  const parts = body.split(record.record_id);
  const [middle, end] = parts[1].split(record.subject);
  const lua = (text) => `[==[${text}]==]`;
  return `
local number = 0
function setup(thread) number = number + 1; thread:set("seed", number) end
function init() math.randomseed(os.time() * 16 + seed) end
local format, random, letters = string.format, math.random, "%08x%08x%05xA"
wrk.method = "POST"
wrk.headers["Origin"] = "${site}"
wrk.headers["Content-Type"] = "text/plain;charset=UTF-8"
function request()
  local a, b, c, d = random(0, 0x7fffffff), random(0, 0xffff), random(0, 0xffffff), random(0, 0x7fffffff)
  local id = format("%08x-%04x-4%03x-8%03x-%06x%06x", a, b, random(0, 0xfff), random(0, 0xfff), c, random(0, 0xffffff))
  local subject = format(letters, a, d, random(0, 0xfffff))
  return wrk.format(nil, nil, nil, ${lua(parts[0])} .. id .. ${lua(middle)} .. subject .. ${lua(end)})
end
function done(summary, latency)
  io.write(format('RESULT {"requests":%d,"micros":%d,"status":%d,"socket":%d,"p50":%d,"p99":%d}\\n',
    summary.requests, summary.duration, summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
`;
}

// Clock ticks are hundredths of a second on Linux.
function cpu(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function memory(pid) {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;
}

function load(address, path, lua, time, pid) {
  const before = cpu(pid);
  const out = execFileSync(
    'wrk',
    ['-t1', `-c${connections}`, `-d${time}s`, '--timeout', '10s', '-s', lua, `http://${address}${path}`],
    { encoding: 'utf8' },
  );
  const result = JSON.parse(/RESULT (.*)/.exec(out)[1]);
  if (result.status + result.socket > 0) throw new Error(`${path}: ${result.status} refused, ${result.socket} broken`);
  return {
    rate: result.requests / (result.micros / 1e6),
    p50: result.p50 / 1000,
    p99: result.p99 / 1000,
    cpu: ((cpu(pid) - before) * 1e6) / result.requests,
    requests: result.requests,
  };
}

const binary = build();
const folder = mkdtempSync(join(process.env.ASKFIRST_BENCH_DIR ?? tmpdir(), 'askfirst-bench-'));
const server = spawn(binary, [join(folder, 'bench.sqlite'), ...(values.sealed ? ['--sealed'] : [])], { stdio: ['ignore', 'pipe', 'inherit'] });
let failed = true;
try {
  const ready = JSON.parse(
    await new Promise((resolve, reject) => {
      createInterface({ input: server.stdout }).once('line', resolve);
      server.once('exit', () => reject(new Error('the server did not start')));
    }),
  );
  const lua = join(folder, 'records.lua');
  writeFileSync(lua, script(ready));
  const kinds = { discard: '/discard', durable: '/askfirst/v1/records' };
  const runs = { discard: [], durable: [] };
  for (const [kind, path] of Object.entries(kinds)) load(ready.address, path, lua, 2, server.pid);
  for (let pair = 0; pair < pairs; pair += 1) {
    for (const [kind, path] of Object.entries(kinds)) runs[kind].push(load(ready.address, path, lua, seconds, server.pid));
  }
  const metrics = await (await fetch(`http://${ready.address}/metrics`)).text();
  const figure = (name) => Number(new RegExp(`^${name} (\\d+)`, 'm').exec(metrics)[1]);
  const stored = figure('askfirst_records_accepted_total');
  const result = {
    machine: `${cpus().length} × ${cpus()[0].model}`,
    connections,
    sealed: values.sealed,
    seconds,
    bytes: ready.body.length,
    ratio: median(runs.durable.map((run, i) => run.rate / runs.discard[i].rate)),
    megabytes: memory(server.pid),
    recordsPerCommit: stored / figure('askfirst_commits_total'),
    bytesPerRecord: statSync(join(folder, 'bench.sqlite')).size / stored,
    runs,
  };
  const row = (kind) => {
    const of = (key) => median(runs[kind].map((run) => run[key]));
    return { 'records/s': Math.round(of('rate')), 'p50 ms': of('p50').toFixed(2), 'p99 ms': of('p99').toFixed(2), 'CPU µs each': of('cpu').toFixed(1) };
  };
  console.log(`\n${result.bytes}-byte records, ${connections} connections, ${pairs} × ${seconds} s each, ${result.machine}`);
  console.table({ 'checked and dropped': row('discard'), [values.sealed ? 'sealed, stored durably' : 'stored durably']: row('durable') });
  console.log(
    `ratio ${result.ratio.toFixed(2)} (at least ${LEAST_RATIO}), peak memory ${result.megabytes.toFixed(0)} MB (at most ${MOST_MEGABYTES}), ` +
      `${result.recordsPerCommit.toFixed(1)} records per commit, ${Math.round(result.bytesPerRecord)} bytes on disk each`,
  );
  mkdirSync(join(root, 'bench/results'), { recursive: true });
  writeFileSync(join(root, 'bench/results/server.json'), `${JSON.stringify(result, null, 2)}\n`);
  failed = result.ratio < LEAST_RATIO || result.megabytes > MOST_MEGABYTES;
} finally {
  server.removeAllListeners('exit');
  server.kill('SIGTERM');
  await new Promise((resolve) => (server.exitCode === null ? server.once('exit', resolve) : resolve()));
  rmSync(folder, { recursive: true, force: true });
}
if (failed) {
  console.error('below the goal');
  process.exitCode = 1;
}
