//! QEMU, unchanged, as the client: it boots Debian's kernel with devices and several CPUs, by its own firmware too, stops,
//! resets, saves, restores, dumps and migrates it. The program is built by `cargo xtask qemu-client`; without it nothing is
//! tested. Truth: what the guest says of itself, compared with what the host gave it.

#![allow(clippy::expect_used)] // a test's helpers may, too

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How long anything may take, on a busy machine with few CPUs.
const PATIENCE: Duration = Duration::from_secs(300);
const UP: &str = "guest-is-up";

fn target() -> PathBuf {
    let repository =
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests are in a folder of the repository");
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| repository.join("target"), PathBuf::from)
}

/// What `cargo xtask qemu-client` has prepared.
fn prepared() -> Option<PathBuf> {
    let folder = target().join("qemu-client");
    let complete = ["qemu-system-s390x", "firmware/s390-ccw.img", "vmlinuz", "initrd.cpio"];
    if complete.iter().all(|name| folder.join(name).exists()) && target().join("release/softsie").exists() {
        return Some(folder);
    }
    eprintln!("skipped: QEMU has not been built as a client (cargo xtask qemu-client --build does it)");
    None
}

/// A machine in QEMU.
struct Machine {
    qemu: Child,
    console: ChildStdin,
    said: Arc<Mutex<String>>,
    /// How much of what was said has been looked at.
    seen: usize,
    monitor: BufReader<UnixStream>,
    /// Events that came before they were asked for.
    events: Vec<String>,
}

impl Drop for Machine {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}

