//! All rooms and players of a run, and the turn that advances each of them.

use super::bot_client::BotClient;
use super::full::FullBot;
use super::lives::{Lives, ScoreOf};
use super::player::{Player, dial};
use super::thin::ThinBot;
use super::tickets::Tickets;
use super::{Bot, Plan, Room, Shared};
use crate::measure::Totals;
use crate::plant::plant;
use crate::report::corrections::{Corrections, worst};
use crate::topic_ear::TopicEar;
use anyhow::Result;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Instant;
use tickwire::message::topics::PlayerKey;
use tickwire::{Game, Rng};

/// Time between two clients that join, in microseconds.
pub(super) const JOIN_GAP_US: u64 = 4_000;

/// Names of the bots; a number distinguishes bots that share a name.
const NAMES: [&str; 12] = ["Ada", "Bea", "Cleo", "Dag", "Enzo", "Fay", "Gus", "Hana", "Ivo", "Juno", "Kai", "Lou"];

/// The bots of a run; those that wait for matches have keys by which the matches find them.
pub(super) fn bots(plan: &Plan) -> Vec<Bot> {
    let mut dice = Rng::new(plan.seed);
    let bot = |number| {
        let seed = dice.next_u64();
        let key = plan.queue.is_some().then(|| PlayerKey((u128::from(seed) << 64 | u128::from(number)).to_be_bytes()));
        Bot { name: format!("{} {number}", NAMES[seed as usize % NAMES.len()]), seed, key }
    };
    (0..plan.rooms * plan.players).map(bot).collect()
}

/// These bots in rooms with these codes, as many in each.
pub(super) fn in_rooms(codes: Vec<String>, bots: &[Bot], plan: &Plan) -> Vec<Room> {
    let room = |(code, bots): (String, &[Bot])| Room { code, bots: bots.to_vec() };
    codes.into_iter().zip(bots.chunks(plan.players as usize)).map(room).collect()
}

/// A client of the run; the task of its connection holds it too.
type Shareable<G> = Rc<RefCell<Player<G>>>;

/// Rooms full of players.
pub(super) struct Crowd<G: Game> {
    rooms: Vec<Vec<Shareable<G>>>,
    shared: Rc<Shared>,
}

impl<G: Game> Crowd<G> {
    /// A crowd for these rooms, which joins from `now_us` on.
    pub(super) fn new(
        rooms: Vec<Room>,
        plan: &Plan,
        tickets: &Tickets,
        shared: Rc<Shared>,
        now_us: u64,
    ) -> Result<Self> {
        let mut number = 0_u64;
        let mut player = |code: &str, bot: &Bot, is_thin: bool| {
            let ear = plan.topic.as_ref().map(|topic| TopicEar::new(&topic.replace("CODE", code)));
            let ticket = tickets.mint(&bot.name)?;
            let client = if is_thin {
                BotClient::Thin(Box::new(ThinBot::new(code, bot, ear, ticket)), G::Input::default())
            } else {
                BotClient::Full(Box::new(FullBot::new(code, bot, ear, ticket.as_deref())))
            };
            number += 1;
            Ok(Rc::new(RefCell::new(Player::new(client, now_us + number * JOIN_GAP_US, plan, bot.seed))))
        };
        let mut players_of = |Room { code, bots }: Room| {
            bots.iter().enumerate().map(|(place, bot)| player(&code, bot, plan.thin && place > 0)).collect()
        };
        Ok(Self { rooms: rooms.into_iter().map(&mut players_of).collect::<Result<_>>()?, shared })
    }

    /// Records the lives of all clients from now on; these are their bots in the same order.
    pub(super) fn watch(&self, bots: &[Bot], score_of: ScoreOf<G>) {
        for (player, bot) in self.players().zip(bots) {
            player.borrow_mut().watch(&bot.name, score_of, self.shared.clock.0);
        }
    }

    /// Watched clients that have been told of a tick since this moment, over a connection that began after it.
    pub(super) fn play_since(&self, moment: Instant) -> u64 {
        self.players().filter(|player| player.borrow().plays_since(moment)).count() as u64
    }

