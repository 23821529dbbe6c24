// askfirst-block.js (FIELD 18, 27): what page scripts send to listed hosts. The sink's log is the judge.
import { until } from './support/engines.ts';
import { test } from './support/firefox.ts';
import { expect, settled } from './support/test.ts';
import { stored } from './support/gate.ts';
import { servePage } from './support/optional.ts';
import type { Sink } from './support/site.ts';

const host = (origin: string) => new URL(origin).host;
const go = (page: any, open = ['marketing'], services = ['pixel']) => page.evaluate(([a, b]: any) => (window as any).go(a, b), [open, services]);
/** The same for the third party, and then for an address that is on no list: where that has been asked, the first would have been. */
const twice = (sink: Sink, code: string) => `<script>for (const S of ['${sink.origin}', '${sink.open}/canary']) { ${code} }</script>`;
/** As many requests to the open address as one way makes, and what certainly comes later. */
const shown = async (way: string, page: Parameters<typeof settled>[0], sink: Sink) => {
  await until(`${way}, to an address that is on no list,`, () => sink.canaries.some((name) => name != 'canary'));
  await settled(page, sink);
};
const engine = (page: any) => page.waitForFunction(() => (window as any).go);
const ran = (page: any): Promise<string[]> => page.evaluate(() => (window as any).ran ?? []);
const list = (sink: { origin: string }) => `data-block="${host(sink.origin)}=marketing:pixel"`;

