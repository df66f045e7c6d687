//! One stage in its sandbox: the program is started, watched, and judged.

mod collect;
mod deadlines;
mod error_text;
mod input;
mod input_watch;
mod link;
mod run;
mod stdin;
mod wall_clock;
mod watch;

pub(super) use input::{EventSender, StageContext, StageInput};
pub(super) use link::{Link, links};
pub(super) use run::{StageOutcome, StageResult, run};
