import { createHash } from 'node:crypto';
import { expect, expectSilence, settled, test } from './support/test.ts';
import { page as html, serve, stored } from './support/gate.ts';

const gated = (src: string, more = '') => `<script type="text/plain" data-category="analytical" data-src="${src}" ${more}></script>`;
const inlineRun = (name: string, more = '') => `<script type="text/plain" data-category="analytical" ${more}>(window.ran ||= []).push('${name}');</script>`;
const ran = (page: any): Promise<string[]> => page.evaluate(() => (window as any).ran ?? []);
const engine = (page: any) => page.waitForFunction(() => (window as any).go);
const go = (page: any, open = ['analytical'], services: string[] = []) => page.evaluate(([a, b]: any) => (window as any).go(a, b), [open, services]);

test('nothing is requested before a choice, and each script exactly once after it, in document order (G1, G2)', async ({ page, site, sink, complaints }) => {
  const s = sink.origin;
  await serve(site, html(
    gated(`${s}/a.js?delay=2500`) + inlineRun('one') + gated(`${s}/b.js?delay=10`) + gated(`${s}/c.js?delay=200`),
    inlineRun('two') + `<script type="text/plain" data-category="analytical" src="${s}/d.js?delay=50"></script>` + gated(`${s}/e.js`)));
  await page.goto(site.origin);
  await engine(page);
  await settled(page, sink);
  expect(sink.log).toEqual([]);
  await go(page);
  // In parallel: all are asked for while the first has not answered.
  await expect.poll(() => sink.log.length).toBe(5);
  expect(await ran(page)).toEqual([]);
  await expect.poll(() => ran(page)).toHaveLength(7);
  expect(await ran(page)).toEqual(['a.js', 'one', 'b.js', 'c.js', 'two', 'd.js', 'e.js']);
  await go(page);
  await settled(page, sink);
  expect(sink.log.toSorted()).toEqual(['a.js', 'b.js', 'c.js', 'd.js', 'e.js']);
  expect(await ran(page)).toHaveLength(7);
  expectSilence(complaints);
});

test('every category and the service must be open; an empty or unknown one stays shut (G3)', async ({ page, site, sink }) => {
  const s = sink.origin;
  const tag = (name: string, attributes: string) => `<script type="text/plain" data-src="${s}/${name}.js" ${attributes}></script>`;
  await serve(site, html(
    tag('both', 'data-category="analytical, marketing"') + tag('space', 'data-category=" analytical  marketing "') +
    tag('half', 'data-category="analytical other"') + tag('empty', 'data-category=""') + tag('blank', 'data-category=" , "') +
    tag('service', 'data-category="analytical" data-service="plausible"') + tag('noservice', 'data-category="analytical" data-service="matomo"') +
    tag('nameless', 'data-category="analytical" data-service=""') + tag('negated', 'data-category="!marketing"')));
  await page.goto(site.origin);
  await engine(page);
  await go(page, ['analytical', 'marketing'], ['plausible']);
  await expect.poll(() => sink.log.length).toBe(3);
  await settled(page, sink);
  expect(sink.log.toSorted()).toEqual(['both.js', 'service.js', 'space.js']);
});

test('a dead host delays the rest by at most ten seconds (FIELD 22)', async ({ page, site, sink }) => {
  const s = sink.origin;
  await serve(site, html(gated(`${s}/dead.js?never`) + gated(`${s}/gone.js?never`) + inlineRun('after') + gated(`${s}/b.js`)));
  await page.goto(site.origin);
  await engine(page);
  await go(page);
  await page.waitForTimeout(8_000);
  expect(await ran(page)).toEqual([]);
  await expect.poll(() => ran(page), { timeout: 5_000 }).toEqual(['after', 'b.js']);
  expect(sink.log.toSorted()).toEqual(['b.js', 'dead.js', 'gone.js']);
});

test('a script that fails does not stop the next, and its own handlers are called once (FIELD 23)', async ({ page, site, sink }) => {
  const s = sink.origin;
  await serve(site, html(
    gated(`${s}/missing.js?status=404`, `onerror="(window.events ||= []).push('error')"`) +
    gated(`${s}/ok.js`, `id="ok" onload="(window.events ||= []).push('load')"`) +
    `<script>ok.addEventListener('load', () => events.push('listener'))</script>` + inlineRun('after')));
  await page.goto(site.origin);
  await engine(page);
  await go(page);
  await expect.poll(() => ran(page)).toEqual(['ok.js', 'after']);
  expect(await page.evaluate(() => (window as any).events)).toEqual(['error', 'load', 'listener']);
});

