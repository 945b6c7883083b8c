//! A full client: the browser's session, played by the game's own bot policy.

use super::Bot;
use super::bot_client::Made;
use crate::measure::Meter;
use crate::topic_ear::TopicEar;
use tickwire::client::Session;
use tickwire::message::SERVER_TOPIC;
use tickwire::wire::DecodeError;
use tickwire::{Game, Rng, Tick};

/// A session, and the part of its statistics that was already reported.
pub(super) struct FullBot<G: Game> {
    pub(super) session: Session<G>,
    /// Snapshots that the prediction started from or passed over.
    reconciled: u64,
    /// The topic that the session hears, as it arrives.
    pub(super) ear: Option<TopicEar>,
}

impl<G: Game> FullBot<G> {
    pub(super) fn new(code: &str, bot: &Bot, ear: Option<TopicEar>, ticket: Option<&str>) -> Self {
        let mut session = Session::new(code, &bot.name, None, bot.seed);
        bot.key.into_iter().for_each(|key| session.set_player(key, 1));
        ticket.into_iter().for_each(|ticket| session.set_ticket(ticket));
        ear.iter().for_each(|ear| session.topics_mut().subscribe(ear.topic()));
        Self { session, reconciled: 0, ear }
    }

    /// Applies a message; gives the tick when it was a snapshot.
    pub(super) fn receive(&mut self, message: &[u8], now_us: u64) -> Result<Option<Tick>, DecodeError> {
        let before = self.session.stats().snapshots;
        if let Some(ear) = self.ear.as_mut().filter(|_| message.first() == Some(&SERVER_TOPIC)) {
            // The session subscribes by itself: the ear only listens.
            ear.hear(message)?;
        }
        self.session.handle_frame(message, now_us)?;
        while self.session.topics_mut().poll().is_some() {}
        Ok((self.session.stats().snapshots > before).then(|| self.session.interpolation().newest_tick()))
    }

    /// Decides on an input, from the view that a player would have now.
    pub(super) fn think(&mut self, now_us: u64, dice: &mut Rng) {
        let Some(seat) = self.session.seat() else { return };
        let Some(input) = self.session.view(now_us).map(|world| world.bot(seat, dice)) else { return };
        self.session.push_input(input);
    }

    /// Makes the ticks that are due, and reports the correction that the newest snapshot caused.
    pub(super) fn advance(&mut self, now_us: u64, meter: &mut Meter) -> Made {
        let before = self.session.predicted_tick();
        self.session.advance(now_us);
        let stats = self.session.stats();
        if stats.snapshots > self.reconciled {
            self.reconciled = stats.snapshots;
            meter.correction(now_us, stats.correction_units, stats.rollback_ticks);
        }
        Made { after: before, newest: self.session.predicted_tick() }
    }
}
