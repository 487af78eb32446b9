//! The condition code, left symbolic: how it was made and from what, computed only where somebody reads it.
//! Source: Principles of Operation, chapter 7, Condition Code of each instruction, as the machine trait puts it.

use std::cmp::Ordering;
use std::mem::offset_of;

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{InstBuilder, Type, Value, types};

use crate::emit::{Cond, Emit};
use crate::frame::{CONDITION_CODE, Frame};

/// How a condition code follows from one or two values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u64)]
pub(crate) enum Kind {
    /// It is the first value.
    Value = 1,
    /// 0 when the first value is zero, else 1.
    Zero,
    /// 0 zero, 1 negative, 2 positive.
    Signed,
    /// 3 when the second value is one, else as `Signed`.
    SignedOverflow,
    /// Not zero gives 1, the second value (carry) 2 more.
    AddLogical,
    /// 0 equal, 1 first low, 2 first high.
    CompareSigned,
    /// The same, unsigned.
    Compare,
    /// Tested bits, and tested positions: 0 all zero, 3 all ones, else 1.
    UnderMask,
    /// The same with 2 when the leftmost tested bit is one.
    UnderMaskLeftmost,
    /// 0 equal, 1 first low, 2 first high, 3 unordered; of numbers.
    Number,
    /// As `SignedOverflow` of a doubleword sum, which is the first value; the second is what was added. The overflow is so
    /// computed only where it is wanted.
    Sum,
    /// Of a word sum.
    SumOfWords,
    /// Of a difference, and what was subtracted.
    Difference,
    DifferenceOfWords,
    /// As `AddLogical` of a sum, which is the first value; the second is either of what was added.
    LogicalSum,
    /// Of a logical difference of the two values: 1 first low, 2 equal, 3 first high.
    LogicalDifference,
}

/// In place of a [`Kind`]: the CPU has the condition code.
pub(crate) const IN_CPU: u64 = 0;

impl Kind {
    /// Whether values are widened with their sign.
    fn is_signed(self) -> bool {
        self.is_sum() || matches!(self, Kind::Signed | Kind::SignedOverflow | Kind::CompareSigned)
    }

    /// Whether overflow is to be found out from the values.
    fn is_sum(self) -> bool {
        matches!(self, Kind::Sum | Kind::SumOfWords | Kind::Difference | Kind::DifferenceOfWords)
    }
}

/// The condition code that kind number `kind` makes of `a` and `b`.
pub(crate) fn evaluate(kind: u64, a: u64, b: u64) -> u8 {
    const ZERO: u64 = Kind::Zero as u64;
    const SIGNED: u64 = Kind::Signed as u64;
    const SIGNED_OVERFLOW: u64 = Kind::SignedOverflow as u64;
    const ADD_LOGICAL: u64 = Kind::AddLogical as u64;
    const COMPARE_SIGNED: u64 = Kind::CompareSigned as u64;
    const COMPARE: u64 = Kind::Compare as u64;
    const UNDER_MASK: u64 = Kind::UnderMask as u64;
    const LEFTMOST: u64 = Kind::UnderMaskLeftmost as u64;
    const NUMBER: u64 = Kind::Number as u64;
    const SUM: u64 = Kind::Sum as u64;
    const SUM_OF_WORDS: u64 = Kind::SumOfWords as u64;
    const DIFFERENCE: u64 = Kind::Difference as u64;
    const DIFFERENCE_OF_WORDS: u64 = Kind::DifferenceOfWords as u64;
    const LOGICAL_SUM: u64 = Kind::LogicalSum as u64;
    const LOGICAL_DIFFERENCE: u64 = Kind::LogicalDifference as u64;
    let compare = |less: bool, more: bool| u8::from(less) | u8::from(more) << 1;
    let (sa, sb) = (a as i64, b as i64);
    match kind {
        ZERO => u8::from(a != 0),
        SIGNED_OVERFLOW if b != 0 => 3,
        SIGNED | SIGNED_OVERFLOW => compare(sa < 0, sa > 0),
        ADD_LOGICAL => u8::from(a != 0) | u8::from(b != 0) << 1,
        COMPARE_SIGNED => compare(sa < sb, sa > sb),
        COMPARE => compare(a < b, a > b),
        UNDER_MASK | LEFTMOST if a == 0 => 0,
        UNDER_MASK | LEFTMOST if a == b => 3,
        UNDER_MASK => 1,
        LEFTMOST => 1 + u8::from(a.leading_zeros() == b.leading_zeros()),
        NUMBER => match f64::from_bits(a).partial_cmp(&f64::from_bits(b)) {
            Some(Ordering::Equal) => 0,
            Some(Ordering::Less) => 1,
            Some(Ordering::Greater) => 2,
            None => 3,
        },
        SUM if overflows(sa.wrapping_sub(sb), sa, sb) => 3,
        SUM_OF_WORDS if sa.wrapping_sub(sb) != i64::from(sa.wrapping_sub(sb) as i32) => 3,
        DIFFERENCE if overflows(sa.wrapping_add(sb), sa, !sb) => 3,
        DIFFERENCE_OF_WORDS if sa.wrapping_add(sb) != i64::from(sa.wrapping_add(sb) as i32) => 3,
        SUM | SUM_OF_WORDS | DIFFERENCE | DIFFERENCE_OF_WORDS => compare(sa < 0, sa > 0),
        LOGICAL_SUM => u8::from(a != 0) | u8::from(a < b) << 1,
        LOGICAL_DIFFERENCE if a < b => 1,
        LOGICAL_DIFFERENCE => 2 + u8::from(a > b),
        _ => a as u8 & 3,
    }
}

