//! Instructions on two storage operands: in line while their length is constant and short and each lies in one page, else
//! by a thunk that needs no state written back. Source: Principles of Operation, chapter 7: MOVE, COMPARE LOGICAL, AND, OR,
//! EXCLUSIVE OR (character forms).

use std::mem::offset_of;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, InstBuilder, Type, Value, types};
use softsie_cpu::layout;
use softsie_exec::{Ea, Machine, StorageOp};
use softsie_isa::{Op, Operands};

use crate::cc::Kind;
use crate::emit::{Emit, Val};
use crate::frame::{self, Frame};

/// Up to how many bytes an operation is in line.
fn limit(op: StorageOp) -> u64 {
    match op {
        StorageOp::Move => 32,
        StorageOp::Clear => 64,
        StorageOp::Compare | StorageOp::And | StorageOp::Or | StorageOp::Xor => 16,
    }
}

/// Parts of `length` bytes, each as wide as possible but at most `widest`; the last may overlap the one before.
fn parts(length: u64, widest: u64) -> (Type, Vec<usize>) {
    let width = (1 << length.ilog2()).min(widest);
    let mut at: Vec<usize> = (0..length / width).map(|n| (n * width) as usize).collect();
    if !length.is_multiple_of(width) {
        at.push((length - width) as usize);
    }
    let ty = match width {
        1 => types::I8,
        2 => types::I16,
        4 => types::I32,
        8 => types::I64,
        _ => types::I8X16,
    };
    (ty, at)
}

