//! Matchmaking: strangers get a fair match soon, friends stay together, and nobody starves.
//!
//! ```text
//! enter, leave, offer, withdraw, advance → Matchmaker → poll: Place, Matched, Backfill, Left
//! ```
//!
//! There is a queue for each mode of a game ([`QueueRules`]). Groups of one player or a party wait in it. The rules are these:
//! * A party is never split between matches, and is in one team where it fits into one.
//! * A player is in one group at a time: the newest entry wins. The old group leaves as a whole, and so does a group
//!   that loses a member: the others entered to play together, and decide for themselves what to do now.
//! * The group that has waited longest is served first. Once its window is open it plays with anybody who waits, and the
//!   groups that it would play with are held for it (see `queue`).
//! * Groups leave with exactly one of [`Output::Matched`], [`Output::Backfill`] and [`Output::Left`], and nothing is
//!   said about them after that.
//! * The same calls give the same outputs: there is no clock, socket, thread or random number inside.
//!
//! The bound on a wait: with bots, the time after which bots fill up, and a few calls. Without bots there is none where
//! too few people come: an open group then waits until `seats_min` people are there whose parties fit into the teams. A
//! party of 3 in teams of 5 that meets nothing but parties of 3 and 4 never has a full match: such a game should have
//! bots, or a `seats_min` below its seats.
//!
//! Left out: how ratings are computed, regions and delays, roles, lists of players to avoid, the making of rooms, and
//! players who do not accept their match: they enter again.

mod estimate;
mod fill;
mod groups;
mod line;
mod nearest;
mod offers;
mod queue;

#[cfg(test)]
mod property;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

use groups::{Group, Groups, mean_rating};
use queue::Queue;
use slotmap::new_key_type;
use std::collections::{BTreeSet, VecDeque};
use thiserror::Error;
use tickwire::QueueRules;
use tickwire::limits::SEATS_MAX;
use tickwire::message::topics::PlayerId;

/// Groups that wait in one queue, at most. A call of [`Matchmaker::advance`] is measured with half of them.
pub(crate) const GROUPS_PER_QUEUE_MAX: usize = 20_000;

/// Running matches of one queue that lack people, at most.
pub(crate) const OFFERS_PER_QUEUE_MAX: usize = 4_096;

/// Milliseconds between two [`Output::Place`] for a group, at least.
pub(crate) const PLACE_MS: u64 = 2_000;

/// Groups of a queue that are told their place in one call, at most. It spreads out what a rush would tell at once: at
/// five calls a second, a full queue is told every four seconds.
pub(crate) const PLACES_PER_ADVANCE_MAX: usize = 1_000;

/// Work on one queue in one call, in candidates that are looked at. It bounds the time at about a millisecond.
pub(crate) const WORK_PER_ADVANCE_MAX: usize = 24_000;

/// Work on all queues in one call. Queues that are left out begin in the next one.
pub(crate) const WORK_PER_ADVANCE_OF_ALL_MAX: usize = 2 * WORK_PER_ADVANCE_MAX;

/// Work on the search for a combination of parties for one group: candidates for single teams, and again states of all
/// teams that are looked at.
pub(crate) const FILL_WORK_MAX: usize = 1_000;

// A call must get past a group that is searched for in vain, or nobody behind it would be served.
const _: () =
    assert!(WORK_PER_ADVANCE_MAX > 2 * (9 * FILL_WORK_MAX + 20 * SEATS_MAX as usize), "a call serves two groups");

/// Milliseconds after which an estimate that nothing has renewed is forgotten.
pub(crate) const ESTIMATE_AGE_MS_MAX: u64 = 600_000;

/// Points of rating in a band that has an estimate of its own.
pub(crate) const ESTIMATE_BAND: u16 = 200;

const _: () = assert!(PLACES_PER_ADVANCE_MAX * 20 >= GROUPS_PER_QUEUE_MAX, "20 calls tell a full queue its places");

new_key_type! {
    /// A group that waits. An id is not given again to another group.
    pub(crate) struct GroupId;
}

/// A queue: the place of its rules among those that the matchmaker was made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct QueueId(pub usize);

/// A running match that lacks people: the identity of its room, which is never given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RunningRoom(pub u64);

/// A player who enters a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entrant {
    /// The player.
    pub player: PlayerId,
    /// The rating of the player in this mode, in points; any scale in which a difference says how even a match is.
    pub rating: u16,
}

/// The reason for which a group left without a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WhyLeft {
    /// It asked for it.
    Asked,
    /// The connection of this member was lost.
    Lost {
        /// The member.
        player: PlayerId,
    },
    /// This member entered a queue anew.
    Replaced {
        /// The member.
        player: PlayerId,
    },
    /// The group is not the party any more that has entered.
    Changed,
}

