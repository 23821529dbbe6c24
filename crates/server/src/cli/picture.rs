//! `askfirst export --html` and `--png`: evidence for people, drawn by the view code of the page.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use askfirst_core::log::evidence::{self, Pack, screen, verify};

use super::token::user_id;
use crate::private;

/// The style sheet of the interface, as it is built into this program.
const CSS: &str = include_str!("../../../../www/ui.css");

/// Where a Chromium may be, by name; `ASKFIRST_CHROMIUM` is asked first.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// Parts of the notice and the windows in which they are taken: name, width, height.
const WINDOWS: [(&str, &str, u32, u32); 4] = [
    ("banner", "desk", 1280, 800),
    ("banner", "phone", 390, 844),
    ("dialog", "desk", 1280, 2400),
    ("dialog", "phone", 390, 3200),
];

/// Writes the page for a lawyer.
///
/// # Errors
/// A sentence for the person at the console.
pub fn page(pack: &Pack, file: &Path) -> Result<(), String> {
    // The owner's own keys would prove nothing to a reader, so none is trusted here.
    let reports = verify(&pack.to_value().canonical(), &[]);
    let report = reports.first().ok_or("the pack can't be read")?;
    let program = concat!("Askfirst ", env!("CARGO_PKG_VERSION"));
    // What is in it is a record (S7).
    let page = evidence::page(pack, report, CSS, program);
    let written =
        private::options().create(true).truncate(true).open(file).and_then(|mut file| file.write_all(page.as_bytes()));
    written.map_err(|error| format!("{}: {error}", file.display()))
}

/// Writes a picture of each part in each window.
///
/// # Errors
/// A sentence for the person at the console.
pub fn pictures(pack: &Pack, folder: &Path) -> Result<(), String> {
    let value = pack.to_value();
    let notice = value.get("notice").get("manifest");
    let browser = browser()?;
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let work = folder.join(".askfirst-chromium");
    let taken = WINDOWS.iter().try_for_each(|(part, window, width, height)| {
        // A site that draws for itself has no part of ours.
        let Some(html) = screen(notice, part, CSS) else { return Ok(()) };
        let source = work.join("part.html");
        fs::create_dir_all(&work).map_err(|error| format!("{}: {error}", work.display()))?;
        write(&source, &html)?;
        take(&browser, &work, &source, &folder.join(format!("{part}-{window}.png")), (*width, *height))
    });
    let _ = fs::remove_dir_all(&work);
    taken
}

fn take(browser: &Path, work: &Path, source: &Path, png: &Path, (width, height): (u32, u32)) -> Result<(), String> {
    let full = |path: &Path| std::path::absolute(path).map_err(|error| format!("{}: {error}", path.display()));
    let with = |name: &str, path: &Path| {
        let mut argument = std::ffi::OsString::from(name);
        argument.push(path);
        argument
    };
    let mut command = Command::new(browser);
    command
        .args(["--headless", "--disable-gpu", "--hide-scrollbars", "--no-first-run"])
        .arg(format!("--window-size={width},{height}"))
        .arg(with("--user-data-dir=", &full(&work.join("profile"))?))
        .arg(with("--screenshot=", &full(png)?));
    // Chromium has no sandbox for root. What it opens is a page of ours, without script and without requests.
    if user_id() == Some(0) {
        command.arg("--no-sandbox");
    }
    command.arg(with("file://", &full(source)?));
    let done = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    match done {
        Ok(status) if status.success() && png.is_file() => Ok(()),
        Ok(status) => Err(format!("{} took no picture ({status})", browser.display())),
        Err(error) => Err(format!("{}: {error}", browser.display())),
    }
}

fn browser() -> Result<PathBuf, String> {
    if let Some(own) = std::env::var_os("ASKFIRST_CHROMIUM") {
        return Ok(own.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let at = |name: &&str| std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file());
    BROWSERS.iter().find_map(at).ok_or_else(|| {
        "pictures need an installed Chromium or Chrome, and none is on the PATH: install one, name it in \
         ASKFIRST_CHROMIUM, or use --html, which any browser shows"
            .to_owned()
    })
}

fn write(file: &Path, text: &str) -> Result<(), String> {
    fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))
}
