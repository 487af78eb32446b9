//! Elements, bytes and bits of vector registers in other places and sizes.
//! Source: Principles of Operation, chapter 21: VECTOR MERGE, PACK, PERMUTE, BIT PERMUTE, UNPACK, SIGN EXTEND TO DOUBLEWORD;
//! chapter 22: VECTOR SHIFT ….

use super::{view, view_mut};

macro_rules! merge {
    ($a:expr, $b:expr, $v:expr, $t:ty, $high:expr) => {{
        const N: usize = 16 / size_of::<$t>();
        let (a, b): (&[$t; N], &[$t; N]) = (view($a), view($b));
        let from = if $high { N / 2 } else { 0 };
        let v: &mut [$t; N] = view_mut($v);
        for i in 0..N / 2 {
            v[2 * i] = b[from + i];
            v[2 * i + 1] = a[from + i];
        }
    }};
}

#[inline(never)]
pub(super) fn merge(es: u8, a: &u128, b: &u128, high: bool, v: &mut u128) {
    match es {
        0 => merge!(a, b, v, u8, high),
        1 => merge!(a, b, v, u16, high),
        2 => merge!(a, b, v, u32, high),
        _ => merge!(a, b, v, u64, high),
    }
}

/// The elements of `b`, then of `a`, from right to left, each made narrower by `$f`.
macro_rules! narrow {
    ($a:expr, $b:expr, $v:expr, $wide:ty, $narrow:ty, $f:expr) => {{
        const N: usize = 16 / size_of::<$wide>();
        let (a, b): (&[$wide; N], &[$wide; N]) = (view($a), view($b));
        let v: &mut [$narrow; 2 * N] = view_mut($v);
        for i in 0..N {
            v[i] = $f(b[i]);
            v[N + i] = $f(a[i]);
        }
    }};
}

#[inline(never)]
pub(super) fn pack(es: u8, a: &u128, b: &u128, v: &mut u128) {
    match es {
        1 => narrow!(a, b, v, u16, u8, |x: u16| x as u8),
        2 => narrow!(a, b, v, u32, u16, |x: u32| x as u16),
        _ => narrow!(a, b, v, u64, u32, |x: u64| x as u32),
    }
}

/// The nearest number that fits.
macro_rules! saturate {
    ($a:expr, $b:expr, $v:expr, $wide:ty, $narrow:ty) => {
        narrow!($a, $b, $v, $wide, $narrow, |x: $wide| {
            x.clamp(<$narrow>::MIN.into(), <$narrow>::MAX.into()) as $narrow
        })
    };
}

/// Ones where saturation changes the number.
macro_rules! saturated {
    ($a:expr, $b:expr, $v:expr, $wide:ty, $narrow:ty) => {
        narrow!($a, $b, $v, $wide, $narrow, |x: $wide| {
            if x.clamp(<$narrow>::MIN.into(), <$narrow>::MAX.into()) == x { 0 } else { !(0 as $narrow) }
        })
    };
}

#[inline(never)]
pub(super) fn pack_saturate(es: u8, a: &u128, b: &u128, v: &mut u128) {
    match es {
        1 => saturate!(a, b, v, i16, i8),
        2 => saturate!(a, b, v, i32, i16),
        _ => saturate!(a, b, v, i64, i32),
    }
}

#[inline(never)]
pub(super) fn pack_saturate_logical(es: u8, a: &u128, b: &u128, v: &mut u128) {
    match es {
        1 => saturate!(a, b, v, u16, u8),
        2 => saturate!(a, b, v, u32, u16),
        _ => saturate!(a, b, v, u64, u32),
    }
}

#[inline(never)]
pub(super) fn pack_saturated(es: u8, a: &u128, b: &u128, v: &mut u128) {
    match es {
        1 => saturated!(a, b, v, i16, i8),
        2 => saturated!(a, b, v, i32, i16),
        _ => saturated!(a, b, v, i64, i32),
    }
}

#[inline(never)]
pub(super) fn pack_saturated_logical(es: u8, a: &u128, b: &u128, v: &mut u128) {
    match es {
        1 => saturated!(a, b, v, u16, u8),
        2 => saturated!(a, b, v, u32, u16),
        _ => saturated!(a, b, v, u64, u32),
    }
}

macro_rules! unpack {
    ($a:expr, $v:expr, $narrow:ty, $wide:ty, $high:expr) => {{
        const N: usize = 16 / size_of::<$wide>();
        let a: &[$narrow; 2 * N] = view($a);
        let from = if $high { N } else { 0 };
        let v: &mut [$wide; N] = view_mut($v);
        for i in 0..N {
            v[i] = a[from + i].into();
        }
    }};
}

#[inline(never)]
pub(super) fn unpack(es: u8, a: &u128, high: bool, v: &mut u128) {
    match es {
        0 => unpack!(a, v, i8, i16, high),
        1 => unpack!(a, v, i16, i32, high),
        _ => unpack!(a, v, i32, i64, high),
    }
}

#[inline(never)]
pub(super) fn unpack_logical(es: u8, a: &u128, high: bool, v: &mut u128) {
    match es {
        0 => unpack!(a, v, u8, u16, high),
        1 => unpack!(a, v, u16, u32, high),
        _ => unpack!(a, v, u32, u64, high),
    }
}

#[inline]
pub(super) fn sign_extend_to_doubleword(es: u8, a: u128) -> u128 {
    let unused = 64 - (8 << es);
    let extend = |x: u128| u128::from(((x as i64) << unused >> unused) as u64);
    extend(a >> 64) << 64 | extend(a)
}

#[inline(never)]
pub(super) fn permute(a: &u128, b: &u128, c: &u128, v: &mut u128) {
    // Byte 31, the rightmost of `b`, comes first.
    let table = [*b, *a];
    // SAFETY: 32 bytes, any bits.
    let table: &[u8; 32] = unsafe { &*table.as_ptr().cast() };
    let (numbers, v): (&[u8; 16], &mut [u8; 16]) = (view(c), view_mut(v));
    for i in 0..16 {
        v[i] = table[usize::from(!numbers[i] & 31)];
    }
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

#[inline(never)]
pub(super) fn bit_shift_left(a: &u128, b: &u128, v: &mut u128) {
    let from_right = *a << 8;
    let (bytes, right, by): (&[u8; 16], &[u8; 16], &[u8; 16]) = (view(a), view(&from_right), view(b));
    let v: &mut [u8; 16] = view_mut(v);
    for i in 0..16 {
        let pair = u16::from(bytes[i]) << 8 | u16::from(right[i]);
        v[i] = (pair << (by[i] & 7) >> 8) as u8;
    }
}

/// `fill` is what comes in at the left.
#[inline(never)]
pub(super) fn bit_shift_right(a: &u128, b: &u128, fill: u8, v: &mut u128) {
    let from_left = *a >> 8 | u128::from(fill) << 120;
    let (bytes, left, by): (&[u8; 16], &[u8; 16], &[u8; 16]) = (view(a), view(&from_left), view(b));
    let v: &mut [u8; 16] = view_mut(v);
    for i in 0..16 {
        let pair = u16::from(left[i]) << 8 | u16::from(bytes[i]);
        v[i] = (pair >> (by[i] & 7)) as u8;
    }
}

/// Bits 57-60 of the register count bytes; this is the amount in bits.
#[inline(always)]
pub(super) fn byte_shift_amount(b: u128) -> u32 {
    (b >> 64) as u32 & 0x78
}
