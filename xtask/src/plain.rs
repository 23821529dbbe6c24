//! The same code as JavaScript, for where WebAssembly is refused: a policy without `wasm-unsafe-eval`, Lockdown Mode
//! (DESIGN §5, T1). Fetched there and nowhere else, so its size counts less than that it is the same.
//!
//! It is made from what cargo has compiled for WebAssembly: wasm-bindgen binds it once more, with objects in a list of its
//! own instead of references and with pointers instead of several results, and binaryen's `wasm2js` translates that.

use std::fs;

use anyhow::{Context, Result, bail};
use walrus::{FunctionKind, ImportedFunction, Module};

use crate::bindings::IMPORTS;
use crate::process;
use crate::project::Project;

/// What JavaScript has no counterpart for.
const REFUSED: [&str; 2] = ["reference-types", "multivalue"];

/// Where the names are that wasm-bindgen answers itself, but only in modules with references.
pub const OPEN: &str = "__wbindgen_externref_xform__";
/// How many objects have a fixed place.
const STATICS: &str = "__wbindgen_externref_statics_end";
/// `wasm_bindgen::__rt::JSIDX_RESERVED`: undefined, null, true and false behind 1,024 places for a stack. With references
/// wasm-bindgen itself puts the number there.
const RESERVED: i32 = 1028;

/// Turned into what every engine since 2017 has.
const LOWER: [&str; 10] = [
    "--enable-bulk-memory",
    "--enable-nontrapping-float-to-int",
    "--enable-sign-ext",
    "--enable-mutable-globals",
    "-Oz",
    "--signext-lowering",
    "--llvm-memory-copy-fill-lowering",
    "--llvm-nontrapping-fptoint-lowering",
    "--strip-debug",
    "--strip-producers",
];

/// Takes back that the module may use what JavaScript has no counterpart for; wasm-bindgen goes by that. The compiler
/// has not used it.
pub fn prepare(module: &mut Module) -> Result<()> {
    let changed = "the list of features in the compiled module is not as expected; adapt xtask/src/plain.rs to it";
    let mut section = module.customs.remove_raw("target_features").context(changed)?;
    // A count, then for each a sign and a name with its length before it; all are shorter than 128 bytes.
    let (_, mut rest) = section.data.split_first().context(changed)?;
    let mut kept = vec![0];
    while let [_, length, ..] = *rest {
        let (feature, after) = rest.split_at_checked(2 + usize::from(length)).context(changed)?;
        if !REFUSED.iter().any(|name| feature.ends_with(name.as_bytes())) {
            kept[0] += 1;
            kept.extend_from_slice(feature);
        }
        rest = after;
    }
    if !rest.is_empty() || kept[0] > 127 {
        bail!(changed);
    }
    section.data = kept;
    module.customs.add(section);
    Ok(())
}

/// Answers what wasm-bindgen leaves open in a module that is not to have references.
pub fn complete(module: &mut Module) -> Result<()> {
    let open = module.funcs.iter().find_map(|function| match function.kind {
        FunctionKind::Import(ImportedFunction { import, .. }) => {
            let import = module.imports.get(import);
            (import.module == OPEN && import.name == STATICS).then_some(function.id())
        }
        _ => None,
    });
    if let Some(open) = open {
        module.replace_imported_func(open, |(body, _)| {
            body.i32_const(RESERVED);
        })?;
    }
    match module.imports.iter().find(|import| import.module != IMPORTS) {
        Some(other) => bail!("the plain form would have to import {} from {}", other.name, other.module),
        None => Ok(()),
    }
}

/// Translates a module into the text of a function that makes an instance from its imports.
pub fn translate(project: &Project, wasm: &[u8], name: &str) -> Result<String> {
    println!("Translating {name} …");
    let cache = project.cache();
    let [bound, lowered] = ["plain", "lowered"].map(|what| cache.join(format!("{what}-{name}.wasm")));
    let script = cache.join(format!("{name}.wasm2js.js"));
    fs::write(&bound, wasm)?;
    let tool = |tool: &str| {
        let mut command = project.command("node");
        command.arg(project.path("node_modules/binaryen/bin").join(tool));
        command
    };
    process::run("wasm-opt", tool("wasm-opt").args(LOWER).arg(&bound).arg("-o").arg(&lowered))?;
    process::run("wasm2js", tool("wasm2js").args(&LOWER[..4]).arg("-Oz").arg(&lowered).arg("-o").arg(&script))?;
    let text = fs::read_to_string(&script)?;
    // It is written as a module that imports and exports; what is wanted is the function in it.
    let text = text.replace(&format!("import * as {IMPORTS} from '{IMPORTS}';\n"), "");
    let (function, _) = text.split_once("\nvar retasmFunc = asmFunc(").with_context(changed)?;
    if function.lines().any(|line| line.starts_with("import ")) {
        bail!(changed());
    }
    Ok(format!("{function}\nexport default asmFunc;\n"))
}

fn changed() -> &'static str {
    "wasm2js writes something else than expected; adapt xtask/src/plain.rs to it"
}
