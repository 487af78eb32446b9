//! The state description, format 2: the 512-byte block that tells interpretive execution what the guest CPU is and may do,
//! and that receives the interception. Fields are big-endian in memory, as other CPUs and a nested guest see them.
//! Truth: the layout Linux KVM declares (struct kvm_s390_sie_block) and the z/VM names of the bits Linux leaves alone.

use core::mem::offset_of;
use core::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering};

macro_rules! big_endian_cell {
    ($(#[$doc:meta])* $name:ident, $atomic:ty, $int:ty) => {
        $(#[$doc])*
        #[repr(transparent)]
        #[derive(Default)]
        pub struct $name($atomic);

        impl $name {
            /// The value, in host byte order.
            #[inline]
            pub fn get(&self) -> $int {
                <$int>::from_be(self.0.load(Ordering::Relaxed))
            }

            /// Stores a value given in host byte order.
            #[inline]
            pub fn set(&self, value: $int) {
                self.0.store(value.to_be(), Ordering::Relaxed);
            }

            /// Replaces `before` by `value` in one interlocked update; false when the value was another one.
            #[inline]
            pub fn replace(&self, before: $int, value: $int) -> bool {
                self.0.compare_exchange(before.to_be(), value.to_be(), Ordering::SeqCst, Ordering::Relaxed).is_ok()
            }

            /// Reads what another CPU published with an interlocked update.
            #[inline]
            pub fn load_acquire(&self) -> $int {
                <$int>::from_be(self.0.load(Ordering::Acquire))
            }

            /// Sets bits in one interlocked update; returns the value before.
            #[inline]
            pub fn fetch_or(&self, bits: $int) -> $int {
                <$int>::from_be(self.0.fetch_or(bits.to_be(), Ordering::SeqCst))
            }

            /// Keeps only the given bits in one interlocked update; returns the value before.
            #[inline]
            pub fn fetch_and(&self, bits: $int) -> $int {
                <$int>::from_be(self.0.fetch_and(bits.to_be(), Ordering::SeqCst))
            }
        }

        // SAFETY: an atomic.
        unsafe impl softsie_cpu::SharedWord for $name {}

        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                write!(f, "{:#x}", self.get())
            }
        }
    };
}

big_endian_cell!(
    /// One byte that several CPUs may read and write.
    BeU8, AtomicU8, u8
);
big_endian_cell!(
    /// A big-endian halfword that several CPUs may read and write.
    BeU16, AtomicU16, u16
);
big_endian_cell!(
    /// A big-endian word that several CPUs may read and write.
    BeU32, AtomicU32, u32
);
big_endian_cell!(
    /// A big-endian doubleword that several CPUs may read and write.
    BeU64, AtomicU64, u64
);

