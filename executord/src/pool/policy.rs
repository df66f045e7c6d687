//! The policy of the pool: a pure function from a [`Snapshot`] to the next [`Action`]. docs/performance.md has the figures
//! behind it.

use std::time::{Duration, Instant};

use crate::plan::stage_spec::WarmUp;
use crate::pool::bucket_key::BucketKey;
use crate::pool::demand::Demand;
use crate::pool::wish::{Wish, share_room};

/// A pre-warmed sandbox is replaced at this age: files that its interpreter has loaded may have changed on the host.
const MAX_AGE: Duration = Duration::from_secs(600);
/// Time that it may serve after that, until its replacement is warm.
const REPLACEMENT_TIME: Duration = Duration::from_secs(60);
/// Misses in a row after which pre-warming of a bucket pauses: programs come before their sandbox is warm, and what
/// pre-warms it takes caches and memory bandwidth from them.
const MISSES_BEFORE_PAUSE: u32 = 2;
/// Time without executions that ends such a pause.
const QUIET_TIME: Duration = Duration::from_millis(20);
/// The longest pause: ages and demand change though nothing happens.
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// The state of the pool, from which the policy decides.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) now: Instant,
    pub(crate) activity: Activity,
    /// When an execution last released a slot.
    pub(crate) last_release: Option<Instant>,
    /// Whether a slot is free or can be created.
    pub(crate) has_slot: bool,
    /// Executions that can use the CPU at once.
    pub(crate) busy: usize,
    /// The most pre-warmed sandboxes of all buckets together.
    pub(crate) max_sandboxes: usize,
    /// Pre-warmed sandboxes of each usual bucket that has a warm command, even without demand.
    pub(crate) min_per_bucket: usize,
    /// The most memory of all pre-warmed sandboxes together, in bytes.
    pub(crate) max_memory: u64,
    /// The most memory of those of buckets at rest together, in bytes.
    pub(crate) max_memory_at_rest: u64,
    /// Sandboxes that are being pre-warmed, and are late. They count as those of the bucket with the most memory.
    pub(crate) stalled: usize,
    pub(crate) buckets: Vec<BucketSnapshot>,
}

/// The current load by executions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activity {
    /// None runs.
    Idle,
    /// Some run.
    Running,
    /// As many run as may, and others wait for them.
    Saturated,
}

/// A bucket in a [`Snapshot`].
#[derive(Debug)]
pub(crate) struct BucketSnapshot {
    pub(crate) key: BucketKey,
    /// Whether its sandboxes wait with an interpreter that is started already.
    pub(crate) has_warm_command: bool,
    /// Whether the interpreter can be warmed up less, to be ready sooner.
    pub(crate) has_quick_warm_up: bool,
    /// Whether it serves requests that do not choose a package set.
    pub(crate) is_usual: bool,
    pub(crate) demand: Demand,
    /// Time between the last requests, if there were two.
    pub(crate) interval: Option<Duration>,
    /// Time that a full warm-up takes, if there was one.
    pub(crate) full_time: Option<Duration>,
    /// From when on its sandboxes are at rest.
    pub(crate) rests_from: Instant,
    /// The youngest first.
    pub(crate) idle: Vec<IdleSandbox>,
    /// Memory of each of its sandboxes, in bytes.
    pub(crate) memory: u64,
    /// Nothing is pre-warmed before this time.
    pub(crate) retry_at: Option<Instant>,
    /// Requests in a row that found no sandbox.
    pub(crate) misses_in_a_row: u32,
    /// `None` if it has no zygotes, or each starts soon.
    pub(crate) slow_zygotes: Option<SlowZygotes>,
}

/// The zygotes of a bucket that take as long to start as a full warm-up. A sandbox is forked from one in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SlowZygotes {
    pub(crate) count: usize,
    /// Whether one is in a free slot.
    pub(crate) has_free: bool,
}

/// A pre-warmed sandbox in a [`Snapshot`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct IdleSandbox {
    /// The user id of its processes, which tells it from all others.
    pub(crate) uid: u32,
    pub(crate) created: Instant,
    pub(crate) warm_up: WarmUp,
}

/// The next step of the pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// End the pre-warmed sandboxes of these users.
    Evict(Vec<u32>),
    /// Pre-warm a sandbox.
    PreWarm(BucketKey, WarmUp),
    /// Wait for a change, but at most for this long.
    Pause(Duration),
}

