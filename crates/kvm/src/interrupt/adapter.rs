//! I/O adapters and adapter interrupts: registration, masking, suppression by interruption subclass, indicators.
//! Truth: Linux 6.12 arch/s390/kvm/interrupt.c (kvm_s390_inject_airq, set_adapter_int, modify_ais_mode).

use parking_lot::Mutex;

use super::irq::{FloatingIrq, IoType};
use crate::abi::*;
use crate::vm::Vm;
use crate::{Errno, Result};

/// Number of adapters of a VM.
const ADAPTERS: usize = 64;
/// The facility of adapter-interruption suppression.
const AIS: u16 = 72;
/// Highest interruption subclass.
const MAX_ISC: u8 = 7;
/// Interruption word of an adapter interrupt.
const ADAPTER_WORD: u32 = 1 << 31;

/// The adapters of a VM.
#[derive(Debug)]
pub(crate) struct Adapters(Mutex<State>);

#[derive(Debug)]
struct State {
    adapters: [Option<Adapter>; ADAPTERS],
    /// Subclasses in single-interruption mode and in no-interruptions mode, leftmost bit first.
    suppression: kvm_s390_ais_all,
}

/// One adapter.
#[derive(Clone, Copy, Debug)]
struct Adapter {
    isc: u8,
    maskable: bool,
    masked: bool,
    swap: bool,
    suppressible: bool,
}

impl Default for Adapters {
    fn default() -> Self {
        Self(Mutex::new(State { adapters: [None; ADAPTERS], suppression: kvm_s390_ais_all::default() }))
    }
}

fn subclass_bit(isc: u8) -> u8 {
    0x80 >> (isc & 7)
}

impl Adapters {
    fn get(&self, id: u32) -> Option<Adapter> {
        *self.0.lock().adapters.get(id as usize)?
    }

    /// KVM_DEV_FLIC_ADAPTER_REGISTER.
    pub(crate) fn register(&self, adapter: &kvm_s390_io_adapter) -> Result<()> {
        let mut state = self.0.lock();
        let place = state.adapters.get_mut(adapter.id as usize).ok_or(Errno::EINVAL)?;
        if place.is_some() {
            return Err(Errno::EINVAL);
        }
        *place = Some(Adapter {
            isc: adapter.isc,
            maskable: adapter.maskable != 0,
            masked: false,
            swap: adapter.swap != 0,
            suppressible: adapter.flags & KVM_S390_ADAPTER_SUPPRESSIBLE != 0,
        });
        Ok(())
    }

    /// KVM_DEV_FLIC_ADAPTER_MODIFY. Indicators need no mapping: they are looked up in guest storage.
    pub(crate) fn modify(&self, request: &kvm_s390_io_adapter_req) -> Result<()> {
        let mut state = self.0.lock();
        let adapter = state.adapters.get_mut(request.id as usize).and_then(Option::as_mut).ok_or(Errno::EINVAL)?;
        match request.r#type {
            KVM_S390_IO_ADAPTER_MASK if adapter.maskable => {
                adapter.masked = request.mask != 0;
                Ok(())
            }
            KVM_S390_IO_ADAPTER_MAP | KVM_S390_IO_ADAPTER_UNMAP => Ok(()),
            _ => Err(Errno::EINVAL),
        }
    }

    /// KVM_DEV_FLIC_AISM.
    pub(crate) fn set_mode(&self, request: &kvm_s390_ais_req) -> Result<()> {
        if request.isc > MAX_ISC {
            return Err(Errno::EINVAL);
        }
        let bit = subclass_bit(request.isc);
        let modes = &mut self.0.lock().suppression;
        match request.mode {
            KVM_S390_AIS_MODE_ALL => modes.simm &= !bit,
            KVM_S390_AIS_MODE_SINGLE => modes.simm |= bit,
            _ => return Err(Errno::EINVAL),
        }
        modes.nimm &= !bit;
        Ok(())
    }

    /// The modes of all subclasses.
    pub(crate) fn modes(&self) -> kvm_s390_ais_all {
        self.0.lock().suppression
    }

    /// Replaces the modes of all subclasses.
    pub(crate) fn set_modes(&self, modes: kvm_s390_ais_all) {
        self.0.lock().suppression = modes;
    }
}

impl Vm {
    /// Whether the VM has adapter-interruption suppression.
    pub(crate) fn check_suppression(&self) -> Result<()> {
        if self.has_facility(AIS) { Ok(()) } else { Err(Errno::EOPNOTSUPP) }
    }

