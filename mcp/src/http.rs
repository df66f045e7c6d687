//! The protocol over HTTP: one response for each message (streamable HTTP), without sessions.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use http_body_util::combinators::BoxBody;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Request, Response};
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};

use crate::backend::Backend;
use crate::server::Server;

/// Interval of the comments in a response that has nothing to say, so that proxies keep the connection open.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Answers one message. The caller has checked the host, the origin and the key of the request, and has read its body. A
/// call is cancelled when the body of its response is dropped.
pub async fn answer<B: Backend>(backend: B, request: Request<Bytes>) -> Response<BoxBody<Bytes, Infallible>> {
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_sse_keep_alive(Some(KEEP_ALIVE))
        .with_max_request_body_bytes(request.body().len())
        .disable_allowed_hosts()
        .disable_allowed_origins();
    let server = Server::new(backend);
    let service = StreamableHttpService::new(
        move || Ok(server.clone()),
        Arc::new(NeverSessionManager::default()),
        config,
    );
    let mut response = service.handle(request.map(Full::new)).await;
    if !response.status().is_success() {
        // The SDK does not say that its errors are text.
        let text = HeaderValue::from_static("text/plain; charset=utf-8");
        response.headers_mut().entry(CONTENT_TYPE).or_insert(text);
    }
    response
}
