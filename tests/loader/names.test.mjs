// Lists that hide or block the consent questions of other products (EasyList Cookie List, "I don't care about cookies") go by
// words in addresses, ids and classes. A visitor who has such a list gets our question all the same, since it is the way to
// refuse for good: none of our addresses, and nothing that stands in the page's own tree, has such a word.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

const WORDS = /cookie|consent|gdpr|rgpd|dsgvo|rodo|cnil|cmp\b|privacy|banner|policy|popup|overlay|disclaimer/i;
const root = new URL('../../', import.meta.url);

test('no address of ours has a word that cookie lists block (issue: neighbours)', () => {
  const files = readdirSync(new URL('dist', root), { recursive: true }).filter((name) => !/\.(br|gz)$/.test(name));
  assert.ok(files.length > 50);
  // The ids of services are the names of products.
  assert.deepEqual(files.filter((name) => !name.startsWith('services/') && WORDS.test(name)), []);
  const server = readFileSync(new URL('crates/server/src/http/mod.rs', root), 'utf8');
  const routes = [...server.matchAll(/"(\/askfirst[^"]*)"/g)].map(([, path]) => path);
  assert.ok(routes.includes('/askfirst/v1/records'));
  assert.deepEqual(routes.filter((path) => WORDS.test(path)), []);
});

test('nothing in the page\'s own tree has one: the names of elements and ids, and no class (issue: neighbours)', () => {
  const wire = readFileSync(new URL('www/generated/wire.ts', root), 'utf8');
  const [, host] = /HOST = "([^"]+)"/.exec(wire) ?? [];
  assert.ok(host);
  assert.doesNotMatch(host, WORDS);
  // What makes the light children of the host.
  const made = /const tell = \(\) => \{([\s\S]*?)\n {2}\};/.exec(readFileSync(new URL('www/dialog.ts', root), 'utf8'))[1];
  assert.doesNotMatch(made, /class|\bid:/);
});
