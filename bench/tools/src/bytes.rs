//! The bytes of a game: rooms of bots, and the cost of every delta field by field.

mod budget;

pub use budget::{Budget, BudgetError, BudgetLine, render_budget};

use std::fmt::Write as _;
use tickwire::lockstep::{LastInputs, TickInputs, TickInputsCodec};
use tickwire::replication::{CostReport, Encoder, Line};
use tickwire::state::Schema;
use tickwire::world::bot_match::BotMatch;
use tickwire::world::roster::RosterChange;
use tickwire::world::snapshot::{Snapshot, Topic};
use tickwire::{Game, Rng, Tick};

/// Seconds played before anything is counted: by then every player has joined and moves.
const WARM_UP_SECONDS: u32 = 10;

/// The encoder learns from one tick in this many, as in a room.
const SAMPLE_TICKS: u32 = 8;

/// The rooms to measure, and how long.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Rooms, each with its own seed.
    pub rooms: u32,
    /// Players in each.
    pub players: u8,
    /// Seconds of each that are counted.
    pub seconds: u32,
}

/// The part of the cost that one field has.
#[derive(Debug, Clone, serde::Serialize)]
pub struct FieldCost {
    /// The path of the field, or `(rows)` of a table for the cost of rows that are new, gone or disturbed.
    pub field: String,
    /// Bits per row and tick.
    pub bits_per_row: f64,
    /// Bytes of a mean delta, over all rows.
    pub bytes_per_delta: f64,
    /// Part of all bits, 0 to 1.
    pub share: f64,
    /// Part of the rows' ticks in which the field had its expected value, 0 to 1.
    pub expected: f64,
}

/// The cost of deltas in one game.
#[derive(Debug, Clone, serde::Serialize)]
pub struct BytesReport {
    /// The game's name.
    pub game: String,
    /// Deltas that were counted.
    pub deltas: u64,
    /// Bytes of everyone's inputs of a tick, the hashes included: all that a game in lockstep sends. `None` in snapshot
    /// mode, where inputs stay between a player and the server.
    pub bytes_per_tick_inputs: Option<f64>,
    /// Bytes of the shared sections of a delta, heads of sections included. A game in lockstep sends none.
    pub bytes_per_delta: f64,
    /// Bytes of the shared sections of a delta without priors: each section starts with untrained probabilities.
    pub bytes_without_priors: f64,
    /// Bytes of the bodies alone, with probabilities that restart in every section.
    pub body_bytes: f64,
    /// Bytes of the bodies alone if probabilities never restarted. A client could then neither join late nor skip a
    /// snapshot.
    pub body_bytes_never_restarting: f64,
    /// Bytes of the priors, which are sent to each client about twice a minute at most.
    pub priors_bytes: usize,
    /// Bytes of a keyframe.
    pub keyframe_bytes: f64,
    /// The fields, the most expensive first.
    pub fields: Vec<FieldCost>,
}

/// A room's world and its three encoders.
struct Account<G: Game> {
    bots: BotMatch<G>,
    trained: Encoder,
    untrained: Encoder,
    endless: Encoder,
    /// The inputs of the ticks before, as every member of a lockstep room has them.
    inputs: LastInputs<G::Input>,
    inputs_codec: TickInputsCodec<G::Input>,
}

#[derive(Default)]
struct Sums {
    deltas: u64,
    inputs_bytes: usize,
    bytes: usize,
    untrained_bytes: usize,
    keyframe_bytes: usize,
    priors_bytes: usize,
    cost: CostReport,
    endless: CostReport,
}

impl<G: Game> Account<G> {
    fn new(options: &G::Options, players: u8, seed: u64) -> Self {
        let bots = BotMatch::new(options, players, Rng::new(seed), Rng::new(!seed));
        let encoder = Encoder::new(bots.schema());
        let mut inputs = LastInputs::default();
        bots.seats().iter().for_each(|seat| inputs.change(RosterChange::Joined(*seat)));
        let inputs_codec = TickInputsCodec::new(G::RULES.hash_ticks());
        Self { bots, trained: encoder.clone(), untrained: encoder.clone(), endless: encoder, inputs, inputs_codec }
    }

