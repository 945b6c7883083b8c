//! The choice of groups that fill a match, and their teams. A party that fits into a team is in one team; a larger one
//! fills whole teams and has its rest in one more.
//!
//! Candidates come in the order of choice. They are taken greedily at first. Where that leaves a gap although there are
//! people enough (a party of 4 and two of 3 do not fill two teams of 5), each team is filled by itself with the first
//! candidates that leave no gap in it. Where that fails too, a search over the free seats of all teams finds the first
//! candidates that fill the match. A combination that exists is found in a free for all and for two teams of up to 6.
//! With more or larger teams the search may reach the bound of its work and overlook one.

use super::FILL_WORK_MAX;
use std::collections::BTreeSet;
use tickwire::QueueRules;

/// The work of looking at one state of the search, in candidates that are looked at: measured.
const WORK_PER_STATE: usize = 8;

/// Swaps between teams that even out their ratings, at most.
const SWAPS_MAX: usize = 64;

/// The free seats of teams: at place `n` is the number of teams with `n` free seats.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Free(Vec<u8>);

impl Free {
    fn of(rules: &QueueRules) -> Self {
        let size = usize::from(rules.team_size);
        let mut teams = vec![0; size + 1];
        teams[size] = rules.seats / rules.team_size;
        Self(teams)
    }

    /// The seats after a party of this size has filled the whole teams that it needs, and the rest of the party.
    fn without_whole_teams(&self, party: u8) -> Option<(Self, usize)> {
        let size = self.0.len() - 1;
        let (whole, rest) = (usize::from(party) / size, usize::from(party) % size);
        let left = usize::from(self.0[size]).checked_sub(whole)?;
        let mut free = self.clone();
        free.0[size] = u8::try_from(left).ok()?;
        Some((free, rest))
    }

    /// Seats the rest of a party in a team with this many free seats.
    fn seat(mut self, rest: usize, free: usize) -> Self {
        if rest > 0 {
            self.0[free] -= 1;
            self.0[free - rest] += 1;
        }
        self
    }

    /// The numbers of free seats of teams into which the rest of a party fits, the tightest first. A party without a
    /// rest needs no such team: its answer is one number, which is not used.
    fn fits(&self, rest: usize) -> impl Iterator<Item = usize> + '_ {
        let last = if rest == 0 { 0 } else { self.0.len() - 1 };
        (rest..=last).filter(move |free| rest == 0 || self.0[*free] > 0)
    }
}

/// A candidate that was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    /// Its place among the candidates.
    pub(super) candidate: usize,
    /// The free seats of the team that its rest goes to, before it does.
    free: usize,
}

/// Chosen candidates.
#[derive(Debug, Default)]
pub(super) struct Choice {
    /// In the order in which they were chosen.
    pub(super) steps: Vec<Step>,
    /// People in the match, the first group included.
    pub(super) people: u8,
    /// Work that the choice took, in candidates that were looked at.
    pub(super) work: usize,
}

/// Chooses among candidates of these sizes for a match with a first group.
pub(super) fn choose(rules: &QueueRules, first: u8, sizes: &[u8]) -> Choice {
    let greedy = choose_greedily(rules, first, sizes);
    let people = sizes.iter().map(|size| u32::from(*size)).sum::<u32>() + u32::from(first);
    if greedy.people == rules.seats || people < u32::from(rules.seats) {
        return greedy;
    }
    let by_team = fill_teams(rules, first, sizes);
    // Nobody fits into the gap beside the first group, so that no match is full. In a game with teams the rest of a party
    // that is larger than a team could still fill it.
    let is_hopeless =
        by_team.steps.is_empty() && (rules.team_size == 1 || sizes.iter().all(|size| *size <= rules.team_size));
    let mut work = greedy.work + by_team.work;
    let mut best = if by_team.people > greedy.people { by_team } else { greedy };
    if best.people < rules.seats && !is_hopeless {
        let searched = search(rules, first, sizes);
        work += WORK_PER_STATE * searched.work;
        best = if searched.people > best.people { searched } else { best };
    }
    Choice { work, ..best }
}

