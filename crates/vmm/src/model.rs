//! CPU models: a machine generation by name, which limits the facilities the guest finds.
//! Truth: the facility table of `isa` (which generation introduced what); machine types as IBM numbers them.

use softsie_isa::{Level, facility};
use softsie_kvm::abi::{
    KVM_S390_VM_CPU_MACHINE, KVM_S390_VM_CPU_MODEL, KVM_S390_VM_CPU_PROCESSOR, kvm_device_attr,
    kvm_s390_vm_cpu_machine, kvm_s390_vm_cpu_processor,
};

use crate::door::Vm;
use crate::error::Named;
use crate::{Error, Result};

/// The model with everything this CPU can do.
const MAX: &str = "max";

/// Machine types of the generations, in the middle of the CPU identification.
const TYPES: [(Level, u16); 6] = [
    (Level::Z196, 0x2817),
    (Level::ZEC12, 0x2827),
    (Level::Z13, 0x2964),
    (Level::Z14, 0x3906),
    (Level::Z15, 0x8561),
    (Level::Z16, 0x3931),
];

/// Checks the name of a model; `None` stands for everything there is.
fn level(name: &str) -> Result<Option<(Level, u16)>> {
    if name.eq_ignore_ascii_case(MAX) {
        return Ok(None);
    }
    match TYPES.iter().find(|(level, _)| level.name().eq_ignore_ascii_case(name)) {
        Some(found) => Ok(Some(*found)),
        None => {
            let names: Vec<&str> = TYPES.iter().map(|(level, _)| level.name()).collect();
            Err(Error::input(format!("'{name}' is no CPU model: use {MAX}, {}", names.join(", "))))
        }
    }
}

/// Checks the name of a CPU model without building anything.
pub(crate) fn check(name: &str) -> Result<()> {
    level(name).map(|_| ())
}

/// Gives the VM's CPUs the model `name`; no vCPU exists yet.
pub(crate) fn apply(vm: &Vm, name: &str) -> Result<()> {
    let Some((level, kind)) = level(name)? else { return Ok(()) };
    let mut machine = kvm_s390_vm_cpu_machine::default();
    let attribute = |attr: u64, addr: u64| kvm_device_attr { flags: 0, group: KVM_S390_VM_CPU_MODEL, attr, addr };
    let machine_attribute = attribute(KVM_S390_VM_CPU_MACHINE, (&raw mut machine).expose_provenance() as u64);
    vm.get_device_attr(&machine_attribute).named("KVM_GET_DEVICE_ATTR")?;
    let processor = kvm_s390_vm_cpu_processor {
        cpuid: with_type(machine.cpuid, kind),
        ibc: 0,
        pad: [0; 6],
        fac_list: limited(&machine.fac_list, level),
    };
    let processor_attribute = attribute(KVM_S390_VM_CPU_PROCESSOR, (&raw const processor).expose_provenance() as u64);
    vm.set_device_attr(&processor_attribute).named("KVM_SET_DEVICE_ATTR")
}

/// Whether the VM's CPUs have a facility.
pub(crate) fn has_facility(vm: &Vm, facility: u16) -> bool {
    let mut processor = kvm_s390_vm_cpu_processor::default();
    let attribute = kvm_device_attr {
        flags: 0,
        group: KVM_S390_VM_CPU_MODEL,
        attr: KVM_S390_VM_CPU_PROCESSOR,
        addr: (&raw mut processor).expose_provenance() as u64,
    };
    let got = vm.get_device_attr(&attribute);
    got.is_ok() && processor.fac_list[usize::from(facility / 8)] & 0x80 >> (facility % 8) != 0
}

/// A CPU identification with another machine type.
fn with_type(cpuid: u64, kind: u16) -> u64 {
    cpuid & !0xffff_0000 | u64::from(kind) << 16
}

/// The facilities of `list` that machines of `level` have.
fn limited(list: &[u8; 2048], level: Level) -> [u8; 2048] {
    let mut limited = *list;
    for (byte, bits) in limited.iter_mut().enumerate() {
        for bit in 0..8 {
            let newer = u16::try_from(byte * 8 + bit)
                .ok()
                .and_then(facility)
                .and_then(|facility| facility.level)
                .is_some_and(|introduced| introduced > level);
            if newer {
                *bits &= !(0x80 >> bit);
            }
        }
    }
    limited
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_models() {
        assert!(check("max").is_ok() && check("Z14").is_ok() && check("zec12").is_ok());
        let message = check("pentium").unwrap_err().to_string();
        assert!(message.contains("'pentium'") && message.contains("z14"), "{message}");
    }

    #[test]
    fn a_model_takes_newer_facilities_away() {
        let limited = limited(&[0xff; 2048], Level::Z13);
        let has = |bit: usize| limited[bit / 8] & 0x80 >> (bit % 8) != 0;
        assert!(has(0) && has(129), "vector facility came with z13");
        assert!(!has(135) && !has(148), "vector enhancements 1 and 2 came later");
    }

    #[test]
    fn the_machine_type_is_replaced() {
        assert_eq!(with_type(0xff12_3456_2964_8000, 0x3906), 0xff12_3456_3906_8000);
    }
}
