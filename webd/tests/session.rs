//! `GET /api/session`: control messages to a running program, and invalid messages of every kind.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test panics")]

mod support;

use std::num::NonZeroU16;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use protocol::bounds::MAX_INPUT_CHUNK;
use protocol::{ByteCount, Event, ProgramSignal, Rejection, Request, Status, Stdin, TerminalSize};
use serde_json::{Value, json};
use support::{
    Observation, Step, TIMEOUT, TestServer, hello, id, one_run, send_all, server_with, start_server, started,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};
use webd::Origin;

const START: &str = r#"{"type":"start","language":"python","code":"1"}"#;

/// A client with a WebSocket.
struct SessionClient(WebSocketStream<TcpStream>);

impl SessionClient {
    async fn open(server: &TestServer) -> Self {
        let stream = TcpStream::connect(server.address).await.unwrap();
        let (socket, _) = client_async("ws://localhost/api/session", stream).await.unwrap();
        Self(socket)
    }

    async fn send(&mut self, frame: impl Into<String>) {
        self.0.send(Message::text(frame.into())).await.unwrap();
    }

    async fn message(&mut self) -> Option<Message> {
        match timeout(TIMEOUT, self.0.next()).await.expect("a message arrives")? {
            Ok(message) => Some(message),
            Err(Error::Io(_) | Error::Protocol(_)) => None,
            Err(error) => panic!("{error}"),
        }
    }

    async fn event(&mut self) -> Value {
        loop {
            match self.message().await {
                Some(Message::Text(text)) => return serde_json::from_str(&text).unwrap(),
                Some(Message::Ping(_)) => {}
                other => panic!("{other:?} instead of an event"),
            }
        }
    }

    /// Returns all events of an execution.
    async fn events(&mut self) -> Vec<Value> {
        let mut events = vec![];
        loop {
            events.push(self.event().await);
            if matches!(events.last().unwrap()["type"].as_str(), Some("finished" | "error")) {
                return events;
            }
        }
    }

    /// Returns the close code of the server, and the error event before it.
    async fn end(mut self) -> (Option<Value>, CloseCode) {
        let mut error = None;
        loop {
            match self.message().await {
                Some(Message::Text(text)) => {
                    error = serde_json::from_str::<Value>(&text)
                        .ok()
                        .filter(|event| event["type"] == "error")
                        .or(error);
                }
                Some(Message::Close(Some(frame))) => return (error, frame.code),
                Some(Message::Ping(_)) => {}
                other => panic!("{other:?} instead of a close"),
            }
        }
    }
}

fn interactive(messages: usize) -> Vec<Step> {
    let mut steps = vec![Step::Send(started())];
    steps.extend(vec![Step::Receive; messages]);
    steps.extend(send_all(one_run(b"hi\n", Status::Exited(0)).into_iter().skip(1).collect()));
    steps
}

async fn next_control(server: &mut TestServer) -> Request {
    match server.observe().await {
        Observation::Control(request) => request,
        other => panic!("{other:?}"),
    }
}

