//! Whole servers of a cluster: each with executord, webd and noded, and one nats-server for all.

use std::io;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use cluster::administration;
use cluster::connection::Connection;
use cluster::permissions::{Role, server_configuration};
use cluster::subjects::Name;
use cluster::submitter::Submitter;
use cluster::test_server::{NatsServer, ServerOptions};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::daemons::{Daemon, Daemons, Settings, binary, unprivileged};
use crate::http::{self, Answer, HttpError};

/// Time limit of a request.
const DEADLINE: Duration = Duration::from_secs(90);
/// Name of the pool.
const POOL: &str = "main";

/// A cluster. Each process has its own key and permissions.
#[derive(Debug)]
pub struct Cluster {
    /// Its servers.
    pub nodes: Vec<Node>,
    /// Its nats-server.
    pub nats: NatsServer,
}

/// A server of a cluster.
#[derive(Debug)]
pub struct Node {
    /// executord and webd.
    pub daemons: Daemons,
    noded: Daemon,
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
        let pool = name(POOL);
        let mut roles = vec![("admin".to_owned(), Role::Administrator)];
        for number in 0..count {
            roles.push((front_name(number), Role::Webd(name(&front_name(number)))));
            roles.push((node_name(number), Role::Noded(name(&node_name(number)))));
        }
        let mut keys = Vec::new();
        let mut users = Vec::new();
        for (process, role) in roles {
            let key = administration::new_key().map_err(io::Error::other)?;
            users.push((role, key.public_key));
            keys.push((process, key.seed));
        }
        let more = server_configuration(&pool, &users);
        let nats = NatsServer::start(&ServerOptions { more, ..ServerOptions::default() })?;
        for (process, seed) in &keys {
            std::fs::write(nats.directory().join(process), seed)?;
        }
        let settings = nats.settings("admin", Some(nats.directory().join("admin")));
        administration::create(&settings, &pool, 1).await.map_err(io::Error::other)?;
        let mut nodes = Vec::new();
        for number in 0..count {
            nodes.push(Node::start(number, slots, &nats, &keys).await?);
        }
        Ok(Self { nodes, nats })
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

    /// Returns a connection as the front of the first node.
    ///
    /// # Errors
    /// If it cannot connect.
    pub async fn front(&self) -> Result<Submitter, String> {
        let key = self.nats.directory().join("admin");
        let connection = Connection::open(&self.nats.settings("admin", Some(key))).await?;
        Ok(Submitter::new(connection, name(POOL)))
    }

    /// Returns the ends of all logs.
    #[must_use]
    pub fn logs(&self) -> String {
        let logs = self
            .nodes
            .iter()
            .map(|node| format!("{}\n--- noded:\n{}", node.daemons.log_tail(), node.noded.log()));
        logs.collect::<Vec<_>>().join("\n")
    }
}

impl Node {
    async fn start(
        number: usize,
        slots: u32,
        nats: &NatsServer,
        keys: &[(String, String)],
    ) -> io::Result<Self> {
        let front = front_name(number);
        // webd runs as another user, which cannot read the directory of the server.
        let secret =
            |process: &str| keys.iter().find(|(name, _)| name == process).map(|(_, seed)| seed.clone());
        let webd = format!(
            "state = \"/nonexistent\"\n[keys]\nfile = \"/nonexistent\"\n[submissions]\nenabled = true\n[cluster]\n\
             name = {front:?}\nservers = [{:?}]\nkey_file = \"front.nk\"\n",
            nats.url()
        );
        let files = vec![
            ("front.nk", secret(&front).unwrap_or_default()),
            ("node.nk", secret(&node_name(number)).unwrap_or_default()),
        ];
        let daemons =
            Daemons::start(&Settings { slots: slots + 1, webd, files, ..Settings::default() }).await?;
        let directory = daemons.directory().to_owned();
        std::fs::copy(binary("noded")?, directory.join("noded"))?;
        let text = format!(
            "name = {:?}\nsocket = {:?}\nasync_slots = {slots}\ndrain = \"20s\"\n[cluster]\nservers = [{:?}]\n\
             key_file = {:?}\n",
            node_name(number),
            daemons.socket(),
            nats.url(),
            directory.join("node.nk"),
        );
        std::fs::write(directory.join("noded.toml"), text)?;
        let noded = start_noded(&directory)?;
        Ok(Self { daemons, noded })
    }

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
            Process::Noded => self.noded = start_noded(self.daemons.directory())?,
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

fn start_noded(directory: &Path) -> io::Result<Daemon> {
    let mut command: Command = unprivileged(&directory.join("noded"));
    command.arg("--config").arg(directory.join("noded.toml"));
    Daemon::start("noded", directory, command)
}

fn name(text: &str) -> Name {
    Name::of_host(text)
}

fn front_name(number: usize) -> String {
    format!("front-{number}")
}

fn node_name(number: usize) -> String {
    format!("node-{number}")
}
