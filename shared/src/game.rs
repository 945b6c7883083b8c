//! The [`Game`] trait: the one deterministic `impl` that the author of a game writes, and the types around it.

mod options;
mod queue;
mod result;
mod topics;

use crate::id::Seat;
use crate::leak::{Leak, is_planted};
#[cfg(not(target_family = "wasm"))]
use crate::limits::RESULTS_PER_TICK_MAX;
use crate::limits::{EVENTS_PER_TICK_MAX, HASHES_PER_SECOND, PAST_MS_MAX, SEATS_MAX, SNAPSHOT_HISTORY_LEN};
use crate::rng::Rng;
use crate::state::{ALL_TABLES, Event, Input, State};
use crate::table::Table;
use crate::tick::Tick;
use alloc::vec::Vec;
use bincode::{Decode, Encode};
pub use options::OptionsError;
pub use queue::QueueRules;
pub use result::MatchResult;
use serde::Serialize;
use serde::de::DeserializeOwned;
pub use topics::{OwnTopic, Publication, Publishers};

/// A game: its world, and the rules by which a tick changes the world.
///
/// Everything else follows from this one `impl`: the authoritative server, the browser client, bots, the load test and
/// the determinism check. [`Game::step`] must be a function of the state, the inputs and the context's generator. It
/// uses no clock, no I/O and no order of a `HashMap`, and of the float operations only `+ - * /`, `sqrt` and the
/// functions of [`math`](crate::math).
///
/// A tick begins with the changes of the roster, as calls of [`Game::join`] and [`Game::leave`] in their order, and
/// with what services said, as calls of [`Game::hear`]; it goes on with [`Game::step`]. Afterwards the world is rounded to its wire integers (see [`state`](crate::state)), so
/// that the server goes on from the same values that a client receives.
pub trait Game: State + Default + Send + 'static {
    /// The input of one player for one tick. Derive it: `#[derive(Input)]`.
    type Input: Input;
    /// Things that happen in a tick and are seen or heard rather than remembered. `()` for a game without events.
    type Event: Event;
    /// The options with which a room of this game can be created. `()` for a game without options.
    type Options: Serialize + DeserializeOwned + Default + Clone + Send + 'static;

    /// The game's name, tick rate, number of seats and mode.
    const RULES: Rules;

    /// Refuses options that would make a room too large or of no use. A server asks before it makes anything, and
    /// tells the player the reason. Everything goes unless this is overridden, and anyone may ask for any value: a game
    /// whose options say how much there is has to say how much there may be, with [`OptionsError::unless`].
    ///
    /// # Errors
    /// The option that is wrong, and its bounds.
    fn check(options: &Self::Options) -> Result<(), OptionsError> {
        let _ = options;
        Ok(())
    }

    /// Makes the world before the first tick. On a server, [`Game::check`] has accepted the options.
    fn new(options: &Self::Options) -> Self;

    /// A player takes `seat`. The call precedes the step of the tick in which the player joins.
    fn join(&mut self, seat: Seat);

    /// The seat of a player becomes free. The call precedes the step of the tick in which the player leaves.
    fn leave(&mut self, seat: Seat, why: Leave);

    /// Advances the world by one tick. A client runs the same code on the part of the world that it may see, to
    /// predict.
    fn step(&mut self, tick: &mut Step<'_, Self>);

    /// The last input of the player in `seat`, as far as this world shows it. A client predicts the other players by
    /// it: they go on as they did, except for the fields that are marked [`once`](crate::state::Input). Neutral unless
    /// overridden.
    ///
    /// In snapshot mode the inputs of other players are not sent to a client, because a game may want to keep them
    /// secret. A game in which much depends on them keeps the part that others may see in a row; that part is sent to
    /// everyone who sees the row.
    fn last_input(&self, seat: Seat) -> Self::Input {
        let _ = seat;
        Self::Input::default()
    }

    /// Something to be said in one of the room's own topics ([`Rules::topics`]) because of an event: on the page of a
    /// tournament, in a studio's statistics. The server asks after the tick, and a client never does; what is said
    /// changes nothing in the world. `None`, unless overridden.
    fn publish(&self, to: To, event: &Self::Event) -> Option<Publication> {
        let _ = (to, event);
        None
    }

    /// A service of the studio has said something in a topic that the game hears ([`OwnTopic::heard_by_game`]): an
    /// audience cheers, a tournament begins its next round. Called before the step, in the order of the messages, 4 of
    /// them at the most in a tick. The text is whatever the service wrote: a game ignores what it does not understand.
    /// Ignored, unless overridden.
    fn hear(&mut self, topic: &str, body: &str) {
        let _ = (topic, body);
    }

    /// The input that a bot in the seat `me` gives: for empty seats and for load tests. Neutral unless overridden.
    fn bot(&self, me: Seat, dice: &mut Rng) -> Self::Input {
        let _ = (me, dice);
        Self::Input::default()
    }
}

