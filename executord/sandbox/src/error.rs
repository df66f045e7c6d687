//! Where setting a sandbox up went wrong.

use std::fmt;
use std::io;

use nix::errno::Errno;

macro_rules! steps {
    ($($step:ident = $words:literal,)*) => {
        /// One deed of setting a sandbox up.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Step {
            $(#[doc = $words] $step,)*
        }

        impl Step {
            const ALL: &[Self] = &[$(Self::$step,)*];

            const fn words(self) -> &'static str {
                match self {
                    $(Self::$step => $words,)*
                }
            }
        }
    };
}

steps! {
    ReadPlan = "read the plan",
    Clone = "make a process in new namespaces",
    Detach = "detach from the parent",
    MountRoot = "mount the root file system",
    MountHost = "show a directory of the host",
    MountScratch = "mount the work directory",
    MountBuild = "mount the build directory",
    MountProc = "mount /proc",
    MountDevices = "show devices",
    WriteEtc = "write /etc",
    AwaitStart = "wait for the start",
    Boot = "execute an interpreter ahead",
    ResizeScratch = "size the work directory",
    WriteSources = "write the source files",
    Pivot = "change the root",
    Names = "name the sandbox",
    Terminal = "make a terminal",
    ForkPayload = "fork the program's process",
    DropInit = "drop init's privileges",
    Watch = "watch the program",
    Streams = "connect stdin, stdout and stderr",
    Resources = "limit resources",
    Capabilities = "drop capabilities",
    BecomeUser = "become the run's user",
    NoNewPrivileges = "forbid new privileges",
    Landlock = "restrict file access",
    Seccomp = "filter system calls",
    Execute = "execute the program",
}

impl Step {
    pub(crate) const fn number(self) -> u8 {
        self as u8
    }

    pub(crate) fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(self.words())
    }
}

/// A sandbox could not be set up. Always our fault or the host's, but for [`Step::Execute`], where a program
/// that a compiler just made may be what cannot be executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{step}: {}", errno.desc())]
pub struct SetupError {
    /// What was being done.
    pub step: Step,
    /// What the kernel said.
    pub errno: Errno,
}

impl SetupError {
    pub(crate) fn at(step: Step) -> impl Fn(io::Error) -> Self {
        move |error| Self { step, errno: error.raw_os_error().map_or(Errno::EIO, Errno::from_raw) }
    }
}

/// `result.at(step)`: the deed's name for whatever went wrong in it.
pub(crate) trait At<T> {
    fn at(self, step: Step) -> Result<T, SetupError>;
}

impl<T, E: Into<io::Error>> At<T> for Result<T, E> {
    fn at(self, step: Step) -> Result<T, SetupError> {
        self.map_err(Into::into).map_err(SetupError::at(step))
    }
}

#[cfg(test)]
mod tests {
    use super::Step;

    #[test]
    fn a_step_is_its_number() {
        for &step in Step::ALL {
            assert_eq!(Step::from_number(step.number()), Some(step));
        }
        assert_eq!(Step::from_number(u8::MAX), None);
    }
}
