//! The channel subsystem as the launcher has it: no subchannels, no channel paths, no channel reports. Its instructions
//! check their operands as on a machine with devices, and then find nothing.
//! Truth: the Principles of Operation, chapter 14, I/O Instructions; for CHANNEL SUBSYSTEM CALL, Linux's
//! drivers/s390/cio/chsc.c and kvm-unit-tests' lib/s390x/css.h.

use crate::Result;
use crate::cpu::{Cpu, Registers};
use crate::exit::program;

/// Second bytes of the instructions, whose first byte is 0xb2.
mod operation {
    pub(super) const CSCH: u8 = 0x30;
    pub(super) const HSCH: u8 = 0x31;
    pub(super) const MSCH: u8 = 0x32;
    pub(super) const SSCH: u8 = 0x33;
    pub(super) const STSCH: u8 = 0x34;
    pub(super) const SAL: u8 = 0x37;
    pub(super) const RSCH: u8 = 0x38;
    pub(super) const STCRW: u8 = 0x39;
    pub(super) const STCPS: u8 = 0x3a;
    pub(super) const RCHP: u8 = 0x3b;
    pub(super) const SCHM: u8 = 0x3c;
    pub(super) const CHSC: u8 = 0x5f;
    pub(super) const SIGA: u8 = 0x74;
    pub(super) const XSCH: u8 = 0x76;
}

/// Lengths of operands, in bytes.
const SCHIB: usize = 52;
const ORB: usize = 32;
const IRB: usize = 64;
const CHANNEL_REPORT: usize = 4;
const CHANNEL_PATH_STATUS: usize = 32;
const COMMAND_BLOCK: usize = 4096;

/// Not operational: there is no such subchannel.
const NOT_OPERATIONAL: u8 = 3;

/// What becomes of an instruction: its condition code if it sets one, or a program interruption.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Outcome {
    ConditionCode(u8),
    Completed,
    Program(u16),
    /// An access exception, which is pending already.
    Interrupted,
}

/// Whether these are the first two bytes of an instruction that belongs here.
pub(crate) fn is_channel_instruction(ipa: u16) -> bool {
    matches!(ipa, 0xb230..=0xb234 | 0xb237..=0xb23c | 0xb25f | 0xb274 | 0xb276)
}

/// Carries out an intercepted instruction of the channel subsystem.
pub(crate) fn handle(cpu: &Cpu, ipa: u16, ipb: u32) -> Result<()> {
    let registers = cpu.own_registers();
    if registers.in_problem_state() {
        return registers.program_interruption(program::PRIVILEGED);
    }
    let outcome = match ipa as u8 {
        operation::CSCH | operation::HSCH | operation::RSCH | operation::XSCH => subchannel(registers),
        operation::MSCH => subchannel_operand(registers, ipb, SCHIB, Operand::Fetch),
        operation::SSCH => subchannel_operand(registers, ipb, ORB, Operand::Fetch),
        operation::STSCH => subchannel_operand(registers, ipb, SCHIB, Operand::Store),
        operation::SIGA => Outcome::ConditionCode(NOT_OPERATIONAL),
        // No report is ever pending.
        operation::STCRW => zeros(registers, ipb, CHANNEL_REPORT, 4, Outcome::ConditionCode(1)),
        operation::STCPS => zeros(registers, ipb, CHANNEL_PATH_STATUS, 32, Outcome::Completed),
        operation::SAL => register_check(registers.gpr(1) & 0x8000_ffff == 0, Outcome::Completed),
        operation::RCHP => register_check(registers.gpr(1) & 0xff00_ff00 == 0, Outcome::ConditionCode(NOT_OPERATIONAL)),
        operation::SCHM => register_check(measurement_is_valid(registers), Outcome::Completed),
        operation::CHSC => channel_subsystem_call(registers, ipb),
        _ => Outcome::Program(program::OPERATION),
    };
    finish(registers, outcome)
}

/// TEST SUBCHANNEL, which KVM gives its client by an exit of its own.
pub(crate) fn test_subchannel(cpu: &Cpu, ipb: u32) -> Result<()> {
    let registers = cpu.own_registers();
    finish(registers, subchannel_operand(registers, ipb, IRB, Operand::Store))
}

fn finish(registers: Registers<'_>, outcome: Outcome) -> Result<()> {
    match outcome {
        Outcome::ConditionCode(cc) => registers.set_cc(cc),
        Outcome::Completed | Outcome::Interrupted => {}
        Outcome::Program(code) => return registers.program_interruption(code),
    }
    Ok(())
}

/// How an instruction uses its storage operand.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Operand {
    Fetch,
    Store,
}

/// Whether general register 1 holds a subsystem-identification word: hex 0001 before the subchannel number.
fn identifies_subchannel(word: u64) -> bool {
    word >> 16 & 0xffff == 1
}

fn register_check(valid: bool, outcome: Outcome) -> Outcome {
    if valid { outcome } else { Outcome::Program(program::OPERAND) }
}

/// Instructions on a subchannel without a storage operand.
fn subchannel(registers: Registers<'_>) -> Outcome {
    register_check(identifies_subchannel(registers.gpr(1)), Outcome::ConditionCode(NOT_OPERATIONAL))
}

/// Instructions on a subchannel with a storage operand on a word boundary, whose access exceptions come first.
fn subchannel_operand(registers: Registers<'_>, ipb: u32, length: usize, how: Operand) -> Outcome {
    let (address, ar) = operand(registers, ipb);
    if !identifies_subchannel(registers.gpr(1)) {
        return Outcome::Program(program::OPERAND);
    }
    if address & 3 != 0 {
        return Outcome::Program(program::SPECIFICATION);
    }
    let accessible = match how {
        Operand::Fetch => registers.fetch_operand(address, ar, &mut vec![0; length]),
        Operand::Store => registers.check_operand_store(address, ar, length),
    };
    if accessible { Outcome::ConditionCode(NOT_OPERATIONAL) } else { Outcome::Interrupted }
}

