import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One answer of the site: a text with its type, or a function that answers by itself. */
export type Answer = { type: string; body: string; status?: number; headers?: Record<string, string> } | ((request: IncomingMessage, response: ServerResponse) => void);

const listen = (server: Server) => new Promise<number>((resolve) => {
  server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
});

const close = (server: Server) => new Promise<void>((resolve) => {
  server.closeAllConnections();
  server.close(() => resolve());
});

/** The website under test: what is in `answers` is served, everything else is 404. */
export async function startSite() {
  const answers = new Map<string, Answer>();
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url!, 'http://site');
    const answer = answers.get(pathname);
    if (typeof answer == 'function') return answer(request, response);
    const { type, body, status = 200, headers = {} } = answer ?? { type: 'text/plain', body: 'not found', status: 404 };
    response.writeHead(status, { 'content-type': type, ...headers }).end(body);
  });
  const port = await listen(server);
  return { origin: `http://127.0.0.1:${port}`, answers, close: () => close(server) };
}

const MEDIA: Record<string, string> = { js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml', vtt: 'text/vtt', mp4: 'video/mp4', mp3: 'audio/mpeg', wav: 'audio/wav' };

/** A tenth of a second of silence: what can't be played is asked for again and again by Firefox, gated or not. */
const SILENCE = Buffer.concat([Buffer.from('RIFF\x44\x03\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x40\x1f\0\0\x01\0\x08\0data\x20\x03\0\0', 'latin1'), Buffer.alloc(800, 128)]);

/**
 * The third parties: every request is logged on the server's side before it is answered, so that the log and not the
 * browser is the judge. `/x.js?delay=300` answers after 300 ms, `/dead.js?never` never does, `?status=404` fails.
 * Scripts append their name to `window.ran`; `code` replaces that. What asks at `open` under `/canary/` is no leak: it is
 * what certainly comes later than one (`settled`), and stands in `canaries`.
 */
export async function startSink() {
  const log: string[] = [];
  const canaries: string[] = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url!, 'http://sink');
    const name = url.pathname.slice(1);
    if (name.startsWith('canary')) canaries.push(name);
    else log.push(name);
    if (url.searchParams.has('never')) return;
    const body = name.endsWith('.wav') ? SILENCE : url.searchParams.get('code') ?? (name.endsWith('.js') ? `(window.ran ||= []).push('${name}');` : '');
    const type = MEDIA[name.split('.').pop()!] ?? 'text/html';
    setTimeout(() => {
      response.writeHead(Number(url.searchParams.get('status') ?? 200), {
        'content-type': type,
        'access-control-allow-origin': '*',
        'cache-control': 'no-store',
      }).end(body);
    }, Number(url.searchParams.get('delay') ?? 0));
  });
  const port = await listen(server);
  return { origin: `http://127.0.0.1:${port}`, open: `http://localhost:${port}`, log, canaries, close: () => close(server) };
}

export type Site = Awaited<ReturnType<typeof startSite>>;
export type Sink = Awaited<ReturnType<typeof startSink>>;
