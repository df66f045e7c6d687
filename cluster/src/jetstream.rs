//! The requests to JetStream that this crate needs, as in its wire API
//! (<https://docs.nats.io/reference/reference-protocols/nats_api_reference>). Each has a timeout, and fails at once while
//! there is no connection: async-nats would send it later, when nobody waits for the answer any more.

use std::time::Duration;

use async_nats::connection::State;
use async_nats::{Client, HeaderMap, Message, Request, Subscriber};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::StreamExt;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::delivery::{Delivery, Reply, delivery_info};

/// Time for one request.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(2);
/// Time to read a message that can have some megabytes.
pub(crate) const READ_TIMEOUT: Duration = Duration::from_secs(5);
/// Header with a unique id of a message, by which the server recognises it for the time of the duplicate window.
const MESSAGE_ID: &str = "Nats-Msg-Id";
/// Header with the sequence number of the last message of the subject; 0 for none. Another one is refused.
const EXPECTED_SEQUENCE: &str = "Nats-Expected-Last-Subject-Sequence";
/// Messages that a snapshot returns at most.
const MAX_SNAPSHOT: usize = 100_000;

/// Error codes of the server (`server/errors.json` of nats-server).
mod code {
    pub(super) const MESSAGE_NOT_FOUND: u32 = 10037;
    pub(super) const MESSAGE_TOO_LARGE: u32 = 10054;
    pub(super) const WRONG_LAST_SEQUENCE: [u32; 2] = [10071, 10164];
    /// The message could not be stored: a limit of the stream is reached.
    pub(super) const STORE_FAILED: u32 = 10077;
    pub(super) const NO_SUCH_SEQUENCE: u32 = 10043;
}

/// Why a request to NATS failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClusterError {
    /// There is no connection, or no answer in time.
    #[error("NATS is unavailable: {0}")]
    Unavailable(String),
    /// The server refused the request.
    #[error("NATS refused the request: {description} ({code})")]
    Refused {
        /// Error code of the server.
        code: u32,
        /// Its description.
        description: String,
    },
    /// The answer, or a stored message, is not what this crate expects.
    #[error("unexpected message from NATS: {0}")]
    Unexpected(String),
    /// A message is larger than the stream accepts.
    #[error("the submission is too large")]
    TooLarge,
}

/// Why a message was not stored.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum PublishError {
    /// The subject has another last message than expected.
    WrongSequence,
    /// The stream, or the subject, is full.
    Full,
    Other(ClusterError),
}

/// A message to be stored.
#[derive(Debug, Default)]
pub(crate) struct NewMessage {
    pub(crate) headers: HeaderMap,
    pub(crate) payload: Bytes,
}

/// A stored message.
#[derive(Clone, Debug)]
pub(crate) struct StoredMessage {
    pub(crate) sequence: u64,
    pub(crate) headers: HeaderMap,
    pub(crate) subject: String,
    pub(crate) payload: Bytes,
}

/// JetStream over one connection.
#[derive(Clone, Debug)]
pub(crate) struct JetStream(Client);

impl NewMessage {
    pub(crate) fn new(payload: impl Into<Bytes>) -> Self {
        Self { headers: HeaderMap::new(), payload: payload.into() }
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.insert(name, value.into());
        self
    }

    pub(crate) fn id(self, id: impl Into<String>) -> Self {
        self.header(MESSAGE_ID, id)
    }

    /// Only stores the message if this is the last one of its subject; 0 if there must be none.
    pub(crate) fn expect_last(self, sequence: u64) -> Self {
        self.header(EXPECTED_SEQUENCE, sequence.to_string())
    }
}

impl JetStream {
    pub(crate) const fn new(client: Client) -> Self {
        Self(client)
    }

    pub(crate) const fn client(&self) -> &Client {
        &self.0
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.0.connection_state() == State::Connected
    }

    /// Stores a message and returns its sequence number.
    pub(crate) async fn publish(&self, subject: String, message: NewMessage) -> Result<u64, PublishError> {
        self.publish_within(TIMEOUT, subject, message).await
    }

    /// Stores a message within `limit`, and returns its sequence number.
    pub(crate) async fn publish_within(
        &self,
        limit: Duration,
        subject: String,
        message: NewMessage,
    ) -> Result<u64, PublishError> {
        let request = Request::new().headers(message.headers).payload(message.payload);
        let answer = self.send(subject, request, limit).await.map_err(PublishError::Other)?;
        match parse::<PublishAnswer>(&answer.payload) {
            Ok(answer) => Ok(answer.seq),
            Err(error) => Err(publish_error(error)),
        }
    }

