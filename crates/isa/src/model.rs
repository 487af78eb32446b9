//! CPU models: machine generations by name, and which function codes came with which of them, from `table/models.tbl` and
//! `table/functions.tbl`. Source: IBM's machines; Principles of Operation, the tables of function codes.

use crate::names::Level;
use crate::table::{FUNCTIONS, MODELS, Op};
use crate::{Facility, Row};

/// When something came: with a machine generation, and which state of it (GA1, GA2 …).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Since {
    /// The generation.
    pub level: Level,
    /// Its state, from 1.
    pub state: u8,
}

/// A CPU model.
#[derive(Clone, Copy, Debug)]
pub struct CpuModel {
    /// Which machine it is.
    pub since: Since,
    /// The machine type, in hexadecimal digits.
    pub kind: u16,
    /// Its clock.
    pub megahertz: u32,
    /// Its names, the usual one first.
    pub names: &'static [&'static str],
}

/// A function code of an instruction.
#[derive(Clone, Copy, Debug)]
pub struct Function {
    /// The instruction.
    pub op: Op,
    /// The code; of SORTL and DFLTCC also a bit of their query blocks.
    pub code: u8,
    /// The first machine that has it.
    pub since: Since,
    /// The name under which several functions are chosen together.
    pub group: &'static str,
    /// Its name on command lines.
    pub feature: &'static str,
}

/// A feature of the CPU that is no facility: what the guest's own guests need.
#[derive(Clone, Copy, Debug)]
pub struct Feature {
    /// Its number in the KVM interface.
    pub number: u8,
    /// The first machine that has it.
    pub since: Since,
    /// Its name on command lines.
    pub feature: &'static str,
    /// Its name.
    pub name: &'static str,
}

impl CpuModel {
    /// The name that is shown.
    pub fn name(&self) -> &'static str {
        self.names.first().copied().unwrap_or_default()
    }

    /// Whether machines of the model have a facility.
    pub fn has_facility(&self, facility: &Facility) -> bool {
        facility.since.is_some_and(|since| since <= self.since)
    }

    /// Whether machines of the model have a function.
    pub fn has_function(&self, function: &Function) -> bool {
        function.since <= self.since
    }

    /// Whether machines of the model have an instruction.
    pub fn has_instruction(&self, row: &Row) -> bool {
        let facilities = row.facilities.iter();
        facilities.filter_map(|bit| crate::facility(*bit)).all(|facility| self.has_facility(facility))
    }
}

/// The model of this name.
pub fn model(name: &str) -> Option<&'static CpuModel> {
    MODELS.iter().find(|model| model.names.iter().any(|n| n.eq_ignore_ascii_case(name)))
}

/// A model of machines of this type, the newest.
pub fn model_of_type(kind: u16) -> Option<&'static CpuModel> {
    MODELS.iter().rev().find(|model| model.kind == kind)
}

/// The instructions that have functions, in the order in which `struct kvm_s390_vm_cpu_subfunc` has them.
pub const FUNCTION_OPS: [Op; 18] = [
    Op::PLO,
    Op::PTFF,
    Op::KMAC,
    Op::KMC,
    Op::KM,
    Op::KIMD,
    Op::KLMD,
    Op::PCKMO,
    Op::KMCTR,
    Op::KMF,
    Op::KMO,
    Op::PCC,
    Op::PRNO,
    Op::KMA,
    Op::KDSA,
    Op::SORTL,
    Op::DFLTCC,
    Op::PFCR,
];

/// The place of an instruction in [`FUNCTION_OPS`].
pub const fn function_index(op: Op) -> Option<usize> {
    let mut n = 0;
    while n < FUNCTION_OPS.len() {
        if FUNCTION_OPS[n] as u16 == op as u16 {
            return Some(n);
        }
        n += 1;
    }
    None
}

/// The functions of an instruction.
pub fn functions(op: Op) -> impl Iterator<Item = &'static Function> {
    FUNCTIONS.iter().filter(move |function| function.op == op)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_go_from_old_to_new_and_names_are_theirs_alone() {
        assert!(MODELS.windows(2).all(|w| w[0].since <= w[1].since));
        let names: Vec<String> = MODELS.iter().flat_map(|m| m.names).map(|n| n.to_ascii_lowercase()).collect();
        for (n, name) in names.iter().enumerate() {
            assert!(!names[..n].contains(name), "{name}");
        }
        assert_eq!(model("Z14").map(|m| m.kind), Some(0x3906));
        assert_eq!(model_of_type(0x2964).map(CpuModel::name), Some("z13.2"));
    }

    #[test]
    fn later_states_have_what_they_brought() {
        let has = |name, bit| model(name).unwrap().has_facility(crate::facility(bit).unwrap());
        assert!(!has("zEC12", 57) && has("zEC12.2", 57) && has("z13", 57));
        assert!(!has("z10", 40) && has("z10.2", 40) && !has("z10.2", 76) && has("z10.3", 76));
        assert!(!has("z17", 169), "no named model has it");
    }

    #[test]
    fn every_function_is_of_an_instruction_of_the_list() {
        assert_eq!(function_index(Op::PLO), Some(0));
        assert_eq!(function_index(Op::PFCR), Some(17));
        assert_eq!(function_index(Op::AR), None);
        for function in FUNCTIONS {
            let index = function_index(function.op).unwrap_or_else(|| panic!("{}", function.feature));
            assert!(functions(FUNCTION_OPS[index]).any(|f| f.feature == function.feature));
        }
        let with = |name: &str, op| functions(op).filter(|f| model(name).unwrap().has_function(f)).count();
        assert_eq!(with("z13", Op::KIMD), 4, "SHA-1, SHA-256, SHA-512, GHASH");
        assert_eq!(with("z14", Op::KIMD), 10);
        assert_eq!(with("z13", Op::KMA), 0);
    }
}
