//! Loads and stores of vector registers and their elements, from and to storage and general registers.
//! Source: Principles of Operation, chapter 21: VECTOR LOAD …, STORE …, GATHER, SCATTER; byte-reversing ones likewise.

use softsie_cpu::{Access, AddressSpace, Cpu, Exit, Scalar};
use softsie_isa::Operands;
use softsie_mem::PAGE_SIZE;

use super::vector_form::require;
use crate::machine::Machine;
use crate::operand::{Ea, d2b2, d2x2b2};
use crate::vector_op::VectorOp1;

semantics! {
    simple {
        VL => load, VST => store, VLM => load_multiple, VSTM => store_multiple, VLREP => load_and_replicate,
        VLEB => load_element[u8], VLEH => load_element[u16], VLEF => load_element[u32], VLEG => load_element[u64],
        VSTEB => store_element[u8], VSTEH => store_element[u16], VSTEF => store_element[u32], VSTEG => store_element[u64],
        VLLEZ => load_logical_element, VLEIB => element_immediate[u8], VLEIH => element_immediate[u16],
        VLEIF => element_immediate[u32], VLEIG => element_immediate[u64],
        VGEF => gather_element[u32], VGEG => gather_element[u64],
        VSCEF => scatter_element[u32], VSCEG => scatter_element[u64],
        VLGV => load_gr_from_element, VLVG => load_element_from_gr, VLVGP => load_pair_from_gr,
        VLBR => load_byte_reversed, VLER => load_elements_reversed,
        VSTBR => store_byte_reversed, VSTER => store_elements_reversed,
        VLEBRH => load_element_byte_reversed[u16], VLEBRF => load_element_byte_reversed[u32],
        VLEBRG => load_element_byte_reversed[u64],
        VSTEBRH => store_element_byte_reversed[u16], VSTEBRF => store_element_byte_reversed[u32],
        VSTEBRG => store_element_byte_reversed[u64],
        VLLEBRZ => load_logical_element_byte_reversed, VLBRREP => load_byte_reversed_and_replicate,
    }
    heavy { VLL => load_with_length, VSTL => store_with_length, VLBB => load_to_block_boundary }
}

fn load<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    m.require_vector()?;
    let ea = d2x2b2(m, o);
    let v = m.load::<u128>(ea)?;
    m.set_vr(o.v1(), v);
    Ok(())
}

fn store<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    m.require_vector()?;
    let ea = d2x2b2(m, o);
    let v = m.vr(o.v1());
    m.store(ea, v)
}

/// How many registers from V1 to V3: at most 16, without wrapping.
#[inline(always)]
fn register_count(o: &Operands) -> Result<u8, Exit> {
    let more = o.v3().wrapping_sub(o.v1());
    require(more <= 15)?;
    Ok(more + 1)
}

fn load_multiple<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    m.require_vector()?;
    let count = register_count(o)?;
    let ea = d2b2(m, o);
    // All is fetched before the first register changes, so that an exception finds them as they were.
    let values = m.load_many::<u128>(ea, usize::from(count))?;
    for (n, v) in (o.v1()..).zip(values.into_iter().flatten()) {
        m.set_vr(n, v);
    }
    Ok(())
}

fn store_multiple<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    m.require_vector()?;
    let count = register_count(o)?;
    let ea = d2b2(m, o);
    let mut values = [None; 16];
    for (n, v) in values.iter_mut().enumerate().take(usize::from(count)) {
        *v = Some(m.vr(o.v1() + n as u8));
    }
    m.store_many(ea, &values)
}

/// Fetches the second operand and perhaps reverses its bytes.
#[inline(always)]
fn fetch<M: Machine, T: Scalar>(m: &mut M, o: &Operands, reversed: bool) -> Result<M::Val<T>, Exit> {
    let ea = d2x2b2(m, o);
    let v = m.load::<T>(ea)?;
    Ok(if reversed { m.swap_bytes(v) } else { v })
}