/// Instructions that store what is pending: nothing, in `length` bytes.
fn zeros(registers: Registers<'_>, ipb: u32, length: usize, boundary: u64, outcome: Outcome) -> Outcome {
    let (address, ar) = operand(registers, ipb);
    if address & (boundary - 1) != 0 {
        return Outcome::Program(program::SPECIFICATION);
    }
    if registers.store_operand(address, ar, &mut vec![0; length]) { outcome } else { Outcome::Interrupted }
}

/// The second operand of the S format, and the base register that names its access register.
fn operand(registers: Registers<'_>, ipb: u32) -> (u64, u8) {
    (registers.base_displacement(ipb), (ipb >> 28) as u8)
}

/// SET CHANNEL MONITOR: reserved bits, and the measurement block's boundary when measuring is turned on.
fn measurement_is_valid(registers: Registers<'_>) -> bool {
    const RESERVED: u64 = 0x0fff_fffc;
    const UPDATE_MEASUREMENT_BLOCK: u64 = 2;
    let controls = registers.gpr(1);
    controls & RESERVED == 0 && (controls & UPDATE_MEASUREMENT_BLOCK == 0 || registers.gpr(2) & 0x1f == 0)
}

fn channel_subsystem_call(registers: Registers<'_>, ipb: u32) -> Outcome {
    let r1 = (ipb >> 20 & 15) as u8;
    let address = registers.gpr(r1);
    if address & 0xfff != 0 {
        return Outcome::Program(program::SPECIFICATION);
    }
    let mut block = vec![0; COMMAND_BLOCK];
    if !registers.fetch_operand(address, r1, &mut block) || !registers.check_operand_store(address, r1, COMMAND_BLOCK) {
        return Outcome::Interrupted;
    }
    let Some((at, mut response)) = respond(&block) else { return Outcome::Program(program::OPERAND) };
    if registers.store_operand(address + at, r1, &mut response) {
        Outcome::ConditionCode(0)
    } else {
        Outcome::Interrupted
    }
}

/// The response to a command block, and where in the block it belongs; `None` when the block has no valid length.
fn respond(block: &[u8]) -> Option<(u64, Vec<u8>)> {
    const STORE_CHARACTERISTICS: u16 = 0x0010;
    const CHARACTERISTICS_LENGTH: u16 = 4080;
    const COMPLETED: u16 = 1;
    const INVALID_COMMAND: u16 = 4;
    let field = |at: usize| u16::from_be_bytes([block[at], block[at + 1]]);
    let (length, command) = (field(0), field(2));
    if !(16..=4088).contains(&length) || length & 7 != 0 {
        return None;
    }
    let code = match command {
        STORE_CHARACTERISTICS => characteristics_request(length, block[5] & 15, block[6]),
        _ => INVALID_COMMAND,
    };
    // No optional feature is there: all characteristics are zero.
    let size = if code == COMPLETED { CHARACTERISTICS_LENGTH } else { 8 };
    let mut response = vec![0; usize::from(size)];
    response[..2].copy_from_slice(&size.to_be_bytes());
    response[2..4].copy_from_slice(&code.to_be_bytes());
    Some((u64::from(length), response))
}

/// The response code to a request for the channel-subsystem characteristics.
fn characteristics_request(length: u16, format: u8, image: u8) -> u16 {
    match (length, format, image) {
        (16, 0, 0) => 1,
        (16, 0, _) => 8,
        (16, ..) => 7,
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(length: u16, command: u16) -> Vec<u8> {
        let mut block = vec![0; COMMAND_BLOCK];
        block[..2].copy_from_slice(&length.to_be_bytes());
        block[2..4].copy_from_slice(&command.to_be_bytes());
        block
    }

    #[test]
    fn characteristics_are_stored_behind_the_request() {
        let (at, response) = respond(&request(16, 0x10)).unwrap();
        assert_eq!((at, response.len()), (16, 4080), "to the end of the block");
        assert_eq!(response[..4], [0x0f, 0xf0, 0, 1]);
        assert!(response[4..].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn requests_that_cannot_be_met_are_answered_so() {
        let code = |block: &[u8]| respond(block).map(|(_, response)| response[3]);
        assert_eq!(code(&request(16, 0x31)), Some(4), "unknown command");
        assert_eq!(code(&request(24, 0x10)), Some(3), "wrong length");
        let mut block = request(16, 0x10);
        block[6] = 1;
        assert_eq!(code(&block), Some(8), "no second channel-subsystem image");
        block[5] = 1;
        assert_eq!(code(&block), Some(7), "no other format");
        for length in [0, 8, 20, 4096] {
            assert_eq!(code(&request(length, 0x10)), None, "length {length}");
        }
    }

    #[test]
    fn subsystem_identification_words() {
        assert!(identifies_subchannel(0x0001_0000) && identifies_subchannel(0xffff_ffff_0001_ffff));
        assert!(!identifies_subchannel(0) && !identifies_subchannel(0x0003_0000));
        assert!(!identifies_subchannel(0x0101_0000));
    }

    #[test]
    fn what_belongs_here() {
        for ipa in [0xb230, 0xb237, 0xb25f, 0xb276] {
            assert!(is_channel_instruction(ipa), "{ipa:x}");
        }
        // TEST SUBCHANNEL and TEST PENDING INTERRUPTION are KVM's.
        for ipa in [0xb220, 0xb235, 0xb236, 0xb23d, 0xae30] {
            assert!(!is_channel_instruction(ipa), "{ipa:x}");
        }
    }
}
