//! Interceptions: who completes them. What Linux's kernel completes is completed here, the rest leaves to the client.
//! Truth: Linux 6.12 arch/s390/kvm/intercept.c and priv.c (dispatch tables), as listed in the reference of SIE.

mod control;
mod diag;
mod io;
mod operand;
mod sigp;
mod sthyi;
mod storage;
mod stsi;
mod timing;
mod wait;

use softsie_cpu::{GuardedStorage, Lowcore, ProgramCode, Psw, PswMask};
use softsie_sie::icpt;

use crate::abi::*;
use crate::interrupt::{LocalIrq, Pending};
use crate::run::Running;
use crate::{Errno, Result};

/// Why a handler did not complete the interception.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The guest gets a program interruption.
    Program(kvm_s390_pgm_info),
    /// The client completes it (KVM_EXIT_S390_SIEIC).
    ToUser,
    /// The client completes it, and the exit has been prepared.
    Exited,
    /// KVM_RUN fails.
    Fail(Errno),
}

impl From<Errno> for Stop {
    fn from(errno: Errno) -> Self {
        Self::Fail(errno)
    }
}

/// What a handler returns.
pub(crate) type Handled<T = ()> = core::result::Result<T, Stop>;

/// Program-interruption codes that handlers raise.
pub(crate) mod pic {
    pub(crate) const OPERATION: u16 = 0x01;
    pub(crate) const PRIVILEGED_OPERATION: u16 = 0x02;
    pub(crate) const ADDRESSING: u16 = 0x05;
    pub(crate) const SPECIFICATION: u16 = 0x06;
}

impl Stop {
    /// A program interruption without parameters.
    pub(crate) fn program(code: u16) -> Self {
        Self::Program(kvm_s390_pgm_info { code, ..Default::default() })
    }
}

