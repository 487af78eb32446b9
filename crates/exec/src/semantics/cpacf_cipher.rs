//! Ciphers: KM, KMC, KMF, KMO and KMCTR.
//! Source: Principles of Operation, chapter 7: CIPHER MESSAGE, CIPHER MESSAGE WITH CHAINING, WITH CIPHER FEEDBACK, WITH OUTPUT
//! FEEDBACK, WITH COUNTER.

use softsie_cpacf::functions::{self, Functions};
use softsie_cpacf::modes::{self, Block};
use softsie_cpacf::{Decryptor, Encryptor, Kind};
use softsie_cpu::{Cpu, Exit};
use softsie_isa::Operands;

use super::cpacf::{
    CipherKey, MODIFIER, Place, designates, function, parameters, probe_parameters, query, store_parameters, stream,
};
use super::register_pair::Pair;

semantics! {
    simple {}
    heavy {
        KM => cipher_message,
        KMC => with_chaining,
        KMF => with_cipher_feedback,
        KMO => with_output_feedback,
        KMCTR => with_counter,
    }
}

/// An instruction with a first operand, and a second one whose length counts.
struct Request {
    function: u8,
    decipher: bool,
    to: Place,
    from: Pair,
}

impl Request {
    /// Checks registers and function code.
    fn of(cpu: &mut Cpu, o: &Operands, functions: Functions) -> Result<Request, Exit> {
        designates(o.r1())?;
        designates(o.r2())?;
        let function = function(cpu, functions)?;
        let decipher = cpu.gr[0] & MODIFIER != 0;
        Ok(Request { function, decipher, to: Place::of(cpu, o.r1()), from: Pair::of(cpu, o.r2())? })
    }

    /// Checks the length, which must be a multiple of `unit`; true when there is nothing to do.
    fn is_empty(&self, unit: usize) -> Result<bool, Exit> {
        if !self.from.length.is_multiple_of(unit as u64) {
            return Err(Exit::SPECIFICATION);
        }
        Ok(self.from.length == 0)
    }

    /// Processes the data and sets registers and condition code.
    fn run<S: Clone>(
        mut self,
        cpu: &mut Cpu,
        unit: usize,
        state: &mut S,
        f: impl FnMut(&mut Cpu, &mut S, u64, &mut [u8]) -> Result<(), Exit>,
    ) -> Result<(), Exit> {
        cpu.cc = stream(cpu, Some(&mut self.to), &mut self.from, unit, state, f)?;
        self.to.save(cpu);
        self.from.save(cpu);
        Ok(())
    }
}

fn complete(cpu: &mut Cpu, cc: u8) -> Result<(), Exit> {
    cpu.cc = cc;
    Ok(())
}

/// The condition code for a key under another wrapping key.
const PATTERN_MISMATCH: u8 = 1;

fn cipher_message(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let request = Request::of(cpu, o, functions::KM)?;
    if request.function == 0 {
        return query(cpu, functions::KM);
    }
    // Of XTS the first key is in the parameter block, under the function codes of AES plus 32.
    let is_xts = request.function >= 50;
    let key = CipherKey::of(request.function - if is_xts { 32 } else { 0 })?;
    let unit = key.kind.block();
    if request.is_empty(unit)? {
        return complete(cpu, 0);
    }
    if is_xts {
        probe_parameters(cpu, key.size(), unit)?;
    }
    let Some(bytes) = key.fetch(cpu, 0)? else { return complete(cpu, PATTERN_MISMATCH) };
    if !is_xts {
        return if request.decipher {
            let cipher = Decryptor::new(key.kind, &bytes);
            request.run(cpu, unit, &mut (), |_, (), _, data| {
                cipher.blocks(data);
                Ok(())
            })
        } else {
            let cipher = Encryptor::new(key.kind, &bytes);
            request.run(cpu, unit, &mut (), |_, (), _, data| {
                cipher.blocks(data);
                Ok(())
            })
        };
    }
    let mut parameter: Block = [0; 16];
    parameters(cpu, key.size(), &mut parameter)?;
    if request.decipher {
        let cipher = Decryptor::new(key.kind, &bytes);
        request.run(cpu, unit, &mut parameter, |_, parameter, _, data| {
            modes::xts_decrypt(&cipher, parameter, data);
            Ok(())
        })?;
    } else {
        let cipher = Encryptor::new(key.kind, &bytes);
        request.run(cpu, unit, &mut parameter, |_, parameter, _, data| {
            modes::xts_encrypt(&cipher, parameter, data);
            Ok(())
        })?;
    }
    store_parameters(cpu, key.size(), &parameter)
}

