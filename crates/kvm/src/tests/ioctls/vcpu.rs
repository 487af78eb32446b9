//! Calls on a vCPU.
//! Truth: sections 3.3, 4, 6, 7, 11, 14 and 15 of the interface's reference.

use super::ucontrol::{mappings, missing_storage_leaves};
use super::{BAD, Cpu, Machine, STORAGE, address_of, on_vcpu, page, shows, vcpu, vcpu_change, vm};
use crate::Errno;
use crate::abi::*;

shows! {
    Vcpu:
    KVM_RUN => run;
    KVM_GET_REGS => registers;
    KVM_SET_REGS => registers;
    KVM_GET_SREGS => registers;
    KVM_SET_SREGS => registers;
    KVM_GET_FPU => registers, floating_point_registers_in_vectors;
    KVM_SET_FPU => registers, floating_point_registers_in_vectors;
    KVM_TRANSLATE => absent;
    KVM_SET_SIGNAL_MASK => signal_mask;
    KVM_GET_MP_STATE => mp_state;
    KVM_SET_MP_STATE => mp_state;
    KVM_SET_GUEST_DEBUG => guest_debug;
    KVM_GET_STATS_FD => statistics;
    KVM_S390_INTERRUPT => interrupt;
    KVM_S390_IRQ => irq;
    KVM_S390_STORE_STATUS => store_status;
    KVM_S390_SET_INITIAL_PSW => initial_psw;
    KVM_S390_INITIAL_RESET => resets;
    KVM_S390_NORMAL_RESET => resets;
    KVM_S390_CLEAR_RESET => resets;
    KVM_GET_ONE_REG => one_reg;
    KVM_SET_ONE_REG => one_reg;
    KVM_S390_UCAS_MAP => mappings, mappings_of_others, missing_storage_leaves;
    KVM_S390_UCAS_UNMAP => mappings, mappings_of_others;
    KVM_S390_VCPU_FAULT => vcpu_fault;
    KVM_ENABLE_CAP => enable_cap;
    KVM_S390_MEM_OP => mem_op, secure_data_area;
    KVM_S390_SET_IRQ_STATE => irq_state;
    KVM_S390_GET_IRQ_STATE => irq_state;
    KVM_S390_PV_CPU_COMMAND => absent;
}

const EINVAL: Result<u32, Errno> = Err(Errno::EINVAL);
const EBUSY: Result<u32, Errno> = Err(Errno::EBUSY);
const EFAULT: Result<u32, Errno> = Err(Errno::EFAULT);

#[test]
fn run() {
    let machine = Machine::new();
    let cpu = machine.vcpu(0);
    machine.assemble(0x4000, "diag %r0,%r0,1");
    page(&cpu, |run| {
        (run.psw_mask, run.psw_addr) = (0x0000_0001_8000_0000, 0x4000);
        run.exit_reason = 77;
        run.immediate_exit = 1;
        run.kvm_dirty_regs = KVM_SYNC_PREFIX;
    });
    assert_eq!(on_vcpu(&cpu, KVM_RUN, 1), EINVAL, "the argument");
    assert_eq!(on_vcpu(&cpu, KVM_RUN, 0), Err(Errno::EINTR));
    page(&cpu, |run| {
        assert_eq!((run.exit_reason, run.kvm_dirty_regs), (77, KVM_SYNC_PREFIX), "all untouched");
        run.immediate_exit = 0;
        run.kvm_dirty_regs = 0x2000;
    });
    assert_eq!(on_vcpu(&cpu, KVM_RUN, 0), EINVAL, "an unknown class is dirty");
    page(&cpu, |run| (run.kvm_dirty_regs, run.kvm_valid_regs) = (0, run.kvm_valid_regs | 0x2000));
    assert_eq!(on_vcpu(&cpu, KVM_RUN, 0), EINVAL, "or valid");
    page(&cpu, |run| run.kvm_valid_regs &= 0x1fff);
    assert_eq!(on_vcpu(&cpu, KVM_RUN, 0), Ok(0));
    page(&cpu, |run| {
        assert_eq!((run.exit_reason, run.s390_sieic().icptcode, run.s390_sieic().ipa), (13, 4, 0x8300));
        assert_eq!((run.s390_sieic().ipb, run.psw_addr), (0x0001_0000, 0x4004));
    });
    page(&cpu, |run| {
        run.regs_mut().prefix = 0x40_0000;
        run.kvm_dirty_regs = KVM_SYNC_PREFIX;
    });
    assert_eq!(on_vcpu(&cpu, KVM_RUN, 0), EFAULT, "no storage there");
    assert_eq!(page(&cpu, |run| run.kvm_dirty_regs), 0);
    assert_eq!(vcpu(&cpu, KVM_SET_MP_STATE, 5u32), Ok(0));
    assert_eq!(on_vcpu(&cpu, KVM_RUN, 0), EINVAL, "stopped by the client");
}

