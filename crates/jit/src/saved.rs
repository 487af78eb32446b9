//! Translations of earlier runs, kept in files and found by the text they were made from.
//! Source: docs/engine-pattern.md, saved translations.
//!
//! A file is written once and under another name until it is whole. It begins with what its translations depend on besides
//! text and mode; at its end is an index, with a checksum of each. Files that anybody else could have written are not used.

use std::collections::{HashMap, HashSet};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::Hasher;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use parking_lot::Mutex;
use rustc_hash::{FxBuildHasher, FxHasher};
use softsie_cpu::{Decoded, Model};
use softsie_isa::instruction_length;

use crate::identity;
use crate::mode::Mode;
use crate::region::{PAGE, Style, record};

/// Where translations are kept, once somebody has asked for it.
static DIRECTORY: Mutex<Option<PathBuf>> = Mutex::new(None);

/// Has translations kept in `directory`, which is made when it is not there, and used in later runs.
///
/// # Errors
/// It cannot be made, is another user's, or others may write to it.
pub fn keep(directory: &Path) -> io::Result<()> {
    let about = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", directory.display()));
    DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(about)?;
    check(&fs::metadata(directory)?).map_err(about)?;
    *DIRECTORY.lock() = Some(directory.to_owned());
    Ok(())
}

/// What says where translations are kept: a directory, or `off`.
pub const DIRECTORY_VARIABLE: &str = "SOFTSIE_CODE_CACHE";

/// Has translations kept where [`DIRECTORY_VARIABLE`] says, else in the user's directory for what can be made again. Nothing is
/// kept when that is not possible.
pub fn keep_by_default() {
    let directory = match std::env::var_os(DIRECTORY_VARIABLE).filter(|named| !named.is_empty()) {
        Some(named) if named == "off" => return,
        Some(named) => Some(PathBuf::from(named)),
        None => {
            let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
            let home = || absolute("HOME").map(|home| home.join(".cache"));
            absolute("XDG_CACHE_HOME").or_else(home).map(|caches| caches.join("softsie"))
        }
    };
    // A run without them is slower, and right.
    let _ = directory.map(|directory| keep(&directory));
}

/// Only what nobody else can have written is executed.
fn check(about: &fs::Metadata) -> io::Result<()> {
    // SAFETY: a call without arguments.
    if about.uid() != unsafe { libc::geteuid() } {
        return Err(io::Error::other("it is another user's; translations are executed, so use one of your own"));
    }
    if about.mode() & 0o022 != 0 {
        return Err(io::Error::other("others may write to it; translations are executed, so forbid that (chmod go-w)"));
    }
    Ok(())
}

/// First and last bytes of a file.
const MAGIC: &[u8; 16] = b"softsie code 01\n";
/// How the names of files end.
const ENDING: &str = "code";
/// Bytes of an entry of the index.
const INDEXED: usize = 8 + 8 + 5 * 4;
/// Offset and checksum of the index, number of its entries.
const TRAILER: usize = 8 + 4 + 4 + MAGIC.len();
/// No translation is longer.
const LONGEST: u32 = 1 << 24;
/// As many files are made into one.
const FILES: usize = 8;
/// Bytes of a region as it is saved, without text and code.
const FIXED: usize = 8 + 8 + 2 + 2 + 4 + 2 + 2 + 4;
/// Bytes of all files together; the oldest are removed.
const MOST: u64 = 512 << 20;

/// Where a saved translation is.
#[derive(Clone, Copy)]
struct Place {
    found: Found,
    offset: u64,
    length: u32,
    checksum: u32,
    file: u32,
    style: Style,
}

/// What finds a translation.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Found {
    /// Of its mode, where it is entered, and the instruction there.
    hash: u64,
    /// How much text follows in one piece, and its checksum.
    size: u32,
    checksum: u32,
}

/// A translation to be saved, or recalled.
pub(crate) struct Translation<'a> {
    pub(crate) mode: Mode,
    /// Where it is entered.
    pub(crate) offset: u16,
    pub(crate) style: Style,
    /// The pieces of the page that it was made from.
    pub(crate) text: &'a [(usize, Box<[u8]>)],
    pub(crate) records: &'a [Decoded],
    /// What the last instruction has in the next page.
    pub(crate) rest: &'a [u8],
    pub(crate) code: &'a [u8],
}

