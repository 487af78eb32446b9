//! One CPU of the machine: the vCPU, the thread that runs it, and who may touch its registers when.
//! Truth: the CPU states of the Principles of Operation, chapter 4 (operating, stopped); KVM's rule that registers in
//! `kvm_run` belong to the client only while KVM_RUN is not in progress.

use parking_lot::{Condvar, Mutex, MutexGuard};
use softsie_kvm::abi::{
    KVM_MP_STATE_OPERATING, KVM_MP_STATE_STOPPED, KVM_S390_MEMOP_F_CHECK_ONLY, KVM_S390_MEMOP_F_INJECT_EXCEPTION,
    KVM_S390_MEMOP_F_SKEY_PROTECTION, KVM_S390_MEMOP_LOGICAL_READ, KVM_S390_MEMOP_LOGICAL_WRITE, KVM_S390_PROGRAM_INT,
    KVM_SYNC_CRS, KVM_SYNC_PREFIX, kvm_run, kvm_s390_irq, kvm_s390_irq_payload, kvm_s390_mem_op, kvm_s390_pgm_info,
};

use crate::Result;
use crate::door::Vcpu;
use crate::error::Named;

/// The condition code in the PSW mask.
const CC_SHIFT: u32 = 44;
/// The access key in the PSW mask.
const KEY_SHIFT: u32 = 52;
/// Problem state in the PSW mask.
const PROBLEM_STATE: u64 = 1 << 48;

/// A reset that one CPU does to itself at the wish of another.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Reset {
    /// Registers stay.
    Normal,
    /// PSW, prefix, control registers, timers to their initial values.
    Initial,
    /// All registers to zero or initial values.
    Clear,
}

/// Whether the CPU executes instructions.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum State {
    /// Only an order of another CPU starts it.
    #[default]
    Stopped,
    /// Operating as the architecture sees it, but in a wait that no interruption can end: an order still can.
    DisabledWait,
    /// On its way.
    Operating,
}

/// State that decides what the CPU's thread does next.
#[derive(Debug, Default)]
pub(crate) struct Control {
    pub(crate) state: State,
    /// The thread waits between two runs: whoever holds this lock may use the registers.
    pub(crate) parked: bool,
    /// A stop or restart was made pending since the last run began: a CPU that waits for good must run once more.
    pub(crate) signalled: bool,
    /// A stop order was accepted and is not carried out yet: until then all other orders but resets find the CPU busy.
    pub(crate) stopping: bool,
    /// A reset to be done by the thread itself.
    pub(crate) reset: Option<Reset>,
}

/// One CPU.
#[derive(Debug)]
pub(crate) struct Cpu {
    vcpu: Vcpu,
    pub(crate) address: u16,
    control: Mutex<Control>,
    /// Signalled at every change of `control`.
    changed: Condvar,
}

/// The right to use a CPU's registers: its own thread between two runs, or the holder of the lock of a parked CPU.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Registers<'a> {
    vcpu: &'a Vcpu,
}

impl Cpu {
    pub(crate) fn new(vcpu: Vcpu, address: u16) -> Self {
        Self { vcpu, address, control: Mutex::default(), changed: Condvar::new() }
    }

    pub(crate) fn vcpu(&self) -> &Vcpu {
        &self.vcpu
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Control> {
        self.control.lock()
    }

    /// Tells the CPU's thread and all who wait for it that `control` changed.
    pub(crate) fn notify(&self) {
        self.changed.notify_all();
    }

    pub(crate) fn wait(&self, control: &mut MutexGuard<'_, Control>) {
        self.changed.wait(control);
    }

    /// The registers, for the CPU's own thread outside of KVM_RUN.
    pub(crate) fn own_registers(&self) -> Registers<'_> {
        Registers { vcpu: &self.vcpu }
    }

    /// The registers of a parked CPU, as long as its lock is held.
    pub(crate) fn parked_registers<'a>(&'a self, control: &'a Control) -> Option<Registers<'a>> {
        control.parked.then_some(Registers { vcpu: &self.vcpu })
    }
}

