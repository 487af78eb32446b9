//! Where a draft's values are: host registers, the stack frame, or nowhere because they are constants.
//! Source: docs/engine-pattern.md, drafts.

use cranelift_codegen::ir::Value;

use super::Draft;
use super::assembler::{R8, R9, R10, RAX, RCX, RDI, RDX, RSI, RSP, Reg};

/// The registers that values are given. RDI and RSI always have the function's two parameters, R11 is for the moment, and
/// the others belong to the caller.
pub(super) const REGISTERS: [Reg; 6] = [RAX, RCX, RDX, R8, R9, R10];

/// What is in the registers at one place of the code.
#[derive(Clone, Default, Debug)]
pub(super) struct State {
    owners: [Option<Value>; 6],
    /// The register that is given away next when none is free.
    turn: usize,
}

impl State {
    pub(super) fn register_of(&self, v: Value) -> Option<Reg> {
        self.owners.iter().position(|o| *o == Some(v)).map(|n| REGISTERS[n])
    }

    pub(super) fn owner(&self, r: Reg) -> Option<Value> {
        REGISTERS.iter().position(|x| *x == r).and_then(|n| self.owners[n])
    }

    pub(super) fn set_owner(&mut self, r: Reg, v: Option<Value>) {
        if let Some(n) = REGISTERS.iter().position(|x| *x == r) {
            self.owners[n] = v;
        }
    }
}

#[derive(Clone, Copy, Default)]
struct Data {
    /// Uses for which no code has been emitted yet.
    uses: u32,
    /// There is any use.
    needed: bool,
    constant: Option<i64>,
    /// Number of the stretch it is defined in.
    stretch: u32,
    /// Some use is in another stretch, so that it is stored when it is defined.
    eager: bool,
    /// Its place in the stack frame.
    slot: Option<i32>,
    /// Stretch in which it was stored there last, when not eager.
    stored: u32,
    pinned: Option<Reg>,
}

/// All values of a function.
#[derive(Default)]
pub(super) struct Values {
    data: Vec<Data>,
    slots: i32,
    /// The stretch that code is emitted for.
    pub(super) stretch: u32,
    /// Registers that the current instruction needs as they are.
    locked: [bool; 6],
}

/// The first places of the stack frame keep the parameters over calls.
const OWN_SLOTS: i32 = 2;

impl Values {
    pub(super) fn begin(&mut self, count: usize) {
        self.data.clear();
        self.data.resize(count, Data::default());
        (self.slots, self.stretch, self.locked) = (OWN_SLOTS, 0, [false; 6]);
    }

    fn of(&mut self, v: Value) -> &mut Data {
        &mut self.data[v.as_u32() as usize]
    }

    pub(super) fn defined(&mut self, v: Value, stretch: u32, eager: bool) {
        let data = self.of(v);
        (data.stretch, data.eager) = (stretch, eager);
    }

    pub(super) fn constant(&mut self, v: Value, constant: i64) {
        self.of(v).constant = Some(constant);
    }

    pub(super) fn used(&mut self, v: Value, stretch: u32, home: u32) {
        let data = self.of(v);
        data.uses += 1;
        data.needed = true;
        data.eager |= data.stretch != stretch && data.stretch != home;
    }

    pub(super) fn pin(&mut self, cpu: Value, frame: Value) {
        self.of(cpu).pinned = Some(RDI);
        self.of(frame).pinned = Some(RSI);
    }

    pub(super) fn uses(&self, v: Value) -> u32 {
        self.data[v.as_u32() as usize].uses
    }

    pub(super) fn is_needed(&self, v: Value) -> bool {
        self.data[v.as_u32() as usize].needed
    }

    /// Whether it is stored when it is defined.
    pub(super) fn is_eager(&self, v: Value) -> bool {
        self.data[v.as_u32() as usize].eager
    }

    pub(super) fn as_constant(&self, v: Value) -> Option<i64> {
        self.data[v.as_u32() as usize].constant
    }

    pub(super) fn pinned(&self, v: Value) -> Option<Reg> {
        self.data[v.as_u32() as usize].pinned
    }

    /// Its place in the stack frame.
    pub(super) fn slot(&mut self, v: Value) -> i32 {
        let fresh = self.slots;
        let data = self.of(v);
        if let Some(slot) = data.slot {
            return slot * 8;
        }
        data.slot = Some(fresh);
        self.slots += 1;
        fresh * 8
    }

    fn is_stored(&self, v: Value) -> bool {
        let data = &self.data[v.as_u32() as usize];
        data.slot.is_some() && (data.eager || data.stored == self.stretch)
    }

    /// Bytes of the stack frame; with the return address a multiple of sixteen.
    pub(super) fn frame_size(&self) -> i32 {
        (self.slots | 1) * 8
    }
}

