//! Random calls in random queues: nobody is lost, nobody is in two matches, and no match is larger than its seats.

use super::*;
use std::collections::BTreeMap;
use tickwire::Rng;

const SEEDS: u64 = 300;
const CALLS: u32 = 400;
const PLAYERS: u32 = 60;

fn player(number: u32) -> PlayerId {
    let mut id = [0; 10];
    id[6..].copy_from_slice(&number.to_be_bytes());
    PlayerId(id)
}

fn any_rules(rng: &mut Rng, name: &'static str) -> QueueRules {
    let (teams, team_size) = (2 + rng.below(3) as u8, 1 + rng.below(4) as u8);
    let rules = QueueRules::teams(name, teams, team_size);
    let window_start = rng.below(300) as u16;
    QueueRules {
        seats_min: 1 + rng.below(u32::from(rules.seats)) as u8,
        window_start,
        window_max: window_start + rng.below(500) as u16,
        window_per_second: 5 + rng.below(100) as u16,
        bots_after_ms: (rng.below(2) == 0).then(|| rng.below(40_000)),
        backfill: rng.below(3) > 0,
        ..rules
    }
}

/// The knowledge of a reader of the outputs alone.
struct Reader {
    rules: Vec<QueueRules>,
    waiting: BTreeMap<GroupId, (QueueId, Vec<PlayerId>)>,
    /// Free seats of rooms.
    offers: BTreeMap<RunningRoom, (QueueId, u8)>,
    /// Entries and ends of each player.
    entered: BTreeMap<PlayerId, (u32, u32)>,
}

impl Reader {
    /// Takes groups out that have got an end. The answer is their players.
    fn end(&mut self, queue: QueueId, groups: &[GroupId]) -> Vec<PlayerId> {
        let mut players = Vec::new();
        for group in groups {
            let (own, members) = self.waiting.remove(group).expect("only a group that waits gets an end");
            assert_eq!(own, queue);
            players.extend(members);
        }
        for player in &players {
            self.entered.get_mut(player).unwrap().1 += 1;
        }
        players
    }

    fn read(&mut self, output: &Output, matchmaker: &Matchmaker) {
        match output {
            Output::Place { group, place, of, .. } => {
                assert!(self.waiting.contains_key(group), "nothing is said about a group that is gone");
                assert!(matchmaker.members(*group).is_some());
                assert!(1 <= *place && place <= of);
            }
            Output::Matched { queue, groups, players, teams, bots } => {
                assert_eq!(&self.end(*queue, groups), players);
                self.check_match(&self.rules[queue.0], players, teams, *bots);
            }
            Output::Backfill { queue, room, groups, players } => {
                assert_eq!(&self.end(*queue, groups), players);
                let (own, free) = self.offers.get_mut(room).expect("only a room that lacks people takes some");
                assert_eq!(own, queue);
                *free = free.checked_sub(players.len() as u8).expect("no more people come than there are seats");
            }
            Output::Left { group, players, .. } => {
                let queue = self.waiting[group].0;
                assert_eq!(&self.end(queue, &[*group]), players);
            }
        }
    }

    fn check_match(&self, rules: &QueueRules, players: &[PlayerId], teams: &[u8], bots: u8) {
        let people = players.len() as u8;
        assert_eq!(teams.len(), players.len());
        assert!(people + bots <= rules.seats);
        assert!(people >= rules.seats_min || people + bots == rules.seats);
        assert!(bots == 0 || rules.bots_after_ms.is_some());
        for team in 0..rules.seats / rules.team_size {
            assert!(teams.iter().filter(|own| **own == team).count() <= usize::from(rules.team_size));
        }
        assert!(teams.iter().all(|team| *team < rules.seats / rules.team_size));
        assert!(bots > 0 || teams.iter().any(|team| *team != teams[0]), "there are opponents");
    }

    fn check_counts(&self, matchmaker: &Matchmaker) {
        for (index, _) in self.rules.iter().enumerate() {
            let own = self.waiting.values().filter(|(queue, _)| queue.0 == index);
            let (groups, people) = own.fold((0, 0), |sum, (_, players)| (sum.0 + 1, sum.1 + players.len()));
            assert_eq!(matchmaker.waiting(QueueId(index)), (groups, people));
        }
        for (number, (entries, ends)) in &self.entered {
            let waits = u32::from(matchmaker.group_of(*number).is_some());
            assert_eq!(*entries, ends + waits, "a player who entered waits, or has got one end");
        }
    }
}

