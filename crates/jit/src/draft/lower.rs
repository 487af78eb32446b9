//! From one instruction of the IR to host instructions.
//! Source: Cranelift's documentation of its instructions; docs/engine-pattern.md, drafts.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, BlockCall, Inst, InstructionData, Opcode, Type, Value, types};
use cranelift_codegen::isa::CallConv;

use super::assembler::{Alu, Condition, Place, R11, RAX, RCX, RDI, RDX, RSI, RSP, Shift};
use super::values::State;
use super::{Draft, Kind};

/// Bytes of a value that fits a register.
fn size(ty: Type) -> Option<u8> {
    match ty {
        types::I8 => Some(1),
        types::I16 => Some(2),
        types::I32 => Some(4),
        types::I64 => Some(8),
        _ => None,
    }
}

fn condition(c: IntCC) -> Condition {
    Condition(match c {
        IntCC::Equal => 4,
        IntCC::NotEqual => 5,
        IntCC::SignedLessThan => 12,
        IntCC::SignedGreaterThanOrEqual => 13,
        IntCC::SignedGreaterThan => 15,
        IntCC::SignedLessThanOrEqual => 14,
        IntCC::UnsignedLessThan => 2,
        IntCC::UnsignedGreaterThanOrEqual => 3,
        IntCC::UnsignedGreaterThan => 7,
        IntCC::UnsignedLessThanOrEqual => 6,
    })
}

