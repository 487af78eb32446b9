//! Register structs of the vCPU calls: general, special, floating-point, single registers, PSW, run state, storage access.
//! Truth: Linux 6.12 uapi linux/kvm.h and asm-s390/kvm.h; offsets asserted below.

use super::layout;

/// General registers.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types, missing_docs)]
pub struct kvm_regs {
    pub gprs: [u64; 16],
}

/// Access and control registers.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types, missing_docs)]
pub struct kvm_sregs {
    pub acrs: [u32; 16],
    pub crs: [u64; 16],
}

/// Floating-point registers and control.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types, missing_docs)]
pub struct kvm_fpu {
    pub fpc: u32,
    pub pad: u32,
    pub fprs: [u64; 16],
}

/// The PSW.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types, missing_docs)]
pub struct kvm_s390_psw {
    pub mask: u64,
    pub addr: u64,
}

/// Run state of a vCPU.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types, missing_docs)]
pub struct kvm_mp_state {
    pub mp_state: u32,
}

/// One register by number; `addr` is a host address.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types, missing_docs)]
pub struct kvm_one_reg {
    pub id: u64,
    pub addr: u64,
}

/// Guest-storage access; bytes 32-39 are overlaid by `sida_offset`.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types, missing_docs)]
pub struct kvm_s390_mem_op {
    pub gaddr: u64,
    pub flags: u64,
    pub size: u32,
    pub op: u32,
    pub buf: u64,
    pub ar: u8,
    pub key: u8,
    pub pad1: [u8; 6],
    pub old_addr: u64,
    pub reserved: [u8; 16],
}

/// Guest debugging controls.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types, missing_docs)]
pub struct kvm_guest_debug {
    pub control: u32,
    pub pad: u32,
    pub arch: kvm_guest_debug_arch,
}

/// Hardware breakpoints of the guest debugger.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types, missing_docs)]
pub struct kvm_guest_debug_arch {
    pub nr_hw_bp: u32,
    pub pad: u32,
    pub hw_bp: u64,
}

/// One hardware breakpoint.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types, missing_docs)]
pub struct kvm_hw_breakpoint {
    pub addr: u64,
    pub phys_addr: u64,
    pub len: u64,
    pub r#type: u8,
    pub pad: [u8; 7],
}

/// Signals that end a run; the set follows.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types, missing_docs)]
pub struct kvm_signal_mask {
    pub len: u32,
    pub sigset: [u8; 0],
}

/// An address translation, which s390 never had.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types, missing_docs)]
pub struct kvm_translation {
    pub linear_address: u64,
    pub physical_address: u64,
    pub valid: u8,
    pub writeable: u8,
    pub usermode: u8,
    pub pad: [u8; 5],
}

/// A part of the address space of a user-controlled vCPU.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types, missing_docs)]
pub struct kvm_s390_ucas_mapping {
    pub user_addr: u64,
    pub vcpu_addr: u64,
    pub length: u64,
}

layout!(kvm_signal_mask, 4, len @ 0, sigset @ 4);
layout!(kvm_translation, 24, linear_address @ 0, physical_address @ 8, valid @ 16, writeable @ 17, usermode @ 18, pad @ 19);
layout!(kvm_s390_ucas_mapping, 24, user_addr @ 0, vcpu_addr @ 8, length @ 16);
layout!(kvm_regs, 128, gprs @ 0);
layout!(kvm_sregs, 192, acrs @ 0, crs @ 64);
layout!(kvm_fpu, 136, fpc @ 0, fprs @ 8);
layout!(kvm_s390_psw, 16, mask @ 0, addr @ 8);
layout!(kvm_mp_state, 4, mp_state @ 0);
layout!(kvm_one_reg, 16, id @ 0, addr @ 8);
layout!(kvm_s390_mem_op, 64,
    gaddr @ 0, flags @ 8, size @ 16, op @ 20, buf @ 24, ar @ 32, key @ 33, pad1 @ 34, old_addr @ 40);
layout!(kvm_guest_debug, 24, control @ 0, pad @ 4, arch @ 8);
layout!(kvm_guest_debug_arch, 16, nr_hw_bp @ 0, pad @ 4, hw_bp @ 8);
layout!(kvm_hw_breakpoint, 32, addr @ 0, phys_addr @ 8, len @ 16, r#type @ 24, pad @ 25);
