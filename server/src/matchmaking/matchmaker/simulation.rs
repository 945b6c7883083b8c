//! Thousands of players in simulated time: how long they wait, and how even their matches are.
//!
//! The table that the test prints is the one in the README. Players arrive steadily, in bursts, or a few an hour at the
//! edges of the ratings. Some leave, some lose their connection, and players who leave a running match free seats there.

use super::*;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::fmt::Write as _;
use tickwire::Rng;

const PLAYERS: u32 = 10_000;
const STEP_MS: u64 = 200;

/// Times between two arrivals, and ratings.
#[derive(Clone, Copy)]
enum Pattern {
    /// Five groups a second, at any time.
    Steady,
    /// 500 groups within a second, every two minutes, and one group every four seconds between.
    Rush,
    /// Six groups an hour, half of them 800 points below and half of them 800 points above the mean.
    Trickle,
}

impl Pattern {
    fn gap_ms(self, now_ms: u64, rng: &mut Rng) -> u64 {
        match self {
            Self::Steady => exponential_ms(200.0, rng),
            Self::Rush if now_ms % 120_000 < 1_000 => exponential_ms(2.0, rng),
            Self::Rush => exponential_ms(4_000.0, rng).min(120_000 - now_ms % 120_000),
            Self::Trickle => exponential_ms(600_000.0, rng),
        }
    }

    fn mean(self, rng: &mut Rng) -> f64 {
        match self {
            Self::Steady | Self::Rush => 1_500.0 + 350.0 * normal(rng),
            Self::Trickle => 1_500.0 + 100.0 * normal(rng) + if rng.below(2) == 0 { -800.0 } else { 800.0 },
        }
    }
}

fn exponential_ms(mean_ms: f64, rng: &mut Rng) -> u64 {
    (-mean_ms * (1.0 - f64::from(rng.unit())).ln()) as u64
}

/// A number with mean 0 and deviation 1, as a sum of twelve even ones.
fn normal(rng: &mut Rng) -> f64 {
    (0..12).map(|_| f64::from(rng.unit())).sum::<f64>() - 6.0
}

/// Players of a party are friends: their ratings are 120 points around that of the first. In a duel nobody has friends.
fn party(pattern: Pattern, size_max: u32, first: u32, rng: &mut Rng) -> Vec<Entrant> {
    let size: u32 = match rng.below(100) {
        0..62 => 1,
        62..85 => 2,
        85..94 => 3,
        _ => 4,
    };
    let mean = pattern.mean(rng);
    let member = |number: u32| {
        let mut id = [0; 10];
        id[..4].copy_from_slice(&number.to_be_bytes());
        let own = if number == first { mean } else { mean + 120.0 * normal(rng) };
        Entrant { player: PlayerId(id), rating: own.clamp(100.0, 3_000.0) as u16 }
    };
    (first..first + size.min(size_max)).map(member).collect()
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Leave(GroupId),
    Lose(PlayerId),
    /// Seats of a running match become free.
    Free(RunningRoom, u8),
    End(RunningRoom),
}

struct Entered {
    members: Vec<Entrant>,
    at_ms: u64,
}

struct Running {
    free: u8,
    rating: u16,
}

/// What was measured.
#[derive(Default)]
struct Figures {
    waits_ms: Vec<u64>,
    /// Differences between the highest and the lowest rating of a match: of groups, and of players.
    group_spread: Vec<u64>,
    player_spread: Vec<u64>,
    /// Differences between the highest and the lowest mean of a team, in matches without bots.
    team_distance: Vec<u64>,
    /// Differences between a group and the running match that it goes to.
    backfill_distance: Vec<u64>,
    matches: u64,
    bots: u64,
    backfills: u64,
    left: u64,
    parties_split: u64,
    ended: u32,
}

struct Simulation {
    rules: QueueRules,
    pattern: Pattern,
    rng: Rng,
    now_ms: u64,
    matchmaker: Matchmaker,
    events: BinaryHeap<Reverse<(u64, u64, Event)>>,
    event_count: u64,
    entered: BTreeMap<GroupId, Entered>,
    rooms: BTreeMap<RunningRoom, Running>,
    figures: Figures,
}

