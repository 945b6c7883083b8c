//! The topics of a client: its subscriptions, and its messages without a receipt.
//!
//! The state outlives connections. On another connection the client subscribes again after the last message that it
//! has, and sends again what has no receipt, under the same number. So no message that the server keeps is lost or
//! doubled, and a gap tells of all others.
//!
//! | module | what it holds |
//! | --- | --- |
//! | `news` | [`TopicNews`]: the news for the caller |
//! | `subscription` | one topic: its number, the last message, marks |
//! | `publications` | texts without a receipt, and when each of them is sent |
//! | `topic_client` | [`TopicClient`](crate::client::TopicClient): a connection without a room |
//!
//! Leaves out what the texts mean, and the state of topics with keys, which belongs to the reader of the news.

mod news;
mod publications;
mod subscription;
pub(crate) mod topic_client;

use crate::limits::{TOPIC_BYTES_MAX, TOPICS_HEARD_MAX};
use crate::message::topics::{ClientTopic, PlayerId, Receipt, ServerTopic, TopicNumber, TopicRefusal};
use crate::wire::DecodeError;
use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use publications::Publications;
use subscription::{Place, Subscription};

pub use news::{TopicNews, TopicStats};

/// Players that a client blocks at the most.
pub const BLOCKED_MAX: usize = 64;

/// News that wait for the caller at the most: as many as servers keep in all topics. Messages that come while there are
/// so many are lost, and the next one of their topic tells the gap.
const NEWS_MAX: usize = 1_024;

/// Refusals of one message or subscription after which the client does not try again.
const REFUSALS_MAX: u32 = 8;

/// The longest wait after which the client tries again by itself, in milliseconds.
const WAIT_MS_MAX: u32 = 15_000;

/// The topics of one client, through any number of connections: see the [client](crate::client).
///
/// As [`Session`](crate::client::Session) it does no I/O and reads no clock. After each call,
/// [`poll_transmit`](Self::poll_transmit) gives the messages to send, and [`poll`](Self::poll) the news.
#[derive(Debug)]
pub struct Topics {
    subscriptions: Vec<Subscription>,
    /// Numbers of topics that the client has left, for the server to be told.
    left: Vec<TopicNumber>,
    publications: Publications,
    blocks: Vec<Block>,
    you: Option<PlayerId>,
    open: bool,
    now_us: u64,
    news: VecDeque<TopicNews>,
    stats: TopicStats,
}

/// A player that is blocked, or was until the server is told.
#[derive(Debug)]
struct Block {
    player: PlayerId,
    blocked: bool,
    told: bool,
}

impl Topics {
    /// The topics of a client that has not subscribed to any. `first_seq` is the number of its first message. A player
    /// with a lasting key never uses a number twice, so its sessions begin at a random or clock-based number; JSON
    /// bounds it to 2⁵³.
    #[must_use]
    pub fn new(first_seq: u64) -> Self {
        Self {
            subscriptions: Vec::new(),
            left: Vec::new(),
            publications: Publications::new(first_seq),
            blocks: Vec::new(),
            you: None,
            open: false,
            now_us: 0,
            news: VecDeque::new(),
            stats: TopicStats::default(),
        }
    }

    /// Subscribes to a topic, and receives all that is kept of it. For a topic that the client hears already this asks
    /// for all keys once more, and does nothing in a topic without keys.
    pub fn subscribe(&mut self, topic: &str) {
        self.subscribe_from(topic, None);
    }

    /// Subscribes to a topic, and receives what came after the message with this id.
    pub fn subscribe_after(&mut self, topic: &str, after: u64) {
        self.subscribe_from(topic, Some(after));
    }

    fn subscribe_from(&mut self, topic: &str, after: Option<u64>) {
        if let Some((_, known)) = self.subscription(topic) {
            let number = known.ask_again();
            self.left.extend(number);
            return;
        }
        let refusal = match () {
            () if topic.len() > TOPIC_BYTES_MAX => TopicRefusal::NoTopic,
            () if self.subscriptions.len() >= TOPICS_HEARD_MAX => TopicRefusal::TooMany,
            () => return self.subscriptions.push(Subscription::new(topic, after)),
        };
        self.tell(topic.into(), ServerTopic::Refused { topic: topic.into(), refusal, wait_ms: 0 });
    }

    /// Leaves a topic: nothing is heard of it from now on.
    pub fn leave(&mut self, topic: &str) {
        let Some((place, known)) = self.subscription(topic) else { return };
        let number = known.number();
        // The server answers a question that is on its way, and the client leaves then.
        if !known.leave() {
            self.remove(place);
        }
        self.left.extend(number);
    }

