//! Operations on vector registers as 128-bit numbers, element 0 leftmost: the meaning of each [`VectorOp`] and its kin.
//! Source: Principles of Operation, chapter 21, Vector Support Instructions; chapter 22, Vector Integer Instructions.
//!
//! The work is done by loops over arrays in memory, in functions that are not inlined: the compiler makes the host's vector
//! instructions of them, but not of arrays made of a number in general registers. Arrays are in host order: on the
//! little-endian hosts that are supported, index 0 is the rightmost element.

mod multiply;
mod permute;
pub mod string;

use softsie_cpu::Scalar;

use crate::vector_op::{VectorOp, VectorOp1, VectorOp3, VectorShift};

#[cfg(target_endian = "big")]
compile_error!("the order of elements in arrays assumes a little-endian host");

/// Arrays of integers that have 16 bytes in all.
///
/// # Safety
/// The type must be 16 bytes without padding, and any bits must be a value of it.
unsafe trait Lanes: Copy {}
macro_rules! lanes {
    ($($t:ty),*) => {$(
        // SAFETY: an array of plain integers, 16 bytes.
        unsafe impl Lanes for $t {}
        const _: () = assert!(size_of::<$t>() == 16);
    )*};
}
lanes! { [u8; 16], [u16; 8], [u32; 4], [u64; 2], [u128; 1], [i8; 16], [i16; 8], [i32; 4], [i64; 2], [i128; 1] }

/// The elements, the rightmost first.
#[inline(always)]
fn view<A: Lanes>(v: &u128) -> &A {
    const { assert!(align_of::<A>() <= align_of::<u128>()) };
    // SAFETY: both are 16 bytes, any bits are an `A`, and it needs no stricter alignment.
    unsafe { &*std::ptr::from_ref(v).cast() }
}

/// The elements, the rightmost first, to change.
#[inline(always)]
fn view_mut<A: Lanes>(v: &mut u128) -> &mut A {
    const { assert!(align_of::<A>() <= align_of::<u128>()) };
    // SAFETY: as above, and any `A` is a number.
    unsafe { &mut *std::ptr::from_mut(v).cast() }
}

/// The register that `f` writes.
#[inline(always)]
fn made(f: impl FnOnce(&mut u128)) -> u128 {
    let mut v = 0;
    f(&mut v);
    v
}

#[inline(never)]
fn map<T: Copy, const N: usize>(a: &[T; N], v: &mut [T; N], f: impl Fn(T) -> T) {
    for i in 0..N {
        v[i] = f(a[i]);
    }
}

#[inline(never)]
fn map_pairs<T: Copy, const N: usize>(a: &[T; N], b: &[T; N], v: &mut [T; N], f: impl Fn(T, T) -> T) {
    for i in 0..N {
        v[i] = f(a[i], b[i]);
    }
}

#[inline(never)]
fn map_with<T: Copy, const N: usize>(a: &[T; N], by: T, v: &mut [T; N], f: impl Fn(T, T) -> T) {
    for i in 0..N {
        v[i] = f(a[i], by);
    }
}

/// Applies a function of one element, generic over its type, to the elements of a register.
macro_rules! each_of_one {
    ($es:expr, $a:expr, $f:ident) => {
        made(|v| match $es {
            0 => map::<u8, 16>(view(&$a), view_mut(v), $f),
            1 => map::<u16, 8>(view(&$a), view_mut(v), $f),
            2 => map::<u32, 4>(view(&$a), view_mut(v), $f),
            3 => map::<u64, 2>(view(&$a), view_mut(v), $f),
            _ => map::<u128, 1>(view(&$a), view_mut(v), $f),
        })
    };
}

/// Applies a function of two elements, generic over their type, to the elements of two registers.
macro_rules! each_of_two {
    ($es:expr, $a:expr, $b:expr, $f:ident) => {
        made(|v| match $es {
            0 => map_pairs::<u8, 16>(view(&$a), view(&$b), view_mut(v), $f),
            1 => map_pairs::<u16, 8>(view(&$a), view(&$b), view_mut(v), $f),
            2 => map_pairs::<u32, 4>(view(&$a), view(&$b), view_mut(v), $f),
            3 => map_pairs::<u64, 2>(view(&$a), view(&$b), view_mut(v), $f),
            _ => map_pairs::<u128, 1>(view(&$a), view(&$b), view_mut(v), $f),
        })
    };
}

