//! The code that the derives generate, seen through the schema and through round trips of values.
//!
//! Mistakes in attributes are the compile-fail cases of `errors.rs`, beside this file.

#[path = "shape/leaves.rs"]
mod leaves;

use glam::{Quat, Vec2, Vec3};
use std::collections::BTreeMap;
use std::fmt::Debug;
use tickwire::state::shape::TypeShape;
use tickwire::state::{Motion, Schema, Visibility};
use tickwire::world::snapshot::Snapshot;
use tickwire::{Event, Input, RowId, Seat, State, Table, Tick};

const REACH: f32 = 100.0;
const LIVES: u8 = 3;
const HELD: usize = 2;
const HOARD: u64 = (1 << 63) - 9;

#[derive(State, Clone, Default, Debug, PartialEq)]
struct Ship {
    score: u8,
    #[state(owner)]
    seat: Option<Seat>,
    #[state(range = 0..=180, step = 0.0625, smooth)]
    y: f32,
    #[state(range = -REACH..=REACH, step = 0.5, predict)]
    at: Vec2,
    #[state(range = 0..=LIVES, only = owner)]
    lives: u8,
    #[state(angle, bits = 10)]
    heading: f32,
    #[state(angle)]
    turrets: [f32; 2],
    #[state(bits = 4, only = server)]
    secret: Option<u16>,
    r#type: Mode,
    #[state(max = HELD)]
    held: Vec<Item>,
    order: Order,
    nothing: Nothing,
}

#[derive(State, Clone, Default, Debug, PartialEq)]
struct Nothing;

#[derive(State, Clone, Copy, Default, Debug, PartialEq)]
enum Mode {
    #[default]
    Wait,
    Play = 7,
    Over,
}

