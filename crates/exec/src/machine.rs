//! The machine trait: what a simple instruction may ask for. Implemented by the CPU itself (below: computes at once) and
//! by the emitter of crate `jit` (generates code). Source: docs/decisions.md, one semantics and two engines.

use softsie_cpu::{AddressSpace, Cpu, Cr0, Exit, Handler, ProgramCode, PswMask, Scalar};
use softsie_isa::Operands;

use crate::bfp_op::{Bfp, BfpOp, Modifiers, VectorBfp};
use crate::operand::Ea;
use crate::semantics::{bfp, bfp_convert, lanes};
use crate::vector_op::{VectorOp, VectorOp1, VectorOp3, VectorShift};

/// What an interlocked update does with the storage operand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)] // the names say it
pub enum Update {
    Add,
    And,
    Or,
    Xor,
}

/// What an instruction does with two storage operands of one length, from left to right.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum StorageOp {
    Move,
    /// The first operand becomes zero, CC 0; the second is the first.
    Clear,
    /// CC 0 equal, 1 first low, 2 first high.
    Compare,
    /// CC 0 when the result is zero, else 1.
    And,
    Or,
    Xor,
}

/// An engine as instruction semantics see it. Values are of a width ([`Scalar`]); conditions are separate, so that an
/// emitter can fuse them with branches.
pub trait Machine: Sized {
    /// A value of type `T`.
    type Val<T: Scalar>: Copy;
    /// A truth value.
    type Cond: Copy;

    /// A constant.
    fn imm<T: Scalar>(&mut self, v: T) -> Self::Val<T>;
    /// The rightmost bits of general register `r`.
    fn gr<T: Scalar>(&mut self, r: u8) -> Self::Val<T>;
    /// Replaces the rightmost bits of general register `r`; the others stay.
    fn set_gr<T: Scalar>(&mut self, r: u8, v: Self::Val<T>);
    /// Bits 0-31 of general register `r`.
    fn gr_high(&mut self, r: u8) -> Self::Val<u32>;
    /// Replaces bits 0-31 of general register `r`.
    fn set_gr_high(&mut self, r: u8, v: Self::Val<u32>);
    /// Puts an address into general register `r` as the addressing mode says: in 64-bit mode all of it, else bits 32-63.
    fn set_gr_address(&mut self, r: u8, v: Self::Val<u64>);
    /// Access register `r`.
    fn ar(&mut self, r: u8) -> Self::Val<u32>;
    /// Replaces access register `r`.
    fn set_ar(&mut self, r: u8, v: Self::Val<u32>);
    /// The leftmost bits of floating-point register `r`.
    fn fr<T: Scalar>(&mut self, r: u8) -> Self::Val<T>;
    /// Replaces the leftmost bits of floating-point register `r`; the others stay.
    fn set_fr<T: Scalar>(&mut self, r: u8, v: Self::Val<T>);
    /// Vector register `v`.
    fn vr(&mut self, v: u8) -> Self::Val<u128>;
    /// Replaces vector register `v`.
    fn set_vr(&mut self, v: u8, value: Self::Val<u128>);

    /// Zero extension.
    fn zext<F: Scalar, T: Scalar>(&mut self, v: Self::Val<F>) -> Self::Val<T>;
    /// Sign extension.
    fn sext<F: Scalar, T: Scalar>(&mut self, v: Self::Val<F>) -> Self::Val<T>;
    /// The rightmost bits.
    fn trunc<F: Scalar, T: Scalar>(&mut self, v: Self::Val<F>) -> Self::Val<T>;

    /// Two doublewords as one number.
    fn join(&mut self, high: Self::Val<u64>, low: Self::Val<u64>) -> Self::Val<u128>;
    /// The high and low doubleword of a number.
    fn split(&mut self, v: Self::Val<u128>) -> (Self::Val<u64>, Self::Val<u64>);

