//! A state description, satellite blocks and a guest of arbitrary bytes do no harm; see
//! `softsie_tests::run_hostile_state_description`.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    softsie_tests::run_hostile_state_description(bytes);
});
