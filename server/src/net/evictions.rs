//! Queues of connections that are not in a room: when a queue is full, the connection that has been in it for longest
//! makes room.
//!
//! A limit that refuses the newest connection lets idle ones keep everybody out. Here an honest connection needs its
//! place for a round trip or two, and an idle one is the first to go.

use super::Net;
use crate::config::Config;
use crate::limits::{
    DESCRIPTORS_PER_QUEUED, LEAVING_CONNECTIONS_MAX, PENDING_CONNECTIONS_MAX, PENDING_MIN, PENDING_PAUSE,
};
use crate::metrics::Crowded;
use crate::websocket::address::AddressKey;
use std::collections::{BTreeMap, BTreeSet};
use std::iter;
use std::rc::Rc;
use tokio::sync::Notify;

/// The phase of a connection that is not in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Its first request is not complete yet, or it is upgraded and its hello has not come yet.
    Pending,
    /// It has made a request.
    Page,
    /// It was sent its last bytes.
    Leaving,
}

/// The connections in one phase.
#[derive(Debug)]
struct EvictionQueue {
    all_max: usize,
    per_address_max: usize,
    /// No connection makes room for those of other addresses before it has had so long.
    min_us: u64,
    next: u64,
    /// The connections in the order in which they came.
    queued: BTreeMap<u64, Entry>,
    of_address: BTreeMap<AddressKey, BTreeSet<u64>>,
}

#[derive(Debug)]
struct Entry {
    since_us: u64,
    address: Option<AddressKey>,
    evicted: Rc<Notify>,
}

impl EvictionQueue {
    const fn new(all_max: usize, per_address_max: usize) -> Self {
        Self { all_max, per_address_max, min_us: 0, next: 0, queued: BTreeMap::new(), of_address: BTreeMap::new() }
    }

    /// Takes in a connection and gives its number. When there are too many, of its address or in all, the oldest one of
    /// them is notified and counts no more; of more than twice too many the oldest goes however new it is. An exempt
    /// address is `None` and counts in the sum only.
    fn push(&mut self, since_us: u64, address: Option<AddressKey>, evicted: &Rc<Notify>) -> (u64, Option<Crowding>) {
        let of_address = address.and_then(|key| self.of_address.get(&key));
        let crowded = match of_address {
            Some(numbers) if numbers.len() >= self.per_address_max => {
                numbers.first().map(|number| (*number, Crowding::Address))
            }
            _ if self.queued.len() < 2 * self.all_max && self.is_full_of_new(since_us) => None,
            _ if self.queued.len() >= self.all_max => self.oldest().map(|number| (number, Crowding::All)),
            _ => None,
        };
        crowded.inspect(|(number, _)| self.evict(*number));
        let number = self.next;
        self.next += 1;
        self.queued.insert(number, Entry { since_us, address, evicted: Rc::clone(evicted) });
        if let Some(key) = address {
            self.of_address.entry(key).or_default().insert(number);
        }
        (number, crowded.map(|(_, crowding)| crowding))
    }

    fn oldest(&self) -> Option<u64> {
        self.queued.first_key_value().map(|(number, _)| *number)
    }

    /// Has the oldest connection make room if there are more than may be: because all of them were new, or because the
    /// limit has become smaller. Says whether it had to.
    fn shed(&mut self, now_us: u64) -> bool {
        let has_to = self.queued.len() > self.all_max && !self.is_full_of_new(now_us);
        if has_to {
            self.oldest().into_iter().for_each(|number| self.evict(number));
        }
        has_to
    }

    /// Whether it is full of connections that came a moment ago, so that none of them can be blamed for it. Then no more
    /// are accepted, and those that are go on: one that is upgraded has two places for a moment.
    fn is_full_of_new(&self, now_us: u64) -> bool {
        let oldest = self.queued.first_key_value().filter(|_| self.queued.len() >= self.all_max);
        oldest.is_some_and(|(_, entry)| now_us.saturating_sub(entry.since_us) < self.min_us)
    }

    fn evict(&mut self, number: u64) {
        if let Some(entry) = self.remove(number) {
            entry.evicted.notify_one();
        }
    }

    /// Takes out a connection, unless it was evicted already.
    fn remove(&mut self, number: u64) -> Option<Entry> {
        let entry = self.queued.remove(&number)?;
        if let Some(key) = entry.address
            && let Some(numbers) = self.of_address.get_mut(&key)
        {
            numbers.remove(&number);
            if numbers.is_empty() {
                self.of_address.remove(&key);
            }
        }
        Some(entry)
    }
}

/// The limit that was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Crowding {
    Address,
    All,
}

/// The queues of all phases.
#[derive(Debug)]
pub(super) struct Evictions {
    pending: EvictionQueue,
    pages: EvictionQueue,
    leaving: EvictionQueue,
}

