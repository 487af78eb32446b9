//! Channel I/O instructions: condition code 3 until the client takes them; then it does, but for the interruption part of
//! TEST PENDING INTERRUPTION and TEST SUBCHANNEL. Truth: Linux 6.12 arch/s390/kvm/priv.c (handle_io_inst).

use softsie_cpu::Lowcore;

use super::{Handled, Stop};
use crate::abi::*;
use crate::interrupt::{FloatingIrq, io_interruption_code};
use crate::run::Running;

const TPI: u16 = 0xb236;
const TSCH: u16 = 0xb235;

impl Running<'_> {
    pub(super) fn handle_io(&mut self) -> Handled {
        self.check_supervisor()?;
        if !self.vm.has_css_support() {
            self.set_cc(3);
            return Ok(());
        }
        match self.cpu.sd.ipa.get() {
            TPI => self.handle_tpi(),
            TSCH => self.handle_tsch(),
            _ => Err(Stop::ToUser),
        }
    }

    fn handle_tpi(&mut self) -> Handled {
        let operand = self.operand_s();
        self.check_boundary(operand, 4)?;
        let mask = self.cpu.sd.gcr[6].get();
        let Some((io, number)) = self.vm.floating.take_io(mask, None) else {
            self.set_cc(0);
            return Ok(());
        };
        let code = io_interruption_code(&io);
        let stored = if operand.address == 0 {
            self.store_lowcore(Lowcore::SUBSYSTEM_ID, &code).map_err(Stop::from)
        } else {
            self.store(operand, &code[..8])
        };
        if let Err(stop) = stored {
            // The interruption was not consumed: it goes back.
            self.vm.float(FloatingIrq::Io(io, number))?;
            return Err(stop);
        }
        self.set_cc(1);
        Ok(())
    }

    fn handle_tsch(&mut self) -> Handled {
        let subchannel = self.gr(1) as u32;
        let taken = if subchannel != 0 { self.vm.floating.take_io(u64::MAX, Some(subchannel)) } else { None };
        let mut payload = kvm_run_s390_tsch { ipb: self.cpu.sd.ipb.get(), ..Default::default() };
        if let Some((io, _)) = taken {
            payload.subchannel_id = io.subchannel_id;
            payload.subchannel_nr = io.subchannel_nr;
            payload.io_int_parm = io.io_int_parm;
            payload.io_int_word = io.io_int_word;
            payload.dequeued = 1;
        }
        self.exit(KVM_EXIT_S390_TSCH, |exit| exit.s390_tsch = payload);
        Err(Stop::Exited)
    }
}
