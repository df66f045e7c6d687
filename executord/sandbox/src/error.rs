//! Errors of setting up a sandbox: the step that failed and its errno.

use std::fmt;
use std::io;

use nix::errno::Errno;

macro_rules! steps {
    ($($step:ident = $message:literal,)*) => {
        /// One step of setting up a sandbox.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Step {
            $(#[doc = $message] $step,)*
        }

        impl Step {
            const ALL: &[Self] = &[$(Self::$step,)*];

            const fn message(self) -> &'static str {
                match self {
                    $(Self::$step => $message,)*
                }
            }
        }
    };
}

steps! {
    ReadPlan = "read the plan",
    Clone = "clone a process into new namespaces",
    Detach = "detach from the parent process",
    MountRoot = "mount the root file system",
    BindHost = "bind-mount a path of the host",
    MountScratch = "mount the work directory",
    MountBuild = "mount the build directory",
    MountProc = "mount /proc",
    MountDevices = "mount devices",
    WriteEtc = "write /etc",
    AwaitStart = "wait for the start message",
    PreWarm = "pre-warm the interpreter",
    ResizeScratch = "resize the work directory",
    WriteSources = "write the source files",
    PivotRoot = "pivot to the new root",
    SetHostName = "set the host name",
    OpenTerminal = "open a pseudoterminal",
    ForkPayload = "fork the payload",
    DropInitPrivileges = "drop init's privileges",
    Watch = "watch the program",
    ConnectStreams = "connect stdin, stdout and stderr",
    SetResourceLimits = "set resource limits",
    DropCapabilities = "drop capabilities",
    BecomeUser = "switch to the run's user",
    NoNewPrivileges = "set no_new_privs",
    Landlock = "restrict file access with Landlock",
    Seccomp = "install the system call filter",
    Execute = "execute the program",
    Collect = "start the collector of output files",
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
        formatter.write_str(self.message())
    }
}

/// A sandbox could not be set up.
///
/// This is a failure of the service or its host, never of the client, with one exception: [`Step::Execute`] also fails
/// if a compiler produced a file that cannot be executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{step}: {}", errno.desc())]
pub struct SetupError {
    /// The step that failed.
    pub step: Step,
    /// The errno of the failed system call; `EIO` for errors that carry none.
    pub errno: Errno,
}

impl SetupError {
    fn at(step: Step) -> impl Fn(io::Error) -> Self {
        move |error| Self { step, errno: error.raw_os_error().map_or(Errno::EIO, Errno::from_raw) }
    }
}

/// Converts an error into a [`SetupError`]: `result.at(step)`.
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
    fn every_step_round_trips_through_its_number() {
        for &step in Step::ALL {
            assert_eq!(Step::from_number(step.number()), Some(step));
        }
        assert_eq!(Step::from_number(u8::MAX), None);
    }
}
