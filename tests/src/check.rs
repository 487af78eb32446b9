//! Running a case: state before, one instruction, every register and byte of storage compared afterwards.
//! Source: `cases/README.md`.

use softsie_cpu::{Abort, AddressSpaceControl, Cpu, GuardedStorage, Lowcore, ProgramCode, Psw, PswMask};
use softsie_mem::StorageKey;

use crate::bare::{Bare, Step};
use crate::case::{Case, bytes};

const CODE: u64 = 0x1000;
const EXECUTE: u64 = 0x0F00;
const TABLES: u64 = 0xF_0000;
const NEW_PSW: u64 = 0xE_0000;

/// Runs a case by the interpreter, directly and (when it says so) through EXECUTE.
///
/// # Errors
/// What differs, for a person.
pub fn check(case: &Case) -> Result<(), String> {
    check_with(case, &mut Bare::step)
}

/// Like [`check`], with `step` to execute the one instruction.
///
/// # Errors
/// What differs, for a person.
pub fn check_with(case: &Case, step: &mut dyn FnMut(&mut Bare) -> Step) -> Result<(), String> {
    let told = |how: &str, e: String| format!("{}: {}{how}: {}: {e}", case.place, case.op.mnemonic(), case.title);
    once(case, None, step).map_err(|e| told("", e))?;
    if let Some(bits) = case.execute {
        once(case, Some(bits), step).map_err(|e| told(" through EXECUTE", e))?;
    }
    Ok(())
}

fn number(value: &str) -> Result<u128, String> {
    u128::from_str_radix(value, 16).map_err(|_| format!("`{value}` is not a hex number"))
}

fn index(name: &str, prefix: char, limit: usize) -> Option<usize> {
    name.strip_prefix(prefix)?.parse().ok().filter(|n| *n < limit)
}

/// Applies a setting that means the same before and after.
fn apply(cpu: &mut Cpu, name: &str, value: &str) -> Result<bool, String> {
    if let Some(address) = name.strip_prefix('m').and_then(|a| u64::from_str_radix(a, 16).ok()) {
        let bytes = bytes(value).ok_or_else(|| format!("`{value}` is not hex bytes"))?;
        cpu.write_absolute(address, &bytes).map_err(|_| format!("m{address:x} is outside storage"))?;
        return Ok(true);
    }
    let v = number(value)?;
    let v64 = v as u64;
    if let Some(n) = index(name, 'r', 16) {
        cpu.gr[n] = v64;
    } else if let Some(n) = index(name, 'a', 16) {
        cpu.ar[n] = v64 as u32;
    } else if let Some(n) = index(name, 'c', 16) {
        cpu.cr[n] = v64;
    } else if let Some(n) = index(name, 'f', 16) {
        cpu.vr[n] = v << 64 | cpu.vr[n] & u128::from(u64::MAX);
    } else if let Some(n) = index(name, 'v', 32) {
        cpu.vr[n] = v;
    } else if let Some(address) = name.strip_prefix('k').and_then(|a| u64::from_str_radix(a, 16).ok()) {
        let map = cpu.storage.map();
        map.page(address).ok_or("key outside storage")?.state.set_key(StorageKey(v as u8));
    } else {
        match name {
            "fpc" => cpu.fpc = v64 as u32,
            "cc" => cpu.cc = v as u8,
            "pm" => cpu.psw.set_program_mask(v as u8),
            "key" => cpu.psw.set_key(v as u8),
            "problem" => cpu.psw.set(PswMask::PROBLEM, v != 0),
            "prefix" => cpu.prefix = v64,
            "ckc" => cpu.clock_comparator = v64,
            "todpr" => cpu.todpr = v64 as u32,
            "pp" => cpu.program_parameter = v64,
            "gsd" => cpu.guarded_storage.designation = v64,
            "gssm" => cpu.guarded_storage.section_mask = v64,
            "gsepla" => cpu.guarded_storage.parameter_list = v64,
            "bea" => cpu.breaking_event_address = v64,
            "pswmask" => cpu.psw.mask = v64,
            "as" => cpu.psw.set_address_space(match v {
                0 => AddressSpaceControl::Primary,
                1 => AddressSpaceControl::AccessRegister,
                2 => AddressSpaceControl::Secondary,
                _ => AddressSpaceControl::Home,
            }),
            "mode" => {
                cpu.psw.set(PswMask::EA, v == 0x40);
                cpu.psw.set(PswMask::BA, v != 0x18);
            }
            _ => return Ok(false),
        }
    }
    Ok(true)
}

