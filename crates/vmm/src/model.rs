//! CPU models: a machine generation by name, single features added and taken away, which limit what the guest finds.
//! Truth: the tables of `isa` (which machine has which facilities, function codes and features).

use std::sync::Arc;

use softsie_isa::{
    CpuModel, FACILITIES, FEATURES, FUNCTIONS, Function, MODELS, Op, facility, facility_by_feature, model,
    model_of_type,
};
use softsie_kvm::abi::{
    KVM_CAP_S390_CPU_TOPOLOGY, KVM_CAP_S390_GS, KVM_CAP_S390_USER_SIGP, KVM_CAP_S390_USER_STSI,
    KVM_CAP_S390_VECTOR_REGISTERS, KVM_S390_VM_CPU_MACHINE, KVM_S390_VM_CPU_MACHINE_FEAT,
    KVM_S390_VM_CPU_MACHINE_SUBFUNC, KVM_S390_VM_CPU_MODEL, KVM_S390_VM_CPU_PROCESSOR, KVM_S390_VM_CPU_PROCESSOR_FEAT,
    KVM_S390_VM_CPU_PROCESSOR_SUBFUNC, kvm_device_attr, kvm_enable_cap, kvm_s390_vm_cpu_feat, kvm_s390_vm_cpu_machine,
    kvm_s390_vm_cpu_processor, kvm_s390_vm_cpu_subfunc,
};

use crate::door::Vm;
use crate::error::Named;
use crate::{Error, Result};

/// The model with everything this CPU can do.
const MAX: &str = "max";

/// The model of a machine for which none is named.
pub(crate) const DEFAULT: &str = "z16";

/// Capabilities that come before the model: a machine without one of these has fewer features; nothing here depends on them.
const CAPABILITIES: [u32; 5] = [
    KVM_CAP_S390_USER_SIGP,
    KVM_CAP_S390_VECTOR_REGISTERS,
    KVM_CAP_S390_USER_STSI,
    KVM_CAP_S390_GS,
    KVM_CAP_S390_CPU_TOPOLOGY,
];

/// Something that a CPU has or has not.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Ability {
    Facility(u16),
    /// A feature that is no facility, by number.
    Feature(u8),
    /// A function code.
    Function(Op, u8),
    /// Function codes that came together, with the facility that they came with if there is one.
    Group(&'static str),
}

/// A model by name, and changes of it.
#[derive(Clone, Debug)]
struct Choice {
    /// None for everything there is.
    model: Option<&'static CpuModel>,
    changes: Vec<(String, Ability, bool)>,
}

fn named(feature: &str) -> Option<Ability> {
    if let Some(found) = facility_by_feature(feature) {
        return Some(Ability::Facility(found.bit));
    }
    if let Some(found) = FEATURES.iter().find(|f| f.feature.eq_ignore_ascii_case(feature)) {
        return Some(Ability::Feature(found.number));
    }
    if let Some(found) = FUNCTIONS.iter().find(|f| f.feature.eq_ignore_ascii_case(feature)) {
        return Some(Ability::Function(found.op, found.code));
    }
    let found = FUNCTIONS.iter().find(|f| f.group.eq_ignore_ascii_case(feature))?;
    Some(Ability::Group(found.group))
}

