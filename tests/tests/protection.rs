//! Key-controlled protection of instruction fetches with its overrides, reference and change bits on the ways that case
//! files do not show. Source: Principles of Operation, chapter 3, Protection; Reference Recording; Change Recording.

#![allow(clippy::unwrap_used)] // helpers of tests

use softsie_cpu::{ProgramCode, Psw};
use softsie_mem::StorageKey;
use softsie_tests::{Bare, Step, build_tables};

/// 64-bit mode with PSW key 8.
const KEY_8: u64 = 0x0080_0001_8000_0000;
const DAT: u64 = 0x0400_0000_0000_0000;
const FETCH_OVERRIDE: u64 = 1 << 25;
const STORAGE_OVERRIDE: u64 = 1 << 24;
/// Key 3 with fetch protection.
const PROTECTED: u8 = 0x38;

/// A machine with LR and NOP in page 0 up to and beyond its middle, and `text` at 0x7FC.
fn machine(controls: u64, page_key: u8, text: &[u8]) -> Bare {
    let mut bare = Bare::new();
    bare.cpu.write_absolute(0x7F0, &[0x18; 0x20]).unwrap();
    bare.cpu.write_absolute(0x7FC, text).unwrap();
    bare.cpu.set_storage_key(0, StorageKey(page_key)).unwrap();
    bare.cpu.cr[0] |= controls;
    let before = [0; 16];
    bare.cpu.control_changed(&before);
    bare.cpu.set_psw(Psw::new(KEY_8, 0x7FC));
    bare
}

fn two_steps(bare: &mut Bare) -> [Step; 2] {
    [bare.step(), bare.step()]
}

/// The instruction address in the program old PSW.
fn old_address(bare: &Bare) -> u64 {
    bare.storage()[0x158..0x160].iter().fold(0, |v, b| v << 8 | u64::from(*b))
}

const PROTECTION: Step = Step::Program(ProgramCode::PROTECTION);
const LR_LR: &[u8] = &[0x18, 0x12, 0x18, 0x12];

#[test]
fn fetch_protection_override_ends_in_the_middle_of_the_page() {
    // A step ends with the exception of the next instruction's fetch, if it has one.
    let mut bare = machine(FETCH_OVERRIDE, PROTECTED, LR_LR);
    bare.cpu.gr[2] = 5;
    assert_eq!(two_steps(&mut bare), [Step::Done, PROTECTION]);
    assert_eq!((bare.cpu.gr[1], old_address(&bare)), (5, 0x802));
    // An instruction that begins before and ends behind the middle.
    let mut bare = machine(FETCH_OVERRIDE, PROTECTED, &[0x18, 0x12, 0xB9, 0x04, 0, 0x12]);
    assert_eq!((bare.step(), old_address(&bare)), (PROTECTION, 0x800));
    // A branch to the second half, and the target of EXECUTE there.
    let mut bare = machine(FETCH_OVERRIDE, PROTECTED, &[0x07, 0xF2]);
    bare.cpu.gr[2] = 0x900;
    assert_eq!(two_steps(&mut bare), [Step::Done, PROTECTION]);
    assert_eq!(old_address(&bare), 0x902);
    let mut bare = machine(FETCH_OVERRIDE, PROTECTED, &[0x44, 0, 0x20, 0]);
    bare.cpu.gr[2] = 0x900;
    assert_eq!((bare.step(), old_address(&bare)), (PROTECTION, 0x800));
}

#[test]
fn no_override_is_needed_or_given() {
    assert_eq!(machine(0, PROTECTED, LR_LR).step(), PROTECTION);
    let mut bare = machine(FETCH_OVERRIDE, PROTECTED, LR_LR);
    bare.cpu.set_psw(Psw::new(KEY_8, 0x800));
    assert_eq!(bare.step(), PROTECTION);
    for (controls, key) in [(FETCH_OVERRIDE, 0x88), (FETCH_OVERRIDE, 0x30), (FETCH_OVERRIDE | STORAGE_OVERRIDE, 0x98)] {
        let mut bare = machine(controls, key, LR_LR);
        assert_eq!(two_steps(&mut bare), [Step::Done; 2]);
        assert_eq!(bare.step(), Step::Done);
    }
    // In a private space there is no override.
    let mut bare = machine(FETCH_OVERRIDE, PROTECTED, LR_LR);
    build_tables(&mut bare.cpu, &[], &[]).unwrap();
    bare.cpu.set_psw(Psw::new(KEY_8 | DAT, 0x7FC));
    assert_eq!(bare.step(), Step::Done);
    bare.cpu.cr[1] |= 0x100;
    bare.cpu.set_psw(Psw::new(KEY_8 | DAT, 0x7FC));
    assert_eq!(bare.step(), PROTECTION);
}