impl Simulation {
    fn new(pattern: Pattern, rules: QueueRules) -> Self {
        Self {
            matchmaker: Matchmaker::new(vec![rules]),
            rules,
            pattern,
            rng: Rng::new(1),
            now_ms: 0,
            events: BinaryHeap::new(),
            event_count: 0,
            entered: BTreeMap::new(),
            rooms: BTreeMap::new(),
            figures: Figures::default(),
        }
    }

    fn later(&mut self, after_ms: u64, event: Event) {
        self.event_count += 1;
        self.events.push(Reverse((self.now_ms + after_ms, self.event_count, event)));
    }

    fn arrive(&mut self, first: u32) -> u32 {
        let members = party(self.pattern, u32::from(self.rules.seats / 2), first, &mut self.rng);
        let (count, player) = (members.len() as u32, members[0].player);
        let group = self.matchmaker.enter(QueueId(0), members.clone(), self.now_ms).unwrap();
        self.entered.insert(group, Entered { members, at_ms: self.now_ms });
        let patience_ms = exponential_ms(20_000.0, &mut self.rng);
        match self.rng.below(100) {
            0..3 => self.later(patience_ms, Event::Leave(group)),
            3..5 => self.later(patience_ms, Event::Lose(player)),
            _ => {}
        }
        count
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Leave(group) => {
                let member = self.matchmaker.members(group).map(|members| members[0].player);
                _ = member.map(|member| self.matchmaker.leave(member, WhyLeft::Asked));
            }
            Event::Lose(player) => _ = self.matchmaker.leave(player, WhyLeft::Lost { player }),
            Event::Free(room, seats) => {
                let Some(running) = self.rooms.get_mut(&room) else { return };
                running.free = running.free.saturating_add(seats).min(self.rules.seats - 1);
                self.matchmaker.offer(QueueId(0), room, running.free, running.rating).unwrap();
            }
            Event::End(room) => {
                self.rooms.remove(&room);
                self.matchmaker.withdraw(room);
            }
        }
    }

    fn take(&mut self, groups: &[GroupId]) -> Vec<Vec<Entrant>> {
        let taken = groups.iter().map(|group| {
            let entered = self.entered.remove(group).expect("a group gets one end");
            let wait_ms = self.now_ms - entered.at_ms;
            self.figures.waits_ms.extend(entered.members.iter().map(|_| wait_ms));
            self.figures.ended += entered.members.len() as u32;
            entered.members
        });
        taken.collect()
    }

    fn read(&mut self, output: Output) {
        match output {
            Output::Place { .. } => {}
            Output::Left { group, .. } => {
                self.figures.left += 1;
                self.figures.ended += self.entered.remove(&group).expect("a group gets one end").members.len() as u32;
            }
            Output::Backfill { room, groups, .. } => {
                self.figures.backfills += groups.len() as u64;
                for members in self.take(&groups) {
                    let running = self.rooms.get_mut(&room).expect("a match that runs");
                    running.free -= members.len() as u8;
                    let distance = mean_rating(&members).abs_diff(running.rating);
                    self.figures.backfill_distance.push(u64::from(distance));
                }
            }
            Output::Matched { groups, players, teams, bots, .. } => self.start(&groups, &players, &teams, bots),
        }
    }

    fn start(&mut self, groups: &[GroupId], players: &[PlayerId], teams: &[u8], bots: u8) {
        let parties = self.take(groups);
        let people = players.len() + usize::from(bots);
        assert!(people == usize::from(self.rules.seats) || bots == 0 && people >= usize::from(self.rules.seats_min));
        let mut seats = teams.iter();
        for party in &parties {
            let own: BTreeSet<u8> = seats.by_ref().take(party.len()).copied().collect();
            let teams_needed = party.len().div_ceil(usize::from(self.rules.team_size));
            let is_here = party.iter().all(|member| players.contains(&member.player));
            self.figures.parties_split += u64::from(!is_here || own.len() != teams_needed);
        }
        let spread = |ratings: Vec<u16>| {
            let (low, high) = (ratings.iter().min().unwrap(), ratings.iter().max().unwrap());
            u64::from(high - low)
        };
        let all: Vec<Entrant> = parties.concat();
        // A group that plays with bots alone differs from nobody.
        if parties.len() > 1 {
            self.figures.group_spread.push(spread(parties.iter().map(|party| mean_rating(party)).collect()));
            self.figures.player_spread.push(spread(all.iter().map(|member| member.rating).collect()));
        }
        if bots == 0 {
            self.figures.team_distance.push(spread(self.team_means(&all, teams)));
        }
        self.figures.matches += 1;
        self.figures.bots += u64::from(bots);
        self.run(mean_rating(&all), bots);
    }

    /// The mean ratings of the teams that have players.
    fn team_means(&self, players: &[Entrant], teams: &[u8]) -> Vec<u16> {
        let team = |team: u8| {
            let own = players.iter().zip(teams).filter(|(_, own)| **own == team);
            let members: Vec<Entrant> = own.map(|(player, _)| *player).collect();
            (!members.is_empty()).then(|| mean_rating(&members))
        };
        (0..self.rules.seats / self.rules.team_size).filter_map(team).collect()
    }

    /// A match runs for 15 minutes. One in ten ends early, and in three of ten some players leave before. The seats of
    /// bots are for people at any time.
    fn run(&mut self, rating: u16, bots: u8) {
        let room = RunningRoom(self.figures.matches);
        self.rooms.insert(room, Running { free: 0, rating });
        let last_ms = if self.rng.below(10) == 0 { 60_000 + u64::from(self.rng.below(240_000)) } else { 900_000 };
        self.later(last_ms, Event::End(room));
        if self.rng.below(10) < 3 {
            let (after_ms, seats) = (10_000 + u64::from(self.rng.below(600_000)), 1 + self.rng.below(3) as u8);
            self.later(after_ms, Event::Free(room, seats));
        }
        if bots > 0 && self.rules.backfill {
            self.later(0, Event::Free(room, bots));
        }
    }

    fn step(&mut self) {
        while let Some(Reverse((at_ms, _, _))) = self.events.peek()
            && *at_ms <= self.now_ms
        {
            let Some(Reverse((_, _, event))) = self.events.pop() else { break };
            self.happen(event);
        }
        self.matchmaker.advance(self.now_ms);
        while let Some(output) = self.matchmaker.poll() {
            self.read(output);
        }
    }

    /// Plays until all players have come, and another hour for those who still wait.
    fn run_all(mut self) -> Figures {
        let (mut players, mut next_ms) = (0, 0);
        let mut until_ms = u64::MAX;
        while self.now_ms < until_ms {
            while players < PLAYERS && next_ms <= self.now_ms {
                players += self.arrive(players);
                next_ms += self.pattern.gap_ms(next_ms, &mut self.rng);
            }
            self.step();
            if players >= PLAYERS {
                until_ms = until_ms.min(self.now_ms + 3_600_000);
                if self.entered.is_empty() {
                    break;
                }
            }
            // Nothing happens while nobody waits: the next arrival is the next step.
            let idle_ms = if self.entered.is_empty() { next_ms.saturating_sub(self.now_ms) } else { 0 };
            self.now_ms += idle_ms.next_multiple_of(STEP_MS).max(STEP_MS);
        }
        assert_eq!(
            self.figures.ended + self.entered.values().map(|group| group.members.len() as u32).sum::<u32>(),
            players
        );
        let still = self.entered.values().flat_map(|group| group.members.iter().map(|_| self.now_ms - group.at_ms));
        self.figures.waits_ms.extend(still);
        self.figures
    }
}

