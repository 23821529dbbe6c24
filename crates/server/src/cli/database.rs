//! `--database`: where the records are kept.

use clap::Args;
use clap::builder::OsStringValueParser;
use clap::builder::TypedValueParser;

use crate::store::Database;
use crate::store::sealing::Master;

#[derive(Args)]
pub struct Argument {
    /// Where the records are kept: the path of a SQLite file, which `serve` makes when it is not there, or
    /// postgres://user:password@host/database. A password is better given by ASKFIRST_DATABASE or PGPASSWORD.
    #[arg(
        long,
        env = "ASKFIRST_DATABASE",
        hide_env_values = true,
        value_name = "DATABASE",
        value_parser = OsStringValueParser::new().try_map(|text| Database::parse(&text))
    )]
    pub database: Database,
    /// Where the master key is that bodies are sealed with: `file:PATH`, `env:NAME` or `command:COMMAND`, which a shell
    /// runs. `askfirst keys new` makes one. Without it bodies are stored as they are.
    #[arg(long, env = "ASKFIRST_MASTER_KEY", value_name = "SOURCE")]
    pub master_key: Option<String>,
}

impl Argument {
    /// The database with the key to it.
    ///
    /// # Errors
    /// A sentence for the person at the console: the key can't be read.
    pub fn with_key(&self) -> Result<Database, String> {
        match &self.master_key {
            Some(source) if !source.trim().is_empty() => self.database.clone().with_master(Master::load(source)?),
            _ => Ok(self.database.clone()),
        }
    }

    /// Does one piece of work for a command on a database that is there.
    ///
    /// # Errors
    /// A sentence for the person at the console.
    pub fn ask<T>(&self, work: impl AsyncFnOnce(&Database) -> Result<T, String>) -> Result<T, String> {
        self.database.require()?;
        self.make(work)
    }

    /// The same on one that may not be there.
    ///
    /// # Errors
    /// A sentence for the person at the console.
    pub fn make<T>(&self, work: impl AsyncFnOnce(&Database) -> Result<T, String>) -> Result<T, String> {
        let database = self.with_key()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(|error| format!("the program can't start its threads: {error}"))?;
        runtime.block_on(work(&database))
    }
}
