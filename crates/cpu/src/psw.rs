//! The program-status word.
//! Source: Principles of Operation, chapter 4, Program-Status Word (format, validity, early and late exceptions).

use bitflags::bitflags;

bitflags! {
    /// Bits of the PSW mask, the left doubleword.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct PswMask: u64 {
        /// Program-event recording.
        const PER = 1 << 62;
        /// DAT mode.
        const DAT = 1 << 58;
        /// I/O interruptions.
        const IO = 1 << 57;
        /// External interruptions.
        const EXTERNAL = 1 << 56;
        /// Bit 12: one in the short format, zero in a PSW.
        const SHORT = 1 << 51;
        /// Machine-check interruptions.
        const MACHINE_CHECK = 1 << 50;
        /// Wait state.
        const WAIT = 1 << 49;
        /// Problem state.
        const PROBLEM = 1 << 48;
        /// Extended addressing: 64-bit addresses, together with `BA`.
        const EA = 1 << 32;
        /// Basic addressing: 31-bit addresses.
        const BA = 1 << 31;
        /// Every other bit, so that arbitrary values are kept.
        const _ = !0;
    }
}

/// Which address space operands are in (PSW bits 16 and 17).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum AddressSpaceControl {
    /// Primary-space mode.
    Primary = 0,
    /// Access-register mode.
    AccessRegister = 1,
    /// Secondary-space mode.
    Secondary = 2,
    /// Home-space mode.
    Home = 3,
}

/// A program-status word.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Psw {
    /// Left doubleword.
    pub mask: u64,
    /// Instruction address.
    pub address: u64,
}

const KEY_SHIFT: u32 = 52;
const AS_SHIFT: u32 = 46;
const CC_SHIFT: u32 = 44;
const PROGRAM_MASK_SHIFT: u32 = 40;
/// Bits that must be zero in a valid PSW: 0, 2-4, 12, 24 (RI is not installed), 25-30, 33-63.
const RESERVED: u64 = 0xB808_00FE_7FFF_FFFF;

impl Psw {
    /// A PSW of both halves.
    pub fn new(mask: u64, address: u64) -> Psw {
        Psw { mask, address }
    }

    /// Whether all of `bits` are on.
    #[inline(always)]
    pub fn has(&self, bits: PswMask) -> bool {
        self.mask & bits.bits() == bits.bits()
    }

    /// Sets or clears `bits`.
    pub fn set(&mut self, bits: PswMask, on: bool) {
        if on { self.mask |= bits.bits() } else { self.mask &= !bits.bits() }
    }

    /// The PSW key, 0 to 15.
    pub fn key(&self) -> u8 {
        (self.mask >> KEY_SHIFT) as u8 & 15
    }

    /// Replaces the PSW key.
    pub fn set_key(&mut self, key: u8) {
        self.mask = self.mask & !(15 << KEY_SHIFT) | u64::from(key & 15) << KEY_SHIFT;
    }

    /// The address-space control.
    pub fn address_space(&self) -> AddressSpaceControl {
        match (self.mask >> AS_SHIFT) & 3 {
            0 => AddressSpaceControl::Primary,
            1 => AddressSpaceControl::AccessRegister,
            2 => AddressSpaceControl::Secondary,
            _ => AddressSpaceControl::Home,
        }
    }

    /// Replaces the address-space control.
    pub fn set_address_space(&mut self, space: AddressSpaceControl) {
        self.mask = self.mask & !(3 << AS_SHIFT) | (space as u64) << AS_SHIFT;
    }

    /// The condition code bits. A running CPU keeps its condition code elsewhere ([`crate::Cpu::cc`]).
    pub fn cc(&self) -> u8 {
        (self.mask >> CC_SHIFT) as u8 & 3
    }

    /// Replaces the condition code bits.
    pub fn set_cc(&mut self, cc: u8) {
        self.mask = self.mask & !(3 << CC_SHIFT) | u64::from(cc & 3) << CC_SHIFT;
    }

    /// The program mask: fixed-point overflow 8, decimal overflow 4, HFP exponent underflow 2, HFP significance 1.
    pub fn program_mask(&self) -> u8 {
        (self.mask >> PROGRAM_MASK_SHIFT) as u8 & 15
    }

    /// Replaces the program mask.
    pub fn set_program_mask(&mut self, mask: u8) {
        self.mask = self.mask & !(15 << PROGRAM_MASK_SHIFT) | u64::from(mask & 15) << PROGRAM_MASK_SHIFT;
    }

    /// The bits an address has in the current addressing mode: 24, 31 or 64 ones.
    pub fn address_mask(&self) -> u64 {
        match (self.has(PswMask::EA), self.has(PswMask::BA)) {
            (false, false) => 0x00FF_FFFF,
            (false, true) => 0x7FFF_FFFF,
            _ => u64::MAX,
        }
    }

    /// Whether the PSW may be in effect; if not, a specification exception is recognised as soon as it is loaded (an
    /// "early" exception). An odd address is not an early exception.
    pub fn is_valid(&self) -> bool {
        let (ea, ba) = (self.has(PswMask::EA), self.has(PswMask::BA));
        self.mask & RESERVED == 0 && (ba || !ea) && self.address & !self.address_mask() == 0
    }

    /// The PSW that LPSW makes of the short format: bit 12 inverted, a 31-bit address, zeros between.
    pub fn from_short(short: u64) -> Psw {
        let mask = (short & 0xFFFF_FFFF_8000_0000) ^ PswMask::SHORT.bits();
        Psw { mask, address: short & 0x7FFF_FFFF }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_where_the_architecture_puts_them() {
        let mut p = Psw::new(0x0705_C001_8000_0000, 0x1234);
        assert!(p.has(PswMask::DAT | PswMask::IO | PswMask::EXTERNAL | PswMask::MACHINE_CHECK | PswMask::PROBLEM));
        assert_eq!(p.address_space(), AddressSpaceControl::Home);
        assert_eq!(p.address_mask(), u64::MAX);
        assert!(p.is_valid());
        p.set_cc(2);
        p.set_key(9);
        p.set_program_mask(0xA);
        assert_eq!(p.mask, 0x0795_EA01_8000_0000);
        assert_eq!((p.cc(), p.key(), p.program_mask()), (2, 9, 0xA));
    }

    #[test]
    fn validity() {
        assert!(!Psw::new(1 << 32, 0).is_valid(), "EA without BA");
        assert!(!Psw::new(0, 0x0100_0000).is_valid(), "24-bit address too long");
        assert!(Psw::new(0, 0x00FF_FFFF).is_valid());
        assert!(!Psw::new(1 << 31, 0x8000_0000).is_valid(), "31-bit address too long");
        assert!(!Psw::new(1 << 63, 0).is_valid());
        assert!(!Psw::new(1 << 51 | 1 << 31, 0).is_valid(), "bit 12");
        assert!(!Psw::new(0x1_8000_0001, 0).is_valid());
        assert!(Psw::new(0x1_8000_0000, 1).is_valid(), "odd addresses are found later");
    }

    #[test]
    fn short_format() {
        let p = Psw::from_short(0x0008_0000_8001_0000);
        assert_eq!(p, Psw::new(0x0000_0000_8000_0000, 0x1_0000));
    }
}