impl Evictions {
    /// Queues for a process that may have this many file descriptors (`None` for any number): each queue has a share of
    /// them, and most are left to players.
    pub(super) fn new(config: &Config, descriptors: Option<u64>) -> Self {
        let queue = || EvictionQueue::new(LEAVING_CONNECTIONS_MAX, LEAVING_CONNECTIONS_MAX);
        let mut queues = Self { pending: queue(), pages: queue(), leaving: queue() };
        queues.set_limits(config, descriptors);
        queues
    }

    /// Sets the sizes of the queues. When one becomes shorter, a connection that comes makes the oldest go.
    pub(super) fn set_limits(&mut self, config: &Config, descriptors: Option<u64>) {
        let share = descriptors.map_or(usize::MAX, |descriptors| {
            usize::try_from(descriptors / DESCRIPTORS_PER_QUEUED).unwrap_or(usize::MAX).max(1)
        });
        for (queue, all_max, per_address_max) in [
            (&mut self.pending, config.pending_connections_max, config.pending_connections_per_address),
            (&mut self.pages, config.page_connections_max, config.page_connections_per_address),
            (&mut self.leaving, LEAVING_CONNECTIONS_MAX, LEAVING_CONNECTIONS_MAX),
        ] {
            (queue.all_max, queue.per_address_max) = (all_max.min(share), per_address_max);
        }
        // A short queue turns over as fast as a long one: as many connections a second find their place.
        let min_us = PENDING_MIN.as_micros() as u64 * self.pending.all_max as u64 / PENDING_CONNECTIONS_MAX as u64;
        self.pending.min_us = min_us.min(PENDING_MIN.as_micros() as u64);
    }

    const fn of(&mut self, phase: Phase) -> &mut EvictionQueue {
        match phase {
            Phase::Pending => &mut self.pending,
            Phase::Page => &mut self.pages,
            Phase::Leaving => &mut self.leaving,
        }
    }
}

/// The place of a connection in its queue, which it leaves when this is dropped.
pub(super) struct QueuePlace {
    net: Rc<Net>,
    phase: Phase,
    number: u64,
}

impl Drop for QueuePlace {
    fn drop(&mut self) {
        self.net.evictions.borrow_mut().of(self.phase).remove(self.number);
    }
}

impl Net {
    /// Gives a connection a place in the queue of its phase; `evicted` is notified when the connection has to make room
    /// for another.
    pub(super) fn queue(
        self: &Rc<Self>,
        phase: Phase,
        address: Option<AddressKey>,
        evicted: &Rc<Notify>,
    ) -> QueuePlace {
        let now_us = self.setup.clock.now_us();
        let mut evictions = self.evictions.borrow_mut();
        let queue = evictions.of(phase);
        let (number, crowding) = queue.push(now_us, address, evicted);
        let shed = iter::from_fn(|| queue.shed(now_us).then_some(Crowding::All));
        for crowding in crowding.into_iter().chain(shed) {
            let reason = match (phase, crowding) {
                (Phase::Leaving, _) => continue,
                (Phase::Pending, Crowding::Address) => Crowded::PendingOfAddress,
                (Phase::Pending, Crowding::All) => Crowded::Pending,
                (Phase::Page, Crowding::Address) => Crowded::PagesOfAddress,
                (Phase::Page, Crowding::All) => Crowded::Pages,
            };
            self.setup.metrics.refused(reason);
        }
        QueuePlace { net: Rc::clone(self), phase, number }
    }

    /// Waits until another connection may be accepted: until one would find a place, or the oldest one has had its time.
    pub(super) async fn wait_for_place(&self) {
        while self.evictions.borrow().pending.is_full_of_new(self.setup.clock.now_us()) {
            tokio::time::sleep(PENDING_PAUSE).await;
        }
    }