/// Whether `sum` of `first` and one that has the sign of `second` has overflowed.
fn overflows(first: i64, sum: i64, second: i64) -> bool {
    (sum ^ first) & (sum ^ second) < 0
}

/// The relation of numbers whose condition codes `mask` selects, neither none nor all of them.
fn relation(mask: u8) -> FloatCC {
    match mask {
        8 => FloatCC::Equal,
        7 => FloatCC::NotEqual,
        4 => FloatCC::LessThan,
        12 => FloatCC::LessThanOrEqual,
        2 => FloatCC::GreaterThan,
        10 => FloatCC::GreaterThanOrEqual,
        6 => FloatCC::OrderedNotEqual,
        14 => FloatCC::Ordered,
        1 => FloatCC::Unordered,
        9 => FloatCC::UnorderedOrEqual,
        5 => FloatCC::UnorderedOrLessThan,
        13 => FloatCC::UnorderedOrLessThanOrEqual,
        3 => FloatCC::UnorderedOrGreaterThan,
        _ => FloatCC::UnorderedOrGreaterThanOrEqual,
    }
}

/// What is known of the condition code at one place in the code.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cc {
    /// The CPU has it.
    InCpu,
    /// The frame says how it was made, by the region before this one.
    InFrame,
    /// It follows from values.
    Known { kind: Kind, a: Value, b: Option<Value> },
    /// Paths with different ways of making it have met: kind number and two doublewords.
    Met([Value; 3]),
}