/// The seats after the first group.
fn begin(rules: &QueueRules, first: u8) -> Option<Free> {
    let (free, rest) = Free::of(rules).without_whole_teams(first)?;
    let tightest = free.fits(rest).next()?;
    Some(free.seat(rest, tightest))
}

fn choose_greedily(rules: &QueueRules, first: u8, sizes: &[u8]) -> Choice {
    let mut choice = Choice { people: first, ..Choice::default() };
    let Some(mut free) = begin(rules, first) else { return choice };
    for (candidate, size) in sizes.iter().enumerate() {
        if choice.people == rules.seats {
            break;
        }
        choice.work += 1;
        let Some((left, rest)) = free.without_whole_teams(*size) else { continue };
        let Some(tightest) = left.fits(rest).next() else { continue };
        free = left.seat(rest, tightest);
        choice.people += size;
        choice.steps.push(Step { candidate, free: tightest });
    }
    choice
}

/// Fills one team after the other, without a gap in any, until one cannot be filled. Parties that are larger than a team
/// have no part in it. In a free for all, where parties need no team, the whole match is one gap.
fn fill_teams(rules: &QueueRules, first: u8, sizes: &[u8]) -> Choice {
    let mut choice = Choice { people: first, ..Choice::default() };
    let mut used = vec![false; sizes.len()];
    let unit = if rules.team_size == 1 { rules.seats } else { rules.team_size };
    while choice.people < rules.seats && choice.work < FILL_WORK_MAX {
        // The first group leaves a team with a gap, or none. All later teams begin empty.
        let gap = unit - choice.people % unit;
        let Some(chosen) = fill_gap(gap, sizes, &used, &mut choice.work) else { break };
        for candidate in chosen {
            let free = unit - choice.people % unit;
            choice.people += sizes[candidate];
            choice.steps.push(Step { candidate, free: usize::from(free) });
            used[candidate] = true;
        }
    }
    choice
}

/// The first candidates whose sizes add up to the gap: a sum that an earlier candidate has reached is not reached anew.
fn fill_gap(gap: u8, sizes: &[u8], used: &[bool], work: &mut usize) -> Option<Vec<usize>> {
    let gap = usize::from(gap);
    // The candidate that completes each sum for the first time.
    let mut last: Vec<Option<usize>> = vec![None; gap + 1];
    for (candidate, size) in sizes.iter().map(|size| usize::from(*size)).enumerate().filter(|(at, _)| !used[*at]) {
        *work += 1;
        for sum in (size..=gap).rev() {
            if last[sum].is_none() && (sum == size || last[sum - size].is_some()) {
                last[sum] = Some(candidate);
            }
        }
        if last[gap].is_some() {
            break;
        }
    }
    let mut chosen = Vec::new();
    let mut sum = gap;
    while sum > 0 {
        let candidate = last[sum]?;
        chosen.push(candidate);
        sum -= usize::from(sizes[candidate]);
    }
    Some(chosen)
}

/// A state that the search has reached, and the way to it.
struct Node {
    free: Free,
    people: u8,
    /// The state before and the candidate that led on; `None` for the first state.
    from: Option<(usize, Step)>,
}

/// Takes in one candidate after the other and keeps every state of the teams that some of them lead to. The first state
/// that is full uses the nearest candidates that suffice.
fn search(rules: &QueueRules, first: u8, sizes: &[u8]) -> Choice {
    let mut choice = Choice { people: first, ..Choice::default() };
    let Some(free) = begin(rules, first) else { return choice };
    let mut seen = BTreeSet::from([free.clone()]);
    let mut nodes = vec![Node { free, people: first, from: None }];
    let mut best = 0;
    'candidates: for (candidate, size) in sizes.iter().enumerate() {
        for at in 0..nodes.len() {
            if choice.work >= FILL_WORK_MAX {
                break 'candidates;
            }
            choice.work += 1;
            let Some((left, rest)) = nodes[at].free.without_whole_teams(*size) else { continue };
            let fits: Vec<usize> = left.fits(rest).collect();
            for free in fits {
                let next = left.clone().seat(rest, free);
                if !seen.insert(next.clone()) {
                    continue;
                }
                let people = nodes[at].people + size;
                nodes.push(Node { free: next, people, from: Some((at, Step { candidate, free })) });
                if people > nodes[best].people {
                    best = nodes.len() - 1;
                }
                if people == rules.seats {
                    break 'candidates;
                }
            }
        }
    }
    choice.people = nodes[best].people;
    while let Some((from, step)) = nodes[best].from {
        choice.steps.push(step);
        best = from;
    }
    choice.steps.reverse();
    choice
}

