//! PERFORM LOCKED OPERATION: compares, swaps and stores that appear as one to others of the same kind.
//! Source: Principles of Operation, chapter 7: PERFORM LOCKED OPERATION.

use parking_lot::Mutex;
use softsie_cpu::{Access, AddressSpace, AddressSpaceControl, Cpu, Exit, PswMask};
use softsie_isa::Operands;

use crate::operand::{Ea, d2b2, d4b4};

semantics! {
    simple {}
    heavy { PLO => perform_locked_operation }
}

/// The lock of all locked operations. The architecture lets programs name locks by address; one serves them all.
static LOCK: Mutex<()> = Mutex::new(());

/// Ends of the values in a parameter list: shorter values stand at the right of a quadword.
const COMPARISON_1: u64 = 16;
const REPLACEMENT_1: u64 = 32;
const COMPARISON_3: u64 = 48;
const REPLACEMENT_3: u64 = 64;
/// Of each operand in storage that the list designates: end of the value to store, ALET, address.
const DESIGNATIONS: [(u64, u64, u64); 3] = [(64, 68, 72), (96, 100, 104), (128, 132, 136)];

fn read(cpu: &mut Cpu, ea: Ea<u64>, size: u64) -> Result<u128, Exit> {
    match size {
        4 => cpu.load::<u32>(ea.address, ea.ar).map(u128::from),
        8 => cpu.load::<u64>(ea.address, ea.ar).map(u128::from),
        _ => cpu.load::<u128>(ea.address, ea.ar),
    }
}

fn write(cpu: &mut Cpu, ea: Ea<u64>, size: u64, value: u128) -> Result<(), Exit> {
    match size {
        4 => cpu.store(ea.address, ea.ar, value as u32),
        8 => cpu.store(ea.address, ea.ar, value as u64),
        _ => cpu.store(ea.address, ea.ar, value),
    }
}

/// One execution of PERFORM LOCKED OPERATION.
struct Operation {
    r1: u8,
    r3: u8,
    /// Operand size in bytes.
    size: u64,
    /// The values are in the parameter list, not in registers.
    in_list: bool,
    second: Ea<u64>,
    /// D4(B4): the fourth operand, or the parameter list.
    fourth: Ea<u64>,
}

/// An operand that the parameter list designates.
struct Designated {
    ea: Ea<u64>,
    /// In access-register mode: what access register R3 must contain.
    alet: Option<u32>,
}

impl Operation {
    fn field(&self, cpu: &Cpu, end: u64) -> Ea<u64> {
        Ea { address: cpu.wrap(self.fourth.address.wrapping_add(end - self.size)), ar: self.fourth.ar }
    }

    fn value(&self, cpu: &mut Cpu, end: u64, register: u8) -> Result<u128, Exit> {
        if self.in_list {
            let field = self.field(cpu, end);
            return read(cpu, field, self.size);
        }
        let value = cpu.gr[usize::from(register & 15)];
        Ok(u128::from(if self.size == 4 { value & 0xFFFF_FFFF } else { value }))
    }

    fn replace(&self, cpu: &mut Cpu, end: u64, register: u8, value: u128) -> Result<(), Exit> {
        if self.in_list {
            let field = self.field(cpu, end);
            return write(cpu, field, self.size, value);
        }
        let g = &mut cpu.gr[usize::from(register & 15)];
        *g = if self.size == 4 { *g & !0xFFFF_FFFF | value as u64 } else { value as u64 };
        Ok(())
    }

    fn designated(&self, cpu: &mut Cpu, n: usize) -> Result<Designated, Exit> {
        let (_, alet_at, address_at) = DESIGNATIONS[n];
        let list = self.fourth;
        let mut alet = None;
        if cpu.psw.has(PswMask::DAT) && cpu.psw.address_space() == AddressSpaceControl::AccessRegister {
            if self.r3 == 0 {
                return Err(Exit::SPECIFICATION);
            }
            alet = Some(cpu.load::<u32>(cpu.wrap(list.address.wrapping_add(alet_at)), list.ar)?);
        }
        let address = cpu.load::<u64>(cpu.wrap(list.address.wrapping_add(address_at)), list.ar)?;
        let address = cpu.wrap(address);
        if address & (self.size - 1) != 0 {
            return Err(Exit::SPECIFICATION);
        }
        Ok(Designated { ea: Ea { address, ar: self.r3 }, alet })
    }

    /// The fourth operand: of the instruction itself, or designated by the parameter list.
    fn fourth_operand(&self, cpu: &mut Cpu) -> Result<Designated, Exit> {
        if self.in_list { self.designated(cpu, 0) } else { Ok(Designated { ea: self.fourth, alet: None }) }
    }

