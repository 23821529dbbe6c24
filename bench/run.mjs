// The benchmarks: both sides of each comparison in one run. `npm run bench [page|host|gate|server|compare]`.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const wanted = process.argv.slice(2);
for (const name of ['page', 'host', 'gate', 'server', 'compare']) {
  if (wanted.length && !wanted.includes(name)) continue;
  const { status } = spawnSync(process.execPath, [fileURLToPath(new URL(`${name}.mjs`, import.meta.url))], { stdio: 'inherit' });
  if (status) process.exit(status);
}