bitflags::bitflags! {
    /// State and intervention requests of the guest CPU (offset 0); other CPUs update them while the guest runs.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct CpuFlags: u32 {
        /// The CPU is in the stopped state.
        const STOPPED = 0x8000_0000;
        /// The CPU waits in the host's software.
        const WAIT = 0x1000_0000;
        /// An external call is pending in the system control area.
        const ECALL_PEND = 0x0800_0000;
        /// Intervention request: leave with a stop interception.
        const STOP_INT = 0x0400_0000;
        /// Intervention request: leave when the PSW allows I/O interruptions.
        const IO_INT = 0x0200_0000;
        /// Intervention request: leave when the PSW allows external interruptions.
        const EXT_INT = 0x0100_0000;
        /// The CPU is loaded on a host CPU (answer of SIGP SENSE RUNNING STATUS).
        const RUNNING = 0x0080_0000;
        /// State is retained.
        const RETAINED = 0x0040_0000;
        /// Expedite-timer request.
        const TIMING_SUB = 0x0002_0000;
        /// Expedite-run request.
        const SIE_SUB = 0x0001_0000;
        /// Region relocation.
        const RRF = 0x0000_8000;
        /// Interpreted SIE, V form.
        const SLSV = 0x0000_4000;
        /// Interpreted SIE, R form.
        const SLSR = 0x0000_2000;
        /// The guest is in the z/Architecture mode (required).
        const ZARCH = 0x0000_0800;
        /// Keyless subset: storage-key instructions leave with interception 0x5c.
        const KSS = 0x0000_0200;
        /// Multiple controlled data spaces (XC mode).
        const MCDS = 0x0000_0100;
        /// Storage-limit suppression: main-storage origin and limit are not applied.
        const SM = 0x0000_0080;
        /// Interlock and broadcast suppression.
        const IBS = 0x0000_0040;
        /// The guest may use enhanced DAT 2.
        const GED2 = 0x0000_0010;
        /// Unused by Linux.
        const G = 0x0000_0008;
        /// The guest may use enhanced DAT 1.
        const GED = 0x0000_0004;
        /// Unused by Linux.
        const J = 0x0000_0002;
        /// Guest PER events are the host's (guest-PER enhancement).
        const P = 0x0000_0001;
    }

    /// Interception controls (ictl, offset 0x48).
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct InterceptionControls: u32 {
        /// Operation exceptions leave with interception 0x2c.
        const OPEREXC = 0x8000_0000;
        /// Privileged-operation exceptions.
        const PRIVILEGED = 0x4000_0000;
        /// All program interruptions leave with interception 8.
        const PINT = 0x2000_0000;
        /// Facility-indication instructions.
        const FACILITY = 0x1000_0000;
        /// TEST AND SET with condition code 1.
        const TS = 0x0800_0000;
        /// COMPARE AND SWAP with condition code 1.
        const CS = 0x0400_0000;
        /// COMPARE DOUBLE AND SWAP with condition code 1.
        const CDS = 0x0200_0000;
        /// IPTE, CSP, CSPG, IDTE.
        const IPTE = 0x0100_0000;
        /// LPSW, LPSWE, LPSWEY.
        const LPSW = 0x0040_0000;
        /// PTLB, PALB.
        const PTLB = 0x0020_0000;
        /// SSM.
        const SSM = 0x0010_0000;
        /// BSA.
        const BSA = 0x0008_0000;
        /// STCTL, STCTG.
        const STCTL = 0x0004_0000;
        /// STNSM.
        const STNSM = 0x0002_0000;
        /// STOSM.
        const STOSM = 0x0001_0000;
        /// STCK.
        const STCK = 0x0000_8000;
        /// ISKE.
        const ISKE = 0x0000_4000;
        /// SSKE.
        const SSKE = 0x0000_2000;
        /// RRBE.
        const RRBE = 0x0000_1000;
        /// PC.
        const PC = 0x0000_0800;
        /// PT.
        const PT = 0x0000_0400;
        /// TPROT.
        const TPROT = 0x0000_0200;
        /// LASP.
        const LASP = 0x0000_0100;
        /// SPT and STPT.
        const SPT = 0x0000_0040;
        /// SCKC and STCKC.
        const SCKC = 0x0000_0020;
        /// PR.
        const PR = 0x0000_0008;
        /// BAKR.
        const BAKR = 0x0000_0004;
        /// PGIN and PGOUT.
        const PGX = 0x0000_0002;
    }

    /// Execution controls A (eca, offset 0x4c).
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct ExecutionControls: u32 {
        /// Conditional external interruption: timers and external calls are delivered without interception.
        const CEI = 0x8000_0000;
        /// Intervention bypass.
        const IB = 0x4000_0000;
        /// Wait-state assist.
        const WAIT_ASSIST = 0x2000_0000;
        /// SIGP interpretation through the system control area.
        const SIGPI = 0x1000_0000;
        /// MOVE PAGE interpretation.
        const MVPGI = 0x0100_0000;
        /// Adapter-interruption virtualization.
        const AIV = 0x0020_0000;
        /// The vector facility is enabled.
        const VX = 0x0002_0000;
        /// The guest gets its own protection exceptions.
        const PROTEXCI = 0x0000_2000;
        /// Adjunct-processor instructions are interpreted.
        const APIE = 0x0000_0008;
        /// Storage-interlock interpretation.
        const SII = 0x0000_0001;
    }

    /// Execution controls B (ecb, offset 0x61).
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct Ecb: u8 {
        /// Guarded storage.
        const GS = 0x40;
        /// Transactional execution.
        const TE = 0x10;
        /// Specification-exception interpretation.
        const SPECI = 0x08;
        /// SENSE RUNNING STATUS interpretation.
        const SRSI = 0x04;
        /// Host-protection interruption.
        const HOSTPROTINT = 0x02;
        /// PERFORM TOPOLOGY FUNCTION interpretation.
        const PTF = 0x01;
    }

    /// Execution controls B, byte 2 (ecb2, offset 0x62).
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct Ecb2: u8 {
        /// Collaborative-memory-management interpretation.
        const CMMA = 0x80;
        /// Instruction-execution protection.
        const IEP = 0x20;
        /// PERFORM FRAME MANAGEMENT FUNCTION interpretation.
        const PFMFI = 0x08;
        /// The system control area has the extended format.
        const ESCA = 0x04;
        /// PCI load and store interpretation.
        const ZPCI_LSI = 0x02;
    }

    /// Execution controls B, byte 3 (ecb3, offset 0x63).
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct Ecb3: u8 {
        /// Adapter-interruption suppression interpretation.
        const AISI = 0x20;
        /// Adapter-interruption suppression, second form.
        const AISII = 0x10;
        /// DEA key wrapping.
        const DEA = 0x08;
        /// AES key wrapping.
        const AES = 0x04;
        /// Runtime instrumentation.
        const RI = 0x01;
    }

    /// Execution controls D (ecd, offset 0x1c8).
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct Ecd: u32 {
        /// Vector registers and the guarded-storage control block live in host registers.
        const HOSTREGMGMT = 0x2000_0000;
        /// Multiple-epoch facility.
        const MEF = 0x0800_0000;
        /// Etoken facility.
        const ETOKENF = 0x0200_0000;
        /// ECC key wrapping.
        const ECC = 0x0020_0000;
    }
}

