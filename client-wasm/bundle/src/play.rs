//! The server in place of this program, in this very process.
//!
//! Because the server replaces the process, every signal reaches it and its exit code is the one that the caller sees.
//! Leaves out the check whether the port is free: the server reports that.

use std::convert::Infallible;
use std::env;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::command::{CommandError, say};

/// An address that no machine has (RFC 5737): a query for the route to it sends nothing.
const ELSEWHERE: (Ipv4Addr, u16) = (Ipv4Addr::new(192, 0, 2, 1), 9);

/// A server that does not listen after this time never will.
const LISTEN_LIMIT: Duration = Duration::from_secs(60);

/// Time between two checks whether the server listens.
const LISTEN_PAUSE: Duration = Duration::from_millis(100);

/// The variable that names the server's data folder.
const DATA_VARIABLE: &str = "TICKWIRE_DATA";

/// Programs that open an address in the person's browser.
const OPENERS: [&str; 2] = ["xdg-open", "open"];

/// The address on which the server listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listen {
    /// TCP port.
    pub port: u16,
    /// Whether other machines may connect.
    pub lan: bool,
}

impl Listen {
    /// The address to bind.
    #[must_use]
    pub fn address(self) -> SocketAddr {
        let ip = if self.lan { Ipv4Addr::UNSPECIFIED } else { Ipv4Addr::LOCALHOST };
        SocketAddr::from((ip, self.port))
    }

    /// The page's address on this machine.
    #[must_use]
    pub fn local_url(self) -> String {
        format!("http://{}:{}", Ipv4Addr::LOCALHOST, self.port)
    }

    /// The page's addresses for other machines, the likeliest first; none unless `lan`.
    #[must_use]
    pub fn lan_urls(self) -> Vec<String> {
        if !self.lan {
            return Vec::new();
        }
        let addresses = in_order(main_address(), interface_addresses());
        addresses.into_iter().map(|address| format!("http://{address}:{}", self.port)).collect()
    }
}

/// Becomes the server: this process does not return from here unless that is impossible. Its matches are kept in a folder
/// below `target`, one for each port, so that the next server on the port goes on with them.
///
/// # Errors
/// When the server cannot be started.
pub fn become_server(server: &Path, listen: Listen, target: &Path) -> Result<Infallible, CommandError> {
    let mut command = Command::new(server);
    command.args(["serve", "--listen"]).arg(listen.address().to_string());
    if let Some(data) = matches_folder(server, listen.port, target) {
        command.arg("--data").arg(data);
    }
    let source = command.args(listen.lan.then_some("--lan")).exec();
    Err(CommandError::Start { program: server.display().to_string(), source })
}

/// The folder below `target` in which the server on this port keeps its matches. There is none when somebody has set a
/// folder and so wants that one, and when the server could not use it: then its matches end with it, which is said with
/// the server's own words.
pub(crate) fn matches_folder(server: &Path, port: u16, target: &Path) -> Option<PathBuf> {
    if env::var_os(DATA_VARIABLE).is_some() {
        return None;
    }
    let data = target.join("play").join(port.to_string());
    match refusal(server, &data) {
        None => {
            say(&format!("matches are kept in {}; delete it to begin anew", data.display()));
            Some(data)
        }
        Some(why) => {
            say(&format!("matches end with this server, because nothing can be kept of them: {why}"));
            None
        }
    }
}

/// The reason why a server could not use a data folder now: another one uses it, it is of a newer format, others may write
/// to it, as on a mount without permissions, and the like.
fn refusal(server: &Path, data: &Path) -> Option<String> {
    let check = Command::new(server).args(["journal", "check"]).arg(data).stdin(Stdio::null()).output();
    match check {
        Ok(checked) if checked.status.success() => None,
        Ok(checked) => Some(String::from_utf8_lossy(&checked.stderr).trim().to_owned()),
        Err(error) => Some(error.to_string()),
    }
}

