// The page /askfirst/me/: a visitor's own record. Whoever has the secret of a record sees it, takes it along, checks it and
// has it erased (S4, S5). The secret comes in the fragment, which no request carries, or out of a receipt file; it goes into
// a header and nowhere else.
import { inWords, lang, say } from '../pages.ts';
import { day, moment } from '../said.ts';
import { verify, type Report, type Step } from '../verify.ts';

/** Where askfirst-verify.wasm and the records are, beside this page's folder. */
const BASE = new URL('../', import.meta.url).href;

const SIGNS: Record<Step['mark'], string> = { holds: '✓', note: 'i', open: '?', fails: '✕' };
const MARK_OF: Record<Report['outcome'], Step['mark']> = { holds: 'holds', unproven: 'open', fails: 'fails' };

const byId = <E extends HTMLElement>(id: string): E => document.getElementById(id) as E;
const status = byId('status');
const outcome = byId('outcome');
const section = byId('record');

/** What opens the record that is shown. */
let opens: { id: string; secret: string } | undefined;
/** The record as the website answered it. */
let stored = '';
/** All that this secret opens, as far as the first that was opened leads to them, newest first; and when they were given. */
let chain: { id: string; at?: string }[] = [];
/** More records than this in a row are no visitor's. */
const MOST = 1000;

function element(tag: string, className: string, ...content: (Node | string)[]): HTMLElement {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...content);
  return made;
}

const ask = (method: string, query = '', id = opens!.id) => fetch(`${BASE}v1/records/${encodeURIComponent(id)}${query}`, {
  method, cache: 'no-store', credentials: 'omit', headers: { authorization: `Bearer ${opens!.secret}` },
});

/** Tells what came of something, where a screen reader hears it. */
const tell = (text: string) => {
  outcome.textContent = text;
  outcome.focus();
};

async function open(id: string, secret: string): Promise<void> {
  opens = { id: id.trim().toLowerCase(), secret: secret.trim() };
  const known = chain.some((one) => one.id == opens!.id);
  if (!known) chain = [];
  section.hidden = true;
  outcome.textContent = '';
  status.textContent = say('me.opening');
  try {
    const answer = await ask('GET');
    if (!answer.ok) {
      // Whether there is such a record is not for whoever has no secret of it.
      status.textContent = answer.status == 404 || answer.status == 401 ? say('me.missing') : say('me.unreachable');
      return;
    }
    stored = await answer.text();
    const [report] = await verify(BASE, stored, '');
    show(report!);
    byId('record-title').focus();
    if (!known) await follow(opens);
  } catch {
    status.textContent = say('me.unreachable');
  }
}

/** Finds the answers before this one: each says which it follows. What came before may be gone. */
async function follow(from: { id: string }): Promise<void> {
  const found: typeof chain = [];
  for (let next: string | null | undefined = from.id; next && found.length < MOST;) {
    const answer: Response = await ask('GET', '', next);
    if (!answer.ok) break;
    const { record }: Stored = await answer.json();
    found.push({ id: next, at: record?.event.at });
    next = record?.prev;
  }
  // Another one may have been opened meanwhile.
  if (opens != from) return;
  chain = found;
  others();
}

/** The ways to the person's other answers (GDPR Art. 15). */
function others(): void {
  byId('others').replaceChildren(...chain.filter(({ id }) => id != opens?.id).map(({ id, at }) => {
    const way = element('button', '', say('dialog.record', { id }));
    (way as HTMLButtonElement).type = 'button';
    way.addEventListener('click', () => void open(id, opens!.secret));
    return element('li', '', at ? `${say('receipt.time')}: ${moment(at, lang)} ` : '', way);
  }));
}

