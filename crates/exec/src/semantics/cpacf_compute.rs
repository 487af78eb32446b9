//! Computations on the parameter block alone: PCC, and PCKMO, which encrypts keys under the wrapping key.
//! Source: Principles of Operation, chapter 7: PERFORM CRYPTOGRAPHIC COMPUTATION; chapter 10: PERFORM CRYPTOGRAPHIC KEY MANAGEMENT
//! OPERATION. Which of condition codes 1 and 2 says that a point is none of the curve's, and which that the result is none, is a guess.

use softsie_cpacf::nist::Curve;
use softsie_cpacf::{Encryptor, Failure, edwards, functions, modes};
use softsie_cpu::{Cpu, Exit};
use softsie_isa::Operands;

use super::cpacf::{
    CipherKey, function, parameters, pattern_length, probe_parameters, query, store_parameters, with_wrapping_key,
    without_modifier,
};
use crate::machine::Machine;

semantics! {
    simple {}
    heavy {
        PCC => cryptographic_computation,
        PCKMO => key_management,
    }
}

/// The condition code for a parameter block whose contents are wrong.
const INVALID_PARAMETER: u8 = 2;

fn cryptographic_computation(cpu: &mut Cpu, _: &Operands) -> Result<(), Exit> {
    without_modifier(cpu)?;
    cpu.cc = match function(cpu, functions::PCC)? {
        0 => return query(cpu, functions::PCC),
        code @ 1..50 => last_block_of_cmac(cpu, &CipherKey::of(code)?)?,
        // The function codes of AES plus 32.
        code @ 50..64 => xts_parameter(cpu, &CipherKey::of(code - 32)?)?,
        code => scalar_multiply(cpu, code)?,
    };
    Ok(())
}

/// The parameter block: message bit length (one byte), at 8 the message, a block; then the chaining value, which becomes the
/// code; then the key.
fn last_block_of_cmac(cpu: &mut Cpu, key: &CipherKey) -> Result<u8, Exit> {
    let size = key.kind.block();
    let mut fixed = [0; 8 + 2 * 16];
    let fixed = &mut fixed[..8 + 2 * size];
    probe_parameters(cpu, 8 + size, size)?;
    parameters(cpu, 0, fixed)?;
    let Some(bytes) = key.fetch(cpu, fixed.len())? else { return Ok(1) };
    let bits = usize::from(fixed[0]);
    if bits > 8 * size {
        return Ok(INVALID_PARAMETER);
    }
    let mut chaining = [0; 16];
    chaining[..size].copy_from_slice(&fixed[8 + size..]);
    modes::cmac_last(&Encryptor::new(key.kind, &bytes), &mut chaining, &fixed[8..8 + size], bits);
    store_parameters(cpu, 8 + size, &chaining[..size])?;
    Ok(0)
}

/// The parameter block after the key: tweak, block sequential number, intermediate bit index, XTS parameter.
fn xts_parameter(cpu: &mut Cpu, key: &CipherKey) -> Result<u8, Exit> {
    let mut fixed = [0; 64];
    probe_parameters(cpu, key.size() + 32, 32)?;
    parameters(cpu, key.size(), &mut fixed)?;
    let Some(bytes) = key.fetch(cpu, 0)? else { return Ok(1) };
    let field = |i: usize| <modes::Block>::try_from(&fixed[16 * i..16 * i + 16]).unwrap_or_default();
    let (number, index) = (u128::from_be_bytes(field(1)), u128::from_be_bytes(field(2)));
    // Bits of the number that were processed before, from the left.
    let processed = match index {
        _ if number == 0 => 0,
        0..=127 => index as u32,
        _ => return Ok(INVALID_PARAMETER),
    };
    let mut parameter = field(3);
    if processed == 0 {
        parameter = field(0);
        Encryptor::new(key.kind, &bytes).blocks(&mut parameter);
    }
    modes::advance_tweak(&mut parameter, number & u128::MAX >> processed);
    store_parameters(cpu, key.size() + 32, &128u128.to_be_bytes())?;
    store_parameters(cpu, key.size() + 48, &parameter)?;
    Ok(0)
}

/// Multiplies a point by a number. The parameter block: the result's coordinates, the point's, the number.
fn scalar_multiply(cpu: &mut Cpu, code: u8) -> Result<u8, Exit> {
    let mut block = [0; 400];
    let (fields, size) = match code {
        64..=66 => (5, Curve::of(code, 64).map_or(0, Curve::field)),
        72 => (5, 32),
        73 => (5, 64),
        80 => (3, 32),
        _ => (3, 64),
    };
    let block = &mut block[..fields * size];
    let results = block.len() - (fields / 2 + 1) * size;
    probe_parameters(cpu, 0, results)?;
    parameters(cpu, 0, block)?;
    let outcome = match (Curve::of(code, 64), code) {
        (Some(curve), _) => curve.multiply(block),
        (_, 72) => block.try_into().map_or(Err(Failure::Invalid), edwards::multiply_ed25519),
        (_, 73) => block.try_into().map_or(Err(Failure::Invalid), edwards::multiply_ed448),
        (_, 80) => block.try_into().map(edwards::multiply_x25519).map_err(|_| Failure::Invalid),
        _ => block.try_into().map(edwards::multiply_x448).map_err(|_| Failure::Invalid),
    };
    match outcome {
        Ok(()) => {}
        Err(Failure::Invalid) => return Ok(1),
        Err(Failure::NoResult) => return Ok(2),
    }
    store_parameters(cpu, 0, &block[..results])?;
    Ok(0)
}

fn key_management(cpu: &mut Cpu, _: &Operands) -> Result<(), Exit> {
    cpu.require_supervisor()?;
    without_modifier(cpu)?;
    let code = function(cpu, functions::PCKMO)?;
    let (aes, length) = match code {
        0 => {
            // Unlike the other instructions it leaves the condition code alone.
            let cc = cpu.cc;
            query(cpu, functions::PCKMO)?;
            cpu.cc = cc;
            return Ok(());
        }
        1..=3 => (false, 8 * usize::from(code)),
        18..=20 => (true, 16 + 8 * usize::from(code - 18)),
        // Keys of P-256, P-384, P-521, Ed25519 and Ed448.
        32 | 40 => (true, 32),
        33 => (true, 48),
        34 => (true, 80),
        41 => (true, 64),
        _ => return Err(Exit::SPECIFICATION),
    };
    let mut block = [0; 80 + 32];
    let block = &mut block[..length + pattern_length(aes)];
    probe_parameters(cpu, 0, block.len())?;
    let (key, pattern) = block.split_at_mut(length);
    parameters(cpu, 0, key)?;
    with_wrapping_key(cpu, aes, |wrapping| {
        wrapping.wrap(key);
        pattern.copy_from_slice(&wrapping.pattern()[..pattern.len()]);
    })?;
    store_parameters(cpu, 0, block)
}
