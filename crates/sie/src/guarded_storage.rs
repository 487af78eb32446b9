//! Where a guest of this machine has its guarded-storage registers: in the registers of its host's CPU, or in the state
//! description's annex. Source: how Linux KVM uses both (arch/s390/kvm/vsie.c; struct kvm_s390_sie_block, kvm_sync_regs).

use softsie_cpu::{Cpu, GuardedStorage, InterceptedInstructions};

use crate::state_description::{Ecb, Ecd, StateDescription};

/// In the annex: the guarded-storage control block.
const CONTROL_BLOCK: u64 = 16;
/// The annex's address; the rightmost bits of its designation are log2 of its length.
const ADDRESS: u64 = !0xF;

fn is_enabled(sd: &StateDescription) -> bool {
    Ecb::from_bits_retain(sd.ecb.get()).contains(Ecb::GS)
}

/// Where the control block is, unless the host's registers are the guest's.
fn control_block(sd: &StateDescription) -> Option<u64> {
    let in_registers = Ecd::from_bits_retain(sd.ecd.get()).contains(Ecd::HOSTREGMGMT);
    (!in_registers).then_some((sd.sdnxo.get() & ADDRESS) + CONTROL_BLOCK)
}

/// What uses the registers is intercepted while the state description does not enable it.
pub(crate) fn intercepted(sd: &StateDescription) -> InterceptedInstructions {
    if is_enabled(sd) { InterceptedInstructions::empty() } else { InterceptedInstructions::GUARDED_STORAGE }
}

/// A guest's registers as it begins to run, if it may use them.
pub(crate) fn take(host: &mut Cpu, sd: &StateDescription) -> Option<GuardedStorage> {
    if !is_enabled(sd) {
        return None;
    }
    let Some(at) = control_block(sd) else { return Some(host.guarded_storage) };
    let mut block = [0; 32];
    // An annex that is not in storage is as one of zeros.
    let _ = host.read_absolute(at, &mut block);
    Some(GuardedStorage::of_bytes(&block))
}

/// They go back where they came from.
pub(crate) fn give_back(host: &mut Cpu, sd: &StateDescription, registers: GuardedStorage) {
    match control_block(sd) {
        None => host.guarded_storage = registers,
        // The first doubleword has no meaning.
        Some(at) => {
            let _ = host.write_absolute(at + 8, &registers.bytes()[8..]);
        }
    }
}
