//! The status of a CPU as STORE STATUS and machine checks put it into storage.
//! Truth: Principles of Operation, chapter 4, Store Status and chapter 3, Assigned Storage Locations.

use crate::Result;
use crate::abi::{KVM_S390_STORE_STATUS_NOADDR, KVM_S390_STORE_STATUS_PREFIXED};
use crate::peer::Peer;
use crate::vm::Vm;

/// Offset of the save area from the base, and of its parts from its start.
const SAVE_AREA: u64 = 0x1200;
const LENGTH: usize = 0x200;
const GPRS: usize = 0x80;
const PSW: usize = 0x100;
const PREFIX: usize = 0x118;
const FPC: usize = 0x11c;
const TODPR: usize = 0x124;
const CPU_TIMER: usize = 0x128;
const COMPARATOR: usize = 0x130;
const ACRS: usize = 0x140;
const CRS: usize = 0x180;

/// Byte that says in which architectural mode the status was stored: 1 = z/Architecture.
const ARCHITECTURAL_MODE: u64 = 163;

/// Which parts of the save area are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// All.
    Status,
    /// All but PSW and prefix, which a machine check leaves alone.
    MachineCheck,
}

impl Vm {
    /// Stores the status of a CPU to the save area at `base` + 0x1200. General, access and floating-point registers are
    /// those in its shared page.
    pub(crate) fn store_status(&self, cpu: &Peer, base: u64, what: What) -> Result<()> {
        let regs = cpu.page.regs();
        let sd = &cpu.sd;
        let mut area = [0u8; LENGTH];
        let mut put = |at: usize, bytes: &[u8]| area[at..at + bytes.len()].copy_from_slice(bytes);
        for n in 0..16 {
            let fpr = if self.has_vector() { regs.vrs()[n][0] } else { regs.fprs()[n] };
            put(8 * n, &fpr.to_be_bytes());
            put(GPRS + 8 * n, &regs.gprs[n].to_be_bytes());
            put(ACRS + 4 * n, &regs.acrs[n].to_be_bytes());
            put(CRS + 8 * n, &sd.gcr[n].get().to_be_bytes());
        }
        put(PSW, &sd.gpsw_mask.get().to_be_bytes());
        put(PSW + 8, &sd.gpsw_addr.get().to_be_bytes());
        put(PREFIX, &sd.prefix().to_be_bytes());
        put(FPC, &regs.fpc.to_be_bytes());
        put(TODPR, &sd.todpr.get().to_be_bytes());
        put(CPU_TIMER, &sd.cputm.get().to_be_bytes());
        put(COMPARATOR, &(sd.ckc.get() >> 8).to_be_bytes());
        let start = base.wrapping_add(SAVE_AREA);
        match what {
            What::Status => {
                for part in [0..PSW + 0x10, PREFIX..FPC + 4, TODPR..CPU_TIMER, CPU_TIMER..COMPARATOR + 8, ACRS..LENGTH]
                {
                    self.write_absolute(start.wrapping_add(part.start as u64), &area[part])?;
                }
            }
            What::MachineCheck => {
                for part in [0..PSW, FPC..FPC + 4, TODPR..COMPARATOR + 8, ACRS..LENGTH] {
                    self.write_absolute(start.wrapping_add(part.start as u64), &area[part])?;
                }
            }
        }
        Ok(())
    }

    /// Stores the status where KVM_S390_STORE_STATUS says.
    pub(crate) fn store_status_at(&self, cpu: &Peer, address: u64) -> Result<()> {
        let base = match address {
            KVM_S390_STORE_STATUS_NOADDR => {
                self.write_absolute(ARCHITECTURAL_MODE, &[1])?;
                0
            }
            KVM_S390_STORE_STATUS_PREFIXED => {
                let prefix = u64::from(cpu.sd.prefix());
                self.write_absolute(prefix + ARCHITECTURAL_MODE, &[1])?;
                prefix
            }
            address => address.wrapping_sub(SAVE_AREA),
        };
        self.store_status(cpu, base, What::Status)
    }
}
