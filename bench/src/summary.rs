//! Summary of a run: each variant with hello world in all languages, divided by the bare command, and memory at rest.

use std::fmt::Write as _;

use crate::load::Throughput;
use crate::programs::Language;
use crate::rounds::Row;
use crate::variant::Variant;
use clap::ValueEnum;

/// The program of the summary.
const PROGRAM: &str = "hello";

/// Memory that a variant holds at rest, in MiB.
pub type AtRest = (&'static str, Option<f64>);

/// Returns the summary as tables in Markdown.
#[must_use]
pub fn summary(latency: &[Row], throughput: &[Throughput], at_rest: &[AtRest]) -> String {
    let languages: Vec<&str> = Language::value_variants().iter().map(|language| language.name()).collect();
    let clients = throughput.iter().map(|row| row.clients).max().unwrap_or(0);
    let row = |variant: Variant, language: &str| {
        let is_asked =
            |row: &&Row| row.language == language && row.program == PROGRAM && row.variant == variant.name();
        latency.iter().find(is_asked)
    };
    let cpu = |variant, language: &str| row(variant, language)?.cpu.zip(row(Variant::Bare, language)?.cpu);
    let rate = |variant: Variant, language: &str| {
        let is_asked = |row: &&Throughput| {
            row.language == language
                && row.program == PROGRAM
                && row.variant == variant.name()
                && row.clients == clients
        };
        throughput.iter().find(is_asked).map(|row| row.ratio)
    };
    type Quantity<'a> = (String, Box<dyn Fn(Variant, &str) -> Option<f64> + 'a>);
    let quantities: [Quantity<'_>; 4] = [
        ("latency, p50".to_owned(), Box::new(|variant, language| Some(row(variant, language)?.ratio))),
        ("latency, p99".to_owned(), Box::new(|variant, language| Some(row(variant, language)?.ratio_p99))),
        (
            "CPU time of an execution".to_owned(),
            Box::new(|variant, language| cpu(variant, language).map(|(own, bare)| own / bare)),
        ),
        (format!("executions per second, {clients} clients"), Box::new(rate)),
    ];
    let mut text = format!("| {PROGRAM}, divided by bare | way | {} |\n", languages.join(" | "));
    text += &format!("|---|---|{}\n", "---|".repeat(languages.len()));
    for (name, ratio) in &quantities {
        for variant in Variant::ALL.into_iter().filter(|&variant| variant != Variant::Bare) {
            let ratios: Vec<_> = languages.iter().map(|language| ratio(variant, language)).collect();
            if ratios.iter().any(Option::is_some) {
                let cells = ratios
                    .into_iter()
                    .map(|ratio| ratio.map_or(String::new(), |ratio| format!("{ratio:.3}")));
                let _ = writeln!(
                    text,
                    "| {name} | {} | {} |",
                    variant.name(),
                    cells.collect::<Vec<_>>().join(" | ")
                );
            }
        }
    }
    text += "\n| way | MiB at rest |\n|---|---|\n";
    for (way, memory) in at_rest {
        let memory = memory.map_or_else(|| "not measured".to_owned(), |memory| format!("{memory:.1}"));
        let _ = writeln!(text, "| {way} | {memory} |");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::Times;

    #[test]
    fn the_summary_has_a_line_for_each_quantity_and_variant() {
        let times = Times { count: 1, p50: 1.0, p90: 1.0, p99: 1.0 };
        let row = |variant: Variant, ratio, cpu| Row {
            language: "python".to_owned(),
            program: PROGRAM.to_owned(),
            variant: variant.name(),
            times,
            ratio,
            ratio_p99: 2.0 * ratio,
            cpu: Some(cpu),
            peak: None,
        };
        let latency = [row(Variant::Bare, 1.0, 10.0), row(Variant::Warm, 0.25, 12.5)];
        let rate = |clients, ratio| Throughput {
            language: "python".to_owned(),
            program: PROGRAM.to_owned(),
            variant: Variant::Warm.name(),
            clients,
            per_second: 1.0,
            ratio,
            times,
        };
        let text =
            summary(&latency, &[rate(1, 0.5), rate(16, 0.9)], &[("warm", Some(120.04)), ("bare", None)]);
        let lines: Vec<_> = text.lines().skip(2).collect();
        assert_eq!(
            lines,
            [
                "| latency, p50 | warm | 0.250 |  |  |  |",
                "| latency, p99 | warm | 0.500 |  |  |  |",
                "| CPU time of an execution | warm | 1.250 |  |  |  |",
                "| executions per second, 16 clients | warm | 0.900 |  |  |  |",
                "",
                "| way | MiB at rest |",
                "|---|---|",
                "| warm | 120.0 |",
                "| bare | not measured |",
            ]
        );
    }
}
