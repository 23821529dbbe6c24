// Takes the screenshots of this folder from a running demo: `npm start`, then `node docs/screenshots.mjs [URL]`.
import { chromium } from '@playwright/test';

const url = process.argv[2] ?? 'http://127.0.0.1:4400';
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'] });
const sizes = { desktop: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } };

const visit = async (size, colorScheme, path) => {
  const context = await browser.newContext({ viewport: sizes[size], colorScheme, deviceScaleFactor: size === 'phone' ? 2 : 1 });
  const page = await context.newPage();
  await page.goto(url + path);
  await page.locator('[part=accept]').waitFor();
  return page;
};

for (const size of Object.keys(sizes)) {
  for (const scheme of ['light', 'dark']) {
    const page = await visit(size, scheme, '/?panel=off');
    const shot = (what) => page.screenshot({ path: new URL(`${what}-${size}-${scheme}.png`, import.meta.url).pathname });
    await shot('banner');
    await page.locator('[part=customise]').click();
    await page.locator('[part=dialog] details').nth(1).locator('summary').click();
    await shot('dialog');
    await page.context().close();
  }
}

// The demo with its panel, after accepting.
const page = await visit('desktop', 'light', '/');
await page.locator('[part=accept]').click();
await page.waitForFunction(() => window.askfirst.state().recorded);
await page.waitForTimeout(2000);
await page.screenshot({ path: new URL('demo.png', import.meta.url).pathname });
await browser.close();
