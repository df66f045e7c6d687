//! Compares Executor with the bare command, bubblewrap and a naive server, in one run.

#![forbid(unsafe_code)]

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bench::case::{self, Case};
use bench::growth::{self, Point};
use bench::host::{self, Busy};
use bench::load::{self, CLIENTS, Throughput};
use bench::programs::Language;
use bench::rounds::{self, RoundLimits, Row};
use bench::sustained::{self, Sustained};
use bench::testbed::Testbed;
use bench::variant::Variant;
use bench::{
    bursts, chart, closed_loop, inputs, keys, naive, readme, report, runner, runs, statistics, summary,
};
use clap::{Parser, ValueEnum};
use serde_json::{Value, json};

/// Compare Executor with the bare command, bubblewrap and a naive server, in one run. Times of two runs cannot be
/// compared, so results of earlier runs are not used. Needs root
#[derive(Parser)]
#[command(name = "bench")]
struct Arguments {
    /// Run few rounds for an impression; do not publish the results
    #[arg(long)]
    quick: bool,
    /// Measure only these languages
    #[arg(long, value_enum, value_delimiter = ',')]
    languages: Vec<Language>,
    /// Number of rounds of each program
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: Option<u32>,
    /// Run only these parts
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
    /// Measure only programs of this name
    #[arg(long)]
    program: Option<String>,
    /// Replace the table of results in this file, which is README.md
    #[arg(long, value_name = "FILE")]
    readme: Option<PathBuf>,
    /// Directory for bench.json, bench.md and bench.svg
    #[arg(long, default_value = "target/bench")]
    out: PathBuf,
}

/// Part of the benchmark, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Memory while nobody has sent a request.
    Idle,
    /// One execution at a time, in every variant.
    Latency,
    /// The sandbox around a program that does nothing.
    Sandbox,
    /// Several concurrent clients.
    Throughput,
    /// Many concurrent clients, for minutes.
    Sustained,
    /// More pre-warmed sandboxes, longer queues, longer programs and more output.
    Growth,
    /// Many runs of one request.
    Runs,
    /// One program with many inputs.
    Inputs,
    /// Many requests at once.
    Burst,
    /// Many programs that sleep.
    Sleepers,
    /// One client that asks again at once.
    ClosedLoop,
    /// Requests with an API key and without.
    Keys,
}

/// Results.
#[derive(Default)]
struct Measured {
    /// Variants by name, and their memory in MiB.
    at_rest: Vec<summary::AtRest>,
    latency: Vec<Row>,
    throughput: Vec<Throughput>,
    sustained: Option<Sustained>,
    sandbox: Vec<Row>,
    growth: Vec<Point>,
    cases: Vec<Case>,
}

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let result = match arguments.iter().map(|argument| argument.to_str()).collect::<Vec<_>>()[..] {
        [Some(runner::ARGUMENT)] => runner::serve().map(|()| ExitCode::SUCCESS),
        [Some(naive::ARGUMENT), Some(directory)] => {
            naive::serve(Path::new(directory)).map(|()| ExitCode::SUCCESS)
        }
        _ => bench(&Arguments::parse()),
    };
    result.unwrap_or_else(|error| {
        eprintln!("{error}");
        ExitCode::from(2)
    })
}

fn bench(arguments: &Arguments) -> io::Result<ExitCode> {
    if let Some(code) = host::run_in_own_session()? {
        return Ok(ExitCode::from(u8::try_from(code).unwrap_or(2)));
    }
    let (host, busy, load_before) = (host::describe(), Busy::now(), host::load());
    let run = run_id();
    print_line(&format!("run {run}, load {load_before}\n{host:#}\n"));
    let runtime = Rc::new(tokio::runtime::Builder::new_current_thread().enable_all().build()?);
    let mut testbed = Testbed::start(&runtime)?;
    for (variant, message) in &testbed.missing {
        print_line(&format!("not measured: {}: {message}", variant.name()));
    }
    let run = Run { id: run, host, load_before, busy, arguments };
    let measured = run.measure(&runtime, &mut testbed)?;
    if let Some(path) = &arguments.readme {
        run.write_readme(path, &measured)?;
    }
    print_line(&format!("load {}; other processes used {:.2} cores", host::load(), run.others(&testbed)));
    for one in testbed.warm_counts() {
        let protocol::WarmCount { language, stage, ready, hits, misses } = one;
        print_line(&format!("pool: {language} {stage}: {ready} ready, {hits} hits, {misses} misses"));
    }
    print_line(&format!("written: {}/bench.json, bench.md, bench.svg", arguments.out.display()));
    Ok(ExitCode::SUCCESS)
}

