//! When the library begins and ends, and when the process forks: the child has a copy of our memory and none of our threads.
//! Truth: pthread_atfork(3), fork(2), exit(3); elf(5), DT_INIT_ARRAY and DT_FINI_ARRAY.

use crate::inside::inside;
use crate::{MEMORY, descriptor, next};

/// Runs when the library is loaded, before the program's own constructors.
#[used]
#[unsafe(link_section = ".init_array")]
static BEGIN: extern "C" fn() = {
    extern "C" fn begin() {
        next::find_all();
        descriptor::begin_process();
        // SAFETY: the functions last as long as the process, from which this library is not unloaded.
        unsafe { libc::pthread_atfork(Some(before), Some(in_parent), Some(in_child)) };
    }
    begin
};

/// Runs when the program exits. QEMU, for one, does so with its VM open.
#[used]
#[unsafe(link_section = ".fini_array")]
static END: extern "C" fn() = {
    extern "C" fn end() {
        if descriptor::is_this_process() {
            inside(kvm::save_translations);
        }
    }
    end
};

/// No thread is in the middle of our heap when it is copied.
unsafe extern "C" fn before() {
    MEMORY.lock();
}

unsafe extern "C" fn in_parent() {
    MEMORY.unlock();
}

unsafe extern "C" fn in_child() {
    MEMORY.unlock();
    descriptor::begin_process();
}
