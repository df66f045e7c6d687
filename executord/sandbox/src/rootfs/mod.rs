//! The root file system of a sandbox: the files that the program can see, and those that it can write.
//!
//! The part that is the same for many sandboxes is a [`template`], which the supervisor builds once
//! ([`template_cache`]). The part of one sandbox ([`sandbox_root`]) is mounted by its init, in a copy of a template,
//! before any process of the program exists. Paths are resolved at that time, but only paths that the supervisor and
//! init created.

mod host_mounts;
pub(crate) mod layout;
mod mounts;
pub(crate) mod proc;
pub(crate) mod sandbox_root;
mod scratch;
pub(crate) mod sources;
mod template;
pub(crate) mod template_cache;
