//! `struct kvm_run`, the page a vCPU shares with its client: exit reason, exit payload and the sync registers.
//! Truth: Linux 6.12 uapi linux/kvm.h and asm-s390/kvm.h; offsets asserted below.

use super::layout;

/// Size of the mapping of a vCPU.
pub const VCPU_MMAP_SIZE: usize = 4096;

/// The shared page of a vCPU.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types, missing_docs)]
pub struct kvm_run {
    pub request_interrupt_window: u8,
    pub immediate_exit: u8,
    pub padding1: [u8; 6],
    pub exit_reason: u32,
    pub ready_for_interrupt_injection: u8,
    pub if_flag: u8,
    pub flags: u16,
    pub cr8: u64,
    pub apic_base: u64,
    pub psw_mask: u64,
    pub psw_addr: u64,
    pub exit: kvm_run_exit,
    pub kvm_valid_regs: u64,
    pub kvm_dirty_regs: u64,
    pub s: kvm_run_sync,
}

/// The exit payloads.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types, missing_docs)]
pub union kvm_run_exit {
    pub debug: kvm_debug_exit_arch,
    pub s390_sieic: kvm_run_s390_sieic,
    pub s390_reset_flags: u64,
    pub s390_ucontrol: kvm_run_s390_ucontrol,
    pub s390_tsch: kvm_run_s390_tsch,
    pub s390_stsi: kvm_run_s390_stsi,
    pub padding: [u8; 256],
}

/// The sync-register area.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types, missing_docs)]
pub union kvm_run_sync {
    pub regs: kvm_sync_regs,
    pub padding: [u8; 2048],
}

/// Payload of KVM_EXIT_DEBUG.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug)]
#[allow(non_camel_case_types, missing_docs)]
pub struct kvm_debug_exit_arch {
    pub addr: u64,
    pub r#type: u8,
    pub pad: [u8; 7],
}

/// Payload of KVM_EXIT_S390_SIEIC.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug)]
#[allow(non_camel_case_types, missing_docs)]
pub struct kvm_run_s390_sieic {
    pub icptcode: u8,
    pub ipa: u16,
    pub ipb: u32,
}

/// Payload of KVM_EXIT_S390_UCONTROL.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug)]
#[allow(non_camel_case_types, missing_docs)]
pub struct kvm_run_s390_ucontrol {
    pub trans_exc_code: u64,
    pub pgm_code: u32,
}

/// Payload of KVM_EXIT_S390_TSCH.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug)]
#[allow(non_camel_case_types, missing_docs)]
pub struct kvm_run_s390_tsch {
    pub subchannel_id: u16,
    pub subchannel_nr: u16,
    pub io_int_parm: u32,
    pub io_int_word: u32,
    pub ipb: u32,
    pub dequeued: u8,
}

/// Payload of KVM_EXIT_S390_STSI.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug)]
#[allow(non_camel_case_types, missing_docs)]
pub struct kvm_run_s390_stsi {
    pub addr: u64,
    pub ar: u8,
    pub reserved: u8,
    pub fc: u8,
    pub sel1: u8,
    pub sel2: u16,
}

/// Vector registers and, overlaid, the floating-point registers of a guest without vectors.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types, missing_docs)]
pub union kvm_sync_vector {
    pub vrs: [[u64; 2]; 32],
    pub fprs: [u64; 16],
}

/// The sync registers: the guest's registers as the client sees them between two runs.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types, missing_docs)]
pub struct kvm_sync_regs {
    pub prefix: u64,
    pub gprs: [u64; 16],
    pub acrs: [u32; 16],
    pub crs: [u64; 16],
    pub todpr: u64,
    pub cputm: u64,
    pub ckc: u64,
    pub pp: u64,
    pub gbea: u64,
    pub pft: u64,
    pub pfs: u64,
    pub pfc: u64,
    pub vector: kvm_sync_vector,
    pub reserved: [u8; 512],
    pub fpc: u32,
    /// Bit-field byte, see [`BPBC_BIT`].
    pub bpbc: u8,
    pub padding1: [u8; 51],
    pub riccb: [u8; 64],
    pub diag318: u64,
    pub padding2: [u8; 184],
    pub sdnx_reserved1: [u8; 16],
    pub gscb: [u64; 4],
    pub etoken: u64,
    pub etoken_extension: u64,
    pub sdnx_padding: [u8; 192],
}

/// The branch-prediction-blocking bit in [`kvm_sync_regs::bpbc`]: compilers place bit-fields by byte order.
pub const BPBC_BIT: u8 = if cfg!(target_endian = "big") { 0x80 } else { 0x01 };