/// Starts this program once more, in the background, to run [`open_when_up`].
pub fn open_later(port: u16) {
    // The shell is between the two so that the waiting program is not a child of the future server, which would never
    // collect its exit status.
    let script = r#""$1" open "$2" >/dev/null 2>&1 &"#;
    let started = env::current_exe().and_then(|own| {
        let mut shell = Command::new("sh");
        shell.args(["-c", script, "sh"]).arg(own).arg(port.to_string()).status()
    });
    if let Err(error) = started {
        say(&format!("the page cannot be opened from here: {error}"));
    }
}

/// Waits until a server listens on `port` of this machine, then opens its page in the browser. Gives up without a
/// message, because the address is on the screen anyway.
pub fn open_when_up(port: u16) {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let started = Instant::now();
    while TcpStream::connect_timeout(&address, LISTEN_PAUSE).is_err() {
        if started.elapsed() > LISTEN_LIMIT {
            return;
        }
        thread::park_timeout(LISTEN_PAUSE);
    }
    let url = format!("http://{address}");
    let _ = OPENERS.iter().find(|opener| Command::new(opener).arg(&url).status().is_ok());
}

/// The address from which this machine reaches others.
fn main_address() -> Option<Ipv4Addr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect(ELSEWHERE).ok()?;
    match socket.local_addr().ok()?.ip() {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    }
}

fn interface_addresses() -> Vec<Ipv4Addr> {
    let interfaces: io::Result<Vec<if_addrs::Interface>> = if_addrs::get_if_addrs();
    let addresses = interfaces.into_iter().flatten().map(|interface| interface.ip());
    let addresses = addresses.filter_map(|address| match address {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    });
    addresses.collect()
}

/// `main` before `others`, each once, without those that other machines cannot reach.
fn in_order(main: Option<Ipv4Addr>, others: Vec<Ipv4Addr>) -> Vec<Ipv4Addr> {
    let mut ordered: Vec<Ipv4Addr> = Vec::new();
    for address in main.into_iter().chain(others) {
        let reachable = !address.is_loopback() && !address.is_link_local() && !address.is_unspecified();
        if reachable && !ordered.contains(&address) {
            ordered.push(address);
        }
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_folder_that_the_server_refuses_is_done_without_and_the_reason_is_the_servers_own() {
        let scratch = Scratch::new("play-data");
        let program = scratch.path().join("server");
        let script = "#!/bin/sh\ntest \"$1 $2\" = \"journal check\" || exit 9\n\
                      case \"$3\" in */8081) echo \"$3 has format 9\" >&2; exit 2;; esac\n";
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let data = |port: u16| scratch.path().join("play").join(port.to_string());
        // While a fork of another test has the file open, it cannot be started.
        let started = (0..100).any(|_| {
            let usable = refusal(&program, &data(8080)).is_none();
            (!usable).then(|| thread::park_timeout(LISTEN_PAUSE));
            usable
        });
        assert!(started, "the server takes the folder");
        assert_eq!(refusal(&program, &data(8081)), Some(format!("{} has format 9", data(8081).display())));
        assert_eq!(matches_folder(&program, 8081, scratch.path()), None);
        assert!(refusal(&scratch.path().join("nothing"), &data(8080)).is_some());
    }

    #[test]
    fn only_a_lan_server_listens_to_other_machines() {
        let alone = Listen { port: 8080, lan: false };
        assert_eq!(alone.address().to_string(), "127.0.0.1:8080");
        assert!(alone.lan_urls().is_empty());
        assert_eq!(Listen { port: 8080, lan: true }.address().to_string(), "0.0.0.0:8080");
    }

    #[test]
    fn the_main_address_comes_first_and_once_and_unreachable_ones_not_at_all() {
        let [main, docker] = [Ipv4Addr::new(192, 168, 1, 5), Ipv4Addr::new(172, 17, 0, 1)];
        let interfaces = vec![Ipv4Addr::LOCALHOST, docker, Ipv4Addr::new(169, 254, 3, 4), main];
        assert_eq!(in_order(Some(main), interfaces), [main, docker]);
        assert!(in_order(None, vec![Ipv4Addr::LOCALHOST]).is_empty());
    }
}
