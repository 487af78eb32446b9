//! Program-event recording: each event, the designated area, and events together with exceptions.
//! Source: Principles of Operation, chapter 4, Program-Event Recording.

#![allow(clippy::unwrap_used, clippy::panic)] // a test's helpers may, too

use softsie_cpu::{ProgramCode, Psw};
use softsie_tests::{Bare, Step, build_tables};

/// 64-bit mode with the PER mask on.
const PER: u64 = 0x4000_0001_8000_0000;
const MODE: u64 = 0x0000_0001_8000_0000;
const CODE: u64 = 0x1000;
const NEW: u64 = 0xE000;
const BRANCH: u64 = 0x8000_0000;
const FETCH: u64 = 0x4000_0000;
const STORE: u64 = 0x2000_0000;
const STORE_REAL: u64 = 0x0800_0000;
const ZERO_ADDRESS: u64 = 0x0400_0000;
const NULLIFY: u64 = 0x0100_0000;
/// ATMID of 64-bit mode with DAT off.
const ATMID: u64 = 0xE0;

struct Machine(Bare);

impl Machine {
    fn new(events: u64, area: (u64, u64), text: &[u8]) -> Machine {
        let mut bare = Bare::new();
        let cpu = &mut bare.cpu;
        [cpu.cr[9], cpu.cr[10], cpu.cr[11]] = [events, area.0, area.1];
        cpu.set_psw(Psw::new(PER, CODE));
        let mut m = Machine(bare);
        m.put(CODE, text);
        for new in [0x1C0, 0x1D0] {
            m.put(new, &MODE.to_be_bytes());
            m.put(new + 8, &(NEW + new).to_be_bytes());
        }
        m
    }

    fn put(&mut self, at: u64, bytes: &[u8]) {
        self.0.cpu.write_absolute(at, bytes).unwrap();
    }

    fn get(&mut self, at: u64, length: usize) -> u64 {
        let mut bytes = [0; 8];
        self.0.cpu.read_absolute(at, &mut bytes[8 - length..]).unwrap();
        u64::from_be_bytes(bytes)
    }

    /// Nothing happens but the instruction, after which the address is `next`.
    fn quiet(mut self, next: u64) {
        assert_eq!(self.0.step(), Step::Done);
        assert_eq!(self.0.cpu.psw.address, next);
    }

    /// A program interruption with `code`, the PER code and ATMID, the ILC and the old PSW's address.
    #[track_caller]
    fn event(&mut self, code: u16, per: u64, ilc: u64, old: u64) {
        assert_eq!(self.0.step(), Step::Program(ProgramCode(code)));
        assert_eq!(self.get(0x96, 2), per, "PER code and ATMID");
        assert_eq!(self.get(0x98, 8), CODE, "PER address");
        assert_eq!((self.get(0x8C, 2), self.get(0x158, 8)), (ilc, old), "ILC, old PSW's address");
    }
}

const LR: &[u8] = &[0x18, 0x12];
/// BR 2
const BR: &[u8] = &[0x07, 0xF2];
/// STG 3,8(4)
const STG: &[u8] = &[0xE3, 0x30, 0x40, 0x08, 0x00, 0x24];
/// MVC 0(16,4),0(5)
const MVC: &[u8] = &[0xD2, 0x0F, 0x40, 0x00, 0x50, 0x00];
/// EX 0,0(6)
const EX: &[u8] = &[0x44, 0x00, 0x60, 0x00];

#[test]
fn fetching_within_the_area() {
    Machine::new(FETCH, (CODE, CODE), LR).event(0x80, 0x4000 | ATMID, 2, CODE + 2);
    Machine::new(FETCH, (CODE + 1, CODE + 1), LR).quiet(CODE + 2);
    Machine::new(FETCH, (CODE - 2, CODE - 1), LR).quiet(CODE + 2);
    // The area wraps around from the end of storage to its beginning.
    Machine::new(FETCH, (u64::MAX, CODE), LR).event(0x80, 0x4000 | ATMID, 2, CODE + 2);
    Machine::new(FETCH, (CODE + 1, CODE - 1), LR).quiet(CODE + 2);
    Machine::new(STORE | BRANCH, (0, u64::MAX), LR).quiet(CODE + 2);
}

#[test]
fn nothing_without_the_mask_in_the_psw() {
    let mut m = Machine::new(FETCH, (0, u64::MAX), LR);
    m.0.cpu.set_psw(Psw::new(MODE, CODE));
    m.quiet(CODE + 2);
}

