//! Records of ticks: any bytes, and good records with a few bytes changed, after any last actions. An error leaves the
//! last actions as they were; anything else is played, and written again in the same bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tickwire::recording::record::{Causes, LastActions, RecordCodec};
use tickwire::world::simulation::{Simulation, TickRecord};
use tickwire::{Game, Tick};
use tickwire_games::{Arena, Paddles};

fuzz_target!(|input: (Vec<u8>, Vec<Vec<u8>>)| {
    let (last, records) = input;
    play::<Arena>(&last, &records);
    play::<Paddles>(&last, &records);
});

fn play<G: Game>(last: &[u8], records: &[Vec<u8>]) {
    let codec = RecordCodec::<G>::new();
    let mut last = match codec.take_last(last) {
        Ok(read) => {
            let mut again = Vec::new();
            codec.put_last(&read, &mut again);
            assert_eq!(again, last);
            read
        }
        Err(_) => LastActions::default(),
    };
    let mut simulation = Simulation::<G>::new(1, &G::Options::default());
    for (tick, bytes) in (1..).zip(records.iter().take(20)) {
        let before = last;
        let Ok(causes) = codec.take(&mut last, Tick(tick), bytes) else {
            assert!(last == before);
            continue;
        };
        let Causes { restart, roster, heard, actions, hash, .. } = causes.clone();
        let is_anew = restart.is_some();
        let record = TickRecord { tick: Tick(tick), restart, roster, heard, actions, ..TickRecord::empty() };
        let (mut again, mut same) = (Vec::new(), before);
        codec.put(&mut same, &record, hash, &mut again);
        assert!(same == last);
        // The text of options may be written in several ways.
        assert!(is_anew || again == *bytes);
        // A game may panic over seats that it does not have; the rest of it is to be played.
        let seats = causes.actions.iter().map(|(seat, _)| seat.number());
        if !is_anew && causes.roster.is_empty() && seats.max().is_none_or(|seat| seat < G::RULES.seats) {
            let next = Causes { tick: simulation.tick().next(), ..causes };
            let _ = simulation.play(&next, &mut Vec::new());
        }
    }
}
