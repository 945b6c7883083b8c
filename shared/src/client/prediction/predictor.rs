//! Prediction: the client's own future, replayed from each snapshot with the inputs the server has not seen.

use crate::client::display::interpolation_buffer::InterpolationBuffer;
use crate::client::display::view::Corrected;
use crate::client::prediction::corrections::EASE_US;
use crate::client::prediction::spawns::{Base, Provision, adopt};
use crate::client::time::input_clock::InputClock;
use crate::game::{Game, To};
use crate::id::{RowId, Seat};
use crate::input::{Ack, Action, InputCodec, InputFrame, ViewAge};
use crate::limits::{PREDICTION_TICKS_MAX, SEATS_MAX};
use crate::rng::Rng;
use crate::state::{Leaf, LeafKind, Schema};
use crate::tick::Tick;
use crate::world::interpolation::difference;
use crate::world::merge::{predicts_leaf, predicts_row};
use crate::world::rewind::{ClientViews, RewindCache};
use crate::world::snapshot::Snapshot;
use crate::world::stepper::{TickCauses, play_tick};
use alloc::vec::Vec;

/// Own inputs that are kept; more than can be unacknowledged.
const INPUTS_KEPT: usize = 64;
const _: () = assert!(INPUTS_KEPT > PREDICTION_TICKS_MAX as usize, "a replay must find its inputs");

/// How the player sees others while a tick is predicted.
#[derive(Clone, Copy)]
pub(crate) struct ViewContext<'a> {
    schema: &'a Schema,
    interpolation: &'a InterpolationBuffer,
    /// By how much what is shown of others is behind what is shown of oneself.
    age: ViewAge,
}

impl<'a> ViewContext<'a> {
    /// What is on screen at `now_us`.
    pub(crate) fn at(
        now_us: u64,
        clock: &InputClock,
        schema: &'a Schema,
        interpolation: &'a InterpolationBuffer,
    ) -> Self {
        Self { schema, interpolation, age: ViewAge::from_ticks(clock.tick_at(now_us) - interpolation.shown()) }
    }
}

/// What is predicted, as wire integers: the newest tick and the one before it, the one after it if the input stays,
/// and the rest of the corrections that are being eased on screen.
#[derive(Debug, Clone)]
pub(crate) struct Predicted {
    pub(crate) before: Snapshot,
    pub(crate) now: Snapshot,
    pub(crate) ahead: Snapshot,
    /// How far between the two the shown moment is.
    pub(crate) part: f32,
    offsets: Vec<Offset>,
}

#[derive(Debug, Clone, Copy)]
struct Offset {
    table: usize,
    id: RowId,
    leaf: usize,
    /// Steps of the wire integer by which the shown value still differs.
    steps: f32,
}

impl Predicted {
    pub(crate) fn offset(&self, table: usize, id: RowId, leaf: usize) -> f32 {
        let same = |offset: &&Offset| offset.leaf == leaf && offset.id == id && offset.table == table;
        self.offsets.iter().find(same).map_or(0.0, |offset| offset.steps)
    }

    /// A predicted row has become another one: what is left of its corrections is that one's now.
    fn rename(&mut self, table: usize, from: RowId, to: RowId) {
        let mine = |offset: &&mut Offset| offset.id == from && offset.table == table;
        self.offsets.iter_mut().filter(mine).for_each(|offset| offset.id = to);
    }

    fn add_offset(&mut self, table: usize, id: RowId, leaf: usize, steps: f32) {
        let same = |offset: &&mut Offset| offset.leaf == leaf && offset.id == id && offset.table == table;
        match self.offsets.iter_mut().find(same) {
            Some(offset) => offset.steps += steps,
            None => self.offsets.push(Offset { table, id, leaf, steps }),
        }
    }

    /// Whether anything is still shown elsewhere than it is.
    pub(crate) const fn is_corrected(&self) -> bool {
        !self.offsets.is_empty()
    }

    /// Time passes: what is left of corrections becomes less.
    pub(crate) fn fade(&mut self, elapsed_us: u64) {
        let kept = libm::expf(-(elapsed_us as f32) / EASE_US);
        self.offsets.retain_mut(|offset| {
            offset.steps *= kept;
            libm::fabsf(offset.steps) > 0.5
        });
    }
}

/// What a replay found.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Correction {
    /// Ticks replayed.
    pub(crate) ticks: u32,
    /// Whether anything of ours came out differently than predicted.
    pub(crate) wrong: bool,
    /// How far the worst smooth field of ours was off, in the game's units; what was put elsewhere apart.
    pub(crate) units: f32,
}

/// How far off the fields of one row were: a position's axes together, other fields by themselves.
#[derive(Debug, Default)]
pub(crate) struct FieldError<'a> {
    field: &'a str,
    squares: f32,
    worst: f32,
}

