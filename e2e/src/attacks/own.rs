//! Attack programs of this repository: one file each in `e2e/attacks`, with a header that states the attempt and the
//! countermeasure. The header format is in `e2e/attacks/README.md`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::collection::InvalidCase;
use super::expect::Expect;
use super::judging::{Judging, OtherProgram, Role};
use super::probe::Probe;
use super::verdict::Level;

/// Checks of the host after each program.
const ALWAYS: [&str; 7] = [
    "daemon alive",
    "no process of the run left",
    "no file left",
    "no SysV IPC object left",
    "no OOM kill outside the run",
    "canary unchanged",
    "next run ok",
];

/// Returns their directory.
#[must_use]
pub fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("attacks")
}

/// Returns all programs, sorted by name. A program without a valid header is an invalid case.
///
/// # Errors
/// If the directory cannot be read.
pub fn load(directory: &Path) -> io::Result<Vec<Result<Probe, InvalidCase>>> {
    let mut paths: Vec<_> =
        fs::read_dir(directory)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    paths.sort_unstable();
    let programs = paths.iter().filter(|path| language_of(path).is_some());
    Ok(programs.map(|path| read(path)).collect())
}

fn read(path: &Path) -> Result<Probe, InvalidCase> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string());
    text.and_then(|text| parse(path, &text)).map_err(|message| InvalidCase {
        id: path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        class: String::new(),
        level: Level::Must,
        message,
    })
}

fn language_of(path: &Path) -> Option<&'static str> {
    Some(match path.extension()?.to_str()? {
        "py" => "python",
        "js" => "javascript",
        "cpp" => "cpp",
        "c" => "c",
        "java" => "java",
        "sh" => "bash",
        _ => return None,
    })
}

/// Parses one file.
fn parse(path: &Path, text: &str) -> Result<Probe, String> {
    let language = language_of(path).ok_or("unknown language")?;
    let comment = if ["python", "bash"].contains(&language) { "# " } else { "// " };
    let mut probe = Probe {
        id: path.file_stem().and_then(|stem| stem.to_str()).ok_or("no file name")?.to_owned(),
        language: language.to_owned(),
        class: String::new(),
        level: Level::Must,
        harmful_unsandboxed: true,
        code: None,
        stdin: None,
        stdin_gen: None,
        args: Vec::new(),
        runs: None,
        parallel: None,
        pre: Vec::new(),
        during: Vec::new(),
        limits_hint: Map::new(),
        note: None,
        expect: Expect {
            stdout_not_contains: vec!["ESCAPED".to_owned()],
            status_not_in: vec!["internal_error".to_owned(), "rejected".to_owned()],
            max_wall_ms: Some(30_000.0),
            after: ALWAYS.map(str::to_owned).to_vec(),
            ..Expect::default()
        },
        files: Vec::new(),
        outputs: Vec::new(),
        filename: None,
        tty: false,
        settings: Map::new(),
        judging: Judging::default(),
        upload: None,
        any_language: false,
        interpreter: match language {
            "python" => Some("python3"),
            "bash" => Some("bash"),
            _ => None,
        },
        greeting: None,
    };
    let mut said = Vec::new();
    for line in text.lines().map_while(|line| line.strip_prefix(comment)) {
        let (key, value) = line.split_once(": ").ok_or_else(|| format!("not `key: value`: {line}"))?;
        apply(&mut probe, key, value)?;
        said.push(key.to_owned());
    }
    if let Some(missing) =
        ["tries", "threat", "stopped-by"].iter().find(|key| !said.iter().any(|said| said == *key))
    {
        return Err(format!("its header lacks {missing}"));
    }
    let other_fields = ["args", "exit", "filename", "role", "signal", "stdin", "tty", "upload"];
    if probe.any_language
        && (probe.interpreter.is_none() || said.iter().any(|said| other_fields.contains(&&**said)))
    {
        return Err(format!("any-language: true requires Python or Bash, and none of {other_fields:?}"));
    }
    // The whole file is the program, including the header, up to its first additional file.
    let separator = format!("{comment}=== ");
    let separator = format!("\n{separator}");
    let mut parts = text.split(&*separator);
    probe.code = parts.next().map(str::to_owned);
    for part in parts {
        let (name, content) = part.split_once('\n').ok_or("a file without content")?;
        match other_program(name.trim(), content) {
            Some(other) => probe.judging.other = Some(other),
            None => probe.files.push(additional_file(name.trim(), content)),
        }
    }
    if !probe.files.is_empty() && probe.filename.is_none() {
        probe.filename =
            Some(format!("main.{}", path.extension().and_then(|e| e.to_str()).unwrap_or_default()));
    }
    Ok(probe)
}

