//! `executor check`: everything that the host must support, with advice where it does not.

use std::process::ExitCode;

use protocol::{CheckResult, Client, Event, Request};
use serde_json::json;

use crate::failure::Failure;
use crate::output::Output;

/// Prints the results of a check: of `Request::Check` or `Request::CheckLanguages`.
pub(crate) async fn check(client: &mut Client, request: Request, json: bool) -> Result<ExitCode, Failure> {
    let of_host = request == Request::Check;
    client.send(request).await?;
    let mut out = Output::stdout();
    let mut checks = Vec::new();
    let mut passed = true;
    loop {
        match client.event().await? {
            Event::Checked(result) => {
                passed &= result.passed || (result.optional && of_host);
                if json {
                    checks.push(as_json(&result));
                } else {
                    out.write(as_text(&result, &out).as_bytes()).await?;
                }
            }
            Event::CheckDone => break,
            other => return Err(Failure::from_unexpected(other)),
        }
    }
    if json {
        out.line(&format!("{:#}", json!({ "passed": passed, "checks": checks }))).await?;
    } else if !of_host {
        let problem = "Some languages do not work.";
        out.line(&if passed { "All of these languages work.".to_owned() } else { out.red(problem) }).await?;
    } else if passed {
        out.line("This host passes all required checks.").await?;
    } else {
        out.line(&out.red("This host does not pass all required checks.")).await?;
    }
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn as_text(result: &CheckResult, out: &Output) -> String {
    const WIDTH: usize = "failed (optional)".len();
    let verdict = match (result.passed, result.optional) {
        (true, _) => out.green(&format!("{:WIDTH$}", "passed")),
        (false, true) => format!("{:WIDTH$}", "failed (optional)"),
        (false, false) => out.red(&format!("{:WIDTH$}", "failed")),
    };
    let mut text = format!("{verdict}  {}", result.name);
    if !result.detail.is_empty() {
        text += &format!(": {}", result.detail);
    }
    text.push('\n');
    if let (false, Some(advice)) = (result.passed, &result.advice) {
        text += &format!("{:WIDTH$}    fix: {advice}\n", "");
    }
    text
}

fn as_json(result: &CheckResult) -> serde_json::Value {
    json!({
        "name": result.name,
        "passed": result.passed,
        "optional": result.optional,
        "detail": result.detail,
        "advice": result.advice,
    })
}
