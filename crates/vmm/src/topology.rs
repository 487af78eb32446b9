//! CPU topology as guests see it: one socket with all cores, by STSI 15.1.x, and its polarization, which PERFORM TOPOLOGY
//! FUNCTION changes. Truth: Principles of Operation, PERFORM TOPOLOGY FUNCTION and STORE SYSTEM INFORMATION (SYSIB 15.1.x).

use std::sync::atomic::{AtomicBool, Ordering};

use softsie_kvm::abi::{KVM_S390_VM_CPU_TOPOLOGY, kvm_device_attr, kvm_run_s390_stsi};

use crate::Result;
use crate::cpu::Cpu;
use crate::error::Named;
use crate::machine::Machine;

/// The first halfword of PERFORM TOPOLOGY FUNCTION.
pub(crate) const PERFORM_TOPOLOGY_FUNCTION: u16 = 0xb9a2;
/// Levels of nesting: cores in sockets.
pub(crate) const LEVELS: u16 = 2;

/// Function codes.
const VERTICAL: u64 = 1;
/// Reason codes, in bits 48-55 of the first operand.
const ALREADY_POLARIZED: u64 = 1 << 8;
/// Where the list begins in the block; a container has 8 bytes, a list of CPUs 16.
const LIST: usize = 16;
/// CPUs in one entry.
const CPUS: u16 = 64;
/// The kind of CPU: one for Linux.
const KIND: u8 = 3;
/// Polarization of a CPU: vertical with medium entitlement.
const VERTICAL_MEDIUM: u8 = 2;

/// What the guest can change about its topology.
#[derive(Debug, Default)]
pub(crate) struct Topology {
    vertical: AtomicBool,
}

/// PERFORM TOPOLOGY FUNCTION that asks for a polarization. Privilege and operand have been checked.
pub(crate) fn perform(machine: &Machine, cpu: &Cpu, ipb: u32) -> Result<()> {
    let registers = cpu.own_registers();
    let r1 = (ipb >> 20) as u8 & 15;
    let vertical = registers.gpr(r1) == VERTICAL;
    if machine.topology.vertical.swap(vertical, Ordering::Relaxed) == vertical {
        registers.set_gpr(r1, registers.gpr(r1) | ALREADY_POLARIZED);
        registers.set_cc(2);
        return Ok(());
    }
    registers.set_cc(0);
    report_change(machine, true)
}

/// A subsystem reset: horizontal, and nothing to report.
pub(crate) fn reset(machine: &Machine) -> Result<()> {
    machine.topology.vertical.store(false, Ordering::Relaxed);
    if machine.has_topology { report_change(machine, false) } else { Ok(()) }
}

fn report_change(machine: &Machine, pending: bool) -> Result<()> {
    let attr = kvm_device_attr { group: KVM_S390_VM_CPU_TOPOLOGY, attr: u64::from(pending), ..Default::default() };
    machine.vm.set_device_attr(&attr).named("KVM_SET_DEVICE_ATTR")
}

/// STSI 15.1.x, which KVM leaves to its client altogether.
pub(crate) fn store(machine: &Machine, cpu: &Cpu, request: &kvm_run_s390_stsi) {
    let registers = cpu.own_registers();
    if request.sel1 != 1 || request.sel2 != LEVELS {
        registers.set_cc(3);
        return;
    }
    let vertical = machine.topology.vertical.load(Ordering::Relaxed);
    let mut block = block(machine.cpus.len() as u16, machine.max_cpus, vertical);
    if registers.write_logical(request.addr, request.ar, &mut block).is_some() {
        registers.set_cc(0);
    }
}

fn block(cpus: u16, max_cpus: u16, vertical: bool) -> Vec<u8> {
    let mut block = vec![0; 4096];
    let mut put = |at: usize, data: &[u8]| block[at..at + data.len()].copy_from_slice(data);
    // How many there can be of each level, the innermost last; the number of levels.
    put(8, &[1, max_cpus as u8, 0, LEVELS as u8]);
    // The socket.
    put(LIST, &[1, 0, 0, 0, 0, 0, 0, 1]);
    let mut end = LIST + 8;
    let polarization = if vertical { VERTICAL_MEDIUM } else { 0 };
    for origin in (0..cpus).step_by(usize::from(CPUS)) {
        let here = u32::from((cpus - origin).min(CPUS));
        put(end + 4, &[polarization, KIND]);
        put(end + 6, &origin.to_be_bytes());
        put(end + 8, &(u64::MAX << (u64::BITS - here)).to_be_bytes());
        end += 16;
    }
    put(2, &(end as u16).to_be_bytes());
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_socket_holds_all_cpus() {
        let horizontal = block(3, 8, false);
        assert_eq!(horizontal[..16], [0, 0, 0, 40, 0, 0, 0, 0, 1, 8, 0, 2, 0, 0, 0, 0]);
        assert_eq!(horizontal[16..24], [1, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(horizontal[24..40], [0, 0, 0, 0, 0, 3, 0, 0, 0xe0, 0, 0, 0, 0, 0, 0, 0]);
        assert!(horizontal[40..].iter().all(|byte| *byte == 0));
        let vertical = block(65, 248, true);
        assert_eq!(vertical[2..4], [0, 56]);
        assert_eq!(vertical[24..40], [0, 0, 0, 0, 2, 3, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
        assert_eq!(vertical[40..56], [0, 0, 0, 0, 2, 3, 0, 64, 0x80, 0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn programs_change_the_polarization_and_see_it() {
        crate::programs::passes(
            "
            lghi    %r2,2
            ptf     %r2
            lghi    %r2,0
            ptf     %r2
            brc     13,failed
            clgfi   %r2,0x100
            jne     failed
            lghi    %r2,1
            ptf     %r2
            brc     7,failed
            clgfi   %r2,1
            jne     failed
            lghi    %r2,2
            ptf     %r2
            brc     11,failed
            ptf     %r2
            brc     7,failed
            llilf   %r3,0x20000
            llilf   %r0,0xf0000001
            lghi    %r1,3
            stsi    0(%r3)
            brc     14,failed
            lghi    %r1,2
            stsi    0(%r3)
            brc     7,failed
            larl    %r4,expected
            clc     0(16,%r3),0(%r4)
            jne     failed
            clc     16(16,%r3),16(%r4)
            jne     failed
            clc     32(8,%r3),32(%r4)
            jne     failed
            j       passed
            .align  8
            expected:
            .quad   0x0000002800000000,0x0102000200000000
            .quad   0x0100000000000001,0x0000000002030000,0xc000000000000000
            ",
            2,
        );
    }
}
