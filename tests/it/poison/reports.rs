//! Single rooms that panic: the counts, the lines in the log, the fate of the members, and the report that a room
//! leaves.

use super::room;
use super::volatile::{Choice, Hand, IS_MUTE, Piece, Played, Shown, Volatile};
use crate::sessions::seeds;
use std::panic::{AssertUnwindSafe, catch_unwind};
use tickwire::input::{Ack, InputCodec, InputFrame};
use tickwire::message::close::CloseCode;
use tickwire::message::control::{ClientControl, Hello};
use tickwire::world::full_state::FullState;
use tickwire::{Game, Leave, Rules, Seat, State, Step, Table, Tick};
use tickwire_server::cli::{Incident, explain_failure};
use tickwire_server::limits::{NEUTRAL_SECONDS_PER_MINUTE_MAX, SETTLE_SECONDS};
use tickwire_server::room::{Attempt, GameCall, MemberId, Room, RoomFailure, RosterChange, SnapshotPoll};

/// A room with two players who send what a test wants.
struct Direct<G: Game<Input = Hand>> {
    room: Room<G>,
    members: [MemberId; 2],
}

impl<G: Game<Input = Hand>> Direct<G> {
    fn new(seed: u64, options: &G::Options) -> Self {
        let mut room = room::<G>(seed, 0, false, options);
        let members = [1, 2].map(|token| {
            let hello = Hello::of::<G>("C4FK9T", "tester");
            room.enter(&hello, [token; 16]).expect("a free seat").member
        });
        Self { room, members }
    }

    /// A tick with these inputs, after which everybody is sent what there is. Gives the bytes.
    fn tick(&mut self, hands: [Hand; 2]) -> [usize; 2] {
        self.send(hands);
        self.room.tick();
        self.members.map(|member| self.poll(member))
    }

    /// Ticks in which both players move.
    fn play(&mut self, ticks: u32, moves: u8) {
        for _ in 0..ticks {
            self.tick([Hand { moves, ..Hand::default() }; 2]);
        }
    }

    fn send(&mut self, hands: [Hand; 2]) {
        let tick = self.room.summary().tick;
        // The acknowledged tick is so old that the room remembers no hash for it.
        let ack = tick.0.checked_sub(70).map(|old| Ack { tick: Tick(old), hash: 0 });
        for (member, hand) in self.members.into_iter().zip(hands) {
            let mut message = Vec::new();
            InputCodec::new().encode(&InputFrame::one(tick.next(), hand, ack, false), &mut message);
            self.room.receive(member, &message).expect("a good message");
        }
    }

    fn poll(&mut self, member: MemberId) -> usize {
        while self.room.poll_message(member).is_some() {}
        match self.room.poll_snapshot(member) {
            SnapshotPoll::Frame(frame) => frame.len(),
            SnapshotPoll::Wait => 0,
            SnapshotPoll::Close(code) => {
                assert!(self.room.has_failed() && code == CloseCode::RoomFailed, "closed with {code:?}");
                0
            }
        }
    }
}

const PRESS: Hand = Hand { moves: 7, presses: true, cracks: false };
const CRACK: Hand = Hand { moves: 0, presses: false, cracks: true };

/// The report, written and read again as a file is.
fn through_a_file<G: Game>(failure: &RoomFailure) -> String {
    let text = serde_json::to_vec_pretty(failure).expect("JSON");
    let incident = Incident::read(&text).expect("a report on a failed room");
    assert_eq!(incident, Incident::Failure(Box::new(failure.clone())));
    assert_eq!(incident.game(), G::RULES.name);
    let told = incident.explain::<G>().expect("a report of this build");
    assert_eq!(told, explain_failure::<G>(failure).expect("the same"));
    told
}

/// The world from which each tick was to be made that came to nothing.
fn failing_room<G: Volatile>(seed: u64) {
    let mut direct = Direct::<G>::new(seed, &Choice::default());
    direct.play(20, 3);
    // The step that cracks the world panics itself, so without its inputs the world stays whole.
    direct.tick([CRACK, Hand::default()]);
    assert!(!direct.room.has_failed());
    let survived = direct.room.poll_survived().expect("a panic");
    assert_eq!((survived.call, survived.made_from), (GameCall::Step, Attempt::NeutralInputs));
    assert!(survived.panic.starts_with("it is cracked (") && survived.others == 0, "{survived:?}");
    // Too many ticks in a minute in which no input counts end the room.
    let before = direct.room.summary().tick;
    let mut full_state = FullState::of(direct.room.checkpoint());
    for _ in 0..2 * NEUTRAL_SECONDS_PER_MINUTE_MAX * G::RULES.tick_rate_hz {
        full_state = FullState::of(direct.room.checkpoint());
        direct.tick([PRESS; 2]);
        if direct.room.has_failed() {
            break;
        }
    }
    assert!(direct.room.has_failed());
    assert_eq!(FullState::of(direct.room.checkpoint()), full_state, "the world before the tick is whole");
    let undone = full_state.tick().since(before);
    assert_eq!(undone, i64::from(NEUTRAL_SECONDS_PER_MINUTE_MAX * G::RULES.tick_rate_hz) - 1);
    let failure = direct.room.poll_failure().expect("a report");
    assert!(direct.room.poll_failure().is_none(), "once");
    assert_eq!(failure.tick, full_state.tick().next().0);
    assert_eq!(failure.panics[0].message, "two players pressed at once");
    assert_eq!(failure.inputs.len(), 2);
    let played = failure.replay::<G>().expect("the tick can be played again");
    assert_eq!(played, [Some(failure.panics[0].clone())]);
    let told = through_a_file::<G>(&failure);
    assert!(told.contains("two players pressed at once (") && told.contains("here: the same panic"), "{told}");
    assert_eq!(told.matches("moves = 7 (raw 7), presses = raw 1").count(), 2, "{told}");
    // A room that has failed makes no tick.
    let last = direct.room.record().0.len();
    direct.room.tick();
    assert_eq!((direct.room.summary().tick, direct.room.record().0.len()), (full_state.tick().next(), last));
}

