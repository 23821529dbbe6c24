// What is wrong with the words of one language of the pages `me/` and `verify/`, beside the English ones (B12). The build
// refuses such a file, and `tests/loader/words.test.mjs` shows that it does.

/** What a text holds open or sets apart: `{name}`, code, strong words. */
const places = (text) => (text.match(/\{\w+\}|`[^`]+`|\*\*/g) ?? []).sort().join(' ');

/** One sentence for each key that is missing, too much, or has other places than the English one. */
export const wrongWords = (english, words) => [
  ...Object.keys(english).filter((key) => !words[key]).map((key) => `${key} is missing`),
  ...Object.keys(words).filter((key) => !english[key]).map((key) => `${key} is in no page`),
  ...Object.keys(english).filter((key) => words[key] && places(words[key]) !== places(english[key])).map((key) => `${key} has other places than in English (${places(english[key])})`),
];
