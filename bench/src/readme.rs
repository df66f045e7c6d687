//! The table of README.md: Executor with its default settings, divided by the bare command.

use crate::case::Case;
use crate::load::Throughput;
use crate::programs::Language;
use crate::rounds::Row;
use crate::variant::Variant;
use clap::ValueEnum;

/// The lines before and after the table.
const BOUNDS: [&str; 2] = ["<!-- Written by make bench BENCH='--readme README.md' -->\n", "<!-- End -->\n"];
/// The program of the table.
const PROGRAM: &str = "hello";
/// For what was not measured.
const MISSING: &str = "–";

/// What the table shows.
#[derive(Clone, Copy, Debug)]
pub struct Figures<'a> {
    /// Single executions.
    pub latency: &'a [Row],
    /// Several concurrent clients.
    pub throughput: &'a [Throughput],
    /// Bursts and closed loops.
    pub cases: &'a [Case],
    /// Memory of all processes with default settings before the first request, in MiB.
    pub at_rest: Option<f64>,
}

impl Figures<'_> {
    /// Returns the table in Markdown.
    #[must_use]
    pub fn table(&self) -> String {
        let languages: Vec<&str> =
            Language::value_variants().iter().map(|language| language.name()).collect();
        let clients = self.throughput.iter().map(|row| row.clients).max().unwrap_or(0);
        let mut text =
            format!("| hello world, divided by the bare command | {} |\n|---|", languages.join(" | "));
        text += &"---|".repeat(languages.len());
        text.push('\n');
        let mut line = |name: &str, figure: &dyn Fn(&str) -> Option<f64>| {
            let figures = languages.iter().map(|language| figure(language));
            let cells: Vec<String> =
                figures.map(|figure| figure.map_or_else(|| MISSING.to_owned(), short)).collect();
            text += &format!("| {name} | {} |\n", cells.join(" | "));
        };
        line("Latency, median", &|language| Some(self.row(Variant::Warm, language)?.ratio));
        line("Latency, 99th percentile", &|language| Some(self.row(Variant::Warm, language)?.ratio_p99));
        line("Latency, median, without a pre-warmed sandbox", &|language| {
            Some(self.row(Variant::Cold, language)?.ratio)
        });
        line("Latency, median, of a client that asks again at once", &|language| {
            self.case(&format!("{language}: one client in a closed loop"), "an answer")
        });
        line("CPU time, including pre-warming the next sandbox", &|language| {
            let cpu = |variant| self.row(variant, language)?.cpu;
            Some(cpu(Variant::Warm)? / cpu(Variant::Bare)?)
        });
        line(&format!("Executions per second, {clients} clients"), &|language| {
            let row = self.throughput.iter().find(|row| {
                row.language == language
                    && row.program == PROGRAM
                    && row.variant == Variant::Warm.name()
                    && row.clients == clients
            });
            row.map(|row| row.ratio)
        });
        line("64 requests at once, last answer", &|language| {
            (language == Language::Python.name())
                .then(|| self.case("64 Python requests at once", "the last answer"))?
        });
        line("For comparison: bubblewrap, latency, median", &|language| {
            Some(self.row(Variant::Bubblewrap, language)?.ratio)
        });
        line("For comparison: a `useradd` for each request, latency, median", &|language| {
            Some(self.row(Variant::Naive, language)?.ratio)
        });
        let at_rest = self.at_rest.map_or_else(|| MISSING.to_owned(), |mib| format!("{mib:.0}"));
        text += &format!(
            "\nMemory of all processes with default settings, before the first request: {at_rest} MiB.\n"
        );
        text
    }

    fn row(&self, variant: Variant, language: &str) -> Option<&Row> {
        self.latency
            .iter()
            .find(|row| row.language == language && row.program == PROGRAM && row.variant == variant.name())
    }

    fn case(&self, scenario: &str, quantity: &str) -> Option<f64> {
        let case = self.cases.iter().find(|case| {
            case.scenario == scenario && case.quantity == quantity && case.way == Variant::Warm.name()
        });
        case.map(|case| case.ratio)
    }
}

/// Returns a ratio with two significant digits, or without decimals if it has more.
fn short(ratio: f64) -> String {
    match ratio {
        0.0..0.1 => format!("{ratio:.3}"),
        0.1..10.0 => format!("{ratio:.2}"),
        _ => format!("{ratio:.0}"),
    }
}

/// Returns `text` with another table, or `None` if it has no place for one.
#[must_use]
pub fn insert(text: &str, table: &str) -> Option<String> {
    let [begin, end] = BOUNDS;
    let (before, rest) = text.split_once(begin)?;
    let (_, after) = rest.split_once(end)?;
    Some(format!("{before}{begin}{table}{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::Times;

    const TIMES: Times = Times { count: 1, p50: 1.0, p90: 1.0, p99: 1.0 };

    fn row(variant: Variant, ratio: f64, cpu: f64) -> Row {
        Row {
            language: "python".to_owned(),
            program: PROGRAM.to_owned(),
            variant: variant.name(),
            times: TIMES,
            ratio,
            ratio_p99: 2.0 * ratio,
            cpu: Some(cpu),
            peak: None,
        }
    }

    #[test]
    fn the_table_has_the_figures_of_default_settings() {
        let rate = |variant: Variant, clients, ratio| Throughput {
            language: "python".to_owned(),
            program: PROGRAM.to_owned(),
            variant: variant.name(),
            clients,
            per_second: 1.0,
            ratio,
            times: TIMES,
        };
        let case = |scenario: &str, quantity, way: Variant, ratio| Case {
            scenario: scenario.to_owned(),
            way: way.name(),
            quantity,
            times: TIMES,
            ratio,
            goal: "",
        };
        let burst = "64 Python requests at once";
        let figures = Figures {
            latency: &[row(Variant::Bare, 1.0, 10.0), row(Variant::Warm, 0.207, 12.5)],
            throughput: &[
                rate(Variant::Warm, 8, 3.0),
                rate(Variant::WithoutZygote, 16, 0.9),
                rate(Variant::Warm, 16, 2.18),
            ],
            cases: &[
                case(burst, "the median answer", Variant::Warm, 0.3),
                case(burst, "the last answer", Variant::Warm, 0.6),
                case("python: one client in a closed loop", "an answer", Variant::Warm, 0.0312),
            ],
            at_rest: Some(119.6),
        };
        let table = figures.table();
        for line in [
            "| hello world, divided by the bare command | python | javascript | cpp | java |",
            "| Latency, median | 0.21 | – | – | – |",
            "| Latency, 99th percentile | 0.41 | – | – | – |",
            "| Latency, median, of a client that asks again at once | 0.031 | – | – | – |",
            "| CPU time, including pre-warming the next sandbox | 1.25 | – | – | – |",
            "| Executions per second, 16 clients | 2.18 | – | – | – |",
            "| 64 requests at once, last answer | 0.60 | – | – | – |",
            "| For comparison: bubblewrap, latency, median | – | – | – | – |",
            "Memory of all processes with default settings, before the first request: 120 MiB.",
        ] {
            assert!(table.lines().any(|other| other == line), "{line}\n{table}");
        }
    }

    #[test]
    fn the_table_of_the_readme_is_replaced() {
        let text = include_str!("../../README.md");
        let once = insert(text, "| new |\n").expect("the README has the lines around the table");
        assert!(once.contains("| new |\n"));
        assert_eq!(insert(&once, "| newer |\n"), insert(text, "| newer |\n"));
        assert_eq!(insert("nothing", "| new |\n"), None);
    }
}
