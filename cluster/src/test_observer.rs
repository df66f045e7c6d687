//! What an administrator can see of submissions on their way, for tests that interfere in a certain phase.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::time::Duration;

use async_nats::{Message, Subscriber};
use futures_util::stream::{BoxStream, SelectAll, select_all};
use futures_util::{FutureExt, StreamExt};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout_at};

use crate::connection::{Connection, Settings};
use crate::delivery::delivery_info;
use crate::jetstream::ClusterError;
use crate::record::{KEY_HEADER, RECORD_HEADER, Record, State};
use crate::subjects::{BUCKETS, CALLBACKS, Name, SUBMISSIONS, SubmissionKey, consumer, work_stream};

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
    messages: Messages,
    /// Messages to the inboxes of the nodes, while those are observed.
    deliveries: Messages,
    nodes: Vec<Name>,
    /// Submissions by the sequence number of their work, with the node that has it.
    claimed: HashMap<u64, (SubmissionKey, String)>,
}

type Messages = SelectAll<BoxStream<'static, (Source, Message)>>;

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
        let subjects = [
            (Source::WorkMessage, "x.work.>".to_owned()),
            (Source::Record, "x.sub.>".to_owned()),
            (Source::Acknowledgement, "$JS.ACK.>".to_owned()),
        ];
        let messages = subscribe(&connection, subjects).await?;
        let (deliveries, claimed) = (SelectAll::new(), HashMap::new());
        let observer = Self { connection, messages, deliveries, nodes: nodes.to_vec(), claimed };
        observer.connection.flush().await;
        Ok(observer)
    }

    /// Waits until it is connected, and forgets what it has seen until now. The next call of [`Observer::until`] observes
    /// [`Phase::Claimed`] only if it is `phase`.
    ///
    /// The server takes whoever receives what a node receives for that node. If this observed nodes all the time, the server would
    /// answer requests of nodes that have ended or given up waiting, and lose the delivery.
    ///
    /// # Panics
    /// If it cannot subscribe.
    pub async fn begin(&mut self, phase: Option<Phase>) {
        while !self.connection.is_up() {
            sleep(PAUSE).await;
        }
        self.deliveries = SelectAll::new();
        if phase == Some(Phase::Claimed) {
            let inbox = |name: &Name| {
                (Source::Inbox(name.to_string()), format!("{}.>", Settings::inbox_prefix(name)))
            };
            let inboxes: Vec<_> = self.nodes.iter().map(inbox).collect();
            self.deliveries = subscribe(&self.connection, inboxes).await.expect("a subscription");
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
        let found = loop {
            let next = async {
                tokio::select! {
                    Some(delivery) = self.deliveries.next() => Some(delivery),
                    message = self.messages.next() => message,
                }
            };
            let Ok(Some((source, message))) = timeout_at(deadline, next).await else { break None };
            let observed = self.observe(&source, &message);
            if let Some(found) = observed.filter(|found| (found.key, found.phase) == (key, phase)) {
                break Some(found);
            }
        };
        self.deliveries = SelectAll::new();
        found
    }

    fn observe(&mut self, source: &Source, message: &Message) -> Option<Observation> {
        let header = |name| message.headers.as_ref()?.get(name).map(async_nats::HeaderValue::as_str);
        let key = header(KEY_HEADER).and_then(SubmissionKey::parse);
        match source {
            Source::WorkMessage => Some(Observation { key: key?, phase: Phase::Accepted, node: None }),
            Source::Inbox(node) => {
                delivery_info(message.reply.as_ref()?.as_str())?;
                Some(Observation { key: key?, phase: Phase::Claimed, node: Some(node.clone()) })
            }
            Source::Record => {
                let key = SubmissionKey::of_subject(message.subject.as_str())?;
                let record = Record::parse(header(RECORD_HEADER)?)?;
                if let (Some(sequence), Some(node)) = (record.work, &record.node) {
                    self.claimed.insert(sequence, (key, node.clone()));
                }
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

    /// Sends a request to the API of JetStream, and returns its answer.
    ///
    /// # Errors
    /// [`ClusterError`]
    pub async fn request(&self, operation: &str, query: &Value) -> Result<Value, ClusterError> {
        self.connection.0.api(operation, query).await
    }

    /// Returns what the servers have of a submission, and the state of all streams and consumers, for the message of a test
    /// that fails.
    pub async fn describe(&self, pool: &Name, key: SubmissionKey) -> String {
        let mut text = String::new();
        let work = work_stream(pool);
        let mut requests = vec![(format!("STREAM.INFO.{work}"), json!({"subjects_filter": ">"}))];
        requests.extend([SUBMISSIONS, CALLBACKS].map(|stream| (format!("STREAM.INFO.{stream}"), json!({}))));
        for bucket in 0..BUCKETS {
            requests.push((format!("CONSUMER.INFO.{work}.{}", consumer(bucket)), json!({})));
        }
        for (operation, query) in requests {
            let state = self.request(&operation, &query).await.map(|mut info| {
                info.as_object_mut().map(|info| info.remove("config"));
                info
            });
            // Writing into a string cannot fail.
            let _ = match state {
                Ok(state) => writeln!(text, "{operation}: {state}"),
                Err(error) => writeln!(text, "{operation}: {error}"),
            };
        }
        for subject in [key.state(), key.result()] {
            let message = self.connection.0.last(SUBMISSIONS, &subject).await;
            let record = message.map(|message| {
                message.map(|message| (message.sequence, message.header(RECORD_HEADER).map(str::to_owned)))
            });
            let _ = writeln!(text, "{subject}: {record:?}");
            let record = record.ok().flatten().and_then(|(_, header)| Record::parse(&header?));
            if let Some(sequence) = record.and_then(|record| record.work) {
                let stored = self.connection.0.with_sequence(&work, sequence).await;
                let owner =
                    stored.map(|stored| stored.map(|stored| stored.header(KEY_HEADER).map(str::to_owned)));
                let _ = writeln!(text, "work {sequence}: {owner:?}");
            }
        }
        text
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

async fn subscribe(
    connection: &Connection,
    subjects: impl IntoIterator<Item = (Source, String)>,
) -> Result<Messages, String> {
    let mut messages = Vec::new();
    for (source, subject) in subjects {
        let subscriber: Subscriber =
            connection.0.subscribe(subject).await.map_err(|error: ClusterError| error.to_string())?;
        messages.push(subscriber.map(move |message| (source.clone(), message)).boxed());
    }
    Ok(select_all(messages))
}

impl std::fmt::Debug for Observer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        formatter.debug_struct("Observer").field("connection", &self.connection).finish_non_exhaustive()
    }
}
