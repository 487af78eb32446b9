//! Statistics as a file: a header, descriptors and values, read by tools that know none of the names.
//! Truth: Linux 6.12 virt/kvm/binary_stats.c and uapi linux/kvm.h (kvm_stats_header, kvm_stats_desc); the names are those of
//! arch/s390/kvm/kvm-s390.c.

use std::sync::Arc;

use crate::Result;
use crate::abi::*;
use crate::interrupt::Pending;
use crate::peer::Peer;
use crate::signal::order;
use crate::statistics::{ByByte, Statistics};
use crate::vcpu::Vcpu;
use crate::vm::Vm;

/// Length of names and of the identification.
const NAME: usize = 48;
const HEADER: usize = size_of::<kvm_stats_header>();
const DESCRIPTOR: usize = size_of::<kvm_stats_desc>() + NAME;
/// Values of a histogram.
const BUCKETS: u16 = 32;

/// Statistics as KVM_GET_STATS_FD gives them: a file that is read. Values are those of the moment of reading.
#[derive(Debug)]
pub struct StatisticsFile {
    identification: String,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Vm(Arc<Vm>),
    Vcpu(Arc<Peer>),
}

impl Vm {
    /// KVM_GET_STATS_FD.
    pub fn get_stats_fd(self: &Arc<Self>) -> Result<StatisticsFile> {
        Ok(StatisticsFile { identification: format!("kvm-{}", std::process::id()), source: Source::Vm(self.clone()) })
    }
}

impl Vcpu {
    /// KVM_GET_STATS_FD.
    pub fn get_stats_fd(&self) -> Result<StatisticsFile> {
        let identification = format!("kvm-{}/vcpu-{}", std::process::id(), self.id());
        Ok(StatisticsFile { identification, source: Source::Vcpu(self.peer().clone()) })
    }
}

/// What a value is.
#[derive(Clone, Copy)]
enum Kind {
    /// A count that only grows.
    Count,
    /// Nanoseconds that only grow.
    Time,
    /// How often a time was below a power of two of nanoseconds.
    Times,
    /// Yes or no.
    Now,
}

impl Kind {
    /// Flags, exponent and number of values.
    fn description(self) -> (u32, i16, u16) {
        match self {
            Self::Count => (KVM_STATS_TYPE_CUMULATIVE | KVM_STATS_UNIT_NONE | KVM_STATS_BASE_POW10, 0, 1),
            Self::Time => (KVM_STATS_TYPE_CUMULATIVE | KVM_STATS_UNIT_SECONDS | KVM_STATS_BASE_POW10, -9, 1),
            Self::Times => (KVM_STATS_TYPE_LOG_HIST | KVM_STATS_UNIT_SECONDS | KVM_STATS_BASE_POW10, -9, BUCKETS),
            Self::Now => (KVM_STATS_TYPE_INSTANT | KVM_STATS_UNIT_BOOLEAN | KVM_STATS_BASE_POW10, 0, 1),
        }
    }
}

