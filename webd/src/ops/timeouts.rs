//! The section `[timeouts]` of the configuration.

use std::time::Duration;

use serde::Deserialize;

use crate::ops::positive::{duration, positive};

/// Timeouts.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Timeouts {
    /// For a request head, and for the next request on an idle connection.
    #[serde(deserialize_with = "positive")]
    pub head: Duration,
    /// For a request body.
    #[serde(deserialize_with = "positive")]
    pub body: Duration,
    /// For a whole multipart body, with uploaded stdin.
    #[serde(deserialize_with = "positive")]
    pub upload: Duration,
    /// For a client that does not read its response.
    #[serde(deserialize_with = "positive")]
    pub stall: Duration,
    /// Between SIGTERM and the end of the listener. webd reports that it is not ready, so that a load balancer sends no
    /// more requests, and serves those that still come.
    #[serde(deserialize_with = "duration")]
    pub drain: Duration,
    /// For holding back a response that executord is unavailable. A load balancer that prefers the node with the fewest
    /// requests would send all requests to a node that refuses them at once.
    #[serde(deserialize_with = "duration")]
    pub unavailable: Duration,
    /// For running requests when webd is stopped, after the drain time.
    #[serde(deserialize_with = "positive")]
    pub stop: Duration,
    /// Interval between pings of a session. A client that gives no sign of life for three of them is disconnected.
    #[serde(deserialize_with = "positive")]
    pub ping: Duration,
    /// For a session without an execution.
    #[serde(deserialize_with = "positive")]
    pub session_idle: Duration,
    /// For a whole session.
    #[serde(deserialize_with = "positive")]
    pub session: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            body: Duration::from_secs(30),
            upload: Duration::from_secs(300),
            stall: Duration::from_secs(20),
            drain: Duration::ZERO,
            unavailable: Duration::ZERO,
            stop: Duration::from_secs(25),
            ping: Duration::from_secs(15),
            session_idle: Duration::from_secs(10 * 60),
            session: Duration::from_secs(4 * 60 * 60),
        }
    }
}
