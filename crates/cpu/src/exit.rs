//! Why straight-line execution ends: branches, state changes, program interruptions, interceptions.
//! Source: Principles of Operation, chapter 6, Program Interruption (codes; nullified, suppressed, completed).

/// Why an instruction did not simply go on to the next one. Instructions return `Result<(), Exit>`; `Ok` means "completed,
/// next sequential instruction".
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// Completed with a taken branch; [`crate::Cpu::next_ia`] is the target.
    Branch,
    /// Completed, and control state has changed (masks, control registers, TLB): continue with the next sequential
    /// instruction after looking at everything anew.
    Synchronize,
    /// Completed, and the PSW has been replaced: [`crate::Cpu::psw`] holds all of it.
    PswLoaded,
    /// As [`Exit::PswLoaded`], and then a program interruption of which the new PSW becomes the old one.
    Completed(ProgramCode),
    /// Not an instruction: execution continues at [`crate::Cpu::next_ia`] without a branch.
    Continue,
    /// Not an instruction: the decoded text is no longer valid, decode again at the same address.
    Stale,
    /// Not an instruction: the next instruction crosses a page boundary.
    PageCrossing,
    /// An interruptible instruction has done a unit of operation and is to be executed again.
    Again,
    /// The transaction is to be aborted, for the reason that was noted ([`crate::Cpu::abort_for`]).
    Abort,
    /// A program exception; parameters are in [`crate::Cpu::program`].
    Program(ProgramCode),
    /// An instruction that the host is to complete (intercept code 0x04).
    Intercept,
    /// Lowcore is not in storage, so that no interruption can be taken (validity interception).
    NoLowcore,
}

/// A program-interruption code (without the PER and transaction bits).
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
pub struct ProgramCode(pub u16);

#[allow(missing_docs)] // the names are the architecture's
impl ProgramCode {
    pub const OPERATION: Self = Self(0x01);
    pub const PRIVILEGED_OPERATION: Self = Self(0x02);
    pub const EXECUTE: Self = Self(0x03);
    pub const PROTECTION: Self = Self(0x04);
    pub const ADDRESSING: Self = Self(0x05);
    pub const SPECIFICATION: Self = Self(0x06);
    pub const DATA: Self = Self(0x07);
    pub const FIXED_POINT_OVERFLOW: Self = Self(0x08);
    pub const FIXED_POINT_DIVIDE: Self = Self(0x09);
    pub const DECIMAL_OVERFLOW: Self = Self(0x0A);
    pub const DECIMAL_DIVIDE: Self = Self(0x0B);
    pub const HFP_EXPONENT_OVERFLOW: Self = Self(0x0C);
    pub const HFP_EXPONENT_UNDERFLOW: Self = Self(0x0D);
    pub const HFP_SIGNIFICANCE: Self = Self(0x0E);
    pub const HFP_DIVIDE: Self = Self(0x0F);
    pub const SEGMENT_TRANSLATION: Self = Self(0x10);
    pub const PAGE_TRANSLATION: Self = Self(0x11);
    pub const TRANSLATION_SPECIFICATION: Self = Self(0x12);
    pub const SPECIAL_OPERATION: Self = Self(0x13);
    pub const OPERAND: Self = Self(0x15);
    pub const TRACE_TABLE: Self = Self(0x16);
    pub const VECTOR_PROCESSING: Self = Self(0x1B);
    pub const SPACE_SWITCH: Self = Self(0x1C);
    pub const TRANSACTION_CONSTRAINT: Self = Self(0x18);
    pub const HFP_SQUARE_ROOT: Self = Self(0x1D);
    pub const PC_TRANSLATION_SPECIFICATION: Self = Self(0x1F);
    pub const AFX_TRANSLATION: Self = Self(0x20);
    pub const ASX_TRANSLATION: Self = Self(0x21);
    pub const LX_TRANSLATION: Self = Self(0x22);
    pub const EX_TRANSLATION: Self = Self(0x23);
    pub const PRIMARY_AUTHORITY: Self = Self(0x24);
    pub const SECONDARY_AUTHORITY: Self = Self(0x25);
    pub const LFX_TRANSLATION: Self = Self(0x26);
    pub const LSX_TRANSLATION: Self = Self(0x27);
    pub const ALET_SPECIFICATION: Self = Self(0x28);
    pub const ALEN_TRANSLATION: Self = Self(0x29);
    pub const ALE_SEQUENCE: Self = Self(0x2A);
    pub const ASTE_VALIDITY: Self = Self(0x2B);
    pub const ASTE_SEQUENCE: Self = Self(0x2C);
    pub const EXTENDED_AUTHORITY: Self = Self(0x2D);
    pub const LSTE_SEQUENCE: Self = Self(0x2E);
    pub const ASTE_INSTANCE: Self = Self(0x2F);
    pub const STACK_FULL: Self = Self(0x30);
    pub const STACK_EMPTY: Self = Self(0x31);
    pub const STACK_SPECIFICATION: Self = Self(0x32);
    pub const STACK_TYPE: Self = Self(0x33);
    pub const STACK_OPERATION: Self = Self(0x34);
    pub const ASCE_TYPE: Self = Self(0x38);
    pub const REGION_FIRST_TRANSLATION: Self = Self(0x39);
    pub const REGION_SECOND_TRANSLATION: Self = Self(0x3A);
    pub const REGION_THIRD_TRANSLATION: Self = Self(0x3B);
    pub const MONITOR_EVENT: Self = Self(0x40);
    /// The transaction was aborted; combined with another code.
    pub const TRANSACTION_ABORTED: Self = Self(0x200);
    /// Program-event recording, also combined with another code.
    pub const PER: Self = Self(0x80);
    /// No code of the architecture: storage of a guest of this machine is not accessible in the address space of its host,
    /// who is to be interrupted.
    pub const HOST_FAULT: Self = Self(0xFF00);

    /// Whether the exception nullifies the instruction, so that the old PSW designates the instruction itself. All others
    /// suppress, terminate or complete it, and the old PSW designates the next sequential instruction.
    pub fn nullifies(self) -> bool {
        matches!(
            self.0 & 0x7F,
            0x10 | 0x11 | 0x16 | 0x20..=0x27 | 0x29..=0x34 | 0x38..=0x3B
        ) || self == Self::HOST_FAULT
    }

    /// Whether the exception is one of address translation, access-register translation included, that says only that an
    /// address is not available. Instructions that ask about addresses answer with a condition code instead.
    pub fn is_unavailable_address(self) -> bool {
        matches!(self.0 & 0x7F, 0x10 | 0x11 | 0x28..=0x2D | 0x38..=0x3B)
    }
}

impl Exit {
    /// The exit for a specification exception.
    pub const SPECIFICATION: Exit = Exit::Program(ProgramCode::SPECIFICATION);
    /// The exit for an operation exception.
    pub const OPERATION: Exit = Exit::Program(ProgramCode::OPERATION);
    /// The exit for a privileged-operation exception.
    pub const PRIVILEGED_OPERATION: Exit = Exit::Program(ProgramCode::PRIVILEGED_OPERATION);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exits_travel_in_a_register() {
        assert!(size_of::<Result<(), Exit>>() <= 4);
    }
}
