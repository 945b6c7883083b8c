//! One queue: its line, the search for matches, and the running matches that lack people.
//!
//! # The order
//! A call serves the oldest group first and then goes on along the line. A group becomes, whichever is possible first:
//! a full match with the nearest groups in its window; a part of the running match with the nearest rating; a match with
//! empty seats or bots, when it is due. Work in a call has a bound. A call that reaches it serves the oldest group again
//! in the next call, and goes on along the line where it stopped.
//!
//! # Seats that are held
//! A large party is older than the solo players that come after it, and is served first: it needs fewer of them than
//! they need of each other. It could still starve where each of them finds a match by itself before enough are there at
//! once. Therefore the oldest group, once it is due and still lacks people, holds the groups that it would play with.
//! Nothing else takes them. A held group that becomes due itself is free again, so that an oldest group that can never
//! be matched (a party of 4 in teams of 5, and no solo player ever) delays nobody for longer than that.

use super::estimate::Estimates;
use super::fill::{self, Choice, Member};
use super::groups::{Group, Groups};
use super::line::Line;
use super::nearest::{Near, RatingIndex};
use super::offers::Offers;
use super::{GroupId, Output, PLACE_MS, PLACES_PER_ADVANCE_MAX, QueueId, RunningRoom, WORK_PER_ADVANCE_MAX};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use tickwire::QueueRules;
use tickwire::message::topics::PlayerId;

/// The work of serving a group, in candidates that are looked at: measured.
const WORK_PER_GROUP: usize = 8;

/// The work of taking a group out for a match: measured.
const WORK_PER_GROUP_TAKEN: usize = 50;

/// The work of telling a group its place: measured.
const WORK_PER_PLACE: usize = 4;

/// Groups that are gone and still wait to be told their place, which are no reason yet to tidy up.
const DUE_SLACK: usize = 1_024;

/// The people whom running matches take in one call.
type Backfills = BTreeMap<RunningRoom, (Vec<GroupId>, Vec<PlayerId>)>;

/// A match that was found: its first group, the candidates, and the choice among them.
struct Found {
    candidates: Vec<Near<GroupId>>,
    choice: Choice,
}

impl Found {
    fn chosen(&self) -> impl Iterator<Item = GroupId> + '_ {
        self.choice.steps.iter().map(|step| self.candidates[step.candidate].entry)
    }
}

/// The outcome for a group that was served.
enum Served {
    /// It is in a match.
    Matched,
    /// It waits on. These would be in its match, if it had one.
    Waits(Vec<GroupId>),
}

/// The state of one call.
struct Pass<'a> {
    groups: &'a mut Groups,
    output: &'a mut VecDeque<Output>,
    now_ms: u64,
    /// The work that is left.
    work: usize,
    /// Groups that are held for the oldest one.
    held: BTreeSet<GroupId>,
    backfills: Backfills,
}

/// One queue.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) id: QueueId,
    pub(super) rules: QueueRules,
    pub(super) offers: Offers,
    line: Line,
    index: RatingIndex<GroupId>,
    people: usize,
    estimates: Estimates,
    /// Where the next call goes on along the line.
    resume_seq: u64,
    /// Groups in the order in which they may be told their place again.
    due: VecDeque<(u64, GroupId)>,
    /// Scratch for counting places.
    before: Vec<u32>,
}

impl Queue {
    pub(super) fn new(id: QueueId, rules: QueueRules) -> Self {
        Self {
            id,
            rules,
            offers: Offers::new(),
            line: Line::default(),
            index: RatingIndex::new(),
            people: 0,
            estimates: Estimates::default(),
            resume_seq: 0,
            due: VecDeque::new(),
            before: Vec::new(),
        }
    }

    /// The number of groups that wait.
    pub(super) const fn len(&self) -> usize {
        self.line.len()
    }

    /// The number of people who wait.
    #[cfg(test)]
    pub(super) const fn people(&self) -> usize {
        self.people
    }

