//! Whether a pre-warmed sandbox can serve a program.

use sandbox::{Plan, ResourceLimits};

/// Returns whether a sandbox that was made from the plan `warm` can be used instead of one made from `wanted`, for a program
/// with the limits `requested`.
pub(crate) fn is_compatible(warm: &Plan, wanted: &Plan, requested: &ResourceLimits) -> bool {
    // The size of the work directory is set when the program starts, and each sandbox has its own user.
    let mut expected = Plan { disk: warm.disk, user: warm.user.clone(), ..wanted.clone() };
    if let (Some(expected), Some(warm)) = (&mut expected.warm_command, &warm.warm_command) {
        expected.resources = warm.resources.clone();
    }
    expected == *warm
        && warm.warm_command.as_ref().is_none_or(|command| is_limited(&command.resources, requested))
}

/// Returns whether a process with the limits `set` can be limited as `requested`. Resource limits of a running process stay
/// as they are, except those of the stack, of files and of processes, which the start lowers. CPU time may have a higher one,
/// because the cgroup limits it for all processes together.
fn is_limited(set: &ResourceLimits, requested: &ResourceLimits) -> bool {
    let ResourceLimits { cpu_time, processes, file_size, open_files, stack, address_space } = requested;
    set.cpu_time >= *cpu_time
        && set.processes >= *processes
        && set.stack >= *stack
        && set.file_size >= *file_size
        && (set.open_files, set.address_space) == (*open_files, *address_space)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use sandbox::{Start, User};

    use crate::languages::shipped::shipped;
    use crate::languages::toolchain::StageKind;
    use crate::plan::planner::Planner;
    use crate::plan::stage_spec::{SandboxSource, StageSpec, WarmUp};

    fn user() -> User {
        User { name: "exec_1".to_owned(), uid: 7, gid: 7 }
    }

    #[test]
    fn a_warm_sandbox_is_compatible_if_only_the_start_differs() {
        let (registry, planner) = (shipped(), Planner::new(&[], 2000));
        let toolchain = registry.find("bash").unwrap();
        let stage = StageSpec::of_any_program(toolchain, StageKind::Run).unwrap();
        let (warm, start) = (
            planner.plan(&stage, &user(), SandboxSource::Pool(WarmUp::Full), |_| true),
            planner.start(&stage, &user()),
        );
        let requested = &start.program.resources;
        let another = User { name: "exec_2".to_owned(), uid: 8, gid: 8 };
        assert!(is_compatible(
            &warm,
            &planner.plan(&stage, &another, SandboxSource::Pool(WarmUp::Full), |_| true),
            requested
        ));
        // Something of the host is gone.
        assert!(!is_compatible(
            &warm,
            &planner.plan(&stage, &user(), SandboxSource::Pool(WarmUp::Full), |path| !path.ends_with("usr")),
            requested
        ));
        let mut waiting = warm.clone();
        waiting.warm_command = Some(start.program.clone());
        assert!(!is_compatible(&waiting, &warm, requested));
        assert!(is_compatible(&waiting, &waiting, requested));
        let with = |change: fn(&mut Start)| {
            let mut start = start.clone();
            change(&mut start);
            let wanted = Plan { disk: start.disk, ..waiting.clone() };
            is_compatible(&waiting, &wanted, &start.program.resources)
        };
        let mut wanted = waiting.clone();
        let less = start.program.resources.cpu_time / 2;
        wanted.warm_command.as_mut().unwrap().resources.cpu_time = less;
        assert!(is_compatible(&waiting, &wanted, &ResourceLimits { cpu_time: less, ..requested.clone() }));
        assert!(with(|start| start.program.resources.cpu_time = Duration::from_secs(1)));
        assert!(!with(|start| start.program.resources.cpu_time += Duration::from_secs(1)));
        assert!(!with(|start| start.program.resources.open_files -= 1));
        assert!(!with(|start| start.program.resources.address_space = Some(1 << 30)));
        assert!(with(|start| start.program.resources.stack /= 2));
        assert!(!with(|start| start.program.resources.stack += 1));
        assert!(with(|start| start.program.resources.file_size /= 2));
        assert!(!with(|start| start.program.resources.file_size += 1));
        assert!(with(|start| start.disk.bytes /= 2));
    }
}