#[inline(always)]
fn ones_if<T: Scalar>(c: bool) -> T {
    if c { T::default().not() } else { T::default() }
}
#[inline(always)]
fn one_if<T: Scalar>(c: bool) -> T {
    T::truncate(u128::from(c))
}
#[inline(always)]
fn number<T: Scalar>(n: u32) -> T {
    T::truncate(u128::from(n))
}
/// A shift amount: modulo the width.
#[inline(always)]
fn amount<T: Scalar>(y: T) -> u32 {
    y.widen() as u32 & (T::BITS - 1)
}

#[inline(always)]
fn leading_zeros<T: Scalar>(x: T) -> T {
    number(x.leading_zeros())
}
#[inline(always)]
fn trailing_zeros<T: Scalar>(x: T) -> T {
    number(x.trailing_zeros())
}
#[inline(always)]
fn count_ones<T: Scalar>(x: T) -> T {
    number(x.count_ones())
}
#[inline(always)]
fn negate<T: Scalar>(x: T) -> T {
    T::default().sub(x)
}
#[inline(always)]
fn absolute<T: Scalar>(x: T) -> T {
    if x.signed_lt(T::default()) { negate(x) } else { x }
}
#[inline(always)]
fn swap_bytes<T: Scalar>(x: T) -> T {
    x.swap_bytes()
}
#[inline(always)]
fn add<T: Scalar>(x: T, y: T) -> T {
    x.add(y)
}
#[inline(always)]
fn subtract<T: Scalar>(x: T, y: T) -> T {
    x.sub(y)
}
#[inline(always)]
fn add_carry<T: Scalar>(x: T, y: T) -> T {
    one_if(x.add(y) < x)
}
#[inline(always)]
fn subtract_borrow<T: Scalar>(x: T, y: T) -> T {
    one_if(x >= y)
}
#[inline(always)]
fn equal<T: Scalar>(x: T, y: T) -> T {
    ones_if(x == y)
}
#[inline(always)]
fn high<T: Scalar>(x: T, y: T) -> T {
    ones_if(y.signed_lt(x))
}
#[inline(always)]
fn high_logical<T: Scalar>(x: T, y: T) -> T {
    ones_if(x > y)
}
#[inline(always)]
fn maximum<T: Scalar>(x: T, y: T) -> T {
    if x.signed_lt(y) { y } else { x }
}
#[inline(always)]
fn maximum_logical<T: Scalar>(x: T, y: T) -> T {
    x.max(y)
}
#[inline(always)]
fn minimum<T: Scalar>(x: T, y: T) -> T {
    if x.signed_lt(y) { x } else { y }
}
#[inline(always)]
fn minimum_logical<T: Scalar>(x: T, y: T) -> T {
    x.min(y)
}
/// (x + y + 1) / 2, without the bit that the sum may need more.
#[inline(always)]
fn average<T: Scalar>(x: T, y: T) -> T {
    x.or(y).sub(x.xor(y).sar(1))
}
#[inline(always)]
fn average_logical<T: Scalar>(x: T, y: T) -> T {
    x.or(y).sub(x.xor(y).shr(1))
}
#[inline(always)]
fn shift_left<T: Scalar>(x: T, y: T) -> T {
    x.shl(amount(y))
}
#[inline(always)]
fn shift_right<T: Scalar>(x: T, y: T) -> T {
    x.shr(amount(y))
}
#[inline(always)]
fn shift_right_arithmetic<T: Scalar>(x: T, y: T) -> T {
    x.sar(amount(y))
}
#[inline(always)]
fn rotate_left<T: Scalar>(x: T, y: T) -> T {
    x.rotate_left(amount(y))
}
#[inline(always)]
fn multiply_low<T: Scalar>(x: T, y: T) -> T {
    x.mul(y)
}

