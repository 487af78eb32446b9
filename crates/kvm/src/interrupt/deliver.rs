//! Delivery: parameters into the prefix area, old PSW stored, new PSW loaded, before the CPU is entered.
//! Truth: Principles of Operation, chapter 6, Interruptions and chapter 3, Assigned Storage Locations; Linux 6.12
//! arch/s390/kvm/interrupt.c for what is stored for a virtual CPU.

use softsie_cpu::{Lowcore, ProgramCode, PswMask};
use softsie_sie::icpt;

use super::irq::LocalIrq;
use super::pending::Pending;
use crate::abi::*;
use crate::intercept::{Handled, Stop};
use crate::run::Running;
use crate::{Errno, Result};

/// External-interruption codes.
const MALFUNCTION_ALERT: u16 = 0x1200;
const EMERGENCY_SIGNAL: u16 = 0x1201;
const EXTERNAL_CALL: u16 = 0x1202;
const CLOCK_COMPARATOR: u16 = 0x1004;
const CPU_TIMER: u16 = 0x1005;
const SERVICE_SIGNAL: u16 = 0x2401;
const PARAVIRTUAL: u16 = 0x2603;

/// CPU-address fields of the paravirtual external interruptions.
const PFAULT_INIT: u16 = 0x0600;
const PFAULT_DONE: u16 = 0x0680;
const VIRTIO: u16 = 0x0d00;

/// Second external parameter, in the second page of the prefix area.
const EXTERNAL_PARAMETER_2: u64 = 0x11b8;
/// PER addressing-and-translation-mode identification.
const PER_ATMID: u64 = 0x97;
/// Machine-check extended-save-area designation; its origin is on a boundary of at least 1 KiB.
const EXTENDED_SAVE_AREA: u64 = 0x11b0;
/// Byte that a machine-check interruption sets to one, for z/Architecture.
const ARCHITECTURAL_MODE: u64 = 0xa3;
/// Fixed-logout area, where store status puts the PSW.
const FIXED_LOGOUT: u64 = 0x1300;
/// Validity of the vector registers, in the machine-check interruption code.
const MCIC_VECTOR: u64 = 1 << 38;
/// Validity of the guarded-storage registers.
const MCIC_GUARDED_STORAGE: u64 = 1 << 27;
/// Where the guarded-storage registers are in the extended save area.
const GUARDED_STORAGE_AT: u64 = 1024;

/// Address and length of the machine-check extended save area. Without guarded storage it has 1,024 bytes; with it the
/// rightmost bits of the designation say its length as a power of two, and there is none when they say something else.
fn extended_save_area(designation: u64, guarded_storage: bool) -> (u64, u64) {
    match designation & 0xf {
        _ if !guarded_storage => (designation & !0x3ff, 0x400),
        0 | 10 => (designation & !0x3ff, 0x400),
        length @ (11 | 12) => (designation & !((1 << length) - 1), 1 << length),
        _ => (0, 0),
    }
}

