//! Quick regions as host code in one pass: a code generator for the part of Cranelift's IR that regions of integer
//! instructions are made of, ten times as fast as Cranelift's own. What it does not know is left to that.
//! Source: docs/engine-pattern.md, drafts; Cranelift's conventions of calls for x86-64.

mod assembler;
mod lower;
mod values;

use std::ops::Range;

use cranelift_codegen::ir::{Block, Function, Inst, InstructionData, Opcode};

use self::assembler::{Alu, Assembler, Label};
use self::values::{State, Values};

/// Makes code of functions.
#[derive(Default)]
pub(crate) struct Drafter {
    assembler: Assembler,
    values: Values,
    blocks: Vec<BlockData>,
    /// To which block from which.
    edges: Vec<(Block, Block)>,
    /// Where code begins for which source location, if that is wanted.
    places: Option<Vec<(usize, u32)>>,
}

/// What is known of a block.
#[derive(Clone, Default)]
struct BlockData {
    /// How many edges come here, of those from blocks that are not cold, and the last of these blocks.
    edges: u32,
    hot_edges: u32,
    from: Option<Block>,
    kind: Kind,
    /// Names the stretch of blocks through which values stay in registers.
    stretch: u32,
    /// The stretch that the block belongs to: a cold block that one branch goes to finds what is in registers there, or was
    /// stored before.
    home: u32,
    label: Option<Label>,
    /// The registers at its beginning, where an edge has decided them.
    start: Option<State>,
}

/// What a block's registers are at its beginning.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum Kind {
    /// None is in use: several paths meet.
    #[default]
    Join,
    /// Those of the block before it, of whose stretch it is; cold paths that come back restore them.
    Chain,
    /// Those of the only block that branches here.
    Branch,
}

impl Drafter {
    /// The code that was made last.
    pub(crate) fn code(&self) -> &[u8] {
        &self.assembler.code
    }

    /// As [`Drafter::compile`], with the source location that each part of the code is for.
    pub(crate) fn annotated(&mut self, function: &Function) -> Option<Vec<(Range<usize>, u64)>> {
        self.places = Some(Vec::new());
        let done = self.compile(function);
        let starts = self.places.take().unwrap_or_default();
        done?;
        let ends = starts.iter().skip(1).map(|(at, _)| *at).chain([self.assembler.code.len()]);
        Some(starts.iter().zip(ends).map(|((at, place), end)| (*at..end, u64::from(*place))).collect())
    }

    /// Makes the code of `function`, which needs no relocation. `None`: it has something that is not known here.
    pub(crate) fn compile(&mut self, function: &Function) -> Option<()> {
        self.assembler.clear();
        let order = self.examine(function)?;
        let frame = {
            let mut draft = Draft {
                f: function,
                a: &mut self.assembler,
                v: &mut self.values,
                blocks: &mut self.blocks,
                state: State::default(),
                cold: false,
                next: None,
                places: &mut self.places,
            };
            draft.all(&order)?;
            draft.v.frame_size()
        };
        self.assembler.finish(frame)
    }

    /// Finds out about blocks and values; the blocks in the order in which code is emitted.
    fn examine(&mut self, f: &Function) -> Option<Vec<Block>> {
        let layout: Vec<Block> = f.layout.blocks().collect();
        let cold = |b: &Block| f.layout.is_cold(*b);
        let order: Vec<Block> =
            layout.iter().filter(|b| !cold(b)).chain(layout.iter().filter(|b| cold(b))).copied().collect();
        self.blocks.clear();
        self.blocks.resize(f.dfg.num_blocks(), BlockData::default());
        self.values.begin(f.dfg.num_values());
        self.edges.clear();
        for &block in &layout {
            for call in destinations(f, f.layout.last_inst(block)?) {
                let to = call.block(&f.dfg.value_lists);
                let data = self.blocks.get_mut(to.as_u32() as usize)?;
                data.edges += 1;
                data.from = Some(block);
                data.hot_edges += u32::from(!cold(&block));
                self.edges.push((to, block));
            }
        }
        self.edges.sort_unstable_by_key(|(to, _)| *to);
        let mut before = None;
        let mut emitted = vec![false; self.blocks.len()];
        for (n, &block) in order.iter().enumerate() {
            let at = block.as_u32() as usize;
            let data = &self.blocks[at];
            let single = data.edges == 1;
            let kind = match data.from {
                _ if n == 0 => Kind::Join,
                Some(_) if single && before == data.from => Kind::Chain,
                Some(from) if single && emitted[from.as_u32() as usize] => Kind::Branch,
                // Where a hot path and what it left for a cold one meet again.
                _ if data.hot_edges == 1 && !cold(&block) && self.rejoins(f, block, before) => Kind::Chain,
                _ => Kind::Join,
            };
            let own = n as u32 + 1;
            let of = |b: Option<Block>| b.map(|b| &self.blocks[b.as_u32() as usize]);
            let (stretch, home) = match kind {
                Kind::Chain => of(before).map(|b| (b.stretch, b.home))?,
                Kind::Branch if cold(&block) => (own, of(data.from)?.home),
                _ => (own, own),
            };
            let data = &mut self.blocks[at];
            (data.kind, data.stretch, data.home) = (kind, stretch, home);
            emitted[at] = true;
            before = Some(block);
        }
        self.count_uses(f, &layout)?;
        Some(order)
    }

