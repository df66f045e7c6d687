//! Kills every process of two servers, and NATS, while a submission is in each phase. Each server has a network of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use cluster::subjects::SubmissionKey;
use cluster::test_observer::{Observation, PHASES, Phase};
use e2e::cluster_nodes::{Cluster, Process};
use e2e::faults::random::SeededRandom;
use serde_json::Value;
use tokio::time::sleep;

use super::{
    DEADLINE, accept, each_has_one_result, id, in_new_network, program, result, two_nodes_with_networks,
};

/// Rounds, of which the first five have each phase and each process.
const ROUNDS: u32 = 5;
/// Environment variable with another number of rounds.
const ROUNDS_VARIABLE: &str = "EXECUTOR_CLUSTER_ROUNDS";
/// Environment variable with a number that determines the order of faults.
const SEED_VARIABLE: &str = "EXECUTOR_CLUSTER_SEED";
/// Submissions of each round.
const PER_ROUND: u32 = 3;
/// Rounds after which all submissions of a round must have a result: no other fault may hit them.
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
    let rounds = number(ROUNDS_VARIABLE).unwrap_or(ROUNDS);
    // The short form always has the same order, and the long one another one each time.
    let seed = number(SEED_VARIABLE).or_else(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        (rounds > ROUNDS).then_some(since.subsec_nanos())
    });
    println!("{rounds} rounds, {SEED_VARIABLE}: {seed:?}");
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

#[expect(clippy::print_stdout, reason = "shown if the test fails")]
async fn kill_in_phases(rounds: u32, seed: Option<u64>) {
    let (mut cluster, mut observer) = two_nodes_with_networks().await;
    let mut random = SeededRandom::new(seed.unwrap_or_default());
    let mut seen: BTreeMap<u32, Value> = BTreeMap::new();
    for (round, (victim, phase)) in (0..rounds).zip(faults(seed).into_iter().cycle()) {
        observer.begin(Some(phase)).await;
        let (front, first) = (random.below(2), round * PER_ROUND);
        let submitting = tokio::spawn(accept(cluster.url(front, &id(first)), numbered(first)));
        let deadline = tokio::time::Instant::now() + OBSERVED_WITHIN;
        let began = Instant::now();
        let observed = observer.until(key(first), phase, deadline).await;
        println!(
            "round {round}: {victim:?} (None is NATS) ends when {first}, submitted to {front}, is {phase:?}; {observed:?} after {:?}",
            began.elapsed()
        );
        // Whatever was killed before, this is far more time than it takes.
        let Some(observed) = observed else {
            panic!("{phase:?} of {first} was not observed\n{}", cluster.diagnosis(&id(first)).await)
        };
        fault(&mut cluster, victim, front, &observed, random.time(AWAY)).await;
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
    each_has_one_result(&cluster, &mut observer, 0..rounds * PER_ROUND).await;
    let logs: String = cluster.nodes.iter().map(|node| node.daemons.logs()).collect();
    let repaired: Vec<_> = logs.lines().filter(|line| line.contains("cluster::repair")).collect();
    println!("{rounds} rounds with seed {seed:?}; repaired: {repaired:#?}");
}

fn numbered(number: u32) -> Value {
    program(&format!("import time\ntime.sleep(0.3)\nprint({number})"))
}

async fn finished(cluster: &Cluster, number: u32) -> Value {
    let result = result(cluster, 0, &id(number)).await;
    let is_finished = result["status"] == "finished";
    assert!(is_finished, "{result}\n{}", cluster.diagnosis(&id(number)).await);
    assert_eq!(result["result"]["output"], format!("{number}\n"));
    result
}

/// Kills a process that has to do with the observed submission, and starts it again after a time.
async fn fault(cluster: &mut Cluster, victim: Victim, front: usize, observed: &Observation, away: Duration) {
    let Some(process) = victim else {
        cluster.nats.servers[0].kill().unwrap();
        sleep(away).await;
        return cluster.nats.servers[0].restart().unwrap();
    };
    let of_node = observed.node.as_ref().and_then(|node| node.rsplit('-').next()?.parse().ok());
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
