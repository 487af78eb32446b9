//! Looking into guest storage without any effect: no TLB entry, no reference bit, no exception. For traces and reports.
//! Source: Principles of Operation, chapter 3, Dynamic Address Translation and Prefixing.

use softsie_mem::PAGE_SIZE;

use crate::access::Access;
use crate::control::asce;
use crate::psw::{AddressSpaceControl, PswMask};
use crate::state::Cpu;

impl Cpu {
    /// Bytes at an operand address as the PSW has it; `None` when some are not there.
    pub fn peek_operand(&self, address: u64, ar: u8, bytes: &mut [u8]) -> Option<()> {
        let table = match self.psw.address_space() {
            AddressSpaceControl::Primary => self.cr[1],
            AddressSpaceControl::Secondary => self.cr[7],
            AddressSpaceControl::Home => self.cr[13],
            AddressSpaceControl::AccessRegister => match if ar == 0 { 0 } else { self.ar[usize::from(ar & 15)] } {
                0 => self.cr[1],
                1 => self.cr[7],
                _ => return None,
            },
        };
        self.peek(table, address, bytes)
    }

    /// Bytes at an instruction address; as many as are there, up to the length of `bytes`.
    pub fn peek_instruction(&self, address: u64, bytes: &mut [u8]) -> usize {
        let table = if self.psw.address_space() == AddressSpaceControl::Home { self.cr[13] } else { self.cr[1] };
        let mut there = 0;
        for pair in bytes.as_chunks_mut::<2>().0 {
            if self.peek(table, address.wrapping_add(there as u64), pair).is_none() {
                break;
            }
            there += 2;
        }
        there
    }

    fn peek(&self, table: u64, address: u64, bytes: &mut [u8]) -> Option<()> {
        for (n, byte) in bytes.iter_mut().enumerate() {
            let address = address.wrapping_add(n as u64) & self.address_mask;
            let real = if self.psw.has(PswMask::DAT) && table & asce::REAL_SPACE == 0 {
                self.translate_by(table, address).ok()?.real
            } else {
                address
            };
            let page = self.slots.page(self.reach(self.prefixed(real), Access::Fetch).ok()?)?;
            // SAFETY: the offset is within the page; other CPUs may change the byte, any value is a correct answer.
            *byte = unsafe { page.host.add((real % PAGE_SIZE) as usize).read() };
        }
        Some(())
    }
}