impl Draft<'_> {
    /// The place in memory of a value that is in no register.
    pub(super) fn in_memory(&self, v: Value) -> Option<i32> {
        self.v.data[v.as_u32() as usize].slot.map(|slot| slot * 8)
    }

    pub(super) fn lock(&mut self, r: Reg) {
        if let Some(n) = REGISTERS.iter().position(|x| *x == r) {
            self.v.locked[n] = true;
        }
    }

    /// The next instruction may use all registers.
    pub(super) fn unlock(&mut self) {
        self.v.locked = [false; 6];
    }

    /// The register of a value, locked for the current instruction.
    pub(super) fn reg(&mut self, v: Value) -> Option<Reg> {
        if let Some(r) = self.v.pinned(v) {
            return Some(r);
        }
        let r = match self.state.register_of(v) {
            Some(r) => r,
            None => {
                let r = self.fresh()?;
                self.fetch(v, r)?;
                self.state.set_owner(r, Some(v));
                r
            }
        };
        self.lock(r);
        Some(r)
    }

    /// Moves a value into `r`, wherever it is.
    pub(super) fn fetch(&mut self, v: Value, r: Reg) -> Option<()> {
        if let Some(c) = self.v.as_constant(v) {
            self.a.mov_imm(r, c);
        } else if let Some(from) = self.v.pinned(v).or_else(|| self.state.register_of(v)) {
            self.a.mov(r, from);
        } else {
            let slot = self.in_memory(v)?;
            self.a.load(8, r, RSP, slot);
        }
        Some(())
    }

    /// A register for a new value, locked.
    pub(super) fn fresh(&mut self) -> Option<Reg> {
        let available = |n: &usize| !self.v.locked[*n];
        let nobody_s = |n: &usize| self.state.owners[*n].is_none();
        let useless = |n: &usize| !self.cold && self.state.owners[*n].is_some_and(|v| self.v.uses(v) == 0);
        let free = (0..6).filter(available).find(nobody_s).or_else(|| (0..6).filter(available).find(useless));
        let n = match free {
            Some(n) => n,
            None => {
                let start = self.state.turn;
                let n = (0..6).map(|n| (start + n) % 6).find(|n| !self.v.locked[*n])?;
                self.state.turn = n + 1;
                self.spill(REGISTERS[n])?;
                n
            }
        };
        self.v.locked[n] = true;
        self.state.owners[n] = None;
        Some(REGISTERS[n])
    }

    /// Empties a register; its value is stored where it will be wanted.
    pub(super) fn spill(&mut self, r: Reg) -> Option<()> {
        if let Some(v) = self.state.owner(r) {
            let wanted = self.cold || self.v.uses(v) != 0;
            if wanted && self.v.as_constant(v).is_none() && !self.v.is_stored(v) {
                let slot = self.v.slot(v);
                self.a.store(8, r, RSP, slot);
                let stretch = self.v.stretch;
                self.v.of(v).stored = stretch;
            }
            self.state.set_owner(r, None);
        }
        Some(())
    }

    /// Empties a register, moving its value to a free one if there is one.
    pub(super) fn vacate(&mut self, r: Reg) -> Option<()> {
        let Some(v) = self.state.owner(r) else { return Some(()) };
        let free = (0..6).find(|n| self.state.owners[*n].is_none() && !self.v.locked[*n] && REGISTERS[*n] != r);
        match free {
            Some(n) if self.v.as_constant(v).is_none() => {
                self.a.mov(REGISTERS[n], r);
                self.state.owners[n] = Some(v);
                self.state.set_owner(r, None);
                Some(())
            }
            _ => self.spill(r),
        }
    }

    /// Takes `r` for the current instruction; whatever it had is elsewhere.
    pub(super) fn claim(&mut self, r: Reg) -> Option<()> {
        self.vacate(r)?;
        self.lock(r);
        Some(())
    }

    /// One use of a value has been emitted.
    pub(super) fn consume(&mut self, v: Value) {
        let data = self.v.of(v);
        data.uses = data.uses.saturating_sub(1);
        if data.uses == 0 && !self.cold {
            self.drop_register(v);
        }
    }

    pub(super) fn drop_register(&mut self, v: Value) {
        for owner in &mut self.state.owners {
            if *owner == Some(v) {
                *owner = None;
            }
        }
    }

    /// A register with the value, which the current instruction may change.
    pub(super) fn copy(&mut self, v: Value) -> Option<Reg> {
        if !self.cold
            && self.v.uses(v) == 1
            && let Some(r) = self.state.register_of(v)
        {
            self.state.set_owner(r, None);
            self.lock(r);
            // It is known to be there until the use is counted; nobody asks for it again.
            return Some(r);
        }
        let r = self.fresh()?;
        self.fetch(v, r)?;
        Some(r)
    }

    /// `r` has the value from now on.
    pub(super) fn define(&mut self, v: Value, r: Reg) {
        let data = *self.v.of(v);
        if data.uses == 0 {
            return;
        }
        self.state.set_owner(r, Some(v));
        if data.eager {
            let slot = self.v.slot(v);
            self.a.store(8, r, RSP, slot);
        }
    }

    /// Stores everything that is wanted later: nothing is in a register then.
    pub(super) fn spill_all(&mut self) -> Option<()> {
        REGISTERS.into_iter().try_for_each(|r| self.spill(r))
    }

    /// Puts into registers what `wanted` has there; RSI and RDI aside, R11 may be used.
    pub(super) fn conform(&mut self, wanted: &State, except: Option<Value>) -> Option<()> {
        let pairs = |s: &State| REGISTERS.into_iter().filter_map(|r| Some((r, s.owner(r)?))).collect::<Vec<_>>();
        let wrong: Vec<(Reg, Value)> =
            pairs(wanted).into_iter().filter(|(r, v)| Some(*v) != except && self.state.owner(*r) != Some(*v)).collect();
        for (_, v) in &wrong {
            if let Some(r) = self.state.register_of(*v) {
                self.spill(r)?;
            }
        }
        for (r, v) in wrong {
            if let Some(c) = self.v.as_constant(v) {
                self.a.mov_imm(r, c);
            } else {
                let slot = self.in_memory(v)?;
                self.a.load(8, r, RSP, slot);
            }
            self.state.set_owner(r, Some(v));
        }
        Some(())
    }
}
