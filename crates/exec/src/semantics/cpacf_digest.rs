//! Digests: KIMD and KLMD.
//! Source: Principles of Operation, chapter 7: COMPUTE INTERMEDIATE MESSAGE DIGEST, COMPUTE LAST MESSAGE DIGEST.

use softsie_cpacf::digest::{Digest, LONGEST_BLOCK, LONGEST_STATE};
use softsie_cpacf::functions;
use softsie_cpacf::gcm::Hash;
use softsie_cpu::{Access, AddressSpace, Cpu, Exit};
use softsie_isa::Operands;

use super::cpacf::{
    designates, function, parameters, probe_parameters, query, store_parameters, stream, without_modifier,
};
use super::register_pair::Pair;
use super::translate::resume_later;

semantics! {
    simple {}
    heavy {
        KIMD => intermediate,
        KLMD => last,
    }
}

/// Function code of GHASH.
const GHASH: u8 = 65;

fn intermediate(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    designates(o.r2())?;
    without_modifier(cpu)?;
    let code = function(cpu, functions::KIMD)?;
    if code == 0 {
        return query(cpu, functions::KIMD);
    }
    let mut from = Pair::of(cpu, o.r2())?;
    let digest = Digest::of(code);
    let unit = digest.map_or(16, Digest::block);
    if !from.length.is_multiple_of(unit as u64) {
        return Err(Exit::SPECIFICATION);
    }
    if from.length == 0 {
        cpu.cc = 0;
        return Ok(());
    }
    let cc = match digest {
        Some(digest) => {
            let mut state = [0; LONGEST_STATE];
            probe_parameters(cpu, 0, digest.state())?;
            parameters(cpu, 0, &mut state[..digest.state()])?;
            let cc = absorb(cpu, digest, &mut state, &mut from)?;
            store_parameters(cpu, 0, &state[..digest.state()])?;
            cc
        }
        None => {
            debug_assert_eq!(code, GHASH);
            let (mut value, mut subkey) = ([0; 16], [0; 16]);
            probe_parameters(cpu, 0, 16)?;
            parameters(cpu, 0, &mut value)?;
            parameters(cpu, 16, &mut subkey)?;
            let mut hash = Hash::new(&subkey, &value);
            let cc = stream(cpu, None, &mut from, unit, &mut hash, |_, hash, _, data| {
                hash.update(data);
                Ok(())
            })?;
            store_parameters(cpu, 0, &hash.value())?;
            cc
        }
    };
    from.save(cpu);
    cpu.cc = cc;
    Ok(())
}

/// Takes the whole blocks of the second operand in.
fn absorb(cpu: &mut Cpu, digest: Digest, state: &mut [u8; LONGEST_STATE], from: &mut Pair) -> Result<u8, Exit> {
    stream(cpu, None, from, digest.block(), state, |_, state, _, data| {
        digest.update(state, data);
        Ok(())
    })
}

/// Bit 55 of general register 0, for SHAKE: the message has been padded, and its digest begun.
const PADDED: u64 = 0x100;

fn last(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    designates(o.r2())?;
    without_modifier(cpu)?;
    let code = function(cpu, functions::KLMD)?;
    if code == 0 {
        return query(cpu, functions::KLMD);
    }
    let Some(digest) = Digest::of(code) else { return Err(Exit::SPECIFICATION) };
    let is_shake = matches!(digest, Digest::Keccak { shake: true, .. });
    if is_shake {
        designates(o.r1())?;
    }
    let mut from = Pair::of(cpu, o.r2())?;
    let mut block = [0; LONGEST_STATE + 16];
    let (size, with_length) = (digest.state(), digest.state() + digest.length_field());
    probe_parameters(cpu, 0, size)?;
    parameters(cpu, 0, &mut block[..with_length])?;
    let mut state = [0; LONGEST_STATE];
    state[..size].copy_from_slice(&block[..size]);
    let length_field = &block[size..with_length];

    let mut to = if is_shake { Some(Pair::of(cpu, o.r1())?) } else { None };
    let cc = if is_shake && cpu.gr[0] & PADDED != 0 {
        0
    } else {
        let length = from.length;
        let mut cc = absorb(cpu, digest, &mut state, &mut from)?;
        if cc == 0 {
            let result = pad(cpu, digest, &mut state, &mut from, to.as_ref(), length_field);
            if let Err(exit) = result {
                cc = resume_later(cpu, length - from.length, exit)?;
            }
        }
        cc
    };
    let cc = match &mut to {
        Some(to) if cc == 0 => squeeze(cpu, digest, &mut state, to)?,
        _ => cc,
    };
    store_parameters(cpu, 0, &state[..size])?;
    from.save(cpu);
    if let Some(to) = to {
        to.save(cpu);
    }
    cpu.cc = cc;
    Ok(())
}

/// Takes the rest of the message in, when it can be fetched and, for SHAKE, the first part of the digest can be stored.
fn pad(
    cpu: &mut Cpu,
    digest: Digest,
    state: &mut [u8; LONGEST_STATE],
    from: &mut Pair,
    to: Option<&Pair>,
    length_field: &[u8],
) -> Result<(), Exit> {
    let mut rest = [0; LONGEST_BLOCK];
    let rest = &mut rest[..from.length as usize];
    cpu.read_bytes(AddressSpace::Logical(from.ar()), from.address, rest)?;
    if let Some(to) = to {
        let first = to.length.min(digest.block() as u64);
        cpu.probe(AddressSpace::Logical(to.ar()), to.address, first, Access::Store)?;
    }
    digest.finish(state, rest, length_field);
    from.advance(cpu, rest.len() as u64);
    Ok(())
}

/// Stores the digest of SHAKE. While bit 55 of general register 0 is zero the state is one that nothing has been taken out of.
fn squeeze(cpu: &mut Cpu, digest: Digest, state: &mut [u8; LONGEST_STATE], to: &mut Pair) -> Result<u8, Exit> {
    let mut stored = 0u64;
    while to.length != 0 {
        let mut next = *state;
        if cpu.gr[0] & PADDED != 0 || stored != 0 {
            Digest::permute(&mut next);
        }
        let n = to.length.min(digest.block() as u64);
        let part = &next[..n as usize];
        if let Err(exit) = cpu.write_bytes(AddressSpace::Logical(to.ar()), to.address, part) {
            return resume_later(cpu, stored, exit).inspect(|_| cpu.gr[0] |= PADDED);
        }
        *state = next;
        to.advance(cpu, n);
        stored += n;
        if to.length != 0 && stored.is_multiple_of(16 * digest.block() as u64) && cpu.attention().pending() != 0 {
            cpu.gr[0] |= PADDED;
            return Ok(3);
        }
    }
    Ok(0)
}