/// Plays the calls of a seed, and answers with all outputs.
fn play(seed: u64) -> Vec<Output> {
    let mut rng = Rng::new(seed);
    let rules = vec![any_rules(&mut rng, "one"), any_rules(&mut rng, "two")];
    let mut matchmaker = Matchmaker::new(rules.clone());
    let mut reader = Reader { rules, waiting: BTreeMap::new(), offers: BTreeMap::new(), entered: BTreeMap::new() };
    let (mut now_ms, mut outputs) = (0, Vec::new());
    for _ in 0..CALLS {
        let queue = QueueId(rng.below(2) as usize);
        let rules = reader.rules[queue.0];
        match rng.below(20) {
            0..10 => {
                let size = 1 + rng.below(4).min(rng.below(u32::from(rules.seats)));
                let first = rng.below(PLAYERS - size);
                let rating = |rng: &mut Rng| 1_000 + rng.below(1_000) as u16;
                let members: Vec<Entrant> = (first..first + size)
                    .map(|number| Entrant { player: player(number), rating: rating(&mut rng) })
                    .collect();
                let players: Vec<PlayerId> = members.iter().map(|member| member.player).collect();
                let group = matchmaker.enter(queue, members, now_ms).unwrap();
                players.iter().for_each(|player| reader.entered.entry(*player).or_default().0 += 1);
                reader.waiting.insert(group, (queue, players));
            }
            10 => {
                let player = player(rng.below(PLAYERS));
                matchmaker.leave(player, WhyLeft::Lost { player });
            }
            11 => {
                let member = reader.waiting.values().nth(rng.below(20) as usize).map(|(_, players)| players[0]);
                _ = member.map(|member| matchmaker.leave(member, WhyLeft::Asked));
            }
            12 if rules.backfill => {
                let (room, seats) = (RunningRoom(u64::from(rng.below(6))), rng.below(5) as u8);
                // Seats that have been given away must have been read before the offer changes.
                read_all(&mut matchmaker, &mut reader, &mut outputs);
                matchmaker.offer(queue, room, seats, 1_000 + rng.below(1_000) as u16).unwrap();
                reader.offers.insert(room, (queue, seats));
            }
            13 => {
                let room = RunningRoom(u64::from(rng.below(6)));
                read_all(&mut matchmaker, &mut reader, &mut outputs);
                matchmaker.withdraw(room);
                reader.offers.remove(&room);
            }
            _ => {
                now_ms += u64::from(rng.below(5_000));
                matchmaker.advance(now_ms);
            }
        }
        if rng.below(3) > 0 {
            read_all(&mut matchmaker, &mut reader, &mut outputs);
        }
    }
    read_all(&mut matchmaker, &mut reader, &mut outputs);
    outputs
}

fn read_all(matchmaker: &mut Matchmaker, reader: &mut Reader, outputs: &mut Vec<Output>) {
    while let Some(output) = matchmaker.poll() {
        reader.read(&output, matchmaker);
        outputs.push(output);
    }
    reader.check_counts(matchmaker);
}

#[test]
fn nobody_is_lost_or_in_two_matches_and_the_same_calls_have_the_same_outputs() {
    let (mut matches, mut backfills, mut left) = (0, 0, 0);
    for seed in 0..SEEDS {
        let outputs = play(seed);
        assert_eq!(outputs, play(seed), "seed {seed}");
        matches += outputs.iter().filter(|output| matches!(output, Output::Matched { .. })).count();
        backfills += outputs.iter().filter(|output| matches!(output, Output::Backfill { .. })).count();
        left += outputs.iter().filter(|output| matches!(output, Output::Left { .. })).count();
    }
    assert!(matches.min(backfills).min(left) > 1_000, "all of it happens: {matches} {backfills} {left}");
}

#[test]
fn no_pair_waits_in_a_duel_once_the_window_of_either_allows_it() {
    for seed in 0..SEEDS {
        let mut rng = Rng::new(seed);
        let rules = QueueRules::free_for_all("duel", 2);
        let mut matchmaker = Matchmaker::new(vec![rules]);
        let (mut waiting, mut now_ms) = (BTreeMap::new(), 0);
        for number in 0..200 {
            now_ms += u64::from(rng.below(3_000));
            let rating = rng.below(6_000) as u16;
            let members = vec![Entrant { player: player(number), rating }];
            let group = matchmaker.enter(QueueId(0), members, now_ms).unwrap();
            waiting.insert(group, (rating, now_ms));
            matchmaker.advance(now_ms);
            while let Some(output) = matchmaker.poll() {
                let Output::Matched { groups, .. } = output else { continue };
                groups.iter().for_each(|group| _ = waiting.remove(group));
            }
            for (group, (rating, entered_ms)) in &waiting {
                let window = rules.window_after(now_ms - entered_ms).unwrap_or(u16::MAX);
                let fits = waiting.iter().any(|(other, own)| other != group && own.0.abs_diff(*rating) <= window);
                assert!(!fits, "seed {seed}: {waiting:?}");
            }
        }
    }
}