#[test]
fn fetching_is_nullified_when_asked_for() {
    let mut m = Machine::new(FETCH | NULLIFY, (CODE, CODE), STG);
    m.0.cpu.gr[4] = 0x2000;
    m.0.cpu.gr[3] = 1;
    m.event(0x80, 0x4100 | ATMID, 6, CODE);
    assert_eq!(m.get(0x2008, 8), 0, "not stored");
    Machine::new(NULLIFY, (CODE, CODE), LR).quiet(CODE + 2);
}

#[test]
fn modes_are_identified() {
    let mut m = Machine::new(FETCH, (CODE, CODE), LR);
    m.0.cpu.set_psw(Psw::new(PER & !(1 << 32), CODE));
    m.event(0x80, 0x4060, 2, CODE + 2);
    let mut m = Machine::new(FETCH, (CODE, CODE), LR);
    build_tables(&mut m.0.cpu, &[], &[]).unwrap();
    m.0.cpu.set_psw(Psw::new(PER | 0x0400_8000_0000_0000, CODE));
    m.event(0x80, 0x40F8, 2, CODE + 2);
}

#[test]
fn branches() {
    let branch = |events, area| {
        let mut m = Machine::new(events, area, BR);
        m.0.cpu.gr[2] = 0x3000;
        m
    };
    branch(BRANCH, (0, 0)).event(0x80, 0x8000 | ATMID, 2, 0x3000);
    branch(BRANCH | FETCH, (CODE, CODE)).event(0x80, 0xC000 | ATMID, 2, 0x3000);
    let branch_address = BRANCH | 0x80_0000;
    branch(branch_address, (0x3000, 0x3000)).event(0x80, 0x8000 | ATMID, 2, 0x3000);
    branch(branch_address, (CODE, CODE)).quiet(0x3000);
    // BALR, BASR, BASSM and BSM 1,2; the latter two change the mode.
    for text in [[0x05, 0x12], [0x0D, 0x12], [0x0C, 0x12], [0x0B, 0x12]] {
        let mut m = Machine::new(BRANCH, (0, 0), &text);
        m.0.cpu.gr[2] = 0x3000;
        m.event(0x80, 0x8000 | ATMID, 2, 0x3000);
        Machine::new(BRANCH, (0, 0), &[text[0], 0x10]).quiet(CODE + 2);
    }
    Machine::new(BRANCH, (0, 0), &[0x01, 0x0D]).quiet(CODE + 2);
    // BCR 8,2 with condition code 1.
    let mut m = Machine::new(BRANCH, (0, u64::MAX), &[0x07, 0x82]);
    m.0.cpu.cc = 1;
    m.quiet(CODE + 2);
}

#[test]
fn stores() {
    let store = |text, area| {
        let mut m = Machine::new(STORE, area, text);
        m.0.cpu.gr[4] = 0x2000;
        m.0.cpu.gr[5] = 0x3000;
        m
    };
    for (area, hit) in [
        ((0x2008, 0x2008), true),
        ((0x200F, 0x200F), true),
        ((0x200A, 0x200B), true),
        ((0x2010, 0x2010), false),
        ((0x2007, 0x2007), false),
        ((0x2010, 0x2008), true),
    ] {
        let mut m = store(STG, area);
        if hit { m.event(0x80, 0x2000 | ATMID, 6, CODE + 6) } else { m.quiet(CODE + 6) }
    }
    store(MVC, (0x200F, 0x200F)).event(0x80, 0x2000 | ATMID, 6, CODE + 6);
    store(MVC, (0x2010, 0x2FFF)).quiet(CODE + 6);
    store(MVC, (0x3000, 0x300F)).quiet(CODE + 6);
    // STMG 0,15,0(4); CSG 8,9,0(4) whose operands are equal; OI 0(4),0, which changes nothing; LG 3,8(4).
    store(&[0xEB, 0x0F, 0x40, 0x00, 0x00, 0x24], (0x207F, 0x207F)).event(0x80, 0x2000 | ATMID, 6, CODE + 6);
    store(&[0xEB, 0x89, 0x40, 0x00, 0x00, 0x30], (0x2007, 0x2007)).event(0x80, 0x2000 | ATMID, 6, CODE + 6);
    store(&[0x96, 0x00, 0x40, 0x00], (0x2000, 0x2000)).event(0x80, 0x2000 | ATMID, 4, CODE + 4);
    store(&[0xE3, 0x30, 0x40, 0x08, 0x00, 0x04], (0, u64::MAX)).quiet(CODE + 6);
    // MVCL 4,6: one byte of padding at the area's only byte.
    let mut m = store(&[0x0E, 0x46], (0x2100, 0x2100));
    m.0.cpu.gr[5] = 0x101;
    m.event(0x80, 0x2000 | ATMID, 2, CODE + 2);
    assert_eq!(m.0.cpu.gr[4], 0x2101);
}

