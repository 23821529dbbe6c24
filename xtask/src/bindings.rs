//! Makes wasm-bindgen's JavaScript and the names it shares with the wasm as small as they can be.
//!
//! The text is wasm-bindgen's own, of exactly the pinned version; whatever is not found as expected
//! is an error, never a silent difference.

use anyhow::{Context, Result, bail};
use walrus::Module;

/// The module name that the imports are shipped under.
pub const IMPORTS: &str = "_";

/// Where wasm-bindgen's own loading code starts in the JavaScript and in its types.
const LOADING: &str = "let wasmModule, wasmInstance, wasm;";
const LOADING_TYPES: &str = "export type InitInput";

/// Exports that only the bindings call; the others are the crate's and keep their names.
const INTERNAL_EXPORTS: [&str; 3] = ["__wbindgen_", "__externref_", "wasm_bindgen__"];

/// Called as wasm-bindgen's is: from the response the loader has asked for. Streaming needs the
/// right MIME type, which a plain static host may not send. Half of what wasm-bindgen's loading
/// code takes, which also serves workers, modules, URLs and synchronous starts.
const LOAD: &str = "\
let wasm;
const load = async (request, imports) => {
  const source = await request;
  if (!source.ok) throw new Error(`${source.url}: HTTP ${source.status}`);
  return source.headers.get('content-type')?.startsWith('application/wasm')
    ? WebAssembly.instantiateStreaming(source, imports)
    : WebAssembly.instantiate(await source.arrayBuffer(), imports);
};
";

/// The only way a module starts that is one.
const START: &str = "\
export default async function ({ module_or_path }) {
  wasm = (await load(module_or_path, __wbg_get_imports())).instance.exports;
  wasm.__wbindgen_start?.();
}
";

/// How the first part of a module that was taken apart starts (`split.rs`): so that it can begin `again` with a memory of
/// its own, and hand over what the second part `shared`.
const START_FIRST: &str = "\
let compiled;
const begin = (instance) => {
  wasm = instance.exports;
  wasm.__wbindgen_start?.();
};
export const again = async () => begin(await WebAssembly.instantiate(compiled, __wbg_get_imports()));
export const shared = () => [wasm, load];
export default async function (request) {
  const { module, instance } = await load(request, __wbg_get_imports());
  compiled = module;
  begin(instance);
}
";

/// How the second part starts: with the exports of the first, whose functions it takes by their places in the table, and
/// with the loading code, which it has not got itself.
const START_SECOND: &str = "\
export async function init([first, load], request) {
  wasm = first;
  const functions = new Proxy({}, { get: (_, place) => first.$0.get(+place) });
  await load(request, { ...__wbg_get_imports(), f: functions, s: first });
}
";

/// How the plain form starts (`plain.rs`), from the function that was made of the module.
const START_PLAIN: &str = "\
import instantiate from '$plain';
wasm = instantiate(__wbg_get_imports());
wasm.__wbindgen_start?.();
";

/// Views of the memory. wasm-bindgen's own keep one until the memory has grown, which each has to look for in its own way;
/// a new one is made in no time.
const BYTES: &str = "\
function getUint8ArrayMemory0() {
  return new Uint8Array(wasm.memory.buffer);
}";
const VIEW: &str = "\
function getDataViewMemory0() {
  return new DataView(wasm.memory.buffer);
}";

/// Strings into the memory of the module. wasm-bindgen's own saves a copy of long ASCII texts; ours are short and few.
const PASS_STRING: &str = "\
function passStringToWasm0(text, malloc) {
  const bytes = new TextEncoder().encode(text);
  const at = malloc(WASM_VECTOR_LEN = bytes.length, 1) >>> 0;
  getUint8ArrayMemory0().set(bytes, at);
  return at;
}";

/// Strings out of the memory of the module. wasm-bindgen's own keeps one decoder for as long as Safari lets it, which is
/// not for ever; a new one each time needs no count of what it has decoded.
const DECODE_TEXT: &str = "\
function decodeText(bytes) {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
}";

const START_TYPES: &str = "\
/** Starts the module from its response; every other export may be called once the promise is kept. */
export default function init(source: { module_or_path: Response | Promise<Response> }): Promise<void>;
";

const FIRST_TYPES: &str = "\
/** Starts the first part from its response. */
export default function init(source: Response | Promise<Response>): Promise<void>;
/** Starts it once more, as if it had not run. */
export function again(): Promise<void>;
/** What the second part begins with. */
export function shared(): [WebAssembly.Exports, unknown];
";

