//! Matchmaking: people who want a match, alone or in a party, the matches that they get, and the seats that are held for
//! them until they come. It has no socket, clock or thread.
//!
//! ```text
//! ask, gone, here, entered, left, made, advance → Matchmaking → poll: Output for one client, or an order for seats
//! ```
//!
//! * A player is known over connections and is in one queue and one party at a time; the newest connection that asks
//!   stands for the player. A player that loses it leaves both.
//! * A match is a room whose seats are bound to players. A seat is held for `HOLD_MS`: a page that loads slowly, or
//!   again, finds it. Afterwards, and when a player has left, the seat goes to the next one in the queue, if the queue
//!   says so.

mod matches;
pub(crate) mod matchmaker;
mod parties;

#[cfg(test)]
mod tests;

use crate::lobby::{Code, RoomId};
use crate::topics::json::{Ask, News, NoParty, NotQueued, PartyMember, Unqueued};
use crate::topics::{ClientId, Farewell};
use matches::{Drawn, HeldSeat, Matches};
use matchmaker::{EnterError, Entrant, GroupId, Matchmaker, Output as Outcome, QueueId, RunningRoom, WhyLeft};
use parties::Parties;
use std::collections::{BTreeMap, VecDeque};
use tickwire::message::topics::PlayerId;
use tickwire::{QueueRules, Seat};

/// The rating of a player whom no ticket gives one.
pub(crate) const RATING_UNKNOWN: u16 = 1_500;

/// A queue of a game.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GameQueue {
    /// Index of the game in the server's games.
    pub game: usize,
    /// The name of the game.
    pub name: &'static str,
    /// The rules.
    pub rules: QueueRules,
}

/// Somebody who wants a match.
#[derive(Debug, Clone)]
pub(crate) struct Seeker {
    /// The connection.
    pub client: ClientId,
    /// The player.
    pub player: PlayerId,
    /// The name that others see.
    pub name: String,
    /// The rating, in points.
    pub rating: u16,
}

/// Something to tell or to have done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Output {
    /// News for a client.
    News {
        /// The client.
        client: ClientId,
        /// The news.
        news: News,
    },
    /// Seats for the players of a match.
    Order(MatchOrder),
}

/// An order of seats for the players of a match, to the place where rooms are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MatchOrder {
    /// A room is to be made; the answer goes to [`Matchmaking::made`].
    Make {
        /// The match.
        id: MatchId,
        /// Index of the game.
        game: usize,
        /// The rules of the queue.
        rules: QueueRules,
        /// The players, each in the seat of its team.
        seats: BTreeMap<Seat, PlayerId>,
        /// Whether bots fill the seats that are left.
        with_bots: bool,
    },
    /// These seats of a running match are for these players from now on. The answer goes to [`Matchmaking::invited`].
    Invite {
        /// The code of the room.
        code: Code,
        /// The players and their seats.
        seats: BTreeMap<Seat, PlayerId>,
    },
}

/// A match whose room is not made yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct MatchId(u64);

/// The matchmaking of all games.
#[derive(Debug)]
pub(crate) struct Matchmaking {
    queues: Vec<GameQueue>,
    matchmaker: Matchmaker,
    /// The connection of each player that is in a queue or in a party, or has a seat that is held for it.
    seekers: BTreeMap<PlayerId, Seeker>,
    parties: Parties,
    /// The matches whose rooms are being made.
    ordered: BTreeMap<MatchId, Drawn>,
    next_match: u64,
    matches: Matches,
    output: VecDeque<Output>,
}

impl Matchmaking {
    /// The matchmaking of these queues.
    #[must_use]
    pub(crate) fn new(queues: Vec<GameQueue>) -> Self {
        Self {
            matchmaker: Matchmaker::new(queues.iter().map(|queue| queue.rules).collect()),
            queues,
            seekers: BTreeMap::new(),
            parties: Parties::default(),
            ordered: BTreeMap::new(),
            next_match: 0,
            matches: Matches::default(),
            output: VecDeque::new(),
        }
    }

    /// A client asks for something.
    pub(crate) fn ask(&mut self, seeker: Seeker, ask: Ask, now_ms: u64) {
        let (client, player) = (seeker.client, seeker.player);
        self.stand_for(seeker);
        let done = match ask {
            Ask::Queue { game, queue } => self.enter(player, &game, queue.as_deref(), now_ms),
            Ask::Unqueue => {
                self.unqueue(player, WhyLeft::Asked);
                Ok(())
            }
            Ask::Party { party } => {
                self.join_party(player, party.as_deref());
                Ok(())
            }
            Ask::LeaveParty => {
                self.leave_party(player, NoParty::Left);
                Ok(())
            }
        };
        if let Err(why) = done {
            self.tell(client, News::NotQueued { why });
        }
        self.settle();
    }

