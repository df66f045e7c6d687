//! Sends the corpus through a running webd and compares the responses.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clap::Parser;
use e2e::corpus::{self, Program};
use e2e::daemons::{Daemons, Settings};
use e2e::http;
use hyper::Uri;
use tokio::sync::mpsc;

/// Longer than the longest execution and its time in the queue.
const DEADLINE: Duration = Duration::from_secs(180);
const RETRIES: u32 = 20;
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Send the corpus of real programs through a running webd and compare the responses. Exits with 1 on a difference
#[derive(Parser)]
#[command(name = "corpus")]
struct Arguments {
    /// Address of the API
    #[arg(long, default_value = "http://127.0.0.1:3000/api/execute")]
    url: Uri,
    /// Start executord and webd instead of using --url; needs root
    #[arg(long, conflicts_with = "url")]
    start: bool,
    /// Number of concurrent programs
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..))]
    concurrency: u16,
    /// Run a reproducible sample of about this many programs, some of each set and language
    #[arg(long)]
    sample: Option<usize>,
    /// Run only this language
    #[arg(long)]
    language: Option<String>,
    /// Run only programs whose id contains this text
    #[arg(long)]
    id: Option<String>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let programs = match chosen(&arguments) {
        Ok(programs) => programs,
        Err(error) => {
            eprintln!(
                "cannot read the corpus: {error}\nset EXECUTOR_CORPUS to the directory of programs.jsonl"
            );
            return ExitCode::from(2);
        }
    };
    if programs.is_empty() {
        eprintln!("no program of the corpus matches --language and --id");
        return ExitCode::from(2);
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("start: {error}");
            return ExitCode::from(2);
        }
    };
    match runtime.block_on(send_all(&arguments, programs)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

fn chosen(arguments: &Arguments) -> std::io::Result<Vec<Program>> {
    let mut programs = corpus::load()?;
    programs.retain(|program| {
        arguments.language.as_ref().is_none_or(|language| program.language == *language)
            && arguments.id.as_ref().is_none_or(|id| program.id.contains(id))
    });
    Ok(match arguments.sample {
        Some(count) => corpus::sample(programs, count),
        None => programs,
    })
}

async fn send_all(arguments: &Arguments, programs: Vec<Program>) -> std::io::Result<bool> {
    let started =
        if arguments.start { Some(Daemons::start(&Settings::from_environment()).await?) } else { None };
    let url = started.as_ref().map_or(arguments.url.clone(), |daemons| daemons.url("/api/execute"));
    let waiting = Arc::new(Mutex::new(programs.into_iter()));
    let (done, mut results) = mpsc::channel(16);
    for _ in 0..arguments.concurrency {
        let (waiting, done, url) = (waiting.clone(), done.clone(), url.clone());
        tokio::spawn(async move {
            // Locked only while taking one.
            while let Some(program) = waiting.lock().ok().and_then(|mut waiting| waiting.next()) {
                let verdict = send(&url, &program).await;
                if done.send((program, verdict)).await.is_err() {
                    return;
                }
            }
        });
    }
    drop(done);

    let mut summary: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let mut without_flags = Vec::new();
    while let Some((program, verdict)) = results.recv().await {
        let (passed, failed) = summary.entry(program.language).or_default();
        match verdict {
            Verdict::Same => *passed += 1,
            Verdict::Different(differences) => {
                *failed += 1;
                print_line(&format!("{}\n    {}", program.id, differences.join("\n    ")));
            }
            Verdict::LacksFlags => {
                without_flags.push(format!("{} ({})", program.id, program.compile_flags.join(" ")))
            }
        }
    }
    if !without_flags.is_empty() {
        print_line(&format!("not compared, because they need compiler flags: {}", without_flags.join(", ")));
    }
    let (mut passed, mut failed) = (0, 0);
    for (language, (ok, not)) in &summary {
        print_line(&format!("{language:12} {ok} passed, {not} failed"));
        passed += ok;
        failed += not;
    }
    print_line(&format!("{passed} passed, {failed} failed"));
    Ok(failed == 0)
}

/// Result of one program.
enum Verdict {
    Same,
    /// It differs, with a description. A missing response is a difference.
    Different(Vec<String>),
    LacksFlags,
}

async fn send(url: &Uri, program: &Program) -> Verdict {
    let different = |message: String| Verdict::Different(vec![message]);
    let body = program.request();
    for _ in 0..RETRIES {
        let answer = match http::post(url, &body, DEADLINE).await {
            Ok(answer) => answer,
            Err(error) => return different(error.to_string()),
        };
        match answer.status {
            200 if program.lacks_flags(&answer.json) => return Verdict::LacksFlags,
            200 => {
                let differences = program.differences(&answer.json);
                return if differences.is_empty() { Verdict::Same } else { Verdict::Different(differences) };
            }
            429 => {
                let pause = answer.retry_after.unwrap_or(Duration::from_secs(1));
                tokio::time::sleep(pause.min(LONGEST_PAUSE)).await;
            }
            status => return different(format!("HTTP {status}: {}", answer.json)),
        }
    }
    different(format!("still too busy after {RETRIES} attempts"))
}

fn print_line(line: &str) {
    // A closed stdout needs no error message.
    let _ = writeln!(std::io::stdout(), "{line}");
}
