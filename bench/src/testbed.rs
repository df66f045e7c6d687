//! Everything that is compared, started once: each variant in its own cgroup.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;
use std::thread::sleep;
use std::time::Duration;

use protocol::WarmCount;
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::at;
use crate::client::Client;
use crate::daemon_pair::{DaemonPair, run_clients, wait_until_idle};
use crate::groups::{Group, Groups};
use crate::naive::Naive;
use crate::programs::{self, Language, NOTHING, Program};
use crate::runner::{Runner, Task, TaskResult};
use crate::variant::Variant;
use e2e::daemons::{self, Settings, binary};

/// Time after which daemons are at rest if nobody has sent a request, with a margin: `docs/operations.md`.
const REST_TIME: Duration = Duration::from_secs(90);

/// All variants, started. Fields are dropped in this order, because cgroups are removed after their processes.
#[derive(Debug)]
pub struct Testbed {
    bare: (Runner, Group),
    bubblewrap: (Runner, Group),
    cli: (Runner, Group),
    warm: DaemonPair,
    cold: DaemonPair,
    without_zygote: DaemonPair,
    hit: Option<DaemonPair>,
    naive: Option<(Naive, Client, Group)>,
    /// Variants that are not measured, with reasons.
    pub missing: Vec<(Variant, String)>,
    directory: TempDir,
    groups: Groups,
}

/// A program, with everything that the variants need to execute it.
#[derive(Clone, Debug)]
pub struct Ready {
    /// The program.
    pub program: Program,
    /// Body of its request.
    pub body: String,
    bare: Task,
    bubblewrap: Task,
    cli: Task,
}

/// Measurement of one execution.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Time that the client waited.
    pub took: Duration,
    /// CPU time of everything that it needed, including cleanup and the next pre-warming.
    pub cpu: Option<Duration>,
    /// Memory peak, including the idle memory of the variant.
    pub peak: Option<u64>,
    /// Output.
    pub output: String,
}

impl Testbed {
    /// Starts everything.
    ///
    /// # Errors
    /// If a variant of Executor does not start.
    pub fn start(runtime: &Rc<Runtime>) -> io::Result<Self> {
        let groups = Groups::make()?;
        // Readable by all users, because bubblewrap and webd run as other users.
        let directory = tempfile::Builder::new()
            .prefix("executor-bench-")
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .tempdir()?;
        let nothing = directory.path().join(NOTHING);
        fs::create_dir(&nothing)?;
        build_nothing(&nothing.join(NOTHING))?;

        let mut missing = Vec::new();
        let cache = |on: bool| format!("[build_cache]\nenabled = {on}\n");
        let knows_cache = is_known(&cache(true))?;
        // Cached builds would falsify the results of all other variants.
        let no_cache = if knows_cache { cache(false) } else { String::new() };
        let settings =
            |pool: bool, more: &str| Settings { pool, more: more.to_owned(), ..Settings::default() };
        let pair = |name: &str, settings: Settings| -> io::Result<DaemonPair> {
            let pair = DaemonPair::start(runtime, groups.group(name)?, &nothing, settings);
            at(&format!("start daemons for {name}"), pair)
        };
        let warm = pair("warm", settings(true, &no_cache))?;
        let cold = pair("cold", settings(false, &no_cache))?;
        let without_zygote =
            pair("no-zygote", Settings { zygotes: Some(false), ..settings(true, &no_cache) })?;
        let hit = if knows_cache {
            Some(pair("hit", settings(true, &cache(true)))?)
        } else {
            missing.push((Variant::Hit, "this executord has no build cache".to_owned()));
            None
        };
        let naive_group = groups.group("naive")?;
        let naive = match Naive::start(&naive_group) {
            Ok(naive) => {
                let client = Client::new(naive.address);
                Some((naive, client, naive_group))
            }
            Err(error) => {
                missing.push((Variant::Naive, error.to_string()));
                None
            }
        };
        if !Path::new(BUBBLEWRAP).is_file() {
            missing.push((Variant::Bubblewrap, "not installed, run make setup-bench".to_owned()));
        }
        let runner = |name: &str| -> io::Result<(Runner, Group)> {
            let group = groups.group(name)?;
            Ok((Runner::start(&group)?, group))
        };
        Ok(Self {
            bare: runner("bare")?,
            bubblewrap: runner("bubblewrap")?,
            cli: runner("cli")?,
            warm,
            cold,
            without_zygote,
            hit,
            naive,
            missing,
            directory,
            groups,
        })
    }

