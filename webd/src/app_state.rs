//! The state that all requests share.

use std::sync::Arc;

use crate::api::judge0::submission::Judge0State;
use crate::domain::budget::ClientBudgets;
use crate::domain::callbacks::client::CallbackClient;
use crate::domain::daemon_info::DaemonInfo;
use crate::domain::dispatcher::Dispatcher;
use crate::domain::file_store::FileStore;
use crate::domain::keys::key_store::KeyStore;
use crate::domain::running_calls::RunningCalls;
use crate::domain::submissions::id_locks::IdLocks;
use crate::domain::submissions::store::SubmissionStore;
use crate::http::static_files::StaticFiles;
use crate::ops::config::Config;
use crate::ops::drain::Drain;
use crate::ops::metrics::Metrics;

/// What every handler can use.
#[derive(Debug)]
pub(crate) struct AppState {
    /// The configuration.
    pub(crate) config: Config,
    /// Whether webd is about to stop.
    pub(crate) drain: Drain,
    /// Counters of this process.
    pub(crate) metrics: Metrics,
    /// Memory for request bodies and answers.
    pub(crate) budgets: ClientBudgets,
    /// Queries to the daemon about itself.
    pub(crate) daemon: Arc<DaemonInfo>,
    /// API keys.
    pub(crate) keys: Arc<KeyStore>,
    /// The way to run programs.
    pub(crate) dispatcher: Dispatcher,
    /// Stored submissions, if they are enabled.
    pub(crate) submissions: Option<Arc<dyn SubmissionStore>>,
    /// Turns of requests that choose the id of a submission.
    pub(crate) submission_ids: IdLocks,
    /// The way to send callbacks.
    pub(crate) callbacks: CallbackClient,
    /// The exchange with the rest of the cluster, if there is one.
    #[cfg(feature = "cluster")]
    pub(crate) cluster: Option<Arc<crate::ops::cluster_sync::ClusterSync>>,
    /// Files that clients of Jobe upload for their runs.
    pub(crate) jobe_files: FileStore,
    /// Submissions of clients of Judge0.
    pub(crate) judge0: Judge0State,
    /// Calls of the Model Context Protocol that can be cancelled.
    pub(crate) mcp_calls: RunningCalls,
    /// The files of the page.
    pub(crate) files: StaticFiles,
}

impl AppState {
    /// Creates the state for a configuration, its keys and its store of submissions.
    pub(crate) fn new(
        config: Config,
        keys: Arc<KeyStore>,
        submissions: Option<Arc<dyn SubmissionStore>>,
    ) -> Self {
        let budgets = ClientBudgets::new(config.max_memory_length());
        let files = StaticFiles::new(&config.web, &config.embed_origins);
        let daemon = Arc::new(DaemonInfo::new(config.socket.clone()));
        let dispatcher = Dispatcher::new(config.socket.clone(), Arc::clone(&keys), Arc::clone(&daemon));
        let jobe_files = FileStore::new(config.jobe.max_files_length(), config.jobe.files_max_age);
        let judge0 = Judge0State::new(&config.judge0);
        let settings = &config.submissions;
        let callbacks = CallbackClient::new(settings.callback_hosts.clone(), settings.callback_ca.clone());
        Self {
            config,
            drain: Drain::default(),
            metrics: Metrics::default(),
            budgets,
            daemon,
            keys,
            dispatcher,
            submissions,
            submission_ids: IdLocks::default(),
            callbacks,
            #[cfg(feature = "cluster")]
            cluster: None,
            jobe_files,
            judge0,
            mcp_calls: RunningCalls::default(),
            files,
        }
    }
}
