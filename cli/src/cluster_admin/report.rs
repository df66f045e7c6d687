//! The state of a cluster, as text and as JSON.

use std::fmt::Write as _;

use cluster::administration::Overview;
use serde_json::json;

use crate::failure::Failure;
use crate::output::Output;

/// Prints the state.
pub(super) async fn print(overview: &Overview, as_json: bool) -> Result<(), Failure> {
    let text = if as_json { json_text(overview) } else { text(overview) };
    Ok(Output::stdout().write(text.as_bytes()).await?)
}

fn text(overview: &Overview) -> String {
    let mut text = format!(
        "waiting    {} (oldest {:.1} s)\nnodes      {}\n",
        overview.waiting.submissions,
        overview.oldest().as_secs_f64(),
        overview.nodes.len()
    );
    for node in &overview.nodes {
        let state = if node.draining { ", draining" } else { "" };
        // Writing into a string cannot fail.
        let _ = writeln!(
            text,
            "  {:<16} pool {}, {} of {} slots idle, {} of {} submissions run, version {}, languages {}{state}",
            node.name,
            node.pool,
            node.idle_slots,
            node.slots,
            node.running,
            node.async_slots,
            node.version,
            node.languages
        );
    }
    let mut languages: Vec<_> = overview.nodes.iter().map(|node| (&node.pool, &node.languages)).collect();
    languages.sort();
    languages.dedup();
    if languages.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        text.push_str("warning    nodes of one pool have different languages\n");
    }
    if overview.nodes.windows(2).any(|pair| pair[0].version != pair[1].version) {
        text.push_str("warning    nodes have different versions\n");
    }
    text
}

fn json_text(overview: &Overview) -> String {
    let waiting = json!({
        "submissions": overview.waiting.submissions,
        "oldest_seconds": overview.oldest().as_secs_f64(),
    });
    format!("{}\n", json!({"waiting": waiting, "nodes": overview.nodes}))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use cluster::nodes::NodeStatus;
    use cluster::submitter::Waiting;

    use super::*;

    #[test]
    fn nodes_with_different_languages_are_reported() {
        let node = |name: &str, pool: &str, languages: &str| NodeStatus {
            name: name.to_owned(),
            pool: pool.to_owned(),
            slots: 4,
            idle_slots: 1,
            languages: languages.to_owned(),
            ..NodeStatus::default()
        };
        let overview = |nodes| Overview {
            nodes,
            waiting: Waiting { submissions: 3, oldest: Duration::from_millis(1500) },
        };
        let same = overview(vec![node("a", "main", "x"), node("b", "main", "x"), node("c", "gpu", "y")]);
        assert!(text(&same).starts_with("waiting    3 (oldest 1.5 s)\nnodes      3\n"), "{}", text(&same));
        assert!(!text(&same).contains("warning"));
        let warns = |nodes, warning: &str| text(&overview(nodes)).contains(warning);
        assert!(warns(
            vec![node("a", "main", "x"), node("b", "main", "y")],
            "nodes of one pool have different languages"
        ));
        let old = NodeStatus { version: "0.1.0".to_owned(), ..node("a", "main", "x") };
        assert!(warns(vec![old, node("b", "main", "x")], "nodes have different versions"));
        let value: serde_json::Value = serde_json::from_str(&json_text(&same)).unwrap();
        assert_eq!(
            (&value["waiting"]["submissions"], &value["nodes"][2]["pool"]),
            (&json!(3), &json!("gpu"))
        );
    }
}