    /// Returns the CPU time of everything that is measured.
    #[must_use]
    pub fn cpu(&self) -> Duration {
        self.groups.cpu().unwrap_or_default()
    }

    /// Creates an additional cgroup.
    ///
    /// # Errors
    /// If it cannot be created.
    pub fn group(&self, name: &str) -> io::Result<Group> {
        self.groups.group(name)
    }

    /// Returns the daemons with pre-warmed sandboxes.
    #[must_use]
    pub const fn warm(&self) -> &DaemonPair {
        &self.warm
    }

    /// Returns the directory of the binary that does nothing.
    #[must_use]
    pub fn nothing(&self) -> PathBuf {
        self.directory.path().join(NOTHING)
    }

    /// Returns the program that does nothing.
    #[must_use]
    pub fn nothing_program(&self) -> Program {
        Program {
            language: NOTHING,
            name: NOTHING.to_owned(),
            files: vec![("main.nothing".to_owned(), "\n".to_owned())],
            stdin: String::new(),
            commands: vec![vec![format!("./{NOTHING}")]],
        }
    }

    /// Returns those of `variants` that can be measured with programs of this language.
    #[must_use]
    pub fn measurable(&self, variants: &[Variant], language: &str) -> Vec<Variant> {
        let is_missing = |variant: Variant| self.missing.iter().any(|(missing, _)| *missing == variant);
        let knows = |variant: Variant| match variant {
            Variant::Naive => language != NOTHING,
            Variant::WithoutZygote => can_be_copied(language),
            _ => true,
        };
        variants.iter().copied().filter(|&variant| !is_missing(variant) && knows(variant)).collect()
    }

