//! The unit for systemd and the container: what they start is started here as they say it (issue 4, "Operating it").

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use askfirst_core::json;

use crate::process::{english, exchange, post};
use crate::support::{CONFIG, body};

const PROGRAM: &str = env!("CARGO_BIN_EXE_askfirst");

fn file(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name)).unwrap()
}

/// The settings of the unit, each with its values; a line that ends with a backslash goes on in the next.
fn unit() -> BTreeMap<String, Vec<String>> {
    let mut settings = BTreeMap::<_, Vec<_>>::new();
    for line in file("deploy/askfirst.service").replace("\\\n", "").lines() {
        if let Some((name, value)) = line.split_once('=').filter(|_| !line.starts_with('#')) {
            settings.entry(name.to_owned()).or_default().push(value.to_owned());
        }
    }
    settings
}

fn free_port() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

fn until_it_listens(child: &mut Child) -> (String, BufReader<impl Read + use<>>) {
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut all = String::new();
    loop {
        let mut line = String::new();
        assert!(said.read_line(&mut line).unwrap() > 0, "it does not start: {all}");
        all.push_str(&line);
        if let Some(rest) = line.split(" address=").nth(1) {
            let address = rest.split_whitespace().next().unwrap().replace("0.0.0.0", "127.0.0.1");
            return (address, said);
        }
    }
}

fn ask(address: &str, request: &str) -> String {
    exchange(&mut TcpStream::connect(address).unwrap(), request).unwrap_or_default()
}

fn get(address: &str, path: &str) -> String {
    ask(address, &format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"))
}

/// systemd reads the unit, knows each setting, and thinks it as closed as the manual says.
#[test]
fn systemd_takes_the_unit_and_finds_little_open() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("askfirst");
    fs::write(&program, "#!/bin/sh\n").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let text = file("deploy/askfirst.service").replace("/usr/local/bin/askfirst", program.to_str().unwrap());
    let analyze = |verb: &[&str], text: &str| {
        let path = folder.path().join("askfirst.service");
        fs::write(&path, text).unwrap();
        let output = Command::new("systemd-analyze").args(verb).arg(path).output();
        let output = output.expect("this test needs systemd-analyze: `apt-get install systemd`");
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    };
    let verify = ["verify", "--man=no"];
    assert_eq!(analyze(&verify, &text), (true, String::new()));
    let (_, said) = analyze(&verify, &text.replace("ProtectClock=", "ProtectKlock="));
    assert!(said.contains("ProtectKlock"), "the test of the test: {said}");
    // In tenths: the manual says 1.2, by systemd 252; other versions count a little otherwise.
    let security = ["security", "--offline=true", "--threshold=20", "--no-pager"];
    let (holds, said) = analyze(&security, &text);
    assert!(holds, "{said}");
    assert!(!analyze(&security, &text.replace("CapabilityBoundingSet=", "")).0, "the test of the test");
}

/// The names of the system calls in a group of systemd's.
fn group(name: &str) -> BTreeSet<String> {
    let output = Command::new("systemd-analyze").args(["syscall-filter", "--no-pager", name]).output().unwrap();
    let mut found = BTreeSet::new();
    for line in String::from_utf8(output.stdout).unwrap().lines().skip(1) {
        match line.trim() {
            "" => {}
            line if line.starts_with('#') => {}
            nested if nested.starts_with('@') => found.extend(group(nested)),
            call => drop(found.insert(call.to_owned())),
        }
    }
    found
}

