//! Element-wise arithmetic on vector registers as 128-bit numbers, element 0 leftmost.
//! Source: Principles of Operation, chapter 22, Vector Integer Instructions.

use crate::machine::VectorOp;

/// Applies `f` to each pair of elements of 2^`es` bytes.
macro_rules! each {
    ($a:expr, $b:expr, $u:ty, $f:expr) => {{
        const N: usize = 16 / size_of::<$u>();
        // Host order of elements does not matter: both sides are cut and put together the same way.
        // SAFETY: plain integers of the same total size.
        let (a, b): ([$u; N], [$u; N]) = unsafe { (std::mem::transmute($a), std::mem::transmute($b)) };
        let mut v = [0 as $u; N];
        for i in 0..N {
            v[i] = $f(a[i], b[i]);
        }
        // SAFETY: as above.
        unsafe { std::mem::transmute::<[$u; N], u128>(v) }
    }};
}

macro_rules! by_size {
    ($es:expr, $a:expr, $b:expr, $f:ident) => {
        match $es {
            0 => each!($a, $b, u8, |x: u8, y: u8| $f!(x, y, u8, i8)),
            1 => each!($a, $b, u16, |x: u16, y: u16| $f!(x, y, u16, i16)),
            2 => each!($a, $b, u32, |x: u32, y: u32| $f!(x, y, u32, i32)),
            3 => each!($a, $b, u64, |x: u64, y: u64| $f!(x, y, u64, i64)),
            _ => each!($a, $b, u128, |x: u128, y: u128| $f!(x, y, u128, i128)),
        }
    };
}

macro_rules! add {
    ($x:ident, $y:ident, $u:ty, $i:ty) => {
        $x.wrapping_add($y)
    };
}
macro_rules! subtract {
    ($x:ident, $y:ident, $u:ty, $i:ty) => {
        $x.wrapping_sub($y)
    };
}
macro_rules! equal {
    ($x:ident, $y:ident, $u:ty, $i:ty) => {
        if $x == $y { <$u>::MAX } else { 0 }
    };
}
macro_rules! high {
    ($x:ident, $y:ident, $u:ty, $i:ty) => {
        if ($x as $i) > ($y as $i) { <$u>::MAX } else { 0 }
    };
}
macro_rules! high_logical {
    ($x:ident, $y:ident, $u:ty, $i:ty) => {
        if $x > $y { <$u>::MAX } else { 0 }
    };
}
macro_rules! maximum {
    ($x:ident, $y:ident, $u:ty, $i:ty) => {
        ($x as $i).max($y as $i) as $u
    };
}
macro_rules! minimum {
    ($x:ident, $y:ident, $u:ty, $i:ty) => {
        ($x as $i).min($y as $i) as $u
    };
}
macro_rules! maximum_logical {
    ($x:ident, $y:ident, $u:ty, $i:ty) => {
        $x.max($y)
    };
}
macro_rules! minimum_logical {
    ($x:ident, $y:ident, $u:ty, $i:ty) => {
        $x.min($y)
    };
}

/// The result of `op` on elements of 2^`es` bytes.
#[inline]
pub fn apply(op: VectorOp, es: u8, a: u128, b: u128) -> u128 {
    match op {
        VectorOp::Add => by_size!(es, a, b, add),
        VectorOp::Subtract => by_size!(es, a, b, subtract),
        VectorOp::And => a & b,
        VectorOp::AndComplement => a & !b,
        VectorOp::Or => a | b,
        VectorOp::Xor => a ^ b,
        VectorOp::CompareEqual => by_size!(es, a, b, equal),
        VectorOp::CompareHigh => by_size!(es, a, b, high),
        VectorOp::CompareHighLogical => by_size!(es, a, b, high_logical),
        VectorOp::Maximum => by_size!(es, a, b, maximum),
        VectorOp::MaximumLogical => by_size!(es, a, b, maximum_logical),
        VectorOp::Minimum => by_size!(es, a, b, minimum),
        VectorOp::MinimumLogical => by_size!(es, a, b, minimum_logical),
    }
}
