// Receipts: checks one that the server has answered, and saves what the visitor can keep as a file. Loaded when there is
// one to check, or when somebody asks for the file.

/** The status that counts for the engine: the server's own when the receipt holds up to a key of the configuration, else
 * 0 (no answer), so that the record stays in the outbox and nobody is told that it was recorded (R8). */
export const check = async (base: string, body: string, receipt: string, keys: string, status: number, emit: (name: string, detail: any) => void) => {
  // An erased record has nothing left to prove, and no record came of it: as a conflict, the end of it.
  if (/"erased":true/.test(receipt)) return 409;
  const { verifyReceipt } = await import(base + 'askfirst-verify.mjs');
  const { outcome, problem, steps } = await verifyReceipt(base, body, receipt, keys.replace(/ +/g, '\n'));
  if (outcome == 'holds') return status;
  const message = 'the receipt does not hold: ' + (problem ?? steps.find(({ mark }: any) => mark == 'open').text);
  console.warn('askfirst: ' + message);
  emit('error', { code: 'receipt', message });
  return 0;
};

/** Downloads the receipt. */
export const download = (text: string) => {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type: 'application/json' }));
  link.download = 'askfirst-receipt.json';
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1e3);
};
