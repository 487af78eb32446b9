//! Generates the Rust form of `table/*.tbl` (format documented in `table/README.md`): the `Op` enumeration, the row
//! array, the format layouts, the extended mnemonics and the decoding tables.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // how a build script reports a mistake in the tables

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::{env, fs, path::Path};

/// Class files in the order in which classes are listed, and the `Class` variant of each.
const CLASSES: &[(&str, &str)] = &[
    ("general", "General"),
    ("decimal", "Decimal"),
    ("control", "Control"),
    ("io", "Io"),
    ("fp_support", "FpSupport"),
    ("bfp", "Bfp"),
    ("hfp", "Hfp"),
    ("dfp", "Dfp"),
    ("vector_support", "VectorSupport"),
    ("vector_integer", "VectorInteger"),
    ("vector_string", "VectorString"),
    ("vector_fp", "VectorFp"),
    ("vector_decimal", "VectorDecimal"),
    ("crypto", "Crypto"),
    ("special", "Special"),
];

struct Row {
    mnemonic: String,
    opcode: String,
    operands: Vec<String>,
    text: String,
}

fn read(name: &str) -> Vec<Vec<String>> {
    let path = Path::new("table").join(format!("{name}.tbl"));
    println!("cargo::rerun-if-changed={}", path.display());
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text.lines()
        .filter(|l| !l.starts_with('#') && !l.trim().is_empty())
        .map(|l| l.split_whitespace().map(str::to_owned).collect())
        .collect()
}

fn variant(format: &str) -> String {
    format.to_uppercase().replace('-', "_")
}