/// A group that has a place in a match.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member {
    /// People in the group.
    pub(super) size: u8,
    /// Its rating.
    pub(super) rating: u16,
}

/// The seats of the teams while groups are put into them.
struct Teams {
    size: usize,
    free: Vec<usize>,
    rating_sum: Vec<i64>,
    /// For each group the teams of its people.
    of_group: Vec<Vec<u8>>,
}

impl Teams {
    fn new(rules: &QueueRules, groups: usize) -> Self {
        let teams = usize::from(rules.seats / rules.team_size);
        let size = usize::from(rules.team_size);
        Self { size, free: vec![size; teams], rating_sum: vec![0; teams], of_group: vec![Vec::new(); groups] }
    }

    /// Puts a group into whole teams, and its rest into the team that `choose` picks.
    fn put(&mut self, group: usize, member: Member, choose: impl Fn(&Self, usize) -> Option<usize>) -> Option<()> {
        let mut left = usize::from(member.size);
        while left > 0 {
            let is_whole = left >= self.size;
            let team =
                if is_whole { self.free.iter().position(|free| *free == self.size) } else { choose(self, left) }?;
            let people = left.min(self.size);
            self.free[team] -= people;
            self.rating_sum[team] += i64::from(member.rating) * i64::try_from(people).ok()?;
            let number = u8::try_from(team).ok()?;
            self.of_group[group].extend(std::iter::repeat_n(number, people));
            left -= people;
        }
        Some(())
    }

    /// The team with the most free seats, and of those the one with the lowest ratings.
    fn emptiest(&self, rest: usize) -> Option<usize> {
        let teams = (0..self.free.len()).filter(|team| self.free[*team] >= rest);
        teams.min_by_key(|team| (usize::MAX - self.free[*team], self.rating_sum[*team]))
    }

    /// Swaps groups of one size between teams while that brings the sums of the ratings closer.
    fn even_out(&mut self, members: &[Member]) {
        for _ in 0..SWAPS_MAX {
            let Some((a, b)) = self.best_swap(members) else { return };
            let (team_a, team_b) = (usize::from(self.of_group[a][0]), usize::from(self.of_group[b][0]));
            let moved = i64::from(members[a].size) * (i64::from(members[a].rating) - i64::from(members[b].rating));
            self.rating_sum[team_a] -= moved;
            self.rating_sum[team_b] += moved;
            self.of_group.swap(a, b);
        }
    }

    /// The two groups whose swap brings two teams closest.
    fn best_swap(&self, members: &[Member]) -> Option<(usize, usize)> {
        let mut best = None;
        for a in 0..members.len() {
            for b in a + 1..members.len() {
                let (one, other) = (members[a], members[b]);
                // A swap between a full team and one with gaps is no better or worse: only equal teams are compared.
                let (team_a, team_b) = (usize::from(self.of_group[a][0]), usize::from(self.of_group[b][0]));
                let may_swap = one.size == other.size
                    && usize::from(one.size) <= self.size
                    && team_a != team_b
                    && self.free[team_a] == self.free[team_b];
                if !may_swap {
                    continue;
                }
                let apart = self.rating_sum[team_a] - self.rating_sum[team_b];
                let moved = 2 * i64::from(one.size) * (i64::from(one.rating) - i64::from(other.rating));
                let gain = apart.abs() - (apart - moved).abs();
                if gain > 0 && best.is_none_or(|(most, _)| gain > most) {
                    best = Some((gain, (a, b)));
                }
            }
        }
        best.map(|(_, pair)| pair)
    }
}

