// By keyboard through every form of the banner, and in the sizes and spacings that readers set for themselves (A2, A5, A6).
import type { Page } from '@playwright/test';
import { expect, part, started, state } from './support/visit.ts';
import { focused, tabTo } from './support/focus.ts';
import { serveMini, works } from './support/mini.ts';
import type { Product } from './support/product.ts';
import { test } from './support/shared.ts';

const LAYOUTS = ['card', 'bar', 'bar-top', 'box', 'box-end', 'box-top', 'box-top-end', 'centre'];
const LINKS = Array.from({ length: 40 }, (_, at) => `<p style="margin: 40px 0"><a id="link-${at}" href="#at-${at}">Link ${at} of the page</a></p>`).join('');

async function open(page: Page, { front, sink }: Product, options = {}) {
  await page.emulateMedia({ reducedMotion: 'reduce' });
  await page.goto(serveMini(front, sink.url, options));
  await started(page);
  await expect(part(page, 'banner')).toBeVisible();
}

const layOut = async (product: Product, layout: string) => {
  const config = { ...await product.config(), layout };
  product.front.answers.set('/askfirst.json', { type: 'application/json', body: JSON.stringify(config) });
};

/** How much of the focused element of the page can be seen, 0 to 1: what is in the window and not under the banner. */
const seen = (page: Page) => page.evaluate(() => {
  const { left, top, width, height } = document.activeElement!.getBoundingClientRect();
  let free = 0;
  for (const across of [0.1, 0.5, 0.9]) {
    for (const down of [0.1, 0.5, 0.9]) {
      const [x, y] = [left + across * width, top + down * height];
      if (x >= 0 && y >= 0 && x < innerWidth && y < innerHeight && document.elementFromPoint(x, y)?.localName != 'askfirst-ui') free += 1;
    }
  }
  return free / 9;
});

for (const layout of LAYOUTS) {
  test(`${layout}: reached first, left again, never in the way of the focus, decided by no key but a button's (A2, B1, WCAG 2.4.11)`, async ({ page, shared }) => {
    test.setTimeout(60_000);
    await layOut(shared, layout);
    await page.setViewportSize({ width: 1024, height: 640 });
    await open(page, shared, { body: LINKS });
    expect(await focused(page)).toBe('body');

    // From the start of the page, refusing is reached before accepting, by the next press at most.
    const toReject = await tabTo(page, 'reject', 8);
    const toAccept = toReject + await tabTo(page, 'accept', 8);
    expect(toReject).toBeLessThanOrEqual(toAccept);
    await page.keyboard.press('Escape');
    expect(await state(page)).toMatchObject({ decided: false });
    await expect(part(page, 'banner')).toBeVisible();

    // Into the dialog, out of it by Escape, and back to where it was.
    await tabTo(page, 'customise', 4);
    await page.keyboard.press('Space');
    await expect(part(page, 'dialog')).toBeVisible();
    expect(await focused(page)).toBe('dialog-title');
    await page.keyboard.press('Escape');
    await expect(part(page, 'dialog')).toHaveCount(0);
    expect(await focused(page)).toBe('customise');
    expect(await state(page)).toMatchObject({ decided: false });

    // Through the page, down and up: whatever has the focus can be seen (WCAG 2.4.11 asks for a part of it).
    for (const [key, first] of [['Tab', 'own'], ['Shift+Tab', 'link-39']] as const) {
      await page.evaluate((id) => document.getElementById(id)!.focus(), first);
      for (let presses = 0; presses < 30; presses += 1) {
        await page.keyboard.press(key);
        if (!/^link/.test((await focused(page))!)) break;
        expect(await seen(page), `${key} ${await focused(page)}`).toBeGreaterThan(0);
      }
    }
    await works(page);

    // Refused by the keyboard, the focus is not lost in a part that is gone.
    await part(page, 'reject').focus();
    await page.keyboard.press('Enter');
    await expect(part(page, 'banner')).toHaveCount(0);
    expect(await state(page)).toMatchObject({ granted: [], refused: ['analytical', 'marketing'] });
    await tabTo(page, 'reopen', 60);
    shared.front.answers.delete('/askfirst.json');
  });
}

