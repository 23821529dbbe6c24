// Receipts: checks one that the server has answered, and gives the visitor what can be kept, as a file or on paper. Loaded
// when there is one to check, or when somebody asks.
import { element, type Tree } from './ui';

/** The status that counts for the engine: the server's own when the receipt holds up to a key of the configuration, else
 * 0 (no answer), so that the record stays in the outbox and nobody is told that it was recorded (R8). */
export const check = async (base: string, body: string, receipt: string, keys: string, status: number, emit: (name: string, detail: any) => void) => {
  // An erased record has nothing left to prove, and no record came of it: as a conflict, the end of it.
  if (/"erased":true/.test(receipt)) return 409;
  const { verifyReceipt } = await import(base + 'askfirst-verify.mjs');
  const { outcome, problem, steps } = await verifyReceipt(base, body, receipt, keys.replace(/ +/g, '\n'));
  if (outcome == 'holds') return status;
  const message = 'the receipt does not hold: ' + (problem ?? steps.find(({ mark }: any) => mark == 'open').text);
  emit('error', { code: 'receipt', message });
  return 0;
};

/** Downloads a text as a file. */
export const download = (text: string, name = 'askfirst-receipt.json') => {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type: 'application/json' }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1e3);
};

const STYLE = `body{font:11pt/1.5 system-ui,sans-serif;color:#000;margin:0}h1{font-size:16pt;margin:0}
dl{display:grid;grid-template-columns:minmax(0,1fr) minmax(0,2fr);gap:.5em 1.5em;margin:1.5em 0}dt{font-weight:600}dd{margin:0;overflow-wrap:anywhere}`;

/** Prints a tree alone, without the page around it: from an empty frame of the page's own, in `root`. */
export const print = (root: ShadowRoot, title: string, tree: Tree) => {
  const { lang, dir } = root.host as HTMLElement;
  const frame = document.createElement('iframe');
  // Out of sight, but laid out: some browsers print nothing of a frame that is not.
  frame.className = 'status';
  frame.tabIndex = -1;
  frame.setAttribute('aria-hidden', 'true');
  // At once in most browsers; Firefox puts a second empty document in the place of the first before it says so.
  frame.addEventListener('load', () => {
    const view = frame.contentWindow as Window & typeof globalThis;
    const { document: page } = view;
    Object.assign(page.documentElement, { lang, dir });
    // The name that a browser proposes for the file.
    page.title = title;
    const sheet = new view.CSSStyleSheet();
    sheet.replaceSync(STYLE);
    page.adoptedStyleSheets = [sheet];
    page.body.append(page.adoptNode(element(tree)));
    view.addEventListener('afterprint', () => setTimeout(() => frame.remove()));
    view.print();
  }, { once: true });
  root.append(frame);
};
