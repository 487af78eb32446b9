//! Exceptions that come before others, for every row that has cases: operation, privileged operation, then those of operands.
//! Exceptions of EXECUTE's targets. Source: Principles of Operation, chapter 6, Multiple Program-Interruption Conditions;
//! chapter 5, Types of Instruction Ending.

#![allow(clippy::unwrap_used)] // helpers of tests

use std::collections::BTreeSet;
use std::sync::Arc;

use softsie_cpu::{Model, ProgramCode, Psw};
use softsie_isa::{Op, Operand, State};
use softsie_tests::coverage::all_cases;
use softsie_tests::{Bare, Case, Step, check_with};

const PROBLEM: u64 = 0x0001_0001_8000_0000;
const SUPERVISOR: u64 = 0x0000_0001_8000_0000;

/// A machine about to execute `text`, all of whose registers hold an odd address that is in no storage.
fn hopeless(text: &[u8], mask: u64) -> Bare {
    let mut bare = Bare::new();
    bare.cpu.write_absolute(0x1000, text).unwrap();
    bare.cpu.gr = [u64::MAX; 16];
    bare.cpu.set_psw(Psw::new(mask, 0x1000));
    bare
}

#[test]
fn privileged_operation_comes_before_all_but_operation() {
    let (mut wrong, mut rows) = (BTreeSet::new(), BTreeSet::new());
    for case in all_cases().unwrap().iter().filter(|c| c.op.row().state == State::Privileged) {
        let step = hopeless(&case.text, PROBLEM).step();
        rows.insert(case.op.mnemonic());
        if step != Step::Program(ProgramCode::PRIVILEGED_OPERATION) {
            wrong.insert(format!("{} {}: {step:?}", case.place, case.op.mnemonic()));
        }
    }
    println!("{} rows", rows.len());
    assert!(rows.len() > 80, "{rows:?}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn operation_comes_before_all() {
    let (mut wrong, mut rows) = (BTreeSet::new(), BTreeSet::new());
    for case in all_cases().unwrap().iter() {
        for facility in case.op.row().facilities {
            for mask in [PROBLEM, SUPERVISOR] {
                let mut bare = hopeless(&case.text, mask);
                let mut model = Model::clone(&bare.cpu.model);
                model.facilities.set(*facility, false);
                bare.cpu.model = Arc::new(model);
                let step = bare.step();
                rows.insert(case.op.mnemonic());
                if step != Step::Program(ProgramCode::OPERATION) {
                    wrong.insert(format!("{} {} without {facility}: {step:?}", case.place, case.op.mnemonic()));
                }
            }
        }
    }
    println!("{} rows", rows.len());
    assert!(rows.len() > 300);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// By EXECUTE an instruction meets the same exceptions; their instruction length is that of EXECUTE, whose address they leave
/// when they nullify, and which they leave behind otherwise.
#[test]
fn targets_of_execute_meet_the_same_exceptions() {
    let (mut wrong, mut count) = (Vec::new(), 0);
    let relative = |op: Op| op.row().operands.iter().any(|o| matches!(o, Operand::Relative(_)));
    for case in all_cases().unwrap() {
        let exception = case.after.iter().any(|(name, _)| name == "program");
        // Results that depend on where the instruction is or how long it is; EXECUTE itself lies in page 0.
        let depends = case.after.iter().any(|(name, _)| matches!(&name[..], "ia" | "ilc" | "bea" | "r14"));
        let page_0 = |(name, value): &(String, String)| name == "k0000" || name == "absent" && value == "0";
        // EXECUTE cannot be a target, nor can what begins and ends transactions; what follows RESUME PROGRAM follows EXECUTE then.
        let never = matches!(case.op, Op::EX | Op::EXRL | Op::TBEGIN | Op::TBEGINC | Op::TEND | Op::TABORT);
        let other = relative(case.op) || never || case.op == Op::RP;
        if !exception || depends || other || case.before.iter().any(page_0) {
            continue;
        }
        count += 1;
        let case = Case { execute: Some(0), ..case };
        if let Err(e) = check_with(&case, &mut Bare::step) {
            wrong.push(e);
        }
    }
    println!("{count} cases");
    assert!(count > 500);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