#[test]
fn registers() {
    let machine = Machine::new();
    let cpu = machine.vcpu(0);
    let regs = kvm_regs { gprs: core::array::from_fn(|n| 0x1111_0000_0000_0000 + n as u64) };
    assert_eq!(vcpu(&cpu, KVM_SET_REGS, regs), Ok(0));
    let mut found = kvm_regs::default();
    assert_eq!(vcpu_change(&cpu, KVM_GET_REGS, &mut found), Ok(0));
    assert_eq!(found, regs);
    assert_eq!(page(&cpu, |run| run.regs().gprs), regs.gprs, "plain copies of the shared page");
    let sregs = kvm_sregs { acrs: core::array::from_fn(|n| n as u32), crs: core::array::from_fn(|n| n as u64 + 7) };
    assert_eq!(vcpu(&cpu, KVM_SET_SREGS, sregs), Ok(0));
    let mut found = kvm_sregs::default();
    assert_eq!(vcpu_change(&cpu, KVM_GET_SREGS, &mut found), Ok(0));
    assert_eq!(found, sregs);
    page(&cpu, |run| {
        assert_eq!(run.regs().acrs, sregs.acrs);
        assert_eq!(run.regs().crs[0], 0xe0, "control registers come to the page with the next run only");
    });
    let fpu = kvm_fpu { fpc: 0x70, pad: 0, fprs: core::array::from_fn(|n| n as u64 + 9) };
    assert_eq!(vcpu(&cpu, KVM_SET_FPU, fpu), Ok(0));
    let mut found = kvm_fpu::default();
    assert_eq!(vcpu_change(&cpu, KVM_GET_FPU, &mut found), Ok(0));
    assert_eq!(found, fpu);
}

#[test]
fn floating_point_registers_in_vectors() {
    let machine = Machine::with_vectors();
    let cpu = machine.vcpu(0);
    page(&cpu, |run| run.regs_mut().vrs_mut()[3] = [1, 0xdead]);
    let fpu = kvm_fpu { fpc: 0, pad: 0, fprs: core::array::from_fn(|n| n as u64 + 0x100) };
    assert_eq!(vcpu(&cpu, KVM_SET_FPU, fpu), Ok(0));
    assert_eq!(page(&cpu, |run| run.regs().vrs()[3]), [0x103, 0xdead], "left halves");
    let mut found = kvm_fpu::default();
    assert_eq!(vcpu_change(&cpu, KVM_GET_FPU, &mut found), Ok(0));
    assert_eq!(found, fpu);
}

#[test]
fn absent() {
    let machine = Machine::new();
    let cpu = machine.vcpu(0);
    assert_eq!(vcpu(&cpu, KVM_TRANSLATE, kvm_translation::default()), EINVAL);
    assert_eq!(vcpu(&cpu, KVM_S390_PV_CPU_COMMAND, kvm_pv_cmd::default()), EINVAL);
    assert_eq!(on_vcpu(&cpu, KVM_GET_MP_STATE, 0), Ok(5));
}

