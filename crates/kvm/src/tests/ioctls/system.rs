//! Calls on /dev/kvm.
//! Truth: section 3.1 of the interface's reference.

use super::{Machine, open, shows};
use crate::Errno;
use crate::abi::*;
use crate::capability::tests::REFERENCE;

shows! {
    System:
    KVM_GET_API_VERSION => version_and_size;
    KVM_CREATE_VM => create_vm;
    KVM_CHECK_EXTENSION => check_extension;
    KVM_GET_VCPU_MMAP_SIZE => version_and_size;
    KVM_S390_ENABLE_SIE => enable_sie;
}

fn system(request: u32, argument: u64) -> Result<u32, Errno> {
    open().call(request, argument)
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
    assert!(open().create(KVM_CREATE_VM, 0).is_ok());
    assert!(open().create(KVM_CREATE_VM, 1).is_ok(), "controlled by the client");
    for kind in [2, 3, 0x8000_0000, 1 << 32] {
        assert_eq!(system(KVM_CREATE_VM, kind), Err(Errno::EINVAL), "{kind:#x}");
    }
}

#[test]
fn check_extension() {
    let (system, machine) = (open(), Machine::new());
    let both = |number: u64| {
        let answer = system.call(KVM_CHECK_EXTENSION, number);
        assert_eq!(machine.vm.call(KVM_CHECK_EXTENSION, number), answer, "{number}: the VM's answer");
        answer
    };
    for (number, answer) in REFERENCE {
        let found = both(number.into());
        match answer {
            Some(answer) => assert_eq!(found, Ok(answer.cast_unsigned()), "{number}"),
            // The host's number of CPUs, or whether it has a facility.
            None => assert!(found.unwrap() <= if number == KVM_CAP_NR_VCPUS { 255 } else { 1 }, "{number}"),
        }
    }
    let special = |number| REFERENCE.iter().any(|(special, _)| *special == number);
    for number in (0..400).filter(|number| !special(*number)) {
        assert_eq!(both(number.into()), Ok(0), "{number}");
    }
    assert_eq!(both(u64::MAX), Ok(0), "never an error");
    assert_eq!(both(1 << 32 | 3), Ok(0));
}

#[test]
fn enable_sie() {
    assert_eq!(system(KVM_S390_ENABLE_SIE, 0), Ok(0));
    assert_eq!(system(KVM_S390_ENABLE_SIE, u64::MAX), Ok(0), "the argument is nothing");
}