fn quantile(sorted: &[u64], share: f64) -> u64 {
    sorted.get(((sorted.len().saturating_sub(1)) as f64 * share) as usize).copied().unwrap_or(0)
}

/// The measured figures of a row, or their bounds.
#[derive(Debug)]
struct Row {
    wait_ms: [u64; 3],
    group_spread: [u64; 2],
    player_spread: [u64; 2],
    team_distance: [u64; 2],
    backfill_distance: u64,
    starved: u64,
}

impl Row {
    fn of(figures: &mut Figures, starved_after_ms: u64) -> Self {
        for numbers in [
            &mut figures.waits_ms,
            &mut figures.group_spread,
            &mut figures.player_spread,
            &mut figures.team_distance,
            &mut figures.backfill_distance,
        ] {
            numbers.sort_unstable();
        }
        let waits = &figures.waits_ms;
        Self {
            wait_ms: [quantile(waits, 0.5), quantile(waits, 0.99), quantile(waits, 1.0)],
            group_spread: [0.5, 0.99].map(|share| quantile(&figures.group_spread, share)),
            player_spread: [0.5, 0.99].map(|share| quantile(&figures.player_spread, share)),
            team_distance: [0.5, 0.99].map(|share| quantile(&figures.team_distance, share)),
            backfill_distance: quantile(&figures.backfill_distance, 0.99),
            starved: waits.iter().filter(|wait_ms| **wait_ms > starved_after_ms).count() as u64,
        }
    }
}