/// The fixed properties of a game: its name, tick rate, seats and mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// The game's name in addresses and messages: lower case, unique on a server.
    pub name: &'static str,
    /// Ticks per second, 1 to 240.
    pub tick_rate_hz: u32,
    /// Seats of one room, 1 to [`SEATS_MAX`]: no more players fit in.
    pub seats: u8,
    /// Players that a quick match brings together in one room at the most; 1 to the number of seats.
    pub matched: u8,
    /// Seats that a quick match fills up to with bots while people are missing. 0, the default, for no bots.
    pub bots: u8,
    /// How the worlds of the server and the clients are kept the same.
    pub mode: Mode,
    /// The topics that each room has beside its chat and its presence. Default: none.
    pub topics: &'static [OwnTopic],
    /// The queues in which people wait for a match; the first one is the one that is meant where none is named. Default:
    /// none.
    pub queues: &'static [QueueRules],
}

impl Rules {
    /// The rules of a game for two seats, without bots, in snapshot mode with a snapshot every tick.
    ///
    /// # Panics
    /// At compile time, for a rate outside of 1 to 240 Hz.
    #[must_use]
    pub const fn new(name: &'static str, tick_rate_hz: u32) -> Self {
        assert!(tick_rate_hz >= 1 && tick_rate_hz <= 240, "a game runs at 1 to 240 ticks a second");
        let mode = Mode::Snapshot { every_ticks: 1 };
        Self { name, tick_rate_hz, seats: 2, matched: 2, bots: 0, mode, topics: &[], queues: &[] }
    }

    /// The same rules with `seats` seats; quick matches then bring that many players together, too.
    ///
    /// # Panics
    /// At compile time, for 0 seats or more than [`SEATS_MAX`].
    #[must_use]
    pub const fn seats(mut self, seats: u8) -> Self {
        assert!(seats >= 1 && seats <= SEATS_MAX, "a room has 1 to 64 seats");
        (self.seats, self.matched) = (seats, seats);
        self
    }

    /// The same rules, with quick matches of fewer players than there are seats. It comes after `seats`, which resets
    /// the number.
    ///
    /// # Panics
    /// At compile time, for 0 players or more than there are seats.
    #[must_use]
    pub const fn matched(mut self, players: u8) -> Self {
        assert!(players >= 1 && players <= self.seats, "a quick match has 1 player or more, and a seat for each");
        self.matched = players;
        self
    }

    /// The same rules, with quick matches that bots fill up to `bots` players.
    #[must_use]
    pub const fn bots(mut self, bots: u8) -> Self {
        self.bots = bots;
        self
    }

    /// The same rules in another mode.
    #[must_use]
    pub const fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// The same rules, with topics that each room has beside its chat and its presence.
    #[must_use]
    pub const fn topics(mut self, topics: &'static [OwnTopic]) -> Self {
        self.topics = topics;
        self
    }

    /// The same rules, with queues for matches. It comes after `seats`, which bounds the seats of a match.
    ///
    /// # Panics
    /// At compile time, for two queues with one name, and for a match with more seats than a room.
    #[must_use]
    pub const fn queues(mut self, queues: &'static [QueueRules]) -> Self {
        assert!(queue::go_together(queues, self.seats), "queues have names of their own, and seats that a room has");
        self.queues = queues;
        self
    }

    /// Whether the game runs in lockstep: clients play the whole game.
    #[must_use]
    pub const fn is_lockstep(&self) -> bool {
        matches!(self.mode, Mode::Lockstep { .. })
    }

    /// Ticks from one hash of the full state to the next, in lockstep.
    #[must_use]
    pub const fn hash_ticks(&self) -> u32 {
        self.tick_rate_hz.div_ceil(HASHES_PER_SECOND)
    }