    /// The lives of the watched clients, room by room.
    pub(super) fn lives(&self) -> Vec<Vec<Lives>> {
        let now_us = self.shared.clock.now_us();
        let of = |player: &Shareable<G>| player.borrow_mut().lives(now_us);
        self.rooms.iter().map(|room| room.iter().filter_map(of).collect()).collect()
    }

    fn players(&self) -> impl Iterator<Item = &Shareable<G>> {
        self.rooms.iter().flatten()
    }

    /// The time that all joins are spread over, in microseconds.
    pub(super) fn join_us(&self) -> u64 {
        self.players().count() as u64 * JOIN_GAP_US
    }

    /// Clients that are in their room and have a snapshot of it.
    pub(super) fn up(&self) -> u64 {
        self.players().filter(|player| player.borrow().is_up()).count() as u64
    }

    /// Clients whose connection is gone.
    pub(super) fn gone(&self) -> u64 {
        self.players().filter(|player| player.borrow().is_gone()).count() as u64
    }

    /// All clients.
    pub(super) fn count(&self) -> u64 {
        self.players().count() as u64
    }

    /// The largest input lead of a client, as the newest snapshots say.
    pub(super) fn lead_ticks_max(&self) -> i8 {
        let leads = self.players().map(|player| player.borrow().client.stats().input_lead_ticks);
        leads.max().unwrap_or_default()
    }

    /// Sums over all clients.
    pub(super) fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        self.players().for_each(|player| player.borrow().client.add_to(&mut totals));
        totals
    }

    /// The fields that clients predicted wrong, the worst first.
    pub(super) fn corrected_fields(&self) -> Vec<Corrections> {
        worst(self.players().filter_map(|player| player.borrow().client.corrected_fields()))
    }

    /// Damages a field in the world of the next full client, in turn, because the server closes a client whose world
    /// differs too often. Gives false when no client has a world.
    pub(super) fn plant(&self, number: u64, dice: &mut Rng) -> bool {
        let whole: Vec<_> =
            self.players().filter(|player| matches!(player.borrow().client, BotClient::Full(_))).collect();
        let Some(victim) = whole.get(number as usize % whole.len().max(1)) else { return false };
        match &mut victim.borrow_mut().client {
            BotClient::Full(bot) => plant(&mut bot.session, dice).is_some(),
            BotClient::Thin(..) => false,
        }
    }

    /// Makes every client leave.
    pub(super) fn leave(&self) {
        self.players().for_each(|player| player.borrow_mut().leave());
    }

    /// Counts the snapshots and inputs that have not arrived until now.
    pub(super) fn settle(&self) {
        let (now_us, mut meter) = (self.shared.clock.now_us(), self.shared.meter.borrow_mut());
        self.players().for_each(|player| player.borrow_mut().settle(now_us, &mut meter));
    }

    /// Does all work that is due. The tasks of the connections run between two rooms, so that arrivals are not noted
    /// late because other clients were deciding.
    pub(super) async fn turn(&self) {
        for room in &self.rooms {
            if self.turn_room(room) {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Advances the players of one room; says whether any of them had to decide on an input.
    fn turn_room(&self, room: &[Shareable<G>]) -> bool {
        let now_us = self.shared.clock.now_us();
        let mut thought = false;
        for player in room {
            let mut client = player.borrow_mut();
            if client.wants_dial(now_us) {
                drop(client);
                dial(player, &self.shared);
                continue;
            }
            if client.is_due(now_us) {
                thought = true;
                client.play(now_us, &mut self.shared.meter.borrow_mut());
                instruct(&mut client, room, now_us);
            }
            client.carry(now_us, &self.shared);
        }
        thought
    }
}

/// A full client decides for the thin clients of its room too: they have no world to decide from.
fn instruct<G: Game>(client: &mut Player<G>, room: &[Shareable<G>], now_us: u64) {
    let BotClient::Full(bot) = &mut client.client else { return };
    // The client that cannot be borrowed is the full client itself.
    let others = || room.iter().filter_map(|other| other.try_borrow_mut().ok());
    if !others().any(|other| matches!(other.client, BotClient::Thin(..))) {
        return;
    }
    let Some(world) = bot.session.view(now_us) else { return };
    for mut other in others() {
        let Player { client: BotClient::Thin(thin, input), dice, .. } = &mut *other else { continue };
        if let Some(seat) = thin.seat {
            *input = world.bot(seat, dice);
        }
    }
}
