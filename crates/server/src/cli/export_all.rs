//! `askfirst export --all`: the evidence packs of all records, one a line, page by page: neither the memory nor a moment of
//! the database that is held grows with their number.

use std::io::{BufWriter, Write};
use std::process::ExitCode;

use super::export::Options;
use super::{fail, token};
use crate::store::pack::{PAGE, Packed};

pub fn run(options: &Options) -> ExitCode {
    match write(options) {
        Ok(left) => {
            left.say();
            if left.without_entry == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) }
        }
        Err(message) => fail(&message),
    }
}

/// What was not written, and is said.
#[derive(Default)]
struct Left {
    restricted: u64,
    without_entry: u64,
}

impl Left {
    fn say(&self) {
        if self.restricted > 0 {
            eprintln!(
                "askfirst: {} restricted records are left out; say --for-claim if it is for a legal claim (GDPR Art. 18(2))",
                self.restricted
            );
        }
        if self.without_entry > 0 {
            eprintln!("askfirst: the log has no entry of {} records; `askfirst audit` says more", self.without_entry);
        }
    }
}

fn write(options: &Options) -> Result<Left, String> {
    options.database.database.require()?;
    let database = options.database.with_key()?;
    let operations = options.operations.open(&options.database.database)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| format!("the program can't start its threads: {error}"))?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    let (mut left, mut pages) = (Left::default(), database.all_packs());
    let action = if options.for_claim { "claim" } else { "export" };
    loop {
        let mut page = runtime.block_on(pages.next(PAGE))?;
        if page.is_empty() {
            break;
        }
        let all = page.len();
        page.retain(|packed| options.for_claim || !packed.restricted);
        left.restricted += (all - page.len()) as u64;
        // What can't be noted is not shown (S7).
        let ids = page.iter().map(|packed| packed.record_id.as_str());
        token::note_all(&operations, action, ids, options.reason.as_deref())?;
        for Packed { pack, .. } in &page {
            match pack {
                Some(pack) => writeln!(out, "{}", pack.to_value().canonical()).map_err(|error| error.to_string())?,
                None => left.without_entry += 1,
            }
        }
    }
    out.flush().map_err(|error| error.to_string())?;
    Ok(left)
}
