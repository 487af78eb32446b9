//! What a KVM client finds behind /dev/kvm, asked as a client asks: by opening it and by ioctls through the C library.
//! Truth: Linux's uapi linux/kvm.h.

use std::ffi::c_ulong;
use std::fs::OpenOptions;
use std::io::Error;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use softsie_kvm::abi::*;

macro_rules! capabilities {
    ($($name:ident,)*) => {
        const CAPABILITIES: &[(&str, u32)] = &[$((stringify!($name), $name)),*];
    };
}

capabilities! {
    KVM_CAP_USER_MEMORY,
    KVM_CAP_NR_VCPUS,
    KVM_CAP_NR_MEMSLOTS,
    KVM_CAP_MP_STATE,
    KVM_CAP_SYNC_MMU,
    KVM_CAP_DESTROY_MEMORY_REGION_WORKS,
    KVM_CAP_SET_GUEST_DEBUG,
    KVM_CAP_IRQ_ROUTING,
    KVM_CAP_JOIN_MEMORY_REGIONS_WORKS,
    KVM_CAP_IRQFD,
    KVM_CAP_IOEVENTFD,
    KVM_CAP_INTERNAL_ERROR_DATA,
    KVM_CAP_S390_PSW,
    KVM_CAP_ENABLE_CAP,
    KVM_CAP_ASYNC_PF,
    KVM_CAP_MAX_VCPUS,
    KVM_CAP_ONE_REG,
    KVM_CAP_S390_GMAP,
    KVM_CAP_S390_UCONTROL,
    KVM_CAP_SYNC_REGS,
    KVM_CAP_S390_COW,
    KVM_CAP_IRQFD_RESAMPLE,
    KVM_CAP_S390_CSS_SUPPORT,
    KVM_CAP_DEVICE_CTRL,
    KVM_CAP_ENABLE_CAP_VM,
    KVM_CAP_S390_IRQCHIP,
    KVM_CAP_VM_ATTRIBUTES,
    KVM_CAP_CHECK_EXTENSION_VM,
    KVM_CAP_S390_USER_SIGP,
    KVM_CAP_S390_VECTOR_REGISTERS,
    KVM_CAP_S390_MEM_OP,
    KVM_CAP_S390_USER_STSI,
    KVM_CAP_S390_SKEYS,
    KVM_CAP_S390_INJECT_IRQ,
    KVM_CAP_S390_IRQ_STATE,
    KVM_CAP_IOEVENTFD_ANY_LENGTH,
    KVM_CAP_S390_RI,
    KVM_CAP_MAX_VCPU_ID,
    KVM_CAP_S390_USER_INSTR0,
    KVM_CAP_IMMEDIATE_EXIT,
    KVM_CAP_S390_GS,
    KVM_CAP_S390_AIS,
    KVM_CAP_S390_CMMA_MIGRATION,
    KVM_CAP_S390_AIS_MIGRATION,
    KVM_CAP_S390_BPB,
    KVM_CAP_S390_HPAGE_1M,
    KVM_CAP_S390_VCPU_RESETS,
    KVM_CAP_S390_PROTECTED,
    KVM_CAP_HALT_POLL,
    KVM_CAP_S390_DIAG318,
    KVM_CAP_SET_GUEST_DEBUG2,
    KVM_CAP_BINARY_STATS_FD,
    KVM_CAP_S390_MEM_OP_EXTENSION,
    KVM_CAP_SYSTEM_EVENT_DATA,
    KVM_CAP_S390_PROTECTED_DUMP,
    KVM_CAP_S390_ZPCI_OP,
    KVM_CAP_S390_CPU_TOPOLOGY,
    KVM_CAP_S390_PROTECTED_ASYNC_DISABLE,
    KVM_CAP_USER_MEMORY2,
}

/// A call that takes a number and gives one.
fn ioctl(fd: BorrowedFd<'_>, request: u32, argument: u32) -> Result<i32, String> {
    // SAFETY: the request takes no pointer.
    let result = unsafe { libc::ioctl(fd.as_raw_fd(), c_ulong::from(request), c_ulong::from(argument)) };
    if result < 0 { Err(Error::last_os_error().to_string()) } else { Ok(result) }
}

/// Prints what there is.
pub fn report() -> Result<u8, String> {
    let system =
        OpenOptions::new().read(true).write(true).open("/dev/kvm").map_err(|error| format!("/dev/kvm: {error}"))?;
    let system = system.as_fd();
    let version = ioctl(system, KVM_GET_API_VERSION, 0)?;
    println!("/dev/kvm: API version {version}, vCPU mapping of {} bytes", ioctl(system, KVM_GET_VCPU_MMAP_SIZE, 0)?);
    let number = ioctl(system, KVM_CREATE_VM, 0).map_err(|error| format!("a VM cannot be created: {error}"))?;
    // SAFETY: the call has just made the descriptor for us.
    let vm = unsafe { OwnedFd::from_raw_fd(number) };
    let vcpu = ioctl(vm.as_fd(), KVM_CREATE_VCPU, 0).map_err(|error| format!("a vCPU cannot be created: {error}"))?;
    // SAFETY: as above.
    drop(unsafe { OwnedFd::from_raw_fd(vcpu) });
    println!("a VM and a vCPU can be created");
    for (name, number) in CAPABILITIES {
        println!("{name} ({number}): {}", ioctl(vm.as_fd(), KVM_CHECK_EXTENSION, *number)?);
    }
    Ok(0)
}
