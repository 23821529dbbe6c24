//! The options of `askfirst serve` about witnesses.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::witness::{Times, Watch, Witness};

#[derive(Args)]
pub struct Witnesses {
    /// A witness that cosigns the logs (C2SP tlog-witness): its URL and its key, `https://witness.example NAME+ID+KEY`;
    /// repeatable.
    #[arg(long, value_delimiter = ',', value_name = "URL VKEY", env = "ASKFIRST_WITNESS")]
    witness: Vec<String>,
    /// File with a witness a line; lines that begin with `#` say nothing.
    #[arg(long, value_name = "FILE", env = "ASKFIRST_WITNESS_FILE")]
    witness_file: Option<PathBuf>,
    /// Seconds between two submissions of a log, at least.
    #[arg(
        long,
        default_value_t = 10,
        value_parser = clap::value_parser!(u64).range(1..=86_400),
        value_name = "SECONDS",
        env = "ASKFIRST_WITNESS_INTERVAL"
    )]
    witness_interval: u64,
}

impl Witnesses {
    /// # Errors
    /// A sentence for the person at the console.
    pub fn watch(&self) -> Result<Watch, String> {
        let text = match &self.witness_file {
            Some(file) => fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?,
            None => String::new(),
        };
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let all = self.witness.iter().map(String::as_str).chain(lines);
        let witnesses = all.map(Witness::parse).collect::<Result<_, _>>()?;
        let times = Times { every: Duration::from_secs(self.witness_interval), ..Times::default() };
        Watch::new(witnesses, times)
    }
}
