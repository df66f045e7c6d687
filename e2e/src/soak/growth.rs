//! Growth of the daemons during the test.

use std::io;
use std::path::Path;
use std::time::Duration;

use crate::daemons::Daemons;
use crate::inventory;

/// Interval between samples.
pub const EVERY: Duration = Duration::from_millis(500);

/// Allowed growth of the median from the first to the last quarter. It allows for requests in progress, and for slots
/// of up to eight sandboxes that are pre-warmed on demand, with five cgroups and some descriptors each. A leak of a
/// buffer, a descriptor or a cgroup per request would exceed it.
const ALLOWED_GROWTH: [(&str, u64); 8] = [
    ("memory of executord, KiB", 16 * 1024),
    ("memory of webd, KiB", 32 * 1024),
    ("open files of executord", 80),
    ("open files of webd", 24),
    ("threads of executord", 2),
    ("processes below executord", 100),
    ("control groups", 40),
    ("mounts of executord", 0),
];

/// Samples the daemons.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    samples: Vec<[u64; ALLOWED_GROWTH.len()]>,
}

/// Median of a quantity over the samples of the first and of the last quarter.
#[derive(Clone, Debug)]
pub struct Quantity {
    /// Quantity.
    pub name: &'static str,
    /// Median over the first quarter.
    pub first: u64,
    /// Median over the last quarter.
    pub last: u64,
    /// Allowed growth.
    pub allowed_growth: u64,
}

impl Quantity {
    /// Returns a message, if it grew too much.
    #[must_use]
    pub fn grew(&self) -> Option<String> {
        let Self { name, first, last, allowed_growth } = self;
        (*last > first + allowed_growth).then(|| format!("{name}: {first} at first and {last} at last"))
    }
}

impl Watch {
    /// Takes a sample.
    ///
    /// # Errors
    /// If a daemon has ended.
    pub fn sample(&mut self, daemons: &Daemons) -> io::Result<()> {
        let [executord, webd] = [daemons.executord_pid(), daemons.webd_pid()];
        let threads = std::fs::read_dir(format!("/proc/{executord}/task"))?.count();
        // Other processes mount on this host too.
        let mounts = inventory::mounts(executord)?;
        let mounts = mounts.iter().filter(|mount| Path::new(mount).starts_with(daemons.directory()));
        self.samples.push([
            inventory::resident_bytes(executord)? / 1024,
            inventory::resident_bytes(webd)? / 1024,
            inventory::open_files(executord)? as u64,
            inventory::open_files(webd)? as u64,
            threads as u64,
            inventory::descendants(executord)?.len() as u64,
            inventory::cgroups(&daemons.cgroup).len() as u64,
            mounts.count() as u64,
        ]);
        Ok(())
    }

    /// Returns the growth of each quantity.
    #[must_use]
    pub fn quantities(&self) -> Vec<Quantity> {
        let quarter = self.samples.len() / 4;
        let (first, last) = (&self.samples[..quarter], &self.samples[self.samples.len() - quarter..]);
        let quantities = ALLOWED_GROWTH.iter().enumerate();
        let quantities = quantities.map(|(number, &(name, allowed_growth))| Quantity {
            name,
            first: median(first.iter().map(|sample| sample[number])),
            last: median(last.iter().map(|sample| sample[number])),
            allowed_growth,
        });
        quantities.collect()
    }
}

fn median(values: impl Iterator<Item = u64>) -> u64 {
    let mut values: Vec<_> = values.collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{ALLOWED_GROWTH, Watch};

    #[test]
    fn only_growth_beyond_its_bound_is_reported() {
        let grown = |by: u64| {
            let samples = (0..8)
                .map(|number| [if number < 6 { 100 } else { 100 + by }; ALLOWED_GROWTH.len()])
                .collect();
            Watch { samples }.quantities().iter().filter(|quantity| quantity.grew().is_some()).count()
        };
        assert_eq!([grown(0), grown(1), grown(1 << 30)], [0, 1, ALLOWED_GROWTH.len()]);
    }
}
