//! Network namespaces of nodes. Each node has a link to its clients, and another to NATS, which can be cut.
//!
//! Everything is in namespaces that end with the test: the network of the host is not touched.

use std::io;
use std::net::Ipv4Addr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sched::{CloneFlags, unshare};

/// Attempts before a wait fails, and the pause between them.
const ATTEMPTS: u32 = 200;
const PAUSE: Duration = Duration::from_millis(10);

/// The network of one node, until dropped.
#[derive(Debug)]
pub struct NodeNetwork {
    /// A process in the namespace, which exists as long as the process runs.
    holder: Child,
    number: u8,
}

/// A way in which a node loses a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The link is down.
    Link,
    /// What the node sends does not arrive.
    ToNats,
    /// What NATS sends does not arrive.
    FromNats,
    /// What the node sends to its clients does not arrive, as from a host without power.
    ToClients,
}

/// Moves this thread, and those that it starts from now on, into a new network namespace with loopback only.
///
/// # Errors
/// If this process may not.
pub fn enter_new_namespace() -> io::Result<()> {
    unshare(CloneFlags::CLONE_NEWNET)?;
    run(Command::new("ip").args(["link", "set", "lo", "up"]))
}

/// Moves this thread, and those that it starts from now on, into a new mount namespace.
///
/// # Errors
/// If this process may not.
pub fn enter_new_mount_namespace() -> io::Result<()> {
    unshare(CloneFlags::CLONE_NEWNS)?;
    run(Command::new("mount").args(["--make-rprivate", "/"]))
}

impl NodeNetwork {
    /// Creates the network of a node, with both links to the network namespace of this thread.
    ///
    /// # Errors
    /// If the namespace or a link cannot be created.
    pub fn create(number: u8) -> io::Result<Self> {
        let holder = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "unshare", "--net", "sleep", "infinity"])
            .stdin(Stdio::null())
            .spawn()?;
        let network = Self { holder, number };
        network.wait_for_namespace()?;
        run(network.inside().args(["ip", "link", "set", "lo", "up"]))?;
        network.link("clients", network.node_address(), network.client_address())?;
        network.link("nats", network.cluster_address(), network.nats_address())?;
        Ok(network)
    }

    /// Returns the command that runs a program in this network.
    #[must_use]
    pub fn prefix(&self) -> Vec<String> {
        vec!["nsenter".to_owned(), format!("--net=/proc/{}/ns/net", self.holder.id()), "--".to_owned()]
    }

    /// Returns the address at which clients reach the node.
    #[must_use]
    pub fn node_address(&self) -> Ipv4Addr {
        Ipv4Addr::new(10, 70, self.number, 2)
    }

    /// Returns the address at which the node reaches NATS.
    #[must_use]
    pub fn nats_address(&self) -> Ipv4Addr {
        Ipv4Addr::new(10, 71, self.number, 1)
    }

    /// Cuts the node off.
    ///
    /// # Errors
    /// If `ip` fails.
    pub fn cut(&self, cut: Cut) -> io::Result<()> {
        self.change(cut, "down", "add")
    }

    /// Undoes [`NodeNetwork::cut`].
    ///
    /// # Errors
    /// If `ip` fails.
    pub fn mend(&self, cut: Cut) -> io::Result<()> {
        self.change(cut, "up", "del")
    }

    /// Limits the rate of the link to NATS, such as `16mbit`, in both directions.
    ///
    /// # Errors
    /// If `tc` fails.
    pub fn slow_down(&self, rate: &str) -> io::Result<()> {
        let limit = |mut command: Command, device: &str| {
            let bucket = ["tbf", "rate", rate, "burst", "64kb", "latency", "400ms"];
            run(command.args(["qdisc", "add", "dev", device, "root"]).args(bucket))
        };
        limit(Command::new("tc"), &self.name("nats"))?;
        let mut inside = self.inside();
        inside.arg("tc");
        limit(inside, "nats")
    }

    fn change(&self, cut: Cut, link: &str, route: &str) -> io::Result<()> {
        // A route for one address precedes that of the link.
        let blackhole =
            |to: Ipv4Addr| ["ip", "route", route, "blackhole", &format!("{to}/32")].map(str::to_owned);
        match cut {
            Cut::Link => run(Command::new("ip").args(["link", "set", &self.name("nats"), link])),
            Cut::ToNats => run(self.inside().args(blackhole(self.nats_address()))),
            Cut::FromNats => run(Command::new("env").args(blackhole(self.cluster_address()))),
            Cut::ToClients => run(self.inside().args(blackhole(self.client_address()))),
        }
    }

    /// Returns the address of clients.
    #[must_use]
    pub fn client_address(&self) -> Ipv4Addr {
        Ipv4Addr::new(10, 70, self.number, 1)
    }

    fn cluster_address(&self) -> Ipv4Addr {
        Ipv4Addr::new(10, 71, self.number, 2)
    }

    /// Connects the node with this thread's namespace.
    fn link(&self, name: &str, inside: Ipv4Addr, outside: Ipv4Addr) -> io::Result<()> {
        let (device, pid) = (self.name(name), self.holder.id().to_string());
        let (inside, outside) = (format!("{inside}/30"), format!("{outside}/30"));
        run(Command::new("ip")
            .args(["link", "add", &device, "type", "veth", "peer", "name", name, "netns", &pid]))?;
        run(Command::new("ip").args(["address", "add", &outside, "dev", &device]))?;
        run(Command::new("ip").args(["link", "set", &device, "up"]))?;
        run(self.inside().args(["ip", "address", "add", &inside, "dev", name]))?;
        run(self.inside().args(["ip", "link", "set", name, "up"]))
    }

    fn name(&self, link: &str) -> String {
        format!("{link}-{}", self.number)
    }

    fn inside(&self) -> Command {
        let prefix = self.prefix();
        let mut command = Command::new(&prefix[0]);
        command.args(&prefix[1..]);
        command
    }

    /// Waits until the holder has its own namespace.
    fn wait_for_namespace(&self) -> io::Result<()> {
        let own = std::fs::read_link("/proc/thread-self/ns/net")?;
        for _ in 0..ATTEMPTS {
            match std::fs::read_link(format!("/proc/{}/ns/net", self.holder.id())) {
                Ok(other) if other != own => return Ok(()),
                _ => std::thread::sleep(PAUSE),
            }
        }
        Err(io::Error::other("unshare creates no network namespace"))
    }
}

impl Drop for NodeNetwork {
    fn drop(&mut self) {
        // Both links end with the namespace.
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

fn run(command: &mut Command) -> io::Result<()> {
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    let message = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("{command:?}: {message}")))
}
