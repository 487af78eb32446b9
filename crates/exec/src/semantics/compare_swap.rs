//! COMPARE AND SWAP and its kin.
//! Source: Principles of Operation, chapter 7: COMPARE AND SWAP, COMPARE DOUBLE AND SWAP, COMPARE AND SWAP AND STORE.

use softsie_cpu::{Access, AddressSpace, Cpu, Exit, Scalar};
use softsie_isa::Operands;

use super::interlocked;
use super::shift::{pair, set_pair};
use crate::machine::Machine;
use crate::operand::{Ea, after, d1b1, d2b2};

semantics! {
    simple {
        CS => compare_and_swap[u32], CSY => compare_and_swap[u32], CSG => compare_and_swap[u64],
        CDS => compare_double_and_swap, CDSY => compare_double_and_swap, CDSG => compare_quadword_and_swap,
    }
    heavy { CSST => compare_and_swap_and_store }
}

/// CC 0 when swapped, else 1. These instructions serialize: what comes next is executed as other CPUs have stored it by now.
#[inline(always)]
fn complete<M: Machine>(m: &mut M, swapped: M::Cond) -> Result<(), Exit> {
    let (zero, one) = (m.imm(0u8), m.imm(1u8));
    let cc = m.select(swapped, zero, one);
    m.cc_zero(cc);
    m.serialize()
}

fn compare_and_swap<M: Machine, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let ea = d2b2(m, o);
    let (expected, new) = (m.gr::<T>(o.r1()), m.gr::<T>(o.r3()));
    let (found, swapped) = m.compare_and_swap(ea, expected, new)?;
    let value = m.select(swapped, expected, found);
    m.set_gr(o.r1(), value);
    complete(m, swapped)
}

fn require_pairs(o: &Operands) -> Result<(), Exit> {
    if (o.r1() | o.r3()) & 1 == 0 { Ok(()) } else { Err(Exit::SPECIFICATION) }
}

fn compare_double_and_swap<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    require_pairs(o)?;
    let ea = d2b2(m, o);
    let (expected, new) = (pair(m, o.r1()), pair(m, o.r3()));
    let (found, swapped) = m.compare_and_swap(ea, expected, new)?;
    let value = m.select(swapped, expected, found);
    set_pair(m, o.r1(), value);
    complete(m, swapped)
}

fn compare_quadword_and_swap<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    require_pairs(o)?;
    let ea = d2b2(m, o);
    let (high, low) = (m.gr::<u64>(o.r1()), m.gr::<u64>(o.r1() | 1));
    let expected = m.join(high, low);
    let (high, low) = (m.gr::<u64>(o.r3()), m.gr::<u64>(o.r3() | 1));
    let new = m.join(high, low);
    let (found, swapped) = m.compare_and_swap(ea, expected, new)?;
    let value = m.select(swapped, expected, found);
    let (high, low) = m.split(value);
    m.set_gr(o.r1(), high);
    m.set_gr(o.r1() | 1, low);
    complete(m, swapped)
}

/// Swaps operand 1 as COMPARE AND SWAP with R3, and when it did stores the store value into operand 2. GR1 designates a
/// parameter list: replacement value in the first 16 bytes, store value in the second.
fn compare_and_swap_and_store(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let function_code = cpu.gr[0] as u8;
    let store_characteristic = (cpu.gr[0] >> 8) as u8;
    // Codes beyond 1 and characteristics beyond 3 came with facility 33.
    if function_code > 2 || store_characteristic > 4 {
        return Err(Exit::SPECIFICATION);
    }
    let size = 4u64 << function_code;
    let length = 1u64 << store_characteristic;
    let (first, second) = (d1b1(cpu, o), d2b2(cpu, o));
    // The parameter list is on a quadword boundary: bits 60-63 of its address are ignored.
    let list = Ea { address: cpu.wrap(cpu.gr[1]) & !15, ar: 1 };
    let misaligned =
        first.address & (size - 1) != 0 || second.address & (length - 1) != 0 || function_code == 2 && o.r3() & 1 != 0;
    if misaligned {
        return Err(Exit::SPECIFICATION);
    }
    // All exceptions come before anything is changed.
    let replacement: u128 = cpu.load(list.address, list.ar)?;
    let list = after(cpu, list, 16);
    let value: u128 = cpu.load(list.address, list.ar)?;
    cpu.probe(AddressSpace::Logical(second.ar), second.address, length, Access::Store)?;
    let place = cpu.place(first.address, first.ar, size)?;
    let swapped = match function_code {
        0 => {
            let (found, swapped) =
                interlocked::compare_exchange(place, cpu.gr::<u32>(o.r3()), (replacement >> 96) as u32);
            cpu.set_gr(o.r3(), found);
            swapped
        }
        1 => {
            let (found, swapped) =
                interlocked::compare_exchange(place, cpu.gr::<u64>(o.r3()), (replacement >> 64) as u64);
            cpu.set_gr(o.r3(), found);
            swapped
        }
        _ => {
            let (high, low) = (cpu.gr::<u64>(o.r3()), cpu.gr::<u64>(o.r3() | 1));
            let expected = cpu.join(high, low);
            let (found, swapped) = interlocked::compare_exchange(place, expected, replacement);
            let (high, low) = cpu.split(found);
            cpu.set_gr(o.r3(), high);
            cpu.set_gr(o.r3() | 1, low);
            swapped
        }
    };
    if swapped {
        // The operand is on an integral boundary, hence within one page, which has been probed.
        let (address, ar) = (second.address, second.ar);
        match store_characteristic {
            0 => cpu.store(address, ar, (value >> 120) as u8)?,
            1 => cpu.store(address, ar, (value >> 112) as u16)?,
            2 => cpu.store(address, ar, (value >> 96) as u32)?,
            3 => cpu.store(address, ar, (value >> 64) as u64)?,
            _ => interlocked::store_16(cpu.place(address, ar, 16)?, value),
        }
    }
    cpu.cc = u8::from(!swapped);
    cpu.serialize()
}
