//! Any text disassembles, and what the assembler makes of the disassembly disassembles to the same again.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let d = softsie_isa::disassemble_bytes(bytes, 0x1000);
    if let Ok(again) = softsie_isa::assemble(d.text(), 0x1000) {
        assert_eq!(softsie_isa::disassemble_bytes(&again, 0x1000).text(), d.text());
    }
});
