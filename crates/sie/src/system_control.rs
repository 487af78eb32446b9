//! The system control area that the guests' CPUs of one machine share: SIGNAL PROCESSOR and external calls between them, and
//! PERFORM TOPOLOGY FUNCTION, without their host. Truth: the reference of interpretive execution (satellite blocks, interrupts);
//! Principles of Operation, chapter 4, CPU Signaling and Response.

use softsie_cpu::{Access, Cpu, Lowcore, ProgramCode};
use softsie_exec::{Leave as Why, NoObserver, interrupt};
use softsie_mem::PAGE_SIZE;

use crate::interpret::{Validity, state_description};
use crate::run::Sie;
use crate::state_description::{BeU8, BeU16, BeU64, CpuFlags, Ecb, Ecb2, ExecutionControls, StateDescription};

/// Length of a basic system control area.
const BASIC_LENGTH: u64 = 2112;
/// External call.
const EXTERNAL_CALL: u16 = 0x1202;

/// Where the area is, and of which format.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SystemControlArea {
    /// Absolute address.
    origin: u64,
    extended: bool,
}

/// How an instruction ended that the host need not see.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Assisted {
    /// The host completes it.
    No,
    /// It is done.
    Done,
    /// It is done but for what the host is to do.
    Partial,
    /// Specification exception.
    Specification,
}

impl SystemControlArea {
    /// The area, when anything that is interpreted needs it.
    pub(crate) fn of(sd: &StateDescription, host: &Cpu) -> Result<Option<SystemControlArea>, Validity> {
        let interpreted = ExecutionControls::SIGPI | ExecutionControls::SII;
        let topology = Ecb::from_bits_retain(sd.ecb.get()).contains(Ecb::PTF);
        if !sd.execution_controls().intersects(interpreted) && !topology {
            return Ok(None);
        }
        let extended = Ecb2::from_bits_retain(sd.ecb2.get()).contains(Ecb2::ESCA);
        let low = u64::from(sd.scaol.get()) & if extended { !0x3F } else { !0xF };
        let real = u64::from(sd.scaoh.get()) << 32 | low;
        if real < 2 * PAGE_SIZE {
            return Err(Validity::SystemControlAreaLow);
        }
        if real & !(2 * PAGE_SIZE - 1) == host.prefix {
            return Err(Validity::SystemControlAreaInPrefix);
        }
        if !extended && real % PAGE_SIZE + BASIC_LENGTH > PAGE_SIZE {
            return Err(Validity::SystemControlAreaCrosses);
        }
        // An area of the extended format is found page by page when it is used.
        let origin = host.prefixed(real);
        if host.storage.map().page(origin).is_none() {
            return Err(Validity::SystemControlArea);
        }
        Ok(Some(SystemControlArea { origin, extended }))
    }

    /// Where the interlock of invalidations is: the first doubleword.
    pub(crate) fn interlock(self) -> u64 {
        self.origin
    }

    /// The doubleword with the topology-change report, leftmost of a halfword.
    fn utility(self) -> u64 {
        self.origin + 0x38
    }

    /// Address of the entry of a CPU, if the area has one that is valid.
    fn entry(self, cpu: &mut Cpu, number: u16) -> Option<u64> {
        let (mask, entries, length, count) = if self.extended { (0x40, 0x100, 64, 248) } else { (0x30, 0x40, 32, 64) };
        if number >= count {
            return None;
        }
        let number = u64::from(number);
        let word = cpu.machine_cell::<BeU64>(self.origin + mask + number / 64 * 8, Access::Fetch)?.load_acquire();
        (word << (number % 64) >> 63 != 0).then_some(self.origin + entries + number * length)
    }

    /// Makes an external call of CPU `source` pending in an entry; false when there is one already.
    fn call(self, cpu: &mut Cpu, entry: u64, source: u16) -> Option<bool> {
        if self.extended {
            let cell = cpu.machine_cell::<BeU16>(entry, Access::Store)?;
            let before = cell.get();
            return Some(before & 0x8000 == 0 && cell.replace(before, 0x8000 | source & 0xFF));
        }
        let cell = cpu.machine_cell::<BeU8>(entry + 1, Access::Store)?;
        let before = cell.get();
        Some(before & 0x80 == 0 && cell.replace(before, 0x80 | source as u8 & 0x3F))
    }

    /// Takes the external call out of an entry: the CPU that made it.
    fn take_call(self, cpu: &mut Cpu, entry: u64) -> Option<u16> {
        if self.extended {
            let before = cpu.machine_cell::<BeU16>(entry, Access::Store)?.fetch_and(0);
            return (before & 0x8000 != 0).then_some(before & 0xFF);
        }
        let before = cpu.machine_cell::<BeU8>(entry + 1, Access::Store)?.fetch_and(0);
        (before & 0x80 != 0).then_some(u16::from(before & 0x3F))
    }
}

/// Orders and status bits of SIGNAL PROCESSOR.
mod order {
    pub(super) const SENSE: u8 = 0x01;
    pub(super) const EXTERNAL_CALL: u8 = 0x02;
    pub(super) const SENSE_RUNNING: u8 = 0x15;
}
const EXTERNAL_CALL_PENDING: u32 = 0x80;
const STOPPED: u32 = 0x40;
const NOT_RUNNING: u32 = 0x400;

