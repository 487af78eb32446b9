//! Vector operations as Cranelift's: the elements of a register are lanes in the opposite order, element 0 in the last lane.
//! Source: Principles of Operation, chapters 21 and 22; the meaning of each operation is in
//! crates/exec/src/semantics/lanes.rs.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{ConstantData, InstBuilder, Type, Value, types};
use softsie_cpu::Scalar;
use softsie_exec::{VectorOp, VectorOp1, VectorOp3, VectorShift};

use crate::emit::Emit;

/// Lanes of 2^`es` bytes.
pub(crate) fn lanes(es: u8) -> Type {
    match es {
        0 => types::I8X16,
        1 => types::I16X8,
        2 => types::I32X4,
        3 => types::I64X2,
        _ => types::I128,
    }
}

/// The lane of element `index`.
pub(crate) fn lane<T: Scalar>(index: u8) -> u8 {
    (16 / T::BYTES) as u8 - 1 - index
}

/// Whether the host moves bytes within vectors as its instructions here need.
pub(crate) fn host_permutes() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("ssse3") && std::arch::is_x86_feature_detected!("sse4.1");
    #[cfg(not(target_arch = "x86_64"))]
    true
}

/// Whether the emitter has an operation on one register.
pub(crate) fn emits_one(op: VectorOp1, es: u8) -> bool {
    use VectorOp1::*;
    match op {
        LeadingZeros | TrailingZeros => es == 2 || es == 3,
        CountOnes => es == 0,
        Negate | Absolute => es <= 3,
        SwapBytes | ReverseElements => host_permutes(),
        UnpackHigh | UnpackHighLogical | UnpackLow | UnpackLowLogical => es <= 2,
        SignExtendToDoubleword => es <= 2,
    }
}

/// Whether the emitter has an operation on two registers.
pub(crate) fn emits_two(op: VectorOp, es: u8) -> bool {
    use VectorOp::*;
    match op {
        Add | Subtract | And | AndComplement | Or | OrComplement | Xor | Nand | Nor | NotXor | CompareEqual
        | CompareHigh | CompareHighLogical | Maximum | MaximumLogical | Minimum | MinimumLogical | AddCarry
        | SubtractBorrow => true,
        MultiplyLow | MultiplyHigh | MultiplyHighLogical | MultiplyEven | MultiplyEvenLogical | MultiplyOdd
        | MultiplyOddLogical => es <= 2,
        SumWord => es <= 1,
        SumDoubleword => es == 1 || es == 2,
        SumQuadword => es == 2 || es == 3,
        AverageLogical => es <= 1,
        ShiftLeft | ShiftRightLogical | ShiftRightArithmetic | RotateLeft => es == 2 || es == 3,
        ByteShiftLeft | ByteShiftRight => host_permutes(),
        MergeHigh | MergeLow => es <= 3 && host_permutes(),
        Pack => (1..=3).contains(&es) && host_permutes(),
        PackSaturate => es == 1 || es == 2,
        _ => false,
    }
}

/// Whether the emitter has an operation on three registers.
pub(crate) fn emits_three(op: VectorOp3, es: u8) -> bool {
    match op {
        VectorOp3::Select => true,
        VectorOp3::Permute => host_permutes(),
        VectorOp3::MultiplyAddHigh | VectorOp3::MultiplyAddHighLogical => es <= 2,
    }
}

/// Elements with even numbers, and with odd ones.
const EVEN: bool = false;
const ODD: bool = true;

