//! Throughput with more clients than the optimum, and latency of a client next to one that floods the server.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, ScopedJoinHandle, sleep};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::client::Client;
use crate::daemon_pair::{DaemonPair, run_clients};
use crate::growth::{FLOOD_ADDRESS, SINGLE_CLIENT_ADDRESS, python};
use crate::programs::Language;
use crate::statistics::{Times, mib};
use crate::testbed::Testbed;
use e2e::inventory::resident_bytes;

/// Number of clients. Half of them share one address; each of the others has its own.
const FLOOD: u8 = 32;
/// Numbers of clients for the best throughput, and the time for which each is measured immediately before.
const PEAK_CLIENTS: [usize; 2] = [8, 16];
const PEAK_LASTS: Duration = Duration::from_secs(5);
/// Part of the time in which one client is measured, alone and next to the flood.
const PART: u32 = 4;
/// Time until a flood is complete.
const SETTLES: Duration = Duration::from_secs(1);
/// Interval between memory samples.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// Result.
#[derive(Clone, Debug, Serialize)]
pub struct Sustained {
    /// Number of clients.
    pub clients: usize,
    /// Time from the first request to the last response.
    pub seconds: f64,
    /// Executions per second.
    pub per_second: f64,
    /// Best throughput immediately before, with fewer clients.
    pub best: f64,
    /// Ratio to that.
    pub ratio: f64,
    /// Number of 429 responses, after which the client retried.
    pub busy: usize,
    /// Resident memory of executord.
    pub executord: ResidentMemory,
    /// Resident memory of webd.
    pub webd: ResidentMemory,
    /// Waiting times by kind of client.
    pub waits: Vec<Wait>,
}

/// Mean resident memory of a process in MiB.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ResidentMemory {
    /// In the first quarter.
    pub first: Option<f64>,
    /// In the last quarter.
    pub last: Option<f64>,
}

/// Waiting times of one kind of client.
#[derive(Clone, Debug, Serialize)]
pub struct Wait {
    /// Kind of client.
    pub kind: &'static str,
    /// Number of clients.
    pub clients: usize,
    /// Time from the first attempt of a request to its response, including retries.
    pub times: Times,
    /// Ratio of the median to that of a single client.
    pub ratio: f64,
    /// The same ratio for the 99th percentile.
    pub ratio_p99: f64,
}

/// Measures the warm daemons for `duration`, immediately after a measurement with fewer clients.
///
/// # Errors
/// A message, if an execution fails.
pub fn measure(testbed: &mut Testbed, duration: Duration) -> io::Result<Sustained> {
    let program = python("hello", "print(\"hello world\")\n".to_owned())?;
    let pair = testbed.warm();
    let (server, body) = (pair.address(), program.body().to_string());
    let rest = || pair.wait_until_ready(Language::Python.name());

    rest();
    let alone = ask(server, &body, &[SINGLE_CLIENT_ADDRESS], duration / PART)?;
    rest();
    let beside = thread::scope(|scope| {
        let flood = scope.spawn(|| ask(server, &body, &flood(), duration / PART + SETTLES));
        sleep(SETTLES);
        let beside = ask(server, &body, &[SINGLE_CLIENT_ADDRESS], duration / PART);
        join(flood)?;
        beside
    })?;
    let best = peak(pair, &body)?;
    rest();
    let begun = Instant::now();
    let (all, [executord, webd]) = watched(pair, duration, || {
        // Each in a network of its own, because networks take turns before their clients do.
        let each = (1..=FLOOD).map(|number| Ipv4Addr::new(127, number, 4, 1));
        ask(server, &body, &flood().into_iter().chain(each).collect::<Vec<_>>(), duration)
    })?;
    let took = begun.elapsed();

    let per_second = rate(times(&all).len(), took);
    let (crowd, others): (Vec<_>, Vec<_>) =
        all.iter().cloned().partition(|result| result.from == FLOOD_ADDRESS);
    let mut waits: Vec<Wait> = Vec::new();
    for (kind, result) in [
        ("one, alone", &alone),
        ("one, next to the flood", &beside),
        ("all", &all),
        ("clients with one address", &crowd),
        ("clients with their own", &others),
    ] {
        let Some(times) = Times::of(&times(result)) else { continue };
        let base = waits.first().map_or(times, |wait| wait.times);
        let (ratio, ratio_p99) = (times.p50 / base.p50, times.p99 / base.p99);
        waits.push(Wait { kind, clients: result.len(), times, ratio, ratio_p99 });
    }
    Ok(Sustained {
        clients: all.len(),
        seconds: took.as_secs_f64(),
        per_second,
        best,
        ratio: per_second / best,
        busy: all.iter().map(|result| result.busy).sum(),
        executord,
        webd,
        waits,
    })
}