/// Interception codes (icptcode, offset 0x50).
pub mod icpt {
    /// No interception: the host was interrupted.
    pub const NONE: u8 = 0x00;
    /// Instruction.
    pub const INST: u8 = 0x04;
    /// Program interruption that the guest was not given.
    pub const PROGI: u8 = 0x08;
    /// Instruction and program interruption.
    pub const INSTPROGI: u8 = 0x0c;
    /// External-interruption request.
    pub const EXTREQ: u8 = 0x10;
    /// External interruption.
    pub const EXTINT: u8 = 0x14;
    /// I/O-interruption request.
    pub const IOREQ: u8 = 0x18;
    /// Wait state.
    pub const WAIT: u8 = 0x1c;
    /// Validity: the state description is not valid.
    pub const VALIDITY: u8 = 0x20;
    /// Stop request.
    pub const STOP: u8 = 0x28;
    /// Operation exception.
    pub const OPEREXC: u8 = 0x2c;
    /// Partial execution.
    pub const PARTEXEC: u8 = 0x38;
    /// I/O instruction.
    pub const IOINST: u8 = 0x40;
    /// Keyless subset: a storage-key instruction that was not executed.
    pub const KSS: u8 = 0x5c;
    /// Machine-check request.
    pub const MCHKREQ: u8 = 0x60;
    /// Interruptions were enabled.
    pub const INT_ENABLE: u8 = 0x64;
}

/// Bits of icptstatus (offset 0x51).
pub mod icptstatus {
    /// The intercepted instruction was the target of EXECUTE.
    pub const EXECUTED: u8 = 0x01;
    /// A PER instruction-fetching event was recognised.
    pub const PER_IFETCH: u8 = 0x02;
    /// Format-2 interception data is present.
    pub const FORMAT2: u8 = 0x80;

