//! Debian's compiler as plain files: downloaded and unpacked below `target/`, nothing installed.
//!
//! Debian keeps `rustc-web` current for its browsers. Compiler, standard library and its sources must be of one
//! version, and LLVM with all its dependencies comes along as far as the machine lacks them. A marker that is written
//! last tells that the folder is complete; an incomplete folder is unpacked anew. Leaves out verifying the packages:
//! apt does that.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::{QUESTION_LIMIT, ask_rustc};
use crate::Project;
use crate::command::{self, CommandError, Progress, say};

/// Time limit for the download of about 140 MB.
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(900);

/// Time limit for `apt-get update` on a machine that has never run it.
const UPDATE_LIMIT: Duration = Duration::from_secs(300);

/// Time limit for unpacking one package.
const UNPACK_LIMIT: Duration = Duration::from_secs(120);

/// Unpacks only the standard library of `rust-web-src`: the complete package would be 340 MB.
const EXTRACT_SOURCES: &str = r#"dpkg-deb --fsys-tarfile "$1" | tar -x -C "$2" --wildcards './usr/src/*/library'"#;

/// Reasons why Debian's packages did not give a compiler.
#[derive(Debug, thiserror::Error)]
pub enum DebianError {
    /// There is no package, or only one that is too old for this workspace.
    #[error(
        "apt knows no rustc-web of version {needed} or newer (found: {}): run `apt-get update` as root, \
         or `rustup target add wasm32-unknown-unknown` on a machine with access to the internet",
        found.as_deref().unwrap_or("none")
    )]
    NoCandidate {
        /// The oldest version that compiles this workspace.
        needed: &'static str,
        /// The version that apt offers.
        found: Option<String>,
    },
    /// apt or dpkg failed.
    #[error("a package could not be fetched or unpacked")]
    Package(#[from] CommandError),
    /// A file operation failed.
    #[error("{}: cannot be written or read", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The compiler was unpacked and does not start.
    #[error("the unpacked compiler does not start")]
    Broken(#[source] CommandError),
    /// The unpacked sources of the standard library are not where cargo looks for them.
    #[error("rust-web-src has no standard library in usr/src")]
    NoSources,
    /// No program can link WebAssembly.
    #[error("no linker for WebAssembly: rustup's rust-lld, or `apt-get install lld` as root")]
    NoLinker,
}

/// The folder with the unpacked compiler.
#[derive(Debug)]
pub(super) struct Unpacked {
    folder: PathBuf,
}

/// The packages to download, each as apt expects it: `name` or `name=version`.
#[derive(Debug, PartialEq, Eq)]
struct Packages(Vec<String>);

impl Unpacked {
    pub(super) fn below(project: &Project) -> Self {
        Self { folder: project.target().join("wasm-toolchain") }
    }

    pub(super) fn rustc(&self) -> PathBuf {
        self.folder.join("rustc")
    }

    fn marker(&self) -> PathBuf {
        self.folder.join("complete")
    }

    pub(super) fn is_complete(&self) -> bool {
        // The link to the sources is absolute, so a folder that was moved is not complete.
        let folder = self.folder.to_string_lossy();
        fs::read_to_string(self.marker()).is_ok_and(|marker| marker == folder)
            && ask_rustc(&self.rustc(), &["--version"]).is_ok()
    }

    /// Downloads and unpacks all packages.
    pub(super) fn unpack(&self) -> Result<(), DebianError> {
        let (root, archives) = (self.folder.join("root"), self.folder.join("archives"));
        if self.folder.exists() {
            file(&self.folder, fs::remove_dir_all(&self.folder))?;
        }
        file(&root, fs::create_dir_all(&root))?;
        file(&archives, fs::create_dir_all(&archives))?;
        {
            let _progress = Progress::start("client: downloading Debian's compiler for WebAssembly (140 MB)");
            let packages = candidates()?;
            if let Err(error) = download(&packages, &archives) {
                // The usual reason is an outdated list of versions that the archive has replaced.
                say(&format!("client: {error}"));
                update()?;
                download(&candidates()?, &archives)?;
            }
        }
        let _progress = Progress::start("client: unpacking Debian's compiler");
        for archive in entries(&archives)? {
            unpack_one(&archive, &root)?;
        }
        file(&archives, fs::remove_dir_all(&archives))?;
        self.write_wrapper(&root)?;
        self.link_sources(&root)?;
        file(&self.marker(), fs::write(self.marker(), self.folder.to_string_lossy().as_bytes()))
    }

    /// Writes the script that calls the compiler with its own libraries.
    fn write_wrapper(&self, root: &Path) -> Result<(), DebianError> {
        let folders = library_folders(root)?;
        let folders = folders.iter().filter_map(|folder| folder.strip_prefix(&self.folder).ok());
        let libraries: Vec<String> = folders.map(|folder| format!("$here/{}", folder.display())).collect();
        let libraries = libraries.join(":");
        // An empty part of the list would mean the current folder.
        let script = format!(
            "#!/bin/sh\nhere=${{0%/*}}\n\
             export LD_LIBRARY_PATH=\"{libraries}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}\"\n\
             exec \"$here/root/usr/bin/rustc\" \"$@\"\n"
        );
        let wrapper = self.rustc();
        file(&wrapper, fs::write(&wrapper, script))?;
        file(&wrapper, fs::set_permissions(&wrapper, Permissions::from_mode(0o755)))
    }

    /// cargo looks for the sources of the standard library below the compiler's own root.
    fn link_sources(&self, root: &Path) -> Result<(), DebianError> {
        let sysroot = ask_rustc(&self.rustc(), &["--print", "sysroot"]).map_err(DebianError::Broken)?;
        let place = Path::new(sysroot.trim_end()).join("lib/rustlib/src");
        let sources = entries(&root.join("usr/src"))?;
        let sources = sources.iter().find(|folder| folder.join("library/Cargo.toml").is_file());
        let sources = sources.ok_or(DebianError::NoSources)?;
        file(&place, fs::create_dir_all(&place))?;
        let link = place.join("rust");
        // Debian's package may contain a link of its own, which points outside.
        if link.symlink_metadata().is_ok() {
            file(&link, fs::remove_file(&link))?;
        }
        file(&link, symlink(sources, &link))
    }
}

fn file<T>(path: &Path, result: io::Result<T>) -> Result<T, DebianError> {
    result.map_err(|source| DebianError::File { path: path.to_owned(), source })
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, DebianError> {
    let read = file(folder, fs::read_dir(folder))?;
    Ok(read.flatten().map(|entry| entry.path()).collect())
}

/// Folders of the unpacked packages that hold shared libraries.
fn library_folders(root: &Path) -> Result<Vec<PathBuf>, DebianError> {
    let mut found = Vec::new();
    let mut waiting = vec![root.join("usr/lib"), root.join("lib")];
    while let Some(folder) = waiting.pop() {
        if !folder.is_dir() {
            continue;
        }
        // The compiler finds the libraries in its own tree by itself.
        if folder.ends_with("rustlib") {
            continue;
        }
        let mut libraries = false;
        for path in entries(&folder)? {
            if path.is_dir() && !path.is_symlink() {
                waiting.push(path);
            } else {
                libraries |= path.file_name().is_some_and(|name| name.to_string_lossy().contains(".so"));
            }
        }
        if libraries {
            found.push(folder);
        }
    }
    Ok(found)
}

fn apt(program: &str) -> Command {
    let mut command = Command::new(program);
    // The answers are parsed, so they must not be translated.
    command.env("LC_ALL", "C").env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn update() -> Result<(), DebianError> {
    say("client: apt-get update…");
    command::run(apt("apt-get").arg("update"), UPDATE_LIMIT, |_| ())?;
    Ok(())
}

/// The packages of the newest compiler that apt offers; refreshes apt's lists once if that is too old.
fn candidates() -> Result<Packages, DebianError> {
    let needed = env!("CARGO_PKG_RUST_VERSION");
    let mut found = candidate()?;
    if !found.as_deref().is_some_and(|version| is_at_least(version, needed)) {
        if let Err(error) = update() {
            say(&format!("client: {error}"));
        }
        found = candidate()?;
    }
    let version = match found {
        Some(version) if is_at_least(&version, needed) => version,
        found => return Err(DebianError::NoCandidate { needed, found }),
    };
    let depends = apt_cache(&["show", &format!("libstd-rust-web-dev={version}")])?;
    let Some(std) = dependency(&depends, "libstd-rust-web-") else {
        return Err(DebianError::NoCandidate { needed, found: Some(version) });
    };
    // apt itself determines which parts of LLVM and of its libraries this machine lacks.
    let std = format!("{std}={version}");
    let mut simulate = apt("apt-get");
    simulate.args(["install", "--simulate", "--no-install-recommends", &std]);
    let plan = command::run(&mut simulate, QUESTION_LIMIT, |_| ())?;
    Ok(packages(&version, &std, &plan))
}

fn candidate() -> Result<Option<String>, CommandError> {
    Ok(parse_candidate(&apt_cache(&["policy", "rustc-web"])?))
}

fn apt_cache(arguments: &[&str]) -> Result<String, CommandError> {
    command::run(apt("apt-cache").args(arguments), QUESTION_LIMIT, |_| ())
}

/// The candidate in the answer of `apt-cache policy`.
fn parse_candidate(policy: &str) -> Option<String> {
    let version = policy.lines().find_map(|line| line.trim().strip_prefix("Candidate: "))?;
    (version != "(none)").then(|| version.to_owned())
}

/// Whether `version`, such as `1.96.0+dfsg1-1`, is `needed`, such as `1.95`, or newer.
fn is_at_least(version: &str, needed: &str) -> bool {
    fn numbers(version: &str) -> Option<(u32, u32)> {
        let mut parts = version.split(|c: char| !c.is_ascii_digit());
        Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    }
    numbers(version) >= numbers(needed)
}

/// The first dependency in the answer of `apt-cache show` whose name starts with `prefix`.
fn dependency(show: &str, prefix: &str) -> Option<String> {
    let depends = show.lines().find_map(|line| line.strip_prefix("Depends: "))?;
    let mut names = depends.split(", ").filter_map(|entry| entry.split_whitespace().next());
    names.find(|name| name.starts_with(prefix)).map(str::to_owned)
}

/// The compiler's packages and, from apt's `plan` to install its library, those that would be new. A package that would
/// only be upgraded is there already, and a second C library would break the compiler.
fn packages(version: &str, std: &str, plan: &str) -> Packages {
    let own = ["rustc-web", "libstd-rust-web-dev", "rust-web-src"];
    let mut packages: Vec<String> = own.iter().map(|name| format!("{name}={version}")).collect();
    packages.push(std.to_owned());
    for line in plan.lines() {
        let mut words = line.split_whitespace();
        let (Some("Inst"), Some(name), Some(version)) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        let Some(version) = version.strip_prefix('(') else {
            continue;
        };
        let package = format!("{name}={version}");
        if !packages.contains(&package) {
            packages.push(package);
        }
    }
    Packages(packages)
}

fn download(packages: &Packages, folder: &Path) -> Result<(), CommandError> {
    // As root, apt would download as a user who may not write here.
    let mut command = apt("apt-get");
    command.args(["-o", "APT::Sandbox::User=root", "download"]).args(&packages.0).current_dir(folder);
    command::run(&mut command, DOWNLOAD_LIMIT, |_| ())?;
    Ok(())
}

fn unpack_one(archive: &Path, root: &Path) -> Result<(), DebianError> {
    let is_sources = archive.file_name().is_some_and(|name| name.to_string_lossy().starts_with("rust-web-src"));
    if !is_sources {
        command::run(Command::new("dpkg-deb").arg("--extract").args([archive, root]), UNPACK_LIMIT, |_| ())?;
        return Ok(());
    }
    let mut pipe = Command::new("sh");
    pipe.args(["-c", EXTRACT_SOURCES, "sh"]).args([archive, root]);
    command::run(&mut pipe, UNPACK_LIMIT, |_| ())?;
    Ok(())
}

/// A linker that writes WebAssembly: rustup's own, or one on the path.
pub(super) fn find_linker(project: &Project) -> Result<PathBuf, DebianError> {
    let sysroot = ask_rustc(&project.tools().rustc, &["--print", "sysroot"])?;
    let hosts = Path::new(sysroot.trim_end()).join("lib/rustlib");
    let own = fs::read_dir(hosts).into_iter().flatten().flatten();
    let own = own.map(|host| host.path().join("bin/rust-lld")).find(|linker| linker.is_file());
    let named = || {
        let names = ["rust-lld", "wasm-ld", "wasm-ld-22", "wasm-ld-19", "wasm-ld-14"];
        names.into_iter().find(|name| super::answers(name)).map(PathBuf::from)
    };
    own.or_else(named).ok_or(DebianError::NoLinker)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_candidate_is_read_from_apts_answer() {
        let policy = "rustc-web:\n  Installed: (none)\n  Candidate: 1.96.0+dfsg1-1~deb12u2\n  Version table:\n";
        assert_eq!(parse_candidate(policy).as_deref(), Some("1.96.0+dfsg1-1~deb12u2"));
        assert_eq!(parse_candidate("rustc-web:\n  Candidate: (none)\n"), None);
        assert_eq!(parse_candidate(""), None);
    }

    #[test]
    fn an_old_compiler_is_refused() {
        assert!(is_at_least("1.96.0+dfsg1-1~deb12u2", "1.95"));
        assert!(is_at_least("1.95.0", "1.95"));
        assert!(is_at_least("2.0.0", "1.95"));
        assert!(!is_at_least("1.85.0+dfsg3-1", "1.95"));
        assert!(!is_at_least("", "1.95"));
    }

    #[test]
    fn the_library_of_the_same_version_is_found_among_the_dependencies() {
        let show = "Package: libstd-rust-web-dev\nDepends: libc6 (>= 2.34), libstd-rust-web-1.96 (= 1.96.0)\n";
        assert_eq!(dependency(show, "libstd-rust-web-").as_deref(), Some("libstd-rust-web-1.96"));
        assert_eq!(dependency(show, "libllvm"), None);
    }

    #[test]
    fn missing_libraries_are_downloaded_and_upgrades_are_not() {
        let plan = "NOTE: simulation\nInst libllvm22 (1:22.1.8 Debian [amd64])\nInst libc6 [2.36] (2.37 Debian [amd64])\n\
                    Inst libstd-rust-web-1.96 (1.96.0 Debian [amd64])\nConf libllvm22 (1:22.1.8 Debian [amd64])\n";
        let Packages(packages) = packages("1.96.0", "libstd-rust-web-1.96=1.96.0", plan);
        let expected = [
            "rustc-web=1.96.0",
            "libstd-rust-web-dev=1.96.0",
            "rust-web-src=1.96.0",
            "libstd-rust-web-1.96=1.96.0",
            "libllvm22=1:22.1.8",
        ];
        assert_eq!(packages, expected);
    }
}