    /// From now on this connection stands for its player. The wishes of an older one are over, because its page would go
    /// on to show them.
    fn stand_for(&mut self, seeker: Seeker) {
        let player = seeker.player;
        if self.seekers.get(&player).is_some_and(|known| known.client != seeker.client) {
            // It is the old connection that is told.
            self.unqueue(player, WhyLeft::Replaced { player });
            self.leave_party(player, NoParty::Replaced);
        }
        self.seekers.insert(player, seeker);
    }

    fn enter(&mut self, player: PlayerId, game: &str, name: Option<&str>, now_ms: u64) -> Result<(), NotQueued> {
        let is_meant = |queue: &GameQueue| queue.name == game && name.is_none_or(|name| queue.rules.name == name);
        let queue = self.queues.iter().position(is_meant).map(QueueId).ok_or(NotQueued::NoQueue)?;
        let members = match self.parties.of(player) {
            Some(party) if party.leader() != Some(player) => return Err(NotQueued::NotLeader),
            Some(party) => party.members().to_vec(),
            None => vec![player],
        };
        let rating_of = |member: &PlayerId| self.seekers.get(member).map_or(RATING_UNKNOWN, |seeker| seeker.rating);
        let entrants = members.iter().map(|member| Entrant { player: *member, rating: rating_of(member) }).collect();
        match self.matchmaker.enter(queue, entrants, now_ms) {
            Ok(_) => {
                // A seat that is held from an earlier match goes to somebody else.
                members.iter().for_each(|member| self.matches.give_up(*member));
                Ok(())
            }
            Err(EnterError::PartyTooLarge { .. }) => Err(NotQueued::PartyTooLarge),
            Err(EnterError::Full) => Err(NotQueued::Full),
            Err(EnterError::NoQueue { .. } | EnterError::Nobody | EnterError::Twice { .. }) => Err(NotQueued::NoQueue),
        }
    }

    /// The group of a player leaves its queue, and all who are in it are told at once.
    fn unqueue(&mut self, player: PlayerId, why: WhyLeft) {
        if self.matchmaker.leave(player, why) {
            self.settle();
        }
    }

    fn join_party(&mut self, player: PlayerId, code: Option<&str>) {
        let Some(client) = self.client_of(player) else { return };
        let joined = match code {
            Some(code) => self
                .parties
                .find(code)
                .ok_or(NoParty::Unknown)
                .and_then(|party| if self.parties.is_full(party) { Err(NoParty::Full) } else { Ok(Some(party)) }),
            None => Ok(None),
        };
        match joined {
            Err(why) => self.tell(client, News::NoParty { why }),
            Ok(party) if party.is_some() && party == self.parties.id_of(player) => self.tell_party(player),
            Ok(party) => {
                self.leave_party(player, NoParty::Left);
                if let Some(leader) = party.and_then(|party| self.parties.leader_of(party)) {
                    self.unqueue(leader, WhyLeft::Changed);
                }
                self.parties.join(party, player);
                self.tell_party(player);
            }
        }
    }

    /// A player leaves its party, and the queue with it.
    fn leave_party(&mut self, player: PlayerId, why: NoParty) {
        if self.parties.of(player).is_none() {
            return;
        }
        // The others have entered to play together.
        self.unqueue(player, WhyLeft::Changed);
        let rest = self.parties.leave(player);
        if let Some(client) = self.client_of(player) {
            self.tell(client, News::NoParty { why });
        }
        if let Some(member) = rest {
            self.tell_party(member);
        }
        self.forget_idle(player);
    }

    fn tell_party(&mut self, member: PlayerId) {
        let Some(party) = self.parties.of(member) else { return };
        let Some(leader) = party.leader() else { return };
        let name_of = |player| self.seekers.get(player).map_or_else(String::new, |seeker| seeker.name.clone());
        let members = party.members().iter().map(|player| PartyMember { player: *player, name: name_of(player) });
        let members = members.collect();
        let news = News::Party { party: party.code().into(), leader, members };
        for player in party.members().to_vec() {
            if let Some(client) = self.client_of(player) {
                self.tell(client, news.clone());
            }
        }
    }

