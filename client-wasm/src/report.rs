//! Numbers for the network overlay and the list of players.

use crate::json::{Object, list};
use std::collections::VecDeque;
use tickwire::client::{CorrectedField, LinkState, Stats};
use tickwire::math::Vec2;
use tickwire::message::control::{Player, ResumeToken};
use tickwire::{Color, Figure, Seat, Tick};

/// Length of the window that rates cover, in microseconds.
const RATE_US: u64 = 1_000_000;

/// A correction counts as recent for this long, in microseconds, unless a larger one follows: the overlay reads it ten
/// times a second, and should miss none.
const RECENT_US: u64 = 150_000;

/// Corrected fields that the page is told at the most, the worst first: an author mends one after the other.
const CORRECTED_FIELDS_MAX: usize = 8;

/// The state of a session at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    pub(crate) seat: Option<Seat>,
    pub(crate) resume: Option<ResumeToken>,
    pub(crate) connected: bool,
    pub(crate) link: LinkState,
    /// All players in the room, each with place, score and colour in the picture; `None` for a player not in it.
    pub(crate) players: Vec<(Player, Option<Figure>)>,
    /// The newest tick that the server sent.
    pub(crate) tick: Tick,
    /// The tick that is predicted.
    pub(crate) predicted_tick: Tick,
    /// Ticks between the view of others and the newest tick that the server sent.
    pub(crate) margin_ticks: f64,
    pub(crate) jitter_us: f64,
    /// Frames that showed others beyond the newest snapshot, because there was no newer one to interpolate to.
    pub(crate) underruns: u64,
    /// Underrun frames in which others stood still.
    pub(crate) stood_still: u64,
    /// The largest correction of the last 150 ms.
    pub(crate) correction_units: f32,
    pub(crate) stats: Stats,
}

/// The word for the state of a connection, as the page knows it.
pub(crate) const fn link_word(link: LinkState) -> &'static str {
    match link {
        LinkState::Connecting => "connecting",
        LinkState::Fine => "fine",
        LinkState::Quiet { .. } => "quiet",
        LinkState::Silent { .. } => "silent",
        LinkState::Unreachable => "offline",
        LinkState::Reconnecting { .. } => "reconnecting",
        LinkState::Over => "over",
    }
}

/// The page's own knowledge of the connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wire<'a> {
    pub(crate) game: &'a str,
    pub(crate) code: &'a str,
    pub(crate) bytes_in_per_s: u64,
    pub(crate) bytes_out_per_s: u64,
}

impl Report {
    fn is_me(&self, player: &Player) -> bool {
        self.seat == Some(player.seat)
    }

    /// `[{seat, name, color, score, me, bot, connected}]`, by seat.
    pub(crate) fn players(&self) -> String {
        list(self.players.iter().map(|(player, figure)| {
            let mut json = Object::new();
            json.number("seat", player.seat.number().into());
            json.text("name", &player.name);
            json.text("color", &color(player.seat, *figure));
            json.signed("score", figure.map_or(0, |figure| figure.score));
            json.flag("me", self.is_me(player));
            json.flag("bot", player.bot);
            json.flag("connected", !player.away);
            json.end()
        }))
    }

    /// The object of `window.tickwire.stats()`; `corrected` are the fields that were predicted wrongly, the worst first.
    pub(crate) fn stats(&self, wire: &Wire<'_>, corrected: &[CorrectedField]) -> String {
        let stats = &self.stats;
        let shown = |me: bool| {
            let placed = |(player, figure): &(Player, Option<Figure>)| Some((player.seat, (*figure)?.at?));
            self.players.iter().filter(move |(player, _)| self.is_me(player) == me).filter_map(placed)
        };
        let (silence_us, tries) = match self.link {
            LinkState::Quiet { silence_us } | LinkState::Silent { silence_us } => (silence_us, 0),
            // The attempt that is under way counts.
            LinkState::Reconnecting { attempts } => (0, attempts),
            LinkState::Connecting | LinkState::Fine | LinkState::Unreachable | LinkState::Over => (0, 0),
        };
        let mut json = Object::new();
        json.text("game", wire.game);
        json.text("code", wire.code);
        json.number_or_null("seat", self.seat.map(|seat| seat.number().into()));
        json.number("players", self.players.len() as u64);
        json.number("tick", self.tick.0.into());
        json.number("predicted_tick", self.predicted_tick.0.into());
        json.decimal("rtt_ms", milliseconds(stats.rtt_us));
        json.decimal("jitter_ms", self.jitter_us / 1_000.0);
        json.signed("input_lead_ticks", stats.input_lead_ticks.into());
        json.number("rollbacks", stats.rollbacks);
        json.number("rollback_ticks_max", stats.rollback_ticks_max.into());
        json.decimal("correction_units_max", stats.correction_units_max.into());
        json.number("snapshots", stats.snapshots);
        json.number("bytes_in_per_s", wire.bytes_in_per_s);
        json.number("hash_tick", stats.hash_tick.into());
        json.number("hashes_compared", stats.hashes_compared);
        json.number("mismatches", stats.hash_mismatches);
        json.number("desyncs", stats.desyncs);
        json.number("desyncs_healed", stats.desyncs_healed);
        json.flag("connected", self.connected);
        json.text("link", link_word(self.link));
        json.decimal("silent_ms", milliseconds(silence_us));
        json.number("tries", tries.into());
        json.raw("own", &shown(true).next().map_or_else(|| "null".into(), |(_, at)| place(None, at)));
        json.raw("others", &list(shown(false).map(|(seat, at)| place(Some(seat), at))));
        json.number("bytes_out_per_s", wire.bytes_out_per_s);
        json.decimal("margin_ticks", self.margin_ticks);
        json.decimal("correction_units", self.correction_units.into());
        json.number("starved_ticks", stats.starved_ticks);
        json.number("underruns", self.underruns);
        json.number("stood_still", self.stood_still);
        json.number("keyframes", stats.keyframes);
        json.number("decode_errors", stats.decode_errors);
        json.number("welcomes", stats.welcomes);
        json.raw("corrected_fields", &list(corrected.iter().take(CORRECTED_FIELDS_MAX).map(corrected_field)));
        json.end()
    }
}

