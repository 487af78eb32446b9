//! The machine that generates code: every operation of the machine trait as Cranelift IR, values in SSA form.
//! Source: the trait's contract in crates/exec/src/machine.rs; Cranelift IR's own documentation.

use std::marker::PhantomData;
use std::mem::offset_of;

use cranelift_codegen::ir::condcodes::{CondCode, FloatCC, IntCC};
use cranelift_codegen::ir::{
    AtomicRmwOp, Block, BlockArg, InstBuilder, InstructionData, MemFlagsData, Opcode, SigRef, Type, Value, types,
};
use cranelift_frontend::FunctionBuilder;
use softsie_cpu::{Exit, Handler, ProgramCode, Scalar, layout};
use softsie_exec::{
    Bfp, BfpOp, Ea, Machine, Modifiers, StorageOp, Update, VectorBfp, VectorOp, VectorOp1, VectorOp3, VectorShift,
};
use softsie_isa::Operands;

use crate::cc::{Cc, Kind};

use crate::float::{number, vector_type};
use crate::frame::{self, Frame};
use crate::mode::Mode;
use crate::region::Base;
use crate::registers::{Gpr, Set};
use crate::survey::relative_target;
use crate::vector::{lane, lanes};

/// A value of type `T`.
pub(crate) struct Val<T> {
    pub(crate) value: Value,
    width: PhantomData<T>,
}

impl<T> Clone for Val<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Val<T> {}

impl<T> Val<T> {
    pub(crate) fn new(value: Value) -> Val<T> {
        Val { value, width: PhantomData }
    }
}

/// A truth value: a comparison stays one until it is used, so that it becomes part of the branch.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cond {
    Known(bool),
    Compare(IntCC, Value, Value),
    /// Of numbers.
    Number(FloatCC, Value, Value),
    /// A byte, 0 or 1.
    Value(Value),
    /// Overflow of the signed sum or difference of two values.
    Overflow {
        difference: bool,
        first: Value,
        second: Value,
        result: Value,
    },
}

/// A branch that an instruction asked for.
#[derive(Clone, Copy)]
pub(crate) enum Target {
    /// Counted from the start of the page.
    Relative(i64),
    Value(Value),
}

/// What is known of the guest's state at one place in the code.
#[derive(Clone, Copy)]
pub(crate) struct State {
    pub(crate) gr: [Gpr; 16],
    pub(crate) cc: Cc,
}

/// The place of the instruction being emitted.
#[derive(Clone, Copy, Default)]
pub(crate) struct Place {
    /// Its offset in the page.
    pub(crate) offset: i64,
    /// Number in the region's records.
    pub(crate) index: usize,
    /// Instructions executed before it and not counted yet.
    pub(crate) uncounted: u64,
}

/// A way out of the region that was asked for; its code is made at the end, out of the way.
pub(crate) struct SideExit {
    pub(crate) block: Block,
    pub(crate) state: State,
    pub(crate) place: Place,
    pub(crate) kind: SideKind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum SideKind {
    /// The instruction is given to the interpreter.
    Interpret,
    /// The instruction is complete and has overflowed.
    Overflow,
}

/// The emitter.
pub(crate) struct Emit<'a> {
    pub(crate) b: FunctionBuilder<'a>,
    pub(crate) mode: Mode,
    /// Virtual address of the page: code does not depend on where it is mapped.
    pub(crate) base: Value,
    pub(crate) cpu: Value,
    pub(crate) frame: Value,
    /// The operand space's TLB entries.
    pub(crate) tlb: Value,
    /// Convention of bridges.
    pub(crate) bridge: SigRef,
    /// Convention of Rust's functions.
    pub(crate) ordinary: SigRef,
    pub(crate) state: State,
    /// What is known of each vector register, or of its leftmost bits. The CPU has it too.
    pub(crate) vr: [Option<Value>; 32],
    /// Base registers that were looked up at the region's entry, and the host addresses where they point to, or zero.
    pub(crate) bases: Vec<(Base, Value)>,
    /// Registers that may not be what they were at the region's entry.
    pub(crate) changed: Set,
    /// The state before the current instruction.
    pub(crate) before: State,
    pub(crate) place: Place,
    pub(crate) exits: Vec<SideExit>,
    /// The current instruction's exit to the interpreter.
    pub(crate) interpret: Option<Block>,
    pub(crate) branch: Option<(Cond, Target)>,
    /// The attention word is to be looked at after the instruction.
    pub(crate) serialize: bool,
    /// The current instruction has updated storage by an atomic operation.
    pub(crate) interlocked: bool,
    /// The current instruction is executed by another, and its length code is that or the rightmost byte of this register.
    pub(crate) length_register: Option<u8>,
}