impl Running<'_> {
    /// Completes the interception in the state description, or says who does. Program-event-recording events of the
    /// instruction are made pending, also when the client completes it.
    pub(crate) fn handle_interception(&mut self) -> Handled {
        let handled = self.dispatch_interception();
        if let (Some(event), false) = (self.sie.take_program_event(), matches!(handled, Err(Stop::Fail(_)))) {
            self.inject_program(kvm_s390_pgm_info {
                code: ProgramCode::PER.0,
                per_code: event.code,
                per_atmid: event.modes,
                per_address: event.address,
                per_access_id: event.access_id,
                ..Default::default()
            })?;
        }
        handled
    }

    fn dispatch_interception(&mut self) -> Handled {
        let sd = &self.cpu.sd;
        let code = sd.icptcode.get();
        self.cpu.statistics.count_interception(code, sd.ipa.get());
        match code {
            icpt::NONE | icpt::EXTREQ | icpt::IOREQ | icpt::MCHKREQ | icpt::INT_ENABLE => Ok(()),
            icpt::INST => self.handle_instruction(),
            icpt::PROGI => self.handle_program_interruption(),
            icpt::EXTINT => self.handle_external_interruption(),
            icpt::WAIT => self.handle_wait(),
            icpt::VALIDITY => Err(Stop::Fail(Errno::EINVAL)),
            icpt::STOP => self.handle_stop(),
            icpt::OPEREXC => self.handle_operation_exception(),
            icpt::PARTEXEC if sd.ipa.get() >> 8 == 0xae => self.handle_sigp(),
            _ => Err(Stop::ToUser),
        }
    }

    fn handle_instruction(&mut self) -> Handled {
        let [first, second] = self.cpu.sd.ipa.get().to_be_bytes();
        let last = self.cpu.sd.ipb.get() as u8;
        match (first, second) {
            (0x01, 0x04) => self.handle_ptff(),
            (0x01, 0x07) => self.handle_sckpf(),
            (0x82, _) => self.handle_lpsw(),
            (0x83, _) => self.handle_diag(),
            (0xae, _) => self.handle_sigp(),
            (0xb2, 0x02) => self.handle_stidp(),
            (0xb2, 0x04) => self.handle_sck(),
            (0xb2, 0x10) => self.handle_spx(),
            (0xb2, 0x11) => self.handle_stpx(),
            (0xb2, 0x12) => self.handle_stap(),
            (0xb2, 0x2c) => self.handle_tb(),
            (0xb2, 0x56) => self.handle_sthyi(),
            (0xb2, 0x30..=0x3c | 0x5f | 0x74 | 0x76) => self.handle_io(),
            (0xb2, 0x7d) => self.handle_stsi(),
            (0xb2, 0xb0) => self.handle_stfle(),
            (0xb2, 0xb1) => self.handle_stfl(),
            (0xb2, 0xb2) => self.handle_lpswe(),
            (0xb6, _) => self.handle_stctl(),
            (0xb7, _) => self.handle_lctl(),
            (0xb9, 0x8d) => self.handle_epsw(),
            (0xb9, 0xa2) => self.handle_ptf(),
            (0xb9, 0xab) => self.handle_essa(),
            (0xeb, _) if last == 0x25 => self.handle_stctg(),
            (0xeb, _) if last == 0x2f => self.handle_lctlg(),
            // Runtime instrumentation is not installed.
            (0xaa, r) if r & 0xf <= 4 => Err(Stop::program(pic::OPERATION)),
            (0xeb, _) if matches!(last, 0x60..=0x62) => Err(Stop::program(pic::OPERATION)),
            (0xe3, _) if matches!(last, 0x49 | 0x4d) => self.handle_guarded_storage(),
            _ => Err(Stop::ToUser),
        }
    }

    /// The guest's first use of the guarded-storage registers: from now on the CPU executes the instruction.
    fn handle_guarded_storage(&mut self) -> Handled {
        if !self.vm.has_guarded_storage() {
            return Err(Stop::program(pic::OPERATION));
        }
        self.enable_guarded_storage();
        self.sie.cpu.guarded_storage = GuardedStorage::of_block(self.cpu.page.regs().gscb);
        self.rewind(self.cpu.sd.instruction_length());
        Ok(())
    }

    /// A program interruption that the guest was not given: it is, unless its new PSW would make it happen again.
    fn handle_program_interruption(&mut self) -> Handled {
        let sd = &self.cpu.sd;
        let code = sd.iprcc.get();
        if code == pic::SPECIFICATION && !self.lowcore_psw(Lowcore::PROGRAM_NEW_PSW)?.is_valid() {
            return Err(Stop::ToUser);
        }
        Err(Stop::Program(kvm_s390_pgm_info {
            trans_exc_code: sd.tecmc.get(),
            mon_code: sd.tecmc.get(),
            per_address: sd.peraddr.get(),
            data_exc_code: sd.dxc.get(),
            code,
            mon_class_nr: sd.mcn.get(),
            per_code: sd.perc.get(),
            per_atmid: sd.peratmid.get(),
            exc_access_id: sd.eai.get(),
            per_access_id: sd.peraid.get(),
            op_access_id: sd.oai.get(),
            flags: KVM_S390_PGM_FLAGS_ILC_VALID
                | KVM_S390_PGM_FLAGS_NO_REWIND
                | sd.pgmilc.get() as u8 & KVM_S390_PGM_FLAGS_ILC_MASK,
            pad: [0; 2],
        }))
    }

    /// An external interruption that interpretive execution may not deliver: it becomes pending.
    fn handle_external_interruption(&mut self) -> Handled {
        const CLOCK_COMPARATOR: u16 = 0x1004;
        const CPU_TIMER: u16 = 0x1005;
        const EXTERNAL_CALL: u16 = 0x1202;
        let sd = &self.cpu.sd;
        let irq = match sd.eic.get() {
            timer @ (CLOCK_COMPARATOR | CPU_TIMER) => {
                if self.lowcore_psw(Lowcore::EXTERNAL_NEW_PSW)?.has(PswMask::EXTERNAL) {
                    return Err(Stop::ToUser);
                }
                if timer == CPU_TIMER { LocalIrq::CpuTimer } else { LocalIrq::ClockComparator }
            }
            EXTERNAL_CALL => LocalIrq::ExternalCall(sd.extcpuaddr.get()),
            _ => return Err(Stop::ToUser),
        };
        match self.cpu.inject(irq) {
            Ok(()) | Err(Errno::EBUSY) => Ok(()),
            Err(errno) => Err(Stop::Fail(errno)),
        }
    }

    /// A stop order is carried out once nothing else can be delivered.
    fn handle_stop(&mut self) -> Handled {
        let store_status = {
            let local = self.cpu.local.lock();
            if !self.cpu.deliverable(&local, &self.vm.floating).is_empty() || !local.pending.contains(Pending::STOP) {
                return Ok(());
            }
            local.stop_stores_status
        };
        if store_status {
            self.store_registers();
            self.vm.store_status_at(self.cpu, KVM_S390_STORE_STATUS_NOADDR)?;
        }
        if !self.vm.user_controls_cpu_state() {
            self.vm.stop_cpu(self.cpu);
        }
        Err(Stop::ToUser)
    }

    fn handle_operation_exception(&mut self) -> Handled {
        let sd = &self.cpu.sd;
        if sd.ipa.get() == 0 && self.vm.user_handles_instruction_0() {
            return Err(Stop::ToUser);
        }
        // The client is told when the program-new PSW designates the very instruction again, in the same space.
        const SPACE: u64 = 0x0400_c000_0000_0000;
        let old = self.psw();
        let new = self.lowcore_psw(Lowcore::PROGRAM_NEW_PSW)?;
        if old.address.wrapping_sub(new.address) <= 6
            && !new.has(PswMask::WAIT)
            && !old.has(PswMask::PROBLEM)
            && (old.mask ^ new.mask) & SPACE == 0
        {
            return Err(Stop::ToUser);
        }
        Err(Stop::program(pic::OPERATION))
    }

    /// Makes a program interruption pending; the next entry delivers it.
    pub(crate) fn inject_program(&mut self, info: kvm_s390_pgm_info) -> Result<()> {
        let kind = self.cpu.local.lock().add(LocalIrq::Program(info))?;
        self.cpu.statistics.injected.bump(kind.number());
        Ok(())
    }

    /// The guest's PSW.
    pub(crate) fn psw(&self) -> Psw {
        Psw::new(self.cpu.sd.gpsw_mask.get(), self.cpu.sd.gpsw_addr.get())
    }

    /// Replaces the guest's PSW.
    pub(crate) fn set_psw(&self, psw: Psw) {
        self.cpu.sd.gpsw_mask.set(psw.mask);
        self.cpu.sd.gpsw_addr.set(psw.address);
    }

    /// Sets the condition code.
    pub(crate) fn set_cc(&self, cc: u8) {
        let mut psw = self.psw();
        psw.set_cc(cc);
        self.cpu.sd.gpsw_mask.set(psw.mask);
    }

    /// Sets the instruction address back by the length of an instruction.
    pub(crate) fn rewind(&self, length: u8) {
        let psw = self.psw();
        self.cpu.sd.gpsw_addr.set(psw.address.wrapping_sub(u64::from(length)) & psw.address_mask());
    }

    pub(crate) fn lowcore_psw(&self, real: u64) -> Result<Psw> {
        let psw = u128::from_be_bytes(self.fetch_lowcore(real)?);
        Ok(Psw::new((psw >> 64) as u64, psw as u64))
    }

    /// Privileged-operation exception in the problem state.
    pub(crate) fn check_supervisor(&self) -> Handled {
        if self.psw().has(PswMask::PROBLEM) {
            return Err(Stop::program(pic::PRIVILEGED_OPERATION));
        }
        Ok(())
    }
}
