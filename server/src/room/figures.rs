//! A room as operators see it: its seats in figures, and its world as the game draws it. Nothing here is computed unless
//! somebody asks.

use super::roster::Occupant;
use super::{MemberId, Origin, Room};
use tickwire::{Game, Scene, Seat, Tick};

/// The people in a room, besides those in seats, and its door.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Attendance {
    /// The newest tick.
    pub tick: Tick,
    /// Members without a seat.
    pub spectators: usize,
    /// Whether the room is locked.
    pub is_locked: bool,
}

/// The kind of occupant of a seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeatKind {
    /// Nobody.
    Free,
    /// A bot.
    Bot,
    /// A person with a connection.
    Person,
    /// A person whose connection is lost.
    Away,
}

/// One seat in figures. A figure that belongs to a connection is `None` for a seat without one, and until it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeatFigures {
    /// The seat.
    pub seat: Seat,
    /// The kind of its occupant.
    pub kind: SeatKind,
    /// The name of its occupant; empty for a free seat.
    pub name: String,
    /// Whether its player owns the room.
    pub is_owner: bool,
    /// Where its player comes from; `None` for a seat without a person.
    pub origin: Option<Origin>,
    /// Milliseconds from a snapshot to its acknowledgement, on average: a tick or so more than the network takes.
    pub round_trip_ms: Option<u32>,
    /// Milliseconds by which the time between inputs varies.
    pub jitter_ms: Option<u32>,
    /// Ticks by which inputs come before they are needed, on average; negative for inputs that come too late.
    pub lead_ticks: Option<i32>,
    /// Ticks of the snapshots that are not acknowledged.
    pub unacked_ticks: Option<u32>,
    /// Inputs that came too late, since the player took the seat.
    pub late_inputs: u32,
    /// Ticks that were made without an input of the player, since it took the seat.
    pub starved_ticks: u32,
    /// Predictions of the player that were corrected, since it took the seat, as its client says.
    pub corrections: u32,
}

impl<G: Game> Room<G> {
    /// The people without a seat, and the door.
    #[must_use]
    pub fn attendance(&self) -> Attendance {
        let spectators = self.members.values().filter(|member| member.seat.is_none()).count();
        Attendance { tick: self.tick, spectators, is_locked: self.ownership.state().1 }
    }

    /// Takes in the report of a client on its own predictions.
    pub(super) fn note_corrections(&mut self, member: MemberId, times: u16) {
        if let Some(seat) = self.members[member].seat {
            let Some(meter) = self.meters.get_mut(seat.index()) else { return };
            // A client replays with a snapshot, of which there is one a tick at the most.
            let ticks = self.tick.since(meter.corrected_to).clamp(0, times.into());
            let times = u32::try_from(ticks).unwrap_or(0);
            meter.corrected_to = self.tick;
            meter.corrections = meter.corrections.saturating_add(times);
            self.counters.corrections += u64::from(times);
        }
    }

    /// All seats in figures.
    #[must_use]
    pub fn seat_figures(&self) -> Vec<SeatFigures> {
        self.roster.iter().map(|(seat, occupant)| self.figures_of(seat, occupant)).collect()
    }

    fn figures_of(&self, seat: Seat, occupant: &Occupant) -> SeatFigures {
        let (kind, origin, member) = match occupant {
            Occupant::Free => (SeatKind::Free, None, None),
            Occupant::Bot { .. } => (SeatKind::Bot, None, None),
            Occupant::Person { member: None, origin, .. } => (SeatKind::Away, Some(*origin), None),
            Occupant::Person { member, origin, .. } => (SeatKind::Person, Some(*origin), *member),
        };
        let meter = self.meters.get(seat.index()).copied().unwrap_or_default();
        let rate_hz = G::RULES.tick_rate_hz;
        let is_connected = kind == SeatKind::Person;
        let is_person = origin.is_some();
        let unacked = member.and_then(|member| self.members.get(member)).map(|member| member.unacked_ticks());
        SeatFigures {
            seat,
            kind,
            name: self.roster.name_of(seat).unwrap_or_default(),
            is_owner: self.ownership.state().0 == Some(seat),
            origin,
            round_trip_ms: meter.round_trip_ms(rate_hz).filter(|_| is_connected),
            jitter_ms: meter.jitter_ms(rate_hz).filter(|_| is_connected),
            lead_ticks: meter.lead_ticks().filter(|_| is_connected),
            unacked_ticks: unacked.and_then(|ticks| u32::try_from(ticks).ok()),
            late_inputs: if is_person { meter.late_inputs } else { 0 },
            starved_ticks: if is_person { meter.starved_ticks } else { 0 },
            corrections: if is_person { meter.corrections } else { 0 },
        }
    }

