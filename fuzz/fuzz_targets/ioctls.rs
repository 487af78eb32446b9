//! A client that makes arbitrary ioctls does no harm; see `softsie_tests::run_random_ioctls`.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = softsie_tests::run_random_ioctls(bytes);
});
