//! Attacks the product and reports what succeeds.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::ops::RangeInclusive;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::Parser;
use e2e::attacks::collection::InvalidCase;
use e2e::attacks::fixtures::Fixtures;
use e2e::attacks::probe::{self, Probe};
use e2e::attacks::starters::{self, Starters};
use e2e::attacks::target::{SECRET, Target};
use e2e::attacks::verdict::{Verdict, table};
use e2e::attacks::{http_attacks, own, own_keys, own_wire, socket_attacks};
use e2e::daemons::{BASE_LANGUAGES, Settings};
use tokio::signal::unix::{SignalKind, signal};

/// Cases that take longer than ten seconds or need thousands of connections.
const SLOW: Duration = Duration::from_secs(10);

/// Attack executord and webd with programs and malformed requests. Exits with 1 if an attack succeeded, and with 2 if
/// there was no attack to run
#[derive(Parser)]
#[command(name = "attacks")]
struct Arguments {
    /// Attack a running webd instead of starting daemons
    #[arg(long, value_name = "HOST:PORT", requires = "socket")]
    url: Option<String>,
    /// Socket of the executord behind it
    #[arg(long, requires = "url")]
    socket: Option<PathBuf>,
    /// The uids of its programs, FIRST-LAST: its range without the last quarter, which is for zygotes
    #[arg(long, default_value = "458752-507903", value_parser = uid_range)]
    uids: RangeInclusive<u32>,
    /// Name of its cgroups
    #[arg(long, default_value = "executor")]
    cgroup: String,
    /// Run only the attacks of this repository
    #[arg(long)]
    own: bool,
    /// Run only cases whose id contains this text. Several texts are alternatives
    #[arg(long)]
    only: Vec<String>,
    /// Run only cases of this class
    #[arg(long)]
    class: Option<String>,
    /// Skip slow cases and list them
    #[arg(long)]
    skip_slow: bool,
    /// Run the attacks that do not depend on a language, each from programs in this many languages, chosen at random by --seed
    #[arg(long, value_name = "COUNT", conflicts_with = "own")]
    languages: Option<usize>,
    /// Run the attacks that do not depend on a language from programs in this language. May be repeated
    #[arg(long, conflicts_with = "own")]
    from: Vec<String>,
    /// Seed of generated attacks and of --languages; 0 for the seed of each case, and for other languages each time
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// The host is used by nothing else: its core dump handler may be replaced for a moment
    #[arg(long)]
    disposable_host: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if std::env::var_os(SECRET.0).is_none() {
        // Programs must not see a variable that the daemons inherit.
        let error = match std::env::current_exe() {
            Ok(me) => Command::new(me).args(std::env::args_os().skip(1)).env(SECRET.0, SECRET.1).exec(),
            Err(error) => error,
        };
        return exit_with_error(&error);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return exit_with_error(&error),
    };
    match runtime.block_on(until_signaled(attack(&arguments))) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => exit_with_error(&error),
    }
}

/// Handles signals, so that the daemons are dropped and therefore stopped.
async fn until_signaled(work: impl Future<Output = io::Result<bool>>) -> io::Result<bool> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        done = work => done,
        _ = terminate.recv() => Err(io::Error::other("received a signal")),
        _ = interrupt.recv() => Err(io::Error::other("received a signal")),
    }
}

fn exit_with_error(error: &io::Error) -> ExitCode {
    eprintln!("attacks: {error}");
    ExitCode::from(2)
}

fn uid_range(text: &str) -> Result<RangeInclusive<u32>, String> {
    let (first, last) = text.split_once('-').ok_or("FIRST-LAST")?;
    let number = |text: &str| text.parse::<u32>().map_err(|error| error.to_string());
    Ok(number(first)?..=number(last)?)
}

impl Arguments {
    fn wants(&self, id: &str, class: &str) -> bool {
        (self.only.is_empty() || self.only.iter().any(|only| id.contains(&**only)))
            && self.class.as_ref().is_none_or(|wanted| class == wanted)
    }
}

