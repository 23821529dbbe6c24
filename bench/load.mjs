// What every load run of the records server has in common: building it, loading it with wrk, and what the processes took.

import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

export const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

/** Builds a program of the server's package; its path. */
export function build(what = ['--example', 'bench-server']) {
  const target = process.env.CARGO_TARGET_DIR ?? join(root, 'target');
  execFileSync('cargo', ['build', '--release', '--quiet', '-p', 'askfirst-server', ...what], { cwd: root, stdio: 'inherit' });
  return join(target, 'release', what[0] === '--example' ? 'examples' : '', what[1]);
}

/** Starts a program that prints one line of JSON when it is ready; the line, and how to end it. */
export async function start(program, args, options = {}) {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'], ...options });
  const line = await new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', resolve);
    child.once('exit', () => reject(new Error(`${program} did not start`)));
    child.once('error', reject);
  });
  child.removeAllListeners('exit');
  const end = async () => {
    child.kill('SIGTERM');
    await new Promise((resolve) => (child.exitCode === null && child.signalCode === null ? child.once('exit', resolve) : resolve()));
  };
  return { ...JSON.parse(line), pid: child.pid, end };
}

/** wrk's script: every request has an id and a subject of its own; the rest is `body`, which has both in it once. */
export function script({ site, body, id, subject, type = 'text/plain;charset=UTF-8', subjects = '%08x%08x%05xA' }) {
  const [before, rest] = body.split(id);
  const [middle, after] = rest.split(subject);
  const lua = (text) => `[==[${text}]==]`;
  return `
local number = 0
function setup(thread) number = number + 1; thread:set("seed", number) end
function init() math.randomseed(os.time() * 16 + seed) end
local format, random, letters = string.format, math.random, "${subjects}"
wrk.method = "POST"
wrk.headers["Origin"] = "${site}"
wrk.headers["Content-Type"] = "${type}"
function request()
  local a, b, c, d = random(0, 0x7fffffff), random(0, 0xffff), random(0, 0xffffff), random(0, 0x7fffffff)
  local id = format("%08x-%04x-4%03x-8%03x-%06x%06x", a, b, random(0, 0xfff), random(0, 0xfff), c, random(0, 0xffffff))
  local subject = format(letters, a, d, random(0, 0xfffff)):gsub("0", "z")
  return wrk.format(nil, nil, nil, ${lua(before)} .. id .. ${lua(middle)} .. subject .. ${lua(after)})
end
function done(summary, latency)
  io.write(format('RESULT {"requests":%d,"micros":%d,"status":%d,"socket":%d,"p50":%d,"p99":%d}\\n',
    summary.requests, summary.duration, summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
`;
}

/** The same for a record of ours, whose server has said what one looks like. */
export function ownScript({ site, body }) {
  const { record_id: id, subject } = JSON.parse(body);
  return script({ site, body, id, subject });
}

/** A process and all that it has started. */
export function family(pid) {
  const parents = new Map();
  for (const name of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      parents.set(Number(name), Number(readFileSync(`/proc/${name}/stat`, 'utf8').split(') ').pop().split(' ')[1]));
    } catch {
      // It has ended since.
    }
  }
  const found = [pid];
  for (const one of found) for (const [child, parent] of parents) if (parent === one) found.push(child);
  return found;
}

/** Seconds of CPU that a process has taken, and its ended children. Clock ticks are hundredths of a second on Linux. */
function cpu(pid) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').pop().split(' ');
    return fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0) / 100;
  } catch {
    return 0;
  }
}

export const cpuOf = (pids) => pids.flatMap(family).reduce((sum, pid) => sum + cpu(pid), 0);

const kilobytes = (pid, file, key) => {
  try {
    return Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(readFileSync(`/proc/${pid}/${file}`, 'utf8'))[1]);
  } catch {
    return 0;
  }
};

/** Megabytes: the most that a process had in memory. */
export const peak = (pid) => kilobytes(pid, 'status', 'VmHWM') / 1024;

/** Megabytes that processes have now, what they share counted once. */
export const shared = (pids) => pids.flatMap(family).reduce((sum, pid) => sum + kilobytes(pid, 'smaps_rollup', 'Pss'), 0) / 1024;

/** One run of wrk against an address, and what it cost the processes behind it. */
export function load({ address, path, lua, seconds, connections, pids }) {
  const before = cpuOf(pids);
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '30s', '-s', lua, `http://${address}${path}`];
  const out = execFileSync('wrk', args, { encoding: 'utf8' });
  const result = JSON.parse(/RESULT (.*)/.exec(out)[1]);
  if (result.status + result.socket > 0) throw new Error(`${path}: ${result.status} refused, ${result.socket} broken`);
  return {
    rate: result.requests / (result.micros / 1e6),
    p50: result.p50 / 1000,
    p99: result.p99 / 1000,
    cpu: ((cpuOf(pids) - before) * 1e6) / result.requests,
    requests: result.requests,
  };
}

export function save(name, result) {
  mkdirSync(join(root, 'bench/results'), { recursive: true });
  writeFileSync(join(root, `bench/results/${name}.json`), `${JSON.stringify(result, null, 2)}\n`);
}
