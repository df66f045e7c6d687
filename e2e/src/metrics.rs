//! Metrics as Prometheus reads them.

/// Endings of the series of a metric.
const ENDINGS: [&str; 4] = ["_total", "_bucket", "_count", "_sum"];

/// Returns those of some metrics that an exposition does not have.
pub fn missing<'a>(names: impl IntoIterator<Item = &'a String>, exposition: &str) -> Vec<&'a str> {
    let has = |name: &str| exposition.contains(&format!("\n# TYPE {name} "));
    let of_series = |name: &str| ENDINGS.iter().any(|ending| name.strip_suffix(ending).is_some_and(has));
    names.into_iter().map(String::as_str).filter(|name| !has(name) && !of_series(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_of_a_metric_are_not_missing() {
        let exposition = "# HELP a A.\n# TYPE a counter\na_total 1\n# HELP b B.\n# TYPE b histogram\n# EOF\n";
        let names = ["a_total", "b_bucket", "b", "bb", "c"].map(str::to_owned);
        assert_eq!(missing(&names, exposition), ["bb", "c"]);
    }
}
