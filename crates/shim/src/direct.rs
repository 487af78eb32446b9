//! System calls that a client makes by syscall(2) instead of the function of their name, and messages that would carry our
//! descriptors to another process. Truth: syscall(2), openat2(2), unix(7) (SCM_RIGHTS), cmsg(3).

use core::ffi::{c_char, c_int, c_long, c_uint, c_ulong, c_void};
use core::mem::MaybeUninit;

use kvm::{ClientMemory, OwnMemory};

use crate::interpose as our;
use crate::{call, descriptor, device_node, next};

/// A system call and its arguments.
type Arguments = [c_long; 6];

/// What a system call by number is to be answered with; `None`: the kernel is to answer.
///
/// # Safety
/// As for the system call.
unsafe fn answered(number: c_long, arguments: &Arguments) -> Option<c_long> {
    let [a, b, c, d, ..] = *arguments;
    let path = |at: c_long| core::ptr::with_exposed_provenance::<c_char>(at as usize);
    let (fd, second, third) = (a as c_int, b as c_int, c as c_int);
    // SAFETY: the functions of these names do the same as the calls with these numbers.
    let result = unsafe {
        match number {
            #[cfg(target_arch = "x86_64")]
            libc::SYS_open => our::open(path(a), second, c as c_uint),
            #[cfg(target_arch = "x86_64")]
            libc::SYS_dup2 => our::dup2(fd, second),
            libc::SYS_openat => our::openat(fd, path(b), third, d as c_uint),
            libc::SYS_openat2 => {
                if !device_node::is_meant(fd, path(b)) {
                    return None;
                }
                // The flags are the first of what the third argument points to.
                let memory: &dyn ClientMemory = &OwnMemory;
                our::as_c(memory.read::<u64>(c as u64).and_then(|flags| call::open_system(flags as c_int)))
            }
            libc::SYS_ioctl => our::ioctl(fd, b as c_ulong, c as c_ulong),
            libc::SYS_close => our::close(fd),
            libc::SYS_close_range => our::close_range(a as c_uint, b as c_uint, third),
            libc::SYS_dup => our::dup(fd),
            libc::SYS_dup3 => our::dup3(fd, second, third),
            libc::SYS_fcntl => our::fcntl(fd, second, c as c_ulong),
            libc::SYS_read => {
                let to = core::ptr::with_exposed_provenance_mut::<c_void>(b as usize);
                return Some(our::read(fd, to, c as usize) as c_long);
            }
            _ => return None,
        }
    };
    Some(result.into())
}

/// The kernel's answer.
///
/// # Safety
/// As for the system call.
#[cfg(target_arch = "x86_64")]
unsafe fn by_kernel(number: c_long, [a, b, c, d, e, f]: &Arguments) -> c_long {
    let result: c_long;
    // SAFETY: the caller's system call; these registers are all that it changes.
    unsafe {
        core::arch::asm!(
            "syscall",
            inlateout("rax") number => result,
            in("rdi") *a, in("rsi") *b, in("rdx") *c, in("r10") *d, in("r8") *e, in("r9") *f,
            lateout("rcx") _, lateout("r11") _,
            options(nostack)
        );
    }
    result
}

/// The kernel's answer.
///
/// # Safety
/// As for the system call.
#[cfg(target_arch = "aarch64")]
unsafe fn by_kernel(number: c_long, [a, b, c, d, e, f]: &Arguments) -> c_long {
    let result: c_long;
    // SAFETY: the caller's system call; these registers are all that it changes.
    unsafe {
        core::arch::asm!(
            "svc 0",
            in("x8") number,
            inlateout("x0") *a => result,
            in("x1") *b, in("x2") *c, in("x3") *d, in("x4") *e, in("x5") *f,
            options(nostack)
        );
    }
    result
}