    /// Sum.
    fn add<T: Scalar>(&mut self, a: Self::Val<T>, b: Self::Val<T>) -> Self::Val<T>;
    /// Difference.
    fn sub<T: Scalar>(&mut self, a: Self::Val<T>, b: Self::Val<T>) -> Self::Val<T>;
    /// Product, low half.
    fn mul<T: Scalar>(&mut self, a: Self::Val<T>, b: Self::Val<T>) -> Self::Val<T>;
    /// Sum and signed overflow.
    fn add_signed<T: Scalar>(&mut self, a: Self::Val<T>, b: Self::Val<T>) -> (Self::Val<T>, Self::Cond);
    /// Difference and signed overflow.
    fn sub_signed<T: Scalar>(&mut self, a: Self::Val<T>, b: Self::Val<T>) -> (Self::Val<T>, Self::Cond);
    /// Product and signed overflow.
    fn mul_signed<T: Scalar>(&mut self, a: Self::Val<T>, b: Self::Val<T>) -> (Self::Val<T>, Self::Cond);
    /// Sum and carry.
    fn add_carry<T: Scalar>(&mut self, a: Self::Val<T>, b: Self::Val<T>) -> (Self::Val<T>, Self::Cond);
    /// Difference and borrow.
    fn sub_borrow<T: Scalar>(&mut self, a: Self::Val<T>, b: Self::Val<T>) -> (Self::Val<T>, Self::Cond);
    /// Sum of the operands, and of one when `carry`; and the carry out.
    fn add_with_carry<T: Scalar>(
        &mut self,
        a: Self::Val<T>,
        b: Self::Val<T>,
        carry: Self::Cond,
    ) -> (Self::Val<T>, Self::Cond) {
        add_in_two_steps(self, a, b, carry)
    }
    /// Difference of the operands, less one when `borrow`; and the borrow out.
    fn sub_with_borrow<T: Scalar>(
        &mut self,
        a: Self::Val<T>,
        b: Self::Val<T>,
        borrow: Self::Cond,
    ) -> (Self::Val<T>, Self::Cond) {
        subtract_in_two_steps(self, a, b, borrow)
    }
    /// 1 when `c`, else 0.
    fn number<T: Scalar>(&mut self, c: Self::Cond) -> Self::Val<T> {
        let (zero, one) = (self.imm(T::default()), self.imm(T::truncate(1)));
        self.select(c, one, zero)
    }
    /// And.
    fn and<T: Scalar>(&mut self, a: Self::Val<T>, b: Self::Val<T>) -> Self::Val<T>;
    /// Or.
    fn or<T: Scalar>(&mut self, a: Self::Val<T>, b: Self::Val<T>) -> Self::Val<T>;
    /// Exclusive or.
    fn xor<T: Scalar>(&mut self, a: Self::Val<T>, b: Self::Val<T>) -> Self::Val<T>;
    /// Not.
    fn not<T: Scalar>(&mut self, a: Self::Val<T>) -> Self::Val<T>;
    /// Quotient and remainder, unsigned. The semantics have raised the exceptions before: what a zero divisor gives is
    /// not used.
    fn div_rem<T: Scalar>(&mut self, a: Self::Val<T>, b: Self::Val<T>) -> (Self::Val<T>, Self::Val<T>);
    /// Quotient rounded toward zero and remainder with the dividend's sign. What a zero divisor or an overflow gives is
    /// not used.
    fn div_rem_signed<T: Scalar>(&mut self, a: Self::Val<T>, b: Self::Val<T>) -> (Self::Val<T>, Self::Val<T>);
    /// Unsigned quotient and remainder of a dividend of two doublewords; a fixed-point-divide exception when the quotient
    /// has more than one.
    fn div_rem_wide(
        &mut self,
        high: Self::Val<u64>,
        low: Self::Val<u64>,
        divisor: Self::Val<u64>,
    ) -> Result<[Self::Val<u64>; 2], Exit>;
    /// Left shift by 0 to 63; amounts of the width or more give zero.
    fn shl<T: Scalar>(&mut self, a: Self::Val<T>, amount: Self::Val<u32>) -> Self::Val<T>;
    /// Logical right shift by 0 to 63; amounts of the width or more give zero.
    fn shr<T: Scalar>(&mut self, a: Self::Val<T>, amount: Self::Val<u32>) -> Self::Val<T>;
    /// Arithmetic right shift by 0 to 63; amounts of the width or more give the sign.
    fn sar<T: Scalar>(&mut self, a: Self::Val<T>, amount: Self::Val<u32>) -> Self::Val<T>;
    /// Left rotation; the amount counts modulo the width.
    fn rotl<T: Scalar>(&mut self, a: Self::Val<T>, amount: Self::Val<u32>) -> Self::Val<T>;
    /// Number of leading zeros, the width for zero.
    fn leading_zeros<T: Scalar>(&mut self, a: Self::Val<T>) -> Self::Val<T>;
    /// Number of trailing zeros, the width for zero.
    fn trailing_zeros<T: Scalar>(&mut self, a: Self::Val<T>) -> Self::Val<T>;
    /// Number of ones.
    fn count_ones<T: Scalar>(&mut self, a: Self::Val<T>) -> Self::Val<T>;
    /// Bytes reversed.
    fn swap_bytes<T: Scalar>(&mut self, a: Self::Val<T>) -> Self::Val<T>;

    /// a = b.
    fn eq<T: Scalar>(&mut self, a: Self::Val<T>, b: Self::Val<T>) -> Self::Cond;
    /// a < b, signed.
    fn lt_signed<T: Scalar>(&mut self, a: Self::Val<T>, b: Self::Val<T>) -> Self::Cond;
    /// a < b, unsigned.
    fn lt<T: Scalar>(&mut self, a: Self::Val<T>, b: Self::Val<T>) -> Self::Cond;
    /// A condition that is known.
    fn known(&mut self, c: bool) -> Self::Cond;
    /// Negation.
    fn not_cond(&mut self, c: Self::Cond) -> Self::Cond;
    /// Both.
    fn both(&mut self, a: Self::Cond, b: Self::Cond) -> Self::Cond;
    /// Either.
    fn either(&mut self, a: Self::Cond, b: Self::Cond) -> Self::Cond;
    /// `a` when `c`, else `b`.
    fn select<T: Scalar>(&mut self, c: Self::Cond, a: Self::Val<T>, b: Self::Val<T>) -> Self::Val<T>;

    /// CC 0 when zero, else 1.
    fn cc_zero<T: Scalar>(&mut self, v: Self::Val<T>);
    /// CC 0 zero, 1 negative, 2 positive.
    fn cc_signed<T: Scalar>(&mut self, v: Self::Val<T>);
    /// As [`Machine::cc_signed`], but 3 when `overflow`.
    fn cc_signed_overflow<T: Scalar>(&mut self, v: Self::Val<T>, overflow: Self::Cond);
    /// CC of add logical: bit 0 (value 2) is the carry, bit 1 (value 1) says not zero.
    fn cc_add_logical<T: Scalar>(&mut self, v: Self::Val<T>, carry: Self::Cond);
    /// CC of subtract logical: 1 borrow, 2 zero, 3 neither.
    fn cc_subtract_logical<T: Scalar>(&mut self, v: Self::Val<T>, borrow: Self::Cond);
    /// CC 0 equal, 1 first low, 2 first high; signed.
    fn cc_compare_signed<T: Scalar>(&mut self, a: Self::Val<T>, b: Self::Val<T>);
    /// CC 0 equal, 1 first low, 2 first high; unsigned.
    fn cc_compare<T: Scalar>(&mut self, a: Self::Val<T>, b: Self::Val<T>);
    /// CC of TEST UNDER MASK: `bits` are the tested bits of the operand, `mask` the tested positions. 0 all zero (or empty
    /// mask), 3 all ones, else 1; with `leftmost` 2 instead of 1 when the leftmost tested bit is one.
    fn cc_test_under_mask<T: Scalar>(&mut self, bits: Self::Val<T>, mask: T, leftmost: bool);
    /// Sets the CC to a value from 0 to 3.
    fn set_cc(&mut self, cc: Self::Val<u8>);
    /// The CC.
    fn cc(&mut self) -> Self::Val<u8>;
    /// Whether the CC is one that `mask` (8, 4, 2, 1 for CC 0, 1, 2, 3) selects.
    fn cc_is(&mut self, mask: u8) -> Self::Cond;

