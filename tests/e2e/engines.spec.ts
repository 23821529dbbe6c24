import { readFileSync } from 'node:fs';
import { expect, test as base } from '@playwright/test';
import { ENGINES, until, type Engine } from './support/engines.ts';
import { serveMini } from './support/mini.ts';
import { FORMS, place } from './support/place.ts';
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

// The same walks in Chromium, Firefox ESR and WebKitGTK (issue: engines; PROOF test 29).
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

  test(`${name}: every form, keys alone, right to left, by night, the declaration, the visitor's own page`, async ({ product }) => {
    test.setTimeout(240_000);
    const engine = await start();
    try {
      const config = await product.config();
      const visit = async (layout: string, options = {}) => {
        product.front.answers.set('/askfirst.json', { type: 'application/json', body: JSON.stringify({ ...config, layout }) });
        await engine.goto(serveMini(product.front, product.sink.url, options));
        await started(engine);
        await until('the banner', () => shows(engine, 'banner'));
      };
      const where = () => engine.evaluate(() => {
        const { x, y, width, height } = document.querySelector('askfirst-ui')!.shadowRoot!.querySelector('[part=banner]')!.getBoundingClientRect();
        return { banner: { x, y, width, height }, view: { width: document.documentElement.clientWidth, height: innerHeight } };
      });
      for (const form of FORMS) {
        await visit(form, {});
        // It comes in moving; two looks within one frame would see it stand still.
        const { banner, view } = await until('the banner at rest', async () => {
          const moves = await engine.evaluate(() => document.querySelector('askfirst-ui')!.shadowRoot!.querySelector('[part=banner]')!
            .getAnimations().some(({ playState }) => playState != 'finished'));
          return !moves && await where();
        });
        expect(place(form, banner, view), `${form}: ${JSON.stringify(banner)}`).toBe(true);
        expect(await box(engine, 'reject'), `B4, ${form}`).toEqual(await box(engine, 'accept'));
      }

      // Keys alone: refusing is reached first; the dialog takes the focus and gives it back; Escape decides nothing (A2, B1).
      const focus = () => engine.evaluate(() => {
        const element = document.querySelector('askfirst-ui')!.shadowRoot!.activeElement;
        return element?.getAttribute('part') || element?.id || document.activeElement?.id || null;
      });
      const tabTo = async (wanted: string, most: number) => {
        for (let presses = 0; presses < most; presses += 1) {
          await engine.key('Tab');
          if (await focus() == wanted) return;
        }
        throw new Error(`${wanted} is not reached by ${most} times Tab; the focus is on ${await focus()}`);
      };
      // Firefox without a window manager has not the focus, and then no key presses anything, of a bare page neither: there
      // what Tab has reached is pressed by its own `click()`.
      const push = () => (name == 'firefox' ? engine.evaluate(() => (document.querySelector('askfirst-ui')!.shadowRoot!.activeElement as HTMLElement).click()) : engine.key('Space'));
      await visit('card');
      await tabTo('reject', 8);
      await tabTo('accept', 1);
      await tabTo('customise', 1);
      await push();
      await until('the dialog', () => shows(engine, 'dialog'));
      expect(await focus()).toBe('dialog-title');
      await tabTo('switch-analytical', 16);
      await push();
      expect(await engine.evaluate(() => (document.querySelector('askfirst-ui')!.shadowRoot!.querySelector('[part=switch-analytical]') as HTMLInputElement).checked), 'A3').toBe(true);
      await engine.key('Escape');
      await until('the dialog to be closed', async () => !await shows(engine, 'dialog'));
      expect(await focus()).toBe('customise');
      expect(await state(engine)).toMatchObject({ decided: false });

      // From right to left a box that stands where lines end stands at the left.
      await visit('box-end', { html: 'lang="ar" dir="rtl"' });
      const { banner, view } = await where();
      expect(banner.x).toBeLessThan(view.width - banner.x - banner.width);
      expect(await engine.evaluate(() => getComputedStyle(document.querySelector('askfirst-ui')!.shadowRoot!.querySelector('[part=banner]')!).direction)).toBe('rtl');

      // By night, as the page says.
      await visit('card', { before: '<style>askfirst-ui{color-scheme:dark}</style>' });
      const [ground, ink] = await engine.evaluate(() => {
        const { backgroundColor, color } = getComputedStyle(document.querySelector('askfirst-ui')!.shadowRoot!.querySelector('[part=banner]')!);
        return [backgroundColor, color].map((text) => text.match(/\d+/g)!.slice(0, 3).reduce((sum, part) => sum + Number(part), 0));
      });
      expect(ground).toBeLessThan(150);
      expect(ink).toBeGreaterThan(600);

      // The declaration on a page of the site's, and the record of a choice on the visitor's own.
      product.front.answers.delete('/askfirst.json');
      await engine.goto(serveMini(product.front, product.sink.url, { html: 'lang="nl"', body: '<askfirst-declaration></askfirst-declaration>' }));
      await started(engine);
      await until('the declaration', () => engine.evaluate(() => document.querySelectorAll('askfirst-declaration table').length > 1));
      await engine.press('accept');
      await until('the receipt', async () => (await state(engine)).recorded);
      const { record: { record_id: id }, secret } = await engine.evaluate(() => (window as any).askfirst.receipt());
      await engine.goto(`${product.front.origin}/askfirst/me/?lang=nl#${id}:${secret}`);
      const words = JSON.parse(readFileSync(new URL('../../www/pages/nl.json', import.meta.url), 'utf8'));
      await until('the record', () => engine.evaluate((said) => document.getElementById('said')!.textContent!.includes(said), words['me.how.accept_all']));
      expect(await engine.evaluate(() => location.hash)).toBe('');
    } finally {
      await engine.close();
    }
  });
}
