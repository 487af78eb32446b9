//! The machine that generates code: every operation of the machine trait as Cranelift IR, values in SSA form.
//! Source: the trait's contract in crates/exec/src/machine.rs; Cranelift IR's own documentation.

use std::mem::offset_of;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{AtomicRmwOp, InstBuilder, MemFlagsData, types};
use softsie_cpu::{Exit, Handler, ProgramCode, Scalar, layout};
use softsie_exec::{
    Bfp, BfpOp, Ea, Machine, Modifiers, StorageOp, Update, VectorBfp, VectorOp, VectorOp1, VectorOp3, VectorShift,
    add_in_two_steps, subtract_in_two_steps,
};
use softsie_isa::Operands;

use crate::cc::Kind;
use crate::emit::{Cond, Emit, SideKind, Target, Val, ty};
use crate::float::{number, vector_type};
use crate::frame::{self, Frame};
use crate::region::Style;
use crate::survey::relative_target;
use crate::vector::{lane, lanes};

impl Machine for Emit<'_> {
    type Val<T: Scalar> = Val<T>;
    type Cond = Cond;

    fn imm<T: Scalar>(&mut self, v: T) -> Val<T> {
        let v = v.widen();
        if T::BITS < 128 || v <= u128::from(u64::MAX) {
            return Val::new(self.constant(ty::<T>(), v as u64));
        }
        let low = self.constant(types::I64, v as u64);
        let high = self.constant(types::I64, (v >> 64) as u64);
        Val::new(self.b.ins().iconcat(low, high))
    }
    fn gr<T: Scalar>(&mut self, r: u8) -> Val<T> {
        Val::new(match T::BITS {
            64 => self.full(r),
            32 => self.low(r),
            128 => {
                let v = self.full(r);
                self.b.ins().uextend(types::I128, v)
            }
            _ => {
                let v = self.low(r);
                self.b.ins().ireduce(ty::<T>(), v)
            }
        })
    }
    fn set_gr<T: Scalar>(&mut self, r: u8, v: Val<T>) {
        match T::BITS {
            64 => self.set_full(r, v.value),
            32 => self.set_low(r, v.value),
            128 => {
                let v = self.b.ins().ireduce(types::I64, v.value);
                self.set_full(r, v);
            }
            _ => {
                let old = self.low(r);
                let kept = self.b.ins().band_imm_s(old, -1i64 << T::BITS);
                let new = self.b.ins().uextend(types::I32, v.value);
                let merged = self.b.ins().bor(kept, new);
                self.set_low(r, merged);
            }
        }
    }
    fn gr_high(&mut self, r: u8) -> Val<u32> {
        let v = self.full(r);
        let high = self.b.ins().ushr_imm_u(v, 32);
        Val::new(self.b.ins().ireduce(types::I32, high))
    }
    fn set_gr_high(&mut self, r: u8, v: Val<u32>) {
        let low = self.low(r);
        let (low, high) = (self.b.ins().uextend(types::I64, low), self.b.ins().uextend(types::I64, v.value));
        let high = self.b.ins().ishl_imm_u(high, 32);
        let v = self.b.ins().bor(high, low);
        self.set_full(r, v);
    }
    fn set_gr_address(&mut self, r: u8, v: Val<u64>) {
        if self.mode.address_mask() == u64::MAX {
            self.set_full(r, v.value);
        } else {
            let low = self.b.ins().ireduce(types::I32, v.value);
            self.set_low(r, low);
        }
    }
    fn ar(&mut self, r: u8) -> Val<u32> {
        Val::new(self.get_cpu(types::I32, layout::AR + 4 * usize::from(r & 15)))
    }
    fn set_ar(&mut self, r: u8, v: Val<u32>) {
        self.put_cpu(v.value, layout::AR + 4 * usize::from(r & 15));
    }
    fn fr<T: Scalar>(&mut self, r: u8) -> Val<T> {
        Val::new(self.left(r & 15, ty::<T>()))
    }
    fn set_fr<T: Scalar>(&mut self, r: u8, v: Val<T>) {
        self.set_left(r & 15, v.value);
    }
    fn vr(&mut self, v: u8) -> Val<u128> {
        Val::new(self.whole(v, types::I128))
    }
    fn set_vr(&mut self, v: u8, value: Val<u128>) {
        self.set_whole(v, value.value);
    }

    fn zext<F: Scalar, T: Scalar>(&mut self, v: Val<F>) -> Val<T> {
        Val::new(match T::BITS.cmp(&F::BITS) {
            std::cmp::Ordering::Greater => match self.as_constant(v.value) {
                Some(v) => self.constant(ty::<T>(), v),
                None => self.b.ins().uextend(ty::<T>(), v.value),
            },
            std::cmp::Ordering::Equal => v.value,
            std::cmp::Ordering::Less => match self.as_constant(v.value) {
                Some(v) => self.constant(ty::<T>(), v),
                None => self.b.ins().ireduce(ty::<T>(), v.value),
            },
        })
    }
    fn sext<F: Scalar, T: Scalar>(&mut self, v: Val<F>) -> Val<T> {
        Val::new(match T::BITS.cmp(&F::BITS) {
            std::cmp::Ordering::Greater => match self.as_constant(v.value) {
                Some(v) if T::BITS <= 64 => {
                    let left = 64 - F::BITS;
                    self.constant(ty::<T>(), ((v << left) as i64 >> left) as u64)
                }
                _ => self.b.ins().sextend(ty::<T>(), v.value),
            },
            std::cmp::Ordering::Equal => v.value,
            std::cmp::Ordering::Less => self.b.ins().ireduce(ty::<T>(), v.value),
        })
    }
    fn trunc<F: Scalar, T: Scalar>(&mut self, v: Val<F>) -> Val<T> {
        self.zext::<F, T>(v)
    }

    fn join(&mut self, high: Val<u64>, low: Val<u64>) -> Val<u128> {
        Val::new(self.b.ins().iconcat(low.value, high.value))
    }
    fn split(&mut self, v: Val<u128>) -> (Val<u64>, Val<u64>) {
        let (low, high) = self.b.ins().isplit(v.value);
        (Val::new(high), Val::new(low))
    }

    fn add<T: Scalar>(&mut self, a: Val<T>, b: Val<T>) -> Val<T> {
        if let Some(v) = self.fold::<T>(a, b, u64::wrapping_add) {
            return v;
        }
        match (T::BITS, self.as_constant(a.value), self.as_constant(b.value)) {
            (64, None, Some(c)) => Val::new(self.add_constant(a.value, c as i64)),
            (64, Some(c), None) => Val::new(self.add_constant(b.value, c as i64)),
            _ => Val::new(self.b.ins().iadd(a.value, b.value)),
        }
    }
    fn sub<T: Scalar>(&mut self, a: Val<T>, b: Val<T>) -> Val<T> {
        if let Some(v) = self.fold::<T>(a, b, u64::wrapping_sub) {
            return v;
        }
        Val::new(self.b.ins().isub(a.value, b.value))
    }
    fn mul<T: Scalar>(&mut self, a: Val<T>, b: Val<T>) -> Val<T> {
        Val::new(self.b.ins().imul(a.value, b.value))
    }
    fn add_signed<T: Scalar>(&mut self, a: Val<T>, b: Val<T>) -> (Val<T>, Cond) {
        if matches!(T::BITS, 32 | 64) {
            let v = self.b.ins().iadd(a.value, b.value);
            let overflow = Cond::Overflow { difference: false, first: a.value, second: b.value, result: v };
            return (Val::new(v), overflow);
        }
        let v = self.b.ins().iadd(a.value, b.value);
        let (x, y) = (self.b.ins().bxor(v, a.value), self.b.ins().bxor(v, b.value));
        (Val::new(v), self.sign_of_and(x, y))
    }
    fn sub_signed<T: Scalar>(&mut self, a: Val<T>, b: Val<T>) -> (Val<T>, Cond) {
        if matches!(T::BITS, 32 | 64) {
            let v = self.b.ins().isub(a.value, b.value);
            let overflow = Cond::Overflow { difference: true, first: a.value, second: b.value, result: v };
            return (Val::new(v), overflow);
        }
        let v = self.b.ins().isub(a.value, b.value);
        let (x, y) = (self.b.ins().bxor(a.value, b.value), self.b.ins().bxor(a.value, v));
        (Val::new(v), self.sign_of_and(x, y))
    }
    fn mul_signed<T: Scalar>(&mut self, a: Val<T>, b: Val<T>) -> (Val<T>, Cond) {
        let (v, overflow) = self.b.ins().smul_overflow(a.value, b.value);
        (Val::new(v), Cond::Value(overflow))
    }
    fn add_carry<T: Scalar>(&mut self, a: Val<T>, b: Val<T>) -> (Val<T>, Cond) {
        let v = self.b.ins().iadd(a.value, b.value);
        (Val::new(v), Cond::Compare(IntCC::UnsignedLessThan, v, a.value))
    }
    fn sub_borrow<T: Scalar>(&mut self, a: Val<T>, b: Val<T>) -> (Val<T>, Cond) {
        let v = self.b.ins().isub(a.value, b.value);
        (Val::new(v), Cond::Compare(IntCC::UnsignedLessThan, a.value, b.value))
    }
    fn add_with_carry<T: Scalar>(&mut self, a: Val<T>, b: Val<T>, carry: Cond) -> (Val<T>, Cond) {
        // The host's own carry, which is what a one added to all ones gives; drafts do not know it.
        if T::BITS == 64 && self.style == Style::Best {
            let carry: Val<u64> = self.number(carry);
            let ones = self.constant(types::I64, u64::MAX);
            let (a, b) = (self.b.ins().iconcat(carry.value, a.value), self.b.ins().iconcat(ones, b.value));
            let (sum, out) = self.b.ins().uadd_overflow(a, b);
            return (Val::new(self.b.ins().isplit(sum).1), Cond::Value(out));
        }
        add_in_two_steps(self, a, b, carry)
    }
    fn sub_with_borrow<T: Scalar>(&mut self, a: Val<T>, b: Val<T>, borrow: Cond) -> (Val<T>, Cond) {
        if T::BITS == 64 && self.style == Style::Best {
            let borrow: Val<u64> = self.number(borrow);
            let zero = self.constant(types::I64, 0);
            let (a, b) = (self.b.ins().iconcat(zero, a.value), self.b.ins().iconcat(borrow.value, b.value));
            let (difference, out) = self.b.ins().usub_overflow(a, b);
            return (Val::new(self.b.ins().isplit(difference).1), Cond::Value(out));
        }
        subtract_in_two_steps(self, a, b, borrow)
    }
    fn and<T: Scalar>(&mut self, a: Val<T>, b: Val<T>) -> Val<T> {
        if let Some(v) = self.fold::<T>(a, b, |a, b| a & b) {
            return v;
        }
        if T::BITS <= 64 && self.as_constant(b.value) == Some(T::default().not().widen() as u64) {
            return a;
        }
        Val::new(self.b.ins().band(a.value, b.value))
    }
    fn or<T: Scalar>(&mut self, a: Val<T>, b: Val<T>) -> Val<T> {
        if let Some(v) = self.fold::<T>(a, b, |a, b| a | b) {
            return v;
        }
        Val::new(self.b.ins().bor(a.value, b.value))
    }
    fn xor<T: Scalar>(&mut self, a: Val<T>, b: Val<T>) -> Val<T> {
        if let Some(v) = self.fold::<T>(a, b, |a, b| a ^ b) {
            return v;
        }
        Val::new(self.b.ins().bxor(a.value, b.value))
    }
    fn not<T: Scalar>(&mut self, a: Val<T>) -> Val<T> {
        Val::new(self.b.ins().bnot(a.value))
    }
    // The host's own exceptions never happen: the semantics have looked before.
    fn div_rem<T: Scalar>(&mut self, a: Val<T>, b: Val<T>) -> (Val<T>, Val<T>) {
        let quotient = self.b.ins().udiv(a.value, b.value);
        (Val::new(quotient), self.remainder(a, b, quotient))
    }
    fn div_rem_signed<T: Scalar>(&mut self, a: Val<T>, b: Val<T>) -> (Val<T>, Val<T>) {
        let quotient = self.b.ins().sdiv(a.value, b.value);
        (Val::new(quotient), self.remainder(a, b, quotient))
    }
    fn div_rem_wide(&mut self, high: Val<u64>, low: Val<u64>, divisor: Val<u64>) -> Result<[Val<u64>; 2], Exit> {
        // The quotient fits when the high half is below the divisor; that also tells a zero divisor.
        let fails = self.b.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, high.value, divisor.value);
        self.exit_if_not_zero(fails);
        let (wide, narrow, done) = (self.b.create_block(), self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(wide);
        self.b.append_block_param(done, types::I64);
        self.b.append_block_param(done, types::I64);
        self.b.ins().brif(high.value, wide, &[], narrow, &[]);
        self.b.switch_to_block(narrow);
        let (quotient, remainder) = self.div_rem(low, divisor);
        self.b.ins().jump(done, &[quotient.value.into(), remainder.value.into()]);
        self.b.switch_to_block(wide);
        self.put_frame(divisor.value, offset_of!(Frame, value));
        let quotient = self.call_thunk(frame::DIVIDE, high.value, low.value);
        let remainder = self.get(types::I64, self.frame, offset_of!(Frame, value));
        self.b.ins().jump(done, &[quotient.into(), remainder.into()]);
        self.b.switch_to_block(done);
        let results = self.b.block_params(done);
        Ok([Val::new(results[0]), Val::new(results[1])])
    }
    fn shl<T: Scalar>(&mut self, a: Val<T>, amount: Val<u32>) -> Val<T> {
        self.shift(a, amount, false, |m, a, n| m.b.ins().ishl(a, n))
    }
    fn shr<T: Scalar>(&mut self, a: Val<T>, amount: Val<u32>) -> Val<T> {
        self.shift(a, amount, false, |m, a, n| m.b.ins().ushr(a, n))
    }
    fn sar<T: Scalar>(&mut self, a: Val<T>, amount: Val<u32>) -> Val<T> {
        self.shift(a, amount, true, |m, a, n| m.b.ins().sshr(a, n))
    }
    fn rotl<T: Scalar>(&mut self, a: Val<T>, amount: Val<u32>) -> Val<T> {
        if T::BITS == 128
            && let Some(bits) = self.as_constant(amount.value)
        {
            return Val::new(self.rotated(a.value, bits));
        }
        if self.as_constant(amount.value) == Some(0) {
            return a;
        }
        Val::new(self.b.ins().rotl(a.value, amount.value))
    }
    fn leading_zeros<T: Scalar>(&mut self, a: Val<T>) -> Val<T> {
        if T::BITS == 128 {
            return Val::new(self.leading_zeros_of_both(a.value));
        }
        Val::new(self.b.ins().clz(a.value))
    }
    fn trailing_zeros<T: Scalar>(&mut self, a: Val<T>) -> Val<T> {
        Val::new(self.b.ins().ctz(a.value))
    }
    fn count_ones<T: Scalar>(&mut self, a: Val<T>) -> Val<T> {
        if T::BITS >= 32 {
            return Val::new(self.b.ins().popcnt(a.value));
        }
        let wide = self.b.ins().uextend(types::I32, a.value);
        let count = self.b.ins().popcnt(wide);
        Val::new(self.b.ins().ireduce(ty::<T>(), count))
    }
    fn swap_bytes<T: Scalar>(&mut self, a: Val<T>) -> Val<T> {
        Val::new(self.swap(a.value))
    }

    fn eq<T: Scalar>(&mut self, a: Val<T>, b: Val<T>) -> Cond {
        Cond::Compare(IntCC::Equal, a.value, b.value)
    }
    fn lt_signed<T: Scalar>(&mut self, a: Val<T>, b: Val<T>) -> Cond {
        Cond::Compare(IntCC::SignedLessThan, a.value, b.value)
    }
    fn lt<T: Scalar>(&mut self, a: Val<T>, b: Val<T>) -> Cond {
        Cond::Compare(IntCC::UnsignedLessThan, a.value, b.value)
    }
    fn known(&mut self, c: bool) -> Cond {
        Cond::Known(c)
    }
    fn not_cond(&mut self, c: Cond) -> Cond {
        self.invert(c)
    }
    fn both(&mut self, a: Cond, b: Cond) -> Cond {
        self.and_cond(a, b)
    }
    fn either(&mut self, a: Cond, b: Cond) -> Cond {
        self.or_cond(a, b)
    }
    fn select<T: Scalar>(&mut self, c: Cond, a: Val<T>, b: Val<T>) -> Val<T> {
        match c {
            Cond::Known(true) => a,
            Cond::Known(false) => b,
            c => {
                let c = self.byte(c);
                let (ty, constants) = (self.type_of(a.value), [a.value, b.value].map(|v| self.as_constant(v)));
                if constants == [Some(1), Some(0)] && matches!(ty, types::I32 | types::I64) {
                    return Val::new(self.b.ins().uextend(ty, c));
                }
                Val::new(self.b.ins().select(c, a.value, b.value))
            }
        }
    }

    fn cc_zero<T: Scalar>(&mut self, v: Val<T>) {
        self.know_cc(Kind::Zero, v.value, None);
    }
    fn cc_signed<T: Scalar>(&mut self, v: Val<T>) {
        self.know_cc(Kind::Signed, v.value, None);
    }
    fn cc_signed_overflow<T: Scalar>(&mut self, v: Val<T>, overflow: Cond) {
        match overflow {
            Cond::Known(false) => return self.cc_signed(v),
            Cond::Overflow { difference, second, result, .. } if result == v.value => {
                let kind = match (difference, T::BITS) {
                    (false, 32) => Kind::SumOfWords,
                    (false, _) => Kind::Sum,
                    (true, 32) => Kind::DifferenceOfWords,
                    (true, _) => Kind::Difference,
                };
                return self.know_cc(kind, v.value, Some(second));
            }
            _ => {}
        }
        let overflow = self.byte(overflow);
        self.know_cc(Kind::SignedOverflow, v.value, Some(overflow));
    }
    fn cc_add_logical<T: Scalar>(&mut self, v: Val<T>, carry: Cond) {
        if let Cond::Compare(IntCC::UnsignedLessThan, sum, addend) = carry
            && sum == v.value
        {
            return self.know_cc(Kind::LogicalSum, sum, Some(addend));
        }
        let carry = self.byte(carry);
        self.know_cc(Kind::AddLogical, v.value, Some(carry));
    }
    fn cc_subtract_logical<T: Scalar>(&mut self, v: Val<T>, borrow: Cond) {
        if let Cond::Compare(IntCC::UnsignedLessThan, first, second) = borrow
            && self.is_difference(v.value, first, second)
        {
            return self.know_cc(Kind::LogicalDifference, first, Some(second));
        }
        let carry = self.invert(borrow);
        self.cc_add_logical(v, carry);
    }
    fn cc_compare_signed<T: Scalar>(&mut self, a: Val<T>, b: Val<T>) {
        self.know_cc(Kind::CompareSigned, a.value, Some(b.value));
    }
    fn cc_compare<T: Scalar>(&mut self, a: Val<T>, b: Val<T>) {
        self.know_cc(Kind::Compare, a.value, Some(b.value));
    }
    fn cc_test_under_mask<T: Scalar>(&mut self, bits: Val<T>, mask: T, leftmost: bool) {
        let mask = self.imm(mask);
        let kind = if leftmost { Kind::UnderMaskLeftmost } else { Kind::UnderMask };
        self.know_cc(kind, bits.value, Some(mask.value));
    }
    fn set_cc(&mut self, cc: Val<u8>) {
        self.know_cc(Kind::Value, cc.value, None);
    }
    fn cc(&mut self) -> Val<u8> {
        let v = self.cc_value();
        Val::new(v)
    }
    fn cc_is(&mut self, mask: u8) -> Cond {
        self.cc_condition(mask)
    }

    fn wrap(&mut self, address: Val<u64>) -> Val<u64> {
        match self.mode.address_mask() {
            u64::MAX => address,
            mask => Val::new(self.b.ins().band_imm_u(address.value, mask as i64)),
        }
    }
    fn load<T: Scalar>(&mut self, ea: Ea<Val<u64>>) -> Result<Val<T>, Exit> {
        Ok(self.emit_load(ea))
    }
    fn store<T: Scalar>(&mut self, ea: Ea<Val<u64>>, v: Val<T>) -> Result<(), Exit> {
        self.emit_store(ea, v);
        Ok(())
    }
    fn load_if<T: Scalar>(&mut self, c: Cond, ea: Ea<Val<u64>>, otherwise: Val<T>) -> Result<Val<T>, Exit> {
        let done = self.b.create_block();
        self.b.append_block_param(done, ty::<T>());
        self.only_if(c, done, &[otherwise.value.into()]);
        let v = self.emit_load::<T>(ea);
        self.b.ins().jump(done, &[v.value.into()]);
        self.b.switch_to_block(done);
        Ok(Val::new(self.b.block_params(done)[0]))
    }
    fn store_if<T: Scalar>(&mut self, c: Cond, ea: Ea<Val<u64>>, v: Val<T>) -> Result<(), Exit> {
        let done = self.b.create_block();
        self.only_if(c, done, &[]);
        self.emit_store(ea, v);
        self.b.ins().jump(done, &[]);
        self.b.switch_to_block(done);
        Ok(())
    }
    fn update<T: Scalar>(&mut self, op: Update, ea: Ea<Val<u64>>, v: Val<T>) -> Result<Val<T>, Exit> {
        let host = self.emit_place::<T>(ea);
        if op == Update::Add && T::BYTES > 1 {
            return Ok(self.add_to_storage(host, v));
        }
        let op = match op {
            Update::Add => AtomicRmwOp::Add,
            Update::And => AtomicRmwOp::And,
            Update::Or => AtomicRmwOp::Or,
            Update::Xor => AtomicRmwOp::Xor,
        };
        let v = self.swap(v.value);
        let old = self.b.ins().atomic_rmw(ty::<T>(), MemFlagsData::trusted(), op, host, v);
        Ok(Val::new(self.swap(old)))
    }
    fn load_many<T: Scalar>(&mut self, ea: Ea<Val<u64>>, count: usize) -> Result<[Option<Val<T>>; 16], Exit> {
        Ok(self.emit_load_many(ea, count))
    }
    fn store_many<T: Scalar>(&mut self, ea: Ea<Val<u64>>, values: &[Option<Val<T>>; 16]) -> Result<(), Exit> {
        self.emit_store_many(ea, values);
        Ok(())
    }
    fn storage(&mut self, op: StorageOp, first: Ea<Val<u64>>, second: Ea<Val<u64>>, length: u64) -> Result<(), Exit> {
        self.emit_storage(op, first, second, length);
        Ok(())
    }
    fn probe_store(&mut self, ea: Ea<Val<u64>>, length: u64) -> Result<(), Exit> {
        self.emit_probe(ea, length);
        Ok(())
    }
    fn load_relative<T: Scalar>(&mut self, o: &Operands) -> Result<Val<T>, Exit> {
        let address = self.relative_address(o);
        Ok(self.emit_load(Ea { address, ar: 0 }))
    }
    fn store_relative<T: Scalar>(&mut self, o: &Operands, v: Val<T>) -> Result<(), Exit> {
        let address = self.relative_address(o);
        self.emit_store(Ea { address, ar: 0 }, v);
        Ok(())
    }
    fn compare_and_swap<T: Scalar>(
        &mut self,
        ea: Ea<Val<u64>>,
        expected: Val<T>,
        new: Val<T>,
    ) -> Result<(Val<T>, Cond), Exit> {
        let host = self.emit_place::<T>(ea);
        let (old, new) = (self.swap(expected.value), self.swap(new.value));
        let found = self.b.ins().atomic_cas(MemFlagsData::trusted(), host, old, new);
        let swapped = self.b.ins().icmp(IntCC::Equal, found, old);
        Ok((Val::new(self.swap(found)), Cond::Value(swapped)))
    }
    fn guarded_load_shift(&mut self) -> Val<u32> {
        let designation = self.get_cpu(types::I32, layout::GUARDED_DESIGNATION);
        let shift = self.b.ins().ushr_imm_u(designation, 8);
        Val::new(self.b.ins().band_imm_u(shift, 7))
    }
    /// While sections are guarded, the interpreter looks at whatever points into the area.
    fn guard(&mut self, _: &Operands, _: Ea<Val<u64>>, pointer: Val<u64>, _: bool) -> Result<(), Exit> {
        let designation = self.get_cpu(types::I64, layout::GUARDED_DESIGNATION);
        let sections = self.get_cpu(types::I64, layout::GUARDED_SECTIONS);
        // The shift takes the amount modulo 64: the characteristic.
        let difference = self.b.ins().bxor(pointer.value, designation);
        let difference = self.b.ins().ushr(difference, designation);
        let inside = self.b.ins().icmp_imm_u(IntCC::Equal, difference, 0);
        let guarded = self.b.ins().icmp_imm_u(IntCC::NotEqual, sections, 0);
        let c = self.b.ins().band(inside, guarded);
        self.exit_if_not_zero(c);
        Ok(())
    }
    fn raise_if(&mut self, c: Cond, code: ProgramCode) -> Result<(), Exit> {
        match c {
            Cond::Known(true) => return Err(Exit::Program(code)),
            Cond::Known(false) => {}
            c => {
                let c = self.byte(c);
                self.exit_if_not_zero(c);
            }
        }
        Ok(())
    }
    fn data_exception_if(&mut self, c: Cond, _: u8) -> Result<(), Exit> {
        self.raise_if(c, ProgramCode::DATA)
    }
    fn program_mask(&mut self) -> Val<u8> {
        let byte = self.get_cpu(types::I8, layout::PROGRAM_MASK);
        Val::new(self.b.ins().band_imm_u(byte, 15))
    }
    fn fixed_point_overflow(&mut self, c: Cond) -> Result<(), Exit> {
        if self.mode.fixed_point_overflow() && !matches!(c, Cond::Known(false)) {
            let c = self.byte(c);
            let exit = self.side_exit(self.state, SideKind::Overflow);
            self.go_on_unless(c, exit);
        }
        Ok(())
    }

    fn relative_address(&mut self, o: &Operands) -> Val<u64> {
        Val::new(self.address_of(relative_target(o)))
    }
    fn next_sequential(&mut self, o: &Operands) -> Val<u64> {
        let next = self.place.offset + i64::from(o.length());
        Val::new(self.address_of(next))
    }
    fn set_link(&mut self, r: u8, o: &Operands) {
        let next = self.next_sequential(o).value;
        match self.mode.address_mask() {
            u64::MAX => self.set_full(r, next),
            mask => {
                let mut low = self.b.ins().ireduce(types::I32, next);
                if mask == 0x7FFF_FFFF {
                    low = self.b.ins().bor_imm_u(low, 0x8000_0000);
                }
                self.set_low(r, low);
            }
        }
    }
    fn branch_if(&mut self, c: Cond, target: Val<u64>) -> Result<(), Exit> {
        let target = self.wrap(target);
        self.branch = Some((c, Target::Value(target.value)));
        Ok(())
    }
    fn branch_relative_if(&mut self, c: Cond, o: &Operands) -> Result<(), Exit> {
        self.branch = Some((c, Target::Relative(relative_target(o))));
        Ok(())
    }

    fn require_supervisor(&mut self) -> Result<(), Exit> {
        if self.mode.problem_state() { Err(Exit::PRIVILEGED_OPERATION) } else { Ok(()) }
    }
    fn require_vector(&mut self) -> Result<(), Exit> {
        if self.mode.vector() { Ok(()) } else { Err(Exit::Program(ProgramCode::DATA)) }
    }
    fn require_afp(&mut self, _: u8) -> Result<(), Exit> {
        if self.mode.afp() { Ok(()) } else { Err(Exit::Program(ProgramCode::DATA)) }
    }
    fn serialize(&mut self) -> Result<(), Exit> {
        // On x86-64 an interlocked update is a barrier of its own.
        if !(self.interlocked && cfg!(target_arch = "x86_64")) {
            self.b.ins().fence();
        }
        self.serialize = true;
        Ok(())
    }
    fn bfp<T: Bfp>(&mut self, op: BfpOp, to: u8, operands: [Val<T>; 3]) -> Result<(), Exit> {
        let number = number(T::BITS);
        let operands = operands.map(|v| self.retype(number, v.value));
        let v = self.operate(op, operands);
        self.set_left(to & 15, v);
        if matches!(op, BfpOp::Add | BfpOp::Subtract) {
            self.cc_of_number(v);
        }
        Ok(())
    }
    fn bfp_compare<T: Bfp>(&mut self, a: Val<T>, b: Val<T>, _: bool) -> Result<(), Exit> {
        let (a, b) = (self.retype(number(T::BITS), a.value), self.retype(number(T::BITS), b.value));
        self.compare_numbers(a, b);
        Ok(())
    }
    fn bfp_load_and_test<T: Bfp>(&mut self, to: u8, v: Val<T>) -> Result<(), Exit> {
        let v = self.retype(number(T::BITS), v.value);
        self.exit_if_nan(v);
        self.set_left(to & 15, v);
        self.cc_of_number(v);
        Ok(())
    }
    fn cc_bfp<T: Bfp>(&mut self, v: Val<T>) {
        let v = self.retype(number(T::BITS), v.value);
        self.cc_of_number(v);
    }
    fn bfp_lengthen(&mut self, to: u8, v: Val<u32>) -> Result<(), Exit> {
        let v = self.retype(types::F32, v.value);
        let v = self.lengthened(v);
        self.set_left(to & 15, v);
        Ok(())
    }
    fn bfp_round(&mut self, to: u8, v: Val<u64>, _: Modifiers) -> Result<(), Exit> {
        let v = self.retype(types::F64, v.value);
        let v = self.shortened(v);
        self.set_left(to & 15, v);
        Ok(())
    }
    fn bfp_load_integer<T: Bfp>(&mut self, to: u8, v: Val<T>, modifiers: Modifiers) -> Result<(), Exit> {
        let v = self.retype(number(T::BITS), v.value);
        let v = self.integral(v, modifiers);
        self.set_left(to & 15, v);
        Ok(())
    }
    fn bfp_from_integer<T: Bfp, I: Scalar>(
        &mut self,
        to: u8,
        v: Val<I>,
        signed: bool,
        _: Modifiers,
    ) -> Result<(), Exit> {
        let v = self.number_of(number(T::BITS), v.value, signed);
        self.set_left(to & 15, v);
        Ok(())
    }
    fn bfp_to_integer<T: Bfp, I: Scalar>(
        &mut self,
        to: u8,
        v: Val<T>,
        signed: bool,
        modifiers: Modifiers,
    ) -> Result<(), Exit> {
        let v = self.retype(number(T::BITS), v.value);
        let integer = self.integer_of(ty::<I>(), v, signed, modifiers);
        self.set_gr::<I>(to, Val::new(integer));
        self.cc_of_number(v);
        Ok(())
    }
    fn vector_bfp(&mut self, op: VectorBfp, o: &Operands, _: Handler) -> Result<(), Exit> {
        // The survey has asked for the facility.
        if let Some(ty) = vector_type(op, o, true) {
            self.vector_numbers(op, o, ty);
        }
        Ok(())
    }
    fn vector1(&mut self, op: VectorOp1, es: u8, a: Val<u128>) -> Val<u128> {
        Val::new(self.vector_of_one(op, es, a.value))
    }
    fn vector(&mut self, op: VectorOp, es: u8, a: Val<u128>, b: Val<u128>) -> Val<u128> {
        Val::new(self.vector_of_two(op, es, a.value, b.value))
    }
    fn vector3(&mut self, op: VectorOp3, es: u8, a: Val<u128>, b: Val<u128>, c: Val<u128>) -> Val<u128> {
        Val::new(self.vector_of_three(op, es, a.value, b.value, c.value))
    }
    fn vector_shift(&mut self, op: VectorShift, es: u8, a: Val<u128>, amount: Val<u32>) -> Val<u128> {
        Val::new(self.shifted_lanes(op, es, a.value, amount.value))
    }
    fn concat_shift_left(&mut self, a: Val<u128>, b: Val<u128>, bits: u8) -> Val<u128> {
        Val::new(self.side_by_side(a.value, b.value, bits))
    }
    fn splat<T: Scalar>(&mut self, v: Val<T>) -> Val<u128> {
        let v = self.b.ins().splat(lanes(T::BYTES.ilog2() as u8), v.value);
        Val::new(self.retype(types::I128, v))
    }
    fn element<T: Scalar>(&mut self, v: Val<u128>, index: u8) -> Val<T> {
        let v = self.retype(lanes(T::BYTES.ilog2() as u8), v.value);
        Val::new(self.b.ins().extractlane(v, lane::<T>(index)))
    }
    fn set_element<T: Scalar>(&mut self, v: Val<u128>, index: u8, element: Val<T>) -> Val<u128> {
        let v = self.retype(lanes(T::BYTES.ilog2() as u8), v.value);
        let v = self.b.ins().insertlane(v, element.value, lane::<T>(index));
        Val::new(self.retype(types::I128, v))
    }
    /// Never reached: an instruction that asks for it is run by its handler.
    fn call(&mut self, _: Handler, _: &Operands) -> Result<(), Exit> {
        Err(Exit::Stale)
    }
}
