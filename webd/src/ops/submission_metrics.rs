//! Metrics of the stored submissions.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::domain::submissions::store::StoreStatistics;
use crate::domain::submissions::submission::SubmissionState;

/// Every state of which the number is known is a label, also that of which there is nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabel {
    state: &'static str,
}

/// Registers the numbers of a store in a registry that is encoded once.
pub(crate) fn register(registry: &mut Registry, statistics: &StoreStatistics) {
    let stored: Family<StateLabel, Gauge<u64, AtomicU64>> = Family::default();
    let ended: Family<StateLabel, Counter> = Family::default();
    let counts = statistics.stored.into_iter().zip(statistics.reached);
    for (state, (count, reached)) in SubmissionState::ALL.into_iter().zip(counts) {
        let label = StateLabel { state: state.name() };
        if let Some(count) = count {
            stored.get_or_create(&label).set(count);
        }
        if let Some(reached) = reached.filter(|_| state.is_final()) {
            ended.get_or_create(&label).inc_by(reached);
        }
    }
    let bytes: Gauge<u64, AtomicU64> = Gauge::default();
    bytes.set(statistics.bytes);
    let oldest: Gauge<f64, AtomicU64> = Gauge::default();
    oldest.set(statistics.oldest_queued.as_secs_f64());
    let callbacks: Gauge<u64, AtomicU64> = Gauge::default();
    callbacks.set(statistics.callbacks);
    registry.register("submissions", "Stored submissions by their state", stored);
    registry.register("submissions_ended", "Submissions that reached a final state", ended);
    registry.register("submissions_stored_bytes", "Length of the stored requests and results", bytes);
    let help = "Time for which the oldest queued submission has waited";
    registry.register("submissions_oldest_queued_seconds", help, oldest);
    registry.register("callbacks_waiting", "Callbacks that are not delivered yet", callbacks);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use prometheus_client::encoding::text::encode_registry;

    use super::*;

    #[test]
    fn every_state_has_a_number() {
        let statistics = StoreStatistics {
            stored: [3, 1, 7, 0, 0, 0].map(Some),
            bytes: 4096,
            oldest_queued: Duration::from_millis(1500),
            reached: [20, 11, 9, 1, 2, 0].map(Some),
            callbacks: 5,
        };
        let mut registry = Registry::with_prefix("webd");
        register(&mut registry, &statistics);
        let mut text = String::new();
        encode_registry(&mut text, &registry).unwrap();
        for line in [
            "webd_submissions{state=\"queued\"} 3\n",
            "webd_submissions{state=\"expired\"} 0\n",
            "webd_submissions_ended_total{state=\"finished\"} 9\n",
            "webd_submissions_ended_total{state=\"expired\"} 0\n",
            "webd_submissions_stored_bytes 4096\n",
            "webd_submissions_oldest_queued_seconds 1.5\n",
            "webd_callbacks_waiting 5\n",
        ] {
            assert!(text.contains(line), "{line}{text}");
        }
        assert!(!text.contains("ended_total{state=\"queued\"}"), "{text}");
        let mut registry = Registry::with_prefix("webd");
        register(&mut registry, &StoreStatistics::default());
        let mut text = String::new();
        encode_registry(&mut text, &registry).unwrap();
        assert!(!text.contains("state="), "what is not known is left out: {text}");
    }
}
