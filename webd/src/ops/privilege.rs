//! The check that webd holds no privileges, made before it listens: it faces the network.

use caps::{CapSet, CapsHashSet};
use nix::unistd::{Uid, getresuid};

/// The privileges of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Privileges {
    /// The real, effective and saved user id.
    pub(crate) users: [u32; 3],
    /// The capability sets that are not empty, by name.
    pub(crate) capabilities: Vec<(&'static str, CapsHashSet)>,
    /// Whether `no_new_privs` is set: programs started from here cannot gain privileges (prctl(2)).
    pub(crate) no_new_privileges: bool,
}

impl Privileges {
    /// Reads the privileges of this process.
    ///
    /// # Errors
    /// If the kernel refuses to report them.
    pub(crate) fn of_this_process() -> Result<Self, String> {
        let users = getresuid().map_err(|error| format!("cannot read the user ids: {error}"))?;
        let sets = [
            ("permitted", CapSet::Permitted),
            ("effective", CapSet::Effective),
            ("inheritable", CapSet::Inheritable),
            ("ambient", CapSet::Ambient),
        ];
        let mut capabilities = Vec::new();
        for (name, set) in sets {
            let held = caps::read(None, set)
                .map_err(|error| format!("cannot read the {name} capabilities: {error}"))?;
            if !held.is_empty() {
                capabilities.push((name, held));
            }
        }
        Ok(Self {
            users: [users.real, users.effective, users.saved].map(Uid::as_raw),
            capabilities,
            no_new_privileges: nix::sys::prctl::get_no_new_privs().unwrap_or(false),
        })
    }

    /// Returns why webd must not start with these privileges, or `None` if it may.
    pub(crate) fn refusal(&self) -> Option<String> {
        if self.users.contains(&0) {
            return Some(
                "webd must not run as root: start it as a dedicated user (systemd: User=, or setpriv --reuid)"
                    .to_owned(),
            );
        }
        let (name, held) = self.capabilities.first()?;
        let mut names: Vec<_> = held.iter().map(ToString::to_string).collect();
        names.sort();
        Some(format!(
            "webd must hold no capability, but its {name} set has {}: remove it (systemd: empty CapabilityBoundingSet= and \
             AmbientCapabilities=, or setpriv --inh-caps=-all --bounding-set=-all)",
            names.join(", ")
        ))
    }
}

#[cfg(test)]
mod tests {
    use caps::Capability;

    use super::*;

    #[track_caller]
    fn check(users: [u32; 3], held: &[(&'static str, Capability)], refused: Option<&str>) {
        let privileges = Privileges {
            users,
            capabilities: held.iter().map(|&(set, held)| (set, CapsHashSet::from_iter([held]))).collect(),
            no_new_privileges: true,
        };
        let refusal = privileges.refusal();
        assert_eq!(refusal.is_some(), refused.is_some());
        assert!(refusal.unwrap_or_default().contains(refused.unwrap_or_default()));
    }

    #[test]
    fn privileges_are_refused_with_a_reason() {
        check([1000; 3], &[], None);
        check([0; 3], &[], Some("must not run as root"));
        check([1000, 1000, 0], &[], Some("must not run as root"));
        check([1000, 0, 1000], &[], Some("must not run as root"));
        check([1000; 3], &[("ambient", Capability::CAP_KILL)], Some("its ambient set has CAP_KILL"));
        check(
            [1000; 3],
            &[("inheritable", Capability::CAP_SETUID)],
            Some("its inheritable set has CAP_SETUID"),
        );
        check([1000; 3], &[("permitted", Capability::CAP_BPF)], Some("its permitted set has CAP_BPF"));
    }

    #[test]
    fn the_privileges_of_this_process_can_be_read() {
        let privileges = Privileges::of_this_process().unwrap();
        assert_eq!(privileges.users[1], nix::unistd::geteuid().as_raw());
    }
}
