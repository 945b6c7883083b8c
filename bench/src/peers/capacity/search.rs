//! Which number of clients is tried next: doubled until one is not held, then halfway between.

use super::report::Verdict;

/// The gap between what is held and what is not may stay this part of what is held.
const GAP_PART: u32 = 10;

/// A search in progress. It ends: each step doubles what is held or halves the gap, and a repeat comes only once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Search {
    first: u32,
    most: u32,
    multiple: u32,
    /// The largest number that is held; 0 before the first.
    held: u32,
    /// The smallest number that is not held, and why.
    broken: Option<(u32, Verdict)>,
    /// Broke once, and is tried again: what else runs on the machine may have been the reason.
    again: Option<u32>,
}

impl Search {
    /// A search from `first` up to `most` in multiples of `multiple`.
    pub(super) const fn new(first: u32, most: u32, multiple: u32) -> Self {
        Self { first, most, multiple, held: 0, broken: None, again: None }
    }

    /// The number to try; `None` when it is found.
    pub(super) fn next(&self) -> Option<u32> {
        if self.again.is_some() {
            return self.again;
        }
        let next = match self.broken {
            None if self.held == 0 => self.first,
            None => (2 * self.held).min(self.most),
            Some((broken, _)) if broken - self.held <= (self.held / GAP_PART).max(2 * self.multiple) => return None,
            Some((broken, _)) => {
                let middle = u32::midpoint(self.held, broken);
                middle - middle % self.multiple
            }
        };
        (next > self.held).then_some(next)
    }

    /// Takes in how a number went.
    pub(super) fn tell(&mut self, clients: u32, verdict: Verdict) {
        let is_second = self.again.take() == Some(clients);
        match verdict {
            Verdict::Holds => self.held = self.held.max(clients),
            Verdict::Breaks if !is_second => self.again = Some(clients),
            Verdict::Breaks | Verdict::Unknown => self.broken = Some((clients, verdict)),
        }
    }

    /// The largest number that is held.
    pub(super) const fn held(&self) -> u32 {
        self.held
    }

    /// Whether the server may hold more than was found.
    pub(super) const fn is_at_least(&self) -> bool {
        !matches!(self.broken, Some((_, Verdict::Breaks)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Searches among servers that hold `limit`, with a generator that can do `generator`.
    fn search(limit: u32, generator: u32) -> (Search, Vec<u32>) {
        let (mut search, mut tried) = (Search::new(200, 16_384, 8), Vec::new());
        while let Some(clients) = search.next() {
            assert!(clients.is_multiple_of(8) && tried.len() < 40, "{tried:?}");
            tried.push(clients);
            let verdict = match clients {
                clients if clients <= limit.min(generator) => Verdict::Holds,
                clients if clients <= generator => Verdict::Breaks,
                _ => Verdict::Unknown,
            };
            search.tell(clients, verdict);
        }
        (search, tried)
    }

    #[test]
    fn what_is_found_is_held_and_a_tenth_more_is_not() {
        for limit in [100, 200, 640, 799, 4_711, 12_000] {
            let (search, tried) = search(limit, u32::MAX);
            let found = search.held();
            assert!(found <= limit && limit - found <= (found / 10).max(200), "{found} for {limit}: {tried:?}");
            assert!(!search.is_at_least());
        }
    }

    #[test]
    fn where_the_generator_ends_the_result_is_at_least() {
        let (search, _) = search(9_000, 5_000);
        assert!(search.is_at_least() && (4_500..=5_000).contains(&search.held()), "{search:?}");
    }

    #[test]
    fn where_nothing_breaks_the_result_is_at_least_the_most() {
        let (search, _) = search(u32::MAX, u32::MAX);
        assert!(search.is_at_least());
        assert_eq!(search.held(), 16_384);
    }

    #[test]
    fn a_number_that_breaks_once_gets_a_second_chance() {
        let mut search = Search::new(200, 16_384, 8);
        search.tell(200, Verdict::Breaks);
        assert_eq!(search.next(), Some(200));
        search.tell(200, Verdict::Holds);
        assert_eq!((search.next(), search.held()), (Some(400), 200));
    }
}
