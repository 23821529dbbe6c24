//! Checks evidence packs, exports and receipts in a browser, by the code that `askfirst verify` runs natively.
//!
//! Nothing leaves the page: the module has no import but the text that it is handed. `www/verify.ts` is its caller.

use askfirst_core::json::Value;
use askfirst_core::log::LogKey;
use askfirst_core::log::evidence::{self, Report};
use wasm_bindgen::prelude::*;

/// Checks the text of a file. `keys` are the public keys that the reader trusts, one a line, or nothing. Answers the
/// reports as a JSON list, never an empty one.
#[wasm_bindgen]
pub fn verify(text: &str, keys: &str) -> String {
    let reports = with_keys(keys, |keys| evidence::verify(text, keys));
    Value::List(reports.iter().map(Report::to_value).collect()).canonical()
}

/// Checks that a record, in the text in which it was sent, is in the log as its receipt says. Answers one report as JSON.
#[wasm_bindgen(js_name = verifyReceipt)]
pub fn verify_receipt(record: &str, receipt: &str, keys: &str) -> String {
    let reports = with_keys(keys, |keys| vec![evidence::verify_receipt(record, receipt, keys)]);
    reports.first().map_or(Value::Null, Report::to_value).canonical()
}

fn with_keys(keys: &str, check: impl FnOnce(&[LogKey]) -> Vec<Report>) -> Vec<Report> {
    match evidence::read_keys(keys) {
        Ok(keys) => check(&keys),
        Err(problem) => vec![Report::failure("The key", problem)],
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{verify, verify_receipt};
    use askfirst_core::json::{Value, parse};

    fn vectors() -> Value {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/log-evidence.json");
        parse(&std::fs::read_to_string(path).unwrap()).unwrap()
    }

    #[test]
    fn a_key_that_is_none_is_no_verdict_in_favour() {
        let vectors = vectors();
        let pack = vectors.get("cases").items()[0].get("text").text().unwrap();
        let reports = parse(&verify(pack, "nonsense")).unwrap();
        assert_eq!(reports.items()[0].get("problem").text(), Some("“nonsense” is not the public key of a log."));
        let holds = parse(&verify(pack, vectors.get("vkey").text().unwrap())).unwrap();
        assert_eq!(holds.items()[0].get("outcome").text(), Some("holds"));
    }

    #[test]
    fn a_receipt_is_checked_against_its_record() {
        let vectors = vectors();
        let text = |key: &str| vectors.get("receipt").get(key).text().unwrap().to_string();
        let key = vectors.get("vkey").text().unwrap();
        let told = parse(&verify_receipt(&text("record"), &text("receipt"), key)).unwrap();
        assert_eq!(told.get("outcome").text(), Some("holds"));
        let other = text("record").replacen("true", "false", 1);
        let told = parse(&verify_receipt(&other, &text("receipt"), key)).unwrap();
        assert_eq!(told.get("outcome").text(), Some("fails"));
    }
}
