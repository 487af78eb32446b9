//! Random state descriptions and satellite blocks: whatever is in them, the host ends somewhere, and stores stay in the guest's
//! storage and in the blocks. Truth: the reference of interpretive execution (validity, guest storage, satellite blocks).

use std::time::{Duration, Instant};

use softsie_sie::{CpuFlags, Ecb2, Leave, StateDescription, icpt};

use crate::machine::{self, Machine, ORIGIN, PROGRAM, SIZE, STATE, engines};

/// Numbers from a seed, by Marsaglia's shifts.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// Where the blocks are that random state descriptions designate: from here to [`SHADOW`].
const BLOCKS: u64 = 0x5000;
/// The release list by itself: what it gets are addresses of the guest.
const LIST: u64 = 0xF000;
/// What is not the guest's: from here to [`ORIGIN`], and behind the guest. Tables of the host among it.
const SHADOW: u64 = 0x1_0000;
const SEGMENTS: u64 = 0xE_0000;
const PAGES: u64 = 0xE_4000;
/// The page-status table behind the page table, which interpretation changes.
const STATUS: u64 = PAGES + 0x800;
const AFTER_STATUS: u64 = PAGES + 0x1000;
const AFTER: u64 = 0x20_0000;

/// What must stay as it is.
fn shadow(m: &Machine) -> [Vec<u8>; 3] {
    [(SHADOW, STATUS), (AFTER_STATUS, ORIGIN), (AFTER, SIZE as u64)]
        .map(|(from, to)| m.read(from, (to - from) as usize))
}

/// Tables of the host for the guest's megabyte: some pages are not there, some protected, some locked.
fn map(m: &Machine, random: &mut Random) {
    for segment in 0..512 {
        m.put(SEGMENTS + 8 * segment, 0x20);
    }
    m.put(SEGMENTS + 8, PAGES);
    for page in 0..256 {
        let flags = match random.next() % 16 {
            0 => 0x400,
            1 => 0x200,
            _ => 0,
        };
        let flags = if page < 8 { 0 } else { flags };
        m.put(PAGES + 8 * page, (ORIGIN + 0x1000 * page) | flags);
        let status = random.next();
        m.put(
            STATUS + 8 * page,
            if random.next().is_multiple_of(32) { status } else { status & !0x0080_0000_0000_0000 },
        );
    }
    m.host.gcr[1].set(SEGMENTS);
}

/// Has the state description designate blocks where random ones are.
fn designate(m: &Machine, random: &mut Random) {
    let mut block = |size: u64| BLOCKS + random.next() % ((LIST - BLOCKS) / size) * size;
    let sd = m.guest();
    sd.scaoh.set(0);
    let extended = Ecb2::from_bits_retain(sd.ecb2.get()).contains(Ecb2::ESCA);
    sd.scaol.set(if extended { 0x6000 + block(64) as u32 % 0x4000 } else { block(16) as u32 });
    sd.gvrd.set(block(512));
    sd.itdba.set(block(256));
    sd.sdnxo.set(block(64) | 6);
    sd.cbrlo.set(LIST | sd.cbrlo.get() & 0xFF8);
    for at in (BLOCKS..LIST).step_by(8) {
        // Addresses of state descriptions among the rest: only those.
        let value = match random.next() % 4 {
            0 => BLOCKS + random.next() % 64 * 0x200,
            1 => random.next() | 1,
            _ => 0,
        };
        m.put(at, value);
    }
}

/// Runs guests with random state descriptions and text, for so long or so often.
fn storm(seed: u64, rounds: u32, time: Duration) {
    let begin = Instant::now();
    let mut seed = seed;
    loop {
        for (n, engine) in engines().into_iter().enumerate() {
            rage(engine, seed + n as u64, rounds);
        }
        if begin.elapsed() >= time {
            return;
        }
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
    }
}

