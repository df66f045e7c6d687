//! `POST runs`: runs a program.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Extension, Request, State};
use axum::response::{IntoResponse, Response};
use protocol::{Availability, ExecuteRequest, Language};
use tokio::time::{Instant, sleep};

use crate::api::jobe::answer::{RunOutcome, RunResult};
use crate::api::jobe::defaults::LanguageDefaults;
use crate::api::jobe::run_spec::{Checked, RunSpec};
use crate::app_state::AppState;
use crate::domain::budget::Budget;
use crate::domain::caller::Caller;
use crate::domain::collected_execution::{CollectError, CollectedExecution};
use crate::domain::execution::ExecutionError;
use crate::http::chunked_body::json_response;
use crate::http::error::ApiError;
use crate::http::request_body::{self, BodyLimits};

/// Time after which a run that has not started is reported as an overload.
const MAX_WAIT: Duration = Duration::from_secs(10);
/// Time between two attempts while the queue is full.
const RETRY_INTERVAL: Duration = Duration::from_millis(500);

/// Runs a program. If the client disconnects, this future is dropped, which cancels the program.
///
/// # Errors
/// 400 for a request that is not valid; another [`ApiError`] if the daemon does not answer.
pub(crate) async fn runs(
    State(state): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, ApiError> {
    let budget = state.budgets.of(&caller);
    let mut reservation = budget.reservation();
    let body =
        request_body::read(request.into_body(), BodyLimits::new(&state.config), &mut reservation).await?;
    let spec = match RunSpec::parse(&body) {
        Ok(spec) => spec,
        Err(error) => return Ok(error.into_response()),
    };
    drop(body);
    let languages = state.daemon.recent_languages().await?;
    let (result, memory) = match spec.check(|id| find(&languages, id), &state.jobe_files, &caller.tag()) {
        Ok(Checked::Run(request)) => match run(*request, &state, &caller, &budget).await? {
            Ok(execution) => (RunResult::of(&execution), execution.reservation),
            Err(outcome) => (RunResult::without_output(outcome), budget.reservation()),
        },
        Ok(Checked::CompileError(message)) => (RunResult::compile_error(&message), reservation),
        Ok(Checked::Overload) => (RunResult::without_output(RunOutcome::ServerOverload), reservation),
        Err(error) => return Ok(error.into_response()),
    };
    Ok(json_response(&result, memory))
}

/// Returns the available language with a name of Jobe.
fn find<'a>(languages: &'a [Language], id: &str) -> Option<&'a Language> {
    let is_meant = |language: &&Language| {
        matches!(language.availability, Availability::Available { .. })
            && LanguageDefaults::id_of(&language.name) == id
    };
    languages.iter().find(is_meant)
}

/// Runs a program. Returns an outcome in place of its result if the server cannot run it.
async fn run(
    request: ExecuteRequest,
    state: &AppState,
    caller: &Caller,
    budget: &Budget,
) -> Result<Result<CollectedExecution, RunOutcome>, ApiError> {
    let deadline = Instant::now() + MAX_WAIT;
    // Its rate counts once, however many attempts it takes.
    state.dispatcher.accept(caller, std::slice::from_ref(&request)).await?;
    loop {
        let collected = match state.dispatcher.execute_accepted(caller, request.clone()).await {
            Ok(execution) => CollectedExecution::collect_if_started_by(execution, budget, deadline).await,
            Err(error) => Err(error.into()),
        };
        match collected {
            Ok(execution) => return Ok(Ok(execution)),
            Err(CollectError::NotStarted) => return Ok(Err(RunOutcome::ServerOverload)),
            Err(CollectError::Execution(error)) if error.is_busy() => {
                if Instant::now() + RETRY_INTERVAL > deadline {
                    return Ok(Err(RunOutcome::ServerOverload));
                }
                sleep(RETRY_INTERVAL).await;
            }
            Err(CollectError::Execution(ExecutionError::Failed { .. })) => {
                return Ok(Err(RunOutcome::InternalError));
            }
            Err(error) => return Err(error.into()),
        }
    }
}
