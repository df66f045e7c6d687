//! A connection, from hello to hang-up. One execution at a time; hanging up cancels it.

pub(crate) mod check;
pub(crate) mod peer;
pub(crate) mod place;

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use protocol::bounds::FRAME_TIMEOUT;
use protocol::codec::{CodecError, Frames, Hello, MAGIC, VERSION};
use protocol::{Event, ExecuteRequest, ExecutionId, Rejection, Request};
use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::codec::{Framed, FramedRead, FramedWrite};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug, error, info, info_span};
use uuid::Uuid;

use crate::admission::job::Job;
use crate::admission::{admit, find_language};
use crate::daemon::Daemon;
use crate::execution::input::{self, InputReceiver, InputSender};
use crate::execution::{Connections, ExecutionResult};
use crate::metrics::{TimedStep, result_of};
use crate::queue::{Permit, QueueUpdate};
use crate::server::peer::Peer;

/// How long a peer may take to read an event before the connection counts as dead.
const WRITE_DEADLINE: Duration = Duration::from_secs(30);
/// How long a connection may be idle between requests.
const IDLE_DEADLINE: Duration = Duration::from_secs(600);
/// Events on their way to the peer; more, and the program waits.
const EVENT_BACKLOG: usize = 8;
/// While a program does not take more input than may wait, nothing more is read from the peer; so often it is looked
/// at whether the peer is still there.
const HANG_UP_POLL: Duration = Duration::from_millis(100);

type Sender = FramedWrite<OwnedWriteHalf, Frames<Request, Event>>;
type Receiver = FramedRead<OwnedReadHalf, Frames<Request, Event>>;

/// Why a connection ends. Whatever it is, it ends quietly; the log has it for who looks.
#[derive(Debug, thiserror::Error)]
enum Over {
    #[error("the peer hung up")]
    HungUp,
    #[error("{0}")]
    Codec(#[from] CodecError),
    #[error("the peer is silent, or does not read")]
    Silent,
    #[error("the peer is not executor's client, or of another version")]
    Stranger,
    #[error("the peer asked out of turn")]
    OutOfTurn,
}

/// Serve a connection to its end.
pub(crate) async fn serve(daemon: &Arc<Daemon>, stream: UnixStream) {
    let admitted = daemon.door.admit(&stream);
    let span = info_span!("connection", peer = admitted.as_ref().map_or(u32::MAX, |peer| peer.uid));
    async {
        let (mut sender, mut receiver) = match greet(stream).await {
            Ok(both) => both,
            Err(over) => return debug!(%over, "greeting"),
        };
        let over = match admitted {
            Ok(peer) => Conversation { daemon, peer, sender, receiver }.go_on().await,
            Err(refused) => {
                info!(%refused, "refused");
                let words = Event::Rejected(Rejection::Forbidden(refused.to_string()));
                let told = tell(&mut sender, words).await;
                // Were we gone when it asks, it would be told of a broken pipe and not read why.
                let _ = timeout(FRAME_TIMEOUT, receiver.next()).await;
                told
            }
        };
        if let Err(over) = over {
            debug!(%over, "connection ended");
        }
    }
    .instrument(span)
    .await;
}

async fn greet(stream: UnixStream) -> Result<(Sender, Receiver), Over> {
    let greeting = async {
        let mut frames = Framed::new(stream, Frames::hello());
        let theirs: Hello = frames.next().await.ok_or(Over::HungUp)??;
        if theirs.magic != MAGIC {
            return Err(Over::Stranger);
        }
        frames.send(Hello::CURRENT).await?;
        // A client of another version reads ours and hangs up; so do we.
        if theirs.version != VERSION {
            return Err(Over::Stranger);
        }
        let parts = frames.into_parts();
        let (reader, writer) = parts.io.into_split();
        let mut receiver = FramedRead::new(reader, Frames::hello().after_hello());
        // What came right behind the hello.
        *receiver.read_buffer_mut() = parts.read_buf;
        Ok((FramedWrite::new(writer, parts.codec.after_hello()), receiver))
    };
    timeout(FRAME_TIMEOUT, greeting).await.map_err(|_| Over::Silent)?
}

async fn tell(sender: &mut Sender, event: Event) -> Result<(), Over> {
    Ok(timeout(WRITE_DEADLINE, sender.send(event)).await.map_err(|_| Over::Silent)??)
}

struct Conversation<'a> {
    daemon: &'a Arc<Daemon>,
    peer: Peer,
    sender: Sender,
    receiver: Receiver,
}