    fn step(&mut self) -> Tick {
        self.bots.step();
        self.bots.newest().tick
    }

    /// The bytes of the newest tick's inputs in lockstep.
    fn inputs_bytes(&mut self, bytes: &mut Vec<u8>) -> usize {
        let (last, tick) = (self.inputs, self.bots.newest().tick);
        for seat in self.bots.seats() {
            self.bots.inputs()[seat.index()].into_iter().for_each(|input| {
                self.inputs.set(*seat, self.inputs_codec.inputs().quantize(input));
            });
        }
        // Any hash has the same bytes.
        let hash = self.inputs_codec.has_hash(tick).then_some(0);
        bytes.clear();
        let now = TickInputs { tick, roster: Vec::new(), heard: Vec::new(), last_inputs: self.inputs, hash };
        self.inputs_codec.put(&last, &now, bytes);
        bytes.len()
    }

    fn play(&mut self, plan: &Plan, sums: &mut Sums) {
        let rate_hz = G::RULES.tick_rate_hz;
        for _ in 0..WARM_UP_SECONDS * rate_hz {
            if self.step().0.is_multiple_of(SAMPLE_TICKS) {
                let Self { bots, trained, .. } = self;
                trained.learn(bots.schema(), Topic::Room, bots.before(), bots.newest());
            }
        }
        let mut bytes = Vec::new();
        if self.trained.train(30 * rate_hz) {
            self.trained.put_priors(&mut bytes);
        }
        sums.priors_bytes += bytes.len();
        for _ in 0..plan.seconds * rate_hz {
            self.step();
            if G::RULES.is_lockstep() {
                sums.inputs_bytes += self.inputs_bytes(&mut bytes);
            }
            let Self { bots, trained, untrained, endless, .. } = self;
            let (schema, base, now) = (bots.schema(), bots.before(), bots.newest());
            let length = |encoder: &mut Encoder, base: Option<&Snapshot>, bytes: &mut Vec<u8>| {
                bytes.clear();
                encoder.encode(schema, Topic::Room, base, now, true, bytes);
                bytes.len()
            };
            sums.deltas += 1;
            sums.bytes += length(trained, Some(base), &mut bytes);
            sums.untrained_bytes += length(untrained, Some(base), &mut bytes);
            sums.keyframe_bytes += length(trained, None, &mut bytes);
            trained.account(schema, Topic::Room, base, now, &mut sums.cost);
            endless.account(schema, Topic::Room, base, now, &mut sums.endless);
        }
    }
}

/// Plays the rooms and gives the cost of their deltas.
#[must_use]
pub fn measure<G: Game>(options: &G::Options, plan: &Plan) -> BytesReport {
    let mut sums = Sums::default();
    sums.endless.never_restarts = true;
    for room in 0..plan.rooms {
        Account::<G>::new(options, plan.players, u64::from(room)).play(plan, &mut sums);
    }
    let deltas = sums.deltas.max(1) as f64;
    let schema = Schema::of::<G>();
    let mut fields: Vec<FieldCost> = sums.cost.lines().iter().map(|line| field(&schema, &sums, line)).collect();
    fields.sort_by(|a, b| b.share.total_cmp(&a.share));
    BytesReport {
        game: G::RULES.name.into(),
        deltas: sums.deltas,
        bytes_per_tick_inputs: G::RULES.is_lockstep().then(|| sums.inputs_bytes as f64 / deltas),
        bytes_per_delta: sums.bytes as f64 / deltas,
        bytes_without_priors: sums.untrained_bytes as f64 / deltas,
        body_bytes: sums.cost.bits() / 8.0 / deltas,
        body_bytes_never_restarting: sums.endless.bits() / 8.0 / deltas,
        priors_bytes: sums.priors_bytes / plan.rooms.max(1) as usize,
        keyframe_bytes: sums.keyframe_bytes as f64 / deltas,
        fields,
    }
}

