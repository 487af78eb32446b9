//! Bits of the control registers and of address-space-control elements.
//! Source: Principles of Operation, chapter 4, Control Registers; chapter 3, Address-Space-Control Element.

use bitflags::bitflags;

bitflags! {
    /// Control register 0.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct Cr0: u64 {
        /// Bit 8: transactional-execution control.
        const TRANSACTIONAL = 1 << 55;
        /// Bit 13: functions of the message-security assist are counted in storage.
        const CRYPTOGRAPHY_COUNTER = 1 << 50;
        /// Bit 15: programs in the problem state may extract CPU counters.
        const COUNTER_EXTRACTION = 1 << 48;
        /// Bit 9: program-interruption-filtering override.
        const FILTERING_OVERRIDE = 1 << 54;
        /// Bit 32: TRACE TOD-clock control.
        const TRACE_CLOCK = 1 << 31;
        /// Bit 33: SSM suppression.
        const SSM_SUPPRESSION = 1 << 30;
        /// Bit 35: low-address protection.
        const LOW_ADDRESS_PROTECTION = 1 << 28;
        /// Bit 36: extraction authority.
        const EXTRACTION_AUTHORITY = 1 << 27;
        /// Bit 37: secondary-space control.
        const SECONDARY_SPACE = 1 << 26;
        /// Bit 38: fetch-protection override.
        const FETCH_PROTECTION_OVERRIDE = 1 << 25;
        /// Bit 39: storage-protection override.
        const STORAGE_PROTECTION_OVERRIDE = 1 << 24;
        /// Bit 40: enhanced DAT.
        const ENHANCED_DAT = 1 << 23;
        /// Bit 43: instruction-execution protection.
        const INSTRUCTION_EXECUTION_PROTECTION = 1 << 20;
        /// Bit 44: ASN-and-LX reuse.
        const ASN_AND_LX_REUSE = 1 << 19;
        /// Bit 45: all sixteen floating-point registers and the FPC are available.
        const AFP_REGISTER = 1 << 18;
        /// Bit 46: vector instructions are available.
        const VECTOR = 1 << 17;
        /// Bit 48: malfunction alert.
        const MALFUNCTION_ALERT = 1 << 15;
        /// Bit 49: emergency signal.
        const EMERGENCY_SIGNAL = 1 << 14;
        /// Bit 50: external call.
        const EXTERNAL_CALL = 1 << 13;
        /// Bit 52: clock comparator.
        const CLOCK_COMPARATOR = 1 << 11;
        /// Bit 53: CPU timer.
        const CPU_TIMER = 1 << 10;
        /// Bit 54: service signal.
        const SERVICE_SIGNAL = 1 << 9;
        /// Bit 58: measurement alert.
        const MEASUREMENT_ALERT = 1 << 5;
        /// Bit 10: clock-comparator sign control.
        const CLOCK_COMPARATOR_SIGN = 1 << 53;
        const _ = !0;
    }

    /// Control register 9: program-event recording.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct Cr9: u64 {
        /// Bits 32-39: the event masks, in the places of the PER code.
        const EVENTS = 0xFF00_0000;
        /// Bit 40: only branches into the designated area are monitored.
        const BRANCH_ADDRESS = 1 << 23;
        /// Bit 41: events of transactions are not recognised.
        const EVENT_SUPPRESSION = 1 << 22;
        /// Bit 42: only stores into marked address spaces are monitored.
        const STORAGE_ALTERATION_SPACE = 1 << 21;
        const _ = !0;
    }
}

/// Fields of an address-space-control element.
pub mod asce {
    /// Table origin.
    pub const ORIGIN: u64 = !0xFFF;
    /// Subspace-group control.
    pub const SUBSPACE_GROUP: u64 = 0x200;
    /// Private-space control.
    pub const PRIVATE_SPACE: u64 = 0x100;
    /// Storage-alteration-event control.
    pub const STORAGE_ALTERATION_EVENT: u64 = 0x80;
    /// Space-switch-event control.
    pub const SPACE_SWITCH_EVENT: u64 = 0x40;
    /// Real-space control.
    pub const REAL_SPACE: u64 = 0x20;
    /// Designation type: 3 region-first, 2 region-second, 1 region-third, 0 segment table.
    pub const TYPE: u64 = 0x0C;
    /// Table length in 4 KiB units, minus one.
    pub const LENGTH: u64 = 0x03;
}
