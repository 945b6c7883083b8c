//! The games, each with its mistake, and the check that finds it.

use std::cell::Cell;
use std::collections::HashSet;
use tickwire::math::Vec2;
use tickwire::state::Fields;
use tickwire::{Game, Leave, Rules, Seat, State, Step};

/// Asks the standard library for a sine, which is not the same natively as in WebAssembly.
#[derive(State, Clone, Default)]
pub struct Sine {
    #[state(range = 0.0..=1.0, step = 0.0009765625)]
    noise: f32,
}

/// Depends on the order of a hash set.
#[derive(State, Clone, Default)]
pub struct Order {
    first: u8,
}

/// Normalizes a vector of no length in tick 20.
#[derive(State, Clone, Default)]
pub struct NoNumber {
    #[state(range = -8.0..=8.0, step = 0.5)]
    velocity: Vec2,
}

/// Has a wire form that is written by hand, and that does not put `charge` back.
#[derive(Clone, Default)]
pub struct Forgetful {
    ticks: u8,
    charge: u8,
}

/// Has a field beside its wire form, on which the other fields depend.
#[derive(Clone, Default)]
pub struct Hidden {
    height: u8,
    pace: u8,
}

/// Counts outside of the world.
#[derive(State, Clone, Default)]
pub struct Counter {
    steps: u32,
}

/// Remembers outside of the world which tick was the newest: this is right until a tick is rolled back.
#[derive(State, Clone, Default)]
pub struct Remembering {
    ahead: u32,
}

thread_local! {
    static STEPS: Cell<u32> = const { Cell::new(0) };
    static NEWEST: Cell<u32> = const { Cell::new(0) };
}

/// Games that consist of a step alone.
macro_rules! games {
    ($($game:ident $name:literal: $step:expr;)*) => {$(
        impl Game for $game {
            type Input = ();
            type Event = ();
            type Options = ();
            const RULES: Rules = Rules::new($name, 30);
            fn new((): &()) -> Self {
                Self::default()
            }
            fn join(&mut self, _: Seat) {}
            fn leave(&mut self, _: Seat, _: Leave) {}
            fn step(&mut self, tick: &mut Step<'_, Self>) {
                let step: fn(&mut Self, u32) = $step;
                step(self, tick.now().0);
            }
        }
    )*};
}

games! {
    Sine "planted-sine": |world, tick| {
        let wave = (tick as f32).sin() * 43_758.547;
        world.noise = wave - tickwire::math::floor(wave);
    };
    Order "planted-order": |world, _| {
        let all: HashSet<u8> = (0..8).collect();
        world.first = all.into_iter().next().unwrap_or_default();
    };
    NoNumber "planted-nan": |world, tick| {
        world.velocity = if tick == 20 { Vec2::ZERO.normalize() } else { Vec2::X };
    };
    Forgetful "planted-forgetful": |world, tick| {
        world.ticks = world.ticks.wrapping_add(1);
        world.charge = if tick % 16 == 0 { 3 } else { world.charge.wrapping_mul(5) };
    };
    Hidden "planted-hidden": |world, tick| {
        world.height = world.height.wrapping_add(world.pace);
        world.pace = if tick % 16 == 0 { 1 } else { world.pace };
    };
    Counter "planted-counter": |world, _| {
        STEPS.set(STEPS.get().wrapping_add(1));
        world.steps = STEPS.get();
    };
    Remembering "planted-remembering": |world, tick| {
        NEWEST.set(NEWEST.get().max(tick));
        world.ahead = NEWEST.get() - tick;
    };
}

impl State for Forgetful {
    const WIDTH: usize = 2;
    fn describe(fields: &mut Fields<'_>) {
        fields.named("ticks", u8::describe);
        fields.named("charge", u8::describe);
    }
    fn gather(&self, wire: &mut [u32]) {
        (wire[0], wire[1]) = (self.ticks.into(), self.charge.into());
    }
    fn scatter(&mut self, wire: &[u32]) {
        self.ticks.scatter(&wire[..1]);
    }
}

impl State for Hidden {
    const WIDTH: usize = 1;
    fn describe(fields: &mut Fields<'_>) {
        fields.named("height", u8::describe);
    }
    fn gather(&self, wire: &mut [u32]) {
        self.height.gather(wire);
    }
    fn scatter(&mut self, wire: &[u32]) {
        self.height.scatter(wire);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tickwire::determinism::{Check, Divergence, Policy, sync_test};
    use tickwire::world::diff::Reading;

    fn found<G: Game>(seed: u64) -> Divergence {
        let policy = Policy { seed, ticks: 100, ..Policy::default() };
        sync_test::<G>(&policy).err().unwrap_or_else(|| panic!("{} of seed {seed} was not caught", G::RULES.name))
    }

    #[test]
    fn the_order_of_a_hash_set_is_caught_and_named() {
        for seed in 0..20 {
            let divergence = found::<Order>(seed);
            assert_eq!((divergence.check, &*divergence.path), (Check::Twin, "first"), "{divergence}");
        }
    }

    #[test]
    fn a_nan_is_caught_in_its_tick_and_named() {
        let divergence = found::<NoNumber>(1);
        assert_eq!((divergence.tick.0, divergence.check, &*divergence.path), (20, Check::Numbers, "velocity.x"));
        let told = divergence.to_string();
        assert!(told.contains("planted-nan: a float is no number"), "{told}");
        assert!(told.contains("tick 20 of seed 1: velocity.x is NaN"), "{told}");
    }

    #[test]
    fn a_field_that_a_restore_forgets_is_caught_and_named() {
        for seed in 0..20 {
            let divergence = found::<Forgetful>(seed);
            assert!(matches!(divergence.check, Check::Restore | Check::Keyframe), "{divergence}");
            assert_eq!(divergence.path, "charge");
            let told = divergence.to_string();
            assert!(told.contains("charge was") && told.contains("(raw "), "{told}");
        }
    }

    #[test]
    fn a_field_beside_the_wire_form_is_caught_by_the_field_that_depends_on_it() {
        for seed in 0..20 {
            let divergence = found::<Hidden>(seed);
            assert!(matches!(divergence.check, Check::Restore | Check::Keyframe), "{divergence}");
            assert_eq!(divergence.path, "height");
        }
    }

    #[test]
    fn a_counter_outside_of_the_world_is_caught_and_named() {
        let divergence = found::<Counter>(1);
        assert_eq!((divergence.tick.0, divergence.check, &*divergence.path), (1, Check::Twin, "steps"));
        assert_eq!(divergence.expected, Reading::Number { value: 1.0, raw: 1 });
        assert_eq!(divergence.found, Reading::Number { value: 2.0, raw: 2 });
    }

    #[test]
    fn a_memory_outside_of_the_world_is_caught_by_a_rollback_and_named() {
        let divergence = found::<Remembering>(1);
        assert_eq!((divergence.check, &*divergence.path), (Check::Rollback, "ahead"), "{divergence}");
    }

    #[test]
    fn one_machine_alone_does_not_notice_a_sine_of_the_standard_library() {
        assert!(sync_test::<Sine>(&Policy::default()).is_ok(), "only a comparison with other hosts finds it");
    }
}
