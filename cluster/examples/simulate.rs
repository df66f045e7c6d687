//! A discrete-event simulation of a pool: `cargo run --release -p cluster --example simulate [NODES]`. Nodes choose work with
//! the code that noded uses ([`BucketOrder`]).
//!
//! Assumptions: submissions arrive as a Poisson process, from tenants whose sizes follow Zipf's law; run times are
//! log-normal with a mean of 2 s; each node has 3 slots for submissions; to look at a bucket takes 0.2 ms, and an
//! announcement of new work 0.5 ms; NATS is never the bottleneck, and nothing fails. In the second part one tenant has 1,000 submissions
//! waiting at every time, as many as it may have.

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "it prints its results")]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "statistics of a simulation"
)]

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use cluster::buckets::BucketOrder;
use cluster::subjects::{BUCKETS, Digest};

const SLOTS: u32 = 3;
const MEAN_RUN: f64 = 2.0;
/// Standard deviation of the logarithm of run times: the longest of a hundred is about ten times the median.
const SIGMA: f64 = 1.0;
const LOOK: f64 = 0.0002;
const WAKE: f64 = 0.0005;
const TENANTS: usize = 2000;
const SUBMISSIONS: usize = 200_000;
/// Submissions of the flooding tenant that wait at one time: the limit of a subject.
const FLOOD: usize = 1000;
const FLOOD_TENANT: usize = TENANTS;

#[derive(Clone, Copy)]
struct Submission {
    tenant: usize,
    created: f64,
}

enum Event {
    Arrival,
    /// A node hears of work.
    Woken(usize),
    /// A submission ends on a node.
    End(usize),
}

struct Node {
    free: u32,
    order: BucketOrder,
}

struct Simulation {
    random: Random,
    now: f64,
    events: BinaryHeap<(Reverse<u64>, u64)>,
    pending: Vec<Option<Event>>,
    nodes: Vec<Node>,
    /// Nodes with a free slot, in no order, and where each is among them.
    idle: Vec<usize>,
    place: Vec<Option<usize>>,
    waiting: Vec<VecDeque<Submission>>,
    buckets: Vec<u8>,
    cumulative: Vec<f64>,
    rate: f64,
    arrivals: usize,
    has_flood: bool,
    waits: Vec<(usize, f64)>,
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        // xorshift64* (Vigna, 2016).
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.next()).ln()
    }

    fn log_normal(&mut self, mean: f64) -> f64 {
        let normal = (-2.0 * (1.0 - self.next()).ln()).sqrt() * (std::f64::consts::TAU * self.next()).cos();
        mean * (SIGMA * normal - SIGMA * SIGMA / 2.0).exp()
    }

    fn below(&mut self, bound: usize) -> usize {
        ((self.next() * bound as f64) as usize).min(bound - 1)
    }
}

impl Simulation {
    fn new(nodes: usize, load: f64, has_flood: bool) -> Self {
        let capacity = nodes as f64 * f64::from(SLOTS) / MEAN_RUN;
        let mut cumulative: Vec<f64> = Vec::new();
        for rank in 1..=TENANTS {
            cumulative.push(cumulative.last().unwrap_or(&0.0) + 1.0 / rank as f64);
        }
        let node = |number: usize| Node {
            free: SLOTS,
            order: BucketOrder::starting_with(Digest::of(&format!("node-{number}")).bucket()),
        };
        Self {
            random: Random(0x9e37_79b9_7f4a_7c15),
            now: 0.0,
            events: BinaryHeap::new(),
            pending: Vec::new(),
            nodes: (0..nodes).map(node).collect(),
            idle: (0..nodes).collect(),
            place: (0..nodes).map(Some).collect(),
            waiting: vec![VecDeque::new(); usize::from(BUCKETS)],
            buckets: (0..=TENANTS).map(|tenant| Digest::of(&format!("tenant {tenant}")).bucket()).collect(),
            cumulative,
            rate: capacity * load,
            arrivals: 0,
            has_flood,
            waits: Vec::new(),
        }
    }

    fn at(&mut self, time: f64, event: Event) {
        // Times are positive, so their bits are ordered as they are.
        self.events.push((Reverse(time.to_bits()), self.pending.len() as u64));
        self.pending.push(Some(event));
    }

    fn run(mut self) -> Vec<(usize, f64, u8)> {
        if self.has_flood {
            (0..FLOOD).for_each(|_| self.submit(FLOOD_TENANT));
        }
        self.at(0.0, Event::Arrival);
        while let Some((Reverse(time), index)) = self.events.pop() {
            self.now = f64::from_bits(time);
            match self.pending[index as usize].take() {
                Some(Event::Arrival) => self.arrive(),
                Some(Event::Woken(node)) => self.look(node),
                Some(Event::End(node)) => {
                    self.nodes[node].free += 1;
                    self.look(node);
                }
                None => {}
            }
            if self.arrivals >= SUBMISSIONS {
                break;
            }
        }
        let buckets = self.buckets;
        self.waits.into_iter().map(|(tenant, wait)| (tenant, wait, buckets[tenant])).collect()
    }

