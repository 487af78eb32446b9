//! Any text disassembles, and what the assembler makes of the disassembly disassembles to the same again; see
//! `softsie_tests::expect_same_disassembly`.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    softsie_tests::expect_same_disassembly(bytes);
});
