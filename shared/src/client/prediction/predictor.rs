//! Prediction: the client's own future, replayed from each snapshot with the inputs that the server has not seen.
//!
//! Each snapshot restarts the prediction from the server's world, and the inputs that were made for later ticks are
//! played on top of it, up to the tick that was predicted before. The replay runs whenever a newer snapshot has come,
//! even if the own rows in it are as predicted: the snapshot has news of the others, and the prediction plays along
//! with them. The replay is then compared with the last prediction of the same tick, and the difference is eased on
//! screen.

use crate::client::display::first_ids::FirstIds;
use crate::client::display::interpolation_buffer::InterpolationBuffer;
use crate::client::prediction::corrected_fields::CorrectedFields;
use crate::client::prediction::corrections::{CorrectedRow, Correction, Corrections};
use crate::client::prediction::own_inputs::OwnInputs;
use crate::client::prediction::spawns::{Base, adopt};
use crate::client::time::Timing;
use crate::game::{Game, To};
use crate::id::Seat;
use crate::input::{Ack, Action, InputCodec, InputFrame, ViewAge};
use crate::limits::{PREDICTION_TICKS_MAX, SEATS_MAX};
use crate::state::{Schema, TableSchema};
use crate::tick::{Tick, TickTime};
use crate::world::interpolation::MotionSegment;
use crate::world::merge::{has_leaves_apart, predicts_leaf, predicts_row, shows_predicted};
use crate::world::rewind::{ClientViews, RewindCache};
use crate::world::snapshot::Snapshot;
use crate::world::stepper::{TickCauses, guessed_rng, predict_tick};
use alloc::vec::Vec;

/// How the player sees others while a tick is predicted.
#[derive(Clone, Copy)]
pub(crate) struct ViewContext<'a> {
    schema: &'a Schema,
    interpolation: &'a InterpolationBuffer,
    /// The age of the others as they are shown: by how much they are behind the player's own rows.
    age: ViewAge,
}

impl<'a> ViewContext<'a> {
    /// The view that is on screen at `now_us`.
    pub(crate) fn at(now_us: u64, timing: &Timing, schema: &'a Schema, interpolation: &'a InterpolationBuffer) -> Self {
        Self { schema, interpolation, age: ViewAge::from_ticks(timing.tick_at(now_us) - interpolation.shown()) }
    }
}

/// The predicted worlds as wire integers: the newest tick, the tick before it, the tick after it if the input stays,
/// the rest of the corrections that are being eased on screen, and the ids under which rows were shown first.
#[derive(Debug, Clone)]
pub(crate) struct Predicted {
    pub(crate) before: Snapshot,
    pub(crate) now: Snapshot,
    pub(crate) ahead: Snapshot,
    /// How far from `now` to `ahead` the shown moment is, 0 to 1.
    pub(crate) part: f32,
    pub(crate) corrections: Corrections,
    pub(crate) first_ids: FirstIds,
}

/// The predicted world of one player.
pub(crate) struct Predictor<G: Game> {
    world: G,
    pub(crate) predicted: Predicted,
    inputs: OwnInputs<G::Input>,
    /// The input of each taken seat in the tick that is being made.
    seats: [Option<G::Input>; SEATS_MAX as usize],
    codec: InputCodec<G::Input>,
    /// A bit per seat that a person sits in.
    people: u64,
    replayed: Snapshot,
    events: Vec<(To, G::Event)>,
    rewind_cache: RewindCache<G>,
    looks_back: bool,
    /// Whether nothing was predicted yet since a restart: then there is nothing to compare with.
    is_fresh: bool,
    /// The moment at which the last picture showed the others, until an input was made from that picture.
    drawn: Option<TickTime>,
    /// The events in the ticks of the last replay.
    replayed_events: Vec<(Tick, To, G::Event)>,
    /// The own rows of the world that the last replay started from.
    base: Base,
    /// The fields that came out otherwise than predicted.
    pub(crate) corrected_fields: CorrectedFields,
    /// The prediction before a restart, and the own rows of the world that it started from, until the next replay.
    lost: Option<(Snapshot, Base)>,
}

