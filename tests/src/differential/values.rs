//! Operand values: boundary numbers of every type, and pointers into the data area, preferably near the edges of its pages.
//! Source: number ranges and formats of the Principles of Operation, chapters 7, 8, 9 and 19.

use super::layout::{self, Space};
use super::random::Random;

/// A number that makes sense as an integer.
pub fn integer(r: &mut Random) -> u64 {
    match r.below(10) {
        0 => r.below(4),
        1 => r.below(256),
        2 => (r.below(256) as i64 - 128) as u64,
        3 => r.pick(&[0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF]),
        4 => r.pick(&[1 << 63, !0, i64::MAX as u64, 0x8000_0000_0000_0001, 0x7FFF_FFFF_FFFF_FFFE, !0 - 1]),
        5 => {
            // One bit, or all bits to one side of it.
            let bit = 1u64 << r.below(64);
            r.pick(&[bit, bit - 1, !bit, !(bit - 1)])
        }
        6 => {
            // Interesting halves.
            let half = |r: &mut Random| r.pick(&[0u64, 1, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 0xFFFF_FFFE]);
            half(r) << 32 | half(r)
        }
        7 => r.bits() >> r.below(64),
        8 => ((r.bits() as i64) >> r.below(64)) as u64,
        _ => r.bits(),
    }
}

/// A BFP number in the short format.
pub fn short(r: &mut Random) -> u32 {
    let sign = (r.below(2) as u32) << 31;
    sign | match r.below(12) {
        0 => 0,
        1 => 0x7F80_0000,
        2 => 0x7FC0_0000 | ((r.bits() as u32 & 0x3F_FFFF) * r.below(2) as u32),
        3 => 0x7F80_0001 + (r.bits() as u32 & 0x1F_FFFF) * r.below(2) as u32,
        4 => r.pick(&[1, 0x7F_FFFF, 0x80_0000, 0x7F7F_FFFF, 0x7F7F_FFFE, 0x80_0001]),
        5 => r.bits() as u32 & 0x7F_FFFF,
        6 => r.pick(&[0x3F80_0000, 0x4000_0000, 0x3F00_0000, 0x3F7F_FFFF, 0x3F80_0001, 0x4040_0000, 0x3FC0_0000]),
        // Where integers end.
        7 => r.pick(&[0x4EFF_FFFF, 0x4F00_0000, 0x4F7F_FFFF, 0x4F80_0000, 0x5EFF_FFFF, 0x5F00_0000, 0x5F80_0000]),
        8 => (127 - 3 + r.below(40) as u32) << 23 | r.bits() as u32 & 0x7F_0000,
        9 => (127 - 2 + r.below(5) as u32) << 23 | r.bits() as u32 & 0x7F_FFFF,
        10 => r.pick(&[1u32, 2, 253, 254, 100, 26]) << 23 | r.bits() as u32 & 0x7F_FFFF,
        _ => r.bits() as u32 & 0x7FFF_FFFF,
    }
}

/// A BFP number in the long format.
pub fn long(r: &mut Random) -> u64 {
    let sign = r.below(2) << 63;
    let fraction = r.bits() & 0xF_FFFF_FFFF_FFFF;
    sign | match r.below(13) {
        0 => 0,
        1 => 0x7FF << 52,
        2 => (0x7FF8 << 48) | ((fraction >> 1) * r.below(2)),
        3 => (0x7FF << 52) | 1 | ((fraction >> 1) * r.below(2)),
        4 => r.pick(&[1, 0xF_FFFF_FFFF_FFFF, 1 << 52, 0x7FEF_FFFF_FFFF_FFFF, 1 << 52 | 1]),
        5 => fraction >> r.below(52),
        6 => r.pick(&[0x3FF0 << 48, 0x4000 << 48, 0x3FE0 << 48, 0x3FEF_FFFF_FFFF_FFFF, 0x3FF0_0000_0000_0001]),
        // Where integers end: 2^31, 2^32, 2^63, 2^64 and their neighbours.
        7 => {
            let edge = r.pick(&[0x41E0u64, 0x41F0, 0x43E0, 0x43F0]) << 48;
            r.pick(&[edge, edge - 1, edge + 1, edge - 0x20_0000, edge - 0x10_0000, edge + 0x10_0000])
        }
        8 => (1023 - 3 + r.below(70)) << 52 | fraction & 0xF_FFF0_0000_0000,
        9 => (1023 - 2 + r.below(5)) << 52 | fraction,
        10 => r.pick(&[1u64, 2, 2045, 2046, 500, 54]) << 52 | fraction,
        // Where the short format ends.
        11 => r.pick(&[1022u64 - 126, 1023 - 126, 1023 - 149, 1023 - 150, 1023 + 127, 1023 + 128]) << 52 | fraction,
        _ => r.bits() >> 1,
    }
}

