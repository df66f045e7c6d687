//! Whether the configured uids can be used on this host.

use std::fs;

use crate::config::UidRange;

/// Checks that executions can have these uids: they are mapped in the user namespace, and no other account of the host has them.
pub(crate) fn check_range(range: UidRange) -> Result<(), String> {
    let UidRange { first, last } = range;
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
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
    for (path, column) in [("/etc/passwd", 2), ("/etc/group", 2)] {
        for line in read(path).lines() {
            let id = line.split(':').nth(column).and_then(|id| id.parse::<u32>().ok());
            if id.is_some_and(|id| (first..=last).contains(&id)) {
                let name = line.split(':').next().unwrap_or("somebody");
                return Err(format!(
                    "{name} in {path} has an id between {first} and {last}; choose others in `uids`"
                ));
            }
        }
    }
    for path in ["/etc/subuid", "/etc/subgid"] {
        for line in read(path).lines() {
            let mut fields = line.split(':');
            let (name, start, count) = (fields.next(), fields.next(), fields.next());
            let number = |field: Option<&str>| field.and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
            let (start, end) = (number(start), number(start) + number(count));
            if start <= last.into() && u64::from(first) < end {
                let name = name.unwrap_or("somebody");
                return Err(format!(
                    "{name} has ids between {first} and {last} in {path}; choose others in `uids`"
                ));
            }
        }
    }
    Ok(())
}
