//! A proxy of Debian as a process, for tests that need one in front of a server; and nginx with its file of
//! `server/deploy`.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread::park_timeout;
use std::time::{Duration, Instant};

pub(crate) const NGINX: &str = include_str!("../../server/deploy/nginx.conf");

/// Longer than any wait of the server or of a proxy.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// The path of a program of Debian.
pub(crate) fn debian(program: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&path).chain(["/usr/sbin".into()]).map(|folder| folder.join(program));
    places.find(|path| path.is_file()).unwrap_or_else(|| {
        panic!(
            "{program} is missing, which tests put in front of the server: apt-get install {program}, or cargo verify"
        )
    })
}

/// A proxy that runs for one test, with its files in a folder of its own.
pub(crate) struct Proxy {
    child: Child,
    pub(crate) folder: PathBuf,
    pub(crate) address: SocketAddr,
}

impl Proxy {
    pub(crate) fn nginx(text: &str, server: SocketAddr) -> Self {
        Self::start("nginx", |folder, address| {
            let at = |name: &str| format!("{}/{name}", folder.display());
            let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
                .map(|kind| format!("{kind}_temp_path {};\n", at(kind)))
                .concat();
            let text = changed(text, "listen 80;", &format!("listen {address};"));
            let text = changed(&text, "127.0.0.1:8080;", &format!("{server};"));
            let text = changed(&text, "/run/nginx.pid", &at("pid"));
            let text = changed(&text, "/var/log/nginx/error.log", &at("error.log"));
            let text = changed(&text, "access_log off;", &format!("access_log off;\n{temporary}"));
            fs::write(at("nginx.conf"), text).expect("a file");
            let mut command = Command::new(debian("nginx"));
            command.args(["-c", &at("nginx.conf"), "-p", &at(""), "-e", &at("error.log"), "-g", "daemon off;"]);
            command
        })
    }

    /// Starts a proxy on a free port. Another program may take the port first, so there are several tries.
    pub(crate) fn start(name: &str, command: impl Fn(&Path, SocketAddr) -> Command) -> Self {
        for _ in 0..5 {
            let free = TcpListener::bind((own_loopback(), 0)).and_then(|listener| listener.local_addr());
            let address = free.expect("a free port");
            let folder = format!("tickwire-{name}-{}-{}", std::process::id(), address.port());
            let folder = std::env::temp_dir().join(folder);
            fs::create_dir_all(&folder).expect("a folder");
            let output = fs::File::create(folder.join("output")).expect("a file");
            let mut command = command(&folder, address);
            let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(output).spawn();
            let mut proxy = Self { child: child.expect("the proxy starts"), folder, address };
            if proxy.listens() {
                return proxy;
            }
            let words = ["output", "error.log"].map(|name| fs::read_to_string(proxy.folder.join(name)));
            let is_taken = words.iter().flatten().any(|words| words.contains("in use"));
            assert!(is_taken, "{name} does not start: {words:?}");
        }
        panic!("{name} found no free port");
    }

    /// Waits until the proxy accepts connections; false when it has ended.
    fn listens(&mut self) -> bool {
        let end = Instant::now() + DEADLINE;
        while Instant::now() < end {
            if TcpStream::connect(self.address).is_ok() {
                return true;
            }
            if !matches!(self.child.try_wait(), Ok(None)) {
                return false;
            }
            park_timeout(Duration::from_millis(20));
        }
        panic!("the proxy does not listen");
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // A master of nginx that is killed would leave its workers behind.
        let _ = Command::new("kill").args(["-s", "TERM", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// An address of the loopback network for one proxy alone. Between the choice of a port and its use another test could
/// take the port of a shared address, and would answer in the place of the proxy.
fn own_loopback() -> Ipv4Addr {
    static PROXIES: AtomicU8 = AtomicU8::new(1);
    let process = u8::try_from(std::process::id() % 200).expect("it is below 200");
    Ipv4Addr::new(127, 50 + process, 0, PROXIES.fetch_add(1, Ordering::Relaxed))
}

/// A text with one part replaced, which has to be there.
pub(crate) fn changed(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from:?} is not in the file");
    text.replace(from, to)
}
