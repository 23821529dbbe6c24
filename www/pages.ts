// The words of the pages /askfirst/me/ and /askfirst/verify/ in the reader's language: the one that the address asks for
// (`?lang=nl`), or the first of the browser's that there is. English is in the page, and stays where another can't be had.
import { RTL } from './generated/wire';

/** The languages that the pages have, by their own names. Not every browser knows these (Chromium lacks eight). */
declare const __PAGES__: Record<string, string>;
/** The English words. */
declare const __ENGLISH__: Words;

type Words = Record<string, string>;

let words = __ENGLISH__;
/** The language of the words. */
export let lang = 'en';

/** The words of a key, with `{name}` filled in. */
export const say = (key: string, values: Words = {}): string =>
  (words[key] ?? key).replace(/\{(\w+)\}/g, (all, name: string) => values[name] ?? (name == 'settings' ? words['reopen'] : undefined) ?? all);

/** Text in which `code` and **strong words** are marked. */
const marked = (text: string): (Node | string)[] => text.split(/(`[^`]+`|\*\*[^*]+\*\*)/).map((piece) => {
  const [, code, strong] = /^(?:`(.+)`|\*\*(.+)\*\*)$/.exec(piece) ?? [];
  if (!code && !strong) return piece;
  const made = document.createElement(code ? 'code' : 'strong');
  made.textContent = code || strong!;
  return made;
});

/** The best of the languages there are for a tag of the browser. */
function offered(tag: string): string | undefined {
  const wanted = tag.toLowerCase();
  const other = /^zh-(hant|tw|hk|mo)/.test(wanted) ? 'zh-hant' : wanted.replace(/^(no|nn)\b/, 'nb');
  return [other, other.split('-')[0]!].find((one) => Object.keys(__PAGES__).includes(one));
}

async function speak(base: string, wanted: string): Promise<void> {
  try {
    // Of an older file on a server that has been updated in between, only the keys that it lacks are English.
    words = { ...__ENGLISH__, ...await (await fetch(`${base}pages/${wanted}.json`)).json() };
    lang = wanted;
  } catch {
    words = __ENGLISH__;
    lang = 'en';
  }
  const root = document.documentElement;
  root.lang = lang;
  root.dir = RTL.includes(lang) ? 'rtl' : 'ltr';
  for (const place of document.querySelectorAll<HTMLElement>('[data-t]')) place.replaceChildren(...marked(say(place.dataset['t']!)));
  for (const place of document.querySelectorAll<HTMLElement>('[data-label]')) place.setAttribute('aria-label', say(place.dataset['label']!));
}

/** Puts the reader's language on the page, and a list to choose another one; `again` draws what the page has added. */
export async function inWords(base: string, again: () => void): Promise<void> {
  const list = document.getElementById('language') as HTMLSelectElement;
  for (const [tag, name] of Object.entries(__PAGES__).sort(([, one], [, other]) => one.localeCompare(other))) {
    list.add(new Option(name, tag));
    list.options[list.length - 1]!.lang = tag;
  }
  const asked = new URLSearchParams(location.search).get('lang');
  await speak(base, [...(asked ? [asked] : []), ...navigator.languages].map(offered).find((tag) => tag) ?? 'en');
  list.value = lang;
  list.addEventListener('change', async () => {
    const address = new URL(location.href);
    address.searchParams.set('lang', list.value);
    history.replaceState(null, '', address);
    await speak(base, list.value);
    list.value = lang;
    again();
  });
}