/// Returns what the pool does next.
pub(crate) fn next(snapshot: &Snapshot) -> Action {
    let targets = targets(snapshot);
    let surplus = surplus(snapshot, &targets);
    if !surplus.is_empty() {
        return Action::Evict(surplus);
    }
    match most_missing(snapshot, &targets) {
        Some((key, warm_up)) => Action::PreWarm(key.clone(), warm_up),
        None => Action::Pause(time_until_quiet(snapshot).unwrap_or(MAX_PAUSE)),
    }
}

/// Returns the users of sandboxes that exceed their bucket's target or are too old. A sandbox that is only too old stays until
/// its replacement exists, if there is room for both.
fn surplus(snapshot: &Snapshot, targets: &[usize]) -> Vec<u32> {
    let is_full = snapshot.idle_count() >= snapshot.max_sandboxes;
    let max_age = if is_full { MAX_AGE } else { MAX_AGE + REPLACEMENT_TIME };
    let mut surplus = Vec::new();
    for (bucket, &target) in snapshot.buckets.iter().zip(targets) {
        let mut kept = 0;
        for sandbox in &bucket.idle {
            if kept < target && snapshot.age(sandbox) < max_age {
                kept += 1;
            } else {
                surplus.push(sandbox.uid);
            }
        }
    }
    surplus
}

/// Returns the bucket that is furthest below its target, and how its next sandbox is warmed up, if one may be pre-warmed now.
/// While others wait for the processors none may: pre-warming would take more processor time than it saves, and would finish
/// late.
fn most_missing<'a>(snapshot: &'a Snapshot, targets: &[usize]) -> Option<(&'a BucketKey, WarmUp)> {
    let has_room = snapshot.has_slot && snapshot.idle_count() + snapshot.stalled < snapshot.max_sandboxes;
    if snapshot.activity == Activity::Saturated || !has_room {
        return None;
    }
    let (is_quiet, memory) = (snapshot.is_quiet(), snapshot.idle_memory() + snapshot.stalled_memory());
    let (missing, bucket, warm_up) = snapshot
        .buckets
        .iter()
        .zip(targets)
        .filter(|(bucket, _)| bucket.retry_at.is_none_or(|at| at <= snapshot.now))
        .filter(|(bucket, _)| memory + bucket.memory <= snapshot.max_memory)
        .filter_map(|(bucket, &target)| {
            let warm_up = bucket.next_warm_up(is_quiet, snapshot.max_zygotes())?;
            Some((target.saturating_sub(snapshot.fresh_count(bucket, warm_up)), bucket, warm_up))
        })
        .max_by_key(|&(missing, ..)| missing)?;
    (missing > 0).then_some((&bucket.key, warm_up))
}

/// Returns the time until the host will have been quiet for [`QUIET_TIME`], if a bucket's pre-warming pauses until then, or
/// has sandboxes that are replaced then.
fn time_until_quiet(snapshot: &Snapshot) -> Option<Duration> {
    let pauses = |bucket: &BucketSnapshot| {
        (bucket.misses_in_a_row >= MISSES_BEFORE_PAUSE && bucket.idle.is_empty())
            || bucket.idle.iter().any(|sandbox| sandbox.warm_up == WarmUp::Quick)
    };
    let left = QUIET_TIME.checked_sub(snapshot.now.saturating_duration_since(snapshot.last_release?))?;
    (!left.is_zero() && snapshot.buckets.iter().any(pauses)).then_some(left)
}

/// Returns how many sandboxes each bucket should have.
fn targets(snapshot: &Snapshot) -> Vec<usize> {
    let language_of = |key: &BucketKey| {
        snapshot.buckets.iter().position(|bucket| bucket.key.language == key.language).unwrap_or_default()
    };
    let wishes =
        snapshot.buckets.iter().map(|bucket| bucket.wish(snapshot, language_of(&bucket.key))).collect();
    share_room(wishes, snapshot.max_sandboxes, snapshot.max_memory, snapshot.max_memory_at_rest)
}

impl Snapshot {
    fn age(&self, sandbox: &IdleSandbox) -> Duration {
        self.now.saturating_duration_since(sandbox.created)
    }

    /// Sandboxes of a bucket that need not be replaced by one that is warmed up as `warm_up`.
    fn fresh_count(&self, bucket: &BucketSnapshot, warm_up: WarmUp) -> usize {
        let is_enough = |sandbox: &&IdleSandbox| warm_up == WarmUp::Quick || sandbox.warm_up == WarmUp::Full;
        bucket.idle.iter().filter(is_enough).filter(|sandbox| self.age(sandbox) < MAX_AGE).count()
    }

