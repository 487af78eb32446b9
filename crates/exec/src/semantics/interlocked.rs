//! Interlocked updates of guest storage by host atomics.
//! Source: Principles of Operation, chapter 5, Storage-Operand Consistency (interlocked update, block concurrency).

use std::ptr::NonNull;
use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering};

use softsie_cpu::Scalar;

use crate::machine::Update;

/// Replaces `expected` at `host` (aligned to its size) by `new`: the value found, and whether it was replaced.
pub(crate) fn compare_exchange<T: Scalar>(host: NonNull<u8>, expected: T, new: T) -> (T, bool) {
    macro_rules! exchange {
        ($atomic:ty, $int:ty) => {{
            // SAFETY: `host` is a translated store operand on an integral boundary; atomics are how guest CPUs share it.
            let place = unsafe { <$atomic>::from_ptr(host.as_ptr().cast()) };
            let (old, new) = ((expected.widen() as $int).to_be(), (new.widen() as $int).to_be());
            match place.compare_exchange(old, new, Ordering::SeqCst, Ordering::SeqCst) {
                Ok(found) => (T::truncate(u128::from(<$int>::from_be(found))), true),
                Err(found) => (T::truncate(u128::from(<$int>::from_be(found))), false),
            }
        }};
    }
    match T::BYTES {
        1 => exchange!(AtomicU8, u8),
        2 => exchange!(AtomicU16, u16),
        4 => exchange!(AtomicU32, u32),
        8 => exchange!(AtomicU64, u64),
        _ => {
            let (found, swapped) = compare_exchange_16(host, expected.widen().to_be(), new.widen().to_be());
            (T::truncate(u128::from_be(found)), swapped)
        }
    }
}

/// As [`compare_exchange`], for the host's own updates of guest storage.
///
/// # Safety
/// `host` is in guest storage, aligned to the size of `T`.
pub unsafe fn interlocked_compare_exchange<T: Scalar>(host: NonNull<u8>, expected: T, new: T) -> (T, bool) {
    compare_exchange(host, expected, new)
}

/// What `op` makes of storage operand `old`.
#[inline(always)]
pub(crate) fn updated<T: Scalar>(op: Update, old: T, v: T) -> T {
    match op {
        Update::Add => old.add(v),
        Update::And => old.and(v),
        Update::Or => old.or(v),
        Update::Xor => old.xor(v),
    }
}

/// Combines the 1, 2, 4 or 8 bytes at `host` (aligned) with `v`: the value found.
#[inline(always)]
pub(crate) fn update<T: Scalar>(op: Update, host: NonNull<u8>, v: T) -> T {
    macro_rules! combine {
        ($atomic:ty, $int:ty) => {{
            // SAFETY: as in `compare_exchange`.
            let place = unsafe { <$atomic>::from_ptr(host.as_ptr().cast()) };
            let operand = (v.widen() as $int).to_be();
            let found = match op {
                Update::And => place.fetch_and(operand, Ordering::SeqCst),
                Update::Or => place.fetch_or(operand, Ordering::SeqCst),
                Update::Xor => place.fetch_xor(operand, Ordering::SeqCst),
                // Carries run the other way in the host's byte order.
                Update::Add => loop {
                    let found = place.load(Ordering::SeqCst);
                    let new = (v.widen() as $int).wrapping_add(<$int>::from_be(found)).to_be();
                    if place.compare_exchange_weak(found, new, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
                        break found;
                    }
                },
            };
            T::truncate(u128::from(<$int>::from_be(found)))
        }};
    }
    match T::BYTES {
        1 => combine!(AtomicU8, u8),
        2 => combine!(AtomicU16, u16),
        4 => combine!(AtomicU32, u32),
        _ => combine!(AtomicU64, u64),
    }
}

