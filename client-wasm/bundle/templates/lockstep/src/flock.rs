//! The sheep: they keep together, keep apart, and run from dogs.
//!
//! Each sheep looks at sums over the cells of a grid, not at every other sheep. The work of a tick
//! grows with their number, and not with its square.

use super::{BARK_TICKS, Dog, Happening, MEADOW, PEN, PENS, Sheep, TemplateGame};
use tickwire::math::{self, Vec2, vec2};
use tickwire::{Step, To};

const CELL: f32 = 40.0;
const COLUMNS: usize = 21;
const ROWS: usize = 15;
const _: () =
    assert!((COLUMNS - 1) as f32 * CELL >= MEADOW.x && (ROWS - 1) as f32 * CELL >= MEADOW.y);

/// Sheep run from a dog that is nearer than this, and from one that barks.
const FEAR: f32 = 62.0;
const BARK_FEAR: f32 = 130.0;
/// A bark frightens for so many ticks.
const BARK_LASTS: u8 = 12;
const SPEED_MAX: f32 = 3.0;
/// The part of its speed that a sheep keeps in a tick.
const EASE: f32 = 0.92;

/// The sheep of one cell.
#[derive(Clone, Copy, Default)]
struct Herd {
    count: f32,
    at: Vec2,
    velocity: Vec2,
}

/// All cells: the sums are made anew in each tick, and are no part of the world.
struct Field {
    herds: [[Herd; COLUMNS]; ROWS],
    /// The grid lies elsewhere in each tick, or the sheep would gather along its lines.
    shift: Vec2,
}

impl TemplateGame {
    pub(crate) fn move_sheep(&mut self, tick: &mut Step<'_, Self>) {
        let field = Field::survey(self.sheep.values(), tick.now().0);
        let mut penned = [0_u16; PENS.len()];
        for sheep in self.sheep.values_mut() {
            if let Some(pen) = sheep.pen.map(usize::from) {
                sheep.settle(PENS[pen], penned[pen]);
                penned[pen] += 1;
                continue;
            }
            sheep.walk(&field, &self.dogs);
            sheep.pen = pen_at(sheep.at, &self.dogs);
            if let Some(pen) = sheep.pen {
                tick.emit(To::Everyone, Happening::Penned { pen });
            }
        }
        for (dog, count) in self.dogs.iter_mut().zip(penned) {
            dog.score = count;
        }
    }
}

impl Field {
    fn survey<'a>(sheep: impl Iterator<Item = &'a Sheep>, tick: u32) -> Self {
        let [x, y] = [tick % 13 * 3, tick % 8 * 5];
        let shift = vec2(x as f32, y as f32);
        let mut field = Self {
            herds: [[Herd::default(); COLUMNS]; ROWS],
            shift,
        };
        for sheep in sheep.filter(|sheep| sheep.pen.is_none()) {
            let (column, row) = field.cell(sheep.at);
            let herd = &mut field.herds[row][column];
            herd.count += 1.0;
            herd.at += sheep.at;
            herd.velocity += sheep.velocity;
        }
        field
    }

    /// Column and row of a place.
    fn cell(&self, at: Vec2) -> (usize, usize) {
        let Vec2 { x, y } = (at + self.shift) / CELL;
        // The casts saturate, so that no place is outside.
        ((x as usize).min(COLUMNS - 1), (y as usize).min(ROWS - 1))
    }

    /// The sheep around a place: those of its cell and of the eight around it.
    fn around(&self, at: Vec2) -> Herd {
        let (column, row) = self.cell(at);
        let rows = &self.herds[row.saturating_sub(1)..(row + 2).min(ROWS)];
        let herds = rows
            .iter()
            .flat_map(|row| &row[column.saturating_sub(1)..(column + 2).min(COLUMNS)]);
        herds.fold(Herd::default(), |sum, herd| Herd {
            count: sum.count + herd.count,
            at: sum.at + herd.at,
            velocity: sum.velocity + herd.velocity,
        })
    }
}

impl Sheep {
    fn walk(&mut self, field: &Field, dogs: &[Dog]) {
        let many = field.around(self.at);
        let (middle, pace) = (many.at / many.count, many.velocity / many.count);
        self.velocity += (middle - self.at) * 0.0025 + (pace - self.velocity) * 0.1;
        let (column, row) = field.cell(self.at);
        let near = field.herds[row][column];
        // In a crowded cell each sheep moves away from the middle of the crowd.
        let crowd = math::min(math::max(near.count - 3.0, 0.0), 8.0);
        self.velocity +=
            math::limit_length(self.at - near.at / near.count, 12.0) * (crowd * 0.0016);
        for dog in dogs.iter().filter(|dog| dog.is_awake) {
            let barks = dog.bark_ticks > BARK_TICKS - BARK_LASTS;
            let reach = if barks { BARK_FEAR } else { FEAR };
            let away = self.at - dog.at;
            let distance = math::max(away.length(), 1.0);
            if distance < reach {
                self.velocity += away / distance * (0.75 * (1.0 - distance / reach) + 0.05);
            }
        }
        self.velocity = math::limit_length(self.velocity * EASE, SPEED_MAX);
        let next = self.at + self.velocity;
        self.at = next.clamp(Vec2::splat(7.0), MEADOW - Vec2::splat(7.0));
    }

    /// A sheep in a pen takes its place in the rows there.
    fn settle(&mut self, corner: Vec2, number: u16) {
        let inward = (MEADOW / 2.0 - corner).signum();
        let (row, column) = (number / 9, number % 9);
        let place = vec2(f32::from(column), f32::from(row % 9)) * 8.5 + Vec2::splat(8.0);
        let way = math::limit_length(corner + inward * place - self.at, 1.5);
        (self.at, self.velocity) = (self.at + way, way);
    }
}

/// The pen around a place. The pens of dogs that sleep are closed.
fn pen_at(at: Vec2, dogs: &[Dog]) -> Option<u8> {
    let is_in = |pen: &usize| dogs[*pen].is_awake && (at - PENS[*pen]).length() < PEN;
    (0..PENS.len())
        .find(is_in)
        .and_then(|pen| u8::try_from(pen).ok())
}