impl Choice {
    /// Reads `MODEL[,FEATURE=on|off]...`; `+FEATURE` and `-FEATURE` are other ways to say it.
    fn parse(text: &str) -> Result<Self> {
        let mut parts = text.split(',');
        let name = parts.next().unwrap_or_default();
        let found = model(name);
        if found.is_none() && !name.eq_ignore_ascii_case(MAX) {
            let names: Vec<&str> = MODELS.iter().map(CpuModel::name).collect();
            return Err(Error::input(format!("'{name}' is no CPU model: use {MAX}, {}", names.join(", "))));
        }
        let mut changes = Vec::new();
        for part in parts {
            let (feature, on) = match (part.strip_prefix('+'), part.strip_prefix('-'), part.split_once('=')) {
                (Some(feature), ..) => (feature, true),
                (_, Some(feature), _) => (feature, false),
                (.., Some((feature, "on"))) => (feature, true),
                (.., Some((feature, "off"))) => (feature, false),
                (.., None) => (part, true),
                (.., Some((feature, value))) => {
                    return Err(Error::input(format!("'{feature}={value}': a CPU feature is on or off")));
                }
            };
            let Some(what) = named(feature) else {
                return Err(Error::input(format!(
                    "'{feature}' is no CPU feature: softsie isa --cpu {name} lists those of the model"
                )));
            };
            changes.push((feature.to_owned(), what, on));
        }
        Ok(Self { model: found, changes })
    }
}

/// Checks a CPU model without building anything.
pub(crate) fn check(text: &str) -> Result<()> {
    Choice::parse(text).map(|_| ())
}

/// What a CPU can do, as the KVM interface tells it.
#[derive(Clone)]
struct Abilities {
    cpuid: u64,
    facilities: [u8; 2048],
    functions: kvm_s390_vm_cpu_subfunc,
    features: kvm_s390_vm_cpu_feat,
}

/// Storage-key removal, which no machine has and any can be without keys by.
const KEY_REMOVAL: u16 = 169;
/// What handles storage keys, and is not there without them: conditional and nonquiescing setting, reference bits of several
/// pages, their insertion, MOVE PAGE and SET KEY.
const OF_KEYS: [u16; 5] = [10, 14, 66, 145, 149];

/// A bit of a string of bits, bit 0 leftmost.
fn bit(bytes: &[u8], n: usize) -> bool {
    bytes.get(n / 8).is_some_and(|byte| byte & 0x80 >> (n % 8) != 0)
}

fn set_bit(bytes: &mut [u8], n: usize, on: bool) {
    if let Some(byte) = bytes.get_mut(n / 8) {
        if on { *byte |= 0x80 >> (n % 8) } else { *byte &= !(0x80 >> (n % 8)) }
    }
}

/// The query block of an instruction; none of PFCR, which the KVM interface does not know.
fn block(functions: &mut kvm_s390_vm_cpu_subfunc, op: Op) -> &mut [u8] {
    match op {
        Op::PLO => &mut functions.plo,
        Op::PTFF => &mut functions.ptff,
        Op::KMAC => &mut functions.kmac,
        Op::KMC => &mut functions.kmc,
        Op::KM => &mut functions.km,
        Op::KIMD => &mut functions.kimd,
        Op::KLMD => &mut functions.klmd,
        Op::PCKMO => &mut functions.pckmo,
        Op::KMCTR => &mut functions.kmctr,
        Op::KMF => &mut functions.kmf,
        Op::KMO => &mut functions.kmo,
        Op::PCC => &mut functions.pcc,
        Op::PRNO => &mut functions.ppno,
        Op::KMA => &mut functions.kma,
        Op::KDSA => &mut functions.kdsa,
        Op::SORTL => &mut functions.sortl,
        Op::DFLTCC => &mut functions.dfltcc,
        _ => &mut [],
    }
}

impl Abilities {
    /// What the host offers the VM.
    fn of_host(vm: &Vm) -> Result<Self> {
        let mut machine = kvm_s390_vm_cpu_machine::default();
        let mut functions = kvm_s390_vm_cpu_subfunc::default();
        let mut features = kvm_s390_vm_cpu_feat::default();
        for (attr, to) in [
            (KVM_S390_VM_CPU_MACHINE, (&raw mut machine).expose_provenance()),
            (KVM_S390_VM_CPU_MACHINE_SUBFUNC, (&raw mut functions).expose_provenance()),
            (KVM_S390_VM_CPU_MACHINE_FEAT, (&raw mut features).expose_provenance()),
        ] {
            vm.get_device_attr(&attribute(attr, to)).named("KVM_GET_DEVICE_ATTR")?;
        }
        let mut facilities = machine.fac_list;
        facilities.iter_mut().zip(machine.fac_mask).for_each(|(byte, mask)| *byte &= mask);
        Ok(Self { cpuid: machine.cpuid, facilities, functions, features })
    }