fn peak(pair: &DaemonPair, body: &str) -> io::Result<f64> {
    let mut best: f64 = 0.0;
    for clients in PEAK_CLIENTS {
        pair.wait_until_ready(Language::Python.name());
        let begun = Instant::now();
        let times = run_clients(pair.address(), body, clients, PEAK_LASTS)?;
        best = best.max(rate(times.len(), begun.elapsed()));
    }
    Ok(best)
}

/// Returns executions per second.
fn rate(executions: usize, took: Duration) -> f64 {
    f64::from(u32::try_from(executions).unwrap_or(u32::MAX)) / took.as_secs_f64()
}

fn flood() -> Vec<Ipv4Addr> {
    vec![FLOOD_ADDRESS; FLOOD.into()]
}

/// Responses to one client.
#[derive(Clone, Debug)]
struct ClientResult {
    from: Ipv4Addr,
    times: Vec<Duration>,
    busy: usize,
}

fn times(all: &[ClientResult]) -> Vec<Duration> {
    all.iter().flat_map(|result| result.times.iter().copied()).collect()
}

/// Runs one client per address, each of which repeats its request until the end of `duration`.
fn ask(
    server: SocketAddr,
    body: &str,
    from: &[Ipv4Addr],
    duration: Duration,
) -> io::Result<Vec<ClientResult>> {
    let until = Instant::now() + duration;
    thread::scope(|scope| {
        let start = |&from| scope.spawn(move || ask_from(server, body, from, until));
        let clients: Vec<_> = from.iter().map(start).collect();
        clients.into_iter().map(join).collect()
    })
}

fn ask_from(server: SocketAddr, body: &str, from: Ipv4Addr, until: Instant) -> io::Result<ClientResult> {
    let mut client = Client::at(server, from);
    let mut result = ClientResult { from, times: Vec::new(), busy: 0 };
    while Instant::now() < until {
        let begun = Instant::now();
        let answer = loop {
            let answer = client.ask(body)?;
            let Some(pause) = answer.retry_after.filter(|_| answer.status == 429) else { break answer };
            result.busy += 1;
            sleep(pause);
        };
        let took = begun.elapsed();
        let json = answer.json()?;
        if json["output"] != "hello world\n" {
            return Err(io::Error::other(format!("the program was not executed: {json}")));
        }
        result.times.push(took);
    }
    Ok(result)
}

/// Samples the memory of executord and webd during `work`, for at most `duration`.
fn watched<T>(
    pair: &DaemonPair,
    duration: Duration,
    work: impl FnOnce() -> io::Result<T>,
) -> io::Result<(T, [ResidentMemory; 2])> {
    let pids = [pair.daemons().executord_pid(), pair.daemons().webd_pid()];
    let (until, over) = (Instant::now() + duration, &AtomicBool::new(false));
    thread::scope(|scope| {
        let watch = scope.spawn(move || {
            let mut seen: [Vec<f64>; 2] = Default::default();
            while !over.load(Ordering::Relaxed) && Instant::now() < until {
                for (pid, seen) in pids.into_iter().zip(&mut seen) {
                    seen.push(mib(resident_bytes(pid)?));
                }
                sleep(POLL_INTERVAL);
            }
            Ok(seen)
        });
        let result = work();
        over.store(true, Ordering::Relaxed);
        let seen = join(watch)?;
        Ok((result?, seen.map(|seen| ResidentMemory::of(&seen))))
    })
}

impl ResidentMemory {
    fn of(seen: &[f64]) -> Self {
        let quarter = seen.len().div_ceil(4);
        Self { first: mean(&seen[..quarter]), last: mean(&seen[seen.len() - quarter..]) }
    }
}

fn mean(values: &[f64]) -> Option<f64> {
    let count = u32::try_from(values.len()).ok().filter(|&count| count > 0)?;
    Some(values.iter().sum::<f64>() / f64::from(count))
}

fn join<T>(client: ScopedJoinHandle<'_, io::Result<T>>) -> io::Result<T> {
    client.join().map_err(|_| io::Error::other("a client panicked"))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_and_last_quarter_are_averaged() {
        let check = |seen: &[f64], first, last| {
            let memory = ResidentMemory::of(seen);
            assert_eq!((memory.first, memory.last), (first, last), "{seen:?}");
        };
        check(&[], None, None);
        check(&[3.0], Some(3.0), Some(3.0));
        check(&[1.0, 3.0, 9.0, 9.0, 9.0, 9.0, 5.0, 7.0], Some(2.0), Some(6.0));
    }
}
