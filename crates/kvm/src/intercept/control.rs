//! Control instructions that were intercepted: PSW and control-register loads, prefix, identification, facility lists.
//! Truth: Principles of Operation, chapter 10 (each instruction); Linux 6.12 arch/s390/kvm/priv.c for what KVM completes.

use std::sync::atomic::Ordering;

use softsie_cpu::{Lowcore, Psw, PswMask};

use super::operand::Operand;
use super::{Handled, Stop, pic};
use crate::abi::{KVM_S390_PGM_FLAGS_ILC_VALID, KVM_S390_PGM_FLAGS_NO_REWIND, kvm_s390_pgm_info};
use crate::run::Running;

impl Running<'_> {
    pub(super) fn handle_lpsw(&mut self) -> Handled {
        self.check_supervisor()?;
        let operand = self.operand_s();
        self.check_boundary(operand, 8)?;
        let short = u64::from_be_bytes(self.fetch(operand)?);
        if short & PswMask::SHORT.bits() == 0 {
            return Err(Stop::program(pic::SPECIFICATION));
        }
        self.load_psw(Psw::from_short(short))
    }

    pub(super) fn handle_lpswe(&mut self) -> Handled {
        self.check_supervisor()?;
        let operand = self.operand_s();
        self.check_boundary(operand, 8)?;
        let psw = u128::from_be_bytes(self.fetch(operand)?);
        self.load_psw(Psw::new((psw >> 64) as u64, psw as u64))
    }

    fn load_psw(&mut self, psw: Psw) -> Handled {
        self.set_psw(psw);
        if psw.is_valid() {
            return Ok(());
        }
        // An early exception belongs to the new PSW, before which there was no instruction.
        let flags = KVM_S390_PGM_FLAGS_ILC_VALID | KVM_S390_PGM_FLAGS_NO_REWIND;
        Err(Stop::Program(kvm_s390_pgm_info { code: pic::SPECIFICATION, flags, ..Default::default() }))
    }

    pub(super) fn handle_lctl(&mut self) -> Handled {
        let operand = self.operand_s();
        self.load_control(operand, 4)
    }

    pub(super) fn handle_lctlg(&mut self) -> Handled {
        let operand = self.operand_rsy();
        self.load_control(operand, 8)
    }

    pub(super) fn handle_stctl(&mut self) -> Handled {
        let operand = self.operand_s();
        self.store_control(operand, 4)
    }

    pub(super) fn handle_stctg(&mut self) -> Handled {
        let operand = self.operand_rsy();
        self.store_control(operand, 8)
    }

    /// The control registers from R1 to R3, wrapping from 15 to 0.
    fn control_range(&self) -> impl Iterator<Item = usize> + use<> {
        let (r1, r3) = self.r1_r3();
        let count = (r3.wrapping_sub(r1) & 15) + 1;
        (0..count).map(move |n| usize::from((r1 + n) & 15))
    }

    fn load_control(&mut self, operand: Operand, width: usize) -> Handled {
        self.check_supervisor()?;
        self.check_boundary(operand, width as u64)?;
        let registers: Vec<usize> = self.control_range().collect();
        let mut bytes = [0; 128];
        let bytes = &mut bytes[..registers.len() * width];
        self.sie.read_logical(&self.cpu.sd, operand.address, operand.ar, bytes)?;
        for (n, piece) in registers.into_iter().zip(bytes.chunks_exact(width)) {
            let value = piece.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
            let cr = &self.cpu.sd.gcr[n];
            cr.set(if width == 4 { cr.get() & !0xffff_ffff | value } else { value });
        }
        self.cpu.sd.ihcpu.set(0xffff);
        Ok(())
    }

    fn store_control(&mut self, operand: Operand, width: usize) -> Handled {
        self.check_supervisor()?;
        self.check_boundary(operand, width as u64)?;
        let mut bytes = Vec::with_capacity(128);
        for n in self.control_range() {
            bytes.extend_from_slice(&self.cpu.sd.gcr[n].get().to_be_bytes()[8 - width..]);
        }
        self.store(operand, &bytes)
    }

    pub(super) fn handle_epsw(&mut self) -> Handled {
        let (r1, r2) = self.r1_r2();
        let mask = self.cpu.sd.gpsw_mask.get();
        self.set_gr_low(r1, (mask >> 32) as u32);
        if r2 != 0 {
            self.set_gr_low(r2, mask as u32);
        }
        Ok(())
    }

    pub(super) fn handle_spx(&mut self) -> Handled {
        self.check_supervisor()?;
        let operand = self.operand_s();
        self.check_boundary(operand, 4)?;
        let prefix = u32::from_be_bytes(self.fetch(operand)?) & 0x7fff_e000;
        let absolute = u64::from(prefix);
        if !self.vm.is_storage(absolute) || !self.vm.is_storage(absolute + 0x1000) {
            return Err(Stop::program(pic::ADDRESSING));
        }
        self.set_prefix(prefix);
        Ok(())
    }

    pub(super) fn handle_stpx(&mut self) -> Handled {
        self.check_supervisor()?;
        let operand = self.operand_s();
        self.check_boundary(operand, 4)?;
        self.store(operand, &self.cpu.sd.prefix().to_be_bytes())
    }

    pub(super) fn handle_stap(&mut self) -> Handled {
        self.check_supervisor()?;
        let operand = self.operand_s();
        self.check_boundary(operand, 2)?;
        self.store(operand, &self.cpu.id.to_be_bytes())
    }

    pub(super) fn handle_stidp(&mut self) -> Handled {
        self.check_supervisor()?;
        let operand = self.operand_s();
        self.check_boundary(operand, 8)?;
        self.store(operand, &self.vm.cpuid().to_be_bytes())
    }

    /// PERFORM TOPOLOGY FUNCTION: the client changes the topology; here is the report that it has changed.
    pub(super) fn handle_ptf(&mut self) -> Handled {
        const TOPOLOGY: u16 = 11;
        const CHECK: u64 = 2;
        if !self.vm.has_facility(TOPOLOGY) {
            return Err(Stop::program(pic::OPERATION));
        }
        self.check_supervisor()?;
        let (r1, _) = self.r1_r2();
        match self.gr(r1) {
            function if function > CHECK => Err(Stop::program(pic::SPECIFICATION)),
            CHECK => {
                let changed = self.vm.topology_changed.swap(false, Ordering::Relaxed);
                self.set_cc(u8::from(changed));
                Ok(())
            }
            _ => Err(Stop::ToUser),
        }
    }

    pub(super) fn handle_stfl(&mut self) -> Handled {
        self.check_supervisor()?;
        let list = self.vm.facilities();
        self.store_lowcore(Lowcore::STFL_LIST, &list.0[..4])?;
        Ok(())
    }

    pub(super) fn handle_stfle(&mut self) -> Handled {
        let operand = self.operand_s();
        self.check_boundary(operand, 8)?;
        let list = self.vm.facilities();
        let doublewords = list.0.as_chunks::<8>().0;
        let there = doublewords.iter().rposition(|d| *d != [0; 8]).map_or(1, |last| last + 1);
        let wanted = usize::from(self.gr(0) as u8) + 1;
        self.store(operand, doublewords[..there.min(wanted)].as_flattened())?;
        let gr0 = self.gr(0) & !0xff | (there as u64 - 1);
        self.set_gr(0, gr0);
        self.set_cc(if wanted < there { 3 } else { 0 });
        Ok(())
    }
}
