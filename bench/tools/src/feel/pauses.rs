//! The price of a pause: the network, the player's page or the server stands still for a while, and play goes on.
//!
//! ```text
//! warm-up → press (before) → pause → press at its end → one second after the end: press (after) → Press × 3 per room
//! ```
//!
//! A press is an input of a player who rests otherwise. It is measured twice: until the server has executed it in time,
//! and until the player's own figure has moved on screen. The press at the end of a pause says when play goes on; the
//! two others say whether everything is as before. The same presses are made in a game that sends snapshots
//! and in games that run in lockstep.
//!
//! Pauses are played over one link, [`PAUSED_LINK`], because they last much longer than anything that a link does.

use crate::harness::{Client, Pause, Play};
use crate::measure::Distribution;
use crate::report::Extent;
use serde::Serialize;
use std::array;
use tickwire::link::LinkProfile;
use tickwire::math::{Vec2, vec2};
use tickwire::{Pad, Rng, Stage};

/// The name of the link over which pauses are played: most people play over one like it.
pub const PAUSED_LINK: &str = "home";

/// A pause that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PauseProfile {
    /// The name in tables and reports.
    pub name: &'static str,
    /// What stands still.
    pub kind: Pause,
    /// How long it stands still.
    pub milliseconds: u32,
}

/// The pauses that are measured.
pub const PAUSES: [PauseProfile; 5] = [
    PauseProfile { name: "pause-1s", kind: Pause::Network, milliseconds: 1_000 },
    PauseProfile { name: "pause-3s", kind: Pause::Network, milliseconds: 3_000 },
    // The client gives up a connection that has been silent for six seconds.
    PauseProfile { name: "pause-8s", kind: Pause::Network, milliseconds: 8_000 },
    PauseProfile { name: "page-stall", kind: Pause::Device, milliseconds: 2_000 },
    PauseProfile { name: "server-stop", kind: Pause::Server, milliseconds: 1_000 },
];

/// The player that a pause befalls; a pause of the server befalls the others as well.
const PAUSED: usize = 0;

/// Players in a room: the one that is measured, and another one beside whom the room goes on.
const PLAYERS: usize = 2;

/// The shortest warm-up in milliseconds: clocks have settled by then, and a ship of arena is out of its shield.
const WARM_UP_MS: u32 = 4_000;

/// The warm-up is longer by up to so many milliseconds, so that pauses begin anywhere in a tick and in a frame.
const WARM_UP_SPREAD_MS: u32 = 1_000;

/// Milliseconds from the end of a pause until everything has to be as before.
const RECOVERY_MS: u32 = 1_000;

/// Milliseconds from the first press to the pause: the figure rests again, and its inputs have arrived.
const REST_MS: u32 = 600;

/// A press that has had no effect after this many milliseconds has none.
const PRESS_MS_MAX: u32 = 5_000;

/// A press that the server has executed moves the own figure within this many milliseconds, or not at all.
const MOVE_MS_MAX: u32 = 500;

/// Frames that a figure has to stand still for, to count as at rest.
const REST_FRAMES: u32 = 6;

/// Arrow keys: down, up, and in the end a way that each game's figure can go. A ship drifts along the axis that it was
/// pushed along, so that the last press has to use the other one.
const STICKS: [Vec2; 3] = [vec2(0.0, 1.0), vec2(0.0, -1.0), vec2(1.0, 1.0)];

/// The results of one kind of pause in one game.
#[derive(Debug, Clone, Serialize)]
pub struct PauseFeel {
    /// The pause's name.
    pub pause: &'static str,
    /// The game's name.
    pub game: &'static str,
    /// Whether the game runs in lockstep.
    pub lockstep: bool,
    /// Pauses that were played, each in a room of its own.
    pub pauses: u32,
    /// Pauses after which the first press was executed in time.
    pub gone_on: u32,
    /// Pauses that the player's connection survived.
    pub connections_kept: u32,
    /// Connections that the player needed above that, at the most in one pause.
    pub reconnects_max: u64,
    /// Times that another player of the room had to reconnect.
    pub other_reconnects: u64,
    /// From the end of the pause until the server executed an input that was made after it, in milliseconds.
    pub goes_on_ms: Extent<u64>,
    /// The same for an input before the pause.
    pub executed_before_ms: Extent<u64>,
    /// The same for an input one second after the end.
    pub executed_after_ms: Extent<u64>,
    /// Frames from an input before the pause until the own figure moved; 1 is the very next frame.
    pub frames_before: Extent<u64>,
    /// The same for an input one second after the end.
    pub frames_after: Extent<u64>,
    /// Figures that rested and then moved, out of two presses for each pause. A ship that was pushed by debris does not
    /// rest, and tells nothing.
    pub moved: u32,
    /// The mean input lead before the pause, in ticks.
    pub lead_before_ticks: f64,
    /// The mean input lead one second after the end, in ticks.
    pub lead_after_ticks: f64,
    /// By how many ticks the lead of one player differed at the most.
    pub lead_change_max_ticks: u64,
    /// Hashes compared with the server's.
    pub hashes_compared: u64,
    /// Compared hashes that differed, and messages that could not be used.
    pub hash_mismatches: u64,
}

