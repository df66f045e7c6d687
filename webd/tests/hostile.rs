//! Malformed HTTP, and clients that behave badly on purpose.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test panics")]

mod support;

use std::net::Ipv4Addr;
use std::time::Duration;

use protocol::{Event, Rejection, Status};
use support::{Observation, Step, TIMEOUT, TestServer, hello, one_run, send_all, server_with, start_server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

const BODY: &str = r#"{"code":"print(1)","language":"python","stdin":"","args":[]}"#;

fn execute(more: &str) -> String {
    let head = "POST /api/execute HTTP/1.1\r\nHost: x\r\nContent-Type: application/json";
    format!("{head}\r\n{more}Content-Length: {}\r\n\r\n{BODY}", BODY.len())
}

/// Sends bytes, and checks the status of the response before the connection ends; 0 is an end without a response.
async fn check(server: &TestServer, bytes: &str, statuses: &[u16]) {
    let received = server.raw(bytes.as_bytes()).await;
    let status = if received.is_empty() { 0 } else { support::parse(&received).status };
    assert!(statuses.contains(&status), "{status} {:?}", &bytes[..bytes.len().min(200)]);
    let answers = String::from_utf8_lossy(&received).matches("HTTP/1.1 ").count();
    assert!(answers <= 1, "bytes after a refused request are not a request: {bytes:?}");
}

#[tokio::test]
async fn ambiguous_requests_are_refused_and_close_the_connection() {
    let mut server = start_server(|_| hello()).await;
    let post = "POST /api/execute HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
    let next = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    let chunked = "Transfer-Encoding: chunked\r\n";
    for (head, body) in [
        (format!("{post}Content-Length: 6\r\n{chunked}"), "0\r\n\r\nG".to_owned()),
        (format!("{post}{chunked}Content-Length: 6\r\n"), format!("0\r\n\r\n{next}")),
        (format!("{post}Content-Length: 4\r\nContent-Length: 60\r\n"), "{}  ".to_owned()),
        (format!("{post}Content-Length: +2\r\n"), format!("{{}}{next}")),
        (format!("{post}Content-Length: -2\r\n"), "{}".to_owned()),
        (format!("{post}Content-Length: 2, 2\r\n"), "{}".to_owned()),
        (format!("{post}Content-Length: 99999999999999999999\r\n"), "{}".to_owned()),
        (format!("{post}Transfer-Encoding : chunked\r\n"), "0\r\n\r\n".to_owned()),
        (format!("{post}Transfer-Encoding: gzip\r\n"), "{}".to_owned()),
        (format!("{post}Transfer-Encoding: chunked, gzip\r\n"), "0\r\n\r\n".to_owned()),
        (format!("{post}Transfer-Encoding: gzip\r\n{chunked}"), format!("0\r\n\r\n{next}")),
        (format!("{post}{chunked}"), format!("x\r\n\r\n{next}")),
        (format!("{post}{chunked}"), format!("fffffffffffffffff\r\n{next}")),
        (format!("{post}X: a\r\n b\r\nContent-Length: 2\r\n"), "{}".to_owned()),
        (format!("{post}Host: y\r\n"), String::new()),
        (format!("{post}X\0: a\r\n"), String::new()),
        ("POST /api/execute HTTP/1.1\r\nContent-Length: 2\r\n".to_owned(), "{}".to_owned()),
    ] {
        check(&server, &format!("{head}\r\n{body}"), &[400]).await;
    }
    check(&server, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &[0, 400, 505]).await;
    check(&server, "GET / HTTP/3.0\r\n\r\n", &[0, 400, 505]).await;
    check(&server, "\x16\x03\x01\x02\0\x01\0\x01\u{fc}\x03\x03", &[0, 400]).await;
    check(
        &server,
        "POST /api/execute HTTP/1.1\nHost: x\nConnection: close\nContent-Length: 2\n\n{}",
        &[400, 415],
    )
    .await;
    assert!(server.observations.try_recv().is_err(), "no request reached the daemon");
}

#[tokio::test]
async fn request_heads_are_limited() {
    let server = start_server(|_| hello()).await;
    let headers = |count: usize| (0..count).map(|n| format!("x-{n}: y\r\n")).collect::<String>();
    let get =
        |headers: String| format!("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n");
    check(&server, &get(headers(50)), &[200]).await;
    check(&server, &get(headers(100)), &[431]).await;
    check(&server, &get(headers(20_000)), &[431]).await;
    check(&server, &get(format!("x: {}\r\n", "y".repeat(1_000_000))), &[431]).await;
    let path = "a".repeat(1_000_000);
    check(&server, &format!("GET /{path} HTTP/1.1\r\nHost: x\r\n\r\n"), &[414, 431]).await;
}

#[tokio::test]
async fn paths_stay_inside_the_page_directory() {
    let page = |config: &mut webd::Config| {
        std::fs::create_dir(&config.web).unwrap();
        std::fs::write(config.web.join("a.txt"), "a").unwrap();
        std::fs::write(config.web.with_file_name("secret"), "secret").unwrap();
    };
    let server = server_with(page, |_| hello()).await;
    assert_eq!(server.get("/a.txt").await.text(), "a");
    for path in [
        "/../secret",
        "/../../../../../../etc/passwd",
        "/%2e%2e/secret",
        "/..%2fsecret",
        "/%2e%2e%2fsecret",
        "/..%5csecret",
        "//etc/passwd",
        "/%2fetc%2fpasswd",
        "/a.txt/../../secret",
        "/static/..%2f..%2fetc/passwd",
        "/api/execute/../../secret",
        "/%00",
        "/a.txt%00",
        "/%ff",
        "/%0d%0aX-Injected:%201",
    ] {
        let answer = server.get(path).await;
        assert!([400, 404].contains(&answer.status), "{path}: {}", answer.status);
        assert!(!answer.text().contains("secret") && !answer.text().contains("root:"), "{path}");
        assert_eq!(answer.header("x-injected"), None);
    }
}

#[tokio::test]
async fn expect_100_continue_is_answered() {
    let server = start_server(|_| hello()).await;
    let received = server.raw(execute("Expect: 100-continue\r\nConnection: close\r\n").as_bytes()).await;
    let received = String::from_utf8(received).unwrap();
    assert!(received.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"), "{received}");
}

/// Reads until the server closes or resets the connection.
async fn ends(stream: &mut TcpStream) {
    let mut scratch = [0; 1024];
    let read = async { while matches!(stream.read(&mut scratch).await, Ok(1..)) {} };
    timeout(TIMEOUT, read).await.expect("the server closes the connection");
}

#[tokio::test]
async fn slow_request_heads_time_out() {
    let server = server_with(|config| config.timeouts.head = Duration::from_millis(500), |_| hello()).await;
    let mut slow = JoinSet::new();
    for beginning in ["", "G", "GET / HTTP/1.1\r\nHost: x\r\nX-a: "] {
        for _ in 0..20 {
            let mut stream = TcpStream::connect(server.address).await.unwrap();
            slow.spawn(async move {
                stream.write_all(beginning.as_bytes()).await.unwrap();
                for _ in 0..200 {
                    sleep(Duration::from_millis(100)).await;
                    if stream.write_all(if beginning.is_empty() { b"" } else { b"b" }).await.is_err() {
                        return;
                    }
                    if timeout(Duration::from_millis(1), stream.read(&mut [0; 64])).await.is_ok() {
                        return;
                    }
                }
                panic!("a slow request head did not time out");
            });
        }
    }
    assert_eq!(server.execute(BODY).await.status, 200);
    timeout(TIMEOUT, slow.join_all()).await.unwrap();
}

#[tokio::test]
async fn idle_connections_time_out() {
    let server = server_with(|config| config.timeouts.head = Duration::from_millis(300), |_| hello()).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    ends(&mut stream).await;
}

#[tokio::test]
async fn a_client_that_does_not_read_is_disconnected_and_its_program_cancelled() {
    for accept in ["text/event-stream", "application/x-ndjson"] {
        let mut server =
            server_with(|config| config.timeouts.stall = Duration::from_millis(500), |_| vec![Step::Flood])
                .await;
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(execute(&format!("Accept: {accept}\r\n")).as_bytes()).await.unwrap();
        assert!(matches!(server.observe().await, Observation::Request(_)));
        assert_eq!(server.observe().await, Observation::Disconnect, "{accept}");
        ends(&mut stream).await;
    }
}

/// Starts a server whose program writes 1 MiB, and whose clients must read without a longer pause than this.
async fn server_with_long_output(stall_ms: u64) -> TestServer {
    let output = vec![b'x'; 1 << 20];
    let events = one_run(&[], Status::Exited(0)).into_iter().flat_map(|event| with_output(event, &output));
    let events: Vec<_> = events.collect();
    server_with(
        |config| config.timeouts.stall = Duration::from_millis(stall_ms),
        move |_| send_all(events.clone()),
    )
    .await
}

#[tokio::test]
async fn a_client_that_reads_single_bytes_is_disconnected_while_others_are_served() {
    let server = server_with_long_output(1000).await;
    let mut slow = JoinSet::new();
    for _ in 0..50 {
        let socket = TcpSocket::new_v4().unwrap();
        // One client may hold a part of the memory only; the others are clients with another address.
        socket.bind((Ipv4Addr::new(127, 0, 0, 2), 0).into()).unwrap();
        socket.set_recv_buffer_size(1024).unwrap();
        let mut stream = socket.connect(server.address).await.unwrap();
        stream.write_all(execute("").as_bytes()).await.unwrap();
        slow.spawn(async move {
            while matches!(stream.read(&mut [0; 1]).await, Ok(1)) {
                sleep(Duration::from_millis(50)).await;
            }
        });
    }
    assert_eq!(server.execute(BODY).await.status, 200);
    // The client notices only after it has read what had arrived; the metrics show it at once.
    let dropped = async {
        while !server.get("/metrics").await.text().contains("webd_connections 1\n") {
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(TIMEOUT, dropped).await.expect("slow clients are disconnected");
}

#[tokio::test]
async fn a_client_that_reads_steadily_gets_everything() {
    let server = server_with_long_output(1000).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(execute("Connection: close\r\n").as_bytes()).await.unwrap();
    let (mut received, mut chunk) = (Vec::new(), vec![0; 48 * 1024]);
    // Altogether it takes longer than a pause may.
    loop {
        sleep(Duration::from_millis(60)).await;
        match timeout(TIMEOUT, stream.read(&mut chunk)).await.unwrap().unwrap() {
            0 => break,
            count => received.extend_from_slice(&chunk[..count]),
        }
    }
    assert_eq!(support::parse(&received).json()["stdout"].as_str().unwrap().len(), 1 << 20);
}

/// Inserts `output` before the end of the stage.
fn with_output(event: Event, output: &[u8]) -> Vec<Event> {
    let chunks = output.chunks(65536).map(|chunk| support::output(protocol::StreamName::Stdout, chunk));
    match event {
        Event::StageFinished(_) => chunks.chain([event.clone()]).collect(),
        event => vec![event],
    }
}

#[tokio::test]
async fn a_slow_program_is_not_a_slow_reader() {
    let server = server_with(
        |config| config.timeouts.stall = Duration::from_millis(200),
        |_| {
            let mut steps = send_all(one_run(b"late", Status::Exited(0)));
            steps.insert(2, Step::Wait(Duration::from_secs(1)));
            steps
        },
    )
    .await;
    for accept in ["application/json", "text/event-stream"] {
        let answer = server.live(accept, BODY).await;
        assert_eq!(answer.status, 200);
        assert!(answer.text().contains("late"));
    }
}

#[tokio::test]
async fn a_half_closed_connection_counts_as_closed() {
    let mut server = start_server(|_| vec![Step::Send(support::started()), Step::WaitForDisconnect]).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(execute("").as_bytes()).await.unwrap();
    assert!(matches!(server.observe().await, Observation::Request(_)));
    stream.shutdown().await.unwrap();
    ends(&mut stream).await;
    assert_eq!(server.observe().await, Observation::Disconnect);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_request_of_a_flood_is_answered() {
    let busy = Event::Rejected(Rejection::Busy { retry_after: Duration::from_secs(1) });
    let server = server_with(
        |config| config.max_connections = 16.try_into().unwrap(),
        move |request| if request.args_are_empty() { hello() } else { send_all(vec![busy.clone()]) },
    )
    .await;
    let address = server.address;
    let mut flood = JoinSet::new();
    for number in 0..400 {
        let body = if number % 2 == 0 { BODY.to_owned() } else { BODY.replace("[]", r#"["x"]"#) };
        flood.spawn(async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let request = format!(
                "POST /api/execute HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n\
                 Content-Length: {}\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut received = Vec::new();
            stream.read_to_end(&mut received).await.unwrap();
            (number % 2, support::parse(&received).status)
        });
    }
    let statuses = timeout(TIMEOUT * 2, flood.join_all()).await.unwrap();
    assert!(statuses.iter().all(|&(odd, status)| status == if odd == 0 { 200 } else { 429 }));
}

/// Connects from another address of the loopback network, which is another client.
async fn connect_from(host: u8, server: &TestServer) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(std::net::SocketAddr::from(([127, 0, 0, host], 0))).unwrap();
    socket.connect(server.address).await.unwrap()
}

/// Sends a request on a connection that stays open, and returns the status.
async fn status_on(stream: &mut TcpStream, headers: &str) -> u16 {
    stream.write_all(format!("GET /healthz HTTP/1.1\r\nHost: x\r\n{headers}\r\n").as_bytes()).await.unwrap();
    let mut received = vec![0; 4096];
    let count = timeout(TIMEOUT, stream.read(&mut received)).await.unwrap().unwrap();
    support::parse(&received[..count]).status
}

#[tokio::test]
async fn a_client_with_too_many_connections_is_refused_and_others_are_served() {
    let server = server_with(
        |config| config.max_connections_per_client = 8.try_into().unwrap(),
        |_| vec![Step::Send(support::started()), Step::WaitForDisconnect],
    )
    .await;
    let mut busy = Vec::new();
    for _ in 0..8 {
        let mut stream = connect_from(1, &server).await;
        stream.write_all(execute("").as_bytes()).await.unwrap();
        busy.push(stream);
    }
    let mut refused = connect_from(1, &server).await;
    let mut received = Vec::new();
    timeout(TIMEOUT, refused.read_to_end(&mut received)).await.unwrap().unwrap();
    let answer = support::parse(&received);
    assert_eq!((answer.status, answer.code().as_str()), (429, "busy"));
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(answer.header("connection"), Some("close"));
    assert!(answer.text().contains("this client has 8 open connections"), "{}", answer.text());
    assert_eq!(status_on(&mut connect_from(2, &server).await, "").await, 200);
    busy.pop();
    let served = async { while status_on(&mut connect_from(1, &server).await, "").await != 200 {} };
    timeout(TIMEOUT, served).await.expect("a connection that ends makes room");
}

#[tokio::test]
async fn idle_connections_of_the_client_with_the_most_make_room() {
    let server = server_with(|config| config.max_connections = 12.try_into().unwrap(), |_| hello()).await;
    let mut few = connect_from(3, &server).await;
    assert_eq!(status_on(&mut few, "").await, 200);
    let mut many = Vec::new();
    for number in 0..11 {
        let mut stream = connect_from(2, &server).await;
        // Idle after a request, before one, and within its head.
        match number % 3 {
            0 => assert_eq!(status_on(&mut stream, "").await, 200),
            1 => stream.write_all(b"GET / HTTP/1.1\r\nHost").await.unwrap(),
            _ => {}
        }
        many.push(stream);
    }
    for host in 4..10 {
        let mut stream = connect_from(host, &server).await;
        assert_eq!(status_on(&mut stream, "Connection: close\r\n").await, 200, "client {host} is served");
        many.push(stream);
    }
    assert_eq!(status_on(&mut few, "").await, 200, "the connection of another client stays");
}

#[tokio::test]
async fn clients_of_a_trusted_proxy_are_counted_separately() {
    let server = server_with(
        |config| {
            config.max_connections_per_client = 2.try_into().unwrap();
            config.trusted_proxies = vec!["127.0.0.1".to_owned().try_into().unwrap()];
        },
        |_| vec![Step::Send(support::started()), Step::WaitForDisconnect],
    )
    .await;
    let mut busy = Vec::new();
    let mut idle = Vec::new();
    for _ in 0..6 {
        let mut stream = connect_from(1, &server).await;
        assert_eq!(status_on(&mut stream, "X-Forwarded-For: 192.0.2.9\r\n").await, 200);
        idle.push(stream);
    }
    for client in ["192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.2"] {
        let mut stream = connect_from(1, &server).await;
        stream.write_all(execute(&format!("X-Forwarded-For: {client}\r\n")).as_bytes()).await.unwrap();
        busy.push(stream);
    }
    let mut stream = connect_from(1, &server).await;
    let refused = async {
        while status_on(&mut stream, "X-Forwarded-For: 192.0.2.1\r\n").await != 429 {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(TIMEOUT, refused).await.expect("the client has two requests in progress");
    assert_eq!(status_on(&mut stream, "X-Forwarded-For: 192.0.2.3\r\n").await, 200);
    // The same proxy without the header is a client as well.
    assert_eq!(status_on(&mut stream, "").await, 200);
}

#[tokio::test]
async fn a_response_before_the_whole_body_closes_the_connection() {
    let mut server = start_server(|_| hello()).await;
    let post = "POST /api/execute HTTP/1.1\r\nHost: x\r\n";
    let (json, long) = ("Content-Type: application/json\r\n", "x".repeat(200_000));
    for (request, status) in [
        (format!("{post}Content-Length: 200000\r\n\r\n{long}"), 415),
        (format!("{post}{json}Content-Length: 99999999\r\n\r\n{long}"), 413),
        (format!("{post}{json}Transfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n1\r\nx\r\n"), 415),
        (format!("{post}{json}Expect: 100-continue\r\nContent-Length: 99999999\r\n\r\n"), 413),
        ("GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n".to_owned(), 200),
        ("PUT /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n123".to_owned(), 404),
        ("PUT /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n".to_owned(), 405),
    ] {
        let received =
            server.raw(format!("{request}GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await;
        let answer = support::parse(&received);
        let head = &request[..request.len().min(200)];
        assert_eq!((answer.status, answer.header("connection")), (status, Some("close")), "{head}");
        assert_eq!(String::from_utf8_lossy(&received).matches("HTTP/1.1 ").count(), 1, "{head}");
    }
    assert!(server.observations.try_recv().is_err(), "no request reached the daemon");

    // A body that was read keeps the connection, also if the request is refused.
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    for (body, status) in [("{}", 400), (BODY, 200), ("{", 400)] {
        let request = format!("{post}{json}Content-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut received = vec![0; 65536];
        let count = timeout(TIMEOUT, stream.read(&mut received)).await.unwrap().unwrap();
        let answer = support::parse(&received[..count]);
        assert_eq!((answer.status, answer.header("connection")), (status, None), "{body}");
    }
}

trait HasArgs {
    fn args_are_empty(&self) -> bool;
}

impl HasArgs for protocol::ExecuteRequest {
    fn args_are_empty(&self) -> bool {
        self.runs.iter().all(|run| run.args.is_empty())
    }
}
