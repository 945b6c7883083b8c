//! The number of clients that is tried next: doubled until one number is not held, then halfway between.

use super::report::Verdict;

/// The gap between the largest number that is held and the smallest that is not may stay this part of the former.
const GAP_PART: u32 = 10;

/// A search in progress. It ends: each step doubles the number that is held or halves the gap, and a step is repeated
/// only once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Search {
    first: u32,
    most: u32,
    multiple: u32,
    /// The largest number that is held; 0 before the first.
    held: u32,
    /// The smallest number that is not held, and the verdict on it.
    broken: Option<(u32, Verdict)>,
    /// A number that broke once is tried again, because another load on the machine may have been the reason.
    again: Option<u32>,
}

impl Search {
    /// A search from `first` up to `most` in multiples of `multiple`.
    pub(super) const fn new(first: u32, most: u32, multiple: u32) -> Self {
        Self { first, most, multiple, held: 0, broken: None, again: None }
    }

    /// The number to try next; `None` when the search is over.
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

    /// Records the verdict on a number.
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

    /// Whether the server may hold more than the search has found.
    pub(super) const fn is_at_least(&self) -> bool {
        !matches!(self.broken, Some((_, Verdict::Breaks)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Searches with a server that holds `limit` and a generator that can serve `generator`.
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
    fn the_number_found_is_held_and_a_tenth_more_is_not() {
        for limit in [100, 200, 640, 799, 4_711, 12_000] {
            let (search, tried) = search(limit, u32::MAX);
            let found = search.held();
            assert!(found <= limit && limit - found <= (found / 10).max(200), "{found} for {limit}: {tried:?}");
            assert!(!search.is_at_least());
        }
    }

    #[test]
    fn a_generator_at_its_limit_makes_the_result_at_least() {
        let (search, _) = search(9_000, 5_000);
        assert!(search.is_at_least() && (4_500..=5_000).contains(&search.held()), "{search:?}");
    }

    #[test]
    fn a_search_without_a_broken_step_gives_at_least_the_maximum() {
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
