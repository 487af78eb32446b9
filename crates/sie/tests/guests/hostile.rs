//! Random state descriptions: whatever is in one, the host ends somewhere and the guest's stores stay in its storage.
//! Truth: the reference of interpretive execution (validity, guest storage).

use std::time::Duration;

use softsie_sie::{CpuFlags, Leave};

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

/// Runs guests with random state descriptions and text.
fn storm(seed: u64, rounds: u32) {
    for (n, engine) in engines().into_iter().enumerate() {
        let mut random = Random(seed + n as u64);
        let mut m = Machine::new(engine, &[]);
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
                let refused = CpuFlags::RRF
                    | CpuFlags::MCDS
                    | CpuFlags::SLSV
                    | CpuFlags::SLSR
                    | CpuFlags::GED
                    | CpuFlags::STOP_INT;
                sd.set_cpu_flags(CpuFlags::ZARCH);
                sd.clear_cpu_flags(refused);
                sd.sdf.set(0);
                sd.set_prefix(random.next() as u32 & 0x6000);
                sd.gpsw_mask.set(machine::PSW | random.next() & 0x0700_3F00_0000_0000);
                sd.gpsw_addr.set(PROGRAM);
            }
            if limits {
                sd.clear_cpu_flags(CpuFlags::SM);
                sd.mso.set(ORIGIN);
                sd.msl.set(ORIGIN);
            }
            let text: Vec<u8> = (0..64).flat_map(|_| random.next().to_be_bytes()).collect();
            m.write(ORIGIN + PROGRAM, &text);
            (0..16).for_each(|r| m.sie.cpu.gr[r] = random.next() & 0x3F_FFFF);
            m.sie.cpu.gr[2] = STATE;
            // The host's own pages, and what is not the guest's.
            let (below, above) = (m.read(0x6000, ORIGIN as usize - 0x6000), m.read(0x20_0000, SIZE - 0x20_0000));
            m.host.gpsw_mask.set(machine::PSW);
            m.host.gpsw_addr.set(machine::SIE_AT);
            m.sie.recheck_code();
            match m.sie.run(&m.host) {
                Leave::Interception | Leave::HostRequest => {}
                other => panic!("{other:?}"),
            }
            if limits {
                assert!(below == m.read(0x6000, below.len()) && above == m.read(0x20_0000, above.len()));
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
}

#[test]
fn random_state_descriptions_do_no_harm() {
    storm(0x9E37_79B9_7F4A_7C15, 1500);
}
