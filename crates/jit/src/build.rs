//! From a plan to a Cranelift function: the instructions in order, the edges between them, the ways out.
//! Source: docs/engine-pattern.md.

use std::mem::offset_of;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    AbiParam, Block, BlockArg, Function, InstBuilder, MemFlagsData, SigRef, Signature, UserFuncName, Value, types,
};
use cranelift_codegen::isa::{CallConv, TargetIsa};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use softsie_cpu::layout;
use softsie_exec::semantics;

use crate::cc::Cc;
use crate::chain::{fetch_entry, region_signature};
use crate::emit::{Cond, Emit, Place, SideKind, State, Target};
use crate::frame::{CALL, Data, Frame, HOT, INTERPRET, NEXT, OVERFLOW};
use crate::region::{Item, PAGE, Plan, Style};
use crate::registers::{Gpr, Set};

/// Where an instruction is and how many were executed before it are one number on the way to the interpreter: the latter from
/// this bit on.
const NUMBER: i64 = 16;

struct Builder<'a, 'p> {
    e: Emit<'a>,
    plan: &'p Plan,
    /// The block of each instruction that branches go to.
    leaders: Vec<Option<Block>>,
    /// Where the attention word is.
    attention: Value,
    /// Convention of the function that goes on in another region.
    chain: SigRef,
    /// Gives an instruction to the interpreter; its parameter says where it is, and the number of instructions to be counted.
    interpret: Option<Block>,
    /// Nothing reaches the current place.
    closed: bool,
}

/// Builds the function of `plan` in `function`.
pub(crate) fn build(
    plan: &Plan,
    function: &mut Function,
    context: &mut FunctionBuilderContext,
    isa: &dyn TargetIsa,
) -> Result<(), String> {
    *function = Function::with_name_signature(UserFuncName::user(0, 0), region_signature(2));
    let mut b = FunctionBuilder::new(function, context);
    let bridge = b.import_signature(bridge_signature());
    let chain = b.import_signature(region_signature(3));
    let ordinary = b.import_signature(signature(isa.default_call_conv(), 4));
    let entry = b.create_block();
    b.append_block_params_for_function_params(entry);
    b.switch_to_block(entry);
    let (cpu, frame) = (b.block_params(entry)[0], b.block_params(entry)[1]);
    let state = State { gr: [Gpr::default(); 16], cc: Cc::InFrame };
    let mut e = Emit {
        b,
        mode: plan.mode,
        style: plan.style,
        base: cpu,
        cpu,
        frame,
        tlb: cpu,
        bridge,
        ordinary,
        state,
        vr: [None; 32],
        bases: Vec::new(),
        changed: Set::default(),
        before: state,
        place: Place::default(),
        exits: Vec::new(),
        interpret: None,
        branch: None,
        serialize: false,
        interlocked: false,
        length_register: None,
    };
    e.tlb = e.get_cpu(types::I64, layout::TLB);
    e.base = e.get_cpu(types::I64, layout::RUN_BASE);
    let attention = e.get(types::I64, frame, offset_of!(Frame, attention));
    e.bases = plan.bases().into_iter().map(|base| (base, e.look_up_base(base))).collect();
    let leaders = plan.items.iter().map(|i| i.leader.then(|| e.b.create_block())).collect();
    let mut builder = Builder { e, plan, leaders, attention, chain, interpret: None, closed: false };
    builder.all()?;
    builder.e.b.seal_all_blocks();
    builder.e.b.finalize(isa.frontend_config());
    Ok(())
}

/// Builds the bridge to thunk `number`: it preserves every register, and leaves the result in the frame, because a function
/// that preserves all registers has none to return it in.
pub(crate) fn bridge(
    number: usize,
    function: &mut Function,
    context: &mut FunctionBuilderContext,
    isa: &dyn TargetIsa,
) {
    *function = Function::with_name_signature(UserFuncName::user(0, 0), bridge_signature());
    let mut b = FunctionBuilder::new(function, context);
    let thunk = b.import_signature(signature(isa.default_call_conv(), 4));
    let entry = b.create_block();
    b.append_block_params_for_function_params(entry);
    b.switch_to_block(entry);
    let arguments = b.block_params(entry).to_vec();
    let flags = MemFlagsData::trusted();
    let pointer = offset_of!(Frame, thunks) + number * size_of::<crate::frame::Thunk>();
    let pointer = b.ins().load(types::I64, flags, arguments[1], pointer as i32);
    let call = b.ins().call_indirect(thunk, pointer, &arguments);
    let result = b.inst_results(call)[0];
    b.ins().store(flags, result, arguments[1], offset_of!(Frame, result) as i32);
    b.ins().return_(&[]);
    b.seal_all_blocks();
    b.finalize(isa.frontend_config());
}

