//! The queues of a game: in each of them people wait for a match with others whom it is fair to play with.

use crate::limits::SEATS_MAX;

/// Milliseconds after which a window has to be open, at most: ten minutes, longer than anybody waits for a better match.
const OPEN_AFTER_MS_MAX: u64 = 600_000;

/// Milliseconds after which bots have to fill up, at most: an hour.
const BOTS_AFTER_MS_MAX: u32 = 3_600_000;

/// The rules of one queue, for one way to play the game.
///
/// # The window
/// A group that waits has a window: the largest difference between its rating and that of another group that it may
/// play with. The window is `window_start` at first, widens by `window_per_second`, and reaches `window_max` after
/// [`QueueRules::open_after_ms`]. From then on the group is open: it plays with anybody who waits, nearest ratings first.
/// The window of the group that has waited longest decides for a match. Two other groups of the match can therefore
/// differ by up to twice the window.
///
/// # Defaults
/// [`QueueRules::free_for_all`] and [`QueueRules::teams`] choose values for ratings like Elo's, where 400 points are
/// odds of 10 to 1:
/// * `window_start` 100: the better side wins 64 of 100 games, which still feels even.
/// * `window_max` 400: beyond odds of 10 to 1 another point does not matter, and waiting no longer pays.
/// * `window_per_second` 10: the window is open after 30 seconds, about as long as people look at a queue before they
///   doubt that it works.
/// * `seats_min`: half of the seats in a free for all, since that is a game already; all seats with teams, since a team
///   that lacks a person loses.
/// * `bots_after_ms`: `None`, since not every game has bots.
/// * `backfill`: true, since a match that lacks people is bad for everyone in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueRules {
    /// The name of the queue: 1 to 32 lower case letters, digits, `-` and `_`.
    pub name: &'static str,
    /// People in a full match, 2 to [`SEATS_MAX`]. They sit in the first seats of the room.
    pub seats: u8,
    /// People with whom a match starts without bots when its oldest group is open and no more people fit: 1 to `seats`.
    /// Such a match has people in two teams at least, unless the queue has a single team.
    pub seats_min: u8,
    /// People in a team; 1 is a free for all. It divides `seats`: the first team has the seats from 0 on, the second one
    /// those after them. A party that fits into a team is in one team, a larger one fills whole teams.
    pub team_size: u8,
    /// The window of a group that has just entered, in points of rating.
    pub window_start: u16,
    /// Points by which the window widens in a second. It may be 0 only where `window_start` is `window_max`.
    pub window_per_second: u16,
    /// The window at which a group becomes open. Where it is `window_start`, groups are open at once: ratings then
    /// choose between people and refuse nobody.
    pub window_max: u16,
    /// Milliseconds that a group waits before a match starts with bots in the seats that are left, however few people
    /// there are; `None` for a game without bots.
    pub bots_after_ms: Option<u32>,
    /// Whether running matches may take people from the queue.
    pub backfill: bool,
    /// The game's options for the rooms of these matches, as JSON; empty for the default ones.
    pub options: &'static str,
}

impl QueueRules {
    /// A queue for a free for all with these seats.
    ///
    /// # Panics
    /// At compile time, for a name with other characters, and for fewer than 2 seats or more than [`SEATS_MAX`].
    #[must_use]
    pub const fn free_for_all(name: &'static str, seats: u8) -> Self {
        assert!(is_name(name.as_bytes()), "a queue is named by 1 to 32 lower case letters, digits, - and _");
        assert!(seats >= 2 && seats <= SEATS_MAX, "a match has 2 to 64 seats");
        Self {
            name,
            seats,
            seats_min: if seats > 4 { seats.div_ceil(2) } else { 2 },
            team_size: 1,
            window_start: 100,
            window_per_second: 10,
            window_max: 400,
            bots_after_ms: None,
            backfill: true,
            options: "",
        }
    }

    /// A queue for this many teams of this size.
    ///
    /// # Panics
    /// At compile time, as [`QueueRules::free_for_all`] does, and for teams of nobody.
    #[must_use]
    pub const fn teams(name: &'static str, teams: u8, team_size: u8) -> Self {
        assert!(
            team_size >= 1 && teams as u16 * team_size as u16 <= SEATS_MAX as u16,
            "teams have 1 to 64 seats in all"
        );
        let mut rules = Self::free_for_all(name, teams * team_size);
        (rules.team_size, rules.seats_min) = (team_size, rules.seats);
        rules
    }

    /// The same queue, in which a match without bots starts with this many people when nobody else fits.
    ///
    /// # Panics
    /// At compile time, for nobody or more people than seats.
    #[must_use]
    pub const fn seats_min(mut self, people: u8) -> Self {
        assert!(people >= 1 && people <= self.seats, "a match starts with 1 person or more, and a seat for each");
        self.seats_min = people;
        self
    }

    /// The same queue with another window, in points of rating: at first, per second of waiting, and when it opens.
    ///
    /// # Panics
    /// At compile time, for a window that does not widen to its maximum within ten minutes.
    #[must_use]
    pub const fn window(mut self, start: u16, per_second: u16, max: u16) -> Self {
        (self.window_start, self.window_per_second, self.window_max) = (start, per_second, max);
        assert!(start <= max && self.open_after_ms() <= OPEN_AFTER_MS_MAX, "a window opens within ten minutes");
        self
    }

