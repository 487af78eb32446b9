//! The blocks that a state description designates besides the system control area: masks of wrapping keys, vector registers,
//! the annex, the diagnostic block of an intercepted interruption, the facility list.
//! Truth: the reference of interpretive execution (satellite blocks, validity interceptions).

use softsie_cpu::{Access, Cpu};
use softsie_mem::PAGE_SIZE;

use crate::interpret::Validity;
use crate::state_description::{BeU64, Ecb, Ecb3, Ecd, ExecutionControls, StateDescription};

/// Bytes of a diagnostic block, of the vector registers, of a runtime-instrumentation control block.
const DIAGNOSTIC_BLOCK: u64 = 256;
const VECTOR_REGISTERS: u64 = 512;
const INSTRUMENTATION: u64 = 64;
/// Address bits of the designations of the control block for cryptography and of the facility list.
const ADDRESS: u32 = 0x7FFF_FFF8;
/// Where the masks are in a control block for cryptography.
const DEA_MASK: u64 = 0x48;
const AES_MASK: u64 = 0x60;

/// The absolute address of a block at `real`, which has its own length as boundary, if it can be one.
fn block(host: &Cpu, real: u64) -> Option<u64> {
    let absolute = host.prefixed(real);
    (real >= 2 * PAGE_SIZE && host.storage.map().page(absolute).is_some()).then_some(absolute)
}

/// Absolute addresses of what is used while the guest runs.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Satellites {
    /// The vector registers, when they are not the host's.
    pub(crate) vector_registers: Option<u64>,
    /// Where the diagnostic block of a transaction goes when a program interruption is intercepted.
    pub(crate) diagnostic_block: Option<u64>,
    /// The control block for cryptography, when it is needed.
    pub(crate) cryptography: Option<u64>,
}

impl Satellites {
    /// The blocks, if all that are needed are good.
    pub(crate) fn of(sd: &StateDescription, host: &Cpu) -> Result<Satellites, Validity> {
        let ecb = Ecb::from_bits_retain(sd.ecb.get());
        let ecb3 = Ecb3::from_bits_retain(sd.ecb3.get());
        let ecd = Ecd::from_bits_retain(sd.ecd.get());
        let own_registers = !ecd.contains(Ecd::HOSTREGMGMT);
        let mut satellites = Satellites::default();
        if ecb3.intersects(Ecb3::AES | Ecb3::DEA) {
            satellites.cryptography = cryptography(sd, host)?;
        }
        if ecb3.contains(Ecb3::RI) && sd.riccbd.get() & !(INSTRUMENTATION - 1) != 0 {
            block(host, sd.riccbd.get() & !(INSTRUMENTATION - 1)).ok_or(Validity::Instrumentation)?;
        }
        if ecb.contains(Ecb::TE) && sd.itdba.get() & !(DIAGNOSTIC_BLOCK - 1) != 0 {
            let at = block(host, sd.itdba.get() & !(DIAGNOSTIC_BLOCK - 1));
            satellites.diagnostic_block = Some(at.ok_or(Validity::DiagnosticBlock)?);
        }
        if own_registers && sd.execution_controls().contains(ExecutionControls::VX) {
            let at = block(host, sd.gvrd.get() & !(VECTOR_REGISTERS - 1));
            satellites.vector_registers = Some(at.ok_or(Validity::VectorRegisters)?);
        }
        if own_registers && ecb.contains(Ecb::GS) || ecd.contains(Ecd::ETOKENF) {
            annex(sd, host)?;
        }
        let list = u64::from(sd.fac.get() & ADDRESS);
        // It may be as long as a page.
        if list != 0 && host.storage.map().page(host.prefixed(list)).is_none() {
            return Err(Validity::FacilityList);
        }
        Ok(satellites)
    }
}

/// The control block for cryptography.
fn cryptography(sd: &StateDescription, host: &Cpu) -> Result<Option<u64>, Validity> {
    let real = u64::from(sd.crycbd.get() & ADDRESS);
    let length = match sd.crycbd.get() & 3 {
        // No keys are wrapped in this format.
        0 => return Ok(None),
        1 => 128,
        3 => 256,
        _ => return Err(Validity::CryptographyFormat),
    };
    if real == 0 {
        return Err(Validity::CryptographyOrigin);
    }
    if real % PAGE_SIZE + length > PAGE_SIZE {
        return Err(Validity::CryptographyCrosses);
    }
    let absolute = host.prefixed(real);
    host.storage.map().page(absolute).map(|_| Some(absolute)).ok_or(Validity::Cryptography)
}

