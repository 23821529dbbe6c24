//! PROOF test 30: everything that the server logs while its tests run is read, at the most talkative level, and must have
//! nothing of a visitor in it.

use std::io;
use std::sync::Once;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::prelude::*;

/// Reads every line from now on.
pub fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(Reader::default);
        let own = Targets::new().with_target("askfirst_server", LevelFilter::TRACE);
        tracing_subscriber::registry().with(lines.with_filter(own)).init();
    });
}

/// One line, read when it is complete.
#[derive(Default)]
struct Reader(Vec<u8>);

impl io::Write for Reader {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let line = String::from_utf8_lossy(&self.0).into_owned();
        if let Some(what) = private(&line) {
            // A panic would end one task of many and be forgotten.
            eprintln!("PROOF test 30: {what} is in the log: {line}");
            std::process::abort();
        }
    }
}

/// What no line may have.
pub fn private(line: &str) -> Option<&'static str> {
    let words = || line.split(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.' | ':'));
    let is_uuid = |word: &str| word.len() == 36 && word.bytes().filter(|byte| *byte == b'-').count() == 4;
    // Addresses of documentation, which the tests give to visitors; the machine's own is where the server listens.
    let networks = ["203.0.113.", "198.51.100.", "192.0.2.", "2001:db8:"];
    // The secrets and subjects of the tests are small numbers in base64url, which begin alike; keys and tokens have their
    // own beginnings.
    let secrets = ["AAAAAAAAAA", "aft_", "whsec_", "PRIVATE+KEY", "Bearer "];
    if words().any(is_uuid) {
        return Some("the id of a record");
    }
    if networks.iter().any(|network| line.contains(network)) {
        return Some("an address");
    }
    if secrets.iter().any(|secret| line.contains(secret)) {
        return Some("a secret");
    }
    (line.contains("CANARY") || line.contains("Mozilla/")).then_some("something that was sent")
}