/** Controls smaller than 24 px either way, unless they stand in a sentence or nothing else is within 24 px (WCAG 2.5.8). */
const small = (page: Page) => page.evaluate(() => {
  const root = document.querySelector('askfirst-ui')!.shadowRoot!;
  return [...root.querySelectorAll<HTMLElement>('button, a, input, summary')].filter((one) => one.getClientRects().length).flatMap((one) => {
    const { width, height } = one.getBoundingClientRect();
    return Math.min(width, height) >= 24 ? [] : [`${one.localName} ${one.textContent || one.getAttribute('part')}: ${Math.round(width)} × ${Math.round(height)}`];
  });
});

/** Words that are cut off, lie over others or make something scroll sideways. */
const broken = (page: Page, name: string) => part(page, name).evaluate((layer) => {
  const wrong: string[] = [];
  const clear = [...layer.querySelectorAll<HTMLElement>('h2, h3, h4, p, li, button, summary, legend, dt, dd, label')].filter((one) => one.getClientRects().length);
  for (const one of clear) {
    if (getComputedStyle(one).display != 'inline' && (one.scrollWidth > one.clientWidth + 1 || (one.localName == 'button' && one.scrollHeight > one.clientHeight + 1))) {
      wrong.push(`cut off: ${one.localName} ${one.textContent!.slice(0, 50)}`);
    }
  }
  for (const one of [layer, ...layer.querySelectorAll<HTMLElement>('.body')]) if (one.scrollWidth > one.clientWidth + 1) wrong.push(`scrolls sideways: ${one.className}`);
  const blocks = clear.filter((one) => one.matches('h2, h3, p, button') && !one.closest('li'));
  blocks.forEach((one, at) => blocks.slice(at + 1).forEach((other) => {
    if (one.contains(other) || other.contains(one) || one.parentElement != other.parentElement) return;
    const [a, b] = [one.getBoundingClientRect(), other.getBoundingClientRect()];
    if (a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1) wrong.push(`${one.textContent!.slice(0, 30)} lies over ${other.textContent!.slice(0, 30)}`);
  }));
  return wrong;
});

/** WCAG 1.4.12, as a reader's own style sheet sets it, in the shadow root too. */
const space = (page: Page) => page.evaluate(() => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync('*{line-height:1.5!important;letter-spacing:.12em!important;word-spacing:.16em!important}p{margin-block-end:2em!important}');
  const root = document.querySelector('askfirst-ui')!.shadowRoot!;
  root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
});

const READERS = {
  'on a phone of 320 px': { width: 320, height: 568 },
  'at 400 % of 1280 × 1024': { width: 320, height: 256 },
  'at 200 % of 1280 × 800': { width: 640, height: 400 },
  'on a desktop': { width: 1280, height: 800 },
};

for (const [reader, viewport] of Object.entries(READERS)) {
  for (const spaced of [false, true]) {
    test(`${reader}${spaced ? ', with the spacing of WCAG 1.4.12,' : ''} all words are whole, all targets 24 px, all buttons in reach (A5, A6, WCAG 1.4.10, 2.5.8)`, async ({ page, shared }) => {
      test.setTimeout(60_000);
      await page.setViewportSize(viewport);
      for (const lang of ['de', 'el', 'ar']) {
        await open(page, shared, { html: `lang="${lang}"` });
        if (spaced) await space(page);
        expect(await broken(page, 'banner'), lang).toEqual([]);
        expect(await small(page), lang).toEqual([]);
        for (const name of ['reject', 'accept', 'customise']) {
          await part(page, name).scrollIntoViewIfNeeded();
          await expect(part(page, name), `${lang} ${name}`).toBeInViewport({ ratio: 0.99 });
        }
        await part(page, 'customise').click();
        await part(page, 'dialog').locator('details').evaluateAll((all) => all.forEach((one: any) => (one.open = true)));
        expect(await broken(page, 'dialog'), lang).toEqual([]);
        expect(await small(page), lang).toEqual([]);
        for (const name of ['close', 'switch-marketing', 'dialog-reject', 'dialog-accept', 'save']) {
          await part(page, name).scrollIntoViewIfNeeded();
          await expect(part(page, name), `${lang} ${name}`).toBeInViewport({ ratio: 0.99 });
        }
        expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'the page does not scroll sideways').toBe(true);
      }
    });
  }
}

