//! A small process that starts commands in the cgroup of their variant. If the benchmark started them itself, they and
//! the memory that fork(2) copies would be in the wrong cgroup.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::at;
use crate::groups::Group;

/// First argument of the benchmark that makes it a runner.
pub const ARGUMENT: &str = "run-tasks";

/// Commands to run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Task {
    /// Commands, run in order.
    pub commands: Vec<Vec<String>>,
    /// Working directories; the commands run concurrently in all of them.
    pub directories: Vec<PathBuf>,
    /// Standard input of the last command.
    pub stdin: Option<PathBuf>,
    /// Repeat for this time; `None` for once.
    pub duration: Option<Duration>,
}

/// Result of a task.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct TaskResult {
    /// Duration of each repetition.
    pub times: Vec<Duration>,
    /// stdout of the last command in the last repetition.
    pub output: String,
    /// Error, if any.
    pub wrong: Option<String>,
}

/// Handle of a runner process.
#[derive(Debug)]
pub struct Runner {
    child: Child,
    tasks: ChildStdin,
    result: BufReader<ChildStdout>,
}

impl Runner {
    /// Starts a runner in a cgroup.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(group: &Group) -> io::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(ARGUMENT)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("LANG", "C.UTF-8")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (Some(tasks), Some(result)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        group.take(child.id())?;
        Ok(Self { child, tasks, result: BufReader::new(result) })
    }

    /// Runs a task.
    ///
    /// # Errors
    /// A message, if a command fails.
    pub fn run(&mut self, task: &Task) -> io::Result<TaskResult> {
        writeln!(self.tasks, "{}", serde_json::to_string(task)?)?;
        let mut line = String::new();
        self.result.read_line(&mut line)?;
        let result: TaskResult = serde_json::from_str(&line)?;
        match &result.wrong {
            Some(message) => Err(io::Error::other(message.clone())),
            None => Ok(result),
        }
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs as a runner: reads tasks from stdin and writes results to stdout, one per line.
///
/// # Errors
/// If the benchmark has ended.
pub fn serve() -> io::Result<()> {
    for line in io::stdin().lock().lines() {
        let task: Task = serde_json::from_str(&line?)?;
        let workers: Vec<_> = task
            .directories
            .iter()
            .cloned()
            .map(|directory| {
                let task = task.clone();
                std::thread::spawn(move || work(&task, &directory))
            })
            .collect();
        let mut all = TaskResult::default();
        for worker in workers {
            match worker.join().map_err(|_| io::Error::other("a runner panicked"))? {
                Ok(result) => {
                    all.times.extend(result.times);
                    all.output = result.output;
                }
                Err(error) => all.wrong = Some(error.to_string()),
            }
        }
        writeln!(io::stdout(), "{}", serde_json::to_string(&all)?)?;
    }
    Ok(())
}

fn work(task: &Task, directory: &Path) -> io::Result<TaskResult> {
    let until = Instant::now() + task.duration.unwrap_or_default();
    let mut result = TaskResult::default();
    loop {
        let begun = Instant::now();
        for command in &task.commands {
            result.output = start(command, directory, task.stdin.as_deref())?;
        }
        result.times.push(begun.elapsed());
        if Instant::now() >= until {
            return Ok(result);
        }
    }
}

fn start(command: &[String], directory: &Path, stdin: Option<&Path>) -> io::Result<String> {
    let (program, arguments) = command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let mut child = Command::new(program);
    child.args(arguments).current_dir(directory).stdout(Stdio::piped());
    match stdin {
        Some(path) => child.stdin(File::open(path)?),
        None => child.stdin(Stdio::null()),
    };
    let mut child = at(program, child.spawn())?;
    let mut output = String::new();
    if let Some(mut stdout) = child.stdout.take() {
        stdout.read_to_string(&mut output)?;
    }
    let status = child.wait()?;
    if !status.success() {
        return Err(io::Error::other(format!("{}: {status}", command.join(" "))));
    }
    Ok(output)
}
