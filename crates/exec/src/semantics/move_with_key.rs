//! Moves between address spaces and with access keys other than the PSW's.
//! Source: Principles of Operation, chapter 10: MOVE TO PRIMARY, MOVE TO SECONDARY, MOVE WITH KEY, MOVE WITH SOURCE KEY, MOVE
//! WITH DESTINATION KEY, MOVE WITH OPTIONAL SPECIFICATIONS; MOVE PAGE.

use softsie_cpu::{
    Access, AddressSpace, AddressSpaceControl, Cpu, Exit, InterceptedInstructions, ProgramCode, PswMask,
};
use softsie_isa::Operands;

use super::authority::{SPECIAL_OPERATION, require_dat, require_key_authority, require_secondary_space_control};
use super::storage_to_storage::copy_left_to_right;
use crate::machine::Machine;
use crate::operand::{Ea, d1b1, d2b2, in_register};

semantics! {
    simple {}
    heavy {
        MVCP => move_to_primary, MVCS => move_to_secondary, MVCK => move_with_key, MVCSK => move_with_source_key,
        MVCDK => move_with_destination_key, MVCOS => move_with_optional_specifications, MVPG => move_page,
    }
}

/// An operand that may be in any space and under any key.
#[derive(Clone, Copy)]
struct Place {
    space: AddressSpace,
    key: u8,
    address: u64,
    /// Number of the base register.
    base: u8,
}

impl Place {
    fn new(space: AddressSpace, key: u8, ea: Ea<u64>) -> Place {
        Place { space, key, address: ea.address, base: ea.ar }
    }

    fn host(self, cpu: &mut Cpu, offset: u64, access: Access) -> Result<(*mut u8, u64), Exit> {
        let address = cpu.wrap(self.address.wrapping_add(offset));
        cpu.operand_accessed(self.base);
        let host = cpu.host_with_key(self.space, self.key, address, access)?;
        Ok((host.as_ptr(), 4096 - address % 4096))
    }

    fn probe(self, cpu: &mut Cpu, length: u64, access: Access) -> Result<(), Exit> {
        let mut done = 0;
        while done < length {
            done += self.host(cpu, done, access)?.1;
        }
        Ok(())
    }
}

/// Moves `length` bytes, all of them or, with an exception, none.
fn move_bytes(cpu: &mut Cpu, to: Place, from: Place, length: u64) -> Result<(), Exit> {
    let left = 4096 - (from.address % 4096).max(to.address % 4096);
    if length > left {
        from.probe(cpu, length, Access::Fetch)?;
        to.probe(cpu, length, Access::Store)?;
    }
    let mut done = 0;
    while done < length {
        let (source, left2) = from.host(cpu, done, Access::Fetch)?;
        let (destination, left1) = to.host(cpu, done, Access::Store)?;
        let piece = (length - done).min(left1).min(left2);
        // SAFETY: both parts end in the pages that the pointers are good for.
        unsafe { copy_left_to_right(destination, source, piece as usize) };
        let stored = cpu.wrap(to.address.wrapping_add(done));
        cpu.stored(to.space, stored, piece);
        done += piece;
    }
    Ok(())
}

/// A length in register `r`: what one execution moves of it, and the condition code that says whether that is all.
fn length_in(cpu: &mut Cpu, r: u8, limit: u64) -> (u64, u8) {
    let length = if cpu.address_mask == u64::MAX { cpu.gr::<u64>(r) } else { u64::from(cpu.gr::<u32>(r)) };
    if length > limit { (limit, 3) } else { (length, 0) }
}

/// A key in bits 56-59 of register `r`.
fn key_in(cpu: &mut Cpu, r: u8) -> u8 {
    cpu.gr::<u8>(r) >> 4
}