/** Each way a page script makes an element that loads something; `S` is the third party. */
const ELEMENTS: Record<string, string> = {
  'a script by createElement': `const s = document.createElement('script'); s.async = true; s.src = S + '/a.js'; document.head.appendChild(s);`,
  'a script whose type is set after its address': `const s = document.createElement('script'); s.src = S + '/a.js'; s.type = 'text/javascript'; document.head.append(s);`,
  'a script before another, as vendors paste it': `(function (d, t) { const j = d.createElement(t), f = d.getElementsByTagName(t)[0]; j.async = 1; j.src = S + '/a.js'; f.parentNode.insertBefore(j, f); })(document, 'script');`,
  'a script whose address comes after insertion': `const s = document.createElement('script'); document.body.append(s); s.src = S + '/a.js';`,
  'a module script': `const s = document.createElement('script'); s.type = 'module'; s.src = S + '/a.js'; document.body.append(s);`,
  'a script with setAttribute': `const s = document.createElement('script'); s.setAttribute('SRC', S + '/a.js'); s.setAttribute('type', 'text/javascript'); document.body.append(s);`,
  'a script with an attribute node': `const s = document.createElement('script'), a = document.createAttribute('src'); a.value = S + '/a.js'; s.setAttributeNode(a); document.body.append(s);`,
  'a script in order (async = false)': `const s = document.createElement('script'); s.async = false; s.src = S + '/a.js'; document.body.append(s);`,
  'a script by createContextualFragment': `document.body.append(document.createRange().createContextualFragment('<i><script src="' + S + '/a.js"></' + 'script></i>'));`,
  'a script by document.write': `document.write('<scr' + 'ipt type="text/javascript" src="' + S + '/a.js"></scr' + 'ipt>');`,
  'an image by document.write': `document.write('<p><img alt="a > b" src=' + S + '/a.gif>');`,
  'an image by new Image, outside the page': `const i = new Image(1, 1); (window.kept ||= []).push(i); i.src = S + '/a.gif';`,
  'an image by createElement': `const i = document.createElement('img'); document.body.append(i); i.src = S + '/a.gif';`,
  'an image by srcset': `const i = document.createElement('img'); i.srcset = '/own.gif 1x, ' + S + '/a.gif 1x'; i.srcset = S + '/a.gif 1x'; document.body.append(i);`,
  'an image by innerHTML': `const d = document.createElement('div'); d.innerHTML = '<p><img src="' + S + '/a.gif"></p>'; document.body.append(d);`,
  'an image by innerHTML in the page': `document.body.insertAdjacentHTML('beforeend', '<div></div>'); document.body.lastElementChild.innerHTML = '<img src="' + S + '/a.gif">';`,
  'an image by outerHTML': `document.body.append(document.createElement('u')); document.body.lastElementChild.outerHTML = '<img src="' + S + '/a.gif">';`,
  'an image by insertAdjacentHTML': `document.body.insertAdjacentHTML('afterbegin', '<img src="' + S + '/a.gif">');`,
  'an image by setHTMLUnsafe': `document.body.append(document.createElement('u')); document.body.lastElementChild.setHTMLUnsafe('<img src="' + S + '/a.gif">');`,
  'an image from a template': `const t = document.createElement('template'); t.innerHTML = '<b><img src="' + S + '/a.gif"></b>'; document.body.append(t.content.cloneNode(true));`,
  'an image from DOMParser': `const p = new DOMParser().parseFromString('<img src="' + S + '/a.gif">', 'text/html'); document.body.append(document.importNode(p.body.firstChild, true));`,
  'an image in a shadow tree': `const e = document.createElement('div'); document.body.append(e); e.attachShadow({ mode: 'closed' }).innerHTML = '<img src="' + S + '/a.gif">';`,
  'an image in a shadow tree that setHTMLUnsafe declares': `document.body.append(document.createElement('u')); document.body.lastElementChild.setHTMLUnsafe('<p><span><template shadowrootmode="open"><div><template shadowrootmode="open"><img src="' + S + '/a.gif"></template></div></template></span></p>');`,
  'an image in SVG': `const n = 'http://www.w3.org/2000/svg', v = document.createElementNS(n, 'svg'), i = document.createElementNS(n, 'image'); i.setAttribute('href', S + '/a.gif'); v.append(i); document.body.append(v);`,
  'a frame by createElement': `const f = document.createElement('iframe'); f.src = S + '/a.html'; document.body.appendChild(f);`,
  'a frame by insertAdjacentHTML': `document.body.insertAdjacentHTML('beforeend', '<iframe src="' + S + '/a.html"></iframe>');`,
  'a style sheet': `const l = document.createElement('link'); l.rel = 'stylesheet'; l.href = S + '/a.css'; document.head.append(l);`,
  'an address without a scheme': `const i = document.createElement('img'); i.src = S.replace('http:', ''); i.src = S.replace('http:', '') + '/a.gif'; document.body.append(i);`,
  'sound by new Audio': `const a = new Audio(S + '/a.wav'); a.preload = 'auto'; document.body.append(a);`,
};

for (const [way, code] of Object.entries(ELEMENTS)) {
  test(`${way}: nothing before consent, exactly once after (FIELD 18)`, async ({ page, site, sink, complaints }) => {
    await servePage(site, { name: 'block', attributes: list(sink), body: twice(sink, code) });
    await page.goto(site.origin);
    await engine(page);
    await shown(way, page, sink);
    expect(sink.log).toEqual([]);
    await go(page, ['marketing'], []);
    await settled(page, sink);
    expect(sink.log, 'the service is not open').toEqual([]);
    await go(page);
    await expect.poll(() => sink.log.length).toBeGreaterThan(0);
    await settled(page, sink);
    const names = [...new Set(sink.log)];
    expect(names).toHaveLength(1);
    // A media element asks for parts.
    if (!names[0]!.endsWith('.wav')) expect(sink.log).toHaveLength(1);
    const scripts = names[0]!.endsWith('.js') ? ['a.js', 'canary/a.js'] : [];
    await expect.poll(async () => (await ran(page)).toSorted()).toEqual(scripts);
    // Chromium warns of what is written to another site, be it held or not.
    const said = complaints.filter((line) => !line.startsWith('A parser-blocking, cross site'));
    expect(said).toEqual([expect.stringMatching(/^askfirst: .* to 127\.0\.0\.1:\d+ held: no consent for pixel \(marketing\)$/)]);
  });
}

