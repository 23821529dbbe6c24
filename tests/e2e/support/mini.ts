import type { Page } from '@playwright/test';
import { expect } from './visit.ts';
import type { Front } from './front.ts';

/** Where the small page is. */
export const MINI = '/mini/';

interface Mini {
  /** More attributes of the loader's tag. */
  tag?: string;
  /** Attributes of `<html>`. */
  html?: string;
  /** Markup in the head, before the loader. */
  before?: string;
  /** Markup in the head, after the loader. */
  head?: string;
  body?: string;
}

/**
 * A page of the site that is small enough to be seen through: an image, a script and an inline script that are gated, a
 * script for refusals, and a button of its own that must work whatever happens.
 */
export const mini = (sink: string, { tag = 'data-config="/askfirst.json"', html = 'lang="en"', before = '', head = '', body = '' }: Mini = {}) => `<!doctype html>
<html ${html}><head><meta charset="utf-8"><title>Small</title><link rel="icon" href="data:,"><meta name="viewport" content="width=device-width">
${before}<script src="/askfirst/askfirst.js" ${tag} nonce="x"></script>
${head}<script src="/mini.js" nonce="x" defer></script></head><body>
<main><h1>Small page</h1><p><button id="own" type="button">Own button</button> <output id="out"></output></p>${body}</main>
<img data-category="marketing" data-service="tidemark-pixel" data-src="${sink}/px/page.gif" alt="">
<script type="text/plain" data-category="analytical" nonce="x">(window.ran ||= []).push('analytical');</script>
<script type="text/plain" data-category="marketing" nonce="x">(window.ran ||= []).push('marketing');</script>
<script type="text/plain" data-category="!marketing" nonce="x">(window.ran ||= []).push('!marketing');</script>
</body></html>`;

export function serveMini(front: Front, sink: string, options?: Mini) {
  front.answers.set('/mini.js', { type: 'text/javascript', body: `document.getElementById('own').onclick = () => { document.getElementById('out').textContent = 'works'; };` });
  front.answers.set(MINI, { type: 'text/html', body: mini(sink, options) });
  return front.origin + MINI;
}

/** What the gated inline scripts of the small page have done. */
export const ran = (page: Page): Promise<string[]> => page.evaluate(() => (window as any).ran ?? []);

/** The page does its own work. */
export async function works(page: Page) {
  await page.evaluate(() => (document.getElementById('out')!.textContent = ''));
  await page.locator('#own').click();
  await expect(page.locator('#out')).toHaveText('works');
}
