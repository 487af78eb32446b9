//! Compression and expansion by static dictionaries, one symbol at a time, as COMPRESSION CALL does it. No storage, no registers:
//! the caller fetches entries and characters.
//! Truth: Enterprise Systems Architecture/390 Data Compression (SA22-7208), as its emulators read it: entries, the order of
//! comparisons, the limit of 260 characters and children. What it says of a child or sibling beyond the dictionary was not at
//! hand: here it is a data exception.

/// The longest symbol, and the most children of a character.
pub const LONGEST: usize = 260;

/// The most entries that are looked at to expand a symbol.
const MOST_ENTRIES: usize = 127;

/// Why a symbol cannot be had.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failure<E> {
    /// The dictionary is wrong.
    Data,
    /// The caller could not fetch something.
    Fetch(E),
}

impl<E> From<E> for Failure<E> {
    fn from(error: E) -> Self {
        Failure::Fetch(error)
    }
}

/// What the caller fetches.
pub trait Storage {
    /// Why it cannot.
    type Error;

    /// An entry of the compression or expansion dictionary that general register 1 designates.
    ///
    /// # Errors
    /// Why not.
    fn entry(&mut self, index: u16) -> Result<u64, Self::Error>;

    /// An entry of the expansion dictionary behind a compression dictionary: the rest of a sibling descriptor of format 1.
    ///
    /// # Errors
    /// Why not.
    fn second(&mut self, index: u16) -> Result<u64, Self::Error>;

    /// A character of the source, counted from the first that is not processed.
    ///
    /// # Errors
    /// Why not.
    fn character(&mut self, at: usize) -> Result<u8, Self::Error>;
}

/// The form of symbols and dictionaries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Form {
    /// Bits of a symbol: 9 to 13.
    pub bits: u32,
    /// Whether sibling descriptors are those of format 1.
    pub format_1: bool,
}

impl Form {
    /// Entries of a dictionary.
    pub fn entries(&self) -> usize {
        1 << self.bits
    }
}

/// A field of an entry: `n` bits from bit `at` on.
fn field(entry: u64, at: u32, n: u32) -> u64 {
    entry << at >> (64 - n)
}

/// A character entry of a compression dictionary.
struct Character {
    /// Additional extension characters: what has to follow before the children come.
    more: [u8; 5],
    more_count: usize,
    /// The first characters of the children that stand here.
    children: [u8; 5],
    child_count: usize,
    /// Whether there are siblings of them in a descriptor.
    siblings: bool,
    /// Index of the first child.
    first: u16,
    /// Which children have to be looked at, from the leftmost bit on.
    examine: u8,
    /// The same for the last two siblings of the first descriptor.
    examine_siblings: u8,
}

impl Character {
    fn fetch<S: Storage>(storage: &mut S, form: Form, index: u16) -> Result<Character, Failure<S::Error>> {
        let entry = storage.entry(index)?;
        let count = field(entry, 0, 3) as usize;
        let more_count = match count {
            0 | 1 => field(entry, 8, 3),
            _ => field(entry, 10, 1),
        } as usize;
        let room = 5 - more_count.min(5);
        let siblings = count > 1 && count == room + 1;
        if more_count > 5 || count > room && !siblings {
            return Err(Failure::Data);
        }
        let child_count = if siblings { room } else { count };
        let (mut more, mut children) = ([0; 5], [0; 5]);
        let bytes = &entry.to_be_bytes()[3..];
        more[..more_count].copy_from_slice(&bytes[..more_count]);
        children[..child_count].copy_from_slice(&bytes[more_count..more_count + child_count]);
        let first = field(entry, 11, 13) as u16;
        if count != 0 && usize::from(first) >= form.entries() {
            return Err(Failure::Data);
        }
        let (examine, examine_siblings) = match count {
            0 => (0, 0),
            1 => (field(entry, 3, 1) << 7, 0),
            _ => (field(entry, 3, 5) << 3, field(entry, 8, 2)),
        };
        Ok(Character {
            more,
            more_count,
            children,
            child_count,
            siblings,
            first,
            examine: examine as u8,
            examine_siblings: examine_siblings as u8,
        })
    }
}

/// A sibling descriptor.
struct Siblings {
    characters: [u8; 14],
    count: usize,
    /// Whether another descriptor follows.
    more: bool,
    /// Which have to be looked at, from the leftmost bit on.
    examine: u16,
}

impl Siblings {
    /// The descriptor at `index`; `parent` has two examine bits for the first one.
    fn fetch<S: Storage>(
        storage: &mut S,
        form: Form,
        index: u16,
        parent: Option<u8>,
    ) -> Result<Siblings, Failure<S::Error>> {
        if usize::from(index) >= form.entries() {
            return Err(Failure::Data);
        }
        let entry = storage.entry(index)?;
        // Later descriptors have no bits for their last two: those are always looked at.
        let last_two = u16::from(parent.unwrap_or(3));
        let mut characters = [0; 14];
        if form.format_1 {
            let count = field(entry, 0, 4) as usize;
            let more = count == 0 || count == 15;
            let count = if more { 14 } else { count };
            characters[..6].copy_from_slice(&entry.to_be_bytes()[2..]);
            if count > 6 {
                characters[6..].copy_from_slice(&storage.second(index)?.to_be_bytes());
            }
            let examine = (field(entry, 4, 12) as u16) << 4 | last_two << 2;
            return Ok(Siblings { characters, count, more, examine });
        }
        let count = field(entry, 0, 3) as usize;
        let more = count == 0;
        characters[..7].copy_from_slice(&entry.to_be_bytes()[1..]);
        let examine = (field(entry, 3, 5) as u16) << 11 | last_two << 9;
        Ok(Siblings { characters, count: if more { 7 } else { count }, more, examine })
    }
}

