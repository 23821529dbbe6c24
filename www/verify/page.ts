// The page /askfirst/verify/: takes a file, shows what `askfirst verify` says about it. It sends nothing.
import { inWords, say } from '../pages.ts';
import { start, verify, type Report, type Step } from '../verify.ts';

/** Where askfirst-verify.wasm is, beside this page's folder. */
const BASE = new URL('../', import.meta.url).href;

const SIGNS: Record<Step['mark'], string> = { holds: '✓', note: 'i', open: '?', fails: '✕' };
const MARK_OF: Record<Report['outcome'], Step['mark']> = { holds: 'holds', unproven: 'open', fails: 'fails' };

const byId = <E extends HTMLElement>(id: string): E => document.getElementById(id) as E;
const keys = byId<HTMLTextAreaElement>('keys');
const file = byId<HTMLInputElement>('file');
const text = byId<HTMLTextAreaElement>('text');
const status = byId('status');
const reports = byId('reports');

/** What was checked last, so that a key that is filled in later is taken at once. */
let last: { name: string; text: string }[] = [];
let run = 0;

function element(tag: string, className: string, ...content: (Node | string)[]): HTMLElement {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...content);
  return made;
}

/** The sign is for the eye; a screen reader gets the word. */
function sign(mark: Step['mark']): HTMLElement[] {
  const shape = element('span', `sign ${mark}`, SIGNS[mark]);
  shape.setAttribute('aria-hidden', 'true');
  return [shape, element('span', 'unseen', `${say(`mark.${mark}`)}: `)];
}

/** The sentences of the check itself, which is in English. */
function inEnglish<E extends HTMLElement>(made: E): E {
  made.lang = 'en';
  made.dir = 'ltr';
  return made;
}

function stepItem(step: Step): HTMLElement {
  return element('li', `step ${step.mark}`, ...sign(step.mark), inEnglish(element('span', 'text', step.text)));
}

/** A line as it stood in the interface, its buttons as buttons that do nothing. Brackets among the words have a backslash. */
function shownLine(line: string): HTMLElement {
  const pieces = line.split(/((?:^| )\[ (?:\\.|[^[\]\\])+ \])/);
  const drawn = pieces.map((piece, at) => (at % 2 ? [' ', element('b', 'button', piece.trim().slice(2, -2))] : [piece]));
  return element('p', '', ...drawn.flat());
}

function article(report: Report, name: string, number: number): HTMLElement {
  const mark = MARK_OF[report.outcome];
  const heading = element('h2', '', ...sign(mark), element('span', 'text', say(`outcome.${report.outcome}`)));
  heading.id = `report-${number}`;
  const made = element('article', `report ${mark}`, heading, element('p', 'title', `${report.title} · ${name}`));
  made.setAttribute('aria-labelledby', heading.id);
  made.append(element('h3', '', say('verify.what')), element('ol', 'steps', ...report.steps.map(stepItem)));
  // What a false file says about itself would only mislead.
  if (report.outcome === 'fails') {
    made.append(element('p', 'title', say('verify.stopped')));
    return made;
  }
  if (report.said.length > 0) {
    const [what, ...rest] = report.said;
    made.append(element('h3', '', say('verify.said')), inEnglish(element('p', '', what ?? '')));
    made.append(inEnglish(element('ul', 'said', ...rest.map((line) => element('li', '', line)))));
  }
  for (const { part, lines } of report.shown) {
    const words = element('div', 'shown', ...lines.map(shownLine));
    made.append(element('details', '', element('summary', '', say('verify.shown', { part })), words));
  }
  return made;
}

async function check(files: { name: string; text: string }[]): Promise<void> {
  last = files;
  const mine = ++run;
  status.textContent = say('verify.checking');
  reports.replaceChildren();
  try {
    const all: [Report, string][] = [];
    for (const { name, text } of files) {
      for (const report of await verify(BASE, text, keys.value)) all.push([report, name]);
    }
    // A newer check has begun meanwhile.
    if (mine !== run) return;
    reports.replaceChildren(...all.map(([report, name], number) => article(report, name, number)));
    status.textContent = summary(all.map(([report]) => report));
  } catch (error) {
    if (mine === run) status.textContent = say('verify.failed', { problem: error instanceof Error ? error.message : String(error) });
  }
}

function summary(all: Report[]): string {
  const count = (outcome: Report['outcome']) => String(all.filter((report) => report.outcome === outcome).length);
  if (all.length === 1) return '';
  return say('verify.count', { all: String(all.length), holds: count('holds'), open: count('unproven'), fails: count('fails') });
}

async function checkFiles(list: FileList | null): Promise<void> {
  if (!list || list.length === 0) return;
  await check(await Promise.all([...list].map(async (one) => ({ name: one.name, text: await one.text() }))));
  showResult();
}

/** Brings the result into view and to the screen reader's attention. */
function showResult(): void {
  const heading = reports.querySelector('h2');
  if (!heading) return;
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
  reports.scrollIntoView({ block: 'nearest' });
}

// At once, so that the network may be cut before a file is chosen. If it fails, the check says so.
void start(BASE).catch(() => {});

void inWords(BASE, () => {
  if (last.length > 0) void check(last);
});
file.addEventListener('change', () => void checkFiles(file.files));
keys.addEventListener('input', () => {
  if (last.length > 0) void check(last);
});
document.querySelector('form')?.addEventListener('submit', (event) => {
  event.preventDefault();
  void check([{ name: say('verify.pasted'), text: text.value }]).then(showResult);
});

// Dropping a file beside the field would replace this page by it.
const dropping = (on: boolean) => document.body.classList.toggle('dropping', on);
addEventListener('dragover', (event) => {
  event.preventDefault();
  dropping(true);
});
addEventListener('dragleave', (event) => {
  if (!event.relatedTarget) dropping(false);
});
addEventListener('drop', (event) => {
  event.preventDefault();
  dropping(false);
  void checkFiles(event.dataTransfer?.files ?? null);
});