const SECOND_TYPES: &str = "\
/** Starts the second part from its response, beside the first. */
export function init(first: [WebAssembly.Exports, unknown], source: Response | Promise<Response>): Promise<void>;
";

/// What a module's bindings are made for.
#[derive(Clone, Copy, PartialEq)]
pub enum Part {
    Whole,
    /// Of the plain form of a module.
    Plain,
    /// Of a module that is taken apart.
    First,
    Second,
}

/// Rewrites the bindings and renames what they share with `module`; answers the new JavaScript, which [`finish`] completes.
pub fn shorten(bindings: &str, name: &str, module: &mut Module) -> Result<String> {
    let (body, _) = bindings
        .split_once(LOADING)
        .context("wasm-bindgen's loading code has changed; adapt xtask/src/bindings.rs to it")?;
    let mut bindings = format!("{body}{LOAD}");
    replace_function(&mut bindings, "passStringToWasm0", "const cachedTextEncoder", PASS_STRING)?;
    replace_function(&mut bindings, "decodeText", "let cachedTextDecoder", DECODE_TEXT)?;
    replace_function(&mut bindings, "getUint8ArrayMemory0", "let cachedUint8ArrayMemory0", BYTES)?;
    if bindings.contains("function getDataViewMemory0(") {
        replace_function(&mut bindings, "getDataViewMemory0", "let cachedDataViewMemory0", VIEW)?;
    }
    bindings = bindings.replace(", wasm.__wbindgen_realloc)", ")");
    shorten_imports(&mut bindings, name, module)?;
    // It is in none of the texts that it is looked for in.
    bindings.push_str("wasm.__wbindgen_start");
    shorten_exports(&mut bindings, module);
    Ok(bindings)
}

/// The JavaScript of a part, from that of the module: with the imports that it has.
pub fn finish(bindings: &str, part: Part, wasm: &[u8]) -> Result<String> {
    let (body, start) = bindings.rsplit_once("wasm.").context("the bindings name no start function")?;
    let text = match part {
        Part::Whole => START,
        Part::Plain => return finish_plain(body, start),
        Part::First => START_FIRST,
        Part::Second => START_SECOND,
    };
    let module = Module::from_buffer(wasm)?;
    let mut body = keep_imports(body, |name| module.imports.find(IMPORTS, name).is_some())?;
    if part == Part::Second {
        body = body.replace(LOAD, "let wasm;\n");
    }
    Ok(format!("{body}{}", text.replace("__wbindgen_start", start)))
}

fn finish_plain(body: &str, start: &str) -> Result<String> {
    // What wasm-bindgen leaves open, `plain.rs` has answered: these lines import it.
    let kept = body.lines().filter(|line| !line.contains(crate::plain::OPEN));
    let body = kept.collect::<Vec<_>>().join("\n");
    Ok(format!("{body}{}", START_PLAIN.replace("__wbindgen_start", start)))
}

