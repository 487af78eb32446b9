//! Storage operands in emitted code: the TLB probed in line, a cold call when it has no answer, byte order by swapping.
//! Source: crates/cpu/src/tlb.rs (entries), access.rs (what a hit means); Principles of Operation, chapter 3.

use std::mem::offset_of;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, BlockArg, InstBuilder, MemFlagsData, Type, Value, types};
use softsie_cpu::{Scalar, TLB_ENTRIES, layout};
use softsie_exec::Ea;

use crate::emit::{Emit, Val, ty};
use crate::frame::{self, Frame};
use crate::region::{Base, PAGE};
use crate::vector::host_permutes;

/// Whether the host's plain accesses are in the architecture's order: only a fetch comes before an earlier store. Else
/// fetches acquire and stores release.
const HOST_KEEPS_ORDER: bool = cfg!(target_arch = "x86_64");

/// Whether there are acquiring and releasing accesses of a type.
fn has_ordered_access(ty: Type) -> bool {
    ty.is_int() && ty.bytes() <= 8
}

/// A TLB probe in two values.
pub(crate) struct Probe {
    /// Truth value.
    pub(crate) hit: Value,
    /// Host address minus virtual address on a hit.
    pub(crate) addend: Value,
}

impl Emit<'_> {
    /// Looks whether `size` bytes at `address` lie in the page of the entry for it, by its tag at `tag`.
    pub(crate) fn probe_tlb(&mut self, address: Value, size: u64, tag: usize) -> Probe {
        let page_bits = 12 - layout::TLB_ENTRY.ilog2();
        // x86-64 has a rotation, but no shift, into another register; what it brings to the left is masked out.
        let slot = self.b.ins().rotr_imm_u(address, i64::from(page_bits));
        let slot = self.b.ins().band_imm_u(slot, ((TLB_ENTRIES - 1) * layout::TLB_ENTRY) as i64);
        let entry = self.b.ins().iadd(self.tlb, slot);
        let found = self.get(types::I64, entry, tag);
        let offset = self.b.ins().isub(address, found);
        let last = self.constant(types::I64, PAGE as u64 - size);
        let hit = self.b.ins().icmp(IntCC::UnsignedLessThanOrEqual, offset, last);
        let addend = self.get(types::I64, entry, layout::TLB_ADDEND);
        Probe { hit, addend }
    }

    /// Bytes reversed: storage is big-endian, the hosts are little-endian.
    pub(crate) fn swap(&mut self, v: Value) -> Value {
        let from = self.origin(v);
        if self.type_of(from).is_vector() && host_permutes() {
            return self.swapped_vector(v);
        }
        if self.type_of(v) == types::I8 { v } else { self.b.ins().bswap(v) }
    }

    /// Fetches from the host's memory, from any boundary, in the architecture's order: before all that follows.
    pub(crate) fn get_unaligned(&mut self, ty: Type, at: Value, offset: usize) -> Value {
        let flags = MemFlagsData::new().with_notrap();
        if HOST_KEEPS_ORDER {
            return self.b.ins().load(ty, flags, at, offset as i32);
        }
        let (at, cold, done) = self.by_boundary(ty, at, offset);
        self.b.append_block_param(done, ty);
        if has_ordered_access(ty) {
            let v = self.b.ins().atomic_load(ty, flags, at);
            self.b.ins().jump(done, &[BlockArg::Value(v)]);
            self.b.switch_to_block(cold);
        }
        let v = self.b.ins().load(ty, flags, at, 0);
        self.b.ins().fence();
        self.b.ins().jump(done, &[BlockArg::Value(v)]);
        self.b.switch_to_block(done);
        self.b.block_params(done)[0]
    }

    /// Stores into the host's memory, at any boundary, in the architecture's order: after all that came before.
    pub(crate) fn put_unaligned(&mut self, v: Value, at: Value, offset: usize) {
        let flags = MemFlagsData::new().with_notrap();
        if HOST_KEEPS_ORDER {
            self.b.ins().store(flags, v, at, offset as i32);
            return;
        }
        let ty = self.type_of(v);
        let (at, cold, done) = self.by_boundary(ty, at, offset);
        if has_ordered_access(ty) {
            self.b.ins().atomic_store(flags, v, at);
            self.b.ins().jump(done, &[]);
            self.b.switch_to_block(cold);
        }
        self.b.ins().fence();
        self.b.ins().store(flags, v, at, 0);
        self.b.ins().jump(done, &[]);
        self.b.switch_to_block(done);
    }

    /// The address, a block for what is not on its boundary, where acquiring and releasing accesses may trap, and one to go
    /// on in. What is longer than they are goes to the former in any case.
    fn by_boundary(&mut self, ty: Type, at: Value, offset: usize) -> (Value, Block, Block) {
        let at = if offset == 0 { at } else { self.b.ins().iadd_imm_s(at, offset as i64) };
        let (aligned, cold, done) = (self.b.create_block(), self.b.create_block(), self.b.create_block());
        if !has_ordered_access(ty) {
            self.b.ins().jump(cold, &[]);
            self.b.switch_to_block(cold);
            return (at, cold, done);
        }
        self.b.set_cold_block(cold);
        let low = self.b.ins().band_imm_u(at, i64::from(ty.bytes()) - 1);
        self.b.ins().brif(low, cold, &[], aligned, &[]);
        self.b.switch_to_block(aligned);
        (at, cold, done)
    }

    /// Fetches an operand at `offset` from `host`, where nothing is on a boundary.
    fn fetch<T: Scalar>(&mut self, host: Value, offset: usize) -> Val<T> {
        let ty = if T::BITS == 128 && host_permutes() { types::I8X16 } else { ty::<T>() };
        let v = self.get_unaligned(ty, host, offset);
        let v = if T::BITS == 128 { self.retype(types::I128, v) } else { v };
        Val::new(self.swap(v))
    }

    /// Stores an operand that has been swapped.
    fn put_swapped(&mut self, v: Value, host: Value, offset: usize) {
        let v = self.origin(v);
        self.put_unaligned(v, host, offset);
    }

    /// Looks at the TLB for the operands that `base` addresses: the host address where it points to, or zero when they are
    /// not all in a page that has an entry. That is good for the whole region: what purges entries waits for this CPU to leave
    /// or to look at its attention word, and does not come from within.
    pub(crate) fn look_up_base(&mut self, base: Base) -> Value {
        let v = self.full(base.r);
        let first = self.add_constant(v, base.first);
        let tag = if base.stores { layout::TLB_WRITE } else { layout::TLB_READ };
        let probe = self.probe_tlb(first, (base.end - base.first) as u64, tag);
        let host = self.b.ins().iadd(probe.addend, v);
        let zero = self.constant(types::I64, 0);
        self.b.ins().select(probe.hit, host, zero)
    }

    /// An operand addressed by a base register that was looked up at the region's entry: what was found, and its displacement.
    fn looked_up(&self, address: Value, size: u64, tag: usize) -> Option<(Value, i64)> {
        self.bases.iter().find_map(|(base, host)| {
            let v = self.state.gr[usize::from(base.r)].full.filter(|_| !self.changed.has(base.r))?;
            let displacement = if v == address {
                0
            } else {
                self.sum(address).filter(|(of, _)| *of == v).map(|(_, displacement)| displacement as i64)?
            };
            let inside = displacement >= base.first && displacement + size as i64 <= base.end;
            (inside && (base.stores || tag == layout::TLB_READ)).then_some((*host, displacement))
        })
    }

    /// Where an operand of `size` bytes is, if that can be told at once: a truth value, and the host address.
    pub(crate) fn locate(&mut self, address: Value, size: u64, tag: usize) -> (Value, Value) {
        if let Some((host, displacement)) = self.looked_up(address, size, tag) {
            let hit = self.b.ins().icmp_imm_u(IntCC::NotEqual, host, 0);
            return (hit, self.add_constant(host, displacement));
        }
        let probe = self.probe_tlb(address, size, tag);
        (probe.hit, self.b.ins().iadd(probe.addend, address))
    }

    /// Host address of an operand of `size` bytes, as `access_by_entry` has it, or as the region's entry has found it.
    fn access(&mut self, ea: Ea<Val<u64>>, size: u64, tag: usize, thunk: usize, value: Option<Value>) -> Value {
        let crossing = if thunk == frame::HOST { 1 } else { size };
        let Some((host, displacement)) = self.looked_up(ea.address.value, crossing, tag) else {
            let done = self.b.create_block();
            return self.access_by_entry(ea, size, tag, thunk, value, done);
        };
        let (cold, found, done) = (self.b.create_block(), self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(cold);
        self.b.set_cold_block(found);
        self.b.append_block_param(done, types::I64);
        self.b.ins().brif(host, done, &[BlockArg::Value(host)], cold, &[]);
        self.b.switch_to_block(cold);
        let host = self.access_by_entry(ea, size, tag, thunk, value, found);
        let base = self.add_constant(host, -displacement);
        self.b.ins().jump(done, &[BlockArg::Value(base)]);
        self.b.switch_to_block(done);
        let base = self.b.block_params(done)[0];
        self.add_constant(base, displacement)
    }

    /// Host address of an operand of `size` bytes. When the TLB entry's tag at `tag` does not say it, `thunk` is asked, which
    /// has an address as well or fails; then the instruction is given to the interpreter. Code goes on in `done`.
    fn access_by_entry(
        &mut self,
        ea: Ea<Val<u64>>,
        size: u64,
        tag: usize,
        thunk: usize,
        value: Option<Value>,
        done: Block,
    ) -> Value {
        let crossing = if thunk == frame::HOST { 1 } else { size };
        let probe = self.probe_tlb(ea.address.value, crossing, tag);
        let cold = self.b.create_block();
        self.b.set_cold_block(cold);
        self.b.append_block_param(done, types::I64);
        self.b.ins().brif(probe.hit, done, &[BlockArg::Value(probe.addend)], cold, &[]);
        self.b.switch_to_block(cold);
        if let Some(v) = value {
            let v = self.origin(v);
            self.put(v, self.frame, offset_of!(Frame, value));
        }
        let what = self.constant(types::I64, frame::operand(size, ea.ar));
        let found = self.call_thunk(thunk, ea.address.value, what);
        let addend = self.get(types::I64, self.frame, offset_of!(Frame, addend));
        let exit = self.exit_here();
        self.b.ins().brif(found, done, &[BlockArg::Value(addend)], exit, &[]);
        self.b.switch_to_block(done);
        let addend = self.b.block_params(done)[0];
        self.b.ins().iadd(addend, ea.address.value)
    }

    pub(crate) fn emit_load<T: Scalar>(&mut self, ea: Ea<Val<u64>>) -> Val<T> {
        let host = self.access(ea, T::BYTES, layout::TLB_READ, frame::LOAD, None);
        self.fetch(host, 0)
    }

    pub(crate) fn emit_store<T: Scalar>(&mut self, ea: Ea<Val<u64>>, v: Val<T>) {
        let swapped = self.swap(v.value);
        let host = self.access(ea, T::BYTES, layout::TLB_WRITE, frame::STORE, Some(swapped));
        self.put_swapped(swapped, host, 0);
    }

    /// Operands side by side: one look at the TLB for all.
    pub(crate) fn emit_load_many<T: Scalar>(&mut self, ea: Ea<Val<u64>>, count: usize) -> [Option<Val<T>>; 16] {
        let host = self.access(ea, T::BYTES * count as u64, layout::TLB_READ, frame::LOAD, None);
        let mut values = [None; 16];
        for (n, value) in values.iter_mut().enumerate().take(count) {
            *value = Some(self.fetch(host, n * T::BYTES as usize));
        }
        values
    }

    /// Stores operands side by side. When they are not within one page, code stores them in the frame, and a thunk from
    /// there.
    pub(crate) fn emit_store_many<T: Scalar>(&mut self, ea: Ea<Val<u64>>, values: &[Option<Val<T>>; 16]) {
        let size = T::BYTES * values.iter().flatten().count() as u64;
        let host = self.access(ea, size, layout::TLB_WRITE, frame::STAGE, None);
        for (n, v) in values.iter().flatten().enumerate() {
            let v = self.swap(v.value);
            self.put_swapped(v, host, n * T::BYTES as usize);
        }
        let own = self.b.ins().iadd_imm_s(self.frame, offset_of!(Frame, value) as i64);
        let staged = self.b.ins().icmp(IntCC::Equal, host, own);
        let (cold, done) = (self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(cold);
        self.b.ins().brif(staged, cold, &[], done, &[]);
        self.b.switch_to_block(cold);
        let what = self.constant(types::I64, frame::operand(size, ea.ar));
        let stored = self.call_thunk(frame::STORE_STAGED, ea.address.value, what);
        let exit = self.exit_here();
        self.b.ins().brif(stored, done, &[], exit, &[]);
        self.b.switch_to_block(done);
    }

    /// Access exceptions of a store, before anything is stored.
    pub(crate) fn emit_probe(&mut self, ea: Ea<Val<u64>>, length: u64) {
        self.access(ea, length, layout::TLB_WRITE, frame::PROBE, None);
    }

    /// Host address of an operand that is fetched and stored at once. Left to the interpreter when not on an integral
    /// boundary.
    pub(crate) fn emit_place<T: Scalar>(&mut self, ea: Ea<Val<u64>>) -> Value {
        self.interlocked = true;
        if T::BYTES > 1 {
            let low = self.b.ins().band_imm_u(ea.address.value, T::BYTES as i64 - 1);
            self.exit_if_not_zero(low);
        }
        self.access(ea, T::BYTES, layout::TLB_WRITE, frame::HOST, None)
    }
}