/// The conditions of MOVE TO PRIMARY and MOVE TO SECONDARY; the key of the operand in the secondary space.
fn check_between_spaces(cpu: &mut Cpu, o: &Operands) -> Result<u8, Exit> {
    require_dat(cpu)?;
    require_secondary_space_control(cpu)?;
    if !matches!(cpu.psw.address_space(), AddressSpaceControl::Primary | AddressSpaceControl::Secondary) {
        return Err(SPECIAL_OPERATION);
    }
    let key = key_in(cpu, o.r3());
    require_key_authority(cpu, key)?;
    Ok(key)
}

fn move_to_primary(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let key = check_between_spaces(cpu, o)?;
    let to = Place::new(AddressSpace::Primary, cpu.psw.key(), d1b1(cpu, o));
    let from = Place::new(AddressSpace::Secondary, key, d2b2(cpu, o));
    move_and_tell(cpu, o.r1(), to, from)
}

fn move_to_secondary(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let key = check_between_spaces(cpu, o)?;
    let to = Place::new(AddressSpace::Secondary, key, d1b1(cpu, o));
    let from = Place::new(AddressSpace::Primary, cpu.psw.key(), d2b2(cpu, o));
    move_and_tell(cpu, o.r1(), to, from)
}

fn move_and_tell(cpu: &mut Cpu, length_register: u8, to: Place, from: Place) -> Result<(), Exit> {
    let (length, cc) = length_in(cpu, length_register, 256);
    move_bytes(cpu, to, from, length)?;
    cpu.cc = cc;
    Ok(())
}

/// Both operands in the space that the PSW names.
fn logical_operands(cpu: &mut Cpu, o: &Operands, to_key: u8, from_key: u8) -> (Place, Place) {
    let (first, second) = (d1b1(cpu, o), d2b2(cpu, o));
    (
        Place::new(AddressSpace::Logical(first.ar), to_key, first),
        Place::new(AddressSpace::Logical(second.ar), from_key, second),
    )
}

fn move_with_key(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let key = key_in(cpu, o.r3());
    require_key_authority(cpu, key)?;
    let psw_key = cpu.psw.key();
    let (to, from) = logical_operands(cpu, o, psw_key, key);
    move_and_tell(cpu, o.r1(), to, from)
}

fn move_with_source_key(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let key = key_in(cpu, 1);
    require_key_authority(cpu, key)?;
    let psw_key = cpu.psw.key();
    let (to, from) = logical_operands(cpu, o, psw_key, key);
    let length = u64::from(cpu.gr::<u8>(0)) + 1;
    move_bytes(cpu, to, from, length)
}

fn move_with_destination_key(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let key = key_in(cpu, 1);
    require_key_authority(cpu, key)?;
    let psw_key = cpu.psw.key();
    let (to, from) = logical_operands(cpu, o, key, psw_key);
    let length = u64::from(cpu.gr::<u8>(0)) + 1;
    move_bytes(cpu, to, from, length)
}

/// Operand-access control: key and space of one operand of MOVE WITH OPTIONAL SPECIFICATIONS.
#[derive(Clone, Copy)]
struct AccessControl(u16);

impl AccessControl {
    fn key(self, cpu: &Cpu) -> u8 {
        if self.0 & 2 != 0 { (self.0 >> 12) as u8 } else { cpu.psw.key() }
    }

    /// The space that is asked for, `None` for the PSW's.
    fn specified(self) -> Option<u16> {
        (self.0 & 1 != 0).then_some((self.0 >> 6) & 3)
    }

    fn space(self, register: u8) -> AddressSpace {
        match self.specified() {
            None => AddressSpace::Logical(register),
            Some(0) => AddressSpace::Primary,
            Some(1) => AddressSpace::AccessRegister(register),
            Some(2) => AddressSpace::Secondary,
            Some(_) => AddressSpace::Home,
        }
    }

    fn is_secondary(self, cpu: &Cpu) -> bool {
        match self.specified() {
            None => cpu.psw.address_space() == AddressSpaceControl::Secondary,
            Some(space) => space == 2,
        }
    }
}

