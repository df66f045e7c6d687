//! `kill -9` at random moments under load: of each daemon, of a sandbox's init, of a slot's supervisor, of its zygote.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::Uri;
use tokio::task::JoinSet;

pub use super::programs::Got;
use super::programs::{Allowed, Program};
use super::random::SeededRandom;
use super::remaining::{self, Before, ChildKind};
use crate::daemons::{DEADLINE, Daemons, Settings};
use crate::http;

/// Number of slots, and of clients: three times as many.
pub const SLOTS: u32 = 2;
const CLIENTS: usize = 6;
/// A shorter time limit for compile bombs, because there are many of them.
pub const LIMITS: &str = "[limits.compile]\ncpu_time = \"3 s\"\nwall_time = \"20 s\"";
/// Maximum time between the start of a round and the kill.
const BEFORE_KILL: Duration = Duration::from_millis(900);
/// Maximum time between the restart of a daemon and its second kill.
const SECOND_LIFE: Duration = Duration::from_millis(400);
/// One in this many programs is hostile.
const HOSTILE_ONE_IN: usize = 5;
/// Pause of a client after an immediate response: requests to a killed daemon fail very fast.
const PAUSE: Duration = Duration::from_millis(20);
/// Attempts to find a short-lived victim, and the pause between them.
const MAX_POLLS: u32 = 400;
const POLL_PAUSE: Duration = Duration::from_millis(5);

/// Process that is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Victim {
    /// The root daemon.
    Executord,
    /// The root daemon, and again during its restart.
    ExecutordTwice,
    /// The HTTP front.
    Webd,
    /// Pid 1 of a running sandbox.
    Init,
    /// The supervisor, which creates a slot's sandboxes.
    Supervisor,
    /// The interpreter that a slot's sandboxes are forked from.
    Zygote,
}

const VICTIMS: [Victim; 6] = [
    Victim::Executord,
    Victim::Webd,
    Victim::Init,
    Victim::Supervisor,
    Victim::Zygote,
    Victim::ExecutordTwice,
];

impl fmt::Display for Victim {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.pad(match self {
            Self::Executord => "executord",
            Self::ExecutordTwice => "executord, twice",
            Self::Webd => "webd",
            Self::Init => "a sandbox's init",
            Self::Supervisor => "a slot's supervisor",
            Self::Zygote => "a slot's zygote",
        })
    }
}

impl Victim {
    /// Returns what clients may see of the kill.
    const fn allowed(self) -> Allowed {
        match self {
            Self::Executord | Self::ExecutordTwice => Allowed { errors: true, killed: false, cut: false },
            Self::Webd => Allowed { errors: false, killed: false, cut: true },
            Self::Init => Allowed { errors: true, killed: true, cut: false },
            Self::Supervisor => Allowed { errors: true, killed: true, cut: false },
            // A program that it forked already goes on, and another one is started without it.
            Self::Zygote => Allowed { errors: false, killed: false, cut: false },
        }
    }
}

/// Result of the rounds of one victim.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Number of rounds.
    pub rounds: u32,
    /// Responses.
    pub got: BTreeMap<Got, u32>,
    /// Violations, as messages.
    pub wrong: Vec<String>,
}

/// Kills `rounds` times.
///
/// # Errors
/// If the daemons do not start, or do not start again.
pub async fn run(
    rounds: u32,
    random: &mut SeededRandom,
    mut print_line: impl FnMut(&str),
) -> io::Result<BTreeMap<Victim, Tally>> {
    let mut daemons = Daemons::start(&Settings {
        slots: SLOTS,
        pool: true,
        more: LIMITS.to_owned(),
        ..Settings::default()
    })
    .await?;
    let languages = offered(&daemons).await?;
    let before = Before::take(SLOTS, true)?;
    let mut tallies: BTreeMap<Victim, Tally> = BTreeMap::new();
    for round in 0..rounds {
        let victim = VICTIMS[round as usize % VICTIMS.len()];
        let tally = tallies.entry(victim).or_default();
        let wrong_before = tally.wrong.len();
        one_round(&mut daemons, victim, &languages, &before, random, tally).await?;
        tally.rounds += 1;
        for message in &mut tally.wrong[wrong_before..] {
            *message = format!("round {round}, {victim}: {message}");
            print_line(message);
        }
        if tally.wrong.len() > wrong_before {
            print_line(&daemons.log_tail());
        }
        if round % 20 == 19 {
            print_line(&format!("{} rounds", round + 1));
        }
    }
    Ok(tallies)
}

