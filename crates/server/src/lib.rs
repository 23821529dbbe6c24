//! The records server and the command line of Askfirst.
//!
//! Rules are `askfirst_core`'s: what a lawful configuration is, what a record and a notice are. Here is what needs a
//! machine: HTTP ([`http`]), the disk ([`store`]), the console ([`cli`]).

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]
// A program's own modules; what they are for stands at their head.
#![allow(missing_docs)]

pub mod bundled;
pub mod cli;
pub mod clock;
pub mod config;
pub mod erasure;
pub mod evidence;
pub mod http;
pub mod interface;
pub mod operations;
mod private;
pub mod store;
pub mod tls;
pub mod webhook;
pub mod witness;
