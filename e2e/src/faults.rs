//! What goes wrong on a server, made to happen: daemons killed at random moments under load ([`kills`]), and every
//! other fault as a case of its own ([`cases`]). docs/reliability.md says what is promised after each.

pub mod cases;
pub mod host;
pub mod kills;
pub mod programs;
pub mod random;
pub mod remaining;
