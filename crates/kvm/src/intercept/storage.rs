//! Storage instructions that were intercepted: storage keys, TEST BLOCK, PERFORM FRAME MANAGEMENT FUNCTION, ESSA.
//! Truth: Principles of Operation, chapter 10; Linux 6.12 arch/s390/kvm/priv.c.

use softsie_cpu::{Cr0, PswMask, Request};
use softsie_mem::{PAGE_SIZE, StorageKey};

use super::{Handled, Stop, pic};
use crate::abi::kvm_s390_pgm_info;
use crate::run::Running;

/// Fields of PERFORM FRAME MANAGEMENT FUNCTION's first operand.
mod pfmf {
    pub(super) const RESERVED: u64 = 0xfffc_0101;
    pub(super) const SET_KEY: u64 = 0x2_0000;
    pub(super) const CLEAR: u64 = 0x8000;
    pub(super) const SIZE: u64 = 0x7000;
    pub(super) const KEEP_REFERENCE: u64 = 0x400;
    pub(super) const KEEP_CHANGE: u64 = 0x200;
    pub(super) const KEY: u64 = 0xfe;
}

impl Running<'_> {
    fn with_key<T>(&self, absolute: u64, f: impl FnOnce(&softsie_mem::PageState) -> T) -> Handled<T> {
        let map = self.vm.storage.map();
        let page = map.page(absolute).ok_or_else(|| Stop::program(pic::ADDRESSING))?;
        Ok(f(page.state))
    }

    /// The absolute address of the block that a register designates by real address.
    fn block(&self, r: u8) -> u64 {
        self.real_to_absolute(self.wrap(self.gr(r)) & !(PAGE_SIZE - 1))
    }

    pub(super) fn handle_iske(&mut self) -> Handled {
        self.check_supervisor()?;
        let (r1, r2) = self.r1_r2();
        let key = self.with_key(self.block(r2), |page| page.key().0)?;
        let value = self.gr(r1) & !0xff | u64::from(key);
        self.set_gr(r1, value);
        Ok(())
    }

    pub(super) fn handle_rrbe(&mut self) -> Handled {
        self.check_supervisor()?;
        let (_, r2) = self.r1_r2();
        let before = self.with_key(self.block(r2), |page| page.clear_key(StorageKey::REFERENCE))?;
        self.vm.cluster.request(Request::FlushAll);
        self.set_cc(before.0 >> 1 & 3);
        Ok(())
    }

    pub(super) fn handle_sske(&mut self) -> Handled {
        self.check_supervisor()?;
        let (r1, r2) = self.r1_r2();
        let key = StorageKey(self.gr(r1) as u8 & 0xfe);
        self.with_key(self.block(r2), |page| page.set_key(key))?;
        self.vm.cluster.request(Request::FlushAll);
        Ok(())
    }

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

    pub(super) fn handle_pfmf(&mut self) -> Handled {
        if !self.vm.has_facility(8) {
            return Err(Stop::program(pic::OPERATION));
        }
        self.check_supervisor()?;
        let (r1, r2) = self.r1_r2();
        let control = self.gr(r1);
        if control & pfmf::RESERVED != 0 {
            return Err(Stop::program(pic::SPECIFICATION));
        }
        let start = self.wrap(self.gr(r2)) & !(PAGE_SIZE - 1);
        let (mut at, end) = match (control & pfmf::SIZE) >> 12 {
            0 => {
                if control & pfmf::CLEAR != 0 {
                    self.check_low_address(start)?;
                }
                let absolute = self.real_to_absolute(start);
                (absolute, absolute.wrapping_add(PAGE_SIZE))
            }
            1 => (start, (start | 0xf_ffff).wrapping_add(1)),
            2 if self.vm.has_facility(78) && self.psw().has(PswMask::EA) => {
                (start, (start | 0x7fff_ffff).wrapping_add(1))
            }
            _ => return Err(Stop::program(pic::SPECIFICATION)),
        };
        while at != end {
            if !self.vm.is_storage(at) {
                return Err(Stop::program(pic::ADDRESSING));
            }
            if control & pfmf::CLEAR != 0 {
                self.clear_block(at)?;
            }
            if control & pfmf::SET_KEY != 0 {
                let new = (control & pfmf::KEY) as u8;
                let mut kept = 0;
                if control & pfmf::KEEP_REFERENCE != 0 {
                    kept |= StorageKey::REFERENCE;
                }
                if control & pfmf::KEEP_CHANGE != 0 {
                    kept |= StorageKey::CHANGE;
                }
                self.with_key(at, |page| page.set_key(StorageKey(new & !kept | page.key().0 & kept)))?;
            }
            at = at.wrapping_add(PAGE_SIZE);
        }
        if control & pfmf::SET_KEY != 0 {
            self.vm.cluster.request(Request::FlushAll);
        }
        if control & pfmf::SIZE != 0 {
            if self.psw().has(PswMask::EA) { self.set_gr(r2, end) } else { self.set_gr_low(r2, self.wrap(end) as u32) }
        }
        Ok(())
    }

    /// EXTRACT AND SET STORAGE ATTRIBUTES belongs to CMMA, which is not offered.
    pub(super) fn handle_essa(&mut self) -> Handled {
        Err(Stop::program(pic::OPERATION))
    }
}
