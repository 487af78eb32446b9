//! Dictionaries made from random tries, against the longest match in the trie; and dictionaries of any bytes.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::convert::Infallible;

use proptest::prelude::*;
use softsie_cmpsc::{Failure, Form, LONGEST, Storage, compress, expand};

struct Dictionary<'a> {
    first: &'a [u64],
    second: &'a [u64],
    source: &'a [u8],
}

impl Storage for Dictionary<'_> {
    type Error = Infallible;

    fn entry(&mut self, index: u16) -> Result<u64, Infallible> {
        Ok(self.first[usize::from(index)])
    }

    fn second(&mut self, index: u16) -> Result<u64, Infallible> {
        Ok(self.second[usize::from(index)])
    }

    fn character(&mut self, at: usize) -> Result<u8, Infallible> {
        Ok(self.source[at])
    }
}

/// A character, those that have to follow it, and what may follow then.
#[derive(Clone, Debug, Default)]
struct Node {
    more: Vec<u8>,
    children: BTreeMap<u8, Node>,
}

/// The dictionaries being made: for compression, the rest of its sibling descriptors, for expansion.
struct Maker {
    form: Form,
    compression: Vec<u64>,
    second: Vec<u64>,
    expansion: Vec<u64>,
    /// By index: the symbol.
    symbols: Vec<Vec<u8>>,
    next: usize,
}

impl Maker {
    fn new(form: Form) -> Maker {
        let none = vec![0; form.entries()];
        let (mut expansion, mut symbols) = (none.clone(), vec![Vec::new(); form.entries()]);
        for c in 0..256 {
            expansion[c] = 1 << 56 | (c as u64) << 48;
            symbols[c] = vec![c as u8];
        }
        Maker { form, compression: none.clone(), second: none, expansion, symbols, next: 256 }
    }

    /// Writes a node at `index`, whose symbol is `symbol`, and everything below it. Children for which there is no place are left out.
    fn write(&mut self, index: usize, node: &mut Node, symbol: Vec<u8>) {
        self.symbols[index] = symbol.clone();
        let room = 5 - node.more.len();
        let per_descriptor = if self.form.format_1 { 14 } else { 7 };
        // Places: the children of the entry, then descriptors, each before its siblings.
        let place = |n: usize| {
            let after = n.saturating_sub(room);
            if n < room { n } else { n + after / per_descriptor + 1 }
        };
        while let Some(last) = node.children.len().checked_sub(1)
            && self.next + place(last) >= self.form.entries()
        {
            node.children.pop_last();
        }
        let count = node.children.len();
        let first = self.next;
        self.next += if count == 0 { 0 } else { place(count - 1) + 1 };
        let examine: Vec<bool> =
            node.children.values().map(|child| !child.more.is_empty() || !child.children.is_empty()).collect();
        let letters: Vec<u8> = node.children.keys().copied().collect();
        let bit = |n: usize| u64::from(examine.get(n).copied().unwrap_or_default());

        let mut bytes = [0; 8];
        for (i, c) in node.more.iter().chain(letters.iter().take(room)).enumerate() {
            bytes[3 + i] = *c;
        }
        let mut entry = u64::from_be_bytes(bytes) | (first as u64) << 40;
        let in_entry = count.min(room);
        match count {
            0 => entry = u64::from_be_bytes(bytes) | (node.more.len() as u64) << 53,
            1 => entry |= 1 << 61 | bit(0) << 60 | (node.more.len() as u64) << 53,
            _ => {
                entry |= (count.min(room + 1) as u64) << 61 | (node.more.len() as u64) << 53;
                for n in 0..in_entry {
                    entry |= bit(n) << (60 - n);
                }
                for n in 0..2 {
                    entry |= bit(room + per_descriptor - 2 + n) << (55 - n);
                }
            }
        }
        self.compression[index] = entry;
        for (n, from) in (room..count).step_by(per_descriptor).enumerate() {
            let at = first + room + n * (per_descriptor + 1);
            let here = (count - from).min(per_descriptor);
            let more = count - from > per_descriptor;
            let mut characters = [0; 14];
            characters[..here].copy_from_slice(&letters[from..from + here]);
            let (mut bytes, mut rest) = ([0; 8], [0; 8]);
            if self.form.format_1 {
                bytes[2..].copy_from_slice(&characters[..6]);
                rest.copy_from_slice(&characters[6..]);
            } else {
                bytes[1..].copy_from_slice(&characters[..7]);
            }
            let mut entry = u64::from_be_bytes(bytes);
            if self.form.format_1 {
                entry |= (if more { 15 } else { here } as u64) << 60;
                (0..12).for_each(|n| entry |= bit(from + n) << (59 - n));
            } else {
                entry |= (if more { 0 } else { here } as u64) << 61;
                (0..5).for_each(|n| entry |= bit(from + n) << (60 - n));
            }
            (self.compression[at], self.second[at]) = (entry, u64::from_be_bytes(rest));
        }
        for (n, (letter, child)) in node.children.iter_mut().enumerate() {
            let at = first + place(n);
            let symbol: Vec<u8> = symbol.iter().chain([letter]).chain(&child.more).copied().collect();
            self.expand(index, at, &symbol);
            self.write(at, child, symbol);
        }
    }

