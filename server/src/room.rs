//! A room: one game, its players and the messages for each of them, without a socket or a clock.
//!
//! ```text
//! receive → InputBuffer ┐
//! enter, lost → roster ─┴→ tick: Simulation → History → poll_snapshot: head + shared sections, or tick inputs
//! ```
//!
//! The owner of a room advances it with [`Room::tick`] and carries the bytes between the room and its members. The same
//! room runs under a shard, in the seeded tests and in benchmarks. A tick returns everything that happened in it as one
//! value.

mod attempts;
mod autopsy;
mod claims;
mod counters;
mod dismissals;
mod disputes;
mod entrance;
mod entrant;
mod failure;
mod figures;
mod game_call;
mod idleness;
mod in_flight;
mod kept;
mod keyframes;
mod lockstep;
mod matches;
mod members;
mod old_worlds;
mod operator_orders;
mod origin;
mod outgoing;
mod ownership;
mod publications;
mod replication;
mod room_limits;
mod roster;
mod schemas;
mod search;
mod seat_meter;
mod seats;
mod start_over;
mod state;
mod tick_limits;
mod token_digest;
mod unsettled;
mod versions;
mod view_bound;

pub use attempts::{Attempt, Survived};
pub(crate) use autopsy::unhex;
pub use autopsy::{AUTOPSY_FORMAT, Autopsy, FieldDifference, Side, TickInput};
pub use counters::{Counters, Summary};
pub use entrance::Entered;
pub use entrant::{Admitted, Entrant};
pub use failure::{FAILURE_FORMAT, FailedCall, NewMatch, ReplayFault, RoomFailure};
pub use figures::{Attendance, SeatFigures, SeatKind};
pub use game_call::GameCall;
pub use kept::{Frozen, Kept, ReviveError, Revived};
pub use members::MemberId;
pub use operator_orders::{NotDone, OperatorOrder};
pub use origin::Origin;
pub use replication::SnapshotFrame;
pub use room_limits::RoomLimits;
pub use schemas::GameSchemas;
pub use tickwire::world::{roster::RosterChange, simulation::Checkpoint, simulation::TickRecord};
pub use versions::RoomChanges;

use crate::limits::UNDISPUTED_MAX;
use attempts::SurvivedPanics;
use disputes::Disputes;
use idleness::Idle;
use kept::Recorded;
use members::Member;
use outgoing::Outgoing;
use ownership::Ownership;
use roster::{Roster, SeatSet};
use seat_meter::SeatMeter;
use slotmap::SlotMap;
use std::collections::VecDeque;
use std::sync::Arc;
use tick_limits::TickLimits;
use tickwire::input::{Ack, Action, buffer::InputArrival, buffer::InputBuffer};
use tickwire::lockstep::LastInputs;
use tickwire::message::close::CloseCode;
use tickwire::message::control::ClientControl;
use tickwire::message::evidence::ClientEvidence;
use tickwire::message::{CLIENT_CONTROL, CLIENT_EVIDENCE, INPUT};
use tickwire::rng::{Purpose, Secret};
use tickwire::state::Schema;
use tickwire::world::heard::Heard;
use tickwire::world::simulation::Simulation;
use tickwire::world::snapshot::Snapshot;
use tickwire::{Game, Leave, MatchResult, Seat, Tick};
use tickwire::{leak::Leak, leak::is_planted, limits::SEATS_MAX};
use view_bound::ViewBound;

/// The way a room is set up, besides the options of its game.
#[derive(Debug, Clone)]
pub struct RoomSetup {
    /// The key of the room's random numbers, which nobody can guess.
    pub secret: Secret,
    /// Seats up to which bots take free ones when people wait for company; 0 for none.
    pub bots: u8,
    /// Whether the room has an owner that may lock it and remove others. It sees to the occupants of seats, bots
    /// included; a room that fills with bots too seats another bot with the next tick.
    pub has_owner: bool,
    /// How much of the room one origin may take.
    pub limits: RoomLimits,
    /// The id of the sources that the server was built from, for clients to compare; 0 when it is not known.
    pub build: u64,
}

