//! `askfirst leaks`: what pages in audit mode saw happen that the choice did not allow.

use std::process::ExitCode;

use askfirst_core::time::DAY;
use clap::Args;

use super::fail;
use crate::clock;
use crate::operations::leaks::{self, Sum};

#[derive(Args)]
pub struct Options {
    #[command(flatten)]
    database: super::database::Argument,
    #[command(flatten)]
    operations: super::operations::File,
    /// How many days back, at most 90.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u8).range(1..=90), value_name = "N")]
    days: u8,
    /// One JSON object a line instead of a table.
    #[arg(long)]
    json: bool,
}

pub fn run(options: &Options) -> ExitCode {
    let since = clock::now() - i64::from(options.days - 1) * DAY;
    let sums = options
        .database
        .database
        .require()
        .and_then(|()| options.operations.open(&options.database.database))
        .and_then(|operations| operations.run(|connection| leaks::sums(connection, since)));
    let sums = match sums {
        Ok(sums) => sums,
        Err(message) => return fail(&message),
    };
    for sum in &sums {
        if options.json {
            println!("{}", sum.to_value().canonical());
        } else {
            let Sum { site, day, kind, name, category, count } = sum;
            println!("{day}  {count:>7}  {kind:<8} {name}  before consent to {category}  {site}");
        }
    }
    ExitCode::SUCCESS
}
