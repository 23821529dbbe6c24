//! Bringing the database's format up to date, by one server at a time however many start together.
//!
//! YugabyteDB, and CockroachDB from version 25 on, commit each statement that changes the format by itself, whatever
//! transaction it stands in: there a step that breaks off has been taken in part. So every statement of a step can be run
//! again, and the number of the format is written last. CockroachDB refuses such statements in a transaction that is
//! `READ COMMITTED`; these are `SERIALIZABLE`.

use std::time::Duration;

use deadpool_postgres::{Client, Transaction};
use tokio_postgres::IsolationLevel;
use tokio_postgres::error::SqlState;

use super::failure::{Done, Failure, Retry};

/// What makes each format from the one before; a new database takes them all.
pub const MIGRATIONS: &[&str] = &[
    include_str!("migrations/1.sql"),
    include_str!("migrations/2.sql"),
    include_str!("migrations/3.sql"),
    include_str!("migrations/4.sql"),
    include_str!("migrations/5.sql"),
    include_str!("migrations/6.sql"),
    include_str!("migrations/7.sql"),
];
/// The guards are those of the newest format, and made again with each change of it.
const GUARDS: &str = include_str!("migrations/guards.sql");
/// The format of a database that a restore is filling, or has left when it broke off: no server takes it.
const RESTORING: i64 = -1;
/// What to do about it.
pub const UNFINISHED: &str = "a restore into this database goes on or broke off; when none is running, remove what it left with \
                              `DROP SCHEMA askfirst CASCADE` and restore again";
/// The row that says which format it is, and who is changing it.
const FORMAT: &str = "CREATE TABLE IF NOT EXISTS askfirst.format (
    one INT8 PRIMARY KEY CHECK (one = 1), format INT8 NOT NULL, token INT8 NOT NULL, expires_at TIMESTAMPTZ NOT NULL)";
/// How long a server may take for one step before another goes on.
const LEASE: f64 = 60.0;
/// How long a start waits for the one that migrates.
const PATIENCE: u32 = 600;

