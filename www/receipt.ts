// Saves what the visitor can keep as a file; loaded when somebody asks for it.

/** Downloads the receipt. */
export const download = (text: string) => {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type: 'application/json' }));
  link.download = 'askfirst-receipt.json';
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1e3);
};
