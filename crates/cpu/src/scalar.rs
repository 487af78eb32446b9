//! The integer types that instructions work on: 8 to 128 bits, big-endian in storage.
//! Source: Principles of Operation, chapter 3, Integral Boundaries and byte order.

use std::fmt::Debug;

use crate::order::{after_fetch, before_store};

/// An unsigned integer with which the semantics compute; signed views are taken where an instruction needs one.
pub trait Scalar: Copy + Eq + Ord + Debug + Default + Send + Sync + 'static {
    /// Width in bits.
    const BITS: u32;
    /// Width in bytes.
    const BYTES: u64;

    /// Reads a big-endian value.
    ///
    /// # Safety
    /// `BYTES` bytes at `from` must be readable. They may change at any time.
    unsafe fn read_be(from: *const u8) -> Self;

    /// Writes a big-endian value.
    ///
    /// # Safety
    /// `BYTES` bytes at `to` must be writable.
    unsafe fn write_be(to: *mut u8, value: Self);

    /// The low bits of `v`.
    fn truncate(v: u128) -> Self;
    /// Zero-extended to 128 bits.
    fn widen(self) -> u128;
    /// Sign-extended to 128 bits.
    fn widen_signed(self) -> i128;
    /// Sum modulo 2^BITS.
    fn add(self, other: Self) -> Self;
    /// Difference modulo 2^BITS.
    fn sub(self, other: Self) -> Self;
    /// Product modulo 2^BITS.
    fn mul(self, other: Self) -> Self;
    /// Quotient and remainder; meaningless for a zero divisor.
    fn div_rem(self, other: Self) -> (Self, Self);
    /// Quotient toward zero and remainder; meaningless for a zero divisor and on overflow.
    fn signed_div_rem(self, other: Self) -> (Self, Self);
    /// Sum and unsigned carry out.
    fn carrying_add(self, other: Self) -> (Self, bool);
    /// Difference and unsigned borrow.
    fn borrowing_sub(self, other: Self) -> (Self, bool);
    /// Sum and signed overflow.
    fn signed_add(self, other: Self) -> (Self, bool);
    /// Difference and signed overflow.
    fn signed_sub(self, other: Self) -> (Self, bool);
    /// Product and signed overflow.
    fn signed_mul(self, other: Self) -> (Self, bool);
    /// Bitwise and.
    fn and(self, other: Self) -> Self;
    /// Bitwise or.
    fn or(self, other: Self) -> Self;
    /// Bitwise exclusive or.
    fn xor(self, other: Self) -> Self;
    /// Bitwise not.
    fn not(self) -> Self;
    /// Shift left; amounts of BITS or more give zero.
    fn shl(self, amount: u32) -> Self;
    /// Logical shift right; amounts of BITS or more give zero.
    fn shr(self, amount: u32) -> Self;
    /// Arithmetic shift right; amounts of BITS or more give copies of the sign.
    fn sar(self, amount: u32) -> Self;
    /// Rotate left.
    fn rotate_left(self, amount: u32) -> Self;
    /// Number of leading zeros.
    fn leading_zeros(self) -> u32;
    /// Number of trailing zeros.
    fn trailing_zeros(self) -> u32;
    /// Number of ones.
    fn count_ones(self) -> u32;
    /// Bytes in reverse order.
    fn swap_bytes(self) -> Self;
    /// Signed less-than.
    fn signed_lt(self, other: Self) -> bool;
}

