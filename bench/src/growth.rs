//! Growth of latency and memory with the number of pre-warmed sandboxes, queued requests, and bytes of source and output.

use std::io;
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::json;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::daemon_pair::{DaemonPair, wait_until_idle};
use crate::programs::{Language, Program};
use crate::rounds::{self, RoundLimits};
use crate::statistics::{Times, mib};
use crate::testbed::Testbed;
use crate::variant::Variant;
use e2e::daemons::Settings;
use e2e::http;

/// Numbers of pre-warmed sandboxes.
const POOLS: [u32; 6] = [0, 1, 2, 4, 8, 16];
/// Numbers of queued requests.
const QUEUED: [u32; 3] = [0, 100, 1000];
/// Bytes of source and of output.
const SIZES: [usize; 4] = [1 << 10, 16 << 10, 256 << 10, 1 << 20];
/// Bytes for the rest of the program.
const SLACK: usize = 256;
/// Time limit of a queued execution.
const DEADLINE: Duration = Duration::from_secs(300);
/// Time until a flood is complete, and pause of a rejected client.
const SETTLES: Duration = Duration::from_secs(1);
/// Addresses of the clients of a flood, and of the client that is timed next to them.
pub(super) const FLOOD_ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 0, 3, 1);
pub(super) const SINGLE_CLIENT_ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 0, 3, 2);

/// A point of a curve.
#[derive(Clone, Debug, Serialize)]
pub struct Point {
    /// Quantity that grows.
    pub what: &'static str,
    /// Its value.
    pub size: u64,
    /// Name of the variant.
    pub variant: &'static str,
    /// Time that a client waited.
    pub times: Times,
    /// Memory peak in MiB; for pre-warmed sandboxes, the memory while idle.
    pub memory: Option<f64>,
}

/// Measures growth with the bytes of source and output.
///
/// # Errors
/// A message, if an execution fails.
pub fn sizes(testbed: &mut Testbed, round_limits: RoundLimits) -> io::Result<Vec<Point>> {
    let mut points = Vec::new();
    for size in SIZES {
        let comment = "#".repeat(79) + "\n";
        let source = comment.repeat(size / comment.len()) + "print(\"hello world\")\n";
        let writes = format!("print(\"x\" * {})\n", size - SLACK);
        for (what, text) in [("bytes of source", source), ("bytes of output", writes)] {
            let program = python(what, text)?;
            let ready = testbed.prepare(program, 1)?;
            for row in rounds::measure(
                testbed,
                &ready,
                &[Variant::Bare, Variant::Warm, Variant::Cold],
                round_limits,
            )? {
                points.push(Point {
                    what,
                    size: size as u64,
                    variant: row.variant,
                    times: row.times,
                    memory: row.peak,
                });
            }
        }
    }
    Ok(points)
}

/// Returns hello world with another source.
pub(super) fn python(name: &str, text: String) -> io::Result<Program> {
    let mut programs = Language::Python.programs()?.into_iter();
    let mut program = programs.find(|program| program.name == "hello").ok_or(io::ErrorKind::NotFound)?;
    program.name = name.replace(' ', "-");
    program.files[0].1 = text;
    Ok(program)
}

/// Measures growth with the number of pre-warmed sandboxes of all languages.
///
/// # Errors
/// A message, if an execution fails.
pub fn pools(runtime: &Rc<Runtime>, testbed: &Testbed, round_limits: RoundLimits) -> io::Result<Vec<Point>> {
    let mut points = Vec::new();
    let body = python("pool", "print(\"hello world\")\n".to_owned())?.body().to_string();
    for max in POOLS {
        let group = testbed.group(&format!("pool-{max}"))?;
        let settings = Settings { pool: max > 0, pool_max: Some(max), ..Settings::default() };
        let mut pair = DaemonPair::start(runtime, group, &testbed.nothing(), settings)?;
        let begun = Instant::now();
        let mut times = Vec::new();
        for round in 0..round_limits.at_most {
            if round >= round_limits.at_least && begun.elapsed() >= round_limits.duration {
                break;
            }
            times.push(pair.execute(Language::Python.name(), &body)?);
        }
        wait_until_idle(&pair.group);
        let Some(times) = Times::of(&times[1..]) else { continue };
        let memory = pair.group.memory().map(mib);
        points.push(Point { what: "pool", size: max.into(), variant: Variant::Warm.name(), times, memory });
    }
    Ok(points)
}

/// Measures growth with the number of queued requests: the latency of another client, and the memory.
///
/// # Errors
/// A message, if an execution fails.
pub fn queues(runtime: &Rc<Runtime>, testbed: &Testbed, newcomers: u32) -> io::Result<Vec<Point>> {
    let mut points = Vec::new();
    for queued in QUEUED {
        let group = testbed.group(&format!("queue-{queued}"))?;
        let pair = DaemonPair::start(
            runtime,
            group,
            &testbed.nothing(),
            Settings {
                pool: true,
                // The crowd is one client with a connection for each request.
                webd: format!("max_connections_per_client = {}\n", queued.max(1)),
                ..Settings::default()
            },
        )?;
        wait_until_idle(&pair.group);
        pair.group.forget_peak();
        let url = pair.daemons().url("/api/execute");
        let times = runtime.block_on(async {
            // Each client repeats its request, so that the queue length is constant.
            let hello = json!({ "language": "python", "code": "print(\"hello world\")" });
            let mut crowd = JoinSet::new();
            for _ in 0..queued {
                let (url, hello) = (url.clone(), hello.clone());
                crowd.spawn(async move {
                    loop {
                        if http::post_from(FLOOD_ADDRESS, &url, &hello, DEADLINE).await.is_err() {
                            tokio::time::sleep(SETTLES).await;
                        }
                    }
                });
            }
            tokio::time::sleep(SETTLES).await;
            let mut times = Vec::new();
            for _ in 0..newcomers {
                let begun = Instant::now();
                let answer = http::post_from(SINGLE_CLIENT_ADDRESS, &url, &hello, DEADLINE).await;
                let answer = answer.map_err(io::Error::other)?;
                if answer.json["output"] != "hello world\n" {
                    return Err(io::Error::other(format!("with {queued} that wait: {}", answer.json)));
                }
                times.push(begun.elapsed());
            }
            crowd.shutdown().await;
            Ok::<_, io::Error>(times)
        })?;
        let memory = pair.group.peak().map(mib);
        let Some(times) = Times::of(&times) else { continue };
        points.push(Point { what: "queued", size: queued.into(), variant: "a newcomer", times, memory });
    }
    Ok(points)
}
