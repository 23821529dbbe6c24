//! Rust to `askfirst.wasm`, `askfirst-check.wasm` and `askfirst-verify.wasm`: cargo, wasm-bindgen as a library, short import names, `wasm-opt`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};
use wasm_bindgen_cli_support::{Bindgen, EncodeInto};

use crate::project::{Project, WASM_TARGET};
use crate::{bindings, process, prune, tools};

/// A crate of the workspace that becomes a WebAssembly module.
pub struct Module {
    package: &'static str,
    /// What cargo calls the compiled module, without the extension.
    compiled: &'static str,
    /// The optimised module, relative to `Project::cache`.
    pub wasm: &'static str,
    /// Its bindings, relative to `Project::cache`; without the extension, what a script of `www/` imports.
    pub bindings: &'static str,
    /// The types of the bindings, for the type check.
    types: &'static str,
    /// The hash of everything the files above were made from.
    stamp: &'static str,
}

/// What every page loads; `www/glue.ts` is its caller.
pub const ENGINE: Module = Module {
    package: "askfirst",
    compiled: "askfirst",
    wasm: "askfirst.wasm",
    bindings: "askfirst-wasm.js",
    types: "askfirst-wasm.d.ts",
    stamp: "wasm.stamp",
};

/// The sentences about a configuration, loaded when there is something to say; `www/check.ts` is its caller.
pub const CHECK: Module = Module {
    package: "askfirst-check",
    compiled: "askfirst_check",
    wasm: "askfirst-check.wasm",
    bindings: "askfirst-check-wasm.js",
    types: "askfirst-check-wasm.d.ts",
    stamp: "check.stamp",
};

/// The check of evidence and receipts, loaded by the page that checks them; `www/verify.ts` is its caller.
pub const VERIFY: Module = Module {
    package: "askfirst-verify",
    compiled: "askfirst_verify",
    wasm: "askfirst-verify.wasm",
    bindings: "askfirst-verify-wasm.js",
    types: "askfirst-verify-wasm.d.ts",
    stamp: "verify.stamp",
};

/// The features rustc switches on for its wasm32 target; named, so that nothing newer slips in.
const WASM_OPT: [&str; 18] = [
    "--enable-bulk-memory",
    "--enable-bulk-memory-opt",
    "--enable-nontrapping-float-to-int",
    "--enable-sign-ext",
    "--enable-mutable-globals",
    "--enable-reference-types",
    "--enable-multivalue",
    // Measured on the engine: control flow taken apart and put together anew is 1.1 % smaller (brotli) after two rounds.
    "--flatten",
    "--rereloop",
    "-Oz",
    "-Oz",
    // Measured on the engine: inlining what is called once makes the file smaller, but compresses worse (brotli +4 %).
    // `--converge` and `-Os` change less than 0.2 %.
    "--one-caller-inline-max-function-size=20",
    // The first kilobyte is the far end of the stack: an address there plus an offset never wraps around.
    "--low-memory-unused",
    // These two make the file smaller and what brotli makes of it larger: repetition is cheaper than a local or a
    // segment of its own (together 0.8 %).
    "--skip-pass=local-cse",
    "--skip-pass=memory-packing",
    "--strip-debug",
    "--strip-producers",
    "--strip-target-features",
];

/// A panic is a trap without a message: nobody could read it in a page, and the text and its printing are 12 % of the
/// module (measured, brotli).
const OWN_STD: [&str; 7] = [
    "-Zunstable-options",
    "-Cpanic=immediate-abort",
    "-Zlocation-detail=none",
    "-Zfmt-debug=none",
    // What is smaller than a call is inlined before the compiler's own size heuristics see it: 4 % (measured, brotli; half
    // or twice the thresholds give less).
    "-Zinline-mir=yes",
    "-Zinline-mir-threshold=25",
    "-Zinline-mir-hint-threshold=50",
];

pub fn build(project: &Project) -> Result<()> {
    compile(project, &[ENGINE, CHECK])?;
    // Apart: cargo builds `core` once for all packages of a call, with the features of all of them, and the engine must
    // not be built with the signatures of the log.
    compile(project, &[VERIFY])?;
    for module in [ENGINE, CHECK, VERIFY] {
        module.finish(project)?;
    }
    Ok(())
}

