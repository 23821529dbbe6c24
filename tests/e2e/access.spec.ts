// axe-core's rules of WCAG 2.0 to 2.2, A and AA, and its best practices find nothing in any state × theme × layout × writing
// direction × colours (A1–A6). Each two of these meet here; `access-all.spec.ts` goes through every combination.
import { readFileSync } from 'node:fs';
import type { Page } from '@playwright/test';
import { axe } from './support/axe.ts';
import { expect, started, test as base } from './support/visit.ts';
import { MINI, serveMini } from './support/mini.ts';
import { pairwise } from './support/pairwise.ts';
import { Product } from './support/product.ts';
import { BODY, COLOURS, FACTORS, LANGUAGES, sayPaintedColours, STATES, TAGS, UNREADABLE, WINDOWS } from './support/states.ts';

const ROWS = pairwise(FACTORS);

const EVIDENCE = JSON.parse(readFileSync(new URL('../vectors/log-evidence.json', import.meta.url), 'utf8'));

const test = base.extend<{}, { shared: Product }>({
  shared: [async ({}, use) => {
    const product = await Product.start();
    await use(product);
    await product.stop();
  }, { scope: 'worker' }],
});

/** What axe finds on the whole page, as lines that can be read. */
async function findings(page: Page) {
  await page.evaluate(sayPaintedColours);
  const { violations } = await axe(page).withTags(TAGS).analyze();
  return violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id}: ${target.flat().join(' ')}: ${failureSummary?.split('\n').slice(1, 3).join(' ')}`));
}

for (const theme of FACTORS.theme) {
  const rows = ROWS.filter((row) => row.theme == theme);
  test(`axe finds nothing on ${rows.length} pages with ${theme ? `the theme ${theme}` : 'our own look'} (A1–A6)`, async ({ visitor, shared }) => {
    test.setTimeout(rows.length * 6_000 + 30_000);
    const config = await shared.config();
    for (const row of rows) {
      const context = await visitor({ viewport: WINDOWS[row.window], reducedMotion: 'reduce', ...COLOURS[row.colours] });
      // The server has never heard of these notices.
      await context.route('**/askfirst/v1/**', (route) => route.fulfill({ status: 202, body: '' }));
      const page = await context.newPage();
      const give = (change: (config: any) => void) => {
        const own = structuredClone(config);
        own.layout = row.layout;
        change(own);
        shared.front.answers.set('/askfirst.json', { type: 'application/json', body: JSON.stringify(own) });
      };
      give(() => {});
      const before = theme && `<link rel="stylesheet" href="/askfirst/themes/${theme}.css">`;
      serveMini(shared.front, shared.sink.url, { before, html: LANGUAGES[row.direction], body: BODY[row.state] ?? '' });
      await page.goto(shared.front.origin + MINI);
      await started(page);
      await STATES[row.state]!(page, give);
      expect.soft(await findings(page), Object.values(row).join(', ')).toEqual([]);
      await context.close();
    }
  });
}

for (const state of ['banner', 'placeholder'] as const) {
  test(`a theme that can't be read is found: ${state}`, async ({ page, shared }) => {
    await page.route('**/askfirst/v1/**', (route) => route.fulfill({ status: 202, body: '' }));
    serveMini(shared.front, shared.sink.url, { before: `<style>${UNREADABLE}</style>`, body: BODY[state] ?? '' });
    await page.goto(shared.front.origin + MINI);
    await started(page);
    await STATES[state]!(page, () => {});
    // A placeholder stands in a frame.
    expect((await findings(page)).join('\n')).toMatch(state == 'banner' ? /^color-contrast: askfirst-ui/m : /^color-contrast: #film/m);
  });
}

for (const [name, colours] of Object.entries(COLOURS)) {
  test(`axe finds nothing on the page that checks evidence: ${name} (A5, R5)`, async ({ page, shared }) => {
    await page.emulateMedia(colours);
    await page.goto(`${shared.front.origin}/askfirst/verify/`);
    expect(await findings(page), 'before').toEqual([]);
    for (const one of EVIDENCE.cases.slice(0, 3)) {
      await page.locator('#file').setInputFiles({ name: 'evidence.json', mimeType: 'application/json', buffer: Buffer.from(one.text) });
      await expect(page.getByRole('article').first()).toBeVisible();
      expect(await findings(page), one.name).toEqual([]);
    }
  });
}
