//! PROGRAM CALL: from a PC number to an entry-table entry, then the basic or the stacking operation.
//! Source: Principles of Operation, chapter 5, PC-Number Translation, Entry-Table Entries; chapter 10: PROGRAM CALL.

use softsie_cpu::{
    ASTE_ORIGIN, AddressSpaceControl, Aste, Cpu, Exit, InterceptedInstructions, ProgramCode, Psw, PswMask, StateKind,
    TraceEntry,
};
use softsie_isa::Operands;

use super::addressing_mode::mode;
use super::authority::{SPECIAL_OPERATION, require_asn_translation, require_primary_or_ar_mode};
use super::space_switch::{OldPrimary, complete, linked, next_psw, set_mode, set_primary, set_secondary_to_primary};
use super::trace_entries::{trace_mode, traced_address};
use crate::machine::Machine;
use crate::operand::d2b2;

semantics! {
    simple {}
    heavy { PC => program_call }
}

/// Invalid bit of linkage-table entries, and subsystem-linkage control of the table's designation.
const LEFTMOST: u32 = 0x8000_0000;
/// Bit 44 of the operand address: the PC number has 32 bits.
const LONG_NUMBER: u32 = 0x8_0000;

/// An entry-table entry.
struct Entry([u32; 8]);

impl Entry {
    fn is_stacking(&self) -> bool {
        self.0[4] & LEFTMOST != 0
    }

    /// Width of addresses of the called program.
    fn mode(&self) -> u8 {
        match (self.0[4] & 0x4000_0000 != 0, self.0[1] & LEFTMOST != 0) {
            (true, _) => 64,
            (false, true) => 31,
            (false, false) => 24,
        }
    }

    fn address(&self) -> u64 {
        let right = u64::from(self.0[1] & !1);
        if self.mode() == 64 { u64::from(self.0[0]) << 32 | right } else { right & 0x7FFF_FFFF }
    }

    fn is_problem(&self) -> bool {
        self.0[1] & 1 != 0
    }

    fn authorization_key_mask(&self) -> u32 {
        self.0[2] & 0xFFFF_0000
    }

    fn asn(&self) -> u16 {
        self.0[2] as u16
    }

    fn key_mask(&self) -> u64 {
        u64::from(self.0[3] & 0xFFFF_0000)
    }

    /// One of the control bits beside the type: K, M, E, C, S.
    fn control(&self, bit: u32) -> bool {
        self.0[4] & bit != 0
    }

    fn parameter(&self) -> u64 {
        u64::from(self.0[6]) << 32 | u64::from(self.0[7])
    }
}

const REPLACE_KEY: u32 = 0x1000_0000;
const REPLACE_MASK: u32 = 0x0800_0000;
const REPLACE_INDEX: u32 = 0x0400_0000;
const ACCESS_REGISTER_MODE: u32 = 0x0200_0000;
const NEW_SECONDARY: u32 = 0x0100_0000;

/// An exception whose parameter is the PC number.
fn failed(cpu: &mut Cpu, code: ProgramCode, number: u32) -> Exit {
    cpu.program.teid = u64::from(number);
    Exit::Program(code)
}

/// The entry-table designation that a PC number leads to: origin, and number of the last block of four entries.
fn find_table(cpu: &mut Cpu, designation: u32, number: u32) -> Result<u32, Exit> {
    if !cpu.reuses_asns() {
        // Blocks of 32 entries; the length counts them.
        let index = number >> 8;
        if index >> 5 > designation & 0x7F {
            return Err(failed(cpu, ProgramCode::LX_TRANSLATION, number));
        }
        let entry = cpu.real_word(u64::from(designation & 0x7FFF_FF80) + u64::from(index) * 4)?;
        if entry & LEFTMOST != 0 {
            return Err(failed(cpu, ProgramCode::LX_TRANSLATION, number));
        }
        return Ok(entry);
    }
    // The first index has a left part only in long numbers, where bit 44 stands between its parts.
    let left = if number & LONG_NUMBER != 0 { number >> 20 } else { 0 };
    if left > designation & 0xFF {
        return Err(failed(cpu, ProgramCode::LFX_TRANSLATION, number));
    }
    let index = left << 6 | number >> 13 & 0x3F;
    let first = cpu.real_word(u64::from(designation & 0x7FFF_FF00) + u64::from(index) * 4)?;
    if first & LEFTMOST != 0 {
        return Err(failed(cpu, ProgramCode::LFX_TRANSLATION, number));
    }
    let second = u64::from(first & 0x7FFF_FF00) + u64::from(number >> 8 & 0x1F) * 8;
    let entry = cpu.real_word(second)?;
    let sequence = cpu.real_word(second + 4)?;
    if entry & LEFTMOST != 0 {
        return Err(failed(cpu, ProgramCode::LSX_TRANSLATION, number));
    }
    if sequence != 0 && sequence != cpu.gr_high(15) {
        return Err(failed(cpu, ProgramCode::LSTE_SEQUENCE, number));
    }
    Ok(entry)
}

/// The entry-table entry of a PC number.
fn find_entry(cpu: &mut Cpu, designation: u32, number: u32) -> Result<Entry, Exit> {
    let table = find_table(cpu, designation, number)?;
    if number >> 2 & 0x3F > table & 0x3F {
        return Err(failed(cpu, ProgramCode::EX_TRANSLATION, number));
    }
    let origin = u64::from(table & 0x7FFF_FFC0) + u64::from(number & 0xFF) * 32;
    let mut entry = Entry([0; 8]);
    for n in 0..8 {
        entry.0[n] = cpu.real_word(origin + n as u64 * 4)?;
    }
    Ok(entry)
}

