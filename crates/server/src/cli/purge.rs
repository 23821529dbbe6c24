//! `askfirst purge` and `askfirst hold`: how long records are kept (S1). The server purges by itself once a day; these are
//! for seeing what would go, and for when it does not run.

use std::process::ExitCode;

use askfirst_core::digest::is_uuid;
use askfirst_core::time::Period;
use clap::Args;

use super::fail;
use crate::clock;
use crate::store::{self, Store};

/// Reads an ISO 8601 period for clap.
///
/// # Errors
/// It is none.
pub fn period(text: &str) -> Result<Keep, String> {
    let period = Period::parse(text).ok_or_else(|| "must be a period such as P3Y".to_owned())?;
    Ok(Keep { period, text: text.to_owned() })
}

/// How long a record is kept after its consent has ended.
#[derive(Clone, Debug)]
pub struct Keep {
    pub period: Period,
    /// As it was written: the name of the policy in the log.
    pub text: String,
}

#[derive(Args)]
pub struct Purge {
    #[command(flatten)]
    database: super::database::Argument,
    /// How long a record is kept after the consent has ended.
    #[arg(long, default_value = "P3Y", value_parser = period, value_name = "PERIOD")]
    keep: Keep,
    /// Only say what would be erased; the server may be running.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    key: super::log::Key,
}

pub fn purge(options: Purge) -> ExitCode {
    let due = match options.dry_run {
        true => options.database.ask(async |database| database.due(clock::now(), options.keep.period).await),
        false => with_store(&options.database, &options.key, async |store| {
            store.purge(options.keep.period, &options.keep.text).await
        }),
    };
    match due {
        Ok(due) => {
            let verb = if options.dry_run { "would be erased" } else { "were erased" };
            println!("{} records {verb}, {} more are held.", due.records, due.held);
            ExitCode::SUCCESS
        }
        Err(message) => fail(&message),
    }
}

#[derive(Args)]
pub struct Hold {
    #[command(flatten)]
    database: super::database::Argument,
    /// The record's id.
    #[arg(long, value_name = "ID")]
    record: String,
    /// Hold it no longer.
    #[arg(long)]
    release: bool,
    #[command(flatten)]
    operations: super::operations::File,
    /// Why, for the access log (S7).
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    key: super::log::Key,
}

pub fn hold(options: Hold) -> ExitCode {
    if !is_uuid(&options.record) {
        return fail("a record id is a version 4 UUID in small letters");
    }
    let action = if options.release { "release" } else { "hold" };
    let noted = options
        .database
        .database
        .require()
        .and_then(|()| options.operations.open(&options.database.database))
        .and_then(|operations| super::token::note(&operations, action, &options.record, options.reason.as_deref()));
    if let Err(message) = noted {
        return fail(&message);
    }
    let found =
        with_store(&options.database, &options.key, async |store| store.hold(&options.record, !options.release).await);
    match found {
        Ok(0) => {
            eprintln!("askfirst: no record has this id");
            ExitCode::from(1)
        }
        Ok(_) => ExitCode::SUCCESS,
        Err(message) => fail(&message),
    }
}

/// Opens the store as the server does, for one piece of work.
pub(super) fn with_store<T>(
    database: &super::database::Argument,
    key: &super::log::Key,
    work: impl AsyncFnOnce(&Store) -> Result<T, store::StoreError>,
) -> Result<T, String> {
    let seed = key.read()?;
    database.ask(async |database| {
        let store = database.open(&store::Options { seed, ..Default::default() }).await?;
        work(&store).await.map_err(|error| format!("{database}: {error:?}"))
    })
}
