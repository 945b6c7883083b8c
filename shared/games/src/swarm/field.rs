//! The search for neighbours: scratch memory of a step, filled from the units at its beginning, and no part of the
//! state.
//!
//! Living units are sorted by cell, row by row, so that all neighbours lie in a few runs of memory.

use super::{ARMIES, SIZE, Unit};
use alloc::vec::Vec;
use tickwire::math::Vec2;
use tickwire::state::Fields;
use tickwire::{State, Table};

/// Nearly twice the distance that two units keep: the units in the way of one are mostly found in two rows of two
/// cells.
const CELL: f32 = 16.0;
const CELLS: usize = (SIZE / CELL) as usize;
/// Wider than units see: a unit without an enemy in the blocks around it sees none.
const BLOCK: f32 = 64.0;
const BLOCKS: usize = (SIZE / BLOCK) as usize;

/// A living unit as others see it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Body {
    pub(super) at: Vec2,
    pub(super) number: u16,
}

impl Body {
    pub(super) const fn army(&self) -> usize {
        self.number as usize % ARMIES
    }
}

/// The units of the last tick by cells, and the hits that they take in this one.
#[derive(Clone, Default)]
pub(super) struct Field {
    /// The index at which the bodies of each cell begin, and the one at which those of the last cell end.
    starts: Vec<u16>,
    bodies: Vec<Body>,
    /// The place of each unit by its number; a dead unit is at infinity.
    places: Vec<Vec2>,
    /// The hits on each unit by its number.
    pub(super) hits: Vec<u8>,
    /// The armies that are in each block, a bit for each army.
    armies: Vec<u8>,
}

impl State for Field {
    const WIDTH: usize = 0;
    fn describe(_: &mut Fields<'_>) {}
    fn gather(&self, _: &mut [u32]) {}
    fn scatter(&mut self, _: &[u32]) {}
}

/// The casts saturate: a place outside of the world is in its outermost cells.
fn column(at: f32, width: f32, count: usize) -> usize {
    ((at * (1.0 / width)) as u32 as usize).min(count - 1)
}

fn cell(at: Vec2) -> usize {
    column(at.y, CELL, CELLS) * CELLS + column(at.x, CELL, CELLS)
}

impl Field {
    /// Enters the places of all units. This is a counting sort: the first pass counts the units of each cell, the sums
    /// of the counts are the ends of the cells, and the last pass puts each unit in its cell. Bodies are in the order
    /// of their numbers within a cell, so that every machine finds the same neighbours in the same order.
    pub(super) fn survey(&mut self, units: &Table<Unit>) {
        self.starts.clear();
        self.starts.resize(CELLS * CELLS + 1, 0);
        self.armies.clear();
        self.armies.resize(BLOCKS * BLOCKS, 0);
        self.hits.clear();
        self.hits.resize(units.len(), 0);
        self.places.clear();
        self.places.extend(units.values().map(|unit| if unit.hp > 0 { unit.at } else { Vec2::INFINITY }));
        let mut living = 0;
        for (number, at) in self.places.iter().enumerate().filter(|(_, at)| at.is_finite()) {
            self.starts[cell(*at)] += 1;
            let block = column(at.y, BLOCK, BLOCKS) * BLOCKS + column(at.x, BLOCK, BLOCKS);
            self.armies[block] |= 1 << (number % ARMIES);
            living += 1;
        }
        let mut end = 0;
        for start in &mut self.starts {
            end += *start;
            *start = end;
        }
        self.bodies.clear();
        self.bodies.resize(living, Body::default());
        // The units are entered from the last to the first: each cell's start moves down from its end, and its bodies
        // end up in the order of their numbers.
        for (number, at) in (0..u16::MAX).zip(&self.places).rev().filter(|(_, at)| at.is_finite()) {
            let start = &mut self.starts[cell(*at)];
            *start -= 1;
            self.bodies[usize::from(*start)] = Body { at: *at, number };
        }
    }

    /// The place of a unit; far away from everything if the unit is dead.
    pub(super) fn place(&self, number: usize) -> Vec2 {
        self.places.get(number).copied().unwrap_or(Vec2::INFINITY)
    }

    /// The units in the cells that a square around a place touches, in runs of memory.
    pub(super) fn near(&self, at: Vec2, reach: f32) -> impl Iterator<Item = &[Body]> {
        let (left, right) = (column(at.x - reach, CELL, CELLS), column(at.x + reach, CELL, CELLS));
        let (top, bottom) = (column(at.y - reach, CELL, CELLS), column(at.y + reach, CELL, CELLS));
        (top..=bottom).map(move |row| {
            let run = self.starts[row * CELLS + left]..self.starts[row * CELLS + right + 1];
            &self.bodies[usize::from(run.start)..usize::from(run.end)]
        })
    }

    /// Whether a unit of another army may be within [`BLOCK`] of a place.
    pub(super) fn has_enemies(&self, at: Vec2, army: usize) -> bool {
        let (x, y) = (column(at.x, BLOCK, BLOCKS), column(at.y, BLOCK, BLOCKS));
        (y.saturating_sub(1)..(y + 2).min(BLOCKS)).any(|row| {
            let blocks = &self.armies[row * BLOCKS + x.saturating_sub(1)..row * BLOCKS + (x + 2).min(BLOCKS)];
            blocks.iter().any(|armies| armies & !(1 << army) != 0)
        })
    }

    /// The nearest unit of another army.
    pub(super) fn nearest_enemy(&self, at: Vec2, army: usize, reach: f32) -> Option<u16> {
        let mut nearest = (reach * reach, None);
        for run in self.near(at, reach) {
            for body in run {
                let squared = (body.at - at).length_squared();
                if squared < nearest.0 && body.army() != army {
                    nearest = (squared, Some(body.number));
                }
            }
        }
        nearest.1
    }

    /// The push away from units that are too near; the nearer they are, the stronger it is.
    pub(super) fn push(&self, at: Vec2, room: f32) -> Vec2 {
        let (mut push, part) = (Vec2::ZERO, 1.0 / (room * room));
        for run in self.near(at, room) {
            for body in run {
                let way = at - body.at;
                let near = 1.0 - way.length_squared() * part;
                // The unit itself is at distance zero, so it does not push itself.
                if near > 0.0 {
                    push += way * near;
                }
            }
        }
        push
    }
}
