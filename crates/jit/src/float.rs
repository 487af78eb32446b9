//! Binary floating point in emitted code: the host computes where its result and flags are certain to be those of the
//! architecture; else the interpreter executes the instruction. And floating-point and vector registers as values.
//! Source: Principles of Operation, chapters 9 and 19; docs/engine-pattern.md, floating point.
//!
//! The host computes when no exception traps and the rounding mode is to nearest. A result is then the architecture's, unless
//! it is a NaN, or may be tiny or too large. Of the flags only inexact is left, which does not matter while the FPC has it;
//! while it has not, the cold path goes on only when it can tell that the result is exact.

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::immediates::{Ieee32, Ieee64};
use cranelift_codegen::ir::{Block, InstBuilder, InstructionData, MemFlagsData, Opcode, Type, Value, types};
use softsie_cpu::layout;
use softsie_exec::{BfpOp, Modifiers, VectorBfp};
use softsie_isa::Operands;

use crate::cc::Kind;
use crate::emit::Emit;

/// The FPC's IEEE masks and BFP rounding mode: zero where the host computes.
const MODE: i64 = 0xF800_0007;
/// The FPC's inexact flag.
const INEXACT: i64 = 0x0008_0000;
/// Single-element control of vector instructions.
const SINGLE: u8 = 8;
/// Suppression of the inexact exception.
const XXC: u8 = 4;

/// Whether the host has all that is emitted here, fused multiplication among it.
#[cfg(target_arch = "x86_64")]
pub(crate) fn host_computes() -> bool {
    std::arch::is_x86_feature_detected!("avx")
        && std::arch::is_x86_feature_detected!("fma")
        && std::arch::is_x86_feature_detected!("sse4.1")
}

/// Whether the host has all that is emitted here.
#[cfg(target_arch = "aarch64")]
pub(crate) fn host_computes() -> bool {
    true
}

/// The number type as wide as integer type `bits`.
pub(crate) fn number(bits: u32) -> Type {
    if bits == 32 { types::F32 } else { types::F64 }
}

/// How the host rounds to an integer as `method` says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rounding {
    Nearest,
    Zero,
    Up,
    Down,
}

impl Rounding {
    fn of(method: u8) -> Option<Rounding> {
        match method {
            0 | 4 => Some(Rounding::Nearest),
            5 => Some(Rounding::Zero),
            6 => Some(Rounding::Up),
            7 => Some(Rounding::Down),
            _ => None,
        }
    }
}

/// Whether the emitter rounds to integers so.
pub(crate) fn rounds_to_integer(m: Modifiers) -> bool {
    Rounding::of(m.method).is_some() && m.m4 & XXC == 0
}

/// Whether the emitter rounds to an integer of the same format so.
pub(crate) fn rounds_in_format(m: Modifiers) -> bool {
    Rounding::of(m.method).is_some()
}

/// Whether the emitter rounds other results so.
pub(crate) fn rounds(m: Modifiers) -> bool {
    matches!(m.method, 0 | 4) && m.m4 & XXC == 0
}

/// The type that a vector instruction computes in: a scalar with the single-element control.
fn lanes(format: u8, single: u8) -> Option<Type> {
    if single & !SINGLE != 0 {
        return None;
    }
    match (format, single & SINGLE != 0) {
        (3, true) => Some(types::F64),
        (3, false) => Some(types::F64X2),
        (2, true) => Some(types::F32),
        (2, false) => Some(types::F32X4),
        _ => None,
    }
}

fn vector_modifiers(o: &Operands) -> Modifiers {
    Modifiers { method: o.m5(), m4: o.m4() & XXC }
}

