//! Programs with a unique marker in their code and in their input, which they print. A response with a foreign marker
//! belongs to another program.

use serde_json::{Value, json};

use super::random::SeededRandom;
use crate::http::{Answer, HttpError};

/// Prefix of all markers.
const MARK: &str = "nonce-";
const DIGITS: usize = 16;
/// SIGKILL: the result of a program whose sandbox was killed from outside.
const KILLED: u64 = 9;

/// A request and its expected response.
#[derive(Clone, Debug)]
pub struct Program {
    /// The language, or what a hostile program attempts.
    pub name: &'static str,
    /// Body of `POST /api/execute`.
    pub body: Value,
    words: [String; 2],
    expected: Expected,
}

#[derive(Clone, Debug)]
enum Expected {
    /// Status `ok` and exactly this output.
    Output(String),
    /// One of these statuses, and only its own output.
    Endings(&'static [&'static str]),
}

/// An allowed response.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Got {
    /// The expected response.
    Answer,
    /// The beginning of the expected output: its sandbox was killed.
    Killed,
    /// An error with this code.
    Error(String),
    /// The connection ended.
    Cut,
}

/// What is allowed in addition to the expected response.
#[derive(Clone, Copy, Debug, Default)]
pub struct Allowed {
    /// Sandboxes are killed.
    pub killed: bool,
    /// webd is killed.
    pub cut: bool,
    /// executord is killed or fails.
    pub errors: bool,
}

/// Returns a friendly program. `a` and `b` are its markers; `b` comes from stdin.
const FRIENDLY: [(&str, &str); 10] = [
    ("python", "import sys\nb = sys.stdin.read()\nprint('{a}', b)"),
    (
        "python",
        "import sys, time\nprint('{a}', end=' ', flush=True)\ntime.sleep({nap} / 1000)\nprint(sys.stdin.read())",
    ),
    ("javascript", "console.log('{a} ' + require('fs').readFileSync(0, 'utf8'));"),
    (
        "javascript",
        "const b = require('fs').readFileSync(0, 'utf8');\nsetTimeout(() => console.log('{a} ' + b), {nap});",
    ),
    ("bash", "read -r b\nprintf '{a} '\nsleep 0.{nap}\necho \"$b\""),
    ("perl", "my $b = <STDIN>; print \"{a} $b\\n\";"),
    ("lua", "print('{a} ' .. io.read('a'))"),
    (
        "c",
        "#include <stdio.h>\nint main(void) { char b[99]; if (!fgets(b, 99, stdin)) return 1; printf(\"{a} %s\\n\", b); }",
    ),
    (
        "cpp",
        "#include <cstdio>\nint main() { char b[99]; if (!fgets(b, 99, stdin)) return 1; printf(\"{a} %s\\n\", b); }",
    ),
    (
        "java",
        "class Main { public static void main(String[] a) throws Exception { System.out.println(\"{a} \" + new String(System.in.readAllBytes())); } }",
    ),
];

/// Each attempts to exceed its limits or to remain. They print their marker first.
const HOSTILE: [Hostile; 9] = [
    Hostile {
        name: "fork bomb",
        language: "python",
        code: "print('{a}', flush=True)\nimport os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
        endings: &["timeout", "nonzero", "signal", "memory"],
    },
    Hostile {
        name: "memory bomb",
        language: "python",
        code: "print('{a}', flush=True)\nall = []\nwhile True: all.append(bytearray(1 << 24))",
        endings: &["memory", "nonzero", "timeout"],
    },
    Hostile {
        name: "output flood",
        language: "python",
        code: "while True: print('{a}')",
        endings: &["output_limit", "timeout"],
    },
    Hostile {
        name: "disk filler",
        language: "python",
        code: "print('{a}', flush=True)\nfiles = []\nwhile True:\n    files.append(open(f'/tmp/{len(files)}', 'wb'))\n    files[-1].write(bytes(1 << 20))",
        endings: &["nonzero", "timeout", "memory"],
    },
    Hostile {
        name: "sleeper",
        language: "python",
        code: "print('{a}', flush=True)\nimport signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(600)",
        endings: &["timeout"],
    },
    Hostile {
        name: "orphans",
        language: "python",
        code: "print('{a}', flush=True)\nimport os, time\nfor i in range(8):\n    if os.fork() == 0:\n        os.setsid()\n        if os.fork() == 0: time.sleep(600)\n        os._exit(0)",
        endings: &["ok"],
    },
    Hostile {
        name: "spinner",
        language: "javascript",
        code: "require('fs').writeSync(1, '{a}\\n');\nfor (;;);",
        endings: &["timeout"],
    },
    Hostile {
        name: "compile bomb",
        language: "cpp",
        code: "// {a}\ntemplate <int N> struct S { S<N - 1> a; S<N - 2> b; };\ntemplate <> struct S<0> {}; template <> struct S<1> {};\nint main() { S<800> all; char big[1 << 30] = {1}; }",
        endings: &["compile_error", "timeout", "memory", "signal", "output_limit", "nonzero"],
    },
    Hostile {
        name: "large object",
        language: "c",
        code: "// {a}\nlong all[1 << 28] = {1};\nint main(void) { return 0; }",
        endings: &["compile_error", "timeout", "memory", "signal", "output_limit", "nonzero"],
    },
];