impl<G: Game> Predictor<G> {
    pub(crate) fn new(schema: &Schema, codec: InputCodec<G::Input>) -> Self {
        let empty = Snapshot::empty(schema);
        let (before, now, ahead) = (empty.clone(), empty.clone(), empty.clone());
        let (corrections, first_ids) = Default::default();
        let predicted = Predicted { before, now, ahead, part: 0.0, corrections, first_ids };
        let seats = [None; SEATS_MAX as usize];
        Self {
            world: G::default(),
            predicted,
            inputs: OwnInputs::new(),
            seats,
            codec,
            people: 0,
            replayed: empty,
            events: Vec::new(),
            rewind_cache: RewindCache::default(),
            looks_back: false,
            is_fresh: false,
            drawn: None,
            replayed_events: Vec::new(),
            base: Base::default(),
            corrected_fields: CorrectedFields::default(),
            lost: None,
        }
    }

    /// Starts over from a snapshot, without a prediction.
    pub(crate) fn restart(&mut self, base: &Snapshot) {
        if self.lost.is_none() {
            self.lost = Some((self.predicted.now.clone(), self.base.clone()));
        }
        self.predicted.before.copy_from(base);
        self.predicted.now.copy_from(base);
        self.predicted.ahead.copy_from(base);
        self.predicted.corrections.clear();
        self.replayed_events.clear();
        self.corrected_fields.forget();
        self.base.tick = base.tick;
        self.base.rows.clear();
        // The room may have inputs for later ticks: it keeps the first that it gets for a tick, so none is made again.
        let ahead = base.tick..=base.tick + PREDICTION_TICKS_MAX;
        if let Some(newest) = self.inputs.newest().filter(|newest| ahead.contains(newest)) {
            self.predicted.now.tick = newest;
            self.is_fresh = true;
        }
    }

    /// The seats that are taken, and whether by a bot.
    pub(crate) fn set_seats(&mut self, taken: impl Iterator<Item = (Seat, bool)>) {
        self.seats = [None; SEATS_MAX as usize];
        self.people = 0;
        for (seat, is_bot) in taken {
            self.seats[seat.index()] = Some(G::Input::default());
            self.people |= u64::from(!is_bot) << seat.number();
        }
    }

    pub(crate) const fn tick(&self) -> Tick {
        self.predicted.now.tick
    }

    /// Sets the player's input for the ticks from now on.
    pub(crate) fn push_input(&mut self, input: G::Input, is_command: bool) {
        self.inputs.push(input, is_command, &self.codec);
    }

    /// The messages with the inputs that the room has not received; see [`OwnInputs::frames_after`].
    pub(crate) fn frames_after(&mut self, received: Option<Tick>) -> Vec<Vec<u8>> {
        self.inputs.frames_after(received, &self.codec)
    }

    /// The newest tick that an input was made for.
    pub(crate) fn newest_input(&self) -> Option<Tick> {
        self.inputs.newest()
    }

    /// A hidden page plays neutral inputs.
    pub(crate) const fn set_hidden(&mut self, hidden: bool) {
        self.inputs.set_hidden(hidden);
    }

    /// Makes the next tick with the player's input and gives its events.
    pub(crate) fn step(&mut self, me: Option<Seat>, view_context: ViewContext<'_>) -> &[(To, G::Event)] {
        let tick = self.tick().next();
        // The player reacts to a picture. If none was drawn since the last tick, the others have moved on as far as the
        // player has.
        let age = self.drawn.take().map_or(view_context.age, |shown| age_at(tick, shown));
        let action = Action { input: self.inputs.next(), age: age.at_most(G::RULES.past_ticks_max()) };
        self.inputs.record(tick, action);
        self.predicted.before.copy_from(&self.predicted.now);
        self.predicted.now.restore(&mut self.world);
        self.simulate(tick, me, action, view_context, false);
        self.predicted.now.capture(&mut self.world, tick);
        self.predicted.first_ids.release(&self.predicted.now);
        &self.events
    }

    /// The message with the inputs from `first` to the newest tick; see [`OwnInputs::message`]. View ages travel only
    /// after the game has asked for one for the first time.
    pub(crate) fn message(&mut self, first: Tick, ack: Option<Ack>) -> Option<InputFrame<G::Input>> {
        self.inputs.message((first, self.tick()), ack, self.looks_back)
    }

