//! CHECKSUM: the sum of a string of words with end-around carry, as the Internet protocols use it.
//! Source: Principles of Operation, chapter 7: CHECKSUM.

use softsie_cpu::{Access, Cpu, Exit, Scalar};
use softsie_isa::Operands;

use super::register_pair::Pair;

semantics! {
    simple {}
    heavy { CKSM => checksum }
}

fn checksum(cpu: &mut Cpu, o: &Operands) -> Result<(), Exit> {
    let mut data = Pair::of(cpu, o.r2())?;
    // The carries are collected in the left half and added at the end of a page.
    let mut sum = u64::from(cpu.gr[usize::from(o.r1())] as u32);
    let mut cc = 0;
    while data.length != 0 {
        let n = data.piece() & !3;
        if n == 0 {
            // The last bytes with zeros to the right, or a word in two pages.
            let taken = data.length.min(4);
            let mut word = 0;
            for i in 0..taken {
                let byte = cpu.load::<u8>(cpu.wrap(data.address.wrapping_add(i)), data.ar())?;
                word |= u64::from(byte) << (24 - 8 * i);
            }
            sum += word;
            data.advance(cpu, taken);
        } else {
            let host = data.host(cpu, Access::Fetch)?;
            for i in (0..n as usize).step_by(4) {
                // SAFETY: the part ends within its page.
                sum += u64::from(unsafe { u32::read_be(host.add(i)) });
            }
            data.advance(cpu, n);
        }
        sum = (sum & 0xFFFF_FFFF) + (sum >> 32);
        sum = (sum & 0xFFFF_FFFF) + (sum >> 32);
        if data.length != 0 && cpu.attention().pending() != 0 {
            cc = 3;
            break;
        }
    }
    // With register R1 inside the pair, which the architecture leaves open, the pair's values win.
    let r1 = &mut cpu.gr[usize::from(o.r1())];
    *r1 = *r1 & !0xFFFF_FFFF | sum;
    data.save(cpu);
    cpu.cc = cc;
    Ok(())
}
