//! The requests of services on the operators' port: they publish to topics, and mute players.
//!
//! A request carries the token of services. Without a token in the settings nobody has one, and every request is refused
//! with the way to set it.

use super::Net;
use super::answer::{Answer, Refusal, bare, json};
use super::api::read_json;
use super::drain::stopping;
use super::percent::decoded;
use super::problem::Problem;
use crate::gate::Revoked;
use crate::limits::ROOM_RETRY_SECONDS;
use crate::mailbox::{Command, Publication, TopicsOrder};
use crate::topics::policy::Role;
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, HeaderMap};
use hyper::{Request, StatusCode};
use serde::{Deserialize, Serialize};
use tickwire::message::topics::{PlayerId, Receipt, TopicRefusal};

/// Minutes for which a service may mute a player: a year.
pub(super) const MUTE_MINUTES_MAX: u32 = 525_600;

/// The path below which topics are.
const TOPICS: &str = "/topics/";

/// The path at which identities lose their tickets.
const REVOKE: &str = "/identities/revoke";

/// The path below which players are.
const PLAYERS: &str = "/players/";

const NO_TOKEN_HELP: &str = "the operator names a file with a token of at least 16 characters with \
                             --topics-token-file, TICKWIRE_TOPICS_TOKEN_FILE or topics_token_file in the file";

const TOKEN_HELP: &str = "send the header Authorization: Bearer TOKEN, with the token in the file of topics_token_file";

const TOPIC_HELP: &str = "services publish to announce, lobby/GAME/chat, room/CODE, player/ID, and the topics that a game \
                          opens to them";

/// Body of `POST /topics/{name}`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Publish {
    body: String,
}

/// Body of `POST /players/{id}/mute`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mute {
    /// From now on; 0 ends it.
    minutes: u32,
}

/// Body of `POST /identities/revoke`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Revoke {
    identity: String,
}

/// The answer to a publication: its id is text, because it passes the integers of JavaScript.
#[derive(Debug, Serialize)]
struct Published {
    id: String,
    kept: bool,
}

/// Whether a path is one of these, for which the token is looked at before anything else.
pub(super) fn are_at(path: &str) -> bool {
    path.starts_with(TOPICS) || path.starts_with(PLAYERS) || path == REVOKE
}

/// `POST /identities/revoke`: tickets of an identity that were issued before now are good no more, and its connections
/// are closed.
pub(super) async fn revoke(net: &Net, request: Request<Incoming>) -> Result<Answer, Refusal> {
    let Revoke { identity } = read_json(net, request, "send JSON such as {\"identity\":\"ada\"}").await?;
    if !net.setup.gate.needs_tickets() {
        let help = "start the server with --auth ticket";
        return Err(Refusal::new(Problem::TicketsOff, "this server asks nobody for a ticket", help));
    }
    let Some(Revoked { player, kept }) = net.setup.gate.revoke(&identity) else {
        return Err(Refusal::later(Problem::Busy, "too many identities were revoked", 60));
    };
    net.setup.topics.order(TopicsOrder::Expel { player });
    let expel = || Command::Expel { player, detours: 0 };
    let missed = net.setup.shards.iter().filter(|shard| shard.send(expel()).is_err()).count();
    if missed > 0 {
        // The tickets are refused by now, and an order that is given again changes nothing else.
        let error = "not all connections could be closed, because the server has too much to do";
        return Err(Refusal::later(Problem::Busy, error, ROOM_RETRY_SECONDS));
    }
    if let Err(error) = kept {
        tracing::error!(%error, "the server knows after its end that tickets were revoked only if the disk takes it by then");
        let error =
            "the tickets are refused until the server ends, and afterwards only if its disk takes the order by then";
        return Err(Refusal::later(Problem::Busy, error, ROOM_RETRY_SECONDS));
    }
    Ok(bare(StatusCode::NO_CONTENT))
}

/// Refuses a request without the token of services.
pub(super) fn check_token(net: &Net, headers: &HeaderMap) -> Result<(), Refusal> {
    let live = net.live.borrow();
    let Some(token) = &live.token else {
        let error = "this server has no token for services";
        return Err(Refusal::new(Problem::NoServices, error, NO_TOKEN_HELP));
    };
    let mut given = headers.get_all(AUTHORIZATION).iter();
    // Two headers are none: another program on the way may look at the other one.
    let is_right = given.next().is_some_and(|value| token.is_in(value.as_bytes())) && given.next().is_none();
    if is_right { Ok(()) } else { Err(Refusal::new(Problem::NoToken, "the token is missing or wrong", TOKEN_HELP)) }
}

