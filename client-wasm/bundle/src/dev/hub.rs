//! The WebSocket by which pages learn of builds.
//!
//! It listens on loopback alone, and takes connections from pages of the game's own address: another site that is open
//! in the browser shall not read the compiler's words. Each page has a thread, and there are few pages.

use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::json;
use tungstenite::handshake::server::{Callback, ErrorResponse, Request, Response};
use tungstenite::http::StatusCode;
use tungstenite::{Message, accept_hdr};

use super::core::Status;

/// Pages that are told at once at the most.
const PAGES_MAX: usize = 64;

/// A page that does not finish its handshake, or takes no message for so long, is given up.
const PATIENCE: Duration = Duration::from_secs(5);

/// Time between two signs of life, which find out pages that are gone.
const PING_EVERY: Duration = Duration::from_secs(15);

/// The names of this machine in the addresses of pages.
const HOSTS: [&str; 2] = ["127.0.0.1", "localhost"];

/// The newest message for all pages, and its number.
#[derive(Debug, Default)]
struct News {
    text: String,
    number: u64,
}

#[derive(Debug, Default)]
struct Shared {
    news: Mutex<News>,
    changed: Condvar,
    pages: AtomicUsize,
}

/// The means to tell pages.
#[derive(Debug)]
pub(crate) struct Hub {
    shared: Arc<Shared>,
    port: u16,
}

impl Hub {
    /// Listens for pages that are served on `page_port`: on the port after it, or on any free one.
    pub(crate) fn start(page_port: u16) -> io::Result<Self> {
        // A page that was opened under an earlier call of this tool still knows the port next to its own.
        let next = page_port.checked_add(1).and_then(|next| TcpListener::bind((Ipv4Addr::LOCALHOST, next)).ok());
        let listener = next.map_or_else(|| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)), Ok)?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared::default());
        let hub = Self { shared: Arc::clone(&shared), port };
        hub.show(&Status::Building);
        thread::spawn(move || accept_pages(&listener, page_port, &shared));
        Ok(hub)
    }

    /// The port of the WebSocket.
    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// Tells all pages, and those that come later.
    pub(crate) fn show(&self, status: &Status) {
        let text = match status {
            Status::Building => json!({ "state": "building" }),
            Status::Failed(words) => json!({ "state": "failed", "text": words }),
            // A number in JavaScript is exact up to 2^53.
            Status::Good(id) => json!({ "state": "good", "id": id }),
        };
        let mut news = self.shared.news.lock().unwrap_or_else(PoisonError::into_inner);
        news.text = text.to_string();
        news.number += 1;
        drop(news);
        self.shared.changed.notify_all();
    }
}

fn accept_pages(listener: &TcpListener, page_port: u16, shared: &Arc<Shared>) {
    for stream in listener.incoming().filter_map(Result::ok) {
        let place = Place::of(shared);
        if place.number <= PAGES_MAX {
            // A page that is gone needs no more words.
            thread::spawn(move || drop(tell_page(stream, page_port, &place.shared)));
        }
    }
}

/// A page's place among those that are told; it is free again with the value.
struct Place {
    shared: Arc<Shared>,
    number: usize,
}

impl Place {
    fn of(shared: &Arc<Shared>) -> Self {
        Self { number: shared.pages.fetch_add(1, Ordering::Relaxed) + 1, shared: Arc::clone(shared) }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.pages.fetch_sub(1, Ordering::Relaxed);
    }
}

fn tell_page(stream: TcpStream, page_port: u16, shared: &Shared) -> Result<(), io::Error> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let Ok(mut socket) = accept_hdr(stream, Admission { page_port }) else { return Ok(()) };
    let mut told = 0;
    loop {
        let news = shared.news.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = shared.changed.wait_timeout_while(news, PING_EVERY, |news| news.number == told);
        let (news, _) = wait.unwrap_or_else(PoisonError::into_inner);
        let message = match news.number == told {
            true => Message::Ping(Vec::new().into()),
            false => Message::text(news.text.clone()),
        };
        told = news.number;
        drop(news);
        socket.send(message).map_err(io::Error::other)?;
    }
}

/// Lets pages in that are served on one port of this machine.
struct Admission {
    page_port: u16,
}

impl Callback for Admission {
    fn on_request(self, request: &Request, response: Response) -> Result<Response, ErrorResponse> {
        let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        // Browsers leave out the usual port.
        let port = if self.page_port == 80 { String::new() } else { format!(":{}", self.page_port) };
        let is_own_page = HOSTS.iter().any(|host| header("origin") == format!("http://{host}{port}"));
        // A name that another site has pointed at this machine is no name of it.
        let host = header("host");
        let is_this_machine = HOSTS.contains(&host.rsplit_once(':').map_or(host, |(host, _)| host));
        if is_own_page && is_this_machine {
            return Ok(response);
        }
        let mut refusal = ErrorResponse::new(None);
        *refusal.status_mut() = StatusCode::FORBIDDEN;
        Err(refusal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tungstenite::client::IntoClientRequest;
    use tungstenite::http::HeaderValue;

    fn connect(hub: &Hub, origin: &str, host: &str) -> Result<tungstenite::WebSocket<TcpStream>, String> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, hub.port())).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut request = format!("ws://127.0.0.1:{}/", hub.port()).into_client_request().unwrap();
        request.headers_mut().insert("origin", HeaderValue::from_str(origin).unwrap());
        request.headers_mut().insert("host", HeaderValue::from_str(host).unwrap());
        let connected = tungstenite::client(request, stream);
        connected.map(|(socket, _)| socket).map_err(|error| error.to_string())
    }

    #[test]
    fn a_page_hears_the_newest_status_and_each_that_follows() {
        let hub = Hub::start(8080).unwrap();
        hub.show(&Status::Failed("error: <b>no</b>".to_owned()));
        let mut page = connect(&hub, "http://localhost:8080", "127.0.0.1:9").unwrap();
        let mut hear = || page.read().unwrap().into_text().unwrap().to_string();
        assert_eq!(hear(), r#"{"state":"failed","text":"error: <b>no</b>"}"#);
        hub.show(&Status::Good(3));
        assert_eq!(hear(), r#"{"id":3,"state":"good"}"#);
    }

    #[test]
    fn other_sites_hear_nothing() {
        let hub = Hub::start(8080).unwrap();
        for (origin, host) in [
            ("https://other.example", "127.0.0.1:9"),
            ("http://127.0.0.1:8081", "127.0.0.1:9"),
            ("null", "127.0.0.1:9"),
            ("http://127.0.0.1:8080", "other.example:9"),
        ] {
            let refused = connect(&hub, origin, host).map(drop).unwrap_err();
            assert!(refused.contains("403"), "{origin} {host}: {refused}");
        }
    }
}
