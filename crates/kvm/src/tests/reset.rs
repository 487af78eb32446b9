//! What each reset does to each field, and what stays; the whole save area of store status.
//! Truth: Principles of Operation, chapter 4, Resets (figure of the results) and Store Status; chapter 3, Assigned Storage
//! Locations.

use std::sync::Arc;

use super::machine::{Machine, page};
use crate::abi::*;
use crate::interrupt::Pending;
use crate::{Result, Vcpu};

const RI: u64 = 1 << 39;
const PSW: (u64, u64) = (0x0705_0001_8000_0000, 0x1234_5678);

/// A CPU with something in every field, and something pending of every kind.
fn busy_cpu() -> (Machine, Arc<Vcpu>) {
    let machine = Machine::with_vectors();
    let cpu = machine.vcpu(0);
    machine.vcpu(1);
    page(&cpu, |run| {
        (run.psw_mask, run.psw_addr) = (PSW.0 | RI, PSW.1);
        let regs = run.regs_mut();
        regs.gprs = core::array::from_fn(|n| 0x1100 + n as u64);
        regs.acrs = core::array::from_fn(|n| 0x2200 + n as u32);
        regs.crs = core::array::from_fn(|n| 0x4400 + n as u64);
        *regs.vrs_mut() = core::array::from_fn(|n| [0x5500 + n as u64, 0x6600 + n as u64]);
        regs.prefix = 0x2_0000;
        regs.fpc = 0x0088_0000;
        regs.todpr = 0x1234;
        regs.cputm = 0x7777_0000_0000_0000;
        regs.ckc = 0xaabb_ccdd_eeff_1122;
        regs.pp = 0x99;
        regs.gbea = 0x4000;
        regs.pft = 0x5000;
        run.kvm_dirty_regs = KVM_SYNC_CRS | KVM_SYNC_PREFIX | KVM_SYNC_ARCH0 | KVM_SYNC_PFAULT;
    });
    cpu.with_running(|running| running.load_registers());
    for (r#type, parm64) in [
        (KVM_S390_INT_EMERGENCY, 0),
        (KVM_S390_INT_EXTERNAL_CALL, 0),
        (KVM_S390_INT_CLOCK_COMP, 0),
        (KVM_S390_INT_CPU_TIMER, 0),
        (KVM_S390_PROGRAM_INT, 0),
        (KVM_S390_RESTART, 0),
        (KVM_S390_MCHK, 1 << 63),
    ] {
        let parm = if r#type == KVM_S390_MCHK { 0 } else { 1 };
        cpu.s390_interrupt(&kvm_s390_interrupt { r#type: r#type as u32, parm, parm64 }).unwrap();
    }
    let service = kvm_s390_interrupt { r#type: KVM_S390_INT_SERVICE as u32, parm: 8, parm64: 0 };
    machine.vm.s390_interrupt(&service).unwrap();
    (machine, cpu)
}

/// How much a reset does; each does all of what the one before does.
#[derive(Clone, Copy, PartialEq, PartialOrd, Debug)]
enum Kind {
    Cpu,
    Initial,
    Clear,
}

#[test]
fn each_reset_field_by_field() {
    type Call = fn(&Vcpu) -> Result<()>;
    let resets: [(Kind, Call); 3] = [
        (Kind::Cpu, Vcpu::s390_normal_reset),
        (Kind::Initial, Vcpu::s390_initial_reset),
        (Kind::Clear, Vcpu::s390_clear_reset),
    ];
    for (kind, reset) in resets {
        let (machine, cpu) = busy_cpu();
        machine.vm.set_tod(0, 0x4000_0000_0000_0000);
        machine.write(0x9000, b"storage");
        cpu.peer().sd.ihcpu.set(0);
        reset(&cpu).unwrap();
        let initial = kind >= Kind::Initial;
        let clear = kind >= Kind::Clear;
        let or = |reset: bool, after: u64, before: u64| if reset { after } else { before };
        // As the client sees it and as the CPU will find it.
        let sd = &cpu.peer().sd;
        page(&cpu, |run| {
            assert_eq!((run.psw_mask, run.psw_addr), if initial { (0, 0) } else { PSW }, "{kind:?}: PSW");
            let regs = run.regs();
            for n in 0..16 {
                let number = n as u64;
                assert_eq!(regs.gprs[n], or(clear, 0, 0x1100 + number), "{kind:?}: general register {n}");
                assert_eq!(u64::from(regs.acrs[n]), or(clear, 0, 0x2200 + number), "{kind:?}: access register {n}");
                let control = match n {
                    0 => 0xe0,
                    14 => 0xc200_0000,
                    _ => 0,
                };
                assert_eq!(sd.gcr[n].get(), or(initial, control, 0x4400 + number), "{kind:?}: control register {n}");
            }
            for (n, [left, right]) in regs.vrs().iter().enumerate() {
                let number = n as u64;
                let values = (or(clear, 0, 0x5500 + number), or(clear, 0, 0x6600 + number));
                assert_eq!((*left, *right), values, "{kind:?}: vector register {n}");
            }
            assert_eq!(u64::from(regs.fpc), or(initial, 0, 0x0088_0000), "{kind:?}: FPC");
            assert_eq!(regs.riccb, [0; 64]);
        });
        for (name, value, after, before) in [
            ("prefix", u64::from(sd.prefix()), 0, 0x2_0000),
            ("TOD programmable register", u64::from(sd.todpr.get()), 0, 0x1234),
            ("CPU timer", sd.cputm.get(), 0, 0x7777_0000_0000_0000),
            ("clock comparator", sd.ckc.get(), 0, 0xaabb_ccdd_eeff_1122),
            ("program parameter", sd.pp(), 0, 0x99),
            ("breaking-event address", sd.gbea.get(), 1, 0x4000),
        ] {
            assert_eq!(value, or(initial, after, before), "{kind:?}: {name}");
        }
        assert_eq!(cpu.peer().local.lock().pending, Pending::empty(), "{kind:?}: interruptions of this CPU");
        assert_eq!(cpu.peer().local.lock().machine_check, kvm_s390_mchk_info::default());
        assert_eq!(machine.vm.floating.pending(), Pending::SERVICE, "{kind:?}: floating interruptions stay");
        assert_eq!(cpu.peer().pfault.lock().token, u64::MAX, "{kind:?}: pfault handshake");
        assert_eq!(cpu.get_mp_state(), Ok(KVM_MP_STATE_STOPPED), "{kind:?}");
        assert_eq!(sd.ihcpu.get(), 0xffff, "{kind:?}: the TLB is purged");
        assert_eq!(machine.read::<7>(0x9000), *b"storage", "{kind:?}: clearing storage is the client's");
        assert!(machine.vm.tod().1 - 0x4000_0000_0000_0000 < 60 * 4_096_000_000, "{kind:?}: the TOD clock goes on");
    }
}

#[test]
fn a_new_cpu_is_as_after_a_clear_reset() {
    let machine = Machine::with_vectors();
    let cpu = machine.vcpu(3);
    let sd = &cpu.peer().sd;
    page(&cpu, |run| {
        let regs = run.regs();
        assert_eq!((regs.gprs, regs.acrs, *regs.vrs(), regs.fpc), ([0; 16], [0; 16], [[0; 2]; 32], 0));
        assert_eq!((run.psw_mask, run.psw_addr, regs.gbea), (0, 0, 1));
    });
    assert_eq!(
        (sd.gcr[0].get(), sd.gcr[14].get(), sd.prefix(), sd.cputm.get(), sd.ckc.get()),
        (0xe0, 0xc200_0000, 0, 0, 0)
    );
    assert_eq!(cpu.get_mp_state(), Ok(KVM_MP_STATE_STOPPED));
}

#[test]
fn store_status_writes_its_fields_and_nothing_between() {
    let (machine, cpu) = busy_cpu();
    machine.write(0x3_0000, &[0xcc; 0x200]);
    cpu.s390_store_status(0x3_0000).unwrap();
    let at = |offset: u64| machine.read_u64(0x3_0000 + offset);
    for n in 0..16u64 {
        assert_eq!(at(8 * n), 0x5500 + n, "floating-point register {n}");
        assert_eq!(at(0x80 + 8 * n), 0x1100 + n, "general register {n}");
        assert_eq!(machine.read::<4>(0x3_0140 + 4 * n), (0x2200 + n as u32).to_be_bytes(), "access register {n}");
        assert_eq!(at(0x180 + 8 * n), 0x4400 + n, "control register {n}");
    }
    assert_eq!((at(0x100), at(0x108)), (PSW.0 | RI, PSW.1));
    assert_eq!(at(0x110), 0xcccc_cccc_cccc_cccc, "not assigned");
    assert_eq!(at(0x118), 0x0002_0000_0088_0000, "prefix and FPC");
    assert_eq!(at(0x120), 0xcccc_cccc_0000_1234, "not assigned, TOD programmable register");
    assert_eq!(at(0x128), 0x7777_0000_0000_0000, "CPU timer");
    assert_eq!(at(0x130), 0x00aa_bbcc_ddee_ff11, "clock comparator");
    assert_eq!(at(0x138), 0xcccc_cccc_cccc_cccc, "not assigned");
    assert_eq!(machine.read::<1>(163), [0], "the byte of the mode belongs to stores at the assigned places");
}