/// The type that a vector instruction computes in, when it is one that the emitter has. Instructions of the short format are
/// part of a facility: `enhanced` says whether there is it.
pub(crate) fn vector_type(op: VectorBfp, o: &Operands, enhanced: bool) -> Option<Type> {
    use VectorBfp::*;
    let single_only = |ty: Option<Type>| ty.filter(|ty| !ty.is_vector());
    let ty = match op {
        Add | Subtract | Multiply | Divide => lanes(o.m4(), o.m5()),
        SquareRoot => lanes(o.m3(), o.m4()),
        MultiplyAdd | MultiplySubtract | NegativeMultiplyAdd | NegativeMultiplySubtract => lanes(o.m6(), o.m5()),
        CompareEqual | CompareHigh | CompareHighOrEqual => lanes(o.m4(), o.m5()).filter(|_| o.m6() & !1 == 0),
        CompareScalar | CompareAndSignalScalar => lanes(o.m3(), SINGLE).filter(|_| o.m4() == 0),
        PerformSign => lanes(o.m3(), o.m4()).filter(|_| o.m5() <= 2),
        LoadInteger => lanes(o.m3(), o.m4() & !XXC).filter(|_| rounds_in_format(vector_modifiers(o))),
        FromFixed | FromLogical => {
            return single_only(lanes(o.m3(), o.m4())).filter(|ty| *ty == types::F64 && rounds(vector_modifiers(o)));
        }
        ToFixed | ToLogical => {
            return single_only(lanes(o.m3(), o.m4()))
                .filter(|ty| *ty == types::F64 && rounds_to_integer(vector_modifiers(o)));
        }
        Lengthen => return single_only(lanes(o.m3(), o.m4())).filter(|ty| *ty == types::F32),
        Round => {
            return single_only(lanes(o.m3(), o.m4())).filter(|ty| *ty == types::F64 && rounds(vector_modifiers(o)));
        }
    };
    ty.filter(|ty| enhanced || ty.lane_type() == types::F64)
}

/// Whether a vector instruction sets the condition code.
pub(crate) fn vector_sets_cc(op: VectorBfp, o: &Operands) -> bool {
    use VectorBfp::*;
    match op {
        CompareEqual | CompareHigh | CompareHighOrEqual => o.m6() & 1 != 0,
        CompareScalar | CompareAndSignalScalar => true,
        _ => false,
    }
}

/// Where a register's leftmost `bytes` are.
fn left_offset(r: u8, bytes: u32) -> usize {
    // The leftmost bytes of a number are the last in little-endian memory.
    layout::VR + 16 * usize::from(r & 31) + 16 - bytes as usize
}