    /// Takes in a group and tells it its place.
    pub(super) fn enter(&mut self, mut group: Group, groups: &mut Groups, output: &mut VecDeque<Output>) -> GroupId {
        let (size, rating, now_ms) = (group.size, group.rating, group.entered_ms);
        let len = u32::try_from(self.line.len()).unwrap_or(u32::MAX).saturating_add(1);
        let estimate_ms = self.estimates.estimate_ms(rating, 0, now_ms);
        group.last_told = Some((len, len, estimate_ms));
        let id = groups.insert(group);
        let seq = self.line.push(id);
        if let Some(group) = groups.find_mut(id) {
            group.seq = seq;
        }
        self.index.insert(size, rating, seq, id);
        self.people += usize::from(size);
        // Groups that enter and leave at once would pile up until their time.
        if self.due.len() > 2 * self.line.len() + DUE_SLACK {
            self.due.retain(|(_, id)| groups.find(*id).is_some());
        }
        self.due.push_back((now_ms.saturating_add(PLACE_MS), id));
        output.push_back(Output::Place { group: id, place: len, of: len, estimate_ms });
        id
    }

    /// Takes a group out, however it leaves.
    pub(super) fn remove(&mut self, id: GroupId, groups: &mut Groups) -> Option<Group> {
        let group = groups.remove(id)?;
        self.line.remove(group.seq);
        self.index.remove(group.size, group.rating, group.seq);
        self.people -= usize::from(group.size);
        Some(group)
    }

    /// Makes the matches that are possible, and tells places. The answer is the work that it took.
    pub(super) fn advance(&mut self, groups: &mut Groups, output: &mut VecDeque<Output>, now_ms: u64) -> usize {
        let mut work = WORK_PER_ADVANCE_MAX;
        if self.line.len() > 0 {
            let (held, backfills) = (BTreeSet::new(), Backfills::new());
            let mut pass = Pass { groups, output, now_ms, work, held, backfills };
            self.serve_line(&mut pass);
            work = pass.work;
            let queue = self.id;
            let taken = pass.backfills.into_iter();
            output.extend(taken.map(|(room, (groups, players))| Output::Backfill { queue, room, groups, players }));
        }
        let places = self.tell_places(groups, output, now_ms);
        WORK_PER_ADVANCE_MAX - work + WORK_PER_PLACE * places
    }

    fn serve_line(&mut self, pass: &mut Pass<'_>) {
        while let Some((seq, oldest)) = self.line.next_from(0) {
            if pass.work == 0 {
                return;
            }
            if let Served::Waits(wanted) = self.serve(oldest, pass) {
                self.hold(wanted, pass);
                self.resume_seq = self.resume_seq.max(seq + 1);
                break;
            }
        }
        while pass.work > 0 {
            let Some((seq, id)) = self.line.next_from(self.resume_seq) else {
                self.resume_seq = 0;
                return;
            };
            self.resume_seq = seq + 1;
            if !pass.held.contains(&id) {
                self.serve(id, pass);
            }
        }
    }

    /// Whether a group that has waited this long may start a match that is not full of people.
    fn is_due(&self, waited_ms: u64) -> bool {
        self.rules.has_bots_after(waited_ms) || self.rules.window_after(waited_ms).is_none()
    }

    /// Holds the groups that the oldest one wants and that are not due themselves.
    fn hold(&self, wanted: Vec<GroupId>, pass: &mut Pass<'_>) {
        let is_due =
            |id: &GroupId| pass.groups.find(*id).is_some_and(|group| self.is_due(group.waited_ms(pass.now_ms)));
        pass.held = wanted.into_iter().filter(|id| !is_due(id)).collect();
    }

    /// Puts a group into a match, if that is possible now.
    fn serve(&mut self, id: GroupId, pass: &mut Pass<'_>) -> Served {
        pass.work = pass.work.saturating_sub(WORK_PER_GROUP);
        let Some(group) = pass.groups.find(id) else { return Served::Waits(Vec::new()) };
        let (size, rating, waited_ms) = (group.size, group.rating, group.waited_ms(pass.now_ms));
        let (window, is_due) = (self.rules.window_after(waited_ms), self.is_due(waited_ms));
        let mut found = None;
        if is_due || self.people >= usize::from(self.rules.seats) {
            let search = self.find(group, id, window, &pass.held);
            pass.work = pass.work.saturating_sub(search.candidates.len() + search.choice.work);
            if search.choice.people == self.rules.seats {
                self.start(id, &search, 0, pass);
                return Served::Matched;
            }
            found = Some(search);
        }
        if let Some(room) = self.offers.take_nearest(size, rating, window) {
            self.backfill(id, room, pass);
            return Served::Matched;
        }
        let Some(found) = found.filter(|_| is_due) else { return Served::Waits(Vec::new()) };
        if self.rules.has_bots_after(waited_ms) {
            self.start(id, &found, self.rules.seats - found.choice.people, pass);
            return Served::Matched;
        }
        if window.is_none() && found.choice.people >= self.rules.seats_min && self.has_opponents(size, &found) {
            self.start(id, &found, 0, pass);
            return Served::Matched;
        }
        Served::Waits(found.chosen().collect())
    }

