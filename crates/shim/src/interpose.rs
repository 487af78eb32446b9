//! The functions of the C library that this library stands in front of. Each asks whether it is about something of ours,
//! and else calls the next library's with the same arguments. Truth: the manual page of each.
//!
//! Functions with a variable argument are defined with a fixed one: on x86-64 and arm64 Linux it is passed alike, and a
//! client that passes none leaves something there that nobody looks at.

use core::ffi::{CStr, c_char, c_int, c_uint, c_ulong, c_void};
use std::sync::Arc;

use kvm::{Errno, Result};

use crate::inside::inside;
use crate::object::Kind;
use crate::{call, descriptor, device_node, next, signals};

/// A result as the C library gives it.
pub(crate) fn as_c(result: Result<c_int>) -> c_int {
    result.unwrap_or_else(|Errno(errno)| {
        // SAFETY: the thread's own errno.
        unsafe { *libc::__errno_location() = errno };
        -1
    })
}

macro_rules! interpose {
    ($($(#[$doc:meta])* fn $name:ident($($argument:ident: $ty:ty),*) -> $result:ty $body:block)*) => {
        $(
            $(#[$doc])*
            ///
            /// # Safety
            /// As for the C library's function.
            #[unsafe(no_mangle)]
            pub unsafe extern "C" fn $name($($argument: $ty),*) -> $result $body
        )*
    };
}

macro_rules! opens {
    ($($name:ident($path:ident, $flags:ident $(, $mode:ident)?);)*) => {
        interpose! { $(
            /// open(2).
            fn $name($path: *const c_char, $flags: c_int $(, $mode: c_uint)?) -> c_int {
                // SAFETY: the caller's path.
                if unsafe { device_node::is_meant(libc::AT_FDCWD, $path) } {
                    return as_c(call::open_system($flags));
                }
                // SAFETY: passed on.
                unsafe { next::$name($path, $flags $(, $mode)?) }
            }
        )* }
    };
}

macro_rules! opens_at {
    ($($name:ident($folder:ident, $path:ident, $flags:ident $(, $mode:ident)?);)*) => {
        interpose! { $(
            /// openat(2).
            fn $name($folder: c_int, $path: *const c_char, $flags: c_int $(, $mode: c_uint)?) -> c_int {
                // SAFETY: the caller's path.
                if unsafe { device_node::is_meant($folder, $path) } {
                    return as_c(call::open_system($flags));
                }
                // SAFETY: passed on.
                unsafe { next::$name($folder, $path, $flags $(, $mode)?) }
            }
        )* }
    };
}

macro_rules! stats {
    ($($name:ident;)*) => {
        interpose! { $(
            /// stat(2).
            fn $name(path: *const c_char, to: *mut libc::stat) -> c_int {
                // SAFETY: the caller's path.
                if unsafe { device_node::is_meant(libc::AT_FDCWD, path) } {
                    // SAFETY: passed on, with a path of ours.
                    return unsafe { described(next::$name(device_node::MODEL.as_ptr(), to), to) };
                }
                // SAFETY: passed on.
                unsafe { next::$name(path, to) }
            }
        )* }
    };
}

macro_rules! stats_at {
    ($($name:ident;)*) => {
        interpose! { $(
            /// fstatat(2).
            fn $name(folder: c_int, path: *const c_char, to: *mut libc::stat, flags: c_int) -> c_int {
                // SAFETY: the caller's path.
                if unsafe { device_node::is_meant(folder, path) } {
                    // SAFETY: passed on, with a path of ours.
                    return unsafe { described(next::$name(folder, device_node::MODEL.as_ptr(), to, flags), to) };
                }
                // SAFETY: passed on.
                unsafe { next::$name(folder, path, to, flags) }
            }
        )* }
    };
}

macro_rules! stats_of_descriptors {
    ($($name:ident;)*) => {
        interpose! { $(
            /// fstat(2): the system's descriptor is a device.
            fn $name(fd: c_int, to: *mut libc::stat) -> c_int {
                // SAFETY: passed on.
                let result = unsafe { next::$name(fd, to) };
                match descriptor::find_sure(fd) {
                    // SAFETY: the caller's struct.
                    Some(object) if matches!(object.kind, Kind::System(_)) => unsafe { described(result, to) },
                    _ => result,
                }
            }
        )* }
    };
}

/// Turns what was said of another device into what is to be said of ours.
unsafe fn described(result: c_int, to: *mut libc::stat) -> c_int {
    // SAFETY: the call that succeeded has filled it.
    if let (0, Some(to)) = (result, unsafe { to.as_mut() }) {
        device_node::describe(to);
    }
    result
}

opens! {
    open(path, flags, mode);
    open64(path, flags, mode);
    __open_2(path, flags);
    __open64_2(path, flags);
}

opens_at! {
    openat(folder, path, flags, mode);
    openat64(folder, path, flags, mode);
    __openat_2(folder, path, flags);
    __openat64_2(folder, path, flags);
}

stats! {
    stat;
    stat64;
    lstat;
    lstat64;
}

stats_at! {
    fstatat;
    fstatat64;
}

stats_of_descriptors! {
    fstat;
    fstat64;
}

interpose! {
    /// statx(2).
    fn statx(folder: c_int, path: *const c_char, flags: c_int, mask: c_uint, to: *mut libc::statx) -> c_int {
        // SAFETY: the caller's path.
        if !unsafe { device_node::is_meant(folder, path) } {
            // SAFETY: passed on.
            return unsafe { next::statx(folder, path, flags, mask, to) };
        }
        // SAFETY: passed on, with a path of ours.
        let result = unsafe { next::statx(folder, device_node::MODEL.as_ptr(), flags, mask, to) };
        // SAFETY: the call that succeeded has filled it.
        if let (0, Some(to)) = (result, unsafe { to.as_mut() }) {
            device_node::describe_x(to);
        }
        result
    }

    /// access(2): all may read and write, nobody may execute.
    fn access(path: *const c_char, mode: c_int) -> c_int {
        // SAFETY: the caller's path.
        if unsafe { device_node::is_meant(libc::AT_FDCWD, path) } {
            return as_c(accessible(mode));
        }
        // SAFETY: passed on.
        unsafe { next::access(path, mode) }
    }

    /// euidaccess(3).
    fn euidaccess(path: *const c_char, mode: c_int) -> c_int {
        // SAFETY: the caller's path.
        if unsafe { device_node::is_meant(libc::AT_FDCWD, path) } {
            return as_c(accessible(mode));
        }
        // SAFETY: passed on.
        unsafe { next::euidaccess(path, mode) }
    }

    /// faccessat(2).
    fn faccessat(folder: c_int, path: *const c_char, mode: c_int, flags: c_int) -> c_int {
        // SAFETY: the caller's path.
        if unsafe { device_node::is_meant(folder, path) } {
            return as_c(accessible(mode));
        }
        // SAFETY: passed on.
        unsafe { next::faccessat(folder, path, mode, flags) }
    }

    /// ioctl(2). Requests that are not KVM's are the file's: they set FD_CLOEXEC, for instance.
    fn ioctl(fd: c_int, request: c_ulong, argument: c_ulong) -> c_int {
        let number = request as u32;
        if !call::is_kvm_request(number) {
            // SAFETY: passed on.
            let result = unsafe { next::ioctl(fd, request, argument) };
            // What no file knows, comes to the device.
            return if result < 0 { as_c(call::refused(fd)) } else { result };
        }
        let object = match descriptor::find(fd).map(Ok).or_else(|| call::adopt(fd)) {
            Some(Ok(object)) => object,
            Some(Err(errno)) => return as_c(Err(errno)),
            // SAFETY: passed on.
            None => return unsafe { next::ioctl(fd, request, argument) },
        };
        let result = call::ioctl(&object, number, argument);
        drop(object);
        as_c(result)
    }

    /// close(2): the last descriptor takes the object along.
    fn close(fd: c_int) -> c_int {
        // Before it is closed: after that another thread can get the number.
        let object = (descriptor::is_known(fd) && descriptor::is_this_process()).then(|| descriptor::take(fd));
        // SAFETY: passed on.
        let result = unsafe { next::close(fd) };
        drop(object);
        result
    }

    /// close_range(2).
    fn close_range(first: c_uint, last: c_uint, flags: c_int) -> c_int {
        // SAFETY: passed on.
        let result = unsafe { next::close_range(first, last, flags) };
        if result == 0 && flags & libc::CLOSE_RANGE_CLOEXEC.cast_signed() == 0 && descriptor::is_this_process() {
            inside(|| descriptor::take_range(first, last));
        }
        result
    }

    /// dup(2).
    fn dup(fd: c_int) -> c_int {
        // SAFETY: passed on.
        duplicated(fd, unsafe { next::dup(fd) })
    }

    /// dup2(2).
    fn dup2(fd: c_int, to: c_int) -> c_int {
        // SAFETY: passed on.
        duplicated(fd, unsafe { next::dup2(fd, to) })
    }

    /// dup3(2).
    fn dup3(fd: c_int, to: c_int, flags: c_int) -> c_int {
        // SAFETY: passed on.
        duplicated(fd, unsafe { next::dup3(fd, to, flags) })
    }

    /// fcntl(2): some commands duplicate.
    fn fcntl(fd: c_int, command: c_int, argument: c_ulong) -> c_int {
        // SAFETY: passed on.
        controlled(fd, command, unsafe { next::fcntl(fd, command, argument) })
    }

    /// fcntl(2).
    fn fcntl64(fd: c_int, command: c_int, argument: c_ulong) -> c_int {
        // SAFETY: passed on.
        controlled(fd, command, unsafe { next::fcntl64(fd, command, argument) })
    }

    /// read(2).
    fn read(fd: c_int, to: *mut c_void, size: usize) -> isize {
        // SAFETY: the caller's buffer.
        match unsafe { statistics(fd, to, size, None) } {
            Some(result) => result,
            // SAFETY: passed on.
            None => unsafe { next::read(fd, to, size) },
        }
    }

    /// pread(2).
    fn pread(fd: c_int, to: *mut c_void, size: usize, offset: i64) -> isize {
        // SAFETY: the caller's buffer.
        match unsafe { statistics(fd, to, size, Some(offset)) } {
            Some(result) => result,
            // SAFETY: passed on.
            None => unsafe { next::pread(fd, to, size, offset) },
        }
    }

    /// pread(2).
    fn pread64(fd: c_int, to: *mut c_void, size: usize, offset: i64) -> isize {
        // SAFETY: the caller's buffer.
        match unsafe { statistics(fd, to, size, Some(offset)) } {
            Some(result) => result,
            // SAFETY: passed on.
            None => unsafe { next::pread64(fd, to, size, offset) },
        }
    }

    /// sigaction(2).
    fn sigaction(signal: c_int, new: *const libc::sigaction, old: *mut libc::sigaction) -> c_int {
        // SAFETY: passed on.
        unsafe { signals::sigaction(signal, new, old) }
    }

    /// signal(2), as BSD and glibc have it.
    fn signal(signal: c_int, handler: usize) -> usize {
        // SAFETY: passed on.
        unsafe { signals::signal(signal, handler, libc::SA_RESTART) }
    }

    /// signal(2), as BSD has it.
    fn bsd_signal(signal: c_int, handler: usize) -> usize {
        // SAFETY: passed on.
        unsafe { signals::signal(signal, handler, libc::SA_RESTART) }
    }

    /// signal(2), as System V has it.
    fn sysv_signal(signal: c_int, handler: usize) -> usize {
        // SAFETY: passed on.
        unsafe { signals::signal(signal, handler, libc::SA_RESETHAND | libc::SA_NODEFER) }
    }

    /// signal(2), as System V has it.
    fn __sysv_signal(signal: c_int, handler: usize) -> usize {
        // SAFETY: passed on.
        unsafe { signals::signal(signal, handler, libc::SA_RESETHAND | libc::SA_NODEFER) }
    }

    /// Says that this library is loaded, and of which version; `softsie kvm --check` and clients' tests ask.
    fn softsie_kvm_version() -> *const c_char {
        const VERSION: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
            Ok(version) => version,
            Err(_) => c"?",
        };
        VERSION.as_ptr()
    }
}

fn accessible(mode: c_int) -> Result<c_int> {
    if mode & libc::X_OK != 0 { Err(Errno(libc::EACCES)) } else { Ok(0) }
}

/// `new` is a duplicate of `fd`, if it is a descriptor at all.
fn duplicated(fd: c_int, new: c_int) -> c_int {
    if new < 0 || new == fd || !descriptor::is_this_process() {
        return new;
    }
    inside(|| match descriptor::find_sure(fd) {
        Some(object) => {
            descriptor::put(new, Arc::clone(&object));
        }
        // What `new` was before has been closed.
        None => drop(descriptor::take(new)),
    });
    new
}

fn controlled(fd: c_int, command: c_int, result: c_int) -> c_int {
    if matches!(command, libc::F_DUPFD | libc::F_DUPFD_CLOEXEC) { duplicated(fd, result) } else { result }
}

/// Reads statistics, if the descriptor is for them.
///
/// # Safety
/// `to` is the client's for `size` bytes.
unsafe fn statistics(fd: c_int, to: *mut c_void, size: usize, offset: Option<i64>) -> Option<isize> {
    let object = descriptor::find(fd)?;
    let object = descriptor::find_sure(fd).filter(|sure| Arc::ptr_eq(sure, &object))?;
    let Kind::Statistics(statistics) = &object.kind else { return None };
    let Ok(offset) = offset.map(u64::try_from).transpose() else { return Some(as_c(Err(Errno::EINVAL)) as isize) };
    // SAFETY: as the caller says; a bad address is the client's end, as it is in its own code.
    let to = unsafe { core::slice::from_raw_parts_mut(to.cast::<u8>(), size) };
    Some(call::read(statistics, to, offset).cast_signed())
}
