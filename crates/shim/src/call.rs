//! Calls on our descriptors: opening the system, ioctls, reading statistics. Results are as the kernel's: a number, or an
//! error number. Truth: Linux 6.12 virt/kvm/kvm_main.c (checks before dispatch).

use core::ffi::c_int;
use core::sync::atomic::Ordering;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use kvm::abi::{KVM_RUN, KVM_SET_SIGNAL_MASK};
use kvm::ioctl::{self, Outcome};
use kvm::{ClientMemory, Errno, OwnMemory, Result};

use crate::byte_order;
use crate::descriptor::{self, Found};
use crate::inside::{inside, inside_run, without_signals};
use crate::object::{Kind, Object, SYSTEM_NAME, Statistics};

/// The byte that says that a request is KVM's.
const KVMIO: u32 = 0xae;

/// Whether a request is one of KVM's.
pub(crate) fn is_kvm_request(request: u32) -> bool {
    request >> 8 & 0xff == KVMIO
}

/// The error of a request that is none of KVM's and that a file has refused: the system and vCPUs have one of their own.
pub(crate) fn refused(fd: c_int) -> Result<c_int> {
    let errno = std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::ENOTTY);
    if errno == libc::ENOTTY
        && let Some(object) = descriptor::find(fd)
        && matches!(object.kind, Kind::System(_) | Kind::Vcpu(_))
    {
        return Err(Errno::EINVAL);
    }
    Err(Errno(errno))
}

/// Opens /dev/kvm.
pub(crate) fn open_system(flags: c_int) -> Result<c_int> {
    if flags & libc::O_CREAT != 0 && flags & libc::O_EXCL != 0 {
        return Err(Errno::EEXIST);
    }
    if flags & libc::O_DIRECTORY != 0 {
        return Err(Errno(libc::ENOTDIR));
    }
    inside(|| {
        guarded(|| {
            kvm::keep_translations_by_default();
            install(Kind::System(Box::default()), flags & libc::O_CLOEXEC != 0)
        })
    })
}

/// Gives an object its first descriptor.
fn install(kind: Kind, close_on_exec: bool) -> Result<c_int> {
    let (fd, object) = Object::new(kind, close_on_exec)?;
    if descriptor::put(fd, Arc::new(object)) {
        return Ok(fd);
    }
    remove(fd);
    Err(Errno::EMFILE)
}

/// Closes a descriptor of ours that the client does not know.
fn remove(fd: c_int) {
    drop(descriptor::take(fd));
    // SAFETY: as said.
    unsafe { libc::close(fd) };
}

/// An ioctl with one of KVM's requests on one of our descriptors.
pub(crate) fn ioctl(object: &Object, request: u32, argument: u64) -> Result<c_int> {
    // SAFETY: a call without arguments.
    let same_process = object.process == unsafe { libc::getpid() };
    if !same_process && !matches!(object.kind, Kind::System(_)) {
        return Err(Errno::EIO);
    }
    match &object.kind {
        Kind::Vcpu(it) if request == KVM_RUN => {
            inside_run(&it.vcpu, it.mask(), || guarded(|| dispatch(object, request, argument)))
        }
        _ => inside(|| guarded(|| dispatch(object, request, argument))),
    }
}

fn dispatch(object: &Object, request: u32, argument: u64) -> Result<c_int> {
    let memory = &OwnMemory;
    let outcome = match &object.kind {
        Kind::System(system) => without_signals(|| ioctl::system(system, request, argument))?,
        // SAFETY: the client keeps mapped what it gives as storage, as it must with Linux.
        Kind::Vm(vm) => unsafe { byte_order::vm(vm, request, argument, memory) }?,
        Kind::Vcpu(it) => {
            // SAFETY: as above.
            let outcome = unsafe { byte_order::vcpu(&it.vcpu, request, argument, memory) }?;
            if request == KVM_SET_SIGNAL_MASK {
                it.set_mask(signal_mask(argument, memory)?);
            }
            outcome
        }
        Kind::Device(device) => ioctl::device(device, request, argument, memory)?,
        Kind::Statistics(_) => return Err(Errno::ENOTTY),
    };
    match outcome {
        Outcome::Value(value) => Ok(value.cast_signed()),
        Outcome::Vm(vm) => install(Kind::Vm(vm), true),
        Outcome::Vcpu(vcpu) => install(Object::runnable(vcpu), true),
        Outcome::Device(created) => {
            let fd = install(Kind::Device(created.device.clone()), true)?;
            created.put(fd, memory).map(|()| 0).inspect_err(|_| remove(fd))
        }
        Outcome::Statistics(file) => install(Object::statistics(file), true),
        // What the interface has and this library does not know.
        _ => Err(Errno::ENOTTY),
    }
}

/// The mask of KVM_SET_SIGNAL_MASK, whose length has been looked at.
fn signal_mask(address: u64, memory: &dyn ClientMemory) -> Result<Option<u64>> {
    if address == 0 {
        return Ok(None);
    }
    memory.read::<u64>(address.wrapping_add(size_of::<u32>() as u64)).map(Some)
}

/// Reads statistics; from where the last read ended, or from `offset` on.
pub(crate) fn read(statistics: &Statistics, to: &mut [u8], offset: Option<u64>) -> usize {
    inside(|| {
        let at = offset.unwrap_or_else(|| statistics.position.load(Ordering::Relaxed));
        let length = statistics.file.read_at(at, to);
        if offset.is_none() {
            statistics.position.store(at + length as u64, Ordering::Relaxed);
        }
        length
    })
}

/// What a descriptor means that is not in the table: the system's, which a program may have been left by exec, works; all
/// else of ours belongs to another process. `None`: it is not ours.
pub(crate) fn adopt(fd: c_int) -> Option<Result<Found>> {
    inside(|| {
        let link = std::fs::read_link(format!("/proc/self/fd/{fd}")).ok()?;
        let name = link.to_str()?.strip_prefix("/memfd:")?.strip_suffix(" (deleted)")?;
        if name.as_bytes() == SYSTEM_NAME.to_bytes() {
            let object = Arc::new(Object::adopted(fd, Kind::System(Box::default()))?);
            descriptor::put(fd, object.clone());
            return Some(Ok(Found::new(object)));
        }
        name.starts_with("kvm-").then_some(Err(Errno::EIO))
    })
}

/// A defect of ours is an error of the call, not the end of the client.
fn guarded<T>(f: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(f)).unwrap_or(Err(Errno::EIO))
}
