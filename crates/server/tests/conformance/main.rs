//! What a store has to do, said once and asked of both engines; and what only several servers on one PostgreSQL can do
//! wrong. PostgreSQL is a real one that these tests start themselves.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../support/mod.rs"]
mod support;
#[path = "../support/witness.rs"]
mod witnesses;

// Before those that use its macros.
#[macro_use]
mod place;

/// Stored and placed by one statement, on PostgreSQL.
mod at_once;
/// Copies, and from one engine to the other.
mod backup;
/// What came beside a record, on both engines.
mod challenge;
mod cluster;
/// The holder's way to a record.
mod holder;
/// Which browser files there are.
mod interface;
/// Faulty notices, and the end of a consent.
mod invalid;
/// What an erasure leaves.
mod left;
mod operations;
/// What the other engines that speak PostgreSQL's protocol take otherwise.
mod portable;
mod process;
/// Another key for the logs, on both engines.
mod rotation;
/// Several servers on one PostgreSQL.
mod servers;
/// Both engines.
mod suite;
/// The way to PostgreSQL.
mod tls;
/// Witnesses, where there are several servers.
mod witness;
