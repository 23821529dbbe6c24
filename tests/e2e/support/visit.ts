import { test as base, expect, type Browser, type BrowserContext, type BrowserContextOptions, type Page } from '@playwright/test';
import { Product } from './product.ts';
import { askLater } from './test.ts';

/** A remark about the configuration of a site without a records server; it comes whenever there is time for it. */
export const NO_RECORDS = /^askfirst: .*\n?warning L29 at \$\.records: [^\n]*$/;

/**
 * What pages say in the console, and errors nobody caught. A test that has said nothing about a line fails on it, and
 * on an expected line that does not come.
 */
export class Console {
  readonly lines: string[] = [];
  private readonly expected: RegExp[] = [];
  private readonly allowed: RegExp[] = [NO_RECORDS];

  /** Each of these must come at least once, and nothing else may. */
  expect(...lines: RegExp[]) {
    this.expected.push(...lines);
  }

  /** Lines of our own, but for that remark. */
  ours() {
    return this.lines.filter((line) => line.includes('askfirst') && !NO_RECORDS.test(line));
  }

  async watch(context: BrowserContext) {
    context.on('console', (message) => {
      if (['error', 'warning', 'assert'].includes(message.type())) this.lines.push(message.text());
    });
    context.on('weberror', (error) => this.lines.push(`uncaught ${error.error()}`));
    await context.addInitScript(() => {
      addEventListener('securitypolicyviolation', (event) => console.error(`violation ${event.violatedDirective} ${event.blockedURI}`));
    });
  }

  check() {
    expect(this.lines.filter((line) => ![...this.expected, ...this.allowed].some((known) => known.test(line))), 'unexpected lines in the console').toEqual([]);
    const missing = this.expected.filter((known) => !this.lines.some((line) => known.test(line)));
    expect(missing.map(String), 'lines that should be in the console').toEqual([]);
  }
}

/** What the browser itself says about a missing file. */
export const NOT_FOUND = /^Failed to load resource: the server responded with a status of 404/;
/** What it says when nobody answers. */
export const NO_ANSWER = /^Failed to load resource: net::ERR_/;
/** Our one line when nothing can be started (G9). */
export const SHUT = /^askfirst: all stays shut/;

export const test = base.extend<{
  product: Product;
  console: Console;
  visitor: (options?: BrowserContextOptions) => Promise<BrowserContext>;
}, { next: () => Promise<Product> }>({
  /** Each test has a product of its own; the next one starts while a test runs, for a start is mostly waiting. */
  next: [async ({}, use) => {
    const start = () => {
      const product = Product.start();
      // Who takes it hears of it.
      product.catch(() => {});
      return product;
    };
    let ready: Promise<Product> | undefined;
    await use(() => {
      const product = ready ?? start();
      ready = start();
      return product;
    });
    await (await ready?.catch(() => undefined))?.stop();
  }, { scope: 'worker' }],
  product: async ({ context, next }, use) => {
    const product = await next();
    await use(product);
    // Before the server goes: nothing may be under way to it then.
    await Promise.all(context.pages().map((page) => page.close()));
    await product.stop();
  },
  console: [async ({ context }, use, info) => {
    const lines = new Console();
    await lines.watch(context);
    await use(lines);
    if (info.status == info.expectedStatus) lines.check();
  }, { auto: true }],
  /** Another browser, with nothing on it. */
  visitor: async ({ browser, console }, use) => {
    const contexts: BrowserContext[] = [];
    await use(async (options) => {
      const context = await (browser as Browser).newContext(options);
      await console.watch(context);
      contexts.push(context);
      return context;
    });
    await Promise.all(contexts.map((context) => context.close()));
  },
});

/** A part of the interface by its public name. */
export const part = (page: Page, name: string) => page.locator(`askfirst-ui [part~="${name}"]`);

/** Opens a page and waits until the engine runs. The demo's own panel is left out. */
export async function visit(page: Page, url: string) {
  await page.goto(url.includes('?') ? url : `${url}?panel=off`);
  await started(page);
}

/** Waits until the engine runs. */
export async function started(page: Page) {
  await page.waitForFunction(() => (window as any).askfirst?.ready);
  await page.evaluate(async () => void (await (window as any).askfirst.ready));
}

export const state = (page: Page): Promise<any> => page.evaluate(() => (window as any).askfirst.state());

/** Waits until the server has all that this page has to say. */
export const delivered = (page: Page) =>
  expect.poll(() => page.evaluate(() => (window as any).askfirst.state().pending)).toBe(0);

/** Everything this site has on the device. */
export async function device(page: Page) {
  const cookies = (await page.context().cookies()).map(({ name }) => name);
  const rest = await page.evaluate(async () => ({
    local: Object.keys(localStorage),
    session: Object.keys(sessionStorage),
    databases: (await indexedDB.databases()).map(({ name }) => name),
    caches: await caches.keys(),
  }));
  return { cookies: [...new Set(cookies)].toSorted(), ...rest, local: rest.local.toSorted() };
}

/** A device on which nothing is kept. */
export const NOTHING = { cookies: [], local: [], session: [], databases: [], caches: [] };
/** A device on which the choice alone is kept. */
export const CHOICE_ALONE = { cookies: ['askfirst'], local: ['askfirst'], session: [], databases: [], caches: [] };

/** Waits for what comes later than a request that is under way now to the third parties or to the site (`test.ts`). */
export const settled = (page: Page, { sink }: Product) => {
  // What answers it has its list of all before.
  const list = `${sink.url}/__log?since=1e9`;
  return askLater(page, list, list, list, page.url());
};

/** Lets what is under way come to rest. */
export const rest = (page: Page, ms = 400) => page.waitForTimeout(ms);

export { expect };
