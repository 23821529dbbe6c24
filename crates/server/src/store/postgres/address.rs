//! `postgres://…`: where the database is, and how far the way to it is trusted.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use crate::store::sealing::Master;

/// How the server is told from somebody in between, as libpq's `sslmode` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// No encryption.
    Disable,
    /// Encryption when the server offers it.
    Prefer,
    /// Encryption with whoever answers.
    Require,
    /// A certificate of a known authority, for whatever name.
    VerifyCa,
    /// A certificate of a known authority for this name.
    VerifyFull,
}

/// A database that is reached over its protocol.
#[derive(Clone, Debug)]
pub struct Address {
    pub config: Config,
    pub trust: Trust,
    /// The authorities' certificates, instead of the system's.
    pub authorities: Option<PathBuf>,
    /// What opens what is sealed.
    pub master: Option<Master>,
}

impl Address {
    /// Reads a URL as libpq does. Without `sslmode` a database on another machine is reached as with `verify-full` (S6).
    ///
    /// # Errors
    /// What is wrong with it, without repeating a password.
    pub fn parse(url: &str) -> Result<Self, String> {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut rest, mut trust, mut authorities) = (Vec::new(), None, None);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=').unwrap_or((pair, "")) {
                ("sslmode", mode) => trust = Some(Trust::named(mode)?),
                ("sslrootcert", "system") => {}
                ("sslrootcert", path) => authorities = Some(PathBuf::from(decode(path)?)),
                (name @ ("sslcert" | "sslkey" | "sslcrl" | "sslpassword"), _) => {
                    return Err(format!("`{name}` is not supported: use a password"));
                }
                _ => rest.push(pair),
            }
        }
        let url = if rest.is_empty() { base.to_owned() } else { format!("{base}?{}", rest.join("&")) };
        // What the parser says could repeat a part of the URL.
        let mut config: Config =
            url.parse().map_err(|_| "must be as postgres://user:password@host:5432/database".to_owned())?;
        if config.get_password().is_none()
            && let Ok(password) = std::env::var("PGPASSWORD")
        {
            config.password(password);
        }
        let near = config.get_hosts().iter().all(is_near);
        let trust = trust.unwrap_or(if near { Trust::Prefer } else { Trust::VerifyFull });
        config
            .ssl_mode(match trust {
                Trust::Disable => SslMode::Disable,
                Trust::Prefer => SslMode::Prefer,
                Trust::Require | Trust::VerifyCa | Trust::VerifyFull => SslMode::Require,
            })
            .connect_timeout(Duration::from_secs(5))
            .keepalives_idle(Duration::from_secs(15))
            .tcp_user_timeout(Duration::from_secs(10))
            .application_name("askfirst");
        Ok(Self { config, trust, authorities, master: None })
    }
}

impl Trust {
    fn named(name: &str) -> Result<Self, String> {
        Ok(match name {
            "disable" => Self::Disable,
            "allow" | "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            _ => return Err("`sslmode` is disable, prefer, require, verify-ca or verify-full".to_owned()),
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("postgres://")?;
        for (n, host) in self.config.get_hosts().iter().enumerate() {
            f.write_str(if n > 0 { "," } else { "" })?;
            match host {
                Host::Tcp(name) => f.write_str(name)?,
                Host::Unix(path) => path.display().fmt(f)?,
            }
        }
        write!(f, "/{}", self.config.get_dbname().or(self.config.get_user()).unwrap_or(""))
    }
}

/// On this machine: nobody is in between.
fn is_near(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        }
    }
}

fn decode(text: &str) -> Result<String, String> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let byte = if byte == b'%' {
            let digits: Vec<u8> = rest.by_ref().take(2).collect();
            let digits = std::str::from_utf8(&digits).unwrap_or("");
            u8::from_str_radix(digits, 16).map_err(|_| "has a `%` that is not followed by two digits".to_owned())?
        } else {
            byte
        };
        bytes.push(byte);
    }
    String::from_utf8(bytes).map_err(|_| "is not UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trust(url: &str) -> Trust {
        Address::parse(url).unwrap().trust
    }

    #[test]
    fn the_way_to_another_machine_is_verified_unless_the_owner_says_otherwise() {
        assert_eq!(trust("postgres://a@db.example.nl/x"), Trust::VerifyFull);
        assert_eq!(trust("postgres://a@127.0.0.1,db.example.nl/x"), Trust::VerifyFull);
        assert_eq!(trust("postgres://a@localhost/x"), Trust::Prefer);
        assert_eq!(trust("postgres://a@%2Frun%2Fpostgresql/x"), Trust::Prefer);
        assert_eq!(trust("postgres://a@db.example.nl/x?sslmode=require"), Trust::Require);
        let own = Address::parse("postgresql://a@db/x?sslrootcert=%2Fetc%2Fca.pem&connect_timeout=3&sslmode=verify-ca");
        let own = own.unwrap();
        assert_eq!((own.trust, own.authorities), (Trust::VerifyCa, Some(PathBuf::from("/etc/ca.pem"))));
    }

    #[test]
    fn a_password_is_never_shown() {
        let address = Address::parse("postgres://me:hunter2@db.example.nl/records").unwrap();
        assert_eq!(address.to_string(), "postgres://db.example.nl/records");
        assert!(!format!("{address:?}").contains("hunter2"));
        for wrong in
            ["postgres://me:hunter2@db:port/x", "postgres://me:hunter2@db/x?sslmode=hunter2", "postgres://hunter2@/%2"]
        {
            if let Err(said) = Address::parse(wrong) {
                assert!(!said.contains("hunter2"), "{said}");
            }
        }
        assert!(Address::parse("postgres://a@db/x?sslkey=a").unwrap_err().contains("sslkey"));
    }
}
