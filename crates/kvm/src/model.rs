//! The CPU model of a VM: identification, facility mask and list, features and subfunctions; what a client may read of the
//! host and choose for the guest. Truth: Linux 6.12 arch/s390/kvm/kvm-s390.c (kvm_s390_vm_set_attr, CPU_MODEL group).

use std::sync::Arc;

use softsie_cpacf::{functions, random};
use softsie_cpu::{FacilityList, FunctionMasks, Model, WrappingKeys};
use softsie_isa::{FACILITIES, Op};

use crate::abi::{kvm_s390_vm_cpu_feat, kvm_s390_vm_cpu_machine, kvm_s390_vm_cpu_processor, kvm_s390_vm_cpu_subfunc};
use crate::{Errno, Result};

/// What STIDP stores: version 0xff (a guest), machine type 3931 (z16), in the format with a CPU identification.
const HOST_CPU_ID: u64 = 0xff00_5157_3931_8000;

/// Facilities that a guest may be given, as far as the CPU has all their instructions and what they need. Those without
/// instructions of their own are listed when what they promise holds here (82: nothing is ever predicted that could be
/// observed, so that there is nothing to block). Of 139 the timing functions are separate features, which the
/// query of PTFF tells are absent. It does not for 38 and 54 (COMPRESSION CALL), 59, 149 (MOVE PAGE sets no keys), and 150: SORT
/// LISTS is there, but from memory.
const CANDIDATES: &[u16] = &[
    0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 13, 14, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 30, 31, 32, 33, 34,
    35, 36, 37, 40, 41, 42, 43, 44, 45, 47, 48, 49, 50, 51, 52, 53, 57, 58, 61, 66, 67, 68, 73, 74, 75, 76, 77, 78, 80,
    81, 82, 84, 129, 130, 131, 133, 134, 135, 138, 139, 142, 145, 146, 148, 151, 152, 155, 165, 192, 196, 198, 199,
];

/// What the CPU can do: the candidates of which every part works.
pub(crate) fn host_facilities() -> FacilityList {
    announced(softsie_exec::semantics::facility_is_complete)
}

/// The candidates that are complete and have all that they need.
fn announced(is_complete: impl Fn(u16) -> bool) -> FacilityList {
    let mut list = FacilityList::default();
    for facility in CANDIDATES {
        list.set(*facility, is_complete(*facility));
    }
    // A facility that falls may be what another needs: repeat until nothing changes.
    while let Some(facility) = FACILITIES
        .iter()
        .find(|facility| list.has(facility.bit) && !facility.needs.iter().all(|other| list.has(*other)))
    {
        list.set(facility.bit, false);
    }
    list
}

/// The floating-point extension. Should the CPU lack something of it, it is not announced, but what there is of it executes:
/// code compiled for z196 uses the binary conversions without looking at the facility list.
const EXECUTED_UNANNOUNCED: u16 = 37;

/// Facilities that KVM_CAP_S390_VECTOR_REGISTERS turns on, as far as the CPU has them.
const VECTOR: [u16; 8] = [129, 134, 135, 148, 152, 192, 198, 199];

/// Adapter-interruption suppression.
const SUPPRESSION: u16 = 72;

/// Facilities that are off until the client enables their capability: runtime instrumentation, AIS, guarded storage,
/// topology.
const BY_CAPABILITY: [u16; 4] = [64, SUPPRESSION, 133, 11];

/// Facilities that are the client's affair alone: extended-length service calls, and the removal of storage keys. The guest sees
/// them if the client says so, whatever the host has.
const OF_THE_CLIENT: [u16; 2] = [140, 169];

/// The facility that brings wrapped keys.
const MSA_EXTENSION_3: u16 = 76;

/// Interpretive execution by the guest itself.
const SIE: u16 = 1;

/// Storage-key instructions of the guest's own guests, by page-status tables.
const KEYS: u16 = 9;

