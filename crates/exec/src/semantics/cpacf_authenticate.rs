//! Authentication: KMAC, and KMA with GCM.
//! Source: Principles of Operation, chapter 7: COMPUTE MESSAGE AUTHENTICATION CODE, CIPHER MESSAGE WITH AUTHENTICATION. That
//! condition code 2 stands for every end before the tag is complete is from memory.

use softsie_cpacf::Encryptor;
use softsie_cpacf::gcm::{Hash, counter_mode};
use softsie_cpacf::{functions, modes};
use softsie_cpu::{AddressSpace, Cpu, Exit};
use softsie_isa::Operands;

use super::cpacf::{
    CipherKey, MODIFIER, Place, designates, function, parameters, probe_parameters, query, store_parameters, stream,
    without_modifier,
};
use super::register_pair::Pair;
use super::translate::resume_later;

semantics! {
    simple {}
    heavy {
        KMAC => message_authentication_code,
        KMA => with_authentication,
    }
}

fn message_authentication_code(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    designates(o.r2())?;
    without_modifier(cpu)?;
    let code = function(cpu, functions::KMAC)?;
    if code == 0 {
        return query(cpu, functions::KMAC);
    }
    let key = CipherKey::of(code)?;
    let size = key.kind.block();
    let mut from = Pair::of(cpu, o.r2())?;
    if !from.length.is_multiple_of(size as u64) {
        return Err(Exit::SPECIFICATION);
    }
    if from.length == 0 {
        cpu.cc = 0;
        return Ok(());
    }
    probe_parameters(cpu, 0, size)?;
    let mut chaining = [0; 16];
    parameters(cpu, 0, &mut chaining[..size])?;
    let Some(bytes) = key.fetch(cpu, size)? else {
        cpu.cc = 1;
        return Ok(());
    };
    let cipher = Encryptor::new(key.kind, &bytes);
    let cc = stream(cpu, None, &mut from, size, &mut chaining, |_, chaining, _, data| {
        modes::cbc_mac(&cipher, chaining, data);
        Ok(())
    })?;
    store_parameters(cpu, 0, &chaining[..size])?;
    from.save(cpu);
    cpu.cc = cc;
    Ok(())
}

/// Flags in general register 0: the parameter block has the hash subkey; the last of the additional authenticated data, of the
/// text are here.
const HASH_SUBKEY: u64 = 0x400;
const LAST_AAD: u64 = 0x200;
const LAST_TEXT: u64 = 0x100;

/// Bytes of the parameter block before the key: counter value at 12, tag at 16, hash subkey at 32, total lengths at 48, initial
/// counter block at 64.
const GCM_BLOCK: usize = 80;

/// The condition code when the tag is not complete, because something still has to come.
const INCOMPLETE: u8 = 2;

fn with_authentication(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    for r in [o.r1(), o.r2(), o.r3()] {
        designates(r)?;
    }
    if o.r3() == o.r1() || o.r3() == o.r2() {
        return Err(Exit::SPECIFICATION);
    }
    let code = function(cpu, functions::KMA)?;
    if code == 0 {
        return query(cpu, functions::KMA);
    }
    let key = CipherKey::of(code)?;
    probe_parameters(cpu, 0, GCM_BLOCK)?;
    let mut block = [0; GCM_BLOCK];
    parameters(cpu, 0, &mut block)?;
    let Some(bytes) = key.fetch(cpu, GCM_BLOCK)? else {
        cpu.cc = 1;
        return Ok(());
    };
    let cipher = Encryptor::new(key.kind, &bytes);
    let field = |at: usize| <modes::Block>::try_from(&block[at..at + 16]).unwrap_or_default();
    let mut subkey = field(32);
    if cpu.gr[0] & HASH_SUBKEY == 0 {
        subkey = [0; 16];
        cipher.blocks(&mut subkey);
    }
    let mut gcm = Gcm {
        cipher,
        initial: field(64),
        lengths: field(48),
        text: Text { hash: Hash::new(&subkey, &field(16)), counter: counter_value(&block) },
        decipher: cpu.gr[0] & MODIFIER != 0,
        to: Place::of(cpu, o.r1()),
        from: Pair::of(cpu, o.r2())?,
        aad: Pair::of(cpu, o.r3())?,
    };
    let cc = gcm.run(cpu)?;
    block[12..16].copy_from_slice(&gcm.text.counter.to_be_bytes());
    let mut tag = gcm.text.hash.value();
    if cc == 0 {
        let mut mask = gcm.initial;
        gcm.cipher.blocks(&mut mask);
        modes::xor(&mut tag, &mask);
    }
    block[16..32].copy_from_slice(&tag);
    block[32..48].copy_from_slice(&subkey);
    store_parameters(cpu, 0, &block)?;
    cpu.gr[0] |= HASH_SUBKEY;
    gcm.to.save(cpu);
    gcm.from.save(cpu);
    gcm.aad.save(cpu);
    cpu.cc = cc;
    Ok(())
}

