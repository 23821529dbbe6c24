// The whole product of state × theme × layout × writing direction × colours × window, 11,264 combinations, and axe finds nothing
// (A1–A6). `npm test` goes through those of one layout, direction and window; ASKFIRST_AXE=all through every one of them.
//
// A page is made for each state, layout, direction and window, and asked by every rule. Themes and colours are then put on
// in place, and each is asked by the rules that depend on them: a theme sets colours, a radius and a font and nothing else
// (`www/themes.json`), and no style for colours hides or shows an element, so names, roles and order stay what they were.
// `access.spec.ts` asks by every rule with each theme and colours too.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { axe } from './support/axe.ts';
import { expect, started, test as base } from './support/visit.ts';
import { MINI, serveMini } from './support/mini.ts';
import { DIST, Product } from './support/product.ts';
import { BODY, COLOURS, FACTORS, LANGUAGES, LAYOUTS, sayPaintedColours, STATES, TAGS, THEMES, UNREADABLE, WINDOWS } from './support/states.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** The rules whose answer depends on colours or on sizes. */
const STYLE = ['color-contrast', 'link-in-text-block', 'scrollable-region-focusable', 'target-size'];
const SHEETS = THEMES.map((name) => [name, name && readFileSync(join(DIST, `themes/${name}.css`), 'utf8')] as const);

const test = base.extend<{}, { shared: Product }>({
  shared: [async ({}, use) => {
    const product = await Product.start();
    await use(product);
    await product.stop();
  }, { scope: 'worker' }],
});

interface Ask {
  sheets: (readonly [name: string, css: string])[];
  /** The state that is asked about: a placeholder stands in a document of its own, which is drawn anew. */
  state: string;
  /** Where the interface is. */
  within: string;
  rules: string[];
}

/** Puts each theme on in turn, and gives a line for all that axe finds then. Runs in the page. */
async function ask({ sheets, rules, state, within, axe, paint }: Ask & { axe: string; paint: string }) {
  const lines: string[] = [];
  let asked = 0;
  const style = document.getElementById('theme') ?? document.head.appendChild(Object.assign(document.createElement('style'), { id: 'theme' }));
  const frame = document.querySelector<HTMLIFrameElement>('#film');
  for (const [name, css] of sheets) {
    style.textContent = css;
    let view: any = window;
    if (state == 'placeholder') {
      frame!.parentElement!.append(frame!);
      for (let tries = 0; tries < 200 && !frame!.contentDocument?.querySelector('h1'); tries += 1) await new Promise((go) => setTimeout(go, 10));
      view = frame!.contentWindow;
    }
    view.axe ?? view.eval(axe);
    view.eval(`(${paint})()`);
    const { violations, passes } = await view.axe.run(view == window ? within : view.document, { runOnly: rules, resultTypes: ['violations', 'passes'], iframes: false, elementRef: false });
    asked += passes.length > 0 ? 1 : 0;
    for (const { id, nodes } of violations) for (const { target, failureSummary } of nodes) lines.push(`${name || 'own look'}: ${id}: ${target.flat().join(' ')}: ${failureSummary.split('\n').slice(1, 3).join(' ')}`);
  }
  style.textContent = '';
  return { lines, asked };
}

const findings = (page: Page, asks: Ask) => page.evaluate(`(${ask})(${JSON.stringify({ ...asks, axe: AXE, paint: String(sayPaintedColours) })})`) as ReturnType<typeof ask>;

/** Where the interface stands in a state. */
const within = (state: string) => (state == 'declaration' ? 'askfirst-declaration' : 'askfirst-ui');

for (const layout of process.env['ASKFIRST_AXE'] == 'all' ? LAYOUTS : ['card']) {
  for (const direction of process.env['ASKFIRST_AXE'] == 'all' ? FACTORS.direction : (['rtl'] as const)) {
    for (const window of process.env['ASKFIRST_AXE'] == 'all' ? FACTORS.window : (['phone'] as const)) {
      test(`${layout}, ${direction}, ${window}: axe finds nothing in ${FACTORS.state.length} states × ${THEMES.length} themes × ${FACTORS.colours.length} sets of colours (A1–A6)`, async ({ visitor, shared }) => {
        test.setTimeout(900_000);
        const config = { ...await shared.config(), layout };
        let combinations = 0;
        for (const [state, reach] of Object.entries(STATES)) {
          const context = await visitor({ viewport: WINDOWS[window], reducedMotion: 'reduce' });
          // The server has never heard of these notices.
          await context.route('**/askfirst/v1/**', (route) => route.fulfill({ status: 202, body: '' }));
          const page = await context.newPage();
          const give = (change: (config: any) => void) => {
            const own = structuredClone(config);
            change(own);
            shared.front.answers.set('/askfirst.json', { type: 'application/json', body: JSON.stringify(own) });
          };
          give(() => {});
          serveMini(shared.front, shared.sink.url, { html: LANGUAGES[direction], body: BODY[state] ?? '' });
          await page.goto(shared.front.origin + MINI);
          await started(page);
          await reach(page, give);
          const { violations } = await axe(page).withTags(TAGS).analyze();
          expect.soft(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(', ')}`), `${state}, every rule`).toEqual([]);
          for (const [colours, media] of Object.entries(COLOURS)) {
            await page.emulateMedia(media);
            const { lines, asked } = await findings(page, { sheets: SHEETS, rules: STYLE, state, within: within(state) });
            expect.soft(lines, `${state}, ${colours}`).toEqual([]);
            combinations += asked;
          }
          await context.close();
        }
        shared.front.answers.delete('/askfirst.json');
        expect(combinations, 'axe had something to judge each time').toBe(FACTORS.state.length * THEMES.length * FACTORS.colours.length);
      });
    }
  }
}

test('a theme that can\'t be read is found in place, in the interface and in a placeholder', async ({ visitor, shared }) => {
  for (const state of ['banner', 'placeholder'] as const) {
    const page = await (await visitor({ reducedMotion: 'reduce' })).newPage();
    await page.route('**/askfirst/v1/**', (route) => route.fulfill({ status: 202, body: '' }));
    serveMini(shared.front, shared.sink.url, { body: BODY[state] ?? '' });
    await page.goto(shared.front.origin + MINI);
    await started(page);
    await STATES[state]!(page, () => {});
    const { lines } = await findings(page, { sheets: [['bad', UNREADABLE]], rules: STYLE, state, within: within(state) });
    expect(lines.join('\n'), state).toContain('bad: color-contrast');
  }
});
