//! What the instructions of the message-security assist share: function codes and the query function, registers, the parameter
//! block, wrapped keys, and the way through long operands.
//! Source: Principles of Operation, chapter 7: CIPHER MESSAGE and the others, whose text repeats for each what is here once.

use softsie_cpacf::Kind;
use softsie_cpacf::functions::{Functions, Instruction};
use softsie_cpacf::wrapping::WrappingKey;
use softsie_cpu::{Access, AddressSpace, Cpu, Exit};
use softsie_isa::Op;

use super::activity_counters::count_function;
use super::register_pair::{Pair, save_address};
use super::translate::resume_later;

/// Bit 56 of general register 0: decipher, or for other instructions something else.
pub(super) const MODIFIER: u64 = 0x80;

/// The instruction that has the functions.
pub(super) fn instruction(functions: Functions) -> Op {
    match functions.instruction {
        Instruction::Km => Op::KM,
        Instruction::Kmc => Op::KMC,
        Instruction::Kmf => Op::KMF,
        Instruction::Kmo => Op::KMO,
        Instruction::Kmctr => Op::KMCTR,
        Instruction::Kmac => Op::KMAC,
        Instruction::Kma => Op::KMA,
        Instruction::Kimd => Op::KIMD,
        Instruction::Klmd => Op::KLMD,
        Instruction::Pcc => Op::PCC,
        Instruction::Prno => Op::PRNO,
        Instruction::Pckmo => Op::PCKMO,
        Instruction::Kdsa => Op::KDSA,
    }
}

/// PCKMO's functions for keys of elliptic curves: 32 to 34, 40 and 41.
const CURVE_KEYS: u128 = 0b111 << (127 - 34) | 0b11 << (127 - 41);

/// What a query function stores, and what can be asked for. The query function itself is always there.
fn installed(cpu: &Cpu, functions: Functions) -> u128 {
    let keys = &cpu.model.wrapping_keys;
    let wanted = cpu.model.functions.short(instruction(functions)) | 1 << 127;
    let withheld =
        if cpu.interceptions.no_curve_keys && functions.instruction == Instruction::Pckmo { CURVE_KEYS } else { 0 };
    functions.installed(keys.dea().is_some(), keys.aes().is_some()) & wanted & !withheld
}

/// The function code in general register 0, of an instruction with functions `functions`.
/// It is counted, where functions are counted.
pub(super) fn function(cpu: &mut Cpu, functions: Functions) -> Result<u8, Exit> {
    let code = cpu.gr[0] as u8 & 0x7F;
    if installed(cpu, functions) & 1 << (127 - code) == 0 {
        return Err(Exit::SPECIFICATION);
    }
    if code != 0 {
        count_function(cpu, instruction(functions), code);
    }
    Ok(code)
}

/// The query function.
pub(super) fn query(cpu: &mut Cpu, functions: Functions) -> Result<(), Exit> {
    let mask = installed(cpu, functions);
    store_parameters(cpu, 0, &mask.to_be_bytes())?;
    cpu.cc = 0;
    Ok(())
}

/// Of an instruction whose bit 56 of general register 0 must be zero.
pub(super) fn without_modifier(cpu: &Cpu) -> Result<(), Exit> {
    if cpu.gr[0] & MODIFIER != 0 { Err(Exit::SPECIFICATION) } else { Ok(()) }
}

/// A register that designates an operand: even, and not 0.
pub(super) fn designates(r: u8) -> Result<(), Exit> {
    if r == 0 || r & 1 != 0 { Err(Exit::SPECIFICATION) } else { Ok(()) }
}

/// Fetches from the parameter block.
pub(super) fn parameters(cpu: &mut Cpu, offset: usize, bytes: &mut [u8]) -> Result<(), Exit> {
    let at = cpu.wrap(cpu.gr[1].wrapping_add(offset as u64));
    cpu.read_bytes(AddressSpace::Logical(1), at, bytes)
}

/// Stores into the parameter block.
pub(super) fn store_parameters(cpu: &mut Cpu, offset: usize, bytes: &[u8]) -> Result<(), Exit> {
    let at = cpu.wrap(cpu.gr[1].wrapping_add(offset as u64));
    cpu.write_bytes(AddressSpace::Logical(1), at, bytes)
}

/// Recognises the access exceptions of [`store_parameters`] before anything is done.
pub(super) fn probe_parameters(cpu: &mut Cpu, offset: usize, length: usize) -> Result<(), Exit> {
    let at = cpu.wrap(cpu.gr[1].wrapping_add(offset as u64));
    cpu.probe(AddressSpace::Logical(1), at, length as u64, Access::Store)
}

/// Bytes of the verification pattern after an encrypted key.
pub(super) fn pattern_length(aes: bool) -> usize {
    if aes { softsie_cpacf::wrapping::AES_PATTERN } else { softsie_cpacf::wrapping::DEA_PATTERN }
}

