//! Calls on /dev/kvm.
//! Truth: section 3.1 of the interface's reference.

use super::{shows, value};
use crate::abi::*;
use crate::ioctl::{self, Outcome};
use crate::{Errno, System};

shows! {
    System:
    KVM_GET_API_VERSION => version_and_size;
    KVM_CREATE_VM => create_vm;
    KVM_CHECK_EXTENSION => check_extension;
    KVM_GET_VCPU_MMAP_SIZE => version_and_size;
    KVM_S390_ENABLE_SIE => enable_sie;
}

fn system(request: u32, argument: u64) -> Result<u32, Errno> {
    value(ioctl::system(&System::new(), request, argument))
}

#[test]
fn version_and_size() {
    assert_eq!(system(KVM_GET_API_VERSION, 0), Ok(12));
    assert_eq!(system(KVM_GET_API_VERSION, 1), Err(Errno::EINVAL));
    let size = system(KVM_GET_VCPU_MMAP_SIZE, 0).unwrap();
    assert!(size >= 4096 && size.is_power_of_two());
    assert_eq!(system(KVM_GET_VCPU_MMAP_SIZE, 1), Err(Errno::EINVAL));
}

#[test]
fn create_vm() {
    let created = ioctl::system(&System::new(), KVM_CREATE_VM, 0);
    assert!(matches!(created, Ok(Outcome::Vm(_))));
    for kind in [1, 2, 0x8000_0000, 1 << 32] {
        assert_eq!(system(KVM_CREATE_VM, kind), Err(Errno::EINVAL), "{kind:#x}");
    }
}

#[test]
fn check_extension() {
    assert_eq!(system(KVM_CHECK_EXTENSION, u64::from(KVM_CAP_S390_COW)), Ok(16));
    assert_eq!(system(KVM_CHECK_EXTENSION, 0), Ok(0));
    assert_eq!(system(KVM_CHECK_EXTENSION, u64::MAX), Ok(0), "never an error");
    assert_eq!(system(KVM_CHECK_EXTENSION, 1 << 32 | 3), Ok(0));
}

#[test]
fn enable_sie() {
    assert_eq!(system(KVM_S390_ENABLE_SIE, 0), Ok(0));
    assert_eq!(system(KVM_S390_ENABLE_SIE, u64::MAX), Ok(0), "the argument is nothing");
}
