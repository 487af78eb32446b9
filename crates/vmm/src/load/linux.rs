//! Linux's s390x boot image: a copy of storage from address 0 on, with the start-up code at 0x10000.
//! Truth: the image of Debian's 6.12 kernel; the signature word at 0x10008.

use super::too_small;
use crate::storage::{MIB, Storage};
use crate::{Error, Result};

const SIGNATURE: &[u8] = b"S390EP";
const SIGNATURE_AT: usize = 0x10008;
/// End of the page that holds the parameter area.
const PARAMETERS_END: usize = 0x11000;
/// Where the image says its version string is.
const VERSION_POINTER: usize = 0x10428;
/// What the start-up code needs besides the image to unpack itself: less makes it stop without a word.
const ROOM_TO_START: u64 = 64 * MIB;

/// A checked image.
#[derive(Debug)]
pub(crate) struct Linux {
    bytes: Vec<u8>,
}

impl Linux {
    /// Checks that `bytes` are a whole Linux image.
    pub(crate) fn parse(name: &str, bytes: Vec<u8>) -> Result<Self> {
        if let Some(what) = other_kind(&bytes) {
            return Err(Error::input(format!(
                "{name} is {what}: give a Linux image for s390x or an s390x ELF program"
            )));
        }
        let signature = bytes.get(SIGNATURE_AT..SIGNATURE_AT + SIGNATURE.len());
        if signature.is_some_and(|found| found != SIGNATURE) {
            return Err(Error::input(format!(
                "{name} is neither a Linux image for s390x nor an ELF file: give Debian's /boot/vmlinuz-*-s390x or an \
                 s390x ELF program"
            )));
        }
        let version = bytes.get(VERSION_POINTER..VERSION_POINTER + 8).map(|field| {
            let mut pointer = [0; 8];
            pointer.copy_from_slice(field);
            u64::from_be_bytes(pointer)
        });
        let whole = version.is_some_and(|pointer| pointer < bytes.len() as u64) && bytes.len() >= PARAMETERS_END;
        if !whole {
            return Err(Error::input(format!("{name} is truncated ({} bytes): fetch the kernel again", bytes.len())));
        }
        Ok(Self { bytes })
    }

    /// Gives the image's memory back.
    pub(crate) fn release(&mut self) {
        self.bytes = Vec::new();
    }

    /// Copies the image to address 0 and says where it ends.
    pub(crate) fn load(&self, name: &str, storage: &Storage) -> Result<u64> {
        let end = self.bytes.len() as u64;
        if storage.size() < ROOM_TO_START.max(end + ROOM_TO_START / 2) {
            return Err(too_small(name, ROOM_TO_START.max(end + ROOM_TO_START / 2), storage));
        }
        storage.write(0, &self.bytes).ok_or_else(|| too_small(name, end, storage))?;
        Ok(end)
    }
}

/// Files that people mistake for a kernel of this machine.
fn other_kind(bytes: &[u8]) -> Option<&'static str> {
    const KINDS: [(&[u8], usize, &str); 6] = [
        (b"\x1f\x8b", 0, "compressed with gzip"),
        (b"\xfd7zXZ", 0, "compressed with xz"),
        (b"\x28\xb5\x2f\xfd", 0, "compressed with zstd"),
        (b"HdrS", 0x202, "a Linux image for x86"),
        (b"ARM\x64", 0x38, "a Linux image for arm64"),
        (b"!<arch>\n", 0, "a package or library archive"),
    ];
    KINDS.iter().find(|(magic, at, _)| bytes.get(*at..).is_some_and(|rest| rest.starts_with(magic))).map(|kind| kind.2)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The smallest file that passes for an image.
    pub(in crate::load) fn image() -> Vec<u8> {
        let mut bytes = vec![0; 0x12000];
        bytes[SIGNATURE_AT..SIGNATURE_AT + 6].copy_from_slice(SIGNATURE);
        bytes[VERSION_POINTER..VERSION_POINTER + 8].copy_from_slice(&0x11800_u64.to_be_bytes());
        bytes[0x10430..0x10438].copy_from_slice(&4096_u64.to_be_bytes());
        bytes
    }

    fn refusal(bytes: Vec<u8>) -> String {
        let text = Linux::parse("file", bytes).unwrap_err().to_string();
        assert!(text.starts_with("file ") && !text.contains('\n'), "{text}");
        text
    }

    #[test]
    fn a_whole_image_is_copied_to_address_0() {
        let mut bytes = image();
        bytes[0x11fff] = 9;
        let storage = Storage::new(128 * MIB).unwrap();
        assert_eq!(Linux::parse("file", bytes).unwrap().load("file", &storage).unwrap(), 0x12000);
        assert_eq!(storage.read_vec(0x11fff, 2).unwrap(), [9, 0]);
    }

    #[test]
    fn truncated_images_and_other_files_are_told_apart() {
        let mut bytes = image();
        bytes.truncate(0x11700);
        assert!(refusal(bytes).contains("truncated"));
        assert!(refusal(image()[..0x8000].to_vec()).contains("truncated"));
        assert!(refusal(vec![b'x'; 0x20000]).contains("neither"));
        assert!(refusal(b"\x1f\x8b\x08\0".to_vec()).contains("gzip"));
        let mut x86 = vec![0; 0x20000];
        x86[0x202..0x206].copy_from_slice(b"HdrS");
        assert!(refusal(x86).contains("x86"));
    }

    #[test]
    fn little_storage_is_refused_with_the_size_needed() {
        let linux = Linux::parse("file", image()).unwrap();
        let text = linux.load("file", &Storage::new(16 * MIB).unwrap()).unwrap_err().to_string();
        assert!(text.contains("16 MiB") && text.contains("-m") && text.contains("64 MiB"), "{text}");
    }
}
