//! Guest debugging: what is reported, when, and that the guest sees nothing of it.
//! Truth: the interface's reference (guest debug); Linux 6.12 arch/s390/kvm/guestdbg.c.

use std::sync::Arc;

use super::machine::{Machine, page};
use crate::abi::*;
use crate::{Errno, OwnMemory, Vcpu};

const EA_BA: u64 = 0x0000_0001_8000_0000;
const EXT: u64 = 0x0100_0000_0000_0000;
const START: u64 = 0x4000;

fn guest(source: &str) -> (Machine, Arc<Vcpu>) {
    let machine = Machine::new();
    machine.write(START, &softsie_isa::assemble(source, START).unwrap());
    for (new, at) in [(0x1b0, 0xb000), (0x1c0, 0xc000), (0x1d0, 0xd000)] {
        machine.write_psw(new, EA_BA, at);
        machine.write(at, &softsie_isa::assemble("lr %r1,%r1\ndiag %r0,%r0,0xf", at).unwrap());
    }
    let cpu = machine.vcpu(0);
    page(&cpu, |run| {
        run.psw_mask = EA_BA;
        run.psw_addr = START;
        run.regs_mut().ckc = u64::MAX;
        run.regs_mut().cputm = i64::MAX as u64;
        run.kvm_dirty_regs |= KVM_SYNC_ARCH0;
    });
    (machine, cpu)
}

fn debug(cpu: &Vcpu, control: u32, points: &[kvm_hw_breakpoint]) -> Result<(), Errno> {
    let hw_bp = points.as_ptr().expose_provenance() as u64;
    let arch = kvm_guest_debug_arch { nr_hw_bp: points.len() as u32, pad: 0, hw_bp };
    cpu.set_guest_debug(&kvm_guest_debug { control, pad: 0, arch }, &OwnMemory)
}

const STEP: u32 = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP;
const POINTS: u32 = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP;

