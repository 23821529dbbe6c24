// Single-page apps (FIELD 69; complaints 6 and 19): what a framework renders is gated like what the server sends, runs
// once for one rendering, and the interface neither doubles nor goes away. The log of the third parties is the judge.
import type { Page } from '@playwright/test';
import { APPS, devtools, go, holdings, shown, tags, test, type Holdings } from './support/apps.ts';
import { expect, part, rest, started } from './support/visit.ts';
import type { Sink } from './support/site.ts';
import { settled } from './support/test.ts';

/** Fifty navigations through the pages, the back button among them, ending where they began. */
const TOUR = ['article/1', '', 'article/2', 'article/3', 'back', 'article/1', 'article/2', 'back', 'back', ''];
const FIFTY = Array.from({ length: 5 }, () => TOUR).flat();

const visit = async (page: Page, url: string) => {
  await page.goto(url);
  await started(page);
  await shown(page);
};

const accept = async (page: Page) => {
  await part(page, 'accept').click();
  await expect(part(page, 'banner')).toHaveCount(0);
};

const ran = (page: Page): Promise<string[]> => page.evaluate(() => (window as any).ran ?? []);
const scripts = (names: Iterable<string>) => [...names].filter((name) => name.endsWith('.js')).toSorted();

/** Waits until each tag on the page has reached the third parties, and has run if it can; answers their names. */
async function arrive(page: Page, others: Sink) {
  const now = await tags(page);
  const missing = async () => {
    const started = await ran(page);
    return now.filter((name) => !others.log.includes(name) || (name.endsWith('.js') && !started.includes(name)));
  };
  await expect.poll(missing, { intervals: [10], timeout: 15_000 }).toEqual([]);
  return now;
}

/** What the third parties were asked for, and what ran: each of `expected` once, and nothing else. */
async function once(page: Page, others: Sink, expected: Iterable<string>) {
  await settled(page, others);
  expect(others.log.toSorted()).toEqual([...expected].toSorted());
  expect((await ran(page)).toSorted()).toEqual(scripts(expected));
}

const press = (page: Page, id: string) => page.locator(`main #${id}`).last().click();