    /// Gives them to the VM's CPUs.
    fn give_to(&self, vm: &Vm) -> Result<()> {
        let processor = kvm_s390_vm_cpu_processor { cpuid: self.cpuid, ibc: 0, pad: [0; 6], fac_list: self.facilities };
        for (attr, from) in [
            (KVM_S390_VM_CPU_PROCESSOR, (&raw const processor).expose_provenance()),
            (KVM_S390_VM_CPU_PROCESSOR_SUBFUNC, (&raw const self.functions).expose_provenance()),
            (KVM_S390_VM_CPU_PROCESSOR_FEAT, (&raw const self.features).expose_provenance()),
        ] {
            vm.set_device_attr(&attribute(attr, from)).named("KVM_SET_DEVICE_ATTR")?;
        }
        Ok(())
    }

    fn has(&self, what: Ability) -> bool {
        match what {
            Ability::Facility(facility) => bit(&self.facilities, facility.into()),
            Ability::Feature(number) => self.features.feat[0] >> (63 - number) & 1 != 0,
            Ability::Function(op, code) => bit(block(&mut self.functions.clone(), op), code.into()),
            Ability::Group(group) => group_functions(group).any(|f| self.has(Ability::Function(f.op, f.code))),
        }
    }

    fn set(&mut self, what: Ability, on: bool) {
        match what {
            Ability::Facility(facility) => set_bit(&mut self.facilities, facility.into(), on),
            Ability::Feature(number) => {
                let mask = 1 << (63 - number);
                if on { self.features.feat[0] |= mask } else { self.features.feat[0] &= !mask }
            }
            Ability::Function(op, code) => set_bit(block(&mut self.functions, op), code.into(), on),
            Ability::Group(group) => {
                for function in group_functions(group) {
                    self.set(Ability::Function(function.op, function.code), on);
                }
                if let Some(facility) = facility_by_feature(&format!("{group}-base")) {
                    self.set(Ability::Facility(facility.bit), on);
                }
            }
        }
    }

    /// Leaves what machines of `model` have.
    fn limit(&mut self, model: &CpuModel) {
        self.cpuid = with_type(self.cpuid, model.kind);
        for n in 0..self.facilities.len() * 8 {
            // What has no name no model has.
            let known = u16::try_from(n).ok().and_then(facility);
            if !known.is_some_and(|facility| model.has_facility(facility)) {
                set_bit(&mut self.facilities, n, false);
            }
        }
        for function in FUNCTIONS.iter().filter(|function| !model.has_function(function)) {
            self.set(Ability::Function(function.op, function.code), false);
        }
        for feature in FEATURES.iter().filter(|feature| feature.since > model.since) {
            self.set(Ability::Feature(feature.number), false);
        }
    }

    /// Takes away facilities that need others that are not there.
    fn settle(&mut self) {
        let lacks = |this: &Self, f: &softsie_isa::Facility| f.needs.iter().any(|n| !this.has(Ability::Facility(*n)));
        while let Some(f) = FACILITIES.iter().find(|f| self.has(Ability::Facility(f.bit)) && lacks(self, f)) {
            self.set(Ability::Facility(f.bit), false);
        }
    }