#[test]
fn a_key_that_changes_is_noticed_by_decoded_code() {
    let mut bare = machine(0, 0x88, LR_LR);
    assert_eq!(two_steps(&mut bare), [Step::Done; 2]);
    bare.cpu.set_storage_key(0, StorageKey(PROTECTED)).unwrap();
    bare.cpu.set_psw(Psw::new(KEY_8, 0x7FC));
    assert_eq!(bare.step(), PROTECTION);
}

#[test]
fn references_and_changes_are_recorded() {
    let mut bare = Bare::new();
    let cpu = &mut bare.cpu;
    build_tables(cpu, &[], &[]).unwrap();
    // ST 1,0(2); L 1,0(3); both again, for which translations are at hand by then.
    let text = [0x50, 0x10, 0x20, 0, 0x58, 0x10, 0x30, 0];
    cpu.write_absolute(0x1000, &[text, text].concat()).unwrap();
    (cpu.gr[2], cpu.gr[3]) = (0x5000, 0x6000);
    let tables = cpu.cr[1] & !0xFFF;
    let pages = [0x1000, 0x5000, 0x6000, tables];
    let keys = |bare: &mut Bare| {
        pages.map(|page| {
            let key = bare.cpu.storage_key(page).unwrap().0;
            bare.cpu.set_storage_key(page, StorageKey(0)).unwrap();
            key
        })
    };
    keys(&mut bare);
    bare.cpu.set_psw(Psw::new(DAT | 0x1_8000_0000, 0x1000));
    assert_eq!(two_steps(&mut bare), [Step::Done; 2]);
    assert_eq!(keys(&mut bare), [4, 6, 4, 4], "code, store, fetch, segment table");
    assert_eq!(two_steps(&mut bare), [Step::Done; 2]);
    assert_eq!(keys(&mut bare), [4, 6, 4, 4], "again after the bits were reset");
}

#[test]
fn a_fetch_does_not_record_a_change_nor_a_store_that_fails() {
    let mut bare = Bare::new();
    let cpu = &mut bare.cpu;
    // CS 1,3,0(2) that stores nothing; ST 1,0(2) under another key.
    cpu.write_absolute(0x1000, &[0x50, 0x10, 0x20, 0]).unwrap();
    cpu.set_storage_key(0x5000, StorageKey(0x30)).unwrap();
    cpu.gr[2] = 0x5000;
    cpu.set_psw(Psw::new(KEY_8, 0x1000));
    assert_eq!(bare.step(), PROTECTION);
    assert_eq!(bare.cpu.storage_key(0x5000).unwrap().0 & 2, 0);
}

/// The code changes the key of its own page, which has been decoded by then; every key after it counts.
#[test]
fn the_next_fetch_sees_a_key_that_the_instruction_before_has_set() {
    // SSKE 1,2; LR 1,2. In the supervisor state with key 8.
    let mut bare = Bare::new();
    bare.cpu.write_absolute(0x1000, &[0xB2, 0x2B, 0x00, 0x12, 0x18, 0x12]).unwrap();
    bare.cpu.set_storage_key(0x1000, StorageKey(0x80)).unwrap();
    (bare.cpu.gr[1], bare.cpu.gr[2]) = (0x80, 0x1000);
    bare.cpu.set_psw(Psw::new(KEY_8, 0x1000));
    assert_eq!(two_steps(&mut bare), [Step::Done; 2]);
    bare.cpu.gr[1] = u64::from(PROTECTED);
    bare.cpu.set_psw(Psw::new(KEY_8, 0x1000));
    assert_eq!(two_steps(&mut bare), [Step::Done, PROTECTION]);
    assert_eq!(old_address(&bare), 0x1006, "suppressed");
}

#[test]
fn the_next_fetch_is_a_reference() {
    // RRBE 0,2; RRBM 1,2; PFMF 3,2; SSKE 0,2, each followed by LR 1,1.
    let text = [0xB2, 0x2A, 0, 0x02, 0x18, 0x11, 0xB9, 0xAE, 0, 0x12, 0x18, 0x11, 0xB9, 0xAF, 0, 0x32, 0x18, 0x11]
        .into_iter()
        .chain([0xB2, 0x2B, 0, 0x02, 0x18, 0x11])
        .collect::<Vec<u8>>();
    let mut bare = Bare::new();
    bare.cpu.write_absolute(0x1000, &text).unwrap();
    (bare.cpu.gr[2], bare.cpu.gr[3]) = (0x1000, 0x2_0000);
    bare.cpu.set_psw(Psw::new(0x1_8000_0000, 0x1000));
    for n in 0..4 {
        assert_eq!(two_steps(&mut bare), [Step::Done; 2]);
        assert_eq!(bare.cpu.psw.address, 0x1006 + 6 * n);
        assert_eq!(bare.cpu.storage_key(0x1000).unwrap().0 & 4, 4, "instruction {n}");
    }
}