/** What is read here of an answer of the website (`crates/server/src/http`). */
interface Stored {
  record: {
    prev: string | null;
    site: string;
    event: { at: string; method: string; valid_until: string };
    decisions: { purpose: string; granted: boolean }[];
    vendors?: Record<string, boolean>;
    signals: { gpc?: boolean; dnt?: boolean };
    notice: { lang: string };
  } | null;
  receipt: { received_at: string; record_id: string };
  notice: { purposes?: { id: string; title: string }[] } | null;
  problem: string | null;
  life?: { state: string; text: string } | null;
}

/** The answer in the reader's words. The titles of the purposes are those that were shown. */
function answered({ record, notice, receipt, life }: Stored): HTMLElement[] {
  const when = (key: string, time: string) => element('li', '', `${say(key)}: ${moment(time, lang)}`);
  if (!record) return [element('p', '', say('me.unreadable'))];
  const answer = (granted: boolean, what: string, id: string) => {
    const name = element('bdi', '', what);
    const line = element('li', '', `${say(granted ? 'receipt.granted' : 'receipt.refused')}: `, name, what == id ? '' : ` (${id})`);
    // The title is in the language in which it was shown.
    if (what != id) name.lang = record.notice.lang;
    return line;
  };
  const title = (id: string) => notice?.purposes?.find((known) => known.id == id)?.title ?? id;
  return [
    element('p', '', say(`me.how.${record.event.method}`)),
    element('ul', 'answers',
      ...record.decisions.map(({ purpose, granted }) => answer(granted, title(purpose), purpose)),
      ...Object.entries(record.vendors ?? {}).map(([id, granted]) => answer(granted, say('me.service', { name: id }), id))),
    element('ul', 'answers',
      when('receipt.time', record.event.at), when('receipt.received', receipt.received_at), when('receipt.until', record.event.valid_until),
      element('li', '', say('me.site', { site: record.site }))),
    // That it counts no more: in English, like the sentences of a check.
    ...(life && life.state != 'in_force' ? [inEnglish(element('p', 'life', life.text))] : []),
    ...(['gpc', 'dnt'] as const).filter((name) => record.signals[name]).map((name) =>
      element('p', '', say('me.sent', { name: { gpc: 'Global Privacy Control', dnt: 'Do Not Track' }[name] }))),
    element('p', 'hint', say('dialog.record', { id: receipt.record_id })),
  ];
}

function show(report: Report): void {
  const kept: Stored = JSON.parse(stored);
  status.textContent = kept.problem ? say('me.changed', { problem: kept.problem }) : '';
  byId('said').replaceChildren(...answered(kept));
  byId('shown').replaceChildren(...report.shown.map(({ part, lines }) => {
    const words = element('div', 'shown', ...lines.map((line) => element('p', '', line)));
    words.lang = kept.record?.notice.lang ?? '';
    words.dir = 'auto';
    return element('details', 'field', element('summary', '', say(`me.shown.${part}`)), words);
  }));
  byId('report').replaceChildren();
  others();
  asked(false);
  section.hidden = false;
}

