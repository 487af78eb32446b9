//! The set of pending interrupts, ordered by priority, and the masks that PSW and control registers put on it.
//! Truth: Principles of Operation, chapter 6, Priority of Interruptions; Linux 6.12 arch/s390/kvm/interrupt.c.

use bitflags::bitflags;
use softsie_cpu::{Cr0, PswMask};
use softsie_sie::StateDescription;

bitflags! {
    /// Pending interrupts. The lowest bit is delivered first.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    pub(crate) struct Pending: u64 {
        const MCHK_EXIGENT = 1 << 0;
        const PROGRAM = 1 << 1;
        const MCHK_REPRESSIBLE = 1 << 2;
        const MALFUNCTION_ALERT = 1 << 3;
        const EMERGENCY = 1 << 4;
        const EXTERNAL_CALL = 1 << 5;
        const CLOCK_COMPARATOR = 1 << 6;
        const CPU_TIMER = 1 << 7;
        const SERVICE = 1 << 8;
        const PFAULT_INIT = 1 << 9;
        const PFAULT_DONE = 1 << 10;
        const VIRTIO = 1 << 11;
        const IO_0 = 1 << 12;
        const IO_1 = 1 << 13;
        const IO_2 = 1 << 14;
        const IO_3 = 1 << 15;
        const IO_4 = 1 << 16;
        const IO_5 = 1 << 17;
        const IO_6 = 1 << 18;
        const IO_7 = 1 << 19;
        const STOP = 1 << 20;
        const RESTART = 1 << 21;
        const SET_PREFIX = 1 << 22;

        const MCHK = Self::MCHK_EXIGENT.bits() | Self::MCHK_REPRESSIBLE.bits();
        const EXTERNAL = Self::MALFUNCTION_ALERT.bits() | Self::EMERGENCY.bits() | Self::EXTERNAL_CALL.bits() | Self::CLOCK_COMPARATOR.bits()
            | Self::CPU_TIMER.bits() | Self::SERVICE.bits() | Self::PFAULT_INIT.bits() | Self::PFAULT_DONE.bits()
            | Self::VIRTIO.bits();
        const IO = 0xff << 12;
    }
}

impl Pending {
    /// The I/O bit of an interruption subclass (0 to 7).
    pub(crate) fn io(isc: u8) -> Self {
        Self::from_bits_retain(Self::IO_0.bits() << (isc & 7))
    }

    /// The interrupt with the highest priority.
    pub(crate) fn first(self) -> Option<Self> {
        let bits = self.bits();
        (bits != 0).then(|| Self::from_bits_retain(bits & bits.wrapping_neg()))
    }

    /// The number of the kind with the highest priority.
    pub(crate) fn number(self) -> u8 {
        self.bits().trailing_zeros() as u8
    }

    /// The subclass of the first I/O interrupt in the set.
    pub(crate) fn io_subclass(self) -> u8 {
        (self & Self::IO).bits().trailing_zeros().saturating_sub(Self::IO_0.bits().trailing_zeros()) as u8 & 7
    }
}

