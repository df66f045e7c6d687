//! Users that exist for one sandbox only.
//!
//! A user is a uid that no other user of the host has, without an account (docs/decisions/0001 has the reason). It is
//! released only against the proof that no process of it is left. Until there is one, it is quarantined.

mod identity_pool;
mod uid_check;
mod user_records;
mod zygote_users;

pub(crate) use identity_pool::{Identity, IdentityPool};
pub(crate) use uid_check::check_range;
pub(crate) use user_records::remove_stale_records;
pub(crate) use zygote_users::{ZygoteUser, ZygoteUserPool};
