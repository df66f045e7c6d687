//! The order in which a node looks for work. Pure: noded and the simulation use it.

use crate::subjects::BUCKETS;

/// Round-robin over all buckets, starting after the last one that had work: a bucket that is full costs each of the
/// others one turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BucketOrder {
    /// The bucket after the last one that had work.
    first: u8,
}

impl BucketOrder {
    /// Creates an order that starts with a bucket. Nodes start with different ones, so that they do not all look at the
    /// same.
    #[must_use]
    pub const fn starting_with(bucket: u8) -> Self {
        Self { first: bucket % BUCKETS }
    }

    /// Returns all buckets in the order in which to look at them.
    pub fn buckets(self) -> impl Iterator<Item = u8> {
        (0..BUCKETS).map(move |offset| (self.first + offset) % BUCKETS)
    }

    /// Notes that a bucket had work.
    pub const fn took(&mut self, bucket: u8) {
        self.first = (bucket + 1) % BUCKETS;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes the first work in order. `waiting` has the number of submissions of each bucket.
    fn take(order: &mut BucketOrder, waiting: &mut [u32; BUCKETS as usize]) -> Option<u8> {
        let bucket = order.buckets().find(|bucket| waiting[usize::from(*bucket)] > 0)?;
        waiting[usize::from(bucket)] -= 1;
        order.took(bucket);
        Some(bucket)
    }

    #[test]
    fn each_bucket_is_looked_at_once() {
        let mut buckets: Vec<_> = BucketOrder::starting_with(21).buckets().collect();
        assert_eq!(buckets[0], 5);
        buckets.sort_unstable();
        assert_eq!(buckets, (0..BUCKETS).collect::<Vec<_>>());
    }

    #[test]
    fn a_flood_in_one_bucket_costs_another_one_turn() {
        let mut waiting = [0; BUCKETS as usize];
        waiting[3] = 300;
        let mut order = BucketOrder::default();
        for _ in 0..5 {
            assert_eq!(take(&mut order, &mut waiting), Some(3));
        }
        waiting[9] = 2;
        waiting[2] = 1;
        let taken: Vec<_> = (0..6).filter_map(|_| take(&mut order, &mut waiting)).collect();
        assert_eq!(taken, [9, 2, 3, 9, 3, 3]);
    }

    #[test]
    fn nothing_is_taken_from_empty_buckets() {
        assert_eq!(take(&mut BucketOrder::default(), &mut [0; BUCKETS as usize]), None);
    }
}
