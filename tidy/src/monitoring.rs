//! Metrics that dashboards and alert rules use: each must be documented. `docs` compares the documented ones with the code.

use std::collections::BTreeSet;
use std::io;

use regex::Regex;
use serde_json::Value;

use crate::finding::Finding;
use crate::markdown;
use crate::repository::Repository;

const ALERTS: &str = "deploy/prometheus/alerts.yaml";
const DASHBOARD: &str = "deploy/grafana/dashboard.json";
/// The pages that document metrics, and the sections with their tables.
const PAGES: [(&str, &str); 2] = [("docs/api.md", "Metrics"), ("docs/cluster.md", "Monitoring")];
/// Endings that Prometheus adds to the name of a histogram.
const ENDINGS: [&str; 3] = ["_bucket", "_count", "_sum"];

/// Compares the metrics of both files with the documentation.
///
/// # Errors
/// If a file cannot be read or parsed.
pub fn check(repository: &Repository) -> io::Result<Vec<Finding>> {
    let mut documented = BTreeSet::new();
    for (page, section) in PAGES {
        let text = repository.read(page)?;
        let lines = markdown::section(&text, section)
            .ok_or_else(|| io::Error::other(format!("{page} has no section `{section}`")))?;
        for (_, cells) in markdown::rows(&lines) {
            let name = cells.first().and_then(|cell| markdown::codes(cell).next()).unwrap_or_default();
            documented.insert(name.split('{').next().unwrap_or(name).to_owned());
        }
    }
    let mut findings = Vec::new();
    for (line, text) in repository.read(ALERTS)?.lines().enumerate() {
        if let Some((_, query)) = text.split_once("expr:") {
            findings.extend(undocumented(query, &documented).map(|name| finding(ALERTS, line + 1, &name)));
        }
    }
    let dashboard: Value = serde_json::from_str(&repository.read(DASHBOARD)?).map_err(io::Error::other)?;
    for query in queries(&dashboard) {
        findings.extend(undocumented(query, &documented).map(|name| finding(DASHBOARD, 0, &name)));
    }
    Ok(findings)
}

fn finding(file: &str, line: usize, name: &str) -> Finding {
    Finding::new(file, line, format!("the metric `{name}` is not documented; add it, or correct its name"))
}

/// Returns the queries of a dashboard, wherever they are.
fn queries(value: &Value) -> Vec<&str> {
    match value {
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(key, value)| match (key.as_str(), value) {
                ("expr" | "query", Value::String(text)) => vec![text.as_str()],
                _ => queries(value),
            })
            .collect(),
        Value::Array(values) => values.iter().flat_map(queries).collect(),
        _ => Vec::new(),
    }
}

/// Returns the names of metrics in a query that are not documented.
fn undocumented(query: &str, documented: &BTreeSet<String>) -> impl Iterator<Item = String> {
    let labels = Regex::new(r"\{[^}]*\}").expect("a valid expression");
    let metric = Regex::new(r"\b(webd|executor|haproxy)_[a-z0-9_]+").expect("a valid expression");
    let query = labels.replace_all(query, "");
    let names: BTreeSet<String> = metric
        .find_iter(&query)
        .map(|name| name.as_str())
        .filter(|name| {
            let plain = ENDINGS.iter().find_map(|ending| name.strip_suffix(ending));
            !documented.contains(*name) && !plain.is_some_and(|plain| documented.contains(plain))
        })
        .map(str::to_owned)
        .collect();
    names.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_that_is_not_documented_is_found() {
        let documented = ["webd_sessions", "executor_step_duration_seconds"].map(str::to_owned).into();
        let check = |query: &str, expected: &[&str]| {
            assert_eq!(undocumented(query, &documented).collect::<Vec<_>>(), expected, "{query}");
        };
        check("sum(webd_sessions{proxy=\"executor_programs\"}) > 1", &[]);
        check("rate(executor_step_duration_seconds_bucket{step=\"run\"}[5m])", &[]);
        check("webd_sessions_bucket / webd_session", &["webd_session"]);
        check("label_values(executor_up, instance)", &["executor_up"]);
    }
}