    /// icptstatus for the target of an EXECUTE that is `length` (4 or 6) bytes long.
    #[inline]
    pub const fn executed(length: u8) -> u8 {
        EXECUTED | ((length & 6) << 4)
    }
}

/// Bits of lctl (offset 0x44): LCTL and LCTLG that load the control register leave with interception 4.
pub mod lctl {
    /// The bit of control register `n`.
    #[inline]
    pub const fn control_register(n: u16) -> u16 {
        0x8000 >> (n & 15)
    }
    /// Control register 0: external submasks.
    pub const CR0: u16 = control_register(0);
    /// Control register 6: I/O-interruption subclass mask.
    pub const CR6: u16 = control_register(6);
    /// Control register 9: PER control.
    pub const CR9: u16 = control_register(9);
    /// Control register 10: PER starting address.
    pub const CR10: u16 = control_register(10);
    /// Control register 11: PER ending address.
    pub const CR11: u16 = control_register(11);
    /// Control register 14: machine-check submasks.
    pub const CR14: u16 = control_register(14);
}

/// The state description. Every field is a cell, because other CPUs and the host's threads look at it while the guest
/// runs; a shared reference is enough to read and write.
#[repr(C, align(512))]
#[derive(Debug, Default)]
pub struct StateDescription {
    /// [`CpuFlags`]; see [`StateDescription::cpu_flags`].
    pub cpuflags: BeU32,
    /// Prefix (bits 1-18 are prefix bits 33-50) and instruction-blocking control; see [`StateDescription::prefix`].
    pub prefix_ibc: BeU32,
    reserved8: BeU32,
    /// Software: 1 while interpretive execution runs this state description.
    pub prog0c: BeU32,
    reserved10: [BeU64; 2],
    /// Software: 1 blocks entry, 2 requests attention before entry.
    pub prog20: BeU32,
    reserved24: BeU32,
    /// CPU timer.
    pub cputm: BeU64,
    /// Clock comparator.
    pub ckc: BeU64,
    /// Guest TOD clock minus host TOD clock.
    pub epoch: BeU64,
    /// SVC interception controls.
    pub svcc: BeU32,
    /// LOAD CONTROL interception controls, see [`lctl`].
    pub lctl: BeU16,
    /// CPU address.
    pub icpua: BeU16,
    /// [`InterceptionControls`].
    pub ictl: BeU32,
    /// [`ExecutionControls`].
    pub eca: BeU32,
    /// Interception code, see [`icpt`].
    pub icptcode: BeU8,
    /// Interception status, see [`icptstatus`].
    pub icptstatus: BeU8,
    /// Last host CPU; 0xffff purges the guest's TLB at the next entry.
    pub ihcpu: BeU16,
    reserved54: BeU8,
    /// Interruption injection control (protected guests).
    pub iictl: BeU8,
    /// Interception parameter A: the instruction's first halfword.
    pub ipa: BeU16,
    /// Interception parameter B: the instruction's other four bytes.
    pub ipb: BeU32,
    /// Origin of the system control area, bits 0-31.
    pub scaoh: BeU32,
    /// Branch-prediction controls: 0x20 blocks branch prediction.
    pub fpf: BeU8,
    /// [`Ecb`].
    pub ecb: BeU8,
    /// [`Ecb2`].
    pub ecb2: BeU8,
    /// [`Ecb3`].
    pub ecb3: BeU8,
    /// Origin of the system control area, bits 32-63.
    pub scaol: BeU32,
    /// State-description format: 0 ordinary, 2 protected.
    pub sdf: BeU8,
    /// Epoch index.
    pub epdx: BeU8,
    /// Control-program name code.
    pub cpnc: BeU8,
    reserved6b: BeU8,
    /// TOD programmable register.
    pub todpr: BeU32,
    /// Guest-interruption-state-area designation.
    pub gd: BeU32,
    reserved74: BeU32,
    reserved78: BeU64,
    /// Main-storage origin.
    pub mso: BeU64,
    /// Main-storage limit: address of the last 1 MiB block.
    pub msl: BeU64,
    /// Guest PSW, bits 0-63.
    pub gpsw_mask: BeU64,
    /// Guest PSW, bits 64-127: instruction address.
    pub gpsw_addr: BeU64,
    /// Guest general register 14.
    pub gg14: BeU64,
    /// Guest general register 15.
    pub gg15: BeU64,
    reserved_b0: BeU64,
    /// Host program identifier: 4 = KVM.
    pub hpid: BeU8,
    reserved_b9: [BeU8; 7],
    /// External-interruption parameters (upper half of the machine-check interruption code).
    pub eiparams: BeU32,
    /// External-interruption CPU address.
    pub extcpuaddr: BeU16,
    /// External-interruption code.
    pub eic: BeU16,
    reserved_c8: BeU32,
    /// Instruction-length code of a program interruption, in the bits 0x6.
    pub pgmilc: BeU16,
    /// Program-interruption code.
    pub iprcc: BeU16,
    /// Data- or vector-exception code.
    pub dxc: BeU32,
    /// Monitor class number.
    pub mcn: BeU16,
    /// PER code.
    pub perc: BeU8,
    /// PER addressing-and-translation-mode identification.
    pub peratmid: BeU8,
    /// PER address.
    pub peraddr: BeU64,
    /// Exception access identification.
    pub eai: BeU8,
    /// PER access identification.
    pub peraid: BeU8,
    /// Operand access identification.
    pub oai: BeU8,
    /// Architectural-mode identification.
    pub armid: BeU8,
    reserved_e4: BeU32,
    /// Translation-exception identification, or monitor code.
    pub tecmc: BeU64,
    /// I/O-interruption word of an I/O interception.
    pub io_int_word: BeU32,
    reserved_f4: BeU32,
    reserved_f8: BeU32,
    /// Crypto-control-block designation.
    pub crycbd: BeU32,
    /// Guest control registers.
    pub gcr: [BeU64; 16],
    /// Breaking-event address.
    pub gbea: BeU64,
    reserved_188: BeU64,
    /// State-description annex origin; the low four bits are log2 of its size.
    pub sdnxo: BeU64,
    reserved_198: BeU64,
    /// Facility-list designation; 0 makes STFLE leave.
    pub fac: BeU32,
    reserved_1a4: [BeU32; 5],
    /// CMMA buffer-release-list origin.
    pub cbrlo: BeU64,
    reserved_1c0: BeU64,
    /// [`Ecd`].
    pub ecd: BeU32,
    reserved_1cc: [BeU16; 9],
    /// Program parameter: an unaligned doubleword; see [`StateDescription::pp`].
    pp: [BeU16; 4],
    reserved_1e6: BeU16,
    /// Interception transaction-diagnostic block.
    pub itdba: BeU64,
    /// Runtime-instrumentation control block.
    pub riccbd: BeU64,
    /// Guest vector-register designation.
    pub gvrd: BeU64,
}

