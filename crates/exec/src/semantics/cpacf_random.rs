//! Random numbers: PRNO.
//! Source: Principles of Operation, chapter 7: PERFORM RANDOM NUMBER OPERATION. What the stream-bytes field of the SHA-512
//! generator counts (the bytes since it was seeded) and that a seed has 1 to 512 bytes are from memory.

use softsie_cpacf::functions;
use softsie_cpacf::random::{self, BLOCK, Generator, LONGEST_REQUEST};
use softsie_cpu::{Access, AddressSpace, Cpu, Exit};
use softsie_isa::Operands;

use super::cpacf::{
    MODIFIER, designates, function, parameters, probe_parameters, query, store_parameters, without_modifier,
};
use super::register_pair::Pair;
use super::translate::resume_later;

semantics! {
    simple {}
    heavy { PRNO => random_number_operation }
}

const SHA512_GENERATOR: u8 = 3;
const RAW_TO_CONDITIONED: u8 = 112;

fn random_number_operation(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    designates(o.r1())?;
    designates(o.r2())?;
    let code = function(cpu, functions::PRNO)?;
    if code != SHA512_GENERATOR {
        without_modifier(cpu)?;
    }
    cpu.cc = match code {
        0 => return query(cpu, functions::PRNO),
        SHA512_GENERATOR if cpu.gr[0] & MODIFIER != 0 => seed(cpu, o)?,
        SHA512_GENERATOR => generate(cpu, o)?,
        RAW_TO_CONDITIONED => {
            // The host's random numbers have all the entropy that they can have.
            store_parameters(cpu, 0, &[0, 0, 0, 1, 0, 0, 0, 1])?;
            0
        }
        _ => true_random(cpu, o)?,
    };
    Ok(())
}

fn generator(cpu: &mut Cpu) -> Result<Generator, Exit> {
    let mut block = [0; BLOCK];
    probe_parameters(cpu, 0, BLOCK)?;
    parameters(cpu, 0, &mut block)?;
    Ok(Generator::load(&block))
}

const LONGEST_SEED: usize = 512;

fn seed(cpu: &mut Cpu, o: &Operands) -> Result<u8, Exit> {
    let mut from = Pair::of(cpu, o.r2())?;
    if from.length == 0 || from.length > LONGEST_SEED as u64 {
        return Err(Exit::SPECIFICATION);
    }
    let mut generator = generator(cpu)?;
    let mut material = [0; LONGEST_SEED];
    let material = &mut material[..from.length as usize];
    cpu.read_bytes(AddressSpace::Logical(from.ar()), from.address, material)?;
    generator.seed(material);
    store_parameters(cpu, 0, &generator.store())?;
    from.advance(cpu, material.len() as u64);
    from.save(cpu);
    Ok(0)
}

/// Bytes that are made at a time.
const PART: usize = 1024;

/// One request of the standard at a time; what is longer than a request may be goes on after condition code 3.
fn generate(cpu: &mut Cpu, o: &Operands) -> Result<u8, Exit> {
    let mut to = Pair::of(cpu, o.r1())?;
    if to.length == 0 {
        return Ok(0);
    }
    let mut generator = generator(cpu)?;
    let length = to.length.min(LONGEST_REQUEST);
    let space = AddressSpace::Logical(to.ar());
    cpu.probe(space, to.address, length, Access::Store)?;
    let mut done = 0;
    while done < length {
        let mut part = [0; PART];
        let part = &mut part[..(length - done).min(PART as u64) as usize];
        generator.stream(done, part);
        let at = cpu.wrap(to.address.wrapping_add(done));
        cpu.write_bytes(space, at, part)?;
        done += part.len() as u64;
    }
    generator.update(length);
    store_parameters(cpu, 0, &generator.store())?;
    to.advance(cpu, length);
    to.save(cpu);
    Ok(if to.length == 0 { 0 } else { 3 })
}

/// Raw random numbers for the first operand, conditioned ones for the second: the same here.
fn true_random(cpu: &mut Cpu, o: &Operands) -> Result<u8, Exit> {
    let mut operands = [Pair::of(cpu, o.r1())?, Pair::of(cpu, o.r2())?];
    let mut cc = 0;
    let mut done = 0u64;
    'operands: for to in &mut operands {
        while to.length != 0 {
            let mut part = [0; PART];
            let part = &mut part[..to.length.min(PART as u64) as usize];
            if !random::fill(part) {
                // The host has none now: the program has to try again.
                cc = 3;
                break 'operands;
            }
            if let Err(exit) = cpu.write_bytes(AddressSpace::Logical(to.ar()), to.address, part) {
                cc = resume_later(cpu, done, exit)?;
                break 'operands;
            }
            let n = part.len() as u64;
            to.advance(cpu, n);
            done += n;
            if to.length != 0 && cpu.attention().pending() != 0 {
                cc = 3;
                break 'operands;
            }
        }
    }
    for to in operands {
        to.save(cpu);
    }
    Ok(cc)
}
