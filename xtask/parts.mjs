// Which file of a language has which words. The bundling writes the files by it, and the first visits that the engine is
// taken apart by (`first-visit.mjs`) have the words that a first visit has.
import { readFileSync } from 'node:fs';

/** What the keys begin with that are not the first layer's (`core::texts`, by `cargo xtask gen`). */
const LATER = /LATER = "(.+?)"/.exec(readFileSync(new URL('../www/generated/wire.ts', import.meta.url), 'utf8'))[1].split(' ');
/** Of these the words that no dialog shows before a choice: fetched when needed. */
const LAZY = /^(declaration|embed|left|receipt)\.|^dialog\.(erase|erase\.ask|erased|export|failed|print|restricted|saved)$/;
/** The dialog and lazy parts have this one. */
const BOTH = 'item.policy';

/** By folder in `dist/`: the first layer's words, what comes with the second part of the engine, and those of lazy parts. */
export function parts(words) {
  const keys = Object.keys(words);
  const pick = (wanted) => Object.fromEntries(keys.filter(wanted).map((key) => [key, words[key]]));
  const first = (key) => !LATER.some((start) => `${key}.`.startsWith(`${start}.`));
  // A service names its purpose by its key, and which there are is known before their words are there.
  const purposes = keys.filter((key) => key.startsWith('purpose.')).map((key) => key.slice('purpose.'.length));
  return {
    locales: { ...pick(first), purposes: purposes.join(' ') },
    'locales/more': pick((key) => !first(key) && !LAZY.test(key)),
    'locales/later': pick((key) => LAZY.test(key) || key == BOTH),
  };
}
