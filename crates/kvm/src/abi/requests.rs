//! The ioctl requests: number, direction and size of the argument, which descriptors take them, what announces them. Request
//! numbers, dispatch by number and the table in docs/kvm.md all come from here.
//! Truth: Linux 6.12 uapi linux/kvm.h and the asm-generic ioctl encoding, which s390, x86-64 and arm64 share.

use super::*;
use crate::Errno;

/// What a descriptor stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Descriptor {
    /// /dev/kvm.
    System,
    /// A virtual machine.
    Vm,
    /// A virtual CPU.
    Vcpu,
    /// A device of a VM.
    Device,
}

/// How a call is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// As Linux does.
    Done,
    /// As Linux does on a host without the feature: always this error.
    Absent(Errno),
}

/// One ioctl on one kind of descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// The descriptor.
    pub descriptor: Descriptor,
    /// The request's name.
    pub name: &'static str,
    /// The request's number.
    pub request: u32,
    /// Type of the argument: a struct by address, or `value`.
    pub argument: &'static str,
    /// How it is answered.
    pub support: Support,
}

/// Type byte of all requests.
pub const KVMIO: u32 = 0xae;

const NONE: u32 = 0;
const WRITE: u32 = 1;
const READ: u32 = 2;
const READ_WRITE: u32 = 3;

const fn request(direction: u32, number: u32, size: usize) -> u32 {
    direction << 30 | (size as u32) << 16 | KVMIO << 8 | number
}

macro_rules! support {
    () => {
        Support::Done
    };
    ($errno:ident) => {
        Support::Absent(Errno::$errno)
    };
}

macro_rules! argument {
    (()) => {
        "value"
    };
    (($ty:ty)) => {
        stringify!($ty)
    };
}

macro_rules! size {
    (()) => {
        0
    };
    (($ty:ty)) => {
        size_of::<$ty>()
    };
}

macro_rules! requests {
    ($($name:ident = $direction:ident $number:literal $argument:tt : $($descriptor:ident $(absent $errno:ident)?),+;)*) => {
        $(
            #[allow(missing_docs)]
            pub const $name: u32 = request($direction, $number, size!($argument));
        )*

        /// Every call there is.
        pub const CALLS: &[Call] = &[$($(
            Call {
                descriptor: Descriptor::$descriptor,
                name: stringify!($name),
                request: $name,
                argument: argument!($argument),
                support: support!($($errno)?),
            },
        )+)*];
    };
}