test('the element stays the same one with the same attributes (FIELD 21)', async ({ page, site, sink }) => {
  await serve(site, html(gated(`${sink.origin}/a.js`, 'id="a" defer crossorigin="anonymous" referrerpolicy="no-referrer" fetchpriority="low" data-x="1" class="k"')));
  await page.goto(site.origin);
  await engine(page);
  const before = await page.evaluate(() => {
    const el = document.getElementById('a')!;
    (window as any).kept = el;
    return Object.fromEntries([...el.attributes].map((a) => [a.name, a.value]));
  });
  await go(page);
  await expect.poll(() => ran(page)).toEqual(['a.js']);
  const after = await page.evaluate(() => Object.fromEntries([...document.getElementById('a')!.attributes].map((a) => [a.name, a.value])));
  const { type, ...rest } = before;
  expect(after).toEqual({ ...rest, src: before['data-src'] });
  expect(await page.evaluate(() => (window as any).kept === document.getElementById('a'))).toBe(true);
  expect(sink.log).toEqual(['a.js']);
});

test('a preload does not lead to a second request when integrity is checked', async ({ page, site, sink, complaints }) => {
  const s = sink.origin;
  const integrity = (name: string) => `sha384-${createHash('sha384').update(`(window.ran ||= []).push('${name}');`).digest('base64')}`;
  const checked = (name: string, more = '') => gated(`${s}/${name}`, `crossorigin integrity="${integrity(name)}" ${more}`);
  await serve(site, html(checked('a.js') + checked('b.js') + checked('m.js', 'data-type="module"')));
  await page.goto(site.origin);
  await engine(page);
  await go(page);
  await expect.poll(() => ran(page)).toEqual(['a.js', 'b.js', 'm.js']);
  expect(sink.log.toSorted()).toEqual(['a.js', 'b.js', 'm.js']);
  expectSilence(complaints);
});

test('a second copy of the tag releases nothing twice (FIELD 24)', async ({ page, site, sink, complaints }) => {
  await serve(site, html('<script src="/askfirst/askfirst.js" data-config="/askfirst.json"></script>' + gated(`${sink.origin}/a.js`)));
  await page.goto(site.origin);
  await engine(page);
  await go(page);
  await expect.poll(() => ran(page)).toEqual(['a.js']);
  await settled(page, sink);
  expect(await ran(page)).toEqual(['a.js']);
  expect(complaints).toEqual(['askfirst: loaded twice']);
});

test('async scripts run outside the order', async ({ page, site, sink }) => {
  const s = sink.origin;
  await serve(site, html(gated(`${s}/slow.js?delay=800`) + gated(`${s}/free.js`, 'async') + gated(`${s}/last.js`)));
  await page.goto(site.origin);
  await engine(page);
  await go(page);
  await expect.poll(() => ran(page)).toEqual(['free.js', 'slow.js', 'last.js']);
  expect(sink.log.toSorted()).toEqual(['free.js', 'last.js', 'slow.js']);
});

test('modules run, external and inline (FIELD 20)', async ({ page, site, sink, complaints }) => {
  const s = sink.origin;
  await serve(site, html(
    gated(`${s}/a.js?delay=300`) + gated(`${s}/m.js`, 'data-type="module"') + inlineRun('inline', 'data-type="module"') + gated(`${s}/n.js`, 'data-type="module" crossorigin')));
  await page.goto(site.origin);
  await engine(page);
  await go(page);
  await expect.poll(() => ran(page)).toHaveLength(4);
  expect((await ran(page)).filter((name) => name.endsWith('.js'))).toEqual(['a.js', 'm.js', 'n.js']);
  expect(await page.evaluate(() => document.querySelectorAll('script[type=module]').length)).toBe(3);
  expect(sink.log.toSorted()).toEqual(['a.js', 'm.js', 'n.js']);
  expectSilence(complaints);
});

