//! Capabilities: what KVM_CHECK_EXTENSION answers, in one table. A capability is announced when all of it works, and only
//! then. Truth: Linux 6.12 kvm_vm_ioctl_check_extension of s390 and of virt/kvm, for the numbers and the kind of value.

use softsie_cpu::FacilityList;

use crate::abi::*;

/// Largest transfer of KVM_S390_MEM_OP.
pub(crate) const MEM_OP_MAX: u32 = 65536;

/// The answer to a capability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Always this.
    Value(i32),
    /// 1 when the CPU has this facility.
    Facility(u16),
    /// The host's number of CPUs.
    HostCpus,
    /// 0, for this reason.
    Absent(&'static str),
}

/// A capability that Linux on s390 answers specially.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capability {
    /// Its name.
    pub name: &'static str,
    /// Its number.
    pub number: u32,
    /// What is answered.
    pub answer: Answer,
}

const DEBUG_FLAGS: u32 =
    KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP | KVM_GUESTDBG_USE_HW_BP | KVM_GUESTDBG_EXIT_PENDING;
const NO_ULTRAVISOR: &str = "there is no ultravisor";

macro_rules! capabilities {
    ($($name:ident => $answer:expr,)*) => {
        /// Every capability that Linux on s390 answers specially, by number. All others are 0.
        pub const CAPABILITIES: &[Capability] = &[$(
            Capability { name: stringify!($name), number: $name, answer: { use Answer::*; $answer } },
        )*];
    };
}

capabilities! {
    KVM_CAP_USER_MEMORY => Value(1),
    KVM_CAP_NR_VCPUS => HostCpus,
    KVM_CAP_NR_MEMSLOTS => Value(KVM_USER_MEM_SLOTS as i32),
    KVM_CAP_MP_STATE => Value(1),
    KVM_CAP_SYNC_MMU => Value(1),
    KVM_CAP_DESTROY_MEMORY_REGION_WORKS => Value(1),
    KVM_CAP_SET_GUEST_DEBUG => Value(1),
    KVM_CAP_IRQ_ROUTING => Value(KVM_MAX_IRQ_ROUTES as i32),
    KVM_CAP_JOIN_MEMORY_REGIONS_WORKS => Value(1),
    KVM_CAP_IRQFD => Value(1),
    KVM_CAP_IOEVENTFD => Value(1),
    KVM_CAP_INTERNAL_ERROR_DATA => Value(1),
    KVM_CAP_S390_PSW => Value(1),
    KVM_CAP_ENABLE_CAP => Value(1),
    // The handshake and both interruptions; that a fault of the host is asynchronous, nobody promises.
    KVM_CAP_ASYNC_PF => Value(1),
    KVM_CAP_MAX_VCPUS => Value(KVM_MAX_VCPUS as i32),
    KVM_CAP_ONE_REG => Value(1),
    KVM_CAP_S390_GMAP => Value(1),
    KVM_CAP_S390_UCONTROL => Value(1),
    KVM_CAP_SYNC_REGS => Value(1),
    // Linux returns the machine flag itself: bit 4.
    KVM_CAP_S390_COW => Value(16),
    KVM_CAP_IRQFD_RESAMPLE => Value(1),
    KVM_CAP_S390_CSS_SUPPORT => Value(1),
    KVM_CAP_DEVICE_CTRL => Value(1),
    KVM_CAP_ENABLE_CAP_VM => Value(1),
    KVM_CAP_S390_IRQCHIP => Value(1),
    KVM_CAP_VM_ATTRIBUTES => Value(1),
    KVM_CAP_CHECK_EXTENSION_VM => Value(1),
    KVM_CAP_S390_USER_SIGP => Value(1),
    KVM_CAP_S390_VECTOR_REGISTERS => Facility(129),
    KVM_CAP_S390_MEM_OP => Value(MEM_OP_MAX as i32),
    KVM_CAP_S390_USER_STSI => Value(1),
    KVM_CAP_S390_SKEYS => Value(1),
    KVM_CAP_S390_INJECT_IRQ => Value(1),
    KVM_CAP_S390_IRQ_STATE => Value(1),
    KVM_CAP_IOEVENTFD_ANY_LENGTH => Value(1),
    KVM_CAP_S390_RI => Facility(64),
    KVM_CAP_MAX_VCPU_ID => Value(KVM_MAX_VCPUS as i32),
    KVM_CAP_S390_USER_INSTR0 => Value(1),
    KVM_CAP_IMMEDIATE_EXIT => Value(1),
    KVM_CAP_S390_GS => Facility(133),
    KVM_CAP_S390_AIS => Value(1),
    KVM_CAP_S390_CMMA_MIGRATION => Value(1),
    KVM_CAP_S390_AIS_MIGRATION => Value(1),
    KVM_CAP_S390_BPB => Facility(82),
    KVM_CAP_S390_HPAGE_1M => Absent("as a kernel whose module parameter hpage is off"),
    KVM_CAP_S390_VCPU_RESETS => Value(1),
    KVM_CAP_S390_PROTECTED => Absent(NO_ULTRAVISOR),
    KVM_CAP_HALT_POLL => Value(1),
    KVM_CAP_S390_DIAG318 => Value(1),
    KVM_CAP_SET_GUEST_DEBUG2 => Value(DEBUG_FLAGS.cast_signed()),
    KVM_CAP_BINARY_STATS_FD => Value(1),
    // Absolute addresses and keys; compare and exchange.
    KVM_CAP_S390_MEM_OP_EXTENSION => Value(3),
    KVM_CAP_SYSTEM_EVENT_DATA => Value(1),
    KVM_CAP_S390_PROTECTED_DUMP => Absent(NO_ULTRAVISOR),
    KVM_CAP_S390_ZPCI_OP => Absent("no PCI function is passed through"),
    KVM_CAP_S390_CPU_TOPOLOGY => Facility(11),
    KVM_CAP_S390_PROTECTED_ASYNC_DISABLE => Absent(NO_ULTRAVISOR),
    KVM_CAP_USER_MEMORY2 => Value(1),
}

