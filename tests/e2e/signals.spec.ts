import { expect, rest, test } from './support/test.ts';
import { page as html, serve } from './support/gate.ts';
import { part, started, test as product } from './support/visit.ts';
import { serveMini } from './support/mini.ts';

test('in a real browser a consent call reaches stubs, queues and nothing of the browser itself (FIELD 54, 59)', async ({ page, site }) => {
  await serve(site, html('<script>window.calls = []; window.clarity = (...args) => calls.push(args);</script>'));
  await page.goto(site.origin);
  await page.waitForFunction(() => (window as any).go);
  const before = page.url();
  const outcome = await page.evaluate(() => {
    const { signal, waiting } = window as any;
    for (const path of ['eval', 'Function', 'setTimeout', 'document.write', 'document.open', 'location.assign', 'location.replace', 'clarity.constructor', 'clarity.call', 'history.pushState', 'open', 'fetch', 'Function.prototype.call']) {
      signal([path, 'window.evil = 1; /evil', '', '/evil']);
    }
    signal(['clarity', 'consentv2', { analytics_Storage: 'denied' }]);
    signal(['uetq.push', 'consent', 'update', { ad_storage: 'denied' }]);
    signal(['ttq.revokeConsent']);
    const { calls, uetq, ttq, evil } = window as any;
    return { calls, uetq, ttq, evil, waiting };
  });
  await rest(page, 200);
  expect(outcome).toEqual({
    calls: [['consentv2', { analytics_Storage: 'denied' }]],
    uetq: ['consent', 'update', { ad_storage: 'denied' }],
    ttq: undefined, evil: undefined,
    waiting: [['ttq.revokeConsent']],
  });
  expect(page.url()).toBe(before);
  expect(await page.evaluate(() => (window as any).evil)).toBeUndefined();
});

for (const [name, brings] of Object.entries({
  'an inline tag': (call: string) => `<script type="text/plain" data-category="analytical" nonce="x">${call}</script>`,
  'a tag of a third party': (call: string, sink: string) => `<script type="text/plain" data-category="analytical" nonce="x" data-src="${sink}/late-gtag.js"></script>`,
})) {
  product(`a call whose function ${name} brings is made when it is there, once`, async ({ page, product }) => {
    const code = 'window.gtag = (...args) => (window.told ||= []).push(args.slice(0, 2).join(" "));';
    product.front.answers.set('/late-gtag.js', { type: 'text/javascript', body: code });
    await page.goto(serveMini(product.front, product.sink.url, { body: brings(code, product.front.origin) }));
    await started(page);
    await part(page, 'accept').click();
    await expect.poll(() => page.evaluate(() => (window as any).told)).toEqual(['consent update']);
    // On the next page the loader sends it before the tag is there; the engine makes up for it.
    await page.reload();
    await expect.poll(() => page.evaluate(() => (window as any).told)).toEqual(['consent update']);
  });
}
