//! `askfirst dsar`: requests of data subjects, for the owner (GDPR Art. 12 and 15–21, S4, S5). A record number or a subject
//! is what such a person can show (Art. 11(2)); no name is asked for and none is kept.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use askfirst_core::digest::is_uuid;
use askfirst_core::erasure::Answer;
use askfirst_core::exports::Format;
use askfirst_core::time::{self, Millis};
use clap::{Args, Subcommand};

use super::purge::{self, with_store};
use super::{fail, token};
use crate::clock;
use crate::erasure::Rule;
use crate::evidence::Evidence;
use crate::operations::requests::{self, KINDS, Request, Standing};
use crate::operations::{self, Connection};
use crate::private;
use crate::store::key;

#[derive(Args)]
pub struct Options {
    #[command(flatten)]
    database: super::database::Argument,
    #[command(flatten)]
    operations: super::operations::File,
    #[command(flatten)]
    key: super::log::Key,
    #[command(subcommand)]
    what: What,
}

/// Whom a request is about.
#[derive(Args)]
struct About {
    /// The id of one of the person's records, as on a receipt; the records of the same browser belong to it.
    #[arg(long, value_name = "ID", conflicts_with = "subject")]
    record: Option<String>,
    /// The pseudonym in the person's records.
    #[arg(long, value_name = "SUBJECT")]
    subject: Option<String>,
}

