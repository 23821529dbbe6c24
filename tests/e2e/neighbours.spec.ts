import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Page } from '@playwright/test';
import { expect, part, started, state, test } from './support/visit.ts';
import { serveMini } from './support/mini.ts';

const rule = JSON.parse(await readFile(new URL('../../contrib/autoconsent/askfirst.json', import.meta.url), 'utf8'));
const engine = join(dirname(createRequire(import.meta.url).resolve('@duckduckgo/autoconsent')), 'autoconsent.playwright.js');

/** Runs autoconsent's own engine in the page with our rule alone, and collects what it reports. */
async function withAutoconsent(page: Page, autoAction: 'optIn' | 'optOut') {
  const said: { type: string; cmp?: string; result?: boolean }[] = [];
  await page.exposeFunction('autoconsentSendMessage', async (message: (typeof said)[number]) => {
    said.push(message);
    if (message.type != 'init') return;
    const config = {
      enabled: true, autoAction, disabledCmps: [], enablePrehide: true, enableCosmeticRules: true, enableGeneratedRules: false,
      detectRetries: 20, isMainWorld: true, prehideTimeout: 2000, enableHeuristicDetection: false, heuristicMode: 'off',
      enablePopupMutationObserver: false, visualTest: false, performanceLoggingEnabled: false, heuristicPopupSearchTimeout: 100,
      logs: { lifecycle: false, rulesteps: false, detectionsteps: false, evals: false, errors: false, messages: false, waits: false },
    };
    const answer = { type: 'initResp', rules: { autoconsent: [rule], compact: { v: 1, s: [], r: [] } }, config };
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
  await page.goto(url);
  await started(page);
  await expect(part(page, 'banner')).toHaveCount(0);
  expect(await state(page)).toMatchObject({ granted: [], refused: ['analytical', 'marketing'] });
});

test('a visitor who lets autoconsent agree has agreed, by the same buttons (issue: neighbours)', async ({ page, product }) => {
  const said = await withAutoconsent(page, 'optIn');
  await page.goto(serveMini(product.front, product.sink.url));
  await started(page);
  await expect.poll(() => said.find(({ type }) => type == 'optInResult')).toMatchObject({ cmp: 'askfirst', result: true });
  expect(await state(page)).toMatchObject({ granted: ['analytical', 'marketing'] });
});
