//! Looking at address translation and using real addresses.
//! Source: Principles of Operation, chapter 10: LOAD REAL ADDRESS, STORE REAL ADDRESS, LOAD PAGE-TABLE-ENTRY ADDRESS, TEST
//! PROTECTION, LOAD USING REAL ADDRESS, STORE USING REAL ADDRESS.

use softsie_cpu::{Access, AddressSpace, Cpu, Exit, InterceptedInstructions as Intercepted, ProgramCode, Scalar, asce};
use softsie_isa::Operands;

use super::authority::{SPECIAL_OPERATION, require_possible_key};
use crate::machine::Machine;
use crate::operand::{d1b1, d2b2, d2x2b2};

semantics! {
    simple {}
    heavy {
        LRA => load_real_address, LRAY => load_real_address, LRAG => load_real_address_long, STRAG => store_real_address,
        LPTEA => load_page_table_entry_address, TPROT => test_protection,
        LURA => load_using_real_address[u32], LURAG => load_using_real_address[u64],
        STURA => store_using_real_address[u32], STURG => store_using_real_address[u64],
    }
}

/// Bit 32 of the result, with an exception code in the rightmost bits.
const EXCEPTION: u32 = 0x8000_0000;

/// What LOAD REAL ADDRESS says: condition code 0 with the real address, 1 or 2 with the address of the segment- or
/// page-table entry that is invalid, 3 with an interruption code.
fn look_up(cpu: &mut Cpu, space: AddressSpace, address: u64) -> Result<(u8, u64), Exit> {
    let table = match cpu.designated_asce(space, address, Access::Fetch) {
        Ok(table) => table,
        Err(Exit::Program(code)) if code.is_unavailable_address() => return Ok((3, u64::from(code.0))),
        Err(exit) => return Err(exit),
    };
    match cpu.translate_by(table, address) {
        Ok(t) => Ok((0, t.real)),
        Err(fault) if !fault.code.is_unavailable_address() => Err(Exit::Program(fault.code)),
        Err(fault) => Ok(match (fault.code, fault.entry) {
            (ProgramCode::SEGMENT_TRANSLATION, Some(entry)) => (1, entry),
            (ProgramCode::PAGE_TRANSLATION, Some(entry)) => (2, entry),
            (code, _) => (3, u64::from(code.0)),
        }),
    }
}

fn load_real_address(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.require_supervisor()?;
    if cpu.address_mask == u64::MAX {
        return load_real_address_long(cpu, o);
    }
    let ea = d2x2b2(cpu, o);
    let (mut cc, mut result) = look_up(cpu, AddressSpace::Logical(ea.ar), ea.address)?;
    if result >> 31 != 0 {
        // The result has 31 bits only.
        result = match cc {
            1 => u64::from(ProgramCode::SEGMENT_TRANSLATION.0),
            2 => u64::from(ProgramCode::PAGE_TRANSLATION.0),
            _ => return Err(SPECIAL_OPERATION),
        };
        cc = 3;
    }
    cpu.set_gr(o.r1(), result as u32 | if cc == 3 { EXCEPTION } else { 0 });
    cpu.cc = cc;
    Ok(())
}

fn load_real_address_long(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.require_supervisor()?;
    let ea = d2x2b2(cpu, o);
    let (cc, result) = look_up(cpu, AddressSpace::Logical(ea.ar), ea.address)?;
    if cc == 3 {
        cpu.set_gr(o.r1(), result as u32 | EXCEPTION)
    } else {
        cpu.set_gr(o.r1(), result)
    }
    cpu.cc = cc;
    Ok(())
}

fn store_real_address(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.require_supervisor()?;
    let (to, ea) = (d1b1(cpu, o), d2b2(cpu, o));
    if to.address & 7 != 0 {
        return Err(Exit::SPECIFICATION);
    }
    let real = cpu.real_address(AddressSpace::Logical(ea.ar), ea.address)?;
    cpu.store(to.address, to.ar, real)
}

