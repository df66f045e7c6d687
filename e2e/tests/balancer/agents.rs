//! Calls of AI agents behind a balancer: those of a session reach one node, and the sessions of a client use all nodes.

use super::*;

/// Sessions of one client, of which each node gets some with a probability of all but 1 in 2 billion.
const MAX_SESSIONS: u32 = 32;
const ENDLESS: &str = "import time\nwhile True: time.sleep(0.1)";

/// Sends a message, and returns the connection.
async fn send(balancer: &Balancer, session: Option<&str>, message: &Value) -> TcpStream {
    let body = message.to_string();
    let session = session.map(|id| format!("Mcp-Session-Id: {id}\r\n")).unwrap_or_default();
    let head = format!(
        "POST /mcp HTTP/1.1\r\nHost: code.example.org\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\n{session}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = connect(balancer, ALICE).await;
    stream.write_all(head.as_bytes()).await.expect("sent");
    stream
}

/// Sends a message, and returns the head of the answer.
async fn head_of_answer(balancer: &Balancer, session: Option<&str>, message: &Value) -> String {
    let mut stream = send(balancer, session, message).await;
    read_until(&mut stream, "\r\n\r\n").await.to_ascii_lowercase()
}

fn header(head: &str, name: &str) -> Option<String> {
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    let mut values = lines.filter(|(found, _)| *found == name).map(|(_, value)| value.to_owned());
    values.next()
}

async fn new_session(balancer: &Balancer) -> String {
    let parameters = json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "e2e", "version": "1"}});
    let initialize = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": parameters});
    let head = head_of_answer(balancer, None, &initialize).await;
    header(&head, "mcp-session-id").ok_or(head).expect("the id of a session")
}

fn endless_call() -> Value {
    let arguments = json!({"language": "python", "code": ENDLESS, "limits": {"wall_ms": 120_000}});
    let parameters = json!({"name": "run_code", "arguments": arguments});
    json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": parameters})
}

/// Each call is cancelled by a message that arrives over another connection.
pub(super) async fn calls_of_a_session_reach_one_node(nodes: &[Daemons; 2], balancer: &Balancer) {
    let running = async || [nodes[0].status().await.running, nodes[1].status().await.running];
    let mut has_run = [false; 2];
    for count in 1.. {
        let session = new_session(balancer).await;
        let stream = send(balancer, Some(&session), &endless_call()).await;
        assert!(eventually(async || running().await.contains(&1)).await, "the call does not run");
        let is_first = running().await[0] == 1;
        has_run[usize::from(!is_first)] = true;
        let cancelled =
            json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 7}});
        let head = head_of_answer(balancer, Some(&session), &cancelled).await;
        assert!(head.starts_with("http/1.1 202 "), "{head}");
        assert!(eventually(async || running().await == [0, 0]).await, "the call was not cancelled");
        drop(stream);
        if has_run == [true, true] {
            break;
        }
        assert!(count < MAX_SESSIONS, "all sessions of a client reach the same node");
    }
    // Without a session, the end of the connection cancels the call.
    let stream = send(balancer, None, &endless_call()).await;
    assert!(eventually(async || running().await.contains(&1)).await, "the call does not run");
    drop(stream);
    assert!(eventually(async || running().await == [0, 0]).await, "the call was not cancelled");
}
