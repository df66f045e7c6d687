//! `GET /api/session`: talking to a program while it runs, and everything that can be said wrong.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on panics")]

mod support;

use std::num::NonZeroU16;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use protocol::bounds::MAX_INPUT_CHUNK;
use protocol::{ByteCount, Event, ProgramSignal, Rejection, Request, Status, Stdin, TerminalSize};
use serde_json::{Value, json};
use support::{PATIENCE, Seen, Step, World, hello, one_run, say, started, world, world_with};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};
use webd::Origin;

const START: &str = r#"{"type":"start","language":"python","code":"1"}"#;

/// A client that knows what a WebSocket is.
struct Talk(WebSocketStream<TcpStream>);

impl Talk {
    async fn open(world: &World) -> Self {
        let stream = TcpStream::connect(world.address).await.unwrap();
        let (socket, _) = client_async("ws://localhost/api/session", stream).await.unwrap();
        Self(socket)
    }

    async fn say(&mut self, frame: impl Into<String>) {
        self.0.send(Message::text(frame.into())).await.unwrap();
    }

    async fn message(&mut self) -> Option<Message> {
        match timeout(PATIENCE, self.0.next()).await.expect("something is said")? {
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

    /// Events up to the last of an execution.
    async fn events(&mut self) -> Vec<Value> {
        let mut events = vec![];
        loop {
            events.push(self.event().await);
            if matches!(events.last().unwrap()["type"].as_str(), Some("finished" | "error")) {
                return events;
            }
        }
    }

    /// The code with which the server closes, and the error it tells before.
    async fn end(mut self) -> (Option<Value>, CloseCode) {
        let mut told = None;
        loop {
            match self.message().await {
                Some(Message::Text(text)) => {
                    told = serde_json::from_str::<Value>(&text)
                        .ok()
                        .filter(|event| event["type"] == "error")
                        .or(told);
                }
                Some(Message::Close(Some(frame))) => return (told, frame.code),
                Some(Message::Ping(_)) => {}
                other => panic!("{other:?} instead of a close"),
            }
        }
    }
}

fn talked_to(number: usize) -> Vec<Step> {
    let mut steps = vec![Step::Say(started())];
    steps.extend(vec![Step::Hear; number]);
    steps.extend(say(one_run(b"hi\n", Status::Exited(0)).into_iter().skip(1).collect()));
    steps
}

async fn heard(world: &mut World) -> Request {
    match world.saw().await {
        Seen::Heard(request) => request,
        other => panic!("{other:?}"),
    }
}

async fn asked(world: &mut World) -> protocol::ExecuteRequest {
    match world.saw().await {
        Seen::Asked(request) => *request,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_program_is_talked_to_while_it_runs() {
    let mut world = world(|_| talked_to(8)).await;
    let mut talk = Talk::open(&world).await;
    talk.say(
        r#"{"type":"start","language":"python","code":"1","args":["a"],"tty":true,"columns":100,"rows":30}"#,
    )
    .await;
    let request = asked(&mut world).await;
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
        talk.0.send(frame).await.unwrap();
        assert_eq!(heard(&mut world).await, expected);
    }
    let events = talk.events().await;
    let types: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["started", "stage", "output", "stage_finished", "finished"]);
    assert_eq!(events[2], json!({"type": "output", "stream": "stdout", "data": "hi\n"}));
}

#[tokio::test]
async fn the_events_are_those_of_a_live_answer() {
    let world = world(|_| hello()).await;
    let body = r#"{"language":"python","code":"1"}"#;
    let live = world.live("application/x-ndjson", body).await.text();
    let live: Vec<Value> = live.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut talk = Talk::open(&world).await;
    // The connection stays open for one after the other, whatever came of the last.
    for frame in [
        START.to_owned(),
        START.replace('}', r#","runs":[{"stdin":"x"},{}],"encoding":"utf8"}"#),
        r#"{"type":"start","code":"1"}"#.to_owned(),
        START.replace('}', r#","stdin":"x"}"#),
    ] {
        talk.say(frame.clone()).await;
        let events = talk.events().await;
        if frame.contains("language") {
            assert_eq!(events, live);
        } else {
            assert_eq!(
                events,
                [json!({"type": "error", "error": "`language` is required", "code": "invalid_request"})]
            );
        }
        // Too late for the last one, and not for the next.
        talk.say(r#"{"type":"stdin","data":"late"}"#).await;
        talk.say(r#"{"type":"cancel"}"#).await;
    }
}

#[tokio::test]
async fn what_the_daemon_refuses_leaves_the_session_open() {
    let endings = [
        (vec![Step::Say(Event::Rejected(Rejection::UnknownLanguage))], "unsupported_language"),
        (vec![Step::Say(Event::Rejected(Rejection::Busy { retry_after: Duration::from_secs(2) }))], "busy"),
        (vec![Step::Say(Event::Failed { id: None, message: "lost".to_owned() })], "failed"),
        (vec![Step::Say(started()), Step::HangUp], "unavailable"),
        (vec![Step::HangUp], "unavailable"),
    ];
    for (steps, code) in endings {
        let world = world(move |_| steps.clone()).await;
        let mut talk = Talk::open(&world).await;
        for _ in 0..2 {
            talk.say(START).await;
            assert_eq!(talk.events().await.last().unwrap()["code"], code);
        }
    }
    let world = world_with(|config| config.socket = "/nowhere".into(), |_| vec![]).await;
    let mut talk = Talk::open(&world).await;
    talk.say(START).await;
    assert_eq!(talk.events().await[0]["code"], "unavailable");
}

#[tokio::test]
async fn long_input_goes_on_in_pieces() {
    let mut world = world(|_| vec![Step::Say(started()), Step::Hear, Step::Hear, Step::WaitForHangUp]).await;
    let mut talk = Talk::open(&world).await;
    talk.say(START).await;
    asked(&mut world).await;
    talk.0.send(Message::binary(vec![b'x'; MAX_INPUT_CHUNK + 1])).await.unwrap();
    for length in [MAX_INPUT_CHUNK, 1] {
        assert_eq!(heard(&mut world).await, Request::Input(vec![b'x'; length].into()));
    }
}

#[tokio::test]
async fn a_frame_that_is_none_ends_the_session() {
    let running = || vec![Step::Say(started()), Step::WaitForHangUp];
    for frame in ["", "{", "[]", r#"{"type":"run"}"#, r#"{"type":"cancel","x":1}"#, r#"{"type":"resize"}"#] {
        for is_running in [false, true] {
            let mut world = world(move |_| running()).await;
            let mut talk = Talk::open(&world).await;
            if is_running {
                talk.say(START).await;
                asked(&mut world).await;
            }
            talk.say(frame).await;
            let (error, code) = talk.end().await;
            assert_eq!((error.unwrap()["code"].as_str(), code), (Some("invalid_request"), CloseCode::Policy));
            if is_running {
                assert_eq!(world.saw().await, Seen::HungUp, "{frame}");
            }
        }
    }
    let mut world = world(move |_| running()).await;
    let mut talk = Talk::open(&world).await;
    talk.say(START).await;
    asked(&mut world).await;
    talk.say(START).await;
    let (error, code) = talk.end().await;
    assert!(error.unwrap()["error"].as_str().unwrap().contains("one at a time"));
    assert_eq!((code, world.saw().await), (CloseCode::Policy, Seen::HungUp));
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

/// Send these bytes behind a handshake, and read until the server closes.
async fn raw(world: &World, bytes: &[u8]) -> Vec<u8> {
    let exchange = async {
        let mut stream = TcpStream::connect(world.address).await.unwrap();
        stream.write_all(&handshake(&UPGRADE)).await.unwrap();
        // The server may have enough while we still speak.
        let _ = stream.write_all(bytes).await;
        let mut came = Vec::new();
        let _ = stream.read_to_end(&mut came).await;
        came
    };
    let came = timeout(PATIENCE, exchange).await.expect("the server closes");
    let head = came.windows(4).position(|window| window == b"\r\n\r\n").expect("an answer") + 4;
    let words = String::from_utf8(came[..head].to_vec()).unwrap();
    assert!(words.starts_with("HTTP/1.1 101 "), "{words}");
    assert!(words.contains("sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{words}");
    came[head..].to_vec()
}

/// A masked frame; all its bits are the caller's.
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
async fn what_is_no_websocket_is_not_listened_to() {
    let world = world_with(|config| config.max_body = ByteCount(4096), |_| hello()).await;
    let many = |first: u8, rest: u8, number: usize, payload: &[u8]| {
        let mut frames = frame(first, payload);
        frames.extend(frame(rest, payload).repeat(number));
        frames
    };
    for (what, bytes, code) in [
        ("an unmasked frame", vec![0x81, 2, b'{', b'}'], 1002_u16),
        ("reserved bits", frame(0xf1, b"{}"), 1002),
        ("an operation that there is not", frame(0x83, b"{}"), 1002),
        ("a ping in pieces", frame(0x09, b""), 1002),
        ("a ping that is too long", frame(0x89, &[0; 126]), 1002),
        ("a continuation of nothing", frame(0x80, b"x"), 1002),
        ("text that is none", frame(0x81, b"\xff"), 1007),
        ("a frame that is too long", frame(0x81, &[b' '; 4097]), 1009),
        ("one that only says so", [&[0x82, 0xff][..], &[0x7f; 8], &[0; 4]].concat(), 1009),
        ("a message that is too long", many(0x01, 0x00, 50, &[b' '; 100]), 1009),
    ] {
        let came = raw(&world, &bytes).await;
        let expected = code.to_be_bytes();
        let close = came.windows(4).any(|window| window[0] == 0x88 && window[2..] == expected);
        assert!(close, "{what}: {came:?}");
        assert_eq!(came.windows(9).any(|window| window == b"too_large"), code == 1009, "{what}");
    }
    // A close is answered by a close.
    assert_eq!(raw(&world, &frame(0x88, b"\x03\xe8")).await, b"\x88\x02\x03\xe8");
    // Pings are answered as long as somebody reads.
    let pongs = raw(&world, &[frame(0x89, b"ping").repeat(3), frame(0x88, b"")].concat()).await;
    assert!(pongs.windows(6).any(|window| window == b"\x8a\x04ping"), "{pongs:?}");
    // Half a frame, and then nothing.
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    stream.write_all(&handshake(&UPGRADE)).await.unwrap();
    stream.write_all(&[0x81]).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut came = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut came)).await.expect("the server closes").unwrap();
}

#[tokio::test]
async fn a_handshake_is_taken_or_refused() {
    let world = world(|_| hello()).await;
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
        let answer = world.request("GET", "/api/session", &headers, b"").await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{headers:?}");
        assert_eq!(answer.header("sec-websocket-version"), Some("13"));
    }
    let old = world.raw(b"GET /api/session HTTP/1.0\r\nHost: x\r\n\r\n").await;
    assert_eq!(support::parse(&old).status, 426);
    assert_eq!(world.request("POST", "/api/session", &UPGRADE, b"").await.status, 405);
}

#[tokio::test]
async fn only_our_pages_and_allowed_ones_open_sessions() {
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
        let world = world_with(|config| config.allowed_origins = origins, |_| hello()).await;
        let lines: Vec<_> = origin.iter().map(|origin| format!("Origin: {origin}")).collect();
        let mut headers = UPGRADE.to_vec();
        headers.extend(lines.iter().map(String::as_str));
        let mut stream = TcpStream::connect(world.address).await.unwrap();
        stream.write_all(&handshake(&headers)).await.unwrap();
        let mut came = [0; 12];
        timeout(PATIENCE, stream.read_exact(&mut came)).await.unwrap().unwrap();
        assert_eq!(came, format!("HTTP/1.1 {status}").as_bytes(), "{allowed:?} {origin:?}");
    }
}

#[tokio::test]
async fn a_client_that_goes_ends_its_program() {
    for way in ["close", "drop", "reset"] {
        let mut world = world(|_| vec![Step::Say(started()), Step::WaitForHangUp]).await;
        let mut talk = Talk::open(&world).await;
        talk.say(START).await;
        asked(&mut world).await;
        match way {
            "close" => talk.0.close(None).await.unwrap(),
            "drop" => drop(talk),
            _ => {
                talk.0.get_ref().set_zero_linger().unwrap();
                drop(talk);
            }
        }
        assert_eq!(world.saw().await, Seen::HungUp, "{way}");
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_is_still_heard_and_at_last_dropped() {
    let mut world = world_with(
        |config| config.timeouts.stall = Duration::from_millis(300),
        |_| vec![Step::FloodUntilHeard, Step::Flood],
    )
    .await;
    let mut talk = Talk::open(&world).await;
    talk.say(START).await;
    asked(&mut world).await;
    talk.say(r#"{"type":"cancel"}"#).await;
    assert_eq!(heard(&mut world).await, Request::Cancel);
    assert_eq!(world.saw().await, Seen::HungUp);
}

#[tokio::test]
async fn a_session_does_not_last_for_ever() {
    type Bound = fn(&mut webd::Config);
    let idle: Bound = |config| config.timeouts.session_idle = Duration::from_millis(50);
    let total: Bound = |config| config.timeouts.session = Duration::from_millis(1500);
    for (bound, starts) in [(idle, false), (idle, true), (total, false)] {
        let world = world_with(bound, |_| hello()).await;
        let mut talk = Talk::open(&world).await;
        if starts {
            talk.say(START).await;
        }
        assert_eq!(talk.end().await, (None, CloseCode::Normal));
    }
    let mut world = world_with(total, |_| vec![Step::Say(started()), Step::WaitForHangUp]).await;
    let mut talk = Talk::open(&world).await;
    talk.say(START).await;
    asked(&mut world).await;
    assert_eq!(talk.end().await, (None, CloseCode::Normal));
    assert_eq!(world.saw().await, Seen::HungUp);
}

#[tokio::test]
async fn a_client_without_a_sign_of_life_is_gone() {
    let ping: fn(&mut webd::Config) = |config| config.timeouts.ping = Duration::from_millis(30);
    let mut world = world_with(ping, |_| vec![Step::Say(started()), Step::WaitForHangUp]).await;
    // Whoever reads answers pings without knowing.
    let mut talk = Talk::open(&world).await;
    talk.say(START).await;
    asked(&mut world).await;
    let mut pings = 0;
    while pings < 10 {
        pings += usize::from(matches!(talk.message().await, Some(Message::Ping(_))));
    }
    // Now nobody reads, and nobody answers.
    assert_eq!(world.saw().await, Seen::HungUp);
}

#[tokio::test]
async fn sessions_count_as_connections_and_as_memory() {
    let world = world_with(|config| config.max_connections = 1.try_into().unwrap(), |_| hello()).await;
    let mut talk = Talk::open(&world).await;
    let mut second = TcpStream::connect(world.address).await.unwrap();
    second.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    talk.say(START).await;
    talk.events().await;
    assert_eq!(second.try_read(&mut [0; 1]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    talk.0.close(None).await.unwrap();
    let mut came = String::new();
    timeout(PATIENCE, second.read_to_string(&mut came)).await.expect("its turn").unwrap();
    assert!(came.contains("webd_sessions 0"), "{came}");

    let world = world_with(|config| config.max_memory = ByteCount(65_535), |_| hello()).await;
    let refused = world.request("GET", "/api/session", &UPGRADE_ONLY, b"").await;
    assert_eq!((refused.status, refused.code().as_str()), (503, "overloaded"));
    // Room for a session, but neither for an execution nor for a long message.
    let small: fn(&mut webd::Config) = |config| config.max_memory = ByteCount(100_000);
    let world = world_with(small, |_| hello()).await;
    let mut talk = Talk::open(&world).await;
    talk.say(START).await;
    assert_eq!(talk.events().await[0]["code"], "overloaded");
    talk.0.send(Message::binary(vec![0; 100_000])).await.unwrap();
    let (error, code) = talk.end().await;
    assert_eq!((error.unwrap()["code"].as_str(), code), (Some("overloaded"), CloseCode::Again));
}

/// As [`UPGRADE`], where the request closes its connection by itself.
const UPGRADE_ONLY: [&str; 4] = ["Connection: Upgrade", UPGRADE[1], UPGRADE[2], UPGRADE[3]];

#[tokio::test]
async fn a_session_is_told_that_we_stop() {
    let mut world = world(|_| {
        let mut steps = say(one_run(b"late", Status::Exited(0)));
        steps.insert(3, Step::Hear);
        steps
    })
    .await;
    let idle = Talk::open(&world).await;
    let mut running = Talk::open(&world).await;
    running.say(START).await;
    asked(&mut world).await;
    world.stop.send(()).unwrap();
    assert_eq!(idle.end().await, (None, CloseCode::Away));
    running.say(r#"{"type":"end_of_input"}"#).await;
    assert_eq!(running.events().await.last().unwrap()["status"], "ok");
    assert_eq!(running.end().await, (None, CloseCode::Away));
    timeout(PATIENCE, world.server).await.unwrap().unwrap();
}
