//! The routes that open a WebSocket for interactive executions: `GET /api/session`, and `GET /api/v2/connect` of Piston.

use std::sync::Arc;

use axum::extract::{Extension, Request, State};
use axum::response::Response;
use hyper::upgrade::Upgraded;

use crate::app_state::AppState;
use crate::domain::caller::Caller;
use crate::http::connection_guard::ConnectionGuard;
use crate::http::error::ApiError;
use crate::http::peer::Peer;
use crate::http::websocket::Handshake;

/// What happens on a WebSocket after its handshake.
pub(crate) trait WebSocketSession {
    /// Memory that a session holds from its beginning.
    const MEMORY: usize;

    /// Serves the client until one side closes the connection.
    fn serve(
        upgraded: Upgraded,
        state: Arc<AppState>,
        caller: Caller,
        guard: Arc<ConnectionGuard>,
    ) -> impl Future<Output = ()> + Send;
}

/// Opens a session. It runs in a task of its own, which keeps the connection's guard.
///
/// # Errors
/// 400, 403 or 426, 429 if the client has too many sessions, and 503 if all connections together hold too much memory.
pub(crate) async fn open<S: WebSocketSession + 'static>(
    State(state): State<Arc<AppState>>,
    Extension(peer): Extension<Peer>,
    Extension(caller): Extension<Caller>,
    Extension(guard): Extension<Arc<ConnectionGuard>>,
    request: Request,
) -> Result<Response, ApiError> {
    let handshake = Handshake::check(&request, &state.config.allowed_origins)?;
    let mut reservation = state.budgets.of(&caller).reservation();
    reservation.grow(S::MEMORY)?;
    let of_session = Arc::clone(&guard);
    let serve = move |upgraded| S::serve(upgraded, state, caller, of_session);
    handshake.accept(request, peer, &guard, reservation, serve)
}
