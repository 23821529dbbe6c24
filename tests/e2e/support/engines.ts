import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, expect } from '@playwright/test';
import WebSocket from 'ws';
import { CHROMIUM } from './chromium.ts';

/**
 * The little of a browser that a smoke test needs. Playwright drives neither Debian's Firefox nor WebKitGTK: the one
 * speaks WebDriver BiDi, the other WebDriver. Chromium is driven by it, behind the same few words.
 */
export interface Engine {
  goto(url: string): Promise<void>;
  /** Runs a function in the page; what goes in and out is JSON. */
  evaluate<T>(fn: (...args: any[]) => T, ...args: unknown[]): Promise<Awaited<T>>;
  /** A real click of the mouse on a part of the interface. */
  press(part: string): Promise<void>;
  /** A real key. */
  key(name: keyof typeof KEYS): Promise<void>;
  screenshot(): Promise<Buffer>;
  close(): Promise<void>;
}

export const ENGINES = { chromium: startChromium, firefox: startFirefox, webkit: startWebKit } as const;

/** Keys as WebDriver writes them (https://www.w3.org/TR/webdriver2/#keyboard-actions). */
const KEYS = { Tab: '\uE004', Escape: '\uE00C', Enter: '\uE007', Space: ' ' } as const;
const typed = (name: keyof typeof KEYS) => [{ type: 'keyDown', value: KEYS[name] }, { type: 'keyUp', value: KEYS[name] }];

/** Where the middle of a part is, in CSS pixels of the window. */
const middle = (name: string) => {
  const box = document.querySelector('askfirst-ui')!.shadowRoot!.querySelector(`[part~="${name}"]`)!.getBoundingClientRect();
  return [Math.round(box.x + box.width / 2), Math.round(box.y + box.height / 2)] as const;
};

/** Waits until `look` gives something. */
export async function until<T>(what: string, look: () => Promise<T | undefined | false> | T | undefined | false, ms = 15_000): Promise<T> {
  for (const end = Date.now() + ms; Date.now() < end;) {
    const found = await look();
    if (found) return found;
    await new Promise((go) => setTimeout(go, 10));
  }
  throw new Error(`${what} did not come`);
}

const gone = (child: ChildProcess) => new Promise<void>((resolve) => {
  if (child.exitCode != null) return resolve();
  child.once('exit', () => resolve());
  child.kill('SIGTERM');
  setTimeout(() => child.kill('SIGKILL'), 3000).unref();
});

const freePort = () => new Promise<number>((resolve) => {
  const server = createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address() as { port: number };
    server.close(() => resolve(port));
  });
});

async function startChromium(): Promise<Engine> {
  const browser = await chromium.launch(CHROMIUM);
  const page = await browser.newPage({ viewport: { width: 1100, height: 800 } });
  return {
    // A page that loads itself anew just then, after a withdrawal, would abort it.
    goto: (url) => expect(async () => void await page.goto(url)).toPass({ timeout: 10_000 }),
    evaluate: async (fn, ...args) => JSON.parse(await page.evaluate(`(async () => JSON.stringify(await (${fn})(...${JSON.stringify(args)})) ?? 'null')()`)),
    press: async (part) => page.mouse.click(...await page.evaluate(middle, part)),
    key: (name) => page.keyboard.press(name),
    screenshot: () => page.screenshot(),
    close: () => browser.close(),
  };
}

