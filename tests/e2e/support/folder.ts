import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readFile } from 'node:fs/promises';
import { extname, join, normalize } from 'node:path';

/** The types that every host knows. */
export const TYPES: Record<string, string> = {
  '.html': 'text/html', '.js': 'text/javascript', '.mjs': 'text/javascript', '.json': 'application/json', '.wasm': 'application/wasm',
};

/** A plain static host or CDN: the files of one folder under `/askfirst/`, the given pages, and nothing else. */
export async function startFolder(folder: string, pages: Record<string, string>, types = TYPES) {
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url!, 'http://folder');
    const type = types[extname(pathname) || '.html'] ?? 'application/octet-stream';
    try {
      if (request.method != 'GET') throw new Error('a static host takes nothing');
      const body = pages[pathname] ?? (await readFile(join(folder, normalize(pathname).replace(/^\/askfirst\//, ''))));
      response.writeHead(200, { 'content-type': type, 'cache-control': 'max-age=600', 'access-control-allow-origin': '*' }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    }),
  };
}
