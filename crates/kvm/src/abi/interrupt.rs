//! Interrupt structs: the legacy form, `kvm_s390_irq` with its payloads, state blobs, adapters and routing.
//! Truth: Linux 6.12 uapi linux/kvm.h and asm-s390/kvm.h; offsets asserted below.

use super::layout;

/// An interrupt in the first form of the interface.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types, missing_docs)]
pub struct kvm_s390_interrupt {
    pub r#type: u32,
    pub parm: u32,
    pub parm64: u64,
}

/// An interrupt with its payload.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types, missing_docs)]
pub struct kvm_s390_irq {
    pub r#type: u64,
    pub u: kvm_s390_irq_payload,
}

/// The payloads of [`kvm_s390_irq`].
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types, missing_docs)]
pub union kvm_s390_irq_payload {
    pub io: kvm_s390_io_info,
    pub ext: kvm_s390_ext_info,
    pub pgm: kvm_s390_pgm_info,
    pub emerg: kvm_s390_emerg_info,
    pub extcall: kvm_s390_extcall_info,
    pub prefix: kvm_s390_prefix_info,
    pub stop: kvm_s390_stop_info,
    pub mchk: kvm_s390_mchk_info,
    pub reserved: [u8; 64],
}

/// I/O interruption.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types, missing_docs)]
pub struct kvm_s390_io_info {
    pub subchannel_id: u16,
    pub subchannel_nr: u16,
    pub io_int_parm: u32,
    pub io_int_word: u32,
}

/// External interruption.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types, missing_docs)]
pub struct kvm_s390_ext_info {
    pub ext_params: u32,
    pub pad: u32,
    pub ext_params2: u64,
}

/// Program interruption.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types, missing_docs)]
pub struct kvm_s390_pgm_info {
    pub trans_exc_code: u64,
    pub mon_code: u64,
    pub per_address: u64,
    pub data_exc_code: u32,
    pub code: u16,
    pub mon_class_nr: u16,
    pub per_code: u8,
    pub per_atmid: u8,
    pub exc_access_id: u8,
    pub per_access_id: u8,
    pub op_access_id: u8,
    pub flags: u8,
    pub pad: [u8; 2],
}

/// SIGP set prefix.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types, missing_docs)]
pub struct kvm_s390_prefix_info {
    pub address: u32,
}

/// External call.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types, missing_docs)]
pub struct kvm_s390_extcall_info {
    pub code: u16,
}

/// Emergency signal.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types, missing_docs)]
pub struct kvm_s390_emerg_info {
    pub code: u16,
}

/// SIGP stop.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types, missing_docs)]
pub struct kvm_s390_stop_info {
    pub flags: u32,
}

/// Machine check.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types, missing_docs)]
pub struct kvm_s390_mchk_info {
    pub cr14: u64,
    pub mcic: u64,
    pub failing_storage_address: u64,
    pub ext_damage_code: u32,
    pub pad: u32,
    pub fixed_logout: [u8; 16],
}

/// Buffer for the local interrupts of a vCPU.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types, missing_docs)]
pub struct kvm_s390_irq_state {
    pub buf: u64,
    pub flags: u32,
    pub len: u32,
    pub reserved: [u32; 4],
}

/// An I/O adapter of the FLIC.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types, missing_docs)]
pub struct kvm_s390_io_adapter {
    pub id: u32,
    pub isc: u8,
    pub maskable: u8,
    pub swap: u8,
    pub flags: u8,
}

/// A change of an I/O adapter.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types, missing_docs)]
pub struct kvm_s390_io_adapter_req {
    pub id: u32,
    pub r#type: u8,
    pub mask: u8,
    pub pad0: u16,
    pub addr: u64,
}

/// Adapter-interruption suppression of one subclass.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types, missing_docs)]
pub struct kvm_s390_ais_req {
    pub isc: u8,
    pub mode: u16,
}

/// Adapter-interruption suppression of all subclasses.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types, missing_docs)]
pub struct kvm_s390_ais_all {
    pub simm: u8,
    pub nimm: u8,
}

layout!(kvm_s390_interrupt, 16, r#type @ 0, parm @ 4, parm64 @ 8);
layout!(kvm_s390_irq, 72, r#type @ 0, u @ 8);
layout!(kvm_s390_irq_payload, 64);
layout!(kvm_s390_io_info, 12, subchannel_id @ 0, subchannel_nr @ 2, io_int_parm @ 4, io_int_word @ 8);
layout!(kvm_s390_ext_info, 16, ext_params @ 0, pad @ 4, ext_params2 @ 8);
layout!(kvm_s390_pgm_info, 40,
    trans_exc_code @ 0, mon_code @ 8, per_address @ 16, data_exc_code @ 24, code @ 28, mon_class_nr @ 30,
    per_code @ 32, per_atmid @ 33, exc_access_id @ 34, per_access_id @ 35, op_access_id @ 36, flags @ 37, pad @ 38);
layout!(kvm_s390_prefix_info, 4, address @ 0);
layout!(kvm_s390_extcall_info, 2, code @ 0);
layout!(kvm_s390_emerg_info, 2, code @ 0);
layout!(kvm_s390_stop_info, 4, flags @ 0);
layout!(kvm_s390_mchk_info, 48,
    cr14 @ 0, mcic @ 8, failing_storage_address @ 16, ext_damage_code @ 24, pad @ 28, fixed_logout @ 32);
layout!(kvm_s390_irq_state, 32, buf @ 0, flags @ 8, len @ 12, reserved @ 16);
layout!(kvm_s390_io_adapter, 8, id @ 0, isc @ 4, maskable @ 5, swap @ 6, flags @ 7);
layout!(kvm_s390_io_adapter_req, 16, id @ 0, r#type @ 4, mask @ 5, pad0 @ 6, addr @ 8);
layout!(kvm_s390_ais_req, 4, isc @ 0, mode @ 2);
layout!(kvm_s390_ais_all, 2, simm @ 0, nimm @ 1);

impl kvm_s390_irq {
    /// An interrupt of the given type with a payload of zeros.
    pub const fn new(r#type: u64) -> Self {
        Self { r#type, u: kvm_s390_irq_payload { reserved: [0; 64] } }
    }

    /// The payload's bytes in one piece.
    pub fn payload(&self) -> [u8; 64] {
        // SAFETY: every member of the union is plain integers, valid for any bytes.
        unsafe { self.u.reserved }
    }
}

impl core::fmt::Debug for kvm_s390_irq {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("kvm_s390_irq").field("type", &format_args!("{:#x}", self.r#type)).finish_non_exhaustive()
    }
}