/** Firefox ESR over WebDriver BiDi (https://w3c.github.io/webdriver-bidi/). */
async function startFirefox(): Promise<Engine> {
  const profile = await mkdtemp(join(tmpdir(), 'askfirst-firefox-'));
  // Nothing of its own over the network, and no first-run pages.
  const prefs = {
    'app.normandy.enabled': false, 'app.update.disabledForTesting': true, 'browser.aboutwelcome.enabled': false, 'browser.shell.checkDefaultBrowser': false,
    'browser.safebrowsing.downloads.remote.enabled': false, 'browser.safebrowsing.malware.enabled': false, 'browser.safebrowsing.phishing.enabled': false,
    'datareporting.policy.dataSubmissionEnabled': false, 'extensions.getAddons.cache.enabled': false, 'network.captive-portal-service.enabled': false,
    'network.connectivity-service.enabled': false, 'services.settings.server': 'data:,', 'toolkit.telemetry.enabled': false,
  };
  await writeFile(join(profile, 'user.js'), Object.entries(prefs).map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`).join(''));
  const child = spawn('firefox-esr', ['--headless', '--no-remote', '--profile', profile, '--remote-debugging-port', String(await freePort()), 'about:blank'], {
    stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, HOME: profile, MOZ_DISABLE_CONTENT_SANDBOX: '1' },
  });
  let said = '';
  child.stderr!.on('data', (text) => (said += text));
  const address = await until('Firefox (apt-get install firefox-esr)', () => /WebDriver BiDi listening on (ws:\/\/\S+)/.exec(said)?.[1], 60_000);

  const socket = new WebSocket(`${address}/session`);
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  const waiting = new Map<number, (answer: any) => void>();
  socket.on('message', (text) => {
    const message = JSON.parse(String(text));
    waiting.get(message.id)?.(message);
  });
  let last = 0;
  const send = async (method: string, params: object): Promise<any> => {
    const id = ++last;
    const answer = await new Promise<any>((resolve) => {
      waiting.set(id, resolve);
      socket.send(JSON.stringify({ id, method, params }));
    });
    waiting.delete(id);
    if (answer.type == 'error') throw new Error(`${method}: ${answer.message}`);
    return answer.result;
  };
  await send('session.new', { capabilities: {} });
  const context = (await send('browsingContext.getTree', {})).contexts[0].context;
  await send('browsingContext.setViewport', { context, viewport: { width: 1100, height: 800 } });

  const engine: Engine = {
    async goto(url) {
      const go = () => send('browsingContext.navigate', { context, url, wait: 'complete' });
      // After a withdrawal the page reloads itself, and the two navigations can meet.
      await go().catch((error) => (String(error).includes('NS_BINDING_ABORTED') ? go() : Promise.reject(error)));
    },
    async evaluate(fn, ...args) {
      const expression = `(async () => JSON.stringify(await (${fn})(...${JSON.stringify(args)})) ?? 'null')()`;
      const { result, exceptionDetails } = await send('script.evaluate', { expression, target: { context }, awaitPromise: true });
      if (exceptionDetails) throw new Error(exceptionDetails.text);
      return JSON.parse(result.value);
    },
    async press(part) {
      const [x, y] = await engine.evaluate(middle, part);
      const actions = [{ type: 'pointerMove', x, y }, { type: 'pointerDown', button: 0 }, { type: 'pointerUp', button: 0 }];
      await send('input.performActions', { context, actions: [{ type: 'pointer', id: 'mouse', actions }] });
    },
    async key(name) {
      await send('input.performActions', { context, actions: [{ type: 'key', id: 'keys', actions: typed(name) }] });
    },
    screenshot: async () => Buffer.from((await send('browsingContext.captureScreenshot', { context })).data, 'base64'),
    async close() {
      socket.close();
      await gone(child);
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  return engine;
}

/** WebKitGTK over WebDriver (https://www.w3.org/TR/webdriver2/), on a display of its own. */
async function startWebKit(): Promise<Engine> {
  const display = `:${90 + Math.floor(Math.random() * 900)}`;
  const screen = spawn('Xvfb', [display, '-screen', '0', '1280x900x24', '-nolisten', 'tcp'], { stdio: 'ignore' });
  const port = await freePort();
  const driver = spawn('WebKitWebDriver', [`--port=${port}`], {
    stdio: 'ignore', env: { ...process.env, DISPLAY: display, WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: '1', WEBKIT_DISABLE_COMPOSITING_MODE: '1', LIBGL_ALWAYS_SOFTWARE: '1' },
  });
  const base = `http://127.0.0.1:${port}`;
  const send = async (method: string, path: string, body?: object): Promise<any> => {
    const answer = await fetch(base + path, { method, ...(body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }) });
    const { value } = await answer.json() as { value: any };
    if (!answer.ok) throw new Error(`${method} ${path}: ${value.message}`);
    return value;
  };
  await until('WebKitWebDriver (apt-get install webkit2gtk-driver xvfb)', () => fetch(`${base}/status`).then((answer) => answer.ok, () => false), 30_000);
  const { sessionId } = await send('POST', '/session', { capabilities: { alwaysMatch: { browserName: 'MiniBrowser' } } });
  const session = `/session/${sessionId}`;

  const engine: Engine = {
    goto: async (url) => void await send('POST', `${session}/url`, { url }),
    async evaluate(fn, ...args) {
      const script = `const done = arguments[arguments.length - 1]; (async () => JSON.stringify(await (${fn})(...${JSON.stringify(args)})) ?? 'null')().then((value) => done({ value }), (error) => done({ error: String(error) }));`;
      const { value, error } = await send('POST', `${session}/execute/async`, { script, args: [] });
      if (error) throw new Error(error);
      return JSON.parse(value);
    },
    async press(part) {
      const [x, y] = await engine.evaluate(middle, part);
      const actions = [{ type: 'pointerMove', duration: 0, x, y, origin: 'viewport' }, { type: 'pointerDown', button: 0 }, { type: 'pointerUp', button: 0 }];
      await send('POST', `${session}/actions`, { actions: [{ type: 'pointer', id: 'mouse', parameters: { pointerType: 'mouse' }, actions }] });
    },
    async key(name) {
      await send('POST', `${session}/actions`, { actions: [{ type: 'key', id: 'keys', actions: typed(name) }] });
    },
    screenshot: async () => Buffer.from(await send('GET', `${session}/screenshot`), 'base64'),
    async close() {
      await send('DELETE', session).catch(() => {});
      await gone(driver);
      await gone(screen);
    },
  };
  return engine;
}
