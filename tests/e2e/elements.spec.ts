import { expect, type Page } from '@playwright/test';
import { CATEGORY, isPossible, KINDS, WAYS } from './support/cases.ts';
import { check, type Browser } from './support/elements.ts';
import { serve, stored } from './support/gate.ts';
import { test } from './support/firefox.ts';

const chromium = (page: Page): Browser => ({
  goto: async (url) => void await page.goto(url),
  evaluate: (fn, ...args) => page.evaluate(`(${fn})(...${JSON.stringify(args)})`) as any,
});

for (const name of ['Chromium', 'Firefox'] as const) {
  for (const way of WAYS) {
    test(`${name}: every kind of element by ${way.name}: nothing before the choice, once after it, attributes kept (FIELD 16-25)`, async ({ page, firefox, site, sink }) => {
      test.setTimeout(90_000);
      const browser = name == 'Firefox' ? firefox : chromium(page);
      if (way.returning) {
        await serve(site, '');
        await browser.goto(site.origin);
        await browser.evaluate((value: string) => localStorage.setItem('askfirst', value), stored([CATEGORY]));
      }
      // Each case gets its turn, so that one report names all that fail.
      const failures: string[] = [];
      for (const kind of KINDS) {
        if (isPossible(kind, way, name)) await check(name, browser, site, sink, kind, way).catch((error) => failures.push(String(error).replace(/\s+/g, ' ').slice(0, 300)));
      }
      expect(failures).toEqual([]);
    });
  }
}