async fn attack(arguments: &Arguments) -> io::Result<bool> {
    if arguments.languages.is_some() || !arguments.from.is_empty() {
        return attack_from_languages(arguments).await;
    }
    let probes = chosen(arguments)?;
    let mut target = match (&arguments.url, &arguments.socket) {
        (Some(url), Some(socket)) => Target::running(url, socket, arguments.uids.clone(), &arguments.cgroup)?,
        _ => Target::start().await?,
    };
    let fixtures = Fixtures::new()?;
    let reasons = reasons();
    let mut verdicts = Vec::new();
    let mut excluded = Vec::new();
    let began = Instant::now();
    let mut note = |mut verdict: Verdict| {
        verdict.reason = reasons.get(&verdict.id).cloned();
        print_line(&verdict.line());
        verdicts.push(verdict);
    };
    for program in &probes {
        let program = match program {
            Ok(program) => program,
            Err(invalid) => {
                note(invalid.verdict());
                continue;
            }
        };
        let slow = program.expect.max_wall_ms.is_some_and(|most| most > 30_000.0);
        if slow && arguments.skip_slow {
            excluded.push(program.id.clone());
            continue;
        }
        note(probe::run(program, &target, &fixtures, arguments.disposable_host).await);
    }
    let wanted = |id: &str, class: &str| arguments.wants(id, class);
    let max_duration = if arguments.skip_slow { SLOW } else { Duration::MAX };
    let mut sink =
        http_attacks::Sink { note: &mut note, excluded: &mut excluded, wanted: &wanted, max_duration };
    if !arguments.own {
        let cases = probe::directory().join(probe::PROTOCOL_FILE);
        if cases.exists() {
            http_attacks::run(&cases, &target, &mut sink).await?;
            socket_attacks::run(&cases, &mut target, arguments.seed, &mut sink).await?;
        } else {
            print_line(&format!("{} does not exist; no cases from it", cases.display()));
        }
    }
    http_attacks::run(&own::directory().join("wire.json"), &target, &mut sink).await?;
    own_wire::run(&mut target, &mut sink).await;
    own_keys::run(&target, &mut sink).await;

    if !excluded.is_empty() {
        print_line(&format!(
            "\nskipped because of --skip-slow, or because the daemons were not started by this program: {}",
            excluded.join(", ")
        ));
    }
    print_line(&table(&verdicts));
    print_line(&format!("in {} s", began.elapsed().as_secs()));
    Ok(!verdicts.iter().any(Verdict::is_failed))
}

/// Runs the attacks that do not depend on a language, started by programs in other languages.
async fn attack_from_languages(arguments: &Arguments) -> io::Result<bool> {
    let target = match (&arguments.url, &arguments.socket) {
        (Some(url), Some(socket)) => Target::running(url, socket, arguments.uids.clone(), &arguments.cgroup)?,
        _ => {
            let more_languages = starters::shipped_language_files()?
                .into_iter()
                .filter(|name| !BASE_LANGUAGES.contains(&&**name))
                .collect();
            Target::start_with(&Settings { more_languages, ..Settings::from_environment() }).await?
        }
    };
    let seed = match arguments.seed {
        0 => SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |time| time.as_secs()),
        seed => seed,
    };
    let count = arguments.languages.unwrap_or_default();
    let starters = Starters::load()?.choose(&target, &arguments.from, count, seed).await?;
    let names: Vec<_> = starters.iter().map(|starter| &*starter.language).collect();
    print_line(&format!("seed {seed}: attacks from {}", names.join(", ")));
    let attacks = own::load(&own::directory())?;
    let (fixtures, reasons, began) = (Fixtures::new()?, reasons(), Instant::now());
    let mut verdicts = Vec::new();
    for starter in &starters {
        for attack in attacks.iter().flatten().filter(|attack| arguments.wants(&attack.id, &attack.class)) {
            let Some(started) = starter.start(attack) else { continue };
            let mut verdict = probe::run(&started, &target, &fixtures, arguments.disposable_host).await;
            verdict.reason = reasons.get(&attack.id).cloned();
            print_line(&verdict.line());
            verdicts.push(verdict);
        }
    }
    print_line(&table(&verdicts));
    print_line(&format!("in {} s", began.elapsed().as_secs()));
    Ok(!verdicts.is_empty() && !verdicts.iter().any(Verdict::is_failed))
}

fn chosen(arguments: &Arguments) -> io::Result<Vec<Result<Probe, InvalidCase>>> {
    let mut probes = own::load(&own::directory())?;
    if !arguments.own {
        let directory = probe::directory();
        let given = probe::load(&directory).map_err(|error| {
            io::Error::other(format!(
                "{error}\nEXECUTOR_PROBES names the directory of the collection; \
                 --own does without"
            ))
        })?;
        probes.splice(0..0, given);
    }
    probes.retain(|probe| match probe {
        Ok(probe) => arguments.wants(&probe.id, &probe.class),
        Err(invalid) => arguments.wants(&invalid.id, &invalid.class),
    });
    Ok(probes)
}

/// Returns the reason for each accepted failure, from the table of the threat model.
fn reasons() -> BTreeMap<String, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/threat-model.md");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.split("\n## ")
        .filter(|section| section.starts_with("Accepted attacks"))
        .flat_map(str::lines)
        .filter_map(|line| {
            let (id, reason) = line.strip_prefix("| `")?.split_once("` | ")?;
            Some((id.to_owned(), reason.trim_end_matches(" |").to_owned()))
        })
        .collect()
}

fn print_line(line: &str) {
    let mut out = io::stdout().lock();
    // A closed stdout needs no error message.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
