//! C++ compiled in three ways: by g++ alone, with precompiled headers, and with precompiled headers that contain
//! instantiated templates. The results of the programs and the messages of the compilers must be identical.

use std::collections::BTreeMap;
use std::io;

use futures_util::{StreamExt as _, stream};
use serde_json::json;

use super::programs::{self, Program};
use super::{ProgramResult, without_random_parts};
use crate::corpus;
use crate::daemons::{Daemons, Settings, precompiled_headers};

/// Kinds of precompiled headers: the options of `cpp/record`.
const WAYS: [&str; 2] = ["--plain", "--instantiate"];
/// Number of concurrent programs.
const AT_ONE_TIME: usize = 2;
/// Language names of the compilers that must not fall back to g++.
const NOBODY: &str = "g++-that-nobody-has";

/// Result of the comparison.
#[derive(Debug, Default)]
pub struct Comparison {
    /// Programs, with and without errors.
    pub compared: usize,
    /// How many of them g++ accepted.
    pub accepted: usize,
    /// How many were compiled without g++, per kind.
    pub sooner: BTreeMap<&'static str, usize>,
    /// Programs whose results differ between two compilations by g++.
    pub by_chance: Vec<String>,
    /// Differences.
    pub differences: Vec<String>,
}

/// Compiles and runs all programs in all ways.
///
/// # Errors
/// If the daemons cannot be started.
pub async fn compare(programs: &[Program]) -> io::Result<Comparison> {
    let mut settings = Settings { languages: vec![("gxx", plain())], ..Settings::default() };
    for (way, [with, without]) in WAYS.into_iter().zip(NAMES) {
        let launcher = precompiled_headers(Some(way))?;
        settings.languages.extend([(with, renamed(with)), (without, never_plain(without))]);
        settings.launchers.extend([(with, launcher.clone()), (without, launcher)]);
    }
    let daemons = Daemons::start(&settings).await?;
    let mut all = Comparison::default();
    let mut outcomes =
        stream::iter(programs).map(|program| compare_one(&daemons, program)).buffered(AT_ONE_TIME);
    while let Some(outcome) = outcomes.next().await {
        all.compared += 1;
        all.accepted += usize::from(outcome.accepted);
        for way in outcome.sooner {
            *all.sooner.entry(way).or_default() += 1;
        }
        all.by_chance.extend(outcome.by_chance);
        all.differences.extend(outcome.differences);
    }
    Ok(all)
}

/// Returns the language files in which each kind may fall back to g++, and may not.
const NAMES: [[&str; 2]; 2] = [["gxx-plain", "gxx-plain-only"], ["gxx-instantiate", "gxx-instantiate-only"]];

#[derive(Default)]
struct Outcome {
    accepted: bool,
    sooner: Vec<&'static str>,
    by_chance: Option<String>,
    differences: Vec<String>,
}

async fn compare_one(daemons: &Daemons, program: &Program) -> Outcome {
    let plain = execute(daemons, program, "gxx").await;
    let mut outcome = Outcome { accepted: plain.0.end != "compile_error", ..Outcome::default() };
    for (way, [with, without]) in WAYS.into_iter().zip(NAMES) {
        let mut other = execute(daemons, program, without).await;
        if other.1.contains(NOBODY) {
            other = execute(daemons, program, with).await;
        } else {
            outcome.sooner.push(way);
        }
        let differences = differences(&plain, &other, program);
        if differences.is_empty() {
            continue;
        }
        let again = execute(daemons, program, "gxx").await;
        if self::differences(&plain, &again, program).is_empty() {
            outcome.differences.push(format!("{} {way}\n    {}", program.id, differences.join("\n    ")));
        } else {
            outcome.by_chance = Some(program.id.clone());
        }
    }
    outcome
}

/// Result of the program, and the messages of the compiler.
type CompilerResult = (ProgramResult, String);

async fn execute(daemons: &Daemons, program: &Program, language: &str) -> CompilerResult {
    let mut request = program.request();
    request["language"] = language.into();
    // Some programs of the corpus compute for long, and a broken one may never end.
    request["limits"] = json!({ "cpu_ms": 20_000, "wall_ms": 25_000 });
    let answer = daemons.execute(&request).await;
    let said = ["stdout", "stderr"].map(|name| answer["compile"][name].as_str().unwrap_or_default());
    (ProgramResult::answered(&answer), without_temporary_names(&said.join("\n")))
}

