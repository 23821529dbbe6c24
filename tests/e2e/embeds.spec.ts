import type { Page } from '@playwright/test';
import { axe } from './support/axe.ts';
import { serveDist } from './support/dist.ts';
import { expect, expectSilence, rest, settled, test } from './support/test.ts';
import { part, started, state } from './support/visit.ts';

const service = (name: string) => ({
  name, provider: `${name} Films Ltd`, purpose: { en: 'Plays videos of the harbour.', ar: 'يعرض مقاطع فيديو للميناء.' },
  countries: ['IE'], policy: `https://${name.toLowerCase()}.example/privacy`, items: [{ name: `${name.toLowerCase()}_id`, kind: 'cookie', duration: 'P1M', thirdParty: true }],
});
const CONFIG = {
  version: '1', controller: { name: 'Example B.V.', contact: 'privacy@example.com', policy: '/privacy' },
  categories: { functional: {}, analytical: { services: ['counter'] }, marketing: { services: ['slipway', 'quay'] } },
  services: { counter: service('Counter'), slipway: service('Slipway'), quay: service('Quay') },
  records: { endpoint: '/records' },
};

const frame = (src: string, id: string, more = 'data-service="slipway"') =>
  `<iframe id="${id}" title="Film ${id}" width="560" height="315" data-category="marketing" data-src="${src}" ${more}></iframe>`;
const page = (body: string, html = 'lang="en"') => `<!doctype html><html ${html}><head><meta charset="utf-8"><title>Films</title>
<link rel="icon" href="data:,"><meta name="viewport" content="width=device-width">
<script src="/askfirst/askfirst.js" data-config="/askfirst.json"></script></head><body><main><h1>Films</h1>
<p><button id="before">Before</button></p>${body}<p id="after"><button>After</button></p></main></body></html>`;
const films = (sink: string) => page(frame(`${sink}/one.html`, 'one') + frame(`${sink}/two.html`, 'two') + frame(`${sink}/three.html`, 'three', 'data-service="quay"'));

/** The placeholder in a frame. */
const inside = (page: Page, id: string) => page.frameLocator(`#${id}`);
const shutter = (page: Page, id: string) => inside(page, id).locator('article');
async function visit(page: Page, url: string) {
  await page.goto(url);
  await started(page);
}

test('who would show what stands in the place of a shut frame, and nothing is asked of the provider (G7, FIELD 26)', async ({ page, site, sink, complaints }) => {
  await serveDist(site, CONFIG, films(sink.origin));
  await page.addInitScript(() => {
    (window as any).shift = 0;
    new PerformanceObserver((list) => list.getEntries().forEach((entry: any) => ((window as any).shift += entry.value))).observe({ type: 'layout-shift', buffered: true });
  });
  await visit(page, site.origin);
  const main = shutter(page, 'one');
  await expect(main.getByRole('heading', { level: 1 })).toHaveText('Content from Slipway');
  await expect(main).toContainText('Plays videos of the harbour.');
  await expect(main).toContainText('Slipway Films Ltd receives data');
  await expect(main.getByRole('link')).toHaveAttribute('href', 'https://slipway.example/privacy');
  await expect(main.getByRole('link')).toHaveAttribute('rel', 'noopener noreferrer');
  await expect(main.getByRole('button')).toHaveText(['Load once', 'Always allow Slipway']);
  await expect(shutter(page, 'three').getByRole('button').last()).toHaveText('Always allow Quay');
  // The frame's own box, before and after, and nothing moves.
  expect(await page.locator('#one').boundingBox()).toMatchObject({ width: 564, height: 319 });
  await rest(page);
  expect(await page.evaluate(() => (window as any).shift)).toBe(0);
  expect(sink.log).toEqual([]);
  expect(await page.evaluate(() => [localStorage.length, document.cookie])).toEqual([0, '']);
  expectSilence(complaints);
});

