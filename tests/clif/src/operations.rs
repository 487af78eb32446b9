//! The operations that random functions are made of.
//! Source: Cranelift's IR reference. Divisors are not zero, and positive where signed; conversions to integers saturate.

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{AtomicRmwOp, Endianness, InstBuilder, MemFlagsData, Type, Value, types};

use crate::buffer::{BYTES, SLOT_TYPES};
use crate::generate::Maker;

const CONDITIONS: [IntCC; 10] = [
    IntCC::Equal,
    IntCC::NotEqual,
    IntCC::SignedLessThan,
    IntCC::SignedGreaterThanOrEqual,
    IntCC::SignedGreaterThan,
    IntCC::SignedLessThanOrEqual,
    IntCC::UnsignedLessThan,
    IntCC::UnsignedGreaterThanOrEqual,
    IntCC::UnsignedGreaterThan,
    IntCC::UnsignedLessThanOrEqual,
];
const FLOAT_CONDITIONS: [FloatCC; 14] = [
    FloatCC::Ordered,
    FloatCC::Unordered,
    FloatCC::Equal,
    FloatCC::NotEqual,
    FloatCC::OrderedNotEqual,
    FloatCC::UnorderedOrEqual,
    FloatCC::LessThan,
    FloatCC::LessThanOrEqual,
    FloatCC::GreaterThan,
    FloatCC::GreaterThanOrEqual,
    FloatCC::UnorderedOrLessThan,
    FloatCC::UnorderedOrLessThanOrEqual,
    FloatCC::UnorderedOrGreaterThan,
    FloatCC::UnorderedOrGreaterThanOrEqual,
];

/// Storage accessed with any type: always in the same byte order.
fn little() -> MemFlagsData {
    MemFlagsData::new().with_notrap().with_endianness(Endianness::Little)
}

