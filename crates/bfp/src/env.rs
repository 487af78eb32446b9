//! What an operation is told (rounding, masks) and what it tells back (flags, traps).
//!
//! Truth: Principles of Operation, chapter 9, "Floating-point-control (FPC) register", "IEEE exceptions" and
//! "Data-exception codes (DXC)". Bit positions below are those of the FPC and of the DXC.

/// The IEEE exceptions, as a set. Bits lie as in the FPC's mask byte, flag byte and, for IEEE exceptions, in the DXC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(u8);

impl Flags {
    /// No exception.
    pub const NONE: Flags = Flags(0);
    /// IEEE invalid operation.
    pub const INVALID: Flags = Flags(0x80);
    /// IEEE division by zero.
    pub const DIVIDE_BY_ZERO: Flags = Flags(0x40);
    /// IEEE overflow.
    pub const OVERFLOW: Flags = Flags(0x20);
    /// IEEE underflow.
    pub const UNDERFLOW: Flags = Flags(0x10);
    /// IEEE inexact.
    pub const INEXACT: Flags = Flags(0x08);

    /// From a mask or flag byte of the FPC; bits that are no BFP exception are dropped.
    #[inline]
    pub const fn from_byte(byte: u8) -> Flags {
        Flags(byte & 0xF8)
    }

    /// As a mask or flag byte of the FPC.
    #[inline]
    pub const fn byte(self) -> u8 {
        self.0
    }

    /// Whether all of `other` are in this set.
    #[inline]
    pub const fn has(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether the set is empty.
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl std::ops::BitOr for Flags {
    type Output = Flags;
    #[inline]
    fn bitor(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }
}

impl std::ops::BitOrAssign for Flags {
    #[inline]
    fn bitor_assign(&mut self, other: Flags) {
        self.0 |= other.0;
    }
}

/// A BFP rounding method.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rounding {
    /// Round to nearest, ties to even.
    #[default]
    NearestEven,
    /// Round to nearest, ties away from zero.
    NearestAway,
    /// Round toward zero.
    Zero,
    /// Round toward plus infinity.
    Up,
    /// Round toward minus infinity.
    Down,
    /// Round to prepare for shorter precision: truncate, and make an inexact result odd.
    PrepareShorter,
    /// Round to nearest, ties toward zero: of conversions between radices only.
    NearestZero,
    /// Round away from zero: of conversions between radices only.
    Away,
}

impl Rounding {
    /// From the BFP rounding mode (bits 29-31) of the FPC. Modes 4 to 6 are reserved: `None`.
    #[inline]
    pub const fn from_mode(mode: u32) -> Option<Rounding> {
        match mode {
            0 => Some(Rounding::NearestEven),
            1 => Some(Rounding::Zero),
            2 => Some(Rounding::Up),
            3 => Some(Rounding::Down),
            7 => Some(Rounding::PrepareShorter),
            _ => None,
        }
    }

    /// From a rounding-method field of an instruction (M3 of CONVERT TO FIXED and the like); 0 means the FPC's mode.
    /// Other values than 0, 1 and 3 to 7 are a specification exception: `None`.
    #[inline]
    pub const fn from_method(method: u32, current: Rounding) -> Option<Rounding> {
        match method {
            0 => Some(current),
            1 => Some(Rounding::NearestAway),
            3 => Some(Rounding::PrepareShorter),
            4 => Some(Rounding::NearestEven),
            5 => Some(Rounding::Zero),
            6 => Some(Rounding::Up),
            7 => Some(Rounding::Down),
            _ => None,
        }
    }
}

/// What an operation is told.
#[derive(Clone, Copy, Debug)]
pub struct Env {
    /// The rounding method.
    pub rounding: Rounding,
    /// The exceptions whose mask bit is one: they trap.
    pub masks: Flags,
    /// Flags that are one already, so that it does not matter whether they are reported again. The host path saves the
    /// test for an inexact result when it knows that the flag is set.
    pub known: Flags,
    /// Inexact is not recognised (the XxC bit of the instruction's M4).
    pub suppress_inexact: bool,
    /// Whether the host's FPU may be used. The results are the same; the switch is for tests and measurements.
    pub host: bool,
}

impl Env {
    /// The environment that an FPC register value makes. A reserved rounding mode, which no instruction lets a program
    /// set, reads as round to nearest.
    #[inline]
    pub const fn from_fpc(fpc: u32) -> Env {
        let rounding = match Rounding::from_mode(fpc & 7) {
            Some(rounding) => rounding,
            None => Rounding::NearestEven,
        };
        Env {
            rounding,
            masks: Flags::from_byte((fpc >> 24) as u8),
            known: Flags::from_byte((fpc >> 16) as u8),
            suppress_inexact: false,
            host: true,
        }
    }