fn differences(
    (plain, said): &CompilerResult,
    (other, other_said): &CompilerResult,
    program: &Program,
) -> Vec<String> {
    let mut differences = plain.differences(other, program);
    let message = corpus::difference(said, other_said, &[]);
    differences.extend(message.map(|message| format!("compiler: {message}")));
    differences
}

/// g++ gives its temporary files random names.
fn without_temporary_names(text: &str) -> String {
    let scratch = regex::Regex::new("/tmp/cc[A-Za-z0-9]{6}").expect("a correct expression");
    scratch.replace_all(&without_random_parts(text), "/tmp/cc").into_owned()
}

/// Returns all C++ programs of this repository and of the corpus, and each of them also with an error.
///
/// # Errors
/// If those of this repository cannot be read.
pub fn all_programs(corpus: Vec<corpus::Program>) -> io::Result<Vec<Program>> {
    let mut all = programs::own()?;
    all.extend(programs::of_corpus(corpus, &["cpp"]));
    all.retain(|program| program.language == "cpp");
    let broken: Vec<_> = all.iter().enumerate().map(|(number, program)| broken(program, number)).collect();
    all.extend(broken);
    Ok(all)
}

/// Returns a program with an error or a warning; kinds of typical errors take turns.
fn broken(program: &Program, number: usize) -> Program {
    let text = &program.files[0].1;
    let inside = text.find("main(").and_then(|main| Some(main + text[main..].find('{')? + 1));
    let inside = inside.unwrap_or(text.len());
    let (before, after) = text.split_at(inside);
    let (kind, text) = match number % 4 {
        0 => ("semicolon", format!("{before}{}", after.replacen(';', "", 1))),
        1 => ("name", format!("{before} nobody_knows = this_name; {after}")),
        2 => ("warning", format!("{text}\n#warning careful\nint nothing_comes_back() {{}}\n")),
        _ => {
            let wrong = "std::vector<std::string> one{1, 2}; one.push_back(one); std::cout << one;";
            ("template", format!("{before} {wrong} {after}"))
        }
    };
    program.with_main(format!("{} with a wrong {kind}", program.id), text)
}

/// Language file for C++ that `g++` alone compiles.
#[must_use]
pub fn plain() -> String {
    renamed("gxx")
        .replace("    \"{launcher}/compile\",\n", "")
        .replace("requires = [\"{launcher}/compile\"]\n", "")
        .replace(
            "[compile.warm]\ncommand = [\"{launcher}/compile\", \"--wait\"]\nmain_file = \"main.cpp\"\n\
             memory = \"16MiB\"\n",
            "",
        )
}

/// Language file for C++ without a fallback to `g++`.
#[must_use]
pub fn never_plain(name: &str) -> String {
    renamed(name).replace("    \"g++\", ", &format!("    \"{NOBODY}\", "))
}

fn renamed(name: &str) -> String {
    let text = include_str!("../../../executord/languages/cpp.toml");
    // The language itself keeps its other names.
    let (before, rest) = text.split_once("aliases = [").unwrap_or((text, ""));
    let (_, rest) = rest.split_once("]\n").unwrap_or(("", rest));
    let (middle, rest) = rest.split_once("[alias_options]").unwrap_or((rest, ""));
    let (_, rest) = rest.split_once("\n\n").unwrap_or(("", rest));
    format!("{before}{middle}{rest}").replace("name = \"cpp\"", &format!("name = \"{name}\""))
}

#[cfg(test)]
mod tests {
    use super::{NOBODY, all_programs, never_plain, plain};

    #[test]
    fn the_language_file_has_the_expected_form() {
        assert!(!plain().contains("launcher}"), "{}", plain());
        assert!(never_plain("x").contains(NOBODY));
    }

    #[test]
    fn each_program_is_also_sent_with_an_error() {
        let programs = all_programs(Vec::new()).unwrap();
        let (whole, broken) = programs.split_at(programs.len() / 2);
        assert!(whole.len() > 20, "{}", whole.len());
        for (whole, broken) in whole.iter().zip(broken) {
            assert_ne!(whole.files[0].1, broken.files[0].1, "{}", whole.id);
        }
    }
}
