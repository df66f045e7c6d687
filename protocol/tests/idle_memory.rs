//! A connection that has sent or received large messages keeps no memory for them.
//!
//! The only test in its binary, because it measures the allocations of the whole process.

#![forbid(unsafe_code)]

mod samples;

use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt};
use peak_alloc::PeakAlloc;
use protocol::codec::Frames;
use protocol::{Client, Event, Hello, Request, SourceFile};
use tokio::net::UnixListener;
use tokio_util::codec::{Decoder, Encoder, Framed};

#[global_allocator]
static ALLOCATIONS: PeakAlloc = PeakAlloc;

/// A chunk of output in each buffer of both ends of a connection.
const ALLOWED: usize = 512 * 1024;
const LARGE: usize = 4 * 1024 * 1024 - 1024;

#[tokio::test(flavor = "current_thread")]
async fn large_messages_leave_no_large_buffers() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("executord.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut frames = Framed::new(stream, Frames::hello());
        frames.send(Hello::CURRENT).await.unwrap();
        frames.next().await.unwrap().unwrap();
        let mut frames: Framed<_, Frames<Request, Event>> = frames.map_codec(Frames::after_hello);
        while let Some(request) = frames.next().await {
            drop(request.unwrap());
            frames.send(Event::CheckDone).await.unwrap();
        }
    });
    let mut client = Client::connect(&socket).await.unwrap();
    client.send(Request::Status).await.unwrap();
    client.event().await.unwrap();
    let before = ALLOCATIONS.current_usage();
    client.send(large()).await.unwrap();
    client.event().await.unwrap();
    check("a connection", before);

    // The next message arrives with the end of the large one.
    let mut wire = BytesMut::new();
    let mut frames: Frames<Request, Request> = Frames::hello().after_hello();
    frames.encode(large(), &mut wire).unwrap();
    frames.encode(Request::Status, &mut wire).unwrap();
    for _ in 0..2 {
        frames.decode(&mut wire).unwrap().unwrap();
    }
    check("two messages in a buffer", before);
}

fn large() -> Request {
    let mut request = samples::smallest_request();
    request.files = vec![SourceFile { path: None, content: Bytes::from(vec![b'x'; LARGE]) }];
    Request::Execute(Box::new(request))
}

fn check(what: &str, before: usize) {
    let kept = ALLOCATIONS.current_usage().saturating_sub(before);
    assert!(kept <= ALLOWED, "{what} keeps {kept} bytes");
}
