//! Whether the configured uids can be used on this host.

use std::fs;

use crate::config::UidRange;

/// Checks that executions can have these uids, and gids of the same numbers: they are mapped in the user namespace of the
/// daemon, and no account of the host has them.
pub(crate) fn check_range(range: UidRange) -> Result<(), String> {
    check_mapping(range)?;
    check_accounts(range)?;
    check_subordinate_ids(range)
}

/// See user_namespaces(7).
fn check_mapping(UidRange { first, last }: UidRange) -> Result<(), String> {
    for map in ["/proc/self/uid_map", "/proc/self/gid_map"] {
        let is_mapped = read(map).lines().any(|line| {
            let mut numbers = line.split_whitespace().map(|number| number.parse::<u64>().unwrap_or(0));
            let (start, count) = (numbers.next().unwrap_or(0), numbers.nth(1).unwrap_or(0));
            start <= first.into() && u64::from(last) < start + count
        });
        if !is_mapped {
            return Err(format!(
                "{map} does not map all ids from {first} to {last}; choose others in `uids`"
            ));
        }
    }
    Ok(())
}

/// See passwd(5) and group(5): both have the id in the third field.
fn check_accounts(UidRange { first, last }: UidRange) -> Result<(), String> {
    for path in ["/etc/passwd", "/etc/group"] {
        for line in read(path).lines() {
            let id = line.split(':').nth(2).and_then(|id| id.parse::<u32>().ok());
            if id.is_some_and(|id| (first..=last).contains(&id)) {
                let name = line.split(':').next().unwrap_or_default();
                return Err(format!(
                    "{name} in {path} has an id between {first} and {last}; choose others in `uids`"
                ));
            }
        }
    }
    Ok(())
}

/// See subuid(5) and subgid(5): ids that an account may use in user namespaces.
fn check_subordinate_ids(UidRange { first, last }: UidRange) -> Result<(), String> {
    for path in ["/etc/subuid", "/etc/subgid"] {
        for line in read(path).lines() {
            let mut fields = line.split(':');
            let name = fields.next().unwrap_or_default();
            let mut number = || fields.next().and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
            let (start, count) = (number(), number());
            if start <= last.into() && u64::from(first) < start + count {
                return Err(format!(
                    "{name} in {path} has ids between {first} and {last}; choose others in `uids`"
                ));
            }
        }
    }
    Ok(())
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}