    fn idle_count(&self) -> usize {
        self.buckets.iter().map(|bucket| bucket.idle.len()).sum()
    }

    fn idle_memory(&self) -> u64 {
        self.buckets.iter().map(|bucket| bucket.memory * bucket.idle.len() as u64).sum()
    }

    /// The most sandboxes of a bucket: half of the room.
    const fn max_of_bucket(&self) -> usize {
        self.max_sandboxes.div_ceil(2)
    }

    /// The most zygotes of a bucket that take long to start: one for each execution that compiles, and one for the next.
    fn max_zygotes(&self) -> usize {
        self.busy.max(2).min(self.max_of_bucket())
    }

    fn stalled_memory(&self) -> u64 {
        self.stalled as u64 * self.buckets.iter().map(|bucket| bucket.memory).max().unwrap_or(0)
    }

    /// Returns whether no program has run for [`QUIET_TIME`].
    fn is_quiet(&self) -> bool {
        self.activity == Activity::Idle
            && self.last_release.is_none_or(|at| self.now.saturating_duration_since(at) >= QUIET_TIME)
    }
}

impl BucketSnapshot {
    /// Returns how the next sandbox is warmed up, or `None` if none should be made now: it would not be ready in time. While a
    /// language is in use, it gets up to `max_zygotes` that take long to start: each of them pays off within a few forks.
    fn next_warm_up(&self, is_quiet: bool, max_zygotes: usize) -> Option<WarmUp> {
        let is_in_time = self.interval.zip(self.full_time).is_none_or(|(interval, time)| time <= interval);
        let zygotes = self.slow_zygotes.unwrap_or(SlowZygotes { count: 0, has_free: false });
        if is_quiet {
            Some(WarmUp::Full)
        } else if zygotes.has_free {
            // Without one that waits, a program's own is forked as soon.
            (self.misses_in_a_row < MISSES_BEFORE_PAUSE).then_some(WarmUp::Full)
        } else if (1..max_zygotes).contains(&zygotes.count) {
            Some(WarmUp::Full)
        } else if self.has_quick_warm_up && (!is_in_time || self.misses_in_a_row >= MISSES_BEFORE_PAUSE) {
            Some(WarmUp::Quick)
        } else {
            (self.misses_in_a_row < MISSES_BEFORE_PAUSE).then_some(WarmUp::Full)
        }
    }

