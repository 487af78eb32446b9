//! Devices of the interface: the floating interrupt controller. (Linux's other device, VFIO, has nothing to pass through.)
//! Truth: Linux 6.12 virt/kvm/kvm_main.c (kvm_ioctl_create_device).

mod flic;

pub use flic::Flic;