impl<'a> FieldError<'a> {
    pub(crate) fn add(&mut self, leaf: &'a Leaf, steps: f32) {
        if leaf.kind != LeafKind::Number {
            return;
        }
        let field = leaf.field();
        if field != self.field {
            (self.worst, self.field, self.squares) = (self.worst(), field, 0.0);
        }
        self.squares += (steps * leaf.unit) * (steps * leaf.unit);
    }

    pub(crate) fn worst(&self) -> f32 {
        crate::math::max(self.worst, libm::sqrtf(self.squares))
    }
}

/// The predicted world of one player.
pub(crate) struct Predictor<G: Game> {
    world: G,
    pub(crate) predicted: Predicted,
    actions: [Option<(Tick, Action<G::Input>)>; INPUTS_KEPT],
    /// What everyone who sits does in the tick that is being made.
    seats: [Option<G::Input>; SEATS_MAX as usize],
    codec: InputCodec<G::Input>,
    /// A bit per seat that a person sits in.
    people: u64,
    replayed: Snapshot,
    events: Vec<(To, G::Event)>,
    rewind_cache: RewindCache<G>,
    looks_back: bool,
    /// What the last picture showed of others, in ticks, until an input was made from it.
    drawn: Option<f64>,
    /// What happened in the ticks of the last replay.
    replayed_events: Vec<(Tick, To, G::Event)>,
    /// The world that the last replay started from, as far as it was ours.
    base: Base,
}

impl<G: Game> Predictor<G> {
    pub(crate) fn new(schema: &Schema, codec: InputCodec<G::Input>) -> Self {
        let empty = Snapshot::empty(schema);
        let (before, now, ahead) = (empty.clone(), empty.clone(), empty.clone());
        let predicted = Predicted { before, now, ahead, part: 0.0, offsets: Vec::new() };
        let seats = [None; SEATS_MAX as usize];
        Self {
            world: G::default(),
            predicted,
            actions: [None; INPUTS_KEPT],
            seats,
            codec,
            people: 0,
            replayed: empty,
            events: Vec::new(),
            rewind_cache: RewindCache::default(),
            looks_back: false,
            drawn: None,
            replayed_events: Vec::new(),
            base: Base::default(),
        }
    }

    /// Starts over from a snapshot, without a prediction.
    pub(crate) fn restart(&mut self, base: &Snapshot) {
        self.predicted.before.copy_from(base);
        self.predicted.now.copy_from(base);
        self.predicted.ahead.copy_from(base);
        self.predicted.offsets.clear();
        self.actions = [None; INPUTS_KEPT];
        self.replayed_events.clear();
        self.base.tick = base.tick;
        self.base.rows.clear();
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

    /// Makes the next tick with this input and gives what happened in it.
    pub(crate) fn step(
        &mut self,
        me: Option<Seat>,
        input: G::Input,
        view_context: ViewContext<'_>,
    ) -> &[(To, G::Event)] {
        let tick = self.tick().next();
        // The player reacts to a picture. Without one since the last tick, all has moved on alike.
        let age = self.drawn.take().map_or(view_context.age, |shown| age_at(tick, shown));
        let action = Action { input, age: age.at_most(G::RULES.past_ticks_max()) };
        self.actions[tick.0 as usize % INPUTS_KEPT] = Some((tick, action));
        self.predicted.before.copy_from(&self.predicted.now);
        self.predicted.now.restore(&mut self.world);
        self.simulate(tick, me, action, view_context, false);
        self.predicted.now.capture(&mut self.world, tick);
        &self.events
    }

    /// The message with the inputs from `first` to the newest tick: more than one after a frame that took long.
    ///
    /// Inputs that were sent before are not repeated. The stream loses none, so after a stall they all come at once
    /// anyway, and in a frame with older ones they would come no sooner. What the player saw is told from the first
    /// time on that the game has asked for it: others pay no byte.
    pub(crate) fn input_frame(&self, first: Tick, ack: Option<Ack>, wants_keyframe: bool) -> InputFrame<G::Input> {
        let mut frame = InputFrame::one(first, G::Input::default(), ack, wants_keyframe);
        frame.count = self.tick().since(first) as usize + 1;
        for (place, tick) in (0..frame.count).zip((0..).map(|ahead| first + ahead)) {
            let Action { input, age } = self.action(tick).unwrap_or_default();
            frame.inputs[place] = input;
            frame.ages[place] = if self.looks_back { age } else { ViewAge::NONE };
        }
        frame
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
        self.world.tables(&mut Provision(tick));
        // The room's generator never travels: these numbers are a guess.
        let mut rng = Rng::new(u64::from(tick.0));
        let newest = if replays { &self.replayed } else { &self.predicted.now };
        let people = self.people | me.map_or(0, |me| 1 << me.number());
        let at = action.age.before(tick);
        let seen =
            view_context.interpolation.moment_at(at).filter(|_| !action.age.is_none()).map(|moment| (at, moment));
        let mut past = ClientViews::new(view_context.schema, newest, seen, people, &mut self.rewind_cache);
        let causes = TickCauses { tick, roster: &[], inputs: &self.seats };
        play_tick(&mut self.world, &mut rng, &causes, &mut past, &mut self.events);
        self.looks_back |= me.is_some_and(|me| self.rewind_cache.was_asked(me));
    }

    /// Takes everyone to go on as they did, as far as the world shows it.
    fn guess_inputs(&mut self) {
        let (neutral, seats) = (G::Input::default(), (0..).map_while(Seat::new));
        for (seat, input) in seats.zip(&mut self.seats).filter_map(|(seat, input)| Some((seat, input.as_mut()?))) {
            let last = self.world.last_input(seat);
            *input = if last == neutral { neutral } else { self.codec.held(last) };
        }
    }

    /// What was done in a tick.
    fn action(&self, tick: Tick) -> Option<Action<G::Input>> {
        self.actions[tick.0 as usize % INPUTS_KEPT].filter(|(kept, _)| *kept == tick).map(|(_, action)| action)
    }

    /// Replays from what the server says to the tick that was predicted.
    pub(crate) fn reconcile(&mut self, view_context: ViewContext<'_>, base: &Snapshot, me: Option<Seat>) -> Correction {
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
            last = self.action(tick).unwrap_or_else(|| Action { input: self.codec.held(last.input), ..last });
            if tick == target {
                self.predicted.before.copy_from(&self.replayed);
            }
            self.simulate(tick, me, last, view_context, true);
            self.replayed.capture(&mut self.world, tick);
            self.replayed_events.extend(self.events.iter().map(|(to, event)| (tick, *to, *event)));
        }
        let mut correction = Correction { ticks, ..Correction::default() };
        if self.tick() == target {
            self.compare(view_context, me, base.tick, &mut correction);
        }
        self.base.remember(view_context.schema, me, base);
        core::mem::swap(&mut self.predicted.now, &mut self.replayed);
        correction
    }

