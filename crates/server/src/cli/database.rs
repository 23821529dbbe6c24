//! `--database`: where the records are kept.

use clap::Args;
use clap::builder::OsStringValueParser;
use clap::builder::TypedValueParser;

use crate::store::Database;

#[derive(Args)]
pub struct Argument {
    /// Where the records are kept: the path of a SQLite file, which `serve` makes when it is not there.
    #[arg(
        long,
        env = "ASKFIRST_DATABASE",
        hide_env_values = true,
        value_name = "DATABASE",
        value_parser = OsStringValueParser::new().try_map(|text| Database::parse(&text))
    )]
    pub database: Database,
}

impl Argument {
    /// Does one piece of work for a command on a database that is there.
    ///
    /// # Errors
    /// A sentence for the person at the console.
    pub fn ask<T>(&self, work: impl AsyncFnOnce(&Database) -> Result<T, String>) -> Result<T, String> {
        self.database.require()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(|error| format!("the program can't start its threads: {error}"))?;
        runtime.block_on(work(&self.database))
    }
}
