//! RESUME PROGRAM: PSW fields, a general and an access register restored at once from a save area.
//! Source: Principles of Operation, chapter 10: RESUME PROGRAM (parameter list behind the instruction, PSW field, register
//! fields).

use softsie_cpu::{AddressSpace, AddressSpaceControl, Cpu, Exit, ProgramCode, Psw, PswMask, asce};
use softsie_isa::Operands;

use super::space_switch::{complete, next_psw};
use super::trace_entries::trace_switching_branch;
use crate::machine::Machine;
use crate::operand::{after, d2b2};

semantics! {
    simple {}
    heavy { RP => resume_program }
}

/// Flags: the PSW field has 16 bytes; the general register is 64 bits wide; its halves are apart.
const LONG_PSW: u16 = 4;
const LONG_REGISTER: u16 = 2;
const DISJOINT: u16 = 1;
/// What the PSW field replaces: address-space control, condition code, program mask, addressing mode.
const RESTORED: u64 = 0x0000_FF01_8000_0000;

fn resume_program(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let ea = d2b2(cpu, o);
    // Behind the instruction itself also when it is the target of EXECUTE.
    let list = cpu.relative_base(o).wrapping_add(u64::from(o.length()));
    let parameter = |cpu: &mut Cpu, n: u64| -> Result<u16, Exit> {
        let mut bytes = [0; 2];
        let at = cpu.wrap(list.wrapping_add(n * 2));
        cpu.read_bytes(AddressSpace::Instruction, at, &mut bytes)?;
        Ok(u16::from_be_bytes(bytes))
    };
    let flags = parameter(cpu, 0)?;
    if flags & !(LONG_PSW | LONG_REGISTER | DISJOINT) != 0 {
        return Err(Exit::SPECIFICATION);
    }
    let apart = flags & LONG_REGISTER != 0 && flags & DISJOINT != 0;
    let (psw_at, ar_at, gr_at) = (parameter(cpu, 1)?, parameter(cpu, 2)?, parameter(cpu, 3)?);
    let high_at = if apart { parameter(cpu, 4)? } else { 0 };
    let [psw_at, ar_at, gr_at, high_at] = [psw_at, ar_at, gr_at, high_at].map(|at| after(cpu, ea, u64::from(at)));

    let left: u64 = cpu.load(psw_at.address, psw_at.ar)?;
    let long = flags & LONG_PSW != 0;
    let address = if long {
        let second = after(cpu, psw_at, 8);
        cpu.load(second.address, second.ar)?
    } else {
        left & 0x7FFF_FFFF
    };
    let ar: u32 = cpu.load(ar_at.address, ar_at.ar)?;
    let gr: u64 = if flags & LONG_REGISTER == 0 {
        u64::from(cpu.load::<u32>(gr_at.address, gr_at.ar)?)
    } else if apart {
        let low = u64::from(cpu.load::<u32>(gr_at.address, gr_at.ar)?);
        low | u64::from(cpu.load::<u32>(high_at.address, high_at.ar)?) << 32
    } else {
        cpu.load(gr_at.address, gr_at.ar)?
    };

    let own = next_psw(cpu, o);
    let psw = Psw::new(own.mask & !RESTORED | left & RESTORED, address);
    let dat = own.has(PswMask::DAT);
    if dat && own.has(PswMask::PROBLEM) && psw.address_space() == AddressSpaceControl::Home {
        return Err(Exit::PRIVILEGED_OPERATION);
    }
    let wrong_mode = psw.has(PswMask::EA) && !psw.has(PswMask::BA);
    if wrong_mode || psw.address & !psw.address_mask() != 0 || psw.address & 1 != 0 {
        return Err(Exit::SPECIFICATION);
    }
    let traced = trace_switching_branch(cpu, &own, &psw)?;
    cpu.ar[usize::from(o.b2())] = ar;
    if flags & LONG_REGISTER == 0 {
        cpu.set_gr(o.b2(), gr as u32)
    } else {
        cpu.set_gr(o.b2(), gr)
    }
    cpu.cr[12] = traced;
    let (from_home, to_home) = (is_home(&own), is_home(&psw));
    let exit = complete(cpu, o, psw, None);
    let watched = (cpu.cr[1] | cpu.cr[13]) & asce::SPACE_SWITCH_EVENT != 0 || cpu.per_pending();
    if dat && from_home != to_home && watched {
        let (asn, table) = if from_home { (0, cpu.cr[13]) } else { (cpu.cr[4] & 0xFFFF, cpu.cr[1]) };
        cpu.program.teid = asn | if table & asce::SPACE_SWITCH_EVENT != 0 { 0x8000_0000 } else { 0 };
        return Err(Exit::Completed(ProgramCode::SPACE_SWITCH));
    }
    Err(exit)
}

fn is_home(psw: &Psw) -> bool {
    psw.address_space() == AddressSpaceControl::Home
}
