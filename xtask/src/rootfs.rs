//! A root file system for guests: packages of Debian for s390x with all they depend on, folders of one's own on top, as
//! an initial ramdisk. Made without root; for oracles, benchmarks and by hand.
//! Truth: Linux Documentation/filesystems/ramfs-rootfs-initramfs.rst.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::apt::ARCHITECTURE;
use crate::cpio::Archive;
use crate::initramfs::{self, Session};
use crate::linux::{self, InitialRamdisk, Shape, Source};
use crate::progress::Step;
use crate::userland::{Packages, UserLand, host_architecture};

/// Options of `cargo xtask rootfs`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    shape: Shape,
    /// A package to put in, with all it depends on (more than once, or separated by commas)
    #[arg(long = "package", value_name = "NAME", value_delimiter = ',')]
    packages: Vec<String>,
    /// A file that names packages, separated by white space; # begins a comment
    #[arg(long, value_name = "FILE")]
    list: Option<PathBuf>,
    /// A folder whose contents go over the packages' files (more than once)
    #[arg(long, value_name = "FOLDER")]
    add: Vec<PathBuf>,
    /// Where to leave the archive; its /init starts a shell, or /softsie/command if an archive after it has that
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// A command to run in the guest; its exit status becomes this command's
    #[arg(last = true, value_name = "CMD")]
    command: Vec<String>,
}

/// Makes a root file system and leaves it in a file, or boots it.
pub fn run(repository: &Path, options: &Options) -> Result<u8> {
    let target = linux::target(repository);
    let mut names = options.packages.clone();
    if let Some(list) = &options.list {
        let text = fs::read_to_string(list).with_context(|| format!("cannot read {}", list.display()))?;
        let words = text.lines().filter_map(|line| line.split('#').next()).flat_map(str::split_whitespace);
        names.extend(words.map(str::to_owned));
    }
    let guest = linux::fetch(&target.join("linux"), &options.source)?;
    let user_land = guest_user_land(&target, &options.source, &names)?;
    let archive = archive(&user_land, &guest.busybox, &options.add)?;
    if let Some(output) = &options.output {
        fs::write(output, &archive).with_context(|| format!("cannot write {}", output.display()))?;
        eprintln!("{} holds {} MB; boot it with {}", output.display(), archive.len() >> 20, guest.kernel.display());
        return Ok(0);
    }
    let softsie = linux::build_softsie(repository)?;
    let session = Session::new(linux::terminal(), &options.command);
    let initrd = InitialRamdisk::new(&target, &[&archive, &initramfs::about(&session)])?;
    drop(archive);
    linux::start(&mut linux::machine(&softsie, &guest.kernel, &initrd, &session, &options.shape))
}

/// The guest's user land of `names`; its Python, if it has one, is compiled.
pub fn guest_user_land(target: &Path, source: &Source, names: &[String]) -> Result<UserLand> {
    let folder = target.join("rootfs");
    let mut names = names.to_vec();
    // A shell besides busybox's, which would run busybox's own programs in place of the packages'.
    names.extend(["libc6", "dash"].map(str::to_owned));
    let packages = Packages { folder: &folder, source, architecture: ARCHITECTURE };
    let user_land = packages.user_land(&names)?;
    if user_land.root.join("usr/bin/python3.13").exists()
        && !user_land.root.join("usr/lib/python3.13/__pycache__").exists()
    {
        let packages = Packages { architecture: host_architecture()?, ..packages };
        packages.user_land(&["python3.13".to_owned()])?.compile_modules(&user_land)?;
    }
    Ok(user_land)
}

/// The archive of `user_land` with the contents of the folders `added` over it.
pub fn archive(user_land: &UserLand, busybox: &Path, added: &[PathBuf]) -> Result<Vec<u8>> {
    let step = Step::start("writing the root file system");
    let mut archive = Archive::new();
    for root in [&user_land.root].into_iter().chain(added) {
        add(&mut archive, root, Path::new(""))?;
    }
    let busybox = fs::read(busybox).with_context(|| format!("cannot read {}", busybox.display()))?;
    initramfs::foundation(&mut archive, &busybox);
    drop(step);
    Ok(archive.finish())
}

/// Adds what is in the folder `at` below `root`, in the order of names.
fn add(archive: &mut Archive, root: &Path, at: &Path) -> Result<()> {
    let folder = root.join(at);
    let entries = fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
    names.sort();
    for name in names {
        let at = at.join(name);
        let (path, Some(name)) = (root.join(&at), at.to_str()) else {
            bail!("the name {} is no UTF-8", at.display());
        };
        let kind = fs::symlink_metadata(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let permissions = kind.permissions().mode() & 0o7777;
        if UserLand::is_ballast(name) {
        } else if kind.is_symlink() {
            let target = fs::read_link(&path).with_context(|| format!("cannot read {}", path.display()))?;
            archive.link(name, &target.to_string_lossy());
        } else if kind.is_dir() {
            archive.directory(name, permissions);
            add(archive, root, &at)?;
        } else if kind.is_file() {
            let data = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            archive.file(name, permissions, &data);
        }
    }
    Ok(())
}
