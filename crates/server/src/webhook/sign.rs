//! Signatures as the Standard Webhooks specification has them: HMAC-SHA256 over `id.timestamp.body`, under secrets that
//! are written `whsec_` and base64.

use askfirst_core::log::{from_base64, to_base64};
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// Lengths of a secret, in bytes, that the specification allows.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;

/// One secret.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Reads the secrets of a file, one a line. Several are for a change of secret: each message is signed with every
    /// one, and the receiver needs to know one of them.
    ///
    /// # Errors
    /// A sentence for the person at the console, without the secret.
    pub fn read(text: &str) -> Result<Vec<Self>, String> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let secrets = lines.map(Self::parse).collect::<Option<Vec<_>>>();
        secrets
            .filter(|secrets| !secrets.is_empty())
            .ok_or_else(|| "a webhook secret is `whsec_` and 24 to 64 bytes in base64".to_owned())
    }

    fn parse(line: &str) -> Option<Self> {
        let bytes = from_base64(line.strip_prefix("whsec_")?)?;
        LENGTHS.contains(&bytes.len()).then_some(Self(bytes))
    }

    fn sign(&self, id: &str, timestamp: i64, body: &str) -> Option<String> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
        Some(format!("v1,{}", to_base64(&mac.finalize().into_bytes())))
    }
}

/// The header `webhook-signature`.
pub fn signatures(secrets: &[Secret], id: &str, timestamp: i64, body: &str) -> String {
    let each: Vec<_> = secrets.iter().filter_map(|secret| secret.sign(id, timestamp, body)).collect();
    each.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_specification_gets_its_signature() {
        // https://github.com/standard-webhooks/standard-webhooks: the vector of its reference libraries' tests.
        let secrets = Secret::read("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").unwrap();
        let signed = signatures(&secrets, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, "{\"test\": 2432232314}");
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_that_is_short_or_of_another_form_is_refused() {
        for text in ["", "whsec_", "whsec_AAAA", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_not base64"] {
            assert!(Secret::read(text).is_err(), "{text}");
        }
        let both = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\nwhsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n";
        assert_eq!(signatures(&Secret::read(both).unwrap(), "msg_1", 1, "{}").split(' ').count(), 2);
    }
}