/// Something to tell or to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Output {
    /// The place of a group that waits, when it enters, and later when it has changed; at most once in [`PLACE_MS`].
    Place {
        /// The group.
        group: GroupId,
        /// Its place by age, from 1 on. A later place may be served earlier where the ratings are closer.
        place: u32,
        /// Groups that wait in the queue.
        of: u32,
        /// Milliseconds from the entry to a match, as groups of similar rating waited lately, rounded up to a second.
        /// `None` while nothing is known, and for a group that has waited longer.
        estimate_ms: Option<u64>,
    },
    /// A match: a room is to be made for it.
    Matched {
        /// The queue.
        queue: QueueId,
        /// The groups, the one that had waited longest at the front.
        groups: Vec<GroupId>,
        /// The players, in the order of the groups.
        players: Vec<PlayerId>,
        /// The team of each player, from 0 on. In a free for all everybody has their own.
        teams: Vec<u8>,
        /// Seats for bots: 0, or all that the players leave.
        bots: u8,
    },
    /// Groups go to a running match.
    Backfill {
        /// The queue.
        queue: QueueId,
        /// The room of the match.
        room: RunningRoom,
        /// The groups, the oldest first.
        groups: Vec<GroupId>,
        /// The players, in the order of the groups.
        players: Vec<PlayerId>,
    },
    /// A group has left without a match.
    Left {
        /// The group.
        group: GroupId,
        /// Its members, all of whom are to be told.
        players: Vec<PlayerId>,
        /// The reason.
        why: WhyLeft,
    },
}

/// The reason for which a group cannot enter. Nothing has changed then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum EnterError {
    /// There is no such queue.
    #[error("there is no queue {}", queue.0)]
    NoQueue {
        /// The queue.
        queue: QueueId,
    },
    /// The group has no members.
    #[error("a group has no members")]
    Nobody,
    /// The party is larger than the match.
    #[error("a party of {len} does not fit into a match of {seats}")]
    PartyTooLarge {
        /// People in the party.
        len: usize,
        /// Seats of the match.
        seats: u8,
    },
    /// A player is in the party twice.
    #[error("player {player} is in the party twice")]
    Twice {
        /// The player.
        player: PlayerId,
    },
    /// The queue is full.
    #[error("{GROUPS_PER_QUEUE_MAX} groups wait already")]
    Full,
}

/// The reason for which a running match cannot take people from a queue. An earlier offer of it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum OfferError {
    /// There is no such queue.
    #[error("there is no queue {}", queue.0)]
    NoQueue {
        /// The queue.
        queue: QueueId,
    },
    /// Matches of this queue take nobody later.
    #[error("matches of queue {} take nobody after their start", queue.0)]
    NoBackfill {
        /// The queue.
        queue: QueueId,
    },
    /// There are too many offers.
    #[error("{OFFERS_PER_QUEUE_MAX} matches lack people already")]
    Full,
}

/// The matchmaker.
#[derive(Debug)]
pub(crate) struct Matchmaker {
    queues: Vec<Queue>,
    groups: Groups,
    output: VecDeque<Output>,
    /// The place of the queue that the next call begins with.
    next_queue: usize,
}

impl Matchmaker {
    /// A matchmaker with these queues, the first of which has the id 0.
    #[must_use]
    pub(crate) fn new(queues: Vec<QueueRules>) -> Self {
        let queues = queues.into_iter().enumerate().map(|(index, rules)| Queue::new(QueueId(index), rules)).collect();
        Self { queues, groups: Groups::default(), output: VecDeque::new(), next_queue: 0 }
    }

    /// A group enters a queue: one player, or a party that stays together. Groups that its players are in leave. The
    /// group is told its place at once.
    ///
    /// # Errors
    /// When the group cannot enter. Nothing has changed then.
    pub(crate) fn enter(&mut self, queue: QueueId, members: Vec<Entrant>, now_ms: u64) -> Result<GroupId, EnterError> {
        let Some(entered) = self.queues.get(queue.0) else { return Err(EnterError::NoQueue { queue }) };
        let (len, seats) = (members.len(), entered.rules.seats);
        let size = u8::try_from(len).ok().filter(|size| *size <= seats);
        let Some(size) = size else { return Err(EnterError::PartyTooLarge { len, seats }) };
        if size == 0 {
            return Err(EnterError::Nobody);
        }
        let mut players = BTreeSet::new();
        if let Some(twice) = members.iter().find(|member| !players.insert(member.player)) {
            return Err(EnterError::Twice { player: twice.player });
        }
        let old: BTreeSet<GroupId> = players.iter().filter_map(|player| self.groups.of_player(*player)).collect();
        let leaves = |id: &&GroupId| self.groups.find(**id).is_some_and(|group| group.queue == queue);
        if entered.len() - old.iter().filter(leaves).count() >= GROUPS_PER_QUEUE_MAX {
            return Err(EnterError::Full);
        }
        for player in players {
            if let Some(group) = self.groups.of_player(player) {
                self.part(group, WhyLeft::Replaced { player });
            }
        }
        let rating = mean_rating(&members);
        let group = Group { queue, seq: 0, members, size, rating, entered_ms: now_ms, last_told: None };
        let queue = self.queues.get_mut(queue.0).ok_or(EnterError::NoQueue { queue })?;
        Ok(queue.enter(group, &mut self.groups, &mut self.output))
    }