/// `{seat, x, y}`, without a seat for the player itself.
fn place(seat: Option<Seat>, at: Vec2) -> String {
    let mut json = Object::new();
    if let Some(seat) = seat {
        json.number("seat", seat.number().into());
    }
    json.decimal("x", at.x.into());
    json.decimal("y", at.y.into());
    json.end()
}

fn corrected_field(corrected: &CorrectedField) -> String {
    let mut json = Object::new();
    json.text("field", &corrected.field);
    json.number("snapshots", corrected.snapshots);
    json.number("of", corrected.of);
    json.decimal("units_mean", corrected.units_mean.into());
    json.decimal("units_max", corrected.units_max.into());
    json.flag("unpredictable", corrected.is_unpredictable());
    json.end()
}

/// The value is far below 2⁵³ µs, which is three centuries.
const fn milliseconds(us: u64) -> f64 {
    us as f64 / 1_000.0
}

/// Bytes of the last second.
#[derive(Debug, Default)]
pub(crate) struct Rate {
    recent: VecDeque<(u64, u64)>,
}

impl Rate {
    pub(crate) fn add(&mut self, bytes: usize, now_us: u64) {
        self.recent.push_back((now_us, bytes as u64));
        while self.recent.front().is_some_and(|(at_us, _)| now_us.saturating_sub(*at_us) >= RATE_US) {
            self.recent.pop_front();
        }
    }

    pub(crate) fn per_s(&self, now_us: u64) -> u64 {
        let recent = self.recent.iter().filter(|(at_us, _)| now_us.saturating_sub(*at_us) < RATE_US);
        recent.map(|(_, bytes)| bytes).sum()
    }
}

/// The largest of the recent values.
#[derive(Debug, Default)]
pub(crate) struct Peak {
    value: f32,
    since_us: u64,
}

impl Peak {
    pub(crate) fn add(&mut self, value: f32, now_us: u64) {
        if value >= self.value || now_us.saturating_sub(self.since_us) > RECENT_US {
            (self.value, self.since_us) = (value, now_us);
        }
    }

    pub(crate) const fn value(&self) -> f32 {
        self.value
    }
}