    /// The model that was chosen, of a host with these abilities.
    fn chosen(&self, choice: &Choice) -> Result<Self> {
        let mut result = self.clone();
        if let Some(model) = choice.model {
            result.limit(model);
        }
        for (name, what, on) in &choice.changes {
            if *on && !self.has(*what) && *what != Ability::Facility(KEY_REMOVAL) {
                return Err(Error::input(format!("the CPU feature '{name}' cannot be on: softsie does not have it")));
            }
            // Of a group only what the host has.
            match what {
                Ability::Group(group) if *on => {
                    for function in group_functions(group).map(|f| Ability::Function(f.op, f.code)) {
                        result.set(function, self.has(function));
                    }
                    if let Some(facility) = facility_by_feature(&format!("{group}-base")) {
                        result.set(Ability::Facility(facility.bit), self.has(Ability::Facility(facility.bit)));
                    }
                }
                what => result.set(*what, *on),
            }
        }
        if result.has(Ability::Facility(KEY_REMOVAL)) {
            for facility in OF_KEYS {
                result.set(Ability::Facility(facility), false);
            }
        }
        result.settle();
        Ok(result)
    }
}

fn group_functions(group: &str) -> impl Iterator<Item = &'static Function> {
    FUNCTIONS.iter().filter(move |function| function.group == group)
}

fn attribute(attr: u64, at: usize) -> kvm_device_attr {
    kvm_device_attr { flags: 0, group: KVM_S390_VM_CPU_MODEL, attr, addr: at as u64 }
}

/// Gives the VM's CPUs the model that `text` names; no vCPU exists yet.
pub(crate) fn apply(vm: &Vm, text: &str) -> Result<()> {
    let choice = Choice::parse(text)?;
    for cap in CAPABILITIES {
        let _ = vm.enable_cap(&kvm_enable_cap { cap, ..Default::default() });
    }
    Abilities::of_host(vm)?.chosen(&choice)?.give_to(vm)
}

/// Whether the VM's CPUs have a facility.
pub(crate) fn has_facility(vm: &Vm, facility: u16) -> bool {
    let mut processor = kvm_s390_vm_cpu_processor::default();
    let to = (&raw mut processor).expose_provenance();
    vm.get_device_attr(&attribute(KVM_S390_VM_CPU_PROCESSOR, to)).is_ok() && bit(&processor.fac_list, facility.into())
}

/// A CPU identification with another machine type.
fn with_type(cpuid: u64, kind: u16) -> u64 {
    cpuid & !0xffff_0000 | u64::from(kind) << 16
}

/// What a CPU model is to its guests.
#[derive(Debug)]
pub struct ModelReport {
    /// The model of the table, and for `max` the one whose machine type is shown.
    pub model: Option<&'static CpuModel>,
    /// Facilities that the guest's facility list has.
    pub facilities: Vec<u16>,
    /// Facilities of such machines that are not announced here.
    pub missing: Vec<u16>,
    /// Function codes, by instruction.
    pub functions: Vec<(Op, u8)>,
    /// Function codes of such machines that are not there.
    pub missing_functions: Vec<(Op, u8)>,
    /// Features that are no facilities.
    pub features: Vec<u8>,
    /// The model as a CPU of the VM has it.
    pub cpu: Arc<softsie_kvm::CpuModel>,
}

