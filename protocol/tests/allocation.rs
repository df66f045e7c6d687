//! A forged length allocates no more memory than a frame can hold.
//!
//! The only test in its binary, because it measures the allocations of the whole process.

#![forbid(unsafe_code)]

mod samples;

use peak_alloc::PeakAlloc;
use protocol::bounds::MAX_FRAME;
use protocol::codec::{decode, encode};
use protocol::{Event, Request};
use serde::de::DeserializeOwned;

#[global_allocator]
static ALLOCATIONS: PeakAlloc = PeakAlloc;

/// One buffer as long as a frame, and lists within their bounds.
const ALLOWED: usize = MAX_FRAME + 4 * 1024 * 1024;

#[test]
fn a_forged_length_allocates_no_more_than_a_frame() {
    let mut most = 0;
    for (name, request) in samples::requests() {
        most = most.max(forge_everywhere::<Request>(name, &encode(&request).unwrap()));
    }
    for (name, event) in samples::events() {
        most = most.max(forge_everywhere::<Event>(name, &encode(&event).unwrap()));
    }
    // If no forged length were ever used as a length, the test would prove nothing.
    assert!(most >= MAX_FRAME / 2, "the most that was allocated is {most} bytes");
}

fn forge_everywhere<T: DeserializeOwned>(name: &str, message: &[u8]) -> usize {
    let frame = u64::try_from(MAX_FRAME).expect("fits");
    let lengths =
        [u64::MAX, u64::MAX / 2, 1 << 40, 1 << 32, frame + 1, frame, frame - 512, frame / 2, 65_536, 4096];
    let mut most = 0;
    for at in 0..message.len().saturating_sub(7) {
        for length in lengths {
            let mut forged = message.to_vec();
            forged[at..at + 8].copy_from_slice(&length.to_le_bytes());
            most = most.max(cost::<T>(name, &forged));
            // The same in a longer frame, in which some of the forged length arrives.
            forged.resize(forged.len() + 4096, 0);
            most = most.max(cost::<T>(name, &forged));
        }
    }
    most
}

fn cost<T: DeserializeOwned>(name: &str, frame: &[u8]) -> usize {
    ALLOCATIONS.reset_peak_usage();
    let before = ALLOCATIONS.current_usage();
    drop(decode::<T>(frame));
    let cost = ALLOCATIONS.peak_usage().saturating_sub(before);
    assert!(cost <= ALLOWED, "{name}: {cost} bytes allocated for a frame of {}", frame.len());
    cost
}