/// A register that has `element` in each place.
#[inline(always)]
pub fn splat<T: Scalar>(element: T) -> u128 {
    if T::BYTES == 16 {
        return element.widen();
    }
    let ones = u64::MAX / (u64::MAX >> (64 - T::BITS));
    let doubleword = (element.widen() as u64).wrapping_mul(ones);
    u128::from(doubleword) << 64 | u128::from(doubleword)
}

/// The result of `op` on elements of 2^`es` bytes.
#[inline(always)]
pub fn apply1(op: VectorOp1, es: u8, a: u128) -> u128 {
    match op {
        VectorOp1::LeadingZeros => each_of_one!(es, a, leading_zeros),
        VectorOp1::TrailingZeros => each_of_one!(es, a, trailing_zeros),
        VectorOp1::CountOnes => each_of_one!(es, a, count_ones),
        VectorOp1::Negate => each_of_one!(es, a, negate),
        VectorOp1::Absolute => each_of_one!(es, a, absolute),
        VectorOp1::SwapBytes => each_of_one!(es, a, swap_bytes),
        VectorOp1::ReverseElements => {
            let a = a.swap_bytes();
            each_of_one!(es, a, swap_bytes)
        }
        VectorOp1::UnpackHigh => made(|v| permute::unpack(es, &a, true, v)),
        VectorOp1::UnpackHighLogical => made(|v| permute::unpack_logical(es, &a, true, v)),
        VectorOp1::UnpackLow => made(|v| permute::unpack(es, &a, false, v)),
        VectorOp1::UnpackLowLogical => made(|v| permute::unpack_logical(es, &a, false, v)),
        VectorOp1::SignExtendToDoubleword => permute::sign_extend_to_doubleword(es, a),
    }
}

