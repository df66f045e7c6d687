//! The state machine of a connection: hello, then one request at a time, until the client disconnects or the daemon
//! stops.

use std::sync::Arc;

use protocol::{Event, ExecuteRequest, ExecutionId, Outcome, Rejection, Request};
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tracing::{Instrument, debug, error, info, info_span};
use uuid::Uuid;

use crate::admission::formatting::admit_formatting;
use crate::admission::job::Job;
use crate::admission::judge::{admit_judge, check_uploads};
use crate::admission::{admit, admit_kept, find_toolchain, versions_needed};
use crate::daemon::probes;
use crate::daemon::reload;
use crate::daemon::state::Daemon;
use crate::queue::ClientKey;
use crate::server::active_execution::{ActiveExecution, reject};
use crate::server::check;
use crate::server::connection_end::ConnectionEnd;
use crate::server::event_encoder::EventEncoder;
use crate::server::execution_task::FAILURE_MESSAGE;
use crate::server::handshake::exchange_hello;
use crate::server::peer::Peer;
use crate::server::session_reader::SessionReader;
use crate::streams::input;
use crate::uploads::{UploadError, UploadWriter, Uploads};

/// Serves a connection until it ends.
pub(crate) async fn serve(daemon: &Arc<Daemon>, stream: UnixStream) {
    let peer = daemon.peers.check(&stream);
    let span = info_span!("connection", peer = peer.as_ref().map_or(u32::MAX, |peer| peer.uid));
    async {
        let (mut events, mut requests) = match exchange_hello(stream).await {
            Ok(halves) => halves,
            Err(end) => return debug!(%end, "no valid hello"),
        };
        let result = match peer {
            Ok(peer) => Connection { daemon, peer, events, requests }.serve_requests().await,
            Err(refusal) => {
                info!(%refusal, "peer refused");
                let sent = events.send(Event::Rejected(Rejection::Forbidden(refusal.to_string()))).await;
                requests.wait_for_refused_client().await;
                sent
            }
        };
        if let Err(end) = result {
            debug!(%end, "connection ended");
        }
    }
    .instrument(span)
    .await;
}

/// Why an execution has no uploads.
enum UploadEnd {
    Cancelled,
    Error(UploadError),
}

/// A connection after its hello.
struct Connection<'a> {
    daemon: &'a Arc<Daemon>,
    peer: Peer,
    events: EventEncoder,
    requests: SessionReader,
}

