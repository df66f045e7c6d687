//! The capabilities that the daemon retains. docs/what-root-does.md lists them for administrators.

use caps::{CapSet, Capability, CapsHashSet};

/// Capabilities that the daemon and its supervisors need, with the reason. All others are dropped at startup.
pub(crate) const RETAINED: [(Capability, &str); 8] = [
    (Capability::CAP_SYS_ADMIN, "creating namespaces and mounts for each sandbox"),
    (Capability::CAP_SYS_CHROOT, "entering the mount namespace that a sandbox's root is copied from"),
    (Capability::CAP_SETUID, "switching to the user of the execution"),
    (Capability::CAP_SETGID, "switching to the group of the execution, without supplementary groups"),
    (Capability::CAP_SETPCAP, "dropping the bounding set and locking securebits in each sandbox"),
    (Capability::CAP_CHOWN, "giving source files to the user of the execution, and the socket to its group"),
    (Capability::CAP_KILL, "killing processes of the user of the execution"),
    (Capability::CAP_NET_ADMIN, "bringing up the loopback interface in each network namespace"),
];

/// Drops all capabilities but [`RETAINED`]. Capabilities belong to a thread, so this must be called before there are others.
pub(crate) fn drop_all_but_retained() -> Result<(), String> {
    drop_all_but(&RETAINED.map(|(capability, _)| capability))
}

/// Drops all capabilities but these, as [`drop_all_but_retained`] does.
pub(crate) fn drop_all_but(retained: &[Capability]) -> Result<(), String> {
    let retained: CapsHashSet = retained.iter().copied().collect();
    let permitted = caps::read(None, CapSet::Permitted).map_err(|error| error.to_string())?;
    let missing: Vec<String> = retained.difference(&permitted).map(ToString::to_string).collect();
    if !missing.is_empty() {
        return Err(format!("executord must run as root; missing capabilities: {}", missing.join(", ")));
    }
    let bounding = caps::read(None, CapSet::Bounding).map_err(|error| error.to_string())?;
    for &capability in bounding.difference(&retained) {
        caps::drop(None, CapSet::Bounding, capability).map_err(|error| error.to_string())?;
    }
    for (set, wanted) in [
        (CapSet::Inheritable, &CapsHashSet::new()),
        (CapSet::Effective, &retained),
        (CapSet::Permitted, &retained),
    ] {
        caps::set(None, set, wanted).map_err(|error| error.to_string())?;
    }
    Ok(())
}
