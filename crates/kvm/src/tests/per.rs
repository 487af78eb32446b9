//! Program-event recording of instructions that are completed here or by the client.
//! Truth: Principles of Operation, chapter 4, Program-Event Recording; the interception status in the reference of SIE.

use std::sync::Arc;

use super::machine::Machine;
use crate::Vcpu;
use crate::abi::*;

const EA_BA: u64 = 0x0000_0001_8000_0000;
const PER: u64 = 0x4000_0000_0000_0000;
const FETCH: u64 = 0x4000_0000;
const STORE: u64 = 0x2000_0000;
/// Where the program begins that sets up recording, and the one that is recorded.
const START: u64 = 0x4000;
const CODE: u64 = 0x5000;
const PROGRAM: u64 = 0xd000;

/// A machine that records `events` in the area from `first` to `last` in the program `source`.
fn recording(events: u64, first: u64, last: u64, source: &str) -> (Machine, Arc<Vcpu>) {
    let machine = Machine::new();
    let start = "lctlg %c9,%c11,0x800(%r0)\nlpswe 0x820(%r0)";
    machine.write(START, &softsie_isa::assemble(start, START).unwrap());
    machine.write(CODE, &softsie_isa::assemble(source, CODE).unwrap());
    for (at, value) in [(0x800, events), (0x808, first), (0x810, last)] {
        machine.write(at, &value.to_be_bytes());
    }
    machine.write_psw(0x820, EA_BA | PER, CODE);
    machine.write_psw(0x1d0, EA_BA, PROGRAM);
    machine.write(PROGRAM, &softsie_isa::assemble("diag %r0,%r0,0xd", PROGRAM).unwrap());
    let cpu = machine.vcpu(0);
    // SAFETY: the vCPU is not running.
    let run = unsafe { cpu.kvm_run().as_mut() };
    (run.psw_mask, run.psw_addr) = (EA_BA, START);
    run.regs_mut().ckc = u64::MAX;
    run.regs_mut().cputm = i64::MAX as u64;
    run.kvm_dirty_regs |= KVM_SYNC_ARCH0;
    (machine, cpu)
}

/// Runs to the next exit to the client: the text of the instruction.
fn run(cpu: &Vcpu) -> u64 {
    assert_eq!(cpu.run(), Ok(()));
    // SAFETY: the vCPU is not running.
    let run = unsafe { cpu.kvm_run().as_ref() };
    assert_eq!(run.exit_reason, KVM_EXIT_S390_SIEIC);
    let sieic = run.s390_sieic();
    u64::from(sieic.ipa) << 32 | u64::from(sieic.ipb)
}

const DIAG_D: u64 = 0x8300_000d_0000;
const DIAG_1: u64 = 0x8300_0001_0000;

/// The program interruption that has been taken: code, PER code and modes, PER address, ILC, address of the old PSW.
fn interruption(machine: &Machine) -> (u16, u16, u64, u16, u64) {
    let half = |at| u16::from_be_bytes(machine.read(at));
    (half(0x8e), half(0x96), machine.read_u64(0x98), half(0x8c), machine.read_u64(0x158))
}

#[test]
fn fetching_an_instruction_that_is_completed_here() {
    let (machine, cpu) = recording(FETCH, CODE, CODE, "stap 0x600(%r0)\ndiag %r0,%r0,1");
    machine.write(0x600, &[0xff, 0xff]);
    assert_eq!(run(&cpu), DIAG_D);
    assert_eq!(interruption(&machine), (0x80, 0x40e0, CODE, 4, CODE + 4));
    assert_eq!(machine.read::<2>(0x600), [0, 0], "the instruction is complete");
    let (_machine, cpu) = recording(FETCH, CODE + 1, CODE + 3, "stap 0x600(%r0)\ndiag %r0,%r0,1");
    assert_eq!(run(&cpu), DIAG_1, "not in the area");
}

#[test]
fn operands_that_are_stored_here() {
    let (machine, cpu) = recording(STORE, 0x601, 0x601, "stap 0x600(%r0)\ndiag %r0,%r0,1");
    assert_eq!(run(&cpu), DIAG_D);
    assert_eq!(interruption(&machine), (0x80, 0x20e0, CODE, 4, CODE + 4));
    let (machine, cpu) = recording(FETCH | STORE, 0, u64::MAX, "stap 0x600(%r0)\ndiag %r0,%r0,1");
    assert_eq!(run(&cpu), DIAG_D);
    assert_eq!(interruption(&machine).1, 0x60e0, "both");
    let (_machine, cpu) = recording(STORE, 0x602, 0x5ff0, "stap 0x600(%r0)\ndiag %r0,%r0,1");
    assert_eq!(run(&cpu), DIAG_1, "not in the area");
}

#[test]
fn exceptions_of_instructions_that_are_completed_here() {
    let (machine, cpu) = recording(FETCH | STORE, 0, u64::MAX, "stap 0x601(%r0)\ndiag %r0,%r0,1");
    assert_eq!(run(&cpu), DIAG_D);
    assert_eq!(interruption(&machine), (0x86, 0x40e0, CODE, 4, CODE + 4));
}

#[test]
fn execute_of_an_instruction_that_is_completed_here() {
    let (machine, cpu) = recording(FETCH, CODE, CODE, "exrl %r0,.+10\ndiag %r0,%r0,1\nstap 0x600(%r0)");
    assert_eq!(run(&cpu), DIAG_D);
    assert_eq!(interruption(&machine), (0x80, 0x40e0, CODE, 6, CODE + 6));
}

#[test]
fn the_client_completes_the_instruction_before_the_interruption() {
    let (machine, cpu) = recording(FETCH, CODE, CODE, "diag %r0,%r0,1\nlr %r0,%r0\ndiag %r0,%r0,2");
    assert_eq!(run(&cpu), DIAG_1);
    assert_eq!(machine.read::<2>(0x8e), [0, 0], "not yet");
    assert_eq!(run(&cpu), DIAG_D);
    assert_eq!(interruption(&machine), (0x80, 0x40e0, CODE, 4, CODE + 4));
}

#[test]
fn an_exception_that_the_client_finds_comes_with_the_event() {
    let (machine, cpu) = recording(FETCH, CODE, CODE, "diag %r0,%r0,1\nlr %r0,%r0\ndiag %r0,%r0,2");
    assert_eq!(run(&cpu), DIAG_1);
    cpu.s390_interrupt(&kvm_s390_interrupt { r#type: KVM_S390_PROGRAM_INT as u32, parm: 6, parm64: 0 }).unwrap();
    assert_eq!(run(&cpu), DIAG_D);
    assert_eq!(interruption(&machine), (0x86, 0x40e0, CODE, 4, CODE + 4));
}

#[test]
fn nothing_is_recorded_for_what_comes_later() {
    // The event belongs to the STAP alone; recording goes on only with the PER mask, which the new PSW has not.
    let (machine, cpu) = recording(FETCH, CODE, CODE, "stap 0x600(%r0)");
    machine.write(PROGRAM, &softsie_isa::assemble("stap 0x604(%r0)\ndiag %r0,%r0,0xd", PROGRAM).unwrap());
    machine.write(0x604, &[0xff, 0xff]);
    assert_eq!(run(&cpu), DIAG_D);
    assert_eq!(interruption(&machine).4, CODE + 4);
    assert_eq!(machine.read::<2>(0x604), [0, 0]);
}
