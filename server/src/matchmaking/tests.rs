//! The news for people from their wish to their seat.

use super::*;
use slotmap::SlotMap;

const DUEL: QueueRules = QueueRules::free_for_all("duel", 2).bots_after_ms(20_000);
const DUOS: QueueRules = QueueRules::teams("duos", 2, 2);

/// The matchmaking of a game with two queues, and its players.
struct Case {
    matchmaking: Matchmaking,
    clients: SlotMap<ClientId, u8>,
    now_ms: u64,
    rooms: u64,
    /// Whether rooms can be made.
    has_rooms: bool,
}

fn player(number: u8) -> PlayerId {
    PlayerId([number; 10])
}

fn seat(number: u8) -> Seat {
    Seat::new(number).unwrap()
}

impl Case {
    fn new() -> Self {
        let queues = [DUEL, DUOS].map(|rules| GameQueue { game: 0, name: "arena", rules }).to_vec();
        let matchmaking = Matchmaking::new(queues);
        Self { matchmaking, clients: SlotMap::with_key(), now_ms: 0, rooms: 0, has_rooms: true }
    }

    /// A new connection of a player.
    fn connect(&mut self, number: u8) -> Seeker {
        let client = self.clients.insert(number);
        Seeker { client, player: player(number), name: format!("P{number}"), rating: 1_500 }
    }

    fn ask(&mut self, seeker: &Seeker, ask: Ask) -> Vec<(u8, News)> {
        self.matchmaking.ask(seeker.clone(), ask, self.now_ms);
        self.news()
    }

    fn queue(&mut self, seeker: &Seeker, name: &str) -> Vec<(u8, News)> {
        self.ask(seeker, Ask::Queue { game: "arena".into(), queue: Some(name.into()) })
    }

    /// The news since the last call. Rooms are made on the way.
    fn news(&mut self) -> Vec<(u8, News)> {
        let mut all = Vec::new();
        while let Some(output) = self.matchmaking.poll() {
            match output {
                Output::News { client, news } => all.push((self.clients[client], news)),
                Output::Order(MatchOrder::Make { id, .. }) => {
                    self.rooms += 1;
                    let room = self.has_rooms.then(|| (RoomId(self.rooms), Code::random()));
                    self.matchmaking.made(id, room, self.now_ms);
                }
                Output::Order(MatchOrder::Invite { seats, .. }) => {
                    let room = self.has_rooms.then_some(RoomId(self.rooms));
                    self.matchmaking.invited(room, seats, self.now_ms);
                }
            }
        }
        all
    }

    fn wait(&mut self, ms: u64) -> Vec<(u8, News)> {
        let mut all = Vec::new();
        for _ in 0..ms / 100 {
            self.now_ms += 100;
            self.matchmaking.advance(self.now_ms);
            all.extend(self.news());
        }
        all
    }

    /// The seats that players were told, until now.
    fn matched(news: &[(u8, News)]) -> BTreeMap<u8, Seat> {
        let seat_of = |(player, news): &(u8, News)| match news {
            News::Matched { seat, .. } => Some((*player, *seat)),
            _ => None,
        };
        news.iter().filter_map(seat_of).collect()
    }
}

fn party_code(news: &[(u8, News)]) -> String {
    let code = news.iter().find_map(|(_, news)| match news {
        News::Party { party, .. } => Some(party.clone()),
        _ => None,
    });
    code.expect("a party")
}

#[test]
fn two_who_wait_are_told_their_places_and_then_their_seats() {
    let mut case = Case::new();
    let (ada, ben) = (case.connect(1), case.connect(2));
    let queued = case.queue(&ada, "duel");
    let expected = News::Queued { game: "arena", queue: "duel", place: 1, of: 1, estimate_ms: None };
    assert_eq!(queued, [(1, expected)]);
    case.queue(&ben, "duel");
    assert_eq!(Case::matched(&case.wait(300)), BTreeMap::from([(1, seat(0)), (2, seat(1))]));
    assert_eq!(case.wait(60_000), [], "nobody hears anything else");
}

