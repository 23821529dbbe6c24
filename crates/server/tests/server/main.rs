//! The server's behaviour: through the router, over real sockets, and as a process that is stopped and killed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../support/mod.rs"]
mod support;
#[path = "../support/witness.rs"]
mod witnesses;

/// Senders who mean no good.
mod abuse;
/// The admin listener: roles, reasons, tokens.
mod admin;
/// Backup and restore.
mod backup;
/// The server's word for a record before it comes.
mod challenge;
/// The choice's cookie, set by the server.
mod choice;
/// How it is installed: systemd, a container.
mod deploy;
/// What the disk can do.
mod faults;
/// The files beside the records, and the command line.
mod files;
/// The holder's way to a record, and erasing.
mod holder;
/// What is taken in and what is not.
mod ingest;
/// Which browser files there are.
mod interface;
/// Notices that are declared faulty.
mod invalid;
/// What pages report that happened without consent.
mod leaks;
/// What an erasure leaves.
mod left;
/// How much is taken from one sender, one site, and at once.
mod limits;
/// The log of a site.
mod log;
/// Notices and the store's own guards.
mod notices;
/// What the server says it answers.
mod openapi;
/// Power that goes.
mod power;
/// The binary: logs, stopping, killing.
mod process;
/// The thirty acceptance tests.
mod proof;
/// How long records are kept.
mod retention;
/// Another key for the logs.
mod rotation;
/// Bodies at rest.
mod sealed;
/// Time limits and connections.
mod sockets;
/// The store by itself, and older databases.
mod store;
/// https by the server itself.
mod tls;
/// Other systems hear of a withdrawal.
mod webhooks;
/// Witnesses that cosign the log.
mod witness;
/// Witnesses, of a process.
mod witnessed;
