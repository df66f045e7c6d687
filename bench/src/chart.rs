//! Chart of hello world: for each language, one bar per variant, with its duration relative to the bare command.

use std::fmt::Write as _;

use crate::rounds::Row;

const WIDTH: f64 = 760.0;
const LEFT: f64 = 190.0;
const RIGHT: f64 = 90.0;
const BAR: f64 = 16.0;
const GAP: f64 = 5.0;
const BETWEEN_LANGUAGES: f64 = 22.0;
/// Longer bars are cut off here.
const LONGEST_RATIO: f64 = 3.0;
const COLOURS: [(&str, &str); 8] = [
    ("bare", "#8a8f98"),
    ("warm", "#1a7f5a"),
    ("cold", "#6fb598"),
    ("no zygote", "#8fae3a"),
    ("cache hit", "#b5d6c8"),
    ("CLI", "#2f6fb0"),
    ("bubblewrap", "#c58b2a"),
    ("useradd", "#b5473c"),
];

/// Returns an SVG file.
#[must_use]
pub fn svg(rows: &[Row]) -> String {
    let rows: Vec<&Row> = rows.iter().filter(|row| row.program.starts_with("hello")).collect();
    let scale = (WIDTH - LEFT - RIGHT) / LONGEST_RATIO;
    let mut bars = String::new();
    let mut y = 48.0;
    let mut before = None;
    for row in rows {
        let of = (&row.language, &row.program);
        if before.is_some_and(|before| before != of) {
            y += BETWEEN_LANGUAGES;
        }
        before = Some(of);
        let colour = COLOURS
            .iter()
            .find(|(variant, _)| *variant == row.variant)
            .map_or("#888888", |(_, colour)| colour);
        let (p50, p99) =
            (row.ratio.min(LONGEST_RATIO), (row.times.p99 / row.times.p50 * row.ratio).min(LONGEST_RATIO));
        let middle = y + BAR / 2.0;
        let label = if row.program == "hello" {
            row.language.clone()
        } else {
            format!("{} (all headers)", row.language)
        };
        let _ = write!(
            bars,
            "<text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"end\">{label}, {}</text>\n\
             <rect x=\"{LEFT}\" y=\"{y:.0}\" width=\"{:.1}\" height=\"{BAR}\" fill=\"{colour}\"/>\n\
             <line x1=\"{:.1}\" y1=\"{middle:.0}\" x2=\"{:.1}\" y2=\"{middle:.0}\" stroke=\"{colour}\" stroke-width=\"2\"/>\n\
             <text x=\"{:.1}\" y=\"{:.0}\">{:.1} ms</text>\n",
            LEFT - 8.0,
            y + 12.5,
            row.variant,
            p50 * scale,
            LEFT + p50 * scale,
            LEFT + p99.max(p50) * scale,
            LEFT + p99.max(p50) * scale + 6.0,
            y + 12.5,
            row.times.p50,
        );
        y += BAR + GAP;
    }
    let bare = LEFT + scale;
    let height = y + 20.0;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {WIDTH} {height:.0}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"{LEFT}\" y=\"22\" font-size=\"14\">hello world relative to the bare command: bar p50, line to p99</text>\n\
         <line x1=\"{bare:.1}\" y1=\"34\" x2=\"{bare:.1}\" y2=\"{y:.0}\" stroke=\"#333333\" stroke-dasharray=\"3 3\"/>\n\
         {bars}</svg>\n"
    )
}
