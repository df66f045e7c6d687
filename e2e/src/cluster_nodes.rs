//! Whole servers of a cluster: each with executord, webd and noded, and NATS for all of them.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use cluster::connection::Connection;
use cluster::subjects::{Name, SubmissionKey};
use cluster::submitter::Submitter;
use cluster::test_observer::Observer;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::daemons::{Daemon, Daemons, Settings, binary, last_lines, prefixed, unprivileged};
use crate::http::{self, Answer, HttpError};
use crate::nats_servers::{NatsServers, front_name, node_name};
use crate::network::NodeNetwork;

/// Time limit of a request.
const DEADLINE: Duration = Duration::from_secs(90);
/// Name of the pool.
const POOL: &str = "main";
/// Port of webd in a network namespace of its own.
const PORT: u16 = 3000;
/// Key file of every webd. It is empty if the settings have none.
const KEYS: &str = "keys.toml";

/// What a cluster consists of.
#[derive(Clone, Debug)]
pub struct ClusterSettings {
    /// Its nodes.
    pub nodes: usize,
    /// Slots of each node for submissions.
    pub slots: u32,
    /// Servers of NATS.
    pub servers: usize,
    /// Whether each node has a network namespace of its own. See [`crate::network::enter_new_namespace`].
    pub has_networks: bool,
    /// Whether each node has one core, that with its number.
    pub is_pinned: bool,
    /// More lines of the section `[submissions]` of `webd.toml`.
    pub submissions: String,
    /// Files for webd: names and contents. Its key file is `keys.toml`.
    pub files: Vec<(&'static str, String)>,
}

impl Default for ClusterSettings {
    fn default() -> Self {
        Self {
            nodes: 1,
            slots: 1,
            servers: 1,
            has_networks: false,
            is_pinned: false,
            submissions: String::new(),
            files: Vec::new(),
        }
    }
}

/// A cluster. Each process has its own key and permissions.
#[derive(Debug)]
pub struct Cluster {
    /// Its servers.
    pub nodes: Vec<Node>,
    /// NATS.
    pub nats: NatsServers,
    settings: ClusterSettings,
}

/// A server of a cluster.
#[derive(Debug)]
pub struct Node {
    /// executord and webd.
    pub daemons: Daemons,
    noded: Daemon,
    prefix: Vec<String>,
    /// Its network, if it has one of its own.
    pub network: Option<NodeNetwork>,
}

/// A process of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Process {
    /// noded.
    Noded,
    /// executord.
    Executord,
    /// webd.
    Webd,
}

impl Cluster {
    /// Starts `count` servers with `slots` slots for submissions each.
    ///
    /// # Errors
    /// If something does not start.
    pub async fn start(count: usize, slots: u32) -> io::Result<Self> {
        Self::with(ClusterSettings { nodes: count, slots, ..ClusterSettings::default() }).await
    }

    /// Starts a cluster.
    ///
    /// # Errors
    /// If something does not start.
    pub async fn with(settings: ClusterSettings) -> io::Result<Self> {
        let numbers = 1..=u8::try_from(settings.nodes).unwrap_or(u8::MAX);
        let networks: Vec<_> = if settings.has_networks {
            numbers.map(NodeNetwork::create).collect::<io::Result<_>>()?
        } else {
            vec![]
        };
        let addresses: Vec<_> = networks.iter().map(NodeNetwork::nats_address).collect();
        let nats = NatsServers::start(settings.servers, settings.nodes, &addresses)?;
        let mut cluster = Self { nodes: Vec::new(), nats, settings };
        let mut networks = networks.into_iter();
        for _ in 0..cluster.settings.nodes {
            let node = cluster.start_node(networks.next()).await?;
            cluster.nodes.push(node);
        }
        Ok(cluster)
    }

    /// Adds a node, as docs/cluster.md says.
    ///
    /// # Errors
    /// If something does not start.
    pub async fn add_node(&mut self) -> io::Result<()> {
        self.nats.add_node()?;
        let node = self.start_node(None).await?;
        self.nodes.push(node);
        Ok(())
    }

    async fn start_node(&self, network: Option<NodeNetwork>) -> io::Result<Node> {
        let number = self.nodes.len();
        let ClusterSettings { slots, is_pinned, submissions, .. } = &self.settings;
        let servers = self.nats.urls(network.as_ref().map(NodeNetwork::nats_address));
        let front = front_name(number);
        // webd runs as another user, which cannot read the directory of the keys.
        let webd = format!(
            "state = \"/nonexistent\"\n[keys]\nfile = {KEYS:?}\n[submissions]\nenabled = true\n{submissions}\n\
             [cluster]\nname = {front:?}\nservers = {servers:?}\nkey_file = \"front.nk\"\nca_file = \"authority.pem\"\n"
        );
        let mut files = vec![
            ("front.nk", self.nats.seed(&front)?),
            ("node.nk", self.nats.seed(&node_name(number))?),
            ("authority.pem", self.nats.authority()?),
        ];
        files.extend(self.settings.files.iter().cloned());
        if files.iter().all(|(name, _)| *name != KEYS) {
            files.push((KEYS, String::new()));
        }
        let mut prefix = network.as_ref().map_or(Vec::new(), NodeNetwork::prefix);
        if *is_pinned {
            prefix.extend(["taskset", "-c", &number.to_string()].map(str::to_owned));
        }
        let address = network.as_ref().map(|network| SocketAddr::from((network.node_address(), PORT)));
        let settings = Settings {
            slots: slots + 1,
            webd,
            files,
            prefix: prefix.clone(),
            address,
            ..Settings::default()
        };
        let daemons = Daemons::start(&settings).await?;
        let directory = daemons.directory().to_owned();
        std::fs::copy(binary("noded")?, directory.join("noded"))?;
        let text = format!(
            "name = {:?}\nsocket = {:?}\nasync_slots = {slots}\ndrain = \"20s\"\n[cluster]\nservers = {servers:?}\n\
             key_file = {:?}\nca_file = {:?}\n",
            node_name(number),
            daemons.socket(),
            directory.join("node.nk"),
            directory.join("authority.pem"),
        );
        std::fs::write(directory.join("noded.toml"), text)?;
        let noded = start_noded(&directory, &prefix)?;
        Ok(Node { daemons, noded, prefix, network })
    }