impl Running<'_> {
    /// Delivers what can be delivered, in order of priority, and arranges to be called again for the rest.
    /// Says whether something was delivered.
    pub(crate) fn deliver_interrupts(&mut self) -> Handled<bool> {
        self.cpu.reset_interventions();
        if self.cpu.must_check_stop() {
            self.check_stop();
        }
        if self.cpu.is_check_stopped() {
            return Ok(false);
        }
        let mut delivered = false;
        loop {
            let first = {
                let local = self.cpu.local.lock();
                self.cpu.deliverable(&local, &self.vm.floating).first()
            };
            let Some(first) = first else { break };
            self.cpu.statistics.delivered.bump(first.number());
            self.deliver(first)?;
            delivered = true;
        }
        let pending = self.cpu.local.lock().pending | self.vm.floating.pending();
        self.cpu.request_interventions(pending);
        Ok(delivered)
    }

    /// An exigent machine check that the PSW masks: the CPU does nothing more until it is reset, and the others hear of it.
    fn check_stop(&self) {
        self.cpu.set_check_stop(true);
        self.vm.each_cpu(|other| {
            if other.id != self.cpu.id {
                // The address is that of an existing CPU.
                let _ = other.inject(LocalIrq::MalfunctionAlert(self.cpu.id));
            }
        });
    }

    fn deliver(&mut self, which: Pending) -> Handled {
        if which == Pending::CLOCK_COMPARATOR || which == Pending::CPU_TIMER {
            return self.deliver_timer(which);
        }
        let delivered = match which {
            Pending::MCHK_EXIGENT | Pending::MCHK_REPRESSIBLE => self.deliver_machine_check(),
            Pending::PROGRAM => self.deliver_program(),
            Pending::MALFUNCTION_ALERT => {
                let from = self.cpu.local.lock().take_malfunction_alert();
                self.deliver_external(MALFUNCTION_ALERT, from)
            }
            Pending::EMERGENCY => {
                let from = self.cpu.local.lock().take_emergency();
                self.deliver_external(EMERGENCY_SIGNAL, from)
            }
            Pending::EXTERNAL_CALL => {
                let from = {
                    let mut local = self.cpu.local.lock();
                    local.pending -= Pending::EXTERNAL_CALL;
                    local.external_call
                };
                self.deliver_external(EXTERNAL_CALL, from)
            }
            Pending::SERVICE => {
                let Some(parameter) = self.vm.floating.take_service() else { return Ok(()) };
                self.store_lowcore(Lowcore::EXTERNAL_PARAMETER, &parameter.to_be_bytes())?;
                self.deliver_external(SERVICE_SIGNAL, 0)
            }
            Pending::PFAULT_INIT => {
                let token = {
                    let mut local = self.cpu.local.lock();
                    local.pending -= Pending::PFAULT_INIT;
                    core::mem::take(&mut local.pfault_init).ext_params2
                };
                self.store_lowcore(EXTERNAL_PARAMETER_2, &token.to_be_bytes())?;
                self.deliver_external(PARAVIRTUAL, PFAULT_INIT)
            }
            Pending::PFAULT_DONE => {
                let Some(info) = self.vm.floating.take_pfault_done() else { return Ok(()) };
                self.store_lowcore(EXTERNAL_PARAMETER_2, &info.ext_params2.to_be_bytes())?;
                self.deliver_external(PARAVIRTUAL, PFAULT_DONE)
            }
            Pending::VIRTIO => {
                let Some(info) = self.vm.floating.take_virtio() else { return Ok(()) };
                self.store_lowcore(Lowcore::EXTERNAL_PARAMETER, &info.ext_params.to_be_bytes())?;
                self.store_lowcore(EXTERNAL_PARAMETER_2, &info.ext_params2.to_be_bytes())?;
                self.deliver_external(PARAVIRTUAL, VIRTIO)
            }
            Pending::RESTART => {
                self.cpu.local.lock().pending -= Pending::RESTART;
                self.swap_psw(Lowcore::RESTART_OLD_PSW, Lowcore::RESTART_NEW_PSW)
            }
            Pending::SET_PREFIX => {
                let prefix = {
                    let mut local = self.cpu.local.lock();
                    local.pending -= Pending::SET_PREFIX;
                    local.prefix
                };
                self.set_prefix(prefix);
                Ok(())
            }
            io => self.deliver_io(io.io_subclass()),
        };
        Ok(delivered?)
    }

    /// The condition of a timer stays after the interruption. A new PSW that is enabled for external interruptions would be
    /// interrupted again without end: the client is told, as if interpretive execution had found it.
    pub(crate) fn deliver_timer(&mut self, which: Pending) -> Handled {
        let code = if which == Pending::CLOCK_COMPARATOR { CLOCK_COMPARATOR } else { CPU_TIMER };
        if self.lowcore_psw(Lowcore::EXTERNAL_NEW_PSW)?.has(PswMask::EXTERNAL) {
            let sd = &self.cpu.sd;
            sd.icptcode.set(icpt::EXTINT);
            sd.eic.set(code);
            sd.extcpuaddr.set(0);
            return Err(Stop::ToUser);
        }
        self.cpu.local.lock().pending -= which;
        Ok(self.deliver_external(code, 0)?)
    }

    fn deliver_external(&mut self, code: u16, cpu_address: u16) -> Result<()> {
        self.store_lowcore(Lowcore::EXTERNAL_CODE, &code.to_be_bytes())?;
        self.store_lowcore(Lowcore::EXTERNAL_CPU_ADDRESS, &cpu_address.to_be_bytes())?;
        self.swap_psw(Lowcore::EXTERNAL_OLD_PSW, Lowcore::EXTERNAL_NEW_PSW)
    }

    fn deliver_io(&mut self, isc: u8) -> Result<()> {
        let Some((io, _)) = self.vm.floating.take_io(0x8000_0000 >> isc, None) else { return Ok(()) };
        self.store_lowcore(Lowcore::SUBSYSTEM_ID, &io_interruption_code(&io))?;
        self.swap_psw(Lowcore::IO_OLD_PSW, Lowcore::IO_NEW_PSW)
    }

    fn deliver_machine_check(&mut self) -> Result<()> {
        // One interruption indicates all that is pending and not masked.
        let masks = self.cpu.sd.gcr[14].get();
        let mut info = {
            let mut local = self.cpu.local.lock();
            let enabled = local.pending.contains(Pending::MCHK_EXIGENT) || local.machine_check.cr14 & masks != 0;
            if enabled { local.take_machine_check() } else { Default::default() }
        };
        if let Some(floating) = self.vm.floating.take_machine_check(masks) {
            info.mcic |= floating.mcic;
            info.ext_damage_code |= floating.ext_damage_code;
            if info.failing_storage_address == 0 {
                info.failing_storage_address = floating.failing_storage_address;
            }
        }
        if info.mcic == 0 {
            return Ok(());
        }
        self.store_registers();
        self.vm.store_status(self.cpu, u64::from(self.cpu.sd.prefix()), crate::status::What::MachineCheck)?;
        let designation = u64::from_be_bytes(self.fetch_lowcore(EXTENDED_SAVE_AREA)?);
        let (area, length) = extended_save_area(designation, self.vm.has_guarded_storage());
        // What is not stored is not valid.
        let guarded = info.mcic & MCIC_GUARDED_STORAGE != 0 && area != 0 && length > GUARDED_STORAGE_AT;
        if !guarded || self.store_guarded_storage(area + GUARDED_STORAGE_AT).is_err() {
            info.mcic &= !MCIC_GUARDED_STORAGE;
        }
        let vectors = info.mcic & MCIC_VECTOR != 0 && area != 0 && self.vm.has_vector();
        if !vectors || self.store_vectors(area).is_err() {
            info.mcic &= !MCIC_VECTOR;
        }
        self.store_lowcore(ARCHITECTURAL_MODE, &[1])?;
        self.store_lowcore(FIXED_LOGOUT, &info.fixed_logout)?;
        self.store_lowcore(Lowcore::MACHINE_CHECK_CODE, &info.mcic.to_be_bytes())?;
        self.store_lowcore(Lowcore::EXTERNAL_DAMAGE_CODE, &info.ext_damage_code.to_be_bytes())?;
        self.store_lowcore(Lowcore::FAILING_STORAGE_ADDRESS, &info.failing_storage_address.to_be_bytes())?;
        self.swap_psw(Lowcore::MACHINE_CHECK_OLD_PSW, Lowcore::MACHINE_CHECK_NEW_PSW)
    }

    fn store_vectors(&mut self, area: u64) -> Result<()> {
        let mut bytes = [0; 512];
        for (to, vr) in bytes.as_chunks_mut::<16>().0.iter_mut().zip(self.sie.cpu.vr) {
            *to = vr.to_be_bytes();
        }
        self.vm.write_absolute(area, &bytes)
    }

    fn store_guarded_storage(&mut self, at: u64) -> Result<()> {
        self.vm.write_absolute(at, &self.sie.cpu.guarded_storage.bytes())
    }

    fn deliver_program(&mut self) -> Result<()> {
        let info = {
            let mut local = self.cpu.local.lock();
            local.pending -= Pending::PROGRAM;
            core::mem::take(&mut local.program)
        };
        let length = if info.flags & KVM_S390_PGM_FLAGS_ILC_VALID != 0 {
            info.flags & KVM_S390_PGM_FLAGS_ILC_MASK
        } else {
            self.cpu.sd.instruction_length()
        };
        let code = info.code & !ProgramCode::PER.0;
        match code {
            // Translation, ASCE-type and region exceptions, protection.
            0x04 | 0x10 | 0x11 | 0x38..=0x3b => {
                self.store_lowcore(Lowcore::TRANSLATION_EXCEPTION_ID, &info.trans_exc_code.to_be_bytes())?;
                self.store_lowcore(Lowcore::EXCEPTION_ACCESS_ID, &[info.exc_access_id])?;
                if code != 0x04 {
                    self.store_lowcore(Lowcore::OPERAND_ACCESS_ID, &[info.op_access_id])?;
                }
            }
            // Space switch, and the exceptions of PROGRAM CALL and its relatives.
            0x1c | 0x20..=0x27 => {
                self.store_lowcore(Lowcore::TRANSLATION_EXCEPTION_ID, &info.trans_exc_code.to_be_bytes())?;
            }
            0x28..=0x2f => self.store_lowcore(Lowcore::EXCEPTION_ACCESS_ID, &[info.exc_access_id])?,
            0x07 | 0x1b => {
                self.store_lowcore(Lowcore::DATA_EXCEPTION_CODE, &info.data_exc_code.to_be_bytes())?;
            }
            0x40 => {
                self.store_lowcore(Lowcore::MONITOR_CLASS, &info.mon_class_nr.to_be_bytes())?;
                self.store_lowcore(Lowcore::MONITOR_CODE, &info.mon_code.to_be_bytes())?;
            }
            _ => {}
        }
        if info.code & ProgramCode::PER.0 != 0 {
            self.store_lowcore(Lowcore::PER_CODE, &[info.per_code])?;
            self.store_lowcore(PER_ATMID, &[info.per_atmid])?;
            self.store_lowcore(Lowcore::PER_ADDRESS, &info.per_address.to_be_bytes())?;
            self.store_lowcore(Lowcore::PER_ACCESS_ID, &[info.per_access_id])?;
        }
        if nullifies(code) && info.flags & KVM_S390_PGM_FLAGS_NO_REWIND == 0 {
            self.rewind(length);
        }
        self.store_lowcore(Lowcore::BREAKING_EVENT_ADDRESS, &self.cpu.sd.gbea.get().to_be_bytes())?;
        self.store_lowcore(Lowcore::PROGRAM_ILC, &u16::from(length).to_be_bytes())?;
        self.store_lowcore(Lowcore::PROGRAM_CODE, &info.code.to_be_bytes())?;
        self.swap_psw(Lowcore::PROGRAM_OLD_PSW, Lowcore::PROGRAM_NEW_PSW)
    }

    /// Stores into the prefix area.
    pub(crate) fn store_lowcore(&mut self, real: u64, bytes: &[u8]) -> Result<()> {
        let absolute = u64::from(self.cpu.sd.prefix()) + real;
        if let Some(space) = self.space {
            // Its own CPU compares instructions with storage when it runs again.
            self.sie.recheck_code();
            return space.storage.write(absolute, bytes).map_err(|_| Errno::EFAULT);
        }
        self.vm.write_absolute(absolute, bytes)
    }

    /// Fetches from the prefix area.
    pub(crate) fn fetch_lowcore<const N: usize>(&self, real: u64) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        let storage = self.space.map_or(&self.vm.storage, |space| &space.storage);
        storage.read(u64::from(self.cpu.sd.prefix()) + real, &mut bytes).map_err(|_| Errno::EFAULT)?;
        Ok(bytes)
    }

    fn swap_psw(&mut self, old: u64, new: u64) -> Result<()> {
        let sd = &self.cpu.sd;
        let psw = u128::from(sd.gpsw_mask.get()) << 64 | u128::from(sd.gpsw_addr.get());
        self.store_lowcore(old, &psw.to_be_bytes())?;
        let psw = u128::from_be_bytes(self.fetch_lowcore(new)?);
        let sd = &self.cpu.sd;
        sd.gpsw_mask.set((psw >> 64) as u64);
        sd.gpsw_addr.set(psw as u64);
        Ok(())
    }
}

