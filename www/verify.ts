// Checks evidence packs, exports and receipts in the browser, by the code behind `askfirst verify`. Nothing is sent: the
// module is fetched, and from then on there is no request.
import init, * as compiled from 'askfirst-verify-wasm';
import { isRefused } from './refused.ts';

/** One sentence of a report. `open` is what is neither false nor proven. */
export interface Step {
  mark: 'holds' | 'note' | 'open' | 'fails';
  text: string;
}

/** The verdict on one record. */
export interface Report {
  outcome: 'holds' | 'unproven' | 'fails';
  /** The first thing that does not hold. */
  problem: string | null;
  /** The verdict in a sentence. */
  sentence: string;
  title: string;
  steps: Step[];
  /** What the record says, for a person. */
  said: string[];
  /** The words that the visitor was shown, part by part; buttons in brackets. */
  shown: { part: string; lines: string[] }[];
}

let verifier: Pick<typeof compiled, 'verify' | 'verifyReceipt'> = compiled;
let started: Promise<void> | undefined;

/** Fetches and starts the verifier; the other functions do so when it has not been done. Afterwards it works offline. */
export function start(base: string): Promise<void> {
  // A fetch that failed must not be the answer for ever.
  started ??= (isRefused()
    ? import(base + 'askfirst-verify-plain.mjs').then((plain) => void (verifier = plain))
    : init({ module_or_path: fetch(base + 'askfirst-verify.wasm') })
  ).catch((error: unknown) => {
    started = undefined;
    throw error;
  });
  return started;
}

/** Checks the text of a file. `base` is where the browser files are; `keys` are the trusted public keys, one a line. */
export async function verify(base: string, text: string, keys: string): Promise<Report[]> {
  await start(base);
  return JSON.parse(verifier.verify(text, keys)) as Report[];
}

/** Checks that a record is in the log as its receipt says: the record as it was sent, the receipt as the server answered. */
export async function verifyReceipt(base: string, record: string, receipt: string, keys: string): Promise<Report> {
  await start(base);
  return JSON.parse(verifier.verifyReceipt(record, receipt, keys)) as Report;
}
