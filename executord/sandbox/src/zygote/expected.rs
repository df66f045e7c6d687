//! The zygotes that a supervisor has, as far as its daemon knows.

use std::time::{Duration, Instant};

use crate::plan::{Plan, Program};
use crate::zygote::bounds::{MAX_AGE, MAX_FORKS, MAX_IDLE, MAX_ZYGOTES};
use crate::zygote::parent::starts_alike;

/// A zygote that has not forked for longer than this may be ended before the next request arrives.
const MAX_PAUSE: Duration = Duration::from_millis(MAX_IDLE as u64 - 10_000);

/// What the requests for sandboxes tell of a supervisor's zygotes. It does not know if one was killed.
#[derive(Debug, Default)]
pub struct ExpectedZygotes(Vec<Expected>);

#[derive(Debug)]
struct Expected {
    program: Program,
    started: Instant,
    last_fork: Instant,
    forks: u32,
}

impl Expected {
    fn is_usable(&self) -> bool {
        self.forks < MAX_FORKS && self.started.elapsed() < MAX_AGE && self.last_fork.elapsed() < MAX_PAUSE
    }
}

impl ExpectedZygotes {
    /// Returns whether the supervisor is expected to have a zygote for this warm command.
    #[must_use]
    pub fn has(&self, program: &Program) -> bool {
        self.0.iter().any(|zygote| zygote.is_usable() && starts_alike(&zygote.program, program))
    }

    /// Records that the supervisor is asked for a sandbox.
    pub fn record(&mut self, plan: &Plan) {
        let Some(program) = plan.warm_command.as_ref().filter(|_| plan.zygote) else { return };
        self.0.retain(Expected::is_usable);
        let found = self.0.iter().position(|zygote| starts_alike(&zygote.program, program));
        let now = Instant::now();
        let mut zygote = match found {
            Some(index) => self.0.remove(index),
            None => Expected { program: program.clone(), started: now, last_fork: now, forks: 0 },
        };
        if self.0.len() == MAX_ZYGOTES {
            self.0.remove(0);
        }
        (zygote.last_fork, zygote.forks) = (now, zygote.forks + 1);
        self.0.push(zygote);
    }

    /// Records that a sandbox could not be forked: its zygote is not used again.
    pub fn forget(&mut self, plan: &Plan) {
        if let Some(program) = &plan.warm_command {
            self.0.retain(|zygote| !starts_alike(&zygote.program, program));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{BuildDir, DisabledLayers, DiskLimits, ResourceLimits, User};

    fn plan(command: &str, user: &str) -> Plan {
        let program = Program {
            command: vec![command.to_owned()],
            environment: vec![("USER".to_owned(), user.to_owned())],
            resources: ResourceLimits {
                cpu_time: Duration::from_secs(1),
                processes: 1,
                file_size: 1,
                open_files: 1,
                stack: 1,
                address_space: None,
            },
            merge_output: false,
        };
        Plan {
            user: User { name: user.to_owned(), uid: 1, gid: 1 },
            binds: Vec::new(),
            disk: DiskLimits { bytes: 1, files: 1 },
            build_dir: BuildDir::None,
            warm_command: Some(program),
            zygote: true,
            terminal: None,
            disabled_layers: DisabledLayers::NONE,
        }
    }

    #[test]
    fn the_zygotes_are_those_of_the_last_two_programs() {
        let mut zygotes = ExpectedZygotes::default();
        let has =
            |zygotes: &ExpectedZygotes, command| zygotes.has(&plan(command, "other").warm_command.unwrap());
        for command in ["python", "node", "python", "java"] {
            assert!(!has(&zygotes, "java"));
            zygotes.record(&plan(command, "exec_1"));
        }
        assert_eq!(["python", "node", "java"].map(|command| has(&zygotes, command)), [true, false, true]);
        zygotes.forget(&plan("java", "exec_1"));
        assert!(!has(&zygotes, "java"));
        zygotes.record(&Plan { zygote: false, ..plan("node", "exec_1") });
        assert!(!has(&zygotes, "node"));
        for _ in 1..MAX_FORKS - 1 {
            zygotes.record(&plan("python", "exec_1"));
        }
        assert!(!has(&zygotes, "python"), "it has forked as often as it may");
    }
}
