//! The key that signs checkpoints: 32 secret bytes outside the database. Each log has a name of its own, so one secret
//! serves every site of a server.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use askfirst_core::log::{LogKey, SigningKey, host_of};
use hkdf::Hkdf;
use sha2::Sha256;

use super::check::Fault;
use crate::private;

/// The secret. Whoever has it can sign as these logs.
#[derive(Clone)]
pub struct Seed([u8; 32]);

/// The secrets of a server: the key in use, and while another one takes its place that one too (PROOF test 16).
#[derive(Clone)]
pub struct Seeds {
    pub current: Seed,
    pub next: Option<Seed>,
}

impl Seeds {
    /// Those beside a database, the first made with the first start.
    ///
    /// # Errors
    /// One can't be read or made.
    pub fn beside(database: &Path) -> Result<Self, String> {
        let next = next_beside(database);
        let next = if next.exists() { Some(Seed::read(&next)?) } else { None };
        Ok(Self { current: Seed::beside(database)?, next })
    }

    /// The keys by which a head of this log is checked: the ones that it names, or the one that it has had from the start.
    pub fn believed(&self, origin: &str, keys: &[LogKey]) -> Vec<LogKey> {
        if keys.is_empty() {
            return self.current.key(origin).map(|key| key.verifier().clone().into()).into_iter().collect();
        }
        keys.to_vec()
    }

    /// What signs a log that names these keys.
    ///
    /// # Errors
    /// This server does not have each key that signs the log now.
    pub fn signers(&self, origin: &str, keys: &[LogKey]) -> Result<Vec<SigningKey>, Fault> {
        let lacks = |key: &str| {
            Fault::MustNotSign(format!(
                "the log {origin} is signed with a key that this server does not have, {key}: name its file with \
                 --log-key-file or --next-log-key-file"
            ))
        };
        let own: Vec<SigningKey> = self.all().filter_map(|seed| seed.key(origin)).collect();
        let signer = |key: &LogKey| {
            let own = own.iter().find(|own| *own.verifier() == key.key).cloned();
            own.ok_or_else(|| lacks(&key.key.to_text()))
        };
        let believed = self.believed(origin, keys);
        let signers: Vec<SigningKey> =
            believed.iter().filter(|key| key.until.is_none()).map(signer).collect::<Result<_, _>>()?;
        if signers.is_empty() { Err(Fault::Damaged(format!("the log {origin} has no key"))) } else { Ok(signers) }
    }

    /// What signs a log that begins now, when other logs name these public keys, and have some taken out.
    pub fn signers_of_new(&self, origin: &str, named: &[([u8; 32], bool)]) -> Vec<SigningKey> {
        let is = |seed: &Seed, out: bool| named.iter().any(|named| *named == (seed.public(), out));
        let current = Some(&self.current).filter(|seed| !is(seed, true));
        let next = self.next.as_ref().filter(|seed| is(seed, false));
        current.into_iter().chain(next).filter_map(|seed| seed.key(origin)).collect()
    }

    /// The keys that challenges are made with (`askfirst_core::log::Challenge`), the one in use first. Derived (RFC 5869,
    /// HKDF-Expand), so that a word given with one says nothing of what signs a log.
    pub fn challenge_keys(&self) -> Vec<[u8; 32]> {
        let expand = |seed: &Seed| {
            let mut key = [0; 32];
            let from = Hkdf::<Sha256>::from_prk(&seed.0).ok()?;
            from.expand(b"askfirst challenge key v1", &mut key).ok().map(|()| key)
        };
        self.all().filter_map(expand).collect()
    }

    fn all(&self) -> impl Iterator<Item = &Seed> {
        std::iter::once(&self.current).chain(&self.next)
    }
}

/// The name of the `n`th log of a site.
pub fn origin(site: &str, n: u32) -> String {
    let host = host_of(site);
    let turn = if n > 1 { format!("/{n}") } else { String::new() };
    format!("{host}/askfirst/log{turn}")
}

