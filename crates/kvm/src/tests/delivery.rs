//! Delivery of interrupts to lowcore: what is stored where, which PSW is loaded, and in which order.
//! Truth: Principles of Operation, chapter 6 and chapter 3 (Assigned Storage Locations).

use std::sync::Arc;

use softsie_sie::{CpuFlags, InterceptionControls, icpt, lctl};

use super::machine::Machine;
use crate::Vcpu;
use crate::abi::*;

const EXT: u64 = 0x0100_0000_0000_0000;
const IO: u64 = 0x0200_0000_0000_0000;
const MCHK: u64 = 0x0004_0000_0000_0000;
const EA_BA: u64 = 0x0000_0001_8000_0000;

/// New PSWs at addresses that tell them apart.
fn machine() -> (Machine, Arc<Vcpu>) {
    let machine = Machine::new();
    for (at, ia) in [(0x1a0, 0xa000), (0x1b0, 0xb000), (0x1d0, 0xd000), (0x1e0, 0xe000), (0x1f0, 0xf000)] {
        machine.write_psw(at, EA_BA, ia);
    }
    let vcpu = machine.vcpu(0);
    vcpu.set_mp_state(KVM_MP_STATE_OPERATING).unwrap();
    (machine, vcpu)
}

fn set(vcpu: &Vcpu, mask: u64, cr0: u64, cr6: u64, cr14: u64) {
    let sd = &vcpu.peer().sd;
    sd.gpsw_mask.set(EA_BA | mask);
    sd.gpsw_addr.set(0x4000);
    sd.gcr[0].set(cr0);
    sd.gcr[6].set(cr6);
    sd.gcr[14].set(cr14);
    // Timers far from due.
    sd.ckc.set(u64::MAX);
    sd.cputm.set(i64::MAX as u64);
}

fn deliver(vcpu: &Vcpu) -> u64 {
    vcpu.with_running(|running| running.deliver_interrupts().unwrap());
    vcpu.peer().sd.gpsw_addr.get()
}

