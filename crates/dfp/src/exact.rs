//! Exact numbers, and the one way from them into a format: rounding, overflow, underflow, the member of the cohort, quantum.
//! Truth: Principles of Operation, chapter 9 ("IEEE exceptions", "Quantum exception"), chapter 20 ("Preferred quantum").
//! A number is tiny before rounding; whether it overflows is seen after rounding to the precision.

use crate::env::{self, Env, OVERFLOW, Outcome, Rounding, UNDERFLOW};
use crate::format::{Datum, Format};
use crate::wide::{Wide, power};

/// `significand * 10^exponent`, and something less than a unit of the last digit more when `sticky` is set. Then the
/// significand has more digits than any format it is delivered in.
#[derive(Clone, Copy, Debug)]
pub struct Exact {
    pub(crate) negative: bool,
    pub(crate) significand: Wide,
    pub(crate) exponent: i32,
    pub(crate) sticky: bool,
}

/// A number of as many digits as wanted.
#[derive(Clone, Copy, Debug)]
struct Rounded {
    significand: u128,
    exponent: i32,
    inexact: bool,
    incremented: bool,
}

/// What a format and the place of the result ask for.
#[derive(Clone, Copy)]
pub(crate) struct Target {
    digits: u32,
    /// Exponents of the last digit.
    least: i32,
    greatest: i32,
    /// Powers of ten by which results of enabled overflow and underflow are scaled, and the format they come in. Without, they
    /// are scaled to one digit on the left of the point.
    scale: Option<i32>,
    scaled_least: i32,
    scaled_greatest: i32,
}

impl Target {
    /// A result in format `F`.
    pub fn of<F: Format>() -> Target {
        Target { scale: Some(F::SCALE), ..Target::shorter::<F, F>() }
    }

    /// A result in format `F` of a conversion from another radix.
    pub fn of_radix<F: Format>() -> Target {
        Target { scale: None, ..Target::shorter::<F, F>() }
    }

    /// A result in format `T`, in `F` when it is scaled.
    pub fn shorter<F: Format, T: Format>() -> Target {
        Target {
            digits: T::DIGITS,
            least: T::EMIN,
            greatest: T::EMAX,
            scale: Some(F::SCALE_LOAD_ROUNDED),
            scaled_least: F::EMIN,
            scaled_greatest: F::EMAX,
        }
    }
}

/// A result that has not been encoded yet.
#[derive(Clone, Copy)]
pub(crate) struct Settled {
    pub datum: Datum,
    /// Scaled by an enabled overflow or underflow: by how many powers of ten it is too small.
    pub scaled: Option<i32>,
}

impl Exact {
    /// From a finite datum.
    pub(crate) fn of(a: &Datum) -> Exact {
        Exact { negative: a.negative, significand: a.significand.into(), exponent: a.exponent, sticky: false }
    }

    /// An integer of at most 38 digits times a power of ten, with something less than a unit more or not; then it must have
    /// more digits than the format it is delivered in.
    pub fn new(negative: bool, significand: u128, exponent: i32, sticky: bool) -> Exact {
        Exact { negative, significand: significand.into(), exponent, sticky }
    }

    /// Rounded to `digits` digits, and so that the last digit's exponent is not less than `least`.
    fn rounded(&self, digits: u32, least: i32, rounding: Rounding) -> Rounded {
        let surplus = self.significand.count() as i32 - digits as i32;
        let drop = surplus.max(least.saturating_sub(self.exponent)).max(0) as u32;
        if drop == 0 {
            let significand = self.significand.low;
            return Rounded { significand, exponent: self.exponent, inexact: self.sticky, incremented: false };
        }
        let (kept, lost) = self.significand.without(drop - 1);
        let (kept, first_lost) = kept.last_digit();
        let more = lost || self.sticky;
        let last = (kept.low % 10) as u8;
        let incremented = rounding.increments(self.negative, last, first_lost, more);
        let (mut significand, mut exponent) = (kept.low + u128::from(incremented), self.exponent + drop as i32);
        if significand == power(digits) {
            significand = power(digits - 1);
            exponent += 1;
        }
        Rounded { significand, exponent, inexact: first_lost != 0 || more, incremented }
    }

