//! The emitter: what is known of the guest's registers and of the place in the region, and the values that its operations are made
//! of. The operations themselves, as the machine trait has them, are in `operations`. Source: Cranelift IR's own documentation.

use std::marker::PhantomData;
use std::mem::offset_of;

use cranelift_codegen::ir::condcodes::{CondCode, FloatCC, IntCC};
use cranelift_codegen::ir::{
    Block, BlockArg, InstBuilder, InstructionData, MemFlagsData, Opcode, SigRef, Type, Value, types,
};
use cranelift_frontend::FunctionBuilder;
use softsie_cpu::{Scalar, layout};

use crate::cc::Cc;
use crate::frame::{self, Frame};
use crate::mode::Mode;
use crate::region::{Base, Style};
use crate::registers::{Gpr, Set};

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
    pub(crate) style: Style,
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
    pub(crate) fn is_difference(&self, v: Value, first: Value, second: Value) -> bool {
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
    pub(crate) fn fold<T: Scalar>(&mut self, a: Val<T>, b: Val<T>, f: impl Fn(u64, u64) -> u64) -> Option<Val<T>> {
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

    pub(crate) fn side_exit(&mut self, state: State, kind: SideKind) -> Block {
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

    pub(crate) fn set_full(&mut self, r: u8, v: Value) {
        self.state.gr[usize::from(r & 15)].set_full(v);
    }

    pub(crate) fn set_low(&mut self, r: u8, v: Value) {
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
    pub(crate) fn shift<T: Scalar>(
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
    pub(crate) fn only_if(&mut self, c: Cond, otherwise: Block, arguments: &[BlockArg]) {
        let c = self.byte(c);
        let then = self.b.create_block();
        self.b.ins().brif(c, then, &[], otherwise, arguments);
        self.b.switch_to_block(then);
    }

    pub(crate) fn remainder<T: Scalar>(&mut self, a: Val<T>, b: Val<T>, quotient: Value) -> Val<T> {
        let product = self.b.ins().imul(quotient, b.value);
        Val::new(self.b.ins().isub(a.value, product))
    }

    /// Adds to storage at `host` by compare and swap: hosts add in their own byte order only. What was there before.
    pub(crate) fn add_to_storage<T: Scalar>(&mut self, host: Value, v: Val<T>) -> Val<T> {
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
    pub(crate) fn sign_of_and(&mut self, x: Value, y: Value) -> Cond {
        let both = self.b.ins().band(x, y);
        let zero = self.constant(self.type_of(both), 0);
        Cond::Compare(IntCC::SignedLessThan, both, zero)
    }
}
