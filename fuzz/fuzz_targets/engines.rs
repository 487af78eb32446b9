//! Random sequences of instructions end alike in the interpreter and in emitted code; the bytes are the generator's first
//! decisions. See `softsie_tests::differential`.
#![no_main]
use softsie_tests::differential::{Random, engines_agree};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Err(difference) = engines_agree(Random::given(bytes), 4) {
        panic!("{difference}");
    }
});
