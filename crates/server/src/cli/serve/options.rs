//! The options of `askfirst serve`, each also by the environment and by the file of `--settings`.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use ipnet::IpNet;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::prelude::*;

use super::super::{database, erasure, log, operations, purge, webhooks, witnesses};

/// Shortest admin token.
const TOKEN_LENGTH: usize = 16;

#[derive(Args)]
pub struct Options {
    /// Configuration of a site; its notices are registered and its `site` may send records. Several for several sites.
    #[arg(long, required = true, num_args = 1.., value_delimiter = ',', value_name = "FILE", env = "ASKFIRST_CONFIG")]
    pub config: Vec<PathBuf>,
    /// More of these options, as JSON: `{"listen": "…", "config": ["…"]}`. The environment goes before it, the command
    /// line before both.
    #[arg(long, value_name = "FILE", env = "ASKFIRST_SETTINGS")]
    pub settings: Option<PathBuf>,
    #[command(flatten)]
    pub database: database::Argument,
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1:4400", value_name = "ADDRESS", env = "ASKFIRST_LISTEN")]
    pub listen: SocketAddr,
    /// Certificate in PEM, with its chain: speak https (TLS 1.2 or newer). Read anew at SIGHUP.
    #[arg(long, requires = "tls_key", value_name = "FILE", env = "ASKFIRST_TLS_CERT")]
    pub tls_cert: Option<PathBuf>,
    /// Key of the certificate, in PEM.
    #[arg(long, requires = "tls_cert", value_name = "FILE", env = "ASKFIRST_TLS_KEY")]
    pub tls_key: Option<PathBuf>,
    /// Address for people with a token and for figures; without it `/metrics` is at the other address and nothing else.
    #[arg(long, value_name = "ADDRESS", env = "ASKFIRST_ADMIN")]
    pub admin: Option<SocketAddr>,
    /// The browser files, served under /askfirst/.
    #[arg(long, value_name = "DIR", env = "ASKFIRST_DIST")]
    pub dist: Option<PathBuf>,
    /// A site to serve under /, with the first configuration at /askfirst.json.
    #[arg(long = "static", value_name = "DIR", env = "ASKFIRST_STATIC")]
    pub site: Option<PathBuf>,
    /// Further origins that may send records.
    #[arg(long, value_delimiter = ',', value_name = "ORIGIN", env = "ASKFIRST_ORIGIN")]
    pub origin: Vec<String>,
    /// File with a token that is an operator's, beside those of `askfirst token`; without it ASKFIRST_ADMIN_TOKEN.
    #[arg(long, value_name = "FILE", env = "ASKFIRST_ADMIN_TOKEN_FILE")]
    pub admin_token_file: Option<PathBuf>,
    /// The same by the environment.
    #[arg(long, env = "ASKFIRST_ADMIN_TOKEN", hide = true, hide_env_values = true)]
    pub admin_token: Option<String>,
    #[command(flatten)]
    pub log_key: log::Key,
    #[command(flatten)]
    pub operations: operations::File,
    #[command(flatten)]
    pub webhooks: webhooks::Webhooks,
    #[command(flatten)]
    pub witnesses: witnesses::Witnesses,
    /// How long a record is kept after the consent has ended; what is due is erased once a day.
    #[arg(long, default_value = "P3Y", value_parser = purge::period, value_name = "PERIOD", env = "ASKFIRST_KEEP")]
    pub keep: purge::Keep,
    #[command(flatten)]
    pub erasure: erasure::Erasure,
    /// Networks of our own proxies, whose X-Forwarded-For is believed.
    #[arg(long, value_delimiter = ',', value_name = "CIDR", env = "ASKFIRST_TRUSTED_PROXY")]
    pub trusted_proxy: Vec<IpNet>,
    /// Listen without TLS on an address that others can reach, because a proxy with TLS stands before it.
    #[arg(long, env = "ASKFIRST_PLAIN_HTTP_BEHIND_PROXY")]
    pub plain_http_behind_proxy: bool,
    /// Records per second from one network (/24, /48); 0 for no limit.
    #[arg(long, default_value_t = 10.0, value_name = "N", env = "ASKFIRST_RATE_PER_NETWORK")]
    pub rate_per_network: f64,
    /// Records that one network may send at once.
    #[arg(long, default_value_t = 100.0, value_name = "N", env = "ASKFIRST_BURST_PER_NETWORK")]
    pub burst_per_network: f64,
    /// Records per second for one site; 0 for no limit.
    #[arg(long, default_value_t = 2_000.0, value_name = "N", env = "ASKFIRST_RATE_PER_SITE")]
    pub rate_per_site: f64,
    /// Connections at a time.
    #[arg(long, default_value_t = 4096, value_name = "N", env = "ASKFIRST_MAX_CONNECTIONS")]
    pub max_connections: usize,
    /// Connections at a time from one address.
    #[arg(long, default_value_t = 256, value_name = "N", env = "ASKFIRST_MAX_CONNECTIONS_PER_ADDRESS")]
    pub max_connections_per_address: usize,
    /// Writes that may wait for the disk.
    #[arg(long, default_value_t = 1024, value_name = "N", env = "ASKFIRST_QUEUE")]
    pub queue: usize,
    /// `debug` adds one line per request: method, route, status, time.
    #[arg(long, default_value = "info", value_name = "LEVEL", env = "ASKFIRST_LOG")]
    pub log: Level,
    /// Form of the log on standard error.
    #[arg(long, default_value = "text", value_name = "FORM", env = "ASKFIRST_LOG_FORMAT")]
    pub log_format: LogFormat,
}

