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
    let used = uses(repository)?.into_iter();
    let undocumented = used.filter(|used| !documented.contains(family(&used.name, &documented)));
    Ok(undocumented.map(|used| finding(used.file, used.line, &used.name)).collect())
}

/// Returns the names of all metrics that dashboards and alert rules use.
///
/// # Errors
/// If a file cannot be read or parsed.
pub fn metrics(repository: &Repository) -> io::Result<BTreeSet<String>> {
    Ok(uses(repository)?.into_iter().map(|used| used.name).collect())
}

/// A metric in a query.
struct Use {
    file: &'static str,
    /// 0 if unknown.
    line: usize,
    name: String,
}

fn uses(repository: &Repository) -> io::Result<Vec<Use>> {
    let mut uses = Vec::new();
    for (number, text) in repository.read(ALERTS)?.lines().enumerate() {
        if let Some((_, query)) = text.split_once("expr:") {
            uses.extend(names(query).into_iter().map(|name| Use { file: ALERTS, line: number + 1, name }));
        }
    }
    let dashboard: Value = serde_json::from_str(&repository.read(DASHBOARD)?).map_err(io::Error::other)?;
    for query in queries(&dashboard) {
        uses.extend(names(query).into_iter().map(|name| Use { file: DASHBOARD, line: 0, name }));
    }
    Ok(uses)
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

/// Returns the names of the metrics in a query.
fn names(query: &str) -> BTreeSet<String> {
    let labels = Regex::new(r"\{[^}]*\}").expect("a valid expression");
    let metric = Regex::new(r"\b(webd|executor|haproxy)_[a-z0-9_]+").expect("a valid expression");
    let query = labels.replace_all(query, "");
    metric.find_iter(&query).map(|name| name.as_str().to_owned()).collect()
}

/// Returns the documented name of a metric, which may be a series of a histogram.
fn family<'a>(name: &'a str, documented: &BTreeSet<String>) -> &'a str {
    let plain = ENDINGS.iter().find_map(|ending| name.strip_suffix(ending));
    plain.filter(|plain| !documented.contains(name) && documented.contains(*plain)).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_that_is_not_documented_is_found() {
        let documented: BTreeSet<_> =
            ["webd_sessions", "executor_step_duration_seconds"].map(str::to_owned).into();
        let check = |query: &str, expected: &[&str]| {
            let names = names(query);
            let undocumented = names.iter().filter(|name| !documented.contains(family(name, &documented)));
            assert_eq!(undocumented.collect::<Vec<_>>(), expected, "{query}");
        };
        check("sum(webd_sessions{proxy=\"executor_programs\"}) > 1", &[]);
        check("rate(executor_step_duration_seconds_bucket{step=\"run\"}[5m])", &[]);
        check("webd_sessions_bucket / webd_session", &["webd_session"]);
        check("label_values(executor_up, instance)", &["executor_up"]);
    }
}
