//! The page that a vCPU shares with its client (struct kvm_run): its mapping, and access to it by plain copies, because the
//! client may write to it at any time. Truth: Linux 6.12 virt/kvm/kvm_main.c (kvm_vcpu_mmap) and uapi linux/kvm.h.

use core::ops::Deref;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU8, Ordering};
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use memmap2::MmapRaw;
use softsie_sie::StateDescription;

use crate::abi::{VCPU_MMAP_SIZE, kvm_run, kvm_run_exit, kvm_sync_regs};
use crate::{Errno, Result};

/// Size of a vCPU's mapping: Linux's on s390, or a page of the host where that is larger.
pub(crate) fn vcpu_mmap_size() -> usize {
    // SAFETY: asks for a constant of the host.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(page).unwrap_or_default().max(VCPU_MMAP_SIZE)
}

/// Where a vCPU's state description is.
#[derive(Debug)]
pub(crate) enum State {
    /// In memory of our own.
    Own(Box<StateDescription>),
    /// In the vCPU's mapping, of which the owner keeps [`RunPage`].
    Shared(NonNull<StateDescription>),
}

// SAFETY: a state description is made of atomic numbers, which other threads and the client may change at any time.
unsafe impl Send for State {}
// SAFETY: as above.
unsafe impl Sync for State {}

impl Deref for State {
    type Target = StateDescription;

    fn deref(&self) -> &StateDescription {
        match self {
            Self::Own(state) => state,
            // SAFETY: mapped as long as the page, which lives beside this; aligned to a page; any bytes are valid.
            Self::Shared(state) => unsafe { state.as_ref() },
        }
    }
}

/// The shared page of one vCPU.
#[derive(Debug)]
pub(crate) struct RunPage {
    file: File,
    map: MmapRaw,
}

impl RunPage {
    /// A new page of zeros; one more, which the client may map after it, is for the state description.
    pub(crate) fn new(with_state: bool) -> Result<Self> {
        // SAFETY: the name is a string that ends with zero.
        let number = unsafe { libc::memfd_create(c"kvm-vcpu".as_ptr(), libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING) };
        if number < 0 {
            return Err(Errno(std::io::Error::last_os_error().raw_os_error().unwrap_or(Errno::EMFILE.0)));
        }
        // SAFETY: the kernel has just made the descriptor for us.
        let file = File::from(unsafe { OwnedFd::from_raw_fd(number) });
        file.set_len((vcpu_mmap_size() << u8::from(with_state)) as u64).map_err(|_| Errno::ENOMEM)?;
        // Nobody who gets the descriptor can take the page away.
        let seals = libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_SEAL;
        // SAFETY: seals are for a file of our own.
        if unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, seals) } != 0 {
            return Err(Errno::ENOMEM);
        }
        let map = MmapRaw::map_raw(&file).map_err(|_| Errno::ENOMEM)?;
        Ok(Self { file, map })
    }

    /// The memory file behind the page, which a client maps from offset 0 on.
    pub(crate) fn file(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// Where the page is.
    pub(crate) fn pointer(&self) -> NonNull<kvm_run> {
        // A mapping is never at address zero; dangling is only written to satisfy the type.
        NonNull::new(self.map.as_mut_ptr().cast()).unwrap_or(NonNull::dangling())
    }

    /// A state description of zeros: in the second page, where there is one.
    pub(crate) fn state_description(&self) -> State {
        if self.map.len() == vcpu_mmap_size() {
            return State::Own(Box::default());
        }
        // SAFETY: within the mapping.
        State::Shared(unsafe { self.pointer().cast::<u8>().add(vcpu_mmap_size()) }.cast())
    }

    fn at(&self) -> *mut kvm_run {
        self.pointer().as_ptr()
    }

    /// Whether the client asks the vCPU to leave.
    pub(crate) fn immediate_exit(&self) -> bool {
        // SAFETY: the page is mapped as long as `self` lives; the byte is only ever accessed in one piece.
        unsafe { AtomicU8::from_ptr(&raw mut (*self.at()).immediate_exit) }.load(Ordering::Acquire) != 0
    }

    /// The sync registers as they are now.
    pub(crate) fn regs(&self) -> kvm_sync_regs {
        // SAFETY: the page is mapped as long as `self` lives; any bytes are a valid value.
        unsafe { (&raw const (*self.at()).s.regs).read() }
    }

    /// Replaces all sync registers but those that are live in the page (RICCB, GSCB, etoken), which keep their bytes
    /// because they were read from here.
    pub(crate) fn set_regs(&self, regs: &kvm_sync_regs) {
        // SAFETY: the page is mapped as long as `self` lives.
        unsafe { (&raw mut (*self.at()).s.regs).write(*regs) }
    }

    /// The PSW's mask and address.
    pub(crate) fn psw(&self) -> (u64, u64) {
        let run = self.at();
        // SAFETY: the page is mapped as long as `self` lives.
        unsafe { ((*run).psw_mask, (*run).psw_addr) }
    }

    /// Replaces the PSW.
    pub(crate) fn set_psw(&self, mask: u64, addr: u64) {
        let run = self.at();
        // SAFETY: the page is mapped as long as `self` lives.
        unsafe {
            (*run).psw_mask = mask;
            (*run).psw_addr = addr;
        }
    }

    /// Valid and dirty register classes.
    pub(crate) fn classes(&self) -> (u64, u64) {
        let run = self.at();
        // SAFETY: the page is mapped as long as `self` lives.
        unsafe { ((*run).kvm_valid_regs, (*run).kvm_dirty_regs) }
    }

    /// Replaces the valid classes.
    pub(crate) fn set_valid(&self, classes: u64) {
        // SAFETY: the page is mapped as long as `self` lives.
        unsafe { (*self.at()).kvm_valid_regs = classes }
    }

    /// Says that no class is dirty.
    pub(crate) fn clear_dirty(&self) {
        // SAFETY: the page is mapped as long as `self` lives.
        unsafe { (*self.at()).kvm_dirty_regs = 0 }
    }

    /// Sets the exit reason alone.
    pub(crate) fn set_exit_reason(&self, reason: u32) {
        // SAFETY: the page is mapped as long as `self` lives.
        unsafe { (*self.at()).exit_reason = reason }
    }

    /// Sets the exit reason and its payload.
    pub(crate) fn set_exit(&self, reason: u32, fill: impl FnOnce(&mut kvm_run_exit)) {
        let mut exit = kvm_run_exit { padding: [0; 256] };
        fill(&mut exit);
        // SAFETY: the page is mapped as long as `self` lives.
        unsafe { (&raw mut (*self.at()).exit).write(exit) }
        self.set_exit_reason(reason);
    }
}
