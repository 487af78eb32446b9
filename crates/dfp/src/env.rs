//! What an operation is told (rounding, masks) and what it tells back (flags, traps).
//! Truth: Principles of Operation, chapter 9, "Floating-point-control (FPC) register", "IEEE exceptions", "Quantum exception",
//! "Data-exception codes (DXC)". Bits of flags and masks lie as in the FPC's bytes.

pub(crate) const INVALID: u8 = 0x80;
pub(crate) const DIVIDE_BY_ZERO: u8 = 0x40;
pub(crate) const OVERFLOW: u8 = 0x20;
pub(crate) const UNDERFLOW: u8 = 0x10;
pub(crate) const INEXACT: u8 = 0x08;
pub(crate) const QUANTUM: u8 = 0x04;
/// In a data-exception code beside [`INEXACT`]: the result is larger in magnitude than the exact one.
const INCREMENTED: u8 = 0x04;

/// A DFP rounding method, by its number as DFP rounding mode of the FPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Rounding {
    /// To nearest, ties to even.
    NearestEven,
    /// Toward zero.
    Zero,
    /// Toward plus infinity.
    Up,
    /// Toward minus infinity.
    Down,
    /// To nearest, ties away from zero.
    NearestAway,
    /// To nearest, ties toward zero.
    NearestZero,
    /// Away from zero.
    Away,
    /// To prepare for shorter precision: truncated, and then incremented when the last digit is 0 or 5.
    PrepareShorter,
}

impl Rounding {
    /// All of them, in the order of their numbers.
    pub const ALL: [Rounding; 8] = [
        Rounding::NearestEven,
        Rounding::Zero,
        Rounding::Up,
        Rounding::Down,
        Rounding::NearestAway,
        Rounding::NearestZero,
        Rounding::Away,
        Rounding::PrepareShorter,
    ];

    /// From the DFP rounding mode of the FPC (bits 25-27).
    #[inline]
    pub fn from_fpc(fpc: u32) -> Rounding {
        Rounding::ALL[(fpc >> 4 & 7) as usize]
    }

    /// From a rounding-method field of an instruction. The first half has the methods of BFP instructions, the second the
    /// modes of the FPC; what is in neither means the FPC's mode.
    #[inline]
    pub fn from_method(method: u8, current: Rounding) -> Rounding {
        match method & 15 {
            1 => Rounding::NearestAway,
            3 => Rounding::PrepareShorter,
            4 => Rounding::NearestEven,
            5 => Rounding::Zero,
            6 => Rounding::Up,
            7 => Rounding::Down,
            m if m >= 8 => Rounding::ALL[usize::from(m & 7)],
            _ => current,
        }
    }

    /// Whether a magnitude is incremented, given its last digit that stays, the first that goes, and whether more go that are
    /// not zeros.
    #[inline]
    pub(crate) fn increments(self, negative: bool, last: u8, first_lost: u8, more: bool) -> bool {
        let inexact = first_lost != 0 || more;
        match self {
            Rounding::NearestEven => first_lost > 5 || first_lost == 5 && (more || last & 1 != 0),
            Rounding::NearestAway => first_lost >= 5,
            Rounding::NearestZero => first_lost > 5 || first_lost == 5 && more,
            Rounding::Zero => false,
            Rounding::Up => inexact && !negative,
            Rounding::Down => inexact && negative,
            Rounding::Away => inexact,
            Rounding::PrepareShorter => inexact && last.is_multiple_of(5),
        }
    }

    /// Whether overflow delivers infinity rather than the largest number.
    pub(crate) fn overflows_to_infinity(self, negative: bool) -> bool {
        match self {
            Rounding::NearestEven | Rounding::NearestAway | Rounding::NearestZero | Rounding::Away => true,
            Rounding::Zero | Rounding::PrepareShorter => false,
            Rounding::Up => !negative,
            Rounding::Down => negative,
        }
    }
}

