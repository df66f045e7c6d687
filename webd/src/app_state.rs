//! The state that all requests share.

use crate::domain::budget::ClientBudgets;
use crate::domain::daemon_info::DaemonInfo;
use crate::domain::dispatcher::Dispatcher;
use crate::http::static_files::StaticFiles;
use crate::ops::config::Config;
use crate::ops::metrics::Metrics;

/// What every handler can use.
#[derive(Debug)]
pub(crate) struct AppState {
    /// The configuration.
    pub(crate) config: Config,
    /// Counters of this process.
    pub(crate) metrics: Metrics,
    /// Memory for request bodies and answers.
    pub(crate) budgets: ClientBudgets,
    /// Queries to the daemon about itself.
    pub(crate) daemon: DaemonInfo,
    /// The way to run programs.
    pub(crate) dispatcher: Dispatcher,
    /// The files of the page.
    pub(crate) files: StaticFiles,
}

impl AppState {
    /// Creates the state for a configuration.
    pub(crate) fn new(config: Config) -> Self {
        let budgets = ClientBudgets::new(config.max_memory_length());
        let files = StaticFiles::new(&config.web, &config.embed_origins);
        let dispatcher = Dispatcher::new(config.socket.clone());
        let daemon = DaemonInfo::new(config.socket.clone());
        Self { config, metrics: Metrics::default(), budgets, daemon, dispatcher, files }
    }
}
