//! The SIGNAL PROCESSOR orders that KVM leaves to its client: those that start, stop, reset or inspect a CPU.
//! Sense, external call, emergency and sense running never arrive here.
//! Truth: the Principles of Operation, chapter 4, Multiprocessing (orders, status bits, condition codes).

use softsie_kvm::abi::{KVM_S390_RESTART, KVM_S390_SIGP_STOP, KVM_S390_STOP_FLAG_STORE_STATUS, kvm_s390_interrupt};
use softsie_kvm::signal::{order, status};

use crate::cpu::{Cpu, Reset, State};
use crate::error::Named;
use crate::machine::Machine;
use crate::{Result, exit::program};

/// How an order ends: the condition code, with the status for condition code 1.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Answer {
    Accepted,
    Status(u32),
    Busy,
    NotOperational,
}

/// Carries out the intercepted SIGP of `cpu`.
pub(crate) fn handle(machine: &Machine, cpu: &Cpu, ipa: u16, ipb: u32) -> Result<()> {
    let registers = cpu.own_registers();
    if registers.in_problem_state() {
        return registers.program_interruption(program::PRIVILEGED);
    }
    let r1 = (ipa >> 4 & 15) as u8;
    let address = registers.gpr((ipa & 15) as u8) as u16;
    let parameter = registers.gpr(r1 | 1);
    let code = registers.base_displacement(ipb) as u8;
    let answer = match (machine.sigp.try_lock(), machine.cpus.get(usize::from(address))) {
        // Another CPU's order is being carried out, perhaps on this CPU: it must be able to finish.
        (None, _) => Answer::Busy,
        (Some(_), None) => Answer::NotOperational,
        (Some(_held), Some(target)) => carry_out(machine, cpu, target, code, parameter)?,
    };
    let registers = cpu.own_registers();
    match answer {
        Answer::Accepted => registers.set_cc(0),
        Answer::Status(status) => {
            registers.set_gpr(r1, registers.gpr(r1) & !0xffff_ffff | u64::from(status));
            registers.set_cc(1);
        }
        Answer::Busy => registers.set_cc(2),
        Answer::NotOperational => registers.set_cc(3),
    }
    Ok(())
}

fn carry_out(machine: &Machine, issuer: &Cpu, target: &Cpu, code: u8, parameter: u64) -> Result<Answer> {
    let itself = issuer.address == target.address;
    // A start that was accepted before the stop is complete would be lost.
    if !matches!(code, order::INITIAL_CPU_RESET | order::CPU_RESET) && target.lock().stopping {
        return Ok(Answer::Busy);
    }
    match code {
        order::START => start(machine, target),
        order::STOP => stop(machine, target, 0),
        order::STOP_AND_STORE_STATUS => stop(machine, target, KVM_S390_STOP_FLAG_STORE_STATUS),
        order::RESTART => {
            let mut control = target.lock();
            inject(target, KVM_S390_RESTART, 0)?;
            machine.let_it_see(target, &mut control)?;
            Ok(Answer::Accepted)
        }
        order::INITIAL_CPU_RESET => reset(machine, target, itself, Reset::Initial),
        order::CPU_RESET => reset(machine, target, itself, Reset::Normal),
        order::SET_PREFIX => set_prefix(machine, target, parameter),
        order::STORE_STATUS_AT_ADDRESS => store_status(machine, target, parameter),
        order::STORE_ADDITIONAL_STATUS => store_additional_status(machine, target, parameter),
        // z/Architecture is the only mode there is, and every CPU is in it already.
        order::SET_ARCHITECTURE => Ok(Answer::Status(status::INVALID_PARAMETER)),
        _ => Ok(Answer::Status(status::INVALID_ORDER)),
    }
}