/// The bytes to write for a member after a tick, or the reason why there are none.
#[derive(Debug)]
pub enum SnapshotPoll<'a> {
    /// The caller must write all of these bytes, because the next delta starts from this snapshot.
    Frame(SnapshotFrame<'a>),
    /// There is nothing to write: no snapshot is due, the member has too many snapshots in flight, or its baseline is
    /// not that of the other members and it is served in the next tick.
    Wait,
    /// Nothing is written any more: the connection is to be closed with this code.
    Close(CloseCode),
}

/// One game with its players.
pub struct Room<G: Game> {
    simulation: Simulation<G>,
    /// The key of the simulation's random numbers in snapshot mode, and of the bots' dice. The inputs that bots choose
    /// with their dice are recorded like those of people.
    secret: Secret,
    tick: Tick,
    limits: TickLimits,
    room_limits: RoomLimits,
    build: u64,
    schemas: GameSchemas<G>,
    roster: Roster,
    ownership: Ownership,
    /// One per seat, once somebody has come: thousands of rooms may wait for their players.
    buffers: Vec<InputBuffer<G::Input>>,
    /// For each seat, the input that is the same since a tick.
    idle: Vec<Idle<G::Input>>,
    /// The newest tick at which a player was seen in the room.
    last_player: Tick,
    /// For each seat, how old a view its player may claim.
    view_bounds: Vec<ViewBound>,
    meters: Vec<SeatMeter>,
    members: SlotMap<MemberId, Member>,
    outgoing: Outgoing<G>,
    /// The options of the match that begins with the next tick.
    restart: Option<G::Options>,
    /// The member that has ordered it.
    restarted_by: Option<MemberId>,
    /// The tick at which the owner has last started a match.
    restarted: Option<Tick>,
    disputes: Disputes<G>,
    /// For each seat, whether the last tick was made without an input of its player.
    starved: [bool; SEATS_MAX as usize],
    record: TickRecord<G>,
    counters: Counters,
    /// The call of the game that is being made.
    call: Option<GameCall>,
    /// The words of services to the game since the last tick, the oldest first.
    unheard: VecDeque<Heard>,
    /// Members that the room has dismissed: their connections are to be closed with these codes.
    dismissed: Vec<(MemberId, CloseCode)>,
    /// The seats that are taken for the game, which may learn of somebody's leaving later than the roster.
    playing: SeatSet,
    survived: SurvivedPanics,
    /// The newest tick of which clients of an earlier process have the same world as this room; `None` for a room that
    /// began in this process. The seats whose players have had a world of this process since.
    common: Option<Tick>,
    met: SeatSet,
    /// The things that the journal has of the room, if it keeps any.
    recorded: Option<Box<Recorded<G>>>,
    /// Whether no further tick is made, and the report on why.
    has_failed: bool,
    failure: Option<Box<RoomFailure>>,
    /// The last tick that is made without the inputs of players.
    neutral_until: Tick,
}

impl<G: Game> Room<G> {
    /// A room before its first tick. With `fill_with_bots`, bots begin to take free seats two seconds after the first
    /// person has joined, until as many seats are taken as the rules say.
    #[must_use]
    pub fn new(seed: u64, options: &G::Options, fill_with_bots: bool) -> Self {
        let limits = RoomLimits::default();
        let bots = if fill_with_bots { G::RULES.bots } else { 0 };
        let setup = RoomSetup { secret: seed.into(), bots, has_owner: false, limits, build: 0 };
        Self::with_schemas(&GameSchemas::new(), setup, options)
    }

