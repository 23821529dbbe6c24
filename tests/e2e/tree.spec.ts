// What assistive technology is told: the accessibility tree of each layer as text, in four languages, kept in tests/e2e/tree/
// and to be read there as a screen reader would read it out. `UPDATE_TREES=1` writes them anew.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import type { Page } from '@playwright/test';
import { expect, part, started } from './support/visit.ts';
import { serveMini } from './support/mini.ts';
import { test } from './support/shared.ts';

const FOLDER = new URL('./tree/', import.meta.url);
const LANGUAGES = { en: 'lang="en"', nl: 'lang="nl"', de: 'lang="de"', ar: 'lang="ar" dir="rtl"' };

interface Node {
  nodeId: string;
  ignored: boolean;
  role?: { value: string };
  name?: { value: string };
  description?: { value: string };
  properties?: { name: string; value: { value: unknown } }[];
  childIds?: string[];
}

/** States that a screen reader says. */
const SAID = ['checked', 'disabled', 'expanded', 'modal', 'level', 'live', 'focused', 'invalid', 'required', 'pressed'];
/** Roles that say nothing by themselves. */
const SILENT = ['none', 'generic', 'InlineTextBox', 'RootWebArea', 'LineBreak', 'ListMarker'];

/** The tree of the interface alone, as Chromium hands it to the platform: one line per object, indented. */
async function tree(page: Page) {
  const session = await page.context().newCDPSession(page);
  const { nodes } = await session.send('Accessibility.getFullAXTree') as unknown as { nodes: Node[] };
  await session.detach();
  const byId = new Map(nodes.map((node) => [node.nodeId, node]));
  const lines: string[] = [];
  const walk = (id: string, depth: number) => {
    const node = byId.get(id);
    if (!node) return;
    const role = node.role?.value ?? 'none';
    const silent = node.ignored || SILENT.includes(role);
    if (!silent) {
      const states = (node.properties ?? []).filter(({ name, value }) => SAID.includes(name) && value.value !== false && value.value !== 'false')
        .map(({ name, value }) => (value.value === true || value.value === 'true' ? name : `${name} ${value.value}`));
      const name = node.name?.value ? ` “${node.name.value}”` : '';
      const description = node.description?.value ? `, described “${node.description.value}”` : '';
      lines.push(`${'  '.repeat(depth)}${role == 'StaticText' ? 'text' : role}${name}${description}${states.map((state) => `, ${state}`).join('')}`);
      // A control's own words are its name.
      if (['button', 'link', 'StaticText', 'switch', 'heading', 'term'].includes(role) && node.name?.value) return;
    }
    const before = lines.length;
    for (const child of node.childIds ?? []) walk(child, depth + (silent ? 0 : 1));
    // A live region without words says nothing, and Chromium keeps it or not.
    if (role == 'status' && !silent && lines.length == before) lines.pop();
  };
  walk(nodes[0]!.nodeId, 0);
  return lines.join('\n') + '\n';
}

/** Compares with what is kept, or keeps it. */
async function kept(name: string, look: () => Promise<string>) {
  const file = new URL(`${name}.txt`, FOLDER);
  if (process.env['UPDATE_TREES']) {
    await mkdir(FOLDER, { recursive: true });
    await writeFile(file, await look());
  }
  // The browser builds the tree a little later than the page.
  await expect.poll(look, name).toBe(await readFile(file, 'utf8'));
}

for (const [lang, html] of Object.entries(LANGUAGES)) {
  test(`${lang}: banner, preferences and the way back read well to who can't see them (A1–A4, WCAG 4.1.2, 4.1.3)`, async ({ page, shared }) => {
    await page.emulateMedia({ reducedMotion: 'reduce' });
    await page.goto(serveMini(shared.front, shared.sink.url, { html }));
    await started(page);
    await expect(part(page, 'banner')).toBeVisible();
    // The live region is filled once, with the title alone.
    await expect(page.locator('askfirst-ui [role=status]')).not.toBeEmpty();
    await kept(`banner.${lang}`, () => tree(page));
    await part(page, 'customise').click();
    await expect(part(page, 'dialog')).toBeVisible();
    await kept(`dialog.${lang}`, () => tree(page));
    await part(page, 'dialog').locator('details').nth(2).evaluate((one: any) => (one.open = true));
    await part(page, 'service-google-ads').check();
    await kept(`details.${lang}`, () => tree(page));
    await part(page, 'save').click();
    await expect(part(page, 'reopen')).toBeVisible();
    // That it was saved is told.
    await expect(page.locator('askfirst-ui [role=status]')).not.toBeEmpty();
    await kept(`control.${lang}`, () => tree(page));
  });
}