/// The twelve bytes that an I/O interruption and TEST PENDING INTERRUPTION store: subsystem id, parameter, word.
pub(crate) fn io_interruption_code(io: &kvm_s390_io_info) -> [u8; 12] {
    let mut code = [0; 12];
    code[..2].copy_from_slice(&io.subchannel_id.to_be_bytes());
    code[2..4].copy_from_slice(&io.subchannel_nr.to_be_bytes());
    code[4..8].copy_from_slice(&io.io_int_parm.to_be_bytes());
    code[8..].copy_from_slice(&io.io_int_word.to_be_bytes());
    code
}

/// Whether the exception nullifies the instruction, so that the PSW goes back to it.
fn nullifies(code: u16) -> bool {
    matches!(
        code,
        0x10 | 0x11 | 0x16 | 0x20..=0x27 | 0x29..=0x2f | 0x30..=0x34 | 0x38..=0x3b | 0x119
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suppressing_exceptions_do_not_rewind() {
        for code in [0x01, 0x02, 0x04, 0x05, 0x06, 0x07, 0x13, 0x15, 0x1c, 0x28, 0x40] {
            assert!(!nullifies(code), "{code:#x}");
        }
        for code in [0x10, 0x11, 0x29, 0x2f, 0x34, 0x38, 0x3b] {
            assert!(nullifies(code), "{code:#x}");
        }
    }

    #[test]
    fn io_code_is_in_storage_order() {
        let io = kvm_s390_io_info {
            subchannel_id: 1,
            subchannel_nr: 0x1234,
            io_int_parm: 0x5566_7788,
            io_int_word: 0x1800_0000,
        };
        assert_eq!(io_interruption_code(&io), [0, 1, 0x12, 0x34, 0x55, 0x66, 0x77, 0x88, 0x18, 0, 0, 0]);
    }
}
