//! The order in which other CPUs see accesses to storage. Only a fetch may come before an earlier store of the same CPU;
//! x86-64 keeps to that by itself, arm64 needs a barrier after what fetches and one before what stores.
//! Source: Principles of Operation, chapter 5, Relation between Operand Accesses; Arm Architecture Reference Manual, B2.3.

/// What was fetched was fetched before anything that follows is fetched or stored.
#[inline(always)]
pub fn after_fetch() {
    #[cfg(target_arch = "aarch64")]
    // SAFETY: a barrier.
    unsafe {
        std::arch::asm!("dmb ishld", options(nostack, preserves_flags));
    }
}

/// What follows is stored after all that was stored before.
#[inline(always)]
pub fn before_store() {
    #[cfg(target_arch = "aarch64")]
    // SAFETY: a barrier.
    unsafe {
        std::arch::asm!("dmb ishst", options(nostack, preserves_flags));
    }
}