/// syscall(2). It looks for no next function, because the language's own locks come here before anything has been found.
///
/// # Safety
/// As for the system call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn syscall(
    number: c_long,
    a: c_long,
    b: c_long,
    c: c_long,
    d: c_long,
    e: c_long,
    f: c_long,
) -> c_long {
    const LAST_ERROR: c_long = -4095;
    let arguments = [a, b, c, d, e, f];
    // SAFETY: passed on.
    if let Some(result) = unsafe { answered(number, &arguments) } {
        return result;
    }
    // SAFETY: passed on.
    let result = unsafe { by_kernel(number, &arguments) };
    if (LAST_ERROR..0).contains(&result) {
        // SAFETY: the thread's own errno.
        unsafe { *libc::__errno_location() = -result as c_int };
        return -1;
    }
    result
}

/// Whether a message would carry one of our descriptors away: in another process it would stand for nothing.
///
/// # Safety
/// The message is the client's.
unsafe fn carries_ours(message: *const libc::msghdr) -> bool {
    // A bad address is the kernel's to find.
    let mut copy = MaybeUninit::<libc::msghdr>::zeroed();
    // SAFETY: bytes of a struct that is made of numbers and pointers.
    let bytes = unsafe { core::slice::from_raw_parts_mut(copy.as_mut_ptr().cast::<u8>(), size_of::<libc::msghdr>()) };
    if OwnMemory.read_bytes(message.expose_provenance() as u64, bytes).is_err() {
        return false;
    }
    // SAFETY: all bytes are initialised.
    let message = unsafe { copy.assume_init() };
    let mut control = [0u64; 128];
    let length = message.msg_controllen.min(size_of_val(&control));
    // SAFETY: the array's bytes.
    let bytes = unsafe { core::slice::from_raw_parts_mut(control.as_mut_ptr().cast::<u8>(), length) };
    if length == 0 || OwnMemory.read_bytes(message.msg_control.expose_provenance() as u64, bytes).is_err() {
        return false;
    }
    // Headers of length, level and type, each on the next boundary of a long.
    const HEADER: usize = size_of::<libc::cmsghdr>();
    let mut rest: &[u8] = bytes;
    while let Some((head, _)) = rest.split_at_checked(HEADER) {
        let number = |at: usize| c_int::from_ne_bytes(head[at..at + 4].try_into().unwrap_or_default());
        let length = usize::from_ne_bytes(head[..8].try_into().unwrap_or_default());
        let Some(data) = rest.get(HEADER..length) else { return false };
        if (number(8), number(12)) == (libc::SOL_SOCKET, libc::SCM_RIGHTS) {
            let descriptors = data.as_chunks::<4>().0.iter().map(|bytes| c_int::from_ne_bytes(*bytes));
            if descriptors.into_iter().any(|fd| descriptor::find_sure(fd).is_some()) {
                return true;
            }
        }
        rest = rest.get(length.next_multiple_of(8)..).unwrap_or_default();
    }
    false
}

fn refuse() -> c_int {
    our::as_c(Err(kvm::Errno::EINVAL))
}

/// sendmsg(2): our descriptors stay in the process.
///
/// # Safety
/// As for the C library's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sendmsg(socket: c_int, message: *const libc::msghdr, flags: c_int) -> isize {
    // SAFETY: the caller's message.
    if unsafe { carries_ours(message) } {
        return refuse() as isize;
    }
    // SAFETY: passed on.
    unsafe { next::sendmsg(socket, message, flags) }
}

/// sendmmsg(2): our descriptors stay in the process.
///
/// # Safety
/// As for the C library's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sendmmsg(socket: c_int, messages: *mut libc::mmsghdr, count: c_uint, flags: c_int) -> c_int {
    for n in 0..count.min(1024) as usize {
        // SAFETY: looked at by copies only.
        if unsafe { carries_ours(messages.wrapping_add(n).cast::<libc::msghdr>()) } {
            return refuse();
        }
    }
    // SAFETY: passed on.
    unsafe { next::sendmmsg(socket, messages, count, flags) }
}
