//! The precise intermediate value, and the one place where it is rounded.
//!
//! Truth: Principles of Operation, chapter 9, "Actions for IEEE exceptions" (range of v and rounding). Tininess is
//! detected before rounding; overflow is detected after rounding to the target's precision with unbounded exponent.

use crate::env::{Env, Flags, Outcome, Rounding, Trap};
use crate::format::{Format, signed};
use std::cmp::Ordering;

/// A nonzero number: `significand * 2^(exp - 127)`, first bit of the significand one. Its last bit may be sticky, that
/// is, stand for any nonzero rest, when the number has more bits than any format can keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exact {
    pub negative: bool,
    pub exp: i32,
    pub significand: u128,
}

/// An integer part after rounding, and what rounding did.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kept {
    pub integer: u128,
    pub inexact: bool,
    pub incremented: bool,
}

impl Exact {
    /// From an integer; `None` for zero.
    pub fn from_integer(negative: bool, magnitude: u128) -> Option<Exact> {
        if magnitude == 0 {
            return None;
        }
        let zeros = magnitude.leading_zeros();
        Some(Exact { negative, exp: 127 - zeros as i32, significand: magnitude << zeros })
    }

    /// Drops the last `drop` bits of the significand by the rounding method. `drop` is at least 1 and may exceed 128.
    pub fn keep(&self, drop: i32, rounding: Rounding) -> Kept {
        let (integer, rest) = match drop {
            ..=0 => return Kept { integer: self.significand, inexact: false, incremented: false },
            1..=127 => (self.significand >> drop, self.significand << (128 - drop)),
            128 => (0, self.significand),
            // Less than half of a unit, whatever it is.
            _ => (0, 1),
        };
        let inexact = rest != 0;
        let odd = integer & 1 != 0;
        let against_half = rest.cmp(&(1 << 127));
        let incremented = inexact
            && match rounding {
                Rounding::NearestEven => against_half == Ordering::Greater || against_half == Ordering::Equal && odd,
                Rounding::NearestAway => against_half != Ordering::Less,
                Rounding::Zero => false,
                Rounding::Up => !self.negative,
                Rounding::Down => self.negative,
                Rounding::PrepareShorter => !odd,
                Rounding::NearestZero => against_half == Ordering::Greater,
                Rounding::Away => true,
            };
        Kept { integer: integer + u128::from(incremented), inexact, incremented }
    }

    /// Rounds to the nearest integers' grid: units of 1.
    pub fn to_integer(self, rounding: Rounding) -> Kept {
        self.keep(127 - self.exp, rounding)
    }

    /// Rounds to the precision of `F` with unbounded exponent.
    pub fn to_precision<F: Format>(self, rounding: Rounding) -> (Exact, Kept) {
        let kept = self.keep(128 - F::PRECISION as i32, rounding);
        let zeros = kept.integer.leading_zeros() as i32;
        let carry = 128 - F::PRECISION as i32 - zeros;
        (Exact { negative: self.negative, exp: self.exp + carry, significand: kept.integer << zeros }, kept)
    }

    /// The bits of a number that is in the normal range of `F` and has no more than its precision.
    pub fn pack<F: Format>(self) -> F::Bits {
        let biased = (self.exp + F::BIAS) as u128;
        let fraction = self.significand >> (128 - F::PRECISION) & F::FRACTION;
        signed::<F>(self.negative, biased << (F::PRECISION - 1) | fraction)
    }

    /// Rounds to `F` and delivers the result with its exceptions.
    pub fn round<F: Format>(self, env: &Env) -> Outcome<F::Bits> {
        match self.round_or_trap::<F>(env) {
            Ok(outcome) => outcome,
            Err((precise, trap)) => {
                let scale = if trap.dxc & Flags::OVERFLOW.byte() != 0 { -F::SCALE } else { F::SCALE };
                let value = Exact { exp: precise.exp + scale, ..precise }.pack::<F>();
                Outcome { value, flags: Flags::NONE, trap: Some(trap) }
            }
        }
    }

    /// Rounds to `F`. When an overflow or underflow trap is due, the error holds the value rounded to `F`'s precision
    /// with its true exponent, for the caller to scale.
    pub fn round_or_trap<F: Format>(self, env: &Env) -> Result<Outcome<F::Bits>, (Exact, Trap)> {
        let (precise, kept) = self.to_precision::<F>(env.rounding);
        if self.exp < F::EMIN {
            if env.traps(Flags::UNDERFLOW) {
                return Err((precise, Trap::new(Flags::UNDERFLOW, kept.inexact, kept.incremented)));
            }
            let kept = self.keep(128 - F::PRECISION as i32 + (F::EMIN - self.exp), env.rounding);
            // A carry into the implied bit makes the exponent field one, as it should.
            let value = signed::<F>(self.negative, kept.integer);
            let flags = if kept.inexact { Flags::UNDERFLOW } else { Flags::NONE };
            return Ok(Outcome::inexact(env, value, flags, kept.inexact, kept.incremented));
        }
        if precise.exp > F::BIAS {
            if env.traps(Flags::OVERFLOW) {
                return Err((precise, Trap::new(Flags::OVERFLOW, kept.inexact, kept.incremented)));
            }
            let infinite = match env.rounding {
                Rounding::NearestEven | Rounding::NearestAway | Rounding::NearestZero | Rounding::Away => true,
                Rounding::Zero | Rounding::PrepareShorter => false,
                Rounding::Up => !self.negative,
                Rounding::Down => self.negative,
            };
            let value = signed::<F>(self.negative, if infinite { F::INFINITY } else { F::MAX });
            return Ok(Outcome::inexact(env, value, Flags::OVERFLOW, true, infinite));
        }
        Ok(Outcome::inexact(env, precise.pack::<F>(), Flags::NONE, kept.inexact, kept.incremented))
    }
}
