//! `askfirst`: see `askfirst --help`.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// A record is made on one thread and freed on the writer's, which the system's allocator is slow at.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    askfirst_server::cli::run()
}