/// 16 bytes at once, in storage byte order. Assembly because no stable Rust function does it on both hosts.
fn compare_exchange_16(host: NonNull<u8>, expected: u128, new: u128) -> (u128, bool) {
    let (expected_low, expected_high) = (expected as u64, (expected >> 64) as u64);
    let (new_low, new_high) = (new as u64, (new >> 64) as u64);
    let (low, high): (u64, u64);
    // SAFETY: a translated quadword store operand on its boundary; every x86-64 processor that runs Linux today has
    // CMPXCHG16B. RBX belongs to the compiler, so that it is put back.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        std::arch::asm!(
            "xchg {new_low}, rbx",
            "lock cmpxchg16b [rdi]",
            "mov rbx, {new_low}",
            new_low = inout(reg) new_low => _,
            in("rcx") new_high,
            inout("rax") expected_low => low,
            inout("rdx") expected_high => high,
            in("rdi") host.as_ptr(),
            options(nostack)
        );
    }
    // SAFETY: as above. Storing what was found makes the pair of loads one access.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        std::arch::asm!(
            "2:",
            "ldaxp {low}, {high}, [{p}]",
            "cmp {low}, {expected_low}",
            "ccmp {high}, {expected_high}, #0, eq",
            "csel {store_low}, {new_low}, {low}, eq",
            "csel {store_high}, {new_high}, {high}, eq",
            "stlxp {failed:w}, {store_low}, {store_high}, [{p}]",
            "cbnz {failed:w}, 2b",
            low = out(reg) low,
            high = out(reg) high,
            store_low = out(reg) _,
            store_high = out(reg) _,
            failed = out(reg) _,
            p = in(reg) host.as_ptr(),
            expected_low = in(reg) expected_low,
            expected_high = in(reg) expected_high,
            new_low = in(reg) new_low,
            new_high = in(reg) new_high,
            options(nostack)
        );
    }
    let found = u128::from(high) << 64 | u128::from(low);
    (found, found == expected)
}

/// 16 bytes at `host`, on their boundary, as one access.
pub(crate) fn load_16(host: NonNull<u8>) -> u128 {
    let (high, low): (u64, u64);
    // SAFETY: a translated quadword operand on its boundary. An aligned 16-byte access is one access on all x86-64
    // processors with AVX and on arm64 ones with LSE2; on older ones it is two.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        std::arch::asm!(
            "movdqa {v}, [{p}]",
            "movq {first}, {v}",
            "punpckhqdq {v}, {v}",
            "movq {second}, {v}",
            v = out(xmm_reg) _,
            p = in(reg) host.as_ptr(),
            first = out(reg) high,
            second = out(reg) low,
            options(nostack, preserves_flags)
        );
        #[cfg(target_arch = "aarch64")]
        std::arch::asm!(
            "ldp {first}, {second}, [{p}]",
            "dmb ishld",
            p = in(reg) host.as_ptr(),
            first = out(reg) high,
            second = out(reg) low,
            options(nostack, preserves_flags)
        );
    }
    u128::from(u64::from_be(high)) << 64 | u128::from(u64::from_be(low))
}

/// Replaces the 16 bytes at `host`, on their boundary, as one access.
pub(crate) fn store_16(host: NonNull<u8>, v: u128) {
    let (high, low) = (((v >> 64) as u64).to_be(), (v as u64).to_be());
    // SAFETY: as in `load_16`.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        std::arch::asm!(
            "movq {v}, {first}",
            "movq {w}, {second}",
            "punpcklqdq {v}, {w}",
            "movdqa [{p}], {v}",
            v = out(xmm_reg) _,
            w = out(xmm_reg) _,
            p = in(reg) host.as_ptr(),
            first = in(reg) high,
            second = in(reg) low,
            options(nostack, preserves_flags)
        );
        #[cfg(target_arch = "aarch64")]
        std::arch::asm!(
            "dmb ish",
            "stp {first}, {second}, [{p}]",
            p = in(reg) host.as_ptr(),
            first = in(reg) high,
            second = in(reg) low,
            options(nostack, preserves_flags)
        );
    }
}
