// What a visitor can meet, as data: every state of the interface and how to come to it, every theme, form, writing direction,
// window and set of colours. `access.spec.ts` and `access-all.spec.ts` ask axe about them.
import { readFileSync } from 'node:fs';
import type { Page } from '@playwright/test';
import { expect, part, started } from './visit.ts';

/** The rules of WCAG 2.0 to 2.2, A and AA, and axe's best practices. */
export const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22a', 'wcag22aa', 'best-practice'];

export const COLOURS = {
  light: { colorScheme: 'light', forcedColors: 'none', contrast: 'no-preference' },
  dark: { colorScheme: 'dark', forcedColors: 'none', contrast: 'no-preference' },
  'more contrast': { colorScheme: 'dark', forcedColors: 'none', contrast: 'more' },
  'forced colours': { colorScheme: 'dark', forcedColors: 'active', contrast: 'no-preference' },
} as const;

export const LANGUAGES = { ltr: 'lang="en"', rtl: 'lang="ar" dir="rtl"' };

export const WINDOWS = { phone: { width: 360, height: 740 }, desktop: { width: 1280, height: 800 } };

/** Our own look first, which has no name. */
export const THEMES = ['', ...Object.keys(JSON.parse(readFileSync(new URL('../../../www/themes.json', import.meta.url), 'utf8')))];

/** A theme that nobody can read, for the test of the tests. */
export const UNREADABLE = 'askfirst-ui{--askfirst-background:#fff;--askfirst-text:#ddd;--askfirst-text-soft:#eee;--askfirst-accent:#eee;--askfirst-accent-text:#fff}';

export const LAYOUTS = ['card', 'bar', 'bar-top', 'box', 'box-end', 'box-top', 'box-top-end', 'centre'];

const openDialog = async (page: Page, control = 'customise') => {
  await part(page, control).click();
  await expect(part(page, 'dialog')).toBeVisible();
};
const choose = async (page: Page) => {
  await part(page, 'accept').click();
  await expect(part(page, 'reopen')).toBeVisible();
};
export const openDetails = (page: Page) => part(page, 'dialog').locator('details').evaluateAll((all) => all.forEach((one: any) => (one.open = true)));

/** How to come to a state from the first visit; `config` changes what the next page is given. */
export const STATES: Record<string, (page: Page, config: (change: (config: any) => void) => void) => Promise<unknown>> = {
  banner: (page) => expect(part(page, 'banner')).toBeVisible(),
  dialog: (page) => openDialog(page),
  async details(page) {
    await openDialog(page);
    await openDetails(page);
  },
  control: choose,
  async reopened(page) {
    await choose(page);
    await openDialog(page, 'reopen');
  },
  async changed(page, config) {
    await choose(page);
    config((next) => next.categories.marketing.services.push('youtube'));
    await page.reload();
    await started(page);
    await expect(part(page, 'banner')).toBeVisible();
  },
  async placeholder(page) {
    await part(page, 'reject').click();
    await expect(page.frameLocator('#film').locator('h1')).toBeVisible();
  },
  async declaration(page) {
    await part(page, 'reject').click();
    await expect(page.locator('askfirst-declaration table').first()).toBeVisible();
  },
};

/** What the page itself must have for a state. */
export const BODY = {
  placeholder: '<iframe id="film" title="Film" width="340" height="260" data-category="marketing" data-service="video" data-src="https://slipway.example/"></iframe>',
  declaration: '<askfirst-declaration level="2"></askfirst-declaration>',
} as Record<string, string>;

export const FACTORS = {
  theme: THEMES,
  layout: LAYOUTS,
  state: Object.keys(STATES),
  colours: Object.keys(COLOURS) as (keyof typeof COLOURS)[],
  direction: Object.keys(LANGUAGES) as (keyof typeof LANGUAGES)[],
  window: Object.keys(WINDOWS) as (keyof typeof WINDOWS)[],
};

/** In forced colours Chromium says a text fill colour that it doesn't paint, and no colour for the canvas; axe believes both.
 * This gives it what is painted, in the document that it runs in. */
export function sayPaintedColours() {
  const forced = matchMedia('(forced-colors: active)').matches;
  document.documentElement.style.background = forced ? 'Canvas' : '';
  for (const element of [document, document.querySelector('askfirst-ui')?.shadowRoot].flatMap((root) => [...root?.querySelectorAll<HTMLElement>('*') ?? []])) {
    element.style.removeProperty('-webkit-text-fill-color');
    if (forced) element.style.setProperty('-webkit-text-fill-color', getComputedStyle(element).color, 'important');
  }
}