const _: () = {
    assert!(size_of::<StateDescription>() == 512 && align_of::<StateDescription>() == 512);
    assert!(offset_of!(StateDescription, cpuflags) == 0x000);
    assert!(offset_of!(StateDescription, prefix_ibc) == 0x004);
    assert!(offset_of!(StateDescription, prog0c) == 0x00c);
    assert!(offset_of!(StateDescription, prog20) == 0x020);
    assert!(offset_of!(StateDescription, cputm) == 0x028);
    assert!(offset_of!(StateDescription, ckc) == 0x030);
    assert!(offset_of!(StateDescription, epoch) == 0x038);
    assert!(offset_of!(StateDescription, svcc) == 0x040);
    assert!(offset_of!(StateDescription, lctl) == 0x044);
    assert!(offset_of!(StateDescription, icpua) == 0x046);
    assert!(offset_of!(StateDescription, ictl) == 0x048);
    assert!(offset_of!(StateDescription, eca) == 0x04c);
    assert!(offset_of!(StateDescription, icptcode) == 0x050);
    assert!(offset_of!(StateDescription, icptstatus) == 0x051);
    assert!(offset_of!(StateDescription, ihcpu) == 0x052);
    assert!(offset_of!(StateDescription, iictl) == 0x055);
    assert!(offset_of!(StateDescription, ipa) == 0x056);
    assert!(offset_of!(StateDescription, ipb) == 0x058);
    assert!(offset_of!(StateDescription, scaoh) == 0x05c);
    assert!(offset_of!(StateDescription, fpf) == 0x060);
    assert!(offset_of!(StateDescription, ecb) == 0x061);
    assert!(offset_of!(StateDescription, ecb2) == 0x062);
    assert!(offset_of!(StateDescription, ecb3) == 0x063);
    assert!(offset_of!(StateDescription, scaol) == 0x064);
    assert!(offset_of!(StateDescription, sdf) == 0x068);
    assert!(offset_of!(StateDescription, epdx) == 0x069);
    assert!(offset_of!(StateDescription, cpnc) == 0x06a);
    assert!(offset_of!(StateDescription, todpr) == 0x06c);
    assert!(offset_of!(StateDescription, gd) == 0x070);
    assert!(offset_of!(StateDescription, mso) == 0x080);
    assert!(offset_of!(StateDescription, msl) == 0x088);
    assert!(offset_of!(StateDescription, gpsw_mask) == 0x090);
    assert!(offset_of!(StateDescription, gpsw_addr) == 0x098);
    assert!(offset_of!(StateDescription, gg14) == 0x0a0);
    assert!(offset_of!(StateDescription, gg15) == 0x0a8);
    assert!(offset_of!(StateDescription, hpid) == 0x0b8);
    assert!(offset_of!(StateDescription, eiparams) == 0x0c0);
    assert!(offset_of!(StateDescription, extcpuaddr) == 0x0c4);
    assert!(offset_of!(StateDescription, eic) == 0x0c6);
    assert!(offset_of!(StateDescription, pgmilc) == 0x0cc);
    assert!(offset_of!(StateDescription, iprcc) == 0x0ce);
    assert!(offset_of!(StateDescription, dxc) == 0x0d0);
    assert!(offset_of!(StateDescription, mcn) == 0x0d4);
    assert!(offset_of!(StateDescription, perc) == 0x0d6);
    assert!(offset_of!(StateDescription, peratmid) == 0x0d7);
    assert!(offset_of!(StateDescription, peraddr) == 0x0d8);
    assert!(offset_of!(StateDescription, eai) == 0x0e0);
    assert!(offset_of!(StateDescription, peraid) == 0x0e1);
    assert!(offset_of!(StateDescription, oai) == 0x0e2);
    assert!(offset_of!(StateDescription, armid) == 0x0e3);
    assert!(offset_of!(StateDescription, tecmc) == 0x0e8);
    assert!(offset_of!(StateDescription, io_int_word) == 0x0f0);
    assert!(offset_of!(StateDescription, crycbd) == 0x0fc);
    assert!(offset_of!(StateDescription, gcr) == 0x100);
    assert!(offset_of!(StateDescription, gbea) == 0x180);
    assert!(offset_of!(StateDescription, sdnxo) == 0x190);
    assert!(offset_of!(StateDescription, fac) == 0x1a0);
    assert!(offset_of!(StateDescription, cbrlo) == 0x1b8);
    assert!(offset_of!(StateDescription, ecd) == 0x1c8);
    assert!(offset_of!(StateDescription, pp) == 0x1de);
    assert!(offset_of!(StateDescription, itdba) == 0x1e8);
    assert!(offset_of!(StateDescription, riccbd) == 0x1f0);
    assert!(offset_of!(StateDescription, gvrd) == 0x1f8);
};

