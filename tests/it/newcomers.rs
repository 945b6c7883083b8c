//! Members that skip snapshots, come late or come back, through the real room: each of them holds the exact world at
//! once, and the bytes that the other members receive do not depend on it.

use crate::harness::visible_world;
use crate::pauses::{Press, Sparse};
use crate::sections::Both;
use std::collections::BTreeSet;
use tickwire::input::{Ack, InputCodec, InputFrame};
use tickwire::limits::SNAPSHOT_HISTORY_LEN;
use tickwire::message::control::{Hello, ResumeToken};
use tickwire::message::snapshot_head::SnapshotHead;
use tickwire::replication::SectionHead;
use tickwire::state::Schema;
use tickwire::wire::Reader;
use tickwire::{Game, Leave, Rng, Rules, Seat, State, Step, Table, Tick};
use tickwire_games::{Arena, Crowd};
use tickwire_server::room::{MemberId, Room, SnapshotPoll};

/// Ticks that an input is sent ahead of the tick that plays it.
const LEAD_TICKS: u32 = 2;

/// One member and the world that it holds, decoded by both decoders.
struct Guest<'a, G: Game> {
    member: MemberId,
    seat: Seat,
    token: ResumeToken,
    both: Both<'a>,
    told: Tick,
    dice: Rng,
    codec: InputCodec<G::Input>,
}

/// The snapshot that a guest received in one tick.
struct Heard {
    bytes: Vec<u8>,
    /// Ticks back to the baseline; 0 for a keyframe.
    age: u32,
    /// The priors that were published with it.
    priors: Option<Vec<u8>>,
}

impl<'a, G: Game> Guest<'a, G> {
    /// Enters the room, or comes back to its seat with a resume token.
    fn enter(room: &mut Room<G>, schema: &'a Schema, number: u8, resume: Option<ResumeToken>) -> Self {
        let token = [number; 16];
        let hello = Hello { resume, ..Hello::of::<G>("C4FK9T", "Ada") };
        let entered = room.enter(&hello, token).expect("there is a seat for everyone");
        let welcome = tickwire::message::control::Welcome::decode(&entered.welcome).expect("a welcome can be read");
        assert_eq!(welcome.resumed, resume.is_some());
        Self {
            member: entered.member,
            seat: welcome.seat.expect("a seat"),
            token,
            both: Both::new(schema),
            told: Tick(0),
            dice: Rng::new(u64::from(number)),
            codec: InputCodec::new(),
        }
    }

    /// Sends an input, the bot's or a neutral one, and acknowledges the newest snapshot that the guest has received.
    fn say(&mut self, room: &mut Room<G>, plays: bool) {
        let mut input = G::Input::default();
        if plays && self.told > Tick(0) {
            let mut world = G::new(&G::Options::default());
            self.both.replica.world().restore(&mut world);
            input = self.codec.quantize(world.bot(self.seat, &mut self.dice));
        }
        let ack = (self.told > Tick(0)).then(|| Ack { tick: self.told, hash: self.both.replica.room_hash() });
        let mut message = Vec::new();
        let tick = room.newest().tick + 1 + LEAD_TICKS;
        self.codec.encode(&InputFrame::one(tick, input, ack, false), &mut message);
        room.receive(self.member, &message).expect("a good message");
    }

    /// Receives the snapshot that the room has for the guest: the guest must hold the room's world from then on.
    fn hear(&mut self, room: &mut Room<G>) -> Heard {
        self.hear_unless_it_waits(room).expect("a snapshot is due")
    }

    /// The same as [`Guest::hear`], or nothing if the room makes the guest wait.
    fn hear_unless_it_waits(&mut self, room: &mut Room<G>) -> Option<Heard> {
        while room.poll_message(self.member).is_some() {}
        let frame = match room.poll_snapshot(self.member) {
            SnapshotPoll::Frame(frame) => frame,
            SnapshotPoll::Wait => return None,
            SnapshotPoll::Close(code) => panic!("the room closed a guest: {code:?}"),
        };
        let bytes = [frame.head, frame.shared, frame.own].concat();
        let mut reader = Reader::new(&bytes);
        let head = SnapshotHead::decode(&mut reader, self.told).expect("the room's heads can be read");
        if let Some(priors) = head.priors {
            assert!(self.both.set_priors(priors), "published priors can be read");
        }
        if head.has_events {
            let skipped = reader.varint().and_then(|_| reader.varint()).map(|length| length as usize);
            skipped.and_then(|length| reader.slice(length)).expect("the room's events can be read");
        }
        let sections = reader.slice(reader.remaining()).expect("the rest is there");
        let age = SectionHead::decode(&mut Reader::new(sections)).expect("a section").age;
        assert!(self.both.apply(head.tick, sections), "the room's sections can be applied");
        assert_eq!(
            self.both.replica.world(),
            &visible_world(room.schema(), room.newest(), self.seat),
            "the world is exact at once"
        );
        self.told = head.tick;
        let priors = head.priors.map(<[u8]>::to_vec);
        Some(Heard { bytes, age, priors })
    }
}

