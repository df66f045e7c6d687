//! How the pool shares its room between the buckets.

/// How many sandboxes a bucket would have if there were room for all. The greater of two wishes is cut first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Wish {
    pub(super) count: usize,
    /// Whether its sandboxes wait without an interpreter: one saves a millisecond or two, those with an interpreter save
    /// between ten and several hundred.
    pub(super) saves_little: bool,
    /// Whether there is no recent demand.
    pub(super) is_unrequested: bool,
    /// Whether there was no demand for a long time.
    pub(super) is_at_rest: bool,
    /// Memory of each of them, in bytes.
    pub(super) memory: u64,
    /// A number that all buckets of a language have in common.
    pub(super) language: usize,
}

/// Fulfils the wishes as far as there is room: while there are too many sandboxes, or they would hold too much memory, the
/// greatest wish is cut by one. So the bucket with the most is cut first, then one without an interpreter, then one without
/// demand, then the largest. Those at rest hold at most `max_memory_at_rest`.
pub(super) fn share_room(
    mut wishes: Vec<Wish>,
    max_count: usize,
    max_memory: u64,
    max_memory_at_rest: u64,
) -> Vec<usize> {
    for too_large in wishes.iter_mut().filter(|wish| wish.memory > max_memory) {
        too_large.count = 0;
    }
    shrink_at_rest(&mut wishes, max_memory_at_rest);
    loop {
        let count: usize = wishes.iter().map(|wish| wish.count).sum();
        let memory: u64 = wishes.iter().map(|wish| wish.count as u64 * wish.memory).sum();
        match wishes.iter_mut().max() {
            Some(wish) if wish.count > 0 && (count > max_count || memory > max_memory) => wish.count -= 1,
            _ => return wishes.iter().map(|wish| wish.count).collect(),
        }
    }
}

/// Cuts the wishes of buckets at rest until they hold at most `max_memory` bytes, those of the largest language first, so
/// that as many languages as possible keep their sandboxes. The stages of a language are cut together: a program that waits
/// for its compiler to start gains little from an interpreter that is ready.
fn shrink_at_rest(wishes: &mut [Wish], max_memory: u64) {
    loop {
        let at_rest = || wishes.iter().filter(|wish| wish.is_at_rest && wish.count > 0);
        let memory_of = |language| -> u64 {
            at_rest()
                .filter(|wish| wish.language == language)
                .map(|wish| wish.count as u64 * wish.memory)
                .sum()
        };
        let memory: u64 = at_rest().map(|wish| wish.count as u64 * wish.memory).sum();
        let largest = at_rest().map(|wish| wish.language).max_by_key(|&language| memory_of(language));
        match largest {
            Some(language) if memory > max_memory => {
                let cut = |wish: &&mut Wish| wish.is_at_rest && wish.language == language;
                wishes.iter_mut().filter(cut).for_each(|wish| wish.count = wish.count.saturating_sub(1));
            }
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::{Wish, share_room};

    #[test]
    fn the_most_requested_language_leaves_room_for_the_others() {
        let requested = |count, memory| Wish {
            count,
            saves_little: false,
            is_unrequested: false,
            is_at_rest: false,
            memory,
            language: 0,
        };
        let unrequested = |memory| Wish { is_unrequested: true, ..requested(1, memory) };
        let empty = |count, memory| Wish { saves_little: true, ..requested(count, memory) };
        for (wishes, max_count, max_memory, expected) in [
            (vec![requested(4, 8), unrequested(40), requested(0, 1)], 8, 300, vec![4, 1, 0]),
            (
                vec![requested(4, 8), unrequested(40), requested(1, 60), requested(4, 1)],
                8,
                300,
                vec![3, 1, 1, 3],
            ),
            (vec![requested(1, 9), unrequested(1), unrequested(2)], 2, 300, vec![1, 1, 0]),
            (vec![requested(4, 50), unrequested(140), unrequested(60)], 8, 300, vec![2, 1, 1]),
            (vec![unrequested(50), unrequested(340)], 8, 300, vec![1, 0]),
            (vec![requested(1, 340), unrequested(50)], 8, 300, vec![0, 1]),
            (vec![requested(4, 1)], 0, 300, vec![0]),
            (vec![requested(1, 90), empty(1, 2), empty(1, 3), unrequested(80)], 3, 300, vec![1, 1, 0, 1]),
            (vec![empty(4, 2), unrequested(80)], 3, 300, vec![2, 1]),
            (vec![], 8, 300, vec![]),
        ] {
            assert_eq!(share_room(wishes.clone(), max_count, max_memory, 0), expected, "{wishes:?}");
        }
    }

    #[test]
    fn sandboxes_at_rest_share_little_memory() {
        const MIB: u64 = 1 << 20;
        let of = |language, memory| Wish {
            count: 1,
            saves_little: false,
            is_unrequested: true,
            is_at_rest: true,
            memory,
            language,
        };
        let next = Cell::new(100);
        let at_rest = |memory| of(next.replace(next.get() + 1), memory);
        let active = |memory| Wish { is_at_rest: false, ..at_rest(memory) };
        for (wishes, expected) in [
            (
                vec![at_rest(10 * MIB), at_rest(40 * MIB), at_rest(140 * MIB), at_rest(60 * MIB)],
                vec![1, 1, 0, 0],
            ),
            (vec![at_rest(10 * MIB), active(140 * MIB), at_rest(60 * MIB)], vec![1, 1, 0]),
            (vec![Wish { count: 3, ..at_rest(30 * MIB) }, at_rest(4 * MIB)], vec![2, 1]),
            (vec![at_rest(64 * MIB)], vec![1]),
            (vec![at_rest(65 * MIB)], vec![0]),
            // A compiler and what runs its programs stay or go together.
            (vec![of(1, 60 * MIB), of(1, 20 * MIB), at_rest(40 * MIB)], vec![0, 0, 1]),
            (vec![of(1, 30 * MIB), of(1, 20 * MIB), at_rest(40 * MIB)], vec![0, 0, 1]),
            (vec![of(1, 20 * MIB), of(1, 20 * MIB), at_rest(10 * MIB)], vec![1, 1, 1]),
            (vec![Wish { is_at_rest: false, ..of(1, 60 * MIB) }, of(1, 20 * MIB)], vec![1, 1]),
        ] {
            assert_eq!(share_room(wishes.clone(), 8, 300 * MIB, 64 * MIB), expected, "{wishes:?}");
            let all: Vec<_> = wishes.iter().map(|wish| wish.count).collect();
            assert_eq!(share_room(wishes.clone(), 8, 300 * MIB, 300 * MIB), all, "{wishes:?}");
        }
    }
}