    fn simulate(
        &mut self,
        tick: Tick,
        me: Option<Seat>,
        action: Action<G::Input>,
        view_context: ViewContext<'_>,
        replays: bool,
    ) {
        self.guess_inputs();
        if let Some(me) = me {
            self.seats[me.index()] = Some(action.input);
        }
        let mut rng = guessed_rng(tick);
        let newest = if replays { &self.replayed } else { &self.predicted.now };
        let people = self.people | me.map_or(0, |me| 1 << me.number());
        let at = action.age.before(tick);
        let seen =
            view_context.interpolation.sample_at(at).filter(|_| !action.age.is_none()).map(|moment| (at, moment));
        let mut past = ClientViews::new(view_context.schema, newest, seen, people, &mut self.rewind_cache);
        let causes = TickCauses { tick, roster: &[], heard: &[], inputs: &self.seats };
        predict_tick(&mut self.world, &mut rng, &causes, &mut past, &mut self.events);
        self.looks_back |= me.is_some_and(|me| self.rewind_cache.was_asked(me));
    }

    /// Guesses that every player goes on as before, as far as the world shows it.
    fn guess_inputs(&mut self) {
        let (neutral, seats) = (G::Input::default(), (0..).map_while(Seat::new));
        for (seat, input) in seats.zip(&mut self.seats).filter_map(|(seat, input)| Some((seat, input.as_mut()?))) {
            let last = self.world.last_input(seat);
            *input = if last == neutral { neutral } else { self.codec.held(last) };
        }
    }

    /// Replays from the server's world `base` to the tick that was predicted.
    pub(crate) fn reconcile(&mut self, view_context: ViewContext<'_>, base: &Snapshot, me: Option<Seat>) -> Correction {
        self.corrected_fields.begin();
        let last = view_context.interpolation.snapshot_of(self.base.tick);
        self.corrected_fields.compare(view_context.schema, me, last, base);
        let target = self.tick().max(base.tick);
        let ticks = u32::try_from(target.since(base.tick)).unwrap_or(0);
        base.restore(&mut self.world);
        self.replayed.copy_from(base);
        self.replayed_events.clear();
        let mut last = Action::default();
        if ticks == 0 {
            self.predicted.before.copy_from(base);
        }
        for tick in (1..=ticks).map(|ahead| base.tick + ahead) {
            last = self.inputs.at(tick).unwrap_or_else(|| Action { input: self.codec.held(last.input), ..last });
            if tick == target {
                self.predicted.before.copy_from(&self.replayed);
            }
            self.simulate(tick, me, last, view_context, true);
            self.replayed.capture(&mut self.world, tick);
            if tick == base.tick + G::RULES.message_ticks() {
                self.corrected_fields.expect(&self.replayed);
            }
            self.replayed_events.extend(self.events.iter().map(|(to, event)| (tick, *to, *event)));
        }
        let mut correction = Correction { ticks, ..Correction::default() };
        let is_fresh = core::mem::take(&mut self.is_fresh);
        let is_same_tick = self.tick() == target && !is_fresh;
        let Self { predicted, replayed, base: last_base, corrected_fields, .. } = self;
        let lost = self.lost.take();
        if is_same_tick && lost.is_none() {
            compare(
                view_context,
                me,
                (predicted, replayed),
                (last_base, base.tick),
                (&mut correction, corrected_fields),
            );
        } else {
            let Predicted { now, first_ids, .. } = predicted;
            let (was, last_base) = lost.as_ref().map_or((&*now, &*last_base), |(world, base)| (world, base));
            follow(view_context.schema, me, (was, replayed), (last_base, base.tick), first_ids);
        }
        self.base.remember(view_context.schema, me, base);
        core::mem::swap(&mut self.predicted.now, &mut self.replayed);
        self.predicted.first_ids.keep(base, &self.predicted.now);
        correction
    }

    /// The events in the ticks of the last replay.
    pub(crate) fn replayed_events(&self) -> &[(Tick, To, G::Event)] {
        &self.replayed_events
    }

    /// Prepares the view at `part` of the way to the next tick, if the input stays as it is.
    pub(crate) fn look_ahead(&mut self, me: Option<Seat>, part: f32, view_context: ViewContext<'_>) {
        let (tick, shown) = (self.tick().next(), view_context.interpolation.shown());
        let age = age_at(tick, shown).at_most(G::RULES.past_ticks_max());
        let action = Action { input: self.inputs.current(), age };
        self.drawn = Some(shown);
        self.predicted.now.restore(&mut self.world);
        self.simulate(tick, me, action, view_context, false);
        self.predicted.ahead.capture(&mut self.world, tick);
        self.predicted.part = part.clamp(0.0, 1.0);
    }
}

