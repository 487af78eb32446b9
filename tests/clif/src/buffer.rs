//! The storage that a function works on: inputs, slots of one type each, bytes of no type, results. Host and guest have it in
//! their own byte orders. Source: our own choice.

use cranelift_codegen::ir::{Type, types};
use softsie_tests::differential::Random;

/// Inputs, 16 bytes each.
pub const INPUTS: usize = 0;
/// Types of the inputs.
pub const INPUT_TYPES: [Type; 16] = [
    types::I8,
    types::I8,
    types::I16,
    types::I16,
    types::I32,
    types::I32,
    types::I32,
    types::I64,
    types::I64,
    types::I64,
    types::I128,
    types::I128,
    types::F32,
    types::F32,
    types::F64,
    types::F64,
];
/// Slots that are accessed with one type only, and so in the byte order of the machine.
pub const SLOTS: usize = 256;
/// Type of the slots, their size, and the offset of the first of 8.
pub const SLOT_TYPES: [(Type, usize, usize); 4] =
    [(types::I64, 8, SLOTS), (types::I32, 4, SLOTS + 64), (types::I16, 2, SLOTS + 96), (types::I8, 1, SLOTS + 112)];
/// Bytes that are accessed with any type, always little-endian.
pub const BYTES: usize = 384;
/// How many.
pub const BYTES_SIZE: usize = 256;
/// Results, 16 bytes each.
pub const RESULTS: usize = 640;
/// How many results there are room for.
pub const RESULT_LIMIT: usize = 80;
/// Size of it all.
pub const SIZE: usize = RESULTS + RESULT_LIMIT * 16;

/// A buffer in the host's byte order.
#[derive(Clone)]
pub struct Buffer(pub Box<[u8; SIZE]>);

impl Buffer {
    /// Random contents.
    pub fn random(r: &mut Random) -> Buffer {
        let mut bytes = Box::new([0; SIZE]);
        for (n, ty) in INPUT_TYPES.iter().enumerate() {
            let value = value(r, *ty);
            put(&mut bytes[..], INPUTS + n * 16, ty.bytes() as usize, value);
        }
        for (ty, size, at) in SLOT_TYPES {
            for n in 0..8 {
                let value = value(r, ty);
                put(&mut bytes[..], at + n * size, size, value);
            }
        }
        for at in (BYTES..BYTES + BYTES_SIZE).step_by(8) {
            let value = value(r, types::I64);
            // In the same order everywhere.
            bytes[at..at + 8].copy_from_slice(&(value as u64).to_le_bytes());
        }
        Buffer(bytes)
    }

    /// As the guest has it, with results of these types.
    pub fn for_guest(&self, results: &[Type]) -> Vec<u8> {
        swap(&self.0[..], results)
    }

    /// Takes over what the guest has.
    pub fn from_guest(bytes: &[u8], results: &[Type]) -> Buffer {
        let mut out = Box::new([0; SIZE]);
        out.copy_from_slice(&swap(bytes, results));
        Buffer(out)
    }

    /// What differs between two buffers, for a person.
    pub fn difference(&self, other: &Buffer, results: &[Type]) -> Option<String> {
        let at = self.0.iter().zip(other.0.iter()).position(|(a, b)| a != b)?;
        Some(if at >= RESULTS {
            let n = (at - RESULTS) / 16;
            let of = |b: &Buffer| {
                let bytes: [u8; 16] = std::array::from_fn(|k| b.0[RESULTS + n * 16 + k]);
                u128::from_ne_bytes(bytes)
            };
            let ty = results.get(n).map_or_else(|| "?".to_owned(), Type::to_string);
            format!("result {n} ({ty}): host {:x}, softsie {:x}", of(self), of(other))
        } else {
            format!("buffer at {at}: host {:02x}, softsie {:02x}", self.0[at], other.0[at])
        })
    }
}

/// The typed parts in the other byte order when host and guest have different ones.
fn swap(bytes: &[u8], results: &[Type]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    if cfg!(target_endian = "big") {
        return out;
    }
    for (n, ty) in INPUT_TYPES.iter().enumerate() {
        out[INPUTS + n * 16..][..ty.bytes() as usize].reverse();
    }
    for (_, size, at) in SLOT_TYPES {
        out[at..at + 8 * size].chunks_exact_mut(size).for_each(<[u8]>::reverse);
    }
    for (n, ty) in results.iter().enumerate() {
        let lane = ty.lane_type().bytes() as usize;
        out[RESULTS + n * 16..][..ty.bytes() as usize].chunks_exact_mut(lane).for_each(<[u8]>::reverse);
    }
    out
}

fn put(bytes: &mut [u8], at: usize, size: usize, value: u128) {
    let all = value.to_ne_bytes();
    let part = if cfg!(target_endian = "big") { &all[16 - size..] } else { &all[..size] };
    bytes[at..at + size].copy_from_slice(part);
}

/// A value of a type, often near a boundary.
pub fn value(r: &mut Random, ty: Type) -> u128 {
    if ty == types::F32 {
        return u128::from(float32(r));
    }
    if ty == types::F64 {
        return u128::from(float64(r));
    }
    let bits = u64::from(ty.bits());
    let all = u128::from(r.bits()) << 64 | u128::from(r.bits());
    let shift = r.below(bits);
    let value = match r.below(8) {
        0 => all & 0xFF,
        1 => (all & 0xFF).wrapping_sub(0x80),
        2 => (1u128 << shift).wrapping_sub(u128::from(r.below(3))),
        3 => (1u128 << shift).wrapping_neg().wrapping_add(u128::from(r.below(3))),
        4 => all >> shift,
        5 => 1u128 << (bits - 1),
        _ => all,
    };
    if bits == 128 { value } else { value & ((1 << bits) - 1) }
}

fn float32(r: &mut Random) -> u32 {
    let sign = (r.below(2) as u32) << 31;
    sign | match r.below(12) {
        0 => 0,
        1 => 1,
        2 => 0x7F_FFFF,
        3 => 0x80_0000,
        4 => 0x7F7F_FFFF,
        5 => 0x7F80_0000,
        6 => 0x7FC0_0000,
        7 => (r.bits() as u32) & 0x7FFF_FFFF,
        8 => ((r.below(4096) as f32) / 8.0).to_bits(),
        9 => (2f32.powi(r.below(140) as i32 - 6) * (1.0 + r.below(4) as f32 / 4.0)).to_bits(),
        _ => (r.below(1000) as f32).to_bits(),
    }
}

fn float64(r: &mut Random) -> u64 {
    let sign = r.below(2) << 63;
    sign | match r.below(12) {
        0 => 0,
        1 => 1,
        2 => 0xF_FFFF_FFFF_FFFF,
        3 => 0x10_0000_0000_0000,
        4 => 0x7FEF_FFFF_FFFF_FFFF,
        5 => 0x7FF0_0000_0000_0000,
        6 => 0x7FF8_0000_0000_0000,
        7 => r.bits() & 0x7FFF_FFFF_FFFF_FFFF,
        8 => ((r.below(4096) as f64) / 8.0).to_bits(),
        9 => (2f64.powi(r.below(160) as i32 - 20) * (1.0 + r.below(8) as f64 / 8.0)).to_bits(),
        // Around where a short number overflows or has no more bits.
        10 => f64::from(f32::from_bits(float32(r) & 0x7F7F_FFFF)).to_bits().wrapping_add(r.below(3) << 28) & !(1 << 63),
        _ => (r.below(100_000) as f64).to_bits(),
    }
}