impl Draft<'_> {
    fn arguments(&self, inst: Inst) -> Vec<Value> {
        self.f.dfg.inst_args(inst).iter().map(|v| self.f.dfg.resolve_aliases(*v)).collect()
    }

    fn size_of(&self, v: Value) -> Option<u8> {
        size(self.f.dfg.value_type(v))
    }

    /// A constant that fits an instruction on `size` bytes.
    fn immediate(&self, v: Value) -> Option<i32> {
        self.v.as_constant(v).and_then(|c| i32::try_from(c).ok())
    }

    pub(super) fn instruction(&mut self, inst: Inst) -> Option<()> {
        let data = self.f.dfg.insts[inst];
        let results = self.f.dfg.inst_results(inst);
        if !super::has_effect(&data) && results.iter().all(|v| self.v.uses(*v) == 0) {
            return Some(());
        }
        self.unlock();
        let result = results.first().copied();
        let second = results.get(1).copied();
        let args = self.arguments(inst);
        match data {
            InstructionData::UnaryImm { opcode: Opcode::Iconst, .. } => Some(()),
            InstructionData::Load { opcode: Opcode::Load, offset, .. } => {
                let bytes = self.size_of(result?)?;
                let base = self.reg(args[0])?;
                self.consume(args[0]);
                let to = self.fresh()?;
                self.a.load(bytes, to, base, offset.into());
                self.define(result?, to);
                Some(())
            }
            InstructionData::Store { opcode: Opcode::Store, offset, .. } => {
                let bytes = self.size_of(args[0])?;
                let base = self.reg(args[1])?;
                match self.immediate(args[0]) {
                    Some(v) => self.a.store_imm(bytes, v, base, offset.into()),
                    None => {
                        let from = self.reg(args[0])?;
                        self.a.store(bytes, from, base, offset.into());
                    }
                }
                self.consume_all(&args);
                Some(())
            }
            InstructionData::Binary { opcode, .. } => self.binary(opcode, args[0], args[1], result?, second),
            InstructionData::Unary { opcode, .. } => self.unary(opcode, args[0], result?),
            InstructionData::IntCompare { cond, .. } => self.compare_later(inst, cond, &args, result?),
            InstructionData::Ternary { opcode: Opcode::Select, .. } => self.select(&args, result?),
            InstructionData::AtomicCas { .. } => self.compare_and_swap(&args, result?),
            InstructionData::NullAry { opcode: Opcode::Fence } => {
                self.a.fence();
                Some(())
            }
            InstructionData::Jump { destination, .. } => self.go(&destination),
            InstructionData::Brif { blocks, .. } => self.branch(args[0], &blocks),
            InstructionData::MultiAry { opcode: Opcode::Return, .. } => {
                if let Some(v) = args.first() {
                    self.fetch(*v, RAX)?;
                    self.consume(*v);
                }
                self.a.move_stack(Alu::Add);
                self.a.ret();
                Some(())
            }
            InstructionData::CallIndirect { opcode, sig_ref, .. } => {
                let convention = self.f.dfg.signatures[sig_ref].call_conv;
                match (opcode, convention) {
                    (Opcode::ReturnCallIndirect, CallConv::Tail) => self.tail_call(&args),
                    (Opcode::CallIndirect, CallConv::PreserveAll) => self.call_bridge(&args),
                    (Opcode::CallIndirect, CallConv::SystemV) => self.call(&args, result?),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    fn consume_all(&mut self, args: &[Value]) {
        for v in args {
            self.consume(*v);
        }
    }

    /// `b` as an operand: a register, or where it is in memory.
    fn operand(&mut self, b: Value, bytes: u8) -> Option<Place> {
        if self.state.register_of(b).is_none()
            && self.v.pinned(b).is_none()
            && self.v.as_constant(b).is_none()
            && bytes >= 4
            && let Some(slot) = self.in_memory(b)
        {
            return Some(Place::Memory(RSP, slot));
        }
        self.reg(b).map(Place::Reg)
    }

    fn binary(&mut self, opcode: Opcode, a: Value, b: Value, result: Value, second: Option<Value>) -> Option<()> {
        let bytes = self.size_of(a)?;
        let (mut a, mut b) = (a, b);
        let commutes = matches!(opcode, Opcode::Iadd | Opcode::Band | Opcode::Bor | Opcode::Bxor | Opcode::Imul);
        let better = self.v.as_constant(a).is_some() || self.v.uses(b) == 1 && self.v.uses(a) != 1;
        if commutes && self.v.as_constant(b).is_none() && better {
            std::mem::swap(&mut a, &mut b);
        }
        // Upper bits of narrow values mean nothing.
        let wide = bytes.max(4);
        let alu = match opcode {
            Opcode::Iadd | Opcode::SaddOverflow | Opcode::UaddOverflow => Alu::Add,
            Opcode::Isub | Opcode::SsubOverflow | Opcode::UsubOverflow => Alu::Sub,
            Opcode::Band => Alu::And,
            Opcode::Bor => Alu::Or,
            Opcode::Bxor => Alu::Xor,
            Opcode::Imul => {
                let from = self.reg(b)?;
                let to = self.copy(a)?;
                self.a.multiply(wide, to, from);
                self.consume_all(&[a, b]);
                self.define(result, to);
                return Some(());
            }
            Opcode::Ishl => return self.shift(Shift::Left, a, b, result),
            Opcode::Ushr => return self.shift(Shift::Right, a, b, result),
            Opcode::Sshr => return self.shift(Shift::RightSigned, a, b, result),
            Opcode::Rotl => return self.shift(Shift::RotateLeft, a, b, result),
            Opcode::Rotr => return self.shift(Shift::RotateRight, a, b, result),
            _ => return None,
        };
        let overflow = match opcode {
            Opcode::SaddOverflow | Opcode::SsubOverflow => Some(Condition::OVERFLOW),
            Opcode::UaddOverflow | Opcode::UsubOverflow => Some(Condition::CARRY),
            _ => None,
        };
        if overflow.is_some() && bytes < 4 {
            return None;
        }
        let to = match self.immediate(b) {
            Some(v) => {
                // An addition to what is wanted later needs no copy.
                if opcode == Opcode::Iadd && bytes == 8 && (self.v.uses(a) != 1 || self.cold) {
                    let from = self.reg(a)?;
                    let to = self.fresh()?;
                    self.a.lea(to, from, v);
                    to
                } else {
                    let to = self.copy(a)?;
                    self.a.alu_imm(alu, wide, to, v);
                    to
                }
            }
            None => {
                let from = self.operand(b, bytes)?;
                let to = self.copy(a)?;
                self.a.alu(alu, wide, to, from);
                to
            }
        };
        self.consume_all(&[a, b]);
        self.define(result, to);
        if let (Some(c), Some(flag)) = (overflow, second.filter(|v| self.v.uses(*v) != 0)) {
            // Getting a register may store another, which leaves the flags alone.
            self.lock(to);
            let r = self.fresh()?;
            self.a.set(c, r);
            self.define(flag, r);
        }
        Some(())
    }

    fn shift(&mut self, shift: Shift, a: Value, amount: Value, result: Value) -> Option<()> {
        let bytes = self.size_of(a)?;
        let bits = bytes * 8;
        let narrow = bytes < 4;
        let Some(n) = self.v.as_constant(amount) else {
            if narrow {
                return None;
            }
            if self.state.register_of(amount) == Some(RCX) {
                self.lock(RCX);
            } else {
                self.claim(RCX)?;
                self.fetch(amount, RCX)?;
            }
            let to = self.copy(a)?;
            self.a.shift_by_cl(shift, bytes, to);
            self.consume_all(&[a, amount]);
            self.define(result, to);
            return Some(());
        };
        let n = (n as u8) & (bits - 1);
        let to = self.copy(a)?;
        match shift {
            Shift::RotateLeft | Shift::RotateRight if bytes == 1 => return None,
            Shift::RotateLeft | Shift::RotateRight | Shift::Left => {
                self.a.shift(shift, if shift == Shift::Left { bytes.max(4) } else { bytes }, to, n);
            }
            Shift::Right => {
                if narrow {
                    self.a.zero_extend(bytes, to, to);
                }
                self.a.shift(shift, bytes.max(4), to, n);
            }
            Shift::RightSigned => {
                if narrow {
                    self.a.sign_extend(bytes, 4, to, to);
                }
                self.a.shift(shift, bytes.max(4), to, n);
            }
        }
        self.consume_all(&[a, amount]);
        self.define(result, to);
        Some(())
    }

    fn unary(&mut self, opcode: Opcode, a: Value, result: Value) -> Option<()> {
        let (from, to_bytes) = (self.size_of(a)?, self.size_of(result)?);
        let to = match opcode {
            Opcode::Uextend | Opcode::Sextend => {
                let source = self.reg(a)?;
                self.consume(a);
                // The lock keeps the register from becoming the result's, unless nobody wants the value any more.
                let to = if self.state.owner(source).is_none() && self.v.pinned(a).is_none() {
                    source
                } else {
                    self.fresh()?
                };
                if opcode == Opcode::Uextend {
                    self.a.zero_extend(from, to, source);
                } else {
                    self.a.sign_extend(from, to_bytes, to, source);
                }
                self.define(result, to);
                return Some(());
            }
            Opcode::Ireduce => self.copy(a)?,
            Opcode::Bswap => {
                let to = self.copy(a)?;
                match from {
                    2 => self.a.shift(Shift::RotateLeft, 2, to, 8),
                    4 | 8 => self.a.bswap(from, to),
                    _ => return None,
                }
                to
            }
            Opcode::Bnot => {
                let to = self.copy(a)?;
                self.a.not(to);
                to
            }
            Opcode::Ineg => {
                let to = self.copy(a)?;
                self.a.negate(to);
                to
            }
            Opcode::Clz | Opcode::Ctz | Opcode::Popcnt if from >= 4 => {
                let code = match opcode {
                    Opcode::Clz if std::arch::is_x86_feature_detected!("lzcnt") => 0xBD,
                    Opcode::Ctz if std::arch::is_x86_feature_detected!("bmi1") => 0xBC,
                    Opcode::Popcnt if std::arch::is_x86_feature_detected!("popcnt") => 0xB8,
                    _ => return None,
                };
                let source = self.reg(a)?;
                let to = self.fresh()?;
                self.a.count(code, from, to, source);
                to
            }
            _ => return None,
        };
        self.consume(a);
        self.define(result, to);
        Some(())
    }

    /// A comparison that only the branch or selection of the same block needs is made there.
    fn compare_later(&mut self, inst: Inst, cond: IntCC, args: &[Value], result: Value) -> Option<()> {
        if self.v.uses(result) == 1 && self.is_for_later(inst, result) {
            return Some(());
        }
        let c = self.compare(cond, args[0], args[1])?;
        let to = self.fresh()?;
        self.a.set(c, to);
        self.define(result, to);
        Some(())
    }

    /// Whether a later instruction of the same block is the branch or selection on the result.
    fn is_for_later(&self, inst: Inst, result: Value) -> bool {
        let mut next = self.f.layout.next_inst(inst);
        while let Some(i) = next {
            let condition = match &self.f.dfg.insts[i] {
                InstructionData::Brif { arg, .. } => Some(*arg),
                InstructionData::Ternary { opcode: Opcode::Select, args } => Some(args[0]),
                _ => None,
            };
            if condition == Some(result) {
                return true;
            }
            next = self.f.layout.next_inst(i);
        }
        false
    }

    /// Sets the flags; under which condition the comparison is true.
    fn compare(&mut self, cond: IntCC, a: Value, b: Value) -> Option<Condition> {
        let bytes = self.size_of(a)?;
        let first = self.reg(a)?;
        match self.immediate(b) {
            Some(0) if matches!(cond, IntCC::Equal | IntCC::NotEqual) => self.a.test(bytes, first),
            Some(v) => self.a.alu_imm(Alu::Cmp, bytes, first, v),
            None => {
                let second = self.operand(b, bytes)?;
                self.a.alu(Alu::Cmp, bytes, first, second);
            }
        }
        self.consume_all(&[a, b]);
        Some(condition(cond))
    }

    /// Sets the flags for a truth value; when it is true.
    fn truth(&mut self, v: Value) -> Option<Condition> {
        let definition = self.f.dfg.value_def(v).inst();
        if let Some(inst) = definition
            && let InstructionData::IntCompare { cond, .. } = self.f.dfg.insts[inst]
            && self.v.uses(v) == 1
            && self.state.register_of(v).is_none()
            && self.in_memory(v).is_none()
        {
            let args = self.arguments(inst);
            self.consume(v);
            return self.compare(cond, args[0], args[1]);
        }
        let bytes = self.size_of(v)?;
        let r = self.reg(v)?;
        self.a.test(bytes, r);
        self.consume(v);
        Some(Condition::NOT_ZERO)
    }

    fn select(&mut self, args: &[Value], result: Value) -> Option<()> {
        let bytes = self.size_of(result)?;
        let yes = self.reg(args[1])?;
        let to = self.fresh()?;
        self.fetch(args[2], to)?;
        // The registers are taken before the flags are set; what follows leaves them alone.
        let c = self.truth(args[0])?;
        self.a.move_if(c, bytes.max(4), to, yes);
        self.consume_all(&args[1..]);
        self.define(result, to);
        Some(())
    }

    fn compare_and_swap(&mut self, args: &[Value], result: Value) -> Option<()> {
        let bytes = size(self.f.dfg.value_type(result)).filter(|bytes| *bytes >= 4)?;
        self.claim(RAX)?;
        let base = self.reg(args[0])?;
        let new = self.reg(args[2])?;
        self.fetch(args[1], RAX)?;
        self.a.compare_and_exchange(bytes, new, base);
        self.consume_all(args);
        self.define(result, RAX);
        Some(())
    }

    // Calls.

    /// CPU and frame are where every callee wants them.
    fn has_parameters(&self, args: &[Value]) -> Option<()> {
        (self.v.pinned(*args.first()?) == Some(RDI) && self.v.pinned(*args.get(1)?) == Some(RSI)).then_some(())
    }

    fn tail_call(&mut self, args: &[Value]) -> Option<()> {
        self.has_parameters(&args[1..])?;
        self.fetch(args[0], R11)?;
        if let Some(v) = args.get(3) {
            self.fetch(*v, RDX)?;
        }
        self.consume_all(args);
        self.a.move_stack(Alu::Add);
        self.a.jump_to(R11);
        Some(())
    }

    /// Puts the third and fourth parameter of a call into their registers, and the function into R11.
    fn place_arguments(&mut self, args: &[Value]) -> Option<()> {
        self.has_parameters(&args[1..])?;
        self.fetch(args[0], R11)?;
        let (third, fourth) = (*args.get(3)?, *args.get(4)?);
        let in_third = self.state.owner(RDX).is_some_and(|v| v == fourth && v != third);
        if in_third && self.state.owner(RCX) == Some(third) {
            self.a.exchange(RDX, RCX);
            self.state.set_owner(RDX, Some(third));
            self.state.set_owner(RCX, Some(fourth));
        }
        for (r, v) in [(RDX, third), (RCX, fourth)] {
            if self.state.owner(r) != Some(v) {
                self.claim(r)?;
                self.fetch(v, r)?;
            }
            self.lock(r);
        }
        Some(())
    }

    /// A call that preserves every register.
    fn call_bridge(&mut self, args: &[Value]) -> Option<()> {
        self.place_arguments(args)?;
        self.a.call(R11);
        self.consume_all(args);
        Some(())
    }

    /// A call that preserves what the caller of any function may rely on, of which nothing is used here.
    fn call(&mut self, args: &[Value], result: Value) -> Option<()> {
        // Before the registers are given up: fetching finds constants and what is in memory.
        for v in &args[3..] {
            self.v.as_constant(*v)?;
        }
        self.fetch(args[0], R11)?;
        self.spill_all()?;
        self.has_parameters(&args[1..])?;
        for (r, v) in [RDX, RCX].into_iter().zip(&args[3..]) {
            self.fetch(*v, r)?;
        }
        self.a.store(8, RDI, RSP, 0);
        self.a.store(8, RSI, RSP, 8);
        self.a.call(R11);
        self.a.load(8, RDI, RSP, 0);
        self.a.load(8, RSI, RSP, 8);
        self.consume_all(args);
        self.define(result, RAX);
        Some(())
    }

    // Edges.

    fn target(&self, call: &BlockCall) -> (Block, Vec<Value>) {
        let pool = &self.f.dfg.value_lists;
        let values = call.args(pool).filter_map(|a| a.as_value()).map(|v| self.f.dfg.resolve_aliases(v));
        (call.block(pool), values.collect())
    }

    /// Goes to a block.
    fn go(&mut self, call: &BlockCall) -> Option<()> {
        let (block, args) = self.target(call);
        let falls = self.next == Some(block) && self.may_fall_into(block);
        self.edge(block, &args, falls)?;
        if !falls {
            let label = self.label_of(block);
            self.a.jump(label);
        }
        Some(())
    }

    /// Whether code of the block that follows may be reached by going on: always, but a rejoined block from a cold one.
    fn may_fall_into(&self, block: Block) -> bool {
        !self.cold || self.f.layout.is_cold(block)
    }

    /// Whether going there takes no code.
    fn is_plain(&self, block: Block, args: &[Value]) -> bool {
        args.is_empty() && !matches!(self.kind_of(block), Kind::Chain)
    }

    fn kind_of(&self, block: Block) -> Kind {
        self.blocks[block.as_u32() as usize].kind
    }

    /// What is to be done on the way to a block.
    fn edge(&mut self, block: Block, args: &[Value], falls: bool) -> Option<()> {
        let parameters = self.f.dfg.block_params(block);
        let at = block.as_u32() as usize;
        match self.kind_of(block) {
            Kind::Join => {
                for (p, v) in parameters.iter().zip(args) {
                    // A loop that hands its own parameters on would overwrite them one by one.
                    if args.len() > 1 && parameters.contains(v) && v != p {
                        return None;
                    }
                }
                for (p, v) in parameters.iter().zip(args) {
                    self.unlock();
                    if self.v.is_needed(*p) && p != v {
                        let slot = self.v.slot(*p);
                        match self.immediate(*v) {
                            Some(c) => self.a.store_imm(8, c, RSP, slot),
                            None => {
                                let r = self.reg(*v)?;
                                self.a.store(8, r, RSP, slot);
                            }
                        }
                    }
                    self.consume(*v);
                }
                Some(())
            }
            Kind::Branch | Kind::Chain if falls || self.kind_of(block) == Kind::Branch => {
                for (p, v) in parameters.iter().zip(args) {
                    self.unlock();
                    let to = self.copy(*v)?;
                    self.consume(*v);
                    self.define(*p, to);
                }
                if !falls {
                    self.blocks[at].start = Some(self.state.clone());
                } else if self.kind_of(block) == Kind::Branch {
                    return None;
                }
                Some(())
            }
            _ => self.rejoin(at, parameters, args),
        }
    }

    /// From a cold block back to where the hot path has gone on.
    fn rejoin(&mut self, at: usize, parameters: &[Value], args: &[Value]) -> Option<()> {
        let start: State = self.blocks[at].start.clone()?;
        if parameters.len() > 1 {
            return None;
        }
        let parameter = parameters.first().copied().filter(|p| start.register_of(*p).is_some());
        if let (Some(_), Some(v)) = (parameter, args.first()) {
            self.fetch(*v, R11)?;
        }
        self.conform(&start, parameter)?;
        if let (Some(p), Some(v)) = (parameter, args.first()) {
            let r = start.register_of(p)?;
            self.a.mov(r, R11);
            self.state.set_owner(r, Some(p));
            if self.v.is_eager(p) {
                let slot = self.v.slot(p);
                self.a.store(8, r, RSP, slot);
            }
            self.consume(*v);
        }
        Some(())
    }

    fn branch(&mut self, condition: Value, blocks: &[BlockCall; 2]) -> Option<()> {
        let mut c = self.truth(condition)?;
        let [(mut yes, mut yes_args), (mut no, mut no_args)] = [self.target(&blocks[0]), self.target(&blocks[1])];
        // What goes on is the second.
        if self.next == Some(yes) && self.may_fall_into(yes) || !self.is_plain(yes, &yes_args) && self.next != Some(no)
        {
            std::mem::swap(&mut yes, &mut no);
            std::mem::swap(&mut yes_args, &mut no_args);
            c = c.opposite();
        }
        if self.is_plain(yes, &yes_args) {
            self.edge(yes, &[], false)?;
            let label = self.label_of(yes);
            self.a.jump_if(c, label);
        } else {
            let over = self.a.label();
            self.a.jump_if(c.opposite(), over);
            let state = self.state.clone();
            self.edge(yes, &yes_args, false)?;
            let label = self.label_of(yes);
            self.a.jump(label);
            self.state = state;
            self.a.bind(over);
        }
        let falls = self.next == Some(no) && self.may_fall_into(no);
        self.edge(no, &no_args, falls)?;
        if !falls {
            let label = self.label_of(no);
            self.a.jump(label);
        }
        Some(())
    }
}