    /// Says something in a topic, which the client need not hear itself, and gives the number of the message. Its
    /// [`ServerTopic::Receipt`] may take long: the message is sent again on each connection until the answer has come.
    pub fn publish(&mut self, topic: &str, body: &str) -> u64 {
        let (seq, refusal) = self.publications.add(topic, body);
        if let Some(refusal) = refusal {
            let receipt = Receipt::Refused { refusal, wait_ms: 0 };
            self.tell(String::new(), ServerTopic::Receipt { seq, receipt });
        }
        seq
    }

    /// Reports that the player has seen the messages of a topic up to this id.
    pub fn read(&mut self, topic: &str, id: u64) {
        if let Some((_, subscription)) = self.subscription(topic) {
            subscription.read(id);
        }
    }

    /// Blocks a player, or hears it again. Messages of a blocked player are not told, those on their way included.
    /// False when the client blocks [`BLOCKED_MAX`] players already.
    pub fn block(&mut self, player: PlayerId, blocked: bool) -> bool {
        let is_full = self.blocks.len() >= BLOCKED_MAX;
        match self.blocks.iter_mut().find(|known| known.player == player) {
            Some(known) if known.blocked != blocked => (known.blocked, known.told) = (blocked, false),
            None if blocked && is_full => return false,
            None if blocked => self.blocks.push(Block { player, blocked, told: false }),
            _ => {}
        }
        true
    }

    /// This player, from the first connection on.
    #[must_use]
    pub const fn you(&self) -> Option<PlayerId> {
        self.you
    }

    /// Messages without a receipt.
    #[must_use]
    pub fn unanswered(&self) -> usize {
        self.publications.len()
    }

    /// The faults so far.
    #[must_use]
    pub const fn stats(&self) -> TopicStats {
        self.stats
    }

    /// Reports a connection that takes messages about topics.
    pub fn handle_opened(&mut self) {
        self.handle_closed();
        self.open = true;
        self.blocks.retain(|known| known.blocked);
        self.blocks.iter_mut().for_each(|known| known.told = false);
    }

    /// Reports that the connection is lost.
    pub fn handle_closed(&mut self) {
        self.open = false;
        self.left.clear();
        self.subscriptions.retain_mut(Subscription::disconnect);
        self.publications.disconnect();
    }

    /// Moves on to this time, in microseconds: messages and marks may be due.
    pub fn advance(&mut self, now_us: u64) {
        self.now_us = self.now_us.max(now_us);
    }

    /// Takes in a message of the server, kind byte included.
    ///
    /// # Errors
    /// [`DecodeError`] when it is no message about topics; nothing has changed then.
    pub fn handle(&mut self, message: &[u8], now_us: u64) -> Result<(), DecodeError> {
        let mut message = ServerTopic::decode(message)?;
        self.advance(now_us);
        if let Some(topic) = self.take_in(&mut message) {
            self.tell(topic, message);
        }
        Ok(())
    }

    /// Takes in a message, and gives the name of its topic; `None` when the message is not to be told.
    fn take_in(&mut self, message: &mut ServerTopic) -> Option<String> {
        match message {
            ServerTopic::You { player, .. } => {
                self.you = Some(*player);
                Some(String::new())
            }
            ServerTopic::Granted { number, topic, newest, .. } => self.handle_grant(topic, *number, *newest),
            ServerTopic::Refused { topic, refusal, wait_ms } => self.handle_refusal(topic, *refusal, *wait_ms),
            ServerTopic::Message { number, id, key, from, .. } => {
                self.handle_message(*number, *id, !key.is_empty(), from.as_ref().map(|author| author.player))
            }
            ServerTopic::Gap { number, from, to } => {
                let (_, subscription) = self.numbered(*number)?;
                *from = subscription.skip(*from, *to)?;
                Some(subscription.name.clone())
            }
            ServerTopic::Marked { number, .. } => self.numbered(*number).map(|(_, known)| known.name.clone()),
            ServerTopic::Receipt { seq, receipt } => {
                self.publications.handle_receipt(*seq, *receipt, self.now_us).then(String::new)
            }
            ServerTopic::Ended { number } => {
                let (place, _) = self.numbered(*number)?;
                Some(self.remove(place))
            }
        }
    }

    /// Takes in the number of a topic; `None` when the client does not want to hear the topic any more.
    fn handle_grant(&mut self, topic: &str, number: TopicNumber, newest: u64) -> Option<String> {
        // A server that gives a number again has ended what had it before.
        if let Some((place, known)) = self.numbered(number)
            && known.name != topic
        {
            let ended = self.remove(place);
            self.tell(ended, ServerTopic::Ended { number });
        }
        let (place, known) = self.subscription(topic)?;
        if known.grant(number, newest) {
            return Some(topic.into());
        }
        self.remove(place);
        self.left.push(number);
        None
    }