fn room<G: Game>() -> Room<G> {
    Room::new(9, &G::Options::default(), false)
}

/// One member takes every snapshot, the second skips more and more of them up to the length of the history, and the
/// third comes when priors are in use.
fn skip_and_come_late<G: Game>() {
    let (schema, mut room) = (Schema::of::<G>(), room::<G>());
    let late = 12 * G::RULES.tick_rate_hz;
    let mut steady = Guest::<G>::enter(&mut room, &schema, 1, None);
    let mut skipping = Guest::<G>::enter(&mut room, &schema, 2, None);
    let mut newcomer: Option<Guest<'_, G>> = None;
    let (mut ages, mut due, mut skips) = (BTreeSet::new(), 1, 0);
    for tick in 1..late + 200 {
        steady.say(&mut room, true);
        skipping.say(&mut room, true);
        newcomer.iter_mut().for_each(|guest| guest.say(&mut room, true));
        let mut comes = (tick == late).then(|| Guest::enter(&mut room, &schema, 3, None));
        room.tick();
        steady.hear(&mut room);
        if tick == due {
            ages.insert(skipping.hear(&mut room).age);
            skips = skips % SNAPSHOT_HISTORY_LEN as u32 + 1;
            due += skips;
        }
        if let Some(mut guest) = comes.take() {
            let first = guest.hear(&mut room);
            assert!(first.age == 0 && first.priors.is_some(), "a late member starts with a keyframe and the priors");
            newcomer = Some(guest);
        } else if let Some(guest) = &mut newcomer {
            assert_eq!(guest.hear(&mut room).age, 1);
        }
    }
    // No baseline is as old as the history is long: the room has dropped it by then, and sends a keyframe.
    assert_eq!(ages, (0..SNAPSHOT_HISTORY_LEN as u32).collect());
    let counters = room.take_counters();
    assert!(counters.hashes_compared > 800 && counters.hash_mismatches == 0, "{counters:?}");
}

#[test]
fn members_that_skip_snapshots_or_come_late_are_exact_at_once() {
    skip_and_come_late::<Crowd>();
    skip_and_come_late::<Arena>();
}

/// Snapshots of two members over `ticks` ticks. The connection of a third member is lost early, and that member comes
/// back in tick `back`, or never.
fn bytes_of_others<G: Game>(ticks: u32, back: Option<u32>) -> Vec<Vec<u8>> {
    let (schema, mut room) = (Schema::of::<G>(), room::<G>());
    let mut others: Vec<Guest<'_, G>> = (1..3).map(|number| Guest::enter(&mut room, &schema, number, None)).collect();
    let mut third = Some(Guest::<G>::enter(&mut room, &schema, 3, None));
    let token = third.as_ref().map(|guest| guest.token);
    let mut bytes = Vec::new();
    for tick in 1..=ticks {
        others.iter_mut().for_each(|guest| guest.say(&mut room, true));
        third.iter_mut().for_each(|guest| guest.say(&mut room, tick < 30));
        let is_late = back == Some(tick);
        if is_late {
            third = Some(Guest::enter(&mut room, &schema, 4, token));
        }
        room.tick();
        // The third member is served before the others: if it cost anything, the others' snapshots would show it.
        if let Some(guest) = &mut third {
            let heard = guest.hear(&mut room);
            assert_eq!(heard.age == 0, is_late || tick == 1);
        }
        bytes.extend(others.iter_mut().map(|guest| guest.hear(&mut room).bytes));
        if tick == 30 {
            third.take().into_iter().for_each(|guest| room.lost(guest.member));
        }
    }
    bytes
}

#[test]
fn a_member_that_comes_back_changes_no_byte_of_the_others() {
    // The member comes back well before the priors are trained, and after that.
    for back in [60, 200] {
        assert!(bytes_of_others::<Crowd>(280, Some(back)) == bytes_of_others::<Crowd>(280, None), "back at {back}");
        assert!(bytes_of_others::<Arena>(500, Some(back)) == bytes_of_others::<Arena>(500, None), "back at {back}");
    }
}