#[derive(Subcommand)]
enum What {
    /// Note a request and when it must be answered.
    Open {
        /// access, rectification, erasure, restriction, portability or objection.
        #[arg(value_parser = KINDS.map(|(kind, _)| kind))]
        kind: String,
        #[command(flatten)]
        about: About,
        /// The day on which it came in; today when not given.
        #[arg(long, value_name = "DATE", value_parser = date)]
        received: Option<Millis>,
    },
    /// The open requests, the most urgent first. Exit code 1 when one is overdue.
    List {
        /// Those that are closed too.
        #[arg(long)]
        all: bool,
        /// One JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Take up to two months more, which the person must be told with the reason within the first (Art. 12(3)).
    Extend {
        number: i64,
        /// What the person was told: complexity, or the number of requests.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// The records of a person: id, site, time and answer.
    Find {
        #[command(flatten)]
        about: About,
    },
    /// Write every record of the person of a request, and nobody else's, one a line.
    Export {
        number: i64,
        /// json, dpv, or evidence.
        #[arg(long, default_value = "json", value_parser = ["json", "dpv", "evidence"])]
        format: String,
        /// The file to write; one that is there is left alone.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Erase or restrict every record of the person of a request, by the owner's policy, and say which and why.
    Erase {
        number: i64,
        #[command(flatten)]
        erasure: super::erasure::Erasure,
        /// How long a record is kept after the consent has ended, as for `askfirst serve`.
        #[arg(long, default_value = "P3Y", value_parser = purge::period, value_name = "PERIOD", env = "ASKFIRST_KEEP")]
        keep: purge::Keep,
    },
    /// Restrict every record of the person of a request (Art. 18): it is kept for legal claims alone.
    Restrict { number: i64 },
    /// Note the answer.
    Close {
        number: i64,
        /// What the answer was.
        #[arg(long, value_parser = ["granted", "partly", "refused", "withdrawn"])]
        outcome: String,
        /// Why it was not, or not wholly, granted (Art. 12(4)).
        #[arg(long, value_name = "TEXT", default_value = "", required_if_eq_any([("outcome", "partly"), ("outcome", "refused")]))]
        reason: String,
    },
}

fn date(text: &str) -> Result<Millis, String> {
    let day = time::parse(text).filter(|_| text.len() == 10);
    day.filter(|day| *day <= clock::now()).ok_or_else(|| "must be a day that has begun, such as 2026-11-22".to_owned())
}

pub fn run(options: &Options) -> ExitCode {
    match options.carry_out() {
        Ok(code) => code,
        Err(message) => fail(&message),
    }
}

impl Options {
    fn carry_out(&self) -> Result<ExitCode, String> {
        let now = clock::now();
        match &self.what {
            What::Open { kind, about, received } => self.open(kind, about, received.unwrap_or(now)),
            What::List { all, json } => self.list(*all, *json, now),
            What::Extend { number, reason } => self.extend(*number, reason, now),
            What::Find { about } => {
                let found = self.records(about.record.as_deref(), about.subject.as_deref())?;
                self.note("read", &found, None)?;
                found.iter().for_each(|evidence| println!("{}", line(evidence)));
                Ok(if found.is_empty() { nothing() } else { ExitCode::SUCCESS })
            }
            What::Export { number, format, out } => self.export(*number, format, out),
            What::Erase { number, erasure, keep } => {
                self.erase(*number, Rule { policy: erasure.policy, keep: keep.period }, now)
            }
            What::Restrict { number } => self.restrict(*number, now),
            What::Close { number, outcome, reason } => {
                self.request(*number)?;
                let answer = (outcome.as_str(), reason.as_str());
                self.register(|connection| requests::close(connection, *number, answer, now))?;
                self.say(*number)
            }
        }
    }

    fn register<T>(&self, work: impl FnOnce(&Connection<'_>) -> Result<T, operations::Error>) -> Result<T, String> {
        self.database.database.require()?;
        self.operations.open(&self.database.database)?.run(work)
    }

    /// The open request with this number.
    fn request(&self, number: i64) -> Result<Request, String> {
        let request = self.register(|connection| requests::one(connection, number))?;
        let request = request.ok_or_else(|| format!("there is no request {number}"))?;
        match &request.answer {
            Some((at, ..)) => Err(format!("request {number} was closed on {}", time::date(*at))),
            None => Ok(request),
        }
    }

    fn open(&self, kind: &str, about: &About, received_at: Millis) -> Result<ExitCode, String> {
        let (record, subject) = (about.record.as_deref(), about.subject.as_deref());
        if record.is_some() || subject.is_some() {
            let found = self.records(record, subject)?;
            if found.is_empty() {
                return Err("no record has this id or subject; without one the request can be noted as well".to_owned());
            }
        }
        let number = self.register(|connection| requests::open(connection, kind, (record, subject), received_at))?;
        self.say(number)
    }

    fn list(&self, all: bool, json: bool, now: Millis) -> Result<ExitCode, String> {
        let found = self.register(|connection| requests::list(connection, all))?;
        for request in &found {
            if json {
                println!("{}", request.to_value(now).canonical());
            } else {
                println!("{}", row(request, now));
            }
        }
        let overdue = found.iter().any(|request| request.standing(now) == Standing::Overdue);
        Ok(ExitCode::from(u8::from(overdue)))
    }

    fn extend(&self, number: i64, reason: &str, now: Millis) -> Result<ExitCode, String> {
        let request = self.request(number)?;
        if request.extension.is_some() {
            return Err(format!("request {number} was extended already; it can be only once"));
        }
        if request.standing(now) == Standing::Overdue {
            let last = time::date(request.last_day());
            return Err(format!("the person had to be told by {last}; after that it can't be extended (Art. 12(3))"));
        }
        if reason.trim().is_empty() {
            return Err("the person must be told why (Art. 12(3))".to_owned());
        }
        self.register(|connection| requests::extend(connection, number, reason, now))?;
        self.say(number)
    }

    fn export(&self, number: i64, format: &str, out: &PathBuf) -> Result<ExitCode, String> {
        let request = self.request(number)?;
        let found = self.records(request.record_id.as_deref(), request.subject.as_deref())?;
        if found.is_empty() {
            return Ok(nothing());
        }
        self.note("export", &found, Some(number))?;
        let mut lines = Vec::new();
        for evidence in &found {
            let form = evidence.translated(Format::named(format).unwrap_or_default(), clock::now());
            match form? {
                Some(value) => lines.push(value.canonical()),
                None => {
                    let id = &evidence.receipt.record_id;
                    let packs = self.database.ask(async |database| database.packs(id).await)?;
                    lines.extend(packs.iter().map(|pack| pack.to_value().canonical()));
                }
            }
        }
        let say = |error: std::io::Error| format!("{}: {error}", out.display());
        let mut file = private::options().create_new(true).open(out).map_err(say)?;
        lines.iter().try_for_each(|line| writeln!(file, "{line}")).map_err(say)?;
        let found = super::counted(found.len() as u64, "record is", "records are");
        println!("{found} in {}.", out.display());
        Ok(ExitCode::SUCCESS)
    }

    fn erase(&self, number: i64, rule: Rule, now: Millis) -> Result<ExitCode, String> {
        let request = self.request(number)?;
        let found = self.records(request.record_id.as_deref(), request.subject.as_deref())?;
        if found.is_empty() {
            return Ok(nothing());
        }
        self.note("erase", &found, Some(number))?;
        let answers = with_store(&self.database, &self.key, async |store| {
            let mut answers = Vec::new();
            for evidence in &found {
                answers.push(rule.carry_out(store, evidence.receipt.seq, "request").await?);
            }
            Ok(answers)
        })?;
        for (evidence, answer) in found.iter().zip(&answers) {
            let until = match answer {
                Answer::Proof { until } => [", until ", &time::date(*until), " at the latest"].concat(),
                Answer::Claim | Answer::Erased => String::new(),
            };
            println!("{}  {} ({}{until})", evidence.receipt.record_id, answer.message(), answer.ground());
        }
        if answers.iter().all(|answer| *answer == Answer::Erased) {
            self.register(|connection| requests::forget_subject(connection, number))?;
        } else {
            println!("The person must be told of what was not erased, and why (Art. 12(4)).");
        }
        println!("{}", row(&self.request(number)?, now));
        Ok(ExitCode::SUCCESS)
    }

    fn restrict(&self, number: i64, now: Millis) -> Result<ExitCode, String> {
        let request = self.request(number)?;
        let found = self.records(request.record_id.as_deref(), request.subject.as_deref())?;
        if found.is_empty() {
            return Ok(nothing());
        }
        self.note("restrict", &found, Some(number))?;
        with_store(&self.database, &self.key, async |store| {
            for evidence in &found {
                store.restrict(evidence.receipt.seq).await?;
            }
            Ok(())
        })?;
        found.iter().for_each(|evidence| println!("{}  restricted", evidence.receipt.record_id));
        println!("{}", row(&request, now));
        Ok(ExitCode::SUCCESS)
    }

    /// The records of a person: the one named and all others of its subject, or all of a subject.
    fn records(&self, record: Option<&str>, subject: Option<&str>) -> Result<Vec<Evidence>, String> {
        if record.is_some_and(|id| !is_uuid(id)) {
            return Err("a record id is a version 4 UUID in small letters".to_owned());
        }
        if subject.is_some_and(|subject| key::subject(subject).is_none()) {
            return Err("a subject is 22 letters and digits, as in a record".to_owned());
        }
        self.database.ask(async |database| {
            let mut found = Vec::new();
            let mut subjects: Vec<[u8; 16]> = subject.and_then(key::subject).into_iter().collect();
            if let Some(record) = record {
                for evidence in database.read(record).await? {
                    match evidence.subject {
                        Some(subject) if !subjects.contains(&subject) => subjects.push(subject),
                        // Erased: it has none, and there is nothing left to find.
                        _ => {}
                    }
                }
            }
            for subject in subjects {
                found.extend(database.of_subject(subject).await?);
            }
            Ok(found)
        })
    }

    /// S7: whatever is seen or changed is noted before it is.
    fn note(&self, action: &str, found: &[Evidence], request: Option<i64>) -> Result<(), String> {
        let operations = self.operations.open(&self.database.database)?;
        let reason = request.map_or("request of a data subject".to_owned(), |number| format!("request {number}"));
        let mut ids = found.iter().map(|evidence| &evidence.receipt.record_id);
        ids.try_for_each(|id| token::note(&operations, action, id, Some(&reason)))
    }

    fn say(&self, number: i64) -> Result<ExitCode, String> {
        if let Some(request) = self.register(|connection| requests::one(connection, number))? {
            println!("{}", row(&request, clock::now()));
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn row(request: &Request, now: Millis) -> String {
    let Request { number, kind, .. } = request;
    let article = KINDS.iter().find(|(known, _)| known == kind).map_or("", |(_, article)| article);
    let about = match (&request.record_id, &request.subject) {
        (Some(record), _) => format!("record {record}"),
        (None, Some(subject)) => format!("subject {subject}"),
        (None, None) => "no record named".to_owned(),
    };
    let (received, last) = (time::date(request.received_at), time::date(request.last_day()));
    let (standing, longer) =
        (request.standing(now).name(), if request.extension.is_some() { " (extended)" } else { "" });
    format!("{number:>4}  {standing:<11}  answer by {last}{longer}  {kind} ({article})  received {received}  {about}")
}

/// One record for a person: when, where and what.
fn line(evidence: &Evidence) -> String {
    let receipt = &evidence.receipt;
    let answer = match evidence.check().record {
        Ok(record) => record.event.state.name(),
        Err(_) => "not readable",
    };
    let restricted = if evidence.restriction.is_some() { "  restricted" } else { "" };
    format!("{}  {}  {}  {answer}{restricted}", receipt.record_id, time::instant(receipt.received_at), evidence.site)
}

fn nothing() -> ExitCode {
    eprintln!("askfirst: no record is stored about this person");
    ExitCode::from(1)
}
