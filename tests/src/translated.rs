//! Tables for programs of ours that run with address translation on several CPUs.
//! Source: Principles of Operation, chapter 3, Dynamic Address Translation.

use crate::multi::Multi;

/// Names that a program of [`with_tables`] may use: the segment table, whose first entry designates the page table; a page
/// of the first MiB with its page-table entry, two more virtual pages after it, and frames to be designated.
pub const TABLES: &str = "
        .equ SEGMENTS,0x100000
        .equ PAGES,0x110000
        .equ ENTRY,PAGES+0xc0*8
        .equ VIRTUAL,0xc0000
        .equ FRAME,0x60000
        .equ OTHER,0x61000
";

/// Absolute address of the page-table entry of virtual address 0xc0000.
pub const ENTRY: u64 = 0x11_0000 + 0xC0 * 8;
/// Absolute address of the frame that the programs call FRAME.
pub const FRAME: u64 = 0x6_0000;

/// A machine with `source` in storage and tables that map the first MiB as it is.
pub fn with_tables(cpus: usize, source: &str) -> Multi {
    let mut machine = Multi::new(cpus, &format!("{TABLES}{source}"));
    machine.write_u64(0x10_0000, 0x11_0000);
    for n in 1..2048 {
        machine.write_u64(0x10_0000 + n * 8, 0x20);
    }
    for n in 0..256 {
        machine.write_u64(0x11_0000 + n * 8, n << 12);
    }
    machine
}

/// Turns DAT on and goes on at the next instruction. CR1 goes to 0xe00 in each CPU's lowcore.
pub const DAT_ON: &str = "
        llilf   %r1,SEGMENTS
        stg     %r1,0xe00
        lctlg   %c1,%c1,0xe00
        stosm   0xe08,0x04
";
