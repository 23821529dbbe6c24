import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { extname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CDPSession, Page } from '@playwright/test';
import { startSink, type Sink } from './site.ts';
import { TYPES } from './folder.ts';
import { expect, test as base } from './visit.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const BUILT = resolve(root, process.env.ASKFIRST_FRAMEWORKS ?? 'dist-frameworks');

/** The small apps of `tests/frameworks`. */
export const APPS = ['react', 'vue', 'svelte', 'plain'] as const;
export type App = (typeof APPS)[number];

/** The pages of every app. */
const PAGES = ['', 'article/1', 'article/2', 'article/3', 'kept', 'reuse/1', 'reuse/2', 'reuse/3'];

/** `test` with the third parties that these apps talk to; `open(app)` serves one and answers its address. */
export const test = base.extend<{ others: Sink; open: (app: App) => Promise<string> }>({
  others: async ({}, use) => {
    const sink = await startSink();
    await use(sink);
    await sink.close();
  },
  open: async ({ product, others }, use) => use(async (app) => {
    const folder = join(BUILT, app);
    if (!existsSync(folder)) throw new Error(`${folder} is missing; \`node tests/frameworks/build.mjs\` makes it`);
    const { answers, origin } = product.front;
    for (const name of await readdir(join(folder, 'assets'))) {
      answers.set(`/${app}/assets/${name}`, { type: TYPES[extname(name)] ?? 'text/css', body: await readFile(join(folder, 'assets', name), 'utf8') });
    }
    const html = (await readFile(join(folder, 'index.html'), 'utf8')).replace('__SINK__', others.origin);
    for (const path of PAGES) answers.set(`/${app}/${path}`, { type: 'text/html', body: html });
    return `${origin}/${app}/`;
  }),
});

/** The number of the rendering that is on the page. */
const rendering = (page: Page) => page.evaluate(() => Number(document.querySelector<HTMLElement>('main')?.dataset.n));

/** What the gated tags on the page want from the third parties, as their log names it. */
export const tags = (page: Page): Promise<string[]> =>
  page.evaluate(() => [...new Set([...document.querySelectorAll<HTMLElement>('main [data-category]')].map((el) => new URL(el.dataset.src!).pathname.slice(1)))]);

/** Waits until something is on the page. */
export const shown = (page: Page) => expect.poll(() => rendering(page)).toBeGreaterThan(0);

/**
 * Follows a link of the app, or goes `back`, as a visitor would; done when the next rendering is on the page. Answers how
 * many hosts of the interface there are then, and banners in them.
 */
export const go = (page: Page, to: string) => page.evaluate(async (to) => {
  const number = () => Number(document.querySelector<HTMLElement>('main')!.dataset.n);
  const before = number();
  if (to == 'back') history.back();
  else document.querySelector<HTMLElement>(`a[data-to="${to}"]`)!.click();
  for (const end = Date.now() + 5000; number() == before;) {
    if (Date.now() > end) throw new Error(`nothing was rendered for "${to}"`);
    await new Promise((turn) => setTimeout(turn, 4));
  }
  // Effects and transitions begin after the rendering.
  await new Promise((turn) => requestAnimationFrame(() => setTimeout(turn)));
  const hosts = [...document.querySelectorAll('askfirst-ui')];
  return { hosts: hosts.length, banners: hosts.reduce((sum, host) => sum + host.shadowRoot!.querySelectorAll('[part~=banner]').length, 0) };
}, to);

/** What the page holds when nothing unreachable is left: DOM nodes and event listeners. */
export async function holdings(devtools: CDPSession) {
  for (let times = 0; times < 3; times += 1) await devtools.send('HeapProfiler.collectGarbage');
  const { metrics } = await devtools.send('Performance.getMetrics');
  const value = (name: string) => metrics.find((metric) => metric.name == name)!.value;
  return { nodes: value('Nodes'), listeners: value('JSEventListeners') };
}

export type Holdings = Awaited<ReturnType<typeof holdings>>;

export async function devtools(page: Page) {
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable');
  await session.send('HeapProfiler.enable');
  return session;
}
