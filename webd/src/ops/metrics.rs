//! What webd counts, and how `/metrics` says it: OpenMetrics, with the daemon's own counts beside.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::body::Body;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use protocol::ServerStatus;

use crate::ops::daemon_metrics::DaemonMetrics;

/// Of the answer.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds, in seconds, of the durations of requests.
const DURATIONS: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// Counters of this process.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    connections: Gauge,
    sessions: Gauge,
    in_flight: Gauge,
    requests: Family<Labels, Counter>,
    durations: Family<RouteLabel, Histogram>,
}

/// What a request is counted by; all of it out of short lists, whatever clients send.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Labels {
    route: &'static str,
    method: &'static str,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabel {
    route: &'static str,
}

/// One more of something, until it is dropped.
#[derive(Debug)]
pub(crate) struct Counted(Gauge);

/// A request that was not answered to the end yet.
#[derive(Debug)]
pub(crate) struct InFlight {
    _counted: Counted,
    requests: Family<Labels, Counter>,
    durations: Family<RouteLabel, Histogram>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("webd");
        let connections = Gauge::default();
        registry.register("connections", "Open connections", connections.clone());
        let sessions = Gauge::default();
        registry.register("sessions", "Open sessions", sessions.clone());
        let in_flight = Gauge::default();
        registry.register(
            "http_requests_in_flight",
            "Requests not answered to the end yet",
            in_flight.clone(),
        );
        let requests = Family::default();
        registry.register("http_requests", "Requests answered", requests.clone());
        let durations = Family::new_with_constructor((|| Histogram::new(DURATIONS)) as fn() -> Histogram);
        let help = "From a request's head to the end of its answer";
        registry.register_with_unit("http_request_duration", help, Unit::Seconds, durations.clone());
        Self { registry, connections, sessions, in_flight, requests, durations }
    }
}

impl Metrics {
    /// One more connection.
    pub(crate) fn connection(&self) -> Counted {
        Counted::new(&self.connections)
    }

    /// One more session.
    pub(crate) fn session(&self) -> Counted {
        Counted::new(&self.sessions)
    }

    /// One more request.
    pub(crate) fn request(&self) -> InFlight {
        InFlight {
            _counted: Counted::new(&self.in_flight),
            requests: self.requests.clone(),
            durations: self.durations.clone(),
        }
    }

    /// All as text; without the daemon's if it does not answer.
    pub(crate) fn text(&self, daemon: Option<ServerStatus>) -> String {
        let mut text = String::new();
        let mut theirs = Registry::with_prefix("executor");
        theirs.register_collector(Box::new(DaemonMetrics(daemon)));
        // Writing into a string cannot fail.
        let _ = encode_registry(&mut text, &self.registry);
        let _ = encode_registry(&mut text, &theirs);
        let _ = encode_eof(&mut text);
        text
    }
}

impl Labels {
    /// Of a request and its answer.
    pub(crate) fn new(route: &'static str, method: &Method, status: StatusCode) -> Self {
        let known = ["GET", "HEAD", "POST", "OPTIONS", "PUT", "DELETE", "PATCH"];
        let method = known.into_iter().find(|known| method == *known).unwrap_or("other");
        Self { route, method, status: status.as_u16() }
    }
}

impl Counted {
    fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl InFlight {
    /// Count the request now, and its duration when the last of its answer was handed to the connection.
    pub(crate) fn until_sent(self, response: Response, labels: Labels, began: Instant) -> Response {
        self.requests.get_or_create(&labels).inc();
        let route = RouteLabel { route: labels.route };
        response.map(|body| Body::new(Sent { body, route, began, in_flight: self }))
    }
}

/// A body that knows when it was sent, or given up.
struct Sent {
    body: Body,
    route: RouteLabel,
    began: Instant,
    in_flight: InFlight,
}

impl Drop for Sent {
    fn drop(&mut self) {
        self.in_flight.durations.get_or_create(&self.route).observe(self.began.elapsed().as_secs_f64());
    }
}

impl http_body::Body for Sent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