impl Emit<'_> {
    // Registers: what is stored in the CPU at once is kept as a value too, so that it need not be loaded again.

    /// What a value was made from by changing nothing but its type.
    pub(crate) fn origin(&self, mut v: Value) -> Value {
        while let Some(inst) = self.b.func.dfg.value_def(v).inst()
            && let InstructionData::LoadNoOffset { opcode: Opcode::Bitcast, arg, .. } = self.b.func.dfg.insts[inst]
        {
            v = arg;
        }
        v
    }

    /// The same bits as another type of the same width.
    pub(crate) fn retype(&mut self, to: Type, v: Value) -> Value {
        let v = self.origin(v);
        if self.type_of(v) == to {
            return v;
        }
        let flags = MemFlagsData::new().with_endianness(cranelift_codegen::ir::Endianness::Little);
        self.b.ins().bitcast(to, flags, v)
    }

    /// The leftmost bits of vector register `r`, as many as `ty` has.
    pub(crate) fn left(&mut self, r: u8, ty: Type) -> Value {
        let n = usize::from(r & 31);
        if let Some(v) = self.vr[n] {
            let known = self.type_of(v).bytes();
            if known == ty.bytes() {
                return self.retype(ty, v);
            }
            if known == 16 && matches!(ty.bytes(), 4 | 8) {
                let number = number(ty.bits());
                let lanes = 16 / ty.bytes();
                let Some(vector) = number.by(lanes) else { return v };
                let v = self.retype(vector, v);
                let v = self.b.ins().extractlane(v, lanes as u8 - 1);
                return self.retype(ty, v);
            }
        }
        if !matches!(ty.bytes(), 4 | 8) {
            return self.get_cpu(ty, left_offset(r, ty.bytes()));
        }
        let v = self.get_cpu(number(ty.bits()), left_offset(r, ty.bytes()));
        // A narrower value is known better than a wider one: it was set last.
        self.vr[n] = Some(v);
        self.retype(ty, v)
    }

    /// Replaces the leftmost bits of vector register `r`.
    pub(crate) fn set_left(&mut self, r: u8, v: Value) {
        let v = self.origin(v);
        self.put_cpu(v, left_offset(r, self.type_of(v).bytes()));
        self.vr[usize::from(r & 31)] = Some(v);
    }

    /// Replaces vector register `r` by `v` on the left and zeros.
    fn set_left_only(&mut self, r: u8, v: Value) {
        self.set_left(r, v);
        let at = layout::VR + 16 * usize::from(r & 31);
        let zero = self.constant(types::I64, 0);
        self.put_cpu(zero, at);
        if self.type_of(v).bytes() == 4 {
            let zero = self.constant(types::I32, 0);
            self.put_cpu(zero, at + 8);
        }
    }

    /// Vector register `r`.
    pub(crate) fn whole(&mut self, r: u8, ty: Type) -> Value {
        let n = usize::from(r & 31);
        if let Some(v) = self.vr[n]
            && self.type_of(v).bytes() == 16
        {
            return self.retype(ty, v);
        }
        let v = self.get_cpu(types::I8X16, layout::VR + 16 * n);
        self.vr[n] = Some(v);
        self.retype(ty, v)
    }

    /// Replaces vector register `r`.
    pub(crate) fn set_whole(&mut self, r: u8, v: Value) {
        let mut v = self.origin(v);
        if self.type_of(v) == types::I128 {
            // One store: what reads the register next reads 16 bytes, and hosts forward those from one store only.
            v = self.retype(types::I8X16, v);
        }
        self.put_cpu(v, layout::VR + 16 * usize::from(r & 31));
        self.vr[usize::from(r & 31)] = Some(v);
    }

    // Numbers and truth values, of a scalar or of lanes.

    /// A number in every lane.
    fn constant_number(&mut self, ty: Type, v: f64) -> Value {
        let scalar = if ty.lane_type() == types::F32 {
            self.b.ins().f32const(Ieee32::with_float(v as f32))
        } else {
            self.b.ins().f64const(Ieee64::with_float(v))
        };
        if ty.is_vector() { self.b.ins().splat(ty, scalar) } else { scalar }
    }

    /// A power of two in every lane.
    fn power(&mut self, ty: Type, long: i32, short: i32) -> Value {
        let exponent = if ty.lane_type() == types::F32 { short } else { long };
        self.constant_number(ty, 2f64.powi(exponent))
    }

    fn is_zero(&mut self, v: Value) -> Value {
        let zero = self.constant_number(self.type_of(v), 0.0);
        self.b.ins().fcmp(FloatCC::Equal, v, zero)
    }

    /// Whether `v` is neither infinite nor a NaN.
    fn is_finite(&mut self, v: Value) -> Value {
        let ty = self.type_of(v);
        if ty.is_vector() {
            let magnitude = self.b.ins().fabs(v);
            let infinity = self.constant_number(ty, f64::INFINITY);
            return self.b.ins().fcmp(FloatCC::LessThan, magnitude, infinity);
        }
        let (exponent, greatest) = self.exponent(v);
        self.b.ins().icmp_imm_u(IntCC::NotEqual, exponent, greatest)
    }

    /// Whether `v` is certain to come of a value neither tiny nor too large.
    fn is_safe(&mut self, v: Value) -> Value {
        let ty = self.type_of(v);
        if ty.is_vector() {
            let magnitude = self.b.ins().fabs(v);
            let least = self.power(ty, -1021, -125);
            let large = self.b.ins().fcmp(FloatCC::GreaterThanOrEqual, magnitude, least);
            let finite = self.is_finite(v);
            return self.b.ins().band(large, finite);
        }
        let (exponent, greatest) = self.exponent(v);
        let above = self.b.ins().iadd_imm_s(exponent, -2);
        self.b.ins().icmp_imm_u(IntCC::UnsignedLessThan, above, greatest - 2)
    }

    /// The exponent field of a scalar, and its greatest value.
    fn exponent(&mut self, v: Value) -> (Value, i64) {
        let (integer, fraction, greatest) =
            if self.type_of(v) == types::F32 { (types::I32, 23, 0xFF) } else { (types::I64, 52, 0x7FF) };
        let bits = self.retype(integer, v);
        let bits = self.b.ins().ushr_imm_u(bits, fraction);
        let bits = if integer == types::I64 { self.b.ins().ireduce(types::I32, bits) } else { bits };
        (self.b.ins().band_imm_u(bits, greatest), greatest)
    }

    /// Whether `v` is large enough that nothing is lost in the rest of a product, quotient or root that it is.
    fn has_exact_rest(&mut self, v: Value) -> Value {
        let ty = self.type_of(v);
        let magnitude = self.b.ins().fabs(v);
        let least = self.power(ty, -900, -100);
        self.b.ins().fcmp(FloatCC::GreaterThanOrEqual, magnitude, least)
    }

    /// Whether a truth value is true, of every lane.
    fn every(&mut self, c: Value) -> Value {
        let ty = self.type_of(c);
        if !ty.is_vector() {
            return c;
        }
        let bits = self.b.ins().vhigh_bits(types::I32, c);
        self.b.ins().icmp_imm_u(IntCC::Equal, bits, (1 << ty.lane_count()) - 1)
    }

    fn unordered(&mut self, a: Value, b: Value) -> Value {
        let c = self.b.ins().fcmp(FloatCC::Unordered, a, b);
        let ty = self.type_of(c);
        if ty.is_vector() { self.b.ins().vhigh_bits(types::I32, c) } else { c }
    }

    /// Leaves the instruction to the interpreter when a or b is a NaN.
    fn exit_if_unordered(&mut self, a: Value, b: Value) {
        let c = self.unordered(a, b);
        self.exit_if_not_zero(c);
    }

    /// Whether the sum of `a` and `b` is `sum` exactly.
    fn is_exact_sum(&mut self, a: Value, b: Value, sum: Value) -> Value {
        let b_part = self.b.ins().fsub(sum, a);
        let a_part = self.b.ins().fsub(sum, b_part);
        let (a, b) = (self.b.ins().fsub(a, a_part), self.b.ins().fsub(b, b_part));
        let lost = self.b.ins().fadd(a, b);
        self.is_zero(lost)
    }

    /// The FPC's bits `mask`.
    fn fpc(&mut self, mask: i64) -> Value {
        let fpc = self.get_cpu(types::I32, layout::FPC);
        self.b.ins().band_imm_u(fpc, mask)
    }

    /// Goes on at `done` when no exception traps, rounding is to nearest and the inexact flag is on; else at `cold`.
    fn go_on_if_inexact(&mut self, done: Block, cold: Block) {
        let bits = self.fpc(MODE | INEXACT);
        let c = self.b.ins().icmp_imm_u(IntCC::Equal, bits, INEXACT);
        self.b.ins().brif(c, done, &[], cold, &[]);
    }

    fn cold(&mut self) -> Block {
        let block = self.b.create_block();
        self.b.set_cold_block(block);
        block
    }

    /// Goes on with a result when it is `good` and its inexactness is on record; and when `exact` says that there is
    /// nothing to be recorded.
    fn accept(&mut self, good: Value, exact: impl FnOnce(&mut Self) -> Value) {
        let (test, cold, tell, done) = (self.b.create_block(), self.cold(), self.cold(), self.b.create_block());
        let exit = self.exit_here();
        self.b.ins().brif(good, test, &[], cold, &[]);
        self.b.switch_to_block(test);
        self.go_on_if_inexact(done, cold);
        self.b.switch_to_block(cold);
        let mode = self.fpc(MODE);
        self.b.ins().brif(mode, exit, &[], tell, &[]);
        self.b.switch_to_block(tell);
        let c = exact(self);
        self.b.ins().brif(c, done, &[], exit, &[]);
        self.b.switch_to_block(done);
    }

    // Operations.

    /// The result of an operation.
    pub(crate) fn operate(&mut self, op: BfpOp, [x, y, z]: [Value; 3]) -> Value {
        let r = match op {
            BfpOp::Add => self.b.ins().fadd(x, y),
            BfpOp::Subtract => self.b.ins().fsub(x, y),
            BfpOp::Multiply => self.b.ins().fmul(x, y),
            BfpOp::Divide => self.b.ins().fdiv(x, y),
            BfpOp::SquareRoot => self.b.ins().sqrt(x),
            BfpOp::MultiplyAdd => self.b.ins().fma(x, y, z),
            BfpOp::MultiplySubtract => {
                let z = self.b.ins().fneg(z);
                self.b.ins().fma(x, y, z)
            }
        };
        // A tiny sum is exact.
        let good = if matches!(op, BfpOp::Add | BfpOp::Subtract) { self.is_finite(r) } else { self.is_safe(r) };
        let good = self.every(good);
        self.accept(good, |m| {
            let c = m.is_exact(op, [x, y, z], r);
            m.every(c)
        });
        r
    }

    /// Whether `r` is the result exactly; may say no.
    fn is_exact(&mut self, op: BfpOp, [x, y, z]: [Value; 3], r: Value) -> Value {
        match op {
            BfpOp::Add => self.is_exact_sum(x, y, r),
            BfpOp::Subtract => {
                let y = self.b.ins().fneg(y);
                self.is_exact_sum(x, y, r)
            }
            BfpOp::Multiply => {
                let zero = self.is_product_of_zero(x, y, r);
                let product = self.is_exact_product(x, y, r);
                self.b.ins().bor(zero, product)
            }
            BfpOp::Divide => {
                let (none, zero) = (self.is_zero(x), self.is_zero(r));
                let zero = self.b.ins().band(none, zero);
                let product = self.is_rest_zero(r, y, x);
                let safe = self.is_safe(r);
                let quotient = self.b.ins().band(product, safe);
                self.b.ins().bor(zero, quotient)
            }
            BfpOp::SquareRoot => {
                let zero = self.is_zero(r);
                let root = self.is_rest_zero(r, r, x);
                self.b.ins().bor(zero, root)
            }
            BfpOp::MultiplyAdd | BfpOp::MultiplySubtract => {
                let z = if op == BfpOp::MultiplySubtract { self.b.ins().fneg(z) } else { z };
                let (a, b) = (self.is_zero(x), self.is_zero(y));
                let none = self.b.ins().bor(a, b);
                let finite = self.is_finite(r);
                let addend = self.b.ins().band(none, finite);
                let product = self.b.ins().fmul(x, y);
                let sum = self.b.ins().fadd(product, z);
                let exact_product = self.is_exact_product(x, y, product);
                let exact_sum = self.is_exact_sum(product, z, sum);
                let both = self.b.ins().band(exact_product, exact_sum);
                self.b.ins().bor(addend, both)
            }
        }
    }

    /// Whether `r` is zero because `x` or `y` is.
    fn is_product_of_zero(&mut self, x: Value, y: Value, r: Value) -> Value {
        let (a, b, r) = (self.is_zero(x), self.is_zero(y), self.is_zero(r));
        let none = self.b.ins().bor(a, b);
        self.b.ins().band(none, r)
    }

    /// Whether `product` is that of `x` and `y`.
    fn is_exact_product(&mut self, x: Value, y: Value, product: Value) -> Value {
        self.is_rest_zero(x, y, product)
    }

    /// Whether `x` times `y` is `product`, and large enough that this can be told.
    fn is_rest_zero(&mut self, x: Value, y: Value, product: Value) -> Value {
        let minus = self.b.ins().fneg(product);
        let rest = self.b.ins().fma(x, y, minus);
        let (zero, tells) = (self.is_zero(rest), self.has_exact_rest(product));
        self.b.ins().band(zero, tells)
    }

    /// The condition code of a comparison.
    pub(crate) fn compare_numbers(&mut self, a: Value, b: Value) {
        self.exit_if_unordered(a, b);
        self.know_cc(Kind::Number, a, Some(b));
    }

    /// The condition code by sign.
    pub(crate) fn cc_of_number(&mut self, v: Value) {
        let zero = self.constant_number(self.type_of(v), 0.0);
        self.know_cc(Kind::Number, v, Some(zero));
    }

    /// Leaves NaNs to the interpreter.
    pub(crate) fn exit_if_nan(&mut self, v: Value) {
        self.exit_if_unordered(v, v);
    }

    /// A short number as a long one.
    pub(crate) fn lengthened(&mut self, v: Value) -> Value {
        self.exit_if_nan(v);
        self.b.ins().fpromote(types::F64, v)
    }

    /// A long number as a short one.
    pub(crate) fn shortened(&mut self, v: Value) -> Value {
        let r = self.b.ins().fdemote(types::F32, v);
        let good = self.is_safe(r);
        self.accept(good, |m| {
            let back = m.b.ins().fpromote(types::F64, r);
            m.b.ins().fcmp(FloatCC::Equal, back, v)
        });
        r
    }

    fn rounded_by(&mut self, v: Value, method: u8) -> Value {
        match Rounding::of(method) {
            Some(Rounding::Zero) => self.b.ins().trunc(v),
            Some(Rounding::Up) => self.b.ins().ceil(v),
            Some(Rounding::Down) => self.b.ins().floor(v),
            _ => self.b.ins().nearest(v),
        }
    }

    /// Goes on when `r`, which is `v` rounded to an integer, is `v`; or its inexactness is on record or to be ignored.
    fn accept_integer(&mut self, v: Value, r: Value, ignored: bool) {
        let (test, done) = (self.b.create_block(), self.b.create_block());
        let exit = self.exit_here();
        let same = self.b.ins().fcmp(FloatCC::Equal, v, r);
        let same = self.every(same);
        self.b.ins().brif(same, done, &[], test, &[]);
        self.b.switch_to_block(test);
        self.exit_if_nan(v);
        if ignored {
            let mode = self.fpc(MODE);
            self.b.ins().brif(mode, exit, &[], done, &[]);
        } else {
            self.go_on_if_inexact(done, exit);
        }
        self.b.switch_to_block(done);
    }

    /// `v` rounded to an integer.
    pub(crate) fn integral(&mut self, v: Value, m: Modifiers) -> Value {
        let r = self.rounded_by(v, m.method);
        self.accept_integer(v, r, m.m4 & XXC != 0);
        r
    }

    /// An integer as a number.
    pub(crate) fn number_of(&mut self, to: Type, v: Value, signed: bool) -> Value {
        let narrow = self.type_of(v) == types::I32;
        if narrow && to == types::F64 {
            let wide = if signed { v } else { self.b.ins().uextend(types::I64, v) };
            return self.b.ins().fcvt_from_sint(to, wide);
        }
        let wide = match (narrow, signed) {
            (false, _) => v,
            (true, true) => self.b.ins().sextend(types::I64, v),
            (true, false) => self.b.ins().uextend(types::I64, v),
        };
        let signed = signed || narrow;
        let r = if signed { self.b.ins().fcvt_from_sint(to, wide) } else { self.b.ins().fcvt_from_uint(to, wide) };
        let good = self.constant(types::I8, 1);
        self.accept(good, |m| {
            let greatest = 1i64 << if to == types::F32 { 24 } else { 53 };
            let (v, limit) =
                if signed { (m.b.ins().iadd_imm_s(wide, greatest), 2 * greatest) } else { (wide, greatest) };
            let limit = m.constant(types::I64, limit as u64);
            m.b.ins().icmp(IntCC::UnsignedLessThanOrEqual, v, limit)
        });
        r
    }

    /// A number as an integer of 32 or 64 bits.
    pub(crate) fn integer_of(&mut self, to: Type, v: Value, signed: bool, m: Modifiers) -> Value {
        let ty = self.type_of(v);
        let r = self.rounded_by(v, m.method);
        let bits = to.bits() as i32;
        let above = if signed { self.power(ty, bits - 1, bits - 1) } else { self.power(ty, bits, bits) };
        let least = if signed { self.b.ins().fneg(above) } else { self.constant_number(ty, 0.0) };
        // Neither is true of a NaN.
        let not_low = self.b.ins().fcmp(FloatCC::GreaterThanOrEqual, r, least);
        let not_high = self.b.ins().fcmp(FloatCC::LessThan, r, above);
        let fits = self.b.ins().band(not_low, not_high);
        let outside = self.b.ins().bxor_imm_u(fits, 1);
        self.exit_if_not_zero(outside);
        self.accept_integer(v, r, false);
        if to == types::I64 && !signed {
            return self.b.ins().fcvt_to_uint_sat(types::I64, r);
        }
        let wide = self.b.ins().fcvt_to_sint_sat(types::I64, r);
        if to == types::I64 { wide } else { self.b.ins().ireduce(to, wide) }
    }

    // Vector instructions.

    /// A register's numbers: the leftmost one, or all of them.
    fn numbers(&mut self, r: u8, ty: Type) -> Value {
        if ty.is_vector() { self.whole(r, ty) } else { self.left(r, ty) }
    }

    fn set_numbers(&mut self, r: u8, v: Value) {
        if self.type_of(v).bytes() == 16 { self.set_whole(r, v) } else { self.set_left_only(r, v) }
    }

    /// The instruction `op`, computing in `ty`.
    pub(crate) fn vector_numbers(&mut self, op: VectorBfp, o: &Operands, ty: Type) {
        use VectorBfp::*;
        let plain = match op {
            Add => Some(BfpOp::Add),
            Subtract => Some(BfpOp::Subtract),
            Multiply => Some(BfpOp::Multiply),
            Divide => Some(BfpOp::Divide),
            SquareRoot => Some(BfpOp::SquareRoot),
            MultiplyAdd | NegativeMultiplyAdd => Some(BfpOp::MultiplyAdd),
            MultiplySubtract | NegativeMultiplySubtract => Some(BfpOp::MultiplySubtract),
            _ => None,
        };
        if let Some(operation) = plain {
            let x = self.numbers(o.v2(), ty);
            let (mut y, mut z) = (x, x);
            if operation != BfpOp::SquareRoot {
                y = self.numbers(o.v3(), ty);
            }
            if matches!(operation, BfpOp::MultiplyAdd | BfpOp::MultiplySubtract) {
                z = self.numbers(o.v4(), ty);
            }
            let mut r = self.operate(operation, [x, y, z]);
            if matches!(op, NegativeMultiplyAdd | NegativeMultiplySubtract) {
                r = self.b.ins().fneg(r);
            }
            return self.set_numbers(o.v1(), r);
        }
        let modifiers = vector_modifiers(o);
        match op {
            CompareEqual => self.compare_lanes_of_numbers(FloatCC::Equal, o, ty),
            CompareHigh => self.compare_lanes_of_numbers(FloatCC::GreaterThan, o, ty),
            CompareHighOrEqual => self.compare_lanes_of_numbers(FloatCC::GreaterThanOrEqual, o, ty),
            CompareScalar | CompareAndSignalScalar => {
                let (a, b) = (self.left(o.v1(), ty), self.left(o.v2(), ty));
                self.compare_numbers(a, b);
            }
            FromFixed | FromLogical => {
                let v = self.left(o.v2(), types::I64);
                let r = self.number_of(ty, v, op == FromFixed);
                self.set_left_only(o.v1(), r);
            }
            _ => {
                let v = self.numbers(o.v2(), ty);
                let r = match op {
                    PerformSign => {
                        let positive = if o.m5() == 0 { v } else { self.b.ins().fabs(v) };
                        if o.m5() == 2 { positive } else { self.b.ins().fneg(positive) }
                    }
                    LoadInteger => self.integral(v, modifiers),
                    ToFixed | ToLogical => self.integer_of(types::I64, v, op == ToFixed, modifiers),
                    Lengthen => self.lengthened(v),
                    _ => self.shortened(v),
                };
                self.set_numbers(o.v1(), r);
            }
        }
    }

    fn compare_lanes_of_numbers(&mut self, relation: FloatCC, o: &Operands, ty: Type) {
        let (a, b) = (self.numbers(o.v2(), ty), self.numbers(o.v3(), ty));
        self.exit_if_unordered(a, b);
        let c = self.b.ins().fcmp(relation, a, b);
        let sets_cc = o.m6() & 1 != 0;
        if !ty.is_vector() {
            let integer = if ty == types::F32 { types::I32 } else { types::I64 };
            let ones = self.b.ins().bmask(integer, c);
            self.set_left_only(o.v1(), ones);
            if sets_cc {
                let (all, none) = (self.constant(types::I8, 0), self.constant(types::I8, 3));
                let cc = self.b.ins().select(c, all, none);
                self.know_cc(Kind::Value, cc, None);
            }
            return;
        }
        self.set_whole(o.v1(), c);
        if sets_cc {
            let bits = self.b.ins().vhigh_bits(types::I32, c);
            let every = self.b.ins().icmp_imm_u(IntCC::Equal, bits, (1 << ty.lane_count()) - 1);
            let (zero, one, three) =
                (self.constant(types::I8, 0), self.constant(types::I8, 1), self.constant(types::I8, 3));
            let cc = self.b.ins().select(bits, one, three);
            let cc = self.b.ins().select(every, zero, cc);
            self.know_cc(Kind::Value, cc, None);
        }
    }
}
