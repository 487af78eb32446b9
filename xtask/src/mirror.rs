//! Debian packages straight from a mirror, for hosts without apt: reads the list of packages, then fetches with the host's
//! curl or wget and checks each package against the checksum of the list. The list's signature is not checked.
//! Truth: the Debian repository format (Packages indices), deb-control(5) for the form of stanzas.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::apt::{ARCHITECTURE, SUITE};

/// One mirror with the packages it offers.
pub struct Mirror {
    url: String,
    packages: Vec<Package>,
}

/// What a list of packages says about one of them.
#[derive(Debug, Default, PartialEq, Eq)]
struct Package {
    name: String,
    file: String,
    sha256: String,
    depends: String,
}

impl Mirror {
    /// Reads the list of packages of the mirror at `url`; `folder` is for what is fetched on the way.
    pub fn open(url: &str, folder: &Path) -> Result<Self> {
        let url = url.trim_end_matches('/').to_owned();
        let list = folder.join("Packages.xz");
        fetch(&format!("{url}/dists/{SUITE}/main/binary-{ARCHITECTURE}/Packages.xz"), &list)?;
        let compressed = fs::read(&list).with_context(|| format!("cannot read {}", list.display()))?;
        let mut text = Vec::new();
        lzma_rs::xz_decompress(&mut Cursor::new(compressed), &mut text)
            .map_err(|error| anyhow::anyhow!("the list of packages at {url} is damaged: {error:?}"))?;
        Ok(Self { url, packages: parse(&String::from_utf8_lossy(&text)) })
    }

    fn package(&self, name: &str) -> Result<&Package> {
        match self.packages.iter().find(|package| package.name == name) {
            Some(package) => Ok(package),
            None => bail!("{} offers no package {name} for {ARCHITECTURE}", self.url),
        }
    }

    /// The first package on which `package` depends and whose name starts with `prefix`.
    pub fn dependency(&self, package: &str, prefix: &str) -> Result<String> {
        let depends = &self.package(package)?.depends;
        let names = depends.split([',', '|']).filter_map(|clause| clause.split_whitespace().next());
        match names.into_iter().find(|name| name.starts_with(prefix)) {
            Some(name) => Ok(name.to_owned()),
            None => bail!("the package {package} of {SUITE} names no {prefix} package"),
        }
    }

    /// Downloads `package` into `folder` and says which file it became.
    pub fn download(&self, package: &str, folder: &Path) -> Result<PathBuf> {
        let package = self.package(package)?;
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let file = folder.join(format!("{}.deb", package.name));
        fetch(&format!("{}/{}", self.url, package.file), &file)?;
        let bytes = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let found: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        if found != package.sha256 {
            bail!("the package {} is not what the mirror's list says: fetch it again", package.name);
        }
        Ok(file)
    }
}

fn fetch(url: &str, file: &Path) -> Result<()> {
    let programs: [(&str, &[&str]); 2] = [("curl", &["-fsSL", "-o"]), ("wget", &["-q", "-O"])];
    for (program, options) in programs {
        match Command::new(program).args(options).arg(file).arg(url).stdin(Stdio::null()).output() {
            Ok(output) if output.status.success() => return Ok(()),
            Ok(output) => bail!("cannot fetch {url}: {}", String::from_utf8_lossy(&output.stderr).trim()),
            Err(_) => {}
        }
    }
    bail!("this machine has neither apt-get nor curl nor wget: install one of them")
}

/// The packages of a list, in its order.
fn parse(list: &str) -> Vec<Package> {
    let mut packages = Vec::new();
    let mut package = Package::default();
    for line in list.lines().chain([""]) {
        if line.is_empty() {
            if !package.name.is_empty() {
                packages.push(std::mem::take(&mut package));
            }
        } else if let Some((name, value)) = line.split_once(": ") {
            match name {
                "Package" => package.name = value.to_owned(),
                "Filename" => package.file = value.to_owned(),
                "SHA256" => package.sha256 = value.to_owned(),
                "Depends" => package.depends = value.to_owned(),
                _ => {}
            }
        }
    }
    packages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_packages_and_their_dependencies() {
        let list = "Package: linux-image-s390x\nDepends: other (>= 1), linux-image-6.12.1-s390x (= 6.12.1-1)\n\
                    Description: continued\n more: text\n\n\
                    Package: busybox-static\nFilename: pool/b/busybox.deb\nSHA256: 00ff\n";
        let packages = parse(list);
        assert_eq!(packages.len(), 2);
        assert_eq!((packages[1].file.as_str(), packages[1].sha256.as_str()), ("pool/b/busybox.deb", "00ff"));
        let mirror = Mirror { url: "http://m.invalid".into(), packages };
        assert_eq!(mirror.dependency("linux-image-s390x", "linux-image-").unwrap(), "linux-image-6.12.1-s390x");
        assert!(mirror.dependency("busybox-static", "x").is_err());
        assert!(mirror.dependency("absent", "x").unwrap_err().to_string().contains("absent"));
    }
}
