//! `executor check`: each thing the host must be able to do, and what to do where it can not.

use std::path::Path;
use std::process::ExitCode;

use protocol::{CheckResult, Client, Event, Request};
use serde_json::json;

use crate::failure::Failure;
use crate::terminal::Out;

pub(crate) async fn check(socket: &Path, json: bool) -> Result<ExitCode, Failure> {
    let mut client = Client::connect(socket).await?;
    client.send(Request::Check).await?;
    let mut out = Out::stdout();
    let mut checked = Vec::new();
    let mut good = true;
    loop {
        match client.event().await? {
            Event::Checked(result) => {
                good &= result.passed || result.optional;
                if json {
                    checked.push(as_json(&result));
                } else {
                    out.write(words(&result, &out).as_bytes()).await?;
                }
            }
            Event::CheckDone => break,
            other => return Err(Failure::from_unexpected(other)),
        }
    }
    if json {
        out.line(&format!("{:#}", json!({ "passed": good, "checks": checked }))).await?;
    } else if good {
        out.line("This host can do what is promised.").await?;
    } else {
        out.line(&out.bad("This host can not do what is promised.")).await?;
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn words(result: &CheckResult, out: &Out) -> String {
    const WIDTH: usize = "no (optional)".len();
    let answer = match (result.passed, result.optional) {
        (true, _) => out.good(&format!("{:WIDTH$}", "yes")),
        (false, true) => format!("{:WIDTH$}", "no (optional)"),
        (false, false) => out.bad(&format!("{:WIDTH$}", "no")),
    };
    let mut words = format!("{answer}  {}", result.name);
    if !result.detail.is_empty() {
        words += &format!(": {}", result.detail);
    }
    words.push('\n');
    if let (false, Some(advice)) = (result.passed, &result.advice) {
        words += &format!("{:WIDTH$}    to do: {advice}\n", "");
    }
    words
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
