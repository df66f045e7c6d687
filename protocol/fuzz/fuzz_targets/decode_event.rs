//! Decodes untrusted bytes as an event: they are rejected, or they survive encoding and decoding.

#![no_main]
#![forbid(unsafe_code)]

use libfuzzer_sys::fuzz_target;
use protocol::Event;
use protocol::codec::{decode, encode};

fuzz_target!(|frame: &[u8]| {
    if let Ok(message) = decode::<Event>(frame) {
        let again = encode(&message).expect("a decoded message fits in a frame");
        assert_eq!(decode::<Event>(&again).expect("encoded bytes are valid"), message);
    }
});
