//! Storage keys and frame management.
//! Source: Principles of Operation, chapter 10: INSERT STORAGE KEY EXTENDED, SET STORAGE KEY EXTENDED, RESET REFERENCE BIT
//! EXTENDED, RESET REFERENCE BITS MULTIPLE, INSERT REFERENCE BITS MULTIPLE, INSERT VIRTUAL STORAGE KEY, PERFORM FRAME
//! MANAGEMENT FUNCTION.

use softsie_cpu::{AddressSpace, Cpu, Exit, InterceptedInstructions as Intercepted};
use softsie_isa::Operands;
use softsie_mem::StorageKey;

use super::authority::{require_dat, require_extraction_authority, require_storage_keys};
use crate::machine::Machine;

semantics! {
    simple {}
    heavy {
        ISKE => insert_storage_key, SSKE => set_storage_key, RRBE => reset_reference_bit, RRBM => reset_reference_bits,
        IRBM => insert_reference_bits, IVSK => insert_virtual_storage_key, PFMF => perform_frame_management,
    }
}

const PAGE: u64 = 4096;
const SEGMENT: u64 = 1 << 20;
const REGION: u64 = 1 << 31;
const EDAT_1: u16 = 8;
const CONDITIONAL_SSKE: u16 = 10;
const NONQUIESCING: u16 = 14;

/// How an instruction ends that may have changed the key of the page it is in: the next one's fetch sees the new key and
/// is recorded in it.
const FETCH_ANEW: Result<(), Exit> = Err(Exit::Synchronize);

/// Address in register `r`, cut to the addressing mode and to a page boundary.
fn page_in(cpu: &mut Cpu, r: u8) -> u64 {
    let address: u64 = cpu.gr(r);
    cpu.wrap(address) & !(PAGE - 1)
}

/// Like [`page_in`], as an absolute address of the real one in the register.
fn real_page_in(cpu: &mut Cpu, r: u8) -> u64 {
    let real = page_in(cpu, r);
    cpu.prefixed(real)
}

fn insert_storage_key(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.require_supervisor()?;
    require_storage_keys(cpu)?;
    cpu.check_interception(Intercepted::INSERT_KEY)?;
    let absolute = real_page_in(cpu, o.r2());
    let key = cpu.inspect_storage_key(absolute)?;
    cpu.set_gr(o.r1(), key.0 & 0xFE);
    Ok(())
}

/// What is to be done with a key, and which of its bits may differ without need to do it.
#[derive(Clone, Copy)]
struct Setting {
    key: StorageKey,
    /// Reference bit, change bit: conditional setting when any is given, and that bit does not count.
    ignore: u8,
}

impl Setting {
    fn is_conditional(self) -> bool {
        self.ignore != 0
    }

    /// Sets the key of a page unless the condition says that it is good enough; the old key, and whether it was set.
    fn apply(self, cpu: &mut Cpu, absolute: u64) -> Result<(StorageKey, bool), Exit> {
        if self.is_conditional() {
            let old = cpu.inspect_storage_key(absolute)?;
            if (old.0 ^ self.key.0) & 0xFE & !self.ignore == 0 {
                return Ok((old, false));
            }
        }
        Ok((cpu.set_storage_key(absolute, self.key)?, true))
    }

    /// From the control bits of SSKE and PFMF, at their places in SSKE's mask.
    fn new(cpu: &Cpu, key: u8, mask: u8) -> Setting {
        let mut ignore = 0;
        if cpu.model.facilities.has(CONDITIONAL_SSKE) {
            ignore |= if mask & 4 != 0 { StorageKey::REFERENCE } else { 0 };
            ignore |= if mask & 2 != 0 { StorageKey::CHANGE } else { 0 };
        }
        Setting { key: StorageKey(key & 0xFE), ignore }
    }
}

fn set_storage_key(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.require_supervisor()?;
    require_storage_keys(cpu)?;
    cpu.check_interception(Intercepted::SET_KEY)?;
    let key: u8 = cpu.gr(o.r1());
    let setting = Setting::new(cpu, key, o.m3());
    let multiple = o.m3() & 1 != 0 && cpu.model.facilities.has(EDAT_1);
    if !multiple {
        let absolute = real_page_in(cpu, o.r2());
        let (old, set) = setting.apply(cpu, absolute)?;
        if setting.is_conditional() {
            let low: u16 = cpu.gr(o.r1());
            cpu.set_gr(o.r1(), low & 0xFF | u16::from(old.0 & 0xFE) << 8);
            cpu.cc = u8::from(set);
        }
        return FETCH_ANEW;
    }
    // From the page to the end of its megabyte, by absolute address.
    let start = page_in(cpu, o.r2());
    let end = (start | (SEGMENT - 1)).wrapping_add(1);
    for absolute in (start..=end.wrapping_sub(1)).step_by(PAGE as usize) {
        if let Err(exit) = setting.apply(cpu, absolute) {
            put_address(cpu, o.r2(), absolute);
            return Err(exit);
        }
    }
    put_address(cpu, o.r2(), end);
    if setting.is_conditional() {
        cpu.cc = 3;
    }
    FETCH_ANEW
}