/// The teams of the people of each group. The first group comes first, and the others in the order of the steps.
/// Teams have as equal numbers of people as the parties allow, and then as equal ratings as swaps bring about.
pub(super) fn assign(rules: &QueueRules, members: &[Member], steps: &[Step]) -> Vec<Vec<u8>> {
    let mut by_size: Vec<usize> = (0..members.len()).collect();
    by_size.sort_by_key(|group| (u8::MAX - members[*group].size, u16::MAX - members[*group].rating));
    let mut teams = Teams::new(rules, members.len());
    let even = by_size.into_iter().try_for_each(|group| teams.put(group, members[group], Teams::emptiest));
    if even.is_none() {
        // The even way does not always fit. The way in which the groups were chosen does.
        teams = Teams::new(rules, members.len());
        for (group, member) in members.iter().enumerate() {
            let planned = group.checked_sub(1).map(|step| steps[step].free);
            let pick = |teams: &Teams, rest: usize| {
                let free = planned.unwrap_or(teams.size);
                debug_assert!(free >= rest, "a step names a team with room");
                teams.free.iter().position(|own| *own == free)
            };
            teams.put(group, *member, pick).expect("groups fit in the way in which they were chosen");
        }
    }
    if teams.size > 1 {
        teams.even_out(members);
    }
    teams.of_group
}

#[cfg(test)]
mod tests {
    use super::*;
    use tickwire::Rng;

    fn chosen(rules: &QueueRules, first: u8, sizes: &[u8]) -> (Vec<usize>, u8) {
        let choice = choose(rules, first, sizes);
        let mut candidates: Vec<usize> = choice.steps.iter().map(|step| step.candidate).collect();
        candidates.sort_unstable();
        (candidates, choice.people)
    }

    #[test]
    fn the_nearest_are_taken_and_a_party_that_fits_nowhere_is_passed_over() {
        let rules = QueueRules::teams("five", 2, 5);
        assert_eq!(chosen(&rules, 1, &[1; 12]), ((0..9).collect(), 10));
        assert_eq!(chosen(&rules, 3, &[3, 3, 2, 2, 1]), (vec![0, 2, 3], 10));
    }

    #[test]
    fn a_gap_that_greed_leaves_is_filled_by_the_search() {
        let four = QueueRules::free_for_all("four", 4);
        assert_eq!(chosen(&four, 1, &[2, 3]), (vec![1], 4));
        let teams = QueueRules::teams("five", 2, 5);
        assert_eq!(chosen(&teams, 4, &[4, 3, 2, 1]), (vec![1, 2, 3], 10), "4 + 1 against 3 + 2");
        assert_eq!(chosen(&teams, 3, &[3, 3, 3]).1, 6, "three parties of 3 do not fit into two teams");
    }

    /// Whether some of these groups fill the free seats of the teams.
    fn can_fill(free: &mut [u8], sizes: &[u8]) -> bool {
        let Some((size, others)) = sizes.split_first() else { return free.iter().all(|free| *free == 0) };
        for team in 0..free.len() {
            if free[team] >= *size {
                free[team] -= size;
                let fills = can_fill(free, others);
                free[team] += size;
                if fills {
                    return true;
                }
            }
        }
        can_fill(free, others)
    }

    #[test]
    fn a_combination_that_fills_the_match_is_always_found_in_two_teams_and_in_a_free_for_all() {
        let (mut filled, mut hopeless) = (0, 0);
        for seed in 0..3_000 {
            let mut rng = Rng::new(seed);
            let seats = [4, 6, 8, 10, 12][rng.below(5) as usize];
            let is_free_for_all = rng.below(2) == 0;
            let rules = if is_free_for_all {
                QueueRules::free_for_all("all", seats)
            } else {
                QueueRules::teams("two", 2, seats / 2)
            };
            let most = u32::from(seats / 2);
            let sizes: Vec<u8> = (0..8).map(|_| 1 + rng.below(most).max(rng.below(most)) as u8).collect();
            let mut free = if is_free_for_all { vec![seats] } else { vec![seats / 2; 2] };
            free[0] -= sizes[0];
            let can = can_fill(&mut free, &sizes[1..]);
            assert_eq!(choose(&rules, sizes[0], &sizes[1..]).people == seats, can, "seed {seed}: {sizes:?}");
            *(if can { &mut filled } else { &mut hopeless }) += 1;
        }
        assert!(filled > 100 && hopeless > 100, "both happen: {filled} {hopeless}");
    }

