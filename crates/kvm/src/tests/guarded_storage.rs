//! Guarded storage in the interface: the capability, first use, the control block of the shared page, resets, machine checks.
//! Truth: Linux 6.12 arch/s390/kvm (handle_gs, sync_regs, __write_machine_check, kvm_arch_vcpu_ioctl_clear_reset).

use std::sync::Arc;

use super::machine::{Machine, page};
use crate::abi::*;
use crate::{Errno, Vcpu};

const EA_BA: u64 = 0x0000_0001_8000_0000;
const START: u64 = 0x4000;
/// All of 32 MiB at 64 MiB is guarded; the list is at 6000 hex.
const BLOCK: [u64; 4] = [0, 0x400_0019, u64::MAX, 0x6000];

/// A machine with the facility, and a CPU about to execute `source` with control register 2 as given.
fn guest(source: &str, cr2: u64) -> (Machine, Arc<Vcpu>) {
    let machine = Machine::new();
    machine.vm.enable_cap(&kvm_enable_cap { cap: KVM_CAP_S390_GS, ..Default::default() }).unwrap();
    let end = "\n handler: lghi %r9,1\n diag %r0,%r0,0x222\n";
    machine.write(START, &softsie_isa::assemble(&format!("{source}{end}"), START).unwrap());
    machine.write(0x7000, &[BLOCK[0], BLOCK[1], BLOCK[2], BLOCK[3]].map(u64::to_be_bytes).concat());
    machine.write(0x7100, &0x412_3456u64.to_be_bytes());
    machine.write_psw(0x1d0, EA_BA, 0xd000);
    machine.write(0xd000, &[0x83, 0, 0x0f, 0x0d]);
    let cpu = machine.vcpu(0);
    page(&cpu, |run| {
        (run.psw_mask, run.psw_addr) = (EA_BA, START);
        let regs = run.regs_mut();
        (regs.crs[2], regs.ckc, regs.cputm) = (cr2, u64::MAX, i64::MAX as u64);
        run.kvm_dirty_regs = KVM_SYNC_CRS | KVM_SYNC_ARCH0;
    });
    (machine, cpu)
}

fn block(cpu: &Vcpu) -> [u64; 4] {
    page(cpu, |run| run.regs().gscb)
}

#[test]
fn the_capability_brings_the_facility_and_the_register_class() {
    let machine = Machine::new();
    let cap = kvm_enable_cap { cap: KVM_CAP_S390_GS, ..Default::default() };
    assert_eq!(machine.vm.check_extension(KVM_CAP_S390_GS), 1);
    assert!(!machine.vm.has_facility(133));
    assert_eq!(machine.vm.enable_cap(&cap), Ok(()));
    assert!(machine.vm.has_facility(133));
    let cpu = machine.vcpu(0);
    assert_ne!(cpu.peer().page.classes().0 & KVM_SYNC_GSCB, 0);
    assert_eq!(machine.vm.enable_cap(&cap), Err(Errno::EBUSY));
    let without = Machine::new();
    assert_eq!(without.vcpu(0).peer().page.classes().0 & KVM_SYNC_GSCB, 0);
}

#[test]
fn the_first_use_enables_and_the_client_sees_the_registers() {
    let (machine, cpu) = guest(
        "lgsc %r0,0x7000(%r0)\n larl %r1,handler\n stg %r1,0x6008(%r0)\n lgg %r2,0x7100(%r0)\n diag %r0,%r0,0x111",
        0x10,
    );
    let before = (cpu.peer().sd.ecb.get(), cpu.peer().sd.ecd.get());
    assert_eq!((before.0 & 0x40, before.1 & 0x2000_0000), (0, 0));
    cpu.run().unwrap();
    assert_eq!((cpu.peer().sd.ecb.get() & 0x40, cpu.peer().sd.ecd.get() & 0x2000_0000), (0x40, 0x2000_0000));
    assert_eq!(page(&cpu, |run| (run.s390_sieic().ipb >> 16, run.regs().gprs[9])), (0x222, 1), "the handler");
    assert_eq!(block(&cpu), BLOCK);
    assert_eq!(machine.read_u64(0x6020), 0x412_3456);
}