test('by keyboard: the placeholder stands between what is before and after it, and Load once opens this frame alone', async ({ page, site, sink, complaints }) => {
  const posted = await serveDist(site, CONFIG, films(sink.origin));
  await visit(page, site.origin);
  await part(page, 'reject').click();
  await expect(shutter(page, 'one')).toBeVisible();
  const kept = () => page.evaluate(() => localStorage.getItem('askfirst'));
  await expect.poll(async () => JSON.parse((await kept())!).outbox.entries, 'the refusal is counted and off the page').toEqual([]);
  const [counted, stored] = [[...posted], await kept()];
  expect(counted).toMatchObject([{ method: 'reject_all' }]);
  await page.locator('#before').focus();
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  await expect(inside(page, 'one').getByRole('button', { name: 'Always allow Slipway' })).toBeFocused();
  await page.keyboard.press('Shift+Tab');
  await expect(inside(page, 'one').getByRole('button', { name: 'Load once' })).toBeFocused();
  await page.keyboard.press('Enter');
  await expect.poll(() => sink.log).toEqual(['one.html']);
  expect(await page.evaluate(() => document.activeElement?.id)).toBe('one');
  await settled(page, sink);
  expect(sink.log, 'neither the other film nor another provider').toEqual(['one.html']);
  await expect(shutter(page, 'two')).toBeVisible();
  // Nothing is kept and nothing is recorded: the next visit asks again.
  expect([posted, await kept()]).toEqual([counted, stored]);
  await page.reload();
  await started(page);
  await expect(shutter(page, 'one')).toBeVisible();
  expect(sink.log).toEqual(['one.html']);
  expectSilence(complaints);
});

test('Always allow opens this service and is recorded as such; withdrawn, the page is as before (FIELD 12, G5)', async ({ page, site, sink, complaints }) => {
  const posted = await serveDist(site, CONFIG, films(sink.origin));
  await visit(page, site.origin);
  await inside(page, 'two').getByRole('button', { name: 'Always allow Slipway' }).click();
  await expect.poll(() => sink.log.toSorted()).toEqual(['one.html', 'two.html']);
  await expect.poll(() => posted).toMatchObject([{ decisions: [], vendors: { slipway: true }, event: { layer: 'embed', method: 'save', state: 'given' } }]);
  // The rest is still asked about.
  await expect(part(page, 'banner')).toBeVisible();
  expect(await page.evaluate(() => ['slipway', 'quay', 'marketing'].map((id) => (window as any).askfirst.has(id)))).toEqual([true, false, false]);

  await visit(page, site.origin);
  await expect.poll(() => sink.log.toSorted(), 'on the next page').toEqual(['one.html', 'one.html', 'two.html', 'two.html']);
  await expect(shutter(page, 'three')).toBeVisible();
  await part(page, 'customise').click();
  await page.locator('askfirst-ui summary').last().click();
  await expect(part(page, 'service-slipway')).toBeChecked();
  await expect(part(page, 'service-quay')).not.toBeChecked();
  await expect(part(page, 'switch-marketing')).not.toBeChecked();
  await expect(page.locator('askfirst-ui #count-marketing')).toHaveText('1/2');

  sink.log.length = 0;
  await Promise.all([page.waitForEvent('load'), part(page, 'dialog-reject').click()]);
  await started(page);
  await expect(shutter(page, 'one')).toBeVisible();
  await settled(page, sink);
  expect(sink.log).toEqual([]);
  // It waits for what the withdrawal could not delete.
  const withdrawn = () => posted.find(({ event }) => event.state == 'withdrawn');
  await expect.poll(withdrawn).toMatchObject({ decisions: [{ granted: false }, { granted: false }] });
  expect(withdrawn().vendors).toBeUndefined();
  expectSilence(complaints);
});