/// A translation of an earlier run for a text that was met again.
pub(crate) struct Recalled {
    pub(crate) style: Style,
    pub(crate) text: Vec<(usize, Box<[u8]>)>,
    pub(crate) records: Box<[Decoded]>,
    pub(crate) rest: Box<[u8]>,
    pub(crate) code: Vec<u8>,
}

/// The translations of earlier runs of this build for one kind of CPU.
pub(crate) struct Saved {
    directory: PathBuf,
    /// What the names of its files begin with.
    stem: String,
    /// What its translations depend on.
    key: String,
    files: Vec<File>,
    names: Vec<PathBuf>,
    /// In the order of hashes; better ones first.
    index: Vec<Place>,
    /// Where the index has each hash for the first time: most looks are for what is not there.
    first: HashMap<u64, u32, FxBuildHasher>,
}

impl Saved {
    /// Those for a compiler that describes itself by `compiler`, and CPUs of `model`, if they are to be kept.
    pub(crate) fn open(compiler: &str, model: &Model) -> Option<Saved> {
        let directory = DIRECTORY.lock().clone()?;
        let facilities = [&model.facilities, &model.unannounced]
            .map(|list| list.bits().map(|bit| bit.to_string()).collect::<Vec<_>>().join(","));
        let key = format!("{}\n{compiler}\n{}\n", identity::build()?, facilities.join("\n"));
        let mut hasher = FxHasher::default();
        hasher.write(key.as_bytes());
        let stem = format!("{:016x}", hasher.finish());
        let (files, names, index) = (Vec::new(), Vec::new(), Vec::new());
        let mut saved = Saved { directory, stem, key, files, names, index, first: HashMap::default() };
        for name in saved.listed().unwrap_or_default() {
            // What is not whole, or not for us, is as good as absent.
            let _ = saved.add(name);
        }
        saved.index.sort_by_key(|place| (place.found.hash, place.style == Style::Quick));
        for (place, at) in saved.index.iter().zip(0..) {
            saved.first.entry(place.found.hash).or_insert(at);
        }
        Some(saved)
    }

    /// The names of its files, oldest first.
    fn listed(&self) -> io::Result<Vec<PathBuf>> {
        let mut all = Vec::new();
        for entry in fs::read_dir(&self.directory)?.flatten() {
            let name = entry.file_name();
            let ours = name.to_str().is_some_and(|name| name.starts_with(&self.stem) && name.ends_with(ENDING));
            if ours {
                all.push((entry.metadata()?.modified().unwrap_or(SystemTime::UNIX_EPOCH), entry.path()));
            }
        }
        all.sort();
        Ok(all.into_iter().map(|(_, path)| path).collect())
    }

    /// Reads a file's index.
    fn add(&mut self, name: PathBuf) -> io::Result<()> {
        let bad = || io::Error::from(io::ErrorKind::InvalidData);
        let file = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(&name)?;
        let about = file.metadata()?;
        check(&about)?;
        let start = about.len().checked_sub(TRAILER as u64).filter(|_| about.is_file()).ok_or_else(bad)?;
        let mut head = vec![0; MAGIC.len() + self.key.len()];
        file.read_exact_at(&mut head, 0)?;
        let mut trailer = [0; TRAILER];
        file.read_exact_at(&mut trailer, start)?;
        let mut fields = Fields(&trailer);
        let (Some(at), Some(checksum), Some(count)) = (fields.u64(), fields.u32(), fields.u32()) else {
            return Err(bad());
        };
        let size = u64::from(count) * INDEXED as u64;
        let whole = head.starts_with(MAGIC) && head.ends_with(self.key.as_bytes()) && fields.0 == MAGIC;
        if !whole || at.checked_add(size) != Some(start) {
            return Err(bad());
        }
        let mut index = vec![0; size as usize];
        file.read_exact_at(&mut index, at)?;
        if crc32fast::hash(&index) != checksum {
            return Err(bad());
        }
        let number = self.files.len() as u32;
        let mut fields = Fields(&index);
        while let Some(place) = Place::read(&mut fields, number) {
            self.index.push(place);
        }
        self.files.push(file);
        self.names.push(name);
        Ok(())
    }

