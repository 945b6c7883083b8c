//! Armies without a player, and bots: such an army sends its units by itself, while a bot has nothing but a player's
//! inputs.

use super::hand::map_point;
use super::{ARMIES, Grip, Hand, Phase, Swarm, VIEW, home, well_at};
use tickwire::math::{Vec2, vec2};
use tickwire::{Rng, Seat, Step};

/// Ticks from one order of an army without a player to its next.
const THINK_TICKS: usize = 100;
/// A bot rests this long after an order.
const REST_TICKS: u8 = 50;

impl Swarm {
    /// The well that is worth a try: one near home, one that another army holds, or one that the dice favour.
    fn choose(&self, army: usize, dice: &mut Rng) -> Vec2 {
        let cost = |(number, well): (usize, &super::Well), dice: &mut Rng| {
            let own = if well.owner.is_some_and(|owner| usize::from(owner) == army) { 500.0 } else { 0.0 };
            (well_at(number) - home(army)).length() + own + dice.range(0.0, 700.0)
        };
        let mut best = (f32::INFINITY, 0);
        for (number, well) in self.wells.iter().enumerate() {
            let cost = cost((number, well), dice);
            if cost < best.0 {
                best = (cost, number);
            }
        }
        well_at(best.1)
    }

    /// An army without a player sends two thirds of its units somewhere, now and then.
    pub(super) fn fend(&mut self, army: usize, tick: &mut Step<'_, Self>) {
        let is_time = (tick.now().0 as usize + army * THINK_TICKS / ARMIES).is_multiple_of(THINK_TICKS);
        if !is_time || self.phase != Phase::Play {
            return;
        }
        let place = self.choose(army, tick.rng());
        let part = tick.rng().below(3) as usize;
        for (turn, unit) in self.units.values_mut().skip(army).step_by(ARMIES).enumerate() {
            unit.is_selected = unit.is_alive() && turn % 3 != part;
        }
        self.send(army, place);
        self.select(army, |_| false);
    }

    /// The input of a bot: the world shows how far the bot has come with the action that it began.
    pub(super) fn guess(&self, me: Seat, dice: &mut Rng) -> Hand {
        let Some(army) = self.armies.get(me.index()) else { return Hand::default() };
        let hand = |point: Vec2| Hand { point: Some(point), ..Hand::default() };
        match army.grip {
            Grip::Box { from } if army.cursor == from => {
                Hand { press: true, ..hand(from + VIEW * vec2(0.8, 0.35) - army.eye) }
            }
            Grip::Free if army.order_ticks >= REST_TICKS && dice.one_in(8) => match dice.below(5) {
                0 => Hand { all: true, ..Hand::default() },
                // The box begins at the lower left, out of the map's way.
                1 => Hand { press: true, ..hand(VIEW * vec2(-0.4, 0.1)) },
                2 => Hand { press: true, ..hand(map_point(home(me.index()))) },
                _ => Hand { order: true, ..hand(map_point(self.choose(me.index(), dice))) },
            },
            _ => Hand::default(),
        }
    }
}