    fn arrive(&mut self) {
        self.arrivals += 1;
        let chosen = self.random.next() * self.cumulative[TENANTS - 1];
        let tenant = self.cumulative.partition_point(|sum| *sum < chosen).min(TENANTS - 1);
        self.submit(tenant);
        let next = self.random.exponential(1.0 / self.rate);
        self.at(self.now + next, Event::Arrival);
    }

    fn submit(&mut self, tenant: usize) {
        let bucket = usize::from(self.buckets[tenant]);
        self.waiting[bucket].push_back(Submission { tenant, created: self.now });
        if !self.idle.is_empty() {
            let node = self.idle[self.random.below(self.idle.len())];
            self.at(self.now + WAKE, Event::Woken(node));
        }
    }

    /// Takes work while the node has a free slot, as noded does.
    fn look(&mut self, node: usize) {
        let mut spent = 0.0;
        while self.nodes[node].free > 0 {
            let mut looked = 0;
            let found = self.nodes[node].order.buckets().find(|bucket| {
                looked += 1;
                !self.waiting[usize::from(*bucket)].is_empty()
            });
            spent += f64::from(looked) * LOOK;
            let Some(bucket) = found else { break };
            self.nodes[node].order.took(bucket);
            if let Some(submission) = self.waiting[usize::from(bucket)].pop_front() {
                self.nodes[node].free -= 1;
                self.waits.push((submission.tenant, self.now + spent - submission.created));
                let run = self.random.log_normal(MEAN_RUN);
                self.at(self.now + spent + run, Event::End(node));
                if submission.tenant == FLOOD_TENANT {
                    self.submit(FLOOD_TENANT);
                }
            }
        }
        self.set_idle(node, self.nodes[node].free > 0);
    }

    fn set_idle(&mut self, node: usize, is_idle: bool) {
        match (self.place[node], is_idle) {
            (None, true) => {
                self.place[node] = Some(self.idle.len());
                self.idle.push(node);
            }
            (Some(place), false) => {
                self.idle.swap_remove(place);
                if let Some(moved) = self.idle.get(place) {
                    self.place[*moved] = Some(place);
                }
                self.place[node] = None;
            }
            _ => {}
        }
    }
}

/// Returns the median, the 99th percentile and the maximum, in seconds.
fn percentiles(mut waits: Vec<f64>) -> (f64, f64, f64) {
    waits.sort_by(f64::total_cmp);
    let at = |part: f64| waits.get(((waits.len() as f64 - 1.0) * part) as usize).copied().unwrap_or(0.0);
    (at(0.5), at(0.99), at(1.0))
}

fn main() {
    let nodes = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1000);
    println!(
        "{nodes} nodes with {SLOTS} slots, {SUBMISSIONS} submissions, mean run {MEAN_RUN} s; waits in ms"
    );
    println!("load  median      p99      max");
    for load in [0.5, 0.6, 0.7, 0.8, 0.9, 0.95] {
        let waits = Simulation::new(nodes, load, false).run();
        let (median, p99, max) = percentiles(waits.iter().map(|(_, wait, _)| *wait).collect());
        println!("{:3.0}%  {:6.1}  {:7.1}  {:7.1}", load * 100.0, median * 1e3, p99 * 1e3, max * 1e3);
    }
    println!("with one tenant that always has {FLOOD} waiting:");
    println!("load  others: median      p99   in its bucket: median      p99   its share of all starts");
    for load in [0.5, 0.6, 0.7, 0.8, 0.9, 0.95] {
        let waits = Simulation::new(nodes, load, true).run();
        let bucket = waits.iter().find(|(tenant, ..)| *tenant == FLOOD_TENANT).map(|(.., bucket)| *bucket);
        let of = |shares: bool| {
            let others = waits
                .iter()
                .filter(|(tenant, _, own)| *tenant != FLOOD_TENANT && (Some(*own) == bucket) == shares);
            percentiles(others.map(|(_, wait, _)| *wait).collect())
        };
        let (apart, beside) = (of(false), of(true));
        let flood = waits.iter().filter(|(tenant, ..)| *tenant == FLOOD_TENANT).count();
        println!(
            "{:3.0}%  {:14.1}  {:7.1}  {:21.1}  {:7.1}   {:.0}%",
            load * 100.0,
            apart.0 * 1e3,
            apart.1 * 1e3,
            beside.0 * 1e3,
            beside.1 * 1e3,
            flood as f64 * 100.0 / waits.len() as f64
        );
    }
}
