// What visitors can do with the records of their choices: print the receipt, take a copy of everything, have it erased
// (B16, S4, S5). Loaded when the dialog shows a choice that has a record. Nobody's name is asked for: the secret that only
// this browser has opens the records, and goes to the server in a header, never in an address.
import { download, print } from './receipt';
import { moment } from './said';
import { absolute, element, type Tree } from './ui';
import { laterWords } from './words';

type Words = Record<string, string>;
type Held = { record?: Consent | null } & Record<string, unknown>;

/** What is read here of a consent record (`core::record`). */
interface Consent {
  record_id: string;
  prev: string | null;
  site: string;
  notice: { digest: string; version: string };
  event: { at: string; valid_until: string };
  decisions: { purpose: string; granted: boolean }[];
  vendors?: Record<string, boolean>;
}

/** More records than this in a row are no visitor's. */
const MOST = 1000;

class Missing extends Error {}

/** Asks the server about one record. */
const request = async (method: string, records: string, id: string, secret: string): Promise<Held> => {
  const answer = await fetch(`${records}/${id}`, {
    method, headers: { authorization: 'Bearer ' + secret }, credentials: 'omit', cache: 'no-store', referrerPolicy: 'no-referrer',
  });
  if (answer.status == 404) throw new Missing();
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.json();
};

/** The record and those it follows, newest first. What came before may be gone: kept no longer than it must be. */
const chain = async (records: string, id: string, secret: string) => {
  const held: Held[] = [];
  for (let next: string | null | undefined = id; next && held.length < MOST;) {
    try {
      const one = await request('GET', records, next, secret);
      held.push(one);
      next = one.record?.prev;
    } catch (error) {
      if (!held.length || !(error instanceof Missing)) throw error;
      next = null;
    }
  }
  return held;
};

/** The receipt on paper. Its purposes are named as the dialog names them. */
const sheet = (root: ShadowRoot, say: (key: string, values?: Words) => string, record: Consent, received: string | null): Tree => {
  const { lang } = root.host as HTMLElement;
  const title = (id: string) => root.querySelector(`label[for="${CSS.escape(id)}"]`)?.textContent;
  const answered = (wanted: boolean) => [
    ...record.decisions.filter(({ granted }) => granted == wanted).map(({ purpose }) => title('switch-' + purpose) || purpose),
    ...Object.entries(record.vendors || {}).filter(([, granted]) => granted == wanted).map(([id]) => title('service-' + id) || id),
  ].join(', ') || '–';
  const row = (term: string, text: string): Tree => ['div', {}, ['dt', {}, term], ['dd', {}, text]];
  return ['main', {},
    ['h1', {}, say('receipt.title')],
    ['p', {}, record.site],
    ['dl', {}, ...[
      row(say('receipt.time'), moment(record.event.at, lang)),
      // A record that was received in an earlier life of this browser has no time here.
      ...(received && !isNaN(Date.parse(received)) ? [row(say('receipt.received'), moment(received, lang))] : []),
      row(say('receipt.until'), moment(record.event.valid_until, lang)),
      row(say('receipt.granted'), answered(true)),
      row(say('receipt.refused'), answered(false)),
      row(say('receipt.notice'), record.notice.digest),
    ]],
    ['p', {}, say('dialog.record', { id: record.record_id })],
    ['p', {}, say('declaration.version', { version: record.notice.version })],
  ];
};

/** Puts the ways into the dialog that is open. `ask` calls the engine. */
export async function offer(root: ShadowRoot, ask: (...request: unknown[]) => any) {
  const box = root.querySelector<HTMLElement>('[data-records]');
  const { record, secret, receivedAt } = ask('receipt') as { record: Consent | null; secret: string | null; receivedAt: string | null };
  const words = await laterWords((root.host as HTMLElement).lang, ask);
  const say = (key: string, values: Words = {}) => words[key]!.replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all);
  if (!box || !record || box.querySelector('[role=status]')) return;
  const records = absolute(box.dataset.records!);

  // In the dialog, since what is outside of it is hidden from everybody while it is open.
  const status = element(['p', { role: 'status', tabindex: '-1' }]);
  let busy = false;
  /** One thing at a time; how it went is told in words (WCAG 4.1.3). */
  const run = async (work: () => Promise<string>) => {
    if (busy) return;
    busy = true;
    status.textContent = '';
    status.textContent = await work().catch(() => say('dialog.failed'));
    busy = false;
  };
  const button = (key: string, press: () => void) => {
    const made = element(['button', { type: 'button', class: 'button plain', part: key.split('.')[1]! }, say(key)]);
    made.addEventListener('click', press);
    return made;
  };

  const ways = box.querySelector('.actions')!;
  const receipt = ways.querySelector('[part=receipt]')!;
  receipt.after(button('dialog.print', () => print(root, say('receipt.title'), sheet(root, say, record, receivedAt))));
  if (secret) {
    // The visitor's page stands beside the records of our server; the fragment with the secret goes with no request.
    const number = box.querySelector('.record')!;
    const [before, after] = number.textContent!.split(record.record_id);
    if (/\/v1\/records$/.test(records) && after !== undefined) {
      const href = `${records.slice(0, -'v1/records'.length)}me/?lang=${(root.host as HTMLElement).lang}#${record.record_id}:${secret}`;
      number.replaceChildren(before!, element(['a', { href, target: '_blank', rel: 'noopener noreferrer' }, record.record_id]), after);
    }
    ways.children[1]!.after(button('dialog.export', () => void run(async () => {
      download(JSON.stringify(await chain(records, record.record_id, secret), null, 2), 'askfirst-records.json');
      return '';
    })));
    // The question opens beneath its own name; whoever does not want it goes on, and nothing has happened.
    const erase = element(['details', { class: 'erase' }, ['summary', {}, say('dialog.erase')], ['p', {}, say('dialog.erase.ask')]]);
    erase.append(button('dialog.erase', () => void run(async () => {
      const told = new Set<string>();
      // The oldest first, so that what is left after a failure can still be found.
      for (const { record: one } of (await chain(records, record.record_id, secret)).reverse()) {
        const { erased } = await request('DELETE', records, one?.record_id ?? record.record_id, secret);
        told.add(say(erased ? 'dialog.erased' : 'dialog.restricted'));
      }
      // What the server keeps for a legal claim can still be seen and printed.
      if (!told.has(say('dialog.restricted'))) {
        ask('erased');
        for (const gone of box.querySelectorAll('[part=receipt],[part=print],[part=export],.record')) gone.remove();
      }
      erase.remove();
      return [...told].join(' ');
      // What had the focus has gone with the question.
    }).then(() => erase.isConnected || status.focus())));
    box.append(erase);
  }
  box.append(status);
}