/// Leaves out the imports that are not `wanted`. wasm-bindgen writes each as a property that begins a line.
fn keep_imports(bindings: &str, wanted: impl Fn(&str) -> bool) -> Result<String> {
    let changed = "wasm-bindgen's imports have changed; adapt xtask/src/bindings.rs to them";
    let (before, rest) = bindings.split_once("__proto__: null,").context(changed)?;
    let (imports, after) = rest.split_once("};\n        return {").context(changed)?;
    let mut kept = String::new();
    let mut keep = false;
    for line in imports.lines() {
        if let Some((name, _)) = line.trim_start().split_once(": function(") {
            keep = wanted(name);
        }
        if keep {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    Ok(format!("{before}__proto__: null,\n{kept}}};\n        return {{{after}"))
}

/// Puts `own` in the place of a function, and takes away what `variable` declares for it (up to the function or, after
/// it, to the end of the line).
fn replace_function(bindings: &mut String, name: &str, variable: &str, own: &str) -> Result<()> {
    let changed = || format!("wasm-bindgen's `{name}` has changed; adapt xtask/src/bindings.rs to it");
    let start = bindings.find(&format!("function {name}(")).with_context(changed)?;
    let mut depth = 0;
    let length = bindings[start..].find(|letter| {
        depth += i32::from(letter == '{') - i32::from(letter == '}');
        depth == 0 && letter == '}'
    });
    let end = start + length.with_context(changed)? + 1;
    let declared = bindings.find(variable).with_context(changed)?;
    if declared < start {
        bindings.replace_range(declared..end, own);
    } else {
        let line = bindings[declared..].find('\n').with_context(changed)?;
        bindings.replace_range(declared..declared + line, "");
        bindings.replace_range(start..end, own);
    }
    Ok(())
}

/// The types that belong to `shorten`'s JavaScript.
pub fn types(types: &str, part: Part) -> Result<String> {
    let (body, _) = types
        .split_once(LOADING_TYPES)
        .context("wasm-bindgen's types have changed; adapt xtask/src/bindings.rs to them")?;
    let start = match part {
        Part::Whole | Part::Plain => START_TYPES,
        Part::First => FIRST_TYPES,
        Part::Second => SECOND_TYPES,
    };
    Ok(format!("{body}{start}"))
}

/// Import names end in 16 random hexadecimal digits, in the wasm and again in the JavaScript: they
/// are the part of both files that doesn't compress. Renamed to `a`, `b`, … on both sides.
fn shorten_imports(bindings: &mut String, name: &str, module: &mut Module) -> Result<()> {
    // What wasm-bindgen calls it.
    let long_module = format!("./{name}_bg.js");
    let ours = module.imports.iter_mut().filter(|import| import.module == long_module);
    for (index, import) in ours.enumerate() {
        // Each is written once, as a property of the import object.
        let mut places = bindings.match_indices(&import.name);
        let (Some((at, _)), None) = (places.next(), places.next()) else {
            bail!("the import `{}` is not written exactly once in wasm-bindgen's JavaScript", import.name);
        };
        let short = short_name(index);
        bindings.replace_range(at..at + import.name.len(), &short);
        import.name = short;
        import.module = IMPORTS.to_owned();
    }
    *bindings = bindings.replace(&format!("\"{long_module}\""), &format!("\"{IMPORTS}\""));
    Ok(())
}

fn shorten_exports(bindings: &mut String, module: &mut Module) {
    let unused: Vec<_> = module
        .exports
        .iter()
        .filter(|export| is_internal(&export.name) && !bindings.contains(&format!("wasm.{}", export.name)))
        .map(walrus::Export::id)
        .collect();
    for export in unused {
        module.exports.delete(export);
    }
    let internal = module.exports.iter_mut().filter(|export| is_internal(&export.name));
    for (index, export) in internal.enumerate() {
        // A dollar sign keeps them apart from every function the crate can export.
        let short = format!("${}", short_name(index));
        *bindings = replace_property(bindings, &export.name, &short);
        export.name = short;
    }
}

fn is_internal(export: &str) -> bool {
    INTERNAL_EXPORTS.iter().any(|prefix| export.starts_with(prefix))
}

/// Replaces `wasm.<name>` where the name ends there.
fn replace_property(text: &str, name: &str, short: &str) -> String {
    let long = format!("wasm.{name}");
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(&long) {
        result.push_str(before);
        let continues = after.starts_with(|next: char| next.is_alphanumeric() || next == '_' || next == '$');
        if continues {
            result.push_str(&long);
        } else {
            result.push_str("wasm.");
            result.push_str(short);
        }
        rest = after;
    }
    result.push_str(rest);
    result
}

/// `a` … `z`, `aa`, `ab`, …
fn short_name(index: usize) -> String {
    let letter = char::from(b'a' + (index % 26) as u8);
    match index / 26 {
        0 => letter.to_string(),
        higher => format!("{}{letter}", short_name(higher - 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::{replace_function, replace_property, short_name};

    #[test]
    fn short_names_never_repeat() {
        let mut names: Vec<String> = (0..2000).map(short_name).collect();
        assert_eq!((names[0].as_str(), names[26].as_str(), names[701].as_str()), ("a", "aa", "zz"));
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 2000);
    }

    #[test]
    fn a_function_is_replaced_with_what_it_declares() -> anyhow::Result<()> {
        let mut before = String::from("let a = 1;\nfunction f(x) { if (x) { y } }\nrest");
        replace_function(&mut before, "f", "let a", "own")?;
        assert_eq!(before, "own\nrest");
        let mut after = String::from("function f(x) {}\nconst a = 1;\nrest");
        replace_function(&mut after, "f", "const a", "own")?;
        assert_eq!(after, "own\n\nrest");
        assert!(replace_function(&mut after, "g", "const a", "own").is_err());
        Ok(())
    }

    #[test]
    fn only_whole_names_are_replaced() {
        let text = "wasm.__wbindgen_free(1); wasm.__wbindgen_free_all(); wasm.__wbindgen_free";
        assert_eq!(replace_property(text, "__wbindgen_free", "$a"), "wasm.$a(1); wasm.__wbindgen_free_all(); wasm.$a");
    }
}
