//! SIGNAL PROCESSOR between vCPUs: the orders the kernel carries out, and those it leaves to the client.
//! Truth: Principles of Operation, chapter 4, CPU Signaling and Response; Linux 6.12 arch/s390/kvm/sigp.c.

use softsie_cpu::PswMask;
use softsie_sie::CpuFlags;

use super::{Handled, Stop};
use crate::Errno;
use crate::interrupt::{LocalIrq, Pending};
use crate::peer::Peer;
use crate::run::Running;
use crate::signal::{order, status};

/// How an order ends.
enum Answer {
    Accepted,
    StatusStored(u32),
    Busy,
    NotOperational,
}

impl Running<'_> {
    pub(super) fn handle_sigp(&mut self) -> Handled {
        self.check_supervisor()?;
        let (r1, r3) = self.r1_r3();
        let order = self.operand_s().address as u8;
        self.cpu.statistics.count_sigp(order);
        let target = self.vm.cpu(self.gr(r3) as u16);
        let refused = ends_with_check_stop(order) && target.as_ref().is_some_and(|target| target.is_check_stopped());
        if self.vm.user_handles_sigp() && !is_fast(order) && !refused {
            return Err(Stop::ToUser);
        }
        let parameter = self.gr(r1 | 1);
        let answer = if order == order::SET_ARCHITECTURE {
            // There is no other architectural mode to go to.
            Answer::StatusStored(status::INVALID_PARAMETER)
        } else {
            match target {
                None => Answer::NotOperational,
                // Stopped for good: the client, too, could do nothing about it.
                Some(_) if refused => Answer::StatusStored(status::CHECK_STOP),
                Some(target) => self.signal(order, &target, parameter)?,
            }
        };
        let cc = match answer {
            Answer::Accepted => 0,
            Answer::StatusStored(bits) => {
                self.set_gr_low(r1, bits);
                1
            }
            Answer::Busy => 2,
            Answer::NotOperational => 3,
        };
        self.set_cc(cc);
        Ok(())
    }

    fn signal(&mut self, order: u8, target: &Peer, parameter: u64) -> Handled<Answer> {
        // Stop and restart are carried out when the target gets to it. Until then all but resets find it busy, so that
        // nobody sees a state that is about to change.
        if !matches!(order, order::INITIAL_CPU_RESET | order::CPU_RESET) && target.is_busy() {
            return Ok(Answer::Busy);
        }
        Ok(match order {
            order::SENSE => {
                let mut bits = 0;
                if target.local.lock().pending.contains(Pending::EXTERNAL_CALL) {
                    bits |= status::EXTERNAL_CALL_PENDING;
                }
                if target.is_check_stopped() {
                    bits |= status::CHECK_STOP;
                } else if target.is_stopped() {
                    bits |= status::STOPPED;
                }
                if bits == 0 { Answer::Accepted } else { Answer::StatusStored(bits) }
            }
            order::EXTERNAL_CALL => match target.inject(LocalIrq::ExternalCall(self.cpu.id)) {
                Err(Errno::EBUSY) => Answer::StatusStored(status::EXTERNAL_CALL_PENDING),
                other => other.map(|()| Answer::Accepted)?,
            },
            order::EMERGENCY_SIGNAL => {
                target.inject(LocalIrq::Emergency(self.cpu.id))?;
                Answer::Accepted
            }
            order::CONDITIONAL_EMERGENCY_SIGNAL => self.conditional_emergency(target, parameter as u16)?,
            order::SENSE_RUNNING_STATUS => {
                if target.sd.has_cpu_flags(CpuFlags::RUNNING) {
                    Answer::Accepted
                } else {
                    Answer::StatusStored(status::NOT_RUNNING)
                }
            }
            order::STOP | order::STOP_AND_STORE_STATUS => {
                let store_status = order == order::STOP_AND_STORE_STATUS;
                match self.vm.order_stop(target, store_status) {
                    Err(Errno::EBUSY) => Answer::Busy,
                    other => other.map(|()| Answer::Accepted)?,
                }
            }
            order::STORE_STATUS_AT_ADDRESS => {
                if !target.is_stopped() {
                    return Ok(Answer::StatusStored(status::INCORRECT_STATE));
                }
                match self.vm.store_status_at(target, parameter & 0x7fff_fe00) {
                    Err(_) => Answer::StatusStored(status::INVALID_PARAMETER),
                    Ok(()) => Answer::Accepted,
                }
            }
            order::SET_PREFIX => {
                let prefix = parameter as u32 & 0x7fff_e000;
                let absolute = u64::from(prefix);
                if !self.vm.is_storage(absolute) || !self.vm.is_storage(absolute + 0x1000) {
                    return Ok(Answer::StatusStored(status::INVALID_PARAMETER));
                }
                match target.inject(LocalIrq::SetPrefix(prefix)) {
                    Err(Errno::EBUSY) => Answer::StatusStored(status::INCORRECT_STATE),
                    other => other.map(|()| Answer::Accepted)?,
                }
            }
            // Start, restart, resets, store additional status, and orders that do not exist.
            _ => return Err(Stop::ToUser),
        })
    }

    fn conditional_emergency(&self, target: &Peer, asn: u16) -> Handled<Answer> {
        let psw = PswMask::from_bits_retain(target.sd.gpsw_mask.get());
        let primary = target.sd.gcr[4].get() as u16;
        let secondary = target.sd.gcr[3].get() as u16;
        let idle = psw.contains(PswMask::WAIT);
        let send = !target.is_stopped()
            || !psw.contains(PswMask::IO | PswMask::EXTERNAL)
            || idle && target.sd.gpsw_addr.get() != 0
            || !idle && (asn == primary || asn == secondary);
        if !send {
            return Ok(Answer::StatusStored(status::INCORRECT_STATE));
        }
        target.inject(LocalIrq::Emergency(self.cpu.id))?;
        Ok(Answer::Accepted)
    }
}

/// Orders that a CPU in the check-stop state does not accept. Signals become pending, resets are carried out.
fn ends_with_check_stop(order: u8) -> bool {
    matches!(
        order,
        order::START
            | order::STOP
            | order::RESTART
            | order::STOP_AND_STORE_STATUS
            | order::SET_PREFIX
            | order::STORE_STATUS_AT_ADDRESS
            | order::STORE_ADDITIONAL_STATUS
    )
}

/// Orders that the kernel keeps even when the client asked for SIGP.
fn is_fast(order: u8) -> bool {
    matches!(
        order,
        order::SENSE
            | order::EXTERNAL_CALL
            | order::EMERGENCY_SIGNAL
            | order::CONDITIONAL_EMERGENCY_SIGNAL
            | order::SENSE_RUNNING_STATUS
    )
}