/// The answer of KVM_CHECK_EXTENSION for a host whose CPU has these facilities.
pub(crate) fn check(cap: u32, host: &FacilityList) -> i32 {
    match CAPABILITIES.iter().find(|capability| capability.number == cap).map(|capability| capability.answer) {
        Some(Answer::Value(value)) => value,
        Some(Answer::Facility(facility)) => i32::from(host.has(facility)),
        Some(Answer::HostCpus) => {
            let cpus = std::thread::available_parallelism().map_or(1, usize::from);
            i32::try_from(cpus).unwrap_or(i32::MAX).min(KVM_MAX_VCPUS as i32)
        }
        Some(Answer::Absent(_)) | None => 0,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// What a kernel on a z15 or z16 answers, by number: the table of the interface's reference. `None` depends on the host.
    pub(crate) const REFERENCE: [(u32, Option<i32>); 59] = [
        (3, Some(1)),
        (9, None),
        (10, Some(32767)),
        (14, Some(1)),
        (16, Some(1)),
        (21, Some(1)),
        (23, Some(1)),
        (25, Some(4096)),
        (30, Some(1)),
        (32, Some(1)),
        (36, Some(1)),
        (40, Some(1)),
        (42, Some(1)),
        (54, Some(1)),
        (59, Some(1)),
        // Without interpretation of SIGP: 255.
        (66, Some(255)),
        (70, Some(1)),
        (71, Some(1)),
        (73, Some(1)),
        (74, Some(1)),
        (79, Some(16)),
        (82, Some(1)),
        (85, Some(1)),
        (89, Some(1)),
        (98, Some(1)),
        (99, Some(1)),
        (101, Some(1)),
        (105, Some(1)),
        (106, Some(1)),
        (107, Some(1)),
        (108, Some(65536)),
        (109, Some(1)),
        (110, Some(1)),
        (113, Some(1)),
        (114, Some(1)),
        (122, Some(1)),
        (124, None),
        (128, Some(255)),
        (130, Some(1)),
        (136, Some(1)),
        (140, None),
        (141, Some(1)),
        (145, Some(1)),
        (150, Some(1)),
        (152, None),
        (156, Some(0)),
        (179, Some(1)),
        (180, Some(0)),
        (182, Some(1)),
        (186, Some(1)),
        (195, Some(0x1001_0003)),
        (203, Some(1)),
        (211, Some(3)),
        (215, Some(1)),
        (217, Some(0)),
        (221, Some(0)),
        (222, Some(1)),
        (224, Some(0)),
        (231, Some(1)),
    ];

    #[test]
    fn each_number_has_the_answer_of_the_reference() {
        let host = FacilityList::of(&[11, 129]);
        assert_eq!(CAPABILITIES.len(), REFERENCE.len());
        for (capability, (number, answer)) in CAPABILITIES.iter().zip(REFERENCE) {
            assert_eq!(capability.number, number, "{}", capability.name);
            if let Some(answer) = answer {
                assert_eq!(check(number, &host), answer, "{}", capability.name);
            }
        }
        let special: Vec<_> = REFERENCE.iter().map(|(number, _)| *number).collect();
        for other in (0..400).chain([u32::MAX]).filter(|number| !special.contains(number)) {
            assert_eq!(check(other, &host), 0, "{other}");
        }
    }

    #[test]
    fn facilities_decide_where_the_cpu_does() {
        for (number, facility) in [(107, 129), (124, 64), (140, 133), (152, 82), (222, 11)] {
            assert_eq!(check(number, &FacilityList::of(&[facility])), 1, "{number}");
            assert_eq!(check(number, &FacilityList::default()), 0, "{number}");
        }
        assert!(check(KVM_CAP_NR_VCPUS, &FacilityList::default()) >= 1);
    }
}