/// The prefix bits of the word at offset 4.
const PREFIX_BITS: u32 = 0x7fff_e000;

impl StateDescription {
    /// A state description of zeros.
    pub fn new() -> Self {
        Self::default()
    }

    /// The CPU flags, as last published by any CPU.
    #[inline]
    pub fn cpu_flags(&self) -> CpuFlags {
        CpuFlags::from_bits_retain(self.cpuflags.load_acquire())
    }

    /// Sets CPU flags in one interlocked update; returns the flags before.
    #[inline]
    pub fn set_cpu_flags(&self, flags: CpuFlags) -> CpuFlags {
        CpuFlags::from_bits_retain(self.cpuflags.fetch_or(flags.bits()))
    }

    /// Clears CPU flags in one interlocked update; returns the flags before.
    #[inline]
    pub fn clear_cpu_flags(&self, flags: CpuFlags) -> CpuFlags {
        CpuFlags::from_bits_retain(self.cpuflags.fetch_and(!flags.bits()))
    }

    /// Whether one of the given CPU flags is on.
    #[inline]
    pub fn has_cpu_flags(&self, flags: CpuFlags) -> bool {
        self.cpu_flags().intersects(flags)
    }

    /// The interception controls.
    #[inline]
    pub fn interception_controls(&self) -> InterceptionControls {
        InterceptionControls::from_bits_retain(self.ictl.get())
    }