impl Conversation<'_> {
    async fn go_on(mut self) -> Result<(), Over> {
        loop {
            let request = tokio::select! {
                request = next_request(&mut self.receiver) => request?,
                () = self.daemon.stop.cancelled() => return Ok(()),
            };
            match request {
                Request::Execute(request) => self.execute(*request).await?,
                Request::Languages => self.tell(Event::Languages(self.daemon.languages().describe())).await?,
                Request::Status => self.tell(Event::Status(Box::new(self.daemon.status()))).await?,
                Request::Check => self.check().await?,
                // Left over from an execution that ended while they were on their way.
                Request::Input(_)
                | Request::EndOfInput
                | Request::Cancel
                | Request::Signal(_)
                | Request::Resize(_) => {}
            }
        }
    }

    async fn tell(&mut self, event: Event) -> Result<(), Over> {
        tell(&mut self.sender, event).await
    }

    async fn check(&mut self) -> Result<(), Over> {
        let (results, mut told) = mpsc::channel(1);
        let daemon = Arc::clone(self.daemon);
        let task = tokio::spawn(async move { check::check(&daemon, results).await });
        while let Some(result) = told.recv().await {
            self.tell(Event::Checked(result)).await?;
        }
        if let Err(error) = task.await {
            error!(%error, "a check ended in a panic");
        }
        self.tell(Event::CheckDone).await
    }

    /// From request to last event. Only a broken connection is an error.
    async fn execute(&mut self, mut request: ExecuteRequest) -> Result<(), Over> {
        let key = (self.peer.uid, request.client.take());
        let daemon = self.daemon;
        let languages = daemon.languages();
        let id = ExecutionId(Uuid::new_v4());
        let admitted = find_language(&request.language, &languages)
            .and_then(|toolchain| admit(id, request, toolchain, &daemon.maxima()));
        let job = match admitted {
            Ok(job) => Job { client: Some(key.clone()), ..job },
            Err(rejection) => return self.reject("", rejection).await,
        };
        let (input, taken) = input::channel();
        let cancel = daemon.stop.child_token();
        let telling = Telling { daemon, peer: self.peer, sender: &mut self.sender };
        // Leaving the queue is dropping the ticket; ending the program takes longer, and is done within.
        let hearing = hear_on(&mut self.receiver, &input, &cancel);
        telling.execute(job, key, taken, &cancel, hearing).await
    }

    async fn reject(&mut self, language: &str, rejection: Rejection) -> Result<(), Over> {
        Telling { daemon: self.daemon, peer: self.peer, sender: &mut self.sender }
            .reject(language, rejection)
            .await
    }
}

/// What a connection is while its other half hears.
struct Telling<'a> {
    daemon: &'a Arc<Daemon>,
    peer: Peer,
    sender: &'a mut Sender,
}

impl Telling<'_> {
    async fn execute(
        mut self,
        job: Job,
        key: (u32, Option<String>),
        input: InputReceiver,
        cancel: &CancellationToken,
        hearing: impl Future<Output = Over>,
    ) -> Result<(), Over> {
        let daemon = self.daemon;
        let mut hearing = pin!(hearing);
        let asked = Instant::now();
        let mut ticket = match daemon.queue.enter(key) {
            Ok(ticket) => ticket,
            Err(full) => {
                return self
                    .reject(&job.toolchain.name, Rejection::Busy { retry_after: full.retry_after })
                    .await;
            }
        };
        let mut update = ticket.try_update();
        let permit = loop {
            match update {
                QueueUpdate::Granted(permit) => break permit,
                QueueUpdate::Lost(full) => {
                    let rejection = Rejection::Busy { retry_after: full.retry_after };
                    return self.reject(&job.toolchain.name, rejection).await;
                }
                QueueUpdate::Position(position) => tell(self.sender, Event::Queued { position }).await?,
            }
            update = tokio::select! {
                update = ticket.next_update() => update,
                () = cancel.cancelled() => return self.cancelled_in_queue(job.id).await,
                over = &mut hearing => return Err(over),
            };
        };
        daemon.executor.metrics.time(TimedStep::Queue, asked.elapsed());
        self.run(job, permit, input, cancel, hearing).await
    }

    async fn reject(&mut self, language: &str, rejection: Rejection) -> Result<(), Over> {
        self.daemon.executor.metrics.count(language, "rejected");
        tell(self.sender, Event::Rejected(rejection)).await
    }

    async fn cancelled_in_queue(&mut self, id: ExecutionId) -> Result<(), Over> {
        tell(self.sender, Event::Finished(protocol::Outcome { id, compile: None, runs: Vec::new() })).await
    }

    /// Run a job and forward: events to the peer, input and cancel to the program. The execution
    /// is a task of its own, so that a broken connection ends it by cancelling it and not by dropping it.
    async fn run(
        &mut self,
        job: Job,
        permit: Permit,
        input: InputReceiver,
        cancel: &CancellationToken,
        hearing: Pin<&mut impl Future<Output = Over>>,
    ) -> Result<(), Over> {
        let id = job.id;
        let (events, mut to_tell) = mpsc::channel(EVENT_BACKLOG);
        let connections = Connections { events, input, cancel: cancel.clone() };
        let task = tokio::spawn(execute_in(Arc::clone(self.daemon), self.peer, job, permit, connections));
        let canceller = cancel.clone().drop_guard();
        let telling = async {
            while let Some(event) = to_tell.recv().await {
                // What the peer says after the last one is its next request.
                let is_last = matches!(event, Event::Finished(_) | Event::Failed { .. });
                tell(self.sender, event).await?;
                if is_last {
                    break;
                }
            }
            Ok(())
        };
        let over = tokio::select! {
            told = telling => told,
            over = hearing => Err(over),
        };
        if over.is_err() {
            drop(canceller);
            // The events go nowhere now, which must not keep the program waiting.
            drop(to_tell);
        } else {
            canceller.disarm();
        }
        // Cleanup is awaited in either case: this connection's place is free only when its sandbox is gone.
        if let Err(error) = task.await {
            error!(%id, %error, "an execution ended in a panic");
            over?;
            return tell(self.sender, Event::Failed { id: Some(id), message: FAILED.to_owned() }).await;
        }
        over
    }
}

