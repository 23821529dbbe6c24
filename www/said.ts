// Dates and countries as people say them. The tree, and with it the notice, has the day and the code; the name that
// belongs to them in a language is the browser's to say (Intl, CLDR). No rule, no words.

/** The reader's own variety of the language of the words: `en-GB` for `en`, where the browser asks for it. */
const variety = (lang: string) => (navigator.languages || []).find((own) => own.split('-')[0] == lang) || lang;

/** What `say` says; what is written where the browser does not know the language, the country or `Intl` itself. */
const said = (written: string, say: () => string | undefined) => {
  try {
    return say() || written;
  } catch {
    return written;
  }
};

/** A day (`2026-11-22`) in words. Choices are dated in UTC, and the words beside the date say so. */
export const day = (written: string, lang: string) =>
  said(written, () => new Intl.DateTimeFormat(variety(lang), { dateStyle: 'long', timeZone: 'UTC' }).format(new Date(written)));

/** A moment (`2026-11-22T10:15:30Z`) in words, with the zone's name. */
export const moment = (written: string, lang: string) => said(written, () => new Intl.DateTimeFormat(variety(lang), {
  year: 'numeric', month: 'long', day: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit', timeZone: 'UTC', timeZoneName: 'short',
}).format(new Date(written)));

/** Country codes (`IE, US`) as names. */
export const countries = (written: string, lang: string) => said(written, () => {
  const names = new Intl.DisplayNames([lang], { type: 'region' });
  return written.split(', ').map((code) => names.of(code)).join(', ');
});

/** Puts them into a tree that has been drawn. */
export const localise = (root: ParentNode, lang: string) => {
  for (const place of root.querySelectorAll('[data-countries]')) place.textContent = countries(place.textContent!, lang);
  for (const place of root.querySelectorAll<HTMLElement>('[data-day]')) {
    const written = place.dataset.day!;
    // Isolated (UAX 9), so that the words around it keep their order in whatever direction the date is written.
    place.textContent = place.textContent!.replace(written, () => `\u2068${day(written, lang)}\u2069`);
  }
};
