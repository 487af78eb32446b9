//! Program-event recording while every case file runs: no instruction is fetched, stores or branches unnoticed.
//! Source: Principles of Operation, chapter 4, Program-Event Recording.

#![allow(clippy::unwrap_used)] // helpers of tests

use std::collections::BTreeSet;

use softsie_cpu::{ProgramCode, PswMask};
use softsie_isa::Op;
use softsie_tests::coverage::all_cases;
use softsie_tests::{Case, Step, check_with};

/// Branches, fetches and stores, in control register 9 and as bits of the PER code.
const EVENTS: u64 = 0xE000_0000;
const BRANCH: u8 = 0x80;
const FETCH: u8 = 0x40;
const STORE: u8 = 0x20;
/// A PER event alone.
const PER: Step = Step::Program(ProgramCode::PER);
/// Storage below is stored into by interruptions.
const LOWCORE: usize = 0x200;
const PAGE: usize = 4096;

/// How one execution ended.
struct Seen<'a> {
    step: Step,
    /// PER code, zero without an event.
    code: u8,
    /// Address of the next sequential instruction, and where execution goes on.
    next: u64,
    address: u64,
    /// Storage before and after.
    storage: [&'a [u8]; 2],
    prefix: usize,
}

/// Executes the instruction of `case`, directly and by EXECUTE as it says, with events recorded everywhere.
fn recorded(case: &Case, seen: &mut dyn FnMut(Seen<'_>)) {
    // Expected results are without recording: what the case says about them does not matter here.
    let _ = check_with(case, &mut |bare| {
        let cpu = &mut bare.cpu;
        let controls = cpu.cr;
        [cpu.cr[9], cpu.cr[10], cpu.cr[11]] = [EVENTS, 0, u64::MAX];
        cpu.control_changed(&controls);
        let mut psw = cpu.current_psw();
        psw.set(PswMask::PER, true);
        cpu.set_psw(psw);
        let prefix = cpu.prefix as usize;
        let at = cpu.prefixed(psw.address) as usize;
        let before = bare.storage();
        let next = psw.address + u64::from(softsie_isa::instruction_length(before[at]));
        let step = bare.step();
        let after = bare.storage();
        let interrupted = matches!(step, Step::Program(_));
        let old = after[prefix + 0x158..prefix + 0x160].iter().fold(0, |v, b| v << 8 | u64::from(*b));
        seen(Seen {
            step,
            code: if matches!(step, Step::Program(ProgramCode(c)) if c & 0x80 != 0) { after[prefix + 0x96] } else { 0 },
            next,
            address: if interrupted { old } else { bare.cpu.psw.address },
            storage: [&before, &after],
            prefix,
        });
        step
    });
}

/// Whether storage other than lowcore has changed.
fn stored(s: &Seen<'_>) -> bool {
    let [before, after] = s.storage;
    let lowcore = s.prefix..s.prefix + LOWCORE;
    (0..after.len()).step_by(PAGE).any(|at| {
        let page = at..at + PAGE;
        after[page.clone()] != before[page.clone()]
            && page.clone().any(|n| after[n] != before[n] && !lowcore.contains(&n))
    })
}

/// Whether stores of the instruction are not by logical address, so that they are not events.
fn stores_by_other_addresses(case: &Case) -> bool {
    // Trace entries are no operands, nor are the diagnostic blocks of a transaction that the event aborts.
    case.place.starts_with("control_linkage_trace")
        || matches!(
            case.op,
            Op::STURA
                | Op::STURG
                | Op::PFMF
                | Op::IPTE
                | Op::IDTE
                | Op::CRDTE
                | Op::RDP
                | Op::MC
                | Op::BSA
                | Op::BSG
                | Op::TBEGIN
                | Op::TBEGINC
        )
}

#[test]
fn nothing_goes_unnoticed() {
    let mut wrong = BTreeSet::new();
    let (mut stores, mut branches) = (0, 0);
    for case in all_cases().unwrap() {
        recorded(&case, &mut |s| {
            let mut tell = |what: &str| {
                wrong.insert(format!("{} {}: {:?} {:x}: {what}", case.place, case.title, s.step, s.address));
            };
            // The host has not completed it yet.
            if s.step == Step::Intercepted {
                return;
            }
            if s.code & FETCH == 0 {
                tell("not fetched");
            }
            let elsewhere = stores_by_other_addresses(&case);
            if stored(&s) && !elsewhere && s.code & STORE == 0 {
                tell("store not seen");
            }
            if elsewhere && s.code & STORE != 0 && !case.place.starts_with("control_linkage_trace") {
                tell("is no store event");
            }
            let loads = matches!(case.op, Op::LPSW | Op::LPSWE | Op::LPSWEY | Op::SVC);
            if s.step == PER && s.address != s.next && !loads && s.code & BRANCH == 0 {
                tell("branch not seen");
            }
            if loads && s.code & BRANCH != 0 {
                tell("is no branch event");
            }
            stores += u32::from(s.code & STORE != 0);
            branches += u32::from(s.code & BRANCH != 0);
        });
    }
    println!("{stores} stores, {branches} branches");
    assert!(stores > 400 && branches > 100);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// With events recorded that do not occur every instruction does what it does otherwise, although each of its operands goes
/// the slow way and it is executed by itself.
#[test]
fn recording_changes_nothing() {
    /// Branches into, fetches from and stores into an area where nothing happens.
    const ELSEWHERE: u64 = EVENTS | 0x80_0000;
    const AREA: u64 = 0xFFFF_FFFF_FFFF_FFF1;
    // These store or show the PSW's PER mask, or change these control registers.
    let shows_mask = |op: Op| {
        matches!(
            op,
            Op::EPSW
                | Op::STNSM
                | Op::STOSM
                | Op::SSM
                | Op::SVC
                | Op::BAKR
                | Op::PC
                | Op::PR
                | Op::LPSW
                | Op::LPSWE
                | Op::LPSWEY
                | Op::TRAP2
                | Op::TRAP4
                | Op::LCTL
                | Op::LCTLG
                | Op::STCTL
                | Op::STCTG
        )
    };
    let mut wrong = Vec::new();
    for case in all_cases().unwrap().iter().filter(|c| !shows_mask(c.op)) {
        let result = check_with(case, &mut |bare| {
            let set = |bare: &mut softsie_tests::Bare, values: [u64; 3], on: bool| {
                let cpu = &mut bare.cpu;
                let controls = cpu.cr;
                cpu.cr[9..12].copy_from_slice(&values);
                cpu.control_changed(&controls);
                let mut psw = cpu.current_psw();
                psw.set(PswMask::PER, on);
                cpu.set_psw(psw);
            };
            let own = [bare.cpu.cr[9], bare.cpu.cr[10], bare.cpu.cr[11]];
            set(bare, [ELSEWHERE, AREA, AREA], true);
            let step = bare.step();
            if matches!(step, Step::Program(_)) {
                let old = bare.cpu.prefix + 0x150;
                let mut mask = [0];
                bare.cpu.read_absolute(old, &mut mask).unwrap();
                bare.cpu.write_absolute(old, &[mask[0] & !0x40]).unwrap();
            }
            set(bare, own, false);
            step
        });
        wrong.extend(result.err());
    }
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
}
