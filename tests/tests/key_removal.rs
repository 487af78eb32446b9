//! A CPU with the storage-key-removal facility (169): no keys but zero. Source: kvm-unit-tests' skrf; the Principles of
//! Operation does not have it.

#![allow(clippy::unwrap_used)] // helpers of tests

use std::sync::Arc;

use softsie_cpu::{Lowcore, ProgramCode, Psw};
use softsie_isa::assemble;
use softsie_tests::{Bare, Step};

const CODE: u64 = 0x1000;
const PAGE: u64 = 0x2000;
const NEW_PSW: u64 = 0xE_0000;
const ENHANCED: u64 = 0x1_8000_0000;

fn step(bare: &mut Bare, text: &str) -> Step {
    let code = assemble(text, CODE).unwrap();
    bare.cpu.write_absolute(CODE, &code).unwrap();
    (bare.cpu.gr[1], bare.cpu.gr[2]) = (0x30, PAGE);
    bare.cpu.set_psw(Psw::new(ENHANCED, CODE));
    bare.step()
}

#[test]
fn keys_are_special_operations() {
    let mut bare = Bare::new();
    let mut model = (*bare.cpu.model).clone();
    model.facilities.set(169, true);
    bare.cpu.model = Arc::new(model);
    let psw = [ENHANCED.to_be_bytes(), NEW_PSW.to_be_bytes()].concat();
    bare.cpu.write_absolute(Lowcore::PROGRAM_NEW_PSW, &psw).unwrap();
    for (mask, at) in [(ENHANCED | 0xF0 << 48, 0u64), (ENHANCED, 16)] {
        let psw = [mask.to_be_bytes(), (CODE + 0x100).to_be_bytes()].concat();
        bare.cpu.write_absolute(PAGE + at, &psw).unwrap();
    }
    // The short format, with and without a key.
    bare.cpu.write_absolute(PAGE + 32, &0x00F8_0000_8000_1100u64.to_be_bytes()).unwrap();
    bare.cpu.write_absolute(PAGE + 40, &0x0008_0000_8000_1100u64.to_be_bytes()).unwrap();
    for text in [
        "sske %r1,%r2",
        "iske %r1,%r2",
        "rrbe %r1,%r2",
        "rrbm %r1,%r2",
        "irbm %r1,%r2",
        "spka 240(%r0)",
        "tprot 0(%r2),240(%r0)",
        "lpswe 0(%r2)",
        "lpsw 32(%r2)",
    ] {
        assert_eq!(step(&mut bare, text), Step::Program(ProgramCode::SPECIAL_OPERATION), "{text}");
    }
    for text in ["spka 0(%r0)", "tprot 0(%r2),0(%r0)", "lpswe 16(%r2)", "lpsw 40(%r2)"] {
        assert_eq!(step(&mut bare, text), Step::Done, "{text}");
    }
    let frame = |bare: &mut Bare, controls: u64| {
        bare.cpu.write_absolute(CODE, &assemble("pfmf %r1,%r2", CODE).unwrap()).unwrap();
        (bare.cpu.gr[1], bare.cpu.gr[2]) = (controls, PAGE);
        bare.cpu.set_psw(Psw::new(ENHANCED, CODE));
        bare.step()
    };
    assert_eq!(frame(&mut bare, 0x2_0030), Step::Program(ProgramCode::SPECIAL_OPERATION));
    assert_eq!(frame(&mut bare, 0x1_0000), Step::Done);
    let mut page = [1; 16];
    bare.cpu.read_absolute(PAGE, &mut page).unwrap();
    assert_eq!(page, [0; 16]);
}