fn compile(project: &Project, modules: &[Module]) -> Result<()> {
    let own_std = tools::ensure_std_sources(project);
    let packages: Vec<&str> = modules.iter().map(|module| module.package).collect();
    println!("Compiling {} …", packages.join(", "));
    let mut command = project.cargo();
    command
        .args(["build", "--lib"])
        .args(packages.iter().flat_map(|package| ["--package", package]))
        .args(["--profile", "wasm", "--target", WASM_TARGET])
        .env("CARGO_ENCODED_RUSTFLAGS", rustflags(project, own_std));
    if own_std {
        // Unstable options of a stable compiler: they change how the module is built, not what the language means.
        command
            .args(["-Zbuild-std=std,panic_abort", "-Zbuild-std-features=optimize_for_size"])
            .env("RUSTC_BOOTSTRAP", "1");
    }
    process::run("the build of the browser crates", &mut command)
}

impl Module {
    /// From what cargo has compiled to what is shipped.
    fn finish(&self, project: &Project) -> Result<()> {
        let compiled = project.target.join(WASM_TARGET).join("wasm").join(self.compiled).with_extension("wasm");
        let bytes = fs::read(&compiled).with_context(|| format!("{} can't be read", compiled.display()))?;
        let stamp = stamp(project, &bytes)?;
        let cache = project.cache();
        let outputs = [self.bindings, self.types, self.wasm].map(|name| cache.join(name));
        let old = fs::read_to_string(cache.join(self.stamp));
        if old.is_ok_and(|old| old == stamp) && outputs.iter().all(|path| path.exists()) {
            return Ok(());
        }
        let bound = cache.join("bound.wasm");
        self.bind(bytes, &cache, &bound)?;
        optimise(project, &bound, &cache.join(self.wasm))?;
        fs::write(cache.join(self.stamp), stamp)?;
        Ok(())
    }

    fn bind(&self, bytes: Vec<u8>, cache: &Path, bound: &Path) -> Result<()> {
        println!("Binding {} …", self.wasm);
        let mut output = Bindgen::new()
            .input_bytes(self.compiled, bytes)
            .web(true)?
            .typescript(true)
            .remove_name_section(true)
            .remove_producers_section(true)
            // The glue always passes the response the loader has already asked for.
            .omit_default_module_path(true)
            // Every browser with reference types has `TextEncoder.encodeInto`.
            .encode_into(EncodeInto::Always)
            .generate_output()
            .context("wasm-bindgen failed")?;
        if output.snippets().values().any(|list| !list.is_empty()) || !output.local_modules().is_empty() {
            bail!(
                "{} uses inline JavaScript, which would need files beside askfirst.mjs; move it to www/",
                self.package
            );
        }
        let (script, types) = (output.js().to_owned(), output.ts().unwrap_or_default().to_owned());
        fs::write(cache.join(self.bindings), bindings::shorten(&script, self.compiled, output.wasm_mut())?)?;
        fs::write(cache.join(self.types), bindings::types(&types)?)?;
        prune::table(output.wasm_mut());
        fs::write(bound, output.wasm_mut().emit_wasm())?;
        Ok(())
    }
}

/// Panic messages name source files: without the folders of this machine the bytes are the same everywhere, and fewer.
fn rustflags(project: &Project, own_std: bool) -> String {
    let mut flags = vec![remap(&project.path(""), "")];
    if own_std {
        flags.extend(OWN_STD.map(String::from));
    }
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::home_dir().map(|home| home.join(".cargo")));
    if let Some(registry) = home.map(|home| home.join("registry/src"))
        && let Ok(indexes) = fs::read_dir(registry)
    {
        flags.extend(indexes.flatten().map(|index| remap(&index.path(), "")));
    }
    flags.join("\x1f")
}

fn remap(from: &Path, to: &str) -> String {
    format!("--remap-path-prefix={}={to}", from.display())
}

fn optimise(project: &Project, from: &Path, to: &Path) -> Result<()> {
    println!("Optimising …");
    let mut command = project.command("node");
    command.arg(project.path("node_modules/binaryen/bin/wasm-opt")).args(WASM_OPT).arg(from).arg("-o").arg(to);
    process::run("wasm-opt", &mut command)
}

/// Everything the optimised module depends on: the compiled crate, the two tools and how they are called.
fn stamp(project: &Project, compiled: &[u8]) -> Result<String> {
    let mut hash = Sha256::new();
    hash.update(compiled);
    hash.update(
        fs::read(project.path("node_modules/binaryen/package.json"))
            .context("npm package binaryen is missing; run `npm ci`")?,
    );
    hash.update(WASM_OPT.join(" "));
    // These files decide how wasm-bindgen is called; the lock file, which wasm-bindgen it is.
    hash.update(concat!(include_str!("wasm.rs"), include_str!("bindings.rs"), include_str!("prune.rs")));
    hash.update(fs::read(project.path("Cargo.lock")).unwrap_or_default());
    Ok(format!("{:x}", hash.finalize()))
}
