//! What a game author writes: one deterministic [`Game`].

use crate::id::Seat;
use crate::limits::{HASHES_PER_SECOND, PAST_MS_MAX, SNAPSHOT_HISTORY_LEN};
use crate::rng::Rng;
use crate::state::{ALL_TABLES, Event, Input, State};
use crate::table::Table;
use crate::tick::Tick;
use alloc::vec::Vec;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A game: its world, and how a tick changes it.
///
/// Everything else follows from this one `impl`: the authoritative server, the browser client, bots, the load
/// test and the determinism check. [`Game::step`] must be a function of the state, the inputs and the
/// context's generator: no clock, no I/O, no `HashMap` order, and of floats only `+ - * /`, `sqrt` and what
/// [`math`](crate::math) offers.
pub trait Game: State + Default + Send + 'static {
    /// What a player does in one tick.
    type Input: Input;
    /// What may happen in a tick and is seen or heard rather than remembered. `()` for none.
    type Event: Event;
    /// What a room of this game can be created with. `()` for none.
    type Options: Serialize + DeserializeOwned + Default + Clone + 'static;

    /// Name, rate, seats and mode.
    const RULES: Rules;

    /// The world before the first tick.
    fn new(options: &Self::Options) -> Self;

    /// A player takes a seat; called before the step of the tick in which it happens.
    fn join(&mut self, seat: Seat);

    /// A player's seat becomes free; called before the step of the tick in which it happens.
    fn leave(&mut self, seat: Seat, why: Leave);

    /// One tick. On a client the same code runs on what the client may see, to predict.
    fn step(&mut self, tick: &mut Step<'_, Self>);

    /// What this world shows of what the player in `seat` did last. A client predicts the other players by it: they go on
    /// as they did, but for what is done [`once`](crate::state::Input). Neutral unless overridden.
    ///
    /// Others' inputs do not travel by themselves, because they may be nobody's business. A game in which much depends on
    /// them keeps in a row what may be seen there; it goes to those who see the row.
    fn last_input(&self, seat: Seat) -> Self::Input {
        let _ = seat;
        Self::Input::default()
    }

    /// What a bot in this seat would do: for empty seats and for load tests. Neutral unless overridden.
    fn bot(&self, me: Seat, dice: &mut Rng) -> Self::Input {
        let _ = (me, dice);
        Self::Input::default()
    }
}

/// How a game is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// The game's name in addresses and messages: lower case, unique on a server.
    pub name: &'static str,
    /// Ticks per second, 1 to 240.
    pub tick_rate_hz: u32,
    /// Players of one room at the most, 1 to [`SEATS_MAX`](crate::limits::SEATS_MAX).
    pub seats: u8,
    /// Players whom quick matches bring together in one room at the most.
    pub matched: u8,
    /// Seats that a quick match fills up to with bots while people are missing.
    pub bots: u8,
    /// How worlds are kept the same.
    pub mode: Mode,
}

impl Rules {
    /// Rules of a game for two seats, without bots, in snapshot mode.
    ///
    /// # Panics
    /// At compile time, for a rate outside 1 to 240 Hz.
    #[must_use]
    pub const fn new(name: &'static str, tick_rate_hz: u32) -> Self {
        assert!(tick_rate_hz >= 1 && tick_rate_hz <= 240, "a game runs at 1 to 240 ticks a second");
        Self { name, tick_rate_hz, seats: 2, matched: 2, bots: 0, mode: Mode::Snapshot { every_ticks: 1 } }
    }

    /// The same with so many seats.
    ///
    /// # Panics
    /// At compile time, for no seat or more than [`SEATS_MAX`](crate::limits::SEATS_MAX).
    #[must_use]
    pub const fn seats(mut self, seats: u8) -> Self {
        assert!(seats >= 1 && seats <= crate::limits::SEATS_MAX, "a room has 1 to 64 seats");
        (self.seats, self.matched) = (seats, seats);
        self
    }

