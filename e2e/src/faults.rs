//! Injected faults: daemons killed at random moments under load ([`kills`]), and every other fault as its own case
//! ([`cases`]). docs/reliability.md documents the behavior after each fault.

mod case;
pub mod cases;
pub mod host;
mod judges;
pub mod kills;
pub mod programs;
pub mod random;
pub mod remaining;