#[test]
fn a_queue_without_a_name_is_the_first_one_and_unknown_ones_are_refused() {
    let mut case = Case::new();
    let ada = case.connect(1);
    let first = case.ask(&ada, Ask::Queue { game: "arena".into(), queue: None });
    assert!(matches!(first[..], [(1, News::Queued { queue: "duel", .. })]), "{first:?}");
    let refused = |why| vec![(1, News::NotQueued { why })];
    assert_eq!(case.queue(&ada, "trio"), refused(NotQueued::NoQueue));
    assert_eq!(case.ask(&ada, Ask::Queue { game: "chess".into(), queue: None }), refused(NotQueued::NoQueue));
    let left = case.ask(&ada, Ask::Unqueue);
    assert_eq!(left, [(1, News::Unqueued { why: Unqueued::Asked, player: None })]);
    assert_eq!(case.ask(&ada, Ask::Unqueue), []);
}

#[test]
fn bots_come_for_one_who_waits_alone() {
    let mut case = Case::new();
    let ada = case.connect(1);
    case.queue(&ada, "duel");
    assert_eq!(Case::matched(&case.wait(19_900)), BTreeMap::new());
    let news = case.wait(500);
    assert!(news.iter().any(|(_, news)| matches!(news, News::Matched { bots: 1, .. })), "{news:?}");
}

#[test]
fn a_party_enters_as_one_and_is_in_one_team() {
    let mut case = Case::new();
    let people: Vec<Seeker> = (1..=4).map(|number| case.connect(number)).collect();
    let code = party_code(&case.ask(&people[0], Ask::Party { party: None }));
    let joined = case.ask(&people[1], Ask::Party { party: Some(code.to_lowercase()) });
    let told: Vec<u8> = joined.iter().map(|(player, _)| *player).collect();
    assert_eq!(told, [1, 2], "all of a party are told");
    let News::Party { leader, members, .. } = &joined[0].1 else { panic!("{joined:?}") };
    assert_eq!((*leader, members.len(), members[1].name.as_str()), (player(1), 2, "P2"));
    assert_eq!(case.queue(&people[1], "duos"), [(2, News::NotQueued { why: NotQueued::NotLeader })]);
    case.queue(&people[2], "duos");
    case.queue(&people[3], "duos");
    let queued = case.queue(&people[0], "duos");
    assert_eq!(queued.len(), 2, "both hear the place: {queued:?}");
    let seats = Case::matched(&case.wait(1_000));
    assert_eq!(seats.len(), 4);
    assert_eq!(seats[&1].number() / 2, seats[&2].number() / 2, "one team: {seats:?}");
}

#[test]
fn a_party_too_large_or_unknown_or_full_is_refused() {
    let mut case = Case::new();
    let people: Vec<Seeker> = (1..=17).map(|number| case.connect(number)).collect();
    let code = party_code(&case.ask(&people[0], Ask::Party { party: None }));
    for person in &people[1..16] {
        case.ask(person, Ask::Party { party: Some(code.clone()) });
    }
    let join = Ask::Party { party: Some(code) };
    assert_eq!(case.ask(&people[16], join), [(17, News::NoParty { why: NoParty::Full })]);
    let unknown = Ask::Party { party: Some("NOSUCHCODE".into()) };
    assert_eq!(case.ask(&people[16], unknown), [(17, News::NoParty { why: NoParty::Unknown })]);
    assert_eq!(case.queue(&people[0], "duos"), [(1, News::NotQueued { why: NotQueued::PartyTooLarge })]);
}