#[test]
fn stores_are_seen_although_an_earlier_one_was_not_watched() {
    let mut m = Machine::new(STORE, (0x2008, 0x200F), STG);
    m.0.cpu.gr[4] = 0x2000;
    m.0.cpu.set_psw(Psw::new(MODE, CODE));
    assert_eq!(m.0.step(), Step::Done);
    m.0.cpu.set_psw(Psw::new(PER, CODE));
    m.event(0x80, 0x2000 | ATMID, 6, CODE + 6);
}

#[test]
fn stores_into_marked_spaces() {
    let store = |events, marked, mask| {
        let mut m = Machine::new(events, (0, u64::MAX), STG);
        let cpu = &mut m.0.cpu;
        build_tables(cpu, &[], &[]).unwrap();
        cpu.gr[4] = 0x2000;
        cpu.cr[marked] |= 0x80;
        cpu.set_psw(Psw::new(PER | mask, CODE));
        m
    };
    let (dat, spaces) = (0x0400_0000_0000_0000, STORE | 0x20_0000);
    store(STORE, 13, dat).event(0x80, 0x20F0, 6, CODE + 6);
    store(spaces, 1, dat).event(0x80, 0x20F0, 6, CODE + 6);
    store(spaces, 7, dat).quiet(CODE + 6);
    // Secondary space, access-register and home-space modes.
    store(spaces, 7, dat | 0x8000_0000_0000).event(0x80, 0x20FA, 6, CODE + 6);
    store(spaces, 13, dat | 0xC000_0000_0000).event(0x80, 0x20FF, 6, CODE + 6);
    let mut m = store(spaces, 7, dat | 0x4000_0000_0000);
    m.0.cpu.ar[4] = 1;
    m.event(0x80, 0x20F5, 6, CODE + 6);
    assert_eq!(m.get(0xA1, 1), 4, "access register");
    // A space of an access-list entry: an ASN-second-table entry with a real-space designation, marked or not.
    for (asce, hit) in [(0xA0u64, true), (0x20, false)] {
        let mut m = store(spaces, 1, dat | 0x4000_0000_0000);
        (m.0.cpu.ar[4], m.0.cpu.cr[2]) = (2, 0x3000);
        m.put(0x3010, &0x4000u32.to_be_bytes());
        m.put(0x4020, &(0x5000u128 << 32 | 9).to_be_bytes());
        m.put(0x5008, &asce.to_be_bytes());
        m.put(0x5014, &9u32.to_be_bytes());
        if hit { m.event(0x80, 0x20F5, 6, CODE + 6) } else { m.quiet(CODE + 6) }
    }
    // With DAT off every space is every other.
    store(spaces, 7, 0).event(0x80, 0x2000 | ATMID, 6, CODE + 6);
}

#[test]
fn stores_by_real_address() {
    // STURG 3,4
    let text: &[u8] = &[0xB9, 0x25, 0x00, 0x34];
    let store = |events| {
        let mut m = Machine::new(events, (0, 0), text);
        m.0.cpu.gr[4] = 0x2000;
        m
    };
    store(STORE | STORE_REAL).event(0x80, 0x2800 | ATMID, 4, CODE + 4);
    store(STORE).quiet(CODE + 4);
    store(STORE_REAL).quiet(CODE + 4);
}

#[test]
fn execute_and_its_target() {
    let execute = |events, area, target: &[u8]| {
        let mut m = Machine::new(events, area, EX);
        m.put(0x4000, target);
        m.0.cpu.gr[6] = 0x4000;
        m.0.cpu.gr[2] = 0x3000;
        m.0.cpu.gr[4] = 0x2000;
        m
    };
    execute(FETCH, (CODE, CODE), LR).event(0x80, 0x4000 | ATMID, 4, CODE + 4);
    execute(FETCH, (0x4000, 0x4000), LR).event(0x80, 0x4000 | ATMID, 4, CODE + 4);
    execute(FETCH | NULLIFY, (0x4000, 0x4000), LR).event(0x80, 0x4100 | ATMID, 4, CODE);
    execute(FETCH, (0x4002, 0x4002), LR).quiet(CODE + 4);
    execute(BRANCH, (0, 0), BR).event(0x80, 0x8000 | ATMID, 4, 0x3000);
    execute(STORE, (0x2008, 0x2008), STG).event(0x80, 0x2000 | ATMID, 4, CODE + 4);
}

