//! Debian packages of another architecture through the machine's own apt, without root and without touching its state:
//! a private apt root below target/ that borrows only the mirror, the proxy settings and the keyring.
//! Truth: sources.list(5), apt.conf(5), apt-secure(8).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail};

/// The release whose kernel is 6.12.
pub const SUITE: &str = "trixie";
/// The names under which an archive may publish it. A mirror or proxy whose index does not match its signed list under one
/// name (in the middle of a synchronization) often has a matching pair under the other; the code name is checked.
const NAMES: [&str; 2] = [SUITE, "stable"];
/// The guest's architecture, as Debian names it.
pub const ARCHITECTURE: &str = "s390x";

/// One archive the machine is configured for: where it is and which releases it offers.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Source {
    uris: Vec<String>,
    suites: Vec<String>,
    components: Vec<String>,
}

/// Reads a `sources.list` in the one-line form; lines that are not `deb` lines are skipped.
fn parse_one_line(text: &str) -> Vec<Source> {
    text.lines().filter_map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<Source> {
    let line = line.split('#').next()?.trim();
    let rest = line.strip_prefix("deb")?;
    let rest = rest.strip_prefix([' ', '\t'])?.trim_start();
    // Options stand in brackets, which may hold blanks.
    let rest = match rest.strip_prefix('[') {
        Some(options) => options.split_once(']')?.1,
        None => rest,
    };
    let mut words = rest.split_whitespace().map(str::to_owned);
    let uri = words.next()?;
    let suite = words.next()?;
    Some(Source { uris: vec![uri], suites: vec![suite], components: words.collect() })
}

/// Reads a `.sources` file: stanzas of fields, where a line that starts with a blank continues the field before it.
fn parse_stanzas(text: &str) -> Vec<Source> {
    let mut sources = Vec::new();
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in text.lines().chain([""]) {
        if line.starts_with('#') {
            continue;
        }
        if line.trim().is_empty() {
            sources.extend(stanza(&fields));
            fields.clear();
        } else if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = fields.last_mut() {
                value.push(' ');
                value.push_str(line.trim());
            }
        } else if let Some((name, value)) = line.split_once(':') {
            fields.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    sources
}

fn stanza(fields: &[(String, String)]) -> Option<Source> {
    let words = |name: &str| -> Vec<String> {
        let value = fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str());
        value.unwrap_or_default().split_whitespace().map(str::to_owned).collect()
    };
    let disabled = words("enabled").first().is_some_and(|word| word.eq_ignore_ascii_case("no"));
    let source = Source { uris: words("uris"), suites: words("suites"), components: words("components") };
    (words("types").iter().any(|word| word == "deb") && !disabled && !source.uris.is_empty()).then_some(source)
}

/// Whether a source is the main archive of a Debian release, whose mirror then also has `SUITE`.
fn is_debian_archive(source: &Source) -> bool {
    const RELEASES: [&str; 10] = [
        "bullseye",
        "bookworm",
        "trixie",
        "forky",
        "sid",
        "oldstable",
        "stable",
        "testing",
        "unstable",
        "oldoldstable",
    ];
    source.suites.iter().any(|suite| RELEASES.contains(&suite.as_str()))
        && source.components.iter().any(|component| component == "main")
}

/// The mirrors of the main Debian archive among the configured sources, in their order and each once.
fn debian_mirrors(sources: &[Source]) -> Vec<String> {
    let mut mirrors: Vec<String> = Vec::new();
    for uri in sources.iter().filter(|source| is_debian_archive(source)).flat_map(|source| &source.uris) {
        if !uri.starts_with("cdrom:") && !mirrors.contains(uri) {
            mirrors.push(uri.clone());
        }
    }
    mirrors
}

fn configured_sources(etc: &Path) -> Vec<Source> {
    let mut files = vec![etc.join("sources.list")];
    if let Ok(entries) = fs::read_dir(etc.join("sources.list.d")) {
        let mut found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        found.sort();
        files.extend(found);
    }
    let mut sources = Vec::new();
    for file in files {
        let Ok(text) = fs::read_to_string(&file) else { continue };
        match file.extension().and_then(|extension| extension.to_str()) {
            Some("list") => sources.extend(parse_one_line(&text)),
            Some("sources") => sources.extend(parse_stanzas(&text)),
            _ => {}
        }
    }
    sources
}

/// Every Debian archive keyring of this machine: any one that made a good signature is enough for apt.
fn keyrings() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in ["/usr/share/keyrings", "/etc/apt/keyrings", "/etc/apt/trusted.gpg.d"] {
        let Ok(entries) = fs::read_dir(folder) else { continue };
        found.extend(entries.flatten().map(|entry| entry.path()).filter(|path| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            name.starts_with("debian-archive")
                && !name.contains("removed")
                && (name.ends_with(".gpg") || name.ends_with(".asc") || name.ends_with(".pgp"))
        }));
    }
    found.sort();
    found
}