    /// Publishes a message that is not stored, and returns when it is in the buffer of the connection.
    pub(crate) async fn publish_core(
        &self,
        subject: String,
        payload: impl Into<Bytes>,
    ) -> Result<(), ClusterError> {
        self.require_connection()?;
        let published = timeout(TIMEOUT, self.0.publish(subject, payload.into())).await;
        published.map_err(|_| timed_out())?.map_err(|error| ClusterError::Unavailable(error.to_string()))
    }

    /// Returns the last message of a subject, as the leader of the stream has it.
    pub(crate) async fn last(
        &self,
        stream: &str,
        subject: &str,
    ) -> Result<Option<StoredMessage>, ClusterError> {
        self.get(stream, &json!({"last_by_subj": subject}), READ_TIMEOUT).await
    }

    /// Returns the message with a sequence number.
    pub(crate) async fn with_sequence(
        &self,
        stream: &str,
        sequence: u64,
    ) -> Result<Option<StoredMessage>, ClusterError> {
        self.find(stream, json!({"seq": sequence})).await
    }

    /// Returns the message that a query of `STREAM.MSG.GET` finds.
    pub(crate) async fn find(
        &self,
        stream: &str,
        query: Value,
    ) -> Result<Option<StoredMessage>, ClusterError> {
        self.get(stream, &query, TIMEOUT).await
    }