#[test]
fn exceptions_of_the_same_instruction() {
    // An operation exception, and a page that is not there.
    Machine::new(FETCH, (CODE, CODE), &[0x00, 0x00]).event(0x81, 0x4000 | ATMID, 2, CODE + 2);
    let mut m = Machine::new(FETCH | STORE, (0, u64::MAX), STG);
    build_tables(&mut m.0.cpu, &[0x5000], &[]).unwrap();
    m.0.cpu.gr[4] = 0x5000;
    m.0.cpu.set_psw(Psw::new(PER | 0x0400_0000_0000_0000, CODE));
    m.event(0x91, 0x40F0, 6, CODE);
    // AR 1,2 completes with an overflow.
    let mut m = Machine::new(FETCH, (CODE, CODE), &[0x1A, 0x12]);
    m.0.cpu.gr[1] = 0x7FFF_FFFF;
    m.0.cpu.gr[2] = 1;
    m.0.cpu.set_psw(Psw::new(PER | 0x0000_0800_0000_0000, CODE));
    m.event(0x88, 0x4000 | ATMID, 2, CODE + 2);
    assert_eq!(m.0.cpu.gr[1], 0x8000_0000);
}

#[test]
fn supervisor_call_is_interrupted_first() {
    let mut m = Machine::new(FETCH, (CODE, CODE), &[0x0A, 0x07]);
    m.event(0x80, 0x4000 | ATMID, 2, NEW + 0x1C0);
    assert_eq!((m.get(0x8A, 2), m.get(0x148, 8)), (7, CODE + 2));
    assert_eq!(m.get(0x150, 8), MODE, "the new PSW of the supervisor call");
}

#[test]
fn load_psw() {
    // LPSWE 0(4), to another PSW without the PER mask, to a wait PSW, to one that is not valid.
    let load = |mask: u64| {
        let mut m = Machine::new(FETCH, (CODE, CODE), &[0xB2, 0xB2, 0x40, 0x00]);
        m.put(0x2000, &mask.to_be_bytes());
        m.put(0x2008, &0x3000u64.to_be_bytes());
        m.0.cpu.gr[4] = 0x2000;
        m
    };
    load(MODE).event(0x80, 0x4000 | ATMID, 4, 0x3000);
    let wait = PER | 0x0002_0000_0000_0000;
    let mut m = load(wait);
    m.event(0x80, 0x4000 | ATMID, 4, 0x3000);
    assert_eq!(m.get(0x150, 8), wait);
    load(PER | 1).event(0x86, 0x4000 | ATMID, 0, 0x3000);
}

#[test]
fn recording_begins_after_the_instruction_that_turns_it_on() {
    // STOSM 0(4),40 and LR.
    let mut m = Machine::new(FETCH, (0, u64::MAX), &[0xAD, 0x40, 0x40, 0x00, 0x18, 0x12]);
    m.0.cpu.gr[4] = 0x2000;
    m.0.cpu.set_psw(Psw::new(MODE, CODE));
    assert_eq!(m.0.step(), Step::Done);
    assert_eq!(m.0.step(), Step::Program(ProgramCode::PER));
    assert_eq!((m.get(0x98, 8), m.get(0x158, 8)), (CODE + 4, CODE + 6));
}

/// A machine whose registers are not zero but for register 1, with the instruction `text`.
fn zero_address(text: &str) -> Machine {
    let text = softsie_isa::assemble(text, CODE).unwrap();
    let mut m = Machine::new(ZERO_ADDRESS, (u64::MAX, u64::MAX), &text);
    m.0.cpu.gr = [0x2000; 16];
    m.0.cpu.gr[1] = 0;
    // Additional floating-point and vector registers.
    m.0.cpu.cr[0] |= 3 << 17;
    m.0.cpu.gr[8] = 0u64.wrapping_sub(0x2000);
    m
}

/// The prefix area, and the code in it, is at 8000: absolute locations 0 to 1fff can be used otherwise.
fn move_lowcore(m: &mut Machine) {
    let low = m.0.storage()[..0x2000].to_vec();
    m.put(0x8000, &low);
    m.0.cpu.set_prefix(0x8000);
}

