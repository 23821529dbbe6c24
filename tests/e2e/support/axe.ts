import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';

/**
 * axe-core on a page and on the frames in it. "Legacy" is axe's name for asking the page itself and not yet another page for
 * the sum of all frames, which takes a third longer; what it leaves out, frames of other origins, no test here asks about.
 */
export const axe = (page: Page) => new AxeBuilder({ page }).setLegacyMode();