#[test]
fn service_signal() {
    let (machine, vcpu) = machine();
    set(&vcpu, EXT, 0x200, 0, 0);
    let service = kvm_s390_interrupt { r#type: KVM_S390_INT_SERVICE as u32, parm: 0x1_2340, parm64: 0 };
    machine.vm.s390_interrupt(&service).unwrap();
    assert_eq!(deliver(&vcpu), 0xb000);
    assert_eq!(machine.read::<8>(0x80), [0, 1, 0x23, 0x40, 0, 0, 0x24, 0x01]);
    assert_eq!((machine.read_u64(0x130), machine.read_u64(0x138)), (EA_BA | EXT, 0x4000), "old PSW");
}

#[test]
fn masked_interrupts_arm_interventions_instead() {
    let (machine, vcpu) = machine();
    let sd = &vcpu.peer().sd;
    let service = kvm_s390_interrupt { r#type: KVM_S390_INT_SERVICE as u32, parm: 8, parm64: 0 };
    machine.vm.s390_interrupt(&service).unwrap();
    set(&vcpu, 0, 0x200, 0, 0);
    assert_eq!(deliver(&vcpu), 0x4000);
    assert!(sd.has_cpu_flags(CpuFlags::EXT_INT));
    assert_eq!(sd.lctl.get(), 0);
    set(&vcpu, EXT, 0, 0, 0);
    assert_eq!(deliver(&vcpu), 0x4000);
    assert!(!sd.has_cpu_flags(CpuFlags::EXT_INT), "the PSW lets it through: an intervention would never end");
    assert_eq!(sd.lctl.get(), lctl::CR0);
    set(&vcpu, EXT, 0x200, 0, 0);
    assert_eq!(deliver(&vcpu), 0xb000);
    assert_eq!(sd.lctl.get(), 0);
}

#[test]
fn io_by_subclass() {
    let (machine, vcpu) = machine();
    let io = |nr: u32, isc: u64| kvm_s390_interrupt {
        r#type: 0,
        parm: 0x0001_0000 | nr,
        parm64: 0xaabb_ccdd_0000_0000 | isc << 27,
    };
    machine.vm.s390_interrupt(&io(5, 6)).unwrap();
    machine.vm.s390_interrupt(&io(4, 3)).unwrap();
    set(&vcpu, IO, 0, 0x1200_0000, 0);
    assert_eq!(deliver(&vcpu), 0xf000);
    assert_eq!(
        machine.read::<12>(0xb8),
        [0, 1, 0, 4, 0xaa, 0xbb, 0xcc, 0xdd, 0x18, 0, 0, 0],
        "the lower subclass first"
    );
    assert!(vcpu.peer().sd.has_cpu_flags(CpuFlags::IO_INT), "the other waits for the PSW");
    set(&vcpu, IO, 0, 0x1000_0000, 0);
    assert_eq!(deliver(&vcpu), 0x4000);
    assert_eq!(vcpu.peer().sd.lctl.get(), lctl::CR6);
    set(&vcpu, IO, 0, 0x0200_0000, 0);
    assert_eq!(deliver(&vcpu), 0xf000);
    assert_eq!(machine.read::<4>(0xb8), [0, 1, 0, 5]);
}

#[test]
fn machine_check_for_a_channel_report() {
    let (machine, vcpu) = machine();
    vcpu.with_running(|running| running.sie.cpu.gr[3] = 0x3333);
    let report = kvm_s390_interrupt { r#type: KVM_S390_MCHK as u32, parm: 0x1000_0000, parm64: 0x0040_0f1d_4033_0000 };
    machine.vm.s390_interrupt(&report).unwrap();
    let sd = &vcpu.peer().sd;
    set(&vcpu, 0, 0, 0, !0);
    assert_eq!(deliver(&vcpu), 0x4000);
    assert!(sd.interception_controls().contains(InterceptionControls::LPSW));
    set(&vcpu, MCHK, 0, 0, 0);
    assert_eq!(deliver(&vcpu), 0x4000);
    assert_eq!(sd.lctl.get(), lctl::CR14);
    assert!(!sd.interception_controls().contains(InterceptionControls::LPSW));
    set(&vcpu, MCHK, 0, 0, 0x1000_0000);
    assert_eq!(deliver(&vcpu), 0xe000);
    assert_eq!(machine.read_u64(0xe8), 0x0040_0f1d_4033_0000 & !(1 << 38), "no extended save area: no vectors");
    assert_eq!(machine.read_u64(0x1298), 0x3333, "register save area");
    assert_eq!(machine.read_u64(0x168), 0x4000, "old PSW");
}

#[test]
fn program_interruption_of_an_intercepted_instruction() {
    let (machine, vcpu) = machine();
    set(&vcpu, 0, 0, 0, 0);
    let sd = &vcpu.peer().sd;
    sd.icptcode.set(icpt::INST);
    sd.ipa.set(0xeb25);
    sd.gbea.set(0x9876);
    let program = |code| kvm_s390_interrupt { r#type: KVM_S390_PROGRAM_INT as u32, parm: code, parm64: 0 };
    vcpu.s390_interrupt(&program(0x06)).unwrap();
    assert_eq!(deliver(&vcpu), 0xd000);
    assert_eq!(machine.read::<4>(0x8c), [0, 6, 0, 6], "length and code");
    assert_eq!(machine.read_u64(0x158), 0x4000, "suppressed: the PSW stays after the instruction");
    assert_eq!(machine.read_u64(0x110), 0x9876, "breaking event");
    set(&vcpu, 0, 0, 0, 0);
    vcpu.s390_interrupt(&program(0x11)).unwrap();
    deliver(&vcpu);
    assert_eq!(machine.read_u64(0x158), 0x3ffa, "nullified: back to the instruction");
}

#[test]
fn program_parameters() {
    let (machine, vcpu) = machine();
    set(&vcpu, 0, 0, 0, 0);
    let mut irq = kvm_s390_irq::new(KVM_S390_PROGRAM_INT);
    irq.u.pgm = kvm_s390_pgm_info {
        code: 0x11,
        trans_exc_code: 0x1234_5400,
        exc_access_id: 5,
        op_access_id: 6,
        flags: KVM_S390_PGM_FLAGS_ILC_VALID | KVM_S390_PGM_FLAGS_ILC_1 | KVM_S390_PGM_FLAGS_NO_REWIND,
        ..Default::default()
    };
    vcpu.s390_irq(&irq).unwrap();
    deliver(&vcpu);
    assert_eq!(machine.read::<4>(0x8c), [0, 4, 0, 0x11]);
    assert_eq!(machine.read_u64(0xa8), 0x1234_5400);
    assert_eq!(machine.read::<3>(0xa0), [5, 0, 6]);
    assert_eq!(machine.read_u64(0x158), 0x4000, "not rewound");
}

#[test]
fn restart_and_set_prefix() {
    let (machine, vcpu) = machine();
    set(&vcpu, 0, 0, 0, 0);
    vcpu.s390_irq(&kvm_s390_irq::new(KVM_S390_RESTART)).unwrap();
    assert_eq!(deliver(&vcpu), 0xa000, "a restart cannot be masked");
    assert_eq!(machine.read_u64(0x128), 0x4000);
    vcpu.set_mp_state(KVM_MP_STATE_STOPPED).unwrap();
    let mut irq = kvm_s390_irq::new(KVM_S390_SIGP_SET_PREFIX);
    irq.u.prefix = kvm_s390_prefix_info { address: 0x0000_7fff };
    vcpu.s390_irq(&irq).unwrap();
    deliver(&vcpu);
    assert_eq!(vcpu.peer().sd.prefix(), 0x6000);
}

#[test]
fn external_signals_in_order_of_priority() {
    let (machine, vcpu) = machine();
    set(&vcpu, EXT, 0x6c00, 0, 0);
    machine.vcpu(2);
    let signal = |r#type: u64| kvm_s390_interrupt { r#type: r#type as u32, parm: 2, parm64: 0 };
    for t in [KVM_S390_INT_CPU_TIMER, KVM_S390_INT_CLOCK_COMP, KVM_S390_INT_EXTERNAL_CALL, KVM_S390_INT_EMERGENCY] {
        vcpu.s390_interrupt(&signal(t)).unwrap();
    }
    for (code, from) in [(0x1201u16, 2u16), (0x1202, 2), (0x1004, 0), (0x1005, 0)] {
        set(&vcpu, EXT, 0x6c00, 0, 0);
        assert_eq!(deliver(&vcpu), 0xb000);
        let stored: [u8; 4] = machine.read(0x84);
        assert_eq!(
            (u16::from_be_bytes([stored[2], stored[3]]), u16::from_be_bytes([stored[0], stored[1]])),
            (code, from)
        );
    }
    set(&vcpu, EXT, 0x6c00, 0, 0);
    assert_eq!(deliver(&vcpu), 0x4000, "each was delivered once");
}

#[test]
fn a_due_clock_comparator_interrupts_by_itself() {
    let (machine, vcpu) = machine();
    set(&vcpu, EXT, 0x800, 0, 0);
    vcpu.peer().sd.ckc.set(0);
    assert_eq!(deliver(&vcpu), 0xb000);
    assert_eq!(machine.read::<2>(0x86), [0x10, 0x04]);
}

#[test]
fn virtio_and_pfault_share_a_code() {
    let (machine, vcpu) = machine();
    let ext = |r#type: u64| kvm_s390_interrupt { r#type: r#type as u32, parm: 7, parm64: 0x1122_3344_5566_7788 };
    for (irq, local, from) in [
        (KVM_S390_INT_PFAULT_INIT, true, [0x06, 0x00]),
        (KVM_S390_INT_PFAULT_DONE, false, [0x06, 0x80]),
        (KVM_S390_INT_VIRTIO, false, [0x0d, 0x00]),
    ] {
        set(&vcpu, EXT, 0, 0, 0);
        if local {
            vcpu.s390_interrupt(&ext(irq)).unwrap()
        } else {
            machine.vm.s390_interrupt(&ext(irq)).unwrap()
        }
        assert_eq!(deliver(&vcpu), 0xb000);
        assert_eq!(machine.read::<2>(0x84), from);
        assert_eq!(machine.read::<2>(0x86), [0x26, 0x03]);
        assert_eq!(machine.read_u64(0x11b8), 0x1122_3344_5566_7788);
    }
}

#[test]
fn interrupts_go_to_the_prefix_area() {
    let (machine, vcpu) = machine();
    set(&vcpu, EXT, 0x800, 0, 0);
    vcpu.peer().sd.set_prefix(0x2_0000);
    machine.write_psw(0x2_01b0, EA_BA, 0x7777_0000);
    vcpu.s390_irq(&kvm_s390_irq::new(KVM_S390_INT_CLOCK_COMP)).unwrap();
    assert_eq!(deliver(&vcpu), 0x7777_0000);
    assert_eq!(machine.read::<2>(0x2_0086), [0x10, 0x04]);
    assert_eq!(machine.read::<2>(0x86), [0, 0]);
}

#[test]
fn a_reset_forgets_local_interrupts_only() {
    let (machine, vcpu) = machine();
    vcpu.s390_irq(&kvm_s390_irq::new(KVM_S390_INT_CLOCK_COMP)).unwrap();
    machine.vm.s390_interrupt(&kvm_s390_interrupt { r#type: KVM_S390_INT_SERVICE as u32, parm: 8, parm64: 0 }).unwrap();
    vcpu.s390_normal_reset().unwrap();
    assert!(vcpu.peer().local.lock().pending.is_empty());
    set(&vcpu, EXT, 0x200, 0, 0);
    assert_eq!(deliver(&vcpu), 0xb000);
    assert_eq!(machine.read::<2>(0x86), [0x24, 0x01]);
}
