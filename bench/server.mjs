// Load run of the records server: durable records against an endpoint that does the same work and keeps nothing.
//
//   node bench/server.mjs [--seconds 8] [--pairs 3] [--connections 64] [--sealed]
//
// With --sealed bodies are stored under keys, as with `askfirst serve --master-key`.
//
// Needs wrk (Debian package `wrk`). Both kinds of run alternate in one process, because only their ratio can be compared
// between machines. Prints a table and writes bench/results/server.json. Fails below half of the discard rate or above
// 100 MB.

import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { build, load, median, ownScript, peak, save, start } from './load.mjs';

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

const binary = build();
const folder = mkdtempSync(join(process.env.ASKFIRST_BENCH_DIR ?? tmpdir(), 'askfirst-bench-'));
const server = await start(binary, [join(folder, 'bench.sqlite'), ...(values.sealed ? ['--sealed'] : [])]);
let failed = true;
try {
  const lua = join(folder, 'records.lua');
  writeFileSync(lua, ownScript(server));
  const kinds = { discard: '/discard', durable: '/askfirst/v1/records' };
  const runs = { discard: [], durable: [] };
  const run = { address: server.address, lua, connections, pids: [server.pid] };
  for (const [kind, path] of Object.entries(kinds)) load({ ...run, path, seconds: 2 });
  for (let pair = 0; pair < pairs; pair += 1) {
    for (const [kind, path] of Object.entries(kinds)) runs[kind].push(load({ ...run, path, seconds }));
  }
  const metrics = await (await fetch(`http://${server.address}/metrics`)).text();
  const figure = (name) => Number(new RegExp(`^${name} (\\d+)`, 'm').exec(metrics)[1]);
  const stored = figure('askfirst_records_accepted_total');
  const result = {
    machine: `${cpus().length} × ${cpus()[0].model}`,
    connections,
    sealed: values.sealed,
    seconds,
    bytes: server.body.length,
    ratio: median(runs.durable.map((run, i) => run.rate / runs.discard[i].rate)),
    megabytes: peak(server.pid),
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
  save('server', result);
  failed = result.ratio < LEAST_RATIO || result.megabytes > MOST_MEGABYTES;
} finally {
  await server.end();
  rmSync(folder, { recursive: true, force: true });
}
if (failed) {
  console.error('below the goal');
  process.exitCode = 1;
}
