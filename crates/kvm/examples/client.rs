//! A KVM client in Rust, on this repository's bindings (rust-vmm's kvm-ioctls has no s390): runs a program and says what
//! it computed. It uses the interface's structs and numbers alone, and system calls for the rest.
//!
//!     cargo build --example client && softsie kvm -- target/debug/examples/client
//!
//! On an s390 host with KVM the same program works without softsie.

use std::fs::OpenOptions;
use std::io::{Error, Result};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;

use softsie_kvm::abi::{
    KVM_CREATE_VCPU, KVM_CREATE_VM, KVM_EXIT_S390_SIEIC, KVM_GET_API_VERSION, KVM_GET_REGS, KVM_GET_VCPU_MMAP_SIZE,
    KVM_RUN, KVM_SET_USER_MEMORY_REGION, kvm_regs, kvm_run, kvm_userspace_memory_region,
};

/// Slots are whole megabytes, at such addresses too.
const STORAGE: usize = 1 << 20;
const START: usize = 0x10000;
/// PSW: 64-bit addressing, no interruptions.
const MODE_64: u64 = 0x0000_0001_8000_0000;

/// Adds the numbers from 1 to 100 in general register 2, then asks the host.
const PROGRAM: [u8; 20] = [
    0xa7, 0x29, 0x00, 0x00, //       lghi  2,0
    0xa7, 0x39, 0x00, 0x64, //       lghi  3,100
    0xb9, 0x08, 0x00, 0x23, // next  agr   2,3
    0xa7, 0x37, 0xff, 0xfe, //       brctg 3,next
    0x83, 0x00, 0x05, 0x01, //       diag  0,0,0x501
];

fn ioctl(fd: &impl AsRawFd, request: u32, argument: usize) -> Result<i32> {
    // SAFETY: the callers below pass what the request wants: a number, or the address of a struct that lives on.
    let result = unsafe { libc::ioctl(fd.as_raw_fd(), libc::Ioctl::from(request), argument) };
    if result < 0 { Err(Error::last_os_error()) } else { Ok(result) }
}

fn descriptor(number: i32) -> OwnedFd {
    // SAFETY: the ioctl that gave the number has just made the descriptor for us.
    unsafe { OwnedFd::from_raw_fd(number) }
}

fn map<T>(size: usize, flags: i32, fd: i32) -> Result<*mut T> {
    // SAFETY: a new mapping, at an address that the kernel chooses.
    let at = unsafe { libc::mmap(ptr::null_mut(), size, libc::PROT_READ | libc::PROT_WRITE, flags, fd, 0) };
    if at == libc::MAP_FAILED { Err(Error::last_os_error()) } else { Ok(at.cast()) }
}

fn main() -> Result<()> {
    let kvm = OpenOptions::new().read(true).write(true).open("/dev/kvm")?;
    if ioctl(&kvm, KVM_GET_API_VERSION, 0)? != 12 {
        return Err(Error::other("this is not version 12 of the interface"));
    }
    let vm = descriptor(ioctl(&kvm, KVM_CREATE_VM, 0)?);

    let area: *mut u8 = map(2 * STORAGE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1)?;
    let storage = area.wrapping_add(area.align_offset(STORAGE));
    // SAFETY: the megabyte lies in the area.
    unsafe { storage.add(START).copy_from(PROGRAM.as_ptr(), PROGRAM.len()) };
    let region = kvm_userspace_memory_region {
        slot: 0,
        flags: 0,
        guest_phys_addr: 0,
        memory_size: STORAGE as u64,
        userspace_addr: storage.expose_provenance() as u64,
    };
    ioctl(&vm, KVM_SET_USER_MEMORY_REGION, ptr::from_ref(&region).expose_provenance())?;

    let vcpu = descriptor(ioctl(&vm, KVM_CREATE_VCPU, 0)?);
    let size = usize::try_from(ioctl(&kvm, KVM_GET_VCPU_MMAP_SIZE, 0)?).map_err(Error::other)?;
    let run: *mut kvm_run = map(size, libc::MAP_SHARED, vcpu.as_raw_fd())?;
    // SAFETY: the page is mapped, and the vCPU does not run.
    unsafe {
        (*run).psw_mask = MODE_64;
        (*run).psw_addr = START as u64;
    }
    ioctl(&vcpu, KVM_RUN, 0)?;

    // SAFETY: the page is mapped, and the vCPU does not run.
    let (reason, exit) = unsafe { ((*run).exit_reason, (*run).exit.s390_sieic) };
    if reason != KVM_EXIT_S390_SIEIC || exit.icptcode != 4 || exit.ipa >> 8 != 0x83 {
        return Err(Error::other(format!("the machine stopped for another reason: {reason}")));
    }
    let mut regs = kvm_regs { gprs: [0; 16] };
    ioctl(&vcpu, KVM_GET_REGS, ptr::from_mut(&mut regs).expose_provenance())?;
    println!("1 + 2 + ... + 100 = {}", regs.gprs[2]);
    Ok(())
}