/// Takes every step from the database's format to ours.
pub async fn migrate(client: &mut Client) -> Result<(), String> {
    let say = |failure: Failure| failure.sentence();
    if format(client).await.map_err(say)? == newest() {
        return Ok(());
    }
    prepare(client).await.map_err(say)?;
    for _ in 0..PATIENCE {
        let format = format(client).await.map_err(say)?;
        if format == RESTORING {
            return Err(UNFINISHED.to_owned());
        }
        if format > newest() {
            return Err("it was made by a newer version of askfirst".to_owned());
        }
        if format == newest() {
            return Ok(());
        }
        match lock(client).await.map_err(say)? {
            Some(token) => step(client, format, token).await.map_err(say)?,
            None => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
    Err("another server has been bringing the database up to date for a minute and has not finished".to_owned())
}

/// The number of the database's format; 0 for a new one.
///
/// # Errors
/// It can't be read.
pub async fn format(client: &Client) -> Done<i64> {
    let row = client.query_opt("SELECT format FROM askfirst.format WHERE one = 1", &[]).await;
    match row {
        Ok(row) => Ok(row.map_or(0, |row| row.get(0))),
        Err(error)
            if error
                .code()
                .is_some_and(|code| *code == SqlState::UNDEFINED_TABLE || *code == SqlState::INVALID_SCHEMA_NAME) =>
        {
            Ok(0)
        }
        Err(error) => Err(error.into()),
    }
}

pub fn newest() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// Makes the row of the format where there is none.
async fn prepare(client: &Client) -> Done<()> {
    let steps = [
        "CREATE SCHEMA IF NOT EXISTS askfirst",
        FORMAT,
        "INSERT INTO askfirst.format (one, format, token, expires_at) VALUES (1, 0, 0, '1970-01-01 00:00:00+00')
             ON CONFLICT (one) DO NOTHING",
    ];
    for step in steps {
        let mut tries = 0;
        // Two servers that make it at once: `IF NOT EXISTS` does not wait for one that is about to exist.
        while let Err(error) = client.batch_execute(step).await {
            tries += 1;
            let raced = error.code().is_some_and(|code| {
                [
                    SqlState::UNIQUE_VIOLATION,
                    SqlState::DUPLICATE_TABLE,
                    SqlState::DUPLICATE_SCHEMA,
                    SqlState::DUPLICATE_OBJECT,
                    SqlState::T_R_SERIALIZATION_FAILURE,
                ]
                .contains(code)
            });
            if !raced || tries > 20 {
                return Err(error.into());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    Ok(())
}

/// Takes the lock row, when nobody has it.
async fn lock(client: &Client) -> Done<Option<i64>> {
    let mut retry = Retry::default();
    loop {
        let row = client
            .query_opt(
                "UPDATE askfirst.format SET token = token + 1, expires_at = clock_timestamp() + $1 * interval '1 second'
                 WHERE one = 1 AND expires_at < clock_timestamp() RETURNING token",
                &[&LEASE],
            )
            .await
            .map_err(Failure::from);
        match row {
            Err(failure) if retry.wait(&failure).await => {}
            row => return Ok(row?.map(|row| row.get(0))),
        }
    }
}

/// A transaction that may change the format.
async fn changing(client: &mut Client) -> Done<Transaction<'_>> {
    Ok(client.build_transaction().isolation_level(IsolationLevel::Serializable).start().await?)
}

/// Takes the step from `format` to the next, and gives the lock back.
async fn step(client: &mut Client, format: i64, token: i64) -> Done<()> {
    let Some(sql) = usize::try_from(format).ok().and_then(|format| MIGRATIONS.get(format)) else { return Ok(()) };
    let mut retry = Retry::default();
    let taken = loop {
        match take_step(client, (format, sql), token).await {
            Err(failure) if retry.wait(&failure).await => {}
            taken => break taken?,
        }
    };
    // The guards name tables that only the newest format has. Where another server has taken that step meanwhile, it has made
    // them as well, and others have begun to use what making them would lock.
    if taken && format + 1 == newest() {
        guard(client).await;
    }
    // Unless another server has taken the step meanwhile. Nobody has to wait for the lock's end in either case.
    let done = "UPDATE askfirst.format SET format = CASE WHEN format = $2 THEN $1 ELSE format END,
                    expires_at = '1970-01-01 00:00:00+00' WHERE one = 1 AND token = $3";
    let mut retry = Retry::default();
    loop {
        match client.execute(done, &[&(format + 1), &format, &token]).await.map_err(Failure::from) {
            Err(failure) if retry.wait(&failure).await => {}
            done => return done.map(drop),
        }
    }
}

/// Takes it, when no other server has; whether it did.
async fn take_step(client: &mut Client, (format, sql): (i64, &str), token: i64) -> Done<bool> {
    let transaction = changing(client).await?;
    let mine = "SELECT 1 FROM askfirst.format WHERE one = 1 AND format = $1 AND token = $2";
    let mine = transaction.query_opt(mine, &[&format, &token]).await?.is_some();
    if mine {
        transaction.batch_execute(sql).await?;
    }
    transaction.commit().await?;
    Ok(mine)
}

async fn guard(client: &mut Client) {
    let mut retry = Retry::default();
    let made = loop {
        match change(client, GUARDS).await {
            // A server of the format before is still at work.
            Err(failure) if retry.wait(&failure).await => {}
            made => break made,
        }
    };
    if let Err(failure) = made {
        tracing::warn!(
            code = failure.code(),
            "the database has not taken the triggers: that nobody changes what is stored is for the log to show"
        );
    }
}

/// Takes an empty database for a restore: until [`restored`] no server starts on it.
///
/// # Errors
/// A sentence for the person at the console: there is something in it, or it can't be written.
pub async fn take(client: &mut Client) -> Result<(), String> {
    let say = |failure: Failure| failure.sentence();
    if format(client).await.map_err(say)? == RESTORING {
        return Err(UNFINISHED.to_owned());
    }
    let found = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'askfirst'";
    let found: i64 = client.query_one(found, &[]).await.map_err(|error| say(error.into()))?.get(0);
    if found > 0 {
        return Err(
            "there are tables in its schema `askfirst`; a restore replaces nothing. Take another database, or remove \
                    them with `DROP SCHEMA askfirst CASCADE` when they are to go"
                .to_owned(),
        );
    }
    let taken = async {
        let transaction = changing(client).await?;
        transaction.batch_execute("CREATE SCHEMA IF NOT EXISTS askfirst").await?;
        transaction.batch_execute(FORMAT).await?;
        // Of two that come at once, and of a server that starts, one is first; the others fail here.
        let sql =
            "INSERT INTO askfirst.format (one, format, token, expires_at) VALUES (1, $1, 0, '1970-01-01 00:00:00+00')";
        transaction.execute(sql, &[&RESTORING]).await?;
        Done::Ok(transaction.commit().await?)
    };
    taken.await.map_err(say)
}

/// Makes the tables of one that was taken.
pub async fn make(client: &mut Client) -> Done<()> {
    for step in MIGRATIONS {
        change(client, step).await?;
    }
    Ok(())
}

async fn change(client: &mut Client, sql: &str) -> Done<()> {
    let transaction = changing(client).await?;
    transaction.batch_execute(sql).await?;
    Ok(transaction.commit().await?)
}

/// Gives one that was taken to the servers.
pub async fn restored(client: &mut Client) -> Done<()> {
    guard(client).await;
    let sql = "UPDATE askfirst.format SET format = $1 WHERE one = 1 AND format = $2";
    match client.execute(sql, &[&newest(), &RESTORING]).await? {
        1 => Ok(()),
        _ => Err(Failure::Fenced),
    }
}

/// Removes what was made in one that was taken; whether it could.
pub async fn leave(client: &Client) -> bool {
    client.batch_execute("DROP SCHEMA askfirst CASCADE").await.is_ok()
}