/** Each way a page script asks without an element; gives what its caller sees. */
const REQUESTS: Record<string, [code: string, refused: unknown]> = {
  fetch: [`fetch(S + '/a').then((r) => r.status, (e) => e.constructor == TypeError && /no consent for pixel/.test(e.message))`, true],
  'fetch of a Request': [`fetch(new Request(S + '/a', { method: 'POST', body: 'x' })).then((r) => r.status, (e) => e.constructor == TypeError)`, true],
  XMLHttpRequest: [`new Promise((done) => { const x = new XMLHttpRequest(), seen = []; x.open('GET', S + '/a');
    x.onreadystatechange = () => seen.push(x.readyState); x.onload = () => done(x.status); x.onerror = () => seen.push('error'); x.onloadend = () => done(seen.concat(x.status)); x.send(); })`, [4, 'error', 0]],
  'a synchronous XMLHttpRequest': [`new Promise((done) => { const x = new XMLHttpRequest(); x.open('GET', S + '/a', false); try { x.send(); done(x.status); } catch (e) { done(e.name); } })`, 'NetworkError'],
  sendBeacon: [`Promise.resolve(navigator.sendBeacon(S + '/a', 'x'))`, false],
  WebSocket: [`new Promise((done) => { const seen = [], w = new WebSocket(S.replace('http', 'ws') + '/a'); seen.push(w.readyState, w instanceof WebSocket);
    w.onerror = () => seen.push('error'); w.addEventListener('close', (e) => done(seen.concat(e.code, e.wasClean, w.readyState))); })`, [0, true, 'error', 1006, false, 3]],
  EventSource: [`new Promise((done) => { const e = new EventSource(S + '/a'); e.onerror = () => { done([e instanceof EventSource, e.readyState]); e.close(); }; })`, [true, 2]],
};

for (const [way, [code, refused]] of Object.entries(REQUESTS)) {
  test(`${way}: refused before consent, as usual after (FIELD 27)`, async ({ page, site, sink, complaints }) => {
    await servePage(site, { name: 'block', attributes: list(sink) });
    await page.goto(site.origin);
    await engine(page);
    const ask = () => page.evaluate(`{ const S = '${sink.origin}'; ${code} }`);
    expect(await ask()).toEqual(refused);
    expect(await ask()).toEqual(refused);
    await settled(page, sink);
    expect(sink.log).toEqual([]);
    expect(complaints).toEqual([expect.stringMatching(/^askfirst: \w+ to 127\.0\.0\.1:\d+ refused: no consent for pixel \(marketing\)$/)]);
    await go(page);
    await ask();
    await expect.poll(() => sink.log).toEqual(['a']);
  });
}

test('Firefox: by each of these ways nothing before consent, exactly once after (FIELD 18)', async ({ firefox, site, sink }) => {
  test.setTimeout(120_000);
  const failures: string[] = [];
  for (const [way, code] of Object.entries(ELEMENTS)) {
    sink.log.length = sink.canaries.length = 0;
    await servePage(site, { name: 'block', attributes: list(sink), body: twice(sink, code) });
    await firefox.goto(site.origin);
    await until(`${way}: the loader's engine`, () => firefox.evaluate(() => !!(window as any).go));
    await shown(way, firefox, sink);
    const before = [...sink.log];
    await firefox.evaluate(() => (window as any).go(['marketing'], ['pixel']));
    await until(way, () => sink.log.length > 0).catch(() => {});
    await settled(firefox, sink);
    const after = [...new Set(sink.log)];
    if (before.length || after.length != 1 || (sink.log.length != 1 && !after[0]!.endsWith('.wav'))) failures.push(`${way}: ${before.join()} then ${sink.log.join()}`);
  }
  expect(failures).toEqual([]);
});