    /// KVM_DEV_FLIC_AIRQ_INJECT: an adapter interrupt, unless it is suppressed.
    pub(crate) fn inject_adapter_interrupt(&self, id: u32) -> Result<()> {
        let adapter = self.adapters.get(id).ok_or(Errno::EINVAL)?;
        let isc = adapter.isc & MAX_ISC;
        let io = kvm_s390_io_info { io_int_word: ADAPTER_WORD | u32::from(isc) << 27, ..Default::default() };
        let irq = FloatingIrq::Io(io, IoType(KVM_S390_INT_IO_AI_MASK as u32));
        if !adapter.suppressible || !self.has_facility(AIS) {
            return self.float(irq);
        }
        let mut state = self.adapters.0.lock();
        let bit = subclass_bit(isc);
        if state.suppression.nimm & bit != 0 {
            return Ok(());
        }
        self.float(irq)?;
        // In single-interruption mode the first closes the door.
        state.suppression.nimm |= state.suppression.simm & bit;
        Ok(())
    }

    /// What a route to an adapter does when its event occurs: indicator on, summary on, and an interrupt if the summary was
    /// off.
    pub(crate) fn trigger_adapter(&self, route: &kvm_irq_routing_s390_adapter) {
        let Some(adapter) = self.adapters.get(route.adapter_id) else { return };
        let indicator = indicator(route.ind_addr, route.ind_offset, adapter.swap);
        let summary = indicator_of_summary(route, adapter.swap);
        if self.set_storage_bits(indicator.0, indicator.1).is_err() {
            return;
        }
        let Ok(before) = self.set_storage_bits(summary.0, summary.1) else { return };
        if before & summary.1 == 0 && !adapter.masked {
            // The queue of interrupts can be full; the indicators stay.
            let _ = self.inject_adapter_interrupt(route.adapter_id);
        }
    }
}

fn indicator_of_summary(route: &kvm_irq_routing_s390_adapter, swap: bool) -> (u64, u8) {
    indicator(route.summary_addr, u64::from(route.summary_offset), swap)
}

/// Address and mask of an indicator bit: number `offset` from `address` on, within its page. Bits are counted from the left
/// (`swap`), or from the right of each doubleword.
fn indicator(address: u64, offset: u64, swap: bool) -> (u64, u8) {
    let bit = offset.wrapping_add((address & 0xfff) * 8) & 0x7fff;
    let bit = if swap { bit } else { bit ^ 63 };
    ((address & !0xfff) + bit / 8, 0x80 >> (bit % 8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indicators_are_bits_of_storage() {
        assert_eq!(indicator(0x5000, 0, true), (0x5000, 0x80));
        assert_eq!(indicator(0x5008, 13, true), (0x5009, 0x04));
        // From the right of a doubleword: bit 0 is the last of its eight bytes.
        assert_eq!(indicator(0x5000, 0, false), (0x5007, 0x01));
        assert_eq!(indicator(0x5000, 63, false), (0x5000, 0x80));
        assert_eq!(indicator(0x5008, 9, false), (0x500e, 0x02));
    }

    #[test]
    fn adapters_are_registered_once() {
        let adapters = Adapters::default();
        let adapter = kvm_s390_io_adapter { id: 63, isc: 3, maskable: 0, swap: 1, flags: 0 };
        assert_eq!(adapters.register(&adapter), Ok(()));
        assert_eq!(adapters.register(&adapter), Err(Errno::EINVAL));
        assert_eq!(adapters.register(&kvm_s390_io_adapter { id: 64, ..adapter }), Err(Errno::EINVAL));
        let mut request = kvm_s390_io_adapter_req { id: 63, r#type: 1, mask: 1, ..Default::default() };
        assert_eq!(adapters.modify(&request), Err(Errno::EINVAL), "not maskable");
        for (kind, result) in [(2, Ok(())), (3, Ok(())), (0, Err(Errno::EINVAL)), (4, Err(Errno::EINVAL))] {
            request.r#type = kind;
            assert_eq!(adapters.modify(&request), result, "{kind}");
        }
        request.id = 5;
        assert_eq!(adapters.modify(&request), Err(Errno::EINVAL));
    }

    #[test]
    fn modes_are_per_subclass() {
        let adapters = Adapters::default();
        adapters.set_modes(kvm_s390_ais_all { simm: 0, nimm: 0x10 });
        assert_eq!(adapters.set_mode(&kvm_s390_ais_req { isc: 3, mode: 1 }), Ok(()));
        assert_eq!(adapters.modes(), kvm_s390_ais_all { simm: 0x10, nimm: 0 });
        assert_eq!(adapters.set_mode(&kvm_s390_ais_req { isc: 3, mode: 0 }), Ok(()));
        assert_eq!(adapters.modes(), kvm_s390_ais_all::default());
        assert_eq!(adapters.set_mode(&kvm_s390_ais_req { isc: 8, mode: 0 }), Err(Errno::EINVAL));
        assert_eq!(adapters.set_mode(&kvm_s390_ais_req { isc: 0, mode: 2 }), Err(Errno::EINVAL));
    }
}