fn move_with_optional_specifications(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    require_dat(cpu)?;
    let controls: u32 = cpu.gr(0);
    let (control1, control2) = (AccessControl((controls >> 16) as u16), AccessControl(controls as u16));
    if control1.specified() == Some(3) && cpu.psw.has(PswMask::PROBLEM) {
        return Err(SPECIAL_OPERATION);
    }
    if control1.is_secondary(cpu) || control2.is_secondary(cpu) {
        require_secondary_space_control(cpu)?;
    }
    let (key1, key2) = (control1.key(cpu), control2.key(cpu));
    require_key_authority(cpu, key1)?;
    require_key_authority(cpu, key2)?;
    let (first, second) = (d1b1(cpu, o), d2b2(cpu, o));
    let to = Place::new(control1.space(first.ar), key1, first);
    let from = Place::new(control2.space(second.ar), key2, second);
    let (length, cc) = length_in(cpu, o.r3(), 4096);
    move_bytes(cpu, to, from, length)?;
    cpu.cc = cc;
    Ok(())
}

/// Operand key controls of MOVE PAGE in general register 0: destination, source; and the condition-code option.
const DESTINATION_KEY: u32 = 0x800;
const SOURCE_KEY: u32 = 0x400;
const CONDITION_CODE_OPTION: u32 = 0x100;

/// The host of a guest has not both pages, and is told where its table entries are.
fn move_partially(cpu: &mut Cpu, places: [&Place; 2]) -> Result<(), Exit> {
    let mut entries = [0; 2];
    for (entry, place) in entries.iter_mut().zip(places) {
        let real =
            if cpu.psw.has(PswMask::DAT) { cpu.real_address(place.space, place.address)? } else { place.address };
        *entry = cpu.host_table_entry(cpu.prefixed(real));
    }
    cpu.partial_move = Some(entries);
    Err(Exit::Intercept)
}

fn move_page(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.check_interception(InterceptedInstructions::MOVE_PAGE)?;
    let controls: u32 = cpu.gr(0);
    let keys = controls & (DESTINATION_KEY | SOURCE_KEY);
    if controls & 0xF000 != 0 || keys == DESTINATION_KEY | SOURCE_KEY {
        return Err(Exit::SPECIFICATION);
    }
    let specified = key_in(cpu, 0);
    if keys != 0 {
        require_key_authority(cpu, specified)?;
    }
    let place = |cpu: &mut Cpu, r: u8, key: bool| {
        let ea = in_register(cpu, r);
        let key = if key { specified } else { cpu.psw.key() };
        Place::new(AddressSpace::Logical(r), key, Ea { address: ea.address & !0xFFF, ..ea })
    };
    let to = place(cpu, o.r1(), keys & DESTINATION_KEY != 0);
    let from = place(cpu, o.r2(), keys & SOURCE_KEY != 0);
    let unavailable = |cpu: &mut Cpu, exit, cc| {
        if exit == Exit::Program(ProgramCode::HOST_FAULT) {
            return move_partially(cpu, [&to, &from]);
        }
        if exit != Exit::Program(ProgramCode::PAGE_TRANSLATION) {
            return Err(exit);
        }
        if controls & CONDITION_CODE_OPTION != 0 {
            cpu.cc = cc;
            return Ok(());
        }
        cpu.program.operand_access_id = o.r1() << 4 | o.r2();
        Err(exit)
    };
    let (source, _) = match from.host(cpu, 0, Access::Fetch) {
        Ok(found) => found,
        Err(exit) => return unavailable(cpu, exit, 2),
    };
    let (destination, _) = match to.host(cpu, 0, Access::Store) {
        Ok(found) => found,
        Err(exit) => return unavailable(cpu, exit, 1),
    };
    // SAFETY: both pointers are to whole pages of guest storage, which may be the same page.
    unsafe { std::ptr::copy(source, destination, 4096) };
    cpu.stored(to.space, to.address, 4096);
    cpu.cc = 0;
    Ok(())
}