impl Maker<'_> {
    /// One operation; its results go to the pool.
    pub fn operation(&mut self) {
        let value = match self.random.below(100) {
            0..=33 => self.integer_operation(),
            34..=41 => self.comparison(),
            42..=49 => self.conversion(),
            50..=58 => self.memory(),
            59..=63 => self.slot(),
            64..=65 => self.atomic(),
            66..=69 => self.overflow(),
            70..=82 => self.float_operation(),
            83..=99 if self.vectors => self.vector_operation(),
            83..=90 => self.float_operation(),
            _ => self.integer_operation(),
        };
        self.pool.push(value);
    }

    fn integer_operation(&mut self) -> Value {
        let ty = self.integer();
        let (x, y) = (self.any(ty), self.any(ty));
        let choice = self.random.below(36);
        match choice {
            0..=2 => self.b.ins().iadd(x, y),
            3 | 4 => self.b.ins().isub(x, y),
            5 | 6 => self.b.ins().imul(x, y),
            7 => self.b.ins().band(x, y),
            8 => self.b.ins().bor(x, y),
            9 => self.b.ins().bxor(x, y),
            10 => self.b.ins().bnot(x),
            11 => self.b.ins().ineg(x),
            12 => self.b.ins().iabs(x),
            13..=17 => {
                let amount_type = self.integer();
                let amount = if self.random.chance(40) {
                    let n = self.random.below(130) as i64;
                    self.b.ins().iconst(types::I32, n)
                } else {
                    self.any(amount_type)
                };
                match choice {
                    13 => self.b.ins().ishl(x, amount),
                    14 => self.b.ins().ushr(x, amount),
                    15 => self.b.ins().sshr(x, amount),
                    16 => self.b.ins().rotl(x, amount),
                    _ => self.b.ins().rotr(x, amount),
                }
            }
            18 if ty != types::I128 => self.b.ins().smin(x, y),
            19 if ty != types::I128 => self.b.ins().smax(x, y),
            20 if ty != types::I128 => self.b.ins().umin(x, y),
            21 if ty != types::I128 => self.b.ins().umax(x, y),
            22 => self.b.ins().clz(x),
            23 => self.b.ins().ctz(x),
            24 => self.b.ins().cls(x),
            25 => self.b.ins().popcnt(x),
            26 => self.b.ins().bitrev(x),
            27 if ty != types::I8 => self.b.ins().bswap(x),
            28 | 29 if ty != types::I128 => {
                // Neither zero nor a negative number.
                let one = self.b.ins().bor_imm_s(y, 1);
                let (shifted, signed) = (self.b.ins().ushr_imm_u(one, 1), self.random.chance(50));
                let positive = self.b.ins().bor_imm_s(shifted, 1);
                match (signed, choice) {
                    (true, 28) => self.b.ins().sdiv(x, positive),
                    (true, _) => self.b.ins().srem(x, positive),
                    (false, 28) => self.b.ins().udiv(x, one),
                    (false, _) => self.b.ins().urem(x, one),
                }
            }
            30 if ty != types::I128 => self.b.ins().umulhi(x, y),
            31 if ty != types::I128 => self.b.ins().smulhi(x, y),
            32 => {
                let mask = self.any(ty);
                self.b.ins().bitselect(mask, x, y)
            }
            33 => {
                let from = self.integer();
                let value = self.any(from);
                self.b.ins().bmask(ty, value)
            }
            34 => self.b.ins().band_not(x, y),
            35 => {
                // Several at once, so that back ends merge them.
                let z = self.any(ty);
                let product = self.b.ins().imul(x, y);
                self.b.ins().iadd(product, z)
            }
            _ => {
                let n = self.random.bits() as i64 >> self.random.below(63);
                if self.random.chance(50) { self.b.ins().iadd_imm_s(x, n) } else { self.b.ins().imul_imm_s(x, n) }
            }
        }
    }

    fn comparison(&mut self) -> Value {
        let condition = if self.random.chance(75) {
            let ty = self.integer();
            let (x, y) = (self.any(ty), self.any(ty));
            let cc = self.random.pick(&CONDITIONS);
            self.b.ins().icmp(cc, x, y)
        } else {
            let ty = self.random.pick(&[types::F32, types::F64]);
            let (x, y) = (self.any(ty), self.any(ty));
            let cc = self.random.pick(&FLOAT_CONDITIONS);
            self.b.ins().fcmp(cc, x, y)
        };
        if self.random.chance(30) {
            return condition;
        }
        self.pool.push(condition);
        let ty = self.scalar();
        let (x, y) = (self.any(ty), self.any(ty));
        if !ty.is_float() && self.random.chance(10) {
            self.b.ins().select_spectre_guard(condition, x, y)
        } else {
            self.b.ins().select(condition, x, y)
        }
    }

    fn conversion(&mut self) -> Value {
        const INTEGERS: [Type; 5] = [types::I8, types::I16, types::I32, types::I64, types::I128];
        match self.random.below(8) {
            0..=2 => {
                let wide = 1 + self.random.below(4) as usize;
                let narrow = self.random.below(wide as u64) as usize;
                let value = self.any(INTEGERS[narrow]);
                let to = INTEGERS[wide];
                if self.random.chance(50) { self.b.ins().uextend(to, value) } else { self.b.ins().sextend(to, value) }
            }
            3 => {
                let wide = 1 + self.random.below(4) as usize;
                let narrow = self.random.below(wide as u64) as usize;
                let value = self.any(INTEGERS[wide]);
                self.b.ins().ireduce(INTEGERS[narrow], value)
            }
            4 => {
                let value = self.any(types::I128);
                let (low, high) = self.b.ins().isplit(value);
                self.pool.push(low);
                high
            }
            5 => {
                let (low, high) = (self.any(types::I64), self.any(types::I64));
                self.b.ins().iconcat(low, high)
            }
            _ => {
                let pairs = [(types::F32, types::I32), (types::F64, types::I64)];
                let (float, integer) = self.random.pick(&pairs);
                let (from, to) = if self.random.chance(50) { (float, integer) } else { (integer, float) };
                let value = self.any(from);
                self.b.ins().bitcast(to, MemFlagsData::new(), value)
            }
        }
    }

    /// An address among the bytes without a type, and a displacement.
    fn address(&mut self, size: i64) -> (Value, i32) {
        let displacement = self.random.below(BYTES_SPAN as u64 - size as u64 + 1) as i32;
        if self.random.chance(60) {
            return (self.base, BYTES as i32 + displacement);
        }
        let index = self.any(types::I64);
        let index = self.b.ins().band_imm_s(index, 0x7F);
        let address = self.b.ins().iadd(self.base, index);
        (address, BYTES as i32 + displacement)
    }

    fn memory(&mut self) -> Value {
        let ty = self.scalar();
        let (address, at) = self.address(16);
        if self.random.chance(45) {
            let value = self.any(ty);
            match self.random.below(6) {
                0 if matches!(ty, types::I16 | types::I32 | types::I64) => {
                    self.b.ins().istore8(little(), value, address, at);
                }
                1 if matches!(ty, types::I32 | types::I64) => {
                    self.b.ins().istore16(little(), value, address, at);
                }
                2 if ty == types::I64 => {
                    self.b.ins().istore32(little(), value, address, at);
                }
                _ => {
                    self.b.ins().store(little(), value, address, at);
                }
            }
        }
        let wide = self.random.pick(&[types::I32, types::I64]);
        match self.random.below(10) {
            0 => self.b.ins().uload8(wide, little(), address, at),
            1 => self.b.ins().sload8(wide, little(), address, at),
            2 => self.b.ins().uload16(wide, little(), address, at),
            3 => self.b.ins().sload16(wide, little(), address, at),
            4 => self.b.ins().uload32(little(), address, at),
            5 => self.b.ins().sload32(little(), address, at),
            _ => self.b.ins().load(ty, little(), address, at),
        }
    }

    /// Which slot of one type: address, displacement, type.
    fn any_slot(&mut self) -> (Type, i32) {
        let (ty, size, at) = self.random.pick(&SLOT_TYPES);
        (ty, (at + self.random.below(8) as usize * size) as i32)
    }

    /// Loads that operations may take as operand, and stores, in the machine's own order.
    fn slot(&mut self) -> Value {
        let (ty, at) = self.any_slot();
        if self.random.chance(30) {
            let value = self.any(ty);
            self.b.ins().store(MemFlagsData::trusted(), value, self.base, at);
        }
        let loaded = self.b.ins().load(ty, MemFlagsData::trusted(), self.base, at);
        let wide = self.random.pick(&[types::I32, types::I64]);
        let loaded = if ty.bits() < wide.bits() && self.random.chance(60) {
            if self.random.chance(50) { self.b.ins().sextend(wide, loaded) } else { self.b.ins().uextend(wide, loaded) }
        } else {
            loaded
        };
        let x = self.any(self.ty(loaded));
        match self.random.below(9) {
            0 => self.b.ins().iadd(x, loaded),
            1 => self.b.ins().isub(x, loaded),
            2 => self.b.ins().imul(x, loaded),
            3 => self.b.ins().band(x, loaded),
            4 => self.b.ins().bor(x, loaded),
            5 => self.b.ins().bxor(x, loaded),
            6 => {
                let cc = self.random.pick(&CONDITIONS);
                self.b.ins().icmp(cc, x, loaded)
            }
            7 => {
                // Back into its place: operations on storage itself.
                let sum = self.b.ins().iadd_imm_s(loaded, self.random.below(256) as i64 - 128);
                if self.ty(sum) == ty {
                    self.b.ins().store(MemFlagsData::trusted(), sum, self.base, at);
                }
                sum
            }
            _ => loaded,
        }
    }

    fn atomic(&mut self) -> Value {
        use AtomicRmwOp::{Add, And, Nand, Or, Smax, Smin, Sub, Umax, Umin, Xchg, Xor};
        let (ty, at) = self.any_slot();
        let address = self.b.ins().iadd_imm_s(self.base, i64::from(at));
        let x = self.any(ty);
        let flags = MemFlagsData::trusted();
        match self.random.below(6) {
            0 => {
                let old = self.any(ty);
                self.b.ins().atomic_cas(flags, address, old, x)
            }
            1 => {
                self.b.ins().atomic_store(flags, x, address);
                self.b.ins().atomic_load(ty, flags, address)
            }
            _ => {
                let op = self.random.pick(&[Add, Sub, And, Or, Xor, Nand, Xchg, Umin, Umax, Smin, Smax]);
                self.b.ins().atomic_rmw(ty, flags, op, address, x)
            }
        }
    }

    fn overflow(&mut self) -> Value {
        let ty = self.random.pick(&[types::I32, types::I64, types::I64, types::I16, types::I8]);
        let (x, y) = (self.any(ty), self.any(ty));
        let (sum, flag) = match self.random.below(6) {
            0 => self.b.ins().uadd_overflow(x, y),
            1 => self.b.ins().sadd_overflow(x, y),
            2 => self.b.ins().usub_overflow(x, y),
            3 => self.b.ins().ssub_overflow(x, y),
            4 => self.b.ins().umul_overflow(x, y),
            _ => self.b.ins().smul_overflow(x, y),
        };
        self.pool.push(sum);
        flag
    }

    fn float_operation(&mut self) -> Value {
        let ty = self.random.pick(&[types::F32, types::F64]);
        let (x, y) = (self.any(ty), self.any(ty));
        match self.random.below(26) {
            0..=2 => self.b.ins().fadd(x, y),
            3 | 4 => self.b.ins().fsub(x, y),
            5..=7 => self.b.ins().fmul(x, y),
            8 | 9 => self.b.ins().fdiv(x, y),
            10 => self.b.ins().sqrt(x),
            11 | 12 => {
                let z = self.any(ty);
                self.b.ins().fma(x, y, z)
            }
            13 => self.b.ins().fneg(x),
            14 => self.b.ins().fabs(x),
            15 => self.b.ins().fcopysign(x, y),
            16 => self.b.ins().fmin(x, y),
            17 => self.b.ins().fmax(x, y),
            18 => self.random_rounding(x),
            19 => {
                let value = self.any(types::F32);
                self.b.ins().fpromote(types::F64, value)
            }
            20 => {
                let value = self.any(types::F64);
                self.b.ins().fdemote(types::F32, value)
            }
            21 | 22 => {
                let to = self.random.pick(&[types::I32, types::I64]);
                if self.random.chance(50) {
                    self.b.ins().fcvt_to_sint_sat(to, x)
                } else {
                    self.b.ins().fcvt_to_uint_sat(to, x)
                }
            }
            23 | 24 => {
                let from = self.random.pick(&[types::I8, types::I16, types::I32, types::I64]);
                let value = self.any(from);
                if self.random.chance(50) {
                    self.b.ins().fcvt_from_sint(ty, value)
                } else {
                    self.b.ins().fcvt_from_uint(ty, value)
                }
            }
            _ => {
                let product = self.b.ins().fmul(x, y);
                let z = self.any(ty);
                self.b.ins().fadd(product, z)
            }
        }
    }

    fn random_rounding(&mut self, x: Value) -> Value {
        match self.random.below(4) {
            0 => self.b.ins().ceil(x),
            1 => self.b.ins().floor(x),
            2 => self.b.ins().trunc(x),
            _ => self.b.ins().nearest(x),
        }
    }

    /// Vector operations by lane: how lanes lie in registers and storage does not show.
    fn vector_operation(&mut self) -> Value {
        const INTEGERS: [Type; 4] = [types::I8X16, types::I16X8, types::I32X4, types::I64X2];
        const FLOATS: [Type; 2] = [types::F32X4, types::F64X2];
        let float = self.random.chance(25);
        let ty = if float { self.random.pick(&FLOATS) } else { self.random.pick(&INTEGERS) };
        let (x, y) = (self.any(ty), self.any(ty));
        let lane = self.random.below(u64::from(ty.lane_count())) as u8;
        match self.random.below(6) {
            0 => {
                let value = self.any(ty.lane_type());
                return self.b.ins().insertlane(x, value, lane);
            }
            1 => return self.b.ins().extractlane(x, lane),
            2 if self.random.chance(40) => {
                let value = self.any(ty.lane_type());
                return self.b.ins().splat(ty, value);
            }
            _ => {}
        }
        if float { self.float_lanes(ty, x, y) } else { self.integer_lanes(ty, x, y) }
    }

    fn float_lanes(&mut self, ty: Type, x: Value, y: Value) -> Value {
        match self.random.below(14) {
            0 => self.b.ins().fadd(x, y),
            1 => self.b.ins().fsub(x, y),
            2 => self.b.ins().fmul(x, y),
            3 => self.b.ins().fdiv(x, y),
            4 => self.b.ins().sqrt(x),
            5 => self.b.ins().fneg(x),
            6 => self.b.ins().fabs(x),
            7 => self.b.ins().fmin(x, y),
            8 => self.b.ins().fmax(x, y),
            9 => self.random_rounding(x),
            10 => {
                let z = self.any(ty);
                self.b.ins().fma(x, y, z)
            }
            11 if ty == types::F32X4 => {
                let value = self.any(types::I32X4);
                self.b.ins().fcvt_from_sint(ty, value)
            }
            12 if ty == types::F32X4 => self.b.ins().fcvt_to_sint_sat(types::I32X4, x),
            _ => {
                let cc = self.random.pick(&FLOAT_CONDITIONS);
                self.b.ins().fcmp(cc, x, y)
            }
        }
    }

    fn integer_lanes(&mut self, ty: Type, x: Value, y: Value) -> Value {
        let narrow = matches!(ty, types::I8X16 | types::I16X8);
        match self.random.below(30) {
            0 => self.b.ins().iadd(x, y),
            1 => self.b.ins().isub(x, y),
            2 if ty != types::I8X16 => self.b.ins().imul(x, y),
            3 => self.b.ins().band(x, y),
            4 => self.b.ins().bor(x, y),
            5 => self.b.ins().bxor(x, y),
            6 => self.b.ins().bnot(x),
            7 => self.b.ins().band_not(x, y),
            8 => {
                let mask = self.any(ty);
                self.b.ins().bitselect(mask, x, y)
            }
            9 => self.b.ins().ineg(x),
            10 => self.b.ins().iabs(x),
            11..=13 => {
                let amount = self.any(types::I32);
                match self.random.below(3) {
                    0 => self.b.ins().ishl(x, amount),
                    1 => self.b.ins().ushr(x, amount),
                    _ => self.b.ins().sshr(x, amount),
                }
            }
            14..=17 if ty != types::I64X2 => match self.random.below(4) {
                0 => self.b.ins().smin(x, y),
                1 => self.b.ins().smax(x, y),
                2 => self.b.ins().umin(x, y),
                _ => self.b.ins().umax(x, y),
            },
            18 | 19 if narrow => match self.random.below(5) {
                0 => self.b.ins().uadd_sat(x, y),
                1 => self.b.ins().sadd_sat(x, y),
                2 => self.b.ins().usub_sat(x, y),
                3 => self.b.ins().ssub_sat(x, y),
                _ => self.b.ins().avg_round(x, y),
            },
            20 | 21 if matches!(ty, types::I16X8 | types::I32X4) => match self.random.below(3) {
                0 => self.b.ins().snarrow(x, y),
                1 => self.b.ins().unarrow(x, y),
                _ => self.b.ins().iadd_pairwise(x, y),
            },
            22 | 23 if ty != types::I64X2 => match self.random.below(4) {
                0 => self.b.ins().swiden_low(x),
                1 => self.b.ins().swiden_high(x),
                2 => self.b.ins().uwiden_low(x),
                _ => self.b.ins().uwiden_high(x),
            },
            24 if ty == types::I8X16 => self.b.ins().popcnt(x),
            25 => self.b.ins().vany_true(x),
            26 => self.b.ins().vall_true(x),
            27 => self.b.ins().vhigh_bits(types::I32, x),
            28 if ty == types::I16X8 => self.b.ins().sqmul_round_sat(x, y),
            28 if ty == types::I8X16 => self.b.ins().swizzle(x, y),
            _ => {
                let cc = self.random.pick(&CONDITIONS);
                self.b.ins().icmp(cc, x, y)
            }
        }
    }
}

/// Displacements stay so far below the end that an index of 127 fits in, too.
const BYTES_SPAN: i64 = 128;
