//! Storage instructions that were intercepted: TEST BLOCK, ESSA. Those of storage keys and PERFORM FRAME MANAGEMENT FUNCTION
//! are not.
//! Truth: Principles of Operation, chapter 10; Linux 6.12 arch/s390/kvm/priv.c.

use softsie_cpu::Cr0;
use softsie_mem::PAGE_SIZE;

use super::{Handled, Stop, pic};
use crate::abi::kvm_s390_pgm_info;
use crate::run::Running;

/// The facility that tells pages for address translation from others.
const NO_DAT_FACILITY: u16 = 147;

impl Running<'_> {
    pub(super) fn handle_tb(&mut self) -> Handled {
        self.check_supervisor()?;
        let (_, r2) = self.r1_r2();
        let real = self.wrap(self.gr(r2)) & !(PAGE_SIZE - 1);
        self.check_low_address(real)?;
        let absolute = self.real_to_absolute(real);
        self.clear_block(absolute)?;
        self.set_gr(0, 0);
        self.set_cc(0);
        Ok(())
    }

    /// Protection exception when low-address protection forbids a store at a real address.
    fn check_low_address(&self, real: u64) -> Handled {
        let on = Cr0::from_bits_retain(self.cpu.sd.gcr[0].get()).contains(Cr0::LOW_ADDRESS_PROTECTION);
        if on && real & !0x11ff == 0 {
            return Err(Stop::Program(kvm_s390_pgm_info {
                code: 0x04,
                trans_exc_code: real & !0xfff,
                ..Default::default()
            }));
        }
        Ok(())
    }

    fn clear_block(&mut self, absolute: u64) -> Handled {
        let cleared = self.vm.write_absolute(absolute, &[0; PAGE_SIZE as usize]);
        cleared.map_err(|_| Stop::program(pic::ADDRESSING))
    }

    /// EXTRACT AND SET STORAGE ATTRIBUTES belongs to CMMA, which the client enables.
    pub(super) fn handle_essa(&mut self) -> Handled {
        if !self.vm.cmma.lock().is_enabled() {
            return Err(Stop::program(pic::OPERATION));
        }
        self.check_supervisor()?;
        let operation = (self.cpu.sd.ipb.get() >> 28) as u8;
        let highest = if self.vm.has_facility(NO_DAT_FACILITY) { 7 } else { 6 };
        if operation > highest {
            return Err(Stop::program(pic::SPECIFICATION));
        }
        let (r1, r2) = self.r1_r2();
        let page = self.gr(r2) / PAGE_SIZE;
        let state = self.vm.cmma.lock().extract_and_set(page, operation);
        self.set_gr(r1, state.ok_or_else(|| Stop::program(pic::ADDRESSING))?);
        Ok(())
    }
}
