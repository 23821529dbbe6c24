import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import test from 'node:test';

const root = new URL('../../', import.meta.url);
const range = (from, to) => Array.from({ length: to - from + 1 }, (_, at) => from + at);

/** The rows that the titles of a file's tests name: `FIELD 16-25`, `FIELD 54, 59`. */
const named = (path) => readFileSync(new URL(path, root), 'utf8').split('\n').filter((line) => /^\s*(test|product)\(/.test(line))
  .flatMap((line) => [...line.matchAll(/FIELD (\d[\d, -]*)/g)]).flatMap(([, list]) => list.match(/\d+(-\d+)?/g))
  .flatMap((part) => range(...[part.split('-')[0], part.split('-').at(-1)].map(Number)));

const rows = [...readFileSync(new URL('README.md', root), 'utf8').matchAll(/^\| (\d+) \|.*\]\((tests\/e2e\/[\w-]+\.spec\.ts)\) \|$/gm)].map(([, row, path]) => [Number(row), path]);

test('the readme has a row for each of 16 to 32 and 53 to 59, once', () => {
  assert.deepEqual(rows.map(([row]) => row), [...range(16, 32), ...range(53, 59)]);
});

for (const [row, path] of rows) {
  test(`row ${row}: ${path} has a test that names it`, () => {
    assert.ok(existsSync(new URL(path, root)));
    assert.ok(named(path).includes(row), `no test in ${path} says FIELD ${row}`);
  });
}
