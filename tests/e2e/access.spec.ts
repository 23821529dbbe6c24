// axe-core's rules of WCAG 2.0 to 2.2, A and AA, and its best practices find nothing in any state × theme × layout × writing
// direction × colours (A1–A6). Each two of these five meet in `npm test`; ASKFIRST_AXE=all goes through every combination.
import { readFileSync } from 'node:fs';
import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { expect, part, started, test as base } from './support/visit.ts';
import { MINI, serveMini } from './support/mini.ts';
import { every, pairwise } from './support/pairwise.ts';
import { Product } from './support/product.ts';

const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22a', 'wcag22aa', 'best-practice'];

const COLOURS = {
  light: { colorScheme: 'light', forcedColors: 'none', contrast: 'no-preference' },
  dark: { colorScheme: 'dark', forcedColors: 'none', contrast: 'no-preference' },
  'more contrast': { colorScheme: 'dark', forcedColors: 'none', contrast: 'more' },
  'forced colours': { colorScheme: 'dark', forcedColors: 'active', contrast: 'no-preference' },
} as const;

const LANGUAGES = { ltr: 'lang="en"', rtl: 'lang="ar" dir="rtl"' };

const WINDOWS = { phone: { width: 360, height: 740 }, desktop: { width: 1280, height: 800 } };

const openDialog = async (page: Page, control = 'customise') => {
  await part(page, control).click();
  await expect(part(page, 'dialog')).toBeVisible();
};
const choose = async (page: Page) => {
  await part(page, 'accept').click();
  await expect(part(page, 'reopen')).toBeVisible();
};

/** How to come to a state from the first visit; `config` changes what the next page is given. */
const STATES: Record<string, (page: Page, config: (change: (config: any) => void) => void) => Promise<unknown>> = {
  banner: (page) => expect(part(page, 'banner')).toBeVisible(),
  dialog: (page) => openDialog(page),
  async details(page) {
    await openDialog(page);
    await part(page, 'dialog').locator('details').evaluateAll((all) => all.forEach((one: any) => (one.open = true)));
  },
  control: choose,
  async reopened(page) {
    await choose(page);
    await openDialog(page, 'reopen');
  },
  async changed(page, config) {
    await choose(page);
    config((next) => next.categories.marketing.services.push('youtube'));
    await page.reload();
    await started(page);
    await expect(part(page, 'banner')).toBeVisible();
  },
  async placeholder(page) {
    await part(page, 'reject').click();
    await expect(page.frameLocator('#film').locator('h1')).toBeVisible();
  },
  async declaration(page) {
    await part(page, 'reject').click();
    await expect(page.locator('askfirst-declaration table').first()).toBeVisible();
  },
};
const BODY = {
  placeholder: '<iframe id="film" title="Film" width="340" height="260" data-category="marketing" data-service="video" data-src="https://slipway.example/"></iframe>',
  declaration: '<askfirst-declaration level="2"></askfirst-declaration>',
} as Record<string, string>;

const FACTORS = {
  theme: ['', ...Object.keys(JSON.parse(readFileSync(new URL('../../www/themes.json', import.meta.url), 'utf8')))],
  layout: ['card', 'bar', 'bar-top', 'box', 'box-end', 'box-top', 'box-top-end', 'centre'],
  state: Object.keys(STATES),
  colours: Object.keys(COLOURS) as (keyof typeof COLOURS)[],
  direction: Object.keys(LANGUAGES) as (keyof typeof LANGUAGES)[],
  window: Object.keys(WINDOWS) as (keyof typeof WINDOWS)[],
};

const ROWS = process.env['ASKFIRST_AXE'] == 'all' ? every(FACTORS) : pairwise(FACTORS);

const EVIDENCE = JSON.parse(readFileSync(new URL('../vectors/log-evidence.json', import.meta.url), 'utf8'));

const test = base.extend<{}, { shared: Product }>({
  shared: [async ({}, use) => {
    const product = await Product.start();
    await use(product);
    await product.stop();
  }, { scope: 'worker' }],
});

/** In forced colours Chromium says a text fill colour that it doesn't paint, and no colour for the canvas; axe believes both.
 * This gives it what is painted. */
const sayPaintedColours = (page: Page) => page.evaluate(() => {
  if (!matchMedia('(forced-colors: active)').matches) return;
  document.documentElement.style.background = 'Canvas';
  for (const element of [document, document.querySelector('askfirst-ui')?.shadowRoot].flatMap((root) => [...root?.querySelectorAll<HTMLElement>('*') ?? []])) {
    element.style.setProperty('-webkit-text-fill-color', getComputedStyle(element).color, 'important');
  }
});

/** What axe finds on the whole page, as lines that can be read. */
async function findings(page: Page) {
  await sayPaintedColours(page);
  const { violations } = await new AxeBuilder({ page }).withTags(TAGS).analyze();
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
