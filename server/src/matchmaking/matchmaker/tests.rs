//! What a player, a party and a running match may rely on.

use super::*;

const QUEUE: QueueId = QueueId(0);

fn player(number: u32) -> PlayerId {
    let mut id = [0; 10];
    id[..4].copy_from_slice(&number.to_be_bytes());
    PlayerId(id)
}

/// A matchmaker with a queue, and the number of the next player.
struct Case {
    matchmaker: Matchmaker,
    next: u32,
}

impl Case {
    fn new(rules: QueueRules) -> Self {
        Self { matchmaker: Matchmaker::new(vec![rules]), next: 0 }
    }

    fn enter(&mut self, ratings: &[u16], now_ms: u64) -> GroupId {
        let numbers = self.next..self.next + ratings.len() as u32;
        self.next = numbers.end;
        let members = numbers.zip(ratings).map(|(number, rating)| Entrant { player: player(number), rating: *rating });
        self.matchmaker.enter(QUEUE, members.collect(), now_ms).unwrap()
    }

    /// Everything but places.
    fn outcomes(&mut self) -> Vec<Output> {
        let outputs = std::iter::from_fn(|| self.matchmaker.poll());
        outputs.filter(|output| !matches!(output, Output::Place { .. })).collect()
    }

    /// Calls every 200 ms until there is an outcome. The answer is its time.
    fn until_outcome(&mut self, from_ms: u64, until_ms: u64) -> Option<(u64, Vec<Output>)> {
        (from_ms..=until_ms).step_by(200).find_map(|now_ms| {
            self.matchmaker.advance(now_ms);
            let outcomes = self.outcomes();
            (!outcomes.is_empty()).then_some((now_ms, outcomes))
        })
    }
}

fn duel() -> QueueRules {
    QueueRules::free_for_all("duel", 2)
}

fn five() -> QueueRules {
    QueueRules::teams("five", 2, 5)
}