#[test]
fn a_client_that_brings_a_control_block_enables() {
    let (_machine, cpu) = guest("stgsc %r0,0x7000(%r0)\n lgg %r2,0x7100(%r0)\n diag %r0,%r0,0x111", 0x10);
    page(&cpu, |run| {
        run.regs_mut().gscb = [7, 0x400_0019, 1, 0x6000];
        run.kvm_dirty_regs |= KVM_SYNC_GSCB;
    });
    cpu.run().unwrap();
    assert_eq!(page(&cpu, |run| (run.s390_sieic().ipb >> 16, run.regs().gprs[2])), (0x111, 0x412_3456));
    assert_eq!(block(&cpu), [7, 0x400_0019, 1, 0x6000]);
    // What the client changes between runs counts from the next one on.
    let (_machine, cpu) =
        guest("again: lgsc %r0,0x7000(%r0)\n diag %r0,%r0,0x111\n stgsc %r0,0x7200(%r0)\n diag %r0,%r0,0x333", 0x10);
    cpu.run().unwrap();
    page(&cpu, |run| run.regs_mut().gscb[2] = 0x55);
    cpu.run().unwrap();
    assert_eq!(block(&cpu)[2], 0x55);
}

#[test]
fn without_the_facility_or_the_control_there_is_an_exception() {
    let (machine, cpu) = guest("lgsc %r0,0x7000(%r0)", 0);
    cpu.run().unwrap();
    assert_eq!(machine.read::<2>(0x8e), [0, 0x13]);
    let machine = Machine::new();
    machine.write_psw(0x1d0, EA_BA, 0xd000);
    machine.write(0xd000, &[0x83, 0, 0x0f, 0x0d]);
    machine.write(START, &softsie_isa::assemble("lgg %r0,0x700(%r0)", START).unwrap());
    let cpu = machine.vcpu(0);
    page(&cpu, |run| (run.psw_mask, run.psw_addr) = (EA_BA, START));
    cpu.run().unwrap();
    assert_eq!(machine.read::<2>(0x8e), [0, 1]);
}

#[test]
fn only_a_clear_reset_clears_the_registers() {
    let (_machine, cpu) = guest("lgsc %r0,0x7000(%r0)\n diag %r0,%r0,0x111", 0x10);
    cpu.run().unwrap();
    cpu.s390_normal_reset().unwrap();
    cpu.s390_initial_reset().unwrap();
    assert_eq!(block(&cpu), BLOCK);
    cpu.s390_clear_reset().unwrap();
    assert_eq!(block(&cpu), [0; 4]);
    cpu.with_running(|running| running.load_registers());
    assert_eq!(cpu.with_running(|running| running.sie.cpu.guarded_storage), Default::default());
}

#[test]
fn machine_checks_save_the_registers_where_there_is_room() {
    const GUARDED: u64 = 1 << 27;
    for (area, valid, at) in [
        (0x3_000b_u64, true, 0x3_0400),
        (0x3_040b, true, 0x3_0400),
        (0x3_0c0c, true, 0x3_0400),
        (0x3_0000, false, 0),
        (0x3_000a, false, 0),
        (0x3_0009, false, 0),
        (0x3_000d, false, 0),
        (0, false, 0),
    ] {
        let (machine, cpu) = guest("lgsc %r0,0x7000(%r0)\n diag %r0,%r0,0x111", 0x10);
        machine.write(0x11b0, &area.to_be_bytes());
        machine.write_psw(0x1e0, EA_BA, 0xe000);
        cpu.run().unwrap();
        let mut irq = kvm_s390_irq::new(KVM_S390_MCHK);
        irq.u.mchk = kvm_s390_mchk_info { mcic: 1 << 63 | GUARDED, ..Default::default() };
        cpu.s390_irq(&irq).unwrap();
        cpu.peer().sd.gpsw_mask.set(EA_BA | 0x0004_0000_0000_0000);
        cpu.with_running(|running| running.deliver_interrupts().unwrap());
        assert_eq!(machine.read_u64(0xe8) & GUARDED != 0, valid, "{area:#x}");
        if valid {
            let stored: [u64; 4] = core::array::from_fn(|n| machine.read_u64(at + n as u64 * 8));
            assert_eq!(stored, BLOCK, "{area:#x}");
        }
    }
}