impl Connection<'_> {
    async fn serve_requests(mut self) -> Result<(), ConnectionEnd> {
        loop {
            let request = tokio::select! {
                request = self.requests.recv_when_idle() => request?,
                () = self.daemon.stop.cancelled() => return Ok(()),
            };
            match request {
                Request::Execute(request) => self.execute(*request).await?,
                Request::Languages => {
                    let languages = self.daemon.languages();
                    probes::probe(self.daemon, languages.all()).await;
                    self.events.send(Event::Languages(languages.describe())).await?;
                }
                Request::Status => self.events.send(Event::Status(Box::new(self.daemon.status()))).await?,
                Request::Check => self.check(check::Items::All).await?,
                Request::CheckLanguages(names) => self.check(check::Items::Languages(names)).await?,
                Request::Reload => self.reload().await?,
                // Sent for an execution that ended while the message was on its way.
                Request::Input(_)
                | Request::EndOfInput
                | Request::Cancel
                | Request::Signal(_)
                | Request::Resize(_)
                | Request::Upload { .. }
                | Request::EndOfUploads => {}
            }
        }
    }

    /// Reads the language files again, for root.
    async fn reload(&mut self) -> Result<(), ConnectionEnd> {
        if self.peer.uid != 0 {
            let refusal = Rejection::Forbidden("only root may reload the configuration".to_owned());
            return self.events.send(Event::Rejected(refusal)).await;
        }
        let problem = reload::reload(self.daemon).await.err();
        self.events.send(Event::Reloaded { problem }).await
    }

    async fn check(&mut self, items: check::Items) -> Result<(), ConnectionEnd> {
        let (sender, mut results) = mpsc::channel(1);
        let daemon = Arc::clone(self.daemon);
        let task = tokio::spawn(async move { check::check(&daemon, items, sender).await });
        while let Some(result) = results.recv().await {
            self.events.send(Event::Checked(result)).await?;
        }
        if let Err(error) = task.await {
            error!(%error, "a check panicked");
        }
        self.events.send(Event::CheckDone).await
    }

    /// Admits a request and executes it, up to its last event.
    async fn execute(&mut self, mut request: ExecuteRequest) -> Result<(), ConnectionEnd> {
        let client = self.client(&mut request);
        let daemon = self.daemon;
        let languages = daemon.languages();
        probes::probe(daemon, versions_needed(&request, &languages)).await;
        let id = ExecutionId(Uuid::new_v4());
        let judge = std::mem::take(&mut request.judge);
        let bounds = daemon.bounds();
        let admitted = match request.build {
            Some(build) => {
                let program = daemon.executor.kept_programs.find(build, &client);
                program
                    .ok_or(Rejection::BuildNotFound)
                    .and_then(|program| admit_kept(id, request, &program, &bounds))
            }
            None => find_toolchain(&request, &languages).and_then(|toolchain| {
                let admit = if request.toolchain.format { admit_formatting } else { admit };
                admit(id, request, toolchain, &bounds)
            }),
        };
        let admitted = admitted.and_then(|job| admit_judge(job, judge, &languages, &bounds));
        let job = match admitted {
            Ok(job) => Job { client: Some(client.clone()), ..job },
            Err(rejection) => return reject(daemon, &mut self.events, "", rejection).await,
        };
        let Some(job) = self.receive_uploads(job, &client).await? else { return Ok(()) };
        let (sender, input) = input::channel();
        let cancel = daemon.stop.child_token();
        let client_messages = self.requests.forward_to_execution(&sender, &cancel);
        let execution =
            ActiveExecution { daemon, peer: self.peer, events: &mut self.events, cancel: &cancel };
        execution.run(job, client, input, client_messages).await
    }

    /// Receives the uploads of a job. It enters the queue only after that: a slow client takes the place of no other. Returns
    /// `None` if the job does not run, and the client has received its last event.
    async fn receive_uploads(&mut self, job: Job, client: &ClientKey) -> Result<Option<Job>, ConnectionEnd> {
        if !job.expects_uploads() {
            return Ok(Some(job));
        }
        let uploads = match UploadWriter::new(&job.runs, self.daemon.uploads.reservation(client)) {
            Ok(writer) => self.receive_into(writer).await?,
            Err(error) => Err(UploadEnd::Error(error)),
        };
        let last_event = match uploads {
            Ok(uploads) => {
                let job = Job { uploads, ..job };
                let Err(rejection) = check_uploads(&job) else { return Ok(Some(job)) };
                let language = &job.toolchain.name;
                return reject(self.daemon, &mut self.events, language, rejection).await.map(|()| None);
            }
            Err(UploadEnd::Cancelled) => Event::Finished(Outcome { id: job.id, ..Outcome::default() }),
            Err(UploadEnd::Error(UploadError::Rejected(rejection))) => {
                let language = &job.toolchain.name;
                return reject(self.daemon, &mut self.events, language, rejection).await.map(|()| None);
            }
            Err(UploadEnd::Error(UploadError::Io(error))) => {
                error!(id = %job.id, %error, "cannot hold an upload");
                self.daemon.executor.metrics.count(&job.toolchain.name, "failed");
                Event::Failed { id: job.id, message: FAILURE_MESSAGE.to_owned() }
            }
        };
        self.events.send(last_event).await.map(|()| None)
    }

    async fn receive_into(
        &mut self,
        mut writer: UploadWriter,
    ) -> Result<Result<Uploads, UploadEnd>, ConnectionEnd> {
        loop {
            let request = tokio::select! {
                request = self.requests.recv_upload() => request?,
                () = self.daemon.stop.cancelled() => return Ok(Err(UploadEnd::Cancelled)),
            };
            let appended = match request {
                Request::Upload { run, bytes } => writer.append(run, &bytes),
                Request::EndOfUploads => {
                    return Ok(writer.finish().map_err(|error| UploadEnd::Error(error.into())));
                }
                Request::Cancel => return Ok(Err(UploadEnd::Cancelled)),
                // There is no program yet.
                Request::Input(_) | Request::EndOfInput | Request::Signal(_) | Request::Resize(_) => Ok(()),
                Request::Execute(_)
                | Request::Languages
                | Request::Status
                | Request::Check
                | Request::CheckLanguages(_)
                | Request::Reload => return Err(ConnectionEnd::OutOfTurn),
            };
            if let Err(error) = appended {
                return Ok(Err(UploadEnd::Error(error)));
            }
        }
    }

    /// Returns the client that a request counts for, by the names that the peer may have given it.
    fn client(&self, request: &mut ExecuteRequest) -> ClientKey {
        let (networks, name) = (std::mem::take(&mut request.client_networks), request.client.take());
        if self.peer.may_name_clients {
            ClientKey::new(self.peer.uid, networks, name)
        } else {
            ClientKey::new(self.peer.uid, Vec::new(), None)
        }
    }
}