test('Firefox: each of these requests is refused before consent, as usual after (FIELD 27)', async ({ firefox, site, sink }) => {
  test.setTimeout(60_000);
  for (const [way, [code, refused]] of Object.entries(REQUESTS)) {
    sink.log.length = 0;
    await servePage(site, { name: 'block', attributes: list(sink) });
    await firefox.goto(site.origin);
    await until(`${way}: the loader's engine`, () => firefox.evaluate(() => !!(window as any).go));
    const ask = () => firefox.evaluate((code: string, S: string) => new Function('S', `return ${code}`)(S), code, sink.origin);
    expect(await ask(), way).toEqual(refused);
    await settled(firefox, sink);
    expect(sink.log, way).toEqual([]);
    await firefox.evaluate(() => (window as any).go(['marketing'], ['pixel']));
    await ask();
    await until(way, () => sink.log.length > 0);
    expect(sink.log, way).toEqual(['a']);
  }
});

test('other hosts, and the site itself, are left alone', async ({ page, site, sink, complaints }) => {
  site.answers.set('/own.js', { type: 'text/javascript', body: `(window.ran ||= []).push('own.js');` });
  await servePage(site, {
    name: 'block', attributes: 'data-block="*.example.com=marketing example.org=marketing"',
    body: `<script>const s = document.createElement('script'); s.src = '${sink.origin}/a.js?example.org'; document.body.append(s);
      document.body.insertAdjacentHTML('beforeend', '<img src="${sink.origin}/a.gif?example.com">'); document.write('<script src="/own.js"><' + '/script>');
      fetch('${sink.origin}/b');</script>`,
  });
  await page.goto(site.origin);
  await expect.poll(() => ran(page)).toHaveLength(2);
  await expect.poll(() => sink.log.toSorted()).toEqual(['a.gif', 'a.js', 'b']);
  expect(complaints).toEqual([]);
});

test('a pattern means subdomains, and `*` every other site', async ({ page, site }) => {
  await servePage(site, { name: 'block', attributes: 'data-block="*.example.com=marketing www.example.net=analytical"' });
  await page.goto(site.origin);
  const shut = (url: string) => page.evaluate((to) => fetch(to, { method: 'HEAD' }).then(() => '', (e) => /no consent for \w+/.exec(e.message)?.[0] ?? ''), url);
  expect(await shut('https://a.b.example.com/')).toBe('no consent for marketing');
  expect(await shut('https://WWW.example.NET/')).toBe('no consent for analytical');
  await servePage(site, { name: 'block', attributes: 'data-block="*=marketing"' });
  await page.goto(site.origin);
  expect(await shut('https://anything.test/')).toBe('no consent for marketing');
  expect(await shut('/askfirst.json')).toBe('');
});

test('of several entries the most exact counts; where services share a host, one of them opens it', async ({ page, site, sink }) => {
  const at = host(sink.origin);
  await servePage(site, {
    name: 'block', attributes: `data-block="*=functional ${at}=analytical:counter ${at}=marketing:pixel"`,
    body: `<script>{ const i = new Image(); i.src = '${sink.origin}/i.gif'; document.body.append(i); }</script>`,
  });
  await page.goto(site.origin);
  await engine(page);
  const beacon = () => page.evaluate((S) => navigator.sendBeacon(S + '/b'), sink.origin);
  await go(page, ['functional', 'analytical'], []);
  expect(await beacon()).toBe(false);
  await go(page);
  expect(await beacon()).toBe(true);
  await expect.poll(() => sink.log.toSorted()).toEqual(['b', 'i.gif']);
});

test('an entry that can not be read is named', async ({ page, site, complaints }) => {
  await servePage(site, { name: 'block', attributes: 'data-block="example.com"' });
  await page.goto(site.origin);
  expect(complaints).toEqual([expect.stringContaining('data-block: "example.com" is not host=category')]);
});

