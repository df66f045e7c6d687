//! The server: its response to each request of the protocol.

use std::sync::Arc;

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, Implementation, ListToolsResult,
    PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler};
use tokio::sync::Semaphore;

use crate::backend::Backend;
use crate::bounds::MAX_CALLS;
use crate::progress::Progress;
use crate::refusal::Refusal;
use crate::{language_list, run_code, run_tests, tools};

/// A server of the Model Context Protocol for one client.
pub(crate) struct Server<B> {
    backend: Arc<B>,
    permits: Arc<Semaphore>,
}

impl<B> Clone for Server<B> {
    fn clone(&self) -> Self {
        Self { backend: Arc::clone(&self.backend), permits: Arc::clone(&self.permits) }
    }
}

impl<B: Backend> Server<B> {
    /// Creates a server whose executions `backend` carries out.
    pub(crate) fn new(backend: B) -> Self {
        Self { backend: Arc::new(backend), permits: Arc::new(Semaphore::new(MAX_CALLS)) }
    }

    async fn call(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResult, ErrorData> {
        let CallToolRequestParams { name, arguments, .. } = request;
        let token = context.meta.get_progress_token();
        let mut progress = Progress::new(context.peer, token);
        let backend = &*self.backend;
        let call = async {
            let _permit = self.permits.acquire().await.map_err(|_| Refusal::cancelled());
            match &*name {
                tools::RUN_CODE => Ok(run_code::call(backend, arguments, &mut progress).await),
                tools::RUN_TESTS => Ok(run_tests::call(backend, arguments, &mut progress).await),
                tools::LIST_LANGUAGES => Ok(language_list::call(backend, arguments).await),
                _ => Err(ErrorData::invalid_params("no tool has this name", None)),
            }
        };
        // Dropping the call drops its execution, which cancels it.
        let result = tokio::select! {
            result = call => result?,
            () = context.ct.cancelled() => Err(Refusal::cancelled()),
        };
        match result {
            Ok(result) => Ok(result),
            Err(refusal) => Ok(language_list::explained(refusal, backend).await.into_result()),
        }
    }
}

impl<B: Backend> ServerHandler for Server<B> {
    fn get_info(&self) -> ServerConfig {
        let info = Implementation::new("executor", env!("CARGO_PKG_VERSION")).with_title("Executor");
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(info)
            .with_instructions(tools::INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(tools::all()))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        tools::find(name)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        self.call(request, context).await.map(CallToolResponse::from)
    }
}
