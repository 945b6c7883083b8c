//! The cost of a tick, piece by piece: a room and its clients in simulated time, without sockets.
//!
//! Every measured piece runs in its place in a session that goes on: worlds move, baselines age, predictions are wrong.
//! `cargo bench -p tickwire-bench` takes well below a minute.

use criterion::{Criterion, criterion_group, criterion_main};
use std::collections::VecDeque;
use std::hint::black_box;
use std::time::{Duration, Instant};
use tickwire::client::Session;
use tickwire::message::control::Hello;
use tickwire::message::snapshot_head::SnapshotHead;
use tickwire::replication::Replica;
use tickwire::wire::Reader;
use tickwire::{Game, Rng, Tick};
use tickwire_games::arena::Options as ArenaOptions;
use tickwire_games::{Arena, Crowd, Paddles};
use tickwire_server::room::{MemberId, Room, SnapshotPoll};

/// Turns before the measurement: by then all players have joined, clocks have settled, and shots fly.
const WARM_UP_TURNS: u32 = 400;

/// Turns that the search for a depth of rollback may take per step.
const SETTLE_TURNS: u32 = 200;

/// One client and its link from the room, which is some turns long.
struct Guest<G: Game> {
    member: MemberId,
    session: Session<G>,
    dice: Rng,
    on_the_way: VecDeque<Vec<u8>>,
}

/// The time that the pieces of one turn took.
#[derive(Default)]
struct Turn {
    /// `Room::tick`: step and rounding to the wire.
    tick: Duration,
    /// `Room::poll_snapshot` for all members.
    encode: Duration,
    /// `Replica::apply` of the sections that one member received.
    apply: Duration,
    /// Hash of the complete world.
    hash: Duration,
    /// `Room::put_record`: what the journal has of the tick.
    record: Duration,
    /// `Frozen::encode`: the room as it is kept whole. The keeper's thread does it.
    whole: Duration,
    /// One client's replay from the newest snapshot, and its depth in ticks.
    rollback: Duration,
    rollback_ticks: u32,
}

/// A room with players.
struct Match<G: Game> {
    room: Room<G>,
    guests: Vec<Guest<G>>,
    replica: Replica,
    /// The tick of the last message that the replica has applied.
    told: Tick,
    now_us: u64,
    /// Turns that a snapshot takes to the clients.
    delay_turns: usize,
    kept: Vec<u8>,
    /// Whether each turn keeps the room whole. The next record is longer then.
    is_kept_whole: bool,
}

impl<G: Game> Match<G> {
    fn new(options: &G::Options, players: u8) -> Self {
        let mut room = Room::<G>::new(1, options, false);
        room.begin_records();
        let guests = (0..players).map(|number| Guest::enter(&mut room, number)).collect();
        let replica = Replica::empty(room.schema());
        let mut session = Self {
            room,
            guests,
            replica,
            told: Tick(0),
            now_us: 0,
            delay_turns: 1,
            kept: Vec::new(),
            is_kept_whole: false,
        };
        for _ in 0..WARM_UP_TURNS {
            session.turn();
        }
        session
    }

    /// The same match with snapshots under way for so many turns that replays are `ticks` deep.
    fn with_rollback(options: &G::Options, players: u8, ticks: u32) -> Self {
        let mut session = Self::new(options, players);
        for _ in 0..16 {
            let found = (0..SETTLE_TURNS).fold(0, |_, _| session.turn().rollback_ticks);
            if found == ticks {
                return session;
            }
            // A turn of delay is about a tick of depth, but input clocks need turns to settle: so the search goes on.
            let off = i64::from(ticks) - i64::from(found);
            let delay = i64::try_from(session.delay_turns).expect("a delay is a few turns") + off;
            session.delay_turns = usize::try_from(delay.max(0)).expect("a delay is not negative");
        }
        unreachable!("no delay gives replays of {ticks} ticks");
    }

    fn turn(&mut self) -> Turn {
        self.now_us += G::RULES.tick_us();
        let mut turn = Turn::default();
        for guest in &mut self.guests {
            guest.play(&mut self.room, self.now_us);
        }
        turn.tick = timed(|| self.room.tick().tick);
        turn.hash = timed(|| self.room.world_hash());
        self.kept.clear();
        turn.record = timed(|| self.room.put_record(&mut self.kept));
        if self.is_kept_whole {
            let mut frozen = self.room.freeze();
            turn.whole = timed(|| frozen.encode(&mut self.kept));
        }
        for (place, guest) in self.guests.iter_mut().enumerate() {
            let mut message = Vec::with_capacity(4_096);
            turn.encode += timed(|| poll(&mut self.room, guest.member, &mut message));
            if message.is_empty() {
                continue;
            }
            if place == 0 && !G::RULES.is_lockstep() {
                turn.apply = apply(&mut self.replica, &mut self.told, &self.room, &message);
            }
            guest.on_the_way.push_back(message);
            while guest.on_the_way.len() > self.delay_turns {
                let message = guest.on_the_way.pop_front().unwrap_or_default();
                guest.session.handle_frame(&message, self.now_us).expect("a session accepts the room's messages");
            }
            // All due ticks were made before: this is the replay alone.
            let rollback = timed(|| guest.session.advance(self.now_us));
            if place == 0 {
                (turn.rollback, turn.rollback_ticks) = (rollback, guest.session.stats().rollback_ticks);
            }
        }
        turn
    }
}

