//! The capabilities the daemon keeps, and why. docs/what-root-does.md repeats them for administrators.

use caps::{CapSet, Capability, CapsHashSet};

/// What the daemon and its helpers need; everything else is dropped at start, for ever.
pub(crate) const KEPT: [(Capability, &str); 8] = [
    (Capability::CAP_SYS_ADMIN, "new namespaces and mounts for each sandbox"),
    (Capability::CAP_SYS_CHROOT, "going to the mount namespace that a sandbox's root is copied from"),
    (Capability::CAP_SETUID, "becoming the run's user"),
    (Capability::CAP_SETGID, "becoming the run's group, in no other"),
    (Capability::CAP_SETPCAP, "dropping the bounding set and locking securebits in each sandbox"),
    (Capability::CAP_CHOWN, "giving source files to the run's user, the socket to its group"),
    (Capability::CAP_KILL, "ending processes of the run's user"),
    (Capability::CAP_NET_ADMIN, "bringing up the loopback interface of each sandbox's network"),
];

/// Drop all but [`KEPT`]. Must be called before there are threads: capabilities are a thread's own.
pub(crate) fn drop_all_but_kept() -> Result<(), String> {
    let kept: CapsHashSet = KEPT.iter().map(|&(capability, _)| capability).collect();
    let permitted = caps::read(None, CapSet::Permitted).map_err(|error| error.to_string())?;
    let lacking: Vec<String> = kept.difference(&permitted).map(ToString::to_string).collect();
    if !lacking.is_empty() {
        return Err(format!("executord must be root, with {}", lacking.join(", ")));
    }
    let bounding = caps::read(None, CapSet::Bounding).map_err(|error| error.to_string())?;
    for &capability in bounding.difference(&kept) {
        caps::drop(None, CapSet::Bounding, capability).map_err(|error| error.to_string())?;
    }
    for (set, wanted) in
        [(CapSet::Inheritable, &CapsHashSet::new()), (CapSet::Effective, &kept), (CapSet::Permitted, &kept)]
    {
        caps::set(None, set, wanted).map_err(|error| error.to_string())?;
    }
    Ok(())
}
