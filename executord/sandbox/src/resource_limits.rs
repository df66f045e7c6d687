//! Resource limits of each process; see setrlimit(2).

use std::io;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::plan::ResourceLimits;

/// A resource with its soft and its hard limit.
pub(crate) type ResourceLimit = (Resource, u64, u64);

/// Limits that are the same for all programs.
pub(crate) const FIXED_LIMITS: [ResourceLimit; 6] = [
    // 1 and not 0: with 0, a core_pattern that is a pipe still starts its handler, as root of the host (core(5)).
    // With 1, fs/coredump.c aborts the dump.
    (Resource::RLIMIT_CORE, 1, 1),
    (Resource::RLIMIT_MEMLOCK, 64 * 1024, 64 * 1024),
    (Resource::RLIMIT_MSGQUEUE, 0, 0),
    (Resource::RLIMIT_SIGPENDING, 256, 256),
    (Resource::RLIMIT_RTPRIO, 0, 0),
    (Resource::RLIMIT_NICE, 0, 0),
];

/// Returns the limits of one program, except that of its address space.
///
/// RLIMIT_DATA is not among them: node and java reserve gigabytes of memory that they never use.
pub(crate) fn program_limits(limits: &ResourceLimits) -> [ResourceLimit; 5] {
    let seconds = limits.cpu_time.as_secs() + u64::from(limits.cpu_time.subsec_nanos() > 0);
    let (processes, open_files) = (limits.processes.into(), limits.open_files.into());
    [
        // One second more than the limit of the cgroup's accounting, which comes first and reports the reason. SIGXCPU at
        // the soft limit, SIGKILL at the hard limit.
        (Resource::RLIMIT_CPU, seconds + 1, seconds + 2),
        (Resource::RLIMIT_NPROC, processes, processes),
        (Resource::RLIMIT_FSIZE, limits.file_size, limits.file_size),
        (Resource::RLIMIT_STACK, limits.stack, limits.stack),
        // Until execve(2), descriptors above the limit are open; the kernel allows that.
        (Resource::RLIMIT_NOFILE, open_files, open_files),
    ]
}

/// Lowers the limit of the address space, if the program has one. A process that is larger already can then hardly allocate
/// memory: the caller must have allocated all that it needs.
pub(crate) fn lower_address_space(limits: &ResourceLimits) -> io::Result<()> {
    lower_resource_limits(limits.address_space.map(|bytes| (Resource::RLIMIT_AS, bytes, bytes)))
}

/// Lowers resource limits. A limit that is already lower stays: raising a hard limit needs CAP_SYS_RESOURCE.
pub(crate) fn lower_resource_limits(limits: impl IntoIterator<Item = ResourceLimit>) -> io::Result<()> {
    for (resource, soft, hard) in limits {
        let (_, current) = getrlimit(resource)?;
        setrlimit(resource, soft.min(current), hard.min(current))?;
    }
    Ok(())
}
