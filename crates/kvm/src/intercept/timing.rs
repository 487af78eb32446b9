//! Timing instructions that were intercepted: SET CLOCK, SET CLOCK PROGRAMMABLE FIELD, PERFORM TIMING FACILITY FUNCTION.
//! Truth: Principles of Operation, chapter 10; Linux 6.12 arch/s390/kvm/priv.c (handle_set_clock, kvm_s390_handle_01).

use softsie_exec::semantics::timing_function as function;

use super::operand::Operand;
use super::{Handled, Stop, pic};
use crate::run::Running;

impl Running<'_> {
    pub(super) fn handle_sck(&mut self) -> Handled {
        self.check_supervisor()?;
        let operand = self.operand_s();
        self.check_boundary(operand, 8)?;
        let tod = u64::from_be_bytes(self.fetch(operand)?);
        self.vm.set_tod(0, tod);
        self.set_cc(0);
        Ok(())
    }

    pub(super) fn handle_sckpf(&mut self) -> Handled {
        self.check_supervisor()?;
        let gr0 = self.gr(0);
        if gr0 & 0xffff_0000 != 0 {
            return Err(Stop::program(pic::SPECIFICATION));
        }
        self.cpu.sd.todpr.set(gr0 as u32 & 0xffff);
        Ok(())
    }

    /// The control functions: the guest may change its offset from the machine's clock, and nothing of the clock itself.
    /// Linux offers none; the architecture lets a guest have these.
    pub(super) fn handle_ptff(&mut self) -> Handled {
        self.check_supervisor()?;
        let block = Operand { address: self.gr(1), ar: 1 };
        match self.gr(0) as u8 & 0x7f {
            function::SET_TOD_OFFSET => {
                let offset = u64::from_be_bytes(self.fetch(block)?);
                // With an epoch index, too, a clock that is set back stays in its epoch.
                self.vm.set_epoch(i128::from(offset.cast_signed()).cast_unsigned());
            }
            function::SET_TOD_OFFSET_USER => {
                let offset = u64::from_be_bytes(self.fetch(block)?);
                self.vm.set_user_epoch(offset);
            }
            _ => {
                self.set_cc(3);
                return Ok(());
            }
        }
        self.set_cc(0);
        Ok(())
    }
}