/// `POST /topics/{name}`: a message of a service.
///
/// A client that is made from the description of the API escapes the slashes in the name of a topic.
pub(super) async fn publish(net: &Net, topic: &str, request: Request<Incoming>) -> Result<Answer, Refusal> {
    let topic = String::from_utf8(decoded(topic.as_bytes())).unwrap_or_default();
    let said: Publish = read_json(net, request, "send JSON such as {\"body\":\"The server restarts at noon\"}").await?;
    let publication = Publication { topic, by: Role::Service, body: said.body };
    match net.setup.topics.publish(publication).await {
        Some(Ok(Receipt::Taken { id, kept })) => Ok(json(StatusCode::CREATED, &Published { id: id.to_string(), kept })),
        Some(Ok(Receipt::Refused { refusal, wait_ms })) => Err(refused(refusal, wait_ms)),
        Some(Err(refusal)) => Err(refused(refusal, 0)),
        None => Err(stopping()),
    }
}

/// A refusal of the hub in the words of HTTP.
fn refused(refusal: TopicRefusal, wait_ms: u32) -> Refusal {
    let seconds = u64::from(wait_ms.div_ceil(1_000).max(1));
    match refusal {
        TopicRefusal::NoTopic => {
            Refusal::new(Problem::NoTopic, "there is no such topic, or services may not publish to it", TOPIC_HELP)
        }
        TopicRefusal::Rate => Refusal::later(Problem::TooManyMessages, "services say too much here", seconds),
        TopicRefusal::Busy => Refusal::later(Problem::Busy, "the topics are too busy", seconds),
        TopicRefusal::Text => {
            let error = "the text is too long for the topic, or shows nothing";
            Refusal::new(Problem::BadText, error, "send a shorter text with visible characters")
        }
        TopicRefusal::Muted | TopicRefusal::Blocked | TopicRefusal::TooMany => {
            Refusal::new(Problem::TopicRefused, format!("the topic refuses this: {}", refusal.name()), TOPIC_HELP)
        }
    }
}

/// `POST /players/{id}/mute`: a player that may say nothing for some time.
pub(super) async fn mute(net: &Net, player: &str, request: Request<Incoming>) -> Result<Answer, Refusal> {
    let player: PlayerId = player.parse().map_err(|_| {
        let help = "name the player by the id that its messages have, such as /players/0123456789abcdef/mute";
        Refusal::new(Problem::NoPlayer, "this is not the id of a player", help)
    })?;
    let wish: Mute = read_json(net, request, "send JSON such as {\"minutes\":10}; 0 ends it").await?;
    if wish.minutes > MUTE_MINUTES_MAX {
        let error = format!("minutes is {}, more than {MUTE_MINUTES_MAX}", wish.minutes);
        return Err(Refusal::new(Problem::BadBody, error, "mute for a year at the most"));
    }
    net.setup.topics.mute(player, wish.minutes).await.ok_or_else(stopping)?;
    Ok(bare(StatusCode::NO_CONTENT))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::request_id::RequestId;

    #[test]
    fn every_refusal_of_the_hub_has_a_status() {
        let answer = |refusal, wait_ms| refused(refusal, wait_ms).answer("/topics/announce", &RequestId::made());
        let statuses = TopicRefusal::ALL.map(|refusal| answer(refusal, 0).status().as_u16());
        assert_eq!(statuses, [404, 429, 400, 403, 403, 403, 503]);
        for (wait_ms, seconds) in [(0, "1"), (1, "1"), (1_000, "1"), (1_001, "2")] {
            assert_eq!(answer(TopicRefusal::Rate, wait_ms).headers()["retry-after"], seconds);
        }
    }

    #[test]
    fn only_paths_of_services_are_theirs() {
        assert!(are_at("/topics/announce") && are_at("/players/0123456789abcdef/mute"));
        assert!(!are_at("/topics") && !are_at("/metrics") && !are_at("/"));
    }
}