/// A BFP number in the extended format.
pub fn extended(r: &mut Random) -> u128 {
    let sign = u128::from(r.below(2)) << 127;
    let fraction = (u128::from(r.bits()) << 64 | u128::from(r.bits())) >> 16;
    let sparse = fraction & (u128::MAX << r.below(112)) & ((1 << 112) - 1);
    let biased = |e: u64| u128::from(e) << 112;
    sign | match r.below(10) {
        0 => 0,
        1 => biased(0x7FFF),
        2 => biased(0x7FFF) | (1 << 111) | ((fraction * u128::from(r.below(2))) >> 1),
        3 => biased(0x7FFF) | 1 | ((fraction * u128::from(r.below(2))) >> 1),
        4 => r.pick(&[1, (1 << 112) - 1, 1 << 112, (0x7FFF << 112) - 1]),
        5 => sparse,
        6 => biased(16383 - 3 + r.below(140)) | sparse,
        7 => biased(16383 - 2 + r.below(5)) | sparse,
        // Where the long and short formats, the integers and the format itself end.
        8 => biased(r.pick(&[16383 - 1022, 16383 - 1074, 16383 + 1023, 16383 + 127, 16383 + 63, 1, 0x7FFE])) | sparse,
        _ => biased(r.below(0x7FFF)) | fraction,
    }
}

/// A vector register's contents.
pub fn vector(r: &mut Random) -> u128 {
    let pair = |a: u64, b: u64| u128::from(a) << 64 | u128::from(b);
    match r.below(12) {
        0 => 0,
        1 => u128::MAX,
        2..=4 => pair(long(r), long(r)),
        5 | 6 => (0..4).fold(0, |v, _| v << 32 | u128::from(short(r))),
        // An extended operand in one register; pairs are made of two registers by the caller.
        7 => extended(r),
        8 => pair(integer(r), integer(r)),
        9 => {
            // Bytes of few values, zeros among them: strings.
            let alphabet = r.pick(&[[0, b'a', b'b', 0xFF], [0, 1, 0x7F, 0x80], [b'a', b'z', b'A', b'Z']]);
            (0..16).fold(0, |v, _| v << 8 | u128::from(r.pick(&alphabet)))
        }
        10 => {
            // Equal elements.
            let (value, bits) = (integer(r), r.pick(&[8u32, 16, 32, 64]));
            let element = u128::from(value) & ((1 << bits) - 1);
            (0..128 / bits).fold(0, |v, _| v << (bits - 1) << 1 | element)
        }
        _ => pair(r.bits(), r.bits()),
    }
}

/// An address that an operand may have, when `careful` one that can be accessed; `mode` is the addressing mode's bits of the PSW.
pub fn pointer(r: &mut Random, space: Space, mode: u64, careful: bool) -> u64 {
    let address = match careful {
        // With room to both sides.
        true if r.chance(20) => layout::DATA + 0x1000 - r.below(40),
        true => layout::DATA + 0x300 + (r.below(0x1800) & r.pick(&[!0, !15, !7])),
        false => plain_pointer(r),
    };
    if space != Space::Wrapping {
        return address;
    }
    // The data area's first page is at address zero, its second at the end of the address space.
    let top = match mode >> 31 {
        0 => 1 << 24,
        1 => 1u64 << 31,
        _ => 0,
    };
    match address.wrapping_sub(layout::DATA) {
        offset @ 0..0x1000 => offset,
        offset @ 0x1000..0x2000 => top.wrapping_add(offset).wrapping_sub(0x2000),
        _ => address,
    }
}

