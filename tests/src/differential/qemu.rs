//! QEMU's side: the same guest in `qemu-system-s390x`, its storage a file that both of us map.
//! Source: QEMU's documentation (memory-backend-file, -kernel with an ELF image).

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use memmap2::MmapMut;

use super::batch::Batch;
use super::layout;

/// QEMU and the file that is its guest's storage.
pub struct Qemu {
    program: PathBuf,
    kernel: File,
    file: File,
    memory: MmapMut,
    /// It got as far as the driver once.
    has_run: bool,
}

/// Without progress for so long a record counts as endless.
const PATIENCE: Duration = Duration::from_secs(6);
/// QEMU itself may need longer to start on a busy host.
const START_PATIENCE: Duration = Duration::from_secs(30);

/// A file without a name, in memory where the host has a file system for that: it goes away with us, however we end. QEMU
/// opens it through our entry in `/proc`.
fn nameless(what: &str, number: u32) -> std::io::Result<File> {
    let shm = Path::new("/dev/shm");
    let parent = if shm.is_dir() { shm.to_path_buf() } else { std::env::temp_dir() };
    let path = parent.join(format!("softsie-diff-{}-{number}-{what}", std::process::id()));
    let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

fn path_of(file: &File) -> String {
    format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd())
}

/// An ELF image of one instruction at 0x6000 that branches to the driver: all that QEMU itself loads.
fn elf() -> Vec<u8> {
    const ENTRY: u64 = 0x6000;
    let mut out = b"\x7FELF\x02\x02\x01".to_vec();
    out.resize(16, 0);
    let halves = |out: &mut Vec<u8>, values: &[u16]| values.iter().for_each(|v| out.extend(v.to_be_bytes()));
    // Executable for s390, version 1.
    halves(&mut out, &[2, 22, 0, 1]);
    for v in [ENTRY, 64, 0] {
        out.extend(v.to_be_bytes());
    }
    // Flags; sizes and numbers of headers.
    halves(&mut out, &[0, 0, 64, 56, 1, 0, 0, 0]);
    // One segment to load, readable and executable.
    halves(&mut out, &[0, 1, 0, 5]);
    for v in [120, ENTRY, ENTRY, 6, 6, 2u64] {
        out.extend(v.to_be_bytes());
    }
    // BRCL to the driver.
    let halfwords = (layout::DRIVER.wrapping_sub(ENTRY) as i64 >> 1) as i32;
    out.extend([0xC0, 0xF4]);
    out.extend(halfwords.to_be_bytes());
    out
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Qemu {
    /// Prepares to run `program`; `number` tells several in one process apart.
    ///
    /// # Errors
    /// The storage file cannot be made.
    pub fn new(program: &Path, number: u32) -> Result<Qemu, String> {
        let told = |e: std::io::Error| format!("cannot make QEMU's storage file: {e}");
        let mut kernel = nameless("kernel", number).map_err(told)?;
        kernel.write_all(&elf()).map_err(told)?;
        let file = nameless("storage", number).map_err(told)?;
        file.set_len(layout::STORAGE_SIZE as u64).map_err(told)?;
        // SAFETY: the file is our own; QEMU's changes are looked at by progress counter or after it has ended.
        let memory = unsafe { MmapMut::map_mut(&file) }.map_err(told)?;
        Ok(Qemu { program: program.to_path_buf(), kernel, file, memory, has_run: false })
    }

    /// The first line of `--version`.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn version(&self) -> Result<String, String> {
        let output = Command::new(&self.program)
            .arg("--version")
            .output()
            .map_err(|e| format!("cannot run {}: {e}", self.program.display()))?;
        Ok(String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_owned())
    }

    /// The guest's storage.
    pub fn storage(&self) -> &[u8] {
        &self.memory
    }

    fn start(&self) -> Result<Running, String> {
        let storage = format!(
            "memory-backend-file,id=storage,size={},share=on,mem-path={}",
            layout::STORAGE_SIZE,
            path_of(&self.file)
        );
        let mut command = Command::new(&self.program);
        command
            .args(["-machine", "s390-ccw-virtio,memory-backend=storage", "-cpu", "max", "-accel", "tcg,tb-size=64"])
            .args(["-object", &storage, "-m", &format!("{}M", layout::STORAGE_SIZE >> 20)])
            .args(["-nodefaults", "-nographic", "-display", "none", "-monitor", "none", "-serial", "none"])
            .arg("-kernel")
            .arg(path_of(&self.kernel))
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        // Once it has run its assertions are a matter of the records, not of the user.
        if self.has_run {
            command.stderr(Stdio::null());
        }
        // Firmware of a QEMU that lies in a folder of its own.
        if let Some(data) = self.program.parent().map(|p| p.join("../share/qemu")).filter(|d| d.is_dir()) {
            command.arg("-L").arg(data);
        }
        let child = command.spawn().map_err(|e| format!("cannot start {}: {e}", self.program.display()))?;
        Ok(Running(child))
    }

    fn word(&self, at: u64) -> u64 {
        // SAFETY: within the mapping and aligned; QEMU may change it at any time.
        let value = unsafe { std::ptr::read_volatile(self.memory.as_ptr().add(at as usize).cast::<[u8; 8]>()) };
        u64::from_be_bytes(value)
    }

    /// Runs a batch; afterwards [`Qemu::storage`] holds the results.
    ///
    /// # Errors
    /// QEMU cannot be started, or it ends without executing anything.
    pub fn run(&mut self, batch: &Batch) -> Result<(), String> {
        batch.write(&mut self.memory)?;
        let mut failures = 0;
        while self.word(layout::DONE) == 0 {
            self.memory[layout::STARTED as usize..][..8].fill(0);
            let mut running = self.start()?;
            let begin = self.word(layout::INDEX);
            let (mut last, mut since) = (begin, Instant::now());
            loop {
                std::thread::sleep(Duration::from_millis(5));
                let index = self.word(layout::INDEX);
                if index != last {
                    (last, since) = (index, Instant::now());
                }
                if self.word(layout::DONE) != 0 {
                    break;
                }
                let ended = running.0.try_wait().map_err(|e| e.to_string())?;
                let patience = if self.word(layout::STARTED) == 0 { START_PATIENCE } else { PATIENCE };
                if ended.is_some() || since.elapsed() > patience {
                    // Without a record executed it did not get as far as the driver.
                    failures = if self.word(layout::STARTED) == 0 { failures + 1 } else { 0 };
                    if failures > 3 {
                        return Err(format!("{} does not run the guest ({ended:?})", self.program.display()));
                    }
                    // The record has no result; go on with the next.
                    drop(running);
                    if std::env::var_os("SOFTSIE_DIFF_VERBOSE").is_some() {
                        let at = self.word(layout::INDEX) as usize;
                        let pieces: Vec<String> = batch.records.get(at).map_or_else(Vec::new, |r| {
                            r.pieces
                                .iter()
                                .chain(&r.execute)
                                .map(|p| softsie_isa::disassemble(p.text, 0).text().replace('\t', " "))
                                .collect()
                        });
                        eprintln!("QEMU lost record {at} ({ended:?}): {}", pieces.join("; "));
                    }
                    let next = (self.word(layout::INDEX) + 1).to_be_bytes();
                    self.memory[layout::INDEX as usize..][..8].copy_from_slice(&next);
                    break;
                }
            }
        }
        self.has_run = true;
        Ok(())
    }
}
