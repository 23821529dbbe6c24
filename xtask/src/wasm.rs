//! Rust to `askfirst.wasm`, `askfirst-check.wasm` and `askfirst-verify.wasm`: cargo, wasm-bindgen as a library, short import names, `wasm-opt`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};
use wasm_bindgen_cli_support::{Bindgen, EncodeInto};

use crate::bindings::{self, Part};
use crate::project::{Project, WASM_TARGET};
use crate::split::{self, Parts};
use crate::{plain, process, prune, tools};

/// A crate of the workspace that becomes a WebAssembly module.
pub struct Module {
    package: &'static str,
    /// What cargo calls the compiled module, without the extension.
    compiled: &'static str,
    pub files: Files,
    /// What a first visit does without until its banner is there, when that is a module of its own (`split.rs`).
    pub second: Option<Files>,
    /// The bindings of its plain form (`plain.rs`), relative to `Project::cache`.
    pub plain: &'static str,
    /// The hash of everything the files above were made from.
    stamp: &'static str,
}

/// An optimised module and what belongs to it, relative to `Project::cache`.
pub struct Files {
    pub wasm: &'static str,
    /// Its bindings; without the extension, what a script of `www/` imports.
    pub bindings: &'static str,
    /// The types of the bindings, for the type check.
    types: &'static str,
}

/// What every page loads; `www/glue.ts` is the caller of its first part, `www/more.ts` of the second.
pub const ENGINE: Module = Module {
    package: "askfirst",
    compiled: "askfirst",
    files: Files { wasm: "askfirst.wasm", bindings: "askfirst-wasm.js", types: "askfirst-wasm.d.ts" },
    second: Some(Files {
        wasm: "askfirst-more.wasm",
        bindings: "askfirst-more-wasm.js",
        types: "askfirst-more-wasm.d.ts",
    }),
    plain: "askfirst-plain-wasm.js",
    stamp: "wasm.stamp",
};

/// The sentences about a configuration, loaded when there is something to say; `www/check.ts` is its caller.
pub const CHECK: Module = Module {
    package: "askfirst-check",
    compiled: "askfirst_check",
    files: Files { wasm: "askfirst-check.wasm", bindings: "askfirst-check-wasm.js", types: "askfirst-check-wasm.d.ts" },
    second: None,
    plain: "askfirst-check-plain-wasm.js",
    stamp: "check.stamp",
};