    /// The same, with quick matches of fewer players than there are seats.
    ///
    /// # Panics
    /// At compile time, for no player or more than there are seats.
    #[must_use]
    pub const fn matched(mut self, players: u8) -> Self {
        assert!(players >= 1 && players <= self.seats, "a quick match has a seat for everyone");
        self.matched = players;
        self
    }

    /// The same, a quick match being filled up with bots to so many players.
    #[must_use]
    pub const fn bots(mut self, bots: u8) -> Self {
        self.bots = bots;
        self
    }

    /// The same in another mode.
    #[must_use]
    pub const fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Whether clients play the whole game.
    #[must_use]
    pub const fn is_lockstep(&self) -> bool {
        matches!(self.mode, Mode::Lockstep { .. })
    }

    /// Ticks from one hash of the whole world to the next, in lockstep.
    #[must_use]
    pub const fn hash_ticks(&self) -> u32 {
        self.tick_rate_hz.div_ceil(HASHES_PER_SECOND)
    }

    /// Ticks from one message of the room to the next.
    #[must_use]
    pub const fn message_ticks(&self) -> u32 {
        match self.mode {
            Mode::Snapshot { every_ticks: 0 } | Mode::Lockstep { .. } => 1,
            Mode::Snapshot { every_ticks } => every_ticks as u32,
        }
    }

    /// How many ticks the past that a seat is shown may be old: [`PAST_MS_MAX`], or as much as the history holds with the
    /// snapshot before, which says how fast things were. 0 in lockstep, where everyone sees the same.
    #[must_use]
    pub const fn past_ticks_max(&self) -> u32 {
        if self.is_lockstep() {
            return 0;
        }
        let wanted = (PAST_MS_MAX * self.tick_rate_hz).div_ceil(1_000);
        // The newest world is a tick old when a step asks. Two snapshots are before a view, the later one at the worst as
        // old as a view that shows it to its last moment.
        let kept = (SNAPSHOT_HISTORY_LEN as u32 + 1).saturating_sub(2 * self.message_ticks());
        if wanted < kept { wanted } else { kept }
    }

    /// Microseconds from one tick to the next, rounded down.
    #[must_use]
    pub const fn tick_us(&self) -> u64 {
        1_000_000 / self.tick_rate_hz as u64
    }
}

/// How the worlds of server and clients are kept the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The server sends what changed; clients predict what is theirs and show the rest as it was a moment ago.
    Snapshot {
        /// Ticks from one snapshot to the next; 1 unless bytes matter more than delay.
        every_ticks: u8,
    },
    /// Everyone plays the whole game: what all players do is sent to all, and now and then the hash of the world.
    /// For games with more to move than could be sent, and nothing to hide.
    Lockstep {
        /// Ticks that a client plays ahead of what it was told, on the guess that the others go on as they did; a
        /// wrong guess is taken back. What this does not cover of the way to the server and back is seen as a delay
        /// of the player's own inputs. With 0 nothing is ever taken back.
        rollback_ticks_max: u8,
    },
}

/// Why a seat became free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leave {
    /// The player said so.
    Quit,
    /// The connection was lost and did not come back in time.
    Lost,
    /// The server or the room removed the player.
    Removed,
}

/// Who hears of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum To {
    /// Everyone in the room.
    Everyone,
    /// One seat alone: the event would tell others what is hidden from them.
    Seat(Seat),
}

/// What the players saw when they gave this tick's inputs: what [`Step::past`] looks into.
///
/// There are two: a room looks into its history, a client into what it has received. Whoever runs a step hands one in.
pub trait LagCompensation<G> {
    /// The world that the player in `seat` saw. `tables` is given any world of this kind, and says which tables are
    /// asked for: a bit for each, the root's the lowest. The others may be anything.
    fn seen_by(&mut self, seat: Seat, tables: &dyn Fn(&G) -> u32) -> &G;
}