/// Turns DAT on with an identity mapping of storage, but for the pages named: those in `absent` do not translate, those in
/// `readonly` are protected.
///
/// # Errors
/// The tables do not fit.
pub fn build_tables(cpu: &mut Cpu, absent: &[u64], readonly: &[u64]) -> Result<(), String> {
    let mut put = |address: u64, value: u64| {
        cpu.write_absolute(address, &value.to_be_bytes()).map_err(|_| "tables outside storage".to_owned())
    };
    // A segment table whose first entry designates one page table; the rest is invalid.
    put(TABLES, TABLES + 0x4000)?;
    for n in 1..2048 {
        put(TABLES + n * 8, 0x20)?;
    }
    for page in 0..256 {
        let address = page * 4096;
        let invalid = if absent.contains(&address) { 0x400 } else { 0 };
        let protected = if readonly.contains(&address) { 0x200 } else { 0 };
        put(TABLES + 0x4000 + page * 8, address | invalid | protected)?;
    }
    for cr in [1, 7, 13] {
        cpu.cr[cr] = TABLES | 3;
    }
    cpu.psw.set(PswMask::DAT, true);
    Ok(())
}

struct Picture {
    gr: [u64; 16],
    ar: [u32; 16],
    cr: [u64; 16],
    vr: [u128; 32],
    fpc: u32,
    prefix: u64,
    /// Clock comparator, TOD programmable register, program parameter, breaking-event address.
    special: [u64; 4],
    guarded_storage: GuardedStorage,
    psw: Psw,
    storage: Vec<u8>,
}

fn picture(bare: &mut Bare) -> Picture {
    let storage = bare.storage();
    let c = &bare.cpu;
    let psw = c.current_psw();
    Picture {
        gr: c.gr,
        ar: c.ar,
        cr: c.cr,
        vr: c.vr,
        fpc: c.fpc,
        prefix: c.prefix,
        special: special(c),
        guarded_storage: c.guarded_storage,
        psw,
        storage,
    }
}

fn special(c: &Cpu) -> [u64; 4] {
    [c.clock_comparator, u64::from(c.todpr), c.program_parameter, c.breaking_event_address]
}

