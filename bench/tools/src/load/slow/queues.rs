//! The send queues of a server's sockets, as the kernel lists them: bytes that were written and not acknowledged yet.

use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;

/// All connections of the machine, over IPv4.
const TABLE: &str = "/proc/net/tcp";

/// State of a connection that neither side has closed.
const ESTABLISHED: &str = "01";

/// The connections of one server.
#[derive(Debug)]
pub struct Queues {
    /// The server's end, as the kernel writes it.
    local: String,
}

impl Queues {
    /// The connections of the server that listens on this address.
    pub fn of(address: SocketAddr) -> Result<Self> {
        let SocketAddr::V4(address) = address else { bail!("queues are read over IPv4 only, not of {address}") };
        let host = u32::from_ne_bytes(address.ip().octets());
        Ok(Self { local: format!("{host:08X}:{:04X}", address.port()) })
    }

    /// Bytes that wait in the server for each client, by the client's port. Connections that the server has closed are
    /// left out.
    pub fn by_port(&self) -> Result<BTreeMap<u16, u64>> {
        let table = fs::read_to_string(TABLE).with_context(|| format!("{TABLE} cannot be read"))?;
        Ok(table.lines().filter_map(|line| self.entry(line)).collect())
    }

    fn entry(&self, line: &str) -> Option<(u16, u64)> {
        let mut words = line.split_whitespace().skip(1);
        let (local, remote, state, queues) = (words.next()?, words.next()?, words.next()?, words.next()?);
        if local != self.local || state != ESTABLISHED {
            return None;
        }
        let port = u16::from_str_radix(remote.split_once(':')?.1, 16).ok()?;
        let sent = u64::from_str_radix(queues.split_once(':')?.0, 16).ok()?;
        Some((port, sent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn unread_bytes_show_at_the_servers_end_until_the_server_closes() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let queues = Queues::of(listener.local_addr().unwrap()).unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let mut server = listener.accept().unwrap().0;
        let port = client.local_addr().unwrap().port();
        assert_eq!(queues.by_port().unwrap().get(&port), Some(&0));
        server.set_nonblocking(true).unwrap();
        while server.write(&[0; 65_536]).is_ok() {}
        assert!(queues.by_port().unwrap()[&port] > 65_536);
        drop(server);
        assert_eq!(queues.by_port().unwrap().get(&port), None);
    }

    #[test]
    fn lines_of_other_connections_are_left_out() {
        let queues = Queues { local: "0100007F:1F90".into() };
        let line = |local, state| format!("   7: {local} 0100007F:C350 {state} 0000002A:00000000 00:00000000 0");
        assert_eq!(queues.entry(&line("0100007F:1F90", "01")), Some((50_000, 42)));
        assert_eq!(queues.entry(&line("0100007F:1F91", "01")), None);
        assert_eq!(queues.entry(&line("0100007F:1F90", "04")), None);
        assert_eq!(queues.entry("  sl  local_address rem_address   st tx_queue"), None);
    }
}
