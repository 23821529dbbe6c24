//! The rules of Askfirst.
//!
//! One crate decides what is lawful, what is stored, what is open and what is recorded; the page, the command line
//! and the server all call it. It is pure: no clock, no randomness, no input or output, no JavaScript and no floating
//! point, so that the same input gives the same answer everywhere. The outside world arrives as [`machine::Env`] and
//! leaves as [`machine::Effect`]s.

#![no_std]
#![deny(missing_docs)]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic))]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

extern crate alloc;

#[cfg(test)]
extern crate std;

pub mod choice;
pub mod digest;
pub mod erasure;
pub mod exports;
pub mod gate;
pub mod json;
pub mod log;
pub mod machine;
pub mod notice;
pub mod outbox;
mod pattern;
pub mod record;
pub mod settings;
pub mod texts;
pub mod time;
pub mod view;
pub mod wire;