impl Seed {
    /// # Errors
    /// The system has no random bytes to give.
    pub fn random() -> Result<Self, String> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|error| error.to_string())?;
        Ok(Self(bytes))
    }

    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The public half, which is the same for every log.
    fn public(&self) -> [u8; 32] {
        SigningKey::new("any", &self.0).map_or([0; 32], |key| key.verifier().key)
    }

    /// The key of a log.
    pub fn key(&self, origin: &str) -> Option<SigningKey> {
        SigningKey::new(origin, &self.0)
    }

    /// The text in a key file: 64 hexadecimal digits.
    pub fn text(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Reads the text of a key file or an environment variable.
    ///
    /// # Errors
    /// It is something else.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bytes = digits(text).map(Self);
        bytes.ok_or_else(|| "a log key has 64 hexadecimal digits; `askfirst keygen` makes one".to_owned())
    }

    /// Reads a key file.
    ///
    /// # Errors
    /// It can't be read, others may read it too (S7), or it holds no key.
    pub fn read(path: &Path) -> Result<Self, String> {
        Self::parse(&read_private(path)?).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// Writes a new key file that only its owner may read.
    ///
    /// # Errors
    /// There is a file of this name already, or it can't be written.
    pub fn create(&self, path: &Path) -> Result<(), String> {
        create_private(path, &self.text())
    }

    /// The key that was made beside a database.
    ///
    /// # Errors
    /// It can't be read.
    pub fn of(database: &Path) -> Result<Self, String> {
        Self::read(&file_beside(database))
    }

    /// The key beside a database, made with the first start.
    ///
    /// # Errors
    /// It can't be read or made.
    pub fn beside(database: &Path) -> Result<Self, String> {
        let path = file_beside(database);
        if path.exists() {
            return Self::read(&path);
        }
        let seed = Self::random()?;
        seed.create(&path)?;
        Ok(seed)
    }
}

/// The 32 bytes that 64 hexadecimal digits say.
pub fn digits(text: &str) -> Option<[u8; 32]> {
    let text = text.trim();
    let digit = |at: usize| text.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
    let bytes: Option<Vec<u8>> = (0..32).map(|n| digit(n * 2)).collect();
    let whole = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    bytes.filter(|_| whole)?.try_into().ok()
}

/// Reads a file with a key.
///
/// # Errors
/// It can't be read, or others may read it too (S7).
pub fn read_private(path: &Path) -> Result<String, String> {
    let say = |error: String| format!("{}: {error}", path.display());
    let text = fs::read_to_string(path).map_err(|error| say(error.to_string()))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(path).map_err(|error| say(error.to_string()))?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(say("others may read this key; `chmod 600` it".to_owned()));
        }
    }
    Ok(text)
}

/// Writes a new file with a key that only its owner may read.
///
/// # Errors
/// There is a file of this name already, or it can't be written.
pub fn create_private(path: &Path, text: &str) -> Result<(), String> {
    let written = private::options().create_new(true).open(path).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()
    });
    written.map_err(|error| format!("{}: {error}", path.display()))
}

fn file_beside(database: &Path) -> PathBuf {
    beside(database, ".key")
}

/// Where the key is that takes the place of the one beside a database.
pub fn next_beside(database: &Path) -> PathBuf {
    beside(database, ".key.next")
}

/// Puts the next key beside a database in the place of the one in use, whose file is gone then.
///
/// # Errors
/// The file can't be moved.
pub fn take_next(database: &Path) -> Result<(), String> {
    let (next, current) = (next_beside(database), file_beside(database));
    fs::rename(&next, &current).map_err(|error| format!("{}: {error}", next.display()))
}

fn beside(database: &Path, end: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

impl std::fmt::Debug for Seed {
    /// Never printed.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_is_its_owners_alone_and_comes_back_as_it_was() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.key");
        let seed = Seed::random().unwrap();
        seed.create(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(Seed::read(&path).unwrap().text(), seed.text());
        assert!(Seed::random().unwrap().create(&path).is_err(), "a key is never overwritten");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(Seed::read(&path).unwrap_err().contains("chmod"));
    }

    #[test]
    fn what_is_not_64_digits_is_no_key() {
        let good = Seed::random().unwrap().text();
        for wrong in [
            "",
            "00",
            &good[1..],
            &[&good, "0"].concat(),
            &good.replacen(&good[..1], "g", 1),
            &["+1", &good[2..]].concat(),
        ] {
            assert!(Seed::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn each_site_has_a_log_of_its_own_name() {
        assert_eq!(origin("https://www.example.nl", 1), "www.example.nl/askfirst/log");
        assert_eq!(origin("https://www.example.nl", 2), "www.example.nl/askfirst/log/2");
        assert_eq!(origin("http://localhost:4400", 1), "http:localhost:4400/askfirst/log");
    }
}