/// One run of the selected parts.
struct Run<'a> {
    id: String,
    host: Value,
    load_before: String,
    busy: Busy,
    arguments: &'a Arguments,
}

impl Run<'_> {
    /// Measures the parts, and writes the results after each of them.
    fn measure(&self, runtime: &Rc<tokio::runtime::Runtime>, testbed: &mut Testbed) -> io::Result<Measured> {
        let mut measured = Measured::default();
        for part in Part::value_variants() {
            if self.arguments.only.is_empty() || self.arguments.only.contains(part) {
                measure(*part, self.arguments, runtime, testbed, &mut measured)?;
                self.write(testbed, &measured)?;
            }
        }
        Ok(measured)
    }

    fn write_readme(&self, path: &Path, measured: &Measured) -> io::Result<()> {
        let at_rest = measured.at_rest.iter().find(|(variant, _)| *variant == Variant::Warm.name());
        let figures = readme::Figures {
            latency: &measured.latency,
            throughput: &measured.throughput,
            cases: &measured.cases,
            at_rest: at_rest.and_then(|&(_, mib)| mib),
        };
        let text = readme::insert(&fs::read_to_string(path)?, &figures.table());
        fs::write(path, text.ok_or_else(|| io::Error::other("the file has no place for the table"))?)
    }

    fn others(&self, testbed: &Testbed) -> f64 {
        self.busy.others(testbed.cpu() + host::own_cpu())
    }

    fn write(&self, testbed: &Testbed, measured: &Measured) -> io::Result<()> {
        let missing =
            testbed.missing.iter().map(|(variant, message)| json!({ "way": variant.name(), "why": message }));
        let everything = json!({
            "run": self.id,
            "host": self.host,
            "load": {
                "before": self.load_before,
                "after": host::load(),
                "cores_busy_with_others": self.others(testbed),
            },
            "not_measured": missing.collect::<Vec<_>>(),
            "prepared": testbed.warm_counts(),
            "at_rest": measured.at_rest.iter().map(|(way, mib)| json!({ "way": way, "mib": mib })).collect::<Vec<_>>(),
            "latency": measured.latency,
            "throughput": measured.throughput,
            "sustained": measured.sustained,
            "sandbox": measured.sandbox,
            "growth": measured.growth,
            "cases": measured.cases,
        });
        let summary = summary::summary(&measured.latency, &measured.throughput, &measured.at_rest);
        write(&self.arguments.out, &self.id, &everything, &summary, measured)
    }
}