/// A value by name; of several values, the first: histograms are empty, because nothing polls.
type Value<T> = (&'static str, Kind, fn(&T) -> u64);

fn none<T>(_: &T) -> u64 {
    0
}

fn floating(vm: &Vm, kinds: Pending) -> u64 {
    by_kind(&vm.floating.injected, kinds)
}

fn by_kind(counts: &ByByte, kinds: Pending) -> u64 {
    kinds.iter().map(|kind| counts.get(kind.number())).sum()
}

const OF_VM: &[Value<Vm>] = &[
    ("remote_tlb_flush", Kind::Count, none),
    ("remote_tlb_flush_requests", Kind::Count, none),
    ("inject_io", Kind::Count, |vm| floating(vm, Pending::IO)),
    ("inject_float_mchk", Kind::Count, |vm| floating(vm, Pending::MCHK)),
    ("inject_pfault_done", Kind::Count, |vm| floating(vm, Pending::PFAULT_DONE)),
    ("inject_service_signal", Kind::Count, |vm| floating(vm, Pending::SERVICE)),
    ("inject_virtio", Kind::Count, |vm| floating(vm, Pending::VIRTIO)),
    ("aen_forward", Kind::Count, none),
    ("gmap_shadow_reuse", Kind::Count, none),
    ("gmap_shadow_create", Kind::Count, none),
    ("gmap_shadow_r1_entry", Kind::Count, none),
    ("gmap_shadow_r2_entry", Kind::Count, none),
    ("gmap_shadow_r3_entry", Kind::Count, none),
    ("gmap_shadow_sg_entry", Kind::Count, none),
    ("gmap_shadow_pg_entry", Kind::Count, none),
];

const OF_VCPU: &[Value<Peer>] = &[
    ("halt_successful_poll", Kind::Count, none),
    ("halt_attempted_poll", Kind::Count, none),
    ("halt_poll_invalid", Kind::Count, none),
    ("halt_wakeup", Kind::Count, |cpu| cpu.statistics.sleeps.get()),
    ("halt_poll_success_ns", Kind::Time, none),
    ("halt_poll_fail_ns", Kind::Time, none),
    ("halt_wait_ns", Kind::Time, none),
    ("halt_poll_success_hist", Kind::Times, none),
    ("halt_poll_fail_hist", Kind::Times, none),
    ("halt_wait_hist", Kind::Times, none),
    ("blocking", Kind::Now, |cpu| u64::from(cpu.is_waiting())),
    ("exit_userspace", Kind::Count, |cpu| cpu.statistics.exits.sum()),
    ("exit_null", Kind::Count, |cpu| cpu.statistics.host_requests.get()),
    ("exit_external_request", Kind::Count, |cpu| icpt(cpu, 0x10)),
    ("exit_io_request", Kind::Count, |cpu| icpt(cpu, 0x18)),
    ("exit_external_interrupt", Kind::Count, |cpu| icpt(cpu, 0x14)),
    ("exit_stop_request", Kind::Count, |cpu| icpt(cpu, 0x28)),
    ("exit_validity", Kind::Count, |cpu| icpt(cpu, 0x20)),
    ("exit_instruction", Kind::Count, |cpu| icpt(cpu, 0x04)),
    ("exit_pei", Kind::Count, |cpu| icpt(cpu, 0x38)),
    ("halt_no_poll_steal", Kind::Count, none),
    ("instruction_lctl", Kind::Count, |cpu| op(cpu, 0xb7)),
    ("instruction_lctlg", Kind::Count, none),
    ("instruction_stctl", Kind::Count, |cpu| op(cpu, 0xb6)),
    ("instruction_stctg", Kind::Count, none),
    ("exit_program_interruption", Kind::Count, |cpu| icpt(cpu, 0x08)),
    ("exit_instr_and_program_int", Kind::Count, |cpu| icpt(cpu, 0x0c)),
    ("exit_operation_exception", Kind::Count, |cpu| icpt(cpu, 0x2c)),
    ("deliver_ckc", Kind::Count, |cpu| delivered(cpu, Pending::CLOCK_COMPARATOR)),
    ("deliver_cputm", Kind::Count, |cpu| delivered(cpu, Pending::CPU_TIMER)),
    ("deliver_external_call", Kind::Count, |cpu| delivered(cpu, Pending::EXTERNAL_CALL)),
    ("deliver_emergency_signal", Kind::Count, |cpu| delivered(cpu, Pending::EMERGENCY)),
    ("deliver_service_signal", Kind::Count, |cpu| delivered(cpu, Pending::SERVICE)),
    ("deliver_virtio", Kind::Count, |cpu| delivered(cpu, Pending::VIRTIO)),
    ("deliver_stop_signal", Kind::Count, |cpu| icpt(cpu, 0x28)),
    ("deliver_prefix_signal", Kind::Count, |cpu| delivered(cpu, Pending::SET_PREFIX)),
    ("deliver_restart_signal", Kind::Count, |cpu| delivered(cpu, Pending::RESTART)),
    ("deliver_program", Kind::Count, |cpu| delivered(cpu, Pending::PROGRAM)),
    ("deliver_io", Kind::Count, |cpu| delivered(cpu, Pending::IO)),
    ("deliver_machine_check", Kind::Count, |cpu| delivered(cpu, Pending::MCHK)),
    ("exit_wait_state", Kind::Count, |cpu| icpt(cpu, 0x1c)),
    ("inject_ckc", Kind::Count, |cpu| injected(cpu, Pending::CLOCK_COMPARATOR)),
    ("inject_cputm", Kind::Count, |cpu| injected(cpu, Pending::CPU_TIMER)),
    ("inject_external_call", Kind::Count, |cpu| injected(cpu, Pending::EXTERNAL_CALL)),
    ("inject_emergency_signal", Kind::Count, |cpu| injected(cpu, Pending::EMERGENCY)),
    ("inject_mchk", Kind::Count, |cpu| injected(cpu, Pending::MCHK)),
    ("inject_pfault_init", Kind::Count, |cpu| injected(cpu, Pending::PFAULT_INIT)),
    ("inject_program", Kind::Count, |cpu| injected(cpu, Pending::PROGRAM)),
    ("inject_restart", Kind::Count, |cpu| injected(cpu, Pending::RESTART)),
    ("inject_set_prefix", Kind::Count, |cpu| injected(cpu, Pending::SET_PREFIX)),
    ("inject_stop_signal", Kind::Count, |cpu| injected(cpu, Pending::STOP)),
    ("instruction_epsw", Kind::Count, |cpu| b9(cpu, 0x8d)),
    ("instruction_gs", Kind::Count, |cpu| op(cpu, 0xe3)),
    ("instruction_io_other", Kind::Count, |cpu| {
        (0x30..=0x3c).filter(|n| !matches!(n, 0x35 | 0x36)).map(|n| b2(cpu, n)).sum()
    }),
    ("instruction_lpsw", Kind::Count, |cpu| op(cpu, 0x82)),
    ("instruction_lpswe", Kind::Count, |cpu| b2(cpu, 0xb2)),
    ("instruction_lpswey", Kind::Count, none),
    ("instruction_pfmf", Kind::Count, |cpu| b9(cpu, 0xaf)),
    ("instruction_ptff", Kind::Count, |cpu| op(cpu, 0x01)),
    ("instruction_sck", Kind::Count, |cpu| b2(cpu, 0x04)),
    ("instruction_sckpf", Kind::Count, none),
    ("instruction_stidp", Kind::Count, |cpu| b2(cpu, 0x02)),
    ("instruction_spx", Kind::Count, |cpu| b2(cpu, 0x10)),
    ("instruction_stpx", Kind::Count, |cpu| b2(cpu, 0x11)),
    ("instruction_stap", Kind::Count, |cpu| b2(cpu, 0x12)),
    ("instruction_iske", Kind::Count, |cpu| b2(cpu, 0x29)),
    ("instruction_ri", Kind::Count, |cpu| op(cpu, 0xaa)),
    ("instruction_rrbe", Kind::Count, |cpu| b2(cpu, 0x2a)),
    ("instruction_sske", Kind::Count, |cpu| b2(cpu, 0x2b)),
    ("instruction_ipte_interlock", Kind::Count, |cpu| b2(cpu, 0x21)),
    ("instruction_stsi", Kind::Count, |cpu| b2(cpu, 0x7d)),
    ("instruction_stfl", Kind::Count, |cpu| b2(cpu, 0xb1)),
    ("instruction_tb", Kind::Count, |cpu| b2(cpu, 0x2c)),
    ("instruction_tpi", Kind::Count, |cpu| b2(cpu, 0x36)),
    ("instruction_tprot", Kind::Count, |cpu| op(cpu, 0xe5)),
    ("instruction_tsch", Kind::Count, |cpu| b2(cpu, 0x35)),
    ("instruction_sie", Kind::Count, |cpu| b2(cpu, 0x14)),
    ("instruction_essa", Kind::Count, |cpu| b9(cpu, 0xab)),
    ("instruction_sthyi", Kind::Count, |cpu| b2(cpu, 0x56)),
    ("instruction_sigp_sense", Kind::Count, |cpu| sigp(cpu, order::SENSE)),
    ("instruction_sigp_sense_running", Kind::Count, |cpu| sigp(cpu, order::SENSE_RUNNING_STATUS)),
    ("instruction_sigp_external_call", Kind::Count, |cpu| sigp(cpu, order::EXTERNAL_CALL)),
    ("instruction_sigp_emergency", Kind::Count, |cpu| sigp(cpu, order::EMERGENCY_SIGNAL)),
    ("instruction_sigp_cond_emergency", Kind::Count, |cpu| sigp(cpu, order::CONDITIONAL_EMERGENCY_SIGNAL)),
    ("instruction_sigp_start", Kind::Count, |cpu| sigp(cpu, order::START)),
    ("instruction_sigp_stop", Kind::Count, |cpu| sigp(cpu, order::STOP)),
    ("instruction_sigp_stop_store_status", Kind::Count, |cpu| sigp(cpu, order::STOP_AND_STORE_STATUS)),
    ("instruction_sigp_store_status", Kind::Count, |cpu| sigp(cpu, order::STORE_STATUS_AT_ADDRESS)),
    ("instruction_sigp_store_adtl_status", Kind::Count, |cpu| sigp(cpu, order::STORE_ADDITIONAL_STATUS)),
    ("instruction_sigp_arch", Kind::Count, |cpu| sigp(cpu, order::SET_ARCHITECTURE)),
    ("instruction_sigp_prefix", Kind::Count, |cpu| sigp(cpu, order::SET_PREFIX)),
    ("instruction_sigp_restart", Kind::Count, |cpu| sigp(cpu, order::RESTART)),
    ("instruction_sigp_init_cpu_reset", Kind::Count, |cpu| sigp(cpu, order::INITIAL_CPU_RESET)),
    ("instruction_sigp_cpu_reset", Kind::Count, |cpu| sigp(cpu, order::CPU_RESET)),
    ("instruction_sigp_unknown", Kind::Count, none),
    ("instruction_diagnose_10", Kind::Count, |cpu| diag(cpu, 0x10)),
    ("instruction_diagnose_44", Kind::Count, |cpu| diag(cpu, 0x44)),
    ("instruction_diagnose_9c", Kind::Count, |cpu| diag(cpu, 0x9c)),
    ("diag_9c_ignored", Kind::Count, none),
    ("diag_9c_forward", Kind::Count, none),
    ("instruction_diagnose_258", Kind::Count, |cpu| diag(cpu, 0x58)),
    ("instruction_diagnose_308", Kind::Count, |cpu| diag(cpu, 0x08)),
    ("instruction_diagnose_500", Kind::Count, |cpu| diag(cpu, 0x00)),
    ("instruction_diagnose_other", Kind::Count, none),
    ("pfault_sync", Kind::Count, none),
];

fn icpt(cpu: &Peer, code: u8) -> u64 {
    cpu.statistics.interceptions.get(code)
}

fn op(cpu: &Peer, first: u8) -> u64 {
    cpu.statistics.instructions.get(first)
}

fn b2(cpu: &Peer, second: u8) -> u64 {
    cpu.statistics.instructions_b2.get(second)
}

fn b9(cpu: &Peer, second: u8) -> u64 {
    cpu.statistics.instructions_b9.get(second)
}

fn sigp(cpu: &Peer, order: u8) -> u64 {
    cpu.statistics.sigp.get(order)
}

fn diag(cpu: &Peer, low: u8) -> u64 {
    cpu.statistics.diagnose.get(low)
}

fn delivered(cpu: &Peer, kinds: Pending) -> u64 {
    by_kind(&cpu.statistics.delivered, kinds)
}

fn injected(cpu: &Peer, kinds: Pending) -> u64 {
    let Statistics { injected, .. } = &cpu.statistics;
    by_kind(injected, kinds)
}

impl StatisticsFile {
    /// Reads from `offset` on, as pread does; the number of bytes, 0 at the end.
    pub fn read_at(&self, offset: u64, to: &mut [u8]) -> usize {
        let content = match &self.source {
            Source::Vm(vm) => content(&self.identification, OF_VM, vm),
            Source::Vcpu(cpu) => content(&self.identification, OF_VCPU, cpu),
        };
        let rest = usize::try_from(offset).ok().and_then(|at| content.get(at..)).unwrap_or_default();
        let length = rest.len().min(to.len());
        to[..length].copy_from_slice(&rest[..length]);
        length
    }
}

fn content<T>(identification: &str, values: &[Value<T>], source: &T) -> Vec<u8> {
    let data = HEADER + NAME + values.len() * DESCRIPTOR;
    let mut out = Vec::with_capacity(data + values.len() * 8);
    let word = |out: &mut Vec<u8>, value: u32| out.extend_from_slice(&value.to_ne_bytes());
    for field in [0, NAME, values.len(), HEADER, HEADER + NAME, data] {
        word(&mut out, field as u32);
    }
    name(&mut out, identification);
    let mut offset = 0;
    for (title, kind, _) in values {
        let (flags, exponent, count) = kind.description();
        word(&mut out, flags);
        out.extend_from_slice(&exponent.to_ne_bytes());
        out.extend_from_slice(&count.to_ne_bytes());
        word(&mut out, offset);
        word(&mut out, 0);
        name(&mut out, title);
        offset += u32::from(count) * 8;
    }
    for (_, kind, value) in values {
        let (_, _, count) = kind.description();
        out.extend_from_slice(&value(source).to_ne_bytes());
        out.resize(out.len() + usize::from(count - 1) * 8, 0);
    }
    out
}

/// A text in its field, which ends with a zero.
fn name(out: &mut Vec<u8>, text: &str) {
    let end = out.len() + NAME;
    out.extend(text.bytes().take(NAME - 1));
    out.resize(end, 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_as_in_linux() {
        assert_eq!(OF_VM.len(), 15);
        assert_eq!(OF_VCPU.len(), 105);
        assert!(OF_VCPU.iter().all(|(name, ..)| name.len() < NAME));
    }

    #[test]
    fn the_file_describes_itself() {
        let values: &[Value<u64>] =
            &[("one", Kind::Count, |n| *n), ("many", Kind::Times, none), ("last", Kind::Now, |n| n + 1)];
        let file = content("kvm-1", values, &7);
        let word = |at: usize| u32::from_ne_bytes(file[at..at + 4].try_into().unwrap());
        assert_eq!([0, 4, 8, 12, 16, 20].map(word), [0, 48, 3, 24, 72, 72 + 3 * 64]);
        assert_eq!(&file[24..30], b"kvm-1\0");
        assert_eq!(&file[72 + 16..72 + 20], b"one\0");
        let many = 72 + 64;
        assert_eq!(word(many), KVM_STATS_TYPE_LOG_HIST | KVM_STATS_UNIT_SECONDS);
        assert_eq!(i16::from_ne_bytes([file[many + 4], file[many + 5]]), -9);
        assert_eq!(u16::from_ne_bytes([file[many + 6], file[many + 7]]), 32);
        let data = word(20) as usize;
        let last = data + word(72 + 128 + 8) as usize;
        assert_eq!(u64::from_ne_bytes(file[data..data + 8].try_into().unwrap()), 7);
        assert_eq!(u64::from_ne_bytes(file[last..last + 8].try_into().unwrap()), 8);
        assert_eq!(file.len(), last + 8);
    }
}
