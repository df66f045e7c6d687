//! Whose submission is run next.

use std::collections::HashMap;

use crate::domain::submissions::submission::Owner;

/// The turns of owners. It is bounded by the number of owners that have submissions.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    last: HashMap<Owner, u64>,
    next: u64,
}

impl Turns {
    /// Chooses among the owners that have queued submissions: the one that was served the longest ago; of several that
    /// were never served, the first. Returns its index.
    pub(crate) fn choose(&mut self, waiting: &[Owner]) -> Option<usize> {
        self.last.retain(|owner, _| waiting.contains(owner));
        let (index, owner) = waiting
            .iter()
            .enumerate()
            .min_by_key(|(_, owner)| self.last.get(owner).map_or(0, |turn| turn + 1))?;
        self.last.insert(owner.clone(), self.next);
        self.next += 1;
        Some(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_take_turns() {
        let owner = |name: &str| Owner(name.parse().unwrap());
        let (many, few) = (owner("many"), owner("few"));
        let mut turns = Turns::default();
        let waiting = [many.clone(), few.clone()];
        let order: Vec<_> = (0..4).map(|_| turns.choose(&waiting).unwrap()).collect();
        assert_eq!(order, [0, 1, 0, 1]);
        assert_eq!(turns.choose(std::slice::from_ref(&many)), Some(0));
        // One that comes back was not served for a long time.
        assert_eq!(turns.choose(&waiting), Some(1));
        assert_eq!(turns.choose(&[]), None);
    }
}
