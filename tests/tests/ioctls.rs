//! Clients that make random ioctls come to no harm. The fuzz target `ioctls` drives the same function with coverage guidance.

#![allow(clippy::unwrap_used)]

use softsie_tests::{run_random_ioctls, run_random_ioctls_on};

/// Calls in all; a campaign sets the environment variable `SOFTSIE_IOCTLS`.
fn wanted() -> usize {
    std::env::var("SOFTSIE_IOCTLS").ok().and_then(|v| v.parse().ok()).unwrap_or(60_000)
}

/// The first seed; a campaign takes another one for each of its parts.
fn seed() -> u64 {
    std::env::var("SOFTSIE_IOCTLS_SEED").ok().and_then(|v| v.parse().ok()).unwrap_or(1)
}

#[test]
fn random_ioctls_do_no_harm() {
    // A device node, in a process with the preload library.
    let door = std::env::var_os("SOFTSIE_DOOR");
    let (mut done, mut seed) = (0, seed());
    while done < wanted() {
        // A linear congruence is random enough, and the same everywhere.
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let bytes: Vec<u8> = (0..40_000)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 56) as u8
            })
            .collect();
        done += match &door {
            None => run_random_ioctls(&bytes),
            Some(node) => run_random_ioctls_on(node.as_ref(), &bytes),
        }
        .unwrap();
        seed += 1;
    }
}
