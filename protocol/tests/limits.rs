//! The documentation and the configuration file say what the table of limits says.

#![forbid(unsafe_code)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use protocol::quantity::Kind;
use protocol::{LIMITS, Limits, LimitsRequest};

const HOW: &str = "UPDATE_DOCS=1 cargo test -p protocol --test limits";
const START: &str = "<!-- limits -->\n";
const END: &str = "<!-- /limits -->";

#[test]
fn the_documentation_has_the_table_of_limits() {
    let path = repository().join("docs/api.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(START).unwrap();
    let (documented, after) = rest.split_once(END).unwrap();
    let table = table();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, format!("{before}{START}{table}{END}{after}")).unwrap();
        return;
    }
    assert_eq!(documented, table, "the table in docs/api.md differs from protocol/src/limits.rs; run: {HOW}");
}

#[test]
fn the_configuration_file_shows_the_defaults() {
    let path = repository().join("systemd/etc/executord.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    for (section, defaults) in
        [("run", Limits::RUN), ("compile", Limits::COMPILE), ("maximum", Limits::MAXIMA)]
    {
        let (_, lines) = text.split_once(&format!("#[limits.{section}]\n")).unwrap();
        let mut shown = LimitsRequest::default();
        for (limit, line) in LIMITS.iter().zip(lines.lines()) {
            let value = line.strip_prefix(&format!("#{} = ", limit.name));
            let value =
                value.unwrap_or_else(|| panic!("limits.{section}: {} is missing at {line:?}", limit.name));
            assert_eq!(value.starts_with('"'), limit.kind != Kind::Count, "limits.{section}: {line}");
            limit.request(&mut shown, value.trim_matches('"')).unwrap();
        }
        // A limit that the file does not show would have its minimum, which is not a default.
        assert_eq!(shown.or(&Limits::MINIMA), defaults, "limits.{section} in {}", path.display());
    }
}

#[test]
fn the_page_about_languages_names_each_limit() {
    let text = std::fs::read_to_string(repository().join("docs/languages.md")).unwrap();
    for limit in LIMITS {
        assert!(
            text.contains(&format!("`{}`", limit.name)),
            "docs/languages.md does not name {}",
            limit.name
        );
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
        writeln!(
            table,
            "| {help} | `{json}` | `{name}` | `{cli}` | {run} | {compile} | {minimum} | {maximum} |"
        )
        .expect("a string takes everything");
    }
    table
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
