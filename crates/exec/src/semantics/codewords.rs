//! Sorting by codewords: comparing two records while forming a codeword, and updating a tree of codewords.
//! Source: Principles of Operation, chapter 7: COMPARE AND FORM CODEWORD, UPDATE TREE; appendix A, Sorting Instructions.

use softsie_cpu::{AddressSpace, Cpu, Exit};
use softsie_isa::Operands;

use super::register_pair::save_address;
use crate::operand::{Ea, d2b2};

semantics! {
    simple {}
    heavy { CFC => compare_and_form_codeword, UPT => update_tree }
}

/// A general register as long as the instructions use it: 64 bits in the 64-bit addressing mode, otherwise 32.
fn value(cpu: &Cpu, r: usize) -> u64 {
    if cpu.address_mask == u64::MAX { cpu.gr[r] } else { cpu.gr[r] & 0xFFFF_FFFF }
}

fn compare_and_form_codeword(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let control = d2b2(cpu, o).address;
    if (cpu.gr[1] | cpu.gr[2] | cpu.gr[3]) & 1 != 0 {
        return Err(Exit::SPECIFICATION);
    }
    // Records are compared in units of six bytes in the 64-bit addressing mode, otherwise two.
    let long = cpu.address_mask == u64::MAX;
    let (unit, width) = if long { (6, 64) } else { (2, 32) };
    let limit = control & 0x7FFE;
    let descending = control & 1 != 0;
    let shift = 8 * unit as u32;
    let mut steps = 0u64;
    loop {
        let index = cpu.gr[2] & 0xFFFF;
        if index > limit {
            let equal = value(cpu, 3) | 1 << (width - 1);
            save_address(cpu, 2, equal);
            cpu.cc = 0;
            return Ok(());
        }
        let mut units = [0u64; 2];
        for (r, place) in [1, 3].into_iter().zip(&mut units) {
            let mut bytes = [0; 8];
            let at = cpu.wrap(cpu.gr[r].wrapping_add(index));
            cpu.read_bytes(AddressSpace::Logical(1), at, &mut bytes[8 - unit..])?;
            *place = u64::from_be_bytes(bytes);
        }
        let next = value(cpu, 2).wrapping_add(unit as u64);
        save_address(cpu, 2, next);
        if units[0] == units[1] {
            steps += 1;
            if steps.is_multiple_of(256) && cpu.attention().pending() != 0 {
                return Err(Exit::Again);
            }
            continue;
        }
        let in_sequence = (units[0] < units[1]) != descending;
        // The codeword is made of the key that comes later, complemented when low keys come first.
        let later = if in_sequence { units[1] } else { units[0] };
        let part = if descending { later } else { !later & (u64::MAX >> (64 - shift)) };
        save_address(cpu, 2, next << shift | part);
        if !in_sequence {
            let (first, third) = (value(cpu, 1), value(cpu, 3));
            save_address(cpu, 1, third);
            save_address(cpu, 3, first);
        }
        cpu.cc = if in_sequence { 1 } else { 2 };
        return Ok(());
    }
}

fn update_tree(cpu: &mut Cpu, _: &Operands) -> Result<(), Exit> {
    let long = cpu.address_mask == u64::MAX;
    // A node is a codeword and what goes with it.
    let (word, sign) = if long { (8, 1 << 63) } else { (4, 1 << 31) };
    let node = 2 * word;
    if (cpu.gr[4] | cpu.gr[5]) & (node - 1) != 0 {
        return Err(Exit::SPECIFICATION);
    }
    loop {
        // The parent of the present node.
        let index = value(cpu, 5) >> 1 & !(node - 1);
        if index == 0 || value(cpu, 0) & sign != 0 {
            save_address(cpu, 5, index);
            cpu.cc = if index == 0 { 1 } else { 3 };
            return Ok(());
        }
        let codeword_at = Ea { address: cpu.wrap(cpu.gr[4].wrapping_add(index)), ar: 4 };
        let other_at = Ea { address: cpu.wrap(codeword_at.address.wrapping_add(word)), ar: 4 };
        let codeword = load_word(cpu, codeword_at, long)?;
        let other = load_word(cpu, other_at, long)?;
        let own = value(cpu, 0);
        if codeword > own {
            // The two change places. A node on its boundary lies in one page.
            let rest = value(cpu, 1);
            store_word(cpu, codeword_at, long, own)?;
            store_word(cpu, other_at, long, rest)?;
            save_address(cpu, 0, codeword);
            save_address(cpu, 1, other);
        }
        save_address(cpu, 5, index);
        if codeword == own {
            save_address(cpu, 2, codeword);
            save_address(cpu, 3, other);
            cpu.cc = 0;
            return Ok(());
        }
        if cpu.attention().pending() != 0 {
            return Err(Exit::Again);
        }
    }
}

fn load_word(cpu: &mut Cpu, ea: Ea<u64>, long: bool) -> Result<u64, Exit> {
    if long { cpu.load(ea.address, ea.ar) } else { cpu.load::<u32>(ea.address, ea.ar).map(u64::from) }
}

fn store_word(cpu: &mut Cpu, ea: Ea<u64>, long: bool, value: u64) -> Result<(), Exit> {
    if long { cpu.store(ea.address, ea.ar, value) } else { cpu.store(ea.address, ea.ar, value as u32) }
}
