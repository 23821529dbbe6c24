import type { Page } from '@playwright/test';
import { delivered, device, expect, NOTHING, part, rest, started, state, test } from './support/visit.ts';
import { ran, serveMini } from './support/mini.ts';

/** Two tabs of one visitor on the same page. */
async function two(page: Page, url: string) {
  const other = await page.context().newPage();
  for (const tab of [page, other]) {
    await tab.goto(url);
    await started(tab);
  }
  return other;
}

const within = { timeout: 1_000 };

for (const refused of [false, true]) {
  test(`other tabs follow a grant and a withdrawal within a second${refused ? ', without localStorage too' : ''} (G10)`, async ({ page, product }) => {
    if (refused) {
      await page.context().addInitScript(() => {
        for (const name of ['localStorage', 'sessionStorage']) {
          Object.defineProperty(window, name, { get() { throw new DOMException('denied', 'SecurityError'); } });
        }
      });
    }
    const other = await two(page, serveMini(product.front, product.sink.url));
    await expect(part(other, 'banner')).toBeVisible();
    await part(page, 'accept').click();
    await expect(part(other, 'banner')).toHaveCount(0, within);
    await expect.poll(() => ran(other), within).toEqual(['analytical', 'marketing']);
    await delivered(page);
    await other.evaluate(() => void ((window as any).before = true));
    await page.evaluate(() => void setTimeout(() => (window as any).askfirst.withdraw()));
    // What runs in the other tab can only be stopped by loading it anew.
    await expect.poll(() => other.evaluate(() => 'before' in window).catch(() => true), { timeout: 2_000 }).toBe(false);
    await started(other);
    expect(await state(other)).toMatchObject({ granted: [], refused: ['analytical', 'marketing'] });
    await expect.poll(() => ran(other)).toEqual(['!marketing']);
  });
}

test('a prerendered page shows, stores and sends nothing until somebody sees it (G10)', async ({ page, product }) => {
  await page.addInitScript(() => {
    let hidden = true;
    Object.defineProperty(document, 'prerendering', { get: () => hidden, configurable: true });
    (window as any).activate = () => {
      hidden = false;
      document.dispatchEvent(new Event('prerenderingchange'));
    };
  });
  await page.goto(serveMini(product.front, product.sink.url));
  await rest(page, 800);
  await expect(page.locator('askfirst-ui')).toHaveCount(0);
  expect(await device(page)).toEqual(NOTHING);
  expect(product.front.posted).toEqual([]);
  expect(product.sink.log).toEqual([]);
  await page.evaluate(() => (window as any).activate());
  await started(page);
  await expect(part(page, 'banner')).toBeVisible();
});

test('fifty navigations inside one page: each tag once, one banner, nothing piles up (FIELD 17, 24)', async ({ page, product }) => {
  const url = serveMini(product.front, product.sink.url, { body: '<div id="view"></div>' });
  await page.addInitScript(() => {
    const added = EventTarget.prototype.addEventListener;
    (window as any).listening = 0;
    EventTarget.prototype.addEventListener = function (this: EventTarget, ...args: any) {
      if ((this as unknown) == window || (this as unknown) == document) (window as any).listening += 1;
      return added.apply(this, args);
    };
  });
  await page.goto(url);
  await started(page);
  const route = (from: number, to: number) => page.evaluate(async ([from, to]) => {
    for (let at = from!; at < to!; at += 1) {
      history.pushState({}, '', `?route=${at}`);
      const view = document.createElement('div');
      view.id = 'view';
      view.innerHTML = `<h2>${at}</h2><script type="text/plain" nonce="x" data-category="analytical">(window.routes ||= []).push(${at});</script>`;
      document.getElementById('view')!.replaceWith(view);
      // A framework that draws the same view once more moves what is there.
      view.append(...view.childNodes);
      await new Promise((go) => setTimeout(go, 5));
    }
  }, [from, to]);
  await route(0, 10);
  expect(await page.evaluate(() => (window as any).routes)).toBeUndefined();
  await expect(part(page, 'banner')).toBeVisible();
  await part(page, 'accept').click();
  const before = await page.evaluate(() => (window as any).listening);
  await route(10, 50);
  await rest(page);
  // The view that stood at the choice and each one after it.
  expect(await page.evaluate(() => (window as any).routes)).toEqual(Array.from({ length: 41 }, (_, at) => at + 9));
  expect(await page.evaluate(() => (window as any).listening)).toBe(before);
  await expect(page.locator('askfirst-ui')).toHaveCount(1);
  await expect(part(page, 'banner')).toHaveCount(0);
});

test('a framework takes a released tag away as it has put it, by its own reference (React)', async ({ page, product }) => {
  await page.goto(serveMini(product.front, product.sink.url));
  await started(page);
  await part(page, 'accept').click();
  // React makes scripts by innerHTML and later calls removeChild with what it made.
  const outcome = await page.evaluate(async () => {
    const maker = document.createElement('div');
    maker.innerHTML = '<script type="text/plain" nonce="x" data-category="analytical" id="own">(window.react ||= []).push(document.currentScript.id);</script>';
    const made = maker.removeChild(maker.firstChild!);
    const parent = document.querySelector('main')!;
    parent.append(made);
    await new Promise((go) => setTimeout(go, 100));
    const ran = [...(window as any).react ?? []];
    parent.removeChild(made);
    return ran;
  });
  expect(outcome).toEqual(['own']);
});
