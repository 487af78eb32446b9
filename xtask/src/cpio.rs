//! A writer of cpio archives in the "newc" form, the form in which Linux takes an initramfs.
//! Truth: Linux Documentation/driver-api/early-userspace/buffer-format.rst and cpio(5).

const HEADER: usize = 110;
const TRAILER: &str = "TRAILER!!!";

/// What an entry is; the discriminant is the file-type part of the mode.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Directory = 0o040_000,
    File = 0o100_000,
    Link = 0o120_000,
    Character = 0o020_000,
}

/// An archive under construction. Entries get inode numbers in the order they are added.
#[derive(Debug, Default)]
pub struct Archive {
    bytes: Vec<u8>,
    inode: u32,
}

impl Archive {
    /// An archive without entries.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a directory.
    pub fn directory(&mut self, path: &str, permissions: u32) {
        self.entry(path, Kind::Directory as u32 | permissions, (0, 0), &[]);
    }

    /// Adds a regular file.
    pub fn file(&mut self, path: &str, permissions: u32, data: &[u8]) {
        self.entry(path, Kind::File as u32 | permissions, (0, 0), data);
    }

    /// Adds a symbolic link at `path` that leads to `target`.
    pub fn link(&mut self, path: &str, target: &str) {
        self.entry(path, Kind::Link as u32 | 0o777, (0, 0), target.as_bytes());
    }

    /// Adds a character device node.
    pub fn character_device(&mut self, path: &str, permissions: u32, major: u32, minor: u32) {
        self.entry(path, Kind::Character as u32 | permissions, (major, minor), &[]);
    }

    /// Ends the archive and hands out its bytes.
    pub fn finish(mut self) -> Vec<u8> {
        self.inode = u32::MAX;
        self.entry(TRAILER, 0, (0, 0), &[]);
        self.bytes
    }

    fn entry(&mut self, path: &str, mode: u32, device: (u32, u32), data: &[u8]) {
        self.inode = self.inode.wrapping_add(1);
        let links = if mode & 0o170_000 == Kind::Directory as u32 { 2 } else { 1 };
        // All times are zero: the same input gives the same archive.
        let fields = [
            self.inode,
            mode,
            0, // uid
            0, // gid
            links,
            0, // time of modification
            u32::try_from(data.len()).unwrap_or(u32::MAX),
            0, // major and minor of the device that holds the file
            0,
            device.0,
            device.1,
            u32::try_from(path.len()).unwrap_or(u32::MAX).wrapping_add(1),
            0, // checksum, unused in this form
        ];
        let start = self.bytes.len();
        self.bytes.extend_from_slice(b"070701");
        for field in fields {
            self.bytes.extend_from_slice(format!("{field:08x}").as_bytes());
        }
        debug_assert_eq!(self.bytes.len() - start, HEADER);
        self.bytes.extend_from_slice(path.as_bytes());
        self.bytes.push(0);
        self.align();
        self.bytes.extend_from_slice(data);
        self.align();
    }

    fn align(&mut self) {
        while !self.bytes.len().is_multiple_of(4) {
            self.bytes.push(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(bytes: &[u8], index: usize) -> u32 {
        let text = std::str::from_utf8(&bytes[6 + index * 8..14 + index * 8]).unwrap();
        u32::from_str_radix(text, 16).unwrap()
    }

    #[test]
    fn a_file_entry_has_the_fields_of_the_newc_form() {
        let mut archive = Archive::new();
        archive.file("init", 0o755, b"hello");
        let bytes = archive.finish();
        assert_eq!(&bytes[..6], b"070701");
        assert_eq!(field(&bytes, 1), 0o100_755);
        assert_eq!(field(&bytes, 4), 1);
        assert_eq!(field(&bytes, 6), 5);
        assert_eq!(field(&bytes, 11), 5, "the name counts its terminating NUL");
        assert_eq!(&bytes[110..115], b"init\0");
        // 110 + 5 = 115, padded to 116, then 5 bytes of data padded to 8.
        assert_eq!(&bytes[116..121], b"hello");
        assert_eq!(&bytes[124..130], b"070701");
        assert!(bytes.ends_with(b"TRAILER!!!\0\0\0\0"));
        assert_eq!(bytes.len() % 4, 0);
    }

    #[test]
    fn a_device_node_carries_its_numbers_and_a_link_its_target() {
        let mut archive = Archive::new();
        archive.character_device("dev/console", 0o600, 5, 1);
        let bytes = archive.finish();
        assert_eq!(field(&bytes, 1), 0o020_600);
        assert_eq!((field(&bytes, 9), field(&bytes, 10)), (5, 1));

        let mut archive = Archive::new();
        archive.link("bin/sh", "busybox");
        let bytes = archive.finish();
        assert_eq!(field(&bytes, 1), 0o120_777);
        assert_eq!(field(&bytes, 6), 7);
        assert_eq!(&bytes[120..127], b"busybox");
    }

    #[test]
    fn the_machines_own_cpio_reads_it() {
        use std::io::Write;
        use std::process::{Command, Stdio};
        let mut archive = Archive::new();
        archive.directory("bin", 0o755);
        archive.file("bin/tool", 0o755, &[0x5a; 1001]);
        archive.link("bin/sh", "tool");
        let bytes = archive.finish();
        let Ok(mut child) =
            Command::new("cpio").arg("-tv").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()
        else {
            eprintln!("cpio is not installed: the other tests of this file cover the form");
            return;
        };
        child.stdin.take().unwrap().write_all(&bytes).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        let listing = String::from_utf8(output.stdout).unwrap();
        assert!(listing.contains("bin/tool") && listing.contains("1001") && listing.contains("bin/sh -> tool"));
    }
}
