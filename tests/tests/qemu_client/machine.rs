//! A machine in QEMU, what it needs, and what tests ask of it. Truth: QEMU's own interfaces: its monitor's protocol (QMP) and a console.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How long anything may take, on a busy machine with few CPUs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);
pub(crate) const UP: &str = "guest-is-up";

pub(crate) fn target() -> PathBuf {
    let repository =
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests are in a folder of the repository");
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| repository.join("target"), PathBuf::from)
}

/// What `cargo xtask qemu-client` has prepared.
pub(crate) fn prepared() -> Option<PathBuf> {
    if std::env::var_os("SOFTSIE_QEMU_TESTS").is_some_and(|wish| wish == "off") {
        eprintln!("skipped: SOFTSIE_QEMU_TESTS=off");
        return None;
    }
    let folder = target().join("qemu-client");
    let complete = ["qemu-system-s390x", "firmware/s390-ccw.img", "vmlinuz", "initrd.cpio"];
    if complete.iter().all(|name| folder.join(name).exists()) && target().join("release/softsie").exists() {
        return Some(folder);
    }
    eprintln!("skipped: QEMU has not been built as a client (cargo xtask qemu-client --build does it)");
    None
}

/// A machine in QEMU.
pub(crate) struct Machine {
    qemu: Child,
    console: ChildStdin,
    said: Arc<Mutex<String>>,
    /// How much of what was said has been looked at.
    seen: usize,
    monitor: BufReader<UnixStream>,
    /// Events that came before they were asked for.
    pub(crate) events: Vec<String>,
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
    pub(crate) fn new(folder: &Path, name: &str, arguments: &[&str]) -> Self {
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
    pub(crate) fn with_kernel(folder: &Path, name: &str, arguments: &[&str]) -> Self {
        let (kernel, ramdisk) = (folder.join("vmlinuz"), folder.join("initrd.cpio"));
        let (kernel, ramdisk) = (kernel.display().to_string(), ramdisk.display().to_string());
        let mut all = vec!["-kernel", &kernel, "-initrd", &ramdisk, "-append", "nokaslr quiet console=ttysclp0"];
        all.extend(arguments);
        Self::new(folder, name, &all)
    }

    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.monitor.read_line(&mut line).expect("the monitor answers");
        assert!(!line.is_empty(), "QEMU has ended; its guest said:\n{}", self.tail());
        line
    }

    /// A command to the monitor, with its arguments as JSON without the braces; its answer, whatever it is.
    pub(crate) fn try_to(&mut self, command: &str, arguments: &str) -> String {
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
    pub(crate) fn ask(&mut self, command: &str, arguments: &str) -> String {
        let answer = self.try_to(command, arguments);
        assert!(answer.contains("\"return\""), "{command}: {answer}");
        answer
    }

    /// A command of the monitor for people, which says nothing when it succeeds.
    pub(crate) fn order(&mut self, line: &str) {
        let answer = self.ask("human-monitor-command", &format!("\"command-line\":\"{line}\""));
        assert!(answer.contains("\"return\": \"\""), "{line}: {answer}");
    }

    pub(crate) fn tail(&self) -> String {
        let said = self.said.lock().expect("nobody panics with it");
        let start = said.len().saturating_sub(2000);
        said.char_indices().filter(|(at, _)| *at >= start).map(|(_, c)| c).collect()
    }

    /// What the guest says up to `word`.
    pub(crate) fn until(&mut self, word: &str) -> String {
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

    pub(crate) fn is_up(&mut self) {
        self.until(UP);
        self.until("# ");
    }

    pub(crate) fn type_line(&mut self, line: &str) {
        self.console.write_all(format!("{line}\n").as_bytes()).expect("the guest's console takes input");
    }

    /// Runs a command in the guest's shell, which must succeed, and gives its output without the echo of the command.
    pub(crate) fn shell(&mut self, command: &str) -> String {
        // The words are not written as the guest will say them, because the console echoes.
        self.type_line(&format!("echo be'gin'; {command}; echo en'd':$?:"));
        self.until("begin\r\n");
        let output = self.until("end:");
        let status = self.until(":");
        assert_eq!(status, "0", "{command}: {output}");
        output.replace('\r', "").trim().to_owned()
    }

    /// Waits for QEMU's end.
    pub(crate) fn end(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.qemu.try_wait().expect("a child can be waited for") {
                return status;
            }
            assert!(start.elapsed() < PATIENCE, "QEMU does not end; its guest said:\n{}", self.tail());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The guest powers itself off, and QEMU ends well; `what` says which guest it was.
    pub(crate) fn powers_off(&mut self, what: &str) {
        self.type_line("poweroff -f");
        assert!(self.end().success(), "{what}");
    }

    /// The kernel has complained of nothing: no message is more urgent than a notice, but that there are no crypto adapters, and
    /// that the host did not let it run for a while.
    pub(crate) fn is_content(&mut self) {
        let complaints = self.shell(
            "dmesg -r | grep '^<[0-4]>' | grep -v -e 'not support AP instructions' -e 'hrtimer: interrupt took' \
             -e 'replenish lagged too much' || true",
        );
        assert_eq!(complaints, "");
    }
}

/// A folder of this test's own.
pub(crate) fn scratch(name: &str) -> PathBuf {
    let folder = target().join("qemu-client-tests").join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("target/ can be written");
    folder
}

/// Where softsie keeps its translations of a machine's code for the next one of that name.
pub(crate) fn translations(name: &str) -> PathBuf {
    target().join("qemu-client-tests").join(format!("code-{name}"))
}

/// Bytes without a pattern.
pub(crate) fn noise(length: usize) -> Vec<u8> {
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
pub(crate) fn serve(content: Vec<u8>) -> u16 {
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