    /// A room before its first tick, with the schemas that it shares with other rooms of the game.
    #[must_use]
    pub fn with_schemas(schemas: &GameSchemas<G>, setup: RoomSetup, options: &G::Options) -> Self {
        let RoomSetup { secret, bots, has_owner, limits, build } = setup;
        let mut simulation = Simulation::sharing(Arc::clone(&schemas.world), &secret, options);
        let stagger = secret.rng(Purpose::Stagger, 0, 0).next_u32();
        Self {
            tick: Tick(0),
            limits: TickLimits::of(&G::RULES, limits.fill_seconds),
            room_limits: limits,
            build,
            schemas: schemas.clone(),
            roster: Roster::new(&G::RULES, bots, &limits),
            ownership: Ownership::new(has_owner),
            buffers: Vec::new(),
            idle: vec![Idle::default(); usize::from(G::RULES.seats)],
            last_player: Tick(0),
            view_bounds: vec![ViewBound::default(); usize::from(G::RULES.seats)],
            meters: Vec::new(),
            // By itself it would grow to twice the seats.
            members: SlotMap::with_capacity_and_key(usize::from(G::RULES.seats)),
            outgoing: Outgoing::new(schemas, &mut simulation, stagger, LastInputs::default()),
            restart: None,
            restarted_by: None,
            restarted: None,
            disputes: Disputes::default(),
            starved: [false; SEATS_MAX as usize],
            record: TickRecord::empty(),
            counters: Counters::default(),
            call: None,
            unheard: VecDeque::new(),
            dismissed: Vec::new(),
            playing: SeatSet::default(),
            survived: SurvivedPanics::default(),
            common: None,
            met: SeatSet::default(),
            recorded: None,
            has_failed: false,
            failure: None,
            neutral_until: Tick(0),
            secret,
            simulation,
        }
    }

    /// Receives a message of a member.
    ///
    /// # Errors
    /// The code with which that connection is to be closed; [`CloseCode::Normal`] after the member has left.
    pub fn receive(&mut self, member: MemberId, message: &[u8]) -> Result<(), CloseCode> {
        let Some(state) = self.members.get_mut(member) else { return Err(self.why_gone(member)) };
        state.count_message(self.tick)?;
        if !state.confirmed {
            state.confirmed = true;
            state.seat.inspect(|seat| self.roster.confirm_token(*seat));
        }
        match message.first() {
            Some(&INPUT) => self.receive_input(member, message),
            Some(&CLIENT_EVIDENCE) => {
                let evidence = ClientEvidence::decode(message).map_err(|_| CloseCode::Malformed)?;
                self.receive_evidence(member, evidence)
            }
            Some(&CLIENT_CONTROL) => match ClientControl::decode(message).map_err(|_| CloseCode::Malformed)? {
                ClientControl::Leave => {
                    self.remove(member, Leave::Quit);
                    Err(CloseCode::Normal)
                }
                ClientControl::Corrected(times) => {
                    self.note_corrections(member, times);
                    Ok(())
                }
                order => {
                    self.obey(member, &order);
                    Ok(())
                }
            },
            _ => Err(CloseCode::Malformed),
        }
    }

    fn receive_input(&mut self, id: MemberId, message: &[u8]) -> Result<(), CloseCode> {
        let frame = self.schemas.inputs.decode(message).map_err(|_| CloseCode::Malformed)?;
        let next = self.tick.next();
        let member = &mut self.members[id];
        let last = frame.tick + (frame.count as u32 - 1);
        member.newest = member.newest.max(Some(last));
        if let Some(seat) = member.seat {
            let (bound, meter) = (&mut self.view_bounds[seat.index()], &mut self.meters[seat.index()]);
            meter.arrived(last.since(next));
            if let Some(ack) = frame.ack.filter(|ack| ack.tick <= self.tick) {
                bound.observe(ack.tick, self.tick, &self.limits);
                meter.acknowledged(ack.tick, self.tick);
            }
            for (tick, Action { input, age }) in frame.iter() {
                let age = age.at_most(G::RULES.past_ticks_max());
                let action = Action { input, age: age.at_most(bound.ticks_max(tick, self.tick, &self.limits)) };
                match self.buffers[seat.index()].insert(tick, action, next, &self.schemas.inputs) {
                    InputArrival::Accepted => self.counters.clamped_views += u64::from(action.age != age),
                    InputArrival::Late => {
                        self.counters.late_inputs += 1;
                        meter.late_inputs += 1;
                    }
                    InputArrival::Early => self.counters.early_inputs += 1,
                    InputArrival::Duplicate => self.counters.duplicate_inputs += 1,
                }
            }
        }
        let differs = frame.ack.map_or(Ok(false), |ack| self.receive_ack(id, ack))?;
        if frame.wants_keyframe || differs {
            self.members[id].ask_for_keyframe(self.tick, &self.limits, differs)?;
        }
        Ok(())
    }

