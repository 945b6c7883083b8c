//! Reconnect storms: clients of a small server whose connections break at any moment, in either direction.

use super::*;
use crate::message::topics::Author;
use crate::rng::Rng;
use alloc::collections::BTreeMap;
use alloc::string::ToString;

const SEEDS: u64 = 300;
const STEPS: u64 = 400;
/// Messages that the server keeps of its one topic: so few that some are lost.
const KEPT: usize = 12;

/// A server of one topic.
struct Server {
    /// Whether it refuses some messages for their rate. Those that were sent right behind such a message overtake it.
    refuses: bool,
    /// Every message that was ever taken: its author, the number of the client, and the text.
    taken: Vec<(PlayerId, u64, String)>,
    receipts: BTreeMap<(PlayerId, u64), Receipt>,
}

/// A client and its connection.
struct Peer {
    player: PlayerId,
    topics: Topics,
    open: bool,
    hears: bool,
    to_server: VecDeque<Vec<u8>>,
    to_client: VecDeque<Vec<u8>>,
    said: BTreeMap<u64, String>,
    receipts: BTreeMap<u64, Receipt>,
    heard: Vec<(u64, String)>,
    gaps: Vec<(u64, u64)>,
}

impl Peer {
    fn new(number: u8) -> Self {
        let mut topics = Topics::new(u64::from(number) * 1_000);
        topics.subscribe(CHAT);
        let (open, hears) = (false, false);
        let (to_server, to_client, said, receipts, heard, gaps) = Default::default();
        Self { player: PlayerId([number; 10]), topics, open, hears, to_server, to_client, said, receipts, heard, gaps }
    }

    /// The connection breaks, and everything that is on its way is lost.
    fn break_off(&mut self) {
        (self.open, self.hears) = (false, false);
        self.to_server.clear();
        self.to_client.clear();
        self.topics.handle_closed();
    }

    fn send(&mut self, message: &ServerTopic) {
        self.to_client.push_back(message.encode());
    }

    fn publish(&mut self) {
        if self.topics.unanswered() < UNANSWERED_MAX {
            let text = format!("{}: {}", self.player, self.said.len());
            let seq = self.topics.publish(CHAT, &text);
            self.said.insert(seq, text);
        }
    }

    /// Moves up to so many messages each way.
    fn exchange(&mut self, count: u32, server: &mut Server, dice: &mut Rng, now_us: u64) {
        self.topics.advance(now_us);
        self.to_server.extend(core::iter::from_fn(|| self.topics.poll_transmit()));
        for _ in 0..count {
            if let Some(message) = self.to_server.pop_front() {
                server.handle(self, ClientTopic::decode(&message).unwrap(), dice);
            }
            if let Some(message) = self.to_client.pop_front() {
                self.topics.handle(&message, now_us).unwrap();
            }
        }
        while let Some(news) = self.topics.poll() {
            match news.message {
                ServerTopic::Message { id, body, .. } => self.heard.push((id, body)),
                ServerTopic::Gap { from, to, .. } => self.gaps.push((from, to)),
                ServerTopic::Receipt { seq, receipt } => {
                    assert_eq!(self.receipts.insert(seq, receipt), None, "one receipt for each message");
                }
                _ => {}
            }
        }
    }

    /// Every message of the topic was heard once and in order, or is in a gap that was told.
    fn check(&self, server: &Server) {
        assert!(self.heard.is_sorted_by(|one, other| one.0 < other.0), "ids are in order, and once");
        for (id, text) in &self.heard {
            assert_eq!(server.taken[*id as usize - 1].2, *text);
        }
        let first = self.heard.first().map_or(u64::MAX, |(id, _)| *id);
        for id in first..=server.taken.len() as u64 {
            let heard = self.heard.binary_search_by_key(&id, |(id, _)| *id).is_ok();
            let missing = self.gaps.iter().any(|(from, to)| (*from..=*to).contains(&id));
            assert!(heard != missing, "message {id} is heard or missing, heard: {heard}");
        }
        for (seq, text) in &self.said {
            let Some(Receipt::Taken { id, .. }) = self.receipts.get(seq) else { panic!("no receipt for {text}") };
            let copies = server.taken.iter().filter(|(player, _, taken)| *player == self.player && taken == text);
            assert_eq!(copies.count(), 1, "{text} was taken once");
            assert_eq!(server.taken[*id as usize - 1].2, *text, "the receipt is true");
        }
        let own = server.taken.iter().filter(|(player, ..)| *player == self.player);
        assert!(server.refuses || own.map(|(_, seq, _)| seq).is_sorted(), "nothing overtakes anything");
    }
}

