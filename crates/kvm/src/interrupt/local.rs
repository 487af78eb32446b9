//! Interrupts pending for one CPU.
//! Truth: Linux 6.12 arch/s390/kvm/interrupt.c (struct kvm_s390_local_interrupt and the __inject_* functions).

use super::irq::{LocalIrq, machine_check_classes, machine_check_subclasses};
use super::pending::Pending;
use crate::abi::*;
use crate::{Errno, Result};

/// Number of CPU addresses that an emergency signal can come from.
const CPUS: usize = 256;

/// Program-event recording, in a program-interruption code.
const PER: u16 = 0x80;

/// CPU addresses that have sent a signal of one kind.
#[derive(Debug, Default)]
pub(crate) struct Senders([u64; CPUS / 64]);

impl Senders {
    fn add(&mut self, from: u16) -> Result<()> {
        *self.0.get_mut(usize::from(from) / 64).ok_or(Errno::EINVAL)? |= 1 << (from % 64);
        Ok(())
    }

    /// All addresses.
    fn all(&self) -> impl Iterator<Item = u16> {
        (0..CPUS as u16).filter(|from| self.0[usize::from(from / 64)] & 1 << (from % 64) != 0)
    }

    /// Takes the lowest address away; says also whether it was the last.
    fn take(&mut self) -> (u16, bool) {
        let mut from = 0;
        for (word, bits) in self.0.iter_mut().enumerate() {
            if *bits != 0 {
                from = word * 64 + bits.trailing_zeros() as usize;
                *bits &= *bits - 1;
                break;
            }
        }
        (from as u16, self.0.iter().all(|bits| *bits == 0))
    }
}

/// The interrupts pending for one CPU.
#[derive(Debug, Default)]
pub(crate) struct Local {
    pub(crate) pending: Pending,
    pub(crate) program: kvm_s390_pgm_info,
    emergency: Senders,
    malfunction: Senders,
    pub(crate) external_call: u16,
    pub(crate) prefix: u32,
    pub(crate) machine_check: kvm_s390_mchk_info,
    pub(crate) pfault_init: kvm_s390_ext_info,
    pub(crate) stop_stores_status: bool,
}

impl Local {
    /// Makes an interrupt pending. Whether the sender exists and whether the CPU is stopped is the caller's to check.
    /// Returns its kind.
    pub(crate) fn add(&mut self, irq: LocalIrq) -> Result<Pending> {
        let bit = match irq {
            LocalIrq::Program(info) => {
                self.merge_program(info);
                Pending::PROGRAM
            }
            LocalIrq::Stop { store_status } => {
                if self.pending.contains(Pending::STOP) {
                    return Err(Errno::EBUSY);
                }
                self.stop_stores_status = store_status;
                Pending::STOP
            }
            LocalIrq::SetPrefix(address) => {
                self.prefix = address & 0x7fff_e000;
                Pending::SET_PREFIX
            }
            LocalIrq::Restart => Pending::RESTART,
            LocalIrq::ExternalCall(from) => {
                if self.pending.contains(Pending::EXTERNAL_CALL) {
                    return Err(Errno::EBUSY);
                }
                self.external_call = from;
                Pending::EXTERNAL_CALL
            }
            LocalIrq::Emergency(from) => {
                self.emergency.add(from)?;
                Pending::EMERGENCY
            }
            LocalIrq::MalfunctionAlert(from) => {
                self.malfunction.add(from)?;
                Pending::MALFUNCTION_ALERT
            }
            LocalIrq::ClockComparator => Pending::CLOCK_COMPARATOR,
            LocalIrq::CpuTimer => Pending::CPU_TIMER,
            LocalIrq::MachineCheck(info) => {
                // Nothing, if it has no condition.
                merge_machine_check(&mut self.machine_check, info)
            }
            LocalIrq::PfaultInit(info) => {
                self.pfault_init = info;
                Pending::PFAULT_INIT
            }
        };
        self.pending |= bit;
        Ok(bit)
    }

    fn merge_program(&mut self, info: kvm_s390_pgm_info) {
        let now = &mut self.program;
        if !self.pending.contains(Pending::PROGRAM) {
            *now = info;
        } else if info.code == PER {
            now.code |= PER;
            now.per_address = info.per_address;
            now.per_code = info.per_code;
            now.per_atmid = info.per_atmid;
            now.per_access_id = info.per_access_id;
        } else if info.code & PER == 0 {
            let per = *now;
            *now = info;
            now.code |= per.code & PER;
            now.per_address = per.per_address;
            now.per_code = per.per_code;
            now.per_atmid = per.per_atmid;
            now.per_access_id = per.per_access_id;
        } else {
            *now = info;
        }
    }