impl Registers<'_> {
    /// Reads from the shared page.
    pub(crate) fn get<T>(&self, read: impl FnOnce(&kvm_run) -> T) -> T {
        // SAFETY: the page lives as long as the vCPU; `Registers` exists only while the vCPU is not running and one
        // thread has the right to the page, so nobody writes it.
        read(unsafe { self.vcpu.beside_kvm().kvm_run().as_ref() })
    }

    /// Changes the shared page.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut kvm_run) -> T) -> T {
        // SAFETY: as for `get`; the closure's reference does not outlive this call, and no other reference exists.
        change(unsafe { self.vcpu.beside_kvm().kvm_run().as_mut() })
    }

    pub(crate) fn gpr(&self, register: u8) -> u64 {
        self.get(|run| run.regs().gprs[usize::from(register & 15)])
    }

    pub(crate) fn set_gpr(&self, register: u8, value: u64) {
        self.change(|run| run.regs_mut().gprs[usize::from(register & 15)] = value);
    }

    pub(crate) fn psw(&self) -> (u64, u64) {
        self.get(|run| (run.psw_mask, run.psw_addr))
    }

    pub(crate) fn set_psw(&self, mask: u64, address: u64) {
        self.change(|run| {
            run.psw_mask = mask;
            run.psw_addr = address;
        });
    }

    pub(crate) fn prefix(&self) -> u64 {
        self.get(|run| run.regs().prefix)
    }

    pub(crate) fn set_prefix(&self, prefix: u64) {
        self.change(|run| {
            run.regs_mut().prefix = prefix;
            run.kvm_dirty_regs |= KVM_SYNC_PREFIX;
        });
    }

    pub(crate) fn set_cc(&self, cc: u8) {
        self.change(|run| run.psw_mask = run.psw_mask & !(3 << CC_SHIFT) | u64::from(cc & 3) << CC_SHIFT);
    }

    pub(crate) fn in_problem_state(&self) -> bool {
        self.psw().0 & PROBLEM_STATE != 0
    }

    /// The second-operand address of an instruction with base and displacement at the left of `ipb`, without access.
    pub(crate) fn base_displacement(&self, ipb: u32) -> u64 {
        let base = (ipb >> 28) as u8;
        let displacement = u64::from(ipb >> 16 & 0xfff);
        if base == 0 { displacement } else { self.gpr(base).wrapping_add(displacement) }
    }

    /// Makes a program interruption pending for the instruction that was just intercepted.
    pub(crate) fn program_interruption(&self, code: u16) -> Result<()> {
        let pgm = kvm_s390_pgm_info { code, ..Default::default() };
        let irq = kvm_s390_irq { r#type: KVM_S390_PROGRAM_INT, u: kvm_s390_irq_payload { pgm } };
        self.vcpu.s390_irq(&irq).named("KVM_S390_IRQ")
    }

    /// Resets the CPU; its state is `control`'s holder's business.
    pub(crate) fn reset(&self, reset: Reset) -> Result<()> {
        match reset {
            Reset::Normal => self.vcpu.s390_normal_reset(),
            Reset::Initial => self.vcpu.s390_initial_reset(),
            Reset::Clear => self.vcpu.s390_clear_reset(),
        }
        .named("resetting a vCPU")?;
        if reset != Reset::Normal {
            // What the reset made of prefix and control registers is in the page; no older change may override it.
            self.change(|run| run.kvm_dirty_regs &= !(KVM_SYNC_PREFIX | KVM_SYNC_CRS));
        }
        Ok(())
    }

    /// Tells KVM whether the CPU is operating.
    pub(crate) fn set_operating(&self, operating: bool) -> Result<()> {
        let state = if operating { KVM_MP_STATE_OPERATING } else { KVM_MP_STATE_STOPPED };
        self.vcpu.set_mp_state(state).named("KVM_SET_MP_STATE")
    }

    /// Reads storage as the CPU's program would, through address translation; `None` where it could not.
    pub(crate) fn read_logical(&self, address: u64, access_register: u8, buffer: &mut [u8]) -> Option<()> {
        let op =
            Self::mem_op(KVM_S390_MEMOP_LOGICAL_READ, address, access_register, buffer.as_mut_ptr(), buffer.len())?;
        let code = self.vcpu.s390_mem_op(&op);
        (code == Ok(0)).then_some(())
    }

    /// Writes storage as the CPU's program would; `None` where it could not.
    pub(crate) fn write_logical(&self, address: u64, access_register: u8, data: &mut [u8]) -> Option<()> {
        let op = Self::mem_op(KVM_S390_MEMOP_LOGICAL_WRITE, address, access_register, data.as_mut_ptr(), data.len())?;
        let code = self.vcpu.s390_mem_op(&op);
        (code == Ok(0)).then_some(())
    }

    /// Fetches an operand of an intercepted instruction, with the PSW key. False when that meets an access exception,
    /// which is then pending.
    pub(crate) fn fetch_operand(&self, address: u64, access_register: u8, buffer: &mut [u8]) -> bool {
        self.operand(KVM_S390_MEMOP_LOGICAL_READ, 0, address, access_register, buffer.as_mut_ptr(), buffer.len())
    }

    /// Stores an operand of an intercepted instruction, as [`Registers::fetch_operand`] fetches one.
    pub(crate) fn store_operand(&self, address: u64, access_register: u8, data: &mut [u8]) -> bool {
        self.operand(KVM_S390_MEMOP_LOGICAL_WRITE, 0, address, access_register, data.as_mut_ptr(), data.len())
    }

    /// As [`Registers::store_operand`], without storing anything.
    pub(crate) fn check_operand_store(&self, address: u64, access_register: u8, length: usize) -> bool {
        let flags = KVM_S390_MEMOP_F_CHECK_ONLY;
        self.operand(KVM_S390_MEMOP_LOGICAL_WRITE, flags, address, access_register, std::ptr::null_mut(), length)
    }

    fn operand(&self, op: u32, flags: u64, address: u64, ar: u8, buffer: *mut u8, length: usize) -> bool {
        let Some(op) = Self::mem_op(op, address, ar, buffer, length) else { return false };
        let op = kvm_s390_mem_op {
            flags: flags | KVM_S390_MEMOP_F_SKEY_PROTECTION | KVM_S390_MEMOP_F_INJECT_EXCEPTION,
            key: (self.psw().0 >> KEY_SHIFT & 15) as u8,
            ..op
        };
        self.vcpu.s390_mem_op(&op) == Ok(0)
    }

    fn mem_op(op: u32, address: u64, ar: u8, buffer: *mut u8, length: usize) -> Option<kvm_s390_mem_op> {
        Some(kvm_s390_mem_op {
            gaddr: address,
            size: u32::try_from(length).ok()?,
            op,
            buf: buffer.expose_provenance() as u64,
            ar,
            ..Default::default()
        })
    }
}
