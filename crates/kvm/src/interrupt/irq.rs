//! Interrupts as the client injects them: which types a CPU and a VM accept, and what their parameters mean.
//! Truth: Linux 6.12 arch/s390/kvm/interrupt.c (s390int_to_s390irq, kvm_s390_inject_vm, do_inject_vcpu).

use crate::abi::*;
use crate::{Errno, Result};

/// An interrupt for one CPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LocalIrq {
    Program(kvm_s390_pgm_info),
    Stop {
        store_status: bool,
    },
    SetPrefix(u32),
    Restart,
    ExternalCall(u16),
    Emergency(u16),
    /// Another CPU has entered the check-stop state.
    MalfunctionAlert(u16),
    ClockComparator,
    CpuTimer,
    MachineCheck(kvm_s390_mchk_info),
    PfaultInit(kvm_s390_ext_info),
}

/// An interrupt for whichever CPU is enabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FloatingIrq {
    Service(u32),
    Virtio(kvm_s390_ext_info),
    PfaultDone(kvm_s390_ext_info),
    MachineCheck(kvm_s390_mchk_info),
    Io(kvm_s390_io_info, IoType),
}

/// The number by which an I/O interrupt was injected; only its adapter bit means something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IoType(pub(crate) u32);

fn cpu_address(parm: u32) -> Result<u16> {
    u16::try_from(parm).map_err(|_| Errno::EINVAL)
}

fn stop(flags: u32) -> Result<LocalIrq> {
    if flags & !KVM_S390_STOP_FLAG_STORE_STATUS != 0 {
        return Err(Errno::EINVAL);
    }
    Ok(LocalIrq::Stop { store_status: flags & KVM_S390_STOP_FLAG_STORE_STATUS != 0 })
}

impl LocalIrq {
    /// From the argument of KVM_S390_INTERRUPT.
    pub(crate) fn from_interrupt(i: &kvm_s390_interrupt) -> Result<Self> {
        Ok(match u64::from(i.r#type) {
            KVM_S390_PROGRAM_INT => {
                let code = u16::try_from(i.parm).map_err(|_| Errno::EINVAL)?;
                Self::Program(kvm_s390_pgm_info { code, ..Default::default() })
            }
            KVM_S390_SIGP_STOP => return stop(i.parm),
            KVM_S390_SIGP_SET_PREFIX => Self::SetPrefix(i.parm),
            KVM_S390_RESTART => Self::Restart,
            KVM_S390_INT_EXTERNAL_CALL => Self::ExternalCall(cpu_address(i.parm)?),
            KVM_S390_INT_EMERGENCY => Self::Emergency(cpu_address(i.parm)?),
            KVM_S390_INT_CLOCK_COMP => Self::ClockComparator,
            KVM_S390_INT_CPU_TIMER => Self::CpuTimer,
            KVM_S390_MCHK => Self::MachineCheck(kvm_s390_mchk_info { mcic: i.parm64, ..Default::default() }),
            KVM_S390_INT_PFAULT_INIT => {
                Self::PfaultInit(kvm_s390_ext_info { ext_params: i.parm, pad: 0, ext_params2: i.parm64 })
            }
            _ => return Err(Errno::EINVAL),
        })
    }

    /// From the argument of KVM_S390_IRQ.
    pub(crate) fn from_irq(irq: &kvm_s390_irq) -> Result<Self> {
        // SAFETY: every member of the payload union is plain integers, valid for any bytes.
        unsafe {
            Ok(match irq.r#type {
                KVM_S390_PROGRAM_INT => Self::Program(irq.u.pgm),
                KVM_S390_SIGP_STOP => return stop(irq.u.stop.flags),
                KVM_S390_SIGP_SET_PREFIX => Self::SetPrefix(irq.u.prefix.address),
                KVM_S390_RESTART => Self::Restart,
                KVM_S390_INT_EXTERNAL_CALL => Self::ExternalCall(irq.u.extcall.code),
                KVM_S390_INT_EMERGENCY => Self::Emergency(irq.u.emerg.code),
                KVM_S390_INT_CLOCK_COMP => Self::ClockComparator,
                KVM_S390_INT_CPU_TIMER => Self::CpuTimer,
                KVM_S390_MCHK => Self::MachineCheck(irq.u.mchk),
                KVM_S390_INT_PFAULT_INIT => Self::PfaultInit(irq.u.ext),
                _ => return Err(Errno::EINVAL),
            })
        }
    }
}