    /// The execution controls A.
    #[inline]
    pub fn execution_controls(&self) -> ExecutionControls {
        ExecutionControls::from_bits_retain(self.eca.get())
    }

    /// The prefix: an address on an 8 KiB boundary below 2 GiB.
    #[inline]
    pub fn prefix(&self) -> u32 {
        self.prefix_ibc.get() & PREFIX_BITS
    }

    /// Sets the prefix; bits outside an 8 KiB boundary below 2 GiB are dropped.
    #[inline]
    pub fn set_prefix(&self, prefix: u32) {
        self.prefix_ibc.set(self.prefix_ibc.get() & 0xfff | prefix & PREFIX_BITS);
    }

    /// The instruction-blocking control (12 bits).
    #[inline]
    pub fn ibc(&self) -> u16 {
        (self.prefix_ibc.get() & 0xfff) as u16
    }

    /// Sets the instruction-blocking control (12 bits).
    #[inline]
    pub fn set_ibc(&self, ibc: u16) {
        self.prefix_ibc.set(self.prefix_ibc.get() & !0xfff | u32::from(ibc) & 0xfff);
    }

    /// The program parameter.
    #[inline]
    pub fn pp(&self) -> u64 {
        self.pp.iter().fold(0, |value, half| value << 16 | u64::from(half.get()))
    }

    /// Sets the program parameter.
    #[inline]
    pub fn set_pp(&self, value: u64) {
        for (half, shift) in self.pp.iter().zip([48, 32, 16, 0]) {
            half.set((value >> shift) as u16);
        }
    }

    /// Stores where the host's table entries for the destination and the source of a partially executed MOVE PAGE are; they
    /// overlay the parameters of interruptions.
    pub fn set_partial_move(&self, [destination, source]: [u64; 2]) {
        self.eiparams.set((destination >> 32) as u32);
        self.extcpuaddr.set((destination >> 16) as u16);
        self.eic.set(destination as u16);
        self.reserved_c8.set((source >> 32) as u32);
        self.pgmilc.set((source >> 16) as u16);
        self.iprcc.set(source as u16);
    }

    /// The machine-check interruption code, which overlays the external-interruption parameters.
    #[inline]
    pub fn mcic(&self) -> u64 {
        u64::from(self.eiparams.get()) << 32 | u64::from(self.extcpuaddr.get()) << 16 | u64::from(self.eic.get())
    }