    fn probe(&self, cpu: &mut Cpu, place: &Designated) -> Result<(), Exit> {
        self.select(cpu, place);
        cpu.probe(AddressSpace::Logical(place.ea.ar), place.ea.address, self.size, Access::Store)
    }

    fn select(&self, cpu: &mut Cpu, place: &Designated) {
        if let Some(alet) = place.alet {
            cpu.ar[usize::from(self.r3 & 15)] = alet;
        }
    }

    /// Performs the operation of `group` (function code divided by four); the CC.
    fn perform(&self, cpu: &mut Cpu, group: u8) -> Result<u8, Exit> {
        let expected = self.value(cpu, COMPARISON_1, self.r1)?;
        let found = read(cpu, self.second, self.size)?;
        if found != expected {
            self.replace(cpu, COMPARISON_1, self.r1, found)?;
            return Ok(1);
        }
        if group == 0 {
            let from = self.fourth_operand(cpu)?;
            self.select(cpu, &from);
            let value = read(cpu, from.ea, self.size)?;
            self.replace(cpu, COMPARISON_3, self.r3, value)?;
            return Ok(0);
        }
        // The operation is compare-and-swap, together with up to three further stores.
        let replacement = if group >= 4 && !self.in_list {
            u128::from(cpu.gr[usize::from(self.r1 | 1)])
        } else {
            self.value(cpu, REPLACEMENT_1, self.r1 | 1)?
        };
        let mut stores: [Option<(Designated, u128)>; 3] = [None, None, None];
        match group {
            1 => {}
            2 => {
                let place = self.fourth_operand(cpu)?;
                let expected = self.value(cpu, COMPARISON_3, self.r3)?;
                self.select(cpu, &place);
                let found = read(cpu, place.ea, self.size)?;
                if found != expected {
                    self.replace(cpu, COMPARISON_3, self.r3, found)?;
                    return Ok(2);
                }
                let value = self.value(cpu, REPLACEMENT_3, self.r3 | 1)?;
                stores[0] = Some((place, value));
            }
            3 => {
                let place = self.fourth_operand(cpu)?;
                let value = self.value(cpu, REPLACEMENT_3, self.r3)?;
                stores[0] = Some((place, value));
            }
            _ => {
                for n in 0..usize::from(group - 2) {
                    let field = self.field(cpu, DESIGNATIONS[n].0);
                    let value = read(cpu, field, self.size)?;
                    stores[n] = Some((self.designated(cpu, n)?, value));
                }
            }
        }
        cpu.probe(AddressSpace::Logical(self.second.ar), self.second.address, self.size, Access::Store)?;
        for (place, _) in stores.iter().flatten() {
            self.probe(cpu, place)?;
        }
        for (place, value) in stores.iter().flatten() {
            self.select(cpu, place);
            write(cpu, place.ea, self.size, *value)?;
        }
        write(cpu, self.second, self.size, replacement)?;
        Ok(0)
    }
}

fn perform_locked_operation(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    if cpu.gr[0] & 0xFFFF_FE00 != 0 {
        return Err(Exit::SPECIFICATION);
    }
    let function = cpu.gr[0] as u8;
    if cpu.gr[0] & 0x100 != 0 {
        // Only asks whether the function code is installed.
        cpu.cc = if function < 24 { 0 } else { 3 };
        return crate::machine::Machine::serialize(cpu);
    }
    if function >= 24 {
        return Err(Exit::SPECIFICATION);
    }
    let (group, form) = (function / 4, usize::from(function % 4));
    let operation = Operation {
        r1: o.r1(),
        r3: o.r3(),
        size: [4, 8, 8, 16][form],
        in_list: form & 1 == 1,
        second: d2b2(cpu, o),
        fourth: d4b4(cpu, o),
    };
    let in_registers = !operation.in_list;
    let odd_pair = in_registers && (group >= 1 && o.r1() & 1 != 0 || group == 2 && o.r3() & 1 != 0);
    // The fourth operand is aligned as such; a parameter list needs at most a doubleword boundary.
    let fourth_boundary = if group == 1 && in_registers { 1 } else { operation.size.min(8) };
    let aligned =
        operation.second.address & (operation.size - 1) == 0 && operation.fourth.address & (fourth_boundary - 1) == 0;
    if odd_pair || !aligned {
        return Err(Exit::SPECIFICATION);
    }
    let cc = {
        let _guard = LOCK.lock();
        operation.perform(cpu, group)?
    };
    cpu.cc = cc;
    crate::machine::Machine::serialize(cpu)
}
