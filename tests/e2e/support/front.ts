import { createServer, request as ask, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Answer } from './site.ts';

/** A request that the browser made to the records endpoint, as it arrived. */
export interface Posted {
  headers: IncomingHttpHeaders;
  body: string;
}

/**
 * A reverse proxy before the real server, as most sites have one; `target` says where a path goes. What is in `answers` is
 * served by itself, so that a file can be missing or broken; `headers` go onto every page, so that a policy can be tried;
 * when the server behind is down, connections are cut.
 */
export async function startFront(target: (path: string) => string) {
  const answers = new Map<string, Answer>();
  const headers = new Map<string, string>();
  const posted: Posted[] = [];
  let ready: Promise<unknown> = Promise.resolve();

  const pass = (incoming: IncomingMessage, response: ServerResponse, body: Buffer) => {
    const onward = ask(target(incoming.url!), { method: incoming.method, headers: incoming.headers }, (answer) => {
      response.writeHead(answer.statusCode!, { ...answer.headers, ...Object.fromEntries(headers) });
      answer.pipe(response);
    });
    onward.once('error', () => response.destroy());
    onward.end(body);
  };

  const server = createServer((incoming, response) => {
    const { pathname } = new URL(incoming.url!, 'http://front');
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk) => chunks.push(chunk));
    incoming.on('end', () => {
      const body = Buffer.concat(chunks);
      if (incoming.method == 'POST') posted.push({ headers: incoming.headers, body: body.toString() });
      const answer = answers.get(pathname);
      if (typeof answer == 'function') return answer(incoming, response);
      if (!answer) return void ready.then(() => pass(incoming, response, body));
      response.writeHead(answer.status ?? 200, { 'content-type': answer.type, ...Object.fromEntries(headers), ...answer.headers }).end(answer.body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    port,
    answers,
    headers,
    posted,
    /** Lets requests wait meanwhile, as a proxy does while the server behind it is started anew. */
    waitFor(work: Promise<unknown>) {
      ready = work.catch(() => {});
      return work;
    },
    /** Takes a file away. */
    lose: (path: string) => void answers.set(path, { type: 'text/plain', body: 'not found', status: 404 }),
    close: () => new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    }),
  };
}

export type Front = Awaited<ReturnType<typeof startFront>>;