impl Options {
    /// The address can be reached by others only over TLS, or because a proxy with TLS stands before it (S6).
    ///
    /// # Errors
    /// A sentence for the person at the console.
    pub fn check_addresses(&self) -> Result<(), String> {
        let secure = self.tls_cert.is_some();
        if !self.listen.ip().is_loopback() && !self.plain_http_behind_proxy && !secure {
            return Err(format!(
                "{} can be reached by others and this server speaks plain http (S6): listen on 127.0.0.1, give it \
                 --tls-cert and --tls-key, or put a proxy with TLS before it and say --plain-http-behind-proxy",
                self.listen
            ));
        }
        match self.admin.filter(|admin| !admin.ip().is_loopback() && !secure) {
            Some(admin) => Err(format!(
                "{admin} can be reached by others and tokens would be sent in plain http (S6, S7): listen on 127.0.0.1, \
                 or give --tls-cert and --tls-key"
            )),
            None => Ok(()),
        }
    }

    /// # Errors
    /// The file can't be read, or the token is one to be guessed.
    pub fn admin_token(&self) -> Result<Option<String>, String> {
        let token = match &self.admin_token_file {
            Some(file) => Some(fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?),
            None => self.admin_token.clone(),
        };
        let token = token.map(|token| token.trim().to_owned()).filter(|token| !token.is_empty());
        match token {
            Some(token) if token.len() < TOKEN_LENGTH => {
                Err(format!("the admin token has fewer than {TOKEN_LENGTH} characters"))
            }
            token => Ok(token),
        }
    }

    /// Our own lines alone: what libraries would say about a request is not ours to keep (S2).
    pub fn start_log(&self) {
        let level = match self.log {
            Level::Error => LevelFilter::ERROR,
            Level::Warn => LevelFilter::WARN,
            Level::Info => LevelFilter::INFO,
            Level::Debug => LevelFilter::DEBUG,
        };
        let ours = Targets::new().with_target(env!("CARGO_CRATE_NAME"), level);
        let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false);
        let lines = match self.log_format {
            LogFormat::Text => lines.with_ansi(false).boxed(),
            LogFormat::Json => lines.json().boxed(),
        };
        tracing_subscriber::registry().with(lines).with(ours).init();
    }
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Level {
    Error,
    Warn,
    Info,
    Debug,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_can_be_set_by_the_environment_and_stands_in_the_manual() {
        let manual = include_str!("../../../../../docs/operations.md");
        let command = Options::augment_args(clap::Command::new("serve"));
        let mut options = 0;
        for option in command.get_arguments() {
            let long = option.get_long().unwrap();
            let variable = ["ASKFIRST_", &long.to_uppercase().replace('-', "_")].concat();
            assert_eq!(option.get_env().and_then(|env| env.to_str()), Some(variable.as_str()), "--{long}");
            if option.is_hide_set() {
                assert!(manual.contains(&variable), "{variable}");
            } else {
                assert!(manual.contains(&format!("`--{long} ")) || manual.contains(&format!("`--{long}`")), "--{long}");
                assert!(option.get_help().is_some(), "--{long}");
            }
            options += 1;
        }
        assert!(options > 25, "{options}");
    }
}