    /// Creates `count` directories with these files.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn directories(&self, name: &str, count: usize, files: &[(&str, &str)]) -> io::Result<Vec<PathBuf>> {
        let mut directories = Vec::new();
        for number in 0..count {
            let directory = self.directory.path().join(format!("{name}-{number}"));
            fs::create_dir_all(&directory)?;
            for (file, text) in files {
                fs::write(directory.join(file), text)?;
            }
            directories.push(directory);
        }
        Ok(directories)
    }

    /// Writes the files of a program for `concurrency` concurrent executions.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn prepare(&self, program: Program, concurrency: usize) -> io::Result<Ready> {
        let mut directories = Vec::new();
        let mut stdin = PathBuf::new();
        for number in 0..concurrency {
            let directory =
                self.directory.path().join(format!("{}-{}-{number}", program.language, program.name));
            stdin = program.write(&directory)?;
            if program.language == NOTHING {
                fs::copy(self.nothing().join(NOTHING), directory.join(NOTHING))?;
            }
            directories.push(directory);
        }
        let task = |commands| Task {
            commands,
            directories: directories.clone(),
            stdin: Some(stdin.clone()),
            duration: None,
        };
        let wrapped = program.commands.iter().map(|command| bubblewrap(command)).collect();
        let cli = self.cli_command(&program)?;
        Ok(Ready {
            body: program.body().to_string(),
            bare: task(program.commands.clone()),
            bubblewrap: task(wrapped),
            cli: task(vec![cli]),
            program,
        })
    }

    fn cli_command(&self, program: &Program) -> io::Result<Vec<String>> {
        let mut command = vec![binary("executor")?.display().to_string()];
        let socket = self.warm.daemons().socket().display().to_string();
        command.extend(["run", "--socket", &socket, "--language", program.language].map(str::to_owned));
        command.extend(["--stdin", "stdin"].map(str::to_owned));
        let (main, more) = program.files.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        command.extend(more.iter().flat_map(|(name, _)| ["--file".to_owned(), name.clone()]));
        command.push(main.0.clone());
        Ok(command)
    }

    /// Executes a program once, after everything is idle.
    ///
    /// # Errors
    /// A message, if it cannot be executed.
    pub fn execute(&mut self, variant: Variant, ready: &Ready) -> io::Result<Sample> {
        let language = ready.program.language;
        self.wait_until_idle(variant, language);
        self.groups_of(variant).into_iter().for_each(Group::forget_peak);
        let before = sum(self.groups_of(variant), Group::cpu);
        let (took, output) = match self.client_of(variant)? {
            Target::Server(client) => {
                let (took, answer) = client.execute(&ready.body)?;
                (took, output(&answer)?)
            }
            Target::Runner(runner) => {
                let task = ready.task(variant);
                let directories = task.directories[..1].to_vec();
                let result = runner.run(&Task { directories, ..task.clone() })?;
                (result.times.first().copied().unwrap_or_default(), result.output)
            }
        };
        self.wait_until_idle(variant, language);
        let after = sum(self.groups_of(variant), Group::cpu);
        let cpu = before.zip(after).map(|(before, after)| after.saturating_sub(before));
        Ok(Sample { took, cpu, peak: sum(self.groups_of(variant), Group::peak), output })
    }

    /// Executes a program repeatedly with `concurrency` clients, and returns the duration of each execution.
    ///
    /// # Errors
    /// A message, if it cannot be executed.
    pub fn load(
        &mut self,
        variant: Variant,
        ready: &Ready,
        concurrency: usize,
        duration: Duration,
    ) -> io::Result<Vec<Duration>> {
        self.wait_until_idle(variant, ready.program.language);
        let address = self.address(variant);
        match self.client_of(variant)? {
            Target::Runner(runner) => {
                let task = ready.task(variant);
                let directories = task.directories[..concurrency].to_vec();
                let result = runner.run(&Task { directories, duration: Some(duration), ..task.clone() })?;
                Ok(result.times)
            }
            Target::Server(_) => {
                let address = address.ok_or(io::ErrorKind::AddrNotAvailable)?;
                run_clients(address, &ready.body, concurrency, duration)
            }
        }
    }

    /// Waits until the daemons have been idle for a while, and returns the memory of each variant's processes in bytes.
    #[must_use]
    pub fn memory_at_rest(&self) -> Vec<(Variant, Option<u64>)> {
        sleep(REST_TIME);
        let pairs = [
            (Variant::Warm, Some(&self.warm)),
            (Variant::Cold, Some(&self.cold)),
            (Variant::WithoutZygote, Some(&self.without_zygote)),
            (Variant::Hit, self.hit.as_ref()),
        ];
        let memory = pairs.into_iter().filter_map(|(variant, pair)| Some((variant, pair?.group.memory())));
        memory.chain(self.naive.as_ref().map(|(_, _, group)| (Variant::Naive, group.memory()))).collect()
    }

    /// Returns the pool counts of the warm daemons.
    #[must_use]
    pub fn warm_counts(&self) -> Vec<WarmCount> {
        self.warm.warm_counts()
    }

    /// Sends `POST /api/execute` to the server of a variant, and returns the duration and the response.
    ///
    /// # Errors
    /// If it has none, or there is no response with status 200.
    pub fn post(&mut self, variant: Variant, body: &str) -> io::Result<(Duration, Value)> {
        match self.client_of(variant)? {
            Target::Server(client) => client.execute(body),
            Target::Runner(_) => Err(io::Error::other(format!("{} has no server", variant.name()))),
        }
    }

    /// Runs a task in the cgroup of the bare commands.
    ///
    /// # Errors
    /// A message, if a command fails.
    pub fn run_bare(&mut self, task: &Task) -> io::Result<TaskResult> {
        self.bare.0.run(task)
    }

    /// Runs the commands of a variant without a server once in each directory, all at the same time.
    ///
    /// # Errors
    /// A message, if a command fails, or if the variant has a server.
    pub fn run_at_once(&mut self, variant: Variant, ready: &Ready) -> io::Result<Vec<Duration>> {
        match self.client_of(variant)? {
            Target::Runner(runner) => Ok(runner.run(ready.task(variant))?.times),
            Target::Server(_) => Err(io::Error::other(format!("{} has a server", variant.name()))),
        }
    }

    /// Waits until a variant is idle, and has a pre-warmed sandbox of the language if it is to have one.
    pub fn wait_until_idle(&self, variant: Variant, language: &str) {
        match variant {
            Variant::Warm | Variant::Cli => self.warm.wait_until_ready(language),
            Variant::WithoutZygote => self.without_zygote.wait_until_ready(language),
            Variant::Hit => self.hit.iter().for_each(|pair| pair.wait_until_ready(language)),
            _ => self.groups_of(variant).into_iter().for_each(wait_until_idle),
        }
    }

    fn groups_of(&self, variant: Variant) -> Vec<&Group> {
        match variant {
            Variant::Bare => vec![&self.bare.1],
            Variant::Bubblewrap => vec![&self.bubblewrap.1],
            Variant::Cli => vec![&self.cli.1, &self.warm.group],
            Variant::Warm => vec![&self.warm.group],
            Variant::Cold => vec![&self.cold.group],
            Variant::WithoutZygote => vec![&self.without_zygote.group],
            Variant::Hit => self.hit.iter().map(|pair| &pair.group).collect(),
            Variant::Naive => self.naive.iter().map(|(_, _, group)| group).collect(),
        }
    }

    fn client_of(&mut self, variant: Variant) -> io::Result<Target<'_>> {
        let client_of = match variant {
            Variant::Bare => Some(Target::Runner(&mut self.bare.0)),
            Variant::Bubblewrap => Some(Target::Runner(&mut self.bubblewrap.0)),
            Variant::Cli => Some(Target::Runner(&mut self.cli.0)),
            Variant::Warm => Some(Target::Server(&mut self.warm.client)),
            Variant::Cold => Some(Target::Server(&mut self.cold.client)),
            Variant::WithoutZygote => Some(Target::Server(&mut self.without_zygote.client)),
            Variant::Hit => self.hit.as_mut().map(|pair| Target::Server(&mut pair.client)),
            Variant::Naive => self.naive.as_mut().map(|(_, client, _)| Target::Server(client)),
        };
        client_of.ok_or_else(|| io::Error::other(format!("{} is not available", variant.name())))
    }

    /// Returns the address of the server of a variant, if it has one.
    #[must_use]
    pub fn address(&self, variant: Variant) -> Option<std::net::SocketAddr> {
        match variant {
            Variant::Warm => Some(self.warm.address()),
            Variant::Cold => Some(self.cold.address()),
            Variant::WithoutZygote => Some(self.without_zygote.address()),
            Variant::Hit => self.hit.as_ref().map(DaemonPair::address),
            Variant::Naive => self.naive.as_ref().map(|(naive, _, _)| naive.address),
            Variant::Bare | Variant::Cli | Variant::Bubblewrap => None,
        }
    }
}

