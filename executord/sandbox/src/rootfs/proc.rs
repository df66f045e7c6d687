//! The sandbox's `/proc`: its own processes, and about the machine only what interpreters need.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

use super::layout::{DENIED_FILE, MASK_DIR, MASK_FILE, NOSUID_NODEV, READ_ONLY};
use super::mounts::{bind, mask};
use crate::sys::mount::{attach, attribute, new_file_system};

/// Files of /proc that describe the host, its kernel or its users' keys, or that control it.
const MASKED_FILES: [&str; 22] = [
    "cmdline",
    "config.gz",
    "interrupts",
    "iomem",
    "ioports",
    "kallsyms",
    "kcore",
    "key-users",
    "keys",
    "kmsg",
    "kpagecgroup",
    "kpagecount",
    "kpageflags",
    "latency_stats",
    "modules",
    "pagetypeinfo",
    "sched_debug",
    "slabinfo",
    "sysrq-trigger",
    "timer_list",
    "vmallocinfo",
    "zoneinfo",
];
/// Directories of /proc that describe the host's hardware or load.
const MASKED_DIRECTORIES: [&str; 8] = [
    "acpi", "bus", "driver", "fs", "irq",
    // Anyone may write triggers to its files, which the kernel then evaluates for the whole host.
    "pressure", "scsi", "tty",
];

/// Creates the `/proc` of the pid namespace that children of this process are in, with hidepid, as a detached mount. The
/// option `subset=pid` is not used, because it would hide /proc/cpuinfo and /proc/meminfo.
pub(crate) fn new_proc() -> io::Result<OwnedFd> {
    new_file_system(c"proc", &[(c"hidepid", c"invisible")], NOSUID_NODEV | attribute::NOEXEC)
}

/// Attaches `/proc`, masks files and directories in it, and makes `/proc/sys` read-only.
pub(super) fn attach_proc(proc: BorrowedFd) -> io::Result<()> {
    attach(proc, c"proc")?;
    for name in MASKED_FILES {
        mask(&Path::new("proc").join(name), Path::new(MASK_FILE))?;
    }
    for name in MASKED_DIRECTORIES {
        mask(&Path::new("proc").join(name), Path::new(MASK_DIR))?;
    }
    bind(Path::new("proc/sys"), Path::new("proc/sys"), READ_ONLY | attribute::NOEXEC)
}

/// Masks the list of locks, which init has opened by now: the kernel stops all users of file locks on the host while it
/// writes the list.
pub(crate) fn mask_locks() -> io::Result<()> {
    mask(Path::new("proc/locks"), Path::new(DENIED_FILE))
}
