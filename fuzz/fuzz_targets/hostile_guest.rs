//! A guest of arbitrary bytes does no harm; see `softsie_tests::run_hostile_guest`.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    softsie_tests::run_hostile_guest(bytes);
});
