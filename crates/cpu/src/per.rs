//! Program-event recording: which events of the instruction being executed are monitored, and what has occurred so far.
//! Source: Principles of Operation, chapter 4, Program-Event Recording (control registers 9 to 11; PER code, addressing-and-
//! translation-mode identification, PER address, PER access identification; the events).

use softsie_isa::{FieldName, Operand, Operands};

use crate::access::{Access, AddressSpace};
use crate::control::{Cr9, asce};
use crate::psw::PswMask;
use crate::state::Cpu;

/// Events of one instruction. The bits of an event are the same in the PER code and in the masks of control register 9.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Per {
    /// An instruction is being executed with events monitored.
    active: bool,
    events: u8,
    /// Addressing-and-translation-mode identification: of the PSW at the instruction's beginning, with its own validity bit.
    modes: u8,
    access_id: u8,
    address: u64,
    /// By register number: an operand that is accessed by way of the register has a zero address.
    zero_addresses: u16,
}

/// Branch taken.
const BRANCHING: u8 = 0x80;
/// Instruction, or target of EXECUTE, fetched.
const FETCHING: u8 = 0x40;
/// Operand stored.
const ALTERATION: u8 = 0x20;
/// Outermost TRANSACTION END completed.
const TRANSACTION_END: u8 = 0x02;
/// Operand stored by real address; indicated together with [`ALTERATION`] and subject to both masks.
const USING_REAL_ADDRESS: u8 = 0x08;
/// Operand accessed whose address was formed from registers that give zero.
const ZERO_ADDRESS: u8 = 0x04;
/// The instruction that would be fetched is nullified; indicated together with [`FETCHING`] and subject to both masks.
const NULLIFICATION: u8 = 0x01;

impl Cpu {
    /// Whether instructions are to be executed with [`Cpu::per_begin`]: the PSW allows it and an event is monitored.
    #[inline(always)]
    pub fn per_enabled(&self) -> bool {
        self.psw.has(PswMask::PER) && self.cr[9] & Cr9::EVENTS.bits() != 0
    }

    /// Whether no operand may be accessed by the TLB alone: each store asks for [`Cpu::stored`], each access for
    /// [`Cpu::operand_accessed`].
    pub(crate) fn per_watches_operands(&self) -> bool {
        self.psw.has(PswMask::PER) && self.per_masks() & (ALTERATION | ZERO_ADDRESS) != 0
    }

    fn per_masks(&self) -> u8 {
        if self.transaction.is_active() && self.cr[9] & Cr9::EVENT_SUPPRESSION.bits() != 0 {
            return 0;
        }
        (self.cr[9] >> 24) as u8
    }

    /// The outermost TRANSACTION END has completed.
    pub(crate) fn per_transaction_ended(&mut self) {
        if self.per.active && self.per_masks() & TRANSACTION_END != 0 {
            self.per.events |= TRANSACTION_END;
        }
    }

    /// Begins the instruction (or EXECUTE) at `address`. True when it is to be nullified instead.
    pub fn per_begin(&mut self, address: u64) -> bool {
        let bit = |from: u32, to: u32| ((self.psw.mask >> (63 - from)) as u8 & 1) << (15 - to);
        let modes = 0x40 | bit(31, 8) | bit(32, 10) | bit(5, 11) | bit(16, 12) | bit(17, 13);
        self.per = Per { active: true, modes, address, ..Per::default() };
        self.per_fetched(address)
    }

    /// The instruction or target at `address` is fetched. True when the instruction is to be nullified for that.
    pub fn per_fetched(&mut self, address: u64) -> bool {
        if !self.per.active || self.per_masks() & FETCHING == 0 || !self.per_designated(address, 1) {
            return false;
        }
        self.per.events |= FETCHING | self.per_masks() & NULLIFICATION;
        self.per.events & NULLIFICATION != 0
    }

    /// The instruction that begins, or the target of EXECUTE, has operands `o`: finds out which of their addresses are zero.
    #[inline(always)]
    pub fn per_operands(&mut self, o: &Operands) {
        if self.per.active && self.per_masks() & ZERO_ADDRESS != 0 {
            self.find_zero_addresses(o);
        }
    }

