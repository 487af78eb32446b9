//! DIAGNOSE: the codes that the kernel answers; all others leave to the client.
//! Truth: Linux 6.12 arch/s390/kvm/diag.c.

use super::{Handled, Stop, pic};
use crate::abi::*;
use crate::peer::PFAULT_TOKEN_INVALID;
use crate::run::Running;

impl Running<'_> {
    pub(super) fn handle_diag(&mut self) -> Handled {
        self.check_supervisor()?;
        let code = self.operand_s().address as u16;
        self.cpu.statistics.count_diagnose(code);
        match code {
            0x10 => self.diag_release_pages(),
            0x44 | 0x9c => {
                std::thread::yield_now();
                Ok(())
            }
            0x258 => self.diag_page_reference_services(),
            0x308 => self.diag_ipl(),
            0x500 => self.diag_virtio_notification(),
            _ => Err(Stop::ToUser),
        }
    }

    /// Release pages: the guest does not need their contents. They may stay.
    fn diag_release_pages(&mut self) -> Handled {
        let (r1, r3) = self.r1_r3();
        let (start, last) = (self.gr(r1), self.gr(r3));
        let end = last.wrapping_add(0x1000);
        if (start | end) & 0xfff != 0 || start >= end || start < 0x2000 {
            return Err(Stop::program(pic::SPECIFICATION));
        }
        Ok(())
    }

    fn diag_page_reference_services(&mut self) -> Handled {
        let (rx, ry) = self.r1_r3();
        let address = self.gr(rx);
        if address & 7 != 0 {
            return Err(Stop::program(pic::SPECIFICATION));
        }
        let mut block = [0u8; 40];
        self.sie.read_real(&self.cpu.sd, self.wrap(address), &mut block)?;
        let half = |at: usize| u16::from_be_bytes([block[at], block[at + 1]]);
        let double = |at: usize| block[at..at + 8].iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
        let (code, subcode, length, version) = (half(0), half(2), half(4), half(6));
        if version != 2 || length < 5 || code != 0x258 {
            return Err(Stop::program(pic::SPECIFICATION));
        }
        let (token, select, compare, zarch) = (double(8), double(16), double(24), double(32));
        match subcode {
            0 => {
                let mut pfault = self.cpu.pfault.lock();
                if pfault.token != PFAULT_TOKEN_INVALID {
                    drop(pfault);
                    self.set_gr(ry, 8);
                    return Ok(());
                }
                if compare & select != compare || token & 7 != 0 {
                    return Err(Stop::program(pic::SPECIFICATION));
                }
                if !self.vm.is_storage(token) {
                    return Err(Stop::program(pic::ADDRESSING));
                }
                pfault.token = token;
                pfault.select = select;
                pfault.compare = compare;
                drop(pfault);
                self.set_gr(ry, 0);
                Ok(())
            }
            1 => {
                if token | select | compare | zarch != 0 {
                    return Err(Stop::program(pic::SPECIFICATION));
                }
                let before = core::mem::replace(&mut self.cpu.pfault.lock().token, PFAULT_TOKEN_INVALID);
                self.set_gr(ry, if before == PFAULT_TOKEN_INVALID { 4 } else { 0 });
                Ok(())
            }
            _ => Err(Stop::ToUser),
        }
    }

    /// A notification of the client, if it waits for an event instead of an exit.
    fn diag_virtio_notification(&mut self) -> Handled {
        const CCW_NOTIFY: u64 = 3;
        if !self.vm.has_css_support() || self.gr(1) != CCW_NOTIFY {
            return Err(Stop::ToUser);
        }
        let Some(cookie) = self.vm.notify(self.gr(2) as u32, self.gr(3)) else { return Err(Stop::ToUser) };
        self.set_gr(2, u64::from(cookie));
        Ok(())
    }

    fn diag_ipl(&mut self) -> Handled {
        let (_, r3) = self.r1_r3();
        let common = KVM_S390_RESET_SUBSYSTEM | KVM_S390_RESET_CPU_INIT | KVM_S390_RESET_IPL;
        let flags = match self.gr(r3) as u16 {
            3 => common | KVM_S390_RESET_CLEAR,
            4 => common,
            _ => return Err(Stop::ToUser),
        };
        if !self.vm.user_controls_cpu_state() {
            self.vm.stop_cpu(self.cpu);
        }
        self.exit(KVM_EXIT_S390_RESET, |exit| exit.s390_reset_flags = flags);
        Err(Stop::Exited)
    }
}
