//! The interface by number, as a client with descriptors uses it: every call on every descriptor with its good path and its
//! errors, by both doors (door.rs). The lists here say which test shows which call; docs/kvm.md is made from them.
//! Truth: the tables of the interface's reference (Linux 6.12).

mod device;
mod document;
mod door;
mod system;
mod ucontrol;
mod vcpu;
mod vm;

use door::{Cpu, Machine, Object, STORAGE, floating, open, page};

use crate::Errno;
use crate::abi::*;

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

/// An ioctl on a VM with an argument by value.
fn on_vm(machine: &Machine, request: u32, argument: u64) -> Result<u32, Errno> {
    machine.vm.call(request, argument)
}

/// An ioctl on a VM with an object.
fn vm<T: Plain>(machine: &Machine, request: u32, object: T) -> Result<u32, Errno> {
    on_vm(machine, request, address_of(&object))
}

/// As [`vm`], for objects that the call changes.
fn vm_change<T: Plain>(machine: &Machine, request: u32, object: &mut T) -> Result<u32, Errno> {
    on_vm(machine, request, std::hint::black_box(core::ptr::from_mut(object)).expose_provenance() as u64)
}

/// An ioctl on a vCPU with an argument by value.
fn on_vcpu(cpu: &Cpu, request: u32, argument: u64) -> Result<u32, Errno> {
    cpu.object.call(request, argument)
}

/// An ioctl on a vCPU with an object.
fn vcpu<T: Plain>(cpu: &Cpu, request: u32, object: T) -> Result<u32, Errno> {
    on_vcpu(cpu, request, address_of(&object))
}

/// As [`vcpu`], for objects that the call changes.
fn vcpu_change<T: Plain>(cpu: &Cpu, request: u32, object: &mut T) -> Result<u32, Errno> {
    on_vcpu(cpu, request, std::hint::black_box(core::ptr::from_mut(object)).expose_provenance() as u64)
}

/// An ioctl on the FLIC with an attribute.
fn flic(flic: &Object, request: u32, group: u32, attr: u64, addr: u64) -> Result<u32, Errno> {
    let attr = kvm_device_attr { flags: 0, group, attr, addr };
    flic.call(request, address_of(&attr))
}

/// The machine's FLIC.
fn create_flic(machine: &Machine) -> Object {
    let mut device = kvm_create_device { r#type: KVM_DEV_TYPE_FLIC, fd: 0, flags: 0 };
    let place = std::hint::black_box(core::ptr::from_mut(&mut device)).expose_provenance() as u64;
    machine.vm.create(KVM_CREATE_DEVICE, place).unwrap()
}

#[test]
fn unknown_requests() {
    let machine = Machine::new();
    let cpu = machine.vcpu(0);
    let device = create_flic(&machine);
    // Of other architectures, of another descriptor, of nobody.
    for request in [0xc018_aec0, 0x4020_aea5, 0x0000_ae7f, 0x0000_aeff, 0x4010_ae43] {
        assert_eq!(on_vm(&machine, request, 0), Err(Errno::ENOTTY), "{request:#x}");
        assert_eq!(on_vcpu(&cpu, request, 0), Err(Errno::ENOTTY), "{request:#x}");
        assert_eq!(device.call(request, 0), Err(Errno::ENOTTY), "{request:#x}");
        assert_eq!(open().call(request, 0), Err(Errno::EINVAL), "{request:#x}");
    }
    for call in CALLS {
        let elsewhere = |descriptor| !CALLS.iter().any(|c| c.request == call.request && c.descriptor == descriptor);
        if elsewhere(Descriptor::Vm) {
            assert_eq!(on_vm(&machine, call.request, 0), Err(Errno::ENOTTY), "{}", call.name);
        }
        if elsewhere(Descriptor::Vcpu) {
            assert_eq!(on_vcpu(&cpu, call.request, 0), Err(Errno::ENOTTY), "{}", call.name);
        }
    }
    for other_type in [0x5401, 0x0000_af80, 0x8080_ad81] {
        assert_eq!(on_vcpu(&cpu, other_type, 0), Err(Errno::EINVAL));
        assert_eq!(on_vm(&machine, other_type, 0), Err(Errno::ENOTTY));
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
                Descriptor::Vm => on_vm(&machine, call.request, address),
                Descriptor::Vcpu => on_vcpu(&cpu, call.request, address),
                Descriptor::Device => device.call(call.request, address),
            };
            assert_eq!(result, Err(Errno::EFAULT), "{} at {address:#x}", call.name);
        }
    }
}