impl Sie {
    /// What the controls of a guest's CPU let it do by itself of an instruction that ends interpretation otherwise.
    pub(crate) fn assist(&mut self, sd: &StateDescription, text: u64) -> Assisted {
        if text >> 56 == 0xAE && sd.execution_controls().contains(ExecutionControls::SIGPI) {
            return self.signal(sd, text).unwrap_or(Assisted::No);
        }
        if text >> 48 == 0xB9A2 && Ecb::from_bits_retain(sd.ecb.get()).contains(Ecb::PTF) {
            return self.topology(text).unwrap_or(Assisted::No);
        }
        Assisted::No
    }

    /// SIGNAL PROCESSOR, which has passed the check for the problem state. `None` when it is the host's.
    fn signal(&mut self, sd: &StateDescription, text: u64) -> Option<Assisted> {
        let area = self.area?;
        let base = (text >> 44 & 15) as usize;
        let base = if base == 0 { 0 } else { self.cpu.gr[base] };
        let order = base.wrapping_add(text >> 32 & 0xFFF) as u8;
        if !matches!(order, order::SENSE | order::EXTERNAL_CALL | order::SENSE_RUNNING) {
            return None;
        }
        let (r1, r3) = ((text >> 52 & 15) as usize, (text >> 48 & 15) as usize);
        let number = self.cpu.gr[r3] as u16;
        let entry = area.entry(&mut self.cpu, number)?;
        let real = self.cpu.machine_cell::<BeU64>(entry + 8, Access::Fetch)?.get();
        let target = self.cpu.host_prefixed(real);
        let slots = self.cpu.storage.map();
        let other = state_description(&slots, target).filter(|_| real != 0)?;
        let flags = other.cpu_flags();
        let mut status = 0;
        match order {
            order::SENSE => {
                status |= if flags.contains(CpuFlags::ECALL_PEND) { EXTERNAL_CALL_PENDING } else { 0 };
                status |= if flags.contains(CpuFlags::STOPPED) { STOPPED } else { 0 };
            }
            order::SENSE_RUNNING => {
                if !Ecb::from_bits_retain(sd.ecb.get()).contains(Ecb::SRSI) {
                    return None;
                }
                status = if flags.contains(CpuFlags::RUNNING) { 0 } else { NOT_RUNNING };
            }
            _ => {
                if area.call(&mut self.cpu, entry, sd.icpua.get())? {
                    let before = other.set_cpu_flags(CpuFlags::ECALL_PEND);
                    self.cpu.look_at_guest(target);
                    if before.contains(CpuFlags::WAIT) {
                        // The host wakes it, and sets the condition code.
                        return Some(Assisted::Partial);
                    }
                } else {
                    status = EXTERNAL_CALL_PENDING;
                }
            }
        }
        if status != 0 {
            self.cpu.gr[r1] = self.cpu.gr[r1] & !0xFFFF_FFFF | u64::from(status);
        }
        self.cpu.cc = u8::from(status != 0);
        Some(Assisted::Done)
    }

    /// PERFORM TOPOLOGY FUNCTION: whether the topology has changed. `None` for the functions that change it.
    fn topology(&mut self, text: u64) -> Option<Assisted> {
        const CHECK: u64 = 2;
        const REPORT: u16 = 0x8000;
        let function = self.cpu.gr[(text >> 36 & 15) as usize];
        if function & !0xFF != 0 {
            return Some(Assisted::Specification);
        }
        if function != CHECK {
            return None;
        }
        let at = self.area?.utility();
        let before = self.cpu.machine_cell::<BeU16>(at, Access::Store)?.fetch_and(!REPORT);
        self.cpu.cc = u8::from(before & REPORT != 0);
        Some(Assisted::Done)
    }

    /// Takes the external call that is pending for this guest's CPU and enabled. `None` when it goes on: there was none after
    /// all, or it has been delivered. Else the call is the host's, and its parameters are in the state description.
    pub(crate) fn external_call(&mut self, sd: &StateDescription, delivers: bool) -> Option<Why> {
        // Whoever calls from here on sets both anew.
        sd.clear_cpu_flags(CpuFlags::ECALL_PEND);
        let area = self.area?;
        let entry = area.entry(&mut self.cpu, sd.icpua.get())?;
        let source = area.take_call(&mut self.cpu, entry)?;
        let cpu = &mut self.cpu;
        if delivers && !sd.has_cpu_flags(CpuFlags::EXT_INT) {
            let done = cpu
                .write_lowcore(Lowcore::EXTERNAL_CPU_ADDRESS, source)
                .and_then(|()| cpu.write_lowcore(Lowcore::EXTERNAL_CODE, EXTERNAL_CALL))
                .and_then(|()| cpu.swap_psw(Lowcore::EXTERNAL_OLD_PSW, Lowcore::EXTERNAL_NEW_PSW));
            return match done {
                Err(_) => Some(Why::NoLowcore),
                Ok(()) => softsie_exec::enter(cpu, &mut NoObserver),
            };
        }
        sd.eiparams.set(0);
        sd.extcpuaddr.set(source);
        sd.eic.set(EXTERNAL_CALL);
        Some(Why::ExternalCall)
    }

    /// What follows an instruction that was done here: events that were recorded for it.
    pub(crate) fn end_assisted(&mut self, how: Assisted, length: u8) -> Option<Why> {
        if how == Assisted::Specification {
            return interrupt(&mut self.cpu, &mut NoObserver, ProgramCode::SPECIFICATION, length);
        }
        if self.cpu.per_pending() {
            return interrupt(&mut self.cpu, &mut NoObserver, ProgramCode::PER, length);
        }
        None
    }
}
