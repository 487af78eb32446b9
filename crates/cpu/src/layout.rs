//! Where generated code finds the CPU's fields: byte offsets from the start of [`Cpu`] and of a TLB entry.
//! Source: the structures themselves; an emitter uses these names and nothing else of the CPU's inside.

use std::mem::offset_of;

use crate::code::CodePage;
use crate::state::{Cpu, Statistics};
use crate::tlb::{FETCH_ENTRIES, FetchEntry, Space, TlbEntry};

/// General register 0; eight bytes each, host order.
pub const GR: usize = offset_of!(Cpu, gr);
/// Access register 0; four bytes each.
pub const AR: usize = offset_of!(Cpu, ar);
/// Vector register 0; sixteen bytes each, one number in host order.
pub const VR: usize = offset_of!(Cpu, vr);
/// The floating-point-control register.
pub const FPC: usize = offset_of!(Cpu, fpc);
/// Condition code, one byte.
pub const CC: usize = offset_of!(Cpu, cc);
/// Instruction address of the PSW.
pub const PSW_ADDRESS: usize = offset_of!(Cpu, psw.address);
/// The byte of the PSW whose right half is the program mask.
pub const PROGRAM_MASK: usize = offset_of!(Cpu, psw.mask) + 5;
/// Breaking-event address.
pub const BREAKING_EVENT_ADDRESS: usize = offset_of!(Cpu, breaking_event_address);
/// Guarded-storage designation.
pub const GUARDED_DESIGNATION: usize = offset_of!(Cpu, guarded_storage.designation);
/// Which sections of guarded storage are guarded.
pub const GUARDED_SECTIONS: usize = offset_of!(Cpu, guarded_storage.section_mask);
/// Counter of executed instructions.
pub const INSTRUCTIONS: usize = offset_of!(Cpu, statistics) + offset_of!(Statistics, instructions);
/// Pointer to the entries of the current operand space. It stays the same until an instruction ends with an exit.
pub const TLB: usize = offset_of!(Cpu, tlb);

/// Size of a TLB entry. The entry of an address is number `address / 4096 % TLB_ENTRIES`.
pub const TLB_ENTRY: usize = size_of::<TlbEntry>();
/// Tag for fetches: equals the address of the page that the operand's last byte is in. An entry for another page or for none
/// has a tag that is nowhere less than a page below an address of this slot.
pub const TLB_READ: usize = offset_of!(TlbEntry, read);
/// Tag for stores.
pub const TLB_WRITE: usize = offset_of!(TlbEntry, write);
/// Host address minus virtual address.
pub const TLB_ADDEND: usize = offset_of!(TlbEntry, addend);

/// Virtual address of the page that is being executed.
pub const RUN_BASE: usize = offset_of!(Cpu, run_base);
/// Pointer to the page that is being executed.
pub const RUN_PAGE: usize = offset_of!(Cpu, run_page);
/// In that page: its [`crate::CodeStamp`].
pub const PAGE_STAMP: usize = offset_of!(CodePage, stamp);
/// In that page: pointer to the bytes that were decoded.
pub const PAGE_TEXT: usize = offset_of!(CodePage, copy);
/// In that page: one byte, zero when the bytes are no longer those in storage.
pub const PAGE_VALID: usize = offset_of!(CodePage, valid);
/// Pointer to the current space for instruction fetch. It stays the same until an instruction ends with an exit.
pub const FETCH_SPACE: usize = offset_of!(Cpu, fetch_space);
/// In a space: pointer to its entries for instruction fetch.
pub const SPACE_FETCH: usize = offset_of!(Space, fetch);
/// Their number; the entry of an address is number `address / 4096 % FETCH_TABLE`.
pub const FETCH_TABLE: usize = FETCH_ENTRIES;
/// Size of one.
pub const FETCH_ENTRY: usize = size_of::<FetchEntry>();
/// Tag: equals the address of the page.
pub const FETCH_TAG: usize = offset_of!(FetchEntry, tag);
/// Pointer to the page.
pub const FETCH_PAGE: usize = offset_of!(FetchEntry, page);
