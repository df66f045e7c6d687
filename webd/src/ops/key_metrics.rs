//! Metrics of the API keys.

use std::sync::atomic::AtomicU64;

use keys::KeyName;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use crate::domain::keys::account::Totals;
use crate::domain::keys::refusal::REASONS;

/// Keys with a label of their own; the others are counted together. The anonymous key always has one.
const MAX_LABELS: usize = 1000;
/// Label of the keys without one of their own. It is not the name of a key: `/` is not allowed there.
const OTHERS: &str = "other/keys";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KeyLabel {
    key: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusalLabels {
    key: String,
    reason: &'static str,
}

/// Registers the counters of all keys in a registry that is encoded once. Keys that were not used are left out.
pub(crate) fn register(registry: &mut Registry, totals: &[(KeyName, Totals)]) {
    let executions: Family<KeyLabel, Counter> = Family::default();
    let cpu_seconds: Family<KeyLabel, Counter<f64, AtomicU64>> = Family::default();
    let refusals: Family<RefusalLabels, Counter> = Family::default();
    let used = totals.iter().filter(|(_, totals)| *totals != Totals::default());
    for (index, (name, totals)) in used.enumerate() {
        let has_label = index < MAX_LABELS || name.is_anonymous();
        let key = if has_label { name.to_string() } else { OTHERS.to_owned() };
        let label = KeyLabel { key: key.clone() };
        executions.get_or_create(&label).inc_by(totals.executions);
        #[expect(clippy::cast_precision_loss, reason = "exact for 285 years of CPU time")]
        cpu_seconds.get_or_create(&label).inc_by(totals.cpu_us as f64 / 1e6);
        for (reason, count) in REASONS.into_iter().zip(totals.refusals).filter(|(_, count)| *count > 0) {
            refusals.get_or_create(&RefusalLabels { key: key.clone(), reason }).inc_by(count);
        }
    }
    registry.register("key_executions", "Executions of an API key", executions);
    registry.register("key_cpu_seconds", "CPU time of the programs of an API key", cpu_seconds);
    registry.register("key_refusals", "Executions that an API key did not allow", refusals);
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode_registry;

    use super::*;

    #[test]
    fn the_number_of_labels_is_bounded() {
        let used = Totals { executions: 1, cpu_us: 500_000, refusals: [0, 0, 0, 0, 2] };
        let names = (0..3000).map(|number| format!("key{number:04}")).chain(["anonymous".to_owned()]);
        let totals: Vec<_> = names.map(|name| (name.parse().unwrap(), used)).collect();
        let mut registry = Registry::with_prefix("webd");
        register(&mut registry, &totals);
        let mut text = String::new();
        encode_registry(&mut text, &registry).unwrap();
        assert!(text.contains("webd_key_executions_total{key=\"key0999\"} 1\n"), "{text}");
        assert!(text.contains("webd_key_executions_total{key=\"other/keys\"} 2000\n"));
        assert!(text.contains("webd_key_cpu_seconds_total{key=\"anonymous\"} 0.5\n"));
        assert!(text.contains("webd_key_refusals_total{key=\"key0000\",reason=\"rate\"} 2\n"));
        assert_eq!(text.matches("webd_key_executions_total{").count(), MAX_LABELS + 2);
    }
}