/// The annex: guarded storage's control block when it is not in registers (`guarded_storage.rs`), and the guest's token, which no
/// program sees.
fn annex(sd: &StateDescription, host: &Cpu) -> Result<(), Validity> {
    let (real, size) = (sd.sdnxo.get() & !15, sd.sdnxo.get() & 15);
    if real < 2 * PAGE_SIZE {
        return Err(Validity::Annex);
    }
    if !(6..=12).contains(&size) {
        return Err(Validity::AnnexSize);
    }
    if real & ((1 << size) - 1) != 0 {
        return Err(Validity::AnnexBoundary);
    }
    block(host, real).map(|_| ()).ok_or(Validity::Annex)
}

/// The doublewords of a block in the machine's storage; zeros where there is none.
fn read<const N: usize>(cpu: &mut Cpu, at: u64) -> [u64; N] {
    std::array::from_fn(|n| cpu.machine_cell::<BeU64>(at + 8 * n as u64, Access::Fetch).map_or(0, BeU64::get))
}

/// The bytes of these doublewords.
fn bytes<const N: usize>(words: &[u64]) -> [u8; N] {
    std::array::from_fn(|n| words[n / 8].to_be_bytes()[n % 8])
}

fn mixed<const N: usize>(key: [u8; N], mask: [u8; N]) -> [u8; N] {
    std::array::from_fn(|n| key[n] ^ mask[n])
}

impl Satellites {
    /// Gives a guest's CPU its wrapping keys: the host's, changed by the host's masks. It has only those that the state description
    /// permits.
    pub(crate) fn wrap_keys(self, sd: &StateDescription, host: &Cpu, guest: &mut Cpu) {
        let ecb3 = Ecb3::from_bits_retain(sd.ecb3.get());
        let (from, to) = (&host.model.wrapping_keys, guest.model.wrapping_keys.clone());
        let dea = self.cryptography.filter(|_| ecb3.contains(Ecb3::DEA)).and_then(|at| {
            let mask = bytes(&read::<3>(guest, at + DEA_MASK));
            from.dea().map(|key| mixed(key, mask))
        });
        let aes = self.cryptography.filter(|_| ecb3.contains(Ecb3::AES)).and_then(|at| {
            let mask = bytes(&read::<4>(guest, at + AES_MASK));
            from.aes().map(|key| mixed(key, mask))
        });
        if (to.dea(), to.aes()) != (dea, aes) {
            to.set_dea(dea);
            to.set_aes(aes);
        }
    }

    /// The vector registers of the guest, when its host has them in storage.
    pub(crate) fn load_vector_registers(self, guest: &mut Cpu) {
        let Some(at) = self.vector_registers else { return };
        let words = read::<64>(guest, at);
        guest.vr = std::array::from_fn(|n| u128::from(words[2 * n]) << 64 | u128::from(words[2 * n + 1]));
    }

    /// Puts them there again; false when they are not the host's affair.
    pub(crate) fn store_vector_registers(self, guest: &mut Cpu) -> bool {
        let Some(at) = self.vector_registers else { return false };
        let registers = guest.vr;
        for (n, register) in (0..).zip(registers) {
            for (at, half) in [(at + 16 * n, (register >> 64) as u64), (at + 16 * n + 8, register as u64)] {
                if let Some(cell) = guest.machine_cell::<BeU64>(at, Access::Store) {
                    cell.set(half);
                }
            }
        }
        true
    }

    /// Stores the diagnostic block of a transaction that an intercepted program interruption has aborted.
    pub(crate) fn store_diagnostic_block(self, guest: &mut Cpu) {
        let Some(block) = guest.transaction.program_block.take() else { return };
        let Some(at) = self.diagnostic_block else { return };
        for (n, word) in (0..).zip(block.as_chunks::<8>().0) {
            if let Some(cell) = guest.machine_cell::<BeU64>(at + 8 * n, Access::Store) {
                cell.set(u64::from_be_bytes(*word));
            }
        }
    }
}