    /// Receives an acknowledgement. Says whether the room has to act by itself, because the member's world differs and
    /// the member does not dispute it.
    fn receive_ack(&mut self, id: MemberId, ack: Ack) -> Result<bool, CloseCode> {
        let member = &mut self.members[id];
        member.acknowledge(ack.tick, self.tick)?;
        // Several acknowledgements may stand for the same hash, because lockstep hashes only some ticks. Each hash is
        // compared once.
        let compared = self.outgoing.hash_at(ack.tick).filter(|(tick, _)| *tick > member.compared);
        let Some((tick, hash)) = compared else { return Ok(false) };
        member.compared = tick;
        self.counters.hashes_compared += 1;
        self.counters.hash_mismatches += u64::from(hash != ack.hash);
        member.differing = if hash == ack.hash { 0 } else { member.differing + 1 };
        if let Some(seat) = member.seat.filter(|_| hash == ack.hash && self.common.is_some_and(|common| tick > common))
        {
            self.met.insert(seat);
        }
        // A client that notices the difference sends a dispute, and the room then corrects the difference. The room acts
        // by itself only for a client that sends no dispute, and not while it is at work on one.
        Ok(member.differing > UNDISPUTED_MAX && !self.disputes.concerns(id))
    }

    /// The connection of a member is lost. Its seat is held for a while, unless the member has left or has never sent a
    /// message.
    pub fn lost(&mut self, member: MemberId) {
        self.drop_dispute(member);
        // A member whose seat was taken over has been removed already.
        let Some(seat) = self.members.remove(member).and_then(|state| state.seat) else { return };
        match self.roster.set_away(seat, self.tick) {
            true => self.announce(seat, None),
            false => self.free(seat, Leave::Lost),
        }
    }

    fn remove(&mut self, member: MemberId, why: Leave) {
        self.drop_dispute(member);
        if let Some(seat) = self.members.remove(member).and_then(|state| state.seat) {
            self.free(seat, why);
        }
    }

    fn free(&mut self, seat: Seat, why: Leave) {
        if self.roster.free(seat, why) {
            self.met.remove(seat);
            self.announce(seat, None);
            self.settle_owner(None);
        }
    }

    /// Has everyone but `except` told who is in a seat now. The message is made when it is polled for.
    fn announce(&mut self, seat: Seat, except: Option<MemberId>) {
        for (_, member) in self.members.iter_mut().filter(|(id, _)| Some(*id) != except) {
            member.changed_seats.insert(seat);
        }
    }

    /// Makes the next tick and returns everything that happened in it. If the game panics, the tick is made again with
    /// less ([`Attempt`]), and the record has what it was made from. A room that has failed ([`Room::poll_failure`])
    /// makes no tick.
    pub fn tick(&mut self) -> &TickRecord<G> {
        if self.has_failed {
            return &self.record;
        }
        self.tick = self.tick.next();
        self.manage_seats();
        self.record.tick = self.tick;
        self.record.roster.clear();
        self.record.heard.clear();
        let has_put_back = self.roster.drain_changes(&mut self.record.roster);
        // Whoever has come or gone is put off once and not for ever, even if the game panics on all else that it is told.
        self.record.restart = if has_put_back { None } else { self.next_match() };
        if !has_put_back {
            self.listen();
        }
        self.collect_actions();
        if !self.make_tick() {
            return &self.record;
        }
        self.record.results.clear();
        self.record.results.extend_from_slice(self.simulation.results());
        self.record.hash = self.tick.0.is_multiple_of(G::RULES.tick_rate_hz).then(|| self.simulation.hash());
        self.outgoing.push(&mut self.simulation, &self.record, &mut self.counters);
        self.work_on_disputes();
        &self.record
    }