test('for who has agreed before, listed hosts are open from the first line of the page on', async ({ page, site, sink, complaints }) => {
  await page.addInitScript((value) => localStorage.setItem('askfirst', value), stored(['marketing'], ['pixel']));
  await servePage(site, {
    name: 'block', attributes: list(sink),
    head: `<script>const s = document.createElement('script'); s.src = '${sink.origin}/a.js'; document.head.append(s); window.sent = navigator.sendBeacon('${sink.origin}/b'); fetch('${sink.origin}/c');</script>`,
  });
  await page.goto(site.origin);
  await expect.poll(() => sink.log.toSorted()).toEqual(['a.js', 'b', 'c']);
  expect(await page.evaluate(() => (window as any).sent)).toBe(true);
  expect(complaints).toEqual([]);
});

test('who hears of the grant can act on it at once; after a withdrawal it is shut again', async ({ page, site, sink }) => {
  await servePage(site, { name: 'block', attributes: list(sink) });
  await page.goto(site.origin);
  await engine(page);
  const answers = await page.evaluate(async (S) => {
    const win = window as any;
    const tell = (name: string) => dispatchEvent(new CustomEvent('askfirst:' + name));
    const seen: boolean[] = [];
    addEventListener('askfirst:change', () => seen.push(navigator.sendBeacon(S + '/b')));
    win.askfirst.has = () => true;
    win.go(['marketing'], ['pixel']);
    tell('change');
    await new Promise((done) => setTimeout(done, 50));
    seen.push(navigator.sendBeacon(S + '/b'));
    win.askfirst.has = () => false;
    win.go([], []);
    tell('change');
    seen.push(navigator.sendBeacon(S + '/b'));
    await new Promise((done) => setTimeout(done, 50));
    seen.push(navigator.sendBeacon(S + '/b'));
    // The service alone is withdrawn.
    win.askfirst.has = () => true;
    win.go(['marketing'], ['pixel']);
    tell('change');
    win.go(['marketing'], []);
    tell('change');
    await new Promise((done) => setTimeout(done, 50));
    seen.push(navigator.sendBeacon(S + '/b'));
    return seen;
  }, sink.origin);
  expect(answers.slice(0, 5)).toEqual([true, true, false, false, false]);
  expect(answers.at(-1)).toBe(false);
});

test('scripts are released in the order in which they came', async ({ page, site, sink }) => {
  await servePage(site, {
    name: 'block', attributes: list(sink),
    body: `<script>for (const name of ['a.js?delay=400', 'b.js?delay=10', 'c.js?delay=100']) { const s = document.createElement('script'); s.src = '${sink.origin}/' + name; document.body.append(s); }</script>`,
  });
  await page.goto(site.origin);
  await engine(page);
  await go(page);
  await expect.poll(() => ran(page)).toEqual(['a.js', 'b.js', 'c.js']);
  expect(sink.log.toSorted()).toEqual(['a.js', 'b.js', 'c.js']);
});

test('the page sees natives, and what it has set', async ({ page, site, sink }) => {
  await servePage(site, { name: 'block', attributes: list(sink) });
  await page.goto(site.origin);
  await engine(page);
  expect(await page.evaluate((S) => {
    const all = [fetch, WebSocket, EventSource, Audio, XMLHttpRequest.prototype.open, navigator.sendBeacon, Node.prototype.appendChild, Element.prototype.setAttribute,
      Document.prototype.write, Object.getOwnPropertyDescriptor(HTMLScriptElement.prototype, 'src')!.set!];
    const script = document.createElement('script');
    let loads = 0;
    script.onload = () => (loads += 1);
    script.src = S + '/x.js';
    const before = script.src;
    script.src = '/own.js';
    class Mine extends WebSocket {}
    const foreign = (() => { try { Reflect.apply(Element.prototype.setAttribute, {}, ['src', S]); } catch (error) { return (error as Error).constructor.name; } })();
    return {
      native: all.every((fn) => /\[native code\]/.test(Function.prototype.toString.call(fn)) && /\[native code\]/.test(String(fn))),
      names: [fetch.name, fetch.length, WebSocket.name, WebSocket.OPEN, Document.prototype.write.name],
      same: [WebSocket.prototype.constructor == WebSocket, new Image() instanceof HTMLImageElement, new Audio() instanceof HTMLAudioElement, new Mine(S.replace('http', 'ws')) instanceof Mine],
      enumerable: Object.getOwnPropertyDescriptor(HTMLScriptElement.prototype, 'src')!.enumerable,
      src: [before, script.src, script.outerHTML], foreign,
    };
  }, sink.origin)).toEqual({
    native: true, names: ['fetch', 1, 'WebSocket', 1, 'write'], same: [true, true, true, true], enumerable: true,
    src: [`${sink.origin}/x.js`, `${site.origin}/own.js`, '<script src="/own.js"></script>'], foreign: 'TypeError',
  });
});