/// The command of the unit with the settings of the manual, from its start to its end, under a tracer: nothing that the unit
/// forbids is asked for.
#[test]
fn the_server_asks_for_nothing_that_the_unit_forbids() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for name in ["etc", "state", "credentials", "dist"] {
        fs::create_dir(at(name)).unwrap();
    }
    fs::write(at("etc/askfirst.json"), CONFIG).unwrap();
    let keygen = Command::new(PROGRAM).arg("keygen").arg(at("credentials/log-key")).output().unwrap();
    assert!(keygen.status.success(), "{keygen:?}");
    let manual = file("docs/operations.md");
    let (_, settings) = manual.split_once("`/etc/askfirst/serve.json`:\n\n```json\n").unwrap();
    let mut settings = json::parse(settings.split_once("```").unwrap().0).unwrap();
    let admin = free_port();
    settings.set("admin", admin.as_str().into());
    settings.set("listen", "127.0.0.1:0".into());
    let moved = |text: &str| {
        text.replace("/etc/askfirst", at("etc").to_str().unwrap())
            .replace("/usr/share/askfirst", at("dist").to_str().unwrap())
            .replace("${STATE_DIRECTORY}", at("state").to_str().unwrap())
            .replace("${CREDENTIALS_DIRECTORY}", at("credentials").to_str().unwrap())
    };
    fs::write(at("etc/serve.json"), moved(&settings.canonical())).unwrap();

    let unit = unit();
    let command = moved(&unit["ExecStart"][0]);
    let (program, arguments) = command.split_once(' ').unwrap();
    assert_eq!(program, "/usr/local/bin/askfirst");
    let mut tracer = Command::new("strace")
        .args(["-f", "-qq", "-o"])
        .arg(at("calls"))
        .arg(PROGRAM)
        .args(arguments.split_whitespace())
        .env_clear()
        .stderr(Stdio::piped())
        .spawn()
        .expect("this test needs strace: `apt-get install strace`");
    let (address, mut said) = until_it_listens(&mut tracer);
    let child = fs::read_to_string(format!("/proc/{0}/task/{0}/children", tracer.id())).unwrap();
    let signal = |name| assert!(Command::new("kill").args([name, child.trim()]).status().unwrap().success());
    assert!(ask(&address, &post(&body(1, &english()))).starts_with("HTTP/1.1 201"));
    assert!(get(&admin, "/healthz").starts_with("HTTP/1.1 200"));
    assert!(get(&admin, "/metrics").contains("askfirst_records"));
    assert!(unit["ExecReload"][0].contains("-HUP"));
    signal("-HUP");
    // A reload where there is no certificate ends nothing.
    let checkpoint = get(&address, "/askfirst/v1/log/checkpoint");
    assert!(checkpoint.starts_with("HTTP/1.1 200"), "{checkpoint}");
    signal("-TERM");
    std::io::copy(&mut said, &mut std::io::sink()).unwrap();
    assert!(tracer.wait().unwrap().success());

    let calls = fs::read_to_string(at("calls")).unwrap();
    let lines = || {
        calls.lines().filter_map(|line| line.trim_start_matches(|c: char| c.is_ascii_digit()).trim().split_once('('))
    };
    let made: BTreeSet<&str> = lines().map(|(name, _)| name).filter(|name| !name.contains([' ', '<'])).collect();
    assert!(made.len() > 30 && made.contains("fdatasync") && made.contains("accept4"), "{made:?}");
    let [allowed, refused] = &unit["SystemCallFilter"][..] else { panic!() };
    let mut allowed: BTreeSet<String> = allowed.split(' ').flat_map(group).collect();
    for name in refused.strip_prefix('~').unwrap().split(' ').flat_map(group) {
        allowed.remove(&name);
    }
    // The first call of a process is the one that starts it; SQLite gives a file to somebody else for root alone, who the
    // unit's user is not.
    let apart = ["execve", "fchown"];
    let beyond: Vec<_> = made.iter().filter(|name| !apart.contains(*name) && !allowed.contains(**name)).collect();
    assert!(beyond.is_empty(), "{beyond:?}");

    let families: Vec<&str> = unit["RestrictAddressFamilies"][0].split(' ').collect();
    for (name, rest) in lines() {
        let first = rest.split([',', ')']).next().unwrap();
        assert!(name != "socket" || families.contains(&first), "{name}({rest}");
        // MemoryDenyWriteExecute
        assert!(!(rest.contains("PROT_WRITE") && rest.contains("PROT_EXEC")), "{name}({rest}");
    }
}

/// The options of the image are options of the server, and with them it starts and answers what asks for its health.
#[test]
fn the_containers_environment_starts_a_server_that_its_health_check_finds() {
    let dockerfile = file("deploy/Dockerfile").replace("\\\n", "");
    let folder = tempfile::tempdir().unwrap();
    let admin = free_port();
    let moved = |value: &str| match value {
        "0.0.0.0:4400" => "0.0.0.0:0".to_owned(),
        "127.0.0.1:4401" => admin.clone(),
        path if path.starts_with('/') => {
            let moved = folder.path().join(path.trim_start_matches('/'));
            fs::create_dir_all(moved.parent().unwrap()).unwrap();
            moved.to_str().unwrap().to_owned()
        }
        value => value.to_owned(),
    };
    let variables = dockerfile.lines().find_map(|line| line.strip_prefix("ENV ")).unwrap().split_whitespace();
    let variables: Vec<(&str, String)> =
        variables.map(|pair| pair.split_once('=').unwrap()).map(|(name, value)| (name, moved(value))).collect();
    assert!(variables.len() > 5);
    fs::write(&variables.iter().find(|(name, _)| *name == "ASKFIRST_CONFIG").unwrap().1, CONFIG).unwrap();
    fs::create_dir_all(PathBuf::from(&variables.iter().find(|(name, _)| *name == "ASKFIRST_DIST").unwrap().1)).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).env_clear().envs(variables.iter().map(|(name, value)| (*name, value.as_str())));
        command
    };
    assert!(dockerfile.contains("ENTRYPOINT [\"askfirst\"]\nCMD [\"serve\"]"));
    let mut server = run(&["serve"]).stderr(Stdio::piped()).spawn().unwrap();
    let (address, _said) = until_it_listens(&mut server);
    assert!(ask(&address, &post(&body(1, &english()))).starts_with("HTTP/1.1 201"));
    let health = dockerfile.lines().find(|line| line.starts_with("HEALTHCHECK ")).unwrap();
    let health = health.split("http://127.0.0.1:4401").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    assert!(get(&admin, health).starts_with("HTTP/1.1 200"));
    // As the manual says it, in the container.
    let made = run(&["token", "create", "--name", "Eva", "--role", "auditor"]).output().unwrap();
    let token = String::from_utf8(made.stdout).unwrap();
    let request = format!("GET /admin/v1/access HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n", token.trim());
    assert!(ask(&admin, &request).starts_with("HTTP/1.1 200"));
    server.kill().unwrap();
    server.wait().unwrap();

    // What is copied into the image is there, and nothing that is large or secret goes with it.
    let ignored = file("deploy/Dockerfile.dockerignore");
    for kept_out in [".git", "target", "node_modules"] {
        assert!(ignored.lines().any(|line| line.trim_matches('/') == kept_out), "{kept_out}");
    }
    let version = |text: &str, before: &str| -> u32 {
        let digits: String = text.split(before).nth(1).unwrap().chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap()
    };
    assert!(version(&dockerfile, "FROM rust:1.") >= version(&file("Cargo.toml"), "rust-version = \"1."));
}
