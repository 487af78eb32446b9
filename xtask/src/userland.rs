//! A Debian user land unpacked into a folder: packages with all they depend on, without maintainer scripts and without
//! root. It serves as the guest's root file system, or its programs run on this host by their own loader.
//! Truth: the packages' postinst scripts for what is done by hand here; hier(7); ld.so(8).

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::apt::Apt;
use crate::deb;
use crate::linux::Source;
use crate::progress::Step;

/// Folders that are the same as their namesakes below usr.
const MERGED: [&str; 4] = ["bin", "sbin", "lib", "lib64"];
/// Links that maintainer scripts or update-alternatives would make, where the package with the target is there.
const LINKS: [(&str, &str); 9] = [
    ("usr/bin/awk", "mawk"),
    ("usr/bin/awk", "gawk"),
    ("usr/bin/cc", "gcc"),
    ("usr/bin/c++", "g++"),
    ("usr/bin/which", "which.debianutils"),
    ("usr/bin/python3", "python3.13"),
    ("usr/bin/sh", "dash"),
    ("usr/bin/sh", "bash"),
    ("usr/bin/sh", "/softsie/busybox"),
];
/// Files that maintainer scripts would make.
const FILES: [(&str, &str); 5] = [
    ("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n"),
    ("etc/group", "root:x:0:\nnogroup:x:65534:\n"),
    ("etc/hosts", "127.0.0.1 localhost softsie\n"),
    ("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\nprotocols: files\nservices: files\n"),
    ("etc/profile", "PS1='\\h:\\w# '\n"),
];
/// Where the scripts are that start programs on this host.
const RUN: &str = "usr/run";

/// An unpacked user land.
#[derive(Debug)]
pub struct UserLand {
    /// What is its root directory.
    pub root: PathBuf,
}

/// Packages of one architecture from one source.
pub struct Packages<'a> {
    /// Where all user lands and the private apt roots are.
    pub folder: &'a Path,
    /// Where packages come from.
    pub source: &'a Source,
    /// The architecture, as Debian names it.
    pub architecture: &'a str,
}

/// The architecture of this host, as Debian names it.
pub fn host_architecture() -> Result<&'static str> {
    match std::env::consts::ARCH {
        "x86_64" => Ok("amd64"),
        "aarch64" => Ok("arm64"),
        other => bail!("softsie runs on x86-64 and arm64, not on {other}"),
    }
}

impl Packages<'_> {
    /// The user land of exactly `names` and what they depend on: the cached one, or a new one.
    pub fn user_land(&self, names: &[String]) -> Result<UserLand> {
        let names: Vec<String> = names.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect();
        let digest: String = Sha256::digest(names.join(" ")).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        let root = self.folder.join(self.architecture).join(digest);
        if root.exists() && !self.source.update {
            return Ok(UserLand { root });
        }
        if !Apt::is_installed() {
            bail!("this machine has no apt-get, which finds out on what packages depend");
        }
        let apt = self.folder.join(format!("apt-{}", self.architecture));
        fs::create_dir_all(&apt).with_context(|| format!("cannot create {}", apt.display()))?;
        let apt = fs::canonicalize(&apt).with_context(|| format!("cannot open {}", apt.display()))?;
        let step = Step::start(&format!("reading Debian's list of {} packages", self.architecture));
        let apt = Apt::open(&apt, self.architecture, self.source.mirror.as_deref(), self.source.unsigned)?;
        drop(step);
        let step = Step::start(&format!("downloading {} packages", self.architecture));
        let files = apt.download_with_dependencies(&names)?;
        drop(step);
        let step = Step::start(&format!("unpacking {} {} packages", files.len(), self.architecture));
        // Under its final name only when whole: the cache is either complete or absent.
        let partial = root.with_extension("partial");
        for old in [&partial, &root].into_iter().filter(|folder| folder.exists()) {
            fs::remove_dir_all(old).with_context(|| format!("cannot remove {}", old.display()))?;
        }
        unpack(&files, &partial)?;
        fs::rename(&partial, &root).with_context(|| format!("cannot write {}", root.display()))?;
        step.done(&format!("{} {} packages are in {}", files.len(), self.architecture, root.display()));
        Ok(UserLand { root })
    }
}