/// Tells what `text`, a model as `softsie run --cpu` takes it, is to its guests.
///
/// # Errors
/// There is no such model or feature.
pub fn model_report(text: &str) -> Result<ModelReport> {
    let choice = Choice::parse(text)?;
    let vm = Vm::create(None, false).named("KVM_CREATE_VM")?;
    for cap in CAPABILITIES {
        let _ = vm.enable_cap(&kvm_enable_cap { cap, ..Default::default() });
    }
    let mut chosen = Abilities::of_host(&vm)?.chosen(&choice)?;
    chosen.give_to(&vm)?;
    let model = choice.model.or_else(|| model_of_type((chosen.cpuid >> 16) as u16));
    let of_model = |bit: &u16| choice.model.is_none_or(|m| facility(*bit).is_some_and(|f| m.has_facility(f)));
    let (facilities, absent): (Vec<u16>, Vec<u16>) =
        FACILITIES.iter().map(|f| f.bit).partition(|bit| chosen.has(Ability::Facility(*bit)));
    let (functions, absent_functions): (Vec<&Function>, Vec<&Function>) =
        FUNCTIONS.iter().partition(|f| bit(block(&mut chosen.functions, f.op), f.code.into()));
    let pairs = |list: Vec<&Function>| list.iter().map(|f| (f.op, f.code)).collect();
    Ok(ModelReport {
        model,
        facilities,
        missing: absent.into_iter().filter(of_model).collect(),
        functions: pairs(functions),
        missing_functions: pairs(
            absent_functions.into_iter().filter(|f| choice.model.is_none_or(|m| m.has_function(f))).collect(),
        ),
        features: FEATURES.iter().map(|f| f.number).filter(|n| chosen.has(Ability::Feature(*n))).collect(),
        cpu: vm.beside_kvm().cpu_model(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_models() {
        for good in ["max", "Z14", "zec12", "z12", "z11", "z13s", "gen15a", "z14,gs=off", "z14,-gs,+te", "max,msa8=off"]
        {
            assert!(check(good).is_ok(), "{good}");
        }
        let message = check("pentium").unwrap_err().to_string();
        assert!(message.contains("'pentium'") && message.contains("z14"), "{message}");
        let message = check("z14,sse2=on").unwrap_err().to_string();
        assert!(message.contains("'sse2'"), "{message}");
        assert!(check("z14,gs=maybe").unwrap_err().to_string().contains("on or off"));
    }

    fn everything() -> Abilities {
        let mut all = Abilities {
            cpuid: 0xff12_3456_3931_8000,
            facilities: [0xff; 2048],
            functions: kvm_s390_vm_cpu_subfunc::default(),
            features: kvm_s390_vm_cpu_feat { feat: [!0; 16] },
        };
        for function in FUNCTIONS {
            all.set(Ability::Function(function.op, function.code), true);
        }
        all
    }

    fn chosen(text: &str) -> Abilities {
        everything().chosen(&Choice::parse(text).unwrap()).unwrap()
    }

    #[test]
    fn a_model_takes_newer_things_away() {
        let z13 = chosen("z13");
        let has = |bit| z13.has(Ability::Facility(bit));
        assert!(has(0) && has(129), "vector facility came with z13");
        assert!(!has(135) && !has(148) && !has(55), "vector enhancements 1 and 2 came later");
        assert!(z13.has(Ability::Function(Op::KIMD, 65)) && !z13.has(Ability::Function(Op::KIMD, 32)));
        assert!(z13.has(Ability::Feature(1)) && !z13.has(Ability::Feature(13)), "keyless subset came with z14");
        assert_eq!(z13.cpuid, 0xff12_3456_2964_8000);
        assert!(chosen("max").has(Ability::Facility(201)));
    }

    #[test]
    fn what_needs_a_feature_goes_with_it() {
        let z15 = chosen("z15,vx=off");
        for gone in [129, 134, 135, 148, 152] {
            assert!(!z15.has(Ability::Facility(gone)), "{gone}");
        }
        assert!(z15.has(Ability::Facility(133)));
        let z15 = chosen("z15,msa3=off");
        assert!(!z15.has(Ability::Facility(76)) && !z15.has(Ability::Facility(146)));
        assert!(!z15.has(Ability::Function(Op::KM, 26)) && z15.has(Ability::Function(Op::KM, 18)));
    }

    #[test]
    fn features_can_be_added_if_there_are_any() {
        assert!(chosen("z13,gs=on").has(Ability::Facility(133)));
        let mut host = everything();
        host.set(Ability::Facility(133), false);
        let message = host.chosen(&Choice::parse("z14,gs=on").unwrap()).err().unwrap().to_string();
        assert!(message.contains("'gs'"), "{message}");
        assert!(!host.chosen(&Choice::parse("z14").unwrap()).unwrap().has(Ability::Facility(133)));
    }
}
