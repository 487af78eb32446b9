//! Guests made of random bytes and of random valid instructions run without harm to the process.
//! The fuzz target `hostile_guest` drives the same function with coverage guidance.

#![allow(clippy::unwrap_used, clippy::panic)] // a test's helpers may, too

use proptest::prelude::*;
use softsie_isa::ROWS;
use softsie_tests::{run_hostile_guest, run_hostile_state_description};

/// Bytes of an instruction of the table with random operands.
fn instruction() -> impl Strategy<Value = Vec<u8>> {
    (0..ROWS.len(), any::<[u8; 6]>()).prop_map(|(n, random)| {
        let digits: Vec<u8> =
            ROWS[n].opcode.bytes().filter(|b| *b != b'.').map(|b| char::from(b).to_digit(16).unwrap() as u8).collect();
        let mut text = random;
        text[0] = digits[0] << 4 | digits[1];
        match digits.len() {
            3 => text[1] = text[1] & 0xF0 | digits[2],
            4 if ROWS[n].opcode.contains('.') => text[5] = digits[2] << 4 | digits[3],
            4 => text[1] = digits[2] << 4 | digits[3],
            _ => {}
        }
        text[..usize::from(ROWS[n].format.layout().length)].to_vec()
    })
}

/// Runs of each kind; a campaign sets the environment variable `SOFTSIE_HOSTILE_RUNS`.
fn runs() -> u32 {
    std::env::var("SOFTSIE_HOSTILE_RUNS").ok().and_then(|v| v.parse().ok()).unwrap_or(3000)
}

proptest! {
    // A guest of a guest that does not end by itself is interrupted after a millisecond.
    #![proptest_config(ProptestConfig::with_cases(runs() / 10))]

    #[test]
    fn random_state_descriptions_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..1200)) {
        run_hostile_state_description(&bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(runs()))]

    #[test]
    fn random_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        run_hostile_guest(&bytes);
    }

    #[test]
    fn random_instructions_do_no_harm(
        head in prop::collection::vec(any::<u8>(), 202),
        code in prop::collection::vec(instruction(), 1..40),
    ) {
        let mut bytes = head;
        bytes.extend(code.concat());
        run_hostile_guest(&bytes);
    }
}