/// The colour that games draw this seat's player in, in CSS notation.
fn color(seat: Seat, figure: Option<Figure>) -> String {
    let color = figure.map_or_else(|| Color::of_seat(seat), |figure| figure.color);
    format!("#{:06x}", color.rgb)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tickwire::math::vec2;

    fn report() -> Report {
        let player = |number: u8, away| Player {
            seat: Seat::new(number).unwrap(),
            name: format!("p\"{number}"),
            bot: number == 2,
            away,
        };
        let figure =
            |x: Option<f32>, score| Some(Figure { at: x.map(|x| vec2(x, -0.5)), score, color: Color::new(0x0b_70ff) });
        Report {
            seat: Seat::new(1),
            resume: None,
            connected: true,
            link: LinkState::Silent { silence_us: 2_500_000 },
            players: vec![
                (player(0, true), figure(Some(1.0), -3)),
                (player(1, false), figure(Some(2.25), 4)),
                (player(2, false), None),
            ],
            tick: Tick(100),
            predicted_tick: Tick(104),
            margin_ticks: 2.5,
            jitter_us: 1_500.0,
            underruns: 3,
            stood_still: 1,
            correction_units: f32::NAN,
            stats: Stats { rtt_us: 40_250, input_lead_ticks: -2, snapshots: 90, hash_tick: 100, ..Stats::default() },
        }
    }

    #[test]
    fn the_overlay_gets_every_number_that_it_shows() {
        let wire = Wire { game: "dot", code: "C4FK9T", bytes_in_per_s: 900, bytes_out_per_s: 300 };
        let corrected = CorrectedField {
            field: "dots.shown".into(),
            snapshots: 40,
            of: 50,
            units_mean: 5.4,
            units_max: 9.25,
            changes: 50,
            wrong_changes: 40,
        };
        let stats: serde_json::Value = serde_json::from_str(&report().stats(&wire, &[corrected])).unwrap();
        let promised = serde_json::json!({
            "game": "dot", "code": "C4FK9T", "seat": 1, "players": 3, "tick": 100, "predicted_tick": 104,
            "rtt_ms": 40.25, "jitter_ms": 1.5, "input_lead_ticks": -2, "rollbacks": 0, "rollback_ticks_max": 0,
            "correction_units_max": 0.0, "snapshots": 90, "bytes_in_per_s": 900, "hash_tick": 100,
            "hashes_compared": 0, "mismatches": 0, "connected": true, "own": { "x": 2.25, "y": -0.5 },
            "others": [{ "seat": 0, "x": 1.0, "y": -0.5 }],
            "corrected_fields": [{
                "field": "dots.shown", "snapshots": 40, "of": 50, "units_mean": 5.4, "units_max": 9.25,
                "unpredictable": true,
            }],
        });
        for (name, value) in promised.as_object().unwrap() {
            assert_eq!(stats[name], *value, "{name}");
        }
        assert_eq!((stats["margin_ticks"].as_f64(), stats["correction_units"].as_f64()), (Some(2.5), None));
    }

    #[test]
    fn before_the_first_welcome_no_player_has_a_position() {
        let nobody = Report { seat: None, connected: false, players: Vec::new(), ..report() };
        let wire = Wire { game: "dot", code: "C4FK9T", bytes_in_per_s: 0, bytes_out_per_s: 0 };
        let stats: serde_json::Value = serde_json::from_str(&nobody.stats(&wire, &[])).unwrap();
        assert!(stats["own"].is_null() && stats["seat"].is_null());
        assert_eq!((&stats["others"], &stats["connected"]), (&serde_json::json!([]), &false.into()));
    }

    #[test]
    fn a_player_without_a_place_has_a_score_all_the_same() {
        let nowhere = |score| Some(Figure { at: None, score, color: Color::new(0x0b_70ff) });
        let mut cards = report();
        cards.players.iter_mut().for_each(|(player, figure)| *figure = nowhere(10 + i32::from(player.seat.number())));
        let wire = Wire { game: "dot", code: "C4FK9T", bytes_in_per_s: 0, bytes_out_per_s: 0 };
        let stats: serde_json::Value = serde_json::from_str(&cards.stats(&wire, &[])).unwrap();
        assert_eq!((&stats["own"], &stats["others"]), (&serde_json::Value::Null, &serde_json::json!([])));
        let players: serde_json::Value = serde_json::from_str(&cards.players()).unwrap();
        assert_eq!((&players[1]["score"], &players[1]["color"]), (&11.into(), &"#0b70ff".into()));
    }

    #[test]
    fn players_are_listed_with_score_and_state() {
        let players: serde_json::Value = serde_json::from_str(&report().players()).unwrap();
        let expected = serde_json::json!([
            { "seat": 0, "name": "p\"0", "color": "#0b70ff", "score": -3, "me": false, "bot": false, "connected": false },
            { "seat": 1, "name": "p\"1", "color": "#0b70ff", "score": 4, "me": true, "bot": false, "connected": true },
            { "seat": 2, "name": "p\"2", "color": "#b4f25c", "score": 0, "me": false, "bot": true, "connected": true },
        ]);
        assert_eq!(players, expected);
    }

    #[test]
    fn rates_are_those_of_the_last_second() {
        let mut rate = Rate::default();
        (0..30).for_each(|step| rate.add(10, step * 100_000));
        assert_eq!(rate.per_s(2_900_000), 100);
        assert_eq!(rate.per_s(3_400_000), 50);
        assert_eq!(rate.per_s(9_000_000), 0);
    }

    #[test]
    fn a_peak_is_seen_for_a_moment() {
        let mut peak = Peak::default();
        peak.add(3.0, 0);
        peak.add(1.0, 100_000);
        assert_eq!(peak.value(), 3.0);
        peak.add(0.5, 200_000);
        assert_eq!(peak.value(), 0.5);
    }
}
