//! Guest absolute storage: memory slots over the client's memory, storage keys, dirty log and code-page marks.
//! Depends on nothing of softsie. Truth: Principles of Operation chapter 3 (Storage, Storage Key); KVM API,
//! KVM_SET_USER_MEMORY_REGION.
//!
//! A slot is the client's own mapping, never a copy. What a page needs besides its bytes (storage key, marks) lies in a
//! [`PageState`] beside the slot. Whoever keeps host pointers (a TLB) also keeps the [`SlotMap`] they came from.

mod key;
mod slot;
mod storage;

pub use key::StorageKey;
pub use slot::{PAGE_SIZE, Page, PageMarks, PageState, Slot, SlotMap};
pub use storage::{Addressing, SlotError, Storage};
