//! A small process that starts commands, in the control group of their way: starting them out of the benchmark itself
//! would put them, and the copies of its memory that a fork makes, into the wrong group.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::at;
use crate::groups::Group;

/// The first argument of the benchmark that makes it a runner.
pub const ARGUMENT: &str = "run-errands";

/// What to start.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Task {
    /// One after the other.
    pub commands: Vec<Vec<String>>,
    /// Where; in each of them at one time.
    pub directories: Vec<PathBuf>,
    /// What the last command reads.
    pub stdin: Option<PathBuf>,
    /// Again and again for so long; once if left out.
    pub duration: Option<Duration>,
}

/// What came of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct TaskResult {
    /// How long each time took.
    pub times: Vec<Duration>,
    /// What the last command wrote to stdout, the last time.
    pub output: String,
    /// What went wrong, if anything.
    pub wrong: Option<String>,
}

/// A runner.
#[derive(Debug)]
pub struct Runner {
    child: Child,
    tasks: ChildStdin,
    result: BufReader<ChildStdout>,
}

impl Runner {
    /// Start one in a group.
    ///
    /// # Errors
    /// If there is none to start.
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

    /// Have something done.
    ///
    /// # Errors
    /// In words, if a command fails.
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

/// Be a runner: errands come as lines on stdin, and answers go as lines to stdout.
///
/// # Errors
/// If whoever gives errands is gone.
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
