import { readdir, readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { TYPES } from './folder.ts';
import { DIST } from './product.ts';
import type { Site } from './site.ts';

/** What a page sent to the records endpoint. */
export type Posted = any[];

/** Puts the built product, a configuration and a page on a site of its own, whose records endpoint takes everything. */
export async function serveDist(site: Site, config: object, html: string, headers: Record<string, string> = {}): Promise<Posted> {
  for (const name of await readdir(DIST, { recursive: true })) {
    const type = TYPES[extname(name)];
    if (type) site.answers.set(`/askfirst/${name}`, async (_, response) => void response.writeHead(200, { 'content-type': type }).end(await readFile(join(DIST, name))));
  }
  const posted: Posted = [];
  site.answers.set('/records', (request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += chunk)).on('end', () => {
      const sent = JSON.parse(body);
      posted.push(sent);
      // A receipt of just this one, as the page wants it: with any other answer it would send the same again.
      const receipt = sent.record_id ? { record_id: sent.record_id, received_at: '2026-11-22T10:15:31Z' } : { counted: true };
      response.writeHead(sent.record_id ? 201 : 202, { 'content-type': 'application/json' }).end(JSON.stringify(receipt));
    });
  });
  site.answers.set('/askfirst.json', { type: 'application/json', body: JSON.stringify(config) });
  site.answers.set('/', { type: 'text/html; charset=utf-8', body: html, headers });
  return posted;
}
