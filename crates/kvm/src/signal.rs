//! Order codes and status bits of SIGNAL PROCESSOR, for the orders completed here and for those left to the client.
//! Truth: Principles of Operation, chapter 4, CPU Signaling and Response.

/// Order codes.
#[allow(missing_docs)] // the names are the architecture's
pub mod order {
    pub const SENSE: u8 = 0x01;
    pub const EXTERNAL_CALL: u8 = 0x02;
    pub const EMERGENCY_SIGNAL: u8 = 0x03;
    pub const START: u8 = 0x04;
    pub const STOP: u8 = 0x05;
    pub const RESTART: u8 = 0x06;
    pub const STOP_AND_STORE_STATUS: u8 = 0x09;
    pub const INITIAL_CPU_RESET: u8 = 0x0b;
    pub const CPU_RESET: u8 = 0x0c;
    pub const SET_PREFIX: u8 = 0x0d;
    pub const STORE_STATUS_AT_ADDRESS: u8 = 0x0e;
    pub const SET_ARCHITECTURE: u8 = 0x12;
    pub const CONDITIONAL_EMERGENCY_SIGNAL: u8 = 0x13;
    pub const SENSE_RUNNING_STATUS: u8 = 0x15;
    pub const STORE_ADDITIONAL_STATUS: u8 = 0x17;
}

/// Status bits.
#[allow(missing_docs)]
pub mod status {
    pub const INVALID_ORDER: u32 = 0x002;
    pub const CHECK_STOP: u32 = 0x010;
    pub const STOPPED: u32 = 0x040;
    pub const EXTERNAL_CALL_PENDING: u32 = 0x080;
    pub const INVALID_PARAMETER: u32 = 0x100;
    pub const INCORRECT_STATE: u32 = 0x200;
    pub const NOT_RUNNING: u32 = 0x400;
}
