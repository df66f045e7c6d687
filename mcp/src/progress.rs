//! Progress notifications with the live output of a program, for a client that asked for them with a progress token.

use rmcp::RoleServer;
use rmcp::model::{ProgressNotificationParam, ProgressToken};
use rmcp::service::Peer;
use tokio::time::{Instant, sleep_until};

use crate::bounds::{MAX_PROGRESS_MESSAGE, MAX_PROGRESS_TOTAL, PROGRESS_INTERVAL};

/// The progress notifications of one call.
pub(crate) struct Progress {
    /// `None` if the client asked for none.
    target: Option<(Peer<RoleServer>, ProgressToken)>,
    /// Output that was not sent yet.
    pending: Vec<u8>,
    /// Bytes of output that were pending at some time.
    accepted: usize,
    /// Number of notifications, which each of them has as its progress.
    sent: u32,
    next: Instant,
}

impl Progress {
    /// Creates the notifications for the call that has this token, if it has one.
    pub(crate) fn new(peer: Peer<RoleServer>, token: Option<ProgressToken>) -> Self {
        let target = token.map(|token| (peer, token));
        Self { target, pending: Vec::new(), accepted: 0, sent: 0, next: Instant::now() }
    }

    /// Adds output, up to [`MAX_PROGRESS_TOTAL`] of a call.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if self.target.is_some() {
            let room = MAX_PROGRESS_TOTAL - self.accepted;
            let kept = &bytes[..bytes.len().min(room)];
            self.accepted += kept.len();
            self.pending.extend_from_slice(kept);
        }
    }

    /// Waits until output is to be sent; forever if there is none.
    pub(crate) async fn due(&self) {
        if self.pending.is_empty() {
            std::future::pending::<()>().await;
        }
        sleep_until(self.next).await;
    }

    /// Sends the pending output. Half a character at its end waits for the rest.
    pub(crate) async fn send(&mut self) {
        self.next = Instant::now() + PROGRESS_INTERVAL;
        while let Some(message) = next_message(&mut self.pending) {
            self.notify(message).await;
        }
    }

    /// Sends the number of executions that are ahead of this one.
    pub(crate) async fn queued(&mut self, position: u32) {
        self.notify(format!("queued, {position} ahead")).await;
    }

    async fn notify(&mut self, message: String) {
        let Some((peer, token)) = &self.target else { return };
        self.sent += 1;
        let progress = ProgressNotificationParam::new(token.clone(), f64::from(self.sent));
        // A client that has gone cancels the call.
        let _ = peer.notify_progress(progress.with_message(message)).await;
    }
}

/// Takes the next message from output: at most [`MAX_PROGRESS_MESSAGE`] bytes of it, in whole characters. Returns `None` if
/// there is at most a part of a character.
fn next_message(pending: &mut Vec<u8>) -> Option<String> {
    let part = &pending[..pending.len().min(MAX_PROGRESS_MESSAGE)];
    let end = match std::str::from_utf8(part) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        _ => part.len(),
    };
    let message = String::from_utf8_lossy(&pending[..end]).into_owned();
    pending.drain(..end);
    (end > 0).then_some(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_short_and_their_characters_whole() {
        let output = "é".repeat(MAX_PROGRESS_MESSAGE);
        let mut pending = [b"x", output.as_bytes()].concat();
        let messages: Vec<_> = std::iter::from_fn(|| next_message(&mut pending)).collect();
        assert!(messages.iter().all(|message| message.len() <= MAX_PROGRESS_MESSAGE));
        assert_eq!(messages.concat(), format!("x{output}"));

        assert_eq!(next_message(&mut vec![0xff; 3]).as_deref(), Some("\u{fffd}\u{fffd}\u{fffd}"));
        let mut half = b"a\xc3".to_vec();
        assert_eq!(next_message(&mut half).as_deref(), Some("a"));
        assert_eq!(next_message(&mut half), None);
        half.push(0xa9);
        assert_eq!(next_message(&mut half).as_deref(), Some("é"));
    }
}
