//! Friendly and hostile programs together at several times the capacity: every request is answered with its own output,
//! the daemons do not grow ([`growth`]), and hostile programs do not slow others down ([`neighbours`]).

pub mod growth;
pub mod neighbours;

use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use hyper::Uri;
use tokio::task::JoinSet;

use crate::daemons::{Daemons, Settings};
use crate::faults::kills::{LIMITS, offered};
use crate::faults::programs::{Allowed, Got, Program};
use crate::faults::random::SeededRandom;
use crate::faults::remaining::Before;
use crate::http;
use growth::Watch;

/// Number of clients, each with its own address, and of concurrent requests per client.
const CLIENTS: u8 = 12;
const REQUESTS_PER_CLIENT: u8 = 3;
/// Queue length; with the running requests, less than half of what clients send concurrently.
const QUEUE: u32 = 12;
/// One in this many programs is hostile.
const HOSTILE_ONE_IN: usize = 3;
/// Time limit of a request, including its time in the queue; after that it counts as unanswered.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);
/// Pause of a client after 429. It is shorter than `Retry-After`, to keep up the load.
const RETRY_PAUSE: Duration = Duration::from_millis(300);

/// Result of a soak test.
#[derive(Clone, Debug, Default)]
pub struct SoakResult {
    /// Responses by program.
    pub got: BTreeMap<(&'static str, Got), u32>,
    /// Growth of the daemons.
    pub growth: Vec<growth::Quantity>,
    /// Violations, as messages.
    pub wrong: Vec<String>,
}

/// Starts daemons with one slot per core.
///
/// # Errors
/// If they do not start.
pub async fn start() -> io::Result<(Daemons, Before)> {
    let slots =
        std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(1));
    let daemons = Daemons::start(&Settings {
        slots,
        queue: QUEUE,
        pool: true,
        more: LIMITS.to_owned(),
        ..Settings::default()
    })
    .await?;
    Ok((daemons, Before::take(slots, true)?))
}

/// Sends programs for `duration`.
///
/// # Errors
/// If the daemons cannot be inspected.
pub async fn soak(
    daemons: &Daemons,
    before: &Before,
    duration: Duration,
    random: &mut SeededRandom,
) -> io::Result<SoakResult> {
    let languages = offered(daemons).await?;
    let until = Instant::now() + duration;
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        for _ in 0..REQUESTS_PER_CLIENT {
            let address = Ipv4Addr::new(127, 0, 1, client + 1);
            clients.spawn(send(
                address,
                daemons.url("/api/execute"),
                languages.clone(),
                random.split(),
                until,
            ));
        }
    }
    let mut watch = Watch::default();
    while Instant::now() < until {
        watch.sample(daemons)?;
        tokio::time::sleep(growth::EVERY).await;
    }
    let mut soak = SoakResult::default();
    while let Some(results) = clients.join_next().await {
        for (name, result) in results.map_err(io::Error::other)? {
            match result {
                Ok(got) => *soak.got.entry((name, got)).or_default() += 1,
                Err(message) => soak.wrong.push(message),
            }
        }
    }
    soak.growth = watch.quantities();
    soak.wrong.extend(soak.growth.iter().filter_map(growth::Quantity::grew));
    if let Err(message) = before.nothing_left(daemons).await {
        soak.wrong.push(message);
    }
    Ok(soak)
}

type Results = Vec<(&'static str, Result<Got, String>)>;

async fn send(
    from: Ipv4Addr,
    url: Uri,
    languages: Vec<String>,
    mut random: SeededRandom,
    until: Instant,
) -> Results {
    let mut results = Vec::new();
    while Instant::now() < until {
        let program = Program::any(&mut random, &languages, HOSTILE_ONE_IN);
        let answer = http::post_from(from, &url, &program.body, ANSWER_TIMEOUT).await;
        let got = program.judge(&answer, Allowed::default());
        if got != Ok(Got::Answer) {
            tokio::time::sleep(RETRY_PAUSE).await;
        }
        results.push((program.name, got));
    }
    results
}
