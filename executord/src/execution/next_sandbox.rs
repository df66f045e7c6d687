//! The sandbox of the next run, which is prepared while another run takes place.

use std::os::fd::OwnedFd;

use futures_util::future::BoxFuture;

use crate::pool::sandbox::Sandbox;

/// A sandbox that was prepared for a run that could not start yet.
pub(super) struct PreparedSandbox {
    pub(super) sandbox: Sandbox,
    /// A mount of the output of the compilation.
    pub(super) build: Option<OwnedFd>,
}

/// The sandbox of the next run.
#[derive(Default)]
pub(super) enum NextSandbox<'a> {
    /// Nobody has tried to prepare one.
    #[default]
    None,
    /// It is being requested. Dropping the future might lose a reply of the supervisor that has the build.
    Requested(BoxFuture<'a, Option<PreparedSandbox>>),
    /// It is there, or there is none because something that it needs is scarce.
    Known(Option<Box<PreparedSandbox>>),
}

impl NextSandbox<'_> {
    pub(super) const fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// Continues a request until its result is known. Never returns if there is none. Cancel safe.
    pub(super) async fn requested(&mut self) {
        match self {
            Self::Requested(request) => {
                let prepared = request.await.map(Box::new);
                *self = Self::Known(prepared);
            }
            Self::None | Self::Known(_) => std::future::pending().await,
        }
    }

    /// Returns the sandbox, if there is one.
    pub(super) async fn take(self) -> Option<Box<PreparedSandbox>> {
        match self {
            Self::None => None,
            Self::Requested(request) => request.await.map(Box::new),
            Self::Known(prepared) => prepared,
        }
    }
}

impl PreparedSandbox {
    /// Returns whether the sandbox is still there. It may have waited for long.
    pub(super) async fn is_alive(&mut self) -> bool {
        self.sandbox.wait_until_launched().await.is_ok() && self.sandbox.slot.is_alive()
    }
}
