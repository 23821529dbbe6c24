/**
 * Builds the demo site: sets every page into the layout, points it at the sink, bundles the tracking libraries.
 *
 *   node www/demo/build.mjs --out dist-demo --sink http://127.0.0.1:4401
 */
import { build } from "esbuild";
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { art } from "./art.mjs";

const here = dirname(fileURLToPath(import.meta.url));

function option(name, fallback) {
  const at = process.argv.indexOf(`--${name}`);
  return at > 0 && process.argv[at + 1] ? process.argv[at + 1] : fallback;
}

/** `{{name}}` is replaced by its value; an unknown name is a mistake in a page, so it stops the build. */
function fill(template, values, where) {
  return template.replace(/\{\{([\w.]+)\}\}/g, (_, name) => {
    if (!(name in values)) throw new Error(`${where}: nothing is called {{${name}}}`);
    return values[name];
  });
}

/** A page is a fragment under a first comment with its JSON: `<!-- { "title": … } -->`. */
function parse(source, where) {
  const found = /^<!--\s*(\{[\s\S]*?\})\s*-->\s*/.exec(source);
  if (!found) throw new Error(`${where}: starts without its JSON comment`);
  return { meta: JSON.parse(found[1]), body: source.slice(found[0].length) };
}

async function pages(folder) {
  const entries = await readdir(folder, { recursive: true });
  return entries.filter((name) => name.endsWith(".html")).sort();
}

export async function buildDemo({ out, sink }) {
  const target = resolve(out);
  await rm(target, { recursive: true, force: true });
  await mkdir(target, { recursive: true });
  await cp(join(here, "site"), target, { recursive: true });
  await cp(join(here, "askfirst.json"), join(target, "askfirst.json"));

  const read = (name) => readFile(join(here, name), "utf8");
  const [layout, panel, tags] = await Promise.all([read("layout.html"), read("panel.html"), read("tags.html")]);
  const words = JSON.parse(await read("words.json"));

  for (const name of await pages(join(here, "pages"))) {
    const { meta, body } = parse(await read(join("pages", name)), name);
    const lang = meta.lang ?? "en";
    const shared = { sink, lang, ...art, ...words[lang], topic: "general", ...meta };
    const html = fill(
      layout,
      {
        ...shared,
        main: fill(body, shared, name),
        tags: fill(tags, shared, "tags.html"),
        panel: fill(panel, shared, "panel.html"),
      },
      "layout.html",
    );
    const path = join(target, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, html);
  }

  const common = { bundle: true, minify: true, target: "es2020", logLevel: "warning", legalComments: "eof", define: { SINK: JSON.stringify(sink) } };
  const entry = (name) => join(here, "lib", `${name}.js`);
  await build({ ...common, format: "iife", outdir: join(target, "lib"), entryPoints: ["plausible", "posthog", "tidemark", "house-ad"].map(entry) });
  await build({ ...common, format: "esm", outfile: join(target, "lib", "matomo.mjs"), entryPoints: [entry("matomo")] });
  return target;
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const sink = new URL(option("sink", "http://127.0.0.1:4401")).origin;
  const target = await buildDemo({ out: option("out", "dist-demo"), sink });
  console.log(`demo: ${relative(process.cwd(), target) || "."} (third parties at ${sink})`);
}