#[test]
fn operands_at_zero_addresses() {
    for text in [
        "lg %r3,0x800(%r1)",
        "lg %r3,0x800(%r2,%r1)",
        "lg %r3,0x800(%r1,%r0)",
        "lg %r3,0x800(%r8,%r2)",
        "stg %r3,0x800(%r1)",
        "tm 0x800(%r1),1",
        "mvc 0x800(2,%r1),0(%r2)",
        "mvc 0(2,%r2),0x800(%r1)",
        "clc 0x800(2,%r1),0(%r2)",
        "icm %r3,15,0x800(%r1)",
        "lmg %r0,%r15,0x800(%r1)",
        "oi 0x800(%r1),1",
        "agsi 0x800(%r1),1",
        "cs %r3,%r4,0x800(%r1)",
        "vl %v1,0x800(%r1)",
        "mvst %r2,%r1",
        "srst %r2,%r1",
        "lgf %r1,0x800(%r1)",
    ] {
        let mut m = zero_address(text);
        let length = softsie_isa::assemble(text, 0).unwrap().len() as u64;
        if matches!(text.split(' ').next(), Some("mvst" | "srst")) {
            (m.0.cpu.gr[0], m.0.cpu.gr[2]) = (0, 0x2001);
        }
        m.event(0x80, 0x0400 | ATMID, length, CODE + length);
    }
}

#[test]
fn addresses_that_are_not_operands_at_zero() {
    for text in [
        "lgr %r1,%r1",
        "la %r3,0(%r1)",
        "sllg %r3,%r4,2(%r1)",
        "lg %r3,0x800",
        "lg %r3,0x800(%r2)",
        "lg %r3,0x800(%r1,%r2)",
        "stg %r1,0x800(%r2)",
        "mvc 0(2,%r2),0x800",
        "lay %r1,-4096(%r2)",
        "lgrl %r3,0x2000",
        "bc 0,0(%r1)",
    ] {
        let length = softsie_isa::assemble(text, 0).unwrap().len() as u64;
        zero_address(text).quiet(CODE + length);
    }
    // The EXECUTE itself has none, its target may.
    let mut m = zero_address("ex %r0,0x800(%r1)");
    m.put(0x800, &[0x18, 0x34]);
    m.quiet(CODE + 4);
    let mut m = zero_address("ex %r0,0x800(%r1)");
    m.put(0x800, &[0x95, 0x00, 0x10, 0x00]);
    m.event(0x80, 0x0400 | ATMID, 4, CODE + 4);
    // What is to the left of an address in 31-bit mode does not count.
    let mut m = zero_address("lg %r3,0x800(%r1)");
    m.0.cpu.gr[1] = 0xFFFF_FFFF_8000_0000;
    m.0.cpu.set_psw(Psw::new(PER & !(1 << 32), CODE));
    m.event(0x80, 0x0460, 6, CODE + 6);
}

#[test]
fn a_zero_address_that_does_not_translate() {
    let mut m = zero_address("lg %r3,0x800(%r1)");
    move_lowcore(&mut m);
    build_tables(&mut m.0.cpu, &[0], &[]).unwrap();
    m.0.cpu.set_psw(Psw::new(PER | 0x0400_0000_0000_0000, CODE));
    assert_eq!(m.0.step(), Step::Program(ProgramCode(0x91)));
    assert_eq!((m.get(0x8096, 2), m.get(0x8098, 8), m.get(0x8158, 8)), (0x04F0, CODE, CODE));
}

#[test]
fn zero_lengths_access_nothing() {
    let mvcl = |length: u64| {
        let mut m = zero_address("mvcl %r2,%r4");
        (m.0.cpu.gr[2], m.0.cpu.gr[3], m.0.cpu.gr[4], m.0.cpu.gr[5]) = (0, length, 0x3000, length);
        m
    };
    mvcl(0).quiet(CODE + 2);
    let mut m = mvcl(2);
    move_lowcore(&mut m);
    assert_eq!(m.0.step(), Step::Program(ProgramCode::PER));
    assert_eq!(m.get(0x8096, 2), 0x0400 | ATMID);
}

#[test]
fn moves_between_spaces_at_zero_addresses() {
    for (text, hit) in [
        ("mvcdk 0x800(%r1),0(%r2)", true),
        ("mvcsk 0(%r2),0x800(%r1)", true),
        ("mvcp 0(%r3,%r2),0x800(%r1),%r1", true),
        ("mvcs 0x800(%r3,%r1),0(%r2),%r1", true),
        ("mvcos 0x800(%r1),0(%r2),%r3", true),
        ("mvcp 0(%r3,%r2),0x800(%r4),%r1", false),
    ] {
        let mut m = zero_address(text);
        let cpu = &mut m.0.cpu;
        build_tables(cpu, &[], &[]).unwrap();
        (cpu.gr[0], cpu.gr[3]) = (0, 2);
        cpu.cr[0] |= 1 << 26;
        cpu.set_psw(Psw::new(PER | 0x0400_0000_0000_0000, CODE));
        if hit { m.event(0x80, 0x04F0, 6, CODE + 6) } else { m.quiet(CODE + 6) }
    }
}
