//! `askfirst keygen`, `askfirst audit` and `askfirst recover`: the key of the logs and their state.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::{counted, fail};
use crate::clock;
use crate::store::{self, log::Seed, log::Seeds};

/// Where the key is that signs checkpoints.
#[derive(Args)]
pub struct Key {
    /// File with the key that signs checkpoints, readable by its owner alone; `askfirst keygen` makes one. Without it
    /// ASKFIRST_LOG_KEY, without both the file `.key` beside the database, which the first start makes.
    #[arg(long, value_name = "FILE", env = "ASKFIRST_LOG_KEY_FILE")]
    log_key_file: Option<PathBuf>,
    /// The same by the environment.
    #[arg(long, env = "ASKFIRST_LOG_KEY", hide = true, hide_env_values = true)]
    log_key: Option<String>,
    /// File with the key that takes the place of the one in use, while `askfirst keys rotate-log` has begun and is not
    /// finished; the same file for every server.
    #[arg(long, value_name = "FILE", env = "ASKFIRST_NEXT_LOG_KEY_FILE")]
    next_log_key_file: Option<PathBuf>,
    /// The same by the environment.
    #[arg(long, env = "ASKFIRST_NEXT_LOG_KEY", hide = true, hide_env_values = true)]
    next_log_key: Option<String>,
    /// File that remembers what the logs have said, so that a database from an older backup is noticed; it belongs into no
    /// backup. Without it the file `.published` beside a SQLite database, and none for PostgreSQL.
    #[arg(long, value_name = "FILE", env = "ASKFIRST_PUBLISHED")]
    published: Option<PathBuf>,
}

impl Key {
    /// # Errors
    /// The key can't be read or is none.
    pub fn read(&self) -> Result<Option<Seed>, String> {
        seed(self.log_key_file.as_deref(), self.log_key.as_deref())
    }

    fn next(&self) -> Result<Option<Seed>, String> {
        seed(self.next_log_key_file.as_deref(), self.next_log_key.as_deref())
    }

    /// The keys in use, when the one of today is named.
    ///
    /// # Errors
    /// A key can't be read or is none.
    fn seeds(&self) -> Result<Option<Seeds>, String> {
        let next = self.next()?;
        Ok(self.read()?.map(|current| Seeds { current, next }))
    }

    /// The options of a store that signs with it.
    ///
    /// # Errors
    /// The key can't be read or is none.
    pub fn options(&self) -> Result<store::Options, String> {
        let (seed, next_seed) = (self.read()?, self.next()?);
        Ok(store::Options { seed, next_seed, published: self.published.clone(), ..Default::default() })
    }
}

impl Key {
    /// The public keys that sign a site's log now, when this names the secret ones. `database` is where the logs are: the keys
    /// that a log names count, else the one beside it.
    ///
    /// # Errors
    /// A key or the database can't be read.
    pub fn public(&self, database: Option<&Path>, site: &str) -> Result<Vec<String>, String> {
        if let Some(database) = database.filter(|path| path.is_file())
            && let Some((_, keys)) = store::log_keys(database, site)?
            && !keys.is_empty()
        {
            return Ok(keys.iter().filter(|key| key.until.is_none()).map(|key| key.key.to_text()).collect());
        }
        let seed = match (self.read()?, database) {
            (None, Some(database)) => Some(Seed::of(database)?),
            (seed, _) => seed,
        };
        let name = store::log::key::origin(site, 1);
        Ok(seed.and_then(|seed| seed.key(&name)).map(|key| key.verifier().to_text()).into_iter().collect())
    }
}

fn seed(file: Option<&Path>, text: Option<&str>) -> Result<Option<Seed>, String> {
    match (file, text) {
        (Some(file), _) => Seed::read(file).map(Some),
        (None, Some(text)) if !text.trim().is_empty() => Seed::parse(text).map(Some),
        _ => Ok(None),
    }
}

#[derive(Args)]
pub struct Keygen {
    /// The file to write; one that is there is never overwritten, `--site` prints its public key.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print the public key of the log of this site.
    #[arg(long, value_name = "ORIGIN")]
    site: Option<String>,
}

pub fn keygen(options: &Keygen) -> ExitCode {
    let made = match options.site.is_some() && options.file.is_file() {
        true => Seed::read(&options.file),
        false => Seed::random().and_then(|seed| seed.create(&options.file).map(|()| seed)),
    };
    let seed = match made {
        Ok(seed) => seed,
        Err(message) => return fail(&message),
    };
    if let Some(site) = &options.site {
        match seed.key(&store::log::key::origin(site, 1)) {
            Some(key) => println!("{}", key.verifier().to_text()),
            None => return fail(&format!("{site} is no origin such as https://www.example.nl")),
        }
    }
    ExitCode::SUCCESS
}

#[derive(Args)]
pub struct Audit {
    #[command(flatten)]
    database: super::database::Argument,
}

pub fn audit(options: &Audit) -> ExitCode {
    match options.database.ask(async |database| database.audit().await) {
        Ok(looked) => {
            println!(
                "{} with {}, and {}, {} erased: every tree is the one that was signed, and every record is the one that its \
                 entry stands for.",
                counted(looked.logs, "log", "logs"),
                counted(looked.entries, "entry", "entries"),
                counted(looked.records, "record", "records"),
                looked.erased
            );
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("askfirst: {problem}");
            ExitCode::from(1)
        }
    }
}

#[derive(Args)]
pub struct Recover {
    #[command(flatten)]
    database: super::database::Argument,
    #[command(flatten)]
    key: Key,
}

pub fn recover(options: &Recover) -> ExitCode {
    let recovered = options.key.seeds().and_then(|seeds| {
        options
            .database
            .ask(async |database| database.recover(seeds, options.key.published.as_deref(), clock::now()).await)
    });
    match recovered {
        Ok(names) => {
            for (old, new) in names {
                println!("{old} is closed; {new} goes on from it");
            }
            ExitCode::SUCCESS
        }
        Err(message) => fail(&message),
    }
}