    /// Ticks from one message of the room to the next: 1, unless snapshots are further apart.
    #[must_use]
    pub const fn message_ticks(&self) -> u32 {
        match self.mode {
            Mode::Snapshot { every_ticks: 0 } | Mode::Lockstep { .. } => 1,
            Mode::Snapshot { every_ticks } => every_ticks as u32,
        }
    }

    /// How many ticks old the view may be that [`Step::past`] gives for a seat. The bound is [`PAST_MS_MAX`], or as
    /// much as the history holds together with the snapshot before the view, which says how fast things moved. 0 in
    /// lockstep, where everyone sees the same.
    #[must_use]
    pub const fn past_ticks_max(&self) -> u32 {
        if self.is_lockstep() {
            return 0;
        }
        let wanted = (PAST_MS_MAX * self.tick_rate_hz).div_ceil(1_000);
        // The newest world is a tick old when a step asks. Two snapshots lie before a view, and a client shows the
        // later of them until its last moment: at worst it is as old as the view.
        let kept = (SNAPSHOT_HISTORY_LEN as u32 + 1).saturating_sub(2 * self.message_ticks());
        if wanted < kept { wanted } else { kept }
    }

    /// Microseconds from one tick to the next, rounded down.
    #[must_use]
    pub const fn tick_us(&self) -> u64 {
        1_000_000 / self.tick_rate_hz as u64
    }

    /// Microseconds from one message of the room to the next.
    pub(crate) const fn message_us(&self) -> u64 {
        self.message_ticks() as u64 * self.tick_us()
    }
}

/// How the worlds of server and clients are kept the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The server sends the changes; a client predicts its own things and shows the rest as it was a moment ago.
    Snapshot {
        /// Ticks from one snapshot to the next; 1 unless bytes matter more than delay. 0 means 1.
        every_ticks: u8,
    },
    /// Every client plays the whole game: the server sends everyone's inputs to all, and now and then the hash of the
    /// world. For games with more to move than could be sent, and nothing to hide.
    Lockstep {
        /// Ticks that a client plays ahead of the newest tick inputs that it received, on the guess that the others go
        /// on as they did; a wrong guess is rolled back. The part of the round trip to the server that these ticks do
        /// not cover is felt as a delay of the player's own inputs. With 0 nothing is ever rolled back.
        rollback_ticks_max: u8,
    },
}

/// The reason for which a seat became free.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum Leave {
    /// The player left for good.
    Quit,
    /// The player's connection was lost and did not come back in time.
    Lost,
    /// The server or the room removed the player, such as a bot whose seat a person takes.
    Removed,
}

/// The players that receive an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum To {
    /// Everyone in the room.
    Everyone,
    /// The player in one seat alone: the event would tell others what is hidden from them.
    Seat(Seat),
}

/// Everyone, and the seats: the audiences that a step counts for.
const AUDIENCES: usize = SEATS_MAX as usize + 1;

/// 0 for everyone or nobody in particular, else one more than the seat.
fn audience(seat: Option<Seat>) -> u8 {
    seat.map_or(0, |seat| seat.number() + 1)
}

/// The views that the players had when they gave the inputs of this tick: the source that [`Step::past`] looks into.
///
/// There are two implementations: one for a room, which looks into its history, and one for a client, which looks into
/// the snapshots that it has received. The code that runs a step hands one in.
pub trait LagCompensation<G> {
    /// The world that the player in `seat` saw. `tables` is given any world of this kind, and gives a bit for each
    /// table that is asked for, the root row's being the lowest. The other tables of the result may hold anything.
    fn seen_by(&mut self, seat: Seat, tables: &dyn Fn(&G) -> u32) -> &G;
}

/// The context of one tick: everything that a step may know besides the world.
pub struct Step<'a, G: Game> {
    now: Tick,
    inputs: &'a [Option<G::Input>],
    rng: &'a mut Rng,
    events: &'a mut Vec<(To, G::Event)>,
    past: Option<&'a mut dyn LagCompensation<G>>,
    /// The results of matches, where somebody wants to know them.
    results: Option<&'a mut Vec<MatchResult>>,
    /// Events of each audience.
    emitted: [u8; AUDIENCES],
    /// Generators that were made for each audience.
    generators: [u16; AUDIENCES],
}

const _: () = assert!(EVENTS_PER_TICK_MAX <= u8::MAX as usize, "the events of an audience are counted in a byte");