    #[test]
    fn many_teams_are_filled_by_parties_of_awkward_sizes() {
        let rules = QueueRules::teams("eights", 8, 8);
        let sizes: Vec<u8> = (0..40).map(|i| [7, 3, 7, 5, 2][i % 5]).collect();
        assert_eq!(chosen(&rules, 3, &sizes).1, 64);
        assert_eq!(chosen(&rules, 3, &[7; 40]).1, 52, "a party of 3 and seven of 7");
    }

    #[test]
    fn a_party_larger_than_a_team_fills_whole_teams() {
        let rules = QueueRules::teams("pairs", 4, 2);
        assert_eq!(chosen(&rules, 5, &[2, 2, 1]), (vec![0, 2], 8));
        let members = [5, 2, 1].map(|size| Member { size, rating: 1_500 });
        let choice = choose(&rules, 5, &[2, 1]);
        let teams = assign(&rules, &members, &choice.steps);
        assert_eq!(teams[0][0], teams[0][1]);
        assert_eq!(teams[0][2], teams[0][3]);
        assert_eq!(teams[1][0], teams[1][1]);
        assert_eq!(teams[2][0], teams[0][4]);
    }

    /// The sums of ratings and the people of the teams.
    fn sums(rules: &QueueRules, members: &[Member], teams: &[Vec<u8>]) -> Vec<(u32, u8)> {
        let mut sums = vec![(0, 0); usize::from(rules.seats / rules.team_size)];
        for (member, teams) in members.iter().zip(teams) {
            for team in teams {
                sums[usize::from(*team)].0 += u32::from(member.rating);
                sums[usize::from(*team)].1 += 1;
            }
        }
        sums
    }

    #[test]
    fn teams_are_even_in_people_and_in_ratings() {
        let rules = QueueRules::teams("five", 2, 5);
        let members: Vec<Member> = (0..10).map(|i| Member { size: 1, rating: 1_400 + 20 * i }).collect();
        let choice = choose(&rules, 1, &[1; 9]);
        let even = sums(&rules, &members, &assign(&rules, &members, &choice.steps));
        assert!(even[0].0.abs_diff(even[1].0) <= 20, "{even:?}");
        let few = [2, 1, 1, 1].map(|size| Member { size, rating: 1_500 });
        let choice = choose(&rules, 2, &[1, 1, 1]);
        let people: Vec<u8> =
            sums(&rules, &few, &assign(&rules, &few, &choice.steps)).into_iter().map(|sum| sum.1).collect();
        assert!(people.iter().all(|people| (2..=3).contains(people)), "{people:?}");
    }

    #[test]
    fn no_team_overflows_for_any_sizes_and_no_party_that_fits_is_split() {
        for seed in 0..2_000 {
            let mut rng = Rng::new(seed);
            let (teams, team_size) = (1 + rng.below(5) as u8, 1 + rng.below(6) as u8);
            if teams * team_size < 2 {
                continue;
            }
            let rules = QueueRules::teams("any", teams, team_size);
            let mut size = || 1 + rng.below(u32::from(rules.seats)).min(rng.below(4)) as u8;
            let sizes: Vec<u8> = (0..30).map(|_| size()).collect();
            let choice = choose(&rules, sizes[0], &sizes[1..]);
            let all: Vec<u8> =
                std::iter::once(sizes[0]).chain(choice.steps.iter().map(|step| sizes[1 + step.candidate])).collect();
            assert_eq!(all.iter().sum::<u8>(), choice.people);
            let members: Vec<Member> =
                all.iter().map(|size| Member { size: *size, rating: 1_000 + rng.below(1_000) as u16 }).collect();
            let assigned = assign(&rules, &members, &choice.steps);
            for (size, own) in all.iter().zip(&assigned) {
                let distinct: BTreeSet<u8> = own.iter().copied().collect();
                assert_eq!(own.len(), usize::from(*size));
                assert_eq!(distinct.len(), usize::from(size.div_ceil(team_size)), "seed {seed}");
            }
            assert!(sums(&rules, &members, &assigned).iter().all(|sum| sum.1 <= team_size), "seed {seed}");
        }
    }
}
