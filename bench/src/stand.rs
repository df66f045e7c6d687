//! Everything that is compared, started once and kept: each way to execute a program, in a control group of its own.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use protocol::WarmCount;
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::at;
use crate::client::Client;
use crate::groups::{Group, Groups};
use crate::naive::Naive;
use crate::programs::{self, Language, Program};
use crate::runner::{Errand, Runner};
use e2e::daemons::{self, Daemons, Settings, binary};

/// A language whose programs are one and the same static binary that does nothing.
pub const NOTHING: &str = "nothing";
/// A group is at rest when it has used no CPU for so long, and is waited for no longer than that.
const AT_REST_AFTER: Duration = Duration::from_millis(8);
const AT_REST_WITHIN: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(1);
/// More than anything here waits at one time.
const QUEUE: u32 = 4096;

/// A way to execute a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Way {
    /// The command.
    Bare,
    /// `POST /api/execute`, with a prepared sandbox waiting.
    Warm,
    /// The same without prepared sandboxes.
    Cold,
    /// As warm, with sandboxes that begin as copies of an interpreter that root started.
    Zygote,
    /// As warm, where what was compiled before is kept, and was.
    Hit,
    /// `executor run` over the socket, with a prepared sandbox waiting.
    Cli,
    /// The command in bubblewrap.
    Bubblewrap,
    /// A server that adds a user for each request.
    Naive,
}

impl Way {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Bare,
        Self::Warm,
        Self::Cold,
        Self::Zygote,
        Self::Hit,
        Self::Cli,
        Self::Bubblewrap,
        Self::Naive,
    ];

    /// As tables name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Warm => "warm",
            Self::Cold => "cold",
            Self::Zygote => "zygote",
            Self::Hit => "cache hit",
            Self::Cli => "CLI",
            Self::Bubblewrap => "bubblewrap",
            Self::Naive => "useradd",
        }
    }
}

/// All ways, ready. Fields are dropped in this order: groups are removed when they are empty.
#[derive(Debug)]
pub struct Stand {
    bare: (Runner, Group),
    bubblewrap: (Runner, Group),
    cli: (Runner, Group),
    warm: Pair,
    cold: Pair,
    zygote: Pair,
    hit: Option<Pair>,
    naive: Option<(Naive, Client, Group)>,
    /// Ways that are not measured, and why.
    pub missing: Vec<(Way, String)>,
    directory: TempDir,
    groups: Groups,
}

/// executord and webd in a group.
#[derive(Debug)]
pub struct Pair {
    daemons: Daemons,
    client: Client,
    /// What they cost.
    pub group: Group,
    runtime: Rc<Runtime>,
}

/// A program, with all that each way needs to execute it.
#[derive(Clone, Debug)]
pub struct Ready {
    /// The program.
    pub program: Program,
    body: String,
    bare: Errand,
    bubblewrap: Errand,
    cli: Errand,
}

/// One execution.
#[derive(Clone, Debug)]
pub struct Sample {
    /// As long as the client waited.
    pub took: Duration,
    /// CPU time of everything that was needed for it, until all is as before.
    pub cpu: Option<Duration>,
    /// The most memory meanwhile, with what the way holds all the time.
    pub peak: Option<u64>,
    /// What the program wrote.
    pub output: String,
}

