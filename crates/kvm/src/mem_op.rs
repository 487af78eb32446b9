//! Guest-storage access for the client (KVM_S390_MEM_OP).
//! Truth: Linux 6.12 arch/s390/kvm/kvm-s390.c (kvm_s390_vcpu_memsida_op, kvm_s390_vm_mem_op) and gaccess.c.

use softsie_cpu::Request;
use softsie_exec::interlocked_compare_exchange;
use softsie_mem::{PAGE_SIZE, Page, PageMarks, StorageKey};

use crate::abi::*;
use crate::capability::MEM_OP_MAX;
use crate::client_memory::ClientMemory;
use crate::host_fault;
use crate::intercept::{Stop, pic};
use crate::run::Running;
use crate::vcpu::Vcpu;
use crate::vm::Vm;
use crate::{Errno, Result};

/// Checks flags, size and key, in Linux's order.
fn check(op: &kvm_s390_mem_op, allowed: u64) -> Result<()> {
    if op.flags & !allowed != 0 || op.size == 0 {
        return Err(Errno::EINVAL);
    }
    if op.size > MEM_OP_MAX {
        return Err(Errno::E2BIG);
    }
    if op.flags & KVM_S390_MEMOP_F_SKEY_PROTECTION != 0 && op.key > 15 {
        return Err(Errno::EINVAL);
    }
    Ok(())
}

impl Vcpu {
    /// KVM_S390_MEM_OP on the vCPU: 0, or the program-interruption code of the access.
    pub fn s390_mem_op(&self, op: &kvm_s390_mem_op, memory: &dyn ClientMemory) -> Result<u32> {
        let write = match op.op {
            KVM_S390_MEMOP_LOGICAL_READ => false,
            KVM_S390_MEMOP_LOGICAL_WRITE => true,
            KVM_S390_MEMOP_SIDA_READ | KVM_S390_MEMOP_SIDA_WRITE => return self.sida_op(op),
            _ => return Err(Errno::EINVAL),
        };
        check(op, KVM_S390_MEMOP_F_CHECK_ONLY | KVM_S390_MEMOP_F_INJECT_EXCEPTION | KVM_S390_MEMOP_F_SKEY_PROTECTION)?;
        if op.ar > 15 {
            return Err(Errno::EINVAL);
        }
        let key = if op.flags & KVM_S390_MEMOP_F_SKEY_PROTECTION != 0 { op.key } else { 0 };
        self.with_running(|running| {
            running.sie.cpu.ar = running.cpu.page.regs().acrs;
            let result = if op.flags & KVM_S390_MEMOP_F_CHECK_ONLY != 0 {
                running.check_logical(op, key, write)
            } else {
                let mut buffer = vec![0; op.size as usize];
                if write {
                    memory.read_bytes(op.buf, &mut buffer)?;
                }
                let copied = running.copy_logical(op, key, write, &mut buffer);
                if !write && copied.is_ok() {
                    memory.write_bytes(op.buf, &buffer)?;
                }
                copied
            };
            if running.cpu.take_host_fault() {
                return Err(Errno::EFAULT);
            }
            // Without memory slots there is no storage for the client to access.
            let info = match result {
                _ if running.space.is_some() => kvm_s390_pgm_info { code: pic::ADDRESSING, ..Default::default() },
                Ok(()) => return Ok(0),
                Err(info) => info,
            };
            if op.flags & KVM_S390_MEMOP_F_INJECT_EXCEPTION != 0 {
                running.inject_program(info)?;
            }
            Ok(u32::from(info.code))
        })
    }
}

impl Vcpu {
    /// Access to the secure-instruction data area, which only protected vCPUs have. Linux compares with the area's size before
    /// it looks whether there is one; that is in the last byte of what is the breaking-event address of others.
    fn sida_op(&self, op: &kvm_s390_mem_op) -> Result<u32> {
        let [a, b] = [op.ar, op.key];
        let offset = u32::from_ne_bytes([a, b, op.pad1[0], op.pad1[1]]);
        if op.flags != 0 || op.size == 0 {
            return Err(Errno::EINVAL);
        }
        let end = op.size.checked_add(offset).ok_or(Errno::EINVAL)?;
        let area = self.with_running(|running| (u32::from(running.cpu.sd.gbea.get() as u8) + 1) * 4096);
        Err(if end > area { Errno::E2BIG } else { Errno::EINVAL })
    }
}

impl Running<'_> {
    /// Does an access with another access key than the PSW's.
    fn with_access_key<T>(&mut self, key: u8, f: impl FnOnce(&mut Self) -> T) -> T {
        let psw = self.psw();
        let mut keyed = psw;
        keyed.set_key(key);
        self.set_psw(keyed);
        let result = f(self);
        self.set_psw(psw);
        result
    }

    fn copy_logical(
        &mut self,
        op: &kvm_s390_mem_op,
        key: u8,
        write: bool,
        buffer: &mut [u8],
    ) -> core::result::Result<(), kvm_s390_pgm_info> {
        self.with_access_key(key, |running| {
            let (sie, sd) = (&mut *running.sie, &running.cpu.sd);
            let result = if write {
                sie.write_logical(sd, op.gaddr, op.ar, buffer)
            } else {
                sie.read_logical(sd, op.gaddr, op.ar, buffer)
            };
            result.map_err(|p| match Stop::from(p) {
                Stop::Program(info) => info,
                _ => kvm_s390_pgm_info { code: pic::ADDRESSING, ..Default::default() },
            })
        })
    }

    /// Whether the access would work. A store is tried with the bytes that are there already.
    fn check_logical(
        &mut self,
        op: &kvm_s390_mem_op,
        key: u8,
        write: bool,
    ) -> core::result::Result<(), kvm_s390_pgm_info> {
        let last = op.gaddr.wrapping_add(u64::from(op.size) - 1);
        let mut at = op.gaddr;
        loop {
            let byte = kvm_s390_mem_op { gaddr: at, size: 1, ..*op };
            let mut content = [0];
            self.copy_logical(&byte, key, false, &mut content)?;
            if write {
                self.copy_logical(&byte, key, true, &mut content)?;
            }
            let next = (at | 0xfff).wrapping_add(1);
            if (at ^ last) & !0xfff == 0 {
                return Ok(());
            }
            at = next;
        }
    }
}