impl<'a, G: Game> Step<'a, G> {
    /// The context of the tick `now`; `inputs` has an entry per seat, which is `None` for a free seat. For a game that
    /// asks for the past, [`Step::with_past`] must follow.
    pub const fn new(
        now: Tick,
        inputs: &'a [Option<G::Input>],
        rng: &'a mut Rng,
        events: &'a mut Vec<(To, G::Event)>,
    ) -> Self {
        Self {
            now,
            inputs,
            rng,
            events,
            past: None,
            results: None,
            emitted: [0; AUDIENCES],
            generators: [0; AUDIENCES],
        }
    }

    /// The same context, with the views of the seats.
    #[must_use]
    pub fn with_past(mut self, past: &'a mut dyn LagCompensation<G>) -> Self {
        self.past = Some(past);
        self
    }

    /// The same context, with a list for the results of matches.
    #[must_use]
    pub const fn with_results(mut self, results: &'a mut Vec<MatchResult>) -> Self {
        self.results = Some(results);
        self
    }

    /// The tick that this step makes: one more than that of the world before it.
    #[must_use]
    pub const fn now(&self) -> Tick {
        self.now
    }

    /// The input of the player in `seat` for this tick; neutral for a free seat. While an input is late, a room repeats
    /// the last one without its `once` fields for up to [`INPUT_HOLD_TICKS`](crate::limits::INPUT_HOLD_TICKS), and then
    /// gives a neutral one.
    #[must_use]
    pub fn input(&self, seat: Seat) -> G::Input {
        self.inputs.get(seat.index()).copied().flatten().unwrap_or_default()
    }

    /// The seats that are taken, in ascending order.
    pub fn seats(&self) -> impl Iterator<Item = Seat> + use<'a, G> {
        (0_u8..).zip(self.inputs).filter(|(_, input)| input.is_some()).filter_map(|(index, _)| Seat::new(index))
    }

    /// The room's random numbers. In snapshot mode a client has a generator of its own: the next snapshot corrects what
    /// the client predicted with it.
    ///
    /// Numbers that are drawn here for something hidden shift the visible draws that follow in the same tick; use
    /// [`Step::hidden_rng`] for them. The numbers themselves tell nothing of each other.
    pub const fn rng(&mut self) -> &mut Rng {
        self.rng
    }

    /// New random numbers for something that only the player in `seat` may know, or nobody at all. Whether and how many
    /// are drawn shows in no other numbers. In snapshot mode a client's are a guess, as those of [`Step::rng`] are.
    pub fn hidden_rng(&mut self, seat: Option<Seat>) -> Rng {
        let audience = audience(seat);
        let call = &mut self.generators[usize::from(audience)];
        *call = call.wrapping_add(1);
        self.rng.for_audience(audience, *call)
    }

    /// The world as the player in `seat` saw it when they gave this tick's input. Judge by it what the player aimed at,
    /// and apply the result, by the row's id, to the world of the present.
    ///
    /// The things that the player predicts (own rows and fields, and those marked `predict`) are as the last tick left
    /// them. Everything else is as it was on the player's screen: between two snapshots, and at most [`PAST_MS_MAX`]
    /// ago. On the server hidden fields are there too. For a bot, and for a player whose view is not known, it is the
    /// last tick's world. A client gets the same for its own seat, except for the hidden fields. It does not know how
    /// old the views of other people are, and assumes that they are as old as its own: it predicts hits as the server
    /// is likely to find them.
    ///
    /// The world is rebuilt when a tick first asks for it, and kept for the rest of the tick, per seat. Rebuilding all
    /// of a large world takes longer than the rest of a step; [`Step::past_table`] does it for one table.
    ///
    /// # Panics
    /// In a context without [`Step::with_past`]: a mistake of the code that runs the step.
    pub fn past(&mut self, seat: Seat) -> &G {
        self.look_back().seen_by(seat, &|_| ALL_TABLES)
    }

    /// One table of [`Step::past`], without the work for the other tables:
    /// `tick.past_table(seat, |world| &world.ships)`.
    ///
    /// # Panics
    /// As [`Step::past`].
    pub fn past_table<T>(&mut self, seat: Seat, table: impl Fn(&G) -> &Table<T>) -> &Table<T> {
        let bit = |world: &G| table(world).number().map_or(ALL_TABLES, |number| 1 << number);
        table(self.look_back().seen_by(seat, &bit))
    }

    fn look_back(&mut self) -> &mut (dyn LagCompensation<G> + 'a) {
        &mut **self.past.as_mut().expect("the code that runs a step hands in the past")
    }

    /// Ends a match with its result, which the server tells the studio ([webhooks]). The room goes on: the game begins
    /// its next match when it likes. Only the server tells a result, once, and a client that predicts the same tick
    /// tells nobody.
    ///
    /// A result is at most [`RESULT_BYTES_MAX`](crate::limits::RESULT_BYTES_MAX) bytes of JSON, and a tick ends at most
    /// [`RESULTS_PER_TICK_MAX`] matches; further ones are dropped.
    ///
    /// [webhooks]: https://docs.rs/tickwire-server
    pub fn finish<R: Serialize>(&mut self, result: &R) {
        // A page has no use for the code that writes JSON.
        #[cfg(not(target_family = "wasm"))]
        if let Some(results) = self.results.as_deref_mut().filter(|results| results.len() < RESULTS_PER_TICK_MAX) {
            results.push(MatchResult::of(result));
        }
        #[cfg(target_family = "wasm")]
        let _ = result;
    }

    /// Sends an event to the players that `to` names. Of one tick, [`EVENTS_PER_TICK_MAX`] events for everyone and as
    /// many for each seat are kept; further ones are dropped. So no player notices the events of another one.
    pub fn emit(&mut self, to: To, mut event: G::Event) {
        let to_seat = if let To::Seat(seat) = to { Some(seat) } else { None };
        let emitted = &mut self.emitted[usize::from(audience(to_seat))];
        let count = if is_planted(Leak::CommonEventLimit) { self.events.len() } else { usize::from(*emitted) };
        if count < EVENTS_PER_TICK_MAX {
            *emitted += 1;
            // The event is rounded as it will travel: a predicted event must equal the one that confirms it.
            let mut wire = [0; crate::limits::ROW_WIDTH_MAX];
            event.gather(&mut wire[..G::Event::WIDTH]);
            event.scatter(&wire[..G::Event::WIDTH]);
            self.events.push((to, event));
        }
    }
}

