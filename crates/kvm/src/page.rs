//! The page that a vCPU shares with its client (struct kvm_run): its mapping, and access to it by plain copies, because the
//! client may write to it at any time. Truth: Linux 6.12 virt/kvm/kvm_main.c (kvm_vcpu_mmap) and uapi linux/kvm.h.

use core::ptr::NonNull;
use core::sync::atomic::{AtomicU8, Ordering};

use memmap2::MmapRaw;

use crate::abi::{VCPU_MMAP_SIZE, kvm_run, kvm_run_exit, kvm_sync_regs};
use crate::{Errno, Result};

/// The shared page of one vCPU.
#[derive(Debug)]
pub(crate) struct RunPage {
    map: MmapRaw,
}

impl RunPage {
    /// A new page of zeros.
    pub(crate) fn new() -> Result<Self> {
        let map = memmap2::MmapOptions::new().len(VCPU_MMAP_SIZE).map_anon().map_err(|_| Errno::ENOMEM)?;
        Ok(Self { map: MmapRaw::from(map) })
    }

    /// Where the page is.
    pub(crate) fn pointer(&self) -> NonNull<kvm_run> {
        // A mapping is never at address zero; dangling is only written to satisfy the type.
        NonNull::new(self.map.as_mut_ptr().cast()).unwrap_or(NonNull::dangling())
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