#[inline(always)]
fn replicate<M: Machine, T: Scalar>(m: &mut M, o: &Operands, reversed: bool) -> Result<(), Exit> {
    let element = fetch::<M, T>(m, o, reversed)?;
    let v = m.splat(element);
    m.set_vr(o.v1(), v);
    Ok(())
}

fn load_and_replicate<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    m.require_vector()?;
    match o.m3() {
        0 => replicate::<M, u8>(m, o, false),
        1 => replicate::<M, u16>(m, o, false),
        2 => replicate::<M, u32>(m, o, false),
        3 => replicate::<M, u64>(m, o, false),
        _ => Err(Exit::SPECIFICATION),
    }
}

fn load_byte_reversed_and_replicate<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    m.require_vector()?;
    match o.m3() {
        1 => replicate::<M, u16>(m, o, true),
        2 => replicate::<M, u32>(m, o, true),
        3 => replicate::<M, u64>(m, o, true),
        _ => Err(Exit::SPECIFICATION),
    }
}

/// Specification exception unless a vector has an element `index`.
#[inline(always)]
fn require_element<T: Scalar>(index: u8) -> Result<(), Exit> {
    require(u64::from(index) < 16 / T::BYTES)
}

#[inline(always)]
fn fetch_element<M: Machine, T: Scalar>(m: &mut M, o: &Operands, reversed: bool) -> Result<(), Exit> {
    m.require_vector()?;
    require_element::<T>(o.m3())?;
    let element = fetch::<M, T>(m, o, reversed)?;
    let v = m.vr(o.v1());
    let v = m.set_element(v, o.m3(), element);
    m.set_vr(o.v1(), v);
    Ok(())
}

fn load_element<M: Machine, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    fetch_element::<M, T>(m, o, false)
}

fn load_element_byte_reversed<M: Machine, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    fetch_element::<M, T>(m, o, true)
}

fn store_element<M: Machine, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    m.require_vector()?;
    require_element::<T>(o.m3())?;
    let ea = d2x2b2(m, o);
    let v = m.vr(o.v1());
    let element = m.element::<T>(v, o.m3());
    m.store(ea, element)
}

fn store_element_byte_reversed<M: Machine, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    m.require_vector()?;
    require_element::<T>(o.m3())?;
    let ea = d2x2b2(m, o);
    let v = m.vr(o.v1());
    let element = m.element::<T>(v, o.m3());
    let element = m.swap_bytes(element);
    m.store(ea, element)
}

/// Loads an element into the left doubleword, at its right, or at its left; all else becomes zero.
#[inline(always)]
fn zero_and_load<M: Machine, T: Scalar>(m: &mut M, o: &Operands, left: bool, reversed: bool) -> Result<(), Exit> {
    let element = fetch::<M, T>(m, o, reversed)?;
    let zero = m.imm(0u128);
    let v = m.set_element(zero, if left { 0 } else { (8 / T::BYTES - 1) as u8 }, element);
    m.set_vr(o.v1(), v);
    Ok(())
}

fn load_logical_element<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    m.require_vector()?;
    match o.m3() {
        0 => zero_and_load::<M, u8>(m, o, false, false),
        1 => zero_and_load::<M, u16>(m, o, false, false),
        2 => zero_and_load::<M, u32>(m, o, false, false),
        3 => zero_and_load::<M, u64>(m, o, false, false),
        6 => zero_and_load::<M, u32>(m, o, true, false),
        _ => Err(Exit::SPECIFICATION),
    }
}

fn load_logical_element_byte_reversed<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    m.require_vector()?;
    match o.m3() {
        1 => zero_and_load::<M, u16>(m, o, false, true),
        2 => zero_and_load::<M, u32>(m, o, false, true),
        3 => zero_and_load::<M, u64>(m, o, false, true),
        6 => zero_and_load::<M, u32>(m, o, true, true),
        _ => Err(Exit::SPECIFICATION),
    }
}