fn rage(engine: Option<std::sync::Arc<softsie_sie::Translator>>, seed: u64, rounds: u32) {
    let mut random = Random(seed | 1);
    let mut m = Machine::new(engine, &[]);
    m.sie.cpu.page_status = true;
    let kicker = m.sie.kicker();
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let kicks = std::thread::spawn(move || {
        while stopped.recv_timeout(Duration::from_millis(1)).is_err() {
            kicker.kick();
        }
    });
    for _ in 0..rounds {
        let limits = random.next() & 1 != 0;
        for at in (0..512).step_by(8) {
            let value = match random.next() % 4 {
                0 => random.next(),
                1 => random.next() & random.next() & random.next(),
                2 => random.next() & 0x3F_FFFF,
                _ => 0,
            };
            m.put(STATE + at, value);
        }
        let sd = m.guest();
        if !random.next().is_multiple_of(8) {
            // Something that gets past the first look.
            let refused =
                CpuFlags::RRF | CpuFlags::MCDS | CpuFlags::SLSV | CpuFlags::SLSR | CpuFlags::GED | CpuFlags::STOP_INT;
            sd.set_cpu_flags(CpuFlags::ZARCH);
            sd.clear_cpu_flags(refused);
            sd.sdf.set(0);
            sd.crycbd.set(sd.crycbd.get() & 0xFFF8 | 1);
            sd.fac.set(sd.fac.get() & 0xFFF8);
            sd.riccbd.set(0);
            sd.set_prefix(random.next() as u32 & 0x6000);
            sd.gpsw_mask.set(machine::PSW | random.next() & 0x0700_3F00_0000_0000);
            sd.gpsw_addr.set(PROGRAM);
        }
        m.host.gcr[1].set(0x20);
        if limits {
            sd.clear_cpu_flags(CpuFlags::SM);
            sd.mso.set(ORIGIN);
            sd.msl.set(ORIGIN);
            designate(&m, &mut random);
            if random.next() & 1 != 0 {
                map(&m, &mut random);
            }
        }
        let text: Vec<u8> = (0..64).flat_map(|_| instruction(&mut random)).collect();
        m.write(ORIGIN + PROGRAM, &text);
        (0..16).for_each(|r| m.sie.cpu.gr[r] = random.next() & 0x3F_FFFF);
        m.sie.cpu.gr[2] = STATE;
        let before = shadow(&m);
        m.host.gpsw_mask.set(machine::PSW);
        m.host.gpsw_addr.set(machine::SIE_AT);
        m.sie.recheck_code();
        let ended = match m.sie.run(&m.host) {
            // The instruction after START INTERPRETIVE EXECUTION.
            Leave::Interception => m.host.ipb.get() >> 16 == 1,
            Leave::HostRequest => false,
            other => panic!("{other:?}"),
        };
        if limits {
            assert!(before == shadow(&m), "seed {seed:#x}: a store outside of the guest and its blocks");
            if ended {
                expect_known_interception(m.guest());
            }
        } else {
            // It may have stored anywhere: the host is made anew.
            m.write(0x1000, &[0xB2, 0x14, 0x20, 0, 0x83, 0, 0, 1]);
            m.write(0x1800, &[0x83, 0, 0, 2]);
            m.put(0x1D0, machine::PSW);
            m.put(0x1D8, 0x1800);
        }
    }
    stop.send(()).unwrap();
    kicks.join().unwrap();
}

/// Codes and validity reasons that docs/nested.md says are never given are not, whatever the state description says.
fn expect_known_interception(sd: &StateDescription) {
    const CODES: [u8; 12] = [
        icpt::INST,
        icpt::PROGI,
        icpt::EXTREQ,
        icpt::EXTINT,
        icpt::IOREQ,
        icpt::WAIT,
        icpt::VALIDITY,
        icpt::STOP,
        icpt::OPEREXC,
        icpt::PARTEXEC,
        icpt::KSS,
        icpt::MCHKREQ,
    ];
    const REASONS: [u32; 20] = [
        0x01, 0x07, 0x10, 0x11, 0x22, 0x34, 0x35, 0x37, 0x38, 0x39, 0x3b, 0x3c, 0x41, 0x43, 0x80, 0x1090, 0x10b0,
        0x10b1, 0x10b2, 0x1310,
    ];
    let (code, reason) = (sd.icptcode.get(), sd.ipb.get() >> 16);
    assert!(CODES.contains(&code), "{code:#x}");
    assert!(code != icpt::VALIDITY || REASONS.contains(&reason), "{reason:#x}");
}

/// Eight bytes of text: anything, or an instruction that the blocks have to do with.
fn instruction(random: &mut Random) -> [u8; 8] {
    let mut bytes = random.next().to_be_bytes();
    let known: [u8; 2] = match random.next() % 16 {
        0 => [0xAE, bytes[1]],
        1 => [0xB9, 0xAB],
        2 => [0xB2, 0x2B],
        3 => [0xB2, 0x29],
        4 => [0xB2, 0x2A],
        5 => [0xB9, 0xAF],
        6 => [0xB2, 0x21],
        7 => [0xB9, 0xA2],
        8 => [0xB9, 0x28],
        _ => return bytes,
    };
    bytes[..2].copy_from_slice(&known);
    // The rest is another instruction, of the shortest kind.
    bytes[4] &= 0x3F;
    bytes[6] &= 0x3F;
    bytes
}

/// `SOFTSIE_STORM_SECONDS` says for how long.
#[test]
fn random_state_descriptions_do_no_harm() {
    let seconds = std::env::var("SOFTSIE_STORM_SECONDS").ok().and_then(|text| text.parse().ok());
    storm(0x9E37_79B9_7F4A_7C15, 1500, Duration::from_secs(seconds.unwrap_or(0)));
}