fn breakpoint(addr: u64) -> kvm_hw_breakpoint {
    kvm_hw_breakpoint { addr, r#type: KVM_HW_BP, ..Default::default() }
}

fn watch(addr: u64, len: u64) -> kvm_hw_breakpoint {
    kvm_hw_breakpoint { addr, phys_addr: addr, len, r#type: KVM_HW_WP_WRITE, ..Default::default() }
}

/// Runs to an exit: its reason, and for KVM_EXIT_DEBUG kind and address.
fn run(cpu: &Vcpu) -> (u32, u8, u64) {
    assert_eq!(cpu.run(), Ok(()));
    page(cpu, |run| {
        // SAFETY: integers, valid for any bytes.
        let debug = unsafe { run.exit.debug };
        let address = run.psw_addr;
        match run.exit_reason {
            KVM_EXIT_DEBUG => {
                if debug.r#type != KVM_HW_WP_WRITE {
                    assert_eq!(debug.addr, address);
                }
                (KVM_EXIT_DEBUG, debug.r#type, debug.addr)
            }
            other => (other, 0, address),
        }
    })
}

const SIEIC: u32 = KVM_EXIT_S390_SIEIC;

#[test]
fn each_step_is_one_instruction() {
    let (_machine, cpu) = guest("lghi %r1,1\naghi %r1,2\nj 1f\nlghi %r1,0\n1: lgr %r2,%r1\nsvc 7\ndiag %r0,%r0,1");
    debug(&cpu, STEP, &[]).unwrap();
    let step = |address| assert_eq!(run(&cpu), (KVM_EXIT_DEBUG, KVM_SINGLESTEP, address));
    step(START + 4);
    step(START + 8);
    assert_eq!(page(&cpu, |run| run.regs().gprs[1]), 3);
    step(START + 16);
    step(START + 20);
    step(0xc000);
    step(0xc002);
    debug(&cpu, 0, &[]).unwrap();
    assert_eq!(run(&cpu), (SIEIC, 0, 0xc006));
    assert_eq!(page(&cpu, |run| run.regs().gprs[2]), 3);
}

#[test]
fn an_instruction_of_the_host_is_a_step_and_one_of_the_client_is_reported_afterwards() {
    let (machine, cpu) = guest("stap 0x600(%r0)\ndiag %r0,%r0,1\nlr %r1,%r1");
    machine.write(0x600, &[0xff; 2]);
    debug(&cpu, STEP, &[]).unwrap();
    assert_eq!(run(&cpu), (KVM_EXIT_DEBUG, KVM_SINGLESTEP, START + 4));
    assert_eq!(machine.read::<2>(0x600), [0, 0]);
    assert_eq!(run(&cpu), (SIEIC, 0, START + 8));
    assert_eq!(run(&cpu), (KVM_EXIT_DEBUG, KVM_SINGLESTEP, START + 8));
    assert_eq!(run(&cpu), (KVM_EXIT_DEBUG, KVM_SINGLESTEP, START + 10));
}

#[test]
fn a_program_interruption_ends_the_step_with_its_new_psw() {
    let (machine, cpu) = guest("lr %r1,%r1\nlr %r1,%r1");
    machine.write(START, &[0, 0]);
    debug(&cpu, STEP, &[]).unwrap();
    assert_eq!(run(&cpu), (KVM_EXIT_DEBUG, KVM_SINGLESTEP, 0xd000));
    // One that the client injects, instead of the report that was due.
    let (_machine, cpu) = guest("diag %r0,%r0,1\nlr %r1,%r1");
    debug(&cpu, STEP, &[]).unwrap();
    assert_eq!(run(&cpu).0, SIEIC);
    cpu.s390_interrupt(&kvm_s390_interrupt { r#type: KVM_S390_PROGRAM_INT as u32, parm: 6, parm64: 0 }).unwrap();
    assert_eq!(run(&cpu), (KVM_EXIT_DEBUG, KVM_SINGLESTEP, 0xd000));
}

#[test]
fn an_external_interruption_is_a_step_but_the_clock_comparator_waits() {
    let (_machine, cpu) = guest("lr %r1,%r1\nlr %r1,%r1\nlr %r1,%r1\ndiag %r0,%r0,1");
    page(&cpu, |run| {
        run.psw_mask |= EXT;
        run.regs_mut().crs[0] = 0x4ce0;
        run.regs_mut().ckc = 0;
        run.kvm_dirty_regs |= KVM_SYNC_CRS | KVM_SYNC_ARCH0;
    });
    debug(&cpu, STEP, &[]).unwrap();
    assert_eq!(run(&cpu), (KVM_EXIT_DEBUG, KVM_SINGLESTEP, START + 2), "the comparator is due, and held back");
    assert_eq!(page(&cpu, |run| run.regs().crs[0]), 0x4ce0, "unseen by the guest");
    cpu.s390_interrupt(&kvm_s390_interrupt { r#type: KVM_S390_INT_EMERGENCY as u32, parm: 0, parm64: 0 }).unwrap();
    assert_eq!(run(&cpu), (KVM_EXIT_DEBUG, KVM_SINGLESTEP, 0xb000));
    debug(&cpu, 0, &[]).unwrap();
    page(&cpu, |run| (run.psw_mask, run.psw_addr) = (EA_BA | EXT, START));
    assert_eq!(run(&cpu), (SIEIC, 0, 0xb006), "now it interrupts");
}

#[test]
fn the_guest_loads_and_stores_control_register_0_as_ever() {
    let (machine, cpu) = guest("stctg %c0,%c0,0x800(%r0)\nlctlg %c0,%c0,0x808(%r0)\nstctg %c0,%c0,0x810(%r0)");
    machine.write(0x808, &0xce2u64.to_be_bytes());
    page(&cpu, |run| {
        run.regs_mut().crs[0] = 0x8e0;
        run.kvm_dirty_regs |= KVM_SYNC_CRS;
    });
    debug(&cpu, STEP, &[]).unwrap();
    for n in 1..=3 {
        assert_eq!(run(&cpu), (KVM_EXIT_DEBUG, KVM_SINGLESTEP, START + 6 * n));
    }
    assert_eq!((machine.read_u64(0x800), machine.read_u64(0x810)), (0x8e0, 0xce2));
}

#[test]
fn breakpoints_stop_before_the_instruction_and_not_again() {
    let (_machine, cpu) = guest("lghi %r1,3\n1: lr %r2,%r2\nlr %r3,%r3\nbrctg %r1,1b\ndiag %r0,%r0,1");
    let at = START + 4;
    debug(&cpu, POINTS, &[breakpoint(0x9999_0000), breakpoint(at)]).unwrap();
    for left in [3, 2, 1] {
        assert_eq!(run(&cpu), (KVM_EXIT_DEBUG, KVM_HW_BP, at));
        assert_eq!(page(&cpu, |run| run.regs().gprs[1]), left);
    }
    assert_eq!(run(&cpu), (SIEIC, 0, START + 16));
}

#[test]
fn a_breakpoint_after_an_instruction_of_the_client() {
    let (_machine, cpu) = guest("diag %r0,%r0,1\nlr %r2,%r2\ndiag %r0,%r0,2");
    debug(&cpu, POINTS, &[breakpoint(START + 4), breakpoint(START)]).unwrap();
    assert_eq!(run(&cpu), (SIEIC, 0, START + 4), "the client began at the first one");
    assert_eq!(run(&cpu), (KVM_EXIT_DEBUG, KVM_HW_BP, START + 4));
    assert_eq!(run(&cpu), (SIEIC, 0, START + 10));
}

#[test]
fn watched_storage_is_reported_when_its_content_changes() {
    let (_machine, cpu) =
        guest("lghi %r1,7\nst %r1,0x700(%r0)\nst %r1,0x708(%r0)\nst %r1,0x704(%r0)\nst %r1,0x704(%r0)\ndiag %r0,%r0,1");
    debug(&cpu, POINTS, &[watch(0x700, 8)]).unwrap();
    assert_eq!(run(&cpu), (KVM_EXIT_DEBUG, KVM_HW_WP_WRITE, 0x700));
    assert_eq!(page(&cpu, |run| run.psw_addr), START + 8);
    assert_eq!(run(&cpu), (KVM_EXIT_DEBUG, KVM_HW_WP_WRITE, 0x700));
    assert_eq!(page(&cpu, |run| run.psw_addr), START + 16);
    assert_eq!(run(&cpu), (SIEIC, 0, START + 24), "the same value once more is no change");
}

#[test]
fn what_is_refused() {
    let (machine, cpu) = guest("diag %r0,%r0,1");
    assert_eq!(debug(&cpu, 4, &[]), Err(Errno::EINVAL));
    assert_eq!(debug(&cpu, STEP | 0x1000_0000, &[]), Err(Errno::EINVAL), "Linux's own flag");
    assert_eq!(debug(&cpu, POINTS, &[breakpoint(0); 51]), Err(Errno::EINVAL));
    assert_eq!(debug(&cpu, POINTS, &[watch(0, 101)]), Err(Errno::EINVAL));
    assert_eq!(debug(&cpu, POINTS, &[watch(1 << 40, 8)]), Err(Errno::EFAULT));
    let arch = kvm_guest_debug_arch { nr_hw_bp: 1, pad: 0, hw_bp: 8 };
    let bad = kvm_guest_debug { control: POINTS, pad: 0, arch };
    assert_eq!(cpu.set_guest_debug(&bad, &OwnMemory), Err(Errno::EFAULT));
    debug(&cpu, STEP, &[]).unwrap();
    assert_eq!(debug(&cpu, 4, &[]), Err(Errno::EINVAL), "and forgets what was set");
    assert_eq!(run(&cpu), (SIEIC, 0, START + 4));
    drop(machine);
}
