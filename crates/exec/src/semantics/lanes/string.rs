//! Searches in vector registers: each gives the result register and the condition code.
//! Source: Principles of Operation, chapter 23, Vector String Instructions.
//!
//! Masks have at least the leftmost bit on in the elements that are meant, and no bit in others, so that leading zeros give
//! the byte index of the first of them, and 16 when there is none.

use softsie_cpu::Scalar;

use super::{made, ones_if, view, view_mut};

/// What the instruction's modifier field asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Search {
    /// Invert the result of comparing (IN).
    pub invert: bool,
    /// Give a mask, not an index (RT).
    pub mask: bool,
    /// Look for zero elements too (ZS).
    pub zero: bool,
}

impl Search {
    /// From modifier bits 8 (IN), 4 (RT) and 2 (ZS).
    #[inline(always)]
    pub fn new(modifier: u8) -> Search {
        Search { invert: modifier & 8 != 0, mask: modifier & 4 != 0, zero: modifier & 2 != 0 }
    }
}

/// The leftmost bit of the elements that are zero.
#[inline(always)]
fn zeros(es: u8, a: u128) -> u128 {
    const OTHERS: [u128; 3] =
        [u128::MAX / 0xFF * 0x7F, u128::MAX / 0xFFFF * 0x7FFF, u128::MAX / 0xFFFF_FFFF * 0x7FFF_FFFF];
    let others = OTHERS[usize::from(es.min(2))];
    // No element's sum reaches beyond its leftmost bit.
    !(((a & others) + others) | a | others)
}

#[inline(always)]
fn first(mask: u128) -> u32 {
    mask.leading_zeros() / 8
}

/// The byte index of the first zero element, 16 if none or none is looked for.
#[inline(always)]
fn first_zero(s: Search, es: u8, a: u128) -> u32 {
    if s.zero { first(zeros(es, a)) } else { 16 }
}

/// An index as result: in byte 7.
#[inline(always)]
fn index(n: u32) -> u128 {
    u128::from(n) << 64
}

/// Condition code of a search: 0 zero found at or before any match, 1 match and no zero, 2 match before zero, 3 neither.
#[inline(always)]
fn search_cc(first: u32, zero: u32) -> u8 {
    match (first, zero) {
        (16, 16) => 3,
        (_, 16) => 1,
        _ if first < zero => 2,
        _ => 0,
    }
}

/// The result of a search that found the elements in `found`.
#[inline(always)]
fn result(s: Search, es: u8, a: u128, found: u128) -> (u128, u8) {
    let found = if s.invert { !found } else { found };
    let (first, zero) = (first(found), first_zero(s, es, a));
    (if s.mask { found } else { index(first.min(zero)) }, search_cc(first, zero))
}

/// Adds the elements that are equal to `y` to those found.
#[inline(never)]
fn add_equal<T: Scalar, const N: usize>(a: &[T; N], y: T, found: &mut [T; N]) {
    for i in 0..N {
        found[i] = found[i].or(ones_if(a[i] == y));
    }
}

fn add_any_equal<T: Scalar, const N: usize>(a: &[T; N], b: &[T; N], found: &mut [T; N]) {
    let mut before = None;
    for &y in b {
        // Programs fill what they do not need with copies of one element.
        if before != Some(y) {
            add_equal(a, y, found);
        }
        before = Some(y);
    }
}

/// VECTOR FIND ANY ELEMENT EQUAL.
#[inline]
pub fn find_any_equal(s: Search, es: u8, a: u128, b: u128) -> (u128, u8) {
    let found = made(|found| match es {
        0 => add_any_equal::<u8, 16>(view(&a), view(&b), view_mut(found)),
        1 => add_any_equal::<u16, 8>(view(&a), view(&b), view_mut(found)),
        _ => add_any_equal::<u32, 4>(view(&a), view(&b), view_mut(found)),
    });
    result(s, es, a, found)
}

/// VECTOR FIND ELEMENT EQUAL.
#[inline]
pub fn find_equal(s: Search, es: u8, a: u128, b: u128) -> (u128, u8) {
    let (first, zero) = (first(zeros(es, a ^ b)), first_zero(s, es, a));
    (index(first.min(zero)), search_cc(first, zero))
}

