/**
 * Builds the small apps with Vite, each as its users would: React, Vue, Svelte and none at all.
 *
 *   node tests/frameworks/build.mjs --out dist-frameworks
 *
 * The address of the third parties is filled in when a test serves the pages (`__SINK__`).
 */
import { readFile, rm } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import vue from "@vitejs/plugin-vue";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { build } from "vite";

const here = dirname(fileURLToPath(import.meta.url));
const at = process.argv.indexOf("--out");
const out = resolve(at > 0 ? process.argv[at + 1] : "dist-frameworks");

const APPS = {
  react: { entry: "main.jsx", plugins: () => [react()], mode: "development" },
  vue: { entry: "main.js", plugins: () => [vue()] },
  svelte: { entry: "main.js", plugins: () => [svelte({ configFile: false })] },
  plain: { entry: "main.js", plugins: () => [] },
};

/** All apps share one page; Vite wants each to have its own. */
const page = (name, entry, html) => {
  const path = join(here, name, "index.html");
  return {
    name: "askfirst-page",
    resolveId: (id) => (id == path ? path : undefined),
    load: (id) => (id == path ? html.replaceAll("__NAME__", name).replace("/main.js", `/${entry}`) : undefined),
  };
};

const html = await readFile(join(here, "shared/index.html"), "utf8");
await rm(out, { recursive: true, force: true });
for (const [name, { entry, plugins, mode = "production" }] of Object.entries(APPS)) {
  // React chooses its build by this, at the time Vite reads it.
  process.env.NODE_ENV = mode;
  await build({
    root: join(here, name),
    base: `/${name}/`,
    mode,
    configFile: false,
    logLevel: "error",
    plugins: [page(name, entry, html), ...plugins()],
    build: { outDir: join(out, name), emptyOutDir: true, rollupOptions: { input: join(here, name, "index.html") } },
  });
}
console.log(`frameworks: ${relative(process.cwd(), out)} (${Object.keys(APPS).join(", ")})`);