    /// The group of a player leaves, and all of it is told why. False when the player does not wait, for instance since
    /// it has just been matched.
    pub(crate) fn leave(&mut self, player: PlayerId, why: WhyLeft) -> bool {
        self.groups.of_player(player).is_some_and(|group| self.part(group, why))
    }

    fn part(&mut self, id: GroupId, why: WhyLeft) -> bool {
        let Some(queue) = self.groups.find(id).map(|group| group.queue) else { return false };
        let gone = self.queues.get_mut(queue.0).and_then(|queue| queue.remove(id, &mut self.groups));
        let Some(gone) = gone else { return false };
        self.output.push_back(Output::Left { group: id, players: gone.players().collect(), why });
        true
    }

    /// A running match lacks people. The offer replaces the room's earlier one, in any queue; 0 seats withdraw it.
    /// Seats that a [`Output::Backfill`] has given away are no longer offered: a room that offers again counts them as
    /// taken while their players are on the way.
    ///
    /// The matchmaker does not know the teams of the room. A room with teams offers the free seats of its emptiest team
    /// alone, so that a party finds itself in one team.
    ///
    /// # Errors
    /// When the queue takes no such offer.
    pub(crate) fn offer(
        &mut self,
        queue: QueueId,
        room: RunningRoom,
        free_seats: u8,
        rating_mean: u16,
    ) -> Result<(), OfferError> {
        let Some(offered) = self.queues.get(queue.0) else { return Err(OfferError::NoQueue { queue }) };
        if !offered.rules.backfill {
            return Err(OfferError::NoBackfill { queue });
        }
        if !offered.offers.contains(room) && offered.offers.len() >= OFFERS_PER_QUEUE_MAX {
            return Err(OfferError::Full);
        }
        for other in self.queues.iter_mut().filter(|other| other.id != queue) {
            other.offers.remove(room);
        }
        if let Some(queue) = self.queues.get_mut(queue.0) {
            queue.offers.insert(room, free_seats, rating_mean);
        }
        Ok(())
    }

    /// A running match takes nobody any more, or has ended.
    pub(crate) fn withdraw(&mut self, room: RunningRoom) {
        self.queues.iter_mut().for_each(|queue| _ = queue.offers.remove(room));
    }

    /// Makes the matches that are possible and tells places. It is to be called five to ten times a second.
    pub(crate) fn advance(&mut self, now_ms: u64) {
        let queues = self.queues.len();
        let mut work = 0;
        for _ in 0..queues {
            if work > WORK_PER_ADVANCE_OF_ALL_MAX - WORK_PER_ADVANCE_MAX {
                return;
            }
            let Some(queue) = self.queues.get_mut(self.next_queue) else { return };
            work += queue.advance(&mut self.groups, &mut self.output, now_ms);
            self.next_queue = (self.next_queue + 1) % queues;
        }
    }

    /// The next thing to tell or to do. Outputs are to be taken after each call.
    pub(crate) fn poll(&mut self) -> Option<Output> {
        loop {
            match self.output.pop_front()? {
                // The group has left since.
                Output::Place { group, .. } if self.groups.find(group).is_none() => {}
                output => return Some(output),
            }
        }
    }

    /// The members of a group that waits.
    #[must_use]
    pub(crate) fn members(&self, group: GroupId) -> Option<&[Entrant]> {
        self.groups.find(group).map(|group| group.members.as_slice())
    }

    /// The queue in which a group waits.
    #[must_use]
    pub(crate) fn queue_of(&self, group: GroupId) -> Option<QueueId> {
        self.groups.find(group).map(|group| group.queue)
    }

    /// The group in which a player waits.
    #[must_use]
    pub(crate) fn group_of(&self, player: PlayerId) -> Option<GroupId> {
        self.groups.of_player(player)
    }

    /// Groups and people that wait in a queue.
    #[cfg(test)]
    #[must_use]
    pub(crate) fn waiting(&self, queue: QueueId) -> (usize, usize) {
        self.queues.get(queue.0).map_or((0, 0), |queue| (queue.len(), queue.people()))
    }
}