#[test]
fn a_party_that_changes_leaves_the_queue_and_all_are_told() {
    let mut case = Case::new();
    let people: Vec<Seeker> = (1..=3).map(|number| case.connect(number)).collect();
    let code = party_code(&case.ask(&people[0], Ask::Party { party: None }));
    case.ask(&people[1], Ask::Party { party: Some(code.clone()) });
    case.queue(&people[0], "duos");
    let news = case.ask(&people[2], Ask::Party { party: Some(code.clone()) });
    let unqueued = |news: &[(u8, News)], why| -> Vec<u8> {
        let is_it = |(_, news): &&(u8, News)| matches!(news, News::Unqueued { why: own, .. } if *own == why);
        news.iter().filter(is_it).map(|(player, _)| *player).collect()
    };
    assert_eq!(unqueued(&news, Unqueued::Party), [1, 2]);
    case.ask(&people[2], Ask::LeaveParty);
    case.queue(&people[0], "duos");
    case.matchmaking.gone(people[1].client, player(2));
    let news = case.news();
    assert_eq!(unqueued(&news, Unqueued::Lost), [1], "{news:?}");
    assert!(
        news.iter().any(|(to, news)| *to == 1 && matches!(news, News::Party { members, .. } if members.len() == 1))
    );
    case.matchmaking.gone(people[0].client, player(1));
    case.news();
    let late = case.ask(&people[2], Ask::Party { party: Some(code) });
    assert_eq!(late, [(3, News::NoParty { why: NoParty::Unknown })]);
    case.matchmaking.gone(people[2].client, player(3));
    assert!(case.matchmaking.seekers.is_empty(), "nothing is kept of those who are gone");
}

#[test]
fn the_newest_connection_stands_for_a_player() {
    let mut case = Case::new();
    let (old, new) = (case.connect(1), case.connect(1));
    case.ask(&old, Ask::Party { party: None });
    case.queue(&old, "duel");
    case.matchmaking.ask(new, Ask::Queue { game: "arena".into(), queue: None }, 0);
    let mut told = Vec::new();
    while let Some(Output::News { client, news }) = case.matchmaking.poll() {
        told.push((client == old.client, news));
    }
    let replaced = News::Unqueued { why: Unqueued::Replaced, player: Some(player(1)) };
    assert!(told.contains(&(true, replaced)), "{told:?}");
    assert!(told.contains(&(true, News::NoParty { why: NoParty::Replaced })), "{told:?}");
    assert!(matches!(told.last(), Some((false, News::Queued { .. }))), "{told:?}");
    // The old connection that closes later takes nothing away from the new one.
    case.matchmaking.gone(old.client, player(1));
    assert!(case.matchmaking.matchmaker.group_of(player(1)).is_some());
}

#[test]
fn a_page_that_loads_again_is_told_its_match_again_while_the_seat_is_held() {
    let mut case = Case::new();
    let (ada, ben) = (case.connect(1), case.connect(2));
    case.queue(&ada, "duel");
    case.queue(&ben, "duel");
    case.wait(300);
    case.matchmaking.gone(ada.client, player(1));
    case.wait(30_000);
    let again = case.connect(1);
    case.matchmaking.here(&again, case.now_ms);
    let news = case.news();
    assert!(
        matches!(news[..], [(1, News::Matched { hold_ms, .. })] if (14_000..15_000).contains(&hold_ms)),
        "{news:?}"
    );
    case.matchmaking.entered(RoomId(1), seat(0), player(1));
    case.matchmaking.here(&again, case.now_ms);
    assert_eq!(case.news(), [], "the player is there");
}

#[test]
fn seats_that_nobody_comes_to_and_seats_of_leavers_go_to_the_next_in_the_queue() {
    let mut case = Case::new();
    let people: Vec<Seeker> = (1..=4).map(|number| case.connect(number)).collect();
    case.queue(&people[0], "duel");
    case.queue(&people[1], "duel");
    case.wait(300);
    case.matchmaking.entered(RoomId(1), seat(0), player(1));
    case.queue(&people[2], "duel");
    assert_eq!(Case::matched(&case.wait(19_000)), BTreeMap::new(), "the seat is held");
    case.ask(&people[2], Ask::Unqueue);
    case.wait(30_000);
    case.queue(&people[2], "duel");
    assert_eq!(Case::matched(&case.wait(1_000)), BTreeMap::from([(3, seat(1))]));
    assert_eq!(case.rooms, 1, "the running match has taken the player");
    case.matchmaking.entered(RoomId(1), seat(1), player(3));
    // A connection that is lost may come back; one that was left is free at once.
    case.matchmaking.left(RoomId(1), seat(0), Farewell::Lost, case.now_ms);
    case.queue(&people[3], "duel");
    assert_eq!(Case::matched(&case.wait(5_000)), BTreeMap::new());
    case.matchmaking.entered(RoomId(1), seat(0), player(1));
    case.matchmaking.left(RoomId(1), seat(0), Farewell::Left, case.now_ms);
    assert_eq!(Case::matched(&case.wait(1_000)), BTreeMap::from([(4, seat(0))]));
    case.matchmaking.room_closed(RoomId(1));
    assert!(case.matchmaking.matches.is_empty());
}

