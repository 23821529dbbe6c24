//! Child processes whose failures read as one sentence.

use std::io::{BufRead, BufReader, ErrorKind};
use std::process::{Command, Stdio};

use anyhow::{Context, Error, Result, bail};

/// Runs a command to its end; its output goes to the terminal.
pub fn run(what: &str, command: &mut Command) -> Result<()> {
    let status = command.stdin(Stdio::null()).status().map_err(|error| not_started(what, command, error))?;
    if !status.success() {
        bail!("{what} failed ({status}); its own messages are above");
    }
    Ok(())
}

/// Runs a command, shows its standard output and hands each line to `on_line`. Answers whether it succeeded.
pub fn stream(what: &str, command: &mut Command, mut on_line: impl FnMut(&str)) -> Result<bool> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| not_started(what, command, error))?;
    if let Some(output) = child.stdout.take() {
        let mut reader = BufReader::new(output);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line)? > 0 {
            let text = String::from_utf8_lossy(&line);
            print!("{text}");
            on_line(text.trim_end());
            line.clear();
        }
    }
    Ok(child.wait()?.success())
}

/// Runs a command and answers its standard output.
pub fn output(what: &str, command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| not_started(what, command, error))?;
    if !output.status.success() {
        bail!("{what} failed ({})", output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("{what} printed text that is not UTF-8"))
}

/// Whether a program can be started at all.
pub fn exists(program: &str, version_flag: &str) -> bool {
    Command::new(program)
        .arg(version_flag)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok()
}

fn not_started(what: &str, command: &Command, error: std::io::Error) -> Error {
    let program = command.get_program().to_string_lossy();
    if error.kind() == ErrorKind::NotFound {
        Error::msg(format!("{what} needs `{program}`, which is not installed; install it and run the command again"))
    } else {
        Error::new(error).context(format!("{what}: `{program}` could not be started"))
    }
}