fn field(schema: &Schema, sums: &Sums, line: &Line) -> FieldCost {
    let cost = &sums.cost;
    let table = &schema.tables[line.table];
    let rows = cost.rows(line.table).max(1) as f64;
    let field = match line.leaf {
        Some(leaf) => schema.path(line.table, leaf),
        None if table.name.is_empty() => "(the world's own fields)".into(),
        None => format!("{}{}", table.name, budget::ROWS),
    };
    FieldCost {
        field,
        bits_per_row: line.bits / rows,
        bytes_per_delta: line.bits / 8.0 / sums.deltas.max(1) as f64,
        share: line.bits / cost.bits().max(1.0),
        expected: 1.0 - line.surprises as f64 / rows,
    }
}

/// Characters of a full bar.
const BAR: usize = 24;

/// Lays out the report in lines, a bar for each field.
#[must_use]
pub fn render(report: &BytesReport) -> String {
    let mut out = String::new();
    let mut line = |words: String| writeln!(out, "  {words}").expect("writing to a string cannot fail");
    if let Some(bytes) = report.bytes_per_tick_inputs {
        line(format!("{}: {bytes:.1} bytes for the inputs of a tick, which is all that lockstep sends", report.game));
    }
    line(format!("{}: {:.1} bytes per delta, {} deltas", report.game, report.bytes_per_delta, report.deltas));
    line(format!(
        "without priors {:.1}; bodies {:.1}, and {:.1} if chances never restarted; priors {}, keyframe {:.0} bytes",
        report.bytes_without_priors,
        report.body_bytes,
        report.body_bytes_never_restarting,
        report.priors_bytes,
        report.keyframe_bytes
    ));
    line(String::new());
    line(format!("{:<34} {:>12} {:>12} {:>7} {:>9}", "field", "bits/row", "bytes/delta", "share", "expected"));
    let dearest = report.fields.first().map_or(1.0, |field| field.share);
    for field in &report.fields {
        let bar = "█".repeat((field.share / dearest * BAR as f64).round() as usize);
        line(format!(
            "{:<34} {:>12.4} {:>12.2} {:>6.1}% {:>8.2}%  {bar}",
            field.field,
            field.bits_per_row,
            field.bytes_per_delta,
            100.0 * field.share,
            100.0 * field.expected
        ));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use tickwire_games::{Crowd, Paddles};

    #[test]
    fn lockstep_sends_the_inputs_of_a_tick_and_snapshots_do_not() {
        let plan = Plan { rooms: 1, players: 2, seconds: 10 };
        let bytes = measure::<Paddles>(&(), &plan).bytes_per_tick_inputs.expect("paddles runs in lockstep");
        // A byte says that neither input has changed, and one tick in fifteen has a hash of four bytes.
        assert!((1.2..4.0).contains(&bytes), "{bytes}");
        assert_eq!(measure::<Crowd>(&Default::default(), &plan).bytes_per_tick_inputs, None);
    }

    #[test]
    fn the_cost_report_adds_up_to_the_bytes_of_a_delta() {
        let plan = Plan { rooms: 2, players: 8, seconds: 10 };
        let options = serde_json::from_str(r#"{"motion":"erratic"}"#).expect("crowd's options");
        let report = measure::<Crowd>(&options, &plan);
        // One section per delta, with a head of five bytes; a body ends on a byte.
        let body = report.bytes_per_delta - 5.0;
        assert!((report.body_bytes..report.body_bytes + 1.0).contains(&body), "{report:?}");
        let sum: f64 = report.fields.iter().map(|field| field.share).sum();
        assert!((0.999..1.001).contains(&sum));
        let bytes: f64 = report.fields.iter().map(|field| field.bytes_per_delta).sum();
        assert!((bytes - report.body_bytes).abs() < 0.001, "{bytes} is not the sum of the fields");
        assert!(report.body_bytes < report.bytes_without_priors, "priors must save bytes");
        assert!(report.fields[0].field.starts_with("movers.velocity"), "{:?}", report.fields[0]);
    }
}
