//! Metrics of this process, and their exposition as OpenMetrics together with the daemon's.

use std::time::Instant;

use keys::KeyName;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use protocol::ServerStatus;

use crate::domain::keys::account::Totals;
use crate::domain::submissions::callback_runner::Delivery;
use crate::domain::submissions::store::StoreStatistics;
use crate::ops::daemon_metrics::DaemonMetrics;
use crate::ops::{key_metrics, submission_metrics};

/// Content type of the exposition.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds of the buckets for request durations, in seconds.
const DURATION_BUCKETS: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// Label of requests without a route, and of methods that are not in [`METHODS`].
const OTHER: &str = "other";
/// Methods with a label of their own.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "OPTIONS", "PUT", "DELETE", "PATCH"];

/// Metrics of this process.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    connections: Gauge,
    sessions: Gauge,
    in_flight: Gauge,
    requests: Family<RequestLabels, Counter>,
    durations: Family<RouteLabel, Histogram>,
    callbacks: Family<DeliveryLabel, Counter>,
}

/// Labels of an answered request. No request can add values beyond a fixed set.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct RequestLabels {
    route: String,
    method: &'static str,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabel {
    route: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DeliveryLabel {
    result: &'static str,
}

/// Increments a gauge until it is dropped.
#[derive(Debug)]
pub(crate) struct CountedGuard(Gauge);

/// A request whose response has not begun.
#[derive(Debug)]
pub(crate) struct RequestInFlight {
    counted: CountedGuard,
    requests: Family<RequestLabels, Counter>,
    durations: Family<RouteLabel, Histogram>,
}

/// Records the duration of a request when it is dropped.
#[derive(Debug)]
pub(crate) struct RequestTimer {
    _counted: CountedGuard,
    durations: Family<RouteLabel, Histogram>,
    label: RouteLabel,
    started: Instant,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("webd");
        let connections = Gauge::default();
        registry.register("connections", "Open connections", connections.clone());
        let sessions = Gauge::default();
        registry.register("sessions", "Open WebSocket sessions", sessions.clone());
        let in_flight = Gauge::default();
        let help = "Requests whose response is not sent completely";
        registry.register("http_requests_in_flight", help, in_flight.clone());
        let requests = Family::default();
        registry.register("http_requests", "Answered requests", requests.clone());
        let durations =
            Family::new_with_constructor((|| Histogram::new(DURATION_BUCKETS)) as fn() -> Histogram);
        let help = "Time from a request head to the end of its response";
        registry.register_with_unit("http_request_duration", help, Unit::Seconds, durations.clone());
        let callbacks = Family::default();
        registry.register("callback_attempts", "Attempts to deliver a callback", callbacks.clone());
        Self { registry, connections, sessions, in_flight, requests, durations, callbacks }
    }
}

impl Metrics {
    /// Counts a connection.
    pub(crate) fn connection(&self) -> CountedGuard {
        CountedGuard::new(&self.connections)
    }

    /// Counts a session.
    pub(crate) fn session(&self) -> CountedGuard {
        CountedGuard::new(&self.sessions)
    }

    /// Counts an attempt to deliver a callback.
    pub(crate) fn callback(&self, delivery: Delivery) {
        let result = match delivery {
            Delivery::Delivered => "delivered",
            Delivery::Failed => "failed",
            Delivery::Refused => "refused",
        };
        self.callbacks.get_or_create(&DeliveryLabel { result }).inc();
    }

    /// Counts a request as in flight.
    pub(crate) fn request(&self) -> RequestInFlight {
        RequestInFlight {
            counted: CountedGuard::new(&self.in_flight),
            requests: self.requests.clone(),
            durations: self.durations.clone(),
        }
    }

    /// Returns the exposition. The daemon's metrics are missing if it does not answer (`daemon` is `None`), and those of
    /// submissions if there is no store.
    pub(crate) fn exposition(
        &self,
        daemon: Option<ServerStatus>,
        keys: &[(KeyName, Totals)],
        submissions: Option<StoreStatistics>,
        #[cfg(feature = "cluster")] cluster: Option<&crate::ops::cluster_metrics::ClusterMetrics>,
    ) -> String {
        let mut text = String::new();
        let mut store_registry = Registry::with_prefix("webd");
        key_metrics::register(&mut store_registry, keys);
        if let Some(statistics) = submissions {
            submission_metrics::register(&mut store_registry, &statistics);
        }
        let mut daemon_registry = Registry::with_prefix("executor");
        daemon_registry.register_collector(Box::new(DaemonMetrics(daemon)));
        // Writing into a string cannot fail.
        let _ = encode_registry(&mut text, &self.registry);
        let _ = encode_registry(&mut text, &store_registry);
        let _ = encode_registry(&mut text, &daemon_registry);
        #[cfg(feature = "cluster")]
        if let Some(cluster) = cluster {
            let mut cluster_registry = Registry::with_prefix("executor_cluster");
            cluster.register(&mut cluster_registry);
            let _ = encode_registry(&mut text, &cluster_registry);
        }
        let _ = encode_eof(&mut text);
        text
    }
}

impl RequestLabels {
    /// Creates labels from the path template of the route that matched, the method and the status of the response.
    pub(crate) fn new(route: Option<&str>, method: &str, status: u16) -> Self {
        let method = METHODS.into_iter().find(|known| method == *known).unwrap_or(OTHER);
        let route = route.map_or(OTHER, |route| route.trim_end_matches('/'));
        Self { route: route.to_owned(), method, status }
    }
}

impl CountedGuard {
    fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for CountedGuard {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl RequestInFlight {
    /// Counts the request as answered, and returns the timer that the response keeps until it is sent.
    pub(crate) fn answered(self, labels: RequestLabels, started: Instant) -> RequestTimer {
        self.requests.get_or_create(&labels).inc();
        let label = RouteLabel { route: labels.route };
        RequestTimer { _counted: self.counted, durations: self.durations, label, started }
    }
}

impl Drop for RequestTimer {
    fn drop(&mut self) {
        self.durations.get_or_create(&self.label).observe(self.started.elapsed().as_secs_f64());
    }
}
