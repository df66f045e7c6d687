//! Decodes untrusted bytes as a request: they are rejected, or they survive encoding and decoding.

#![no_main]
#![forbid(unsafe_code)]

use libfuzzer_sys::fuzz_target;
use protocol::Request;
use protocol::codec::{decode, encode};

fuzz_target!(|frame: &[u8]| {
    if let Ok(message) = decode::<Request>(frame) {
        let again = encode(&message).expect("a decoded message fits in a frame");
        assert_eq!(decode::<Request>(&again).expect("encoded bytes are valid"), message);
    }
});
