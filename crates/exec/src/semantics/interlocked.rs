//! Interlocked updates of guest storage by host atomics.
//! Source: Principles of Operation, chapter 5, Storage-Operand Consistency (interlocked update, block concurrency).

use std::ptr::NonNull;
use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering};

use parking_lot::Mutex;
use softsie_cpu::Scalar;

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

/// 16 bytes at once, in storage byte order.
fn compare_exchange_16(host: NonNull<u8>, expected: u128, new: u128) -> (u128, bool) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("cmpxchg16b") {
        #[target_feature(enable = "cmpxchg16b")]
        unsafe fn exchange(place: *mut u128, expected: u128, new: u128) -> u128 {
            // SAFETY: the caller passes an aligned place in guest storage.
            unsafe { std::arch::x86_64::cmpxchg16b(place, expected, new, Ordering::SeqCst, Ordering::SeqCst) }
        }
        // SAFETY: the feature is there; `host` is a translated quadword operand on its boundary.
        let found = unsafe { exchange(host.as_ptr().cast(), expected, new) };
        return (found, found == expected);
    }
    // Hosts without a 16-byte exchange that Rust offers: one at a time. Not atomic against 8-byte stores of other CPUs.
    static LOCK: Mutex<()> = Mutex::new(());
    let _guard = LOCK.lock();
    let place = host.as_ptr().cast::<u128>();
    // SAFETY: 16 bytes of guest storage on their boundary.
    unsafe {
        let found = place.read();
        if found == expected {
            place.write(new);
        }
        (found, found == expected)
    }
}