/// Calls `f` with the wrapping key for AES or DEA keys; a specification exception when there is none, but then its functions
/// are not installed.
pub(super) fn with_wrapping_key<T>(cpu: &Cpu, aes: bool, f: impl FnOnce(WrappingKey<'_>) -> T) -> Result<T, Exit> {
    let keys = &cpu.model.wrapping_keys;
    let result = if aes {
        keys.aes().map(|key| f(WrappingKey::aes(&key)))
    } else {
        keys.dea().map(|key| f(WrappingKey::dea(&key)))
    };
    result.ok_or(Exit::SPECIFICATION)
}

/// Decrypts a key that was encrypted under the wrapping key; false when the pattern is another one.
pub(super) fn unwrap(cpu: &Cpu, aes: bool, key: &mut [u8], pattern: &[u8]) -> Result<bool, Exit> {
    with_wrapping_key(cpu, aes, |wrapping| {
        let own = wrapping.pattern();
        let matches = own[..pattern.len()].iter().zip(pattern).fold(0, |all, (a, b)| all | a ^ b) == 0;
        if matches {
            wrapping.unwrap(key);
        }
        matches
    })
}

/// A key of a block cipher.
pub(super) struct CipherKey {
    pub(super) kind: Kind,
    encrypted: bool,
}

impl CipherKey {
    /// The one of function codes 1 to 3, 9 to 11, 18 to 20 and 26 to 28.
    pub(super) fn of(function: u8) -> Result<CipherKey, Exit> {
        let (kind, encrypted) = Kind::of(function).ok_or(Exit::SPECIFICATION)?;
        Ok(CipherKey { kind, encrypted })
    }

    /// Bytes of it in the parameter block, with its verification pattern.
    pub(super) fn size(&self) -> usize {
        self.kind.key() + if self.encrypted { pattern_length(self.kind.is_aes()) } else { 0 }
    }

    /// The key at `offset` of the parameter block; none when it was encrypted under another wrapping key.
    pub(super) fn fetch(&self, cpu: &mut Cpu, offset: usize) -> Result<Option<[u8; 32]>, Exit> {
        let mut bytes = [0; 64];
        let bytes = &mut bytes[..self.size()];
        parameters(cpu, offset, bytes)?;
        let (key, pattern) = bytes.split_at_mut(self.kind.key());
        if self.encrypted && !unwrap(cpu, self.kind.is_aes(), key, pattern)? {
            return Ok(None);
        }
        let mut out = [0; 32];
        out[..key.len()].copy_from_slice(key);
        Ok(Some(out))
    }
}

/// An operand that has an address only; its length is another operand's.
pub(super) struct Place {
    address: u64,
    r: u8,
}

impl Place {
    /// The one that register `r` designates.
    pub(super) fn of(cpu: &Cpu, r: u8) -> Place {
        Place { address: cpu.wrap(cpu.gr[usize::from(r & 15)]), r: r & 15 }
    }

    /// Fetches `bytes` that are `offset` bytes on.
    pub(super) fn read(&self, cpu: &mut Cpu, offset: u64, bytes: &mut [u8]) -> Result<(), Exit> {
        let at = cpu.wrap(self.address.wrapping_add(offset));
        cpu.read_bytes(AddressSpace::Logical(self.r), at, bytes)
    }

    /// Stores `bytes`, all or nothing.
    pub(super) fn write(&self, cpu: &mut Cpu, bytes: &[u8]) -> Result<(), Exit> {
        cpu.write_bytes(AddressSpace::Logical(self.r), self.address, bytes)
    }

    /// Takes `n` bytes as processed.
    pub(super) fn advance(&mut self, cpu: &Cpu, n: u64) {
        self.address = cpu.wrap(self.address.wrapping_add(n));
    }

    /// Puts the address into the register.
    pub(super) fn save(&self, cpu: &mut Cpu) {
        save_address(cpu, self.r, self.address);
    }
}

/// Bytes that are processed before the CPU looks at what else is to be done. They are copied from storage and back: other CPUs
/// and the host may change storage at any time, and copying is cheap against any of the functions.
const PART: usize = 4096;
/// For short operands, so that not all of that is cleared.
const SHORT: usize = 256;

/// Processes the part of `from` that consists of whole units of `unit` bytes, in parts: `f` gets the state, how many bytes were
/// processed before, and the bytes, which it replaces when there is a first operand `to`. Advances operands and state together.
/// The condition code: 3 when there is more to do.
///
/// # Errors
/// The access exception when nothing could be processed.
pub(super) fn stream<S: Clone>(
    cpu: &mut Cpu,
    to: Option<&mut Place>,
    from: &mut Pair,
    unit: usize,
    state: &mut S,
    f: impl FnMut(&mut Cpu, &mut S, u64, &mut [u8]) -> Result<(), Exit>,
) -> Result<u8, Exit> {
    if from.length <= SHORT as u64 {
        parts(cpu, to, from, unit, state, &mut [0; SHORT], f)
    } else {
        parts(cpu, to, from, unit, state, &mut [0; PART], f)
    }
}

fn parts<S: Clone>(
    cpu: &mut Cpu,
    mut to: Option<&mut Place>,
    from: &mut Pair,
    unit: usize,
    state: &mut S,
    buffer: &mut [u8],
    mut f: impl FnMut(&mut Cpu, &mut S, u64, &mut [u8]) -> Result<(), Exit>,
) -> Result<u8, Exit> {
    let largest = buffer.len() / unit * unit;
    let mut done = 0;
    while from.length >= unit as u64 {
        let n = (from.length.min(largest as u64) as usize) / unit * unit;
        let part = &mut buffer[..n];
        let mut next = state.clone();
        let processed = cpu
            .read_bytes(AddressSpace::Logical(from.ar()), from.address, part)
            .and_then(|()| f(cpu, &mut next, done, part))
            .and_then(|()| to.as_ref().map_or(Ok(()), |to| to.write(cpu, part)));
        if let Err(exit) = processed {
            return resume_later(cpu, done, exit);
        }
        *state = next;
        from.advance(cpu, n as u64);
        if let Some(to) = &mut to {
            to.advance(cpu, n as u64);
        }
        done += n as u64;
        if from.length >= unit as u64 && cpu.attention().pending() != 0 {
            return Ok(3);
        }
    }
    Ok(0)
}