impl Input for () {}

impl Event for () {
    fn blank() -> Self {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Secret;

    #[derive(State, Clone, Default)]
    struct Empty {}

    impl Game for Empty {
        type Input = ();
        type Event = Word;
        type Options = ();
        const RULES: Rules = Rules::new("empty", 30);
        fn new((): &()) -> Self {
            Self {}
        }
        fn join(&mut self, _: Seat) {}
        fn leave(&mut self, _: Seat, _: Leave) {}
        fn step(&mut self, _: &mut Step<'_, Self>) {}
    }

    #[derive(Event, Clone, Copy, Debug, PartialEq)]
    struct Word(u8);

    #[test]
    fn the_events_of_a_seat_displace_no_others() {
        let (mut rng, mut events) = (Rng::new(1), Vec::new());
        let mut step = Step::<Empty>::new(Tick(1), &[], &mut rng, &mut events);
        let audiences = [Seat::new(0), Seat::new(63)].map(|seat| To::Seat(seat.expect("a seat")));
        let audiences = [audiences[0], audiences[1], To::Everyone];
        for to in audiences {
            (0..200).for_each(|word| step.emit(to, Word(word)));
        }
        for to in audiences {
            let kept = events.iter().filter(|(other, _)| *other == to).map(|(_, word)| usize::from(word.0));
            assert!(kept.eq(0..EVENTS_PER_TICK_MAX), "{to:?}");
        }
    }

    #[test]
    fn hidden_dice_shift_no_others() {
        let rolls = |hidden: u32| {
            let (mut rng, mut events) = (Rng::of_step(Secret::from(3), 7, 0), Vec::new());
            let mut step = Step::<Empty>::new(Tick(7), &[], &mut rng, &mut events);
            for _ in 0..hidden {
                step.hidden_rng(Seat::new(1)).next_u64();
                step.hidden_rng(None).next_u64();
            }
            [step.rng().next_u64(), step.hidden_rng(Seat::new(0)).next_u64(), step.hidden_rng(Seat::new(0)).next_u64()]
        };
        let [one, two, three] = rolls(0);
        assert!(one != two && two != three);
        assert_eq!(rolls(1), [one, two, three]);
        assert_eq!(rolls(50), [one, two, three]);
    }
}
