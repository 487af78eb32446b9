//! Structs of the VM calls: memory slots, capabilities, devices and attributes, CPU model, keys, routing.
//! Truth: Linux 6.12 uapi linux/kvm.h and asm-s390/kvm.h; offsets asserted below.

use super::layout;

/// A memory slot.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types, missing_docs)]
pub struct kvm_userspace_memory_region {
    pub slot: u32,
    pub flags: u32,
    pub guest_phys_addr: u64,
    pub memory_size: u64,
    pub userspace_addr: u64,
}

/// A memory slot, second form.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types, missing_docs)]
pub struct kvm_userspace_memory_region2 {
    pub slot: u32,
    pub flags: u32,
    pub guest_phys_addr: u64,
    pub memory_size: u64,
    pub userspace_addr: u64,
    pub guest_memfd_offset: u64,
    pub guest_memfd: u32,
    pub pad1: u32,
    pub pad2: [u64; 14],
}

/// A request for a slot's dirty log.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types, missing_docs)]
pub struct kvm_dirty_log {
    pub slot: u32,
    pub padding1: u32,
    pub dirty_bitmap: u64,
}

/// A capability to enable.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types, missing_docs)]
pub struct kvm_enable_cap {
    pub cap: u32,
    pub flags: u32,
    pub args: [u64; 4],
    pub pad: [u8; 64],
}

/// A device to create.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types, missing_docs)]
pub struct kvm_create_device {
    pub r#type: u32,
    pub fd: u32,
    pub flags: u32,
}

/// An attribute of a VM or device; `addr` is a host address.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types, missing_docs)]
pub struct kvm_device_attr {
    pub flags: u32,
    pub group: u32,
    pub attr: u64,
    pub addr: u64,
}

/// An interrupt event descriptor.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types, missing_docs)]
pub struct kvm_irqfd {
    pub fd: u32,
    pub gsi: u32,
    pub flags: u32,
    pub resamplefd: u32,
    pub pad: [u8; 16],
}

/// An I/O event descriptor.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types, missing_docs)]
pub struct kvm_ioeventfd {
    pub datamatch: u64,
    pub addr: u64,
    pub len: u32,
    pub fd: i32,
    pub flags: u32,
    pub pad: [u8; 36],
}

/// Header of a routing table; entries follow.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types, missing_docs)]
pub struct kvm_irq_routing {
    pub nr: u32,
    pub flags: u32,
    pub entries: [u64; 0],
}

/// An entry of a routing table, with the one payload s390 knows.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types, missing_docs)]
pub struct kvm_irq_routing_entry {
    pub gsi: u32,
    pub r#type: u32,
    pub flags: u32,
    pub pad: u32,
    pub adapter: kvm_irq_routing_s390_adapter,
}

/// Indicators of an adapter route.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types, missing_docs)]
pub struct kvm_irq_routing_s390_adapter {
    pub ind_addr: u64,
    pub summary_addr: u64,
    pub ind_offset: u64,
    pub summary_offset: u32,
    pub adapter_id: u32,
}

/// A range of storage keys.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types, missing_docs)]
pub struct kvm_s390_skeys {
    pub start_gfn: u64,
    pub count: u64,
    pub skeydata_addr: u64,
    pub flags: u32,
    pub reserved: [u32; 9],
}

/// A range of CMMA states; `remaining` is overlaid by the mask of the set call.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types, missing_docs)]
pub struct kvm_s390_cmma_log {
    pub start_gfn: u64,
    pub count: u32,
    pub flags: u32,
    pub remaining: u64,
    pub values: u64,
}

/// The guest's TOD clock.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types, missing_docs)]
pub struct kvm_s390_vm_tod_clock {
    pub epoch_idx: u8,
    pub pad: [u8; 7],
    pub tod: u64,
}

/// The CPU model of the guest; the facility list is a string of bytes with facility n in byte n/8, mask 0x80>>(n%8).
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types, missing_docs)]
pub struct kvm_s390_vm_cpu_processor {
    pub cpuid: u64,
    pub ibc: u16,
    pub pad: [u8; 6],
    pub fac_list: [u8; 2048],
}

/// The CPU model of the host.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types, missing_docs)]
pub struct kvm_s390_vm_cpu_machine {
    pub cpuid: u64,
    pub ibc: u32,
    pub pad: [u8; 4],
    pub fac_mask: [u8; 2048],
    pub fac_list: [u8; 2048],
}

/// CPU features of the KVM interface.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types, missing_docs)]
pub struct kvm_s390_vm_cpu_feat {
    pub feat: [u64; 16],
}

/// Query results of the instructions that have functions.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types, missing_docs)]
pub struct kvm_s390_vm_cpu_subfunc {
    pub plo: [u8; 32],
    pub ptff: [u8; 16],
    pub kmac: [u8; 16],
    pub kmc: [u8; 16],
    pub km: [u8; 16],
    pub kimd: [u8; 16],
    pub klmd: [u8; 16],
    pub pckmo: [u8; 16],
    pub kmctr: [u8; 16],
    pub kmf: [u8; 16],
    pub kmo: [u8; 16],
    pub pcc: [u8; 16],
    pub ppno: [u8; 16],
    pub kma: [u8; 16],
    pub kdsa: [u8; 16],
    pub sortl: [u8; 32],
    pub dfltcc: [u8; 32],
    pub reserved: [u8; 1728],
}

