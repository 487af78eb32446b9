//! A hostile guest made of arbitrary bytes: registers, control registers, PSW and code. Whatever it is, the process lives on.
//! Source: the promise that a guest may do anything to itself and nothing to the host.

use softsie_cpu::{Cpu, Decoded, Exit, ProgramCode, Psw};
use softsie_exec::{Leave, Observer, run};

use crate::bare::Bare;

/// Takes from the front of `bytes`, zeros when they are used up.
fn take<const N: usize>(bytes: &mut &[u8]) -> [u8; N] {
    let mut out = [0; N];
    let n = N.min(bytes.len());
    out[..n].copy_from_slice(&bytes[..n]);
    *bytes = &bytes[n..];
    out
}

struct Limit(u32);

impl Observer for Limit {
    const ACTIVE: bool = true;

    fn before(&mut self, _: &Cpu, _: u64, _: &Decoded) -> bool {
        self.0 = self.0.saturating_sub(1);
        self.0 != 0
    }

    fn after(&mut self, _: &Cpu, _: u64, _: &Decoded, _: Result<(), Exit>) {}

    fn program_interruption(&mut self, cpu: &Cpu, _: ProgramCode) {
        // Interruption loops end too.
        self.0 = self.0.saturating_sub(1);
        if self.0 == 0 {
            cpu.attention().raise(softsie_cpu::Attention::HOST);
        }
    }
}

/// Runs a guest made of `bytes` for at most 200 instructions: a byte of choices, register contents, then code.
pub fn run_hostile_guest(mut bytes: &[u8]) -> Leave {
    let mut bare = Bare::new();
    let cpu = &mut bare.cpu;
    let [choices, key_and_mask] = take::<2>(&mut bytes);
    for n in 0..16 {
        // Addresses near the guest's storage are more interesting than random ones.
        let value = u64::from_be_bytes(take(&mut bytes));
        cpu.gr[n] = if choices & 1 != 0 { value & 0x10_1FFF } else { value };
        cpu.vr[n] = u128::from(value) << 64 | u128::from(value.rotate_left(17));
    }
    let mut psw = Psw::new(0x1_8000_0000, 0x1000);
    if choices & 2 != 0 {
        psw.mask &= !(1 << 32);
    }
    if choices & 4 != 0 {
        psw.mask |= 1 << 48;
    }
    psw.set_key(key_and_mask >> 4);
    psw.set_program_mask(key_and_mask & 15);
    if choices & 8 != 0 {
        // DAT with tables wherever the bytes say.
        psw.mask |= 1 << 58;
        for cr in [1, 7, 13] {
            cpu.cr[cr] = u64::from_be_bytes(take(&mut bytes)) & 0xF_FFFF;
        }
    }
    cpu.cr[0] = if choices & 16 != 0 { u64::from_be_bytes(take(&mut bytes)) } else { 0x6_00E0 };
    if choices & 32 != 0 {
        // Program-event recording with any events and area.
        psw.mask |= 1 << 62;
        for cr in 9..12 {
            cpu.cr[cr] = u64::from_be_bytes(take(&mut bytes)) & if cr == 9 { u64::MAX } else { 0xF_FFFF };
        }
    }
    if choices & 64 != 0 {
        // Tracing of all kinds with a table anywhere.
        cpu.cr[12] = u64::from_be_bytes(take(&mut bytes)) & 0xC000_0000_000F_FFFF;
    }
    let length = bytes.len().min(4096);
    let written = cpu.write_absolute(0x1000, &bytes[..length]).is_ok();
    assert!(written);
    // Interruptions start the code again.
    for new in [0x1A0u64, 0x1B0, 0x1C0, 0x1D0, 0x1E0, 0x1F0] {
        let written = cpu.write_absolute(new, &(0x1_8000_0000 | psw.mask & 1 << 62).to_be_bytes()).is_ok()
            && cpu.write_absolute(new + 8, &0x1000u64.to_be_bytes()).is_ok();
        assert!(written);
    }
    cpu.flush_tlb();
    cpu.set_psw(psw);
    cpu.start_running();
    let leave = run(cpu, &mut Limit(200));
    cpu.stop_running();
    leave
}