fn main() {
    let mut out = String::new();

    // Formats.
    let formats = read("formats");
    let fields_of: HashMap<String, Vec<(String, u32, u32)>> =
        formats.iter().map(|f| (f[0].clone(), f[2..].iter().map(|x| field(x)).collect())).collect();
    out.push_str("/// Instruction formats, named as in the Principles of Operation.\n#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]\n#[repr(u8)]\n#[allow(non_camel_case_types, clippy::upper_case_acronyms)]\npub enum Format {\n");
    for f in &formats {
        writeln!(out, "    /// Format {}, {} bytes.\n    {},", f[0], f[1], variant(&f[0])).unwrap();
    }
    out.push_str("}\n/// Layout of each format, in the order of `Format`.\npub static FORMATS: &[FormatLayout] = &[\n");
    for f in &formats {
        write!(out, "    FormatLayout {{ name: {:?}, length: {}, fields: &[", f[0], f[1]).unwrap();
        for (name, bit, width) in fields_of[&f[0]].iter().filter(|f| f.0 != "ignored") {
            write!(out, "Field {{ name: FieldName::{name}, bit: {bit}, width: {width} }}, ").unwrap();
        }
        out.push_str("] },\n");
    }
    out.push_str("];\n");

    // Rows.
    let mut rows = Vec::new();
    for (file, class) in CLASSES {
        for r in read(file) {
            let facility: Vec<_> = if r[5] == "-" { vec![] } else { r[5].split('+').collect() };
            let state = match r[6].as_str() {
                "problem" => "Problem",
                "semi" => "Semiprivileged",
                "privileged" => "Privileged",
                other => panic!("{}: state {other}", r[0]),
            };
            let cc = match r[7].as_str() {
                "cc" => "Some(true)",
                "-" => "Some(false)",
                "cc?" => "None",
                other => panic!("{}: cc {other}", r[0]),
            };
            // A field after a minus sign is not written and may hold anything.
            let (mut unwritten, tokens): (Vec<_>, Vec<_>) =
                split_operands(&r[3]).into_iter().partition(|token| token.starts_with('-'));
            unwritten.iter_mut().for_each(|token| *token = token[1..].to_owned());
            let unused = unused(&r[1], &fields_of[&r[2]], tokens.iter().chain(&unwritten));
            check_fields(&r[0], &fields_of[&r[2]], tokens.iter().chain(&unwritten));
            let (operands, optional) = operand_list(&tokens, &r[0]);
            let text = format!(
                "    Row {{ op: Op::{}, mnemonic: {:?}, opcode: {:?}, format: Format::{}, operands: &[{}], optional: {optional}, unused: {unused:#x}, level: Level::{}, \
                 facilities: &[{}], class: Class::{class}, state: State::{state}, sets_cc: {cc}, esa390: {} }},\n",
                r[0].to_uppercase(),
                r[0],
                r[1],
                variant(&r[2]),
                operands,
                r[4].to_uppercase(),
                facility.join(", "),
                r[8] == "esa"
            );
            rows.push(Row { mnemonic: r[0].clone(), opcode: r[1].clone(), operands: tokens, text });
        }
    }
    out.push_str("/// Every instruction of the table, named by its mnemonic.\n#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]\n#[repr(u16)]\n#[allow(clippy::upper_case_acronyms)]\npub enum Op {\n");
    for r in &rows {
        writeln!(out, "    /// `{}`, opcode {}.\n    {},", r.mnemonic, r.opcode, r.mnemonic.to_uppercase()).unwrap();
    }
    writeln!(out, "}}\n/// All rows, in the order of `Op`.\npub static ROWS: &[Row; {}] = &[", rows.len()).unwrap();
    for r in &rows {
        out.push_str(&r.text);
    }
    out.push_str("];\n");

    // Extended mnemonics, those of one instruction together.
    let mut extended: HashMap<String, Vec<Vec<String>>> = HashMap::new();
    for e in read("extended") {
        extended.entry(e[1].clone()).or_default().push(e);
    }
    let (mut list, mut start, mut count) = (String::new(), String::new(), 0);
    for row in &rows {
        write!(start, "{count}, ").unwrap();
        let mut seen = HashMap::new();
        for e in extended.remove(&row.mnemonic).unwrap_or_default() {
            list.push_str(&extended_row(&e, row));
            count += 1;
            if e[6] == "shown" {
                let other = seen.insert(e[2].clone(), e[0].clone());
                assert!(other.is_none(), "{} and {other:?} are both shown for the same instructions", e[0]);
            }
        }
    }
    assert!(extended.is_empty(), "extended mnemonics of unknown instructions: {:?}", extended.keys());
    writeln!(
        out,
        "/// Extended mnemonics; those of one instruction stand together: see [`Op::extended`].\n\
         pub static EXTENDED: &[Extended] = &[\n{list}];\n\
         /// Where those of each instruction begin.\nstatic EXTENDED_START: &[u16] = &[{start}{count}];"
    )
    .unwrap();

    // Facilities, function codes, models.
    out.push_str("/// All facilities that have a name, by bit.\npub static FACILITIES: &[Facility] = &[\n");
    for f in read("facilities") {
        let since = if f[1] == "-" { "None".to_owned() } else { format!("Some({})", since(&f[1])) };
        let needs = if f[3] == "-" { "" } else { &f[3] };
        let (bit, feature, name) = (&f[0], &f[2], f[4..].join(" "));
        writeln!(
            out,
            "    Facility {{ bit: {bit}, since: {since}, feature: {feature:?}, needs: &[{needs}], name: {name:?} }},"
        )
        .unwrap();
    }
    out.push_str("];\n/// All function codes, by instruction.\npub static FUNCTIONS: &[Function] = &[\n");
    for f in read("functions") {
        let (op, code, since) = (f[0].to_uppercase(), &f[1], since(&f[2]));
        writeln!(
            out,
            "    Function {{ op: Op::{op}, code: {code}, since: {since}, group: {:?}, feature: {:?} }},",
            f[3], f[4]
        )
        .unwrap();
    }
    out.push_str("];\n/// Features of the CPU that are no facilities.\npub static FEATURES: &[Feature] = &[\n");
    for f in read("features") {
        let (number, since, name) = (&f[0], since(&f[1]), f[3..].join(" "));
        writeln!(out, "    Feature {{ number: {number}, since: {since}, feature: {:?}, name: {name:?} }},", f[2])
            .unwrap();
    }
    out.push_str("];\n/// The CPU models, oldest first.\npub static MODELS: &[CpuModel] = &[\n");
    for m in read("models") {
        let (since, kind, clock) = (since(&m[0]), &m[1], &m[2]);
        writeln!(out, "    CpuModel {{ since: {since}, kind: 0x{kind}, megahertz: {clock}, names: &{:?} }},", &m[3..])
            .unwrap();
    }
    out.push_str("];\n");

    // Decoding: first byte -> instruction or second table.
    let mut first = [String::new(), String::new()];
    let mut primary: BTreeMap<u8, String> = BTreeMap::new();
    let mut second: BTreeMap<u8, (&str, BTreeMap<u8, &str>)> = BTreeMap::new();
    for r in &rows {
        let b0 = u8::from_str_radix(&r.opcode[..2], 16).expect("opcode");
        let (kind, key) = match r.opcode.len() {
            2 => {
                let old = primary.insert(b0, format!("First::Op(Op::{})", r.mnemonic.to_uppercase()));
                assert!(old.is_none(), "{} twice", r.opcode);
                continue;
            }
            3 => ("Nibble", u8::from_str_radix(&r.opcode[2..], 16).expect("opcode")),
            4 => ("SecondByte", u8::from_str_radix(&r.opcode[2..], 16).expect("opcode")),
            6 => ("LastByte", u8::from_str_radix(&r.opcode[4..], 16).expect("opcode")),
            n => panic!("opcode of {n} digits"),
        };
        let table = second.entry(b0).or_insert((kind, BTreeMap::new()));
        assert_eq!(table.0, kind, "{} mixes opcode kinds", r.opcode);
        assert!(table.1.insert(key, &r.mnemonic).is_none(), "{} twice", r.opcode);
    }
    for (n, (b0, (kind, table))) in second.iter().enumerate() {
        primary.insert(*b0, format!("First::{kind}({n})"));
        first[1].push_str("    [");
        for key in 0..=255u8 {
            match table.get(&key) {
                Some(m) => write!(first[1], "Some(Op::{}), ", m.to_uppercase()).unwrap(),
                None => first[1].push_str("None, "),
            }
        }
        first[1].push_str("],\n");
    }
    for b0 in 0..=255u8 {
        writeln!(first[0], "    {},", primary.get(&b0).map_or("First::None", |s| s)).unwrap();
    }
    writeln!(
        out,
        "static FIRST: [First; 256] = [\n{}];\nstatic SECOND: [[Option<Op>; 256]; {}] = [\n{}];",
        first[0],
        second.len(),
        first[1]
    )
    .unwrap();

    let dir = env::var("OUT_DIR").expect("OUT_DIR");
    fs::write(Path::new(&dir).join("table.rs"), out).expect("write table.rs");
    println!("cargo::rerun-if-changed=build.rs");
}

