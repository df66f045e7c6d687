//! Resolution of limits: from the client's request, the language's settings and the administrator's maxima to the limits
//! of one execution.

use std::time::Duration;

use protocol::quantity::Quantity;
use protocol::{ByteCount, Limits, LimitsRequest, Rejection, each_limit};
use serde::Deserialize;

macro_rules! settings {
    ($($name:ident: $type:ident { $($rest:tt)* })*) => {
        /// Limits in a configuration or language file. A less specific section applies where a limit is left out.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub(crate) struct LimitSettings {
            $(pub(crate) $name: Option<Quantity<$type>>,)*
        }

        impl LimitSettings {
            /// Returns these limits, and `base` where one is left out.
            pub(crate) fn over(&self, base: &Limits) -> Limits {
                Limits { $($name: self.$name.map_or(base.$name, |limit| limit.0),)* }
            }
        }
    };
}

each_limit!(settings);

/// What a request may ask for.
#[derive(Clone, Debug)]
pub(crate) struct RequestBounds {
    /// The maximum of each limit.
    pub(crate) maxima: Limits,
    /// Wall-clock time of all stages of a request together.
    pub(crate) wall_time: Duration,
    /// Maximum number of open files of all processes of a stage together.
    pub(crate) total_open_files: u32,
}

/// Default of [`RequestBounds::total_open_files`]: what 256 processes with the default of 256 open files have.
///
/// An open file can hold a lock that is accounted to no cgroup, and all locks of the host make reading /proc/locks slower,
/// which the init of each sandbox does.
pub(crate) const TOTAL_OPEN_FILES: u32 = 65_536;

impl RequestBounds {
    /// Returns `limits`, none of which exceeds its maximum.
    pub(crate) fn lower(&self, limits: &Limits) -> Limits {
        let limits = limits.at_most(&self.maxima);
        let most = (self.total_open_files / limits.processes.max(1)).max(Limits::MINIMA.open_files);
        Limits { open_files: limits.open_files.min(most), ..limits }
    }
}

/// Returns the limits of a stage: the requested ones, else the defaults, and never more than the maxima. `field` is the name
/// of the request's field, for messages.
///
/// # Errors
/// [`Rejection::Invalid`] for less than a program needs to start.
pub(crate) fn resolve(
    field: &str,
    request: &LimitsRequest,
    defaults: &Limits,
    bounds: &RequestBounds,
) -> Result<Limits, Rejection> {
    let limits = request.or(defaults);
    if let Some(limit) = limits.below_minimum() {
        return Err(Rejection::Invalid(format!(
            "{field}.{}: {} must be at least {}",
            limit.json_key,
            limit.name,
            limit.described(&Limits::MINIMA)
        )));
    }
    Ok(bounds.lower(&limits).effective())
}

#[cfg(test)]
mod tests {
    use super::{ByteCount, Duration, Limits, LimitsRequest, RequestBounds, TOTAL_OPEN_FILES, resolve};
    use proptest::prelude::{any, proptest};

    const BOUNDS: RequestBounds = RequestBounds {
        maxima: Limits::MAXIMA,
        wall_time: Duration::from_secs(240),
        total_open_files: TOTAL_OPEN_FILES,
    };

    #[test]
    fn all_processes_together_have_a_maximum_of_open_files() {
        let resolved = |processes, open_files, defaults: &Limits| {
            let request = LimitsRequest { processes, open_files, ..LimitsRequest::NONE };
            let limits = resolve("limits", &request, defaults, &BOUNDS);
            limits.map(|limits| (limits.processes, limits.open_files)).map_err(|error| error.to_string())
        };
        let many = Limits { processes: 256, ..Limits::RUN };
        for (processes, open_files, defaults, expected) in [
            (None, None, &many, (256, 256)),
            (Some(512), None, &Limits::RUN, (512, 128)),
            (None, Some(1024), &Limits::RUN, (40, 1024)),
            (None, Some(1024), &many, (256, 256)),
            (Some(64), Some(1024), &Limits::RUN, (64, 1024)),
            (Some(512), Some(128), &Limits::RUN, (512, 128)),
            (Some(u32::MAX), Some(128), &Limits::RUN, (512, 128)),
            (Some(u32::MAX), Some(u32::MAX), &Limits::RUN, (512, 128)),
        ] {
            assert_eq!(
                resolved(processes, open_files, defaults),
                Ok(expected),
                "{processes:?} {open_files:?}"
            );
        }
        let few = RequestBounds { total_open_files: 1, ..BOUNDS };
        assert_eq!(few.lower(&Limits::RUN).open_files, Limits::MINIMA.open_files);
    }

    #[test]
    fn limits_that_are_not_requested_have_their_defaults() {
        assert_eq!(
            resolve("limits", &LimitsRequest::default(), &Limits::RUN, &BOUNDS),
            Ok(Limits::RUN.effective())
        );
    }

    #[test]
    fn the_stack_is_as_large_as_the_memory_unless_less_is_requested() {
        let stack = |memory, stack| {
            let request =
                LimitsRequest { memory: Some(ByteCount::mib(memory)), stack, ..LimitsRequest::default() };
            resolve("limits", &request, &Limits::RUN, &BOUNDS).map(|limits| limits.stack)
        };
        assert_eq!(stack(64, None), Ok(ByteCount::mib(64)));
        assert_eq!(stack(512, None), Ok(ByteCount::mib(512)));
        assert_eq!(stack(512, Some(ByteCount::mib(8))), Ok(ByteCount::mib(8)));
        assert_eq!(stack(64, Some(ByteCount::mib(128))), Ok(ByteCount::mib(64)));
    }

    #[test]
    fn limits_above_the_maximum_are_lowered_and_below_the_minimum_rejected() {
        let (run, maxima) = (&Limits::RUN, &Limits::MAXIMA);
        let huge = LimitsRequest { wall_time: Some(Duration::MAX), ..Default::default() };
        assert_eq!(
            resolve("limits", &huge, run, &BOUNDS).map(|limits| limits.wall_time),
            Ok(maxima.wall_time)
        );
        let none = LimitsRequest { memory: Some(ByteCount(0)), ..Default::default() };
        let error = resolve("compile_limits", &none, run, &BOUNDS).map_err(|rejection| rejection.to_string());
        assert_eq!(error, Err("compile_limits.memory_bytes: memory must be at least 4 MiB".to_owned()));
    }

    proptest! {
        #[test]
        fn limits_are_never_raised(memory in any::<u64>(), processes in any::<u32>(), cpu in any::<Duration>()) {
            let maxima = &Limits::MAXIMA;
            let request = LimitsRequest {
                memory: Some(ByteCount(memory)),
                processes: Some(processes),
                cpu_time: Some(cpu),
                ..Default::default()
            };
            if let Ok(limits) = resolve("limits", &request, &Limits::RUN, &BOUNDS) {
                assert!(limits.memory.bytes() <= memory.min(maxima.memory.bytes()));
                assert!(limits.processes <= processes.min(maxima.processes));
                assert!(limits.cpu_time <= cpu.min(maxima.cpu_time));
                assert!(limits.memory >= Limits::MINIMA.memory);
            }
        }
    }
}
