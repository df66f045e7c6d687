//! How often a submission is attempted, and when.

/// How often a submission is run if webd ends before its result is stored. One that ends webd each time is given up, after
/// four minutes at the soonest, because of the delays in [`MAY_BE_CLAIMED`]. Until then, webd may be killed again and again
/// for another reason.
pub(super) const MAX_ATTEMPTS: u32 = 20;

/// Condition in SQL for submissions that may be claimed, with the current time as its parameter. After three attempts without
/// a result, a submission waits before each further one: 1 s, 2 s, and so on up to 16 s, from the beginning of the last one.
/// Otherwise a webd that is killed several times in a second would use up [`MAX_ATTEMPTS`] before a submission has had time
/// for a run. A beginning in the future was written before the clock was set back.
pub(super) const MAY_BE_CLAIMED: &str = "state = 0 AND (attempts < 3 OR started > ?1 \
                                         OR started + (1000 << min(attempts - 3, 4)) <= ?1)";