    /// Closes the connection that can be missed most, because the process has no file descriptor left.
    pub(super) fn free_descriptor(&self) {
        let mut evictions = self.evictions.borrow_mut();
        for phase in [Phase::Leaving, Phase::Page, Phase::Pending] {
            let queue = evictions.of(phase);
            if let Some(oldest) = queue.oldest() {
                self.setup.metrics.refused(Crowded::Descriptors);
                return queue.evict(oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::PAGE_CONNECTIONS_MAX;
    use std::net::{IpAddr, Ipv4Addr};

    fn address(last: u8) -> Option<AddressKey> {
        Some(AddressKey::of(IpAddr::V4(Ipv4Addr::new(203, 0, 113, last))))
    }

    /// Whether a connection was told to make room.
    fn is_evicted(notice: &Notify) -> bool {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        std::pin::pin!(notice.notified()).poll(&mut context).is_ready()
    }

    #[test]
    fn the_oldest_connection_of_a_full_address_makes_room_and_no_other() {
        let mut queue = EvictionQueue::new(10, 2);
        let notices: Vec<Rc<Notify>> = (0..5).map(|_| Rc::default()).collect();
        assert_eq!(queue.push(0, address(1), &notices[0]), (0, None));
        assert_eq!(queue.push(0, address(2), &notices[1]), (1, None));
        assert_eq!(queue.push(0, address(2), &notices[2]), (2, None));
        assert_eq!(queue.push(0, address(2), &notices[3]), (3, Some(Crowding::Address)));
        assert!(queue.remove(2).is_some());
        assert_eq!(queue.push(0, address(2), &notices[4]), (4, None), "a connection that leaves makes room as well");
        let evicted: Vec<bool> = notices.iter().map(|notice| is_evicted(notice)).collect();
        assert_eq!(evicted, [false, true, false, false, false]);
        assert!(queue.remove(1).is_none(), "it counts no more");
    }

    #[test]
    fn the_oldest_of_all_makes_room_and_exempt_addresses_count_in_the_sum() {
        let mut queue = EvictionQueue::new(3, 2);
        let notices: Vec<Rc<Notify>> = (0..5).map(|_| Rc::default()).collect();
        for (notice, from) in notices.iter().zip([None, None, None, address(1), None]) {
            queue.push(0, from, notice);
        }
        let evicted: Vec<bool> = notices.iter().map(|notice| is_evicted(notice)).collect();
        assert_eq!(evicted, [true, true, false, false, false]);
        assert_eq!(queue.queued.len(), 3);
        (2..5).for_each(|number| drop(queue.remove(number)));
        assert!(queue.queued.is_empty() && queue.of_address.is_empty());
    }

    /// A queue for two connections, in which each has a quarter of a second.
    fn patient_queue() -> EvictionQueue {
        EvictionQueue { min_us: 250_000, ..EvictionQueue::new(2, 2) }
    }

    #[test]
    fn a_queue_that_was_filled_a_moment_ago_lets_the_next_connection_wait() {
        let mut queue = patient_queue();
        assert!(!queue.is_full_of_new(5), "an empty one does not");
        queue.push(1_000, None, &Rc::default());
        assert!(!queue.is_full_of_new(1_000), "it has a place");
        let (second, _) = queue.push(2_000, None, &Rc::default());
        assert!(queue.is_full_of_new(2_000) && queue.is_full_of_new(250_999));
        assert!(!queue.is_full_of_new(251_000), "the oldest one has had its time");
        queue.remove(second);
        assert!(!queue.is_full_of_new(2_000), "it has a place again");
    }

    #[test]
    fn nobody_makes_room_in_its_first_moments_unless_there_are_twice_too_many() {
        let mut queue = patient_queue();
        let notices: Vec<Rc<Notify>> = (0..6).map(|_| Rc::default()).collect();
        let mut push = |at_us, place: usize| queue.push(at_us, None, &notices[place]).1;
        assert_eq!([push(0, 0), push(1_000, 1), push(2_000, 2), push(3_000, 3)], [None; 4]);
        assert_eq!(push(4_000, 4), Some(Crowding::All), "a fifth one is more than twice two");
        assert_eq!(push(251_000, 5), Some(Crowding::All), "the second one has had its time");
        let evicted: Vec<bool> = notices.iter().map(|notice| is_evicted(notice)).collect();
        assert_eq!(evicted, [true, true, false, false, false, false]);
        assert!(!queue.shed(251_000), "four are left, and they are new");
        queue.push(900_000, None, &Rc::default());
        assert_eq!(iter::from_fn(|| queue.shed(900_000).then_some(())).count(), 2, "once they have had their time");
        assert_eq!(queue.queued.len(), 2);
    }

    #[test]
    fn a_process_with_few_descriptors_leaves_most_of_them_to_players() {
        let sizes = |descriptors| {
            let Evictions { pending, pages, leaving } = Evictions::new(&Config::default(), descriptors);
            [pending, pages, leaving].map(|queue| queue.all_max)
        };
        assert_eq!(sizes(None), [PENDING_CONNECTIONS_MAX, PAGE_CONNECTIONS_MAX, LEAVING_CONNECTIONS_MAX]);
        assert_eq!(sizes(Some(65_536)), sizes(None));
        assert_eq!(sizes(Some(1_024)), [256 / 2; 3]);
        assert_eq!(sizes(Some(3)), [1; 3]);
        let patience = |descriptors| Evictions::new(&Config::default(), Some(descriptors)).pending.min_us;
        assert_eq!([patience(65_536), patience(1_024)], [250_000, 7_812]);
    }
}
