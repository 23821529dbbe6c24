//! `--erasure`: what a request for erasure leads to.

use askfirst_core::erasure::Policy;
use clap::Args;

#[derive(Args)]
pub struct Erasure {
    /// What a request for erasure leads to: `restrict` keeps the record as proof until its term has ended and shows it for
    /// a legal claim alone (GDPR Art. 17(3)(e), 18), `erase` erases it at once.
    #[arg(long = "erasure", default_value = "restrict", value_parser = policy, value_name = "POLICY", env = "ASKFIRST_ERASURE")]
    pub policy: Policy,
}

fn policy(text: &str) -> Result<Policy, String> {
    Policy::named(text).ok_or_else(|| {
        let names = Policy::ALL.map(|(_, name)| name).join(" or ");
        format!("it is {names}")
    })
}
