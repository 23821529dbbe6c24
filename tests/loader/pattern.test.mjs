import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { build } from 'esbuild';

const root = new URL('../../', import.meta.url).pathname;
const { outputFiles } = await build({ entryPoints: [`${root}www/pattern.ts`], bundle: true, format: 'esm', write: false });
const { isMeant } = await import(`data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`);

test('the page and the core mean the same by a name with stars (G5)', () => {
  for (const [pattern, name, meant] of JSON.parse(readFileSync(`${root}tests/vectors/patterns.json`, 'utf8'))) {
    assert.equal(isMeant(pattern, name), meant, `${pattern} and ${name}`);
  }
});