/// The context of one tick: everything a step may know besides the world.
pub struct Step<'a, G: Game> {
    now: Tick,
    inputs: &'a [Option<G::Input>],
    rng: &'a mut Rng,
    events: &'a mut Vec<(To, G::Event)>,
    past: Option<&'a mut dyn LagCompensation<G>>,
}

impl<'a, G: Game> Step<'a, G> {
    /// The context of tick `now`; `inputs` has an entry per seat, `None` where nobody sits. Of a game that asks
    /// for the past, [`Step::with_past`] must follow.
    pub const fn new(
        now: Tick,
        inputs: &'a [Option<G::Input>],
        rng: &'a mut Rng,
        events: &'a mut Vec<(To, G::Event)>,
    ) -> Self {
        Self { now, inputs, rng, events, past: None }
    }

    /// The same, with what the seats saw.
    #[must_use]
    pub fn with_past(mut self, past: &'a mut dyn LagCompensation<G>) -> Self {
        self.past = Some(past);
        self
    }

    /// The tick that this step makes.
    #[must_use]
    pub const fn now(&self) -> Tick {
        self.now
    }

    /// What the player in `seat` does in this tick; neutral when nobody sits there or nothing came in time.
    #[must_use]
    pub fn input(&self, seat: Seat) -> G::Input {
        self.inputs.get(seat.index()).copied().flatten().unwrap_or_default()
    }

    /// The seats that are taken, in order.
    pub fn seats(&self) -> impl Iterator<Item = Seat> + use<'a, G> {
        (0_u8..).zip(self.inputs).filter(|(_, input)| input.is_some()).filter_map(|(index, _)| Seat::new(index))
    }

    /// The room's random numbers. A client has other ones: what it predicts with them is corrected.
    pub const fn rng(&mut self) -> &mut Rng {
        self.rng
    }

    /// The world as the player in `seat` saw it when they gave this tick's input: judge by it what they aimed at,
    /// and change what it shows in the world of now, by the row's id.
    ///
    /// What that player predicts themselves (own rows and fields, and those marked `predict`) is as the last tick
    /// left it, everything else as it was on their screen, between two snapshots and at most
    /// [`PAST_MS_MAX`] ago. On the server hidden fields are there too. For a bot, and for anybody of
    /// whom nothing is known, it is the last tick's world. On a client it is the same for its own seat, hidden
    /// fields apart; how old the view of another person is it does not know, and takes it to be as old as its own:
    /// hits are predicted as the server is likely to find them.
    ///
    /// Worked out when first asked for in a tick and then kept for it, per seat: the whole world, which takes longer
    /// than the rest of a step if it is large. [`Step::past_table`] does it for one table.
    ///
    /// # Panics
    /// In a context without [`Step::with_past`]: whoever runs the step forgot it.
    pub fn past(&mut self, seat: Seat) -> &G {
        self.look_back().seen_by(seat, &|_| ALL_TABLES)
    }

    /// One table of [`Step::past`], without the work for the others: `tick.past_table(seat, |world| &world.ships)`.
    ///
    /// # Panics
    /// As [`Step::past`].
    pub fn past_table<T>(&mut self, seat: Seat, table: impl Fn(&G) -> &Table<T>) -> &Table<T> {
        let bit = |world: &G| table(world).number().map_or(ALL_TABLES, |number| 1 << number);
        table(self.look_back().seen_by(seat, &bit))
    }

    fn look_back(&mut self) -> &mut (dyn LagCompensation<G> + 'a) {
        &mut **self.past.as_mut().expect("whoever runs a step hands in the past")
    }

    /// Tells players that something happened; see [`To`] for who hears of it.
    pub fn emit(&mut self, to: To, mut event: G::Event) {
        if self.events.len() < crate::limits::EVENTS_PER_TICK_MAX {
            // Rounded as it will travel: a predicted event must equal the one that confirms it.
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