fn inject(target: &Cpu, kind: u64, parm: u32) -> Result<()> {
    let interrupt = kvm_s390_interrupt { r#type: kind as u32, parm, parm64: 0 };
    target.vcpu().s390_interrupt(&interrupt).named("KVM_S390_INTERRUPT")
}

fn start(machine: &Machine, target: &Cpu) -> Result<Answer> {
    let mut control = target.lock();
    machine.set_state(target, &mut control, State::Operating)?;
    Ok(Answer::Accepted)
}

fn stop(machine: &Machine, target: &Cpu, flags: u32) -> Result<Answer> {
    let mut control = target.lock();
    if control.state == State::Stopped {
        if flags & KVM_S390_STOP_FLAG_STORE_STATUS != 0 {
            let _ = target.vcpu().s390_store_status(softsie_kvm::abi::KVM_S390_STORE_STATUS_NOADDR);
        }
        return Ok(Answer::Accepted);
    }
    match inject(target, KVM_S390_SIGP_STOP, flags) {
        Ok(()) => {
            control.stopping = true;
            machine.let_it_see(target, &mut control)?;
            Ok(Answer::Accepted)
        }
        // A stop order is pending already.
        Err(crate::Error::Kvm { errno: softsie_kvm::Errno::EBUSY, .. }) => Ok(Answer::Busy),
        Err(error) => Err(error),
    }
}

fn reset(machine: &Machine, target: &Cpu, itself: bool, kind: Reset) -> Result<Answer> {
    let mut control = target.lock();
    if itself {
        target.own_registers().reset(kind)?;
        let last = machine.set_state(target, &mut control, State::Stopped)?;
        drop(control);
        if last {
            machine.nothing_runs();
        }
        return Ok(Answer::Accepted);
    }
    control.reset = Some(kind);
    target.vcpu().beside_kvm().kick();
    target.notify();
    // The order is complete only when the reset is.
    while control.reset.is_some() && !machine.has_ended() {
        target.wait(&mut control);
    }
    Ok(Answer::Accepted)
}

/// Runs `action` on a stopped CPU; an operating one is in an incorrect state for the order.
fn when_stopped(target: &Cpu, action: impl FnOnce(crate::cpu::Registers<'_>) -> Result<Answer>) -> Result<Answer> {
    let control = target.lock();
    match target.parked_registers(&control) {
        Some(registers) if control.state == State::Stopped => action(registers),
        // Stopped, but its thread is still on its way: it will be ready for the next attempt.
        None if control.state == State::Stopped => Ok(Answer::Busy),
        _ => Ok(Answer::Status(status::INCORRECT_STATE)),
    }
}

fn set_prefix(machine: &Machine, target: &Cpu, parameter: u64) -> Result<Answer> {
    let prefix = parameter & 0x7fff_e000;
    if !machine.storage.contains(prefix, 0x2000) {
        return Ok(Answer::Status(status::INVALID_PARAMETER));
    }
    when_stopped(target, |registers| {
        registers.set_prefix(prefix);
        Ok(Answer::Accepted)
    })
}

fn store_status(machine: &Machine, target: &Cpu, parameter: u64) -> Result<Answer> {
    let address = parameter & 0x7fff_fe00;
    if !machine.storage.contains(address, 512) {
        return Ok(Answer::Status(status::INVALID_PARAMETER));
    }
    when_stopped(target, |_| {
        target.vcpu().s390_store_status(address).named("KVM_S390_STORE_STATUS")?;
        Ok(Answer::Accepted)
    })
}

/// Stores the vector registers, and the guarded-storage registers if there is room for them. Without guarded storage the area
/// has 1024 bytes and the right bits of the parameter, which else give its size, are part of the address.
fn store_additional_status(machine: &Machine, target: &Cpu, parameter: u64) -> Result<Answer> {
    if !machine.has_vectors && !machine.has_guarded_storage {
        return Ok(Answer::Status(status::INVALID_ORDER));
    }
    let (address, length) = match parameter & 0xf {
        length @ (0 | 10..=12) if machine.has_guarded_storage => (parameter & !0xf, 1 << length.max(10)),
        _ => (parameter, 1024),
    };
    if address & (length - 1) != 0 || !machine.storage.contains(address, length) {
        return Ok(Answer::Status(status::INVALID_PARAMETER));
    }
    when_stopped(target, |registers| {
        let (vectors, guarded_storage) = registers.get(|run| (*run.regs().vrs(), run.regs().gscb));
        let bytes = |doublewords: &[u64]| -> Vec<u8> { doublewords.iter().flat_map(|d| d.to_be_bytes()).collect() };
        let mut stored = Some(());
        if machine.has_vectors {
            stored = machine.storage.write(address, &bytes(vectors.as_flattened()));
        }
        if machine.has_guarded_storage && length > GUARDED_STORAGE_AT {
            let bytes = bytes(&guarded_storage);
            stored = stored.and_then(|()| machine.storage.write(address + GUARDED_STORAGE_AT, &bytes));
        }
        Ok(match stored {
            Some(()) => Answer::Accepted,
            None => Answer::Status(status::INVALID_PARAMETER),
        })
    })
}

/// Where the guarded-storage registers are in the area of the additional status.
const GUARDED_STORAGE_AT: u64 = 1024;