/// Six members read now and then, each in a rhythm of its own, and two more members read every snapshot. In each tick
/// the slow members are served first.
fn fall_behind_by_themselves<G: Game>() {
    let (schema, mut room) = (Schema::of::<G>(), room::<G>());
    let mut guests: Vec<Guest<'_, G>> = (1..=8).map(|number| Guest::enter(&mut room, &schema, number, None)).collect();
    let (mut due, mut waits, mut snapshots) = ([1; 6], 0, 0);
    for tick in 1..=400 {
        guests.iter_mut().for_each(|guest| guest.say(&mut room, true));
        room.tick();
        let (slow, prompt) = guests.split_at_mut(due.len());
        for ((guest, due), rhythm) in slow.iter_mut().zip(&mut due).zip(2..) {
            if tick < *due {
                continue;
            }
            match guest.hear_unless_it_waits(&mut room) {
                Some(heard) => {
                    assert_eq!(heard.age == 0, tick == 1, "a member that is behind receives a delta and no keyframe");
                    snapshots += 1;
                    *due = tick + rhythm;
                }
                None => {
                    assert!(tick == *due, "no member waits twice");
                    waits += 1;
                }
            }
        }
        for guest in prompt {
            assert_eq!(
                guest.hear(&mut room).age,
                u32::from(tick > 1),
                "a member that keeps up is served in every tick"
            );
        }
    }
    assert!(waits > 20 && snapshots > 500, "{waits} waits, {snapshots} snapshots");
    let counters = room.take_counters();
    assert_eq!(counters.keyframes, 8, "one keyframe for each member in the beginning: {counters:?}");
}

#[test]
fn a_member_on_a_baseline_of_its_own_waits_one_tick_at_the_most_and_delays_no_member_that_keeps_up() {
    fall_behind_by_themselves::<Crowd>();
    fall_behind_by_themselves::<Arena>();
}

/// The priors that a room of `members` published within 60 seconds, each with its tick.
fn publications<G: Game>(members: u8) -> Vec<(u32, Vec<u8>)> {
    let (schema, mut room) = (Schema::of::<G>(), room::<G>());
    let mut guests: Vec<Guest<'_, G>> =
        (1..=members).map(|number| Guest::enter(&mut room, &schema, number, None)).collect();
    let mut published = Vec::new();
    for tick in 1..=60 * G::RULES.tick_rate_hz {
        // The first member alone plays: the world is the same however many others watch it.
        guests.iter_mut().enumerate().for_each(|(index, guest)| guest.say(&mut room, index == 0));
        room.tick();
        for (index, guest) in guests.iter_mut().enumerate() {
            let heard = guest.hear_unless_it_waits(&mut room).filter(|heard| index == 0 && heard.age > 0);
            published.extend(heard.and_then(|heard| heard.priors).map(|priors| (tick, priors)));
        }
    }
    published
}

#[test]
fn a_game_of_sparse_snapshots_learns_priors() {
    assert!(!publications::<Sparse>(4).is_empty());
}

/// Lamps that everyone sees, and a note for each seat; those of all seats but the first change.
#[derive(State, Clone, Default)]
struct Theatre {
    lamps: Table<Lamp>,
    #[state(only = owner)]
    notes: Table<PrivateNote>,
}

#[derive(State, Clone, Default)]
struct Lamp {
    lit: bool,
}

#[derive(State, Clone, Default)]
struct PrivateNote {
    #[state(owner)]
    seat: Option<Seat>,
    text: [u8; 8],
}

impl Game for Theatre {
    type Input = Press;
    type Event = ();
    type Options = ();
    const RULES: Rules = Rules::new("theatre", 30).seats(9);

    fn new((): &()) -> Self {
        let mut theatre = Self::default();
        for _ in 0..2 {
            theatre.lamps.insert(Lamp::default());
        }
        theatre
    }

    fn join(&mut self, seat: Seat) {
        self.notes.insert(PrivateNote { seat: Some(seat), ..PrivateNote::default() });
    }

    fn leave(&mut self, seat: Seat, _: Leave) {
        self.notes.retain(|_, note| note.seat != Some(seat));
    }

    fn step(&mut self, tick: &mut Step<'_, Self>) {
        let now = tick.now().0;
        for (number, lamp) in (0..).zip(self.lamps.values_mut()) {
            lamp.lit ^= Rng::new(u64::from(now) << 8 | number).one_in(3);
        }
        for note in self.notes.values_mut().filter(|note| note.seat != Seat::new(0)) {
            note.text = Rng::new(now.into()).next_u64().to_le_bytes();
        }
    }
}

#[test]
fn private_worlds_of_others_change_neither_when_priors_are_published_nor_what_they_say() {
    let alone = publications::<Theatre>(1);
    assert!(!alone.is_empty());
    assert_eq!(publications::<Theatre>(9), alone);
}