/// The check of evidence and receipts, loaded by the page that checks them; `www/verify.ts` is its caller.
pub const VERIFY: Module = Module {
    package: "askfirst-verify",
    compiled: "askfirst_verify",
    files: Files {
        wasm: "askfirst-verify.wasm",
        bindings: "askfirst-verify-wasm.js",
        types: "askfirst-verify-wasm.d.ts",
    },
    second: None,
    plain: "askfirst-verify-plain-wasm.js",
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

/// Makes the first visits by which a module is taken apart.
const FIRST_VISIT: &str = "xtask/first-visit.mjs";

pub fn build(project: &Project) -> Result<()> {
    // Each text stays a segment of its own, so that both parts of the engine get those they need (`segments.rs`).
    compile(project, &ENGINE, &["-Clink-arg=--no-merge-data-segments"])?;
    compile(project, &CHECK, &[])?;
    // Apart: cargo builds `core` once for all packages of a call, with the features of all of them, and the engine must
    // not be built with the signatures of the log.
    compile(project, &VERIFY, &[])?;
    for module in [ENGINE, CHECK, VERIFY] {
        module.finish(project)?;
    }
    Ok(())
}

/// `flags` are for the crate itself and leave what it depends on alone.
fn compile(project: &Project, module: &Module, flags: &[&str]) -> Result<()> {
    let own_std = tools::ensure_std_sources(project);
    println!("Compiling {} …", module.package);
    let mut command = project.cargo();
    command
        .args(["rustc", "--lib", "--package", module.package])
        .args(["--profile", "wasm", "--target", WASM_TARGET])
        .env("CARGO_ENCODED_RUSTFLAGS", rustflags(project, own_std));
    if own_std {
        // Unstable options of a stable compiler: they change how the module is built, not what the language means.
        command
            .args(["-Zbuild-std=std,panic_abort", "-Zbuild-std-features=optimize_for_size"])
            .env("RUSTC_BOOTSTRAP", "1");
    }
    command.arg("--").args(flags);
    process::run("the build of the browser crates", &mut command)
}

impl Module {
    /// From what cargo has compiled to what is shipped.
    fn finish(&self, project: &Project) -> Result<()> {
        let compiled = project.target.join(WASM_TARGET).join("wasm").join(self.compiled).with_extension("wasm");
        let bytes = fs::read(&compiled).with_context(|| format!("{} can't be read", compiled.display()))?;
        let stamp = stamp(project, &bytes)?;
        let cache = project.cache();
        let files = [Some(&self.files), self.second.as_ref()];
        let outputs = files.into_iter().flatten().flat_map(|files| [files.wasm, files.bindings, files.types]);
        let mut outputs = outputs.chain([self.plain]);
        let old = fs::read_to_string(cache.join(self.stamp));
        if old.is_ok_and(|old| old == stamp) && outputs.all(|name| cache.join(name).exists()) {
            return Ok(());
        }
        let bound = self.bind(walrus::Module::from_buffer(&bytes)?, Part::Whole)?;
        match &self.second {
            None => write(project, &bound, Part::Whole, &bound.wasm, &self.files)?,
            Some(second) => {
                let parts = take_apart(project, &bound)?;
                write(project, &bound, Part::First, &parts.first, &self.files)?;
                write(project, &bound, Part::Second, &parts.second, second)?;
            }
        }
        self.make_plain(project, &bytes)?;
        fs::write(cache.join(self.stamp), stamp)?;
        Ok(())
    }

    fn make_plain(&self, project: &Project, bytes: &[u8]) -> Result<()> {
        let mut module = walrus::Module::from_buffer(bytes)?;
        plain::prepare(&mut module)?;
        let bound = self.bind(module, Part::Plain)?;
        let script = format!("{}.translated.js", self.compiled);
        let translated = plain::translate(project, &bound.wasm, self.compiled)?;
        fs::write(project.cache().join(&script), translated)?;
        let bindings = bindings::finish(&bound.script, Part::Plain, &bound.wasm)?;
        fs::write(project.cache().join(self.plain), bindings.replace("$plain", &format!("./{script}")))?;
        Ok(())
    }

    fn bind(&self, module: walrus::Module, part: Part) -> Result<Bound> {
        println!("Binding {} …", self.files.wasm);
        let mut output = Bindgen::new()
            .input_module(self.compiled, module)
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
        let script = bindings::shorten(&script, self.compiled, output.wasm_mut())?;
        if part == Part::Plain {
            plain::complete(output.wasm_mut())?;
        }
        prune::table(output.wasm_mut());
        Ok(Bound { wasm: output.wasm_mut().emit_wasm(), script, types })
    }
}

/// A module as wasm-bindgen leaves it, with short names.
struct Bound {
    wasm: Vec<u8>,
    script: String,
    types: String,
}

/// Finds out by first visits what comes first, and takes the module apart.
fn take_apart(project: &Project, bound: &Bound) -> Result<Parts> {
    println!("Taking it apart …");
    let cache = project.cache();
    let (traced, bindings) = (cache.join("traced.wasm"), cache.join("traced.mjs"));
    fs::write(&traced, split::traced(&bound.wasm)?)?;
    fs::write(&bindings, bindings::finish(&bound.script, Part::Whole, &bound.wasm)?)?;
    let mut command = project.command("node");
    command.arg(FIRST_VISIT).arg(&traced).arg(&bindings);
    let ran = process::output("the first visits (xtask/first-visit.mjs)", &mut command)?;
    split::split(&bound.wasm, &serde_json::from_str(&ran)?)
}

/// Writes a part, optimised, with its bindings and their types.
fn write(project: &Project, bound: &Bound, part: Part, wasm: &[u8], files: &Files) -> Result<()> {
    let cache = project.cache();
    fs::write(cache.join(files.bindings), bindings::finish(&bound.script, part, wasm)?)?;
    fs::write(cache.join(files.types), bindings::types(&bound.types, part)?)?;
    let raw = cache.join(format!("bound-{}", files.wasm));
    fs::write(&raw, wasm)?;
    optimise(project, &raw, &cache.join(files.wasm))
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
    hash.update(concat!(include_str!("split.rs"), include_str!("segments.rs"), include_str!("plain.rs")));
    // What is seen in the first visits decides what comes first.
    for input in [FIRST_VISIT, "xtask/parts.mjs", "www/locales/en.json", "www/demo/askfirst.json"] {
        hash.update(fs::read(project.path(input)).with_context(|| format!("{input} can't be read"))?);
    }
    hash.update(fs::read(project.path("Cargo.lock")).unwrap_or_default());
    Ok(format!("{:x}", hash.finalize()))
}