/// `z9` or `z9.2` as a `Since` expression.
fn since(text: &str) -> String {
    let (level, state) = text.split_once('.').unwrap_or((text, "1"));
    format!("Since {{ level: Level::{}, state: {state} }}", level.to_uppercase())
}

/// One line of `extended.tbl` as an `Extended` expression.
fn extended_row(e: &[String], base: &Row) -> String {
    let mut fixed = String::new();
    if e[2] != "-" {
        for f in e[2].split([',', ';']) {
            let (name, value) = f.split_once('=').expect("field=value");
            let (name, mask) = match name.split_once('&') {
                Some((n, m)) => (n, format!("Some({m})")),
                None => (name, "None".to_owned()),
            };
            let value = if value.starts_with(|c: char| c.is_ascii_digit()) {
                format!("Fixed::Value({value})")
            } else {
                format!("Fixed::SameAs(FieldName::{value})")
            };
            write!(fixed, "FixedField {{ field: FieldName::{name}, mask: {mask}, value: {value} }}, ").unwrap();
        }
    }
    // An operand is of the same kind as in the base instruction.
    let tokens: Vec<String> = split_operands(&e[3])
        .iter()
        .map(|token| {
            let mark = if token.ends_with('?') { "?" } else { "" };
            let name = token.trim_end_matches('?');
            let same = |t: &&String| t.trim_end_matches('?').split(':').next() == Some(name);
            let found = base.operands.iter().find(same);
            let found = found.unwrap_or_else(|| panic!("{}: {} has no operand {name}", e[0], base.mnemonic));
            format!("{}{mark}", found.trim_end_matches('?'))
        })
        .collect();
    let (operands, optional) = operand_list(&tokens, &e[0]);
    let printed = match e[6].as_str() {
        "shown" => true,
        "-" => false,
        other => panic!("{}: objdump {other}", e[0]),
    };
    format!(
        "    Extended {{ mnemonic: {:?}, base: Op::{}, fixed: &[{fixed}], operands: &[{operands}], optional: {optional}, \
         printed: {printed}, level: Level::{}, kind: {:?} }},\n",
        e[0],
        e[1].to_uppercase(),
        e[4].to_uppercase(),
        e[5]
    )
}