for (const app of APPS) {
  test(`${app}: fifty navigations before the choice reach nobody, fifty after it run each tag once, and nothing piles up`, async ({ page, others, open }) => {
    // A hundred navigations, each waited for; on a busy machine they take their time.
    test.slow();
    await visit(page, await open(app));
    await expect(part(page, 'banner')).toBeVisible();
    const tools = await devtools(page);
    /** What the page holds every ten navigations, always on the same page of the app. */
    const held = { before: [] as Holdings[], after: [] as Holdings[] };

    for (const [at, to] of FIFTY.entries()) {
      expect(await go(page, to)).toEqual({ hosts: 1, banners: 1 });
      if ((at + 1) % TOUR.length == 0) held.before.push(await holdings(tools));
    }
    await settled(page, others);
    expect(others.log).toEqual([]);

    // What is on the page is released; what was on it before is gone for good.
    await accept(page);
    const rendered = new Set(await arrive(page, others));
    for (const [at, to] of FIFTY.entries()) {
      expect(await go(page, to)).toEqual({ hosts: 1, banners: 0 });
      for (const name of await arrive(page, others)) rendered.add(name);
      if ((at + 1) % TOUR.length == 0) held.after.push(await holdings(tools));
    }
    await once(page, others, rendered);

    for (const measures of Object.values(held)) {
      const [first, last] = [measures[0]!, measures.at(-1)!];
      expect(last.listeners - first.listeners, JSON.stringify(measures)).toBeLessThanOrEqual(2);
      expect(last.nodes - first.nodes, JSON.stringify(measures)).toBeLessThanOrEqual(8);
    }
  });

  test(`${app}: hurried navigation in view transitions reaches nobody before the choice, and runs no tag twice after it`, async ({ page, others, open }) => {
    await visit(page, `${await open(app)}?transitions`);
    for (const to of TOUR) expect(await go(page, to)).toEqual({ hosts: 1, banners: 1 });
    expect(others.log).toEqual([]);
    await accept(page);
    await arrive(page, others);
    for (const to of [...TOUR, 'article/3']) await go(page, to);
    await arrive(page, others);
    await settled(page, others);
    expect(others.log.length).toBeGreaterThan(10);
    expect(others.log.toSorted()).toEqual([...new Set(others.log)].toSorted());
    const started = await ran(page);
    expect(started.toSorted()).toEqual([...new Set(started)].toSorted());
  });

  test(`${app}: what ran is left alone when it is rendered again, a new tag runs, and a kept element shows its new address`, async ({ page, others, open }) => {
    await visit(page, await open(app));
    await go(page, 'article/1');
    await accept(page);
    const rendered = await arrive(page, others);
    // StrictMode mounts every effect of this page twice; the tag that stays is the second.
    expect(await page.evaluate(() => (window as any).inserted)).toBe(app == 'react' ? 2 : 1);
    for (let times = 0; times < 3; times += 1) await press(page, 'again');
    await expect(page.locator('main #again').last()).toHaveText('Rendered 3');
    await once(page, others, rendered);

    const tag = rendered.find((name) => name.startsWith('script/'))!;
    await press(page, 'toggle');
    // What the app takes away is away: nothing of it is left in the page.
    await expect(page.locator(`main script[data-src$="${tag}"]`)).toHaveCount(0);
    await press(page, 'toggle');
    await expect.poll(async () => (await ran(page)).filter((name) => name == tag)).toHaveLength(2);

    // Without a key a framework keeps the elements of the page before, and changes what they say.
    const all = new Set(rendered);
    for (const to of ['reuse/1', 'reuse/2', 'reuse/3']) {
      await go(page, to);
      for (const name of await arrive(page, others)) all.add(name);
    }
    await once(page, others, [...all, tag]);
  });

  test(`${app}: after a refusal navigation reaches nobody, here and after a reload; after a grant a reload releases each tag once`, async ({ page, others, open }) => {
    await visit(page, await open(app));
    await part(page, 'reject').click();
    for (const to of TOUR) await go(page, to);
    await page.reload();
    await started(page);
    await shown(page);
    for (const to of TOUR) {
      expect(await go(page, to)).toEqual({ hosts: 1, banners: 0 });
    }
    await go(page, 'article/2');
    await settled(page, others);
    expect(others.log).toEqual([]);

    await page.evaluate(() => (window as any).askfirst.accept());
    await arrive(page, others);
    // Twice; of the first one everything has come before the second begins.
    let rendered: Iterable<string> = [];
    for (let visit = 0; visit < 2; visit += 1) {
      others.log.length = 0;
      await page.reload();
      await shown(page);
      rendered = await arrive(page, others);
    }
    await started(page);
    await once(page, others, rendered);
  });
}

test('vue: what KeepAlive holds outside the page is released when it comes back, and then once', async ({ page, others, open }) => {
  await visit(page, await open('vue'));
  await go(page, 'kept');
  const kept = await tags(page);
  await go(page, '');
  await accept(page);
  const list = await arrive(page, others);
  await settled(page, others);
  expect(others.log).toEqual(list);
  await go(page, 'kept');
  expect(await arrive(page, others)).toEqual(kept);
  await go(page, '');
  await arrive(page, others);
  await go(page, 'kept');
  await rest(page);
  // A browser loads any frame anew that is taken out and put back.
  const count = (name: string) => others.log.filter((other) => other == name).length;
  expect(kept.map((name) => [name.split('/')[0], count(name)])).toEqual([['frame', 2], ['script', 1], ['pixel', 1], ['effect', 1]]);
  expect((await ran(page)).toSorted()).toEqual(scripts(kept));
});