    async fn get(
        &self,
        stream: &str,
        query: &Value,
        limit: Duration,
    ) -> Result<Option<StoredMessage>, ClusterError> {
        match self.api_within::<GetAnswer>(limit, &format!("STREAM.MSG.GET.{stream}"), query).await {
            Ok(answer) => answer.message.decode().map(Some),
            Err(ClusterError::Refused { code: code::MESSAGE_NOT_FOUND, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Deletes the message with a sequence number, if it is there.
    pub(crate) async fn delete(&self, stream: &str, sequence: u64) -> Result<(), ClusterError> {
        let query = json!({"seq": sequence, "no_erase": true});
        match self.api::<Value>(&format!("STREAM.MSG.DELETE.{stream}"), &query).await {
            Ok(_)
            | Err(ClusterError::Refused { code: code::MESSAGE_NOT_FOUND | code::NO_SUCH_SEQUENCE, .. }) => {
                Ok(())
            }
            // What is not there any more cannot be deleted: the server has several errors for this.
            Err(ClusterError::Refused { .. }) if self.with_sequence(stream, sequence).await?.is_none() => {
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Deletes all messages whose subjects match a filter.
    pub(crate) async fn purge(&self, stream: &str, filter: &str) -> Result<(), ClusterError> {
        self.api::<Value>(&format!("STREAM.PURGE.{stream}"), &json!({"filter": filter})).await.map(|_| ())
    }

    /// Takes the next message of a consumer. Without one, waits for `wait`; if that is zero, returns at once.
    pub(crate) async fn next(
        &self,
        stream: &str,
        consumer: &str,
        wait: Duration,
    ) -> Result<Option<Delivery>, ClusterError> {
        let query = if wait.is_zero() {
            json!({"batch": 1, "no_wait": true})
        } else {
            json!({"batch": 1, "expires": u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX)})
        };
        let subject = format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}");
        let server = self.server();
        // An inbox of its own: a delivered message has the subject under which it was stored, so that the common inbox of
        // async-nats cannot tell which request it answers.
        let request = Request::new().payload(query.to_string().into()).inbox(self.0.new_inbox());
        let message = match self.send(subject, request, wait + TIMEOUT).await {
            Ok(message) => message,
            // A wait that ends at the same time as a message arrives.
            Err(ClusterError::Unavailable(_)) if !wait.is_zero() && self.is_connected() => return Ok(None),
            Err(error) => return Err(error),
        };
        let Some(subject) = message.reply.as_ref().map(ToString::to_string) else {
            return match message.status.map(|status| status.as_u16()) {
                Some(404 | 408 | 409) => Ok(None),
                status => Err(ClusterError::Unexpected(format!("status {status:?} of a consumer"))),
            };
        };
        let info = delivery_info(&subject)
            .ok_or_else(|| ClusterError::Unexpected(format!("reply subject {subject}")))?;
        Ok(Some(Delivery { message, reply: Reply { subject, server }, info }))
    }

    /// Acknowledges a delivery, and returns when the server has confirmed it. If the connection leads to another server since, or to
    /// one that was started again, the message is not acknowledged, but delivered again: an acknowledgement names it by its sequence
    /// number, which another message may have (see [`crate::repair`]).
    pub(crate) async fn ack(&self, reply: &Reply) -> Result<(), ClusterError> {
        if self.server() != reply.server {
            return Err(ClusterError::Unavailable("the delivery is from another server".to_owned()));
        }
        let request = Request::new().payload(Bytes::from_static(b"+ACK"));
        self.send(reply.subject.clone(), request, TIMEOUT).await.map(|_| ())
    }

    /// Returns the id of the connected server, which is another one after each start.
    fn server(&self) -> String {
        self.0.server_info().server_id
    }

    /// Tells the server that a delivery is still worked on.
    pub(crate) async fn progress(&self, reply: &Reply) -> Result<(), ClusterError> {
        self.publish_core(reply.subject.clone(), Bytes::from_static(b"+WPI")).await
    }

    /// Returns a delivery, which is delivered again after `delay`. It counts as delivered.
    pub(crate) async fn nak(&self, reply: &Reply, delay: Duration) -> Result<(), ClusterError> {
        self.publish_core(reply.subject.clone(), format!("-NAK {{\"delay\":{}}}", delay.as_nanos())).await
    }

    /// Returns the last message of each subject that matches a filter, ordered by sequence number.
    pub(crate) async fn snapshot(
        &self,
        stream: &str,
        filter: &str,
        headers_only: bool,
    ) -> Result<Vec<StoredMessage>, ClusterError> {
        let inbox = self.0.new_inbox();
        let mut messages = self.subscribe(inbox.clone()).await?;
        let query = json!({"stream_name": stream, "config": {
            "deliver_policy": "last_per_subject",
            "ack_policy": "none",
            "replay_policy": "instant",
            "filter_subject": filter,
            "deliver_subject": inbox,
            "headers_only": headers_only,
            "mem_storage": true,
            "num_replicas": 1,
            "inactive_threshold": 5_000_000_000_u64,
        }});
        let created: ConsumerAnswer = self.api(&format!("CONSUMER.CREATE.{stream}"), &query).await?;
        // Some may have been delivered before the answer was written.
        let expected = created.num_pending + created.delivered.consumer_seq;
        let mut snapshot = Vec::new();
        while (snapshot.len() as u64) < expected && snapshot.len() < MAX_SNAPSHOT {
            let next = timeout(TIMEOUT, messages.next()).await.map_err(|_| timed_out())?;
            let message = next.ok_or_else(timed_out)?;
            let Some(info) = message.reply.as_ref().and_then(|reply| delivery_info(reply.as_str())) else {
                continue;
            };
            snapshot.push(StoredMessage {
                sequence: info.sequence,
                headers: message.headers.unwrap_or_default(),
                subject: message.subject.to_string(),
                payload: message.payload,
            });
        }
        Ok(snapshot)
    }

    pub(crate) async fn subscribe(&self, subject: String) -> Result<Subscriber, ClusterError> {
        self.require_connection()?;
        self.0.subscribe(subject).await.map_err(|error| ClusterError::Unavailable(error.to_string()))
    }

    /// Sends a request to the API and returns its answer.
    pub(crate) async fn api<T: DeserializeOwned>(
        &self,
        operation: &str,
        query: &Value,
    ) -> Result<T, ClusterError> {
        self.api_within(TIMEOUT, operation, query).await
    }

    async fn api_within<T: DeserializeOwned>(
        &self,
        limit: Duration,
        operation: &str,
        query: &Value,
    ) -> Result<T, ClusterError> {
        let request = Request::new().payload(query.to_string().into());
        let answer = self.send(format!("$JS.API.{operation}"), request, limit).await?;
        parse(&answer.payload)
    }

    async fn send(
        &self,
        subject: String,
        request: Request,
        limit: Duration,
    ) -> Result<Message, ClusterError> {
        self.require_connection()?;
        let request = request.timeout(Some(limit));
        // The timeout of the request itself begins when it is in the buffer of the connection.
        let answer = timeout(limit + TIMEOUT, self.0.send_request(subject, request)).await;
        answer.map_err(|_| timed_out())?.map_err(|error| match error.kind() {
            async_nats::RequestErrorKind::MaxPayloadExceeded => ClusterError::TooLarge,
            _ => ClusterError::Unavailable(error.to_string()),
        })
    }

    fn require_connection(&self) -> Result<(), ClusterError> {
        if self.is_connected() {
            return Ok(());
        }
        Err(ClusterError::Unavailable("not connected".to_owned()))
    }
}

impl StoredMessage {
    /// Returns the value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(async_nats::HeaderValue::as_str)
    }
}

impl From<PublishError> for ClusterError {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::Other(error) => error,
            PublishError::Full => Self::Unavailable("the stream is full".to_owned()),
            PublishError::WrongSequence => Self::Unexpected("another message was stored".to_owned()),
        }
    }
}

#[derive(Debug, Deserialize)]
struct ApiError {
    #[serde(default)]
    err_code: u32,
    #[serde(default)]
    description: String,
}

#[derive(Debug, Deserialize)]
struct PublishAnswer {
    seq: u64,
}

#[derive(Debug, Deserialize)]
struct GetAnswer {
    message: RawMessage,
}

#[derive(Debug, Deserialize)]
struct RawMessage {
    subject: String,
    seq: u64,
    #[serde(default)]
    hdrs: String,
    #[serde(default)]
    data: String,
}

#[derive(Debug, Deserialize)]
struct ConsumerAnswer {
    num_pending: u64,
    delivered: Delivered,
}

#[derive(Debug, Deserialize)]
struct Delivered {
    consumer_seq: u64,
}

impl RawMessage {
    fn decode(self) -> Result<StoredMessage, ClusterError> {
        let base64 = |text: &str| {
            STANDARD
                .decode(text)
                .map_err(|_| ClusterError::Unexpected("a message that is not base64".to_owned()))
        };
        Ok(StoredMessage {
            sequence: self.seq,
            headers: parse_headers(&base64(&self.hdrs)?),
            payload: base64(&self.data)?.into(),
            subject: self.subject,
        })
    }
}

/// Parses headers as they are stored: a line with the version, then `Name: value` lines.
fn parse_headers(bytes: &[u8]) -> HeaderMap {
    let text = String::from_utf8_lossy(bytes);
    let mut headers = HeaderMap::new();
    for (name, value) in text.split("\r\n").skip(1).filter_map(|line| line.split_once(':')) {
        if let (Ok(name), Ok(value)) =
            (name.parse::<async_nats::HeaderName>(), value.trim().parse::<async_nats::HeaderValue>())
        {
            headers.insert(name, value);
        }
    }
    headers
}

/// Parses an answer of the API, which is an error if it has one.
fn parse<T: DeserializeOwned>(answer: &[u8]) -> Result<T, ClusterError> {
    #[derive(Deserialize)]
    struct OnlyError {
        error: Option<ApiError>,
    }
    let unexpected =
        |error: serde_json::Error| ClusterError::Unexpected(format!("answer of JetStream: {error}"));
    if let Some(error) = serde_json::from_slice::<OnlyError>(answer).map_err(unexpected)?.error {
        return Err(ClusterError::Refused { code: error.err_code, description: error.description });
    }
    serde_json::from_slice(answer).map_err(unexpected)
}

fn publish_error(error: ClusterError) -> PublishError {
    match error {
        ClusterError::Refused { code, .. } if code::WRONG_LAST_SEQUENCE.contains(&code) => {
            PublishError::WrongSequence
        }
        ClusterError::Refused { code: code::STORE_FAILED, description }
            if description.contains("maximum") =>
        {
            PublishError::Full
        }
        ClusterError::Refused { code: code::MESSAGE_TOO_LARGE, .. } => {
            PublishError::Other(ClusterError::TooLarge)
        }
        error => PublishError::Other(error),
    }
}

fn timed_out() -> ClusterError {
    ClusterError::Unavailable("no answer in time".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_an_error_if_it_has_one() {
        let error = |text: &str| publish_error(parse::<PublishAnswer>(text.as_bytes()).unwrap_err());
        assert_eq!(parse::<PublishAnswer>(br#"{"stream":"SUBS","seq":4}"#).unwrap().seq, 4);
        for (text, expected) in [
            (
                r#"{"error":{"code":400,"err_code":10071,"description":"wrong last sequence: 3"},"seq":0}"#,
                PublishError::WrongSequence,
            ),
            (
                r#"{"error":{"code":503,"err_code":10077,"description":"maximum messages per subject exceeded"}}"#,
                PublishError::Full,
            ),
            (
                r#"{"error":{"code":400,"err_code":10054,"description":"message size exceeds maximum allowed"}}"#,
                PublishError::Other(ClusterError::TooLarge),
            ),
        ] {
            assert_eq!(error(text), expected, "{text}");
        }
        assert!(matches!(error("{"), PublishError::Other(ClusterError::Unexpected(_))));
    }

    #[test]
    fn stored_headers_are_read() {
        let headers =
            parse_headers(b"NATS/1.0\r\nExecutor-Record: {\"a\":\"b:c\"}\r\nNats-Msg-Id: x\r\n\r\n");
        assert_eq!(headers.get("Executor-Record").unwrap().as_str(), "{\"a\":\"b:c\"}");
        assert_eq!(headers.len(), 2);
        assert!(parse_headers(b"").is_empty());
    }
}
