// Takes the pictures of docs/gallery/ from a running demo: `npm start`, then `node docs/gallery.mjs [URL]`. Every state of the
// interface × window × colours × language, on a page of no words, and an index that shows them. The pictures that are kept were
// taken with Noto Sans as the system's font (Debian: fonts-noto-core).
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { chromium } from '@playwright/test';

const url = process.argv[2] ?? 'http://127.0.0.1:4400';
const folder = new URL('gallery/', import.meta.url);

const WINDOWS = { 'phone-320': [320, 568], 'phone-390': [390, 844], tablet: [820, 1180], desktop: [1280, 800] };
const LANGUAGES = { en: 'English', nl: 'Nederlands', de: 'Deutsch', ar: 'العربية', ja: '日本語' };
const COLOURS = ['light', 'dark'];

const part = (page, name) => page.locator(`askfirst-ui [part=${name}]`);
const top = (page) => page.evaluate(() => {
  for (const body of document.querySelector('askfirst-ui').shadowRoot.querySelectorAll('.body')) body.scrollTop = 0;
});

/** Each state follows from the one before. */
const STATES = {
  banner: ['The first layer', (page) => part(page, 'banner').waitFor()],
  dialog: ['The preferences, before a choice', (page) => part(page, 'customise').click()],
  details: ['The same with the services of a purpose', async (page) => {
    const purpose = part(page, 'dialog').locator('.category').nth(2);
    await purpose.locator('summary').first().click();
    await purpose.evaluate((element) => element.scrollIntoView({ block: 'start' }));
  }],
  control: ['After the choice: the way back', async (page) => {
    await part(page, 'switch-analytical').check();
    await part(page, 'save').click();
    await page.waitForFunction(() => window.askfirst.state().recorded);
  }],
  reopened: ['The preferences with a choice', (page) => part(page, 'reopen').click()],
};

/** A page that says nothing, so that nothing but the interface speaks. */
const html = (lang) => `<!doctype html><html lang="${lang}"${lang == 'ar' ? ' dir="rtl"' : ''}><head><meta charset="utf-8"><title>Gallery</title><link rel="icon" href="data:,">
<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark"><style>
:root { background: light-dark(#f3f4f6, #101216) } body { margin: 0 }
header { block-size: 56px; background: light-dark(#fff, #181b20); border-block-end: 1px solid light-dark(#e3e6ea, #262a31) }
main { display: grid; gap: 16px; max-inline-size: 720px; margin: 40px auto; padding-inline: 24px } i { block-size: 12px; border-radius: 6px; background: light-dark(#e0e3e8, #262a31) }
i:nth-child(9n + 1) { block-size: 28px; inline-size: 60%; margin-block-start: 24px } i:nth-child(4n) { inline-size: 85% } i:nth-child(9n) { inline-size: 50% }
</style><script src="/askfirst/askfirst.js" data-config="/askfirst.json"></script></head><body><header></header><main>${'<i></i>'.repeat(54)}</main></body></html>`;

const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'] });
await rm(folder, { recursive: true, force: true });
await mkdir(folder, { recursive: true });

for (const lang of Object.keys(LANGUAGES)) {
  for (const colorScheme of COLOURS) {
    const context = await browser.newContext({ colorScheme, reducedMotion: 'reduce' });
    const page = await context.newPage();
    await page.route('**/gallery-page', (route) => route.fulfill({ contentType: 'text/html', body: html(lang) }));
    const session = await context.newCDPSession(page);
    await page.setViewportSize({ width: 1280, height: 800 });
    await page.goto(`${url}/gallery-page`);
    for (const [state, [, reach]] of Object.entries(STATES)) {
      await reach(page);
      // No ring of the focus that a press of ours has left, and no pointer on a button.
      await page.mouse.move(2, 2);
      for (const [name, [width, height]] of Object.entries(WINDOWS)) {
        await page.setViewportSize({ width, height });
        if (state == 'details') await part(page, 'dialog').locator('.category').nth(2).evaluate((element) => element.scrollIntoView({ block: 'start' }));
        else await top(page);
        await page.evaluate(() => new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(go))));
        const { data } = await session.send('Page.captureScreenshot', { format: 'webp', quality: 72 });
        await writeFile(new URL(`${state}-${lang}-${colorScheme}-${name}.webp`, folder), Buffer.from(data, 'base64'));
      }
      await page.setViewportSize({ width: 1280, height: 800 });
    }
    await context.close();
  }
}
await browser.close();

const widths = { 'phone-320': 120, 'phone-390': 146, tablet: 220, desktop: 380 };
const tables = Object.entries(STATES).map(([state, [title]]) => {
  const rows = Object.entries(LANGUAGES).flatMap(([lang, language]) => COLOURS.map((colours) =>
    `| ${language}, ${colours} | ${Object.keys(WINDOWS).map((name) => `<img src="${state}-${lang}-${colours}-${name}.webp" width="${widths[name]}" alt="${title}, ${language}, ${colours}, ${name}">`).join(' | ')} |`));
  return `## ${title}\n\n| | ${Object.entries(WINDOWS).map(([name, size]) => `${name} (${size.join(' × ')})`).join(' | ')} |\n|---|---|---|---|---|\n${rows.join('\n')}\n`;
});
await writeFile(new URL('README.md', folder), `# Gallery

Every state of the interface in five languages, four windows, by day and by night. Made by \`node docs/gallery.mjs\` from a
running demo (\`npm start\`); not drawn by hand, and not retouched.

${tables.join('\n')}`);