impl Stand {
    /// Start everything.
    ///
    /// # Errors
    /// If what is to be measured does not come up.
    pub fn start(runtime: &Rc<Runtime>) -> io::Result<Self> {
        let groups = Groups::make()?;
        // Everybody may look, for bubblewrap and webd become somebody.
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
        // Kept results would make every way but theirs look better than it is.
        let no_cache = if knows_cache { cache(false) } else { String::new() };
        let settings =
            |pool: bool, more: &str| Settings { pool, more: more.to_owned(), ..Settings::default() };
        let pair = |name: &str, settings: Settings| -> io::Result<Pair> {
            let pair = Pair::start(runtime, groups.group(name)?, &nothing, settings);
            at(&format!("start daemons for {name}"), pair)
        };
        let warm = pair("warm", settings(true, &no_cache))?;
        let cold = pair("cold", settings(false, &no_cache))?;
        let zygote = pair("zygote", Settings { zygotes: true, ..settings(true, &no_cache) })?;
        let hit = if knows_cache {
            Some(pair("hit", settings(true, &cache(true)))?)
        } else {
            missing.push((Way::Hit, "this executord keeps no results of compilers".to_owned()));
            None
        };
        let naive_group = groups.group("naive")?;
        let naive = match Naive::start(&naive_group) {
            Ok(naive) => {
                let client = Client::new(naive.address);
                Some((naive, client, naive_group))
            }
            Err(error) => {
                missing.push((Way::Naive, error.to_string()));
                None
            }
        };
        if !Path::new(BUBBLEWRAP).is_file() {
            missing.push((Way::Bubblewrap, "it is not installed: make setup-bench".to_owned()));
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
            zygote,
            hit,
            naive,
            missing,
            directory,
            groups,
        })
    }

    /// CPU time of everything that is measured.
    #[must_use]
    pub fn cpu(&self) -> Duration {
        self.groups.cpu().unwrap_or_default()
    }

    /// A group beside those of the ways.
    ///
    /// # Errors
    /// If it can not be made.
    pub fn group(&self, name: &str) -> io::Result<Group> {
        self.groups.group(name)
    }

    /// The daemons that have sandboxes prepared.
    #[must_use]
    pub const fn warm(&self) -> &Pair {
        &self.warm
    }

    /// The directory of the binary that does nothing.
    #[must_use]
    pub fn nothing(&self) -> PathBuf {
        self.directory.path().join(NOTHING)
    }

    /// The program that does nothing.
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

    /// Those of `ways` that can be measured with programs of this language.
    #[must_use]
    pub fn measurable(&self, ways: &[Way], language: &str) -> Vec<Way> {
        let is_missing = |way: Way| self.missing.iter().any(|(missing, _)| *missing == way);
        let knows = |way: Way| match way {
            Way::Naive => language != NOTHING,
            Way::Zygote => can_be_copied(language),
            _ => true,
        };
        ways.iter().copied().filter(|&way| !is_missing(way) && knows(way)).collect()
    }

    /// Put a program where each way finds it, for so many at one time.
    ///
    /// # Errors
    /// If a file can not be written.
    pub fn prepare(&self, program: Program, at_one_time: usize) -> io::Result<Ready> {
        let mut directories = Vec::new();
        let mut stdin = PathBuf::new();
        for number in 0..at_one_time {
            let directory =
                self.directory.path().join(format!("{}-{}-{number}", program.language, program.name));
            stdin = program.write(&directory)?;
            if program.language == NOTHING {
                fs::copy(self.nothing().join(NOTHING), directory.join(NOTHING))?;
            }
            directories.push(directory);
        }
        let errand = |commands| Errand {
            commands,
            directories: directories.clone(),
            stdin: Some(stdin.clone()),
            lasts: None,
        };
        let wrapped = program.commands.iter().map(|command| bubblewrap(command)).collect();
        let cli = self.cli_command(&program)?;
        Ok(Ready {
            body: program.body().to_string(),
            bare: errand(program.commands.clone()),
            bubblewrap: errand(wrapped),
            cli: errand(vec![cli]),
            program,
        })
    }

    fn cli_command(&self, program: &Program) -> io::Result<Vec<String>> {
        let mut command = vec![binary("executor")?.display().to_string()];
        let socket = self.warm.daemons.socket().display().to_string();
        command.extend(["run", "--socket", &socket, "--language", program.language].map(str::to_owned));
        command.extend(["--stdin", "stdin"].map(str::to_owned));
        let (main, more) = program.files.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        command.extend(more.iter().flat_map(|(name, _)| ["--file".to_owned(), name.clone()]));
        command.push(main.0.clone());
        Ok(command)
    }

    /// Execute a program once, when what was before is over.
    ///
    /// # Errors
    /// In words, if it can not be executed.
    pub fn execute(&mut self, way: Way, ready: &Ready) -> io::Result<Sample> {
        self.come_to_rest(way, ready);
        self.groups_of(way).into_iter().for_each(Group::forget_peak);
        let before = sum(self.groups_of(way), Group::cpu);
        let (took, output) = match self.place(way)? {
            Place::Server(client) => {
                let (took, answer) = client.execute(&ready.body)?;
                (took, output(&answer)?)
            }
            Place::Runner(runner) => {
                let errand = ready.errand(way);
                let directories = errand.directories[..1].to_vec();
                let done = runner.run(&Errand { directories, ..errand.clone() })?;
                (done.times.first().copied().unwrap_or_default(), done.output)
            }
        };
        self.come_to_rest(way, ready);
        let after = sum(self.groups_of(way), Group::cpu);
        let cpu = before.zip(after).map(|(before, after)| after.saturating_sub(before));
        Ok(Sample { took, cpu, peak: sum(self.groups_of(way), Group::peak), output })
    }

    /// Execute a program again and again, so many at one time, and tell how long each took.
    ///
    /// # Errors
    /// In words, if it can not be executed.
    pub fn load(
        &mut self,
        way: Way,
        ready: &Ready,
        at_one_time: usize,
        lasts: Duration,
    ) -> io::Result<Vec<Duration>> {
        self.come_to_rest(way, ready);
        let address = self.address(way);
        match self.place(way)? {
            Place::Runner(runner) => {
                let errand = ready.errand(way);
                let directories = errand.directories[..at_one_time].to_vec();
                let done = runner.run(&Errand { directories, lasts: Some(lasts), ..errand.clone() })?;
                Ok(done.times)
            }
            Place::Server(_) => {
                let address = address.ok_or(io::ErrorKind::AddrNotAvailable)?;
                hammer(address, &ready.body, at_one_time, lasts)
            }
        }
    }

    /// What daemons hold while nothing runs.
    #[must_use]
    pub fn at_rest(&self) -> Vec<(Way, Option<u64>)> {
        let pairs = [
            (Way::Warm, Some(&self.warm)),
            (Way::Cold, Some(&self.cold)),
            (Way::Zygote, Some(&self.zygote)),
            (Way::Hit, self.hit.as_ref()),
        ];
        let held = pairs.into_iter().filter_map(|(way, pair)| Some((way, pair?.group.memory())));
        held.chain(self.naive.as_ref().map(|(_, _, group)| (Way::Naive, group.memory()))).collect()
    }

    /// What the warm daemons have prepared, and how often that was of use.
    #[must_use]
    pub fn prepared(&self) -> Vec<WarmCount> {
        self.warm.prepared()
    }

    fn come_to_rest(&self, way: Way, ready: &Ready) {
        match way {
            Way::Warm | Way::Cli => self.warm.be_ready(ready.program.language),
            Way::Zygote => self.zygote.be_ready(ready.program.language),
            Way::Hit => self.hit.iter().for_each(|pair| pair.be_ready(ready.program.language)),
            _ => self.groups_of(way).into_iter().for_each(come_to_rest),
        }
    }

    fn groups_of(&self, way: Way) -> Vec<&Group> {
        match way {
            Way::Bare => vec![&self.bare.1],
            Way::Bubblewrap => vec![&self.bubblewrap.1],
            Way::Cli => vec![&self.cli.1, &self.warm.group],
            Way::Warm => vec![&self.warm.group],
            Way::Cold => vec![&self.cold.group],
            Way::Zygote => vec![&self.zygote.group],
            Way::Hit => self.hit.iter().map(|pair| &pair.group).collect(),
            Way::Naive => self.naive.iter().map(|(_, _, group)| group).collect(),
        }
    }

    fn place(&mut self, way: Way) -> io::Result<Place<'_>> {
        let place = match way {
            Way::Bare => Some(Place::Runner(&mut self.bare.0)),
            Way::Bubblewrap => Some(Place::Runner(&mut self.bubblewrap.0)),
            Way::Cli => Some(Place::Runner(&mut self.cli.0)),
            Way::Warm => Some(Place::Server(&mut self.warm.client)),
            Way::Cold => Some(Place::Server(&mut self.cold.client)),
            Way::Zygote => Some(Place::Server(&mut self.zygote.client)),
            Way::Hit => self.hit.as_mut().map(|pair| Place::Server(&mut pair.client)),
            Way::Naive => self.naive.as_mut().map(|(_, client, _)| Place::Server(client)),
        };
        place.ok_or_else(|| io::Error::other(format!("{} is not there", way.name())))
    }

    fn address(&self, way: Way) -> Option<std::net::SocketAddr> {
        match way {
            Way::Warm => Some(self.warm.address()),
            Way::Cold => Some(self.cold.address()),
            Way::Zygote => Some(self.zygote.address()),
            Way::Hit => self.hit.as_ref().map(Pair::address),
            Way::Naive => self.naive.as_ref().map(|(naive, _, _)| naive.address),
            Way::Bare | Way::Cli | Way::Bubblewrap => None,
        }
    }
}

