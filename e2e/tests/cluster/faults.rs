//! Kills every process of two servers, and NATS, while a submission is in each phase. Each server has a network of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use cluster::subjects::SubmissionKey;
use cluster::test_observer::{Observation, PHASES, Phase};
use e2e::cluster_nodes::{Cluster, ClusterSettings, Process};
use e2e::faults::random::SeededRandom;
use serde_json::Value;
use tokio::time::sleep;

use super::{DEADLINE, accept, id, in_new_network, program, result};

/// Rounds, of which the first five have each phase and each process.
const ROUNDS: u32 = 5;
/// Environment variable with another number of rounds.
const ROUNDS_VARIABLE: &str = "EXECUTOR_CLUSTER_ROUNDS";
/// Environment variable with a number that determines the order of faults.
const SEED_VARIABLE: &str = "EXECUTOR_CLUSTER_SEED";
/// Submissions of each round.
const PER_ROUND: u32 = 3;
/// Rounds after which all submissions of a round must have a result: no other fault may hit them five times.
const PATIENCE: u32 = 2;
/// Time in which a phase is observed. Messages are not observed while the observer connects again, which a busy host delays.
const OBSERVED_WITHIN: Duration = Duration::from_secs(30);
/// Longest time for which a process is away.
const AWAY: Duration = Duration::from_millis(400);

/// Process that is killed. `None` is NATS.
type Victim = Option<Process>;

const VICTIMS: [Victim; 4] = [Some(Process::Noded), Some(Process::Executord), Some(Process::Webd), None];

/// The key of a submission without an API key.
pub(super) fn key(number: u32) -> SubmissionKey {
    SubmissionKey::new("anonymous", id(number).parse().unwrap())
}

#[test]
fn no_accepted_submission_is_lost() {
    let number = |name| std::env::var(name).ok().map(|text: String| text.parse::<u32>().unwrap());
    let (rounds, seed) = (number(ROUNDS_VARIABLE).unwrap_or(ROUNDS), number(SEED_VARIABLE));
    in_new_network(kill_in_phases(rounds, seed.map(u64::from)));
}

/// Returns each process with each phase. The numbers of both have no common divisor, so this order has all of them.
fn faults(seed: Option<u64>) -> Vec<(Victim, Phase)> {
    let number = VICTIMS.len() * PHASES.len();
    let mut faults: Vec<_> =
        (0..number).map(|index| (VICTIMS[index % VICTIMS.len()], PHASES[index % PHASES.len()])).collect();
    if let Some(seed) = seed {
        let mut random = SeededRandom::new(seed);
        faults.sort_by_cached_key(|_| random.next_u64());
    }
    faults
}

async fn kill_in_phases(rounds: u32, seed: Option<u64>) {
    let settings = ClusterSettings { nodes: 2, slots: 2, has_networks: true, ..ClusterSettings::default() };
    let mut cluster = Cluster::with(settings).await.unwrap();
    let mut observer = cluster.observer().await.unwrap();
    observer.keep_all_messages().await.unwrap();
    let mut random = SeededRandom::new(seed.unwrap_or_default());
    let mut seen: BTreeMap<u32, Value> = BTreeMap::new();
    let mut missed = 0;
    for (round, (victim, phase)) in (0..rounds).zip(faults(seed).into_iter().cycle()) {
        observer.begin().await;
        let (front, first) = (random.below(2), round * PER_ROUND);
        let submitting = tokio::spawn(accept(cluster.url(front, &id(first)), numbered(first)));
        let deadline = tokio::time::Instant::now() + OBSERVED_WITHIN;
        let observed = observer.until(key(first), phase, deadline).await;
        if observed.is_none() {
            missed += 1;
            eprintln!(
                "round {round}: {phase:?} of {first} was not observed\n{}",
                state(&cluster, first).await
            );
            assert!(missed <= rounds / 20, "too many faults are in no certain phase");
        }
        fault(&mut cluster, victim, front, observed.as_ref(), random.time(AWAY)).await;
        submitting.await.unwrap();
        for number in first + 1..first + PER_ROUND {
            accept(cluster.url(1 - front, &id(number)), numbered(number)).await;
        }
        let complete = round.saturating_sub(PATIENCE) * PER_ROUND;
        for number in complete..complete + PER_ROUND {
            let result = finished(&cluster, number).await;
            if let Some(before) = seen.insert(number, result.clone()) {
                assert_eq!(result, before, "a result changed");
            }
        }
    }
    for number in 0..rounds * PER_ROUND {
        let result = finished(&cluster, number).await;
        assert_eq!(seen.get(&number).unwrap_or(&result), &result, "a result changed");
    }
    observer.begin().await;
    let results = observer.results().await.unwrap();
    let expected: BTreeSet<_> = (0..rounds * PER_ROUND).map(|number| key(number).to_string()).collect();
    assert_eq!(results.keys().cloned().collect::<BTreeSet<_>>(), expected);
    assert!(results.values().all(|count| *count == 1), "results that are stored twice: {results:?}");
    nothing_runs(&cluster).await;
}

/// Returns where a submission is, and what waits.
async fn state(cluster: &Cluster, number: u32) -> String {
    let submission = cluster.fetch(0, &id(number), "").await.map(|answer| answer.json);
    format!("{submission:?}\n{:?}\n{}", cluster.nats.command(&["status", "--json"]), cluster.logs())
}

fn numbered(number: u32) -> Value {
    program(&format!("import time\ntime.sleep(0.3)\nprint({number})"))
}

async fn finished(cluster: &Cluster, number: u32) -> Value {
    let result = result(cluster, 0, &id(number)).await;
    assert_eq!(result["status"], "finished", "{result}\n{}", cluster.logs());
    assert_eq!(result["result"]["output"], format!("{number}\n"));
    result
}

/// Kills a process that has to do with the observed submission, and starts it again after a time.
async fn fault(
    cluster: &mut Cluster,
    victim: Victim,
    front: usize,
    observed: Option<&Observation>,
    away: Duration,
) {
    let Some(process) = victim else {
        cluster.nats.servers[0].kill().unwrap();
        sleep(away).await;
        return cluster.nats.servers[0].restart().unwrap();
    };
    let of_node = observed.and_then(|observed| observed.node.as_ref()?.rsplit('-').next()?.parse().ok());
    let number = if process == Process::Webd { front } else { of_node.unwrap_or(front) };
    cluster.nodes[number].kill(process).unwrap();
    sleep(away).await;
    cluster.nodes[number].restart(process).await.unwrap();
}

/// Waits until no node runs a program.
pub(super) async fn nothing_runs(cluster: &Cluster) {
    for node in &cluster.nodes {
        let started = Instant::now();
        while node.daemons.status().await.running > 0 {
            assert!(started.elapsed() < DEADLINE, "something is left");
            sleep(Duration::from_millis(50)).await;
        }
    }
}

#[test]
fn every_process_is_killed_in_every_phase() {
    for seed in [None, Some(1), Some(2)] {
        let all: BTreeSet<_> = faults(seed).iter().map(|fault| format!("{fault:?}")).collect();
        assert_eq!(all.len(), VICTIMS.len() * PHASES.len());
    }
    assert_ne!(faults(Some(1)), faults(Some(2)));
    let victims: BTreeSet<_> = faults(None).iter().take(5).map(|(victim, _)| format!("{victim:?}")).collect();
    assert_eq!(victims.len(), VICTIMS.len(), "the short form kills each process");
}
