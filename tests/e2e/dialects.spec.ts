// askfirst-dialects.js: pages marked up for another consent manager. The sink's log is the judge.
import { expect, settled, test } from './support/test.ts';
import { servePage } from './support/optional.ts';

const go = (page: any, open: string[], services: string[] = []) => page.evaluate(([a, b]: any) => (window as any).go(a, b), [open, services]);
const engine = (page: any) => page.waitForFunction(() => (window as any).go);

/** What each product's own documentation asks its users to write: two tags for statistics, one for marketing. */
const PAGES: Record<string, { html: string; map?: string; services?: string[] }> = {
  orestbida: {
    html: `<script type="text/plain" data-cookiecategory="analytics" src="S/a.js" defer></script>
      <script type="text/plain" data-category="analytical" data-src="S/b.js"></script>
      <script type="text/plain" data-cookiecategory="ads" data-src="S/m.js"></script>`,
  },
  cookiebot: {
    html: `<script type="text/plain" data-cookieconsent="statistics" src="S/a.js"></script>
      <iframe data-cookieconsent="statistics" data-cookieblock-src="S/b.html"></iframe>
      <script type="text/plain" data-cookieconsent="statistics, marketing" src="S/m.js"></script>`,
  },
  klaro: {
    map: 'matomo=analytical; youtube=marketing:youtube', services: ['youtube'],
    html: `<script type="text/plain" data-type="application/javascript" data-name="matomo" data-src="S/a.js"></script>
      <img data-name="matomo" data-src="S/b.gif"><p data-name="matomo">no tag</p>
      <iframe data-name="youtube" data-src="S/m.html"></iframe>`,
  },
  onetrust: {
    html: `<script type="text/plain" class="optanon-category-C0002" src="S/a.js"></script>
      <img class="wide optanon-category-C0002" data-src="S/b.gif">
      <script type="text/plain" class="optanon-category-C0002-C0004" src="S/m.js"></script>`,
  },
  usercentrics: {
    map: 'Google Analytics=analytical:google-analytics; Meta=marketing', services: ['google-analytics'],
    html: `<script type="text/plain" data-usercentrics="Google Analytics" src="S/a.js"></script>
      <img data-usercentrics="Google Analytics" data-src="S/b.gif">
      <script type="text/plain" data-usercentrics="Meta" src="S/m.js"></script>`,
  },
  cookieyes: {
    html: `<script type="text/plain" data-cookieyes="cookieyes-analytics" src="S/a.js"></script>
      <script type="text/plain" data-cookieyes="cookieyes-performance" data-src="S/b.js"></script>
      <script type="text/plain" data-cookieyes="cookieyes-advertisement" src="S/m.js"></script>`,
  },
  iubenda: {
    html: `<script type="text/plain" class="_iub_cs_activate" data-iub-purposes="4" data-suppressedsrc="S/a.js"></script>
      <iframe class="_iub_cs_activate" data-iub-purposes="4" src="about:blank" suppressedsrc="S/b.html"></iframe>
      <script type="text/plain" class="_iub_cs_activate" suppressedsrc="S/m.js"></script>`,
  },
  c15t: {
    services: ['counter'],
    html: `<script type="text/plain" data-c15t-category="measurement" data-c15t-vendor="counter" src="S/a.js"></script>
      <script type="text/plain" data-c15t-category="measurement" src="S/b.js"></script>
      <script type="text/plain" data-c15t-category="marketing" src="S/m.js"></script>`,
  },
  probo: {
    html: `<script type="text/plain" data-cookie-consent="analytics" data-src="S/a.js"></script>
      <iframe data-cookie-consent="analytics" data-src="S/b.html"></iframe>
      <link rel="stylesheet" data-cookie-consent="marketing" data-href="S/m.css">`,
  },
};

for (const [name, { html, map = '', services = [] }] of Object.entries(PAGES)) {
  test(`a page written for ${name}: shut before consent, each category opens its own, once`, async ({ page, site, sink, complaints }) => {
    await servePage(site, { name: 'dialects', attributes: `data-dialects="${name}" data-map="${map}"`, body: html.replaceAll('S/', sink.origin + '/') });
    await page.goto(site.origin);
    await engine(page);
    await settled(page, sink);
    expect(sink.log).toEqual([]);
    const names = () => sink.log.map((file) => file.split('.')[0]).toSorted();
    await go(page, ['analytical'], services);
    await expect.poll(names).toEqual(['a', 'b']);
    await settled(page, sink);
    expect(names()).toEqual(['a', 'b']);
    await go(page, ['analytical', 'marketing'], services);
    await expect.poll(names).toEqual(['a', 'b', 'm']);
    await settled(page, sink);
    expect(names()).toEqual(['a', 'b', 'm']);
    expect(complaints).toEqual([]);
  });
}

