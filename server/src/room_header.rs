//! The header of a room: all that a later process has to know of a room besides its ticks, to make it again.
//!
//! A journal keeps it as JSON, which a later version of the server can read too: it is written once per room and
//! checkpoint.

use crate::games::{OfferedGame, RoomPlan};
use crate::lobby::{Code, Door, Wanted};
use crate::room::{RoomLimits, RoomSetup};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use thiserror::Error;
use tickwire::Seat;
use tickwire::message::topics::PlayerId;
use tickwire::recording::describe::GameDescription;
use tickwire::wire::{DecodeError, Reader, put_varint};

/// The header of a room.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RoomHeader {
    code: String,
    game: String,
    /// The meaning of the bytes of the game's worlds and inputs, see [`tickwire::message::control::game_fingerprint`].
    fingerprint: u64,
    /// The rules of the game, see [`tickwire::determinism::behaviour::behaviour_hash`]; 0 when they are not known.
    #[serde(default)]
    behaviour: u64,
    /// The id of the sources that the server was built from; 0 when it was not known.
    build: u64,
    secret: [u8; 32],
    bots: u8,
    has_owner: bool,
    options: Value,
    public: bool,
    quick_match: bool,
    door: Door,
    /// The players of a match, by the numbers of their seats.
    #[serde(default)]
    match_seats: Vec<(u8, [u8; 10])>,
    /// The fields of the game's worlds and inputs, by which a server reads them whose game has others.
    shape: Option<GameDescription>,
}

/// The change of a game since a room of it was kept.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum GameChange {
    /// None that is known of.
    None,
    /// It has other rules for the same fields.
    Rules,
    /// Its worlds or inputs have other fields; this is the shape that it had.
    Fields(GameDescription),
}

impl GameChange {
    /// The shape that the game had, if it is another one now.
    pub(crate) const fn former_shape(&self) -> Option<&GameDescription> {
        match self {
            Self::Fields(was) => Some(was),
            Self::None | Self::Rules => None,
        }
    }
}

/// The reason for which a header is of no use to this server.
#[derive(Debug, Error)]
pub(crate) enum HeaderFault {
    /// It is no header.
    #[error("its header cannot be read: {0}")]
    Layout(#[from] serde_json::Error),
    /// Its code is none.
    #[error("`{0}` is not the code of a room")]
    Code(String),
    /// The server does not offer the game.
    #[error("the server does not offer its game `{0}`")]
    Game(String),
    /// The game's worlds or inputs have other fields now, and the header does not say which they had.
    #[error("its game `{0}` has other fields now than when the room was kept, and its header does not name those")]
    Fields(String),
}

impl RoomHeader {
    /// The header of a room that is about to be made.
    pub(crate) fn new(code: Code, game: &OfferedGame, wanted: &Wanted, plan: &RoomPlan) -> Self {
        Self {
            code: code.to_string(),
            game: game.rules.name.into(),
            fingerprint: game.kept_fingerprint,
            behaviour: game.behaviour,
            build: plan.setup.build,
            secret: *plan.setup.secret.bytes(),
            bots: plan.setup.bots,
            has_owner: plan.setup.has_owner,
            options: plan.options.clone(),
            public: wanted.public,
            quick_match: wanted.quick_match,
            door: wanted.door,
            match_seats: Vec::new(),
            shape: Some(game.shape.as_ref().clone()),
        }
    }

    /// The same header for the room of a match between these players.
    pub(crate) fn for_match(mut self, seats: &BTreeMap<Seat, PlayerId>) -> Self {
        self.match_seats = seats.iter().map(|(seat, player)| (seat.number(), player.0)).collect();
        self
    }

    /// The players of the match that the room is for.
    pub(crate) fn match_seats(&self) -> BTreeMap<Seat, PlayerId> {
        let seats = self.match_seats.iter();
        seats.filter_map(|(seat, player)| Some((Seat::new(*seat)?, PlayerId(*player)))).collect()
    }

    /// The header of the same room in this build of its game.
    pub(crate) fn renewed(self, game: &OfferedGame, build: u64) -> Self {
        let (fingerprint, behaviour) = (game.kept_fingerprint, game.behaviour);
        Self { fingerprint, behaviour, build, shape: Some(game.shape.as_ref().clone()), ..self }
    }

    /// The change of the game since the room was kept.
    ///
    /// # Errors
    /// When it has other fields now, and the header does not say which they were.
    pub(crate) fn change_of(&self, game: &OfferedGame) -> Result<GameChange, HeaderFault> {
        if self.fingerprint == game.kept_fingerprint {
            let are_known = self.behaviour != 0 && game.behaviour != 0;
            let is_other = are_known && self.behaviour != game.behaviour;
            return Ok(if is_other { GameChange::Rules } else { GameChange::None });
        }
        self.shape.clone().map(GameChange::Fields).ok_or_else(|| HeaderFault::Fields(self.game.clone()))
    }

    /// The header as bytes.
    pub(crate) fn to_bytes(&self) -> Arc<[u8]> {
        serde_json::to_vec(self).expect("a header is plain data").into()
    }

    /// Reads a header.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, HeaderFault> {
        Ok(serde_json::from_slice(bytes)?)
    }

    /// The code of the room.
    pub(crate) fn code(&self) -> Result<Code, HeaderFault> {
        Code::parse(&self.code).ok_or_else(|| HeaderFault::Code(self.code.clone()))
    }