const ADDRESSING: u32 = pic::ADDRESSING as u32;
const PROTECTION: u32 = 0x04;

impl Vm {
    /// Replaces 1, 2, 4, 8 or 16 bytes of absolute storage if they are the expected ones; if not, tells the client which they
    /// are.
    fn compare_and_exchange(&self, op: &kvm_s390_mem_op, memory: &dyn ClientMemory) -> Result<u32> {
        check(op, KVM_S390_MEMOP_F_SKEY_PROTECTION)?;
        let size = op.size as usize;
        if size > 16 {
            return Err(Errno::EINVAL);
        }
        // Numbers as guests have them, right aligned.
        let (mut new, mut old) = ([0; 16], [0; 16]);
        memory.read_bytes(op.buf, &mut new[16 - size..])?;
        memory.read_bytes(op.old_addr, &mut old[16 - size..])?;
        let map = self.storage.map();
        let Some(page) = map.page(op.gaddr) else { return Ok(ADDRESSING) };
        if !op.gaddr.is_multiple_of(u64::from(op.size)) || !size.is_power_of_two() {
            return Err(Errno::EINVAL);
        }
        let keyed = op.flags & KVM_S390_MEMOP_F_SKEY_PROTECTION != 0;
        if keyed && !page.state.key().allows_store(op.key) {
            return Ok(PROTECTION);
        }
        page.state.or_key(StorageKey::REFERENCE | StorageKey::CHANGE);
        page.state.set_marks(PageMarks::DIRTY);
        let (old, new) = (u128::from_be_bytes(old), u128::from_be_bytes(new));
        let (found, exchanged) = exchange(page, op.gaddr, size, old, new);
        if exchanged && page.state.is_code() {
            self.cluster.request(Request::DropCode(page.absolute));
        }
        if !exchanged {
            memory.write_bytes(op.old_addr, &found.to_be_bytes()[16 - size..])?;
        }
        Ok(0)
    }

    /// KVM_S390_MEM_OP on the VM: 0, or the program-interruption code of the access.
    pub fn s390_mem_op(&self, op: &kvm_s390_mem_op, memory: &dyn ClientMemory) -> Result<u32> {
        host_fault::guarded(&self.host_ranges, || self.access_absolute(op, memory))
    }

    fn access_absolute(&self, op: &kvm_s390_mem_op, memory: &dyn ClientMemory) -> Result<u32> {
        let write = match op.op {
            KVM_S390_MEMOP_ABSOLUTE_READ => false,
            KVM_S390_MEMOP_ABSOLUTE_WRITE => true,
            KVM_S390_MEMOP_ABSOLUTE_CMPXCHG => return self.compare_and_exchange(op, memory),
            _ => return Err(Errno::EINVAL),
        };
        check(op, KVM_S390_MEMOP_F_CHECK_ONLY | KVM_S390_MEMOP_F_SKEY_PROTECTION)?;
        if !self.is_storage(op.gaddr) {
            return Ok(ADDRESSING);
        }
        if op.flags & KVM_S390_MEMOP_F_SKEY_PROTECTION != 0 {
            let map = self.storage.map();
            let mut at = op.gaddr & !0xfff;
            let last = op.gaddr.wrapping_add(u64::from(op.size) - 1);
            while at <= last {
                let Some(page) = map.page(at) else { return Ok(ADDRESSING) };
                let key = page.state.key();
                let allowed = if write { key.allows_store(op.key) } else { key.allows_fetch(op.key) };
                if !allowed {
                    return Ok(PROTECTION);
                }
                at += 0x1000;
            }
        }
        if op.flags & KVM_S390_MEMOP_F_CHECK_ONLY != 0 {
            let last = op.gaddr.wrapping_add(u64::from(op.size) - 1);
            return Ok(if self.is_storage(last) { 0 } else { ADDRESSING });
        }
        let mut buffer = vec![0; op.size as usize];
        if write {
            memory.read_bytes(op.buf, &mut buffer)?;
            let done = self.write_absolute(op.gaddr, &buffer);
            return Ok(if done.is_ok() { 0 } else { ADDRESSING });
        }
        if self.storage.read(op.gaddr, &mut buffer).is_err() {
            return Ok(ADDRESSING);
        }
        memory.write_bytes(op.buf, &buffer)?;
        Ok(0)
    }
}

/// Compares and exchanges `size` bytes at an absolute address in `page`, on their boundary.
fn exchange(page: Page<'_>, absolute: u64, size: usize, old: u128, new: u128) -> (u128, bool) {
    macro_rules! exchange {
        ($ty:ty) => {{
            // SAFETY: the place is within the page, because it is on its boundary.
            let host = unsafe { page.host.add((absolute % PAGE_SIZE) as usize) };
            // SAFETY: as above; guest storage.
            let (found, exchanged) = unsafe { interlocked_compare_exchange(host, old as $ty, new as $ty) };
            (u128::from(found), exchanged)
        }};
    }
    match size {
        1 => exchange!(u8),
        2 => exchange!(u16),
        4 => exchange!(u32),
        8 => exchange!(u64),
        _ => exchange!(u128),
    }
}
