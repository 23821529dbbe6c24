import { defineConfig } from '@playwright/test';
import { CHROMIUM } from './support/chromium.ts';

export default defineConfig({
  testDir: '.',
  outputDir: 'output',
  fullyParallel: true,
  reporter: 'list',
  // A shared, noisy machine gets another try, twice; the report names what needed one.
  retries: process.env.CI ? 2 : 0,
  workers: 2,
  timeout: 30_000,
  use: {
    browserName: 'chromium',
    launchOptions: CHROMIUM,
  },
});
