// Writes the table of docs/services.md from www/services: `node docs/services.mjs`; with `--check` it only compares.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

const folder = new URL('../www/services/', import.meta.url);
const page = new URL('services.md', import.meta.url);
const BEGIN = '<!-- table: written by docs/services.mjs -->';
const END = '<!-- end of table -->';
const CATEGORIES = ['functional', 'analytical', 'marketing', 'preferences'];

const services = readdirSync(folder)
  .filter((name) => name.endsWith('.json'))
  .map((name) => ({ id: name.slice(0, -5), ...JSON.parse(readFileSync(new URL(name, folder), 'utf8')) }))
  .sort((a, b) => CATEGORIES.indexOf(a.category) - CATEGORIES.indexOf(b.category) || (a.id < b.id ? -1 : 1));

const moments = (signals) => (signals ? Object.keys(signals).join(', ') : '');
const provider = (service) => (service.provider === '$controller' ? 'the site itself' : service.provider);
const where = (service) => [(service.countries ?? []).join(' '), service.safeguard].filter(Boolean).join(', ');
const row = (service) =>
  [
    `\`${service.id}\``,
    service.policy ? `[${service.name}](${service.policy})` : service.name,
    provider(service),
    service.purpose.replace('purpose.', ''),
    where(service),
    (service.items ?? []).length,
    (service.hosts ?? []).length,
    moments(service.signals),
  ].join(' | ');

const lines = [];
for (const category of CATEGORIES) {
  const rows = services.filter((service) => service.category === category);
  if (!rows.length) continue;
  lines.push('', `### ${category} (${rows.length})`, '');
  lines.push('| id | service | provider | purpose | countries, safeguard | items | hosts | consent API |');
  lines.push('|---|---|---|---|---|---|---|---|');
  lines.push(...rows.map((service) => `| ${row(service)} |`));
}

const old = readFileSync(page, 'utf8');
const [before] = old.split(BEGIN);
const [, after] = old.split(END);
const text = `${before}${BEGIN}\n${services.length} services.\n${lines.join('\n')}\n\n${END}${after}`;
if (process.argv.includes('--check')) {
  if (text !== old) {
    console.error('docs/services.md is out of date: node docs/services.mjs');
    process.exitCode = 1;
  }
} else {
  writeFileSync(page, text);
}
