//! Events over links that break: a client reports each event at most once, and does not cancel an event that happened.
//! The game of shots that these tests play is here too.

use crate::harness::Play;
use crate::sessions::seeds;
use std::collections::BTreeMap;
use tickwire::client::{EventUpdate, Session};
use tickwire::link::LinkProfile;
use tickwire::{Event, Game, Input, Leave, Rng, Rules, Seat, State, Step, Table};

/// Ticks that a gun takes to load.
const LOADING_TICKS: u8 = 3;

/// Ticks before a cut in which inputs may be lost, and ticks after it in which events may be lost.
const UNCERTAIN_TICKS: u32 = 30;

/// A game of players who fire at nothing.
#[derive(State, Clone, Default)]
pub(crate) struct Salute {
    gunners: Table<Gunner>,
}

#[derive(State, Clone, Default)]
struct Gunner {
    #[state(owner)]
    seat: Option<Seat>,
    loads_ticks: u8,
}

#[derive(Input, Clone, Copy, Default, Debug, PartialEq)]
pub(crate) struct Trigger {
    pub(crate) fire: bool,
}

/// A shot, with the seat that fired it and the tick in which it was fired: no two shots are the same.
#[derive(Event, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Fired {
    pub(crate) by: Seat,
    tick: u32,
}

impl Game for Salute {
    type Input = Trigger;
    type Event = Fired;
    type Options = ();
    const RULES: Rules = Rules::new("salute", 30).seats(3);

    fn new((): &()) -> Self {
        Self::default()
    }

    fn join(&mut self, seat: Seat) {
        self.gunners.insert(Gunner { seat: Some(seat), loads_ticks: 0 });
    }

    fn leave(&mut self, seat: Seat, _: Leave) {
        self.gunners.retain(|_, gunner| gunner.seat != Some(seat));
    }

    fn step(&mut self, tick: &mut Step<'_, Self>) {
        for gunner in self.gunners.values_mut() {
            let Some(seat) = gunner.seat else { continue };
            gunner.loads_ticks = gunner.loads_ticks.saturating_sub(1);
            if tick.input(seat).fire && gunner.loads_ticks == 0 {
                gunner.loads_ticks = LOADING_TICKS;
                tick.emit(tickwire::To::Everyone, Fired { by: seat, tick: tick.now().0 });
            }
        }
    }

    fn bot(&self, _: Seat, dice: &mut Rng) -> Trigger {
        Trigger { fire: dice.one_in(4) }
    }
}

/// The last update that a player's client reported for each shot: its number, and whether it stands.
#[derive(Default)]
struct Heard {
    shots: BTreeMap<Fired, (u32, bool)>,
    cancelled: usize,
    /// Ticks around the times at which the connection was gone.
    cuts: Vec<std::ops::Range<u32>>,
}

impl Heard {
    fn hear(&mut self, update: &EventUpdate<Fired>) {
        match *update {
            EventUpdate::Happened { id, event } => {
                let last = self.shots.insert(event, (id, true));
                assert!(last.is_none_or(|(_, stands)| !stands), "{event:?} was reported twice");
            }
            EventUpdate::Cancelled { id, event } => {
                let last = self.shots.insert(event, (id, false));
                assert_eq!(last, Some((id, true)), "a cancelled event was reported before, with the same number");
                self.cancelled += 1;
            }
        }
    }

    fn is_certain(&self, shot: &Fired) -> bool {
        !self.cuts.iter().any(|cut| cut.contains(&shot.tick))
    }
}

