//! A small HTTP server on threads of its own, which answers as a test wants.

use super::super::super::signature::accepts;
use super::super::SigningSecret;
use super::PATIENCE;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// A request that a server has received.
#[derive(Debug, Clone)]
pub(super) struct Received {
    pub(super) id: String,
    pub(super) timestamp_s: u64,
    pub(super) signatures: String,
    pub(super) body: Vec<u8>,
}

impl Received {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(super) fn is_accepted_by(&self, secret: &str) -> bool {
        let headers = (self.id.as_str(), self.timestamp_s, self.signatures.as_str());
        accepts(&SigningSecret::parse(secret).unwrap(), headers, &self.body, self.timestamp_s)
    }
}

/// The parts of a server that its threads share.
#[derive(Default)]
struct Shared {
    /// The answer to each request; an empty one means that none comes.
    answer: Mutex<String>,
    is_stopped: AtomicBool,
    connections: Mutex<Vec<TcpStream>>,
}

pub(super) const TAKEN: &str = "HTTP/1.1 204 No Content\r\n\r\n";
pub(super) const BROKEN: &str = "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 4\r\n\r\noops";
pub(super) const NEVER: &str = "";

/// A server on a thread of its own, with one more for each connection.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    pub(super) received: Receiver<Received>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(super) fn start(answer: &str) -> Self {
        Self::listen((Ipv4Addr::LOCALHOST, 0).into(), answer, None)
    }

    pub(super) fn listen(address: SocketAddr, answer: &str, tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, received) = channel();
        let shared = Arc::new(Shared { answer: Mutex::new(answer.to_owned()), ..Shared::default() });
        let own = Arc::clone(&shared);
        let accept = move || {
            for stream in listener.incoming() {
                if own.is_stopped.load(Ordering::SeqCst) {
                    return;
                }
                let stream = stream.unwrap();
                own.connections.lock().unwrap().push(stream.try_clone().unwrap());
                let (sender, own, tls) = (sender.clone(), Arc::clone(&own), tls.clone());
                std::thread::spawn(move || match tls {
                    None => converse(stream, &sender, &own.answer),
                    Some(tls) => {
                        converse(
                            rustls::StreamOwned::new(rustls::ServerConnection::new(tls).unwrap(), stream),
                            &sender,
                            &own.answer,
                        );
                    }
                });
            }
        };
        let thread = Some(std::thread::spawn(accept));
        Self { address, received, shared, thread }
    }

    pub(super) fn answer(&self, answer: &str) {
        answer.clone_into(&mut self.shared.answer.lock().unwrap());
    }

    /// The next request.
    pub(super) fn next(&self) -> Received {
        self.received.recv_timeout(PATIENCE).expect("a request comes")
    }

    /// Requests until this one is accepted as the last.
    pub(super) fn until(&self, mut is_last: impl FnMut(&Received) -> bool) -> Vec<Received> {
        let mut received = Vec::new();
        loop {
            received.push(self.next());
            if is_last(received.last().unwrap()) {
                return received;
            }
        }
    }

    /// Closes the port and all connections.
    pub(super) fn close(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        self.shared.is_stopped.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        thread.join().unwrap();
        for stream in self.shared.connections.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            drop(stream.shutdown(std::net::Shutdown::Both));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.close();
    }
}

/// Reads requests and answers them until the connection ends.
fn converse(stream: impl Read + Write, sender: &Sender<Received>, answer: &Mutex<String>) {
    let mut reader = BufReader::new(stream);
    while let Some(received) = read(&mut reader) {
        // A test changes the answer after it has seen the request: this one has its answer already.
        let answer = answer.lock().unwrap().clone();
        if sender.send(received).is_err() {
            return;
        }
        if reader.get_mut().write_all(answer.as_bytes()).and_then(|()| reader.get_mut().flush()).is_err() {
            return;
        }
    }
}

fn read(reader: &mut impl BufRead) -> Option<Received> {
    let (mut line, mut headers) = (String::new(), BTreeMap::new());
    reader.read_line(&mut line).ok()?;
    assert!(line.is_empty() || line.starts_with("POST /hooks?of=studio HTTP/1.1"), "{line}");
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let mut header = |name: &str| headers.remove(name);
    let mut body = vec![0; header("content-length")?.parse().unwrap()];
    reader.read_exact(&mut body).ok()?;
    assert_eq!(header("content-type").as_deref(), Some("application/json"));
    let (id, timestamp_s) = (header("webhook-id")?, header("webhook-timestamp")?.parse().unwrap());
    Some(Received { id, timestamp_s, signatures: header("webhook-signature")?, body })
}