/// Splits an operand column at commas outside parentheses.
fn split_operands(s: &str) -> Vec<String> {
    if s == "-" {
        return Vec::new();
    }
    let (mut depth, mut parts) = (0, vec![String::new()]);
    for c in s.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        parts.last_mut().unwrap().push(c);
    }
    parts
}

/// `name@bit/width` of `formats.tbl`.
fn field(text: &str) -> (String, u32, u32) {
    let (name, place) = text.split_once('@').expect("name@bit/width");
    let (bit, width) = place.split_once('/').expect("bit/width");
    (name.to_owned(), bit.parse().expect("bit"), width.parse().expect("width"))
}

/// Names of the fields that an operand token mentions.
fn names(token: &str) -> impl Iterator<Item = &str> {
    token.split(['(', ')', ',', '?']).map(|n| n.split(':').next().unwrap()).filter(|n| !n.is_empty())
}

/// Whether the field of a format is (part of) the one that an operand names.
fn is_part(field: &str, name: &str) -> bool {
    field == name || (name.starts_with('D') && matches!(field.split_at(2), ("DL" | "DH", n) if *n == name[1..]))
}

fn check_fields<'a>(mnemonic: &str, fields: &[(String, u32, u32)], tokens: impl Iterator<Item = &'a String>) {
    for name in tokens.flat_map(|t| names(t)) {
        assert!(fields.iter().any(|f| is_part(&f.0, name)), "{mnemonic}: its format has no field {name}");
    }
}

/// The bits of an instruction that belong neither to the opcode nor to an operand, nor may hold anything: as a mask over
/// the text, left aligned.
fn unused<'a>(opcode: &str, fields: &[(String, u32, u32)], tokens: impl Iterator<Item = &'a String> + Clone) -> u64 {
    let length = [2, 4, 4, 6][usize::from(u8::from_str_radix(&opcode[..2], 16).expect("opcode") >> 6)];
    let bits = |bit: u32, width: u32| ((1u64 << width) - 1) << (64 - bit - width);
    let mut mask = bits(0, 8 * length) & !bits(0, 8);
    mask &= match opcode.len() {
        2 => !0,
        3 => !bits(12, 4),
        4 => !bits(8, 8),
        _ => !bits(40, 8),
    };
    for (name, bit, width) in fields {
        let used = tokens.clone().flat_map(|t| names(t)).any(|n| is_part(name, n));
        if used || name == "ignored" || name == "RXB" {
            mask &= !bits(*bit, *width);
        }
    }
    mask
}

/// Operand tokens as `Operand` expressions, and how many of the last ones are optional.
fn operand_list(tokens: &[String], mnemonic: &str) -> (String, usize) {
    let mut list = String::new();
    for token in tokens {
        write!(list, "{}, ", operand(token.trim_end_matches('?'), mnemonic)).unwrap();
    }
    let optional = tokens.iter().rev().take_while(|t| t.ends_with('?')).count();
    let marked = tokens.iter().filter(|t| t.ends_with('?')).count();
    assert_eq!(optional, marked, "{mnemonic}: an optional operand in the middle");
    (list, optional)
}

/// One operand column token as an `Operand` expression.
fn operand(token: &str, mnemonic: &str) -> String {
    let (head, inner) = match token.split_once('(') {
        Some((h, i)) => (h, Some(i.trim_end_matches(')'))),
        None => (token, None),
    };
    let (name, suffix) = head.split_once(':').unwrap_or((head, ""));
    if let Some(inner) = inner {
        let parts: Vec<_> = inner.split(',').collect();
        let (middle, base) = match parts.as_slice() {
            [b] => ("None".to_owned(), b),
            [m, b] => (format!("Some(FieldName::{m})"), b),
            _ => panic!("{mnemonic}: {token}"),
        };
        return format!(
            "Operand::Storage {{ displacement: FieldName::{name}, middle: {middle}, base: FieldName::{base} }}"
        );
    }
    let kind = match (&name[..name.len() - 1], suffix) {
        ("R", "") => "Gr",
        ("R", "p") => "GrPair",
        ("R", "f") => "Fr",
        ("R", "fp") => "FrPair",
        ("R", "a") => "Ar",
        ("R", "c") => "Cr",
        ("V", "") => "Vr",
        ("M", "") => "Mask",
        ("I", "") => "Unsigned",
        ("I", "s") | ("M", "s") => "Signed",
        ("RI", "") => "Relative",
        _ => panic!("{mnemonic}: operand {token}"),
    };
    format!("Operand::{kind}(FieldName::{name})")
}