impl Server {
    fn message(&self, id: u64) -> ServerTopic {
        let (player, _, body) = &self.taken[id as usize - 1];
        let from = Some(Author { player: *player, name: player.to_string() });
        ServerTopic::Message { number: 3, id, key: String::new(), from, at_ms: 0, body: body.clone() }
    }

    fn handle(&mut self, peer: &mut Peer, message: ClientTopic, dice: &mut Rng) {
        match message {
            ClientTopic::Subscribe { topic, after } => {
                peer.send(&granted(&topic, 3, self.taken.len() as u64));
                peer.hears = true;
                let first_kept = self.taken.len().saturating_sub(KEPT) as u64 + 1;
                let next = after.map_or(first_kept, |after| after + 1);
                if next < first_kept {
                    peer.send(&ServerTopic::Gap { number: 3, from: next, to: first_kept - 1 });
                }
                let kept = next.max(first_kept)..=self.taken.len() as u64;
                kept.for_each(|id| peer.send(&self.message(id)));
            }
            ClientTopic::Publish { seq, body, .. } => {
                let known = self.receipts.get(&(peer.player, seq)).copied();
                let receipt = known.unwrap_or_else(|| self.take(peer.player, seq, body, dice));
                peer.send(&ServerTopic::Receipt { seq, receipt });
            }
            _ => {}
        }
    }

    fn take(&mut self, player: PlayerId, seq: u64, body: String, dice: &mut Rng) -> Receipt {
        if self.refuses && dice.one_in(5) {
            return Receipt::Refused { refusal: TopicRefusal::Rate, wait_ms: 50 };
        }
        self.taken.push((player, seq, body));
        let receipt = Receipt::Taken { id: self.taken.len() as u64, kept: true };
        self.receipts.insert((player, seq), receipt);
        receipt
    }
}

fn storm(seed: u64) {
    let mut dice = Rng::new(seed);
    let mut server = Server { refuses: seed.is_multiple_of(2), taken: Vec::new(), receipts: BTreeMap::new() };
    let mut peers = [Peer::new(1), Peer::new(2), Peer::new(3)];
    for step in 0..STEPS + 200 {
        let is_calm = step >= STEPS;
        let told = server.taken.len();
        for peer in &mut peers {
            if peer.open && !is_calm && dice.one_in(15) {
                peer.break_off();
            } else if !peer.open && (is_calm || dice.one_in(5)) {
                peer.topics.handle_opened();
                peer.open = true;
            }
            if !is_calm && dice.one_in(4) {
                peer.publish();
            }
            let count = if is_calm { 100 } else { dice.below(6) };
            peer.exchange(count, &mut server, &mut dice, step * 20_000);
        }
        deliver(&server, told, &mut peers, &mut dice, is_calm);
    }
    peers.iter().for_each(|peer| peer.check(&server));
    assert!(server.taken.len() > KEPT && peers.iter().all(|peer| !peer.gaps.is_empty()), "the storm was one");
}

/// The server tells those who hear the topic what came since. It loses some of it, and says so.
fn deliver(server: &Server, told: usize, peers: &mut [Peer], dice: &mut Rng, is_calm: bool) {
    for id in told as u64 + 1..=server.taken.len() as u64 {
        let is_lost = !is_calm && dice.one_in(10);
        for peer in peers.iter_mut().filter(|peer| peer.hears) {
            match is_lost {
                true => peer.send(&ServerTopic::Gap { number: 3, from: id, to: id }),
                false => peer.send(&server.message(id)),
            }
        }
    }
}

#[test]
fn a_storm_of_reconnects_loses_and_doubles_nothing() {
    (0..SEEDS).for_each(storm);
}