test('a click that no visitor has made is recorded as the page’s own (B1)', async ({ page, site, sink }) => {
  const posted = await serveDist(site, CONFIG, films(sink.origin));
  await visit(page, site.origin);
  await expect(shutter(page, 'one')).toBeVisible();
  await page.evaluate(() => document.querySelector('iframe')!.contentDocument!.querySelectorAll('button')[1]!.click());
  await expect.poll(() => posted).toMatchObject([{ event: { layer: 'page', method: 'api' } }]);
});

test('a frame of its own document, one without a known service, hidden and tiny ones', async ({ page: tab, site, sink, complaints }) => {
  await serveDist(site, CONFIG, page(
    `<iframe id="doc" title="Own" width="560" height="315" data-category="marketing" data-service="slipway" data-srcdoc="&lt;p>Own words&lt;/p>&lt;img src='${sink.origin}/x.svg' alt=''>"></iframe>` +
    frame(`${sink.origin}/none.html`, 'none', '') + frame(`${sink.origin}/hidden.html`, 'hidden', 'data-service="slipway" hidden') +
    frame(`${sink.origin}/tiny.html`, 'tiny', 'data-service="slipway" style="width: 1px; height: 1px"')));
  await visit(tab, site.origin);
  await expect(shutter(tab, 'doc')).toBeVisible();
  for (const id of ['none', 'hidden', 'tiny']) await expect(inside(tab, id).locator('article')).toHaveCount(0);
  await tab.evaluate(() => (document.getElementById('hidden')!.hidden = false));
  await expect(shutter(tab, 'hidden')).toBeVisible();
  // Moved, it gets another document.
  await tab.evaluate(() => document.body.append(document.getElementById('hidden')!));
  await expect(shutter(tab, 'hidden')).toBeVisible();
  await inside(tab, 'doc').getByRole('button', { name: 'Load once' }).click();
  await expect(inside(tab, 'doc').getByText('Own words')).toBeVisible();
  await expect.poll(() => sink.log).toEqual(['x.svg']);
  expectSilence(complaints);
});

test('a strict content policy and Trusted Types are no obstacle (FIELD 16-25)', async ({ page: tab, site, sink, complaints }) => {
  const policy = `default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; img-src data:; frame-src ${sink.origin}; require-trusted-types-for 'script'; trusted-types askfirst`;
  await serveDist(site, CONFIG, page(
    frame(`${sink.origin}/one.html`, 'one') + `<iframe id="doc" title="Own" width="560" height="315" data-category="marketing" data-service="quay" data-srcdoc="&lt;p>Own words&lt;/p>"></iframe>`,
  ), { 'content-security-policy': policy });
  await visit(tab, site.origin);
  await inside(tab, 'doc').getByRole('button', { name: 'Load once' }).click();
  await expect(inside(tab, 'doc').getByText('Own words')).toBeVisible();
  const button = inside(tab, 'one').getByRole('button', { name: 'Always allow Slipway' });
  expect(await button.evaluate((el) => getComputedStyle(el).fontWeight), 'styled').toBe('600');
  await button.click();
  await expect.poll(() => sink.log).toEqual(['one.html']);
  expectSilence(complaints);
});

