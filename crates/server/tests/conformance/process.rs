//! `askfirst serve` as its own process, and a sender that comes again as a browser does.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::support::{CONFIG, SITE};

pub struct Process {
    pub child: Child,
    pub address: String,
}

impl Process {
    /// Starts a server on a database that it shares with others; its key is theirs.
    pub async fn start(folder: &Path, database: &str, key: &str) -> Self {
        static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let n = NEXT.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let config = folder.join(format!("{n}.json"));
        std::fs::write(&config, CONFIG).unwrap();
        let log = std::fs::File::create(folder.join(format!("{n}.log"))).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_askfirst"))
            .args(["serve", "--listen", "127.0.0.1:0", "--rate-per-network", "0", "--rate-per-site", "0"])
            .args(["--max-connections-per-address", "1000"])
            .arg("--config")
            .arg(&config)
            .arg("--operations")
            .arg(folder.join(format!("{n}.operations")))
            .env("ASKFIRST_DATABASE", database)
            .env("ASKFIRST_LOG_KEY", key)
            .stderr(log)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut process = Self { child, address: String::new() };
        for _ in 0..600 {
            let log = std::fs::read_to_string(folder.join(format!("{n}.log"))).unwrap();
            if let Some(rest) = log.split("address=").nth(1) {
                process.address = rest.split(' ').next().unwrap().to_owned();
                return process;
            }
            assert!(process.child.try_wait().unwrap().is_none(), "{log}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the server does not start");
    }

    pub fn signal(&self, name: &str) {
        assert!(Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap().success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A sender with one connection.
#[derive(Default)]
pub struct Sender {
    open: Option<(String, BufReader<TcpStream>)>,
}

impl Sender {
    /// Sends a record to one of the servers and comes again until one has it; the receipt. Which server is asked first
    /// is the sender's own choice.
    pub async fn deliver(&mut self, servers: &[String], first: usize, body: &str) -> String {
        for turn in 0..400 {
            let address = &servers[(first + turn) % servers.len()];
            match tokio::time::timeout(Duration::from_secs(15), self.post(address, body)).await {
                Ok(Some((200 | 201, receipt))) => return receipt,
                Ok(Some((status, answer))) => assert!(matches!(status, 503 | 507), "{status} {answer}"),
                Ok(None) | Err(_) => {}
            }
            self.open = None;
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("no server has taken the record");
    }

    async fn post(&mut self, address: &str, body: &str) -> Option<(u16, String)> {
        if self.open.as_ref().is_none_or(|(open, _)| open != address) {
            self.open = Some((address.to_owned(), BufReader::new(TcpStream::connect(address).await.ok()?)));
        }
        let (_, stream) = self.open.as_mut()?;
        let request = format!(
            "POST /askfirst/v1/records HTTP/1.1\r\nHost: x\r\nOrigin: {SITE}\r\nContent-Type: text/plain\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        let status = line.split(' ').nth(1)?.parse().ok()?;
        let mut length = 0;
        loop {
            line.clear();
            stream.read_line(&mut line).await.ok()?;
            if line.trim().is_empty() {
                break;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
        }
        let mut bytes = vec![0; length];
        stream.read_exact(&mut bytes).await.ok()?;
        Some((status, String::from_utf8(bytes).ok()?))
    }
}
