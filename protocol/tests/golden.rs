//! The bytes of every message, as fixed by this version of the protocol.
//!
//! A difference means that an older client and a newer daemon are incompatible: raise `protocol::VERSION`, then update
//! the table with `UPDATE_GOLDEN=1 cargo test -p protocol --test golden`.

#![forbid(unsafe_code)]

mod samples;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use bytes::BytesMut;
use protocol::codec::{Frames, decode, encode};
use protocol::{Event, Hello, Request};
use serde::Serialize;
use tokio_util::codec::Encoder;

const HOW: &str = "UPDATE_GOLDEN=1 cargo test -p protocol --test golden";

#[test]
fn every_message_has_the_bytes_it_always_had() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden.txt");
    let now = table();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &now).unwrap();
        return;
    }
    let then = std::fs::read_to_string(&path).unwrap_or_default();
    for (then, now) in then.lines().zip(now.lines()) {
        assert_eq!(
            then, now,
            "the bytes of a message changed; if that is intended, raise VERSION and run: {HOW}"
        );
    }
    assert_eq!(then.lines().count(), now.lines().count(), "a message was added or removed; run: {HOW}");
}

#[test]
fn every_golden_message_decodes_to_what_it_was() {
    for (name, request) in samples::requests() {
        assert_eq!(decode::<Request>(&bytes(&request)).unwrap(), request, "{name}");
    }
    for (name, event) in samples::events() {
        assert_eq!(decode::<Event>(&bytes(&event)).unwrap(), event, "{name}");
    }
    assert_eq!(decode::<Hello>(&bytes(&Hello::CURRENT)).unwrap(), Hello::CURRENT);
}

/// Fails if a variant was added without a sample: the first tag without a sample must be unknown to the decoder.
#[test]
fn no_variant_is_missing_from_the_table() {
    let requests: Vec<_> = samples::requests().iter().map(|(_, request)| bytes(request)).collect();
    check_variants::<Request>(&requests);
    let signals: Vec<_> = samples::signals().iter().map(|(_, signal)| bytes(signal)).collect();
    check_variants::<protocol::ProgramSignal>(&signals);
    let events: Vec<_> = samples::events().iter().map(|(_, event)| bytes(event)).collect();
    check_variants::<Event>(&events);
    let rejected: Vec<_> = samples::rejections().iter().map(|(_, rejection)| bytes(rejection)).collect();
    check_variants::<protocol::Rejection>(&rejected);
    let statuses: Vec<_> = samples::statuses().iter().map(|(_, status)| bytes(status)).collect();
    check_variants::<protocol::Status>(&statuses);
}

fn check_variants<T: serde::de::DeserializeOwned + std::fmt::Debug>(samples: &[Vec<u8>]) {
    let tags: BTreeSet<u32> = samples
        .iter()
        .map(|sample| u32::from_le_bytes(sample[..4].try_into().expect("a tag has four bytes")))
        .collect();
    let first_without = (0..).find(|tag| !tags.contains(tag)).expect("there are fewer variants than tags");
    let refusal = decode::<T>(&first_without.to_le_bytes()).expect_err("an unknown variant").to_string();
    assert!(refusal.contains("variant"), "no sample of variant {first_without}: {refusal}");
}

fn table() -> String {
    let mut table = String::new();
    line(&mut table, "hello", &bytes(&Hello::CURRENT));
    line(&mut table, "hello.framed", &framed(Hello::CURRENT));
    for (name, request) in samples::requests() {
        line(&mut table, name, &bytes(&request));
    }
    line(&mut table, "request.cancel.framed", &framed(Request::Cancel));
    for (name, event) in samples::events() {
        line(&mut table, name, &bytes(&event));
    }
    table
}

fn line(table: &mut String, name: &str, bytes: &[u8]) {
    write!(table, "{name} = ").expect("a string takes everything");
    for byte in bytes {
        write!(table, "{byte:02x}").expect("a string takes everything");
    }
    table.push('\n');
}

fn bytes<T: Serialize>(message: &T) -> Vec<u8> {
    encode(message).expect("a sample fits in a frame")
}

fn framed<T: Serialize>(message: T) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    let mut frames: Frames<(), T> = Frames::hello().after_hello();
    frames.encode(message, &mut bytes).expect("a sample fits in a frame");
    bytes.to_vec()
}