    /// A client without a room has come. One for which a seat is held is told again where it is.
    pub(crate) fn here(&mut self, seeker: &Seeker, now_ms: u64) {
        if let Some((queue, place)) = self.matches.held_for(seeker.player, now_ms) {
            let news = self.matched(queue, place, now_ms);
            self.tell(seeker.client, news);
        }
    }

    /// A client is gone.
    pub(crate) fn gone(&mut self, client: ClientId, player: PlayerId) {
        if self.seekers.get(&player).is_none_or(|seeker| seeker.client != client) {
            return;
        }
        self.seekers.remove(&player);
        self.unqueue(player, WhyLeft::Lost { player });
        self.leave_party(player, NoParty::Left);
        self.settle();
    }

    /// A player has entered a room.
    pub(crate) fn entered(&mut self, room: RoomId, seat: Seat, player: PlayerId) {
        self.matches.entered(room, seat, player);
        self.offer(room);
    }

    /// A player's connection to a room is over.
    pub(crate) fn left(&mut self, room: RoomId, seat: Seat, how: Farewell, now_ms: u64) {
        self.matches.left(room, seat, how, now_ms);
        self.offer(room);
    }

    /// A room has ended.
    pub(crate) fn room_closed(&mut self, room: RoomId) {
        if self.matches.close(room) {
            self.matchmaker.withdraw(RunningRoom(room.0));
        }
    }

    /// The room of a match has been made; `None` when it could not be.
    pub(crate) fn made(&mut self, id: MatchId, room: Option<(RoomId, Code)>, now_ms: u64) {
        let Some(drawn) = self.ordered.remove(&id) else { return };
        let players: Vec<_> = drawn.seats.values().copied().collect();
        let Some((room, code)) = room else {
            return self.fail(players);
        };
        self.matches.open(room, code, &self.queues[drawn.queue.0].rules, &drawn, now_ms);
        self.tell_matched(room, players, now_ms);
        self.offer(room);
    }

    /// The room of a running match knows the players of these seats; `None` when it has ended.
    pub(crate) fn invited(&mut self, room: Option<RoomId>, seats: BTreeMap<Seat, PlayerId>, now_ms: u64) {
        let players = seats.values().copied().collect();
        let Some(room) = room else { return self.fail(players) };
        self.matches.hold(room, &seats, now_ms);
        self.tell_matched(room, players, now_ms);
        self.offer(room);
    }

    /// Tells players that there is no room for their match.
    fn fail(&mut self, players: Vec<PlayerId>) {
        for player in players {
            if let Some(client) = self.client_of(player) {
                self.tell(client, News::Unqueued { why: Unqueued::NoRoom, player: None });
            }
            self.forget_idle(player);
        }
    }

    /// Tells players where their seats are. One who has come back to a seat meanwhile keeps it, and the player who was to
    /// have it has none.
    fn tell_matched(&mut self, room: RoomId, players: Vec<PlayerId>, now_ms: u64) {
        for player in players {
            if self.matchmaker.group_of(player).is_some() {
                // It did not wait for the room, and has entered a queue again.
                self.matches.give_up(player);
                continue;
            }
            let Some((queue, held)) = self.matches.held_in(room, player) else {
                self.fail(vec![player]);
                continue;
            };
            if let Some(client) = self.client_of(player) {
                let news = self.matched(queue, held, now_ms);
                self.tell(client, news);
            }
            self.forget_idle(player);
        }
    }

    fn matched(&self, queue: QueueId, at: HeldSeat, now_ms: u64) -> News {
        let GameQueue { name, rules, .. } = self.queues[queue.0];
        let hold_ms = at.until_ms.saturating_sub(now_ms);
        News::Matched {
            game: name,
            queue: rules.name,
            code: at.code.to_string(),
            seat: at.seat,
            bots: at.bots,
            hold_ms,
        }
    }

    /// Offers the seats of a match that lacks people.
    fn offer(&mut self, room: RoomId) {
        let Some((queue, free, rating)) = self.matches.lacking(room) else { return };
        let rules = &self.queues[queue.0].rules;
        if rules.backfill && self.matchmaker.offer(queue, RunningRoom(room.0), free, rating).is_err() {
            tracing::debug!(room = room.0, "a match lacks people, and cannot be offered to those who wait");
        }
    }

    /// Does the work that is due. It is to be called several times a second.
    pub(crate) fn advance(&mut self, now_ms: u64) {
        for room in self.matches.expire(now_ms) {
            self.offer(room);
        }
        self.matchmaker.advance(now_ms);
        self.settle();
    }

