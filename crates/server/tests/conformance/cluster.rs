//! A real PostgreSQL for the tests: installed by `cargo xtask test`, started here in a folder of its own, with fsync on,
//! and stopped when the test program ends, however it does.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio_postgres::{Client, NoTls};

/// Who runs it when the tests run as root, which PostgreSQL refuses to run as.
const USERS: [&str; 2] = ["postgres", "nobody"];

pub struct Cluster {
    pub port: u16,
    pub folder: PathBuf,
    bin: PathBuf,
    user: Option<&'static str>,
    /// Closed when this program ends; what waits at its other end then stops the database and removes the folder.
    _guard: std::process::Child,
}

/// The one cluster of this test program.
pub fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(Cluster::start)
}

impl Cluster {
    /// One of its own, for a test that stops it.
    pub fn start() -> Self {
        let bin = programs().expect(
            "these tests need PostgreSQL: `cargo xtask test` installs it, or `apt-get install postgresql` does",
        );
        let user = is_root().then(|| *USERS.iter().find(|user| has_user(user)).expect("there is a user but root"));
        let folder = tempfile::tempdir().unwrap().keep();
        let data = folder.join("data");
        if let Some(user) = user {
            run(Command::new("chown").arg(user).arg(&folder));
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut guard = Command::new("sh")
            .arg("-c")
            .arg("read line; \"$@\" stop -m immediate >/dev/null 2>&1; rm -rf \"$FOLDER\"")
            .arg("sh")
            .args(as_user(user))
            .arg(bin.join("pg_ctl"))
            .arg("-D")
            .arg(&data)
            .env("FOLDER", &folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        assert!(guard.try_wait().unwrap().is_none());
        let cluster = Self { port, folder, bin, user, _guard: guard };
        cluster.run("initdb", &["-D", text(&data), "-A", "trust", "-U", "askfirst", "--no-sync", "-E", "UTF8"]);
        cluster.ctl("start");
        cluster
    }

    /// `start` or `stop`.
    pub fn ctl(&self, action: &str) {
        let data = self.folder.join("data");
        let log = self.folder.join("log");
        let options =
            format!("-k {} -h 127.0.0.1 -p {} -c fsync=on -c max_connections=200", text(&self.folder), self.port);
        match action {
            "start" => self.run("pg_ctl", &["-D", text(&data), "-w", "-l", text(&log), "-o", &options, "start"]),
            _ => self.run("pg_ctl", &["-D", text(&data), "-w", "-m", "immediate", action]),
        }
    }

    /// Lets nobody in from the network but over TLS, with this certificate and key.
    pub fn serve_tls(&self, (certificate, key): &(String, String)) {
        let data = self.folder.join("data");
        let settings = "ssl = on\nssl_cert_file = 'tls.crt'\nssl_key_file = 'tls.key'\n";
        let rules = "local all all trust\nhostssl all all all trust\n";
        for (name, text) in [
            ("tls.crt", certificate.as_str()),
            ("tls.key", key),
            ("postgresql.auto.conf", settings),
            ("pg_hba.conf", rules),
        ] {
            let file = data.join(name);
            std::fs::write(&file, text).unwrap();
            run(Command::new("chmod").arg("600").arg(&file));
            if let Some(user) = self.user {
                run(Command::new("chown").arg(user).arg(&file));
            }
        }
        self.ctl("stop");
        self.ctl("start");
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let mut whole = as_user(self.user);
        whole.push(text(&self.bin.join(program)).to_owned());
        run(Command::new(&whole[0]).args(&whole[1..]).args(arguments).current_dir(&self.folder));
    }

    /// A new database; its URL.
    pub async fn database(&self) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}", NEXT.fetch_add(1, Ordering::SeqCst));
        self.shell("postgres").await.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
        self.url(&name)
    }

    pub fn url(&self, name: &str) -> String {
        format!("postgres://askfirst@127.0.0.1:{}/{name}", self.port)
    }

    /// A connection as a person with a shell has.
    pub async fn shell(&self, name: &str) -> Client {
        self.connect(&self.url(name)).await
    }

    /// The same without the network.
    pub async fn shell_by_socket(&self, name: &str) -> Client {
        let (folder, port) = (self.folder.display(), self.port);
        self.connect(&format!("host={folder} port={port} user=askfirst dbname={name}")).await
    }

    async fn connect(&self, to: &str) -> Client {
        for _ in 0..100 {
            if let Ok((client, connection)) = tokio_postgres::connect(to, NoTls).await {
                tokio::spawn(connection);
                return client;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the database does not answer");
    }
}

/// Where `initdb` is: on the path, or where Debian puts it.
fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<PathBuf> = debian.map(|entry| entry.path().join("bin")).collect();
    versions.sort();
    versions.into_iter().rev().chain(std::env::split_paths(&path)).find(|folder| folder.join("initdb").is_file())
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().unwrap();
    output.stdout.trim_ascii() == b"0"
}

fn has_user(user: &str) -> bool {
    Command::new("id").arg(user).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
}

fn as_user(user: Option<&str>) -> Vec<String> {
    let words =
        user.map(|user| ["setpriv", "--reuid", user, "--regid", user, "--clear-groups", "--"].map(str::to_owned));
    words.map_or_else(|| vec!["env".to_owned()], Vec::from)
}

fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