/// Compares the old prediction with the new one, and keeps the difference to be eased on screen. The old prediction
/// started from the first of the bases, the new one from the second. It is apart from the predictor because it knows no
/// game: a page with several games holds its code once.
#[inline]
fn compare(
    context: ViewContext<'_>,
    me: Option<Seat>,
    (predicted, is): (&mut Predicted, &Snapshot),
    (last_base, base): (&Base, Tick),
    (correction, corrected_fields): (&mut Correction, &mut CorrectedFields),
) {
    let Predicted { now: was, corrections, first_ids, .. } = predicted;
    for (number, table) in context.schema.tables.iter().enumerate() {
        let (old, new) = (&was.tables[number], &is.tables[number]);
        let has_apart = has_leaves_apart(table);
        let adopted = adopt((number, table), me, (old, new), (last_base, base));
        correction.wrong |= adopted.refused;
        for (parent, id) in &adopted.pairs {
            corrections.rename(number, old.ids[*parent], *id);
            first_ids.rename(number, (old.ids[*parent], *id), base);
        }
        for (index, id) in new.ids.iter().enumerate() {
            let row = new.row(index);
            let mine = number > 0 && predicts_row(table, row, me);
            let was = old.find_near(index, *id).or_else(|| adopted.parent(*id).map(|parent| old.row(parent)));
            let Some(was) = was.filter(|was| *was != row && (mine || has_apart)) else { continue };
            let corrected = CorrectedRow { number, id: *id, was, is: row };
            let is_elsewhere = |at, _| is_elsewhere(table, at, corrected, context.interpolation, last_base.tick);
            let counts = |leaf: &_| mine || predicts_leaf(leaf, row, me);
            corrections.add_row(table, corrected, correction, counts, is_elsewhere);
            corrected_fields.add_row((number, table), (was, row), &|leaf| shows_predicted(table, leaf, row, me));
        }
    }
}

/// Finds the rows that the predicted rows of `was` have become, where the two worlds are not predictions of one tick and
/// nothing in them can be compared: after a restart, and when the server is ahead of the prediction.
fn follow(
    schema: &Schema,
    me: Option<Seat>,
    (was, is): (&Snapshot, &Snapshot),
    bases: (&Base, Tick),
    first_ids: &mut FirstIds,
) {
    for (number, table) in schema.tables.iter().enumerate() {
        let (old, new) = (&was.tables[number], &is.tables[number]);
        for (parent, id) in adopt((number, table), me, (old, new), bases).pairs {
            first_ids.rename(number, (old.ids[parent], id), bases.1);
        }
    }
}

/// The age in `tick` of a view that showed the moment `shown`.
fn age_at(tick: Tick, shown: TickTime) -> ViewAge {
    ViewAge::from_ticks(TickTime::from(tick) - shown)
}

/// Whether a smooth leaf is far off because it was put elsewhere, as by a teleport: snap, do not ease.
///
/// True when the leaf or another axis of the same place is farther off than anything moves, or farther than it could
/// move from rest in a tick while the snapshots after the tick `since` show that leap. The second rule needs the
/// snapshots: a wrong prediction of a fast thing can be as far off as a short teleport, and only the server's worlds
/// tell the two apart.
fn is_elsewhere(
    table: &TableSchema,
    at: usize,
    row: CorrectedRow<'_>,
    interpolation: &InterpolationBuffer,
    since: Tick,
) -> bool {
    if table.is_of_rotation(at) {
        // The components of a rotation mean nothing alone.
        return false;
    }
    let field = Some(table.leaves[at].field());
    let segment = |earlier| MotionSegment { ends: (row.was, row.is), ticks: 1, earlier, part: 0.0 };
    // The speed of the row is not known here, so only a distance that nothing moves in a tick counts as a leap.
    if segment(None).leaps(table, field) {
        return true;
    }
    let leapt = |tick: u32| {
        let tick = Tick(tick);
        let sample = interpolation.sample_at(tick.into()).filter(|sample| sample.before.tick == tick)?;
        let index = sample.before.tables[row.number].ids.binary_search(&row.id).ok()?;
        Some(MotionSegment::of(row.number, index, &sample)?.leaps(table, field))
    };
    let from_rest = segment(Some((row.was, 1)));
    from_rest.leaps(table, field) && (since.0..interpolation.newest_tick().0).any(|tick| leapt(tick) == Some(true))
}
