//! Rooms of our own server, created the way the page does it.

use super::Workload;
use crate::lean::http::post_json;
use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::json;
use std::net::SocketAddr;

#[derive(Debug, Deserialize)]
struct Created {
    code: String,
}

/// Creates a room of `crowd` and gives its code.
///
/// # Errors
/// When the server refuses or takes too long.
pub(super) fn create_room(address: SocketAddr, workload: Workload) -> Result<String> {
    let options = json!({ "entities": workload.entities, "motion": workload.motion });
    let wish = json!({ "game": "crowd", "options": options });
    let answer = post_json(address, "/api/rooms", &wish.to_string())?;
    let created: Created = serde_json::from_str(&answer).with_context(|| format!("{answer} names no room"))?;
    Ok(created.code)
}