    /// The entry for expansion of a symbol whose parent is at `parent`.
    fn expand(&mut self, parent: usize, index: usize, symbol: &[u8]) {
        let before = self.symbols[parent].len();
        let mut bytes = [0; 8];
        if symbol.len() <= 7 {
            bytes[0] = symbol.len() as u8;
            bytes[1..=symbol.len()].copy_from_slice(symbol);
            self.expansion[index] = u64::from_be_bytes(bytes);
            return;
        }
        let own = &symbol[before..];
        bytes[2..2 + own.len()].copy_from_slice(own);
        bytes[7] = before as u8;
        self.expansion[index] = u64::from_be_bytes(bytes) | (own.len() as u64) << 61 | (parent as u64) << 48;
    }
}

fn node(depth: u32) -> BoxedStrategy<Node> {
    let leaf = proptest::collection::vec(0u8..4, 0..4).prop_map(|more| Node { more, children: BTreeMap::new() });
    leaf.prop_recursive(depth, 200, 20, |inner| {
        (proptest::collection::vec(0u8..4, 0..2), proptest::collection::btree_map(0u8..40, inner, 0..40)).prop_map(
            |(more, children)| {
                // With one child there is place for four more characters, but one is enough here.
                Node { more, children }
            },
        )
    })
    .boxed()
}

/// The longest match: the symbol's node is found by comparing only.
fn model(roots: &BTreeMap<u8, Node>, source: &[u8]) -> usize {
    let none = Node::default();
    let mut node = roots.get(&source[0]).unwrap_or(&none);
    let mut at = 1;
    while let Some(child) = source.get(at).and_then(|c| node.children.get(c)) {
        if !source[at + 1..].starts_with(&child.more) {
            break;
        }
        at += 1 + child.more.len();
        node = child;
    }
    at
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(
        std::env::var("CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(2000)))]

    #[test]
    fn symbols_are_the_longest_matches(
        mut roots in proptest::collection::btree_map(0u8..6, node(4), 1..4), bits in 9u32..=13, format_1: bool,
        source in proptest::collection::vec(prop_oneof![4 => 0u8..4, 1 => 0u8..40, 1 => any::<u8>()], 1..300),
    ) {
        let form = Form { bits, format_1 };
        let mut maker = Maker::new(form);
        for (letter, root) in &mut roots {
            root.more.clear();
            maker.write(usize::from(*letter), root, vec![*letter]);
        }
        let mut at = 0;
        while at < source.len() {
            let rest = &source[at..];
            let mut dictionary = Dictionary { first: &maker.compression, second: &maker.second, source: rest };
            let (index, length) = compress(&mut dictionary, form, rest.len()).unwrap();
            prop_assert_eq!(length, model(&roots, rest));
            prop_assert_eq!(&maker.symbols[usize::from(index)][..], &rest[..length]);
            let mut dictionary = Dictionary { first: &maker.expansion, second: &[], source: &[] };
            let mut symbol = [0xEE; 264];
            let expanded = expand(&mut dictionary, form, index, length as u64, &mut symbol).unwrap();
            prop_assert_eq!(expanded, Some(length));
            prop_assert_eq!(&symbol[..length], &rest[..length]);
            prop_assert_eq!(expand(&mut dictionary, form, index, length as u64 - 1, &mut symbol), Ok(None));
            at += length;
        }
    }

    #[test]
    fn any_dictionary_gives_a_symbol_or_a_data_exception(
        seed: u64, bits in 9u32..=13, format_1: bool, few in 0u8..3,
        source in proptest::collection::vec(any::<u8>(), 1..400), index in 0u16..512,
    ) {
        let form = Form { bits, format_1 };
        let mut state = seed | 1;
        let mut random = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            if few == 0 { 0 } else if few == 1 { state & 0xF0FF_0101_0101_0101 } else { state }
        };
        let first: Vec<u64> = (0..form.entries()).map(|_| random()).collect();
        let source: Vec<u8> = source.iter().map(|c| if few == 1 { c & 1 } else { *c }).collect();
        let mut dictionary = Dictionary { first: &first, second: &first, source: &source };
        match compress(&mut dictionary, form, source.len()) {
            Ok((index, length)) => {
                prop_assert!(usize::from(index) < form.entries() && (1..=source.len().min(LONGEST)).contains(&length));
            }
            Err(failure) => prop_assert_eq!(failure, Failure::Data),
        }
        let mut symbol = [0; 264];
        if let Ok(Some(length)) = expand(&mut dictionary, form, index, 100, &mut symbol) {
            prop_assert!((1..=100).contains(&length));
        }
    }
}