impl Emit<'_> {
    /// Begins the code of `target`, which the current instruction `o` executes: the register that its length depends on.
    pub(crate) fn executes(&mut self, o: &Operands, target: &Operands) -> Option<u8> {
        if o.op() == Op::EX {
            // The plan has guessed what it executes.
            let target = self.address_of(i64::from(target.page_offset()));
            let base = self.full(o.b2());
            let address = self.add_constant(base, i64::from(o.d2()));
            let address = self.wrap(Val::new(address)).value;
            if !self.is_same_sum(address, target) {
                let other = self.b.ins().icmp(IntCC::NotEqual, address, target);
                self.exit_if_not_zero(other);
            }
        }
        Some(o.r1()).filter(|r| *r != 0)
    }

    /// Does `op` with two operands of `length` bytes and sets the condition code.
    pub(crate) fn emit_storage(&mut self, op: StorageOp, first: Ea<Val<u64>>, second: Ea<Val<u64>>, length: u64) {
        let results = match op {
            StorageOp::Move | StorageOp::Clear => 0,
            StorageOp::Compare => 2,
            StorageOp::And | StorageOp::Or | StorageOp::Xor => 1,
        };
        let done = self.b.create_block();
        let parameters: Vec<Value> = (0..results).map(|_| self.b.append_block_param(done, types::I64)).collect();
        let in_line = length <= limit(op) && self.length_register.is_none();
        if in_line {
            let cold = self.b.create_block();
            self.b.set_cold_block(cold);
            let found = self.in_line(op, first, second, length, cold);
            let arguments: Vec<_> = found.into_iter().map(Into::into).collect();
            self.b.ins().jump(done, &arguments);
            self.b.switch_to_block(cold);
        }
        let mut what = self.constant(types::I64, frame::storage_operands(op, length, first.ar, second.ar));
        if let Some(r) = self.length_register {
            let r = self.low(r);
            let byte = self.b.ins().ireduce(types::I8, r);
            let code = self.b.ins().uextend(types::I64, byte);
            let code = self.b.ins().ishl_imm_u(code, i64::from(frame::LENGTH_CODE));
            what = self.b.ins().bor(what, code);
        }
        self.put_frame(what, offset_of!(Frame, value));
        let (first, second) = (first.address.value, second.address.value);
        let result = if in_line {
            self.call_thunk(frame::STORAGE, first, second)
        } else {
            self.call_ordinary(frame::STORAGE, first, second)
        };
        let succeeded = self.b.create_block();
        if in_line {
            self.b.set_cold_block(succeeded);
        }
        let exit = self.exit_here();
        self.b.ins().brif(result, succeeded, &[], exit, &[]);
        self.b.switch_to_block(succeeded);
        // Values that make the same condition code as those in line.
        let cc = self.b.ins().iadd_imm_s(result, -1);
        let low = self.b.ins().band_imm_u(cc, 1);
        let high = self.b.ins().ushr_imm_u(cc, 1);
        let arguments: Vec<_> = [high, low].into_iter().skip(2 - results).map(Into::into).collect();
        self.b.ins().jump(done, &arguments);
        self.b.switch_to_block(done);
        match (op, parameters.as_slice()) {
            (StorageOp::Clear, _) => {
                let zero = self.constant(types::I64, 0);
                self.know_cc(Kind::Zero, zero, None);
            }
            (StorageOp::Compare, &[a, b]) => self.know_cc(Kind::Compare, a, Some(b)),
            (_, &[any]) => self.know_cc(Kind::Zero, any, None),
            _ => {}
        }
    }

    /// The operation in line, or to `cold` before anything has happened: the values of which the condition code is made.
    fn in_line(
        &mut self,
        op: StorageOp,
        first: Ea<Val<u64>>,
        second: Ea<Val<u64>>,
        length: u64,
        cold: Block,
    ) -> Vec<Value> {
        let tag = if op == StorageOp::Compare { layout::TLB_READ } else { layout::TLB_WRITE };
        let (mut possible, to) = self.locate(first.address.value, length, tag);
        let mut from = to;
        if op != StorageOp::Clear {
            let (hit, host) = self.locate(second.address.value, length, layout::TLB_READ);
            possible = self.b.ins().band(possible, hit);
            from = host;
            if op != StorageOp::Compare && length > 1 {
                // Byte by byte gives something else when the first operand begins inside the second, but not at its start.
                let distance = self.b.ins().isub(to, from);
                let distance = self.b.ins().iadd_imm_s(distance, -1);
                let within = self.constant(types::I64, length - 1);
                let apart = self.b.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, distance, within);
                possible = self.b.ins().band(possible, apart);
            }
        }
        let hot = self.b.create_block();
        self.b.ins().brif(possible, hot, &[], cold, &[]);
        self.b.switch_to_block(hot);
        match op {
            StorageOp::Compare => self.numbers_to_compare(to, from, length).to_vec(),
            StorageOp::Clear => {
                let (ty, at) = parts(length, 16);
                let zero = if ty == types::I8X16 {
                    let zero = self.constant(types::I8, 0);
                    self.b.ins().splat(ty, zero)
                } else {
                    self.constant(ty, 0)
                };
                for at in at {
                    self.put_unaligned(zero, to, at);
                }
                Vec::new()
            }
            StorageOp::Move => {
                let (ty, at) = parts(length, 16);
                let values: Vec<Value> = at.iter().map(|at| self.get_unaligned(ty, from, *at)).collect();
                for (at, v) in at.into_iter().zip(values) {
                    self.put_unaligned(v, to, at);
                }
                Vec::new()
            }
            StorageOp::And | StorageOp::Or | StorageOp::Xor => {
                let (ty, at) = parts(length, 8);
                let values: Vec<Value> = at
                    .iter()
                    .map(|at| {
                        let (a, b) = (self.get_unaligned(ty, to, *at), self.get_unaligned(ty, from, *at));
                        match op {
                            StorageOp::And => self.b.ins().band(a, b),
                            StorageOp::Or => self.b.ins().bor(a, b),
                            _ => self.b.ins().bxor(a, b),
                        }
                    })
                    .collect();
                let mut any: Option<Value> = None;
                for (at, v) in at.into_iter().zip(values) {
                    self.put_unaligned(v, to, at);
                    any = Some(any.map_or(v, |any| self.b.ins().bor(any, v)));
                }
                any.map(|any| if ty == types::I64 { any } else { self.b.ins().uextend(types::I64, any) })
                    .into_iter()
                    .collect()
            }
        }
    }

    /// Two doublewords that compare as the strings of `length` bytes, at most 16, at `a` and `b` do.
    fn numbers_to_compare(&mut self, a: Value, b: Value, length: u64) -> [Value; 2] {
        let (ty, at) = parts(length, 8);
        let number = |e: &mut Self, host: Value, at: usize| {
            let v = e.get_unaligned(ty, host, at);
            let v = e.swap(v);
            if ty == types::I64 { v } else { e.b.ins().uextend(types::I64, v) }
        };
        let (a0, b0) = (number(self, a, 0), number(self, b, 0));
        let Some(second) = at.get(1) else { return [a0, b0] };
        let (a1, b1) = (number(self, a, *second), number(self, b, *second));
        // Bytes that both parts have are equal where the second part decides.
        let differ = self.b.ins().icmp(IntCC::NotEqual, a0, b0);
        [self.b.ins().select(differ, a0, a1), self.b.ins().select(differ, b0, b1)]
    }
}