/// VECTOR FIND ELEMENT NOT EQUAL.
#[inline]
pub fn find_not_equal(s: Search, es: u8, a: u128, b: u128) -> (u128, u8) {
    // The element that has the first byte that differs.
    let (first, zero) = (first(a ^ b) & !((1 << es) - 1), first_zero(s, es, a));
    let cc = match (first, zero) {
        (16, 16) => 3,
        _ if zero < first => 0,
        // Elements are unsigned, and all before the first difference are equal: the registers compare as that element does.
        _ => 1 + u8::from(a > b),
    };
    (index(first.min(zero)), cc)
}

/// VECTOR ISOLATE STRING.
#[inline]
pub fn isolate(es: u8, a: u128) -> (u128, u8) {
    match zeros(es, a).leading_zeros() {
        128 => (a, 3),
        bits => (a & !(u128::MAX >> bits), 0),
    }
}

/// Keeps in `matching` the elements that compare with `limit` as `control` asks: bit 0 equal, 1 low, 2 high.
#[inline(never)]
fn keep_in_range<T: Scalar, const N: usize>(a: &[T; N], limit: T, control: T, matching: &mut [T; N]) {
    let wanted = |bit| ones_if::<T>(control.shl(bit).leading_zeros() == 0);
    let (equal, low, high) = (wanted(0), wanted(1), wanted(2));
    for i in 0..N {
        let is_equal = equal.and(ones_if(a[i] == limit));
        let is_low = low.and(ones_if(a[i] < limit));
        let is_high = high.and(ones_if(a[i] > limit));
        matching[i] = matching[i].and(is_equal.or(is_low).or(is_high));
    }
}

#[inline(always)]
fn add_in_ranges<T: Scalar, const N: usize>(a: &[T; N], b: &[T; N], c: &[T; N], found: &mut [T; N]) {
    for n in (0..N).step_by(2) {
        // A control of zero is never true: programs fill what they do not need with zeros.
        if c[n].shr(T::BITS - 3) == T::default() || c[n + 1].shr(T::BITS - 3) == T::default() {
            continue;
        }
        let mut matching = [T::default().not(); N];
        keep_in_range(a, b[n], c[n], &mut matching);
        keep_in_range(a, b[n + 1], c[n + 1], &mut matching);
        for i in 0..N {
            found[i] = found[i].or(matching[i]);
        }
    }
}

/// VECTOR STRING RANGE COMPARE: `b` has the limits, `c` says how to compare with each.
#[inline]
pub fn range_compare(s: Search, es: u8, a: u128, b: u128, c: u128) -> (u128, u8) {
    let found = made(|found| match es {
        0 => add_in_ranges::<u8, 16>(view(&a), view(&b), view(&c), view_mut(found)),
        1 => add_in_ranges::<u16, 8>(view(&a), view(&b), view(&c), view_mut(found)),
        _ => add_in_ranges::<u32, 4>(view(&a), view(&b), view(&c), view_mut(found)),
    });
    result(s, es, a, found)
}

/// VECTOR STRING SEARCH: the substring `b`, as many bytes of it as byte 7 of `c` says, in `a`.
#[inline]
pub fn search(s: Search, es: u8, a: u128, b: u128, c: u128) -> (u128, u8) {
    let size = 1 << es;
    // What a length that is too large or no multiple of the element size gives is not predictable.
    let mut length = ((c >> 64) as u32 & 0xFF).min(16) & !(size - 1);
    let mut end = 16;
    if s.zero {
        length = length.min(first(zeros(es, b)));
        end = first(zeros(es, a));
    }
    if length == 0 {
        return (0, 2);
    }
    for at in (0..end).step_by(size as usize) {
        // Of the substring, what lies within the register is compared.
        let compared = length.min(16 - at);
        if (a << (8 * at) ^ b) >> (128 - 8 * compared) == 0 {
            return (index(at), if compared == length { 2 } else { 3 });
        }
    }
    (index(16), u8::from(end < 16))
}