/// Returns the languages of the programs that are available on this host.
pub(crate) async fn offered(daemons: &Daemons) -> io::Result<Vec<String>> {
    let answer = http::get(&daemons.url("/api/languages"), DEADLINE).await.map_err(io::Error::other)?;
    let languages = answer.json.as_array().cloned().unwrap_or_default();
    let available = languages.iter().filter(|language| language["available"] == true);
    Ok(available.filter_map(|language| language["name"].as_str().map(str::to_owned)).collect())
}

async fn one_round(
    daemons: &mut Daemons,
    victim: Victim,
    languages: &[String],
    before: &Before,
    random: &mut SeededRandom,
    tally: &mut Tally,
) -> io::Result<()> {
    let mut load = Load::begin(&daemons.url("/api/execute"), languages, victim.allowed(), random);
    tokio::time::sleep(random.time(BEFORE_KILL)).await;
    let killed = match victim {
        Victim::Executord => daemons.kill_executord().map(|_| true)?,
        Victim::ExecutordTwice => {
            daemons.kill_executord()?;
            daemons.spawn_executord()?;
            tokio::time::sleep(random.time(SECOND_LIFE)).await;
            daemons.kill_executord().map(|_| true)?
        }
        Victim::Webd => daemons.kill_webd().map(|_| true)?,
        Victim::Init | Victim::Supervisor | Victim::Zygote => {
            kill_when_found(daemons, random, victim).await?
        }
    };
    if !killed {
        tally.wrong.push("there was no process to kill".to_owned());
    }
    load.end();
    match victim {
        Victim::Executord | Victim::ExecutordTwice => daemons.restart_executord().await?,
        Victim::Webd => daemons.restart_webd().await?,
        Victim::Init | Victim::Supervisor | Victim::Zygote => {}
    }
    // The next executions must work at once, while earlier ones still run.
    for language in ["python", "cpp"] {
        let program = Program::friendly(random, language);
        if let Err(message) = program.judge(&daemons.post(&program.body).await, Allowed::default()) {
            tally.wrong.push(format!("the next execution: {message}"));
        }
    }
    for got in load.results().await {
        match got {
            Ok(got) => *tally.got.entry(got).or_default() += 1,
            Err(message) => tally.wrong.push(message),
        }
    }
    if let Err(message) = before.nothing_left(daemons).await {
        tally.wrong.push(message);
    }
    Ok(())
}

/// Kills a supervisor, or a child of one.
async fn kill_when_found(daemons: &Daemons, random: &mut SeededRandom, victim: Victim) -> io::Result<bool> {
    let children = |kind| -> io::Result<Vec<u32>> {
        Ok(remaining::children_of_kind(daemons, kind)?.into_iter().map(|child| child.pid).collect())
    };
    for _ in 0..MAX_POLLS {
        let found = match victim {
            Victim::Init => children(ChildKind::Init)?,
            Victim::Zygote => children(ChildKind::Zygote)?,
            _ => remaining::supervisors(daemons)?.into_iter().map(|one| one.pid).collect(),
        };
        if !found.is_empty() && remaining::kill_process(*random.choose(&found)) {
            return Ok(true);
        }
        tokio::time::sleep(POLL_PAUSE).await;
    }
    Ok(false)
}

/// Clients that send one program after the other until `stop`.
struct Load {
    over: Arc<AtomicBool>,
    clients: JoinSet<Vec<Result<Got, String>>>,
}

impl Load {
    fn begin(url: &Uri, languages: &[String], allowed: Allowed, random: &mut SeededRandom) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            let (url, languages, over, mut random) =
                (url.clone(), languages.to_vec(), Arc::clone(&over), random.split());
            clients.spawn(async move {
                let mut results = Vec::new();
                while !over.load(Ordering::Relaxed) {
                    let program = Program::any(&mut random, &languages, HOSTILE_ONE_IN);
                    let answer = http::post(&url, &program.body, DEADLINE).await;
                    results.push(program.judge(&answer, allowed));
                    if !matches!(results.last(), Some(Ok(Got::Answer))) {
                        tokio::time::sleep(PAUSE).await;
                    }
                }
                results
            });
        }
        Self { over, clients }
    }

    /// Stops sending, and waits for the clients.
    fn end(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }

    async fn results(mut self) -> Vec<Result<Got, String>> {
        let mut all = Vec::new();
        while let Some(results) = self.clients.join_next().await {
            match results {
                Ok(results) => all.extend(results),
                Err(error) => all.push(Err(error.to_string())),
            }
        }
        all
    }
}
