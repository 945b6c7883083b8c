//! Bots that wait for matches: each has a connection of `tickwire.json.1` until it is told its room.

use super::connection::upgrade;
use super::tickets::Tickets;
use super::{Bot, Plan, Room};
use crate::report::queue::QueueWaits;
use anyhow::{Context, Result, bail, ensure};
use fastwebsockets::{Frame, OpCode, Payload, WebSocket};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Every bot has its match after this time at the latest: the server holds the first seats for a little longer.
const MATCH_TIMEOUT: Duration = Duration::from_secs(40);

/// Time between two parties that come.
const COME_GAP: Duration = Duration::from_millis(4);

/// A connection to the lobby.
struct Lobby(WebSocket<TokioIo<Upgraded>>);

impl Lobby {
    /// Connects and says hello.
    async fn open(plan: &Plan, bot: &Bot, ticket: Option<String>) -> Result<Self> {
        let mut lobby = Self(upgrade(plan.address, "tickwire.json.1").await?);
        let key: String = bot.key.iter().flat_map(|key| key.0).map(|byte| format!("{byte:02x}")).collect();
        let hello = match ticket {
            Some(ticket) => json!({ "op": "hello", "ticket": ticket }),
            None => json!({ "op": "hello", "name": bot.name, "key": key }),
        };
        lobby.say(&hello).await?;
        lobby.wait_for("you").await?;
        Ok(lobby)
    }

    async fn say(&mut self, message: &Value) -> Result<()> {
        let text = message.to_string();
        Ok(self.0.write_frame(Frame::text(Payload::Borrowed(text.as_bytes()))).await?)
    }

    /// The next message with this `op`.
    async fn wait_for(&mut self, op: &str) -> Result<Value> {
        loop {
            let frame = self.0.read_frame().await.context("the server hangs up on a bot that waits")?;
            if frame.opcode != OpCode::Text {
                continue;
            }
            let message: Value = serde_json::from_slice(&frame.payload).context("the server sends no JSON")?;
            match message["op"].as_str() {
                Some(told) if told == op => return Ok(message),
                Some("unqueued" | "not_queued" | "no_party" | "error") => bail!("a bot gets no match: {message}"),
                _ => {}
            }
        }
    }
}

/// Sends all bots into the queue, in parties of the size that the plan says; gives the rooms of their matches, and how
/// long they have waited.
pub(super) async fn find_matches(
    game: &'static str,
    bots: Vec<Bot>,
    plan: &Plan,
    tickets: &Tickets,
) -> Result<(Vec<Room>, QueueWaits)> {
    let Some(queue) = &plan.queue else { bail!("the plan has no queue") };
    let begun = Instant::now();
    let mut parties = JoinSet::new();
    let mut bots = bots.into_iter().peekable();
    while bots.peek().is_some() {
        let mut party = Vec::new();
        for bot in bots.by_ref().take(plan.party as usize) {
            let ticket = tickets.mint(&bot.name)?;
            party.push((bot, ticket));
        }
        parties.spawn_local(wait(game, queue.clone(), party, plan.clone()));
        tokio::time::sleep(COME_GAP).await;
    }
    let (mut rooms, mut waits_us) = (BTreeMap::<String, Vec<Bot>>::new(), Vec::new());
    let all = async {
        while let Some(matched) = parties.join_next().await {
            for (code, bot, waited) in matched?? {
                rooms.entry(code).or_default().push(bot);
                waits_us.push(u64::try_from(waited.as_micros()).unwrap_or(u64::MAX));
            }
        }
        anyhow::Ok(())
    };
    timeout(MATCH_TIMEOUT, all).await.context("the bots have no matches in time")??;
    let rooms: Vec<Room> = rooms.into_iter().map(|(code, bots)| Room { code, bots }).collect();
    let waits = QueueWaits::new(queue, &waits_us, rooms.len(), begun.elapsed());
    Ok((rooms, waits))
}

/// The match of each bot of a party, with the time that it waited.
async fn wait(
    game: &'static str,
    queue: String,
    party: Vec<(Bot, Option<String>)>,
    plan: Plan,
) -> Result<Vec<(String, Bot, Duration)>> {
    let mut members = Vec::new();
    let mut code = Value::Null;
    for (bot, ticket) in party {
        let mut lobby = Lobby::open(&plan, &bot, ticket).await?;
        if plan.party > 1 {
            let join = if code.is_null() { json!({ "op": "party" }) } else { json!({ "op": "party", "party": code }) };
            lobby.say(&join).await?;
            code = lobby.wait_for("party").await?["party"].clone();
        }
        members.push((lobby, bot));
    }
    let begun = Instant::now();
    let (leader, _) = members.first_mut().context("a party of nobody")?;
    // Without a name it is the first queue of the game.
    let name = Some(queue).filter(|queue| !queue.is_empty());
    let mut wish = json!({ "op": "queue", "game": game });
    name.into_iter().for_each(|name| wish["queue"] = json!(name));
    leader.say(&wish).await?;
    let mut matched = Vec::new();
    for (mut lobby, bot) in members {
        let told = lobby.wait_for("matched").await?;
        let code = told["code"].as_str().context("a match without a room")?.to_owned();
        matched.push((code, bot, begun.elapsed()));
    }
    ensure!(matched.iter().all(|(code, ..)| *code == matched[0].0), "a party was split");
    Ok(matched)
}