/// Whether sandboxes of a language can begin as copies.
fn can_be_copied(language: &str) -> bool {
    language == Language::Python.name()
}

enum Place<'a> {
    Runner(&'a mut Runner),
    Server(&'a mut Client),
}

impl Ready {
    const fn errand(&self, way: Way) -> &Errand {
        match way {
            Way::Cli => &self.cli,
            Way::Bubblewrap => &self.bubblewrap,
            _ => &self.bare,
        }
    }
}

impl Pair {
    /// Start both in a group, as many slots as there are cores.
    ///
    /// # Errors
    /// If they do not come up.
    pub fn start(
        runtime: &Rc<Runtime>,
        group: Group,
        nothing: &Path,
        settings: Settings,
    ) -> io::Result<Self> {
        let slots = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let settings = Settings {
            slots: u32::try_from(slots).unwrap_or(u32::MAX),
            queue: QUEUE,
            languages: vec![(NOTHING, include_str!("../programs/nothing.toml").to_owned())],
            launchers: vec![(NOTHING, nothing.to_owned())],
            host: Some(group.enter()),
            ..settings
        };
        let daemons = runtime.block_on(Daemons::start(&settings))?;
        group.take(daemons.webd_pid())?;
        let client = Client::new(address(&daemons));
        Ok(Self { daemons, client, group, runtime: Rc::clone(runtime) })
    }

    /// Where webd listens.
    #[must_use]
    pub fn address(&self) -> std::net::SocketAddr {
        address(&self.daemons)
    }

    /// Wait until what was before is over, and what is prepared for a language waits.
    pub fn be_ready(&self, language: &str) {
        let give_up = Instant::now() + AT_REST_WITHIN;
        come_to_rest(&self.group);
        while !self.prepared().iter().all(|one| one.language != language || one.ready > 0)
            && Instant::now() < give_up
        {
            sleep(AT_REST_AFTER);
            come_to_rest(&self.group);
        }
    }

    /// What is prepared, and how often that was of use.
    #[must_use]
    pub fn prepared(&self) -> Vec<WarmCount> {
        self.runtime.block_on(self.daemons.try_status()).map_or(Vec::new(), |status| status.warm)
    }

    /// The daemons.
    #[must_use]
    pub const fn daemons(&self) -> &Daemons {
        &self.daemons
    }

    /// Execute a program once, when what was before is over.
    ///
    /// # Errors
    /// If there is no answer.
    pub fn execute(&mut self, language: &str, body: &str) -> io::Result<Duration> {
        self.be_ready(language);
        Ok(self.client.execute(body)?.0)
    }
}

fn address(daemons: &Daemons) -> std::net::SocketAddr {
    let url = daemons.url("/");
    let authority = url.authority().map_or("", |authority| authority.as_str());
    authority.parse().expect("daemons listen at an address")
}

/// As many clients, each with a connection of its own, until the time is over.
///
/// # Errors
/// If one is refused.
pub fn hammer(
    server: std::net::SocketAddr,
    body: &str,
    at_one_time: usize,
    lasts: Duration,
) -> io::Result<Vec<Duration>> {
    let until = Instant::now() + lasts;
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..at_one_time)
            .map(|_| {
                scope.spawn(move || -> io::Result<Vec<Duration>> {
                    let mut client = Client::new(server);
                    let mut times = Vec::new();
                    while Instant::now() < until {
                        times.push(client.execute(body)?.0);
                    }
                    Ok(times)
                })
            })
            .collect();
        let mut all = Vec::new();
        for client in clients {
            all.extend(client.join().map_err(|_| io::Error::other("a client panicked"))??);
        }
        Ok(all)
    })
}