    /// Whether the people of a match without bots are in two teams at least. An even assignment sees to that whenever
    /// there are two groups, or a party that is larger than a team.
    fn has_opponents(&self, first: u8, found: &Found) -> bool {
        self.rules.team_size == self.rules.seats || first > self.rules.team_size || !found.choice.steps.is_empty()
    }

    /// Finds the groups that would play with this one: the nearest in its window that fill the match, or else as many
    /// as there are.
    fn find(&self, group: &Group, id: GroupId, window: Option<u16>, held: &BTreeSet<GroupId>) -> Found {
        let room = self.rules.seats.saturating_sub(group.size);
        let mut candidates: Vec<Near<GroupId>> = Vec::new();
        for size in self.index.sizes(1, room) {
            // More groups of one size than fit into the match are never needed.
            let nearest = self.index.nearest(size, group.rating, window);
            let free = nearest.filter(|near| near.entry != id && !held.contains(&near.entry));
            candidates.extend(free.take(usize::from(room / size)));
        }
        candidates.sort_unstable_by_key(Near::order);
        let sizes: Vec<u8> = candidates.iter().map(|near| near.size).collect();
        let choice = fill::choose(&self.rules, group.size, &sizes);
        Found { candidates, choice }
    }

    fn start(&mut self, first: GroupId, found: &Found, bots: u8, pass: &mut Pass<'_>) {
        let ids: Vec<GroupId> = std::iter::once(first).chain(found.chosen()).collect();
        let gone: Vec<Group> = ids.iter().filter_map(|id| self.take(*id, pass)).collect();
        assert_eq!(gone.len(), ids.len(), "groups in the index wait");
        let members: Vec<Member> = gone.iter().map(|group| Member { size: group.size, rating: group.rating }).collect();
        // Groups are compared in pairs to make teams even.
        pass.work = pass.work.saturating_sub(members.len() * members.len());
        let teams = fill::assign(&self.rules, &members, &found.choice.steps).concat();
        let players = gone.iter().flat_map(Group::players).collect();
        pass.output.push_back(Output::Matched { queue: self.id, groups: ids, players, teams, bots });
    }

    fn backfill(&mut self, id: GroupId, room: RunningRoom, pass: &mut Pass<'_>) {
        let Some(group) = self.take(id, pass) else { return };
        let (groups, players) = pass.backfills.entry(room).or_default();
        groups.push(id);
        players.extend(group.players());
    }

    /// Takes a group out for a match, and learns from its wait.
    fn take(&mut self, id: GroupId, pass: &mut Pass<'_>) -> Option<Group> {
        pass.work = pass.work.saturating_sub(WORK_PER_GROUP_TAKEN);
        let group = self.remove(id, pass.groups)?;
        self.estimates.add(group.rating, group.waited_ms(pass.now_ms), pass.now_ms);
        Some(group)
    }

    /// Tells groups their place where it has changed, each at most once in [`PLACE_MS`]. The answer is the number
    /// of groups that were looked at.
    fn tell_places(&mut self, groups: &mut Groups, output: &mut VecDeque<Output>, now_ms: u64) -> usize {
        if self.due.front().is_none_or(|(due_ms, _)| *due_ms > now_ms) {
            return 0;
        }
        self.line.count(&mut self.before);
        let of = u32::try_from(self.line.len()).unwrap_or(u32::MAX);
        let mut looked_at = 0;
        while looked_at < PLACES_PER_ADVANCE_MAX {
            let Some((_, id)) = self.due.pop_front_if(|(due_ms, _)| *due_ms <= now_ms) else { break };
            let Some(group) = groups.find_mut(id) else { continue };
            looked_at += 1;
            let place = self.line.place(group.seq, &self.before);
            let estimate_ms = self.estimates.estimate_ms(group.rating, group.waited_ms(now_ms), now_ms);
            self.due.push_back((now_ms.saturating_add(PLACE_MS), id));
            if group.last_told.replace((place, of, estimate_ms)) != Some((place, of, estimate_ms)) {
                output.push_back(Output::Place { group: id, place, of, estimate_ms });
            }
        }
        looked_at
    }
}