#[test]
fn a_room_with_too_many_undone_ticks_ends_and_its_report_panics_in_the_same_way() {
    for seed in seeds(4) {
        failing_room::<Shown>(seed);
        failing_room::<Played>(seed);
    }
}

/// A world in which every step panics, whatever the inputs are: it comes to be by news that the game takes in.
#[derive(State, Clone, Default)]
struct Doomed {
    #[state(range = 0..=999)]
    ticks: u16,
    things: Table<Piece>,
}

impl Game for Doomed {
    type Input = Hand;
    type Event = ();
    type Options = ();
    const RULES: Rules = Rules::new("doomed", 30).seats(2);

    fn new((): &()) -> Self {
        Self::default()
    }

    fn join(&mut self, seat: Seat) {
        assert!(self.ticks != 50, "nobody comes any more");
        self.things.insert(Piece { owner: Some(seat), place: 3 });
    }

    fn leave(&mut self, _: Seat, _: Leave) {}

    fn step(&mut self, tick: &mut Step<'_, Self>) {
        self.ticks += 1;
        tick.rng().next_u32();
        let moves = tick.seats().map(|seat| tick.input(seat).moves).max().unwrap_or(0);
        assert!(self.ticks <= 50 || moves == 0, "it is over, and {moves} is too much");
        assert!(self.ticks <= 50, "it is over");
    }
}

#[test]
fn every_attempt_is_reported_and_each_panics_in_the_same_way_when_it_is_played_again() {
    for seed in seeds(4) {
        let mut direct = Direct::<Doomed>::new(seed, &());
        let spare = direct.members[1];
        direct.play(40, 3);
        assert_eq!(direct.room.receive(spare, &ClientControl::Leave.encode()), Err(CloseCode::Normal));
        while direct.room.summary().tick < Tick(50) {
            direct.room.tick();
        }
        direct.members[1] = direct.room.enter(&Hello::of::<Doomed>("C4FK9T", "late"), [3; 16]).expect("free").member;
        direct.send([Hand { moves: 9, ..Hand::default() }; 2]);
        direct.room.tick();
        let failure = direct.room.poll_failure().expect("a report");
        let attempts: Vec<_> = failure.panics.iter().map(|failed| failed.attempt.expect("in a tick")).collect();
        assert_eq!(attempts, [Attempt::Everything, Attempt::NoNews, Attempt::Neither]);
        let messages: Vec<_> = failure.panics.iter().map(|failed| failed.message.as_str()).collect();
        assert_eq!(messages, ["nobody comes any more", "it is over, and 9 is too much", "it is over"]);
        let played = failure.replay::<Doomed>().expect("the tick can be played again");
        assert_eq!(played, failure.panics.iter().cloned().map(Some).collect::<Vec<_>>());
        let told = through_a_file::<Doomed>(&failure);
        assert_eq!(told.matches("the same panic").count(), 3, "{told}");
        assert!(failure.replay::<Shown>().is_err(), "another game has another fingerprint");
        let other = RoomFailure { world: failure.world.clone().map(|world| world.replacen('0', "1", 8)), ..*failure };
        assert!(other.replay::<Doomed>().is_err(), "a world that was changed is no world");
    }
}

fn panic_while_sending<G: Volatile>(seed: u64) {
    let mut direct = Direct::<G>::new(seed, &Choice::default());
    direct.play(20, 5);
    direct.room.tick();
    IS_MUTE.set(true);
    let sent = catch_unwind(AssertUnwindSafe(|| direct.poll(direct.members[0])));
    // In lockstep events are not sent.
    assert_eq!(sent.is_err(), !G::RULES.is_lockstep());
    IS_MUTE.set(false);
    let before = FullState::of(direct.room.checkpoint());
    assert!(direct.room.start_over(), "the world is whole");
    assert_eq!(FullState::of(direct.room.checkpoint()), before);
    direct.room.take_counters();
    let bytes = direct.members.map(|member| direct.poll(member));
    assert!(bytes.iter().all(|bytes| *bytes > 0));
    assert_eq!(direct.room.take_counters().keyframes, 2, "everybody starts over");
}

