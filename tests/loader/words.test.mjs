// How the words of every language are set: quotes, spaces and the ends of sentences (B12).
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

const read = (path) => JSON.parse(readFileSync(new URL(`../../www/${path}`, import.meta.url), 'utf8'));

/** Opening and closing quotes as each language sets them. */
const QUOTES = {
  '“”': ['en', 'eu', 'ga', 'hi', 'id', 'mt', 'pt', 'sq', 'th', 'tr', 'vi', 'zh'],
  '„“': ['bg', 'cs', 'de', 'is', 'lt', 'mk', 'sk', 'sr'],
  '„”': ['bs', 'et', 'hr', 'hu', 'lv', 'pl', 'ro'],
  '””': ['da', 'fi', 'he', 'sv'],
  '«»': ['ar', 'ca', 'el', 'es', 'fa', 'fr', 'gl', 'it', 'nb', 'uk'],
  '»«': ['sl'],
  '‘’': ['cy', 'ko', 'nl'],
  '「」': ['ja', 'zh-hant'],
};
const quotesOf = (lang) => Object.entries(QUOTES).find(([, langs]) => langs.includes(lang))[0];
/** Spaces that hold words together, and marks of direction. */
const INVISIBLE = /[\u00a0\u202f\u2066-\u2069]/g;

for (const folder of ['locales', 'pages']) {
  const english = read(`${folder}/en.json`);
  for (const name of readdirSync(new URL(`../../www/${folder}`, import.meta.url))) {
    const lang = name.replace('.json', '');
    const words = Object.entries(read(`${folder}/${name}`)).filter(([key]) => key != 'plural');

    test(`${folder}/${name}: quotes and spaces are the language's own`, () => {
      const [open, close] = [...quotesOf(lang)];
      for (const [key, text] of words) {
        assert.doesNotMatch(text, /["']|\.\.\.|  |^\s|\s$/, `${key}: ${text}`);
        const place = /(.)\{(?:reopen|settings)\}(.)/u.exec(text.replace(INVISIBLE, ''));
        if (place) assert.deepEqual([place[1], place[2]], [open, close], `${key}: ${text}`);
        // A colon or a question mark never begins a line (Imprimerie nationale).
        if (lang == 'fr') assert.doesNotMatch(text.replace(/`[^`]*`/g, ''), /(?<![\u00a0\u202f])[:;?!»]|«(?!\u00a0)/, `${key}: ${text}`);
      }
    });

    test(`${folder}/${name}: a sentence in English is a sentence here`, () => {
      const ends = (text) => /[.。।۔؟?:：]$/.test(text.replace(INVISIBLE, ''));
      // Thai ends a sentence by a space, which a text has not.
      if (lang != 'th') for (const [key, text] of words) assert.equal(ends(text), ends(english[key] ?? text), `${key}: ${text}`);
    });
  }
}
