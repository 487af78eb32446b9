//! Guests that are moved to another QEMU while they work. Truth: what the guest says of itself, and what this host computes.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::debugger::with_program;
use crate::machine::*;

/// Serves any number of downloads over HTTP, and says at which port.
pub(crate) fn serve_all(content: Vec<u8>) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    let port = listener.local_addr().expect("it is bound").port();
    let content = Arc::new(content);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let content = content.clone();
            std::thread::spawn(move || {
                let mut stream = stream;
                let mut request = [0; 4096];
                let _ = stream.read(&mut request);
                let head = format!("HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n", content.len());
                // Who migrates meanwhile gives up, and comes again.
                let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&content));
            });
        }
    });
    port
}

/// A socket for a migration: its path, and as QEMU wants to have it.
pub(crate) fn migration_socket(name: &str) -> String {
    let socket = std::env::temp_dir().join(format!("softsie-{}-{name}.migration", std::process::id()));
    let _ = std::fs::remove_file(&socket);
    format!("unix:{}", socket.display())
}

/// Moves the guest to another QEMU, which waits for it at `incoming` and takes its place.
pub(crate) fn move_to(machine: &mut Machine, destination: Machine, incoming: &str) {
    let start = Instant::now();
    machine.ask("migrate", &format!("\"uri\":\"{incoming}\""));
    loop {
        let state = machine.ask("query-migrate", "");
        assert!(!state.contains("\"failed\"") && start.elapsed() < PATIENCE, "{state}");
        if state.contains("\"completed\"") {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    *machine = destination;
}

/// Moves a guest with our kernel to a new QEMU, which takes its place.
pub(crate) fn migrate(machine: &mut Machine, folder: &Path, name: &str, devices: &[&str]) -> Duration {
    let incoming = migration_socket(name);
    let mut arguments = devices.to_vec();
    arguments.extend(["-incoming", &incoming]);
    let destination = Machine::with_kernel(folder, name, &arguments);
    let start = Instant::now();
    move_to(machine, destination, &incoming);
    machine.type_line("");
    machine.until("# ");
    start.elapsed()
}

/// Storage keys and the states of pages (CMMA) come along with a guest that is moved.
#[test]
fn a_migration_with_keys_and_states_of_pages() {
    let Some(folder) = prepared() else { return };
    // 64 pages from 1 MiB on: page n has access-control bits n mod 16 and fetch protection, and every other one is unused, the
    // others are volatile. Usage is bits 60 and 61 of what ESSA says: 1 is unused, 3 is volatile.
    // A restart interruption has the guest look. Registers: 4 the page, 7 its number, 8 its key, 9 its usage.
    let program = "larl %r1,restart
        mvc 0x1a0(16,%r0),0(%r1)
        llilf %r4,0x100000
        lghi %r7,0
        set: sllg %r8,%r7,4
        oill %r8,8
        nill %r8,0xf8
        sske %r8,%r4
        essa %r9,%r4,2
        tmll %r7,1
        jz next
        essa %r9,%r4,3
        next: aghi %r4,0x1000
        aghi %r7,1
        clgfi %r7,64
        jne set
        lghi %r2,1
        stg %r2,0x2000(%r0)
        wait: j wait
        look: llilf %r4,0x100000
        lghi %r7,0
        one: sllg %r8,%r7,4
        oill %r8,8
        nill %r8,0xf8
        lghi %r10,0
        iske %r10,%r4
        nill %r10,0xf8
        cgr %r8,%r10
        larl %r5,bad
        jne over
        lghi %r8,4
        tmll %r7,1
        jz even
        lghi %r8,12
        even: essa %r9,%r4,0
        nill %r9,12
        cgr %r8,%r9
        jne over
        aghi %r4,0x1000
        aghi %r7,1
        clgfi %r7,64
        jne one
        larl %r5,good
        over: lpswe 0(%r5)
        .align 8
        restart: .quad 0x0000000180000000, look
        good: .quad 0x0002000180000000, 0xfff
        bad: .quad 0x0002000180000000, 0xbad";
    let panic = ["-action", "panic=exit-failure"];
    let mut machine = with_program(&folder, "keys", program, &panic);
    machine.ask("cont", "");
    let start = Instant::now();
    while !machine.ask("human-monitor-command", "\"command-line\":\"xp /1gx 0x2000\"").contains("0x0000000000000001") {
        assert!(start.elapsed() < PATIENCE, "the program does not get ready");
        std::thread::sleep(Duration::from_millis(50));
    }
    let incoming = migration_socket("keys");
    let nothing = "again: j again";
    let destination =
        with_program(&folder, "keys-moved", nothing, &["-action", "panic=exit-failure", "-incoming", &incoming]);
    move_to(&mut machine, destination, &incoming);
    machine.ask("cont", "");
    machine.ask("inject-nmi", "");
    assert!(machine.end().success(), "all keys and states are what they were");
}

/// A program of two workloads of `cargo xtask bench`, to be compiled anew each time: its first file, and the others. It says
/// what they compute.
pub(crate) const COMPILED: (&str, &str) = (
    "#include <stdint.h>\n#include <stdio.h>\nuint64_t sha256(void), lz(void);\n\
     int main(void) { printf(\"%llx %llx\", (long long)sha256(), (long long)lz()); }\n",
    "sha256.c lz.c",
);

/// How it is compiled in the folder of its sources.
pub(crate) fn compile(output: &str) -> String {
    format!("gcc -std=gnu17 -O2 -o {output} first.c {}", COMPILED.1)
}

/// What it says when this host has compiled it.
pub(crate) fn compiled_here(scratch: &Path) -> String {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../benches/guest");
    std::fs::write(scratch.join("first.c"), COMPILED.0).expect("our own folder");
    for name in std::fs::read_dir(sources).expect("the sources are there").flatten() {
        std::fs::copy(name.path(), scratch.join(name.file_name())).expect("our own folder");
    }
    let output =
        Command::new("sh").arg("-c").arg(format!("{} && ./here", compile("here"))).current_dir(scratch).output();
    let output = output.expect("there is a shell");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// From a root disk of ext4: a compiler, checksums, files, the network and many processes at the same time, with two live
/// migrations and a reboot meanwhile. A campaign takes minutes: `SOFTSIE_QEMU_LOAD_SECONDS=600`.
#[test]
fn a_mixed_load_with_migrations() {
    const LOADS: &str = "sums files net tasks stresses compiles";
    let Some(folder) = prepared() else { return };
    if !folder.join("root.ext4").exists() {
        eprintln!("skipped: there is no root disk (cargo xtask qemu-client --build --disk makes it)");
        return;
    }
    let seconds = std::env::var("SOFTSIE_QEMU_LOAD_SECONDS").ok().and_then(|n| n.parse().ok()).unwrap_or(20u64);
    let scratch = scratch("load");
    let disk = scratch.join("disk").display().to_string();
    std::fs::copy(folder.join("root.ext4"), &disk).expect("our own folder");
    let content = noise(1 << 20);
    std::fs::write(scratch.join("content"), &content).expect("our own folder");
    let sum = Command::new("sha256sum").arg(scratch.join("content")).output().expect("coreutils are installed");
    let sum = String::from_utf8_lossy(&sum.stdout).split(' ').next().expect("a sum").to_owned();
    let port = serve_all(content);
    let result = compiled_here(&scratch);
    // Both QEMUs of a migration have the disk open.
    let drive = format!("driver=raw,node-name=disk,file.driver=file,file.filename={disk},file.locking=off");
    #[rustfmt::skip]
    let devices = [
        "-m", "1G", "-smp", "2", "-blockdev", &drive, "-device", "virtio-blk-ccw,drive=disk", "-netdev", "user,id=net",
        "-device", "virtio-net-ccw,netdev=net", "-device", "virtio-rng-ccw", "-append", "nokaslr quiet console=ttysclp0 root=/dev/vda",
    ];
    let begin = |machine: &mut Machine| {
        machine.is_up();
        assert_eq!(
            machine.shell("grep -c ^processor /proc/cpuinfo; grep ' / ' /proc/mounts | cut -d' ' -f1,3"),
            "2\n/dev/vda ext4"
        );
        machine.shell("ifconfig eth0 10.0.2.15 up; route add default gw 10.0.2.2");
        // A busy host may not let QEMU run for a while; who hangs is found by the end of our patience.
        machine.shell("echo 300 > /sys/module/rcupdate/parameters/rcu_cpu_stall_timeout");
        // Each load counts its rounds, and says what was wrong.
        machine.shell("big=$(ls /usr/bin/s390x-linux-gnu-lto-dump-*); known=$(sha256sum < $big)");
        machine.shell("wrong() { echo $1 >> /tmp/wrong; }");
        machine.shell("sums() { test \"$(sha256sum < $big)\" = \"$known\" || wrong sums; }");
        machine.shell(
            "files() { dd if=/dev/urandom of=/tmp/file bs=64k count=32 2>/dev/null; cp /tmp/file /root/file; sync; \
             dd if=/root/file bs=64k iflag=direct 2>/dev/null | cmp - /tmp/file || wrong files; }",
        );
        machine.shell(&format!("url=http://10.0.2.2:{port}/ sum={sum}"));
        // Who has moved gives a download up, and tries again.
        machine.shell(
            "net() { wget -q -T 10 -O /tmp/content $url || return; \
             test $(sha256sum /tmp/content | cut -d' ' -f1) = $sum || wrong net; }",
        );
        machine.shell(
            "tasks() { for n in 1 2 3; do gzip < /softsie/busybox | gunzip | cmp - /softsie/busybox || wrong tasks; done; }",
        );
        machine.shell(
            "stresses() { (cd /root; stress -q --cpu 1 --io 1 --vm 1 --vm-bytes 32M --hdd 1 --hdd-bytes 8M -t 5 || wrong stress); }",
        );
        // The disk still has what was there before a reboot.
        machine.shell("rm -rf /root/build; mkdir /root/build; cp /softsie/guest/*.? /root/build");
        for line in COMPILED.0.lines() {
            machine.shell(&format!("echo '{line}' >> /root/build/first.c"));
        }
        machine.shell(&format!(
            "compiles() {{ (cd /root/build && {} || wrong compiler); \
             test \"$(/root/build/there)\" = '{result}' || wrong result; }}",
            compile("there")
        ));
        machine.shell(&format!(
            "for load in {LOADS}; do (rounds=0; while true; do $load; rounds=$((rounds+1)); \
             echo $rounds > /tmp/rounds.$load; done) & done"
        ));
    };
    let check = |machine: &mut Machine| {
        // Each load has ended a round since the last check. On a busy host a round may take minutes.
        let start = Instant::now();
        for load in LOADS.split(' ') {
            while machine.shell(&format!("cat /tmp/rounds.{load} 2>/dev/null || true")).is_empty() {
                assert!(start.elapsed() < 4 * PATIENCE, "{load} gets nowhere");
                std::thread::sleep(Duration::from_secs(1));
            }
        }
        let rounds =
            machine.shell(&format!("for load in {LOADS}; do cat /tmp/rounds.$load; rm /tmp/rounds.$load; done"));
        eprintln!("rounds of {LOADS}: {}", rounds.replace('\n', " "));
        assert_eq!(machine.shell("cat /tmp/wrong 2>/dev/null || true"), "");
        machine.is_content();
    };
    let part = Duration::from_secs(seconds / 4);
    let mut machine = Machine::with_kernel(&folder, "load", &devices);
    begin(&mut machine);
    std::thread::sleep(part);
    check(&mut machine);
    eprintln!("first migration: {:.1} s", migrate(&mut machine, &folder, "second", &devices).as_secs_f64());
    std::thread::sleep(part);
    check(&mut machine);
    eprintln!("second migration: {:.1} s", migrate(&mut machine, &folder, "third", &devices).as_secs_f64());
    std::thread::sleep(part);
    check(&mut machine);
    machine.type_line("sync; reboot -f");
    begin(&mut machine);
    std::thread::sleep(part);
    check(&mut machine);
    machine.type_line("sync; poweroff -f");
    assert!(machine.end().success());
    // The file system is as good as the guest left it.
    let checked = Command::new("sh").args(["-c", "PATH=$PATH:/sbin:/usr/sbin e2fsck -fy \"$0\"", &disk]).output();
    let checked = checked.expect("there is a shell");
    let text = String::from_utf8_lossy(&checked.stdout);
    assert!(checked.status.code().is_some_and(|status| status <= 1) && !text.contains("Inode"), "{text}");
}
