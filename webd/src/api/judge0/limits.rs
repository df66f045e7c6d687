//! Defaults and maxima of Judge0, which `GET /config_info` reports.

use std::time::Duration;

use serde_json::{Value, json};

use crate::ops::compat_config::Judge0Config;

/// A number of a submission: its default, and what it may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NumberLimit {
    pub(crate) default: f64,
    pub(crate) bound: Minimum,
    pub(crate) max: f64,
    /// Whether messages about it have a decimal, as those about times have.
    pub(crate) is_time: bool,
}

/// The smallest value of a number.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Minimum {
    AtLeast(u32),
    MoreThan(u32),
}

const fn time(default: f64, bound: Minimum, max: f64) -> NumberLimit {
    NumberLimit { default, bound, max, is_time: true }
}

const fn count(default: f64, bound: Minimum, max: f64) -> NumberLimit {
    NumberLimit { default, bound, max, is_time: false }
}

/// Seconds.
pub(crate) const CPU_TIME: NumberLimit = time(5.0, Minimum::MoreThan(0), 15.0);
/// Seconds.
pub(crate) const CPU_EXTRA_TIME: NumberLimit = time(1.0, Minimum::AtLeast(0), 5.0);
/// Seconds.
pub(crate) const WALL_TIME: NumberLimit = time(10.0, Minimum::AtLeast(1), 20.0);
/// Kilobytes.
pub(crate) const MEMORY: NumberLimit = count(128_000.0, Minimum::AtLeast(2048), 512_000.0);
/// Kilobytes.
pub(crate) const STACK: NumberLimit = count(64_000.0, Minimum::MoreThan(0), 128_000.0);
pub(crate) const PROCESSES: NumberLimit = count(60.0, Minimum::MoreThan(0), 120.0);
/// Kilobytes.
pub(crate) const FILE_SIZE: NumberLimit = count(1024.0, Minimum::MoreThan(0), 4096.0);
pub(crate) const RUNS: NumberLimit = count(1.0, Minimum::MoreThan(0), 20.0);
/// Characters of the options of a compiler, and of the arguments of a program.
pub(crate) const MAX_ARGUMENTS_LENGTH: usize = 512;
/// Submissions of one batch.
pub(crate) const MAX_BATCH: usize = 20;
/// Submissions that wait or run.
pub(crate) const MAX_QUEUE: usize = 100;
/// Attempts to deliver a callback. Only an error of the network is followed by another.
pub(crate) const CALLBACK_TRIES: u32 = 3;
/// Time for one of them.
pub(crate) const CALLBACK_TIMEOUT: Duration = Duration::from_secs(5);
/// Kilobytes of one file of an archive.
pub(crate) const MAX_EXTRACT_SIZE: u64 = 10240;

/// Returns the configuration: all 39 keys of version 1.13.1.
pub(crate) fn config_info(config: &Judge0Config) -> Value {
    json!({
        "maintenance_mode": false,
        "enable_wait_result": true,
        "enable_compiler_options": true,
        "allowed_languages_for_compile_options": [],
        "enable_command_line_arguments": true,
        "enable_submission_delete": config.enable_delete,
        "enable_callbacks": config.enable_callbacks,
        "callbacks_max_tries": CALLBACK_TRIES,
        "callbacks_timeout": CALLBACK_TIMEOUT.as_secs_f64(),
        "enable_additional_files": true,
        "max_queue_size": MAX_QUEUE,
        "cpu_time_limit": CPU_TIME.default,
        "max_cpu_time_limit": CPU_TIME.max,
        "cpu_extra_time": CPU_EXTRA_TIME.default,
        "max_cpu_extra_time": CPU_EXTRA_TIME.max,
        "wall_time_limit": WALL_TIME.default,
        "max_wall_time_limit": WALL_TIME.max,
        "memory_limit": whole(MEMORY.default),
        "max_memory_limit": whole(MEMORY.max),
        "stack_limit": whole(STACK.default),
        "max_stack_limit": whole(STACK.max),
        "max_processes_and_or_threads": whole(PROCESSES.default),
        "max_max_processes_and_or_threads": whole(PROCESSES.max),
        "enable_per_process_and_thread_time_limit": false,
        "allow_enable_per_process_and_thread_time_limit": true,
        "enable_per_process_and_thread_memory_limit": false,
        "allow_enable_per_process_and_thread_memory_limit": true,
        "max_file_size": whole(FILE_SIZE.default),
        "max_max_file_size": whole(FILE_SIZE.max),
        "enable_network": false,
        "allow_enable_network": false,
        "redirect_stderr_to_stdout": false,
        "number_of_runs": whole(RUNS.default),
        "max_number_of_runs": whole(RUNS.max),
        "max_extract_size": MAX_EXTRACT_SIZE,
        "enable_batched_submissions": true,
        "max_submission_batch_size": MAX_BATCH,
        "submission_cache_duration": 1.0,
        "use_docs_as_homepage": false,
    })
}

/// Returns a number that is whole and not negative.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
pub(crate) const fn whole(number: f64) -> u64 {
    number as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_has_39_keys() {
        assert_eq!(config_info(&Judge0Config::default()).as_object().unwrap().len(), 39);
    }
}
