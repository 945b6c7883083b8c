//! The programs that the machine must have. A missing one is installed on Debian as root; elsewhere the step fails and
//! names it.

use crate::run::{command, run};
use anyhow::{Result, bail};
use std::env;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

/// Programs, each with the Debian package that contains it.
pub(crate) type Needs = &'static [(&'static str, &'static str)];

/// Proxies that tests put in front of the server.
const PROXIES: [(&str, &str); 2] = [("nginx", "nginx"), ("haproxy", "haproxy")];

/// Programs that check the server as a service and as a container.
const DEPLOYMENT: [(&str, &str); 2] = [("systemd-analyze", "systemd"), ("unshare", "util-linux")];

/// Programs for the tests of every run, for the determinism check outside of a browser, and for a smaller bundle.
pub(crate) const NODE: Needs =
    &[("node", "nodejs"), ("npm", "npm"), PROXIES[0], PROXIES[1], DEPLOYMENT[0], DEPLOYMENT[1], ("python3", "python3")];

/// The same programs, and browsers that tests can drive. Debian has no driver of Firefox: it is built.
pub(crate) const BROWSER: Needs = &[
    ("node", "nodejs"),
    ("npm", "npm"),
    PROXIES[0],
    PROXIES[1],
    DEPLOYMENT[0],
    DEPLOYMENT[1],
    ("python3", "python3"),
    ("chromium", "chromium"),
    ("chromedriver", "chromium-driver"),
    ("firefox-esr", "firefox-esr"),
    ("WebKitWebDriver", "webkit2gtk-driver"),
    ("Xvfb", "xvfb"),
];

const UPDATE_LIMIT: Duration = Duration::from_secs(180);
const INSTALL_LIMIT: Duration = Duration::from_secs(600);

/// Installs the programs that are missing.
pub(crate) fn prepare(needs: Needs, log: &Path) -> Result<()> {
    let missing: Vec<&str> =
        needs.iter().filter(|(program, _)| !is_there(program)).map(|(_, package)| *package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    install(&missing, log)?;
    match needs.iter().find(|(program, _)| !is_there(program)) {
        Some((program, package)) => bail!("{package} was installed, but the path still has no {program}"),
        None => Ok(()),
    }
}

/// Installs Debian packages.
pub(crate) fn install(missing: &[&str], log: &Path) -> Result<()> {
    let packages = missing.join(" ");
    if !is_there("apt-get") {
        bail!("these packages are missing: {packages}; there is no apt-get here, so install them by hand");
    }
    if !is_root() {
        bail!("these packages are missing: run `apt-get install {packages}` as root, or run `cargo verify` as root");
    }
    apt(&["update"], UPDATE_LIMIT, log)?;
    let mut install = vec!["install", "--yes", "--no-install-recommends"];
    install.extend(missing);
    apt(&install, INSTALL_LIMIT, log)
}

fn apt(arguments: &[&str], limit: Duration, log: &Path) -> Result<()> {
    let mut apt = command("apt-get", arguments);
    apt.env("DEBIAN_FRONTEND", "noninteractive");
    run(apt, limit, log)
}

/// Whether a program is on the path, or where Debian puts programs of the system.
pub(crate) fn is_there(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let system = Path::new("/usr/sbin").to_owned();
    env::split_paths(&path).chain([system]).any(|folder| folder.join(program).is_file())
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}