/// Hear what the peer says about its execution, until that is over or the connection is.
async fn hear_on(receiver: &mut Receiver, input: &InputSender, cancel: &CancellationToken) -> Over {
    loop {
        let request = match hear(receiver).await {
            Ok(request) => request,
            Err(over) => return over,
        };
        let piece = match request {
            Request::Input(bytes) => Some(bytes),
            Request::EndOfInput => None,
            Request::Cancel => {
                cancel.cancel();
                continue;
            }
            Request::Signal(signal) => {
                input.signal(signal);
                continue;
            }
            Request::Resize(size) => {
                input.resize(size);
                continue;
            }
            Request::Execute(_) | Request::Languages | Request::Status | Request::Check => {
                return Over::OutOfTurn;
            }
        };
        // A program need not take its input; the peer may hang up meanwhile.
        tokio::select! {
            () = input.send(piece) => {}
            () = hung_up(receiver) => return Over::HungUp,
        }
    }
}

/// Notice that the peer hangs up without reading what it said before.
async fn hung_up(receiver: &Receiver) {
    loop {
        sleep(HANG_UP_POLL).await;
        if receiver.get_ref().ready(Interest::READABLE).await.is_ok_and(|ready| ready.is_read_closed()) {
            return;
        }
    }
}

/// The next request, for which a peer may let us wait a while.
async fn next_request(receiver: &mut Receiver) -> Result<Request, Over> {
    timeout(IDLE_DEADLINE, hear(receiver)).await.map_err(|_| Over::Silent)?
}

/// The same, however long it takes: who waits for an execution need not say anything. But who began a frame must
/// end it.
async fn hear(receiver: &mut Receiver) -> Result<Request, Over> {
    const LOOK_EVERY: Duration = Duration::from_secs(1);
    let mut looks_within_frame = 0;
    loop {
        match timeout(LOOK_EVERY, receiver.next()).await {
            Ok(request) => return Ok(request.ok_or(Over::HungUp)??),
            Err(_) if !receiver.decoder().is_within_frame() => looks_within_frame = 0,
            Err(_) => looks_within_frame += 1,
        }
        if LOOK_EVERY * looks_within_frame >= FRAME_TIMEOUT {
            return Err(Over::Silent);
        }
    }
}

/// Execute, write the audit line, answer with the last event, clear away what is left, and let the next run.
async fn execute_in(daemon: Arc<Daemon>, peer: Peer, job: Job, mut permit: Permit, connections: Connections) {
    let language = job.toolchain.name.clone();
    let last = connections.events.clone();
    let id = job.id;
    let ExecutionResult { uids, result, rest } = daemon.executor.execute(&job, connections).await;
    let or_none = |text: String| if text.is_empty() { "none".to_owned() } else { text };
    let uid = or_none(uids.iter().map(ToString::to_string).collect::<Vec<_>>().join(","));
    let Peer { uid: peer } = peer;
    let event = match result {
        Ok(outcome) => {
            let word = result_of(&outcome);
            daemon.executor.metrics.count(&language, word);
            let stages = outcome.compile.iter().chain(&outcome.runs);
            let cpu: Duration = stages.clone().map(|stage| stage.usage.cpu_time).sum();
            let wall: Duration = stages.clone().map(|stage| stage.usage.wall_time).sum();
            let memory = stages.map(|stage| stage.usage.peak_memory.bytes()).max().unwrap_or(0);
            daemon.audit.record(format!(
                "execution={id} uid={uid} peer={peer} language={language} verdict={word} cpu_ms={} wall_ms={} \
                 memory_bytes={memory}",
                cpu.as_millis(),
                wall.as_millis()
            ));
            Event::Finished(outcome)
        }
        Err(failure) => {
            error!(%id, uid, language, %failure, "the execution could not be carried out");
            daemon.executor.metrics.count(&language, "failed");
            daemon
                .audit
                .record(format!("execution={id} uid={uid} peer={peer} language={language} verdict=failed"));
            Event::Failed { id: Some(id), message: FAILED.to_owned() }
        }
    };
    permit.start_cleanup();
    let clearing = async {
        if let Err(failure) = daemon.executor.clear(rest).await {
            error!(%id, uid, language, %failure, "there is no proof that nothing is left of an execution");
        }
        drop(permit);
    };
    // The one who asked may be slow to hear, or gone.
    let _ = tokio::join!(last.send(event), clearing);
}

/// What a client is told of our failures; the log has the rest, under the execution's id.
const FAILED: &str = "the program could not be executed; the server's log says why";