/// The convention of bridges.
fn bridge_signature() -> Signature {
    let mut s = signature(CallConv::PreserveAll, 4);
    s.returns.clear();
    s
}

/// `parameters` doublewords to one.
pub(crate) fn signature(convention: CallConv, parameters: usize) -> Signature {
    let mut s = Signature::new(convention);
    s.params.extend((0..parameters).map(|_| AbiParam::new(types::I64)));
    s.returns.push(AbiParam::new(types::I64));
    s
}

impl Builder<'_, '_> {
    fn all(&mut self) -> Result<(), String> {
        let plan = self.plan;
        // The entry's code comes first, as the function's does.
        for n in (plan.entry..plan.items.len()).chain(0..plan.entry) {
            let item = &plan.items[n];
            if let Some(block) = self.leaders[n] {
                if n == plan.entry {
                    self.edge(block, item);
                }
                self.enter(block, item);
            }
            if n == plan.entry {
                self.count_down(item.offset);
            }
            // A condition that turned out to be known: nothing comes here.
            if self.closed {
                continue;
            }
            self.e.place.offset = item.offset;
            self.e.place.index = n;
            self.annotate();
            self.instruction(item)?;
            if self.closed {
                continue;
            }
            self.e.place.uncounted += 1;
            match plan.index_of(item.next()) {
                Some(next) => {
                    if let Some(block) = self.leaders[next] {
                        self.edge(block, &plan.items[next]);
                        self.closed = true;
                    }
                }
                None => {
                    let next = self.e.address_of(item.next());
                    self.chain(next);
                    self.closed = true;
                }
            }
        }
        self.side_exits();
        Ok(())
    }

    /// Goes on at a leader: its parameters are the registers that it gets and the condition code.
    fn edge(&mut self, to: Block, item: &Item) {
        if self.plan.style == Style::Quick {
            self.park();
            self.e.b.ins().jump(to, &[]);
            return;
        }
        let mut arguments: Vec<BlockArg> = Vec::with_capacity(19);
        for r in self.plan.used.without(item.dirty).members() {
            self.e.write_back_one(r);
        }
        for r in self.plan.handed_on(item) {
            let whole = self.plan.full.has(r) && !item.split.has(r);
            if !whole && self.e.state.gr[usize::from(r)].full_is_dirty {
                self.e.write_back_one(r);
            }
            let v = if whole { self.e.full(r) } else { self.e.low(r) };
            arguments.push(v.into());
        }
        if self.plan.sets_cc {
            arguments.extend(self.e.cc_parts(self.e.state.cc).map(BlockArg::from));
        }
        self.count(self.e.place.uncounted);
        self.e.b.ins().jump(to, &arguments);
    }

    /// Begins the code of a leader.
    fn enter(&mut self, block: Block, item: &Item) {
        self.e.place.uncounted = 0;
        self.closed = false;
        self.e.vr = [None; 32];
        if self.plan.style == Style::Quick {
            self.e.b.switch_to_block(block);
            self.e.state = State { gr: [Gpr::default(); 16], cc: Cc::InFrame };
            return;
        }
        let mut gr = [Gpr::default(); 16];
        for r in self.plan.handed_on(item) {
            let dirty = item.dirty.has(r);
            gr[usize::from(r)] = if self.plan.full.has(r) && !item.split.has(r) {
                let v = self.e.b.append_block_param(block, types::I64);
                Gpr { full: Some(v), full_is_dirty: dirty, ..Gpr::default() }
            } else {
                let v = self.e.b.append_block_param(block, types::I32);
                Gpr { low: Some(v), low_is_newer: true, low_is_dirty: dirty, ..Gpr::default() }
            };
        }
        let cc = if self.plan.sets_cc {
            Cc::Met([types::I64; 3].map(|ty| self.e.b.append_block_param(block, ty)))
        } else {
            // As the region before has left it.
            Cc::InFrame
        };
        self.e.b.switch_to_block(block);
        self.e.state = State { gr, cc };
    }

    /// Says of which instruction the code that follows is, when somebody wants to know.
    fn annotate(&mut self) {
        if self.plan.annotated {
            self.e.b.set_srcloc(crate::dump::location(self.e.place.offset));
        }
    }

    fn instruction(&mut self, item: &Item) -> Result<(), String> {
        let e = &mut self.e;
        if self.plan.writes_back(item) {
            e.synchronize();
        }
        (e.before, e.interpret, e.branch) = (e.state, None, None);
        (e.serialize, e.interlocked) = (false, false);
        if !item.rest.is_empty() {
            self.expect_in_next_page(&item.rest);
        }
        let e = &mut self.e;
        e.changed = item.changed;
        if !item.emits {
            self.call();
            return Ok(());
        }
        let o = item.executed.as_ref().unwrap_or(&item.record.operands);
        e.length_register = item.executed.and_then(|target| e.executes(&item.record.operands, &target));
        let op = o.op();
        let f = semantics::simple::<Emit<'_>>(op).ok_or_else(|| format!("{} has no emitter", op.mnemonic()))?;
        if f(e, o).is_err() {
            let exit = e.exit_here();
            e.b.ins().jump(exit, &[]);
            self.closed = true;
            return Ok(());
        }
        if let Some((c, target)) = e.branch {
            self.branch(c, target);
        }
        if self.e.serialize {
            self.look_up(item.next());
        }
        Ok(())
    }

