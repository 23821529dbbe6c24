//! `cargo xtask start`: the demo site with its sink, until Ctrl-C.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use rustix::process::{Pid, Signal, kill_process};

use crate::project::Project;
use crate::{build, demo, process};

#[derive(Args)]
pub struct Options {
    /// Port of the site on 127.0.0.1.
    #[arg(long, default_value_t = 4400)]
    port: u16,
    /// Port of the sink that plays the third parties; the one after `--port` when not given.
    #[arg(long)]
    sink_port: Option<u16>,
}

/// Time the two servers have to come up, and to finish after Ctrl-C.
const START_LIMIT: Duration = Duration::from_secs(30);
const STOP_LIMIT: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(100);

pub fn run(project: &Project, options: &Options) -> Result<()> {
    let port = options.port;
    let sink_port = options.sink_port.unwrap_or(port.saturating_add(1));
    // Asked before the build: nobody should wait for a build to hear that a port is taken.
    require_free(port, "--port")?;
    require_free(sink_port, "--sink-port")?;

    build::ensure(project)?;
    println!("\nBuilding the server …");
    let server = project.build_server()?;
    let site = demo::bundle_for(project, &format!("http://127.0.0.1:{sink_port}"))?;
    let database = project.path(".cache/demo/askfirst.sqlite");
    fs::create_dir_all(project.path(".cache/demo")).context(".cache can't be written")?;

    let stop = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&stop);
    ctrlc::set_handler(move || asked.store(true, Ordering::SeqCst)).context("Ctrl-C can't be listened to")?;

    let origin = format!("http://127.0.0.1:{port}");
    let config = config(project, &server, &database, &origin)?;
    let mut sink = project.command("node");
    sink.args(["www/demo/sink.mjs", "--port", &sink_port.to_string()]);
    let mut serve = project.command(server);
    serve
        .args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--config"])
        .arg(config)
        .args(["--origin", &origin])
        .arg("--dist")
        .arg(project.dist())
        .arg("--static")
        .arg(site)
        .arg("--database")
        .arg(&database);

    let mut children = Children::default();
    children.start("the sink", &mut sink)?;
    children.start("the server", &mut serve)?;
    let deadline = Instant::now() + START_LIMIT;
    while !stop.load(Ordering::SeqCst) && !healthy(port) {
        children.require_running()?;
        if Instant::now() > deadline {
            bail!(
                "the server did not answer on {origin}/healthz within {} seconds; its messages are above",
                START_LIMIT.as_secs()
            );
        }
        sleep(POLL);
    }
    if !stop.load(Ordering::SeqCst) {
        println!("\n  Askfirst's demo site is ready:  {origin}/\n  Ctrl-C stops it.\n");
        std::io::stdout().flush()?;
    }
    while !stop.load(Ordering::SeqCst) {
        children.require_running()?;
        sleep(POLL);
    }
    println!("\nStopping …");
    children.stop();
    Ok(())
}

/// The demo's configuration with the public key of its log: the page then checks its receipts (R8).
fn config(project: &Project, server: &Path, database: &Path, origin: &str) -> Result<PathBuf> {
    let mut keygen = project.command(server);
    keygen.arg("keygen").arg(database.with_extension("sqlite.key")).args(["--site", origin]);
    let key = process::output("askfirst keygen", &mut keygen)?;
    let text = fs::read_to_string(project.path("www/demo/askfirst.json")).context("the demo's configuration")?;
    let mut config: serde_json::Value = serde_json::from_str(&text)?;
    config["records"]["key"] = key.trim().into();
    let path = database.with_file_name("askfirst.json");
    fs::write(&path, serde_json::to_string_pretty(&config)?).context("the demo's configuration can't be written")?;
    Ok(path)
}

fn require_free(port: u16, flag: &str) -> Result<()> {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
        Ok(_) => Ok(()),
        Err(error) => bail!(
            "port {port} can't be used ({error}); choose another with `npm start -- {flag} {}`",
            port.wrapping_add(100)
        ),
    }
}

/// Whether `GET /healthz` answers 200.
fn healthy(port: u16) -> bool {
    let ask = || -> std::io::Result<bool> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        write!(stream, "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n")?;
        let mut start = [0; 12];
        stream.read_exact(&mut start)?;
        Ok(start.ends_with(b" 200"))
    };
    ask().unwrap_or(false)
}

/// Child processes that end with this one, however it ends.
#[derive(Default)]
struct Children {
    running: Vec<(&'static str, Child)>,
}

impl Children {
    fn start(&mut self, what: &'static str, command: &mut Command) -> Result<()> {
        let child = command.stdin(Stdio::null()).spawn().with_context(|| format!("{what} could not be started"))?;
        self.running.push((what, child));
        Ok(())
    }

    fn require_running(&mut self) -> Result<()> {
        for (what, child) in &mut self.running {
            if let Some(status) = child.try_wait()? {
                bail!("{what} has stopped ({status}); its messages are above");
            }
        }
        Ok(())
    }

    /// Asks every child to finish, so that the server can write what it has accepted, and waits for it.
    fn stop(&mut self) {
        for (_, child) in &mut self.running {
            if matches!(child.try_wait(), Ok(None))
                && let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw)
            {
                let _ = kill_process(pid, Signal::TERM);
            }
        }
        let deadline = Instant::now() + STOP_LIMIT;
        for (what, child) in &mut self.running {
            while matches!(child.try_wait(), Ok(None)) {
                if Instant::now() > deadline {
                    eprintln!("{what} did not stop in time and is ended");
                    let _ = child.kill();
                }
                sleep(POLL);
            }
        }
        self.running.clear();
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        self.stop();
    }
}