    /// The best translation for a CPU of `model` that has come to `offset` of `page` in `mode`. `next` is what the next page begins with, where that is known.
    pub(crate) fn recall(
        &self,
        mode: Mode,
        offset: u16,
        page: &[u8; PAGE],
        next: Option<[u8; 4]>,
        model: &Model,
    ) -> Option<Recalled> {
        let text = page.get(usize::from(offset)..)?;
        let hash = hash(mode, offset, text);
        let first = *self.first.get(&hash)?;
        let candidates = self.index[first as usize..].iter().take_while(|place| place.found.hash == hash);
        let here = |place: &&Place| {
            text.get(..place.found.size as usize).is_some_and(|text| crc32fast::hash(text) == place.found.checksum)
        };
        candidates.filter(here).find_map(|place| self.read(place, mode, offset, page, next, model))
    }

    fn read(
        &self,
        place: &Place,
        mode: Mode,
        offset: u16,
        page: &[u8; PAGE],
        next: Option<[u8; 4]>,
        model: &Model,
    ) -> Option<Recalled> {
        let bytes = self.bytes(place)?;
        let mut fields = Fields(&bytes);
        if [fields.u64()?, fields.u64()?] != mode.words() || fields.u16()? != offset {
            return None;
        }
        let rest_size = usize::from(fields.u16()?);
        let rest = fields.take(4)?.get(..rest_size)?;
        if !rest.is_empty() && !next?.starts_with(rest) {
            return None;
        }
        let (pieces, records, code_size) = (fields.u16()?, fields.u16()?, fields.u32()?);
        let mut text = Vec::with_capacity(usize::from(pieces));
        for _ in 0..pieces {
            let (at, size) = (usize::from(fields.u16()?), usize::from(fields.u16()?));
            let piece = fields.take(size)?;
            if page.get(at..at + size)? != piece {
                return None;
            }
            text.push((at, Box::from(piece)));
        }
        let mut all = Vec::with_capacity(usize::from(records));
        for _ in 0..records {
            all.push(record(page, next, model, i64::from(fields.u16()?))?.0);
        }
        let code = fields.take(code_size as usize)?.to_vec();
        Some(Recalled { style: place.style, text, records: all.into(), rest: rest.into(), code })
    }

    /// A saved translation's bytes, if they are what they were.
    fn bytes(&self, place: &Place) -> Option<Vec<u8>> {
        let mut bytes = vec![0; place.length as usize];
        self.files.get(place.file as usize)?.read_exact_at(&mut bytes, place.offset).ok()?;
        (crc32fast::hash(&bytes) == place.checksum).then_some(bytes)
    }

    /// Writes a file with `translations`, and makes one of it and of others when there are many.
    ///
    /// # Errors
    /// The file cannot be written; the others are as they were.
    pub(crate) fn save(&self, translations: &[Translation<'_>]) -> io::Result<()> {
        if translations.is_empty() {
            return Ok(());
        }
        let mut file = NewFile::new(&self.directory, &self.stem, &self.key)?;
        for translation in translations {
            file.add(Found::of(translation), translation.style, &translation.bytes())?;
        }
        // Those of others that have been written since are left alone.
        let merged = self.names.len() >= FILES;
        if merged {
            // Of the same text, the first is the best: those of others are not needed any more.
            let mut there: HashSet<Found> = file.places.iter().map(|place| place.found).collect();
            for place in &self.index {
                if there.insert(place.found)
                    && let Some(bytes) = self.bytes(place)
                {
                    file.add(place.found, place.style, &bytes)?;
                }
            }
        }
        file.finish()?;
        if merged {
            for name in &self.names {
                let _ = fs::remove_file(name);
            }
        }
        make_room(&self.directory)
    }
}

impl Place {
    fn read(fields: &mut Fields<'_>, file: u32) -> Option<Place> {
        let (hash, offset) = (fields.u64()?, fields.u64()?);
        let found = Found { hash, size: fields.u32()?, checksum: fields.u32()? };
        let (length, checksum, style) = (fields.u32()?, fields.u32()?, fields.u32()?);
        let style = if style == 0 { Style::Quick } else { Style::Best };
        Some(Place { found, offset, length: length.min(LONGEST), checksum, file, style })
    }

