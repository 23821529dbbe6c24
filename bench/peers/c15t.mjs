// @c15t/backend as its documentation sets it up (Kysely; `docs/self-host`), in a Node server, for bench/compare.mjs.
//
//   node bench/peers/c15t.mjs sqlite:FILE | postgres://…
//
// Prints `{address, site, body, id, subject, …}` when it is ready: what a request looks like. SQLite has the settings that
// the records server has (WAL, synchronous=FULL): c15t's own default, a rollback journal, is slower. PostgreSQL has a pool of ten.

import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { c15tInstance } from '@c15t/backend';
import { kyselyAdapter } from '@c15t/backend/db/adapters/kysely';
import { migrator } from '@c15t/backend/db/migrator';
import { DB } from '@c15t/backend/db/schema';
import { Kysely, PostgresDialect, SqliteDialect } from 'kysely';

const SITE = 'https://www.example.nl';
const database = process.argv[2];

function dialect() {
  const require = createRequire(import.meta.url);
  if (database.startsWith('postgres://')) {
    const { Pool } = require('pg');
    return ['postgresql', new PostgresDialect({ pool: new Pool({ connectionString: database, max: 10 }) })];
  }
  const Database = require('better-sqlite3');
  const file = new Database(database.replace(/^sqlite:/, ''));
  file.pragma('journal_mode = WAL');
  file.pragma('synchronous = FULL');
  return ['sqlite', new SqliteDialect({ database: file })];
}

const [provider, spoken] = dialect();
const adapter = kyselyAdapter({ db: new Kysely({ dialect: spoken }), provider });
const migration = await migrator({ db: DB.client(adapter), schema: 'latest' });
await migration.execute?.();
const c15t = c15tInstance({ appName: 'bench', basePath: '/', trustedOrigins: [SITE], adapter, logger: { level: 'error' } });

const server = createServer((incoming, outgoing) => {
  const parts = [];
  incoming.on('data', (part) => parts.push(part));
  incoming.on('end', async () => {
    try {
      const { method, headers, url } = incoming;
      const body = method === 'GET' || method === 'HEAD' ? undefined : Buffer.concat(parts);
      const answer = await c15t.handler(new Request(`http://${headers.host}${url}`, { method, headers, body }));
      outgoing.writeHead(answer.status, Object.fromEntries(answer.headers));
      outgoing.end(Buffer.from(await answer.arrayBuffer()));
    } catch (error) {
      outgoing.writeHead(500).end(String(error));
    }
  });
});

// A visitor who is new each time, with as many purposes as the record of ours and as many bytes beside them.
const id = '00000000-0000-4000-8000-000000000000';
const subject = 'sub_1111';
const body = JSON.stringify({
  type: 'cookie_banner',
  metadata: { record: id, more: 'x'.repeat(740) },
  subjectId: subject,
  domain: 'www.example.nl',
  preferences: Object.fromEntries(['necessary', 'functionality', 'experience', 'measurement', 'marketing'].map((name, n) => [name, n % 2 === 0])),
  givenAt: Date.now(),
  jurisdiction: 'GDPR',
  jurisdictionModel: 'opt-in',
  uiSource: 'dialog',
  consentAction: 'custom',
});
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address();
  console.log(JSON.stringify({ address: `127.0.0.1:${port}`, path: '/subjects', site: SITE, body, id, subject }));
});
process.on('SIGTERM', () => process.exit(0));