    /// The failing-storage address, which overlays data-exception code, monitor class and PER code.
    #[inline]
    pub fn failing_storage_address(&self) -> u64 {
        u64::from(self.dxc.get()) << 32
            | u64::from(self.mcn.get()) << 16
            | u64::from(self.perc.get()) << 8
            | u64::from(self.peratmid.get())
    }

    /// Length in bytes of the instruction that was intercepted, or that caused the intercepted program interruption;
    /// 0 when the last interception was for another reason.
    pub fn instruction_length(&self) -> u8 {
        match self.icptcode.get() {
            icpt::INST | icpt::INSTPROGI | icpt::OPEREXC | icpt::PARTEXEC | icpt::IOINST => {
                let status = self.icptstatus.get();
                if status & icptstatus::EXECUTED == 0 {
                    return match self.ipa.get() >> 14 {
                        0 => 2,
                        3 => 6,
                        _ => 4,
                    };
                }
                match status >> 4 & 6 {
                    0 => 4,
                    length => length,
                }
            }
            icpt::PROGI => (self.pgmilc.get() & 6) as u8,
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(sd: &StateDescription) -> [u8; 512] {
        // SAFETY: the block is 512 plain bytes and nobody else holds a reference to it in these tests.
        unsafe { core::ptr::from_ref(sd).cast::<[u8; 512]>().read() }
    }

    #[test]
    fn fields_are_big_endian_in_memory() {
        let sd = StateDescription::new();
        sd.gpsw_mask.set(0x0123_4567_89ab_cdef);
        sd.ipa.set(0xb220);
        sd.set_pp(0x1122_3344_5566_7788);
        let bytes = bytes(&sd);
        assert_eq!(bytes[0x90..0x98], [0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef]);
        assert_eq!(bytes[0x56..0x58], [0xb2, 0x20]);
        assert_eq!(bytes[0x1de..0x1e6], [0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88]);
        assert_eq!(sd.pp(), 0x1122_3344_5566_7788);
    }

    #[test]
    fn flags_are_set_and_cleared_one_by_one() {
        let sd = StateDescription::new();
        sd.set_cpu_flags(CpuFlags::ZARCH | CpuFlags::STOPPED);
        assert_eq!(sd.set_cpu_flags(CpuFlags::EXT_INT), CpuFlags::ZARCH | CpuFlags::STOPPED);
        assert_eq!(bytes(&sd)[..4], [0x81, 0, 0x08, 0]);
        sd.clear_cpu_flags(CpuFlags::STOPPED);
        assert_eq!(sd.cpu_flags(), CpuFlags::ZARCH | CpuFlags::EXT_INT);
        assert!(!sd.has_cpu_flags(CpuFlags::STOPPED));
    }

    #[test]
    fn prefix_and_ibc_share_a_word() {
        let sd = StateDescription::new();
        sd.set_ibc(0x042);
        sd.set_prefix(0xffff_ffff);
        assert_eq!(sd.prefix(), 0x7fff_e000);
        assert_eq!(sd.ibc(), 0x042);
    }

    #[test]
    fn instruction_length_honours_execute() {
        let sd = StateDescription::new();
        sd.icptcode.set(icpt::INST);
        sd.ipa.set(0xb220);
        assert_eq!(sd.instruction_length(), 4);
        sd.ipa.set(0xeb25);
        assert_eq!(sd.instruction_length(), 6);
        sd.ipa.set(0x0107);
        assert_eq!(sd.instruction_length(), 2);
        sd.icptstatus.set(icptstatus::executed(6));
        assert_eq!(sd.instruction_length(), 6);
        sd.icptstatus.set(icptstatus::executed(4));
        assert_eq!(sd.instruction_length(), 4);
        sd.icptcode.set(icpt::PROGI);
        sd.pgmilc.set(6);
        assert_eq!(sd.instruction_length(), 6);
        sd.icptcode.set(icpt::WAIT);
        assert_eq!(sd.instruction_length(), 0);
    }
}