impl Emit<'_> {
    /// Bytes of `a` (0 to 15) and `b` (16 to 31), in the order of lanes.
    fn shuffled(&mut self, a: Value, b: Value, bytes: [u8; 16]) -> Value {
        let (a, b) = (self.retype(types::I8X16, a), self.retype(types::I8X16, b));
        let bytes = self.b.func.dfg.immediates.push(ConstantData::from(bytes.as_slice()));
        let v = self.b.ins().shuffle(a, b, bytes);
        self.retype(types::I128, v)
    }

    /// All 16 bytes in reverse order.
    pub(crate) fn swapped_vector(&mut self, v: Value) -> Value {
        self.shuffled(v, v, std::array::from_fn(|n| 15 - n as u8))
    }

    pub(crate) fn vector_of_one(&mut self, op: VectorOp1, es: u8, a: Value) -> Value {
        let v = self.retype(lanes(es), a);
        let v = match op {
            VectorOp1::Negate => self.b.ins().ineg(v),
            VectorOp1::Absolute => self.b.ins().iabs(v),
            VectorOp1::CountOnes => self.b.ins().popcnt(v),
            VectorOp1::SwapBytes => return self.shuffled(a, a, std::array::from_fn(|n| n as u8 ^ ((1 << es) - 1))),
            VectorOp1::ReverseElements => {
                return self.shuffled(a, a, std::array::from_fn(|n| n as u8 ^ (15 & !((1 << es) - 1))));
            }
            VectorOp1::UnpackHigh => self.b.ins().swiden_high(v),
            VectorOp1::UnpackHighLogical => self.b.ins().uwiden_high(v),
            VectorOp1::UnpackLow => self.b.ins().swiden_low(v),
            VectorOp1::UnpackLowLogical => self.b.ins().uwiden_low(v),
            VectorOp1::SignExtendToDoubleword => {
                let v = self.retype(types::I64X2, v);
                let v = self.b.ins().ishl_imm_u(v, 64 - (8 << es));
                self.b.ins().sshr_imm_u(v, 64 - (8 << es))
            }
            VectorOp1::LeadingZeros => self.each(v, v, |e, a, _| e.b.ins().clz(a)),
            VectorOp1::TrailingZeros => self.each(v, v, |e, a, _| e.b.ins().ctz(a)),
        };
        self.retype(types::I128, v)
    }

    fn compare_lanes(&mut self, cc: IntCC, a: Value, b: Value) -> Value {
        let c = self.b.ins().icmp(cc, a, b);
        if self.type_of(a) != types::I128 {
            return c;
        }
        let zero = self.constant(types::I128, 0);
        let ones = self.b.ins().bnot(zero);
        self.b.ins().select(c, ones, zero)
    }

    fn choose_lanes(&mut self, cc: IntCC, a: Value, b: Value) -> Value {
        let mask = self.compare_lanes(cc, a, b);
        self.b.ins().bitselect(mask, a, b)
    }

    pub(crate) fn vector_of_two(&mut self, op: VectorOp, es: u8, a: Value, b: Value) -> Value {
        let ty = match op {
            VectorOp::And
            | VectorOp::AndComplement
            | VectorOp::Or
            | VectorOp::OrComplement
            | VectorOp::Xor
            | VectorOp::Nand
            | VectorOp::Nor
            | VectorOp::NotXor => types::I64X2,
            _ => lanes(es),
        };
        let (a, b) = (self.retype(ty, a), self.retype(ty, b));
        let v = match op {
            VectorOp::Add => self.b.ins().iadd(a, b),
            VectorOp::Subtract => self.b.ins().isub(a, b),
            VectorOp::AddCarry => {
                let sum = self.b.ins().iadd(a, b);
                let mask = self.compare_lanes(IntCC::UnsignedLessThan, sum, a);
                self.b.ins().ineg(mask)
            }
            VectorOp::SubtractBorrow => {
                let mask = self.compare_lanes(IntCC::UnsignedGreaterThanOrEqual, a, b);
                self.b.ins().ineg(mask)
            }
            VectorOp::And => self.b.ins().band(a, b),
            VectorOp::AndComplement => {
                let not = self.b.ins().bnot(b);
                self.b.ins().band(a, not)
            }
            VectorOp::Or => self.b.ins().bor(a, b),
            VectorOp::OrComplement => {
                let not = self.b.ins().bnot(b);
                self.b.ins().bor(a, not)
            }
            VectorOp::Nand => {
                let v = self.b.ins().band(a, b);
                self.b.ins().bnot(v)
            }
            VectorOp::Nor => {
                let v = self.b.ins().bor(a, b);
                self.b.ins().bnot(v)
            }
            VectorOp::NotXor => {
                let v = self.b.ins().bxor(a, b);
                self.b.ins().bnot(v)
            }
            VectorOp::Xor => self.b.ins().bxor(a, b),
            VectorOp::CompareEqual => self.compare_lanes(IntCC::Equal, a, b),
            VectorOp::CompareHigh => self.compare_lanes(IntCC::SignedGreaterThan, a, b),
            VectorOp::CompareHighLogical => self.compare_lanes(IntCC::UnsignedGreaterThan, a, b),
            VectorOp::Maximum => self.choose_lanes(IntCC::SignedGreaterThan, a, b),
            VectorOp::MaximumLogical => self.choose_lanes(IntCC::UnsignedGreaterThan, a, b),
            VectorOp::Minimum => self.choose_lanes(IntCC::SignedLessThan, a, b),
            VectorOp::MinimumLogical => self.choose_lanes(IntCC::UnsignedLessThan, a, b),
            VectorOp::MultiplyLow if es != 0 => self.b.ins().imul(a, b),
            VectorOp::MultiplyLow => {
                let (even, odd) = (self.products(es, a, b, EVEN, true), self.products(es, a, b, ODD, true));
                let even = self.b.ins().ishl_imm_u(even, 8);
                let odd = self.right_parts(odd, 8);
                self.b.ins().bor(even, odd)
            }
            VectorOp::MultiplyHigh | VectorOp::MultiplyHighLogical => {
                let signed = op == VectorOp::MultiplyHigh;
                let (even, odd) = (self.products(es, a, b, EVEN, signed), self.products(es, a, b, ODD, signed));
                self.left_halves(es, even, odd)
            }
            VectorOp::MultiplyEven => self.products(es, a, b, EVEN, true),
            VectorOp::MultiplyEvenLogical => self.products(es, a, b, EVEN, false),
            VectorOp::MultiplyOdd => self.products(es, a, b, ODD, true),
            VectorOp::MultiplyOddLogical => self.products(es, a, b, ODD, false),
            VectorOp::SumWord | VectorOp::SumDoubleword => {
                let to = if op == VectorOp::SumWord { 2 } else { 3 };
                let sums = (es..to).fold(a, |v, es| self.pair_sums(es, v));
                let last = self.retype(lanes(to), b);
                let last = self.right_parts(last, (8 << to) - (8 << es));
                self.b.ins().iadd(sums, last)
            }
            VectorOp::SumQuadword => {
                let last = self.b.ins().extractlane(b, 0);
                let last = self.b.ins().uextend(types::I128, last);
                let sums = (es..3).fold(a, |v, es| self.pair_sums(es, v));
                (0..2).fold(last, |sum, lane| {
                    let v = self.b.ins().extractlane(sums, lane);
                    let v = self.b.ins().uextend(types::I128, v);
                    self.b.ins().iadd(sum, v)
                })
            }
            VectorOp::AverageLogical => self.b.ins().avg_round(a, b),
            VectorOp::ShiftLeft => self.each(a, b, |e, a, b| e.b.ins().ishl(a, b)),
            VectorOp::ShiftRightLogical => self.each(a, b, |e, a, b| e.b.ins().ushr(a, b)),
            VectorOp::ShiftRightArithmetic => self.each(a, b, |e, a, b| e.b.ins().sshr(a, b)),
            VectorOp::RotateLeft => self.each(a, b, |e, a, b| e.b.ins().rotl(a, b)),
            VectorOp::ByteShiftLeft | VectorOp::ByteShiftRight => {
                let (a, b) = (self.retype(types::I8X16, a), self.retype(types::I8X16, b));
                // Bits 57-60: of byte 7.
                let amount = self.b.ins().extractlane(b, 8);
                let amount = self.b.ins().ushr_imm_u(amount, 3);
                let amount = self.b.ins().band_imm_u(amount, 15);
                let amount = self.b.ins().splat(types::I8X16, amount);
                let own: [u8; 16] = std::array::from_fn(|n| n as u8);
                let own = self.b.func.dfg.constants.insert(ConstantData::from(own.as_slice()));
                let own = self.b.ins().vconst(types::I8X16, own);
                // What is beyond the register is zero.
                let from = if op == VectorOp::ByteShiftLeft {
                    self.b.ins().isub(own, amount)
                } else {
                    self.b.ins().iadd(own, amount)
                };
                self.b.ins().swizzle(a, from)
            }
            VectorOp::MergeHigh | VectorOp::MergeLow => {
                let from = if op == VectorOp::MergeHigh { 8 } else { 0 };
                // Lanes of the second operand and of the first in turn.
                return self.shuffled(
                    a,
                    b,
                    std::array::from_fn(|n| {
                        let (lane, byte) = (n >> es, n & ((1 << es) - 1));
                        let second = if lane & 1 == 0 { 16 } else { 0 };
                        (second + from + ((lane >> 1) << es) + byte) as u8
                    }),
                );
            }
            VectorOp::Pack => {
                let half = 1 << (es - 1);
                return self.shuffled(
                    a,
                    b,
                    std::array::from_fn(|n| {
                        let (lane, byte) = (n / half, n % half);
                        let second = if n < 8 { 16 } else { 0 };
                        (second + (lane * 2 * half + byte) % 16) as u8
                    }),
                );
            }
            VectorOp::PackSaturate => self.b.ins().snarrow(b, a),
            // The survey declines all others.
            _ => a,
        };
        self.retype(types::I128, v)
    }

    /// `f` of the elements one by one.
    fn each(&mut self, a: Value, b: Value, f: impl Fn(&mut Self, Value, Value) -> Value) -> Value {
        (0..self.type_of(a).lane_count() as u8).fold(a, |v, lane| {
            let (x, y) = (self.b.ins().extractlane(a, lane), self.b.ins().extractlane(b, lane));
            let r = f(self, x, y);
            self.b.ins().insertlane(v, r, lane)
        })
    }

    /// The rightmost bits of each element, zeros in place of the `bits` left of them.
    fn right_parts(&mut self, v: Value, bits: i64) -> Value {
        let v = self.b.ins().ishl_imm_u(v, bits);
        self.b.ins().ushr_imm_u(v, bits)
    }

    /// The elements of 2^`es` bytes with even or odd numbers, extended to twice their size.
    fn extended(&mut self, es: u8, v: Value, which: bool, signed: bool) -> Value {
        let bits = 8i64 << es;
        let v = self.retype(lanes(es + 1), v);
        let v = if which == ODD { self.b.ins().ishl_imm_u(v, bits) } else { v };
        if signed { self.b.ins().sshr_imm_u(v, bits) } else { self.b.ins().ushr_imm_u(v, bits) }
    }

    /// Their products.
    fn products(&mut self, es: u8, a: Value, b: Value, which: bool, signed: bool) -> Value {
        let (a, b) = (self.extended(es, a, which, signed), self.extended(es, b, which, signed));
        self.b.ins().imul(a, b)
    }

    /// The left halves of elements of which `even` and `odd` are alternate ones, side by side.
    fn left_halves(&mut self, es: u8, even: Value, odd: Value) -> Value {
        let bits = 8i64 << es;
        let even = self.b.ins().ushr_imm_u(even, bits);
        let even = self.b.ins().ishl_imm_u(even, bits);
        let odd = self.b.ins().ushr_imm_u(odd, bits);
        self.b.ins().bor(even, odd)
    }

    /// The sum of each even element of 2^`es` bytes and the next.
    fn pair_sums(&mut self, es: u8, v: Value) -> Value {
        let (even, odd) = (self.extended(es, v, EVEN, false), self.extended(es, v, ODD, false));
        self.b.ins().iadd(even, odd)
    }

    pub(crate) fn vector_of_three(&mut self, op: VectorOp3, es: u8, a: Value, b: Value, c: Value) -> Value {
        let (a, b, c) = (self.retype(types::I8X16, a), self.retype(types::I8X16, b), self.retype(types::I8X16, c));
        let v = match op {
            VectorOp3::MultiplyAddHigh | VectorOp3::MultiplyAddHighLogical => {
                let signed = op == VectorOp3::MultiplyAddHigh;
                let [even, odd] = [EVEN, ODD].map(|which| {
                    let (product, addend) =
                        (self.products(es, a, b, which, signed), self.extended(es, c, which, signed));
                    self.b.ins().iadd(product, addend)
                });
                self.left_halves(es, even, odd)
            }
            VectorOp3::Permute => {
                // A lane is 15 less the number of its byte; numbers beyond a vector select zero.
                let all = |e: &mut Self, n| {
                    let n = e.constant(types::I8, n);
                    e.b.ins().splat(types::I8X16, n)
                };
                let (fifteen, sixteen, thirty_one) = (all(self, 15), all(self, 16), all(self, 31));
                let number = self.b.ins().band(c, thirty_one);
                let first = self.b.ins().bxor(number, fifteen);
                let second = self.b.ins().bxor(first, sixteen);
                let first = self.b.ins().swizzle(a, first);
                let second = self.b.ins().swizzle(b, second);
                self.b.ins().bor(first, second)
            }
            VectorOp3::Select => self.b.ins().bitselect(c, a, b),
        };
        self.retype(types::I128, v)
    }

    pub(crate) fn shifted_lanes(&mut self, op: VectorShift, es: u8, a: Value, amount: Value) -> Value {
        let a = self.retype(lanes(es), a);
        // Amounts count modulo the width here too.
        let v = match op {
            VectorShift::Left => self.b.ins().ishl(a, amount),
            VectorShift::RightLogical => self.b.ins().ushr(a, amount),
            VectorShift::RightArithmetic => self.b.ins().sshr(a, amount),
            VectorShift::RotateLeft => {
                let back = self.b.ins().ineg(amount);
                let (left, right) = (self.b.ins().ishl(a, amount), self.b.ins().ushr(a, back));
                self.b.ins().bor(left, right)
            }
        };
        self.retype(types::I128, v)
    }

    /// The 128 bits from bit `bits` of `a` and `b` side by side.
    pub(crate) fn side_by_side(&mut self, a: Value, b: Value, bits: u8) -> Value {
        let bytes = bits / 8;
        if bits.is_multiple_of(8) && host_permutes() {
            let lane = |n: usize| {
                // From the right: lanes of the second operand first.
                let from_right = n as u8 + 16 - bytes;
                if from_right < 16 { from_right + 16 } else { from_right - 16 }
            };
            return self.shuffled(a, b, std::array::from_fn(lane));
        }
        let (a, b) = (self.retype(types::I128, a), self.retype(types::I128, b));
        match bits {
            0 => a,
            128.. => b,
            _ => {
                let left = self.b.ins().ishl_imm_u(a, i64::from(bits));
                let right = self.b.ins().ushr_imm_u(b, i64::from(128 - bits));
                self.b.ins().bor(left, right)
            }
        }
    }

    /// 128 bits rotated left.
    pub(crate) fn rotated(&mut self, v: Value, bits: u64) -> Value {
        let v = self.retype(types::I128, v);
        let (low, high) = self.b.ins().isplit(v);
        let (low, high) = if bits & 64 != 0 { (high, low) } else { (low, high) };
        let bits = (bits & 63) as i64;
        if bits == 0 {
            return self.b.ins().iconcat(low, high);
        }
        let mut part = |left: Value, right: Value| {
            let left = self.b.ins().ishl_imm_u(left, bits);
            let right = self.b.ins().ushr_imm_u(right, 64 - bits);
            self.b.ins().bor(left, right)
        };
        let (low, high) = (part(low, high), part(high, low));
        self.b.ins().iconcat(low, high)
    }

    /// Leading zeros of 128 bits.
    pub(crate) fn leading_zeros_of_both(&mut self, v: Value) -> Value {
        let v = self.retype(types::I128, v);
        let (low, high) = self.b.ins().isplit(v);
        let in_high = self.b.ins().clz(high);
        let in_low = self.b.ins().clz(low);
        let in_low = self.b.ins().iadd_imm_s(in_low, 64);
        let n = self.b.ins().select(high, in_high, in_low);
        self.b.ins().uextend(types::I128, n)
    }
}
