//! A cluster for the tests of submissions: a nats-server, and a noded that runs what webd stores there.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use cluster::administration;
use cluster::test_server::{NatsServer, ServerOptions};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// The clusters of all tests, by the directories of their tests: a test may start webd several times.
static CLUSTERS: LazyLock<Mutex<HashMap<PathBuf, Cluster>>> = LazyLock::new(Mutex::default);

struct Cluster {
    nats: NatsServer,
    node: Option<Node>,
}

struct Node {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), String>>,
}

/// Stops the node of a test that has one, or starts the cluster of a test that has none. Returns the URL of the server.
pub(crate) async fn prepare(directory: &Path) -> String {
    let known = CLUSTERS.lock().unwrap().remove(directory);
    let cluster = match known {
        Some(mut cluster) => {
            if let Some(Node { stop, task }) = cluster.node.take() {
                stop.send(()).unwrap();
                task.await.unwrap().unwrap();
            }
            cluster
        }
        None => {
            let nats = NatsServer::start(&ServerOptions::default()).unwrap();
            let pool = "main".parse().unwrap();
            administration::create(&nats.settings("admin", None), &pool, 1).await.unwrap();
            Cluster { nats, node: None }
        }
    };
    let url = cluster.nats.url();
    CLUSTERS.lock().unwrap().insert(directory.to_owned(), cluster);
    url
}

/// Returns the section `[cluster]` of a webd.
pub(crate) fn configuration(servers: Vec<String>) -> webd::ClusterConfig {
    let name = "front".to_owned();
    webd::ClusterConfig { name, servers, key_file: PathBuf::new(), ..webd::ClusterConfig::default() }
}

/// Starts the node of a test. It runs at most `concurrent` submissions at one time, and waits for none when it stops.
pub(crate) fn start_node(directory: &Path, socket: &Path, concurrent: usize) {
    let mut clusters = CLUSTERS.lock().unwrap();
    let cluster = clusters.get_mut(directory).unwrap();
    let mut config = noded::Config {
        name: "node-1".to_owned(),
        socket: socket.to_owned(),
        async_slots: u32::try_from(concurrent).unwrap(),
        drain: Duration::ZERO,
        ..noded::Config::default()
    };
    config.cluster.servers = vec![cluster.nats.url()];
    config.cluster.key_file = PathBuf::new();
    let (stop, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn(noded::run(config, async {
        let _ = stopped.await;
    }));
    cluster.node = Some(Node { stop, task });
}