async fn next_request(server: &mut TestServer) -> protocol::ExecuteRequest {
    match server.observe().await {
        Observation::Request(request) => *request,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_running_program_receives_control_messages() {
    let mut server = start_server(|_| interactive(8)).await;
    let mut session = SessionClient::open(&server).await;
    session.send(
        r#"{"type":"start","language":"python","code":"1","args":["a"],"tty":true,"columns":100,"rows":30}"#,
    )
    .await;
    let request = next_request(&mut server).await;
    let [run] = &request.runs[..] else { panic!("{request:?}") };
    let size = |columns, rows| TerminalSize {
        columns: NonZeroU16::new(columns).unwrap(),
        rows: NonZeroU16::new(rows).unwrap(),
    };
    assert_eq!((&run.stdin, run.terminal), (&Stdin::Live, Some(size(100, 30))));
    assert_eq!((request.language.as_str(), request.client.as_deref()), ("python", Some("127.0.0.1")));

    let input = |bytes: &'static [u8]| Request::Input(Bytes::from_static(bytes));
    for (frame, expected) in [
        (Message::text(r#"{"type":"stdin","data":"é\n"}"#), input(b"\xc3\xa9\n")),
        (Message::text(r#"{"type":"stdin","data":"/wA=","encoding":"base64"}"#), input(b"\xff\0")),
        (Message::binary(&b"\0\xff\n"[..]), input(b"\0\xff\n")),
        (Message::text(r#"{"type":"resize","columns":1,"rows":2}"#), Request::Resize(size(1, 2))),
        (Message::text(r#"{"type":"signal","signal":"INT"}"#), Request::Signal(ProgramSignal::Interrupt)),
        (Message::text(r#"{"type":"signal","signal":"KILL"}"#), Request::Signal(ProgramSignal::Kill)),
        (Message::text(r#"{"type":"end_of_input"}"#), Request::EndOfInput),
        (Message::text(r#"{"type":"cancel"}"#), Request::Cancel),
    ] {
        session.0.send(frame).await.unwrap();
        assert_eq!(next_control(&mut server).await, expected);
    }
    let events = session.events().await;
    let types: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["started", "stage", "output", "stage_finished", "finished"]);
    assert_eq!(
        events[2],
        json!({"type": "output", "stage": "run", "run": 0, "stream": "stdout", "data": "hi\n"})
    );
}

#[tokio::test]
async fn an_unknown_language_is_reported_with_the_available_ones() {
    let server = start_server(|_| send_all(vec![Event::Rejected(Rejection::UnknownLanguage)])).await;
    let mut session = SessionClient::open(&server).await;
    for requested in ["cobol", &"x".repeat(100)] {
        session.send(json!({"type": "start", "language": requested, "code": ""}).to_string()).await;
        let mut error = session.event().await;
        assert!(error["requested"].take().as_str().unwrap().starts_with(&requested[..5]));
        let expected = json!({"type": "error", "error": "Unsupported language", "code": "unsupported_language",
            "requested": null, "available": ["python"]});
        assert_eq!(error, expected);
    }
}

#[tokio::test]
async fn the_events_are_those_of_a_live_answer() {
    let server = start_server(|_| hello()).await;
    let body = r#"{"language":"python","code":"1"}"#;
    let live = server.live("application/x-ndjson", body).await.text();
    let live: Vec<Value> = live.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut session = SessionClient::open(&server).await;
    // The session stays open whatever the result of an execution was.
    for frame in [
        START.to_owned(),
        START.replace('}', r#","runs":[{"stdin":"x"},{}],"encoding":"utf8"}"#),
        r#"{"type":"start","code":"1"}"#.to_owned(),
        START.replace('}', r#","stdin":"x"}"#),
    ] {
        session.send(frame.clone()).await;
        let events = session.events().await;
        if frame.contains("language") {
            assert_eq!(events, live);
        } else {
            assert_eq!(
                events,
                [json!({"type": "error", "error": "`language` is required", "code": "invalid_request"})]
            );
        }
        // Too late for the last execution, and not meant for the next.
        session.send(r#"{"type":"stdin","data":"late"}"#).await;
        session.send(r#"{"type":"cancel"}"#).await;
    }
}

#[tokio::test]
async fn a_rejected_execution_leaves_the_session_open() {
    let endings = [
        (vec![Step::Send(Event::Rejected(Rejection::UnknownLanguage))], "unsupported_language"),
        (vec![Step::Send(Event::Rejected(Rejection::Busy { retry_after: Duration::from_secs(2) }))], "busy"),
        (vec![Step::Send(Event::Failed { id: id(), message: "lost".to_owned() })], "failed"),
        (vec![Step::Send(started()), Step::Disconnect], "unavailable"),
        (vec![Step::Disconnect], "unavailable"),
    ];
    for (steps, code) in endings {
        let server = start_server(move |_| steps.clone()).await;
        let mut session = SessionClient::open(&server).await;
        for _ in 0..2 {
            session.send(START).await;
            assert_eq!(session.events().await.last().unwrap()["code"], code);
        }
    }
    let server = server_with(|config| config.socket = "/nonexistent".into(), |_| vec![]).await;
    let mut session = SessionClient::open(&server).await;
    session.send(START).await;
    assert_eq!(session.events().await[0]["code"], "unavailable");
}

#[tokio::test]
async fn long_input_is_forwarded_in_chunks() {
    let mut server =
        start_server(|_| vec![Step::Send(started()), Step::Receive, Step::Receive, Step::WaitForDisconnect])
            .await;
    let mut session = SessionClient::open(&server).await;
    session.send(START).await;
    next_request(&mut server).await;
    session.0.send(Message::binary(vec![b'x'; MAX_INPUT_CHUNK + 1])).await.unwrap();
    for length in [MAX_INPUT_CHUNK, 1] {
        assert_eq!(next_control(&mut server).await, Request::Input(vec![b'x'; length].into()));
    }
}

#[tokio::test]
async fn an_invalid_frame_ends_the_session() {
    let running = || vec![Step::Send(started()), Step::WaitForDisconnect];
    for frame in ["", "{", "[]", r#"{"type":"run"}"#, r#"{"type":"cancel","x":1}"#, r#"{"type":"resize"}"#] {
        for is_running in [false, true] {
            let mut server = start_server(move |_| running()).await;
            let mut session = SessionClient::open(&server).await;
            if is_running {
                session.send(START).await;
                next_request(&mut server).await;
            }
            session.send(frame).await;
            let (error, code) = session.end().await;
            assert_eq!((error.unwrap()["code"].as_str(), code), (Some("invalid_request"), CloseCode::Policy));
            if is_running {
                assert_eq!(server.observe().await, Observation::Disconnect, "{frame}");
            }
        }
    }
    let mut server = start_server(move |_| running()).await;
    let mut session = SessionClient::open(&server).await;
    session.send(START).await;
    next_request(&mut server).await;
    session.send(START).await;
    let (error, code) = session.end().await;
    assert!(error.unwrap()["error"].as_str().unwrap().contains("one at a time"));
    assert_eq!((code, server.observe().await), (CloseCode::Policy, Observation::Disconnect));
}

fn handshake(headers: &[&str]) -> Vec<u8> {
    let mut head = "GET /api/session HTTP/1.1\r\nHost: localhost:3000\r\n".to_owned();
    for header in headers {
        head.push_str(header);
        head.push_str("\r\n");
    }
    format!("{head}\r\n").into_bytes()
}

const UPGRADE: [&str; 4] = [
    "Connection: keep-alive, Upgrade",
    "Upgrade: WebSocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];

/// Sends bytes after a handshake, and reads until the server closes the connection.
async fn raw(server: &TestServer, bytes: &[u8]) -> Vec<u8> {
    let exchange = async {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(&handshake(&UPGRADE)).await.unwrap();
        // The server may close the connection while the client is still sending.
        let _ = stream.write_all(bytes).await;
        let mut received = Vec::new();
        let _ = stream.read_to_end(&mut received).await;
        received
    };
    let received = timeout(TIMEOUT, exchange).await.expect("the server closes the connection");
    let head = received.windows(4).position(|window| window == b"\r\n\r\n").expect("an answer") + 4;
    let response = String::from_utf8(received[..head].to_vec()).unwrap();
    assert!(response.starts_with("HTTP/1.1 101 "), "{response}");
    assert!(response.contains("sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{response}");
    received[head..].to_vec()
}

/// Returns a masked frame with any first byte.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..126 => frame.push(0x80 | u8::try_from(length).unwrap()),
        length => {
            frame.push(0x80 | 127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

#[tokio::test]
async fn a_violation_of_the_websocket_protocol_closes_the_session() {
    let server = server_with(|config| config.max_body = ByteCount(4096), |_| hello()).await;
    let many = |first: u8, rest: u8, number: usize, payload: &[u8]| {
        let mut frames = frame(first, payload);
        frames.extend(frame(rest, payload).repeat(number));
        frames
    };
    for (what, bytes, code) in [
        ("an unmasked frame", vec![0x81, 2, b'{', b'}'], 1002_u16),
        ("reserved bits", frame(0xf1, b"{}"), 1002),
        ("an unknown opcode", frame(0x83, b"{}"), 1002),
        ("a fragmented ping", frame(0x09, b""), 1002),
        ("a ping that is too long", frame(0x89, &[0; 126]), 1002),
        ("a continuation of nothing", frame(0x80, b"x"), 1002),
        ("text that is not UTF-8", frame(0x81, b"\xff"), 1007),
        ("a frame that is too long", frame(0x81, &[b' '; 4097]), 1009),
        ("a frame that only announces its length", [&[0x82, 0xff][..], &[0x7f; 8], &[0; 4]].concat(), 1009),
        ("a message that is too long", many(0x01, 0x00, 50, &[b' '; 100]), 1009),
    ] {
        let received = raw(&server, &bytes).await;
        let expected = code.to_be_bytes();
        let close = received.windows(4).any(|window| window[0] == 0x88 && window[2..] == expected);
        assert!(close, "{what}: {received:?}");
        assert_eq!(received.windows(9).any(|window| window == b"too_large"), code == 1009, "{what}");
    }
    // A close frame is answered with a close frame.
    assert_eq!(raw(&server, &frame(0x88, b"\x03\xe8")).await, b"\x88\x02\x03\xe8");
    // Pings are answered.
    let pongs = raw(&server, &[frame(0x89, b"ping").repeat(3), frame(0x88, b"")].concat()).await;
    assert!(pongs.windows(6).any(|window| window == b"\x8a\x04ping"), "{pongs:?}");
    // Half a frame, then the end of the connection.
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(&handshake(&UPGRADE)).await.unwrap();
    stream.write_all(&[0x81]).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut received = Vec::new();
    timeout(TIMEOUT, stream.read_to_end(&mut received))
        .await
        .expect("the server closes the connection")
        .unwrap();
}

#[tokio::test]
async fn invalid_handshakes_are_refused() {
    let server = start_server(|_| hello()).await;
    let without = |number: usize, other: &'static str| {
        let mut headers = UPGRADE;
        headers[number] = other;
        headers
    };
    for (headers, status, code) in [
        (without(0, "Connection: close"), 426, "upgrade_required"),
        (without(1, "Upgrade: h2c"), 426, "upgrade_required"),
        (without(2, "Sec-WebSocket-Version: 8"), 426, "upgrade_required"),
        (without(3, "Sec-WebSocket-Key: short"), 400, "invalid_request"),
        (without(3, "Accept: */*"), 400, "invalid_request"),
    ] {
        let answer = server.request("GET", "/api/session", &headers, b"").await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{headers:?}");
        assert_eq!(answer.header("sec-websocket-version"), (status == 426).then_some("13"));
    }
    let old = server.raw(b"GET /api/session HTTP/1.0\r\nHost: x\r\n\r\n").await;
    assert_eq!(support::parse(&old).status, 426);
    assert_eq!(server.request("POST", "/api/session", &UPGRADE, b"").await.status, 405);
}

#[tokio::test]
async fn only_pages_of_this_host_and_of_allowed_origins_open_sessions() {
    let allow = |origins: &[&str]| {
        let origins = origins.iter().map(|&origin| Origin::try_from(origin.to_owned()).unwrap());
        origins.collect::<Vec<_>>()
    };
    for (allowed, origin, status) in [
        (&[][..], &[][..], 101),
        (&[], &["http://localhost:3000"], 101),
        (&[], &["https://LOCALHOST:3000"], 101),
        (&[], &["http://localhost"], 403),
        (&[], &["http://localhost:3001"], 403),
        (&[], &["http://evil.example"], 403),
        (&[], &["http://localhost:3000.evil.example"], 403),
        (&[], &["http://localhost:3000@evil.example"], 403),
        (&[], &["null"], 403),
        (&[], &[""], 403),
        (&[], &["http://localhost:3000", "http://localhost:3000"], 403),
        (&["https://a.example"], &["https://a.example"], 101),
        (&["https://a.example"], &["http://a.example"], 403),
        (&["https://a.example"], &["https://b.example"], 403),
        (&["*"], &["https://b.example"], 101),
        (&["*"], &["null"], 101),
    ] {
        let origins = allow(allowed);
        let server = server_with(|config| config.allowed_origins = origins, |_| hello()).await;
        let lines: Vec<_> = origin.iter().map(|origin| format!("Origin: {origin}")).collect();
        let mut headers = UPGRADE.to_vec();
        headers.extend(lines.iter().map(String::as_str));
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(&handshake(&headers)).await.unwrap();
        let mut received = [0; 12];
        timeout(TIMEOUT, stream.read_exact(&mut received)).await.unwrap().unwrap();
        assert_eq!(received, format!("HTTP/1.1 {status}").as_bytes(), "{allowed:?} {origin:?}");
    }
}

#[tokio::test]
async fn a_client_that_disconnects_cancels_its_program() {
    for kind in ["close", "drop", "reset"] {
        let mut server = start_server(|_| vec![Step::Send(started()), Step::WaitForDisconnect]).await;
        let mut session = SessionClient::open(&server).await;
        session.send(START).await;
        next_request(&mut server).await;
        match kind {
            "close" => session.0.close(None).await.unwrap(),
            "drop" => drop(session),
            _ => {
                session.0.get_ref().set_zero_linger().unwrap();
                drop(session);
            }
        }
        assert_eq!(server.observe().await, Observation::Disconnect, "{kind}");
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_can_cancel_and_is_disconnected_in_the_end() {
    let mut server = server_with(
        |config| config.timeouts.stall = Duration::from_millis(300),
        |_| vec![Step::FloodUntilReceived, Step::Flood],
    )
    .await;
    let mut session = SessionClient::open(&server).await;
    session.send(START).await;
    next_request(&mut server).await;
    session.send(r#"{"type":"cancel"}"#).await;
    assert_eq!(next_control(&mut server).await, Request::Cancel);
    assert_eq!(server.observe().await, Observation::Disconnect);
}

#[tokio::test]
async fn sessions_have_an_idle_timeout_and_a_maximum_age() {
    type Bound = fn(&mut webd::Config);
    let idle: Bound = |config| config.timeouts.session_idle = Duration::from_millis(50);
    let total: Bound = |config| config.timeouts.session = Duration::from_millis(1500);
    for (bound, starts) in [(idle, false), (idle, true), (total, false)] {
        let server = server_with(bound, |_| hello()).await;
        let mut session = SessionClient::open(&server).await;
        if starts {
            session.send(START).await;
        }
        assert_eq!(session.end().await, (None, CloseCode::Normal));
    }
    let mut server = server_with(total, |_| vec![Step::Send(started()), Step::WaitForDisconnect]).await;
    let mut session = SessionClient::open(&server).await;
    session.send(START).await;
    next_request(&mut server).await;
    assert_eq!(session.end().await, (None, CloseCode::Normal));
    assert_eq!(server.observe().await, Observation::Disconnect);
}

#[tokio::test]
async fn a_client_that_answers_no_pings_is_disconnected() {
    let ping: fn(&mut webd::Config) = |config| config.timeouts.ping = Duration::from_millis(30);
    let mut server = server_with(ping, |_| vec![Step::Send(started()), Step::WaitForDisconnect]).await;
    // The library answers pings when the client reads.
    let mut session = SessionClient::open(&server).await;
    session.send(START).await;
    next_request(&mut server).await;
    let mut pings = 0;
    while pings < 10 {
        pings += usize::from(matches!(session.message().await, Some(Message::Ping(_))));
    }
    // From here on nothing is read, so no ping is answered.
    assert_eq!(server.observe().await, Observation::Disconnect);
}

#[tokio::test]
async fn sessions_count_as_connections_and_as_memory() {
    let server = server_with(|config| config.max_connections = 1.try_into().unwrap(), |_| hello()).await;
    let mut session = SessionClient::open(&server).await;
    let mut second = TcpStream::connect(server.address).await.unwrap();
    second.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    session.send(START).await;
    session.events().await;
    assert_eq!(second.try_read(&mut [0; 1]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    session.0.close(None).await.unwrap();
    let mut received = String::new();
    timeout(TIMEOUT, second.read_to_string(&mut received))
        .await
        .expect("the second connection is served")
        .unwrap();
    assert!(received.contains("webd_sessions 0"), "{received}");

    let server = server_with(|config| config.max_memory = ByteCount(65_535), |_| hello()).await;
    let refused = server.request("GET", "/api/session", &UPGRADE_ONLY, b"").await;
    assert_eq!((refused.status, refused.code().as_str()), (503, "overloaded"));
    // Memory for a session, but neither for an execution nor for a long message.
    let small: fn(&mut webd::Config) = |config| config.max_memory = ByteCount(100_000);
    let server = server_with(small, |_| hello()).await;
    let mut session = SessionClient::open(&server).await;
    session.send(START).await;
    assert_eq!(session.events().await[0]["code"], "overloaded");
    session.0.send(Message::binary(vec![0; 100_000])).await.unwrap();
    let (error, code) = session.end().await;
    assert_eq!((error.unwrap()["code"].as_str(), code), (Some("overloaded"), CloseCode::Again));
}

#[tokio::test]
async fn many_small_messages_are_slowed_down_and_none_is_lost() {
    const MESSAGES: usize = 5500;
    let mut server = start_server(|_| interactive(MESSAGES)).await;
    let mut session = SessionClient::open(&server).await;
    session.send(START).await;
    next_request(&mut server).await;
    let begun = std::time::Instant::now();
    for _ in 0..MESSAGES {
        session.0.feed(Message::binary(&b"x"[..])).await.unwrap();
    }
    session.0.flush().await.unwrap();
    assert_eq!(session.events().await.last().unwrap()["type"], "finished");
    assert!(begun.elapsed() >= Duration::from_millis(400), "500 messages beyond the burst take 0.5 s");
    for _ in 0..MESSAGES {
        assert_eq!(next_control(&mut server).await, Request::Input(Bytes::from_static(b"x")));
    }
}

#[tokio::test]
async fn a_message_in_too_many_fragments_ends_the_session() {
    let small: fn(&mut webd::Config) = |config| config.max_body = ByteCount(1000);
    let server = server_with(small, |_| hello()).await;
    let mut session = SessionClient::open(&server).await;
    let frame = |opcode, fin| Message::Frame(Frame::message(Bytes::new(), OpCode::Data(opcode), fin));
    let mut result = session.0.feed(frame(Data::Binary, false)).await;
    for _ in 0..100_000 {
        if result.is_err() {
            break;
        }
        result = session.0.feed(frame(Data::Continue, false)).await;
    }
    let _ = session.0.flush().await;
    assert_eq!(server.get("/healthz").await.status, 200);
    let (error, code) = session.end().await;
    assert_eq!((error.unwrap()["code"].as_str(), code), (Some("too_large"), CloseCode::Size));
}

#[tokio::test]
async fn a_client_has_a_limited_number_of_sessions() {
    let limit: fn(&mut webd::Config) = |config| config.max_sessions_per_client = 3.try_into().unwrap();
    let server = server_with(limit, |_| hello()).await;
    let mut sessions = Vec::new();
    for _ in 0..3 {
        sessions.push(SessionClient::open(&server).await);
    }
    let refused = server.request("GET", "/api/session", &UPGRADE_ONLY, b"").await;
    assert_eq!((refused.status, refused.code().as_str()), (429, "busy"));
    assert!(refused.text().contains("this client has 3 open sessions"), "{}", refused.text());
    assert_eq!(server.get("/healthz").await.status, 200);
    sessions.pop().unwrap().0.close(None).await.unwrap();
    let opened = async {
        loop {
            let stream = TcpStream::connect(server.address).await.unwrap();
            match client_async("ws://localhost/api/session", stream).await {
                Ok(session) => return session,
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    };
    timeout(TIMEOUT, opened).await.expect("a session that ends makes room");
}

#[tokio::test]
async fn an_idle_session_makes_room_and_a_running_one_stays() {
    let limit: fn(&mut webd::Config) = |config| config.max_connections = 2.try_into().unwrap();
    let mut server = server_with(limit, |_| interactive(1)).await;
    let mut running = SessionClient::open(&server).await;
    running.send(START).await;
    next_request(&mut server).await;
    let idle = SessionClient::open(&server).await;
    assert_eq!(server.get("/healthz").await.status, 200);
    let (error, code) = idle.end().await;
    assert_eq!((error.unwrap()["code"].as_str(), code), (Some("busy"), CloseCode::Again));
    running.send(r#"{"type":"end_of_input"}"#).await;
    assert_eq!(next_control(&mut server).await, Request::EndOfInput);
    assert_eq!(running.events().await.last().unwrap()["type"], "finished");
}

/// Like [`UPGRADE`], for requests that add `Connection: close`.
const UPGRADE_ONLY: [&str; 4] = ["Connection: Upgrade", UPGRADE[1], UPGRADE[2], UPGRADE[3]];

#[tokio::test]
async fn sessions_are_closed_when_the_server_stops() {
    let mut server = start_server(|_| {
        let mut steps = send_all(one_run(b"late", Status::Exited(0)));
        steps.insert(3, Step::Receive);
        steps
    })
    .await;
    let idle = SessionClient::open(&server).await;
    let mut running = SessionClient::open(&server).await;
    running.send(START).await;
    next_request(&mut server).await;
    server.stop.send(()).unwrap();
    assert_eq!(idle.end().await, (None, CloseCode::Away));
    running.send(r#"{"type":"end_of_input"}"#).await;
    assert_eq!(running.events().await.last().unwrap()["status"], "ok");
    assert_eq!(running.end().await, (None, CloseCode::Away));
    timeout(TIMEOUT, server.server).await.unwrap().unwrap();
}
