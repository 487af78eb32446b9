//! Which build of softsie this is: translations that another build has made may not fit this one's structures.
//! Source: elf(5), notes; the linker's build identifier (ld's --build-id), else what the file system says of our file.

use std::ffi::{CStr, OsStr, c_int, c_void};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Type of the note with the identifier.
const NT_GNU_BUILD_ID: u32 = 3;

/// Names the build that this code is of; `None` when nobody can say.
pub(crate) fn build() -> Option<String> {
    let mut found = Ours { address: (build as *const ()).addr(), note: None, file: None };
    // SAFETY: the function gets `found` back, which outlives the call.
    unsafe { libc::dl_iterate_phdr(Some(look), (&raw mut found).cast()) };
    if let Some(note) = found.note {
        return Some(note.iter().map(|byte| format!("{byte:02x}")).collect());
    }
    let file = found.file.filter(|name| !name.as_os_str().is_empty());
    let about = fs::metadata(file.as_deref().unwrap_or_else(|| Path::new("/proc/self/exe"))).ok()?;
    let time = |seconds: i64, part: i64| format!("{seconds}.{part}");
    let (changed, modified) = (time(about.ctime(), about.ctime_nsec()), time(about.mtime(), about.mtime_nsec()));
    Some(format!("{} {} {} {changed} {modified}", about.dev(), about.ino(), about.size()))
}

/// What is wanted of the loaded file that has the code at `address`.
struct Ours {
    address: usize,
    note: Option<Vec<u8>>,
    file: Option<PathBuf>,
}

/// Looks at one loaded file; not zero when it was ours.
extern "C" fn look(info: *mut libc::dl_phdr_info, _: usize, ours: *mut c_void) -> c_int {
    // SAFETY: what the caller of `dl_iterate_phdr` and the C library pass; both are valid during the call.
    let (info, ours) = unsafe { (&*info, &mut *ours.cast::<Ours>()) };
    // SAFETY: the program headers of a loaded file.
    let headers = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
    let place = |header: &libc::Elf64_Phdr| {
        let start = (info.dlpi_addr as usize).wrapping_add(header.p_vaddr as usize);
        start..start.wrapping_add(header.p_memsz as usize)
    };
    if !headers.iter().any(|header| header.p_type == libc::PT_LOAD && place(header).contains(&ours.address)) {
        return 0;
    }
    if !info.dlpi_name.is_null() {
        // SAFETY: a name that the C library ends with a zero.
        let name = unsafe { CStr::from_ptr(info.dlpi_name) };
        ours.file = Some(PathBuf::from(OsStr::from_bytes(name.to_bytes())));
    }
    for header in headers.iter().filter(|header| header.p_type == libc::PT_NOTE) {
        let place = place(header);
        // SAFETY: notes are part of what is loaded, and stay.
        let notes =
            unsafe { std::slice::from_raw_parts(std::ptr::with_exposed_provenance::<u8>(place.start), place.len()) };
        ours.note = ours.note.take().or_else(|| identifier(notes, header.p_align as usize));
    }
    1
}

/// The build identifier among notes.
fn identifier(mut notes: &[u8], alignment: usize) -> Option<Vec<u8>> {
    let alignment = alignment.max(4);
    loop {
        let word = |n: usize| Some(u32::from_ne_bytes(*notes.get(4 * n..)?.first_chunk()?) as usize);
        let (name_size, size, kind) = (word(0)?, word(1)?, word(2)? as u32);
        let description = (12 + name_size).next_multiple_of(alignment);
        let bytes = notes.get(description..description.checked_add(size)?)?;
        if kind == NT_GNU_BUILD_ID && notes.get(12..12 + name_size)? == b"GNU\0" {
            return Some(bytes.to_vec());
        }
        notes = notes.get((description + size).next_multiple_of(alignment)..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::{build, identifier};

    #[test]
    fn a_build_has_a_name() {
        assert_eq!(build(), build());
        assert!(build().is_some_and(|name| !name.is_empty()));
    }

    #[test]
    fn the_identifier_is_found_behind_other_notes() {
        let mut notes = Vec::new();
        for (name, kind, text) in [("GNU\0", 1u32, "abcde"), ("Other\0", 3, "x"), ("GNU\0", 3, "identity")] {
            for number in [name.len() as u32, text.len() as u32, kind] {
                notes.extend(number.to_ne_bytes());
            }
            for bytes in [name, text] {
                notes.extend(bytes.as_bytes());
                notes.resize(notes.len().next_multiple_of(4), 0);
            }
        }
        assert_eq!(identifier(&notes, 4).as_deref(), Some(&b"identity"[..]));
        assert_eq!(identifier(&notes[..notes.len() - 4], 4), None);
        assert_eq!(identifier(&[], 4), None);
    }
}