    /// The same queue with bots that fill up after so many milliseconds.
    ///
    /// # Panics
    /// At compile time, for more than an hour.
    #[must_use]
    pub const fn bots_after_ms(mut self, after_ms: u32) -> Self {
        assert!(after_ms <= BOTS_AFTER_MS_MAX, "bots come within an hour");
        self.bots_after_ms = Some(after_ms);
        self
    }

    /// The same queue, whose matches take nobody after their start.
    #[must_use]
    pub const fn without_backfill(mut self) -> Self {
        self.backfill = false;
        self
    }

    /// The same queue, whose rooms are made with these options: JSON, as in a request for a room. The server looks at it when it starts.
    #[must_use]
    pub const fn options(mut self, json: &'static str) -> Self {
        self.options = json;
        self
    }

    /// Milliseconds after which a group is open: the window has reached its maximum, and the group plays with anybody
    /// who waits. `u64::MAX` for a window that never gets there.
    #[must_use]
    pub const fn open_after_ms(&self) -> u64 {
        let points = self.window_max.saturating_sub(self.window_start) as u64;
        match (points, self.window_per_second as u64) {
            (0, _) => 0,
            (_, 0) => u64::MAX,
            (points, per_second) => (points * 1_000).div_ceil(per_second),
        }
    }

    /// The window of a group that has waited this long; `None` when it is open.
    #[must_use]
    pub fn window_after(&self, waited_ms: u64) -> Option<u16> {
        if waited_ms >= self.open_after_ms() {
            return None;
        }
        let widened = waited_ms.saturating_mul(u64::from(self.window_per_second)) / 1_000;
        Some(self.window_start.saturating_add(u16::try_from(widened).unwrap_or(u16::MAX)).min(self.window_max))
    }

    /// Whether bots may fill the match of a group that has waited this long.
    #[must_use]
    pub fn has_bots_after(&self, waited_ms: u64) -> bool {
        self.bots_after_ms.is_some_and(|after_ms| waited_ms >= after_ms.into())
    }
}

/// Whether queues have different names, and seats that a room of so many seats has.
pub(super) const fn go_together(queues: &[QueueRules], seats: u8) -> bool {
    let mut place = 0;
    while place < queues.len() {
        if queues[place].seats > seats {
            return false;
        }
        let mut other = 0;
        while other < place {
            if is_equal(queues[other].name.as_bytes(), queues[place].name.as_bytes()) {
                return false;
            }
            other += 1;
        }
        place += 1;
    }
    true
}

const fn is_equal(left: &[u8], right: &[u8]) -> bool {
    let mut place = 0;
    while place < left.len() && place < right.len() {
        if left[place] != right[place] {
            return false;
        }
        place += 1;
    }
    left.len() == right.len()
}

const fn is_name(name: &[u8]) -> bool {
    let mut place = 0;
    while place < name.len() {
        if !matches!(name[place], b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_') {
            return false;
        }
        place += 1;
    }
    !name.is_empty() && name.len() <= 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_widens_and_opens() {
        let rules = QueueRules::free_for_all("quick", 8);
        assert_eq!((rules.seats_min, rules.open_after_ms()), (4, 30_000));
        assert_eq!(
            [0, 5_050, 29_999, 30_000].map(|ms| rules.window_after(ms)),
            [Some(100), Some(150), Some(399), None]
        );
        assert_eq!(rules.window(50, 0, 50).window_after(0), None);
        assert!(!rules.has_bots_after(u64::MAX));
        let filled = rules.bots_after_ms(5_000);
        assert!(!filled.has_bots_after(4_999) && filled.has_bots_after(5_000));
    }

    #[test]
    fn teams_start_complete() {
        let rules = QueueRules::teams("duos", 4, 2);
        assert_eq!((rules.seats, rules.seats_min, rules.team_size), (8, 8, 2));
        assert_eq!(QueueRules::free_for_all("duel", 2).seats_min, 2);
    }

    #[test]
    fn queues_of_a_game_have_names_of_their_own_and_fit_into_its_rooms() {
        const QUICK: QueueRules = QueueRules::free_for_all("quick", 4);
        assert!(go_together(&[QUICK, QueueRules::free_for_all("quic", 2), QueueRules::teams("quick2", 2, 2)], 4));
        assert!(!go_together(&[QUICK, QueueRules::free_for_all("quick", 2)], 4));
        assert!(!go_together(&[QUICK], 3));
    }

    #[test]
    fn a_name_is_for_addresses_and_a_window_opens_some_day() {
        assert!(is_name(b"duos-2_x") && is_name(&[b'a'; 32]));
        for name in [&b""[..], b"Quick", b"a b", &[b'a'; 33]] {
            assert!(!is_name(name));
        }
        let never = QueueRules { window_per_second: 0, ..QueueRules::free_for_all("quick", 2) };
        assert_eq!(never.open_after_ms(), u64::MAX);
    }
}
