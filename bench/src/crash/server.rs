//! The server that is killed: the same program, ports and folder in every life.

use super::Plan;
use super::game::Played;
use crate::floor::rhythm::lateness::count_of;
use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use serde_json::json;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};
use tickwire_tools::http;
use tickwire_tools::server_process::ServerProcess;
use tokio::process::Command;
use tokio::runtime::Handle;

/// Ports that are tried: below those that the kernel gives to clients.
const PORTS: Range<u16> = 20_000..32_000;

/// A server that was killed must be gone after this time.
const GONE_TIMEOUT: Duration = Duration::from_secs(5);

/// A server must be ready this long after it listens.
const READY_TIMEOUT: Duration = Duration::from_secs(15);

/// The interval at which the server is asked whether it is ready.
const READY_POLL: Duration = Duration::from_millis(5);

/// The rooms after a start, as the server's metrics count them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RoomCounts {
    /// Rooms that should have been revived and were not.
    pub missing: u64,
    /// Rooms that were lost.
    pub lost: u64,
    /// Rooms whose ticks came out otherwise than before.
    pub diverged: u64,
}

/// A server with a folder of data.
pub(super) struct Server {
    program: PathBuf,
    data: PathBuf,
    address: SocketAddr,
    admin: SocketAddr,
    runtime: Handle,
    /// `None` between a kill and the next start.
    process: Option<ServerProcess>,
}

#[derive(Debug, Deserialize)]
struct Created {
    code: String,
}

impl Server {
    pub(super) fn start(plan: &Plan, runtime: &Handle) -> Result<Self> {
        let program = match &plan.program {
            Some(program) => program.clone(),
            None => runtime.block_on(crate::server().program())?,
        };
        let [address, admin] = free_addresses()?;
        let (data, runtime) = (plan.data.clone(), runtime.clone());
        let mut server = Self { program, data, address, admin, runtime, process: None };
        server.start_again().context("the server does not start")?;
        Ok(server)
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn start_again(&mut self) -> Result<()> {
        let mut command = Command::new(&self.program);
        command.args([
            "serve",
            "--shards",
            "1",
            "--benchmark-games",
            "--load-percent-max",
            "100",
            "--autopsies",
            "off",
        ]);
        command.arg("--listen").arg(self.address.to_string());
        command.arg("--admin-listen").arg(self.admin.to_string());
        command.arg("--data").arg(&self.data);
        self.process = Some(self.runtime.block_on(ServerProcess::spawn(&mut command))?);
        Ok(())
    }

    /// Kills the server without a warning, and waits until it is gone; gives the time of the kill.
    pub(super) fn kill(&mut self) -> Result<Instant> {
        let mut process = self.process.take().context("the server runs")?;
        if let Some(status) = self.runtime.block_on(process.ended(Duration::ZERO))? {
            anyhow::bail!("the server has ended by itself: {status}");
        }
        let pid = i32::try_from(process.pid()).ok().and_then(Pid::from_raw).context("a process id is positive")?;
        let at = Instant::now();
        kill_process(pid, Signal::KILL).context("the server cannot be killed")?;
        let status = self.runtime.block_on(process.ended(GONE_TIMEOUT))?;
        ensure!(status.is_some(), "the server is still there {} s after it was killed", GONE_TIMEOUT.as_secs());
        Ok(at)
    }

    /// Waits until the server says that it has all its rooms again; gives the time of that.
    pub(super) fn wait_until_ready(&self) -> Result<Instant> {
        let end = Instant::now() + READY_TIMEOUT;
        loop {
            match http::get(self.admin, "/readyz") {
                Ok(_) => return Ok(Instant::now()),
                Err(error) if Instant::now() > end => return Err(error.context("the server is not ready in time")),
                Err(_) => sleep(READY_POLL),
            }
        }
    }

    pub(super) fn create_room(&self, game: &Played) -> Result<String> {
        let wish = json!({ "game": game.name, "options": game.options }).to_string();
        let answer = http::post_json(self.address, None, "/api/rooms", &wish)?;
        let created: Created = serde_json::from_str(&answer).context("the answer names no room")?;
        Ok(created.code)
    }

    /// Asks the server about so many rooms that were there before it was killed.
    pub(super) fn counts(&self, rooms: u32) -> Result<RoomCounts> {
        let metrics = http::get(self.admin, "/metrics")?;
        let count = |what: &str| count_of(&metrics, &format!("tickwire_rooms_{what}_total"));
        let rooms = u64::from(rooms);
        // A server that revives no rooms may not even count them; a server that revives some counts the others too.
        let Ok(revived) = count("revived") else { return Ok(RoomCounts { missing: rooms, ..RoomCounts::default() }) };
        Ok(RoomCounts { missing: rooms.saturating_sub(revived), lost: count("lost")?, diverged: count("diverged")? })
    }

    pub(super) fn stop(self) -> Result<()> {
        self.process.map_or(Ok(()), |process| self.runtime.block_on(process.stop()))
    }
}

/// Two addresses at which nothing listens.
fn free_addresses() -> Result<[SocketAddr; 2]> {
    // Runs at the same time begin at other places.
    let first = u16::try_from(std::process::id() % u32::from(PORTS.end - PORTS.start)).unwrap_or_default();
    let ports = (PORTS.start + first..PORTS.end).chain(PORTS);
    let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    // Both listeners live until the end of this function, so that the two addresses differ.
    let mut free = ports.filter_map(|port| TcpListener::bind(at(port)).ok());
    let (one, other) = (free.next().context("no port is free")?, free.next().context("no port is free")?);
    Ok([one.local_addr()?, other.local_addr()?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_ports_are_two_that_the_kernel_gives_to_no_client() {
        let [one, other] = free_addresses().unwrap();
        assert!(one != other && PORTS.contains(&one.port()) && PORTS.contains(&other.port()));
    }
}