fn matched(output: &Output) -> (Vec<GroupId>, u8) {
    match output {
        Output::Matched { groups, bots, .. } => (groups.clone(), *bots),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_party_that_does_not_fit_is_refused_and_nothing_changes() {
    let mut case = Case::new(duel());
    let waiting = case.enter(&[1_500], 0);
    let member = |number| Entrant { player: player(number), rating: 1_500 };
    let enter = |case: &mut Case, members| case.matchmaker.enter(QUEUE, members, 0);
    let large = vec![member(0), member(1), member(2)];
    assert_eq!(enter(&mut case, large), Err(EnterError::PartyTooLarge { len: 3, seats: 2 }));
    assert_eq!(enter(&mut case, vec![member(0); 300]), Err(EnterError::PartyTooLarge { len: 300, seats: 2 }));
    assert_eq!(enter(&mut case, vec![member(0); 2]), Err(EnterError::Twice { player: player(0) }));
    assert_eq!(enter(&mut case, vec![]), Err(EnterError::Nobody));
    let elsewhere = QueueId(1);
    let refused = case.matchmaker.enter(elsewhere, vec![member(0)], 0);
    assert_eq!(refused, Err(EnterError::NoQueue { queue: elsewhere }));
    assert_eq!(case.matchmaker.group_of(player(0)), Some(waiting));
    assert_eq!(case.outcomes(), []);
}

#[test]
fn the_newest_entry_wins_and_the_old_group_is_told() {
    let mut case = Case::new(five());
    let old = case.enter(&[1_500, 1_500], 0);
    let new = case.matchmaker.enter(QUEUE, vec![Entrant { player: player(1), rating: 1_400 }], 10).unwrap();
    let why = WhyLeft::Replaced { player: player(1) };
    assert_eq!(case.outcomes(), [Output::Left { group: old, players: vec![player(0), player(1)], why }]);
    assert_eq!(case.matchmaker.group_of(player(0)), None);
    assert_eq!(case.matchmaker.group_of(player(1)), Some(new));
    assert_eq!(case.matchmaker.waiting(QUEUE), (1, 1));
}

#[test]
fn a_party_that_loses_a_member_leaves_as_a_whole() {
    let mut case = Case::new(five());
    let party = case.enter(&[1_500, 1_500, 1_500], 0);
    assert!(case.matchmaker.leave(player(2), WhyLeft::Lost { player: player(2) }));
    let why = WhyLeft::Lost { player: player(2) };
    assert_eq!(case.outcomes(), [Output::Left { group: party, players: [0, 1, 2].map(player).to_vec(), why }]);
    assert!(!case.matchmaker.leave(player(0), WhyLeft::Asked));
    assert_eq!(case.matchmaker.waiting(QUEUE), (0, 0));
}

#[test]
fn two_strangers_meet_as_soon_as_the_window_of_the_older_allows() {
    let mut case = Case::new(duel());
    let (older, younger) = (case.enter(&[1_500], 0), case.enter(&[1_650], 3_000));
    let (at_ms, outcomes) = case.until_outcome(3_000, 60_000).unwrap();
    assert_eq!(at_ms, 5_000, "100 points, and 10 more a second");
    assert_eq!(matched(&outcomes[0]), (vec![older, younger], 0));
}

#[test]
fn an_open_group_plays_with_anybody_who_waits_and_the_nearest_first() {
    let mut case = Case::new(duel());
    let extreme = case.enter(&[3_000], 0);
    case.enter(&[100], 29_000);
    let nearer = case.enter(&[1_500], 29_000);
    let (at_ms, outcomes) = case.until_outcome(29_000, 60_000).unwrap();
    assert_eq!((at_ms, matched(&outcomes[0])), (30_000, (vec![extreme, nearer], 0)));
}

#[test]
fn bots_fill_up_after_the_time_and_not_before() {
    let mut case = Case::new(five().bots_after_ms(20_000));
    let party = case.enter(&[1_500, 1_500], 0);
    let alone = case.enter(&[1_550], 19_000);
    case.enter(&[2_500], 19_000);
    let (at_ms, outcomes) = case.until_outcome(0, 60_000).unwrap();
    assert_eq!((at_ms, matched(&outcomes[0])), (20_000, (vec![party, alone], 7)), "the third is out of the window");
    assert_eq!(outcomes.len(), 1);
}

#[test]
fn an_open_group_waits_for_people_until_the_time_of_the_bots() {
    let mut case = Case::new(five().bots_after_ms(60_000));
    let (party, other) = (case.enter(&[1_500, 1_500], 0), case.enter(&[2_500], 50_000));
    let (at_ms, outcomes) = case.until_outcome(0, 120_000).unwrap();
    assert_eq!((at_ms, matched(&outcomes[0])), (60_000, (vec![party, other], 7)));
}

#[test]
fn a_match_starts_with_fewer_people_once_its_oldest_group_is_open() {
    let mut case = Case::new(QueueRules::free_for_all("race", 8));
    let entered: Vec<GroupId> = (0..4).map(|i| case.enter(&[1_500], i)).collect();
    let (at_ms, outcomes) = case.until_outcome(0, 60_000).unwrap();
    assert_eq!((at_ms, matched(&outcomes[0])), (30_000, (entered, 0)));
}

#[test]
fn no_match_without_bots_has_everybody_in_one_team() {
    let mut case = Case::new(QueueRules { seats_min: 1, ..five() });
    case.enter(&[1_500; 4], 0);
    assert_eq!(case.until_outcome(0, 60_000), None);
    case.enter(&[1_500], 60_000);
    let (_, outcomes) = case.until_outcome(60_000, 61_000).unwrap();
    let Output::Matched { teams, .. } = &outcomes[0] else { panic!("{outcomes:?}") };
    assert_eq!(teams, &[0, 0, 0, 0, 1]);
}

#[test]
fn a_running_match_takes_people_before_a_match_with_bots_is_made() {
    let mut case = Case::new(five().bots_after_ms(20_000));
    let offer = |case: &mut Case, room, seats, rating| {
        case.matchmaker.offer(QUEUE, RunningRoom(room), seats, rating).unwrap();
    };
    offer(&mut case, 1, 3, 1_420);
    offer(&mut case, 2, 2, 1_550);
    offer(&mut case, 3, 1, 1_500);
    offer(&mut case, 4, 2, 1_900);
    let party = case.enter(&[1_500, 1_500], 0);
    let second = case.enter(&[1_500, 1_500], 0);
    let third = case.enter(&[1_500, 1_500], 0);
    case.matchmaker.advance(0);
    let mut rooms: Vec<(u64, Vec<GroupId>)> = Vec::new();
    for outcome in case.outcomes() {
        let Output::Backfill { room, groups, players, .. } = outcome else { panic!("{outcome:?}") };
        assert_eq!(players.len(), 2);
        rooms.push((room.0, groups));
    }
    assert_eq!(rooms, [(1, vec![second]), (2, vec![party])], "the nearest that has two seats; room 1 has one left");
    case.matchmaker.withdraw(RunningRoom(4));
    let (at_ms, outcomes) = case.until_outcome(0, 60_000).unwrap();
    assert_eq!((at_ms, matched(&outcomes[0])), (20_000, (vec![third], 8)));
}

#[test]
fn groups_that_go_to_one_running_match_go_together() {
    let mut case = Case::new(five());
    case.matchmaker.offer(QUEUE, RunningRoom(7), 3, 1_500).unwrap();
    let groups: Vec<GroupId> = [&[1_500_u16][..], &[1_490, 1_510], &[1_500]].map(|own| case.enter(own, 0)).to_vec();
    case.matchmaker.advance(0);
    let outcomes = case.outcomes();
    let players = [0, 1, 2].map(player).to_vec();
    let expected = Output::Backfill { queue: QUEUE, room: RunningRoom(7), groups: groups[..2].to_vec(), players };
    assert_eq!(outcomes, [expected]);
    assert_eq!(case.matchmaker.waiting(QUEUE), (1, 1));
}

#[test]
fn a_room_that_offers_seats_elsewhere_no_longer_offers_them_here() {
    let other = QueueRules { name: "other", ..duel() };
    let closed = QueueRules { name: "closed", ..duel() }.without_backfill();
    let mut case = Case { matchmaker: Matchmaker::new(vec![duel(), other, closed]), next: 0 };
    let room = RunningRoom(1);
    case.matchmaker.offer(QUEUE, room, 1, 1_500).unwrap();
    case.matchmaker.offer(QueueId(1), room, 1, 1_500).unwrap();
    let refused = case.matchmaker.offer(QueueId(2), room, 1, 1_500);
    assert_eq!(refused, Err(OfferError::NoBackfill { queue: QueueId(2) }));
    case.enter(&[1_500], 0);
    case.matchmaker.advance(0);
    assert_eq!(case.outcomes(), []);
    case.matchmaker.offer(QueueId(1), room, 0, 1_500).unwrap();
    case.matchmaker.enter(QueueId(1), vec![Entrant { player: player(9), rating: 1_500 }], 0).unwrap();
    case.matchmaker.advance(200);
    assert_eq!(case.outcomes(), []);
}

#[test]
fn a_large_party_is_not_starved_by_solo_players_whom_running_matches_take() {
    let mut case = Case::new(five());
    let party = case.enter(&[1_500; 5], 0);
    for now_ms in (0..60_000).step_by(200) {
        case.matchmaker.offer(QUEUE, RunningRoom(1), 1, 1_500).unwrap();
        if now_ms % 1_000 == 0 {
            case.enter(&[1_500], now_ms);
        }
        case.matchmaker.advance(now_ms);
        let outcomes = case.outcomes();
        if let Some(found) = outcomes.iter().find(|outcome| matches!(outcome, Output::Matched { .. })) {
            assert_eq!(matched(found).0[0], party);
            assert!(now_ms <= 35_000, "{now_ms}");
            return;
        }
    }
    panic!("the party has starved");
}

#[test]
fn groups_that_are_held_for_a_party_without_hope_are_free_once_they_are_due() {
    let mut case = Case::new(five());
    let party = case.enter(&[1_500; 4], 0);
    case.matchmaker.advance(30_000);
    for size in [3, 3, 2, 2] {
        case.enter(&vec![1_500; size], 30_000);
    }
    let (at_ms, outcomes) = case.until_outcome(30_000, 120_000).unwrap();
    assert_eq!(at_ms, 60_000);
    assert!(!matched(&outcomes[0]).0.contains(&party));
    assert_eq!(case.matchmaker.waiting(QUEUE), (1, 4));
}

#[test]
fn a_group_is_told_its_place_when_it_enters_and_then_only_when_it_has_changed() {
    let mut case = Case::new(five());
    let groups: Vec<GroupId> = (0..3).map(|i| case.enter(&[1_000 + 500 * i], 0)).collect();
    let places = |case: &mut Case| -> Vec<(GroupId, u32, u32)> {
        let outputs = std::iter::from_fn(|| case.matchmaker.poll());
        let place = |output| match output {
            Output::Place { group, place, of, .. } => Some((group, place, of)),
            _ => None,
        };
        outputs.filter_map(place).collect()
    };
    assert_eq!(places(&mut case), [(groups[0], 1, 1), (groups[1], 2, 2), (groups[2], 3, 3)]);
    case.matchmaker.leave(player(0), WhyLeft::Asked);
    case.matchmaker.advance(1_999);
    assert_eq!(places(&mut case), []);
    case.matchmaker.advance(2_000);
    assert_eq!(places(&mut case), [(groups[1], 1, 2), (groups[2], 2, 2)]);
    for now_ms in (2_200..20_000).step_by(200) {
        case.matchmaker.advance(now_ms);
        assert_eq!(places(&mut case), []);
    }
}

#[test]
fn an_estimate_is_what_others_waited() {
    let mut case = Case::new(duel());
    case.enter(&[1_500], 0);
    case.enter(&[1_500], 7_400);
    case.matchmaker.advance(7_400);
    while case.matchmaker.poll().is_some() {}
    let group = case.enter(&[1_500], 8_000);
    // The average of 7.4 s and 0 s with a share of an eighth: 6.5 s.
    let expected = Output::Place { group, place: 1, of: 1, estimate_ms: Some(7_000) };
    assert_eq!(case.matchmaker.poll(), Some(expected));
}

#[test]
fn a_full_queue_refuses_a_group_but_not_one_that_takes_its_own_place() {
    let mut case = Case::new(QueueRules { window_max: 100, window_start: 0, ..five() });
    for _ in 0..GROUPS_PER_QUEUE_MAX {
        case.enter(&[1_500], 0);
    }
    let member = |number| vec![Entrant { player: player(number), rating: 1_500 }];
    assert_eq!(case.matchmaker.enter(QUEUE, member(u32::MAX), 0), Err(EnterError::Full));
    assert!(case.matchmaker.enter(QUEUE, member(5), 0).is_ok());
    assert_eq!(case.matchmaker.waiting(QUEUE).0, GROUPS_PER_QUEUE_MAX);
}

#[test]
fn busy_queues_do_not_delay_a_quiet_one_for_long() {
    let queues: Vec<QueueRules> = [five(); 5].into_iter().chain([duel()]).collect();
    let mut case = Case { matchmaker: Matchmaker::new(queues), next: 0 };
    for queue in 0..5 {
        for _ in 0..3_000 {
            let members = (case.next..case.next + 3).map(|number| Entrant { player: player(number), rating: 1_500 });
            case.next += 3;
            case.matchmaker.enter(QueueId(queue), members.collect(), 0).unwrap();
        }
    }
    for _ in 0..2 {
        let member = Entrant { player: player(case.next), rating: 1_500 };
        case.next += 1;
        case.matchmaker.enter(QueueId(5), vec![member], 0).unwrap();
    }
    let (at_ms, outcomes) = case.until_outcome(0, 10_000).unwrap();
    assert!((200..=1_000).contains(&at_ms), "{at_ms}");
    assert_eq!(outcomes.len(), 1);
}
