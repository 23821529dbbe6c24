//! `--operations`: the file of what is not a record.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::operations::Operations;
use crate::store::Database;

#[derive(Args)]
pub struct File {
    /// The file of what is not a record: tokens, webhooks that wait, leaks, who has read what. Without it `.operations`
    /// beside a SQLite database, and tables beside the records on PostgreSQL, which all servers share.
    #[arg(long, env = "ASKFIRST_OPERATIONS", value_name = "FILE")]
    operations: Option<PathBuf>,
}

impl File {
    /// The file, when one is named.
    pub fn named(&self) -> Option<&Path> {
        self.operations.as_deref()
    }

    /// # Errors
    /// A sentence for the person at the console.
    pub fn open(&self, database: &Database) -> Result<Operations, String> {
        match (&self.operations, database) {
            (Some(file), _) => Operations::open(file),
            (None, Database::Sqlite(database)) => Operations::open(&Operations::beside(database)),
            (None, Database::Postgres(address)) => Operations::on(address),
        }
    }
}