    /// An address cut to the addressing mode.
    fn wrap(&mut self, address: Self::Val<u64>) -> Self::Val<u64>;
    /// Fetches an operand.
    fn load<T: Scalar>(&mut self, ea: Ea<Self::Val<u64>>) -> Result<Self::Val<T>, Exit>;
    /// Stores an operand.
    fn store<T: Scalar>(&mut self, ea: Ea<Self::Val<u64>>, v: Self::Val<T>) -> Result<(), Exit>;
    /// Fetches an operand when `c`, else gives `otherwise` and recognises no exception.
    fn load_if<T: Scalar>(
        &mut self,
        c: Self::Cond,
        ea: Ea<Self::Val<u64>>,
        otherwise: Self::Val<T>,
    ) -> Result<Self::Val<T>, Exit>;
    /// Stores an operand when `c`, else does nothing.
    fn store_if<T: Scalar>(&mut self, c: Self::Cond, ea: Ea<Self::Val<u64>>, v: Self::Val<T>) -> Result<(), Exit>;
    /// Replaces the operand by itself combined with `v` and returns what it was: an interlocked update when it is on an
    /// integral boundary.
    fn update<T: Scalar>(&mut self, op: Update, ea: Ea<Self::Val<u64>>, v: Self::Val<T>) -> Result<Self::Val<T>, Exit>;
    /// Fetches `count` operands side by side, at most 16, or none of them.
    fn load_many<T: Scalar>(
        &mut self,
        ea: Ea<Self::Val<u64>>,
        count: usize,
    ) -> Result<[Option<Self::Val<T>>; 16], Exit>;
    /// Stores operands side by side, at most 16, or none of them.
    fn store_many<T: Scalar>(
        &mut self,
        ea: Ea<Self::Val<u64>>,
        values: &[Option<Self::Val<T>>; 16],
    ) -> Result<(), Exit>;
    /// Does `op` with two operands of `length` bytes, 1 to 256, and sets the CC.
    fn storage(
        &mut self,
        op: StorageOp,
        first: Ea<Self::Val<u64>>,
        second: Ea<Self::Val<u64>>,
        length: u64,
    ) -> Result<(), Exit>;
    /// By how many bits LOAD LOGICAL AND SHIFT GUARDED shifts.
    fn guarded_load_shift(&mut self) -> Self::Val<u32>;
    /// Recognises a guarded-storage event of an instruction that has fetched `pointer` from `ea`; `shifted` when it has
    /// shifted it.
    fn guard(
        &mut self,
        o: &Operands,
        ea: Ea<Self::Val<u64>>,
        pointer: Self::Val<u64>,
        shifted: bool,
    ) -> Result<(), Exit>;
    /// Recognises access exceptions of a store of `length` bytes (at most a page) before anything is stored.
    fn probe_store(&mut self, ea: Ea<Self::Val<u64>>, length: u64) -> Result<(), Exit>;
    /// Fetches `T` from beside the instruction: an instruction-space operand, relative to the instruction.
    fn load_relative<T: Scalar>(&mut self, o: &Operands) -> Result<Self::Val<T>, Exit>;
    /// Stores beside the instruction.
    fn store_relative<T: Scalar>(&mut self, o: &Operands, v: Self::Val<T>) -> Result<(), Exit>;
    /// Compare and swap, an interlocked update: the value found, and whether it was replaced. Specification exception
    /// when not on an integral boundary.
    fn compare_and_swap<T: Scalar>(
        &mut self,
        ea: Ea<Self::Val<u64>>,
        expected: Self::Val<T>,
        new: Self::Val<T>,
    ) -> Result<(Self::Val<T>, Self::Cond), Exit>;
    /// Raises a program exception when `c`.
    fn raise_if(&mut self, c: Self::Cond, code: ProgramCode) -> Result<(), Exit>;
    /// Raises a data exception with data-exception code `dxc` when `c`.
    fn data_exception_if(&mut self, c: Self::Cond, dxc: u8) -> Result<(), Exit>;
    /// The program mask, 0 to 15.
    fn program_mask(&mut self) -> Self::Val<u8>;
    /// Fixed-point overflow: a program exception when `c` and the program mask allows it. The instruction is complete.
    fn fixed_point_overflow(&mut self, c: Self::Cond) -> Result<(), Exit>;

    /// Address that relative operand RI designates.
    fn relative_address(&mut self, o: &Operands) -> Self::Val<u64>;
    /// Address of the next sequential instruction.
    fn next_sequential(&mut self, o: &Operands) -> Self::Val<u64>;
    /// Link information: the next sequential address as BRANCH AND SAVE puts it into register `r`.
    fn set_link(&mut self, r: u8, o: &Operands);
    /// Branches to `target` when `c`.
    fn branch_if(&mut self, c: Self::Cond, target: Self::Val<u64>) -> Result<(), Exit>;
    /// Branches to the relative operand when `c`.
    fn branch_relative_if(&mut self, c: Self::Cond, o: &Operands) -> Result<(), Exit>;