/// The result of `op` on elements of 2^`es` bytes.
#[inline(always)]
pub fn apply(op: VectorOp, es: u8, a: u128, b: u128) -> u128 {
    match op {
        VectorOp::Add => each_of_two!(es, a, b, add),
        VectorOp::Subtract => each_of_two!(es, a, b, subtract),
        VectorOp::AddCarry => each_of_two!(es, a, b, add_carry),
        VectorOp::SubtractBorrow => each_of_two!(es, a, b, subtract_borrow),
        VectorOp::And => a & b,
        VectorOp::AndComplement => a & !b,
        VectorOp::Or => a | b,
        VectorOp::OrComplement => a | !b,
        VectorOp::Xor => a ^ b,
        VectorOp::Nand => !(a & b),
        VectorOp::Nor => !(a | b),
        VectorOp::NotXor => !(a ^ b),
        VectorOp::CompareEqual => each_of_two!(es, a, b, equal),
        VectorOp::CompareHigh => each_of_two!(es, a, b, high),
        VectorOp::CompareHighLogical => each_of_two!(es, a, b, high_logical),
        VectorOp::Maximum => each_of_two!(es, a, b, maximum),
        VectorOp::MaximumLogical => each_of_two!(es, a, b, maximum_logical),
        VectorOp::Minimum => each_of_two!(es, a, b, minimum),
        VectorOp::MinimumLogical => each_of_two!(es, a, b, minimum_logical),
        VectorOp::Average => each_of_two!(es, a, b, average),
        VectorOp::AverageLogical => each_of_two!(es, a, b, average_logical),
        VectorOp::ShiftLeft => each_of_two!(es, a, b, shift_left),
        VectorOp::ShiftRightLogical => each_of_two!(es, a, b, shift_right),
        VectorOp::ShiftRightArithmetic => each_of_two!(es, a, b, shift_right_arithmetic),
        VectorOp::RotateLeft => each_of_two!(es, a, b, rotate_left),
        VectorOp::MultiplyLow => each_of_two!(es, a, b, multiply_low),
        VectorOp::MultiplyHigh => made(|v| multiply::add_high(es, &a, &b, &0, v)),
        VectorOp::MultiplyHighLogical => made(|v| multiply::add_high_logical(es, &a, &b, &0, v)),
        VectorOp::MultiplyEven => made(|v| multiply::even(es, &a, &b, v)),
        VectorOp::MultiplyEvenLogical => made(|v| multiply::even_logical(es, &a, &b, v)),
        VectorOp::MultiplyOdd => made(|v| multiply::odd(es, &a, &b, v)),
        VectorOp::MultiplyOddLogical => made(|v| multiply::odd_logical(es, &a, &b, v)),
        VectorOp::GaloisMultiply => made(|v| multiply::galois(es, &a, &b, v)),
        VectorOp::SumWord => made(|v| multiply::sum_word(es, &a, &b, v)),
        VectorOp::SumDoubleword => made(|v| multiply::sum_doubleword(es, &a, &b, v)),
        VectorOp::SumQuadword => made(|v| multiply::sum_quadword(es, &a, &b, v)),
        VectorOp::Checksum => multiply::checksum(a, b),
        VectorOp::MergeHigh => made(|v| permute::merge(es, &a, &b, true, v)),
        VectorOp::MergeLow => made(|v| permute::merge(es, &a, &b, false, v)),
        VectorOp::Pack => made(|v| permute::pack(es, &a, &b, v)),
        VectorOp::PackSaturate => made(|v| permute::pack_saturate(es, &a, &b, v)),
        VectorOp::PackSaturateLogical => made(|v| permute::pack_saturate_logical(es, &a, &b, v)),
        VectorOp::PackSaturated => made(|v| permute::pack_saturated(es, &a, &b, v)),
        VectorOp::PackSaturatedLogical => made(|v| permute::pack_saturated_logical(es, &a, &b, v)),
        VectorOp::BitPermute => permute::bit_permute(a, b),
        VectorOp::BitShiftLeft => made(|v| permute::bit_shift_left(&a, &b, v)),
        VectorOp::BitShiftRight => made(|v| permute::bit_shift_right(&a, &b, 0, v)),
        VectorOp::BitShiftRightArithmetic => made(|v| permute::bit_shift_right(&a, &b, ((a as i128) >> 127) as u8, v)),
        VectorOp::ByteShiftLeft => a << permute::byte_shift_amount(b),
        VectorOp::ByteShiftRight => a >> permute::byte_shift_amount(b),
        VectorOp::ByteShiftRightArithmetic => ((a as i128) >> permute::byte_shift_amount(b)) as u128,
    }
}

/// The result of `op` on elements of 2^`es` bytes.
#[inline(always)]
pub fn apply3(op: VectorOp3, es: u8, a: u128, b: u128, c: u128) -> u128 {
    match op {
        VectorOp3::Select => a & c | b & !c,
        VectorOp3::Permute => made(|v| permute::permute(&a, &b, &c, v)),
        VectorOp3::MultiplyAddHigh => made(|v| multiply::add_high(es, &a, &b, &c, v)),
        VectorOp3::MultiplyAddHighLogical => made(|v| multiply::add_high_logical(es, &a, &b, &c, v)),
    }
}

/// All elements of 2^`es` bytes shifted by `amount`.
#[inline(always)]
pub fn shift(op: VectorShift, es: u8, a: u128, amount: u32) -> u128 {
    macro_rules! by_amount {
        ($f:ident) => {
            made(|v| match es {
                0 => map_with::<u8, 16>(view(&a), amount as u8, view_mut(v), $f),
                1 => map_with::<u16, 8>(view(&a), amount as u16, view_mut(v), $f),
                2 => map_with::<u32, 4>(view(&a), amount, view_mut(v), $f),
                3 => map_with::<u64, 2>(view(&a), u64::from(amount), view_mut(v), $f),
                _ => map_with::<u128, 1>(view(&a), u128::from(amount), view_mut(v), $f),
            })
        };
    }
    match op {
        VectorShift::Left => by_amount!(shift_left),
        VectorShift::RightLogical => by_amount!(shift_right),
        VectorShift::RightArithmetic => by_amount!(shift_right_arithmetic),
        VectorShift::RotateLeft => by_amount!(rotate_left),
    }
}
