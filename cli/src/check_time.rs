//! `executor check --time`: what the example program of each language uses.

use std::iter;
use std::time::{Duration, Instant};

use bytes::Bytes;
use protocol::{
    Availability, Client, Event, ExecuteRequest, Language, Outcome, Request, RunRequest, SourceFile,
    StageReport, Stdin, Variable,
};

use crate::failure::Failure;
use crate::output::Output;

/// Executions after the first one, of which the fastest counts as warm.
const WARM_RUNS: usize = 3;

/// What one execution used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cost {
    /// From the request to the end of the program.
    wall_time: Duration,
    /// CPU time of the compiler and the program.
    cpu_time: Duration,
    /// The larger of the two peaks of memory, in bytes.
    memory: u64,
}

/// The example program of one version of a language.
struct Example<'a> {
    title: &'a str,
    language: &'a Language,
    /// `None` for the default version.
    version: Option<&'a str>,
}

/// Prints a table of what the example programs of all languages and their versions use: with sandboxes that are made for
/// them, and with those that are ready.
pub(crate) async fn check_time(client: &mut Client) -> Result<(), Failure> {
    let mut out = Output::stdout();
    client.send(Request::Languages).await?;
    let all = match client.event().await? {
        Event::Languages(languages) => languages,
        other => return Err(Failure::from_unexpected(other)),
    };
    let examples: Vec<_> = all.iter().filter(is_available).flat_map(examples_of).collect();
    let titles = examples.iter().map(|example| example.title.chars().count()).max().unwrap_or(0);
    out.line(&format!(
        "{:titles$}  {:>9}  {:>9}  {:>9}  {:>9}",
        "EXAMPLE OF", "COLD", "WARM", "CPU", "MEMORY"
    ))
    .await?;
    for example in examples {
        let row = match measure(client, &example).await? {
            Some((cold, warm)) => row(cold, warm),
            None => out.red("its example program failed"),
        };
        out.line(&format!("{:titles$}  {row}", example.title)).await?;
    }
    Ok(())
}

fn is_available(language: &&Language) -> bool {
    matches!(language.availability, Availability::Available { .. })
}

/// Returns the default version of a language, and then its others.
fn examples_of(language: &Language) -> impl Iterator<Item = Example<'_>> {
    let others = language.versions.iter().filter(|version| !version.is_default);
    let default = Example { title: &language.title, language, version: None };
    iter::once(default).chain(others.map(move |version| Example {
        title: &version.title,
        language,
        version: Some(&version.version),
    }))
}

/// Returns the costs of a cold and of a warm execution; `None` if the program failed.
async fn measure(client: &mut Client, example: &Example<'_>) -> Result<Option<(Cost, Cost)>, Failure> {
    // A pre-warmed interpreter has its environment already, so it cannot run a program with a variable.
    let variable = Variable { name: "CHECK_TIME".to_owned(), value: "1".to_owned() };
    let Some(cold) = execute(client, example, vec![variable]).await? else { return Ok(None) };
    let mut warm: Option<Cost> = None;
    for _ in 0..WARM_RUNS {
        let Some(cost) = execute(client, example, Vec::new()).await? else { return Ok(None) };
        warm = Some(warm.filter(|other| other.wall_time <= cost.wall_time).unwrap_or(cost));
    }
    Ok(warm.map(|warm| (cold, warm)))
}

async fn execute(
    client: &mut Client,
    example: &Example<'_>,
    environment: Vec<Variable>,
) -> Result<Option<Cost>, Failure> {
    let started = Instant::now();
    let request = ExecuteRequest {
        language: example.language.name.clone(),
        version: example.version.map(str::to_owned),
        files: vec![SourceFile { path: None, content: Bytes::from(example.language.example.clone()) }],
        runs: vec![RunRequest { stdin: Stdin::default(), environment, ..RunRequest::default() }],
        ..ExecuteRequest::default()
    };
    client.send(Request::Execute(Box::new(request))).await?;
    loop {
        match client.event().await? {
            Event::Finished(outcome) => return Ok(cost(&outcome, started.elapsed())),
            event @ (Event::Rejected(_) | Event::Failed { .. }) => {
                return Err(Failure::from_unexpected(event));
            }
            _ => {}
        }
    }
}

/// Returns what an execution used; `None` if its program did not succeed.
fn cost(outcome: &Outcome, wall_time: Duration) -> Option<Cost> {
    let stages: Vec<&StageReport> = outcome.compile.iter().chain(&outcome.runs).collect();
    let has_run = outcome.runs.first().is_some_and(|run| run.status.is_success());
    let memory = stages.iter().map(|stage| stage.usage.peak_memory.bytes()).max().unwrap_or(0);
    let cpu_time = stages.iter().map(|stage| stage.usage.cpu_time).sum();
    has_run.then_some(Cost { wall_time, cpu_time, memory })
}

fn row(cold: Cost, warm: Cost) -> String {
    format!(
        "{:>6} ms  {:>6} ms  {:>6} ms  {:>5} MiB",
        cold.wall_time.as_millis(),
        warm.wall_time.as_millis(),
        cold.cpu_time.as_millis(),
        cold.memory.div_ceil(1 << 20),
    )
}

#[cfg(test)]
mod tests {
    use protocol::{ByteCount, StageName, Status, Usage};

    use super::*;

    #[test]
    fn the_cost_is_that_of_all_stages() {
        let stage = |name, milliseconds, mebibytes: u64| StageReport {
            usage: Usage {
                cpu_time: Duration::from_millis(milliseconds),
                peak_memory: ByteCount(mebibytes << 20),
                ..Usage::default()
            },
            ..StageReport::new(name, Status::Exited(0))
        };
        let outcome = Outcome {
            compile: Some(stage(StageName::Compile, 300, 80)),
            runs: vec![stage(StageName::Run(0), 20, 5)],
            ..Outcome::default()
        };
        let cold = cost(&outcome, Duration::from_millis(400)).unwrap();
        let warm = Cost { wall_time: Duration::from_millis(90), ..cold };
        assert_eq!(row(cold, warm), "   400 ms      90 ms     320 ms     80 MiB");
        assert_eq!(cost(&Outcome { runs: Vec::new(), ..outcome }, Duration::ZERO), None);
    }
}
