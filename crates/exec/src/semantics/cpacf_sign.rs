//! Digital signatures: KDSA.
//! Source: Principles of Operation, chapter 7: COMPUTE DIGITAL SIGNATURE AUTHENTICATION; parameter blocks as OpenSSL, libica and
//! Go's library have them. That condition code 1 is for parameters out of range is from the latter's.

use softsie_cpacf::digest::Hasher;
use softsie_cpacf::eddsa::{self, Error};
use softsie_cpacf::nist::Curve;
use softsie_cpacf::wrapping::AES_PATTERN;
use softsie_cpacf::{Failure, functions, random};
use softsie_cpu::{AddressSpace, Cpu, Exit};
use softsie_isa::Operands;

use super::cpacf::{
    MODIFIER, designates, function, parameters, probe_parameters, query, store_parameters, unwrap, without_modifier,
};
use super::register_pair::Pair;

semantics! {
    simple {}
    heavy { KDSA => digital_signature }
}

fn digital_signature(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    designates(o.r2())?;
    let code = function(cpu, functions::KDSA)?;
    // For ECDSA signatures bit 56 says that the random number is to be used as it is.
    if !matches!(code, 9..=11 | 17..=19) {
        without_modifier(cpu)?;
    }
    cpu.cc = match code {
        0 => return query(cpu, functions::KDSA),
        1..=3 => ecdsa_verify(cpu, code)?,
        4..32 => ecdsa_sign(cpu, code)?,
        _ => eddsa(cpu, o, code)?,
    };
    Ok(())
}

/// The condition code of an outcome.
fn condition_code(outcome: Result<(), Failure>) -> u8 {
    match outcome {
        Ok(()) => 0,
        Err(Failure::Invalid) => 1,
        Err(Failure::NoResult) => 2,
    }
}

/// Bytes of the longest parameter block: five fields of P-521.
const LONGEST: usize = 5 * 80;

fn ecdsa_verify(cpu: &mut Cpu, code: u8) -> Result<u8, Exit> {
    let Some(curve) = Curve::of(code, 1) else { return Err(Exit::SPECIFICATION) };
    let mut block = [0; LONGEST];
    let block = &mut block[..5 * curve.field()];
    parameters(cpu, 0, block)?;
    Ok(condition_code(curve.verify(block)))
}

fn ecdsa_sign(cpu: &mut Cpu, code: u8) -> Result<u8, Exit> {
    let encrypted = code >= 17;
    let Some(curve) = Curve::of(code, if encrypted { 17 } else { 9 }) else { return Err(Exit::SPECIFICATION) };
    let size = curve.field();
    probe_parameters(cpu, 0, 2 * size)?;
    let mut block = [0; LONGEST];
    let block = &mut block[..5 * size];
    parameters(cpu, 0, block)?;
    if encrypted && !unwrap_at(cpu, 5 * size, &mut block[3 * size..4 * size])? {
        return Ok(1);
    }
    let mut nonce = [0; 64];
    let deterministic = cpu.gr[0] & MODIFIER != 0;
    if !deterministic && !random::fill(&mut nonce) {
        // The host has no random numbers now: the program has to try again.
        return Ok(3);
    }
    let outcome = curve.sign(block, (!deterministic).then_some(&nonce));
    if outcome.is_ok() {
        store_parameters(cpu, 0, &block[..2 * size])?;
    }
    Ok(condition_code(outcome))
}

/// Decrypts a private key, whose verification pattern is at `offset`; false when it is another machine's.
fn unwrap_at(cpu: &mut Cpu, offset: usize, key: &mut [u8]) -> Result<bool, Exit> {
    let mut pattern = [0; AES_PATTERN];
    parameters(cpu, offset, &mut pattern)?;
    unwrap(cpu, true, key, &pattern)
}

/// Messages up to this length are processed in one piece, as there is no place to keep what is between. Longer ones begin again
/// when the CPU has something else to do in the meantime.
const IN_ONE_PIECE: u64 = 64 << 20;

/// Takes the second operand into a hash.
fn message(cpu: &mut Cpu, operand: &Pair, hasher: &mut Hasher) -> Result<(), Exit> {
    let mut from = *operand;
    let mut part = [0; 4096];
    while from.length != 0 {
        let n = from.length.min(part.len() as u64) as usize;
        cpu.read_bytes(AddressSpace::Logical(from.ar()), from.address, &mut part[..n])?;
        hasher.update(&part[..n]);
        from.advance(cpu, n as u64);
        if operand.length > IN_ONE_PIECE && cpu.attention().pending() != 0 {
            return Err(Exit::Again);
        }
    }
    Ok(())
}

/// The parameter block: R and S, then the public or private key, then the verification pattern of an encrypted one.
fn eddsa(cpu: &mut Cpu, o: &Operands, code: u8) -> Result<u8, Exit> {
    let operand = Pair::of(cpu, o.r2())?;
    let size = if code & 4 == 0 { 32 } else { 64 };
    let (verifies, encrypted) = (code < 40, code >= 48);
    if !verifies {
        probe_parameters(cpu, 0, 2 * size)?;
    }
    let mut small = [0; 96];
    let mut large = [0; 192];
    let block: &mut [u8] = if size == 32 { &mut small } else { &mut large };
    parameters(cpu, 0, block)?;
    if encrypted && !unwrap_at(cpu, 3 * size, &mut block[2 * size..])? {
        return Ok(1);
    }
    let read = |hasher: &mut Hasher| message(cpu, &operand, hasher);
    let outcome = match (verifies, size) {
        (true, 32) => eddsa::verify_25519(&small, read),
        (true, _) => eddsa::verify_448(&large, read),
        (false, 32) => eddsa::sign_25519(&mut small, read),
        (false, _) => eddsa::sign_448(&mut large, read),
    };
    let outcome = match outcome {
        Ok(()) => Ok(()),
        Err(Error::Failure(failure)) => Err(failure),
        Err(Error::Message(exit)) => return Err(exit),
    };
    if outcome.is_ok() && !verifies {
        let block: &[u8] = if size == 32 { &small } else { &large };
        store_parameters(cpu, 0, &block[..2 * size])?;
    }
    Ok(condition_code(outcome))
}
