//! Tests of the ids of a player's own shots, which are there before the server has made them.

use super::*;
use std::collections::{BTreeMap, BTreeSet};
use tickwire::Seat;
use tickwire::link::LinkProfile;
use tickwire_games::Arena;
use tickwire_tools::harness::{Client, Pause, Play};

/// The index of the table of shots.
fn shots_table(schema: &Schema) -> usize {
    schema.tables.iter().position(|table| table.name == "shots").unwrap()
}

/// The lowest slot of a row that the client predicts to be new.
const PREDICTED: u32 = 0x8000;

const fn slot(id: u32) -> u32 {
    id & 0xffff
}

/// What a player has seen of their own shots.
struct OwnShots {
    columns: Columns,
    table: usize,
    /// Own shots that are shown now.
    living: BTreeSet<u32>,
    arrivals: BTreeMap<u32, u32>,
    goings: BTreeMap<u32, u32>,
    /// The ids under which each shot of the server was shown.
    shown_as: BTreeMap<u32, BTreeSet<u32>>,
    /// The shots that the server has made.
    made: BTreeSet<u32>,
}

impl OwnShots {
    fn new() -> Self {
        let schema = Schema::of::<Arena>();
        let table = shots_table(&schema);
        let (living, arrivals, goings, shown_as, made) = Default::default();
        Self { columns: Columns::new(schema), table, living, arrivals, goings, shown_as, made }
    }

    fn look(&mut self, client: &mut Client<Arena>, now_us: u64) {
        let Some(seat) = client.session.seat() else { return };
        let Some(rows) = client.session.view_rows(now_us) else { return };
        self.columns.show(rows);
        let shots = &self.columns.tables[self.table];
        let owner = shots.schema.owner.unwrap() * shots.capacity;
        let is_own = |row: &usize| shots.columns[owner + row] == u32::from(seat.number());
        for row in (0..shots.ids.len()).filter(is_own) {
            let (shown, id) = (shots.ids[row], shots.names()[row]);
            if shots.arrived.contains(&shown) {
                *self.arrivals.entry(shown).or_default() += 1;
                assert!(self.living.insert(shown), "it was not there");
            }
            if slot(id) < PREDICTED {
                self.shown_as.entry(id).or_default().insert(shown);
            }
        }
        for id in &shots.gone {
            if self.living.remove(id) {
                *self.goings.entry(*id).or_default() += 1;
            }
        }
    }

    /// Takes in the shots that the room has now.
    fn count_made(&mut self, seat: Option<Seat>, rows: &Rows) {
        let owner = self.columns.tables[self.table].schema.owner.unwrap();
        let Some(seat) = seat else { return };
        let own = (0..rows.ids.len()).filter(|row| rows.row(*row)[owner] == u32::from(seat.number()) + 1);
        self.made.extend(own.map(|row| rows.ids[row].packed()));
    }

    /// Shots that were shown before the server had made them, and that it has made.
    fn confirmed(&self) -> usize {
        self.shown_as.values().flatten().filter(|shown| slot(**shown) >= PREDICTED).count()
    }

    /// Shots that were shown under the server's id from the beginning: they were not predicted, or the client had
    /// wrongly predicted their end before the server had made them.
    fn unforeseen(&self) -> usize {
        self.arrivals.keys().filter(|shown| slot(**shown) < PREDICTED).count()
    }

    /// Shots that came again after their end had been predicted, wrongly.
    fn returned(&self) -> usize {
        self.arrivals.values().filter(|arrivals| **arrivals > 1).count()
    }

    /// Asserts that each shot came and went under one id that it shares with none.
    fn assert_stable(&self) {
        for (id, arrivals) in &self.arrivals {
            let goings = self.goings.get(id).copied().unwrap_or(0) + u32::from(self.living.contains(id));
            assert_eq!(*arrivals, goings, "{id:x} went as often as it came");
        }
        assert!(self.shown_as.values().all(|shown| shown.len() == 1), "a shot has one id");
        let shown: BTreeSet<u32> = self.shown_as.values().flatten().copied().collect();
        assert_eq!(shown.len(), self.shown_as.len(), "no two shots have one id");
    }
}

/// Plays arena from a seed for so many ticks, of which `disturb` is told before each, and gives each player's shots.
fn play(seed: u64, link: LinkProfile, ticks: u32, mut disturb: impl FnMut(u32, &mut Play<Arena>)) -> Vec<OwnShots> {
    let mut play = Play::<Arena>::new(seed, 3, link);
    let mut seen: Vec<OwnShots> = (0..3).map(|_| OwnShots::new()).collect();
    for tick in 0..ticks {
        disturb(tick, &mut play);
        play.watch_ticks(1, |index, client, now_us| seen[index].look(client, now_us));
        for (shots, client) in seen.iter_mut().zip(&play.clients) {
            shots.count_made(client.session.seat(), &play.room.newest().tables[shots.table]);
        }
    }
    seen
}

/// Plays some matches, and asserts of each player that the ids are stable and that nearly all shots came once.
fn assert_shots_come_once(link: LinkProfile, disturb: fn(u32, &mut Play<Arena>)) {
    let matches: Vec<Vec<OwnShots>> = (1..=24).map(|seed| play(seed, link, 1_200, disturb)).collect();
    matches.iter().flatten().for_each(OwnShots::assert_stable);
    for player in 0..3 {
        let sum = |count: fn(&OwnShots) -> usize| matches.iter().map(|seen| count(&seen[player])).sum::<usize>();
        let (made, confirmed) = (sum(|shots| shots.made.len()), sum(OwnShots::confirmed));
        let (unforeseen, returned) = (sum(OwnShots::unforeseen), sum(OwnShots::returned));
        let told = format!(
            "player {player}: {made} made, {confirmed} confirmed, {unforeseen} unforeseen, {returned} returned"
        );
        assert!(made > 100 && confirmed * 4 > made * 3, "{told}");
        assert!(unforeseen * 30 < made && returned * 20 < made, "{told}");
    }
    let sum = |count: fn(&OwnShots) -> usize| matches.iter().flatten().map(count).sum::<usize>();
    let (made, unforeseen) = (sum(|shots| shots.made.len()), sum(OwnShots::unforeseen));
    assert!(unforeseen * 50 < made, "{unforeseen} of {made} shots of all players were unforeseen");
    let shown_and_made = matches.iter().flatten().map(|shots| (shots.arrivals.len(), shots.made.len()));
    assert!(
        shown_and_made.into_iter().any(|(shown, made)| shown > made),
        "some shots were predicted and did not happen"
    );
}

#[test]
fn an_own_shot_comes_once_and_goes_once_over_its_confirmation() {
    assert_shots_come_once(LinkProfile { latency_ms: 60, ..LinkProfile::default() }, |_, _| {});
}

#[test]
fn own_shots_keep_their_ids_over_jitter_loss_pauses_and_reconnects() {
    let link = LinkProfile { latency_ms: 60, jitter_ms: 30, ..LinkProfile::default() };
    assert_shots_come_once(link, |tick, play| match tick % 100 {
        20 => play.stall(0, 400),
        50 => play.cut(1),
        80 => play.pause(Pause::Device, 2, 500),
        _ => {}
    });
}