    /// Turns what the matchmaker says into news and orders.
    fn settle(&mut self) {
        while let Some(outcome) = self.matchmaker.poll() {
            match outcome {
                Outcome::Place { group, place, of, estimate_ms } => self.tell_place(group, place, of, estimate_ms),
                Outcome::Matched { queue, players, teams, bots, .. } => self.order(queue, &players, &teams, bots),
                Outcome::Backfill { room, players, .. } => self.order_seats(RoomId(room.0), &players),
                Outcome::Left { players, why, .. } => self.tell_left(&players, why),
            }
        }
    }

    fn tell_left(&mut self, players: &[PlayerId], why: WhyLeft) {
        match why {
            WhyLeft::Asked => self.tell_unqueued(players, Unqueued::Asked, None),
            WhyLeft::Lost { player } => self.tell_unqueued(players, Unqueued::Lost, Some(player)),
            WhyLeft::Replaced { player } => self.tell_unqueued(players, Unqueued::Replaced, Some(player)),
            WhyLeft::Changed => self.tell_unqueued(players, Unqueued::Party, None),
        }
    }

    fn tell_unqueued(&mut self, players: &[PlayerId], why: Unqueued, by: Option<PlayerId>) {
        for player in players {
            // A player who has entered anew is told its new place instead.
            if let Some(client) = self.client_of(*player).filter(|_| self.matchmaker.group_of(*player).is_none()) {
                self.tell(client, News::Unqueued { why, player: by });
            }
            self.forget_idle(*player);
        }
    }

    fn tell_place(&mut self, group: GroupId, place: u32, of: u32, estimate_ms: Option<u64>) {
        let Some(queue) = self.matchmaker.queue_of(group) else { return };
        let GameQueue { name, rules, .. } = self.queues[queue.0];
        let members = self.matchmaker.members(group).unwrap_or_default();
        let news = News::Queued { game: name, queue: rules.name, place, of, estimate_ms };
        let clients: Vec<_> = members.iter().filter_map(|member| self.client_of(member.player)).collect();
        clients.into_iter().for_each(|client| self.tell(client, news.clone()));
    }

    /// Orders the room of a match. The first team has the first seats.
    fn order(&mut self, queue: QueueId, players: &[PlayerId], teams: &[u8], bots: u8) {
        let GameQueue { game, rules, .. } = self.queues[queue.0];
        let mut seats = BTreeMap::new();
        for (player, team) in players.iter().zip(teams) {
            let own = team * rules.team_size..(team + 1) * rules.team_size;
            if let Some(seat) = own.filter_map(Seat::new).find(|seat| !seats.contains_key(seat)) {
                seats.insert(seat, *player);
            }
        }
        let ratings =
            players.iter().filter_map(|player| self.seekers.get(player)).map(|seeker| u32::from(seeker.rating));
        let mean = ratings.sum::<u32>() / u32::try_from(players.len().max(1)).unwrap_or(1);
        let rating = u16::try_from(mean).unwrap_or(RATING_UNKNOWN);
        let id = MatchId(self.next_match);
        self.next_match += 1;
        self.ordered.insert(id, Drawn { queue, seats: seats.clone(), bots, rating });
        self.output.push_back(Output::Order(MatchOrder::Make { id, game, rules, seats, with_bots: bots > 0 }));
    }

    /// Orders seats in a running match.
    fn order_seats(&mut self, room: RoomId, players: &[PlayerId]) {
        match self.matches.choose(room, players) {
            Some((code, seats)) => self.output.push_back(Output::Order(MatchOrder::Invite { code, seats })),
            None => self.fail(players.to_vec()),
        }
    }

    fn client_of(&self, player: PlayerId) -> Option<ClientId> {
        self.seekers.get(&player).map(|seeker| seeker.client)
    }

    /// Forgets a player who is in no queue and no party.
    fn forget_idle(&mut self, player: PlayerId) {
        if self.matchmaker.group_of(player).is_none() && self.parties.of(player).is_none() {
            self.seekers.remove(&player);
        }
    }

    fn tell(&mut self, client: ClientId, news: News) {
        self.output.push_back(Output::News { client, news });
    }

    /// The next thing to tell or to do. Outputs are to be taken after each call.
    pub(crate) fn poll(&mut self) -> Option<Output> {
        self.output.pop_front()
    }
}
