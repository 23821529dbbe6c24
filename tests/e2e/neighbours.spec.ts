import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Page } from '@playwright/test';
import { delivered, expect, part, started, state, test } from './support/visit.ts';
import { serveMini, works } from './support/mini.ts';

const rule = JSON.parse(await readFile(new URL('../../contrib/autoconsent/askfirst.json', import.meta.url), 'utf8'));
const engine = join(dirname(createRequire(import.meta.url).resolve('@duckduckgo/autoconsent')), 'autoconsent.playwright.js');

/** Runs autoconsent's own engine in the page with our rule alone, or with its heuristics alone, and collects what it reports. */
async function withAutoconsent(page: Page, autoAction: 'optIn' | 'optOut', by: 'rule' | 'heuristics' = 'rule') {
  const said: { type: string; cmp?: string; result?: boolean }[] = [];
  await page.exposeFunction('autoconsentSendMessage', async (message: (typeof said)[number]) => {
    said.push(message);
    if (message.type != 'init') return;
    const config = {
      enabled: true, autoAction, disabledCmps: [], enablePrehide: true, enableCosmeticRules: true, enableGeneratedRules: false,
      detectRetries: 20, isMainWorld: true, prehideTimeout: 2000, enableHeuristicDetection: by == 'heuristics', heuristicMode: by == 'rule' ? 'off' : 'reject',
      enablePopupMutationObserver: false, visualTest: false, performanceLoggingEnabled: false, heuristicPopupSearchTimeout: 100,
      logs: { lifecycle: false, rulesteps: false, detectionsteps: false, evals: false, errors: false, messages: false, waits: false },
    };
    const answer = { type: 'initResp', rules: { autoconsent: by == 'rule' ? [rule] : [], compact: { v: 1, s: [], r: [] } }, config };
    await page.evaluate((message) => (window as any).autoconsentReceiveMessage(message), answer);
  });
  await page.addInitScript({ path: engine });
  return said;
}

test('autoconsent finds the banner by our rule and refuses; the refusal holds (issue: neighbours)', async ({ page, product }) => {
  const said = await withAutoconsent(page, 'optOut');
  const url = serveMini(product.front, product.sink.url);
  await page.goto(url);
  await started(page);
  await expect(part(page, 'banner')).toHaveCount(0);
  await expect.poll(() => said.find(({ type }) => type == 'optOutResult')).toMatchObject({ cmp: 'askfirst', result: true });
  expect(await state(page)).toMatchObject({ granted: [], refused: ['analytical', 'marketing'] });
  // In the count, too, an agent has said it.
  await delivered(page);
  expect(JSON.parse(product.front.posted[0]!.body)).toMatchObject({ schema: 'urn:askfirst:refusal-count:1', method: 'agent', layer: 'first' });
  expect((await product.figures()).counts).toBe(1);
  await page.goto(url);
  await started(page);
  await expect(part(page, 'banner')).toHaveCount(0);
  expect(await state(page)).toMatchObject({ granted: [], refused: ['analytical', 'marketing'] });
});

test('where refusals are records, autoconsent\'s is a valid one, made by an agent, and says so (issue: neighbours)', async ({ page, product }) => {
  await product.configure((config) => (config.records.refusals = 'pseudonymous'));
  await withAutoconsent(page, 'optOut');
  await page.goto(serveMini(product.front, product.sink.url));
  await started(page);
  await expect.poll(() => state(page)).toMatchObject({ refused: ['analytical', 'marketing'], recorded: true });
  const { recordId } = await state(page);
  expect((await product.evidence(recordId)).record).toMatchObject({ event: { state: 'refused', method: 'reject_all' }, ui: { input: 'agent', trusted_event: false } });
  const said = await product.sentences(recordId);
  expect(said).toContain(`A program in the visitor's browser pressed the button that rejects in the banner of ${new URL(page.url()).origin}: consent refused.`);
  expect(said).toContain('Evidence grade A:\n  + A program in the page pressed the control for the visitor; a no may be said so.');
});

test('a visitor who lets autoconsent agree has agreed, by the same buttons (issue: neighbours)', async ({ page, product }) => {
  const said = await withAutoconsent(page, 'optIn');
  await page.goto(serveMini(product.front, product.sink.url));
  await started(page);
  await expect.poll(() => said.find(({ type }) => type == 'optInResult')).toMatchObject({ cmp: 'askfirst', result: true });
  expect(await state(page)).toMatchObject({ granted: ['analytical', 'marketing'] });
});

/** The buttons that refuse, as assistive technology is told of them. */
const told = async (page: Page) => {
  const session = await page.context().newCDPSession(page);
  const { nodes } = await session.send('Accessibility.getFullAXTree');
  return nodes.filter(({ ignored, role, name }) => !ignored && role?.value == 'button' && /^Reject/.test(name?.value)).map(({ name }) => name!.value);
};

for (const lang of ['en', 'nl', 'de', 'fr', 'es', 'it', 'pl', 'pt', 'ca', 'eu']) {
  test(`${lang}: autoconsent finds the banner by its heuristics alone, without a rule, and refuses (issue: neighbours)`, async ({ page, product }) => {
    const said = await withAutoconsent(page, 'optOut', 'heuristics');
    await page.goto(serveMini(product.front, product.sink.url, { html: `lang="${lang}"` }));
    await started(page);
    await expect.poll(() => said.find(({ type }) => type == 'optOutResult'), lang).toMatchObject({ cmp: 'HEURISTIC-REJECT', result: true });
    await expect(part(page, 'banner')).toHaveCount(0);
    expect(await state(page)).toMatchObject({ granted: [], refused: ['analytical', 'marketing'] });
  });
}

test('what the heuristics find is in nobody’s way: not seen, not reached by key, not read out, whatever the page’s styles say, and gone with the banner', async ({ page, product }) => {
  const loud = 'askfirst-ui, askfirst-ui *, button { display: block !important; position: fixed !important; inset: 0 !important; width: 100vw !important; height: 100vh !important; opacity: 1 !important; visibility: visible !important; clip-path: none !important; z-index: 2147483647 !important; background: red !important; pointer-events: auto !important; transform: none !important }';
  await page.goto(serveMini(product.front, product.sink.url, { head: `<style>${loud}</style>`.replaceAll('button {', 'askfirst-ui button {') }));
  await started(page);
  const twin = page.locator('askfirst-ui > button');
  await expect(twin).toHaveText('Reject all');
  // The page's own button is pressed where the page has put it: nothing lies over it.
  await works(page);
  expect(await page.evaluate(() => [...Array(100)].flatMap((_, at) => {
    const hit = document.elementFromPoint((at % 10 + 0.5) * innerWidth / 10, (Math.floor(at / 10) + 0.5) * innerHeight / 10);
    return hit?.parentElement?.localName == 'askfirst-ui' ? [at] : [];
  }))).toEqual([]);
  expect(await told(page), 'one button is read out').toEqual(['Reject all']);
  for (let presses = 0; presses < 12; presses += 1) {
    await page.keyboard.press('Tab');
    expect(await twin.evaluate((element) => document.activeElement == element)).toBe(false);
  }
  await part(page, 'accept').click();
  await expect(part(page, 'banner')).toHaveCount(0);
  await expect(twin).toHaveCount(0);
});
