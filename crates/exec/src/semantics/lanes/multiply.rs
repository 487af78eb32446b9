//! Products and sums over the elements of vector registers.
//! Source: Principles of Operation, chapter 22: VECTOR MULTIPLY …, VECTOR GALOIS FIELD MULTIPLY SUM, VECTOR SUM ACROSS …,
//! VECTOR CHECKSUM.

use super::{view, view_mut};

/// The left halves of the products plus the elements of `c`.
macro_rules! add_high {
    ($a:expr, $b:expr, $c:expr, $v:expr, $narrow:ty, $wide:ty) => {{
        const N: usize = 16 / size_of::<$narrow>();
        let (a, b, c): (&[$narrow; N], &[$narrow; N], &[$narrow; N]) = (view($a), view($b), view($c));
        let v: &mut [$narrow; N] = view_mut($v);
        for i in 0..N {
            v[i] = ((<$wide>::from(a[i]) * <$wide>::from(b[i]) + <$wide>::from(c[i])) >> <$narrow>::BITS) as $narrow;
        }
    }};
}

#[inline(never)]
pub(super) fn add_high(es: u8, a: &u128, b: &u128, c: &u128, v: &mut u128) {
    match es {
        0 => add_high!(a, b, c, v, i8, i16),
        1 => add_high!(a, b, c, v, i16, i32),
        2 => add_high!(a, b, c, v, i32, i64),
        3 => add_high!(a, b, c, v, i64, i128),
        _ => *v = add_high_quadword(*a, *b, *c, true),
    }
}

#[inline(never)]
pub(super) fn add_high_logical(es: u8, a: &u128, b: &u128, c: &u128, v: &mut u128) {
    match es {
        0 => add_high!(a, b, c, v, u8, u16),
        1 => add_high!(a, b, c, v, u16, u32),
        2 => add_high!(a, b, c, v, u32, u64),
        3 => add_high!(a, b, c, v, u64, u128),
        _ => *v = add_high_quadword(*a, *b, *c, false),
    }
}

/// The left half of a quadword product plus `c`.
fn add_high_quadword(a: u128, b: u128, c: u128, signed: bool) -> u128 {
    let halves = |v: u128| (v >> 64, v & u128::from(u64::MAX));
    let ((a1, a0), (b1, b0)) = (halves(a), halves(b));
    let (low_high, low_low) = halves(a0 * b0);
    // Each is below 2 to the power of 128: a product of two halves leaves room for two more halves.
    let (first_high, first_low) = halves(a1 * b0 + low_high);
    let (second_high, second_low) = halves(a0 * b1 + first_low);
    let high = a1 * b1 + first_high + second_high;
    let carry = u128::from((second_low << 64 | low_low).checked_add(c).is_none());
    let high = high.wrapping_add(carry);
    if !signed {
        return high;
    }
    // A negative factor counts 2 to the power of 128 less; so does a negative `c`.
    let less = |when: u128, v: u128| if (when as i128) < 0 { v } else { 0 };
    high.wrapping_sub(less(a, b)).wrapping_sub(less(b, a)).wrapping_sub(less(c, 1))
}

/// Of each pair of elements, cut as one of twice the size, the product of the left (even) or right (odd) ones.
macro_rules! half_product {
    ($a:expr, $b:expr, $v:expr, $wide:ty, $half:expr) => {{
        const N: usize = 16 / size_of::<$wide>();
        let (a, b): (&[$wide; N], &[$wide; N]) = (view($a), view($b));
        let v: &mut [$wide; N] = view_mut($v);
        for i in 0..N {
            v[i] = $half(a[i]).wrapping_mul($half(b[i]));
        }
    }};
}

macro_rules! half_products {
    ($name:ident, $half:ident, $w0:ident, $w1:ident, $w2:ident, $w3:ident) => {
        #[inline(never)]
        pub(super) fn $name(es: u8, a: &u128, b: &u128, v: &mut u128) {
            match es {
                0 => half_product!(a, b, v, $w0, |x: $w0| $half!(x, $w0)),
                1 => half_product!(a, b, v, $w1, |x: $w1| $half!(x, $w1)),
                2 => half_product!(a, b, v, $w2, |x: $w2| $half!(x, $w2)),
                _ => half_product!(a, b, v, $w3, |x: $w3| $half!(x, $w3)),
            }
        }
    };
}

macro_rules! left {
    ($x:ident, $w:ty) => {
        $x >> (<$w>::BITS / 2)
    };
}
/// The right half; of a signed type with its sign.
macro_rules! right {
    ($x:ident, $w:ty) => {
        $x << (<$w>::BITS / 2) >> (<$w>::BITS / 2)
    };
}

half_products! { even, left, i16, i32, i64, i128 }
half_products! { even_logical, left, u16, u32, u64, u128 }
half_products! { odd, right, i16, i32, i64, i128 }
half_products! { odd_logical, right, u16, u32, u64, u128 }

