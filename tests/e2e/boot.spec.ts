import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, part, test } from './support/visit.ts';
import { serveMini } from './support/mini.ts';
import type { Front } from './support/front.ts';
import { DIST } from './support/product.ts';

/** Keeps the wasm back until it is released. */
async function holdWasm(front: Front) {
  const wasm = await readFile(join(DIST, 'askfirst.wasm'));
  let release = () => {};
  const released = new Promise<void>((go) => (release = go));
  front.answers.set('/askfirst/askfirst.wasm', (_request, response) => {
    void released.then(() => response.writeHead(200, { 'content-type': 'application/wasm' }).end(wasm));
  });
  return release;
}

test('the locale and the ready-made services are under way while the wasm is (DESIGN 4)', async ({ page, product }) => {
  await product.configure((config) => {
    // Matomo is in the catalogue too, but this owner declares it: their word counts.
    config.categories = { analytical: { services: ['matomo', 'plausible'] }, marketing: { services: ['youtube', 'tidemark-pixel'] } };
    config.services = { matomo: config.services.matomo, 'tidemark-pixel': config.services['tidemark-pixel'] };
  });
  const release = await holdWasm(product.front);
  const asked: string[] = [];
  page.on('request', (request) => asked.push(new URL(request.url()).pathname));
  await page.goto(serveMini(product.front, product.sink.url, { html: 'lang="nl-BE"' }));
  const early = ['/askfirst/locales/nl.json', '/askfirst/services/plausible.json', '/askfirst/services/youtube.json'];
  await expect.poll(() => early.filter((path) => asked.includes(path))).toEqual(early);
  await expect(part(page, 'banner')).toHaveCount(0);
  release();
  await expect(part(page, 'banner')).toBeVisible();
  // Nothing that was hinted at is asked for twice, and a service that is declared is no file.
  expect(asked.filter((path) => /locales|services/.test(path)).toSorted()).toEqual(early);
});

test('the engine overrules a hint: the language is the one it plans', async ({ page, product }) => {
  await product.configure((config) => void (config.locale = 'fr'));
  await page.goto(serveMini(product.front, product.sink.url, { html: 'lang="tlh"' }));
  await expect(part(page, 'banner')).toBeVisible();
  expect(await page.locator('askfirst-ui').getAttribute('lang')).toBe('fr');
});