/// CPU features of the interface that the host offers its guests: enhanced suppression on protection; interpretive execution,
/// system control areas anywhere, the interlock of invalidations, guest PER enhancement, storage-limit suppression, conditional
/// external interruptions, interpreted storage keys, collaborative memory management, interpreted frame management and SIGNAL
/// PROCESSOR, keyless subset.
const MACHINE_FEATURES: [u16; 12] = [0, SIE, 2, 3, 4, 5, 7, KEYS, 10, 11, 12, 13];

/// The model of a VM.
#[derive(Debug, Clone)]
pub(crate) struct CpuModel {
    cpuid: u64,
    ibc: u16,
    /// What the CPU can do at all.
    host: FacilityList,
    /// What the guest may be given.
    mask: FacilityList,
    /// What the guest is given.
    list: FacilityList,
    features: kvm_s390_vm_cpu_feat,
    subfunctions: kvm_s390_vm_cpu_subfunc,
    wrapping_keys: WrappingKeys,
}

impl CpuModel {
    /// The model of a new VM over a CPU with these facilities.
    pub(crate) fn new(host: &FacilityList) -> Self {
        let mut list = host.clone();
        for facility in VECTOR.into_iter().chain(BY_CAPABILITY) {
            list.set(facility, false);
        }
        let model = Self {
            cpuid: HOST_CPU_ID,
            ibc: 0,
            host: host.clone(),
            mask: list.clone(),
            list,
            features: kvm_s390_vm_cpu_feat::default(),
            subfunctions: host_subfunctions(),
            wrapping_keys: WrappingKeys::default(),
        };
        if model.has(MSA_EXTENSION_3) {
            model.wrap_dea_keys(true);
            model.wrap_aes_keys(true);
        }
        model
    }

    /// Makes a new wrapping key for DEA and TDEA keys, or takes it away. Without random numbers of the host there is none.
    pub(crate) fn wrap_dea_keys(&self, on: bool) {
        let mut key = [0; 24];
        self.wrapping_keys.set_dea((on && random::fill(&mut key)).then_some(key));
    }

    /// The same for AES keys and those of elliptic curves.
    pub(crate) fn wrap_aes_keys(&self, on: bool) {
        let mut key = [0; 32];
        self.wrapping_keys.set_aes((on && random::fill(&mut key)).then_some(key));
    }

    /// Whether mask and list have the facility, which is Linux's test for "the guest has it".
    pub(crate) fn has(&self, facility: u16) -> bool {
        self.mask.has(facility) && self.list.has(facility)
    }

    /// Turns on the vector facility and what comes with it.
    pub(crate) fn enable_vector(&mut self) -> Result<()> {
        if !self.host.has(129) {
            return Err(Errno::EINVAL);
        }
        for facility in VECTOR {
            if self.host.has(facility) {
                self.mask.set(facility, true);
                self.list.set(facility, true);
            }
        }
        Ok(())
    }

    /// Turns on adapter-interruption suppression, which is no part of the CPU.
    pub(crate) fn enable_suppression(&mut self) -> Result<()> {
        self.mask.set(SUPPRESSION, true);
        self.list.set(SUPPRESSION, true);
        Ok(())
    }

    /// Turns on one facility.
    pub(crate) fn enable(&mut self, facility: u16) -> Result<()> {
        if !self.host.has(facility) {
            return Err(Errno::EINVAL);
        }
        self.mask.set(facility, true);
        self.list.set(facility, true);
        Ok(())
    }

    pub(crate) fn cpuid(&self) -> u64 {
        self.cpuid
    }

    pub(crate) fn ibc(&self) -> u16 {
        self.ibc
    }

    /// The facility list that the guest reads.
    pub(crate) fn facilities(&self) -> FacilityList {
        let mut list = self.list.clone();
        for (byte, mask) in list.0.iter_mut().zip(self.mask.0) {
            *byte &= mask;
        }
        for facility in OF_THE_CLIENT {
            list.set(facility, self.list.has(facility));
        }
        list
    }