fn plain_pointer(r: &mut Random) -> u64 {
    let end = layout::DATA + layout::DATA_SIZE as u64;
    let near = |r: &mut Random| match r.below(3) {
        0 => r.below(18),
        1 => r.below(64),
        _ => r.below(300),
    };
    match r.below(100) {
        0..=34 => layout::DATA + 0x100 + (r.below(0x1D00) & !15),
        35..=44 => layout::DATA + 0x100 + (r.below(0x1D00) & !7),
        45..=62 => layout::DATA + 0x100 + r.below(0x1D00),
        // Over the edge between two pages.
        63..=79 => layout::DATA + 0x1000 - near(r),
        80..=86 => end - near(r),
        87..=90 => layout::READ_ONLY + r.below(0x1000),
        91 => layout::DATA - near(r),
        92 => layout::ABSENT + r.below(0x1000),
        93 => layout::CODE + r.below(0x1000),
        94 => r.bits(),
        _ => layout::DATA + 0x800 + r.below(64) * 8,
    }
}

/// What the data area may be filled with: a mixture of everything, 16 bytes at a time, and strings.
pub fn background(r: &mut Random, size: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(size);
    while out.len() < size {
        match r.below(8) {
            0 => {
                let fill = r.pick(&[0u8, 0, b'a', 0xFF, b'0', 0x40]);
                out.extend(vec![fill; (16 + r.below(400) as usize) & !15]);
            }
            1 => packed(r, &mut out),
            2 => text(r, &mut out),
            3 => out.extend(extended(r).to_be_bytes()),
            _ => out.extend(vector(r).to_be_bytes()),
        }
    }
    out.truncate(size);
    out
}

/// Sixteen bytes of packed decimal numbers.
fn packed(r: &mut Random, out: &mut Vec<u8>) {
    let length = r.pick(&[16usize, 8, 4, 2]);
    for _ in 0..16 / length {
        let mut number: Vec<u8> = (0..length).map(|_| r.below(10) as u8 * 16 + r.below(10) as u8).collect();
        let zeros = r.below(length as u64 + 1) as usize;
        number[..zeros.min(length - 1)].fill(0);
        number[length - 1] = number[length - 1] & 0xF0 | r.pick(&[0xC, 0xD, 0xC, 0xD, 0xA, 0xB, 0xE, 0xF, 5]);
        if r.chance(5) {
            number[r.below(length as u64) as usize] = r.bits() as u8;
        }
        out.extend(number);
    }
}

/// Characters: UTF-8, UTF-16, UTF-32, zoned digits, and mistakes.
fn text(r: &mut Random, out: &mut Vec<u8>) {
    let kind = r.below(4);
    for _ in 0..r.below(40) {
        let c = match r.below(6) {
            0 => r.below(0x80),
            1 => 0x80 + r.below(0x780),
            2 => 0x800 + r.below(0xF800),
            3 => 0x1_0000 + r.below(0x10_0000),
            4 => r.pick(&[
                0, 0x20, 0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xD800, 0xDC00, 0xDFFF, 0xFFFF, 0x10_FFFF, 0x11_0000,
            ]),
            _ => u64::from(b'a') + r.below(26),
        } as u32;
        match (kind, char::from_u32(c)) {
            (0, Some(c)) => out.extend(c.encode_utf8(&mut [0; 4]).as_bytes()),
            (1, Some(c)) => c.encode_utf16(&mut [0; 2]).iter().for_each(|u| out.extend(u.to_be_bytes())),
            (2, _) => out.extend(c.to_be_bytes()),
            (3, _) => out.push(0xF0 | (c % 10) as u8),
            (_, None) => out.extend((c as u16).to_be_bytes()),
            _ => {}
        }
    }
    while !out.len().is_multiple_of(16) {
        out.push(r.pick(&[0, b' ', 0xC1, b'x']));
    }
}
