//! One z/Architecture CPU's state and what the architecture does with it outside instruction semantics: PSW, registers,
//! lowcore, prefixing, dynamic address translation, the TLB, storage access, interruptions, clocks, and the messages by
//! which CPUs of one machine keep their TLBs and decoded code consistent.
//! May depend on `isa` (operands of decoded instructions) and `mem` (guest storage); knows nothing of SIE or KVM.
//! Truth: Principles of Operation chapters 3 (Storage), 4 (Control) and 6 (Interruptions).

mod access;
mod art;
mod asn;
mod broadcast;
mod clock;
mod code;
mod control;
mod dat;
mod exit;
mod guarded_storage;
mod guest;
mod interruption;
mod isolation;
mod keys;
pub mod layout;
mod linkage_stack;
mod lowcore;
pub mod measurement;
mod model;
pub mod order;
mod page_status;
mod peek;
mod per;
mod psw;
pub mod sampling;
mod scalar;
mod state;
mod tlb;
mod trace_table;
mod transaction;

pub use access::{Access, AddressSpace};
pub use art::AccessRegisterFault;
pub use asn::{ASTE_ORIGIN, Aste, Authority};
pub use broadcast::{Attention, Cluster, Request};
pub use clock::{EXTENDED_TOD_MASK, TimerService, TodClock, clock_comparator_lead, tod_to_duration};
pub use code::{CODE_PAGES, CodeCache, CodePage, CodeStamp, Decoded, Dispatch, HEAT_NEVER, Handler};
pub use control::{Cr0, Cr9, asce};
pub use dat::{Protection, Translation, TranslationFault};
pub use exit::{Exit, ProgramCode};
pub use guarded_storage::{GuardedStorage, GuardedStorageEvent};
pub use guest::{GuestStorage, Messages, SharedWord, intervention};
pub use interruption::ProgramData;
pub use linkage_stack::{StackedState, StateKind};
pub use lowcore::Lowcore;
pub use model::{FacilityList, FunctionMasks, Model, WrappingKeys};
pub use per::Per;
pub use psw::{AddressSpaceControl, Psw, PswMask};
pub use scalar::Scalar;
pub use state::{AttentionHandle, Cpu, Execute, InterceptedInstructions, Interceptions, Statistics};
pub use tlb::{Space, SpaceKey, TLB_ENTRIES, TlbEntry, boxed};
pub use trace_table::TraceEntry;
pub use transaction::{Abort, Begin, Controls, MAX_NESTING, Transaction};
