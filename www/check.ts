// Loaded by the glue when the configuration is refused, and on the machine of whoever develops the site: the sentences
// about it, from the same parser as `askfirst check`.
import init, * as compiled from 'askfirst-check-wasm';
import { isRefused } from './refused';

/** A Google tag that loads before the choice (L25), unless the loader's tag says that this is meant. After consent the
 * page's own code may have made one. */
const advanced = () => {
  const tag = document.querySelector<HTMLScriptElement>('script[src*="www.googletagmanager.com"]:not([data-category])');
  if (!tag || document.querySelector('script[data-google=advanced]') || (window as any).askfirst?.state?.().granted.length) return [];
  return [`warning L25 at <script src="${tag.getAttribute('src')}">: it loads before the choice and sends what Google calls cookieless pings; mark it with data-category, or write data-google="advanced" on the tag of askfirst.js`];
};

/** Every problem of the configuration, and of the page where it can be seen, one a line. `services` holds the texts of
 * the ready-made ones. */
export async function check(base: string, config: string, services: Record<string, string | undefined>): Promise<string> {
  let lines: string;
  if (isRefused()) lines = await (await import(base + 'askfirst-check-plain.mjs')).check(config, services);
  else {
    await init({ module_or_path: fetch(base + 'askfirst-check.wasm') });
    lines = compiled.check(config, services);
  }
  return [...(lines ? [lines] : []), ...advanced()].join('\n');
}
