//! The master key: 32 bytes that the store never holds (S6). It wraps the few keys that seal the records' secrets, so
//! that another one can take its place without a record being written anew.

use std::process::{Command, Stdio};

use askfirst_core::digest::sha256;

use super::cipher::{self, LONG_NONCE};
use crate::store::log::key::{digits, read_private};
use crate::store::random;

/// The key with its id.
#[derive(Clone)]
pub struct Master {
    key: [u8; 32],
    id: String,
}

impl Master {
    /// A new one.
    ///
    /// # Errors
    /// The system has no random bytes to give.
    pub fn random() -> Result<Self, String> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| error.to_string())?;
        Ok(Self::from_bytes(key))
    }

    pub fn from_bytes(key: [u8; 32]) -> Self {
        let hash = sha256(&[b"askfirst master key id v1".as_slice(), &key].concat());
        let id = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Self { key, id }
    }

    /// Reads the key from where the operator keeps it: `file:PATH`, `env:NAME` or `command:…`, which a shell runs.
    ///
    /// # Errors
    /// A sentence for the person at the console, without the key.
    pub fn load(source: &str) -> Result<Self, String> {
        let (kind, place) = source
            .split_once(':')
            .ok_or("--master-key says where the key is: file:PATH, env:NAME or command:COMMAND, not the key itself")?;
        let text = match kind {
            "file" => read_private(place.as_ref())?,
            "env" => std::env::var(place).map_err(|_| format!("the environment has no {place} with the master key"))?,
            "command" => output(place)?,
            _ => return Err("a master key comes from file:PATH, env:NAME or command:COMMAND".to_owned()),
        };
        let bytes = digits(&text).ok_or("a master key has 64 hexadecimal digits; `askfirst keys new` makes one")?;
        Ok(Self::from_bytes(bytes))
    }

    /// A short name that says nothing about the key: the store keeps it beside what the key wraps.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The text in a key file: 64 hexadecimal digits.
    pub fn text(&self) -> String {
        self.key.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Wraps sealing key number `number`.
    pub(super) fn wrap(&self, number: i64, key: &[u8; 32]) -> Option<Vec<u8>> {
        seal(&self.key, &wrapped_as(number), key)
    }

    pub(super) fn unwrap(&self, number: i64, wrapped: &[u8]) -> Option<[u8; 32]> {
        open(&self.key, &wrapped_as(number), wrapped)?.try_into().ok()
    }
}

/// What a wrapped key can't be mistaken for another one by.
fn wrapped_as(number: i64) -> Vec<u8> {
    [b"askfirst sealing key v1".as_slice(), &number.to_be_bytes()].concat()
}

/// XChaCha20-Poly1305 under a random nonce. ChaCha20 needs no hardware to be fast and constant in time, which AES does,
/// and the long nonce lets one key seal any number of secrets.
pub(super) fn seal(key: &[u8; 32], about: &[u8], text: &[u8]) -> Option<Vec<u8>> {
    let nonce = random::bytes()?;
    let (key, short) = cipher::long(key, &nonce);
    let sealed = cipher::seal(&key, short, about, text.to_vec())?;
    Some([nonce.as_slice(), &sealed].concat())
}

pub(super) fn open(key: &[u8; 32], about: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = sealed.split_first_chunk::<LONG_NONCE>()?;
    let (key, short) = cipher::long(key, nonce);
    cipher::open(&key, short, about, sealed)
}

/// What a command prints; its complaints go to the console.
fn output(command: &str) -> Result<String, String> {
    let ran = Command::new("sh").args(["-c", command]).stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    match ran {
        Ok(ran) if ran.status.success() => {
            String::from_utf8(ran.stdout).map_err(|_| "the command for the master key prints no text".to_owned())
        }
        Ok(ran) => Err(format!("the command for the master key failed: {}", ran.status)),
        Err(error) => Err(format!("the command for the master key can't be run: {error}")),
    }
}

impl std::fmt::Debug for Master {
    /// Its name; the key is never printed.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Master").field(&self.id).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_master_key_comes_from_a_file_the_environment_or_a_command() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        let master = Master::random().unwrap();
        crate::store::log::key::create_private(&path, &master.text()).unwrap();
        let of = |source: String| Master::load(&source).map(|master| master.id().to_owned());
        assert_eq!(of(format!("file:{}", path.display())).unwrap(), master.id());
        assert_eq!(of(format!("command:cat {}", path.display())).unwrap(), master.id());
        assert!(of("env:ASKFIRST_NO_SUCH_VARIABLE".to_owned()).unwrap_err().contains("ASKFIRST_NO_SUCH_VARIABLE"));
        assert!(of("command:exit 3".to_owned()).unwrap_err().contains('3'));
        for wrong in [master.text(), "command:echo 00".to_owned(), "vault:x".to_owned()] {
            let error = of(wrong).unwrap_err();
            assert!(!error.contains(&master.text()), "the key itself is never printed");
        }
    }

    #[test]
    fn what_is_wrapped_opens_under_its_own_key_and_number_alone() {
        let (one, two) = (Master::random().unwrap(), Master::random().unwrap());
        let wrapped = one.wrap(7, &[5; 32]).unwrap();
        assert_eq!(one.unwrap(7, &wrapped), Some([5; 32]));
        assert_eq!((one.unwrap(8, &wrapped), two.unwrap(7, &wrapped)), (None, None));
        assert_ne!(one.wrap(7, &[5; 32]), Some(wrapped), "under another nonce each time");
        assert_ne!(one.id(), two.id());
    }
}
