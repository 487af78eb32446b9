//! Generates the Rust form of `table/*.tbl` (format documented in `table/README.md`): the `Op` enumeration, the row
//! array, the format layouts, the extended mnemonics and the decoding tables.
use std::collections::BTreeMap;
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
    out.push_str("/// Instruction formats, named as in the Principles of Operation.\n#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]\n#[repr(u8)]\n#[allow(non_camel_case_types, clippy::upper_case_acronyms)]\npub enum Format {\n");
    for f in &formats {
        writeln!(out, "    /// Format {}, {} bytes.\n    {},", f[0], f[1], variant(&f[0])).unwrap();
    }
    out.push_str("}\n/// Layout of each format, in the order of `Format`.\npub static FORMATS: &[FormatLayout] = &[\n");
    for f in &formats {
        write!(out, "    FormatLayout {{ name: {:?}, length: {}, fields: &[", f[0], f[1]).unwrap();
        for field in &f[2..] {
            let (name, place) = field.split_once('@').expect("name@bit/width");
            let (bit, width) = place.split_once('/').expect("bit/width");
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
            let mut operands = String::new();
            if r[3] != "-" {
                for token in split_operands(&r[3]) {
                    write!(operands, "{}, ", operand(&token, &r[0])).unwrap();
                }
            }
            let text = format!(
                "    Row {{ op: Op::{}, mnemonic: {:?}, opcode: {:?}, format: Format::{}, operands: &[{}], level: Level::{}, \
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
            rows.push(Row { mnemonic: r[0].clone(), opcode: r[1].clone(), text });
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

    // Extended mnemonics.
    out.push_str("/// Extended mnemonics, in the order of the table file.\npub static EXTENDED: &[Extended] = &[\n");
    for e in read("extended") {
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
        writeln!(
            out,
            "    Extended {{ mnemonic: {:?}, base: Op::{}, fixed: &[{}], operands: {:?}, level: Level::{}, kind: {:?} }},",
            e[0], e[1].to_uppercase(), fixed, if e[3] == "-" { "" } else { &e[3] }, e[4].to_uppercase(), e[5]
        )
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

/// Splits at commas outside parentheses.
fn split_operands(s: &str) -> Vec<String> {
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