/// The lines of the machine's apt configuration that say how to reach a mirror: proxies, timeouts, certificates.
fn transport_settings(dump: &str) -> String {
    let wanted = |line: &&str| {
        line.starts_with("Acquire::")
            && !["Acquire::IndexTargets", "Acquire::Languages", "Acquire::GzipIndexes", "Acquire::CompressionTypes"]
                .iter()
                .any(|prefix| line.starts_with(prefix))
    };
    dump.lines().filter(wanted).flat_map(|line| [line, "\n"]).collect()
}

/// A private apt: its own lists, cache, status file and configuration, all below one folder.
pub struct Apt {
    root: PathBuf,
    architecture: String,
}

impl Apt {
    /// Whether this machine has apt at all.
    pub fn is_installed() -> bool {
        let probe = Command::new("apt-get").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        probe.is_ok_and(|status| status.success())
    }

    /// Sets up a private apt below `root` for packages of `architecture` and loads the lists of `mirror`, or of the first
    /// configured mirror that answers. `unsigned` takes the archive without a keyring, for machines that have none of
    /// Debian's.
    pub fn open(root: &Path, architecture: &str, mirror: Option<&str>, unsigned: bool) -> Result<Self> {
        let mirrors = match mirror {
            Some(url) => vec![url.to_owned()],
            None => debian_mirrors(&configured_sources(Path::new("/etc/apt"))),
        };
        if mirrors.is_empty() {
            bail!("no Debian mirror among this machine's apt sources: name one with --mirror URL");
        }
        let keyrings = keyrings();
        if keyrings.is_empty() && !unsigned {
            bail!(
                "no Debian archive keyring on this machine: install debian-archive-keyring, \
                 or accept unsigned packages with --unsigned"
            );
        }
        let apt = Self { root: root.to_path_buf(), architecture: architecture.to_owned() };
        let mut reason = String::new();
        for (mirror, suite) in mirrors.iter().flat_map(|mirror| NAMES.map(|suite| (mirror, suite))) {
            apt.configure(mirror, suite, &keyrings, unsigned)?;
            let output = apt.run("apt-get", &["update"], root)?;
            if output.status.success() && apt.is_of_suite() && apt.knows("busybox-static") {
                return Ok(apt);
            }
            // The first complaint is about the suite by its own name.
            if reason.is_empty() {
                reason = complaint(&output);
            }
        }
        bail!("the mirror {} gives no {SUITE} packages: {reason}", mirrors.join(", "))
    }

    /// Downloads `packages` and all they depend on, and says which files they became. Recommended packages stay away.
    pub fn download_with_dependencies(&self, packages: &[String]) -> Result<Vec<PathBuf>> {
        let mut arguments = vec!["install", "--yes", "--no-install-recommends", "--download-only"];
        arguments.extend(packages.iter().map(String::as_str));
        let output = self.run("apt-get", &arguments, &self.root)?;
        if !output.status.success() {
            bail!("cannot download {}: {}", packages.join(" "), complaint(&output));
        }
        // The cache holds packages of other runs as well: a simulation names those of this set.
        arguments.push("--simulate");
        let output = self.run("apt-get", &arguments, &self.root)?;
        let archives = self.root.join("cache/archives");
        let files: Vec<PathBuf> = String::from_utf8_lossy(&output.stdout)
            .lines()
            .filter_map(archive_name)
            .map(|name| archives.join(name))
            .collect();
        match files.iter().find(|file| !file.exists()) {
            Some(absent) => bail!("apt says that it downloaded {} but it is not there", absent.display()),
            None if files.is_empty() => bail!("apt names no package to install: {}", complaint(&output)),
            None => Ok(files),
        }
    }

