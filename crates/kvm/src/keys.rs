//! Storage keys of a range of pages, for a client that moves or inspects a guest.
//! Truth: Linux 6.12 arch/s390/kvm/kvm-s390.c (kvm_s390_get_skeys, kvm_s390_set_skeys).

use softsie_cpu::Request;
use softsie_mem::{PAGE_SIZE, StorageKey};

use crate::abi::*;
use crate::client_memory::ClientMemory;
use crate::vm::Vm;
use crate::{Errno, Result};

/// Most keys of a call.
const MOST: u64 = 1 << 20;
/// The bit that no key has.
const NO_KEY: u8 = 1;

impl Vm {
    /// KVM_S390_GET_SKEYS: 0, or 1 when the guest uses no keys; then nothing is stored.
    pub fn s390_get_skeys(&self, request: &kvm_s390_skeys, memory: &dyn ClientMemory) -> Result<u32> {
        if request.flags != 0 {
            return Err(Errno::EINVAL);
        }
        if !self.storage.are_keys_used() {
            return Ok(KVM_S390_GET_SKEYS_NONE);
        }
        let map = self.storage.map();
        let mut keys = Vec::new();
        for absolute in pages(request)? {
            keys.push(absolute.and_then(|at| map.page(at)).ok_or(Errno::EFAULT)?.state.key().0 & !NO_KEY);
        }
        memory.write_bytes(request.skeydata_addr, &keys)?;
        Ok(0)
    }

    /// KVM_S390_SET_SKEYS: sets keys up to the first that cannot be set.
    pub fn s390_set_skeys(&self, request: &kvm_s390_skeys, memory: &dyn ClientMemory) -> Result<()> {
        if request.flags != 0 {
            return Err(Errno::EINVAL);
        }
        let pages = pages(request)?;
        let mut keys = vec![0; request.count as usize];
        memory.read_bytes(request.skeydata_addr, &mut keys)?;
        self.storage.use_keys();
        let map = self.storage.map();
        let result = keys.iter().zip(pages).try_for_each(|(key, absolute)| {
            let page = absolute.and_then(|at| map.page(at)).ok_or(Errno::EFAULT)?;
            if key & NO_KEY != 0 {
                return Err(Errno::EINVAL);
            }
            page.state.set_key(StorageKey(*key));
            Ok(())
        });
        // Translations hold what the keys before permitted.
        self.cluster.request(Request::FlushAll);
        result
    }
}

/// Absolute addresses of the pages in the request; `None` beyond all storage.
fn pages(request: &kvm_s390_skeys) -> Result<impl Iterator<Item = Option<u64>> + use<>> {
    let (first, count) = (request.start_gfn, request.count);
    if count == 0 || count > MOST {
        return Err(Errno::EINVAL);
    }
    Ok((0..count).map(move |n| first.checked_add(n)?.checked_mul(PAGE_SIZE)))
}