    /// The code as text.
    pub(crate) fn code_text(&self) -> String {
        self.code.clone()
    }

    /// The name of the game.
    pub(crate) fn game_text(&self) -> String {
        self.game.clone()
    }

    /// Everything in it that is no secret.
    pub(crate) fn to_words(&self) -> String {
        let Self { options, public, quick_match, has_owner, bots, build, .. } = self;
        format!(
            "options {options}, public {public}, quick match {quick_match}, has an owner {has_owner}, bots up to {bots} \
             seats, build {build:016x}"
        )
    }

    /// The kind of room that it is, among these games.
    ///
    /// # Errors
    /// When the server has no such game any more.
    pub(crate) fn wanted(&self, games: &[OfferedGame]) -> Result<Wanted, HeaderFault> {
        let game = games.iter().position(|game| game.rules.name == self.game);
        let game = game.ok_or_else(|| HeaderFault::Game(self.game.clone()))?;
        let seats = games[game].rules.seats;
        Ok(Wanted { game, seats, public: self.public, quick_match: self.quick_match, door: self.door })
    }

    /// The plan by which the room is made again, in a server with these limits.
    pub(crate) fn plan(&self, limits: RoomLimits, build: u64) -> RoomPlan {
        let (bots, has_owner) = (self.bots, self.has_owner);
        let setup = RoomSetup { secret: self.secret.into(), bots, has_owner, limits, build };
        RoomPlan { setup, options: self.options.clone() }
    }
}

/// Appends a header in front of the rest of a checkpoint.
pub(crate) fn put_header(header: &[u8], out: &mut Vec<u8>) {
    put_varint(out, u32::try_from(header.len()).expect("a header is far below 4 GiB"));
    out.extend_from_slice(header);
}

/// Takes the header from the front of a checkpoint.
pub(crate) fn take_header(checkpoint: &[u8]) -> Result<(&[u8], &[u8]), DecodeError> {
    let mut reader = Reader::new(checkpoint);
    let length = reader.varint()?;
    let header = reader.slice(length as usize)?;
    Ok((header, reader.slice(reader.remaining())?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tickwire_games::{Arena, Paddles};

    fn header(game: &OfferedGame) -> RoomHeader {
        let (seats, public, quick_match, door) = (game.rules.seats, true, false, Door::Open);
        let wanted = Wanted { game: 0, seats, public, quick_match, door };
        let (secret, limits) = ([7; 32].into(), RoomLimits::default());
        let setup = RoomSetup { secret, bots: 2, has_owner: true, limits, build: 1 };
        RoomHeader::new(Code::parse("C4FK9T").unwrap(), game, &wanted, &RoomPlan { setup, options: Value::Null })
    }

    #[test]
    fn a_header_says_which_fields_the_game_had_and_is_renewed_for_those_of_today() {
        let (then, now) = (OfferedGame::of::<Paddles>(), OfferedGame::of::<Arena>());
        let kept = RoomHeader::parse(&header(&then).to_bytes()).unwrap();
        assert_eq!(kept.change_of(&then).unwrap(), GameChange::None, "nothing has changed");
        assert_eq!(kept.change_of(&now).unwrap(), GameChange::Fields(GameDescription::of::<Paddles>()));
        let renewed = RoomHeader::parse(&kept.clone().renewed(&now, 9).to_bytes()).unwrap();
        assert_eq!(renewed.change_of(&now).unwrap(), GameChange::None);
        assert_eq!(renewed.change_of(&then).unwrap(), GameChange::Fields(GameDescription::of::<Arena>()));
        assert_eq!((renewed.build, renewed.secret, renewed.code), (9, kept.secret, kept.code));
    }

    #[test]
    fn a_header_without_the_fields_is_of_use_to_the_same_game_alone() {
        let (then, now) = (OfferedGame::of::<Paddles>(), OfferedGame::of::<Arena>());
        let mut kept = serde_json::to_value(header(&then)).unwrap();
        kept.as_object_mut().unwrap().remove("shape");
        let kept = RoomHeader::parse(kept.to_string().as_bytes()).unwrap();
        assert_eq!(kept.change_of(&then).unwrap(), GameChange::None);
        assert!(matches!(kept.change_of(&now), Err(HeaderFault::Fields(_))));
    }

    #[test]
    fn other_rules_for_the_same_fields_are_told_once_and_rules_that_nobody_knows_are_none() {
        let with = |behaviour| OfferedGame { behaviour, ..OfferedGame::of::<Paddles>() };
        let kept = header(&with(5));
        let change = |kept: &RoomHeader, behaviour| kept.change_of(&with(behaviour)).unwrap();
        assert_eq!([5, 6, 0].map(|now| change(&kept, now)), [GameChange::None, GameChange::Rules, GameChange::None]);
        assert_eq!(change(&header(&with(0)), 5), GameChange::None);
        assert_eq!(change(&kept.renewed(&with(6), 9), 6), GameChange::None);
    }

    #[test]
    fn a_header_in_front_of_a_checkpoint_is_found_again_and_every_cut_is_an_error() {
        let mut out = Vec::new();
        put_header(&[7; 200], &mut out);
        out.extend_from_slice(b"rest");
        assert_eq!(take_header(&out).unwrap(), (&[7; 200][..], &b"rest"[..]));
        for cut in 0..202 {
            assert!(take_header(&out[..cut]).is_err(), "cut at {cut}");
        }
    }
}
