//! Bytes of a stranger as a frame with a request: refused or understood, and what is understood has one meaning.

#![no_main]
#![forbid(unsafe_code)]

use libfuzzer_sys::fuzz_target;
use protocol::Request;
use protocol::codec::{decode, encode};

fuzz_target!(|frame: &[u8]| {
    if let Ok(message) = decode::<Request>(frame) {
        let again = encode(&message).expect("what came in a frame fits in one");
        assert_eq!(decode::<Request>(&again).expect("our own bytes are understood"), message);
    }
});
