import { ENGINES, type Engine } from './engines.ts';
import { test as base } from './test.ts';

/** One Firefox for all that a worker runs: its start takes longer than a hundred cases. */
export const test = base.extend<{}, { firefox: Engine }>({
  firefox: [async ({}, use) => {
    const engine = await ENGINES.firefox();
    await use(engine);
    await engine.close();
  }, { scope: 'worker', timeout: 90_000 }],
});
