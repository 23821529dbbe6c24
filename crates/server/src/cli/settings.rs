//! `--settings`: options of `askfirst serve` from a file, one JSON object with their long names as keys.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::Path;

use askfirst_core::json::{self, Value};

/// The arguments of the process, and after them what only the file says. The command line goes before the environment,
/// and the environment before the file.
///
/// # Errors
/// The file can't be read, or is of another form.
pub fn arguments(
    given: impl IntoIterator<Item = OsString>,
    env: impl Fn(&str) -> Option<OsString>,
) -> Result<Vec<OsString>, String> {
    let mut arguments: Vec<OsString> = given.into_iter().collect();
    if arguments.get(1).is_none_or(|command| command != "serve") {
        return Ok(arguments);
    }
    let Some(file) = option(&arguments, "settings").or_else(|| env("ASKFIRST_SETTINGS")) else {
        return Ok(arguments);
    };
    let said = read(Path::new(&file))?;
    let wanted = |name: &str| {
        let variable = ["ASKFIRST_", &name.to_uppercase().replace('-', "_")].concat();
        option(&arguments, name).is_none() && env(&variable).is_none()
    };
    let more: Vec<_> = said.into_iter().filter(|(name, _)| wanted(name)).flat_map(|(_, each)| each).collect();
    arguments.extend(more);
    Ok(arguments)
}

/// What the command line says for an option; empty for a flag.
fn option(arguments: &[OsString], name: &str) -> Option<OsString> {
    let long = ["--", name].concat();
    arguments.iter().enumerate().find_map(|(at, argument)| match argument.to_str()?.strip_prefix(&long)? {
        "" => Some(arguments.get(at + 1).cloned().unwrap_or_default()),
        value => value.strip_prefix('=').map(OsString::from),
    })
}

/// Each option with the arguments that it stands for.
fn read(file: &Path) -> Result<Vec<(String, Vec<OsString>)>, String> {
    let say = |why: &str| format!("{}: {why}", file.display());
    let text = fs::read_to_string(file).map_err(|error| say(&error.to_string()))?;
    let value = json::parse(&text)
        .map_err(|error| say(&format!("line {}, column {}: {}", error.line, error.column, error.kind.message())))?;
    let Value::Map(entries) = &value else { return Err(say("must be a JSON object")) };
    let each = entries.iter().map(|(name, value)| {
        let arguments = match value {
            Value::Bool(true) => vec![["--", name].concat()],
            Value::Bool(false) => Vec::new(),
            Value::List(items) => items.iter().map(|item| one(name, item)).collect::<Option<_>>().ok_or(name)?,
            value => vec![one(name, value).ok_or(name)?],
        };
        Ok((name.clone(), arguments.into_iter().map(OsString::from).collect()))
    });
    each.collect::<Result<_, &String>>()
        .map_err(|name| say(&format!("`{name}` must be a text, a number, true, false or a list of texts")))
}

fn one(name: &str, value: &Value) -> Option<String> {
    let value = match value {
        Value::Text(text) => text.clone(),
        Value::Int(number) => number.to_string(),
        _ => return None,
    };
    Some(["--", name, "=", &value].concat())
}

/// The environment of the process.
pub fn environment(name: &str) -> Option<OsString> {
    std::env::var_os(OsStr::new(name)).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(file: &str, given: &[&str], env: &[&str]) -> Result<Vec<String>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.json");
        fs::write(&path, file).unwrap();
        let mut all = vec!["askfirst".into(), "serve".into(), "--settings".into(), path.into_os_string()];
        all.extend(given.iter().map(OsString::from));
        let env: Vec<_> = env.to_vec();
        let merged = arguments(all, |name| env.contains(&name).then(|| "x".into()))?;
        Ok(merged[4..].iter().map(|argument| argument.to_str().unwrap().to_owned()).collect())
    }

    #[test]
    fn the_file_says_what_neither_the_command_line_nor_the_environment_does() {
        let file = r#"{"config":["a.json","b.json"],"listen":"127.0.0.1:1","plain-http-behind-proxy":true,"queue":9}"#;
        let all =
            ["--config=a.json", "--config=b.json", "--listen=127.0.0.1:1", "--plain-http-behind-proxy", "--queue=9"];
        assert_eq!(merged(file, &[], &[]).unwrap(), all);
        let given = merged(file, &["--listen", "127.0.0.1:2", "--queue=3"], &["ASKFIRST_CONFIG"]).unwrap();
        assert_eq!(given, ["--listen", "127.0.0.1:2", "--queue=3", "--plain-http-behind-proxy"]);
        assert_eq!(merged(r#"{"plain-http-behind-proxy":false}"#, &[], &[]).unwrap(), [""; 0]);
    }

    #[test]
    fn a_file_of_another_form_is_refused_and_names_the_place() {
        assert!(merged("[]", &[], &[]).unwrap_err().ends_with("must be a JSON object"));
        assert!(merged("{\n \"listen\": }", &[], &[]).unwrap_err().contains("line 2"));
        assert!(merged(r#"{"listen":{}}"#, &[], &[]).unwrap_err().contains("`listen`"));
    }

    #[test]
    fn other_commands_take_no_settings() {
        let given = ["askfirst", "check", "--settings", "/nowhere"].map(OsString::from);
        assert_eq!(arguments(given.clone(), |_| None).unwrap(), given);
    }
}