/// What is done with a child.
enum Child {
    /// It is the parent from here on; so many characters are its own.
    Descend(Character, usize),
    /// It is the symbol, and has no children.
    Leaf,
    /// Its additional characters are others, or there are not enough.
    Other,
}

/// Looks at a child whose first character is the one at `at`.
fn look<S: Storage>(
    storage: &mut S,
    form: Form,
    index: u16,
    examine: bool,
    at: usize,
    left: usize,
) -> Result<Child, Failure<S::Error>> {
    if usize::from(index) >= form.entries() {
        return Err(Failure::Data);
    }
    if !examine {
        return Ok(Child::Leaf);
    }
    let child = Character::fetch(storage, form, index)?;
    let more = child.more_count;
    if left - at < 1 + more {
        return Ok(Child::Other);
    }
    for i in 0..more {
        if storage.character(at + 1 + i)? != child.more[i] {
            return Ok(Child::Other);
        }
    }
    Ok(Child::Descend(child, 1 + more))
}

/// The next symbol of a source of which `left` characters, one at least, are left: its index, and how many characters it has.
///
/// # Errors
/// When the dictionary is wrong or something cannot be fetched.
pub fn compress<S: Storage>(storage: &mut S, form: Form, left: usize) -> Result<(u16, usize), Failure<S::Error>> {
    let mut index = u16::from(storage.character(0)?);
    let mut parent = Character::fetch(storage, form, index)?;
    let mut at = 1;
    'parents: loop {
        if at > LONGEST {
            return Err(Failure::Data);
        }
        if parent.child_count == 0 || at >= left {
            return Ok((index, at));
        }
        let next = storage.character(at)?;
        let mut descend = None;
        // The children that stand in the entry. Several may begin with the same character, if they are the first.
        for i in 0..parent.child_count {
            if parent.children[i] != next {
                continue;
            }
            let child = parent.first + i as u16;
            match look(storage, form, child, parent.examine & 0x80 >> i != 0, at, left)? {
                Child::Leaf => return longest(child, at + 1),
                Child::Descend(entry, n) => descend = Some((child, entry, n)),
                Child::Other if parent.children[..i].iter().all(|c| *c == next) => continue,
                Child::Other => return Ok((index, at)),
            }
            break;
        }
        if descend.is_none() && parent.children[..parent.child_count].contains(&next) {
            return Ok((index, at));
        }
        if descend.is_none() && parent.siblings {
            let mut descriptor = parent.first + parent.child_count as u16;
            let mut bits = Some(parent.examine_siblings);
            let mut seen = parent.child_count;
            'siblings: loop {
                let siblings = Siblings::fetch(storage, form, descriptor, bits.take())?;
                for i in 0..siblings.count {
                    if siblings.characters[i] != next {
                        continue;
                    }
                    let child = descriptor + 1 + i as u16;
                    match look(storage, form, child, siblings.examine & 0x8000 >> i != 0, at, left)? {
                        Child::Leaf => return longest(child, at + 1),
                        Child::Descend(entry, n) => descend = Some((child, entry, n)),
                        Child::Other => return Ok((index, at)),
                    }
                    break 'siblings;
                }
                seen += siblings.count;
                if seen > LONGEST {
                    return Err(Failure::Data);
                }
                if !siblings.more {
                    break;
                }
                descriptor += siblings.count as u16 + 1;
            }
        }
        let Some((child, entry, n)) = descend else { return Ok((index, at)) };
        (index, parent) = (child, entry);
        at += n;
        continue 'parents;
    }
}

/// A symbol, unless it is too long.
fn longest<E>(index: u16, length: usize) -> Result<(u16, usize), Failure<E>> {
    if length > LONGEST { Err(Failure::Data) } else { Ok((index, length)) }
}

/// Characters of a symbol that has been expanded.
pub type Symbol = [u8; 264];

/// Expands a symbol; the number of its characters. `room` is how many there may be: with fewer the symbol is not looked at to its end,
/// and there is none.
///
/// # Errors
/// When the dictionary is wrong or something cannot be fetched.
pub fn expand<S: Storage>(
    storage: &mut S,
    form: Form,
    index: u16,
    room: u64,
    symbol: &mut Symbol,
) -> Result<Option<usize>, Failure<S::Error>> {
    if room == 0 {
        return Ok(None);
    }
    if index < 256 {
        symbol[0] = index as u8;
        return Ok(Some(1));
    }
    let mut entry = storage.entry(index)?;
    let mut length = 0;
    for _ in 0..MOST_ENTRIES {
        let bytes = entry.to_be_bytes();
        let partial = usize::from(bytes[0] >> 5);
        if partial == 0 {
            let complete = usize::from(bytes[0] & 7);
            if complete == 0 {
                return Err(Failure::Data);
            }
            length = length.max(complete);
            if length as u64 > room {
                return Ok(None);
            }
            symbol[..complete].copy_from_slice(&bytes[1..=complete]);
            return Ok(Some(length));
        }
        let (before, offset) = (field(entry, 3, 13) as u16, usize::from(bytes[7]));
        if partial > 5 || usize::from(before) >= form.entries() {
            return Err(Failure::Data);
        }
        if length == 0 {
            // The first entry has the last characters.
            length = offset + partial;
            if length as u64 > room {
                return Ok(None);
            }
            symbol[..length].fill(0);
        }
        if offset + partial > length {
            return Err(Failure::Data);
        }
        symbol[offset..offset + partial].copy_from_slice(&bytes[2..2 + partial]);
        entry = storage.entry(before)?;
    }
    Err(Failure::Data)
}