    fn configure(&self, mirror: &str, suite: &str, keyrings: &[PathBuf], unsigned: bool) -> Result<()> {
        for folder in ["state/lists/partial", "cache/archives/partial", "log"] {
            let path = self.root.join(folder);
            fs::create_dir_all(&path).with_context(|| format!("cannot create {}", path.display()))?;
        }
        let trust = if unsigned {
            "Trusted: yes".to_owned()
        } else {
            let paths: Vec<String> = keyrings.iter().map(|path| path.display().to_string()).collect();
            format!("Signed-By: {}", paths.join(" "))
        };
        let sources = format!(
            "Types: deb\nURIs: {mirror}\nSuites: {suite}\nComponents: main\nArchitectures: {architecture}\n\
             Targets: Packages\n{trust}\n",
            architecture = self.architecture,
        );
        let dump = Command::new("apt-config").arg("dump").output().context("cannot run apt-config")?;
        let root = self.root.display();
        // No part of the machine's own configuration is read besides the transport settings: its hooks (a container
        // image may clean the cache after each update) must not run on behalf of this private root.
        let configuration = format!(
            "{transport}Dir::Etc::main \"/dev/null\";\nDir::Etc::parts \"/dev/null\";\n\
             Dir::Etc::preferences \"/dev/null\";\nDir::Etc::preferencesparts \"/dev/null\";\n\
             Dir::Etc::sourcelist \"{root}/mirror.sources\";\nDir::Etc::sourceparts \"/dev/null\";\n\
             Dir::State \"{root}/state\";\nDir::State::lists \"lists/\";\nDir::State::status \"{root}/status\";\n\
             Dir::Cache \"{root}/cache\";\nDir::Log \"{root}/log\";\n\
             APT::Architecture \"{architecture}\";\nAPT::Architectures {{ \"{architecture}\"; }};\n\
             APT::Sandbox::User \"root\";\nAcquire::Languages \"none\";\nAcquire::Retries \"1\";\n\
             APT::Update::Error-Mode \"any\";\n",
            architecture = self.architecture,
            transport = transport_settings(&String::from_utf8_lossy(&dump.stdout)),
        );
        for (name, text) in [("mirror.sources", sources.as_str()), ("apt.conf", &configuration), ("status", "")] {
            let path = self.root.join(name);
            fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }

    fn run(&self, program: &str, arguments: &[&str], folder: &Path) -> Result<Output> {
        Command::new(program)
            .args(arguments)
            .env("APT_CONFIG", self.root.join("apt.conf"))
            .env("LC_ALL", "C")
            .current_dir(folder)
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("cannot run {program}"))
    }

    /// Whether the lists that were loaded are the suite's, by whichever name.
    fn is_of_suite(&self) -> bool {
        let codename = format!("n={SUITE}");
        self.run("apt-cache", &["policy"], &self.root).is_ok_and(|output| {
            String::from_utf8_lossy(&output.stdout).split([',', '\n']).any(|field| field.trim() == codename)
        })
    }

    fn knows(&self, package: &str) -> bool {
        self.run("apt-cache", &["show", "--no-all-versions", package], &self.root)
            .is_ok_and(|output| output.status.success() && !output.stdout.is_empty())
    }

    /// The first package on which `package` depends and whose name starts with `prefix`.
    pub fn dependency(&self, package: &str, prefix: &str) -> Result<String> {
        let output = self.run("apt-cache", &["depends", package], &self.root)?;
        let text = String::from_utf8_lossy(&output.stdout);
        let found = text.lines().filter_map(|line| line.trim().strip_prefix("Depends: "));
        match found.map(str::trim).find(|name| name.starts_with(prefix)) {
            Some(name) => Ok(name.to_owned()),
            None => bail!("the package {package} of {SUITE} names no {prefix} package: {}", complaint(&output)),
        }
    }

    /// Downloads `package` into `folder` and says which file it became.
    pub fn download(&self, package: &str, folder: &Path) -> Result<PathBuf> {
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let output = self.run("apt-get", &["download", package], folder)?;
        let start = format!("{package}_");
        let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
        let file = entries.flatten().map(|entry| entry.path()).find(|path| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            name.starts_with(&start) && name.ends_with(".deb")
        });
        match file {
            Some(path) if output.status.success() => Ok(path),
            _ => bail!("cannot download the package {package}: {}", complaint(&output)),
        }
    }
}

impl Apt {
    /// Downloads the source package `package` into `folder` and says which file its upstream archive became.
    pub fn download_source(&self, package: &str, folder: &Path) -> Result<PathBuf> {
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let path = self.root.join("mirror.sources");
        let binary = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let source =
            binary.replace("Types: deb\n", "Types: deb-src\n").replace("Targets: Packages", "Targets: Sources");
        fs::write(&path, source).with_context(|| format!("cannot write {}", path.display()))?;
        let updated = self.run("apt-get", &["update"], &self.root);
        let output = self.run("apt-get", &["source", "--download-only", package], folder);
        fs::write(&path, binary).with_context(|| format!("cannot write {}", path.display()))?;
        let (updated, output) = (updated?, output?);
        let start = format!("{package}_");
        let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
        let file = entries.flatten().map(|entry| entry.path()).find(|path| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            name.starts_with(&start) && name.contains(".orig.tar.")
        });
        match file {
            Some(path) if output.status.success() => Ok(path),
            _ if !updated.status.success() => bail!("the mirror gives no source packages: {}", complaint(&updated)),
            _ => bail!("cannot download the source of {package}: {}", complaint(&output)),
        }
    }
}

