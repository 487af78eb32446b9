//! Access registers: copies to, from and among them, and loads of addresses with them.
//! Source: Principles of Operation, chapter 7: COPY ACCESS, EXTRACT ACCESS, SET ACCESS, LOAD ADDRESS EXTENDED.

use softsie_cpu::{AddressSpaceControl, Cpu, Exit};
use softsie_isa::Operands;

use crate::machine::Machine;
use crate::operand::d2x2b2;

semantics! {
    simple { CPYA => copy, EAR => extract, SAR => set }
    heavy { LAE => load_address_extended, LAEY => load_address_extended }
}

fn copy<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let v = m.ar(o.r2());
    m.set_ar(o.r1(), v);
    Ok(())
}

fn extract<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let v = m.ar(o.r2());
    m.set_gr(o.r1(), v);
    Ok(())
}

fn set<M: Machine>(m: &mut M, o: &Operands) -> Result<(), Exit> {
    let v = m.gr::<u32>(o.r2());
    m.set_ar(o.r1(), v);
    Ok(())
}

fn load_address_extended(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let ea = d2x2b2(cpu, o);
    // The ALET of the space in which the address would be an operand's.
    let alet = match cpu.psw.address_space() {
        AddressSpaceControl::Primary => 0,
        AddressSpaceControl::Secondary => 1,
        AddressSpaceControl::Home => 2,
        AddressSpaceControl::AccessRegister if o.b2() == 0 => 0,
        AddressSpaceControl::AccessRegister => cpu.ar(o.b2()),
    };
    cpu.set_gr_address(o.r1(), ea.address);
    cpu.set_ar(o.r1(), alet);
    Ok(())
}
