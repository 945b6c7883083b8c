//! Rooms for the bots, created as the page creates them.

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::Value;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A room must exist after this time at the latest.
const CREATE_TIMEOUT: Duration = Duration::from_secs(5);

/// Bytes of an answer at the most.
const ANSWER_BYTES_MAX: usize = 4_096;

#[derive(Debug, Deserialize)]
struct Created {
    code: String,
}

/// Creates a room of this game with these options (`null` for the game's own) and gives its code.
pub(super) async fn create_room(
    address: SocketAddr,
    game: &str,
    options: &Value,
    ticket: Option<&str>,
) -> Result<String> {
    timeout(CREATE_TIMEOUT, post_room(address, game, options, ticket))
        .await
        .context("the server did not create a room in time")?
}

async fn post_room(address: SocketAddr, game: &str, options: &Value, ticket: Option<&str>) -> Result<String> {
    let stream = TcpStream::connect(address).await.with_context(|| format!("no server listens on {address}"))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // The connection ends with its sender; an error in it shows as a failed request.
    tokio::spawn(connection);
    let body = serde_json::json!({ "game": game, "options": options }).to_string();
    let mut request =
        Request::post("/api/rooms").header(HOST, address.to_string()).header(CONTENT_TYPE, "application/json");
    if let Some(ticket) = ticket {
        request = request.header(AUTHORIZATION, format!("Bearer {ticket}"));
    }
    let request = request.body(Full::<Bytes>::from(body))?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    let answer = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
    let answer = answer.map_err(|error| anyhow::anyhow!(error))?.to_bytes();
    ensure!(status == StatusCode::CREATED, "no room: {status}, {}", String::from_utf8_lossy(&answer));
    let created: Created = serde_json::from_slice(&answer).context("the answer names no room")?;
    Ok(created.code)
}
