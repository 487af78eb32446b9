//! Explicit trace entries: they hold the time of day, so that no case file can show them.
//! Source: Principles of Operation, chapter 4, Tracing; chapter 10: TRACE.

#![allow(clippy::unwrap_used)] // helpers of tests

use softsie_cpu::Psw;
use softsie_isa::assemble;
use softsie_tests::{Bare, Step};

/// Executes one instruction with register n holding n times 0x1000000010, the operand at 2000 and `room` bytes of trace table before 6000.
fn traced(text: &str, room: u64) -> (Step, u64, Vec<u8>) {
    let mut bare = Bare::new();
    for n in 0..16 {
        bare.cpu.gr[n] = n as u64 * 0x10_0000_0010;
    }
    bare.cpu.gr[3] = 0x2000;
    bare.cpu.cr[12] = (0x6000 - room) | 1;
    bare.cpu.write_absolute(0x2000, &0x7654_3210u32.to_be_bytes()).unwrap();
    bare.cpu.write_absolute(0x1000, &assemble(text, 0x1000).unwrap()).unwrap();
    bare.cpu.psw.mask = 0x1_8000_0000;
    bare.cpu.psw.address = 0x1000;
    bare.cpu.set_psw(bare.cpu.current_psw());
    let step = bare.step();
    let storage = bare.storage();
    (step, bare.cpu.cr[12], storage[(0x6000 - room) as usize..0x6000].to_vec())
}

#[test]
fn branches_by_execute_are_traced() {
    let mut bare = Bare::new();
    bare.cpu.write_absolute(0x1000, &assemble("ex %r0,0(%r3)", 0x1000).unwrap()).unwrap();
    bare.cpu.write_absolute(0x2000, &assemble("basr %r1,%r2", 0x2000).unwrap()).unwrap();
    bare.cpu.cr[12] = 1 << 63 | 0x5000;
    (bare.cpu.gr[2], bare.cpu.gr[3]) = (0xA000, 0x2000);
    bare.cpu.set_psw(Psw::new(0x1_8000_0000, 0x1000));
    assert_eq!(bare.step(), Step::Done);
    assert_eq!((bare.cpu.psw.address, bare.cpu.gr[1], bare.cpu.cr[12]), (0xA000, 0x1004, 1 << 63 | 0x5004));
    assert_eq!(number(&bare.storage()[0x5000..0x5004]), 0x8000_A000);
}

/// LCTLG 12,12,0(3) ahead of a BASR in the same page: what was decoded before tracing was on does not count.
#[test]
fn tracing_begins_after_the_instruction_that_turns_it_on() {
    let mut bare = Bare::new();
    let text =
        [&assemble("lctlg %c12,%c12,0(%r3)", 0).unwrap()[..], &assemble("basr %r1,%r2", 0).unwrap()[..]].concat();
    bare.cpu.write_absolute(0x1000, &text).unwrap();
    (bare.cpu.gr[2], bare.cpu.gr[3]) = (0x1000, 0x2000);
    for (control, traced) in [(0x5000u64, 0u128), (1 << 63 | 0x5000, 0x8000_1000), (0x5004, 0x8000_1000)] {
        bare.cpu.write_absolute(0x2000, &control.to_be_bytes()).unwrap();
        bare.cpu.set_psw(Psw::new(0x1_8000_0000, 0x1000));
        assert_eq!((bare.step(), bare.step()), (Step::Done, Step::Done));
        assert_eq!(bare.cpu.psw.address, 0x1000);
        assert_eq!(number(&bare.storage()[0x5000..0x5008]) >> 32, traced);
    }
}

fn number(bytes: &[u8]) -> u128 {
    bytes.iter().fold(0, |v, b| v << 8 | u128::from(*b))
}

#[test]
fn trace_stores_right_halves_of_registers_that_wrap_around() {
    let (step, control, entry) = traced("trace %r15,%r1,0(%r3)", 0x100);
    assert_eq!((step, control), (Step::Done, (0x5F00 + 24) | 1));
    // Registers 15, 0 and 1: one less than their number.
    assert_eq!(entry[..2], [0x72, 0]);
    // Bits 16-63 of the clock: some time, later at the next entry.
    assert_ne!(number(&entry[2..8]), 0);
    assert_eq!(number(&entry[8..24]), 0x7654_3210_0000_00F0_0000_0000_0000_0010);
    assert!(entry[24..].iter().all(|b| *b == 0));
}

#[test]
fn tracg_stores_whole_registers() {
    let (step, control, entry) = traced("tracg %r4,%r5,0(%r3)", 0x100);
    assert_eq!((step, control), (Step::Done, (0x5F00 + 32) | 1));
    assert_eq!(entry[..2], [0x71, 0x80]);
    assert_ne!(number(&entry[2..10]), 0);
    assert_eq!(number(&entry[10..16]), 0x7654_3210);
    assert_eq!(number(&entry[16..32]), 0x00000040000000400000005000000050);
}

#[test]
fn the_clock_control_replaces_a_byte_of_the_operand() {
    let mut bare = Bare::new();
    bare.cpu.write_absolute(0x1000, &assemble("trace %r1,%r1,0(%r3)", 0x1000).unwrap()).unwrap();
    bare.cpu.write_absolute(0x2000, &0x7654_3210u32.to_be_bytes()).unwrap();
    (bare.cpu.cr[12], bare.cpu.gr[3]) = (0x5001, 0x2000);
    bare.cpu.cr[0] |= 1 << 31;
    bare.cpu.set_psw(Psw::new(0x1_8000_0000, 0x1000));
    assert_eq!(bare.step(), Step::Done);
    assert_eq!(number(&bare.storage()[0x5008..0x500C]), 0x7600_3210);
}

#[test]
fn the_clock_goes_on_between_entries() {
    let clock = || number(&traced("tracg %r4,%r4,0(%r3)", 0x100).2[2..10]);
    assert!(clock() < clock());
}