for (const [name, html, scheme] of [['light', 'lang="en"', 'light'], ['dark', 'lang="en"', 'dark'], ['right to left', 'lang="ar" dir="rtl"', 'dark']] as const) {
  test(`axe finds nothing wrong with placeholders and service switches: ${name} (A1)`, async ({ page: tab, site, sink }, info) => {
    await tab.emulateMedia({ colorScheme: scheme });
    await serveDist(site, CONFIG, page(frame(`${sink.origin}/one.html`, 'one') + frame(`${sink.origin}/two.html`, 'two', 'data-service="quay" style="width: 260px; height: 170px"'), html));
    await visit(tab, site.origin);
    await expect(shutter(tab, 'two')).toBeVisible();
    expect(await inside(tab, 'one').locator('html').getAttribute('dir')).toBe(name == 'right to left' ? 'rtl' : 'ltr');
    // In a small frame nothing is cut off for good: it scrolls, and not sideways.
    expect(await inside(tab, 'two').locator('html').evaluate((el) => el.scrollWidth <= el.clientWidth)).toBe(true);
    const wrong = async () => (await axe(tab).analyze()).violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target).join(' ')}`);
    await part(tab, 'reject').click();
    expect(await wrong()).toEqual([]);
    await tab.screenshot({ path: info.outputPath('placeholder.png') });
    await part(tab, 'reopen').click();
    for (const summary of await tab.locator('askfirst-ui summary').all()) await summary.click();
    await part(tab, 'service-slipway').click();
    expect(await wrong()).toEqual([]);
    await tab.screenshot({ path: info.outputPath('dialog.png') });
  });
}

test('the switch of a category and those of its services go together, and say so while they differ (A3, FIELD 12)', async ({ page, site, sink, complaints }) => {
  const posted = await serveDist(site, CONFIG, films(sink.origin));
  await visit(page, site.origin);
  await part(page, 'customise').click();
  await page.locator('askfirst-ui summary').last().click();
  const all = part(page, 'switch-marketing');
  const [slipway, quay] = [part(page, 'service-slipway'), part(page, 'service-quay')];
  const are = async (...on: [boolean, boolean, boolean, string]) => {
    const [category, first, second, count] = on;
    await expect(all).toBeChecked({ checked: category });
    await expect(slipway).toBeChecked({ checked: first });
    await expect(quay).toBeChecked({ checked: second });
    await expect(page.locator('askfirst-ui #count-marketing')).toHaveText(count);
  };
  await are(false, false, false, '');
  await page.locator('askfirst-ui label[for=service-slipway]').click();
  expect(await all.evaluate((el: HTMLInputElement) => [el.checked, el.indeterminate])).toEqual([false, true]);
  await expect(page.locator('askfirst-ui #count-marketing')).toHaveText('1/2');
  await quay.press('Space');
  await are(true, true, true, '');
  await all.click();
  await are(false, false, false, '');
  await all.click();
  await slipway.click();
  expect(await all.evaluate((el: HTMLInputElement) => [el.checked, el.indeterminate])).toEqual([true, true]);
  await expect(all).toHaveAccessibleDescription(/^1\/2 /);
  await expect(slipway).toHaveAccessibleName('Allow Slipway');
  await part(page, 'save').click();
  await expect.poll(() => posted).toMatchObject([{ vendors: { slipway: false }, decisions: [{ granted: false }, { purpose: 'marketing', granted: true }] }]);
  await expect.poll(() => sink.log).toEqual(['three.html']);
  expect(await state(page)).toMatchObject({ granted: ['marketing'], refused: ['analytical'] });
  // Shown again as it was chosen.
  await part(page, 'reopen').click();
  await expect(page.locator('askfirst-ui #count-marketing')).toHaveText('1/2');
  expect(await slipway.isChecked()).toBe(false);
  expectSilence(complaints);
});

test('a script decides about services by the second argument of save', async ({ page, site, sink }) => {
  const posted = await serveDist(site, CONFIG, films(sink.origin));
  await visit(page, site.origin);
  await page.evaluate(() => (window as any).askfirst.save({ analytical: true, marketing: false }, { quay: true, slipway: 'no' }));
  await expect.poll(() => sink.log).toEqual(['three.html']);
  await expect.poll(() => posted).toMatchObject([{ vendors: { quay: true }, event: { layer: 'page', method: 'api' } }]);
  expect(await page.evaluate(() => ['analytical', 'marketing', 'quay', 'slipway'].map((id) => (window as any).askfirst.has(id)))).toEqual([true, false, true, false]);
  const told = page.waitForEvent('console', (message) => message.text() == 'unknown_category :quai');
  await page.evaluate(() => {
    (window as any).askfirst.on('error', (detail: any) => console.log(detail.code, detail.category));
    (window as any).askfirst.save({}, { quai: true });
  });
  await told;
});