    /// What happened in the ticks of the last replay.
    pub(crate) fn replayed_events(&self) -> &[(Tick, To, G::Event)] {
        &self.replayed_events
    }

    /// Compares the old prediction with the new one, and keeps the difference to be eased on screen.
    fn compare(&mut self, view_context: ViewContext<'_>, me: Option<Seat>, base: Tick, correction: &mut Correction) {
        for (number, table) in view_context.schema.tables.iter().enumerate() {
            let (old, new) = (&self.predicted.now.tables[number], &self.replayed.tables[number]);
            let adopted = adopt((number, table), me, (old, new), (&self.base, base));
            correction.wrong |= adopted.refused;
            let mut offsets = Vec::new();
            for (index, id) in new.ids.iter().enumerate() {
                let row = new.row(index);
                let mine = number > 0 && predicts_row(table, row, me);
                let was = old.find_near(index, *id).or_else(|| adopted.parent(*id).map(|parent| old.row(parent)));
                let Some(was) = was.filter(|was| *was != row && (mine || number == 0)) else { continue };
                let (mut error, corrected) = (FieldError::default(), Corrected { number, id: *id, was, is: row });
                for (at, leaf) in table.leaves.iter().enumerate() {
                    if was[at] == row[at] || !(mine || predicts_leaf(leaf, row, me)) {
                        continue;
                    }
                    correction.wrong = true;
                    let steps = difference(leaf, row[at], was[at]);
                    let stays = || {
                        let is_elsewhere =
                            corrected.is_elsewhere(table, at, view_context.interpolation, self.base.tick);
                        is_elsewhere || table.is_replaced(at, was, row)
                    };
                    if leaf.marks.smooth && !stays() {
                        offsets.push((*id, at, steps as f32));
                        error.add(leaf, steps as f32);
                    }
                }
                correction.units = crate::math::max(correction.units, error.worst());
            }
            let renamed: Vec<_> = adopted.pairs.into_iter().map(|(parent, id)| (old.ids[parent], id)).collect();
            renamed.into_iter().for_each(|(from, to)| self.predicted.rename(number, from, to));
            offsets.into_iter().for_each(|(id, at, steps)| self.predicted.add_offset(number, id, at, steps));
        }
    }

    /// Prepares what is shown at `part` of the way to the next tick, if the input stays as it is.
    pub(crate) fn look_ahead(&mut self, me: Option<Seat>, input: G::Input, part: f32, view_context: ViewContext<'_>) {
        let (tick, shown) = (self.tick().next(), view_context.interpolation.shown());
        let action = Action { input, age: age_at(tick, shown).at_most(G::RULES.past_ticks_max()) };
        self.drawn = Some(shown);
        self.predicted.now.restore(&mut self.world);
        self.simulate(tick, me, action, view_context, false);
        self.predicted.ahead.capture(&mut self.world, tick);
        self.predicted.part = part.clamp(0.0, 1.0);
    }
}

/// The age in `tick` of a view that showed the moment `shown`, in ticks.
fn age_at(tick: Tick, shown: f64) -> ViewAge {
    ViewAge::from_ticks(f64::from(tick.0) - shown)
}
