//! From region to region without Rust: the table of regions recently entered, and the two functions around it.
//! Source: docs/engine-pattern.md, chaining.

use std::mem::offset_of;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    AbiParam, Function, InstBuilder, MemFlagsData, Signature, Type, UserFuncName, Value, types,
};
use cranelift_codegen::isa::{CallConv, TargetIsa};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use softsie_cpu::layout;

use crate::build::signature;
use crate::frame::{Data, Frame, NEXT};

/// Number of entries in the table. A power of two. With half as many, each round of fork and exec met 640 regions that had lost
/// their place.
pub(crate) const JUMPS: usize = 65536;

/// A region that was entered at `address`.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Jump {
    pub(crate) address: u64,
    /// The page's code stamp with [`Frame::mode`].
    pub(crate) key: u64,
    pub(crate) code: *const u8,
    pub(crate) data: *const Data,
}

impl Jump {
    /// No address is odd.
    pub(crate) const NONE: Jump = Jump { address: 1, key: 0, code: std::ptr::null(), data: std::ptr::null() };
}

/// Which entry of the table is for `address`; the next one, whose number differs in the last bit, is for another like it.
pub(crate) fn slot(address: u64) -> usize {
    ((address >> 1) ^ (address >> 12)) as usize % JUMPS
}

/// The other entry for the addresses that have `slot`.
pub(crate) fn other(slot: usize) -> usize {
    slot ^ 1
}

/// Enters a region from Rust.
pub(crate) type Enter = extern "C" fn(&mut softsie_cpu::Cpu, &mut Frame, *const u8) -> u64;

/// The convention of regions: CPU and frame, and for the function that chains them the address, to the reason of the return.
pub(crate) fn region_signature(parameters: usize) -> Signature {
    let mut s = Signature::new(CallConv::Tail);
    s.params.extend((0..parameters).map(|_| AbiParam::new(types::I64)));
    s.returns.push(AbiParam::new(types::I64));
    s
}

/// Builds the function by which Rust enters a region.
pub(crate) fn enter(function: &mut Function, context: &mut FunctionBuilderContext, isa: &dyn TargetIsa) {
    let signature = signature(isa.default_call_conv(), 3);
    *function = Function::with_name_signature(UserFuncName::user(0, 0), signature);
    let mut b = FunctionBuilder::new(function, context);
    let region = b.import_signature(region_signature(2));
    let block = b.create_block();
    b.append_block_params_for_function_params(block);
    b.switch_to_block(block);
    let arguments = b.block_params(block).to_vec();
    let call = b.ins().call_indirect(region, arguments[2], &arguments[..2]);
    let why = b.inst_results(call)[0];
    b.ins().return_(&[why]);
    b.seal_all_blocks();
    b.finalize(isa.frontend_config());
}

/// The entry for instruction fetch of the page at `base`, and whether it is this page's.
pub(crate) fn fetch_entry(b: &mut FunctionBuilder<'_>, cpu: Value, base: Value) -> (Value, Value) {
    let flags = MemFlagsData::trusted();
    let space = b.ins().load(types::I64, flags, cpu, layout::FETCH_SPACE as i32);
    let fetch = b.ins().load(types::I64, flags, space, layout::SPACE_FETCH as i32);
    let n = b.ins().ushr_imm_u(base, i64::from(12 - layout::FETCH_ENTRY.ilog2()));
    let n = b.ins().band_imm_u(n, ((layout::FETCH_TABLE - 1) * layout::FETCH_ENTRY) as i64);
    let entry = b.ins().iadd(fetch, n);
    let tag = b.ins().load(types::I64, flags, entry, layout::FETCH_TAG as i32);
    (entry, b.ins().icmp(IntCC::Equal, tag, base))
}