    /// Brings the number into a format. `preferred` is the exponent of the preferred quantum.
    pub(crate) fn settle(&self, target: &Target, env: &Env, preferred: i32) -> Outcome<Settled> {
        let plain = |datum| Settled { datum, scaled: None };
        if self.significand.is_zero() && !self.sticky {
            let exponent = preferred.clamp(target.least, target.greatest);
            return Outcome::exact(plain(Datum::finite(self.negative, 0, exponent)));
        }
        let precise = self.rounded(target.digits, i32::MIN, env.rounding);
        let finite = |r: &Rounded, (digits, least, greatest): (u32, i32, i32), preferred: i32| {
            let (significand, exponent) =
                if r.inexact { (r.significand, r.exponent) } else { member(r, digits, preferred) };
            let (significand, exponent) = in_range(significand, exponent, least, greatest);
            Datum::finite(self.negative, significand, exponent)
        };
        let trapped = |exception: u8| {
            let (datum, omega) = match target.scale {
                Some(scale) => {
                    let omega = if exception == OVERFLOW { scale } else { -scale };
                    let scaled = Rounded { exponent: precise.exponent - omega, ..precise };
                    // A scaled result has no more digits than others.
                    let room = (target.digits, target.scaled_least, target.scaled_greatest);
                    (finite(&scaled, room, preferred.saturating_sub(omega)), omega)
                }
                None => {
                    let missing = target.digits - crate::wide::count(precise.significand);
                    let point = 1 - target.digits as i32;
                    let datum = Datum::finite(self.negative, precise.significand * power(missing), point);
                    (datum, precise.exponent - missing as i32 - point)
                }
            };
            let trap = Some(env::dxc(exception, precise.inexact, precise.incremented));
            Outcome { value: Settled { datum, scaled: Some(omega) }, flags: 0, trap }
        };
        let room = (target.digits, target.least, target.greatest);
        // Exponents of the first digit: of the number itself, and rounded.
        let first = |count: u32, exponent: i32| exponent + count as i32 - 1;
        let tiny = first(self.significand.count(), self.exponent) < target.least + target.digits as i32 - 1;
        let large = first(crate::wide::count(precise.significand), precise.exponent)
            > target.greatest + target.digits as i32 - 1;
        if tiny && env.traps(UNDERFLOW) {
            trapped(UNDERFLOW)
        } else if large && env.traps(OVERFLOW) {
            trapped(OVERFLOW)
        } else if large {
            let infinite = env.rounding.overflows_to_infinity(self.negative);
            let datum = if infinite {
                Datum::infinity(self.negative)
            } else {
                Datum::finite(self.negative, power(target.digits) - 1, target.greatest)
            };
            Outcome::inexact(env, plain(datum), OVERFLOW, true, infinite)
        } else {
            let r = if tiny { self.rounded(target.digits, target.least, env.rounding) } else { precise };
            let flags = if tiny && r.inexact { UNDERFLOW } else { 0 };
            Outcome::inexact(env, plain(finite(&r, room, preferred)), flags, r.inexact, r.incremented)
        }
    }

    /// The same, encoded. With `quantum`, a result of another than the preferred quantum is a quantum exception.
    pub fn deliver<F: Format>(&self, env: &Env, preferred: i32, quantum: bool) -> Outcome<F::Bits> {
        encoded::<F>(self.settle(&Target::of::<F>(), env, preferred), env, preferred, quantum)
    }

    /// The same for a conversion from another radix. When overflow or underflow traps, the result has one digit to the left of
    /// the point and all its digits, and the number beside it is the power of ten that it is to be multiplied by.
    pub fn deliver_unscaled<F: Format>(&self, env: &Env, preferred: i32, quantum: bool) -> (Outcome<F::Bits>, i32) {
        let outcome = self.settle(&Target::of_radix::<F>(), env, preferred);
        (encoded::<F>(outcome, env, preferred, quantum), outcome.value.scaled.unwrap_or(0))
    }
}

fn encoded<F: Format>(outcome: Outcome<Settled>, env: &Env, preferred: i32, quantum: bool) -> Outcome<F::Bits> {
    let differs = quantum && differs(&outcome.value.datum, preferred);
    outcome.map(|settled| settled.datum.bits::<F>()).with_quantum(env, differs)
}

/// Whether a finite result has another quantum than the preferred one.
pub(crate) fn differs(datum: &Datum, preferred: i32) -> bool {
    datum.is_finite() && datum.exponent != preferred
}

/// Of the numbers of the same value with at most `digits` digits the one whose exponent is nearest to the preferred one.
fn member(r: &Rounded, digits: u32, preferred: i32) -> (u128, i32) {
    let (mut significand, mut exponent) = (r.significand, r.exponent);
    while exponent < preferred && significand.is_multiple_of(10) {
        significand /= 10;
        exponent += 1;
    }
    let room = digits - crate::wide::count(significand);
    let more = room.min(exponent.saturating_sub(preferred).max(0) as u32);
    (significand * power(more), exponent - more as i32)
}

/// The same value with an exponent in range. There is one: the number neither overflows, nor has it digits below the range.
fn in_range(mut significand: u128, mut exponent: i32, least: i32, greatest: i32) -> (u128, i32) {
    if exponent > greatest {
        significand *= power((exponent - greatest) as u32);
        exponent = greatest;
    }
    while exponent < least && significand.is_multiple_of(10) {
        significand /= 10;
        exponent += 1;
    }
    (significand, exponent)
}
