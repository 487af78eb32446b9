//! The host's FPU for short and long operations, in round to nearest with ties to even.
//!
//! A host result is used only when it proves its own flags: its exponent field is at least two and below the maximum,
//! so that the precise value was neither tiny nor too large, and whether it is exact is either known not to matter (the
//! inexact flag is set already) or told by an error-free test. Everything else returns `None` and is computed exactly.

use crate::format::{Extended, Long, Short};

/// A host result and whether it is inexact.
pub type HostResult<T> = Option<(T, bool)>;

/// Operations that the host may have for a format. `known` says that exactness need not be told; then a result may be
/// reported inexact that is not. Operands are finite.
pub trait Host {
    /// The datum.
    type Raw;
    /// `a + b`.
    fn add(_a: Self::Raw, _b: Self::Raw, _known: bool) -> HostResult<Self::Raw> {
        None
    }
    /// `a * b`.
    fn multiply(_a: Self::Raw, _b: Self::Raw, _known: bool) -> HostResult<Self::Raw> {
        None
    }
    /// `a / b`.
    fn divide(_a: Self::Raw, _b: Self::Raw, _known: bool) -> HostResult<Self::Raw> {
        None
    }
    /// The square root of `a`.
    fn square_root(_a: Self::Raw, _known: bool) -> HostResult<Self::Raw> {
        None
    }
    /// `a * b + c`, rounded once.
    fn multiply_add(_a: Self::Raw, _b: Self::Raw, _c: Self::Raw, _known: bool) -> HostResult<Self::Raw> {
        None
    }
}

impl Host for Extended {
    type Raw = u128;
}

/// Whether the exponent field lies where neither tininess nor overflow is possible.
macro_rules! safe {
    ($bits:expr, $fraction:literal, $max:literal) => {
        (2..$max).contains(&($bits >> $fraction & $max))
    };
}

impl Host for Short {
    type Raw = u32;

    #[inline]
    fn add(a: u32, b: u32, known: bool) -> HostResult<u32> {
        let (a, b) = (f32::from_bits(a), f32::from_bits(b));
        let sum = a + b;
        let bits = sum.to_bits();
        safe!(bits, 23, 0xFF).then(|| (bits, known || lost_in_sum_short(a, b, sum)))
    }

    #[inline]
    fn multiply(a: u32, b: u32, known: bool) -> HostResult<u32> {
        let (a, b) = (f32::from_bits(a), f32::from_bits(b));
        let product = a * b;
        let bits = product.to_bits();
        // The long product of short numbers is exact.
        safe!(bits, 23, 0xFF).then(|| (bits, known || f64::from(product) != f64::from(a) * f64::from(b)))
    }

    #[inline]
    fn divide(a: u32, b: u32, known: bool) -> HostResult<u32> {
        let (a, b) = (f32::from_bits(a), f32::from_bits(b));
        let quotient = a / b;
        let bits = quotient.to_bits();
        safe!(bits, 23, 0xFF).then(|| (bits, known || f64::from(quotient) * f64::from(b) != f64::from(a)))
    }

    #[inline]
    fn square_root(a: u32, known: bool) -> HostResult<u32> {
        let a = f32::from_bits(a);
        let root = a.sqrt();
        let bits = root.to_bits();
        safe!(bits, 23, 0xFF).then(|| (bits, known || f64::from(root) * f64::from(root) != f64::from(a)))
    }

    #[inline]
    fn multiply_add(a: u32, b: u32, c: u32, known: bool) -> HostResult<u32> {
        let (a, b, c) = (f32::from_bits(a), f32::from_bits(b), f32::from_bits(c));
        let result = a.mul_add(b, c);
        let bits = result.to_bits();
        safe!(bits, 23, 0xFF).then(|| {
            let (product, c) = (f64::from(a) * f64::from(b), f64::from(c));
            let sum = product + c;
            (bits, known || f64::from(result) != sum || lost_in_sum_long(product, c, sum))
        })
    }
}

impl Host for Long {
    type Raw = u64;

    #[inline]
    fn add(a: u64, b: u64, known: bool) -> HostResult<u64> {
        let (a, b) = (f64::from_bits(a), f64::from_bits(b));
        let sum = a + b;
        let bits = sum.to_bits();
        safe!(bits, 52, 0x7FF).then(|| (bits, known || lost_in_sum_long(a, b, sum)))
    }

    #[inline]
    fn multiply(a: u64, b: u64, known: bool) -> HostResult<u64> {
        let bits = (f64::from_bits(a) * f64::from_bits(b)).to_bits();
        safe!(bits, 52, 0x7FF).then(|| {
            (
                bits,
                known || {
                    let product = significand(a) * significand(b);
                    128 - product.leading_zeros() - product.trailing_zeros() > 53
                },
            )
        })
    }

    #[inline]
    fn divide(a: u64, b: u64, known: bool) -> HostResult<u64> {
        let bits = (f64::from_bits(a) / f64::from_bits(b)).to_bits();
        safe!(bits, 52, 0x7FF)
            .then(|| (bits, known || !same_digits(significand(bits) * significand(b), significand(a))))
    }

    #[inline]
    fn square_root(a: u64, known: bool) -> HostResult<u64> {
        let bits = f64::from_bits(a).sqrt().to_bits();
        safe!(bits, 52, 0x7FF)
            .then(|| (bits, known || !same_digits(significand(bits) * significand(bits), significand(a))))
    }

    #[inline]
    fn multiply_add(a: u64, b: u64, c: u64, known: bool) -> HostResult<u64> {
        let bits = f64::from_bits(a).mul_add(f64::from_bits(b), f64::from_bits(c)).to_bits();
        if !safe!(bits, 52, 0x7FF) {
            return None;
        }
        if known {
            return Some((bits, true));
        }
        if a << 1 == 0 || b << 1 == 0 {
            return Some((bits, false));
        }
        // Integers and the like: an exact product and an exact sum. For others telling costs as much as computing exactly.
        let (product, inexact) = Long::multiply(a, b, false)?;
        let (product, c) = (f64::from_bits(product), f64::from_bits(c));
        (!inexact && !lost_in_sum_long(product, c, product + c)).then_some((bits, false))
    }
}

/// The significand of a nonzero long number as an integer.
fn significand(bits: u64) -> u128 {
    let fraction = bits & ((1 << 52) - 1);
    let implied = u64::from(bits >> 52 & 0x7FF != 0) << 52;
    u128::from(fraction | implied)
}

/// Whether two nonzero integers are the same but for zeros at the right.
fn same_digits(a: u128, b: u128) -> bool {
    a >> a.trailing_zeros() == b >> b.trailing_zeros()
}

/// Whether a finite sum lost bits (Dekker's fast two-sum: the differences are exact).
fn lost_in_sum_short(a: f32, b: f32, sum: f32) -> bool {
    let (large, small) = if a.abs() >= b.abs() { (a, b) } else { (b, a) };
    small - (sum - large) != 0.0
}

/// The same for the long format.
fn lost_in_sum_long(a: f64, b: f64, sum: f64) -> bool {
    let (large, small) = if a.abs() >= b.abs() { (a, b) } else { (b, a) };
    small - (sum - large) != 0.0
}