#[test]
fn an_event_over_a_breaking_link_is_reported_at_most_once_and_not_cancelled_if_it_happened() {
    let link = LinkProfile { latency_ms: 120, jitter_ms: 40, stall_percent: 3, ..LinkProfile::default() };
    let (mut cancelled, mut uncertain, mut certain) = (0, 0, 0);
    for seed in seeds(6) {
        let mut play: Play<Salute> = Play::new(seed, 3, link);
        let (mut dice, mut heard): (Rng, [Heard; 3]) = (Rng::new(seed), Default::default());
        let mut fired = Vec::new();
        for tick in 1..=60 * 30_u32 {
            play.run_ticks(1);
            fired.extend(play.events.iter().map(|(_, shot)| *shot));
            for (client, heard) in play.clients.iter_mut().zip(&mut heard) {
                std::iter::from_fn(|| client.session.poll_event()).for_each(|update| heard.hear(&update));
                if let Some(cut) = heard.cuts.last_mut().filter(|_| !client.session.is_connected()) {
                    cut.end = tick + UNCERTAIN_TICKS;
                }
            }
            if tick.is_multiple_of(100) && tick < 50 * 30 {
                let victim = usize::try_from(dice.below(3)).expect("one of three");
                heard[victim].cuts.push(tick - UNCERTAIN_TICKS..tick + UNCERTAIN_TICKS);
                play.cut(victim);
            }
        }
        let last = 58 * 30;
        for (client, heard) in play.clients.iter().zip(&heard) {
            let me = client.session.seat().expect("a player");
            for shot in fired.iter().filter(|shot| (90..last).contains(&shot.tick)) {
                let word = heard.shots.get(shot).map(|(_, stands)| *stands);
                assert_ne!(word, Some(false), "{shot:?} was fired and cancelled");
                assert!(word.is_some() || !heard.is_certain(shot), "{shot:?} was never reported");
            }
            let unfired = heard.shots.iter().filter(|(shot, (_, stands))| *stands && !fired.contains(shot));
            for (shot, _) in unfired.filter(|(shot, _)| shot.tick < last) {
                assert!(shot.by == me && !heard.is_certain(shot), "{shot:?} was not fired and never cancelled");
                uncertain += 1;
            }
            cancelled += heard.cancelled;
            certain += heard.shots.keys().filter(|shot| heard.is_certain(shot)).count();
        }
        assert!(play.clients.iter().map(|client| client.session.stats().welcomes).sum::<u64>() > 10);
    }
    assert!(certain > 5_000 && cancelled > 0, "{certain} shots away from any cut, {cancelled} cancelled");
    assert!(uncertain > 0, "no shot was lost with its connection");
}

/// Gives a gun that a client holds another time to load. The gun keeps its owner: a client that takes two guns for one
/// player's predicts two shots that look the same.
fn damage_a_gun(session: &mut Session<Salute>, dice: &mut Rng) {
    let rows = session.confirmed().tables.last().expect("the guns are the last table");
    let index = dice.below(3) as usize % rows.ids.len();
    let (table, leaf) = (session.confirmed().tables.len() - 1, rows.width - 1);
    let (row, loads_ticks) = (rows.ids[index], rows.row(index)[leaf]);
    session.damage(table, row, leaf, loads_ticks ^ 1).expect("the gun is there");
}

#[test]
fn an_event_in_a_message_whose_world_is_refused_is_reported_all_the_same_and_not_cancelled() {
    let mut refused = 0;
    for seed in seeds(24) {
        let mut play: Play<Salute> = Play::new(seed, 3, LinkProfile { latency_ms: 120, ..LinkProfile::default() });
        let (mut dice, mut heard): (Rng, [Heard; 3]) = (Rng::new(seed), Default::default());
        let mut fired = Vec::new();
        for tick in 1..=20 * 30_u32 {
            play.run_ticks(1);
            fired.extend(play.events.iter().map(|(_, shot)| *shot));
            for (client, heard) in play.clients.iter_mut().zip(&mut heard) {
                std::iter::from_fn(|| client.session.poll_event()).for_each(|update| heard.hear(&update));
            }
            // A client that is wrong more often is told to connect anew.
            if [150, 300].contains(&tick) {
                damage_a_gun(&mut play.clients[0].session, &mut dice);
            }
        }
        let stats = play.clients[0].session.stats();
        refused += stats.hash_mismatches;
        assert_eq!(stats.welcomes, 1, "seed {seed}: the client was never closed");
        for shot in fired.iter().filter(|shot| (90..18 * 30).contains(&shot.tick)) {
            let word = heard[0].shots.get(shot).map(|(_, stands)| *stands);
            assert_eq!(word, Some(true), "seed {seed}: {shot:?} was fired");
        }
    }
    assert!(refused > 10, "{refused} messages were refused");
}