impl Machine {
    /// Starts QEMU with these arguments besides the usual ones.
    fn new(folder: &Path, name: &str, arguments: &[&str]) -> Self {
        let socket = std::env::temp_dir().join(format!("softsie-{}-{name}.qmp", std::process::id()));
        let _ = std::fs::remove_file(&socket);
        let mut command = Command::new(target().join("release/softsie"));
        command.args(["kvm", "--"]).arg(folder.join("qemu-system-s390x")).arg("-L").arg(folder.join("firmware"));
        command.args(["-accel", "kvm", "-nodefaults", "-nographic", "-m", "512M"]);
        command.args(["-chardev", "stdio,id=console,signal=off", "-device", "sclpconsole,chardev=console"]);
        command.arg("-qmp").arg(format!("unix:{},server=on,wait=off", socket.display())).args(arguments);
        command.env("SOFTSIE_CODE_CACHE", translations(name));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut qemu = command.spawn().expect("softsie starts");
        let mut output = qemu.stdout.take().expect("it was piped");
        let console = qemu.stdin.take().expect("it was piped");
        let said = Arc::new(Mutex::new(String::new()));
        let text = said.clone();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(length @ 1..) = output.read(&mut bytes) {
                text.lock().expect("nobody panics with it").push_str(&String::from_utf8_lossy(&bytes[..length]));
            }
        });
        let start = Instant::now();
        let stream = loop {
            match UnixStream::connect(&socket) {
                Ok(stream) => break stream,
                Err(error) => {
                    let ended = qemu.try_wait().expect("a child can be waited for");
                    assert!(ended.is_none() && start.elapsed() < PATIENCE, "QEMU does not start: {error}, {ended:?}");
                    std::thread::sleep(Duration::from_millis(50));
                }
            }
        };
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket has timeouts");
        let monitor = BufReader::new(stream);
        let mut machine = Self { qemu, console, said, seen: 0, monitor, events: Vec::new() };
        assert!(machine.line().contains("\"QMP\""), "the monitor greets");
        machine.ask("qmp_capabilities", "");
        machine
    }

    /// With the kernel and the initial ramdisk given to QEMU.
    fn with_kernel(folder: &Path, name: &str, arguments: &[&str]) -> Self {
        let (kernel, ramdisk) = (folder.join("vmlinuz"), folder.join("initrd.cpio"));
        let (kernel, ramdisk) = (kernel.display().to_string(), ramdisk.display().to_string());
        let mut all = vec!["-kernel", &kernel, "-initrd", &ramdisk, "-append", "nokaslr quiet console=ttysclp0"];
        all.extend(arguments);
        Self::new(folder, name, &all)
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.monitor.read_line(&mut line).expect("the monitor answers");
        assert!(!line.is_empty(), "QEMU has ended; its guest said:\n{}", self.tail());
        line
    }

    /// A command to the monitor, with its arguments as JSON without the braces; its answer, whatever it is.
    fn try_to(&mut self, command: &str, arguments: &str) -> String {
        let text = format!("{{\"execute\":\"{command}\",\"arguments\":{{{arguments}}}}}\n");
        self.monitor.get_mut().write_all(text.as_bytes()).expect("the monitor listens");
        loop {
            let line = self.line();
            if line.contains("\"event\":") {
                self.events.push(line);
            } else {
                return line;
            }
        }
    }

    /// A command that must succeed.
    fn ask(&mut self, command: &str, arguments: &str) -> String {
        let answer = self.try_to(command, arguments);
        assert!(answer.contains("\"return\""), "{command}: {answer}");
        answer
    }

    /// A command of the monitor for people, which says nothing when it succeeds.
    fn order(&mut self, line: &str) {
        let answer = self.ask("human-monitor-command", &format!("\"command-line\":\"{line}\""));
        assert!(answer.contains("\"return\": \"\""), "{line}: {answer}");
    }

    fn tail(&self) -> String {
        let said = self.said.lock().expect("nobody panics with it");
        let start = said.len().saturating_sub(2000);
        said.char_indices().filter(|(at, _)| *at >= start).map(|(_, c)| c).collect()
    }

    /// What the guest says up to `word`.
    fn until(&mut self, word: &str) -> String {
        let start = Instant::now();
        loop {
            {
                let said = self.said.lock().expect("nobody panics with it");
                if let Some(at) = said[self.seen..].find(word) {
                    let text = said[self.seen..self.seen + at].to_owned();
                    self.seen += at + word.len();
                    return text;
                }
            }
            let ended = self.qemu.try_wait().expect("a child can be waited for");
            assert!(
                ended.is_none() && start.elapsed() < PATIENCE,
                "{word:?} was not said ({ended:?}), but:\n{}",
                self.tail()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn is_up(&mut self) {
        self.until(UP);
        self.until("# ");
    }

    fn type_line(&mut self, line: &str) {
        self.console.write_all(format!("{line}\n").as_bytes()).expect("the guest's console takes input");
    }

    /// Runs a command in the guest's shell, which must succeed, and gives its output without the echo of the command.
    fn shell(&mut self, command: &str) -> String {
        // The words are not written as the guest will say them, because the console echoes.
        self.type_line(&format!("echo be'gin'; {command}; echo en'd':$?:"));
        self.until("begin\r\n");
        let output = self.until("end:");
        let status = self.until(":");
        assert_eq!(status, "0", "{command}: {output}");
        output.replace('\r', "").trim().to_owned()
    }

    /// Waits for QEMU's end.
    fn end(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.qemu.try_wait().expect("a child can be waited for") {
                return status;
            }
            assert!(start.elapsed() < PATIENCE, "QEMU does not end; its guest said:\n{}", self.tail());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The kernel has complained of nothing: no message is more urgent than a notice, but that there are no crypto adapters, and
    /// that the host did not let it run for a while.
    fn is_content(&mut self) {
        let complaints = self.shell(
            "dmesg -r | grep '^<[0-4]>' | grep -v -e 'not support AP instructions' -e 'hrtimer: interrupt took' \
             -e 'replenish lagged too much' || true",
        );
        assert_eq!(complaints, "");
    }
}

/// A folder of this test's own.
fn scratch(name: &str) -> PathBuf {
    let folder = target().join("qemu-client-tests").join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("target/ can be written");
    folder
}

/// Where softsie keeps its translations of a machine's code for the next one of that name.
fn translations(name: &str) -> PathBuf {
    target().join("qemu-client-tests").join(format!("code-{name}"))
}

/// Bytes without a pattern.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    (0..length / 8).flat_map(|_| next()).collect()
}

/// Serves one download over HTTP, and says at which port.
fn serve(content: Vec<u8>) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    let port = listener.local_addr().expect("it is bound").port();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("somebody connects");
        let mut request = [0; 4096];
        let _ = stream.read(&mut request);
        let head = format!("HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n", content.len());
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&content)).expect("the guest takes it");
    });
    port
}

