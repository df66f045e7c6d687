//! Tables in Markdown.

use std::fmt::Write as _;

use crate::growth::Point;
use crate::load::{CLIENTS, Throughput, VARIANTS};
use crate::rounds::Row;
use crate::sustained::{Sustained, Wait};

/// Returns the table of latency, CPU time and memory.
#[must_use]
pub fn rounds(rows: &[Row]) -> String {
    let mut text = table(&[
        "language",
        "program",
        "way",
        "rounds",
        "p50 ms",
        "p90 ms",
        "p99 ms",
        "p50 / bare",
        "p99 / bare",
        "CPU ms",
        "peak MiB",
    ]);
    for row in rows {
        let Row { language, program, variant, times, ratio, ratio_p99, cpu, peak } = row;
        let _ = writeln!(
            text,
            "| {language} | {program} | {variant} | {} | {:.2} | {:.2} | {:.2} | {ratio:.3} | {ratio_p99:.3} | {} | {} |",
            times.count,
            times.p50,
            times.p90,
            times.p99,
            number(*cpu),
            number(*peak)
        );
    }
    text
}

/// Returns the table of throughput.
#[must_use]
pub fn load(rows: &[Throughput]) -> String {
    let mut heads = vec!["language".to_owned(), "way".to_owned()];
    heads.extend(CLIENTS.iter().map(|clients| format!("{clients} clients")));
    heads.push("of bare, with 16".to_owned());
    let mut text = table(&heads.iter().map(String::as_str).collect::<Vec<_>>());
    let mut languages: Vec<&str> = rows.iter().map(|row| row.language.as_str()).collect();
    languages.dedup();
    for language in languages {
        for variant in VARIANTS {
            let find = |clients: usize| {
                rows.iter().find(|row| {
                    row.language == language && row.variant == variant.name() && row.clients == clients
                })
            };
            if !CLIENTS.iter().any(|&clients| find(clients).is_some()) {
                continue;
            }
            let _ = write!(text, "| {language} | {} |", variant.name());
            for clients in CLIENTS {
                let _ = write!(text, " {} |", number(find(clients).map(|row| row.per_second)));
            }
            let ratio = CLIENTS.last().and_then(|&clients| find(clients)).map(|row| row.ratio);
            let _ = writeln!(text, " {} |", number(ratio));
        }
    }
    text
}

/// Returns the table of growth.
#[must_use]
pub fn growth(points: &[Point]) -> String {
    let mut text = table(&["what", "size", "way", "p50 ms", "p90 ms", "p99 ms", "memory MiB"]);
    for Point { what, size, variant, times, memory } in points {
        let _ = writeln!(
            text,
            "| {what} | {size} | {variant} | {:.2} | {:.2} | {:.2} | {} |",
            times.p50,
            times.p90,
            times.p99,
            number(*memory)
        );
    }
    text
}

/// Returns the table of sustained load.
#[must_use]
pub fn sustained(found: Option<&Sustained>) -> String {
    let mut text = table(&[
        "clients",
        "seconds",
        "per second",
        "best with 8 and 16 clients immediately before",
        "ratio",
        "429",
        "executord MiB, first quarter",
        "last",
        "webd MiB, first quarter",
        "last",
    ]);
    if let Some(Sustained { clients, seconds, per_second, best, ratio, busy, executord, webd, .. }) = found {
        let memory = [executord.first, executord.last, webd.first, webd.last].map(number).join(" | ");
        let _ = writeln!(
            text,
            "| {clients} | {seconds:.1} | {per_second:.2} | {best:.2} | {ratio:.3} | {busy} | {memory} |"
        );
    }
    text.push('\n');
    text +=
        &table(&["kind", "clients", "responses", "p50 ms", "p90 ms", "p99 ms", "p50 / alone", "p99 / alone"]);
    for Wait { kind, clients, times, ratio, ratio_p99 } in found.iter().flat_map(|found| &found.waits) {
        let _ = writeln!(
            text,
            "| {kind} | {clients} | {} | {:.2} | {:.2} | {:.2} | {ratio:.3} | {ratio_p99:.3} |",
            times.count, times.p50, times.p90, times.p99
        );
    }
    text
}

fn table(heads: &[&str]) -> String {
    format!("| {} |\n|{}\n", heads.join(" | "), "---|".repeat(heads.len()))
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "not measured".to_owned(), |value| format!("{value:.2}"))
}