#[test]
fn after_a_panic_in_a_message_everybody_starts_over_from_a_keyframe() {
    for seed in seeds(4) {
        panic_while_sending::<Shown>(seed);
        panic_while_sending::<Played>(seed);
    }
}

#[test]
fn a_seat_whose_leaving_fails_is_settled_later_and_given_to_nobody_before() {
    let mut settled = 0;
    for seed in seeds(60) {
        let mut direct = Direct::<Shown>::new(seed, &Choice { is_strict: true, ..Choice::default() });
        direct.room.tick();
        let leaver = direct.members[1];
        assert_eq!(direct.room.receive(leaver, &ClientControl::Leave.encode()), Err(CloseCode::Normal));
        direct.room.tick();
        let (roster, _) = direct.room.record();
        if !roster.is_empty() || direct.room.take_counters().ticks_undone[2] == 0 {
            continue;
        }
        // Nobody sits there, and nobody gets the seat of a piece that is still there.
        let summary = direct.room.summary();
        assert_eq!((summary.players, summary.unsettled), (1, 1));
        let hello = Hello::of::<Shown>("C4FK9T", "next");
        let entered = direct.room.enter(&hello, [9; 16]).expect("another seat");
        assert_ne!(entered.seat.map(Seat::number), Some(1));
        let mut ticks = 0;
        let is_left = |room: &Room<Shown>| {
            room.record()
                .0
                .iter()
                .any(|change| matches!(change, RosterChange::Left(seat, Leave::Quit) if seat.number() == 1))
        };
        while !is_left(&direct.room) {
            direct.room.tick();
            ticks += 1;
            assert!(ticks < 20 * SETTLE_SECONDS.1 * Shown::RULES.tick_rate_hz, "the game is told in the end");
        }
        assert!(ticks >= SETTLE_SECONDS.0 * Shown::RULES.tick_rate_hz, "but not at once");
        settled += 1;
    }
    assert!(settled > 2, "{settled} of 60");
}

/// Who has come with the last tick.
fn joined<G: Game>(room: &Room<G>) -> Vec<Seat> {
    let seats = room.record().0.iter().map(|change| match change {
        RosterChange::Joined(seat) => Some(*seat),
        RosterChange::Left(..) => None,
    });
    seats.flatten().collect()
}

fn enter<G: Game>(room: &mut Room<G>, token: u8) -> (MemberId, Seat) {
    let entered = room.enter(&Hello::of::<G>("C4FK9T", "late"), [token; 16]).expect("a free seat");
    (entered.member, entered.seat.expect("a seat"))
}

fn news_and_a_newcomer<G: Volatile>(seed: u64) {
    let mut direct = Direct::<G>::new(seed, &Choice::default());
    direct.play(20, 5);
    let (late, seat) = enter(&mut direct.room, 9);
    for _ in 0..9 {
        assert!(direct.room.hear("news", "poison"));
    }
    direct.play(1, 5);
    assert_eq!((joined(&direct.room), direct.room.take_counters().ticks_undone[3]), (Vec::new(), 1));
    assert_eq!(direct.poll(late), 0, "there is nothing to see before the game knows the player");
    assert!(direct.room.hear("news", "poison"));
    direct.play(1, 5);
    assert_eq!(joined(&direct.room), [seat], "one tick later, and whatever else there is to hear");
    assert!(direct.poll(late) > 0 && direct.room.poll_dismissed().is_none());
}

#[test]
fn a_newcomer_is_let_in_one_tick_later_when_the_game_panics_on_something_else() {
    for seed in seeds(4) {
        news_and_a_newcomer::<Shown>(seed);
        news_and_a_newcomer::<Played>(seed);
    }
}

#[test]
fn of_two_newcomers_only_the_one_on_whom_the_game_panics_is_closed() {
    let mut turned_away = 0;
    for seed in seeds(60) {
        let mut direct = Direct::<Shown>::new(seed, &Choice { is_strict: true, ..Choice::default() });
        direct.room.tick();
        direct.room.take_counters();
        let ((unlucky, first), (_, second)) = (enter(&mut direct.room, 8), enter(&mut direct.room, 9));
        direct.room.tick();
        if direct.room.take_counters().ticks_undone[1] == 0 {
            assert_eq!(joined(&direct.room), [first, second]);
            continue;
        }
        assert_eq!(direct.room.poll_dismissed(), Some((unlucky, CloseCode::RoomFailed)));
        assert_eq!((joined(&direct.room), direct.room.poll_dismissed()), (Vec::new(), None));
        direct.room.tick();
        if direct.room.take_counters().ticks_undone[1] == 0 {
            assert_eq!(joined(&direct.room), [second]);
            turned_away += 1;
        }
    }
    assert!(turned_away > 2, "{turned_away} of 60");
}
