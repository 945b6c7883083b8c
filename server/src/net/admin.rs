//! The admin listener: metrics, health and the requests of services, on an address of its own that players never see.

use super::Net;
use super::answer::{Answer, Refusal, bare, end_connection, plain};
use super::head_guard::ends_connection;
use super::hosts::check_operators_host;
use super::http_stream::HttpStream;
use super::peer::Peer;
use super::{drain, handshake, health, services};
use crate::limits::ACCEPT_PAUSE;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, StatusCode};
use std::convert::Infallible;
use std::net::IpAddr;
use std::rc::Rc;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_local;

/// Accepts connections until the task is dropped.
pub(super) async fn accept(net: Rc<Net>, listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => drop(spawn_local(serve(Rc::clone(&net), stream, peer.ip()))),
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection on the admin listener");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve(net: Rc<Net>, stream: TcpStream, peer: IpAddr) {
    let peer = Peer::of_socket(peer);
    let own = Rc::clone(&net);
    let service = service_fn(move |request| respond(Rc::clone(&net), request, peer));
    drain::serve(&own, HttpStream::new(stream), service).await;
}

async fn respond(net: Rc<Net>, request: Request<Incoming>, peer: Peer) -> Result<Answer, Infallible> {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let is_last = ends_connection(request.headers());
    let mut answer = answer(&net, request, peer).await.unwrap_or_else(|refusal| refusal.answer(&method, &path));
    if is_last {
        end_connection(&mut answer);
    }
    Ok(answer)
}

async fn answer(net: &Rc<Net>, request: Request<Incoming>, peer: Peer) -> Result<Answer, Refusal> {
    // Pages of other sites are kept from the operators' port as from the players'.
    let listen = net.setup.admin_address.unwrap_or(peer.address);
    check_operators_host(net, &request, listen)?;
    if services::are_at(request.uri().path()) {
        return services::answer(net, request).await;
    }
    if request.uri().path() == "/ws" && request.method() == Method::GET {
        return handshake::answer_operator(net, request, peer);
    }
    Ok(match (request.method(), request.uri().path()) {
        (&Method::GET, "/metrics") => plain(StatusCode::OK, net.setup.metrics.render()),
        (&Method::GET | &Method::HEAD, "/healthz") => health::healthz(),
        (&Method::GET | &Method::HEAD, "/readyz") => health::readyz(&net.setup.readiness),
        (_, "/metrics" | "/healthz" | "/readyz" | "/ws") => bare(StatusCode::METHOD_NOT_ALLOWED),
        _ => bare(StatusCode::NOT_FOUND),
    })
}
