//! A grid over the field that finds the circles near a place without a look at all of them.
//!
//! The grid is rebuilt in every tick, in the memory of the last one: a warm room allocates nothing. A large circle has
//! an entry in each cell that it touches, so a search may yield it twice. The order of a search depends on nothing but
//! the order of insertion.

use alloc::vec::Vec;
use tickwire::RowId;
use tickwire::math::{self, Vec2};

/// Width and height of a cell: the path of a shot in one tick mostly stays within one cell.
const CELL: f32 = 128.0;
/// Cells in each direction; the largest field is 4,096 units wide.
const CELLS: usize = 32;
/// Marks the end of a cell's list.
const END: u16 = u16::MAX;

/// A row that takes up room.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Circle {
    pub(super) id: RowId,
    pub(super) at: Vec2,
    pub(super) radius: f32,
}

/// Circles by the cells that they are in. A search in a grid that was never cleared finds nothing.
#[derive(Clone, Default)]
pub(super) struct Grid {
    heads: Vec<u16>,
    /// Each circle with the index of the next entry of its cell.
    entries: Vec<(Circle, u16)>,
}

impl Grid {
    /// Makes the grid empty.
    pub(super) fn clear(&mut self) {
        self.heads.clear();
        self.heads.resize(CELLS * CELLS, END);
        self.entries.clear();
    }

    /// Enters a circle in the cell of its centre: a search for it must add its radius to the reach.
    pub(super) fn insert_centre(&mut self, circle: Circle) {
        self.enter(circle, cell(circle.at.y) * CELLS + cell(circle.at.x));
    }

    /// Enters a circle in every cell that it touches.
    pub(super) fn insert_whole(&mut self, circle: Circle) {
        let mut cells = Cells::around(circle.at, circle.at, circle.radius);
        while let Some(cell) = cells.next() {
            self.enter(circle, cell);
        }
    }

    fn enter(&mut self, circle: Circle, cell: usize) {
        if let (Some(head), Ok(number)) = (self.heads.get_mut(cell), u16::try_from(self.entries.len())) {
            self.entries.push((circle, *head));
            *head = number;
        }
    }

    /// The circles that may come nearer than `reach` to the straight line between two points, and some others.
    pub(super) fn near(&self, from: Vec2, to: Vec2, reach: f32) -> Near<'_> {
        Near { grid: self, cells: Cells::around(from, to, reach), entry: END }
    }
}

/// Circles of a few neighbouring cells.
pub(super) struct Near<'a> {
    grid: &'a Grid,
    cells: Cells,
    /// The next entry of this cell.
    entry: u16,
}

impl<'a> Iterator for Near<'a> {
    type Item = &'a Circle;

    fn next(&mut self) -> Option<&'a Circle> {
        while self.entry == END {
            self.entry = *self.grid.heads.get(self.cells.next()?)?;
        }
        let (circle, next) = &self.grid.entries[usize::from(self.entry)];
        self.entry = *next;
        Some(circle)
    }
}

/// The column or the row of a place. The cast saturates: a place outside of the field is in its outermost cells.
const fn cell(at: f32) -> usize {
    let cell = (at * (1.0 / CELL)) as u32 as usize;
    if cell < CELLS { cell } else { CELLS - 1 }
}

/// The cells that a box touches, row by row.
struct Cells {
    left: usize,
    right: usize,
    column: usize,
    row: usize,
    bottom: usize,
}

impl Cells {
    /// The cells of the box around two points, `reach` wider on all sides.
    fn around(from: Vec2, to: Vec2, reach: f32) -> Self {
        let (left, right) = (cell(math::min(from.x, to.x) - reach), cell(math::max(from.x, to.x) + reach));
        let (top, bottom) = (cell(math::min(from.y, to.y) - reach), cell(math::max(from.y, to.y) + reach));
        Self { left, right, column: left, row: top, bottom }
    }

    const fn next(&mut self) -> Option<usize> {
        if self.row > self.bottom {
            return None;
        }
        let cell = self.row * CELLS + self.column;
        if self.column < self.right {
            self.column += 1;
        } else {
            (self.column, self.row) = (self.left, self.row + 1);
        }
        Some(cell)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arena::distance;
    use tickwire::Rng;
    use tickwire::math::vec2;

    #[test]
    fn a_circle_near_a_path_is_found_wherever_it_is() {
        let mut dice = Rng::new(3);
        let mut anywhere = |reach: f32| vec2(dice.range(-reach, 4_096.0), dice.range(-reach, 4_096.0));
        let circles: Vec<Circle> = (0..60_u16)
            .map(|slot| {
                let radius = f32::from(slot % 7) * 20.0;
                Circle { id: RowId { slot, generation: 0 }, at: anywhere(0.0), radius }
            })
            .collect();
        let mut grid = Grid::default();
        assert_eq!(grid.near(Vec2::ZERO, vec2(900.0, 900.0), 1.0).count(), 0);
        grid.clear();
        circles.iter().for_each(|circle| grid.insert_whole(*circle));
        let mut found = 0;
        for _ in 0..2_000 {
            let (from, way) = (anywhere(50.0), anywhere(0.0) / 40.0);
            let to = from + way;
            for circle in &circles {
                if distance(circle.at, from, to) < circle.radius + 12.0 {
                    found += 1;
                    assert!(
                        grid.near(from, to, 12.0).any(|near| near.id == circle.id),
                        "{circle:?} from {from} to {to}"
                    );
                }
            }
        }
        assert!(found > 50, "only {found} circles were near a path");
        assert!(grid.near(Vec2::NAN, Vec2::INFINITY, f32::NAN).count() <= circles.len());
    }
}