test('frames, images, media and style sheets are filled', async ({ page, site, sink }) => {
  const s = sink.origin;
  const c = 'data-category="analytical"';
  await serve(site, html(`<link rel="stylesheet" ${c} data-href="${s}/link.css">`, `
    <iframe ${c} data-src="${s}/frame.html"></iframe>
    <img ${c} data-src="${s}/img.svg"><img ${c} data-srcset="${s}/set.svg 1x">
    <video ${c} data-poster="${s}/poster.svg"></video>
    <video preload="auto"><source ${c} data-src="${s}/video.mp4"></video>
    <picture><source ${c} data-srcset="${s}/picture.svg"><img alt=""></picture>
    <object ${c} data-data="${s}/object.html"></object><embed ${c} data-src="${s}/embed.html">`));
  await page.goto(site.origin);
  await engine(page);
  await settled(page, sink);
  expect(sink.log).toEqual([]);
  await go(page);
  await expect.poll(() => [...new Set(sink.log)].toSorted()).toEqual(
    ['embed.html', 'frame.html', 'img.svg', 'link.css', 'object.html', 'picture.svg', 'poster.svg', 'set.svg', 'video.mp4']);
  await settled(page, sink);
  expect(sink.log.filter((name) => name == 'frame.html')).toHaveLength(1);
});

for (const [name, insert] of Object.entries({
  createElement: `const el = document.createElement('script'); el.type = 'text/plain'; el.dataset.category = 'analytical'; el.dataset.src = src; el.onload = () => (window.loaded = 1); document.body.append(el);`,
  ordered: `const el = document.createElement('script'); el.async = false; el.type = 'text/plain'; el.dataset.category = 'analytical'; el.dataset.src = src; el.onload = () => (window.loaded = 1); document.body.append(el);`,
  innerHTML: `const el = document.createElement('div'); document.body.append(el); el.innerHTML = markup;`,
  insertAdjacentHTML: `document.body.insertAdjacentHTML('beforeend', markup);`,
  template: `document.body.append(document.querySelector('template').content.cloneNode(true));`,
  fragment: `document.body.append(document.createRange().createContextualFragment(markup));`,
})) {
  for (const when of ['before', 'after']) {
    test(`a tag inserted by ${name} ${when} the choice runs once`, async ({ page, site, sink, complaints }) => {
      await serve(site, html('', `<template>${gated(`${sink.origin}/late.js`, 'onload="window.loaded = 1"')}</template>`));
      await page.goto(site.origin);
      await engine(page);
      if (when == 'after') await go(page);
      const src = `${sink.origin}/late.js`;
      await page.evaluate(([src, insert]) => {
        const markup = `<script type="text/plain" data-category="analytical" data-src="${src}" onload="window.loaded = 1"></` + 'script>';
        new Function('src', 'markup', insert)(src, markup);
      }, [src, insert]);
      if (when == 'before') {
        await settled(page, sink);
        expect(sink.log).toEqual([]);
        await go(page);
      }
      await expect.poll(() => ran(page)).toEqual(['late.js']);
      await expect.poll(() => page.evaluate(() => (window as any).loaded)).toBe(1);
      await page.evaluate(() => document.body.prepend(document.querySelector('body script[data-category]')!));
      await settled(page, sink);
      expect(sink.log).toEqual(['late.js']);
      expectSilence(complaints);
    });
  }
}

for (const [name, policy] of Object.entries({
  'nonce and strict-dynamic': `script-src 'nonce-x' 'strict-dynamic'; object-src 'none'; base-uri 'none'`,
  'nonce alone': `script-src 'nonce-x' 'self' SINK`,
  'trusted types': `script-src 'nonce-x' 'strict-dynamic'; require-trusted-types-for 'script'; trusted-types askfirst`,
})) {
  test(`works under a strict policy without a violation: ${name} (T1, T2)`, async ({ page, site, sink, complaints }) => {
    const s = sink.origin;
    const nonced = html(gated(`${s}/a.js?delay=100`, 'nonce="x"') + inlineRun('inline', 'nonce="x"') +
      `<script type="text/plain" nonce="x" data-category="analytical" src="${s}/b.js"></script>` + gated(`${s}/m.js`, 'nonce="x" data-type="module"'), '', 'nonce="x"');
    await serve(site, nonced, { 'content-security-policy': policy.replace('SINK', s) });
    await page.goto(site.origin);
    await engine(page);
    await go(page);
    await expect.poll(() => ran(page)).toEqual(['a.js', 'inline', 'b.js', 'm.js']);
    expect(sink.log.toSorted()).toEqual(['a.js', 'b.js', 'm.js']);
    expectSilence(complaints);
  });
}

