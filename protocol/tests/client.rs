//! The client against everything that can listen on its socket.

#![forbid(unsafe_code)]

use std::future::Future;
use std::path::Path;

use bytes::BytesMut;
use futures_util::{SinkExt, StreamExt};
use protocol::bounds::FRAME_TIMEOUT;
use protocol::codec::{Frames, MAGIC, VERSION};
use protocol::{Client, ClientError, Event, Hello, Rejection, Request};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio_util::codec::{Encoder, Framed};

#[tokio::test]
async fn requests_and_events_follow_the_hello() {
    let (_directory, client) = against(|stream| async {
        let mut frames = greet(stream).await;
        assert_eq!(frames.next().await.unwrap().unwrap(), Request::Status);
        frames.send(Event::Queued { position: 0 }).await.unwrap();
        frames.send(Event::CheckDone).await.unwrap();
    })
    .await;
    let mut client = client.unwrap();
    client.send(Request::Status).await.unwrap();
    assert_eq!(client.event().await.unwrap(), Event::Queued { position: 0 });
    assert_eq!(client.event().await.unwrap(), Event::CheckDone);
    assert!(matches!(client.event().await, Err(ClientError::Closed)));
}

#[tokio::test]
async fn an_event_in_the_same_packet_as_the_hello_is_not_lost() {
    let busy = Event::Rejected(Rejection::Forbidden("not you".into()));
    let (_directory, client) = against(move |mut stream| async move {
        let mut wire = BytesMut::new();
        let mut hello = Frames::hello();
        hello.encode(Hello::CURRENT, &mut wire).unwrap();
        let mut frames: Frames<Request, Event> = hello.after_hello();
        frames.encode(Event::Rejected(Rejection::Forbidden("not you".into())), &mut wire).unwrap();
        stream.write_all(&wire).await.unwrap();
    })
    .await;
    assert_eq!(client.unwrap().event().await.unwrap(), busy);
}

#[tokio::test]
async fn a_missing_socket_is_reported() {
    let directory = tempfile::tempdir().unwrap();
    let error = Client::connect(&directory.path().join("none.sock")).await.unwrap_err();
    assert!(matches!(&error, ClientError::Connect { .. }), "{error}");
    assert!(error.to_string().contains("none.sock"), "{error}");
}

#[tokio::test]
async fn a_listener_that_is_not_executord_is_recognized() {
    check_greeting(b"\0\0\0\x0aexecutoR\x01\0", |error| matches!(error, ClientError::NotExecutord)).await;
    check_greeting(b"\0\0\0\x04abcd", |error| matches!(error, ClientError::NotExecutord)).await;
    check_greeting(b"SSH-2.0-OpenSSH_9.2\r\n", |error| matches!(error, ClientError::NotExecutord)).await;
    check_greeting(b"HTTP/1.1 400 Bad Request\r\n\r\n", |error| matches!(error, ClientError::NotExecutord))
        .await;
}

#[tokio::test]
async fn another_version_is_reported() {
    let theirs = VERSION + 1;
    let greeting = [b"\0\0\0\x0a", &MAGIC[..], &theirs.to_le_bytes()].concat();
    check_greeting(
        &greeting,
        |error| matches!(error, ClientError::Version { theirs: reported } if *reported == theirs),
    )
    .await;
}

#[tokio::test]
async fn a_daemon_that_closes_the_connection_is_reported() {
    check_greeting(b"", |error| matches!(error, ClientError::Closed)).await;
    let (_directory, client) = against(|stream| async { drop(stream) }).await;
    assert!(matches!(client.unwrap_err(), ClientError::Closed));
}

#[tokio::test]
async fn a_daemon_that_closes_the_connection_within_an_event_is_reported() {
    let (_directory, client) = against(|stream| async {
        let frames = greet(stream).await;
        let mut stream = frames.into_inner();
        stream.write_all(&[0, 0, 0, 9, 3, 0]).await.unwrap();
    })
    .await;
    assert!(matches!(client.unwrap().event().await, Err(ClientError::Codec(_))));
}

#[tokio::test(start_paused = true)]
async fn a_daemon_that_never_answers_is_reported() {
    let (_directory, client) = against(|mut stream| async move {
        // Reads everything and writes nothing until the client gives up.
        stream.read_to_end(&mut Vec::new()).await.unwrap();
    })
    .await;
    assert!(matches!(client.unwrap_err(), ClientError::Timeout(FRAME_TIMEOUT)));
}

#[tokio::test]
async fn the_daemon_notices_a_client_that_disconnects() {
    let (seen, hung_up) = tokio::sync::oneshot::channel();
    let (_directory, client) = against(|stream| async {
        let mut frames = greet(stream).await;
        assert!(frames.next().await.is_none());
        seen.send(()).unwrap();
    })
    .await;
    drop(client.unwrap());
    hung_up.await.unwrap();
}

/// Checks the result of [`Client::connect`] with a listener that reads the hello, sends `greeting` and closes.
async fn check_greeting(greeting: &[u8], expected: impl Fn(&ClientError) -> bool) {
    let bytes = greeting.to_vec();
    let (_directory, client) = against(|mut stream| async move {
        stream.read_exact(&mut [0; 14]).await.expect("our hello");
        stream.write_all(&bytes).await.expect("room in the socket");
    })
    .await;
    let error = client.expect_err("the greeting is not that of executord");
    assert!(expected(&error), "{:?}: {error:?}", String::from_utf8_lossy(greeting));
}

/// Returns a client of a listener that serves its first connection with `daemon`.
async fn against<F>(
    daemon: impl FnOnce(UnixStream) -> F + Send + 'static,
) -> (TempDir, Result<Client, ClientError>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let directory = tempfile::tempdir().expect("a temporary directory");
    let socket = directory.path().join("executord.sock");
    let listener = bind(&socket);
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("the client connects");
        drop(listener);
        daemon(stream).await;
    });
    (directory, Client::connect(&socket).await)
}

fn bind(socket: &Path) -> UnixListener {
    UnixListener::bind(socket).expect("a socket in an empty directory")
}

async fn greet(stream: UnixStream) -> Framed<UnixStream, Frames<Request, Event>> {
    let mut frames = Framed::new(stream, Frames::hello());
    assert_eq!(frames.next().await.expect("a hello").expect("a hello"), Hello::CURRENT);
    frames.send(Hello::CURRENT).await.expect("the client reads");
    frames.map_codec(Frames::after_hello)
}
