//! Where generated code finds the CPU's fields: byte offsets from the start of [`Cpu`] and of a TLB entry.
//! Source: the structures themselves; an emitter uses these names and nothing else of the CPU's inside.

use std::mem::offset_of;

use crate::state::{Cpu, Statistics};
use crate::tlb::TlbEntry;

/// General register 0; eight bytes each, host order.
pub const GR: usize = offset_of!(Cpu, gr);
/// Access register 0; four bytes each.
pub const AR: usize = offset_of!(Cpu, ar);
/// Vector register 0; sixteen bytes each, one number in host order.
pub const VR: usize = offset_of!(Cpu, vr);
/// Condition code, one byte.
pub const CC: usize = offset_of!(Cpu, cc);
/// Instruction address of the PSW.
pub const PSW_ADDRESS: usize = offset_of!(Cpu, psw.address);
/// The byte of the PSW whose right half is the program mask.
pub const PROGRAM_MASK: usize = offset_of!(Cpu, psw.mask) + 5;
/// Breaking-event address.
pub const BREAKING_EVENT_ADDRESS: usize = offset_of!(Cpu, breaking_event_address);
/// Counter of executed instructions.
pub const INSTRUCTIONS: usize = offset_of!(Cpu, statistics) + offset_of!(Statistics, instructions);
/// Pointer to the entries of the current operand space. It stays the same until an instruction ends with an exit.
pub const TLB: usize = offset_of!(Cpu, tlb);

/// Size of a TLB entry. The entry of an address is number `address / 4096 % TLB_ENTRIES`.
pub const TLB_ENTRY: usize = size_of::<TlbEntry>();
/// Tag for fetches: equals the address of the page that the operand's last byte is in.
pub const TLB_READ: usize = offset_of!(TlbEntry, read);
/// Tag for stores.
pub const TLB_WRITE: usize = offset_of!(TlbEntry, write);
/// Host address minus virtual address.
pub const TLB_ADDEND: usize = offset_of!(TlbEntry, addend);
