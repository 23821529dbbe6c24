// A phone's connection, for the benchmarks of the page: one server with TLS behind a line of 150 ms round trip and
// 1.6 Mbit/s. Both ways of the line are one queue each for all connections, opening a connection takes its round trip, a
// sender has ten packets on the way and one more for each that has arrived. So HTTP/2 is what it is for visitors: one
// connection whose answers go in the order of their priority (RFC 9218), which Chromium's own throttling (every request for
// itself, the bandwidth shared evenly) doesn't show. `PRIORITIES=no` for a server that sends all at once in turns, as many
// do; `PROTOCOL=http/1.1` for six connections instead. Needs the command `openssl`.
import { chromium } from '@playwright/test';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createSecureServer } from 'node:http2';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { brotliCompressSync, constants } from 'node:zlib';

const HOST = 'shop.example';
const PROTOCOL = process.env.PROTOCOL ?? 'h2';
const PRIORITIES = process.env.PRIORITIES !== 'no';
export const served = PROTOCOL + (PROTOCOL === 'h2' && !PRIORITIES ? ' without priorities' : '');
/** One way, in milliseconds. */
const DELAY = 75;
/** Bytes per millisecond. */
const RATE = { down: 200, up: 94 };
const PACKET = 1400;
/** Bytes on the way, at the beginning and at most: more than twice what the line holds would only queue. */
const WINDOW = [10 * PACKET, 64_000];

/** One way of the line, for all connections: when what enters it now arrives. */
function way(rate) {
  let free = 0;
  return (size) => (free = Math.max(performance.now(), free) + size / rate) + DELAY;
}

/** Does things at their times, in the order in which they were given. */
function inOrder() {
  const queue = [];
  const next = () => setTimeout(() => {
    queue[0][1]();
    queue.shift();
    if (queue.length) next();
  }, queue[0][0] - performance.now());
  return (time, act) => {
    if (queue.push([time, act]) === 1) next();
  };
}

/** The server's end of a connection that a browser has just opened. */
function connect(socket, down, up) {
  const opened = performance.now() + 2 * DELAY;
  let [window, most] = WINDOW;
  let underWay = 0;
  const [arrive, leave] = [inOrder(), inOrder()];
  let resume = () => {};
  const end = new Duplex({
    // What has been given to the connection can't be overtaken any more.
    writableHighWaterMark: 2 * PACKET,
    read() {},
    write(chunk, _encoding, done) {
      const next = (from) => {
        if (from >= chunk.length) return done();
        if (underWay >= window) return void (resume = () => next(from));
        resume = () => {};
        const packet = chunk.subarray(from, from + PACKET);
        underWay += packet.length;
        arrive(down(packet.length), () => {
          if (!socket.destroyed) socket.write(packet);
          // Its acknowledgement.
          setTimeout(() => {
            underWay -= packet.length;
            window = Math.min(window + packet.length, most);
            resume();
          }, DELAY);
        });
        next(from + PACKET);
      };
      next(0);
    },
    final(done) {
      arrive(down(0), () => socket.end());
      done();
    },
    destroy(error, done) {
      socket.destroy();
      done(error);
    },
  });
  socket.setNoDelay(true);
  socket.on('data', (chunk) => leave(Math.max(up(chunk.length), opened + DELAY), () => end.push(chunk)));
  socket.on('close', () => end.push(null));
  for (const either of [socket, end]) either.on('error', () => {});
  return end;
}

/** A certificate that only the benchmark's browser takes. */
function certificate() {
  const folder = mkdtempSync(join(tmpdir(), 'askfirst-bench-'));
  try {
    const [key, cert] = ['key', 'cert'].map((name) => join(folder, name));
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', `/CN=${HOST}`, '-keyout', key, '-out', cert], { stdio: 'ignore' });
    return { key: readFileSync(key), cert: readFileSync(cert) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Sends the answers of one connection in small pieces: the most urgent one, and among equals those that can be used in
 * parts, by turns, after those that can't. */
function inTurn() {
  const answers = [];
  let busy = false;
  const next = () => {
    busy = !!answers.length;
    if (!busy) return;
    const at = answers.reduce((best, { urgency, parts }, at) => (urgency - answers[best].urgency || parts - answers[best].parts) < 0 ? at : best, 0);
    const [answer] = answers.splice(at, 1);
    const piece = answer.body.subarray(0, PACKET);
    answer.body = answer.body.subarray(PACKET);
    if (answer.stream.destroyed) return next();
    if (!answer.body.length) answer.stream.end(piece, next);
    else {
      answer.stream.write(piece, next);
      if (answer.parts) answers.push(answer);
      else answers.splice(at, 0, answer);
    }
  };
  return (stream, body, priority = '') => {
    const urgency = PRIORITIES ? Number(priority.match(/u=(\d)/)?.[1] ?? 3) : 0;
    answers.push({ stream, body, urgency, parts: Number(!PRIORITIES || /\bi\b/.test(priority)) });
    if (!busy) next();
  };
}

/** Serves what `find` has for a path, `[type, content]`, compressed as well as can be unless it is a picture. */
export async function open(find) {
  const packed = new Map();
  const turns = new WeakMap();
  const pack = (pathname) => {
    const found = find(pathname);
    if (!found) return;
    const [type, content] = found;
    if (type.startsWith('image/')) return { headers: { 'content-type': type }, body: content };
    const body = brotliCompressSync(content, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } });
    return { headers: { 'content-type': type, 'content-encoding': 'br' }, body };
  };
  const secure = createSecureServer({ ...certificate(), allowHTTP1: true, ALPNProtocols: [PROTOCOL] }, (request, response) => {
    const { pathname } = new URL(request.url, `https://${HOST}`);
    if (!packed.has(pathname)) packed.set(pathname, pack(pathname));
    const { headers, body } = packed.get(pathname) ?? {};
    if (!body) return response.writeHead(404).end();
    response.writeHead(200, { ...headers, 'content-length': body.length, 'cache-control': 'no-store' });
    if (!response.stream) return response.end(body);
    const { session } = response.stream;
    if (!turns.has(session)) turns.set(session, inTurn());
    turns.get(session)(response.stream, body, request.headers.priority);
  });
  secure.on('sessionError', () => {});
  const down = way(RATE.down);
  const up = way(RATE.up);
  const listener = createServer((socket) => secure.emit('connection', connect(socket, down, up)));
  await new Promise((listening) => listener.listen(0, '127.0.0.1', listening));
  const { port } = listener.address();
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run', '--disable-gpu', '--ignore-certificate-errors', `--host-resolver-rules=MAP ${HOST}:443 127.0.0.1:${port}`],
  });
  return {
    origin: `https://${HOST}`,
    browser,
    async close() {
      await browser.close();
      listener.close();
    },
  };
}

/** A tab with an empty cache, on a processor four times slower; `cdp` is its session. */
export async function visit(browser, viewport) {
  const context = await browser.newContext({ viewport, ignoreHTTPSErrors: true });
  const tab = await context.newPage();
  const cdp = await context.newCDPSession(tab);
  await cdp.send('Network.enable');
  await cdp.send('Emulation.setCPUThrottlingRate', { rate: 4 });
  return { context, tab, cdp };
}

export const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];