async function save(format: string): Promise<void> {
  try {
    const answer = await ask('GET', `?format=${format}`);
    const text = await answer.text();
    if (!answer.ok) return tell(answer.status == 409 ? JSON.parse(text).message : answer.status == 404 ? say('me.missing') : say('me.unreachable'));
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([text], { type: 'application/json' }));
    link.download = `consent-${opens!.id}.${{ json: 'json', dpv: 'jsonld' }[format] ?? `${format}.json`}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1e3);
    tell(say('me.saved', { name: link.download }));
  } catch {
    tell(say('me.unreachable'));
  }
}

async function publishedKey(): Promise<void> {
  const { record } = JSON.parse(stored);
  const host = record?.site ? `logs/${new URL(record.site).host}` : 'log';
  const answer = await fetch(`${BASE}v1/${host}/key`, { cache: 'no-store', credentials: 'omit' }).catch(() => undefined);
  if (answer?.ok) byId<HTMLTextAreaElement>('key').value = (await answer.text()).trim();
  else tell(say('me.nokey'));
}

/** The sentences of the check itself, which is in English. */
const inEnglish = (made: HTMLElement) => Object.assign(made, { lang: 'en', dir: 'ltr' });

async function check(): Promise<void> {
  const [report] = await verify(BASE, stored, byId<HTMLTextAreaElement>('key').value);
  const mark = MARK_OF[report!.outcome];
  const sign = (of: Step['mark']) => {
    const shape = element('span', `sign ${of}`, SIGNS[of]);
    shape.setAttribute('aria-hidden', 'true');
    return [shape, element('span', 'unseen', `${say(`mark.${of}`)}: `)];
  };
  const steps = report!.steps.map((step) => element('li', `step ${step.mark}`, ...sign(step.mark), inEnglish(element('span', 'text', step.text))));
  byId('report').replaceChildren(element('article', `report ${mark}`,
    element('h3', '', ...sign(mark), ' ', say(`outcome.${report!.outcome}`)), element('ol', 'steps', ...steps)));
}

/** Erasing takes two presses: it can't be undone. */
const asked = (on: boolean) => {
  byId('erase').hidden = on;
  byId('really').hidden = byId('keep').hidden = !on;
};

async function erase(): Promise<void> {
  try {
    const answer = await ask('DELETE');
    if (!answer.ok) return tell(answer.status == 404 ? say('me.missing') : say('me.unreachable'));
    const { erased, ground, until } = await answer.json();
    asked(false);
    if (!erased) {
      const restricted = say('me.restricted', { reason: ground, authority: say('dialog.authority') });
      return tell(until ? `${restricted} ${say('me.restricted.until', { date: day(until, lang) })}` : restricted);
    }
    section.hidden = true;
    const { id, secret } = opens!;
    chain = chain.filter((one) => one.id != id);
    opens = undefined;
    stored = '';
    // What was said before or after it is there still, and is shown next.
    if (chain[0]) await open(chain[0].id, secret);
    tell(say('me.erased'));
  } catch {
    tell(say('me.unreachable'));
  }
}

async function openFile(file: File | undefined): Promise<void> {
  if (!file) return;
  try {
    const { record, secret } = JSON.parse(await file.text());
    if (typeof secret != 'string') throw new Error();
    await open(record.record_id, secret);
  } catch {
    section.hidden = true;
    status.textContent = say('me.notreceipt');
  }
}

/** The secret leaves the address bar, and with it the history and every screenshot, before anything else is done. */
function openFragment(): void {
  const [, id, secret] = /^#([0-9a-fA-F-]{36}):(.+)$/.exec(location.hash) ?? [];
  if (location.hash) history.replaceState(null, '', location.pathname + location.search);
  if (id && secret) void open(id, decodeURIComponent(secret));
}

// The words first: whatever comes of opening is told in them.
void inWords(BASE, () => {
  status.textContent = outcome.textContent = '';
  if (stored) void verify(BASE, stored, '').then(([report]) => show(report!));
}).then(openFragment);
addEventListener('hashchange', openFragment);
const file = byId<HTMLInputElement>('file');
file.addEventListener('change', () => void openFile(file.files?.[0]));
byId('open').addEventListener('submit', (event) => {
  event.preventDefault();
  void open(byId<HTMLInputElement>('id').value, byId<HTMLInputElement>('secret').value);
});
for (const button of document.querySelectorAll<HTMLElement>('[data-format]')) {
  button.addEventListener('click', () => void save(button.dataset.format!));
}
byId('published').addEventListener('click', () => void publishedKey());
byId('check').addEventListener('click', () => void check());
byId('erase').addEventListener('click', () => {
  asked(true);
  byId('really').focus();
});
byId('keep').addEventListener('click', () => {
  asked(false);
  byId('erase').focus();
});
byId('really').addEventListener('click', () => void erase());

// Dropping a file beside the field would replace this page by it.
addEventListener('dragover', (event) => event.preventDefault());
addEventListener('drop', (event) => {
  event.preventDefault();
  void openFile(event.dataTransfer?.files[0]);
});
