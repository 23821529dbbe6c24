// The words of every language: whole, and set as the language sets quotes, spaces and the ends of sentences (B12).
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parts } from '../../xtask/parts.mjs';
import { wrongWords } from '../../xtask/words.mjs';

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

const PAGES = readdirSync(new URL('../../www/pages', import.meta.url));

test('no two languages call themselves alike', () => {
  const own = PAGES.map((name) => read(`pages/${name}`)['language.own']);
  assert.equal(new Set(own).size, PAGES.length);
});

test('the pages speak every language of the banner, and no other', () => {
  assert.deepEqual(PAGES.sort(), readdirSync(new URL('../../www/locales', import.meta.url)).sort());
});

for (const name of PAGES) {
  test(`pages/${name}: no key is missing, too much, without its places, or English`, () => {
    const english = read('pages/en.json');
    const words = read(`pages/${name}`);
    assert.deepEqual(wrongWords(english, words), []);
    for (const key of Object.keys(english)) {
      // The check sees each of them.
      const { [key]: text, ...rest } = words;
      assert.deepEqual(wrongWords(english, rest), [`${key} is missing`]);
      // A short word may be the same in two languages.
      if (name != 'en.json') assert.ok(text.length < 16 || text != english[key], `${key} is English: ${text}`);
    }
    assert.deepEqual(wrongWords(english, { ...words, 'me.more': 'x' }), ['me.more is in no page']);
    assert.match(wrongWords(english, { ...words, 'me.saved': 'x' }).join(), /^me\.saved has other places/);
  });

  test(`pages/${name}: the articles of the law are the right ones`, () => {
    // Persian writes its own digits.
    const latin = (text) => text.replace(/[۰-۹]/g, (digit) => String('۰۱۲۳۴۵۶۷۸۹'.indexOf(digit)));
    const { 'me.take.help': take, 'me.erase.help': erase } = read(`pages/${name}`);
    assert.deepEqual(latin(take).match(/\d+/g), ['15', '20']);
    assert.deepEqual(latin(erase).match(/\d+/g), ['17']);
  });
}

test('the files of a language have each of its words, those of the first layer no other (B12)', () => {
  const folder = new URL('../../www/locales', import.meta.url);
  for (const name of readdirSync(folder)) {
    const words = read(`locales/${name}`);
    const { locales: { purposes, ...first }, 'locales/more': more, 'locales/later': later } = parts(words);
    assert.deepEqual({ ...first, ...more, ...later }, words, name);
    assert.deepEqual(purposes.split(' ').map((purpose) => `purpose.${purpose}`), Object.keys(words).filter((key) => key.startsWith('purpose.')), name);
    // The core's tests (`view/tests/first.rs`) hold these to what a first layer draws.
    assert.deepEqual([...new Set(Object.keys(first).map((key) => key.split('.')[0]))], ['banner', 'gpc', 'dnt', 'reopen', 'category'], name);
    assert.deepEqual(Object.keys(first).filter((key) => key in more || key in later), [], name);
  }
});