/// Wait until a group uses no CPU: what was executed is cleaned up, and what is prepared is ready.
pub fn come_to_rest(group: &Group) {
    let give_up = Instant::now() + AT_REST_WITHIN;
    let (mut used, mut since) = (group.cpu(), Instant::now());
    while since.elapsed() < AT_REST_AFTER && Instant::now() < give_up {
        sleep(LOOK_EVERY);
        let now = group.cpu();
        if now != used {
            (used, since) = (now, Instant::now());
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

/// Whether executord knows these lines of its configuration.
fn is_known(lines: &str) -> io::Result<bool> {
    let file = tempfile::NamedTempFile::new()?;
    fs::write(file.path(), lines)?;
    let status = Command::new(daemons::binary("executord")?)
        .args(["--check-config", "--config"])
        .arg(file.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    Ok(status.success())
}

fn build_nothing(to: &Path) -> io::Result<()> {
    let source = programs::directory().join("nothing.c");
    let status =
        Command::new("gcc").args(["-O2", "-static", "-nostdlib", "-o"]).arg(to).arg(source).status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other("gcc fails")) }
}

const BUBBLEWRAP: &str = "/usr/bin/bwrap";

/// What its manual shows, without the network: the host's /usr and /etc, a /proc, a /dev and a /tmp of its own.
fn bubblewrap(command: &[String]) -> Vec<String> {
    const ARGUMENTS: &str = "--unshare-all --die-with-parent --new-session --ro-bind /usr /usr \
        --symlink usr/bin /bin --symlink usr/lib /lib --symlink usr/lib64 /lib64 \
        --ro-bind /etc /etc \
        --proc /proc --dev /dev --tmpfs /tmp --bind . /box --chdir /box --";
    let mut words = vec![BUBBLEWRAP.to_owned()];
    words.extend(ARGUMENTS.split_whitespace().map(str::to_owned));
    words.extend(command.iter().cloned());
    words
}