impl Emit<'_> {
    /// Sets the condition code. Wider values than doublewords cannot be kept.
    pub(crate) fn know_cc(&mut self, kind: Kind, a: Value, b: Option<Value>) {
        let known = Cc::Known { kind, a, b };
        self.state.cc = known;
        if self.type_of(a) == types::I128 {
            let v = self.cc_value();
            self.state.cc = Cc::Known { kind: Kind::Value, a: v, b: None };
        }
    }

    /// The condition code as kind number and two doublewords.
    pub(crate) fn cc_parts(&mut self, cc: Cc) -> [Value; 3] {
        match cc {
            Cc::Met(parts) => parts,
            Cc::InFrame => {
                let frame = self.frame;
                [offset_of!(Frame, cc_kind), offset_of!(Frame, cc_a), offset_of!(Frame, cc_b)]
                    .map(|offset| self.get(types::I64, frame, offset))
            }
            Cc::InCpu => {
                let zero = self.constant(types::I64, 0);
                [self.constant(types::I64, IN_CPU), zero, zero]
            }
            Cc::Known { kind, a, b } => {
                let number = self.constant(types::I64, kind as u64);
                let a = self.widen(a, kind.is_signed());
                let b = match b {
                    Some(b) => self.widen(b, kind.is_signed()),
                    None => self.constant(types::I64, 0),
                };
                [number, a, b]
            }
        }
    }

    /// Leaves the condition code in the frame, to be computed by Rust when wanted.
    pub(crate) fn park_cc(&mut self) {
        if matches!(self.state.cc, Cc::InCpu | Cc::InFrame) {
            return;
        }
        let parts = self.cc_parts(self.state.cc);
        for (value, offset) in
            parts.into_iter().zip([offset_of!(Frame, cc_kind), offset_of!(Frame, cc_a), offset_of!(Frame, cc_b)])
        {
            self.put_frame(value, offset);
        }
    }

    fn widen(&mut self, v: Value, signed: bool) -> Value {
        if let Some(c) = self.as_constant(v) {
            let left = if signed { 64 - self.type_of(v).bits() } else { 0 };
            return self.constant(types::I64, ((c << left) as i64 >> left) as u64);
        }
        match self.type_of(v) {
            types::I64 => v,
            types::F64 => self.retype(types::I64, v),
            types::F32 => {
                let v = self.b.ins().fpromote(types::F64, v);
                self.retype(types::I64, v)
            }
            _ if signed => self.b.ins().sextend(types::I64, v),
            _ => self.b.ins().uextend(types::I64, v),
        }
    }

    fn flag(&mut self, cc: IntCC, a: Value, b: Value) -> Value {
        self.b.ins().icmp(cc, a, b)
    }

    /// `low` + 2 * `high`, of truth values.
    fn two_bits(&mut self, low: Value, high: Value) -> Value {
        let high = self.b.ins().iadd(high, high);
        self.b.ins().iadd(low, high)
    }

    /// Whether the sum or difference `result` that `kind` says has overflowed.
    fn overflow(&mut self, kind: Kind, result: Value, second: Value) -> Value {
        let (first, second) = if matches!(kind, Kind::Sum | Kind::SumOfWords) {
            (self.b.ins().isub(result, second), second)
        } else {
            (self.b.ins().iadd(result, second), self.b.ins().bnot(second))
        };
        let (x, y) = (self.b.ins().bxor(result, first), self.b.ins().bxor(result, second));
        let both = self.b.ins().band(x, y);
        let zero = self.constant(self.type_of(both), 0);
        self.flag(IntCC::SignedLessThan, both, zero)
    }

    /// The condition code as a byte.
    pub(crate) fn cc_value(&mut self) -> Value {
        let (kind, a, b) = match self.state.cc {
            Cc::InCpu => return self.get_cpu(types::I8, softsie_cpu::layout::CC),
            Cc::Met(_) | Cc::InFrame => {
                self.park_cc();
                let zero = self.constant(types::I64, 0);
                let cc = self.call_thunk(CONDITION_CODE, zero, zero);
                self.state.cc = Cc::InCpu;
                return self.b.ins().ireduce(types::I8, cc);
            }
            Cc::Known { kind, a, b } => (kind, a, b.unwrap_or(a)),
        };
        let ty = self.type_of(a);
        match kind {
            Kind::Value => a,
            Kind::Zero => {
                let zero = self.constant(ty, 0);
                self.flag(IntCC::NotEqual, a, zero)
            }
            Kind::Signed
            | Kind::SignedOverflow
            | Kind::Sum
            | Kind::SumOfWords
            | Kind::Difference
            | Kind::DifferenceOfWords => {
                let zero = self.constant(ty, 0);
                let less = self.flag(IntCC::SignedLessThan, a, zero);
                let more = self.flag(IntCC::SignedGreaterThan, a, zero);
                let cc = self.two_bits(less, more);
                if kind == Kind::Signed {
                    return cc;
                }
                let overflow = if kind.is_sum() { self.overflow(kind, a, b) } else { b };
                let both = self.two_bits(overflow, overflow);
                self.b.ins().bor(cc, both)
            }
            Kind::LogicalSum => {
                let zero = self.constant(ty, 0);
                let some = self.flag(IntCC::NotEqual, a, zero);
                let carry = self.flag(IntCC::UnsignedLessThan, a, b);
                self.two_bits(some, carry)
            }
            Kind::LogicalDifference => {
                let not_low = self.flag(IntCC::UnsignedGreaterThanOrEqual, a, b);
                let high = self.flag(IntCC::UnsignedGreaterThan, a, b);
                let cc = self.b.ins().iadd(not_low, high);
                self.b.ins().iadd_imm_s(cc, 1)
            }
            Kind::AddLogical => {
                let zero = self.constant(ty, 0);
                let some = self.flag(IntCC::NotEqual, a, zero);
                self.two_bits(some, b)
            }
            Kind::CompareSigned => {
                let less = self.flag(IntCC::SignedLessThan, a, b);
                let more = self.flag(IntCC::SignedGreaterThan, a, b);
                self.two_bits(less, more)
            }
            Kind::Compare => {
                let less = self.flag(IntCC::UnsignedLessThan, a, b);
                let more = self.flag(IntCC::UnsignedGreaterThan, a, b);
                self.two_bits(less, more)
            }
            Kind::Number => {
                let less = self.b.ins().fcmp(FloatCC::LessThan, a, b);
                let more = self.b.ins().fcmp(FloatCC::GreaterThan, a, b);
                let neither = self.b.ins().fcmp(FloatCC::Unordered, a, b);
                let (cc, three) = (self.two_bits(less, more), self.two_bits(neither, neither));
                self.b.ins().bor(cc, three)
            }
            Kind::UnderMask | Kind::UnderMaskLeftmost => {
                let zero = self.constant(ty, 0);
                let none = self.flag(IntCC::Equal, a, zero);
                let all = self.flag(IntCC::Equal, a, b);
                let (one, three) = (self.constant(types::I8, 1), self.constant(types::I8, 3));
                let mut mixed = one;
                if kind == Kind::UnderMaskLeftmost {
                    // Bits and rest share out the mask; the one with its leftmost position is the greater.
                    let rest = self.b.ins().bxor(a, b);
                    let leftmost = self.flag(IntCC::UnsignedGreaterThan, a, rest);
                    mixed = self.b.ins().iadd(one, leftmost);
                }
                let nothing = self.constant(types::I8, 0);
                let cc = self.b.ins().select(all, three, mixed);
                self.b.ins().select(none, nothing, cc)
            }
        }
    }

    /// Whether the condition code is one that `mask` selects, as a comparison of what it was made from where there is one.
    pub(crate) fn cc_condition(&mut self, mask: u8) -> Cond {
        let mask = mask & 15;
        if matches!(mask, 0 | 15) {
            return Cond::Known(mask == 15);
        }
        let (kind, a, b) = match (self.state.cc, mask) {
            (Cc::Known { kind, a, b }, _) => (kind, a, b),
            (Cc::InCpu, _) => return self.cc_bits(mask),
            (Cc::Met(_) | Cc::InFrame, 3) => return Cond::Value(self.carry()),
            (Cc::Met(_) | Cc::InFrame, 12) => {
                let carry = self.carry();
                return self.invert(Cond::Value(carry));
            }
            (Cc::Met(_) | Cc::InFrame, _) => return self.cc_bits(mask),
        };
        let ty = self.type_of(a);
        let second = b.unwrap_or(a);
        // Condition codes 0, 1 and 2 as an ordering of two values.
        let ordering = |signed: bool| {
            Some(match (mask & 14, signed) {
                (8, _) => IntCC::Equal,
                (6, _) => IntCC::NotEqual,
                (4, true) => IntCC::SignedLessThan,
                (4, false) => IntCC::UnsignedLessThan,
                (2, true) => IntCC::SignedGreaterThan,
                (2, false) => IntCC::UnsignedGreaterThan,
                (12, true) => IntCC::SignedLessThanOrEqual,
                (12, false) => IntCC::UnsignedLessThanOrEqual,
                (10, true) => IntCC::SignedGreaterThanOrEqual,
                (10, false) => IntCC::UnsignedGreaterThanOrEqual,
                _ => return None,
            })
        };
        match kind {
            Kind::Value => self.cc_bits(mask),
            Kind::Zero => match mask & 12 {
                0 => Cond::Known(false),
                12 => Cond::Known(true),
                8 => Cond::Compare(IntCC::Equal, a, self.constant(ty, 0)),
                _ => Cond::Compare(IntCC::NotEqual, a, self.constant(ty, 0)),
            },
            Kind::Signed => match ordering(true) {
                Some(cc) => Cond::Compare(cc, a, self.constant(ty, 0)),
                None => Cond::Known(mask & 14 == 14),
            },
            // What is zero has not overflowed, unless twice the least number was added up.
            Kind::Difference | Kind::DifferenceOfWords if mask == 8 || mask == 7 => self.is_zero_or_not(a, mask),
            Kind::Sum | Kind::SumOfWords
                if (mask == 8 || mask == 7)
                    && self.as_constant(second).is_some_and(|c| c << (64 - ty.bits()) != 1 << 63) =>
            {
                self.is_zero_or_not(a, mask)
            }
            Kind::SignedOverflow | Kind::Sum | Kind::SumOfWords | Kind::Difference | Kind::DifferenceOfWords => {
                let overflow = if kind.is_sum() { self.overflow(kind, a, second) } else { second };
                let overflow = Cond::Value(overflow);
                let inside = match ordering(true) {
                    Some(cc) => Cond::Compare(cc, a, self.constant(ty, 0)),
                    None => Cond::Known(mask & 14 == 14),
                };
                if mask & 1 != 0 {
                    self.or_cond(inside, overflow)
                } else {
                    let none = self.invert(overflow);
                    self.and_cond(inside, none)
                }
            }
            Kind::AddLogical => match mask {
                12 => Cond::Compare(IntCC::Equal, second, self.constant(types::I8, 0)),
                3 => Cond::Value(second),
                10 => Cond::Compare(IntCC::Equal, a, self.constant(ty, 0)),
                5 => Cond::Compare(IntCC::NotEqual, a, self.constant(ty, 0)),
                _ => self.cc_bits(mask),
            },
            Kind::LogicalSum => match mask {
                12 => Cond::Compare(IntCC::UnsignedGreaterThanOrEqual, a, second),
                3 => Cond::Compare(IntCC::UnsignedLessThan, a, second),
                10 => self.is_zero_or_not(a, 8),
                5 => self.is_zero_or_not(a, 7),
                _ => self.cc_bits(mask),
            },
            Kind::LogicalDifference => match mask & 7 {
                0 => Cond::Known(false),
                1 => Cond::Compare(IntCC::UnsignedGreaterThan, a, second),
                2 => Cond::Compare(IntCC::Equal, a, second),
                3 => Cond::Compare(IntCC::UnsignedGreaterThanOrEqual, a, second),
                4 => Cond::Compare(IntCC::UnsignedLessThan, a, second),
                5 => Cond::Compare(IntCC::NotEqual, a, second),
                6 => Cond::Compare(IntCC::UnsignedLessThanOrEqual, a, second),
                _ => Cond::Known(true),
            },
            Kind::CompareSigned | Kind::Compare => match ordering(kind == Kind::CompareSigned) {
                Some(cc) => Cond::Compare(cc, a, second),
                None => Cond::Known(mask & 14 == 14),
            },
            Kind::Number => Cond::Number(relation(mask), a, second),
            // An empty mask gives 0, though its bits equal it.
            Kind::UnderMask | Kind::UnderMaskLeftmost => match mask {
                8 => Cond::Compare(IntCC::Equal, a, self.constant(ty, 0)),
                7 => Cond::Compare(IntCC::NotEqual, a, self.constant(ty, 0)),
                _ => self.cc_bits(mask),
            },
        }
    }

    /// Whether a condition code of which code cannot know how it was made is 2 or 3: a carry. Loops over long numbers bring it
    /// from one round to the next, made by a logical sum or difference, so that is found out here.
    fn carry(&mut self) -> Value {
        let [kind, a, b] = self.cc_parts(self.state.cc);
        let zero = self.constant(types::I64, 0);
        let done = self.b.create_block();
        self.b.append_block_param(done, types::I8);
        for one in [Kind::LogicalSum, Kind::AddLogical, Kind::LogicalDifference] {
            let carry = match one {
                Kind::LogicalSum => self.flag(IntCC::UnsignedLessThan, a, b),
                Kind::AddLogical => self.flag(IntCC::NotEqual, b, zero),
                _ => self.flag(IntCC::UnsignedGreaterThanOrEqual, a, b),
            };
            let number = self.constant(types::I64, one as u64);
            let made_so = self.flag(IntCC::Equal, kind, number);
            let next = self.b.create_block();
            self.b.ins().brif(made_so, done, &[carry.into()], next, &[]);
            self.b.switch_to_block(next);
        }
        if let Some(last) = self.b.current_block() {
            self.b.set_cold_block(last);
        }
        self.park_cc();
        let cc = self.call_thunk(CONDITION_CODE, zero, zero);
        let carry = self.b.ins().ushr_imm_u(cc, 1);
        let carry = self.b.ins().ireduce(types::I8, carry);
        self.b.ins().jump(done, &[carry.into()]);
        self.b.switch_to_block(done);
        self.b.block_params(done)[0]
    }

    /// Whether `v` is zero, for mask 8, or not, for mask 7.
    fn is_zero_or_not(&mut self, v: Value, mask: u8) -> Cond {
        let cc = if mask == 8 { IntCC::Equal } else { IntCC::NotEqual };
        Cond::Compare(cc, v, self.constant(self.type_of(v), 0))
    }

    /// Whether the bit of the condition code is on in `mask`.
    fn cc_bits(&mut self, mask: u8) -> Cond {
        let cc = self.cc_value();
        let wide = self.b.ins().uextend(types::I32, cc);
        let mask = self.constant(types::I32, u64::from(mask));
        let shifted = self.b.ins().ishl(mask, wide);
        let eight = self.constant(types::I32, 8);
        let bit = self.b.ins().band(shifted, eight);
        Cond::Compare(IntCC::NotEqual, bit, self.constant(types::I32, 0))
    }

    /// The type of a value.
    pub(crate) fn type_of(&self, v: Value) -> Type {
        self.b.func.dfg.value_type(v)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_make_the_condition_codes_of_the_architecture() {
        let (least, most) = (i64::MIN as u64, i64::MAX as u64);
        let (word_least, word_most) = (i64::from(i32::MIN) as u64, i64::from(i32::MAX) as u64);
        let cases: [(Kind, u64, u64, u8); 44] = [
            // 1 + 2, -1 + 1, 1 + -3, most + 1, least + least, least + -1
            (Kind::Sum, 3, 2, 2),
            (Kind::Sum, 0, 1, 0),
            (Kind::Sum, (-2i64) as u64, (-3i64) as u64, 1),
            (Kind::Sum, least, 1, 3),
            (Kind::Sum, 0, least, 3),
            (Kind::Sum, most, u64::MAX, 3),
            (Kind::SumOfWords, word_least, 1, 3),
            (Kind::SumOfWords, 0, word_least, 3),
            (Kind::SumOfWords, word_most, 1, 2),
            // 5 - 3, least - 1, 0 - least, most - -1
            (Kind::Difference, 2, 3, 2),
            (Kind::Difference, most, 1, 3),
            (Kind::Difference, least, least, 3),
            (Kind::DifferenceOfWords, word_least, u64::MAX, 3),
            (Kind::DifferenceOfWords, word_least, 1, 1),
            // 1 + 1, most unsigned + 1, most unsigned + 2
            (Kind::LogicalSum, 2, 1, 1),
            (Kind::LogicalSum, 0, 1, 2),
            (Kind::LogicalSum, 1, 2, 3),
            (Kind::LogicalDifference, 1, 2, 1),
            (Kind::LogicalDifference, 2, 1, 3),
            (Kind::LogicalDifference, 2, 2, 2),
            (Kind::Value, 2, 0, 2),
            (Kind::Zero, 0, 0, 0),
            (Kind::Zero, 5, 0, 1),
            (Kind::Signed, 0, 0, 0),
            (Kind::Signed, u64::MAX, 0, 1),
            (Kind::Signed, 1, 0, 2),
            (Kind::SignedOverflow, 1, 1, 3),
            (Kind::SignedOverflow, u64::MAX, 0, 1),
            (Kind::AddLogical, 0, 0, 0),
            (Kind::AddLogical, 7, 0, 1),
            (Kind::AddLogical, 0, 1, 2),
            (Kind::AddLogical, 7, 1, 3),
            (Kind::CompareSigned, u64::MAX, 1, 1),
            (Kind::Compare, u64::MAX, 1, 2),
            (Kind::Compare, 4, 4, 0),
            (Kind::UnderMask, 0, 0, 0),
            (Kind::UnderMask, 6, 6, 3),
            (Kind::UnderMask, 4, 6, 1),
            (Kind::UnderMaskLeftmost, 4, 6, 2),
            (Kind::UnderMaskLeftmost, 2, 6, 1),
            (Kind::Number, 0, 1 << 63, 0),
            (Kind::Number, 1 << 63 | 1, 1, 1),
            (Kind::Number, 2, 1, 2),
            (Kind::Number, 0x7FF8 << 48, 0, 3),
        ];
        for (kind, a, b, cc) in cases {
            assert_eq!(evaluate(kind as u64, a, b), cc, "{kind:?} {a:x} {b:x}");
        }
    }
}