fn element_immediate<M: Machine, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    m.require_vector()?;
    require_element::<T>(o.m3())?;
    let v = m.vr(o.v1());
    let element = m.imm(T::truncate(i128::from(o.i2()) as u128));
    let v = m.set_element(v, o.m3(), element);
    m.set_vr(o.v1(), v);
    Ok(())
}

/// The address D2(B2) plus element M3 of V2, unsigned.
#[inline(always)]
fn indexed<M: Machine, T: Scalar>(m: &mut M, o: &Operands) -> Result<Ea<M::Val<u64>>, Exit> {
    m.require_vector()?;
    require_element::<T>(o.m3())?;
    let ea = d2b2(m, o);
    let indexes = m.vr(o.v2());
    let index = m.element::<T>(indexes, o.m3());
    let index = m.zext::<T, u64>(index);
    let address = m.add(ea.address, index);
    Ok(Ea { address: m.wrap(address), ar: ea.ar })
}

fn gather_element<M: Machine, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let ea = indexed::<M, T>(m, o)?;
    let element = m.load::<T>(ea)?;
    let v = m.vr(o.v1());
    let v = m.set_element(v, o.m3(), element);
    m.set_vr(o.v1(), v);
    Ok(())
}

fn scatter_element<M: Machine, T: Scalar>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let ea = indexed::<M, T>(m, o)?;
    let v = m.vr(o.v1());
    let element = m.element::<T>(v, o.m3());
    m.store(ea, element)
}

/// By how many bits the register is rotated left to bring the element that D2(B2) numbers to the right end. What a number
/// that is too large means is not predictable; here the rightmost bits count.
#[inline(always)]
fn element_rotation<M: Machine>(m: &mut M, o: &Operands) -> M::Val<u32> {
    if o.b2() == 0 {
        return m.imm((o.d2() as u32 + 1) << (o.m4() + 3) & 127);
    }
    let ea = d2b2(m, o);
    let index = m.trunc::<u64, u32>(ea.address);
    let one = m.imm(1u32);
    let number = m.add(index, one);
    let bits = m.imm(u32::from(o.m4()) + 3);
    let rotation = m.shl(number, bits);
    let modulo = m.imm(127u32);
    m.and(rotation, modulo)
}

fn load_gr_from_element<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    m.require_vector()?;
    require(o.m4() <= 3)?;
    let rotation = element_rotation(m, o);
    let v = m.vr(o.v3());
    let v = m.rotl(v, rotation);
    let v = m.trunc::<u128, u64>(v);
    let ones = m.imm(u64::MAX >> (64 - (8 << o.m4())));
    let v = m.and(v, ones);
    m.set_gr(o.r1(), v);
    Ok(())
}

fn load_element_from_gr<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    m.require_vector()?;
    require(o.m4() <= 3)?;
    let rotation = element_rotation(m, o);
    let v = m.vr(o.v1());
    let v = m.rotl(v, rotation);
    let ones = u128::MAX >> (128 - (8 << o.m4()));
    let (inserted, kept) = (m.imm(ones), m.imm(!ones));
    let element = m.gr::<u64>(o.r3());
    let element = m.zext::<u64, u128>(element);
    let element = m.and(element, inserted);
    let v = m.and(v, kept);
    let v = m.or(v, element);
    let full = m.imm(128u32);
    let back = m.sub(full, rotation);
    let v = m.rotl(v, back);
    m.set_vr(o.v1(), v);
    Ok(())
}

fn load_pair_from_gr<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    m.require_vector()?;
    let (left, right) = (m.gr::<u64>(o.r2()), m.gr::<u64>(o.r3()));
    let v = m.splat(right);
    let v = m.set_element(v, 0, left);
    m.set_vr(o.v1(), v);
    Ok(())
}

#[inline(always)]
fn load_reversed<M: Machine>(m: &mut M, o: &Operands, op: VectorOp1, largest: u8) -> Result<(), Exit> {
    m.require_vector()?;
    require((1..=largest).contains(&o.m3()))?;
    let ea = d2x2b2(m, o);
    let v = m.load::<u128>(ea)?;
    let v = m.vector1(op, o.m3(), v);
    m.set_vr(o.v1(), v);
    Ok(())
}

