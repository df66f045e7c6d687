//! What an administrator can see of submissions on their way, for tests that interfere in a certain phase.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use async_nats::{Message, Subscriber};
use futures_util::stream::{BoxStream, SelectAll, select_all};
use futures_util::{FutureExt, StreamExt};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout_at};

use crate::connection::{Connection, Settings};
use crate::jetstream::{ClusterError, delivery_info};
use crate::record::{KEY_HEADER, RECORD_HEADER, Record, State};
use crate::subjects::{Name, SUBMISSIONS, SubmissionKey};

/// Messages of one subject that [`Observer::keep_all_messages`] keeps.
const MESSAGES_PER_SUBJECT: u64 = 64;
/// Pause between two looks at the connection.
const PAUSE: Duration = Duration::from_millis(20);

/// How far a submission has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Its work is being stored.
    Accepted,
    /// Its work was sent to a node.
    Claimed,
    /// The node has stored that it runs.
    Running,
    /// The node has sent the result.
    ResultStored,
    /// The node has acknowledged the work.
    Acknowledged,
}

/// All phases, in their order.
pub const PHASES: [Phase; 5] =
    [Phase::Accepted, Phase::Claimed, Phase::Running, Phase::ResultStored, Phase::Acknowledged];

/// A submission that has reached a phase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// The submission.
    pub key: SubmissionKey,
    /// Its phase.
    pub phase: Phase,
    /// The node that has it; `None` if no node has.
    pub node: Option<String>,
}

/// Sees the messages between the processes of a cluster. It has the key of an administrator.
pub struct Observer {
    connection: Connection,
    messages: SelectAll<BoxStream<'static, (Source, Message)>>,
    /// Submissions by the sequence number of their work, with the node that has it.
    claimed: HashMap<u64, (SubmissionKey, String)>,
}

#[derive(Clone, Debug)]
enum Source {
    WorkMessage,
    /// Inbox of this node.
    Inbox(String),
    Record,
    Acknowledgement,
}

impl Observer {
    /// Begins to observe the nodes with these names.
    ///
    /// # Errors
    /// If it cannot connect.
    pub async fn start(settings: &Settings, nodes: &[Name]) -> Result<Self, String> {
        let connection = Connection::start(settings).await?;
        let mut messages = Vec::new();
        let fail = |error: ClusterError| error.to_string();
        let subjects = [
            (Source::WorkMessage, "x.work.>".to_owned()),
            (Source::Record, "x.sub.>".to_owned()),
            (Source::Acknowledgement, "$JS.ACK.>".to_owned()),
        ];
        let inboxes = nodes
            .iter()
            .map(|name| (Source::Inbox(name.to_string()), format!("{}.>", Settings::inbox_prefix(name))));
        for (source, subject) in subjects.into_iter().chain(inboxes) {
            let subscriber: Subscriber = connection.0.subscribe(subject).await.map_err(fail)?;
            messages.push(subscriber.map(move |message| (source.clone(), message)).boxed());
        }
        let observer = Self { connection, messages: select_all(messages), claimed: HashMap::new() };
        observer.connection.flush().await;
        Ok(observer)
    }

    /// Waits until it is connected, and forgets what it has seen until now.
    pub async fn begin(&mut self) {
        while !self.connection.is_up() {
            sleep(PAUSE).await;
        }
        // Subscriptions were restored before.
        self.connection.flush().await;
        while let Some(Some((source, message))) = self.messages.next().now_or_never() {
            self.observe(&source, &message);
        }
    }

    /// Waits until a submission reaches a phase. `None` if it does not until the deadline.
    pub async fn until(
        &mut self,
        key: SubmissionKey,
        phase: Phase,
        deadline: Instant,
    ) -> Option<Observation> {
        loop {
            let (source, message) = timeout_at(deadline, self.messages.next()).await.ok()??;
            let observed = self.observe(&source, &message);
            if let Some(found) = observed.filter(|found| (found.key, found.phase) == (key, phase)) {
                return Some(found);
            }
        }
    }

    fn observe(&mut self, source: &Source, message: &Message) -> Option<Observation> {
        let header = |name| message.headers.as_ref()?.get(name).map(async_nats::HeaderValue::as_str);
        let key = header(KEY_HEADER).and_then(SubmissionKey::parse);
        match source {
            Source::WorkMessage => Some(Observation { key: key?, phase: Phase::Accepted, node: None }),
            Source::Inbox(node) => {
                let key = key?;
                let info = delivery_info(message.reply.as_ref()?.as_str())?;
                self.claimed.insert(info.sequence, (key, node.clone()));
                Some(Observation { key, phase: Phase::Claimed, node: Some(node.clone()) })
            }
            Source::Record => {
                let key = SubmissionKey::of_subject(message.subject.as_str())?;
                let record = Record::parse(header(RECORD_HEADER)?)?;
                let phase = match record.state {
                    State::Running => Phase::Running,
                    State::Finished | State::Failed => Phase::ResultStored,
                    _ => return None,
                };
                Some(Observation { key, phase, node: record.node })
            }
            Source::Acknowledgement => {
                let info = delivery_info(message.subject.as_str())?;
                let (key, node) =
                    self.claimed.get(&info.sequence).filter(|_| message.payload.starts_with(b"+ACK"))?;
                Some(Observation { key: *key, phase: Phase::Acknowledged, node: Some(node.clone()) })
            }
        }
    }

    /// Lets the stream of results keep all of each submission, so that [`Observer::results`] finds one that was stored
    /// twice.
    ///
    /// # Errors
    /// [`ClusterError`]
    pub async fn keep_all_messages(&self) -> Result<(), ClusterError> {
        let info: Value = self.connection.0.api(&format!("STREAM.INFO.{SUBMISSIONS}"), &json!({})).await?;
        let mut config = info["config"].clone();
        config["max_msgs_per_subject"] = json!(MESSAGES_PER_SUBJECT);
        self.connection.0.api::<Value>(&format!("STREAM.UPDATE.{SUBMISSIONS}"), &config).await.map(|_| ())
    }

    /// Returns how many servers have all results.
    ///
    /// # Errors
    /// [`ClusterError`]
    pub async fn current_replicas(&self) -> Result<usize, ClusterError> {
        let info: Value = self.connection.0.api(&format!("STREAM.INFO.{SUBMISSIONS}"), &json!({})).await?;
        let followers = info["cluster"]["replicas"].as_array().cloned().unwrap_or_default();
        let current = followers.iter().filter(|one| one["current"] == true && one["offline"] != true);
        Ok(current.count() + usize::from(info["cluster"]["leader"].is_string()))
    }

    /// Returns how many results are stored for each submission that has one.
    ///
    /// # Errors
    /// [`ClusterError`]
    pub async fn results(&self) -> Result<BTreeMap<String, u64>, ClusterError> {
        let query = json!({"subjects_filter": "x.sub.*.*.result"});
        let info: Value = self.connection.0.api(&format!("STREAM.INFO.{SUBMISSIONS}"), &query).await?;
        let subjects = info["state"]["subjects"].as_object().cloned().unwrap_or_default();
        let key = |subject: &str| SubmissionKey::of_subject(subject).map(|key| key.to_string());
        Ok(subjects.iter().filter_map(|(subject, count)| Some((key(subject)?, count.as_u64()?))).collect())
    }
}

impl std::fmt::Debug for Observer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        formatter.debug_struct("Observer").field("connection", &self.connection).finish_non_exhaustive()
    }
}
