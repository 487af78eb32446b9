//! Guest debugging by the client: single steps, breakpoints and watched storage, unseen by the guest. While it is on, the
//! interpreter executes all and is observed.
//! Truth: Linux 6.12 arch/s390/kvm/guestdbg.c for what is reported when; it uses program-event recording for the same.

use softsie_cpu::{Cpu, Decoded, Exit, ProgramCode};
use softsie_exec::Observer;
use softsie_mem::Storage;

use crate::abi::*;
use crate::client_memory::ClientMemory;
use crate::vcpu::Vcpu;
use crate::vm::Vm;
use crate::{Errno, Result};

/// Most breakpoints and watches.
const MOST: u32 = 50;
/// Longest watch.
const LONGEST_WATCH: u64 = 100;

/// What the client wants to be told.
#[derive(Debug, Default)]
pub(crate) struct Debug {
    pub(crate) single_step: bool,
    breakpoints: Vec<u64>,
    watches: Vec<Watch>,
    /// The instruction at the PSW's address has been reached by executing the guest, not by the client's order: a breakpoint
    /// there is still to be reported.
    pub(crate) arrived: bool,
}

/// Watched storage.
#[derive(Debug)]
struct Watch {
    /// As the client names it.
    address: u64,
    absolute: u64,
    content: Vec<u8>,
}

impl Debug {
    /// What to report at an address that has been reached, a single step apart.
    fn at(&self, address: u64) -> Option<kvm_debug_exit_arch> {
        self.breakpoints.contains(&address).then(|| event(address, KVM_HW_BP))
    }

    /// What to report after an instruction or interruption that led to `address`.
    pub(crate) fn after_step(&self, address: u64) -> Option<kvm_debug_exit_arch> {
        self.at(address).or_else(|| self.single_step.then(|| event(address, KVM_SINGLESTEP)))
    }

    /// The first watch whose storage has changed.
    fn changed_watch(&mut self, storage: &Storage) -> Option<kvm_debug_exit_arch> {
        let mut now = [0; LONGEST_WATCH as usize];
        self.watches.iter_mut().find_map(|watch| {
            let now = &mut now[..watch.content.len()];
            storage.read(watch.absolute, now).ok()?;
            (*now != *watch.content).then(|| {
                watch.content.copy_from_slice(now);
                event(watch.address, KVM_HW_WP_WRITE)
            })
        })
    }
}

fn event(addr: u64, kind: u8) -> kvm_debug_exit_arch {
    kvm_debug_exit_arch { addr, r#type: kind, pad: [0; 7] }
}

/// Watches one entry to the guest.
pub(crate) struct Debugger<'a> {
    debug: &'a mut Debug,
    storage: &'a Storage,
    /// An instruction or interruption has been executed.
    pub(crate) stepped: bool,
    /// What is to be reported.
    pub(crate) stop: Option<kvm_debug_exit_arch>,
}

impl<'a> Debugger<'a> {
    pub(crate) fn new(debug: &'a mut Debug, storage: &'a Storage) -> Self {
        Self { debug, storage, stepped: false, stop: None }
    }
}

impl Observer for Debugger<'_> {
    const ACTIVE: bool = true;

    fn before(&mut self, _: &Cpu, address: u64, _: &Decoded) -> bool {
        if self.stop.is_none() {
            self.stop = if self.stepped {
                self.debug.after_step(address)
            } else if self.debug.arrived {
                self.debug.at(address)
            } else {
                None
            };
        }
        if self.stop.is_some() {
            return false;
        }
        self.stepped = true;
        self.debug.arrived = true;
        true
    }

    fn after(&mut self, _: &Cpu, _: u64, _: &Decoded, _: core::result::Result<(), Exit>) {
        if self.stop.is_none() && !self.debug.watches.is_empty() {
            self.stop = self.debug.changed_watch(self.storage);
        }
    }

    fn program_interruption(&mut self, _: &Cpu, _: ProgramCode) {
        self.stepped = true;
        self.debug.arrived = true;
    }
}

impl Vcpu {
    /// KVM_SET_GUEST_DEBUG. Whatever was set before is forgotten, even if this is refused.
    pub fn set_guest_debug(&self, debug: &kvm_guest_debug, memory: &dyn ClientMemory) -> Result<()> {
        self.with_running(|running| {
            let place = &running.cpu.debug;
            let arrived = place.lock().take().is_some_and(|before| before.arrived);
            running.cpu.forget_step();
            if debug.control & !(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP | KVM_GUESTDBG_USE_HW_BP) != 0 {
                return Err(Errno::EINVAL);
            }
            if debug.control & KVM_GUESTDBG_ENABLE == 0 {
                return Ok(());
            }
            let single_step = debug.control & KVM_GUESTDBG_SINGLESTEP != 0;
            let mut new = Debug { single_step, arrived, ..Debug::default() };
            if debug.control & KVM_GUESTDBG_USE_HW_BP != 0 {
                new.import(running.vm, &debug.arch, memory)?;
            }
            *place.lock() = Some(Box::new(new));
            Ok(())
        })
    }
}

impl Debug {
    fn import(&mut self, vm: &Vm, arch: &kvm_guest_debug_arch, memory: &dyn ClientMemory) -> Result<()> {
        if arch.nr_hw_bp == 0 || arch.hw_bp == 0 {
            return Ok(());
        }
        if arch.nr_hw_bp > MOST {
            return Err(Errno::EINVAL);
        }
        for n in 0..u64::from(arch.nr_hw_bp) {
            let point: kvm_hw_breakpoint = memory.read_element(arch.hw_bp, n)?;
            match point.r#type {
                KVM_HW_BP => self.breakpoints.push(point.addr),
                KVM_HW_WP_WRITE => {
                    if point.len > LONGEST_WATCH {
                        return Err(Errno::EINVAL);
                    }
                    let mut content = vec![0; point.len as usize];
                    vm.storage.read(point.phys_addr, &mut content).map_err(|_| Errno::EFAULT)?;
                    self.watches.push(Watch { address: point.addr, absolute: point.phys_addr, content });
                }
                _ => {}
            }
        }
        Ok(())
    }
}