/// Plays one pause in a game, in this many rooms.
#[must_use]
pub fn measure<G: Stage>(pause: PauseProfile, link: LinkProfile, rooms: u32, seed: u64) -> PauseFeel {
    let mut dice = Rng::new(seed);
    let mut sums = Sums::default();
    for _ in 0..rooms {
        Trial::<G>::new(link, dice.next_u64()).run(pause, &mut sums);
    }
    sums.feel(pause, G::RULES.name, G::RULES.is_lockstep())
}

/// One room with one pause.
struct Trial<G: Stage> {
    play: Play<G>,
    dice: Rng,
    eye: Eye,
}

/// Watches the own figure on screen.
#[derive(Default)]
struct Eye {
    at: Vec2,
    /// Frames for which the figure has not moved along each axis.
    still_frames: [u32; 2],
    /// The axes along which the figure rested when a press began.
    rested: [bool; 2],
    /// Frames since then; the frame in which the figure moved is the last that counts.
    frames: u64,
    has_moved: bool,
}

/// The effect of one press.
struct Press {
    /// Milliseconds until the server executed it in time; `None` for a press that it did not execute.
    executed_ms: Option<u64>,
    /// Frames until the own figure moved; `None` for a figure that had not rested, or did not move.
    frames: Option<u64>,
}

impl<G: Stage> Trial<G> {
    fn new(link: LinkProfile, seed: u64) -> Self {
        let mut play: Play<G> = Play::new(seed, PLAYERS, link);
        play.keeps_records = true;
        for (index, client) in play.clients.iter_mut().enumerate() {
            // In arena the other player's hands rest as well: a bot could shoot the figure that is watched. In lockstep
            // the other player is a bot, because a client takes ticks back for another player's inputs.
            let rests = index == PAUSED || !G::RULES.is_lockstep();
            client.hands = rests.then(|| G::controls(&Pad::default()));
        }
        Self { play, dice: Rng::new(!seed), eye: Eye::default() }
    }

    fn run(mut self, pause: PauseProfile, sums: &mut Sums) {
        let extra_ms = self.dice.below(WARM_UP_SPREAD_MS);
        self.wait(WARM_UP_MS + extra_ms);
        let before = self.press(STICKS[0]);
        let extra_ms = self.dice.below(WARM_UP_SPREAD_MS);
        self.wait(REST_MS + extra_ms);
        let welcomes =
            |play: &Play<G>| -> [u64; PLAYERS] { array::from_fn(|index| play.clients[index].session.stats().welcomes) };
        let (welcomes_before, lead_before) = (welcomes(&self.play), self.lead_ticks());
        self.play.pause(pause.kind, PAUSED, pause.milliseconds);
        self.wait(pause.milliseconds);
        let end_us = self.play.now_us();
        let at_end = self.press(STICKS[1]);
        let passed_ms = u32::try_from((self.play.now_us() - end_us) / 1_000).unwrap_or(RECOVERY_MS);
        self.wait(RECOVERY_MS.saturating_sub(passed_ms));
        let lead_after = self.lead_ticks();
        let after = self.press(STICKS[2]);
        self.wait(REST_MS);
        let welcomes_after = welcomes(&self.play);
        let more = |index: usize| welcomes_after[index] - welcomes_before[index];
        sums.presses(&[before, at_end, after]);
        sums.connections(more(PAUSED), (0..PLAYERS).filter(|index| *index != PAUSED).map(more).sum());
        sums.leads(lead_before, lead_after);
        sums.mismatches += self.play.counters.hash_mismatches;
        for client in &self.play.clients {
            let stats = client.session.stats();
            sums.hashes += stats.hashes_compared + stats.hash_mismatches;
            sums.mismatches += stats.hash_mismatches + stats.decode_errors;
        }
    }

    fn lead_ticks(&self) -> i64 {
        i64::from(self.play.clients[PAUSED].session.stats().input_lead_ticks)
    }

    fn wait(&mut self, milliseconds: u32) {
        let eye = &mut self.eye;
        self.play.watch_milliseconds(milliseconds, |index, client, now_us| eye.see(index, client, now_us));
        self.play.records.clear();
    }