fn counter_value(block: &[u8; GCM_BLOCK]) -> u32 {
    u32::from_be_bytes([block[12], block[13], block[14], block[15]])
}

/// What changes with the text.
#[derive(Clone)]
struct Text {
    hash: Hash,
    counter: u32,
}

struct Gcm {
    cipher: Encryptor,
    initial: modes::Block,
    /// Total lengths in bits.
    lengths: modes::Block,
    text: Text,
    decipher: bool,
    to: Place,
    from: Pair,
    aad: Pair,
}

impl Gcm {
    /// Processes what there is; the condition code. The tag is complete but for its mask with condition code 0.
    fn run(&mut self, cpu: &mut Cpu) -> Result<u8, Exit> {
        let lengths = (self.aad.length, self.from.length);
        let cc = match self.parts(cpu) {
            Err(exit) => {
                let done = lengths.0 - self.aad.length + (lengths.1 - self.from.length);
                resume_later(cpu, done, exit)?
            }
            Ok(cc) => cc,
        };
        Ok(cc)
    }

    fn parts(&mut self, cpu: &mut Cpu) -> Result<u8, Exit> {
        let flags = cpu.gr[0];
        if stream(cpu, None, &mut self.aad, 16, &mut self.text, |_, text, _, data| {
            text.hash.update(data);
            Ok(())
        })? != 0
        {
            return Ok(3);
        }
        if flags & LAST_AAD == 0 {
            return Ok(INCOMPLETE);
        }
        if self.aad.length != 0 {
            let mut rest = [0; 16];
            let rest = &mut rest[..self.aad.length as usize];
            cpu.read_bytes(AddressSpace::Logical(self.aad.ar()), self.aad.address, rest)?;
            self.text.hash.update_padded(rest);
            self.aad.advance(cpu, rest.len() as u64);
        }
        let (cipher, initial, decipher) = (&self.cipher, &self.initial, self.decipher);
        let crypt = |text: &mut Text, data: &mut [u8]| {
            if decipher {
                text.hash.update_padded(data);
            }
            counter_mode(cipher, initial, &mut text.counter, data);
            if !decipher {
                text.hash.update_padded(data);
            }
        };
        let cc = stream(cpu, Some(&mut self.to), &mut self.from, 16, &mut self.text, |_, text, _, data| {
            crypt(text, data);
            Ok(())
        })?;
        if cc != 0 {
            return Ok(cc);
        }
        if flags & LAST_TEXT == 0 {
            return Ok(INCOMPLETE);
        }
        if self.from.length != 0 {
            let mut rest = [0; 16];
            let rest = &mut rest[..self.from.length as usize];
            cpu.read_bytes(AddressSpace::Logical(self.from.ar()), self.from.address, rest)?;
            let mut next = self.text.clone();
            crypt(&mut next, rest);
            self.to.write(cpu, rest)?;
            self.text = next;
            self.from.advance(cpu, rest.len() as u64);
            self.to.advance(cpu, rest.len() as u64);
        }
        self.text.hash.update(&self.lengths);
        Ok(0)
    }
}
