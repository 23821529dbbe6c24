//! `askfirst declaration`: what `<askfirst-declaration>` shows, by the same function of the core, as a file.

use std::path::PathBuf;
use std::process::ExitCode;

use askfirst_core::settings::Severity;
use askfirst_core::texts;
use askfirst_core::view;
use clap::{Args, ValueEnum};

use super::fail;
use crate::bundled::Bundled;
use crate::config::Config;

#[derive(Args)]
pub struct Options {
    /// The configuration.
    file: PathBuf,
    /// The language, as a page's `lang`. Without it the configuration's `locale`.
    #[arg(long, value_name = "TAG", default_value = "")]
    lang: String,
    /// The form.
    #[arg(long, value_enum, default_value_t = Format::Html)]
    format: Format,
    /// The level of the first heading.
    #[arg(long, value_name = "1-5", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=5))]
    level: u8,
    /// Words and services of this build instead of the built-in ones.
    #[arg(long, value_name = "DIR")]
    dist: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// A fragment to be put into a page. Its button works where the loader is on the page.
    Html,
    /// Markdown with tables, without the button.
    Md,
    /// The declared facts in the words of the language.
    Json,
}

pub fn run(options: &Options) -> ExitCode {
    match write(options) {
        Ok(text) => {
            println!("{}", text.trim_end());
            ExitCode::SUCCESS
        }
        Err(message) => fail(&message),
    }
}

fn write(options: &Options) -> Result<String, String> {
    let bundled = Bundled::read(options.dist.as_deref())?;
    let config = Config::read(&options.file, &bundled)?;
    let Some(settings) = &config.settings else {
        let errors = config.problems.iter().filter(|problem| problem.severity == Severity::Error);
        let lines: Vec<String> = errors.map(|problem| format!("\n{}", problem.line())).collect();
        return Err(format!("{} can't be used:{}", config.path.display(), lines.concat()));
    };
    let wanted = options.lang.to_ascii_lowercase();
    let lang = texts::choose(&wanted, &settings.locale);
    if !wanted.is_empty() && texts::choose(&wanted, "") != lang {
        return Err(format!("there are no words in \"{}\"", options.lang));
    }
    let words = bundled.locales.iter().find(|words| words.lang() == lang);
    let words = words.ok_or_else(|| format!("locales/{lang}.json is missing"))?.clone().with_overrides(settings);
    Ok(match options.format {
        Format::Html => view::declaration(settings, &words, options.level).to_html(),
        Format::Md => view::declaration(settings, &words, options.level).to_markdown(),
        Format::Json => view::declared(settings, &words).canonical(),
    })
}
