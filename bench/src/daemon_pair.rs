//! executord and webd in a cgroup, and clients of webd.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::rc::Rc;
use std::sync::Barrier;
use std::thread::sleep;
use std::time::{Duration, Instant};

use protocol::WarmCount;
use tokio::runtime::Runtime;

use crate::client::Client;
use crate::groups::Group;
use crate::programs::NOTHING;
use e2e::daemons::{Daemons, Settings};

/// A cgroup is idle if it has used no CPU for the first time; the second one is the time limit for that.
const IDLE_AFTER: Duration = Duration::from_millis(8);
const IDLE_WITHIN: Duration = Duration::from_secs(5);
const POLL_INTERVAL: Duration = Duration::from_millis(1);
/// More than the number of queued requests.
const QUEUE: u32 = 4096;

/// executord and webd in a cgroup.
#[derive(Debug)]
pub struct DaemonPair {
    daemons: Daemons,
    pub(crate) client: Client,
    /// Their cgroup.
    pub group: Group,
    runtime: Rc<Runtime>,
}

impl DaemonPair {
    /// Starts both in a cgroup, with one slot per core and the default number of executions.
    ///
    /// # Errors
    /// If they do not start.
    pub fn start(
        runtime: &Rc<Runtime>,
        group: Group,
        nothing: &Path,
        settings: Settings,
    ) -> io::Result<Self> {
        let slots = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let settings = Settings {
            slots: u32::try_from(slots).unwrap_or(u32::MAX),
            max_executions: Some(0),
            prewarms_all: false,
            queue: QUEUE,
            languages: vec![(NOTHING, include_str!("../programs/nothing.toml").to_owned())],
            launchers: vec![(NOTHING, nothing.to_owned())],
            host: Some(group.enter()),
            ..settings
        };
        let daemons = runtime.block_on(Daemons::start(&settings))?;
        group.take(daemons.webd_pid())?;
        let client = Client::new(address(&daemons));
        Ok(Self { daemons, client, group, runtime: Rc::clone(runtime) })
    }

    /// Returns the address of webd.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        address(&self.daemons)
    }

    /// Waits until everything is idle and a sandbox for the language is pre-warmed.
    pub fn wait_until_ready(&self, language: &str) {
        let give_up = Instant::now() + IDLE_WITHIN;
        wait_until_idle(&self.group);
        while !self.warm_counts().iter().all(|one| one.language != language || one.ready > 0)
            && Instant::now() < give_up
        {
            sleep(IDLE_AFTER);
            wait_until_idle(&self.group);
        }
    }

    /// Returns the pool counts.
    #[must_use]
    pub fn warm_counts(&self) -> Vec<WarmCount> {
        self.runtime.block_on(self.daemons.try_status()).map_or(Vec::new(), |status| status.warm)
    }

    /// Returns the daemons.
    #[must_use]
    pub const fn daemons(&self) -> &Daemons {
        &self.daemons
    }

    /// Executes a program once, after everything is idle.
    ///
    /// # Errors
    /// If there is no response.
    pub fn execute(&mut self, language: &str, body: &str) -> io::Result<Duration> {
        self.wait_until_ready(language);
        Ok(self.client.execute(body)?.0)
    }
}

fn address(daemons: &Daemons) -> SocketAddr {
    let url = daemons.url("/");
    let authority = url.authority().map_or("", |authority| authority.as_str());
    authority.parse().expect("daemons listen at an address")
}

/// Runs `concurrency` clients, each with its own connection, for `duration`.
///
/// # Errors
/// If a request is rejected.
pub fn run_clients(
    server: SocketAddr,
    body: &str,
    concurrency: usize,
    duration: Duration,
) -> io::Result<Vec<Duration>> {
    let until = Instant::now() + duration;
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..concurrency)
            .map(|_| {
                scope.spawn(move || -> io::Result<Vec<Duration>> {
                    let mut client = Client::new(server);
                    let mut times = Vec::new();
                    while Instant::now() < until {
                        times.push(client.execute(body)?.0);
                    }
                    Ok(times)
                })
            })
            .collect();
        let mut all = Vec::new();
        for client in clients {
            all.extend(client.join().map_err(|_| io::Error::other("a client panicked"))??);
        }
        Ok(all)
    })
}

/// Sends a request from `count` clients at the same time, each with an address of its own, and returns the duration of each
/// execution.
///
/// # Errors
/// If a request is rejected.
pub fn ask_at_once(server: SocketAddr, body: &str, count: u8) -> io::Result<Vec<Duration>> {
    let barrier = &Barrier::new(count.into());
    std::thread::scope(|scope| {
        let clients: Vec<_> = (1..=count)
            .map(|number| {
                scope.spawn(move || -> io::Result<Duration> {
                    let mut client = Client::at(server, Ipv4Addr::new(127, 0, 5, number));
                    barrier.wait();
                    let begun = Instant::now();
                    let (_, answer) = client.execute(body)?;
                    let took = begun.elapsed();
                    match answer["output"].as_str() {
                        Some(output) if !output.is_empty() => Ok(took),
                        _ => Err(io::Error::other(format!("the program was not executed: {answer}"))),
                    }
                })
            })
            .collect();
        clients
            .into_iter()
            .map(|client| client.join().map_err(|_| io::Error::other("a client panicked"))?)
            .collect()
    })
}

/// Waits until a cgroup uses no CPU: the cleanup and the pre-warming have finished.
pub fn wait_until_idle(group: &Group) {
    let give_up = Instant::now() + IDLE_WITHIN;
    let (mut used, mut since) = (group.cpu(), Instant::now());
    while since.elapsed() < IDLE_AFTER && Instant::now() < give_up {
        sleep(POLL_INTERVAL);
        let now = group.cpu();
        if now != used {
            (used, since) = (now, Instant::now());
        }
    }
}
