//! `askfirst token` and `askfirst access`: who may do what on the admin listener, and who has done what (S7).

use std::process::ExitCode;

use askfirst_core::digest::is_uuid;
use askfirst_core::time::{self, DAY, Period};
use clap::{Args, Subcommand};

use super::fail;
use crate::clock;
use crate::operations::access::{self, Access};
use crate::operations::tokens::{self, Role};
use crate::operations::{KEEP, Operations};

/// Where tokens and the access log are.
#[derive(Args)]
struct Place {
    #[command(flatten)]
    database: super::database::Argument,
    #[command(flatten)]
    operations: super::operations::File,
}

impl Place {
    fn open(&self) -> Result<Operations, String> {
        self.operations.open(&self.database.database)
    }
}

#[derive(Args)]
pub struct Token {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a token and print it; it is shown this once.
    Create {
        #[command(flatten)]
        place: Place,
        /// Whose it is, as the access log will say.
        #[arg(long, value_name = "NAME")]
        name: String,
        /// auditor (sees records, changes nothing) or operator (registers notices, holds and erases, sees no record).
        #[arg(long, value_parser = role, value_name = "ROLE")]
        role: Role,
        /// When it ends by itself, as a period such as P90D; without it when it is revoked.
        #[arg(long, value_parser = super::purge::period, value_name = "PERIOD")]
        valid: Option<super::purge::Keep>,
    },
    /// List tokens by id, name and role.
    List(Place),
    /// End a token; a running server refuses it from then on.
    Revoke {
        #[command(flatten)]
        place: Place,
        /// The token's id, as `list` shows it.
        #[arg(value_name = "ID")]
        id: String,
    },
}

fn role(name: &str) -> Result<Role, String> {
    Role::named(name).ok_or_else(|| "must be auditor or operator".to_owned())
}

pub fn token(options: &Token) -> ExitCode {
    let done = match &options.command {
        Command::Create { place, name, role, valid } => create(place, name, *role, valid.as_ref().map(|v| v.period)),
        Command::List(place) => list(place),
        Command::Revoke { place, id } => revoke(place, id),
    };
    done.unwrap_or_else(|message| fail(&message))
}

fn create(place: &Place, name: &str, role: Role, valid: Option<Period>) -> Result<ExitCode, String> {
    let name = name.trim();
    if name.is_empty() || name.len() > 100 || name.chars().any(char::is_control) {
        return Err("a name has 1 to 100 characters".to_owned());
    }
    let now = clock::now();
    let (id, token) = tokens::make().ok_or("the system has no random bytes to give")?;
    let ends_at = valid.map(|valid| valid.after(now));
    place.open()?.run(|connection| tokens::add(connection, (&id, &token), name, role, now, ends_at))?;
    println!("{token}");
    Ok(ExitCode::SUCCESS)
}

fn list(place: &Place) -> Result<ExitCode, String> {
    for token in place.open()?.run(tokens::list)? {
        let end = match token.ended_at {
            Some(at) if at <= clock::now() => format!("ended {}", time::instant(at)),
            Some(at) => format!("ends {}", time::instant(at)),
            None => "until it is revoked".to_owned(),
        };
        println!("{}  {:<8}  {}  since {}, {end}", token.id, token.role, token.name, time::date(token.created_at));
    }
    Ok(ExitCode::SUCCESS)
}

fn revoke(place: &Place, id: &str) -> Result<ExitCode, String> {
    let ended = place.open()?.run(|connection| tokens::revoke(connection, id, clock::now()))?;
    if ended {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("askfirst: no token that is valid has this id");
    Ok(ExitCode::from(1))
}

#[derive(Args)]
pub struct AccessLog {
    #[command(flatten)]
    place: Place,
    /// What concerns this record alone.
    #[arg(long, value_name = "ID")]
    record: Option<String>,
}

pub fn access_log(options: &AccessLog) -> ExitCode {
    if options.record.as_deref().is_some_and(|id| !is_uuid(id)) {
        return fail("a record id is a version 4 UUID in small letters");
    }
    let list = options
        .place
        .open()
        .and_then(|operations| operations.run(|connection| access::list(connection, clock::now() - KEEP - DAY)));
    let list = match list {
        Ok(list) => list,
        Err(message) => return fail(&message),
    };
    for access in list.iter().filter(|access| options.record.is_none() || access.record_id == options.record) {
        println!("{}", access.to_value().canonical());
    }
    ExitCode::SUCCESS
}

/// Notes that somebody at the console reads or changes a record; what can't be noted is not done.
///
/// # Errors
/// A sentence for the person there.
pub fn note(operations: &Operations, action: &str, record_id: &str, reason: Option<&str>) -> Result<(), String> {
    note_all(operations, action, [record_id], reason)
}

/// The same of several records: of all of them, or of none.
///
/// # Errors
/// A sentence for the person at the console.
pub fn note_all<'a>(
    operations: &Operations,
    action: &str,
    record_ids: impl IntoIterator<Item = &'a str>,
    reason: Option<&str>,
) -> Result<(), String> {
    let user = user();
    let access = |record_id: &str| Access {
        at: clock::now(),
        who: format!("console:{user}"),
        action: action.to_owned(),
        record_id: Some(record_id.to_owned()),
        reason: reason.unwrap_or_default().to_owned(),
    };
    operations.run(|connection| record_ids.into_iter().try_for_each(|id| access::add(connection, &access(id))))
}

/// Who runs this command, by the system's word: an environment says whatever its user likes. Root may have come from elsewhere,
/// and could write anything here anyway.
fn user() -> String {
    let Some(id) = user_id() else { return "unknown".to_owned() };
    let sudo = std::env::var("SUDO_USER").ok().filter(|name| id == 0 && name != "root");
    let name = std::fs::read_to_string("/etc/passwd").ok().and_then(|names| name_of(&names, id));
    let name = name.unwrap_or_else(|| format!("uid {id}"));
    sudo.map_or(name.clone(), |sudo| format!("{sudo} as {name}"))
}

/// The owner of this process.
#[cfg(unix)]
pub fn user_id() -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").ok().map(|own| own.uid())
}

#[cfg(not(unix))]
pub fn user_id() -> Option<u32> {
    None
}

/// The name of a user in the text of `/etc/passwd`.
fn name_of(names: &str, id: u32) -> Option<String> {
    let id = id.to_string();
    names.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == id).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::name_of;

    #[test]
    fn a_user_has_the_name_that_the_system_knows() {
        let names = "root:x:0:0:root:/root:/bin/sh\nbroken\neva:x:1000:0:Eva:/home/eva:/bin/sh\n";
        assert_eq!(name_of(names, 1000).as_deref(), Some("eva"));
        assert_eq!((name_of(names, 0).as_deref(), name_of(names, 7)), (Some("root"), None));
    }
}