#[test]
fn devices_cpus_resets_and_the_end() {
    let Some(folder) = prepared() else { return };
    let scratch = scratch("devices");
    let disk = noise(8 << 20);
    std::fs::write(scratch.join("disk"), &disk).expect("our own folder");
    std::fs::write(scratch.join("share"), "shared by the host").expect("our own folder");
    let drive = format!("file={},format=raw,if=none,id=disk", scratch.join("disk").display());
    let share = format!("local,id=share,path={},security_model=none", scratch.display());
    let mut machine = Machine::with_kernel(
        &folder,
        "devices",
        &[
            "-smp",
            "2,maxcpus=4",
            "-drive",
            &drive,
            "-device",
            "virtio-blk-ccw,drive=disk",
            "-netdev",
            "user,id=net",
            "-device",
            "virtio-net-ccw,netdev=net",
            "-device",
            "virtio-rng-ccw",
            "-fsdev",
            &share,
            "-device",
            "virtio-9p-ccw,fsdev=share,mount_tag=share",
        ],
    );
    machine.is_up();
    assert_eq!(machine.shell("uname -m; grep -c ^processor /proc/cpuinfo"), "s390x\n2");

    // What the guest reads is what the host wrote, and the other way round.
    let sum = Command::new("sha256sum").arg(scratch.join("disk")).output().expect("coreutils are installed");
    let sum = String::from_utf8_lossy(&sum.stdout).split(' ').next().expect("a sum").to_owned();
    assert_eq!(machine.shell("sha256sum /dev/vda | cut -d' ' -f1"), sum);
    machine.shell("dd if=/dev/vda of=/dev/vda bs=1M count=2 seek=4 2>/dev/null; sync");
    let written = std::fs::read(scratch.join("disk")).expect("our own file");
    assert!(written[4 << 20..6 << 20] == disk[..2 << 20] && written[6 << 20..] == disk[6 << 20..]);
    assert_eq!(
        machine.shell("mount -t 9p -o trans=virtio,version=9p2000.L share /mnt; cat /mnt/share"),
        "shared by the host"
    );
    machine.shell("echo from the guest > /mnt/answer");
    assert_eq!(std::fs::read_to_string(scratch.join("answer")).expect("the guest wrote it"), "from the guest\n");
    assert_eq!(machine.shell("dd if=/dev/hwrng bs=64 count=1 2>/dev/null | wc -c"), "64");

    // A download, by QEMU's own network.
    let port = serve(disk.clone());
    std::fs::write(scratch.join("disk"), &disk).expect("our own folder");
    machine.shell("ifconfig eth0 10.0.2.15 up; route add default gw 10.0.2.2");
    assert_eq!(machine.shell(&format!("wget -q -O - http://10.0.2.2:{port}/ | sha256sum | cut -d' ' -f1")), sum);

    // A CPU that comes later.
    machine.ask("device_add", "\"driver\":\"host-s390x-cpu\",\"id\":\"third\",\"core-id\":2");
    machine.shell("echo 1 > /sys/devices/system/cpu/rescan; sleep 1; echo 1 > /sys/devices/system/cpu/cpu2/online");
    assert_eq!(machine.shell("grep -c ^processor /proc/cpuinfo"), "3");
    machine.is_content();

    machine.ask("stop", "");
    assert!(machine.ask("query-status", "").contains("\"paused\""));
    machine.ask("cont", "");
    assert_eq!(machine.shell("echo goes on"), "goes on");
    machine.ask("system_reset", "");
    machine.is_up();
    machine.type_line("reboot -f");
    machine.is_up();
    machine.is_content();
    machine.type_line("poweroff -f");
    assert!(machine.end().success());
}

