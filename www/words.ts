// The words of lazy parts, which have a file of their own.

/** Those of a language, with the owner's own in their place. `ask` calls the engine. */
export const laterWords = async (lang: string, ask: (...request: unknown[]) => any): Promise<Record<string, string>> => {
  const answer = await fetch(new URL(`locales/later/${lang}.json`, import.meta.url));
  return { ...(await answer.json()), ...ask('words') };
};
