//! Runs programs by their bare command, in a cold sandbox and in a pre-warmed one, and compares the results.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser;
use e2e::corpus;
use e2e::daemons::{Daemons, Settings};
use e2e::differential::programs::{self, Program};
use e2e::differential::{ProgramResult, bare, compilers, finalization, pool};

/// Languages with launchers, and the stages that have one.
const LANGUAGES: [(&str, &[&str]); 5] = [
    ("python", &["run"]),
    ("javascript", &["run"]),
    ("typescript", &["run"]),
    ("java", &["compile", "run"]),
    ("cpp", &["compile"]),
];

/// Languages whose sandboxes can be forked from a zygote.
const COPIED: [&str; 3] = ["java", "javascript", "python"];

/// Kinds of sandboxes: name, whether pre-warmed, whether forked from a zygote.
const KINDS: [(&str, bool, bool); 4] = [
    ("cold", false, false),
    ("prepared", true, false),
    ("cold copy", false, true),
    ("prepared copy", true, true),
];

/// Run programs by their bare command, in a cold sandbox and in a pre-warmed one. Exits with 1 if a result differs.
/// Needs root
#[derive(Parser)]
#[command(name = "differential")]
struct Arguments {
    /// Run only this language
    #[arg(long)]
    language: Option<String>,
    /// Run only programs whose id contains this text
    #[arg(long)]
    id: Option<String>,
    /// Also run a reproducible sample of about this many programs of the corpus
    #[arg(long)]
    sample: Option<usize>,
    /// Run all programs of e2e/finalization instead of one in ten
    #[arg(long)]
    all: bool,
    /// Run only one in this many programs
    #[arg(long, default_value = "1", value_parser = clap::value_parser!(u16).range(1..))]
    one_in: u16,
    /// Compare C++ compilations instead: g++ alone against each kind of precompiled headers, with the programs of this
    /// repository and of the corpus
    #[arg(long, conflicts_with_all = ["language", "sample"])]
    compilers: bool,
    /// Print the result of each program
    #[arg(long)]
    verbose: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime.and_then(|runtime| runtime.block_on(compare_all(&arguments))) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

/// Compares the ways to compile C++.
async fn compare_compilers(arguments: &Arguments) -> io::Result<bool> {
    let corpus = corpus::load().unwrap_or_else(|error| {
        print_line(&format!("cannot read the corpus of real programs: {error}"));
        Vec::new()
    });
    let mut programs = compilers::all_programs(corpus)?;
    programs.retain(|program| arguments.id.as_ref().is_none_or(|id| program.id.contains(id)));
    let found = compilers::compare(&programs).await?;
    for difference in &found.differences {
        print_line(difference);
    }
    for id in &found.by_chance {
        print_line(&format!("{id} differs between two identical runs"));
    }
    print_line(&format!(
        "{} programs, {} rejected by g++; compiled without g++: {:?}; {} differ",
        found.compared,
        found.compared - found.accepted,
        found.sooner,
        found.differences.len()
    ));
    Ok(found.differences.is_empty())
}

async fn compare_all(arguments: &Arguments) -> io::Result<bool> {
    if arguments.compilers {
        return compare_compilers(arguments).await;
    }
    let programs = chosen(arguments)?;
    let mut received = BTreeMap::new();
    let mut first = Vec::new();
    for program in &programs {
        first.push(if program.has_bare() { Some(bare::run(program)?) } else { None });
    }
    for (kind, prepared, zygotes) in KINDS {
        let daemons =
            Daemons::start(&Settings { pool: prepared, zygotes: Some(zygotes), ..Settings::default() })
                .await?;
        let all = programs.iter().zip(&mut first);
        for (program, first) in all.filter(|(program, _)| !zygotes || COPIED.contains(&&*program.language)) {
            let result = execute(&daemons, program, prepared).await?;
            if arguments.verbose {
                print_line(&format!("{} {kind}: {result:#?}", program.id));
            }
            let Some(first) = first else {
                *first = Some(result);
                continue;
            };
            let differences = first.differences(&result, program);
            if !differences.is_empty() {
                print_line(&format!("{} {kind}\n    {}", program.id, differences.join("\n    ")));
                received.insert(program.id.as_str(), ());
            }
        }
    }
    print_line(&format!("{} programs, {} can tell", programs.len(), received.len()));
    Ok(received.is_empty())
}

/// Runs a program and verifies that it got the expected kind of sandbox.
async fn execute(daemons: &Daemons, program: &Program, prepared: bool) -> io::Result<ProgramResult> {
    let stages =
        LANGUAGES.iter().find(|(name, _)| *name == program.language).map_or(&[][..], |(_, stages)| stages);
    let fits = matches!(program.files[0].0.as_str(), "main.py" | "main.js" | "main.ts" | "main.cpp")
        || program.language == "java";
    let before = if prepared {
        pool::ready(daemons, &program.language, stages).await?
    } else {
        pool::Counts::default()
    };
    let result = ProgramResult::answered(&daemons.execute(&program.request()).await);
    if prepared && fits {
        let after = pool::counted(daemons, &program.language, stages).await?;
        let compiled = |stage: &&&str| result.end != "compile_error" || **stage == "compile";
        let ran = stages.iter().filter(compiled).count() as u64;
        if (after.hits - before.hits, after.misses - before.misses) != (ran, 0) {
            return Err(io::Error::other(format!(
                "{} got no pre-warmed sandbox: {before:?}, {after:?}",
                program.id
            )));
        }
    }
    Ok(result)
}

fn chosen(arguments: &Arguments) -> io::Result<Vec<Program>> {
    let mut programs = programs::own()?;
    let step = if arguments.all { 1 } else { 10 };
    programs.extend(finalization::all()?.into_iter().step_by(step).map(|finalization| finalization.program));
    if let Some(count) = arguments.sample {
        let names: Vec<&str> = LANGUAGES.iter().map(|(name, _)| *name).collect();
        let mut sample = corpus::sample(corpus::load()?, count);
        sample.retain(|program| !program.cpu_heavy);
        programs.extend(programs::of_corpus(sample, &names));
    }
    programs.retain(|program| {
        arguments.language.as_ref().is_none_or(|language| program.language == *language)
            && arguments.id.as_ref().is_none_or(|id| program.id.contains(id))
    });
    Ok(programs.into_iter().step_by(arguments.one_in.into()).collect())
}

fn print_line(line: &str) {
    // A closed stdout needs no error message.
    let _ = writeln!(io::stdout(), "{line}");
}