/// Which interrupts PSW and control registers let through. `mchk_cr14` are the CR14 bits of which one must be on for a
/// repressible machine check. A stop is never delivered: it is an intervention.
pub(crate) fn enabled(sd: &StateDescription, mchk_cr14: u64) -> Pending {
    let psw = PswMask::from_bits_retain(sd.gpsw_mask.get());
    let mut on = Pending::all() - Pending::STOP;
    if psw.contains(PswMask::EXTERNAL) {
        let cr0 = Cr0::from_bits_retain(sd.gcr[0].get());
        for (mask, bit) in [
            (Cr0::MALFUNCTION_ALERT, Pending::MALFUNCTION_ALERT),
            (Cr0::EMERGENCY_SIGNAL, Pending::EMERGENCY),
            (Cr0::EXTERNAL_CALL, Pending::EXTERNAL_CALL),
            (Cr0::CLOCK_COMPARATOR, Pending::CLOCK_COMPARATOR),
            (Cr0::CPU_TIMER, Pending::CPU_TIMER),
            (Cr0::SERVICE_SIGNAL, Pending::SERVICE),
        ] {
            on.set(bit, cr0.contains(mask));
        }
    } else {
        on -= Pending::EXTERNAL;
    }
    if psw.contains(PswMask::IO) {
        let cr6 = sd.gcr[6].get();
        for isc in 0..8 {
            on.set(Pending::io(isc), cr6 & (0x8000_0000 >> isc) != 0);
        }
    } else {
        on -= Pending::IO;
    }
    if !psw.contains(PswMask::MACHINE_CHECK) {
        on -= Pending::MCHK;
    } else if sd.gcr[14].get() & mchk_cr14 == 0 {
        on -= Pending::MCHK_REPRESSIBLE;
    }
    on
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cpu(psw_mask: u64, cr0: u64, cr6: u64, cr14: u64) -> StateDescription {
        let sd = StateDescription::new();
        sd.gpsw_mask.set(psw_mask);
        sd.gcr[0].set(cr0);
        sd.gcr[6].set(cr6);
        sd.gcr[14].set(cr14);
        sd
    }

    const EXT: u64 = 0x0100_0000_0000_0000;
    const IO: u64 = 0x0200_0000_0000_0000;
    const MCHK: u64 = 0x0004_0000_0000_0000;

    #[test]
    fn nothing_maskable_passes_a_masked_psw() {
        let on = enabled(&cpu(0, !0, !0, !0), !0);
        assert_eq!(on, Pending::PROGRAM | Pending::RESTART | Pending::SET_PREFIX);
    }

    #[test]
    fn external_submasks_are_the_bits_of_control_register_0() {
        for (cr0, bit) in [
            (0x8000, Pending::MALFUNCTION_ALERT),
            (0x4000, Pending::EMERGENCY),
            (0x2000, Pending::EXTERNAL_CALL),
            (0x800, Pending::CLOCK_COMPARATOR),
            (0x400, Pending::CPU_TIMER),
            (0x200, Pending::SERVICE),
        ] {
            let on = enabled(&cpu(EXT, cr0, 0, 0), 0) & Pending::EXTERNAL;
            assert_eq!(on, bit | Pending::PFAULT_INIT | Pending::PFAULT_DONE | Pending::VIRTIO);
        }
    }

    #[test]
    fn io_subclasses_are_the_leftmost_byte_of_control_register_6() {
        let on = enabled(&cpu(IO, !0, 0x0000_0000_4100_0000, 0), 0) & (Pending::IO | Pending::EXTERNAL);
        assert_eq!(on, Pending::io(1) | Pending::io(7));
    }

    #[test]
    fn machine_checks_need_the_psw_and_repressible_ones_control_register_14() {
        assert_eq!(enabled(&cpu(MCHK, 0, 0, 0), 0x1000_0000) & Pending::MCHK, Pending::MCHK_EXIGENT);
        assert_eq!(enabled(&cpu(MCHK, 0, 0, 0x1000_0000), 0x1000_0000) & Pending::MCHK, Pending::MCHK);
    }

    #[test]
    fn priority_is_that_of_the_architecture() {
        let mut all = Pending::all();
        let mut order = Vec::new();
        while let Some(first) = all.first() {
            order.push(first);
            all -= first;
        }
        let position = |p: Pending| order.iter().position(|o| *o == p).unwrap();
        assert!(position(Pending::MCHK_EXIGENT) < position(Pending::PROGRAM));
        assert!(position(Pending::PROGRAM) < position(Pending::MCHK_REPRESSIBLE));
        assert!(position(Pending::MCHK_REPRESSIBLE) < position(Pending::EMERGENCY));
        assert!(position(Pending::EMERGENCY) < position(Pending::EXTERNAL_CALL));
        assert!(position(Pending::EXTERNAL_CALL) < position(Pending::CLOCK_COMPARATOR));
        assert!(position(Pending::CLOCK_COMPARATOR) < position(Pending::CPU_TIMER));
        assert!(position(Pending::CPU_TIMER) < position(Pending::SERVICE));
        assert!(position(Pending::SERVICE) < position(Pending::VIRTIO));
        assert!(position(Pending::VIRTIO) < position(Pending::IO_0));
        assert!(position(Pending::IO_0) < position(Pending::IO_7));
        assert!(position(Pending::IO_7) < position(Pending::RESTART));
        assert_eq!((Pending::io(5) | Pending::STOP).io_subclass(), 5);
    }
}
