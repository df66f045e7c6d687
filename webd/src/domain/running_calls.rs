//! Calls that can be cancelled by another request of the same client. A session of the Model Context Protocol is nothing but
//! an id that its calls share: a client that never ends its sessions costs no memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// The calls in progress.
#[derive(Clone, Debug, Default)]
pub(crate) struct RunningCalls(Arc<Mutex<HashMap<CallKey, Arc<Notify>>>>);

/// The name of a call.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct CallKey {
    /// The caller ([`crate::domain::caller::Caller::tag`]): no other caller can cancel the call.
    pub(crate) caller: String,
    /// The session.
    pub(crate) session: String,
    /// The id of the call in the session.
    pub(crate) call: String,
}

/// A call in progress, until it is dropped.
#[derive(Debug)]
pub(crate) struct RunningCall {
    calls: RunningCalls,
    key: CallKey,
    cancelled: Arc<Notify>,
}

impl RunningCalls {
    /// Adds a call. Of two calls with the same name, only the later one can be cancelled.
    pub(crate) fn begin(&self, key: CallKey) -> RunningCall {
        let cancelled = Arc::new(Notify::new());
        self.lock().insert(key.clone(), Arc::clone(&cancelled));
        RunningCall { calls: self.clone(), key, cancelled }
    }

    /// Cancels a call, if it is in progress.
    pub(crate) fn cancel(&self, key: &CallKey) {
        if let Some(cancelled) = self.lock().get(key) {
            cancelled.notify_one();
        }
    }

    /// Cancels all calls of a session.
    pub(crate) fn cancel_session(&self, caller: &str, session: &str) {
        for (key, cancelled) in &*self.lock() {
            if key.caller == caller && key.session == session {
                cancelled.notify_one();
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<CallKey, Arc<Notify>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RunningCall {
    /// Returns what is notified when the call is cancelled.
    pub(crate) fn cancelled(&self) -> Arc<Notify> {
        Arc::clone(&self.cancelled)
    }
}

impl Drop for RunningCall {
    fn drop(&mut self) {
        let mut calls = self.calls.lock();
        if calls.get(&self.key).is_some_and(|current| Arc::ptr_eq(current, &self.cancelled)) {
            calls.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(caller: &str, session: &str, call: &str) -> CallKey {
        CallKey { caller: caller.to_owned(), session: session.to_owned(), call: call.to_owned() }
    }

    fn is_cancelled(call: &RunningCall) -> bool {
        let cancelled = call.cancelled();
        let mut notified = std::pin::pin!(cancelled.notified());
        notified.as_mut().enable()
    }

    #[test]
    fn a_call_is_cancelled_by_its_name() {
        let calls = RunningCalls::default();
        let first = calls.begin(key("a", "s", "1"));
        let second = calls.begin(key("a", "s", "2"));
        let other = calls.begin(key("b", "s", "1"));
        calls.cancel(&key("a", "s", "1"));
        calls.cancel(&key("a", "other", "2"));
        assert_eq!([&first, &second, &other].map(is_cancelled), [true, false, false]);
        calls.cancel_session("a", "s");
        assert_eq!([&second, &other].map(is_cancelled), [true, false]);
    }

    #[test]
    fn a_call_that_ended_leaves_nothing() {
        let calls = RunningCalls::default();
        let first = calls.begin(key("a", "s", "1"));
        let again = calls.begin(key("a", "s", "1"));
        drop(first);
        calls.cancel(&key("a", "s", "1"));
        assert!(is_cancelled(&again));
        drop(again);
        assert!(calls.lock().is_empty());
    }
}