layout!(kvm_run, 2368,
    request_interrupt_window @ 0, immediate_exit @ 1, padding1 @ 2, exit_reason @ 8,
    ready_for_interrupt_injection @ 12, if_flag @ 13, flags @ 14, cr8 @ 16, apic_base @ 24,
    psw_mask @ 32, psw_addr @ 40, exit @ 48, kvm_valid_regs @ 304, kvm_dirty_regs @ 312, s @ 320);
layout!(kvm_run_exit, 256);
layout!(kvm_run_sync, 2048);
layout!(kvm_debug_exit_arch, 16, addr @ 0, r#type @ 8, pad @ 9);
layout!(kvm_run_s390_sieic, 8, icptcode @ 0, ipa @ 2, ipb @ 4);
layout!(kvm_run_s390_ucontrol, 16, trans_exc_code @ 0, pgm_code @ 8);
layout!(kvm_run_s390_tsch, 20,
    subchannel_id @ 0, subchannel_nr @ 2, io_int_parm @ 4, io_int_word @ 8, ipb @ 12, dequeued @ 16);
layout!(kvm_run_s390_stsi, 16, addr @ 0, ar @ 8, reserved @ 9, fc @ 10, sel1 @ 11, sel2 @ 12);
layout!(kvm_sync_regs, 1984,
    prefix @ 0, gprs @ 8, acrs @ 136, crs @ 200, todpr @ 328, cputm @ 336, ckc @ 344, pp @ 352, gbea @ 360,
    pft @ 368, pfs @ 376, pfc @ 384, vector @ 392, reserved @ 904, fpc @ 1416, bpbc @ 1420, padding1 @ 1421,
    riccb @ 1472, diag318 @ 1536, padding2 @ 1544, sdnx_reserved1 @ 1728, gscb @ 1744, etoken @ 1776,
    etoken_extension @ 1784);

impl kvm_run {
    /// A page of zeros.
    pub const fn zeroed() -> Self {
        // SAFETY: every member is an integer, an array of integers or a union of such; all-zero bytes are valid.
        unsafe { core::mem::zeroed() }
    }

    /// The sync registers.
    #[inline]
    pub fn regs(&self) -> &kvm_sync_regs {
        // SAFETY: every member of the union is plain integers, valid for any bytes.
        unsafe { &self.s.regs }
    }

    /// The sync registers, for change.
    #[inline]
    pub fn regs_mut(&mut self) -> &mut kvm_sync_regs {
        // SAFETY: every member of the union is plain integers, valid for any bytes.
        unsafe { &mut self.s.regs }
    }

    /// Payload of KVM_EXIT_S390_SIEIC.
    #[inline]
    pub fn s390_sieic(&self) -> kvm_run_s390_sieic {
        // SAFETY: every member of the union is plain integers, valid for any bytes.
        unsafe { self.exit.s390_sieic }
    }

    /// Payload of KVM_EXIT_S390_STSI.
    #[inline]
    pub fn s390_stsi(&self) -> kvm_run_s390_stsi {
        // SAFETY: every member of the union is plain integers, valid for any bytes.
        unsafe { self.exit.s390_stsi }
    }

    /// Payload of KVM_EXIT_S390_TSCH.
    #[inline]
    pub fn s390_tsch(&self) -> kvm_run_s390_tsch {
        // SAFETY: every member of the union is plain integers, valid for any bytes.
        unsafe { self.exit.s390_tsch }
    }

    /// Payload of KVM_EXIT_S390_RESET.
    #[inline]
    pub fn s390_reset_flags(&self) -> u64 {
        // SAFETY: every member of the union is plain integers, valid for any bytes.
        unsafe { self.exit.s390_reset_flags }
    }
}

impl kvm_sync_regs {
    /// The vector registers; element 0 of each pair is the left half, and for registers 0-15 the FPR.
    #[inline]
    pub fn vrs(&self) -> &[[u64; 2]; 32] {
        // SAFETY: every member of the union is plain integers, valid for any bytes.
        unsafe { &self.vector.vrs }
    }

    /// The vector registers, for change.
    #[inline]
    pub fn vrs_mut(&mut self) -> &mut [[u64; 2]; 32] {
        // SAFETY: every member of the union is plain integers, valid for any bytes.
        unsafe { &mut self.vector.vrs }
    }

    /// The floating-point registers of a guest without the vector facility.
    #[inline]
    pub fn fprs_mut(&mut self) -> &mut [u64; 16] {
        // SAFETY: every member of the union is plain integers, valid for any bytes.
        unsafe { &mut self.vector.fprs }
    }

    /// The floating-point registers of a guest without the vector facility.
    #[inline]
    pub fn fprs(&self) -> &[u64; 16] {
        // SAFETY: every member of the union is plain integers, valid for any bytes.
        unsafe { &self.vector.fprs }
    }
}