    /// Returns the URL of a submission at the webd of a node.
    ///
    /// # Panics
    /// If there is no such node.
    #[must_use]
    pub fn url(&self, node: usize, id: &str) -> hyper::Uri {
        self.nodes[node].daemons.url(&format!("/api/submissions/{id}"))
    }

    /// Submits a program under an id, and returns the HTTP status.
    ///
    /// # Errors
    /// If webd does not answer.
    pub async fn submit(&self, node: usize, id: &str, body: &Value) -> Result<u16, HttpError> {
        http::put(&self.url(node, id), body, DEADLINE).await
    }

    /// Returns a submission.
    ///
    /// # Errors
    /// If webd does not answer.
    pub async fn fetch(&self, node: usize, id: &str, query: &str) -> Result<Answer, HttpError> {
        http::get(&self.url(node, &format!("{id}{query}")), DEADLINE).await
    }

    /// Returns a front with the key of the administrator.
    ///
    /// # Errors
    /// If it cannot connect.
    pub async fn front(&self) -> Result<Submitter, String> {
        let connection = Connection::open(&self.nats.administrator()).await?;
        Ok(Submitter::new(connection, Name::of_host(POOL)))
    }

    /// Begins to observe all nodes.
    ///
    /// # Errors
    /// If it cannot connect.
    pub async fn observer(&self) -> Result<Observer, String> {
        let names: Vec<_> = (0..self.nodes.len()).map(|number| Name::of_host(&node_name(number))).collect();
        Observer::start(&self.nats.administrator(), &names).await
    }

    /// Returns the ends of all logs.
    #[must_use]
    pub fn logs(&self) -> String {
        let nodes = self.nodes.iter().map(|node| {
            format!("{}\n--- noded:\n{}", node.daemons.log_tail(), last_lines(&node.noded.log()))
        });
        let servers =
            self.nats.servers.iter().map(|server| format!("--- nats-server:\n{}", last_lines(&server.log())));
        nodes.chain(servers).collect::<Vec<_>>().join("\n")
    }

    /// Returns what NATS has of an anonymous submission, the state of its streams and consumers, and the ends of all logs.
    pub async fn diagnosis(&self, id: &str) -> String {
        let stored = match (self.observer().await, id.parse()) {
            (Ok(observer), Ok(id)) => {
                observer.describe(&Name::of_host(POOL), SubmissionKey::new("anonymous", id)).await
            }
            (observer, id) => format!("{:?}\n{:?}", observer.err(), id.err()),
        };
        format!("{stored}{}", self.logs())
    }
}

impl Node {
    /// Kills a process with SIGKILL, as in a crash.
    ///
    /// # Errors
    /// If it cannot be killed.
    pub fn kill(&mut self, process: Process) -> io::Result<()> {
        match process {
            Process::Noded => self.noded.kill()?,
            Process::Executord => self.daemons.kill_executord()?,
            Process::Webd => self.daemons.kill_webd()?,
        };
        Ok(())
    }

    /// Starts a process that was killed.
    ///
    /// # Errors
    /// If it does not start.
    pub async fn restart(&mut self, process: Process) -> io::Result<()> {
        match process {
            Process::Noded => self.noded = start_noded(self.daemons.directory(), &self.prefix)?,
            Process::Executord => self.daemons.restart_executord().await?,
            Process::Webd => self.daemons.restart_webd().await?,
        }
        Ok(())
    }

    /// Stops noded with SIGTERM, and waits for its end. Returns whether it exited with 0.
    ///
    /// # Errors
    /// If it does not end.
    pub fn stop_noded(&mut self) -> io::Result<bool> {
        kill(Pid::from_raw(self.noded.pid().cast_signed()), Signal::SIGTERM)?;
        Ok(self.noded.wait()?.success())
    }
}

fn start_noded(directory: &Path, prefix: &[String]) -> io::Result<Daemon> {
    let mut command: Command = unprivileged(&directory.join("noded"));
    command.arg("--config").arg(directory.join("noded.toml"));
    Daemon::start("noded", directory, prefixed(prefix, command))
}
