//! The server under attack: requests to it, rooms in it, and the news that its process and its metrics tell.

use super::socket::{BINARY, End, Event, PATIENCE, Peer, Reply, UPGRADE, frame, request, upgrade_to};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tickwire::Game;
use tickwire::message::WELCOME;
use tickwire::message::control::{Hello, Welcome};
use tickwire_tools::accounting::{CpuTimes, rss_bytes};
use tickwire_tools::load::Bystander;
use tickwire_tools::server_process::ServerProcess;
use tickwire_tools::wire::{OwnCertificate, Trust, relay};
use tokio::process::Command;
use tokio::runtime::Handle;

/// The network of foreign addresses that rows name in a forwarding header: a network that nobody owns (RFC 2544).
const STRANGERS: u32 = 0xc612_0000;

/// Foreign addresses at the most: the size of that network.
const STRANGERS_MAX: u32 = 1 << 17;

/// A server.
#[derive(Debug, Clone)]
pub(super) struct Target {
    /// The address for players.
    pub(super) address: SocketAddr,
    /// The authorities that clients trust, where the server speaks TLS.
    pub(super) trust: Option<Trust>,
    /// The address for honest players: that of the server, or of a relay that speaks TLS for them.
    pub(super) players: SocketAddr,
    /// The address for operators.
    pub(super) admin: Option<SocketAddr>,
    /// The process, when it runs on this machine.
    pub(super) pid: Option<u32>,
}

/// The answer to a hello.
#[derive(Debug)]
pub(super) enum Entry {
    /// The client is in the room.
    In(Box<(Peer, Welcome)>),
    /// The connection was closed.
    Out(End),
    /// The request was not even upgraded.
    Refused(Reply),
}

impl Entry {
    pub(super) const fn is_in(&self) -> bool {
        matches!(self, Self::In(_))
    }

    /// Whether the client was turned away in one of the ways that a client understands: full, too often, or too much to
    /// do.
    pub(super) fn is_turned_away(&self) -> bool {
        match self {
            Self::In(_) => false,
            Self::Out(end) => matches!(end, End::Code(1013 | 4004 | 4006)),
            Self::Refused(reply) => reply.is_busy() || reply.status() == 429,
        }
    }

    /// The connection and the welcome.
    ///
    /// # Errors
    /// When the client is not in the room.
    pub(super) fn member(self) -> Result<(Peer, Welcome)> {
        match self {
            Self::In(member) => Ok(*member),
            other => Err(anyhow::anyhow!("a client did not get into its room: {other}")),
        }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::In(member) => write!(out, "in, {:?}", member.1.seat),
            Self::Out(end) => end.fmt(out),
            Self::Refused(reply) => write!(out, "not upgraded: {reply}"),
        }
    }
}

/// The forwarding header of a client behind a proxy.
pub(super) fn forwarded(from: Option<&str>) -> Vec<(&str, &str)> {
    from.map(|from| ("X-Forwarded-For", from)).into_iter().collect()
}

impl Target {
    /// A server that was started.
    ///
    /// # Errors
    /// When its honest players cannot reach it.
    pub(super) fn of(process: &ServerProcess, trust: Option<Trust>, runtime: &Handle) -> Result<Self> {
        let address = process.address();
        let players = match &trust {
            None => address,
            Some(trust) => runtime.block_on(relay(address, trust))?,
        };
        Ok(Self { address, trust, players, admin: process.metrics(), pid: Some(process.pid()) })
    }

    /// Connects.
    pub(super) fn connect(&self) -> std::io::Result<Peer> {
        Peer::connect(self.address, self.trust.as_ref())
    }

    /// Sends a request as JSON and gives the answer.
    pub(super) fn ask(&self, method: &str, path: &str, body: &str, more: &[(&str, &str)]) -> Reply {
        let length = body.len().to_string();
        let mut headers = vec![("Content-Type", "application/json"), ("Content-Length", &*length)];
        headers.extend_from_slice(more);
        headers.push(("Connection", "close"));
        let text = request(method, path, &self.address.to_string(), &headers) + body;
        self.send(text.as_bytes())
    }

    /// Sends a GET and gives the answer.
    pub(super) fn get(&self, path: &str, more: &[(&str, &str)]) -> Reply {
        let headers = [more, &[("Connection", "close")]].concat();
        self.send(request("GET", path, &self.address.to_string(), &headers).as_bytes())
    }

    /// Sends bytes as they are and gives the answer.
    pub(super) fn send(&self, bytes: &[u8]) -> Reply {
        self.connect().map_or(Reply::Silence, |peer| exchange(peer, bytes))
    }

    /// Asks for a room.
    pub(super) fn ask_room(&self, game: &str, public: bool, options: &Value, from: Option<&str>) -> Reply {
        let body = json!({ "game": game, "public": public, "options": options }).to_string();
        self.ask("POST", "/api/rooms", &body, &forwarded(from))
    }

    /// Creates an unlisted room of `G` with the game's own options, and gives its code.
    pub(super) fn room<G: Game>(&self) -> Result<String> {
        code(&self.ask_room(G::RULES.name, false, &Value::Null, None))
    }