    /// The comings and goings before the last tick, and the results of the matches that it ended.
    #[must_use]
    pub fn record(&self) -> (&[RosterChange], &[MatchResult]) {
        (&self.record.roster, &self.record.results)
    }

    /// Frees the seats of players that did not reconnect in time or have stayed for too long, and fills free seats with bots.
    fn manage_seats(&mut self) {
        while let Some(seat) = self.roster.expired(self.tick, self.limits.held_seat_ticks) {
            self.free(seat, Leave::Lost);
        }
        while let Some(seat) = self.roster.overstayed(self.tick) {
            self.dismiss(seat, CloseCode::Auth);
        }
        self.remove_idle();
        if self.restart.is_none() {
            self.roster.settle(self.tick);
        }
        if let Some(seat) = self.roster.fill(self.tick, self.limits.fill_ticks) {
            self.announce(seat, None);
        }
    }

    /// The next message for a member besides snapshots: first who is in which seat now, then who owns the room, then
    /// answers.
    pub fn poll_message(&mut self, member: MemberId) -> Option<Vec<u8>> {
        let state = self.members.get_mut(member)?;
        match state.changed_seats.pop() {
            Some(seat) => Some(self.roster.announcement(seat).encode()),
            None if std::mem::take(&mut state.room_changed) => Some(self.ownership.announcement().encode()),
            None => state.poll_message(),
        }
    }

    /// The snapshot for a member after a tick. The bytes that this method returns count as written: the caller must
    /// call it only when the connection has nothing left to write.
    pub fn poll_snapshot(&mut self, member: MemberId) -> SnapshotPoll<'_> {
        if self.has_failed {
            return SnapshotPoll::Close(CloseCode::RoomFailed);
        }
        let Some(state) = self.members.get_mut(member) else { return SnapshotPoll::Close(self.why_gone(member)) };
        if let Some(code) = state.overdue(self.tick, &self.limits) {
            return SnapshotPoll::Close(code);
        }
        // A game is not asked what a player sees of whom it has not been told yet.
        let is_put_off = state.seat.is_some_and(|seat| !self.playing.contains(seat));
        if is_put_off || !self.tick.0.is_multiple_of(G::RULES.message_ticks()) {
            return SnapshotPoll::Wait;
        }
        state.start_over_if_due(self.tick, &self.limits);
        if state.is_behind(&self.limits) {
            state.keyframes.save();
            self.counters.superseded_snapshots += 1;
            return SnapshotPoll::Wait;
        }
        let is_starved =
            |seat: Seat| self.starved[seat.index()] || is_planted(Leak::StarvedSeats) && self.starved.contains(&true);
        state.starved = state.seat.is_some_and(is_starved);
        let newest = match state.seat {
            Some(seat) => self.buffers[seat.index()].newest(),
            None => state.newest,
        };
        let frame = self.outgoing.frame(&self.simulation, state, newest, &mut self.counters);
        let Some(frame) = frame else { return SnapshotPoll::Wait };
        state.mark_sent(self.tick);
        SnapshotPoll::Frame(frame)
    }

    /// Whether anyone is in the room: a member, or a person whose seat is held. The room need not tick without.
    #[must_use]
    pub fn has_people(&self) -> bool {
        !self.members.is_empty() || self.roster.count().0 > 0
    }

    /// The newest world as wire integers, with all of its fields, hidden ones included.
    #[must_use]
    pub fn newest(&self) -> &Snapshot {
        self.simulation.history().newest()
    }

    /// The state from which the simulation continues: everything that the next ticks depend on except the players'
    /// inputs.
    #[must_use]
    pub const fn checkpoint(&self) -> &Checkpoint<G> {
        self.simulation.checkpoint()
    }

    /// The hash of the newest world with all of its fields, hidden ones included. The hash is computed on demand,
    /// because a tick does not need it.
    #[must_use]
    pub fn world_hash(&self) -> u64 {
        self.newest().hash(self.schema())
    }

    /// The schema of the world.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        self.simulation.schema()
    }
}
