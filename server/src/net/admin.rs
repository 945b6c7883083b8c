//! The admin listener: metrics and health, on an address of its own that players never see.

use super::Net;
use super::answer::{Answer, bare, plain};
use super::{drain, health};
use crate::limits::ACCEPT_PAUSE;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, StatusCode};
use std::convert::Infallible;
use std::rc::Rc;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_local;

/// Accepts connections until the task is dropped.
pub(super) async fn accept(net: Rc<Net>, listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(spawn_local(serve(Rc::clone(&net), stream))),
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection on the admin listener");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve(net: Rc<Net>, stream: TcpStream) {
    let own = Rc::clone(&net);
    let service = service_fn(move |request| {
        let answer = answer(&net, &request);
        async move { Ok::<_, Infallible>(answer) }
    });
    drain::serve(&own, stream, service).await;
}

fn answer(net: &Net, request: &Request<Incoming>) -> Answer {
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/metrics") => plain(StatusCode::OK, net.setup.metrics.render()),
        (&Method::GET | &Method::HEAD, "/healthz") => health::healthz(),
        (&Method::GET | &Method::HEAD, "/readyz") => health::readyz(&net.setup.readiness),
        (_, "/metrics" | "/healthz" | "/readyz") => bare(StatusCode::METHOD_NOT_ALLOWED),
        _ => bare(StatusCode::NOT_FOUND),
    }
}
