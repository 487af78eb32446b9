//! The functions that this library stands in front of, as the next library in the search order has them.
//! Truth: dlsym(3), RTLD_NEXT.

use core::ffi::{CStr, c_char, c_int, c_uint, c_ulong, c_void};
use core::mem;
use core::sync::atomic::{AtomicPtr, Ordering};

/// A function to look up once.
struct Next {
    name: &'static CStr,
    found: AtomicPtr<c_void>,
}

impl Next {
    const fn new(name: &'static CStr) -> Self {
        Self { name, found: AtomicPtr::new(core::ptr::null_mut()) }
    }

    fn find(&self) -> *mut c_void {
        let found = self.found.load(Ordering::Relaxed);
        if !found.is_null() {
            return found;
        }
        // SAFETY: the name is a string that ends with zero.
        let found = unsafe { libc::dlsym(libc::RTLD_NEXT, self.name.as_ptr()) };
        self.found.store(found, Ordering::Relaxed);
        found
    }
}

fn no_such_function() -> c_int {
    // SAFETY: the thread's own errno.
    unsafe { *libc::__errno_location() = libc::ENOSYS };
    -1
}

macro_rules! typed {
    ($found:ident, ($($ty:ty),*) ($rest:ty) -> $result:ty) => {
        // SAFETY: the C library's function of this name has this type, with a variable argument.
        unsafe { mem::transmute::<*mut c_void, unsafe extern "C" fn($($ty,)* ...) -> $result>($found) }
    };
    ($found:ident, ($($ty:ty),*) () -> $result:ty) => {
        // SAFETY: the C library's function of this name has this type.
        unsafe { mem::transmute::<*mut c_void, unsafe extern "C" fn($($ty),*) -> $result>($found) }
    };
}

macro_rules! next {
    ($($name:ident($($argument:ident: $ty:ty),*) [$($rest:ident: $rest_ty:ty)?] -> $result:ty;)*) => {
        $(
            /// The next function of this name.
            ///
            /// # Safety
            /// As for the function itself.
            pub(crate) unsafe fn $name($($argument: $ty,)* $($rest: $rest_ty)?) -> $result {
                let found = TABLE.$name.find();
                if found.is_null() {
                    return no_such_function() as $result;
                }
                let function = typed!(found, ($($ty),*) ($($rest_ty)?) -> $result);
                // SAFETY: the caller's arguments, for the function that they are meant for.
                unsafe { function($($argument,)* $($rest)?) }
            }
        )*

        struct Table {
            $($name: Next,)*
        }

        static TABLE: Table = Table {
            $($name: Next::new(
                match CStr::from_bytes_with_nul(concat!(stringify!($name), "\0").as_bytes()) {
                    Ok(name) => name,
                    Err(_) => c"",
                },
            ),)*
        };

        /// Looks all of them up, so that no signal handler has to.
        pub(crate) fn find_all() {
            $(TABLE.$name.find();)*
        }
    };
}

next! {
    open(path: *const c_char, flags: c_int) [mode: c_uint] -> c_int;
    open64(path: *const c_char, flags: c_int) [mode: c_uint] -> c_int;
    openat(folder: c_int, path: *const c_char, flags: c_int) [mode: c_uint] -> c_int;
    openat64(folder: c_int, path: *const c_char, flags: c_int) [mode: c_uint] -> c_int;
    __open_2(path: *const c_char, flags: c_int) [] -> c_int;
    __open64_2(path: *const c_char, flags: c_int) [] -> c_int;
    __openat_2(folder: c_int, path: *const c_char, flags: c_int) [] -> c_int;
    __openat64_2(folder: c_int, path: *const c_char, flags: c_int) [] -> c_int;
    ioctl(fd: c_int, request: c_ulong) [argument: c_ulong] -> c_int;
    fcntl(fd: c_int, command: c_int) [argument: c_ulong] -> c_int;
    fcntl64(fd: c_int, command: c_int) [argument: c_ulong] -> c_int;
    close(fd: c_int) [] -> c_int;
    close_range(first: c_uint, last: c_uint, flags: c_int) [] -> c_int;
    dup(fd: c_int) [] -> c_int;
    dup2(fd: c_int, to: c_int) [] -> c_int;
    dup3(fd: c_int, to: c_int, flags: c_int) [] -> c_int;
    read(fd: c_int, to: *mut c_void, size: usize) [] -> isize;
    pread(fd: c_int, to: *mut c_void, size: usize, offset: i64) [] -> isize;
    pread64(fd: c_int, to: *mut c_void, size: usize, offset: i64) [] -> isize;
    euidaccess(path: *const c_char, mode: c_int) [] -> c_int;
    access(path: *const c_char, mode: c_int) [] -> c_int;
    faccessat(folder: c_int, path: *const c_char, mode: c_int, flags: c_int) [] -> c_int;
    stat(path: *const c_char, to: *mut libc::stat) [] -> c_int;
    stat64(path: *const c_char, to: *mut libc::stat) [] -> c_int;
    lstat(path: *const c_char, to: *mut libc::stat) [] -> c_int;
    lstat64(path: *const c_char, to: *mut libc::stat) [] -> c_int;
    fstat(fd: c_int, to: *mut libc::stat) [] -> c_int;
    fstat64(fd: c_int, to: *mut libc::stat) [] -> c_int;
    fstatat(folder: c_int, path: *const c_char, to: *mut libc::stat, flags: c_int) [] -> c_int;
    fstatat64(folder: c_int, path: *const c_char, to: *mut libc::stat, flags: c_int) [] -> c_int;
    statx(folder: c_int, path: *const c_char, flags: c_int, mask: c_uint, to: *mut libc::statx) [] -> c_int;
    sendmsg(socket: c_int, message: *const libc::msghdr, flags: c_int) [] -> isize;
    sendmmsg(socket: c_int, messages: *mut libc::mmsghdr, count: c_uint, flags: c_int) [] -> c_int;
    sigaction(signal: c_int, new: *const libc::sigaction, old: *mut libc::sigaction) [] -> c_int;
}