impl<G: Game> Guest<G> {
    fn enter(room: &mut Room<G>, number: u8) -> Self {
        let mut session = Session::<G>::new("BENCH2", "Ada", None, u64::from(number));
        session.handle_opened(0);
        let hello = session.poll_transmit().expect("a session that is connected says hello");
        let hello = Hello::decode(&hello).expect("a session's hello is well-formed");
        let entered = room.enter(&hello, [number; 16]).expect("the room has a seat for every guest");
        session.handle_frame(&entered.welcome, 0).expect("a welcome can be read");
        Self { member: entered.member, session, dice: Rng::new(u64::from(number)), on_the_way: VecDeque::new() }
    }

    fn play(&mut self, room: &mut Room<G>, now_us: u64) {
        if let Some(seat) = self.session.seat() {
            let input = self.session.view(now_us).map(|world| world.bot(seat, &mut self.dice));
            input.into_iter().for_each(|input| self.session.push_input(input));
        }
        self.session.advance(now_us);
        while let Some(message) = room.poll_message(self.member) {
            self.session.handle_frame(&message, now_us).expect("a session accepts the room's messages");
        }
        while let Some(message) = self.session.poll_transmit() {
            room.receive(self.member, &message).expect("a room accepts a session's messages");
        }
    }
}

fn timed<T>(piece: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    black_box(piece());
    start.elapsed()
}

/// Appends the room's next snapshot for a member, as a connection would write it.
fn poll<G: Game>(room: &mut Room<G>, member: MemberId, message: &mut Vec<u8>) {
    if let SnapshotPoll::Frame(frame) = room.poll_snapshot(member) {
        message.extend_from_slice(frame.head);
        message.extend_from_slice(frame.shared);
        message.extend_from_slice(frame.own);
    }
}

fn apply<G: Game>(replica: &mut Replica, told: &mut Tick, room: &Room<G>, message: &[u8]) -> Duration {
    let mut reader = Reader::new(message);
    let head = SnapshotHead::decode(&mut reader, *told).expect("the room's heads can be read");
    *told = head.tick;
    head.priors.into_iter().for_each(|priors| replica.set_priors(priors).expect("priors can be read"));
    if head.has_events {
        let skipped = reader.varint().and_then(|_| reader.varint()).map(|length| length as usize);
        skipped.and_then(|length| reader.slice(length)).expect("the room's events can be read");
    }
    let sections = reader.slice(reader.remaining()).expect("the rest is there");
    timed(|| replica.apply(room.schema(), head.tick, sections).expect("the delta fits"))
}

/// Measures one piece of the turns of `session`, only turns of the wanted rollback depth if one is given.
fn measure<G: Game>(
    criterion: &mut Criterion,
    name: &str,
    session: &mut Match<G>,
    depth: Option<u32>,
    piece: fn(&Turn) -> Duration,
) {
    criterion.bench_function(name, |bencher| {
        bencher.iter_custom(|turns| {
            let (mut sum, mut measured) = (Duration::ZERO, 0);
            while measured < turns {
                let turn = session.turn();
                if depth.is_none_or(|depth| turn.rollback_ticks == depth) {
                    sum += piece(&turn);
                    measured += 1;
                }
            }
            sum
        });
    });
}

/// Measures a game with its usual options, or with others that `entities` names.
fn game<G: Game>(criterion: &mut Criterion, players: u8, entities: &str, options: &G::Options) {
    let label = |piece: &str| format!("{}/{players}{entities} {piece}", G::RULES.name);
    let mut session = Match::<G>::new(options, players);
    measure(criterion, &label("step and capture"), &mut session, None, |turn| turn.tick);
    measure(criterion, &label("encode for all"), &mut session, None, |turn| turn.encode);
    measure(criterion, &label("hash"), &mut session, None, |turn| turn.hash);
    measure(criterion, &label("record"), &mut session, None, |turn| turn.record);
    session.is_kept_whole = true;
    measure(criterion, &label("kept whole"), &mut session, None, |turn| turn.whole);
    session.is_kept_whole = false;
    if G::RULES.is_lockstep() {
        // A lockstep client applies no deltas, and it rolls back only when it has guessed inputs wrong.
        return;
    }
    measure(criterion, &label("client apply"), &mut session, None, |turn| turn.apply);
    for ticks in [8, 15] {
        let mut session = Match::<G>::with_rollback(options, players, ticks);
        let name = label(&format!("rollback of {ticks} ticks"));
        measure(criterion, &name, &mut session, Some(ticks), |turn| turn.rollback);
    }
}

fn rooms(criterion: &mut Criterion) {
    game::<Paddles>(criterion, 2, "", &());
    let arena = |players, entities| ArenaOptions { players, entities, ..ArenaOptions::default() };
    game::<Arena>(criterion, 8, "", &arena(8, 24));
    game::<Arena>(criterion, 16, " + 300", &arena(16, 300));
    game::<Arena>(criterion, 64, " + 1000", &arena(64, 1_000));
    game::<Crowd>(criterion, 8, "", &Default::default());
}

fn short() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(1_000))
}

criterion_group! {
    name = benches;
    config = short();
    targets = rooms
}
criterion_main!(benches);
