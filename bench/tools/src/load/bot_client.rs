//! The client behind a player's connection: a full client or a thin one.

use super::full::FullBot;
use super::thin::ThinBot;
use crate::measure::{Meter, Totals};
use tickwire::client::{CorrectedField, Stats};
use tickwire::message::close::CloseCode;
use tickwire::wire::DecodeError;
use tickwire::{Game, Rng, Tick};

/// The ticks for which inputs were made: those after `after`, up to `newest`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Made {
    pub(super) after: Tick,
    pub(super) newest: Tick,
}

/// A client of either kind.
pub(super) enum BotClient<G: Game> {
    /// The browser's session.
    Full(Box<FullBot<G>>),
    /// A client that reads only heads, with the input that the room's full client chose for it.
    Thin(Box<ThinBot<G>>, G::Input),
}

impl<G: Game> BotClient<G> {
    pub(super) fn poll_dial(&mut self, now_us: u64) -> bool {
        match self {
            Self::Full(bot) => bot.session.poll_dial(now_us),
            Self::Thin(bot, _) => bot.dial.poll(now_us),
        }
    }

    pub(super) fn opened(&mut self, now_us: u64) {
        match self {
            Self::Full(bot) => bot.session.handle_opened(now_us),
            Self::Thin(bot, _) => bot.opened(),
        }
    }

    pub(super) fn closed(&mut self, code: u16, now_us: u64) {
        match self {
            Self::Full(bot) => bot.session.handle_closed(code, now_us),
            Self::Thin(bot, _) if !bot.leaving => drop(bot.dial.closed(code, now_us)),
            Self::Thin(..) => {}
        }
    }

    pub(super) fn receive(&mut self, message: &[u8], now_us: u64) -> Result<Option<Tick>, DecodeError> {
        match self {
            Self::Full(bot) => bot.receive(message, now_us),
            Self::Thin(bot, _) => bot.receive(message, now_us),
        }
    }

    /// The time at which the next input is due.
    pub(super) fn due_us(&self) -> u64 {
        match self {
            Self::Full(bot) => bot.session.input_due_us(bot.session.predicted_tick().next()),
            Self::Thin(bot, _) => bot.clock.time_of(bot.made.next()),
        }
    }

    /// The time at which the input for a tick was due.
    pub(super) fn input_due_us(&self, tick: Tick) -> u64 {
        match self {
            Self::Full(bot) => bot.session.input_due_us(tick),
            Self::Thin(bot, _) => bot.clock.time_of(tick),
        }
    }

    /// Decides on an input and makes the ticks that are due.
    pub(super) fn advance(&mut self, now_us: u64, dice: &mut Rng, meter: &mut Meter) -> Made {
        match self {
            Self::Full(bot) => {
                bot.think(now_us, dice);
                bot.advance(now_us, meter)
            }
            Self::Thin(bot, input) => bot.advance(*input, now_us),
        }
    }

    pub(super) fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        match self {
            Self::Full(bot) => bot.session.poll_transmit(),
            Self::Thin(bot, _) => bot.outbox.pop_front(),
        }
    }

    pub(super) fn poll_close(&mut self, now_us: u64) -> Option<CloseCode> {
        match self {
            Self::Full(bot) => bot.session.poll_close(now_us),
            Self::Thin(bot, _) => (bot.leaving && bot.outbox.is_empty()).then_some(CloseCode::Normal),
        }
    }

    pub(super) fn leave(&mut self) {
        match self {
            Self::Full(bot) => bot.session.leave(),
            Self::Thin(bot, _) => bot.leave(),
        }
    }

    pub(super) fn is_connected(&self) -> bool {
        match self {
            Self::Full(bot) => bot.session.is_connected(),
            Self::Thin(bot, _) => bot.dial.is_open(),
        }
    }

    pub(super) fn stats(&self) -> &Stats {
        match self {
            Self::Full(bot) => bot.session.stats(),
            Self::Thin(bot, _) => &bot.stats,
        }
    }

    /// The snapshots of the client, and the fields that it predicted wrong; `None` for a client that predicts nothing.
    pub(super) fn corrected_fields(&self) -> Option<(u64, Vec<CorrectedField>)> {
        match self {
            Self::Full(bot) => Some((bot.session.stats().snapshots, bot.session.corrected_fields())),
            Self::Thin(..) => None,
        }
    }

    pub(super) fn add_to(&self, totals: &mut Totals) {
        let (underruns, ear) = match self {
            Self::Full(bot) => (bot.session.interpolation().underruns(), &bot.ear),
            Self::Thin(bot, _) => (0, &bot.ear),
        };
        totals.add(self.stats(), underruns);
        ear.iter().for_each(|ear| totals.topic += ear.counts());
    }
}
