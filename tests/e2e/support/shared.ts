import { Product } from './product.ts';
import { test as base } from './visit.ts';

/** One product for all tests of a worker: a site without records, so that nothing of one test is left to the next. */
export const test = base.extend<{}, { shared: Product }>({
  shared: [async ({}, use) => {
    const product = await Product.start();
    await product.configure((config) => delete config.records);
    await use(product);
    await product.stop();
  }, { scope: 'worker' }],
});
