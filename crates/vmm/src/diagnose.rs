//! The DIAGNOSE functions that KVM leaves to its client: watchdog, IPL and resets, control-program name, virtio.
//! Truth: Linux (arch/s390/include/asm/diag.h, drivers/watchdog/diag288_wdt.c), kvm-unit-tests' s390x/diag*.c.

use std::time::Duration;

use softsie_kvm::abi::{KVM_S390_RESET_CLEAR, KVM_SYNC_DIAG318};

use crate::Result;
use crate::cpu::{Cpu, Reset, State};
use crate::exit::program;
use crate::machine::Machine;

/// Function codes.
mod function {
    pub(super) const WATCHDOG: u16 = 0x288;
    pub(super) const IPL: u16 = 0x308;
    pub(super) const CONTROL_PROGRAM_NAME: u16 = 0x318;
    pub(super) const VIRTIO: u16 = 0x500;
}

/// Subcodes of the IPL function.
mod ipl {
    pub(super) const MODIFIED_CLEAR: u64 = 0;
    pub(super) const LOAD_NORMAL: u64 = 1;
    pub(super) const SET: u64 = 5;
    pub(super) const STORE: u64 = 6;
    /// Answer of SET: there is no device the parameters could name.
    pub(super) const INVALID: u64 = 0x0402;
    /// Answer of STORE: no parameters are set.
    pub(super) const NO_CONFIGURATION: u64 = 0x0102;
}

/// The watchdog accepts no shorter time, in seconds.
const SHORTEST_WATCHDOG: u64 = 15;
/// "Invalid argument" as virtio's function answers it: there are no devices.
const NO_DEVICE: u64 = (-22_i64) as u64;

/// Length of DIAGNOSE.
const LENGTH: u64 = 4;

/// Carries out the intercepted DIAGNOSE of `cpu`.
pub(crate) fn handle(machine: &Machine, cpu: &Cpu, ipa: u16, ipb: u32) -> Result<()> {
    let registers = cpu.own_registers();
    let (r1, r3) = ((ipa >> 4 & 15) as u8, (ipa & 15) as u8);
    let code = registers.base_displacement(ipb) as u16;
    if registers.in_problem_state() {
        return registers.program_interruption(program::PRIVILEGED);
    }
    match code {
        function::WATCHDOG => watchdog(machine, cpu, r1, r3),
        function::IPL => initial_program_load(machine, cpu, r1, r3),
        function::CONTROL_PROGRAM_NAME => {
            let value = registers.gpr(r1);
            registers.change(|run| {
                run.regs_mut().diag318 = value;
                run.kvm_dirty_regs |= KVM_SYNC_DIAG318;
            });
            Ok(())
        }
        function::VIRTIO => {
            registers.set_gpr(2, if registers.gpr(1) == 0 { 0 } else { NO_DEVICE });
            Ok(())
        }
        _ => registers.program_interruption(program::SPECIFICATION),
    }
}

fn watchdog(machine: &Machine, cpu: &Cpu, r1: u8, r3: u8) -> Result<()> {
    let registers = cpu.own_registers();
    let function = registers.gpr(r1);
    let time = registers.gpr(r1 | 1);
    let action = registers.gpr(r3);
    let valid = r1 & 1 == 0
        && action == 0
        && match function {
            0 => time >= SHORTEST_WATCHDOG,
            1 => time >= SHORTEST_WATCHDOG && machine.watchdog_runs(),
            2 => machine.watchdog_runs(),
            _ => false,
        };
    if !valid {
        return registers.program_interruption(program::SPECIFICATION);
    }
    // A year is as good as any longer time, and no sum overflows.
    machine.set_watchdog((function != 2).then(|| Duration::from_secs(time.min(31_536_000))));
    Ok(())
}

fn initial_program_load(machine: &Machine, cpu: &Cpu, r1: u8, r3: u8) -> Result<()> {
    let registers = cpu.own_registers();
    match registers.gpr(r3) {
        ipl::MODIFIED_CLEAR => reset_and_load_psw(machine, cpu, Reset::Clear, Reset::Clear),
        ipl::LOAD_NORMAL => reset_and_load_psw(machine, cpu, Reset::Initial, Reset::Normal),
        subcode @ (ipl::SET | ipl::STORE) => {
            let address = registers.gpr(r1);
            if r1 & 1 != 0 || address & 0xfff != 0 {
                return registers.program_interruption(program::SPECIFICATION);
            }
            if !machine.storage.contains(address, 4096) {
                return registers.program_interruption(program::ADDRESSING);
            }
            registers.set_gpr(r1 | 1, if subcode == ipl::SET { ipl::INVALID } else { ipl::NO_CONFIGURATION });
            Ok(())
        }
        _ => registers.program_interruption(program::SPECIFICATION),
    }
}

/// Lets the CPU repeat its DIAGNOSE later: another thread holds all CPUs now, and this one must be held too.
fn try_again(cpu: &Cpu) {
    let registers = cpu.own_registers();
    let (mask, address) = registers.psw();
    registers.set_psw(mask, address.wrapping_sub(LENGTH));
}

/// Subcodes 0 and 1: resets everything, then the CPU goes on at the short PSW in absolute location 0.
fn reset_and_load_psw(machine: &Machine, cpu: &Cpu, own: Reset, others: Reset) -> Result<()> {
    let Some(_pause) = machine.pause(Some(cpu)) else {
        try_again(cpu);
        return Ok(());
    };
    machine.reset_all(|each| if each.address == cpu.address { own } else { others })?;
    let (mask, address) = expand_short_psw(machine.storage.read_u64(0).unwrap_or(0));
    cpu.own_registers().set_psw(mask, address);
    let mut control = cpu.lock();
    machine.set_state(cpu, &mut control, State::Operating).map(|_| ())
}

/// A PSW of eight bytes in the form of sixteen: bit 12, which marks the short form, is no part of the long one.
fn expand_short_psw(short: u64) -> (u64, u64) {
    let mask = short & 0xffff_ffff_8000_0000 & !(1 << 51);
    (mask, short & 0x7fff_ffff)
}

/// Subcodes 3 and 4, which KVM turns into an exit of their own: the machine starts anew.
pub(crate) fn reset_exit(machine: &Machine, cpu: &Cpu) -> Result<()> {
    let clear = cpu.own_registers().get(|run| run.s390_reset_flags()) & KVM_S390_RESET_CLEAR != 0;
    match machine.pause(Some(cpu)) {
        Some(pause) => machine.restart(&pause, clear),
        None => {
            try_again(cpu);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_psws_lose_the_bit_that_marks_them() {
        assert_eq!(expand_short_psw(0x0008_0000_8001_0000), (0x0000_0000_8000_0000, 0x10000));
        assert_eq!(expand_short_psw(0x070a_0001_8000_1234), (0x0702_0001_8000_0000, 0x1234));
    }
}