/// Replaces the page address in register `r`; the bits below and, outside the 64-bit mode, above stay.
fn put_address(cpu: &mut Cpu, r: u8, address: u64) {
    let old: u64 = cpu.gr(r);
    let new = cpu.wrap(address) | old & (PAGE - 1);
    cpu.set_gr_address(r, new);
}

fn reset_reference_bit(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.require_supervisor()?;
    require_storage_keys(cpu)?;
    cpu.check_interception(Intercepted::RESET_REFERENCE)?;
    let absolute = real_page_in(cpu, o.r2());
    let old = cpu.reset_reference(absolute)?;
    cpu.cc = old.0 >> 1 & 3;
    FETCH_ANEW
}

/// Gathers one bit for each of the 64 pages of the 256 KiB block that R2 names.
fn reference_bits(
    cpu: &mut Cpu,
    o: &Operands,
    mut key_of: impl FnMut(&mut Cpu, u64) -> Result<StorageKey, Exit>,
) -> Result<(), Exit> {
    cpu.require_supervisor()?;
    let block = page_in(cpu, o.r2()) & !(64 * PAGE - 1);
    let mut bits = 0u64;
    for n in 0..64 {
        let absolute = cpu.prefixed(block + n * PAGE);
        let referenced = key_of(cpu, absolute)?.0 & StorageKey::REFERENCE != 0;
        bits |= u64::from(referenced) << (63 - n);
    }
    cpu.set_gr(o.r1(), bits);
    Ok(())
}

fn reset_reference_bits(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.require_supervisor()?;
    require_storage_keys(cpu)?;
    cpu.check_interception(Intercepted::RESET_REFERENCE)?;
    // Nothing may change when one of the pages is not there.
    let before = cpu.gr;
    reference_bits(cpu, o, |cpu, absolute| cpu.inspect_storage_key(absolute))?;
    cpu.gr = before;
    reference_bits(cpu, o, Cpu::reset_reference)?;
    FETCH_ANEW
}

fn insert_reference_bits(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.require_supervisor()?;
    require_storage_keys(cpu)?;
    cpu.check_interception(Intercepted::INSERT_KEY)?;
    reference_bits(cpu, o, |cpu, absolute| cpu.inspect_storage_key(absolute))
}

fn insert_virtual_storage_key(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    require_dat(cpu)?;
    require_storage_keys(cpu)?;
    require_extraction_authority(cpu)?;
    let address: u64 = cpu.gr(o.r2());
    let address = cpu.wrap(address);
    let real = cpu.real_address(AddressSpace::Logical(o.r2()), address)?;
    let key = cpu.inspect_storage_key(cpu.prefixed(real))?;
    cpu.set_gr(o.r1(), key.0 & 0xF8);
    Ok(())
}

/// Controls of PERFORM FRAME MANAGEMENT FUNCTION in R1.
const PFMF_RESERVED: u32 = 0xFFFC_0101;
const PFMF_SET_KEY: u32 = 0x2_0000;
const PFMF_CLEAR: u32 = 0x1_0000;
const PFMF_FRAME_SIZE: u32 = 0x7000;
const PFMF_NONQUIESCING: u32 = 0x800;

fn perform_frame_management(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.require_supervisor()?;
    cpu.check_interception(Intercepted::MANAGE_FRAME)?;
    let controls: u32 = cpu.gr(o.r1());
    if controls & PFMF_RESERVED != 0 || controls & PFMF_NONQUIESCING != 0 && !cpu.model.facilities.has(NONQUIESCING) {
        return Err(Exit::SPECIFICATION);
    }
    let frame = match (controls & PFMF_FRAME_SIZE) >> 12 {
        0 => PAGE,
        1 => SEGMENT,
        2 if cpu.has_enhanced_dat_2() && cpu.address_mask != 0xFF_FFFF => REGION,
        _ => return Err(Exit::SPECIFICATION),
    };
    if controls & PFMF_SET_KEY != 0 {
        require_storage_keys(cpu)?;
    }
    let setting = Setting::new(cpu, controls as u8, (controls >> 8) as u8 & 6);
    let address = page_in(cpu, o.r2());
    if controls & PFMF_CLEAR != 0 {
        cpu.check_low_address(address)?;
    }
    if frame == PAGE {
        let absolute = cpu.prefixed(address);
        manage(cpu, controls, setting, absolute)?;
        return FETCH_ANEW;
    }
    // Larger frames: from the page to the end of its frame, a megabyte at a time.
    let end = address | (frame - 1);
    let unit_end = end.min(address | (SEGMENT - 1));
    for absolute in (address..=unit_end).step_by(PAGE as usize) {
        if let Err(exit) = manage(cpu, controls, setting, absolute) {
            put_address(cpu, o.r2(), absolute);
            return Err(exit);
        }
    }
    put_address(cpu, o.r2(), unit_end.wrapping_add(1));
    if unit_end < end { Err(Exit::Again) } else { FETCH_ANEW }
}

fn manage(cpu: &mut Cpu, controls: u32, setting: Setting, absolute: u64) -> Result<(), Exit> {
    if controls & PFMF_CLEAR != 0 {
        cpu.write_absolute(absolute, &[0; PAGE as usize])?;
    } else {
        cpu.storage_key(absolute)?;
    }
    if controls & PFMF_SET_KEY != 0 {
        setting.apply(cpu, absolute)?;
    }
    Ok(())
}
