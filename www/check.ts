// Loaded by the glue when the configuration is refused, and on the machine of whoever develops the site: the sentences
// about it, from the same parser as `askfirst check`.
import init, * as compiled from 'askfirst-check-wasm';
import { isRefused } from './refused';

/** Every problem of the configuration, one a line. `services` holds the texts of the ready-made ones. */
export async function check(base: string, config: string, services: Record<string, string | undefined>): Promise<string> {
  if (isRefused()) return (await import(base + 'askfirst-check-plain.mjs')).check(config, services);
  await init({ module_or_path: fetch(base + 'askfirst-check.wasm') });
  return compiled.check(config, services);
}
