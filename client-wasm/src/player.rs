//! A session and its stage behind one object-safe trait: JavaScript knows no game's type.
//!
//! Calls are data in both directions, [`PageEvent`] in and [`PageCommand`] out, so that the class that the page drives
//! stays the same for every game.

use crate::columns::Columns;
use crate::notice::Roster;
use crate::options::Options;
use crate::press_latch::PressLatch;
use crate::report::{Peak, Report};
use crate::values::{ValueEvents, ValueInput};
use tickwire::client::{CorrectedField, EventUpdate, LinkState, Session, Topics, refusal_words};
use tickwire::limits::EVENTS_HEARD_PER_TICK_MAX;
use tickwire::message::control::ClientControl;
use tickwire::state::Schema;
use tickwire::tick::TickTime;
use tickwire::{Pad, Scene, Seat, Sparks, Stage, Tone};

/// Fields that are tried until one can be damaged.
#[cfg(feature = "test-hooks")]
const DAMAGE_TRIES: u32 = 100;

/// An event that the page reports to a player.
#[derive(Debug)]
pub(crate) enum PageEvent<'a> {
    /// The connection that was asked for is open.
    Opened,
    /// A message arrived.
    Message(&'a [u8]),
    /// The connection is closed, with this code and reason.
    Closed(u16, &'a str),
    /// Whether the device is online and the page visible.
    Reachable(bool),
    /// Whether the page is hidden.
    Hidden(bool),
    /// From now on the player's input is this one, a number per leaf.
    Values(&'a [f64]),
    /// Time has passed, and these are the player's controls; `None` for a player whose input is given by values.
    Advance(Option<&'a Pad>),
    /// Give the room an order, as its owner.
    Order(ClientControl),
    /// Leave for good.
    Leave,
}

/// A command of a player to the page.
#[derive(Debug)]
pub(crate) enum PageCommand {
    /// Open a connection.
    Reconnect,
    /// Send this message.
    Transmit(Vec<u8>),
    /// Close the connection with this code.
    Close(u16),
    /// Show this notice, as JSON, to the person.
    Notice(String),
    /// Play this sound, under this number.
    Sound(u32, Tone),
    /// Stop the sound of this number: its event did not happen after all.
    Silence(u32),
}

/// A player of any game. Times are microseconds that never go back.
pub(crate) trait Play {
    /// Handles an event of the page.
    fn handle(&mut self, event: PageEvent<'_>, now_us: u64);

    /// The next command; call until there is none, after each [`Play::handle`].
    fn poll(&mut self, now_us: u64) -> Option<PageCommand>;

    /// Draws the world as it is to be seen now.
    fn draw(&mut self, now_us: u64, scene: &mut Scene);

    /// Puts the world as it is to be seen now into the columns; false while there is none.
    fn view(&mut self, now_us: u64) -> bool;

    /// The columns of the last view.
    fn columns(&self) -> &Columns;

    /// The moment at which the last view showed the others.
    fn shown(&self) -> TickTime;

    /// The number of the input's leaves.
    fn input_len(&self) -> usize;

    /// The next event as numbers: see [`ValueEvents::poll`].
    fn poll_event(&mut self) -> Option<Vec<f64>>;

    /// Whether [`Play::poll_event`] has one.
    fn has_event(&self) -> bool;

    /// What is said beside the game.
    fn topics(&mut self) -> &mut Topics;

    /// How the connection is doing.
    fn link(&self, now_us: u64) -> LinkState;

    /// The player's seat.
    fn seat(&self) -> Option<Seat>;

    /// The state of the session, for the overlay and the list of players.
    fn report(&mut self, now_us: u64) -> Report;

    /// The fields that were predicted wrongly, the worst first.
    fn corrected_fields(&self) -> Vec<CorrectedField>;

    /// Damages a random field of the world; false when there is none.
    #[cfg(feature = "test-hooks")]
    fn damage(&mut self, dice: &mut tickwire::Rng) -> bool;
}

/// A player of game `G`.
pub(crate) struct Player<G: Stage> {
    session: Session<G>,
    roster: Roster,
    /// The words with which the server closed the last connection.
    close_reason: String,
    press_latch: PressLatch,
    correction: Peak,
    effects: Effects<G>,
    columns: Columns,
    values: ValueInput<G::Input>,
    events: ValueEvents<G::Event>,
}

/// Sounds and sparks of events, until they are over or their event turns out not to have happened.
struct Effects<G: Stage> {
    /// Events with a sound that was played and sparks that are still to be drawn, by number; a page that draws nothing drops
    /// them.
    unseen: Vec<(u32, G::Event)>,
    sparks: Sparks,
}

impl<G: Stage> Effects<G> {
    /// Takes an event update, and gives the command to play or stop a sound, if any.
    fn hear(&mut self, update: EventUpdate<G::Event>) -> Option<PageCommand> {
        match update {
            EventUpdate::Happened { id, event } => {
                let tone = G::sound(&event);
                if self.unseen.len() < EVENTS_HEARD_PER_TICK_MAX {
                    self.unseen.push((id, event));
                }
                tone.map(|tone| PageCommand::Sound(id, tone))
            }
            EventUpdate::Cancelled { id, event } => {
                self.unseen.retain(|(known, _)| *known != id);
                self.sparks.take_back(id);
                G::sound(&event).map(|_| PageCommand::Silence(id))
            }
        }
    }

    /// Draws the sparks over the world.
    fn draw(&mut self, world: &G, now_us: u64, scene: &mut Scene) {
        for (id, event) in self.unseen.drain(..) {
            if let Some(burst) = world.burst(&event) {
                self.sparks.add(id, burst, now_us);
            }
        }
        self.sparks.draw(now_us, scene);
    }
}

impl<G: Stage> Player<G> {
    /// A player who wants to join the room that the options name.
    pub(crate) fn new(options: &Options) -> Self {
        let mut session = Session::new(&options.code, &options.name, options.resume, options.seed);
        if options.watch {
            session = session.watching();
        }
        session.set_build(options.build);
        if let Some(key) = options.key {
            session.set_player(key, options.seq);
        }
        if let Some(ticket) = &options.ticket {
            session.set_ticket(ticket);
        }
        if let Some(secret) = &options.secret {
            session.set_secret(secret.clone());
        }
        let (roster, correction, sparks) = Default::default();
        let press_latch = PressLatch::new(G::RULES.tick_us());
        Self {
            session,
            roster,
            close_reason: String::new(),
            press_latch,
            correction,
            effects: Effects { unseen: Vec::new(), sparks },
            columns: Columns::new(Schema::of::<G>()),
            values: ValueInput::new(G::RULES.tick_us()),
            events: ValueEvents::new(),
        }
    }

    /// Gives the session the player's input and makes the ticks that are due.
    fn advance(&mut self, pad: Option<&Pad>, now_us: u64) {
        let Self { session, press_latch, values, correction, .. } = self;
        let before = session.stats().inputs;
        match pad {
            Some(pad) => session.push_input(G::controls(&press_latch.add(pad))),
            None => session.push_command(values.input()),
        }
        session.advance(now_us);
        let made = session.stats().inputs != before;
        match pad {
            Some(pad) => {
                press_latch.advanced(pad, made, now_us);
                values.drop_commands();
            }
            None => values.advanced(made, now_us),
        }
        correction.add(session.stats().correction_units, now_us);
    }
}

impl<G: Stage> Play for Player<G> {
    fn handle(&mut self, event: PageEvent<'_>, now_us: u64) {
        let session = &mut self.session;
        match event {
            PageEvent::Opened => session.handle_opened(now_us),
            // The session counts messages that it cannot use, and asks for a keyframe.
            PageEvent::Message(message) => drop(session.handle_frame(message, now_us)),
            PageEvent::Closed(code, reason) => {
                self.close_reason = reason.to_owned();
                session.handle_closed(code, now_us);
            }
            PageEvent::Reachable(reachable) => session.set_reachable(reachable, now_us),
            PageEvent::Hidden(hidden) => session.set_hidden(hidden),
            PageEvent::Values(values) => self.values.set(values),
            PageEvent::Advance(pad) => self.advance(pad, now_us),
            PageEvent::Order(order) => session.order(&order),
            PageEvent::Leave => session.leave(),
        }
    }

    fn poll(&mut self, now_us: u64) -> Option<PageCommand> {
        let Self { session, roster, close_reason, effects, events, .. } = self;
        if session.poll_dial(now_us) {
            return Some(PageCommand::Reconnect);
        }
        if let Some(message) = session.poll_transmit() {
            return Some(PageCommand::Transmit(message));
        }
        if let Some(code) = session.poll_close(now_us) {
            return Some(PageCommand::Close(code.number()));
        }
        while let Some(notice) = session.poll_notice() {
            let words = |code| refusal_words::<G>(code, close_reason);
            if let Some(notice) = roster.tell(notice, session.seat(), session.players(), words) {
                return Some(PageCommand::Notice(notice));
            }
        }
        while let Some(update) = session.poll_event() {
            events.add(update);
            let wish = effects.hear(update);
            if wish.is_some() {
                return wish;
            }
        }
        None
    }

    fn draw(&mut self, now_us: u64, scene: &mut Scene) {
        let me = self.session.seat();
        let Self { session, effects, .. } = self;
        scene.set_names(session.players().map(|player| (player.seat, player.name.as_str())));
        match session.view(now_us) {
            Some(world) => {
                scene.clear();
                world.draw(me, scene);
                effects.draw(world, now_us, scene);
            }
            // Before the client is in the room, the scene shows an empty world of the game. Between two connections the
            // last picture stays.
            None if scene.commands().is_empty() => G::new(&G::Options::default()).draw(None, scene),
            None => {}
        }
    }

    fn view(&mut self, now_us: u64) -> bool {
        let world = self.session.view_rows(now_us);
        world.map(|world| self.columns.show(world)).is_some()
    }

    fn columns(&self) -> &Columns {
        &self.columns
    }

    fn shown(&self) -> TickTime {
        self.session.shown()
    }

    fn input_len(&self) -> usize {
        <G::Input as tickwire::State>::WIDTH
    }

    fn poll_event(&mut self) -> Option<Vec<f64>> {
        self.events.poll()
    }

    fn has_event(&self) -> bool {
        !self.events.is_empty()
    }

    fn topics(&mut self) -> &mut Topics {
        self.session.topics_mut()
    }

    fn link(&self, now_us: u64) -> LinkState {
        self.session.link_state(now_us)
    }

    fn seat(&self) -> Option<Seat> {
        self.session.seat()
    }

    fn report(&mut self, now_us: u64) -> Report {
        let mut players: Vec<_> = self.session.players().map(|player| (player.clone(), None)).collect();
        if let Some(world) = self.session.view(now_us) {
            for (player, figure) in &mut players {
                *figure = world.figure(player.seat);
            }
        }
        let session = &self.session;
        let interpolation = session.interpolation();
        let tick = interpolation.newest_tick();
        Report {
            seat: session.seat(),
            resume: session.resume_token(),
            connected: session.is_connected(),
            link: session.link_state(now_us),
            players,
            tick,
            predicted_tick: session.predicted_tick(),
            margin_ticks: TickTime::from(tick) - interpolation.shown(),
            jitter_us: interpolation.jitter_us(),
            underruns: interpolation.underruns(),
            stood_still: interpolation.stood_still(),
            correction_units: self.correction.value(),
            stats: session.stats().clone(),
        }
    }

    fn corrected_fields(&self) -> Vec<CorrectedField> {
        self.session.corrected_fields()
    }

    #[cfg(feature = "test-hooks")]
    fn damage(&mut self, dice: &mut tickwire::Rng) -> bool {
        (0..DAMAGE_TRIES).any(|_| {
            let tables = &self.session.confirmed().tables;
            let table = dice.below(tables.len() as u32) as usize;
            let Some(rows) = tables.get(table) else { return false };
            let Some(row) = rows.ids.get(dice.below(rows.ids.len() as u32) as usize).copied() else { return false };
            let (leaf, bit) = (dice.below(rows.width as u32) as usize, dice.below(8));
            let old = rows.find(row).and_then(|row| row.get(leaf)).copied();
            old.is_some_and(|old| self.session.damage(table, row, leaf, old ^ (1 << bit)).is_some())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dot::{Dot, Noise};

    fn drawn(effects: &mut Effects<Dot>, now_us: u64) -> usize {
        let mut scene = Scene::default();
        effects.draw(&Dot::default(), now_us, &mut scene);
        scene.commands().len()
    }

    #[test]
    fn the_sound_and_sparks_of_a_cancelled_event_are_removed() {
        let mut effects: Effects<Dot> = Effects { unseen: Vec::new(), sparks: Sparks::default() };
        let happened = |id| EventUpdate::Happened { id, event: Noise::Jump };
        let cancelled = |id| EventUpdate::Cancelled { id, event: Noise::Jump };
        assert!(matches!(effects.hear(happened(1)), Some(PageCommand::Sound(1, _))));
        let one = drawn(&mut effects, 0);
        assert!(one > 0, "the first is seen");
        assert!(matches!(effects.hear(happened(2)), Some(PageCommand::Sound(2, _))));
        assert!(matches!(effects.hear(cancelled(1)), Some(PageCommand::Silence(1))));
        assert_eq!(drawn(&mut effects, 0), one, "of two, the one that happened");
        assert!(effects.hear(happened(3)).is_some());
        assert!(effects.hear(cancelled(3)).is_some(), "before it was drawn");
        assert!(effects.hear(cancelled(2)).is_some(), "after it was drawn");
        assert_eq!(drawn(&mut effects, 0), 0);
    }
}
