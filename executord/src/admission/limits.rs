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
    maxima: &Limits,
) -> Result<Limits, Rejection> {
    let limits = request.or(defaults);
    match limits.below_minimum() {
        None => Ok(limits.at_most(maxima).effective()),
        Some(limit) => Err(Rejection::Invalid(format!(
            "{field}.{}: {} must be at least {}",
            limit.json_key,
            limit.name,
            limit.described(&Limits::MINIMA)
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::{ByteCount, Duration, Limits, LimitsRequest, resolve};
    use proptest::prelude::{any, proptest};

    #[test]
    fn limits_that_are_not_requested_have_their_defaults() {
        assert_eq!(
            resolve("limits", &LimitsRequest::default(), &Limits::RUN, &Limits::MAXIMA),
            Ok(Limits::RUN.effective())
        );
    }

    #[test]
    fn the_stack_is_as_large_as_the_memory_unless_less_is_requested() {
        let stack = |memory, stack| {
            let request =
                LimitsRequest { memory: Some(ByteCount::mib(memory)), stack, ..LimitsRequest::default() };
            resolve("limits", &request, &Limits::RUN, &Limits::MAXIMA).map(|limits| limits.stack)
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
            resolve("limits", &huge, run, maxima).map(|limits| limits.wall_time),
            Ok(maxima.wall_time)
        );
        let none = LimitsRequest { memory: Some(ByteCount(0)), ..Default::default() };
        let error = resolve("compile_limits", &none, run, maxima).map_err(|rejection| rejection.to_string());
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
            if let Ok(limits) = resolve("limits", &request, &Limits::RUN, maxima) {
                assert!(limits.memory.bytes() <= memory.min(maxima.memory.bytes()));
                assert!(limits.processes <= processes.min(maxima.processes));
                assert!(limits.cpu_time <= cpu.min(maxima.cpu_time));
                assert!(limits.memory >= Limits::MINIMA.memory);
            }
        }
    }
}
