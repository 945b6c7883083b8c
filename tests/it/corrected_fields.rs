//! Which field is at fault: corrections by field in a session, and the fields that the sync test calls unpredictable.

use crate::harness::Play;
use crate::secrets::{Chaos, Honest, Secrets};
use tickwire::Game;
use tickwire::client::CorrectedField;
use tickwire::determinism::{Played, Policy, Unknown, sync_test};
use tickwire::link::LinkProfile;

/// The corrected fields of a player, after a minute with another one over a link of 60 ms.
fn corrected<G: Game>() -> Vec<CorrectedField> {
    let mut play: Play<G> = Play::new(3, 2, LinkProfile { latency_ms: 60, ..LinkProfile::default() });
    play.run_seconds(60);
    play.clients[0].session.corrected_fields()
}

fn played<G: Game>() -> Played {
    sync_test::<G>(&Policy::default()).unwrap_or_else(|divergence| panic!("{divergence}"))
}

#[test]
fn a_session_names_the_fields_that_only_the_server_can_compute() {
    let fields = corrected::<Secrets>();
    let unpredictable = fields.iter().filter(|field| field.is_unpredictable()).map(|field| &*field.field);
    let mut unpredictable: Vec<&str> = unpredictable.collect();
    unpredictable.sort_unstable();
    assert_eq!(unpredictable, ["ships.alarm", "ships.luck", "ships.shown", "wheel"], "{fields:?}");
    let is_sorted = fields.is_sorted_by_key(|field| std::cmp::Reverse(field.rank()));
    assert!(is_sorted, "the worst first: {fields:?}");

    let shown = fields.iter().find(|field| field.field == "ships.shown").expect("it was named");
    // The snapshots before the client was ahead of the room were compared with nothing.
    assert!(shown.of > 1_500 && shown.snapshots * 10 > shown.of * 9, "{shown:?}");
    assert!(shown.units_mean > 50.0 && shown.units_max > 200.0 && shown.units_max <= 255.0, "{shown:?}");
    let told = shown.to_string();
    assert!(
        told.starts_with("ships.shown: 1") && told.ends_with(" % of snapshots: computed on the server only?"),
        "{told}"
    );
}

#[test]
fn a_session_suspects_no_field_that_is_computed_from_what_the_player_has() {
    for field in corrected::<Honest>() {
        assert!(!field.is_unpredictable(), "{field}");
        assert!(field.snapshots * 10 < field.of, "only new places are a surprise: {field}");
    }
}

#[test]
fn a_wrong_place_is_one_field_with_its_distance() {
    let fields = corrected::<Honest>();
    let at = fields.iter().find(|field| field.field == "ships.at").expect("a new place comes as a surprise");
    assert!(at.snapshots > 0 && at.units_max > 20.0, "{at:?}");
    assert!(fields.iter().all(|field| !field.field.ends_with(".x")), "axes are no fields: {fields:?}");
}

#[test]
fn fields_are_counted_up_to_a_bound() {
    assert_eq!(corrected::<Chaos>().len(), 64);
}

#[test]
fn numbers_of_several_sessions_add_up() {
    let field = |snapshots, units_mean| CorrectedField {
        field: "ships.at".into(),
        snapshots,
        of: 100,
        units_mean,
        units_max: 2.0 * units_mean,
        changes: 100,
        wrong_changes: snapshots,
    };
    let mut sum = field(10, 4.0);
    sum.add(&field(30, 8.0));
    assert_eq!(sum, CorrectedField { of: 200, units_max: 16.0, changes: 200, ..field(40, 7.0) });
    assert_eq!(sum.to_string(), "ships.at: 7.0 units in 20 % of snapshots");
}

#[test]
fn the_sync_test_names_the_fields_that_no_client_can_predict_and_says_why() {
    let played = played::<Secrets>();
    let named: Vec<_> = played.unpredictable.iter().map(|field| (&*field.field, field.depends_on)).collect();
    for (field, depends_on) in [
        ("wheel", Unknown::RandomNumbers),
        ("ships.luck", Unknown::RandomNumbers),
        ("ships.shown", Unknown::HiddenField),
        ("ships.alarm", Unknown::HiddenField),
    ] {
        assert!(named.contains(&(field, depends_on)), "{field} {depends_on:?} in {played}");
    }
    assert_eq!(named.len(), 4, "{played}");
    assert!(played.to_string().contains("\n  a client can never predict ships.shown: differs in "), "{played}");
}

#[test]
fn the_sync_test_leaves_alone_what_is_rarely_a_surprise() {
    assert_eq!(played::<Honest>().unpredictable, []);
}
