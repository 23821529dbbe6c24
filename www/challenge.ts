// Has the server say that it has heard of a record, before the record is sent (`docs/proof.md`). Loaded when there is one to
// send, after the visitor has decided, on sites that ask for it (`records.challenge`).

/** How long a record waits for it, in ms. */
const PATIENCE = 3e3;

/** What the server has said on this page. A record that is sent again goes with the first word about it. */
const said = new Map<string, string>();

/** The server's word for a record; nothing for a count, which has no digest that anybody keeps. */
export async function challenge(endpoint: string, body: string): Promise<string | undefined> {
  if (said.has(body)) return said.get(body);
  const { record_id, site } = JSON.parse(body);
  if (!record_id) return;
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(body)));
  const digest = 'sha256-' + btoa(String.fromCharCode(...hash)).replace(/\+/g, '-').replace(/\//g, '_').replace(/=/g, '');
  const patience = new AbortController();
  setTimeout(() => patience.abort(), PATIENCE);
  const answer = await fetch(endpoint.replace(/[^/]*$/, 'challenge'), {
    method: 'POST', body: JSON.stringify({ digest, site }), credentials: 'omit', headers: { 'content-type': 'text/plain' },
    signal: patience.signal,
  });
  const { challenge: word } = await answer.json();
  if (word) said.set(body, word);
  return word;
}