impl FloatingIrq {
    /// From the argument of KVM_S390_INTERRUPT.
    pub(crate) fn from_interrupt(i: &kvm_s390_interrupt) -> Result<Self> {
        let ext = kvm_s390_ext_info { ext_params: i.parm, pad: 0, ext_params2: i.parm64 };
        Ok(match u64::from(i.r#type) {
            KVM_S390_INT_SERVICE => Self::Service(i.parm),
            KVM_S390_INT_VIRTIO => Self::Virtio(ext),
            KVM_S390_INT_PFAULT_DONE => Self::PfaultDone(ext),
            KVM_S390_MCHK => {
                Self::MachineCheck(kvm_s390_mchk_info { cr14: u64::from(i.parm), mcic: i.parm64, ..Default::default() })
            }
            KVM_S390_INT_IO_MIN..=KVM_S390_INT_IO_MAX => Self::Io(
                kvm_s390_io_info {
                    subchannel_id: (i.parm >> 16) as u16,
                    subchannel_nr: i.parm as u16,
                    io_int_parm: (i.parm64 >> 32) as u32,
                    io_int_word: i.parm64 as u32,
                },
                IoType(i.r#type),
            ),
            _ => return Err(Errno::EINVAL),
        })
    }

    /// From an element of KVM_DEV_FLIC_ENQUEUE.
    pub(crate) fn from_irq(irq: &kvm_s390_irq) -> Result<Self> {
        // SAFETY: every member of the payload union is plain integers, valid for any bytes.
        unsafe {
            Ok(match irq.r#type {
                KVM_S390_INT_SERVICE => Self::Service(irq.u.ext.ext_params),
                KVM_S390_INT_VIRTIO => Self::Virtio(irq.u.ext),
                KVM_S390_INT_PFAULT_DONE => Self::PfaultDone(irq.u.ext),
                KVM_S390_MCHK => Self::MachineCheck(irq.u.mchk),
                KVM_S390_INT_IO_MIN..=KVM_S390_INT_IO_MAX => Self::Io(irq.u.io, IoType(irq.r#type as u32)),
                _ => return Err(Errno::EINVAL),
            })
        }
    }

    /// The form in which the FLIC hands pending interrupts out.
    pub(crate) fn to_irq(self) -> kvm_s390_irq {
        match self {
            Self::Service(ext_params) => {
                let mut irq = kvm_s390_irq::new(KVM_S390_INT_SERVICE);
                irq.u.ext = kvm_s390_ext_info { ext_params, ..Default::default() };
                irq
            }
            Self::Virtio(ext) => {
                let mut irq = kvm_s390_irq::new(KVM_S390_INT_VIRTIO);
                irq.u.ext = ext;
                irq
            }
            Self::PfaultDone(ext) => {
                let mut irq = kvm_s390_irq::new(KVM_S390_INT_PFAULT_DONE);
                irq.u.ext = ext;
                irq
            }
            Self::MachineCheck(mchk) => {
                let mut irq = kvm_s390_irq::new(KVM_S390_MCHK);
                irq.u.mchk = mchk;
                irq
            }
            Self::Io(io, IoType(number)) => {
                let mut irq = kvm_s390_irq::new(u64::from(number));
                irq.u.io = io;
                irq
            }
        }
    }
}

/// Machine checks that cannot be held back: system damage and instruction-processing damage.
const MCIC_EXIGENT: u64 = 0xc000_0000_0000_0000;
/// Machine checks that CR14 may hold back: recovery, clock damage, external damage, degradation, warning, channel report,
/// service-processor damage, channel-subsystem damage.
const MCIC_REPRESSIBLE: u64 = 0x2df0_0000_0000_0000;

/// Which machine-check conditions an interruption code has: exigent, repressible.
pub(crate) fn machine_check_classes(mcic: u64) -> (bool, bool) {
    (mcic & MCIC_EXIGENT != 0, mcic & MCIC_REPRESSIBLE != 0)
}

/// Subclass masks of control register 14: channel report pending, recovery, degradation, external damage, warning.
const CR14_CHANNEL_REPORT: u64 = 1 << 28;
const CR14_RECOVERY: u64 = 1 << 27;
const CR14_DEGRADATION: u64 = 1 << 26;
const CR14_EXTERNAL_DAMAGE: u64 = 1 << 25;
const CR14_WARNING: u64 = 1 << 24;

/// The subclass masks of which one lets a repressible condition through, by the bits of the interruption code. Damage to the
/// timing facility, the service processor and the channel subsystem is external damage.
pub(super) fn machine_check_subclasses(mcic: u64) -> u64 {
    const SUBCLASSES: [(u32, u64); 8] = [
        (2, CR14_RECOVERY),
        (4, CR14_EXTERNAL_DAMAGE),
        (5, CR14_EXTERNAL_DAMAGE),
        (7, CR14_DEGRADATION),
        (8, CR14_WARNING),
        (9, CR14_CHANNEL_REPORT),
        (10, CR14_EXTERNAL_DAMAGE),
        (11, CR14_EXTERNAL_DAMAGE),
    ];
    SUBCLASSES.iter().filter(|(bit, _)| mcic & (1 << (63 - bit)) != 0).fold(0, |masks, (_, mask)| masks | mask)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interrupt(r#type: u64, parm: u32) -> kvm_s390_interrupt {
        kvm_s390_interrupt { r#type: r#type as u32, parm, parm64: 0 }
    }

    #[test]
    fn each_type_is_accepted_where_the_interface_says() {
        let local = [
            KVM_S390_SIGP_STOP,
            KVM_S390_PROGRAM_INT,
            KVM_S390_SIGP_SET_PREFIX,
            KVM_S390_RESTART,
            KVM_S390_INT_PFAULT_INIT,
            KVM_S390_INT_CLOCK_COMP,
            KVM_S390_INT_CPU_TIMER,
            KVM_S390_INT_EMERGENCY,
            KVM_S390_INT_EXTERNAL_CALL,
        ];
        let floating = [
            KVM_S390_INT_PFAULT_DONE,
            KVM_S390_INT_SERVICE,
            KVM_S390_INT_VIRTIO,
            KVM_S390_INT_IO_MIN,
            KVM_S390_INT_IO_MIN | KVM_S390_INT_IO_AI_MASK,
            KVM_S390_INT_IO_MAX,
        ];
        for t in local {
            assert!(LocalIrq::from_interrupt(&interrupt(t, 0)).is_ok(), "{t:#x}");
            assert!(LocalIrq::from_irq(&kvm_s390_irq::new(t)).is_ok(), "{t:#x}");
            assert_eq!(FloatingIrq::from_interrupt(&interrupt(t, 0)), Err(Errno::EINVAL), "{t:#x}");
            assert_eq!(FloatingIrq::from_irq(&kvm_s390_irq::new(t)), Err(Errno::EINVAL), "{t:#x}");
        }
        for t in floating {
            assert!(FloatingIrq::from_interrupt(&interrupt(t, 0)).is_ok(), "{t:#x}");
            assert!(FloatingIrq::from_irq(&kvm_s390_irq::new(t)).is_ok(), "{t:#x}");
            assert_eq!(LocalIrq::from_interrupt(&interrupt(t, 0)), Err(Errno::EINVAL), "{t:#x}");
            assert_eq!(LocalIrq::from_irq(&kvm_s390_irq::new(t)), Err(Errno::EINVAL), "{t:#x}");
        }
        let mchk = kvm_s390_irq::new(KVM_S390_MCHK);
        assert!(LocalIrq::from_irq(&mchk).is_ok() && FloatingIrq::from_irq(&mchk).is_ok());
        for unknown in [0xfffe_0006u64, 0xffff_1003, 0xffff_ffff, 1 << 32] {
            assert_eq!(LocalIrq::from_irq(&kvm_s390_irq::new(unknown)), Err(Errno::EINVAL));
            assert_eq!(FloatingIrq::from_irq(&kvm_s390_irq::new(unknown)), Err(Errno::EINVAL));
        }
    }

    #[test]
    fn parameters_that_are_too_wide_are_refused() {
        for t in [KVM_S390_PROGRAM_INT, KVM_S390_INT_EMERGENCY, KVM_S390_INT_EXTERNAL_CALL] {
            assert!(LocalIrq::from_interrupt(&interrupt(t, 0xffff)).is_ok());
            assert_eq!(LocalIrq::from_interrupt(&interrupt(t, 0x1_0000)), Err(Errno::EINVAL));
        }
        assert_eq!(
            LocalIrq::from_interrupt(&interrupt(KVM_S390_SIGP_STOP, 1)),
            Ok(LocalIrq::Stop { store_status: true })
        );
        assert_eq!(LocalIrq::from_interrupt(&interrupt(KVM_S390_SIGP_STOP, 2)), Err(Errno::EINVAL));
    }

    #[test]
    fn io_parameters_are_split_as_the_interface_says() {
        let i = kvm_s390_interrupt { r#type: 0x0003_0007, parm: 0x0001_0007, parm64: 0x1234_5678_1800_0000 };
        let Ok(FloatingIrq::Io(io, _)) = FloatingIrq::from_interrupt(&i) else { panic!() };
        assert_eq!((io.subchannel_id, io.subchannel_nr), (1, 7));
        assert_eq!((io.io_int_parm, io.io_int_word), (0x1234_5678, 0x1800_0000));
    }

    #[test]
    fn channel_report_is_repressible_and_damage_is_exigent() {
        assert_eq!(machine_check_classes(0x0040_0000_0000_0000), (false, true));
        assert_eq!(machine_check_classes(0x8000_0000_0000_0000), (true, false));
        assert_eq!(machine_check_classes(0), (false, false));
    }

    #[test]
    fn each_repressible_condition_has_its_subclass() {
        for (code, mask) in [
            (0x2000, 0x0800_0000),
            (0x0800, 0x0200_0000),
            (0x0400, 0x0200_0000),
            (0x0100, 0x0400_0000),
            (0x0080, 0x0100_0000),
            (0x0040, 0x1000_0000),
            (0x2040, 0x1800_0000),
            (0xc000, 0),
        ] {
            assert_eq!(machine_check_subclasses(code << 48), mask, "{code:x}");
        }
    }
}
