//! Assigned storage locations of the prefix area ("lowcore"), as real addresses.
//! Source: Principles of Operation, chapter 3, Assigned Storage Locations (z/Architecture).

/// Real addresses of the assigned storage locations.
#[allow(missing_docs)] // the names are the architecture's
pub struct Lowcore;

#[allow(missing_docs)]
impl Lowcore {
    pub const EXTERNAL_PARAMETER: u64 = 0x80;
    pub const EXTERNAL_CPU_ADDRESS: u64 = 0x84;
    pub const EXTERNAL_CODE: u64 = 0x86;
    pub const SVC_ILC: u64 = 0x88;
    pub const SVC_CODE: u64 = 0x8A;
    pub const PROGRAM_ILC: u64 = 0x8C;
    pub const PROGRAM_CODE: u64 = 0x8E;
    pub const DATA_EXCEPTION_CODE: u64 = 0x90;
    pub const MONITOR_CLASS: u64 = 0x94;
    pub const PER_CODE: u64 = 0x96;
    pub const PER_ADDRESS: u64 = 0x98;
    pub const EXCEPTION_ACCESS_ID: u64 = 0xA0;
    pub const PER_ACCESS_ID: u64 = 0xA1;
    pub const OPERAND_ACCESS_ID: u64 = 0xA2;
    pub const TRANSLATION_EXCEPTION_ID: u64 = 0xA8;
    pub const MONITOR_CODE: u64 = 0xB0;
    pub const SUBSYSTEM_ID: u64 = 0xB8;
    pub const IO_PARAMETER: u64 = 0xBC;
    pub const IO_ID: u64 = 0xC0;
    pub const STFL_LIST: u64 = 0xC8;
    pub const MACHINE_CHECK_CODE: u64 = 0xE8;
    pub const EXTERNAL_DAMAGE_CODE: u64 = 0xF4;
    pub const FAILING_STORAGE_ADDRESS: u64 = 0xF8;
    pub const MONITOR_COUNTER_ORIGIN: u64 = 0x100;
    pub const MONITOR_COUNTER_SIZE: u64 = 0x108;
    pub const MONITOR_EXCEPTION_COUNT: u64 = 0x10C;
    pub const BREAKING_EVENT_ADDRESS: u64 = 0x110;
    pub const RESTART_OLD_PSW: u64 = 0x120;
    pub const EXTERNAL_OLD_PSW: u64 = 0x130;
    pub const SVC_OLD_PSW: u64 = 0x140;
    pub const PROGRAM_OLD_PSW: u64 = 0x150;
    pub const MACHINE_CHECK_OLD_PSW: u64 = 0x160;
    pub const IO_OLD_PSW: u64 = 0x170;
    pub const RESTART_NEW_PSW: u64 = 0x1A0;
    pub const EXTERNAL_NEW_PSW: u64 = 0x1B0;
    pub const SVC_NEW_PSW: u64 = 0x1C0;
    pub const PROGRAM_NEW_PSW: u64 = 0x1D0;
    pub const MACHINE_CHECK_NEW_PSW: u64 = 0x1E0;
    pub const IO_NEW_PSW: u64 = 0x1F0;
    pub const CRYPTOGRAPHY_COUNTERS: u64 = 0x1500;
    /// The program-interruption transaction diagnostic block.
    pub const PROGRAM_TDB: u64 = 0x1800;
    /// Real address where the store-status save areas begin (floating-point registers first).
    pub const SAVE_AREA: u64 = 0x1200;
}
