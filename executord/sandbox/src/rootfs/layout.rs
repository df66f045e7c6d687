//! Paths and mount attributes that templates and sandboxes share.

use crate::sys::mount::attribute;

/// The attributes of every mount: no set-user-ID programs and no devices.
pub(crate) const NOSUID_NODEV: u64 = attribute::NOSUID | attribute::NODEV;
/// The attributes of mounts that the program must not write to.
pub(crate) const READ_ONLY: u64 = NOSUID_NODEV | attribute::READ_ONLY;

/// The mount point of the build directory. `/build` is a link to it.
pub(super) const BUILD: &str = "mnt/build";
/// An empty directory of the template that masks other directories.
pub(super) const MASK_DIR: &str = "mnt/empty";
/// An empty file of the template that masks other files. Unlike /dev/null it cannot be opened for writing.
pub(super) const MASK_FILE: &str = "mnt/nothing";
/// An empty file of the template that only root may open. It masks files whose absence programs should notice.
pub(super) const DENIED_FILE: &str = "mnt/denied";
/// The files of /etc that name the program's user. A template has mount points for them.
pub(super) const IDENTITY_FILES: [&str; 2] = ["passwd", "group"];
