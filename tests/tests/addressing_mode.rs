//! SET ADDRESSING MODE where the new mode cannot address the instruction itself.
//! Source: Principles of Operation, chapter 7, SET ADDRESSING MODE (specification exception).

use softsie_cpu::{ProgramCode, Psw};
use softsie_tests::{Bare, Step};

const REGION_TABLE: u64 = 0x9_0000;
const SEGMENT_TABLE: u64 = 0x8_4000;
const PAGE_TABLE: u64 = 0x8_8000;
const CODE: u64 = 0x3000;

/// Executes the two bytes `text` at virtual address `at` in 64-bit mode. 16 MiB and 2 GiB are mapped to `CODE`.
fn step_at(at: u64, text: [u8; 2]) -> (Step, Bare) {
    let mut bare = Bare::new();
    let cpu = &mut bare.cpu;
    let mut put = |address: u64, value: u64| assert!(cpu.write_absolute(address, &value.to_be_bytes()).is_ok());
    // Both regions have the same segments; segments 0 and 16 the same pages, of which page 0 is the code.
    put(REGION_TABLE, SEGMENT_TABLE | 7);
    put(REGION_TABLE + 8, SEGMENT_TABLE | 7);
    put(SEGMENT_TABLE, PAGE_TABLE);
    put(SEGMENT_TABLE + 16 * 8, PAGE_TABLE);
    put(PAGE_TABLE, CODE);
    assert!(cpu.write_absolute(CODE, &text).is_ok());
    cpu.cr[1] = REGION_TABLE | 7;
    cpu.set_psw(Psw::new(0x0400_0001_8000_0000, at));
    (bare.step(), bare)
}

#[test]
fn sam24_must_lie_below_16_mib() {
    let (step, mut bare) = step_at(0x100_0000, [0x01, 0x0C]);
    assert_eq!(step, Step::Program(ProgramCode::SPECIFICATION));
    let mut old = [0; 16];
    bare.cpu.read_absolute(0x150, &mut old).unwrap();
    assert_eq!(u128::from_be_bytes(old), 0x0400_0001_8000_0000_0000_0000_0100_0002, "suppressed, still 64-bit mode");
}

#[test]
fn sam31_must_lie_below_2_gib() {
    assert_eq!(step_at(0x8000_0000, [0x01, 0x0D]).0, Step::Program(ProgramCode::SPECIFICATION));
    let (step, bare) = step_at(0x100_0000, [0x01, 0x0D]);
    assert_eq!(step, Step::Done);
    assert_eq!(bare.cpu.current_psw(), Psw::new(0x0400_0000_8000_0000, 0x100_0002));
}