/// Returns a program that judges the attack, or that the attack judges: the file `checker`, `interactor` or `solution`.
fn other_program(name: &str, content: &str) -> Option<OtherProgram> {
    let (role, _) = name.split_once('.')?;
    let language = language_of(Path::new(name))?.to_owned();
    Some(OtherProgram { role: Role::of_name(role)?, language, code: content.to_owned() })
}

/// Returns a file as a request has it. A title that ends with ` base64` announces content in Base64.
fn additional_file(title: &str, content: &str) -> Map<String, Value> {
    let encoded = title.strip_suffix(" base64").map(|name| {
        let content: String = content.split_whitespace().collect();
        vec![("name", name.to_owned()), ("content", content), ("encoding", "base64".to_owned())]
    });
    let to_json = |fields: Vec<(&str, String)>| {
        fields.into_iter().map(|(key, value)| (key.to_owned(), Value::from(value))).collect()
    };
    encoded.map_or_else(|| plain_file(title, content), to_json)
}

/// Returns a text file as a request has it.
pub(super) fn plain_file(name: &str, content: &str) -> Map<String, Value> {
    [("name", name), ("content", content)]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), Value::from(value)))
        .collect()
}

fn apply(probe: &mut Probe, key: &str, value: &str) -> Result<(), String> {
    let message = || value.split(',').map(|word| word.trim().to_owned()).collect::<Vec<_>>();
    let numbers = || value.split(',').map(|word| word.trim().parse::<i64>()).collect::<Result<Vec<_>, _>>();
    let wrong = |error: &dyn std::fmt::Display| format!("{key}: {error}");
    let expect = &mut probe.expect;
    match key {
        // Documentation only.
        "tries" | "stopped-by" => {}
        "threat" => probe.class = value.to_owned(),
        "level" => {
            probe.level = serde_json::from_value(Value::from(value)).map_err(|error| wrong(&error))?;
        }
        "stdout-has" => expect.stdout_contains.push(value.to_owned()),
        "stdout-lacks" => expect.stdout_not_contains.push(value.to_owned()),
        "stderr-lacks" => expect.stderr_not_contains.push(value.to_owned()),
        "status" => {
            expect.status_in = Some(message());
            expect.status_not_in.retain(|status| !message().contains(status));
        }
        "exit" => expect.exit_code_in = Some(numbers().map_err(|error| wrong(&error))?),
        "signal" => expect.signal_in = Some(numbers().map_err(|error| wrong(&error))?),
        "within-ms" => expect.max_wall_ms = Some(value.parse().map_err(|error| wrong(&error))?),
        "args-echo" => expect.args_echo = Some(value.to_owned()),
        "distinct-across-runs" => expect.distinct_across_runs = Some(value.to_owned()),
        "distinct-across-parallel-runs" => expect.distinct_across_parallel_runs = Some(value.to_owned()),
        "after" => expect.after.push(value.to_owned()),
        "during" => probe.during.push(value.to_owned()),
        "runs" => probe.runs = Some(value.parse().map_err(|error| wrong(&error))?),
        "parallel" => probe.parallel = Some(value.parse().map_err(|error| wrong(&error))?),
        "args" => probe.args = serde_json::from_str(value).map_err(|error| wrong(&error))?,
        "stdin" => probe.stdin = Some(value.to_owned()),
        "tty" => probe.tty = value.parse().map_err(|error| wrong(&error))?,
        "outputs" => probe.outputs = value.split_whitespace().map(str::to_owned).collect(),
        "returns" => expect.output_files = Some(serde_json::from_str(value).map_err(|error| wrong(&error))?),
        "output-lacks" => expect.output_files_not_contain.push(value.to_owned()),
        "filename" => probe.filename = Some(value.to_owned()),
        "options" | "environment" | "expected_stdout" => {
            let value = serde_json::from_str(value).map_err(|error| wrong(&error))?;
            probe.settings.insert(key.to_owned(), value);
        }
        "role" => probe.judging.role = Role::of_name(value).ok_or_else(|| wrong(&value))?,
        "transcript" => probe.judging.transcript = value.parse().map_err(|error| wrong(&error))?,
        "verdict" => expect.verdict_in = Some(message()),
        "message-has" => expect.message_contains.push(value.to_owned()),
        "response-at-most" => expect.max_body_bytes = Some(value.parse().map_err(|error| wrong(&error))?),
        "any-language" => probe.any_language = value.parse().map_err(|error| wrong(&error))?,
        "upload" => probe.upload = Some(value.parse().map_err(|error| wrong(&error))?),
        "limits" => {
            for word in value.split_whitespace() {
                let (name, number) = word.split_once('=').ok_or_else(|| wrong(&word))?;
                let number: u64 = number.parse().map_err(|error| wrong(&error))?;
                probe.limits_hint.insert(name.to_owned(), number.into());
            }
        }
        _ => return Err(format!("unknown header line {key}")),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Role, additional_file, directory, load, parse};
    use std::path::Path;

    #[test]
    fn all_attacks_have_a_header() {
        let programs = load(&directory()).unwrap();
        assert!(!programs.is_empty());
        for program in programs {
            program.unwrap();
        }
    }

    #[test]
    fn a_header_states_the_attempt_and_the_countermeasure() {
        let text = "# tries: to be root\n# threat: a/privilege\n# stopped-by: no capability\n# status: ok, nonzero\n\
                    # limits: wall_ms=3000\n\nprint(1)\n# === other.py\nx = 1\n";
        let probe = parse(Path::new("a/gain-privileges.py"), text).unwrap();
        assert_eq!(
            (&*probe.id, &*probe.language, &*probe.class),
            ("gain-privileges", "python", "a/privilege")
        );
        assert_eq!(probe.expect.status_in.unwrap(), ["ok", "nonzero"]);
        assert_eq!(probe.files, [additional_file("other.py", "x = 1\n")]);
        assert_eq!(probe.limits_hint["wall_ms"], 3000);
        assert_eq!(additional_file("a.class base64", "eA==\n")["content"], "eA==");
        let text = "# tries: x\n# threat: y\n# stopped-by: z\n# role: checker\n# options: {\"unbuffered\": true}\n\
                    # verdict: accepted\n\nprint(1)\n# === solution.sh\necho 1\n";
        let probe = parse(Path::new("a/checker.py"), text).unwrap();
        assert_eq!(probe.judging.role, Role::Checker);
        assert_eq!(probe.judging.other.unwrap().language, "bash");
        assert_eq!(probe.settings["options"]["unbuffered"], true);
        let complete = "# tries: x\n# threat: y\n# stopped-by: z\n# any-language: true\n";
        assert!(parse(Path::new("x.py"), complete).unwrap().any_language);
        assert!(parse(Path::new("x.c"), &complete.replace('#', "//")).is_err());
        let with_stdin = format!("{complete}# stdin: x\n");
        for text in ["print(1)", "# tries: x\n# threat: y\n", "# what: x\n", "# tries\n", &with_stdin] {
            assert!(parse(Path::new("x.py"), text).is_err(), "{text}");
        }
    }
}