fn once(case: &Case, execute: Option<u8>, step: &mut dyn FnMut(&mut Bare) -> Step) -> Result<(), String> {
    let mut bare = Bare::new();
    let cpu = &mut bare.cpu;
    cpu.cr[0] = 0x6_00E0;
    cpu.psw = Psw::new(0x1_8000_0000, CODE);
    let (mut dat, mut absent, mut readonly) = (false, Vec::new(), Vec::new());
    for (name, value) in &case.before {
        match name.as_str() {
            "dat" => dat = value != "0",
            "interprets" => cpu.interprets = value != "0",
            "absent" => absent.push(number(value)? as u64),
            "readonly" => readonly.push(number(value)? as u64),
            _ => {}
        }
    }
    if dat {
        build_tables(cpu, &absent, &readonly)?;
    }
    // Storage keys come last: making the state before is a reference to storage itself.
    let is_key = |name: &str| name.starts_with('k') && name != "key";
    for (name, value) in case.before.iter().filter(|(name, _)| !is_key(name)) {
        if !matches!(name.as_str(), "dat" | "absent" | "readonly" | "interprets") && !apply(cpu, name, value)? {
            return Err(format!("unknown setting `{name}`"));
        }
    }
    let write = |cpu: &mut Cpu, at: u64, b: &[u8]| cpu.write_absolute(at, b).map_err(|_| "code outside storage");
    let mut text = case.text.clone();
    let mut length = text.len() as u8;
    if let Some(bits) = execute {
        // EXECUTE R15 from just below, with the target's second byte reduced so that the or-ing restores it.
        text[1] &= !bits;
        cpu.gr[15] = u64::from(bits);
        let halfwords = ((CODE - EXECUTE) / 2) as u32;
        let mut ex = [0xC6, if bits == 0 { 0x00 } else { 0xF0 }, 0, 0, 0, 0];
        ex[2..].copy_from_slice(&halfwords.to_be_bytes());
        write(cpu, cpu.prefixed(EXECUTE), &ex)?;
        cpu.psw.address = EXECUTE;
        length = 6;
    }
    let start = cpu.psw.address;
    write(cpu, cpu.prefixed(CODE), &text)?;
    // An interruption loads a new PSW that the comparison can tell apart.
    let prefix = cpu.prefix;
    for new in [Lowcore::PROGRAM_NEW_PSW, Lowcore::SVC_NEW_PSW] {
        write(cpu, prefix + new, &0x1_8000_0000u64.to_be_bytes())?;
        write(cpu, prefix + new + 8, &NEW_PSW.to_be_bytes())?;
    }
    for (name, value) in case.before.iter().filter(|(name, _)| is_key(name)) {
        apply(cpu, name, value)?;
    }
    cpu.flush_tlb();
    cpu.set_psw(cpu.current_psw());
    let mut expected = picture(&mut bare);
    let step = step(&mut bare);
    // The host takes the CPU, which no transaction survives.
    if bare.cpu.transaction.is_active() {
        let address = bare.cpu.psw.address;
        bare.cpu.abort_transaction(Abort::MISCELLANEOUS, address, None);
    }
    let mut actual = picture(&mut bare);

    // What should be there now.
    let next = start + u64::from(length);
    let (mut ia, mut program, mut teid, mut dxc, mut ilc, mut intercept) = (None, None, None, None, None, false);
    {
        let mut other = Bare::new();
        let c = &mut other.cpu;
        (c.gr, c.ar, c.cr, c.vr, c.fpc, c.prefix) =
            (expected.gr, expected.ar, expected.cr, expected.vr, expected.fpc, expected.prefix);
        c.psw = expected.psw;
        c.cc = expected.psw.cc();
        [c.clock_comparator, _, c.program_parameter, c.breaking_event_address] = expected.special;
        c.todpr = expected.special[1] as u32;
        c.guarded_storage = expected.guarded_storage;
        c.write_absolute(0, &expected.storage).map_err(|_| "storage")?;
        for (name, value) in &case.after {
            let value_of = || number(value).map(|v| v as u64);
            match name.as_str() {
                "ia" => ia = Some(value_of()?),
                "program" => program = Some(value_of()?),
                "teid" => teid = Some(value_of()?),
                "dxc" => dxc = Some(value_of()?),
                "ilc" => ilc = Some(value_of()?),
                "intercept" => intercept = value_of()? != 0,
                // Storage keys are checked below.
                _ if is_key(name) => {}
                _ if apply(c, name, value)? => {}
                _ => return Err(format!("unknown setting `{name}`")),
            }
        }
        expected = picture(&mut other);
    }
    let wanted = match program {
        Some(p) => Step::Program(ProgramCode(p as u16)),
        None if intercept => Step::Intercepted,
        None => Step::Done,
    };
    if step != wanted {
        return Err(format!("ended with {step:?}, expected {wanted:?}"));
    }
    let low = |at: u64, n: usize| {
        let at = (prefix + at) as usize;
        actual.storage[at..at + n].iter().fold(0u64, |v, b| v << 8 | u64::from(*b))
    };
    if let Some(code) = program {
        // The old PSW is the picture's PSW; the rest of the interruption's parameters are taken out of the comparison.
        for (name, want, got) in [
            ("teid", teid, low(Lowcore::TRANSLATION_EXCEPTION_ID, 8)),
            ("dxc", dxc, low(Lowcore::DATA_EXCEPTION_CODE, 4)),
            ("ilc", Some(ilc.unwrap_or_else(|| u64::from(length))), low(Lowcore::PROGRAM_ILC, 2)),
        ] {
            if want.is_some_and(|w| w != got) {
                return Err(format!("{name} {got:x}, expected {:x}", want.unwrap_or_default()));
            }
        }
        actual.psw = Psw::new(low(Lowcore::PROGRAM_OLD_PSW, 8), low(Lowcore::PROGRAM_OLD_PSW + 8, 8));
        let nullified = ProgramCode(code as u16).nullifies();
        expected.psw.address = ia.unwrap_or(if nullified { start } else { next });
        hide_interruption(&mut actual.storage, &mut expected.storage, prefix as usize);
    } else if case.op == softsie_isa::Op::SVC {
        actual.psw = Psw::new(low(Lowcore::SVC_OLD_PSW, 8), low(Lowcore::SVC_OLD_PSW + 8, 8));
        expected.psw.address = next;
        let (svc_ilc, svc_code) = (low(Lowcore::SVC_ILC, 2), low(Lowcore::SVC_CODE, 2));
        if (svc_ilc, svc_code) != (u64::from(length), u64::from(case.text[1])) {
            return Err(format!("SVC interruption with ILC {svc_ilc:x}, code {svc_code:x}"));
        }
        hide_interruption(&mut actual.storage, &mut expected.storage, prefix as usize);
    } else {
        expected.psw.address = ia.unwrap_or(next);
    }
    compare(&expected, &actual, case.after.iter().any(|(name, _)| name == "bea"))?;
    for (name, value) in &case.after {
        if let Some(address) = name.strip_prefix('k').and_then(|a| u64::from_str_radix(a, 16).ok()) {
            let key = bare.cpu.storage.map().page(address).map(|p| p.state.key().0);
            if key.map(u128::from) != Some(number(value)?) {
                return Err(format!("storage key of {address:x} is {key:02x?}, expected {value}"));
            }
        }
    }
    Ok(())
}