#[test]
fn a_seat_to_which_its_player_comes_back_in_time_is_not_taken_away() {
    let mut case = Case::new();
    let people: Vec<Seeker> = (1..=3).map(|number| case.connect(number)).collect();
    case.queue(&people[0], "duel");
    case.queue(&people[1], "duel");
    case.wait(300);
    case.matchmaking.entered(RoomId(1), seat(0), player(1));
    case.wait(45_000);
    case.matchmaking.ask(people[2].clone(), Ask::Queue { game: "arena".into(), queue: None }, case.now_ms);
    case.now_ms += 100;
    case.matchmaking.advance(case.now_ms);
    // The late one arrives while the room is told of another one.
    case.matchmaking.entered(RoomId(1), seat(1), player(2));
    let news = case.news();
    assert!(news.contains(&(3, News::Unqueued { why: Unqueued::NoRoom, player: None })), "{news:?}");
    assert_eq!(Case::matched(&news), BTreeMap::new());
}

#[test]
fn a_refused_wish_takes_no_seat_away() {
    let mut case = Case::new();
    let people: Vec<Seeker> = (1..=2).map(|number| case.connect(number)).collect();
    case.queue(&people[0], "duel");
    case.queue(&people[1], "duel");
    case.wait(300);
    case.queue(&people[0], "trio");
    case.matchmaking.here(&people[0], case.now_ms);
    assert!(matches!(case.news()[..], [(1, News::Matched { .. })]), "the seat is still held");
}

#[test]
fn a_match_without_a_room_is_said() {
    let mut case = Case::new();
    case.has_rooms = false;
    let (ada, ben) = (case.connect(1), case.connect(2));
    case.queue(&ada, "duel");
    case.queue(&ben, "duel");
    let news = case.wait(300);
    let no_room = |to| (to, News::Unqueued { why: Unqueued::NoRoom, player: None });
    assert_eq!(news, [no_room(1), no_room(2)]);
}

#[test]
fn the_news_are_one_line_of_json_each() {
    let members = vec![PartyMember { player: player(0), name: "Ada".into() }];
    let id = "0000000000000000";
    for (news, json) in [
        (
            News::Queued { game: "arena", queue: "duel", place: 2, of: 9, estimate_ms: Some(4_000) },
            r#"{"op":"queued","game":"arena","queue":"duel","place":2,"of":9,"estimate_ms":4000}"#.to_owned(),
        ),
        (
            News::Matched { game: "a", queue: "b", code: "C4FK9T".into(), seat: seat(3), bots: 1, hold_ms: 45_000 },
            r#"{"op":"matched","game":"a","queue":"b","code":"C4FK9T","seat":3,"bots":1,"hold_ms":45000}"#.to_owned(),
        ),
        (
            News::Unqueued { why: Unqueued::Lost, player: Some(player(0)) },
            format!(r#"{{"op":"unqueued","why":"lost","player":"{id}"}}"#),
        ),
        (
            News::Party { party: "X".into(), leader: player(0), members },
            format!(r#"{{"op":"party","party":"X","leader":"{id}","members":[{{"player":"{id}","name":"Ada"}}]}}"#),
        ),
        (News::NoParty { why: NoParty::Left }, r#"{"op":"no_party","why":"left"}"#.to_owned()),
    ] {
        assert_eq!(news.to_text(), json);
    }
}
