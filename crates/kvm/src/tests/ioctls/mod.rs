//! The interface by number, as a client with descriptors uses it: every call on every descriptor with its good path and its
//! errors. The lists here say which test shows which call; docs/kvm.md is made from them.
//! Truth: the tables of the interface's reference (Linux 6.12).

mod device;
mod document;
mod system;
mod vcpu;
mod vm;

use std::sync::Arc;

use super::machine::{Machine, page};
use crate::abi::*;
use crate::device::Flic;
use crate::ioctl::{self, Outcome};
use crate::{Errno, OwnMemory, Vcpu};

/// A test that shows a call.
struct Shown {
    descriptor: Descriptor,
    request: u32,
    test: &'static str,
}

/// Says which tests show which calls on a descriptor; each must be a function here.
macro_rules! shows {
    ($descriptor:ident: $($request:ident => $($test:ident),+;)*) => {
        pub(super) const SHOWN: &[super::Shown] = &[$($({
            let _: fn() = $test;
            super::Shown {
                descriptor: Descriptor::$descriptor,
                request: $request,
                test: concat!(module_path!(), "::", stringify!($test)),
            }
        },)+)*];
    };
}
use shows;

/// An address at which nothing is mapped.
const BAD: u64 = 8;

fn address_of<T: ?Sized>(object: &T) -> u64 {
    core::ptr::from_ref(object).cast::<u8>().expose_provenance() as u64
}

/// The plain result of a call.
fn value(outcome: Result<Outcome, Errno>) -> Result<u32, Errno> {
    match outcome? {
        Outcome::Value(value) => Ok(value),
        other => panic!("{other:?}"),
    }
}

/// An ioctl on a VM with an argument by value.
fn on_vm(machine: &Machine, request: u32, argument: u64) -> Result<Outcome, Errno> {
    // SAFETY: the tests give slots memory that lives as long as the machine.
    unsafe { ioctl::vm(&machine.vm, request, argument, &OwnMemory) }
}

/// An ioctl on a VM with an object.
fn vm<T: Plain>(machine: &Machine, request: u32, object: T) -> Result<u32, Errno> {
    value(on_vm(machine, request, address_of(&object)))
}

/// As [`vm`], for objects that the call changes.
fn vm_change<T: Plain>(machine: &Machine, request: u32, object: &mut T) -> Result<u32, Errno> {
    value(on_vm(machine, request, std::hint::black_box(core::ptr::from_mut(object)).expose_provenance() as u64))
}

/// An ioctl on a vCPU with an argument by value.
fn on_vcpu(cpu: &Vcpu, request: u32, argument: u64) -> Result<u32, Errno> {
    value(ioctl::vcpu(cpu, request, argument, &OwnMemory))
}

/// An ioctl on a vCPU with an object.
fn vcpu<T: Plain>(cpu: &Vcpu, request: u32, object: T) -> Result<u32, Errno> {
    on_vcpu(cpu, request, address_of(&object))
}

/// As [`vcpu`], for objects that the call changes.
fn vcpu_change<T: Plain>(cpu: &Vcpu, request: u32, object: &mut T) -> Result<u32, Errno> {
    on_vcpu(cpu, request, std::hint::black_box(core::ptr::from_mut(object)).expose_provenance() as u64)
}

/// An ioctl on the FLIC with an attribute.
fn flic(flic: &Flic, request: u32, group: u32, attr: u64, addr: u64) -> Result<u32, Errno> {
    let attr = kvm_device_attr { flags: 0, group, attr, addr };
    value(ioctl::device(flic, request, address_of(&attr), &OwnMemory))
}

/// The machine's FLIC.
fn create_flic(machine: &Machine) -> Arc<Flic> {
    let device = kvm_create_device { r#type: KVM_DEV_TYPE_FLIC, fd: 0, flags: 0 };
    match on_vm(machine, KVM_CREATE_DEVICE, address_of(&device)) {
        Ok(Outcome::Device(created)) => created.device,
        other => panic!("{other:?}"),
    }
}

#[test]
fn unknown_requests() {
    let machine = Machine::new();
    let cpu = machine.vcpu(0);
    let device = create_flic(&machine);
    // Of other architectures, of another descriptor, of nobody.
    for request in [0xc018_aec0, 0x4020_aea5, 0x0000_ae7f, 0x0000_aeff, 0x4010_ae43] {
        assert_eq!(value(on_vm(&machine, request, 0)), Err(Errno::ENOTTY), "{request:#x}");
        assert_eq!(on_vcpu(&cpu, request, 0), Err(Errno::ENOTTY), "{request:#x}");
        assert_eq!(value(ioctl::device(&device, request, 0, &OwnMemory)), Err(Errno::ENOTTY), "{request:#x}");
        let system = crate::System::new();
        assert_eq!(value(ioctl::system(&system, request, 0)), Err(Errno::EINVAL), "{request:#x}");
    }
    for call in CALLS {
        let elsewhere = |descriptor| !CALLS.iter().any(|c| c.request == call.request && c.descriptor == descriptor);
        if elsewhere(Descriptor::Vm) {
            assert_eq!(value(on_vm(&machine, call.request, 0)), Err(Errno::ENOTTY), "{}", call.name);
        }
        if elsewhere(Descriptor::Vcpu) {
            assert_eq!(on_vcpu(&cpu, call.request, 0), Err(Errno::ENOTTY), "{}", call.name);
        }
    }
    for other_type in [0x5401, 0x0000_af80, 0x8080_ad81] {
        assert_eq!(on_vcpu(&cpu, other_type, 0), Err(Errno::EINVAL));
        assert_eq!(value(on_vm(&machine, other_type, 0)), Err(Errno::ENOTTY));
    }
    // The size is part of the number.
    assert_eq!(on_vcpu(&cpu, KVM_GET_REGS ^ 0x0008_0000, 0), Err(Errno::ENOTTY));
}

#[test]
fn addresses_that_are_not_mapped() {
    let machine = Machine::new();
    let cpu = machine.vcpu(0);
    let device = create_flic(&machine);
    for call in CALLS.iter().filter(|call| !matches!(call.argument, "value" | "u64")) {
        // Answered before anything is read, or without.
        if matches!(
            call.name,
            "KVM_GET_MP_STATE" | "KVM_S390_PV_COMMAND" | "KVM_S390_PV_CPU_COMMAND" | "KVM_S390_ZPCI_OP"
        ) {
            continue;
        }
        for address in [BAD, u64::MAX, 1 << 62] {
            let result = match call.descriptor {
                Descriptor::System => unreachable!("{}", call.name),
                Descriptor::Vm => value(on_vm(&machine, call.request, address)),
                Descriptor::Vcpu => on_vcpu(&cpu, call.request, address),
                Descriptor::Device => value(ioctl::device(&device, call.request, address, &OwnMemory)),
            };
            // Without such VMs the calls for them are unknown.
            let expected = if call.name.starts_with("KVM_S390_UCAS") { Errno::ENOTTY } else { Errno::EFAULT };
            assert_eq!(result, Err(expected), "{} at {address:#x}", call.name);
        }
    }
}
