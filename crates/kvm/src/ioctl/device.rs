//! Ioctls of a device descriptor: attributes.
//! Truth: Linux 6.12 virt/kvm/kvm_main.c (kvm_device_ioctl).

use super::Outcome;
use crate::abi::*;
use crate::client_memory::ClientMemory;
use crate::device::Flic;
use crate::{Errno, Result};

/// An ioctl on a device.
///
/// # Errors
/// The call's; ENOTTY when there is no such call.
pub fn device(device: &Flic, request: u32, argument: u64, memory: &dyn ClientMemory) -> Result<Outcome> {
    match request {
        KVM_SET_DEVICE_ATTR => device.set_device_attr(&memory.read(argument)?, memory).map(Outcome::from),
        KVM_GET_DEVICE_ATTR => device.get_device_attr(&memory.read(argument)?, memory).map(Outcome::from),
        KVM_HAS_DEVICE_ATTR => device.has_device_attr(&memory.read(argument)?).map(Outcome::from),
        _ => Err(Errno::ENOTTY),
    }
}
