//! Recordings of real rooms: the bytes of all ticks give the same match again, from its start and from a checkpoint.

use crate::harness::Play;
use crate::sessions::{profile, seeds};
use tickwire::recording::record::{LastActions, RecordCodec};
use tickwire::world::full_state::FullState;
use tickwire::world::simulation::{Checkpoint, Simulation, TickRecord};
use tickwire::{Game, Rng};
use tickwire_games::{Arena, Paddles};

/// A match as bytes: its ticks, and where it can go on from in the middle of them.
struct Recording {
    ticks: Vec<Vec<u8>>,
    frozen_at: usize,
    checkpoint: Vec<u8>,
    last_actions: Vec<u8>,
}

impl Recording {
    fn of<G: Game>(seed: u64, options: &G::Options, records: &[TickRecord<G>]) -> Self {
        let (codec, mut last) = (RecordCodec::<G>::new(), LastActions::default());
        let mut room = Simulation::<G>::new(seed, options);
        let (frozen_at, mut checkpoint, mut last_actions) = (records.len() / 2, Vec::new(), Vec::new());
        let mut ticks = Vec::new();
        for (index, record) in records.iter().enumerate() {
            if index == frozen_at {
                room.checkpoint().clone().encode(room.schema(), &mut checkpoint);
                codec.put_last(&last, &mut last_actions);
            }
            room.replay(record).expect("the same world and events");
            assert_eq!(room.full_hash(), FullState::of(room.checkpoint()).hash(room.schema()));
            let mut bytes = Vec::new();
            codec.put(&mut last, record, room.full_hash(), &mut bytes);
            ticks.push(bytes);
        }
        Self { ticks, frozen_at, checkpoint, last_actions }
    }
}

/// Writes the ticks of a room, which began with these options, and plays them again from these records.
pub(crate) fn assert_recorded<G: Game>(seed: u64, options: &G::Options, records: &[TickRecord<G>]) {
    let recording = Recording::of(seed, options, records);
    let codec = RecordCodec::<G>::new();
    let begun = (Simulation::<G>::new(seed, options), LastActions::default());
    let frozen = Checkpoint::decode(begun.0.schema(), &recording.checkpoint).expect("a written checkpoint");
    let resumed = (Simulation::resume(frozen), codec.take_last(&recording.last_actions).expect("written actions"));
    let mut ends = Vec::new();
    for (from, (mut played, mut last)) in [(0, begun), (recording.frozen_at, resumed)] {
        let mut events = Vec::new();
        for (record, bytes) in records.iter().zip(&recording.ticks).skip(from) {
            let causes = codec.take(&mut last, played.tick().next(), bytes).expect("a written record");
            assert_eq!(causes.tick, record.tick);
            assert_eq!((&causes.roster, &causes.heard), (&record.roster, &record.heard));
            let seats = |restart: Option<&tickwire::world::simulation::Restart<G>>| restart.map(|it| it.seats.clone());
            assert_eq!(seats(causes.restart.as_ref()), seats(record.restart.as_ref()));
            assert!(causes.actions == record.actions, "other actions in tick {}", record.tick);
            assert_eq!(played.play(&causes, &mut events), Ok(()));
            assert!(events == record.events, "other events in tick {}", record.tick);
        }
        ends.push(FullState::of(played.checkpoint()));
    }
    assert!(ends[0] == ends[1], "the two ways of playing it end in different worlds");
}

/// A match over bad links, with cut connections and people who come and go.
fn recorded_session<G: Game>(seed: u64, players: usize) {
    let mut play = Play::<G>::new(seed, players, profile(&mut Rng::new(seed)));
    play.keeps_records = true;
    play.run_seconds(6);
    play.cut(0);
    play.run_seconds(4);
    play.clients[1].session.leave();
    play.run_seconds(4);
    play.join(profile(&mut Rng::new(!seed)));
    play.run_seconds(6);
    assert!(play.records.iter().filter(|record| !record.roster.is_empty()).count() > 2);
    assert_recorded(play.room_seed, &G::Options::default(), &play.records);
}

#[test]
fn a_room_over_bad_links_is_played_again_from_its_bytes() {
    for seed in seeds(4) {
        recorded_session::<Arena>(seed, 5);
        recorded_session::<Paddles>(seed, 2);
    }
}