    /// The model as the CPU takes it.
    pub(crate) fn cpu(&self) -> Arc<Model> {
        let mut unannounced = FacilityList::default();
        unannounced.set(EXECUTED_UNANNOUNCED, !self.host.has(EXECUTED_UNANNOUNCED));
        Arc::new(Model {
            facilities: self.facilities(),
            unannounced,
            functions: function_masks(&self.subfunctions),
            cpu_id: self.cpuid,
            wrapping_keys: if self.has(MSA_EXTENSION_3) { self.wrapping_keys.clone() } else { WrappingKeys::default() },
        })
    }

    /// Attribute PROCESSOR.
    pub(crate) fn processor(&self) -> kvm_s390_vm_cpu_processor {
        let mut out = kvm_s390_vm_cpu_processor { cpuid: self.cpuid, ibc: self.ibc, ..Default::default() };
        out.fac_list[..256].copy_from_slice(&self.list.0);
        out
    }

    /// Sets attribute PROCESSOR.
    pub(crate) fn set_processor(&mut self, new: &kvm_s390_vm_cpu_processor) {
        self.cpuid = new.cpuid;
        self.list.0.copy_from_slice(&new.fac_list[..256]);
    }

    /// Attribute MACHINE.
    pub(crate) fn machine(&self) -> kvm_s390_vm_cpu_machine {
        let mut out = kvm_s390_vm_cpu_machine { cpuid: HOST_CPU_ID, ..Default::default() };
        out.fac_mask[..256].copy_from_slice(&self.mask.0);
        out.fac_list[..256].copy_from_slice(&self.host.0);
        out
    }

    /// Attribute MACHINE_FEAT.
    pub(crate) fn machine_features() -> kvm_s390_vm_cpu_feat {
        // Unlike a facility list, this is an array of doublewords to its users: feature 0 is the leftmost bit of a number.
        let mut out = kvm_s390_vm_cpu_feat::default();
        for feature in MACHINE_FEATURES {
            out.feat[usize::from(feature / 64)] |= 1 << (63 - feature % 64);
        }
        out
    }

    /// Whether START INTERPRETIVE EXECUTION is interpreted.
    pub(crate) fn interprets(&self) -> bool {
        self.features.feat[0] >> (63 - SIE) & 1 != 0
    }

    /// Whether storage-key instructions of guests are interpreted by page-status tables.
    pub(crate) fn interprets_keys(&self) -> bool {
        self.features.feat[0] >> (63 - KEYS) & 1 != 0
    }

    /// Attribute PROCESSOR_FEAT.
    pub(crate) fn features(&self) -> kvm_s390_vm_cpu_feat {
        self.features
    }

    /// Sets attribute PROCESSOR_FEAT.
    pub(crate) fn set_features(&mut self, new: &kvm_s390_vm_cpu_feat) -> Result<()> {
        let host = Self::machine_features();
        if new.feat.iter().zip(host.feat).any(|(new, host)| new & !host != 0) {
            return Err(Errno::EINVAL);
        }
        self.features = *new;
        Ok(())
    }

    /// Attribute PROCESSOR_SUBFUNC.
    pub(crate) fn subfunctions(&self) -> kvm_s390_vm_cpu_subfunc {
        self.subfunctions
    }

    /// Sets attribute PROCESSOR_SUBFUNC.
    pub(crate) fn set_subfunctions(&mut self, new: &kvm_s390_vm_cpu_subfunc) {
        self.subfunctions = *new;
    }
}

/// The functions that a client lets the guest have.
fn function_masks(chosen: &kvm_s390_vm_cpu_subfunc) -> FunctionMasks {
    let mut masks = FunctionMasks::default();
    for (op, mask) in [(Op::PLO, &chosen.plo), (Op::SORTL, &chosen.sortl), (Op::DFLTCC, &chosen.dfltcc)] {
        masks.set(op, mask);
    }
    for (op, mask) in [
        (Op::PTFF, &chosen.ptff),
        (Op::KMAC, &chosen.kmac),
        (Op::KMC, &chosen.kmc),
        (Op::KM, &chosen.km),
        (Op::KIMD, &chosen.kimd),
        (Op::KLMD, &chosen.klmd),
        (Op::PCKMO, &chosen.pckmo),
        (Op::KMCTR, &chosen.kmctr),
        (Op::KMF, &chosen.kmf),
        (Op::KMO, &chosen.kmo),
        (Op::PCC, &chosen.pcc),
        (Op::PRNO, &chosen.ppno),
        (Op::KMA, &chosen.kma),
        (Op::KDSA, &chosen.kdsa),
    ] {
        masks.set(op, mask);
    }
    masks
}