#[derive(State, Clone, Copy, Default, Debug, PartialEq)]
struct Item(u8, #[state(range = 1..=4)] u8);

#[derive(State, Clone, Default, Debug, PartialEq)]
enum Order {
    #[default]
    Idle,
    Move {
        #[state(range = 0.0..=10.0, step = 0.5)]
        to: Vec2,
        wire: bool,
    },
    Attack(RowId, #[state(max = 2)] Vec<u16>),
}

/// Fields that move by a rule, declared before and after the fields that move them.
#[derive(State, Clone, Default, Debug, PartialEq)]
struct Body {
    mass: u8,
    #[state(range = 0..=100, step = 0.25, moved_by = velocity)]
    at: Vec2,
    #[state(range = -2..=2, step = 0.25)]
    velocity: Vec2,
    #[state(bits = 8, moved_by = r#spin)]
    angle: u16,
    #[state(range = -9..=9)]
    spin: i8,
    #[state(range = 0..=50, moved_with = Self::burn)]
    fuel: [u8; 2],
}

impl Body {
    /// Each tank burns as much as the body weighs.
    fn burn(was: &[u8; 2], now: &Self) -> [u8; 2] {
        was.map(|fuel| fuel.saturating_sub(now.mass))
    }
}

/// Fields without names move as well.
#[derive(State, Clone, Default, Debug, PartialEq)]
struct Drop(#[state(moved_by = 1)] u8, u8, #[state(moved_with = seconds_later)] u8);

fn seconds_later(was: &u8, _: &Drop) -> u8 {
    was.saturating_add(1)
}

#[derive(State, Clone, Default)]
struct World {
    turn: u32,
    ships: [Ship; 2],
    #[state(predict)]
    shots: Table<Item>,
    nested: Nested,
}

#[derive(State, Clone, Default)]
struct Nested {
    crates: Table<Nothing>,
}

/// One field of each kind that the other types lack.
///
/// Nobody carries it.
#[derive(State, Clone, Default, Debug, PartialEq)]
struct Chest {
    #[state(range = 0..=8, step = 1)]
    at: Vec3,
    #[state(rotation, bits = 3, smooth)]
    lid: [Quat; 2],
    #[state(rotation)]
    key: Option<Quat>,
    #[state(max = 2, range = 1..=9)]
    coins: BTreeMap<Coin, [u8; 2]>,
    #[state(max = 1)]
    maps: Option<BTreeMap<Seat, ()>>,
    #[state(max = 2)]
    rows: [Vec<Item>; 2],
    #[state(max = 2)]
    orders: Vec<Order>,
    inner: Option<Item>,
    #[state(range = -5..=5)]
    debt: i64,
    #[state(range = 10..=20)]
    worth: u64,
    #[state(range = 9_223_372_036_854_775_806..=18_446_744_073_709_551_615 - HOARD)]
    hoard: u64,
    #[state(range = -9_223_372_036_854_775_808..=-9_223_372_036_854_775_807)]
    abyss: i64,
    age: i64,
    #[state(angle, bits = 3)]
    dial: u8,
    level: i32,
}

#[derive(State, Clone, Copy, Default, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Coin {
    /// Green
    /// with age.
    #[default]
    Copper,
    Gold,
}

#[derive(Input, Clone, Copy, Default, Debug, PartialEq)]
struct Stick {
    #[input(range = -1..=1)]
    y: i8,
    #[input(once)]
    fire: bool,
}

#[derive(Event, Clone, Copy, Debug, PartialEq)]
enum Sound {
    Bounce,
    Goal,
}

#[derive(Event, Clone, Copy, Debug, PartialEq)]
enum Flash {
    At {
        #[event(range = 0..=100, step = 1)]
        at: Vec2,
    },
    Hit(Seat),
}

fn wire_of<T: State>(value: &T) -> Vec<u32> {
    // The buffer is not zero, so that a leaf that is left alone is noticed.
    let mut wire = vec![u32::MAX; T::WIDTH];
    value.gather(&mut wire);
    wire
}

fn assert_scatters<T: State + PartialEq + Debug>(value: &T, into: &mut T) {
    into.scatter(&wire_of(value));
    assert_eq!(value, into);
}

fn paths<T: State>(table: usize) -> Vec<String> {
    let schema = Schema::of::<T>();
    (0..schema.tables[table].leaves.len()).map(|leaf| schema.path(table, leaf)).collect()
}

fn ship() -> Ship {
    Ship {
        score: 4,
        seat: Seat::new(3),
        y: 3.25,
        at: Vec2::new(-1.0, 99.5),
        lives: 2,
        secret: Some(7),
        r#type: Mode::Over,
        held: vec![Item(3, 1), Item(0, 4)],
        order: Order::Attack(RowId { slot: 3, generation: 1 }, vec![7]),
        ..Ship::default()
    }
}

#[test]
fn a_struct_comes_back_over_any_old_value() {
    let empty = Ship { held: Vec::new(), order: Order::Idle, secret: None, ..ship() };
    let mut item = Item::default();
    for (value, mut before) in [(ship(), Ship::default()), (empty.clone(), ship()), (ship(), empty)] {
        assert_scatters(&value, &mut before);
        assert_scatters(&Item(9, 2), &mut item);
    }
}

#[test]
fn a_field_that_moves_by_a_rule_comes_back() {
    let body = Body { at: Vec2::splat(7.5), velocity: Vec2::X, spin: -3, fuel: [7, 50], ..Body::default() };
    assert_scatters(&body, &mut Body::default());
    assert_scatters(&Drop(1, 2, 3), &mut Drop::default());
    assert_eq!(paths::<Body>(0)[..4], ["mass", "at.x", "at.y", "velocity.x"]);
}

#[test]
fn values_of_every_kind_come_back_over_any_old_value() {
    let full = Chest {
        at: Vec3::new(1.0, 8.0, 0.0),
        lid: [Quat::IDENTITY, Quat::from_xyzw(1.0, 0.0, 0.0, 0.0)],
        key: Some(Quat::from_xyzw(0.0, 1.0, 0.0, 0.0)),
        coins: BTreeMap::from([(Coin::Gold, [1, 9]), (Coin::Copper, [2, 3])]),
        maps: Some(BTreeMap::from([(Seat::new(5).expect("seat 5 exists"), ())])),
        rows: [vec![Item(1, 2), Item(3, 4)], vec![]],
        orders: vec![Order::Attack(RowId::default(), vec![1]), Order::Move { to: Vec2::ONE, wire: true }],
        inner: Some(Item(255, 1)),
        debt: -5,
        worth: 20,
        hoard: 1 << 63,
        abyss: i64::MIN,
        age: i64::MIN,
        dial: 7,
        level: i32::MIN,
    };
    let blank = Chest { worth: 10, hoard: (1 << 63) + 8, abyss: i64::MIN + 1, ..Chest::default() };
    let other = Chest { coins: BTreeMap::from([(Coin::Gold, [4, 4])]), orders: vec![Order::Idle], ..full.clone() };
    let all = [full, blank, other];
    for value in &all {
        for before in &all {
            assert_scatters(value, &mut before.clone());
        }
    }
}

#[test]
fn values_out_of_range_saturate_and_steps_of_a_turn_go_around() {
    let mut wild = Chest { debt: i64::MIN, worth: u64::MAX, dial: 13, ..Chest::default() };
    wild.scatter(&wire_of(&wild));
    assert_eq!((wild.debt, wild.worth, wild.dial), (-5, 20, 5));
    assert_eq!((wild.hoard, wild.abyss), ((1 << 63) - 2, i64::MIN + 1), "zero is out of range");
}

#[test]
fn the_leaves_of_maps_and_rotations_have_names() {
    let names = paths::<Chest>(0);
    for expected in ["lid[1].largest", "lid[0].c", "key.some", "coins[1].key", "coins[0].value[1]", "maps.some"] {
        assert!(names.iter().any(|name| name == expected), "{expected} is missing in {names:?}");
    }
    let smooth = |leaf: &str| {
        let leaves = &Schema::of::<Chest>().tables[0].leaves;
        leaves.iter().find(|found| found.path == leaf).expect(leaf).marks.smooth
    };
    assert!(smooth("lid[0].a") && !smooth("lid[0].largest"), "there is nothing between two choices");
}

#[test]
fn rules_of_motion_reach_the_schema() {
    let schema = Schema::of::<Body>();
    let table = &schema.tables[0];
    let moved_by = |leaf: usize| match table.leaves[leaf].motion {
        Motion::By(slide) => table.leaves[slide.by].path.as_str(),
        _ => "nothing",
    };
    assert_eq!(["nothing", "velocity.x", "velocity.y", "nothing", "nothing", "spin"], [0, 1, 2, 3, 4, 5].map(moved_by));
    let was = wire_of(&Body { mass: 9, fuel: [5, 30], ..Body::default() });
    let now = wire_of(&Body { mass: 2, fuel: [40, 40], ..Body::default() });
    let (mut memory, mut moved) = (vec![0; Body::WIDTH], vec![0; Body::WIDTH]);
    table.groups[0].moved(&was, &now, 2, &mut memory, &mut moved);
    assert_eq!(moved[table.groups[0].field.clone()], [1, 26], "twice the new mass, from the old tanks");
}

#[test]
fn an_enum_comes_back_over_any_old_variant() {
    let orders = [
        Order::Idle,
        Order::Move { to: Vec2::new(1.0, 2.5), wire: true },
        Order::Attack(RowId { slot: 9, generation: 2 }, vec![1, 2]),
    ];
    for value in &orders {
        for before in &orders {
            assert_scatters(value, &mut before.clone());
        }
    }
    for value in [Mode::Wait, Mode::Play, Mode::Over] {
        assert_scatters(&value, &mut Mode::Play);
    }
}

#[test]
fn the_leaves_of_absent_variants_are_zero() {
    assert_eq!(wire_of(&Order::Idle), [0; Order::WIDTH]);
    assert_eq!(wire_of(&Order::Move { to: Vec2::new(0.5, 1.0), wire: true }), [1, 1, 2, 1, 0, 0, 0, 0]);
}

#[test]
fn a_tag_beyond_the_last_variant_is_the_first() {
    let mut order = Order::Attack(RowId::default(), vec![1]);
    order.scatter(&[3; Order::WIDTH]);
    assert_eq!(order, Order::Idle);
    let mut mode = Mode::Over;
    mode.scatter(&[3]);
    assert_eq!(mode, Mode::Wait);
}

#[test]
fn leaves_are_named_by_field_and_variant() {
    let expected = ["kind", "Move.to.x", "Move.to.y", "Move.wire", "Attack.0", "Attack.1.len", "Attack.1[0]"];
    assert_eq!(paths::<Order>(0)[..7], expected);
    assert_eq!(paths::<Item>(0), ["0", "1"]);
    let ship = paths::<Ship>(0);
    assert_eq!(ship.len(), Ship::WIDTH);
    assert!(ship.contains(&"type".to_owned()), "a raw name loses its r#: {ship:?}");
}

#[test]
fn attributes_reach_the_schema() {
    let schema = Schema::of::<World>();
    let ships = &schema.tables[0].leaves;
    let leaf = |path: &str| ships.iter().find(|leaf| leaf.path == path).expect(path);
    assert_eq!((leaf("ships[1].y").max, leaf("ships[1].y").marks.smooth), (2880, true));
    assert_eq!((leaf("ships[0].at.x").max, leaf("ships[0].at.x").marks.predict), (400, true));
    assert_eq!((leaf("ships[0].lives").max, leaf("ships[0].lives").marks.visibility), (3, Visibility::Owner));
    assert_eq!((leaf("ships[0].heading").max, leaf("ships[0].turrets[1]").max), (1023, 4095));
    assert_eq!(leaf("ships[0].secret").marks.visibility, Visibility::Server);
    let owner = leaf("ships[1].lives").owner.map(|owner| ships[owner].path.as_str());
    assert_eq!(owner, Some("ships[1].seat"));
    let stick = &Schema::of::<Stick>().tables[0].leaves;
    assert_eq!([stick[0].max, stick[1].max], [2, 1]);
    assert_eq!([stick[0].marks.once, stick[1].marks.once], [false, true]);
}

#[test]
fn the_tree_of_a_type_has_the_leaves_of_its_schema() {
    leaves::assert_shape_is_schema::<World>();
    leaves::assert_shape_is_schema::<Ship>();
    leaves::assert_shape_is_schema::<Body>();
    leaves::assert_shape_is_schema::<Drop>();
    leaves::assert_shape_is_schema::<Chest>();
    leaves::assert_shape_is_schema::<Stick>();
    leaves::assert_shape_is_schema::<Sound>();
    leaves::assert_shape_is_schema::<Flash>();
    leaves::assert_shape_is_schema::<ByHand<Chest, 3, 2>>();
    let TypeShape::Struct(flags) = ByHand::<u8, 3, 0>::shape() else { panic!("several leaves are fields") };
    assert_eq!(flags.fields.iter().map(|field| field.name.as_str()).collect::<Vec<_>>(), ["0", "1", "2"]);
    assert_eq!(ByHand::<u8, 1, 0>::shape(), TypeShape::Integer { min: 0, max: 1 });
}

#[test]
fn the_tree_of_a_type_holds_the_first_paragraphs_of_its_comments() {
    let TypeShape::Struct(chest) = Chest::shape() else { panic!("a chest is a struct") };
    assert_eq!((chest.name, chest.docs), ("Chest", "One field of each kind that the other types lack."));
    let TypeShape::Map { key, .. } = &chest.fields[3].shape else { panic!("coins are a map") };
    let TypeShape::Enum(coin) = &**key else { panic!("a coin is an enum") };
    let docs: Vec<_> = coin.variants.iter().map(|variant| (variant.name, variant.docs)).collect();
    assert_eq!(docs, [("Copper", "Green with age."), ("Gold", "")]);
    let TypeShape::Struct(ship) = Ship::shape() else { panic!("a ship is a struct") };
    assert_eq!(ship.fields[8].name, "type", "a raw name loses its r#");
}

#[test]
fn tables_are_shown_in_the_order_they_are_described() {
    struct Rows(Vec<usize>);
    impl tickwire::state::TableVisitor for Rows {
        fn table<T: State + Default>(&mut self, table: &mut Table<T>) {
            self.0.push(table.len());
        }
    }
    let mut world = World::default();
    world.shots.insert(Item(1, 1));
    let mut rows = Rows(Vec::new());
    world.tables(&mut rows);
    assert_eq!(rows.0, [1, 0]);
    let schema = Schema::of::<World>();
    let names: Vec<&str> = schema.tables.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(names, ["", "shots", "nested.crates"]);
    assert!(schema.tables[1].marks.predict);
}

#[test]
fn inputs_and_events_come_back() {
    assert_scatters(&Stick { y: -1, fire: true }, &mut Stick::default());
    assert_eq!(Sound::blank(), Sound::Bounce);
    assert_scatters(&Sound::Goal, &mut Sound::blank());
    assert_eq!(Flash::blank(), Flash::At { at: Vec2::ZERO });
    let seat = Seat::new(2).expect("seat 2 exists");
    assert_scatters(&Flash::Hit(seat), &mut Flash::blank());
}

#[test]
fn a_float_that_is_no_number_is_found_at_its_leaf() {
    let schema = Schema::of::<Ship>();
    let path = |ship: &Ship| ship.not_a_number().map(|leaf| schema.tables[0].leaves[leaf].path.clone());
    assert_eq!(path(&ship()), None);
    let mut ship = ship();
    ship.order = Order::Move { to: Vec2::new(1.0, f32::NAN), wire: false };
    assert_eq!(path(&ship).as_deref(), Some("order.Move.to.y"));
    ship.turrets[1] = f32::INFINITY;
    assert_eq!(path(&ship).as_deref(), Some("turrets[1]"));
    ship.y = f32::NAN;
    assert_eq!(path(&ship).as_deref(), Some("y"));

    let schema = Schema::of::<Chest>();
    let orders = vec![Order::Idle, Order::Move { to: Vec2::NAN, wire: false }];
    let mut chest = Chest { orders, ..Chest::default() };
    let path = |chest: &Chest| chest.not_a_number().map(|leaf| schema.tables[0].leaves[leaf].path.clone());
    assert_eq!(path(&chest).as_deref(), Some("orders[1].Move.to.x"));
    chest.key = Some(Quat::from_xyzw(0.0, f32::NAN, 0.0, 1.0));
    assert_eq!(path(&chest).as_deref(), Some("key.largest"));
}

/// The message that such a world is refused with.
fn refusal<S: State + Default>() -> String {
    let use_it = || Snapshot::empty(&Schema::of::<S>()).capture(&mut S::default(), Tick(1));
    let payload = std::panic::catch_unwind(use_it).expect_err("the world is refused");
    let text = payload.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| payload.downcast_ref().cloned()).expect("a message")
}

#[derive(State, Clone, Default)]
struct Letter {
    #[state(only = owner)]
    text: u8,
}

#[derive(State, Clone, Default)]
struct Post {
    letters: Table<Letter>,
}

#[test]
fn a_private_field_without_an_owner_is_refused_by_its_path() {
    let nobody = "is `only = owner`, and neither its row nor a struct around it has an `owner`";
    assert_eq!(refusal::<Letter>(), format!("`text` of the world itself {nobody}"));
    assert_eq!(refusal::<Post>(), format!("`text` of `letters` {nobody}"));
}

/// A `State` by hand, as no derive makes it: `LEAVES` wire integers and `TABLES` tables of `T`.
#[derive(Clone, Default)]
struct ByHand<T, const LEAVES: usize, const TABLES: usize>(std::marker::PhantomData<T>);

impl<T: State + Default, const LEAVES: usize, const TABLES: usize> State for ByHand<T, LEAVES, TABLES> {
    const WIDTH: usize = LEAVES;
    fn describe(fields: &mut tickwire::state::Fields<'_>) {
        (0..LEAVES).for_each(|_| bool::describe(fields));
        (0..TABLES).for_each(|_| fields.named("rows", |fields| fields.table::<T>()));
    }
    fn gather(&self, _: &mut [u32]) {}
    fn scatter(&mut self, _: &[u32]) {}
}

#[test]
fn types_implemented_by_hand_keep_the_bounds_of_derived_ones() {
    assert_eq!(refusal::<ByHand<u8, 257, 0>>(), "a row of the world itself has 257 wire integers, over 256");
    assert_eq!(refusal::<ByHand<ByHand<u8, 300, 0>, 1, 1>>(), "a row of `rows` has 300 wire integers, over 256");
    assert_eq!(refusal::<ByHand<u8, 1, 32>>(), "a world has at most 31 tables, not 32");
    assert_eq!(
        refusal::<ByHand<ByHand<u8, 1, 1>, 1, 1>>(),
        "`rows` of `rows`: the rows of a table cannot hold another"
    );
    assert_eq!(refusal::<ByHand<u8, 1, 1>>(), "a world shows all tables that it describes");
}
