//! What random ioctls are made on: the objects of the interface in process, or descriptors, behind which the preload library is
//! to be. Truth: open(2), ioctl(2), mmap(2), dup(2).

use core::ffi::{c_int, c_ulong};
use std::ffi::CString;
use std::io::{Error, Result};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use memmap2::{MmapOptions, MmapRaw};
use softsie_kvm::abi::{
    KVM_CREATE_DEVICE, KVM_CREATE_VCPU, KVM_CREATE_VM, KVM_GET_STATS_FD, kvm_create_device, kvm_run,
};
use softsie_kvm::device::Flic;
use softsie_kvm::ioctl::{self, Outcome};
use softsie_kvm::{OwnMemory, System, Vcpu, Vm};

/// What an ioctl is made on.
pub(crate) enum Object {
    System(Box<System>),
    Vm(Arc<Vm>),
    Vcpu(Arc<Vcpu>),
    Device(Arc<Flic>),
    Descriptor(Numbered),
}

/// What an ioctl has made.
pub(crate) enum Created {
    Vm(Arc<Object>),
    Vcpu(Arc<Object>),
    Device(Arc<Object>),
}

/// A descriptor.
pub(crate) struct Numbered {
    number: OwnedFd,
    /// Of a vCPU.
    page: Option<MmapRaw>,
    /// The thread that is about to run it; 0 if there is none.
    thread: AtomicI32,
}

impl Default for Object {
    fn default() -> Self {
        Self::System(Box::default())
    }
}

impl Object {
    /// Opens a device node.
    pub(crate) fn open(node: &Path) -> Result<Self> {
        let path = CString::new(node.as_os_str().as_bytes())?;
        catch_kicks();
        // By the C library's function, as a client does it.
        // SAFETY: the path is a string that ends with zero.
        let number = unsafe { libc::open(path.as_ptr(), libc::O_RDWR | libc::O_CLOEXEC) };
        if number < 0 {
            return Err(Error::last_os_error());
        }
        Ok(Self::numbered(number, false))
    }

    fn numbered(number: c_int, is_vcpu: bool) -> Self {
        // SAFETY: the call that gave the number has made the descriptor for us.
        let number = unsafe { OwnedFd::from_raw_fd(number) };
        let map = || MmapOptions::new().len(size_of::<kvm_run>()).map_raw(&number).ok();
        let page = if is_vcpu { map() } else { None };
        Self::Descriptor(Numbered { number, page, thread: AtomicI32::new(0) })
    }

    /// Another descriptor of the same.
    pub(crate) fn duplicate(&self) -> Option<Arc<Self>> {
        let Self::Descriptor(this) = self else { return None };
        // SAFETY: a call that takes a number.
        let copy = unsafe { libc::dup(this.number.as_raw_fd()) };
        (copy >= 0).then(|| Arc::new(Self::numbered(copy, this.page.is_some())))
    }

    /// Makes an ioctl.
    ///
    /// # Safety
    /// Memory that it puts into slots and mappings lives as long as what they belong to.
    pub(crate) unsafe fn call(&self, request: u32, argument: u64) -> Option<Created> {
        let outcome = match self {
            Self::System(system) => ioctl::system(system, request, argument),
            // SAFETY: as the caller promises.
            Self::Vm(vm) => unsafe { ioctl::vm(vm, request, argument, &OwnMemory) },
            // SAFETY: as the caller promises.
            Self::Vcpu(vcpu) => unsafe { ioctl::vcpu(vcpu, request, argument, &OwnMemory) },
            Self::Device(device) => ioctl::device(device, request, argument, &OwnMemory),
            Self::Descriptor(this) => return this.call(request, argument),
        };
        match outcome.ok()? {
            Outcome::Vm(vm) => Some(Created::Vm(Arc::new(Self::Vm(vm)))),
            Outcome::Vcpu(vcpu) => Some(Created::Vcpu(Arc::new(Self::Vcpu(vcpu)))),
            Outcome::Device(created) => {
                let _ = created.put(1000, &OwnMemory);
                Some(Created::Device(Arc::new(Self::Device(created.device))))
            }
            Outcome::Statistics(file) => {
                let mut bytes = [0; 256];
                assert!(file.read_at(0, &mut bytes) == bytes.len() && file.read_at(u64::MAX, &mut bytes) == 0);
                None
            }
            _ => None,
        }
    }

    /// The page that a vCPU shares with its client.
    pub(crate) fn page(&self) -> Option<*mut u8> {
        match self {
            Self::Vcpu(vcpu) => Some(vcpu.kvm_run().as_ptr().cast()),
            Self::Descriptor(this) => Some(this.page.as_ref()?.as_mut_ptr()),
            _ => None,
        }
    }

    /// This thread is going to make a call on a vCPU.
    pub(crate) fn about_to_run(&self) {
        if let Self::Descriptor(this) = self {
            // SAFETY: a call without arguments.
            this.thread.store(unsafe { libc::gettid() }, Ordering::SeqCst);
        }
    }

    /// Has the vCPU's run end soon; to be repeated, as the run may not have begun.
    pub(crate) fn kick(&self) {
        match self {
            Self::Vcpu(vcpu) => vcpu.kick(),
            // SAFETY: a signal to a thread that waits for the one that sends it, and has a handler.
            Self::Descriptor(this) => unsafe {
                let thread = this.thread.load(Ordering::SeqCst);
                libc::syscall(libc::SYS_tgkill, libc::getpid(), thread, libc::SIGUSR1);
            },
            _ => {}
        }
    }
}

impl Numbered {
    fn call(&self, request: u32, argument: u64) -> Option<Created> {
        // SAFETY: the interface checks addresses; what it stores into, the client has designated.
        let result = unsafe { libc::ioctl(self.number.as_raw_fd(), c_ulong::from(request) as _, argument as c_ulong) };
        if result < 0 {
            return None;
        }
        match request {
            KVM_CREATE_VM => Some(Created::Vm(Arc::new(Object::numbered(result, false)))),
            KVM_CREATE_VCPU => Some(Created::Vcpu(Arc::new(Object::numbered(result, true)))),
            KVM_CREATE_DEVICE => {
                let device: *const kvm_create_device = core::ptr::with_exposed_provenance(argument as usize);
                // SAFETY: the call has read it from there, and written to it; addresses need not be on a boundary.
                let device = unsafe { device.read_unaligned() };
                // A test of whether there could be one makes none.
                let made = device.flags == 0;
                made.then(|| Created::Device(Arc::new(Object::numbered(device.fd.cast_signed(), false))))
            }
            KVM_GET_STATS_FD => {
                // SAFETY: the call has made the descriptor for us.
                let file = std::fs::File::from(unsafe { OwnedFd::from_raw_fd(result) });
                let mut bytes = [0; 256];
                assert!(file.read_at(&mut bytes, 0).is_ok_and(|length| length == bytes.len()));
                None
            }
            _ => None,
        }
    }
}

/// Installs a handler for the signal that ends runs, which does nothing.
fn catch_kicks() {
    extern "C" fn nothing(_: c_int) {}
    // SAFETY: an action is made of integers; the handler touches nothing.
    unsafe {
        let mut action: libc::sigaction = core::mem::zeroed();
        action.sa_sigaction = nothing as extern "C" fn(c_int) as usize;
        libc::sigaction(libc::SIGUSR1, &raw const action, core::ptr::null_mut());
    }
}
