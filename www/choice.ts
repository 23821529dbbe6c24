// Has the server set the choice's cookie, for browsers that soon forget what a script has written (P3). Loaded when there
// is a choice to keep, on sites that ask for it (`records.cookie`).

/** Pauses between attempts, in ms; after the last the script's own cookie has to do. */
const PAUSES = [0, 2e3, 10e3, 60e3];

let latest: string;
let sending = Promise.resolve();

/** Sends the choice to the address next to that for records. One after the other: an older answer must not set its cookie
 * after a newer one. */
export function keep(endpoint: string, choice: string) {
  latest = choice;
  sending = sending.then(async () => {
    for (const pause of PAUSES) {
      if (pause) await new Promise((go) => setTimeout(go, pause));
      if (latest != choice) return;
      try {
        const { status } = await fetch(endpoint.replace(/[^/]*$/, 'choice'), {
          method: 'POST', body: choice, keepalive: true, credentials: 'same-origin', headers: { 'content-type': 'text/plain' },
        });
        // What was refused for good is refused again.
        if (status < 500 && status != 429) return;
      } catch {}
    }
  });
}