test('a dialect that is not named is not read', async ({ page, site, sink }) => {
  await servePage(site, { name: 'dialects', attributes: 'data-dialects="klaro"', body: `<script type="text/plain" data-cookieconsent="statistics" src="${sink.origin}/a.js"></script>` });
  await page.goto(site.origin);
  await engine(page);
  await go(page, ['analytical']);
  await settled(page, sink);
  expect(sink.log).toEqual([]);
});

test('tags that come later are read too', async ({ page, site, sink }) => {
  await servePage(site, { name: 'dialects', attributes: 'data-dialects="cookiebot"' });
  await page.goto(site.origin);
  await engine(page);
  await go(page, ['analytical']);
  await page.evaluate((S) => document.body.insertAdjacentHTML('beforeend', `<p><img data-cookieconsent="statistics" data-src="${S}/a.gif"></p>`), sink.origin);
  await expect.poll(() => sink.log).toEqual(['a.gif']);
});

test('a name that nobody explains stays shut, and is named', async ({ page, site, sink, complaints }) => {
  await servePage(site, {
    name: 'dialects', attributes: 'data-dialects="usercentrics cookie-wizard"',
    body: `<script type="text/plain" data-usercentrics="Some Tracker" src="${sink.origin}/a.js"></script>`,
  });
  await page.goto(site.origin);
  await engine(page);
  await go(page, ['functional', 'analytical', 'marketing', 'preferences', '!marketing']);
  await settled(page, sink);
  expect(sink.log).toEqual([]);
  expect(complaints).toEqual([
    expect.stringContaining('there is no "cookie-wizard"; there are orestbida, cookiebot'),
    expect.stringContaining('nothing says what "Some Tracker" of usercentrics means; its tags stay shut'),
  ]);
});

test('what another product calls functional is not exempt here (G4)', async ({ page, site, sink }) => {
  await servePage(site, {
    name: 'dialects', attributes: 'data-dialects="onetrust cookieyes"',
    body: `<script type="text/plain" class="optanon-category-C0003" src="${sink.origin}/a.js"></script><script type="text/plain" data-cookieyes="cookieyes-functional" src="${sink.origin}/b.js"></script>`,
  });
  await page.goto(site.origin);
  await engine(page);
  await go(page, ['functional', 'necessary', 'essential', 'analytical', 'marketing']);
  await settled(page, sink);
  expect(sink.log).toEqual([]);
  await go(page, ['functional', 'preferences']);
  await expect.poll(() => sink.log.toSorted()).toEqual(['a.js', 'b.js']);
});

test('a CookieYes script without text/plain does not run before consent', async ({ page, site, sink, complaints }) => {
  await servePage(site, { name: 'dialects', attributes: 'data-dialects="cookieyes"', body: `<script data-cookieyes="cookieyes-analytics" src="${sink.origin}/a.js"></script><script data-cookieyes="cookieyes-analytics">(window.ran ||= []).push('inline')</script>` });
  await page.goto(site.origin);
  await engine(page);
  await settled(page, sink);
  expect(await page.evaluate(() => (window as any).ran)).toBeUndefined();
  expect(complaints).toEqual([expect.stringContaining('may have been requested')]);
  await go(page, ['analytical']);
  await expect.poll(() => page.evaluate(() => (window as any).ran)).toEqual(['a.js', 'inline']);
});

test('their buttons do what ours do', async ({ page, site }) => {
  await servePage(site, {
    name: 'dialects', attributes: 'data-dialects="orestbida c15t"',
    body: `<button data-cc="show-preferencesModal">1</button><button data-cc="accept-necessary">2</button><button data-c15t-action="accept">3</button><button data-cc="unknown">4</button>`,
  });
  await page.goto(site.origin);
  expect(await page.locator('button').evaluateAll((all) => all.map((el) => el.getAttribute('data-askfirst')))).toEqual(['preferences', 'reject', 'accept', null]);
});
