//! What a descriptor of ours stands for, and the file in memory that makes it a real descriptor.
//! Truth: memfd_create(2); Linux 6.12 virt/kvm/kvm_main.c for which descriptors there are.

use core::ffi::{CStr, c_int};
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::os::fd::AsRawFd;
use std::sync::Arc;

use kvm::device::Flic;
use kvm::statistics::StatisticsFile;
use kvm::{Errno, System, Vcpu, Vm};

use crate::next;

/// Beginnings of the names of our files, by which a program started by exec knows what it was left.
pub(crate) const SYSTEM_NAME: &CStr = c"softsie-kvm";
const VM_NAME: &CStr = c"kvm-vm";
const DEVICE_NAME: &CStr = c"kvm-device";
const STATISTICS_NAME: &CStr = c"kvm-stats";

/// What a descriptor stands for.
pub(crate) enum Kind {
    System(Box<System>),
    Vm(Arc<Vm>),
    Vcpu(Runnable),
    Device(Arc<Flic>),
    Statistics(Statistics),
}

/// A vCPU and the signal mask of its runs.
pub(crate) struct Runnable {
    pub(crate) vcpu: Arc<Vcpu>,
    mask: AtomicU64,
    has_mask: AtomicBool,
}

impl Runnable {
    /// The signal mask for the time of a run.
    pub(crate) fn mask(&self) -> Option<u64> {
        self.has_mask.load(Ordering::Acquire).then(|| self.mask.load(Ordering::Relaxed))
    }

    /// Sets it.
    pub(crate) fn set_mask(&self, mask: Option<u64>) {
        self.mask.store(mask.unwrap_or_default(), Ordering::Relaxed);
        self.has_mask.store(mask.is_some(), Ordering::Release);
    }
}

/// Statistics and how far they have been read.
pub(crate) struct Statistics {
    pub(crate) file: StatisticsFile,
    pub(crate) position: AtomicU64,
}

/// What one or more descriptors stand for.
pub(crate) struct Object {
    pub(crate) kind: Kind,
    /// The process that made it.
    pub(crate) process: c_int,
    /// The file below.
    pub(crate) identity: Identity,
}

/// A file: device and number.
pub(crate) type Identity = (libc::dev_t, libc::ino_t);

impl Object {
    /// An object and the first descriptor for it.
    pub(crate) fn new(kind: Kind, close_on_exec: bool) -> Result<(c_int, Self), Errno> {
        let fd = match &kind {
            Kind::System(_) => file_in_memory(SYSTEM_NAME),
            Kind::Vm(_) => file_in_memory(VM_NAME),
            Kind::Device(_) => file_in_memory(DEVICE_NAME),
            Kind::Statistics(_) => file_in_memory(STATISTICS_NAME),
            Kind::Vcpu(it) => {
                let page = it.vcpu.page_file().as_raw_fd();
                // SAFETY: a call without pointers.
                checked(unsafe { libc::fcntl(page, libc::F_DUPFD_CLOEXEC, 0) })
            }
        }?;
        if !close_on_exec {
            // SAFETY: the descriptor is ours.
            unsafe { libc::fcntl(fd, libc::F_SETFD, 0) };
        }
        // SAFETY: a call without arguments.
        let process = unsafe { libc::getpid() };
        Ok((fd, Self { kind, process, identity: identity(fd).ok_or(Errno::EMFILE)? }))
    }

    /// An object for a descriptor that there is already.
    pub(crate) fn adopted(fd: c_int, kind: Kind) -> Option<Self> {
        // SAFETY: a call without arguments.
        Some(Self { kind, process: unsafe { libc::getpid() }, identity: identity(fd)? })
    }

    /// A vCPU.
    pub(crate) fn runnable(vcpu: Arc<Vcpu>) -> Kind {
        Kind::Vcpu(Runnable { vcpu, mask: AtomicU64::new(0), has_mask: AtomicBool::new(false) })
    }

    /// Statistics.
    pub(crate) fn statistics(file: StatisticsFile) -> Kind {
        Kind::Statistics(Statistics { file, position: AtomicU64::new(0) })
    }
}

/// Which file a descriptor is open on.
pub(crate) fn identity(fd: c_int) -> Option<Identity> {
    // SAFETY: the struct is made of integers.
    let mut stat: libc::stat = unsafe { core::mem::zeroed() };
    // SAFETY: the struct is alive.
    (unsafe { next::fstat(fd, &raw mut stat) } == 0).then_some((stat.st_dev, stat.st_ino))
}

/// A new descriptor for an empty file that stays empty.
fn file_in_memory(name: &CStr) -> Result<c_int, Errno> {
    // SAFETY: the name is a string that ends with zero.
    let fd = checked(unsafe { libc::memfd_create(name.as_ptr(), libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING) })?;
    let seals = libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_WRITE | libc::F_SEAL_SEAL;
    // SAFETY: the descriptor is ours. Without seals it would be as good.
    unsafe { libc::fcntl(fd, libc::F_ADD_SEALS, seals) };
    Ok(fd)
}

fn checked(result: c_int) -> Result<c_int, Errno> {
    if result < 0 {
        Err(Errno(std::io::Error::last_os_error().raw_os_error().unwrap_or(Errno::EMFILE.0)))
    } else {
        Ok(result)
    }
}