fn unpack(files: &[PathBuf], root: &Path) -> Result<()> {
    for name in MERGED {
        let folder = root.join("usr").join(name);
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        symlink(Path::new("usr").join(name), root.join(name)).with_context(|| format!("cannot link {name}"))?;
    }
    for file in files {
        deb::unpack(file, root)?;
    }
    for name in MERGED {
        if !root.join(name).is_symlink() {
            bail!("a package replaces the link {name}: it is of no release in which /{name} is /usr/{name}");
        }
    }
    for name in ["dev", "etc", "proc", "root", "run", "sys", "tmp", "var/tmp", "var/lib"] {
        let folder = root.join(name);
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    for (name, text) in FILES {
        let path = root.join(name);
        if !path.exists() {
            fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        }
    }
    for (name, target) in LINKS {
        let path = root.join(name);
        let present = target.starts_with('/') || path.parent().is_some_and(|folder| folder.join(target).exists());
        if present && !path.is_symlink() && !path.exists() {
            symlink(target, &path).with_context(|| format!("cannot link {name}"))?;
        }
    }
    Ok(())
}

impl UserLand {
    /// The user land's own loader of programs, and the folder of its libraries.
    fn loader(&self) -> Result<(PathBuf, PathBuf)> {
        const LOADERS: [(&str, &str); 3] = [
            ("usr/lib/s390x-linux-gnu", "ld64.so.1"),
            ("usr/lib/x86_64-linux-gnu", "ld-linux-x86-64.so.2"),
            ("usr/lib/aarch64-linux-gnu", "ld-linux-aarch64.so.1"),
        ];
        let found =
            LOADERS.into_iter().map(|(folder, name)| (self.root.join(folder).join(name), self.root.join(folder)));
        match found.into_iter().find(|(loader, _)| loader.exists()) {
            Some(found) => Ok(found),
            None => bail!("{} has no loader of programs: add the package libc6", self.root.display()),
        }
    }

    /// The folder of the user land's libraries.
    pub fn libraries(&self) -> Result<PathBuf> {
        Ok(self.loader()?.1)
    }

    /// Makes the programs of this user land (and `more`) run on this host by the user land's own loader and libraries, each
    /// below `emulator` where one is given, and says in which folder they are.
    pub fn programs(&self, emulator: Option<&str>, more: &[PathBuf]) -> Result<PathBuf> {
        let (loader, libraries) = self.loader()?;
        let folder = self.root.join(RUN);
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let bin = self.root.join("usr/bin");
        let entries = fs::read_dir(&bin).with_context(|| format!("cannot read {}", bin.display()))?;
        let programs = entries.flatten().map(|entry| entry.path()).chain(more.iter().cloned());
        for program in programs.filter(|path| is_elf(path)) {
            let Some(name) = program.file_name() else { continue };
            // The name by which it is called stays: programs find their other files from it.
            let text = format!(
                "#!/bin/sh\nexec {} {} --argv0 \"$0\" --library-path {} {} \"$@\"\n",
                emulator.unwrap_or_default(),
                loader.display(),
                libraries.display(),
                program.display()
            );
            let path = folder.join(name);
            fs::write(&path, text)
                .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o755)))
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(folder)
    }

    /// Compiles the modules of `guest`'s Python by this user land's Python: the compiled form is the same everywhere, and
    /// would otherwise be made by the postinst script.
    pub fn compile_modules(&self, guest: &Self) -> Result<()> {
        const MODULES: &str = "usr/lib/python3.13";
        let modules = guest.root.join(MODULES);
        let step = Step::start("compiling Python's modules");
        let output = Command::new(self.programs(None, &[])?.join("python3"))
            // The archive has no times, so nothing can be checked against them.
            .args(["-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"])
            .arg("-s")
            .arg(&guest.root)
            .args(["-p", "/"])
            // Some tests are of what does not compile.
            .args(["-x", "bad|lib2to3"])
            .arg(&modules)
            .output()
            .context("cannot run Python")?;
        drop(step);
        if !modules.join("__pycache__").exists() {
            bail!("Python's modules do not compile: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    }

    /// Whether a file of a user land is of no use in a guest.
    pub fn is_ballast(path: &str) -> bool {
        const BALLAST: [&str; 8] = [
            RUN,
            "usr/share/doc",
            "usr/share/man",
            "usr/share/info",
            "usr/share/locale",
            "usr/share/lintian",
            "usr/share/bug",
            "usr/share/doc-base",
        ];
        BALLAST.contains(&path)
    }
}

fn is_elf(path: &Path) -> bool {
    let mut magic = [0; 4];
    path.extension() != Some(OsStr::new("so"))
        && File::open(path).and_then(|mut file| file.read_exact(&mut magic)).is_ok()
        && magic == *b"\x7fELF"
}
