//! `askfirst backup` and `askfirst restore`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::{counted, fail};
use crate::clock;
use crate::store::backup::{expire, keys_of, name, operations_of};
use crate::store::restore::{Beside, Files, Operational};

#[derive(Args)]
pub struct Backup {
    #[command(flatten)]
    database: super::database::Argument,
    #[command(flatten)]
    operations: super::operations::File,
    /// The file to write, and beside it FILE.keys and FILE.operations; or a folder, where each backup gets a name by its time.
    /// A name that ends with a slash is that of a folder, which is made when it is not there.
    #[arg(value_name = "FILE")]
    to: PathBuf,
    /// How long backups of the folder are kept, with their keys: what was erased is in them until then.
    #[arg(long, default_value = "P7D", value_parser = super::purge::period, value_name = "PERIOD")]
    keep: super::purge::Keep,
}

pub fn backup(options: &Backup) -> ExitCode {
    let now = clock::now();
    let named = options.to.to_string_lossy().ends_with('/');
    if named && let Err(error) = private_folder(&options.to) {
        return fail(&format!("{}: {error}", options.to.display()));
    }
    let folder = options.to.is_dir();
    let file = if folder { options.to.join(name(now)) } else { options.to.clone() };
    let done = options
        .database
        .ask(async |database| database.backup(options.operations.named(), &file).await)
        .and_then(|copied| {
            let records = counted(copied.records, "record", "records");
            let entries = counted(copied.entries, "entry", "entries");
            println!("{}: {records} and {entries} of the logs", file.display());
            if folder { expire(&options.to, now, options.keep.period) } else { Ok(0) }
        });
    match done {
        Ok(0) => ExitCode::SUCCESS,
        Ok(expired) => {
            println!("{expired} older than {} removed", options.keep.text);
            ExitCode::SUCCESS
        }
        Err(message) => fail(&message),
    }
}

/// Makes a folder for its owner alone, with those above it; one that is there stays as it is.
fn private_folder(path: &std::path::Path) -> std::io::Result<()> {
    let mut options = std::fs::DirBuilder::new();
    options.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut options, 0o700);
    options.create(path)
}

#[derive(Args)]
pub struct Restore {
    #[command(flatten)]
    database: super::database::Argument,
    #[command(flatten)]
    operations: super::operations::File,
    /// The backup.
    #[arg(value_name = "FILE")]
    backup: PathBuf,
    /// The newest FILE.keys that there is: what has no secret in it was erased since, and is erased again. Without it the
    /// one beside the backup.
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    /// The newest FILE.operations that there is. Without it the one beside these keys, or else the one beside the backup. A file
    /// of operational data that is there already is newer, and stays.
    #[arg(long, value_name = "FILE")]
    operations_from: Option<PathBuf>,
    /// The file that remembers what the logs have said, as for `askfirst serve`. Without it `.published` beside a SQLite
    /// database, and none for PostgreSQL.
    #[arg(long, value_name = "FILE", env = "ASKFIRST_PUBLISHED")]
    published: Option<PathBuf>,
}

pub fn restore(options: &Restore) -> ExitCode {
    let keys = options.keys.clone().unwrap_or_else(|| keys_of(&options.backup));
    let beside_keys =
        keys.file_name().and_then(|name| name.to_str()?.strip_suffix(".keys")).map(|name| keys.with_file_name(name));
    let operations = options.operations_from.clone().or_else(|| {
        let files = beside_keys.iter().chain([&options.backup]).map(|file| operations_of(file));
        files.into_iter().find(|file| file.is_file())
    });
    let files = Files { file: &options.backup, keys: &keys, operations: operations.as_deref() };
    let beside = Beside { published: options.published.as_deref(), operations: options.operations.named() };
    let restored = options.database.make(async |database| database.restore(files, beside, clock::now()).await);
    match restored {
        Ok(restored) => {
            let looked = restored.looked;
            println!(
                "{}, {} erased ({} of them since the backup), and {} of {}: everything is what was signed.",
                counted(looked.records, "record", "records"),
                looked.erased,
                restored.erased_again,
                counted(looked.entries, "entry", "entries"),
                counted(looked.logs, "log", "logs")
            );
            println!("{}", said(restored.operational));
            for origin in &restored.behind {
                println!(
                    "{origin} has published more than this. It does not sign on: `askfirst recover` begins another log."
                );
            }
            ExitCode::SUCCESS
        }
        Err(message) => fail(&message),
    }
}

/// What has become of the operational data.
fn said(operational: Operational) -> &'static str {
    match operational {
        Operational::Brought => {
            "Tokens, requests of data subjects, access log and webhooks are as they were in the backup: a token that was \
             revoked since is valid again (`askfirst token list`)."
        }
        Operational::Nothing => "The backup has no tokens, requests of data subjects, access log or webhooks.",
        Operational::Stays => {
            "Tokens, requests of data subjects, access log and webhooks were there, and stay as they are."
        }
    }
}