/// The type of `T`'s values.
pub(crate) fn ty<T: Scalar>() -> Type {
    match T::BITS {
        8 => types::I8,
        16 => types::I16,
        32 => types::I32,
        64 => types::I64,
        _ => types::I128,
    }
}

impl Emit<'_> {
    /// A constant; 128-bit ones up to a doubleword.
    pub(crate) fn constant(&mut self, ty: Type, v: u64) -> Value {
        if ty == types::I128 {
            let low = self.b.ins().iconst(types::I64, v as i64);
            return self.b.ins().uextend(types::I128, low);
        }
        // Constants are kept sign-extended nowhere: the bits beyond the type must be zero.
        let v = if ty.bits() < 64 { v & ((1 << ty.bits()) - 1) } else { v };
        self.b.ins().iconst(ty, v as i64)
    }

    /// The address at `offset` from the start of the page, which may be beyond it.
    pub(crate) fn address_of(&mut self, offset: i64) -> Value {
        let address = self.add_constant(self.base, offset);
        match self.mode.address_mask() {
            u64::MAX => address,
            mask => self.b.ins().band_imm_u(address, mask as i64),
        }
    }

    /// The value of a constant.
    pub(crate) fn as_constant(&self, v: Value) -> Option<u64> {
        let inst = self.b.func.dfg.value_def(v).inst()?;
        match self.b.func.dfg.insts[inst] {
            InstructionData::UnaryImm { opcode: Opcode::Iconst, imm } => Some(imm.bits() as u64),
            _ => None,
        }
    }

    /// A value as another one and a constant added to it, when it was made so.
    pub(crate) fn sum(&self, v: Value) -> Option<(Value, u64)> {
        let inst = self.b.func.dfg.value_def(v).inst()?;
        let InstructionData::Binary { opcode: Opcode::Iadd, args: [base, constant] } = self.b.func.dfg.insts[inst]
        else {
            return None;
        };
        Some((base, self.as_constant(constant)?))
    }

    /// Whether `v` was made as the difference of `first` and `second`.
    fn is_difference(&self, v: Value, first: Value, second: Value) -> bool {
        self.b.func.dfg.value_def(v).inst().is_some_and(|inst| {
            let made = self.b.func.dfg.insts[inst];
            matches!(made, InstructionData::Binary { opcode: Opcode::Isub, args } if args == [first, second])
        })
    }

    /// Whether both are certain to be the same sum.
    pub(crate) fn is_same_sum(&self, a: Value, b: Value) -> bool {
        a == b || self.sum(a).is_some_and(|a| self.sum(b) == Some(a))
    }

    /// A doubleword plus a constant; constants added before are added up, so that an address is a base and one displacement.
    pub(crate) fn add_constant(&mut self, v: Value, n: i64) -> Value {
        if n == 0 {
            return v;
        }
        if let Some((base, before)) = self.sum(v) {
            return self.b.ins().iadd_imm_s(base, n.wrapping_add(before as i64));
        }
        self.b.ins().iadd_imm_s(v, n)
    }

    /// The result on two constants: shift amounts and absolute addresses are made of such, and a constant amount is worth
    /// much.
    fn fold<T: Scalar>(&mut self, a: Val<T>, b: Val<T>, f: impl Fn(u64, u64) -> u64) -> Option<Val<T>> {
        let v = f(self.as_constant(a.value)?, self.as_constant(b.value)?);
        Some(Val::new(self.constant(ty::<T>(), v)))
    }

    pub(crate) fn get(&mut self, ty: Type, at: Value, offset: usize) -> Value {
        self.b.ins().load(ty, MemFlagsData::trusted(), at, offset as i32)
    }

    pub(crate) fn put(&mut self, v: Value, at: Value, offset: usize) {
        self.b.ins().store(MemFlagsData::trusted(), v, at, offset as i32);
    }

    pub(crate) fn get_cpu(&mut self, ty: Type, offset: usize) -> Value {
        self.get(ty, self.cpu, offset)
    }

    pub(crate) fn put_cpu(&mut self, v: Value, offset: usize) {
        self.put(v, self.cpu, offset);
    }

    pub(crate) fn put_frame(&mut self, v: Value, offset: usize) {
        self.put(v, self.frame, offset);
    }

    /// Calls a thunk without a bridge: less work where it is the usual way, but all of the code's values have to be kept
    /// elsewhere meanwhile.
    pub(crate) fn call_ordinary(&mut self, number: usize, a: Value, b: Value) -> Value {
        let at = offset_of!(Frame, thunks) + number * size_of::<frame::Thunk>();
        let thunk = self.get(types::I64, self.frame, at);
        let call = self.b.ins().call_indirect(self.ordinary, thunk, &[self.cpu, self.frame, a, b]);
        self.b.inst_results(call)[0]
    }

    /// Calls a thunk.
    pub(crate) fn call_thunk(&mut self, number: usize, a: Value, b: Value) -> Value {
        let at = offset_of!(Frame, bridges) + number * size_of::<usize>();
        let bridge = self.get(types::I64, self.frame, at);
        self.b.ins().call_indirect(self.bridge, bridge, &[self.cpu, self.frame, a, b]);
        self.get(types::I64, self.frame, offset_of!(Frame, result))
    }

    /// The block that gives the current instruction to the interpreter with the state before it.
    pub(crate) fn exit_here(&mut self) -> Block {
        if let Some(block) = self.interpret {
            return block;
        }
        let block = self.side_exit(self.before, SideKind::Interpret);
        self.interpret = Some(block);
        block
    }

    fn side_exit(&mut self, state: State, kind: SideKind) -> Block {
        let block = self.b.create_block();
        self.b.set_cold_block(block);
        self.exits.push(SideExit { block, state, place: self.place, kind });
        block
    }

    /// Leaves for `exit` when `c` is not zero; else goes on.
    pub(crate) fn exit_if_not_zero(&mut self, c: Value) {
        let exit = self.exit_here();
        self.go_on_unless(c, exit);
    }

    pub(crate) fn go_on_unless(&mut self, c: Value, exit: Block) {
        let next = self.b.create_block();
        self.b.ins().brif(c, exit, &[], next, &[]);
        self.b.switch_to_block(next);
    }

    // General registers.

    /// All 64 bits of register `r`.
    pub(crate) fn full(&mut self, r: u8) -> Value {
        let r = usize::from(r & 15);
        let full = match self.state.gr[r] {
            Gpr { full: Some(v), .. } => v,
            Gpr { low_is_newer: true, .. } => {
                // Only the left word: hosts are slow to fetch what has just been stored in parts.
                let high = self.get_cpu(types::I32, layout::GR + 8 * r + 4);
                let high = self.b.ins().uextend(types::I64, high);
                self.b.ins().ishl_imm_u(high, 32)
            }
            _ => self.get_cpu(types::I64, layout::GR + 8 * r),
        };
        let g = &mut self.state.gr[r];
        g.full = Some(full);
        let (true, Some(low)) = (g.low_is_newer, g.low) else { return full };
        let merged = match (self.as_constant(full), self.as_constant(low)) {
            (Some(full), Some(low)) => self.constant(types::I64, full & !0xFFFF_FFFF | low),
            _ => {
                let high = self.b.ins().band_imm_s(full, !0xFFFF_FFFF);
                let low = self.b.ins().uextend(types::I64, low);
                self.b.ins().bor(high, low)
            }
        };
        let g = &mut self.state.gr[r];
        g.full_is_dirty |= g.low_is_dirty;
        (g.full, g.low_is_newer, g.low_is_dirty) = (Some(merged), false, false);
        merged
    }

    /// Bits 32-63 of register `r`.
    pub(crate) fn low(&mut self, r: u8) -> Value {
        let r = usize::from(r & 15);
        let g = self.state.gr[r];
        let low = match (g.low, g.full) {
            (Some(v), _) => v,
            (None, Some(full)) => match self.as_constant(full) {
                Some(v) => self.constant(types::I32, v),
                None => self.b.ins().ireduce(types::I32, full),
            },
            // The hosts are little-endian: the low word comes first.
            (None, None) => self.get_cpu(types::I32, layout::GR + 8 * r),
        };
        self.state.gr[r].low = Some(low);
        low
    }

    fn set_full(&mut self, r: u8, v: Value) {
        self.state.gr[usize::from(r & 15)].set_full(v);
    }

    fn set_low(&mut self, r: u8, v: Value) {
        self.state.gr[usize::from(r & 15)].set_low(v);
    }

    /// Stores what the CPU lacks.
    pub(crate) fn write_back(&mut self, state: &State) {
        for (r, g) in state.gr.iter().enumerate() {
            if let (Some(v), true) = (g.full, g.full_is_dirty) {
                self.put_cpu(v, layout::GR + 8 * r);
            }
            if let (Some(v), true) = (g.low, g.low_is_dirty) {
                self.put_cpu(v, layout::GR + 8 * r);
            }
        }
    }

    /// Stores what the CPU lacks of register `r`, and knows that it has it.
    pub(crate) fn write_back_one(&mut self, r: u8) {
        let mut only = self.state;
        let all = only.gr;
        only.gr = [Gpr::default(); 16];
        only.gr[usize::from(r & 15)] = all[usize::from(r & 15)];
        self.write_back(&only);
        self.state.gr[usize::from(r & 15)].wrote_back();
    }

    /// Stores what the CPU lacks, and knows that it has it.
    pub(crate) fn synchronize(&mut self) {
        let state = self.state;
        self.write_back(&state);
        for g in &mut self.state.gr {
            g.wrote_back();
        }
    }

    // Truth values.

    /// As a byte.
    pub(crate) fn byte(&mut self, c: Cond) -> Value {
        match c {
            Cond::Known(k) => self.constant(types::I8, u64::from(k)),
            Cond::Compare(cc, a, b) => self.b.ins().icmp(cc, a, b),
            Cond::Number(cc, a, b) => self.b.ins().fcmp(cc, a, b),
            Cond::Value(v) => v,
            Cond::Overflow { difference: false, first, second, .. } => self.b.ins().sadd_overflow(first, second).1,
            Cond::Overflow { difference: true, first, second, .. } => self.b.ins().ssub_overflow(first, second).1,
        }
    }

    pub(crate) fn invert(&mut self, c: Cond) -> Cond {
        match c {
            Cond::Known(k) => Cond::Known(!k),
            Cond::Compare(cc, a, b) => Cond::Compare(cc.complement(), a, b),
            Cond::Number(cc, a, b) => Cond::Number(cc.complement(), a, b),
            Cond::Value(_) | Cond::Overflow { .. } => {
                let v = self.byte(c);
                Cond::Compare(IntCC::Equal, v, self.constant(types::I8, 0))
            }
        }
    }

    pub(crate) fn and_cond(&mut self, a: Cond, b: Cond) -> Cond {
        match (a, b) {
            (Cond::Known(false), _) | (_, Cond::Known(false)) => Cond::Known(false),
            (Cond::Known(true), c) | (c, Cond::Known(true)) => c,
            _ => {
                let (a, b) = (self.byte(a), self.byte(b));
                Cond::Value(self.b.ins().band(a, b))
            }
        }
    }

    pub(crate) fn or_cond(&mut self, a: Cond, b: Cond) -> Cond {
        match (a, b) {
            (Cond::Known(true), _) | (_, Cond::Known(true)) => Cond::Known(true),
            (Cond::Known(false), c) | (c, Cond::Known(false)) => c,
            _ => {
                let (a, b) = (self.byte(a), self.byte(b));
                Cond::Value(self.b.ins().bor(a, b))
            }
        }
    }

    // Shifts.

    /// A shift with amounts up to 63 of a value that may be narrower.
    fn shift<T: Scalar>(
        &mut self,
        a: Val<T>,
        amount: Val<u32>,
        signed: bool,
        f: impl Fn(&mut Self, Value, Value) -> Value,
    ) -> Val<T> {
        if self.as_constant(amount.value) == Some(0) {
            return a;
        }
        let fits = T::BITS >= 64 || self.as_constant(amount.value).is_some_and(|n| n < u64::from(T::BITS));
        if fits {
            return Val::new(f(self, a.value, amount.value));
        }
        let wide =
            if signed { self.b.ins().sextend(types::I64, a.value) } else { self.b.ins().uextend(types::I64, a.value) };
        let v = f(self, wide, amount.value);
        Val::new(self.b.ins().ireduce(ty::<T>(), v))
    }

    /// Goes on only when `c`; else to `otherwise`.
    fn only_if(&mut self, c: Cond, otherwise: Block, arguments: &[BlockArg]) {
        let c = self.byte(c);
        let then = self.b.create_block();
        self.b.ins().brif(c, then, &[], otherwise, arguments);
        self.b.switch_to_block(then);
    }

    fn remainder<T: Scalar>(&mut self, a: Val<T>, b: Val<T>, quotient: Value) -> Val<T> {
        let product = self.b.ins().imul(quotient, b.value);
        Val::new(self.b.ins().isub(a.value, product))
    }

    /// Adds to storage at `host` by compare and swap: hosts add in their own byte order only. What was there before.
    fn add_to_storage<T: Scalar>(&mut self, host: Value, v: Val<T>) -> Val<T> {
        let (round, done) = (self.b.create_block(), self.b.create_block());
        let expected = self.b.append_block_param(round, ty::<T>());
        let first = self.get(ty::<T>(), host, 0);
        self.b.ins().jump(round, &[first.into()]);
        self.b.switch_to_block(round);
        let old = self.swap(expected);
        let new = self.b.ins().iadd(old, v.value);
        let new = self.swap(new);
        let found = self.b.ins().atomic_cas(MemFlagsData::trusted(), host, expected, new);
        let same = self.b.ins().icmp(IntCC::Equal, found, expected);
        self.b.ins().brif(same, done, &[], round, &[found.into()]);
        self.b.switch_to_block(done);
        Val::new(old)
    }

    /// Whether a signed sum or difference overflowed, for widths without an instruction for it: both of `x` and `y` have
    /// another sign than the result.
    fn sign_of_and(&mut self, x: Value, y: Value) -> Cond {
        let both = self.b.ins().band(x, y);
        let zero = self.constant(self.type_of(both), 0);
        Cond::Compare(IntCC::SignedLessThan, both, zero)
    }
}

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
