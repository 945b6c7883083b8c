//! The admin listener: the dashboard, metrics, health, the actions of operators and the requests of services, on an address
//! of its own that players never see.

use super::Net;
use super::answer::{Answer, Refusal, end_connection, plain};
use super::asked::{Asked, options};
use super::head_guard::ends_connection;
use super::hosts::check_operators_host;
use super::http_stream::HttpStream;
use super::operation::{Port, Route, Task};
use super::peer::Peer;
use super::problem::Problem;
use super::{dashboard, drain, handshake, health, operators, secure, services};
use crate::limits::ACCEPT_PAUSE;
use crate::websocket::address::AddressKey;
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
    if !net.takes_in(peer.address) {
        return;
    }
    let Some(stream) = secure::accept_operator(&net, stream, peer).await else { return };
    let own = Rc::clone(&net);
    let service = service_fn(move |request| respond(Rc::clone(&net), request, peer));
    drain::serve(&own, HttpStream::new(stream), service).await;
}

async fn respond(net: Rc<Net>, request: Request<Incoming>, peer: Peer) -> Result<Answer, Infallible> {
    let address = (!peer.is_local()).then(|| AddressKey::of(peer.address));
    let asked = Asked::of(&request, address);
    let route = Route::of(Port::Operators, &asked.path);
    let is_last = ends_connection(request.headers());
    let outcome = answer(&net, request, &asked, peer, route).await;
    let mut answer = asked.answer(&net, route, outcome).await;
    if is_last {
        end_connection(&mut answer);
    }
    Ok(answer)
}

async fn answer(
    net: &Rc<Net>,
    request: Request<Incoming>,
    asked: &Asked,
    peer: Peer,
    route: Option<Route<'_>>,
) -> Result<Answer, Refusal> {
    // Pages of other sites are kept from the operators' port as from the players'.
    let listen = net.setup.admin_address.unwrap_or(peer.address);
    check_operators_host(net, &request, listen)?;
    if let Some(route) = route.filter(|_| request.method() == Method::OPTIONS) {
        return Ok(options(&route.allow()));
    }
    if services::are_at(request.uri().path()) {
        services::check_token(net, request.headers())?;
    }
    if let Some(file) = dashboard::answer(&request) {
        return file;
    }
    let route = route.ok_or_else(no_path)?;
    let operation = route.operation(request.method()).ok_or_else(|| Refusal::method(route.allow()))?;
    match operation.task {
        Task::ReadMetrics => Ok(plain(StatusCode::OK, net.setup.metrics.render())),
        Task::CheckHealth => Ok(health::healthz()),
        Task::CheckReadiness => Ok(health::readyz(&net.setup.readiness)),
        Task::OpenSocket => handshake::answer_operator(net, request, peer),
        Task::PublishMessage => services::publish(net, route.parameter, request).await,
        Task::MutePlayer => services::mute(net, route.parameter, request).await,
        Task::RevokeIdentity => services::revoke(net, request).await,
        Task::ReadAudit => operators::audit(net, request.headers()),
        task @ (Task::Announce
        | Task::KickPlayer
        | Task::BanPlayer
        | Task::LockRoom
        | Task::CloseRoom
        | Task::DrainServer) => operators::act(net, task, route.parameter, &asked.id, request).await,
        // The table gives these no place on the operators' port.
        Task::ListRooms
        | Task::CreateRoom
        | Task::GetRoom
        | Task::FindMatch
        | Task::GetOpenApi
        | Task::GetTopicsSchema => Err(no_path()),
    }
}

fn no_path() -> Refusal {
    let help = "GET /api/openapi.json on the players' port describes both ports";
    Refusal::new(Problem::NoPath, "nothing is at this path of the operators' port", help)
}
