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
        2 => unpack!(a, v, i32, i64, high),
        _ => unpack!(a, v, i64, i128, high),
    }
}

#[inline(never)]
pub(super) fn unpack_logical(es: u8, a: &u128, high: bool, v: &mut u128) {
    match es {
        0 => unpack!(a, v, u8, u16, high),
        1 => unpack!(a, v, u16, u32, high),
        2 => unpack!(a, v, u32, u64, high),
        _ => unpack!(a, v, u64, u128, high),
    }
}

#[inline]
pub(super) fn sign_extend_to_doubleword(es: u8, a: u128) -> u128 {
    let unused = 64 - (8 << es);
    let extend = |x: u128| u128::from(((x as i64) << unused >> unused) as u64);
    extend(a >> 64) << 64 | extend(a)
}

/// Bytes of `a` and `b`, numbered 0 to 31, as `c` says. Counted from the right, as arrays are, byte 31 is at place 0.
#[inline(never)]
pub(super) fn permute(a: &u128, b: &u128, c: &u128, v: &mut u128) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("ssse3") {
        // SAFETY: the host has the instruction.
        return unsafe { permute_by_shuffle(a, b, c, v) };
    }
    permute_by_table(a, b, c, v);
}

/// For hosts without a shuffle.
#[inline(never)]
fn permute_by_table(a: &u128, b: &u128, c: &u128, v: &mut u128) {
    let table = [*b, *a];
    // SAFETY: 32 bytes, any bits.
    let table: &[u8; 32] = unsafe { &*table.as_ptr().cast() };
    let (numbers, v): (&[u8; 16], &mut [u8; 16]) = (view(c), view_mut(v));
    for i in 0..16 {
        v[i] = table[usize::from(!numbers[i] & 31)];
    }
}

/// A shuffle takes bytes of one register, and gives zero where bit 0 of the place is on.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "ssse3")]
fn permute_by_shuffle(a: &u128, b: &u128, c: &u128, v: &mut u128) {
    use std::arch::x86_64::*;
    let places = u128::MAX / 0xFF * 31;
    // SAFETY: numbers of 16 bytes on their boundary are read and written.
    unsafe {
        let [a, b, c, places] = [a, b, c, &places].map(|x| _mm_load_si128(std::ptr::from_ref(x).cast()));
        let places = _mm_andnot_si128(c, places);
        // Places 0 to 15 are in `b`; 16 more would set bit 0.
        let right = _mm_shuffle_epi8(b, _mm_add_epi8(places, _mm_set1_epi8(0x70)));
        let left = _mm_shuffle_epi8(a, _mm_sub_epi8(places, _mm_set1_epi8(16)));
        _mm_store_si128(std::ptr::from_mut(v).cast(), _mm_or_si128(left, right));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permuted_bytes() {
        let (a, b) = (0x0001_0203_0405_0607_0809_0A0B_0C0D_0E0F, 0x1011_1213_1415_1617_1819_1A1B_1C1D_1E1F);
        // Each byte of the table is its own number, so that the result is the third operand modulo 32.
        let c = 0x1F00_0F10_FFE0_1112_0304_9988_7766_5544u128;
        for f in [permute, permute_by_table] {
            let mut v = 0;
            f(&a, &b, &c, &mut v);
            assert_eq!(v, c & (u128::MAX / 0xFF * 31));
        }
    }
}
