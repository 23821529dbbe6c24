//! Makes wasm-bindgen's JavaScript and the names it shares with the wasm as small as they can be.
//!
//! The text is wasm-bindgen's own, of exactly the pinned version; whatever is not found as expected
//! is an error, never a silent difference.

use anyhow::{Context, Result, bail};
use walrus::Module;

/// The module name that the imports are shipped under.
const IMPORTS: &str = "_";

/// Where wasm-bindgen's own loading code starts in the JavaScript and in its types.
const LOADING: &str = "let wasmModule, wasmInstance, wasm;";
const LOADING_TYPES: &str = "export type InitInput";

/// Exports that only the bindings call; the others are the crate's and keep their names.
const INTERNAL_EXPORTS: [&str; 3] = ["__wbindgen_", "__externref_", "wasm_bindgen__"];

/// The only way Askfirst starts, called as wasm-bindgen's is: from the response the loader has asked for. Streaming needs the
/// right MIME type, which a plain static host may not send. Half of what wasm-bindgen's loading
/// code takes, which also serves workers, modules, URLs and synchronous starts.
const START: &str = "\
let wasm;
export default async function ({ module_or_path }) {
  const source = await module_or_path;
  if (!source.ok) throw new Error(`${source.url}: HTTP ${source.status}`);
  const imports = __wbg_get_imports();
  const streams = source.headers.get('content-type')?.startsWith('application/wasm');
  const { instance } = streams
    ? await WebAssembly.instantiateStreaming(source, imports)
    : await WebAssembly.instantiate(await source.arrayBuffer(), imports);
  wasm = instance.exports;
  wasm.__wbindgen_start?.();
}
";

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

/// Rewrites the bindings and renames what they share with `module`; answers the new JavaScript.
pub fn shorten(bindings: &str, name: &str, module: &mut Module) -> Result<String> {
    let (body, _) = bindings
        .split_once(LOADING)
        .context("wasm-bindgen's loading code has changed; adapt xtask/src/bindings.rs to it")?;
    let mut bindings = format!("{body}{START}");
    replace_function(&mut bindings, "passStringToWasm0", "const cachedTextEncoder", PASS_STRING)?;
    replace_function(&mut bindings, "decodeText", "let cachedTextDecoder", DECODE_TEXT)?;
    bindings = bindings.replace(", wasm.__wbindgen_realloc)", ")");
    shorten_imports(&mut bindings, name, module)?;
    shorten_exports(&mut bindings, module);
    Ok(bindings)
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
pub fn types(types: &str) -> Result<String> {
    let (body, _) = types
        .split_once(LOADING_TYPES)
        .context("wasm-bindgen's types have changed; adapt xtask/src/bindings.rs to them")?;
    Ok(format!("{body}{START_TYPES}"))
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
