//! `GET /api/v2/connect`: opens a WebSocket for one interactive execution.

use std::sync::Arc;

use axum::extract::{Extension, Request, State};
use axum::response::Response;

use crate::api::piston::session::Session;
use crate::app_state::AppState;
use crate::domain::caller::Caller;
use crate::http::connection_guard::ConnectionGuard;
use crate::http::error::ApiError;
use crate::http::peer::Peer;
use crate::http::websocket::Handshake;

/// Memory of a session: its buffers, and the largest event as bytes, as JSON, and in the frame that is being written.
const SESSION_MEMORY: usize = 1024 * 1024;

/// Opens a session. It runs in a task of its own, which keeps the connection's guard.
///
/// # Errors
/// 400, 403 or 426, 429 if the client has too many sessions, and 503 if all connections together hold too much memory.
pub(crate) async fn connect(
    State(state): State<Arc<AppState>>,
    Extension(peer): Extension<Peer>,
    Extension(caller): Extension<Caller>,
    Extension(guard): Extension<Arc<ConnectionGuard>>,
    request: Request,
) -> Result<Response, ApiError> {
    let handshake = Handshake::check(&request, &state.config.allowed_origins)?;
    let mut reservation = state.budgets.of(&caller).reservation();
    reservation.grow(SESSION_MEMORY)?;
    let of_session = Arc::clone(&guard);
    handshake.accept(request, peer, &guard, reservation, async move |upgraded| {
        Session::new(upgraded, state, caller, &of_session).await.run().await;
    })
}
