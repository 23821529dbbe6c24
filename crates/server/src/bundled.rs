//! The words and the ready-made services: those beside the browser files, else those built into the program.
//!
//! A notice is the same to the byte in the page and on the server only when both read the same files, so what lies in
//! `dist/` comes first.

use std::fs;
use std::path::Path;

use askfirst_core::json::{self, Value};
use askfirst_core::texts::Texts;
use include_dir::{Dir, include_dir};

static LOCALES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../www/locales");
static SERVICES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../www/services");

/// Words by language and ready-made services by id.
pub struct Bundled {
    pub locales: Vec<Texts>,
    pub services: Vec<(String, Value)>,
}

impl Bundled {
    /// Reads what is built in and, over it, what lies in `dist`.
    ///
    /// # Errors
    /// The name of the file that can't be read as what it should be.
    pub fn read(dist: Option<&Path>) -> Result<Self, String> {
        let locales = files(&LOCALES, dist, "locales")?
            .into_iter()
            .map(|(tag, text)| words(&tag, &text, dist))
            .collect::<Result<_, _>>()?;
        let services = files(&SERVICES, dist, "services")?
            .into_iter()
            .map(|(id, text)| match json::parse(&text) {
                Ok(value) => Ok((id, value)),
                Err(error) => Err(format!("services/{id}.json: {} at line {}", error.kind.message(), error.line)),
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { locales, services })
    }
}

/// The words of a language; those that come after the first layer's lie in folders of their own in `dist`.
fn words(tag: &str, text: &str, dist: Option<&Path>) -> Result<Texts, String> {
    let parse = |text: &str| Texts::parse(tag, text).ok_or(format!("locales/{tag}.json is not an object of strings"));
    let mut words = parse(text)?;
    for folder in ["more", "later"] {
        let path = dist.map(|dist| dist.join("locales").join(folder).join(format!("{tag}.json")));
        if let Some(text) = path.and_then(|path| fs::read_to_string(path).ok()) {
            words = words.with_later(&parse(&text)?);
        }
    }
    Ok(words)
}

/// (name without `.json`, text), sorted by name.
fn files(built_in: &Dir<'_>, dist: Option<&Path>, folder: &str) -> Result<Vec<(String, String)>, String> {
    let mut found: Vec<(String, String)> = Vec::new();
    for file in built_in.files() {
        if let (Some(name), Some(text)) = (json_name(file.path()), file.contents_utf8()) {
            found.push((name, text.to_owned()));
        }
    }
    // Without the folder the built-in files stand alone.
    for entry in dist.and_then(|dist| fs::read_dir(dist.join(folder)).ok()).into_iter().flatten().flatten() {
        let path = entry.path();
        let Some(name) = json_name(&path) else { continue };
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        found.retain(|(known, _)| *known != name);
        found.push((name, text));
    }
    found.sort();
    Ok(found)
}

fn json_name(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?.strip_suffix(".json")?;
    Some(name.to_owned())
}