    fn write(&self, to: &mut Vec<u8>) {
        to.extend(self.found.hash.to_le_bytes());
        to.extend(self.offset.to_le_bytes());
        let style = u32::from(self.style == Style::Best);
        for field in [self.found.size, self.found.checksum, self.length, self.checksum, style] {
            to.extend(field.to_le_bytes());
        }
    }
}

/// Of a mode and place, and of the instruction that `text` begins with.
fn hash(mode: Mode, offset: u16, text: &[u8]) -> u64 {
    let mut begin = [0; 8];
    let known = text.first().map_or(0, |first| usize::from(instruction_length(*first))).min(text.len());
    begin[..known].copy_from_slice(&text[..known]);
    let mut hasher = FxHasher::default();
    for word in mode.words() {
        hasher.write_u64(word);
    }
    hasher.write_u16(offset);
    hasher.write_u64(u64::from_le_bytes(begin));
    hasher.finish()
}

impl Found {
    fn of(translation: &Translation<'_>) -> Found {
        let at = usize::from(translation.offset);
        let entry = translation.text.iter().find(|(start, piece)| (*start..start + piece.len()).contains(&at));
        let text = entry.map_or(&[][..], |(start, piece)| &piece[at - start..]);
        let hash = hash(translation.mode, translation.offset, text);
        Found { hash, size: text.len() as u32, checksum: crc32fast::hash(text) }
    }
}

impl Translation<'_> {
    fn bytes(&self) -> Vec<u8> {
        let mut to = Vec::with_capacity(FIXED + 64 * self.text.len() + 2 * self.records.len() + self.code.len());
        for word in self.mode.words() {
            to.extend(word.to_le_bytes());
        }
        let mut rest = [0; 4];
        let size = self.rest.len().min(rest.len());
        rest[..size].copy_from_slice(&self.rest[..size]);
        to.extend(self.offset.to_le_bytes());
        to.extend((size as u16).to_le_bytes());
        to.extend(rest);
        to.extend((self.text.len() as u16).to_le_bytes());
        to.extend((self.records.len() as u16).to_le_bytes());
        to.extend((self.code.len() as u32).to_le_bytes());
        for (at, piece) in self.text {
            to.extend((*at as u16).to_le_bytes());
            to.extend((piece.len() as u16).to_le_bytes());
            to.extend(&**piece);
        }
        for record in self.records {
            to.extend(record.operands.page_offset().to_le_bytes());
        }
        to.extend(self.code);
        to
    }
}

/// Numbers and bytes in turn, as long as there are any.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, size: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(size)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }
}

/// A file on its way.
struct NewFile {
    to: io::BufWriter<File>,
    /// Its name until it is whole, and then.
    names: [PathBuf; 2],
    size: u64,
    places: Vec<Place>,
}

impl NewFile {
    fn new(directory: &Path, stem: &str, key: &str) -> io::Result<NewFile> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
        let name = format!("{stem}-{:x}-{now:x}", std::process::id());
        let names = ["new", ENDING].map(|ending| directory.join(format!("{name}.{ending}")));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&names[0])?;
        let mut new = NewFile { to: io::BufWriter::with_capacity(1 << 20, file), names, size: 0, places: Vec::new() };
        new.put(MAGIC)?;
        new.put(key.as_bytes())?;
        Ok(new)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.size += bytes.len() as u64;
        self.to.write_all(bytes)
    }

    fn add(&mut self, found: Found, style: Style, bytes: &[u8]) -> io::Result<()> {
        let (offset, length, checksum) = (self.size, bytes.len() as u32, crc32fast::hash(bytes));
        self.places.push(Place { found, offset, length, checksum, file: 0, style });
        self.put(bytes)
    }

    fn finish(mut self) -> io::Result<()> {
        let mut index = Vec::with_capacity(self.places.len() * INDEXED);
        self.places.iter().for_each(|place| place.write(&mut index));
        let at = self.size;
        self.put(&index)?;
        self.put(&at.to_le_bytes())?;
        self.put(&crc32fast::hash(&index).to_le_bytes())?;
        self.put(&(self.places.len() as u32).to_le_bytes())?;
        self.put(MAGIC)?;
        self.to.flush()?;
        fs::rename(&self.names[0], &self.names[1])
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        // There is none by this name when it was finished.
        let _ = fs::remove_file(&self.names[0]);
    }
}

/// Removes the oldest files of any build until the rest is not too much.
fn make_room(directory: &Path) -> io::Result<()> {
    let mut all = Vec::new();
    for entry in fs::read_dir(directory)?.flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|ending| ending == ENDING) {
            let about = entry.metadata()?;
            all.push((about.modified().unwrap_or(SystemTime::UNIX_EPOCH), about.len(), path));
        }
    }
    all.sort();
    let mut size: u64 = all.iter().map(|(_, size, _)| size).sum();
    for (_, bytes, path) in all {
        if size <= MOST {
            break;
        }
        fs::remove_file(path)?;
        size -= bytes;
    }
    Ok(())
}