    /// Opens a WebSocket, as a client at the address `from`.
    ///
    /// # Errors
    /// The answer, if it is not the switch to frames.
    pub(super) fn upgrade(&self, from: Option<&str>) -> Result<Peer, Reply> {
        let mut peer = self.ask_upgrade(from).map_err(|_| Reply::Silence)?;
        match peer.reply(PATIENCE) {
            Reply::Answer(answer) if answer.status == 101 => Ok(peer),
            other => Err(other),
        }
    }

    /// The same for another subprotocol.
    pub(super) fn upgrade_to(&self, subprotocol: &str, from: Option<&str>) -> Result<Peer, Reply> {
        let mut peer = self.connect().map_err(|_| Reply::Silence)?;
        let headers = [&upgrade_to(subprotocol)[..], &forwarded(from)].concat();
        peer.send(request("GET", "/ws", &self.address.to_string(), &headers).as_bytes());
        match peer.reply(PATIENCE) {
            Reply::Answer(answer) if answer.status == 101 => Ok(peer),
            other => Err(other),
        }
    }

    /// Connects and asks for a WebSocket, without waiting for the answer.
    pub(super) fn ask_upgrade(&self, from: Option<&str>) -> std::io::Result<Peer> {
        let mut peer = self.connect()?;
        let headers = [&UPGRADE[..], &forwarded(from)].concat();
        peer.send(request("GET", "/ws", &self.address.to_string(), &headers).as_bytes());
        Ok(peer)
    }

    /// Connects and sends a hello in the same segment as the request, without waiting for an answer.
    pub(super) fn knock(&self, hello: &Hello, from: Option<&str>) -> std::io::Result<Peer> {
        let mut peer = self.connect()?;
        let headers = [&UPGRADE[..], &forwarded(from)].concat();
        let mut bytes = request("GET", "/ws", &self.address.to_string(), &headers).into_bytes();
        bytes.extend(frame(BINARY, &hello.encode()));
        peer.send(&bytes);
        Ok(peer)
    }

    /// Joins with a hello, as a client at the address `from`.
    pub(super) fn enter(&self, hello: &Hello, from: Option<&str>) -> Entry {
        self.knock(hello, from).map_or(Entry::Refused(Reply::Silence), |peer| answered(peer, PATIENCE))
    }

    /// Joins as a new player of `G`.
    pub(super) fn join<G: Game>(&self, code: &str, from: Option<&str>) -> Entry {
        self.enter(&Hello::of::<G>(code, "visitor"), from)
    }

    /// The metrics as text.
    pub(super) fn metrics(&self) -> Result<String> {
        let admin = self.admin.context("the address of the metrics is not known")?;
        let text = request("GET", "/metrics", &admin.to_string(), &[("Connection", "close")]);
        let reply = Peer::connect(admin, None).map_or(Reply::Silence, |peer| exchange(peer, text.as_bytes()));
        ensure!(reply.status() == 200, "no metrics: {reply}");
        Ok(reply.body().to_owned())
    }

    /// The sum of all series of one metric; 0 when there are none.
    pub(super) fn metric(&self, name: &str) -> Result<f64> {
        Ok(sum(&self.metrics()?, name))
    }

    /// The panics in rooms, those that a room has survived among them.
    pub(super) fn panics(&self) -> Result<f64> {
        let metrics = self.metrics()?;
        let names = [
            "tickwire_room_panics_total",
            "tickwire_rooms_started_over_total",
            "tickwire_ticks_undone_total",
            "tickwire_calls_skipped_total",
        ];
        Ok(names.iter().map(|name| sum(&metrics, name)).sum())
    }

    /// Resident memory of the process.
    pub(super) fn rss_bytes(&self) -> Result<u64> {
        rss_bytes(self.pid.context("the server's process is not known")?)
    }

    /// The share of one core that the process takes over so much time.
    pub(super) fn cpu_share(&self, time: Duration) -> Result<f64> {
        let pid = self.pid.context("the server's process is not known")?;
        let (before, started) = (CpuTimes::of(pid)?, Instant::now());
        std::thread::sleep(time);
        let used_us: f64 = CpuTimes::of(pid)?.since(&before).values().sum();
        Ok(used_us / started.elapsed().as_secs_f64() / 1e6)
    }

    /// Lets so many honest players join the room with this code.
    pub(super) fn honest<G: Game>(&self, code: &str, players: u32) -> Result<Bystander> {
        Bystander::join::<G>(self.players, &[code.to_owned()], players, 11)
    }
}

/// The code in the answer to a request for a room.
///
/// # Errors
/// When no room was made.
pub(super) fn code(reply: &Reply) -> Result<String> {
    let room: Value = serde_json::from_str(reply.body()).with_context(|| format!("no room: {reply}"))?;
    Ok(room["code"].as_str().with_context(|| format!("no room: {reply}, {room}"))?.to_owned())
}