    #[cold]
    fn find_zero_addresses(&mut self, o: &Operands) {
        let content = |r: u8| self.wrap(self.gr[usize::from(r & 15)]);
        let mut zero = (1..16).filter(|r| content(*r) == 0).fold(0, |zero, r| zero | 1 << r);
        let operands = o.op().row().operands;
        // Base and index together may be zero. Without a base the index alone counts, under the base's number zero.
        let index = |op: &Operand| matches!(op, Operand::Storage { middle: Some(FieldName::X2), .. });
        if operands.iter().any(index) && o.x2() != 0 {
            let base = if o.b2() == 0 { 0 } else { content(o.b2()) };
            if self.wrap(content(o.x2()).wrapping_add(base)) == 0 {
                zero |= 1 << o.b2();
            }
        }
        // Register 0 holds an address only where registers themselves are the operands.
        let other = |op: &Operand| matches!(op, Operand::Storage { .. } | Operand::Relative(_));
        if !operands.iter().any(other) && content(0) == 0 {
            zero |= 1;
        }
        self.per.zero_addresses = zero;
    }

    /// An operand is accessed by way of base register `base`.
    #[inline(always)]
    pub fn operand_accessed(&mut self, base: u8) {
        if self.per.active && self.per.zero_addresses & 1 << (base & 15) != 0 {
            self.per.events |= ZERO_ADDRESS;
        }
    }

    /// The instruction has branched to `target`.
    pub fn per_branched(&mut self, target: u64) {
        if !self.per.active {
            return;
        }
        let anywhere = self.cr[9] & Cr9::BRANCH_ADDRESS.bits() == 0;
        if self.per_masks() & BRANCHING != 0 && (anywhere || self.per_designated(target, 1)) {
            self.per.events |= BRANCHING;
        }
    }

    /// `length` bytes of an operand have been stored. To be called for every store by way of [`Cpu::host`]; the other
    /// methods that store see to it themselves.
    #[inline(always)]
    pub fn stored(&mut self, space: AddressSpace, address: u64, length: u64) {
        if self.per.active {
            self.record_store(space, address, length);
        }
    }

    #[cold]
    fn record_store(&mut self, space: AddressSpace, address: u64, length: u64) {
        if space == AddressSpace::Real {
            let both = ALTERATION | USING_REAL_ADDRESS;
            if self.per_masks() & both == both {
                self.per.events |= both;
            }
            return;
        }
        let monitored = self.per_masks() & ALTERATION != 0 && self.per.events & ALTERATION == 0;
        if !monitored || !self.per_designated(address, length) {
            return;
        }
        if self.psw.has(PswMask::DAT) {
            let selective = self.cr[9] & Cr9::STORAGE_ALTERATION_SPACE.bits() != 0;
            let marked = |asce: u64| asce & asce::STORAGE_ALTERATION_EVENT != 0;
            // The store itself has found the space without an exception.
            if selective && !self.designated_asce(space, address, Access::Store).is_ok_and(marked) {
                return;
            }
            let (id, ar) = self.space_identification(space);
            self.per.modes |= id;
            self.per.access_id = ar;
        }
        self.per.events |= ALTERATION;
    }

    /// Whether any of `length` bytes from `first` on lies in the area from CR10 to CR11, which may wrap around.
    fn per_designated(&self, first: u64, length: u64) -> bool {
        let (start, end) = (self.cr[10], self.cr[11]);
        let within = |address: u64| {
            if start <= end { (start..=end).contains(&address) } else { address >= start || address <= end }
        };
        within(first)
            || length > 1 && (within(self.wrap(first.wrapping_add(length - 1))) || start.wrapping_sub(first) < length)
    }

    /// Whether events have occurred that a program interruption is due for.
    pub fn per_pending(&self) -> bool {
        self.per.active && self.per.events != 0
    }

    /// Whether an instruction-fetching event has occurred.
    pub fn per_fetch_pending(&self) -> bool {
        self.per.active && self.per.events & FETCHING != 0
    }

    /// Ends an instruction that has not been executed, or whose events nobody has asked for.
    pub fn per_discard(&mut self) {
        self.per.active = false;
    }

    /// Ends the instruction. True when events have occurred; they are then parameters of the program interruption.
    pub fn per_end(&mut self) -> bool {
        let pending = self.per_pending();
        if pending {
            self.program.per_code = u16::from(self.per.events) << 8 | u16::from(self.per.modes);
            self.program.per_address = self.per.address;
            self.program.per_access_id = self.per.access_id;
        }
        self.per.active = false;
        pending
    }
}