/// Builds the function by which regions go on at an address: in the region there when the table has it, the page is mapped
/// where the region expects it and attention was not raised; else it returns to Rust.
pub(crate) fn chain(function: &mut Function, context: &mut FunctionBuilderContext, isa: &dyn TargetIsa) {
    *function = Function::with_name_signature(UserFuncName::user(0, 0), region_signature(3));
    let mut b = FunctionBuilder::new(function, context);
    let region = b.import_signature(region_signature(2));
    let block = b.create_block();
    b.append_block_params_for_function_params(block);
    b.switch_to_block(block);
    let (cpu, frame, address) = (b.block_params(block)[0], b.block_params(block)[1], b.block_params(block)[2]);
    let [known, found, second, out] = [(); 4].map(|()| b.create_block());
    b.set_cold_block(second);
    let get = |b: &mut FunctionBuilder<'_>, ty: Type, at: Value, offset: usize| {
        b.ins().load(ty, MemFlagsData::trusted(), at, offset as i32)
    };
    let base = b.ins().band_imm_s(address, !0xFFF);
    let (entry, same) = fetch_entry(&mut b, cpu, base);
    b.ins().brif(same, known, &[], out, &[]);

    b.switch_to_block(known);
    let page = get(&mut b, types::I64, entry, layout::FETCH_PAGE);
    let stamp = get(&mut b, types::I64, page, layout::PAGE_STAMP);
    let mode = get(&mut b, types::I64, frame, offset_of!(Frame, mode));
    let key = b.ins().bor(stamp, mode);
    let jumps = get(&mut b, types::I64, frame, offset_of!(Frame, jumps));
    // As in `slot`.
    let low = b.ins().ushr_imm_u(address, 1);
    let high = b.ins().ushr_imm_u(address, 12);
    let n = b.ins().bxor(low, high);
    let n = b.ins().band_imm_u(n, JUMPS as i64 - 1);
    let size = size_of::<Jump>() as i64;
    let n = b.ins().ishl_imm_u(n, i64::from(size.ilog2()));
    let first = b.ins().iadd(jumps, n);
    let attention = get(&mut b, types::I64, frame, offset_of!(Frame, attention));
    let attention = get(&mut b, types::I32, attention, 0);
    let attention = b.ins().uextend(types::I64, attention);
    let differs = |b: &mut FunctionBuilder<'_>, jump: Value| {
        let there = get(b, types::I64, jump, offset_of!(Jump, address));
        let its_key = get(b, types::I64, jump, offset_of!(Jump, key));
        let differs = b.ins().bxor(there, address);
        let key_differs = b.ins().bxor(its_key, key);
        let differs = b.ins().bor(differs, key_differs);
        b.ins().bor(differs, attention)
    };
    let jump = b.append_block_param(found, types::I64);
    let is_other = differs(&mut b, first);
    b.ins().brif(is_other, second, &[], found, &[first.into()]);

    b.switch_to_block(second);
    // As in `other`.
    let n = b.ins().bxor_imm_u(n, size);
    let next = b.ins().iadd(jumps, n);
    let is_other = differs(&mut b, next);
    b.ins().brif(is_other, out, &[], found, &[next.into()]);

    b.switch_to_block(found);
    let code = get(&mut b, types::I64, jump, offset_of!(Jump, code));
    let data = get(&mut b, types::I64, jump, offset_of!(Jump, data));
    let flags = MemFlagsData::trusted();
    b.ins().store(flags, data, frame, offset_of!(Frame, data) as i32);
    b.ins().store(flags, base, cpu, layout::RUN_BASE as i32);
    b.ins().store(flags, page, cpu, layout::RUN_PAGE as i32);
    b.ins().return_call_indirect(region, code, &[cpu, frame]);

    b.switch_to_block(out);
    b.ins().store(flags, address, cpu, layout::PSW_ADDRESS as i32);
    let why = b.ins().iconst(types::I64, NEXT as i64);
    b.ins().return_(&[why]);
    b.seal_all_blocks();
    b.finalize(isa.frontend_config());
}
