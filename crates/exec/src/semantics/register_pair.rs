//! Long operands: an address in an even register, a length in the odd one after it, processed a page's part at a time.
//! Source: Principles of Operation, chapter 7: MOVE LONG, MOVE LONG EXTENDED and the others with such operands.

use softsie_cpu::{Access, AddressSpace, Cpu, Exit};

/// Bytes from `address` to the end of its page.
#[inline(always)]
pub(super) fn to_page_end(address: u64) -> u64 {
    4096 - address % 4096
}

/// An operand that a register pair designates. What has been processed is in the registers only after [`Pair::save`].
#[derive(Clone, Copy)]
pub(super) struct Pair {
    pub(super) address: u64,
    pub(super) length: u64,
    r: u8,
    /// The bits of the odd register that are the length.
    length_mask: u64,
}

impl Pair {
    /// The operand of registers `r` and `r` + 1; the length has 64 bits in the 64-bit addressing mode, otherwise 32.
    pub(super) fn of(cpu: &Cpu, r: u8) -> Result<Pair, Exit> {
        let length_mask = if cpu.address_mask == u64::MAX { u64::MAX } else { 0xFFFF_FFFF };
        Pair::with_mask(cpu, r, length_mask)
    }

    /// As [`Pair::of`] with a length of 24 bits, the others belonging to something else.
    pub(super) fn of_24_bits(cpu: &Cpu, r: u8) -> Result<Pair, Exit> {
        Pair::with_mask(cpu, r, 0xFF_FFFF)
    }

    fn with_mask(cpu: &Cpu, r: u8, length_mask: u64) -> Result<Pair, Exit> {
        if r & 1 != 0 {
            return Err(Exit::SPECIFICATION);
        }
        let r = r & 15;
        let address = cpu.wrap(cpu.gr[usize::from(r)]);
        Ok(Pair { address, length: cpu.gr[usize::from(r) + 1] & length_mask, r, length_mask })
    }

    /// Number of the access register that goes with the address.
    pub(super) fn ar(&self) -> u8 {
        self.r
    }

    /// Bytes up to the end of the operand or of the page.
    #[inline(always)]
    pub(super) fn piece(&self) -> u64 {
        self.length.min(to_page_end(self.address))
    }

    /// Host address of the next byte, good to the end of the page.
    #[inline(always)]
    pub(super) fn host(&self, cpu: &mut Cpu, access: Access) -> Result<*mut u8, Exit> {
        cpu.host(AddressSpace::Logical(self.r), self.address, access).map(|p| p.as_ptr())
    }

    /// Takes `n` bytes as processed.
    #[inline(always)]
    pub(super) fn advance(&mut self, cpu: &Cpu, n: u64) {
        self.address = cpu.wrap(self.address.wrapping_add(n));
        self.length = self.length.wrapping_sub(n);
    }

    /// Puts address and length into the registers.
    pub(super) fn save(&self, cpu: &mut Cpu) {
        save_address(cpu, self.r, self.address);
        let odd = &mut cpu.gr[usize::from(self.r) + 1];
        *odd = *odd & !self.length_mask | self.length & self.length_mask;
    }
}

/// Puts an address into register `r`: all of it in the 64-bit addressing mode, otherwise bits 32-63.
pub(super) fn save_address(cpu: &mut Cpu, r: u8, address: u64) {
    let whole = cpu.address_mask == u64::MAX;
    let g = &mut cpu.gr[usize::from(r & 15)];
    *g = if whole { address } else { *g & !0xFFFF_FFFF | address & 0xFFFF_FFFF };
}
