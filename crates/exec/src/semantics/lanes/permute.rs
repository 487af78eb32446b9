//! Elements, bytes and bits of vector registers in other places and sizes.
//! Source: Principles of Operation, chapter 21: VECTOR MERGE, PACK, PERMUTE, BIT PERMUTE, UNPACK, SIGN EXTEND TO DOUBLEWORD;
//! chapter 22: VECTOR SHIFT ….

use super::{cut, join};

macro_rules! merge {
    ($a:expr, $b:expr, $t:ty, $high:expr) => {{
        const N: usize = 16 / size_of::<$t>();
        let (a, b): ([$t; N], [$t; N]) = (cut($a), cut($b));
        let from = if $high { N / 2 } else { 0 };
        let mut v = [0; N];
        for i in 0..N / 2 {
            v[2 * i] = b[from + i];
            v[2 * i + 1] = a[from + i];
        }
        join(v)
    }};
}

#[inline]
pub(super) fn merge(es: u8, a: u128, b: u128, high: bool) -> u128 {
    match es {
        0 => merge!(a, b, u8, high),
        1 => merge!(a, b, u16, high),
        2 => merge!(a, b, u32, high),
        _ => merge!(a, b, u64, high),
    }
}

/// The elements of `b`, then of `a`, from right to left, each made narrower by `$f`.
macro_rules! narrow {
    ($a:expr, $b:expr, $wide:ty, $f:expr) => {{
        const N: usize = 16 / size_of::<$wide>();
        let (a, b): ([$wide; N], [$wide; N]) = (cut($a), cut($b));
        let mut v = [0; 2 * N];
        for i in 0..N {
            v[i] = $f(b[i]);
            v[N + i] = $f(a[i]);
        }
        join(v)
    }};
}

#[inline]
pub(super) fn pack(es: u8, a: u128, b: u128) -> u128 {
    match es {
        1 => narrow!(a, b, u16, |x| x as u8),
        2 => narrow!(a, b, u32, |x| x as u16),
        _ => narrow!(a, b, u64, |x| x as u32),
    }
}

/// The saturated elements, and ones where saturation has changed them.
macro_rules! saturate {
    ($a:expr, $b:expr, $wide:ty, $narrow:ty) => {{
        let clamp = |x: $wide| x.clamp(<$narrow>::MIN.into(), <$narrow>::MAX.into());
        let packed = narrow!($a, $b, $wide, |x| clamp(x) as $narrow);
        let changed = narrow!($a, $b, $wide, |x| if clamp(x) == x { 0 } else { !(0 as $narrow) });
        (packed, changed)
    }};
}

#[inline]
pub(super) fn pack_saturate(es: u8, a: u128, b: u128) -> (u128, u128) {
    match es {
        1 => saturate!(a, b, i16, i8),
        2 => saturate!(a, b, i32, i16),
        _ => saturate!(a, b, i64, i32),
    }
}

#[inline]
pub(super) fn pack_saturate_logical(es: u8, a: u128, b: u128) -> (u128, u128) {
    match es {
        1 => saturate!(a, b, u16, u8),
        2 => saturate!(a, b, u32, u16),
        _ => saturate!(a, b, u64, u32),
    }
}

macro_rules! unpack {
    ($a:expr, $narrow:ty, $wide:ty, $high:expr) => {{
        const N: usize = 16 / size_of::<$wide>();
        let a: [$narrow; 2 * N] = cut($a);
        let from = if $high { N } else { 0 };
        let mut v = [0 as $wide; N];
        for i in 0..N {
            v[i] = a[from + i].into();
        }
        join(v)
    }};
}

#[inline]
pub(super) fn unpack(es: u8, a: u128, high: bool) -> u128 {
    match es {
        0 => unpack!(a, i8, i16, high),
        1 => unpack!(a, i16, i32, high),
        _ => unpack!(a, i32, i64, high),
    }
}

#[inline]
pub(super) fn unpack_logical(es: u8, a: u128, high: bool) -> u128 {
    match es {
        0 => unpack!(a, u8, u16, high),
        1 => unpack!(a, u16, u32, high),
        _ => unpack!(a, u32, u64, high),
    }
}

#[inline]
pub(super) fn sign_extend_to_doubleword(es: u8, a: u128) -> u128 {
    let a: [i64; 2] = cut(a);
    let unused = 64 - (8 << es);
    join(a.map(|x| x << unused >> unused))
}

#[inline]
pub(super) fn permute(a: u128, b: u128, c: u128) -> u128 {
    let mut table = [0; 32];
    table[..16].copy_from_slice(&a.to_be_bytes());
    table[16..].copy_from_slice(&b.to_be_bytes());
    join(cut::<[u8; 16]>(c).map(|n| table[usize::from(n & 31)]))
}

/// The bits of `a` that the bytes of `b` number, zero for numbers above 127, in bits 48-63.
#[inline]
pub(super) fn bit_permute(a: u128, b: u128) -> u128 {
    let bits = b.to_be_bytes().into_iter().fold(0, |bits, n| {
        let bit = if n < 128 { a << n >> 127 } else { 0 };
        bits << 1 | bit
    });
    bits << 64
}

#[inline]
pub(super) fn bit_shift_left(a: u128, b: u128) -> u128 {
    let (bytes, right, by): ([u8; 16], [u8; 16], [u8; 16]) = (cut(a), cut(a << 8), cut(b));
    let mut v = [0u8; 16];
    for i in 0..16 {
        let pair = u16::from(bytes[i]) << 8 | u16::from(right[i]);
        v[i] = (pair << (by[i] & 7) >> 8) as u8;
    }
    join(v)
}

/// `fill` is what comes in at the left.
#[inline]
pub(super) fn bit_shift_right(a: u128, b: u128, fill: u8) -> u128 {
    let (bytes, left, by): ([u8; 16], [u8; 16], [u8; 16]) = (cut(a), cut(a >> 8 | u128::from(fill) << 120), cut(b));
    let mut v = [0u8; 16];
    for i in 0..16 {
        let pair = u16::from(left[i]) << 8 | u16::from(bytes[i]);
        v[i] = (pair >> (by[i] & 7)) as u8;
    }
    join(v)
}

/// Bits 57-60 of the register count bytes; this is the amount in bits.
#[inline(always)]
pub(super) fn byte_shift_amount(b: u128) -> u32 {
    (b >> 64) as u32 & 0x78
}