/// What an operation is told.
#[derive(Clone, Copy, Debug)]
pub struct Env {
    /// The rounding method.
    pub rounding: Rounding,
    /// The FPC's mask byte: exceptions that trap.
    pub masks: u8,
    /// Inexact is not recognised (a bit of M4 of some instructions).
    pub suppress_inexact: bool,
}

impl Env {
    /// The environment that an FPC register value makes.
    #[inline]
    pub fn from_fpc(fpc: u32) -> Env {
        Env { rounding: Rounding::from_fpc(fpc), masks: (fpc >> 24) as u8, suppress_inexact: false }
    }

    /// The same with the rounding method of an instruction's field.
    #[inline]
    pub fn with_method(self, method: u8) -> Env {
        Env { rounding: Rounding::from_method(method, self.rounding), ..self }
    }

    /// The same with inexact suppressed or not.
    #[inline]
    pub fn with_suppress_inexact(self, suppress_inexact: bool) -> Env {
        Env { suppress_inexact, ..self }
    }

    pub(crate) fn traps(&self, exception: u8) -> bool {
        self.masks & exception != 0
    }
}

/// What an operation tells back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome<T> {
    /// The result to place, unless the trap suppresses.
    pub value: T,
    /// Flags to set, as in the FPC's flag byte.
    pub flags: u8,
    /// The data-exception code of the data exception to recognise after that, or instead.
    pub trap: Option<u8>,
}

impl<T> Outcome<T> {
    /// A result without exception.
    #[inline]
    pub fn exact(value: T) -> Outcome<T> {
        Outcome { value, flags: 0, trap: None }
    }

    /// The same exceptions with another value.
    #[inline]
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Outcome<U> {
        Outcome { value: f(self.value), flags: self.flags, trap: self.trap }
    }

    /// Whether the trap suppresses: nothing is placed, no flag is set.
    #[inline]
    pub fn is_suppressed(&self) -> bool {
        self.trap.is_some_and(|dxc| dxc & (INVALID | DIVIDE_BY_ZERO) != 0)
    }

    fn suppressing(env: &Env, exception: u8, value: T) -> Outcome<T> {
        if env.traps(exception) {
            Outcome { value, flags: 0, trap: Some(exception) }
        } else {
            Outcome { value, flags: exception, trap: None }
        }
    }

    pub(crate) fn invalid(env: &Env, value: T) -> Outcome<T> {
        Outcome::suppressing(env, INVALID, value)
    }

    pub(crate) fn divide_by_zero(env: &Env, value: T) -> Outcome<T> {
        Outcome::suppressing(env, DIVIDE_BY_ZERO, value)
    }

    /// A result with `flags` already due that is inexact or not: sets the flag or takes the trap.
    pub(crate) fn inexact(env: &Env, value: T, mut flags: u8, inexact: bool, incremented: bool) -> Outcome<T> {
        let mut trap = None;
        if inexact && !env.suppress_inexact {
            if env.traps(INEXACT) {
                trap = Some(dxc(0, true, incremented));
            } else {
                flags |= INEXACT;
            }
        }
        Outcome { value, flags, trap }
    }

    /// The same with the quantum exception, when the quantum is not the preferred one. Any other trap comes before it.
    pub(crate) fn with_quantum(self, env: &Env, differs: bool) -> Outcome<T> {
        match self.trap {
            None if differs && env.traps(QUANTUM) => Outcome { trap: Some(QUANTUM), ..self },
            None if differs => Outcome { flags: self.flags | QUANTUM, ..self },
            _ => self,
        }
    }
}

/// The data-exception code of an IEEE exception.
pub(crate) fn dxc(exception: u8, inexact: bool, incremented: bool) -> u8 {
    match (inexact, incremented) {
        (false, _) => exception,
        (true, false) => exception | INEXACT,
        (true, true) => exception | INEXACT | INCREMENTED,
    }
}
