//! Metrics of the cluster.

use cluster::nodes::NodeStatus;
use cluster::submitter::Waiting;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::registry::{Registry, Unit};

/// What is known about the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ClusterMetrics {
    /// Nodes that reported their status lately, of all pools.
    pub(crate) nodes: Vec<NodeStatus>,
    /// Submissions of the pool that no node has taken.
    pub(crate) waiting: Waiting,
    /// Whether this webd is connected to NATS.
    pub(crate) is_connected: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct NodeLabel {
    node: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EndLabels {
    node: String,
    end: &'static str,
}

impl ClusterMetrics {
    /// Registers the metrics in a registry with the prefix `executor_cluster`.
    pub(crate) fn register(&self, registry: &mut Registry) {
        let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        registry.register(
            "nats_up",
            "Whether webd is connected to NATS",
            ConstGauge::new(i64::from(self.is_connected)),
        );
        registry.register("nodes", "Nodes that run submissions", ConstGauge::new(count(self.nodes.len())));
        let waiting = i64::try_from(self.waiting.submissions).unwrap_or(i64::MAX);
        registry.register("waiting", "Submissions that no node has taken", ConstGauge::new(waiting));
        let help = "Time for which the oldest of them has waited";
        let oldest = ConstGauge::new(self.waiting.oldest.as_secs_f64());
        registry.register_with_unit("oldest_waiting", help, Unit::Seconds, oldest);
        self.register_nodes(registry);
    }

    fn register_nodes(&self, registry: &mut Registry) {
        let (slots, idle, running) = (Family::default(), Family::default(), Family::default());
        let (redelivered, ends) =
            (Family::<NodeLabel, Counter>::default(), Family::<EndLabels, Counter>::default());
        for node in &self.nodes {
            let label = NodeLabel { node: node.name.clone() };
            let set = |family: &Family<NodeLabel, Gauge>, value: u32| {
                family.get_or_create(&label).set(i64::from(value));
            };
            set(&slots, node.slots);
            set(&idle, node.idle_slots);
            set(&running, node.running);
            redelivered.get_or_create(&label).inc_by(node.redelivered);
            for (end, number) in node.ends.named() {
                ends.get_or_create(&EndLabels { node: node.name.clone(), end }).inc_by(number);
            }
        }
        registry.register("slots", "Executions of a node that can use the CPU concurrently", slots);
        registry.register("idle_slots", "Slots of a node that no execution uses", idle);
        registry.register("running", "Submissions that a node runs", running);
        registry.register("redelivered", "Submissions that a node took after another attempt", redelivered);
        registry.register("submissions", "Submissions of a node by their end", ends);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use cluster::nodes::Ends;
    use prometheus_client::encoding::text::encode_registry;

    use super::*;

    #[test]
    fn each_node_has_its_own_series() {
        let node = |name: &str, finished| NodeStatus {
            name: name.to_owned(),
            slots: 4,
            idle_slots: 3,
            running: 1,
            ends: Ends { finished, ..Ends::default() },
            ..NodeStatus::default()
        };
        let metrics = ClusterMetrics {
            nodes: vec![node("a", 7), node("b", 9)],
            waiting: Waiting { submissions: 5, oldest: Duration::from_millis(1500) },
            is_connected: true,
        };
        let mut registry = Registry::with_prefix("executor_cluster");
        metrics.register(&mut registry);
        let mut text = String::new();
        encode_registry(&mut text, &registry).unwrap();
        for line in [
            "executor_cluster_nats_up 1",
            "executor_cluster_nodes 2",
            "executor_cluster_waiting 5",
            "executor_cluster_oldest_waiting_seconds 1.5",
            "executor_cluster_idle_slots{node=\"b\"} 3",
            "executor_cluster_submissions_total{node=\"b\",end=\"finished\"} 9",
            "executor_cluster_redelivered_total{node=\"a\"} 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
    }
}
