//! Images a guest can be started from, and how they come into storage.
//! Truth: the files' own formats (elf.rs, linux.rs); the entry state of a `-kernel` start as QEMU defines it.

mod elf;
mod linux;

use std::fs;
use std::path::{Path, PathBuf};

use crate::storage::{Storage, megabytes};
use crate::{Error, Result};

pub(crate) use elf::Elf;
pub(crate) use linux::Linux;

/// Where Linux's start-up code lies, and with it the convention of a parameter area before it.
pub(crate) const ENTRY: u64 = 0x10000;
/// 64-bit addressing, no DAT, nothing enabled.
pub(crate) const ENTRY_MASK: u64 = 0x0000_0001_8000_0000;

// Fields of the parameter area.
const INITRD_START: u64 = 0x10408;
const INITRD_SIZE: u64 = 0x10410;
const COMMAND_LINE_SIZE: u64 = 0x10430;
const COMMAND_LINE: u64 = 0x10480;
/// Room for a command line in images that state no size of their own.
const DEFAULT_COMMAND_LINE_SIZE: u64 = 896;
/// Where an initrd goes at the earliest: behind what boot code of any kernel uses.
const INITRD_FLOOR: u64 = 0x80_0000;

/// An image of any known kind.
#[derive(Debug)]
pub(crate) enum Image {
    /// Linux's own image, a copy of storage from address 0 on.
    Linux(Linux),
    /// A program in ELF form.
    Elf(Elf),
}

/// Everything that is put into storage when the machine is (re)started.
#[derive(Debug)]
pub(crate) struct Program {
    /// What errors call the image.
    name: String,
    image: Image,
    initrd: Option<Vec<u8>>,
    command_line: String,
    /// Kernel and initrd, when both can be read again.
    files: Option<(PathBuf, Option<PathBuf>)>,
}

/// Reads a whole file; what it is for stands in the message when that fails.
fn read_file(path: &Path, what: &str) -> Result<Vec<u8>> {
    let bytes =
        fs::read(path).map_err(|error| Error::input(format!("cannot read the {what} {}: {error}", path.display())))?;
    if bytes.is_empty() {
        return Err(Error::input(format!("the {what} {} is empty: give a complete file", path.display())));
    }
    Ok(bytes)
}

impl Program {
    /// Reads and checks the files a user named.
    pub(crate) fn from_files(kernel: &Path, initrd: Option<&Path>, command_line: &str) -> Result<Self> {
        let bytes = read_file(kernel, "kernel")?;
        let content = initrd.map(|path| read_file(path, "initrd")).transpose()?;
        let program = Self::new(&kernel.display().to_string(), bytes, content, command_line)?;
        let files = [Some(kernel), initrd].into_iter().flatten().all(Path::is_file);
        Ok(Self { files: files.then(|| (kernel.to_owned(), initrd.map(Path::to_owned))), ..program })
    }

    /// Gives back the memory of what is in files. It is not loaded again: [`Program::again`].
    pub(crate) fn release(&mut self) {
        if self.files.is_some() {
            self.initrd = None;
            match &mut self.image {
                Image::Linux(linux) => linux.release(),
                Image::Elf(elf) => elf.release(),
            }
        }
    }

    /// What is to be loaded instead when the machine starts again: the files as they are then.
    pub(crate) fn again(&self) -> Result<Option<Self>> {
        let Some((kernel, initrd)) = &self.files else { return Ok(None) };
        Self::from_files(kernel, initrd.as_deref(), &self.command_line).map(Some)
    }

    /// Checks an image that is already in memory.
    pub(crate) fn new(name: &str, bytes: Vec<u8>, initrd: Option<Vec<u8>>, command_line: &str) -> Result<Self> {
        let image = if bytes.starts_with(b"\x7fELF") {
            Image::Elf(Elf::parse(name, bytes)?)
        } else {
            Image::Linux(Linux::parse(name, bytes)?)
        };
        if command_line.contains('\0') {
            return Err(Error::input("the kernel's command line holds a NUL character: remove it"));
        }
        let program = Self { name: name.to_owned(), image, initrd, command_line: command_line.to_owned(), files: None };
        if !program.follows_the_convention() && (program.initrd.is_some() || !command_line.is_empty()) {
            return Err(Error::input(format!(
                "{name} takes neither initrd nor command line (its entry is not {ENTRY:#x}): leave --initrd and --append out"
            )));
        }
        Ok(program)
    }

    /// A program without a file, initrd or command line.
    pub(crate) fn embedded(name: &str, bytes: Vec<u8>, entry: u64) -> Self {
        Self {
            name: name.to_owned(),
            image: Image::Elf(Elf::flat(bytes, entry)),
            initrd: None,
            command_line: String::new(),
            files: None,
        }
    }

    /// Whether the guest is Linux (and drives its terminal itself).
    pub(crate) fn is_linux(&self) -> bool {
        matches!(self.image, Image::Linux(_))
    }

    /// The address of the first instruction.
    pub(crate) fn entry(&self) -> u64 {
        match &self.image {
            Image::Linux(_) => ENTRY,
            Image::Elf(elf) => elf.entry(),
        }
    }

    fn follows_the_convention(&self) -> bool {
        self.entry() == ENTRY
    }

