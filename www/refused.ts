/** Whether WebAssembly is refused here, by a policy without `wasm-unsafe-eval` or by the browser (Lockdown Mode): the
 * smallest of all modules tells. Then the same code runs as JavaScript (`xtask/src/plain.rs`, T1). */
export const isRefused = () => {
  try {
    new WebAssembly.Module(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0));
  } catch {
    return true;
  }
};
