//! What the user of a process decides: webd runs without privileges only, and only root and webd speak for other clients.

#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use e2e::daemons::{Daemons, Settings, binary, eventually};
use e2e::socket::{Execution, live_program, program};
use protocol::{ExecuteRequest, Request};

fn log(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn webd_refuses_root_and_capabilities_with_a_reason() {
    let webd = binary("webd").expect("the binary is built");
    let ambient = ["setpriv", "--reuid=65534", "--clear-groups", "--inh-caps=+kill", "--ambient-caps=+kill"];
    let inheritable = ["setpriv", "--reuid=65534", "--clear-groups", "--inh-caps=+kill"];
    // Other users may not reach the build directory.
    let directory = tempfile::tempdir().expect("a temporary directory");
    let copy = directory.path().join("webd");
    std::fs::copy(webd, &copy).expect("a writable directory");
    let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(directory.path(), everybody).expect("a directory of root");
    for (launcher, expected) in [
        (&["env"][..], "webd must not run as root"),
        (&ambient, "webd must hold no capability, but its permitted set has CAP_KILL"),
        (&inheritable, "webd must hold no capability, but its inheritable set has CAP_KILL"),
    ] {
        let mut command = Command::new(launcher[0]);
        command.args(&launcher[1..]).arg(&copy).args(["--listen", "127.0.0.1:0"]).stdin(Stdio::null());
        let output = command.output().expect("the launcher can be started");
        assert_eq!(output.status.code(), Some(1), "{launcher:?}: {}", log(&output));
        assert!(log(&output).contains(expected), "{launcher:?}: {}", log(&output));
    }
}

/// Connects to executord for each of its own connections, and forwards all bytes.
const RELAY: &str = "
import asyncio, sys

async def forward(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()

async def serve(reader, writer):
    others_reader, others_writer = await asyncio.open_unix_connection(sys.argv[2])
    await asyncio.gather(forward(reader, others_writer), forward(others_reader, writer))

async def main():
    await (await asyncio.start_unix_server(serve, sys.argv[1])).serve_forever()

asyncio.run(main())
";

/// A process of another user, through which a test connects to executord.
struct Relay {
    process: Child,
    socket: PathBuf,
    _directory: tempfile::TempDir,
}

impl Relay {
    /// Starts a relay of the user `daemon` as a member of the group that may connect.
    async fn start(executord: &Path) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        std::os::unix::fs::chown(directory.path(), Some(1), None).expect("root may do this");
        let socket = directory.path().join("relay");
        let process = Command::new("setpriv")
            .args(["--reuid=daemon", "--regid=nogroup", "--clear-groups", "/usr/bin/python3", "-c", RELAY])
            .args([&socket, executord])
            .spawn()
            .expect("setpriv is there");
        assert!(eventually(|| async { socket.exists() }).await, "the relay does not start");
        Self { process, socket, _directory: directory }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn of(client: &str, network: &str, request: ExecuteRequest) -> ExecuteRequest {
    ExecuteRequest { client: Some(client.to_owned()), client_networks: vec![network.to_owned()], ..request }
}

/// Queues three programs in the name of one client behind a running program, and then one in the name of another client.
/// Returns the position of the last one.
async fn position_of_another_client(daemons: &Daemons, socket: &Path) -> u32 {
    let begin = async |request| Execution::begin(socket, request).await.expect("executord takes requests");
    let mut running =
        begin(of("192.0.2.1", "192.0.2.0/24", live_program("bash", "echo ready; read -r line"))).await;
    running.until_written("ready\n").await.expect("the program runs");
    let mut queued = Vec::new();
    for number in 1..=3 {
        queued.push(begin(of("192.0.2.1", "192.0.2.0/24", program("bash", "echo queued"))).await);
        assert!(eventually(|| async { daemons.status().await.queued == number }).await);
    }
    let mut last = begin(of("203.0.113.1", "203.0.113.0/24", program("bash", "echo last"))).await;
    let received = last.until(|received| !received.positions.is_empty()).await.expect("a position");
    let position = received.positions[0];
    running.send(Request::Input("line\n".into())).await.expect("the message is sent");
    running.end().await.expect("it ends");
    for execution in queued {
        assert_eq!(execution.end().await.expect("it ends").stdout, b"queued\n");
    }
    assert_eq!(last.end().await.expect("it ends").stdout, b"last\n");
    position
}

#[tokio::test]
async fn a_member_of_the_group_cannot_pass_for_many_clients() {
    let daemons =
        Daemons::start(&Settings { slots: 1, ..Settings::default() }).await.expect("both daemons start");
    // Root and webd name the client of each request, and the turn of another client comes first.
    assert_eq!(position_of_another_client(&daemons, &daemons.socket()).await, 0);
    // Any other user is one client, whatever it says.
    let relay = Relay::start(&daemons.socket()).await;
    assert_eq!(position_of_another_client(&daemons, &relay.socket).await, 3);
}