    /// Puts everything into storage.
    pub(crate) fn load(&self, storage: &Storage) -> Result<()> {
        let end = match &self.image {
            Image::Linux(linux) => linux.load(&self.name, storage)?,
            Image::Elf(elf) => elf.load(&self.name, storage)?,
        };
        if self.follows_the_convention() {
            if self.is_linux() || !self.command_line.is_empty() {
                self.load_command_line(storage)?;
            }
            if let Some(initrd) = &self.initrd {
                self.load_initrd(storage, end, initrd)?;
            }
        }
        Ok(())
    }

    fn load_command_line(&self, storage: &Storage) -> Result<()> {
        let room = match storage.read_u64(COMMAND_LINE_SIZE) {
            Some(0) | None => DEFAULT_COMMAND_LINE_SIZE,
            Some(size) => size,
        };
        let line = [self.command_line.as_bytes(), b"\0"].concat();
        if line.len() as u64 > room {
            return Err(Error::input(format!(
                "the kernel's command line is {} characters long but {} takes at most {}: shorten --append",
                line.len() - 1,
                self.name,
                room - 1
            )));
        }
        storage.write(COMMAND_LINE, &line).ok_or_else(|| too_small(&self.name, COMMAND_LINE + room, storage))
    }

    fn load_initrd(&self, storage: &Storage, image_end: u64, initrd: &[u8]) -> Result<()> {
        let start = (image_end + crate::storage::MIB).next_multiple_of(crate::storage::MIB).max(INITRD_FLOOR);
        let size = initrd.len() as u64;
        storage.write(start, initrd).ok_or_else(|| {
            Error::input(format!(
                "the initrd of {} does not fit behind the kernel into {} of storage: raise -m to at least {}",
                megabytes(size),
                megabytes(storage.size()),
                megabytes((start + size).next_multiple_of(crate::storage::MIB))
            ))
        })?;
        storage.write(INITRD_START, &start.to_be_bytes());
        storage.write(INITRD_SIZE, &size.to_be_bytes());
        Ok(())
    }
}

/// Storage does not reach to `end`.
fn too_small(name: &str, end: u64, storage: &Storage) -> Error {
    Error::input(format!(
        "{name} does not fit into {} of storage: raise -m to at least {}",
        megabytes(storage.size()),
        megabytes(end.next_multiple_of(crate::storage::MIB))
    ))
}

#[cfg(test)]
mod tests {
    use super::linux::tests::image;
    use super::*;
    use crate::storage::MIB;

    fn message<T: std::fmt::Debug>(result: Result<T>) -> String {
        let text = result.unwrap_err().to_string();
        assert!(!text.contains('\n'), "{text}");
        text
    }

    #[test]
    fn the_parameter_area_gets_command_line_and_initrd() {
        let program = Program::new("vmlinuz", image(), Some(vec![7; 5000]), "quiet").unwrap();
        let storage = Storage::new(64 * MIB).unwrap();
        program.load(&storage).unwrap();
        assert_eq!(storage.read_vec(COMMAND_LINE, 6).unwrap(), b"quiet\0");
        let start = storage.read_u64(INITRD_START).unwrap();
        assert_eq!(storage.read_u64(INITRD_SIZE), Some(5000));
        assert!(start >= INITRD_FLOOR);
        assert_eq!(storage.read_vec(start, 5000).unwrap(), vec![7; 5000]);
        assert_eq!(program.entry(), 0x10000);
    }

    #[test]
    fn what_is_in_files_is_read_again_for_the_next_start() {
        let directory = std::env::temp_dir().join(format!("softsie-again-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let (kernel, initrd) = (directory.join("vmlinuz"), directory.join("initrd"));
        std::fs::write(&kernel, image()).unwrap();
        std::fs::write(&initrd, [7; 5000]).unwrap();
        let mut program = Program::from_files(&kernel, Some(&initrd), "quiet").unwrap();
        program.release();
        std::fs::write(&initrd, [8; 4000]).unwrap();
        let again = program.again().unwrap().unwrap();
        let storage = Storage::new(64 * MIB).unwrap();
        again.load(&storage).unwrap();
        assert_eq!((again.entry(), storage.read_u64(INITRD_SIZE)), (program.entry(), Some(4000)));
        assert_eq!(storage.read_vec(COMMAND_LINE, 6).unwrap(), b"quiet\0");
        std::fs::remove_dir_all(&directory).unwrap();
        assert!(message(program.again()).contains("vmlinuz"));
        let embedded = Program::new("vmlinuz", image(), None, "").unwrap();
        assert!(embedded.again().unwrap().is_none(), "there is no file");
    }

    #[test]
    fn an_initrd_that_does_not_fit_names_the_size_that_would() {
        let program = Program::new("vmlinuz", image(), Some(vec![7; 57 << 20]), "").unwrap();
        let text = message(program.load(&Storage::new(64 * MIB).unwrap()));
        assert!(text.contains("initrd") && text.contains("65 MiB"), "{text}");
    }

    #[test]
    fn a_long_command_line_is_refused() {
        let program = Program::new("vmlinuz", image(), None, &"x".repeat(5000)).unwrap();
        let text = message(program.load(&Storage::new(64 * MIB).unwrap()));
        assert!(text.contains("5000") && text.contains("4095"), "{text}");
    }

    #[test]
    fn missing_and_empty_files_are_named() {
        let text = message(Program::from_files(Path::new("/nonexistent/vmlinuz"), None, ""));
        assert!(text.contains("/nonexistent/vmlinuz"), "{text}");
        let text = message(Program::from_files(Path::new("/dev/null"), None, ""));
        assert!(text.contains("/dev/null") && text.contains("empty"), "{text}");
    }
}