#[inline(always)]
fn store_reversed<M: Machine>(m: &mut M, o: &Operands, op: VectorOp1, largest: u8) -> Result<(), Exit> {
    m.require_vector()?;
    require((1..=largest).contains(&o.m3()))?;
    let ea = d2x2b2(m, o);
    let v = m.vr(o.v1());
    let v = m.vector1(op, o.m3(), v);
    m.store(ea, v)
}

fn load_byte_reversed<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    load_reversed(m, o, VectorOp1::SwapBytes, 4)
}

fn load_elements_reversed<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    load_reversed(m, o, VectorOp1::ReverseElements, 3)
}

fn store_byte_reversed<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    store_reversed(m, o, VectorOp1::SwapBytes, 4)
}

fn store_elements_reversed<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    store_reversed(m, o, VectorOp1::ReverseElements, 3)
}

/// The leftmost `count` bytes, 1 to 16, from storage, and zeros.
fn load_bytes(cpu: &mut Cpu, o: &Operands, ea: Ea<u64>, count: u64) -> Result<(), Exit> {
    let v = fetch_bytes(cpu, ea, count)?;
    cpu.set_vr(o.v1(), v);
    Ok(())
}

/// Fetches bytes, 1 to 16 of them; zeros follow.
pub(super) fn fetch_bytes(cpu: &mut Cpu, ea: Ea<u64>, count: u64) -> Result<u128, Exit> {
    // Nobody sees that more bytes of the same page are fetched.
    if count == 16 || ea.address % PAGE_SIZE <= PAGE_SIZE - 16 {
        return Ok(cpu.load::<u128>(ea.address, ea.ar)? & u128::MAX << (128 - 8 * count));
    }
    let mut bytes = [0; 16];
    cpu.read_bytes(AddressSpace::Logical(ea.ar), ea.address, &mut bytes[..count as usize])?;
    Ok(u128::from_be_bytes(bytes))
}

/// R3 has the highest byte index, which counts to 15.
fn length(cpu: &mut Cpu, o: &Operands) -> u64 {
    u64::from(Machine::gr::<u32>(cpu, o.r3()).min(15)) + 1
}

fn load_with_length(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.require_vector()?;
    let ea = d2b2(cpu, o);
    let count = length(cpu, o);
    load_bytes(cpu, o, ea, count)
}

fn store_with_length(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.require_vector()?;
    let ea = d2b2(cpu, o);
    let v = Machine::vr(cpu, o.v1());
    let count = length(cpu, o);
    store_bytes(cpu, ea, v, count)
}

/// Stores the first bytes of a register, 1 to 16 of them.
pub(super) fn store_bytes(cpu: &mut Cpu, ea: Ea<u64>, v: u128, count: u64) -> Result<(), Exit> {
    if count == 16 {
        return cpu.store(ea.address, ea.ar, v);
    }
    let (space, bytes) = (AddressSpace::Logical(ea.ar), &v.to_be_bytes()[..count as usize]);
    if ea.address % PAGE_SIZE + count > PAGE_SIZE {
        return cpu.write_bytes(space, ea.address, bytes);
    }
    let host = cpu.host(space, ea.address, Access::Store)?;
    // SAFETY: `host` is good to the end of the page, and the operand ends there at the latest.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), host.as_ptr(), bytes.len()) };
    cpu.stored(space, ea.address, count);
    Ok(())
}

/// Bytes of the register that lie beyond the boundary are not predictable; here they are zeros.
fn load_to_block_boundary(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.require_vector()?;
    require(o.m3() <= 6)?;
    let ea = d2x2b2(cpu, o);
    let block = 64u64 << o.m3();
    let count = block - ea.address % block;
    load_bytes(cpu, o, ea, count.min(16))
}