for (const [device, viewport] of Object.entries({ 'a desktop': { width: 1280, height: 800 }, 'a phone': { width: 390, height: 844 } })) {
  test(`${device} with letters of twice the size: they are so here, whole, and every button is in reach (A5, WCAG 1.4.4)`, async ({ page, shared }) => {
    test.setTimeout(60_000);
    await page.setViewportSize(viewport);
    // What a reader sets in the browser for all pages; 16 px is what it has otherwise.
    const session = await page.context().newCDPSession(page);
    await session.send('Page.setFontSizes', { fontSizes: { standard: 32, fixed: 26 } });
    for (const lang of ['de', 'fi', 'ar']) {
      // The page's own measure is not the reader's.
      await open(page, shared, { html: `lang="${lang}"`, head: '<style>html{font-size:10px}</style>' });
      expect(await part(page, 'banner').evaluate((element) => getComputedStyle(element).fontSize), lang).toBe('32px');
      expect(await broken(page, 'banner'), lang).toEqual([]);
      for (const name of ['reject', 'accept', 'customise']) {
        await part(page, name).scrollIntoViewIfNeeded();
        await expect(part(page, name), `${lang} ${name}`).toBeInViewport({ ratio: 0.99 });
      }
      await part(page, 'customise').click();
      await part(page, 'dialog').locator('details').evaluateAll((all) => all.forEach((one: any) => (one.open = true)));
      expect(await broken(page, 'dialog'), lang).toEqual([]);
      for (const name of ['close', 'switch-marketing', 'dialog-reject', 'dialog-accept', 'save']) {
        await part(page, name).scrollIntoViewIfNeeded();
        await expect(part(page, name), `${lang} ${name}`).toBeInViewport({ ratio: 0.99 });
      }
    }
  });
}

test('who wants less motion gets none, who wants more contrast gets no faint words and lines (A6, WCAG 1.4.3, 2.3.3)', async ({ page, shared }) => {
  const moves = async (media: Parameters<Page['emulateMedia']>[0]) => {
    await page.emulateMedia(media);
    await page.goto(serveMini(shared.front, shared.sink.url));
    await started(page);
    await part(page, 'customise').click();
    await expect(part(page, 'dialog')).toBeVisible();
    const of = (name: string, pseudo?: string) => part(page, name).evaluate((element, pseudo) => {
      const { animationName, transitionDuration } = getComputedStyle(element, pseudo);
      return [animationName, transitionDuration].filter((value) => value != 'none' && value != '0s');
    }, pseudo);
    return { banner: await of('banner'), dialog: await of('dialog'), switch: await of('switch-marketing', '::before') };
  };
  expect(await moves({ reducedMotion: 'reduce' })).toEqual({ banner: [], dialog: [], switch: [] });
  expect(await moves({ reducedMotion: 'no-preference' })).toEqual({ banner: ['rise'], dialog: ['rise'], switch: ['0.15s'] });
  const faint = () => part(page, 'dialog').evaluate((dialog) => {
    const ink = getComputedStyle(dialog).color;
    return [getComputedStyle(dialog.querySelector('p')!).color, getComputedStyle(dialog).borderTopColor].map((colour) => colour != ink);
  });
  expect(await faint()).toEqual([true, true]);
  await page.emulateMedia({ contrast: 'more' });
  expect(await faint()).toEqual([false, false]);
});
