import { expect, test as base } from '@playwright/test';
import { ENGINES, until, type Engine } from './support/engines.ts';
import { serveMini } from './support/mini.ts';
import { Product } from './support/product.ts';

const test = base.extend<{ product: Product }>({
  product: async ({}, use) => {
    const product = await Product.start();
    await use(product);
    await product.stop();
  },
});

const started = (engine: Engine) => until('the engine', () => engine.evaluate(async () => {
  const askfirst = (window as any).askfirst;
  if (!askfirst?.ready) return false;
  await askfirst.ready;
  return true;
}));
const state = (engine: Engine): Promise<any> => engine.evaluate(() => (window as any).askfirst.state());
const ran = (engine: Engine): Promise<string[]> => engine.evaluate(() => (window as any).ran ?? []);
const shows = (engine: Engine, name: string) => engine.evaluate((name) => !!document.querySelector('askfirst-ui')?.shadowRoot?.querySelector(`[part~="${name}"]`)?.getClientRects().length, name);
const box = (engine: Engine, name: string) => engine.evaluate((name) => {
  const { width, height } = document.querySelector('askfirst-ui')!.shadowRoot!.querySelector(`[part~="${name}"]`)!.getBoundingClientRect();
  return { width: Math.round(width), height: Math.round(height) };
}, name);

// The same walk in the engines that Playwright does not drive (issue: engines; PROOF test 29).
for (const [name, start] of Object.entries(ENGINES)) {
  test(`${name}: shut, refused, agreed to, recorded, withdrawn`, async ({ product }) => {
    test.setTimeout(120_000);
    const engine = await start();
    try {
      const url = serveMini(product.front, product.sink.url);
      const arrived = () => product.sink.log.length;

      await engine.goto(url);
      await started(engine);
      await until('the banner', () => shows(engine, 'banner'));
      expect(await box(engine, 'reject'), 'B4').toEqual(await box(engine, 'accept'));
      expect(await ran(engine)).toEqual([]);
      expect(arrived()).toBe(0);

      await engine.press('reject');
      await until('the refusal', async () => (await state(engine)).refused.length == 2);
      await engine.goto(url);
      await started(engine);
      expect(await shows(engine, 'banner')).toBe(false);
      expect(await ran(engine)).toEqual(['!marketing']);
      expect(arrived()).toBe(0);

      await engine.press('reopen');
      await until('the dialog', () => shows(engine, 'dialog'));
      await engine.press('dialog-accept');
      await until('the receipt', async () => (await state(engine)).recorded);
      expect((await ran(engine)).toSorted()).toEqual(['!marketing', 'analytical', 'marketing']);
      await until('the image', () => arrived() == 1);

      await engine.goto(url);
      await started(engine);
      await until('the image of the next page', () => arrived() == 2);
      expect((await ran(engine)).toSorted()).toEqual(['analytical', 'marketing']);

      await engine.evaluate(() => (window as any).askfirst.withdraw());
      await until('the withdrawal', async () => (await state(engine).catch(() => undefined))?.granted?.length === 0);
      await engine.goto(url);
      await started(engine);
      expect(await ran(engine)).toEqual(['!marketing']);
      expect(arrived()).toBe(2);
    } finally {
      await engine.close();
    }
  });
}