/// Header of statistics.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types, missing_docs)]
pub struct kvm_stats_header {
    pub flags: u32,
    pub name_size: u32,
    pub num_desc: u32,
    pub id_offset: u32,
    pub desc_offset: u32,
    pub data_offset: u32,
}

/// Description of a statistic; its name follows.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types, missing_docs)]
pub struct kvm_stats_desc {
    pub flags: u32,
    pub exponent: i16,
    pub size: u16,
    pub offset: u32,
    pub bucket_size: u32,
}

layout!(kvm_stats_header, 24,
    flags @ 0, name_size @ 4, num_desc @ 8, id_offset @ 12, desc_offset @ 16, data_offset @ 20);
layout!(kvm_stats_desc, 16, flags @ 0, exponent @ 4, size @ 6, offset @ 8, bucket_size @ 12);

/// A command for a protected guest.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types, missing_docs)]
pub struct kvm_pv_cmd {
    pub cmd: u32,
    pub rc: u16,
    pub rrc: u16,
    pub data: u64,
    pub flags: u32,
    pub reserved: [u32; 3],
}

/// A command for a passed-through PCI function, with its only payload.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types, missing_docs)]
pub struct kvm_s390_zpci_op {
    pub fh: u32,
    pub op: u8,
    pub pad: [u8; 3],
    pub payload: [u64; 8],
}

layout!(kvm_pv_cmd, 32, cmd @ 0, rc @ 4, rrc @ 6, data @ 8, flags @ 16, reserved @ 20);
layout!(kvm_s390_zpci_op, 72, fh @ 0, op @ 4, pad @ 5, payload @ 8);
layout!(kvm_userspace_memory_region, 32,
    slot @ 0, flags @ 4, guest_phys_addr @ 8, memory_size @ 16, userspace_addr @ 24);
layout!(kvm_userspace_memory_region2, 160,
    slot @ 0, flags @ 4, guest_phys_addr @ 8, memory_size @ 16, userspace_addr @ 24, guest_memfd_offset @ 32,
    guest_memfd @ 40, pad1 @ 44, pad2 @ 48);
layout!(kvm_dirty_log, 16, slot @ 0, padding1 @ 4, dirty_bitmap @ 8);
layout!(kvm_enable_cap, 104, cap @ 0, flags @ 4, args @ 8, pad @ 40);
layout!(kvm_create_device, 12, r#type @ 0, fd @ 4, flags @ 8);
layout!(kvm_device_attr, 24, flags @ 0, group @ 4, attr @ 8, addr @ 16);
layout!(kvm_irqfd, 32, fd @ 0, gsi @ 4, flags @ 8, resamplefd @ 12, pad @ 16);
layout!(kvm_ioeventfd, 64, datamatch @ 0, addr @ 8, len @ 16, fd @ 20, flags @ 24, pad @ 28);
layout!(kvm_irq_routing, 8, nr @ 0, flags @ 4, entries @ 8);
layout!(kvm_irq_routing_entry, 48, gsi @ 0, r#type @ 4, flags @ 8, pad @ 12, adapter @ 16);
layout!(kvm_irq_routing_s390_adapter, 32,
    ind_addr @ 0, summary_addr @ 8, ind_offset @ 16, summary_offset @ 24, adapter_id @ 28);
layout!(kvm_s390_skeys, 64, start_gfn @ 0, count @ 8, skeydata_addr @ 16, flags @ 24, reserved @ 28);
layout!(kvm_s390_cmma_log, 32, start_gfn @ 0, count @ 8, flags @ 12, remaining @ 16, values @ 24);
layout!(kvm_s390_vm_tod_clock, 16, epoch_idx @ 0, tod @ 8);
layout!(kvm_s390_vm_cpu_processor, 2064, cpuid @ 0, ibc @ 8, pad @ 10, fac_list @ 16);
layout!(kvm_s390_vm_cpu_machine, 4112, cpuid @ 0, ibc @ 8, pad @ 12, fac_mask @ 16, fac_list @ 2064);
layout!(kvm_s390_vm_cpu_feat, 128, feat @ 0);
layout!(kvm_s390_vm_cpu_subfunc, 2048,
    plo @ 0, ptff @ 32, kmac @ 48, kmc @ 64, km @ 80, kimd @ 96, klmd @ 112, pckmo @ 128, kmctr @ 144, kmf @ 160,
    kmo @ 176, pcc @ 192, ppno @ 208, kma @ 224, kdsa @ 240, sortl @ 256, dfltcc @ 288, reserved @ 320);

impl Default for kvm_enable_cap {
    fn default() -> Self {
        Self { cap: 0, flags: 0, args: [0; 4], pad: [0; 64] }
    }
}

impl Default for kvm_s390_vm_cpu_processor {
    fn default() -> Self {
        Self { cpuid: 0, ibc: 0, pad: [0; 6], fac_list: [0; 2048] }
    }
}

impl Default for kvm_s390_vm_cpu_machine {
    fn default() -> Self {
        Self { cpuid: 0, ibc: 0, pad: [0; 4], fac_mask: [0; 2048], fac_list: [0; 2048] }
    }
}

impl Default for kvm_s390_vm_cpu_subfunc {
    fn default() -> Self {
        // SAFETY: the struct is arrays of bytes; all-zero is valid.
        unsafe { core::mem::zeroed() }
    }
}