    /// Draws the world for somebody without a seat, as the game's own stage does. `None` for a game without a stage;
    /// otherwise the tick of the world.
    pub fn draw(&self, scene: &mut Scene) -> Option<Tick> {
        let draw = self.schemas.draw?;
        let names: Vec<_> = self.roster.taken().filter_map(|seat| Some((seat, self.roster.name_of(seat)?))).collect();
        scene.clear();
        scene.set_names(names.iter().map(|(seat, name)| (*seat, &**name)));
        draw(self.simulation.world(), scene);
        Some(self.tick)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{GameSchemas, NotDone, OperatorOrder, RoomLimits, RoomSetup};
    use super::*;
    use tickwire::input::{Ack, InputCodec, InputFrame};
    use tickwire::message::close::CloseCode;
    use tickwire::message::control::{ClientControl, Hello};
    use tickwire_games::Paddles;

    fn room(has_owner: bool) -> Room<Paddles> {
        let setup = RoomSetup { secret: 1.into(), bots: 0, has_owner, limits: RoomLimits::default(), build: 0 };
        Room::with_schemas(&GameSchemas::new().drawn(), setup, &<Paddles as Game>::Options::default())
    }

    fn seat(number: u8) -> Seat {
        Seat::new(number).unwrap()
    }

    #[test]
    fn a_room_tells_of_each_seat_what_it_has_noticed_itself() {
        let mut room = room(true);
        let ada = room.enter(&Hello::of::<Paddles>("C4FK9T", "Ada"), [1; 16]).unwrap().member;
        let watcher = Hello { watches: true, ..Hello::of::<Paddles>("C4FK9T", "Eve") };
        room.enter(&watcher, [2; 16]).unwrap();
        for _ in 0..60 {
            room.tick();
            // Nobody polls a snapshot here, so the acknowledged tick has no hash that could differ.
            let ack = room.tick.0.checked_sub(40).map(|tick| Ack { tick: Tick(tick), hash: 0 });
            let input = InputFrame::one(room.tick + 3, Default::default(), ack, false);
            let mut message = Vec::new();
            InputCodec::<<Paddles as Game>::Input>::new().encode(&input, &mut message);
            room.receive(ada, &message).unwrap();
        }
        for times in [3, u16::MAX] {
            room.receive(ada, &ClientControl::Corrected(times).encode()).unwrap();
        }
        let figures = room.seat_figures();
        let first = &figures[0];
        assert_eq!((first.corrections, room.take_counters().corrections), (3, 3), "no more than there were ticks");
        assert_eq!((first.kind, &*first.name, first.is_owner), (SeatKind::Person, "Ada", true));
        assert_eq!((first.lead_ticks, first.jitter_ms), (Some(2), Some(0)));
        let round_trip_ms = 40 * 1_000 / Paddles::RULES.tick_rate_hz;
        assert_eq!((first.round_trip_ms, first.late_inputs), (Some(round_trip_ms), 0));
        assert_eq!((figures[1].kind, figures[1].lead_ticks, figures[1].is_owner), (SeatKind::Free, None, false));
        assert_eq!(room.attendance(), Attendance { tick: room.tick, spectators: 1, is_locked: false });
        room.lost(ada);
        assert_eq!(room.seat_figures()[0].kind, SeatKind::Away);
        assert_eq!(room.seat_figures()[0].lead_ticks, None, "a lost connection has no figures");
    }

    #[test]
    fn operators_remove_players_as_owners_do_and_lock_rooms_without_an_owner() {
        for has_owner in [true, false] {
            let mut room = room(has_owner);
            let hello = Hello::of::<Paddles>("C4FK9T", "Ada");
            let ada = room.enter(&hello, [1; 16]).unwrap().member;
            assert_eq!(room.carry_out(OperatorOrder::Kick(seat(1))), Err(NotDone::FreeSeat));
            assert_eq!(room.carry_out(OperatorOrder::Kick(seat(60))), Err(NotDone::FreeSeat));
            assert_eq!(room.carry_out(OperatorOrder::Kick(seat(0))), Ok(Some("Ada".into())));
            // What was under way is read before the connection is closed, and must not give it another reason.
            assert_eq!(room.receive(ada, &ClientControl::Kick(seat(0)).encode()), Err(CloseCode::Removed));
            assert_eq!(room.poll_dismissed(), Some((ada, CloseCode::Removed)));
            assert_eq!(room.carry_out(OperatorOrder::Lock(true)), Ok(None));
            assert_eq!(room.carry_out(OperatorOrder::Lock(true)), Err(NotDone::NoChange));
            assert!(room.attendance().is_locked);
            assert_eq!(room.enter(&hello, [2; 16]).unwrap_err(), CloseCode::Full);
            assert_eq!(room.carry_out(OperatorOrder::Lock(false)), Ok(None));
            assert!(room.enter(&hello, [3; 16]).is_ok());
        }
    }

    #[test]
    fn a_room_draws_its_world_for_nobody_in_particular() {
        let mut room = room(false);
        room.enter(&Hello::of::<Paddles>("C4FK9T", "Ada"), [1; 16]).unwrap();
        room.tick();
        let mut scene = Scene::default();
        assert_eq!(room.draw(&mut scene), Some(room.tick));
        assert!(scene.commands().len() > 20);
        let plain = Room::<Paddles>::new(1, &<Paddles as Game>::Options::default(), false);
        assert_eq!(plain.draw(&mut scene), None, "a game that is no stage is not drawn");
    }
}