#[test]
fn mappings_of_others() {
    let machine = Machine::new();
    let cpu = machine.vcpu(0);
    for request in [KVM_S390_UCAS_MAP, KVM_S390_UCAS_UNMAP] {
        let mapping = kvm_s390_ucas_mapping { user_addr: 0, vcpu_addr: 0x10_0000, length: 0x10_0000 };
        assert_eq!(vcpu(&cpu, request, mapping), EINVAL, "the VM is not the client's to control");
        assert_eq!(on_vcpu(&cpu, request, BAD), EFAULT);
    }
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Mask {
    length: u32,
    set: [u32; 2],
}

// SAFETY: integers without padding.
unsafe impl Plain for Mask {}

#[test]
fn signal_mask() {
    let machine = Machine::new();
    let cpu = machine.vcpu(0);
    assert_eq!(vcpu(&cpu, KVM_SET_SIGNAL_MASK, Mask { length: 8, set: [!0, !0] }), Ok(0));
    for length in [0, 4, 16, u32::MAX] {
        assert_eq!(vcpu(&cpu, KVM_SET_SIGNAL_MASK, Mask { length, set: [0, 0] }), EINVAL, "{length}");
    }
    assert_eq!(on_vcpu(&cpu, KVM_SET_SIGNAL_MASK, 0), Ok(0), "none");
}

#[test]
fn mp_state() {
    let machine = Machine::new();
    let cpu = machine.vcpu(0);
    assert_eq!(on_vcpu(&cpu, KVM_GET_MP_STATE, BAD), Ok(5), "the struct is not touched");
    for state in [0, 1, 6, 8, 9, u32::MAX] {
        assert_eq!(vcpu(&cpu, KVM_SET_MP_STATE, state), Err(Errno::ENXIO), "{state}");
    }
    assert_eq!(on_vcpu(&cpu, KVM_RUN, 0), EINVAL, "even refused, it has taken control");
    assert_eq!(vcpu(&cpu, KVM_SET_MP_STATE, 7u32), Ok(0));
    assert_eq!(on_vcpu(&cpu, KVM_GET_MP_STATE, 0), Ok(7));
    assert_eq!(vcpu(&cpu, KVM_SET_MP_STATE, 5u32), Ok(0));
    assert_eq!(on_vcpu(&cpu, KVM_GET_MP_STATE, 0), Ok(5));
}

#[test]
fn guest_debug() {
    let machine = Machine::new();
    let cpu = machine.vcpu(0);
    let set = |control, nr_hw_bp, hw_bp| {
        let arch = kvm_guest_debug_arch { nr_hw_bp, pad: 0, hw_bp };
        vcpu(&cpu, KVM_SET_GUEST_DEBUG, kvm_guest_debug { control, pad: 0, arch })
    };
    let points = [kvm_hw_breakpoint { r#type: KVM_HW_BP, ..Default::default() }; 51];
    assert_eq!(set(0, 0, 0), Ok(0));
    assert_eq!(set(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP, 0, 0), Ok(0));
    assert_eq!(set(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP, 50, address_of(&points)), Ok(0));
    assert_eq!(set(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP, 51, address_of(&points)), EINVAL);
    assert_eq!(set(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP, 1, BAD), EFAULT);
    assert_eq!(set(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP, 0, BAD), Ok(0));
    for flag in [4, 0x2_0000, 0x10_0000, 0x1000_0000] {
        assert_eq!(set(KVM_GUESTDBG_ENABLE | flag, 0, 0), EINVAL, "{flag:#x}");
    }
}

#[test]
fn statistics() {
    let machine = Machine::new();
    let cpu = machine.vcpu(6);
    let file = cpu.object.create(KVM_GET_STATS_FD, 0).unwrap();
    let mut content = vec![0; 16384];
    let length = file.read_at(0, &mut content);
    // Three of the 105 have 32 values.
    assert_eq!(length, 72 + 105 * 64 + (102 + 3 * 32) * 8);
    assert!(content[24..].starts_with(format!("kvm-{}/vcpu-6\0", std::process::id()).as_bytes()));
}

fn simple(kind: u64, parm: u32) -> kvm_s390_interrupt {
    kvm_s390_interrupt { r#type: kind as u32, parm, parm64: 0 }
}

/// What both injections have in common: types that a CPU takes, and those it does not.
const TAKEN: [u64; 7] = [
    KVM_S390_PROGRAM_INT,
    KVM_S390_RESTART,
    KVM_S390_SIGP_STOP,
    KVM_S390_SIGP_SET_PREFIX,
    KVM_S390_INT_CLOCK_COMP,
    KVM_S390_INT_CPU_TIMER,
    KVM_S390_INT_PFAULT_INIT,
];
const REFUSED: [u64; 6] =
    [KVM_S390_INT_VIRTIO, KVM_S390_INT_SERVICE, KVM_S390_INT_PFAULT_DONE, 0, 0x0400_0000, 0xffff_ffff];

/// Errors that depend on the CPU, by one of the two calls.
fn busy(cpu: &Cpu, inject: impl Fn(u64, u16) -> Result<u32, Errno>) {
    assert_eq!(inject(KVM_S390_INT_EMERGENCY, 9), EINVAL, "no such CPU");
    assert_eq!(inject(KVM_S390_INT_EXTERNAL_CALL, 9), EINVAL, "no such CPU");
    assert_eq!(inject(KVM_S390_INT_EMERGENCY, 0), Ok(0));
    assert_eq!(inject(KVM_S390_INT_EMERGENCY, 0), Ok(0), "they are one");
    assert_eq!(inject(KVM_S390_INT_EXTERNAL_CALL, 0), Ok(0));
    assert_eq!(inject(KVM_S390_INT_EXTERNAL_CALL, 0), EBUSY);
    assert_eq!(vcpu(cpu, KVM_SET_MP_STATE, 7u32), Ok(0));
    assert_eq!(inject(KVM_S390_SIGP_SET_PREFIX, 0), EBUSY, "not stopped");
    assert_eq!(inject(KVM_S390_SIGP_STOP, 0), Ok(0));
    assert_eq!(inject(KVM_S390_SIGP_STOP, 0), EBUSY);
    assert_eq!(vcpu(cpu, KVM_SET_MP_STATE, 5u32), Ok(0));
    assert_eq!(inject(KVM_S390_SIGP_STOP, 0), Ok(0), "stopped already");
    assert_eq!(inject(KVM_S390_SIGP_STOP, 2), EINVAL, "unknown flag");
}

#[test]
fn interrupt() {
    let machine = Machine::new();
    let cpu = machine.vcpu(0);
    for kind in TAKEN {
        assert_eq!(vcpu(&cpu, KVM_S390_INTERRUPT, simple(kind, 0)), Ok(0), "{kind:#x}");
    }
    assert_eq!(vcpu(&cpu, KVM_S390_INTERRUPT, simple(KVM_S390_MCHK, 0)), Ok(0), "no condition: nothing happens");
    for kind in REFUSED {
        assert_eq!(vcpu(&cpu, KVM_S390_INTERRUPT, simple(kind, 0)), EINVAL, "{kind:#x}");
    }
    for kind in [KVM_S390_PROGRAM_INT, KVM_S390_INT_EMERGENCY, KVM_S390_INT_EXTERNAL_CALL] {
        assert_eq!(vcpu(&cpu, KVM_S390_INTERRUPT, simple(kind, 0x1_0000)), EINVAL, "too wide");
    }
    busy(&cpu, |kind, parm| vcpu(&cpu, KVM_S390_INTERRUPT, simple(kind, parm.into())));
}

#[test]
fn irq() {
    let machine = Machine::new();
    let cpu = machine.vcpu(0);
    for kind in TAKEN.into_iter().chain([KVM_S390_MCHK]) {
        assert_eq!(vcpu(&cpu, KVM_S390_IRQ, kvm_s390_irq::new(kind)), Ok(0), "{kind:#x}");
    }
    for kind in REFUSED.into_iter().chain([1 << 32, KVM_S390_RESTART | 1 << 40]) {
        assert_eq!(vcpu(&cpu, KVM_S390_IRQ, kvm_s390_irq::new(kind)), EINVAL, "{kind:#x}");
    }
    busy(&cpu, |kind, parm| {
        let mut irq = kvm_s390_irq::new(kind);
        match kind {
            KVM_S390_SIGP_STOP => irq.u.stop = kvm_s390_stop_info { flags: parm.into() },
            KVM_S390_INT_EMERGENCY => irq.u.emerg = kvm_s390_emerg_info { code: parm },
            _ => irq.u.extcall = kvm_s390_extcall_info { code: parm },
        }
        vcpu(&cpu, KVM_S390_IRQ, irq)
    });
}

#[test]
fn store_status() {
    let machine = Machine::new();
    let cpu = machine.vcpu(0);
    machine.assemble(0x4000, "diag %r0,%r0,1");
    page(&cpu, |run| (run.regs_mut().prefix, run.kvm_dirty_regs) = (0x8000, KVM_SYNC_PREFIX));
    cpu.run_at(0x4000);
    let regs = kvm_regs { gprs: core::array::from_fn(|n| 0x1100 + n as u64) };
    assert_eq!(vcpu(&cpu, KVM_SET_REGS, regs), Ok(0));
    assert_eq!(on_vcpu(&cpu, KVM_S390_STORE_STATUS, u64::MAX), Ok(0));
    assert_eq!((machine.read::<1>(163), machine.read_u64(0x1288)), ([1], 0x1101), "absolute");
    assert_eq!(on_vcpu(&cpu, KVM_S390_STORE_STATUS, u64::MAX - 1), Ok(0));
    assert_eq!((machine.read::<1>(0x8000 + 163), machine.read_u64(0x9288)), ([1], 0x1101), "by the prefix");
    assert_eq!(on_vcpu(&cpu, KVM_S390_STORE_STATUS, 0x2_0000), Ok(0));
    assert_eq!(machine.read_u64(0x2_0088), 0x1101, "the address is that of the floating-point registers");
    for address in [STORAGE as u64, 1 << 40, u64::MAX - 0x1000] {
        assert_eq!(on_vcpu(&cpu, KVM_S390_STORE_STATUS, address), EFAULT, "{address:#x}");
    }
}

#[test]
fn initial_psw() {
    let machine = Machine::new();
    let cpu = machine.vcpu(0);
    assert_eq!(vcpu(&cpu, KVM_S390_SET_INITIAL_PSW, kvm_s390_psw { mask: 1, addr: 2 }), Ok(0));
    assert_eq!(page(&cpu, |run| (run.psw_mask, run.psw_addr)), (1, 2));
    assert_eq!(vcpu(&cpu, KVM_SET_MP_STATE, 7u32), Ok(0));
    assert_eq!(vcpu(&cpu, KVM_S390_SET_INITIAL_PSW, kvm_s390_psw::default()), EBUSY);
}

#[test]
fn resets() {
    let machine = Machine::with_vectors();
    let cpu = machine.vcpu(0);
    let fill = || {
        page(&cpu, |run| {
            (run.psw_mask, run.psw_addr) = (0x80_0000_0000, 0x4000);
            let regs = run.regs_mut();
            (regs.prefix, regs.gprs[3], regs.acrs[3], regs.crs[1], regs.fpc) = (0x2000, 3, 3, 3, 0x70);
            (regs.pft, regs.gbea, regs.pp, regs.todpr, regs.gscb[1]) = (8, 8, 8, 8, 8);
            (regs.riccb[5], regs.vrs_mut()[20]) = (5, [1, 2]);
        });
        assert_eq!(vcpu(&cpu, KVM_S390_INTERRUPT, simple(KVM_S390_RESTART, 0)), Ok(0));
    };
    let pending = || cpu.is_pending();
    fill();
    assert_eq!(on_vcpu(&cpu, KVM_S390_NORMAL_RESET, 0), Ok(0));
    assert!(!pending());
    page(&cpu, |run| {
        assert_eq!((run.psw_mask, run.psw_addr), (0, 0x4000), "runtime instrumentation is off");
        assert_eq!((run.regs().gprs[3], run.regs().crs[1], run.regs().fpc, run.regs().riccb[5]), (3, 3, 0x70, 0));
    });
    fill();
    assert_eq!(on_vcpu(&cpu, KVM_S390_INITIAL_RESET, 0), Ok(0));
    assert!(!pending());
    page(&cpu, |run| {
        let regs = run.regs();
        assert_eq!((run.psw_mask, run.psw_addr, regs.prefix, regs.fpc), (0, 0, 0, 0));
        assert_eq!((regs.crs[0], regs.crs[1], regs.crs[14]), (0xe0, 0, 0xc200_0000));
        assert_eq!((regs.gbea, regs.pp, regs.todpr), (1, 0, 0));
        assert_eq!((regs.gprs[3], regs.acrs[3], regs.vrs()[20], regs.gscb[1]), (3, 3, [1, 2], 8));
    });
    fill();
    assert_eq!(on_vcpu(&cpu, KVM_S390_CLEAR_RESET, 0), Ok(0));
    page(&cpu, |run| {
        let regs = run.regs();
        assert_eq!((regs.gprs[3], regs.acrs[3], regs.vrs()[20], regs.gscb[1]), (0, 0, [0, 0], 0));
    });
}

#[test]
fn one_reg() {
    let machine = Machine::new();
    let cpu = machine.vcpu(0);
    let with = |request, id, addr| vcpu(&cpu, request, kvm_one_reg { id, addr });
    for id in KVM_REG_S390_EPOCHDIFF..=KVM_REG_S390_GBEA {
        let mut value = id ^ 0x77;
        assert_eq!(with(KVM_SET_ONE_REG, id, address_of(&value)), Ok(0));
        value = 0;
        assert_eq!(with(KVM_GET_ONE_REG, id, core::ptr::from_mut(&mut value).expose_provenance() as u64), Ok(0));
        assert_eq!(value, id ^ 0x77, "{id:#x}");
    }
    let mut value = [0x1234u32, 0xdead];
    let place = value.as_mut_ptr().expose_provenance() as u64;
    assert_eq!(with(KVM_SET_ONE_REG, KVM_REG_S390_TODPR, place), Ok(0));
    value[0] = 0;
    assert_eq!(with(KVM_GET_ONE_REG, KVM_REG_S390_TODPR, place), Ok(0));
    assert_eq!(value, [0x1234, 0xdead], "a word");
    for request in [KVM_GET_ONE_REG, KVM_SET_ONE_REG] {
        for id in [0, KVM_REG_S390_GBEA + 1, KVM_REG_S390_TODPR + 1, KVM_REG_S390_PP ^ 0x0010_0000_0000_0000] {
            assert_eq!(with(request, id, place), EINVAL, "{id:#x}");
        }
        assert_eq!(with(request, KVM_REG_S390_TODPR, BAD), EFAULT);
        assert_eq!(with(request, KVM_REG_S390_PP, BAD), EFAULT);
    }
}

#[test]
fn vcpu_fault() {
    let machine = Machine::new();
    let cpu = machine.vcpu(0);
    assert_eq!(on_vcpu(&cpu, KVM_S390_VCPU_FAULT, 0x5123), Ok(0));
    assert_eq!(on_vcpu(&cpu, KVM_S390_VCPU_FAULT, STORAGE as u64), EFAULT);
}

#[test]
fn enable_cap() {
    let machine = Machine::new();
    let (cpu, other) = (machine.vcpu(0), machine.vcpu(1));
    let css = kvm_enable_cap { cap: KVM_CAP_S390_CSS_SUPPORT, ..Default::default() };
    assert_eq!(vcpu(&cpu, KVM_ENABLE_CAP, kvm_enable_cap { flags: 1, ..css }), EINVAL);
    for cap in [0, KVM_CAP_S390_USER_SIGP, KVM_CAP_S390_IRQCHIP, u32::MAX] {
        assert_eq!(vcpu(&cpu, KVM_ENABLE_CAP, kvm_enable_cap { cap, ..css }), EINVAL, "{cap}");
    }
    assert_eq!(vcpu(&cpu, KVM_ENABLE_CAP, css), Ok(0));
    machine.assemble(0x4000, "stsch 0(%r1)");
    page(&other, |run| (run.psw_mask, run.psw_addr) = (0x0000_0001_8000_0000, 0x4000));
    assert_eq!(on_vcpu(&other, KVM_RUN, 0), Ok(0));
    assert_eq!(page(&other, |run| run.s390_sieic().ipa), 0xb234, "for all CPUs");
}

#[test]
fn mem_op() {
    let machine = Machine::new();
    let cpu = machine.vcpu(0);
    let mut buffer = *b"ABCDEFGH";
    let op = kvm_s390_mem_op {
        gaddr: 0x3ffc,
        size: 8,
        op: KVM_S390_MEMOP_LOGICAL_WRITE,
        buf: buffer.as_mut_ptr().expose_provenance() as u64,
        ..Default::default()
    };
    let with = |op: kvm_s390_mem_op| vcpu(&cpu, KVM_S390_MEM_OP, op);
    assert_eq!(with(op), Ok(0));
    assert_eq!(&machine.read::<8>(0x3ffc), b"ABCDEFGH");
    buffer = [0; 8];
    assert_eq!(with(kvm_s390_mem_op { op: KVM_S390_MEMOP_LOGICAL_READ, ..op }), Ok(0));
    assert_eq!(&buffer, b"ABCDEFGH");
    for other in [KVM_S390_MEMOP_ABSOLUTE_READ, KVM_S390_MEMOP_ABSOLUTE_WRITE, KVM_S390_MEMOP_ABSOLUTE_CMPXCHG, 7] {
        assert_eq!(with(kvm_s390_mem_op { op: other, ..op }), EINVAL, "{other}");
    }
    assert_eq!(with(kvm_s390_mem_op { size: 0, ..op }), EINVAL);
    assert_eq!(with(kvm_s390_mem_op { flags: 8, ..op }), EINVAL);
    assert_eq!(with(kvm_s390_mem_op { size: 65537, ..op }), Err(Errno::E2BIG));
    assert_eq!(with(kvm_s390_mem_op { size: 65537, flags: 8, ..op }), EINVAL, "flags come first");
    assert_eq!(with(kvm_s390_mem_op { ar: 16, ..op }), EINVAL);
    assert_eq!(with(kvm_s390_mem_op { flags: KVM_S390_MEMOP_F_SKEY_PROTECTION, key: 16, ..op }), EINVAL);
    assert_eq!(with(kvm_s390_mem_op { key: 16, ..op }), Ok(0), "no flag, no key");
    assert_eq!(with(kvm_s390_mem_op { buf: BAD, ..op }), EFAULT);
    assert_eq!(with(kvm_s390_mem_op { gaddr: STORAGE as u64, buf: BAD, ..op }), EFAULT, "the buffer is read first");
    assert_eq!(with(kvm_s390_mem_op { gaddr: STORAGE as u64 - 4, ..op }), Ok(5));
    assert!(!cpu.is_pending());
    let inject = kvm_s390_mem_op { flags: KVM_S390_MEMOP_F_INJECT_EXCEPTION, gaddr: STORAGE as u64, ..op };
    assert_eq!(with(inject), Ok(5));
    assert!(cpu.is_pending());
    let check = kvm_s390_mem_op { flags: KVM_S390_MEMOP_F_CHECK_ONLY, buf: BAD, ..op };
    assert_eq!(with(check), Ok(0));
    machine.set_key(0x4000, 0x58);
    let keyed = kvm_s390_mem_op { flags: KVM_S390_MEMOP_F_SKEY_PROTECTION, key: 6, gaddr: 0x4000, ..op };
    assert_eq!(with(keyed), Ok(4));
    assert_eq!(with(kvm_s390_mem_op { op: KVM_S390_MEMOP_LOGICAL_READ, ..keyed }), Ok(4), "fetch protection");
    assert_eq!(with(kvm_s390_mem_op { key: 5, ..keyed }), Ok(0));
    assert_eq!(with(kvm_s390_mem_op { flags: keyed.flags | check.flags, ..keyed }), Ok(4));
}

#[test]
fn secure_data_area() {
    let machine = Machine::new();
    let cpu = machine.vcpu(0);
    // Only protected CPUs have one; its size is compared first, and the byte with it is 1 after a reset: two pages.
    for kind in [KVM_S390_MEMOP_SIDA_READ, KVM_S390_MEMOP_SIDA_WRITE] {
        let op = |size, offset: u32, flags| {
            let [a, b, c, d] = offset.to_ne_bytes();
            let pad1 = [c, d, 0, 0, 0, 0];
            let op = kvm_s390_mem_op { size, op: kind, flags, ar: a, key: b, pad1, ..Default::default() };
            vcpu(&cpu, KVM_S390_MEM_OP, op)
        };
        assert_eq!(op(8192, 0, 0), EINVAL);
        assert_eq!(op(8193, 0, 0), Err(Errno::E2BIG));
        assert_eq!(op(1, 8192, 0), Err(Errno::E2BIG));
        assert_eq!(op(0, 8192, 0), EINVAL);
        assert_eq!(op(8, u32::MAX, 0), EINVAL, "wraps");
        assert_eq!(op(8193, 0, 1), EINVAL, "flags");
    }
}

#[test]
fn irq_state() {
    let machine = Machine::new();
    let (cpu, other) = (machine.vcpu(0), machine.vcpu(1));
    let mut room = [kvm_s390_irq::new(0); 8];
    let buf = room.as_mut_ptr().expose_provenance() as u64;
    let state = |len| kvm_s390_irq_state { buf, len, ..Default::default() };
    let get = |cpu: &Cpu, state: kvm_s390_irq_state| vcpu(cpu, KVM_S390_GET_IRQ_STATE, state);
    let set = |cpu: &Cpu, state: kvm_s390_irq_state| vcpu(cpu, KVM_S390_SET_IRQ_STATE, state);
    assert_eq!(get(&cpu, state(0)), EINVAL);
    assert_eq!(get(&cpu, state(1)), Ok(0), "nothing is pending");
    for (kind, parm) in [
        (KVM_S390_INT_EMERGENCY, 1),
        (KVM_S390_INT_EMERGENCY, 0),
        (KVM_S390_INT_EXTERNAL_CALL, 1),
        (KVM_S390_SIGP_SET_PREFIX, 0x6000),
        (KVM_S390_PROGRAM_INT, 0x11),
    ] {
        assert_eq!(vcpu(&cpu, KVM_S390_INTERRUPT, simple(kind, parm)), Ok(0));
    }
    let mut mchk = kvm_s390_irq::new(KVM_S390_MCHK);
    mchk.u.mchk = kvm_s390_mchk_info { cr14: 1 << 28, mcic: 1 << 54, ext_damage_code: 7, ..Default::default() };
    assert_eq!(vcpu(&cpu, KVM_S390_IRQ, mchk), Ok(0));
    assert_eq!(get(&cpu, state(6 * 72 - 1)), Err(Errno::ENOBUFS));
    assert_eq!(get(&cpu, kvm_s390_irq_state { buf: BAD, ..state(576) }), EFAULT);
    assert_eq!(get(&cpu, state(576)), Ok(6 * 72));
    let kinds: Vec<_> = room[..6].iter().map(|irq| irq.r#type).collect();
    let emergency = KVM_S390_INT_EMERGENCY;
    let all = [KVM_S390_MCHK, KVM_S390_PROGRAM_INT, KVM_S390_SIGP_SET_PREFIX, emergency, emergency];
    assert_eq!(kinds[..5], all);
    assert_eq!(kinds[5], KVM_S390_INT_EXTERNAL_CALL, "last, as if it were in the system control area");
    // SAFETY: integers, valid for any bytes.
    unsafe {
        assert_eq!(room[0].u.mchk.ext_damage_code, 7);
        assert_eq!((room[1].u.pgm.code, room[2].u.prefix.address), (0x11, 0x6000));
        assert_eq!((room[3].u.emerg.code, room[4].u.emerg.code, room[5].u.extcall.code), (0, 1, 1));
    }
    for len in [0, 71, 73, 20664 + 72] {
        assert_eq!(set(&other, state(len)), EINVAL, "{len}");
    }
    assert_eq!(set(&other, kvm_s390_irq_state { buf: BAD, ..state(72) }), EFAULT);
    assert_eq!(set(&other, state(6 * 72)), Ok(0));
    assert_eq!(set(&other, state(72)), EBUSY, "something is pending");
    room = [kvm_s390_irq::new(0); 8];
    assert_eq!(get(&other, state(576)), Ok(6 * 72));
    assert_eq!(room[..6].iter().map(|irq| irq.r#type).collect::<Vec<_>>(), kinds, "the same again");
    // Up to the first that is refused.
    assert_eq!(on_vcpu(&other, KVM_S390_NORMAL_RESET, 0), Ok(0));
    room[1] = kvm_s390_irq::new(KVM_S390_INT_SERVICE);
    std::hint::black_box(&room);
    assert_eq!(set(&other, state(144)), EINVAL);
    assert_eq!(get(&other, state(576)), Ok(72));
    // What a VM takes is no business of a CPU.
    assert_eq!(vm(&machine, KVM_S390_INTERRUPT, simple(KVM_S390_INT_SERVICE, 0x1000)), Ok(0));
    assert_eq!(get(&other, state(576)), Ok(72));
}