test('on a page with a nonce, gated markup that somebody has injected without it never runs (FIELD 29)', async ({ page, site, sink }) => {
  const s = sink.origin;
  await serve(site, html('', '<div id="box"></div>', 'nonce="x"'), { 'content-security-policy': "script-src 'nonce-x' 'strict-dynamic'" });
  await page.goto(site.origin);
  await engine(page);
  await page.evaluate((s) => {
    const gated = (file: string) => `<script type="text/plain" data-category="analytical" data-src="${s}/${file}"></scr` + 'ipt>';
    document.getElementById('box')!.innerHTML = gated('evil.js').replace('data-src', 'nonce="guessed" data-src') + gated('evil2.js');
    // The page's own script may do the same: it knows the nonce.
    const own = document.createElement('script');
    Object.assign(own, { type: 'text/plain', nonce: 'x' });
    Object.assign(own.dataset, { category: 'analytical', src: `${s}/own.js` });
    document.body.append(own);
  }, s);
  await go(page);
  await expect.poll(() => ran(page)).toEqual(['own.js']);
  await settled(page, sink);
  expect(sink.log).toEqual(['own.js']);
});

test('works under a plain host list without a violation (T1)', async ({ page, site, sink, complaints }) => {
  await serve(site, html(gated(`${sink.origin}/a.js`) + gated(`${sink.origin}/b.js`)), { 'content-security-policy': `script-src 'self' ${sink.origin}` });
  await page.goto(site.origin);
  await engine(page);
  await go(page);
  await expect.poll(() => ran(page)).toEqual(['a.js', 'b.js']);
  expectSilence(complaints);
});

test('on a returning visit the tags run before the engine loads, and a half-read script never runs', async ({ page, site, sink, complaints }) => {
  await serve(site, html(''));
  await page.goto(site.origin);
  await page.evaluate((value) => localStorage.setItem('askfirst', value), stored(['analytical']));
  const [start, end] = html(gated(`${sink.origin}/a.js?delay=100`), '<script type="text/plain" data-category="analytical">(window.ran ||= []).push("split"); SPLIT (window.ran ||= []).push("whole");</script>' + inlineRun('last')).split('SPLIT');
  site.answers.set('/', (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/html' }).write(start);
    setTimeout(() => response.end(end), 700);
  });
  site.answers.set('/askfirst/askfirst.mjs', (_request, response) => void setTimeout(() => response.writeHead(200, { 'content-type': 'text/javascript' }).end('export const start = () => { window.late = ran.length }'), 1500));
  await page.goto(site.origin, { waitUntil: 'commit' });
  await expect.poll(() => sink.log).toEqual(['a.js']);
  await page.waitForFunction(() => (window as any).late);
  expect(await ran(page)).toEqual(['a.js', 'split', 'whole', 'last']);
  expect(await page.evaluate(() => (window as any).late)).toBe(4);
  expect(sink.log).toEqual(['a.js']);
  expectSilence(complaints);
});

for (const path of ['/askfirst/askfirst.mjs', '/askfirst/askfirst.wasm', '/askfirst.json']) {
  test(`without ${path} everything stays shut and one line says so (G9)`, async ({ page, site, sink, complaints }) => {
    await serve(site, html(gated(`${sink.origin}/a.js`)));
    site.answers.delete(path);
    await page.goto(site.origin);
    await expect.poll(() => complaints.filter((line) => line.startsWith('askfirst:'))).toHaveLength(1);
    await settled(page, sink);
    expect(sink.log).toEqual([]);
    // The browser itself reports the missing file; nothing else may appear.
    expect(complaints.filter((line) => !/^Failed to load resource/.test(line))).toHaveLength(1);
    expect(await page.textContent('p')).toBe('end');
  });
}

test('a withdrawn gate releases no more, and what waits for its turn is not run', async ({ page, site, sink }) => {
  await serve(site, html(gated(`${sink.origin}/slow.js?delay=600`) + inlineRun('waiting')));
  await page.goto(site.origin);
  await engine(page);
  await go(page);
  await go(page, []);
  await page.evaluate(() => document.body.insertAdjacentHTML('beforeend', '<img data-category="analytical" data-src="/x">'));
  await expect.poll(() => ran(page), 'what was under way').toContain('slow.js');
  await settled(page, sink);
  expect(await ran(page)).not.toContain('waiting');
  expect(await page.evaluate(() => document.querySelector('img')!.hasAttribute('src'))).toBe(false);
});