/// Returns whether sandboxes of a language can be forked from a zygote.
fn can_be_copied(language: &str) -> bool {
    [Language::Python, Language::Javascript, Language::Java].iter().any(|copied| copied.name() == language)
}

enum Target<'a> {
    Runner(&'a mut Runner),
    Server(&'a mut Client),
}

impl Ready {
    /// Returns the commands of a variant without a server.
    #[must_use]
    pub const fn task(&self, variant: Variant) -> &Task {
        match variant {
            Variant::Cli => &self.cli,
            Variant::Bubblewrap => &self.bubblewrap,
            _ => &self.bare,
        }
    }
}

fn sum<T: std::iter::Sum>(groups: Vec<&Group>, read: impl Fn(&Group) -> Option<T>) -> Option<T> {
    groups.into_iter().map(read).sum()
}

fn output(answer: &Value) -> io::Result<String> {
    match answer["output"].as_str() {
        // The naive server has no status.
        Some(output) if answer["status"] == "ok" || answer["status"].is_null() => Ok(output.to_owned()),
        _ => Err(io::Error::other(format!("the program was not executed: {answer}"))),
    }
}

/// Returns whether executord accepts these lines in its configuration.
fn is_known(lines: &str) -> io::Result<bool> {
    let file = tempfile::NamedTempFile::new()?;
    fs::write(file.path(), lines)?;
    let output = Command::new(daemons::binary("executord")?)
        .args(["--check-config", "--config"])
        .arg(file.path())
        .output()?;
    Ok(!String::from_utf8_lossy(&output.stderr).contains("unknown field"))
}

fn build_nothing(to: &Path) -> io::Result<()> {
    let source = programs::directory().join("nothing.c");
    let status =
        Command::new("gcc").args(["-O2", "-static", "-nostdlib", "-o"]).arg(to).arg(source).status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other("gcc fails")) }
}

const BUBBLEWRAP: &str = "/usr/bin/bwrap";

/// Returns a bwrap command as in its manual, without a network: the host's /usr and /etc, and private /proc, /dev and
/// /tmp.
fn bubblewrap(command: &[String]) -> Vec<String> {
    const ARGUMENTS: &str = "--unshare-all --die-with-parent --new-session --ro-bind /usr /usr \
        --symlink usr/bin /bin --symlink usr/lib /lib --symlink usr/lib64 /lib64 \
        --ro-bind /etc /etc \
        --proc /proc --dev /dev --tmpfs /tmp --bind . /box --chdir /box --";
    let mut arguments = vec![BUBBLEWRAP.to_owned()];
    arguments.extend(ARGUMENTS.split_whitespace().map(str::to_owned));
    arguments.extend(command.iter().cloned());
    arguments
}
