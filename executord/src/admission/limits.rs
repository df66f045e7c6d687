//! From what is asked, what a language needs and what the administrator allows to what holds.

use std::time::Duration;

use protocol::{ByteCount, Limits, LimitsRequest, Rejection};
use serde::Deserialize;

use crate::config::quantity::Quantity;

/// Limits in a configuration or language file; what is left out is said elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LimitSettings {
    pub(crate) cpu_time: Option<Quantity<Duration>>,
    pub(crate) wall_time: Option<Quantity<Duration>>,
    pub(crate) memory: Option<Quantity<ByteCount>>,
    pub(crate) processes: Option<u32>,
    pub(crate) output: Option<Quantity<ByteCount>>,
    pub(crate) file_size: Option<Quantity<ByteCount>>,
    pub(crate) disk: Option<Quantity<ByteCount>>,
    pub(crate) files: Option<u32>,
    pub(crate) open_files: Option<u32>,
}

/// What a run may use unless somebody says otherwise.
pub(crate) const RUN: Limits = Limits {
    cpu_time: Duration::from_secs(10),
    wall_time: Duration::from_secs(15),
    memory: ByteCount::mib(256),
    processes: 40,
    output: ByteCount::mib(1),
    file_size: ByteCount::mib(64),
    disk: ByteCount::mib(64),
    files: 4096,
    open_files: 256,
};

/// What a compilation may use unless somebody says otherwise: compilers are larger than most programs.
pub(crate) const COMPILE: Limits = Limits {
    cpu_time: Duration::from_secs(20),
    wall_time: Duration::from_secs(30),
    memory: ByteCount::mib(768),
    processes: 64,
    output: ByteCount::kib(256),
    file_size: ByteCount::mib(128),
    disk: ByteCount::mib(128),
    files: 4096,
    open_files: 256,
};

/// The most that a client can ask for, unless the administrator says otherwise.
pub(crate) const MAXIMA: Limits = Limits {
    cpu_time: Duration::from_secs(60),
    wall_time: Duration::from_secs(120),
    memory: ByteCount::mib(2048),
    processes: 512,
    output: ByteCount::mib(4),
    file_size: ByteCount::mib(256),
    disk: ByteCount::mib(256),
    files: 65536,
    open_files: 1024,
};

/// The least of each with which a program can be started at all.
const MINIMA: Limits = Limits {
    cpu_time: Duration::from_millis(1),
    wall_time: Duration::from_millis(1),
    memory: ByteCount::mib(4),
    processes: 1,
    output: ByteCount(1),
    file_size: ByteCount(1),
    disk: ByteCount::kib(64),
    files: 1,
    open_files: 8,
};

/// Apply to every limit what is written for one.
macro_rules! each_limit {
    ($each:ident) => {
        Limits {
            cpu_time: $each!(cpu_time),
            wall_time: $each!(wall_time),
            memory: $each!(memory),
            processes: $each!(processes),
            output: $each!(output),
            file_size: $each!(file_size),
            disk: $each!(disk),
            files: $each!(files),
            open_files: $each!(open_files),
        }
    };
}

/// A limit with or without a unit.
trait Plain<T> {
    fn plain(self) -> T;
}

impl<T> Plain<T> for Quantity<T> {
    fn plain(self) -> T {
        self.0
    }
}

impl Plain<Self> for u32 {
    fn plain(self) -> Self {
        self
    }
}

impl LimitSettings {
    /// These limits where they say something, else `base`.
    pub(crate) fn over(&self, base: &Limits) -> Limits {
        macro_rules! each {
            ($name:ident) => {
                self.$name.map_or(base.$name, Plain::plain)
            };
        }
        each_limit!(each)
    }
}

/// The smaller of each.
pub(crate) fn at_most(limits: &Limits, maxima: &Limits) -> Limits {
    macro_rules! each {
        ($name:ident) => {
            limits.$name.min(maxima.$name)
        };
    }
    each_limit!(each)
}

/// What holds for a request: what it asks or else the default, and never more than the maxima.
///
/// # Errors
/// [`Rejection::Invalid`] for less than a program needs to start.
pub(crate) fn resolve(
    request: &LimitsRequest,
    defaults: &Limits,
    maxima: &Limits,
) -> Result<Limits, Rejection> {
    macro_rules! each {
        ($name:ident) => {{
            let asked = request.$name.unwrap_or(defaults.$name);
            if asked < MINIMA.$name {
                return Err(Rejection::Invalid(format!(
                    "the limit {} must be at least {}",
                    stringify!($name),
                    Shown(MINIMA.$name)
                )));
            }
            asked
        }};
    }
    Ok(at_most(&each_limit!(each), maxima))
}

struct Shown<T>(T);

impl std::fmt::Display for Shown<Duration> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(formatter, "{} ms", self.0.as_millis())
    }
}

impl std::fmt::Display for Shown<ByteCount> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}

impl std::fmt::Display for Shown<u32> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::{ByteCount, Duration, LimitsRequest, MAXIMA, MINIMA, RUN, resolve};
    use proptest::prelude::{any, proptest};

    #[test]
    fn what_is_not_asked_is_the_default() {
        assert_eq!(resolve(&LimitsRequest::default(), &RUN, &MAXIMA), Ok(RUN));
    }

    #[test]
    fn more_than_the_maximum_is_lowered_and_less_than_the_minimum_refused() {
        let huge = LimitsRequest { wall_time: Some(Duration::MAX), ..Default::default() };
        assert_eq!(resolve(&huge, &RUN, &MAXIMA).map(|limits| limits.wall_time), Ok(MAXIMA.wall_time));
        let none = LimitsRequest { memory: Some(ByteCount(0)), ..Default::default() };
        let error = resolve(&none, &RUN, &MAXIMA).map_err(|rejection| rejection.to_string());
        assert_eq!(error, Err("the limit memory must be at least 4 MiB".to_owned()));
    }

    proptest! {
        #[test]
        fn nothing_is_ever_raised(memory in any::<u64>(), processes in any::<u32>(), cpu in any::<Duration>()) {
            let request = LimitsRequest {
                memory: Some(ByteCount(memory)),
                processes: Some(processes),
                cpu_time: Some(cpu),
                ..Default::default()
            };
            if let Ok(limits) = resolve(&request, &RUN, &MAXIMA) {
                assert!(limits.memory.bytes() <= memory.min(MAXIMA.memory.bytes()));
                assert!(limits.processes <= processes.min(MAXIMA.processes));
                assert!(limits.cpu_time <= cpu.min(MAXIMA.cpu_time));
                assert!(limits.memory >= MINIMA.memory);
            }
        }
    }
}