    /// Whether the only hot edge to `block` is from `before`, and all cold ones are from blocks that `before` alone
    /// branches to.
    fn rejoins(&self, f: &Function, block: Block, before: Option<Block>) -> bool {
        let first = self.edges.partition_point(|(to, _)| *to < block);
        let mut others = self.edges[first..].iter().take_while(|(to, _)| *to == block).map(|(_, from)| *from);
        let is_left = |from: Block| {
            let data = &self.blocks[from.as_u32() as usize];
            f.layout.is_cold(from) && data.edges == 1 && data.from == before
        };
        others.all(|from| Some(from) == before || is_left(from))
    }

    /// Counts the uses of each value, and finds those that need a place in memory because registers do not last to the use.
    /// What nobody needs is not emitted.
    fn count_uses(&mut self, f: &Function, layout: &[Block]) -> Option<()> {
        for &block in layout {
            let stretch = self.blocks[block.as_u32() as usize].stretch;
            let join = self.blocks[block.as_u32() as usize].kind == Kind::Join;
            for &p in f.dfg.block_params(block) {
                self.values.defined(p, stretch, join);
            }
            for inst in f.layout.block_insts(block) {
                for &v in f.dfg.inst_results(inst) {
                    self.values.defined(v, stretch, false);
                }
                if let InstructionData::UnaryImm { opcode: Opcode::Iconst, imm } = f.dfg.insts[inst] {
                    let v = f.dfg.first_result(inst);
                    let unused = 64 - f.dfg.value_type(v).bits().min(64);
                    self.values.constant(v, imm.bits() << unused >> unused);
                }
            }
        }
        for &block in layout.iter().rev() {
            let BlockData { stretch, home, .. } = self.blocks[block.as_u32() as usize];
            let mut inst = f.layout.last_inst(block);
            while let Some(i) = inst {
                let results = f.dfg.inst_results(i);
                let needed = has_effect(&f.dfg.insts[i]) || results.iter().any(|v| self.values.uses(*v) != 0);
                if needed {
                    for v in f.dfg.inst_values(i) {
                        self.values.used(f.dfg.resolve_aliases(v), stretch, home);
                    }
                }
                inst = f.layout.prev_inst(i);
            }
        }
        Some(())
    }
}

/// Where an instruction can go.
fn destinations(f: &Function, inst: Inst) -> impl Iterator<Item = &cranelift_codegen::ir::BlockCall> {
    f.dfg.insts[inst].branch_destination(&f.dfg.jump_tables, &f.dfg.exception_tables).iter()
}

/// Whether an instruction does more than compute its results.
fn has_effect(data: &InstructionData) -> bool {
    let opcode = data.opcode();
    opcode.is_terminator()
        || opcode.is_branch()
        || opcode.is_call()
        || opcode.can_store()
        || opcode.other_side_effects()
        || matches!(opcode, Opcode::AtomicCas | Opcode::AtomicRmw | Opcode::Fence)
}

/// One function on its way.
struct Draft<'a> {
    f: &'a Function,
    a: &'a mut Assembler,
    v: &'a mut Values,
    blocks: &'a mut Vec<BlockData>,
    state: State,
    /// The block is cold: values may be wanted where it goes back to, though nobody in it uses them.
    cold: bool,
    /// The block that is emitted next.
    next: Option<Block>,
    places: &'a mut Option<Vec<(usize, u32)>>,
}

impl Draft<'_> {
    fn all(&mut self, order: &[Block]) -> Option<()> {
        let entry = *order.first()?;
        self.a.move_stack(Alu::Sub);
        let parameters = self.f.dfg.block_params(entry);
        self.v.pin(*parameters.first()?, *parameters.get(1)?);
        for (n, &block) in order.iter().enumerate() {
            self.next = order.get(n + 1).copied();
            self.cold = self.f.layout.is_cold(block);
            let data = &mut self.blocks[block.as_u32() as usize];
            let (kind, start) = (data.kind, data.start.take());
            if data.edges == 0 && n != 0 {
                // Nothing comes here.
                continue;
            }
            let label = self.label_of(block);
            self.a.bind(label);
            match kind {
                Kind::Join => self.state = State::default(),
                Kind::Branch => self.state = start?,
                // What came here is what the block before has left.
                Kind::Chain => {}
            }
            if kind == Kind::Chain && self.blocks[block.as_u32() as usize].edges > 1 {
                self.blocks[block.as_u32() as usize].start = Some(self.state.clone());
            }
            self.v.stretch = self.blocks[block.as_u32() as usize].stretch;
            for inst in self.f.layout.block_insts(block) {
                if let Some(places) = self.places {
                    places.push((self.a.code.len(), self.f.srcloc(inst).bits()));
                }
                self.instruction(inst)?;
            }
        }
        Some(())
    }

    fn label_of(&mut self, block: Block) -> Label {
        let data = &mut self.blocks[block.as_u32() as usize];
        match data.label {
            Some(label) => label,
            None => {
                let label = self.a.label();
                data.label = Some(label);
                label
            }
        }
    }
}