/// Reads the answer to a hello that was sent with its request.
pub(super) fn answered(mut peer: Peer, patience: Duration) -> Entry {
    match peer.reply(patience) {
        Reply::Answer(answer) if answer.status == 101 => welcomed(peer, patience),
        other => Entry::Refused(other),
    }
}

/// Reads the welcome of a connection that has sent its hello.
pub(super) fn welcomed(mut peer: Peer, patience: Duration) -> Entry {
    let end = Instant::now() + patience;
    loop {
        match peer.next(end) {
            Some(Event::Message(message)) if message.first() == Some(&WELCOME) => {
                return Welcome::decode(&message)
                    .map_or(Entry::Out(End::Silence), |welcome| Entry::In(Box::new((peer, welcome))));
            }
            Some(Event::Closed(end)) => return Entry::Out(end),
            Some(_) => {}
            None => return Entry::Out(End::Open),
        }
    }
}

/// Sends a request over a connection of its own.
fn exchange(mut peer: Peer, bytes: &[u8]) -> Reply {
    peer.send(bytes);
    peer.reply(PATIENCE)
}

/// The sum of all series of this name in a text for Prometheus.
fn sum(text: &str, name: &str) -> f64 {
    let of_name =
        |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with('{') || rest.starts_with(' '));
    text.lines().filter(of_name).filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

/// Everything that a row may use.
#[derive(Debug)]
pub(super) struct Walk {
    /// The server that all rows share, and in which the bystander plays.
    pub(super) target: Target,
    /// The program of the server, for rows that start one of their own; `None` against a server that runs elsewhere.
    pub(super) program: Option<PathBuf>,
    /// The certificate of the servers, where they speak TLS.
    certificate: Option<OwnCertificate>,
    runtime: Handle,
    strangers: AtomicU32,
}

/// A server of one row.
#[derive(Debug)]
pub(super) struct Own {
    pub(super) target: Target,
    pub(super) process: ServerProcess,
}

impl Walk {
    pub(super) const fn new(
        target: Target,
        program: Option<PathBuf>,
        certificate: Option<OwnCertificate>,
        runtime: Handle,
    ) -> Self {
        Self { target, program, certificate, runtime, strangers: AtomicU32::new(1) }
    }

    /// Whether the attacks are made under TLS.
    pub(super) const fn speaks_tls(&self) -> bool {
        self.certificate.is_some()
    }

    /// A foreign address that no row has used before.
    pub(super) fn stranger(&self) -> String {
        let number = self.strangers.fetch_add(1, Ordering::Relaxed) % STRANGERS_MAX;
        std::net::Ipv4Addr::from(STRANGERS + number).to_string()
    }

    /// The program of the server.
    pub(super) fn program(&self) -> Result<&PathBuf> {
        self.program.as_ref().context("the program of the server is not known")
    }

    /// Starts a server of this row alone, with these settings besides free ports and one shard.
    pub(super) fn serve(&self, settings: &[&str]) -> Result<Own> {
        self.serve_on("127.0.0.1:0", settings)
    }

    /// The same on this address.
    pub(super) fn serve_on(&self, listen: &str, settings: &[&str]) -> Result<Own> {
        let mut command = Command::new(self.program()?);
        command.args(["serve", "--listen", listen, "--admin-listen", "127.0.0.1:0", "--shards", "1"]).args(settings);
        command.args(self.certificate.iter().flat_map(OwnCertificate::options));
        self.spawn(&mut command)
    }

    /// Starts a server by a command of the row's own.
    pub(super) fn spawn(&self, command: &mut Command) -> Result<Own> {
        let process = self.runtime.block_on(ServerProcess::spawn(command))?;
        let trust = self.certificate.as_ref().map(OwnCertificate::trust).transpose()?;
        let target = Target::of(&process, trust, &self.runtime)?;
        Ok(Own { target, process })
    }

    /// Waits until a server of a row has ended, for this time at the most.
    pub(super) fn ended(&self, own: &mut Own, patience: Duration) -> Result<Option<std::process::ExitStatus>> {
        self.runtime.block_on(own.process.ended(patience))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_series_of_a_metric_are_added_and_longer_names_are_others() {
        let text = "# HELP a\na{code=\"4006\"} 3\na{code=\"1008\"} 4\na_total 9\nb 1\n";
        assert_eq!((sum(text, "a"), sum(text, "a_total"), sum(text, "c")), (7.0, 9.0, 0.0));
    }

    #[test]
    fn the_code_of_a_room_is_found_and_a_refusal_is_an_error() {
        let mut bytes = b"HTTP/1.1 201 Created\r\nContent-Length: 17\r\n\r\n".to_vec();
        bytes.extend_from_slice(b"{\"code\":\"C4FK9T\"}");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = Peer::connect(listener.local_addr().unwrap(), None).unwrap();
        let server = std::io::Write::write_all(&mut listener.accept().unwrap().0, &bytes);
        assert!(server.is_ok());
        assert_eq!(code(&client.reply(PATIENCE)).unwrap(), "C4FK9T");
        assert!(code(&Reply::Silence).is_err());
    }
}