fn load_page_table_entry_address(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.require_supervisor()?;
    let space = match o.m4() {
        0 => AddressSpace::Primary,
        1 => AddressSpace::AccessRegister(o.r2()),
        2 => AddressSpace::Secondary,
        3 => AddressSpace::Home,
        4 => AddressSpace::Logical(o.r2()),
        _ => return Err(Exit::SPECIFICATION),
    };
    let address: u64 = cpu.gr(o.r2());
    let address = cpu.wrap(address);
    let table = match cpu.designated_asce(space, address, Access::Fetch) {
        Ok(table) => table,
        Err(Exit::Program(code)) if code.is_unavailable_address() => return entry_unavailable(cpu, o, code),
        Err(exit) => return Err(exit),
    };
    if table & asce::REAL_SPACE != 0 {
        return Err(SPECIAL_OPERATION);
    }
    match cpu.page_table_entry(table, address) {
        // A large frame has no page-table entry: the entry that designates it is given.
        Ok(t) if t.frame_bits == 20 => entry_found(cpu, o, 2, t.entry | protection(t.protected)),
        Ok(t) if t.frame_bits == 31 => entry_found(cpu, o, 2, t.entry | protection(t.protected) | 1),
        Ok(t) => entry_found(cpu, o, u8::from(t.protected), t.entry),
        Err(fault) => match (table_type(fault.code), fault.entry) {
            (Some(kind), Some(entry)) => entry_found(cpu, o, 2, entry | kind),
            _ if fault.code.is_unavailable_address() => entry_unavailable(cpu, o, fault.code),
            _ => Err(Exit::Program(fault.code)),
        },
    }
}

/// Bit 61 of a result that is not the address of a page-table entry: stores are not permitted.
fn protection(protected: bool) -> u64 {
    if protected { 4 } else { 0 }
}

/// Bits 62 and 63 of such a result: in which table the entry is.
fn table_type(code: ProgramCode) -> Option<u64> {
    Some(match code {
        ProgramCode::SEGMENT_TRANSLATION => 0,
        ProgramCode::REGION_THIRD_TRANSLATION => 1,
        ProgramCode::REGION_SECOND_TRANSLATION => 2,
        ProgramCode::REGION_FIRST_TRANSLATION => 3,
        _ => return None,
    })
}

fn entry_found(cpu: &mut Cpu, o: &Operands, cc: u8, entry: u64) -> Result<(), Exit> {
    cpu.set_gr(o.r1(), entry);
    cpu.cc = cc;
    Ok(())
}

fn entry_unavailable(cpu: &mut Cpu, o: &Operands, code: ProgramCode) -> Result<(), Exit> {
    cpu.set_gr(o.r1(), u32::from(code.0) | EXCEPTION);
    cpu.cc = 3;
    Ok(())
}

fn test_protection(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.require_supervisor()?;
    cpu.check_interception(Intercepted::TEST_PROTECTION)?;
    let (ea, key) = (d1b1(cpu, o), d2b2(cpu, o).address);
    require_possible_key(cpu, (key >> 4) as u8)?;
    cpu.cc = cpu.test_protection(AddressSpace::Logical(ea.ar), (key >> 4) as u8 & 15, ea.address)?;
    Ok(())
}

/// The real address in a register, which must be on an integral boundary.
fn real_operand<T: Scalar>(cpu: &mut Cpu, r: u8) -> Result<u64, Exit> {
    cpu.require_supervisor()?;
    let address: u64 = cpu.gr(r);
    let address = cpu.wrap(address);
    if address & (T::BYTES - 1) != 0 { Err(Exit::SPECIFICATION) } else { Ok(address) }
}

fn load_using_real_address<T: Scalar>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let address = real_operand::<T>(cpu, o.r2())?;
    let host = cpu.host(AddressSpace::Real, address, Access::Fetch)?;
    // SAFETY: an operand on an integral boundary lies in one page, to whose end `host` is good.
    let value = unsafe { T::read_be(host.as_ptr()) };
    cpu.set_gr(o.r1(), value);
    Ok(())
}

fn store_using_real_address<T: Scalar>(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let address = real_operand::<T>(cpu, o.r2())?;
    let value: T = cpu.gr(o.r1());
    let host = cpu.host(AddressSpace::Real, address, Access::Store)?;
    // SAFETY: as for the load.
    unsafe { T::write_be(host.as_ptr(), value) };
    cpu.stored(AddressSpace::Real, address, T::BYTES);
    Ok(())
}
