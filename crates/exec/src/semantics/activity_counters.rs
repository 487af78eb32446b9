//! Processor activity instrumentation: functions of the message-security assist, counted in storage. QUERY PROCESSOR ACTIVITY
//! COUNTER INFORMATION. Source: Linux 6.12 arch/s390/kernel/perf_pai_crypto.c (numbers of counters, where they are).

use softsie_cpu::{AddressSpace, Cpu, Cr0, Exit, Lowcore, PswMask};
use softsie_isa::{Op, Operands};

use super::cpu_counters::doubleword_operand;
use crate::machine::Machine;

semantics! {
    simple {}
    heavy { QPACI => query_activity_counter_information }
}

/// The facility.
const INSTRUMENTATION: u16 = 196;
/// Counters of cryptographic functions, but for number 0: z16 has as many, of which the last two have no function.
const CRYPTOGRAPHY: u64 = 156;
/// In the designation: counters of the supervisor state are in the second half of the page.
const BY_STATE: u64 = 0x800;

/// Groups of functions that instructions share, in the order of their counters: codes of DEA, encrypted DEA, AES, encrypted AES.
const CIPHERS: [u8; 12] = [1, 2, 3, 9, 10, 11, 18, 19, 20, 26, 27, 28];
const XTS: [u8; 4] = [50, 52, 58, 60];
const GCM: [u8; 6] = [18, 19, 20, 26, 27, 28];
const DIGESTS: [u8; 10] = [1, 2, 3, 32, 33, 34, 35, 36, 37, 65];
const CURVES: [u8; 7] = [64, 65, 66, 72, 73, 80, 81];
const RANDOM: [u8; 3] = [3, 112, 114];
const SIGNATURES: [u8; 15] = [1, 2, 3, 9, 10, 11, 17, 18, 19, 32, 36, 40, 44, 48, 52];
const KEYS: [u8; 11] = [1, 2, 3, 18, 19, 20, 32, 33, 34, 40, 41];

/// Number of a function's counter.
fn counter(op: Op, code: u8) -> Option<u64> {
    let within = |first: u64, codes: &[u8]| codes.iter().position(|c| *c == code).map(|n| first + n as u64);
    match op {
        Op::KM => within(1, &CIPHERS).or_else(|| within(13, &XTS)),
        Op::KMC => within(17, &CIPHERS).or_else(|| within(29, &[67])),
        Op::KMA => within(30, &GCM),
        Op::KMF => within(36, &CIPHERS),
        Op::KMCTR => within(48, &CIPHERS),
        Op::KMO => within(60, &CIPHERS),
        Op::KIMD => within(72, &DIGESTS),
        Op::KLMD => within(82, &DIGESTS[..9]),
        Op::KMAC => within(91, &CIPHERS),
        Op::PCC => within(103, &CIPHERS).or_else(|| within(115, &XTS)).or_else(|| within(119, &CURVES)),
        Op::PRNO => within(126, &RANDOM),
        Op::KDSA => within(129, &SIGNATURES),
        Op::PCKMO => within(144, &KEYS),
        _ => None,
    }
}

/// Which of the four counters of the crypto-activity counter set for a kind of function: the first of four.
fn kind(op: Op, code: u8) -> Option<u64> {
    const PRNG: u64 = 64;
    const SHA: u64 = 68;
    const DEA: u64 = 72;
    const AES: u64 = 76;
    const ECC: u64 = 80;
    Some(match (op, code) {
        (Op::PRNO, _) | (Op::KMC, 67) => PRNG,
        (Op::KIMD, 65) => AES,
        (Op::KIMD | Op::KLMD, _) => SHA,
        (Op::KDSA, _) | (Op::PCC, 64..) => ECC,
        (Op::PCKMO, _) => return None,
        (_, 1..=17) => DEA,
        _ => AES,
    })
}

/// Counts a function that is about to be executed.
#[inline]
pub(super) fn count_function(cpu: &mut Cpu, op: Op, code: u8) {
    if cpu.measurement.active() != 0
        && let Some(first) = kind(op, code)
    {
        cpu.count_crypto(first);
    }
    if cpu.cr0().contains(Cr0::CRYPTOGRAPHY_COUNTER) && cpu.model.facilities.has(INSTRUMENTATION) {
        count_in_storage(cpu, op, code);
    }
}

#[cold]
fn count_in_storage(cpu: &mut Cpu, op: Op, code: u8) {
    let Some(number) = counter(op, code) else { return };
    let Ok(designation) = cpu.read_lowcore::<u64>(Lowcore::CRYPTOGRAPHY_COUNTERS) else { return };
    if designation == 0 {
        return;
    }
    let supervisor = !cpu.psw.has(PswMask::PROBLEM) && designation & BY_STATE != 0;
    let at = (designation & !0xFFF) + if supervisor { BY_STATE } else { 0 } + 8 * number;
    let mut bytes = [0; 8];
    // A page that is not in storage counts nothing.
    if cpu.read_absolute(at, &mut bytes).is_ok() {
        let _ = cpu.write_absolute(at, &u64::from_be_bytes(bytes).wrapping_add(1).to_be_bytes());
    }
}

fn query_activity_counter_information(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    cpu.require_supervisor()?;
    let ea = doubleword_operand(cpu, o)?;
    // A header, and a byte each for the numbers of counters of cryptographic functions and of neural-network processing.
    let block = [0, CRYPTOGRAPHY << 48];
    let room = usize::from(cpu.gr[0] as u8) + 1;
    let bytes: Vec<u8> = block.iter().take(room).flat_map(|word: &u64| word.to_be_bytes()).collect();
    cpu.write_bytes(AddressSpace::Logical(ea.ar), ea.address, &bytes)?;
    cpu.gr[0] = cpu.gr[0] & !0xFF | (block.len() - 1) as u64;
    cpu.cc = if room >= block.len() { 0 } else { 3 };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_have_linuxs_numbers() {
        assert_eq!(counter(Op::KM, 1), Some(1));
        assert_eq!(counter(Op::KM, 28), Some(12));
        assert_eq!(counter(Op::KM, 60), Some(16));
        assert_eq!(counter(Op::KMC, 67), Some(29));
        assert_eq!(counter(Op::KIMD, 65), Some(81));
        assert_eq!(counter(Op::KLMD, 37), Some(90));
        assert_eq!(counter(Op::PCC, 81), Some(125));
        assert_eq!(counter(Op::PRNO, 114), Some(128));
        assert_eq!(counter(Op::KDSA, 52), Some(143));
        assert_eq!(counter(Op::PCKMO, 41), Some(154));
    }

    #[test]
    fn every_function_of_z16_has_a_counter_of_its_own() {
        let z16 = softsie_isa::model("z16").unwrap();
        let mut numbers = std::collections::BTreeSet::new();
        for f in softsie_isa::FUNCTIONS.iter().filter(|f| z16.has_function(f)) {
            if matches!(f.op, Op::PLO | Op::PTFF | Op::SORTL | Op::DFLTCC | Op::PFCR) {
                continue;
            }
            let number = counter(f.op, f.code).unwrap_or_else(|| panic!("{}", f.feature));
            assert!(numbers.insert(number), "{}", f.feature);
        }
        assert_eq!(numbers.iter().copied().collect::<Vec<u64>>(), (1..=154).collect::<Vec<u64>>());
    }
}
