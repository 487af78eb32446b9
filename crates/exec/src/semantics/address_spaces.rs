//! Address-space control, PSW key, and the address-space numbers in control registers 3 and 4.
//! Source: Principles of Operation, chapter 10: SET ADDRESS SPACE CONTROL, SET PSW KEY FROM ADDRESS, EXTRACT PRIMARY ASN,
//! SET SECONDARY ASN, TEST ACCESS, …

use softsie_cpu::{Access, AccessRegisterFault, AddressSpaceControl, Cpu, Exit, ProgramCode, PswMask, asce};
use softsie_isa::Operands;

use super::authority::{
    require_dat, require_extraction_authority, require_key_authority, require_secondary_space_control,
};
use crate::machine::Machine;
use crate::operand::d2b2;

semantics! {
    simple {}
    heavy {
        SAC => set_address_space_control, SACF => set_address_space_control, IAC => insert_address_space_control,
        SPKA => set_psw_key_from_address, IPK => insert_psw_key,
        EPAR => extract_primary_asn, ESAR => extract_secondary_asn,
        EPAIR => extract_primary_asn_and_instance, ESAIR => extract_secondary_asn_and_instance,
        TAR => test_access,
    }
}

fn set_address_space_control(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    require_dat(cpu)?;
    require_secondary_space_control(cpu)?;
    let code = (d2b2(cpu, o).address >> 8) & 0xF;
    if code == 3 && cpu.psw.has(PswMask::PROBLEM) {
        return Err(Exit::PRIVILEGED_OPERATION);
    }
    let to = match code {
        0 => AddressSpaceControl::Primary,
        1 => AddressSpaceControl::Secondary,
        2 => AddressSpaceControl::AccessRegister,
        3 => AddressSpaceControl::Home,
        _ => return Err(Exit::SPECIFICATION),
    };
    let from = cpu.psw.address_space();
    cpu.psw.set_address_space(to);
    cpu.select_spaces();
    let home = AddressSpaceControl::Home;
    if (from == home) != (to == home) && (cpu.cr[1] | cpu.cr[13]) & asce::SPACE_SWITCH_EVENT != 0 {
        return Err(space_switch_event(cpu, from == home));
    }
    Err(Exit::Synchronize)
}

/// The space-switch event after the instruction has completed; its identification tells where execution came from.
fn space_switch_event(cpu: &mut Cpu, from_home: bool) -> Exit {
    // The old primary ASN when leaving the primary space; nothing but the control bit when leaving the home space.
    let (asn, table) = if from_home { (0, cpu.cr[13]) } else { (cpu.cr[4] & 0xFFFF, cpu.cr[1]) };
    cpu.program.teid = asn | if table & asce::SPACE_SWITCH_EVENT != 0 { 0x8000_0000 } else { 0 };
    Exit::Program(ProgramCode::SPACE_SWITCH)
}

fn insert_address_space_control(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    require_dat(cpu)?;
    require_extraction_authority(cpu)?;
    let code: u8 = match cpu.psw.address_space() {
        AddressSpaceControl::Primary => 0,
        AddressSpaceControl::Secondary => 1,
        AddressSpaceControl::AccessRegister => 2,
        AddressSpaceControl::Home => 3,
    };
    let low: u16 = cpu.gr(o.r1());
    cpu.set_gr(o.r1(), low & 0xFF | u16::from(code) << 8);
    cpu.cc = code;
    Ok(())
}

fn set_psw_key_from_address(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let key = (d2b2(cpu, o).address >> 4) as u8 & 15;
    require_key_authority(cpu, key)?;
    cpu.psw.set_key(key);
    cpu.select_spaces();
    Err(Exit::Synchronize)
}

fn insert_psw_key(cpu: &mut Cpu, _: &Operands) -> Result<(), Exit> {
    require_extraction_authority(cpu)?;
    let key = cpu.psw.key();
    cpu.set_gr(2, key << 4);
    Ok(())
}

fn check_extraction(cpu: &Cpu) -> Result<(), Exit> {
    require_dat(cpu)?;
    require_extraction_authority(cpu)
}

fn extract_primary_asn(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    check_extraction(cpu)?;
    let asn = cpu.cr[4] as u16;
    cpu.set_gr(o.r1(), u32::from(asn));
    Ok(())
}

fn extract_secondary_asn(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    check_extraction(cpu)?;
    let asn = cpu.cr[3] as u16;
    cpu.set_gr(o.r1(), u32::from(asn));
    Ok(())
}

fn extract_primary_asn_and_instance(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    check_extraction(cpu)?;
    let both = cpu.cr[4] & 0xFFFF_FFFF_0000_FFFF;
    cpu.set_gr(o.r1(), both);
    Ok(())
}

fn extract_secondary_asn_and_instance(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    check_extraction(cpu)?;
    let both = cpu.cr[3] & 0xFFFF_FFFF_0000_FFFF;
    cpu.set_gr(o.r1(), both);
    Ok(())
}

/// Bit 7 of an ALET: it names an entry of the primary-space access list.
const PRIMARY_LIST: u32 = 0x0100_0000;

fn test_access(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let alet = cpu.ar[usize::from(o.r1())];
    let eax = (cpu.gr::<u32>(o.r2()) >> 16) as u16;
    cpu.cc = match alet {
        0 => 0,
        1 => 3,
        _ => match cpu.translate_alet(alet, Access::Fetch, eax) {
            Ok(_) if alet & PRIMARY_LIST != 0 => 2,
            Ok(_) => 1,
            Err(AccessRegisterFault::Code(code)) if !code.is_unavailable_address() => return Err(Exit::Program(code)),
            Err(_) => 3,
        },
    };
    Ok(())
}