    /// The same with another rounding method.
    #[inline]
    pub const fn with_rounding(self, rounding: Rounding) -> Env {
        Env { rounding, ..self }
    }

    /// The same with inexact suppressed or not.
    #[inline]
    pub const fn with_suppress_inexact(self, suppress_inexact: bool) -> Env {
        Env { suppress_inexact, ..self }
    }

    #[inline]
    pub(crate) fn traps(&self, exception: Flags) -> bool {
        self.masks.has(exception)
    }
}

/// An IEEE exception whose mask bit is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trap {
    /// The data-exception code: the exception, 08 when inexact, 0C when inexact and incremented.
    pub dxc: u8,
}

impl Trap {
    pub(crate) fn new(exception: Flags, inexact: bool, incremented: bool) -> Trap {
        let rest = match (inexact, incremented) {
            (false, _) => 0,
            (true, false) => 0x08,
            (true, true) => 0x0C,
        };
        Trap { dxc: exception.0 | rest }
    }

    /// Whether the operation is suppressed (nothing is placed, no condition code set) rather than completed.
    #[inline]
    pub const fn suppresses(self) -> bool {
        self.dxc & 0xC0 != 0
    }

    /// The vector-interrupt code that a vector instruction reports for it.
    #[inline]
    pub const fn vic(self) -> u8 {
        match self.dxc {
            d if d & 0x80 != 0 => 1,
            d if d & 0x40 != 0 => 2,
            d if d & 0x20 != 0 => 3,
            d if d & 0x10 != 0 => 4,
            _ => 5,
        }
    }
}

/// What an operation tells back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome<T> {
    /// The result to place, unless the trap suppresses. For overflow and underflow traps it is the scaled result.
    pub value: T,
    /// The flags to set in the FPC.
    pub flags: Flags,
    /// The data exception to recognise after placing the result, or instead.
    pub trap: Option<Trap>,
}

impl<T> Outcome<T> {
    /// A result without exception.
    #[inline]
    pub fn exact(value: T) -> Outcome<T> {
        Outcome { value, flags: Flags::NONE, trap: None }
    }

    /// The same exceptions with another value.
    #[inline]
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Outcome<U> {
        Outcome { value: f(self.value), flags: self.flags, trap: self.trap }
    }

    /// A result of an operation with an exception that suppresses when it traps.
    #[inline]
    fn suppressing(env: &Env, exception: Flags, value: T) -> Outcome<T> {
        if env.traps(exception) {
            Outcome { value, flags: Flags::NONE, trap: Some(Trap::new(exception, false, false)) }
        } else {
            Outcome { value, flags: exception, trap: None }
        }
    }

    pub(crate) fn invalid(env: &Env, value: T) -> Outcome<T> {
        Outcome::suppressing(env, Flags::INVALID, value)
    }

    pub(crate) fn divide_by_zero(env: &Env, value: T) -> Outcome<T> {
        Outcome::suppressing(env, Flags::DIVIDE_BY_ZERO, value)
    }

    /// A result with `flags` already due that is inexact or not: sets the flag or takes the trap.
    pub(crate) fn inexact(env: &Env, value: T, mut flags: Flags, inexact: bool, incremented: bool) -> Outcome<T> {
        let mut trap = None;
        if inexact && !env.suppress_inexact {
            if env.traps(Flags::INEXACT) {
                trap = Some(Trap::new(Flags::NONE, true, incremented));
            } else {
                flags |= Flags::INEXACT;
            }
        }
        Outcome { value, flags, trap }
    }
}