struct Case {
    name: &'static str,
    pattern: Pattern,
    rules: QueueRules,
    bounds: Row,
}

#[rustfmt::skip]
fn cases() -> Vec<Case> {
    use Pattern::{Rush, Steady, Trickle};
    let five = || QueueRules::teams("five-bots", 2, 5).bots_after_ms(60_000);
    let race = || QueueRules::free_for_all("race", 8);
    let duel = || QueueRules::free_for_all("duel", 2);
    let case = |name, pattern, rules, wait_ms, group_spread, player_spread, team_distance, backfill_distance| {
        let bounds = Row { wait_ms, group_spread, player_spread, team_distance, backfill_distance, starved: 0 };
        Case { name, pattern, rules, bounds }
    };
    vec![
        case("steady", Steady, five(), [1_800, 20_000, 31_000], [220, 1_100], [320, 1_100], [22, 230], 230),
        case("rush", Rush, five(), [200, 31_000, 60_400], [60, 1_100], [220, 1_100], [5, 185], 830),
        case("trickle", Trickle, five(), [31_000, 60_400, 60_400], [1_500, 2_000], [1_550, 2_200], [0, 0], 2_000),
        case("steady", Steady, race(), [1_400, 18_400, 31_000], [190, 690], [290, 750], [290, 750], 260),
        case("rush", Rush, race(), [200, 28_000, 31_000], [44, 440], [200, 600], [200, 600], 770),
        case("steady", Steady, duel(), [200, 8_400, 31_000], [60, 190], [60, 190], [60, 190], 155),
    ]
}

const HEADER: &str = "\
| arrivals | queue | wait p50 | p99 | longest | ratings apart, players p50 | p99 | team means p99 | matches | bots | late comers | starved |
| --- | --- | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: |
";

#[test]
fn strangers_get_a_fair_match_soon_and_nobody_starves() {
    let mut table = String::from(HEADER);
    let mut broken = Vec::new();
    for case in cases() {
        let mut figures = Simulation::new(case.pattern, case.rules).run_all();
        let rules = &case.rules;
        // The longest time that the rules allow, and a second for the calls in between.
        let starved_after_ms = rules.bots_after_ms.map_or_else(|| rules.open_after_ms(), u64::from) + 1_000;
        let row = Row::of(&mut figures, starved_after_ms);
        let seconds = row.wait_ms.map(|wait_ms| format!("{:.1} s", wait_ms as f64 / 1_000.0));
        let Row { player_spread: [p50, p99], team_distance: [_, t99], starved, .. } = &row;
        let Figures { matches, bots, backfills, parties_split, .. } = &figures;
        let (name, mode, waits) = (case.name, case.rules.name, seconds.join(" | "));
        let cells = [*p50, *p99, *t99, *matches, *bots, *backfills, *starved];
        let cells = cells.map(|cell| cell.to_string()).join(" | ");
        writeln!(table, "| {name} | {mode} | {waits} | {cells} |").unwrap();
        assert_eq!(*parties_split, 0, "{name} {mode}");
        let bounds = &case.bounds;
        let is_within = |own: &[u64], most: &[u64]| own.iter().zip(most).all(|(own, most)| own <= most);
        let holds = is_within(&row.wait_ms, &bounds.wait_ms)
            && is_within(&row.group_spread, &bounds.group_spread)
            && is_within(&row.player_spread, &bounds.player_spread)
            && is_within(&row.team_distance, &bounds.team_distance)
            && row.backfill_distance <= bounds.backfill_distance
            && row.starved <= bounds.starved;
        if !holds {
            broken.push(format!("{name} {mode}: {row:?} is beyond {bounds:?}"));
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    // The crate in a registry has another page, without the table.
    let Ok(readme) = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")) else { return };
    assert!(readme.contains(&table), "the README of the server has another table than this one:\n{table}");
}