    /// Every pending interrupt that a client can inject, left pending: by priority, but signals with a sender last.
    pub(crate) fn all(&self) -> Vec<kvm_s390_irq> {
        let mut all = Vec::new();
        let mut add = |bits: Pending, number, fill: &dyn Fn(&mut kvm_s390_irq_payload)| {
            if self.pending.intersects(bits) {
                let mut irq = kvm_s390_irq::new(number);
                fill(&mut irq.u);
                all.push(irq);
            }
        };
        add(Pending::MCHK, KVM_S390_MCHK, &|u| u.mchk = self.machine_check);
        add(Pending::PROGRAM, KVM_S390_PROGRAM_INT, &|u| u.pgm = self.program);
        add(Pending::CLOCK_COMPARATOR, KVM_S390_INT_CLOCK_COMP, &|_| {});
        add(Pending::CPU_TIMER, KVM_S390_INT_CPU_TIMER, &|_| {});
        add(Pending::PFAULT_INIT, KVM_S390_INT_PFAULT_INIT, &|u| u.ext = self.pfault_init);
        let flags = if self.stop_stores_status { KVM_S390_STOP_FLAG_STORE_STATUS } else { 0 };
        add(Pending::STOP, KVM_S390_SIGP_STOP, &|u| u.stop = kvm_s390_stop_info { flags });
        add(Pending::RESTART, KVM_S390_RESTART, &|_| {});
        add(Pending::SET_PREFIX, KVM_S390_SIGP_SET_PREFIX, &|u| {
            u.prefix = kvm_s390_prefix_info { address: self.prefix }
        });
        for code in self.emergency.all() {
            add(Pending::EMERGENCY, KVM_S390_INT_EMERGENCY, &|u| u.emerg = kvm_s390_emerg_info { code });
        }
        let code = self.external_call;
        add(Pending::EXTERNAL_CALL, KVM_S390_INT_EXTERNAL_CALL, &|u| u.extcall = kvm_s390_extcall_info { code });
        all
    }

    /// Takes the pending emergency signal of the lowest CPU address.
    pub(crate) fn take_emergency(&mut self) -> u16 {
        let (from, last) = self.emergency.take();
        self.pending.set(Pending::EMERGENCY, !last);
        from
    }

    /// Takes the pending malfunction alert of the lowest CPU address.
    pub(crate) fn take_malfunction_alert(&mut self) -> u16 {
        let (from, last) = self.malfunction.take();
        self.pending.set(Pending::MALFUNCTION_ALERT, !last);
        from
    }

    /// Takes the pending machine check.
    pub(crate) fn take_machine_check(&mut self) -> kvm_s390_mchk_info {
        self.pending -= Pending::MCHK;
        core::mem::take(&mut self.machine_check)
    }

    /// Forgets everything, as a CPU reset does.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

/// Adds a machine check to one that may be pending; returns what is pending because of the new one. An injection that does
/// not say which subclass masks let it through goes by its code.
pub(super) fn merge_machine_check(now: &mut kvm_s390_mchk_info, info: kvm_s390_mchk_info) -> Pending {
    now.cr14 |= if info.cr14 == 0 { machine_check_subclasses(info.mcic) } else { info.cr14 };
    now.mcic |= info.mcic;
    now.ext_damage_code |= info.ext_damage_code;
    now.failing_storage_address = info.failing_storage_address;
    now.fixed_logout = info.fixed_logout;
    match machine_check_classes(info.mcic) {
        (true, _) => Pending::MCHK_EXIGENT,
        (false, true) => Pending::MCHK_REPRESSIBLE,
        (false, false) => Pending::empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_stop_and_second_external_call_are_busy() {
        let mut local = Local::default();
        assert_eq!(local.add(LocalIrq::Stop { store_status: true }), Ok(Pending::STOP));
        assert_eq!(local.add(LocalIrq::Stop { store_status: false }), Err(Errno::EBUSY));
        assert!(local.stop_stores_status);
        assert_eq!(local.add(LocalIrq::ExternalCall(3)), Ok(Pending::EXTERNAL_CALL));
        assert_eq!(local.add(LocalIrq::ExternalCall(4)), Err(Errno::EBUSY));
        assert_eq!(local.external_call, 3);
    }

    #[test]
    fn emergency_signals_are_kept_per_sender() {
        let mut local = Local::default();
        for from in [200, 3, 3, 64] {
            local.add(LocalIrq::Emergency(from)).unwrap();
        }
        assert_eq!((local.take_emergency(), local.take_emergency()), (3, 64));
        assert!(local.pending.contains(Pending::EMERGENCY));
        assert_eq!(local.take_emergency(), 200);
        assert!(local.pending.is_empty());
        assert_eq!(local.add(LocalIrq::Emergency(256)), Err(Errno::EINVAL));
    }

    #[test]
    fn program_interrupts_merge_with_per_events() {
        let mut local = Local::default();
        let program =
            |code, per_address| kvm_s390_pgm_info { code, per_address, data_exc_code: 7, ..Default::default() };
        local.add(LocalIrq::Program(program(0x80, 0x1000))).unwrap();
        local.add(LocalIrq::Program(program(0x07, 0))).unwrap();
        assert_eq!((local.program.code, local.program.per_address), (0x87, 0x1000));
        local
            .add(LocalIrq::Program(kvm_s390_pgm_info { code: 0x80, per_address: 0x2000, ..Default::default() }))
            .unwrap();
        assert_eq!((local.program.code, local.program.per_address, local.program.data_exc_code), (0x87, 0x2000, 7));
    }

    #[test]
    fn machine_check_without_a_condition_is_dropped() {
        let mut local = Local::default();
        local.add(LocalIrq::MachineCheck(kvm_s390_mchk_info { mcic: 1, ..Default::default() })).unwrap();
        assert!(local.pending.is_empty());
        let report = kvm_s390_mchk_info { mcic: 0x0040_0000_0000_0000, cr14: 0x1000_0000, ..Default::default() };
        local.add(LocalIrq::MachineCheck(report)).unwrap();
        assert_eq!(local.pending, Pending::MCHK_REPRESSIBLE);
        assert_eq!(local.take_machine_check().cr14, 0x1000_0000);
        assert!(local.pending.is_empty());
    }
}