fn program_call(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.check_interception(InterceptedInstructions::PROGRAM_CALL)?;
    let operand = d2b2(cpu, o).address as u32;
    let is_long = cpu.reuses_asns() && operand & LONG_NUMBER != 0;
    let number = if is_long { operand } else { operand & 0xF_FFFF };
    require_primary_or_ar_mode(cpu)?;
    let designation = cpu.real_word((cpu.cr[5] & ASTE_ORIGIN) + 24)?;
    if designation & LEFTMOST == 0 {
        return Err(SPECIAL_OPERATION);
    }
    let own = next_psw(cpu, o);
    let mut traced = cpu.cr[12];
    if cpu.traces_asns() {
        let entry = call_entry(cpu, &own, number, is_long);
        traced = cpu.trace(traced, &entry)?;
    }
    let entry = find_entry(cpu, designation, number)?;
    let mut psw = own;
    set_mode(&mut psw, entry.mode());
    psw.address = entry.address();
    psw.set(PswMask::PROBLEM, entry.is_problem());
    if !entry.is_stacking() {
        let mode_kept = (entry.mode() == 64) == (mode(cpu) == 64);
        if cpu.psw.address_space() == AddressSpaceControl::AccessRegister || !mode_kept {
            return Err(SPECIAL_OPERATION);
        }
    }
    if psw.address & !psw.address_mask() != 0 {
        return Err(Exit::Program(ProgramCode::PC_TRANSLATION_SPECIFICATION));
    }
    if cpu.psw.has(PswMask::PROBLEM) && cpu.cr[3] as u32 & entry.authorization_key_mask() == 0 {
        return Err(Exit::PRIVILEGED_OPERATION);
    }
    let to = match entry.asn() {
        0 => None,
        asn => {
            require_asn_translation(cpu)?;
            let aste = cpu.aste(u64::from(entry.0[5]))?;
            if !aste.is_valid() {
                return Err(cpu.asn_exception(ProgramCode::ASX_TRANSLATION, asn));
            }
            Some((aste, cpu.subspace_replaced(&aste)?))
        }
    };
    if entry.is_stacking() {
        traced = trace_mode(cpu, traced, &own, &psw)?;
        stack(cpu, &entry, own, number, is_long, to.map(|(aste, _)| aste))?;
        if entry.control(REPLACE_KEY) {
            psw.set_key((entry.0[4] >> 20) as u8 & 15);
        }
        if entry.control(REPLACE_MASK) {
            cpu.cr[3] &= !0xFFFF_0000;
        }
        if entry.control(REPLACE_INDEX) {
            cpu.cr[8] = cpu.cr[8] & !0xFFFF_0000 | u64::from(entry.0[4] & 0xFFFF) << 16;
        }
        let access_registers = entry.control(ACCESS_REGISTER_MODE);
        psw.set_address_space(match access_registers {
            true => AddressSpaceControl::AccessRegister,
            false => AddressSpaceControl::Primary,
        });
    } else {
        let link = linked(cpu, own.address) | u64::from(own.has(PswMask::PROBLEM));
        cpu.set_gr_address(14, link);
        if cpu.reuses_asns() {
            cpu.set_gr_high(3, (cpu.cr[4] >> 32) as u32);
        }
        cpu.set_gr(3, cpu.cr[3] as u32 & 0xFFFF_0000 | cpu.cr[4] as u32 & 0xFFFF);
    }
    cpu.cr[3] |= entry.key_mask();
    if entry.mode() == 64 {
        cpu.set_gr(4, entry.parameter());
    } else {
        cpu.set_gr(4, entry.parameter() as u32);
    }
    let instances = cpu.reuses_asns();
    let old = OldPrimary::of(cpu);
    set_secondary_to_primary(cpu, instances);
    if let Some((aste, asce)) = &to {
        set_primary(cpu, aste, *asce, entry.asn(), instances);
        if entry.is_stacking() && entry.control(NEW_SECONDARY) {
            set_secondary_to_primary(cpu, instances);
        }
    }
    cpu.cr[12] = traced;
    Err(complete(cpu, o, psw, to.map(|_| old)))
}

/// The stacking process. The PC number is stored without bit 44, after a bit for a called program in 64-bit mode.
fn stack(cpu: &mut Cpu, entry: &Entry, own: Psw, number: u32, is_long: bool, to: Option<Aste>) -> Result<(), Exit> {
    let reuse = cpu.reuses_asns();
    let space = to.map_or(0, |aste| {
        let version = if reuse { aste.instance() } else { aste.sequence() };
        u64::from(entry.asn()) << 16 | u64::from(version as u16)
    });
    let number = if is_long { (number & 0xFFF0_0000) >> 1 | number & 0x7_FFFF } else { number };
    let number = number | if entry.mode() == 64 { LEFTMOST } else { 0 };
    cpu.stack_state(StateKind::ProgramCall, own, space << 32 | u64::from(number))
}

/// The ASN-trace entry: key, PC number and return address.
fn call_entry(cpu: &Cpu, own: &Psw, number: u32, is_long: bool) -> TraceEntry {
    let wide = own.has(PswMask::EA);
    let back = linked(cpu, own.address) | u64::from(own.has(PswMask::PROBLEM));
    let key = own.key() << 4;
    if !is_long {
        let entry = TraceEntry::new().with(&[if wide { 0x22 } else { 0x21 }, key | (number >> 16) as u8 & 15]);
        return traced_address(entry.with(&(number as u16).to_be_bytes()), back, wide);
    }
    let far = wide && own.address >> 32 != 0;
    let format = 8 | u8::from(wide) << 1 | u8::from(far) << 2;
    let entry = TraceEntry::new().with(&[if far { 0x23 } else { 0x22 }, key | format, 0, 0]);
    traced_address(entry, back, far).with(&number.to_be_bytes())
}