/// The name in apt's cache of the package of one line of a simulation: `Inst NAME (VERSION ORIGIN [ARCHITECTURE])`, where
/// the version of a package from several releases is followed by all of them. Truth: apt-get(8), `--simulate`.
fn archive_name(line: &str) -> Option<String> {
    let (name, rest) = line.strip_prefix("Inst ")?.split_once(' ')?;
    let rest = rest.split_once('(')?.1;
    let version = rest.split_whitespace().next()?;
    let architecture = rest.split_once('[')?.1.split_once(']')?.0;
    let name = name.split(':').next()?;
    Some(format!("{name}_{}_{architecture}.deb", version.replace('_', "%5f").replace(':', "%3a")))
}

/// What apt itself said went wrong, in one line.
fn complaint(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let line = text.lines().find(|line| line.starts_with("E:")).or_else(|| text.lines().find(|line| !line.is_empty()));
    line.unwrap_or("apt gave no reason").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_sources_with_options_and_comments() {
        let text = "# comment\ndeb-src http://a.invalid/debian bookworm main\n\
                    deb [arch=amd64 signed-by=/x.gpg] http://b.invalid/debian bookworm main contrib # tail\n\
                    deb http://c.invalid/debian-security bookworm-security main\n deb\tcdrom:[x]/ bookworm main\n";
        let sources = parse_one_line(text);
        assert_eq!(sources.len(), 3);
        assert_eq!(sources[0].uris, ["http://b.invalid/debian"]);
        assert_eq!(sources[0].suites, ["bookworm"]);
        assert_eq!(sources[0].components, ["main", "contrib"]);
        assert_eq!(debian_mirrors(&sources), ["http://b.invalid/debian"]);
    }

    #[test]
    fn stanzas_with_continued_fields_comments_and_disabled_ones() {
        let text = "Types: deb deb-src\n# a comment inside\nURIs: http://a.invalid/debian\n http://b.invalid/debian\n\
                    Suites: trixie trixie-updates\nComponents: main\nSigned-By: /k.gpg\n\n\
                    Types: deb\nEnabled: no\nURIs: http://c.invalid/debian\nSuites: trixie\nComponents: main\n\n\
                    types: deb\nuris: http://d.invalid/node\nsuites: nodistro\ncomponents: main\n";
        let sources = parse_stanzas(text);
        assert_eq!(sources.len(), 2);
        assert_eq!(debian_mirrors(&sources), ["http://a.invalid/debian", "http://b.invalid/debian"]);
    }

    #[test]
    fn other_distributions_and_security_archives_are_no_debian_mirror() {
        let ubuntu = parse_one_line("deb http://x.invalid/ubuntu noble main\n");
        let security = parse_stanzas("Types: deb\nURIs: http://x.invalid/s\nSuites: trixie-security\nComponents: main");
        assert!(debian_mirrors(&ubuntu).is_empty());
        assert!(debian_mirrors(&security).is_empty());
    }

    #[test]
    fn a_simulated_installation_names_files_of_the_cache() {
        let line = "Inst zlib1g (1:1.3.dfsg+really1.3.1-1+b1 Debian:13.7/stable [s390x]) []";
        assert_eq!(archive_name(line).unwrap(), "zlib1g_1%3a1.3.dfsg+really1.3.1-1+b1_s390x.deb");
        let line = "Inst netbase (6.5 Debian:13.7/stable [all])";
        assert_eq!(archive_name(line).unwrap(), "netbase_6.5_all.deb");
        assert_eq!(archive_name("Conf netbase (6.5 Debian:13.7/stable [all])"), None);
        assert_eq!(archive_name("Inst netbase"), None);
    }

    #[test]
    fn only_transport_settings_are_borrowed() {
        let dump = "APT::Update::Post-Invoke:: \"rm\";\nAcquire::http::Proxy \"http://p.invalid:1\";\n\
                    Acquire::Languages:: \"en\";\nDir \"/\";\n";
        assert_eq!(transport_settings(dump), "Acquire::http::Proxy \"http://p.invalid:1\";\n");
    }
}