    /// Takes in a refusal; `None` when the client tries again, or has left the topic.
    fn handle_refusal(&mut self, topic: &str, refusal: TopicRefusal, wait_ms: u32) -> Option<String> {
        let now_us = self.now_us;
        let (place, known) = self.subscription(topic)?;
        let is_wanted = known.is_wanted();
        if is_wanted && known.retry(refusal, wait_ms, now_us) {
            return None;
        }
        let name = self.remove(place);
        is_wanted.then_some(name)
    }

    /// Takes in the place of a message in its topic; `None` when the message is not to be told.
    fn handle_message(
        &mut self,
        number: TopicNumber,
        id: u64,
        has_key: bool,
        from: Option<PlayerId>,
    ) -> Option<String> {
        let is_full = self.news.len() >= NEWS_MAX - 1;
        let is_own = from.is_some() && from == self.you;
        let is_silenced = self.blocks.iter().any(|known| known.blocked && Some(known.player) == from);
        let (_, subscription) = self.numbered(number)?;
        if is_full {
            // The topic stays where it was, so that the next message tells the gap.
            self.stats.unpolled += 1;
            return None;
        }
        let place = subscription.place(id, has_key);
        if place == Place::Repeated {
            self.stats.repeated += 1;
            return None;
        }
        if !is_own && !is_silenced {
            subscription.receive(id);
        }
        let topic = subscription.name.clone();
        // While somebody is blocked, a server may leave out messages without a word.
        if let Place::AfterGap { from, to } = place
            && self.blocks.is_empty()
        {
            self.stats.untold_gaps += 1;
            self.tell(topic.clone(), ServerTopic::Gap { number, from, to });
        }
        (!is_silenced).then_some(topic)
    }

    /// The next message to send. Nothing is sent without a connection.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.open.then(|| self.next_message()).flatten().map(|message| message.encode())
    }

    fn next_message(&mut self) -> Option<ClientTopic> {
        // Blocked players come first: a subscription brings messages of others alone then.
        if let Some(place) = self.blocks.iter().position(|known| !known.told) {
            self.blocks[place].told = true;
            let Block { player, blocked, .. } = self.blocks[place];
            if !blocked {
                self.blocks.swap_remove(place);
            }
            return Some(ClientTopic::Block { player, blocked });
        }
        // A topic is left before it is subscribed to again.
        if let Some(number) = self.left.pop() {
            return Some(ClientTopic::Leave { number });
        }
        let now_us = self.now_us;
        let asked = self.subscriptions.iter_mut().find_map(|subscription| subscription.poll_transmit(now_us));
        asked.or_else(|| self.publications.poll_transmit(now_us))
    }

    /// The next news, in the order in which they came.
    pub fn poll(&mut self) -> Option<TopicNews> {
        self.news.pop_front()
    }

    /// Whether [`poll`](Self::poll) has news.
    #[must_use]
    pub fn has_news(&self) -> bool {
        !self.news.is_empty()
    }

    // These are called from many places, and not inlined: copies of them would make each page larger.
    #[inline(never)]
    fn subscription(&mut self, topic: &str) -> Option<(usize, &mut Subscription)> {
        self.subscriptions.iter_mut().enumerate().find(|(_, known)| known.name == topic)
    }

    #[inline(never)]
    fn numbered(&mut self, number: TopicNumber) -> Option<(usize, &mut Subscription)> {
        self.subscriptions.iter_mut().enumerate().find(|(_, known)| known.number() == Some(number))
    }

    /// Ends a subscription, and gives the name of its topic.
    #[inline(never)]
    fn remove(&mut self, place: usize) -> String {
        self.subscriptions.swap_remove(place).name
    }

    #[inline(never)]
    fn tell(&mut self, topic: String, message: ServerTopic) {
        if self.news.len() < NEWS_MAX {
            self.news.push_back(TopicNews { topic, message });
        } else {
            self.stats.unpolled += 1;
        }
    }
}

/// The microseconds after which something that was refused is tried again, after so many refusals of it; `None` when
/// the refusal is final.
fn retry_us(refusal: TopicRefusal, wait_ms: u32, refusals: u32) -> Option<u64> {
    let may_help = matches!(refusal, TopicRefusal::Rate | TopicRefusal::Busy) && refusals < REFUSALS_MAX;
    (may_help && (1..=WAIT_MS_MAX).contains(&wait_ms)).then(|| u64::from(wait_ms) * 1_000)
}

#[cfg(test)]
mod tests;