    /// Holds the stick this way until the server has executed it and the own figure has moved.
    fn press(&mut self, stick: Vec2) -> Press {
        self.give(G::controls(&Pad { stick, ..Pad::default() }));
        self.eye.begin();
        let (mut executed_ms, mut gives_up_ms) = (None, PRESS_MS_MAX);
        for passed_ms in 1..=PRESS_MS_MAX {
            let starved = self.play.counters.starved_ticks;
            let eye = &mut self.eye;
            self.play.watch_milliseconds(1, |index, client, now_us| eye.see(index, client, now_us));
            let executed = self.is_executed();
            // An input that came late is repeated in the next ticks: play goes on only when an input is there for its
            // own tick.
            if executed && executed_ms.is_none() && self.play.counters.starved_ticks == starved {
                executed_ms = Some(u64::from(passed_ms));
                gives_up_ms = passed_ms + MOVE_MS_MAX;
            }
            if executed_ms.is_some() && self.eye.has_moved || passed_ms >= gives_up_ms {
                break;
            }
        }
        self.give(G::controls(&Pad::default()));
        let eye = &self.eye;
        Press { executed_ms, frames: eye.has_moved.then_some(eye.frames) }
    }

    /// Sets the input of the player from the next frame on, as a page does for every frame.
    fn give(&mut self, input: G::Input) {
        let client = &mut self.play.clients[PAUSED];
        client.hands = Some(input);
        client.session.push_input(input);
    }

    /// Whether the ticks since the last call had an input of the player that was not neutral.
    fn is_executed(&mut self) -> bool {
        let seat = self.play.clients[PAUSED].session.seat();
        let neutral = [G::Input::default(), G::controls(&Pad::default())];
        let actions = self.play.records.drain(..).flat_map(|record| record.actions);
        actions.filter(|(by, action)| Some(*by) == seat && !neutral.contains(&action.input)).count() > 0
    }
}

impl Eye {
    /// Looks at the own figure in a frame.
    fn see<G: Stage>(&mut self, index: usize, client: &mut Client<G>, now_us: u64) {
        if index != PAUSED {
            return;
        }
        let seat = client.session.seat();
        self.frames += u64::from(!self.has_moved);
        let Some(at) = client.session.view(now_us).zip(seat).and_then(|(world, seat)| world.figure(seat)?.at) else {
            return;
        };
        let moved = [at.x != self.at.x, at.y != self.at.y];
        for (still, moved) in self.still_frames.iter_mut().zip(moved) {
            *still = if moved { 0 } else { *still + 1 };
        }
        self.has_moved |= self.rested.iter().zip(moved).any(|(rested, moved)| *rested && moved);
        self.at = at;
    }

    /// Begins to count frames until the figure moves.
    fn begin(&mut self) {
        self.rested = self.still_frames.map(|frames| frames >= REST_FRAMES);
        (self.frames, self.has_moved) = (0, false);
    }
}

#[derive(Default)]
struct Sums {
    pauses: u32,
    kept: u32,
    reconnects_max: u64,
    other_reconnects: u64,
    gone_on: u32,
    moved: u32,
    executed_ms: [Distribution; 3],
    frames: [Distribution; 2],
    leads: [i64; 2],
    lead_change_max: u64,
    hashes: u64,
    mismatches: u64,
}

impl Sums {
    fn presses(&mut self, presses: &[Press; 3]) {
        self.pauses += 1;
        self.gone_on += u32::from(presses[1].executed_ms.is_some());
        for (spread, press) in self.executed_ms.iter_mut().zip(presses) {
            // A press without an effect counts as the slowest, so that it breaks the bounds.
            spread.record(press.executed_ms.unwrap_or_else(|| u64::from(PRESS_MS_MAX)));
        }
        // At the end of a pause a figure that stood still is set right: it moves, but not because of the press.
        for (spread, press) in self.frames.iter_mut().zip([&presses[0], &presses[2]]) {
            self.moved += u32::from(press.frames.is_some());
            press.frames.into_iter().for_each(|frames| spread.record(frames));
        }
    }

    fn connections(&mut self, own: u64, of_others: u64) {
        self.kept += u32::from(own == 0);
        self.reconnects_max = self.reconnects_max.max(own);
        self.other_reconnects += of_others;
    }

    fn leads(&mut self, before: i64, after: i64) {
        self.leads = [self.leads[0] + before, self.leads[1] + after];
        self.lead_change_max = self.lead_change_max.max(before.abs_diff(after));
    }

    fn feel(self, pause: PauseProfile, game: &'static str, lockstep: bool) -> PauseFeel {
        let [executed_before_ms, goes_on_ms, executed_after_ms] = self.executed_ms.map(|spread| spread.extent());
        let [frames_before, frames_after] = self.frames.map(|spread| spread.extent());
        let [lead_before_ticks, lead_after_ticks] = self.leads.map(|sum| sum as f64 / f64::from(self.pauses.max(1)));
        PauseFeel {
            pause: pause.name,
            game,
            lockstep,
            pauses: self.pauses,
            gone_on: self.gone_on,
            connections_kept: self.kept,
            reconnects_max: self.reconnects_max,
            other_reconnects: self.other_reconnects,
            goes_on_ms,
            executed_before_ms,
            executed_after_ms,
            frames_before,
            frames_after,
            moved: self.moved,
            lead_before_ticks,
            lead_after_ticks,
            lead_change_max_ticks: self.lead_change_max,
            hashes_compared: self.hashes,
            hash_mismatches: self.mismatches,
        }
    }
}
