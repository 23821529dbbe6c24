// The page /askfirst/me/: a visitor's own record. Whoever has the secret of a record sees it, takes it along, checks it and
// has it erased (S4, S5). The secret comes in the fragment, which no request carries, or out of a receipt file; it goes into
// a header and nowhere else.
import { verify, type Report, type Step } from '../verify.ts';

/** Where askfirst-verify.wasm and the records are, beside this page's folder. */
const BASE = new URL('../', import.meta.url).href;

const MISSING = 'Nothing is stored for this number and secret. The record may have been erased, or one of the two is not right: the website gives the same answer to both, so that nobody can find out which numbers exist.';
const UNREACHABLE = 'The website could not be reached. Try again in a while; nothing has changed.';
/** Parts of the interface in the words of somebody who has only seen them. */
const PARTS: Record<string, string> = { banner: 'the first question', change: 'the question after a change', dialog: 'the settings', reopen: 'the button that opens the settings' };
const LABELS: Record<Step['mark'], string> = { holds: 'Holds', note: 'Note', open: 'Not proven', fails: 'Does not hold' };
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

function element(tag: string, className: string, ...content: (Node | string)[]): HTMLElement {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...content);
  return made;
}

const ask = (method: string, query = '') => fetch(`${BASE}v1/records/${encodeURIComponent(opens!.id)}${query}`, {
  method, cache: 'no-store', credentials: 'omit', headers: { authorization: `Bearer ${opens!.secret}` },
});

/** Says what came of something, where a screen reader hears it. */
const say = (text: string) => {
  outcome.textContent = text;
  outcome.focus();
};

async function open(id: string, secret: string): Promise<void> {
  opens = { id: id.trim().toLowerCase(), secret: secret.trim() };
  section.hidden = true;
  outcome.textContent = '';
  status.textContent = 'Opening …';
  try {
    const answer = await ask('GET');
    if (!answer.ok) {
      // Whether there is such a record is not for whoever has no secret of it.
      status.textContent = answer.status == 404 || answer.status == 401 ? MISSING : UNREACHABLE;
      return;
    }
    stored = await answer.text();
    const [report] = await verify(BASE, stored, '');
    show(report!);
  } catch {
    status.textContent = UNREACHABLE;
  }
}

function show(report: Report): void {
  const { record, receipt, problem } = JSON.parse(stored);
  status.textContent = problem ? `What is stored is no longer what you sent: ${problem}` : '';
  const when = new Date(receipt.received_at);
  const [what, ...answers] = report.said;
  byId('said').replaceChildren(
    element('p', '', `Received on ${when.toLocaleString(document.documentElement.lang, { dateStyle: 'long', timeStyle: 'short' })}, for ${record?.site ?? 'this website'}.`),
    // The report speaks of the visitor, who reads this one.
    element('p', '', what?.replace(/^The visitor/, 'You') ?? 'The content of the record can’t be read.'),
    element('ul', 'answers', ...answers.map((line) => element('li', '', line))),
    element('p', 'hint', `Number of the record: ${receipt.record_id}`),
  );
  byId('shown').replaceChildren(...report.shown.map(({ part, lines }) => {
    const words = element('div', 'shown', ...lines.map((line) => element('p', '', line)));
    words.lang = record?.notice?.lang ?? '';
    return element('details', 'field', element('summary', '', `What was shown to you: ${PARTS[part] ?? part}`), words);
  }));
  byId('report').replaceChildren();
  asked(false);
  section.hidden = false;
  byId('record-title').focus();
}

async function save(format: string): Promise<void> {
  try {
    const answer = await ask('GET', `?format=${format}`);
    const text = await answer.text();
    if (!answer.ok) return say(answer.status == 409 ? JSON.parse(text).message : answer.status == 404 ? MISSING : UNREACHABLE);
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([text], { type: 'application/json' }));
    link.download = `consent-${opens!.id}.${{ json: 'json', dpv: 'jsonld' }[format] ?? `${format}.json`}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1e3);
    say(`Saved as ${link.download}.`);
  } catch {
    say(UNREACHABLE);
  }
}

async function publishedKey(): Promise<void> {
  const { record } = JSON.parse(stored);
  const host = record?.site ? `logs/${new URL(record.site).host}` : 'log';
  const answer = await fetch(`${BASE}v1/${host}/key`, { cache: 'no-store', credentials: 'omit' }).catch(() => undefined);
  if (answer?.ok) byId<HTMLTextAreaElement>('key').value = (await answer.text()).trim();
  else say('The website publishes no key for this record’s log.');
}

async function check(): Promise<void> {
  const [report] = await verify(BASE, stored, byId<HTMLTextAreaElement>('key').value);
  const mark = MARK_OF[report!.outcome];
  const sign = (of: Step['mark']) => {
    const shape = element('span', `sign ${of}`, SIGNS[of]);
    shape.setAttribute('aria-hidden', 'true');
    return [shape, element('span', 'unseen', `${LABELS[of]}: `)];
  };
  const steps = report!.steps.map((step) => element('li', `step ${step.mark}`, ...sign(step.mark), element('span', 'text', step.text)));
  byId('report').replaceChildren(element('article', `report ${mark}`,
    element('h3', '', ...sign(mark), ' ', report!.sentence), element('ol', 'steps', ...steps)));
}

/** Erasing takes two presses: it can't be undone. */
const asked = (on: boolean) => {
  byId('erase').hidden = on;
  byId('really').hidden = byId('keep').hidden = !on;
};

async function erase(): Promise<void> {
  try {
    const answer = await ask('DELETE');
    if (!answer.ok) return say(answer.status == 404 ? MISSING : UNREACHABLE);
    const { erased, ground } = await answer.json();
    asked(false);
    if (!erased) return say(`The record was not erased but restricted: it is kept and used for nothing else. The reason is ${ground}. You can complain to the data protection authority of your country.`);
    section.hidden = true;
    say('The record was erased. The website now has nothing about this answer of yours but the place in its log where it stood.');
    opens = undefined;
    stored = '';
  } catch {
    say(UNREACHABLE);
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
    status.textContent = 'This file is not a receipt with its secret. Save it anew under “Cookie settings” on the website.';
  }
}

/** The secret leaves the address bar, and with it the history and every screenshot, before anything else is done. */
function openFragment(): void {
  const [, id, secret] = /^#([0-9a-fA-F-]{36}):(.+)$/.exec(location.hash) ?? [];
  if (location.hash) history.replaceState(null, '', location.pathname + location.search);
  if (id && secret) void open(id, decodeURIComponent(secret));
}

openFragment();
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