requests! {
    KVM_GET_API_VERSION = NONE 0x00 (): System;
    KVM_CREATE_VM = NONE 0x01 (): System;
    KVM_CHECK_EXTENSION = NONE 0x03 (): System, Vm;
    KVM_GET_VCPU_MMAP_SIZE = NONE 0x04 (): System;
    KVM_S390_ENABLE_SIE = NONE 0x06 (): System;

    KVM_CREATE_VCPU = NONE 0x41 (): Vm;
    KVM_GET_DIRTY_LOG = WRITE 0x42 (kvm_dirty_log): Vm;
    KVM_SET_USER_MEMORY_REGION = WRITE 0x46 (kvm_userspace_memory_region): Vm;
    KVM_SET_USER_MEMORY_REGION2 = WRITE 0x49 (kvm_userspace_memory_region2): Vm;
    KVM_CREATE_IRQCHIP = NONE 0x60 (): Vm;
    KVM_SET_GSI_ROUTING = WRITE 0x6a (kvm_irq_routing): Vm;
    KVM_IRQFD = WRITE 0x76 (kvm_irqfd): Vm;
    KVM_IOEVENTFD = WRITE 0x79 (kvm_ioeventfd): Vm;
    KVM_S390_INTERRUPT = WRITE 0x94 (kvm_s390_interrupt): Vm, Vcpu;
    KVM_ENABLE_CAP = WRITE 0xa3 (kvm_enable_cap): Vm, Vcpu;
    KVM_S390_MEM_OP = WRITE 0xb1 (kvm_s390_mem_op): Vm, Vcpu;
    KVM_S390_GET_SKEYS = WRITE 0xb2 (kvm_s390_skeys): Vm;
    KVM_S390_SET_SKEYS = WRITE 0xb3 (kvm_s390_skeys): Vm;
    KVM_S390_GET_CMMA_BITS = READ_WRITE 0xb8 (kvm_s390_cmma_log): Vm;
    KVM_S390_SET_CMMA_BITS = WRITE 0xb9 (kvm_s390_cmma_log): Vm;
    KVM_S390_PV_COMMAND = READ_WRITE 0xc5 (kvm_pv_cmd): Vm absent EINVAL;
    KVM_RESET_DIRTY_RINGS = NONE 0xc7 (): Vm absent EINVAL;
    KVM_GET_STATS_FD = NONE 0xce (): Vm, Vcpu;
    KVM_S390_ZPCI_OP = WRITE 0xd1 (kvm_s390_zpci_op): Vm absent EINVAL;
    KVM_CREATE_DEVICE = READ_WRITE 0xe0 (kvm_create_device): Vm;
    KVM_SET_DEVICE_ATTR = WRITE 0xe1 (kvm_device_attr): Vm, Device;
    KVM_GET_DEVICE_ATTR = WRITE 0xe2 (kvm_device_attr): Vm, Device;
    KVM_HAS_DEVICE_ATTR = WRITE 0xe3 (kvm_device_attr): Vm, Device;

    KVM_S390_UCAS_MAP = WRITE 0x50 (kvm_s390_ucas_mapping): Vcpu;
    KVM_S390_UCAS_UNMAP = WRITE 0x51 (kvm_s390_ucas_mapping): Vcpu;
    KVM_S390_VCPU_FAULT = WRITE 0x52 (u64): Vcpu;
    KVM_RUN = NONE 0x80 (): Vcpu;
    KVM_GET_REGS = READ 0x81 (kvm_regs): Vcpu;
    KVM_SET_REGS = WRITE 0x82 (kvm_regs): Vcpu;
    KVM_GET_SREGS = READ 0x83 (kvm_sregs): Vcpu;
    KVM_SET_SREGS = WRITE 0x84 (kvm_sregs): Vcpu;
    KVM_TRANSLATE = READ_WRITE 0x85 (kvm_translation): Vcpu absent EINVAL;
    KVM_SET_SIGNAL_MASK = WRITE 0x8b (kvm_signal_mask): Vcpu;
    KVM_GET_FPU = READ 0x8c (kvm_fpu): Vcpu;
    KVM_SET_FPU = WRITE 0x8d (kvm_fpu): Vcpu;
    KVM_S390_STORE_STATUS = WRITE 0x95 (u64): Vcpu;
    KVM_S390_SET_INITIAL_PSW = WRITE 0x96 (kvm_s390_psw): Vcpu;
    KVM_S390_INITIAL_RESET = NONE 0x97 (): Vcpu;
    KVM_GET_MP_STATE = READ 0x98 (kvm_mp_state): Vcpu;
    KVM_SET_MP_STATE = WRITE 0x99 (kvm_mp_state): Vcpu;
    KVM_SET_GUEST_DEBUG = WRITE 0x9b (kvm_guest_debug): Vcpu;
    KVM_GET_ONE_REG = WRITE 0xab (kvm_one_reg): Vcpu;
    KVM_SET_ONE_REG = WRITE 0xac (kvm_one_reg): Vcpu;
    KVM_S390_IRQ = WRITE 0xb4 (kvm_s390_irq): Vcpu;
    KVM_S390_SET_IRQ_STATE = WRITE 0xb5 (kvm_s390_irq_state): Vcpu;
    KVM_S390_GET_IRQ_STATE = WRITE 0xb6 (kvm_s390_irq_state): Vcpu;
    KVM_S390_NORMAL_RESET = NONE 0xc3 (): Vcpu;
    KVM_S390_CLEAR_RESET = NONE 0xc4 (): Vcpu;
    KVM_S390_PV_CPU_COMMAND = READ_WRITE 0xd0 (kvm_pv_cmd): Vcpu absent EINVAL;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers as compiled from Linux's headers.
    const MEASURED: [(&str, u32); 54] = [
        ("KVM_GET_API_VERSION", 0x0000_ae00),
        ("KVM_CREATE_VM", 0x0000_ae01),
        ("KVM_CHECK_EXTENSION", 0x0000_ae03),
        ("KVM_GET_VCPU_MMAP_SIZE", 0x0000_ae04),
        ("KVM_S390_ENABLE_SIE", 0x0000_ae06),
        ("KVM_CREATE_VCPU", 0x0000_ae41),
        ("KVM_GET_DIRTY_LOG", 0x4010_ae42),
        ("KVM_SET_USER_MEMORY_REGION", 0x4020_ae46),
        ("KVM_SET_USER_MEMORY_REGION2", 0x40a0_ae49),
        ("KVM_S390_UCAS_MAP", 0x4018_ae50),
        ("KVM_S390_UCAS_UNMAP", 0x4018_ae51),
        ("KVM_S390_VCPU_FAULT", 0x4008_ae52),
        ("KVM_CREATE_IRQCHIP", 0x0000_ae60),
        ("KVM_SET_GSI_ROUTING", 0x4008_ae6a),
        ("KVM_IRQFD", 0x4020_ae76),
        ("KVM_IOEVENTFD", 0x4040_ae79),
        ("KVM_RUN", 0x0000_ae80),
        ("KVM_GET_REGS", 0x8080_ae81),
        ("KVM_SET_REGS", 0x4080_ae82),
        ("KVM_GET_SREGS", 0x80c0_ae83),
        ("KVM_SET_SREGS", 0x40c0_ae84),
        ("KVM_TRANSLATE", 0xc018_ae85),
        ("KVM_SET_SIGNAL_MASK", 0x4004_ae8b),
        ("KVM_GET_FPU", 0x8088_ae8c),
        ("KVM_SET_FPU", 0x4088_ae8d),
        ("KVM_S390_INTERRUPT", 0x4010_ae94),
        ("KVM_S390_STORE_STATUS", 0x4008_ae95),
        ("KVM_S390_SET_INITIAL_PSW", 0x4010_ae96),
        ("KVM_S390_INITIAL_RESET", 0x0000_ae97),
        ("KVM_GET_MP_STATE", 0x8004_ae98),
        ("KVM_SET_MP_STATE", 0x4004_ae99),
        ("KVM_SET_GUEST_DEBUG", 0x4018_ae9b),
        ("KVM_ENABLE_CAP", 0x4068_aea3),
        ("KVM_GET_ONE_REG", 0x4010_aeab),
        ("KVM_SET_ONE_REG", 0x4010_aeac),
        ("KVM_S390_MEM_OP", 0x4040_aeb1),
        ("KVM_S390_GET_SKEYS", 0x4040_aeb2),
        ("KVM_S390_SET_SKEYS", 0x4040_aeb3),
        ("KVM_S390_IRQ", 0x4048_aeb4),
        ("KVM_S390_SET_IRQ_STATE", 0x4020_aeb5),
        ("KVM_S390_GET_IRQ_STATE", 0x4020_aeb6),
        ("KVM_S390_GET_CMMA_BITS", 0xc020_aeb8),
        ("KVM_S390_SET_CMMA_BITS", 0x4020_aeb9),
        ("KVM_S390_NORMAL_RESET", 0x0000_aec3),
        ("KVM_S390_CLEAR_RESET", 0x0000_aec4),
        ("KVM_S390_PV_COMMAND", 0xc020_aec5),
        ("KVM_RESET_DIRTY_RINGS", 0x0000_aec7),
        ("KVM_GET_STATS_FD", 0x0000_aece),
        ("KVM_S390_PV_CPU_COMMAND", 0xc020_aed0),
        ("KVM_S390_ZPCI_OP", 0x4048_aed1),
        ("KVM_CREATE_DEVICE", 0xc00c_aee0),
        ("KVM_SET_DEVICE_ATTR", 0x4018_aee1),
        ("KVM_GET_DEVICE_ATTR", 0x4018_aee2),
        ("KVM_HAS_DEVICE_ATTR", 0x4018_aee3),
    ];

    #[test]
    fn numbers_are_those_of_the_headers() {
        for (name, number) in MEASURED {
            let found: Vec<_> = CALLS.iter().filter(|call| call.name == name).collect();
            assert!(!found.is_empty(), "{name}");
            assert!(found.iter().all(|call| call.request == number), "{name}: {:#x}", found[0].request);
        }
        assert!(CALLS.iter().all(|call| MEASURED.iter().any(|(name, _)| *name == call.name)));
    }

    #[test]
    fn every_descriptor_has_its_calls() {
        let count = |descriptor| CALLS.iter().filter(|call| call.descriptor == descriptor).count();
        assert_eq!(count(Descriptor::System), 5);
        assert_eq!(count(Descriptor::Vm), 24);
        assert_eq!(count(Descriptor::Vcpu), 30);
        assert_eq!(count(Descriptor::Device), 3);
    }
}