macro_rules! scalar {
    ($($u:ty, $i:ty;)*) => {$(
        // One macro for all widths: the same cast widens some of them and is plain for others.
        #[allow(clippy::cast_lossless)]
        impl Scalar for $u {
            const BITS: u32 = <$u>::BITS;
            const BYTES: u64 = (<$u>::BITS / 8) as u64;

            #[inline(always)]
            unsafe fn read_be(from: *const u8) -> Self {
                // SAFETY: the caller's promise. One unaligned move on both hosts, hence as atomic as the hosts make an
                // aligned one; other guest CPUs may write the bytes meanwhile, which is the guest's affair.
                let value = <$u>::from_be(unsafe { from.cast::<$u>().read_unaligned() });
                after_fetch();
                value
            }

            #[inline(always)]
            unsafe fn write_be(to: *mut u8, value: Self) {
                before_store();
                // SAFETY: as above.
                unsafe { to.cast::<$u>().write_unaligned(value.to_be()) }
            }

            #[inline(always)]
            fn truncate(v: u128) -> Self { v as $u }
            #[inline(always)]
            fn widen(self) -> u128 { self as u128 }
            #[inline(always)]
            fn widen_signed(self) -> i128 { self as $i as i128 }
            #[inline(always)]
            fn add(self, other: Self) -> Self { self.wrapping_add(other) }
            #[inline(always)]
            fn sub(self, other: Self) -> Self { self.wrapping_sub(other) }
            #[inline(always)]
            fn mul(self, other: Self) -> Self { self.wrapping_mul(other) }
            #[inline(always)]
            fn div_rem(self, other: Self) -> (Self, Self) {
                (self.checked_div(other).unwrap_or(0), self.checked_rem(other).unwrap_or(0))
            }
            #[inline(always)]
            fn signed_div_rem(self, other: Self) -> (Self, Self) {
                let (a, b) = (self as $i, other as $i);
                (a.checked_div(b).unwrap_or(0) as $u, a.checked_rem(b).unwrap_or(0) as $u)
            }
            #[inline(always)]
            fn carrying_add(self, other: Self) -> (Self, bool) { self.overflowing_add(other) }
            #[inline(always)]
            fn borrowing_sub(self, other: Self) -> (Self, bool) { self.overflowing_sub(other) }
            #[inline(always)]
            fn signed_add(self, other: Self) -> (Self, bool) {
                let (v, o) = (self as $i).overflowing_add(other as $i);
                (v as $u, o)
            }
            #[inline(always)]
            fn signed_sub(self, other: Self) -> (Self, bool) {
                let (v, o) = (self as $i).overflowing_sub(other as $i);
                (v as $u, o)
            }
            #[inline(always)]
            fn signed_mul(self, other: Self) -> (Self, bool) {
                let (v, o) = (self as $i).overflowing_mul(other as $i);
                (v as $u, o)
            }
            #[inline(always)]
            fn and(self, other: Self) -> Self { self & other }
            #[inline(always)]
            fn or(self, other: Self) -> Self { self | other }
            #[inline(always)]
            fn xor(self, other: Self) -> Self { self ^ other }
            #[inline(always)]
            fn not(self) -> Self { !self }
            #[inline(always)]
            fn shl(self, amount: u32) -> Self { self.checked_shl(amount).unwrap_or(0) }
            #[inline(always)]
            fn shr(self, amount: u32) -> Self { self.checked_shr(amount).unwrap_or(0) }
            #[inline(always)]
            fn sar(self, amount: u32) -> Self { ((self as $i) >> amount.min(<$u>::BITS - 1)) as $u }
            #[inline(always)]
            fn rotate_left(self, amount: u32) -> Self { <$u>::rotate_left(self, amount) }
            #[inline(always)]
            fn leading_zeros(self) -> u32 { <$u>::leading_zeros(self) }
            #[inline(always)]
            fn trailing_zeros(self) -> u32 { <$u>::trailing_zeros(self) }
            #[inline(always)]
            fn count_ones(self) -> u32 { <$u>::count_ones(self) }
            #[inline(always)]
            fn swap_bytes(self) -> Self { <$u>::swap_bytes(self) }
            #[inline(always)]
            fn signed_lt(self, other: Self) -> bool { (self as $i) < (other as $i) }
        }
    )*};
}

scalar! {
    u8, i8;
    u16, i16;
    u32, i32;
    u64, i64;
    u128, i128;
}
