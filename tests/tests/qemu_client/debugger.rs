//! A debugger at QEMU's own door for it, and programs of our own in place of a kernel. Truth: gdb's remote protocol; the guest's
//! registers and storage as they must be.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::machine::*;

/// A machine with a program of our own in storage, which QEMU takes for a kernel. It is not started yet.
pub(crate) fn with_program(folder: &Path, name: &str, program: &str, arguments: &[&str]) -> Machine {
    const START: usize = 0x1000;
    let mut image = vec![0; START];
    // A short PSW: QEMU takes its address.
    image[..8].copy_from_slice(&[0, 8, 0, 0, 0x80, 0, 0x10, 0]);
    image.extend(softsie_isa::assemble(program, START as u64).expect("the program is right"));
    let file = scratch(name).join("program");
    std::fs::write(&file, image).expect("our own folder");
    let kernel = file.display().to_string();
    let mut all = vec!["-S", "-kernel", &kernel];
    all.extend(arguments);
    Machine::new(folder, name, &all)
}

/// Resets that keep storage, as a kernel uses them when it starts another for a dump: DIAGNOSE 0x308, subcodes 0 and 1.
/// The CPU goes on with the PSW at address 0.
#[test]
fn resets_that_keep_storage() {
    let Some(folder) = prepared() else { return };
    for subcode in [0, 1] {
        // The disabled wait at an address that ends with fff is the good end. Registers: 1 the marker's place.
        let program = format!(
            "lghi %r1,0x2000
            lg %r2,0(%r1)
            clgfi %r2,0x12345678
            je again
            llilf %r2,0x12345678
            stg %r2,0(%r1)
            lctlg %c1,%c1,0(%r1)
            llilf %r3,0x00080000
            st %r3,0(%r0)
            llilf %r3,0x80001000
            st %r3,4(%r0)
            lghi %r3,{subcode}
            diag %r2,%r3,0x308
            wrong: larl %r5,bad
            lpswe 0(%r5)
            again: stctg %c1,%c1,8(%r1)
            lg %r3,8(%r1)
            ltgr %r3,%r3
            jne wrong
            larl %r5,good
            lpswe 0(%r5)
            .align 8
            good: .quad 0x0002000180000000, 0xfff
            bad: .quad 0x0002000180000000, 0xbad"
        );
        let panic = ["-action", "panic=exit-failure"];
        let mut machine = with_program(&folder, &format!("reset{subcode}"), &program, &panic);
        machine.try_to("cont", "");
        let status = machine.end();
        assert!(status.success(), "subcode {subcode}");
    }
}

/// A debugger that speaks gdb's remote protocol.
pub(crate) struct Debugger(UnixStream);

impl Debugger {
    pub(crate) fn new(socket: &Path) -> Self {
        let start = Instant::now();
        let stream = loop {
            match UnixStream::connect(socket) {
                Ok(stream) => break stream,
                Err(error) => assert!(start.elapsed() < PATIENCE, "{error}"),
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket has timeouts");
        Self(stream)
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let mut byte = [0];
        self.0.read_exact(&mut byte).expect("QEMU answers the debugger");
        byte[0]
    }

    /// What comes next.
    pub(crate) fn answer(&mut self) -> String {
        while self.byte() != b'$' {}
        let mut text = String::new();
        loop {
            match self.byte() {
                b'#' => break,
                byte => text.push(byte.into()),
            }
        }
        self.byte();
        self.byte();
        self.0.write_all(b"+").expect("QEMU listens");
        text
    }

    pub(crate) fn send(&mut self, command: &str) {
        let sum = command.bytes().fold(0u8, u8::wrapping_add);
        self.0.write_all(format!("${command}#{sum:02x}").as_bytes()).expect("QEMU listens");
    }

    pub(crate) fn ask(&mut self, command: &str) -> String {
        self.send(command);
        self.answer()
    }

    /// A number in storage or in a register, which gdb writes as it is in storage.
    pub(crate) fn number(&mut self, command: &str) -> u64 {
        let text = self.ask(command);
        let number = u64::from_str_radix(&text, 16);
        assert!(number.is_ok(), "{command}: {text}");
        number.unwrap_or_default()
    }
}

#[test]
fn a_debugger() {
    let Some(folder) = prepared() else { return };
    let socket = std::env::temp_dir().join(format!("softsie-{}.gdb", std::process::id()));
    let _ = std::fs::remove_file(&socket);
    let gdb = format!("unix:{},server=on,wait=off", socket.display());
    let program = "lghi %r1,0\nagain: aghi %r1,1\nstg %r1,0x2000(%r0)\nlgr %r2,%r1\nj again";
    let (again, store, copy) = (0x1004u64, 0x1008u64, 0x100eu64);
    let mut machine = with_program(&folder, "debugger", program, &["-gdb", &gdb]);
    let mut debugger = Debugger::new(&socket);
    debugger.ask("qSupported:hwbreak+;swbreak+");
    assert!(debugger.ask("?").starts_with('T'));
    let stopped = |debugger: &mut Debugger, command: &str| {
        let reply = debugger.ask(command);
        assert!(reply.starts_with("T05"), "{command}: {reply}");
        reply
    };
    // Registers: 0 and 1 are the PSW, 2 to 17 the general registers.
    // Breakpoints in storage and in the CPU, each met once around the loop.
    for (kind, address, count) in [(0, store, 1), (1, copy, 1), (0, store, 2), (1, store, 3), (0, copy, 3)] {
        // A debugger leaves a breakpoint by a step without it.
        if debugger.number("p1") == address {
            stopped(&mut debugger, "s");
        }
        assert_eq!(debugger.ask(&format!("Z{kind},{address:x},2")), "OK");
        stopped(&mut debugger, "c");
        assert_eq!((debugger.number("p1"), debugger.number("p3")), (address, count), "kind {kind}");
        assert_eq!(debugger.ask(&format!("z{kind},{address:x},2")), "OK");
    }
    // Single steps around the loop.
    for next in [0x1012, again, store, copy] {
        stopped(&mut debugger, "s");
        assert_eq!(debugger.number("p1"), next);
    }
    // A store, after it.
    assert_eq!(debugger.ask("Z2,2000,8"), "OK");
    let count = debugger.number("p3");
    let reply = stopped(&mut debugger, "c");
    assert!(reply.contains("watch:"), "{reply}");
    assert_eq!((debugger.number("m2000,8"), debugger.number("p1")), (count + 1, copy));
    assert_eq!(debugger.ask("z2,2000,8"), "OK");
    // What the debugger writes.
    assert_eq!(debugger.ask("P3=0000000100000000"), "OK");
    for _ in 0..4 {
        stopped(&mut debugger, "s");
    }
    assert_eq!(debugger.number("m2000,8"), 0x1_0000_0001);
    debugger.send("c");
    std::thread::sleep(Duration::from_millis(100));
    debugger.0.write_all(&[3]).expect("QEMU listens");
    assert!(debugger.answer().starts_with('T'), "it was interrupted");
    assert!(debugger.number("m2000,8") > 0x1_0000_0002, "and ran meanwhile");
    assert_eq!(debugger.ask("D"), "OK");
    machine.ask("quit", "");
    machine.end();
    let _ = std::fs::remove_file(&socket);
}
