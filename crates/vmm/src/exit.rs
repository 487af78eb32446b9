//! What the launcher does when KVM hands it a CPU: interceptions, resets, STSI.
//! Truth: the tables of who handles which instruction (Linux arch/s390/kvm/intercept.c, priv.c); QEMU's answers as a client.

use softsie_kvm::abi::{KVM_EXIT_S390_RESET, KVM_EXIT_S390_SIEIC, KVM_EXIT_S390_STSI, KVM_EXIT_S390_TSCH};

use crate::cpu::{Cpu, State};
use crate::machine::{Ending, Machine};
use crate::{Result, channel, diagnose, report, sigp, stsi, topology};

// Interception codes.
const INSTRUCTION: u8 = 0x04;
const PROGRAM_LOOP: u8 = 0x08;
const EXTERNAL_LOOP: u8 = 0x14;
const WAIT: u8 = 0x1c;
const STOP: u8 = 0x28;
const OPERATION: u8 = 0x2c;

const SERVICE_CALL: u16 = 0xb220;

/// Program-interruption codes that the launcher raises.
pub(crate) mod program {
    pub(crate) const OPERATION: u16 = 0x01;
    pub(crate) const PRIVILEGED: u16 = 0x02;
    pub(crate) const ADDRESSING: u16 = 0x05;
    pub(crate) const SPECIFICATION: u16 = 0x06;
    pub(crate) const OPERAND: u16 = 0x15;
}

/// Handles the exit of `cpu`'s last run; called on the CPU's own thread.
pub(crate) fn handle(machine: &Machine, cpu: &Cpu) -> Result<()> {
    let registers = cpu.own_registers();
    let reason = registers.get(|run| run.exit_reason);
    match reason {
        KVM_EXIT_S390_SIEIC => {
            let icpt = registers.get(|run| run.s390_sieic());
            match icpt.icptcode {
                INSTRUCTION => instruction(machine, cpu, icpt.ipa, icpt.ipb),
                STOP => rest(machine, cpu, State::Stopped),
                WAIT => rest(machine, cpu, State::DisabledWait),
                PROGRAM_LOOP => fail(machine, cpu, "program interruption loop: the program-new PSW is invalid"),
                EXTERNAL_LOOP => fail(
                    machine,
                    cpu,
                    "external interruption loop: the external-new PSW lets the same interruption in again",
                ),
                OPERATION => {
                    fail(machine, cpu, "operation exception loop: there is no instruction at the program-new PSW")
                }
                code => fail(machine, cpu, &format!("interception {code:#04x}, which this launcher does not know")),
            }
        }
        KVM_EXIT_S390_RESET => diagnose::reset_exit(machine, cpu),
        KVM_EXIT_S390_STSI => {
            let request = registers.get(|run| run.s390_stsi());
            if request.fc == 15 {
                topology::store(machine, cpu, &request);
            } else {
                stsi::complete(machine, cpu, &request);
            }
            Ok(())
        }
        KVM_EXIT_S390_TSCH => {
            let ipb = registers.get(|run| run.s390_tsch().ipb);
            channel::test_subchannel(cpu, ipb)
        }
        reason => fail(machine, cpu, &format!("exit reason {reason}, which this launcher does not know")),
    }
}

fn fail(machine: &Machine, cpu: &Cpu, why: &str) -> Result<()> {
    machine.end(Ending::Failed(report::failure(machine, cpu.own_registers(), cpu.address, why)));
    Ok(())
}

/// The CPU followed a stop order, or loaded a PSW with which it waits for good.
fn rest(machine: &Machine, cpu: &Cpu, state: State) -> Result<()> {
    let mut control = cpu.lock();
    if state == State::DisabledWait && control.signalled {
        return Ok(());
    }
    let last = machine.set_state(cpu, &mut control, state)?;
    // Nothing touches the registers any more before this thread waits for its turn.
    control.parked = true;
    drop(control);
    if last {
        machine.nothing_runs();
    }
    Ok(())
}

fn instruction(machine: &Machine, cpu: &Cpu, ipa: u16, ipb: u32) -> Result<()> {
    match ipa {
        topology::PERFORM_TOPOLOGY_FUNCTION => topology::perform(machine, cpu, ipb),
        SERVICE_CALL => service_call(machine, cpu, ipb),
        _ if channel::is_channel_instruction(ipa) => channel::handle(cpu, ipa, ipb),
        _ => match ipa >> 8 {
            0x83 => diagnose::handle(machine, cpu, ipa, ipb),
            0xae => sigp::handle(machine, cpu, ipa, ipb),
            // Everything else belongs to facilities that this machine does not have.
            _ => cpu.own_registers().program_interruption(program::OPERATION),
        },
    }
}

fn service_call(machine: &Machine, cpu: &Cpu, ipb: u32) -> Result<()> {
    let registers = cpu.own_registers();
    if registers.in_problem_state() {
        return registers.program_interruption(program::PRIVILEGED);
    }
    let command = registers.gpr((ipb >> 20) as u8) as u32;
    let sccb = registers.gpr((ipb >> 16) as u8);
    let prefix = registers.prefix();
    let outcome = {
        let mut sclp = machine.sclp.lock();
        let outcome = sclp.service_call(&machine.storage, prefix, command, sccb);
        // Written under the processor's lock, so that lines of two CPUs appear in the order of their calls.
        if let Ok(completion) = &outcome {
            machine.console.write(&completion.text);
        }
        outcome
    };
    match outcome {
        Ok(completion) => {
            registers.set_cc(0);
            machine.signal_service(completion.parameter)
        }
        Err(refusal) => registers.program_interruption(refusal.code()),
    }
}