/// Product of binary polynomials.
#[inline]
fn carryless(a: u64, b: u64) -> u128 {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("pclmulqdq") {
        use std::arch::x86_64::{_mm_clmulepi64_si128, _mm_set_epi64x};
        #[target_feature(enable = "pclmulqdq")]
        fn multiply(a: u64, b: u64) -> u128 {
            let product = _mm_clmulepi64_si128::<0>(_mm_set_epi64x(0, a as i64), _mm_set_epi64x(0, b as i64));
            // SAFETY: both are 16 bytes of plain bits.
            unsafe { std::mem::transmute(product) }
        }
        // SAFETY: the host has the instruction.
        return unsafe { multiply(a, b) };
    }
    #[cfg(target_arch = "aarch64")]
    if std::arch::is_aarch64_feature_detected!("aes") {
        #[target_feature(enable = "aes")]
        fn multiply(a: u64, b: u64) -> u128 {
            std::arch::aarch64::vmull_p64(a, b)
        }
        // SAFETY: the host has the instruction.
        return unsafe { multiply(a, b) };
    }
    carryless_by_bits(a, b)
}

/// For hosts without the instruction.
#[inline(never)]
fn carryless_by_bits(a: u64, b: u64) -> u128 {
    (0..64).fold(0, |product, bit| product ^ (u128::from(a) << bit & 0u128.wrapping_sub(u128::from(b >> bit & 1))))
}

macro_rules! galois {
    ($a:expr, $b:expr, $v:expr, $narrow:ty, $wide:ty) => {{
        const N: usize = 16 / size_of::<$wide>();
        let (a, b): (&[$narrow; 2 * N], &[$narrow; 2 * N]) = (view($a), view($b));
        let v: &mut [$wide; N] = view_mut($v);
        for i in 0..N {
            let product = |n: usize| carryless(a[n].into(), b[n].into());
            v[i] = (product(2 * i) ^ product(2 * i + 1)) as $wide;
        }
    }};
}

#[inline(never)]
pub(super) fn galois(es: u8, a: &u128, b: &u128, v: &mut u128) {
    match es {
        0 => galois!(a, b, v, u8, u16),
        1 => galois!(a, b, v, u16, u32),
        2 => galois!(a, b, v, u32, u64),
        _ => galois!(a, b, v, u64, u128),
    }
}

/// For each `$wide`, the sum of its `$narrow` elements in `a` and the rightmost one in `b`.
macro_rules! sum {
    ($a:expr, $b:expr, $v:expr, $narrow:ty, $wide:ty) => {{
        const N: usize = 16 / size_of::<$wide>();
        const PARTS: usize = size_of::<$wide>() / size_of::<$narrow>();
        let (a, b): (&[$narrow; N * PARTS], &[$narrow; N * PARTS]) = (view($a), view($b));
        let v: &mut [$wide; N] = view_mut($v);
        for i in 0..N {
            let mut sum = <$wide>::from(b[i * PARTS]);
            for x in &a[i * PARTS..][..PARTS] {
                sum += <$wide>::from(*x);
            }
            v[i] = sum;
        }
    }};
}

#[inline(never)]
pub(super) fn sum_word(es: u8, a: &u128, b: &u128, v: &mut u128) {
    if es == 0 { sum!(a, b, v, u8, u32) } else { sum!(a, b, v, u16, u32) }
}

#[inline(never)]
pub(super) fn sum_doubleword(es: u8, a: &u128, b: &u128, v: &mut u128) {
    if es == 1 { sum!(a, b, v, u16, u64) } else { sum!(a, b, v, u32, u64) }
}

#[inline(never)]
pub(super) fn sum_quadword(es: u8, a: &u128, b: &u128, v: &mut u128) {
    if es == 2 { sum!(a, b, v, u32, u128) } else { sum!(a, b, v, u64, u128) }
}

/// The words of `a` and word 1 of `b`, added with end-around carry, in word 1.
#[inline]
pub(super) fn checksum(a: u128, b: u128) -> u128 {
    let words: &[u32; 4] = view(&a);
    let sum = words.iter().fold(b >> 64 & 0xFFFF_FFFF, |sum, word| sum + u128::from(*word));
    // Adding the carries at the end gives the same as adding each at once: both count modulo 2^32 - 1.
    let sum = (sum >> 32) + (sum & 0xFFFF_FFFF);
    let sum = (sum >> 32) + (sum & 0xFFFF_FFFF);
    sum << 64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carryless_products() {
        for multiply in [carryless, carryless_by_bits] {
            assert_eq!(multiply(3, 3), 5);
            assert_eq!(multiply(1 << 63, 1 << 63), 1 << 126);
            assert_eq!(multiply(u64::MAX, 3), 1 << 64 | 1);
        }
    }
}