test('what the browser never runs is not made to run', async ({ page, site, sink }) => {
  await servePage(site, {
    name: 'block', attributes: list(sink),
    body: `<div id="d"></div><script>d.innerHTML = '<script src="${sink.origin}/a.js"><' + '/script><noscript><img src="${sink.origin}/n.gif"></noscript>'; document.body.append(d.firstChild);</script>`,
  });
  await page.goto(site.origin);
  await engine(page);
  await go(page);
  await settled(page, sink);
  expect(sink.log).toEqual([]);
  expect(await page.evaluate(() => document.querySelector('noscript')!.children.length)).toBe(0);
});

test('a script in the HTML itself is kept from running, though it may have been requested', async ({ page, site, sink, complaints }) => {
  await servePage(site, { name: 'block', attributes: list(sink), body: `<script src="${sink.origin}/a.js"></script><script>(window.ran ||= []).push('own')</script>` });
  await page.goto(site.origin);
  await engine(page);
  await settled(page, sink);
  expect(await ran(page)).toEqual(['own']);
  expect(complaints).toEqual([expect.stringContaining('it stands in the HTML, so it may have been requested')]);
  await go(page);
  await expect.poll(() => ran(page)).toEqual(['own', 'a.js']);
});

for (const [policy, types] of [['allows askfirst-block', 'trusted-types page askfirst askfirst-block'], ['does not', 'trusted-types page askfirst']]) {
  test(`Trusted Types with nonces, where the policy ${policy}`, async ({ page, site, sink, complaints }) => {
    const S = sink.origin;
    await servePage(site, {
      name: 'block', attributes: list(sink), nonce: 'n',
      headers: { 'content-security-policy': `script-src 'nonce-n' 'strict-dynamic' 'wasm-unsafe-eval'; require-trusted-types-for 'script'; ${types}` },
      body: `<div id="d"></div><script nonce="n">
        const p = trustedTypes.createPolicy('page', { createHTML: (x) => x, createScriptURL: (x) => x });
        const add = (src, async) => { const s = document.createElement('script'); s.async = async; s.src = p.createScriptURL(src); document.head.append(s); };
        add('${S}/a.js', true); add('${S}/b.js', false);
        d.innerHTML = p.createHTML('<img src="${S}/i.gif">');
        d.insertAdjacentHTML('beforeend', p.createHTML('<img src="${S}/j.gif">'));
        document.write(p.createHTML('<img src="${S}/w.gif">'));
      </script>`,
    });
    await page.goto(site.origin);
    await engine(page);
    await settled(page, sink);
    expect(sink.log).toEqual([]);
    await go(page);
    const written = types!.includes('-block') ? ['w.gif'] : [];
    await expect.poll(() => sink.log.toSorted()).toEqual(['a.js', 'b.js', 'i.gif', 'j.gif', ...written]);
    await expect.poll(async () => (await ran(page)).toSorted()).toEqual(['a.js', 'b.js']);
    const ours = complaints.filter((line) => !line.startsWith('askfirst:'));
    // The browser reports the policy that could not be made.
    if (written.length) expect(ours).toEqual([]);
    else expect(complaints).toContainEqual(expect.stringContaining('document.write refused'));
  });
}