    /// Privileged-operation exception in the problem state.
    fn require_supervisor(&mut self) -> Result<(), Exit>;
    /// Data exception unless CR0 makes the vector facility available.
    fn require_vector(&mut self) -> Result<(), Exit>;
    /// Data exception (DXC `dxc`) unless CR0 makes the additional floating-point registers available.
    fn require_afp(&mut self, dxc: u8) -> Result<(), Exit>;
    /// Serialization: what other CPUs and the host want is looked at before the next instruction.
    fn serialize(&mut self) -> Result<(), Exit>;
    /// Vector operation on one register; `es` is log2 of the element size in bytes, 0 to 4.
    fn vector1(&mut self, op: VectorOp1, es: u8, a: Self::Val<u128>) -> Self::Val<u128>;
    /// Vector operation on two registers.
    fn vector(&mut self, op: VectorOp, es: u8, a: Self::Val<u128>, b: Self::Val<u128>) -> Self::Val<u128>;
    /// Vector operation on three registers.
    fn vector3(
        &mut self,
        op: VectorOp3,
        es: u8,
        a: Self::Val<u128>,
        b: Self::Val<u128>,
        c: Self::Val<u128>,
    ) -> Self::Val<u128>;
    /// Shifts every element by `amount`, which counts modulo the element's width.
    fn vector_shift(&mut self, op: VectorShift, es: u8, a: Self::Val<u128>, amount: Self::Val<u32>) -> Self::Val<u128>;
    /// The 128 bits from bit `bits`, 0 to 128, of `a` and `b` side by side.
    fn concat_shift_left(&mut self, a: Self::Val<u128>, b: Self::Val<u128>, bits: u8) -> Self::Val<u128>;
    /// A vector with `v` in every element.
    fn splat<T: Scalar>(&mut self, v: Self::Val<T>) -> Self::Val<u128>;
    /// Element `index`, counted from the left; there must be one.
    fn element<T: Scalar>(&mut self, v: Self::Val<u128>, index: u8) -> Self::Val<T>;
    /// `v` with element `index`, counted from the left, replaced; there must be one.
    fn set_element<T: Scalar>(&mut self, v: Self::Val<u128>, index: u8, element: Self::Val<T>) -> Self::Val<u128>;
    /// BFP operation on as many of the operands as it has. Places the result in floating-point register `to`, sets flags,
    /// and for a sum or difference the CC; takes traps, suppressing ones before that.
    fn bfp<T: Bfp>(&mut self, op: BfpOp, to: u8, operands: [Self::Val<T>; 3]) -> Result<(), Exit>;
    /// Compares: CC 0 equal, 1 a low, 2 a high, 3 unordered. `signalling`: every NaN is invalid, not only a signalling one.
    fn bfp_compare<T: Bfp>(&mut self, a: Self::Val<T>, b: Self::Val<T>, signalling: bool) -> Result<(), Exit>;
    /// Places `v` in floating-point register `to`, a signalling NaN made quiet, with the CC of [`Machine::cc_bfp`].
    fn bfp_load_and_test<T: Bfp>(&mut self, to: u8, v: Self::Val<T>) -> Result<(), Exit>;
    /// CC 0 zero, 1 negative, 2 positive, 3 NaN.
    fn cc_bfp<T: Bfp>(&mut self, v: Self::Val<T>);
    /// Places a short number in floating-point register `to` as a long one.
    fn bfp_lengthen(&mut self, to: u8, v: Self::Val<u32>) -> Result<(), Exit>;
    /// Places a long number in floating-point register `to` as a short one; as a long one with a scaled exponent when
    /// there is a trap for that.
    fn bfp_round(&mut self, to: u8, v: Self::Val<u64>, modifiers: Modifiers) -> Result<(), Exit>;
    /// Places `v` rounded to an integer in floating-point register `to`.
    fn bfp_load_integer<T: Bfp>(&mut self, to: u8, v: Self::Val<T>, modifiers: Modifiers) -> Result<(), Exit>;
    /// Places the 32- or 64-bit integer `v` in floating-point register `to` as a number.
    fn bfp_from_integer<T: Bfp, I: Scalar>(
        &mut self,
        to: u8,
        v: Self::Val<I>,
        signed: bool,
        modifiers: Modifiers,
    ) -> Result<(), Exit>;
    /// Places `v` as a 32- or 64-bit integer in general register `to`, and sets the CC.
    fn bfp_to_integer<T: Bfp, I: Scalar>(
        &mut self,
        to: u8,
        v: Self::Val<T>,
        signed: bool,
        modifiers: Modifiers,
    ) -> Result<(), Exit>;
    /// A vector instruction in BFP. `f` is the function that does it on the CPU.
    fn vector_bfp(&mut self, op: VectorBfp, o: &Operands, f: Handler) -> Result<(), Exit>;
    /// Calls a function that touches nothing but vector registers and the CC, and always succeeds.
    fn call_vector(&mut self, f: Handler, o: &Operands) -> Result<(), Exit> {
        self.call(f, o)
    }
    /// Calls a heavy instruction's function with all state in the CPU.
    fn call(&mut self, f: Handler, o: &Operands) -> Result<(), Exit>;
}

/// [`Machine::add_with_carry`] as two sums, which have a carry at most once.
pub fn add_in_two_steps<M: Machine, T: Scalar>(
    m: &mut M,
    a: M::Val<T>,
    b: M::Val<T>,
    carry: M::Cond,
) -> (M::Val<T>, M::Cond) {
    let one = m.number(carry);
    let (sum, carry_1) = m.add_carry(a, b);
    let (v, carry_2) = m.add_carry(sum, one);
    (v, m.either(carry_1, carry_2))
}