/// Attribute MACHINE_SUBFUNC: the query results of the host.
pub(crate) fn host_subfunctions() -> kvm_s390_vm_cpu_subfunc {
    let mut out = kvm_s390_vm_cpu_subfunc::default();
    // PERFORM LOCKED OPERATION: function codes 0 to 23 are those of z/Architecture.
    out.plo[..3].fill(0xff);
    out.ptff = softsie_exec::semantics::TIMING_FUNCTIONS;
    out.dfltcc = softsie_exec::semantics::DEFLATE_FUNCTIONS;
    for (query, functions) in [
        (&mut out.kmac, functions::KMAC),
        (&mut out.kmc, functions::KMC),
        (&mut out.km, functions::KM),
        (&mut out.kimd, functions::KIMD),
        (&mut out.klmd, functions::KLMD),
        (&mut out.pckmo, functions::PCKMO),
        (&mut out.kmctr, functions::KMCTR),
        (&mut out.kmf, functions::KMF),
        (&mut out.kmo, functions::KMO),
        (&mut out.pcc, functions::PCC),
        (&mut out.ppno, functions::PRNO),
        (&mut out.kma, functions::KMA),
        (&mut out.kdsa, functions::KDSA),
    ] {
        *query = functions.installed(true, true).to_be_bytes();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> CpuModel {
        CpuModel::new(&FacilityList::of(&[0, 1, 2, 3, 11, 76, 129, 135]))
    }

    #[test]
    fn vector_is_off_until_it_is_enabled() {
        let mut model = model();
        assert!(!model.has(129) && !model.has(11) && model.has(76));
        model.enable_vector().unwrap();
        assert!(model.has(129) && model.has(135));
        assert!(!model.has(134), "not in the CPU");
        assert_eq!(model.enable(133), Err(Errno::EINVAL));
    }

    #[test]
    fn facility_arrays_are_strings_of_bytes() {
        let machine = model().machine();
        assert_eq!(machine.fac_list[0], 0xf0);
        assert_eq!(machine.fac_list[16], 0x41, "facilities 129 and 135");
        assert_eq!(machine.fac_mask[16], 0);
    }

    #[test]
    fn features_are_numbers() {
        assert_eq!(CpuModel::machine_features().feat[0] >> 62, 3, "ESOP is feature 0, SIE feature 1");
    }

    #[test]
    fn facilities_come_with_what_they_need() {
        let without = |missing: &'static [u16]| announced(move |facility| !missing.contains(&facility));
        let all = without(&[]);
        assert!([37, 43, 78, 148, 152, 155].iter().all(|facility| all.has(*facility)));
        let binary = without(&[42]);
        assert!(
            [37, 43, 44, 48, 80].iter().all(|facility| !binary.has(*facility)),
            "decimal floating point is missing"
        );
        assert!(!without(&[8]).has(78));
        assert!(!without(&[76]).has(146) && !without(&[76]).has(155));
        // One falls after the other.
        assert!([134, 135, 148, 152].iter().all(|facility| !without(&[129]).has(*facility)));
        assert!([76, 146, 155].iter().all(|facility| !without(&[17]).has(*facility)));
    }

    #[test]
    fn binary_conversions_are_executed_when_only_decimal_ones_are_missing() {
        let cpu = CpuModel::new(&FacilityList::of(&[0, 1, 2])).cpu();
        assert!(!cpu.facilities.has(37));
        assert!(cpu.has_instruction(softsie_isa::Op::CDLGBR) && cpu.has_instruction(softsie_isa::Op::CLFDBR));
        assert!(!cpu.has_instruction(softsie_isa::Op::ADTR));
    }

    #[test]
    fn nothing_is_announced_that_the_cpu_lacks() {
        let host = host_facilities();
        for facility in host.bits() {
            assert!(softsie_exec::semantics::facility_is_complete(facility), "facility {facility}");
        }
        // What Debian's kernel and programs rely on, and floating point of the other two radices.
        for facility in [0, 1, 2, 7, 8, 18, 20, 21, 23, 25, 27, 32, 33, 34, 35, 37, 41, 42, 43, 44, 45, 48, 49, 80] {
            assert!(host.has(facility), "facility {facility}");
        }
    }

    #[test]
    fn every_candidate_is_a_facility_of_the_table() {
        for facility in CANDIDATES {
            assert!(softsie_isa::facility(*facility).is_some(), "{facility}");
        }
        assert!(CANDIDATES.windows(2).all(|w| w[0] < w[1]));
    }

    #[test]
    fn every_function_of_the_cpu_is_in_the_table() {
        let masks = function_masks(&host_subfunctions());
        for op in softsie_isa::FUNCTION_OPS.into_iter().filter(|op| *op != Op::PFCR) {
            for code in 1..=255 {
                if masks.has(op, code) {
                    assert!(softsie_isa::functions(op).any(|f| f.code == code), "{} {code}", op.mnemonic());
                }
            }
        }
    }

    #[test]
    fn functions_that_the_client_takes_away_are_gone() {
        let mut model = model();
        let mut chosen = host_subfunctions();
        chosen.kimd[4] = 0;
        model.set_subfunctions(&chosen);
        let masks = model.cpu().functions.clone();
        assert!(masks.has(Op::KIMD, 3) && !masks.has(Op::KIMD, 32) && masks.has(Op::KLMD, 32));
    }

    #[test]
    fn features_must_be_the_hosts() {
        let mut model = model();
        let mut feat = CpuModel::machine_features();
        assert_eq!(model.set_features(&feat), Ok(()));
        feat.feat[1] = 1;
        assert_eq!(model.set_features(&feat), Err(Errno::EINVAL));
        assert_eq!(model.features(), CpuModel::machine_features());
    }

    #[test]
    fn wrapping_keys_come_with_their_facility_and_can_be_replaced() {
        let model = model();
        let cpu = model.cpu();
        let first = cpu.wrapping_keys.aes();
        assert!(first.is_some() && cpu.wrapping_keys.dea().is_some());
        model.wrap_aes_keys(true);
        assert_ne!(cpu.wrapping_keys.aes(), first, "CPUs that exist have the new one");
        model.wrap_aes_keys(false);
        model.wrap_dea_keys(false);
        assert!(cpu.wrapping_keys.aes().is_none() && cpu.wrapping_keys.dea().is_none());
        let without = CpuModel::new(&FacilityList::of(&[0, 1, 2, 17])).cpu();
        assert!(without.wrapping_keys.aes().is_none() && without.wrapping_keys.dea().is_none());
    }

    #[test]
    fn subfunctions_are_the_results_of_queries() {
        let subfunctions = host_subfunctions();
        // Query, SHA-1, SHA-256, SHA-512; SHA-3 and SHAKE; GHASH.
        assert_eq!(subfunctions.kimd[..9], [0xf0, 0, 0, 0, 0xfc, 0, 0, 0, 0x40]);
        assert_eq!(subfunctions.ppno, [0x90, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xa0, 0]);
    }

    #[test]
    fn the_guest_sees_list_and_mask() {
        let mut model = model();
        let mut processor = model.processor();
        processor.fac_list[0] = 0xff;
        processor.cpuid = 0x1234;
        model.set_processor(&processor);
        assert_eq!(model.cpuid(), 0x1234);
        assert_eq!(model.facilities().bits().collect::<Vec<_>>(), [0, 1, 2, 3, 76]);
    }
}
