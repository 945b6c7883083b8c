//! Messages to the service manager that has started the process, such as systemd: ready, reloading, stopping, alive.
//!
//! The manager names a socket in `NOTIFY_SOCKET`; without one nothing is sent. The socket never blocks, because the
//! thread that sends also looks after all others: a message that the manager does not take at once is lost, and the next
//! sign of life follows soon.

use rustix::time::{ClockId, clock_gettime};
use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::{Duration, Instant};

/// Signs of life in the time after which the manager would kill the process. One or two of them may be lost.
const SIGNS_OF_LIFE: u32 = 4;

/// The way to the service manager.
#[derive(Debug, Default)]
pub(super) struct Notifier {
    socket: Option<UnixDatagram>,
    /// Time between two signs of life, if the manager waits for any.
    interval: Option<Duration>,
    /// The time of the last sign of life.
    alive_at: Option<Instant>,
    /// The words that the manager shows at the moment.
    status: String,
}

impl Notifier {
    /// The manager that the environment names, if it names one.
    pub(super) fn of_environment() -> Self {
        let Some(address) = env::var_os("NOTIFY_SOCKET") else { return Self::default() };
        let number = |name| env::var(name).ok()?.parse::<u64>().ok();
        // The variables may be meant for another process, from which this one has inherited them.
        let is_ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        let watchdog = number("WATCHDOG_USEC").filter(|us| is_ours && *us > 0).map(Duration::from_micros);
        Self::to(&address, watchdog).unwrap_or_else(|error| {
            tracing::warn!(%error, "the service manager cannot be told anything: NOTIFY_SOCKET leads nowhere");
            Self::default()
        })
    }

    /// The manager behind the socket with this address; its name begins with `@` when it is not in the file system.
    /// After `watchdog` without a sign of life the manager kills the process.
    fn to(address: &OsStr, watchdog: Option<Duration>) -> io::Result<Self> {
        let address = match address.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
            path => SocketAddr::from_pathname(OsStr::from_bytes(path))?,
        };
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        socket.connect_addr(&address)?;
        let interval = watchdog.map(|watchdog| watchdog / SIGNS_OF_LIFE);
        Ok(Self { socket: Some(socket), interval, ..Self::default() })
    }

    /// Connections are accepted, or a reload is over.
    pub(super) fn ready(&mut self, status: &str) {
        self.say_with_status("READY=1", status);
    }

    /// Settings are being read again; [`Notifier::ready`] follows.
    pub(super) fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        let now_us = i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec) / 1_000;
        self.say(&format!("RELOADING=1\nMONOTONIC_USEC={now_us}"));
    }

    /// The server stops, for this reason.
    pub(super) fn stopping(&mut self, status: &str) {
        self.say_with_status("STOPPING=1", status);
    }

    /// The words that the manager is to show; they are sent when they have changed.
    pub(super) fn status(&mut self, status: &str) {
        if self.status != status {
            status.clone_into(&mut self.status);
            self.say(&format!("STATUS={status}"));
        }
    }

    /// All threads live and work. A sign of life is sent when it is time for one.
    pub(super) fn alive(&mut self, now: Instant) {
        let Some(interval) = self.interval else { return };
        if self.alive_at.is_none_or(|last| now.saturating_duration_since(last) >= interval) {
            self.alive_at = Some(now);
            self.say("WATCHDOG=1");
        }
    }

    fn say_with_status(&mut self, state: &str, status: &str) {
        status.clone_into(&mut self.status);
        self.say(&format!("{state}\nSTATUS={status}"));
    }

    fn say(&self, message: &str) {
        let Some(socket) = &self.socket else { return };
        if let Err(error) = socket.send(message.as_bytes()) {
            tracing::debug!(%error, message, "the service manager has not taken a message");
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::ffi::OsString;
    use std::path::Path;

    const WATCHDOG: Duration = Duration::from_secs(4);

    /// A manager and the way to it, by a name that is not in the file system.
    pub(in crate::server) fn manager(name: &str) -> (UnixDatagram, Notifier) {
        let name = format!("tickwire-{name}-{}", std::process::id());
        let manager = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        manager.set_nonblocking(true).unwrap();
        let notifier = Notifier::to(&OsString::from(format!("@{name}")), Some(WATCHDOG)).unwrap();
        (manager, notifier)
    }

    /// The messages that the manager has received since the last call.
    pub(in crate::server) fn received(manager: &UnixDatagram) -> Vec<String> {
        let mut bytes = [0; 1_024];
        let one = || manager.recv(&mut bytes).ok().map(|count| String::from_utf8_lossy(&bytes[..count]).into_owned());
        std::iter::from_fn(one).collect()
    }

    #[test]
    fn a_manager_is_told_over_a_name_and_over_a_path() {
        let (abstract_manager, mut by_name) = manager("told");
        let folder = env::temp_dir().join(format!("tickwire-notify-{}", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        let path = folder.join("socket");
        let path_manager = UnixDatagram::bind(&path).unwrap();
        path_manager.set_nonblocking(true).unwrap();
        let mut by_path = Notifier::to(path.as_os_str(), None).unwrap();
        for (manager, notifier) in [(abstract_manager, &mut by_name), (path_manager, &mut by_path)] {
            notifier.ready("plays");
            notifier.status("plays");
            notifier.status("full");
            notifier.stopping("bye");
            assert_eq!(received(&manager), ["READY=1\nSTATUS=plays", "STATUS=full", "STOPPING=1\nSTATUS=bye"]);
            notifier.reloading();
            let reloading = received(&manager).concat();
            assert!(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{reloading}");
        }
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn signs_of_life_come_four_times_in_the_time_of_the_watchdog_and_only_when_it_waits() {
        let (manager, mut notifier) = manager("alive");
        let begin = Instant::now();
        for quarter_seconds in 0..16 {
            notifier.alive(begin + Duration::from_millis(250) * quarter_seconds);
        }
        assert_eq!(received(&manager), ["WATCHDOG=1"; 4]);
        notifier.interval = None;
        notifier.alive(begin + WATCHDOG);
        assert!(received(&manager).is_empty(), "the manager has no watchdog");
    }

    #[test]
    fn a_manager_that_is_gone_or_takes_nothing_holds_nobody_up() {
        assert!(Notifier::to(Path::new("/nowhere/socket").as_os_str(), None).is_err());
        Notifier::default().ready("without a manager");
        let (manager, mut notifier) = manager("full");
        // Far more than the kernel keeps for a socket that nobody reads.
        (0..10_000).for_each(|number| notifier.status(&number.to_string()));
        drop(manager);
        notifier.stopping("bye");
    }
}