/// [`Machine::sub_with_borrow`] as two differences.
pub fn subtract_in_two_steps<M: Machine, T: Scalar>(
    m: &mut M,
    a: M::Val<T>,
    b: M::Val<T>,
    borrow: M::Cond,
) -> (M::Val<T>, M::Cond) {
    let one = m.number(borrow);
    let (difference, borrow_1) = m.sub_borrow(a, b);
    let (v, borrow_2) = m.sub_borrow(difference, one);
    (v, m.either(borrow_1, borrow_2))
}

impl Machine for Cpu {
    type Val<T: Scalar> = T;
    type Cond = bool;

    #[inline(always)]
    fn imm<T: Scalar>(&mut self, v: T) -> T {
        v
    }
    #[inline(always)]
    fn gr<T: Scalar>(&mut self, r: u8) -> T {
        T::truncate(u128::from(self.gr[usize::from(r & 15)]))
    }
    #[inline(always)]
    fn set_gr<T: Scalar>(&mut self, r: u8, v: T) {
        let g = &mut self.gr[usize::from(r & 15)];
        let v = v.widen() as u64;
        *g = if T::BITS >= 64 { v } else { *g & (u64::MAX << (T::BITS % 64)) | v };
    }
    #[inline(always)]
    fn gr_high(&mut self, r: u8) -> u32 {
        (self.gr[usize::from(r & 15)] >> 32) as u32
    }
    #[inline(always)]
    fn set_gr_high(&mut self, r: u8, v: u32) {
        let g = &mut self.gr[usize::from(r & 15)];
        *g = *g & 0xFFFF_FFFF | u64::from(v) << 32;
    }
    #[inline(always)]
    fn set_gr_address(&mut self, r: u8, v: u64) {
        if self.address_mask == u64::MAX { self.set_gr(r, v) } else { self.set_gr(r, v as u32) }
    }
    #[inline(always)]
    fn ar(&mut self, r: u8) -> u32 {
        self.ar[usize::from(r & 15)]
    }
    #[inline(always)]
    fn set_ar(&mut self, r: u8, v: u32) {
        self.ar[usize::from(r & 15)] = v;
    }
    #[inline(always)]
    fn fr<T: Scalar>(&mut self, r: u8) -> T {
        T::truncate(self.vr[usize::from(r & 15)] >> (128 - T::BITS))
    }
    #[inline(always)]
    fn set_fr<T: Scalar>(&mut self, r: u8, v: T) {
        let f = &mut self.vr[usize::from(r & 15)];
        let keep = if T::BITS == 128 { 0 } else { u128::MAX >> T::BITS };
        *f = *f & keep | v.widen() << (128 - T::BITS);
    }
    #[inline(always)]
    fn vr(&mut self, v: u8) -> u128 {
        self.vr[usize::from(v & 31)]
    }
    #[inline(always)]
    fn set_vr(&mut self, v: u8, value: u128) {
        let register = &mut self.vr[usize::from(v & 31)];
        // One store: what reads the register next reads 16 bytes, and hosts forward those from one store only.
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::x86_64::{_mm_set_epi64x, _mm_store_si128};
            // SAFETY: every x86-64 host has SSE2; the register is 16 bytes, on a boundary of 16.
            unsafe {
                let value = _mm_set_epi64x((value >> 64) as i64, value as i64);
                _mm_store_si128(std::ptr::from_mut(register).cast(), value);
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        {
            *register = value;
        }
    }

    #[inline(always)]
    fn zext<F: Scalar, T: Scalar>(&mut self, v: F) -> T {
        T::truncate(v.widen())
    }
    #[inline(always)]
    fn sext<F: Scalar, T: Scalar>(&mut self, v: F) -> T {
        T::truncate(v.widen_signed() as u128)
    }
    #[inline(always)]
    fn trunc<F: Scalar, T: Scalar>(&mut self, v: F) -> T {
        T::truncate(v.widen())
    }

    #[inline(always)]
    fn join(&mut self, high: u64, low: u64) -> u128 {
        u128::from(high) << 64 | u128::from(low)
    }
    #[inline(always)]
    fn split(&mut self, v: u128) -> (u64, u64) {
        ((v >> 64) as u64, v as u64)
    }

    #[inline(always)]
    fn add<T: Scalar>(&mut self, a: T, b: T) -> T {
        a.add(b)
    }
    #[inline(always)]
    fn sub<T: Scalar>(&mut self, a: T, b: T) -> T {
        a.sub(b)
    }
    #[inline(always)]
    fn mul<T: Scalar>(&mut self, a: T, b: T) -> T {
        a.mul(b)
    }
    #[inline(always)]
    fn add_signed<T: Scalar>(&mut self, a: T, b: T) -> (T, bool) {
        a.signed_add(b)
    }
    #[inline(always)]
    fn sub_signed<T: Scalar>(&mut self, a: T, b: T) -> (T, bool) {
        a.signed_sub(b)
    }
    #[inline(always)]
    fn mul_signed<T: Scalar>(&mut self, a: T, b: T) -> (T, bool) {
        a.signed_mul(b)
    }
    #[inline(always)]
    fn add_carry<T: Scalar>(&mut self, a: T, b: T) -> (T, bool) {
        a.carrying_add(b)
    }
    #[inline(always)]
    fn sub_borrow<T: Scalar>(&mut self, a: T, b: T) -> (T, bool) {
        a.borrowing_sub(b)
    }
    #[inline(always)]
    fn and<T: Scalar>(&mut self, a: T, b: T) -> T {
        a.and(b)
    }
    #[inline(always)]
    fn or<T: Scalar>(&mut self, a: T, b: T) -> T {
        a.or(b)
    }
    #[inline(always)]
    fn xor<T: Scalar>(&mut self, a: T, b: T) -> T {
        a.xor(b)
    }
    #[inline(always)]
    fn not<T: Scalar>(&mut self, a: T) -> T {
        a.not()
    }
    #[inline(always)]
    fn div_rem<T: Scalar>(&mut self, a: T, b: T) -> (T, T) {
        a.div_rem(b)
    }
    #[inline(always)]
    fn div_rem_signed<T: Scalar>(&mut self, a: T, b: T) -> (T, T) {
        a.signed_div_rem(b)
    }
    #[inline(always)]
    fn div_rem_wide(&mut self, high: u64, low: u64, divisor: u64) -> Result<[u64; 2], Exit> {
        // The quotient fits when the high half is below the divisor; that also tells a zero divisor.
        if high >= divisor {
            return Err(Exit::Program(ProgramCode::FIXED_POINT_DIVIDE));
        }
        if high == 0 {
            return Ok([low / divisor, low % divisor]);
        }
        let (dividend, divisor) = (u128::from(high) << 64 | u128::from(low), u128::from(divisor));
        Ok([(dividend / divisor) as u64, (dividend % divisor) as u64])
    }
    #[inline(always)]
    fn shl<T: Scalar>(&mut self, a: T, amount: u32) -> T {
        a.shl(amount)
    }
    #[inline(always)]
    fn shr<T: Scalar>(&mut self, a: T, amount: u32) -> T {
        a.shr(amount)
    }
    #[inline(always)]
    fn sar<T: Scalar>(&mut self, a: T, amount: u32) -> T {
        a.sar(amount)
    }
    #[inline(always)]
    fn rotl<T: Scalar>(&mut self, a: T, amount: u32) -> T {
        a.rotate_left(amount)
    }
    #[inline(always)]
    fn leading_zeros<T: Scalar>(&mut self, a: T) -> T {
        T::truncate(u128::from(a.leading_zeros()))
    }
    #[inline(always)]
    fn trailing_zeros<T: Scalar>(&mut self, a: T) -> T {
        T::truncate(u128::from(a.trailing_zeros()))
    }
    #[inline(always)]
    fn count_ones<T: Scalar>(&mut self, a: T) -> T {
        T::truncate(u128::from(a.count_ones()))
    }
    #[inline(always)]
    fn swap_bytes<T: Scalar>(&mut self, a: T) -> T {
        a.swap_bytes()
    }

    #[inline(always)]
    fn eq<T: Scalar>(&mut self, a: T, b: T) -> bool {
        a == b
    }
    #[inline(always)]
    fn lt_signed<T: Scalar>(&mut self, a: T, b: T) -> bool {
        a.signed_lt(b)
    }
    #[inline(always)]
    fn lt<T: Scalar>(&mut self, a: T, b: T) -> bool {
        a < b
    }
    #[inline(always)]
    fn known(&mut self, c: bool) -> bool {
        c
    }
    #[inline(always)]
    fn not_cond(&mut self, c: bool) -> bool {
        !c
    }
    #[inline(always)]
    fn both(&mut self, a: bool, b: bool) -> bool {
        a & b
    }
    #[inline(always)]
    fn either(&mut self, a: bool, b: bool) -> bool {
        a | b
    }
    #[inline(always)]
    fn select<T: Scalar>(&mut self, c: bool, a: T, b: T) -> T {
        if c { a } else { b }
    }

    #[inline(always)]
    fn cc_zero<T: Scalar>(&mut self, v: T) {
        self.cc = u8::from(v != T::default());
    }
    #[inline(always)]
    fn cc_signed<T: Scalar>(&mut self, v: T) {
        self.cc = u8::from(v.signed_lt(T::default())) | u8::from(T::default().signed_lt(v)) << 1;
    }
    #[inline(always)]
    fn cc_signed_overflow<T: Scalar>(&mut self, v: T, overflow: bool) {
        self.cc_signed(v);
        self.cc |= u8::from(overflow) * 3;
    }
    #[inline(always)]
    fn cc_add_logical<T: Scalar>(&mut self, v: T, carry: bool) {
        self.cc = u8::from(v != T::default()) | u8::from(carry) << 1;
    }
    #[inline(always)]
    fn cc_subtract_logical<T: Scalar>(&mut self, v: T, borrow: bool) {
        self.cc = u8::from(v != T::default()) | u8::from(!borrow) << 1;
    }
    #[inline(always)]
    fn cc_compare_signed<T: Scalar>(&mut self, a: T, b: T) {
        self.cc = u8::from(a.signed_lt(b)) | u8::from(b.signed_lt(a)) << 1;
    }
    #[inline(always)]
    fn cc_compare<T: Scalar>(&mut self, a: T, b: T) {
        self.cc = u8::from(a < b) | u8::from(b < a) << 1;
    }
    #[inline(always)]
    fn cc_test_under_mask<T: Scalar>(&mut self, bits: T, mask: T, leftmost: bool) {
        self.cc = if bits == T::default() {
            0
        } else if bits == mask {
            3
        } else {
            1 + u8::from(leftmost && bits.leading_zeros() == mask.leading_zeros())
        };
    }
    #[inline(always)]
    fn set_cc(&mut self, cc: u8) {
        self.cc = cc;
    }
    #[inline(always)]
    fn cc(&mut self) -> u8 {
        self.cc
    }
    #[inline(always)]
    fn cc_is(&mut self, mask: u8) -> bool {
        (mask << (self.cc & 3)) & 8 != 0
    }

    #[inline(always)]
    fn wrap(&mut self, address: u64) -> u64 {
        address & self.address_mask
    }
    #[inline(always)]
    fn load<T: Scalar>(&mut self, ea: Ea<u64>) -> Result<T, Exit> {
        Cpu::load(self, ea.address, ea.ar)
    }
    #[inline(always)]
    fn store<T: Scalar>(&mut self, ea: Ea<u64>, v: T) -> Result<(), Exit> {
        Cpu::store(self, ea.address, ea.ar, v)
    }
    #[inline(always)]
    fn load_if<T: Scalar>(&mut self, c: bool, ea: Ea<u64>, otherwise: T) -> Result<T, Exit> {
        if c { Cpu::load(self, ea.address, ea.ar) } else { Ok(otherwise) }
    }
    #[inline(always)]
    fn store_if<T: Scalar>(&mut self, c: bool, ea: Ea<u64>, v: T) -> Result<(), Exit> {
        if c { Cpu::store(self, ea.address, ea.ar, v) } else { Ok(()) }
    }
    #[inline(always)]
    fn update<T: Scalar>(&mut self, op: Update, ea: Ea<u64>, v: T) -> Result<T, Exit> {
        if ea.address & (T::BYTES - 1) == 0 {
            let host = self.place(ea.address, ea.ar, T::BYTES)?;
            return Ok(crate::semantics::interlocked::update(op, host, v));
        }
        let old: T = Cpu::load(self, ea.address, ea.ar)?;
        Cpu::store(self, ea.address, ea.ar, crate::semantics::interlocked::updated(op, old, v))?;
        Ok(old)
    }
    #[inline(always)]
    fn load_many<T: Scalar>(&mut self, mut ea: Ea<u64>, count: usize) -> Result<[Option<T>; 16], Exit> {
        let mut values = [None; 16];
        for v in values.iter_mut().take(count) {
            *v = Some(Cpu::load::<T>(self, ea.address, ea.ar)?);
            ea.address = Cpu::wrap(self, ea.address.wrapping_add(T::BYTES));
        }
        Ok(values)
    }
    #[inline(always)]
    fn store_many<T: Scalar>(&mut self, mut ea: Ea<u64>, values: &[Option<T>; 16]) -> Result<(), Exit> {
        let count = values.iter().flatten().count() as u64;
        self.probe_operand_store(ea.address, ea.ar, count * T::BYTES)?;
        for v in values.iter().flatten() {
            Cpu::store(self, ea.address, ea.ar, *v)?;
            ea.address = Cpu::wrap(self, ea.address.wrapping_add(T::BYTES));
        }
        Ok(())
    }
    #[inline(always)]
    fn storage(&mut self, op: StorageOp, first: Ea<u64>, second: Ea<u64>, length: u64) -> Result<(), Exit> {
        crate::semantics::storage_operation(self, op, first, second, length)
    }
    #[inline(always)]
    fn guarded_load_shift(&mut self) -> u32 {
        self.guarded_storage.shift()
    }
    #[inline(always)]
    fn guard(&mut self, o: &Operands, ea: Ea<u64>, pointer: u64, shifted: bool) -> Result<(), Exit> {
        crate::semantics::guard(self, o, ea, pointer, shifted)
    }
    #[inline(always)]
    fn probe_store(&mut self, ea: Ea<u64>, length: u64) -> Result<(), Exit> {
        self.probe_operand_store(ea.address, ea.ar, length)
    }
    #[inline(always)]
    fn load_relative<T: Scalar>(&mut self, o: &Operands) -> Result<T, Exit> {
        let address = self.relative_address(o);
        // Relative operands are in the instruction space; in most modes that is the operand space too.
        if self.operands_beside_instructions() {
            return Cpu::load(self, address, 0);
        }
        let mut bytes = [0; 16];
        let bytes = &mut bytes[..T::BYTES as usize];
        self.read_bytes(AddressSpace::Instruction, address, bytes)?;
        // SAFETY: the slice has as many bytes as the type.
        Ok(unsafe { T::read_be(bytes.as_ptr()) })
    }
    #[inline(always)]
    fn store_relative<T: Scalar>(&mut self, o: &Operands, v: T) -> Result<(), Exit> {
        let address = self.relative_address(o);
        if self.operands_beside_instructions() {
            return Cpu::store(self, address, 0, v);
        }
        let mut bytes = [0; 16];
        // SAFETY: no scalar is longer than 16 bytes.
        unsafe { T::write_be(bytes.as_mut_ptr(), v) };
        self.write_bytes(AddressSpace::Instruction, address, &bytes[..T::BYTES as usize])
    }
    #[inline(always)]
    fn compare_and_swap<T: Scalar>(&mut self, ea: Ea<u64>, expected: T, new: T) -> Result<(T, bool), Exit> {
        if ea.address & (T::BYTES - 1) != 0 {
            return Err(Exit::SPECIFICATION);
        }
        let host = self.place(ea.address, ea.ar, T::BYTES)?;
        Ok(crate::semantics::interlocked::compare_exchange(host, expected, new))
    }
    #[inline(always)]
    fn raise_if(&mut self, c: bool, code: ProgramCode) -> Result<(), Exit> {
        if c { Err(Exit::Program(code)) } else { Ok(()) }
    }
    #[inline(always)]
    fn data_exception_if(&mut self, c: bool, dxc: u8) -> Result<(), Exit> {
        if c { Err(crate::semantics::data_exception(self, dxc)) } else { Ok(()) }
    }
    #[inline(always)]
    fn program_mask(&mut self) -> u8 {
        self.psw.program_mask()
    }
    #[inline(always)]
    fn fixed_point_overflow(&mut self, c: bool) -> Result<(), Exit> {
        if c && self.psw.program_mask() & 8 != 0 {
            return Err(Exit::Program(ProgramCode::FIXED_POINT_OVERFLOW));
        }
        Ok(())
    }

    #[inline(always)]
    fn relative_address(&mut self, o: &Operands) -> u64 {
        self.relative_base(o).wrapping_add(o.relative() as u64) & self.address_mask
    }
    #[inline(always)]
    fn next_sequential(&mut self, o: &Operands) -> u64 {
        Cpu::next_sequential(self, o)
    }
    #[inline(always)]
    fn set_link(&mut self, r: u8, o: &Operands) {
        let next = Cpu::next_sequential(self, o);
        match self.address_mask {
            u64::MAX => self.set_gr(r, next),
            0x7FFF_FFFF => self.set_gr(r, next as u32 | 0x8000_0000),
            _ => self.set_gr(r, next as u32),
        }
    }
    #[inline(always)]
    fn branch_if(&mut self, c: bool, target: u64) -> Result<(), Exit> {
        if c {
            self.next_ia = target & self.address_mask;
            return Err(Exit::Branch);
        }
        Ok(())
    }
    #[inline(always)]
    fn branch_relative_if(&mut self, c: bool, o: &Operands) -> Result<(), Exit> {
        if c {
            self.next_ia = self.relative_address(o);
            return Err(Exit::Branch);
        }
        Ok(())
    }

    #[inline(always)]
    fn require_supervisor(&mut self) -> Result<(), Exit> {
        if self.psw.has(PswMask::PROBLEM) { Err(Exit::PRIVILEGED_OPERATION) } else { Ok(()) }
    }
    #[inline(always)]
    fn require_vector(&mut self) -> Result<(), Exit> {
        let both = Cr0::AFP_REGISTER.bits() | Cr0::VECTOR.bits();
        if self.effective_cr0() & both != both {
            return Err(crate::semantics::data_exception(self, 0xFE));
        }
        Ok(())
    }
    #[inline(always)]
    fn require_afp(&mut self, dxc: u8) -> Result<(), Exit> {
        if self.cr[0] & Cr0::AFP_REGISTER.bits() == 0 {
            return Err(crate::semantics::data_exception(self, dxc));
        }
        Ok(())
    }
    #[inline(always)]
    fn serialize(&mut self) -> Result<(), Exit> {
        std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
        if self.attention().pending() == 0 { Ok(()) } else { Err(Exit::Synchronize) }
    }
    #[inline(always)]
    fn vector1(&mut self, op: VectorOp1, es: u8, a: u128) -> u128 {
        lanes::apply1(op, es, a)
    }
    #[inline(always)]
    fn vector(&mut self, op: VectorOp, es: u8, a: u128, b: u128) -> u128 {
        lanes::apply(op, es, a, b)
    }
    #[inline(always)]
    fn vector3(&mut self, op: VectorOp3, es: u8, a: u128, b: u128, c: u128) -> u128 {
        lanes::apply3(op, es, a, b, c)
    }
    #[inline(always)]
    fn vector_shift(&mut self, op: VectorShift, es: u8, a: u128, amount: u32) -> u128 {
        lanes::shift(op, es, a, amount)
    }
    #[inline(always)]
    fn concat_shift_left(&mut self, a: u128, b: u128, bits: u8) -> u128 {
        a.shl(u32::from(bits)) | b.shr(128 - u32::from(bits))
    }
    #[inline(always)]
    fn splat<T: Scalar>(&mut self, v: T) -> u128 {
        lanes::splat(v)
    }
    #[inline(always)]
    fn element<T: Scalar>(&mut self, v: u128, index: u8) -> T {
        T::truncate(v.shr(128 - T::BITS * (u32::from(index) + 1)))
    }
    #[inline(always)]
    fn set_element<T: Scalar>(&mut self, v: u128, index: u8, element: T) -> u128 {
        let right = 128 - T::BITS * (u32::from(index) + 1);
        let ones = T::default().not().widen().shl(right);
        v & !ones | element.widen().shl(right)
    }
    #[inline(always)]
    fn bfp<T: Bfp>(&mut self, op: BfpOp, to: u8, operands: [T; 3]) -> Result<(), Exit> {
        bfp::compute(self, op, to, operands)
    }
    #[inline(always)]
    fn bfp_compare<T: Bfp>(&mut self, a: T, b: T, signalling: bool) -> Result<(), Exit> {
        bfp::compare_values::<T::Format>(self, a, b, signalling)
    }
    #[inline(always)]
    fn bfp_load_and_test<T: Bfp>(&mut self, to: u8, v: T) -> Result<(), Exit> {
        bfp::test_value(self, to, v)
    }
    #[inline(always)]
    fn cc_bfp<T: Bfp>(&mut self, v: T) {
        self.cc = softsie_bfp::sign_cc::<T::Format>(v);
    }
    #[inline(always)]
    fn bfp_lengthen(&mut self, to: u8, v: u32) -> Result<(), Exit> {
        bfp_convert::lengthen(self, to, v)
    }
    #[inline(always)]
    fn bfp_round(&mut self, to: u8, v: u64, modifiers: Modifiers) -> Result<(), Exit> {
        bfp_convert::round(self, to, v, modifiers)
    }
    #[inline(always)]
    fn bfp_load_integer<T: Bfp>(&mut self, to: u8, v: T, modifiers: Modifiers) -> Result<(), Exit> {
        bfp_convert::to_fp_integer(self, to, v, modifiers)
    }
    #[inline(always)]
    fn bfp_from_integer<T: Bfp, I: Scalar>(&mut self, to: u8, v: I, signed: bool, m: Modifiers) -> Result<(), Exit> {
        bfp_convert::of_integer::<T, I>(self, to, v, signed, m)
    }
    #[inline(always)]
    fn bfp_to_integer<T: Bfp, I: Scalar>(&mut self, to: u8, v: T, signed: bool, m: Modifiers) -> Result<(), Exit> {
        bfp_convert::integer_of::<T, I>(self, to, v, signed, m)
    }
    #[inline(always)]
    fn vector_bfp(&mut self, _: VectorBfp, o: &Operands, f: Handler) -> Result<(), Exit> {
        f(self, o)
    }
    #[inline(always)]
    fn call(&mut self, f: Handler, o: &Operands) -> Result<(), Exit> {
        f(self, o)
    }
}
