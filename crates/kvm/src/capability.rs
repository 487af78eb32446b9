//! Capabilities: what KVM_CHECK_EXTENSION answers. A capability is announced when it works, and only then.
//! Truth: Linux 6.12 kvm_vm_ioctl_check_extension of s390 and of virt/kvm, for the numbers and the kind of value.

use softsie_cpu::FacilityList;

use crate::abi::*;

/// Largest transfer of KVM_S390_MEM_OP.
pub(crate) const MEM_OP_MAX: u32 = 65536;

/// The answer of KVM_CHECK_EXTENSION for a host whose CPU has these facilities.
pub(crate) fn check(cap: u32, host: &FacilityList) -> i32 {
    match cap {
        KVM_CAP_USER_MEMORY
        | KVM_CAP_MP_STATE
        | KVM_CAP_SYNC_MMU
        | KVM_CAP_DESTROY_MEMORY_REGION_WORKS
        | KVM_CAP_JOIN_MEMORY_REGIONS_WORKS
        | KVM_CAP_INTERNAL_ERROR_DATA
        | KVM_CAP_S390_PSW
        | KVM_CAP_ENABLE_CAP
        | KVM_CAP_ONE_REG
        | KVM_CAP_S390_GMAP
        | KVM_CAP_SYNC_REGS
        | KVM_CAP_S390_CSS_SUPPORT
        | KVM_CAP_ENABLE_CAP_VM
        | KVM_CAP_VM_ATTRIBUTES
        | KVM_CAP_CHECK_EXTENSION_VM
        | KVM_CAP_IRQFD
        | KVM_CAP_IRQFD_RESAMPLE
        | KVM_CAP_IOEVENTFD
        | KVM_CAP_IOEVENTFD_ANY_LENGTH
        | KVM_CAP_DEVICE_CTRL
        | KVM_CAP_S390_IRQCHIP
        | KVM_CAP_S390_SKEYS
        | KVM_CAP_S390_IRQ_STATE
        | KVM_CAP_S390_AIS
        | KVM_CAP_S390_AIS_MIGRATION
        | KVM_CAP_S390_CMMA_MIGRATION
        | KVM_CAP_USER_MEMORY2
        | KVM_CAP_S390_USER_SIGP
        | KVM_CAP_S390_USER_STSI
        | KVM_CAP_S390_INJECT_IRQ
        | KVM_CAP_S390_USER_INSTR0
        | KVM_CAP_IMMEDIATE_EXIT
        | KVM_CAP_S390_VCPU_RESETS
        | KVM_CAP_HALT_POLL
        | KVM_CAP_S390_DIAG318
        | KVM_CAP_SYSTEM_EVENT_DATA => 1,
        KVM_CAP_NR_VCPUS => {
            let cpus = std::thread::available_parallelism().map_or(1, usize::from);
            i32::try_from(cpus).unwrap_or(i32::MAX).min(KVM_MAX_VCPUS as i32)
        }
        KVM_CAP_MAX_VCPUS | KVM_CAP_MAX_VCPU_ID => KVM_MAX_VCPUS as i32,
        KVM_CAP_NR_MEMSLOTS => KVM_USER_MEM_SLOTS as i32,
        // Linux returns the machine flag itself: bit 4.
        KVM_CAP_S390_COW => 16,
        KVM_CAP_S390_MEM_OP => MEM_OP_MAX as i32,
        KVM_CAP_S390_VECTOR_REGISTERS => i32::from(host.has(129)),
        KVM_CAP_IRQ_ROUTING => KVM_MAX_IRQ_ROUTES as i32,
        KVM_CAP_S390_RI => i32::from(host.has(64)),
        KVM_CAP_S390_GS => i32::from(host.has(133)),
        KVM_CAP_S390_CPU_TOPOLOGY => i32::from(host.has(11)),
        KVM_CAP_S390_BPB => i32::from(host.has(82)),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_have_the_kind_of_value_that_clients_expect() {
        let host = FacilityList::of(&[129]);
        assert_eq!(check(KVM_CAP_SYNC_REGS, &host), 1);
        assert_eq!(check(KVM_CAP_S390_COW, &host), 16);
        assert_eq!(check(KVM_CAP_NR_MEMSLOTS, &host), 32767);
        assert_eq!(check(KVM_CAP_S390_VECTOR_REGISTERS, &host), 1);
        assert_eq!(check(KVM_CAP_S390_VECTOR_REGISTERS, &FacilityList::default()), 0);
        assert!(check(KVM_CAP_NR_VCPUS, &host) >= 1);
    }

    #[test]
    fn what_is_not_there_is_not_announced() {
        let host = FacilityList::of(&[129]);
        // 0 is the x86 interrupt chip, 239 is beyond every defined number.
        for cap in [0, 239, u32::MAX, KVM_CAP_S390_PROTECTED, KVM_CAP_S390_ZPCI_OP, KVM_CAP_BINARY_STATS_FD] {
            assert_eq!(check(cap, &host), 0);
        }
    }
}