/// Measures one part.
fn measure(
    part: Part,
    arguments: &Arguments,
    runtime: &Rc<tokio::runtime::Runtime>,
    testbed: &mut Testbed,
    measured: &mut Measured,
) -> io::Result<()> {
    let languages =
        if arguments.languages.is_empty() { Language::value_variants() } else { &arguments.languages };
    match part {
        Part::Idle => {
            let memory = testbed.memory_at_rest().into_iter();
            measured.at_rest =
                memory.map(|(variant, bytes)| (variant.name(), bytes.map(statistics::mib))).collect();
            for (way, mib) in &measured.at_rest {
                print_line(&format!("at rest: {way}: {mib:.1?} MiB"));
            }
        }
        Part::Latency => {
            for program in programs(languages, arguments)? {
                let ready = testbed.prepare(program, 1)?;
                let rows = rounds::measure(testbed, &ready, &Variant::ALL, round_limits(arguments, 30))?;
                print_line(&report::rounds(&rows));
                measured.latency.extend(rows);
            }
        }
        Part::Sandbox => {
            let ready = testbed.prepare(testbed.nothing_program(), 1)?;
            measured.sandbox = rounds::measure(testbed, &ready, &Variant::ALL, round_limits(arguments, 20))?;
            print_line(&report::rounds(&measured.sandbox));
        }
        Part::Throughput => {
            let duration = Duration::from_secs(if arguments.quick { 1 } else { 6 });
            let most = CLIENTS.iter().copied().max().unwrap_or(1);
            let mut hellos: Vec<_> = programs(languages, arguments)?;
            hellos.retain(|program| program.name.starts_with("hello"));
            hellos.push(testbed.nothing_program());
            for program in hellos {
                let mut rows = Vec::new();
                let ready = testbed.prepare(program, most)?;
                for clients in CLIENTS {
                    rows.extend(load::measure(testbed, &ready, clients, duration)?);
                }
                print_line(&report::load(&rows));
                measured.throughput.extend(rows);
            }
        }
        Part::Sustained => {
            let duration = Duration::from_secs(if arguments.quick { 10 } else { 120 });
            let found = sustained::measure(testbed, duration)?;
            print_line(&report::sustained(Some(&found)));
            measured.sustained = Some(found);
        }
        Part::Growth => {
            let round_limits = round_limits(arguments, 10);
            measured.growth = growth::sizes(testbed, round_limits)?;
            measured.growth.extend(growth::pools(runtime, testbed, round_limits)?);
            measured.growth.extend(growth::queues(runtime, testbed, round_limits.at_most.min(10))?);
            print_line(&report::growth(&measured.growth));
        }
        Part::Runs => add(measured, runs::measure(testbed, few_rounds(arguments, 5))?),
        Part::Inputs => add(measured, inputs::measure(testbed, few_rounds(arguments, 3))?),
        Part::Burst => add(measured, bursts::burst(testbed, few_rounds(arguments, 10))?),
        Part::Sleepers => add(measured, bursts::sleepers(testbed, few_rounds(arguments, 3))?),
        Part::ClosedLoop => {
            let duration = Duration::from_secs(if arguments.quick { 2 } else { 15 });
            for &language in languages {
                add(measured, closed_loop::measure(testbed, language, duration)?);
            }
        }
        Part::Keys => {
            let (cases, median) = keys::measure(runtime, testbed, round_limits(arguments, 20))?;
            add(measured, cases);
            print_line(&format!("median of the differences between both answers of a round: {median:.3} ms"));
        }
    }
    Ok(())
}

fn add(measured: &mut Measured, cases: Vec<Case>) {
    print_line(&case::table(&cases));
    measured.cases.extend(cases);
}

/// Returns the number of rounds of something that takes seconds.
fn few_rounds(arguments: &Arguments, usual: u32) -> u32 {
    arguments.rounds.unwrap_or(if arguments.quick { 1 } else { usual })
}

fn programs(languages: &[Language], arguments: &Arguments) -> io::Result<Vec<bench::programs::Program>> {
    let mut all = Vec::new();
    for language in languages {
        all.extend(language.programs()?);
    }
    all.retain(|program| arguments.program.as_ref().is_none_or(|name| program.name == *name));
    Ok(all)
}

/// Returns enough rounds for a 99th percentile, unless they take too long.
fn round_limits(arguments: &Arguments, seconds: u64) -> RoundLimits {
    match (arguments.rounds, arguments.quick) {
        (Some(rounds), _) => RoundLimits { at_least: rounds, at_most: rounds, duration: Duration::ZERO },
        (None, true) => RoundLimits { at_least: 5, at_most: 10, duration: Duration::from_secs(3) },
        (None, false) => RoundLimits { at_least: 30, at_most: 200, duration: Duration::from_secs(seconds) },
    }
}

fn write(
    directory: &Path,
    run: &str,
    everything: &Value,
    summary: &str,
    measured: &Measured,
) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    fs::write(directory.join("bench.json"), format!("{everything:#}\n"))?;
    fs::write(directory.join("bench.svg"), chart::svg(&measured.latency))?;
    let text = format!(
        "Run {run}\n\n{summary}\n{}\n{}\n{}\n{}\n{}\n{}",
        report::rounds(&measured.latency),
        report::rounds(&measured.sandbox),
        report::load(&measured.throughput),
        report::sustained(measured.sustained.as_ref()),
        report::growth(&measured.growth),
        case::table(&measured.cases)
    );
    fs::write(directory.join("bench.md"), text)
}

fn run_id() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{}-{}", since.as_secs(), std::process::id())
}

fn print_line(line: &str) {
    // A closed stdout needs no error message.
    let _ = writeln!(io::stdout(), "{line}");
}
