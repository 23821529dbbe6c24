import { createServer, type IncomingHttpHeaders } from 'node:http';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { delivered, expect, part, state, test, visit } from './support/visit.ts';

const SECRET = 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDfsl1Tn5xr6o=';

test('another system hears of a withdrawal in the page, and its own verifier takes the signature (G6, S10)', async ({ page, product }) => {
  const told: { headers: IncomingHttpHeaders; body: string }[] = [];
  const receiver = createServer(async (request, answer) => {
    let body = '';
    for await (const piece of request) body += piece;
    told.push({ headers: request.headers, body });
    // The first attempt meets a server that is busy.
    answer.writeHead(told.length == 1 ? 503 : 204).end();
  });
  await new Promise<void>((go) => receiver.listen(0, '127.0.0.1', go));
  const { port } = receiver.address() as { port: number };
  const secret = join(product.dir, 'webhook-secret');
  await writeFile(secret, SECRET);
  product.options = ['--webhook', `http://127.0.0.1:${port}/consent`, '--webhook-secret-file', secret];
  await product.configure(() => {});

  await visit(page, product.origin + '/');
  await part(page, 'accept').click();
  await delivered(page);
  const { recordId: given } = await state(page);
  // After the answer to the test: the page may load anew.
  await page.evaluate(() => void setTimeout(() => (window as any).askfirst.withdraw()));
  await expect.poll(() => told.length, { timeout: 20_000 }).toBe(2);
  receiver.close();

  const verifier = new Webhook(SECRET);
  const [first, second] = told.map(({ headers, body }) => ({ id: headers['webhook-id'], payload: verifier.verify(body, headers as Record<string, string>) as any }));
  expect(second).toEqual(first);
  expect(first!.payload.type).toBe('consent.withdrawn');
  expect(first!.payload.data.previous).toBe(given);
  expect(first!.payload.data.withdrawn.categories).toContain('analytical');
  expect(first!.payload.data.categories.granted).toEqual([]);
  const forged = told[0]!.body.replace('withdrawn', 'given');
  expect(() => verifier.verify(forged, told[0]!.headers as Record<string, string>)).toThrow('No matching signature');
});