    /// Leaves the current instruction to the interpreter unless the next page, which may be another by now, begins with
    /// `rest`.
    fn expect_in_next_page(&mut self, rest: &[u8]) {
        let e = &mut self.e;
        let next = e.address_of(PAGE as i64);
        let (entry, same) = fetch_entry(&mut e.b, e.cpu, next);
        let exit = e.exit_here();
        let go_on = |e: &mut Emit<'_>, c: Value| {
            let next = e.b.create_block();
            e.b.ins().brif(c, next, &[], exit, &[]);
            e.b.switch_to_block(next);
        };
        go_on(e, same);
        let page = e.get(types::I64, entry, layout::FETCH_PAGE);
        let valid = e.get(types::I8, page, layout::PAGE_VALID);
        go_on(e, valid);
        let text = e.get(types::I64, page, layout::PAGE_TEXT);
        let mut bytes = [0; 4];
        bytes[..rest.len()].copy_from_slice(rest);
        let ty = if rest.len() == 2 { types::I16 } else { types::I32 };
        let there = e.get(ty, text, 0);
        let expected = e.constant(ty, u64::from(u32::from_ne_bytes(bytes)));
        let same = e.b.ins().icmp(IntCC::Equal, there, expected);
        go_on(e, same);
    }

    /// Calls the handler of the current instruction with all state in the CPU.
    fn call(&mut self) {
        let e = &mut self.e;
        let state = e.state;
        e.write_back(&state);
        e.park_cc();
        let index = e.constant(types::I64, e.place.index as u64);
        // No value of the guest is in a register: an ordinary call is the cheapest.
        let ended = e.call_ordinary(CALL, index, index);
        let (out, next) = (e.b.create_block(), e.b.create_block());
        e.b.set_cold_block(out);
        e.b.ins().brif(ended, out, &[], next, &[]);
        e.b.switch_to_block(out);
        self.count(self.e.place.uncounted + 1);
        let e = &mut self.e;
        e.b.ins().return_(&[ended]);
        e.b.switch_to_block(next);
        e.state = State { gr: [Gpr::default(); 16], cc: Cc::InCpu };
        e.vr = [None; 32];
    }

    fn branch(&mut self, c: Cond, target: Target) {
        match c {
            Cond::Known(false) => {}
            Cond::Known(true) => {
                self.taken(target);
                self.closed = true;
            }
            c => {
                let e = &mut self.e;
                let c = e.byte(c);
                let (taken, next) = (e.b.create_block(), e.b.create_block());
                e.b.ins().brif(c, taken, &[], next, &[]);
                e.b.switch_to_block(taken);
                let (state, place) = (e.state, e.place);
                self.taken(target);
                (self.e.state, self.e.place) = (state, place);
                self.e.b.switch_to_block(next);
            }
        }
    }

    /// A taken branch, to a leader or out of the region.
    fn taken(&mut self, target: Target) {
        let from = self.e.address_of(self.e.place.offset);
        self.e.put_cpu(from, layout::BREAKING_EVENT_ADDRESS);
        self.e.place.uncounted += 1;
        let offset = match target {
            Target::Value(v) => return self.chain(v),
            Target::Relative(offset) => offset,
        };
        let leader = self.plan.index_of(offset).and_then(|n| Some((self.leaders[n]?, &self.plan.items[n])));
        let Some((block, item)) = leader else {
            let address = self.e.address_of(offset);
            return self.chain(address);
        };
        if offset <= self.e.place.offset {
            self.e.place.uncounted -= 1;
            self.look_up(offset);
            self.e.place.uncounted += 1;
            if offset != self.plan.items[self.plan.entry].offset {
                self.count_down(offset);
            }
        }
        self.edge(block, item);
    }

    /// Leaves after the current instruction, for the one at offset `next`, when attention was raised.
    fn look_up(&mut self, next: i64) {
        let e = &mut self.e;
        let pending = e.get(types::I32, self.attention, 0);
        let (out, on) = (e.b.create_block(), e.b.create_block());
        e.b.set_cold_block(out);
        e.b.ins().brif(pending, out, &[], on, &[]);
        e.b.switch_to_block(out);
        let (state, place) = (e.state, e.place);
        e.place.uncounted += 1;
        let next = e.address_of(next);
        self.leave(NEXT, next);
        (self.e.state, self.e.place) = (state, place);
        self.e.b.switch_to_block(on);
    }

    /// In a quick region: counts, and looks for a better region to go on with at offset `next`.
    fn count_down(&mut self, next: i64) {
        if self.plan.style != Style::Quick {
            return;
        }
        let e = &mut self.e;
        e.synchronize();
        let data = e.get(types::I64, e.frame, offset_of!(Frame, data));
        let count = e.get(types::I32, data, offset_of!(Data, countdown));
        let count = e.b.ins().iadd_imm_s(count, -1);
        e.put(count, data, offset_of!(Data, countdown));
        let (zero, out, on) = (e.constant(types::I32, 0), e.b.create_block(), e.b.create_block());
        e.b.set_cold_block(out);
        let hot = e.b.ins().icmp(IntCC::SignedLessThan, count, zero);
        e.b.ins().brif(hot, out, &[], on, &[]);
        e.b.switch_to_block(out);
        let here = e.constant(types::I64, next as u64);
        let better = e.call_thunk(HOT, here, here);
        let leave = e.b.create_block();
        e.b.set_cold_block(leave);
        e.b.ins().brif(better, leave, &[], on, &[]);
        e.b.switch_to_block(leave);
        let (state, place) = (e.state, e.place);
        let next = e.address_of(next);
        self.leave(NEXT, next);
        (self.e.state, self.e.place) = (state, place);
        self.e.b.switch_to_block(on);
    }

    fn side_exits(&mut self) {
        for exit in std::mem::take(&mut self.e.exits) {
            self.e.b.switch_to_block(exit.block);
            self.e.state = exit.state;
            self.e.place = exit.place;
            self.annotate();
            match exit.kind {
                SideKind::Interpret => self.interpret(),
                SideKind::Overflow => {
                    self.e.place.uncounted += 1;
                    let index = self.e.constant(types::I64, exit.place.index as u64);
                    self.e.put_frame(index, offset_of!(Frame, record));
                    let address = self.e.address_of(exit.place.offset);
                    self.leave(OVERFLOW, address);
                }
            }
        }
        let Some(block) = self.interpret else { return };
        let e = &mut self.e;
        e.b.switch_to_block(block);
        let place = e.b.block_params(block)[0];
        let offset = e.b.ins().band_imm_u(place, (1 << NUMBER) - 1);
        let number = e.b.ins().ushr_imm_u(place, NUMBER);
        let mut address = e.b.ins().iadd(e.base, offset);
        if e.mode.address_mask() != u64::MAX {
            address = e.b.ins().band_imm_u(address, e.mode.address_mask() as i64);
        }
        e.put_cpu(address, layout::PSW_ADDRESS);
        let before = e.get_cpu(types::I64, layout::INSTRUCTIONS);
        let after = e.b.ins().iadd(before, number);
        e.put_cpu(after, layout::INSTRUCTIONS);
        let kind = e.constant(types::I64, INTERPRET);
        e.b.ins().return_(&[kind]);
    }

    /// Gives the current instruction to the interpreter: this path's own part of it. Many instructions have one, so it is short.
    fn interpret(&mut self) {
        let e = &mut self.e;
        let state = e.state;
        e.write_back(&state);
        e.park_cc();
        let block = *self.interpret.get_or_insert_with(|| {
            let block = e.b.create_block();
            e.b.set_cold_block(block);
            e.b.append_block_param(block, types::I64);
            block
        });
        let place = e.constant(types::I64, e.place.uncounted << NUMBER | e.place.offset as u64);
        e.b.ins().jump(block, &[place.into()]);
    }

    /// Goes on in the region at `address` if there is one.
    fn chain(&mut self, address: Value) {
        self.park();
        let e = &mut self.e;
        let chain = e.get(types::I64, e.frame, offset_of!(Frame, chain));
        let arguments = [e.cpu, e.frame, address];
        e.b.ins().return_call_indirect(self.chain, chain, &arguments);
    }

    /// All of the current state goes where others find it.
    fn park(&mut self) {
        let e = &mut self.e;
        let state = e.state;
        e.write_back(&state);
        e.park_cc();
        self.count(self.e.place.uncounted);
    }

    /// Returns from the region with the current state, the PSW at `address`.
    fn leave(&mut self, kind: u64, address: Value) {
        self.e.put_cpu(address, layout::PSW_ADDRESS);
        self.park();
        let kind = self.e.constant(types::I64, kind);
        self.e.b.ins().return_(&[kind]);
    }

    /// Counts executed instructions.
    fn count(&mut self, number: u64) {
        if number != 0 {
            let e = &mut self.e;
            let before = e.get_cpu(types::I64, layout::INSTRUCTIONS);
            let after = e.b.ins().iadd_imm_s(before, number as i64);
            e.put_cpu(after, layout::INSTRUCTIONS);
        }
    }
}
