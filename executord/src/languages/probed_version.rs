//! The version of a toolchain, which is found out when it is first needed.

use std::sync::Arc;

use tokio::sync::OnceCell;

/// Reason for which a toolchain cannot be used before it was asked for its version.
const NOT_PROBED: &str = "its version is not known yet";

/// The version that a toolchain printed, or why it cannot be used. Clones share what is found out.
#[derive(Clone, Debug, Default)]
pub(crate) struct ProbedVersion(Arc<OnceCell<Result<String, String>>>);

impl ProbedVersion {
    /// Creates a version that needs no probe.
    pub(super) fn known(version: Result<String, String>) -> Self {
        Self(Arc::new(OnceCell::new_with(Some(version))))
    }

    /// Returns the version, or why the toolchain cannot be used.
    pub(super) fn get(&self) -> Result<&str, &str> {
        match self.0.get() {
            Some(version) => version.as_deref().map_err(String::as_str),
            None => Err(NOT_PROBED),
        }
    }

    /// Returns whether the version, or why there is none, is known.
    pub(super) fn is_known(&self) -> bool {
        self.0.initialized()
    }

    /// Runs the probe unless the version is known. Callers that arrive meanwhile wait for the same probe. If a caller stops
    /// waiting, another one runs its own probe.
    pub(super) async fn probe(&self, probe: impl Future<Output = Result<String, String>>) {
        self.0.get_or_init(|| probe).await;
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    #[tokio::test]
    async fn clones_share_the_result_of_one_probe() {
        let version = ProbedVersion::default();
        let clone = version.clone();
        assert_eq!((clone.is_known(), clone.get()), (false, Err(NOT_PROBED)));
        tokio::select! {
            biased;
            () = version.probe(pending()) => panic!("this probe never ends"),
            () = ready(()) => {}
        }
        clone.probe(ready(Ok("3.11.2".to_owned()))).await;
        version.probe(ready(Err("not asked again".to_owned()))).await;
        assert_eq!((version.is_known(), version.get()), (true, Ok("3.11.2")));
    }
}
