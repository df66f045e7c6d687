//! A figure of matplotlib and a report come back as the program wrote them.

#![forbid(unsafe_code)]

use std::io::Write;
use std::process::{Command, Stdio};

use e2e::answer::file_content;
use e2e::daemons::{Daemons, Settings};
use serde_json::{Value, json};

/// Draws a figure, writes a report, and prints the SHA-256 of both.
const PROGRAM: &str = r#"
import csv, hashlib, math, os

import matplotlib
matplotlib.use("Agg")
from matplotlib import pyplot

numbers = [i / 20 for i in range(200)]
figure, axes = pyplot.subplots(2, 1, figsize=(8, 6))
axes[0].plot(numbers, [math.sin(x) for x in numbers], label="sin")
axes[0].plot(numbers, [math.cos(x) for x in numbers], "--", label="cos")
axes[0].legend()
axes[1].hist([x * x % 7 for x in numbers], bins=14)
axes[1].set_title("Häufigkeit")
os.mkdir("figures")
figure.savefig("figures/waves.png", dpi=120)

with open("report.csv", "w", newline="", encoding="utf-8") as file:
    writer = csv.writer(file)
    writer.writerow(["x", "sin, rounded", "note"])
    for x in numbers:
        writer.writerow([x, round(math.sin(x), 6), "größer als 0" if math.sin(x) > 0 else 'a "quoted"\nnote'])

for name in ("report.csv", "figures/waves.png"):
    with open(name, "rb") as file:
        print(hashlib.sha256(file.read()).hexdigest(), name)
"#;

/// Returns the SHA-256 of bytes, by sha256sum(1).
fn sha256(bytes: &[u8]) -> String {
    let mut child = Command::new("sha256sum")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("coreutils are installed");
    child.stdin.take().expect("a pipe").write_all(bytes).expect("it reads its input");
    let output = child.wait_with_output().expect("it ends").stdout;
    String::from_utf8_lossy(&output).split(' ').next().unwrap_or_default().to_owned()
}

fn content(file: &Value) -> Vec<u8> {
    file_content(file).unwrap_or_else(|| unreachable!("text or base64: {file}"))
}

#[tokio::test]
async fn a_figure_and_a_report_come_back_byte_for_byte() {
    let request = json!({ "language": "python", "code": PROGRAM, "outputs": ["figures/*.png", "*.csv"],
        "limits": { "cpu_ms": 60_000, "wall_ms": 120_000, "memory_bytes": 512 << 20 } });
    let mut figures = Vec::new();
    for settings in [
        Settings::default(),
        Settings { pool: true, zygotes: Some(false), ..Settings::default() },
        Settings { zygotes: Some(true), ..Settings::default() },
    ] {
        let daemons = Daemons::start(&settings).await.expect("both daemons start");
        let answer = daemons.execute(&request).await;
        assert_eq!(answer["status"], "ok", "{answer}");
        let files = answer["output_files"].as_array().expect("output files");
        let hashes: String = files
            .iter()
            .map(|file| format!("{} {}\n", sha256(&content(file)), file["name"].as_str().expect("a name")))
            .collect();
        assert_eq!((files.len(), &answer["stdout"]), (2, &json!(hashes)));
        assert!(files.iter().all(|file| file["truncated"] == false), "{answer}");
        let figure = content(&files[1]);
        assert!(figure.starts_with(b"\x89PNG\r\n\x1a\n") && figure.ends_with(b"IEND\xae\x42\x60\x82"));
        let report = files[0]["content"].as_str().expect("text");
        assert!(
            report.starts_with("x,\"sin, rounded\",note\r\n0.0,0.0,\"a \"\"quoted\"\"\nnote\"\r\n"),
            "{report:.80}"
        );
        figures.push(hashes);
    }
    assert!(figures.iter().all(|hashes| *hashes == figures[0]), "{figures:?}");
}