#[test]
fn states_dumps_and_a_live_migration() {
    let Some(folder) = prepared() else { return };
    let scratch = scratch("states");
    // The state goes into an image of QEMU's own format, which QEMU makes.
    let image = scratch.join("image").display().to_string();
    std::fs::write(&image, "").expect("our own folder");
    {
        let mut maker =
            Machine::new(&folder, "maker", &["-S", "-kernel", &folder.join("vmlinuz").display().to_string()]);
        maker.ask("blockdev-add", &format!("\"driver\":\"file\",\"node-name\":\"file\",\"filename\":\"{image}\""));
        let options = "\"job-id\":\"make\",\"options\":{\"driver\":\"qcow2\",\"file\":\"file\",\"size\":67108864}";
        maker.ask("blockdev-create", options);
        while !maker.ask("query-jobs", "").contains("concluded") {
            std::thread::sleep(Duration::from_millis(50));
        }
        maker.ask("job-dismiss", "\"id\":\"make\"");
        maker.ask("quit", "");
        maker.end();
    }
    let drive = format!("file={image},format=qcow2,if=none,id=disk");
    let devices = ["-smp", "2", "-drive", &drive, "-device", "virtio-blk-ccw,drive=disk", "-device", "virtio-rng-ccw"];
    let mut machine = Machine::with_kernel(&folder, "source", &devices);
    machine.is_up();
    machine.shell("word=before");
    machine.order("savevm one");
    machine.shell("word=after");
    machine.order("loadvm one");
    assert_eq!(machine.shell("echo $word"), "before");

    let dump = scratch.join("dump");
    machine.ask("dump-guest-memory", &format!("\"paging\":false,\"protocol\":\"file:{}\"", dump.display()));
    let dump = std::fs::read(dump).expect("QEMU wrote it");
    // A core file in ELF, 64-bit and big-endian, of machine 22, with all storage in it.
    assert_eq!(dump[..6], *b"\x7fELF\x02\x02");
    assert_eq!((dump[16..18].to_vec(), dump[18..20].to_vec()), (vec![0, 4], vec![0, 22]));
    assert!(dump.len() > 512 << 20);
    drop(dump);

    // While both CPUs write to storage.
    machine.shell("for n in 1 2; do (while true; do sha256sum /softsie/busybox > /tmp/$n; done) & done");
    let socket = scratch.join("migration").display().to_string();
    let incoming = format!("unix:{socket}");
    let mut arguments = devices.to_vec();
    arguments.extend(["-incoming", &incoming]);
    let mut destination = Machine::with_kernel(&folder, "destination", &arguments);
    let sum = machine.shell("sha256sum /softsie/busybox");
    machine.ask("migrate", &format!("\"uri\":\"{incoming}\""));
    let start = Instant::now();
    loop {
        let state = machine.ask("query-migrate", "");
        assert!(!state.contains("\"failed\"") && start.elapsed() < PATIENCE, "{state}");
        if state.contains("\"completed\"") {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    drop(machine);
    destination.type_line("");
    destination.until("# ");
    assert_eq!(destination.shell("echo $word"), "before");
    assert_eq!(destination.shell("sha256sum /softsie/busybox"), sum);
    destination.is_content();
    destination.type_line("poweroff -f");
    assert!(destination.end().success());
}

/// A disk as `zipl` leaves it: records that lead QEMU's firmware to the kernel and the initial ramdisk.
/// Truth: the layout that s390-ccw reads from disks with blocks of 512 bytes.
mod bootable {
    const BLOCK: usize = 512;
    /// Most blocks of one pointer.
    const MOST: usize = 65536;
    const LOAD: u8 = 2;
    const EXECUTE: u8 = 1;

    fn pointer(block: usize, count: usize) -> Vec<u8> {
        let mut bytes = (block as u64).to_be_bytes().to_vec();
        bytes.extend(if count == 0 { [0; 2] } else { (BLOCK as u16).to_be_bytes() });
        bytes.extend((count.saturating_sub(1) as u16).to_be_bytes());
        bytes.extend([0; 4]);
        bytes
    }

    /// Adds data at the next block; which that is, and how many blocks there are.
    fn put(disk: &mut Vec<u8>, data: &[u8]) -> (usize, usize) {
        let block = disk.len() / BLOCK;
        disk.extend(data);
        disk.resize(disk.len().next_multiple_of(BLOCK), 0);
        (block, disk.len() / BLOCK - block)
    }

    fn component(pointer: Vec<u8>, kind: u8, value: u64) -> Vec<u8> {
        [pointer, vec![0; 7], vec![kind], value.to_be_bytes().to_vec()].concat()
    }

    fn loaded(disk: &mut Vec<u8>, data: &[u8], address: u64) -> Vec<u8> {
        let (mut block, mut count) = put(disk, data);
        let mut list = Vec::new();
        while count > 0 {
            let piece = count.min(MOST);
            list.extend(pointer(block, piece));
            (block, count) = (block + piece, count - piece);
        }
        list.extend(pointer(0, 0));
        let (list, _) = put(disk, &list);
        component(pointer(list, 1), LOAD, address)
    }

    pub fn disk(kernel: &[u8], ramdisk: &[u8], words: &str) -> Vec<u8> {
        const START: usize = 0x10000;
        const RAMDISK: u64 = 0x400_0000;
        let mut kernel = kernel.to_vec();
        kernel[0x10408..0x10410].copy_from_slice(&RAMDISK.to_be_bytes());
        kernel[0x10410..0x10418].copy_from_slice(&(ramdisk.len() as u64).to_be_bytes());
        kernel[0x10480..0x10480 + words.len()].copy_from_slice(words.as_bytes());
        kernel[0x10480 + words.len()] = 0;
        let mut disk = vec![0; 8 * BLOCK];
        let mut program = b"zIPL".to_vec();
        program.resize(32, 0);
        program.extend(loaded(&mut disk, &kernel[START..], START as u64));
        program.extend(loaded(&mut disk, ramdisk, RAMDISK));
        program.extend(component(pointer(0, 0), EXECUTE, 0x0008_0000_8000_0000 | START as u64));
        let (program, _) = put(&mut disk, &program);
        let mut table = b"zIPL".to_vec();
        table.resize(16, 0);
        table.extend(pointer(program, 1));
        let (table, _) = put(&mut disk, &table);
        let mut record = b"zIPL\0\0\0\x01".to_vec();
        record.resize(16, 0);
        record.extend(pointer(table, 1));
        disk[..record.len()].copy_from_slice(&record);
        disk[510..512].copy_from_slice(b"\x55\xaa");
        disk
    }
}

#[test]
fn the_firmware_boots_from_a_disk() {
    let Some(folder) = prepared() else { return };
    let scratch = scratch("firmware");
    let read = |name: &str| std::fs::read(folder.join(name)).expect("it is prepared");
    let disk = bootable::disk(&read("vmlinuz"), &read("initrd.cpio"), "nokaslr quiet console=ttysclp0 from-disk");
    std::fs::write(scratch.join("disk"), disk).expect("our own folder");
    let drive = format!("file={},format=raw,if=none,id=disk", scratch.join("disk").display());
    let devices = ["-smp", "4", "-drive", &drive, "-device", "virtio-blk-ccw,drive=disk,bootindex=1"];
    let mut machine = Machine::new(&folder, "firmware", &devices);
    machine.is_up();
    assert!(machine.shell("cat /proc/cmdline").ends_with("from-disk"));
    assert_eq!(machine.shell("grep -c ^processor /proc/cpuinfo"), "4");
    machine.type_line("reboot -f");
    machine.is_up();
    machine.type_line("poweroff -f");
    assert!(machine.end().success());
}

/// Waits until the monitor tells of an event.
fn wait_for_event(machine: &mut Machine, name: &str) -> String {
    let name = format!("\"event\": \"{name}\"");
    let start = Instant::now();
    loop {
        if let Some(at) = machine.events.iter().position(|event| event.contains(&name)) {
            return machine.events.remove(at);
        }
        assert!(start.elapsed() < PATIENCE, "{name} does not come, but {:?}", machine.events);
        // Any command: events come with its answer.
        machine.try_to("query-status", "");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn devices_that_come_later_and_the_wishes_of_the_host() {
    let Some(folder) = prepared() else { return };
    let scratch = scratch("later");
    let disk = scratch.join("disk").display().to_string();
    std::fs::write(&disk, noise(4 << 20)).expect("our own folder");
    let arguments = ["-smp", "2", "-m", "512M,slots=1,maxmem=1G", "-device", "virtio-balloon-ccw,id=balloon"];
    let mut machine = Machine::with_kernel(&folder, "later", &arguments);
    machine.is_up();
    // A disk, and its content.
    machine.shell("test ! -e /dev/vda");
    machine.ask("blockdev-add", &format!("\"driver\":\"file\",\"node-name\":\"late\",\"filename\":\"{disk}\""));
    machine.ask("device_add", "\"driver\":\"virtio-blk-ccw\",\"id\":\"disk\",\"drive\":\"late\"");
    let sum = Command::new("sha256sum").arg(&disk).output().expect("coreutils are installed");
    let sum = String::from_utf8_lossy(&sum.stdout).split(' ').next().expect("a sum").to_owned();
    let wait = "for n in $(seq 100); do test -e /dev/vda && break; sleep 0.1; done";
    assert_eq!(machine.shell(&format!("{wait}; sha256sum /dev/vda | cut -d' ' -f1")), sum);
    // It goes again.
    machine.ask("device_del", "\"id\":\"disk\"");
    wait_for_event(&mut machine, "DEVICE_DELETED");
    machine.shell("for n in $(seq 100); do test -e /dev/vda || break; sleep 0.1; done; test ! -e /dev/vda");
    // Storage beside that of the beginning: a slot comes while the CPUs run. (This kernel has no driver that would use it.)
    machine.ask("object-add", "\"qom-type\":\"memory-backend-ram\",\"id\":\"more\",\"size\":268435456");
    machine.ask("device_add", "\"driver\":\"virtio-mem-ccw\",\"id\":\"mem\",\"memdev\":\"more\"");
    assert!(machine.ask("query-memory-devices", "").contains("virtio-mem"));
    // Storage that the guest gives back, and gets again.
    for size in [256u64 << 20, 512 << 20] {
        machine.ask("balloon", &format!("\"value\":{size}"));
        let start = Instant::now();
        while !machine.ask("query-balloon", "").contains(&format!("\"actual\": {size}")) {
            assert!(start.elapsed() < PATIENCE, "{}", machine.ask("query-balloon", ""));
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    assert_eq!(machine.shell("dd if=/dev/zero bs=1M count=300 2>/dev/null | wc -c"), "314572800");
    // A restart interruption, of which the guest makes a reboot.
    machine.shell("echo reipl > /sys/firmware/shutdown_actions/on_restart");
    machine.ask("inject-nmi", "");
    machine.is_up();
    machine.is_content();
    // The host asks the guest to end.
    machine.ask("system_powerdown", "");
    assert!(machine.end().success());
}

/// A machine with a program of our own in storage, which QEMU takes for a kernel. It is not started yet.
fn with_program(folder: &Path, name: &str, program: &str, arguments: &[&str]) -> Machine {
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
struct Debugger(UnixStream);

impl Debugger {
    fn new(socket: &Path) -> Self {
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

    fn byte(&mut self) -> u8 {
        let mut byte = [0];
        self.0.read_exact(&mut byte).expect("QEMU answers the debugger");
        byte[0]
    }

    /// What comes next.
    fn answer(&mut self) -> String {
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

    fn send(&mut self, command: &str) {
        let sum = command.bytes().fold(0u8, u8::wrapping_add);
        self.0.write_all(format!("${command}#{sum:02x}").as_bytes()).expect("QEMU listens");
    }

    fn ask(&mut self, command: &str) -> String {
        self.send(command);
        self.answer()
    }

    /// A number in storage or in a register, which gdb writes as it is in storage.
    fn number(&mut self, command: &str) -> u64 {
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

/// Serves any number of downloads over HTTP, and says at which port.
fn serve_all(content: Vec<u8>) -> u16 {
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
fn migration_socket(name: &str) -> String {
    let socket = std::env::temp_dir().join(format!("softsie-{}-{name}.migration", std::process::id()));
    let _ = std::fs::remove_file(&socket);
    format!("unix:{}", socket.display())
}

/// Moves the guest to another QEMU, which waits for it at `incoming` and takes its place.
fn move_to(machine: &mut Machine, destination: Machine, incoming: &str) {
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
fn migrate(machine: &mut Machine, folder: &Path, name: &str, devices: &[&str]) -> Duration {
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
const COMPILED: (&str, &str) = (
    "#include <stdint.h>\n#include <stdio.h>\nuint64_t sha256(void), lz(void);\n\
     int main(void) { printf(\"%llx %llx\", (long long)sha256(), (long long)lz()); }\n",
    "sha256.c lz.c",
);

/// How it is compiled in the folder of its sources.
fn compile(output: &str) -> String {
    format!("gcc -std=gnu17 -O2 -o {output} first.c {}", COMPILED.1)
}

/// What it says when this host has compiled it.
fn compiled_here(scratch: &Path) -> String {
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
        machine.shell("mkdir -p /root/build; cp /softsie/guest/*.? /root/build");
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

/// Short boots, one after the other; a campaign makes more of them.
#[test]
fn boots_in_a_row() {
    let Some(folder) = prepared() else { return };
    let boots = std::env::var("SOFTSIE_QEMU_BOOTS").ok().and_then(|n| n.parse().ok()).unwrap_or(2);
    let _ = std::fs::remove_dir_all(translations("boots"));
    for boot in 1..=boots {
        let start = Instant::now();
        let mut machine = Machine::with_kernel(&folder, "boots", &["-smp", "2"]);
        machine.is_up();
        machine.is_content();
        machine.type_line("poweroff -f");
        assert!(machine.end().success(), "boot {boot}");
        eprintln!("boot {boot}: {:.1} s", start.elapsed().as_secs_f64());
        // Although QEMU ends without closing its VM.
        let saved = std::fs::read_dir(translations("boots")).expect("softsie has made it").flatten();
        let saved: u64 = saved.flat_map(|entry| entry.metadata()).map(|about| about.len()).sum();
        assert!(saved > 1 << 20, "translations are kept for the next boot: {saved} bytes");
    }
}

#[test]
fn models() {
    let Some(folder) = prepared() else { return };
    let kernel = folder.join("vmlinuz").display().to_string();
    let mut machine = Machine::new(&folder, "models", &["-S", "-kernel", &kernel]);
    let host = machine.ask("query-cpu-model-expansion", "\"type\":\"full\",\"model\":{\"name\":\"host\"}");
    // From the facility list, from the features of KVM and from the queries: all would be others in the wrong byte order.
    for feature in ["zarch", "ldisp", "eimm", "esan3", "edat2", "ipter", "vx", "stfle45", "esop", "msa5", "gen13ptff"] {
        assert!(host.contains(&format!("\"{feature}\": true")), "{feature}: {host}");
    }
    for feature in ["ap", "unpack", "sief2"] {
        assert!(host.contains(&format!("\"{feature}\": false")), "{feature}: {host}");
    }
    machine.ask("quit", "");
    machine.end();
}
