//! The lists of limits that are not code: in the documentation, the OpenAPI description, the configuration file and the
//! manual page. They are generated from the table in `protocol/src/limits.rs`.

#![forbid(unsafe_code)]

use std::path::Path;

use protocol::quantity::Kind;
use protocol::{LIMITS, LimitInfo, Limits};

const HOW: &str = "UPDATE_DOCS=1 cargo test -p protocol --test limits";

#[test]
fn the_documentation_has_the_table_of_limits() {
    check("docs/api.md", &["<!-- limits -->\n"], "<!-- /limits -->", &table());
}

#[test]
fn the_configuration_file_shows_the_defaults() {
    for (section, defaults) in
        [("run", Limits::RUN), ("compile", Limits::COMPILE), ("maximum", Limits::MAXIMA)]
    {
        let lines: String = LIMITS.iter().map(|limit| setting(limit, &defaults)).collect();
        check("systemd/etc/executord.toml", &[&format!("#[limits.{section}]\n")], "\n", &lines);
    }
}

#[test]
fn the_manual_page_names_each_limit() {
    let names: Vec<_> = LIMITS.iter().map(|limit| format!(".BR {} ", limit.cli_name)).collect();
    check("docs/man/executor.1", &[".\\\" limits\n"], ".\\\" /limits", &format!("{}.\n", names.join(",\n")));
}

#[test]
fn the_openapi_description_has_the_limits() {
    let file = "webd/src/api/openapi.json";
    let properties = |minimum| lines(|limit| property(limit, minimum));
    check(file, &["\"LimitsRequest\": {\n", "\"properties\": {\n"], "        }", &properties(1));
    check(file, &["\"Limits\": {\n", "\"properties\": {\n"], "        }", &properties(0));
    let required = lines(|limit| format!("          \"{}\"", limit.json_key));
    check(file, &["\"Limits\": {\n", "\"required\": [\n"], "        ]", &required);
}

/// Checks that a file has `expected` between `start`, texts that follow one after the other, and the next line that begins
/// with `end`. Writes it with UPDATE_DOCS.
fn check(file: &str, start: &[&str], end: &str, expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
    let text = std::fs::read_to_string(&path).expect("a file of the repository");
    let before = start
        .iter()
        .fold(0, |from, start| from + text[from..].find(start).expect("the start of the list") + start.len());
    let length = text[before..]
        .split_inclusive('\n')
        .take_while(|line| !line.starts_with(end))
        .map(str::len)
        .sum::<usize>();
    let (before, rest) = text.split_at(before);
    let (found, after) = rest.split_at(length);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, format!("{before}{expected}{after}")).expect("a writable file");
    } else {
        assert_eq!(found, expected, "{file} differs from protocol/src/limits.rs; run: {HOW}");
    }
}

fn table() -> String {
    let mut table =
        "| limit | JSON key | `executord.toml` | `--limit` | run | compilation | minimum | maximum |\n\
                     |---|---|---|---|---|---|---|---|\n"
            .to_owned();
    for limit in LIMITS {
        let [run, compile, minimum, maximum] = [Limits::RUN, Limits::COMPILE, Limits::MINIMA, Limits::MAXIMA]
            .map(|limits| limit.written(&limits));
        let (help, name, json, cli) = (limit.help, limit.name, limit.json_key, limit.cli_name);
        table += &format!(
            "| {help} | `{json}` | `{name}` | `{cli}` | {run} | {compile} | {minimum} | {maximum} |\n"
        );
    }
    table
}

/// Returns the lines of a JSON list or object, without its brackets.
fn lines(line: impl Fn(&LimitInfo) -> String) -> String {
    format!("{}\n", LIMITS.iter().map(line).collect::<Vec<_>>().join(",\n"))
}

/// Returns the property of a limit in the OpenAPI description.
fn property(limit: &LimitInfo, minimum: u64) -> String {
    let unit = match limit.kind {
        Kind::Duration => " (milliseconds)",
        Kind::ByteCount => " (bytes)",
        Kind::Count => "",
    };
    let (first, rest) = limit.help.split_at(1);
    let (key, description) = (limit.json_key, format!("{}{rest}{unit}", first.to_uppercase()));
    format!(
        r#"          "{key}": {{"type": "integer", "minimum": {minimum}, "description": "{description}"}}"#
    )
}

/// Returns the commented line of a limit in a configuration file.
fn setting(limit: &LimitInfo, limits: &Limits) -> String {
    let quote = if limit.kind == Kind::Count { "" } else { "\"" };
    format!("#{} = {quote}{}{quote}\n", limit.name, limit.written(limits))
}
