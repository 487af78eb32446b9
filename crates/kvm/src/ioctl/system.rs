//! Ioctls of the system descriptor, /dev/kvm.
//! Truth: Linux 6.12 virt/kvm/kvm_main.c (kvm_dev_ioctl), arch/s390/kvm/kvm-s390.c (kvm_arch_dev_ioctl).

use super::Outcome;
use crate::abi::*;
use crate::{Errno, Result, System};

/// An ioctl on /dev/kvm.
///
/// # Errors
/// The call's; EINVAL when there is no such call.
pub fn system(system: &System, request: u32, argument: u64) -> Result<Outcome> {
    match request {
        KVM_GET_API_VERSION if argument == 0 => Ok(Outcome::Value(system.get_api_version().cast_unsigned())),
        KVM_CREATE_VM => system.create_vm(argument).map(Outcome::Vm),
        KVM_CHECK_EXTENSION => Ok(Outcome::Value(extension(argument, |cap| system.check_extension(cap)))),
        KVM_GET_VCPU_MMAP_SIZE if argument == 0 => Ok(Outcome::Value(system.get_vcpu_mmap_size() as u32)),
        KVM_S390_ENABLE_SIE => system.s390_enable_sie().map(Outcome::from),
        _ => Err(Errno::EINVAL),
    }
}

/// The answer of KVM_CHECK_EXTENSION: a number that is too large is as absent as any unknown one.
pub(super) fn extension(argument: u64, check: impl FnOnce(u32) -> i32) -> u32 {
    u32::try_from(argument).map_or(0, |cap| check(cap).cast_unsigned())
}