/// The parameter block of a function with chaining value: that first, then the key. None when there is nothing to do, the
/// condition code being set.
fn chained(cpu: &mut Cpu, key: &CipherKey) -> Result<Option<(Block, [u8; 32])>, Exit> {
    let size = key.kind.block();
    probe_parameters(cpu, 0, size)?;
    let mut chaining = [0; 16];
    parameters(cpu, 0, &mut chaining[..size])?;
    let bytes = key.fetch(cpu, size)?;
    if bytes.is_none() {
        cpu.cc = PATTERN_MISMATCH;
    }
    Ok(bytes.map(|bytes| (chaining, bytes)))
}

/// Function code of KMC's pseudorandom numbers.
const PSEUDORANDOM: u8 = 67;

fn with_chaining(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let request = Request::of(cpu, o, functions::KMC)?;
    let key = match request.function {
        0 => return query(cpu, functions::KMC),
        // Three keys of TDEA.
        PSEUDORANDOM => CipherKey::of(3)?,
        code => CipherKey::of(code)?,
    };
    let unit = key.kind.block();
    if request.is_empty(unit)? {
        return complete(cpu, 0);
    }
    let Some((mut chaining, bytes)) = chained(cpu, &key)? else { return Ok(()) };
    if request.function == PSEUDORANDOM {
        let cipher = Encryptor::new(Kind::Tdea192, &bytes);
        request.run(cpu, unit, &mut chaining, |_, seed, _, data| {
            modes::x9_17(&cipher, seed, data);
            Ok(())
        })?;
    } else if request.decipher {
        let cipher = Decryptor::new(key.kind, &bytes);
        request.run(cpu, unit, &mut chaining, |_, chaining, _, data| {
            modes::cbc_decrypt(&cipher, chaining, data);
            Ok(())
        })?;
    } else {
        let cipher = Encryptor::new(key.kind, &bytes);
        request.run(cpu, unit, &mut chaining, |_, chaining, _, data| {
            modes::cbc_encrypt(&cipher, chaining, data);
            Ok(())
        })?;
    }
    store_parameters(cpu, 0, &chaining[..unit])
}

fn with_cipher_feedback(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let request = Request::of(cpu, o, functions::KMF)?;
    if request.function == 0 {
        return query(cpu, functions::KMF);
    }
    let key = CipherKey::of(request.function)?;
    let size = key.kind.block();
    // The length of cipher feedback is in bits 32-39 of general register 0.
    let feedback = usize::from((cpu.gr[0] >> 24) as u8);
    if feedback == 0 || feedback > size {
        return Err(Exit::SPECIFICATION);
    }
    if request.is_empty(feedback)? {
        return complete(cpu, 0);
    }
    let Some((mut chaining, bytes)) = chained(cpu, &key)? else { return Ok(()) };
    let cipher = Encryptor::new(key.kind, &bytes);
    let decipher = request.decipher;
    request.run(cpu, feedback, &mut chaining, |_, chaining, _, data| {
        modes::cfb(&cipher, chaining, data, feedback, decipher);
        Ok(())
    })?;
    store_parameters(cpu, 0, &chaining[..size])
}

fn with_output_feedback(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let request = Request::of(cpu, o, functions::KMO)?;
    if request.function == 0 {
        return query(cpu, functions::KMO);
    }
    let key = CipherKey::of(request.function)?;
    let size = key.kind.block();
    if request.is_empty(size)? {
        return complete(cpu, 0);
    }
    let Some((mut chaining, bytes)) = chained(cpu, &key)? else { return Ok(()) };
    let cipher = Encryptor::new(key.kind, &bytes);
    request.run(cpu, size, &mut chaining, |_, chaining, _, data| {
        modes::ofb(&cipher, chaining, data);
        Ok(())
    })?;
    store_parameters(cpu, 0, &chaining[..size])
}

fn with_counter(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    designates(o.r3())?;
    let request = Request::of(cpu, o, functions::KMCTR)?;
    if request.function == 0 {
        return query(cpu, functions::KMCTR);
    }
    let key = CipherKey::of(request.function)?;
    let size = key.kind.block();
    if request.is_empty(size)? {
        return complete(cpu, 0);
    }
    let Some(bytes) = key.fetch(cpu, 0)? else { return complete(cpu, PATTERN_MISMATCH) };
    let cipher = Encryptor::new(key.kind, &bytes);
    let mut counters = Place::of(cpu, o.r3());
    let mut processed = 0;
    request.run(cpu, size, &mut processed, |cpu, processed, done, data| {
        for (i, run) in data.chunks_mut(COUNTERS).enumerate() {
            let mut values = [0; COUNTERS];
            let values = &mut values[..run.len()];
            counters.read(cpu, done + (i * COUNTERS) as u64, values)?;
            modes::ctr(&cipher, values, run);
        }
        *processed += data.len() as u64;
        Ok(())
    })?;
    // One of the other operands may be designated by the same register.
    if o.r3() != o.r1() && o.r3() != o.r2() {
        counters.advance(cpu, processed);
        counters.save(cpu);
    }
    Ok(())
}

/// Bytes of counter values that are fetched at a time.
const COUNTERS: usize = 512;