    /// A bucket gets at most half of the room by its demand. Without demand only a warm command is worth it.
    fn wish(&self, snapshot: &Snapshot, language: usize) -> Wish {
        let by_demand = self.demand.target(snapshot.now, snapshot.max_of_bucket());
        let min = if self.has_warm_command && self.is_usual {
            snapshot.min_per_bucket.min(snapshot.max_sandboxes)
        } else {
            0
        };
        Wish {
            count: by_demand.max(min),
            saves_little: !self.has_warm_command,
            is_unrequested: self.demand.target(snapshot.now, 1) == 0,
            is_at_rest: snapshot.now >= self.rests_from,
            memory: self.memory,
            language,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::languages::toolchain::StageKind;

    const MIB: u64 = 1 << 20;

    fn key(language: &str) -> BucketKey {
        BucketKey { language: language.to_owned(), stage: StageKind::Run }
    }

    /// A bucket of 50 MiB sandboxes with a warm command, that was requested `requests` times just now, and whose idle
    /// sandboxes are `ages` seconds old. Their user ids are `first_uid` and those that follow.
    fn bucket(language: &str, requests: usize, first_uid: u32, ages: &[u64], now: Instant) -> BucketSnapshot {
        let mut demand = Demand::new();
        (0..requests).for_each(|_| demand.record(now));
        let idle = (first_uid..)
            .zip(ages)
            .map(|(uid, &age)| IdleSandbox {
                uid,
                created: now - Duration::from_secs(age),
                warm_up: WarmUp::Full,
            })
            .collect();
        BucketSnapshot {
            key: key(language),
            has_warm_command: true,
            has_quick_warm_up: false,
            is_usual: true,
            demand,
            interval: None,
            full_time: None,
            rests_from: now + Duration::from_secs(60),
            idle,
            memory: 50 * MIB,
            retry_at: None,
            misses_in_a_row: 0,
            slow_zygotes: None,
        }
    }

    fn quick_one(now: Instant) -> IdleSandbox {
        IdleSandbox { uid: 100, created: now, warm_up: WarmUp::Quick }
    }

    /// A quiet host with room for 8 sandboxes and 300 MiB: `python` was requested and has one, `lua` was not and has none.
    fn quiet() -> Snapshot {
        let now = Instant::now() + Duration::from_secs(3600);
        Snapshot {
            now,
            activity: Activity::Idle,
            last_release: None,
            has_slot: true,
            busy: 4,
            max_sandboxes: 8,
            min_per_bucket: 1,
            max_memory: 300 * MIB,
            max_memory_at_rest: 64 * MIB,
            stalled: 0,
            buckets: vec![bucket("python", 1, 100, &[1], now), bucket("lua", 0, 200, &[], now)],
        }
    }

    #[test]
    fn the_next_action_follows_from_the_snapshot() {
        let pre_warm = |language: &str| Action::PreWarm(key(language), WarmUp::Full);
        let quick = |language: &str| Action::PreWarm(key(language), WarmUp::Quick);
        let pause = Action::Pause(MAX_PAUSE);
        let evict = |uids: &[u32]| Action::Evict(uids.to_vec());
        let ages = |ages: &'static [u64]| {
            move |snapshot: &mut Snapshot| {
                snapshot.buckets[0] = bucket("python", 1, 100, ages, snapshot.now);
                snapshot.buckets[1] = bucket("lua", 0, 200, &[1], snapshot.now);
            }
        };
        let missed = |snapshot: &mut Snapshot| {
            snapshot.buckets.truncate(1);
            snapshot.buckets[0].idle.clear();
            snapshot.buckets[0].misses_in_a_row = MISSES_BEFORE_PAUSE;
        };
        // Requests come each 200 ms, and a full warm-up takes a second.
        let busy = |snapshot: &mut Snapshot| {
            snapshot.buckets.truncate(1);
            snapshot.activity = Activity::Running;
            let bucket = &mut snapshot.buckets[0];
            (bucket.has_quick_warm_up, bucket.misses_in_a_row) = (true, 0);
            (bucket.interval, bucket.full_time) =
                (Some(Duration::from_millis(200)), Some(Duration::from_secs(1)));
            bucket.idle.clear();
        };
        type Change<'a> = &'a dyn Fn(&mut Snapshot);
        let cases: &[(&str, Change, Action)] = &[
            ("a language without demand gets its minimum", &|_| {}, pre_warm("lua")),
            ("a minimum of zero", &|s| s.min_per_bucket = 0, pause.clone()),
            ("no warm command", &|s| s.buckets[1].has_warm_command = false, pause.clone()),
            (
                "demand counts without a warm command",
                &|s| {
                    s.buckets[1] = bucket("lua", 1, 200, &[], s.now);
                    s.buckets[1].has_warm_command = false;
                },
                pre_warm("lua"),
            ),
            (
                "the bucket that misses most comes first",
                &|s| s.buckets[0] = bucket("python", 12, 100, &[1], s.now),
                pre_warm("python"),
            ),
            (
                "at rest, the largest goes",
                &|s| {
                    ages(&[1])(s);
                    s.buckets[1].memory = 60 * MIB;
                    s.buckets.iter_mut().for_each(|bucket| bucket.rests_from = s.now);
                },
                evict(&[200]),
            ),
            (
                "one at rest, and one that is not",
                &|s| {
                    ages(&[1])(s);
                    s.buckets[1].rests_from = s.now;
                },
                pause.clone(),
            ),
            (
                "nothing is pre-warmed that is too large for rest",
                &|s| {
                    s.buckets[1].memory = 65 * MIB;
                    s.buckets[1].rests_from = s.now;
                },
                pause.clone(),
            ),
            ("programs run", &|s| s.activity = Activity::Running, pre_warm("lua")),
            ("programs wait for their turn", &|s| s.activity = Activity::Saturated, pause.clone()),
            ("there is no slot", &|s| s.has_slot = false, pause.clone()),
            ("others are late, and there is room", &|s| s.stalled = 2, pre_warm("lua")),
            ("others are late, and hold all memory", &|s| s.stalled = 5, pause.clone()),
            (
                "others are late, and there is no room for more",
                &|s| (s.stalled, s.max_sandboxes) = (1, 2),
                pause.clone(),
            ),
            ("the pool is disabled", &|s| s.max_sandboxes = 0, evict(&[100])),
            ("there is no memory for another", &|s| s.buckets[0].memory = 260 * MIB, pause.clone()),
            ("one is larger than all memory", &|s| s.buckets[1].memory = 301 * MIB, pause.clone()),
            (
                "a failure is retried later",
                &|s| s.buckets[1].retry_at = Some(s.now + QUIET_TIME),
                pause.clone(),
            ),
            ("it is retried now", &|s| s.buckets[1].retry_at = Some(s.now), pre_warm("lua")),
            ("two of which one is wanted: the older goes", &ages(&[1, 2]), evict(&[101])),
            ("an old one is replaced first", &ages(&[600]), pre_warm("python")),
            ("the old one goes when its replacement is warm", &ages(&[1, 601]), evict(&[101])),
            ("too old", &ages(&[660]), evict(&[100])),
            (
                "an old one goes at once where there is no room for both",
                &|s| {
                    ages(&[600])(s);
                    s.max_sandboxes = 2;
                },
                evict(&[100]),
            ),
            ("missed twice, on a quiet host", &missed, pre_warm("python")),
            (
                "missed twice, while programs run",
                &|s| {
                    missed(s);
                    s.activity = Activity::Running;
                },
                pause.clone(),
            ),
            (
                "missed twice, and one ended just now",
                &|s| {
                    missed(s);
                    s.last_release = Some(s.now - Duration::from_millis(5));
                },
                Action::Pause(Duration::from_millis(15)),
            ),
            (
                "missed once",
                &|s| {
                    missed(s);
                    s.buckets[0].misses_in_a_row = 1;
                    s.last_release = Some(s.now);
                },
                pre_warm("python"),
            ),
            ("a full warm-up would be late", &busy, quick("python")),
            (
                "a full warm-up would be in time",
                &|s| {
                    busy(s);
                    s.buckets[0].interval = s.buckets[0].full_time;
                },
                pre_warm("python"),
            ),
            (
                "missed twice, though it seems to be in time",
                &|s| {
                    busy(s);
                    s.buckets[0].interval = s.buckets[0].full_time;
                    s.buckets[0].misses_in_a_row = 2;
                },
                quick("python"),
            ),
            (
                "a full one is forked at once",
                &|s| {
                    busy(s);
                    s.buckets[0].slow_zygotes = Some(SlowZygotes { count: 4, has_free: true });
                },
                pre_warm("python"),
            ),
            (
                "a zygote is in use: another one pays off",
                &|s| {
                    busy(s);
                    s.buckets[0].slow_zygotes = Some(SlowZygotes { count: 3, has_free: false });
                },
                pre_warm("python"),
            ),
            (
                "as many zygotes as may be are in use",
                &|s| {
                    busy(s);
                    s.buckets[0].slow_zygotes = Some(SlowZygotes { count: 4, has_free: false });
                },
                quick("python"),
            ),
            (
                "missed twice, and a program's own can be forked as soon",
                &|s| {
                    busy(s);
                    s.buckets[0].misses_in_a_row = 2;
                    s.buckets[0].slow_zygotes = Some(SlowZygotes { count: 1, has_free: true });
                },
                pause.clone(),
            ),
            (
                "one that was warmed up less is enough while programs run",
                &|s| {
                    busy(s);
                    s.buckets[0].idle = vec![quick_one(s.now)];
                },
                pause.clone(),
            ),
            (
                "it is replaced when the host is quiet",
                &|s| {
                    busy(s);
                    s.activity = Activity::Idle;
                    s.buckets[0].idle = vec![quick_one(s.now)];
                },
                pre_warm("python"),
            ),
            (
                "it goes when its replacement is warm",
                &|s| {
                    busy(s);
                    let full = IdleSandbox { uid: 101, warm_up: WarmUp::Full, ..quick_one(s.now) };
                    s.buckets[0].idle = vec![full, quick_one(s.now)];
                },
                evict(&[100]),
            ),
            (
                "missed twice, and one ended a while ago",
                &|s| {
                    missed(s);
                    s.last_release = Some(s.now - QUIET_TIME);
                },
                pre_warm("python"),
            ),
        ];
        for (case, change, expected) in cases {
            let mut snapshot = quiet();
            change(&mut snapshot);
            assert_eq!(next(&snapshot), *expected, "{case}");
        }
    }
}
