//! Sparks in flight: the sparks that events throw off, drawn over the world until they have died down.
//!
//! They are presentation only. A burst is kept as it was thrown; the places of its sparks follow from its age.

use super::{Burst, Scene};
use crate::math;
use alloc::collections::VecDeque;

/// Bursts that are drawn at once at the most; the oldest bursts are dropped first.
const BURSTS_MAX: usize = 64;

/// The golden angle, in radians: it spreads any number of sparks evenly.
const SPREAD: f32 = 2.399_963;

/// The bursts that are still to be seen.
#[derive(Debug, Clone, Default)]
pub struct Sparks {
    /// Each burst with the number of its event and the time at which it happened, in microseconds.
    bursts: VecDeque<(u32, Burst, u64)>,
}

impl Sparks {
    /// A burst begins now, because of the event with this number.
    pub fn add(&mut self, id: u32, burst: Burst, now_us: u64) {
        if self.bursts.len() == BURSTS_MAX {
            self.bursts.pop_front();
        }
        self.bursts.push_back((id, burst, now_us));
    }

    /// The event with this number was cancelled: it did not happen after all.
    pub fn take_back(&mut self, id: u32) {
        self.bursts.retain(|(known, ..)| *known != id);
    }

    /// Draws the bursts that still glow, and forgets the others.
    pub fn draw(&mut self, now_us: u64, scene: &mut Scene) {
        let age = |burst: &Burst, since_us: u64| {
            let lasts_us = f32::from(burst.ms.max(1)) * 1_000.0;
            now_us.saturating_sub(since_us) as f32 / lasts_us
        };
        self.bursts.retain(|(_, burst, since_us)| age(burst, *since_us) < 1.0);
        for (_, burst, since_us) in &self.bursts {
            burst.draw(age(burst, *since_us), *since_us, scene);
        }
    }
}

impl Burst {
    /// Draws the burst at `age`, which goes from 0 to 1.
    fn draw(&self, age: f32, since_us: u64, scene: &mut Scene) {
        let left = 1.0 - age;
        let gone = 1.0 - left * left * left;
        // The time of a burst turns it, so that no two bursts look alike.
        let turn = (since_us % 6_283) as f32 / 1_000.0;
        let ink = self.color.fade(self.color.alpha * left);
        scene.glow(self.at, self.reach * (0.3 + 0.3 * gone), ink.fade(0.6 * ink.alpha));
        for spark in 0..self.sparks {
            let angle = turn + f32::from(spark) * SPREAD;
            let speed = 0.35 + 0.65 * math::sin(angle * 7.3).abs();
            let way = math::heading(angle);
            let tip = self.at + way * (self.reach * gone * speed);
            scene.line(tip - way * (self.reach * 0.22 * left * speed), tip, 0.6 + 1.4 * left, ink);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::Vec2;
    use crate::stage::Color;

    const BURST: Burst = Burst { at: Vec2::ZERO, color: Color::new(0xff_ffff), sparks: 5, reach: 20.0, ms: 400 };

    fn drawn(sparks: &mut Sparks, now_us: u64) -> usize {
        let mut scene = Scene::default();
        sparks.draw(now_us, &mut scene);
        scene.commands().len()
    }

    #[test]
    fn a_burst_is_seen_until_it_has_died_down() {
        let mut sparks = Sparks::default();
        sparks.add(1, BURST, 1_000_000);
        assert!(drawn(&mut sparks, 1_000_000) > 0);
        assert!(drawn(&mut sparks, 1_399_000) > 0);
        assert_eq!(drawn(&mut sparks, 1_400_000), 0);
        assert!(sparks.bursts.is_empty());
    }

    #[test]
    fn a_burst_that_is_taken_back_is_gone_and_the_others_stay() {
        let mut sparks = Sparks::default();
        sparks.add(7, BURST, 0);
        let one = drawn(&mut sparks, 1_000);
        sparks.add(8, BURST, 0);
        sparks.take_back(7);
        sparks.take_back(9);
        assert_eq!(drawn(&mut sparks, 1_000), one);
        sparks.take_back(8);
        assert_eq!(drawn(&mut sparks, 1_000), 0);
    }

    #[test]
    fn the_oldest_of_too_many_bursts_are_not_seen() {
        let mut sparks = Sparks::default();
        (0..1_000).for_each(|n| sparks.add(n, BURST, u64::from(n)));
        let one = drawn(
            &mut {
                let mut one = Sparks::default();
                one.add(1, BURST, 0);
                one
            },
            1_000,
        );
        assert_eq!(drawn(&mut sparks, 1_000), one * BURSTS_MAX);
    }
}