#[derive(Debug)]
struct Hostile {
    name: &'static str,
    language: &'static str,
    code: &'static str,
    endings: &'static [&'static str],
}

/// Returns the names of hostile programs.
pub fn hostile_names() -> impl Iterator<Item = &'static str> {
    HOSTILE.iter().map(|hostile| hostile.name)
}

impl Program {
    /// Returns a program in one of the languages of `offered`, or, one time in `HOSTILE_ONE_IN`, a hostile one.
    pub fn any(random: &mut SeededRandom, offered: &[String], hostile_one_in: usize) -> Self {
        if random.below(hostile_one_in) == 0 {
            let name = random.choose(&HOSTILE).name;
            return Self::hostile(random, name);
        }
        let offered: Vec<_> =
            FRIENDLY.iter().filter(|(language, _)| offered.iter().any(|name| name == language)).collect();
        let (language, code) = random.choose(&offered);
        Self::of(random, language, code)
    }

    /// Returns whether there is a friendly program in this language.
    #[must_use]
    pub fn exists(language: &str) -> bool {
        FRIENDLY.iter().any(|(name, _)| *name == language)
    }

    /// Returns a friendly program in this language.
    ///
    /// # Panics
    /// If there is none.
    pub fn friendly(random: &mut SeededRandom, language: &str) -> Self {
        let (language, code) = FRIENDLY.iter().find(|(name, _)| *name == language).expect("a language");
        Self::of(random, language, code)
    }

    fn of(random: &mut SeededRandom, language: &'static str, code: &str) -> Self {
        let words = [word(random), word(random)];
        let [a, b] = &words;
        let code = code.replace("{a}", a).replace("{nap}", &(100 + random.below(300)).to_string());
        let body = json!({ "language": language, "code": code, "stdin": b });
        let expected = Expected::Output(format!("{a} {b}\n"));
        Self { name: language, body, words, expected }
    }

    /// Returns the hostile program of this name.
    ///
    /// # Panics
    /// If there is none.
    pub fn hostile(random: &mut SeededRandom, name: &str) -> Self {
        let Hostile { name, language, code, endings } =
            HOSTILE.iter().find(|hostile| hostile.name == name).expect("a hostile program");
        let words = [word(random), word(random)];
        // A short time limit, because there are many of them; it also ends the sleeper.
        let limits = json!({ "wall_ms": 1500, "cpu_ms": 1000 });
        let body = json!({ "language": language, "code": code.replace("{a}", &words[0]), "limits": limits });
        Self { name, body, words, expected: Expected::Endings(endings) }
    }

    /// Returns the kind of response, for counting.
    ///
    /// # Errors
    /// A message, if the response is not allowed.
    pub fn judge(&self, answer: &Result<Answer, HttpError>, allowed: Allowed) -> Result<Got, String> {
        let wrong = |message: String| Err(format!("{}: {message}", self.name));
        let answer = match answer {
            Ok(answer) => answer,
            Err(HttpError::Late(_)) => return wrong("no response".to_owned()),
            Err(error) if allowed.cut => return cut(error).map_or_else(wrong, Ok),
            Err(error) => return wrong(error.to_string()),
        };
        let json = &answer.json;
        if let Some(foreign) =
            words_in(&json.to_string()).find(|found| !self.words.iter().any(|own| own == found))
        {
            return wrong(format!("another's output: {foreign} in {json}"));
        }
        match answer.status {
            200 => self.judge_result(json, allowed).map_or_else(wrong, Ok),
            429 if answer.retry_after.is_none() => wrong("429 without Retry-After".to_owned()),
            429 => Ok(Got::Error("busy".to_owned())),
            status => match (json["error"].as_str(), json["code"].as_str()) {
                (Some(message), Some(code)) if allowed.errors && status >= 500 && !message.is_empty() => {
                    Ok(Got::Error(code.to_owned()))
                }
                _ => wrong(format!("HTTP {status}: {json}")),
            },
        }
    }