/// Bytes that an interruption stores are not part of the comparison.
fn hide_interruption(actual: &mut [u8], expected: &mut [u8], prefix: usize) {
    for (from, to) in [(0x80, 0xC0), (0x110, 0x118), (0x140, 0x160)] {
        actual[prefix + from..prefix + to].fill(0);
        expected[prefix + from..prefix + to].fill(0);
    }
}

fn compare(expected: &Picture, actual: &Picture, names_bea: bool) -> Result<(), String> {
    let mut wrong = Vec::new();
    for n in 0..16 {
        if actual.gr[n] != expected.gr[n] {
            wrong.push(format!("r{n}={:x}, expected {:x}", actual.gr[n], expected.gr[n]));
        }
        if actual.ar[n] != expected.ar[n] {
            wrong.push(format!("a{n}={:x}, expected {:x}", actual.ar[n], expected.ar[n]));
        }
        if actual.cr[n] != expected.cr[n] {
            wrong.push(format!("c{n}={:x}, expected {:x}", actual.cr[n], expected.cr[n]));
        }
    }
    for n in 0..32 {
        if actual.vr[n] != expected.vr[n] {
            wrong.push(format!("v{n}={:032x}, expected {:032x}", actual.vr[n], expected.vr[n]));
        }
    }
    if actual.fpc != expected.fpc {
        wrong.push(format!("fpc={:x}, expected {:x}", actual.fpc, expected.fpc));
    }
    if actual.prefix != expected.prefix {
        wrong.push(format!("prefix={:x}, expected {:x}", actual.prefix, expected.prefix));
    }
    for (n, name) in ["ckc", "todpr", "pp", "bea"].iter().enumerate() {
        // Where a branch came from is checked only by cases that name it.
        if actual.special[n] != expected.special[n] && (n != 3 || names_bea) {
            wrong.push(format!("{name}={:x}, expected {:x}", actual.special[n], expected.special[n]));
        }
    }
    if actual.guarded_storage != expected.guarded_storage {
        wrong.push(format!("{:x?}, expected {:x?}", actual.guarded_storage, expected.guarded_storage));
    }
    if actual.psw.cc() != expected.psw.cc() {
        wrong.push(format!("cc={}, expected {}", actual.psw.cc(), expected.psw.cc()));
    }
    if actual.psw != expected.psw {
        wrong.push(format!("PSW {:016x?}, expected {:016x?}", actual.psw, expected.psw));
    }
    let differ = |(a, e): (&u8, &u8)| a != e;
    if let Some(first) = actual.storage.iter().zip(&expected.storage).position(differ) {
        let line =
            |s: &[u8]| s[first..(first + 16).min(s.len())].iter().map(|b| format!("{b:02x}")).collect::<String>();
        wrong.push(format!("m{first:x}={}…, expected {}…", line(&actual.storage), line(&expected.storage)));
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ")) }
}