    fn judge_result(&self, json: &Value, allowed: Allowed) -> Result<Got, String> {
        let (status, stdout) = (json["status"].as_str().unwrap_or(""), json["stdout"].as_str().unwrap_or(""));
        let was_killed = allowed.killed && status == "signal" && json["signal"] == KILLED;
        match &self.expected {
            Expected::Output(all) if status == "ok" && stdout == all => Ok(Got::Answer),
            Expected::Output(all) if was_killed && all.starts_with(stdout) => Ok(Got::Killed),
            Expected::Output(all) => Err(format!("{all:?} expected, got {json}")),
            Expected::Endings(endings) if endings.contains(&status) => Ok(Got::Answer),
            Expected::Endings(_) if was_killed => Ok(Got::Killed),
            Expected::Endings(endings) => Err(format!("one of {endings:?} expected, got {}", excerpt(json))),
        }
    }
}

/// Returns whether the connection ended or was refused; a killed webd causes nothing else.
fn cut(error: &HttpError) -> Result<Got, String> {
    match error {
        HttpError::Connect(..) | HttpError::Http(_) | HttpError::Body(_) => Ok(Got::Cut),
        other => Err(other.to_string()),
    }
}

fn excerpt(json: &Value) -> String {
    json.to_string().chars().take(600).collect()
}

fn word(random: &mut SeededRandom) -> String {
    format!("{MARK}{:0DIGITS$x}", random.next_u64())
}

/// Returns the markers in a text; a marker at the end may be cut off.
fn words_in(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices(MARK).filter_map(|(at, _)| {
        let found = text.get(at..at + MARK.len() + DIGITS)?;
        found[MARK.len()..].bytes().all(|digit| digit.is_ascii_hexdigit()).then_some(found)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Allowed, Answer, Got, HttpError, Program, SeededRandom};

    fn judge(
        program: &Program,
        status: u16,
        json: serde_json::Value,
        allowed: Allowed,
    ) -> Result<Got, String> {
        program.judge(&Ok(Answer { status, retry_after: None, node: None, json }), allowed)
    }

    #[test]
    fn only_the_own_output_or_an_error_message_is_accepted() {
        let mut random = SeededRandom::new(1);
        let (program, other) =
            (Program::friendly(&mut random, "python"), Program::friendly(&mut random, "python"));
        let [a, b] = &program.words;
        let right = json!({ "status": "ok", "stdout": format!("{a} {b}\n") });
        let foreign = json!({ "status": "ok", "stdout": format!("{a} {}\n", other.words[1]) });
        let cut_off = json!({ "status": "signal", "signal": 9, "stdout": a });
        let words = json!({ "error": "try again", "code": "unavailable" });
        let (none, all) = (Allowed::default(), Allowed { killed: true, cut: true, errors: true });
        assert_eq!(judge(&program, 200, right.clone(), none), Ok(Got::Answer));
        assert_eq!(judge(&program, 200, cut_off.clone(), all), Ok(Got::Killed));
        assert_eq!(judge(&program, 503, words.clone(), all), Ok(Got::Error("unavailable".to_owned())));
        assert_eq!(
            program.judge(&Err(HttpError::Connect(String::new(), std::io::Error::other("")),), all),
            Ok(Got::Cut)
        );
        for (status, json, allowed) in [
            (200, foreign.clone(), none),
            (500, foreign, all),
            (200, cut_off, none),
            (503, words.clone(), none),
            (429, words, all),
            (500, json!({ "error": "" }), all),
            (200, json!({ "status": "ok", "stdout": "" }), all),
        ] {
            assert!(judge(&program, status, json.clone(), allowed).is_err(), "{status} {json}");
        }
        assert!(judge(&other, 200, right, all).is_err());
    }
}
